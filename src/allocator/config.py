"""The job: every knob on one page.

A job file is TOML; its sections mirror the rooms of the package. Every section is strict (an unknown key or
a wrong type is an error, all of them reported at once), frozen, and has its defaults here and nowhere else.
Relative paths resolve from the job file. `allocator.io.read_job` turns a file into a `Job`.
"""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    field_validator,
    model_validator,
)

from allocator.errors import ConfigError, nearest, some

ENFORCEMENT_FAMILIES = ("drugs", "vice", "disorder", "warrants", "traffic")


def _resolve(path: str, info: ValidationInfo) -> str:
    folder = (info.context or {}).get("folder")
    return str((Path(folder) / path).resolve()) if folder and path else path


FilePath = Annotated[str, AfterValidator(_resolve)]
"""A path in a job; resolved from the job file's folder."""

Product = Literal["report", "briefings", "roster", "gis", "pdf"]
PRODUCTS: tuple[str, ...] = get_args(Product)
"""What a run folder can hold for people to look at, print, edit and load."""

Texts = Annotated[tuple[str, ...], Field(strict=False)]
Numbers = Annotated[tuple[float, ...], Field(strict=False)]
Share = Annotated[float, Field(ge=0, le=1)]


class Section(BaseModel):
    """A strict, frozen section of the job file."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True, allow_inf_nan=False
    )


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


class ColumnMap(Section):
    """`[data.columns]`: which column of the event file holds what. Unmapped columns are not read."""

    time: str | None = None
    """When it happened (start, where `end` is given)."""
    date: str | None = None
    """Date part, where date and time of day are two columns."""
    clock: str | None = None
    """Time-of-day part: HH:MM[:SS], or an integer HHMM."""
    end: str | None = None
    """Latest time it can have happened (interval-censored events)."""
    reported_at: str | None = None
    """When the agency learned of it; nothing is used before this time."""
    kind: str | None = None
    """Offence or call type."""
    lon: str | None = None
    """Longitude in degrees (WGS84)."""
    lat: str | None = None
    """Latitude in degrees (WGS84)."""
    x: str | None = None
    """Easting, in the units of `data.crs`."""
    y: str | None = None
    """Northing, in the units of `data.crs`."""
    id: str | None = None
    """Incident number; rows that repeat it are dropped and counted."""
    weight: str | None = None
    """Weight of the event (default 1)."""
    count: str | None = None
    """Signed count, +1 or -1; needs `data.corrections = "net"` if negative values occur."""
    origin: str | None = None
    """How the event came to the agency; see `data.officer_initiated`."""


class DataSection(Section):
    """`[data]`: the incident or call history."""

    events: Annotated[tuple[FilePath, ...], Field(strict=False, min_length=1)]
    """One file or several: CSV, Parquet, GeoJSON or GeoPackage."""
    preset: str | None = None
    """A known source ("chicago", "new_york", …) that fills in columns, time format and place system."""
    columns: ColumnMap = ColumnMap()
    """Column map; overrides the preset."""
    crs: str | None = None
    """Coordinate system of `x`, `y` (for example "EPSG:2913"); lon/lat need none."""
    layer: str | None = None
    """Layer of a GeoPackage."""
    time_format: str | None = None
    """strptime format of the time column (or of `date`); guessed from ISO forms if absent."""
    timezone: str | None = None
    """Time zone of the times in the file, if not the job's ("UTC" for instance)."""
    time_precision: Literal["auto", "minute", "day", "month"] = "auto"
    """How exact the times are. "auto": "day" where 95 % or more of the times are 00:00."""
    kinds: Texts = ()
    """Kinds to forecast; empty means every kind that the policy leaves."""
    kind_map: dict[str, str] = {}
    """Renames kinds: value in the file = kind used; several may map to one."""
    officer_initiated: Texts = ()
    """Values of the origin column that mean officer-initiated. Every other value is a call."""
    corrections: Literal["refuse", "net"] = "refuse"
    """What to do with negative counts: refuse the file, or net them per cell and period."""
    duplicates: Literal["id", "row", "keep"] = "id"
    """Drop rows that repeat an id; drop rows equal in every mapped column; or keep all."""
    bad_rows: Literal["refuse", "drop"] = "refuse"
    """Unreadable times: refuse the file, or drop and count the rows. Missing ones are always counted and left out."""
    gaps: Literal["mask", "zero", "refuse"] = "mask"
    """Long stretches without any event of a kind: days not covered by the source, true zeros, or an error."""
    since: dt.date | None = None
    """First local day of the history to use; by default the day from which the file is filled steadily."""
    max_outside_share: Share = 0.2
    """Refuse the file if a larger share of its placed events lies outside the area."""

    @field_validator("kinds")
    @classmethod
    def _no_kind_twice(cls, kinds: tuple[str, ...]) -> tuple[str, ...]:
        if twice := [kind for kind in dict.fromkeys(kinds) if kinds.count(kind) > 1]:
            raise ValueError(f"names {some(twice)} twice: name each kind once")
        return kinds

    @field_validator("events", mode="before")
    @classmethod
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value


