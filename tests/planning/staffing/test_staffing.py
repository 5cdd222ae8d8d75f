"""Units that calls need: minimums, best spread, arrivals, the page and the command."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import json
import sys

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator import cli, pipeline, report
from allocator.config import ShiftSection, StaffingSection
from allocator.domain import CALL, OFFICER, Calls
from allocator.errors import ConfigError, DataError
from allocator.planning.staffing.arrivals import expect, hours_of_shifts, own_share
from allocator.planning.staffing.queueing import mean_wait, priority_waits
from allocator.planning.staffing.workload import expected_waits, overloads
from planning_city import DAY, roster_of, square_city

ZONE = "America/Chicago"
WEEK = dt.date(2024, 5, 6)


def calls_of(
    per_hour=(2.0, 1.0), *, weeks: int = 8, seed: int = 0, minutes: float = 30.0, officer: float = 0.0
) -> Calls:
    """Calls of each district at a steady rate, a third of them of priority 1."""
    rng = np.random.default_rng(seed)
    start = np.datetime64(WEEK - dt.timedelta(days=7 * weeks), "s") + np.timedelta64(5, "h")
    span = weeks * 7 * 24
    n = [rng.poisson(rate * span) for rate in per_hour]
    district = np.repeat(np.arange(len(per_hour)), n)
    total = len(district)
    time = start + rng.integers(0, span * 3600, total)
    order = np.argsort(time, kind="stable")
    return Calls(
        time=time[order], wait=np.full(total, 3.0), travel=np.full(total, 5.0),
        service=rng.exponential(minutes, total), priority=rng.choice(2, total, p=[1 / 3, 2 / 3]).astype(np.int16),
        priorities=("1", "2"), units=np.ones(total), timezone=ZONE, imputed=np.zeros(total, np.int8),
        origin=np.where(rng.random(total) < officer, OFFICER, CALL).astype(np.int8),
        district=district[order].astype(np.int32), districts=tuple("ABCDEFGH"[: len(per_hour)]),
    )  # fmt: skip


def shifts_of(days: int = 1, first_day: dt.date = WEEK):
    return al.shifts_of(DAY, first_day=first_day, days=days, timezone=ZONE)


def options_of(**changes) -> StaffingSection:
    content = {"targets": [{"priority": "1", "wait_minutes": 4.0}], **changes}
    return StaffingSection.model_validate(content)


@pytest.fixture(scope="module")
def calls():
    return calls_of((2.0, 0.6, 4.0), officer=0.1)


@pytest.fixture(scope="module")
def staffing(calls):
    return al.staff(calls, shifts_of(2), options_of(other_share=0.1))


def test_expectations_add_up(calls, staffing):
    public = calls.from_public.sum() / 56 / 24
    assert staffing.calls_per_hour.sum(axis=0).mean() == pytest.approx(public, rel=0.03)
    assert staffing.busy_minutes.sum() == pytest.approx(calls.service[calls.from_public].sum() / 56 * 2, rel=0.05)
    assert staffing.officer_minutes.sum() == pytest.approx(calls.service[calls.by_officers].sum() / 56 * 2, rel=0.1)
    table = staffing.table()
    assert len(table) == 3 * 6
    assert table["busy_minutes"].sum() == pytest.approx(staffing.busy_minutes.sum())


def test_required_units_meet_the_targets_and_one_fewer_does_not(staffing):
    wait, _ = expected_waits(staffing, staffing.units_required)
    assert np.allclose(wait, staffing.wait_required)
    assert (wait[:, :, 0] <= 4.0).all()
    assert (staffing.utilisation(staffing.units_required) <= 0.6 + 1e-9).all()
    fewer = staffing.units_required - 1
    late = expected_waits(staffing, fewer)[0][:, :, 0] > 4.0
    assert (late | (staffing.utilisation(fewer) > 0.6)).all()


def test_a_target_for_a_share_of_the_calls(calls):
    found = al.staff(calls, shifts_of(), options_of(targets=[{"priority": "2", "wait_minutes": 5.0, "share": 0.9}]))
    assert (found.within_required[:, :, 1] >= 0.9).all()
    assert np.isnan(found.within_required[:, :, 0]).all()
    within = expected_waits(found, found.units_required - 1)[1][:, :, 1]
    assert ((within < 0.9) | (found.utilisation(found.units_required - 1) > 0.6)).all()


def test_the_worst_hour_needs_no_fewer(calls):
    mean, worst = (al.staff(calls, shifts_of(), options_of(judged_on=on)) for on in ("shift", "worst_hour"))
    assert (worst.units_required >= mean.units_required).all()


def test_constant_rates_give_the_formula():
    """One district at a constant rate: the stationary answer itself."""
    found = al.staff(calls_of((3.0,), weeks=26), shifts_of(), options_of())
    rate = found.rate[0, 0, 0] / 60
    service = float((rate * found.service[0]).sum() / rate.sum())
    expected = priority_waits(rate, int(found.units_required[0, 0]), service)
    assert found.rate[0].sum(axis=2)[found.minutes > 0] == pytest.approx(3.0, rel=0.15)
    assert found.wait_required[0, 0] == pytest.approx(expected, rel=0.25)
    assert mean_wait(rate.sum() * service, 1, service) == np.inf


def test_lagged_arrivals_keep_the_calls(calls):
    plain, moved = (al.staff(calls, shifts_of(7), options_of(arrivals=how)) for how in ("hourly", "lagged"))
    assert moved.calls.sum() == pytest.approx(plain.calls.sum(), rel=1e-3)
    assert not np.allclose(moved.rate, plain.rate)


def _cost(found, units) -> float:
    wait = expected_waits(found, np.array(units)[:, None])[0]
    calls = found.calls
    return float((np.where(calls > 0, wait, 0) * calls).sum())


@pytest.mark.parametrize("seed", range(6))
def test_the_best_spread_equals_brute_force(seed):
    rng = np.random.default_rng(seed)
    calls = calls_of(rng.uniform(0.3, 5.0, 3), weeks=4, seed=seed, minutes=rng.uniform(15, 50))
    total = int(rng.integers(9, 15))
    found = al.staff(calls, shifts_of()[:1], options_of(total={"day": total}, other_share=0.1))
    every = [one for one in itertools.product(range(total + 1), repeat=3) if sum(one) == total]
    best = min(_cost(found, one) for one in every)
    assert found.units_given.sum() == total
    assert _cost(found, found.units_given[:, 0]) == pytest.approx(best, rel=1e-9)


@given(per_hour=st.lists(st.floats(0.1, 6.0), min_size=1, max_size=3), more=st.integers(1, 4))
@settings(max_examples=15, deadline=None)
def test_more_units_never_wait_longer(per_hour, more):
    found = al.staff(calls_of(per_hour, weeks=2), shifts_of(), options_of())
    few = expected_waits(found, found.units_required)
    many = expected_waits(found, found.units_required + more)
    assert (many[0] <= few[0] + 1e-9).all()
    assert (many[1][:, :, 0] >= few[1][:, :, 0] - 1e-7).all()
    free = [found.free_share(found.units_required + n) for n in (0, more)]
    assert (free[1] >= free[0] - 1e-12).all()


def test_overload_names_the_hour_and_the_units_that_would_do(calls):
    found = al.staff(calls, shifts_of(), options_of(total={"day": 3}))
    said = overloads(found, found.units_given)
    assert said
    assert "no finite wait" in said[0]
    assert "Monday" in said[0]
    d = int(np.flatnonzero(np.isinf(found.wait_given[:, 0]).any(axis=1))[0])
    assert f"in district {found.districts[d]}: calls keep" in said[0]
    assert f"{found.units_required[d, 0]} would do" in said[0]
    wait = found.wait_given[:, 0]
    assert np.isinf(wait).any()
    words = report.staffing_summary(found, said)
    assert "overloaded" in words
    assert "without end" in words
    json.dumps(report.staffing_figures(found, said), allow_nan=False)


def test_the_jobs_own_minimums_win_when_larger(calls):
    base = al.staff(calls, shifts_of(), options_of())
    asked = options_of(default_minimum=1, minimums=[{"district": "B", "shift": "night", "units": 40}])
    found = al.staff(calls, shifts_of(), asked)
    assert found.units_required[1, 2] == 40
    assert (np.delete(found.units_required.ravel(), 5) == np.delete(base.units_required.ravel(), 5)).all()


def test_a_district_without_calls_needs_nobody():
    calls = calls_of((2.0, 0.0))
    found = al.staff(calls, shifts_of(), options_of())
    assert (found.units_required[1] == 0).all()
    assert (found.wait_required[1] == 0).all()
    assert any("no call came from 1 of 2 districts: B" in note.text for note in found.notes)
    mine = found.table().query("district == 'B'")
    assert (mine[["calls_per_hour", "busy_minutes", "utilisation_required"]] == 0).all(axis=None)


def test_help_makes_one_queue(calls):
    alone, helped = (al.staff(calls, shifts_of(), options_of(help=how)) for how in ("none", "city"))
    assert (helped.units_required.sum(axis=0) == helped.pooled_required).all()
    assert (helped.pooled_required <= alone.units_required.sum(axis=0)).all()
    assert (helped.wait_required[:, :, 0] <= 4.0).all()
    assert "help" not in [label for label, _ in report.staffing_figures(helped)["lines"]]


def test_only_calls_before_the_week_count(calls):
    later = dataclasses.replace(
        calls, time=np.where(np.arange(len(calls)) % 2, calls.time, np.datetime64("2024-05-07"))
    )
    early = calls.take(np.arange(len(calls)) % 2 == 1)
    order = np.argsort(later.time, kind="stable")
    found, same = (al.staff(one, shifts_of(), options_of()) for one in (later.take(order), early))
    assert np.allclose(found.rate, same.rate)
    assert (found.units_required == same.units_required).all()


def test_small_districts_are_drawn_towards_the_citys_shape():
    """The day has all calls of the large district; the small one's few night calls do not make a peak of their own."""
    calls = calls_of((6.0, 0.05), weeks=6)
    hour = pd.DatetimeIndex(calls.time).tz_localize("UTC").tz_convert(ZONE).hour
    calls = calls.take((calls.district == 1) | ((hour >= 9) & (hour < 17)))
    rate = expect(calls, week=WEEK, weeks=26).rate.sum(axis=2)
    by_hour = rate[:, 1].reshape(7, 24).mean(axis=0)
    assert by_hour[9:17].mean() > by_hour[0:7].mean()
    assert rate[:, 1].sum() == pytest.approx((calls.district == 1).sum() / 6, rel=0.3)


