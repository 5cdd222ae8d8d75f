"""Kernels of the profile inside the week."""

from __future__ import annotations

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def smear(kind, cell, column, weight, matrix, out):
    """Add to out: out[k_i, c_i, j] += w_i matrix[k_i, b_i, j] of events i in columns b_i."""
    width = matrix.shape[2]
    for i in range(len(kind)):
        k, c, b, w = kind[i], cell[i], column[i], weight[i]
        for j in range(width):
            share = matrix[k, b, j]
            if share != 0.0:
                out[k, c, j] += w * share


@njit(cache=True, nogil=True)
def memberships(indptr, column, value, log_theta, log_share, tempering, out):
    """Fill out[i, m] with the posterior of type m: ∝ exp(log share_m + tempering Σ_j value_ij log θ_jm).

    Row i has the counts `value` in the columns `column` from `indptr[i]` to `indptr[i + 1]`.
    """
    n_types = log_theta.shape[1]
    for i in range(len(indptr) - 1):
        for m in range(n_types):
            out[i, m] = log_share[m]
        for at in range(indptr[i], indptr[i + 1]):
            j, v = column[at], tempering * value[at]
            for m in range(n_types):
                out[i, m] += v * log_theta[j, m]
        most = out[i, 0]
        for m in range(1, n_types):
            most = max(most, out[i, m])
        total = 0.0
        for m in range(n_types):
            out[i, m] = np.exp(out[i, m] - most)
            total += out[i, m]
        for m in range(n_types):
            out[i, m] /= total


@njit(cache=True, nogil=True)
def type_counts(indptr, column, value, membership, out):
    """Add to out: out[j, m] += Σ_i value_ij membership_im."""
    for i in range(len(indptr) - 1):
        for at in range(indptr[i], indptr[i + 1]):
            j, v = column[at], value[at]
            for m in range(membership.shape[1]):
                out[j, m] += v * membership[i, m]
