"""Erlang, priorities and the hypercube: published values, identities, plain twins and a simulation."""

from __future__ import annotations

import heapq

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from allocator.errors import DataError
from allocator.planning.staffing import hypercube
from allocator.planning.staffing.queueing import (
    erlang_b,
    erlang_c,
    lagged,
    mean_wait,
    occupancy,
    priority_tails,
    priority_waits,
    service_level,
)


def test_published_values_of_erlang_c():
    assert erlang_c(10, 14) == pytest.approx(0.1741319336, abs=1e-9)
    assert service_level(10, 14, 3, 20 / 60) == pytest.approx(0.8883500192, abs=1e-9)
    assert occupancy(10, 14) == pytest.approx(0.7142857, abs=1e-7)
    assert erlang_c(48, 55) == pytest.approx(0.23870, abs=5e-6)
    assert service_level(48, 55, 4, 15 / 60) == pytest.approx(0.84588, abs=5e-6)
    assert mean_wait(48, 55, 4) * 60 == pytest.approx(8.18, abs=0.005)


def test_values_of_three_servers():
    assert erlang_b(3, 3) == pytest.approx(9 / 26)
    assert erlang_c(1.5, 3) == pytest.approx(0.236842, abs=5e-7)


@pytest.mark.parametrize("servers", [1, 2, 7, 40])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.97])
def test_erlang_equals_its_plain_twin(servers, share):
    load = servers * share
    assert erlang_b(load, servers) == pytest.approx(naive.erlang_b(load, servers), rel=1e-11)
    assert erlang_c(load, servers) == pytest.approx(naive.erlang_c(load, servers), rel=1e-11)


def test_hundreds_of_servers_stay_stable():
    found = erlang_c([500.0, 900.0, 1500.0], [520, 950, 1501])
    assert np.all((found > 0) & (found < 1))
    assert erlang_c(500.0, 2000) == pytest.approx(0.0, abs=1e-12)


@given(load=st.floats(0.001, 280), servers=st.integers(0, 300), part=st.floats(0.0, 1.0))
@settings(max_examples=60, deadline=None)
def test_a_fraction_of_a_server_lies_between_its_neighbours(load, servers, part):
    low, middle, high = erlang_b(load, [servers, servers + part, servers + 1])
    assert high - 1e-12 <= middle <= low + 1e-12


def test_edges_of_the_formulas():
    assert mean_wait(0, 0, 30) == 0
    assert mean_wait(1, 1, 30) == np.inf
    assert erlang_c(5, 3) == 1
    assert service_level(5, 3, 30, 10) == 0
    assert service_level(0, 0, 30, 10) == 1
    assert occupancy(1, 0) == np.inf


RATES, SERVERS, SERVICE = [0.05, 0.1, 0.1, 0.03], 8, 25.0


