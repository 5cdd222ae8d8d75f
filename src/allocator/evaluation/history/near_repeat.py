"""The Knox test: whether events follow others near by and soon after more often than places and times alone explain.

Knox (1964), "The detection of space-time interactions", Applied Statistics 13; for crime Johnson et al. (2007),
"Space-time patterns of risk: a cross national assessment of residential burglary victimization", Journal of
Quantitative Criminology 23; bands and limits as in Ratcliffe's Near Repeat Calculator (2009).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.spatial import cKDTree

from allocator.domain import Events, Floats, Ints, Record, local_clock
from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.kernels.pairs import count_pairs

BANDS_M = (100.0, 200.0, 300.0, 400.0)
BANDS_DAYS = (1, 7, 14, 28)
SAME_PLACE_M = 1.0
"""Events nearer than this are at one place: agencies publish the block or address point, to about 1 m."""
MOST_PAIRS = 20_000_000
"""Pairs near in space that are kept (180 MB); with more, the oldest events are left out."""
MOST_KINDS, FEWEST_EVENTS = 12, 20
RAISED, LEVEL = 1.2, 0.05
"""A band counts as raised from this ratio on, if its pseudo p-value is at most this (Ratcliffe's limits)."""


@dataclass(frozen=True, eq=False)
class NearRepeat:
    """The Knox table of one kind.

    Parameters
    ----------
    table : DataFrame
        `near, soon, observed, expected, ratio, busiest_day, p_value, raised`, one row per band of distance and of
        days; `busiest_day` is the share of the pairs that begin on one and the same day.
    events : int
        Events tested.
    first_day, last_day : int
        Their first and last day.
    permutations : int
        Random orders that `expected` and `p_value` come from.
    note : Note, optional
        What was left out, in plain words; empty if nothing.
    """

    table: pd.DataFrame
    events: int
    first_day: int
    last_day: int
    permutations: int
    note: Note | None = None

    def sentence(self, kind: str) -> str:
        """Return the bands that are raised in plain words."""
        raised = self.table[self.table["raised"]]
        if not len(raised):
            return f"{kind}: no more near repeats than places and times alone explain ({self.events:,} events)."
        parts = []
        for near, rows in raised.groupby("near", sort=False):
            times = ", ".join(f"{band.ratio:.1f} times at {band.soon}{_one_day(band)}" for band in rows.itertuples())
            parts.append(f"at the {near} {times}" if near == SAME_PLACE else f"{near} away {times}")
        return f"{kind}: more pairs of events than places and times alone explain, {'; '.join(parts)}."


def _one_day(row: Record) -> str:
    return f" ({row.busiest_day:.0%} of them on one day)" if row.busiest_day >= 0.2 else ""


SAME_PLACE = "same place"


def knox_test(x: Floats, y: Floats, day: Ints, *, permutations: int = 199, seed: int = 0) -> NearRepeat:
    """Return the Knox table of events in bands of distance and of days, with Monte Carlo significance.

    The days are dealt anew over the places, `permutations` times; expected = mean count over these, pseudo
    p-value = (1 + number of orders with at least the observed count) / (1 + permutations). The test takes it that
    the map of risk stays as it is over the days given: hot spots that come and go over months raise the ratios too, so
    give it a year rather than ten.

    Parameters
    ----------
    x, y : (n,) float64
        Metres.
    day : (n,) int
        Days.
    permutations : int
        Number of random orders.
    seed : int
        Of the orders.

    Raises
    ------
    DataError
        If there are fewer than two events, or no two of them are near each other.
    """
    order = np.argsort(day, kind="stable")
    points, days = np.c_[np.asarray(x), np.asarray(y)][order].astype(np.float64), np.asarray(day)[order]
    if len(days) < 2:
        raise DataError(f"a near-repeat test needs at least two events, not {len(days)}")
    kept = _affordable(points, BANDS_M[-1])
    points, days = points[kept:], days[kept:]
    first, last = int(days[0]), int(days[-1])
    near_by = cKDTree(points).indices  # neighbours get neighbouring numbers, which halves the time of the counting
    points, days = points[near_by], days[near_by]
    pairs = _near_pairs(points)
    if not len(pairs.left):
        raise DataError(f"no two of the {len(days):,} events are within {BANDS_M[-1]:g} m of each other")
    observed, drawn = _counts(pairs, days, permutations=permutations, seed=seed)
    told = note("studies.oldest_left_out", count=kept) if kept else None
    table = _table(observed, drawn)
    table.insert(5, "busiest_day", _busiest_day(pairs, days, observed).ravel())
    return NearRepeat(table, len(days), first, last, permutations, told)


def near_repeats(
    events: Events, kinds: tuple[str, ...], *, days: int = 365, permutations: int = 199, seed: int = 0
) -> tuple[dict[str, NearRepeat], tuple[Note, ...]]:
    """Return the Knox table of each kind over the last `days`, and notes on the kinds that have none.

    Parameters
    ----------
    events : Events
        In metres; corrections (counts of -1) take away the events of their place, day and kind.
    kinds : tuple of str
        Kinds to test; the 12 most frequent are.
    """
    if events.precision == "month":
        return {}, (note("studies.near_repeat_months"),)
    day, _ = local_clock(events.time, events.timezone)
    rows = np.flatnonzero((day > day.max() - days) & np.isin(np.array(events.kinds, object)[events.kind], kinds))
    rows = rows[_netted(events, day, rows)]
    names = [events.kinds[row] for row in np.argsort(-np.bincount(events.kind[rows], minlength=len(events.kinds)))]
    tables: dict[str, NearRepeat] = {}
    notes = [note("studies.near_repeat_kinds", count=MOST_KINDS)] if len(kinds) > MOST_KINDS else []
    for kind in [name for name in names if name in kinds][:MOST_KINDS]:
        mine = rows[events.kind[rows] == events.kinds.index(kind)]
        if len(mine) < FEWEST_EVENTS:
            notes.append(note("studies.near_repeat_few", kind=kind, count=len(mine), least=FEWEST_EVENTS))
            continue
        try:
            one = knox_test(events.x[mine], events.y[mine], day[mine], permutations=permutations, seed=seed)
        except DataError as error:
            notes.append(note("studies.near_repeat_failed", kind=kind, because=error.message))
            continue
        tables[kind] = one
        if one.note is not None:
            notes.append(note("studies.of_kind", kind=kind, because=one.note))
    return tables, tuple(notes)


def _netted(events: Events, day: Ints, rows: Ints) -> Ints:
    """Return the positions in `rows` that are left when corrections took away events of their place, day and kind."""
    if not (events.count[rows] < 0).any():
        return np.arange(len(rows))
    key = np.c_[np.round(events.x[rows]), np.round(events.y[rows]), day[rows], events.kind[rows]]
    _, group = np.unique(key, axis=0, return_inverse=True)
    group = np.ravel(group)
    net = np.bincount(group, weights=events.count[rows])
    order = np.lexsort((-events.count[rows], group))
    starts = np.flatnonzero(np.r_[True, np.diff(group[order]) != 0])
    rank = np.arange(len(order)) - np.repeat(starts, np.diff(np.r_[starts, len(order)]))
    return np.sort(order[rank < net[group[order]]])


def _affordable(points: Floats, reach: float) -> int:
    """Return how many of the oldest events to leave out so that the pairs fit."""
    left_out = 0
    while True:
        tree = cKDTree(points[left_out:])
        n_pairs = (int(tree.count_neighbors(tree, reach)) - len(points) + left_out) // 2
        if n_pairs <= MOST_PAIRS:
            return left_out
        # Pairs grow with the square of the events.
        left_out = len(points) - int((len(points) - left_out) * 0.98 * np.sqrt(MOST_PAIRS / n_pairs))


@dataclass(frozen=True, eq=False)
class _Pairs:
    """Events near each other by row, and the band of their distance: 0 for the same place."""

    left: Ints
    right: Ints
    near: Ints


def _near_pairs(points: Floats) -> _Pairs:
    pairs = cKDTree(points).query_pairs(BANDS_M[-1], output_type="ndarray")
    left, right = (np.ascontiguousarray(pairs[:, side], np.int32) for side in (0, 1))
    del pairs
    apart = np.hypot(points[left, 0] - points[right, 0], points[left, 1] - points[right, 1])
    near = np.where(apart < SAME_PLACE_M, 0, 1 + np.searchsorted(BANDS_M, apart, side="left"))
    return _Pairs(left, right, np.minimum(near, len(BANDS_M)).astype(np.int8))


def _counts(pairs: _Pairs, days: Ints, *, permutations: int, seed: int) -> tuple[Ints, Ints]:
    """Return the pairs in each band of distance and of days, (bands, bands), and those of each random order."""
    band = np.searchsorted(BANDS_DAYS, np.arange(BANDS_DAYS[-1] + 1), side="left").astype(np.int8)
    order = (days - days.min()).astype(np.int32)
    observed = np.zeros((len(BANDS_M) + 1, len(BANDS_DAYS)), np.int64)
    count_pairs(pairs.left, pairs.right, pairs.near, order, band, observed)
    drawn = np.zeros((permutations, *observed.shape), np.int64)
    rng = np.random.default_rng(seed)
    for counts in drawn:
        count_pairs(pairs.left, pairs.right, pairs.near, rng.permutation(order), band, counts)
    return observed, drawn


def _busiest_day(pairs: _Pairs, days: Ints, observed: Ints) -> Floats:
    """Return the largest share of the pairs of each band whose earlier event falls on one and the same day."""
    day = days - days.min()
    apart = np.abs(day[pairs.left] - day[pairs.right])
    kept = apart <= BANDS_DAYS[-1]
    group = pairs.near[kept].astype(np.int64) * len(BANDS_DAYS) + np.searchsorted(BANDS_DAYS, apart[kept])
    n_days = int(day.max()) + 1
    earlier = np.minimum(day[pairs.left[kept]], day[pairs.right[kept]])
    by_day = np.bincount(group * n_days + earlier, minlength=observed.size * n_days).reshape(observed.size, n_days)
    return np.asarray(by_day.max(axis=1).reshape(observed.shape) / np.maximum(observed, 1))


def _table(observed: Ints, drawn: Ints) -> pd.DataFrame:
    places = [SAME_PLACE, *(f"{a:g} to {b:g} m" for a, b in zip((SAME_PLACE_M, *BANDS_M[:-1]), BANDS_M, strict=True))]
    firsts = (0, *(end + 1 for end in BANDS_DAYS[:-1]))
    times = [f"{a} to {b} days" for a, b in zip(firsts, BANDS_DAYS, strict=True)]
    expected = drawn.mean(axis=0)
    p_value = (1 + (drawn >= observed).sum(axis=0)) / (1 + len(drawn))
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.where(expected > 0, observed / expected, np.nan)
    return pd.DataFrame(
        {
            "near": np.repeat(places, len(times)), "soon": np.tile(times, len(places)), "observed": observed.ravel(),
            "expected": expected.ravel(), "ratio": ratio.ravel(), "p_value": p_value.ravel(),
            "raised": ((ratio >= RAISED) & (p_value <= LEVEL)).ravel(),
        }
    )  # fmt: skip
