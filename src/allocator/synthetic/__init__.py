"""Invented cities and problems for demos, tests and benchmarks."""

from allocator.synthetic.city import SyntheticCity, make_city
from allocator.synthetic.ground import TIMEZONE, polygons_geojson
from allocator.synthetic.problem import allocation_problem
from allocator.synthetic.rosters import rosters

__all__ = [
    "TIMEZONE",
    "SyntheticCity",
    "allocation_problem",
    "make_city",
    "polygons_geojson",
    "rosters",
]
