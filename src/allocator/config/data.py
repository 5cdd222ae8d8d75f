"""Sections of a job about its events, area, cells, shifts and policy."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from allocator.config.base import FilePath, PlaceLimit, Section, Share, Texts
from allocator.errors import nearest, some

ENFORCEMENT_FAMILIES = ("drugs", "vice", "disorder", "warrants", "traffic")


class ColumnMap(Section):
    """`[data.columns]`: which column of the event file holds what. Unmapped columns are not read."""

    time: str | None = None
    """When it happened (start, where `end` is given)."""
    date: str | None = None
    """Date part, where date and time of day are two columns."""
    clock: str | None = None
    """Time-of-day part: HH:MM[:SS], also with AM or PM; HHMM, HHMMSS, HH.MM, shares of a day; or hours alone."""
    year: str | None = None
    """Year, month and day, where they are three columns,"""
    month: str | None = None
    """as numbers or names,"""
    day: str | None = None
    """the day of the month,"""
    hour: str | None = None
    """with the hour, 0 to 24,"""
    minute: str | None = None
    """and the minute."""
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
    place: str | None = None
    """Place in one column: "POINT (lon lat)", "(lat, lon)", GeoJSON, or degrees, minutes and seconds."""
    id: str | None = None
    """Incident number; of rows that repeat it one is kept, see `data.duplicates`."""
    version: str | None = None
    """Time or number of the version of a row; the highest is kept with `duplicates = "last"`."""
    weight: str | None = None
    """Weight of the event (default 1)."""
    count: str | None = None
    """Signed count, +1 or -1; needs `data.corrections = "net"` if negative values occur."""
    origin: str | None = None
    """How the event came to the agency; see `data.officer_initiated`."""


class LeaveOut(Section):
    """`[[data.leave_out]]`: rows that are not events, by the value of a column or by their place."""

    column: str | None = None
    """Column of the file, mapped or not,"""
    values: Texts = ()
    """and its values (case does not matter), such as "UNFOUNDED";"""
    at: Annotated[tuple[float, float], Field(strict=False)] | None = None
    """or a place on which unplaced events are put, such as the station, as the file has it: [lon, lat] or [x, y]."""
    within: float = Field(1e-5, ge=0)
    """How near to it, in the units of `at`."""

    @model_validator(mode="after")
    def _one_rule(self) -> LeaveOut:
        if (self.column is None) == (self.at is None) or (self.column is None) != (not self.values):
            raise ValueError("give either column and values, or at")
        return self


class DataSection(Section):
    """`[data]`: the incident or call history."""

    events: Annotated[tuple[FilePath, ...], Field(strict=False, min_length=1)]
    """Files, or patterns such as "events_*.csv": CSV, Parquet, XLSX, XLS, ODS, JSON, GeoJSON, GeoPackage, Shapefile."""
    preset: str | None = None
    """A known source ("chicago", "new_york", …) that fills in columns, time format and place system."""
    columns: ColumnMap = ColumnMap()
    """Column map; overrides the preset."""
    crs: str | None = None
    """Coordinate system of `x`, `y` (for example "EPSG:2913"); lon/lat need none."""
    layer: str | None = None
    """Layer of a GeoPackage, or sheet of a workbook; by default the first."""
    time_format: str | None = None
    """strptime format of the time column (or of `date`), or "epoch s", "epoch ms", "excel"; found out if absent."""
    dates: Literal["auto", "day first", "month first"] = "auto"
    """Order of dates such as 03/04/2025; "auto": by the numbers above 12 in the column, refused without any."""
    offsets: Literal["keep", "ignore"] = "keep"
    """Whether an offset such as Z behind a time is meant, or the time is local whatever stands behind it."""
    missing: Texts = ()
    """Codes that stand for nothing in any mapped column, such as "-999" or "NSA"."""
    leave_out: Annotated[tuple[LeaveOut, ...], Field(strict=False)] = ()
    """Rows that are not events: unfounded ones, or those heaped at one place."""
    not_personal: Texts = ()
    """Columns that may be mapped although their names look personal, as they hold nothing about persons."""
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
    duplicates: Literal["id", "last", "row", "keep"] = "id"
    """Of rows that repeat an id, keep the first, or the last (by `columns.version`, else in order of the file); drop
    rows equal in every mapped column; or keep all."""
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
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str) else value


class AreaSection(Section):
    """`[area]`: the study area, its districts and beats."""

    file: FilePath
    """Polygons of the districts (or of the whole area): GeoJSON, Esri JSON, TopoJSON, GeoPackage, Shapefile (zipped,
    too), file geodatabase, GeoParquet, FlatGeobuf, KML, KMZ, or a table with WKT."""
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
