from __future__ import annotations

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.domain import Area, Tessellation
from allocator.errors import DataError

CRS = "EPSG:32616"


def area_of(*polygons, beats=()) -> Area:
    def array(items):
        filled = np.empty(len(items), dtype=object)
        filled[:] = items
        return filled

    labels = tuple(str(n + 1) for n in range(len(polygons)))
    return Area(
        array(polygons),
        labels,
        CRS,
        array(beats) if beats else None,
        tuple(f"b{n}" for n in range(len(beats))),
    )


BOX = shapely.box(1010, 2020, 2000, 2900)
DONUT = shapely.Point(5000, 5000).buffer(900).difference(shapely.Point(5100, 5000).buffer(300))
CITY = area_of(DONUT.intersection(shapely.box(0, 0, 5000, 9000)), DONUT.intersection(shapely.box(5000, 0, 9000, 9000)))
MAKERS = {
    "squares": lambda area: Tessellation.squares(area, 150),
    "hexagons": lambda area: Tessellation.hexagons(area, 90),
    "polygons": lambda area: Tessellation.polygons(
        area,
        [shapely.box(x, y, x + 400, y + 300) for x in range(4000, 6000, 400) for y in range(4000, 6000, 300)],
    ),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_cells_cover_the_area_once_and_neighbours_are_mutual(kind):
    city = MAKERS[kind](CITY)
    assert city.area_km2.sum() == pytest.approx(CITY.outline.area / 1e6, rel=1e-5)
    assert (city.area_km2 > 0).all()
    assert set(city.district) == {0, 1}
    pairs = {(i, j) for i in range(city.n_cells) for j in city.indices[city.indptr[i] : city.indptr[i + 1]].tolist()}
    assert all((j, i) in pairs and i != j for i, j in pairs)


@pytest.mark.parametrize(("kind", "most"), [("squares", 8), ("hexagons", 6)])
def test_inner_cells_have_all_neighbours_and_they_touch(kind, most):
    city = MAKERS[kind](CITY)
    degree = np.diff(city.indptr)
    assert degree.max() == most
    cell = int(np.argmax(degree))
    near = city.indices[city.indptr[cell] : city.indptr[cell + 1]]
    assert (shapely.distance(city.geometry[cell], city.geometry[near]) < 1e-6).all()


@pytest.mark.parametrize("kind", MAKERS)
@given(seed=st.integers(0, 10_000))
@settings(max_examples=15, deadline=None)
def test_locate_agrees_with_shapely(kind, seed):
    city, rng = MAKERS[kind](CITY), np.random.default_rng(seed)
    x, y = rng.uniform(3900, 6100, (2, 500))
    point, cell = shapely.STRtree(city.geometry).query(shapely.points(x, y), predicate="intersects")
    expected = np.full(500, -1)
    expected[point[::-1]] = cell[::-1]
    np.testing.assert_array_equal(city.locate(x, y), expected)


def test_every_centre_is_located_in_its_own_cell():
    convex = area_of(BOX)
    for city in (Tessellation.squares(convex, 150), Tessellation.hexagons(convex, 90)):
        np.testing.assert_array_equal(city.locate(city.x, city.y), np.arange(city.n_cells))


def test_points_on_shared_borders_belong_to_one_cell_and_strange_points_to_none():
    city = Tessellation.squares(area_of(shapely.box(0, 0, 600, 600)), 150)
    assert city.n_cells == 16
    assert city.locate([150.0, 0.0, 149.999], [0.0, 150.0, 0.0]).tolist() == [1, 4, 0]
    assert city.locate([np.nan, np.inf, -1.0, 1e12], [10.0, 10.0, 10.0, 10.0]).tolist() == [-1] * 4


def test_squares_snap_to_the_origin_of_the_projection():
    whole = Tessellation.squares(area_of(BOX), 150)
    again = Tessellation.squares(area_of(BOX), 150)
    np.testing.assert_array_equal(whole.x, again.x)
    inner = shapely.bounds(whole.geometry[whole.area_km2 > 0.0224999])
    np.testing.assert_allclose(inner % 150 % 149.999999, 0, atol=1e-5)


def test_hexagons_are_of_equal_area():
    city = Tessellation.hexagons(area_of(shapely.box(0, 0, 5000, 5000)), 90)
    full = city.area_km2[np.diff(city.indptr) == 6]
    np.testing.assert_allclose(full, 1.5 * np.sqrt(3) * 90**2 / 1e6, rtol=1e-9)


def test_cells_take_the_district_and_beat_that_covers_most_of_them():
    left, right = shapely.box(0, 0, 160, 300), shapely.box(160, 0, 300, 300)
    city = Tessellation.squares(area_of(left, right, beats=[shapely.box(0, 0, 300, 140)]), 150)
    assert city.district.tolist() == [0, 1, 0, 1]
    assert city.beat.tolist() == [0, 0, -1, -1]


def test_enclaves_belong_to_their_own_district():
    hole = shapely.box(300, 300, 600, 600)
    city = Tessellation.squares(area_of(shapely.box(0, 0, 900, 900).difference(hole), hole), 150)
    assert (city.district == 1).sum() == 4


def test_sizes_that_cannot_be_meant_are_refused():
    with pytest.raises(DataError, match="is the size in metres"):
        Tessellation.squares(area_of(shapely.box(0, 0, 5e6, 5e6)), 20)
    with pytest.raises(DataError, match="empty"):
        Tessellation.squares(area_of(shapely.Polygon()), 150)
    with pytest.raises(DataError, match="overlaps the study area"):
        Tessellation.polygons(area_of(BOX), [shapely.box(0, 0, 1, 1)])


def test_within_takes_centres():
    city = Tessellation.squares(area_of(shapely.box(0, 0, 600, 600)), 150)
    assert city.within(shapely.box(0, 0, 300, 300)).sum() == 4
