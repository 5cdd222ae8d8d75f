from __future__ import annotations

import numpy as np
import pytest
import shapely

from allocator.errors import ConfigError, DataError
from allocator.io.places.area import read_area, read_polygons
from places import polygons, real, square

OUTER = [[-87.7, 41.8], [-87.6, 41.8], [-87.6, 41.9], [-87.7, 41.9]]
SLIGHTLY_CROSSED = [[*OUTER, [-87.7, 41.85], [-87.701, 41.851], [-87.7, 41.851], [-87.7, 41.8]]]
BOW_TIE = [[[-87.7, 41.8], [-87.6, 41.9], [-87.6, 41.8], [-87.7, 41.9], [-87.7, 41.8]]]


def test_districts_are_labelled_sorted_and_projected(tmp_path):
    shapes = {"10": square(-87.6, 41.8), "2": square(-87.7, 41.8), "2.0": square(-87.8, 41.8)}
    path = polygons(tmp_path, "a.geojson", {**shapes})
    area = read_area(path, district="label")
    assert area.crs == "EPSG:32616"
    assert area.districts == ("2", "2.0", "10")
    assert shapely.area(area.polygons).sum() / 1e6 == pytest.approx(3 * 92.2, rel=0.01)
    whole = read_area(path)
    assert whole.districts == ("all",)
    assert shapely.area(whole.outline) == pytest.approx(shapely.area(area.polygons).sum(), rel=1e-6)


def test_features_of_one_label_are_merged(tmp_path):
    path = tmp_path / "a.geojson"
    shapes = {"1": square(-87.7, 41.8), "01": square(-87.6, 41.8)}
    path = polygons(tmp_path, "a.geojson", shapes)
    path.write_text(path.read_text().replace('"01"', '"1"'))
    area = read_area(path, district="label")
    assert area.districts == ("1",)
    assert "2 features merged into 1" in area.notes[0].text


def test_numbers_as_labels_lose_their_point_zero(tmp_path):
    path = polygons(tmp_path, "a.geojson", {"17": square(-87.7, 41.8)})
    path.write_text(path.read_text().replace('"17"', "17.0"))
    assert read_area(path, district="label").districts == ("17",)


def test_holes_stay_and_heights_go(tmp_path):
    ring, hole = square(-87.7, 41.8)[0], square(-87.66, 41.84, 0.02)[0]
    path = polygons(tmp_path, "a.geojson", {"1": [[[*p, 180.0] for p in ring], [[*p, 180.0] for p in hole]]})
    (polygon,) = read_area(path, district="label").polygons
    assert not shapely.has_z(polygon)
    assert shapely.get_num_interior_rings(polygon) == 1


def test_self_intersections_are_repaired_and_said_or_refused(tmp_path):
    area = read_area(polygons(tmp_path, "a.geojson", {"7": SLIGHTLY_CROSSED}), district="label")
    assert "1 self-intersecting polygons were repaired: '7'" in area.notes[0].text
    assert shapely.is_valid(area.polygons).all()
    with pytest.raises(DataError, match=r"more than 1%: '8'"):
        read_area(polygons(tmp_path, "b.geojson", {"8": BOW_TIE}), district="label")


def test_overlapping_districts_are_cut_and_said(tmp_path):
    shapes = {"1": square(-87.7, 41.8), "2": square(-87.65, 41.8)}
    area = read_area(polygons(tmp_path, "a.geojson", shapes), district="label")
    assert "districts 1 and 2 overlap by 46.08" in area.notes[0].text
    assert shapely.area(shapely.intersection(*area.polygons)) == pytest.approx(0, abs=1)
    shapes["2"] = square(-87.68, 41.82, 0.01)
    with pytest.raises(DataError, match="wholly inside"):
        read_area(polygons(tmp_path, "b.geojson", shapes), district="label")


def test_without_a_coordinate_system_it_is_refused(tmp_path):
    path = polygons(tmp_path, "a.geojson", {"1": square(7.6e6, 6.5e5, 5_000.0)})
    with pytest.raises(DataError, match=r"set area\.source_crs"):
        read_area(path)
    area = read_area(path, source_crs="EPSG:2913")
    assert area.crs == "EPSG:32610"
    with pytest.raises(ConfigError, match=r"area\.source_crs: unknown"):
        read_area(path, source_crs="EPSG:1")


