"""Counts per week, against earlier periods, and by hour and weekday."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd

from allocator.domain import ALL_KINDS, Bools, Floats, Ints, Panel, freeze
from allocator.facts import Note, note

ALL_DISTRICTS = "all"
"""Name of the whole area in tables."""

_WINDOW = 28
_SAME_WEEKDAYS = 364
_ONE_DAY = dt.timedelta(days=1)


@dataclass(frozen=True, eq=False)
class WeeklyCounts:
    """Counts per kind, district and week; a week is seven local days, the last ends with the history.

    Parameters
    ----------
    kinds, districts : tuple of str
        Kinds and districts.
    counts : (n_kinds, n_districts + 1, n_weeks) int64
        The last row of the districts is the whole area.
    first_day : datetime.date
        First day of week 0.
    covered : (n_kinds, n_weeks) bool
        False where the source does not cover a kind: a gap in the records, not a week without crime.
    """

    kinds: tuple[str, ...]
    districts: tuple[str, ...]
    counts: Ints
    first_day: dt.date
    covered: Bools

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def n_weeks(self) -> int:
        """Number of weeks."""
        return int(self.counts.shape[2])

    @property
    def stop_day(self) -> dt.date:
        """First day after the last week."""
        return self.first_day + dt.timedelta(weeks=self.n_weeks)

    def day(self, week: int) -> dt.date:
        """Return the first day of a week."""
        return self.first_day + dt.timedelta(weeks=int(week))

    def table(self) -> pd.DataFrame:
        """Return `week, kind, district, events, covered`, one row per week, kind and district ("all": the area)."""
        n_kinds, n_places, n_weeks = self.counts.shape
        names = [*self.districts, ALL_DISTRICTS]
        return pd.DataFrame(
            {
                "week": np.tile([self.day(n).isoformat() for n in range(n_weeks)], n_kinds * n_places),
                "kind": np.repeat(self.kinds, n_places * n_weeks),
                "district": np.tile(np.repeat(names, n_weeks), n_kinds),
                "events": self.counts.ravel(),
                "covered": np.repeat(self.covered, n_places, axis=0).ravel(),
            }
        )


def weekly_counts(panel: Panel, *, stop: dt.date | None = None) -> WeeklyCounts:
    """Return the counts of whole weeks, counted back from `stop` (by default the end of the panel).

    Days before the first whole week are left out. A week in a gap of the panel, or without any event where chance
    would do that less than once in a million weeks, is marked as not covered.
    """
    end = panel.n_days if stop is None else min(panel.day_index(stop), panel.n_days)
    n_weeks = max(end // 7, 0)
    rows = panel.netted
    week = (rows.day.astype(np.int64) - (end - 7 * n_weeks)) // 7
    used = (week >= 0) & (week < n_weeks)
    district = panel.city.district[rows.cell[used]].astype(np.int64)
    n_districts = len(panel.city.districts)
    counts = np.zeros((len(panel.kinds), n_districts + 1, n_weeks), np.int64)
    kind, week, count = rows.kind[used], week[used], rows.count[used]
    np.add.at(counts, (kind, np.full(len(kind), n_districts), week), count)
    known = district >= 0
    np.add.at(counts, (kind[known], district[known], week[known]), count[known])
    total = counts[:, -1].sum(axis=0)
    usual = float(np.median(total)) if n_weeks else 0.0
    seen = panel.days_observed[end - 7 * n_weeks : end].reshape(n_weeks, 7, len(panel.kinds)).all(axis=1)
    return WeeklyCounts(
        kinds=panel.kinds, districts=panel.city.districts, counts=counts,
        first_day=panel.first_day + (end - 7 * n_weeks) * _ONE_DAY, covered=seen.T & ((total > 0) | (usual < 14)),
    )  # fmt: skip


def poisson_z(count: Floats, before: Floats, exposure: float = 1.0) -> Floats:
    """Return how far two counts are apart, about standard normal while the rate is the same.

    z = 2 (√a - √(e b)) / √(1 + e), where `a` was counted over `e` times the exposure of `b`. At equal exposure
    this is the score 2 (√a - √b) of Wheeler (2016), "Tables and graphs for monitoring temporal crime trends",
    International Journal of Police Science & Management 18(3), over √2, since both counts vary.

    Parameters
    ----------
    count, before : (n,) float64
        Counts; NaN gives NaN.
    exposure : float
        Days counted for `count` per day counted for `before`.
    """
    score = 2 * (np.sqrt(count) - np.sqrt(exposure * np.asarray(before, np.float64)))
    return np.asarray(score / np.sqrt(1 + exposure))


@dataclass(frozen=True, eq=False)
class Trends:
    """Counts of recent days against earlier ones.

    Parameters
    ----------
    table : DataFrame
        `kind, district, last_28_days, before_28_days, z_before, year_earlier, z_year, year_to_date,
        last_year_to_date, z_year_to_date`; missing where the history does not reach back.
    last_day : datetime.date
        Last day counted.
    hours : (n_kinds + 1, 7, 24) int64, optional
        Events by weekday (Monday first) and local hour, all kinds last; None where the file has no times of day.
    kinds : tuple of str
        Kinds of `hours`, "all" last.
    timed : int
        Events with a known time of day.
    notes : tuple of Note
        What a reader should know.
    """

    table: pd.DataFrame
    last_day: dt.date
    hours: Ints | None
    kinds: tuple[str, ...]
    timed: int
    notes: tuple[Note, ...]


def find_trends(panel: Panel, *, stop: dt.date | None = None) -> Trends:
    """Return the trend table of a panel and its counts by weekday and hour.

    Parameters
    ----------
    panel : Panel
        The history.
    stop : date, optional
        First day not counted; by default the end of the panel.
    """
    end = panel.stop_day if stop is None else min(stop, panel.stop_day)
    daily = _daily(panel)
    columns, notes = _comparisons(panel, daily, end)
    kinds = (*panel.kinds, ALL_KINDS)
    names = [*panel.city.districts, ALL_DISTRICTS]
    table = pd.DataFrame({"kind": np.repeat(kinds, len(names)), "district": np.tile(names, len(kinds)), **columns})
    hours = _hours(panel)
    if hours is None:
        notes.append(note("studies.no_hours", precision=panel.precision))
    elif unknown := int(panel.netted.count.sum()) - int(hours[-1].sum()):
        notes.append(note("studies.hours_unknown", count=unknown))
    timed = 0 if hours is None else int(hours[-1].sum())
    return Trends(table, end - _ONE_DAY, hours, kinds, timed, tuple(notes))


def _daily(panel: Panel) -> Ints:
    """Return cumulative counts, (n_kinds + 1, n_districts + 1, n_days + 1): entry d counts the days before d."""
    rows = panel.netted
    n_districts = len(panel.city.districts)
    counts = np.zeros((len(panel.kinds) + 1, n_districts + 1, panel.n_days + 1), np.int64)
    district = panel.city.district[rows.cell]
    known = district >= 0
    np.add.at(counts, (rows.kind[known], district[known], rows.day[known] + 1), rows.count[known])
    np.add.at(counts, (rows.kind, np.full(len(rows.kind), n_districts), rows.day + 1), rows.count)
    counts[-1] = counts[:-1].sum(axis=0)
    return np.cumsum(counts, axis=2)


def _comparisons(panel: Panel, daily: Ints, end: dt.date) -> tuple[dict[str, Floats], list[Note]]:
    def between(start: dt.date, stop: dt.date) -> Floats:
        first, last = (panel.day_index(day) for day in (start, stop))
        if first < 0 or last > panel.n_days:
            return np.full(daily.shape[0] * daily.shape[1], np.nan)
        return (daily[:, :, last] - daily[:, :, first]).ravel().astype(np.float64)

    month, year = dt.timedelta(days=_WINDOW), dt.timedelta(days=_SAME_WEEKDAYS)
    last = end - _ONE_DAY
    new_year, last_year = last.replace(month=1, day=1), last.replace(year=last.year - 1, month=1, day=1)
    same_day = dt.date(last.year - 1, last.month, min(last.day, 28 if last.month == 2 else 31)) + _ONE_DAY
    recent, before, earlier = between(end - month, end), between(end - 2 * month, end - month), None
    earlier = between(end - month - year, end - year)
    to_date, then = between(new_year, end), between(last_year, same_day)
    exposure = (end - new_year).days / (same_day - last_year).days
    columns = {
        "last_28_days": recent, "before_28_days": before, "z_before": poisson_z(recent, before),
        "year_earlier": earlier, "z_year": poisson_z(recent, earlier),
        "year_to_date": to_date, "last_year_to_date": then, "z_year_to_date": poisson_z(to_date, then, exposure),
    }  # fmt: skip
    notes = []
    if exposure != 1 and not np.isnan(then).all():
        days = (end - new_year).days, (same_day - last_year).days
        notes.append(note("studies.years_unlike", days=days[0], earlier=days[1]))
    short = {"the 28 days before": before, "the same days a year earlier": earlier, "last year to date": then}
    if missing := [name for name, counted in short.items() if np.isnan(counted).all()]:
        notes.append(note("studies.too_short_for", first=panel.first_day, comparisons=missing))
    return columns, notes


def _hours(panel: Panel) -> Ints | None:
    if panel.precision != "minute":
        return None
    rows = panel.netted
    known = rows.minute >= 0
    if not known.any():
        return None
    weekday = (rows.day[known] + panel.first_day.weekday()) % 7
    counts = np.zeros((len(panel.kinds) + 1, 7, 24), np.int64)
    np.add.at(counts, (rows.kind[known], weekday, rows.minute[known] // 60), rows.count[known])
    counts[-1] = counts[:-1].sum(axis=0)
    return counts
