"""The team orienteering problem: which visits, by whom and in which order, for the largest total prize.

Solved as a prize-collecting vehicle routing problem by the iterated local search of PyVRP (Wouda, Lan & Kool 2024,
INFORMS Journal on Computing 36(4), 943-955), in several short seeded runs. Where units are interchangeable and only
their budgets bind, the best answers are improved by destroying and repairing. Budgets are iterations: answers repeat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from pyvrp import (
    Client,
    Depot,
    Location,
    PenaltyManager,
    PenaltyParams,
    ProblemData,
    RandomNumberGenerator,
    VehicleType,
)
from pyvrp import Route as VrpRoute
from pyvrp import Solution as VrpSolution
from pyvrp.IteratedLocalSearch import IteratedLocalSearch, IteratedLocalSearchCallbacks, IteratedLocalSearchParams
from pyvrp.search import (
    InsertOptionalClient,
    LocalSearch,
    NeighbourhoodParams,
    PerturbationManager,
    PerturbationParams,
    Relocate1,
    RemoveOptionalClient,
    ReplaceOptionalClient,
    Swap11,
    SwapTails,
    compute_neighbours,
)

from allocator.domain import Floats, Ints
from allocator.kernels.orienteering import team_orienteering
from allocator.planning.routes.orienteering import (
    PARTS,
    Orienteering,
    Tours,
    alike,
    chosen,
    costs,
    only_budgets_bind,
    reachable,
    tours_of,
    whole,
    with_rest,
)

EAGERNESS = (4.0, 5.0, 6.0, 8.0)
"""Worth of all prizes in budgets of all units, run by run. Too eager (1,000) and the search sees no difference between
a short and a long tour; not eager enough (1) and it stays at home."""
MOVES = (Relocate1, Swap11, SwapTails, InsertOptionalClient, RemoveOptionalClient, ReplaceOptionalClient)
"""Operators of the local search. All of PyVRP's took 1.4 times the time and found less in the same time."""
NEIGHBOURS = 10
"""Neighbours of a visit in the local search; 20 took 1.3 times the time for the same prizes."""
PERTURBATIONS = 30
"""Most visits that are put in or taken out before a local search."""
EXTRA = 8
"""Iterations of a run after it makes every visit: only shorter ways, and variants, are left to find."""
HISTORY = 20
"""Length of the late-acceptance history: runs are short."""
PATIENCE = 300
"""Iterations without a better answer after which a run goes back to its best."""
COLD_RUNS = 4
"""Runs from random starts before every other run starts from the recombined tours."""
POOL_SLACK = 0.06
"""Tours of answers so near the best go into the pool that is recombined."""
POOL, BEAM = 1500, 1500
"""Tours and partial answers looked at when tours are recombined: exact for two units, a beam search for more. On the 15
hardest instances of Chao's sets 2 and 4 recombination cut the loss against his values from 52 to 12 points."""

STEPS, STARTS, KEPT = 50, 7, 300
"""Where only budgets bind: steps of destroying and repairing for each iteration of a run, the answers they start from,
and the answers kept of each. With half as many runs before them, fewer of Chao's values were reached (77 for 83)."""
HEAT, SLOWNESS = 0.008, 0.3
"""Share of the best prize that is given up at first, and what a minute costs in average prizes per minute of budget. Of
12 hard instances of Chao, 0.008 and 0.3 gained 11 points of prize over 0.002 and 0.3."""


def solve(
    problem: Orienteering, *, iterations: int = 500, runs: int = 12, seed: int = 0,
    first: Sequence[Sequence[int]] | None = None,
) -> Tours:  # fmt: skip
    """Return the best tours found.

    Parameters
    ----------
    problem : Orienteering
        The problem.
    iterations, runs : int
        Iterations of the local search in each run, and runs, each from a random start of its own.
    seed : int
        Seed of the runs.
    first : sequence of sequence of int, optional
        Tours to start the first run from; the answer is never worse if they break no limit.
    """
    return near_best(problem, Effort(iterations, runs, seed), slack=0.0, most=1, first=first)[0]


@dataclass(frozen=True)
class Effort:
    """How long tours are searched for: iterations of the local search in each run, runs, and the seed of the runs."""

    iterations: int
    runs: int
    seed: int