class AreaSection(Section):
    """`[area]`: the study area, its districts and beats."""

    file: FilePath
    """Polygons of the districts (or of the whole area): GeoJSON, GeoPackage, Shapefile."""
    layer: str | None = None
    """Layer of a GeoPackage."""
    district: str | None = None
    """Column with the district label; features with the same label are merged. None: one district."""
    beats: FilePath | None = None
    """File with the polygons of the beats."""
    beat: str | None = None
    """Column with the beat label."""
    source_crs: str | None = None
    """Coordinate system of a file that does not state its own."""
    crs: str | None = None
    """Projected system in metres to work in; by default the UTM zone of the area."""


class TessellationSection(Section):
    """`[tessellation]`: how the area is cut into cells."""

    kind: Literal["squares", "hexagons", "polygons"] = "squares"
    """Squares, hexagons of equal area, or given polygons such as beats."""
    size_m: float = Field(150.0, ge=20, le=20_000)
    """Side of a square in metres."""
    edge_m: float = Field(100.0, ge=20, le=20_000)
    """Edge of a hexagon in metres."""
    file: FilePath | None = None
    """Polygons to use as cells (kind = "polygons"); by default the beats."""


class ShiftSection(Section):
    """`[[shifts]]`: one shift of the day; it may cross midnight and may overlap others."""

    name: str = Field(min_length=1, pattern=r"^[^/]+$")
    """For example "evening"."""
    start: dt.time
    """Local time."""
    stop: dt.time
    """Local time; at or before `start` it means the next day."""
    share: float | None = Field(None, ge=0, le=1)
    """Share of a day's events in this shift: used only where event times carry no time of day."""

    @model_validator(mode="after")
    def _not_empty(self) -> ShiftSection:
        if self.start == self.stop:
            raise ValueError(f"shift {self.name!r} has zero length: start and stop are both {self.start}")
        return self


class Place(Section):
    """A place: all cells of a district, of a beat, or whose centre lies in the polygons of a file."""

    district: str | None = None
    """The place: a district,"""
    beat: str | None = None
    """or a beat,"""
    file: FilePath | None = None
    """or a polygon file (cells whose centre lies inside)."""

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if sum(place is not None for place in (self.district, self.beat, self.file)) != 1:
            raise ValueError("a limit names one place: give exactly one of district, beat, file")
        return self

    @property
    def label(self) -> str:
        """The place in words."""
        if self.file is not None:
            return Path(self.file).name
        return f"district {self.district}" if self.district is not None else f"beat {self.beat}"


class PlaceLimit(Place):
    """`[[policy.limits]]`: a place with its own ceiling of patrol, 0 minutes for an exclusion or opt-out."""

    reason: str = Field(min_length=1)
    """Why; shown with the plan."""
    shifts: Texts = ()
    """Names of the shifts it holds for; empty means all."""
    max_minutes: int = Field(0, ge=0)
    """Most directed-patrol minutes per cell and shift there."""


class Policy(Section):
    """`[policy]`: what may be forecast and what may be done where."""

    exclude_families: Texts = ENFORCEMENT_FAMILIES
    """Families of kinds that follow enforcement more than harm and so do not train the model."""
    exclude_kinds: Texts = ()
    """Further kinds that do not train the model."""
    allow_kinds: Texts = ()
    """Kinds that train the model although a family above would exclude them."""
    train_on: Annotated[tuple[Literal["call", "officer"], ...], Field(strict=False, min_length=1)] = ("call",)
    """Origins that train the model; officer-initiated events feed patrols back into the forecast."""
    harm: dict[str, float] = {}
    """Harm weight per kind; kinds not named weigh 1."""
    harm_source: str = "neutral: every kind weighs 1"
    """Where the weights come from; printed with every output."""
    limits: Annotated[tuple[PlaceLimit, ...], Field(strict=False)] = ()
    """Places with a ceiling of patrol."""

    @field_validator("exclude_families")
    @classmethod
    def _known_families(cls, families: tuple[str, ...]) -> tuple[str, ...]:
        for family in families:
            if family not in ENFORCEMENT_FAMILIES:
                raise ValueError(f"unknown family {family!r}{nearest(family, ENFORCEMENT_FAMILIES)}")
        return families

    @field_validator("harm")
    @classmethod
    def _sound_weights(cls, harm: dict[str, float]) -> dict[str, float]:
        if bad := [f"{kind} = {weight}" for kind, weight in harm.items() if weight < 0 or math.isnan(weight)]:
            raise ValueError(f"harm weights must be numbers of 0 or more: {some(bad)}")
        if bad := [f"{kind} = {weight}" for kind, weight in harm.items() if weight and not 1e-6 <= weight <= 1e9]:
            raise ValueError(f"harm weights must be 0, or between 1e-6 and 1e9: {some(bad)}")
        return harm


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


