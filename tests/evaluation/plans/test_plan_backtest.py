from __future__ import annotations

import dataclasses
import datetime as dt
import json
import math
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pandas as pd
import pytest

import allocator as al
from allocator import cli, io, pipeline
from allocator.config import AllocationSection, BoostedOptions, Policy, RiskSection, ShiftSection, StaffingSection
from allocator.domain import Allocation, Calls, Panel, Roster, Tessellation, Unit, shifts_of
from allocator.errors import ConfigError, DataError, InfeasibleError, OutputError
from allocator.evaluation.plans.backtest import PlanTerms, PlanWeek, fit_week, moved_roster, prepare_week, score_week
from allocator.evaluation.plans.clock import ByClock
from allocator.evaluation.plans.occurred import day_profile, occurred, past_rates
from allocator.evaluation.plans.rivals import FORESIGHT, OURS, PLANS, even_values, level, make_plans
from allocator.evaluation.plans.scorecard import COLUMNS, NOT_PREVENTED
from allocator.pipeline.inputs import duty_of, ground_of
from allocator.pipeline.studies.backtests import past_weeks
from allocator.planning import plan_patrol
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.reduction import covered
from allocator.planning.routes import minutes_of
from planning_city import DAY, roster_of, square_city, surface_of

OPTIONS = RiskSection(
    train_weeks=10, holdout_weeks=2, burn_in_days=28, half_lives_days=(30.0,), bandwidths_m=(300.0,),
    boosted=BoostedOptions(rounds=5, rows=10_000),
)  # fmt: skip
TERMS = PlanTerms(model="mixture", options=OPTIONS, harm={"ROBBERY": 4.0}, seed=3)
FOLDS = 3


@pytest.fixture(scope="module")
def panel(synthetic_city, synthetic_events):
    return Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 400))


def week_of(panel, cutoff, units=7):
    shifts = shifts_of(DAY, first_day=cutoff, days=7, timezone=panel.timezone)
    names = tuple(Unit(f"U{n}") for n in range(units))
    duty = {(unit.name, shift.id) for n, unit in enumerate(names) for s, shift in enumerate(shifts) if (n + s) % 3}
    return PlanWeek(Roster(names, shifts, frozenset(duty)), StaffingSection())


@pytest.fixture(scope="module")
def weeks(panel):
    return [week_of(panel, panel.stop_day - dt.timedelta(days=7 * back)) for back in range(FOLDS, 0, -1)]


@pytest.fixture(scope="module")
def card(panel, weeks):
    return al.plan_backtest(panel, weeks, terms=TERMS)


def toy_panel(rows, *, n_cells=4, precision="minute", span=None):
    """Events given as (day, minute, cell, kind)."""
    city = square_city(2, 2)
    rows = sorted(rows)
    day, minute, cell, kind = (np.array([row[i] for row in rows]) for i in range(4))
    return Panel(
        city=city, kinds=("A", "B"), timezone="UTC", first_day=dt.date(2026, 1, 5), n_periods=60, period_days=1,
        day=day.astype(np.int32), minute=minute.astype(np.int16), cell=cell.astype(np.int32),
        kind=kind.astype(np.int16), count=np.ones(len(rows), np.int8), precision=precision,
        span=None if span is None else np.array(span, np.int32),
    )  # fmt: skip


def toy_shifts(day, *, sections=DAY, days=1):
    return shifts_of(sections, first_day=dt.date(2026, 1, 5) + dt.timedelta(days=day), days=days, timezone="UTC")


def test_what_occurred_is_counted_by_shift_and_cell_across_midnight():
    panel = toy_panel([(10, 8 * 60, 0, 0), (10, 23 * 60 + 30, 1, 1), (11, 6 * 60, 1, 1), (11, 7 * 60, 2, 0),
                       (10, 3 * 60, 3, 0)])  # fmt: skip
    found = occurred(panel, panel.until("2026-01-10"), toy_shifts(10), np.array([2.0, 5.0]))
    expected = np.zeros((3, 4))
    expected[0, 0], expected[2, 1] = (
        2.0,
        10.0,
    )  # 07:00 the next day is no longer night; 03:00 belongs to the week before
    np.testing.assert_array_equal(found.harm, expected)
    assert found.total_harm == 12.0
    assert found.total_events == 3.0
    assert found.harm_between == 0.0


