"""Plans of the same week with the same units and patrol minutes, made in other ways."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.config import AllocationSection, Policy, StaffingSection
from allocator.domain import Allocation, AllocationProblem, Bools, Floats, Givens, Ints, Panel, RiskSurface, Roster
from allocator.errors import AllocatorError
from allocator.evaluation.plans.occurred import PAST_DAYS, past_rates
from allocator.planning import SOLVERS, build_problem, solve
from allocator.planning.allocation import block_share

OURS = "allocator"
FORESIGHT = "perfect_foresight"
PLANS: Mapping[str, str] = {
    OURS: "forecast, units and visits by the optimiser",
    "forecast_proportional": "forecast, units by share of the expected harm of each district and shift",
    "last_year": "counts of the last 52 weeks by cell and watch, units and visits by the optimiser",
    "all_history": "counts of the whole history by cell and watch, units and visits by the optimiser",
    "proportional": "counts of the last 52 weeks, units by share of the past harm of each district and watch, visits "
    "to the top cells of each",
    "hotspots": "counts of the last 52 weeks whatever the hour, units by share of the past harm of each district, one "
    "visit to each of its top cells",
    "uniform": "units spread evenly over districts, visits at random over cells with any history",
}
"""Plans that are compared, and how each is made."""


@dataclass(frozen=True, eq=False)
class Setting:
    """What all plans of a week share.

    Parameters
    ----------
    roster : Roster
        Shifts and who is on duty.
    policy, allocation, staffing, givens
        As for `planning.build_problem`.
    seed : int
        Seed of what is drawn at random.
    """

    roster: Roster
    policy: Policy
    allocation: AllocationSection
    staffing: StaffingSection
    givens: Givens
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Made:
    """A plan: visits per (shift, cell), units per (district, shift), and the values of (shift, cell) it went by."""

    blocks: npt.NDArray[np.int16]
    units: npt.NDArray[np.int32]
    value: Floats


def make_plans(known: Panel, surface: RiskSurface, setting: Setting) -> tuple[AllocationProblem, dict[str, Made]]:
    """Return the problem of a week, and all plans of it, from what was known before.

    All have the visits of ours in each shift: where a plan sees no value in further visits they go to the cells that
    come next in its own order, and at random among equals.

    Parameters
    ----------
    known : Panel
        The history before the week.
    surface : RiskSurface
        Forecast of the week's shifts.
    setting : Setting
        Units, limits and settings.

    Raises
    ------
    InfeasibleError
        If no plan satisfies the limits; it names them.
    """
    problem = _problem(surface, setting)
    shifts = setting.roster.shifts
    past, ever = (
        _problem(dataclasses.replace(surface, mean=past_rates(known, shifts, days=days)), setting)
        for days in (PAST_DAYS, known.n_days)
    )
    whatever_hour = np.broadcast_to(past.value.mean(axis=0), past.value.shape).copy()
    spots = past.replace(value=whatever_hour, cap=np.minimum(past.cap, 1))
    ours = solve(problem, setting.allocation.solver)
    even = problem.replace(value=even_values(problem, known, seed=setting.seed))
    answers: dict[str, tuple[AllocationProblem, Allocation]] = {
        OURS: (problem, ours),
        "forecast_proportional": (problem, SOLVERS["proportional"](problem.network())),
        "last_year": (past, _best(past, setting.allocation.solver)),
        "all_history": (ever, _best(ever, setting.allocation.solver)),
        "proportional": (past, SOLVERS["proportional"](past.network())),
        "hotspots": (past.replace(value=whatever_hour), SOLVERS["proportional"](spots.network())),
        "uniform": (even, SOLVERS["proportional"](even.network())),
    }
    wanted = ours.blocks.sum(axis=1, dtype=np.int64)
    return problem, {
        name: Made(level(own, plan, wanted, seed=setting.seed), plan.units, own.value)
        for name, (own, plan) in answers.items()
    }


def foresight(problem: AllocationProblem, harm: Floats) -> Made:
    """Return the plan of one who knew all that would happen: no plan with these units meets more."""
    plan = SOLVERS["flow"](problem.network().replace(value=harm))
    return Made(plan.blocks, plan.units, harm)


def even_values(problem: AllocationProblem, known: Panel, *, seed: int) -> Floats:
    """Return values under which every district weighs the same, and cells with any history differ by chance alone."""
    past = (np.bincount(known.netted.cell, minlength=len(problem.district)) > 0) & (problem.district >= 0)
    per_district = np.bincount(problem.district[past], minlength=len(problem.districts))
    share = np.where(past, 1 / np.maximum(per_district[problem.district], 1), 0.0)
    chance = np.random.default_rng([seed, 1]).random(problem.value.shape)
    return np.asarray(share * (1 + 1e-6 * chance))


def level(problem: AllocationProblem, plan: Allocation, wanted: Ints, *, seed: int) -> npt.NDArray[np.int16]:
    """Return the visits of a plan, with `wanted` in each shift.

    Missing ones go to the cells of greatest further gain, in districts whose units have time left and then in any;
    those of least gain are taken away.

    Parameters
    ----------
    problem : AllocationProblem
        With the values that the plan goes by.
    plan : Allocation
        The plan.
    wanted : (n_shifts,) int64
        Visits of each shift.
    seed : int
        Breaks ties.
    """
    blocks = plan.blocks.astype(np.int64)
    chance = np.random.default_rng([seed, 2]).permutation(len(problem.district))
    room = problem.room(plan.units)
    for s in np.flatnonzero(blocks.sum(axis=1) != wanted).tolist():
        used = np.bincount(problem.district[problem.district >= 0], blocks[s, problem.district >= 0], len(room))
        for d in np.flatnonzero(room[:, s] > used):
            n = min(int(room[d, s] - used[d]), int(wanted[s] - blocks[s].sum()))
            _add(problem, blocks, s, n, among=problem.district == d, chance=chance)
        _add(problem, blocks, s, int(wanted[s] - blocks[s].sum()), among=problem.district >= 0, chance=chance)
        _take(problem, blocks, s, int(blocks[s].sum() - wanted[s]), chance=chance)
    return blocks.astype(np.int16)


def _problem(surface: RiskSurface, setting: Setting) -> AllocationProblem:
    return build_problem(
        surface, setting.roster, setting.policy, allocation=setting.allocation, staffing=setting.staffing,
        givens=setting.givens,
    )  # fmt: skip


def _best(problem: AllocationProblem, solver: str) -> Allocation:
    """Return the optimiser's plan; without the further limits where they cannot be kept under these values."""
    try:
        return solve(problem, solver)
    except AllocatorError:
        return solve(problem.network(), "flow")


def _add(
    problem: AllocationProblem, blocks: Ints, s: int, n: int, *, among: Bools,
    chance: Ints,
) -> None:  # fmt: skip
    while n > 0:
        free = np.flatnonzero(among & (blocks[s] < problem.cap[s]))
        if not len(free):
            return
        gain = problem.value[s, free] * block_share(problem.diminishing, blocks[s, free])
        chosen = free[np.lexsort((chance[free], blocks[s, free], -gain))[:n]]
        blocks[s, chosen] += 1
        n -= len(chosen)


def _take(problem: AllocationProblem, blocks: Ints, s: int, n: int, *, chance: Ints) -> None:
    while n > 0:
        there = np.flatnonzero(blocks[s])
        gain = problem.value[s, there] * block_share(problem.diminishing, blocks[s, there] - 1)
        chosen = there[np.lexsort((chance[there], gain))[:n]]
        blocks[s, chosen] -= 1
        n -= len(chosen)
