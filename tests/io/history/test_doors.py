"""The same events in every form that departments keep them in."""

import datetime as dt
import gzip
import json
import zipfile

import geopandas as gpd
import numpy as np
import openpyxl
import pandas as pd
import pytest
import shapely

from allocator.errors import ConfigError, DataError
from allocator.io.history import read_events

ZONE = "America/Chicago"
N = 400
RNG = np.random.default_rng(5)
LOCAL = pd.Series(pd.date_range("2025-01-03 00:20", periods=N, freq="547min")).dt.floor("min")
KIND = np.array(["THEFT", "BURGLARY", "ROBBERY"])[RNG.integers(0, 3, N)]
LON, LAT = np.round(-87.6 + RNG.normal(0, 0.02, N), 5), np.round(41.8 + RNG.normal(0, 0.02, N), 5)
ID = [f"R{n}" for n in range(N)]
UTC = LOCAL.dt.tz_localize(ZONE, ambiguous=True, nonexistent="shift_forward").dt.tz_convert("UTC")
COLUMNS = {"time": "when", "kind": "kind", "lon": "lon", "lat": "lat", "id": "id"}


def table(**changes):
    whole = {"id": ID, "when": LOCAL.dt.strftime("%Y-%m-%d %H:%M"), "kind": KIND, "lon": LON, "lat": LAT, **changes}
    return pd.DataFrame({name: column for name, column in whole.items() if column is not None})


def check(events, *, minutes=1, n=N):
    assert len(events) == n
    place = {name: row for row, name in enumerate(ID)}
    rows = np.array([place[name] for name in events.id])
    true = UTC.dt.tz_localize(None).to_numpy().astype("datetime64[s]")[rows]
    assert np.abs((events.time - true).astype(int)).max() < 60 * minutes
    assert np.allclose(events.x, LON[rows], atol=1e-5)
    assert np.allclose(events.y, LAT[rows], atol=1e-5)
    assert [events.kinds[k] for k in events.kind] == list(KIND[rows])


def excel(values):
    return (values - pd.Timestamp("1899-12-30")) / pd.Timedelta(days=1)


MONTHS = ["ene", "feb", "mar", "abr", "may", "jun", "jul", "ago", "sep", "oct", "nov", "dic"]
TIMES = {
    "epoch s": UTC.astype("int64") // 10**9 if UTC.dt.unit == "ns" else UTC.dt.as_unit("s").astype("int64"),
    "epoch ms": UTC.dt.as_unit("s").astype("int64") * 1_000,
    "epoch ms as floats": UTC.dt.as_unit("s").astype("int64") * 1_000.0,
    "excel": excel(LOCAL).round(6),
    "iso with Z": UTC.dt.strftime("%Y-%m-%dT%H:%M:%SZ"),
    "iso with millis": LOCAL.dt.strftime("%Y-%m-%dT%H:%M:%S.000"),
    "esri": UTC.dt.strftime("%Y/%m/%d %H:%M:%S+00"),
    "compact": LOCAL.dt.strftime("%Y%m%d %H%M%S").str.replace(r"(\d\d)(\d\d)(\d\d)$", r"\1:\2:\3", regex=True),
    "american": LOCAL.dt.strftime("%m/%d/%Y %I:%M:%S %p"),
    "american short": [f"{t.month}/{t.day}/{t.year % 100:02d} {t:%H:%M}" for t in LOCAL],
    "german": LOCAL.dt.strftime("%d.%m.%Y %H:%M"),
    "british": LOCAL.dt.strftime("%d/%m/%Y %H:%M:%S"),
    "month name": LOCAL.dt.strftime("%d-%b-%Y %H:%M"),
    "american month name": LOCAL.dt.strftime("%b %d, %Y %I:%M %p"),
    "weekday and month name": LOCAL.dt.strftime("%a %d %B %Y %H:%M"),
    "spanish month": [f"{t.day} de {MONTHS[t.month - 1]} de {t.year} {t:%H:%M}" for t in LOCAL],
}


@pytest.mark.parametrize("form", TIMES)
def test_times_of_every_usual_form(tmp_path, form):
    table(when=TIMES[form]).to_csv(tmp_path / "e.csv", index=False)
    check(read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS))


