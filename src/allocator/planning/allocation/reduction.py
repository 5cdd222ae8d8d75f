"""The exact reduction: what the u-th unit adds in a district and shift, from sorted marginal gains."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from allocator.domain import AllocationProblem, Floats, Ints


@dataclass(frozen=True, eq=False)
class Priced:
    """What is left of gains after the prices that limits charge.

    Parameters
    ----------
    gain : (n_shifts, n_cells, n_blocks) float64
        Of the nth block of a cell.
    unit : (n_districts, n_shifts) float64
        Price of a posted unit.
    """

    gain: Floats
    unit: Floats


@dataclass(frozen=True, eq=False)
class Reduction:
    """Sorted marginal gains of visit blocks, and what each further unit adds.

    Parameters
    ----------
    gain, cell, nth : tuple of (n_shifts, m) float64, int32 and int16, one per district
        Gains of single blocks in falling order (equal gains by cell), their cells, and the number of the block in
        its cell, from 0; gain 0 where no block is left. Only as many as the units on duty can use are kept.
    increment : (n_districts, n_shifts, n_units) float64
        What the u-th unit adds; falling in u from the units that the calls take.
    """

    gain: tuple[Floats, ...]
    cell: tuple[npt.NDArray[np.int32], ...]
    nth: tuple[npt.NDArray[np.int16], ...]
    increment: Floats


def reduce(problem: AllocationProblem, priced: Priced | None = None) -> Reduction:
    """Return the reduction of a problem.

    The value of k blocks in a cell, v (1 - exp(-a k)), is concave, so inside one (district, shift) the best
    n blocks are the n largest gains v (exp(-a (k-1)) - exp(-a k)); their sum is concave in n. After prices the gains
    of a cell may no longer fall; the largest are still the best that any order could reach, so bounds hold.
    """
    k = np.arange(max(int(problem.cap.max(initial=0)), 1))
    step = block_share(problem.diminishing, k)
    n_units = int(problem.on_duty.max(initial=0))
    width = n_units * int(problem.blocks.max(initial=0))
    gains, cells, nths = [], [], []
    for d in range(len(problem.districts)):
        gain, cell, nth = _sorted_gains(problem, np.flatnonzero(problem.district == d), step, priced)
        gains.append(gain[:, :width].copy())
        cells.append(cell[:, :width].copy())
        nths.append(nth[:, :width].copy())
    increment = take_increments(problem, gains)
    if priced is not None:
        increment -= priced.unit[:, :, None]
    return Reduction(tuple(gains), tuple(cells), tuple(nths), increment)


def take_increments(problem: AllocationProblem, gains: list[Floats]) -> Floats:
    """Return what each unit adds, (n_districts, n_shifts, n_units), from falling gains (n_shifts, m) per district."""
    n_units = int(problem.on_duty.max(initial=0))
    increment = np.zeros((len(problem.districts), len(problem.shifts), n_units))
    busy = np.zeros(problem.minimum.shape, np.int32) if problem.busy is None else problem.busy
    for gain, taken, out in zip(gains, busy, increment, strict=True):
        _fill_increments(gain, problem.blocks, taken, out)
    return increment


def block_share(a: float, nth: Ints) -> Floats:
    """Return the share of a cell's harm that its nth block (from 0) adds, exp(-a n) - exp(-a (n + 1))."""
    return np.asarray(np.exp(-a * nth) * -np.expm1(-a))


def given(problem: AllocationProblem, blocks: npt.NDArray[np.int16]) -> AllocationProblem:
    """Return the problem with what each shift can still protect beside the blocks of those that overlap it.

    Without overlaps it is the problem itself.
    """
    if problem.turn is None:
        return problem
    return problem.replace(value=value_left(problem, dose_of(problem, blocks)), stretch=None, turn=None)


