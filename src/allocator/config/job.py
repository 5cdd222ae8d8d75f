"""The job: every knob on one page.

A job file is TOML; its sections mirror the rooms of the package. Every section is strict (an unknown key or
a wrong type is an error, all of them reported at once), frozen, and has its defaults here and nowhere else.
Relative paths resolve from the job file. `allocator.io.read_job` turns a file into a `Job`.
"""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from allocator.config.base import FilePath, Section
from allocator.config.data import AreaSection, DataSection, Policy, ShiftSection, TessellationSection
from allocator.config.outreach import OutreachSection
from allocator.config.patrol import AllocationSection, RoutesSection
from allocator.config.risk import RiskSection
from allocator.config.roster import RosterSection
from allocator.config.staffing import StaffingSection
from allocator.config.studies import EvaluationSection, ScenariosSection
from allocator.errors import ConfigError, nearest, some

Product = Literal["report", "briefings", "roster", "gis", "pdf"]
PRODUCTS: tuple[str, ...] = get_args(Product)
"""What a run folder can hold for people to look at, print, edit and load."""


class JobSection(Section):
    """`[job]`: what is planned."""

    name: str
    """Title used in summaries and on maps."""
    week: dt.date
    """First local day of the plan. History up to the day before is used, and nothing later."""
    timezone: str
    """IANA name, for example "America/Chicago". Shifts and days are local to it."""
    days: int = Field(7, ge=1, le=28)
    """Number of local days planned."""
    seed: int = Field(0, ge=0, lt=2**31)
    """Seed of everything drawn at random. The same inputs and seed give the same plan."""
    note: str = ""
    """Free text shown with every output, for example that a roster is synthetic."""

    @field_validator("week")
    @classmethod
    def _plausible_week(cls, week: dt.date) -> dt.date:
        if not 1971 <= week.year <= 2100:
            raise ValueError(f"{week} is no week to plan: give a day between 1971 and 2100")
        return week

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        if name not in (known := zoneinfo.available_timezones()):
            raise ValueError(f"unknown time zone {name!r}{nearest(name, known)}")
        return name


class OutputSection(Section):
    """`[output]`: where the run folder goes."""

    folder: FilePath = Field("runs", validate_default=True)
    """Run folders are made inside it, named by the first day of the plan."""
    top_cells: int = Field(500, ge=1)
    """Cells in `risk.geojson`: those with the most expected harm."""
    products: Annotated[tuple[Product, ...], Field(strict=False)] = ("report", "briefings", "roster", "gis")
    """What is made beside the tables: "report" (`report.html`), "briefings" (a sheet for each unit and district of each
    shift, to print), "roster" (`roster.xlsx`), "gis" (layers for geographic information systems). `allocator report
    RUN` makes them again, and "pdf", the sheets as PDF."""


class DeploymentSection(Section):
    """`[deployment]`: who approved the use; without it every output is marked "evaluation only"."""

    jurisdiction: str
    """Where the plan is used."""
    authority: str
    """Body that approved the use."""
    approval_reference: str
    """Its reference."""
    expires: dt.date
    """Last day of the approval."""


