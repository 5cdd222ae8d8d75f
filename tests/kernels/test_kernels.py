"""Every kernel against its plain twin."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from allocator.kernels import excitation, history, likelihood, spatial
from allocator.risk.features.histories import gaussian, within
from allocator.risk.models.self_exciting import gaussian_within
from planning_city import square_city

seeds = st.integers(0, 10_000)


def scattered(seed: int, n: int = 40):
    city, rng = square_city(side=2), np.random.default_rng(seed)
    city.n_cells, city.x, city.y = n, rng.uniform(0, 900, n), rng.uniform(0, 900, n)
    city.area_km2 = rng.uniform(0.001, 0.02, n)
    return city


@given(seeds, st.floats(1, 700))
@settings(max_examples=30, deadline=None)
def test_within_finds_the_same_cells_as_all_pairs(seed, radius):
    city = scattered(seed)
    near = within(city, radius)
    rows = [sorted(near.indices[a:b]) for a, b in zip(near.indptr[:-1], near.indptr[1:], strict=True)]
    assert rows == naive.within(city.x, city.y, radius)


@given(seeds, st.floats(20, 300))
@settings(max_examples=20, deadline=None)
def test_gaussian_rows_match_the_dense_kernel_and_keep_mass(seed, bandwidth):
    city = scattered(seed)
    kernel = gaussian(city, bandwidth)
    dense = np.zeros((city.n_cells, city.n_cells))
    for cell in range(city.n_cells):
        part = slice(kernel.indptr[cell], kernel.indptr[cell + 1])
        dense[cell, kernel.indices[part]] = kernel.weight[part]
    np.testing.assert_allclose(
        dense, naive.gaussian_rows(city.x, city.y, city.area_km2, bandwidth, 2.5 * bandwidth), atol=1e-6
    )
    np.testing.assert_allclose(dense.sum(axis=1), 1, atol=1e-5)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_neighbour_sum(seed):
    city, rng = scattered(seed), np.random.default_rng(seed)
    near, values = within(city, 200), rng.normal(size=(city.n_cells, 3))
    out = np.empty_like(values)
    spatial.neighbour_sum(values, near.indptr, near.indices, out)
    np.testing.assert_allclose(out, naive.neighbour_sum(values, near.indptr, near.indices), atol=1e-9)


@given(seeds, st.sampled_from([3.0, 45.0, np.inf]))
@settings(max_examples=20, deadline=None)
def test_decay_and_spread_build_the_smoothed_history(seed, half_life):
    city, rng = scattered(seed, 25), np.random.default_rng(seed)
    n, until = 60, 40
    days, cell = np.sort(rng.integers(0, 50, n)), rng.integers(0, 25, n).astype(np.int32)
    kind, count = rng.integers(0, 2, n).astype(np.int16), rng.choice([-1, 1, 1, 1], n)
    kernel = gaussian(city, 150)
    state = np.zeros((2, 1, 25, 1))
    for day in range(until):  # a day at a time, as a live system would
        rows = days == day
        history.decay(state, np.array([0.5 ** (1 / half_life)]))
        history.spread_events(
            cell[rows],
            kind[rows],
            count[rows, None].astype(float),
            0,
            kernel.indptr,
            kernel.indices,
            kernel.weight,
            state,
        )
    dense = naive.gaussian_rows(city.x, city.y, city.area_km2, 150, 375)
    expected = naive.history(days, cell, kind, count, until=until, half_life=half_life, kernel=dense, shape=(2, 25))
    np.testing.assert_allclose(state[:, 0, :, 0], expected, atol=1e-5)


@given(seeds)
@settings(max_examples=15, deadline=None)
def test_mixture_em_reaches_the_optimum_without_the_empty_rows(seed):
    rng = np.random.default_rng(seed)
    rows = rng.gamma(0.5, 1.0, (400, 4))
    counts = rng.poisson(rows @ np.array([0.5, 0.0, 0.3, 0.1])).astype(np.float64)
    hit = counts > 0
    weights = np.full(4, 0.3)
    likelihood.mixture_em(rows[hit], counts[hit], rows.sum(axis=0), weights, 3000)
    best = naive.mixture_weights(rows, counts)
    assert (weights >= 0).all()
    reached, optimum = (naive.poisson_loglik(counts, rows @ w + 1e-12) for w in (weights, best))
    assert reached >= optimum - 0.02


def test_mixture_em_never_loses_likelihood():
    rng = np.random.default_rng(4)
    rows = rng.gamma(0.5, 1.0, (300, 5))
    counts = rng.poisson(rows.sum(axis=1) * 0.2).astype(np.float64)
    weights, values = np.full(5, 0.1), []
    for _ in range(30):
        likelihood.mixture_em(rows[counts > 0], counts[counts > 0], rows.sum(axis=0), weights, 1)
        values.append(naive.poisson_loglik(counts, rows @ weights))
    assert (np.diff(values) > -1e-9).all()


@given(st.lists(st.tuples(st.integers(0, 6), st.floats(0.001, 8)), min_size=1, max_size=30), st.floats(0.01, 3))
@settings(max_examples=50, deadline=None)
def test_likelihoods(pairs, dispersion):
    counts, rates = (np.array(side, np.float64) for side in zip(*pairs, strict=True))
    assert likelihood.poisson_loglik(counts, rates) == pytest.approx(naive.poisson_loglik(counts, rates))
    assert likelihood.negative_binomial_loglik(counts, rates, 0.0) == pytest.approx(naive.poisson_loglik(counts, rates))
    assert likelihood.negative_binomial_loglik(counts, rates, dispersion) == pytest.approx(
        naive.negative_binomial_loglik(counts, rates, dispersion)
    )


def test_an_event_where_none_was_possible_is_impossible():
    assert likelihood.poisson_loglik(np.array([1.0]), np.array([0.0])) == -np.inf


@pytest.mark.parametrize("dispersion", [0.0, 0.3, 2.0])
@pytest.mark.parametrize("nominal", [0.5, 0.8, 0.9])
def test_intervals(dispersion, nominal):
    mean = np.array([1e-6, 0.01, 0.05, 0.3, 1.0, 3.5, 4.0, 37.5])
    spread, low, high = np.full(len(mean), dispersion), np.empty(len(mean)), np.empty(len(mean))
    likelihood.negative_binomial_interval(mean, spread, nominal, low, high)
    assert (low.tolist(), high.tolist()) == naive.negative_binomial_interval(mean, spread, nominal)


@given(seeds)
@settings(max_examples=20, deadline=None)
def test_spread(seed):
    city, rng = scattered(seed, 20), np.random.default_rng(seed)
    kernel = gaussian(city, 200)
    values = rng.poisson(0.5, (20, 3)).astype(np.float64)
    out = np.zeros_like(values)
    spatial.spread(values, kernel.indptr, kernel.indices, kernel.weight, out)
    np.testing.assert_allclose(out, naive.spread(values, kernel.indptr, kernel.indices, kernel.weight), rtol=1e-6)


@given(seeds, st.floats(0.02, 1.5), st.floats(0.05, 0.9))
@settings(max_examples=20, deadline=None)
def test_excitation_pass(seed, rate, branching):
    city, rng = scattered(seed, 12), np.random.default_rng(seed)
    near, square = gaussian_within.__wrapped__(city, 200.0)
    dense, dense_square = np.zeros((12, 12)), np.zeros((12, 12))
    row = np.repeat(np.arange(12), np.diff(near.indptr))
    dense[row, near.indices], dense_square[row, near.indices] = near.weight, square
    n = 40
    day, cell = np.sort(rng.integers(0, 30, n)).astype(np.float64), rng.integers(0, 12, n)
    background, chance, sums = rng.uniform(0.01, 0.2, n), np.empty(n), np.empty(3)
    excitation.excitation_pass(
        day, cell, near.indptr, near.indices, near.weight, square, background, np.zeros((12, 4)), branching, rate,
        chance, sums,
    )  # fmt: skip
    expected = naive.excitation_pass(day, cell, dense, dense_square, background, branching, rate)
    np.testing.assert_allclose(chance, expected[0], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(sums, expected[1], rtol=1e-5, atol=1e-9)
