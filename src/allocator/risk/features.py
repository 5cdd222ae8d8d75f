"""Histories of events, decayed in time and smoothed in space: the features of every model.

A *memory* is a decay in time (a half-life, or the plain long-run mean); a *bandwidth* is a smoothing in
space (0 is the cell itself, above 0 a Gaussian kernel). One component is one of each, scaled so that it reads
as "expected events in the next horizon, if only this mattered". `Histories.advance` moves the state forward
with the new events alone, so that an update equals a rebuild.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from allocator.errors import ConfigError
from allocator.kernels.history import decay, spread_events
from allocator.kernels.spatial import count_within, fill_within, gaussian_rows, neighbour_sum

if TYPE_CHECKING:
    from allocator.domain import Floats, Ints, Panel
    from allocator.tessellation import Tessellation

MAX_PAIRS = 200_000_000
"""Largest kernel: 8 bytes a pair, so 1.6 GB."""

RECENT_DAYS = 56
"""Window of the `recent` baseline: eight weeks."""

_REACH = 2.5
"""Kernels end at 2.5 bandwidths, which hold 96 % of a Gaussian's mass; rows are normalised afterwards."""


@dataclass(frozen=True, eq=False)
class Csr:
    """Rows of weights on neighbours: `indices[indptr[c]:indptr[c + 1]]`, with `weight` beside them."""

    indptr: npt.NDArray[np.int64]
    indices: npt.NDArray[np.int32]
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
    bins = binned(city, radius_m)
    length = np.empty(city.n_cells, np.int64)
    count_within(*bins, length)
    indptr = np.concatenate([[0], np.cumsum(length)])
    if indptr[-1] > MAX_PAIRS:
        raise ConfigError(
            f"{city.n_cells:,} cells have {indptr[-1]:,} neighbours within {radius_m:,.0f} m, more than memory allows "
            f"({MAX_PAIRS:,}): use larger cells, or smaller risk.bandwidths_m"
        )
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
    near = within(city, _REACH * bandwidth_m)
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
        widths = (0.0, *sorted(bandwidths))
        return cls(city, (*sorted(half_lives), np.inf), widths, tuple(gaussian(city, width) for width in widths))

    @property
    def n_components(self) -> int:
        """Bandwidths times memories, and the constant."""
        return len(self.bandwidths) * len(self.half_lives) + 1

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
    """

    space: Space
    n_kinds: int
    day: int = 0
    state: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

    def __post_init__(self) -> None:
        if not self.state.size:
            shape = (
                self.n_kinds,
                len(self.space.bandwidths),
                self.space.city.n_cells,
                len(self.space.half_lives),
            )
            self.state = np.zeros(shape)

    def advance(self, panel: Panel, day: int) -> None:
        """Move to the start of `day`, taking in the events that became known since.

        An event that is reported late enters when it is known, with the decay of its own day. Corrections
        enter as negative counts.
        """
        known = panel.day if panel.reported is None else np.maximum(panel.day, panel.reported)
        rows = np.flatnonzero((known >= self.day) & (known < day))
        lives = np.asarray(self.space.half_lives)
        decay(self.state, 0.5 ** ((day - self.day) / lives))
        age = (day - 1 - panel.day[rows]).astype(np.float64)
        amount = panel.count[rows, None] * 0.5 ** (age[:, None] / lives)
        for band, kernel in enumerate(self.space.kernels):
            spread_events(
                panel.cell[rows],
                panel.kind[rows],
                amount,
                band,
                kernel.indptr,
                kernel.indices,
                kernel.weight,
                self.state,
            )
        self.day = day

    def scale(self, horizon: int) -> npt.NDArray[np.float64]:
        """Return the factors per memory that turn sums into expected events per horizon."""
        lives = np.asarray(self.space.half_lives)
        with np.errstate(divide="ignore", invalid="ignore"):
            days = (1 - 0.5 ** (self.day / lives)) / (1 - 0.5 ** (1 / lives))
        days[np.isinf(lives)] = self.day
        return np.asarray(horizon / np.maximum(days, 1e-12))

    def rows(self, kind: Ints, cell: Ints, horizon: int) -> npt.NDArray[np.float32]:
        """Return the components of chosen kinds and cells, (n, n_components) float32; the constant is last."""
        out = np.empty((len(cell), self.space.n_components), np.float32)
        # Plain numpy: a kernel for this was 3 times its pandas twin, and saved less than 0.3 s of a Chicago fit.
        picked = self.state[kind, :, cell] * self.scale(horizon)
        out[:, :-1] = np.maximum(picked, 0.0).reshape(len(cell), -1)
        area = self.space.city.area_km2
        out[:, -1] = (area / area.sum())[cell]
        return out

    def totals(self, horizon: int) -> npt.NDArray[np.float64]:
        """Return the sum of each component over all cells, (n_kinds, n_components)."""
        sums = np.maximum(self.state, 0.0).sum(axis=2) * self.scale(horizon)
        flat = sums.reshape(self.n_kinds, -1)
        return np.concatenate([flat, np.ones((self.n_kinds, 1))], axis=1)


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The features of every cell and kind at the start of one day.

    Parameters
    ----------
    components : (n_kinds, n_cells, n_components) float32
        Expected events per horizon by component; the constant is last.
    recent : (n_kinds, n_cells) float32
        Events of the last `RECENT_DAYS` days, per horizon.
    context : (n_kinds, n_cells, n_context) float32
        The columns of `CONTEXT`.
    """

    components: npt.NDArray[np.float32]
    recent: npt.NDArray[np.float32]
    context: npt.NDArray[np.float32]


