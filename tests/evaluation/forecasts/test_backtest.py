from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import sys
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context

import numpy as np
import pandas as pd
import pytest

import allocator as al
import naive
from allocator import cli, risk
from allocator.config import BoostedOptions, RiskSection, ShiftSection
from allocator.domain import Panel, Tessellation
from allocator.errors import ConfigError, DataError, OutputError, SolverError
from allocator.evaluation.bootstrap import block_length, block_weights, verdict
from allocator.evaluation.forecasts.cases import fits, unscored, window_counts
from allocator.evaluation.forecasts.folds import Asked, Fold, design_of, folds_of
from allocator.evaluation.forecasts.scorecard import COLUMNS
from allocator.io.folders.results import write_results
from allocator.io.tables.exports import csv_text
from allocator.report.studies.backtest import backtest_page
from allocator.report.studies.charts import shown_kinds

OPTIONS = RiskSection(
    train_weeks=10, holdout_weeks=2, burn_in_days=28, half_lives_days=(30.0,), bandwidths_m=(300.0,),
    boosted=BoostedOptions(rounds=5, rows=10_000),
)  # fmt: skip
FOLDS = 7
QUICK = {"models": ["historic_mean", "recent"], "options": OPTIONS, "folds": 2}
EVENING = ShiftSection(name="evening", start=dt.time(15), stop=dt.time(23))
NIGHT = ShiftSection(name="night", start=dt.time(23), stop=dt.time(7))


@pytest.fixture(scope="module")
def panel(synthetic_city, synthetic_events):
    return Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 400))


@pytest.fixture(scope="module")
def harm(panel):
    return {panel.kinds[0]: 5.0}


@pytest.fixture(scope="module")
def card(panel, harm):
    return al.backtest(panel, folds=FOLDS, options=OPTIONS, harm=harm)


def forecasts_of(known, design):
    return {model: one.forecast() for model, one in fits(known, design).items()}


def rows(panel, keep):
    names = ("day", "minute", "cell", "kind", "count")
    return dataclasses.replace(panel, **{name: getattr(panel, name)[keep] for name in names})


def planted(panel, *, day, cell, n=50, reported=None):
    """The panel with n more events of its first kind."""
    extra = {"day": day, "minute": 720, "cell": cell, "kind": 0, "count": 1}
    arrays = {
        name: np.concatenate([getattr(panel, name), np.full(n, value, getattr(panel, name).dtype)])
        for name, value in extra.items()
    }
    known = panel.day if panel.reported is None else panel.reported
    arrays["reported"] = np.concatenate([known, np.full(n, day if reported is None else reported, np.int32)])
    order = np.argsort(arrays["day"], kind="stable")
    return dataclasses.replace(panel, **{name: one[order] for name, one in arrays.items()})


def equal(one, two):
    assert one.sums.keys() == two.sums.keys()
    for name in one.sums:
        np.testing.assert_array_equal(one.sums[name], two.sums[name], err_msg=name)
    assert one.chosen == two.chosen
    assert one.skipped == two.skipped


def test_scores_are_long_with_the_columns_of_the_contract(card, panel):
    scores = card.scores
    assert tuple(scores.columns[: len(COLUMNS)]) == COLUMNS
    assert len(scores) == len(card.models) * FOLDS * (len(panel.kinds) + 1) * 4
    assert not scores.duplicated(["model", "kind", "fold", "area_share"]).any()
    assert set(scores["model"]) == {*risk.MODELS, "auto"}
    assert set(scores["area_share"]) == {0.005, 0.01, 0.02, 0.05}
    assert set(scores.loc[scores["model"] == "auto", "chosen"]) - {"auto"}
    assert scores["cutoff"].max() == pd.Timestamp(panel.stop_day) - pd.Timedelta(days=7)
    assert scores["cutoff"].drop_duplicates().sort_values().diff().dropna().eq(pd.Timedelta(days=7)).all()
    whole = scores[(scores["model"] == "kde") & (scores["kind"] == "all") & (scores["area_share"] == 0.01)]
    last = panel.day >= panel.n_days - 7 * FOLDS
    assert whole["events"].sum() == last.sum()


