"""Invented cities and problems for demos, tests and benchmarks."""

from allocator.synthetic.city import make_city
from allocator.synthetic.ground import polygons_geojson
from allocator.synthetic.problem import allocation_problem
from allocator.synthetic.rosters import rosters

__all__ = ["allocation_problem", "make_city", "polygons_geojson", "rosters"]
