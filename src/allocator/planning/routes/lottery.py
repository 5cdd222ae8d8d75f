"""A lottery over routes: an explicit mix of nearly equal routes that keeps what was planned.

As in security games (Pita et al. 2008, AAMAS industry track, ARMOR): whoever watches the patrols learns the odds, and
nothing more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np
from ortools.linear_solver import pywraplp

from allocator.domain import Bools, Floats
from allocator.errors import SolverError


def even_odds(delivered: Bools, *, slack: float = 0.0) -> Floats:
    """Return the most even odds under which every block of the first variant is delivered as planned.

    min t  s.t.  p_v ≤ t,  Σ_v p_v = 1,  Σ_v p_v delivered[v, b] ≥ 1 - slack for each block b of the first variant.

    Parameters
    ----------
    delivered : (n_variants, n_blocks) bool
        Which blocks each variant delivers; the first variant is the best.
    slack : float
        Share of a block's visits that may be lost in expectation.

    Returns
    -------
    (n_variants,) float64
        Probabilities; equal ones where every variant delivers all that the first does.

    Raises
    ------
    SolverError
        If the solver fails; the first variant alone always satisfies the limits.
    """
    n = len(delivered)
    planned = delivered[:, delivered[0]]
    if planned.all():
        return np.full(n, 1 / n)
    solver = pywraplp.Solver.CreateSolver("GLOP")
    odds = [solver.NumVar(0, 1, "") for _ in range(n)]
    most = solver.NumVar(0, 1, "")
    solver.Add(sum(odds) == 1)
    for one in odds:
        solver.Add(one <= most)
    for column in np.unique(planned[:, ~planned.all(axis=0)], axis=1).T:
        solver.Add(sum(one for one, done in zip(odds, column.tolist(), strict=True) if done) >= 1 - slack)
    solver.Minimize(most)
    if solver.Solve() != pywraplp.Solver.OPTIMAL:
        raise SolverError("the lottery of the routes has no odds: the linear solver failed")
    chances = np.clip([chance.solution_value() for chance in odds], 0, None)
    return np.asarray(chances / chances.sum())


def entropy(odds: Floats) -> float:
    """Return the entropy of the odds in bits, -Σ p log2 p: how many even coins it takes to guess the draw."""
    some = odds[odds > 0]
    return float(-(some * np.log2(some)).sum()) + 0.0


def seed_of(seed: int, names: Sequence[str]) -> int:
    """Return the seed of a part of the plan, from that of the job and its names: the same alone as among others."""
    text = "\0".join([str(seed), *names]).encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")
