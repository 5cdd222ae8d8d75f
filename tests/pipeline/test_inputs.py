"""The first stage, the same for every command: who finds a fault says the same of it."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest

import allocator as al
from allocator import pipeline
from allocator.errors import AllocatorError
from allocator.pipeline.inputs import asked_of, duty_of, ground_of, known_of

COARSE = ["tessellation.size_m=800.0", "output.products=[]"]
COMMANDS = {
    "validate": pipeline.validate,
    "run": pipeline.run,
    "scenarios": pipeline.scenarios_job,
    "backtest": pipeline.backtest_job,
    "backtest --plans": pipeline.backtest_plans,
    "staffing": pipeline.staff_job,
    "explore": pipeline.explore_job,
}
PLANNING = {"validate", "run", "scenarios", "backtest --plans", "staffing"}
"""Commands that know who is on duty."""

HISTORY = {"validate", "run", "scenarios", "backtest", "backtest --plans", "explore"}
"""Commands that read the events."""


def misspelt_initiative(folder: Path) -> list[str]:
    path = folder / "initiatives.csv"
    path.write_text(path.read_text().replace("BURGLARY", "BURGLERY"))
    return []


def calls_elsewhere(folder: Path) -> list[str]:
    lines = (folder / "calls.csv").read_text().splitlines()
    lon = lines[0].split(",").index("lon")
    moved = [line.split(",") for line in lines[1:]]
    for fields in moved:
        fields[lon] = str(float(fields[lon]) + 5) if fields[lon] else ""
    (folder / "calls.csv").write_text("\n".join([lines[0], *map(",".join, moved)]) + "\n")
    return []


FAULTS = {
    "unknown model": (lambda folder: ["risk.model=mixtur"], set(COMMANDS), "mixture"),
    "unknown solver": (lambda folder: ["allocation.solver=flw"], set(COMMANDS), "flow"),
    "missing file": (lambda folder: ["area.file=nowhere.geojson"], set(COMMANDS), "nowhere.geojson"),
    "minimums that nobody can meet": (lambda folder: ["staffing.default_minimum=99"], PLANNING, "needs at least"),
    "district that is none": (
        lambda folder: ['staffing.minimums=[{district="Atlantis", shift="day", units=1}]'], PLANNING, "Atlantis",
    ),
    "misspelt kind": (lambda folder: ['data.kinds=["BURGLERY"]'], HISTORY, "BURGLERY"),
    "misspelt kind of an initiative": (misspelt_initiative, {"validate", "run", "scenarios"}, "BURGLERY"),
    "calls elsewhere": (calls_elsewhere, PLANNING, "outside every district"),
}  # fmt: skip


@pytest.mark.parametrize("fault", FAULTS)
def test_every_command_that_uses_a_thing_says_the_same_of_its_fault(demo_folder, tmp_path, fault):
    folder = Path(shutil.copytree(demo_folder, tmp_path / "city"))
    spoil, users, words = FAULTS[fault]
    job = al.read_job(folder / "job.toml", overrides=[*COARSE, *spoil(folder)])
    assert_all_say(job, users, words)


def test_every_command_refuses_a_product_that_cannot_be_made(demo_folder):
    job = al.read_job(demo_folder / "job.toml", overrides=COARSE)
    job = job.model_copy(update={"output": job.output.model_copy(update={"products": ("reprot",)})})
    assert_all_say(job, set(COMMANDS), "did you mean 'report'")


def assert_all_say(job: al.Job, users: set[str], words: str) -> None:
    said = {}
    for name, command in COMMANDS.items():
        if name in users:
            with pytest.raises(AllocatorError) as error:
                command(job)
            said[name] = type(error.value), str(error.value)
            assert words in str(error.value), name
    assert len(set(said.values())) == 1, said


def test_limits_are_checked_before_any_forecast_and_valued_by_one(demo_run, demo_folder):
    job = al.read_job(demo_folder / "job.toml", overrides=["output.products=[]"])
    there = duty_of(ground_of(job))
    limited, problem = there.terms.limited(), there.terms.valued(demo_run.surface)
    assert not hasattr(limited, "value")
    for field in dataclasses.fields(limited):
        before, after = getattr(limited, field.name), getattr(problem, field.name)
        if isinstance(before, np.ndarray):
            np.testing.assert_array_equal(before, after)


def test_calls_covariates_travel_and_outreach_are_told_in_the_manifest(demo_run, demo_folder):
    job = al.read_job(demo_folder / "job.toml", overrides=["output.products=[]"])
    place = ground_of(job)
    asks, history = asked_of(duty_of(place)), known_of(place)
    told = demo_run.manifest
    for part in (place, history, asks.duty, asks):
        assert {str(note) for note in part.notes} <= set(told["notes"])
    assert asks.calls is not None
    assert {f"calls, {reason}": n for reason, n in asks.calls.ledger.items()}.items() <= told["rows"].items()


@pytest.mark.slow
def test_a_run_folder_replans_itself_when_every_input_is_gone(demo_run, demo_folder, tmp_path):
    """Travel, windows, streets and the outreach held before are those of the run, whatever became of the files."""
    folder = Path(shutil.copytree(demo_folder, tmp_path / "city"))
    before = demo_run.outreach.items
    before.assign(id=[f"O-{n:012x}" for n in range(len(before))]).to_parquet(folder / "before.parquet", index=False)
    job = al.read_job(folder / "job.toml", overrides=[*COARSE, *street_job(folder), "outreach.earlier=before.parquet"])
    run = al.run(job)
    assert len(run.outreach.earlier) == len(before)
    al.save_run(run, tmp_path / "run")
    change = {"at": "2026-03-04T12:00", "out_of_service": [run.roster.units[0].name]}
    here = al.replan(run, **change)
    al.save_run(here, tmp_path / "here")
    shutil.rmtree(folder)
    loaded = al.load_run(tmp_path / "run")
    assert loaded == run
    al.save_run(al.replan(loaded, **change), tmp_path / "there")
    for path in sorted((tmp_path / "here").rglob("*")):
        if path.is_file() and path.name != "manifest.json":
            twin = tmp_path / "there" / path.relative_to(tmp_path / "here")
            assert path.read_bytes() == twin.read_bytes(), path.name


def street_job(folder: Path) -> list[str]:
    """Streets along the edges of the demo's cells, and a window of a district."""
    import geopandas
    import shapely

    outline = geopandas.read_file(folder / "districts.geojson").to_crs("EPSG:32626").union_all()
    left, low, right, high = outline.bounds
    across = [shapely.LineString([(left, y), (right, y)]) for y in np.arange(low, high, 400.0)]
    upright = [shapely.LineString([(x, low), (x, high)]) for x in np.arange(left, right, 400.0)]
    streets = geopandas.GeoDataFrame(
        geometry=shapely.get_parts(shapely.node(shapely.MultiLineString(across + upright)))
    )
    streets.set_crs("EPSG:32626").to_file(folder / "streets.gpkg")
    district = geopandas.read_file(folder / "districts.geojson")["district"][0]
    window = f'{{district="{district}", earliest=09:00:00, latest=21:00:00, reason="market"}}'
    return ["routes.streets=streets.gpkg", f"routes.windows=[{window}]"]
