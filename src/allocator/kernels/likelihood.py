"""Kernels of Poisson and negative-binomial likelihoods."""

from __future__ import annotations

import math

import numpy as np
from numba import njit


@njit(cache=True, nogil=True)
def mixture_em(rows, counts, totals, weights, iterations):  # type: ignore[no-untyped-def]
    """Improve weights >= 0 in place: w_j *= Σ_i n_i a_ij / λ_i / A_j, with λ_i = Σ_j w_j a_ij, A_j = totals_j.

    The multiplicative EM (Shepp & Vardi 1982; Lee & Seung 2001) for counts n_i ~ Poisson(λ_i). Rows without
    events enter through `totals` alone, so only rows with events are passed, and the fit is exact.
    """
    n, width = rows.shape
    gradient = np.empty(width)
    for _ in range(iterations):
        gradient[:] = 0.0
        for i in range(n):
            rate = 0.0
            for j in range(width):
                rate += weights[j] * rows[i, j]
            if rate > 0.0:
                ratio = counts[i] / rate
                for j in range(width):
                    gradient[j] += ratio * rows[i, j]
        for j in range(width):
            weights[j] = weights[j] * gradient[j] / totals[j] if totals[j] > 0.0 else 0.0


@njit(cache=True, nogil=True)
def poisson_loglik(counts, rates):  # type: ignore[no-untyped-def]
    """Return Σ (n log λ - λ), the Poisson log-likelihood without the constant log n!; -inf where n > 0 = λ."""
    total = 0.0
    for i in range(len(counts)):
        if counts[i] > 0:
            if rates[i] <= 0.0:
                return -np.inf
            total += counts[i] * np.log(rates[i])
        total -= rates[i]
    return total


@njit(cache=True, nogil=True)
def negative_binomial_quantile(mean, dispersion, probability, out):  # type: ignore[no-untyped-def]
    """Fill out[i] = min{q : P(N <= q) >= probability}, Var N = mean + dispersion mean²; Poisson at 0."""
    for i in range(len(mean)):
        mu = mean[i]
        if dispersion > 1e-9:
            size = 1.0 / dispersion
            success = mu / (mu + size)
            term = np.exp(-size * np.log1p(dispersion * mu))
        else:
            size = 0.0
            success = 0.0
            term = np.exp(-mu)
        cumulated = term
        q = 0
        while cumulated < probability and q < 100_000:
            q += 1
            if dispersion > 1e-9:
                term *= success * (size + q - 1.0) / q
            else:
                term *= mu / q
            cumulated += term
        out[i] = q


@njit(cache=True, nogil=True)
def negative_binomial_loglik(counts, rates, dispersion):  # type: ignore[no-untyped-def]
    """Return Σ log NB(n; mean λ, variance λ + dispersion λ²) + log n!; the Poisson at dispersion 0."""
    total = 0.0
    for i in range(len(counts)):
        n, rate = counts[i], rates[i]
        if dispersion <= 0.0:
            total -= rate
            if n > 0:
                total += n * np.log(rate)
            continue
        size = 1.0 / dispersion
        total -= size * np.log1p(dispersion * rate)
        if n > 0:
            total += n * np.log(dispersion * rate / (1.0 + dispersion * rate))
            total += math.lgamma(n + size) - math.lgamma(size)
    return total
