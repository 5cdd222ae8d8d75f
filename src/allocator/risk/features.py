"""Histories of events, decayed in time and smoothed in space: the features of every model.

A *memory* is a decay in time (a half-life, or the plain long-run mean); a *bandwidth* is a smoothing in
space (0 is the cell itself, above 0 a Gaussian kernel). One component is one of each, scaled so that it reads
as "expected events in the next horizon, if only this mattered". `Histories.advance` moves the state forward
with the new events alone, so that an update equals a rebuild.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from allocator.errors import ConfigError
from allocator.kernels.history import decay, spread_events
from allocator.kernels.spatial import count_within, fill_within, gaussian_rows, neighbour_sum

if TYPE_CHECKING:
    from allocator.domain import Floats, Ints, Panel
    from allocator.risk.extras import Extras
    from allocator.tessellation import Tessellation

MAX_PAIRS = 200_000_000
"""Largest kernel: 8 bytes a pair, so 1.6 GB."""

REACH = 2.5
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
    if not city.is_placed:
        indptr, indices, steps = city.steps_within(radius_m, most=MAX_PAIRS)
        return Csr(indptr, indices, steps.astype(np.float32))
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
    state: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    exposure: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))
    last: npt.NDArray[np.float64] = field(default_factory=lambda: np.empty(0))

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
                panel.cell[rows],
                panel.kind[rows],
                amount,
                band,
                kernel.indptr,
                kernel.indices,
                kernel.weight,
                self.state,
            )
        new = rows[panel.count[rows] > 0]
        np.maximum.at(self.last, (panel.kind[new], panel.cell[new]), panel.day[new])
        self.day = day

    def expected(self, horizon: int) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64] | None]:
        """Return each history as expected events per horizon: of the kind itself, and of the other kinds.

        Two arrays shaped as `state`; the second is None where there is one kind only.
        """
        scale = horizon / np.maximum(self.exposure, 1e-9)
        own = np.maximum(self.state, 0.0) * scale[:, None, None, :]
        return own, (own.sum(axis=0) - own if self.n_kinds > 1 else None)


@dataclass(frozen=True, eq=False)
class View:
    """What is known at the start of one day, and what the models make of it.

    Parameters
    ----------
    panel : Panel
        The history; nothing known on `day` or later may be read.
    day : int
        The day, counted from the panel's first.
    window : int
        Days that components are expected events of: those of the training windows.
    horizon : int
        Days that rates are for.
    space : Space
        Cells, memories and kernels.
    components : (n_kinds, n_cells, n_components) float32
        Expected events per window by history: the kind itself (bandwidths × memories), the other kinds
        (alike, if there are any), and a constant that sums to 1.
    context : (n_kinds, n_cells, n_context) float32
        The columns of `context_names`.
    level : (n_kinds,) float64
        Expected events of the whole city over the horizon; NaN where the history is too short to say.
    level_dispersion : (n_kinds + 1,) float64
        Over-dispersion of the city's total around `level`; all kinds together last, for the present alone.
    """

    panel: Panel
    day: int
    window: int
    horizon: int
    space: Space
    components: npt.NDArray[np.float32]
    context: npt.NDArray[np.float32]
    level: Floats
    level_dispersion: Floats


def components(histories: Histories, horizon: int) -> npt.NDArray[np.float32]:
    """Return the histories of all kinds and cells, (n_kinds, n_cells, n_components) float32; see `View`."""
    n_kinds, n_cells = histories.n_kinds, histories.space.city.n_cells
    kind, cell = np.repeat(np.arange(n_kinds), n_cells), np.tile(np.arange(n_cells), n_kinds)
    rows, _ = component_rows(histories, horizon)
    return rows(kind, cell).reshape(n_kinds, n_cells, -1)


def component_rows(
    histories: Histories, horizon: int
) -> tuple[Callable[[Ints, Ints], npt.NDArray[np.float32]], npt.NDArray[np.float64]]:
    """Return a function that gathers the components of chosen kinds and cells, and the sums over all cells.

    The function gives (n, n_components) float32; the sums are (n_kinds, n_components) float64.
    """
    area = histories.space.city.area_km2
    parts = [part for part in histories.expected(horizon) if part is not None]
    constant = np.ones((histories.n_kinds, 1))
    own = np.einsum("kbcm->kbm", parts[0]).reshape(histories.n_kinds, -1)  # 5 times as fast as sum(axis=2)
    totals = [own, own.sum(axis=0) - own][: len(parts)]

    def rows(kind: Ints, cell: Ints) -> npt.NDArray[np.float32]:
        # Plain numpy: a kernel for this was 3 times its pandas twin, and saved less than 0.3 s of a Chicago fit.
        out = np.empty((len(cell), sum(total.shape[1] for total in totals) + 1), np.float32)
        start = 0
        for part in parts:
            picked = part[kind, :, cell].reshape(len(cell), part.shape[1] * part.shape[3])
            out[:, start : start + picked.shape[1]] = picked
            start += picked.shape[1]
        out[:, -1] = (area / area.sum())[cell]
        return out

    return rows, np.concatenate([*totals, constant], axis=1)


CONTEXT = (
    "kind",
    "area_km2",
    "district, long run",
    "district, newest over long run",
    "beat, long run",
    "beat, newest over long run",
    "days since the last here",
    "days since the last of any kind here",
    "season, cosine",
    "season, sine",
    "public holidays",
)
"""Columns of the boosted model and the regression, beside the components and the covariates."""


def context(histories: Histories, panel: Panel, horizon: int, extras: Extras) -> npt.NDArray[np.float32]:
    """Return the columns of `CONTEXT` and the covariates, (n_kinds, n_cells, n_context) float32."""
    city, n_kinds = histories.space.city, histories.n_kinds
    scale = horizon / np.maximum(histories.exposure, 1e-9)
    newest, long_run = histories.state[:, 0, :, 0] * scale[:, :1], histories.state[:, 0, :, -1] * scale[:, -1:]
    places = extras.at(panel, histories.day)
    out = np.empty((n_kinds, city.n_cells, len(CONTEXT) + places.shape[1]), np.float32)
    out[:, :, 0] = np.arange(n_kinds)[:, None]
    out[:, :, 1] = city.area_km2
    for column, label, n_labels in ((2, city.district, len(city.districts)), (4, city.beat, len(city.beats))):
        group = np.where(label < 0, n_labels, label)
        area = np.maximum(np.bincount(group, city.area_km2, n_labels + 1), 1e-9)
        for kind in range(n_kinds):
            old, new = (np.bincount(group, one[kind], n_labels + 1) for one in (long_run, newest))
            out[kind, :, column] = (old / area)[group] * city.area_km2
            out[kind, :, column + 1] = ((new + 1) / (old + 1))[group]
    out[:, :, 6] = np.minimum(histories.day - histories.last, 1000)
    out[:, :, 7] = np.minimum(histories.day - histories.last.max(axis=0), 1000)
    middle = panel.first_day.toordinal() + histories.day + horizon / 2
    out[:, :, 8], out[:, :, 9] = np.cos(2 * np.pi * middle / 365.2425), np.sin(2 * np.pi * middle / 365.2425)
    out[:, :, 10] = extras.holidays_in(panel, histories.day, horizon)
    out[:, :, len(CONTEXT) :] = places
    return out


def view(histories: Histories, panel: Panel, window: int, extras: Extras, *, horizon: int) -> View:
    """Return what is known at the histories' day, for models that were trained on windows of `window` days."""
    kinds: list[int | None] = [*range(histories.n_kinds), *([None] if histories.day == panel.n_days else [])]
    found = [extras.outlook(panel, kind, histories.day, horizon) for kind in kinds]
    return View(
        panel=panel, day=histories.day, window=window, horizon=horizon, space=histories.space,
        components=components(histories, window), context=context(histories, panel, window, extras),
        level=np.array([one.expected if one else np.nan for one in found[: histories.n_kinds]]),
        level_dispersion=np.array([one.dispersion if one else 0.0 for one in found]),
    )  # fmt: skip


