from __future__ import annotations

import contextlib
import datetime as dt
import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator.config import parse_job
from allocator.errors import ConfigError
from allocator.io.history.events import read_events
from allocator.io.history.presets import preset, preset_names
from allocator.io.job import check_files, dump_job, input_files, read_job
from allocator.io.tables.personal import looks_personal
from places import GOOD, write

JOB = """
[job]
name = "Test"
week = 2017-12-25
timezone = "America/Chicago"
[data]
events = "events.csv"
columns = { time = "when", kind = "what", lon = "lon", lat = "lat" }
[area]
file = "area.geojson"
[[shifts]]
name = "day"
start = 07:00:00
stop = 19:00:00
[policy.harm]
"CRIMINAL DAMAGE" = 1.5
[roster]
units = "units.csv"
duty = "../duty.csv"
"""


@pytest.fixture
def path(tmp_path):
    return write(tmp_path, "job.toml", JOB)


def test_paths_resolve_from_the_job_file(path):
    job = read_job(path)
    assert job.data.events == (str(path.parent / "events.csv"),)
    assert job.roster.duty == str(path.parent.parent / "duty.csv")


def test_a_job_survives_writing_and_reading(path):
    job = read_job(path, overrides=["shifts.0.share=0.5", 'policy.limits=[{reason="x", district="1"}]'])
    again = parse_job(tomllib.loads(dump_job(job)))
    assert again == job
    assert isinstance(tomllib.loads(dump_job(job))["job"]["week"], dt.date)


def test_overrides_and_week(path):
    overrides = [
        "job.name=Plan for Monday", "shifts.0.start=06:00:00", "risk.boosted.leaves=7",
        "policy.harm.THEFT=2.0", 'policy.harm."CRIMINAL DAMAGE"=3.0', 'data.kinds=["THEFT"]',
    ]  # fmt: skip
    job = read_job(path, overrides=overrides, week=dt.date(2017, 12, 18))
    assert job.job.name == "Plan for Monday"
    assert job.job.week == dt.date(2017, 12, 18)
    assert job.shifts[0].start == dt.time(6)
    assert job.risk.boosted.leaves == 7
    assert job.policy.harm == {"CRIMINAL DAMAGE": 3.0, "THEFT": 2.0}
    assert job.data.kinds == ("THEFT",)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("tesselation.size_m=1", "did you mean 'tessellation'"),
        ("tessellation.siz_m=1", "did you mean 'size_m'"),
        ("shifts.3.start=06:00:00", "shifts.3 names no item"),
        ("shifts.x.start=06:00:00", "names no item"),
        ("job.name.first=x", "is a value, not a section"),
        ("job.days=many", "job.days"),
        ('data.kinds=["ASSAULT", "THEFT", "ASSAULT"]', "data.kinds: names 'ASSAULT' twice"),
        ("job.name", "write section.key=value"),
        ("=3", "write section.key=value"),
    ],
)
def test_wrong_overrides(path, override, words):
    with pytest.raises(ConfigError) as error:
        read_job(path, overrides=[override])
    assert words in str(error.value)


@given(st.text(max_size=40))
def test_any_override_is_applied_or_refused(tmp_path_factory, text):
    path = write(tmp_path_factory.getbasetemp(), "job.toml", JOB)
    with contextlib.suppress(ConfigError):
        read_job(path, overrides=[text])


def test_broken_missing_and_binary_job_files(tmp_path):
    with pytest.raises(ConfigError, match="line 2"):
        read_job(write(tmp_path, "a.toml", "[job]", "name = "))
    with pytest.raises(ConfigError, match="cannot be read"):
        read_job(tmp_path / "gone.toml")
    (tmp_path / "b.toml").write_bytes(b"\xff\x00")
    with pytest.raises(ConfigError, match="UTF-8"):
        read_job(tmp_path / "b.toml")


def test_missing_input_files_are_named_together(path):
    job = read_job(path)
    with pytest.raises(ConfigError) as error:
        check_files(job)
    assert [fault.split(":")[0] for fault in error.value.faults] == [
        "data.events.0", "area.file", "roster.units", "roster.duty",
    ]  # fmt: skip
    for _, file in input_files(job):
        write(path.parent, file, "x")
    check_files(job)


@pytest.mark.parametrize("name", preset_names())
def test_every_preset_reads_its_own_columns(tmp_path, name):
    source = preset(name)
    columns = source.settings["columns"]
    assert set(columns.values()) <= set(source.expected)
    assert not [column for column in source.expected if looks_personal(column)]
    values = {
        "time": "2017-03-01T10:15:00.000",
        "date": "03/01/2017",
        "clock": "1015",
        "kind": "THEFT",
        "lon": "-87.6",
    }
    values |= {"lat": "41.8", "id": "7", "reported_at": "03/02/2017 01:00:00 AM"}
    if name == "uk":
        values["time"] = "2017-03"
    roles = {column: role for role, column in columns.items()}
    # The portals' CSV exports write "Primary Type" where their API says primary_type.
    header = ",".join(column.replace("_", " ").title() for column in source.expected)
    row = ",".join(values.get(roles.get(column, ""), "x") for column in source.expected)
    events = read_events(write(tmp_path, "a.csv", header, row), timezone=source.timezone, preset=name)
    assert events.kinds == ("THEFT",)
    assert events.precision == ("month" if name == "uk" else "minute")
    assert not any("has it changed" in note.text for note in events.notes)


def test_own_columns_override_a_preset(tmp_path):
    path = write(tmp_path, "a.csv", "when,Primary Type,Longitude,Latitude", GOOD)
    columns = {"time": "when", "id": ""}
    events = read_events(path, timezone="America/Chicago", preset="chicago", columns=columns)
    assert events.id is None
    assert "expected columns are not in the file" in events.notes[-1].text


def test_names_that_look_personal():
    personal = """name officer_name OfficerName vict_age Vict Sex|susp_race|SUSP_AGE_GROUP dob phone address
        license_plate victim_shot contact caller first_name
        patient juvenile_flag subject_name arrest_name complaint_name gang_name home_addr occupant parolee hispanic
        dl_number birthyear"""
    harmless = """primary_type case_number block premises incident average category area_name neighborhood
        block_address crime_against officer_initiated boro_nm language_code stage beat origin vicinity
        location location_description arrest arrest_made complaint_number complaint_type subject gang_related
        block_addr occupancy domestic ward name_of_area"""
    for name in personal.replace("|", " ").split():
        assert looks_personal(name) or name in ("Vict", "Sex"), name
    for name in harmless.split():
        assert not looks_personal(name), name