def test_an_event_without_a_time_of_day_is_split_by_past_shares_and_never_lost():
    history = [(d, 8 * 60, 0, 0) for d in range(6)] + [(d, 16 * 60, 0, 0) for d in range(2)]
    panel = toy_panel([*history, (10, -1, 2, 0)])
    known = panel.until("2026-01-15")
    found = occurred(panel, known, toy_shifts(10), np.ones(2))
    np.testing.assert_allclose(found.harm[:, 2], [0.75, 0.25, 0.0])
    assert found.unknown == pytest.approx(1.0)
    profile = day_profile(known)
    np.testing.assert_allclose(profile[1], profile[0])  # kind B has no history of its own


def test_intervals_are_spread_overlaps_shared_and_gaps_told():
    panel = toy_panel([(10, 14 * 60, 0, 0)], span=[120])
    known = panel.until("2026-01-10")
    found = occurred(panel, known, toy_shifts(10), np.ones(2))
    np.testing.assert_allclose(found.harm[:, 0], [0.5, 0.5, 0.0])
    both = (DAY[0], ShiftSection(name="late", start=dt.time(13), stop=dt.time(21)))
    point = toy_panel([(10, 14 * 60, 0, 0), (10, 20 * 60, 1, 0)])
    shared = occurred(point, known, toy_shifts(10, sections=both), np.ones(2))
    np.testing.assert_allclose(shared.harm.sum(axis=0), [1.0, 1.0, 0, 0])
    np.testing.assert_allclose(shared.harm[:, 0], [0.5, 0.5])
    apart = (DAY[0], ShiftSection(name="late", start=dt.time(20), stop=dt.time(23)))
    gap = occurred(toy_panel([(10, 17 * 60, 0, 0)]), known, toy_shifts(10, sections=apart), np.ones(2))
    assert (gap.harm.sum(), gap.harm_between, gap.total_events) == (0.0, 1.0, 1.0)


def test_days_only_take_the_shares_of_the_job():
    sections = [one.model_copy(update={"share": share}) for one, share in zip(DAY, (0.2, 0.5, 0.3), strict=True)]
    panel = toy_panel([(10, -1, 1, 0), (3, -1, 1, 1)], precision="day")
    found = occurred(panel, panel.until("2026-01-10"), toy_shifts(10, sections=sections), np.ones(2))
    np.testing.assert_allclose(found.harm[:, 1], [0.2, 0.5, 0.3])
    rates = past_rates(panel.until("2026-01-10"), toy_shifts(10, sections=sections))
    np.testing.assert_allclose(rates[:, 1, 1] * 5, [0.2, 0.5, 0.3], rtol=1e-6)


def test_past_rates_are_the_counts_of_each_watch():
    panel = toy_panel([(1, 8 * 60, 0, 0), (2, 9 * 60, 0, 0), (2, 2 * 60, 3, 1), (3, 23 * 60, 3, 1)])
    rates = past_rates(panel.until("2026-01-15"), toy_shifts(10))
    assert rates.shape == (3, 4, 2)
    np.testing.assert_allclose(rates[0, 0, 0], 2 / 10)
    np.testing.assert_allclose(rates[2, 3, 1], 2 / 10)
    assert rates.sum() == pytest.approx(4 / 10)


def test_harm_met_by_hand_and_one_visit_everywhere_does_not_win():
    a = 0.7
    harm = np.zeros((1, 64))
    harm[0, 5], harm[0, 9] = 3.0, 1.0
    roster = roster_of(3, city=square_city(), days=1, rest=0)
    problem = build_problem(
        surface_of(square_city(), roster), roster, Policy(), allocation=AllocationSection(), staffing=StaffingSection()
    )
    judged = problem.replace(value=np.vstack([harm, np.zeros((2, 64))]))
    blocks = np.zeros((3, 64), np.int16)
    blocks[0, 5], blocks[0, 9] = 3, 1
    met = covered(judged, blocks).sum()
    assert met == pytest.approx(3 * (1 - math.exp(-2.1)) + 1 * (1 - math.exp(-0.7)))
    everywhere = np.zeros_like(blocks)
    everywhere[0] = 1
    spread = covered(judged, everywhere).sum()
    assert spread == pytest.approx(4 * (1 - math.exp(-a)))
    # 16 times the patrol time meets less than visits where the harm is
    assert everywhere.sum() == 16 * blocks.sum()
    assert spread < met


