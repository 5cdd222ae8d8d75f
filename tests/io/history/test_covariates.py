from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import pickle

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pyproj import Transformer

import allocator as al
from allocator import pipeline
from allocator.config import BoostedOptions, CovariateSection, RiskSection
from allocator.domain import Area, Covariates, DatedPoints, Panel, Tessellation
from allocator.errors import ConfigError, DataError
from allocator.evaluation.forecasts.cases import fits
from allocator.evaluation.forecasts.folds import Asked, Fold, design_of
from allocator.facts import texts
from allocator.io.history.covariates import local_days
from allocator.io.job import dump_job, input_files, read_job
from allocator.io.tables.times import parse_times
from allocator.risk.fit import fit_all
from allocator.risk.models import glm
from allocator.synthetic.ground import CRS
from page_runs import with_products

ZONE = "America/Chicago"
FIRST = dt.date(2025, 1, 1)
OPTIONS = RiskSection(
    train_weeks=24, holdout_weeks=8, burn_in_days=28, half_lives_days=(30.0,), bandwidths_m=(300.0,), holidays="none",
    threads=1, boosted=BoostedOptions(rounds=100, leaves=8, min_leaf_events=8, rows=20_000),
)  # fmt: skip
TO_LONLAT = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)


def forecasts_of(known, design):
    return {model: one.forecast() for model, one in fits(known, design).items()}


def box_city(side=20, size=200.0):
    """A square of side × side cells; cell (row, column) is number row * side + column."""
    shape = shapely.box(500_000, 4_500_000, 500_000 + side * size, 4_500_000 + side * size)
    polygons = np.empty(1, object)
    polygons[0] = shape
    return Tessellation.squares(Area(polygons, ("all",), CRS), size)


@pytest.fixture(scope="module")
def city():
    return box_city()


@pytest.fixture(scope="module")
def small():
    """Four cells of 200 m."""
    return box_city(2)


def lonlat(city, cells, *, east=0.0):
    return TO_LONLAT.transform(city.x[cells] + east, city.y[cells])


def point_table(city, cells, **columns):
    lon, lat = lonlat(city, cells)
    return pd.DataFrame({"lon": lon, "lat": lat, **columns})


def points(file, **keys):
    return {"file": file, "form": "points", "lon": "lon", "lat": "lat", **keys}


@pytest.fixture
def save(tmp_path):
    """Writes a table or a map and returns its path."""

    def write(content, name="calls.csv"):
        path = tmp_path / name
        if isinstance(content, str):
            path.write_text(content)
        elif isinstance(content, gpd.GeoDataFrame):
            content.to_file(path)
        elif path.suffix == ".parquet":
            content.to_parquet(path)
        else:
            content.to_csv(path, index=False)
        return path

    return write


def read(city, *sources, **options):
    found = al.read_covariates(city, sources, timezone=ZONE, **options)
    assert found is not None
    return found


# Tables of cells


@pytest.mark.parametrize("name", ["cells.csv", "cells.parquet"])
def test_a_table_of_cells_is_read_with_gaps_counted_and_words_left_out(small, save, name):
    table = pd.DataFrame({"cell": [3, 0], "bars": [2.0, np.nan], "street": ["Elm", "Oak"], "owner name": ["a", "b"]})
    found = read(small, {"file": save(table, name), "form": "cells"})
    np.testing.assert_array_equal(found.cells["bars"], [np.nan, np.nan, np.nan, 2.0])
    told = " ".join(texts(found.notes))
    assert found.names == ("bars",)
    assert "missing in 3 of 4 cells" in told
    assert "'street'" in told
    assert "look personal are not read: 'owner name'" in told


def test_columns_of_cells_can_be_picked(small, save):
    table = pd.DataFrame({"cell": [0, 1, 2, 3], "bars": [1, 2, 3, 4], "parks": [0, 1, 0, 1]})
    assert read(small, {"file": save(table), "form": "cells", "columns": ["parks"]}).names == ("parks",)


# Points