class BoostedOptions(Section):
    """`[risk.boosted]`: LightGBM on top of the mixture."""

    rounds: int = Field(100, ge=1, le=2000)
    """Most boosting rounds; the hold-out may stop earlier."""
    learning_rate: float = Field(0.1, gt=0, le=1)
    """Shrinkage per round."""
    leaves: int = Field(15, ge=2, le=255)
    """Leaves per tree."""
    min_leaf_events: float = Field(200.0, gt=0)
    """Least expected events in a leaf."""
    rows: int = Field(240_000, ge=10_000)
    """Training rows: all cells with events, and zeros drawn with weights up to this number."""


class CovariateSection(Section):
    """`[[risk.covariates]]`: something known of places beside the events: residents, premises, calls to 311."""

    file: FilePath
    """A table, points or polygons: CSV, Parquet, GeoJSON, GeoPackage (polygons also Shapefile). No column is read but
    those named here."""
    form: Literal["cells", "points", "polygons"]
    """What a row is: a cell, a point or a polygon."""
    name: str = ""
    """What it is called in reasons and messages; by default the file of the points, or the column of the polygons.
    Columns of cells keep their own names; types of points have it before theirs."""
    columns: Texts = ()
    """Cells: the numeric columns to use, beside `cell` (row of `cells.parquet`); by default all that hold numbers."""
    column: str | None = None
    """Polygons: the numeric column."""
    lon: str | None = None
    """Points of a table: column of the longitude in degrees (WGS84),"""
    lat: str | None = None
    """and of the latitude;"""
    x: str | None = None
    """or of the easting, in the units of `crs`,"""
    y: str | None = None
    """and of the northing."""
    crs: str | None = None
    """Coordinate system of `x`, `y`, or of a map file that does not state its own."""
    layer: str | None = None
    """Layer of a GeoPackage."""
    time: str | None = None
    """Points: column of the date on which each became known. It counts from the next day on, so that tests on past
    weeks see no later ones. Without it every point has always been there."""
    time_format: str | None = None
    """strptime format of the time column; guessed from ISO forms if absent."""
    last_days: int | None = Field(None, ge=1, le=36_600)
    """Points with a time: count only those of so many days before; by default all before."""
    kind: str | None = None
    """Points: column with the type, such as that of a service request,"""
    kinds: Texts = ()
    """and the types to use; empty means all."""
    split: bool = True
    """One covariate for each type; false: all of them together."""
    measure: Literal["count", "distance", "value", "sum"] | None = None
    """Points: their "count" in the cell and near it (the default), or the "distance" in metres to the nearest.
    Polygons: the "value" at the cell's centre (the default), or the "sum", such as residents, spread by area."""
    within_m: float = Field(300.0, ge=0, le=5_000)
    """Points: a second column counts those within so many metres of the cell's centre; 0: none."""

    @model_validator(mode="after")
    def _one_form(self) -> CovariateSection:
        own = {"file", "form", "name", *_COVARIATE_KEYS[self.form]}
        faults = [
            f"{key} is not for form = {self.form!r}"
            for key, knob in type(self).model_fields.items()
            if key not in own and getattr(self, key) != knob.default
        ]
        measures = _COVARIATE_MEASURES[self.form]
        if self.form != "cells" and self.measure not in (None, *measures):
            faults.append(f"measure = {self.measure!r} is not for form = {self.form!r}: give {' or '.join(measures)}")
        if self.form == "polygons" and not self.column:
            faults.append("column is required: the numeric column of the polygons")
        if self.form == "points":
            faults += self._point_faults()
        if faults:
            raise ValueError("\n".join(faults))
        return self

    def _point_faults(self) -> list[str]:
        faults = []
        if bool(self.lon) != bool(self.lat) or bool(self.x) != bool(self.y) or (self.lon and self.x):
            faults.append("give the place either as lon and lat, or as x and y")
        if self.x and not self.crs:
            faults.append('crs is required for x and y, for example "EPSG:2913"')
        if self.kinds and not self.kind:
            faults.append("kinds needs kind: the column with the type")
        if (self.last_days or self.time_format) and not self.time:
            faults.append("last_days and time_format need time: the column of the date")
        if self.time and self.measure == "distance":
            faults.append("a distance is to points that have always been there: leave out time, or count them")
        return faults


_COVARIATE_KEYS = {
    "cells": ("columns",),
    "points": (
        "lon", "lat", "x", "y", "crs", "layer", "time", "time_format", "last_days", "kind", "kinds", "split",
        "measure", "within_m",
    ),
    "polygons": ("column", "crs", "layer", "measure"),
}  # fmt: skip
_COVARIATE_MEASURES: dict[str, tuple[str, ...]] = {
    "cells": (),
    "points": ("count", "distance"),
    "polygons": ("value", "sum"),
}


