"""Layers for geographic information systems, read back by GDAL."""

from __future__ import annotations

import json
import sqlite3

import geopandas
import numpy as np
import pandas as pd
import pyogrio
import pytest
from defusedxml import ElementTree
from hypothesis import given
from hypothesis import strategies as st

from allocator.domain import CLASS_SHARES, harm_classes
from allocator.io.gis.cells import fixed_date
from allocator.io.gis.layers import ATTRIBUTES, attributes_of, gis_files, layers_of
from allocator.report.look.palette import RISK, risk_names
from page_runs import HOSTILE, city_of, hostile, run_of


def written(run, folder):
    files = gis_files(run, colours=RISK, names=tuple(risk_names()))
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
    return files


@pytest.fixture(scope="module")
def place(demo_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("gis")
    written(demo_run, folder)
    return folder / "gis"


def test_the_geopackage_has_every_layer_with_a_style(place, demo_run):
    names = dict(pyogrio.list_layers(place / "plan.gpkg").tolist())
    assert set(ATTRIBUTES) <= set(names)
    with sqlite3.connect(place / "plan.gpkg") as base:
        styles = dict(base.execute("SELECT f_table_name, styleQML FROM layer_styles WHERE useAsDefault = 1"))
    base.close()
    assert set(styles) == set(ATTRIBUTES)
    for text in styles.values():
        ElementTree.fromstring(text)
    colours = [f"{int(c[1:3], 16)},{int(c[3:5], 16)},{int(c[5:], 16)}" for c in RISK]
    assert all(colour in styles["cells"] for colour in colours)
    visits = pyogrio.read_dataframe(place / "plan.gpkg", layer="visits")
    plan = demo_run.plan.visits
    assert list(visits["unit"]) == list(plan["unit"])
    assert (visits["start"].dt.tz_convert("UTC") == plan["start"].to_numpy()).all()
    city = demo_run.surface.city
    assert np.abs(visits.geometry.x - city.x[plan["cell"]]).max() < 1e-6


@pytest.mark.parametrize(
    ("file", "layer"),
    [("plan.gpkg", "cells"), ("plan.gpkg", "districts"), ("districts.geojson", None), ("beats.geojson", None),
     ("plan.kml", "districts"), ("plan.kml", "beats"), ("districts.parquet", None)],
)  # fmt: skip
def test_areas_come_back_within_a_millionth(place, demo_run, file, layer):
    path = place / file
    found = geopandas.read_parquet(path) if path.suffix == ".parquet" else geopandas.read_file(path, layer=layer)
    wanted = layers_of(demo_run)[layer or path.stem]
    area = found.to_crs(wanted.crs).geometry.area.to_numpy()
    assert len(found) == len(wanted)
    whole = np.maximum(wanted.geometry.area, 0.01 * demo_run.surface.city.size_m**2)  # slivers: of 1 % of a cell
    assert (np.abs(area - wanted.geometry.area.to_numpy()) / whole).max() < 1e-6


def test_geojson_is_that_of_the_standard(place):
    for name in ("districts", "beats", "routes", "outreach"):
        content = json.loads((place / f"{name}.geojson").read_text("utf-8"))
        assert "crs" not in content
        places = np.concatenate([np.ravel(_flat(one["geometry"]["coordinates"])) for one in content["features"]])
        assert -180 <= places.min() <= places.max() <= 90  # the demo city lies in the west
        for one in content["features"]:
            if one["geometry"]["type"] == "Polygon":
                ring = np.array(one["geometry"]["coordinates"][0])
                assert np.sum(ring[:-1, 0] * ring[1:, 1] - ring[1:, 0] * ring[:-1, 1]) > 0  # right-handed


def _flat(nested):
    return nested if not isinstance(nested[0], list) else [x for part in nested for x in np.ravel(_flat(part))]


def test_every_attribute_is_explained(place, demo_run):
    table = pd.read_csv(place / "attributes.csv")
    layers = layers_of(demo_run)
    assert set(zip(table["layer"], table["attribute"], strict=True)) == {
        (name, column) for name, frame in layers.items() for column in frame.columns if column != "geometry"
    }
    assert table["meaning"].str.len().min() > 3
    inside = pyogrio.read_dataframe(place / "plan.gpkg", layer="attributes", read_geometry=False)
    assert len(inside) == len(table) == len(attributes_of(layers))


def test_kml_and_parquet_hold_the_visits(place, demo_run):
    plan = demo_run.plan.visits
    kml = pyogrio.read_dataframe(place / "plan.kml", layer="visits")
    assert list(kml["unit"]) == list(plan["unit"])
    assert list(kml["reason"]) == list(plan["reason"])
    table = geopandas.read_parquet(place / "visits.parquet")
    assert list(table["cell"]) == list(plan["cell"])
    assert table.crs.is_projected


def test_the_same_run_gives_the_same_bytes(demo_run, tmp_path):
    first, second = (written(demo_run, tmp_path / part) for part in "ab")
    assert first == second


def test_names_stay_text(demo_run, tmp_path):
    written(hostile(demo_run), tmp_path)
    ElementTree.parse(tmp_path / "gis" / "plan.kml")
    shown = HOSTILE.replace("\u0007", "\ufffd")
    kml = pyogrio.read_dataframe(tmp_path / "gis" / "plan.kml", layer="visits")
    assert shown in set(kml["unit"])
    assert HOSTILE in set(pyogrio.read_dataframe(tmp_path / "gis" / "plan.gpkg", layer="visits")["unit"])


def test_odd_runs_have_layers(demo_run, tmp_path):
    files = written(run_of(demo_run, city_of(1, 1, 1), units=0, visits=0), tmp_path)
    assert {"gis/plan.gpkg", "gis/plan.kml", "gis/districts.geojson"} <= set(files)
    assert "gis/visits.parquet" not in files
    with fixed_date():
        assert len(pyogrio.read_dataframe(tmp_path / "gis" / "plan.gpkg", layer="cells")) == 1


def plain_class(cell, harm, area):
    """The class of one cell, counted out."""
    density = [h / a for h, a in zip(harm, area, strict=True)]
    if density[cell] <= 0:
        return 0
    less = sum(a for d, a in zip(density, area, strict=True) if d < density[cell])
    same = sum(a for d, a in zip(density, area, strict=True) if d == density[cell])
    return sum((less + same / 2) / sum(area) >= share for share in CLASS_SHARES)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.sampled_from([0.5, 1.0, 2.0])), min_size=1, max_size=40),
)
def test_classes_of_harm_are_those_counted_out_and_equals_are_equal(cells):
    harm, area = (np.array(one, np.float64) for one in zip(*cells, strict=True))
    found = harm_classes(harm, area)
    assert list(found) == [plain_class(n, harm, area) for n in range(len(harm))]


def test_half_of_an_area_is_pale_and_one_percent_darkest():
    found = harm_classes(np.arange(1.0, 1001.0), np.ones(1000))
    assert np.bincount(found).tolist() == [500, 300, 100, 50, 30, 10, 10]
    assert not harm_classes(np.zeros(9), np.ones(9)).any()