def test_daylight_saving_in_shifts_and_rates():
    night = al.shifts_of(DAY[2:], first_day=dt.date(2024, 3, 9), days=1, timezone=ZONE)
    hour, minutes = hours_of_shifts(night, ZONE)
    assert minutes.sum() == 7 * 60
    assert 6 * 24 + 2 not in hour  # Sunday 02:00 does not exist
    longer = al.shifts_of(DAY[2:], first_day=dt.date(2024, 11, 2), days=1, timezone=ZONE)
    hour, minutes = hours_of_shifts(longer, ZONE)
    assert minutes.sum() == 9 * 60
    assert minutes[hour == 6 * 24 + 1].tolist() == [120]


def test_calls_find_their_districts():
    city = square_city()
    calls = dataclasses.replace(calls_of((1.0, 1.0)), districts=("2", "4"))
    assert set(calls.placed(city).district) == {1, 3}
    with pytest.raises(DataError, match="districts that the area does not have: '9'"):
        dataclasses.replace(calls, districts=("2", "9")).placed(city)
    whole = dataclasses.replace(calls, district=None, districts=())
    assert whole.placed(city).districts == ("all",)
    found = al.staff(whole, shifts_of(), options_of(), city=city)
    assert found.units_required.shape == (1, 3)
    assert any("have no place" in note.text for note in found.notes)
    assert al.staff(whole, shifts_of(), options_of()).districts == ("all",)


