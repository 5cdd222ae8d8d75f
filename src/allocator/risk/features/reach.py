"""How many cells kernels reach, and what does where that is more than memory holds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.spatial import cKDTree

from allocator.domain import Tessellation
from allocator.errors import ConfigError

MAX_PAIRS = 200_000_000
"""Pairs of cells of all kernels together: 8 bytes each, so 1.6 GB, and half of that again while one is made."""

REACH = 2.5
"""Kernels end at 2.5 bandwidths, which hold 96 % of a Gaussian's mass; rows are normalised afterwards."""

_SAMPLE = 2_000
"""Cells whose neighbours are counted: of 97,188 cells within 1,500 m the estimate is off by less than 1 %."""
_SPARE = 0.97
"""Share of the most pairs within which a size is said to do, as pairs are estimated."""
_KEYS = {"squares": "tessellation.size_m", "hexagons": "tessellation.edge_m"}


def check_reach(city: Tessellation, bandwidths_m: Sequence[float]) -> None:
    """Refuse kernels of more pairs of cells than memory holds, before any is made.

    Parameters
    ----------
    city : Tessellation
        The cells.
    bandwidths_m : sequence of float
        `risk.bandwidths_m`, ascending.

    Raises
    ------
    ConfigError
        With the bandwidths and the size of cells that would do.
    """
    if not city.is_placed or (pairs := _pairs_of(city, bandwidths_m)) <= MAX_PAIRS:
        return
    ways = []
    if narrower := _narrower(city, bandwidths_m, pairs):
        ways.append(f"risk.bandwidths_m = {_listed(narrower)}")
    ways += _larger_cells(city, pairs)
    raise ConfigError(
        f"{city.n_cells:,} cells have about {pairs:,} pairs within reach ({REACH:g} bandwidths) of risk.bandwidths_m = "
        f"{_listed(bandwidths_m)}, and memory is for {MAX_PAIRS:,}: {' or '.join(ways) or 'larger cells'} would do"
    )


def check_radius(city: Tessellation, radius_m: float) -> None:
    """Refuse neighbourhoods of more pairs of cells than memory holds.

    Raises
    ------
    ConfigError
        With the size of cells that would do.
    """
    if (pairs := pairs_within(city, radius_m)) > MAX_PAIRS / _SPARE:
        larger = " or ".join(_larger_cells(city, pairs)) or "larger cells"
        raise ConfigError(
            f"{city.n_cells:,} cells have about {pairs:,} pairs within {radius_m:,.0f} m of each other, and memory is "
            f"for {MAX_PAIRS:,}: {larger} would do"
        )


def pairs_within(city: Tessellation, radius_m: float) -> int:
    """Return how many pairs of cells, each with itself, lie within a radius: exact up to `_SAMPLE` cells."""
    if radius_m >= math.hypot(float(np.ptp(city.x)), float(np.ptp(city.y))):
        return int(city.n_cells) ** 2
    centres = np.column_stack([city.x, city.y])
    rows = np.unique(np.linspace(0, city.n_cells - 1, min(city.n_cells, _SAMPLE)).astype(np.int64))
    near = cKDTree(centres).query_ball_point(centres[rows], radius_m, return_length=True)
    return round(float(np.mean(near)) * city.n_cells)


def _pairs_of(city: Tessellation, bandwidths_m: Sequence[float]) -> int:
    return sum(pairs_within(city, REACH * width) for width in bandwidths_m)


def _narrower(city: Tessellation, bandwidths_m: Sequence[float], pairs: int) -> tuple[float, ...]:
    """Return the bandwidths cut at a width with which they do; none where it would be less than a cell."""
    most = bandwidths_m[-1] * math.sqrt(MAX_PAIRS / pairs)
    while most >= city.size_m:
        most = math.floor(most / 10) * 10.0
        cut = tuple(sorted({min(width, most) for width in bandwidths_m}))
        if _pairs_of(city, cut) <= _SPARE * MAX_PAIRS:
            return cut
        most = min(most - 10, 0.97 * most)
    return ()


def _larger_cells(city: Tessellation, pairs: int) -> list[str]:
    """Return the key and the size of cells that would do: n cells have n neighbours each, so by the fourth root."""
    if city.kind not in _KEYS:
        return []
    size = city.size_m * (pairs / (0.9 * MAX_PAIRS)) ** 0.25  # cells cut by the outline make it inexact by some 5 %
    return [f"{_KEYS[city.kind]} = {math.ceil(size / 10) * 10:g}"]


def _listed(widths: Sequence[float]) -> str:
    return f"[{', '.join(f'{width:g}' for width in widths)}]"
