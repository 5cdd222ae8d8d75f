"""What is read, but may be wrong, is told or refused: heaps, half days, numbers with thousands, lists, layers."""

import json

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from allocator.errors import DataError
from allocator.io.history import read_events
from allocator.io.tables import as_numbers

ZONE = "America/Chicago"
N = 4_000
COLUMNS = {"time": "when", "kind": "kind", "lon": "lon", "lat": "lat"}


def events_of(n=N, **changes):
    rng = np.random.default_rng(8)
    when = pd.Series(pd.Timestamp("2025-01-01") + pd.to_timedelta(rng.integers(0, 525_600, n), "min"))
    lon, lat = np.round(-87.6 + rng.normal(0, 0.03, n), 6), np.round(41.8 + rng.normal(0, 0.03, n), 6)
    return pd.DataFrame({"when": when, "kind": "THEFT", "lon": lon, "lat": lat, **changes})


def notes_of(frame, columns=COLUMNS, **options):
    return {note.cause: note for note in read_events(frame, timezone=ZONE, columns=columns, **options).notes}


def test_no_heap_is_told_where_there_is_none():
    assert not [cause for cause in notes_of(events_of()) if "heap" in cause]


def test_twenty_stations_are_told_though_each_is_small():
    frame = events_of()
    stations = np.random.default_rng(1).normal(0, 0.03, (20, 2))
    for n in range(20):  # 0.5 % each
        frame.loc[n * 20 : n * 20 + 19, ["lon", "lat"]] = np.round(np.array([-87.6, 41.8]) + stations[n], 6)
    told = notes_of(frame)["history.heaps"].record()
    assert (told["points"], told["count"], told["share"]) == (20, 400, 0.1)
    assert "history.heap" not in notes_of(frame)


def test_a_heap_that_is_scattered_to_hide_it_is_told_and_can_be_left_out():
    frame = events_of()
    scatter = np.random.default_rng(2).uniform(-4e-4, 4e-4, (300, 2))
    frame.loc[:299, ["lon", "lat"]] = np.round(np.array([-87.62, 41.85]) + scatter, 6)
    told = notes_of(frame)["history.heap_near"]
    assert 290 < told.record()["count"] <= 320
    rule = {"at": [float(told.record()["x"]), float(told.record()["y"])], "within": told.record()["within"]}
    assert f"within = {rule['within']:g}" in told.text
    kept = read_events(frame, timezone=ZONE, columns=COLUMNS, leave_out=[rule])
    assert N - 320 < len(kept) < N - 280


@pytest.mark.parametrize("clock", ["00:01", "12:00", "03:30"])
def test_a_minute_of_the_day_that_stands_for_unknown_is_told(clock):
    frame = events_of()
    frame.loc[:199, "when"] = frame["when"][:200].dt.normalize() + pd.Timedelta(f"{clock}:00")
    told = notes_of(frame)["history.minute_heaped"].record()
    assert told["clock"] == clock
    assert told["share"] == pytest.approx(0.05, abs=0.005)


def test_full_hours_and_noon_are_no_heaps_where_people_round():
    frame = events_of(20_000)
    frame.loc[:7_999, "when"] = frame["when"][:8_000].dt.floor("60min")
    frame.loc[8_000:8_199, "when"] = frame["when"][8_000:8_200].dt.normalize() + pd.Timedelta(
        "12h"
    )  # 1.6 times as many
    assert "history.minute_heaped" not in notes_of(frame)


def test_a_clock_of_twelve_hours_without_am_and_pm_is_refused_with_a_way_out():
    frame = events_of()
    half = frame["when"].dt.strftime("%Y-%m-%d %I:%M")
    with pytest.raises(DataError, match=r"without AM and PM.*time_precision"):
        read_events(frame.assign(when=half), timezone=ZONE, columns=COLUMNS)
    days = read_events(frame.assign(when=half), timezone=ZONE, columns=COLUMNS, time_precision="day")
    assert len(days) == N
    assert len(read_events(frame, timezone=ZONE, columns=COLUMNS)) == N
    unknown = half.mask(np.arange(N) % 100 == 0, frame["when"].dt.strftime("%Y-%m-%d 00:00"))
    with pytest.raises(DataError, match="without AM and PM"):
        read_events(frame.assign(when=unknown), timezone=ZONE, columns=COLUMNS)


