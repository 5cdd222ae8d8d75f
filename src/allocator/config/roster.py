"""Sections of a job about who is on duty."""

from __future__ import annotations

from pydantic import Field, model_validator

from allocator.config.base import FilePath, Section
from allocator.errors import some


class RosterMakeSection(Section):
    """`[roster.make]`: the rules from which a duty roster is made, where none is given."""

    demand: dict[str, int] = {}
    """Units wanted on duty, by shift name,"""
    demand_file: FilePath | None = None
    """or from a table `shift, units`; a shift is a name, or one shift's id (2017-12-29/evening), which goes before."""
    availability: FilePath | None = None
    """`unit, date, until, shift` rows of absence: leave, training, court. `until` (last day) is optional; `weekday` may
    stand in for `date`; a blank shift is the whole day. No reasons: they are nobody's business here."""
    preferences: FilePath | None = None
    """`unit, weekday, shift, weight` (or `date`): above 0 where the unit wants to work, below where it would rather
    not. A blank weekday is every day, a blank shift every shift."""
    earlier: FilePath | None = None
    """`unit, date, shift` of the seven days before the plan, such as `duty.csv` of the run before: rest, days running
    and the most shifts in seven days go on from it. Other days, and units that are gone, are left out."""
    rest_hours: float = Field(11.0, ge=0, le=72)
    """Fewest hours between two shifts by the real clock. European Working Time Directive 2003/88/EC, article 3: 11."""
    max_shifts: int = Field(5, ge=1, le=7)
    """Most shifts in any seven days. A column `max_shifts` of `units.csv` sets another number for one unit."""
    min_hours: float = Field(0.0, ge=0, le=168)
    """Fewest hours for each seven days of the plan; days of absence count as worked, each a seventh."""
    max_hours: float = Field(168.0, gt=0, le=168)
    """Most hours for each seven days of the plan, as a whole. (2003/88/EC, article 6: 48 on average.)"""
    min_running: int = Field(1, ge=1, le=7)
    """Fewest working days running; a run at the edge of the plan may be shorter."""
    max_running: int = Field(6, ge=1, le=28)
    """Most working days running. Directive 2003/88/EC, article 5: a day off in every seven."""
    min_days_off: int = Field(1, ge=1, le=7)
    """Fewest days off running; at the edge of the plan they may be fewer."""
    max_weekends: int | None = Field(None, ge=0, le=5)
    """Most weekends with a shift on Saturday or Sunday; None means no limit."""
    short: float = Field(100.0, gt=0, le=1e6)
    """Penalty of each unit that a shift lacks, in weights of preferences: with 100, wishes hardly ever cost a unit."""
    spare: float = Field(1.0, ge=0, le=1e6)
    """Penalty of each unit above the demand."""
    balance: float = Field(0.0, ge=0, le=1e6)
    """Penalty of each unit that a shift lacks from a home district, for its share of all units rounded down."""

    @model_validator(mode="after")
    def _consistent(self) -> RosterMakeSection:
        faults = []
        if bool(self.demand) == (self.demand_file is not None):
            faults.append("give one of demand (units wanted by shift name) and demand_file")
        if wrong := [f"{name} = {units}" for name, units in self.demand.items() if not 0 <= units <= 100_000]:
            faults.append(f"demand is a number of units from 0 to 100,000: {some(wrong)}")
        if self.max_hours < self.min_hours:
            faults.append(f"max_hours {self.max_hours:g} is below min_hours {self.min_hours:g}")
        if self.max_running < self.min_running:
            faults.append(f"max_running {self.max_running} is below min_running {self.min_running}")
        if faults:
            raise ValueError("\n".join(faults))
        return self


class RosterSection(Section):
    """`[roster]`: who is on duty; `duty` gives it, or `[roster.make]` the rules to make it."""

    units: FilePath
    """`unit, type, home_district, skills, speed_kmh, max_shifts`."""
    duty: FilePath | None = None
    """`unit, date, shift` (one row per unit and shift worked), or `unit, weekday, shift` for a fixed rota."""
    make: RosterMakeSection | None = None
    """Rules, where no duty is given."""
    edits: FilePath | None = None
    """`action, shift, unit, district, cell, who, why`: what was decided by hand, or the `roster.xlsx` of a run, edited;
    see `allocator.io.read_edits`."""
    teams: FilePath | None = None
    """`team, skills, languages, hours_per_week`: outreach teams."""

    @model_validator(mode="after")
    def _one_source(self) -> RosterSection:
        if (self.duty is None) == (self.make is None):
            raise ValueError("give one of duty (who works when) and [roster.make] (the rules to make it)")
        return self