def outcome(panel: Panel, day: int, horizon: int) -> npt.NDArray[np.float32]:
    """Return events of the `horizon` days from `day`, (n_kinds, n_cells) float32."""
    netted = panel.netted
    first, stop = np.searchsorted(netted.day, (day, day + horizon))
    return np.asarray(sums(netted, slice(first, stop)), np.float32)


def covered(panel: Panel, day: int, horizon: int) -> npt.NDArray[np.bool_]:
    """Return the kinds for which the source covers all the `horizon` days from `day`, (n_kinds,) bool."""
    return np.asarray(panel.days_observed[day : day + horizon].all(axis=0))


def known_on(panel: Panel, day: int) -> npt.NDArray[np.bool_]:
    """Return the rows of the panel that are known at the start of `day`."""
    known = panel.day < day
    return known if panel.reported is None else known & (panel.reported < day)


def sums(panel: Panel, rows: Any, weight: Floats | None = None) -> Floats:
    """Return the (weighted) counts of chosen rows, (n_kinds, n_cells) float64, at least 0."""
    shape = len(panel.kinds), panel.city.n_cells
    place = panel.kind[rows].astype(np.int64) * shape[1] + panel.cell[rows]
    amount = panel.count[rows] if weight is None else panel.count[rows] * weight
    return np.asarray(np.maximum(np.bincount(place, amount, shape[0] * shape[1]), 0.0).reshape(shape))


def near_counts(panel: Panel, *, day: int, days: int, radius_m: float) -> npt.NDArray[np.int32]:
    """Return events within `radius_m` of each cell in the last `days` days, (n_cells, n_kinds) int32."""
    near = within(panel.city, radius_m)
    values = sums(panel, (panel.day >= day - days) & (panel.day < day)).T.copy()
    out = np.empty_like(values)
    neighbour_sum(values, near.indptr, near.indices, out)
    return out.astype(np.int32)
