"""What a solver may know about patrol, and what it answers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from allocator.domain.arrays import Bools, Floats, Ints, freeze
from allocator.domain.roster import Edit
from allocator.facts import Note


@dataclass(frozen=True, eq=False)
class Givens:
    """What a plan has to know beside forecast, roster and policy.

    Parameters
    ----------
    places : mapping of str to (n_cells,) bool
        The cells of each polygon file that a limit names.
    residents : mapping of str to (2, n_cells) float64
        By name of `allocation.exposure`: residents of the group, and all residents, per cell.
    required : (n_districts, n_shifts) int32, optional
        Units without which calls are not answered in time.
    busy_minutes : (n_districts, n_shifts) float64, optional
        Unit-minutes that calls, and work that officers begin, take.
    other_share : float
        Share of a unit's time that is neither for calls nor for directed patrol; used with `busy_minutes`.
    edits : tuple of Edit
        What was decided by hand.
    visits : tuple of (int, int)
        Rows of shifts and cells that get one visit, near events of outreach.
    visit_reasons : mapping of (int, int) to str
        What each of them is for.
    limits : tuple of Limit
        Further limits.
    """

    places: Mapping[str, Bools] = dataclasses.field(default_factory=dict)
    residents: Mapping[str, Floats] = dataclasses.field(default_factory=dict)
    required: npt.NDArray[np.int32] | None = None
    busy_minutes: Floats | None = None
    other_share: float = 0.0
    edits: tuple[Edit, ...] = ()
    visits: tuple[tuple[int, int], ...] = ()
    visit_reasons: Mapping[tuple[int, int], str] = dataclasses.field(default_factory=dict)
    limits: tuple[Limit, ...] = ()


@dataclass(frozen=True, eq=False)
class Limit:
    """A limit on a weighted sum over the plan: least ≤ Σ blocks + Σ covered harm + Σ units ≤ most.

    Parameters
    ----------
    name : str
        What is limited, in plain words, such as "requested patrol by the market association".
    source : str
        Where it is set, such as "allocation.budget"; limits of one source are dropped together when their worth is
        told.
    least, most : float
        Bounds; -inf or inf for none.
    on_blocks : (1 or n_shifts, n_cells) float64, optional
        Weight of a visit block.
    on_harm : (n_cells,) float64, optional
        Weight of covered harm. Where no limit is on blocks, posted units always make their best visits; else visits
        may also be left out to keep it.
    on_units : (n_districts, n_shifts) float64, optional
        Weight of a posted unit.
    unit : str
        What the sum counts, for messages: "minutes", "visits", "cost".
    scale : float
        Sum / scale is in that unit.
    group : str
        Name of the limits that are named and dropped together; "" for the name alone.
    district, shift : str
        The only one that it bears on, "" for several.
    """

    name: str
    source: str
    least: float = -math.inf
    most: float = math.inf
    on_blocks: Floats | None = None
    on_harm: Floats | None = None
    on_units: Floats | None = None
    unit: str = ""
    scale: float = 1.0
    group: str = ""
    district: str = ""
    shift: str = ""

    def __post_init__(self) -> None:
        freeze(self)

    def total(self, blocks: Ints, harm: Floats, units: Ints) -> float:
        """Return the sum for blocks and covered harm per (shift, cell) and units per (district, shift)."""
        return float(
            (0.0 if self.on_blocks is None else (self.on_blocks * blocks).sum())
            + (0.0 if self.on_harm is None else (harm @ self.on_harm).sum())
            + (0.0 if self.on_units is None else (self.on_units * units).sum())
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class AllocationTerms:
    """What is asked of a week of patrol, whatever the forecast; arrays only.

    Parameters
    ----------
    district : (n_cells,) int32
        District of each cell, -1 for none.
    cap : (n_shifts, n_cells) int16
        Most visit blocks of a cell in a shift (policy and K together).
    on_duty : (n_shifts,) int32
        Units on duty.
    minimum : (n_districts, n_shifts) int32
        Fewest units.
    least, most : (n_districts,) int32
        Band of unit-shifts over the plan.
    blocks : (n_shifts,) int32
        Visit blocks that one unit can do in a shift.
    diminishing : float
        a of the visit value: k visits are worth value × (1 - exp(-a k)).
    districts, shifts : tuple of str
        Names, for messages only.
    busy : (n_districts, n_shifts) int32, optional
        Visit blocks of the district that calls take from its units as a whole. The fewest units there have to
        answer them: `blocks` × `minimum` ≥ `busy`.
    day : (n_shifts,) int32, optional
        Day of each shift, from 0; by default all on one day.
    week_least, week_most : (n_cells,) int32, optional
        Fewest and most blocks of a cell over the plan.
    days_running : int, optional
        Most days running on which one cell is visited.
    limits : tuple of Limit
        Limits on sums over cells, shifts and districts.
    crews : (n_classes, n_shifts) int32, optional
        Units on duty by class, where units differ in what they can do or where they may go.
    allowed : (n_classes, n_districts, n_shifts) bool, optional
        Where the units of a class may serve.
    class_of : (n_units,) int32, optional
        Class of each unit of the roster.
    needs : (n_needs, 3) int32, optional
        Rows of district, shift, units: so many units of the classes in `need_classes`.
    need_classes : (n_needs, n_classes) bool, optional
        Classes that count for a need.
    need_names : tuple of str
        What each need asks for, such as "units with skill bike".
    stretch : (n_stretches, n_shifts) float64, optional
        Where shifts overlap: the share of each shift's value that falls into each stretch of time between their starts
        and stops. A stretch is worth what all shifts in it have of it together, and visits of all of them protect it.
    turn : (n_shifts,) int32, optional
        With `stretch`: the turn in which each shift is planned, from 0; no two of a turn overlap.
    spillover : float
        Share of a visit's effect that each neighbouring cell has of it; needs `indptr`, `indices`.
    indptr, indices : int32, optional
        Neighbours of each cell, as compressed rows.
    """

    district: npt.NDArray[np.int32]
    cap: npt.NDArray[np.int16]
    on_duty: npt.NDArray[np.int32]
    minimum: npt.NDArray[np.int32]
    least: npt.NDArray[np.int32]
    most: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int32]
    diminishing: float
    districts: tuple[str, ...]
    shifts: tuple[str, ...]
    busy: npt.NDArray[np.int32] | None = None
    day: npt.NDArray[np.int32] | None = None
    week_least: npt.NDArray[np.int32] | None = None
    week_most: npt.NDArray[np.int32] | None = None
    days_running: int | None = None
    limits: tuple[Limit, ...] = ()
    crews: npt.NDArray[np.int32] | None = None
    allowed: Bools | None = None
    class_of: npt.NDArray[np.int32] | None = None
    needs: npt.NDArray[np.int32] | None = None
    need_classes: Bools | None = None
    need_names: tuple[str, ...] = ()
    stretch: Floats | None = None
    turn: npt.NDArray[np.int32] | None = None
    spillover: float = 0.0
    indptr: npt.NDArray[np.int32] | None = None
    indices: npt.NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some arrays changed."""
        return dataclasses.replace(self, **changes)