def _sorted_gains(
    problem: AllocationProblem, cells: Ints, step: Floats, priced: Priced | None
) -> tuple[Floats, npt.NDArray[np.int32], npt.NDArray[np.int16]]:
    allowed = np.arange(len(step)) < problem.cap[:, cells, None]
    gain = problem.value[:, cells, None] * step if priced is None else np.maximum(priced.gain[:, cells], 0.0)
    gain = (gain * allowed).reshape(len(problem.value), -1)
    order = np.argsort(-gain, axis=1, kind="stable")  # cell-major, so equal gains stay in order of cells
    nth = (order % len(step)).astype(np.int16)
    return np.take_along_axis(gain, order, axis=1), cells[order // len(step)].astype(np.int32), nth


def _fill_increments(
    gain: Floats, blocks: npt.NDArray[np.int32], busy: npt.NDArray[np.int32],
    out: Floats,
) -> None:  # fmt: skip
    """Sum the gains that fall to each unit: those of a shift begin after the blocks that calls take."""
    if not gain.shape[1]:
        return
    for b in np.unique(blocks[blocks > 0]):
        rows = np.flatnonzero(blocks == b)
        n = min(out.shape[1], -(-(gain.shape[1] + int(busy[rows].max())) // b))
        place = np.arange(n * b) - busy[rows, None]
        there = (place >= 0) & (place < gain.shape[1])
        padded = np.where(there, np.take_along_axis(gain[rows], np.where(there, place, 0), axis=1), 0.0)
        out[rows, :n] = padded.reshape(len(rows), n, b).sum(axis=2)


def blocks_of(problem: AllocationProblem, reduction: Reduction, units: npt.NDArray[np.int32]) -> npt.NDArray[np.int16]:
    """Return the best blocks per (shift, cell) for given units per (district, shift)."""
    blocks = np.zeros(problem.value.shape, np.int16)
    for gain, cell, n in zip(reduction.gain, reduction.cell, problem.room(units), strict=True):
        shift, rank = np.nonzero((np.arange(gain.shape[1]) < n[:, None]) & (gain > 0))
        np.add.at(blocks, (shift, cell[shift, rank]), 1)
    return blocks


def covered(problem: AllocationProblem, blocks: npt.NDArray[np.int16]) -> Floats:
    """Return the expected harm covered per (shift, cell), value × (1 - exp(-a dose)).

    The dose of a cell is its blocks, and with spillover a share of those around. Where shifts overlap, the doses of all
    of them protect the stretch that they share; it is credited to them in turn (see `value_left`).
    """
    dose = dose_of(problem, blocks)
    return np.asarray(value_left(problem, dose) * -np.expm1(-problem.diminishing * dose))


def dose_of(problem: AllocationProblem, blocks: npt.NDArray[np.int16]) -> Ints | Floats:
    """Return the dose of each cell per shift: its blocks, and with spillover a share of those around."""
    if not problem.spillover or problem.indptr is None or problem.indices is None:
        return np.asarray(blocks)
    n = len(problem.district)
    around = sp.csr_array((np.ones(len(problem.indices)), problem.indices, problem.indptr), shape=(n, n))
    return np.asarray(blocks + problem.spillover * (blocks @ around))


def value_left(problem: AllocationProblem, dose: Ints | Floats) -> Floats:
    """Return what each shift can still protect, (n_shifts, n_cells): its value, less what overlapping shifts do.

    A shift has the whole value of its stretches, of which those of earlier turns, with their doses, leave exp(-a dose).
    Added up in turn, the shifts cover Σ value × (1 - exp(-a Σ doses)) of each stretch: visits of a second shift never
    take from a first.
    """
    if problem.stretch is None or problem.turn is None:
        return problem.value
    worth, turn = problem.stretch @ problem.value, problem.turn
    left = np.zeros_like(problem.value)
    for shares, harm in zip(problem.stretch, worth, strict=True):
        remaining = harm
        for s in sorted(np.flatnonzero(shares), key=lambda row: int(turn[row])):
            left[s] += remaining
            remaining = remaining * np.exp(-problem.diminishing * dose[s])
    return left
