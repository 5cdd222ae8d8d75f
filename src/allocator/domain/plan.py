"""What a solver may know, and the patrol plan it leads to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain.arrays import freeze


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

    def __post_init__(self) -> None:
        freeze(self)

    def replace(self, **changes: Any) -> AllocationProblem:
        """Return a copy with some arrays changed."""
        return dataclasses.replace(self, **changes)


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


LOTTERY_COLUMNS = {
    "shift": "str", "district": "str", "variants": "int32", "drawn": "int32", "probability": "float64",
    "entropy": "float64", "seed": "int64",
}  # fmt: skip
"""Lottery of the routes: number of variants, which was drawn, its probability, entropy of the odds in bits, seed."""


STAFFING_COLUMNS = ("district", "shift", "units_required", "units_assigned", "expected_harm", "covered_harm")


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

    def dosage(self) -> pd.DataFrame:
        """Return planned minutes per cell and shift: `shift, cell, visits, minutes`."""
        length = (self.visits["stop"] - self.visits["start"]).dt.total_seconds() / 60
        grouped = self.visits.assign(minutes=length).groupby(["shift", "cell"], sort=True)["minutes"]
        return grouped.agg(visits="size", minutes="sum").reset_index()

    def diff(self, other: Plan) -> pd.DataFrame:
        """Return the visits that only one of the plans holds: `change` is "added" or "removed" against `other`."""
        keys = ["unit", "shift", "cell", "start", "stop", "purpose"]
        merged = self.visits.merge(other.visits, on=keys, how="outer", indicator=True, suffixes=("", "_other"))
        changed = merged[merged["_merge"] != "both"].copy()
        changed["change"] = np.where(changed["_merge"] == "left_only", "added", "removed")
        changed["reason"] = changed["reason"].fillna(changed["reason_other"])
        return changed[["change", *keys, "reason"]].sort_values(["start", "unit", "change"]).reset_index(drop=True)
