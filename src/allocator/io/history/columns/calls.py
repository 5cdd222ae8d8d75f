"""Columns of a table of calls, read one by one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import StaffingSection
from allocator.domain import ARRIVAL_IMPUTED, CLEAR_IMPUTED, DISPATCH_IMPUTED, Bools, Floats, Ints, Times
from allocator.errors import DataError, some
from allocator.facts import note
from allocator.io.history.columns.book import Book
from allocator.io.tables import WGS84, as_numbers, as_text, parse_times, to_utc

_STAMPS = ("received", "dispatched", "enroute", "arrived", "cleared")
_NO_TIME = np.datetime64("NaT", "s")
_EARLIEST, _LATEST = np.datetime64("1970-01-01", "s"), np.datetime64("2101-01-01", "s")
_SLACK = np.timedelta64(1, "s")
"""Stamps are cut to seconds, and systems log near-simultaneous steps in any order."""
_MOST_KINDS = 1_000
_MOST_PRIORITIES, _MOST_UNITS, _FEW = 30, 100, 10


def stamps_of(frame: pd.DataFrame, section: StaffingSection, book: Book, timezone: str) -> dict[str, Times]:
    """Return the UTC times of each mapped stamp, NaT where missing, each no earlier than its clock allows."""
    zone = section.timezone or timezone
    stamps: dict[str, Times] = {}
    order = _order_of(frame, section, book)
    for role in (role for role in _STAMPS if role in frame):
        name = str(getattr(section.columns, role))
        times = parse_times(frame[role], time_format=section.time_format, order=order)
        if fault := times.fault(name):
            way_out = "" if section.time_format else "staffing.time_format, or "
            fault += f'; set {way_out}staffing.bad_rows = "drop" to leave such rows out'
            bad = times.bad & book.keep
            book.refuse(bad, fault if bad.any() else None, reason=f"{role} cannot be read")
        local = times.time
        odd = (local < _EARLIEST) | (local >= _LATEST)
        local = np.where(odd, _NO_TIME, local)
        utc, own = local.copy(), times.utc
        utc[~own], gaps, folds = to_utc(local[~own], zone)
        if role == "received":
            book.drop(times.missing | odd, "without time of receipt")
            book.count(gaps, "daylight-saving gap (moved forward)")
            book.count(folds, "daylight-saving fold (first taken)")
        stamps[role] = utc if not stamps or not folds else _second_time(utc, local, ~own, stamps, zone)
    return stamps


def _order_of(frame: pd.DataFrame, section: StaffingSection, book: Book) -> str:
    """Return the order of day and month in all stamps: what one column shows holds for the others."""
    if section.dates != "auto" or section.time_format is not None:
        return section.dates
    roles = [role for role in _STAMPS if role in frame]
    sample = [frame[role].drop_duplicates() for role in roles]
    if any(pd.api.types.is_datetime64_any_dtype(values.dtype) for values in sample):
        return "auto"
    times = parse_times(pd.concat(sample, ignore_index=True))
    names = some([str(getattr(section.columns, role)) for role in roles], 5)
    if times.ambiguous:
        book.faults.append(
            f"columns {names}: dates such as {some(times.ambiguous)} can be read day first or month first: set "
            'staffing.dates to "day first" or "month first", or staffing.time_format'
        )
    elif times.form and times.form != "month first":
        book.notes.append(note("history.times_taken", column=names, form=times.form))
    return times.form if times.form in ("day first", "month first") else "auto"


def _second_time(utc: Times, local: Times, by_clock: Bools, stamps: Mapping[str, Times], zone: str) -> Times:
    """Return times of an hour that occurs twice at their second occurrence where the first lies before an earlier step.

    A call received at 01:50 and cleared at 01:10 in the night when clocks go back was cleared 20 minutes later.
    """
    steps = np.stack(list(stamps.values()))
    before = np.fmax.reduce(np.where(np.isnat(steps), np.iinfo(np.int64).min, steps.astype(np.int64)))
    early = np.flatnonzero(by_clock & ~np.isnat(utc) & (utc.astype(np.int64) < before))
    if not len(early):
        return utc
    index = pd.DatetimeIndex(local[early])
    second = index.tz_localize(zone, ambiguous=np.zeros(len(early), bool), nonexistent="NaT")
    moved = second.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")
    result = utc.copy()
    result[early] = np.where(np.isnat(moved), utc[early], moved)
    return result


def check_order(stamps: Mapping[str, Times], section: StaffingSection, book: Book, *, size: int) -> None:
    """Refuse or drop rows whose stamps are out of order, and rows to which no unit was sent."""
    sent = np.logical_or.reduce([~np.isnat(stamps[role]) for role in ("dispatched", "enroute", "arrived")
                                 if role in stamps])  # fmt: skip
    book.drop(~sent, "no unit was sent")
    roles = [role for role in _STAMPS if role in stamps]
    disorders: list[tuple[Bools, str, str]] = []
    for n, later in enumerate(roles):
        for earlier in roles[:n]:
            wrong = book.keep & (stamps[later] < stamps[earlier] - _SLACK)
            disorders.append((wrong, earlier, later))
    told = np.zeros(size, bool)
    for wrong, earlier, later in sorted(disorders, key=lambda one: one[1] != "received"):
        fresh = wrong & book.keep & ~told
        told |= wrong
        if fresh.any():
            book.refuse(fresh, _order_fault(fresh, stamps, section, pair=(earlier, later), size=size),
                        reason=f"{later} before {earlier}")  # fmt: skip


def _order_fault(
    rows: Bools, stamps: Mapping[str, Times], section: StaffingSection, *, pair: tuple[str, str], size: int
) -> str:
    earlier, later = pair
    row = int(np.flatnonzero(rows)[0])
    names = [str(getattr(section.columns, role)) for role in pair]
    return (
        f"{int(rows.sum()):,} of {size:,} rows are stamped {later} before {earlier} (columns {names[1]!r} and "
        f"{names[0]!r}), for example row {row + 2}: {stamps[later][row]} before {stamps[earlier][row]} UTC; "
        'correct them, or set staffing.bad_rows = "drop" to leave such rows out'
    )


def priorities_of(
    frame: pd.DataFrame, section: StaffingSection, book: Book
) -> tuple[npt.NDArray[np.int16], tuple[str, ...]]:
    """Return each call's row of priority (-1 where its row is dropped), and the priorities, most urgent first."""
    text = as_text(frame["priority"])
    text = text.map(lambda name: section.priority_map.get(name, name))
    if not section.priorities:  # "1", "01" and "1.0" are one priority
        text = text.map(lambda name: f"{float(name):g}" if _is_number(name) else name)
    book.drop(text.eq("").to_numpy(), "without priority")
    levels = sorted(set(text[book.keep]))
    name = section.columns.priority
    if section.priorities:
        order = section.priorities
        if strange := [name for name in levels if name not in order]:
            book.faults.append(
                f"column {name!r} has priorities that staffing.priorities does not name: {some(strange, 8)}; "
                "name them, or rename them with staffing.priority_map"
            )
    elif len(levels) > _MOST_PRIORITIES:
        book.faults.append(f"column {name!r} holds {len(levels):,} different values: it is hardly the priority")
        order = ()
    elif all(_is_number(name) for name in levels):
        order = tuple(sorted(levels, key=float))
    else:
        book.faults.append(
            f"the priorities of column {name!r} are not all numbers: name them in staffing.priorities, the most "
            f"urgent first; the file has {some(levels, _MOST_PRIORITIES)}"
        )
        order = ()
    rows = {one: row for row, one in enumerate(order)}
    return text.map(lambda one: rows.get(one, -1)).to_numpy(np.int16), tuple(order)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def units_of(frame: pd.DataFrame, section: StaffingSection, book: Book) -> Floats:
    """Return the number of units sent to each call; 1 where the file does not say."""
    if "units" not in frame:
        return np.ones(len(frame))
    units, bad = as_numbers(frame["units"])
    wrong = bad | (units < 0) | (units > _MOST_UNITS)
    if (rows := wrong & book.keep).any():
        fault = (
            f"column {section.columns.units!r}: {int(wrong.sum()):,} numbers of units are negative, above "
            f"{_MOST_UNITS} or no numbers, for example {some(frame['units'][wrong].unique()[:3])}"
        )
        book.refuse(rows, fault, reason="number of units cannot be read")
    unknown = book.keep & (np.isnan(units) | (units == 0))
    book.count(int(unknown.sum()), "without number of units (taken as 1)")
    return np.where(np.isnan(units) | (units == 0), 1.0, units)