@pytest.mark.parametrize(
    ("clocks", "minutes"),
    [
        (["13.75", "0.5", "23.25"], [825, 30, 1395]),
        (["13.5", "8", "22.0"], [810, 480, 1320]),
        (["13.1167", "7.5", "8"], [787, 450, 480]),
        (["13.30", "7.5", "8.05"], [810, 470, 485]),  # 7:50, without its last zero
        (["13.15", "7.45", "8.00"], [795, 465, 480]),
    ],
)
def test_hours_with_decimals_and_clocks_with_points_are_told_apart(clocks, minutes):
    day = pd.DataFrame({"day": "2025-06-17", "clock": clocks, "kind": "A", "lon": -87.6, "lat": 41.8})
    columns = {"date": "day", "clock": "clock", "kind": "kind", "lon": "lon", "lat": "lat"}
    events = read_events(pd.concat([day] * 5), timezone="UTC", columns=columns)
    found = (events.time - np.datetime64("2025-06-17")).astype("timedelta64[s]").astype(int) / 60
    np.testing.assert_allclose(np.unique(found), np.unique(minutes), atol=0.02)


def test_reports_before_the_event_are_counted_and_do_not_count():
    frame = events_of(reported=None)
    frame["reported"] = frame["when"] + pd.Timedelta("3h")
    frame.loc[:99, "reported"] = frame["when"][:100] - pd.Timedelta("40D")
    events = read_events(frame, timezone=ZONE, columns={**COLUMNS, "reported_at": "reported"})
    assert events.ledger["reported on a day before the event (report time ignored)"] == 100
    known = events.reported[~np.isnat(events.reported)]
    assert len(known) == N - 100
    assert "reported on a day before" in " ".join(note.text for note in events.notes)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1,147,238.5", "987,654", "5"], [1147238.5, 987654, 5]),
        (["1.147.238,5", "987.654", "12,5"], [1147238.5, 987654, 12.5]),
        (["1 147 238", "5,5", ""], [1147238, 5.5, np.nan]),
        (["2'600'000.5", "2’600’000", "7"], [2600000.5, 2600000, 7]),
        (["-1,147,238", "987,654.25"], [-1147238, 987654.25]),
        (["12,5", "7"], [12.5, 7]),
        (["442.022"] * 4, [442.022] * 4),
    ],
)
def test_numbers_with_thousands(texts, values):
    numbers, odd = as_numbers(pd.Series(texts, dtype=str))
    np.testing.assert_array_equal(numbers, values)
    assert not odd.any()


@pytest.mark.parametrize(
    ("texts", "odd"),
    [
        (["1,147,238", "1.147.238"], [False, True]),
        (["1.147.238", "512.5"], [True, False]),
        (["987,654", "123,456"], [True, True]),
        (["1,234,567", "1,234,568", "5,4"], [False, False, True]),
        (["0.125", "0.500", "12.250", "1.147.238"], [False, False, False, True]),
        (["442.022"] * 300 + ["1.447.238", "1.447.239"], [False] * 300 + [True] * 2),
    ],
)
def test_a_slip_changes_no_other_number(texts, odd):
    numbers, found = as_numbers(pd.Series(texts, dtype=object))
    assert found.tolist() == odd
    plain = pd.to_numeric(pd.Series(texts), errors="coerce").to_numpy()
    known = ~found & np.isfinite(plain)
    np.testing.assert_array_equal(numbers[known], plain[known])


def test_one_clock_that_cannot_be_does_not_make_hours_of_all():
    minutes = list(range(61, 1439, 37))
    clocks = [f"{m // 60}.{m % 60:02d}" for m in minutes]
    day = pd.DataFrame({"day": "2025-06-17", "clock": [*clocks, "8.99"], "kind": "A"})
    columns = {"date": "day", "clock": "clock", "kind": "kind", "lon": "lon", "lat": "lat"}
    events = read_events(day.assign(lon=-87.6, lat=41.8), timezone="UTC", columns=columns, bad_rows="drop")
    found = (events.time - np.datetime64("2025-06-17")).astype("timedelta64[m]").astype(int)
    assert set(found) == set(minutes)


