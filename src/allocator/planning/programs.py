"""Linear and integer programs as arrays, solved by HiGHS through OR-Tools."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp
from ortools.math_opt import model_pb2
from ortools.math_opt.python import mathopt

from allocator.domain import Bools, Floats
from allocator.errors import SolverError


@dataclass(frozen=True, eq=False)
class Program:
    """max gain·x such that lower ≤ x ≤ upper, least ≤ A x ≤ most, and some x are whole.

    Parameters
    ----------
    gain, lower, upper : (n_columns,) float64
        Objective and bounds of the columns.
    whole : (n_columns,) bool
        Columns that take whole numbers.
    rows : scipy.sparse.csr_array, (n_rows, n_columns) float64
        A.
    least, most : (n_rows,) float64
        Bounds of the rows; -inf and inf for none.
    """

    gain: Floats
    lower: Floats
    upper: Floats
    whole: Bools
    rows: sp.csr_array
    least: Floats
    most: Floats


@dataclass(frozen=True, eq=False)
class Solution:
    """Values of the columns, objective, proven bound, and the duals of the rows where no column is whole."""

    values: npt.NDArray[np.float64]
    objective: float
    bound: float
    duals: npt.NDArray[np.float64] | None


class NothingFound(SolverError):
    """The budget of work ended before any solution was found; there may be one."""


def attempt(program: Program, *, within: float = 0.0, nodes: int | None = None, plain: bool = False) -> Solution | None:
    """Return a solution as `maximise` does, or None also where the budget of work ended before one was found."""
    try:
        return maximise(program, within=within, nodes=nodes, plain=plain)
    except NothingFound:
        return None


SAFE = 2_000
"""Up to so many columns an integer program of the allocation is solved as it is: the presolve of HiGHS in OR-Tools 9.15
called a worse answer optimal in 1 of 2,000 toy programs (10 columns); without it the right one came out."""


def maximise(
    program: Program, *, within: float = 0.0, nodes: int | None = None, plain: bool = False
) -> Solution | None:
    """Return a solution of a program, or None if it has none.

    Parameters
    ----------
    program : Program
        What to solve.
    within : float
        Distance between objective and bound at which an integer program may stop.
    nodes : int, optional
        Most nodes of the search. No clock decides, so that plans repeat.
    plain : bool
        Whether small programs go without presolve; see `SAFE`.

    Raises
    ------
    NothingFound
        If it stops at the node limit without a solution.
    SolverError
        If the engine fails.
    """
    whole = bool(program.whole.any())
    limits: dict[str, object] = {}
    if whole:
        limits = {"relative_gap_tolerance": 0.0, "absolute_gap_tolerance": within, "node_limit": nodes}
        if plain and len(program.gain) <= SAFE:
            limits["presolve"] = mathopt.Emphasis.OFF
    model = mathopt.Model.from_model_proto(_proto(program))
    try:
        with _stdout_on_stderr():
            result = mathopt.solve(model, mathopt.SolverType.HIGHS, params=mathopt.SolveParameters(**limits))
    except Exception as error:  # OR-Tools raises its own status types
        raise SolverError(f"HiGHS failed: {error}") from error
    reason = result.termination.reason
    if reason in (mathopt.TerminationReason.INFEASIBLE, mathopt.TerminationReason.INFEASIBLE_OR_UNBOUNDED):
        return None
    if not result.has_primal_feasible_solution():
        raise NothingFound(f"HiGHS stopped without a solution ({reason.name.lower()})")
    values = np.fromiter(result.variable_values().values(), float, len(program.gain))
    duals = None
    if not whole and result.has_dual_feasible_solution():
        duals = np.fromiter(result.dual_values().values(), float, program.rows.shape[0])
    bound = result.termination.objective_bounds.dual_bound
    return Solution(values, result.objective_value(), float(bound), duals)


@contextmanager
def _stdout_on_stderr() -> Iterator[None]:
    """Send what the engine prints to standard error: HiGHS 1.11 has a bare printf where it repairs a solution.

    Machines read our standard output. Only the file descriptor is moved; Python's own buffer is written out before.
    """
    try:
        sys.stdout.flush()
        kept = os.dup(1)
    except (OSError, ValueError):  # a process without standard output
        yield
        return
    try:
        os.dup2(2, 1)
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)


def _proto(program: Program) -> model_pb2.ModelProto:
    """Return the program as OR-Tools reads it: filled column by column it would take ten times as long."""
    model = model_pb2.ModelProto()
    columns, rows = model.variables, model.linear_constraints
    columns.ids.extend(range(len(program.gain)))
    columns.lower_bounds.extend(program.lower.tolist())
    columns.upper_bounds.extend(program.upper.tolist())
    columns.integers.extend(program.whole.tolist())
    model.objective.maximize = True
    gains = np.flatnonzero(program.gain)
    model.objective.linear_coefficients.ids.extend(gains.tolist())
    model.objective.linear_coefficients.values.extend(program.gain[gains].tolist())
    rows.ids.extend(range(program.rows.shape[0]))
    rows.lower_bounds.extend(program.least.tolist())
    rows.upper_bounds.extend(program.most.tolist())
    matrix = sp.csr_array(program.rows)
    matrix.sum_duplicates()
    matrix.eliminate_zeros()
    entries = matrix.tocoo()
    model.linear_constraint_matrix.row_ids.extend(entries.row.tolist())
    model.linear_constraint_matrix.column_ids.extend(entries.col.tolist())
    model.linear_constraint_matrix.coefficients.extend(entries.data.tolist())
    return model