def test_points_are_counted_in_the_cell_and_near_its_centre(city, save):
    table = point_table(city, [0, 0, 21])
    table.loc[3] = lonlat(city, 399, east=100_000.0)  # far away
    found = read(city, points(save(table), name="bars"))
    inside, near = found.cells["bars"], found.cells["bars within 300 m"]
    assert inside.sum() == 3
    assert inside[0] == 2
    metres = np.hypot(city.x[:, None] - city.x[[0, 0, 21]], city.y[:, None] - city.y[[0, 0, 21]])
    np.testing.assert_array_equal(near, (metres <= 300).sum(axis=1))
    assert any("1 more (25.0%) lie outside the area" in note.text for note in found.notes)


def test_points_outside_the_area_count_for_what_is_near(small, save):
    x, y = small.x.max() + 150, small.y.max()
    lon, lat = TO_LONLAT.transform([x, small.x[0]], [y, small.y[0]])
    found = read(small, points(save(pd.DataFrame({"lon": lon, "lat": lat})), name="bars", within_m=210.0))
    assert found.cells["bars"].sum() == 1
    np.testing.assert_array_equal(found.cells["bars within 210 m"], [1, 1, 1, 1])
    assert read(small, points(save(pd.DataFrame({"lon": lon, "lat": lat})), within_m=0.0)).names == ("calls",)


def test_dated_points_count_from_the_next_day_on_and_only_the_last_days_if_asked(small, save):
    table = point_table(small, [0, 0, 1], created=["2025-03-01", "2025-03-10", "2025-03-10"])
    path = save(table)
    found = read(small, points(path, time="created", within_m=0.0))
    assert found.at(dt.date(2025, 3, 1)).ravel().tolist() == [0, 0, 0, 0]
    assert found.at(dt.date(2025, 3, 2)).ravel().tolist() == [1, 0, 0, 0]
    assert found.at(dt.date(2025, 3, 11)).ravel().tolist() == [2, 1, 0, 0]
    recent = read(small, points(path, time="created", within_m=0.0, last_days=5))
    assert recent.at(dt.date(2025, 3, 11)).ravel().tolist() == [1, 1, 0, 0]
    assert recent.at(dt.date(2025, 3, 16)).ravel().tolist() == [0, 0, 0, 0]
    assert any("2025-03-01 to 2025-03-10" in note.text for note in found.notes)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(1, 40)), max_size=30), st.integers(1, 45), st.integers(1, 45))
def test_dated_counts_equal_a_plain_count(rows, day, last):
    cell, of_day = (np.array([row[i] for row in rows], np.int32) for i in (0, 1))
    for window in (None, last):
        dated = DatedPoints(cell, of_day, window)
        first = 0 if window is None else day - window
        plain = [sum(c == one and first <= d < day for c, d in rows) for one in range(4)]
        assert dated.counts(dt.date.fromordinal(day), 4).tolist() == plain


def test_each_type_is_a_covariate_or_all_together(small, save):
    path = save(point_table(small, [0, 1, 2, 3], kind=["lights", "lights", "vacant", "graffiti"]))
    each = read(small, points(path, kind="kind", kinds=["vacant", "lights"], within_m=0.0))
    assert each.names == ("vacant", "lights")
    assert each.cells["lights"].tolist() == [1, 1, 0, 0]
    together = read(small, points(path, kind="kind", kinds=["vacant", "lights"], split=False, within_m=0.0))
    assert together.cells["calls"].tolist() == [1, 1, 1, 0]
    assert set(read(small, points(path, kind="kind", within_m=0.0)).names) == {"graffiti", "lights", "vacant"}


def test_the_distance_to_the_nearest_point_is_in_metres(city, save):
    found = read(city, points(save(point_table(city, [0, 399])), measure="distance", name="station"))
    plain = np.hypot(city.x[:, None] - city.x[[0, 399]], city.y[:, None] - city.y[[0, 399]]).min(axis=1)
    np.testing.assert_allclose(found.cells["station"], plain, atol=0.01)


def test_points_of_a_map_file_and_of_projected_columns_are_the_same(small, save):
    places = shapely.points(small.x[[0, 3]], small.y[[0, 3]])
    layer = gpd.GeoDataFrame({"kind": ["a", "b"]}, geometry=places, crs=CRS)
    table = pd.DataFrame({"e": small.x[[0, 3]], "n": small.y[[0, 3]]})
    columns = {"form": "points", "x": "e", "y": "n", "crs": CRS, "name": "bars"}
    by_table = read(small, {"file": save(table), **columns})
    for path in (save(layer, "bars.gpkg"), save(layer.to_crs("EPSG:4326"), "bars.geojson")):
        by_map = read(small, {"file": path, "form": "points"})
        np.testing.assert_array_equal(by_map.at(FIRST), by_table.at(FIRST))
        assert by_map.names[0] == "bars"


