"""The allocation as a program over visit blocks: columns, rows, and whether an answer keeps every limit."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from allocator.domain import AllocationProblem, Bools, Floats, Ints, Limit
from allocator.planning.allocation.reduction import block_share, covered
from allocator.planning.programs import Program

TOLERANCE = 1e-6
"""Relative; what HiGHS calls feasible is feasible to 1e-7 in rows scaled to 1."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Visit blocks that a program may choose: the nth (from 0) of a cell in a shift, and its true gain."""

    shift: Ints
    cell: Ints
    nth: Ints
    gain: Floats

    def take(self, rows: Bools | Ints) -> Columns:
        """Return the columns of `rows`."""
        return Columns(self.shift[rows], self.cell[rows], self.nth[rows], self.gain[rows])

    def counts(self, chosen: Bools, shape: tuple[int, ...]) -> npt.NDArray[np.int16]:
        """Return blocks per (shift, cell) of the chosen columns."""
        blocks = np.zeros(shape, np.int16)
        np.add.at(blocks, (self.shift[chosen], self.cell[chosen]), 1)
        return blocks


def all_columns(problem: AllocationProblem, kept: Bools | None = None) -> Columns:
    """Return the blocks that the caps allow in districts; `kept`, (n_shifts, n_cells, n_blocks) bool, narrows them.

    A block comes with those before it: limits on days running and on covered harm look at the first of a cell.
    """
    if kept is not None:
        kept = np.logical_or.accumulate(kept[:, :, ::-1], axis=2)[:, :, ::-1]
    nth = np.arange(max(int(problem.cap.max(initial=0)), 1))
    there = (nth < problem.cap[:, :, None]) & (problem.district >= 0)[None, :, None]
    s, c, k = np.nonzero(there if kept is None else there & kept)
    return Columns(s, c, k, problem.value[s, c] * block_share(problem.diminishing, nth)[k])


def crews_of(problem: AllocationProblem) -> tuple[Ints, Bools]:
    """Return the units by class and shift, and where each class may serve; one class where units do not differ."""
    if problem.crews is None or problem.allowed is None:
        return problem.on_duty[None], np.ones((1, *problem.minimum.shape), bool)
    return problem.crews, problem.allowed


@dataclass(frozen=True, eq=False)
class Rows:
    """Rows of a program, gathered piece by piece; `priced` tells which are prices of limits rather than of room."""

    parts: list[tuple[Ints, Ints, Floats]] = dataclasses.field(default_factory=list)
    least: list[float] = dataclasses.field(default_factory=list)
    most: list[float] = dataclasses.field(default_factory=list)

    def __len__(self) -> int:
        return len(self.least)

    def add(
        self, row: npt.ArrayLike, column: npt.ArrayLike, weight: npt.ArrayLike, *, least: npt.ArrayLike,
        most: npt.ArrayLike,
    ) -> slice:  # fmt: skip
        """Add rows numbered from 0 in `row`, and return where they are."""
        row, column, weight = np.broadcast_arrays(row, column, np.asarray(weight, float))
        low, high = np.broadcast_arrays(np.atleast_1d(np.asarray(least, float)), np.atleast_1d(np.asarray(most, float)))
        start = len(self)
        self.parts.append((row.ravel() + start, column.ravel(), weight.ravel()))
        self.least.extend(low.tolist())
        self.most.extend(high.tolist())
        return slice(start, len(self))

    def matrix(self, n_columns: int) -> sp.csr_array:
        """Return the rows as a matrix."""
        row, column, weight = (
            np.concatenate([part[i] for part in self.parts]) if self.parts else np.zeros(0, int) for i in range(3)
        )
        return sp.csr_array((weight, (row, column)), shape=(len(self), n_columns))


