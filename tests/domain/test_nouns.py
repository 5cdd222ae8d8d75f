from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import zoneinfo

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.config import ShiftSection
from allocator.domain import Area, Events, Panel, Roster, Tessellation, Unit, local_clock, shifts_of
from allocator.errors import DataError

ZONES = (
    "America/Chicago",
    "Europe/London",
    "Australia/Lord_Howe",
    "Asia/Kathmandu",
    "Atlantic/Azores",
    "UTC",
)


def tiny_city() -> Tessellation:
    polygons = np.empty(1, dtype=object)
    polygons[0] = shapely.box(0, 0, 450, 450)
    return Tessellation.squares(Area(polygons, ("1",), "EPSG:32616"), 150)


def events_of(times, cells, kinds, counts=None, *, zone="UTC", **more) -> Events:
    n = len(times)
    names = tuple(sorted(set(kinds)))
    time = np.array(times, dtype="datetime64[s]")
    order = np.argsort(time, kind="stable")
    cells = np.asarray(cells)
    return Events(
        time=time[order],
        x=(cells % 3 * 150.0 + 75)[order],
        y=(cells // 3 * 150.0 + 75)[order],
        kind=np.array([names.index(k) for k in kinds], np.int16)[order],
        kinds=names,
        crs="EPSG:32616",
        timezone=zone,
        count=np.array(counts if counts is not None else np.ones(n), np.int8)[order],
        weight=np.ones(n, np.float32),
        origin=np.zeros(n, np.int8),
        **more,
    )


def test_counts_by_local_day():
    events = events_of(
        ["2024-01-02T05:30", "2024-01-02T06:30", "2024-01-04T12:00"],
        [0, 0, 4],
        ["A", "A", "B"],
        zone="America/Chicago",
    )
    panel = Panel.from_events(events, tiny_city())
    assert panel.first_day == dt.date(2024, 1, 1)
    counts = panel.counts
    assert counts.shape == (4, 9, 2)
    assert counts[0, 0, 0] == 1
    assert counts[1, 0, 0] == 1
    assert counts[3, 4, 1] == 1
    assert counts.sum() == 3


def test_until_is_exclusive_at_local_midnight_and_hides_late_reports():
    times = ["2024-01-01T10:00", "2024-01-02T10:00", "2024-01-03T00:00"]
    known = np.array(["2024-01-01T11:00", "2024-02-01T00:00", "NaT"], dtype="datetime64[s]")
    panel = Panel.from_events(events_of(times, [0, 1, 2], "AAA", reported=known), tiny_city())
    assert panel.until("2024-01-03").cell.tolist() == [0]
    assert panel.until("2024-02-02").cell.tolist() == [0, 1, 2]
    assert panel.until("2024-01-03").n_days == 2
    assert panel.until("2024-02-01").cell.tolist() == [0, 2]  # reported on that very day: not yet known


def test_until_leaves_out_a_period_that_is_cut():
    times = [f"2024-01-{day:02d}T10:00" for day in range(1, 15)]
    weekly = Panel.from_events(events_of(times, [0] * 14, "A" * 14), tiny_city(), period="7D").until("2024-01-11")
    assert weekly.counts[:, 0, 0].tolist() == [7]


def test_the_arrays_of_records_are_read_only():
    panel = Panel.from_events(events_of(["2024-01-01T10:00"], [0], "A"), tiny_city())
    for array in (panel.day, panel.city.x, panel.city.geometry):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = array[0]


def test_corrections_net_against_their_cell_and_period_and_are_clipped():
    times = ["2024-01-01T10:00", "2024-01-01T11:00", "2024-01-01T12:00", "2024-01-02T12:00"]
    panel = Panel.from_events(events_of(times, [0, 0, 0, 5], "AAAA", [1, 1, -1, -1]), tiny_city())
    assert panel.counts.sum() == 1
    assert panel.counts.min() == 0
    assert panel.clipped == 1


def test_append_continues_a_panel():
    times = [f"2024-01-{day:02d}T10:00" for day in range(1, 11)]
    events, city = events_of(times, [n % 9 for n in range(10)], "AB" * 5), tiny_city()
    whole = Panel.from_events(events, city, kinds=("A", "B"))
    first = Panel.from_events(events.take(np.arange(10) < 6), city, kinds=("A", "B"))
    rest = Panel.from_events(events.take(np.arange(10) >= 6), city, kinds=("A", "B"))
    joined = first.append(rest)
    np.testing.assert_array_equal(joined.counts, whole.counts)
    with pytest.raises(ValueError, match="must start on 2024-01-11"):
        whole.append(rest)


def test_weeks_as_periods_and_months_spread_evenly():
    times = ["2024-01-01T00:00"] * 31
    events = dataclasses.replace(events_of(times, [0] * 31, "A" * 31), precision="month")
    assert Panel.from_events(events, tiny_city()).counts[:, 0, 0].tolist() == [1] * 31
    weekly = Panel.from_events(events, tiny_city(), period="1W")
    assert weekly.counts[:4, 0, 0].tolist() == [7, 7, 7, 7]
    with pytest.raises(ValueError, match="whole number of days"):
        Panel.from_events(events, tiny_city(), period="36H")


def test_no_event_inside_is_an_error():
    events = dataclasses.replace(events_of(["2024-01-01T10:00"], [0], "A"), x=np.array([1e6]))
    with pytest.raises(DataError, match="no events left"):
        Panel.from_events(events, tiny_city())


@given(
    st.lists(st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2037, 1, 1)), min_size=1, max_size=20),
    st.sampled_from(ZONES),
)
@settings(max_examples=60, deadline=None)
def test_local_clock_agrees_with_the_standard_library(times, zone):
    utc = np.array([time.replace(microsecond=0) for time in times], dtype="datetime64[s]")
    day, minute = local_clock(utc, zone)
    for time, d, m in zip(times, day, minute, strict=True):
        local = time.replace(microsecond=0, tzinfo=dt.UTC).astimezone(zoneinfo.ZoneInfo(zone))
        assert (local.date() - dt.date(1970, 1, 1)).days == d
        assert local.hour * 60 + local.minute == m


