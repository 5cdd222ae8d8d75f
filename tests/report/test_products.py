"""`allocator report`: the products of a run folder made again, and folders that cannot be used."""

from __future__ import annotations

import csv
import dataclasses
import importlib
import json
import os
import re
import shutil
import sys
from xml.etree import ElementTree

import openpyxl
import pandas as pd
import pytest

from allocator import pipeline
from allocator.config import PRODUCTS
from allocator.errors import ConfigError, DataError, OutputError, ProductError
from allocator.io.duty.edits import read_edits
from allocator.io.folders.runs import load_run
from allocator.io.gis.layers import layers_of
from allocator.io.tables.exports import csv_text, unguarded
from allocator.pipeline.replan import replan
from allocator.report.briefings.pdf_text import kit_of_fonts
from page_runs import city_of, run_of, with_products


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
    assert load_run(folder).plan.visits.equals(load_run(place).plan.visits)  # the folder still counts as unchanged
    with pytest.raises(ConfigError, match=r"unknown product 'reprot'.*report"):
        pipeline.remake_products(folder, wanted=["reprot"])
    with pytest.raises(OutputError, match="exists already"):
        pipeline.remake_products(folder, wanted=["report"], out=folder.parent / "elsewhere")


def test_the_report_points_to_what_lies_beside_it(folder):
    pipeline.remake_products(folder, wanted=["roster", "gis"])
    _, files = pipeline.remake_products(folder, wanted=["report"])
    assert b'href="roster.xlsx"' in files["report.html"]
    assert b'href="gis/plan.gpkg"' in files["report.html"]
    assert b'href="briefings/index.html"' not in files["report.html"]


def test_what_somebody_typed_is_never_replaced(folder):
    pipeline.remake_products(folder, wanted=["roster", "report"])
    book = openpyxl.load_workbook(folder / "roster.xlsx")
    book["edits"]["A2"] = "forbid"
    book.save(folder / "roster.xlsx")
    typed, report = ((folder / name).read_bytes() for name in ("roster.xlsx", "report.html"))
    with pytest.raises(OutputError, match=r"^roster\.xlsx changed since the run was written: take edits in"):
        pipeline.remake_products(folder, wanted=["report", "roster"])
    assert (folder / "roster.xlsx").read_bytes() == typed
    assert (folder / "report.html").read_bytes() == report
    pipeline.remake_products(folder, wanted=["report"])
    assert (folder / "roster.xlsx").read_bytes() == typed


def test_pdf_is_refused_at_the_door_where_its_library_is_missing(demo_run, monkeypatch):
    monkeypatch.setitem(sys.modules, "reportlab.pdfgen", None)
    kit_of_fonts.cache_clear()
    with pytest.raises(ConfigError, match=r"pip install 'allocator\[pdf\]'"):
        pipeline.run(with_products(demo_run, "pdf").job)
    monkeypatch.undo()
    kit_of_fonts.cache_clear()


@pytest.mark.parametrize(
    ("columns", "rows", "districts", "units", "visits", "kind"),
    [(1, 1, 1, 1, 3, "squares"), (1, 1, 1, 0, 0, "squares"), (12, 9, 3, 5, 30, "hexagons"),
     (60, 40, 60, 30, 300, "squares")],
)  # fmt: skip
def test_odd_cities_have_every_product(demo_run, columns, rows, districts, units, visits, kind):
    run = run_of(demo_run, city_of(columns, rows, districts, kind=kind), units=units, visits=visits)
    made = pipeline.products_of(run, PRODUCTS)
    files = made.files
    assert not made.missing
    assert {"report.html", "roster.xlsx", "gis/plan.gpkg", "briefings/index.html"} <= set(files)
    assert sum(name.endswith(".pdf") for name in files) == len(run.roster.shifts)


def test_kinds_that_differ_by_case_alone_have_layers(demo_run):
    kinds = ("Theft", "theft", "x" * 80 + "a", "x" * 80 + "b")
    surface = dataclasses.replace(demo_run.surface, kinds=kinds[: len(demo_run.surface.kinds)])
    cells = layers_of(dataclasses.replace(demo_run, surface=surface))["cells"]
    columns = [name for name in cells if name.startswith("expected ")]
    assert len({name.casefold() for name in columns}) == len(surface.kinds)


