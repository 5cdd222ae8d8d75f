"""A self-exciting space-time point process on cells and days, fitted by EM."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from allocator.config import RiskSection
from allocator.domain import Floats, Panel, Tessellation
from allocator.kernels.excitation import excitation_pass
from allocator.risk.features import Csr, within
from allocator.risk.known import known_on, sums
from allocator.risk.models.baselines import Baseline, FittedBaseline, Moment, spread_by
from allocator.risk.training import Training

ITERATIONS = 15
MAX_DAYS = 365
"""Days of history that the branching is estimated on."""

_REACH = 2.5
_SIGMAS = (60.0, 400.0)
"""Bounds of the spread of triggered events, metres."""


@dataclass(frozen=True, eq=False)
class Branching:
    """Parameters of one kind.

    Parameters
    ----------
    offspring : float
        Expected events that one event triggers.
    decay : float
        Rate per day at which its influence fades.
    sigma_m : float
        Spread of the triggered events.
    background : (n_rows,) float64
        Chance of each row of the panel to be a background event; 1 - `offspring` where it was not fitted.
    """

    offspring: float
    decay: float
    sigma_m: float
    background: Floats


@dataclass(frozen=True, eq=False)
class SelfExciting:
    """Background and triggered events (ETAS), separated by EM; a baseline, never the default.

    Mohler, Short, Brantingham, Schoenberg & Tita (2011), Self-exciting point process modeling of crime, JASA 106,
    on cells and days: exponential decay in time, Gaussian spread in space, and a background of smoothed background
    events (the job's smallest bandwidth, each event left out of its own background). The forecast is background plus
    what past events still trigger, each with a weight fitted on the training windows like any baseline.
    """

    options: RiskSection
    seed: int = 0

    def fit(self, training: Training) -> FittedBaseline:
        """Return the fitted process."""
        stop = training.days[-1] + training.horizon
        fits = [branching(training.panel, kind, stop, training.space.kernels[min(1, len(training.space.kernels) - 1)])
                 for kind in range(len(training.kinds))]  # fmt: skip
        return Baseline(Intensity(tuple(fits)), self.options, self.seed).fit(training)


@dataclass(frozen=True, eq=False)
class Intensity:
    """The two columns of the process: background and triggered."""

    kinds: tuple[Branching, ...]

    def __call__(self, moment: Moment) -> Floats:
        """Return expected background and triggered events of the window, (n_kinds, n_cells, 2)."""
        panel, day = moment.panel, moment.day
        rows = np.flatnonzero(known_on(panel, day))
        columns = []
        for kind, one in enumerate(self.kinds):
            mine = rows[panel.kind[rows] == kind]
            kernel = moment.space.kernels[min(1, len(moment.space.kernels) - 1)]
            calm = spread_by(sums(panel, mine, one.background[mine])[kind : kind + 1], kernel)[0]
            calm = calm / moment.days()[kind] * moment.window
            q = np.exp(-one.decay)
            fresh = sums(panel, mine, (1 - q) * q ** (day - 1 - panel.day[mine]))[kind : kind + 1]
            excited = spread_by(fresh, gaussian_within(panel.city, one.sigma_m)[0])[0]
            columns.append(np.stack([calm, one.offspring * excited * (1 - q**moment.window) / (1 - q)], axis=1))
        return np.stack(columns)


def branching(panel: Panel, kind: int, stop: int, kernel: Csr) -> Branching:
    """Return the parameters of one kind by EM on the events known before day `stop`."""
    rows = np.flatnonzero(known_on(panel, stop) & (panel.kind == kind) & (panel.count > 0))
    rows = rows[panel.day[rows] >= stop - MAX_DAYS]
    offspring, decay, sigma = 0.3, 1 / 7, 150.0
    background = np.ones(len(rows))
    if len(rows) < 2:
        return Branching(0.0, decay, sigma, np.ones(len(panel.day)))
    day, cell = panel.day[rows].astype(np.float64), panel.cell[rows].astype(np.int64)
    days = max(float(day[-1] - day[0] + 1), 1.0)
    own = _own_weight(kernel)[cell]
    sums_of = np.zeros(3)
    for _ in range(ITERATIONS):
        field = spread_by(np.bincount(cell, background, panel.city.n_cells)[None].astype(np.float64), kernel)[0]
        calm = np.maximum(field[cell] - own * background, 1e-6) / days
        spread_to, square = gaussian_within(panel.city, sigma)
        state = np.zeros((panel.city.n_cells, 4))
        excitation_pass(
            day, cell, spread_to.indptr, spread_to.indices, spread_to.weight, square, calm, state, offspring, decay,
            background, sums_of,
        )  # fmt: skip
        if sums_of[0] < 1e-6:
            break
        offspring = float(np.clip(sums_of[0] / len(rows), 0.0, 0.95))
        decay = float(np.clip(-np.log1p(-min(sums_of[0] / sums_of[1], 0.999)), 1 / 60, 3.0))
        sigma = float(np.clip(round(np.sqrt(sums_of[2] / sums_of[0] / 2), -1), *_SIGMAS))
    everywhere = np.full(len(panel.day), 1 - offspring)
    everywhere[rows] = background
    return Branching(offspring, decay, sigma, everywhere)


def _own_weight(kernel: Csr) -> npt.NDArray[np.float32]:
    """Return the weight that each cell gives to itself, (n_cells,)."""
    row = np.repeat(np.arange(len(kernel.indptr) - 1), np.diff(kernel.indptr))
    return np.asarray(kernel.weight[row == kernel.indices])


@lru_cache(maxsize=16)
def gaussian_within(city: Tessellation, sigma_m: float) -> tuple[Csr, npt.NDArray[np.float32]]:
    """Return Gaussian weights to the cells around (rows sum to 1), and the squared distances in m²."""
    near = within(city, _REACH * sigma_m)
    square = near.weight.astype(np.float64) ** 2
    weight = city.area_km2[near.indices] * np.exp(-0.5 * square / sigma_m**2)
    row = np.repeat(np.arange(city.n_cells), np.diff(near.indptr))
    weight = weight / np.bincount(row, weight, city.n_cells)[row]
    return Csr(near.indptr, near.indices, weight.astype(np.float32)), square.astype(np.float32)
