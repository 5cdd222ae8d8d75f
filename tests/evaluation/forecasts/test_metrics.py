from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from allocator.evaluation.forecasts.metrics import (
    METRICS,
    Case,
    coverage,
    deciles,
    hit_rate,
    interval_coverage,
    interval_width,
    log_likelihood,
    observed_over_expected,
    pai,
    pei_star,
    pit_coverage,
    pit_inside,
    pit_risk_coverage,
    place_sums,
    poisson_ceiling,
    rri,
    tally,
)

AREA = np.ones(4)
ACTUAL = np.array([4.0, 3.0, 2.0, 1.0])
RATE = np.array([9.0, 5.0, 1.0, 0.5])


def random_case(seed, n=12, *, unequal=False):
    rng = np.random.default_rng(seed)
    area = rng.choice([0.5, 1.0, 3.0], n) if unequal else np.ones(n)
    rate = rng.integers(0, 3, n) * area + 1e-3 * area  # many ties
    return Case(rng.poisson(1.0, n) + 0.0, rate, area, past=rng.poisson(3.0, n) + 0.0)


def test_hit_rate_and_pai_by_hand():
    case = Case(ACTUAL, RATE, AREA)
    assert hit_rate(case, 0.25) == pytest.approx(0.4)
    assert hit_rate(case, 0.5) == pytest.approx(0.7)
    assert pai(case, 0.25) == pytest.approx(0.4 / 0.25)


def test_the_last_cell_counts_in_part():
    assert hit_rate(Case(ACTUAL, RATE, AREA), 0.375) == pytest.approx(0.4 + 0.15)
    assert hit_rate(Case(ACTUAL, RATE, AREA), 1.0) == 1


def test_cells_are_ranked_by_density_not_by_size():
    case = Case(np.array([5.0, 5.0]), np.array([2.0, 1.0]), np.array([10.0, 1.0]))
    assert hit_rate(case, 1 / 11) == pytest.approx(0.5)


def test_pei_star_by_hand():
    case = Case(np.array([1.0, 0.0, 4.0, 5.0]), RATE, AREA)
    assert pei_star(case, 0.25) == pytest.approx(1 / 5)
    assert pei_star(case, 0.5) == pytest.approx(1 / 9)
    assert pei_star(case, 0.625) == pytest.approx((1 + 4 / 2) / (9 + 1 / 2))
    assert place_sums(case, np.array([0.5, 0.75]))["saturated"].tolist() == [0, 1]  # three cells hold events
    assert pei_star(case, 0.75) == hit_rate(case, 0.75)


def test_rri_by_hand():
    # Levine (2008): 4 of 10 events now and 6 of 30 before lie in the cell picked: (4/6) / (10/30) = 2.
    case = Case(ACTUAL, RATE, AREA, past=np.array([6.0, 4.0, 10.0, 10.0]))
    assert rri(case, 0.25) == pytest.approx(2.0)
    assert np.isnan(rri(Case(ACTUAL, RATE, AREA), 0.25))


def test_log_likelihood_and_observed_over_expected_by_hand():
    case = Case(np.array([2.0, 0.0]), np.array([1.5, 0.5]), np.ones(2))
    assert log_likelihood(case) == pytest.approx((2 * np.log(1.5) - 2.0) / 2)
    assert observed_over_expected(Case(ACTUAL, RATE, AREA)) == pytest.approx(10 / 15.5)


def test_interval_coverage_and_width_by_hand():
    case = Case(ACTUAL, RATE, AREA, lower=np.array([4.0, 0.0, 3.0, 0.0]), upper=np.array([5.0, 2.0, 3.0, 1.0]))
    assert interval_coverage(case) == pytest.approx(2 / 4)
    assert interval_width(case) == pytest.approx((1 + 2 + 0 + 1) / 4)


