from __future__ import annotations

import dataclasses
import json
import sys

import numpy as np
import pandas as pd
import pytest

from allocator import cli, io, pipeline
from allocator.config import AllocationSection, Cost, Equity, Policy, ScenariosSection, StaffingSection
from allocator.domain import Givens
from allocator.errors import ConfigError, OutputError
from allocator.evaluation.plans.rivals import Setting
from allocator.evaluation.plans.scenarios import (
    BASE,
    BUDGET,
    COLUMNS,
    EQUITY,
    INFEASIBLE,
    PLANNED,
    STAFF,
    TARGET,
    compare_scenarios,
    with_staff,
)
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.reduction import covered
from allocator.planning.allocation.solve import solve
from allocator.report.studies.scenarios import frontier_png, scenarios_page
from planning_city import roster_of, square_city, surface_of

CITY = square_city(10, 5)
ROSTER = roster_of(12, city=CITY, days=2)
SURFACE = surface_of(CITY, ROSTER, seed=4)
OPTIONS = ScenariosSection(staff=(-0.1, -0.2, -0.3, 0.1), equity_within=(0.5, 0.3, 0.1), harm={"THEFT": 2.0})


def setting_of(staffing=None, **terms):
    allocation = AllocationSection(worth=False, **terms)
    return Setting(ROSTER, Policy(), allocation, staffing or StaffingSection(), Givens())


@pytest.fixture(scope="module")
def found():
    return compare_scenarios(SURFACE, setting_of(costs=(Cost(shifts=("night",), cost=2.0),)), OPTIONS)


def rows_of(found, group):
    frame = found.frame
    return frame[frame["group"] == group].reset_index(drop=True)


def test_one_row_per_scenario_with_the_columns_of_the_contract(found):
    frame = found.table()
    assert tuple(frame.columns) == COLUMNS
    assert frame["group"].tolist() == [BASE] + [STAFF] * 4 + [TARGET] + [EQUITY] * 4 + [BUDGET] * 2
    assert (frame["status"] == PLANNED).all()
    assert (frame["conflict"] == "").all()
    base = frame.iloc[0]
    setting = setting_of()
    problem = build_problem(SURFACE, ROSTER, Policy(), allocation=setting.allocation, staffing=setting.staffing)
    answer = solve(problem)
    assert base["harm_covered"] == pytest.approx(answer.objective)
    assert found.expected == pytest.approx(problem.value.sum())
    assert base["change"] == 0.0
    night = np.array([shift.name == "night" for shift in ROSTER.shifts])
    assert base["cost"] == answer.units.sum() + answer.units[:, night].sum()


def test_fewer_units_never_cover_more(found):
    rows = pd.concat([rows_of(found, BASE), rows_of(found, STAFF)]).sort_values("on_duty")
    assert rows["on_duty"].is_monotonic_increasing
    assert (np.diff(rows["harm_covered"]) >= -1e-9).all()
    total = len(ROSTER.duty)
    assert rows_of(found, STAFF)["on_duty"].tolist() == [total + round(x * total) for x in (0.1, -0.1, -0.2, -0.3)]


def test_a_tighter_band_never_covers_more_and_none_more_than_without(found):
    rows = rows_of(found, EQUITY)
    bands = rows[rows["setting"] >= 0].sort_values("setting", ascending=False)
    assert (np.diff(bands["harm_covered"]) <= 1e-6 * found.expected).all()
    assert (rows["change"] <= 1e-6).all()
    tightest, widest = bands.iloc[-1], bands.iloc[0]
    spread = tightest["most_served"] - tightest["least_served"]
    assert spread <= widest["most_served"] - widest["least_served"] + 1e-9


def test_budgets_hold_and_cost_harm(found):
    rows, base = rows_of(found, BUDGET), found.frame.iloc[0]
    assert rows["setting"].tolist() == [round(0.9 * base["cost"], 2), round(0.8 * base["cost"], 2)]
    assert (rows["cost"] <= rows["setting"] + 1e-9).all()
    assert rows["harm_covered"].is_monotonic_decreasing
    own = compare_scenarios(SURFACE, setting_of(), OPTIONS.model_copy(update={"budget": (40.0,), "staff": ()}))
    assert rows_of(own, BUDGET)["cost"].tolist()[0] <= 40
    assert rows_of(compare_scenarios(SURFACE, setting_of(), ScenariosSection()), BUDGET).empty


def test_another_target_is_covered_better_at_the_cost_of_the_first(found):
    row, base = rows_of(found, TARGET).iloc[0], found.frame.iloc[0]
    assert row["target_covered"] >= base["target_covered"]
    assert row["harm_covered"] <= base["harm_covered"] + 1e-9
    other = dataclasses.replace(SURFACE, harm=np.array([0.0, 2.0]))
    problem = build_problem(other, ROSTER, Policy(), allocation=AllocationSection(), staffing=StaffingSection())
    answer = solve(problem)
    assert row["target_covered"] == pytest.approx(answer.objective / problem.value.sum())
    plain = problem.replace(value=SURFACE.expected_harm)
    assert row["harm_covered"] == pytest.approx(covered(plain, answer.blocks).sum())
    with pytest.raises(ConfigError, match="names kinds that are not forecast") as caught:
        compare_scenarios(SURFACE, setting_of(), ScenariosSection(harm={"THEF": 1.0}))
    assert "did you mean 'THEFT'" in caught.value.faults[0]