@pytest.mark.parametrize("centre", [(-87.7, 41.8), (-87.7005, 41.8005), (-87.70025, 41.80025)])
@pytest.mark.parametrize("sd", [1e-4, 3e-4])
def test_a_scattered_heap_is_told_wherever_it_lies(centre, sd):
    frame = events_of(20_000)
    scatter = np.random.default_rng(3).normal(0, sd, (800, 2))
    frame.loc[:799, ["lon", "lat"]] = np.round(np.array(centre) + scatter, 6)
    told = notes_of(frame)["history.heap_near"].record()
    assert told["count"] > 750
    assert abs(float(told["x"]) - centre[0]) < 1e-4


def test_projected_places_with_thousands(tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.integers(1_100_000, 1_200_000, 50), rng.integers(1_800_000, 1_900_000, 50)
    frame = events_of(50).assign(lon=[f"{n:,}.5" for n in x], lat=[f"{n:,}" for n in y])
    frame.to_csv(tmp_path / "e.csv", index=False)
    columns = {"time": "when", "kind": "kind", "x": "lon", "y": "lat"}
    events = read_events(tmp_path / "e.csv", timezone=ZONE, columns=columns, crs="EPSG:3435")
    np.testing.assert_array_equal(np.sort(events.x), np.sort(x + 0.5))


def test_the_records_of_an_answer_are_read_though_its_list_of_columns_is_longer(tmp_path):
    frame = events_of(30).astype({"when": str})
    columns = [{"id": n, "type": "text"} for n in range(60)]
    answer = {"result": {"fields": columns, "records": json.loads(frame.to_json(orient="records"))}}
    (tmp_path / "e.json").write_text(json.dumps(answer))
    events = read_events(tmp_path / "e.json", timezone=ZONE, columns=COLUMNS)
    assert len(events) == 30
    assert "result.fields (60)" in " ".join(note.text for note in events.notes)


def test_which_layer_of_several_is_read_is_told(tmp_path):
    frame = events_of(30)
    shapes = gpd.GeoDataFrame(frame[["when", "kind"]], geometry=shapely.points(frame["lon"], frame["lat"]), crs=4326)
    shapes.to_file(tmp_path / "e.gpkg", layer="calls", driver="GPKG")
    shapes[:9].to_file(tmp_path / "e.gpkg", layer="stops", driver="GPKG")
    columns = {"time": "when", "kind": "kind"}
    told = notes_of(tmp_path / "e.gpkg", columns)["history.points_read"].text
    assert "'calls'" in told
    assert "stops" in told
    assert len(read_events(tmp_path / "e.gpkg", timezone=ZONE, columns=columns, layer="stops")) == 9
    assert "history.points_read" not in notes_of(tmp_path / "e.gpkg", columns, layer="stops")


def test_versions_that_differ_in_what_is_left_out_are_told():
    frame = events_of(400).assign(number=[f"N{n // 2}" for n in range(400)])
    frame.loc[1::2, ["when", "lon", "lat"]] = frame.loc[::2, ["when", "lon", "lat"]].to_numpy()
    frame["status"] = ["Open", "Unfounded"] * 200
    columns, rule = {**COLUMNS, "id": "number"}, [{"column": "status", "values": ["Unfounded"]}]
    first = read_events(frame, timezone=ZONE, columns=columns, leave_out=rule)
    assert len(first) == 200
    assert "history.versions_differ" in {note.cause for note in first.notes}
    with pytest.raises(DataError, match="every row is left out"):
        read_events(frame, timezone=ZONE, columns=columns, leave_out=rule, duplicates="last")


@pytest.mark.parametrize("where", ["data", "value", "x"])
def test_the_list_with_the_mapped_columns_is_read_whatever_it_is_called(tmp_path, where):
    frame = events_of(30).astype({"when": str})
    links = [{"href": f"https://example.org/{n}", "rel": "next"} for n in range(90)]
    answer = {where: links, "stuff": {"incidents": json.loads(frame.to_json(orient="records"))}}
    (tmp_path / "e.json").write_text(json.dumps(answer))
    events = read_events(tmp_path / "e.json", timezone=ZONE, columns=COLUMNS)
    assert len(events) == 30
    assert f"{where} (90)" in " ".join(note.text for note in events.notes)