def add_unit_rows(rows: Rows, problem: AllocationProblem, first: int) -> None:
    """Add what holds for units: crews, minimums, bands and needs, on columns (class, district, shift) from `first`."""
    crews, _ = crews_of(problem)
    n_districts, n_shifts = problem.minimum.shape
    column = first + np.arange(len(crews) * n_districts * n_shifts).reshape(len(crews), n_districts, n_shifts)
    d, s = np.indices((n_districts, n_shifts))
    q = np.arange(len(crews))[:, None, None]
    rows.add(q * n_shifts + s, column, 1.0, least=np.full(crews.size, -np.inf), most=crews.ravel())
    rows.add(d * n_shifts + s + 0 * q, column, 1.0, least=problem.minimum.ravel(), most=np.inf)
    rows.add(d + 0 * q, column, 1.0, least=problem.least, most=problem.most)
    if problem.needs is not None and problem.need_classes is not None:
        for (at, when, n), counts in zip(problem.needs, problem.need_classes, strict=True):
            rows.add(0, column[counts, at, when], 1.0, least=n, most=np.inf)


def limit_weights(limit: Limit, problem: AllocationProblem, columns: Columns) -> tuple[Floats, Floats, float]:
    """Return the weights of a limit on blocks and on units (districts, shifts), and the size that scales them to 1."""
    on_blocks = np.zeros(len(columns.cell))
    if limit.on_blocks is not None:
        on_blocks += limit.on_blocks[np.minimum(columns.shift, len(limit.on_blocks) - 1), columns.cell]
    if limit.on_harm is not None:
        on_blocks += limit.on_harm[columns.cell] * columns.gain
    on_units = np.zeros(problem.minimum.shape) if limit.on_units is None else np.asarray(limit.on_units)
    size = max(np.abs(on_blocks).max(initial=0.0), np.abs(on_units).max(initial=0.0))
    return on_blocks, on_units, size if size > 0 else 1.0


def add_limit(rows: Rows, limit: Limit, problem: AllocationProblem, columns: Columns, *, first: int,
              posted: Ints | None) -> tuple[int, float]:  # fmt: skip
    """Add the row of a limit, with units as columns from `first` or `posted`; return it and what it was divided by."""
    on_blocks, on_units, size = limit_weights(limit, problem, columns)
    used = np.flatnonzero(on_blocks)
    column, weight = used, on_blocks[used] / size
    fixed = 0.0
    if posted is not None:
        fixed = float((on_units * posted).sum()) / size
    elif on_units.any():
        n_classes = len(crews_of(problem)[0])
        column = np.concatenate([used, first + np.arange(n_classes * on_units.size)])
        weight = np.concatenate([weight, np.tile(on_units.ravel() / size, n_classes)])
    at = rows.add(np.zeros(len(column), int), column, weight, least=limit.least / size - fixed,
                  most=limit.most / size - fixed)  # fmt: skip
    return at.start, size


def windows_of(problem: AllocationProblem) -> list[npt.NDArray[np.int32]]:
    """Return the runs of days, each one longer than a cell may be visited on all of."""
    if problem.days_running is None or problem.day is None:
        return []
    days = np.unique(problem.day)
    length = problem.days_running + 1
    windows = [days[i : i + length] for i in range(len(days) - length + 1)]
    return [window for window in windows if window[-1] - window[0] == length - 1]


@dataclass(frozen=True, eq=False)
class CellProgram:
    """A program over blocks and units, and where its parts are.

    Parameters
    ----------
    program : Program
        Columns: blocks; units by class, district and shift (unless posted); days on which a cell is visited; the
        smallest fair sum.
    columns : Columns
        The blocks.
    limits : tuple of (int, float)
        Row of each limit, and the size by which it was divided.
    week : (n_limited,) int, and int
        Cells with a row of their own over the plan, and the first of those rows.
    others : int
        First row on days and order of blocks.
    """

    program: Program
    columns: Columns
    limits: tuple[tuple[int, float], ...]
    week: tuple[Ints, int]
    others: int


@dataclass(frozen=True, eq=False)
class Scope:
    """What a program over blocks leaves open, and which limits it holds.

    Parameters
    ----------
    fixed, whole : (n_columns,) bool, optional
        Blocks that are taken; blocks that are whole. Units are whole where any block is.
    posted : (n_districts, n_shifts) int, optional
        Units, where they are decided.
    watched, week : (n_cells,) bool, optional
        Cells whose days running, and whose sums over the week, are limited in the program. By default all.
    fair : bool
        Maximise the smallest fair sum instead of harm.
    """

    fixed: Bools | None = None
    whole: Bools | None = None
    posted: Ints | None = None
    watched: Bools | None = None
    week: Bools | None = None
    fair: bool = False