def test_a_fold_recomputed_with_pandas(card, panel):
    fold, kind = 3, 1
    cutoff = card.cutoffs[fold]
    surface = risk.fit(panel.until(cutoff), "kde", options=OPTIONS).forecast()
    first = panel.day_index(cutoff)
    frame = pd.DataFrame({"day": panel.day, "cell": panel.cell, "kind": panel.kind})
    frame = frame[frame["kind"] == kind]
    cells = pd.DataFrame({"rate": surface.mean[0, :, kind].astype(float), "area": panel.city.area_km2})
    for name, low, high in (("actual", first, first + 7), ("past", first - 364, first)):
        inside = frame[(frame["day"] >= low) & (frame["day"] < high)]
        cells[name] = inside.groupby("cell").size().reindex(cells.index, fill_value=0)
    cells = cells.assign(density=cells["rate"] / cells["area"]).sort_values("density", ascending=False)
    left, hits, past = 0.05 * cells["area"].sum(), 0.0, 0.0
    for one in cells.itertuples():
        part = min(1.0, left / one.area)
        hits, past, left = hits + part * one.actual, past + part * one.past, left - part * one.area
    scores = card.scores
    mine = scores[(scores["model"] == "kde") & (scores["kind"] == panel.kinds[kind]) & (scores["fold"] == fold)]
    row = mine[mine["area_share"] == 0.05].iloc[0]
    assert row["events"] == cells["actual"].sum()
    assert row["expected"] == pytest.approx(cells["rate"].sum())
    assert row["hit_rate"] == pytest.approx(hits / cells["actual"].sum(), rel=1e-6)
    assert row["pai"] == pytest.approx(row["hit_rate"] / 0.05)
    assert row["rri"] == pytest.approx((hits / past) / (cells["actual"].sum() / cells["past"].sum()), rel=1e-6)
    loglik = (cells["actual"] * np.log(cells["rate"]) - cells["rate"]).sum() / cells["actual"].sum()
    assert row["loglik"] == pytest.approx(loglik)
    assert row["observed_over_expected"] == pytest.approx(cells["actual"].sum() / cells["rate"].sum())
    district = surface.by_district().query("kind == @panel.kinds[@kind]").set_index("district")
    by_district = cells.groupby(panel.city.district[cells.index])["actual"].sum()
    counts = by_district.rename(lambda d: panel.city.districts[d]).reindex(district.index, fill_value=0)
    held = (district["lower"] <= counts) & (counts <= district["upper"])
    assert row["coverage90"] == pytest.approx(held.mean())


def test_kinds_together_are_summed_cell_by_cell(card, panel):
    fold = FOLDS - 1
    known = panel.until(card.cutoffs[fold])
    surface = risk.fit(known, "recent", options=OPTIONS).forecast()
    rate = surface.mean[0].sum(axis=1, dtype=np.float64)
    actual = np.bincount(panel.cell[panel.day >= known.n_days], minlength=len(rate)).astype(float)
    scores = card.scores
    row = scores[(scores["model"] == "recent") & (scores["kind"] == "all") & (scores["fold"] == fold)].iloc[0]
    assert row["loglik"] == pytest.approx(naive.poisson_loglik(actual, rate) / actual.sum())


def test_harm_weights_kinds_before_cells_are_ranked(card, panel):
    fold = 0
    known = panel.until(card.cutoffs[fold])
    weight = np.where(np.arange(len(panel.kinds)) == 0, 5.0, 1.0)
    rate = risk.fit(known, "historic_mean", options=OPTIONS).forecast().mean[0].astype(float) @ weight
    inside = (panel.day >= known.n_days) & (panel.day < known.n_days + 7)
    actual = np.bincount(panel.cell[inside], weight[panel.kind[inside]], len(rate))
    from allocator.evaluation.forecasts.metrics import Case, hit_rate

    scores = card.scores
    mine = scores[(scores["model"] == "historic_mean") & (scores["kind"] == "all") & (scores["fold"] == fold)]
    row = mine[mine["area_share"] == 0.02].iloc[0]
    assert row["harm_hit_rate"] == pytest.approx(hit_rate(Case(actual, rate, panel.city.area_km2), 0.02), rel=1e-5)
    assert row["harm_hit_rate"] != pytest.approx(row["hit_rate"])