@dataclass(frozen=True, eq=False, kw_only=True)
class AllocationProblem(AllocationTerms):
    """Everything a solver may know about a week of patrol: the terms, and what each place is worth.

    Parameters
    ----------
    value : (n_shifts, n_cells) float64
        Expected harm; the value of covering the cell fully in that shift. What falls into several overlapping shifts
        counts in each in equal parts, so that the sum is the harm of the plan.
    notes : tuple of Note
        What the policy leaves out, in plain words; shown with the plan.
    fair : tuple of Limit
        Sums (their bounds do not count) whose smallest is to be as large as can be, before harm counts.
    incumbent : (n_districts, n_shifts) int32, optional
        Units of an earlier plan; each that stays is worth `stay_bonus`, which is no part of the objective.
    stay_bonus : float
        Expected harm that has to be gained before a unit of the earlier plan is moved.
    """

    value: Floats
    notes: tuple[Note, ...] = ()
    fair: tuple[Limit, ...] = ()
    incumbent: npt.NDArray[np.int32] | None = None
    stay_bonus: float = 0.0

    @property
    def is_network(self) -> bool:
        """Whether a min-cost flow solves it: no limit beyond units, minimums and bands."""
        extra = (self.week_least, self.week_most, self.days_running, self.crews)
        return not self.limits and not self.fair and all(value is None for value in extra)

    @property
    def is_by_units(self) -> bool:
        """Whether every limit is on units and on what they cover: the best visits of posted units then decide."""
        cellwise = (self.week_least, self.week_most, self.days_running)
        on_blocks = any(limit.on_blocks is not None for limit in (*self.limits, *self.fair))
        return not on_blocks and all(value is None for value in cellwise)

    def network(self) -> AllocationProblem:
        """Return the problem without the limits that a flow cannot hold."""
        return self.replace(
            limits=(), fair=(), week_least=None, week_most=None, days_running=None, crews=None, allowed=None,
            class_of=None, needs=None, need_classes=None, need_names=(),
        )  # fmt: skip

    def room(self, units: Ints) -> Ints:
        """Return the visit blocks of given units per (district, shift), after the calls."""
        taken = 0 if self.busy is None else self.busy
        return np.asarray(np.maximum(self.blocks * units.astype(np.int64) - taken, 0))


@dataclass(frozen=True, eq=False)
class Allocation:
    """A solver's answer: how many units in each district and shift, how many blocks in each cell.

    Parameters
    ----------
    units : (n_districts, n_shifts) int32
        Units assigned.
    blocks : (n_shifts, n_cells) int16
        Visit blocks.
    objective : float
        Expected harm covered, Σ value × (1 - exp(-a blocks)).
    bound : float
        Proven upper bound of the objective; `inf` from a heuristic.
    solver : str
        Name in the registry.
    """

    units: npt.NDArray[np.int32]
    blocks: npt.NDArray[np.int16]
    objective: float
    bound: float
    solver: str

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def gap(self) -> float:
        """Relative gap, (bound - objective) / bound."""
        return gap(self.objective, self.bound)


def gap(objective: float, bound: float) -> float:
    """Return (bound - objective) / bound, 0 where both are 0, and `inf` without a bound."""
    if not np.isfinite(bound):
        return float("inf")
    return max(0.0, (bound - objective) / bound) if bound > 0 else 0.0