def test_the_report_of_a_changed_plan_says_so(demo_run, tmp_path):
    revised = replan(demo_run, at="2026-03-04T19:40", out_of_service=["1P1"])
    place = pipeline.save_run(with_products(revised, "report", "roster"), tmp_path / "revised", earlier=demo_run)
    text = (place / "report.html").read_text("utf-8")
    assert "Changed after it was made: from 2026-03-04" in text
    assert "What was changed, and why" in text
    assert 'href="changes.csv"' in text
    city, roster = demo_run.surface.city, demo_run.roster
    with pytest.raises(DataError, match="planning its week again would undo that"):
        read_edits(place / "roster.xlsx", roster=roster, city=city, job=demo_run.job.job.name)


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
    (folder / "outreach.html").write_bytes(b"mine")
    with pytest.raises(OutputError, match=r"outreach\.html changed since the run was written"):
        pipeline.remake_products(folder, wanted=["report"])
    assert (folder / "outreach.html").read_bytes() == b"mine"
    (folder / "outreach.html").unlink()
    (folder / "report.html").mkdir()
    with pytest.raises(OutputError, match=r"report\.html cannot be replaced; earlier files are as they were"):
        pipeline.remake_products(folder, wanted=["report"])
    assert sorted(path.name for path in folder.iterdir()) == sorted([*before, "report.html"])


def test_a_product_that_fails_costs_itself_alone_and_is_named(demo_run, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise ZeroDivisionError("nobody foresaw this")

    monkeypatch.setattr(importlib.import_module("allocator.report.products"), "briefing_pages", fail)
    with pytest.raises(ProductError, match=r"is saved, but 'briefings' could not be made") as told:
        pipeline.save_run(with_products(demo_run, "briefings", "gis"), tmp_path / "run")
    assert told.value.exit_code == 7
    assert told.value.records[0].cause == "studies.product_missing"
    place = tmp_path / "run"
    assert load_run(place).plan.visits.equals(demo_run.plan.visits)
    assert (place / "gis" / "plan.gpkg").exists()
    assert not (place / "briefings").exists()
    record = json.loads((place / "summary.json").read_text())
    assert record["notes"][-1]["product"] == "briefings"
    assert json.loads((place / "manifest.json").read_text())["missing"][0]["product"] == "briefings"
    with pytest.raises(ProductError):
        pipeline.remake_products(place, wanted=["briefings", "roster"])
    assert (place / "roster.xlsx").exists()
    monkeypatch.undo()
    pipeline.remake_products(place)
    assert (place / "briefings").exists()


def test_a_season_without_a_holding_has_every_product(demo_run, tmp_path):
    items = demo_run.outreach.items.iloc[:0]
    run = dataclasses.replace(demo_run, outreach=dataclasses.replace(demo_run.outreach, items=items))
    place = pipeline.save_run(with_products(run, "report", "briefings", "gis", "roster"), tmp_path / "run")
    assert (place / "funders" / "all-funders.csv").exists()


def test_markup_in_a_name_is_text_in_map_layers(demo_run):
    evil = "a]]>b<b>&\"'"
    visits = demo_run.plan.visits.assign(reason=evil, purpose=evil)
    run = dataclasses.replace(demo_run, plan=dataclasses.replace(demo_run.plan, visits=visits))
    made = pipeline.products_of(run, ["gis"])
    assert not made.missing
    held = {element.text for element in ElementTree.fromstring(made.files["gis/plan.kml"]).iter()}
    assert evil in held
    assert b"CDATA" not in made.files["gis/plan.kml"]


@pytest.mark.parametrize(
    "text", ["=1+1", "x;=1+1", "x;'=1", "a|@b", "\uff1d1", "\u200b=1", "; =1", "x;;-1", '"=1', "plain;text", "'=1"]
)
def test_no_text_of_a_table_is_a_formula_in_any_program_and_all_come_back(text):
    written = csv_text(pd.DataFrame({"name": [text]}))
    cell = next(csv.reader([written.splitlines()[1]]))[0]
    assert unguarded(cell) == text
    for part in re.split(r"[;|\t]", cell):
        assert part.lstrip(' "\u200b')[:1] not in tuple("=+-@\uff1d")
