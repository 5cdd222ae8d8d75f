"""Maps of every usual form, and those that only look like one."""

import contextlib
import json
import shutil
import socket
import sqlite3
import threading
import time
import zipfile

import geopandas as gpd
import pandas as pd
import pyarrow.parquet as pq
import pytest
import shapely

from allocator.errors import DataError
from allocator.io.places import read_area

RING = [[-30.05, 40.95], [-29.95, 40.95], [-29.95, 41.05], [-30.05, 41.05], [-30.05, 40.95]]
FEATURES = {
    "type": "FeatureCollection",
    "features": [{"type": "Feature", "properties": {"d": "7"}, "geometry": {"type": "Polygon", "coordinates": [RING]}}],
}


@pytest.fixture(scope="module")
def maps(tmp_path_factory):
    """Return a folder with one area in every form."""
    place = tmp_path_factory.mktemp("maps")
    (place / "a.geojson").write_text(json.dumps(FEATURES))
    area = gpd.read_file(place / "a.geojson")
    for name, driver in (("a.gpkg", "GPKG"), ("a.shp", None), ("a.fgb", "FlatGeobuf"), ("a.kml", "LIBKML"),
                         ("a.kmz", "LIBKML"), ("a.gdb", "OpenFileGDB")):  # fmt: skip
        area.to_file(place / name, driver=driver)
    area.to_parquet(place / "a.parquet")
    for name, parts in (("shp.zip", [f"a.{end}" for end in ("shp", "shx", "dbf", "prj")]),
                        ("gdb.zip", [f"a.gdb/{one.name}" for one in (place / "a.gdb").iterdir()])):  # fmt: skip
        with zipfile.ZipFile(place / name, "w") as archive:
            for part in parts:
                archive.write(place / part, f"in/{part}" if name == "shp.zip" else part)
    pd.DataFrame({"d": ["7"], "the_geom": [shapely.to_wkt(area.geometry[0])]}).to_csv(place / "wkt.csv", index=False)
    esri = {"geometryType": "esriGeometryPolygon", "spatialReference": {"wkid": 4326},
            "fields": [{"name": "d", "type": "esriFieldTypeString"}],
            "features": [{"attributes": {"d": "7"}, "geometry": {"rings": [RING]}}]}  # fmt: skip
    (place / "esri.json").write_text(json.dumps(esri))
    shapes = [{"type": "Polygon", "properties": {"d": "7"}, "arcs": [[0]]}]
    topology = {"type": "Topology", "arcs": [RING],
                "objects": {"a": {"type": "GeometryCollection", "geometries": shapes}}}  # fmt: skip
    (place / "topo.json").write_text(json.dumps(topology))
    return place


FORMS = [
    "a.geojson", "a.gpkg", "a.shp", "a.fgb", "a.kml", "a.kmz", "a.gdb", "a.parquet", "shp.zip", "gdb.zip", "wkt.csv",
    "esri.json", "topo.json",
]  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_one_area_in_every_form(maps, name):
    area = read_area(maps / name, district=None if name.startswith("a.km") else "d")
    plain = read_area(maps / "a.geojson", district="d")
    assert shapely.area(area.outline) == pytest.approx(shapely.area(plain.outline), rel=1e-6)
    if not name.startswith("a.km"):
        assert area.districts == ("7",)


def test_of_several_layers_one_with_areas_is_read_and_told(maps, tmp_path):
    area = gpd.read_file(maps / "a.geojson")
    points = gpd.GeoDataFrame({"n": [1]}, geometry=[shapely.Point(-30, 41)], crs=4326)
    points.to_file(tmp_path / "two.gpkg", layer="stations")
    area.to_file(tmp_path / "two.gpkg", layer="beats", mode="a")
    found = read_area(tmp_path / "two.gpkg", district="d")
    (told,) = [one for one in found.notes if one.cause == "history.layer_read"]
    assert (told.get("layer"), told.get("others")) == ("beats", ("stations",))
    with pytest.raises(DataError, match="no layer 'beets'; it has"):
        read_area(tmp_path / "two.gpkg", district="d", layer="beets")
    with pytest.raises(DataError, match="not polygons but 'Point'"):
        read_area(tmp_path / "two.gpkg", layer="stations")


def test_open_rings_are_closed_and_told(tmp_path):
    features = json.loads(json.dumps(FEATURES))
    features["features"][0]["geometry"]["coordinates"][0].pop()
    (tmp_path / "open.geojson").write_text(json.dumps(features))
    assert "history.rings_closed" in {told.cause for told in read_area(tmp_path / "open.geojson").notes}


@pytest.fixture
def listener():
    """Return the connections that anybody makes to a port of this machine, and the port."""
    made = []
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.2)
        stop = threading.Event()

        def serve():
            while not stop.is_set():
                try:
                    made.append(server.accept()[0].close())
                except TimeoutError:
                    continue

        thread = threading.Thread(target=serve)
        thread.start()
        yield made, server.getsockname()[1]
        stop.set()
        thread.join()


