"""How the events of a week fall on its days, where times carry no time of day."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from allocator.domain import Floats, Ints, Panel

STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Weights of the parent profile, in events, from which the one of greatest likelihood is taken."""


def weekday_shares(panel: Panel) -> npt.NDArray[np.float32]:
    """Return the share of each weekday in the events of each cell, (7, n_kinds, n_cells) float32.

    Each level, cell to district to city, is a Dirichlet-multinomial with the level above as its mean; the strength of
    the parent is the one of greatest likelihood.
    """
    city, n_kinds = panel.city, len(panel.kinds)
    district, n_districts = np.where(city.district < 0, len(city.districts), city.district), len(city.districts) + 1
    weekday = (panel.day.astype(np.int64) + panel.first_day.weekday()) % 7
    place = (panel.kind.astype(np.int64) * city.n_cells + panel.cell) * 7 + weekday
    counts = np.bincount(place, minlength=n_kinds * city.n_cells * 7).reshape(n_kinds, city.n_cells, 7)
    shares = np.empty((7, n_kinds, city.n_cells), np.float32)
    for kind in range(n_kinds):
        days = counts[kind].T.astype(np.float64)
        upper, lower = _strengths(days, district, n_districts)
        by_district = np.stack([np.bincount(district, c, n_districts) for c in days])
        top = ((days.sum(axis=1) + 1 / 7) / (days.sum() + 1))[:, None]
        middle = (by_district + upper * top) / (by_district.sum(axis=0) + upper)
        shares[:, kind] = (days + lower * middle[:, district]) / (days.sum(axis=0) + lower)
    return shares


def _strengths(blocks: Floats, district: Ints, n_districts: int) -> tuple[float, float]:
    """Return the weight of the city's profile in a district's, and of the district's in a cell's, in events.

    The likelihood is that of the Dirichlet-multinomial; see Minka (2000), Estimating a Dirichlet distribution.

    Parameters
    ----------
    blocks : (n_blocks, n_cells)
        Events of one kind in each block of the week; the blocks share none.
    """
    by_district = np.stack([np.bincount(district, weight, n_districts) for weight in blocks]).astype(np.float64)
    top = (blocks.sum(axis=1) + 1 / len(blocks)) / (blocks.sum() + 1)
    upper = _likeliest(by_district, np.repeat(top[:, None], n_districts, axis=1).astype(np.float64))
    middle = (by_district + upper * top[:, None]) / (by_district.sum(axis=0) + upper)
    return upper, _likeliest(blocks, middle[:, district])


def _likeliest(counts: Floats, parent: Floats) -> float:
    """Return the strength of greatest Dirichlet-multinomial likelihood of counts around their parent's shares."""
    total = counts.sum(axis=0)
    used = np.flatnonzero(total > 0)
    slot, place = np.nonzero(counts[:, used])
    n, p, sums = counts[slot, used[place]], parent[slot, used[place]], total[used]
    likelihood = [
        float((gammaln(s) - gammaln(sums + s)).sum() + (gammaln(n + s * p) - gammaln(s * p)).sum()) for s in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(likelihood))]