CLOCKS = {
    "HH:MM": LOCAL.dt.strftime("%H:%M"), "HHMM": LOCAL.dt.strftime("%H%M"),
    "HHMM as number": LOCAL.dt.strftime("%H%M").astype(int),
    "HHMMSS": LOCAL.dt.strftime("%H%M%S"), "HHMMSS as number": LOCAL.dt.strftime("%H%M%S").astype(int),
    "AM PM": LOCAL.dt.strftime("%I:%M:%S %p"),
    "a.m.": LOCAL.dt.strftime("%I:%M %p").str.lower().str.replace("m", ".m."),
    "HH.MM": LOCAL.dt.strftime("%H.%M"), "HHhMM": LOCAL.dt.strftime("%Hh%M"),
    "Excel share": (excel(LOCAL) % 1).round(7),
    "with a date": LOCAL.dt.strftime("1900-01-01T%H:%M:%S"),
}  # fmt: skip


@pytest.mark.parametrize("form", CLOCKS)
def test_clocks_of_every_usual_form(tmp_path, form):
    frame = table(when=None, day=LOCAL.dt.strftime("%m/%d/%Y"), clock=CLOCKS[form])
    frame.to_csv(tmp_path / "e.csv", index=False)
    columns = {**COLUMNS, "date": "day", "clock": "clock"}
    del columns["time"]
    check(read_events(tmp_path / "e.csv", timezone=ZONE, columns=columns))


def test_hours_alone_and_parts_of_dates():
    columns = {"kind": "kind", "lon": "lon", "lat": "lat", "id": "id"}
    by_hour = table(when=None, day=LOCAL.dt.strftime("%Y-%m-%d"), clock=LOCAL.dt.hour)
    events = read_events(by_hour, timezone=ZONE, columns={**columns, "date": "day", "clock": "clock"})
    check(events, minutes=60)
    assert [told.get("form") for told in events.notes if told.cause == "history.clocks_taken"] == ["hours"]
    parts = table(
        when=None, y=LOCAL.dt.year, m=LOCAL.dt.strftime("%B"), d=LOCAL.dt.day, h=LOCAL.dt.hour, mi=LOCAL.dt.minute
    )
    columns |= {"year": "y", "month": "m", "day": "d", "hour": "h", "minute": "mi"}
    check(read_events(parts, timezone=ZONE, columns=columns))


def test_the_end_of_a_day_is_the_start_of_the_next():
    frame = table().iloc[:2].assign(when=["2025-03-04 24:00", "03/04/2025 24:00:00"])
    events = read_events(frame, timezone="UTC", columns=COLUMNS, dates="month first")
    assert events.time.tolist() == [dt.datetime(2025, 3, 5)] * 2


@pytest.mark.parametrize("form", ["%d/%m/%Y %H:%M", "%m-%d-%Y", "%d.%m.%y"])
def test_dates_that_mean_two_days_are_refused_unless_the_job_says_which(form):
    frame = table()[LOCAL.dt.day.le(12).to_numpy()]
    frame["when"] = LOCAL[LOCAL.dt.day.le(12)].dt.strftime(form).to_numpy()
    with pytest.raises(DataError, match=r"day first or month first.* data\.dates"):
        read_events(frame, timezone=ZONE, columns=COLUMNS)
    order = "day first" if form.startswith("%d") else "month first"
    events = read_events(frame, timezone=ZONE, columns=COLUMNS, dates=order)
    check(events, minutes=1 if "%H" in form else 24 * 60 + 60, n=len(frame))


def test_midnights_in_utc_are_the_local_days_on_both_sides_of_greenwich():
    for zone in ("America/Chicago", "Asia/Tokyo", "Pacific/Auckland"):
        days = pd.Series(pd.date_range("2025-03-01", periods=60))
        stamps = days.dt.tz_localize(zone).dt.tz_convert("UTC").dt.strftime("%Y/%m/%d %H:%M:%S+00")
        frame = pd.DataFrame({"when": stamps, "kind": "A", "lon": 1.0, "lat": 2.0})
        events = read_events(frame, timezone=zone, columns={k: v for k, v in COLUMNS.items() if k != "id"})
        local = pd.DatetimeIndex(events.time).tz_localize("UTC").tz_convert(zone).tz_localize(None)
        assert (local == days).all(), zone
        assert events.precision == "day"


def test_offsets_may_be_ignored():
    frame = table(when=LOCAL.dt.strftime("%Y-%m-%dT%H:%M:%SZ"))  # a local time with a Z that means nothing
    check(read_events(frame, timezone=ZONE, columns=COLUMNS, offsets="ignore"))


