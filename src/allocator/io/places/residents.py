"""Residents per cell, for limits on how patrol falls on groups of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from allocator.config import Job
from allocator.domain import Covariates, Floats, Tessellation
from allocator.errors import DataError
from allocator.io.places.area import read_valued_polygons

_ROUNDING = 1e-6


def read_job_residents(job: Job, city: Tessellation) -> Mapping[str, Floats]:
    """Return, by name of `allocation.exposure`, the residents of the group and all residents, (2, n_cells) float64.

    Totals of polygons are spread over the cells by share of the polygon's area.

    Raises
    ------
    DataError
        With every file whose column is missing, negative, or larger for the group than for all.
    """
    found, faults = {}, []
    for one in job.allocation.exposure:
        where = Path(one.file).name
        totals = []
        for column in (one.column, one.of):
            polygons, values, _ = read_valued_polygons(one.file, city.crs, column)
            if (n := int((values < 0).sum())) > 0:
                faults.append(f"{where}: column {column!r} holds {n:,} negative numbers of residents")
            totals.append(values)
        if n := int((totals[0] > totals[1] + _ROUNDING).sum()):
            faults.append(f"{where}: {n:,} polygons have more residents in {one.column!r} than in {one.of!r}")
        spread = [Covariates.of_totals(city, one.name, polygons, np.nan_to_num(values)) for values in totals]
        found[one.name] = np.nan_to_num(np.stack([part.cells[one.name].astype(np.float64) for part in spread]))
    if faults:
        raise DataError("residents of allocation.exposure cannot be used", faults=faults)
    return found
