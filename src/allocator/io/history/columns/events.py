"""Columns of a table of events, read one by one."""

from __future__ import annotations

import dataclasses
import itertools
import re
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import DataSection
from allocator.domain import ALL_KINDS, Bools, Ints
from allocator.errors import some
from allocator.facts import note
from allocator.io.history.columns.book import Book
from allocator.io.tables import (
    MOST_KINDS,
    ParsedTimes,
    as_numbers,
    as_text,
    combine_date_and_clock,
    parse_times,
    to_utc,
    too_many_kinds,
)

_DAY_SHARE = 0.95
_FEW_TIMES = 200
"""Of so many times none falls into twelve hours of the day by chance."""
_HALF_DAY = 0.995
"""Share of the times in twelve hours from which on the others are slips."""
TOLD = {
    "weight": "history.weights_unused",
    "end": "history.intervals",
}
_EARLIEST, _LATEST = np.datetime64("1970-01-01", "s"), np.datetime64("2101-01-01", "s")


def times_of(
    frame: pd.DataFrame, section: DataSection, book: Book, *, timezone: str, near: np.datetime64 | None, files: Ints
) -> ParsedTimes:
    """Return the times of events, from one column, from date and clock, or from parts; rows without one are dropped.

    Each file (`files` numbers them by row) has forms of its own: last year's may have been another program's.
    """
    starts = [0, *(np.flatnonzero(np.diff(files)) + 1).tolist(), len(files)]
    parts = []
    for first, stop in itertools.pairwise(starts):
        times, blank = _times_of_file(frame.iloc[first:stop], section, book, timezone=timezone, near=near)
        rows = np.zeros(len(frame), bool)
        rows[first:stop] = blank
        book.mark(rows, "without time of day (taken as 00:00)")
        parts.append(times)
    times = ParsedTimes.joined(parts)
    columns = section.columns
    name = " and ".join(map(str, filter(None, (columns.time, columns.date, columns.clock, columns.year))))
    fault = times.fault(name)
    if fault:
        way_out = "" if section.time_format or columns.clock else "data.time_format, or "
        fault += f'; set {way_out}data.bad_rows = "drop" to leave such rows out'
        fault += ", or data.missing for codes of unknown times"
    book.drop(times.missing, "without time")
    book.refuse(times.bad, fault, reason="time cannot be read")
    if section.time_precision in ("auto", "minute") and _without_half_of_day(times, book.keep):
        book.faults.append(
            f"column {name!r}: all times lie between 1:00 and 12:59, as on a clock of 12 hours without AM and PM: "
            'export them with AM and PM or in 24 hours, or set data.time_precision = "day" to use the dates alone'
        )
    book.drop(times.time < _EARLIEST, "time before 1970")
    book.drop(times.time >= _LATEST, "time after 2100")
    return times