PLACES = {
    "wkt": [f"POINT ({x} {y})" for x, y in zip(LON, LAT, strict=True)],
    "ewkt": [f"SRID=4326;Point({x} {y})" for x, y in zip(LON, LAT, strict=True)],
    "pair": [f"({y}, {x})" for x, y in zip(LON, LAT, strict=True)],
    "address and pair": [f"4500 block of Elm St\n({y}, {x})" for x, y in zip(LON, LAT, strict=True)],
    "geojson": [json.dumps({"type": "Point", "coordinates": [x, y]}) for x, y in zip(LON, LAT, strict=True)],
    "named": [str({"latitude": str(y), "longitude": str(x)}) for x, y in zip(LON, LAT, strict=True)],
    "degrees": [f"{y:.5f}° N, {-x:.5f}° W" for x, y in zip(LON, LAT, strict=True)],
}


@pytest.mark.parametrize("form", PLACES)
def test_places_in_one_column(form):
    columns = {"time": "when", "kind": "kind", "place": "place", "id": "id"}
    check(read_events(table(lon=None, lat=None, place=PLACES[form]), timezone=ZONE, columns=columns))


def test_decimal_commas_and_codes_for_missing(tmp_path):
    frame = table(lon=[str(x).replace(".", ",") for x in LON], lat=[str(y).replace(".", ",") for y in LAT])
    frame.loc[3, ["lon", "lat"]] = "-999"
    frame.loc[4, ["lon", "lat"]] = "NSA"
    frame.to_csv(tmp_path / "e.csv", index=False, sep=";")
    with pytest.raises(DataError, match=r"data\.missing"):
        read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS)
    events = read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS, missing=["-999", "NSA"])
    check(events, n=N - 2)
    assert events.ledger["without place"] == 2


def xlsx(path, frame, **options):
    book = openpyxl.Workbook()
    book.active.title = "notes"
    sheet = book.create_sheet(options.get("sheet", "events"))
    for row in options.get("above", []):
        sheet.append(row)
    sheet.append(list(frame))
    for row in frame.itertuples(index=False):
        sheet.append([value.to_pydatetime() if isinstance(value, pd.Timestamp) else value for value in row])
    book.save(path)


def test_workbooks_are_read_by_their_content(tmp_path):
    frame = table(when=LOCAL)
    xlsx(tmp_path / "e.xlsx", frame)
    xlsx(tmp_path / "e.xls", frame, above=[["Extract of the RMS"], []])  # named as many programs do
    for name in ("e.xlsx", "e.xls"):
        check(read_events(tmp_path / name, timezone=ZONE, columns=COLUMNS))
    with pytest.raises(DataError, match="no sheet 'evnts'; it has 'notes', 'events'"):
        read_events(tmp_path / "e.xlsx", timezone=ZONE, columns=COLUMNS, layer="evnts")


