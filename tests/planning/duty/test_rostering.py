"""Duty rosters: proved optima, exhaustive search, rules never broken, what is told where units are lacking."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planning_city
from allocator.config import RosterMakeSection, RosterSection, parse_job
from allocator.domain import DutyWishes, Edit, Roster, Unit, shifts_of
from allocator.errors import ConfigError, DataError, InfeasibleError
from allocator.facts import texts
from allocator.io.duty.rosters import read_roster
from allocator.io.duty.wishes import read_duty_wishes
from allocator.planning.duty.rostering import DutyProblem, DutyRules, broken_rules, make_duty
from allocator.planning.duty.rotas import duty_problem, make_roster
from duty_instances import FOLDER, read_instance
from places import write

CHICAGO = "America/Chicago"
MONDAY = dt.date(2017, 12, 25)


@pytest.mark.parametrize(("name", "optimum"), [("Instance1", 607), ("Instance2", 828)])
@pytest.mark.skipif(not FOLDER.exists(), reason="../shared/instances is absent")
def test_published_instances_are_solved_to_their_proved_optimum(name, optimum):
    problem, requests = read_instance(FOLDER / f"{name}.txt")
    found = make_duty(problem)
    assert requests - found.objective == optimum
    assert found.bound == found.objective
    assert naive_keeps(problem, found.works)


def naive_keeps(problem: DutyProblem, works) -> bool:
    """Return whether every unit keeps its rules, read off its shifts one by one."""
    if (works & ~problem.may).any() or (problem.must & ~works).any():
        return False
    return all(_unit_keeps(problem, rules, works[u]) for u, rules in enumerate(problem.rules))


def _unit_keeps(problem, rules, own) -> bool:
    worked = [int(s) for s in np.flatnonzero(own)]
    days = [int(problem.day[s]) for s in worked]
    n_days = len(problem.weekend)
    in_order = sorted(worked, key=lambda s: problem.start[s])
    minutes = sum(int(problem.stop[s] - problem.start[s]) for s in worked)
    runs = [(on, len(list(part))) for on, part in itertools.groupby(d in days for d in range(n_days))]
    inner = runs[1:-1]
    kinds = [sum(int(problem.kind[s]) == k for s in worked) for k in range(len(rules.most_of_kind))]
    return (
        len(set(days)) == len(days)
        and all(problem.start[b] - problem.stop[a] >= rules.rest_minutes for a, b in itertools.pairwise(in_order))
        and all(sum(f <= d < f + 7 for d in days) <= rules.most_in_seven for f in range(n_days))
        and all(n <= most for n, most in zip(kinds, rules.most_of_kind, strict=True))
        and rules.least_minutes <= minutes <= rules.most_minutes
        and all(n <= rules.most_running for on, n in runs if on)
        and all(n >= rules.least_running for on, n in inner if on)
        and all(n >= rules.least_off for on, n in inner if not on)
        and len({int(problem.weekend[d]) for d in days if problem.weekend[d] >= 0}) <= rules.most_weekends
    )


def best_of_all(problem: DutyProblem) -> float | None:
    """Return the best worth of all rosters, by trying each."""
    shape = problem.may.shape
    rows = [
        [own for own in map(np.array, itertools.product([False, True], repeat=shape[1]))
         if not (own & ~problem.may[u]).any() and not (problem.must[u] & ~own).any()
         and _unit_keeps(problem, problem.rules[u], own)]
        for u in range(shape[0])
    ]  # fmt: skip
    worths = [problem.worth(np.array(works)) for works in itertools.product(*rows)]
    return max(worths, default=None)


def random_problem(seed: int, *, units=2, days=6, kinds=1, shifts_of_days=None) -> DutyProblem:
    rng = np.random.default_rng(seed)
    day, kind = np.divmod(np.arange(days * kinds), kinds)
    start = day * 1440 + 360 + kind * 480
    shape = units, days * kinds
    homes = rng.integers(-1, 2, units).astype(np.int32)
    may = rng.random(shape) < 0.85
    rules = tuple(
        DutyRules(
            rest_minutes=int(rng.choice([0, 600, 960, 1500])),
            most_in_seven=int(rng.integers(1, 6)),
            most_of_kind=tuple(int(n) for n in rng.integers(0, 5, kinds)) if rng.random() < 0.5 else (),
            least_minutes=int(rng.integers(0, 3)) * 480,
            most_minutes=int(rng.integers(2, 8)) * 480,
            least_running=int(rng.integers(1, 4)),
            most_running=int(rng.integers(2, 5)),
            least_off=int(rng.integers(1, 4)),
            most_weekends=int(rng.integers(0, 3)),
        )
        for _ in range(units)
    )
    return DutyProblem(
        units=tuple(f"U{u}" for u in range(units)), shifts=tuple(f"{d}/{k}" for d, k in zip(day, kind, strict=True)),
        day=day.astype(np.int32), kind=kind.astype(np.int32), start=start, stop=start + 480,
        weekend=np.where(np.arange(days) % 3 == 2, np.arange(days) // 3, -1).astype(np.int32), rules=rules, may=may,
        must=may & (rng.random(shape) < 0.05), wish=rng.integers(-3, 4, shape) * rng.choice([1.0, 0.5]),
        wanted=rng.integers(0, units + 1, shape[1]).astype(np.int32), short=rng.integers(1, 6, shape[1]) * 1.0,
        spare=rng.integers(0, 4, shape[1]) * 1.0, home=homes, balance=float(rng.integers(0, 3)),
    )  # fmt: skip


SIZES = ({"days": 8}, {"days": 4, "kinds": 2}, {"units": 3, "days": 6}, {"units": 3, "days": 3, "kinds": 2})


@pytest.mark.parametrize("seed", range(60))
def test_the_answer_equals_exhaustive_search(seed):
    problem = random_problem(seed, **SIZES[seed % len(SIZES)])
    best = best_of_all(problem)
    if best is None:
        with pytest.raises(InfeasibleError, match="keeps the rules of every unit") as error:
            make_duty(problem)
        assert error.value.faults
        return
    found = make_duty(problem)
    assert naive_keeps(problem, found.works)
    assert not list(broken_rules(problem, found.works))
    assert found.objective == pytest.approx(best)
    assert found.bound >= found.objective


def test_enough_of_the_random_rosters_exist():
    found = [best_of_all(random_problem(seed, **SIZES[seed % len(SIZES)])) is not None for seed in range(60)]
    assert sum(found) >= 25
    assert not all(found)


def roster_of(names, *, days=7, first_day=MONDAY, **options) -> Roster:
    shifts = shifts_of(planning_city.DAY, first_day=first_day, days=days, timezone=CHICAGO)
    units = tuple(Unit(name, home_district=str(u % 2 + 1), **options) for u, name in enumerate(names))
    return Roster(units, shifts, frozenset())


def rules(**changes) -> RosterMakeSection:
    return RosterMakeSection(**({"demand": {"day": 1, "evening": 1, "night": 1}} | changes))


def wishes(roster, *, wanted=1, **options) -> DutyWishes:
    return DutyWishes({shift.id: wanted for shift in roster.shifts}, **options)


@given(
    seed=st.integers(0, 10_000),
    units=st.integers(1, 9),
    first=st.sampled_from([dt.date(2017, 10, 30), dt.date(2017, 11, 2), dt.date(2018, 3, 8), MONDAY]),
    rest=st.sampled_from([0.0, 8.0, 11.0, 15.5, 16.0]),
    options=st.fixed_dictionaries({
        "max_shifts": st.integers(1, 7), "max_running": st.integers(2, 6), "min_running": st.integers(1, 2),
        "min_days_off": st.integers(1, 3), "max_weekends": st.sampled_from([None, 0, 1]),
        "max_hours": st.sampled_from([30.0, 48.0, 168.0]), "balance": st.sampled_from([0.0, 2.0]),
    }),
)  # fmt: skip
@settings(max_examples=20, deadline=None)
def test_no_rule_is_ever_broken(seed, units, first, rest, options):
    rng = np.random.default_rng(seed)
    roster = roster_of([f"U{u}" for u in range(units)], days=8, first_day=first)
    pairs = [(unit.name, shift.id) for unit in roster.units for shift in roster.shifts]
    asked = wishes(
        roster, wanted=int(rng.integers(0, units + 1)),
        away=frozenset(pair for pair in pairs if rng.random() < 0.2),
        weights={pair: float(rng.integers(-3, 4)) for pair in pairs},
    )  # fmt: skip
    settled = rules(rest_hours=rest, **options)
    made = make_roster(roster, asked, settled)
    assert not made.duty & asked.away
    for unit in made.units:
        own = sorted((s for s in made.shifts if (unit.name, s.id) in made.duty), key=lambda s: s.start)
        gaps = [(b.start - a.stop).total_seconds() / 3600 for a, b in itertools.pairwise(own)]
        assert all(gap >= rest for gap in gaps)
    problem = duty_problem(roster, asked, settled)
    works = np.array([[(unit.name, s.id) in made.duty for s in made.shifts] for unit in made.units])
    assert naive_keeps(problem, works)


@pytest.mark.parametrize(
    ("first_day", "rest", "both"),
    [(dt.date(2018, 3, 10), 8.0, False), (dt.date(2018, 3, 10), 7.0, True), (dt.date(2018, 3, 5), 8.0, True)],
)
def test_the_night_of_a_clock_change_leaves_an_hour_less_rest(first_day, rest, both):
    """Evening to 23:00, day from 07:00: eight hours by the clock on the wall, seven when it springs forward."""
    roster = roster_of(["A1"], days=2, first_day=first_day)
    evening, morning = f"{first_day}/evening", f"{first_day + dt.timedelta(days=1)}/day"
    asked = DutyWishes({s.id: int(s.id in (evening, morning)) for s in roster.shifts})
    made = make_roster(roster, asked, rules(rest_hours=rest))
    assert len(made.duty) == (2 if both else 1)


def test_units_that_cannot_be_had_are_told_with_their_causes():
    roster = roster_of(["A1", "A2", "A3"], days=7)
    night = "2017-12-31/night"
    asked = DutyWishes(
        {s.id: 1 if s.name == "day" and s.day < dt.date(2017, 12, 30) else 3 * (s.id == night) for s in roster.shifts},
        away=frozenset({("A2", night)}),
        weights={("A1", f"2017-12-{d}/day"): 200.0 for d in range(25, 30)},
    )
    made = make_roster(roster, asked, rules(max_shifts=5))
    (told,) = [note for note in made.notes if night in note.text]
    assert told.text == f"shift {night} wants 3 units, 1 work it: 1 at their most shifts or hours, 1 away"
    assert any("1 of 21 shifts with fewer units than wanted" in note.text for note in made.notes)


def test_wishes_decide_where_demand_leaves_room_and_home_districts_are_balanced():
    roster = roster_of(["A1", "A2", "A3", "A4"], days=1)
    day = roster.shifts[0].id
    asked = DutyWishes(
        {s.id: 2 * (s.id == day) for s in roster.shifts}, weights={("A1", day): 1.0, ("A3", day): 1.0, ("A4", day): -2}
    )
    assert make_roster(roster, asked, rules()).duty == {("A1", day), ("A3", day)}  # both of district 1
    assert make_roster(roster, asked, rules(balance=5.0)).duty >= {("A2", day)}


def test_hand_edits_and_own_limits_hold_and_contradictions_name_the_unit():
    roster = roster_of(["A1", "A2"], days=7)
    tuesday, night = "2017-12-26/day", "2017-12-25/night"
    kept = dataclasses.replace(
        roster, edits=(Edit("pin", tuesday, "A2", who="desk", why="x"), Edit("forbid", tuesday, "A1", who="d", why="y"))
    )
    made = make_roster(kept, wishes(roster), rules())
    assert ("A2", tuesday) in made.duty
    assert ("A1", tuesday) not in made.duty
    capped = dataclasses.replace(roster, units=(dataclasses.replace(roster.units[0], max_shifts=2), roster.units[1]))
    assert sum(unit == "A1" for unit, _ in make_roster(capped, wishes(roster), rules()).duty) == 2
    wrong = dataclasses.replace(
        roster, edits=(Edit("pin", night, "A2", who="d", why="x"), Edit("pin", tuesday, "A2", who="d", why="x"))
    )
    with pytest.raises(InfeasibleError, match=r"unit A2: .* \(pinned to 2017-12-25/night, 2017-12-26/day") as error:
        make_roster(wrong, wishes(roster), rules())
    assert len(error.value.faults) == 1


def test_fewest_hours_count_absence_as_worked():
    roster = roster_of(["A1", "A2"], days=7)
    week = frozenset(("A1", shift.id) for shift in roster.shifts)
    made = make_roster(roster, wishes(roster, wanted=0, away=week), rules(min_hours=32))
    assert {unit for unit, _ in made.duty} == {"A2"}
    assert len(made.duty) == 4


def test_rest_and_days_running_go_on_from_the_week_before():
    roster = roster_of(["A1", "A2"], days=3)
    earlier = shifts_of(planning_city.DAY, first_day=dt.date(2017, 12, 18), days=7, timezone=CHICAGO)
    asked = DutyWishes(
        {s.id: int(s.name == "day") for s in roster.shifts}, weights={("A1", s.id): 5.0 for s in roster.shifts}
    )
    assert make_roster(roster, asked, rules()).duty == {("A1", s.id) for s in roster.shifts if s.name == "day"}
    after_a_night = dataclasses.replace(asked, earlier=earlier, worked=frozenset({("A1", "2017-12-24/night")}))
    made = make_roster(roster, after_a_night, rules())
    assert ("A1", "2017-12-25/day") not in made.duty
    assert ("A2", "2017-12-25/day") in made.duty
    long = frozenset(
        ("A1", f"2017-12-{day}/day") for day in range(18, 25)
    )  # more than the rules allow: it has happened
    made = make_roster(roster, dataclasses.replace(asked, earlier=earlier, worked=long), rules(max_running=3))
    assert not any(unit == "A1" and shift.startswith("2017-12-25") for unit, shift in made.duty)
    assert all(shift.id[:10] >= "2017-12-25" for shift in made.shifts)
    assert {shift for _, shift in made.duty} <= {shift.id for shift in roster.shifts}


def test_the_same_inputs_make_the_same_roster():
    roster = roster_of([f"U{u}" for u in range(12)])
    first, second = (make_roster(roster, wishes(roster, wanted=3), rules()) for _ in range(2))
    assert first == second


# --- files and job -------------------------------------------------------------------------------------------------


def files_of(folder, **texts) -> tuple[RosterMakeSection, Roster]:
    paths = {name: str(write(folder, f"{name}.csv", *rows)) for name, rows in texts.items() if name != "units"}
    units = str(write(folder, "units.csv", *texts.get("units", ("unit,max_shifts", "A1,3", "B2,"))))
    section = rules(**paths, **({"demand": {}} if "demand_file" in paths else {}))
    roster = read_roster(
        RosterSection(units=units, make=section),
        shifts=shifts_of(planning_city.DAY, first_day=MONDAY, days=7, timezone=CHICAGO),
        districts=("1", "2"),
    )
    return section, roster


def test_wishes_are_read_from_their_files(tmp_path):
    section, roster = files_of(
        tmp_path,
        availability=("unit,date,until,shift", "A1,2017-12-26,2017-12-27,", "B2,2017-12-28,,night", "A1,2018-02-01,,"),
        preferences=("unit,weekday,shift,weight", "A1,,night,-2", "B2,fri,,3", "B2,fri,day,1.5"),
        demand_file=("shift,units", "day,2", "evening,1", "night,1", "2017-12-31/night,4"),
    )
    found = read_duty_wishes(section, roster)
    assert roster.units[0].max_shifts == 3
    assert roster.units[1].max_shifts is None
    assert not roster.duty
    assert len(found.away) == 7
    assert ("B2", "2017-12-28/night") in found.away
    assert found.weights["A1", "2017-12-25/night"] == -2
    assert found.weights["B2", "2017-12-29/day"] == 4.5
    assert len(found.weights) == 7 + 3
    worked = ("unit,date,shift", "A1,2017-12-24,night", "gone,2017-12-24,day", "B2,2017-12-01,day")
    section = section.model_copy(update={"earlier": str(write(tmp_path, "duty.csv", *worked))})
    before = shifts_of(planning_city.DAY, first_day=dt.date(2017, 12, 18), days=7, timezone=CHICAGO)
    assert read_duty_wishes(section, roster, earlier=before).worked == {("A1", "2017-12-24/night")}
    assert (found.wanted["2017-12-25/day"], found.wanted["2017-12-31/night"]) == (2, 4)
    assert tuple(texts(found.notes)) == ("availability.csv: 1 rows are of no planned shift and left out",)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"availability": ("unit,date,until,shift", "A9,2017-12-26,,", "A1,soon,,", "A1,2017-12-27,2017-12-26,dya",
                           "A1,,,")},
         ["unknown unit 'A9'", "row 3: date = 'soon'", "row 4: until 2017-12-26 is before", "unknown shift 'dya'",
          "row 5: date and weekday are blank"]),
        ({"availability": ("unit,shift", "A1,day")}, ["needs a column date or weekday"]),
        ({"availability": ("unit,date,officer_name", "A1,2017-12-26,X")}, ["look personal"]),
        ({"preferences": ("unit,weekday,shift,weight", "A1,mon,day,nan", "A1,moon,day,2", "A1,mon,day,much")},
         ["row 2: weight = ''", "unknown weekday 'moon'", "row 4: weight = 'much'"]),
        ({"demand_file": ("shift,units", "day,2", "day,3", "dusk,1", "2017-13-01/day,1")},
         ["'day' is used twice", "unknown shift 'dusk'", "such as 2017-12-29/day"]),
        ({"demand_file": ("shift,units", "day,2")}, ["no demand is given for the shifts evening, night"]),
    ],
)  # fmt: skip
def test_every_fault_of_a_file_of_wishes_at_once(tmp_path, change, words):
    section, roster = files_of(tmp_path, **change)
    with pytest.raises(DataError) as error:
        read_duty_wishes(section, roster)
    for word in words:
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("section", "words"),
    [
        ({"units": "u.csv"}, "give one of duty"),
        ({"units": "u.csv", "duty": "d.csv", "make": {"demand": {"day": 1}}}, "give one of duty"),
        ({"units": "u.csv", "make": {}}, "give one of demand"),
        ({"units": "u.csv", "make": {"demand": {"dya": 1}}}, "did you mean 'day'"),
        ({"units": "u.csv", "make": {"demand": {"day": -1}}}, "from 0 to 100,000: 'day = -1'"),
        ({"units": "u.csv", "make": {"demand": {"day": 1}, "min_hours": 40.0, "max_hours": 30.0}}, "is below"),
        ({"units": "u.csv", "make": {"demand": {"day": 1}, "rest_hour": 11}}, "did you mean 'rest_hours'"),
    ],
)
def test_the_roster_section_is_checked(section, words):
    content = {
        "job": {"name": "x", "week": MONDAY, "timezone": CHICAGO}, "data": {"events": ["e.csv"]},
        "area": {"file": "a.geojson", "district": "d"}, "roster": section,
        "shifts": [{"name": "day", "start": dt.time(7), "stop": dt.time(19)}],
    }  # fmt: skip
    with pytest.raises(ConfigError) as error:
        parse_job(content)
    assert words in str(error.value)


@pytest.mark.parametrize(("units", "wanted"), [(8, 2), (12, 4), (10, 8)])
def test_shortages_are_spread_over_shifts_and_never_grow(units, wanted):
    roster = roster_of([f"A{n}" for n in range(units)], days=7)
    asked = DutyWishes({shift.id: wanted for shift in roster.shifts if shift.name != "night"})
    made = make_roster(roster, asked, rules(max_shifts=2))
    on = np.array([sum(s == shift.id for _, s in made.duty) for shift in roster.shifts if shift.name != "night"])
    assert on.sum() == min(2 * units, 14 * wanted)
    lack = wanted - on
    step = -(-wanted // 8)
    assert lack.max() - lack.min() <= step


def test_the_price_of_a_shortage_equals_its_plain_twin():
    rng = np.random.default_rng(5)
    for wanted in (1, 2, 7, 8, 30):
        problem = DutyProblem(
            units=("A",), shifts=("s",), day=np.zeros(1, np.int32), kind=np.zeros(1, np.int32), start=np.zeros(1, int),
            stop=np.full(1, 480), weekend=np.full(1, -1, np.int32), rules=(DutyRules(),), may=np.ones((1, 1), bool),
            must=np.zeros((1, 1), bool), wish=np.zeros((1, 1)), wanted=np.full(1, wanted, np.int32),
            short=np.full(1, 100.0), spare=np.ones(1), home=np.full(1, -1, np.int32), spread=1.0,
        )  # fmt: skip
        there = bool(rng.random() < 0.5)
        price = 0.0
        for unit in range(wanted - there):
            price += 100 + 12.5 * sum(unit >= -(-wanted * level // 8) for level in range(1, 8))
        assert -problem.worth(np.array([[there]])) == pytest.approx(price)