@pytest.mark.parametrize("spread", [0.0, 0.4])
def test_the_transform_is_the_mean_of_the_randomised_one(spread):
    rng = np.random.default_rng(0)
    rate = rng.gamma(1.0, 2.0, 40) + 0.01
    law = stats.nbinom(1 / spread, 1 / (1 + spread * rate)) if spread else stats.poisson(rate)
    actual = law.rvs(random_state=rng) + 0.0
    case = Case(actual, rate, np.ones(40), dispersion=np.full(40, spread))
    drawn = law.cdf(actual - 1) + rng.random((4000, 40)) * law.pmf(actual)
    inside = ((drawn > 0.05) & (drawn < 0.95)).mean(axis=0)
    np.testing.assert_allclose(pit_inside(case), inside, atol=0.03)
    assert pit_coverage(case) == pytest.approx(inside.mean(), abs=0.01)
    assert pit_risk_coverage(case) == pytest.approx(np.average(inside, weights=rate), abs=0.01)


def test_the_transform_tells_a_right_spread_from_a_wrong_one():
    rng = np.random.default_rng(1)
    rate = np.full(20_000, 3.0)
    actual = stats.nbinom(2.0, 2.0 / 5.0).rvs(20_000, random_state=rng) + 0.0
    right = Case(actual, rate, np.ones(20_000), dispersion=np.full(20_000, 0.5))
    wrong = Case(actual, rate, np.ones(20_000), dispersion=np.zeros(20_000))
    assert pit_coverage(right) == pytest.approx(0.9, abs=0.005)
    assert pit_coverage(wrong) < 0.8
    impossible = Case(np.array([4000.0]), np.ones(1), np.ones(1), dispersion=np.zeros(1))
    assert pit_coverage(impossible) == 0


@given(st.integers(0, 10_000), st.floats(0.01, 1))
@settings(max_examples=40, deadline=None)
def test_a_forecast_that_says_nothing_earns_its_area(seed, share):
    case = random_case(seed, unequal=True)
    assume(case.actual.sum() > 0)
    nothing = Case(case.actual, 0.3 * case.area_km2, case.area_km2)
    assert hit_rate(nothing, share) == pytest.approx(share)
    assert pai(nothing, share) == pytest.approx(1)


@given(st.integers(0, 10_000), st.floats(0.05, 1.0))
@settings(max_examples=15, deadline=None)
def test_ties_count_with_the_mean_over_their_orders(seed, share):
    rng = np.random.default_rng(seed)
    actual, rate, past = rng.poisson(1.0, 6) + 0.0, rng.integers(0, 3, 6) + 1.0, rng.poisson(4.0, 6) + 0.0
    assume(actual.sum() > 0)

    def found(values):
        hits = []
        for order in map(list, itertools.permutations(range(6))):
            if (np.diff(rate[order]) <= 0).all():
                hits.append(np.interp(share * 6, np.arange(7), np.r_[0, np.cumsum(values[order])]))
        return np.mean(hits)

    case = Case(actual, rate, np.ones(6), past)
    assert hit_rate(case, share) == pytest.approx(found(actual) / actual.sum())
    assert tally(case, [share])["past_hits"][0] == pytest.approx(found(past))


@given(st.integers(0, 10_000), st.floats(0.01, 1.0), st.sampled_from([1e-9, 1e-3, 0.7, 40.0, 1e6]))
@settings(max_examples=40, deadline=None)
def test_places_do_not_depend_on_the_scale_of_the_rates(seed, share, factor):
    case = random_case(seed, unequal=True)
    scaled = Case(case.actual, case.rate * factor, case.area_km2, case.past)
    for metric in (hit_rate, pai, pei_star, rri):
        assert metric(scaled, share) == pytest.approx(metric(case, share), nan_ok=True)


@given(st.integers(0, 10_000), st.floats(0.001, 1.0))
@settings(max_examples=60, deadline=None)
def test_nothing_beats_the_best_possible_cells(seed, share):
    case = random_case(seed, unequal=True)
    assume(case.actual.sum() > 0)
    assert pei_star(case, share) <= 1 + 1e-12
    assert pei_star(Case(case.actual, case.actual + 1e-9, np.ones(12)), share) == pytest.approx(1, abs=1e-6)
    ceiling = poisson_ceiling(case, np.array([share]), seed=seed, draws=3)
    assert ceiling["hits"][0] <= ceiling["best"][0] + 1e-9


