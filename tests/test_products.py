"""`allocator report`: the products of a run folder made again, and folders that cannot be used."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil

import pytest

from allocator import pipeline
from allocator.errors import ConfigError, DataError, OutputError
from allocator.io import load_run
from page_runs import with_products


@pytest.fixture(scope="module")
def plain(demo_run, tmp_path_factory):
    """A run folder without products."""
    return pipeline.save_run(with_products(demo_run), tmp_path_factory.mktemp("runs") / "2026-03-02")


@pytest.fixture
def folder(plain, tmp_path):
    return shutil.copytree(plain, tmp_path / "2026-03-02")


def test_products_are_those_that_are_asked_for(folder):
    assert not (folder / "report.html").exists()
    place, files = pipeline.remake_products(folder, wanted=["gis"])
    assert (place / "gis" / "plan.gpkg").stat().st_size == len(files["gis/plan.gpkg"])
    _, files = pipeline.remake_products(folder, wanted=["report"], out=folder.parent / "elsewhere")
    assert (folder.parent / "elsewhere" / "report.html").read_bytes() == files["report.html"]
    assert not (folder / "report.html").exists()
    assert load_run(folder) == load_run(folder)  # the folder still counts as unchanged
    with pytest.raises(ConfigError, match=r"unknown product 'reprot'.*report"):
        pipeline.remake_products(folder, wanted=["reprot"])
    with pytest.raises(OutputError, match="exists already"):
        pipeline.remake_products(folder, wanted=["report"], out=folder.parent / "elsewhere")


def test_the_week_before_is_found_beside_the_run(folder, demo_run):
    job = demo_run.job.job.model_copy(update={"week": demo_run.job.job.week.replace(month=2, day=23)})
    earlier = with_products(dataclasses.replace(demo_run, job=demo_run.job.model_copy(update={"job": job})))
    pipeline.save_run(earlier, folder.parent / "2026-02-23")
    _, files = pipeline.remake_products(folder, wanted=["report"])
    assert b"Compared with the plan of 2026-02-23" in files["report.html"]
    assert files["against.csv"].startswith(b"district,units,visits")
    (folder.parent / "2026-02-23" / "plan.parquet").write_bytes(b"changed")
    _, files = pipeline.remake_products(folder, wanted=["report"])
    assert b"Compared with" not in files["report.html"]
    with pytest.raises(DataError, match=r"plan\.parquet.*changed after the run was written"):
        pipeline.remake_products(folder, wanted=["report"], against=folder.parent / "2026-02-23")


def test_altered_missing_and_older_folders_are_named(folder):
    (folder / "staffing.parquet").write_bytes((folder / "worth.parquet").read_bytes())
    with (folder / "job.toml").open("a") as file:
        file.write("# a note\n")
    with pytest.raises(DataError, match=r"'job\.toml', 'staffing\.parquet'.*restore what was written") as told:
        pipeline.remake_products(folder)
    assert told.value.faults == ("job.toml", "staffing.parquet")
    (folder / "risk.parquet").unlink()
    with pytest.raises(DataError, match=r"not a complete run folder: it lacks 'risk\.parquet'"):
        pipeline.remake_products(folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    del manifest["layout"], manifest["files"]
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(DataError, match=r"another version of allocator .*run its job again"):
        pipeline.remake_products(folder)
    (folder / "manifest.json").write_text("[]")
    with pytest.raises(DataError, match="cannot be read"):
        pipeline.remake_products(folder)
    (folder / "manifest.json").unlink()
    with pytest.raises(DataError, match=r"lacks manifest\.json"):
        pipeline.remake_products(folder)


def test_a_folder_that_cannot_be_written_stays_as_it_was(folder, monkeypatch):
    before = sorted(path.name for path in folder.iterdir())
    with monkeypatch.context() as patch:
        patch.setattr(os, "access", lambda path, mode: False)  # the tests may run as root, who may write anywhere
        with pytest.raises(OutputError, match=r"no permission to write into .*--out"):
            pipeline.remake_products(folder, wanted=["report"])
    (folder / "gis").write_text("a file where a folder is wanted")
    with pytest.raises(OutputError, match="earlier files are as they were"):
        pipeline.remake_products(folder, wanted=["gis"])
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, "gis"])
