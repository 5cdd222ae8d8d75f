"""The sums of a backtest per fold, pooled over folds, with draws of the bootstrap."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from allocator.domain import ALL_KINDS, Floats
from allocator.evaluation.bootstrap import block_length, block_weights, interval, resample
from allocator.evaluation.forecasts.metrics import METRICS
from allocator.facts import Note

DRAWS = 1000
DEFAULT_SHARE = 0.01
PLACE_METRICS = ("hit_rate", "pai", "pei_star", "rri")


@dataclass(frozen=True)
class Skipped:
    """A kind that was not scored in a fold.

    Parameters
    ----------
    fold : int
        Number of the fold.
    cutoff : datetime.date
        Its first day.
    kind : str
        The kind, or "all".
    reason : str
        Why.
    """

    fold: int
    cutoff: dt.date
    kind: str
    reason: str


@dataclass(frozen=True, eq=False)
class Pooled:
    """Sums of a backtest per fold, pooled over folds.

    Whatever is pooled over folds is pooled by sums: events found over events there were, not a mean of weekly
    ratios. A window without events of a kind has no hit rate of its own; its expected events still count. The kind
    "all" is all kinds added up per cell. Intervals are those of a moving-block bootstrap over folds, 95 %.

    Parameters
    ----------
    models, kinds : tuple of str
        Models tested, and kinds with "all" last.
    cutoffs : tuple of datetime.date
        First day of each fold's window.
    horizon_days : float
        Length of what was forecast.
    horizon_name : str
        The same in words.
    step_days : int
        Days from one cutoff to the next.
    overlap : int
        Number of neighbouring folds whose windows share days; 1 where none do.
    area_shares, shares : tuple of float
        Shares of the area asked for, and those of the sums (with the points of the hit-rate curve).
    baselines : tuple of str
        Those of the models that are baselines: all of the registry but mixture and boosted, fixed before the test.
    sums : mapping of str to (n_folds, n_models, n_kinds, width) float64
        Sums behind the metrics: width is 1, the number of shares, or 10 deciles. NaN where nothing was scored.
    chosen : tuple of tuple of tuple of str
        Model used, by (fold, model, kind): what "auto" took.
    skipped : tuple of Skipped
        What was not scored.
    notes : tuple of Note
        What a reader must know to judge the scores.
    seed : int
        Seed of the bootstrap.
    """

    models: tuple[str, ...]
    kinds: tuple[str, ...]
    cutoffs: tuple[dt.date, ...]
    horizon_days: float
    horizon_name: str
    step_days: int
    overlap: int
    area_shares: tuple[float, ...]
    shares: tuple[float, ...]
    baselines: tuple[str, ...]
    sums: Mapping[str, Floats]
    chosen: tuple[tuple[tuple[str, ...], ...], ...]
    skipped: tuple[Skipped, ...] = ()
    notes: tuple[Note, ...] = ()
    seed: int = 0

    @property
    def n_folds(self) -> int:
        """Number of folds."""
        return len(self.cutoffs)

    @property
    def default_share(self) -> float:
        """The share of the area that is shown first: 1 % if it was asked for, else the smallest."""
        return DEFAULT_SHARE if DEFAULT_SHARE in self.area_shares else self.area_shares[0]

    def best(self, kind: str, among: Sequence[str] | None = None) -> str:
        """Return the model of greatest pooled likelihood for a kind."""
        names = self.models if among is None else among
        row = self._pooled["loglik"][:, self.kinds.index(kind), 0]
        value = {name: row[self.models.index(name)] for name in names}
        return max(names, key=lambda name: (np.nan_to_num(value[name], nan=-np.inf), -self.models.index(name)))

    @property
    def subject(self) -> str:
        """The model that the summary is about: "auto" if it was tested, else the likeliest that is no baseline."""
        if "auto" in self.models:
            return "auto"
        return self.best(ALL_KINDS, [name for name in self.models if name not in self.baselines] or self.models)

    @cached_property
    def _weights(self) -> Floats:
        length = block_length(self.n_folds, overlap=self.overlap)
        return block_weights(self.n_folds, length, draws=DRAWS, seed=self.seed)

    @property
    def intervals_known(self) -> bool:
        """Whether there are folds enough to draw from: two different draws of blocks at least."""
        return self.n_folds - block_length(self.n_folds, overlap=self.overlap) >= 1

    @cached_property
    def _pooled(self) -> dict[str, Floats]:
        """Metrics pooled over folds, each (n_models, n_kinds, 1 or n_shares)."""
        return self._metrics({name: np.nansum(one, axis=0) for name, one in self._asked(self.sums).items()})

    @cached_property
    def _drawn(self) -> dict[str, Floats]:
        """The same for each draw of the bootstrap, draws first."""
        return self._metrics(resample(self._asked(self.sums), self._weights))

    def _asked(self, sums: Mapping[str, Floats]) -> dict[str, Floats]:
        """Return the sums at the shares asked for, without the deciles."""
        at = [self.shares.index(share) for share in self.area_shares]
        width = len(self.shares)
        return {
            name: one[..., at] if one.shape[-1] == width else one
            for name, one in sums.items()
            if not name.startswith("decile_")
        }

    def _metrics(self, sums: Mapping[str, Floats]) -> dict[str, Floats]:
        share = np.array(self.area_shares)
        values = {name: metric.of({**sums, "share": share}) for name, metric in METRICS.items()}
        for prefix, names in (("harm_", PLACE_METRICS), ("ceiling_", ("loglik", *PLACE_METRICS))):
            own = {name.removeprefix(prefix): one for name, one in sums.items() if name.startswith(prefix)}
            values |= {f"{prefix}{name}": METRICS[name].of({**own, "share": share}) for name in names}
        return values

    def _interval(self, draws: Floats) -> tuple[Floats, Floats]:
        if not self.intervals_known:
            return np.full(draws.shape[1:], np.nan), np.full(draws.shape[1:], np.nan)
        return interval(draws)
