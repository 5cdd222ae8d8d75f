"""Histories of events, decayed in time and smoothed in space: the features of every model.

A *memory* is a decay in time (a half-life, or the plain long-run mean); a *bandwidth* is a smoothing in
space (0 is the cell itself, above 0 a Gaussian kernel). One component is one of each, scaled so that it reads
as "expected events in the next horizon, if only this mattered". `Histories.advance` moves the state forward
with the new events alone, so that an update equals a rebuild.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from allocator.domain import Floats, Ints, Panel, Tessellation
from allocator.kernels.history import decay, spread_events
from allocator.kernels.spatial import count_within, fill_within, gaussian_rows
from allocator.risk.features.reach import MAX_PAIRS, REACH, check_radius, check_reach


@dataclass(frozen=True, eq=False)
class Csr:
    """Rows of weights on neighbours: `indices[indptr[c]:indptr[c + 1]]`, with `weight` beside them."""

    indptr: Ints
    indices: Ints
    weight: npt.NDArray[np.float32]


def binned(city: Tessellation, radius_m: float) -> tuple[Floats, Floats, Ints, Ints, Ints, Ints, int, float]:
    """Return the arguments that `count_within` and `fill_within` share: cell centres sorted into square bins."""
    x, y = city.x - city.x.min(), city.y - city.y.min()
    # Bins of at least the radius; at most about four million of them.
    side = max(radius_m, float(np.sqrt((np.ptp(x) + 1) * (np.ptp(y) + 1) / 4e6)))
    bin_x, bin_y = (x // side).astype(np.int64), (y // side).astype(np.int64)
    n_x, n_y = int(bin_x.max()) + 1, int(bin_y.max()) + 1
    number = bin_y * n_x + bin_x
    by_bin = np.argsort(number, kind="stable")
    start = np.searchsorted(number[by_bin], np.arange(n_x * n_y + 1))
    return x, y, bin_x, bin_y, start, by_bin, n_x, float(radius_m)


def within(city: Tessellation, radius_m: float) -> Csr:
    """Return, for each cell, the cells whose centres lie within `radius_m`, with the distance as weight."""
    if not city.is_placed:
        indptr, indices, steps = city.steps_within(radius_m, most=MAX_PAIRS)
        return Csr(indptr, indices, steps.astype(np.float32))
    check_radius(city, radius_m)
    bins = binned(city, radius_m)
    length = np.empty(city.n_cells, np.int64)
    count_within(*bins, length)
    indptr = np.concatenate([[0], np.cumsum(length)])
    indices, distance = np.empty(indptr[-1], np.int32), np.empty(indptr[-1], np.float32)
    fill_within(*bins, indptr, indices, distance)
    return Csr(indptr, indices, distance)


def gaussian(city: Tessellation, bandwidth_m: float) -> Csr:
    """Return a Gaussian kernel that spreads one event of a cell over its surroundings; each row sums to 1.

    Weights are proportional to the clipped area of the receiving cell. A bandwidth of 0 is the cell itself.
    """
    if bandwidth_m == 0:
        own = np.arange(city.n_cells + 1, dtype=np.int64)
        return Csr(own, own[:-1].astype(np.int32), np.ones(city.n_cells, np.float32))
    near = within(city, REACH * bandwidth_m)
    weight = np.empty(len(near.indices), np.float32)
    gaussian_rows(near.indptr, near.indices, near.weight, city.area_km2, float(bandwidth_m), weight)
    return Csr(near.indptr, near.indices, weight)


@dataclass(frozen=True, eq=False)
class Space:
    """What depends on the city and the settings alone, and so is built once.

    Parameters
    ----------
    city : Tessellation
        The cells.
    half_lives : tuple of float
        Days; the last memory is always the long-run mean (infinity).
    bandwidths : tuple of float
        Metres; the first is always 0, the cell itself.
    kernels : tuple of Csr
        One per bandwidth.
    """

    city: Tessellation
    half_lives: tuple[float, ...]
    bandwidths: tuple[float, ...]
    kernels: tuple[Csr, ...]

    @classmethod
    def of(cls, city: Tessellation, *, half_lives: Sequence[float], bandwidths: Sequence[float]) -> Space:
        """Return the space of `city` with the long-run memory and the cell itself added."""
        check_reach(city, sorted(bandwidths))
        widths = (0.0, *sorted(bandwidths))
        return cls(city, (*sorted(half_lives), np.inf), widths, tuple(gaussian(city, width) for width in widths))

    def n_components(self, n_kinds: int) -> int:
        """Bandwidths times memories of the kind itself, the same of the other kinds if there are any, a constant."""
        return len(self.bandwidths) * len(self.half_lives) * (1 + (n_kinds > 1)) + 1

    def component(self, bandwidth: int, memory: int) -> int:
        """Return the column of one bandwidth and memory; negative numbers count from the end."""
        return bandwidth % len(self.bandwidths) * len(self.half_lives) + memory % len(self.half_lives)


@dataclass(eq=False)
class Histories:
    """The decayed, smoothed histories at the start of one day; `advance` is the only thing that changes them.

    Parameters
    ----------
    space : Space
        Cells, memories and kernels.
    n_kinds : int
        Kinds of the panel.
    day : int
        Days of history seen.
    state : (n_kinds, n_bandwidths, n_cells, n_memories) float64
        Sums of decayed, smoothed counts. float64: in float32 the long-run sums of a nine-year history lose
        single events.
    exposure : (n_kinds, n_memories) float64
        Sums of the same decays over the days that the source covers.
    last : (n_kinds, n_cells) float64
        Day of the newest event; minus infinity before the first.
    """

    space: Space
    n_kinds: int
    day: int = 0
    state: Floats = field(default_factory=lambda: np.empty(0))
    exposure: Floats = field(default_factory=lambda: np.empty(0))
    last: Floats = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not self.state.size:
            cells, memories = self.space.city.n_cells, len(self.space.half_lives)
            self.state = np.zeros((self.n_kinds, len(self.space.bandwidths), cells, memories))
            self.exposure = np.zeros((self.n_kinds, memories))
            self.last = np.full((self.n_kinds, cells), -np.inf)

    def advance(self, panel: Panel, day: int) -> None:
        """Move to the start of `day`, taking in the events that became known since.

        An event that is reported late enters when it is known, with the decay of its own day. Corrections
        enter as negative counts.
        """
        known = panel.day if panel.reported is None else np.maximum(panel.day, panel.reported)
        rows = np.flatnonzero((known >= self.day) & (known < day))
        lives = np.asarray(self.space.half_lives)
        fading = 0.5 ** ((day - self.day) / lives)
        decay(self.state, fading)
        new_days = np.arange(self.day, min(day, panel.n_days))
        weight = 0.5 ** ((day - 1 - new_days)[:, None] / lives)
        covered = panel.days_observed[self.day : day].astype(np.float64)
        self.exposure = self.exposure * fading + np.einsum("dk,dm->km", covered, weight)
        amount = panel.count[rows, None] * 0.5 ** ((day - 1 - panel.day[rows])[:, None] / lives)
        for band, kernel in enumerate(self.space.kernels):
            spread_events(
                panel.cell[rows], panel.kind[rows], amount, band, kernel.indptr, kernel.indices, kernel.weight,
                self.state,
            )  # fmt: skip
        new = rows[panel.count[rows] > 0]
        np.maximum.at(self.last, (panel.kind[new], panel.cell[new]), panel.day[new])
        self.day = day

    def expected(self, horizon: int) -> tuple[Floats, Floats | None]:
        """Return each history as expected events per horizon: of the kind itself, and of the other kinds.

        Two arrays shaped as `state`; the second is None where there is one kind only.
        """
        scale = horizon / np.maximum(self.exposure, 1e-9)
        own = np.maximum(self.state, 0.0) * scale[:, None, None, :]
        return own, (own.sum(axis=0) - own if self.n_kinds > 1 else None)


CONTEXT = (
    "kind", "area_km2", "district, long run", "district, newest over long run", "beat, long run",
    "beat, newest over long run", "days since the last here", "days since the last of any kind here", "season, cosine",
    "season, sine", "public holidays",
)  # fmt: skip
"""Columns of the boosted model and the regression, beside the components and the covariates."""
