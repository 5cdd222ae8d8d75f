"""What a solver may know, and the patrol plan it leads to."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain.arrays import Bools, Floats, freeze
from allocator.domain.roster import Edit


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
    busy_minutes: npt.NDArray[np.float64] | None = None
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
    """

    name: str
    source: str
    least: float = -math.inf
    most: float = math.inf
    on_blocks: npt.NDArray[np.float64] | None = None
    on_harm: npt.NDArray[np.float64] | None = None
    on_units: npt.NDArray[np.float64] | None = None
    unit: str = ""
    scale: float = 1.0

    def __post_init__(self) -> None:
        freeze(self)

    def total(
        self, blocks: npt.NDArray[Any], harm: npt.NDArray[np.float64], units: npt.NDArray[np.integer[Any]]
    ) -> float:
        """Return the sum for blocks and covered harm per (shift, cell) and units per (district, shift)."""
        return float(
            (0.0 if self.on_blocks is None else (self.on_blocks * blocks).sum())
            + (0.0 if self.on_harm is None else (harm @ self.on_harm).sum())
            + (0.0 if self.on_units is None else (self.on_units * units).sum())
        )


@dataclass(frozen=True, eq=False)
class AllocationProblem:
    """Everything a solver may know about a week of patrol; arrays only.

    Parameters
    ----------
    value : (n_shifts, n_cells) float64
        Expected harm; the value of covering the cell fully in that shift.
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
    notes : tuple of str
        What the policy leaves out, in plain words; shown with the plan.
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
    fair : tuple of Limit
        Sums (their bounds do not count) whose smallest is to be as large as can be, before harm counts.
    incumbent : (n_districts, n_shifts) int32, optional
        Units of an earlier plan; each that stays is worth `stay_bonus`, which is no part of the objective.
    stay_bonus : float
        Expected harm that has to be gained before a unit of the earlier plan is moved.
    spillover : float
        Share of a visit's effect that each neighbouring cell has of it; needs `indptr`, `indices`.
    indptr, indices : int32, optional
        Neighbours of each cell, as compressed rows.
    """

    value: npt.NDArray[np.float64]
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
    notes: tuple[str, ...] = ()
    busy: npt.NDArray[np.int32] | None = None
    day: npt.NDArray[np.int32] | None = None
    week_least: npt.NDArray[np.int32] | None = None
    week_most: npt.NDArray[np.int32] | None = None
    days_running: int | None = None
    limits: tuple[Limit, ...] = ()
    crews: npt.NDArray[np.int32] | None = None
    allowed: npt.NDArray[np.bool_] | None = None
    class_of: npt.NDArray[np.int32] | None = None
    needs: npt.NDArray[np.int32] | None = None
    need_classes: npt.NDArray[np.bool_] | None = None
    need_names: tuple[str, ...] = ()
    fair: tuple[Limit, ...] = ()
    incumbent: npt.NDArray[np.int32] | None = None
    stay_bonus: float = 0.0
    spillover: float = 0.0
    indptr: npt.NDArray[np.int32] | None = None
    indices: npt.NDArray[np.int32] | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def replace(self, **changes: Any) -> AllocationProblem:
        """Return a copy with some arrays changed."""
        return dataclasses.replace(self, **changes)

    @property
    def is_network(self) -> bool:
        """Whether a min-cost flow solves it: no limit beyond units, minimums and bands."""
        extra = (self.week_least, self.week_most, self.days_running, self.crews)
        return not self.limits and not self.fair and all(one is None for one in extra)

    @property
    def is_by_units(self) -> bool:
        """Whether every limit is on units and on what they cover: the best visits of posted units then decide."""
        cellwise = (self.week_least, self.week_most, self.days_running)
        on_blocks = any(limit.on_blocks is not None for limit in (*self.limits, *self.fair))
        return not on_blocks and all(one is None for one in cellwise)

    def network(self) -> AllocationProblem:
        """Return the problem without the limits that a flow cannot hold."""
        return self.replace(
            limits=(), fair=(), week_least=None, week_most=None, days_running=None, crews=None, allowed=None,
            class_of=None, needs=None, need_classes=None, need_names=(),
        )  # fmt: skip

    def room(self, units: npt.NDArray[np.integer[Any]]) -> npt.NDArray[np.int64]:
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


VISIT_COLUMNS = ("unit", "shift", "seq", "cell", "start", "stop", "purpose", "reason")


ASSIGNMENT_COLUMNS = ("unit", "shift", "district", "home_district")


STAFFING_COLUMNS = (
    "district", "shift", "units_required", "units_assigned", "expected_harm", "covered_harm", "last_unit_harm",
    "next_unit_harm", "calls_per_hour", "busy_minutes", "utilisation", "wait_min", "free_share",
)  # fmt: skip
"""The last five are known where `staffing.calls` is given: expected calls, unit-minutes they take, share of the units'
time that is, mean minutes until a unit is free, and share of the units' time left for directed patrol."""


LIMIT_COLUMNS = ("limit", "source", "least", "most", "value", "unit")


WORTH_COLUMNS = ("change", "harm", "share")


CHANGE_COLUMNS = ("shift", "district", "cause")
"""Why a re-planned district and shift differs from the earlier plan."""


def empty_table(columns: tuple[str, ...]) -> pd.DataFrame:
    """Return a table of these columns without rows: text, but for numbers named so."""
    numbers = {"least", "most", "value", "harm", "share"}
    return pd.DataFrame({name: pd.Series(dtype="float64" if name in numbers else "str") for name in columns})