def test_days_of_points_are_local_and_dates_stay_what_they_are():
    utc = parse_times(pd.Series(["2025-03-02T03:00:00Z", "2025-03-02T12:00:00Z"]))
    assert [dt.date.fromordinal(int(day)).day for day in local_days(utc, ZONE)] == [1, 2]
    dates = parse_times(pd.Series(["2025-03-02T00:00:00Z", "2025-03-03T00:00:00Z"]))
    assert [dt.date.fromordinal(int(day)).day for day in local_days(dates, ZONE)] == [2, 3]


# Polygons


def tracts(city, edges, values):
    """Upright strips of the city's bounding box."""
    low, high = city.y.min() - 1_000, city.y.max() + 1_000
    shapes = [shapely.box(city.x.min() + a, low, city.x.min() + b, high) for a, b in itertools.pairwise(edges)]
    return gpd.GeoDataFrame({"residents": values, "label": "x"}, geometry=shapes, crs=CRS)


def test_polygons_give_their_value_at_the_centre_of_a_cell(small, save):
    layer = tracts(small, [-150, 90, 130, 400], [5.0, 7.0, None])
    found = read(small, {"file": save(layer, "tracts.gpkg"), "form": "polygons", "column": "residents"})
    np.testing.assert_array_equal(found.cells["residents"], [5, np.nan, 5, np.nan])
    assert any("missing in 2 of 4 cells" in note.text for note in found.notes)
    assert any("1 of 3 polygons have no value" in note.text for note in found.notes)


def test_totals_of_polygons_are_spread_by_area(small, save):
    layer = tracts(small, [-100, 0, 300], [10.0, 60.0])  # the first ends at the centre of the left cells
    found = read(small, {"file": save(layer, "t.geojson"), "form": "polygons", "column": "residents", "measure": "sum",
                         "name": "people"})  # fmt: skip
    height = 400 / (np.ptp(small.y) + 2_000)  # the strips reach further than the city
    np.testing.assert_allclose(found.cells["people"], np.array([30, 40, 30, 40]) * height / 2, rtol=1e-3)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-3_000, 7_000), min_size=2, max_size=6, unique=True), st.floats(0.1, 1e6), st.booleans())
def test_shares_add_up_to_the_total_inside_the_area(edges, value, slanted):
    city = box_city(5, 800.0)
    edges = sorted(edges)
    if min(b - a for a, b in itertools.pairwise(edges)) < 1e-3:
        return
    layer = tracts(city, edges, [value * (n + 1) for n in range(len(edges) - 1)])
    shapes = layer.geometry.to_numpy()
    if slanted:
        shapes = shapely.transform(shapes, lambda xy: np.c_[xy[:, 0] + 0.3 * (xy[:, 1] - xy[0, 1]), xy[:, 1]])
    area = shapely.union_all(city.geometry)
    shares = shapely.area(shapely.intersection(shapes, area)) / shapely.area(shapes)
    expected = float((shares * layer["residents"]).sum())
    if expected == 0:
        with pytest.raises(DataError, match="no polygon with a value"):
            Covariates.of_totals(city, "people", shapes, layer["residents"].to_numpy())
        return
    found = Covariates.of_totals(city, "people", shapes, layer["residents"].to_numpy())
    assert np.nansum(found.cells["people"], dtype=float) == pytest.approx(expected, rel=1e-5)


# Days


