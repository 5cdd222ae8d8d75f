from __future__ import annotations

import gzip
import resource
import time

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

from allocator.domain import OFFICER
from allocator.errors import ConfigError, DataError
from allocator.facts import texts
from allocator.io.history.checks.placing import check_placed
from allocator.io.history.events import read_events
from allocator.io.places.area import read_area
from places import COLUMNS, GOOD, HEADER, polygons, real, square, write

CHICAGO = {"timezone": "America/Chicago", "columns": COLUMNS}


def frame(rows=100, **columns):
    base = {
        "when": pd.date_range("2017-06-01 08:00", periods=rows, freq="37min"),
        "what": ["THEFT", "ASSAULT"] * (rows // 2),
        "lon": np.linspace(-87.69, -87.61, rows),
        "lat": np.linspace(41.81, 41.89, rows),
    }
    return pd.DataFrame(base | columns)


@pytest.fixture
def area(tmp_path):
    return read_area(polygons(tmp_path, "area.geojson", {"1": square(-87.7, 41.8)}), district="label")


def test_reads_the_same_events_from_every_format(tmp_path):
    table = frame()
    table.to_csv(tmp_path / "a.csv", index=False)
    table.to_csv(tmp_path / "b.csv", index=False, sep=";", lineterminator="\r\n", encoding="utf-8-sig")
    (tmp_path / "c.csv.gz").write_bytes(gzip.compress((tmp_path / "a.csv").read_bytes()))
    (tmp_path / "d.csv").write_bytes((tmp_path / "a.csv").read_bytes().replace(b"\n", b"\r"))
    table.to_parquet(tmp_path / "e.parquet")
    points = gpd.GeoDataFrame(
        table[["when", "what"]].astype({"when": str}),
        geometry=gpd.points_from_xy(table["lon"], table["lat"]),
        crs="EPSG:4326",
    )
    points.to_file(tmp_path / "f.geojson")
    points.to_crs("EPSG:32616").to_file(tmp_path / "g.gpkg", layer="events")
    expected = read_events(table, **CHICAGO)
    assert len(expected) == 100
    assert expected.time[0] == np.datetime64("2017-06-01T13:00:00")
    for name in ("a.csv", "b.csv", "c.csv.gz", "d.csv", "e.parquet"):
        events = read_events(tmp_path / name, **CHICAGO)
        assert (events.time == expected.time).all(), name
        assert np.allclose(events.x, expected.x), name
        assert [events.kinds[k] for k in events.kind] == [expected.kinds[k] for k in expected.kind], name
    layered = {"timezone": "America/Chicago", "columns": {"time": "when", "kind": "what"}}
    for name in ("f.geojson", "g.gpkg"):
        events = read_events(tmp_path / name, **layered).to_crs("EPSG:4326")
        assert np.allclose(events.x, expected.x, atol=1e-6), name
        assert (events.time == expected.time).all(), name


def test_several_files_become_one_sequence(tmp_path):
    late = write(tmp_path, "late.csv", HEADER, "03/22/2017 01:05:00 PM,THEFT,-87.65,41.85")
    early = write(tmp_path, "early.csv", HEADER, GOOD)
    events = read_events([late, early], **CHICAGO)
    assert events.time.tolist() == sorted(events.time.tolist())
    assert events.ledger["read"] == 2


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "is empty"),
        (b"\n\n", "is empty"),
        (HEADER.encode() + b"\n", "no rows"),
        (b"when,whta,lon,lat\n1,2,3,4\n", "did you mean 'whta'"),
        (b"\x00\x01\x02" * 100, "binary"),
        (b"\xff\xfeh\x00i\x00", "lacks"),
        (b"x" * 400_000, "first line is longer"),
        (HEADER.encode() + b"\n" + b"y" * 2_500_000, "longer than 1 MB"),
        (HEADER.encode() + b"\n1,2\n" + GOOD.encode(), "wrong number of columns"),
        (HEADER.encode() + b"\n" + b"garbage,garbage,1,2\n" * 5_000, "given up"),
        (HEADER.encode() + b"\n" + b"garbage\n" * 5_000, "most rows are broken"),
    ],
)
def test_a_broken_csv_gives_one_clear_error(tmp_path, content, words):
    (tmp_path / "a.csv").write_bytes(content)
    with pytest.raises(DataError) as error:
        read_events(tmp_path / "a.csv", **CHICAGO)
    assert words in str(error.value)