def places_of(frame: pd.DataFrame, section: StaffingSection, book: Book) -> dict[str, Any]:
    """Return the fields of `Calls` about places; unreadable places count as unknown."""
    if "district" in frame:
        codes, names = pd.factorize(as_text(frame["district"]).replace("", None))
        return {"district": codes.astype(np.int32), "districts": tuple(map(str, names))}
    roles = next((pair for pair in (("lon", "lat"), ("x", "y")) if pair[0] in frame), None)
    if roles is None:
        return {}
    (x, bad_x), (y, bad_y) = (as_numbers(frame[role]) for role in roles)
    unknown = bad_x | bad_y | ~np.isfinite(x) | ~np.isfinite(y) | ((x == 0) & (y == 0))
    if roles[0] == "lon":
        unknown |= (np.abs(y) > 90) | (np.abs(x) > 180)
    book.count(int((unknown & book.keep).sum()), "without place (spread over the districts like the others)")
    crs = WGS84 if roles[0] == "lon" else str(section.crs)
    return {"x": np.where(unknown, np.nan, x), "y": np.where(unknown, np.nan, y), "crs": crs}


def fold_repeated(
    frame: pd.DataFrame, stamps: dict[str, Times], units: Floats, section: StaffingSection, book: Book
) -> Floats:
    """Make one call of the rows that bear one number, and return the units sent to each.

    With one row per unit sent, a call is received, sent to and reached at the first stamp of each kind; its units are
    the rows, unless the file counts them, and it keeps each of them for the mean of their own minutes. Where most
    repeats equal a row before in every mapped column, such rows are mere repeats and count once.
    `stamps` are changed in place.
    """
    if "id" not in frame:
        return units
    ids = _one_call(as_text(frame["id"]), stamps["received"], section.max_call_hours)
    numbered = book.keep & ids.ne("").to_numpy()
    alike, again = np.zeros(len(frame), bool), np.zeros(len(frame), bool)
    alike[numbered] = frame[numbered].duplicated()
    again[numbered] = ids[numbered].duplicated()
    if alike.sum() > again.sum() / 2:  # else two units sent and free again together look alike
        book.drop(alike, "identical rows")
        numbered &= book.keep
    rows = np.flatnonzero(numbered)
    call, _ = pd.factorize(ids.to_numpy(object)[rows])
    _, first = np.unique(call, return_index=True)
    repeated = np.zeros(len(frame), bool)
    repeated[rows] = True
    repeated[rows[first]] = False
    if not repeated.any():
        return units
    if section.repeats == "drop":
        book.drop(repeated, "repeated call number")
        return units
    busy = _mean_busy(stamps, rows, call)
    for times in stamps.values():
        never = np.iinfo(np.int64).max
        earliest = np.full(len(first), never)
        np.minimum.at(earliest, call, np.where(np.isnat(times), never, times.astype(np.int64))[rows])
        times[rows[first]] = np.where(earliest == never, _NO_TIME, earliest.astype("datetime64[s]"))
    stamps["cleared"][rows[first]] = stamps["dispatched"][rows[first]] + busy
    count = np.bincount(call).astype(np.float64)
    folded_units = units.copy()
    if "units" not in frame:
        folded_units[rows[first]] = count
    else:
        np.maximum.at(folded_units, rows[first][call], units[rows])
    book.drop(repeated, "further unit of a call (folded)")
    book.notes.append(note("history.calls_folded", count=repeated.sum(), calls=len(first), units=count.mean()))
    return folded_units