def test_daily_values_are_read_and_hidden_from_the_forecast_days_unless_known_ahead(small, save):
    days = pd.date_range(FIRST, periods=10)
    table = pd.DataFrame({"date": days, "heat": np.arange(10.0), "match": [0, 1] * 5, "remark": "dry"})
    daily = {"file": save(table), "known_ahead": ["match"]}
    found = read(small, daily=daily)
    assert found.daily_names == ("heat", "match")
    shown = found.daily(FIRST, 10)
    hidden = found.daily(FIRST, 10, known=6)
    np.testing.assert_allclose(shown[:, 0], (np.arange(10) - 4.5) / np.std(np.arange(10)))
    np.testing.assert_allclose(hidden[:6, 0], (np.arange(6) - 2.5) / np.std(np.arange(6)))
    assert (hidden[6:, 0] == 0).all()
    assert (hidden[:, 1] == shown[:, 1]).all()
    assert any("'heat' are not known ahead" in note.text for note in found.notes)
    assert found.missing_days(FIRST + dt.timedelta(days=8), 4) == ("match",)


# Bad input


def test_without_sources_there_are_no_covariates(small):
    assert al.read_covariates(small, timezone=ZONE) is None


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        ("cell,bars\n7,1\n-1,2\n0,3\n", {}, r"2 unknown cells: '7', '-1'; cells are 0 to 3"),
        ("cell,bars\n0,1\n0,2\n", {}, "1 given more than once: '0'"),
        ("cell,bars\n0,inf\n1,2\n", {}, "column bars: 1 values are infinite"),
        ("cell,bars\n0,many\n1,2\n", {}, "'bars': 1 values are no numbers, for example 'many'"),
        ("cell,bars\n0,\n1,\n", {}, "column bars: all values are missing"),
        ("cells,bars\n0,1\n", {}, r"no column 'cell' \(did you mean 'cells'\?\)"),
        ("cell,bars\n0,1\n", {"columns": ["barss"]}, r"no column 'barss' \(did you mean 'bars'\?\)"),
        ("cell,street\n0,Elm\n", {}, "no column of numbers beside 'cell'"),
        ("cell,bars\n0,1,2\n", {}, "broken rows|no rows"),
        ("", {}, "is empty"),
    ],
)
def test_a_bad_table_of_cells_is_refused(small, save, content, keys, message):
    with pytest.raises(DataError, match=message):
        read(small, {"file": save(content), "form": "cells", **keys})


LL = "lon,lat,created,kind\n"


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        (LL + "10,50,2025-01-01,a\n", {}, "none of the 1 points lies in the area"),
        (LL + "10,50,2025-01-01,a\n", {"measure": "distance"}, "the nearest of the 1 points is .* km away"),
        (LL + "here,40.65,2025-01-01,a\n", {}, "'lon': 1 places are no numbers, for example 'here'"),
        (LL + "inf,40.65,2025-01-01,a\n", {}, "1 places are infinite"),
        (LL + "40.65,-126.99,2025-01-01,a\n", {}, "are lon and lat swapped"),
        (LL + ",,2025-01-01,a\n", {}, "no row has a place"),
        (LL + "-27,40.64,soon,a\n", {"time": "created"}, "1 of 1 times cannot be read, for example 'soon'"),
        (LL + "-27,40.64,2025-01-01,a\n", {"time": "create"}, r"no column 'create' \(did you mean 'created'\?\)"),
        (LL + "-27,40.64,2025-01-01,a\n", {"kind": "kind", "kinds": ["b", "aa"]}, r"no 'aa' \(did you mean 'a'\?\)"),
        (LL + "".join(f"-27,40.64,,t{n}\n" for n in range(25)), {"kind": "kind"}, "holds 25 types: name up to 20"),
    ],
)
def test_bad_points_are_refused(small, save, content, keys, message):
    with pytest.raises(DataError, match=message):
        read(small, points(save(content), **keys))


@pytest.mark.parametrize(
    ("content", "keys", "message"),
    [
        ("date,heat\n2025-01-01,1\n2025-01-01,2\n", {}, "1 given more than once: '2025-01-01'"),
        ("date,heat\n2025-01-01,1\nlater,2\n", {}, "1 of 2 times cannot be read, for example 'later'"),
        ("date,heat\n2025-01-01,1\n,2\n", {}, "1 rows have no date"),
        ("day,heat\n2025-01-01,1\n", {}, r"no column 'date'"),
        ("date,heat\n2025-01-01,1\n", {"known_ahead": ["match"]}, "no daily column 'match'"),
    ],
)
def test_bad_daily_tables_are_refused(small, save, content, keys, message):
    with pytest.raises(DataError, match=message):
        read(small, daily={"file": save(content), **keys})