VIRTUAL = (
    """<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>{}</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>"""
)


def hostile(port, good):
    url = f"http://127.0.0.1:{port}/x.geojson"
    entities = "".join(f'<!ENTITY a{n + 1} "{f"&a{n};" * 10}">' for n in range(9))
    return {
        "virtual format": VIRTUAL.format(good),
        "virtual format of an address": VIRTUAL.format(f"/vsicurl/{url}"),
        "feature service": f"<OGRWFSDataSource><URL>{url}</URL></OGRWFSDataSource>",
        "program": json.dumps({"type": "gdal_streamed_alg", "command_line": f"gdal vector pipeline ! read {url}"}),
        "program in disguise": json.dumps({"x": "FeatureCollection", "type": "gdal_streamed_alg",
                                           "command_line": f"gdal vector pipeline ! read {good}"}),
        "address": url,
        "file of another": '<?xml version="1.0"?><!DOCTYPE k [<!ENTITY a SYSTEM "file:///etc/hostname">]><kml>&a;</kml>',
        "a billion laughs": f'<?xml version="1.0"?><!DOCTYPE k [<!ENTITY a0 "ha">{entities}]><kml>&a9;</kml>',
        "deep brackets": '{"type":"FeatureCollection","features":' + "[" * 100_000,
        "web page": "<!DOCTYPE html><html><table><tr><td>1</td></tr></table></html>",
        "database": "SQLite format 3\0" + "\0" * 4_000,
        "pdf": "%PDF-1.7 …",
        "virtual format behind another's first letters": "fgb" + VIRTUAL.format(good),
        "virtual format behind a whole magic": "fgb\x03fgb\x00" + VIRTUAL.format(good),
    }  # fmt: skip


def test_hostile_files_are_refused_in_words_and_nothing_is_opened_or_fetched(maps, tmp_path, listener):
    made, port = listener
    for what, content in hostile(port, maps / "a.geojson").items():
        (tmp_path / "area.geojson").write_text(content)
        start = time.monotonic()
        with pytest.raises(DataError) as error:
            read_area(tmp_path / "area.geojson", district="d")
        assert "area.geojson" in str(error.value), what
        assert time.monotonic() - start < 5, what
    for name in ("a.shp", "a.gpkg"):
        with zipfile.ZipFile(tmp_path / "area.zip", "w") as archive:
            archive.writestr(name, VIRTUAL.format(f"/vsicurl/http://127.0.0.1:{port}/x.geojson"))
        with pytest.raises(DataError):
            read_area(tmp_path / "area.zip")
    linked = {
        **FEATURES,
        "crs": {"type": "link", "properties": {"href": f"http://127.0.0.1:{port}/c", "type": "ogcwkt"}},
    }
    (tmp_path / "linked.geojson").write_text(json.dumps(linked))
    with contextlib.suppress(DataError):
        read_area(tmp_path / "linked.geojson")
    for address in (f"/vsicurl/http://127.0.0.1:{port}/a.geojson", f"WFS:http://127.0.0.1:{port}/", "/dev/null",
                    "x" * 10_000, "a\0b", str(tmp_path)):  # fmt: skip
        with pytest.raises(DataError):
            read_area(address)
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(DataError, match="too many levels"):
        read_area(tmp_path / "loop")
    assert not made


@pytest.mark.parametrize("name", ["a.gpkg", "a.shp", "a.fgb", "a.parquet", "shp.zip", "a.kmz"])
@pytest.mark.parametrize("share", [0.3, 0.8])
def test_a_map_that_is_cut_off_is_one_clear_error(maps, tmp_path, name, share):
    content = (maps / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    with contextlib.suppress(DataError):  # a smaller area may be left of it, but nothing else may be raised
        assert read_area(tmp_path / name).polygons.size


def test_a_geopackage_that_lists_no_contents_is_told(maps, tmp_path):
    shutil.copy(maps / "a.gpkg", tmp_path / "a.gpkg")
    with contextlib.closing(sqlite3.connect(tmp_path / "a.gpkg")) as file:
        file.execute("DELETE FROM gpkg_contents")
        file.commit()
    with pytest.raises(DataError, match=r"a\.gpkg"):
        read_area(tmp_path / "a.gpkg")


def test_a_geoparquet_whose_system_is_damaged_is_refused(tmp_path):
    frame = gpd.GeoDataFrame({"district": ["1"]}, geometry=[shapely.box(0, 0, 1, 1)], crs=4326)
    frame.to_parquet(tmp_path / "d.parquet")
    table = pq.read_table(tmp_path / "d.parquet")
    told = json.loads(table.schema.metadata[b"geo"])
    told["columns"]["geometry"]["crs"]["datum_ensemble"] = {"n": 1}
    meta = {**table.schema.metadata, b"geo": json.dumps(told).encode()}
    pq.write_table(table.replace_schema_metadata(meta), tmp_path / "d.parquet")
    with pytest.raises(DataError, match=r"d\.parquet"):
        read_area(tmp_path / "d.parquet", district="district")
