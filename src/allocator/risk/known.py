"""What a history says of itself on a day: days covered, rows known."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from allocator.domain import Bools, Floats, Ints, Panel


def covered(panel: Panel, day: int, horizon: int) -> npt.NDArray[np.bool_]:
    """Return the kinds for which the source covers all the `horizon` days from `day`, (n_kinds,) bool."""
    return np.asarray(panel.days_observed[day : day + horizon].all(axis=0))


def known_on(panel: Panel, day: int) -> npt.NDArray[np.bool_]:
    """Return the rows of the panel that are known at the start of `day`."""
    known = panel.day < day
    return known if panel.reported is None else known & (panel.reported < day)


def sums(panel: Panel, rows: Ints | Bools | slice, weight: Floats | None = None) -> Floats:
    """Return the (weighted) counts of chosen rows, (n_kinds, n_cells) float64, at least 0."""
    shape = len(panel.kinds), panel.city.n_cells
    place = panel.kind[rows].astype(np.int64) * shape[1] + panel.cell[rows]
    amount = panel.count[rows] if weight is None else panel.count[rows] * weight
    return np.asarray(np.maximum(np.bincount(place, amount, shape[0] * shape[1]), 0.0).reshape(shape))
