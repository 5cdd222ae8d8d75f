"""How many cells kernels reach: what is refused, and that what is said to do does."""

from __future__ import annotations

import re

import numpy as np
import pytest
import shapely

from allocator.domain import Area, Tessellation
from allocator.errors import ConfigError
from allocator.risk.features import reach
from allocator.risk.features.histories import Space, within


def city_of(size_m: float, *, kind: str = "squares", side_km: float = 6.0) -> Tessellation:
    box = np.empty(1, object)
    box[0] = shapely.box(0, 0, 1000 * side_km, 1000 * side_km)
    return getattr(Tessellation, kind)(Area(box, ("1",), "EPSG:32616"), size_m)


def test_pairs_are_estimated_from_some_cells(monkeypatch):
    city = city_of(100.0)
    monkeypatch.setattr(reach, "_SAMPLE", 500)
    for radius in (0.0, 100.0, 450.0, 2000.0):
        assert reach.pairs_within(city, radius) == pytest.approx(within(city, radius).indptr[-1], rel=0.03)


@pytest.mark.parametrize("kind", ["squares", "hexagons"])
@pytest.mark.parametrize("widths", [(150.0, 300.0, 600.0), (2000.0,), (500.0, 700.0, 900.0), (20_000.0,)])
def test_widths_and_cells_that_are_said_to_do_do(monkeypatch, kind, widths):
    city, key = city_of(100.0, kind=kind), "size_m" if kind == "squares" else "edge_m"
    monkeypatch.setattr(reach, "MAX_PAIRS", 200_000)
    with pytest.raises(ConfigError, match=rf"risk\.bandwidths_m = .* or tessellation\.{key} = \d+ would do") as told:
        Space.of(city, half_lives=(10.0,), bandwidths=widths)
    said = str(told.value).split(": ")[-1]
    narrower = [float(width) for width in re.search(r"bandwidths_m = \[(.*?)\]", said)[1].split(", ")]
    assert max(narrower) <= max(widths)
    reach.check_reach(city, narrower)
    reach.check_reach(city_of(float(re.search(rf"{key} = (\d+)", said)[1]), kind=kind), widths)


def test_where_no_width_would_do_larger_cells_are_named(monkeypatch):
    monkeypatch.setattr(reach, "MAX_PAIRS", 4_000)
    with pytest.raises(ConfigError, match=r"200: tessellation\.size_m = \d+ would do|4,000: tessellation\.size_m"):
        reach.check_reach(city_of(100.0), (300.0,))
    with pytest.raises(ConfigError, match=r"within 450 m of each other, .* tessellation\.size_m = \d+ would do"):
        within(city_of(100.0), 450.0)