class DailySection(Section):
    """`[risk.daily]`: what is known of days beside the events, for the level of the whole city: weather, events."""

    file: FilePath
    """CSV or Parquet, one row per local day."""
    date: str = "date"
    """Column of the day."""
    columns: Texts = ()
    """The numeric columns to use; by default all that hold numbers."""
    time_format: str | None = None
    """strptime format of the date column; guessed from ISO forms if absent."""
    known_ahead: Texts = ()
    """Columns that are known before the day: a calendar of events, school holidays, a forecast kept as it was issued.
    The others (measured weather) explain past days, and are taken as average in the days that are forecast."""


class RiskSection(Section):
    """`[risk]`: the forecast."""

    model: str = "auto"
    """A name of the registry `allocator.risk.MODELS`; "auto" picks per kind by held-out likelihood."""
    horizon_days: int = Field(7, ge=1, le=92)
    """Days that one forecast window spans. Shorter and longer plans are filled from its weekly profile."""
    train_weeks: int = Field(52, ge=4, le=520)
    """Windows, begun a week apart, whose outcomes train the model; earlier history feeds features."""
    holdout_weeks: int = Field(6, ge=1, le=52)
    """Last windows, begun a week apart, kept back to choose the model and to print its skill."""
    burn_in_days: int = Field(56, ge=0)
    """History before the first training week."""
    half_lives_days: Annotated[Numbers, Field(min_length=1)] = (10.0, 45.0, 180.0)
    """Decays of the mixture's memories; a plain long-run mean is always added."""
    bandwidths_m: Numbers = (150.0, 300.0, 600.0)
    """Space kernels of the mixture; the cell itself is always added."""
    interval: float = Field(0.9, gt=0, lt=1)
    """Predictive coverage of `lower`, `upper`."""
    holidays: str = "auto"
    """Country of the public holidays ("US", or with a part "US-IL"); "auto": that of the time zone; "none"."""
    threads: int = Field(0, ge=0)
    """Threads for LightGBM (0: all cores). The result does not depend on it."""
    boosted: BoostedOptions = BoostedOptions()
    """Settings of the boosted model."""
    covariates: Annotated[tuple[CovariateSection, ...], Field(strict=False)] = ()
    """What is known of places; the boosted model and the regression read it."""
    daily: DailySection | None = None
    """What is known of days."""

    @field_validator("half_lives_days", "bandwidths_m")
    @classmethod
    def _positive(cls, values: tuple[float, ...]) -> tuple[float, ...]:
        if any(value <= 0 for value in values):
            raise ValueError(f"all must be above 0: {values}")
        return tuple(sorted(values))


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
    timezone: str | None = None
    """Time zone of the times in the file, if not the job's ("UTC" for instance)."""
    officer_initiated: Texts = ()
    """Values of the origin column that mean officer-initiated. That work takes time but makes no queue."""
    priorities: Texts = ()
    """Priority labels, the most urgent first; needed unless they are numbers, of which 1 is the most urgent."""
    priority_map: dict[str, str] = {}
    """Renames priorities: label in the file = label used; several may map to one, "" leaves such calls out."""
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
    def _one_or_many(cls, value: Any) -> Any:
        return (value,) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _sound_labels(self) -> StaffingSection:
        faults = []
        for what, names in (("priorities", self.priorities), ("targets", [one.priority for one in self.targets])):
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


class Band(Section):
    """`[[allocation.bands]]`: least and most unit-shifts of a district over the plan."""

    district: str
    """District label."""
    least: int = Field(0, ge=0)
    """Fewest unit-shifts."""
    most: int | None = Field(None, ge=0)
    """Most unit-shifts; None means no limit."""

    @model_validator(mode="after")
    def _ordered(self) -> Band:
        if self.most is not None and self.most < self.least:
            raise ValueError(f"band of district {self.district!r}: most {self.most} is below least {self.least}")
        return self


class Exposure(Section):
    """`[[allocation.exposure]]`: patrol minutes near a group of residents, held within a band of the city's."""

    name: str = Field(min_length=1)
    """The group, as it is called in the plan."""
    file: FilePath
    """Polygons with residents: GeoJSON, GeoPackage, Shapefile."""
    column: str
    """Column with the residents of the group."""
    of: str
    """Column with all residents."""
    within: float = Field(0.1, ge=0, lt=1)
    """Minutes per resident of the group may differ from minutes per resident of the city by this share."""


class Equity(Section):
    """`[allocation.equity]`: how differently districts may be served."""

    measure: Literal["minutes", "coverage"] = "minutes"
    """What is compared between districts: patrol time for the harm expected there, or the share of that harm that is
    covered. Small busy districts are covered more by the same time, so "coverage" can ask for the impossible."""
    form: Literal["band", "max_min"] = "band"
    """"band": every district within a share of the city's; "max_min": the worst-off district as well off as can be,
    then harm."""
    within: float = Field(0.1, ge=0, lt=1)
    """Half width of the band, as a share of the city's value: 0.1 is from 10 % below to 10 % above."""