def near_best(
    problem: Orienteering, effort: Effort, *, slack: float, most: int, first: Sequence[Sequence[int]] | None = None
) -> tuple[Tours, ...]:
    """Return distinct tours whose prize is within a share `slack` of the best found, best first, at most `most`.

    Parameters
    ----------
    problem, first
        As for `solve`.
    effort : Effort
        How long to search.
    slack : float
        Share of the best prize that may be given up.
    most : int
        Tours returned at most; beside the best they are taken evenly from all that were met on the way.
    """
    idle = Tours(((),) * problem.n_units, 0.0, 0.0)
    kept = np.flatnonzero(reachable(problem))
    if not len(kept):
        return (idle,)
    met: dict[tuple[tuple[int, ...], ...], Tours] = {idle.order: idle}
    if first is not None:
        warm = tours_of(problem, tuple(tuple(int(row) for row in tour) for tour in first))
        met[warm.order] = warm
    mixed = effort.runs > 1 and problem.n_units > 1 and len(alike(problem)) == 1
    pure = mixed and only_budgets_bind(problem)
    share, each = (max(slack, POOL_SLACK), max(most, 100)) if mixed else (slack, most)
    for run in range(effort.runs):
        model = _Model.of(problem, kept, EAGERNESS[run % len(EAGERNESS)])
        start = first if run == 0 else None
        if mixed and run >= COLD_RUNS and run % 2:
            start = recombined(problem, met.values())
        run_seed = _seed_of(effort.seed, run)
        for found in model.search(effort.iterations, seed=run_seed, slack=share, most=each, first=start):
            tours = tours_of(problem, found)
            met.setdefault(tours.order, tours)
    if pure:
        steps, last_seed = STEPS * effort.iterations, _seed_of(effort.seed, effort.runs)
        for found in _repaired(problem, kept, list(met.values()), steps=steps, seed=last_seed):
            tours = tours_of(problem, found)
            met.setdefault(tours.order, tours)
    if mixed:
        last = tours_of(problem, recombined(problem, met.values()))
        met.setdefault(last.order, last)
    rested = {tours.order: tours for tours in (with_rest(problem, kept, tours) for tours in met.values())}
    return chosen(list(rested.values()), slack=slack, most=most)


def recombined(problem: Orienteering, met: Iterable[Tours]) -> tuple[tuple[int, ...], ...]:
    """Return the best answer made of single tours of the given answers, for interchangeable units.

    A set-packing problem, max Σ prize of as many disjoint tours as there are units: all pairs for two units, then the
    best partial answers are extended tour by tour.
    """
    pool: dict[frozenset[int], tuple[int, ...]] = {}
    for tours in met:
        pool |= {frozenset(tour): tour for tour in tours.order if tour}
    tours_in = sorted(pool.values(), key=lambda tour: (-float(problem.prize[list(tour)].sum()), tour))[:POOL]
    if not tours_in:
        return ((),) * problem.n_units
    visited = np.zeros((len(tours_in), len(problem.place)), np.float32)
    for row, tour in enumerate(tours_in):
        visited[row, list(tour)] = 1
    prize = visited @ problem.prize
    taken, worth, chosen = visited, prize, np.arange(len(tours_in))[:, None]
    for _ in range(problem.n_units - 1):
        total = np.where(taken @ visited.T == 0, worth[:, None] + prize, -1.0)
        total = np.column_stack([total, worth])  # or no further tour
        best = np.argsort(-total, axis=None, kind="stable")[:BEAM]
        part, added = np.unravel_index(best[total.ravel()[best] >= 0], total.shape)
        added = np.where(added == len(tours_in), -1, added)
        taken = taken[part] + np.where(added[:, None] >= 0, visited[added], 0)
        worth = total[part, added]
        chosen = np.column_stack([chosen[part], added])
    return tuple(tours_in[row] if row >= 0 else () for row in chosen[0].tolist())


def _repaired(
    problem: Orienteering, visits: Ints, met: list[Tours], *, steps: int, seed: int
) -> Iterator[tuple[tuple[int, ...], ...]]:
    """Yield answers found by destroying and repairing the best ones met, where only budgets bind."""
    n, m = len(visits), problem.n_units
    cost, state = costs(problem, visits), np.array([2 * seed + 1], np.uint64)
    near = np.argsort(cost[:n, :n], axis=1, kind="stable").astype(np.int64)
    prize = np.ascontiguousarray(problem.prize[visits], np.float64)
    sets: dict[frozenset[int], Tours] = {}
    for one in sorted(met, key=lambda one: one.rank):
        sets.setdefault(frozenset(row for tour in one.order for row in tour), one)
    for one in list(sets.values())[:STARTS]:
        tours, size = np.full((m, n + 2), n, np.int64), np.array([len(tour) for tour in one.order], np.int64)
        for unit, tour in enumerate(one.order):
            tours[unit, 1 : len(tour) + 1] = np.searchsorted(visits, np.array(tour, np.int64))
            tours[unit, len(tour) + 1] = n + 1
        seen = np.zeros((KEPT, m, n + 1), np.int64)
        filled = team_orienteering(
            cost, prize, float(problem.budget[0]), near, state, steps // STARTS, max(steps // STARTS, 1), HEAT,
            SLOWNESS, tours, size, seen,
        )  # fmt: skip
        last = np.column_stack([size, tours[:, 1 : n + 1]])[None]
        for answer in np.concatenate([last, seen[:filled]]):
            yield tuple(tuple(visits[row[1 : row[0] + 1]].tolist()) for row in answer)