def _one_call(ids: pd.Series[str], received: Times, hours: float) -> pd.Series[str]:
    """Return numbers of calls, told apart where one is used again after more hours than a call lasts."""
    if not ids.duplicated().any():
        return ids
    moment = np.where(np.isnat(received), np.int64(0), received.astype(np.int64))
    order = np.lexsort((moment, pd.factorize(ids)[0]))
    names = ids.to_numpy(object)[order]
    fresh = np.r_[False, (names[1:] != names[:-1]) | (np.diff(moment[order]) > hours * 3600)]
    turn = np.empty(len(ids), np.int64)
    turn[order] = np.cumsum(fresh)
    return (ids + "#" + pd.Series(turn.astype(str), index=ids.index)).mask(ids.eq(""), "")


def _mean_busy(stamps: Mapping[str, Times], rows: Ints, call: Ints) -> npt.NDArray[np.timedelta64]:
    """Return how long a call keeps a unit: the mean over its rows with sound stamps, NaT where there is none."""
    seconds = (stamps["cleared"] - stamps["dispatched"])[rows]
    sound = ~np.isnat(seconds) & (seconds >= np.timedelta64(0, "s"))
    number = np.bincount(call, sound)
    total = np.bincount(call, np.where(sound, seconds.astype(np.int64), 0))
    mean = np.round(total / np.maximum(number, 1)).astype(np.int64).astype("timedelta64[s]")
    return np.where(number > 0, mean, np.timedelta64("NaT", "s"))