def test_bad_polygons_are_refused(small, save):
    far = tracts(small, [9e4, 9.1e4], [1.0])
    words = tracts(small, [0, 100], ["some"])
    keys = {"form": "polygons", "column": "residents"}
    with pytest.raises(DataError, match="no polygon with a value lies in the area"):
        read(small, {"file": save(far, "far.gpkg"), **keys})
    with pytest.raises(DataError, match="1 of 1 values are no finite numbers, for example 'some'"):
        read(small, {"file": save(words, "words.gpkg"), **keys})
    with pytest.raises(DataError, match=r"did you mean 'residents'"):
        read(small, {"file": save(far, "far2.gpkg"), "form": "polygons", "column": "residentss"})


def test_all_faults_of_all_files_come_at_once(small, save):
    cells = save("cell,bars,inns\n0,inf,1\n1,2,inf\n", "cells.csv")
    calls = save(LL + "here,40.65,soon,a\n", "calls.csv")
    with pytest.raises(DataError) as caught:
        read(
            small,
            {"file": cells, "form": "cells"},
            points(calls, time="created"),
            daily={"file": save("date\n", "d.csv")},
        )
    text = str(caught.value)
    for part in ("3 sources", "column bars", "column inns", "'lon': 1 places", "1 of 1 times", "d.csv"):
        assert part in text


def test_two_covariates_of_one_name_are_refused(small, save):
    path = save(point_table(small, [0]))
    with pytest.raises(DataError, match="several covariates are named 'calls'"):
        read(small, points(path), points(path))
    assert len(read(small, points(path), points(path, name="again")).names) == 4


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"form": "points", "lon": "lon"}, "either as lon and lat"),
        ({"form": "points"}, "either as lon and lat"),
        ({"form": "points", "x": "x", "y": "y"}, "crs is required"),
        ({"form": "points", "x": "x", "y": "y", "crs": "EPSG:0"}, "unknown coordinate system"),
        ({"form": "points", "lon": "lon", "lat": "lat", "kinds": ["a"]}, "kinds needs kind"),
        ({"form": "points", "lon": "lon", "lat": "lat", "last_days": 3}, "need time"),
        ({"form": "points", "lon": "lon", "lat": "lat", "time": "t", "measure": "distance"}, "leave out time"),
        ({"form": "points", "lon": "lon", "lat": "lat", "measure": "sum"}, "give count or distance"),
        ({"form": "points", "lon": "lon", "lat": "lat", "kind": "victim_race"}, "looks personal"),
        ({"form": "polygons"}, "column is required"),
        ({"form": "cells", "lon": "lon"}, "lon is not for form = 'cells'"),
        ({"form": "cells", "colums": ["a"]}, r"did you mean 'columns'"),
    ],
)
def test_sections_that_cannot_work_are_refused(small, keys, message):
    with pytest.raises(ConfigError, match=message):
        read(small, {"file": "none.csv", **keys})


# In the models


def planted(city, *, weeks=40, per_week=15.0, seed=0):
    """A panel whose rates follow exp(z) of a rough field z, too thin to learn each cell from its own counts."""
    rng = np.random.default_rng(seed)
    z = rng.normal(0, 1.3, city.n_cells)
    rate = np.exp(z) / np.exp(z).sum() * per_week / 7
    day, cell = np.nonzero(rng.poisson(rate, (weeks * 7, city.n_cells)))
    panel = Panel(
        city=city, kinds=("ANY",), timezone="UTC", first_day=FIRST, n_periods=weeks * 7, period_days=1,
        day=day.astype(np.int32), minute=np.full(len(day), -1, np.int16), cell=cell.astype(np.int32),
        kind=np.zeros(len(day), np.int16), count=np.ones(len(day), np.int8),
    )  # fmt: skip
    return panel, z


@pytest.fixture(scope="module")
def world(city):
    return planted(city)


def skill(panel, covariates=None):
    """Log-likelihood per event on the last eight weeks, which no model was trained on."""
    fitted = fit_all(panel, ["boosted", "glm"], options=OPTIONS, covariates=covariates)
    return {name: one.skill().set_index("kind").loc["all", name] for name, one in fitted.items()}