@pytest.mark.parametrize("when", ["after the cutoff", "reported after the cutoff"])
def test_nothing_that_was_unknown_at_the_cutoff_touches_a_forecast(panel, when):
    fold = Fold(0, panel.stop_day - dt.timedelta(days=14))
    first = panel.day_index(fold.cutoff)
    honest = dataclasses.replace(panel, reported=panel.day.copy())
    if when == "after the cutoff":
        touched = planted(honest, day=first + 2, cell=5)
    else:
        touched = planted(honest, day=first - 3, cell=5, reported=first)
    design = design_of(panel, Asked(options=OPTIONS, area_shares=(0.01,)))
    before, after = (forecasts_of(one.until(fold.cutoff), design) for one in (honest, touched))
    for model in design.models:
        for name in ("mean", "lower", "upper", "dispersion"):
            np.testing.assert_array_equal(getattr(before[model], name), getattr(after[model], name), err_msg=model)
    early = planted(honest, day=first - 3, cell=5, reported=first - 1)  # known in time: it must be seen
    seen = forecasts_of(early.until(fold.cutoff), design)
    # seasonal looks at the same weeks of earlier years alone
    assert all((seen[model].mean != before[model].mean).any() for model in design.models if model != "seasonal")


def test_a_late_report_leaves_the_whole_fold_alone_and_a_future_event_only_its_count(panel):
    honest = dataclasses.replace(panel, reported=panel.day.copy())
    first = panel.n_days - 14
    before = al.backtest(honest, **QUICK)
    late = al.backtest(planted(honest, day=first - 3, cell=5, reported=first + 4), **QUICK)
    for name, sums in before.sums.items():
        np.testing.assert_array_equal(sums[0], late.sums[name][0], err_msg=name)
    assert (late.sums["expected"][1] != before.sums["expected"][1]).any()
    future = al.backtest(planted(honest, day=first + 2, cell=5), **QUICK)
    np.testing.assert_array_equal(future.sums["expected"][0], before.sums["expected"][0])
    assert (future.sums["events"][0, :, 0] == before.sums["events"][0, :, 0] + 50).all()


@pytest.mark.slow
def test_threads_and_processes_give_the_same_bits(panel, card, harm):
    with ThreadPoolExecutor(2) as pool:
        equal(card, al.backtest(panel, folds=FOLDS, options=OPTIONS, harm=harm, executor=pool))
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        equal(al.backtest(panel, **QUICK), al.backtest(panel, **QUICK, executor=pool))


def test_a_worker_that_dies_is_a_solver_error(panel):
    from concurrent.futures import BrokenExecutor, Future

    class Dying(ThreadPoolExecutor):
        def submit(self, *args, **kwargs):
            task = Future()
            task.set_exception(BrokenExecutor("gone"))
            return task

    with pytest.raises(SolverError, match="a worker ended before its fold was done"):
        al.backtest(panel, **QUICK, executor=Dying())


def test_estimates_pool_sums_over_folds(card):
    scores, table = card.scores, card.table(0.02)
    for row in table[table["model"].isin(["kde", "auto"])].itertuples():
        mine = scores[(scores["model"] == row.model) & (scores["kind"] == row.kind) & (scores["area_share"] == 0.02)]
        hits = (mine["hit_rate"] * mine["events"]).sum()
        assert row.hit_rate == pytest.approx(hits / mine["events"].sum())
        assert row.loglik == pytest.approx((mine["loglik"] * mine["events"]).sum() / mine["events"].sum())
        assert row.pai_low <= row.pai <= row.pai_high
        assert row.events == mine["events"].sum()
        assert row.folds == FOLDS
    assert list(table["baseline"]) == [m in risk.BASELINES for m in table["model"]]
    with pytest.raises(ConfigError, match=r"no area share 0\.3"):
        card.table(0.3)


def test_the_bootstrap_is_the_plain_loop(card):
    length = block_length(FOLDS)
    assert length == 2
    starts = np.random.default_rng(card.seed).integers(0, FOLDS - length + 1, (1000, math.ceil(FOLDS / length)))
    m, k = card.models.index("kde"), card.kinds.index("all")
    low, high = naive.block_bootstrap(
        card.sums["loglik"][:, m, k, 0], card.sums["events"][:, m, k, 0], starts=starts, length=length, level=0.95
    )
    row = card.table().set_index(["kind", "model"]).loc[("all", "kde")]
    assert (row["loglik_low"], row["loglik_high"]) == pytest.approx((low, high))
    weights = block_weights(FOLDS, length, draws=1000, seed=card.seed)
    assert (weights.sum(axis=1) == FOLDS).all()
    np.testing.assert_array_equal(weights, block_weights(FOLDS, length, draws=1000, seed=card.seed))