def test_packed_and_json_files(tmp_path):
    frame = table()
    frame.to_csv(tmp_path / "e.csv", index=False)
    content = (tmp_path / "e.csv").read_bytes()
    (tmp_path / "packed.bin").write_bytes(gzip.compress(content))
    with zipfile.ZipFile(tmp_path / "e.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("folder/e.csv", content)
    records = frame.to_dict("records")
    (tmp_path / "e.json").write_text(json.dumps(records))
    (tmp_path / "lines.json").write_text("\n".join(json.dumps(one) for one in records))
    (tmp_path / "ckan.json").write_text(json.dumps({"success": True, "result": {"records": records}}))
    socrata = {"meta": {"view": {"columns": [{"fieldName": name} for name in frame]}}, "data": frame.values.tolist()}
    (tmp_path / "socrata.json").write_text(json.dumps(socrata))
    (tmp_path / "utf16.csv").write_bytes(content.decode().encode("utf-16"))
    for name in ("packed.bin", "e.zip", "e.json", "lines.json", "ckan.json", "socrata.json", "utf16.csv"):
        check(read_events(tmp_path / name, timezone=ZONE, columns=COLUMNS))


def test_answers_of_map_servers(tmp_path):
    stamps = UTC.dt.as_unit("s").astype("int64") * 1_000
    points = gpd.GeoSeries(gpd.points_from_xy(LON, LAT), crs="EPSG:4326").to_crs("EPSG:3857")
    answer = {
        "geometryType": "esriGeometryPoint", "spatialReference": {"wkid": 102100, "latestWkid": 3857},
        "fields": [{"name": "when", "type": "esriFieldTypeDate"}],
        "features": [{"attributes": {"id": i, "when": int(t), "kind": k}, "geometry": {"x": p.x, "y": p.y}}
                     for i, t, k, p in zip(ID, stamps, KIND, points, strict=True)],
    }  # fmt: skip
    (tmp_path / "e.json").write_text(json.dumps(answer))
    events = read_events(tmp_path / "e.json", timezone=ZONE, columns={"time": "when", "kind": "kind", "id": "id"})
    assert events.crs == "EPSG:3857"
    check(events.to_crs("EPSG:4326"))


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (["Extract of 3 March 2025", ""], []), (["# a remark", "# another"], []), (["Report,,,,", "Printed,,,,"], []),
        (["sep=,"], []), ([], ["Total,,,,400"]),
        ([], ["", "(400 rows affected)", "", "Completion time: 2025-03-04T10:00:00"]),
        ([], ["id,when,kind,lon,lat"]),
    ],
)  # fmt: skip
def test_what_programs_write_around_a_table_is_passed_over_and_told(tmp_path, before, after):
    body = table().to_csv(index=False)
    (tmp_path / "e.csv").write_text("\n".join([*before, body.rstrip("\n"), *after]) + "\n")
    events = read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS)
    check(events)
    causes = {told.cause for told in events.notes}
    assert causes == {"history.lines_before_header" if before else "history.lines_no_rows"}


@pytest.mark.parametrize("quotes", [(5, 300), (5,), (10, 390)])
def test_quotes_that_swallow_rows_are_refused_with_their_line(tmp_path, quotes):
    lines = table(note="x").to_csv(index=False).splitlines()
    for line in quotes:
        lines[line - 1] = lines[line - 1].removesuffix(",x") + ',"5 inch'
    (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match=rf"a quote opens in line {quotes[0]} "):
        read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS, bad_rows="drop")


def test_cells_of_many_lines_are_no_stray_quotes(tmp_path):
    table(note=['first, with a comma\nsecond "said"\n\nthird'] * N).to_csv(tmp_path / "e.csv", index=False)
    check(read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS))


def test_a_table_without_a_header_shows_nothing_of_its_rows(tmp_path):
    table().to_csv(tmp_path / "e.csv", index=False, header=False)
    with pytest.raises(DataError, match="no header") as error:
        read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS)
    assert "R0" not in str(error.value)