def of_column(city, values):
    return Covariates.from_frame(city, pd.DataFrame({"cell": range(city.n_cells), "z": values}))


def test_a_covariate_that_explains_risk_raises_the_likelihood_of_later_weeks_even_with_gaps(world, city):
    panel, z = world
    without, full = skill(panel), skill(panel, of_column(city, z))
    gappy = skill(panel, of_column(city, np.where(np.arange(400) % 5 == 0, np.nan, z)))
    useless = skill(panel, of_column(city, np.random.default_rng(1).normal(size=400)))
    for model in ("boosted", "glm"):
        assert full[model] > without[model] + 0.04
        assert without[model] + 0.01 < gappy[model] < full[model]
        assert abs(useless[model] - without[model]) < 0.04


def test_folds_with_covariates_can_be_sent_to_workers(world, city):
    panel, z = world
    dated = Covariates.of_points(city, "p", city.x, city.y, day=np.full(400, FIRST.toordinal() + 100))
    heat = pd.DataFrame({"date": pd.date_range(FIRST, periods=200), "heat": np.arange(200.0)})
    known = Covariates.joined([dated, of_column(city, z), Covariates.from_frame(city, days=heat)])
    asked = Asked(models=["boosted"], options=OPTIONS, area_shares=(0.01,), covariates=known)
    design = design_of(panel, asked)
    fold = Fold(0, panel.stop_day - dt.timedelta(days=7))
    here = forecasts_of(panel.until(fold.cutoff), design)["boosted"]
    sent = pickle.loads(pickle.dumps((panel, design, fold)))
    there = forecasts_of(sent[0].until(sent[2].cutoff), sent[1])["boosted"]
    np.testing.assert_array_equal(here.mean, there.mean)
    without = dataclasses.replace(design, covariates=None)
    assert not np.array_equal(here.mean, forecasts_of(panel.until(fold.cutoff), without)["boosted"].mean)


def test_points_and_measured_days_after_the_cutoff_change_nothing(world, city):
    panel, z = world
    cutoff = panel.stop_day - dt.timedelta(days=14)
    known = panel.until(cutoff)
    rng = np.random.default_rng(2)
    n = 300
    where = rng.choice(400, n, p=np.exp(z) / np.exp(z).sum())
    day = FIRST.toordinal() + rng.integers(0, known.n_days, n)
    later = np.r_[day, np.full(5_000, cutoff.toordinal())]
    there = np.r_[where, np.full(5_000, 7)]
    dates = pd.date_range(FIRST, periods=panel.n_days)
    heat = pd.DataFrame({"date": dates, "heat": rng.normal(size=panel.n_days)})
    hot = heat.assign(heat=np.where(np.arange(panel.n_days) >= known.n_days, 9.0, heat["heat"]))

    def rate(cell, of_day, days, **options):
        dated = Covariates.of_points(city, "p", city.x[cell], city.y[cell], day=of_day)
        both = Covariates.joined([dated, Covariates.from_frame(city, days=days, **options)])
        return al.fit(known, "boosted", options=OPTIONS, covariates=both).rate

    plain = rate(where, day, heat)
    np.testing.assert_array_equal(plain, rate(there, later, hot))
    early = np.where(later == cutoff.toordinal(), later - 1, later)
    assert not np.array_equal(plain, rate(there, early, heat))
    assert not np.array_equal(plain, rate(where, day, hot, known_ahead=["heat"]))


def test_a_covariate_known_in_one_cell_only_is_tolerated_by_all_its_readers(world, city):
    panel, _ = world
    rare = Covariates.from_frame(city, pd.DataFrame({"cell": [11], "rare": [3.0]}))
    for model in ("boosted", "glm"):
        fitted = al.fit(panel, model, options=OPTIONS, covariates=rare)
        assert np.isfinite(fitted.rate).all()
        assert any("missing in 399 of 400 cells" in note.text for note in fitted.notes)


def test_the_regression_holds_a_column_without_any_value_to_its_mean():
    raw = np.array([[1.0, np.nan, 3.0], [2.0, np.nan, np.nan]])
    low, high = glm.value_range(raw, np.array([1.5, 0.0, 3.0]))
    np.testing.assert_array_equal(low, [1, 0, 3])
    np.testing.assert_array_equal(high, [2, 0, 3])


