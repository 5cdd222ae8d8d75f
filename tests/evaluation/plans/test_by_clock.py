"""Events soon after visits: counted, expected, and spread within the rounding of their times."""

import dataclasses
import datetime as dt
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.domain import HourShares, Panel
from allocator.evaluation.plans.clock import (
    CLOCK_MEASURES,
    ByClock,
    HourlyRates,
    clock_sums,
    expected_within,
    minutes_after,
    rounding_of,
)
from planning_city import square_city

MONDAY = dt.date(2026, 3, 2)
ZERO = (MONDAY - dt.date(1970, 1, 1)).days * 1440


def week_panel(minute, *, day=None, n_periods=7, timezone="UTC", first_day=MONDAY, **more):
    n = len(minute)
    day = np.zeros(n, np.int32) if day is None else np.asarray(day, np.int32)
    order = np.lexsort((minute, day))
    more = {name: np.asarray(one)[order] for name, one in more.items()}
    return Panel(
        city=square_city(2, 1), kinds=("A", "B"), timezone=timezone, first_day=first_day, n_periods=n_periods,
        period_days=1, precision="minute", day=day[order], minute=np.asarray(minute, np.int16)[order],
        **({"cell": np.zeros(n, np.int32), "kind": np.zeros(n, np.int16), "count": np.ones(n, np.int8)} | more),
    )  # fmt: skip


visits = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3000)), max_size=12)
times = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3200)), max_size=12)


@given(visits, times)
def test_minutes_after_equal_the_plain_search(made, happened):
    cell, start = (np.array([one[i] for one in made], np.int64) for i in range(2))
    event_cell = np.array([one[0] for one in happened], np.int64)
    event = np.array([one[1] + 0.5 for one in happened], np.float64)
    found = minutes_after(cell, start + ZERO, event_cell, event + ZERO)
    for n, (c, t) in enumerate(zip(event_cell, event, strict=True)):
        before = [t - s for k, s in made if k == c and s <= t]
        assert found[n] == (min(before) if before else np.inf)


