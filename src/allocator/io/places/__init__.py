"""Areas, residents and travel."""

from allocator.io.places.area import read_area, read_job_area, read_polygons, read_valued_polygons
from allocator.io.places.residents import read_job_residents
from allocator.io.places.travel import read_job_travel

__all__ = [
    "read_area", "read_job_area", "read_job_residents", "read_job_travel", "read_polygons", "read_valued_polygons",
]  # fmt: skip