def test_calls_outside_every_district_are_spread(calls):
    lost = dataclasses.replace(calls, district=np.where(np.arange(len(calls)) % 5, calls.district, -1))
    found, whole = (al.staff(one, shifts_of(), options_of()) for one in (lost, calls))
    assert found.calls.sum() == pytest.approx(whole.calls.sum(), rel=0.02)
    assert any("lie in no known district" in note.text for note in found.notes)
    nowhere = dataclasses.replace(calls, district=np.full(len(calls), -1))
    with pytest.raises(DataError, match="none of the calls"):
        al.staff(nowhere, shifts_of(), options_of())


def test_names_that_do_not_exist(calls):
    wrong = options_of(targets=[{"priority": "9", "wait_minutes": 3.0}], total={"evenig": 3})
    with pytest.raises(ConfigError) as caught:
        al.staff(calls, shifts_of(), wrong)
    assert "no call has priority '9'" in str(caught.value)
    assert "did you mean 'evening'" in str(caught.value)


def test_a_roster_says_what_there_is(calls):
    roster = roster_of(9, city=square_city(), first_day=WEEK)
    found = al.staff(calls, roster.shifts, options_of(), roster=roster)
    assert found.given.tolist() == [len(roster.on_duty(shift)) for shift in roster.shifts]
    assert (found.units_given.sum(axis=0) == found.given).all()
    words = report.staffing_summary(found)
    assert "instead of" in words
    assert max(map(len, words.splitlines())) <= 110


