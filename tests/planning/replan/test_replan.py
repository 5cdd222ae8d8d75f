"""Re-planning: what stands, what changes and why, and that a forecast renewed by new events equals one built anew."""

from __future__ import annotations

import dataclasses
import datetime as dt

import numpy as np
import pandas as pd
import pytest

import allocator as al
from allocator import pipeline, planning
from allocator.domain import ForecastState, Panel, Unit
from allocator.errors import DataError, OutputError
from allocator.io.job import read_job
from allocator.planning.routes.tasks import minutes_of
from allocator.risk.features.context import components
from allocator.risk.features.histories import Histories, Space
from allocator.risk.state import mixture_rates, update_histories, update_surface
from limits_kept import assert_sound

AT = "2026-03-04T19:40"
KEYS = ["unit", "shift", "cell", "start", "stop"]


@pytest.fixture(scope="module")
def quick_run(demo_folder):
    """A run of the demo city with a small search for its routes."""
    overrides = [
        "risk.model=mixture",
        "routes.runs=1",
        "routes.iterations=20",
        "allocation.worth=false",
        "output.products=[]",
    ]
    return pipeline.run(read_job(demo_folder / "job.toml", overrides=overrides))


def moment(run, at=AT):
    zone = dt.UTC if at.endswith("+00:00") else __import__("zoneinfo").ZoneInfo(run.job.job.timezone)
    when = dt.datetime.fromisoformat(at)
    return pd.Timestamp(when if when.tzinfo else when.replace(tzinfo=zone)).tz_convert("UTC")


def on_duty_at(run, shift):
    return sorted(unit for unit, name in run.roster.duty if name == shift)


@pytest.fixture(scope="module")
def lost(quick_run):
    unit = quick_run.plan.assignments.query("shift == '2026-03-04/evening'")["unit"].iloc[0]
    return unit, al.replan(quick_run, at=AT, out_of_service=[unit])


def test_what_was_begun_stands_and_the_lost_unit_does_nothing_more(quick_run, lost):
    unit, revised = lost
    now = moment(quick_run)
    before, after = (run.plan.visits[run.plan.visits["start"] < now][KEYS] for run in (quick_run, revised))
    pd.testing.assert_frame_equal(before.reset_index(drop=True), after.reset_index(drop=True))
    late = revised.plan.visits[revised.plan.visits["start"] >= now]
    assert unit not in set(late["unit"])
    assert_sound(revised, since=now)


def test_few_of_the_others_visits_change_and_every_change_has_its_reason(quick_run, lost):
    unit, revised = lost
    assert planning.visits_changed(revised.plan, quick_run.plan, besides=(unit,)) <= 0.10
    changes = revised.plan.diff(quick_run.plan)
    assert len(changes)
    assert changes["reason"].str.contains(f"{unit} out of service from 2026-03-04 19:40|moves from district").all()
    touched = set(zip(revised.plan.changes["shift"], revised.plan.changes["district"], strict=True))
    assert touched
    posted = {(row.unit, row.shift): row.district for row in quick_run.plan.assignments.itertuples()}
    for row in changes[changes["change"] == "removed"].itertuples():
        assert (row.shift, posted[row.unit, row.shift]) in touched


def test_the_earlier_run_is_untouched_and_the_new_one_saves_and_loads(quick_run, lost, tmp_path):
    _, revised = lost
    fresh = pipeline.run(quick_run.job)
    pd.testing.assert_frame_equal(fresh.plan.visits, quick_run.plan.visits)
    al.save_run(revised, tmp_path / "revised", earlier=quick_run)
    loaded = al.load_run(tmp_path / "revised")
    assert loaded == revised
    table = pd.read_csv(tmp_path / "revised" / "changes.csv")
    assert list(table.columns[:3]) == ["change", "unit", "shift"]
    assert loaded.manifest["replanned"][0]["at"] == "2026-03-04 19:40"
    again = al.replan(loaded, at="2026-03-05T10:00", urgent=[int(loaded.plan.visits["cell"].iloc[0])])
    assert len(again.manifest["replanned"]) == 2


def test_the_same_change_twice_gives_the_same_plan(quick_run, lost):
    unit, revised = lost
    again = al.replan(quick_run, at=AT, out_of_service=[unit])
    pd.testing.assert_frame_equal(again.plan.visits, revised.plan.visits)


def test_nothing_changes_where_nothing_happened(quick_run):
    same = al.replan(quick_run, at=AT)
    pd.testing.assert_frame_equal(same.plan.visits, quick_run.plan.visits)
    assert not len(same.plan.diff(quick_run.plan))