class Cost(Section):
    """`[[allocation.costs]]`: what a unit costs in some shifts, where it is not `unit_cost`."""

    shifts: Texts = ()
    """Names of shifts; empty means all."""
    weekdays: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(strict=False)] = ()
    """Days on which the shift starts; empty means all."""
    cost: float = Field(ge=0, le=1e9)
    """Cost of one unit for one shift. A later entry goes before an earlier one."""


class Need(Section):
    """`[[allocation.needs]]`: units with a skill, or of a vehicle type, that districts must have."""

    skill: str | None = None
    """A skill of `units.csv`,"""
    type: str | None = None
    """or a type."""
    district: str | None = None
    """The district; None: every district."""
    shifts: Texts = ()
    """Names of shifts; empty means all."""
    units: int = Field(1, ge=1)
    """Fewest such units in the district and shift. A unit with two skills counts for both."""

    @model_validator(mode="after")
    def _one_kind(self) -> Need:
        if (self.skill is None) == (self.type is None):
            raise ValueError("a need names one of skill and type")
        return self


class Dosage(Place):
    """`[[allocation.dosage]]`: least and most patrol of each cell of a place over the plan."""

    reason: str = Field(min_length=1)
    """Why; shown with the plan."""
    least_minutes: int = Field(0, ge=0)
    """Fewest minutes for each cell over the plan."""
    most_minutes: int | None = Field(None, ge=0)
    """Most minutes for each cell over the plan."""

    @model_validator(mode="after")
    def _ordered(self) -> Dosage:
        if self.most_minutes is not None and self.most_minutes < self.least_minutes:
            raise ValueError(f"{self.label}: most_minutes {self.most_minutes} is below least {self.least_minutes}")
        return self


class Request(Place):
    """`[[allocation.requests]]`: patrol that a community asks for."""

    by: str = Field(min_length=1)
    """The organisation that asks, never a person."""
    minutes: int = Field(ge=1)
    """Patrol minutes over the plan in the place as a whole."""
    shifts: Texts = ()
    """Names of the shifts in which they count; empty means all."""


class AllocationSection(Section):
    """`[allocation]`: how patrol is shared out."""

    solver: str = "flow"
    """A name of the registry `allocator.planning.SOLVERS`: "flow" (optimal), "greedy", "proportional". Where a limit
    below needs more than a flow, "flow" hands over to "highs"."""
    block_minutes: int = Field(15, ge=5, le=120)
    """Length of one visit. Koper (1995): 10 to 16 minutes give the longest calm afterwards."""
    diminishing: float = Field(0.7, gt=0, le=5)
    """a in the value of the k-th visit, exp(-a(k-1)) - exp(-ak): higher means the first visit counts more."""
    max_blocks: int = Field(3, ge=1, le=96)
    """K: most visits per cell and shift."""
    directed_share: float = Field(0.5, gt=0, le=1)
    """Share of a shift free for directed patrol; the rest answers calls. With `staffing.calls` the workload of the
    calls decides instead."""
    travel_minutes: float = Field(4.0, ge=0)
    """Travel allowed for per visit when the plan is made; the routes then use real distances."""
    spillover: float = Field(0.0, ge=0, le=1)
    """Share of a visit's effect that each neighbouring cell has of it; an assumption, 0 by default."""
    bands: Annotated[tuple[Band, ...], Field(strict=False)] = ()
    """Weekly bands per district."""
    max_days_running: int | None = Field(None, ge=1, le=27)
    """Most days running on which one cell is visited."""
    unit_cost: float = Field(1.0, ge=0, le=1e9)
    """Cost of one posted unit for one shift; a unit in reserve costs nothing."""
    costs: Annotated[tuple[Cost, ...], Field(strict=False)] = ()
    """Shifts in which it is another."""
    budget: float | None = Field(None, ge=0, le=1e12)
    """Most cost over the plan."""
    equity: Equity | None = None
    """Equity between districts."""
    exposure: Annotated[tuple[Exposure, ...], Field(strict=False)] = ()
    """Equity between groups of residents."""
    needs: Annotated[tuple[Need, ...], Field(strict=False)] = ()
    """Skills and vehicle types."""
    dosage: Annotated[tuple[Dosage, ...], Field(strict=False)] = ()
    """Floors and caps of single cells over the plan."""
    requests: Annotated[tuple[Request, ...], Field(strict=False)] = ()
    """Requested attention."""
    community: Annotated[tuple[Place, ...], Field(strict=False)] = ()
    """Places of community patrol: parks, schools, shopping streets."""
    community_share: Share = 0.0
    """Least share of the visits that go to places of community patrol."""
    worth: bool = True
    """Say what each limit costs, by solving again without it or with one unit more."""

    @model_validator(mode="after")
    def _community_somewhere(self) -> AllocationSection:
        if self.community_share and not self.community:
            raise ValueError("community_share needs [[allocation.community]]: the places")
        return self