def test_what_cannot_be_planned_is_named_and_does_not_stop_the_others():
    full = StaffingSection(default_minimum=1)
    roster = roster_of(8, city=CITY, days=2)
    setting = dataclasses.replace(setting_of(full), roster=roster)
    found = compare_scenarios(SURFACE, setting, ScenariosSection(staff=(-0.1, -0.5), equity_within=(0.3,)))
    half = rows_of(found, STAFF).iloc[1]
    assert half["status"] == INFEASIBLE
    assert "needs at least 5 units" in half["conflict"]
    assert np.isnan(half["harm_covered"])
    assert found.frame["status"].iloc[0] == PLANNED
    said = " ".join(found.summary().split())
    assert "-50% unit-shifts: no plan: shift" in said
    assert len(frontier_png(found)) > 1000
    assert "needs at least 5 units" in scenarios_page(found, b"", title="x")
    json.dumps(found.figures(), allow_nan=False)


def test_a_job_without_a_plan_of_its_own_still_gets_an_answer():
    setting = setting_of(StaffingSection(default_minimum=3))
    found = compare_scenarios(SURFACE, setting, ScenariosSection(staff=(-0.1, 1.0), equity_within=()))
    assert found.frame["status"].tolist() == [INFEASIBLE, PLANNED, INFEASIBLE, INFEASIBLE]
    assert "the job itself has no plan" in " ".join(found.summary().split())
    assert len(frontier_png(found)) > 1000


def test_the_equity_of_the_job_is_kept_for_staff_and_dropped_for_comparison():
    found = compare_scenarios(
        SURFACE, setting_of(equity=Equity(within=0.1)), ScenariosSection(staff=(-0.2,), equity_within=(0.1,))
    )
    base, none = found.frame.iloc[0], rows_of(found, EQUITY).iloc[0]
    assert none["scenario"] == "no equity between districts"
    assert none["harm_covered"] >= base["harm_covered"]
    assert rows_of(found, EQUITY).iloc[1]["harm_covered"] == pytest.approx(base["harm_covered"])
    assert len(frontier_png(found)) > 1000


def test_cuts_are_nested_proportional_and_repeat():
    small, large = with_staff(ROSTER, -0.1), with_staff(ROSTER, -0.3)
    assert large.duty < small.duty < ROSTER.duty
    assert with_staff(ROSTER, -0.3) == large
    left = [len(large.on_duty(shift)) / len(ROSTER.on_duty(shift)) for shift in ROSTER.shifts]
    assert min(left) > 0.6
    assert max(left) < 0.8
    more = with_staff(ROSTER, 0.25)
    assert len(more.duty) == round(1.25 * len(ROSTER.duty))
    assert ROSTER.duty < more.duty


def test_the_same_scenarios_give_the_same_bytes(found):
    again = compare_scenarios(SURFACE, setting_of(costs=(Cost(shifts=("night",), cost=2.0),)), OPTIONS)
    pd.testing.assert_frame_equal(found.frame, again.frame, check_exact=True)
    assert frontier_png(found) == frontier_png(again)
    assert json.dumps(found.figures()) == json.dumps(again.figures())


def test_the_summary_says_it_in_plain_words(found):
    said = " ".join(found.summary().split())
    assert "10% fewer unit-shifts (" in said
    assert "less expected harm" in said
    assert "an equity band of ±10 % " in said
    assert "planned for THEFT × 2" in said
    assert "what plans met in past weeks is told by allocator backtest --plans" in said


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"staff": (-1.0,)}, "staff: -1.0 cannot be"),
        ({"staff": (0.0,)}, "not 0"),
        ({"equity_within": (1.0,)}, "equity_within: 1.0 cannot be"),
        ({"budget": (-5.0,)}, "budget: -5.0 cannot be"),
        ({"harm": {"THEFT": 0.0}}, "there is no target"),
        ({"harm": {"THEFT": -1.0}}, "THEFT = -1.0"),
    ],
)
def test_settings_that_cannot_be_are_refused(section, said):
    with pytest.raises(ValueError, match=said):
        ScenariosSection(**section)


COARSE = ["--set", "tessellation.size_m=800.0", "--set", "risk.train_weeks=8", "--set", "risk.holdout_weeks=2",
          "--set", "risk.model=mixture", "--set", "scenarios.equity_within=[0.3]"]  # fmt: skip


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
    target = tmp_path / "scenarios"
    job = demo_folder / "job.toml"
    code, out, err = call("scenarios", job, *COARSE, "--target", "ROBBERY=2", "--out", target)
    assert code == 0, err
    assert "unit-shifts cover" in out
    names = {"scenarios.parquet", "scenarios.csv", "scenarios.html", "frontier.png", "summary.json", "manifest.json"}
    names |= {"outreach_scenarios.parquet", "outreach_scenarios.csv"}
    assert {path.name for path in target.iterdir()} == names
    page = (target / "scenarios.html").read_text()
    assert "Evaluation only" in page
    assert tuple(pd.read_parquet(target / "scenarios.parquet").columns) == COLUMNS
    code, _, err = call("scenarios", job, *COARSE, "--out", target)
    assert (code, "exists already" in err) == (6, True)
    for wrong, words in (("ROBBERY", "give a kind and its weight"), ("ROBERY=1", "did you mean 'ROBBERY'"),
                         ("ROBBERY=0", "above 0")):  # fmt: skip
        code, _, err = call("scenarios", job, *COARSE, "--target", wrong, "--out", tmp_path / "x")
        assert (code, words in err) == (2, True), err
    assert not (tmp_path / "x").exists()


def test_saving_refuses_an_existing_folder(found, demo_folder, tmp_path):
    with pytest.raises(OutputError, match="exists already"):
        pipeline.save_scenarios(found, io.read_job(demo_folder / "job.toml"), tmp_path)
