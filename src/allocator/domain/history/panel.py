"""Counts on (period, cell, kind)."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Unpack

import numpy as np
import numpy.typing as npt

from allocator.domain.arrays import Bools, Ints, date_of, day_number, freeze, local_clock
from allocator.domain.history.counts import CountOptions, Counts, Published, kind_names
from allocator.domain.history.events import Events
from allocator.domain.history.gaps import (
    GAP_DAYS,
    GAP_EVENTS,
    MAX_GAPS,
    day_of,
    known_day,
    span_minutes,
    spread_over_month,
    usual_rate,
    whole_days,
    with_labels,
)
from allocator.domain.space import Adjacency, Tessellation
from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.keywords import keywords


@dataclass(frozen=True, eq=False)
class Panel:
    """Counts on (period, cell, kind), kept as one row per event.

    Parameters
    ----------
    city : Tessellation
        The cells.
    kinds : tuple of str
        The kinds.
    timezone : str
        Periods are local days (or runs of them) of this zone.
    first_day : datetime.date
        Local day on which period 0 starts.
    n_periods : int
        Number of periods.
    period_days : int
        Days per period.
    day : (n,) int32
        Local day of each event, counted from `first_day`; sorted.
    minute : (n,) int16
        Minute of the local day, -1 where unknown.
    cell : (n,) int32
        Row of `city`.
    kind : (n,) int16
        Row of `kinds`.
    count : (n,) int8
        +1, or -1 for a correction.
    reported : (n,) int32, optional
        Local day, counted from `first_day`, on which the agency knew of it.
    precision : {"minute", "day", "month"}
        How exact the times are; below "minute" the times of day mean nothing, below "day" the weekdays.
    outside : int
        Events left out because they lie in no cell.
    span : (n,) int32, optional
        Minutes over which the time of an event is uncertain, from `minute` on; 0 where it is known.
    observed : (n_days, n_kinds) bool, optional
        False where the source does not cover a kind: no event there is no zero. None: all is covered.
    notes : tuple of Note
        What a planner should know, in plain words.
    masks_gaps : bool
        Whether `observed` comes from `find_gaps`, so that `until` finds it anew.
    """

    city: Tessellation
    kinds: tuple[str, ...]
    timezone: str
    first_day: dt.date
    n_periods: int
    period_days: int
    day: Ints
    minute: Ints
    cell: Ints
    kind: Ints
    count: Ints
    reported: Ints | None = None
    precision: str = "minute"
    outside: int = 0
    span: Ints | None = None
    observed: Bools | None = None
    notes: tuple[Note, ...] = ()
    masks_gaps: bool = False

    def __post_init__(self) -> None:
        freeze(self)

    @classmethod
    def from_events(
        cls, events: Events, city: Tessellation, *, period: str = "1D", stop: dt.date | str | None = None,
        kinds: Sequence[str] | None = None, gaps: Literal["mask", "zero", "refuse"] = "mask",
    ) -> Panel:  # fmt: skip
        """Return the panel of `events` on the cells of `city`.

        Parameters
        ----------
        events : Events
            Placed events; they are projected to the city's coordinate system.
        city : Tessellation
            The cells.
        period : str
            Length of a period in days, "1D" or "7D" for instance.
        stop : date, optional
            First day after the panel; by default the day after the last event. Later events are left out.
        kinds : sequence of str, optional
            Kinds of the panel; by default those that occur.
        gaps : {"mask", "zero", "refuse"}
            What to make of long stretches without any event of a kind (see `find_gaps`): days that the source
            does not cover, true zeros, or an error.

        Raises
        ------
        DataError
            If no event lies in the city, or there are gaps and `gaps` is "refuse".
        """
        days = whole_days(period)
        events = events.to_crs(city.crs)
        cell = city.locate(events.x, events.y)
        names = tuple(kinds) if kinds is not None else tuple(events.kinds[k] for k in np.unique(events.kind))
        recode = np.array([names.index(k) if k in names else -1 for k in events.kinds], dtype=np.int16)
        kind = recode[events.kind] if len(events) else np.empty(0, np.int16)
        inside = (cell >= 0) & (kind >= 0)
        if not inside.any():
            raise DataError("no events left: none of the events lies in the area and is of a kind asked for")
        day, minute = local_clock(events.time, events.timezone)
        if events.precision == "month":
            day = spread_over_month(day)
        first = int(day[inside].min())
        last = _day_number(stop) if stop is not None else int(day[inside].max()) + 1
        n_periods = max(int(last > first), (last - first) // days)  # a last period that is cut is left out
        inside &= day < first + n_periods * days
        known = known_day(events, day)
        reported = None if known is None else known[inside].astype(np.int32) - first
        span = span_minutes(events)
        # 00:00 is often "unknown"; a true one is 1 in 1,440. An interval says itself how little is known.
        minute = np.where((minute == 0) & (span == 0), -1, minute)
        panel = cls(
            city=city, kinds=names, timezone=events.timezone, first_day=date_of(first), n_periods=n_periods,
            period_days=days, day=(day[inside] - first).astype(np.int32), minute=minute[inside].astype(np.int16),
            cell=cell[inside].astype(np.int32), kind=kind[inside].astype(np.int16),
            count=events.count[inside].astype(np.int8), reported=reported, precision=events.precision,
            outside=int((cell < 0).sum()), span=span[inside].astype(np.int32) if span.any() else None,
        )  # fmt: skip
        order = np.argsort(panel.day, kind="stable")
        return panel.take(order).with_gaps(gaps)

    @classmethod
    @keywords(Published)
    def from_counts(
        cls, counts: npt.ArrayLike, adjacency: Adjacency | Tessellation, *, first_day: dt.date | str,
        **options: Unpack[CountOptions],
    ) -> Panel:  # fmt: skip
        """Return the panel of an array of counts, such as published tensor benchmarks.

        Parameters
        ----------
        counts : (n_periods, n_regions, n_kinds) or (n_periods, n_regions)
            Whole numbers from 0 on. NaN in all regions: that kind was not observed in that period, which is masked.
        adjacency : (n_regions, n_regions) array of 0 and 1, scipy sparse matrix, (indptr, indices), or Tessellation
            The regions: see `Tessellation.regions`, which is called unless a tessellation is given.
        first_day : date
            First day of period 0.
        period : str
            "1D", "7D", "2W" for instance. A month, "1M", is taken as 30 days, and a note says so.
        kinds : sequence of str, optional
            Names of the kinds.
        timezone : str
            IANA name; public holidays are those of its country.
        area_km2, x, y : (n_regions,), optional
            Areas, and centres in metres.
        labels : sequence of date, optional
            First day of each period, from `first_day` on. Periods that are left out are masked.

        Raises
        ------
        DataError
            If the counts, the adjacency, the names or the labels are wrong; the message has the numbers.
        """
        asked = Published(**options)
        months = asked.period[-1:].upper() == "M" and asked.period[:-1].isdigit()
        days = 30 * int(asked.period[:-1]) if months else whole_days(asked.period)
        city = asked.city(adjacency)
        known = Counts.of(counts, city.n_cells)
        first = day_of(first_day)
        if asked.labels is not None:
            known = with_labels(known, [day_of(label) for label in asked.labels], first, days)
        n_periods, _, n_kinds = known.values.shape
        names = kind_names(asked.kinds, n_kinds)
        hidden = int((~known.observed).sum())
        notes = [note("history.months", days=days)] if months else []
        notes += [note("history.not_observed", count=hidden, total=known.observed.size)] if hidden else []
        return cls(
            city=city, kinds=names, timezone=asked.timezone, first_day=first, n_periods=n_periods, period_days=days,
            **known.rows(days), precision="day" if days == 1 else "month",
            observed=np.repeat(known.observed, days, axis=0) if hidden else None, notes=tuple(notes),
        )  # fmt: skip

    def with_gaps(self, gaps: str) -> Panel:
        """Return the panel with its gaps masked, taken for zeros, or (`refuse`) refused."""
        stretches = [] if gaps == "zero" or self.precision == "month" else self.find_gaps()
        if not stretches:
            return dataclasses.replace(self, masks_gaps=gaps == "mask")
        first = self.first_day
        days = [(self.kinds[kind], *(first + dt.timedelta(days=n) for n in (a, b - 1))) for kind, a, b in stretches]
        told = [note("history.gap", kind=kind, first=start, last=last) for kind, start, last in days]
        if gaps == "refuse":
            raise DataError(
                "the history has gaps, which would be taken for weeks without crime; mask them, or say that they are "
                "true zeros",
                faults=told,
                count=len(told),
            )
        observed = np.ones((self.n_days, len(self.kinds)), np.bool_)
        for kind, a, b in stretches:
            observed[a:b, kind] = False
        notes = tuple(note("history.gap_masked", gap=gap) for gap in told)
        return dataclasses.replace(self, observed=observed, notes=(*self.notes, *notes), masks_gaps=True)

    def find_gaps(self) -> list[tuple[int, int, int]]:
        """Return `(kind, first day, day after)` of stretches without events that are no chance.

        A stretch of at least `GAP_DAYS` days in which `GAP_EVENTS` events or more were expected, both from the four
        weeks beside it (the quieter side; at an end of the panel, the one side there is) and from the median four
        weeks of the rest of the history: a kind that comes in bursts has no gaps between them. A kind with more
        than `MAX_GAPS` such stretches is dated coarsely, and has none.
        """
        stretches = []
        for kind in range(len(self.kinds)):
            happened = self.day[(self.kind == kind) & (self.count > 0)]
            if not len(happened):
                continue
            per_day = np.bincount(happened, minlength=self.n_days)
            edges = np.concatenate([[-1], np.unique(happened), [self.n_days]])
            longest = [(int(edges[i]) + 1, int(edges[i + 1])) for i in np.flatnonzero(np.diff(edges) > GAP_DAYS)]
            gaps = [(kind, a, b) for a, b in longest if usual_rate(per_day, a, b) * (b - a) >= GAP_EVENTS]
            stretches += gaps if len(gaps) <= MAX_GAPS else []
        return stretches

    @property
    def n_days(self) -> int:
        """Number of local days covered."""
        return self.n_periods * self.period_days

    @property
    def stop_day(self) -> dt.date:
        """First local day after the panel."""
        return self.first_day + dt.timedelta(days=self.n_days)

    @cached_property
    def netted(self) -> Panel:
        """The panel with corrections netted per (period, cell, kind) and only positive rows left."""
        if not (self.count < 0).any():
            return self
        group = np.stack([self.day // self.period_days, self.cell, self.kind])
        order = np.lexsort((-self.count, *group[::-1]))
        sorted_group = group[:, order]
        starts = np.flatnonzero(np.r_[True, (np.diff(sorted_group) != 0).any(axis=0)])
        net = np.add.reduceat(self.count[order].astype(np.int64), starts)
        rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
        keep = rank < np.repeat(net, np.diff(np.r_[starts, len(order)]))
        return self.take(np.sort(order[keep]))

    @property
    def days_observed(self) -> Bools:
        """Which days are covered for which kind, (n_days, n_kinds) bool."""
        return np.ones((self.n_days, len(self.kinds)), np.bool_) if self.observed is None else self.observed

    @property
    def clipped(self) -> int:
        """Number of events by which net counts below 0 were clipped to 0."""
        if not (self.count < 0).any():
            return 0
        return int(self.netted.count.sum() - self.count.sum())

    @property
    def counts(self) -> npt.NDArray[np.int32]:
        """Dense counts, (n_periods, n_cells, n_kinds) int32; made anew on each call."""
        rows = self.netted
        counts = np.zeros((self.n_periods, self.city.n_cells, len(self.kinds)), np.int32)
        np.add.at(counts, (rows.day // self.period_days, rows.cell, rows.kind), rows.count)
        return counts

    def date(self, day: int) -> dt.date:
        """Return the date of a day counted from the panel's first."""
        return self.first_day + dt.timedelta(days=int(day))

    def day_index(self, day: dt.date | str) -> int:
        """Return the number of days from the panel's first day to `day`."""
        return _day_number(day) - _day_number(self.first_day)

    def until(self, cutoff: dt.date | str) -> Panel:
        """Return the panel as it was known at local midnight at the start of `cutoff`."""
        n_periods = max(0, min(self.day_index(cutoff), self.n_days) // self.period_days)
        known = self.day < n_periods * self.period_days  # a period that is cut is left out
        if self.reported is not None:
            known &= self.reported < self.day_index(cutoff)
        early = dataclasses.replace(self.take(known), n_periods=n_periods)
        if self.masks_gaps:  # anew, from what was known then: a later event must not open or close a gap
            notes = tuple(told for told in self.notes if told.cause != "history.gap_masked")
            return dataclasses.replace(early, observed=None, notes=notes).with_gaps("mask")
        observed = None if self.observed is None else self.observed[: early.n_days]
        return dataclasses.replace(early, observed=observed)

    def append(self, newer: Panel) -> Panel:
        """Return this panel followed by the periods of `newer`, which must begin where it stops."""
        if newer.first_day != self.stop_day or newer.kinds != self.kinds or newer.city is not self.city:
            raise ValueError(f"the newer panel must start on {self.stop_day}, with the same cells and kinds")
        reported, span, observed = None, None, None
        if self.reported is not None or newer.reported is not None:
            both = [p.day if p.reported is None else p.reported for p in (self, newer)]
            reported = np.concatenate([both[0], both[1] + np.int32(self.n_days)])
        if self.span is not None or newer.span is not None:
            span = np.concatenate([np.zeros(len(p.day), np.int32) if p.span is None else p.span for p in (self, newer)])
        if self.observed is not None or newer.observed is not None:
            observed = np.concatenate([self.days_observed, newer.days_observed])
        return dataclasses.replace(
            self, day=np.concatenate([self.day, newer.day + np.int32(self.n_days)]),
            minute=np.concatenate([self.minute, newer.minute]), cell=np.concatenate([self.cell, newer.cell]),
            kind=np.concatenate([self.kind, newer.kind]), count=np.concatenate([self.count, newer.count]),
            reported=reported, span=span, observed=observed, n_periods=self.n_periods + newer.n_periods,
            outside=self.outside + newer.outside, notes=tuple(dict.fromkeys((*self.notes, *newer.notes))),
        )  # fmt: skip

    def take(self, rows: Bools | Ints) -> Panel:
        """Return the panel with some of its rows."""
        arrays = {name: getattr(self, name)[rows] for name in ("day", "minute", "cell", "kind", "count")}
        optional = {name: value[rows] for name in ("reported", "span") if (value := getattr(self, name)) is not None}
        return dataclasses.replace(self, **arrays, **optional)

    def of_kinds(self, kinds: Sequence[str]) -> Panel:
        """Return the panel with some of its kinds; the days that it covers stay."""
        rows = [self.kinds.index(kind) for kind in kinds]
        recode = np.full(len(self.kinds), -1, np.int16)
        recode[rows] = np.arange(len(rows))
        others = set(self.kinds) - set(kinds)
        kept = self.take(recode[self.kind] >= 0)
        return dataclasses.replace(
            kept, kinds=tuple(kinds), kind=recode[kept.kind],
            observed=None if self.observed is None else self.observed[:, rows],
            notes=tuple(told for told in self.notes if not told.named("kind") & others),
        )  # fmt: skip


def _day_number(day: dt.date | str) -> int:
    return day_number(dt.date.fromisoformat(day) if isinstance(day, str) else day)
