"""Shifts that overlap: their hours count once, and visits of all of them protect."""

import datetime as dt

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planning_city
from allocator.domain import Shift, overlap, stretches_of
from allocator.planning.allocation import covered, solve
from allocator.planning.allocation.problem import overlaps_of

MONDAY = dt.datetime(2026, 3, 2, tzinfo=dt.UTC)
HOURS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 14)), min_size=2, max_size=6)


def shifts_at(hours):
    return tuple(
        Shift(f"2026-03-02/{n}", str(n), MONDAY.date(), MONDAY + dt.timedelta(hours=start),
              MONDAY + dt.timedelta(hours=start + length))
        for n, (start, length) in enumerate(hours)
    )  # fmt: skip


def problem_of(hours, seed, **changes):
    shifts = shifts_at(hours)
    toy = planning_city.toy(seed, cells=5, shifts=len(shifts), units=2, most_blocks=3)
    return toy.replace(shifts=tuple(shift.id for shift in shifts), day=None, **overlaps_of(shifts), **changes), shifts


def plain(problem, shifts, blocks):
    """Return the harm covered, hour by hour: what each hour is worth, and the visits of all shifts that run in it."""
    first, last = min(s.start for s in shifts), max(s.stop for s in shifts)
    total, hour = 0.0, dt.timedelta(hours=1)
    worth = {}
    moment = first
    while moment < last:
        running = [n for n, s in enumerate(shifts) if s.start <= moment < s.stop]
        if running:
            worth[moment] = running
        moment += hour
    parts = {n: sum(1 / len(running) for running in worth.values() if n in running) for n in range(len(shifts))}
    for running in worth.values():
        value = sum(problem.value[n] / len(running) / parts[n] for n in running)
        total += (value * -np.expm1(-problem.diminishing * sum(blocks[n].astype(float) for n in running))).sum()
    return total


@settings(max_examples=60, deadline=None)
@given(hours=HOURS, seed=st.integers(0, 1_000))
def test_what_is_covered_is_that_of_every_hour_once(hours, seed):
    problem, shifts = problem_of(hours, seed)
    blocks = np.random.default_rng(seed).integers(0, 3, problem.value.shape).astype(np.int16)
    assert covered(problem, blocks).sum() == pytest.approx(plain(problem, shifts, blocks), rel=1e-9)
    full = covered(problem, np.full(problem.value.shape, 200, np.int16)).sum()
    assert full == pytest.approx(problem.value.sum(), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(hours=HOURS, seed=st.integers(0, 1_000))
def test_a_visit_more_never_covers_less(hours, seed):
    problem, _ = problem_of(hours, seed)
    rng = np.random.default_rng(seed)
    blocks = rng.integers(0, 3, problem.value.shape).astype(np.int16)
    more = blocks.copy()
    more[rng.integers(len(blocks)), rng.integers(blocks.shape[1])] += 1
    assert covered(problem, more).sum() >= covered(problem, blocks).sum() - 1e-12


@settings(max_examples=40, deadline=None)
@given(hours=HOURS, seed=st.integers(0, 1_000))
def test_a_shift_more_never_covers_less_of_the_hours_there_were(hours, seed):
    problem, _ = problem_of(hours, seed)
    answer = solve(problem)
    assert answer.objective == pytest.approx(covered(problem, answer.blocks).sum())
    assert answer.bound >= answer.objective - 1e-9
    if problem.turn is None:
        return
    first = problem.replace(on_duty=np.where(problem.turn == 0, problem.on_duty, 0).astype(np.int32))
    assert solve(first).objective <= answer.objective + 1e-9


@given(hours=HOURS)
def test_turns_and_stretches(hours):
    shifts = shifts_at(hours)
    terms = overlaps_of(shifts)
    assert bool(terms) == overlap(shifts)
    if not terms:
        return
    assert np.allclose(terms["stretch"].sum(axis=0), 1)
    for _, _, rows in stretches_of(shifts):
        turns = [int(terms["turn"][row]) for row in rows]
        assert len(set(turns)) == len(turns)
        assert min(turns) >= 0


def test_shifts_that_meet_do_not_overlap():
    assert not overlap(shifts_at([(0, 8), (8, 8), (16, 8)]))
    assert overlaps_of(shifts_at([(0, 8), (8, 8), (16, 8)])) == {}