@pytest.mark.parametrize("crs", ["EPSG:4326", "EPSG:2913", "nonsense"])
def test_the_working_system_must_be_in_metres(tmp_path, crs):
    with pytest.raises(ConfigError, match=r"area\.crs"):
        read_area(polygons(tmp_path, "a.geojson", {"1": square(-87.7, 41.8)}), crs=crs)


@pytest.mark.parametrize(
    ("corner", "crs", "factor"),
    [((-87.7, 41.8), "EPSG:3857", "1.8 times"), ((-28.7, 38.5), "EPSG:32633", "times as large"),
     ((-87.7, 41.8), "EPSG:32751", "as large|no finite")],
)  # fmt: skip
def test_a_working_system_that_is_not_true_to_scale_is_refused(tmp_path, corner, crs, factor):
    hole = square(corner[0] + 0.03, corner[1] + 0.03, 0.02)[0]
    path = polygons(tmp_path, "a.geojson", {"1": [*square(*corner), hole]})
    with pytest.raises(ConfigError, match=factor) as error:
        read_area(path, crs=crs)
    assert "leave area.crs out" in error.value.message


@pytest.mark.parametrize("crs", ["EPSG:32616", "EPSG:32615", "EPSG:26971", "EPSG:5070"])
def test_a_working_system_that_is_true_to_scale_is_taken(tmp_path, crs):
    hole = square(-87.67, 41.83, 0.02)[0]
    path = polygons(tmp_path, "a.geojson", {"1": [*square(-87.7, 41.8), hole]})
    assert read_area(path, crs=crs).crs == crs


def test_an_area_in_no_utm_zone_needs_a_system(tmp_path):
    path = polygons(tmp_path, "a.geojson", {"1": square(10.0, -89.0)})
    with pytest.raises(ConfigError, match=r"no UTM zone: set area\.crs"):
        read_area(path)
    assert read_area(path, crs="EPSG:32761").crs == "EPSG:32761"


@pytest.mark.parametrize(
    ("shapes", "district", "words"),
    [
        ({"1": {"type": "Point", "coordinates": [-87.6, 41.8]}}, None, "not polygons but 'Point'"),
        ({"1": square(-87.7, 41.8)}, "lable", "did you mean 'label'"),
        ({"": square(-87.7, 41.8)}, "label", "have no 'label'"),
        ({}, None, "no features"),
    ],
)
def test_unusable_area_files(tmp_path, shapes, district, words):
    with pytest.raises(DataError) as error:
        read_area(polygons(tmp_path, "a.geojson", shapes), district=district)
    assert words in str(error.value)


@pytest.mark.parametrize(("name", "content"), [("a.geojson", b""), ("a.geojson", b"x" * 999), ("a.csv", b"a,b\n")])
def test_garbage_is_a_data_error(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError):
        read_area(tmp_path / name)
    with pytest.raises(DataError, match="no file"):
        read_polygons(tmp_path / "gone.geojson", "EPSG:32616")


def test_polygons_for_limits_and_cells(tmp_path):
    path = polygons(tmp_path, "a.geojson", {"b": square(-87.7, 41.8), "a": square(-87.6, 41.8)})
    shapes, labels = read_polygons(path, "EPSG:32616")
    assert labels == ("0", "1")
    assert shapely.get_x(shapely.centroid(shapes[0])) < shapely.get_x(shapely.centroid(shapes[1]))
    shapes, labels = read_polygons(path, "EPSG:32616", label="label")
    assert labels == ("a", "b")


@pytest.mark.data
def test_real_districts():
    beats = real("chicago", "beats.geojson")
    area = read_area(real("chicago", "districts.geojson"), district="dist_num", beats=beats, beat="beat_num")
    assert len(area.districts) == 23
    assert "25 features merged into 23" in area.notes[0].text
    assert shapely.get_num_geometries(area.polygons[area.districts.index("31")]) == 3
    assert area.beat_polygons is not None
    assert len(area.beats) == len(area.beat_polygons)
    assert np.all(shapely.is_valid(area.polygons))
    portland = read_area(real("portland", "police_districts.geojson"), district="DISTRICT")
    assert len(portland.districts) == 60
    assert "2 self-intersecting polygons were repaired" in portland.notes[0].text
