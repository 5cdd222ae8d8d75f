"""Days on which a history may not have been recorded."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from allocator.domain.arrays import Ints, local_clock
from allocator.domain.history.counts import Counts, places_of
from allocator.domain.history.events import Events
from allocator.errors import DataError

GAP_DAYS, GAP_EVENTS = 14, 20.0
"""A stretch without events is a gap from 14 days and 20 expected events on: by chance, once in 5 × 10⁸."""

MAX_GAPS = 6
"""More gaps than this in one kind are coarse dates, such as the first of each month."""


def known_day(events: Events, day: Ints) -> Ints | None:
    """Return the local day on which each event was known: reported, and over; None where it is that of the event."""
    known = None
    for late in (events.reported, events.end):
        if late is not None:
            then, _ = local_clock(np.where(np.isnat(late), events.time, late), events.timezone)
            known = np.maximum(then, day) if known is None else np.maximum(known, then)
    return known


def usual_rate(per_day: Ints, a: int, b: int) -> float:
    """Return events a day to be expected from day `a` to before `b`: the least of what lies beside and elsewhere."""
    sides = [per_day[max(0, a - 28) : a]] * (a > 0) + [per_day[b : b + 28]] * (b < len(per_day))
    rest = np.concatenate([per_day[:a], per_day[b:]])
    n_blocks = max(1, len(rest) // 28)
    usual = float(np.median([block.mean() for block in np.array_split(rest, n_blocks)])) if len(rest) else 0.0
    return min([usual, *(float(side.mean()) for side in sides)])


def day_of(day: dt.date | str) -> dt.date:
    """Return the day of a text such as '2015-01-31', or the day itself."""
    try:
        return dt.date.fromisoformat(day) if isinstance(day, str) else day
    except ValueError as error:
        raise DataError(f"{day!r} is no date such as '2015-01-31'") from error


def with_labels(counts: Counts, labels: Sequence[dt.date], first: dt.date, days: int) -> Counts:
    """Return counts whose rows stand at the periods that their labels name."""
    if len(labels) != len(counts.values) or labels[0] != first:
        raise DataError(
            f"there are {len(counts.values)} periods from {first} on, and {len(labels)} labels"
            + (f" from {labels[0]} on" if labels else "")
        )
    places = places_of(labels, days)
    return counts.at(places, int(places[-1]) + 1)


def span_minutes(events: Events) -> Ints:
    """Return the minutes over which each event's time is uncertain."""
    if events.end is None:
        return np.zeros(len(events), np.int64)
    minutes = (np.where(np.isnat(events.end), events.time, events.end) - events.time).astype(np.int64) // 60
    return np.clip(np.asarray(minutes, np.int64), 0, None)


def whole_days(period: str) -> int:
    """Return the days in a period such as '1D' or '2W'."""
    number, unit = period[:-1] or "1", period[-1:].upper()
    if unit not in {"D", "W"} or not number.isdigit() or int(number) < 1:
        raise ValueError(f"a period is a whole number of days or weeks, such as '1D' or '1W', not {period!r}")
    return int(number) * (7 if unit == "W" else 1)


def spread_over_month(day: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return days spread evenly over their months, for sources that give the month only."""
    month = day.astype("datetime64[D]").astype("datetime64[M]")
    first = month.astype("datetime64[D]").astype(np.int64)
    length = (month + 1).astype("datetime64[D]").astype(np.int64) - first
    order = np.argsort(first, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(first[order]) != 0])
    size = np.diff(np.r_[starts, len(day)])
    rank = np.empty(len(day), np.int64)
    rank[order] = np.arange(len(day)) - np.repeat(starts, size)
    total = np.empty(len(day), np.int64)
    total[order] = np.repeat(size, size)
    return np.asarray(first + rank * length // total)