def test_numbers_that_are_one_kind_and_codes_that_are_not():
    codes = ["301", "301.0", "00301", "1E3", "1000"] * (N // 5)
    events = read_events(table(kind=codes), timezone=ZONE, columns=COLUMNS)
    assert len(events.kinds) == 3
    assert {"1000", "1E3"} < set(events.kinds)
    (told,) = [one for one in events.notes if one.cause == "history.kinds_one_number"]
    assert len(told.get("names")) == 2


def test_the_last_version_of_a_row_stands_and_unfounded_rows_go():
    first = table(updated="2025-01-01", status="open")
    later = first.iloc[:50].assign(kind="CORRECTED", updated="2025-02-01", status="Unfounded")
    both = pd.concat([later, first], ignore_index=True)
    plain = read_events(both, timezone=ZONE, columns=COLUMNS)
    assert "history.versions_differ" in {told.cause for told in plain.notes}
    newest = read_events(both, timezone=ZONE, columns={**COLUMNS, "version": "updated"}, duplicates="last")
    assert (newest.kind == newest.kinds.index("CORRECTED")).sum() == 50
    founded = read_events(
        both, timezone=ZONE, columns={**COLUMNS, "version": "updated"}, duplicates="last",
        leave_out=[{"column": "status", "values": ["unfounded"]}],
    )  # fmt: skip
    assert founded.ledger["left out by status = 'unfounded'"] == 50
    assert set(founded.id) == set(ID[50:])  # an earlier version does not come back for them
    with pytest.raises(ConfigError, match=r'needs data\.duplicates = "last"'):
        read_events(both, timezone=ZONE, columns={**COLUMNS, "version": "updated"})


def test_a_heap_at_one_place_is_told_and_can_be_left_out():
    lon, lat = LON.copy(), LAT.copy()
    lon[::5], lat[::5] = -87.61, 41.81
    many = pd.concat([table(lon=lon, lat=lat).assign(id=[f"{n}{name}" for name in ID]) for n in range(3)])
    columns = {**COLUMNS}
    events = read_events(many, timezone=ZONE, columns=columns)
    (told,) = [one for one in events.notes if one.cause == "history.heap"]
    assert told.get("count") == 240
    cleared = read_events(many, timezone=ZONE, columns=columns, leave_out=[{"at": [-87.61, 41.81]}])
    assert len(cleared) == len(events) - 240


def test_a_loss_that_hits_one_month_is_told_with_the_month_and_the_key():
    lon = LON.copy()
    lon[LOCAL.dt.month.eq(3)] = np.nan
    events = read_events(table(lon=lon), timezone=ZONE, columns=COLUMNS)
    (told,) = [one for one in events.notes if one.cause == "history.rows_lost"]
    assert told.get("reason") == "without place"
    assert told.named("part") == {"2025-03"}
    assert told.get("key") == "data.columns"


@pytest.mark.parametrize("shape", ["fgb", "gpkg", "geojson"])
def test_maps_named_as_something_else_are_read_by_content(tmp_path, shape):
    points = gpd.GeoDataFrame(table(lon=None, lat=None), geometry=shapely.points(LON, LAT), crs="EPSG:4326")
    drivers = {"fgb": "FlatGeobuf", "gpkg": "GPKG", "geojson": "GeoJSON"}
    points.to_file(tmp_path / f"x.{shape}", driver=drivers[shape])
    (tmp_path / f"x.{shape}").rename(tmp_path / "export.dat")
    check(read_events(tmp_path / "export.dat", timezone=ZONE, columns={"time": "when", "kind": "kind", "id": "id"}))


def test_each_file_has_forms_of_its_own(tmp_path):
    first, second = table().iloc[:200], table().iloc[200:]
    ms = UTC.dt.as_unit("s").astype("int64")
    first.assign(when=ms[:200].to_numpy()).to_csv(tmp_path / "e_2024.csv", index=False)
    second.assign(when=1_000 * ms[200:].to_numpy()).to_csv(tmp_path / "e_2025.csv", index=False)
    check(read_events([tmp_path / "e_2024.csv", tmp_path / "e_2025.csv"], timezone=ZONE, columns=COLUMNS))
    day, clock = LOCAL.dt.strftime("%Y-%m-%d"), LOCAL.dt.strftime("%H%M")
    columns = {**COLUMNS, "date": "day", "clock": "clock"}
    del columns["time"]
    table(when=None, day=day, clock=clock).iloc[:200].to_csv(tmp_path / "a.csv", index=False)
    table(when=None, day=day, clock=LOCAL.dt.hour).iloc[200:].to_csv(tmp_path / "b.csv", index=False)
    check(read_events([tmp_path / "a.csv", tmp_path / "b.csv"], timezone=ZONE, columns=columns), minutes=60)


@pytest.mark.parametrize("form", ["%y%m%d%H%M", "%m%d%y"])
def test_numbers_that_may_be_dates_or_serials_are_refused(form):
    short = LOCAL[LOCAL.dt.month.between(4, 5)] if form == "%m%d%y" else LOCAL
    frame = table().iloc[: len(short)].assign(when=short.dt.strftime(form).astype(int).to_numpy())
    with pytest.raises(DataError, match=r"data\.time_format"):
        read_events(frame, timezone=ZONE, columns=COLUMNS)


def test_numbers_written_as_dates_with_hours():
    check(read_events(table(when=LOCAL.dt.strftime("%Y%m%d%H%M").astype(int)), timezone=ZONE, columns=COLUMNS))


def test_two_digit_years_are_of_this_century():
    columns = {"kind": "kind", "lon": "lon", "lat": "lat", "id": "id", "year": "y", "month": "m", "day": "d"}
    parts = table(when=None, y=LOCAL.dt.strftime("%y"), m=LOCAL.dt.month.astype(float), d=LOCAL.dt.day.astype(float))
    check(read_events(parts, timezone=ZONE, columns=columns), minutes=24 * 60 + 60)
    first = table(when=LOCAL.dt.strftime("%y/%m/%d %H:%M"))
    check(read_events(first, timezone=ZONE, columns=COLUMNS))


def test_unknown_hours_are_refused_and_then_left_out():
    hours = LOCAL.dt.hour.to_numpy().copy()
    hours[::40] = 99
    frame = table(when=None, day=LOCAL.dt.strftime("%Y-%m-%d"), clock=hours)
    columns = {**COLUMNS, "date": "day", "clock": "clock"}
    del columns["time"]
    with pytest.raises(DataError, match=r"'day and clock': 10 of 400 .*data\.missing"):
        read_events(frame, timezone=ZONE, columns=columns)
    check(read_events(frame, timezone=ZONE, columns=columns, bad_rows="drop"), minutes=60, n=N - 10)


def test_dates_that_a_spreadsheet_mangled_are_refused():
    swapped = [f"{t:%Y-%d-%m %H:%M:%S}" if t.day <= 12 else f"{t:%d/%m/%Y %H:%M:%S}" for t in LOCAL]
    with pytest.raises(DataError, match=r"day first or month first"):
        read_events(table(when=swapped), timezone=ZONE, columns=COLUMNS)


def test_moments_beside_a_clock_count_with_their_local_day():
    frame = table(when=UTC.dt.strftime("%Y-%m-%dT%H:%M:%SZ"), clock=LOCAL.dt.strftime("%H%M"))
    columns = {**COLUMNS, "date": "when", "clock": "clock"}
    del columns["time"]
    check(read_events(frame, timezone=ZONE, columns=columns))


def test_a_quote_that_swallows_one_row_is_refused(tmp_path):
    lines = table().assign(kind=lambda frame: '"' + frame["kind"] + '"').to_csv(index=False, quoting=3).splitlines()
    lines[9] = lines[9].replace('"', "", 1)[::-1].replace('"', "", 1)[::-1].replace(KIND[8], '"' + KIND[8])
    (tmp_path / "e.csv").write_text("\n".join(lines) + "\n")
    with pytest.raises(DataError, match="a quote opens in line 10 "):
        read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS)


