"""What a summary says of skill: choices scored on windows that had no part in them, against one yardstick."""

import dataclasses
import datetime as dt

import numpy as np
import pytest

import naive
from allocator.domain import Panel
from allocator.evaluation import clock_gains, gains
from allocator.evaluation.bootstrap import BETTER, NEITHER, UNKNOWN
from allocator.report.run.past import gain_words
from allocator.risk.models import HoldOut
from allocator.risk.profile.profile import ProfileOnce
from planning_city import square_city


def draw(seed, shape=(6, 2, 40)):
    rng = np.random.default_rng(seed)
    truth = rng.gamma(0.5, 1.0, shape[1:])[None].repeat(shape[0], axis=0) + 0.01
    return rng, truth, rng.poisson(truth).astype(np.float32)


def hourly_panel(rng, *, apart, n=20_000):
    """A year of events in 16 cells; those of the western half at night and of the eastern by day, if they are apart."""
    city, day = square_city(side=4, districts=2), np.sort(rng.integers(0, 364, n))
    cell = rng.integers(0, 16, n)
    late = city.district[cell] == 0 if apart else rng.random(n) < 0.5
    minute = np.where(rng.random(n) < 0.9, np.where(late, 23 * 60, 11 * 60), rng.integers(0, 1440, n))
    return Panel(
        city=city, kinds=("THEFT",), timezone="UTC", first_day=dt.date(2023, 1, 2), n_periods=364, period_days=1,
        precision="minute", day=day.astype(np.int32), minute=minute.astype(np.int16), cell=cell.astype(np.int32),
        kind=np.zeros(n, np.int16), count=np.ones(n, np.int8),
    )  # fmt: skip


def test_each_window_is_scored_by_the_stack_that_the_others_gave():
    rng, truth, actual = draw(0)
    rates = {name: (truth * rng.lognormal(0, 0.3, truth.shape)).astype(np.float32) for name in ("a", "b", "c")}
    covered = np.ones((6, 2), bool)
    covered[2, 1] = False
    made = HoldOut(actual, rates, covered).blended_elsewhere("a")
    for window in range(6):
        others = np.arange(6) != window
        rest = HoldOut(actual[others], {name: rate[others] for name, rate in rates.items()}, covered[others])
        twin = rest.blend("a").of({name: rate[window].astype(float) for name, rate in rates.items()})
        np.testing.assert_allclose(made[window], twin, rtol=1e-6)


def told(held, blend):
    return blend.of({name: rate.astype(float) for name, rate in held.rates.items()})


def test_a_lucky_choice_shows_no_skill():
    """Twenty models that differ by noise: scored on its own weeks the choice gains what no later week shows."""
    lucky, honest, later = [], [], []
    for seed in range(40):
        rng, truth, actual = draw(seed, (7, 1, 60))
        noise = rng.lognormal(0, 0.25, (20, 1, *truth.shape[1:])).repeat(7, axis=1)
        rates = {str(n): (truth * one / one.mean()).astype(np.float32) for n, one in enumerate(noise)}
        past, next_week = slice(0, 6), slice(6, 7)
        held = HoldOut(actual[past], {name: rate[past] for name, rate in rates.items()}, np.ones((6, 1), bool))
        fresh = HoldOut(actual[next_week], {n: rate[next_week] for n, rate in rates.items()}, np.ones((1, 1), bool))
        blend = held.blend("0")
        for scores, who, made in (
            (lucky, held, told(held, blend)), (honest, held, held.blended_elsewhere("0")),
            (later, fresh, told(fresh, blend)),
        ):  # fmt: skip
            gained = gains(who.actual, made, who.rates["0"], who.covered, area_km2=np.ones(60))
            scores.append(gained["loglik"].difference)
    assert np.mean(lucky) > np.mean(later) + 0.01
    assert abs(np.mean(honest) - np.mean(later)) < (np.mean(lucky) - np.mean(later)) / 2


def test_hours_that_differ_by_place_gain_over_the_citys_and_others_do_not():
    """Two halves of a town with their own hours, against a town whose hours are the same everywhere."""
    for apart, least, most in ((True, 0.3, 0.7), (False, -0.01, 0.01)):
        panel = hourly_panel(np.random.default_rng(4), apart=apart)
        found = clock_gains(panel, ProfileOnce(panel.until(panel.stop_day - dt.timedelta(weeks=8))).profile)
        assert least < found["watch"].difference < most
        assert found["hour"].value < found["watch"].value < 0
        assert (found["watch"].verdict == BETTER) or not apart
    days_only = dataclasses.replace(panel, precision="day")
    assert clock_gains(days_only, ProfileOnce(days_only.until("2023-11-01")).profile) == {}


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


def test_windows_that_share_days_count_as_one():
    """Six windows of four weeks a week apart are not six weeks: nothing is called better by them."""
    _, truth, actual = draw(3)
    even, covered, area = np.full_like(truth, truth.mean()), np.ones((6, 2), bool), np.ones(40)
    assert gains(actual, truth, even, covered, area_km2=area)["loglik"].verdict == BETTER
    assert gains(actual, truth, even, covered, area_km2=area, overlap=4)["loglik"].verdict == UNKNOWN


def test_few_windows_or_events_tell_nothing():
    _, truth, actual = draw(2)
    area = np.ones(40)
    one = gains(actual[:1], truth[:1], truth[:1] * 2, np.ones((1, 2), bool), area_km2=area)["loglik"]
    assert np.isnan([one.low, one.high]).all()
    assert "[" not in gain_words(vars(one))
    few = gains(actual[:3], truth[:3], truth[:3] * 2, np.ones((3, 2), bool), area_km2=area)
    assert few["loglik"].verdict == UNKNOWN
    none = gains(actual * 0, truth, truth, np.ones((6, 2), bool), area_km2=area)
    assert np.isnan(none["loglik"].difference)
    assert "for want of events" in gain_words(vars(none["loglik"]))
    hidden = gains(actual, truth, truth * 2, np.zeros((6, 2), bool), area_km2=area)
    assert np.isnan(hidden["loglik"].value)
