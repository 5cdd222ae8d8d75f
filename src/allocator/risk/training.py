"""From a panel to the rows that models learn from."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from allocator.config import RiskSection
from allocator.domain import Bools, Floats, Ints, Panel
from allocator.errors import DataError
from allocator.risk.features import Extras, Histories, Space, View, component_rows, context, outcome, view
from allocator.risk.known import covered

MIN_TRAIN_WINDOWS = 8
MIN_COVERED = 4
STEP_DAYS = 7
SHORTER = (56, 28, 14, 7)
"""Window lengths in days to fall back on where the history cannot hold windows of the horizon."""


@dataclass(frozen=True, eq=False)
class Training:
    """Rows of past windows: all (cell, kind) with events, and zeros drawn with known probabilities.

    The sum of any component over *all* cells is kept exactly in `totals`, so likelihoods that are linear in
    the components need no zeros at all.

    Parameters
    ----------
    panel : Panel
        The history that the windows were cut from.
    space : Space
        Cells, memories and kernels.
    horizon : int
        Days of a window.
    days : tuple of int
        First day of each window, counted from the panel's first.
    n_own : int
        Windows before the held-out ones; those after them hold the kinds alone that are too new for more.
    covered : (n_windows, n_kinds) bool
        Which kinds the source covers in each window; the others have no rows and no totals.
    window : (n,) int16
        Window of each row, 0 the oldest.
    kind : (n,) int64
    cell : (n,) int64
    count : (n,) float32
        Events in the window.
    weight : (n,) float32
        1 over the probability of being drawn; 1 where there are events.
    components : (n, n_components) float32
    context : (n, n_context) float32
    context_names : tuple of str
        Names of the context columns.
    totals : (n_windows, n_kinds, n_components) float64
        Sums of the components over all cells.
    """

    panel: Panel
    space: Space
    horizon: int
    days: tuple[int, ...]
    n_own: int
    covered: Bools
    window: npt.NDArray[np.int16]
    kind: Ints
    cell: Ints
    count: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    context: npt.NDArray[np.float32]
    context_names: tuple[str, ...]
    totals: Floats

    @property
    def kinds(self) -> tuple[str, ...]:
        """The kinds."""
        return self.panel.kinds

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return len(self.days)

    @property
    def events(self) -> Floats:
        """Events of each window and kind, (n_windows, n_kinds)."""
        table = np.zeros(self.covered.shape)
        np.add.at(table, (self.window, self.kind), self.count)
        return table

    def windows(self, first: int, stop: int) -> Training:
        """Return the windows from `first` to before `stop`."""
        rows = (self.window >= first) & (self.window < stop)
        names = ("kind", "cell", "count", "weight", "components", "context")
        return Training(
            panel=self.panel, space=self.space, horizon=self.horizon, days=self.days[first:stop],
            n_own=max(0, min(stop, self.n_own) - first), covered=self.covered[first:stop],
            window=self.window[rows] - np.int16(first), **{name: getattr(self, name)[rows] for name in names},
            context_names=self.context_names, totals=self.totals[first:stop],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class HeldOut:
    """One window that no model was trained on.

    Parameters
    ----------
    view : View
        What was known when it began.
    actual : (n_kinds, n_cells) float32
        Its events.
    covered : (n_kinds,) bool
        The kinds that the source covers in it.
    """

    view: View
    actual: npt.NDArray[np.float32]
    covered: Bools


@dataclass(frozen=True, eq=False)
class History:
    """What one pass over a panel leaves: training rows, the held-out windows in full, and the present.

    Parameters
    ----------
    training : Training
        The windows that models are trained on; none of their days is held out.
    held_out : tuple of HeldOut
        The last windows.
    present : View
        What is known at the end of the panel.
    histories : Histories
        The state at the end of the panel.
    """

    training: Training
    held_out: tuple[HeldOut, ...]
    present: View
    histories: Histories


@dataclass(frozen=True)
class Windows:
    """First days of the training and of the held-out windows, oldest first, and the days of each."""

    training: tuple[int, ...]
    held_out: tuple[int, ...]
    length: int

    @property
    def all(self) -> tuple[int, ...]:
        """Training windows, then held-out ones."""
        return (*self.training, *self.held_out)


def windows_of(panel: Panel, horizon: int, options: RiskSection) -> Windows:
    """Return the windows that a panel gives for forecasts of `horizon` days.

    A window is as long as the horizon, but at least a week: a day or a shift takes its share of the week. Windows
    begin a week apart, so those of longer horizons overlap; none of training reaches into the held-out ones. Where
    the history is too short for that, windows are shorter than the horizon, and rates are scaled up.

    Raises
    ------
    DataError
        If the history is shorter than windows of a week need; the message says by how much.
    """
    unit = panel.period_days
    step = -(-STEP_DAYS // unit) * unit
    lengths = dict.fromkeys(-(-min(max(horizon, step), n) // unit) * unit for n in (max(horizon, step), *SHORTER))
    for length in sorted((n for n in lengths if n >= step), reverse=True):
        last = panel.n_days - length
        held_out = tuple(last - step * i for i in reversed(range(options.holdout_weeks)))
        newest = held_out[0] - length
        n_training = min((newest - options.burn_in_days) // step + 1, options.train_weeks)
        if n_training >= MIN_TRAIN_WINDOWS:
            return Windows(tuple(newest - step * i for i in reversed(range(n_training))), held_out, length)
    days = options.burn_in_days + (MIN_TRAIN_WINDOWS + options.holdout_weeks) * step
    raise DataError(
        f"the history is too short for the model: {panel.n_days} days ({panel.first_day} to {panel.stop_day}, "
        f"exclusive); it needs {days} ({options.burn_in_days} of burn-in and "
        f"{MIN_TRAIN_WINDOWS + options.holdout_weeks} windows of {step} days). "
        f"Give {days - panel.n_days} days more, or lower risk.holdout_weeks or risk.burn_in_days",
        count=panel.n_days,
    )


def read_history(panel: Panel, horizon: int, options: RiskSection, extras: Extras, *, seed: int) -> History:
    """Return training rows, held-out windows and the present state in one pass over the panel."""
    space = Space.of(panel.city, half_lives=options.half_lives_days, bandwidths=options.bandwidths_m)
    histories = Histories(space, len(panel.kinds))
    plan = windows_of(panel, horizon, options)
    positives = int(((panel.day >= plan.training[0]) & (panel.count > 0)).sum())
    zeros = max(options.boosted.rows - positives, options.boosted.rows // 3) / len(plan.training)
    draw = partial(_draw_zeros, wanted=zeros, rng=np.random.default_rng(seed))
    blocks, totals, seen = [], [], []
    in_training = np.stack([covered(panel, day, plan.length) for day in plan.training])
    new = in_training.sum(axis=0) < MIN_COVERED  # too new for a hold-out: such a kind learns from all there is
    held_out = []
    for day in plan.all:
        histories.advance(panel, day)
        whole, late = covered(panel, day, plan.length), day >= plan.held_out[0]
        if late:
            told = view(histories, panel, plan.length, extras, horizon=plan.length)
            held_out.append(HeldOut(told, outcome(panel, day, plan.length), whole & ~new))
        if not late or new.any():
            seen.append(whole & new if late else whole)
            block, sums = _rows(histories, panel, plan.length, extras, covered=seen[-1], draw=draw)
            blocks.append(block)
            totals.append(sums)
    window = np.repeat(np.arange(len(blocks), dtype=np.int16), [len(block["kind"]) for block in blocks])
    columns = {name: np.concatenate([block.pop(name) for block in blocks]) for name in list(blocks[0])}
    training = Training(
        panel=panel, space=space, horizon=plan.length, days=plan.all[: len(blocks)], n_own=len(plan.training),
        covered=np.stack(seen), window=window, **columns, context_names=extras.context_names, totals=np.stack(totals),
    )  # fmt: skip
    histories.advance(panel, panel.n_days)
    return History(training, tuple(held_out), view(histories, panel, plan.length, extras, horizon=horizon), histories)


def _rows(
    histories: Histories, panel: Panel, horizon: int, extras: Extras, *, covered: Bools,
    draw: Callable[[Floats, Floats], tuple[Ints, Ints, Floats]],
) -> tuple[dict[str, npt.NDArray[np.generic]], Floats]:  # fmt: skip
    counts = outcome(panel, histories.day, horizon) * covered[:, None]
    gather, totals = component_rows(histories, horizon)
    around = context(histories, panel, horizon, extras)
    kind, cell = np.nonzero(counts)
    likely = histories.state[:, min(2, len(histories.space.bandwidths) - 1), :, -1].sum(axis=0)
    zero_kind, zero_cell, weight = draw(likely, np.where(covered[:, None], counts, 1.0))
    kind, cell = np.concatenate([kind, zero_kind]), np.concatenate([cell, zero_cell])
    rows: dict[str, npt.NDArray[np.generic]] = {
        "kind": kind,
        "cell": cell,
        "count": counts[kind, cell],
        "weight": np.concatenate([np.ones(len(kind) - len(weight), np.float32), weight]),
        "components": gather(kind, cell),
        "context": around[kind, cell],
    }
    return rows, totals * covered[:, None]


def _draw_zeros(
    likely: Floats, counts: Floats, *, wanted: float, rng: np.random.Generator
) -> tuple[Ints, Ints, Floats]:
    """Draw about `wanted` rows without events, likelier where the rate is likely high.

    Zeros enter the Poisson likelihood as Σ λ, which is estimated best when the chance of being drawn is
    proportional to λ; the smoothed history of all kinds stands in for it, on a floor of a fifth of its mean.
    Systematic sampling: the sums over the sample vary far less than with independent draws.
    """
    size = np.where(counts == 0, likely + 0.2 * max(float(likely.mean()), 1e-9), 0.0).ravel()
    chance = np.minimum(1.0, size * (wanted / max(size.sum(), 1e-12)))
    steps = np.floor(np.cumsum(chance) + rng.random())
    drawn = np.flatnonzero(np.diff(steps, prepend=0.0) > 0)
    kind, cell = np.divmod(drawn, counts.shape[1])
    return kind, cell, (1 / chance[drawn]).astype(np.float32)