def durations_of(
    stamps: Mapping[str, Times], section: StaffingSection, book: Book
) -> tuple[dict[str, Floats], npt.NDArray[np.int8]]:
    """Return wait, travel and service minutes of the kept calls, NaN where a stamp is missing, and which are."""
    received, cleared = stamps["received"], stamps["cleared"]
    nothing = np.full(len(received), _NO_TIME, "datetime64[s]")
    arrived = stamps.get("arrived", nothing)
    under_way = np.fmin(stamps.get("enroute", nothing), arrived)
    lost = np.isnat(stamps["dispatched"])
    # Without its own stamp, a unit was sent at the latest when it was under way.
    dispatched = np.where(lost, under_way, stamps["dispatched"])
    wait, travel, service = (
        np.maximum(_minutes(stop - start), 0.0)
        for start, stop in ((received, dispatched), (dispatched, arrived), (dispatched, cleared))
    )
    left_open = service > section.max_call_hours * 60
    service = np.where(left_open, np.nan, service)
    if len(service) and np.isnan(service).all():
        raise DataError(
            f"none of the {len(service):,} calls has both a dispatch and a closing time "
            f"(within {section.max_call_hours:g} hours): how long calls keep units busy cannot be told; "
            "map staffing.columns.dispatched and cleared",
            count=len(service),
        )
    wait = np.where(lost, np.nan, wait)
    travel = np.where(lost, np.nan, travel)
    counted = {
        "dispatch time imputed": lost,
        "arrival time imputed": np.isnan(travel) & ("arrived" in stamps),
        "closing time imputed": np.isnan(service),
    }
    for reason, rows in counted.items():
        book.count(int(rows.sum()), reason)
    book.count(int(left_open.sum()), f"open for more than {section.max_call_hours:g} hours (closing time imputed)")
    bits = (DISPATCH_IMPUTED, ARRIVAL_IMPUTED, CLEAR_IMPUTED)
    imputed = sum(bit * rows.astype(np.int8) for bit, rows in zip(bits, counted.values(), strict=True))
    return {"wait": wait, "travel": travel, "service": service}, np.asarray(imputed, np.int8)


def _minutes(span: npt.NDArray[Any]) -> Floats:
    return np.where(np.isnat(span), np.nan, span.astype("timedelta64[s]").astype(np.float64) / 60)


def local_hour(time: Times, timezone: str) -> Ints:
    """Return the local hour, 0 to 23, of UTC times."""
    local = pd.DatetimeIndex(time).tz_localize("UTC").tz_convert(timezone)
    return np.asarray(local.hour.to_numpy(), np.int64)


def filled(minutes: Floats, priority: npt.NDArray[np.int16], hour: Ints) -> Floats:
    """Return minutes whose gaps hold the median of the priority at the hour, of the priority, or of all; else 0."""
    if not np.isnan(minutes).any():
        return minutes
    frame = pd.DataFrame({"minutes": minutes, "priority": priority, "hour": hour})
    filled = frame["minutes"]
    for keys in (["priority", "hour"], ["priority"]):
        groups = frame.groupby(keys)["minutes"]
        enough = groups.transform("count") >= _FEW
        filled = filled.fillna(groups.transform("median").where(enough))
    known = minutes[~np.isnan(minutes)]
    return np.asarray(filled.fillna(float(np.median(known)) if len(known) else 0.0), np.float64)


def kinds_of(frame: pd.DataFrame, book: Book) -> tuple[npt.NDArray[np.int16] | None, tuple[str, ...]]:
    """Return each call's row of kind and the names of kinds; no kinds where the column is free text."""
    if "kind" not in frame:
        return None, ()
    codes, names = pd.factorize(as_text(frame["kind"]), sort=True)
    if len(names) > _MOST_KINDS:
        book.notes.append(note("history.kinds_of_calls_left_out", count=len(names)))
        return None, ()
    return codes.astype(np.int16), tuple(map(str, names))