class Job(Section):
    """A whole job file, validated."""

    job: JobSection
    data: DataSection
    area: AreaSection
    tessellation: TessellationSection = TessellationSection()
    shifts: Annotated[tuple[ShiftSection, ...], Field(strict=False, min_length=1)]
    policy: Policy = Policy()
    roster: RosterSection
    risk: RiskSection = RiskSection()
    staffing: StaffingSection = StaffingSection()
    allocation: AllocationSection = AllocationSection()
    routes: RoutesSection = RoutesSection()
    outreach: OutreachSection | None = None
    evaluation: EvaluationSection = EvaluationSection()
    scenarios: ScenariosSection = ScenariosSection()
    # Made when a job is checked, not when this class is: only then is the folder known that paths resolve from.
    output: OutputSection = Field(default_factory=dict, validate_default=True)
    deployment: DeploymentSection | None = None

    @model_validator(mode="after")
    def _consistent(self) -> Job:
        names = [shift.name for shift in self.shifts]
        faults = [f"shift name {name!r} is used twice" for name in sorted({n for n in names if names.count(n) > 1})]
        for limit in self.policy.limits:
            faults += [_unknown_shift("policy.limits", name, names) for name in limit.shifts if name not in names]
        for minimum in self.staffing.minimums:
            if minimum.shift.rpartition("/")[2] not in names:
                faults.append(_unknown_shift("staffing.minimums", minimum.shift, names))
        if self.tessellation.kind == "polygons" and not (self.tessellation.file or self.area.beats):
            faults.append('tessellation.kind = "polygons" needs tessellation.file or area.beats')
        for name in self.roster.make.demand if self.roster.make else ():
            if name not in names:
                faults.append(_unknown_shift("roster.make.demand", name, names))
        faults += _short_windows(self)
        shares = [shift.share for shift in self.shifts if shift.share is not None]
        hours = sum(_hours(shift) for shift in self.shifts)
        whole_day = len(shares) == len(self.shifts) and abs(hours - 24) < 1e-6
        if (whole_day and sum(shares) < 0.99) or (hours <= 24 and sum(shares) > 1.01):
            faults.append(f"the shares of the shifts add up to {sum(shares):g}, but the shifts cover {hours:g} hours")
        if bool(self.area.beats) != bool(self.area.beat):
            faults.append("area.beats and area.beat go together: the file, and its column of beat labels")
        if self.outreach and not self.roster.teams:
            faults.append("outreach needs roster.teams: the file of outreach teams")
        if faults:
            raise ValueError("\n".join(faults))
        return self


def _hours(shift: ShiftSection) -> float:
    start, stop = (time.hour + time.minute / 60 + time.second / 3600 for time in (shift.start, shift.stop))
    return (stop - start) % 24


def _short_windows(job: Job) -> list[str]:
    visit = job.allocation.block_minutes
    return [
        f"routes.windows.{n}: {window.minutes} minutes from {window.earliest:%H:%M} to {window.latest:%H:%M} are "
        f"shorter than a visit of {visit} (allocation.block_minutes)"
        for n, window in enumerate(job.routes.windows)
        if window.minutes < visit
    ]


def _unknown_shift(where: str, name: str, names: list[str]) -> str:
    return f"{where}: unknown shift {name!r}{nearest(name, names)}; shifts are {some(names, 10)}"


def parse_job(content: Mapping[str, object], *, folder: str | Path | None = None, source: str = "job") -> Job:
    """Return the validated job.

    Parameters
    ----------
    content : mapping
        The parsed TOML document.
    folder : path, optional
        Folder that relative paths resolve from. Without it they are left as they are.
    source : str
        Name of the job used in messages.

    Raises
    ------
    ConfigError
        With every fault of the job at once: unknown keys (with the nearest known one), wrong types,
        impossible values.
    """
    try:
        return Job.model_validate(dict(content), context={"folder": folder})
    except ValidationError as error:
        faults = [fault for detail in error.errors() for fault in _fault(detail)]
        count = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
        raise ConfigError(f"{source}: {count} in the job", faults=faults) from None


def _fault(error: ErrorDetails) -> list[str]:
    where = ".".join(str(part) for part in error["loc"]) or "job"
    if error["type"] == "extra_forbidden":
        known = _keys_at(error["loc"][:-1])
        return [f"{where}: unknown key{nearest(str(error['loc'][-1]), known)}; known keys: {', '.join(known)}"]
    if error["type"] == "missing":
        return [f"{where}: required, but missing"]
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "value_error":
        return [line if where == "job" else f"{where}: {line}" for line in message.splitlines()]
    return [f"{where}: {message} (found {type(error['input']).__name__} {some([error['input']])[:80]})"]


def _keys_at(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the section at `location` knows."""
    model: type[BaseModel] = Job
    for part in location:
        if isinstance(part, int) or part not in model.model_fields:
            continue
        inner = _section_in(model.model_fields[part].annotation)
        if inner is None:
            return []
        model = inner
    return list(model.model_fields)


def _section_in(annotation: object) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section_in(inner):
            return found
    return None