@given(visits, st.integers(0, 6), st.sampled_from([15, 60, 120]))
@settings(deadline=None)
def test_expected_events_are_the_sum_over_protected_minutes_each_once(made, weekday, within):
    rng = np.random.default_rng(weekday)
    first = MONDAY + dt.timedelta(days=weekday)
    hours = HourShares(
        rng.random((2, 4, 48)).astype(np.float32), rng.random((2, 336)), (first - dt.date(1970, 1, 1)).days
    )
    rate = rng.random((2, 4)) * 20
    cell, start = (np.array([one[i] for one in made], np.int64) for i in range(2))
    zero = (first - dt.date(1970, 1, 1)).days * 1440
    protected = {(c, m) for c, s in made for m in range(s, s + within)}
    twin = 0.0
    for c, m in protected:
        share = hours.at(np.array([c]), np.array([m // 60]))[0]
        twin += float((share * rate[:, c]).sum()) / 60
    found = expected_within(cell, start + zero, within, HourlyRates(rate, hours, "UTC"))
    assert found == pytest.approx(twin, rel=1e-6, abs=1e-9)


def test_what_lies_beyond_the_planned_weeks_is_not_expected():
    hours = HourShares(
        np.full((1, 1, 48), 1 / 48, np.float32), np.full((1, 168), 2 / 7), (MONDAY - dt.date(1970, 1, 1)).days
    )
    rates = HourlyRates(np.array([[168.0]]), hours, "UTC")  # an event an hour
    last = ZERO + 7 * 1440 - 30
    inside = expected_within(np.array([0]), np.array([ZERO + 600]), 60, rates)
    assert expected_within(np.array([0]), np.array([last]), 60, rates) == pytest.approx(inside / 2, rel=1e-4)


def test_cutting_one_visit_into_parts_changes_nothing():
    rng = np.random.default_rng(1)
    hours = HourShares(
        rng.random((1, 2, 48)).astype(np.float32), rng.random((1, 168)), (MONDAY - dt.date(1970, 1, 1)).days
    )
    rates = HourlyRates(np.array([[50.0, 20.0]]), hours, "UTC")
    whole = expected_within(np.zeros(1, np.int64), np.array([ZERO + 900]), 120, rates)
    parts = expected_within(np.zeros(5, np.int64), ZERO + 900 + np.array([0, 15, 30, 45, 60]), 60, rates)
    assert parts == pytest.approx(whole)


def test_times_are_rounded_as_often_as_they_stand_on_steps_beyond_chance():
    rng = np.random.default_rng(0)
    true = rng.integers(0, 1440, 40_000)
    kept = rounding_of(week_panel(true))
    assert max(kept.values()) < 0.1
    hourly = np.where(rng.random(len(true)) < 0.3, true // 60 * 60, true)
    shares = rounding_of(week_panel(hourly))
    assert shares[60] == pytest.approx(0.3 / (0.3 + 0.7 / 60), abs=0.02)
    assert shares[30] < 0.1
    assert rounding_of(week_panel(np.full(50, 720)))[60] == 1.0


def test_rounded_times_and_intervals_are_spread_and_others_stay():
    minute = np.r_[np.full(3000, 720), np.full(3000, 735), np.full(300, 731), np.full(500, 100)]
    span = np.r_[np.zeros(6300), np.full(500, 60)].astype(np.int32)
    past = week_panel(np.r_[np.full(900, 0), np.arange(1, 60)], n_periods=7)
    later = week_panel(minute, day=np.full(len(minute), 7), n_periods=14, span=span)
    found = ByClock.of(later, past, 7, np.array([True, True]), seed=3)
    written, likely = found.minute - ZERO - 7 * 1440, found.likely - ZERO - 7 * 1440
    moved = likely - written
    assert (np.abs(moved[written == 720]) <= 30).all()
    assert np.std(moved[written == 720]) == pytest.approx(60 / np.sqrt(12), rel=0.1)
    assert (moved[written == 731] == 0).all()
    assert (moved[written == 735] == 0).mean() > 0.9  # past times on quarters are as many as others
    assert likely[written == 130].min() >= 100
    assert likely[written == 130].max() <= 160
    again = ByClock.of(later, past, 7, np.array([True, True]), seed=3)
    np.testing.assert_array_equal(again.likely, found.likely)
    one = ByClock.of(later, past, 7, np.array([False, True]), seed=3)
    assert not len(one.cell)


def test_local_times_are_those_of_the_clock_that_changes():
    """On 8 March 2026 clocks in Chicago go forward at two: 03:30 is an hour and a half after 01:00."""
    chicago = {"timezone": "America/Chicago", "first_day": dt.date(2026, 3, 1), "n_periods": 14}
    panel = week_panel([60, 210], day=[7, 7], **chicago)
    known = panel.until("2026-03-08")
    found = ByClock.of(panel, known, 7, np.array([True, True]), seed=0)
    zone = zoneinfo.ZoneInfo("America/Chicago")
    told = [
        dt.datetime(2026, 3, 8, 1, 0, tzinfo=zone).timestamp(),
        dt.datetime(2026, 3, 8, 3, 30, tzinfo=zone).timestamp(),
    ]
    assert (found.minute * 60).tolist() == told
    assert np.diff(found.minute)[0] == 90


def test_counts_of_a_record_count_and_no_visits_see_nothing():
    panel = week_panel([600, 700], day=[7, 7], n_periods=14, count=np.array([3, 1], np.int8))
    known = dataclasses.replace(panel.until(MONDAY + dt.timedelta(days=7)))
    events = ByClock.of(panel, known, 7, np.array([True, True]), seed=0)
    assert len(events.cell) == 4
    hours = HourShares(
        np.full((2, 4, 48), 1 / 48, np.float32), np.full((2, 168), 2 / 7), (MONDAY - dt.date(1970, 1, 1)).days + 7
    )
    rates = HourlyRates(np.ones((2, 4)), hours, "UTC")
    none = clock_sums(np.empty(0, np.int64), np.empty(0, np.int64), events, rates)
    assert set(none) == set(CLOCK_MEASURES)
    assert not any(none.values())
    at = np.array([ZERO + 7 * 1440 + 590])
    assert clock_sums(np.array([0]), at, events, rates)["written_15"] == 3
    assert clock_sums(np.array([0]), at, events, rates)["written_120"] == 4
    assert clock_sums(np.array([1]), at, events, rates)["written_120"] == 0
