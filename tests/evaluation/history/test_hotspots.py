from __future__ import annotations

import datetime as dt

import geopandas
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.domain import Area, RiskSurface, Tessellation
from allocator.errors import ConfigError, DataError, OutputError

KINDS = ("theft", "assault")


def city_of(outline=None) -> Tessellation:
    polygons = np.empty(1, dtype=object)
    polygons[0] = shapely.box(400_000, 4_500_000, 401_000, 4_501_000) if outline is None else outline
    return Tessellation.squares(Area(polygons, ("1",), "EPSG:32616"), 150)


CLIPPED = city_of()  # 1 km is no multiple of 150 m
DONUT = city_of(shapely.Point(400_000, 4_500_000).buffer(900).difference(shapely.Point(400_100, 4_500_000).buffer(300)))


def surface_of(mean, city=CLIPPED, harm=(1.0, 1.0)) -> RiskSurface:
    mean = np.asarray(mean, np.float32)
    flat = np.zeros(mean.shape, np.float32)
    return RiskSurface(
        city=city, kinds=KINDS, shifts=tuple(f"s{row}" for row in range(len(mean))), mean=mean, lower=flat, upper=flat,
        all_lower=flat[:, :, 0], all_upper=flat[:, :, 0], harm=np.array(harm), models=("kde", "kde"),
        cutoff=dt.date(2020, 1, 1), dispersion=np.zeros((city.n_cells, 3), np.float32), district_dispersion=np.zeros(3),
        city_dispersion=np.zeros(3),
    )  # fmt: skip


def random_surface(seed=0, city=CLIPPED, shifts=2) -> RiskSurface:
    return surface_of(np.random.default_rng(seed).gamma(0.3, size=(shifts, city.n_cells, 2)), city)


@given(st.integers(0, 10_000), st.floats(0.0, 1.0), st.sampled_from([CLIPPED, DONUT]), st.booleans())
@settings(max_examples=80, deadline=None)
def test_the_first_cells_by_rank_fill_the_area_exactly(seed, part, city, coarse):
    surface = random_surface(seed, city)
    if coarse:  # many ties
        surface = surface_of(np.round(surface.mean * 2), city)
    largest = city.area_km2.max()
    wanted = largest + part * (city.area_km2.sum() - largest)
    table = al.hotspots(surface, area_km2=wanted)
    picked, density = table.hotspot.to_numpy() == 1, (table.expected / table.area_km2).to_numpy()
    total = table.area_km2[picked].sum()
    assert total <= wanted * (1 + 1e-8)
    assert density[picked].min() >= density[~picked].max(initial=0) * (1 - 1e-6)
    if not picked.all():
        tied = np.isclose(density, density[~picked].max(), rtol=1e-9, atol=0)
        following = np.flatnonzero(tied & ~picked)[0]
        assert total + table.area_km2[following] > wanted  # the next one would not fit
        assert not (tied & picked)[following:].any()  # ties by cell number


def test_kinds_shifts_and_harm_decide_what_is_ranked():
    surface = random_surface()
    mean = surface.mean.astype(np.float64)
    np.testing.assert_allclose(al.hotspots(surface, area_km2=0.1).expected, mean.sum(axis=(0, 2)))
    np.testing.assert_allclose(al.hotspots(surface, area_km2=0.1, kind="theft").expected, mean[:, :, 0].sum(axis=0))
    one = al.hotspots(surface_of(mean, harm=(5.0, 0.0)), area_km2=0.1, shift="s1")
    np.testing.assert_allclose(one.expected, 5 * mean[1, :, 0], rtol=1e-6)
    everything = al.hotspots(surface_of(mean, harm=(5.0, 0.0)), area_km2=0.1, kind="all")
    np.testing.assert_allclose(everything.expected, mean.sum(axis=(0, 2)), rtol=1e-6)
    assert list(one.columns) == ["cell", "expected", "area_km2", "hotspot", "geometry"]


def test_cells_cut_by_the_border_can_be_left_out():
    table = al.hotspots(random_surface(), area_km2=0.5, min_cell_km2=0.0225)
    picked = table[table.hotspot == 1]
    np.testing.assert_allclose(picked.area_km2, 0.0225)
    assert len(picked) == int(0.5 / 0.0225)


def test_all_of_the_city_may_be_taken():
    assert al.hotspots(random_surface(), area_km2=float(CLIPPED.area_km2.sum())).hotspot.all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"area_km2": 0}, "more than 0 and at most the city's 1 km²"),
        ({"area_km2": -1}, "cannot be"),
        ({"area_km2": float("nan")}, "cannot be"),
        ({"area_km2": 1.1}, "area_km2 = 1.1 cannot be"),
        ({"area_km2": 1e-5}, "holds no hotspot: the cell of highest rank has"),
        ({"area_km2": 0.1, "min_cell_km2": 1.0}, "no cell has min_cell_km2 = 1: the largest has 0.0225"),
        ({"area_km2": 0.1, "kind": "thefts"}, "did you mean 'theft'"),
        ({"area_km2": 0.1, "shift": "s7"}, "no shift 's7' is forecast"),
    ],
)
def test_what_cannot_be_is_refused(arguments, message):
    with pytest.raises(DataError) as caught:
        al.hotspots(random_surface(), **arguments)
    assert message in str(caught.value)


@pytest.mark.parametrize("name", ["cells.gpkg", "cells.geojson", "cells.shp"])
def test_files_hold_all_cells_and_a_binary_column(name, tmp_path):
    table = al.hotspots(random_surface(), area_km2=0.1)
    path = al.write_cells(table, tmp_path / "new" / name, crs="EPSG:3857")
    again = geopandas.read_file(path)
    assert again.hotspot.tolist() == table.hotspot.tolist()
    np.testing.assert_allclose(again.expected, table.expected, rtol=1e-6)
    assert again.crs == "EPSG:3857"
    assert not [one for one in path.parent.iterdir() if one.name.startswith(".")]
    with pytest.raises(OutputError, match="exists already"):
        al.write_cells(table, path)
    al.write_cells(table, path, overwrite=True)


def test_the_same_cells_give_the_same_bytes(tmp_path):
    table = al.hotspots(random_surface(), area_km2=0.1)
    first, second = (al.write_cells(table, tmp_path / part / "cells.gpkg") for part in ("a", "b"))
    assert first.read_bytes() == second.read_bytes()


def test_files_that_cannot_be_written_are_refused(tmp_path):
    table = al.hotspots(random_surface(), area_km2=0.1)
    with pytest.raises(ConfigError, match="cells are written to"):
        al.write_cells(table, tmp_path / "cells.csv")
    with pytest.raises(ConfigError, match="unknown coordinate system 'EPSG:0'"):
        al.write_cells(table, tmp_path / "cells.gpkg", crs="EPSG:0")
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot write"):
        al.write_cells(table, tmp_path / "file" / "cells.gpkg")
    city = Tessellation.regions([[0, 1], [1, 0]])
    bare = al.hotspots(surface_of([[[1, 0], [2, 0]]], city), area_km2=0.03)
    assert bare.hotspot.tolist() == [0, 1]
    with pytest.raises(DataError, match="known by their neighbours alone"):
        al.write_cells(bare, tmp_path / "cells.gpkg")