def test_rows_that_begin_with_a_sign_are_rows(tmp_path):
    frame = table(id=[f"#{name}" for name in ID])
    frame.to_csv(tmp_path / "e.csv", index=False)
    assert len(read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS)) == N
    lines = (tmp_path / "e.csv").read_text().splitlines()
    lines[5:9] = [f"{line},x" for line in lines[5:9]]
    (tmp_path / "e.csv").write_text("\n".join(lines))
    with pytest.raises(DataError, match="4 rows have the wrong number of columns"):
        read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS)


def test_rows_that_end_with_a_mark_of_their_own(tmp_path):
    body = "".join(
        f"{line},\n" if n else f"{line}\n" for n, line in enumerate(table().to_csv(index=False).splitlines())
    )
    (tmp_path / "e.csv").write_text(body)
    check(read_events(tmp_path / "e.csv", timezone=ZONE, columns=COLUMNS))


def test_a_cell_of_many_lines_is_looked_at_once():
    places = ["a" + "\n" * 5_000 + f"({y}, {x})" for x, y in zip(LON, LAT, strict=True)]
    columns = {"time": "when", "kind": "kind", "place": "place", "id": "id"}
    check(read_events(table(lon=None, lat=None, place=places), timezone=ZONE, columns=columns))


def test_a_sheet_that_reaches_to_the_last_cell_is_refused_before_it_is_opened(tmp_path):
    book = openpyxl.Workbook()
    book.active["A1"], book.active["XFD1048576"] = "when", 1
    book.save(tmp_path / "far.xlsx")
    with pytest.raises(DataError, match="reach too far"):
        read_events(tmp_path / "far.xlsx", timezone=ZONE, columns=COLUMNS)


@pytest.mark.parametrize(
    "content",
    [
        [{"when": "2025-01-01", "kind": "a", "lon": 10**400, "lat": 1}],
        {"features": [{"geometry": {"x": 1, "y": 2}, "attributes": {"a": 1}}], "spatialReference": [1]},
        {"features": [{"geometry": {"x": 1, "y": 2}, "attributes": [1]}]},
    ],
)
def test_odd_json_is_one_clear_error(tmp_path, content):
    (tmp_path / "e.json").write_text(json.dumps(content))
    with pytest.raises((DataError, ConfigError)):
        read_events(tmp_path / "e.json", timezone=ZONE, columns=COLUMNS)
