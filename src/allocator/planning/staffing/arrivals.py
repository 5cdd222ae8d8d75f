"""How many calls to expect in each district and hour of the week, and how long each keeps a unit."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain import (
    CLEAR_IMPUTED,
    WEEK_HOURS,
    Bools,
    Calls,
    Floats,
    Ints,
    Shift,
    date_of,
    day_number,
    hour_of_week,
    local_clock,
    stretches_of,
)
from allocator.errors import DataError
from allocator.facts import Note, note

_SERVICE_CALLS = 50.0
"""Calls of a district that weigh as much as the city's mean minutes in its own."""
_QUIET_DAY = 10.0
"""With so many calls on the mean day, a day without any was not recorded."""
_MOST_SHAPE = 1e6


@dataclass(frozen=True, eq=False)
class Arrivals:
    """What the history of calls lets expect in a week.

    Parameters
    ----------
    rate : (168, n_districts, n_priorities) float64
        Calls of the public per hour, by hour of the week.
    officer : (168, n_districts) float64
        Unit-minutes per hour of work that officers begin.
    service : (n_districts, n_priorities) float64
        Mean minutes that a call keeps a unit.
    units_per_call : (n_priorities,) float64
        Mean units sent to a call.
    notes : tuple of Note
        What a planner should know.
    """

    rate: Floats
    officer: Floats
    service: Floats
    units_per_call: Floats
    notes: tuple[Note, ...]


def expect(calls: Calls, *, week: dt.date, weeks: int) -> Arrivals:
    """Return what the calls of the last `weeks` before `week` let expect.

    A district's rate in an hour is drawn towards the city's shape, and the city's towards the product of its hours of
    the week and its mix of priorities, each as strongly as the counts themselves vary beyond chance.

    Parameters
    ----------
    calls : Calls
        With districts; calls from `week` on are not looked at.
    week : date
        First day planned.
    weeks : int
        Weeks of history.

    Raises
    ------
    DataError
        If no call of the public lies in the history.
    """
    known = calls.before(week)
    recent = _recent(known, week, weeks)
    hour, day = _hour_of_week(recent)
    exposure, notes = _exposure(recent, day, week)
    public, n_d = recent.from_public, len(recent.districts)
    if not public.any():
        raise DataError(f"no call of the public was received in the {weeks} weeks before {week}")
    cell = (hour[public], np.maximum(recent.district[public], 0), recent.priority[public])  # type: ignore[index]
    placed = recent.district[public] >= 0  # type: ignore[index]
    counts = np.zeros((WEEK_HOURS, n_d, len(recent.priorities)))
    np.add.at(counts, tuple(axis[placed] for axis in cell), 1.0)
    spread = len(placed) / max(int(placed.sum()), 1)
    if not placed.any():
        raise DataError("none of the calls lies in a district of the area: see staffing.columns and staffing.crs")
    rate = _rates(counts, exposure) * spread
    if (share := 1 - 1 / spread) > 0.01:
        notes.append(note("staffing.calls_in_no_district", share=share))
    if silent := [name for d, name in enumerate(recent.districts) if not counts[:, d].any()]:
        notes.append(note("staffing.silent_districts", count=len(silent), total=n_d, districts=silent[:5]))
    return Arrivals(rate, _officer(recent, hour, exposure), _service(recent), _units_per_call(recent), tuple(notes))


def _recent(calls: Calls, week: dt.date, weeks: int) -> Calls:
    day = local_clock(calls.time, calls.timezone)[0]
    if not (day >= day_number(week) - 7 * weeks).any():
        raise DataError(
            f"no call was received in the {weeks} weeks before {week}, the last is of {date_of(int(day.max()))}: "
            "give newer calls, plan an earlier week, raise staffing.weeks, or take out staffing.calls"
        )
    first = max(day_number(week) - 7 * weeks, int(day.min()))
    # The first day of a file is seldom whole.
    first += int(first == day.min() and day.max() - first >= 7)
    return calls.take(day >= first)


def _hour_of_week(calls: Calls) -> tuple[Ints, Ints]:
    """Return the hour of the week and the local day of each call."""
    day, minute = local_clock(calls.time, calls.timezone)
    return hour_of_week(day, minute), day


