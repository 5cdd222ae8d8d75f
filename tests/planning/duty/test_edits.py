"""Hand edits: read with every fault at once, kept by the plan, told with the run; and posting with needs."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
import planning_city
from allocator import pipeline
from allocator.config import AllocationSection, Need, Policy, RoutesSection, StaffingSection
from allocator.domain import Edit, Givens, Roster
from allocator.errors import DataError, SolverError
from allocator.facts import texts
from allocator.io.duty.edits import read_edits
from allocator.io.job import read_job
from allocator.pipeline.inputs import duty_of, ground_of
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.solvers.limited import is_feasible
from allocator.planning.allocation.solvers.limited import solve as solve_limited
from allocator.planning.duty.posts import OFF_DUTY, post_units
from allocator.planning.duty.rotas import allocation_edits, check_pins, edited
from allocator.planning.patrol import plan_patrol
from places import write

CITY = planning_city.square_city(8)
HEADER = "action,shift,unit,district,cell,who,why"
DAY, EVENING, NIGHT = (f"2017-12-25/{name}" for name in ("day", "evening", "night"))


def toy(units=9, *, days=2) -> Roster:
    """Unit u is off in every third shift, beginning with shift -u mod 3: U000 day, U002 evening, U001 night."""
    return planning_city.roster_of(units, city=CITY, days=days)


def read(folder, *rows, roster=None, **options):
    return read_edits(write(folder, "edits.csv", HEADER, *rows), roster=roster or toy(), city=CITY, **options)


def test_sound_edits(tmp_path):
    rows = (
        f"pin,{EVENING},U000,2,,watch desk,court order", f"pin,{NIGHT},,,17,sergeant,vigil",
        f"forbid,{NIGHT},U002,,5,watch desk,closed road", f"pin,{DAY},U000,,,chief,short of units",
        "pin,2018-01-09/day,U001,1,,chief,later",
    )  # fmt: skip
    found, notes = read(tmp_path, *rows)
    assert [(edit.action, edit.unit, edit.district, edit.cell) for edit in found] == [
        ("pin", "U000", "2", -1), ("pin", "", "", 17), ("forbid", "U002", "", 5), ("pin", "U000", "", -1),
    ]  # fmt: skip
    assert found[0].who == "watch desk"
    assert tuple(texts(notes)) == ("edits.csv: 1 rows are of no planned shift and left out",)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([f"hold,{DAY},U001,1,,d,w", f"pin,{DAY},U0,1,,d,w", f"pin,{DAY},U001,9,,d,w", f"pin,{DAY},,,640,d,w",
          "pin,2017-12-25/dya,U001,1,,d,w", "pin,day,U001,1,,d,w"],
         ["row 2: unknown action 'hold'", "row 3: unknown unit 'U0'", "row 4: unknown district '9'",
          "row 5: unknown cell 640: the cells are 0 to 63", "row 6: unknown shift '2017-12-25/dya'", "row 7: shift"]),
        ([f"pin,{DAY},U001,1,,,", f"pin,{DAY},U001,1,3,d,w", f"pin,{DAY},,1,,d,w", f"pin,{DAY},,,1.5,d,w"],
         ["row 2: who is blank", "row 2: why is blank", "row 3: it names a district and a cell",
          "row 4: it names neither a unit nor a cell", "row 5: cell = '1.5' is not a whole number"]),
        ([f"pin,{DAY},U001,1,,j.doe@city.gov,w", f"pin,{DAY},U001,1,,desk,call (312) 555-0188"],
         ["row 2: who looks like an e-mail address", "row 3: why looks like"]),
        ([f"pin,{DAY},U000,1,,d,w", f"pin,{DAY},U003,,2,d,w"],
         [f"row 2: unit U000 is not on duty in {DAY}", f"row 3: unit U003 is not on duty in {DAY}"]),
        ([f"pin,{DAY},U001,1,,d,w", f"pin,{DAY},U001,2,,d,w"],
         [f"rows 2 and 3: unit U001 is pinned to two districts, 1 and 2, in {DAY}"]),
        ([f"pin,{DAY},U001,1,,d,w", f"pin,{DAY},U001,,7,d,w"], ["pinned to two districts, 1 and 4"]),
        ([f"forbid,{DAY},U001,1,,d,w", f"pin,{DAY},U001,1,,d,w"], ["pinned to district 1 and kept from it"]),
        ([f"pin,{DAY},,,5,d,w", f"forbid,{DAY},,,5,d,w"], ["cell 5 is pinned and forbidden"]),
        ([f"pin,{DAY},U001,1,,d,w", f"forbid,{DAY},U001,,,d,w"], ["unit U001 is pinned and does not work"]),
    ],
)  # fmt: skip
def test_every_fault_of_the_edits_at_once(tmp_path, rows, words):
    with pytest.raises(DataError) as error:
        read(tmp_path, *rows)
    for word in words:
        assert word in str(error.value)


def test_a_unit_on_leave_or_in_two_shifts_at_once_is_refused(tmp_path):
    with pytest.raises(DataError, match=f"row 2: unit U001 is on leave in {DAY}"):
        read(tmp_path, f"pin,{DAY},U001,1,,d,w", away=frozenset({("U001", DAY)}), made=True)
    found, _ = read(tmp_path, f"pin,{DAY},U000,1,,d,w", made=True, roster=dataclasses.replace(toy(), duty=frozenset()))
    assert len(found) == 1
    sections = (planning_city.DAY[0], planning_city.DAY[1].model_copy(update={"start": dt.time(14)}))
    shifts = al.shifts_of(sections, first_day=dt.date(2017, 12, 25), days=1, timezone="America/Chicago")
    roster = Roster(toy().units, shifts, frozenset({("U001", DAY), ("U002", EVENING)}))
    with pytest.raises(DataError, match=f"row 2: unit U001 would be in two shifts at once, {EVENING} and {DAY}"):
        read(tmp_path, f"pin,{EVENING},U001,,,d,w", roster=roster)


def test_edits_of_duty_add_units_and_take_them_off():
    roster = toy()
    made = dataclasses.replace(
        roster, edits=(Edit("pin", DAY, "U000", who="d", why="w"), Edit("forbid", NIGHT, "U000", who="d", why="w"))
    )
    found = edited(made)
    assert found.duty - roster.duty == {("U000", DAY)}
    assert roster.duty - found.duty == {("U000", NIGHT)}
    everyone = tuple(Edit("forbid", DAY, unit.name, who="d", why="w") for unit in roster.units)
    with pytest.raises(DataError, match=f"no unit on duty in {DAY}"):
        edited(dataclasses.replace(roster, edits=everyone))


def problem_of(roster, *, allocation=AllocationSection(), policy=Policy(), seed=0):
    surface = planning_city.surface_of(CITY, roster, seed=seed)
    givens = Givens(edits=allocation_edits(roster.edits, CITY))
    return surface, build_problem(
        surface, roster, policy, allocation=allocation, staffing=StaffingSection(), givens=givens
    )


EDITS = (
    Edit("pin", EVENING, "U000", "3", who="desk", why="event"),
    Edit("forbid", NIGHT, "U002", "3", who="desk", why="x"),
    Edit("pin", NIGHT, "", cell=63, who="chief", why="vigil"),
    Edit("pin", DAY, "U002", cell=0, who="chief", why="school"),
    Edit("forbid", DAY, "", cell=9, who="chief", why="works"),
)


def test_a_plan_keeps_the_edits_and_says_so():
    roster = dataclasses.replace(toy(), edits=EDITS)
    surface, problem = problem_of(roster)
    plan = plan_patrol(problem, surface, roster)
    assert [plan.outcome(edit) for edit in EDITS] == ["kept"] * len(EDITS)
    visits = plan.visits
    assert "U002" in set(visits.loc[(visits["shift"] == DAY) & (visits["cell"] == 0), "unit"])
    (reason,) = set(visits.loc[(visits["shift"] == NIGHT) & (visits["cell"] == 63), "reason"])
    assert reason.startswith("pinned by chief: vigil; rank ")
    assert not visits["reason"].str.startswith("pinned by desk").any()


def test_a_pinned_visit_is_not_the_first_to_be_dropped():
    roster = dataclasses.replace(toy(4, days=1), edits=(Edit("pin", DAY, "U002", cell=0, who="d", why="w"),))
    surface, problem = problem_of(roster)
    plan = plan_patrol(problem, surface, roster, routes=RoutesSection(speed_kmh=1.5))
    assert any("dropped" in text.text for text in plan.unmet)
    assert plan.outcome(roster.edits[0]) == "kept"


def test_what_becomes_of_an_edit_that_is_not_kept():
    roster = toy()
    surface, problem = problem_of(roster)
    plan = plan_patrol(problem, surface, roster)
    visit = plan.visits.iloc[0]
    shift, cell, unit = visit["shift"], int(visit["cell"]), visit["unit"]
    other = next(one.name for one in roster.units if one.name != unit)
    assert plan.outcome(Edit("forbid", shift, cell=cell)) == "not kept: the cell is visited"
    assert plan.outcome(Edit("pin", shift, other, cell=cell)) == f"kept in part: visited by {unit}"
    free = next(c for c in range(64) if c not in set(plan.visits.loc[plan.visits["shift"] == shift, "cell"]))
    assert plan.outcome(Edit("pin", shift, cell=free)) == "not kept: the cell is not visited"
    assert plan.outcome(Edit("pin", DAY, "U000")) == "not kept"
    assert plan.outcome(Edit("forbid", DAY, "U000")) == "kept"


def test_a_pin_to_a_place_that_the_policy_excludes_is_refused():
    roster = toy()
    policy = Policy.model_validate({"limits": [{"district": "1", "max_minutes": 0, "reason": "opt-out"}]})
    _, problem = problem_of(roster, policy=policy)
    pin = Edit("pin", DAY, cell=0, who="desk", why="x")
    with pytest.raises(DataError, match=f"cell 0 in {DAY} was pinned by desk"):
        check_pins(problem, (pin,))
    check_pins(problem, (dataclasses.replace(pin, action="forbid"), dataclasses.replace(pin, cell=63)))


# --- posting -------------------------------------------------------------------------------------------------------


def test_units_away_from_home_stay_where_they_were():
    roster = planning_city.roster_of(6, city=CITY, days=1, rest=0)
    units = np.zeros((4, 3), np.int32)
    units[1] = 6
    units[1, 1:], units[2, 1:] = 4, 2
    posting = post_units(units, roster, CITY)
    assert (posting[:, 0] == 1).all()
    moved = np.flatnonzero(posting[:, 1] == 2)
    assert {roster.units[u].home_district for u in moved} >= {"3"}
    assert (posting[:, 1] == posting[:, 2]).all()


@given(
    seed=st.integers(0, 10_000),
    units=st.integers(2, 10),
    needs=st.lists(st.tuples(st.sampled_from(["bike", "dog"]), st.sampled_from([None, "1", "3"]), st.integers(1, 2)),
                   max_size=2),
    n_edits=st.integers(0, 5),
)  # fmt: skip
@settings(max_examples=60, deadline=None)
def test_postings_meet_needs_and_edits_exactly(seed, units, needs, n_edits):
    rng = np.random.default_rng(seed)
    roster = planning_city.roster_of(units, city=CITY, days=1, rest=int(rng.choice([0, 2, 3])))
    skilled = tuple(
        dataclasses.replace(unit, skills=tuple(one for one in ("bike", "dog") if not u or rng.random() < 0.5))
        for u, unit in enumerate(roster.units)
    )
    roster = dataclasses.replace(roster, units=skilled, edits=tuple(_random_edits(rng, roster, n_edits)))
    asked = tuple(Need(skill=skill, district=district, units=n) for skill, district, n in needs)
    _, problem = problem_of(roster, allocation=AllocationSection(needs=asked), seed=seed)
    if not is_feasible(problem):
        return
    answer = solve_limited(problem)
    posting = post_units(answer.units, roster, CITY, problem=problem)
    for d in range(4):
        assert ((posting == d).sum(axis=0) == answer.units[d]).all()
    for s, shift in enumerate(roster.shifts):
        on_duty = {unit.name for unit in roster.on_duty(shift)}
        assert {roster.units[u].name for u in np.flatnonzero(posting[:, s] != OFF_DUTY)} == on_duty
        for need in asked:
            for d in [int(need.district) - 1] if need.district else range(4):
                there = [roster.units[u] for u in np.flatnonzero(posting[:, s] == d)]
                assert sum(need.skill in unit.skills for unit in there) >= need.units
    row = {unit.name: u for u, unit in enumerate(roster.units)}
    for edit in roster.edits:
        s = [shift.id for shift in roster.shifts].index(edit.shift)
        posted = posting[row[edit.unit], s] == int(edit.district) - 1
        assert posted == (edit.action == "pin")


def _random_edits(rng, roster, n):
    seen = set()
    for _ in range(n):
        unit, shift = sorted(roster.duty)[rng.integers(len(roster.duty))]
        if (unit, shift) not in seen:
            seen.add((unit, shift))
            yield Edit(str(rng.choice(["pin", "forbid"])), shift, unit, str(rng.integers(1, 5)), who="d", why="w")


def test_an_impossible_posting_names_the_shift_and_the_district():
    roster = planning_city.roster_of(3, city=CITY, days=1, rest=0)
    bikes = tuple(dataclasses.replace(unit, skills=("bike",)) for unit in roster.units)
    need = Need(skill="bike", district="1", units=2, shifts=("day",))
    _, problem = problem_of(
        dataclasses.replace(roster, units=bikes), allocation=AllocationSection(needs=(need,)), seed=1
    )
    with pytest.raises(SolverError, match=f"shift {DAY}: no posting of its units gives what is needed in district 1"):
        post_units(np.ones((4, 3), np.int32)[:, :] * [[1], [0], [1], [0]], roster, CITY, problem=problem)


# --- whole runs ----------------------------------------------------------------------------------------------------

SHIFT = "2026-03-04/night"


@pytest.fixture(scope="module")
def made_run(demo_folder, tmp_path_factory):
    """The demo job with a roster that is made, and hand edits."""
    units = pd.read_csv(demo_folder / "units.csv", dtype=str)["unit"]
    write(demo_folder, "away.csv", "unit,date,shift", f"{units[1]},2026-03-04,")
    write(demo_folder, "wants.csv", "unit,weekday,shift,weight", *[f"{unit},,night,-1" for unit in units[::3]])
    write(
        demo_folder, "edits.csv", HEADER, f"pin,{SHIFT},{units[0]},2,,watch desk,festival",
        f"forbid,2026-03-05/day,{units[2]},,,watch desk,training", "pin,2027-03-04/night,,,3,chief,another year",
    )  # fmt: skip
    text = (demo_folder / "job.toml").read_text()
    start = text.index('duty = "duty.csv"')
    text = text[:start] + 'edits = "edits.csv"\n' + text[text.index("\n", start) + 1 :]
    text += '\n[roster.make]\navailability = "away.csv"\npreferences = "wants.csv"\nmin_hours = 16.0\n'
    text += "demand = { day = 6, evening = 6, night = 5 }\n"
    (demo_folder / "made.toml").write_text(text)
    quick = ["risk.model=mixture", "routes.runs=1", "allocation.worth=false", "output.products=[]"]
    job = read_job(demo_folder / "made.toml", overrides=quick)
    assert any("the duty roster was made" in text for text in pipeline.validate(job))
    run = pipeline.run(job)
    return run, al.save_run(run, tmp_path_factory.mktemp("made") / "week")


def test_a_run_with_a_made_roster_keeps_it_and_the_edits(made_run):
    run, folder = made_run
    assert any("the duty roster was made" in note.text for note in run.roster.notes)
    duty = pd.read_csv(folder / "duty.csv", dtype=str)
    assert {(row.unit, f"{row.date}/{row.shift}") for row in duty.itertuples()} == run.roster.duty
    edits = pd.read_csv(folder / "edits.csv", dtype=str, keep_default_na=False)
    assert edits["applied"].tolist() == ["kept", "kept"]
    assert edits["who"].tolist() == ["watch desk"] * 2
    assert "2 of 2 are respected (2 of watch desk)" in " ".join(run.summary().split())
    assert "roster.make.preferences" in run.manifest["inputs"]
    assert al.load_run(folder) == run


def test_the_made_duty_and_its_edits_can_be_given_again(made_run):
    run, folder = made_run
    content = run.job.roster.model_copy(
        update={"make": None, "duty": str(folder / "duty.csv"), "edits": str(folder / "edits.csv")}
    )
    job = run.job.model_copy(update={"roster": content})
    again = duty_of(ground_of(job)).roster
    assert again.duty == run.roster.duty
    assert again.edits == run.roster.edits
