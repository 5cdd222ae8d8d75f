"""The profile inside the week: shares of hours, however time is cut, and what they are made of."""

import dataclasses
import datetime as dt
import itertools
import pickle
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator import risk
from allocator.config import RiskSection, ShiftSection
from allocator.domain import BIN_OF_HOUR, WEEK_HOURS, Panel, Tessellation, hours_of, shifts_of
from allocator.errors import DataError
from allocator.risk.features.histories import REACH
from allocator.risk.profile import fit_profile, repeated_records, shift_shares
from allocator.risk.profile.clock import hour_parts
from allocator.risk.profile.events import Timed
from allocator.risk.profile.evidence import NEAR_M, Evidence
from allocator.risk.profile.places import place_types
from allocator.risk.profile.weights import PRIOR
from allocator.synthetic.ground import TIMEZONE
from planning_city import square_city

ROWS = ("day", "minute", "cell", "kind", "count")


@pytest.fixture(scope="module")
def panel(synthetic_city, synthetic_events):
    return Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 150)).netted


@pytest.fixture(scope="module")
def profile(panel):
    return fit_profile(panel, "PT")


def cut(panel, *starts, days=7, first=None):
    """Return shifts that begin at these hours, each until the next."""
    stops = [*starts[1:], starts[0]]
    sections = [
        ShiftSection(name=str(a), start=dt.time(a), stop=dt.time(b)) for a, b in zip(starts, stops, strict=True)
    ]
    return shifts_of(sections, first_day=first or panel.stop_day, days=days, timezone=panel.timezone)


# However time is cut -----------------------------------------------------------------------------------------------


def test_a_shift_is_the_sum_of_its_hours_and_the_week_adds_up_to_one(panel, profile):
    hours = profile.of(hours_of(panel.stop_day, days=7, timezone=TIMEZONE))[0]
    np.testing.assert_allclose(hours.sum(axis=0), 1, atol=1e-5)
    for starts in ((0, 8, 16), (0, 6, 12, 18), (0, 12)):
        shifts = cut(panel, *starts)
        shares = profile.of(shifts)[0]
        length = 24 // len(starts)
        summed = hours.reshape(len(shifts), length, *hours.shape[1:]).sum(axis=1)
        np.testing.assert_allclose(shares, summed, atol=1e-6)
    np.testing.assert_allclose(profile.hours(1).of().sum(axis=0), 1, atol=1e-5)


def test_overlapping_shifts_share_what_they_have_in_common(panel, profile):
    both = [
        ShiftSection(name="night", start=dt.time(0), stop=dt.time(12)),
        ShiftSection(name="day", start=dt.time(12), stop=dt.time(0)),
        ShiftSection(name="late", start=dt.time(12), stop=dt.time(18)),
    ]
    shifts = shifts_of(both, first_day=panel.stop_day, days=7, timezone=TIMEZONE)
    shares = profile.of(shifts)[0]
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    afternoons = profile.of(cut(panel, 0, 12, 18))[0][1::3]
    late = [row for row, shift in enumerate(shifts) if shift.name == "late"]
    np.testing.assert_allclose(shares[late], afternoons / 2, atol=1e-6)


ZONES = st.sampled_from(["Atlantic/Azores", "America/Chicago", "Australia/Lord_Howe", "Asia/Kathmandu", "UTC"])