def test_an_urgent_cell_is_visited_at_once_by_one_unit(quick_run):
    cell = int(np.setdiff1d(np.flatnonzero(quick_run.problem.district == 0), quick_run.plan.visits["cell"])[0])
    revised = al.replan(quick_run, at=AT, urgent=[cell])
    visit = revised.plan.visits.query("purpose == 'urgent'")
    assert visit["cell"].tolist() == [cell]
    assert (visit["start"].iloc[0] - moment(quick_run)).total_seconds() < 45 * 60
    assert_sound(revised)
    changes = revised.plan.diff(quick_run.plan)
    assert set(changes["unit"]) == set(visit["unit"])
    two = al.replan(revised, at="2026-03-04T19:41", urgent=[cell + 1])
    assert sorted(two.plan.visits.query("purpose == 'urgent'")["cell"]) == [cell, cell + 1]
    assert_sound(two)


def test_an_urgent_visit_where_no_patrol_is_allowed_says_so(quick_run):
    s = next(n for n, shift in enumerate(quick_run.roster.shifts) if shift.id == "2026-03-04/evening")
    cell = int(np.setdiff1d(np.flatnonzero(quick_run.problem.district == 0), quick_run.plan.visits["cell"])[0])
    cap = quick_run.problem.cap.copy()
    cap[s, cell] = 0
    barring = dataclasses.replace(quick_run, problem=quick_run.problem.replace(cap=cap))
    revised = al.replan(barring, at=AT, urgent=[cell])
    told = [note for note in revised.plan.unmet if note.cause == "patrol.urgent_barred"]
    assert len(told) == 1
    assert "policy.limits" in told[0].text


def test_closed_cells_get_no_more_visits(quick_run):
    now = moment(quick_run)
    later = quick_run.plan.visits[quick_run.plan.visits["start"] >= now]
    shut = later["cell"].value_counts().index[:5].tolist()
    revised = al.replan(quick_run, at=AT, closed=shut)
    after = revised.plan.visits[revised.plan.visits["start"] >= now]
    assert not set(shut) & set(after["cell"])
    assert_sound(revised, since=now)
    assert "closed cells" in " ".join(revised.plan.changes["cause"])


def test_an_added_unit_patrols(quick_run):
    shift = "2026-03-04/evening"
    off = next(unit.name for unit in quick_run.roster.units if (unit.name, shift) not in quick_run.roster.duty
               and (unit.name, "2026-03-04/night") not in quick_run.roster.duty
               and (unit.name, "2026-03-04/day") not in quick_run.roster.duty)  # fmt: skip
    revised = al.replan(quick_run, at=AT, added=[off])
    assert (off, shift) in revised.roster.duty
    new = al.replan(quick_run, at=AT, added=[Unit("R99")])
    assert ("R99", shift) in new.roster.duty
    assert_sound(new, since=moment(quick_run))
    assert new.plan.delivered >= quick_run.plan.delivered - 1e-9


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"at": "2026-04-01T10:00"}, "lies outside the plan"),
        ({"at": "tomorrow"}, "is not a time"),
        ({"at": AT, "out_of_service": ["NOPE"], "urgent": [-1, 10**9]}, "unknown unit"),
        ({"at": AT, "added": ["NOPE"]}, "unknown unit"),
        ({"at": AT, "added": {"1P1": "2026-03-04/evning"}}, "unknown shift"),
        ({"at": AT, "closed": [10**9]}, "no such cells"),
        ({"at": AT, "closed": [5], "urgent": [5]}, "is closed"),
    ],
)
def test_what_does_not_exist_is_told(quick_run, asked, words):
    with pytest.raises(DataError, match=words):
        al.replan(quick_run, **asked)


def test_all_faults_are_told_at_once(quick_run):
    with pytest.raises(DataError) as error:
        al.replan(quick_run, at=AT, out_of_service=["NOPE"], added=["ALSO:nothing"], urgent=[-1])
    assert len(error.value.faults) == 4


def test_a_naive_time_is_local_and_an_offset_is_heeded(quick_run):
    local = al.replan(quick_run, at="2026-03-04T19:40", urgent=[100])
    other = al.replan(quick_run, at="2026-03-04T20:40+00:00", urgent=[100])  # Atlantic/Azores is at -1 in March
    pd.testing.assert_frame_equal(local.plan.visits, other.plan.visits)


