"""From a panel to the rows that models learn from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from allocator.errors import DataError
from allocator.risk.features import CONTEXT, Histories, Snapshot, Space, context, outcome, recent, snapshot

if TYPE_CHECKING:
    from allocator.config import RiskSection
    from allocator.domain import Ints, Panel

MIN_TRAIN_WINDOWS = 8


@dataclass(frozen=True, eq=False)
class Training:
    """Rows of past windows: all (cell, kind) with events, and zeros drawn with known probabilities.

    The sum of any component over *all* cells is kept exactly in `totals`, so likelihoods that are linear in
    the components need no zeros at all.

    Parameters
    ----------
    space : Space
        Cells, memories and kernels.
    horizon : int
        Days of a window.
    kinds : tuple of str
        The kinds.
    window : (n,) int16
        Window of each row, 0 the oldest.
    kind : (n,) int64
    cell : (n,) int64
    count : (n,) float32
        Events in the window.
    weight : (n,) float32
        1 over the probability of being drawn; 1 where there are events.
    components : (n, n_components) float32
    recent : (n,) float32
    context : (n, n_context) float32
    totals : (n_windows, n_kinds, n_components) float64
        Sums of the components over all cells.
    recent_totals : (n_windows, n_kinds) float64
        The same for `recent`.
    """

    space: Space
    horizon: int
    kinds: tuple[str, ...]
    window: npt.NDArray[np.int16]
    kind: npt.NDArray[np.int64]
    cell: npt.NDArray[np.int64]
    count: npt.NDArray[np.float32]
    weight: npt.NDArray[np.float32]
    components: npt.NDArray[np.float32]
    recent: npt.NDArray[np.float32]
    context: npt.NDArray[np.float32]
    totals: npt.NDArray[np.float64]
    recent_totals: npt.NDArray[np.float64]

    @property
    def n_windows(self) -> int:
        """Number of windows."""
        return len(self.totals)

    def windows(self, first: int, stop: int) -> Training:
        """Return the windows from `first` to before `stop`."""
        rows = (self.window >= first) & (self.window < stop)
        names = ("kind", "cell", "count", "weight", "components", "recent", "context")
        return Training(
            space=self.space,
            horizon=self.horizon,
            kinds=self.kinds,
            window=self.window[rows] - np.int16(first),
            **{name: getattr(self, name)[rows] for name in names},
            totals=self.totals[first:stop],
            recent_totals=self.recent_totals[first:stop],
        )


@dataclass(frozen=True, eq=False)
class History:
    """What one pass over a panel leaves: training rows, the held-out windows in full, and the present.

    Parameters
    ----------
    training : Training
        All windows, the held-out ones last.
    held_out : tuple of (Snapshot, (n_kinds, n_cells) float32)
        Features and outcomes of the last windows.
    present : Snapshot
        Features at the end of the panel.
    histories : Histories
        The state at the end of the panel.
    """

    training: Training
    held_out: tuple[tuple[Snapshot, npt.NDArray[np.float32]], ...]
    present: Snapshot
    histories: Histories


def window_days(panel: Panel, horizon: int, options: RiskSection) -> list[int]:
    """Return the first days of the training and held-out windows, oldest first.

    Raises
    ------
    DataError
        If the history is shorter than the model needs; the message says by how much.
    """
    end = panel.n_days
    room = (end - options.burn_in_days) // horizon
    wanted = options.train_weeks + options.holdout_weeks
    needed = MIN_TRAIN_WINDOWS + options.holdout_weeks
    if room < needed:
        days = options.burn_in_days + needed * horizon
        raise DataError(
            f"the history is too short for the model: {end} days ({panel.first_day} to {panel.stop_day}, exclusive); "
            f"it needs {days} ({options.burn_in_days} of burn-in and {needed} windows of {horizon} days). "
            f"Give {days - end} days more, or lower risk.holdout_weeks or risk.burn_in_days",
            count=end,
        )
    n = min(room, wanted)
    return [end - horizon * (n - i) for i in range(n)]


def read_history(panel: Panel, horizon: int, options: RiskSection, *, seed: int) -> History:
    """Return training rows, held-out windows and the present state in one pass over the panel."""
    space = Space.of(panel.city, half_lives=options.half_lives_days, bandwidths=options.bandwidths_m)
    histories = Histories(space, len(panel.kinds))
    days = window_days(panel, horizon, options)
    rng = np.random.default_rng(seed)
    positives = int(((panel.day >= days[0]) & (panel.count > 0)).sum())
    zeros = max(options.boosted.rows - positives, options.boosted.rows // 3) / len(days)
    blocks, totals, recent_totals, held_out = [], [], [], []
    for number, day in enumerate(days):
        histories.advance(panel, day)
        counts, newest = outcome(panel, day, horizon), recent(panel, day, horizon)
        blocks.append(_rows(histories, counts, newest, horizon, zeros=zeros, rng=rng))
        totals.append(histories.totals(horizon))
        recent_totals.append(newest.sum(axis=1, dtype=np.float64))
        if number >= len(days) - options.holdout_weeks:
            held_out.append((snapshot(histories, panel, horizon), counts))
    window = np.repeat(np.arange(len(days), dtype=np.int16), [len(block["kind"]) for block in blocks])
    columns = {name: np.concatenate([block.pop(name) for block in blocks]) for name in list(blocks[0])}
    training = Training(
        space=space, horizon=horizon, kinds=panel.kinds, window=window, **columns,
        totals=np.stack(totals), recent_totals=np.stack(recent_totals),
    )  # fmt: skip
    histories.advance(panel, panel.n_days)
    return History(training, tuple(held_out), snapshot(histories, panel, horizon), histories)


def _rows(
    histories: Histories,
    counts: npt.NDArray[np.float32],
    newest: npt.NDArray[np.float32],
    horizon: int,
    *,
    zeros: float,
    rng: np.random.Generator,
) -> dict[str, npt.NDArray[np.generic]]:
    kind, cell = np.nonzero(counts)
    surroundings = context(histories, horizon)
    zero_kind, zero_cell, weight = _draw_zeros(surroundings, counts, zeros, rng)
    kind, cell = np.concatenate([kind, zero_kind]), np.concatenate([cell, zero_cell])
    return {
        "kind": kind,
        "cell": cell,
        "count": counts[kind, cell],
        "weight": np.concatenate([np.ones(len(kind) - len(weight), np.float32), weight]),
        "components": histories.rows(kind, cell, horizon),
        "recent": newest[kind, cell],
        "context": surroundings[kind, cell],
    }


def _draw_zeros(
    surroundings: npt.NDArray[np.float32],
    counts: npt.NDArray[np.float32],
    wanted: float,
    rng: np.random.Generator,
) -> tuple[Ints, Ints, npt.NDArray[np.float32]]:
    """Draw about `wanted` rows without events, likelier where the rate is likely high.

    Zeros enter the Poisson likelihood as Σ λ, which is estimated best when the chance of being drawn is
    proportional to λ; the smoothed history of all kinds stands in for it, on a floor of a fifth of its mean.
    Systematic sampling: the sums over the sample vary far less than with independent draws.
    """
    around = surroundings[:, :, CONTEXT.index("all kinds, long run, around")].astype(np.float64)
    size = np.where(counts == 0, around + 0.2 * max(float(around.mean()), 1e-9), 0.0).ravel()
    chance = np.minimum(1.0, size * (wanted / max(size.sum(), 1e-12)))
    steps = np.floor(np.cumsum(chance) + rng.random())
    drawn = np.flatnonzero(np.diff(steps, prepend=0.0) > 0)
    kind, cell = np.divmod(drawn, counts.shape[1])
    return kind, cell, (1 / chance[drawn]).astype(np.float32)