def _exposure(calls: Calls, day: Ints, week: dt.date) -> tuple[Floats, list[Note]]:
    """Return how many times each hour of the week was observed; daylight saving leaves one out, repeats another."""
    first, stop = int(day.min()), day_number(week)
    per_day = np.bincount(day - first, minlength=stop - first)
    silent = np.flatnonzero(per_day == 0) if len(day) / max(stop - first, 1) >= _QUIET_DAY else np.empty(0, np.int64)
    start = np.datetime64(first - 1, "D").astype("datetime64[s]")
    quarters = start + np.arange((stop - first + 2) * 96) * np.timedelta64(900, "s")
    on, minute = local_clock(quarters, calls.timezone)
    inside = (on >= first) & (on < stop) & ~np.isin(on - first, silent)
    exposure = np.bincount(hour_of_week(on, minute)[inside], minlength=WEEK_HOURS) / 4.0
    notes = [note("staffing.calls_used", days=stop - first - len(silent), first=np.datetime64(first, "D"), week=week)]
    if len(silent):
        notes.append(note("staffing.silent_days", count=len(silent)))
    if (exposure == 0).any():
        notes.append(note("staffing.short_history"))
    return np.asarray(exposure), notes


def _rates(counts: Floats, exposure: Floats) -> Floats:
    """Return calls per hour, (168, n_districts, n_priorities), smoothed in three steps."""
    by_hour = _week_shape(counts.sum(axis=(1, 2)), exposure)
    seen = exposure[:, None]
    city = counts.sum(axis=1)
    mix = city.sum(axis=0) / city.sum()
    city_rate = by_hour[:, None] * _shrunk(city, by_hour[:, None] * seen * mix) * mix
    share = counts.sum(axis=0) / np.maximum(city.sum(axis=0), 1e-300)
    expected = city_rate[:, None, :] * share
    return np.asarray(expected * _shrunk(counts, expected * seen[:, :, None]))


def _week_shape(counts: Floats, exposure: Floats) -> Floats:
    """Return all calls per hour by hour of the week, drawn towards hour of the day × weekday."""
    count, seen = counts.reshape(7, 24), exposure.reshape(7, 24)
    weekday = _ratio(count.sum(axis=1), seen.sum(axis=1))
    hour = _ratio(count.sum(axis=0), seen.sum(axis=0))
    mean = count.sum() / seen.sum()
    weekday = np.where(seen.sum(axis=1) > 0, weekday, mean)
    expected = weekday[:, None] * hour / mean
    return np.asarray((expected * _shrunk(count, expected * seen)).ravel())


def _ratio(above: Floats, below: Floats) -> Floats:
    return np.asarray(np.divide(above, below, out=np.zeros(len(above)), where=below > 0))


def _shrunk(counts: Floats, expected: Floats) -> Floats:
    """Return the factor on `expected` of each cell: the posterior mean (y + k) / (μ + k) of a gamma prior of mean 1.

    k follows from how far the counts vary beyond Poisson: Σ ((y - μ)² - μ) = Σ μ² / k.

    References
    ----------
    Clayton & Kaldor (1987), Empirical Bayes estimates of age-standardized relative risks, Biometrics 43.
    """
    beyond = ((counts - expected) ** 2 - expected).sum()
    shape = (expected**2).sum() / beyond if beyond > 0 else _MOST_SHAPE
    shape = float(np.clip(shape, 1e-3, _MOST_SHAPE))
    return np.asarray((counts + shape) / (expected + shape))


def _service(calls: Calls) -> Floats:
    """Return mean minutes by district and priority that a unit is kept, of calls whose closing time is known.

    Every unit sent counts, so that units × minutes is the work there was: long calls take more units. A priority's mean
    of the city counts as `_SERVICE_CALLS` units of each district.
    """
    stamped = calls.from_public & (calls.imputed & CLEAR_IMPUTED == 0)
    minutes = np.empty((len(calls.districts), len(calls.priorities)))
    overall = _mean_of_units(calls, stamped if stamped.any() else calls.from_public)
    for k in range(len(calls.priorities)):
        mine = calls.from_public & (calls.priority == k)
        own = mine & stamped if (mine & stamped).any() else mine
        mean = _mean_of_units(calls, own) if own.any() else overall
        placed = own & (calls.district >= 0)  # type: ignore[operator]
        rows = calls.district[placed]  # type: ignore[index]
        n, total = (
            np.bincount(rows, weight[placed], len(calls.districts))
            for weight in (calls.units, calls.units * calls.service)
        )
        minutes[:, k] = (total + _SERVICE_CALLS * mean) / (n + _SERVICE_CALLS)
    return minutes


