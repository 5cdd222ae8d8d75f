"""Sections of a job about backtests and scenarios."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, field_validator, model_validator

from allocator.config.base import Numbers, Section, Texts
from allocator.errors import some


class EvaluationSection(Section):
    """`[evaluation]`: what is measured."""

    area_shares: Annotated[Numbers, Field(min_length=1)] = (0.005, 0.01, 0.02, 0.05)
    """Shares of the area, above 0 and up to 1, at which hit rate, PAI and their kin are given."""
    folds: int = Field(12, ge=1, le=1000)
    """Windows of a backtest; the last one ends at the start of the week."""
    step: int | None = Field(None, ge=1, le=366)
    """Days from one window to the next; by default their length, so that they neither overlap nor leave gaps."""
    models: Texts = ()
    """Models to test, of the registry `allocator.risk.MODELS` or "auto"; empty means all."""

    @field_validator("area_shares")
    @classmethod
    def _shares_of_an_area(cls, shares: tuple[float, ...]) -> tuple[float, ...]:
        if wrong := [share for share in shares if not 0 < share <= 1]:
            raise ValueError(f"{some(wrong)} cannot be: a share of the area is above 0 and at most 1 (0.01 is 1 %)")
        return tuple(sorted(set(shares)))


class ScenariosSection(Section):
    """`[scenarios]`: other plans for the same forecast: what staff, equity and money are worth."""

    staff: Numbers = (-0.1, -0.2)
    """Changes of the unit-shifts on duty, as shares: -0.1 is a tenth fewer, spread over the shifts in proportion."""
    equity_within: Numbers = (0.3, 0.2, 0.1, 0.05)
    """Half widths of an equity band between districts; the measure is that of `allocation.equity`, or minutes."""
    max_min: bool = True
    """Also serve the worst-off district as well as can be."""
    budget: Numbers = ()
    """Budgets; where none is given but the job has costs or a budget, 90 % and 80 % of what its plan costs."""
    harm: dict[str, float] = {}
    """Another target: harm weight per kind; kinds not named weigh 0. Empty: none."""

    @model_validator(mode="after")
    def _possible(self) -> ScenariosSection:
        faults = []
        if wrong := [change for change in self.staff if not -1 < change <= 1 or change == 0]:
            faults.append(f"staff: {some(wrong)} cannot be: a change is above -1 and at most 1, and not 0")
        if wrong := [share for share in self.equity_within if not 0 <= share < 1]:
            faults.append(f"equity_within: {some(wrong)} cannot be: a half width is from 0 to below 1")
        if wrong := [amount for amount in self.budget if amount < 0]:
            faults.append(f"budget: {some(wrong)} cannot be: a budget is 0 or more")
        if odd := [f"{kind} = {weight}" for kind, weight in self.harm.items() if not 0 <= weight <= 1e9]:
            faults.append(f"harm: {some(odd)} cannot be: a weight is 0 or more")
        if self.harm and not any(self.harm.values()):
            faults.append("harm: every kind weighs 0, so there is no target")
        if faults:
            raise ValueError("\n".join(faults))
        return self