def test_all_plans_have_the_same_units_and_minutes(card, weeks):
    assert card.plans == (*PLANS, FORESIGHT)
    assert card.equal_minutes
    real = card.scores[card.scores["plan"] != FORESIGHT]
    assert (real.groupby("fold")["patrol_hours"].nunique() == 1).all()
    assert (real.groupby("fold")["visits"].nunique() == 1).all()
    on_duty = [len(week.roster.duty) for week in weeks]
    assert (real["unit_shifts"] <= np.array(on_duty)[real["fold"]]).all()
    most = card.sums["harm_met"][:, -1]
    assert (card.sums["harm_met"] <= most[:, None] + 1e-9).all()
    assert (card.sums["harm_met"] <= card.harm[:, None]).all()


def test_every_shift_has_the_visits_of_ours_within_the_caps(panel, weeks):
    week = weeks[-1]
    known = panel.until(week.cutoff)
    terms = dataclasses.replace(TERMS, allocation=AllocationSection(max_blocks=2))
    surface, setting, _ = prepare_week(known, fit_week(known, terms), terms, week)
    problem, plans = make_plans(known, surface, setting)
    for name, made in plans.items():
        np.testing.assert_array_equal(made.blocks.sum(axis=1), plans[OURS].blocks.sum(axis=1), err_msg=name)
        assert (made.blocks <= problem.cap).all()
        assert (made.blocks[:, problem.district < 0] == 0).all()
        assert (made.units.sum(axis=0) <= problem.on_duty).all()
    assert (plans["hotspots"].blocks <= 1).all() or plans["hotspots"].blocks.sum() > 0


def test_events_expected_are_those_of_the_forecast_where_a_plan_visits(panel, weeks, card):
    """Of the kinds that weigh something: here all but burglary."""
    terms, week = dataclasses.replace(TERMS, harm={"BURGLARY": 0.0}), weeks[-1]
    known = panel.until(week.cutoff)
    surface, setting, _ = prepare_week(known, fit_week(known, terms), terms, week)
    _, plans = make_plans(known, surface, setting)
    score = score_week(panel, terms, week)
    kept = [n for n, kind in enumerate(panel.kinds) if kind != "BURGLARY"]
    for n, name in enumerate(PLANS):
        twin = sum(
            float(surface.mean[s, c, kept].sum(dtype=np.float64))
            for s, c in zip(*np.nonzero(plans[name].blocks), strict=True)
        )
        assert score.sums["events_expected"][n] == pytest.approx(twin, rel=1e-5), name
    ours = card.scores[card.scores["plan"] == OURS]
    ratio = ours["events_visited"].sum() / ours["events_expected"].sum()
    assert f"(ratio {ratio:.3f} [" in " ".join(card.summary().split())


def test_by_the_clock_every_plan_is_driven_and_told(panel, weeks, card):
    """The twin counts, for each event, the minutes since the last visit of ours in its cell began."""
    terms = dataclasses.replace(TERMS, by_clock=True)
    found = al.plan_backtest(panel, weeks[-1:], terms=terms)
    table = found.by_clock()
    assert table.groupby("minutes")["plan"].apply(tuple).tolist() == [found.plans] * 4
    ours = table[table["plan"] == OURS].set_index("minutes")
    assert ours["seen"].is_monotonic_increasing
    assert (ours["ratio"] == 1).all()
    uniform = table[table["plan"] == "uniform"].set_index("minutes")
    assert uniform.loc[120, "ratio"] > 1.5
    assert 0.5 < ours.loc[120, "seen_over_expected"] < 2
    assert ours.loc[60, "delivered"] <= found.scores.groupby("plan")["visits"].mean()[OURS]
    assert "by the clock events a week after a visit in their cell had begun" in " ".join(found.summary().split())
    json.dumps(found.figures(), allow_nan=False)
    assert card.by_clock().empty
    np.testing.assert_array_equal(found.sums["harm_met"], card.sums["harm_met"][-1:])

    week, known = weeks[-1], panel.until(weeks[-1].cutoff)
    fitted = fit_week(known, TERMS)
    surface, setting, _ = prepare_week(known, fitted, TERMS, week)
    problem, plans = make_plans(known, surface, setting)
    plan = plan_patrol(problem, surface, week.roster, seed=TERMS.seed)
    np.testing.assert_array_equal(
        plans[OURS].units, plan.staffing["units_assigned"].to_numpy().reshape(problem.minimum.shape)
    )
    assert len(plan.visits) == found.clocked["delivered"][-1, 0]
    events = ByClock.of(panel, known, 7, np.ones(len(panel.kinds), bool), seed=TERMS.seed)
    starts = minutes_of(plan.visits["start"])
    for minutes in (60, 120):
        twin = 0
        for cell, at in zip(events.cell, events.likely, strict=True):
            before = starts[(plan.visits["cell"] == cell) & (starts <= at)]
            twin += len(before) > 0 and at - before.max() < minutes
        assert found.clocked[f"seen_{minutes}"][-1, 0] == twin


