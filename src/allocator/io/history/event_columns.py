"""Columns of a table of events, read one by one."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import DataSection
from allocator.domain import ALL_KINDS, CALL, OFFICER, Bools, Floats, Ints
from allocator.errors import nearest, some
from allocator.facts import note
from allocator.io.history.book import Book
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
TOLD = {
    "weight": "history.weights_unused",
    "end": "history.intervals",
}
_EARLIEST, _LATEST = np.datetime64("1970-01-01", "s"), np.datetime64("2101-01-01", "s")


def times_of(frame: pd.DataFrame, section: DataSection, book: Book) -> ParsedTimes:
    """Return the times of events, from one column or from date and clock; rows without one are dropped."""
    if "time" in frame:
        times = parse_times(frame["time"], time_format=section.time_format)
    else:
        times = parse_times(frame["date"], time_format=section.time_format)
        if "clock" in frame:
            times, blank = combine_date_and_clock(times, frame["clock"])
            book.count(int(blank.sum()), "without time of day (taken as 00:00)")
    fault = times.fault(str(section.columns.time or section.columns.date))
    if fault:
        way_out = "" if section.time_format else "data.time_format, or "
        fault += f'; set {way_out}data.bad_rows = "drop" to leave such rows out'
    book.drop(times.missing, "without time")
    book.refuse(times.bad, fault, reason="time cannot be read")
    book.drop(times.time < _EARLIEST, "time before 1970")
    book.drop(times.time >= _LATEST, "time after 2100")
    return times


def other_times_of(frame: pd.DataFrame, role: str, *, section: DataSection, book: Book) -> ParsedTimes | None:
    """Return the times of a further role, such as the end; None where the file has no such column."""
    if role not in frame:
        return None
    times = parse_times(frame[role])
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
    times = times.as_dates() if dates else times
    time, own = times.time[rows], times.utc[rows]
    utc = time.copy()
    utc[~own], gaps, folds = to_utc(time[~own], zone)
    if book is not None:
        book.count(gaps, "daylight-saving gap (moved forward)")
        book.count(folds, "daylight-saving fold (first taken)")
    return utc


def places_of(frame: pd.DataFrame, section: DataSection, book: Book) -> tuple[Floats, Floats]:
    """Return east and north of each event as the file has them; rows without a place are dropped."""
    roles = ("lon", "lat") if "lon" in frame else ("x", "y")
    (x, bad_x), (y, bad_y) = (as_numbers(frame[role]) for role in roles)
    bad = bad_x | bad_y
    if bad.any():
        values = frame[roles[0]].where(pd.Series(bad_x), frame[roles[1]])[bad]
        examples = some(values.unique()[:3])
        fault = f"{int(bad.sum()):,} of {len(frame):,} places are no numbers, for example {examples}"
        book.refuse(bad, fault, reason="place cannot be read")
    missing = ~bad & (~np.isfinite(x) | ~np.isfinite(y) | ((x == 0) & (y == 0)))
    if section.corrections == "net" and {"id", "count"} <= set(frame):
        source = _corrected_rows(frame, missing=missing)
        known = source >= 0
        x, y, missing = np.where(known, x[source], x), np.where(known, y[source], y), missing & ~known
        book.count(int(known.sum()), "correction without place (put where the row it corrects is)")
        if lost := int((missing & (as_numbers(frame["count"])[0] < 0)).sum()):
            book.notes.append(note("history.corrections_lost", count=lost))
    book.drop(missing, "without place")
    if roles == ("lon", "lat"):
        impossible = ~missing & ~bad & ((np.abs(y) > 90) | (np.abs(x) > 180))
        book.refuse(impossible, _impossible(x, y, impossible), reason="impossible place")
    return x, y


def _corrected_rows(frame: pd.DataFrame, *, missing: Bools) -> Ints:
    """Return for each negative row without place the first placed positive row of the same id, else -1."""
    identity = as_text(frame["id"])
    counts, _ = as_numbers(frame["count"])
    usable = identity.ne("").to_numpy()
    known = np.flatnonzero(usable & ~missing & (counts > 0))
    first = pd.Series(known, index=identity.iloc[known].to_numpy())
    first = first[~first.index.duplicated()]
    wanted = np.flatnonzero(usable & missing & (counts < 0))
    rows = np.full(len(frame), -1, np.intp)
    rows[wanted] = first.reindex(identity.iloc[wanted].to_numpy()).fillna(-1).to_numpy(dtype=np.intp)
    return rows


def _impossible(x: Floats, y: Floats, rows: Bools) -> str | None:
    count = int(rows.sum())
    if not count:
        return None
    where = f"{count:,} of {len(x):,} places lie outside ±90° latitude or ±180° longitude"
    example = f"for example lon {x[rows][0]:.6g}, lat {y[rows][0]:.6g}"
    if ((np.abs(x[rows]) <= 90) & (np.abs(y[rows]) <= 180)).mean() > 0.5:
        return f"{where}: latitude and longitude look swapped ({example}); exchange data.columns.lon and .lat"
    return f"{where} ({example}); if they are metres or feet, map them as x and y and set data.crs"


def kinds_of(frame: pd.DataFrame, section: DataSection, book: Book) -> tuple[npt.NDArray[np.int16], tuple[str, ...]]:
    """Return each event's row of kind, and the sorted names of kinds."""
    codes, distinct = pd.factorize(frame["kind"])
    text = [*as_text(pd.Series(distinct)), ""]
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