class PlaceWindow(Place):
    """`[[routes.windows]]`: a place that is visited only between two times of the day."""

    earliest: dt.time
    """Local time before which no visit there begins."""
    latest: dt.time
    """Local time by which every visit there is over; at or before `earliest` it means the next day."""
    reason: str = ""
    """Why, for the planner: school hours, market days."""

    @model_validator(mode="after")
    def _not_empty(self) -> PlaceWindow:
        if self.earliest == self.latest:
            raise ValueError(f"a window has zero length: earliest and latest are both {self.earliest}")
        return self


class RoutesSection(Section):
    """`[routes]`: visits of a unit inside its shift."""

    speed_kmh: float = Field(25.0, gt=0, le=150)
    """Speed of units whose own is not given."""
    detour: float = Field(1.3, ge=1, le=5)
    """Road distance over straight-line distance."""
    briefing_minutes: int = Field(15, ge=0, le=120)
    """No visit before this time into the shift."""
    return_minutes: int = Field(45, ge=0, le=600)
    """Least minutes between two visits of a cell in a shift. Koper (1995): return at random times, at least every two
    hours."""
    break_minutes: int = Field(30, ge=0, le=120)
    """Break of a unit, without visits; 0: none is planned."""
    break_from_hours: float = Field(6.0, ge=0, le=48)
    """Shifts of at least so many hours have a break."""
    break_window: Annotated[Numbers, Field(min_length=2, max_length=2)] = (0.3, 0.75)
    """The break lies between these shares of the shift."""
    windows: Annotated[tuple[PlaceWindow, ...], Field(strict=False)] = ()
    """Places that are visited only between two times of the day."""
    matrix: FilePath | None = None
    """Minutes of travel, as a table `from, to, minutes`, a square table with the labels as header and first column
    (CSV, Parquet), or arrays `labels, minutes` (.npz); by default distance times `detour` over speed."""
    matrix_by: Literal["cell", "beat", "district"] = "beat"
    """What the labels of the matrix name; beats and districts have the minutes within them on the diagonal."""
    streets: FilePath | None = None
    """Streets as lines (GeoPackage, GeoJSON, Shapefile): travel is along them, by the shortest time."""
    streets_speed: str | None = None
    """Column with the speed on the street in km/h; without it, or where it is missing, that of the unit."""
    streets_oneway: str | None = None
    """Column that says whether a street is driven only in the direction of its line (1, true, yes)."""
    iterations: int = Field(60, ge=1, le=1_000_000)
    """Iterations of each run of the route search; a budget that no clock touches, so that plans repeat."""
    runs: int = Field(2, ge=1, le=1000)
    """Runs per district and shift, each from a start of its own; the lottery adds two for each."""
    lottery: bool = True
    """Draw the routes from many that are nearly as good, so that patrol cannot be foreseen."""
    variants: int = Field(24, ge=1, le=1000)
    """Most routes per district and shift in the lottery."""
    slack: Share = 0.03
    """Share of the best delivered gain that a route of the lottery may give up."""
    threads: int = Field(1, ge=0)
    """Threads that search routes (0: all cores). The result does not depend on it, and little is gained: for a week of
    Chicago's size two threads took 26 to 37 s, one took 21 to 42 s, because half of the work holds Python's lock."""

    @model_validator(mode="after")
    def _consistent(self) -> RoutesSection:
        faults = []
        if not 0 <= self.break_window[0] < self.break_window[1] <= 1:
            faults.append(f"break_window must be two shares, the earlier first: {self.break_window}")
        if self.matrix and self.streets:
            faults.append("give either matrix or streets, not both")
        if (self.streets_speed or self.streets_oneway) and not self.streets:
            faults.append("streets_speed and streets_oneway need streets: the file")
        if faults:
            raise ValueError("\n".join(faults))
        return self


class AreasSection(Section):
    """`[outreach.areas]`: the areas that outreach is planned for, and who lives there."""

    file: FilePath | None = None
    """Polygons with a label each; without it the areas are the districts."""
    layer: str | None = None
    """Layer of a GeoPackage."""
    column: str | None = None
    """Column with the label."""
    profile: FilePath
    """`area, residents, internet, languages`: residents, share of them who can be reached online (default 1), and
    shares who speak each language, such as "en=0.9;es=0.4" (a language that is not named is spoken by all)."""

    @model_validator(mode="after")
    def _column_with_file(self) -> AreasSection:
        if bool(self.file) != bool(self.column):
            raise ValueError("file and column go together: the polygons, and their column of labels")
        return self