def test_visits_are_levelled_up_and_down():
    city = square_city()
    roster = roster_of(3, city=city, days=1, rest=0)
    problem = build_problem(
        surface_of(city, roster), roster, Policy(), allocation=AllocationSection(), staffing=StaffingSection()
    )
    units = np.zeros(problem.minimum.shape, np.int32)
    units[0] = 1
    blocks = np.zeros(problem.value.shape, np.int16)
    blocks[0, problem.district == 0] = 3
    plan = Allocation(units, blocks, 0.0, math.inf, "test")
    found = level(problem, plan, np.array([10, 12, 0]), seed=0)
    assert found.sum(axis=1).tolist() == [10, 12, 0]
    assert (found[1, problem.district != 0] == 0).all()  # the unit of district 0 has time for twelve
    kept = problem.value[0, found[0] > 0].min() * math.exp(-0.7 * (found[0].max() - 1))
    assert kept > 0
    everything = level(problem, plan, np.array([10**6, 0, 0]), seed=0)
    assert (everything[0] == problem.cap[0]).all()


def test_uniform_values_weigh_districts_alike(panel):
    known = panel.until(panel.stop_day - dt.timedelta(days=7))
    week = week_of(panel, panel.stop_day - dt.timedelta(days=7))
    surface, setting, _ = prepare_week(known, fit_week(known, TERMS), TERMS, week)
    problem, _ = make_plans(known, surface, setting)
    value = even_values(problem, known, seed=1)
    inside = problem.district >= 0
    per_district = np.bincount(problem.district[inside], value[0, inside])
    np.testing.assert_allclose(per_district, 1.0, rtol=1e-5)
    np.testing.assert_array_equal(value, even_values(problem, known, seed=1))
    assert (value != even_values(problem, known, seed=2)).any()


def changed_after(panel, cutoff):
    """The panel with every event from the cutoff on moved to one cell, and many more planted there."""
    late = panel.day >= panel.day_index(cutoff)
    arrays = {name: getattr(panel, name).copy() for name in ("day", "minute", "cell", "kind", "count")}
    arrays["cell"][late], arrays["minute"][late], arrays["kind"][late] = 7, 600, 0
    extra = {name: np.repeat(one[late], 5) for name, one in arrays.items()}
    joined = {name: np.concatenate([arrays[name], extra[name]]) for name in arrays}
    order = np.argsort(joined["day"], kind="stable")
    return dataclasses.replace(panel, **{name: one[order] for name, one in joined.items()})


def test_nothing_after_the_start_of_a_week_touches_its_plans(panel, weeks):
    week = weeks[0]
    plans = []
    for history in (panel, changed_after(panel, week.cutoff)):
        known = history.until(week.cutoff)
        surface, setting, _ = prepare_week(known, fit_week(known, TERMS), TERMS, week)
        plans.append(make_plans(known, surface, setting)[1])
    for name in PLANS:
        np.testing.assert_array_equal(plans[0][name].blocks, plans[1][name].blocks, err_msg=name)
        np.testing.assert_array_equal(plans[0][name].units, plans[1][name].units, err_msg=name)
    one, two = score_week(panel, TERMS, week), score_week(changed_after(panel, week.cutoff), TERMS, week)
    assert one.harm != two.harm
    np.testing.assert_array_equal(one.sums["visits"][:-1], two.sums["visits"][:-1])


