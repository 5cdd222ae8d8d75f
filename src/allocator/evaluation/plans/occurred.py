"""What happened in the shifts of a week, and what had been counted in such shifts before it."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain import Floats, Ints, Panel, Shift, freeze

DAY_MINUTES = 1440
PAST_DAYS = 364


@dataclass(frozen=True, eq=False)
class Occurred:
    """Harm and events of the planned shifts.

    An event in several overlapping shifts counts in each in equal parts; one whose time is an interval by the part of
    it that lies in each; one without a time of day by the shares of past events of its kind. Nothing is left out:
    what lies between the shifts is in `harm_between`.

    Parameters
    ----------
    harm, events : (n_shifts, n_cells) float64
        Harm-weighted events, and events.
    harm_between, events_between : float
        Those from the start of the first shift to the end of the last that lie in none.
    unknown : float
        Events whose time of day is not known, in the shifts or between them.
    """

    harm: Floats
    events: Floats
    harm_between: float
    events_between: float
    unknown: float

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def total_harm(self) -> float:
        """All harm from the start of the first shift to the end of the last."""
        return float(self.harm.sum()) + self.harm_between

    @property
    def total_events(self) -> float:
        """All events from the start of the first shift to the end of the last."""
        return float(self.events.sum()) + self.events_between


def occurred(panel: Panel, known: Panel, shifts: Sequence[Shift], harm: Floats) -> Occurred:
    """Return what happened in planned shifts.

    Parameters
    ----------
    panel : Panel
        The history with the planned days.
    known : Panel
        The history before them: tells how events without a time of day fall on the day.
    shifts : sequence of Shift
        The planned shifts.
    harm : (n_kinds,) float64
        Harm weights; 0 leaves a kind out.
    """
    rows = panel.netted
    first_day = min(shift.day for shift in shifts)
    first = panel.day_index(first_day)
    windows = [_window(shift, first_day, panel.timezone) for shift in shifts]
    span = min(a for a, _ in windows), max(b for _, b in windows)
    near = np.flatnonzero((rows.day >= first - 8) & (rows.day <= first + span[1] // DAY_MINUTES + 1))
    cases = _Cases.of(rows, near, first, day_profile(known))
    if panel.precision == "minute":
        parts, inside = np.stack([cases.part(*window) for window in windows], axis=1), cases.part(*span)
    else:
        parts, inside = _by_shares(cases.day, shifts, first_day)
    together = parts.sum(axis=1)
    parts *= np.minimum(1.0, np.divide(inside, together, out=np.ones_like(inside), where=together > 0))[:, None]
    counted = (harm[rows.kind[near]] > 0) * rows.count[near].astype(np.float64)
    weight = harm[rows.kind[near]] * rows.count[near]
    between = np.maximum(inside - parts.sum(axis=1), 0.0)
    cell = rows.cell[near]
    return Occurred(
        harm=_on_cells(parts * weight[:, None], cell, panel.city.n_cells),
        events=_on_cells(parts * counted[:, None], cell, panel.city.n_cells),
        harm_between=float((between * weight).sum()), events_between=float((between * counted).sum()),
        unknown=float((inside * counted)[cases.minute < 0].sum()),
    )  # fmt: skip


def past_rates(known: Panel, shifts: Sequence[Shift], *, days: int = PAST_DAYS) -> npt.NDArray[np.float32]:
    """Return events per shift of the last days by cell and name of the shift, (n_shifts, n_cells, n_kinds).

    What a hotspot map by watch shows: counts, all days of the week together, nothing smoothed, per day that the file
    covers. An interval counts at its middle, an event without a time of day by the shares of others of its kind.

    Parameters
    ----------
    known : Panel
        The history before the planned days.
    shifts : sequence of Shift
        The planned shifts.
    days : int
        The last days that count, 364 by default: each weekday as often.
    """
    rows = known.netted
    days = min(days, known.n_days)
    covered = np.maximum(known.days_observed[-days:].sum(axis=0), 1)
    recent = np.flatnonzero(rows.day >= known.n_days - days)
    profile, kind = day_profile(known), rows.kind[recent]
    minute = rows.minute[recent].astype(np.int64)
    if rows.span is not None:
        minute = np.where(minute < 0, -1, (minute + rows.span[recent] // 2) % DAY_MINUTES)
    rates: dict[str, npt.NDArray[np.float32]] = {}
    for shift in shifts:
        if shift.name not in rates:
            weight = _of_watch(shift, minute, kind, profile, known) * rows.count[recent]
            place = rows.cell[recent].astype(np.int64) * len(known.kinds) + kind
            sums = np.bincount(place, weight, known.city.n_cells * len(known.kinds)).reshape(known.city.n_cells, -1)
            rates[shift.name] = (sums / covered).astype(np.float32)
    return np.stack([rates[shift.name] for shift in shifts])


def day_profile(known: Panel) -> Floats:
    """Return the share of the events of each kind before each minute of the day, (n_kinds, 1441).

    From events with a known time of day; a kind with none has that of all kinds, and without any it is even.
    """
    timed = (known.minute >= 0) & (known.count > 0)
    if known.span is not None:
        timed &= known.span == 0
    place = known.kind[timed].astype(np.int64) * DAY_MINUTES + known.minute[timed]
    counts = np.bincount(place, minlength=len(known.kinds) * DAY_MINUTES).reshape(-1, DAY_MINUTES).astype(np.float64)
    everyone = counts.sum(axis=0) if timed.any() else np.ones(DAY_MINUTES)
    counts = np.where(counts.sum(axis=1, keepdims=True) > 0, counts, everyone)
    share = np.cumsum(counts, axis=1) / counts.sum(axis=1, keepdims=True)
    return np.concatenate([np.zeros((len(share), 1)), share], axis=1)


@dataclass(frozen=True, eq=False)
class _Cases:
    """Events near the planned days: local day from the first planned one, minute of it (-1: unknown), span, kind."""

    day: Ints
    minute: Ints
    span: Ints
    kind: Ints
    profile: Floats

    @classmethod
    def of(cls, rows: Panel, near: Ints, first: int, profile: Floats) -> _Cases:
        span = np.zeros(len(near), np.int64) if rows.span is None else rows.span[near].astype(np.int64)
        return cls(
            rows.day[near].astype(np.int64) - first, rows.minute[near].astype(np.int64), span,
            rows.kind[near].astype(np.int64), profile,
        )  # fmt: skip

    def part(self, start: int, stop: int) -> Floats:
        """Return the part of each event in [start, stop), local minutes from the first planned midnight."""
        midnight = self.day * DAY_MINUTES
        begin, end = midnight + self.minute, midnight + self.minute + self.span
        overlap = np.clip(np.minimum(end, stop) - np.maximum(begin, start), 0, None) / np.maximum(self.span, 1)
        part = np.where(self.span > 0, overlap, (begin >= start) & (begin < stop))
        low, high = (np.clip(minute - midnight, 0, DAY_MINUTES) for minute in (start, stop))
        return np.where(self.minute < 0, self.profile[self.kind, high] - self.profile[self.kind, low], part)


def _window(shift: Shift, first_day: dt.date, timezone: str) -> tuple[int, int]:
    """Return start and stop in local clock minutes from midnight of the first planned day."""
    zone, midnight = zoneinfo.ZoneInfo(timezone), dt.datetime.combine(first_day, dt.time())
    start, stop = (time.astimezone(zone).replace(tzinfo=None) - midnight for time in (shift.start, shift.stop))
    return start // dt.timedelta(minutes=1), stop // dt.timedelta(minutes=1)


def _by_shares(day: Ints, shifts: Sequence[Shift], first_day: dt.date) -> tuple[Floats, Floats]:
    """Return parts in each shift, and in the planned days, where the job gives the shares of its shifts."""
    planned = np.array([(shift.day - first_day).days for shift in shifts])
    share = np.array([shift.share or 0.0 for shift in shifts])
    parts = (day[:, None] == planned) * share
    return parts, ((day >= 0) & (day <= planned.max())).astype(np.float64)


def _of_watch(shift: Shift, minute: Ints, kind: Ints, profile: Floats, known: Panel) -> Floats:
    """Return the part of each event that lies in the hours of a shift, on any day."""
    if known.precision != "minute":
        return np.full(len(minute), shift.share or 0.0)
    start, stop = _window(shift, shift.day, known.timezone)
    inside = (minute - start) % DAY_MINUTES < stop - start
    today = profile[kind, min(stop, DAY_MINUTES)] - profile[kind, start]
    spread = today + profile[kind, max(0, stop - DAY_MINUTES)]
    return np.where(minute < 0, spread, inside)


def _on_cells(parts: Floats, cell: Ints, n_cells: int) -> Floats:
    return np.stack([np.bincount(cell, column, n_cells) for column in parts.T])