class NeedsSection(Section):
    """`[outreach.needs]`: what makes an area's need more or less than the harm expected there.

    need = harm × exp(trend_weight · ln(trend) + survey_weight · survey + requests_weight · requests), where `trend` is
    the ratio of recent to earlier events (shrunk), `survey` and `requests` are standardised over the areas; the factor
    stays between 1 / most_factor and most_factor.
    """

    trend_weight: float = Field(0.0, ge=-5, le=5)
    """Weight of the trend."""
    survey_weight: float = Field(0.0, ge=-5, le=5)
    """Weight of the survey's estimate; areas where it is unknown stand at the mean."""
    requests_weight: float = Field(0.0, ge=-5, le=5)
    """Weight of requests by communities."""
    most_factor: float = Field(3.0, ge=1, le=100)
    """Largest factor, and its inverse the smallest."""
    days: int = Field(91, ge=7, le=366)
    """Days of the recent window that the trend compares with the same days a year earlier."""
    requests: FilePath | None = None
    """`area, date, requests, topic`: counts of requests by communities; no names, no texts."""


class SurveySection(Section):
    """`[outreach.survey]`: a survey of residents, one row per answer."""

    file: FilePath
    """CSV or Parquet."""
    question: str
    """Column with the answers: numbers, or 0 and 1. More means more need (fear, victimisation, distrust)."""
    area: str = "area"
    """Column with the area."""
    weight: str | None = None
    """Column with the survey weights; without it all weigh the same."""
    stratum: str | None = None
    """Column with the strata."""
    cluster: str | None = None
    """Column with the primary sampling units."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Level of the intervals."""
    min_answers: int = Field(30, ge=2, le=10_000)
    """Areas with fewer answers are shrunk towards the whole, or shown as unknown."""
    small: Literal["shrink", "unknown"] = "shrink"
    """What is done with them."""
    synthetic: bool = False
    """Whether the survey is invented; said wherever it is used."""


class Floor(Section):
    """`[[outreach.floors]]`: holdings that an area, or a district, gets in any case."""

    area: str | None = None
    """An area."""
    district: str | None = None
    """All areas of a district together."""
    least: int = Field(1, ge=0)
    """Fewest holdings."""

    @model_validator(mode="after")
    def _one_place(self) -> Floor:
        if bool(self.area) == bool(self.district):
            raise ValueError("name either an area or a district")
        return self


class SharedSection(Section):
    """`[outreach.shared]`: patrol units that can do outreach instead, and what their patrol is worth."""

    skill: str
    """Units with this skill can hold initiatives in their shifts; skills and languages of `units.csv` count."""
    patrol_value: float = Field(gt=0, le=1)
    """Assumed share of the covered harm that patrol prevents: the rate at which the two are traded."""
    source: str = Field(min_length=1)
    """Where that comes from; printed with the plan."""
    least_share: Share = 0.0
    """Least share of outreach in the hours of patrol and outreach together, in the weeks that patrol is planned for."""
    most_share: Share = 1.0
    """Most of it."""

    @model_validator(mode="after")
    def _in_order(self) -> SharedSection:
        if self.least_share > self.most_share:
            raise ValueError(f"least_share = {self.least_share:g} is above most_share = {self.most_share:g}")
        return self


class BulletinSection(Section):
    """`[outreach.bulletin]`: drafts for the public, which a person approves."""

    min_count: int = Field(5, ge=1, le=1000)
    """Counts below this are not shown."""
    languages: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = ("en", "es")
    """Languages of the catalogues, in this order."""
    post_lengths: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (280, 500)
    """Longest texts of short posts, in characters."""
    contact: str = ""
    """Where feedback goes: a role mailbox or a page."""


