"""Outreach in the whole job: with patrol, in the run folder, read back, and in scenarios."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import allocator as al
from allocator import pipeline
from allocator.errors import ConfigError, DataError
from allocator.facts import texts
from allocator.io.outreach.delivery import delivery_template
from allocator.io.tables.exports import csv_text
from allocator.pipeline.inputs import ground_of
from allocator.pipeline.inputs.outreach import read_outreach

ROOT = Path(__file__).parents[2]
QUICK = (
    "risk.model=mixture", "allocation.worth=false", "risk.holdout_weeks=2", "routes.runs=1", "output.products=[]",
)  # fmt: skip
CAP = 400


@pytest.fixture(scope="module")
def job_file(tmp_path_factory) -> Path:
    """The demo job over two weeks, with units that can hold something, visits near events and a burden cap."""
    folder = tmp_path_factory.mktemp("season")
    shutil.copytree(ROOT / "configs" / "demo", folder / "demo")
    text = (ROOT / "configs" / "demo.toml").read_text()
    text = text.replace(
        "weeks = 1 ", f"visits_near_events = true\nmost_minutes_per_area_week = {CAP}\nweeks = 2 "
    ).replace(
        "[outreach.needs]",
        '[outreach.shared]\nskill = "community"\npatrol_value = 0.001\nsource = "assumed for the test"\n\n'
        "[outreach.needs]",
    )
    (folder / "demo.toml").write_text(text)
    table = pd.read_csv(folder / "demo" / "initiatives.csv").astype(object)
    door = {
        "initiative": "Door to door", "type": "site_survey", "kinds": "BURGLARY", "hours": 2, "cost": 0, "reach": 300,
        "effect": 0.1, "effect_low": 0, "effect_high": 0.2, "effect_source": "assumed", "half_life_weeks": 26,
        "reporting": 0, "skills": "community", "languages": "", "lead_days": 0, "most": 6,
    }  # fmt: skip
    table.loc[len(table)] = door
    table.to_csv(folder / "demo" / "initiatives.csv", index=False)
    return folder / "demo.toml"


@pytest.fixture(scope="module")
def season(job_file) -> al.Run:
    return al.run(al.read_job(job_file, overrides=QUICK))


def test_units_that_serve_outreach_are_not_on_patrol(season):
    gone = {(row.unit, row.shift) for row in season.outreach.detached.itertuples()}
    assert gone
    assert not gone & set(zip(season.plan.visits["unit"], season.plan.visits["shift"], strict=True))
    assert not gone & set(season.roster.duty)
    door = season.outreach.items[season.outreach.items["initiative"] == "Door to door"]
    assert set(door["team"]) <= {unit for unit, _ in gone}
    unit, shift = sorted(gone)[0]
    with pytest.raises(DataError, match="serves outreach in"):
        al.replan(season, at=f"{shift[:10]}T00:30", added=[f"{unit}:{shift}"])


def test_events_have_visits_before_and_after_or_a_note(season):
    city, shifts, visits = season.surface.city, season.roster.shifts, season.plan.visits
    told = " ".join(texts(season.plan.unmet))
    events = season.outreach.items[
        (season.outreach.items["venue"] != "") & (season.outreach.items["start"] < shifts[-1].stop)
    ]
    assert len(events)
    for row in events.itertuples():
        a = city.districts.index(row.area)
        near = city.district == a
        before = [shift for shift in shifts if shift.stop <= row.start][-1:]
        after = [shift for shift in shifts if shift.start >= row.stop][:1]
        for shift in (*before, *after):
            there = visits[(visits["shift"] == shift.id) & visits["reason"].str.startswith("near an event")]
            assert near[there["cell"]].any() or row.venue in told


def test_the_burden_cap_counts_patrol_and_outreach_together(season):
    city, items = season.surface.city, season.outreach.items
    first = pd.Timestamp(season.roster.shifts[0].start)
    week = items[items["start"] < first + pd.Timedelta(days=7)]
    blocks = season.plan.visits["cell"].to_numpy()
    for d, name in enumerate(city.districts):
        patrol = 15 * int((city.district[blocks] == d).sum())
        held = (week["stop"] - week["start"]).dt.total_seconds()[week["area"] == name].sum() / 60
        promised = 15 * season.plan.visits["reason"].str.startswith("near an event")[city.district[blocks] == d].sum()
        assert patrol + held <= max(CAP, held + promised) + 1e-6


def test_the_run_comes_back_with_everything_about_outreach(season, tmp_path):
    place = al.save_run(season, tmp_path / "run")
    again = al.load_run(place)
    assert again == season
    assert again.outreach.offers.partners[0].mailbox.startswith("office@")
    assert (place / "delivery.csv").exists()
    assert list((place / "calendars").glob("team-*.ics"))
    sums = again.outreach.items.groupby("fund")["cost"].sum()
    assert sums.sum() == pytest.approx(again.outreach.spent)
    assert again.outreach.areas["prevented"].sum() == pytest.approx(again.outreach.items["benefit"].sum())
    same = al.save_run(season, tmp_path / "twice")
    for path in sorted(place.rglob("*")):
        if path.is_file() and path.name not in ("manifest.json", "map.png"):
            assert path.read_bytes() == (same / path.relative_to(place)).read_bytes(), path


def test_delivery_is_read_against_the_plan_and_learnt_from(season, job_file, tmp_path):
    form = delivery_template(season.outreach.items, timezone="Atlantic/Azores")
    form["status"], form["attended"] = "held", (form["planned_reach"] // 2).astype(int)
    (tmp_path / "delivery.csv").write_text(csv_text(form))
    card = al.delivery_of(season, tmp_path / "delivery.csv")
    assert f"{len(form)} of {len(form)} held" in card.summary()
    job = al.read_job(job_file, overrides=QUICK)
    told = job.model_copy(
        update={"outreach": job.outreach.model_copy(update={"delivered": (str(tmp_path / "delivery.csv"),)})}
    )
    before, after = (read_outreach(one, season.surface.city) for one in (job, told))
    assert sum(one.reach for one in after.offers.initiatives) < sum(one.reach for one in before.offers.initiatives)
    assert after.notes


def test_an_earlier_plan_keeps_its_ids_and_counts_changes(season, job_file, tmp_path):
    place = al.save_run(season, tmp_path / "run")
    earlier = f"outreach.earlier='{place / 'outreach.parquet'}'"
    again = al.run(al.read_job(job_file, overrides=(*QUICK, earlier)))
    pd.testing.assert_frame_equal(again.outreach.items, season.outreach.items)
    (tmp_path / "no.parquet").write_text("nothing")
    with pytest.raises(DataError, match=r"not the outreach\.parquet"):
        al.run(al.read_job(job_file, overrides=(*QUICK, f"outreach.earlier='{tmp_path / 'no.parquet'}'")))


def test_scenarios_of_money_and_of_the_share_of_hours(job_file):
    overrides = (*QUICK, "scenarios.staff=[]", "scenarios.equity_within=[]", "scenarios.max_min=false")
    found = pipeline.scenarios_job(al.read_job(job_file, overrides=overrides)).outreach
    assert found["scenario"].str.startswith(("as planned", "10% less", "20% less", "outreach at least 15%")).all()
    money = found.set_index("scenario")["money"]
    assert money["20% less money"] == pytest.approx(0.8 * money["as planned"])
    assert (found["prevented"][1:3] <= found["prevented"][0] * 1.01 + 1e-9).all()
    floor = found.iloc[3]
    assert floor["hours_share"] >= 0.15 - 1e-9 or "not reached" in floor["scenario"]
    assert (found["patrol_change"] <= 1e-9).all()


def test_bulletins_come_from_a_run_and_check_their_contact(season):
    found = al.bulletins_of(season, languages=["es"])
    assert any(name.endswith(".svg") for name in found.pages)
    section = season.job.outreach
    odd = section.model_copy(update={"bulletin": section.bulletin.model_copy(update={"contact": "@somebody"})})
    with pytest.raises(ConfigError, match="role mailbox"):
        al.bulletins_of(dataclasses.replace(season, job=season.job.model_copy(update={"outreach": odd})))


def test_areas_need_residents_and_a_row_each(job_file, tmp_path):
    job = al.read_job(job_file, overrides=QUICK)
    city = ground_of(job).city
    profile = pd.read_csv(job.outreach.areas.profile, dtype=str)
    profile.loc[0, "languages"] = "en=lots"
    profile.loc[1, "residents"] = "-5"
    profile.iloc[:-1].to_csv(tmp_path / "areas.csv", index=False)
    areas = job.outreach.areas.model_copy(update={"profile": str(tmp_path / "areas.csv")})
    broken = job.model_copy(update={"outreach": job.outreach.model_copy(update={"areas": areas})})
    with pytest.raises(DataError) as error:
        read_outreach(broken, city)
    for words in ("not a language with its share", "residents = '-5'", "1 areas have no row"):
        assert words in str(error.value)
    assert np.isclose(read_outreach(job, city).areas.residents.sum(), 60_000)
