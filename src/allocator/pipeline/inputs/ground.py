"""Ground: where a job plans. What no later stage can mend is refused here, by every command alike."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyproj

from allocator import io, planning, report, risk
from allocator.config import Job
from allocator.domain import Area, Bools, Floats, Tessellation
from allocator.facts import Note, note

_FAR_HOURS = 4.0
"""No place keeps a clock farther from its sun; the west of China comes to 3."""


@dataclass(frozen=True, eq=False)
class Ground:
    """A job, its study area, and the cells of the places that it names.

    Parameters
    ----------
    job : Job
        The job, resolved.
    area : Area
        Study area, with districts and beats.
    city : Tessellation
        Its cells.
    places : mapping of str to (n_cells,) bool
        The cells of each polygon file that a limit or a window names.
    residents : mapping of str to (2, n_cells) float64
        By name of `allocation.exposure`: residents of the group, and all residents, per cell.
    """

    job: Job
    area: Area
    city: Tessellation
    places: Mapping[str, Bools]
    residents: Mapping[str, Floats]

    @property
    def notes(self) -> tuple[Note, ...]:
        """What a planner should know of the area."""
        return self.area.notes


def ground_of(job: Job) -> Ground:
    """Return the ground of a job, after the checks at its door: files, products, names of models and solvers.

    Raises
    ------
    ConfigError, DataError
        With every fault of the job file, or of one file, at once.
    """
    if not isinstance(job, Job):
        raise TypeError(f"a job is needed, not {type(job).__name__}: read_job makes one of a file")
    io.check_files(job)
    report.check_products(job.output.products)
    risk.check_model(job.risk.model)
    risk.check_holidays(job.risk.holidays, job.job.week.year)
    planning.check_solver(job.allocation.solver)
    area = _with_zone(io.read_job_area(job), job.job.timezone)
    city = tessellate(job, area)
    return Ground(job, area, city, _places(job, city), io.read_job_residents(job, city))


def _with_zone(area: Area, timezone: str) -> Area:
    """Return the area, with a note where its longitude is hours away from the time zone."""
    x, y = area.outline.centroid.coords[0]
    lon, _ = pyproj.Transformer.from_crs(area.crs, "EPSG:4326", always_xy=True).transform(x, y)
    offset = dt.datetime(2026, 1, 1, tzinfo=zoneinfo.ZoneInfo(timezone)).utcoffset()
    hours = (offset.total_seconds() if offset else 0.0) / 3600 - lon / 15
    away = abs((hours + 12) % 24 - 12)
    if away <= _FAR_HOURS:
        return area
    return dataclasses.replace(area, notes=(*area.notes, note("history.zone_far", zone=timezone, lon=lon, hours=away)))


def tessellate(job: Job, area: Area) -> Tessellation:
    """Return the cells that a job asks for."""
    section = job.tessellation
    if section.kind == "squares":
        return Tessellation.squares(area, section.size_m)
    if section.kind == "hexagons":
        return Tessellation.hexagons(area, section.edge_m)
    if section.file is not None:
        return Tessellation.polygons(area, io.read_polygons(section.file, area.crs)[0])
    return Tessellation.polygons(area, area.beat_polygons if area.beat_polygons is not None else area.polygons)


def _places(job: Job, city: Tessellation) -> dict[str, Bools]:
    named = [place for _, place in planning.places_named(job.policy, job.allocation)] + list(job.routes.windows)
    shapes = {
        file: io.read_polygons(file, city.crs)[0] for file in sorted({place.file for place in named if place.file})
    }
    return {file: np.logical_or.reduce([city.within(shape) for shape in own]) for file, own in shapes.items()}