class OutreachSection(Section):
    """`[outreach]`: initiatives offered to the optimiser, jointly with patrol."""

    initiatives: FilePath
    """Table (CSV), or `[[initiative]]` entries (TOML); see `allocator.domain.Initiative` for the keys."""
    areas: AreasSection
    """The areas, and who lives there."""
    venues: FilePath | None = None
    """`venue, area, capacity, opens, closes, weekdays, partner, reach_areas, audiences, closed, lon, lat`: rooms."""
    partners: FilePath | None = None
    """`partner, mailbox, areas, audiences, languages, hours, closed, funds, lead_days, declined`: organisations."""
    points: FilePath | None = None
    """`point, area, stock, covers, share, partner`: distribution points for materials."""
    channels: FilePath | None = None
    """`channel, areas, share, cost, languages, audiences, most_per_week`: channels of campaigns."""
    funds: FilePath | None = None
    """`fund, amount, areas, types, kinds, partner`: earmarked money, on top of the budget."""
    answers: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()
    """Files in which partners confirmed or declined items of an earlier plan (`answers.csv` of their packages)."""
    delivered: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()
    """What happened to the items of earlier plans (`delivery.csv`, filled in): capacities and lead times are learnt."""
    earlier: FilePath | None = None
    """`outreach.parquet` of an earlier plan for the same time: items that change keep their id and count it."""
    topics: dict[str, Texts] = {}
    """Offence kinds that each topic is about."""
    weeks: int | None = Field(None, ge=1, le=13)
    """Weeks planned, from the first day of the job; by default those of the job."""
    horizon_weeks: float = Field(13.0, gt=0, le=520)
    """Weeks after a holding over which its effect counts."""
    budget: float = Field(0.0, ge=0, le=1e12)
    """General money for the plan, in the currency of the costs."""
    fairness: Literal["sum", "max_min"] = "sum"
    """ "sum": most harm prevented; "max_min": first as many contacts per resident as can be where they are fewest."""
    floors: Annotated[tuple[Floor, ...], Field(strict=False)] = ()
    """Holdings that areas or districts get in any case."""
    most_per_area_week: int | None = Field(None, ge=1)
    """Burden cap: most holdings in one area and week."""
    most_minutes_per_area_week: int | None = Field(None, ge=0)
    """Burden cap: most minutes of patrol visits and holdings together in one area and planned week of patrol."""
    visits_near_events: bool = False
    """Whether each event at a venue gets patrol visits nearby in the shifts before its start and after its end."""
    travel_kmh: float = Field(25.0, gt=0, le=150)
    """Speed of the teams between holdings."""
    changeover_minutes: int = Field(30, ge=0, le=240)
    """Least minutes of a team between two holdings, to pack up; travel comes on top where it takes longer."""
    materials_hours: Annotated[tuple[dt.time, dt.time], Field(strict=False)] = (dt.time(9), dt.time(18))
    """Local hours of everything that is held at no venue, but online events, which may last until `online_until`."""
    online_until: dt.time = dt.time(21)
    """Latest end of online events."""
    budget_scenarios: Numbers = (-0.1, -0.2)
    """Changes of all money, as shares, that `allocator scenarios` plans for."""
    share_scenarios: Numbers = (0.15,)
    """Floors of outreach in all hours that `allocator scenarios` plans for, where units are shared."""
    needs: NeedsSection = NeedsSection()
    """What makes an area's need."""
    survey: SurveySection | None = None
    """A survey of residents."""
    shared: SharedSection | None = None
    """Patrol units that can do outreach."""
    bulletin: BulletinSection = BulletinSection()
    """Drafts for the public."""
    worth: bool = True
    """Whether the worth of limits and money is found by solving again."""
    effort: float = Field(2.0, ge=0.1)
    """Deterministic work limit of CP-SAT per calendar week, in its own units; no clock decides the result."""

    @model_validator(mode="after")
    def _possible(self) -> OutreachSection:
        faults = []
        if wrong := [one for one in self.budget_scenarios if not -1 <= one <= 10 or one == 0]:
            faults.append(f"budget_scenarios: {some(wrong)} cannot be: a change is -1 or more, and not 0")
        if wrong := [one for one in self.share_scenarios if not 0 <= one <= 1]:
            faults.append(f"share_scenarios: {some(wrong)} cannot be: a share is from 0 to 1")
        if self.materials_hours[0] >= self.materials_hours[1]:
            faults.append("materials_hours: the second time must be after the first")
        if faults:
            raise ValueError("\n".join(faults))
        return self


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
        if wrong := [one for one in self.staff if not -1 < one <= 1 or one == 0]:
            faults.append(f"staff: {some(wrong)} cannot be: a change is above -1 and at most 1, and not 0")
        if wrong := [one for one in self.equity_within if not 0 <= one < 1]:
            faults.append(f"equity_within: {some(wrong)} cannot be: a half width is from 0 to below 1")
        if wrong := [one for one in self.budget if one < 0]:
            faults.append(f"budget: {some(wrong)} cannot be: a budget is 0 or more")
        if odd := [f"{kind} = {weight}" for kind, weight in self.harm.items() if not 0 <= weight <= 1e9]:
            faults.append(f"harm: {some(odd)} cannot be: a weight is 0 or more")
        if self.harm and not any(self.harm.values()):
            faults.append("harm: every kind weighs 0, so there is no target")
        if faults:
            raise ValueError("\n".join(faults))
        return self


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
    output: OutputSection = OutputSection()
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


def _unknown_shift(where: str, name: str, names: list[str]) -> str:
    return f"{where}: unknown shift {name!r}{nearest(name, names)}; shifts are {some(names, 10)}"


def parse_job(content: Mapping[str, Any], *, folder: str | Path | None = None, source: str = "job") -> Job:
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
        faults = [fault for one in error.errors() for fault in _fault(one)]
        count = f"{len(faults)} faults" if len(faults) > 1 else "1 fault"
        raise ConfigError(f"{source}: {count} in the job", faults=faults) from None


def _fault(error: Any) -> list[str]:
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


def _keys_at(location: tuple[Any, ...]) -> list[str]:
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


def _section_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        if found := _section_in(inner):
            return found
    return None
