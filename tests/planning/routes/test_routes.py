"""Routes of units: limits that are never broken, the lottery, and files for navigation."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
import xml.etree.ElementTree as ET
import zoneinfo
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator.planning.routes.parts as parts_module
import planning_city
from allocator.config import AllocationSection, PlaceWindow, Policy, RoutesSection, StaffingSection
from allocator.domain import LOTTERY_COLUMNS, Travel
from allocator.errors import ConfigError
from allocator.planning.allocation.problem import build_problem
from allocator.planning.allocation.solve import solve
from allocator.planning.duty.posts import post_units
from allocator.planning.patrol import plan_patrol
from allocator.planning.routes.lottery import entropy, even_odds, seed_of
from allocator.planning.routes.openings import openings_of
from allocator.planning.routes.parts import TOGETHER, effort_of
from allocator.planning.routes.tasks import RouteTerms, straight, tasks_of
from allocator.planning.routes.tours import route_tasks
from allocator.planning.routes.work import search_of
from allocator.report.routes import file_names, geojson, gpx, route_files
from limits_kept import assert_kept

QUICK = RoutesSection(iterations=15, runs=1)
ZONE = "America/Chicago"


def setting(units=5, *, seed=0, days=1, first_day=dt.date(2017, 12, 25), routes=QUICK, **section):
    """Return terms, blocks and posting of a toy city."""
    city = planning_city.square_city(8, size_m=400.0)
    roster = planning_city.roster_of(units, city=city, days=days, first_day=first_day)
    surface = planning_city.surface_of(city, roster, seed=seed)
    allocation = AllocationSection(**section)
    problem = build_problem(surface, roster, Policy(), allocation=allocation, staffing=StaffingSection())
    answer = solve(problem)
    openings = openings_of(routes.windows, city, roster, timezone=ZONE)
    terms = RouteTerms(problem, roster, straight(city, routes), allocation, routes, openings=openings, seed=seed)
    return terms, answer.blocks, post_units(answer.units, roster, city), surface


@given(
    seed=st.integers(0, 1000),
    units=st.integers(1, 9),
    share=st.sampled_from([0.2, 0.5, 1.0]),
    speed=st.sampled_from([3.0, 25.0]),
    gap=st.sampled_from([0, 45, 120]),
    pause=st.sampled_from([0, 30, 60]),
    lottery=st.booleans(),
)
@settings(max_examples=20, deadline=None)
def test_no_limit_is_ever_broken(seed, units, share, speed, gap, pause, lottery):
    routes = QUICK.model_copy(
        update={"speed_kmh": speed, "return_minutes": gap, "break_minutes": pause, "lottery": lottery}
    )
    terms, blocks, posting, _ = setting(units, seed=seed, routes=routes, directed_share=share)
    assert_kept(terms, blocks, posting, route_tasks(tasks_of(terms, blocks, posting), terms).visits)


@pytest.mark.parametrize("day", [dt.date(2017, 11, 4), dt.date(2018, 3, 10)])
def test_shifts_of_seven_and_nine_hours_keep_their_limits(day):
    terms, blocks, posting, _ = setting(5, days=2, first_day=day)
    assert {shift.minutes for shift in terms.roster.shifts} in ({480.0, 540.0}, {420.0, 480.0})
    assert_kept(terms, blocks, posting, route_tasks(tasks_of(terms, blocks, posting), terms).visits)


def test_visits_lie_inside_the_windows_of_their_place():
    windows = (
        PlaceWindow(district="2", earliest=dt.time(9), latest=dt.time(11, 30)),
        PlaceWindow(beat="north", earliest=dt.time(22), latest=dt.time(10)),
    )
    terms, blocks, posting, _ = setting(6, routes=QUICK.model_copy(update={"windows": windows}))
    visits = route_tasks(tasks_of(terms, blocks, posting), terms).visits
    assert_kept(terms, blocks, posting, visits)
    city = planning_city.square_city(8)
    zone, seen = zoneinfo.ZoneInfo(ZONE), 0
    for cell, start in zip(visits.cell, visits.start, strict=True):
        begun = dt.datetime.fromtimestamp(start * 60, zone)
        over = (begun + dt.timedelta(minutes=15)).time()
        if city.district[cell] == 1:
            assert begun.time() >= dt.time(9)
            assert over <= dt.time(11, 30)
            seen += 1
        if city.beat[cell] == 1:
            assert begun.time() >= dt.time(22) or over <= dt.time(10)
            seen += 1
    assert seen
    with pytest.raises(ConfigError, match=r"windows.0: unknown beat 'nort' \(did you mean 'north'\?\)"):
        openings_of(
            (PlaceWindow(beat="nort", earliest=dt.time(1), latest=dt.time(2)),), city, terms.roster, timezone=ZONE
        )


def test_the_best_routes_deliver_no_less_than_tours_in_rounds():
    for seed in range(3):
        terms, blocks, posting, _ = setting(
            1, seed=seed, routes=QUICK.model_copy(update={"speed_kmh": 3.0, "lottery": False}), travel_minutes=0.0
        )
        best = route_tasks(tasks_of(terms, blocks, posting), terms).visits
        few = dataclasses.replace(terms, routes=terms.routes.model_copy(update={"iterations": 1}))
        plain = route_tasks(tasks_of(few, blocks, posting), few).visits
        assert len(best.unit) < blocks.sum()
        assert best.gain.sum() >= plain.gain.sum() - 1e-9


def test_a_task_alone_gives_the_same_visits_whatever_the_threads():
    terms, blocks, posting, _ = setting(7, days=1)
    tasks = tasks_of(terms, blocks, posting)
    every = route_tasks(tasks, terms)
    for threads in (1, 3):
        other = dataclasses.replace(terms, routes=terms.routes.model_copy(update={"threads": threads}))
        again = route_tasks(tasks, other)
        assert again.visits.start.tolist() == every.visits.start.tolist()
        pd.testing.assert_frame_equal(again.lottery, every.lottery)
    one = tasks[len(tasks) // 2]
    alone = route_tasks([one], terms).visits
    here = (every.visits.shift == one.shift) & (terms.problem.district[every.visits.cell] == one.district)
    for name in ("unit", "cell", "nth", "start"):
        assert getattr(alone, name).tolist() == getattr(every.visits.take(here), name).tolist()


def test_a_task_in_mid_shift_starts_where_its_units_are():
    terms, blocks, posting, _ = setting(5)
    task = max(tasks_of(terms, blocks, posting), key=lambda one: len(one.crew))
    begin = task.begin + 200
    start = np.full(len(task.crew), task.cell[0])
    later = dataclasses.replace(
        task, begin=begin, start=start, budget=task.budget / 3, rest=np.zeros(len(task.crew), bool),
        ready=np.full(len(task.cell), begin + 30), nth=task.nth + 1,
    )  # fmt: skip
    visits = route_tasks([later], terms).visits
    assert len(visits.unit)
    assert visits.start.min() >= begin + 30
    assert visits.nth.min() >= 1
    for unit in np.unique(visits.unit):
        mine = visits.take(visits.unit == unit)
        way = np.r_[task.cell[0], mine.cell]
        leg = terms.travel.minutes(way[:-1], way[1:], speed_kmh=25).diagonal()
        assert leg.sum() + 15 * len(mine.unit) <= later.budget[0] + 1e-6
        assert mine.start[0] >= begin + leg[0]


def test_nothing_to_do_and_nobody_to_do_it():
    terms, blocks, posting, _ = setting(4)
    assert not len(route_tasks((), terms).visits.unit)
    empty = route_tasks(tasks_of(terms, blocks * 0, posting), terms)
    assert not len(empty.visits.unit)
    assert empty.lottery.dtypes.astype(str).to_dict() == LOTTERY_COLUMNS
    nobody = route_tasks(tasks_of(terms, blocks, np.full_like(posting, -2)), terms)
    assert not len(nobody.visits.unit)
    assert not len(nobody.lottery)


def test_what_no_way_leads_to_is_dropped():
    terms, blocks, posting, surface = setting(4)
    n = surface.city.n_cells
    apart = np.where(np.arange(n)[:, None] // 32 == np.arange(n) // 32, 1.0, np.inf)
    cut = dataclasses.replace(
        terms, travel=Travel(surface.city.x, surface.city.y, matrix=apart, label=np.arange(n, dtype=np.int32))
    )
    visits = route_tasks(tasks_of(cut, blocks, posting), cut).visits
    assert_kept(cut, blocks, posting, visits)
    assert 0 < len(visits.unit) <= blocks.sum()


def test_the_lottery_is_seeded_keeps_the_dosage_and_is_hard_to_foresee():
    terms, blocks, posting, _ = setting(4)
    tasks = tasks_of(terms, blocks, posting)
    drawn = [route_tasks(tasks, dataclasses.replace(terms, seed=seed)) for seed in (1, 1, 2, 3, 4, 5, 6, 7)]
    assert drawn[0].visits.start.tolist() == drawn[1].visits.start.tolist()
    pd.testing.assert_frame_equal(drawn[0].lottery, drawn[1].lottery)
    for one in drawn:
        assert np.array_equal(one.visits.delivered_blocks(blocks.shape), blocks)
        assert (one.lottery["probability"] >= 1 / terms.routes.variants - 1e-9).all()
    places = [set(zip(one.visits.unit, one.visits.start // 15, one.visits.cell, strict=True)) for one in drawn[1:]]
    same = np.mean([len(a & b) / len(a) for i, a in enumerate(places) for b in places[:i]])
    still = dataclasses.replace(terms, routes=terms.routes.model_copy(update={"lottery": False}))
    assert route_tasks(tasks, still).lottery["variants"].eq(1).all()
    assert same < 0.2  # without a lottery and with one seed: 1


def test_odds_keep_the_first_variant_and_are_even():
    every = np.ones((4, 3), bool)
    assert even_odds(every).tolist() == [0.25] * 4
    some = np.array([[1, 1, 0], [1, 0, 1], [1, 1, 0], [1, 0, 0]], bool)
    odds = even_odds(some, slack=0.1)
    assert odds.sum() == pytest.approx(1)
    assert odds[[0, 2]].sum() >= 0.9 - 1e-9
    assert odds.max() == pytest.approx(0.45)
    assert even_odds(some).max() == pytest.approx(0.5)
    assert entropy(np.full(8, 1 / 8)) == pytest.approx(3)
    assert seed_of(1, ["a", "b"]) != seed_of(1, ["ab"]) != seed_of(2, ["ab"])


def test_plans_differ_by_seed_and_carry_their_lottery():
    terms, blocks, posting, surface = setting(4)
    plans = [plan_patrol(terms.problem, surface, terms.roster, routes=QUICK, seed=seed) for seed in (0, 0, 1)]
    pd.testing.assert_frame_equal(plans[0].visits, plans[1].visits)
    assert not plans[0].visits["start"].equals(plans[2].visits["start"])
    assert plans[0].delivered == pytest.approx(plans[2].delivered)
    assert tuple(plans[0].lottery.columns) == tuple(LOTTERY_COLUMNS)
    straight_on = route_tasks(tasks_of(terms, blocks, posting), terms)
    assert len(straight_on.visits.unit) == len(plans[0].visits)


ODD = ("A/1", "A:1", "a_1", "..", "CON", "Ärger <&>", "x" * 200, "A\x00B", "-", "_1")


def test_file_names_are_safe_and_never_collide():
    names = file_names(ODD)
    assert len({name.casefold() for name in names.values()}) == len(ODD)
    for name in names.values():
        assert not set(name) & set('/\\:*?"<>|\0')
        assert name.strip(". ") == name
        assert len(name) <= 84
    assert names["CON"] != "CON"


@pytest.mark.parametrize("unit", ["A/1", "<&>\x07"])
def test_gpx_and_geojson_hold_every_visit(unit):
    start = pd.to_datetime(["2017-12-25T14:00:00Z", "2017-12-25T15:00:00Z", "2017-12-26T14:00:00Z"])
    visits = pd.DataFrame(
        {"unit": unit, "shift": ["d/1", "d/1", "d/2"], "seq": [1, 2, 1], "cell": [5, 6, 7], "start": start,
         "stop": start + pd.Timedelta(minutes=15), "purpose": "p", "reason": "rank 1 & <more>", "lon": [1.0, 2, 3],
         "lat": [4.0, 5, 6]}
    )  # fmt: skip
    space = {"g": "http://www.topografix.com/GPX/1/1"}
    tree = ET.fromstring(gpx(unit, visits, note="evaluation only"))
    assert tree.get("version") == "1.1"
    assert [point.get("lat") for point in tree.findall("g:wpt", space)] == ["4.000000", "5.000000", "6.000000"]
    assert [len(one.findall("g:rtept", space)) for one in tree.findall("g:rte", space)] == [2, 1]
    assert tree.find("g:wpt/g:desc", space).text == "rank 1 & <more>"
    assert tree.find("g:wpt/g:time", space).text == "2017-12-25T14:00:00Z"
    content = json.loads(geojson(unit, visits))
    kinds = [one["geometry"]["type"] for one in content["features"]]
    assert kinds == ["Point", "Point", "LineString", "Point"]
    assert content["features"][0]["geometry"]["coordinates"] == [1.0, 4.0]


def test_each_unit_has_both_files():
    terms, _, _, surface = setting(3)
    plan = plan_patrol(terms.problem, surface, terms.roster, routes=QUICK)
    city = surface.city
    city.x, city.y = city.x + 448_000.0, city.y + 4_637_000.0
    run = SimpleNamespace(
        plan=plan, surface=surface, job=SimpleNamespace(deployment=None, job=SimpleNamespace(note=""))
    )
    files = route_files(run)
    assert set(files) == {
        f"routes/{unit}.{ending}" for unit in plan.visits["unit"].unique() for ending in ("gpx", "geojson")
    }
    lon, lat = json.loads(files["routes/U001.geojson"])["features"][0]["geometry"]["coordinates"]
    assert -88 < lon < -87
    assert 41 < lat < 42


def test_a_crew_in_parts_keeps_every_limit_and_delivers_nearly_what_the_whole_does(monkeypatch):
    terms, blocks, posting, _ = setting(60)
    tasks = tasks_of(terms, blocks, posting)
    assert 2 < max(len(task.crew) for task in tasks) <= TOGETHER
    whole = route_tasks(tasks, terms)
    monkeypatch.setattr(parts_module, "TOGETHER", 2)
    cut = route_tasks(tasks, terms)
    assert_kept(terms, blocks, posting, cut.visits)
    again = route_tasks(tasks, terms)
    assert again.visits.start.tolist() == cut.visits.start.tolist()
    assert cut.visits.gain.sum() >= 0.98 * whole.visits.gain.sum()


def test_a_small_plan_is_searched_in_full_and_a_large_one_less():
    terms, *_ = setting(5)
    routes = RoutesSection()
    assert effort_of(terms.problem, routes) == routes
    large = dataclasses.replace(terms.problem, on_duty=terms.problem.on_duty * 10_000)
    less = effort_of(large, routes)
    assert less.runs == 1
    assert less.iterations == parts_module.FEWEST


def test_the_work_of_a_search_is_told_and_refused_by_its_key():
    terms, *_ = setting(5)
    short, long = (search_of(terms.problem, RoutesSection(runs=runs)) for runs in (2, 1000))
    assert long.seconds == pytest.approx(500 * short.seconds)
    assert "3,000 runs of up to 60 iterations" in str(long)
    with pytest.raises(ConfigError, match=r"routes\.runs = 1,000 .* would do"):
        search_of(terms.problem, RoutesSection(runs=1000, iterations=1_000_000))
