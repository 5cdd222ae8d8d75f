"""Estimates from surveys: published worked examples, plain twins, coverage by simulation, bad input."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from allocator.config import SurveySection
from allocator.domain import Survey
from allocator.errors import DataError
from allocator.facts import texts
from allocator.io.outreach.surveys import read_requests, read_survey
from allocator.planning.needs.area_estimates import area_estimates
from allocator.planning.needs.survey import survey_means

# SAS/STAT User's Guide, PROC SURVEYMEANS, Getting Started: grade and weekly spending of 40 of 4,000 students.
ICE_CREAM = """
7 7  7 7  8 12  9 10  7 1  7 10  7 3  8 20  8 19  7 2  7 2  9 15  8 16  7 6  7 6  7 6  9 15  8 17  8 14  9 8
9 8  9 7  7 3  7 12  7 4  9 14  8 18  9 9  7 2  7 1  7 4  7 11  9 8  8 10  8 13  7 2  9 6  9 11  7 2  7 9
"""
# The same, Example "Stratified Cluster Sample Design": grade, study group, spending.
STUDY_GROUPS = """
7 34 7  7 34 7  7 412 4  9 27 14  7 34 2  9 230 15  9 27 15  7 501 2  9 230 8  9 230 7  7 501 3  8 59 20
7 403 4  7 403 11  8 59 13  8 59 17  8 143 12  8 143 16  8 59 18  9 235 9  8 143 10  9 312 8  9 235 6  9 235 11
9 312 10  7 321 6  8 156 19  8 156 14  7 321 3  7 321 12  7 489 2  7 489 9  7 78 1  7 78 10  7 489 2  7 156 1
7 78 6  7 412 6  7 156 2  9 301 8
"""
# fpc.dta of the Stata manual, as in the R package survey: stratum, sampling unit, weight, units there are, answer.
FPC = pd.DataFrame(
    [
        (1, 1, 3, 15, 2.8), (1, 2, 3, 15, 4.1), (1, 3, 3, 15, 6.8), (1, 4, 3, 15, 6.8), (1, 5, 3, 15, 9.2),
        (2, 1, 4, 12, 3.7), (2, 2, 4, 12, 6.6), (2, 3, 4, 12, 4.2),
    ],
    columns=["stratum", "psu", "weight", "there", "x"],
)  # fmt: skip


def rows(text, width):
    return np.array(text.split(), int).reshape(-1, width).T


def test_a_simple_random_sample_is_as_sas_publishes_it():
    _, spending = rows(ICE_CREAM, 2)
    whole = survey_means(spending, population=4000).iloc[-1]
    assert (whole["n"], whole["df"]) == (40, 39)
    assert whole["mean"] == 8.75
    assert whole["se"] == pytest.approx(0.845139, abs=5e-7)
    assert (whole["lower"], whole["upper"]) == (pytest.approx(7.04054539), pytest.approx(10.4594546))


def test_a_stratified_sample_is_as_sas_publishes_it():
    grade, spending = rows(ICE_CREAM, 2)
    there = {7: 1824, 8: 1025, 9: 1151}
    weight = np.array([there[one] / (grade == one).sum() for one in grade])
    whole = survey_means(spending, weight=weight, stratum=grade, population=there).iloc[-1]
    assert whole["mean"] == pytest.approx(9.141298, abs=5e-7)
    assert whole["se"] == pytest.approx(0.531799, abs=5e-7)
    assert (whole["lower"], whole["upper"]) == (pytest.approx(8.0637, abs=1e-4), pytest.approx(10.2188, abs=1e-4))


def test_a_stratified_cluster_sample_is_as_sas_publishes_it():
    grade, group, spending = rows(STUDY_GROUPS, 3)
    there = {7: 608, 8: 252, 9: 403}
    drawn = {7: 8, 8: 3, 9: 5}
    weight = np.array([there[one] / drawn[one] for one in grade])
    whole = survey_means(spending, weight=weight, stratum=grade, cluster=group, population=there).iloc[-1]
    assert (whole["clusters"], whole["df"]) == (16, 13)
    assert whole["mean"] == pytest.approx(8.923860, abs=5e-7)
    assert whole["se"] == pytest.approx(0.650859, abs=5e-7)
    assert (whole["lower"], whole["upper"]) == (pytest.approx(7.51776370), pytest.approx(10.3299565))


def test_the_fpc_data_are_as_r_publishes_them():
    # tests/fpc.Rout.save and tests/check.Rout.save of the R package survey
    x, weight, stratum, psu = (FPC[name] for name in ("x", "weight", "stratum", "psu"))
    for design, mean, se in (
        ({"weight": weight, "stratum": stratum, "cluster": psu}, 5.4481, 0.7413),
        ({"weight": weight, "stratum": stratum, "cluster": psu, "population": {1: 15, 2: 12}}, 5.4481, 0.6160),
        ({"stratum": stratum}, 5.525, 0.7796),
        ({"cluster": psu}, 5.525, 0.838),
        ({"weight": weight, "cluster": psu}, 5.4481, 0.7938),
        ({"weight": weight, "cluster": psu, "population": 27}, 5.4481, 0.7165),
    ):
        whole = survey_means(x, **design).iloc[-1]
        assert (whole["mean"], whole["se"]) == (pytest.approx(mean, abs=5e-5), pytest.approx(se, abs=5e-5))


def test_domain_means_are_as_r_publishes_them():
    # tests/domain.Rout.save and the vignette "Estimates in subpopulations": strata in which a domain has one unit
    table = survey_means(
        FPC["x"], weight=FPC["weight"], stratum=FPC["stratum"], cluster=FPC["psu"], domain=FPC["x"] > 4
    ).set_index("domain")
    assert table.loc["False", "mean"] == pytest.approx(3.314286, abs=5e-7)
    assert table.loc["False", "se"] == pytest.approx(0.3117042, abs=5e-8)
    assert table.loc["True", "mean"] == pytest.approx(6.195)
    assert table.loc["True", "se"] == pytest.approx(0.7555129, abs=5e-8)
    assert table.loc["all", "n"] == 8


def plain_variance(y, weight, stratum, cluster, inside):
    """Return the linearised variance of a domain mean by explicit loops."""
    total = sum(w for w, i in zip(weight, inside, strict=True) if i)
    mean = sum(w * v for w, v, i in zip(weight, y, inside, strict=True) if i) / total
    variance = 0.0
    for h in set(stratum):
        units = sorted({c for c, s in zip(cluster, stratum, strict=True) if s == h})
        sums = []
        for unit in units:
            members = [k for k in range(len(y)) if stratum[k] == h and cluster[k] == unit]
            sums.append(sum(weight[k] * (y[k] - mean) / total for k in members if inside[k]))
        if len(sums) > 1:
            centre = sum(sums) / len(sums)
            variance += len(sums) / (len(sums) - 1) * sum((one - centre) ** 2 for one in sums)
        else:
            variance += sums[0] ** 2
    return mean, variance


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000))
def test_means_and_errors_equal_the_plain_twin(seed):
    rng = np.random.default_rng(seed)
    n = int(rng.integers(6, 40))
    y, weight = rng.normal(size=n), rng.choice([0.5, 1, 3], n)
    stratum, cluster, domain = rng.integers(0, 3, n), rng.integers(0, 4, n), rng.integers(0, 3, n)
    if len({*zip(stratum, cluster, strict=True)}) < 2:
        return
    table = survey_means(y, weight=weight, stratum=stratum, cluster=cluster, domain=domain).set_index("domain")
    for label in (*np.unique(domain), "all"):
        inside = np.ones(n, bool) if label == "all" else domain == label
        mean, variance = plain_variance(y, weight, stratum, cluster, inside)
        row = table.loc[str(label)]
        assert row["mean"] == pytest.approx(mean)
        if row["clusters"] > 1:
            assert row["se"] == pytest.approx(variance**0.5, abs=1e-12)
        else:
            assert np.isnan(row["se"])


def test_the_linearised_error_is_close_to_the_jackknife():
    rng = np.random.default_rng(5)
    n = 600
    cluster, stratum = np.repeat(np.arange(60), 10), np.repeat(np.arange(4), 150)
    y = rng.normal(size=60)[cluster] * 0.5 + rng.normal(size=n)
    weight = rng.uniform(0.5, 2, n)
    inside = rng.random(n) < 0.4
    variance = 0.0
    for h in range(4):
        units = np.unique(cluster[stratum == h])
        means = []
        for unit in units:  # leave one cluster out; the others of its stratum weigh more
            factor = np.where(stratum == h, len(units) / (len(units) - 1), 1.0) * (cluster != unit) * inside
            means.append((weight * factor * y).sum() / (weight * factor).sum())
        variance += (len(units) - 1) / len(units) * ((np.array(means) - np.mean(means)) ** 2).sum()
    row = (
        survey_means(y, weight=weight, stratum=stratum, cluster=cluster, domain=inside).set_index("domain").loc["True"]
    )
    assert row["se"] == pytest.approx(variance**0.5, rel=0.02)


def test_intervals_cover_the_truth_as_often_as_they_say():
    rng = np.random.default_rng(11)
    n_clusters, each = 400, 30
    stratum = np.repeat(np.arange(4), n_clusters // 4)
    level = rng.normal(size=n_clusters) * 0.6 + stratum * 0.4
    people = level[:, None] + rng.normal(size=(n_clusters, each))
    area = rng.integers(0, 5, (n_clusters, each))
    truth = people[area == 2].mean()
    whole = people.mean()
    covered = np.zeros(2)
    draws = 150
    for _ in range(draws):
        picked = np.concatenate([rng.choice(np.flatnonzero(stratum == h), 8, replace=False) for h in range(4)])
        rows_of = np.stack([rng.choice(each, 10, replace=False) for _ in picked])
        answer, where = (one[picked[:, None], rows_of] for one in (people, area))
        labels = np.repeat(picked, 10)
        table = survey_means(
            answer.ravel(), stratum=np.repeat(stratum[picked], 10), cluster=labels, domain=where.ravel()
        ).set_index("domain")
        for k, (name, true) in enumerate((("2", truth), ("all", whole))):
            covered[k] += table.loc[name, "lower"] <= true <= table.loc[name, "upper"]
    low, high = stats.binom.ppf([0.0005, 0.9995], draws, 0.95) / draws
    assert (covered / draws >= low - 0.01).all()
    assert (covered / draws <= high).all()


def test_a_stratum_with_one_cluster_is_centred_at_the_mean_of_all_and_said():
    y, stratum = np.array([1.0, 2, 3, 4, 9]), np.array([1, 1, 2, 2, 3])
    whole = survey_means(y, stratum=stratum).iloc[-1]
    assert "one cluster" in whole["note"]
    expected = sum(2 * ((y[s] - y[s].mean()) ** 2).sum() for s in ([0, 1], [2, 3])) + (9 - y.mean()) ** 2
    assert whole["se"] == pytest.approx((expected / 25) ** 0.5)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"values": [1.0, 0, 1], "weight": [0, 0, 0]}, "all 3 weights are 0"),
        ({"values": [1.0, 0, 1], "weight": [1, -2, 1]}, "1 of 3 weights are negative"),
        ({"values": [1.0, 0, 1], "weight": [1, np.nan, 1]}, "1 of 3 weights are missing"),
        ({"values": [1.0]}, "1 answers with a weight"),
        ({"values": []}, "0 answers"),
        ({"values": [1.0, np.nan, np.nan]}, "1 answers with a weight"),
        ({"values": [1.0, 0, 1], "stratum": ["a", None, "b"]}, "1 of 3 rows have no stratum"),
        ({"values": [1.0, 0, 1], "cluster": ["a", "", ""]}, "2 of 3 rows have no cluster"),
        ({"values": ["1", "Mr Smith", "0"]}, "1 of 3 answers are no numbers"),
        ({"values": [1.0, np.inf]}, "infinite"),
        ({"values": [1.0, 0], "weight": [1.0]}, "2 answers and 1 weights"),
        ({"values": [1.0, 0, 1], "population": 2}, "2 in the population and 3 in the sample"),
        ({"values": [1.0, 0], "domain": ["all", "b"]}, "rename it"),
        ({"values": [1.0, 0], "stratum": ["a", "b"], "population": {"a": 9}}, "'b' is not among"),
    ],
)
def test_broken_surveys_are_refused_with_numbers(arguments, words):
    with pytest.raises(DataError, match=words) as error:
        survey_means(**arguments)
    assert "Smith" not in str(error.value)


def test_a_domain_with_one_cluster_has_no_interval_and_says_so():
    table = survey_means([1.0, 2, 3, 4], domain=["a", "b", "b", None]).set_index("domain")
    assert table.loc["a", "mean"] == 1
    assert np.isnan(table.loc["a", "se"])
    assert "one sampling unit" in table.loc["a", "note"]
    nothing = survey_means([1.0, np.nan, 3], domain=["a", "b", "a"]).set_index("domain").loc["b"]
    assert nothing["n"] == 0
    assert nothing["note"] == "no answers with a weight"


def survey(answer, area, n_areas, **others):
    names = tuple(f"A{k}" for k in range(n_areas))
    return Survey("survey.csv", "fear", names, np.asarray(answer, float), np.asarray(area, np.int32), **others)


def test_small_areas_are_shrunk_towards_the_whole_or_unknown():
    rng = np.random.default_rng(2)
    sizes = [200, 100, 60, 40, 12, 5, 1, 0]
    level = rng.normal(3, 0.5, 8)
    area = np.repeat(np.arange(8), sizes)
    answer = level[area] + rng.normal(size=len(area))
    found = area_estimates(survey(answer, area, 8))
    frame = found.frame.set_index("area")
    assert list(frame["status"]) == ["direct"] * 4 + ["shrunk"] * 3 + ["unknown"]
    for name in ("A4", "A5", "A6"):
        row = frame.loc[name]
        assert min(row["own_mean"], found.mean) <= row["mean"] <= max(row["own_mean"], found.mean)
        assert row["lower"] < row["mean"] < row["upper"]
        assert "shrunk" in row["note"]
    assert frame.loc["A4", "own_share"] > frame.loc["A5", "own_share"] > frame.loc["A6", "own_share"]
    assert np.isnan(frame.loc["A7", ["mean", "lower", "upper"]].astype(float)).all()
    assert any("3 of 8 areas" in note.text for note in found.notes)
    strict = area_estimates(survey(answer, area, 8), small="unknown").frame
    assert list(strict["status"]) == ["direct"] * 4 + ["unknown"] * 4
    assert strict["mean"].isna().sum() == 4


def test_shrinking_lowers_the_error_and_its_intervals_cover():
    rng = np.random.default_rng(8)
    gain, covered, cases = [], 0, 0
    for _ in range(40):
        level = rng.normal(0.0, 0.4, 30)
        sizes = np.r_[np.full(10, 60), np.full(20, 8)]
        area = np.repeat(np.arange(30), sizes)
        frame = area_estimates(survey(level[area] + rng.normal(size=len(area)), area, 30)).frame
        few = (frame["status"] == "shrunk").to_numpy()
        gain.append(((frame["mean"] - level)[few] ** 2).mean() / ((frame["own_mean"] - level)[few] ** 2).mean())
        covered += ((frame["lower"] <= level) & (level <= frame["upper"]))[few].sum()
        cases += few.sum()
    assert np.mean(gain) < 0.75
    assert 0.92 <= covered / cases <= 0.98


def test_areas_that_all_answer_the_same_keep_a_width():
    answer = np.r_[np.zeros(40), np.ones(30), np.zeros(30), np.ones(40)]
    area = np.r_[np.zeros(40), np.ones(60), np.full(40, 2)].astype(int)
    frame = area_estimates(survey(answer, area, 3)).frame
    assert (frame["upper"] > frame["lower"]).all()
    assert frame[["lower", "upper"]].to_numpy().min() >= 0
    assert frame[["lower", "upper"]].to_numpy().max() <= 1
    assert "all answers are the same" in frame.loc[0, "note"]


def test_one_area_alone_is_never_shrunk_to_itself():
    found = area_estimates(survey([1, 0, 1, 0], [0, 0, 0, 0], 2))
    assert list(found.frame["status"]) == ["unknown", "unknown"]
    assert "too few areas" in found.frame.loc[0, "note"]


def test_a_synthetic_survey_is_called_synthetic():
    found = area_estimates(survey([1, 0, 1, 0], [0, 0, 0, 0], 1, synthetic=True))
    assert any("synthetic" in note.text for note in found.notes)


def section(path, **others):
    return SurveySection(file=str(path), question="fear", **others)


def test_a_survey_is_read_by_its_mapped_columns_only(tmp_path):
    path = tmp_path / "survey.csv"
    path.write_text(
        "respondent_name,area,fear,w,s,c\nAnn,North,1,2,a,1\nBob,South,0,1,a,2\nCy,,1,0,b,3\nDee,North,,1,b,4\n"
    )
    found = read_survey(section(path, weight="w", stratum="s", cluster="c", synthetic=True), ("North", "South"))
    assert found.answer.tolist()[:3] == [1, 0, 1]
    assert np.isnan(found.answer[3])
    assert found.area.tolist() == [0, 1, -1, 0]
    assert found.weight.tolist() == [2, 1, 0, 1]
    assert found.stratum.tolist() == [0, 0, 1, 1]
    assert not found.answer.flags.writeable
    assert "1 of 4 people asked gave no answer" in " ".join(texts(found.notes))
    assert "1 columns that look personal were not read" in " ".join(texts(found.notes))
    assert "Ann" not in repr(found)
    assert area_estimates(found).synthetic


def test_every_fault_of_a_survey_is_told_at_once(tmp_path):
    path = tmp_path / "survey.csv"
    path.write_text("area,fear,w,s\nNoth,1,-1,a\nSouth,John Doe,x,\nNorth,1,1,b\n")
    with pytest.raises(DataError) as error:
        read_survey(section(path, weight="w", stratum="s"), ("North", "South"))
    text = str(error.value)
    for words in (
        "unknown area 'Noth' in 1 row (did you mean 'North'?)",
        "1 of 3 answers in 'fear' are no numbers (first in rows 3)",
        "1 of 3 weights in 'w' are missing", "1 of 3 weights in 'w' are negative", "1 of 3 rows have nothing in 's'",
    ):  # fmt: skip
        assert words in text
    assert "Doe" not in text


@pytest.mark.parametrize(
    ("text", "others", "words"),
    [
        ("area,fear,w\nNorth,1,0\nNorth,0,0\n", {"weight": "w"}, "all 2 weights in 'w' are 0"),
        ("area,fear\nNorth,1\n", {}, "holds 1 answers"),
        ("area,fear,address\nNorth,1,Elm St\n", {"cluster": "address"}, "look personal"),
        ("area,fears\nNorth,1\n", {}, "no column 'fear' \\(did you mean 'fears'"),
        ("area,fear\nNorth,1\nNorth\n", {}, "row 3 has 1 columns"),
    ],
)
def test_surveys_that_cannot_be_used_are_refused(tmp_path, text, others, words):
    path = tmp_path / "survey.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_survey(section(path, **others), ("North", "South"))


def test_requests_are_counted_by_area(tmp_path):
    path = tmp_path / "requests.csv"
    path.write_text("area,date,requests,topic\nNorth,2017-03-01,4,lighting\nNorth,2017-03-02,3,lighting\nSouth,,2,\n")
    found = read_requests(path, ("North", "South", "West"))
    assert found.counts.tolist() == [7, 2, 0]
    assert str(found.first_day), str(found.last_day) == ("2017-03-01", "2017-03-02")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("area,requests,comment\nNorth,1,x\n", "columns of texts: 'comment'"),
        ("area,requests,extra\nNorth,1,please send someone to our street tonight\n", "columns of texts: 'extra'"),
        ("area,requests,caller\nNorth,1,x\n", "look personal"),
        ("area,requests\nNorth,-1\n", "requests = '-1' is not a number of 0 or more"),
        ("area,requests\nNorth,1.5\n", "not a whole number"),
        ("area,requests\nNort,1\n", "unknown area 'Nort' \\(did you mean 'North'"),
        ("area,requests,date\nNorth,1,2017-02-30\n", "is not a date"),
        ("area,requests,date\nNorth,1,0017-02-03\n", "cannot be"),
        ("area,requests,topic\nNorth,1,a\nNorth,2,a\n", "those of row 2"),
        ("area,requests,topic\nNorth,1,ask ann@example.org\n", "e-mail"),
        ("area,requests,topic\nNorth,1," + "x" * 41 + "\n", "41 characters"),
    ],
)
def test_broken_requests_are_refused(tmp_path, text, words):
    path = tmp_path / "requests.csv"
    path.write_text(text)
    with pytest.raises(DataError, match=words):
        read_requests(path, ("North", "South"))