def test_cells_that_differ_by_rounding_alone_are_ties():
    area = np.array([0.0225, 0.0225 * (1 + 1e-12), 1.0])
    case = Case(np.array([1.0, 0.0, 5.0]), area * 2.0 * np.array([1, 1, 0.1]), area)
    assert hit_rate(case, 0.0225 / area.sum()) == pytest.approx(0.5 / 6)


def test_sums_of_windows_pool_to_the_metric_of_both_and_not_to_the_mean_of_ratios():
    one, two = random_case(1), random_case(2)
    at = np.array([0.3])
    sums = {name: value + tally(two, at)[name] for name, value in tally(one, at).items()}
    hits = tally(one, at)["hits"] + tally(two, at)["hits"]
    assert hit_rate.of({**sums, "share": at}) == pytest.approx(hits / (one.actual.sum() + two.actual.sum()))
    assert hit_rate.of({**sums, "share": at}) != pytest.approx((hit_rate(one, 0.3) + hit_rate(two, 0.3)) / 2)


def test_deciles_hold_a_tenth_of_the_expected_events_and_all_that_happened():
    rng = np.random.default_rng(4)
    rate = rng.gamma(0.2, 1.0, 5000) + 1e-6
    case = Case(rng.poisson(rate) + 0.0, rate, np.ones(5000), dispersion=np.zeros(5000))
    found = deciles(case)
    assert found["decile_events"].sum() == pytest.approx(case.actual.sum())
    assert found["decile_cells"].sum() == pytest.approx(5000)
    assert (np.diff(found["decile_cells"]) < 0).all()  # riskier cells are fewer
    np.testing.assert_allclose(found["decile_events"], rate.sum() / 10, rtol=0.5)
    flat = deciles(Case(case.actual, np.ones(5000), np.ones(5000)))
    np.testing.assert_allclose(flat["decile_events"], case.actual.sum() / 10)


def test_the_ceiling_is_seeded_and_near_what_a_true_forecast_reaches():
    rng = np.random.default_rng(2)
    rate = rng.gamma(0.5, 2.0, 3000) + 1e-6
    case = Case(np.zeros(3000), rate, np.ones(3000))
    at = np.array([0.05])
    ceiling = {**poisson_ceiling(case, at, seed=[1, 2], draws=20), "share": at}
    again = poisson_ceiling(case, at, seed=[1, 2], draws=20)
    assert all(np.array_equal(ceiling[name], again[name], equal_nan=True) for name in again)
    truth = Case(rng.poisson(rate) + 0.0, rate, np.ones(3000))
    assert hit_rate.of(ceiling)[0] == pytest.approx(hit_rate(truth, 0.05), rel=0.1)
    assert log_likelihood.of(ceiling)[0] == pytest.approx(log_likelihood(truth), rel=0.1)
    assert pei_star.of(ceiling)[0] < 1


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_is_called_alike_defined_and_undefined_without_events(name):
    metric = METRICS[name]
    assert metric.name == name
    assert len(metric.what) > 20
    clocked = {"timed": np.array([10.0]), "watch_log": np.array([-20.0]), "hour_log": np.array([-40.0])}
    full = Case(
        ACTUAL, RATE, AREA, past=ACTUAL, dispersion=np.zeros(4), lower=ACTUAL, upper=ACTUAL, clocked=clocked
    )  # fmt: skip
    assert np.isfinite(metric(full, 0.25))
    if metric.better == "higher":
        assert np.isnan(metric(Case(np.zeros(4), RATE, AREA), 0.25))


def test_a_case_does_not_change_what_it_was_given():
    actual = ACTUAL.copy()
    case = Case(actual, RATE, AREA)
    assert not case.actual.flags.writeable
    actual[0] = 4.0


def test_coverage_of_a_plan():
    assert coverage(3.0, np.array([[2.0, 4.0]])) == 0.5
    assert coverage(0.0, np.zeros((1, 2))) == 0.0