def _seed_of(seed: int, run: int) -> int:
    return int(np.random.SeedSequence([seed, run]).generate_state(1)[0])


@dataclass(frozen=True, eq=False)
class _Model:
    """A problem in the integers of PyVRP: its rows are `visits`, its vehicle types hold the units `crews`."""

    data: ProblemData
    visits: Ints
    crews: tuple[tuple[int, ...], ...]
    penalty: float

    @classmethod
    def of(cls, problem: Orienteering, visits: Ints, eagerness: float) -> _Model:
        """Return the model of the given visits. Distances are work (travel there and the work of the visit), rounded
        up to parts of the longest budget; durations are whole minutes of travel, rounded up.
        """  # noqa: D205
        crews = alike(problem)
        bounded = np.minimum(problem.budget, problem.end - problem.begin)
        bounded = np.where(np.isfinite(bounded), bounded, problem.travel[np.isfinite(problem.travel)].sum() + 1)
        parts = PARTS / max(float(bounded.max()), 1e-9)
        total = max(float(problem.prize[visits].sum()), 1e-12)
        worth = eagerness * float(bounded.sum()) * parts / total
        origin = float(problem.begin.min())
        vehicles, depots = [], []
        work: list[Any] = []
        clock: list[Any] = []
        for row, crew in enumerate(crews):
            one = _matrices(problem, visits, crew[0], row=row, n_types=len(crews))
            work.append(_rounded_up(one[0] * parts, 4 * PARTS))
            clock.append(_rounded_up(one[1], 4 * PARTS))
            depots += [Depot(len(visits) + 2 * row), Depot(len(visits) + 2 * row + 1)]
            vehicles.append(
                VehicleType(
                    len(crew), start_depot=2 * row, end_depot=2 * row + 1, profile=row,
                    tw_early=whole(np.ceil(problem.begin[crew[0]] - origin - 1e-9)),
                    tw_late=whole(np.floor(problem.end[crew[0]] - origin + 1e-9)),
                    max_distance=whole(np.floor(bounded[crew[0]] * parts + 1e-6)),
                )
            )  # fmt: skip
        places = [Location(0, 0)] * (len(visits) + len(depots))
        clients = _clients(problem, visits, origin=origin, worth=worth)
        data = ProblemData(places, clients, depots, vehicles, work, clock)
        return cls(data, visits, crews, penalty=total * worth / (float(bounded.sum()) * parts))

    def search(
        self, iterations: int, *, seed: int, slack: float, most: int, first: Sequence[Sequence[int]] | None
    ) -> Iterator[tuple[tuple[int, ...], ...]]:
        """Yield the tours met that are worth most, from one run."""
        rng = RandomNumberGenerator(seed=seed)
        neighbours = compute_neighbours(self.data, NeighbourhoodParams(num_neighbours=NEIGHBOURS))
        perturbation = PerturbationManager(PerturbationParams(1, min(PERTURBATIONS, max(4, 2 * len(self.visits) // 5))))
        local = LocalSearch(self.data, rng, neighbours, perturbation)
        for operator in MOVES:
            if operator.supports(self.data):
                local.add_operator(operator(self.data))
        params = PenaltyParams(solutions_between_updates=100, max_penalty=1e6)
        # The penalty of a part over budget begins at what a part earns on average.
        manager = PenaltyManager(([], max(self.penalty * 1000, 1.0), max(self.penalty, 1.0)), params)
        begun = self._warm(first) if first is not None else VrpSolution.make_random(self.data, rng)
        begun = local(begun, manager.max_cost_evaluator(), exhaustive=True)
        memory = _Memory(slack, most, iterations)
        own = IteratedLocalSearchParams(PATIENCE, HISTORY, callbacks=memory)
        result = IteratedLocalSearch(self.data, manager, local, begun, own).run(memory, False)
        for solution in (result.best, *memory.near(result.best)):
            if solution.is_feasible():
                yield self._order(solution)

    def _warm(self, first: Sequence[Sequence[int]]) -> VrpSolution:
        row = {int(visit): i for i, visit in enumerate(self.visits)}
        kind = {unit: t for t, crew in enumerate(self.crews) for unit in crew}
        tours = [(kind[unit], [row[visit] for visit in tour if visit in row]) for unit, tour in enumerate(first)]
        return VrpSolution(self.data, [VrpRoute(self.data, tour, t) for t, tour in sorted(tours) if tour])

    def _order(self, solution: VrpSolution) -> tuple[tuple[int, ...], ...]:
        order: list[tuple[int, ...]] = [()] * sum(len(crew) for crew in self.crews)
        free, row = [list(crew) for crew in self.crews], self.visits.tolist()
        for route in solution.routes():
            stops = route.schedule()[1:-1]  # between the depots; one trip each
            order[free[route.vehicle_type()].pop(0)] = tuple(row[stop.idx] for stop in stops)
        return tuple(order)


class _Memory(IteratedLocalSearchCallbacks):
    """Keeps the feasible answers near the best that a search meets, and says when it has searched enough."""

    def __init__(self, slack: float, most: int, iterations: int) -> None:
        self._share = 1 - slack
        self._most = most
        self._met: dict[int, VrpSolution] = {}
        self._left = iterations

    def __call__(self, best_cost: float) -> bool:
        """Return whether the iterations are used up."""
        self._left -= 1
        return self._left < 0

    def on_iteration(
        self, current: VrpSolution, candidate: VrpSolution, best: VrpSolution, cost_evaluator: object
    ) -> None:
        """Keep the candidate if it is feasible and near the best so far."""
        if best.num_missing_clients() == 0 and not best.unplanned():
            self._left = min(self._left, EXTRA)
        if self._most > 1 and candidate.is_feasible() and candidate.prizes() >= self._share * best.prizes():
            self._met.setdefault(hash(candidate), candidate)

    def near(self, best: VrpSolution) -> list[VrpSolution]:
        """Return up to `most` of those that are near the final best, evenly from all that were met."""
        near = [tours for tours in self._met.values() if tours.prizes() >= self._share * best.prizes()]
        step = max(1, -(-len(near) // self._most))
        return near[::step]


def _matrices(problem: Orienteering, visits: Ints, unit: int, *, row: int, n_types: int) -> tuple[Floats, Floats]:
    """Return work and clock minutes of one unit between visits, then depots (two for each type of vehicle)."""
    n = len(visits)
    place = problem.place[visits]
    minutes = problem.travel[problem.speed[unit]]
    clock = np.full((n + 2 * n_types, n + 2 * n_types), np.inf)
    clock[:n, :n] = minutes[np.ix_(place, place)]
    np.fill_diagonal(clock, 0.0)
    start, stop = int(problem.start[unit]), int(problem.stop[unit])
    clock[n + 2 * row, :n] = minutes[start, place] if start >= 0 else 0.0
    clock[:n, n + 2 * row + 1] = minutes[place, stop] if stop >= 0 else 0.0
    clock[n + 2 * row, n + 2 * row + 1] = 0.0
    work = clock.copy()
    work[:, :n] += problem.work[visits]
    only = problem.only[visits]
    work[:, np.flatnonzero((only >= 0) & (only != unit))] = np.inf
    np.fill_diagonal(work, 0.0)
    travel_on_the_clock = np.ceil(clock - 1e-9)
    return work, travel_on_the_clock


def _rounded_up(values: Floats, most: float) -> Ints:
    whole: Ints = np.minimum(np.ceil(values - 1e-6), most).astype(np.int64)
    return whole


def _clients(problem: Orienteering, visits: Ints, *, origin: float, worth: float) -> list[Client]:
    """Return the visits in whole minutes from `origin` on, by columns: one by one they took a seventh of short runs."""
    required = problem.only[visits] >= 0
    columns = (
        np.ceil(problem.service[visits] - 1e-9), np.maximum(np.ceil(problem.earliest[visits] - origin - 1e-9), 0),
        np.maximum(np.floor(problem.latest[visits] - origin + 1e-9), 0),
        np.where(required, 0, np.maximum(np.rint(problem.prize[visits] * worth), 1)),
    )  # fmt: skip
    service, early, late = (np.minimum(column, 4 * PARTS).astype(np.int64).tolist() for column in columns[:3])
    rows = zip(service, early, late, columns[3].astype(np.int64).tolist(), required.tolist(), strict=True)
    return [
        Client(i, service_duration=minutes, tw_early=opens, tw_late=closes, prize=prize, required=must)
        for i, (minutes, opens, closes, prize, must) in enumerate(rows)
    ]
