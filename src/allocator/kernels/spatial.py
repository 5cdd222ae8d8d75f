"""Kernels on cells in space."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def count_within(x, y, bin_x, bin_y, bin_start, by_bin, n_bins_x, radius, out):
    """Fill out[i] with #{j : |p_i - p_j| <= radius}, points binned in squares of at least `radius`."""
    n_bins_y = (len(bin_start) - 1) // n_bins_x
    for i in range(len(x)):
        found = 0
        for by in range(max(bin_y[i] - 1, 0), min(bin_y[i] + 2, n_bins_y)):
            left = by * n_bins_x + max(bin_x[i] - 1, 0)
            right = by * n_bins_x + min(bin_x[i] + 2, n_bins_x)
            for k in range(bin_start[left], bin_start[right]):
                j = by_bin[k]
                dx, dy = x[i] - x[j], y[i] - y[j]
                if dx * dx + dy * dy <= radius * radius:
                    found += 1
        out[i] = found


@njit(cache=True, nogil=True)
def fill_within(x, y, bin_x, bin_y, bin_start, by_bin, n_bins_x, radius, indptr, indices, distance):
    """Fill indices and distance of the CSR whose row lengths `count_within` gave."""
    n_bins_y = (len(bin_start) - 1) // n_bins_x
    for i in range(len(x)):
        at = indptr[i]
        for by in range(max(bin_y[i] - 1, 0), min(bin_y[i] + 2, n_bins_y)):
            left = by * n_bins_x + max(bin_x[i] - 1, 0)
            right = by * n_bins_x + min(bin_x[i] + 2, n_bins_x)
            for k in range(bin_start[left], bin_start[right]):
                j = by_bin[k]
                dx, dy = x[i] - x[j], y[i] - y[j]
                squared = dx * dx + dy * dy
                if squared <= radius * radius:
                    indices[at] = j
                    distance[at] = np.sqrt(squared)
                    at += 1


@njit(cache=True, nogil=True)
def gaussian_rows(indptr, indices, distance, mass, bandwidth, out):
    """Fill out with w_ij = mass_j exp(-d_ij² / 2 bandwidth²) / Σ_j of the same."""
    for i in range(len(indptr) - 1):
        total = 0.0
        for k in range(indptr[i], indptr[i + 1]):
            ratio = distance[k] / bandwidth
            out[k] = mass[indices[k]] * np.exp(-0.5 * ratio * ratio)
            total += out[k]
        for k in range(indptr[i], indptr[i + 1]):
            out[k] /= total


@njit(cache=True, nogil=True)
def neighbour_sum(values, indptr, indices, out):
    """Fill out[i, k] = Σ_{j in row i} values[j, k]."""
    width = values.shape[1]
    total = np.empty(width)
    for i in range(len(indptr) - 1):
        start, stop = indptr[i], indptr[i + 1]
        total[:] = 0.0
        for at in range(start, stop - 1, 2):  # by twos: 3.6 instead of 5.6 ms, as each sum waits for the one before
            j, h = indices[at], indices[at + 1]
            for k in range(width):
                total[k] += values[j, k] + values[h, k]
        if (stop - start) % 2:
            for k in range(width):
                total[k] += values[indices[stop - 1], k]
        out[i] = total


@njit(cache=True, nogil=True)
def spread(values, indptr, indices, weight, out):
    """Add to out: out[j, k] += Σ_i w_ij values[i, k]; rows without values cost nothing."""
    width = values.shape[1]
    for i in range(len(indptr) - 1):
        empty = True
        for k in range(width):
            if values[i, k] != 0.0:
                empty = False
        if empty:
            continue
        for at in range(indptr[i], indptr[i + 1]):
            j, w = indices[at], weight[at]
            for k in range(width):
                out[j, k] += w * values[i, k]