def sections(*pairs):
    return [ShiftSection(name=f"s{n}", start=a, stop=b) for n, (a, b) in enumerate(pairs)]


ROUND = ((dt.time(7), dt.time(15)), (dt.time(15), dt.time(23)), (dt.time(23), dt.time(7)))


@given(st.dates(dt.date(2001, 1, 1), dt.date(2036, 1, 1)), st.sampled_from(ZONES))
@settings(max_examples=100, deadline=None)
def test_shifts_that_follow_each_other_leave_no_gap_across_clock_changes(day, zone):
    shifts = shifts_of(sections(*ROUND), first_day=day, days=7, timezone=zone)
    assert len(shifts) == 21
    assert all(a.stop == b.start for a, b in itertools.pairwise(shifts))
    assert len({shift.id for shift in shifts}) == 21
    local = [shift.start.astimezone(zoneinfo.ZoneInfo(zone)) for shift in shifts]
    assert all(time.date() == shift.day for time, shift in zip(local, shifts, strict=True))


@pytest.mark.parametrize(
    ("day", "minutes"), [(dt.date(2024, 3, 9), 420), (dt.date(2024, 11, 2), 540), (dt.date(2024, 6, 1), 480)]
)
def test_a_shift_across_a_clock_change_has_its_real_length(day, minutes):
    shift = shifts_of(sections((dt.time(23), dt.time(7))), first_day=day, days=1, timezone="America/Chicago")[0]
    assert shift.minutes == minutes


def test_a_start_that_the_clock_skips_moves_to_the_change():
    shift = shifts_of(
        sections((dt.time(2, 30), dt.time(8))),
        first_day=dt.date(2024, 3, 10),
        days=1,
        timezone="America/Chicago",
    )[0]
    assert shift.start == dt.datetime(2024, 3, 10, 8, 0, tzinfo=dt.UTC)
    assert shift.minutes == 300


def test_overlapping_shifts_are_kept():
    both = shifts_of(
        sections((dt.time(7), dt.time(15)), (dt.time(11), dt.time(19))),
        first_day=dt.date(2024, 6, 1),
        days=1,
        timezone="UTC",
    )
    assert [shift.name for shift in both] == ["s0", "s1"]


def test_nobody_is_in_two_shifts_at_once():
    both = shifts_of(
        sections((dt.time(7), dt.time(15)), (dt.time(11), dt.time(19))),
        first_day=dt.date(2024, 6, 1),
        days=1,
        timezone="UTC",
    )
    with pytest.raises(DataError, match="a in 2024-06-01/s0 and 2024-06-01/s1"):
        Roster((Unit("a"),), both, frozenset({("a", shift.id) for shift in both}))


def test_a_roster_checks_its_own_references():
    shift = shifts_of(sections((dt.time(7), dt.time(15))), first_day=dt.date(2024, 6, 1), days=1, timezone="UTC")
    with pytest.raises(DataError) as caught:
        Roster((Unit("a"), Unit("a")), shift, frozenset({("b", shift[0].id), ("a", "2024-06-01/x")}))
    assert len(caught.value.faults) == 3
    roster = Roster((Unit("a1"), Unit("b1")), shift, frozenset({("a1", shift[0].id)}))
    assert roster.without(["a1"]).on_duty(shift[0]) == ()
    with pytest.raises(DataError, match="did you mean 'a1'"):
        roster.without(["a11"])


def test_a_shift_without_time_zone_is_refused():
    from allocator.domain import Shift

    with pytest.raises(DataError, match="need a time zone"):
        Shift("2024-06-01/day", "day", dt.date(2024, 6, 1), dt.datetime(2024, 6, 1, 7), dt.datetime(2024, 6, 1, 15))