LOTTERY_COLUMNS = {
    "shift": "str", "district": "str", "variants": "int32", "drawn": "int32", "probability": "float64",
    "entropy": "float64", "seed": "int64",
}  # fmt: skip
"""Lottery of the routes: number of variants, which was drawn, its probability, entropy of the odds in bits, seed."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Who, where, from when to when, and why.

    Parameters
    ----------
    visits : DataFrame
        `VISIT_COLUMNS`; `start`, `stop` are UTC timestamps, `cell` int32, one row per visit block.
    assignments : DataFrame
        `ASSIGNMENT_COLUMNS`: the district of each unit on duty in each shift; an empty district is a reserve.
    staffing : DataFrame
        `STAFFING_COLUMNS`: need and supply of each district and shift.
    objective, bound : float
        Expected harm covered by the allocation, and its proven upper bound.
    delivered, delivered_bound : float
        The same for the visits that fit into the shifts after real travel. The bound is that of the
        allocation: no route can deliver more blocks than were allocated.
    solver : str
        Solver of the allocation.
    unmet : tuple of str
        Needs that the plan does not meet, each with its cause.
    limits : DataFrame
        `LIMIT_COLUMNS`: every limit on sums, its bounds and what the allocation makes of it.
    worth : DataFrame
        `WORTH_COLUMNS`: expected harm covered that one unit more in a shift, or doing without a limit, would add.
    softened : tuple of str
        Limits that were bent so that there is a plan, each with its numbers.
    changes : DataFrame
        `CHANGE_COLUMNS`: after re-planning, why visits differ from those of the earlier plan.
    lottery : DataFrame
        `LOTTERY_COLUMNS`: how the routes of each district and shift were drawn.
    """

    visits: pd.DataFrame
    assignments: pd.DataFrame
    staffing: pd.DataFrame
    objective: float
    bound: float
    delivered: float
    delivered_bound: float
    solver: str
    unmet: tuple[str, ...] = ()
    limits: pd.DataFrame = dataclasses.field(default_factory=lambda: empty_table(LIMIT_COLUMNS))
    worth: pd.DataFrame = dataclasses.field(default_factory=lambda: empty_table(WORTH_COLUMNS))
    softened: tuple[str, ...] = ()
    changes: pd.DataFrame = dataclasses.field(default_factory=lambda: empty_table(CHANGE_COLUMNS))
    lottery: pd.DataFrame = field(
        default_factory=lambda: pd.DataFrame(columns=list(LOTTERY_COLUMNS)).astype(LOTTERY_COLUMNS)
    )

    @property
    def gap(self) -> float:
        """Gap of the allocation."""
        return gap(self.objective, self.bound)

    @property
    def delivered_gap(self) -> float:
        """Gap of the visits as delivered after travel."""
        return gap(self.delivered, self.delivered_bound)

    def of_unit(self, unit: str) -> pd.DataFrame:
        """Return the visits of one unit in order of time."""
        return self.visits[self.visits["unit"] == unit].reset_index(drop=True)

    def outcome(self, edit: Edit) -> str:
        """Return "kept" for a hand edit that the plan keeps, or else what became of it."""
        if edit.cell >= 0:
            there = self.visits[(self.visits["shift"] == edit.shift) & (self.visits["cell"] == edit.cell)]
            by = sorted(set(there["unit"]))
            if edit.action == "forbid":
                return "not kept: the cell is visited" if by and edit.unit in ("", *by) else "kept"
            if not by:
                return "not kept: the cell is not visited"
            return "kept" if edit.unit in ("", *by) else f"kept in part: visited by {', '.join(by)}"
        own = self.assignments[(self.assignments["shift"] == edit.shift) & (self.assignments["unit"] == edit.unit)]
        posted = set(own["district"])
        done = edit.district in posted if edit.district else len(own) > 0
        return "kept" if done == (edit.action == "pin") else "not kept"

    def dosage(self) -> pd.DataFrame:
        """Return planned minutes per cell and shift: `shift, cell, visits, minutes`."""
        length = (self.visits["stop"] - self.visits["start"]).dt.total_seconds() / 60
        grouped = self.visits.assign(minutes=length).groupby(["shift", "cell"], sort=True)["minutes"]
        return grouped.agg(visits="size", minutes="sum").reset_index()

    def diff(self, other: Plan) -> pd.DataFrame:
        """Return the visits that only one of the plans holds: `change` is "added" or "removed" against `other`.

        `reason` is why the visit changed where re-planning noted it, else why the visit was planned.
        """
        keys = ["unit", "shift", "cell", "start", "stop", "purpose"]
        merged = self.visits.merge(other.visits, on=keys, how="outer", indicator=True, suffixes=("", "_other"))
        changed = merged[merged["_merge"] != "both"].copy()
        changed["change"] = np.where(changed["_merge"] == "left_only", "added", "removed")
        own = changed["reason"].fillna(changed["reason_other"])
        changed["reason"] = self._causes_of(changed, other).fillna(own)
        return changed[["change", *keys, "reason"]].sort_values(["start", "unit", "change"]).reset_index(drop=True)

    def _causes_of(self, visits: pd.DataFrame, other: Plan) -> pd.Series:
        """Return the noted cause of each visit's shift and district, missing where there is none."""
        cause = {(row.shift, row.district): row.cause for row in self.changes.itertuples()}
        posted = [
            {(row.unit, row.shift): row.district for row in plan.assignments.itertuples()} for plan in (self, other)
        ]
        found = []
        for unit, shift, purpose in zip(visits["unit"], visits["shift"], visits["purpose"], strict=True):
            places = [at[unit, shift] for at in posted if (unit, shift) in at]
            known = [cause[shift, place] for place in places if (shift, place) in cause]
            found.append(known[0] if known and purpose == "directed patrol" else None)
        return pd.Series(found, index=visits.index, dtype="object")