@pytest.fixture(scope="module")
def demo(demo_folder):
    job = al.read_job(demo_folder / "job.toml")
    return job, al.staff_job(job)


def test_the_demo_job(demo, tmp_path):
    job, found = demo
    assert found.units_required.shape == (len(found.districts), 21)
    assert (found.units_required.sum(axis=0) <= found.given).all()  # its plan must stay possible
    assert found.help["answered_by_others"].between(0, 1).all()
    assert found.help["travel_minutes"].between(0.5, 20).all()
    place = al.save_staffing(found, job, tmp_path / "out")
    names = {"staffing.parquet", "staffing.csv", "help.parquet", "help.csv", "staffing.html", "summary.json",
             "manifest.json"}  # fmt: skip
    assert {path.name for path in place.iterdir()} == names
    table = pd.read_parquet(place / "staffing.parquet")
    assert (table["units_required"].to_numpy() == found.units_required.ravel()).all()
    assert "staffing.calls.0" in json.loads((place / "manifest.json").read_text())["inputs"]
    page = (place / "staffing.html").read_text()
    assert "What was found" in page
    assert "http" not in page.replace("http-equiv", "")


def test_the_command(demo_folder, tmp_path, capsys, monkeypatch):
    def call(*words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["allocator", *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return (int(caught.value.code or 0), *capsys.readouterr())

    job, out = str(demo_folder / "job.toml"), str(tmp_path / "out")
    code, said, _ = call("staffing", job, "--out", out, "--set", 'staffing.help="none"')
    assert code == 0
    assert "units needed" in said
    assert "short" in said
    code, said, _ = call("staffing", job, "--out", out, "--overwrite", "--json")
    assert json.loads(said)["shifts_short"] == 0
    code, _, err = call("staffing", job, "--out", out + "2", "--set", "staffing.calls=[]")
    assert code == 2
    assert "set staffing.calls" in err
    code, _, err = call("staffing", job, "--out", out + "2", "--set", "staffing.columns.lon=lat",
                        "--set", "staffing.columns.lat=lon")  # fmt: skip
    assert code == 3
    assert "lie outside every district" in err


def test_validate_reads_the_calls(demo_folder):
    job = al.read_job(demo_folder / "job.toml", overrides=['staffing.columns.priority="kind"'])
    with pytest.raises(DataError, match="not all numbers"):
        pipeline.validate(job)


def test_settings_that_contradict_each_other():
    with pytest.raises(ValueError, match="named twice"):
        options_of(priorities=["1", "1"])
    with pytest.raises(ValueError, match="unknown priority"):
        options_of(priorities=["2"])


def test_calls_of_common_hours_go_to_shifts_with_units_alone():
    sections = [
        ShiftSection(name="day", start=dt.time(6), stop=dt.time(18)),
        ShiftSection(name="power", start=dt.time(12), stop=dt.time(20)),
        ShiftSection(name="night", start=dt.time(18), stop=dt.time(6)),
    ]
    shifts = al.shifts_of(sections, first_day=dt.date(2026, 3, 2), days=1, timezone="UTC")
    hour, minutes = hours_of_shifts(shifts, "UTC")
    names = [shift.name for shift in shifts]
    both = own_share(shifts, hour, "UTC")
    alone = own_share(shifts, hour, "UTC", manned=np.array([name != "power" for name in names]))
    power, others = names.index("power"), [n for n, name in enumerate(names) if name != "power"]
    assert set(both[power][hour[power] >= 0]) == {0.5}
    assert not alone[power][hour[power] >= 0].any()
    assert (alone[others][hour[others] >= 0] == 1).all()
    nobody = own_share(shifts, hour, "UTC", manned=np.zeros(3, bool))
    np.testing.assert_array_equal(nobody, both)
    for share in (both, alone):  # every minute of the day counts once
        assert (share * minutes).sum() == 24 * 60
