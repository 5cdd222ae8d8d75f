"""The commands as a planner types them: one clear message, the right exit code, nothing written."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

import allocator as al


@pytest.fixture
def city(demo_folder, tmp_path):
    """A copy of the demo job folder, to be broken."""
    return Path(shutil.copytree(demo_folder, tmp_path / "city"))


def edit(path: Path, old: str, new: str, *, count: int = 1) -> None:
    text = path.read_text()
    assert old in text, f"{old!r} is not in {path.name}"
    path.write_text(text.replace(old, new, count))


def swap_columns(path: Path) -> None:
    header, *rows = path.read_text().splitlines()
    fields = [row.split(",") for row in rows]
    path.write_text("\n".join([header, *(",".join([*f[:3], f[4], f[3], *f[5:]]) for f in fields)]) + "\n")


def keep_lines(path: Path, n: int, *, last: bool = False) -> None:
    header, *rows = path.read_text().splitlines()
    path.write_text("\n".join([header, *(rows[-n:] if last else rows[:n])]) + "\n")


def replace_times(city: Path) -> None:
    text = (city / "events.csv").read_text()
    (city / "events.csv").write_text(re.sub(r"^(S0000[0-4]\d),[^,]+", r"\1,soon", text, flags=re.M))


def no_crs(city: Path) -> None:
    content = json.loads((city / "districts.geojson").read_text())
    for feature in content["features"]:
        ring = feature["geometry"]["coordinates"][0]
        feature["geometry"]["coordinates"] = [[[84_000 * x, 111_000 * y] for x, y in ring]]  # metres of some system
    (city / "districts.geojson").write_text(json.dumps(content))


def lines_as_area(city: Path) -> None:
    feature = {
        "type": "Feature",
        "properties": {"district": "1"},
        "geometry": {"type": "LineString", "coordinates": [[-30, 41], [-30.1, 41]]},
    }
    (city / "districts.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))


def bow_tie(city: Path) -> None:
    ring = [[-30.1, 40.9], [-29.9, 41.1], [-29.9, 40.9], [-30.1, 41.1], [-30.1, 40.9]]
    feature = {
        "type": "Feature",
        "properties": {"district": "1"},
        "geometry": {"type": "Polygon", "coordinates": [ring]},
    }
    (city / "districts.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))


def many_faults(city: Path) -> None:
    edit(city / "job.toml", "days = 7", 'days = "seven"\nsede = 3')
    edit(city / "job.toml", 'kind = "squares"', 'kind = "circles"')


def garbage(city: Path) -> None:
    (city / "events.csv").write_bytes(os.urandom(1 << 20))


def job_edit(old: str, new: str):
    return lambda city: edit(city / "job.toml", old, new)


def file_edit(name: str, old: str, new: str):
    return lambda city: edit(city / name, old, new)


BROKEN = {
    "empty file": (lambda c: (c / "events.csv").write_text(""), 3, "empty"),
    "no rows": (lambda c: keep_lines(c / "events.csv", 0), 3, "events.csv"),
    "missing column": (file_edit("events.csv", "occurred_at", "occured_on"), 3, "occured_on"),
    "unparsable times": (replace_times, 3, "49"),
    "lat and lon swapped": (lambda c: swap_columns(c / "events.csv"), 3, "swapped"),
    "points outside": (job_edit('lon = "lon"', 'lon = "lat"'), 3, "outside"),
    "no crs": (no_crs, 3, "source_crs"),
    "area of lines": (lines_as_area, 3, "polygon"),
    "self-intersecting area": (bow_tie, 3, ""),
    "unknown key and wrong types": (many_faults, 2, "did you mean 'seed'"),
    "broken toml": (job_edit("[job]", "[job"), 2, "line"),
    "missing input file": (lambda c: (c / "units.csv").unlink(), 2, "units.csv"),
    "unknown district in a band": (job_edit('\ndistrict = "2"\n', '\ndistrict = "22"\n'), 2, "22"),
    "unknown district of a unit": (file_edit("units.csv", "1P1,car,1,", "1P1,car,99,"), 3, "99"),
    "unknown unit on duty": (file_edit("duty.csv", "1P1,", "9Z9,"), 3, "9Z9"),
    "unknown shift on duty": (file_edit("duty.csv", ",day", ",dya"), 3, "did you mean 'day'"),
    "shift of zero length": (job_edit("stop = 15:00:00", "stop = 07:00:00"), 2, "zero length"),
    "no events left after the policy": (
        job_edit("[policy]", '[policy]\nexclude_kinds = ["ASSAULT", "BURGLARY", "ROBBERY", "VEHICLE CRIME"]'),
        3,
        "no events",
    ),
    "history too short": (lambda c: keep_lines(c / "events.csv", 2000, last=True), 3, "too short"),
    "week before the history": (job_edit("2026-03-02", "2024-03-04"), 3, "before the planned week"),
    "negative harm": (job_edit("[policy]", "[policy]\nharm = { ROBBERY = -1.0 }"), 2, "ROBBERY = -1.0"),
    "NaN harm": (job_edit("[policy]", "[policy]\nharm = { ROBBERY = nan }"), 2, "harm"),
    "harm of an unknown kind": (job_edit("[policy]", "[policy]\nharm = { ROBERY = 2.0 }"), 2, "did you mean 'ROBBERY'"),
    "minimums above the roster": (file_edit("minimums.csv", "1,evening,1", "1,evening,30"), 4, "needs at least"),
    "no unit on duty": (file_edit("duty.csv", "", ""), 3, "has a header but no rows"),
    "unknown model": (job_edit("[policy]", '[risk]\nmodel = "bosted"\n[policy]'), 2, "did you mean 'boosted'"),
    "unknown solver": (job_edit("[allocation]", '[allocation]\nsolver = "flo"'), 2, "did you mean 'flow'"),
    "garbage": (garbage, 3, "events.csv"),
    "personal column": (job_edit('id = "incident"', 'id = "victim_name"'), 2, "personal"),
    "misspelt kind of an initiative": (
        file_edit("initiatives.csv", "BURGLARY", "BURGLRY"),
        3,
        "did you mean 'BURGLARY'",
    ),
    "misspelt origin": (job_edit('["officer"]', '["oficer"]'), 3, "oficer"),
    "shares above the day": (job_edit("stop = 15:00:00", "stop = 15:00:00\nshare = 1.2"), 2, ""),
    "shares that leave a part out": (
        lambda c: [
            edit(c / "job.toml", f"stop = {t}:00:00", f"stop = {t}:00:00\nshare = 0.2") for t in ("15", "23", "07")
        ],
        2,
        "add up to 0.6",
    ),
    "unknown zone": (job_edit("Atlantic/Azores", "Atlantic/Azore"), 2, "did you mean 'Atlantic/Azores'"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_bad_input_is_one_clear_message(city, call, case):
    breaks, code, words = BROKEN[case]
    breaks(city)
    if case == "no unit on duty":
        (city / "duty.csv").write_text((city / "duty.csv").read_text().splitlines()[0] + "\n")
    exit_code, out, err = call("run", city / "job.toml", "-q")
    assert exit_code == code, err
    assert err.startswith("error: ")
    assert words in err
    assert "Traceback" not in err
    assert out == ""
    assert not (city / "runs").exists()


def test_all_faults_of_a_job_are_told_at_once(city, call):
    many_faults(city)
    code, _, err = call("validate", city / "job.toml")
    assert code == 2
    assert "3 faults" in err
    assert err.count("\n  - ") == 3


def test_errors_as_json(city, call):
    many_faults(city)
    _, _, err = call("run", city / "job.toml", "--json")
    content = json.loads(err.splitlines()[-1])
    assert content["error"] == "ConfigError"
    assert len(content["faults"]) == 3


@pytest.mark.slow
def test_new_validate_and_run(tmp_path, call):
    folder = tmp_path / "mycity"
    code, out, _ = call("new", folder)
    assert code == 0
    assert "allocator run" in out
    code, out, _ = call("validate", folder / "job.toml")
    assert (code, out.splitlines()[-1]) == (0, "the job is valid")
    code, out, err = call("run", folder / "job.toml")
    assert code == 0
    assert "Demo city" in out
    assert "map.png" in out
    assert "forecast …" in err
    assert (folder / "runs" / "2026-03-02" / "plan.parquet").is_file()
    code, _, err = call("run", folder / "job.toml")
    assert code == 6
    assert "--overwrite" in err
    code, _, err = call("new", folder)
    assert code == 6


@pytest.mark.slow
def test_another_week_and_another_setting_without_editing(city, call, tmp_path):
    out_folder = tmp_path / "elsewhere"
    code, out, err = call(
        "run", city / "job.toml", "--week", "2026-02-23", "--set", "risk.model=mixture", "--set", "job.seed=9",
        "--set", "output.products=[]",         "--out", out_folder, "--json",
    )  # fmt: skip
    assert code == 0, err
    assert json.loads(out)["run"] == str(out_folder)
    assert [json.loads(line)["stage"] for line in err.splitlines()][-1] == "run folder"
    run = al.load_run(out_folder)
    assert run.roster.shifts[0].id == "2026-02-23/day"
    assert str(run.surface.cutoff) == "2026-02-23"
    assert set(run.surface.models) == {"mixture"}
    assert run.job.job.seed == 9


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--week", "christmas"], "give a date"),
        (["--set", "risk.modle=mixture"], "did you mean 'model'"),
        (["--set", "nonsense"], "nonsense"),
    ],
)
def test_bad_options(city, call, words, message):
    code, _, err = call("run", city / "job.toml", *words)
    assert code == 2
    assert message in err


def test_a_missing_job_file(call, tmp_path):
    code, _, err = call("run", tmp_path / "none.toml")
    assert code == 2
    assert "none.toml" in err


def test_a_usage_error_is_short(call):
    code, _, err = call("run")
    assert code == 2
    assert len(err.splitlines()) <= 4


def test_what_nobody_foresaw_is_no_traceback(city, call, monkeypatch):
    from allocator import pipeline

    def fails(*args, **kwargs):
        raise ZeroDivisionError("by zero")

    monkeypatch.setattr(pipeline, "run", fails)
    code, _, err = call("run", city / "job.toml", "-q")
    assert code == 1
    assert "unforeseen" in err
    assert "Traceback" not in err


def test_no_permission(city, call, tmp_path, monkeypatch):
    # The answer of the system is replaced, because tests may run as root, who may write anywhere.
    monkeypatch.setattr("allocator.io.folders.disk.may_write", lambda folder: False)
    code, _, err = call("run", city / "job.toml", "--out", tmp_path / "locked" / "run")
    assert code == 6
    assert "no permission to write" in err


def test_doctor(call):
    code, out, _ = call("doctor", "--json")
    found = json.loads(out)
    assert found["versions"]["ortools"]
    assert found["cores"] >= 1
    assert code == (1 if found["problems"] else 0)


def test_doctor_sees_the_clash(call, monkeypatch):
    import importlib.util

    real = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *rest: object() if name == "highspy" else real(name, *rest)
    )
    code, out, _ = call("doctor")
    assert code == 1
    assert "pip uninstall highspy" in out


@pytest.mark.slow
def test_bench_prints_the_contract(call):
    code, out, _ = call("bench", "allocate", "--cells", 400, "--units", 12, "--districts", 4, "--repeats", 2, "--json")
    assert code == 0
    record = json.loads(out)
    assert {
        "name",
        "seconds",
        "min",
        "max",
        "repeats",
        "peak_mb",
        "cores",
        "versions",
        "objective",
        "bound",
        "gap",
    } <= set(record)
    assert record["gap"] <= 1e-6
    code, _, err = call("bench", "alocate")
    assert code == 2
    assert "did you mean 'allocate'" in err


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[policy]", '[risk]\nmodel = "bosted"\n[policy]', "did you mean 'boosted'"),
        ("[allocation]", '[allocation]\nsolver = "flo"', "did you mean 'flow'"),
        ('\ndistrict = "2"\n', '\ndistrict = "22"\n', "unknown district '22'"),
        ("[staffing]", "[staffing]\ndefault_minimum = 50", "needs at least"),
        ("week = 2026-03-02", "week = 2025-03-03", "too short"),
    ],
)
def test_validate_finds_what_run_would(city, call, old, new, words):
    edit(city / "job.toml", old, new)
    code, _, err = call("validate", city / "job.toml")
    assert code in {2, 3, 4}
    assert words in err


@pytest.mark.slow
def test_nothing_after_the_week_has_any_say(city):
    """Events after the planned week, of a new kind and in any number, change no byte of the plan."""
    from allocator import pipeline

    options = ["risk.model=mixture", "data.bad_rows=drop"]
    edit(city / "job.toml", "2026-03-02", "2026-01-05")
    before = pipeline.run(al.read_job(city / "job.toml", overrides=options))
    header, *rows = (city / "events.csv").read_text().splitlines()
    later = [row for row in rows if row.split(",")[1] >= "2026-01-12"]
    planted = [row.replace("S0", f"X{n}", 1).replace("ASSAULT", "ARSON") for n in range(4) for row in later]
    (city / "events.csv").write_text("\n".join([header, *rows, *planted]) + "\n")
    after = pipeline.run(al.read_job(city / "job.toml", overrides=options))
    assert after.surface.kinds == before.surface.kinds
    assert after.plan.visits.equals(before.plan.visits)
    assert (after.surface.mean == before.surface.mean).all()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_at_any_point_leaves_nothing(city, kill):
    command = [sys.executable, "-c", "from allocator.cli import main; main()", "run", str(city / "job.toml")]
    child = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert child.stderr is not None
    for line in child.stderr:
        if line.startswith("forecast"):
            break
    time.sleep(0.3)
    child.send_signal(kill)
    rest = child.stderr.read()
    child.stderr.close()
    assert child.wait(60) == (130 if kill == signal.SIGINT else -signal.SIGTERM)
    assert "Traceback" not in rest
    assert ("nothing was written" in rest) == (kill == signal.SIGINT)
    assert not (city / "runs").exists()


def test_help_loads_no_engine():
    code = "import sys; import allocator.cli; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    for engine in ("numba", "lightgbm", "ortools", "pandas", "numpy", "matplotlib", "shapely"):
        assert f"'{engine}'" not in loaded