def origins_of(frame: pd.DataFrame, section: DataSection, book: Book) -> npt.NDArray[np.int8]:
    """Return for each row whether it is a call or an officer's own find."""
    if "origin" not in frame:
        return np.full(len(frame), CALL, np.int8)
    text = as_text(frame["origin"]).str.casefold()
    own = {value.strip().casefold() for value in section.officer_initiated}
    known = sorted(set(text) - {""})
    if not own:
        book.notes.append(note("history.every_origin_a_call", where="data.officer_initiated", found=known))
    elif strange := sorted(own - set(known)):
        told = note("history.origins_not_found", where="officer_initiated", origins=strange, found=known)
        if any(nearest(value, known) for value in strange):  # a slip of the pen would let these events train
            book.faults.append(f"data.{told}")
        else:
            book.notes.append(told)
    return np.where(text.isin(own), OFFICER, CALL).astype(np.int8)


def drop_repeated(frame: pd.DataFrame, section: DataSection, book: Book) -> npt.NDArray[np.object_] | None:
    """Drop repeated rows by the job's rule; return the ids if there are any."""
    identity = as_text(frame["id"]) if "id" in frame else None
    repeated = np.zeros(len(frame), bool)
    kept = frame[book.keep]
    if section.duplicates == "row":
        repeated[book.keep] = kept.duplicated()
        book.drop(repeated, "identical rows")
    elif section.duplicates == "id" and identity is None:
        book.count(int(kept.duplicated().sum()), "identical rows (kept)")
    elif section.duplicates == "id" and identity is not None:
        if section.corrections == "net":  # a correction repeats the id of the row that it corrects
            book.notes.append(note("history.repeats_kept"))
        else:
            ids = identity[book.keep]
            repeated[book.keep] = (ids.duplicated() & ids.ne("")).to_numpy()
            book.drop(repeated, "repeated id")
    return None if identity is None else identity.to_numpy(dtype=object)


def are_dates(times: ParsedTimes, rows: Bools) -> bool:
    """Return whether nearly all of the rows stand at midnight, as dates without a time of day do."""
    return times.midnight_share(rows) >= _DAY_SHARE


def precision_of(times: ParsedTimes, section: DataSection, book: Book) -> str:
    """Return what the times are exact to: minute, day or month."""
    midnight = times.midnight_share(book.keep)
    precision: str = section.time_precision
    if precision == "auto":
        precision = "month" if times.only_months else "day" if are_dates(times, book.keep) else "minute"
    if precision == "month":
        book.notes.append(note("history.times_are_months"))
    elif precision == "day":
        book.notes.append(note("history.times_are_days", share=midnight))
    elif midnight > 0.02:
        book.notes.append(note("history.midnights", share=midnight))
    return precision