def test_what_was_reported_too_late_touches_no_plan(panel, weeks):
    week = weeks[0]
    first = panel.day_index(week.cutoff)
    late = (panel.day < first) & (panel.day >= first - 7) & (panel.cell % 3 == 0)
    reported = np.where(late, first + 2, panel.day).astype(np.int32)
    told = dataclasses.replace(panel, reported=reported)
    gone = dataclasses.replace(
        panel, **{name: getattr(panel, name)[~late] for name in ("day", "minute", "cell", "kind", "count")}
    )
    gone = dataclasses.replace(gone, reported=gone.day)
    blocks = []
    for history in (told, gone):
        known = history.until(week.cutoff)
        surface, setting, _ = prepare_week(known, fit_week(known, TERMS), TERMS, week)
        blocks.append({name: made.blocks for name, made in make_plans(known, surface, setting)[1].items()})
    for name in PLANS:
        np.testing.assert_array_equal(blocks[0][name], blocks[1][name], err_msg=name)


def test_workers_and_repeats_give_the_same_bytes(panel, weeks, card):
    with ThreadPoolExecutor(2) as pool:
        again = al.plan_backtest(panel, weeks, terms=TERMS, executor=pool)
    for name in card.sums:
        np.testing.assert_array_equal(card.sums[name], again.sums[name], err_msg=name)
    assert json.dumps(card.figures()) == json.dumps(again.figures())


def test_table_scores_and_words(card):
    scores, table = card.scores, card.table().set_index("plan")
    assert tuple(scores.columns) == COLUMNS
    assert len(scores) == FOLDS * len(card.plans)
    ours = scores[scores["plan"] == OURS]
    share = ours["harm_met"].sum() / ours["harm"].sum()
    assert table.loc[OURS, "share_met"] == pytest.approx(share)
    assert table.loc[OURS, "low"] <= share <= table.loc[OURS, "high"]
    rival = scores[scores["plan"] == "uniform"]
    gain = share - rival["harm_met"].sum() / rival["harm"].sum()
    assert table.loc["uniform", "gain"] == pytest.approx(gain)
    assert table.loc["uniform", "gain"] > 0
    hours = ours["patrol_hours"].sum()
    assert table.loc[OURS, "met_per_100_hours"] == pytest.approx(100 * ours["harm_met"].sum() / hours)
    said = " ".join(card.summary().split())
    assert "harm met, not harm prevented" in said
    assert "too few folds or events to tell" in said
    assert "the same in all plans" in said
    assert "of the last shift of the last week, only what was known" in said  # it ends at 07:00
    json.dumps(card.figures(), allow_nan=False)


def test_a_rival_that_wins_is_called_better(card):
    sums = dict(card.sums)
    met = np.tile(sums["harm_met"], (4, 1))
    met[:, card.plans.index("last_year")] = met[:, 0] * 1.1
    wide = {name: np.tile(one, (4, 1)) for name, one in sums.items()} | {"harm_met": met}
    cutoffs = tuple(card.cutoffs[0] + dt.timedelta(days=7 * n) for n in range(4 * FOLDS))
    loser = dataclasses.replace(
        card, sums=wide, cutoffs=cutoffs, harm=np.tile(card.harm, 4), events=np.tile(card.events, 4)
    )
    said = " ".join(loser.summary().split())
    assert "IT IS BETTER than the allocator's" in said
    assert "last_year met more than the plans of the allocator" in said
    assert loser.best == "last_year"
    assert loser.table().set_index("plan").loc["last_year", "verdict"] == "worse"


def test_a_duty_of_another_week_is_moved_by_day_and_shift(panel, weeks):
    roster, shifts = weeks[0].roster, weeks[1].roster.shifts
    moved = moved_roster(roster, shifts)
    assert [len(roster.on_duty(shift)) for shift in roster.shifts] == [len(moved.on_duty(shift)) for shift in shifts]
    assert {shift for _, shift in moved.duty} <= {shift.id for shift in shifts}


def test_weeks_without_calls_before_them_are_planned_without(panel, weeks):
    n = 30
    time = np.datetime64("2035-01-01T00:00:00", "s") + np.arange(n)
    calls = Calls.__new__(Calls)  # only `before` is asked, and there is nothing before
    object.__setattr__(calls, "time", time)
    object.__setattr__(calls, "timezone", "UTC")
    terms = dataclasses.replace(TERMS, calls=calls)
    known = panel.until(weeks[0].cutoff)
    _, setting, notes = prepare_week(known, fit_week(known, terms), terms, weeks[0])
    assert setting.givens.required is None
    assert "planned without the needs of calls: no call was received before" in notes[0].text


