"""By the clock: events that happened soon after a visit in their cell had begun, of plans with routes and times."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from allocator.domain import Bools, Floats, HourShares, Ints, Panel

WITHIN = (15, 30, 60, 120)
"""Minutes after the start of a visit."""

CLOCK_MEASURES = ("delivered", *(f"{name}_{n}" for n in WITHIN for name in ("seen", "written", "expected")))
"""Sums of each plan and week: visits that are driven, and for each time after their starts the events seen, with
rounded times spread; those seen by the times as written; and those expected by the forecast."""

DAY_MINUTES, HOUR_MINUTES = 1440, 60
ROUNDED = ((60, 30.0), (30, 15.0), (15, 7.5), (5, 2.5))
"""Steps that times are rounded to, the coarsest first, and how far the true time may lie to either side."""


@dataclass(frozen=True, eq=False)
class ByClock:
    """Events of a week whose time is known to the minute or as an interval within a day.

    Parameters
    ----------
    cell, kind : (n,) int64
        Rows of cells and kinds.
    minute : (n,) float64
        As written, minutes since 1970-01-01 UTC; of an interval its middle.
    likely : (n,) float64
        A draw from when it may have been: intervals, and times that are probably rounded, are spread.
    counted : (n_kinds,) bool
        The kinds that these are of.
    """

    cell: Ints
    kind: Ints
    minute: Floats
    likely: Floats
    counted: Bools

    @classmethod
    def of(cls, panel: Panel, known: Panel, days: int, counted: Bools, *, seed: int) -> ByClock:
        """Return the events of the days after those known, and of the morning after them.

        Parameters
        ----------
        panel : Panel
            The history with the days.
        known : Panel
            The history before them: tells how often its times are rounded.
        days : int
            Number of days.
        counted : (n_kinds,) bool
            Kinds that count.
        seed : int
            Seed of the draws.
        """
        rows, first = panel.netted, panel.day_index(known.stop_day)
        inside = (rows.day >= first) & (rows.day <= first + days) & (rows.minute >= 0) & counted[rows.kind]
        at = np.flatnonzero(inside)
        at = np.repeat(at, np.maximum(rows.count[at], 0))
        span = np.zeros(len(at)) if rows.span is None else rows.span[at].astype(np.float64)
        at, span = at[span < DAY_MINUTES], span[span < DAY_MINUTES]  # a longer interval tells no hour
        written = _utc(panel, rows.day[at], rows.minute[at]) + span / 2
        rng = np.random.default_rng([seed, first])
        width = np.where(span > 0, span / 2, _rounding(rows.minute[at], rounding_of(known), rng))
        likely = written + width * rng.uniform(-1.0, 1.0, len(at))
        return cls(rows.cell[at].astype(np.int64), rows.kind[at].astype(np.int64), written, likely, counted)


@dataclass(frozen=True, eq=False)
class HourlyRates:
    """What a forecast expects in each hour of each cell.

    Parameters
    ----------
    rate : (n_kinds, n_cells) float64
        Expected events of a week; 0 for kinds that do not count.
    hours : HourShares
        How they fall on the hours.
    timezone : str
        IANA name: the hours are local.
    """

    rate: Floats
    hours: HourShares
    timezone: str


def clock_sums(cell: Ints, start: Ints, events: ByClock, rates: HourlyRates) -> dict[str, float]:
    """Return `CLOCK_MEASURES` of visits, given their cells and starts in minutes since 1970-01-01 UTC."""
    likely, written = (minutes_after(cell, start, events.cell, times) for times in (events.likely, events.minute))
    sums = {"delivered": float(len(cell))}
    for n in WITHIN:
        sums[f"seen_{n}"], sums[f"written_{n}"] = float((likely < n).sum()), float((written < n).sum())
        sums[f"expected_{n}"] = expected_within(cell, start, n, rates)
    return sums


def rounding_of(known: Panel) -> dict[int, float]:
    """Return for each step of `ROUNDED` the share of the times on it that were rounded to it.

    Times on a step are as many as others where nobody rounds; what is beyond that was rounded, half of it up and half
    down, for want of anything better.
    """
    minute = known.netted.minute[known.netted.minute >= 0] % HOUR_MINUTES
    free = float((minute % 5 != 0).sum()) / 48  # of one minute of the hour
    shares, taken = {}, np.zeros(HOUR_MINUTES, np.bool_)
    for step, _ in ROUNDED:
        on = (np.arange(HOUR_MINUTES) % step == 0) & ~taken
        taken |= on
        count = float(on[minute].sum())
        shares[step] = max(0.0, 1.0 - free * int(on.sum()) / count) if count else 0.0
    return shares


def _rounding(minute: Ints, shares: dict[int, float], rng: np.random.Generator) -> Floats:
    """Return how far from its written time each event may have been; 0 for those that are taken as written."""
    width, taken, chance = np.zeros(len(minute)), np.zeros(len(minute), np.bool_), rng.random(len(minute))
    for step, reach in ROUNDED:
        on = (minute % step == 0) & ~taken
        taken |= on
        width[on & (chance < shares[step])] = reach
    return width


def _utc(panel: Panel, day: Ints, minute: Ints) -> Floats:
    """Return local days and minutes as minutes since 1970-01-01 UTC; of an hour that comes twice, the first."""
    local = np.datetime64(panel.first_day, "m") + (day.astype(np.int64) * DAY_MINUTES + minute).astype("timedelta64[m]")
    zoned = pd.DatetimeIndex(local).tz_localize(
        panel.timezone, ambiguous=np.ones(len(local), np.bool_), nonexistent="shift_forward"
    )  # fmt: skip
    return np.asarray(zoned.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[m]"), np.float64)


def minutes_after(cell: Ints, start: Ints, event_cell: Ints, event: Floats) -> Floats:
    """Return the minutes from the last start of a visit in its cell to each event; infinite where there is none.

    Parameters
    ----------
    cell, start : (n,) int64
        Visits: rows of cells, and minutes since 1970-01-01 UTC.
    event_cell : (m,) int64
    event : (m,) float64
        Events likewise.
    """
    if not len(cell):
        return np.full(len(event), np.inf)
    order = np.lexsort((start, cell))
    low = float(min(start.min(), event.min(initial=np.inf)))
    width = float(max(start.max(), event.max(initial=-np.inf))) - low + 1.0
    visit = cell[order] * width + (start[order] - low)
    row = np.searchsorted(visit, event_cell * width + (event - low), side="right") - 1
    last = np.maximum(row, 0)
    after = event - start[order][last]
    return np.where((row >= 0) & (cell[order][last] == event_cell), after, np.inf)


def expected_within(cell: Ints, start: Ints, within: int, rates: HourlyRates) -> float:
    """Return the events expected within some minutes after visits have begun, each minute of a cell counted once.

    Parameters
    ----------
    cell, start : (n,) int64
        Visits: rows of cells, and minutes since 1970-01-01 UTC.
    within : int
        Minutes.
    rates : HourlyRates
        The forecast.
    """
    hours = rates.hours
    order = np.lexsort((start, cell))
    cell, start = cell[order], start[order]
    stop = start + within
    same = np.r_[cell[1:] == cell[:-1], False]
    stop = np.where(same, np.minimum(stop, np.r_[start[1:], 0]), stop)
    zoned = pd.DatetimeIndex((start * 60).astype("datetime64[s]")).tz_localize("UTC").tz_convert(rates.timezone)
    local = np.asarray(zoned.tz_localize(None).to_numpy().astype("datetime64[m]"), np.int64)
    local -= hours.first_day * DAY_MINUTES
    total = 0.0
    for n in range(within // HOUR_MINUTES + 2):  # the hours that a visit's time may touch
        hour = local // HOUR_MINUTES + n
        low = np.maximum(local, hour * HOUR_MINUTES)
        high = np.minimum(local + (stop - start), (hour + 1) * HOUR_MINUTES)
        there = np.flatnonzero((high > low) & (hour < hours.weight.shape[1]))
        share = hours.at(cell[there], hour[there])
        part = (high - low)[there] / HOUR_MINUTES
        total += float((part[:, None] * share * rates.rate[:, cell[there]].T).sum())
    return total
