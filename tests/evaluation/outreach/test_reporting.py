"""Outreach raises reporting: a true drop in harm must not be called a failure, nor a rise a success."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator.errors import DataError
from allocator.evaluation.outreach.reporting import (
    FELL,
    ROSE,
    UNCLEAR,
    UNTOLD,
    ReportedCounts,
    Victimisation,
    expected_reported_change,
    outreach_effect,
    reported_change,
    victimisation_change,
)
from allocator.planning.needs.survey import survey_means


def test_the_model_of_reported_events():
    assert expected_reported_change(0.15, 0.3) == pytest.approx(0.105)
    assert expected_reported_change(0.15, 0.0) == pytest.approx(-0.15)
    assert expected_reported_change(0.0, 0.3) == pytest.approx(0.3)
    assert expected_reported_change(0.0, 1.0, share=0.8) == pytest.approx(0.25)  # all is reported then
    assert expected_reported_change(1.0, 5.0) == -1


@given(st.floats(-1, 1), st.floats(-1, 3), st.floats(0.05, 1))
def test_reported_events_are_victimisation_times_the_share(prevented, rise, share):
    after = min(share * (1 + rise), 1)
    expected = (1 - prevented) * after / share - 1
    assert expected_reported_change(prevented, rise, share=share) == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("arguments", "words"), [
    ((1.1, 0.0), "prevented = 1.1"), ((0.1, -2.0), "rise = -2"), ((math.nan, 0.0), "prevented"),
    ((0.1, math.inf), "rise"),
])  # fmt: skip
def test_changes_that_cannot_be_are_refused(arguments, words):
    with pytest.raises(DataError, match=words):
        expected_reported_change(*arguments)


def test_the_ratio_of_ratios_by_hand():
    counts = ReportedCounts([200], [260], [400], [420])
    found = reported_change(counts)
    assert found.ratio == pytest.approx(1.3 / 1.05)
    se = (1 / 200 + 1 / 260 + 1 / 400 + 1 / 420) ** 0.5
    assert found.log_se == pytest.approx(se)
    assert math.log(found.upper / found.ratio) == pytest.approx(1.959964 * se, rel=1e-5)
    alone = reported_change(ReportedCounts([200], [260], days_before=100, days_after=50))
    assert alone.ratio == pytest.approx(2.6)


def test_areas_that_differ_widen_the_interval():
    even = reported_change(ReportedCounts([50] * 6, [60] * 6, [50] * 6, [50] * 6))
    odd = reported_change(ReportedCounts([50] * 6, [20, 100, 20, 100, 20, 100], [50] * 6, [50] * 6))
    assert odd.ratio == pytest.approx(even.ratio)
    assert odd.log_se > 2 * even.log_se


def test_no_events_are_no_crash():
    found = reported_change(ReportedCounts([0, 0], [0, 3], [5, 4], [0, 0]))
    assert 0 < found.lower < found.ratio < found.upper < math.inf


def asked(rng, share, n):
    """A survey of n residents in 40 clusters, estimated as any other."""
    cluster = np.repeat(np.arange(40), n // 40)
    level = np.clip(rng.normal(share, share * 0.15, 40), 0, 1)
    level *= share / level.mean()
    return Victimisation.of(survey_means(rng.random(len(cluster)) < level[cluster], cluster=cluster))


def told(seed, victims, report, n=8000):
    """Return the effect that is found where victimisation and the reported share go from the first to the second."""
    rng = np.random.default_rng(seed)
    size = rng.gamma(8, 30, 20)
    treated, others = size[:10], size[10:]
    counts = ReportedCounts(
        rng.poisson(treated * victims[0] * report[0] * 10), rng.poisson(treated * victims[1] * report[1] * 10),
        rng.poisson(others * victims[0] * report[0] * 10), rng.poisson(others * victims[0] * report[0] * 10),
    )  # fmt: skip
    before, after = (asked(rng, share, n) for share in victims)
    return counts, outreach_effect(counts, before=before, after=after)


def test_a_true_drop_with_a_rise_in_reporting_is_not_called_a_failure():
    """Victimisation falls by 15 %, reporting rises from 40 % to 52 %: what is reported rises by 10.5 %."""
    effects = [told(seed, (0.20, 0.17), (0.40, 0.52))[1] for seed in range(100)]
    naive_failures = np.mean([effect.reported.lower > 1 for effect in effects])
    assert np.mean([effect.reported.ratio for effect in effects]) == pytest.approx(1.105, abs=0.02)
    assert naive_failures > 0.4  # what reported events alone would be taken for
    assert np.mean([effect.success is False for effect in effects]) <= 0.01
    assert np.mean([effect.verdict == FELL for effect in effects]) >= 0.95
    assert np.mean([effect.share.lower > 1 for effect in effects]) >= 0.95
    risen = next(effect for effect in effects if effect.reported.lower > 1)
    assert "but victimisation by survey fell" in risen.words
    assert "not a failure" in risen.words


def test_with_a_small_survey_it_is_left_open():
    effects = [told(seed, (0.20, 0.17), (0.40, 0.52), n=800)[1] for seed in range(100)]
    assert np.mean([effect.success is False for effect in effects]) <= 0.05
    assert np.mean([effect.verdict == UNCLEAR for effect in effects]) > 0.4
    assert "too small to tell" in next(one for one in effects if one.verdict == UNCLEAR).words


def test_a_true_rise_is_never_called_a_success():
    """Victimisation rises by 15 % while reporting falls, so that fewer events are reported."""
    effects = [told(seed, (0.17, 0.20), (0.52, 0.40))[1] for seed in range(60)]
    assert np.mean([effect.reported.ratio for effect in effects]) < 1
    assert not any(effect.success for effect in effects)
    assert np.mean([effect.verdict == ROSE for effect in effects]) >= 0.9
    assert "not a success" in next(one for one in effects if one.verdict == ROSE).words


def test_without_change_verdicts_are_as_rare_as_the_level_says():
    verdicts = [told(seed, (0.2, 0.2), (0.4, 0.52), n=2000)[1].verdict for seed in range(100)]
    assert np.mean([verdict != UNCLEAR for verdict in verdicts]) <= 0.10


@pytest.mark.parametrize(("after", "words"), [
    ([150], "a rise in reporting cannot be told from a rise in harm"),
    ([60], "a fall in harm cannot be told from a fall in reporting"),
    ([101], "may have moved against each other"),
])  # fmt: skip
def test_without_a_survey_nothing_is_called_success_or_failure(after, words):
    effect = outreach_effect(ReportedCounts([100], after))
    assert effect.verdict == UNTOLD
    assert effect.success is None
    assert words in effect.words
    assert effect.victimisation is None
    assert any("no comparison areas" in note.text for note in effect.notes)


def test_surveys_elsewhere_are_taken_out():
    before, after = Victimisation(0.2, 0.01, 60), Victimisation(0.17, 0.01, 50)
    alone = victimisation_change(before, after)
    assert alone.ratio == pytest.approx(0.85)
    assert alone.df == 50
    both = victimisation_change(before, after, elsewhere=(Victimisation(0.2, 0.01), Victimisation(0.18, 0.01)))
    assert both.ratio == pytest.approx(0.85 / 0.9)
    assert both.log_se > alone.log_se
    assert victimisation_change(before, Victimisation(0.0, 0.0)) is None
    assert victimisation_change(before, Victimisation(0.1, math.nan)) is None


def test_the_card_keeps_the_two_apart_and_is_fit_for_json():
    import json

    _, effect = told(1, (0.20, 0.17), (0.40, 0.52))
    table = effect.table().set_index("measure")
    assert list(table.index) == ["reported events", "victimisation", "reported share"]
    assert table.loc["victimisation", "upper"] < 0 < table.loc["reported share", "lower"]
    assert "never added" in " ".join(effect.summary().split())
    assert all(len(line) <= 80 for line in effect.summary(width=80).splitlines())
    assert json.loads(json.dumps(effect.figures(), allow_nan=False))["values"]["verdict"] == FELL
    untold = outreach_effect(ReportedCounts([100], [120]))
    assert json.loads(json.dumps(untold.figures(), allow_nan=False))["values"]["changes"][1]["change"] is None


@pytest.mark.parametrize(("arguments", "words"), [
    ({"treated_before": [1, 2], "treated_after": [1]}, "counts before and"),
    ({"treated_before": [-1], "treated_after": [1]}, "1 counts are no whole numbers"),
    ({"treated_before": [1.5], "treated_after": [1]}, "no whole numbers"),
    ({"treated_before": [], "treated_after": []}, "no treated areas"),
    ({"treated_before": [1], "treated_after": [1], "days_after": 0}, "days_after = 0"),
])  # fmt: skip
def test_broken_counts_are_refused(arguments, words):
    with pytest.raises(DataError, match=words):
        ReportedCounts(**arguments)


def test_one_survey_without_the_other_is_refused():
    with pytest.raises(DataError, match="two surveys"):
        outreach_effect(ReportedCounts([1], [1]), before=Victimisation(0.1, 0.01))