def test_blocks_grow_with_the_folds_and_their_overlap():
    assert [block_length(n) for n in (1, 3, 12, 26, 52)] == [1, 1, 2, 3, 4]
    assert block_length(12, overlap=4) == 4
    assert block_length(3, overlap=9) == 3


def test_differences_are_paired_and_against_the_best_baseline(card):
    frame = card.differences(["loglik", "pai", "harm_pai"])
    table = card.table().set_index(["kind", "model"])
    for (kind, metric), group in frame[frame["area_share"].isna()].groupby(["kind", "metric"]):
        best = group["baseline"].iloc[0]
        assert table.loc[kind].loc[list(card.baselines), metric].idxmax() == best
        assert set(group["model"]) == set(card.models) - {best}
    row = frame[(frame["kind"] == "all") & (frame["metric"] == "loglik") & (frame["model"] == "auto")].iloc[0]
    sums, own, other = card.sums, card.models.index("auto"), card.models.index(row["baseline"])
    gap = sums["loglik"][:, own, -1, 0] - sums["loglik"][:, other, -1, 0]
    events = sums["events"][:, own, -1, 0]
    assert row["difference"] == pytest.approx(gap.sum() / events.sum())
    starts = np.random.default_rng(card.seed).integers(0, FOLDS - 1, (1000, math.ceil(FOLDS / 2)))
    assert (row["low"], row["high"]) == pytest.approx(
        naive.block_bootstrap(gap, events, starts=starts, length=2, level=0.95)
    )
    with pytest.raises(ConfigError, match="metric 'width' cannot be compared"):
        card.differences(["width"])


def test_verdicts_need_folds():
    assert verdict(0.1, 0.2, n_folds=12, events=99) == "better"
    assert verdict(-0.2, -0.1, n_folds=12, events=99) == "worse"
    assert verdict(-0.1, 0.1, n_folds=12, events=99) == "no clear difference"
    unknown = "too few folds or events to tell"
    assert verdict(0.1, 0.2, n_folds=5, events=99) == unknown
    assert verdict(0.1, 0.2, n_folds=12, events=3) == unknown
    assert verdict(math.nan, math.nan, n_folds=12, events=99) == unknown


def test_calibration_curve_and_ceiling_agree_with_the_table(card):
    table = card.table().set_index(["kind", "model"])
    calibration = card.calibration().groupby(["kind", "model"])[["expected", "observed"]].sum()
    for key, row in table.iterrows():
        assert calibration.loc[key, "observed"] == pytest.approx(row["events"])
        assert calibration.loc[key, "expected"] == pytest.approx(row["expected"])
    curve = card.curve()
    assert (curve["hit_rate"] <= curve["best_possible"] + 1e-12).all()
    np.testing.assert_allclose(curve[curve["area_share"] == 1.0]["hit_rate"], 1.0)
    at = curve[(curve["area_share"] == 0.01) & (curve["kind"] == "all")].set_index("model")["hit_rate"]
    for model in card.models:
        assert at[model] == pytest.approx(table.loc[("all", model), "hit_rate"])
    ceiling = card.ceiling()
    assert list(dict.fromkeys(ceiling["kind"])) == list(card.kinds)
    assert (ceiling[ceiling["metric"] == "pei_star"]["value"] < 1).all()


def test_the_summary_says_where_a_baseline_wins(card):
    text = card.summary()
    assert max(map(len, text.splitlines())) <= 110
    flat = " ".join(text.split())
    for words in ("7 folds, 7 days apart, of 7 days", "the best baseline", "observed/expected", "series better than"):
        assert words in flat, words
    worse = card.differences().query("model == 'auto' and metric == 'loglik' and verdict == 'worse'")
    assert ("worse on" in flat.split("log-likelihood per event: ")[1].split("PAI: ")[0]) == bool(len(worse))
    json.dumps(card.figures(), allow_nan=False)


