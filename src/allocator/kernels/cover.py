"""Choosing visits one by one where each also helps the cells around."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Reals = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int32]


@njit(cache=True, nogil=True)
def greedy_cover(
    value: Reals, zone: Rows, cap: Rows, room: Rows, indptr: Rows, indices: Rows, share: float, a: float,
    blocks: Rows, dose: Reals, gain: Reals,
) -> None:  # fmt: skip
    """Add blocks one by one by argmax Δ Σ v (1 - exp(-a y)), y = x + share N x, while a zone has room."""
    n = len(value)
    taken = np.zeros(len(room), np.int32)
    for c in range(n):
        gain[c] = _gain(value, indptr, indices, share, a, dose, c)
    while True:
        best, most = -1, 0.0
        for c in range(n):
            z = zone[c]
            if gain[c] > most and z >= 0 and blocks[c] < cap[c] and taken[z] < room[z]:
                best, most = c, gain[c]
        if best < 0:
            break
        z = zone[best]
        taken[z] += 1
        _add(value, indptr, indices, share, a, blocks, dose, gain, best, 1)


@njit(cache=True, nogil=True)
def swap_cover(
    value: Reals, zone: Rows, cap: Rows, indptr: Rows, indices: Rows, share: float, a: float, blocks: Rows, dose: Reals,
    gain: Reals, most_swaps: int,
) -> int:  # fmt: skip
    """Move single blocks inside their zone while Σ v (1 - exp(-a y)) grows; return how many were moved."""
    n, moved = len(value), 0
    n_zones = 0
    for c in range(n):
        n_zones = max(n_zones, zone[c] + 1)
    for c in range(n):
        gain[c] = _gain(value, indptr, indices, share, a, dose, c)
    for z in range(n_zones):
        for _ in range(most_swaps):
            out, least = -1, np.inf
            for c in range(n):
                if zone[c] == z and blocks[c] > 0:
                    loss = _loss(value, indptr, indices, share, a, dose, c)
                    if loss < least:
                        out, least = c, loss
            if out < 0:
                break
            _add(value, indptr, indices, share, a, blocks, dose, gain, out, -1)
            back, most = -1, 0.0
            for c in range(n):
                if zone[c] == z and blocks[c] < cap[c] and gain[c] > most:
                    back, most = c, gain[c]
            if back < 0 or most <= least * (1 + 1e-12):
                _add(value, indptr, indices, share, a, blocks, dose, gain, out, 1)
                break
            _add(value, indptr, indices, share, a, blocks, dose, gain, back, 1)
            moved += 1
    return moved


@njit(cache=True, nogil=True)
def _gain(value: Reals, indptr: Rows, indices: Rows, share: float, a: float, dose: Reals, c: int) -> float:
    """Return Σ v (exp(-a y) - exp(-a (y + Δy))) for one more block in c."""
    total = value[c] * math.exp(-a * dose[c]) * -math.expm1(-a)
    for p in range(indptr[c], indptr[c + 1]):
        k = indices[p]
        total += value[k] * math.exp(-a * dose[k]) * -math.expm1(-a * share)
    return float(total)


@njit(cache=True, nogil=True)
def _loss(value: Reals, indptr: Rows, indices: Rows, share: float, a: float, dose: Reals, c: int) -> float:
    """Return Σ v (exp(-a (y - Δy)) - exp(-a y)) for one block less in c."""
    total = value[c] * math.exp(-a * dose[c]) * math.expm1(a)
    for p in range(indptr[c], indptr[c + 1]):
        k = indices[p]
        total += value[k] * math.exp(-a * dose[k]) * math.expm1(a * share)
    return float(total)


@njit(cache=True, nogil=True)
def _add(
    value: Reals, indptr: Rows, indices: Rows, share: float, a: float, blocks: Rows, dose: Reals, gain: Reals, c: int,
    n: int,
) -> None:  # fmt: skip
    """Add n blocks to c: y_c += n, y_k += share n around; renew the gains that change."""
    blocks[c] += n
    dose[c] += n
    for p in range(indptr[c], indptr[c + 1]):
        dose[indices[p]] += share * n
    gain[c] = _gain(value, indptr, indices, share, a, dose, c)
    for p in range(indptr[c], indptr[c + 1]):
        k = indices[p]
        gain[k] = _gain(value, indptr, indices, share, a, dose, k)
        for q in range(indptr[k], indptr[k + 1]):  # two steps away: they too help what c helps
            j = indices[q]
            gain[j] = _gain(value, indptr, indices, share, a, dose, j)