def new_rows(quick_run):
    city = quick_run.surface.city
    cell = int(np.flatnonzero(quick_run.problem.district >= 0)[40])
    lon, lat = (
        __import__("pyproj")
        .Transformer.from_crs(city.crs, "EPSG:4326", always_xy=True)
        .transform(city.x[cell], city.y[cell])
    )
    source = pd.read_csv(quick_run.job.data.events[0], nrows=1)
    rows = pd.concat([source] * 12, ignore_index=True)
    columns = quick_run.job.data.columns
    rows[columns.time] = [f"2026-03-0{2 + n % 2} 1{n % 10}:15:00" for n in range(12)]
    rows[columns.kind], rows[columns.lon], rows[columns.lat] = quick_run.surface.kinds[1].title(), lon, lat
    rows[columns.id] = [f"new {n}" for n in range(12)]
    if columns.origin:
        rows[columns.origin] = "caller"
    rows[columns.kind] = _name_in_file(quick_run, source)
    return cell, rows


def test_new_events_raise_the_risk_around_them(quick_run):
    cell, rows = new_rows(quick_run)
    revised = al.replan(quick_run, at=AT, events=rows)
    old, new = (run.surface.expected_harm for run in (quick_run, revised))
    assert new[-1, cell] > 1.2 * old[-1, cell]
    np.testing.assert_allclose(new.sum(axis=1), old.sum(axis=1), rtol=1e-4)
    assert "12 new incidents" in revised.figures["values"]["replan"]["events"]
    assert_sound(revised, since=moment(quick_run))
    assert revised.manifest["replanned"][0]["events"]


def _name_in_file(run, source):
    kind = run.surface.kinds[1]
    names = pd.read_csv(run.job.data.events[0])[run.job.data.columns.kind].unique()
    mapped = {name: run.job.data.kind_map.get(name, name) for name in names}
    return next(name for name, used in mapped.items() if used.upper() == kind)