CONTEXT = (
    "kind",
    "area_km2",
    "all kinds, long run, cell",
    "all kinds, long run, around",
    "all kinds, newest, around",
    "district, long run",
    "district, newest over long run",
    "city, newest over long run",
)
"""Columns that only the boosted model reads, beside the components."""


def context(histories: Histories, horizon: int) -> npt.NDArray[np.float32]:
    """Return the columns of `CONTEXT` for all kinds and cells, (n_kinds, n_cells, n_context) float32."""
    city, state = histories.space.city, histories.state
    scale = histories.scale(horizon)
    middle = min(2, state.shape[1] - 1)
    newest, long_run = state[..., 0] * scale[0], state[..., -1] * scale[-1]
    out = np.empty((*state.shape[0:3:2], len(CONTEXT)), np.float32)
    district = np.where(city.district < 0, len(city.districts), city.district)
    area = np.maximum(np.bincount(district, city.area_km2, len(city.districts) + 1), 1e-9)
    for kind in range(histories.n_kinds):
        old = np.bincount(district, long_run[kind, 0], len(city.districts) + 1)
        new = np.bincount(district, newest[kind, 0], len(city.districts) + 1)
        out[kind, :, 0] = kind
        out[kind, :, 5] = (old / area)[district] * city.area_km2
        out[kind, :, 6] = ((new + 1) / (old + 1))[district]
        out[kind, :, 7] = (new.sum() + 1) / (old.sum() + 1)
    out[:, :, 1] = city.area_km2
    out[:, :, 2] = long_run[:, 0].sum(axis=0)
    out[:, :, 3] = long_run[:, middle].sum(axis=0)
    out[:, :, 4] = newest[:, middle].sum(axis=0)
    return out


def snapshot(histories: Histories, panel: Panel, horizon: int) -> Snapshot:
    """Return the features of every cell and kind at the histories' day."""
    n_kinds, n_cells = histories.n_kinds, histories.space.city.n_cells
    cell, kind = np.tile(np.arange(n_cells), n_kinds), np.repeat(np.arange(n_kinds), n_cells)
    components = histories.rows(kind, cell, horizon).reshape(n_kinds, n_cells, -1)
    return Snapshot(components, recent(panel, histories.day, horizon), context(histories, horizon))


def recent(panel: Panel, day: int, horizon: int) -> npt.NDArray[np.float32]:
    """Return events of the last `RECENT_DAYS` days known on `day`, per horizon, (n_kinds, n_cells) float32."""
    span = min(RECENT_DAYS, day)
    rows = (panel.day >= day - span) & (panel.day < day)
    if panel.reported is not None:
        rows &= panel.reported < day
    return np.asarray(_counts(panel, rows) * (horizon / max(span, 1)), np.float32)


def outcome(panel: Panel, day: int, horizon: int) -> npt.NDArray[np.float32]:
    """Return events of the `horizon` days from `day`, (n_kinds, n_cells) float32."""
    netted = panel.netted
    return np.asarray(_counts(netted, (netted.day >= day) & (netted.day < day + horizon)), np.float32)


def _counts(panel: Panel, rows: npt.NDArray[np.bool_]) -> Floats:
    shape = len(panel.kinds), panel.city.n_cells
    place = panel.kind[rows].astype(np.int64) * shape[1] + panel.cell[rows]
    counts = np.bincount(place, panel.count[rows], shape[0] * shape[1])
    return np.maximum(counts, 0).reshape(shape)


def near_counts(panel: Panel, *, day: int, days: int, radius_m: float) -> npt.NDArray[np.int32]:
    """Return events within `radius_m` of each cell in the last `days` days, (n_cells, n_kinds) int32."""
    near = within(panel.city, radius_m)
    values = _counts(panel, (panel.day >= day - days) & (panel.day < day)).T.copy()
    out = np.empty_like(values)
    neighbour_sum(values, near.indptr, near.indices, out)
    return out.astype(np.int32)
