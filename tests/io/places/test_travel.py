"""Travel: straight, by matrix, along streets; and what bad files say."""

from __future__ import annotations

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

import planning_city
from allocator.domain import Travel
from allocator.errors import DataError
from allocator.io.places.travel import read_matrix, read_streets

LABELS = ("a", "b", "c")
MINUTES = np.array([[2.0, 5.0, 9.0], [6.0, 3.0, 4.0], [8.0, 4.0, 1.0]])


def long_form(minutes=MINUTES):
    return pd.DataFrame(
        [(a, b, minutes[i, j]) for i, a in enumerate(LABELS) for j, b in enumerate(LABELS)],
        columns=["from", "to", "minutes"],
    )


def test_straight_travel_is_distance_times_detour_over_speed():
    travel = Travel(np.array([0.0, 300.0]), np.array([0.0, 400.0]), 1.3)
    found = travel.minutes([0, 1], [0, 1], speed_kmh=30)
    assert found == pytest.approx(np.array([[0, 1.3], [1.3, 0]]))


def test_matrices_are_read_in_every_form(tmp_path):
    wide = pd.DataFrame(MINUTES[::-1], columns=list(LABELS))
    wide.insert(0, "label", list(LABELS[::-1]))
    wide.to_csv(tmp_path / "wide.csv", index=False)
    wide.to_parquet(tmp_path / "wide.parquet")
    long_form().sample(frac=1, random_state=1).to_csv(tmp_path / "long.csv", index=False)
    np.savez(tmp_path / "arrays.npz", labels=np.array(LABELS), minutes=MINUTES)
    for name in ("wide.csv", "wide.parquet", "long.csv", "arrays.npz"):
        assert read_matrix(tmp_path / name, LABELS) == pytest.approx(MINUTES), name
    travel = Travel(np.zeros(4), np.zeros(4), matrix=MINUTES, label=np.array([0, 0, 1, 2]))
    assert travel.minutes([0, 2], [0, 1, 3], speed_kmh=9).tolist() == [[0, 2, 9], [6, 6, 4]]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda t: t.drop(4), ["1 of 9 pairs have no minutes (holes)", "'b to b'"]),
        (lambda t: t.replace({"minutes": {5.0: -5.0}}), ["1 of 9 pairs have negative minutes", "'a to b'"]),
        (lambda t: t.replace({"minutes": {5.0: np.inf}}), ["infinite minutes"]),
        (
            lambda t: t[t["from"] != "c"],
            ["not square: 2 labels to start from, 3 to go to", "'c'", "row labels are mis"],
        ),
        (lambda t: t.replace({"from": {"a": "x"}}), ["1 row labels are unknown: 'x'", "row labels are missing: 'a'"]),
        (lambda t: t.astype(str).replace({"minutes": {"5.0": "far"}}), ["1 values are not numbers: 'far'"]),
        (lambda t: pd.concat([t, t.head(1)]), ["1 pairs are given more than once: 'a to a'"]),
    ],
)
def test_bad_matrices_are_named(tmp_path, change, words):
    change(long_form()).to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_matrix(tmp_path / "bad.csv", LABELS)
    for part in words:
        assert part in str(caught.value)


def test_all_faults_of_a_matrix_come_at_once(tmp_path):
    table = long_form().astype({"minutes": "str"})
    table.loc[1, "minutes"], table.loc[2, "minutes"] = "far", "-3"
    table.loc[8, "from"] = "z"
    table.to_csv(tmp_path / "bad.csv", index=False)
    with pytest.raises(DataError) as caught:
        read_matrix(tmp_path / "bad.csv", LABELS)
    assert len(caught.value.faults) >= 4
    np.savez(tmp_path / "bad.npz", labels=np.array(LABELS), minutes=MINUTES[:2])
    with pytest.raises(DataError, match="not square: its minutes are 2 × 3, it has 3 labels"):
        read_matrix(tmp_path / "bad.npz", LABELS)
    (tmp_path / "text.npz").write_text("no")
    with pytest.raises(DataError, match="cannot be read"):
        read_matrix(tmp_path / "text.npz", LABELS)


def streets_file(path, lines, **columns):
    frame = gpd.GeoDataFrame(columns, geometry=[shapely.LineString(line) for line in lines], crs="EPSG:32616")
    frame.to_file(path, driver="GPKG", engine="pyogrio")
    return path


def test_streets_are_followed_with_speeds_and_directions(tmp_path):
    city = planning_city.square_city(3, districts=1, size_m=600.0)  # centres at 0, 600, 1200
    lines = [[(0, 0), (600, 0)], [(600, 0), (1200, 0)], [(0, 0), (0, 600)]]
    path = streets_file(tmp_path / "s.gpkg", lines, kmh=[36.0, np.nan, 18.0], one=["yes", "", "no"])
    streets = read_streets(path, city, speed="kmh", oneway="one")
    travel = Travel(city.x, city.y, streets=streets)
    minutes = travel.minutes([0, 1, 2, 3], [0, 1, 2, 3], speed_kmh=12)
    assert minutes[0, 1] == pytest.approx(1.0)  # 600 m at 36 km/h
    assert minutes[1, 2] == pytest.approx(3.0)  # at the speed of the unit
    assert minutes[0, 3] == minutes[3, 0] == pytest.approx(2.0)
    assert minutes[1, 0] == np.inf
    assert minutes[0, 2] == pytest.approx(4.0)
    shut = travel.without([shapely.box(550, -10, 900, 10)])
    assert shut.minutes([0], [1, 3], speed_kmh=12).tolist() == [[np.inf, pytest.approx(2.0)]]
    assert streets.cut_off().sum() > 0


def test_straight_ways_lead_round_closed_places():
    travel = Travel(np.array([0.0, 10.0, 5.0]), np.array([0.0, 0.0, 0.5]), 1.0)
    shut = travel.without([shapely.box(4, -3, 6, 3)])
    minutes = shut.minutes([0, 1], [0, 1, 2], speed_kmh=0.06)  # a metre a minute
    assert minutes[0, 1] == minutes[1, 0] == pytest.approx(5 + 2 + 5)
    assert minutes[0, 2] == np.inf
    assert minutes[0, 0] == 0


def test_bad_streets_are_named(tmp_path):
    city = planning_city.square_city(3, districts=1)
    path = streets_file(tmp_path / "s.gpkg", [[(0, 0), (1, 0)], [(1, 0), (2, 0)]], kmh=[0.0, -3.0])
    with pytest.raises(DataError, match="2 of 2 speeds are not numbers above 0"):
        read_streets(path, city, speed="kmh")
    with pytest.raises(DataError, match=r"no column 'kph' \(did you mean 'kmh'\?\)"):
        read_streets(path, city, speed="kph")
    points = gpd.GeoDataFrame({"a": [1]}, geometry=[shapely.Point(0, 0)], crs="EPSG:32616")
    points.to_file(tmp_path / "p.gpkg", driver="GPKG", engine="pyogrio")
    with pytest.raises(DataError, match="1 of 1 features are not lines"):
        read_streets(tmp_path / "p.gpkg", city)