def _simulated(n: int, seed: int) -> list[np.ndarray]:
    """Waits by priority of a non-preemptive priority queue, call by call."""
    rng = np.random.default_rng(seed)
    time = np.cumsum(rng.exponential(1 / sum(RATES), n))
    kind = rng.choice(len(RATES), n, p=np.array(RATES) / sum(RATES))
    service, wait, free = rng.exponential(SERVICE, n), np.zeros(n), SERVERS
    leaving: list[float] = []
    lines: list[list[int]] = [[] for _ in RATES]
    for i in range(n):
        while leaving and leaving[0] <= time[i]:
            now = heapq.heappop(leaving)
            line = next((one for one in lines if one), None)
            if line is None:
                free += 1
                continue
            j = line.pop(0)
            wait[j] = now - time[j]
            heapq.heappush(leaving, now + service[j])
        if free:
            free -= 1
            heapq.heappush(leaving, time[i] + service[i])
        else:
            lines[kind[i]].append(i)
    inside = (np.arange(n) > n // 50) & (np.arange(n) < n - n // 50)
    return [wait[inside & (kind == k)] for k in range(len(RATES))]


def test_priorities_agree_with_a_simulation():
    waits = _simulated(200_000, seed=5)
    mean = priority_waits(RATES, SERVERS, SERVICE)
    assert [one.mean() for one in waits] == pytest.approx(mean.tolist(), rel=0.08)
    for minutes in (0.1, 1, 5, 20, 60):
        late = priority_tails(RATES, SERVERS, SERVICE, minutes)
        assert [(one > minutes).mean() for one in waits] == pytest.approx(late.tolist(), abs=0.015)


def test_the_tail_holds_the_mean():
    grid = np.concatenate([np.linspace(0, 5, 400)[1:], np.linspace(5, 3000, 6000)[1:]])
    tails = priority_tails(RATES, SERVERS, SERVICE, grid[:, None])
    whole = np.trapezoid(np.vstack([priority_tails(RATES, SERVERS, SERVICE, 1e-9), tails]), np.append(0, grid), axis=0)
    assert whole == pytest.approx(priority_waits(RATES, SERVERS, SERVICE), rel=2e-3)


def test_one_priority_is_first_come():
    assert priority_waits([0.2], 8, 30) == pytest.approx([float(mean_wait(0.2 * 30, 8, 30))])
    late = priority_tails([0.2], 8, 30, [[0.5], [7.0], [90.0]])[:, 0]
    assert 1 - late == pytest.approx(service_level(0.2 * 30, 8, 30, [0.5, 7.0, 90.0]), abs=1e-9)


def test_priorities_conserve_the_mean_wait():
    mean = priority_waits(RATES, SERVERS, SERVICE)
    assert (mean * RATES).sum() / sum(RATES) == pytest.approx(mean_wait(sum(RATES) * SERVICE, SERVERS, SERVICE))


def test_only_the_overloaded_priorities_wait_without_end():
    wait = priority_waits([0.1, 0.1, 0.3], 10, 25)
    late = priority_tails([0.1, 0.1, 0.3], 10, 25, 10)
    assert np.isfinite(wait[:2]).all()
    assert wait[2] == np.inf
    assert late[2] == 1
    assert late[0] < late[1] < 1
    assert priority_waits([0.0, 0.0], 0, 25).tolist() == [0, 0]
    assert priority_waits([0.0, 0.1], 0, 25)[1] == np.inf


@given(
    rates=st.lists(st.floats(0.0, 0.3), min_size=1, max_size=5),
    service=st.floats(1, 90),
    servers=st.integers(1, 30),
    minutes=st.floats(0.05, 240),
)
@settings(max_examples=80, deadline=None)
def test_more_servers_never_wait_longer(rates, service, servers, minutes):
    few, more = (priority_waits(rates, n, service) for n in (servers, servers + 1))
    assert np.all(more <= few * (1 + 1e-9) + 1e-12)
    few, more = (priority_tails(rates, n, service, minutes) for n in (servers, servers + 1))
    assert np.all(more <= few + 1e-7)
    assert np.all((more >= 0) & (more <= 1))


def test_lagged_rates_move_later():
    rates = np.zeros(24)
    rates[8] = 6.0
    assert lagged(rates, 0).tolist() == rates.tolist()
    assert lagged(rates, 60)[9] == 6
    assert lagged(rates, 15)[8:10].tolist() == [4.5, 1.5]
    assert lagged(np.roll(rates, 15), 90)[[0, 1]].tolist() == [3, 3]  # round the end of the cycle


def test_hypercube_of_two_servers():
    """Larson & Odoni, Urban Operations Research: 2 servers, 1 + 1 calls, mu = 2, no queue."""
    found = hypercube.exact([1, 1], [[0, 1], [1, 0]], 0.5, queue=False)
    assert found.workload == pytest.approx([0.4, 0.4])
    assert found.dispatch.tolist() == [pytest.approx([3 / 8, 1 / 8]), pytest.approx([1 / 8, 3 / 8])]
    assert found.all_busy == pytest.approx(1 / 5)
    assert found.travel([[2 / 3, 4 / 3], [4 / 3, 2 / 3]]) == pytest.approx(5 / 6)
    assert found.interdistrict([0, 1], [0, 1]) == pytest.approx(1 / 4)
    assert found.travel_of_atoms([[2 / 3, 4 / 3], [4 / 3, 2 / 3]]) == pytest.approx([5 / 6, 5 / 6])


def _town(units: int, atoms: int, share: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    at, home = rng.random((atoms, 2)), rng.random((units, 2))
    rates = rng.gamma(2.0, 1.0, atoms)
    return rates * units * share / rates.sum(), np.hypot(*(home[:, None] - at).transpose(2, 0, 1))


def test_hypercube_identities():
    rates, travel = _town(3, 5, 1.0, seed=1)
    order = hypercube.preferences(travel)
    lost = hypercube.exact(rates, order, 1.0, queue=False)
    assert lost.all_busy == pytest.approx(9 / 26)
    assert lost.workload.sum() == pytest.approx(3 * (1 - 9 / 26))
    waiting = hypercube.exact(rates / 2, order, 1.0)
    assert waiting.all_busy == pytest.approx(0.236842, abs=5e-7)
    assert waiting.workload.sum() == pytest.approx(1.5)


@pytest.mark.parametrize("queue", [True, False])
def test_hypercube_equals_its_plain_twin(queue):
    rates, travel = _town(4, 6, 0.6, seed=2)
    order = hypercube.preferences(travel)
    found = hypercube.exact(rates, order, 1.0, queue=queue)
    workload, dispatch = naive.hypercube(rates.tolist(), order.tolist(), 1.0, queue=queue)
    assert found.workload == pytest.approx(workload, abs=1e-8)
    assert found.dispatch.tolist() == [pytest.approx(row, abs=1e-8) for row in dispatch]


@pytest.mark.parametrize(("units", "share"), [(3, 0.4), (6, 0.2), (9, 0.5), (10, 0.8)])
@pytest.mark.parametrize("queue", [True, False])
def test_the_approximation_is_near_the_exact_solution(units, share, queue):
    """Larson (1975) reports workloads within 1 to 2 %."""
    rates, travel = _town(units, 25, share, seed=units)
    order = hypercube.preferences(travel)
    exact, near = (one(rates, order, 1.0, queue=queue) for one in (hypercube.exact, hypercube.approximate))
    assert near.all_busy == pytest.approx(exact.all_busy)
    assert near.workload == pytest.approx(exact.workload, abs=0.025)
    assert near.travel(travel) == pytest.approx(exact.travel(travel), rel=0.03)
    for found in (exact, near):
        assert found.dispatch.sum() == pytest.approx(1)
        assert found.workload.mean() == pytest.approx(share * (1 if queue else 1 - found.all_busy), rel=1e-6)


def test_hundreds_of_units():
    rates, travel = _town(250, 300, 0.6, seed=9)
    found = hypercube.approximate(rates, hypercube.preferences(travel), 1.0)
    assert found.workload.mean() == pytest.approx(0.6)
    assert found.workload.max() < 1
    assert found.dispatch.sum(axis=0) == pytest.approx(rates / rates.sum())


def test_equal_distances_are_shared_out():
    order = hypercube.preferences(np.zeros((3, 6)))
    assert order[:, 0].tolist() == [0, 1, 2, 0, 1, 2]


def test_bad_input_of_the_hypercube():
    order = hypercube.preferences(np.ones((2, 3)))
    with pytest.raises(DataError, match="no finite wait"):
        hypercube.exact([1, 1, 1], order, 1.0)
    with pytest.raises(DataError, match="load is 0"):
        hypercube.approximate([0, 0, 0], order, 1.0)
    with pytest.raises(DataError, match=r"2\^13"):
        hypercube.exact([1.0], [range(13)], 1.0)
    with pytest.raises(DataError, match="1 of 4 travel times"):
        hypercube.preferences([[1, np.nan], [1, 1]])
    with pytest.raises(DataError, match="negative"):
        hypercube.preferences([[1, -1], [1, 1]])
    with pytest.raises(DataError, match="one row per unit"):
        hypercube.preferences([1, 2])


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [300, 1000])
@pytest.mark.parametrize("queue", [True, False])
def test_the_hypercube_of_hundreds_of_units_is_finite_and_keeps_its_load(n, queue):
    rates, travel = np.full(40, 0.6 * n / 40), np.random.default_rng(0).random((n, 40))
    found = hypercube.approximate(rates, hypercube.preferences(travel), 1.0, queue=queue)
    assert np.isfinite(found.workload).all()
    assert found.dispatch.sum() == pytest.approx(1.0)
    assert found.workload.mean() == pytest.approx(0.6, abs=0.1)