@pytest.mark.parametrize("shift", [EVENING, NIGHT], ids=lambda shift: shift.name)
def test_one_shift_is_forecast_on_the_first_day_of_each_fold(panel, shift):
    card = al.backtest(panel, **QUICK, horizon=shift, step=3)
    assert card.horizon_days == pytest.approx(8 / 24)
    gaps = np.diff(np.array(card.cutoffs, "datetime64[D]")).astype(int)
    assert gaps.tolist() == [3]
    first = panel.day_index(card.cutoffs[0])
    if shift is EVENING:
        inside = (panel.day == first) & (panel.minute >= 15 * 60) & (panel.minute < 23 * 60)
    else:
        inside = (panel.day == first) & (panel.minute >= 23 * 60)
        inside |= (panel.day == first + 1) & (panel.minute >= 0) & (panel.minute < 7 * 60)
    assert card.sums["events"][0, 0, -1, 0] == inside.sum()
    week = al.backtest(panel, **QUICK).sums["expected"][0, 0, -1, 0]
    assert 0.02 * week < card.sums["expected"][0, 0, -1, 0] < 0.12 * week
    if (panel.minute < 0).any():
        assert "have no known time of day" in card.summary()


def test_windows_may_overlap_and_it_is_said(panel):
    card = al.backtest(panel, models=["historic_mean"], options=OPTIONS, folds=4, step=2)
    assert card.overlap == 4
    assert "the windows overlap" in " ".join(card.summary().split())
    assert not card.intervals_known
    assert "no interval" in card.summary()


def test_periods_longer_than_a_day(synthetic_events, panel):
    weekly = Panel.from_events(synthetic_events, panel.city, period="7D", stop=panel.stop_day)
    assert weekly.stop_day == panel.stop_day
    card = al.backtest(weekly, **QUICK, horizon=2)
    assert card.horizon_days == 14
    assert card.cutoffs[-1] == weekly.stop_day - dt.timedelta(days=14)
    with pytest.raises(DataError, match="a shift needs a panel of days"):
        al.backtest(weekly, **QUICK, horizon=EVENING)