def test_histories_renewed_by_new_events_equal_those_built_anew(synthetic_events, synthetic_city):
    city = al.Tessellation.squares(synthetic_city.area, 150.0)
    panel = Panel.from_events(synthetic_events, city)
    cut = panel.n_days - 9
    space = Space.of(city, half_lives=(10.0, 45.0), bandwidths=(150.0, 300.0))
    early, late = Histories(space, len(panel.kinds)), Histories(space, len(panel.kinds))
    early.advance(panel, cut)
    late.advance(panel, cut + 5)
    weights = np.random.default_rng(0).random((len(panel.kinds), space.n_components(len(panel.kinds))))
    state = ForecastState(
        day=cut, state=early.state, exposure=early.exposure, last=early.last, half_lives=np.array(space.half_lives),
        bandwidths=np.array(space.bandwidths), window=7, rate=np.empty(0), dispersion=np.empty(0),
        mixture_weights=weights,
    )  # fmt: skip
    rows = np.flatnonzero((panel.day >= cut) & (panel.day < cut + 5))
    day, cell, kind = (np.repeat(one[rows], panel.count[rows]) for one in (panel.day, panel.cell, panel.kind))
    renewed = update_histories(state, city, day=day, cell=cell, kind=kind, until=float(cut + 5))
    np.testing.assert_allclose(renewed.state, late.state, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(renewed.exposure, late.exposure, rtol=1e-9)
    np.testing.assert_array_equal(renewed.last, late.last)
    assert renewed.day == cut + 5
    rates = mixture_rates(renewed, city.area_km2)
    expected = np.einsum("kcj,kj->kc", components(late, 7).astype(float), weights)
    np.testing.assert_allclose(rates, expected, rtol=1e-4)


def test_only_the_share_that_follows_the_mixture_moves(quick_run):
    """Of a stack, baselines keep what was fitted: the twin moves the two parts of each rate apart."""
    before, surface = quick_run.state, quick_run.surface
    half = dataclasses.replace(before, following=np.full(before.rate.shape, 0.5, np.float32))
    still = dataclasses.replace(before, following=np.zeros(before.rate.shape, np.float32))
    events = {"day": np.full(6, before.day), "cell": np.full(6, 100), "kind": np.zeros(6, np.int64)}
    after = update_histories(before, surface.city, **events, until=before.day + 1.0)
    np.testing.assert_allclose(update_surface(surface, still, after).mean, surface.mean, rtol=1e-6)
    area = surface.city.area_km2
    old, new = mixture_rates(before, area), mixture_rates(after, area)
    factor = (new / new.sum(axis=1, keepdims=True)) / (old / old.sum(axis=1, keepdims=True))
    assert factor[0, 100] > 1.05
    expected = surface.mean * (0.5 + 0.5 * factor.T)
    expected *= surface.mean.sum(axis=1, keepdims=True) / expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(update_surface(surface, half, after).mean, expected, rtol=1e-5)
    early = dataclasses.replace(before, following=None)  # saved before there were stacks: by the model of each kind
    ours = np.isin(surface.models, ["mixture", "boosted"])
    whole = dataclasses.replace(before, following=np.tile(ours[:, None], before.rate.shape[1]).astype(np.float32))
    np.testing.assert_array_equal(
        update_surface(surface, early, after).mean, update_surface(surface, whole, after).mean
    )  # fmt: skip


def test_a_run_without_a_mixture_says_so(quick_run):
    bare = dataclasses.replace(quick_run, state=dataclasses.replace(quick_run.state, mixture_weights=None))
    with pytest.raises(DataError, match="holds no mixture"):
        al.replan(bare, at=AT, events=new_rows(quick_run)[1])


def test_incidents_of_which_none_is_new_change_nothing_and_are_told_apart(quick_run):
    _, rows = new_rows(quick_run)
    columns = quick_run.job.data.columns
    known = pd.read_csv(quick_run.job.data.events[0], nrows=3)
    odd = rows.iloc[:2].assign(**{columns.kind: "BAR FIGHTS"})
    late = rows.iloc[:1].assign(**{columns.time: "2026-03-08 20:00:00", columns.id: "late"})
    same = al.replan(quick_run, at=AT, events=pd.concat([known, odd, late], ignore_index=True))
    bare = al.replan(quick_run, at=AT)
    pd.testing.assert_frame_equal(same.plan.visits, bare.plan.visits)
    np.testing.assert_array_equal(same.surface.mean, quick_run.surface.mean)
    told = same.manifest["replanned"][-1]["events"]
    assert told.startswith(
        "0 new incidents since the forecast (left aside: 2 of kinds that are not forecast: 'BAR FIGHTS'"
    )
    assert "1 after the time of the re-plan" in told


def test_random_changes_keep_every_rule(quick_run):
    rng = np.random.default_rng(5)
    for _ in range(6):
        hours = int(rng.integers(1, 160))
        when = quick_run.roster.shifts[0].start + dt.timedelta(hours=hours, minutes=int(rng.integers(60)))
        unit = quick_run.roster.units[int(rng.integers(len(quick_run.roster.units)))].name
        revised = al.replan(quick_run, at=when, out_of_service=[unit], urgent=[int(rng.integers(2000))])
        assert_sound(revised, since=pd.Timestamp(when))
        started = minutes_of(revised.plan.visits["start"])
        assert len(started) == len(revised.plan.visits)


def test_a_folder_that_exists_is_not_overwritten(lost, tmp_path):
    (tmp_path / "there").mkdir()
    with pytest.raises(OutputError):
        al.save_run(lost[1], tmp_path / "there")


def test_a_second_renewal_starts_from_the_forecast_again(quick_run):
    _, rows = new_rows(quick_run)
    first = al.replan(quick_run, at="2026-03-03T23:30", events=rows.iloc[:5])
    second, once = (al.replan(run, at=AT, events=rows) for run in (first, quick_run))
    for name in ("state", "exposure", "last", "day"):
        np.testing.assert_array_equal(getattr(second.state, name), getattr(once.state, name))
    np.testing.assert_allclose(second.surface.mean, once.surface.mean, rtol=1e-5)
    same = al.replan(quick_run, at=AT, events=rows.iloc[:0])
    pd.testing.assert_frame_equal(same.plan.visits, quick_run.plan.visits)


def test_a_bound_is_no_less_than_the_earlier_plan(quick_run):
    start = quick_run.roster.shifts[0].start
    assert al.replan(quick_run, at=start).plan.bound >= quick_run.plan.objective - 1e-9


def test_one_text_is_not_a_list_of_units(quick_run):
    with pytest.raises(DataError, match="give a list"):
        al.replan(quick_run, at=AT, out_of_service="1P1")
    with pytest.raises(DataError, match="is a day"):
        al.replan(quick_run, at=dt.date(2026, 3, 4))


def test_when_nearly_everybody_is_gone_there_is_still_a_plan(quick_run):
    crew = on_duty_at(quick_run, "2026-03-08/night")
    for gone in (crew[1:], crew):
        revised = al.replan(quick_run, at="2026-03-08T20:00", out_of_service=gone)
        assert any("lowered" in text.text for text in revised.plan.unmet)