def _without_half_of_day(times: ParsedTimes, keep: Bools) -> bool:
    """Return whether no time lies after 12:59 or before 1:00 though all twelve hours between occur."""
    own = times.own[keep & ~np.isnat(times.own)]
    minute = (own - own.astype("datetime64[D]")).astype("timedelta64[m]").astype(np.int64)
    hours = np.bincount(minute[minute > 0] // 60, minlength=24)  # 00:00 is what unknown times are given
    within = hours[1:13]
    return bool(hours.sum() >= _FEW_TIMES and within.all() and within.sum() >= _HALF_DAY * hours.sum())


def _times_of_file(
    frame: pd.DataFrame, section: DataSection, book: Book, *, timezone: str, near: np.datetime64 | None
) -> tuple[ParsedTimes, Bools]:
    """Return the times of one file, and the rows without a time of day."""
    form = section.time_format
    if "time" in frame:
        times, name = parse_times(frame["time"], time_format=form, order=section.dates, near=near), section.columns.time
    elif "date" in frame:
        times, name = parse_times(frame["date"], time_format=form, order=section.dates, near=near), section.columns.date
    else:
        times, name = parse_times(_date_of_parts(frame)), section.columns.year
    clock, blank = frame.get("clock") if "clock" in frame else _clock_of_parts(frame), np.zeros(len(frame), bool)
    if clock is not None:
        times, blank, taken = combine_date_and_clock(times, clock, timezone)
        if taken in ("hours", "HHMMSS", "HH.MM", "decimal hours", "share of a day") and "clock" in frame:
            book.notes.append(note("history.clocks_taken", column=section.columns.clock, form=taken))
    if section.offsets == "ignore":
        times = times.on_own_clock()
    _tell_form(times, str(name), section, book)
    return times, blank


def _tell_form(times: ParsedTimes, name: str, section: DataSection, book: Book) -> None:
    """Say how times were taken where that had to be found out; refuse dates that mean two days."""
    if times.ambiguous:
        book.faults.append(
            f"column {name!r}: dates such as {some(times.ambiguous)} can be read day first or month first, and no "
            'number above 12 tells which: set data.dates to "day first" or "month first", or data.time_format'
        )
    elif 0 < times.utc.sum() < (~np.isnat(times.time)).sum():
        share = float(times.utc.sum() / (~np.isnat(times.time)).sum())
        book.notes.append(note("history.offsets_mixed", column=name, share=share))
    elif times.form and times.form not in ("month first", section.dates):
        book.notes.append(note("history.times_taken", column=name, form=times.form))


def _date_of_parts(frame: pd.DataFrame) -> pd.Series[str]:
    """Return dates as text of columns of years, months and days."""
    year, month, day = (as_text(frame[role]).str.removesuffix(".0") for role in ("year", "month", "day"))
    short = pd.to_numeric(year, errors="coerce")
    year = year.mask(short.between(0, 68), "20" + year.str.zfill(2)).mask(short.between(69, 99), "19" + year)
    number = {n: f"{n:02d}" for n in range(1, 13)}
    months = pd.to_numeric(month, errors="coerce").map(number)
    named = months.isna() & month.ne("")
    whole = year + "-" + months.fillna("") + "-" + day.str.zfill(2)
    return whole.mask(named, day + " " + month + " " + year).mask(year.eq("") | month.eq("") | day.eq(""), "")


def _clock_of_parts(frame: pd.DataFrame) -> pd.Series[str] | None:
    """Return clocks as text of columns of hours and minutes; None where there are none."""
    if "hour" not in frame:
        return None
    hour = as_text(frame["hour"]).str.removesuffix(".0")
    minute = as_text(frame["minute"]).str.removesuffix(".0") if "minute" in frame else pd.Series("0", index=hour.index)
    return (hour + ":" + minute.where(minute.ne(""), "0").str.zfill(2)).mask(hour.eq(""), "")


def other_times_of(frame: pd.DataFrame, role: str, *, section: DataSection, book: Book) -> ParsedTimes | None:
    """Return the times of a further role, such as the end; None where the file has no such column."""
    if role not in frame:
        return None
    times = parse_times(frame[role], order=section.dates)
    if times.ambiguous:  # the format of the column of times is hardly another
        times = parse_times(frame[role], time_format=section.time_format)
        _tell_form(times, str(getattr(section.columns, role)), section, book)
    fault = times.fault(str(getattr(section.columns, role)))
    book.refuse(times.bad, fault, reason=f"{role} cannot be read")
    odd = (times.time < _EARLIEST) | (times.time >= _LATEST)
    book.count(int((book.keep & odd).sum()), f"{role} before 1970 or after 2100 ({role} ignored)")
    nothing = np.datetime64("NaT", "s")
    return dataclasses.replace(times, time=np.where(odd, nothing, times.time), own=np.where(odd, nothing, times.own))


def utc_of(
    times: ParsedTimes, section: DataSection, timezone: str, *, rows: Ints, dates: bool,
    book: Book | None = None,
) -> Any:  # fmt: skip
    """Return UTC times; of `dates`, the file's own day counts, whatever its time zone or offset."""
    zone = timezone if dates else section.timezone or timezone
    times = times.as_dates(timezone) if dates else times
    time, own = times.time[rows], times.utc[rows]
    utc = time.copy()
    utc[~own], gaps, folds = to_utc(time[~own], zone)
    if book is not None:
        book.count(gaps, "daylight-saving gap (moved forward)")
        book.count(folds, "daylight-saving fold (first taken)")
    return utc


def kinds_of(frame: pd.DataFrame, section: DataSection, book: Book) -> tuple[npt.NDArray[np.int16], tuple[str, ...]]:
    """Return each event's row of kind, and the sorted names of kinds."""
    codes, distinct = pd.factorize(frame["kind"])
    text = [*as_text(pd.Series(distinct)), ""]
    text = _one_spelling(text, np.bincount(codes[codes >= 0], minlength=len(text) - 1), section, book)
    renamed = [section.kind_map.get(name, name) for name in text]
    if unused := sorted(set(section.kind_map) - set(text)):
        book.notes.append(note("history.kind_map_unused", kinds=unused))
    kinds = tuple(sorted({name for name in renamed if name}))
    if len(kinds) > MOST_KINDS:
        book.faults.append(too_many_kinds(section.columns.kind, len(kinds)))
        return np.zeros(len(frame), np.int16), kinds
    if ALL_KINDS in kinds:
        book.faults.append(f"the kind {ALL_KINDS!r} is reserved for all kinds together: rename it with data.kind_map")
    rows = {name: row for row, name in enumerate(kinds)}
    kind = np.array([rows.get(name, -1) for name in renamed], np.int16)[codes]
    book.drop(kind < 0, "without kind")
    return kind, kinds


def _one_spelling(text: list[str], counts: Ints, section: DataSection, book: Book) -> list[str]:
    """Return names of kinds with one spelling for each whole number: 301, 301.0 and 00301 are one kind.

    The most frequent spelling stands; names that the job uses itself stay apart.
    """
    numbers: dict[str, list[int]] = {}
    for row, name in enumerate(text):
        if digits := re.fullmatch(r"0*([0-9]+)(?:\.0+)?", name):
            numbers.setdefault(digits[1], []).append(row)
    joined = list(text)
    for rows in numbers.values():
        names = sorted({text[row] for row in rows})
        if len(names) < 2:
            continue
        most = max(rows, key=lambda row: (int(counts[row]) if row < len(counts) else 0, text[row] in section.kinds))
        stands = next((name for name in names if name in section.kinds or name in section.kind_map), text[most])
        for row in rows:
            joined[row] = stands
        book.notes.append(
            note("history.kinds_one_number", kind=stands, names=[name for name in names if name != stands])
        )
    return joined


def counts_of(frame: pd.DataFrame, section: DataSection, book: Book) -> npt.NDArray[np.int8]:
    """Return what each row counts, 1 for an event and -1 for a correction of one."""
    if "count" not in frame:
        return np.ones(len(frame), np.int8)
    numbers, _ = as_numbers(frame["count"])
    name = section.columns.count
    wrong = book.keep & ~np.isin(numbers, (-1, 0, 1))
    if wrong.any():
        examples = some(frame["count"][wrong].unique()[:3])
        book.faults.append(f"column {name!r}: {int(wrong.sum()):,} counts are not +1 or -1, for example {examples}")
    negative = int((book.keep & (numbers < 0)).sum())
    if negative and section.corrections != "net":
        book.faults.append(
            f"column {name!r}: {negative:,} of {len(frame):,} counts are negative; "
            'set data.corrections = "net" to net them against earlier rows'
        )
    book.drop(numbers == 0, "count of 0")
    return np.where(numbers < 0, -1, 1).astype(np.int8)


def weights_of(frame: pd.DataFrame, book: Book) -> npt.NDArray[np.float32]:
    """Return each event's own weight; 1 where the file gives none."""
    if "weight" not in frame:
        return np.ones(len(frame), np.float32)
    numbers, _ = as_numbers(frame["weight"])
    wrong = book.keep & ~((numbers >= 0) & np.isfinite(numbers))
    if wrong.any():
        examples = some(frame["weight"][wrong].unique()[:3])
        book.faults.append(f"{int(wrong.sum()):,} weights are negative, missing or no numbers, for example {examples}")
    return numbers.astype(np.float32)


def drop_repeated(frame: pd.DataFrame, section: DataSection, book: Book) -> npt.NDArray[np.object_] | None:
    """Drop repeated rows by the job's rule; return the ids if there are any."""
    identity = as_text(frame["id"]) if "id" in frame else None
    repeated = np.zeros(len(frame), bool)
    kept = frame[book.keep]
    if section.duplicates == "row":
        repeated[book.keep] = kept.duplicated()
        book.drop(repeated, "identical rows")
    elif section.duplicates in ("id", "last") and identity is None:
        book.count(int(kept.duplicated().sum()), "identical rows (kept)")
    elif section.duplicates in ("id", "last") and identity is not None:
        if section.corrections == "net":  # a correction repeats the id of the row that it corrects
            book.notes.append(note("history.repeats_kept"))
        else:
            repeated[book.keep] = _repeats(kept, identity[book.keep], section, book)
            _tell_versions(frame, identity, repeated, section, book)
            book.drop(repeated, "repeated id")
    return None if identity is None else identity.to_numpy(dtype=object)


def _repeats(kept: pd.DataFrame, ids: pd.Series[str], section: DataSection, book: Book) -> Bools:
    """Return the rows that give way to another of their id."""
    if section.duplicates == "id":
        return np.asarray(ids.duplicated() & ids.ne(""))
    order = np.arange(len(kept))
    if "version" in kept:
        numbers, odd = as_numbers(kept["version"])
        if odd.any() or not np.isfinite(numbers).all():
            times = parse_times(kept["version"], order=section.dates)
            if times.bad.any() or times.ambiguous:
                times = parse_times(kept["version"], time_format=section.time_format, order=section.dates)
            _tell_form(times, str(section.columns.version), section, book)
            if fault := times.fault(str(section.columns.version)):
                book.faults.append(fault)
            numbers = np.where(np.isnat(times.time), -np.inf, times.time.astype(np.int64).astype(np.float64))
        order = np.lexsort((order, numbers))
    sorted_ids = ids.iloc[order]
    older = np.zeros(len(kept), bool)
    older[order] = (sorted_ids.duplicated(keep="last") & sorted_ids.ne("")).to_numpy()
    return older


def _tell_versions(
    frame: pd.DataFrame, identity: pd.Series[str], repeated: Bools, section: DataSection, book: Book
) -> None:
    """Say that rows of one id differ, so that it matters which of them is kept."""
    if not repeated.any() or section.duplicates == "last":
        return
    own = [name for name in ("time", "date", "clock", "kind", "lon", "lat", "x", "y", "place") if name in frame]
    own += [name for name in frame if str(name).startswith("leave out ")]  # a later version may be unfounded
    several = identity[book.keep].isin(set(identity[repeated]))
    differ = len(frame.loc[several.index[several], own].assign(id=identity).drop_duplicates())
    differ -= int(identity[several.index[several]].nunique())
    if differ > 0:
        book.notes.append(note("history.versions_differ", count=differ))


def are_dates(times: ParsedTimes, rows: Bools, timezone: str) -> bool:
    """Return whether nearly all of the rows stand at midnight, as dates without a time of day do."""
    return times.midnight_share(rows, timezone) >= _DAY_SHARE


def precision_of(times: ParsedTimes, section: DataSection, book: Book, timezone: str) -> str:
    """Return what the times are exact to: minute, day or month."""
    midnight = times.midnight_share(book.keep, timezone)
    precision: str = section.time_precision
    if precision == "auto":
        precision = "month" if times.only_months else "day" if are_dates(times, book.keep, timezone) else "minute"
    if precision == "month":
        book.notes.append(note("history.times_are_months"))
    elif precision == "day":
        book.notes.append(note("history.times_are_days", share=midnight))
    elif midnight > 0.02:
        book.notes.append(note("history.midnights", share=midnight))
    return precision