BAD = {
    "no folds": ({"folds": 0}, ConfigError, "folds = 0: give the number of windows"),
    "half a fold": ({"folds": 1.5}, ConfigError, "folds = 1.5"),
    "no horizon": ({"horizon": 0}, ConfigError, "horizon = 0: give the number of periods"),
    "no step": ({"step": 0}, ConfigError, "step = 0"),
    "area above 1": ({"area_shares": (0.01, 1.5)}, ConfigError, r"1 of 2 area shares cannot be: 1\.5"),
    "area of 0": ({"area_shares": (0.0,)}, ConfigError, "above 0 and at most 1"),
    "area not a number": ({"area_shares": (math.nan,)}, ConfigError, "cannot be: nan"),
    "no area": ({"area_shares": ()}, ConfigError, "no area share is given"),
    "unknown model": ({"models": ["historic_meen"]}, ConfigError, "did you mean 'historic_mean'"),
    "no model": ({"models": []}, ConfigError, "no model to test"),
    "unknown kind": ({"harm": {"ASSALT": 2.0}}, ConfigError, "did you mean 'ASSAULT'"),
    "negative harm": ({"harm": {"ASSAULT": -1.0}}, ConfigError, r"ASSAULT = -1\.0"),
    "horizon beyond history": ({"horizon": 5000}, DataError, "5000 days is longer than the history"),
    "too many folds": ({"folds": 200}, DataError, r"200 folds of 7 days, 7 days apart: there is room for \d+"),
    "no room at all": ({"horizon": 350}, DataError, "there is no room for a single fold"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(panel, case):
    change, error, words = BAD[case]
    with pytest.raises(error, match=words):
        al.backtest(panel, **{**QUICK, **change})


def test_there_is_room_for_as_many_folds_as_the_message_says(panel):
    with pytest.raises(DataError) as caught:
        al.backtest(panel, **{**QUICK, "folds": 200})
    design = design_of(panel, Asked(options=OPTIONS, area_shares=(0.01,)))
    room = int(str(caught.value).split("room for ")[1].split()[0])
    assert "the history is too short for the model" in caught.value.faults[0]
    assert len(folds_of(panel, design, folds=room, step=7)) == room
    with pytest.raises(DataError, match=f"room for {room} folds"):
        folds_of(panel, design, folds=room + 1, step=7)


def test_without_times_of_day_a_shift_cannot_be_scored(panel):
    with pytest.raises(DataError, match=r"'evening' cannot be scored: the event times carry no time of day"):
        al.backtest(dataclasses.replace(panel, precision="day"), **QUICK, horizon=EVENING)


def test_a_kind_without_events_in_a_fold_has_no_hit_rate_there_but_counts(panel):
    quiet = rows(panel, ~((panel.kind == 0) & (panel.day >= panel.n_days - 7)))
    quiet = dataclasses.replace(quiet, n_periods=panel.n_periods)
    card = al.backtest(quiet, **QUICK)
    kind = panel.kinds[0]
    last = card.scores.query("kind == @kind and fold == 1")
    assert last[["loglik", "hit_rate", "pai", "pei_star", "rri"]].isna().all(axis=None)
    assert (last["observed_over_expected"] == 0).all()
    row = card.table().query("kind == @kind and model == 'recent'").iloc[0]
    assert (row["folds"], row["folds_without_events"]) == (2, 1)
    loglik, events, _ = (card.sums[name][:, 1, 0, 0] for name in ("loglik", "events", "expected"))
    assert row["loglik"] == pytest.approx(loglik.sum() / events.sum())
    assert f"{kind}: 1 of 2 folds held no event" in " ".join(card.summary().split())


def test_a_kind_unknown_before_the_cutoff_is_skipped_with_a_reason(panel):
    new = rows(panel, (panel.kind != 2) | (panel.day >= panel.n_days - 14))
    card = al.backtest(new, **{**QUICK, "folds": 3})
    kind = panel.kinds[2]
    assert [(one.fold, one.kind) for one in card.skipped] == [(0, kind), (1, kind)]
    assert set(card.scores.query("kind == @kind")["fold"]) == {2}
    assert set(card.scores.query("kind == 'all'")["fold"]) == {0, 1, 2}
    assert f"{kind}: 2 folds skipped: no event was known before the cutoff" in " ".join(card.summary().split())
    assert card.skips()["reason"].str.contains("nothing to fit on").all()


def test_one_single_event(panel):
    early = rows(panel, np.arange(len(panel.day)) == 10)
    card = al.backtest(early, **QUICK)
    assert set(card.scores["kind"]) == {panel.kinds[int(early.kind[0])], "all"}
    assert (card.scores["events"] == 0).all()
    assert np.isfinite(card.scores["expected"]).all()
    assert "no events in 2 folds: nothing to find" in card.summary()
    page = backtest_page(card, title="one event")
    assert "What was not scored, and why" in page
    assert page.count("data:image/png") == 2  # baselines alone: no gain to draw
    late = rows(panel, np.arange(len(panel.day)) == len(panel.day) - 1)
    with pytest.raises(DataError, match="no fold could be scored") as caught:
        al.backtest(late, **QUICK)
    assert "all: no event was known before the cutoff" in str(caught.value)


def test_cells_that_never_see_an_event_are_part_of_the_area(panel):
    few = rows(panel, (panel.cell % 20 == 0))
    card = al.backtest(few, **QUICK, area_shares=(10 / panel.city.n_cells, 1.0))
    assert np.isfinite(card.scores.query("kind == 'all'")["loglik"]).all()
    np.testing.assert_allclose(card.scores.query("area_share == 1.0 and events > 0")["hit_rate"], 1)
    assert card.default_share == pytest.approx(10 / panel.city.n_cells)
    assert card.table(1.0)["saturated"].eq(1).all()


def test_a_fold_with_nothing_known_skips_every_kind(panel):
    design = design_of(panel, Asked(models=["historic_mean"], options=OPTIONS, area_shares=(0.01,)))
    none = rows(panel, np.zeros(len(panel.day), bool))
    assert {one.kind for one in unscored(panel, none, design, Fold(0, panel.stop_day))} == {*panel.kinds, "all"}
    assert window_counts(none, design, Fold(0, panel.first_day)).sum() == 0


def test_the_page_holds_pictures_tables_and_no_markup_of_kinds(panel):
    odd = dataclasses.replace(panel, kinds=("=cmd|x", "<b>$500 & $5</b>", "theft $1_2", *panel.kinds[3:]))
    card = al.backtest(odd, **{**QUICK, "models": ["kde", "mixture"], "folds": 6}, harm={"=cmd|x": 3.0})
    html = backtest_page(card, title="A <city>", notes=["Evaluation only"])
    assert "<b>$500" not in html
    assert "A &lt;city&gt;" in html
    assert html.count("data:image/png") == 3
    for words in (
        "Gain over the best baseline",
        "Weighted by harm",
        "(baseline)",
        "Definitions",
        "PEI*",
        "Levine 2008",
    ):
        assert words in html, words
    assert shown_kinds(card)[0] == "all"
    assert ",'=" in csv_text(card.scores)
    assert card.scores["kind"].str.startswith("=").any()


def test_one_fold_one_model_no_baseline(panel):
    one = dataclasses.replace(rows(panel, panel.kind == 0), kinds=panel.kinds[:1])
    card = al.backtest(one, models=["mixture"], options=OPTIONS, folds=1)
    assert card.differences().empty
    assert card.table()["pai_low"].isna().all()
    text = " ".join(card.summary().split())
    assert "none was asked for" in text
    assert "1 fold is few" in text
    assert backtest_page(card, title="one").count("data:image/png") == 2


def test_results_are_written_whole_or_not_at_all(tmp_path, card):
    target = tmp_path / "out"
    with pytest.raises(ValueError, match="Out of range"):
        write_results(target, tables={"scores": card.scores}, pages={}, figures={"bad": math.nan}, manifest={})
    assert not list(tmp_path.iterdir())
    write_results(target, tables={"scores": card.scores}, pages={"a.html": "x"}, figures={}, manifest={})
    pd.testing.assert_frame_equal(pd.read_parquet(target / "scores.parquet"), card.scores, check_dtype=False)
    assert len(pd.read_csv(target / "scores.csv")) == len(card.scores)
    with pytest.raises(OutputError, match="exists already"):
        write_results(target, tables={}, pages={}, figures={}, manifest={})


COARSE = [
    "--set", "tessellation.size_m=800.0", "--set", "risk.train_weeks=8", "--set", "risk.holdout_weeks=2",
    "--models", "historic_mean,recent", "--folds", "2",
]  # fmt: skip


@pytest.fixture
def call(capsys, monkeypatch):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["allocator", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run


def test_the_command_writes_a_folder_and_prints_the_summary(call, demo_folder, tmp_path):
    target = tmp_path / "scores"
    code, out, err = call("backtest", demo_folder / "job.toml", *COARSE, "--out", target)
    assert code == 0, err
    assert "the best baseline" in " ".join(out.split())
    assert "fold 2 of 2" in err
    names = {"scores.parquet", "scores.csv", "backtest.html", "summary.json", "manifest.json"}
    assert {path.name for path in target.iterdir()} == names
    page = (target / "backtest.html").read_text()
    assert "Evaluation only: the job has no [deployment] section." in page
    assert "policy excludes drugs" in page
    assert json.loads((target / "summary.json").read_text())["values"]["last_cutoff"] == "2026-02-23"
    code, _, err = call("backtest", demo_folder / "job.toml", *COARSE, "--out", target)
    assert (code, "exists already" in err) == (6, True)
    code, out, _ = call("backtest", demo_folder / "job.toml", *COARSE, "--out", target, "--overwrite", "--json",
                        "--horizon", "evening", "--set", 'data.kinds=["ROBBERY"]')  # fmt: skip
    assert code == 0
    assert json.loads(out)["horizon_days"] == pytest.approx(8 / 24)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--horizon", "evning"], 2, "did you mean 'evening'"),
        (["--models", "kdee"], 2, "did you mean 'kde'"),
        (["--models", ","], 2, "no model to test"),
        (["--set", "evaluation.area_shares=[1.2]"], 2, "a share of the area is above 0"),
        (["--folds", "0"], 2, "--folds"),
        (["--folds", "900"], 3, "the history is too short for 900 folds"),
    ],
)
def test_the_command_refuses_what_cannot_be(call, demo_folder, tmp_path, words, code, said):
    found, _, err = call(
        "backtest", demo_folder / "job.toml", "--set", "tessellation.size_m=800.0", "--out", tmp_path / "x", *words
    )
    assert (found, said in err) == (code, True), err
    assert not (tmp_path / "x").exists()
