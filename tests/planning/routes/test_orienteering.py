"""Team orienteering: against brute force, against its own limits, and on the instances of Chao."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from allocator.kernels.orienteering import team_orienteering
from allocator.kernels.tours import insert_visits
from allocator.planning.routes.orienteering import Orienteering, reachable
from allocator.planning.routes.parts import IN_PARTS, TOGETHER, joined, parts_of
from allocator.planning.routes.search import Effort, near_best, solve
from allocator.planning.routes.timetable import timetable

INSTANCES = Path(__file__).parents[4] / "shared" / "instances" / "team_orienteering"


def problem_of(seed: int, *, visits: int = 5, units: int = 2, windows: bool = False, breaks: bool = False):
    """Return a small random problem in whole minutes."""
    rng = np.random.default_rng(seed)
    place = rng.integers(0, 20, (visits + 1, 2)).astype(float)
    travel = np.hypot(*(place[:, None] - place[None]).transpose(2, 0, 1))
    n = visits + units * breaks
    earliest = np.where(np.arange(n) < visits, rng.integers(0, 40, n) * windows, 20.0)
    latest = np.where(np.arange(n) < visits, earliest + (30 if windows else 1000), 40.0)
    return Orienteering(
        travel=travel[None],
        place=np.r_[np.arange(1, visits + 1), rng.integers(1, visits + 1, n - visits)],
        service=np.where(np.arange(n) < visits, 5.0, 10.0),
        work=np.where(np.arange(n) < visits, 5.0, 0.0),
        prize=np.where(np.arange(n) < visits, rng.integers(1, 9, n), 0).astype(float),
        earliest=earliest.astype(float),
        latest=latest.astype(float),
        only=np.r_[np.full(visits, -1), np.arange(n - visits)],
        speed=np.zeros(units, int),
        start=np.where(rng.random(units) < 0.5, 0, -1),
        stop=np.full(units, -1),
        begin=np.zeros(units),
        end=np.full(units, 90.0),
        budget=rng.integers(15, 50, units).astype(float),
    )


def most_prize(problem: Orienteering) -> float:
    """Return the best total prize by trying everything."""
    n = int((problem.only < 0).sum())
    worth = []
    for unit in range(problem.n_units):
        value = np.full(1 << n, -np.inf)
        own = np.flatnonzero(problem.only == unit).tolist()
        for mask in range(1 << n):
            rows = [row for row in range(n) if mask >> row & 1]
            if any(timetable(problem, unit, order) for order in itertools.permutations([*rows, *own])):
                value[mask] = problem.prize[rows].sum()
        worth.append(value)
    best = worth[0]
    for value in worth[1:]:
        joined = np.full(1 << n, -np.inf)
        for mask in range(1 << n):
            part = mask
            while True:
                joined[mask] = max(joined[mask], best[part] + value[mask ^ part])
                if not part:
                    break
                part = (part - 1) & mask
        best = joined
    return float(best.max())


@pytest.mark.parametrize("windows", [False, True])
@pytest.mark.parametrize("seed", range(6))
def test_small_problems_are_solved_to_the_optimum(seed, windows):
    problem = problem_of(seed, windows=windows)
    found = solve(problem, iterations=100, runs=2)
    assert found.prize == pytest.approx(most_prize(problem))


@given(st.integers(0, 10_000), st.integers(1, 8), st.integers(1, 3), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_no_tour_breaks_a_limit(seed, visits, units, windows, breaks):
    problem = problem_of(seed, visits=visits, units=units, windows=windows, breaks=breaks)
    for tours in near_best(problem, Effort(15, 1, seed), slack=0.1, most=5):
        rows = [row for tour in tours.order for row in tour]
        assert len(set(rows)) == len(rows)
        assert tours.prize == pytest.approx(problem.prize[rows].sum())
        if rows:
            for unit, tour in enumerate(tours.order):
                assert timetable(problem, unit, tour) is not None
                assert (
                    problem.work_of(unit, [row for row in tour if problem.only[row] < 0]) <= problem.budget[unit] + 1e-6
                )
                assert not tour or set(np.flatnonzero(problem.only == unit)) <= set(tour)


def test_the_same_seed_gives_the_same_tours_and_slack_is_kept():
    problem = problem_of(3, visits=12, units=3)
    first, again = (near_best(problem, Effort(50, 2, 7), slack=0.2, most=10) for _ in range(2))
    assert [tours.order for tours in first] == [tours.order for tours in again]
    assert len({tours.order for tours in first}) == len(first) > 1
    assert min(tours.prize for tours in first) >= 0.8 * first[0].prize


def test_what_nobody_can_reach_is_left_out():
    problem = problem_of(1, visits=6)
    far = problem.travel.copy()
    far[:, 1], far[:, :, 1] = np.inf, np.inf
    cut = dataclasses.replace(problem, travel=far, start=np.zeros(2, int))
    assert not reachable(cut)[0]
    assert all(0 not in tour for tour in solve(cut, iterations=20, runs=1).order)
    assert solve(dataclasses.replace(problem, budget=np.zeros(2)), iterations=5).order == ((), ())


def chao(name: str) -> Orienteering:
    """Return an instance of Chao, Golden & Wasil (1996); distances are not rounded."""
    lines = [line.split() for line in (INSTANCES / f"set{name[1]}" / f"{name}.txt").read_text().splitlines() if line]
    units, longest = int(lines[1][1]), float(lines[2][1])
    table = np.array(lines[3 : 3 + int(lines[0][1])], float)
    n = len(table) - 2
    none, free = np.zeros(n), np.zeros(units)
    return Orienteering(
        travel=np.hypot(*(table[:, None, :2] - table[None, :, :2]).transpose(2, 0, 1))[None],
        place=np.arange(1, n + 1), service=none, work=none, prize=table[1:-1, 2], earliest=none, latest=none + np.inf,
        only=np.full(n, -1), speed=np.zeros(units, int), start=np.zeros(units, int), stop=np.full(units, n + 1),
        begin=free, end=free + np.inf, budget=free + longest,
    )  # fmt: skip


@pytest.mark.skipif(not INSTANCES.exists(), reason="needs ../shared/instances/team_orienteering")
@pytest.mark.parametrize(
    ("name", "value"), [("p2.2.a", 90), ("p2.3.k", 200), ("p2.4.k", 180), ("p4.4.e", 183), ("p4.3.a", 0)]
)
def test_chaos_instances_reach_his_heuristic(name, value):
    problem = chao(name)
    found = solve(problem, iterations=400, runs=2)
    assert found.prize >= value
    for unit, tour in enumerate(found.order):
        assert problem.work_of(unit, tour) <= problem.budget[unit]


def tiny(seed: int, visits: int, units: int):
    """Return costs, prizes, nearest visits and empty tours on random points."""
    rng = np.random.default_rng(seed)
    x, y = rng.uniform(0, 20, (2, visits + 2))
    cost = np.hypot(x[:, None] - x, y[:, None] - y)
    near = np.argsort(cost[:visits, :visits], axis=1, kind="stable")
    tours = np.full((units, visits + 2), visits, np.int64)
    tours[:, 1] = visits + 1
    return cost, rng.integers(1, 9, visits).astype(float), near, tours


@pytest.mark.parametrize("seed", range(12))
def test_destroying_and_repairing_follows_its_twin(seed):
    visits, units = 4 + seed % 7, 1 + seed % 3
    cost, prize, near, tours = tiny(seed, visits, units)
    most, size = float(cost[visits, visits + 1] + 12), np.zeros(units, np.int64)
    state, met = np.array([seed + 1], np.uint64), np.zeros((5, units, visits + 1), np.int64)
    team_orienteering(cost, prize, most, near, state, 60, 30, 0.1, 0.2, tours, size, met)
    other = [seed + 1]
    twin = naive.team_orienteering(
        cost.tolist(), prize.tolist(), most, near.tolist(), other, 60, 30, 0.1, 0.2,
        [[visits, visits + 1] for _ in range(units)],
    )  # fmt: skip
    assert [tours[r, : size[r] + 2].tolist() for r in range(units)] == twin
    assert int(state[0]) == other[0]


@given(st.integers(0, 10_000), st.integers(1, 14), st.integers(1, 4), st.floats(0, 40))
@settings(max_examples=60, deadline=None)
def test_destroying_and_repairing_breaks_no_budget(seed, visits, units, room):
    cost, prize, near, tours = tiny(seed, visits, units)
    most, size = float(cost[visits, visits + 1] + room), np.zeros(units, np.int64)
    state, met = np.array([seed + 1], np.uint64), np.zeros((20, units, visits + 1), np.int64)
    filled = team_orienteering(cost, prize, most, near, state, 100, 50, 0.1, 0.2, tours, size, met)
    for some in [
        [tours[r, 1 : size[r] + 1] for r in range(units)],
        *([t[1 : t[0] + 1] for t in a] for a in met[:filled]),
    ]:
        rows = np.concatenate(some)
        assert len(set(rows.tolist())) == len(rows)
        for tour in some:
            way = np.r_[visits, tour, visits + 1]
            assert cost[way[:-1], way[1:]].sum() <= most + 1e-9


@pytest.mark.parametrize("seed", range(6))
def test_destroying_and_repairing_finds_the_optimum_of_small_problems(seed):
    visits, units = 6, 2
    cost, prize, near, tours = tiny(seed, visits, units)
    most, size = float(cost[visits, visits + 1] + 10), np.zeros(units, np.int64)
    team_orienteering(
        cost, prize, most, near, np.array([seed + 1], np.uint64), 2_000, 500, 0.1, 0.2, tours, size,
        np.zeros((0, units, visits + 1), np.int64),
    )  # fmt: skip
    short = [
        mask
        for mask in range(1 << visits)
        if any(
            cost[np.r_[visits, way].astype(int), np.r_[way, visits + 1].astype(int)].sum() <= most
            for way in itertools.permutations([i for i in range(visits) if mask >> i & 1])
        )
    ]
    worth = {mask: sum(prize[i] for i in range(visits) if mask >> i & 1) for mask in short}
    best = max(worth[a] + worth[b] for a in short for b in short if not a & b)
    assert sum(prize[tours[r, 1 : size[r] + 1]].sum() for r in range(units)) == best


@pytest.mark.parametrize("units", [13, 17, 30])
def test_parts_share_out_every_visit_and_unit_once_and_joined_tours_hold(units):
    problem = problem_of(3, visits=4 * units, units=units, windows=True, breaks=True)
    rng = np.random.default_rng(units)
    places = problem.travel.shape[1]
    parts = parts_of(problem, rng.random(places), rng.random(places), most=TOGETHER)
    assert max(len(part.units) for part in parts) <= IN_PARTS
    assert sorted(np.concatenate([part.units for part in parts]).tolist()) == list(range(units))
    assert sorted(np.concatenate([part.rows for part in parts]).tolist()) == list(range(len(problem.place)))
    for part in parts:  # a visit or break of one unit lies with that unit
        only = problem.only[part.rows]
        assert set(only[only >= 0].tolist()) <= set(part.units.tolist())
    whole = joined(units, parts, [[solve(part.problem, iterations=20, runs=1)] for part in parts])[0]
    met = [row for tour in whole.order for row in tour]
    assert len(met) == len(set(met))
    assert whole.prize == pytest.approx(problem.prize[met].sum())
    for part in parts:
        for unit in part.units.tolist():
            own = whole.order[unit]
            blocks = [row for row in own if not problem.is_break[row]]
            assert timetable(problem, unit, blocks) is not None


def inserted(problem, within, sequence):
    """Return what the kernel makes of one variant: its tours, and their minutes."""
    n, own, part = len(problem.place), problem.table, within.table
    tours, size = np.zeros((1, problem.n_units, n + 1), np.int64), np.zeros((1, problem.n_units), np.int64)
    made, spent = np.zeros((1, n), bool), np.zeros(1)
    insert_visits(
        own.travel, own.speed, own.place, own.service, own.work, own.earliest, own.latest, part.earliest[None],
        part.latest[None], problem.is_break, own.only, own.start, own.budget, own.begin, own.end, sequence[None], made,
        tours, size, spent,
    )  # fmt: skip
    order = [tours[0, unit, :k].tolist() for unit, k in enumerate(size[0].tolist())]
    assert sorted(row for tour in order for row in tour) == np.flatnonzero(made[0]).tolist()
    return order, float(spent[0])


@given(st.integers(0, 10_000), st.integers(1, 9), st.integers(1, 3), st.booleans(), st.booleans(), st.booleans())
@settings(max_examples=40, deadline=None)
def test_inserted_visits_follow_their_twin_and_hold(seed, visits, units, windows, breaks, cut):
    problem = problem_of(seed, visits=visits, units=units, windows=windows, breaks=breaks)
    rng = np.random.default_rng(seed)
    if cut:  # places that no way leads to, and ways that are no metric
        travel = problem.travel.copy()
        travel[0][rng.random(travel[0].shape) < 0.1] = np.inf
        problem = dataclasses.replace(problem, travel=travel)
    part = problem.earliest + np.floor((problem.latest - problem.earliest) * rng.random(len(problem.place)))
    within = dataclasses.replace(problem, earliest=part)
    sequence = np.lexsort((rng.random(len(problem.place)), problem.only < 0))
    order, spent = inserted(problem, within, sequence)
    assert order == naive.insert_visits(problem, within, sequence.tolist())
    blocks = [[row for row in tour if not problem.is_break[row]] for tour in order]  # a break is no detour
    assert spent == pytest.approx(sum(problem.work_of(unit, tour) for unit, tour in enumerate(blocks)))
    for unit, tour in enumerate(order):
        times, plain = timetable(problem, unit, tour), naive.tour_times(problem, unit, tour)
        assert times is not None
        assert (times.earliest.tolist(), times.latest.tolist()) == plain


@given(st.integers(0, 10_000), st.integers(1, 7), st.booleans())
@settings(max_examples=60, deadline=None)
def test_times_of_a_tour_follow_their_twin(seed, visits, windows):
    problem, rng = problem_of(seed, visits=visits, windows=windows, breaks=True), np.random.default_rng(seed)
    tour = rng.permutation([*range(visits), visits])[: rng.integers(0, visits + 2)].tolist()
    times, plain = timetable(problem, 0, tour), naive.tour_times(problem, 0, tour)
    assert (times is None) == (plain is None)
    if times is not None:
        assert (times.earliest.tolist(), times.latest.tolist()) == plain
