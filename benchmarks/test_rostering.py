"""Duty rosters of named units: the sizes of PLANNING.md, and the published instances with their proved optima."""

from __future__ import annotations

import numpy as np
import pytest

from allocator.planning.duty.rostering import DutyProblem, DutyRules, broken_rules, make_duty
from clock import in_ms
from duty_instances import FOLDER, read_instance

DEMAND = {"ample": 0.95, "short": 1.1}
"""Units wanted, as a share of what the units can work at five shifts each."""


def week(units: int, *, demand: float, seed: int = 0, balance: float = 0.0) -> DutyProblem:
    """Seven days of three shifts: one a day, 16 hours of rest, five in seven days, 5 % of the unit-days away.

    Wishes are whole numbers from -3 to 3 for every unit and shift; the evening wants a fifth more units than the day,
    the night a fifth less; a unit too few costs 100, one too many 1; homes are drawn from 25 districts.
    """
    rng = np.random.default_rng(seed)
    day, kind = np.divmod(np.arange(21), 3)
    start = day * 1440 + 420 + 480 * kind
    may = ~(rng.random((units, 7)) < 0.05)[:, day]
    return DutyProblem(
        units=tuple(f"U{u:03d}" for u in range(units)), shifts=tuple(str(s) for s in range(21)),
        day=day.astype(np.int32), kind=kind.astype(np.int32), start=start, stop=start + 480,
        weekend=np.array([-1, -1, -1, -1, -1, 0, 0], np.int32),
        rules=(DutyRules(rest_minutes=960, most_in_seven=5),) * units, may=may, must=np.zeros_like(may),
        wish=rng.integers(-3, 4, may.shape).astype(float),
        wanted=np.rint(demand * units * 5 / 21 * np.array([1.0, 1.2, 0.8])[kind]).astype(np.int32),
        short=np.full(21, 100.0), spare=np.full(21, 1.0), home=rng.integers(0, 25, units).astype(np.int32),
        balance=balance,
    )  # fmt: skip


def timed(benchmark, record, problem, *, size, note, rounds=3):
    found = make_duty(problem)
    assert not list(broken_rules(problem, found.works))
    assert found.bound - found.objective < 1e-6
    benchmark.pedantic(lambda: make_duty(problem), rounds=rounds, warmup_rounds=0)
    if benchmark.disabled:
        return found
    stats = benchmark.stats.stats
    record(what="make_duty", size=size, ms=in_ms(stats.min), **{"median ms": in_ms(stats.median)}, gap="0", note=note)
    return found


@pytest.mark.parametrize("balance", [0.0, 1.0], ids=["", "balanced"])
@pytest.mark.parametrize("demand", DEMAND)
@pytest.mark.parametrize("units", [60, 200, 600])
def test_named_units(benchmark, record, units, demand, balance):
    problem = week(units, demand=DEMAND[demand], balance=balance)
    note = f"{demand} of units{', home districts balanced' if balance else ''}; optimal"
    timed(benchmark, record, problem, size=f"{units} units, 7 days, 3 shifts", note=note)


@pytest.mark.parametrize(("name", "optimum"), [("Instance1", 607), ("Instance2", 828)])
@pytest.mark.skipif(not FOLDER.exists(), reason="../shared/instances is absent")
def test_published_instances(benchmark, record, name, optimum):
    problem, requests = read_instance(FOLDER / f"{name}.txt")
    size = f"{name}: {len(problem.units)} staff, 14 days"
    found = timed(benchmark, record, problem, size=size, note=f"{optimum}, proved", rounds=1)
    assert requests - found.objective == optimum
