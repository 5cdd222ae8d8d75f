"""What a summary says of skill: choices scored on windows that had no part in them, against one yardstick."""

import numpy as np
import pytest

import naive
from allocator.evaluation import gains
from allocator.evaluation.bootstrap import BETTER, NEITHER, UNKNOWN
from allocator.report.run.past import gain_words
from allocator.risk.fitted import HoldOut


def draw(seed, shape=(6, 2, 40)):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(0.5, 1.0, shape[1:])[None].repeat(shape[0], axis=0) + 0.01
    return rng, truth, rng.poisson(truth).astype(np.float32)


def test_each_window_is_scored_by_the_model_that_the_others_chose():
    rng, truth, actual = draw(0)
    rates = {name: (truth * rng.lognormal(0, 0.3, truth.shape)).astype(np.float32) for name in ("a", "b", "c")}
    covered = np.ones((6, 2), bool)
    covered[2, 1] = False
    made = HoldOut(actual, rates, covered).chosen_elsewhere("a")
    for window in range(6):
        for kind in range(2):
            others = [w for w in range(6) if w != window and covered[w, kind]]
            score = {
                name: sum(naive.poisson_loglik(actual[w, kind], rate[w, kind].astype(float)) for w in others)
                for name, rate in rates.items()
            }
            best = max(score, key=score.__getitem__)
            np.testing.assert_array_equal(made[window, kind], rates[best][window, kind])


def test_a_lucky_choice_shows_no_skill():
    """Twenty models that differ by noise alone: the best of them in hindsight gains, the honest choice does not."""
    lucky, honest = [], []
    for seed in range(30):
        rng, truth, actual = draw(seed, (6, 1, 60))
        noise = rng.lognormal(0, 0.4, (20, *truth.shape))  # anew in every window: nothing to learn from others
        rates = {str(n): (truth * one / one.mean()).astype(np.float32) for n, one in enumerate(noise)}
        held, plain = HoldOut(actual, rates, np.ones((6, 1), bool)), rates["0"]
        best = rates[max(rates, key=held.loglik)]
        area = np.ones(60)
        scores = [gains(actual, one, plain, held.covered, area_km2=area) for one in (best, held.chosen_elsewhere("0"))]
        lucky.append(scores[0]["loglik"].difference)
        honest.append(scores[1]["loglik"].difference)
    assert np.mean(lucky) > 0.02
    assert abs(np.mean(honest)) < np.mean(lucky) / 3


def test_the_truth_gains_over_even_rates_and_equals_gain_nothing():
    _, truth, actual = draw(1)
    area, covered = np.ones(40), np.ones((6, 2), bool)
    even = np.full_like(truth, truth.mean())
    found = gains(actual, truth, even, covered, area_km2=area)
    assert found["loglik"].verdict == BETTER
    counts, rate = actual.ravel().astype(float), truth.ravel()
    assert found["loglik"].value == pytest.approx(naive.poisson_loglik(counts, rate) / counts.sum())
    same = gains(actual, truth, truth, covered, area_km2=area)
    assert same["loglik"].difference == 0
    assert same["hit_rate"].verdict == NEITHER
    assert "no clear difference" in gain_words(vars(same["hit_rate"]))


def test_few_windows_or_events_tell_nothing():
    _, truth, actual = draw(2)
    area = np.ones(40)
    few = gains(actual[:3], truth[:3], truth[:3] * 2, np.ones((3, 2), bool), area_km2=area)
    assert few["loglik"].verdict == UNKNOWN
    none = gains(actual * 0, truth, truth, np.ones((6, 2), bool), area_km2=area)
    assert np.isnan(none["loglik"].difference)
    assert "for want of events" in gain_words(vars(none["loglik"]))
    hidden = gains(actual, truth, truth * 2, np.zeros((6, 2), bool), area_km2=area)
    assert np.isnan(hidden["loglik"].value)
