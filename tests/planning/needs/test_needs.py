"""What areas need: the formula, trends drawn together, and what holds for every input."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from allocator.config import NeedsSection
from allocator.domain import NEED_COLUMNS, OutreachAreas, Panel
from allocator.errors import DataError
from allocator.facts import texts
from allocator.planning.needs.area_estimates import AreaEstimates
from allocator.planning.needs.counts import (
    NO_EARLIER,
    WINDOW_BEFORE,
    YEAR_EARLIER,
    AreaCounts,
    area_counts,
    shrunk_trend,
)
from allocator.planning.needs.needs import area_needs, standardised

WEIGHTS = NeedsSection(trend_weight=0.7, survey_weight=0.4, requests_weight=0.3, most_factor=2.5)
RECENT = np.array([[30, 5], [12, 0], [3, 9], [0, 1]])
BEFORE = np.array([[20, 6], [14, 2], [1, 4], [0, 0]])


def places(n_areas, residents=None):
    people = np.full(n_areas, 5000.0) if residents is None else np.asarray(residents, float)
    return OutreachAreas(tuple(f"A{k}" for k in range(n_areas)), np.arange(n_areas, dtype=np.int32), people, people * 0)


def counted(recent=RECENT, before=BEFORE, days=91, earlier=YEAR_EARLIER):
    whole = np.full(recent.shape[1], days)
    return AreaCounts(recent, before, whole, whole, days, earlier)


def estimates(means, n=40):
    mean = np.asarray(means, float)
    names = [f"A{k}" for k in range(len(mean))]
    frame = pd.DataFrame({"area": names, "n": n, "mean": mean, "lower": mean - 0.1, "upper": mean + 0.1})
    return AreaEstimates("fear", frame, 0.5, 0.0, 1.0, n * len(mean))


def test_the_need_is_the_documented_formula():
    harm, expected = np.array([[2.0, 1], [1, 0], [4, 3], [1, 1]]), np.ones((4, 2))
    survey, asked = np.array([0.2, 0.5, np.nan, 0.3]), np.array([5.0, 0, 20, 10])
    needs = area_needs(
        places(4), ("BURGLARY", "ROBBERY"), harm, expected, counts=counted(), survey=estimates(survey), requests=asked,
        options=WEIGHTS,
    )  # fmt: skip
    assert list(needs.frame.columns) == list(NEED_COLUMNS)
    assert {name: str(one) for name, one in needs.frame.dtypes.items()} == NEED_COLUMNS
    z = [(one - np.nanmean(survey)) / np.nanstd(survey) if np.isfinite(one) else 0.0 for one in survey]
    r = (asked / 5 - (asked / 5).mean()) / (asked / 5).std()
    for row in needs.frame.itertuples():
        area, kind = int(row.area[1:]), ("BURGLARY", "ROBBERY").index(row.kind)
        trend = shrunk_trend(RECENT[:, kind], BEFORE[:, kind])[0][area]
        factor = np.exp(0.7 * np.log(trend) + 0.4 * z[area] + 0.3 * r[area])
        assert row.trend == pytest.approx(trend)
        assert row.factor == pytest.approx(min(max(factor, 1 / 2.5), 2.5))
        assert row.need == pytest.approx(harm[area, kind] * row.factor)
        assert needs.need[area, kind] == row.need
        assert row.requests == pytest.approx(asked[area] / 5)
    assert "0.7 × ln(trend) + 0.4 × survey + 0.3 × requests" in needs.formula.text
    assert "0.4 and 2.5" in needs.formula.text


def test_without_weights_the_need_is_the_harm():
    harm = np.array([[2.0], [0.0]])
    needs = area_needs(places(2), ("ALL",), harm, harm, survey=estimates([0.1, 0.9]), requests=[1, 50])
    np.testing.assert_array_equal(needs.need, harm)
    assert (needs.frame["factor"] == 1).all()
    assert needs.frame["trend_lower"].isna().all()
    assert any("survey_weight = 0" in note.text for note in needs.notes)


def test_weights_without_data_are_told():
    needs = area_needs(places(2), ("ALL",), np.ones((2, 1)), np.ones((2, 1)), options=WEIGHTS)
    assert (needs.frame["factor"] == 1).all()
    assert sum("has no effect" in note.text for note in needs.notes) == 3


cases = st.integers(0, 100_000)


def drawn(seed):
    rng = np.random.default_rng(seed)
    n, k = int(rng.integers(2, 7)), int(rng.integers(1, 4))
    survey = np.where(rng.random(n) < 0.2, np.nan, rng.random(n))
    options = NeedsSection(
        trend_weight=rng.uniform(0, 2), survey_weight=rng.uniform(0, 2), requests_weight=rng.uniform(0, 2),
        most_factor=rng.uniform(1, 6),
    )  # fmt: skip
    return {
        "residents": rng.integers(0, 3, n) * 1000.0, "harm": rng.gamma(1, 2, (n, k)),
        "recent": rng.poisson(rng.gamma(0.5, 20, (n, k))), "before": rng.poisson(rng.gamma(0.5, 20, (n, k))),
        "survey": survey, "requests": rng.poisson(5, n).astype(float), "options": options,
    }  # fmt: skip


def needs_of(case, order=slice(None)):
    n, k = case["harm"].shape
    harm = case["harm"][order]
    return area_needs(
        places(n, case["residents"][order]), tuple("ABC"[:k]), harm, harm,
        counts=counted(case["recent"][order], case["before"][order]), survey=estimates(case["survey"][order]),
        requests=case["requests"][order], options=case["options"],
    )  # fmt: skip


@settings(max_examples=20, deadline=None)
@given(cases)
def test_permuted_areas_permute_the_needs(seed):
    case = drawn(seed)
    order = np.random.default_rng(seed).permutation(len(case["harm"]))
    np.testing.assert_allclose(needs_of(case, order).need, needs_of(case).need[order], rtol=1e-9)


@settings(max_examples=20, deadline=None)
@given(cases)
def test_the_factor_keeps_its_bounds_and_nothing_is_missing(seed):
    case = drawn(seed)
    frame = needs_of(case).frame
    most = case["options"].most_factor
    assert (frame["factor"] <= most * (1 + 1e-12)).all()
    assert (frame["factor"] >= (1 - 1e-12) / most).all()
    assert np.isfinite(frame[["need", "factor", "trend"]]).all().all()
    assert (frame["trend"] > 0).all()
    shown = frame["trend_lower"].notna()
    assert (frame["trend_lower"] <= frame["trend"] * (1 + 1e-9))[shown].all()
    assert (frame["trend"] <= frame["trend_upper"] * (1 + 1e-9))[shown].all()


@settings(max_examples=20, deadline=None)
@given(cases, st.sampled_from(["survey", "requests", "harm"]))
def test_the_need_grows_with_each_component(seed, component):
    case = drawn(seed)
    more = {**case, component: case[component].copy()}
    more[component][0] += 0.5
    assert (needs_of(more).need[0] >= needs_of(case).need[0] * (1 - 1e-9)).all()


def test_a_trend_grows_with_recent_events():
    ratios = [shrunk_trend([n, 10, 12, 8, 11], [10, 10, 10, 10, 10])[0][0] for n in (2, 6, 10, 20, 60)]
    assert ratios == sorted(ratios)


def test_trends_of_areas_with_few_events_are_drawn_to_that_of_all():
    rng = np.random.default_rng(1)
    level = np.r_[np.full(20, 100.0), np.full(20, 2.0)]
    truth = rng.lognormal(0.3, 0.25, 40)
    before, recent = rng.poisson(level), rng.poisson(level * truth)
    ratio, lower, upper = shrunk_trend(recent, before)
    city = recent.sum() / before.sum()
    away = np.abs(np.log(ratio / city))
    raw = np.abs(np.log((recent + 0.5) / (before + 0.5) / city))
    assert away[20:].max() < 0.3 < raw[20:].max()
    assert np.median(away[:20] / raw[:20]) > 0.5 > 0.3 > np.median(away[20:] / raw[20:])
    assert ((lower <= truth) & (truth <= upper)).mean() >= 0.85


def test_with_equal_areas_the_trend_is_that_of_all():
    ratio, lower, upper = shrunk_trend([20] * 12, [10] * 12, exposure=0.5)
    np.testing.assert_allclose(ratio, 4.0, rtol=0.02)
    assert (upper / lower < 1.8).all()  # from own events alone: 3.2 and more


def test_trend_intervals_cover_as_often_as_they_say():
    rng = np.random.default_rng(4)
    covered = []
    for _ in range(40):
        truth, level = rng.lognormal(0, 0.3, 40), rng.gamma(2, 10, 40)
        _, lower, upper = shrunk_trend(rng.poisson(level * truth), rng.poisson(level))
        covered.append(((lower <= truth) & (truth <= upper)).mean())
    assert 0.92 <= np.mean(covered) <= 0.98


def test_the_interval_is_that_of_the_beta_posterior():
    # with one area κ does not matter to its share: the posterior is around its own counts and the same share
    ratio, lower, upper = shrunk_trend([30], [20])
    draws = stats.beta(30, 20).rvs(20_000, random_state=1)
    assert ratio[0] == pytest.approx(1.5, rel=0.02)
    assert lower[0] > np.quantile(draws / (1 - draws), 0.02)
    assert upper[0] < np.quantile(draws / (1 - draws), 0.98)


def test_no_events_at_all_have_no_trend():
    assert np.isnan(shrunk_trend([0, 0], [0, 0])[0]).all()
    needs = area_needs(
        places(2), ("A",), np.ones((2, 1)), np.ones((2, 1)), options=WEIGHTS,
        counts=counted(np.zeros((2, 1), int), np.zeros((2, 1), int)),
    )  # fmt: skip
    assert (needs.frame["trend"] == 1).all()


def test_standardised_values_ignore_what_is_unknown():
    np.testing.assert_allclose(standardised([1, np.nan, 3]), [-1, 0, 1])
    np.testing.assert_array_equal(standardised([2, 2, np.nan]), 0)
    np.testing.assert_array_equal(standardised([np.nan, 5]), 0)


def history(n_days, rates=(2, 1), first=dt.date(2016, 1, 1), hidden=()):
    """A panel of two cells and two kinds: `rates` events of kind A a day in cells 0 and 1, none of kind B."""
    counts = np.zeros((n_days, 2, 2))
    counts[:, 0, 0], counts[:, 1, 0] = rates
    counts[:, :, 1] = 0
    counts[list(hidden), :, 0] = np.nan
    return Panel.from_counts(counts, np.array([[0, 1], [1, 0]]), first_day=first, kinds=("A", "B"))


def test_recent_days_are_compared_with_the_same_days_a_year_earlier():
    found = area_counts(history(500), places(2), days=28)
    assert found.earlier == YEAR_EARLIER
    assert found.recent.tolist() == found.before.tolist() == [[56, 0], [28, 0]]
    assert found.notes == ()


def test_counts_equal_the_plain_twin():
    rng = np.random.default_rng(3)
    counts = rng.poisson(0.7, (460, 6, 2)).astype(float)
    panel = Panel.from_counts(counts, np.ones((6, 6)) - np.eye(6), first_day="2016-01-01", kinds=("A", "B"))
    cell_area = np.array([0, 1, 1, -1, 2, 0], np.int32)
    found = area_counts(panel, OutreachAreas(("X", "Y", "Z"), cell_area, np.ones(3), np.ones(3)), days=35)
    for area in range(3):
        cells = cell_area == area
        assert found.recent[area].tolist() == counts[460 - 35 : 460, cells].sum(axis=(0, 1)).tolist()
        assert found.before[area].tolist() == counts[460 - 35 - 364 : 460 - 364, cells].sum(axis=(0, 1)).tolist()


def test_stop_and_order_of_kinds_are_kept():
    found = area_counts(history(500), places(2), days=28, stop=dt.date(2017, 4, 10), kinds=("C", "A"))
    assert found.recent.tolist() == [[0, 56], [0, 28]]


def test_cells_of_no_area_do_not_count():
    areas = OutreachAreas(("X",), np.array([-1, 0], np.int32), np.ones(1), np.ones(1))
    assert area_counts(history(500), areas, days=28).recent.tolist() == [[28, 0]]


def test_a_short_history_is_compared_with_the_window_before_and_said():
    found = area_counts(history(100), places(2), days=28)
    assert found.earlier == WINDOW_BEFORE
    assert "seasons are in the trend" in found.notes[0].text
    assert found.before.tolist() == [[56, 0], [28, 0]]


def test_a_history_too_short_for_any_trend_counts_as_one():
    found = area_counts(history(40), places(2), days=28)
    assert found.earlier == NO_EARLIER
    assert not found.known.any()
    needs = area_needs(places(2), ("A", "B"), np.ones((2, 2)), np.ones((2, 2)), counts=found, options=WEIGHTS)
    assert (needs.frame["trend"] == 1).all()
    assert needs.frame["trend_lower"].isna().all()
    assert "too short for a trend" in needs.notes[0].text


def test_days_without_records_are_no_days_without_events():
    hidden = range(500 - 28, 500 - 14)  # half of the recent window
    found = area_counts(history(500, hidden=hidden), places(2), days=28)
    assert found.recent_days.tolist() == [14, 28]
    assert found.recent[:, 0].tolist() == [28, 14]
    needs = area_needs(places(2), ("A", "B"), np.ones((2, 2)), np.ones((2, 2)), counts=found, options=WEIGHTS)
    trend = needs.frame.set_index(["area", "kind"])["trend"]
    assert trend["A0", "A"] == pytest.approx(1.0, rel=0.05)
    assert "14 recent and 28 earlier of 28 days" in " ".join(texts(found.notes))
    mostly = area_counts(history(500, hidden=range(500 - 28, 500 - 7)), places(2), days=28)
    assert mostly.known.tolist() == [False, True]
    assert "too few" in mostly.notes[0].text


def test_broken_input_is_told_at_once():
    with pytest.raises(DataError) as error:
        area_needs(
            places(2), ("A",), [[1.0], [-1]], np.ones((3, 1)), requests=[1, -2], survey=estimates([0.1, 0.2, 0.3]),
            counts=counted(),
        )  # fmt: skip
    text = str(error.value)
    for words in (
        "harm: 1 of 2 values", "expected events: there are 2 areas", "requests: one count", "survey: its areas",
        "counts: there are",
    ):  # fmt: skip
        assert words in text
