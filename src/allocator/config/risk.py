"""Sections of a job about its forecast."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, field_validator, model_validator

from allocator.config.base import FilePath, Numbers, Section, Texts


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
    """A name of the registry `allocator.risk.MODELS`; "auto" adds up several per kind, by held-out likelihood."""
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
