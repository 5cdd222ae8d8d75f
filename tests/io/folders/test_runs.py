"""Run folders: complete or not at all, and read back equal."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

import allocator as al
from allocator.config import PRODUCTS
from allocator.domain import ASSIGNMENT_COLUMNS, OUTREACH_COLUMNS, STAFFING_COLUMNS, VISIT_COLUMNS
from allocator.errors import DataError, OutputError
from allocator.io.folders import runs
from allocator.io.folders.files import check_output, whole_folder
from allocator.io.folders.results import write_results
from allocator.io.folders.runs import FILES
from allocator.pipeline.inputs import duty_of, ground_of
from page_runs import with_products


@pytest.fixture(scope="module")
def saved(demo_run, tmp_path_factory):
    return al.save_run(with_products(demo_run, *PRODUCTS[:4]), tmp_path_factory.mktemp("runs") / "week")


def test_the_folder_holds_what_the_design_names(saved):
    made = {"report.html", "outreach.html", "roster.xlsx", "briefings", "gis", "map.png", "products.json"}
    assert {*FILES, *made, "history", "state", "routes", "calendars", "partners", "funders", "delivery.csv"} == {
        path.name for path in saved.iterdir()
    }
    columns = {
        name: pq.read_schema(saved / f"{name}.parquet").names for name in ("risk", "plan", "staffing", "outreach")
    }
    assert columns["risk"] == ["shift", "cell", "kind", "mean", "lower", "upper"]
    assert columns["plan"] == list(VISIT_COLUMNS)
    assert columns["staffing"] == list(STAFFING_COLUMNS)
    assert columns["outreach"] == list(OUTREACH_COLUMNS)
    assert (saved / "map.png").read_bytes().startswith(b"\x89PNG")
    cells = geopandas.read_parquet(saved / "cells.parquet")
    assert list(cells.columns[:3]) == ["cell", "district", "area_km2"]
    assert cells.crs.is_projected


def test_a_run_reads_back_equal_and_can_be_explained(saved, demo_run):
    loaded = al.load_run(saved)
    assert loaded == with_products(demo_run, *PRODUCTS[:4])
    assert loaded.summary() == demo_run.summary()
    cell = int(loaded.plan.visits["cell"].iloc[0])
    assert "in the last 14 days" in loaded.explain(cell)
    with pytest.raises(DataError, match="no reasons are stored"):
        loaded.explain(int(np.setdiff1d(np.arange(loaded.surface.city.n_cells), loaded.plan.visits["cell"])[0]))


def test_a_changed_run_is_not_equal(demo_run):
    other = dataclasses.replace(demo_run, plan=dataclasses.replace(demo_run.plan, objective=0.0))
    assert other != demo_run
    assert demo_run != "a run"


def test_a_loaded_run_locates_and_replans(saved, demo_run):
    from allocator.planning.patrol import plan_patrol

    loaded = al.load_run(saved)
    city = loaded.surface.city
    np.testing.assert_array_equal(city.locate(city.x, city.y), demo_run.surface.city.locate(city.x, city.y))
    again = plan_patrol(
        loaded.problem, loaded.surface, loaded.roster, allocation=loaded.job.allocation, routes=loaded.job.routes
    )
    assert again.objective == loaded.plan.objective
    fewer = loaded.roster.without([loaded.plan.visits["unit"].iloc[0]])
    there = duty_of(ground_of(loaded.job))
    problem = there.terms.changed(roster=fewer).valued(loaded.surface)
    assert problem.on_duty.sum() < loaded.problem.on_duty.sum()


def test_every_number_of_the_summary_can_be_recomputed(saved):
    values = json.loads((saved / "summary.json").read_text())["values"]
    risk, staffing = pd.read_parquet(saved / "risk.parquet"), pd.read_parquet(saved / "staffing.parquet")
    by_kind = risk[risk["kind"] != "all"].groupby("kind", observed=True)["mean"].sum()
    assert by_kind.round(2).to_dict() == pytest.approx(
        {k: round(v, 2) for k, v in values["expected_events"].items()}, abs=0.02
    )
    assert staffing["covered_harm"].sum() / staffing["expected_harm"].sum() == pytest.approx(
        values["delivered"], rel=1e-6
    )
    assert len(pd.read_parquet(saved / "plan.parquet")) == values["visits"]
    assert len(pd.read_parquet(saved / "outreach.parquet")) == values["outreach_holdings"]


def test_geojson_is_wgs84_and_small_names_match(saved):
    visits, top = geopandas.read_file(saved / "plan.geojson"), geopandas.read_file(saved / "risk.geojson")
    assert visits.crs.to_epsg() == top.crs.to_epsg() == 4326
    assert set(VISIT_COLUMNS) <= set(visits.columns)
    assert top["expected_harm"].is_monotonic_decreasing
    assert set(top.geometry.geom_type) <= {"Polygon", "MultiPolygon"}
    assert -32 < top.total_bounds[0] < -28


def test_assignments_are_kept(saved):
    assert tuple(pd.read_parquet(saved / "state" / "assignments.parquet").columns) == ASSIGNMENT_COLUMNS


def test_the_manifest_tells_where_the_rows_went(saved, demo_folder):
    import hashlib

    manifest = json.loads((saved / "manifest.json").read_text())
    events = (demo_folder / "events.csv").read_bytes()
    assert manifest["inputs"]["data.events.0"]["sha256"] == hashlib.sha256(events).hexdigest()
    assert manifest["rows"]["read"] == events.count(b"\n") - 1
    assert manifest["versions"]["lightgbm"]
    assert manifest["wall_clock_stops"] == []
    assert manifest["peak_mb"] > 50


def test_the_same_job_twice_gives_the_same_bytes(demo_folder, saved, tmp_path):
    job = al.read_job(demo_folder / "job.toml", overrides=["risk.threads=1", "output.products=[]"])
    again = al.save_run(al.run(job), tmp_path / "again")
    for name in (
        "risk.parquet",
        "plan.parquet",
        "outreach.parquet",
        "staffing.parquet",
        "model.txt",
        "plan.geojson",
        "map.png",
    ):
        assert (again / name).read_bytes() == (saved / name).read_bytes(), name


def test_an_existing_folder_is_refused_unless_overwritten(saved, demo_run):
    before = (saved / "plan.parquet").read_bytes()
    with pytest.raises(OutputError, match="exists already") as caught:
        al.save_run(demo_run, saved)
    assert caught.value.exit_code == 6
    assert al.save_run(demo_run, saved, overwrite=True) == saved
    assert (saved / "plan.parquet").read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == ["week"]


def test_a_folder_that_is_no_run_is_never_overwritten(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").touch()
    with pytest.raises(OutputError, match="not a run folder"):
        check_output(tmp_path / "photos", overwrite=True)
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="not a run folder"):
        check_output(tmp_path / "file", overwrite=True)
    with pytest.raises(OutputError, match="not a folder"):
        check_output(tmp_path / "file" / "run")


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), OSError(errno.EACCES, "Permission denied")]
)
def test_no_room_and_no_permission_leave_nothing(tmp_path, failure):
    def write_half():
        with whole_folder(tmp_path / "run") as place:
            (place / "half.txt").write_text("half")
            raise failure

    with pytest.raises(OutputError, match="nothing was left behind"):
        write_half()
    assert list(tmp_path.iterdir()) == []


def write_output(folder, text, *, overwrite=False):
    """An output of ours: a page, and a manifest with its hash."""
    pages, figures = {"page.html": text}, {"values": {}}
    return write_results(folder, tables={}, pages=pages, figures=figures, manifest={"seed": 0}, overwrite=overwrite)


def test_a_failed_replacement_keeps_the_old_run(tmp_path):
    write_output(tmp_path / "run", "old")

    def be_interrupted():
        with whole_folder(tmp_path / "run", overwrite=True) as place:
            (place / "page.html").write_text("new")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        be_interrupted()
    assert (tmp_path / "run" / "page.html").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_left_overs_of_a_killed_run_are_tidied(tmp_path):
    (tmp_path / ".run.partial-999999999").mkdir()
    write_output(tmp_path / ".run.old-1", "old")
    write_output(tmp_path / "run", "new", overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_run_that_is_still_being_written_is_left_alone(tmp_path):
    alive = tmp_path / f".run.partial-{os.getppid()}"
    alive.mkdir()
    with whole_folder(tmp_path / "run") as place:
        (place / "manifest.json").write_text("mine")
    assert alive.is_dir()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("kill", [signal.SIGINT, signal.SIGKILL])
def test_killed_while_writing_leaves_no_run_folder(tmp_path, kill):
    code = (
        "import time, sys; from allocator.io.folders import whole_folder\n"
        "with whole_folder(sys.argv[1]) as place:\n"
        "    (place / 'a').write_text('a'); print('writing', flush=True); time.sleep(60)"
    )
    target = tmp_path / "run"
    child = subprocess.Popen(
        [sys.executable, "-c", code, str(target)], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    assert child.stdout is not None
    child.stdout.readline()
    child.send_signal(kill)
    child.wait(30)
    child.stdout.close()
    assert not target.exists()
    visible = [path.name for path in tmp_path.iterdir() if not path.name.startswith(".")]
    assert visible == []
    if kill == signal.SIGINT:
        assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_disk_while_writing_a_table_is_one_clear_error(tmp_path, demo_run, monkeypatch):
    whole = runs.write_state

    def onto_a_full_disk(run, place):
        whole(run, place)
        (place / "full").symlink_to("/dev/full")
        pq.write_table(pq.read_table(place.parent / "plan.parquet"), place / "full")

    monkeypatch.setattr(runs, "write_state", onto_a_full_disk)
    with pytest.raises(OutputError, match="no room left on the disk"):
        al.save_run(demo_run, tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_incomplete_and_foreign_folders_are_refused(saved, tmp_path):
    with pytest.raises(DataError, match="not a complete run folder"):
        al.load_run(tmp_path)
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(saved, copy)
    (copy / "plan.parquet").write_bytes(b"nonsense")
    with pytest.raises(DataError, match=r"'plan\.parquet' changed after the run was written"):
        al.load_run(copy)


def test_writing_takes_no_longer_for_a_longer_wait(demo_run, tmp_path):
    """The clock is in the manifest alone: a run written later has the same tables."""
    time.sleep(1.1)
    first, second = (al.save_run(demo_run, tmp_path / name) for name in ("a", "b"))
    assert (first / "manifest.json").read_bytes() == (second / "manifest.json").read_bytes()