@pytest.mark.parametrize("chunk", [b"garbage,garbage,1,2\n", b"x", b"\x00\x01", GOOD.encode() + b"\n1,2\n" * 9])
def test_300_mb_of_garbage_end_in_bounded_time_and_memory(tmp_path, chunk):
    path = tmp_path / "a.csv"
    block = chunk * ((1 << 20) // len(chunk))
    with path.open("wb") as file:
        file.write(HEADER.encode() + b"\n")
        file.writelines([block] * 300)
    before, start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    with pytest.raises(DataError):
        read_events(path, bad_rows="drop", **CHICAGO)
    path.unlink()
    assert time.perf_counter() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.geojson", "a.gpkg", "a.xlsx", "a.csv.gz"])
def test_missing_and_garbage_files_are_data_errors(tmp_path, name):
    with pytest.raises(DataError, match="no file"):
        read_events(tmp_path / name, **CHICAGO)
    (tmp_path / name).write_bytes(bytes(range(256)) * 40)
    with pytest.raises(DataError):
        read_events(tmp_path / name, **CHICAGO)


def test_a_missing_column_names_the_nearest_and_those_found(tmp_path):
    path = write(tmp_path, "a.csv", "occured_at,what,lon,lat", GOOD)
    with pytest.raises(DataError) as error:
        read_events(path, timezone="UTC", columns={**COLUMNS, "time": "occurred_at"})
    assert "did you mean 'occured_at'" in str(error.value)
    assert "'lat'" in error.value.message
    assert error.value.column == "occurred_at"


def test_a_mapped_name_that_stands_twice_is_refused(tmp_path):
    table = frame(odd=1, odd_too=1).rename(columns={"odd_too": "odd"})
    table.to_csv(tmp_path / "a.csv", index=False)
    assert len(read_events(table, **CHICAGO)) == len(read_events(tmp_path / "a.csv", **CHICAGO)) == 100
    twice = table.rename(columns={"odd": "what"})
    twice.to_csv(tmp_path / "b.csv", index=False)
    for source, name in ((twice, "the DataFrame"), (tmp_path / "b.csv", "b.csv")):
        with pytest.raises(DataError, match=f"{name} has several columns of the same name: 'what'") as error:
            read_events(source, **CHICAGO)
        assert error.value.faults == ("3 columns are named 'what'",)


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("blank", [[""], ["", " \t", ""]])
def test_blank_lines_before_the_header_are_passed_over(tmp_path, end, blank):
    path = write(tmp_path, "a.csv", *blank, HEADER, GOOD, end=end)
    assert read_events(path, **CHICAGO).ledger == {"read": 1}
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert read_events(path, **CHICAGO).ledger == {"read": 1}


def test_unreadable_times_are_counted_with_three_examples(tmp_path):
    rows = [GOOD] * 10 + [f"{bad},THEFT,-87.65,41.85" for bad in ("31/31/2017", "soon", "x", "y")]
    path = write(tmp_path, "a.csv", HEADER, *rows)
    with pytest.raises(DataError) as error:
        read_events(path, **CHICAGO)
    assert (error.value.count, error.value.column) == (4, "when")
    assert len(error.value.examples) == 3
    assert "4 of 14 times" in str(error.value)
    assert "time_format" in str(error.value)
    dropped = read_events(path, bad_rows="drop", **CHICAGO)
    assert dropped.ledger["time cannot be read"] == 4


def test_all_faults_of_a_file_come_together():
    table = frame(w=[-1.0, np.nan] + [1.0] * 98, n=[-1] + [1] * 99).astype({"when": "str"})
    table.loc[3, "when"] = "later"
    columns = {**COLUMNS, "weight": "w", "count": "n"}
    with pytest.raises(DataError) as error:
        read_events(table, timezone="UTC", columns=columns)
    text = str(error.value)
    assert len(error.value.faults) == 3
    assert "later" in text
    assert "2 weights" in text
    assert 'corrections = "net"' in text


def test_signed_counts_need_corrections_net():
    table = frame(n=[1, -1] * 50, no=np.repeat(np.arange(50), 2))
    columns = {**COLUMNS, "count": "n", "id": "no"}
    events = read_events(table, timezone="UTC", columns=columns, corrections="net")
    assert events.count.sum() == 0
    assert len(events) == 100  # a correction repeats the id of its row and stays


def test_rows_without_time_place_or_kind_are_dropped_by_reason(tmp_path):
    rows = [
        GOOD,
        ",THEFT,-87.65,41.85",
        "2017-03-01,THEFT,,",
        "2017-03-01,THEFT,0,0",
        "2017-03-01, ,-87.65,41.85",
    ]
    events = read_events(write(tmp_path, "a.csv", HEADER, *rows), **CHICAGO)
    assert events.ledger == {"read": 5, "without time": 1, "without place": 2, "without kind": 1}
    with pytest.raises(DataError, match="every row is left out"):
        read_events(write(tmp_path, "b.csv", HEADER, *rows[1:]), **CHICAGO)


@pytest.mark.parametrize(
    ("rule", "column", "kept", "reason"),
    [
        ("id", "no", 50, "repeated id"),
        ("id", None, 100, "identical rows (kept)"),
        ("row", None, 50, "identical rows"),
        ("keep", "no", 100, None),
    ],
)
def test_duplicates(rule, column, kept, reason):
    table = frame(50, no=[str(n) for n in range(50)])
    table = pd.concat([table, table], ignore_index=True)
    columns = COLUMNS | ({"id": column} if column else {})
    events = read_events(table, timezone="UTC", columns=columns, duplicates=rule)
    assert len(events) == kept
    assert {k: v for k, v in events.ledger.items() if k != "read"} == ({reason: 50} if reason else {})


def test_blank_ids_are_no_repeats():
    events = read_events(frame(no=[""] * 100), timezone="UTC", columns={**COLUMNS, "id": "no"})
    assert len(events) == 100


def test_daylight_saving_gaps_and_folds_are_counted():
    table = frame(2, when=["2017-03-12 02:30", "2017-11-05 01:30"])
    events = read_events(table, **CHICAGO)
    assert events.time.tolist() == [
        np.datetime64("2017-03-12T08:00:00"),
        np.datetime64("2017-11-05T06:30:00"),
    ]
    assert events.ledger["daylight-saving gap (moved forward)"] == 1
    assert events.ledger["daylight-saving fold (first taken)"] == 1
    own = read_events(frame(2, when=["2017-06-01T10:00:00Z", "2017-06-01 06:00"]), **CHICAGO)
    assert own.time.tolist() == [np.datetime64("2017-06-01T10:00:00"), np.datetime64("2017-06-01T11:00:00")]
    in_utc = read_events(table, file_timezone="UTC", **CHICAGO)
    assert in_utc.time[0] == np.datetime64("2017-03-12T02:30:00")
    assert in_utc.timezone == "America/Chicago"


def test_date_and_clock_columns():
    table = frame(6, day=["2017-06-01"] * 6, hhmm=[0, 30, 1330, 2359, None, 5])
    columns = {**COLUMNS, "date": "day", "clock": "hhmm"}
    del columns["time"]
    events = read_events(table, timezone="UTC", columns=columns)
    minutes = sorted((events.time - np.datetime64("2017-06-01")).astype("timedelta64[m]").astype(int).tolist())
    assert minutes == [0, 0, 5, 30, 13 * 60 + 30, 23 * 60 + 59]
    assert events.ledger["without time of day (taken as 00:00)"] == 1


def test_precision_is_found_and_told():
    assert read_events(frame(), **CHICAGO).precision == "minute"
    by_day = read_events(frame(when=pd.date_range("2017-01-01", periods=100)), **CHICAGO)
    assert by_day.precision == "day"
    assert "shares of the job's shifts" in by_day.notes[0].text
    by_month = read_events(frame(when=["2017-03", "2017-04"] * 50), **CHICAGO)
    assert by_month.precision == "month"
    assert "months" in by_month.notes[0].text


@pytest.mark.parametrize("tail", ["T00:00:00Z", " 00:00:00+00", "T00:00:00+02:00", ""])
def test_days_stay_the_files_own_days(tail):
    days = pd.date_range("2017-06-01", periods=100).strftime("%Y-%m-%d") + tail
    events = read_events(frame(when=days), file_timezone=None if tail else "UTC", **CHICAGO)
    assert events.precision == "day"
    assert events.time[0] == np.datetime64("2017-06-01T05:00:00")
    given = read_events(frame(2, when=["2017-06-01T03:00:00Z", "2017-06-01"]), time_precision="day", **CHICAGO)
    assert (given.time.astype("datetime64[D]") == np.datetime64("2017-06-01")).all()
    columns = {**COLUMNS, "end": "when", "reported_at": "when"}
    both = read_events(frame(when=days), timezone="America/Chicago", columns=columns)
    assert (both.end == both.time).all()
    assert (both.reported == both.time).all()


def test_typed_days_with_a_time_zone_stay_the_same_days():
    when = pd.date_range("2017-06-01", periods=100, tz="America/New_York")
    events = read_events(frame(when=when), **CHICAGO)
    assert (events.precision, events.time[0]) == ("day", np.datetime64("2017-06-01T05:00:00"))


def test_an_hour_only_offset_is_not_read_as_local_time():
    events = read_events(frame(2, when=["2017-06-01 18:30:00-05", "2017-06-01T12Z"]), timezone="Asia/Tokyo",
                         columns=COLUMNS)  # fmt: skip
    assert events.time.tolist() == [np.datetime64("2017-06-01T12:00"), np.datetime64("2017-06-01T23:30")]


def test_placeholder_times_are_dropped_and_counted():
    when = ["9999-12-31 23:00:00", "9999-12-31 23:00:00-05", "1900-01-01 00:00:00", "2017-06-01 10:00"]
    table = frame(4, when=when, until=["2017-06-01"] * 3 + ["9999-12-31 00:00:00"])
    events = read_events(table, timezone="America/Chicago", columns={**COLUMNS, "end": "until", "reported_at": "until"})
    assert len(events) == 1
    assert events.ledger["time after 2100"] == 2
    assert events.ledger["time before 1970"] == 1
    assert events.ledger["end before 1970 or after 2100 (end ignored)"] == 1
    assert np.isnat(events.reported).all()
    typed = frame(2, when=np.array(["9999-12-31T23:00", "2017-06-01"], "datetime64[s]"))
    assert len(read_events(typed, **CHICAGO)) == 1


def test_impossible_and_swapped_places():
    table = frame(lon=np.full(100, 34.0), lat=np.full(100, -118.2))
    with pytest.raises(DataError, match=r"100 of 100 places .* look swapped"):
        read_events(table, timezone="America/Los_Angeles", columns=COLUMNS)
    with pytest.raises(DataError, match=r"metres or feet"):
        read_events(frame(lon=np.full(100, 7e6), lat=np.full(100, 6e5)), timezone="UTC", columns=COLUMNS)


def test_places_outside_the_area(area):
    inside = read_events(frame(), **CHICAGO)
    assert len(check_placed(inside, area, max_outside_share=0.2)) == 100
    some_out = check_placed(read_events(frame(lat=[40.0] * 10 + [41.85] * 90), **CHICAGO), area, max_outside_share=0.2)
    assert some_out.ledger["outside the area"] == 10
    assert "10 of 100 events (10.0%)" in some_out.notes[-1].text
    assert some_out.crs == area.crs
    with pytest.raises(DataError, match=r"30 of 100 points"):
        check_placed(read_events(frame(lat=[40.0] * 30 + [41.85] * 70), **CHICAGO), area, max_outside_share=0.2)
    swapped = read_events(frame(), timezone="UTC", columns={**COLUMNS, "lon": "lat", "lat": "lon"})
    with pytest.raises(DataError, match="look swapped: exchanging them puts 100 inside"):
        check_placed(swapped, area, max_outside_share=0.2)
    feet = frame(lon=np.full(100, 7.6e6), lat=np.full(100, 6.5e5))
    columns = {"time": "when", "kind": "what", "x": "lon", "y": "lat"}
    wrong = read_events(feet, timezone="UTC", columns=columns, crs="EPSG:2913")
    with pytest.raises(DataError, match=r"is data\.crs"):
        check_placed(wrong, area, max_outside_share=0.2)


def test_origin_is_mapped():
    table = frame(how=["OFFICER ", "phone"] * 50)
    columns = {**COLUMNS, "origin": "how"}
    events = read_events(table, timezone="UTC", columns=columns, officer_initiated=["officer"])
    assert (events.origin == OFFICER).sum() == 50
    assert "every origin counts as a call" in read_events(table, timezone="UTC", columns=columns).notes[0].text


def test_kinds_are_stripped_and_renamed():
    table = frame(what=[" THEFT", "LARCENY"] * 50)
    events = read_events(table, kind_map={"LARCENY": "THEFT", "FRUAD": "FRAUD"}, **CHICAGO)
    assert events.kinds == ("THEFT",)
    assert "'FRUAD'" in events.notes[0].text
    with pytest.raises(DataError, match="reserved"):
        read_events(frame(what=["all"] * 100), **CHICAGO)


def test_reported_and_end_times():
    table = frame(2, until=["2017-06-01 09:00", "2017-05-01 00:00"], told=["2017-06-03", ""])
    events = read_events(table, timezone="UTC", columns={**COLUMNS, "end": "until", "reported_at": "told"})
    assert np.isnat(events.end).tolist() == [False, True]
    assert events.ledger["end before start (end ignored)"] == 1
    assert np.isnat(events.reported).tolist() == [False, True]


def test_columns_that_change_nothing_yet_are_told():
    columns = {**COLUMNS, "weight": "w", "end": "until"}
    notes = " | ".join(texts(read_events(frame(w=2.0, until="2017-07-01"), timezone="UTC", columns=columns).notes))
    assert "column of weights is kept but does not enter counts yet" in notes
    assert "within the week they are spread over it" in notes
    assert not read_events(frame(), **CHICAGO).notes


def test_personal_columns_are_listed_never_read():
    events = read_events(frame(vict_age=30, officer_name="x", premises="y"), **CHICAGO)
    assert events.dropped_columns == ("vict_age", "officer_name")
    with pytest.raises(ConfigError, match="looks personal"):
        read_events(frame(vict_age=30), timezone="UTC", columns={**COLUMNS, "weight": "vict_age"})


@pytest.mark.parametrize(
    ("columns", "options", "words"),
    [
        ({"time": "when", "lon": "lon", "lat": "lat"}, {}, "columns.kind is required"),
        ({"kind": "what", "lon": "lon", "lat": "lat"}, {}, "columns.time"),
        ({"time": "when", "kind": "what", "lon": "lon"}, {}, "columns.lon and columns.lat"),
        ({"time": "when", "kind": "what", "x": "lon", "y": "lat"}, {}, "crs is required"),
        (
            {"time": "when", "kind": "what", "x": "lon", "y": "lat"},
            {"crs": "EPSG:0"},
            "unknown coordinate system",
        ),
        ({**COLUMNS, "tme": "when"}, {}, "did you mean 'time'"),
        (COLUMNS, {"bad_row": "drop"}, "did you mean 'bad_rows'"),
        (COLUMNS, {"preset": "chicgo"}, "did you mean 'chicago'"),
        (COLUMNS, {"file_timezone": "America/Chicgo"}, "did you mean 'America/Chicago'"),
        (COLUMNS, {"time_format": "%Q"}, "neither a strptime format"),
        (COLUMNS, {"officer_initiated": ["x"]}, "needs columns.origin"),
    ],
)
def test_an_impossible_map_is_a_config_error(columns, options, words):
    with pytest.raises(ConfigError) as error:
        read_events(frame(), timezone="UTC", columns=columns, **options)
    assert words in str(error.value)


def test_latin_text_is_read(tmp_path):
    (tmp_path / "a.csv").write_bytes(f"{HEADER}\n{GOOD.replace('THEFT', 'VÍA')}\n".encode("cp1252"))
    assert read_events(tmp_path / "a.csv", **CHICAGO).kinds == ("VÍA",)


@pytest.mark.data
def test_real_chicago():
    path = real("chicago", "events.parquet")
    columns = {"time": "occurred_at", "kind": "category", "lon": "lon", "lat": "lat"}
    events = read_events(path, timezone="America/Chicago", columns=columns)
    assert len(events) == 321_877
    assert events.precision == "minute"
    assert events.kinds == ("ASSAULT", "BATTERY", "CRIMINAL DAMAGE", "THEFT")
    city = read_area(real("chicago", "districts.geojson"), district="dist_num")
    assert check_placed(events, city, max_outside_share=0.2).ledger["outside the area"] < 0.01 * len(events)


@pytest.mark.data
def test_real_portland():
    columns = {"time": "occ_date", "kind": "category", "x": "x", "y": "y"}
    path = real("portland", "events.parquet")
    events = read_events(path, timezone="America/Los_Angeles", columns=columns, crs="EPSG:2913")
    assert events.precision == "day"
    city = read_area(real("portland", "boundary.geojson"))
    placed = check_placed(events, city, max_outside_share=0.2)
    assert 0.001 < placed.ledger["outside the area"] / 156_336 < 0.005


@pytest.mark.data
def test_real_st_louis():
    columns = {"time": "occurred_at", "kind": "ucr", "x": "x", "y": "y", "count": "count", "id": "complaint"}
    path, options = real("stlouis", "events.parquet"), {"timezone": "America/Chicago", "crs": "ESRI:102696"}
    with pytest.raises(DataError, match="counts are negative"):
        read_events(path, columns=columns, **options)
    events = read_events(path, columns=columns, corrections="net", **options)
    assert (events.count == -1).sum() > 6_000
    assert events.ledger["correction without place (put where the row it corrects is)"] == 934
    assert events.ledger["without place"] == 10_128 - 934
    assert events.ledger["time before 1970"] == 15
