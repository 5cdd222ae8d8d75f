"""The shipped jobs on real data; skipped with a reason where the data are absent."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import allocator as al
from page_runs import with_products
from places import DATA, real

CONFIGS = Path(__file__).resolve().parents[2] / "configs"

pytestmark = pytest.mark.data


def moved(name: str) -> al.Job:
    """Return a shipped job that reads the data from where they are here."""
    job = al.read_job(
        CONFIGS / f"{name}.toml", overrides=["routes.runs=1", "routes.iterations=8", "allocation.worth=false"]
    )
    place = str(DATA.resolve() / name)

    def there(path: str) -> str:
        return f"{place}/{Path(path).name}"

    data = job.data.model_copy(update={"events": tuple(there(path) for path in job.data.events)})
    area = job.area.model_copy(update={"file": there(job.area.file), "beats": there(job.area.beats)})
    return job.model_copy(update={"data": data, "area": area})


@pytest.fixture(scope="module")
def chicago():
    real("chicago", "events.parquet")
    return al.run(moved("chicago"))


def test_chicago_is_cut_as_asked(chicago):
    city = chicago.surface.city
    assert city.kind == "squares"
    assert len(city.districts) == 23
    assert city.area_km2.sum() == pytest.approx(608.4, abs=1)
    assert chicago.surface.kinds == ("ASSAULT", "BATTERY", "CRIMINAL DAMAGE", "THEFT")
    assert [shift.id for shift in chicago.roster.shifts[:2]] == ["2017-12-25/day", "2017-12-25/evening"]
    assert len(chicago.roster.shifts) == 21
    assert str(chicago.surface.cutoff) == "2017-12-25"


def test_chicago_rosters_are_of_the_size_asked_for(chicago):
    assert len(chicago.roster.units) == 250
    duty = chicago.problem.on_duty
    assert 50 <= duty.min() <= duty.max() <= 75
    assert duty.mean() == pytest.approx(60, abs=1)
    assert len(chicago.roster.teams) == 6


def test_the_chicago_forecast_beats_counts_and_kde_on_its_hold_out(chicago):
    scores = chicago.figures["values"]["loglik_per_event"]
    assert scores["chosen"] > scores["historic_mean"] + 0.02
    assert scores["chosen"] > scores["kde"] + 0.02
    assert scores["mixture"] > scores["historic_mean"]


def test_the_chicago_plan_keeps_its_limits_and_is_optimal(chicago):
    plan, problem = chicago.plan, chicago.problem
    assert plan.gap <= 1e-6
    staffing = plan.staffing
    assert (staffing["units_assigned"] >= staffing["units_required"]).all()
    assert (staffing.loc[staffing["district"] == "31", "units_required"] == 0).all()
    per_shift = staffing.groupby("shift")["units_assigned"].sum()
    assert all(per_shift[name] <= n for name, n in zip(problem.shifts, problem.on_duty, strict=True))
    assert staffing.loc[staffing["district"] == "31", "units_assigned"].sum() <= 7
    visits = plan.dosage()
    assert visits["visits"].max() <= chicago.job.allocation.max_blocks
    assert 0.05 < chicago.figures["values"]["delivered"] < 0.5


def test_chicago_visits_say_why(chicago):
    reasons = chicago.plan.visits["reason"]
    assert reasons.str.contains("in the last 14 days").all()
    assert reasons.str.startswith("rank ").all()


def test_chicago_comes_back_from_disk(chicago, tmp_path):
    reported = with_products(chicago, "report")
    place = al.save_run(reported, tmp_path / "run")
    assert al.load_run(place) == reported
    assert (place / "report.html").stat().st_size < 6e6


def test_portland_falls_back_to_the_shares_of_the_job():
    real("portland", "events.parquet")
    job = moved("portland")
    quick = job.risk.model_copy(update={"model": "mixture", "train_weeks": 30})
    run = al.run(job.model_copy(update={"risk": quick}))
    assert run.surface.city.kind == "hexagons"
    assert "job file" in run.surface.profile_source
    assert "no time of day" in run.summary()
    by_shift = run.surface.mean.sum(axis=(1, 2), dtype=np.float64)
    names = np.array([shift.name for shift in run.roster.shifts])
    share = by_shift[names == "evening"].sum() / by_shift.sum()
    assert share == pytest.approx(0.37, abs=0.005)


def test_st_louis_corrections_are_netted_and_old_rows_left_out():
    from allocator.pipeline.inputs.known import since

    path = real("stlouis", "events.parquet")
    area = al.read_area(real("stlouis", "neighborhoods.geojson"), district="nhd_num")
    columns = {"time": "occurred_at", "kind": "ucr", "lon": "lon", "lat": "lat", "count": "count", "id": "complaint"}
    events = since(al.read_events(path, columns=columns, timezone="America/Chicago", corrections="net"), None)
    panel = al.Panel.from_events(events, al.Tessellation.squares(area, 300))
    assert panel.first_day.year >= 2007
    assert any("filled steadily" in note.text for note in events.notes)
    assert panel.counts.min() >= 0
    assert panel.clipped >= 0
    assert panel.netted.count.sum() < len(panel.count)
