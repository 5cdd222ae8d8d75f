"""Kernels that keep decayed, smoothed histories of events."""

from __future__ import annotations

from numba import njit


@njit(cache=True, nogil=True)
def decay(state, factor):
    """Scale state[k, b, c, m] by factor[m] in place."""
    n_kinds, n_bandwidths, n_cells, n_memories = state.shape
    for k in range(n_kinds):
        for b in range(n_bandwidths):
            for c in range(n_cells):
                for m in range(n_memories):
                    state[k, b, c, m] *= factor[m]


@njit(cache=True, nogil=True)
def spread_events(cell, kind, amount, band, indptr, indices, weight, state):
    """Add event e to its surroundings: state[kind_e, band, j, m] += weight_ej amount[e, m]."""
    n_memories = state.shape[3]
    for e in range(len(cell)):
        k = kind[e]
        for at in range(indptr[cell[e]], indptr[cell[e] + 1]):
            j = indices[at]
            w = weight[at]
            for m in range(n_memories):
                state[k, band, j, m] += w * amount[e, m]