@given(
    ZONES, st.dates(dt.date(2025, 1, 1), dt.date(2026, 12, 31)), st.lists(st.integers(1, 1439), min_size=1, max_size=5)
)
@settings(max_examples=60, deadline=None)
def test_parts_of_hours_add_up_to_real_time_whatever_the_clock_does(zone, first, minutes):
    edges = [dt.time(0), *(dt.time(m // 60, m % 60) for m in sorted(set(minutes))), dt.time(0)]
    sections = [ShiftSection(name=str(n), start=a, stop=b) for n, (a, b) in enumerate(itertools.pairwise(edges))]
    shifts = shifts_of(sections, first_day=first, days=3, timezone=zone)
    parts, n_weeks = hour_parts(shifts, first_day=first, timezone=zone)
    assert parts.shape == (len(shifts), WEEK_HOURS * n_weeks)
    midnights = [dt.datetime.combine(first + dt.timedelta(days=n), dt.time(0), zoneinfo.ZoneInfo(zone)) for n in (0, 3)]
    real = (midnights[1].astimezone(dt.UTC) - midnights[0].astimezone(dt.UTC)) / dt.timedelta(hours=1)
    assert parts.sum() == pytest.approx(real, abs=0.51)  # a midnight that is skipped or struck twice
    covered = sum({shift.id: shift.minutes for shift in shifts}.values()) / 60
    assert parts.sum() == pytest.approx(covered, abs=1e-6)
    noon, midnight = dt.time(12), dt.time(0)
    halves = [ShiftSection(name="a", start=midnight, stop=noon), ShiftSection(name="p", start=noon, stop=midnight)]
    whole, _ = hour_parts(shifts_of(halves, first_day=first, days=3, timezone=zone), first_day=first, timezone=zone)
    np.testing.assert_allclose(parts.sum(axis=0), whole.sum(axis=0), atol=1e-9)


def test_the_night_on_which_clocks_go_forward_lacks_the_hour_that_is_skipped(panel):
    """29 March 2026 in the Azores: from 00:00 straight to 01:00."""
    known = dataclasses.replace(panel, timezone=TIMEZONE)
    profile = fit_profile(known, "")
    first = dt.date(2026, 3, 23)
    assert known.stop_day <= first
    night = ShiftSection(name="night", start=dt.time(22), stop=dt.time(6))
    days = (dt.date(2026, 3, 28), dt.date(2026, 3, 21))
    spring, plain = (profile.of(shifts_of([night], first_day=day, days=1, timezone=TIMEZONE))[0][0] for day in days)
    hour = profile.of(shifts_of([ShiftSection(name="h", start=dt.time(0), stop=dt.time(1))],
                                first_day=days[1] + dt.timedelta(days=1), days=1, timezone=TIMEZONE))[0][0]  # fmt: skip
    ratio = spring / (plain - hour)
    np.testing.assert_allclose(ratio, 1, atol=0.05)  # light differs a little in a week


# What shares are made of -------------------------------------------------------------------------------------------


def toy(n=160, n_kinds=2, seed=0, **changes):
    """Return a panel on nine cells of 100 m in two districts."""
    city, rng = square_city(side=3, districts=2, size_m=100.0), np.random.default_rng(seed)
    day = np.sort(rng.integers(0, 200, n)).astype(np.int32)
    arrays = {
        "day": day, "minute": rng.integers(1, 1440, n).astype(np.int16),
        "cell": rng.integers(0, city.n_cells, n).astype(np.int32), "kind": rng.integers(0, n_kinds, n).astype(np.int16),
        "count": np.ones(n, np.int8),
    }  # fmt: skip
    return Panel(
        city=city, kinds=tuple("AB"[:n_kinds]), timezone="UTC", first_day=dt.date(2025, 1, 6), n_periods=210,
        period_days=1, precision="minute", **{**arrays, **changes},
    )  # fmt: skip


def test_the_evidence_of_a_cell_is_the_plain_definition():
    panel = toy()
    timed, city = Timed.from_panel(panel), panel.city
    known = Evidence.of(timed, city, 2, seed=0)
    block = timed.column // 6 * 2 + timed.column % 2
    for kind in range(2):
        mine = timed.kind == kind
        assert known.own[kind].sum() == pytest.approx(timed.weight[mine].sum(), rel=1e-5)
        for cell in range(city.n_cells):
            near = np.zeros(16)
            for event in np.flatnonzero(mine & (timed.cell != cell)):
                apart = np.hypot(city.x[timed.cell[event]] - city.x[cell], city.y[timed.cell[event]] - city.y[cell])
                if apart <= REACH * NEAR_M:
                    near[block[event]] += timed.weight[event] * np.exp(-0.5 * (apart / NEAR_M) ** 2)
            np.testing.assert_allclose(known.near[kind, cell], near, rtol=1e-4, atol=1e-6)
    for profiles in (known.districts, known.whole, known.types):
        np.testing.assert_allclose(profiles.sum(axis=-1), 1, rtol=1e-5)
    np.testing.assert_allclose([np.bincount(BIN_OF_HOUR, own) for own in known.days], 1, rtol=1e-9)


def test_the_shares_of_a_cell_are_the_weighted_evidence():
    panel = toy()
    known = Evidence.of(Timed.from_panel(panel), panel.city, 2, seed=0)
    weights = np.array([1.5, 0.3, 4.0, 6.0, 0.4, 9.0])
    bins = known.bins(1, weights)
    cell, column = (grid.ravel() for grid in np.meshgrid(np.arange(panel.city.n_cells), np.arange(48), indexing="ij"))
    there, week = known.rows(1, cell, column)
    np.testing.assert_allclose(bins.ravel(), (there @ weights) / (week @ weights), rtol=1e-4)


def test_a_cell_with_a_rhythm_of_its_own_keeps_it():
    n = 4_000
    rng = np.random.default_rng(3)
    minute, cell = rng.integers(1, 1440, n).astype(np.int16), rng.integers(0, 9, n).astype(np.int32)
    minute[cell == 4] = rng.integers(22 * 60, 1440, (cell == 4).sum())
    panel = toy(n, cell=cell, minute=minute)
    shares = shift_shares(panel, cut(panel, 6, 14, 22))[0][2::3].sum(axis=0)  # 22 to 06
    assert (shares[:, 4] > 0.7).all()
    assert np.abs(np.delete(shares, 4, axis=1) - 1 / 3).max() < 0.1


def test_places_that_are_alike_share_their_hours_though_each_has_few_events():
    """Two planted types of 60 cells: bars by night, shops by day; a cell with five events of one kind is told."""
    rng, n_cells = np.random.default_rng(5), 120
    cell = np.repeat(np.arange(n_cells), 12)
    night = cell < 60
    hour = np.where(night, rng.integers(0, 3, len(cell)), rng.integers(12, 15, len(cell)))
    timed = Timed(np.zeros(len(cell), int), hour + 24 * rng.integers(0, 3, len(cell)), np.zeros(len(cell), int), cell,
                  np.ones(len(cell)))  # fmt: skip
    shares = place_types(timed, np.full((1, 16), 1 / 16), n_cells=n_cells, seed=0)[0]
    assert shares[:60, 0].min() > 0.8  # weekdays, 00 to 03
    assert shares[60:, 8].min() > 0.8


def test_records_of_one_case_are_not_taken_for_certainty():
    """A kind whose records repeat 20 times each: shares shrink as those of the single cases do."""
    single = toy(300, n_kinds=1)
    many = dataclasses.replace(single, **{name: np.repeat(getattr(single, name), 20) for name in ROWS})
    shifts = cut(single, 6, 14, 22)
    one, repeated = shift_shares(single, shifts)[0], shift_shares(many, shifts)[0]
    assert np.abs(repeated - one).max() < 0.03
    assert repeated.std() < 1.6 * one.std()


@given(st.integers(1, WEEK_HOURS * 60 - 1), st.integers(0, 2 * 1440))
@settings(max_examples=80, deadline=None)
def test_parts_of_an_interval_add_up_and_are_those_of_its_minutes(start, span):
    day, minute = (np.array([n]) for n in divmod(start, 1440))
    panel = toy(1, 1, day=day.astype(np.int32), minute=minute.astype(np.int16), span=np.array([span], np.int32))
    timed = Timed.from_panel(panel)
    if span >= 1440:  # tells no hour
        assert not len(timed.day)
        return
    assert timed.weight.sum() == pytest.approx(1)
    minutes = (start + np.arange(max(span, 1))) // 60 % WEEK_HOURS
    plain = np.bincount(minutes, minlength=WEEK_HOURS) / len(minutes)
    found = np.bincount(timed.hour, timed.weight, WEEK_HOURS)
    if len(np.unique(minutes)) <= 8:
        np.testing.assert_allclose(found, plain, atol=1e-9)
    assert (plain[found > 0] > 0).all()
    assert len(timed.day) <= 8
    assert np.abs(np.cumsum(found - plain)).max() < 0.13  # half a part


def test_a_shift_before_the_history_ends_or_none_at_all_is_refused():
    panel = toy()
    profile = fit_profile(panel)
    early = cut(panel, 6, 14, 22, days=1, first=panel.stop_day - dt.timedelta(days=1))
    with pytest.raises(DataError, match="3 shifts begin before"):
        profile.of(early)
    with pytest.raises(DataError, match="no shift"):
        profile.of(())


def test_hours_outside_the_planned_weeks_have_no_share():
    shares = fit_profile(toy()).hours(1)
    at = shares.at(np.array([0, 0]), np.array([5, 400]))
    assert np.isfinite(at[0]).all()
    assert np.isnan(at[1]).all()


# Thin and odd histories --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", [1, 5, 30])
def test_few_events_give_shares_near_even_hours(n):
    panel = toy(n, 1)
    shares, source = shift_shares(panel, cut(panel, 6, 14, 22))
    assert np.isfinite(shares).all()
    assert (shares > 0).all()
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=1e-5)
    assert shares.max() < 3 / 21 + n / 60
    assert ("nearly even hours, as few events have known ones: A" in source) == (n < 20)


def test_a_history_of_five_weeks_takes_the_usual_weights():
    panel = dataclasses.replace(toy(60, 1), n_periods=35)
    kept = panel.day < 35
    panel = dataclasses.replace(panel, **{name: getattr(panel, name)[kept] for name in ROWS})
    profile = fit_profile(panel)
    assert np.isfinite(profile.bins).all()
    assert np.abs(np.log(profile.weights / list(PRIOR.values()))).max() < 1  # a week of events moves them a little
    three = dataclasses.replace(panel.until(panel.first_day + dt.timedelta(days=21)))
    np.testing.assert_array_equal(fit_profile(three).weights, [list(PRIOR.values())])
    assert "usual weights of these, as the history is too short" in shift_shares(three, cut(three, 6, 14, 22))[1]


def test_records_that_repeat_are_told(panel):
    """Twenty records a case of one kind, single records of the others."""
    times = np.where(panel.kind == 0, np.where(panel.day % 9 == 0, 20, 0), 1)
    rows = np.repeat(np.arange(len(panel.kind)), times)
    many = dataclasses.replace(panel, **{name: getattr(panel, name)[rows] for name in ROWS})
    share, number = repeated_records(many)
    assert share[0] == 1.0
    assert number[0] == (many.kind == 0).sum()
    assert (share[1:] < 0.2).all()
    told = [one.text for one in risk.fit(many, "historic_mean").notes if "share cell and minute with" in one.text]
    assert len(told) == 1
    assert told[0].startswith(f"{number[0]:,} records of {panel.kinds[0]} (100%)")
    assert not repeated_records(dataclasses.replace(many, precision="day"))[1].any()


def test_a_kind_without_known_hours_takes_those_of_all_kinds():
    panel = toy(2_000)
    minute = np.where(panel.kind == 0, -1, 13 * 60).astype(np.int16)
    shares, source = shift_shares(dataclasses.replace(panel, minute=minute), cut(panel, 6, 14, 22))
    assert shares[0::3, 0].sum(axis=0).mean() > 0.6
    assert source.endswith("mostly the hours of all kinds for those with few known ones: A (0)")


def test_all_times_on_full_hours_or_in_one_shift_are_no_trouble():
    panel = toy(500, 1)
    full = dataclasses.replace(panel, minute=(panel.minute // 60 * 60 + 60).clip(60, 1380).astype(np.int16))
    evening = dataclasses.replace(panel, minute=(16 * 60 + panel.minute % 300).astype(np.int16))
    for one in (full, evening):
        shares = shift_shares(one, cut(panel, 6, 14, 22))[0]
        assert np.isfinite(shares).all()
        assert (shares > 0).all()
    assert shares[1::3].sum(axis=0).min() > 0.8


def test_the_same_history_gives_the_same_bits(panel, profile):
    again = fit_profile(panel, "PT")
    np.testing.assert_array_equal(again.bins, profile.bins)
    np.testing.assert_array_equal(again.weights, profile.weights)


def test_a_fitted_forecast_and_its_surface_can_be_sent_to_other_processes(panel):
    fitted = risk.fit(panel, "decay", options=RiskSection(train_weeks=10, holdout_weeks=2))
    shifts = cut(panel, 6, 14, 22)
    mine = fitted.forecast(shifts=shifts).mean
    theirs = pickle.loads(pickle.dumps(fitted)).forecast(shifts=shifts)
    np.testing.assert_array_equal(theirs.mean, mine)
    assert pickle.loads(pickle.dumps(theirs)).shifts == theirs.shifts


def test_a_shift_within_the_hour_that_the_clock_skips_has_no_share(panel, profile):
    skipped = ShiftSection(name="skipped", start=dt.time(0, 10), stop=dt.time(0, 50))
    shifts = shifts_of([skipped], first_day=dt.date(2026, 3, 29), days=1, timezone=TIMEZONE)
    assert not profile.of(shifts)[0].any()