def cell_program(problem: AllocationProblem, columns: Columns, scope: Scope = Scope()) -> CellProgram:
    """Return the program that chooses blocks (and units) of the columns."""
    posted, fair = scope.posted, scope.fair
    n, shape = len(columns.cell), problem.minimum.shape
    crews, allowed = crews_of(problem)
    n_units = 0 if posted is not None else crews.shape[0] * shape[0] * shape[1]
    rows = Rows()
    key = problem.district[columns.cell] * shape[1] + columns.shift
    if posted is not None:
        rows.add(
            key, np.arange(n), 1.0, least=np.full(problem.minimum.size, -np.inf), most=problem.room(posted).ravel()
        )
    else:
        taken = np.zeros(problem.minimum.size) if problem.busy is None else -problem.busy.ravel().astype(float)
        unit = n + np.arange(n_units)
        rows.parts.append(
            (
                np.arange(n_units) % problem.minimum.size,
                unit,
                -np.tile(problem.blocks, n_units // shape[1]).astype(float),
            )
        )
        rows.add(key, np.arange(n), 1.0, least=np.full(problem.minimum.size, -np.inf), most=taken)
        add_unit_rows(rows, problem, n)
    placed = tuple(add_limit(rows, limit, problem, columns, first=n, posted=posted) for limit in problem.limits)
    start = len(rows)
    cells = _add_week_rows(rows, problem, columns, scope.week)
    others = len(rows)
    n_days = _add_day_rows(rows, problem, columns, first=n + n_units, watched=scope.watched)
    _add_order_rows(rows, problem, columns, scope.watched)
    last = n + n_units + n_days
    if fair:
        for one in problem.fair:
            at, size = add_limit(rows, dataclasses.replace(one, least=0.0, most=np.inf), problem, columns, first=n,
                                 posted=posted)  # fmt: skip
            rows.parts.append((np.array([at]), np.array([last]), np.array([-1.0 / size])))
    total = last + int(fair)
    gain, lower, upper = np.zeros(total), np.zeros(total), np.ones(total)
    gain[:n] = 0.0 if fair else columns.gain
    if scope.fixed is not None:
        lower[:n] = scope.fixed
    if n_units:
        upper[n : n + n_units] = (crews[:, None, :] * allowed).ravel()
    if fair:
        gain[last], upper[last] = 1.0, np.inf
    integers = np.zeros(total, bool)
    if scope.whole is not None:
        integers[:n] = scope.whole
        integers[n : n + n_units] = True
    program = Program(gain, lower, upper, integers, rows.matrix(total), np.array(rows.least), np.array(rows.most))
    return CellProgram(program, columns, placed, (cells, start), others)


def _add_week_rows(rows: Rows, problem: AllocationProblem, columns: Columns, week: Bools | None) -> Ints:
    """Add the floors and caps of cells over the plan, and return the cells."""
    least, most = problem.week_least, problem.week_most
    if least is None or most is None:
        return np.zeros(0, int)
    reach = np.bincount(columns.cell, minlength=len(least))
    limited = (least > 0) | (most < reach) if week is None else ((least > 0) | week)
    cells = np.flatnonzero(limited)
    row = np.full(len(least), -1)
    row[cells] = np.arange(len(cells))
    used = np.flatnonzero(row[columns.cell] >= 0)
    rows.add(row[columns.cell[used]], used, 1.0, least=least[cells], most=most[cells])
    return cells


def _add_day_rows(
    rows: Rows, problem: AllocationProblem, columns: Columns, *, first: int, watched: Bools | None
) -> int:
    """Add columns for the days on which a cell is visited, and return their number."""
    windows = windows_of(problem)
    if not windows or problem.day is None:
        return 0
    days = int(problem.day.max()) + 1
    first_blocks = np.flatnonzero((columns.nth == 0) & (watched is None or watched[columns.cell]))
    key, column = np.unique(
        columns.cell[first_blocks] * days + problem.day[columns.shift[first_blocks]], return_inverse=True
    )
    n = len(first_blocks)
    rows.add(np.tile(np.arange(n), 2), np.concatenate([first_blocks, first + column]), np.repeat([1.0, -1.0], n),
             least=np.full(n, -np.inf), most=0.0)  # fmt: skip
    cell, day = np.divmod(key, days)
    for window in windows:
        inside = np.flatnonzero(np.isin(day, window))
        cells, row = np.unique(cell[inside], return_inverse=True)
        rows.add(row, first + inside, 1.0, least=np.full(len(cells), -np.inf), most=len(window) - 1.0)
    return len(key)


def _add_order_rows(rows: Rows, problem: AllocationProblem, columns: Columns, watched: Bools | None) -> None:
    """Add that the next block of a cell comes after the one before, where a limit could reward the opposite."""
    on_harm = any(limit.on_harm is not None for limit in (*problem.limits, *problem.fair))
    if not on_harm and not windows_of(problem):
        return
    by_cell = np.lexsort((columns.nth, columns.cell, columns.shift))
    before, after = by_cell[:-1], by_cell[1:]
    follows = (columns.shift[before] == columns.shift[after]) & (columns.cell[before] == columns.cell[after])
    if not on_harm and watched is not None:
        follows &= watched[columns.cell[after]]
    before, after = before[follows], after[follows]
    n = len(before)
    rows.add(np.tile(np.arange(n), 2), np.concatenate([after, before]), np.repeat([1.0, -1.0], n),
             least=np.full(n, -np.inf), most=0.0)  # fmt: skip


def running_too_long(problem: AllocationProblem, blocks: Ints) -> Bools:
    """Return which cells are visited on more days running than they may be, (n_cells,) bool."""
    long = np.zeros(blocks.shape[1], bool)
    for window in windows_of(problem):
        visited = np.array([blocks[problem.day == day].any(axis=0) for day in window])
        long |= visited.all(axis=0)
    return long


def broken_limits(problem: AllocationProblem, units: Ints, blocks: Ints) -> Iterator[str]:
    """Yield every limit that units and blocks do not keep; classes and needs are checked when units are named."""
    harm = covered(problem, np.asarray(blocks, np.int16))
    if (units < problem.minimum).any() or (units.sum(axis=0) > problem.on_duty).any():
        yield "units on duty or minimums"
    if (units.sum(axis=1) < problem.least).any() or (units.sum(axis=1) > problem.most).any():
        yield "bands"
    inside = problem.district >= 0
    used = np.zeros(problem.minimum.shape, np.int64)
    np.add.at(used, problem.district[inside], np.asarray(blocks, np.int64)[:, inside].T)
    if (used > problem.room(units)).any() or (blocks > problem.cap).any() or blocks[:, ~inside].any():
        yield "room for visits"
    week = blocks.sum(axis=0)
    if problem.week_least is not None and (week < problem.week_least).any():
        yield "floors of cells over the plan"
    if problem.week_most is not None and (week > problem.week_most).any():
        yield "caps of cells over the plan"
    if running_too_long(problem, blocks).any():
        yield "days running"
    for limit in problem.limits:
        total, slack = limit.total(blocks, harm, units), _slack(limit, blocks, harm, units)
        if not limit.least - slack <= total <= limit.most + slack:
            yield limit.name


def _slack(limit: Limit, blocks: Ints, harm: Floats, units: Ints) -> float:
    """Return what rounding may take from a limit: a millionth of the terms that make up its sum."""
    positive = dataclasses.replace(
        limit,
        **{
            name: np.abs(weight)
            for name in ("on_blocks", "on_harm", "on_units")
            if (weight := getattr(limit, name)) is not None
        },
    )
    bounds = [abs(bound) for bound in (limit.least, limit.most) if np.isfinite(bound)]
    return TOLERANCE * max(positive.total(blocks, np.asarray(harm, float), units), *bounds, 1e-9)