def test_covariates_of_another_city_are_refused(world, small):
    panel, _ = world
    with pytest.raises(DataError, match="are of 4 cells, the panel of 400"):
        al.fit(panel, "boosted", options=OPTIONS, covariates=Covariates(4, {"z": np.zeros(4, np.float32)}))


# In a job

SECTIONS = """
[[risk.covariates]]
file = "bars.csv"
form = "points"
lon = "lon"
lat = "lat"

[risk.daily]
file = "days.csv"
columns = ["match", "heat"]
known_ahead = ["match"]

[risk]
model = "boosted"
threads = 1
train_weeks = 12
holdout_weeks = 2
[risk.boosted]
rounds = 10
rows = 10000
"""


@pytest.fixture(scope="module")
def job_with_covariates(tmp_path_factory):
    folder = tmp_path_factory.mktemp("covariates") / "city"
    path = pipeline.new_job(folder)
    path.write_text(path.read_text().replace("size_m = 150.0", "size_m = 600.0") + SECTIONS)
    area = al.read_area(folder / "districts.geojson", district="district")
    centre = gpd.GeoSeries(area.polygons, crs=area.crs).centroid.to_crs("EPSG:4326")
    pd.DataFrame({"lon": centre.x, "lat": centre.y}).to_csv(folder / "bars.csv", index=False)
    dates = pd.date_range("2025-01-06", "2026-03-04")  # the forecast days are there in part
    days = pd.DataFrame({"date": dates, "heat": np.arange(len(dates)) % 9, "match": np.arange(len(dates)) % 2})
    days.to_csv(folder / "days.csv", index=False)
    return path


@pytest.mark.slow
def test_a_job_names_its_covariates_and_they_are_hashed_used_and_told(job_with_covariates, tmp_path):
    job = read_job(job_with_covariates)
    assert dict(input_files(job))["risk.covariates.0.file"] == str(job_with_covariates.parent / "bars.csv")
    assert any("daily covariates 'match', 'heat'" in line for line in al.validate(job))
    run = al.run(job)
    text = " ".join(run.summary().split())
    assert "of places: bars, bars within 300 m" in text
    assert "of days, for the level of the city: match, heat" in text
    assert "no values in the forecast days for 'match': taken as average" in text
    assert "'heat' are not known ahead" in text
    assert len(run.manifest["inputs"]["risk.covariates.0.file"]["sha256"]) == 64
    assert "risk.daily.file" in run.manifest["inputs"]
    run = with_products(run)
    assert al.load_run(al.save_run(run, tmp_path / "run")) == run
    again = tmp_path / "job.toml"
    again.write_text(dump_job(job))
    assert read_job(again) == job


def test_a_backtest_of_a_job_uses_its_covariates(job_with_covariates):
    job = read_job(job_with_covariates)
    plain = job.model_copy(update={"risk": job.risk.model_copy(update={"covariates": (), "daily": None})})
    quick = {"folds": 1, "models": ["boosted"]}
    one, two = (pipeline.backtest_job(each, **quick) for each in (job, plain))
    assert not one.scores["loglik"].equals(two.scores["loglik"])
    assert any("covariates 'bars'" in note.text for note in one.notes)
    assert any("count as given at every cutoff: 'bars'" in note.text for note in one.notes)


def test_a_missing_file_and_a_wrong_key_are_named_by_their_place_in_the_job(job_with_covariates):
    with pytest.raises(ConfigError, match=r"risk\.covariates\.0\.file: there is no file .*none\.csv"):
        al.run(read_job(job_with_covariates, overrides=["risk.covariates.0.file=none.csv"]))
    with pytest.raises(ConfigError, match=r"risk\.covariates\.0\.colums: unknown key \(did you mean 'columns'\?\)"):
        read_job(job_with_covariates, overrides=["risk.covariates.0.colums=1"])


def test_sections_are_frozen_and_round_trip_with_their_defaults():
    section = CovariateSection(file="a.csv", form="cells")
    assert CovariateSection.model_validate(json.loads(section.model_dump_json(exclude_none=True))) == section
    with pytest.raises(dataclasses.FrozenInstanceError):
        Covariates(1).n_cells = 2
