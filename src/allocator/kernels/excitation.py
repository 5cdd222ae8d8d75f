"""Kernels of the self-exciting point process."""

from __future__ import annotations

import math

from numba import njit


@njit(cache=True, nogil=True)
def excitation_pass(day, cell, indptr, indices, weight, square, background, state, branching, decay, out, sums):
    """Fill out[i] with P(event i is background), and sums with Σ (1-p), Σ (1-p) lag, Σ (1-p) distance².

    λ_i = μ_i + θ Σ_{j: t_j < t_i} g(t_i - t_j) w_ji, with g(d) = (1 - q) q^(d-1), q = exp(-decay); events sorted by
    day; `state` is (n_cells, 4) zeros: Σ g w, Σ g w lag, Σ g w distance², and the day they are for.
    """
    n = len(day)
    q = math.exp(-decay)
    sums[:] = 0.0
    start = 0
    while start < n:
        stop = start
        while stop < n and day[stop] == day[start]:
            stop += 1
        for i in range(start, stop):  # what earlier days excite
            c = cell[i]
            gap = day[i] - state[c, 3]
            fade = q**gap
            excited = branching * state[c, 0] * fade
            rate = background[i] + excited
            share = excited / rate if rate > 0.0 else 0.0
            out[i] = 1.0 - share
            if state[c, 0] > 0.0:
                sums[0] += share
                sums[1] += share * (state[c, 1] / state[c, 0] + gap)
                sums[2] += share * state[c, 2] / state[c, 0]
        for i in range(start, stop):  # what this day excites from tomorrow on, written as of today
            for at in range(indptr[cell[i]], indptr[cell[i] + 1]):
                j = indices[at]
                gap = day[i] - state[j, 3]
                if gap > 0:
                    fade = q**gap
                    state[j, 1] = (state[j, 1] + gap * state[j, 0]) * fade
                    state[j, 0] *= fade
                    state[j, 2] *= fade
                    state[j, 3] = day[i]
                g = (1.0 - q) / q * weight[at]
                state[j, 0] += g
                state[j, 2] += g * square[at]
        start = stop
