"""Short round trips through points of the plane."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Metres = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]


@njit(cache=True, nogil=True)
def _distance(x: Metres, y: Metres, i: int, j: int) -> float:
    """Return sqrt((x_i - x_j)² + (y_i - y_j)²)."""
    return math.sqrt((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)


@njit(cache=True, nogil=True)
def closed_tours(x: Metres, y: Metres, indptr: Rows, tour: Rows) -> None:
    """Fill `tour` with point rows per group: argmin Σ |p_i p_{i+1}| by nearest neighbour and 2-opt."""
    for g in range(len(indptr) - 1):
        a, b = indptr[g], indptr[g + 1]
        for i in range(a, b):
            tour[i] = i
        for i in range(a + 1, b):
            best = i
            for j in range(i + 1, b):
                if _distance(x, y, tour[i - 1], tour[j]) < _distance(x, y, tour[i - 1], tour[best]) - 1e-9:
                    best = j
            tour[i], tour[best] = tour[best], tour[i]
        improved = b - a > 3
        while improved:
            improved = False
            for i in range(a, b - 2):
                for j in range(i + 2, b):
                    if i == a and j == b - 1:
                        continue
                    after = a if j == b - 1 else j + 1
                    now = _distance(x, y, tour[i], tour[i + 1]) + _distance(x, y, tour[j], tour[after])
                    new = _distance(x, y, tour[i], tour[j]) + _distance(x, y, tour[i + 1], tour[after])
                    if new < now - 1e-6:
                        low, high = i + 1, j
                        while low < high:
                            tour[low], tour[high] = tour[high], tour[low]
                            low += 1
                            high -= 1
                        improved = True
