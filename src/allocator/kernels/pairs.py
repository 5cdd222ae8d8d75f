"""Kernels on pairs of events."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def count_pairs(left, right, near, day, band, out):
    """Fill out[s, t] with #{pairs k : near[k] = s, band[|day[left_k] - day[right_k]|] = t}, no longer gaps."""
    out[:] = 0
    longest = len(band) - 1
    for k in range(len(left)):
        apart = abs(day[left[k]] - day[right[k]])
        if apart <= longest:
            out[near[k], band[apart]] += 1