@pytest.mark.parametrize(
    ("change", "error", "said"),
    [
        ({"weeks": lambda weeks: []}, ConfigError, "no week to plan"),
        ({"weeks": lambda weeks: weeks[::-1]}, ConfigError, "out of order"),
        ({"terms": dataclasses.replace(TERMS, model="mixtur")}, ConfigError, "did you mean 'mixture'"),
    ],
)
def test_what_cannot_be_compared_is_refused(panel, weeks, change, error, said):
    with pytest.raises(error, match=said):
        al.plan_backtest(
            panel, change.get("weeks", lambda same: same)(weeks), terms=change.get("terms", TERMS)
        )  # fmt: skip


def test_too_short_a_history_and_impossible_minimums_are_named(panel, weeks):
    early = week_of(panel, panel.first_day + dt.timedelta(days=60))
    with pytest.raises(DataError, match="too short to plan 2 weeks again: there is room for 1"):
        al.plan_backtest(panel, [early, weeks[-1]], terms=TERMS)
    beyond = week_of(panel, panel.stop_day)
    with pytest.raises(DataError, match="no events to meet"):
        al.plan_backtest(panel, [beyond], terms=TERMS)
    crowded = PlanWeek(weeks[0].roster, StaffingSection(default_minimum=50))
    with pytest.raises(InfeasibleError, match="needs at least"):
        al.plan_backtest(panel, [crowded], terms=TERMS)


COARSE = [
    "--set", "tessellation.size_m=800.0", "--set", "risk.train_weeks=8", "--set", "risk.holdout_weeks=2",
    "--set", "risk.model=mixture", "--folds", "2",
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
    target = tmp_path / "plans"
    code, out, err = call("backtest", demo_folder / "job.toml", "--plans", *COARSE, "--out", target)
    assert code == 0, err
    assert "harm met, not harm prevented" in " ".join(out.split())
    assert "fold 2 of 2" in err
    names = {"plan_scores.parquet", "plan_scores.csv", "plan_backtest.html", "summary.json", "manifest.json"}
    assert {path.name for path in target.iterdir()} == names
    page = (target / "plan_backtest.html").read_text()
    assert NOT_PREVENTED in page
    assert "Evaluation only" in page
    assert "http" not in page.split("<main>")[1]
    values = json.loads((target / "summary.json").read_text())["values"]
    assert values["equal_minutes"] is True
    assert values["last_cutoff"] == "2026-02-23"
    assert tuple(pd.read_parquet(target / "plan_scores.parquet").columns) == COLUMNS
    code, out, _ = call("backtest", demo_folder / "job.toml", "--plans", *COARSE, "--out", target, "--overwrite",
                        "--json")  # fmt: skip
    assert json.loads(out)["folds"] == 2
    code, _, err = call("backtest", demo_folder / "job.toml", "--plans", *COARSE, "--out", target)
    assert (code, "exists already" in err) == (6, True)
    code, _, err = call("backtest", demo_folder / "job.toml", "--plans", "--models", "kde", "--out", tmp_path / "x")
    assert (code, "for forecasts only" in err) == (2, True)


def test_a_duty_file_by_date_stands_for_earlier_weeks_and_says_so(demo_folder):
    job = io.read_job(demo_folder / "job.toml", overrides=[*COARSE[1:-2:2]])
    duty = pd.read_csv(job.roster.duty)
    days = {
        name: job.job.week + dt.timedelta(days=n)
        for n, name in enumerate(("mon", "tue", "wed", "thu", "fri", "sat", "sun"))
    }
    by_date = duty.assign(date=[days[name].isoformat() for name in duty["weekday"]]).drop(columns="weekday")
    path = demo_folder / "duty_by_date.csv"
    by_date.to_csv(path, index=False)
    dated = job.model_copy(update={"roster": job.roster.model_copy(update={"duty": str(path)})})
    plain, none = past_weeks(duty_of(ground_of(job)), 2)
    moved, told = past_weeks(duty_of(ground_of(dated)), 2)
    assert none == ()
    assert "does not cover 2 of 2 weeks" in told[0].text
    assert [week.roster.duty for week in plain] == [week.roster.duty for week in moved]
    assert [week.cutoff for week in moved] == [dt.date(2026, 2, 16), dt.date(2026, 2, 23)]


def test_saving_refuses_an_existing_folder(card, demo_folder, tmp_path):
    job = io.read_job(demo_folder / "job.toml")
    with pytest.raises(OutputError, match="exists already"):
        pipeline.save_plan_backtest(card, job, tmp_path)
