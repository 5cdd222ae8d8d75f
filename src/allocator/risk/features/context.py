"""What forecasts see of a moment: smoothed histories and context."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain import Floats, Ints, Panel
from allocator.kernels.spatial import neighbour_sum
from allocator.risk.features.extras import Extras
from allocator.risk.features.histories import CONTEXT, Histories, Space, within
from allocator.risk.known import sums


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
) -> tuple[Callable[[Ints, Ints], npt.NDArray[np.float32]], Floats]:
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
            old, new = (np.bincount(group, counts[kind], n_labels + 1) for counts in (long_run, newest))
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
    outlooks = [extras.outlook(panel, kind, histories.day, horizon) for kind in kinds]
    return View(
        panel=panel, day=histories.day, window=window, horizon=horizon, space=histories.space,
        components=components(histories, window), context=context(histories, panel, window, extras),
        level=np.array([one.expected if one else np.nan for one in outlooks[: histories.n_kinds]]),
        level_dispersion=np.array([level.dispersion if level else 0.0 for level in outlooks]),
    )  # fmt: skip


def outcome(panel: Panel, day: int, horizon: int) -> npt.NDArray[np.float32]:
    """Return events of the `horizon` days from `day`, (n_kinds, n_cells) float32."""
    netted = panel.netted
    first, stop = np.searchsorted(netted.day, (day, day + horizon))
    return np.asarray(sums(netted, slice(first, stop)), np.float32)


def near_counts(panel: Panel, *, day: int, days: int, radius_m: float) -> npt.NDArray[np.int32]:
    """Return events within `radius_m` of each cell in the last `days` days, (n_cells, n_kinds) int32."""
    near = within(panel.city, radius_m)
    values = sums(panel, (panel.day >= day - days) & (panel.day < day)).T.copy()
    out = np.empty_like(values)
    neighbour_sum(values, near.indptr, near.indices, out)
    return out.astype(np.int32)