def _mean_of_units(calls: Calls, rows: Bools) -> float:
    return float(np.average(calls.service[rows], weights=calls.units[rows]))


def _units_per_call(calls: Calls) -> Floats:
    public = calls.from_public
    n = np.bincount(calls.priority[public], minlength=len(calls.priorities))
    units = np.bincount(calls.priority[public], calls.units[public], len(calls.priorities))
    return np.asarray(np.divide(units, n, out=np.ones(len(n)), where=n > 0))


def _officer(calls: Calls, hour: Ints, exposure: Floats) -> Floats:
    """Return unit-minutes per hour by hour of the week and district; each district has the city's shape."""
    own = calls.by_officers
    minutes = calls.service[own] * calls.units[own]
    if not own.any() or minutes.sum() == 0:
        return np.zeros((WEEK_HOURS, len(calls.districts)))
    by_hour = _week_shape(np.bincount(hour[own], minlength=WEEK_HOURS).astype(np.float64), exposure)
    placed = calls.district[own] >= 0  # type: ignore[index]
    rows = calls.district[own][placed]  # type: ignore[index]
    share = np.bincount(rows, minutes[placed], len(calls.districts))
    share = share / share.sum() if share.sum() else np.full(len(share), 1 / len(share))
    return np.asarray(by_hour[:, None] * minutes.mean() * share)


def own_share(
    shifts: Sequence[Shift], hour: npt.NDArray[np.int16], timezone: str, *, manned: Bools | None = None
) -> Floats:  # fmt: skip
    """Return the part of the calls of each hour that falls to a shift, (n_shifts, n_hours); those that overlap share.

    Where one of them has units on duty, those without take no part: nobody there would answer.

    Parameters
    ----------
    shifts : sequence of Shift
        The planned shifts.
    hour : (n_shifts, n_hours) int16
        From `hours_of_shifts`.
    timezone : str
        IANA name of the local time.
    manned : (n_shifts,) bool, optional
        Shifts with units on duty; all by default.
    """
    working = np.ones(len(shifts), bool) if manned is None else manned
    share = np.ones(hour.shape)
    stretches = [stretch for stretch in stretches_of(shifts) if len(stretch[2]) > 1]
    if not stretches:
        return share
    lost = np.zeros(hour.shape)
    for start, stop, rows in stretches:
        first = np.datetime64(start.astimezone(dt.UTC).replace(tzinfo=None), "s")
        minutes = first + np.arange(round((stop - start).total_seconds() / 60)) * np.timedelta64(60, "s")
        day, minute = local_clock(minutes, timezone)
        inside = np.bincount(hour_of_week(day, minute), minlength=WEEK_HOURS)
        able = [row for row in rows if working[row]] or list(rows)
        for row in rows:
            part = 1 / len(able) if row in able else 0.0
            lost[row] += np.where(hour[row] >= 0, inside[hour[row]], 0) * (1 - part)
    _, length = hours_of_shifts(shifts, timezone)
    return np.asarray(share - np.divide(lost, length, out=np.zeros_like(lost), where=length > 0))


def hours_of_shifts(shifts: Sequence[Shift], timezone: str) -> tuple[npt.NDArray[np.int16], Floats]:
    """Return the hours of the week that each shift spans, (n_shifts, n_hours) padded by -1, and the minutes in each.

    An hour that daylight saving skips is not there; one that it repeats has up to 120 minutes.
    """
    found = []
    for shift in shifts:
        start = np.datetime64(shift.start.astimezone(dt.UTC).replace(tzinfo=None), "s")
        minutes = start + np.arange(round(shift.minutes)) * np.timedelta64(60, "s")
        day, minute = local_clock(minutes, timezone)
        of_week = hour_of_week(day, minute)
        distinct, first, count = np.unique(of_week, return_index=True, return_counts=True)
        order = np.argsort(first)
        found.append((distinct[order], count[order]))
    width = max(len(hours) for hours, _ in found)
    hour, length = np.full((len(found), width), -1, np.int16), np.zeros((len(found), width))
    for s, (hours, counts) in enumerate(found):
        hour[s, : len(hours)], length[s, : len(hours)] = hours, counts
    return hour, length
