"""What a solver may know, and the patrol plan it leads to."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from allocator.domain.patrol.problem import gap
from allocator.domain.roster import Edit
from allocator.facts import Note

VISIT_COLUMNS = ("unit", "shift", "seq", "cell", "start", "stop", "purpose", "reason")


ASSIGNMENT_COLUMNS = ("unit", "shift", "district", "home_district")


STAFFING_COLUMNS = (
    "district", "shift", "units_required", "units_assigned", "expected_harm", "covered_harm", "last_unit_harm",
    "next_unit_harm", "calls_per_hour", "busy_minutes", "utilisation", "wait_min", "free_share",
)  # fmt: skip
"""The last five are known where `staffing.calls` is given: expected calls, unit-minutes they take, share of the units'
time that is, mean minutes until a unit is free, and share of the units' time left for directed patrol."""


def one_more_unit(shift: str) -> str:
    """Return how `worth` names one more unit in a shift."""
    return f"one more unit in {shift}"


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
    unmet : tuple of Note
        Needs that the plan does not meet, each with its cause.
    limits : DataFrame
        `LIMIT_COLUMNS`: every limit on sums, its bounds and what the allocation makes of it.
    worth : DataFrame
        `WORTH_COLUMNS`: expected harm covered that one unit more in a shift, or doing without a limit, would add.
    softened : tuple of Note
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
    unmet: tuple[Note, ...] = ()
    limits: pd.DataFrame = dataclasses.field(default_factory=lambda: empty_table(LIMIT_COLUMNS))
    worth: pd.DataFrame = dataclasses.field(default_factory=lambda: empty_table(WORTH_COLUMNS))
    softened: tuple[Note, ...] = ()
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
        rows = []
        for unit, shift, purpose in zip(visits["unit"], visits["shift"], visits["purpose"], strict=True):
            places = [at[unit, shift] for at in posted if (unit, shift) in at]
            known = [cause[shift, place] for place in places if (shift, place) in cause]
            rows.append(known[0] if known and purpose == "directed patrol" else None)
        return pd.Series(rows, index=visits.index, dtype="object")
