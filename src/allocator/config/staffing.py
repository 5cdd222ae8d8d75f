"""Sections of a job about calls and the units that they need."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from allocator.config.base import FilePath, Section, Texts
from allocator.errors import nearest, some


class Minimum(Section):
    """`[[staffing.minimums]]`: units that a district must have in a shift."""

    district: str
    """District label."""
    shift: str
    """Shift name ("evening"), or one shift ("2017-12-25/evening")."""
    units: int = Field(ge=0)
    """Fewest units."""


class CallColumns(Section):
    """`[staffing.columns]`: which column of the call file holds what. Unmapped columns are not read."""

    received: str | None = None
    """When the call was received, or put into the queue: waits are counted from here."""
    dispatched: str | None = None
    """When the first unit was sent. A call never dispatched, en route nor arrived kept no unit and is left out."""
    enroute: str | None = None
    """When it was under way."""
    arrived: str | None = None
    """When it arrived."""
    cleared: str | None = None
    """When the call was closed and the unit free again."""
    priority: str | None = None
    """Priority label."""
    kind: str | None = None
    """Call type."""
    origin: str | None = None
    """How the call came to the agency; see `staffing.officer_initiated`."""
    units: str | None = None
    """Number of units sent (default 1)."""
    district: str | None = None
    """The place: a district label,"""
    lon: str | None = None
    """or the longitude in degrees (WGS84),"""
    lat: str | None = None
    """and the latitude;"""
    x: str | None = None
    """or the easting, in the units of `staffing.crs`,"""
    y: str | None = None
    """and the northing. Without any, the city is staffed as a whole."""
    id: str | None = None
    """Call number; rows that repeat it are dropped and counted."""


class WaitTarget(Section):
    """`[[staffing.targets]]`: how long the calls of a priority may wait for a free unit."""

    priority: str
    """Priority label."""
    wait_minutes: float = Field(gt=0, le=1440)
    """Longest wait in minutes: of the mean call, or"""
    share: float | None = Field(None, gt=0, lt=1)
    """of this share of the calls (0.9: nine in ten wait no longer). None: the mean wait is meant."""


class StaffingSection(Section):
    """`[staffing]`: units needed so that calls are answered."""

    calls: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()
    """Calls for service with the times of their handling, one file or several: CSV or Parquet."""
    columns: CallColumns = CallColumns()
    """Column map of the call files."""
    crs: str | None = None
    """Coordinate system of `x`, `y` (for example "EPSG:2913"); lon/lat need none."""
    time_format: str | None = None
    """strptime format of all time columns; guessed from ISO forms if absent."""
    dates: Literal["auto", "day first", "month first"] = "auto"
    """Order of dates such as 03/04/2025, as in `data.dates`; one for all time columns."""
    timezone: str | None = None
    """Time zone of the times in the file, if not the job's ("UTC" for instance)."""
    officer_initiated: Texts = ()
    """Values of the origin column that mean officer-initiated. That work takes time but makes no queue."""
    priorities: Texts = ()
    """Priority labels, the most urgent first; needed unless they are numbers, of which 1 is the most urgent."""
    priority_map: dict[str, str] = {}
    """Renames priorities: label in the file = label used; several may map to one, "" leaves such calls out."""
    missing: Texts = ()
    """Codes that stand for nothing in any mapped column, such as "-999"."""
    not_personal: Texts = ()
    """Columns that may be mapped although their names look personal, as they hold nothing about persons."""
    repeats: Literal["fold", "drop"] = "fold"
    """Rows that repeat a call number: one row per unit sent, folded to the call; or mere repeats, dropped."""
    bad_rows: Literal["refuse", "drop"] = "refuse"
    """Unreadable times, and stamps out of order such as cleared before received: refuse the file, or drop and count
    the rows. Missing arrivals and closing times are imputed and counted."""
    max_call_hours: float = Field(12.0, gt=0, le=240)
    """A call open longer was not closed when it ended: its closing time counts as missing."""
    weeks: int = Field(26, ge=1, le=520)
    """Weeks of calls used, those before the planned week."""
    targets: Annotated[tuple[WaitTarget, ...], Field(strict=False)] = ()
    """Wait targets; a priority without one only adds to the load."""
    max_utilisation: float = Field(0.6, gt=0, le=0.99)
    """Highest share of the units' time on calls. The "rule of 60" of McCabe (ICMA, An analysis of police department
    staffing, 2013): above 60 % patrol only runs from call to call."""
    other_share: float = Field(0.0, ge=0, le=0.9)
    """Share of a unit's time for meals, reports and other duties, open neither to calls nor to patrol."""
    help: Literal["none", "city"] = "none"
    """Whether units answer calls of other districts: none does, or every unit helps everywhere: the city has one queue,
    and its units are spread over the districts where they save most waiting. The truth lies between."""
    judged_on: Literal["shift", "worst_hour"] = "shift"
    """Targets hold for all calls of a shift together, or in its worst hour."""
    arrivals: Literal["hourly", "lagged"] = "hourly"
    """Rates of each hour as they are, or moved later by the time a call keeps a unit (Green, Kolesar & Soares 2001)."""
    total: dict[str, Annotated[int, Field(ge=0)]] = {}
    """Units to spread over the districts, by shift name; by default those on duty."""

    default_minimum: int = Field(0, ge=0)
    """Fewest units in every district and shift not named below."""
    minimums: Annotated[tuple[Minimum, ...], Field(strict=False)] = ()
    """Exceptions, in the job file,"""
    minimums_file: FilePath | None = None
    """or in a file `district, shift, units`. A row for one shift goes before a row for a shift name."""

    @field_validator("calls", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sound_labels(self) -> StaffingSection:
        faults = []
        for what, names in (("priorities", self.priorities), ("targets", [target.priority for target in self.targets])):
            if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
                faults.append(f"{what}: {some(twice)} is named twice")
        if self.priorities:
            faults += [
                f"targets: unknown priority {one.priority!r}{nearest(one.priority, self.priorities)}"
                for one in self.targets
                if one.priority not in self.priorities
            ]
        if faults:
            raise ValueError("\n".join(faults))
        return self
