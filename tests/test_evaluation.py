from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.evaluation import coverage, hit_rate, log_likelihood, pai

AREA = np.ones(4)
ACTUAL = np.array([4.0, 3.0, 2.0, 1.0])


def test_hit_rate_by_hand():
    assert hit_rate(ACTUAL, np.array([9.0, 5.0, 1.0, 0.0]), AREA, 0.25) == pytest.approx(0.4)
    assert hit_rate(ACTUAL, np.array([9.0, 5.0, 1.0, 0.0]), AREA, 0.5) == pytest.approx(0.7)
    assert pai(ACTUAL, np.array([9.0, 5.0, 1.0, 0.0]), AREA, 0.25) == pytest.approx(1.6)


def test_the_last_cell_counts_in_part():
    assert hit_rate(ACTUAL, np.array([9.0, 5.0, 1.0, 0.0]), AREA, 0.375) == pytest.approx(0.4 + 0.15)


def test_cells_are_ranked_by_density_not_by_size():
    area = np.array([10.0, 1.0])
    assert hit_rate(np.array([5.0, 5.0]), np.array([2.0, 1.0]), area, 1 / 11) == pytest.approx(0.5)


@given(st.floats(0.01, 1))
@settings(max_examples=20)
def test_a_forecast_that_says_nothing_earns_its_area(share):
    assert hit_rate(ACTUAL, np.full(4, 0.3), AREA, share) == pytest.approx(share)
    assert pai(ACTUAL, np.full(4, 0.3), AREA, share) == pytest.approx(1)


@given(st.integers(0, 1000), st.floats(0.05, 0.95))
@settings(max_examples=30)
def test_ties_count_with_their_expected_value(seed, share):
    rng = np.random.default_rng(seed)
    actual, rate = rng.poisson(1.0, 12) + 0.0, rng.integers(0, 3, 12) + 0.0
    area = np.ones(12)
    draws = []
    for _ in range(400):
        order = np.lexsort((rng.random(12), -rate))
        cumulated = np.concatenate([[0.0], np.cumsum(actual[order])])
        draws.append(np.interp(share * 12, np.arange(13), cumulated) / max(actual.sum(), 1e-12))
    assert hit_rate(actual, rate, area, share) == pytest.approx(np.mean(draws), abs=0.08)


def test_log_likelihood_by_hand():
    assert log_likelihood(np.array([2, 0]), np.array([1.5, 0.5])) == pytest.approx((2 * np.log(1.5) - 2.0) / 2)


def test_coverage():
    assert coverage(3.0, np.array([[2.0, 4.0]])) == 0.5
    assert coverage(0.0, np.zeros((1, 2))) == 0.0
