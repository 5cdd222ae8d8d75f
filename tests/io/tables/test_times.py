from __future__ import annotations

import datetime as dt
import zoneinfo
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.io.tables.times import combine_date_and_clock, parse_times, to_utc

ZONES = [
    "America/Chicago", "America/Los_Angeles", "Europe/London", "Europe/Dublin", "Australia/Lord_Howe",
    "America/Sao_Paulo", "America/Havana", "Asia/Kathmandu", "UTC",
]  # fmt: skip
MOMENTS = st.datetimes(dt.datetime(1971, 1, 1), dt.datetime(2036, 1, 1)).map(lambda t: t.replace(microsecond=0))
FORMATS = [
    "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S.000", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
]  # fmt: skip


def changes(zone, year):
    """Return local hours around the daylight-saving changes of a year, every 10 minutes."""
    info = zoneinfo.ZoneInfo(zone)
    hours = [dt.datetime(year, 1, 1, tzinfo=dt.UTC) + dt.timedelta(hours=n) for n in range(8784)]
    offsets = [hour.astimezone(info).utcoffset() for hour in hours]
    moves = [hour.astimezone(info) for hour, (a, b) in zip(hours, pairwise(offsets), strict=False) if a != b]
    return [(at + dt.timedelta(minutes=m)).replace(tzinfo=None) for at in moves for m in range(-180, 240, 10)]


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("year", [1999, 2010, 2017, 2024])
def test_local_to_utc_agrees_with_the_standard_library(zone, year):
    info = zoneinfo.ZoneInfo(zone)
    locals_ = [*changes(zone, year), dt.datetime(year, 6, 1, 12)]
    utc, gaps, folds = to_utc(np.array(locals_, "datetime64[s]"), zone)
    in_gap = in_fold = 0
    for local, result in zip(locals_, utc.astype(object), strict=True):
        first = local.replace(tzinfo=info, fold=0)
        back = result.replace(tzinfo=dt.UTC).astimezone(info).replace(tzinfo=None)
        if first.astimezone(dt.UTC).astimezone(info).replace(tzinfo=None) != local:
            in_gap += 1
            assert local < back <= local + dt.timedelta(hours=1)
            before = result.replace(tzinfo=dt.UTC) - dt.timedelta(seconds=1)
            assert before.astimezone(info).replace(tzinfo=None) < local  # the first time that exists
        else:
            assert back == local
            assert result == first.astimezone(dt.UTC).replace(tzinfo=None)
            in_fold += first.utcoffset() != local.replace(tzinfo=info, fold=1).utcoffset()
    assert (gaps, folds) == (in_gap, in_fold)


@settings(max_examples=60, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=20), st.sampled_from(ZONES))
def test_utc_to_local_and_back(moments, zone):
    utc = np.array(moments, "datetime64[s]")
    local = pd.DatetimeIndex(utc).tz_localize("UTC").tz_convert(zone).tz_localize(None).to_numpy()
    back, gaps, _ = to_utc(local, zone)
    assert gaps == 0
    # Only the second occurrence of a repeated time comes back as the first, an hour (or half) earlier.
    assert set((utc - back).astype(int).tolist()) <= {0, 1800, 3600}


@settings(max_examples=60, deadline=None)
@given(st.lists(MOMENTS, min_size=1, max_size=20), st.sampled_from(FORMATS))
def test_every_guessed_format_round_trips(moments, form):
    text = pd.Series([moment.strftime(form) for moment in moments])
    parsed = parse_times(text)
    assert not parsed.bad.any()
    assert parsed.time.tolist() == moments
    if ".000" not in form:
        assert parse_times(text, time_format=form).time.tolist() == moments


@given(st.text(max_size=30))
@settings(max_examples=50, deadline=None)
def test_any_text_is_a_time_or_missing_or_bad(text):
    parsed = parse_times(pd.Series([text, "2017-01-01 10:00"]))
    assert bool(parsed.missing[0]) + bool(parsed.bad[0]) + (not np.isnat(parsed.time[0])) == 1
    assert parsed.time[1] == np.datetime64("2017-01-01T10:00:00")


def test_offsets_and_mixed_forms():
    text = pd.Series(
        [
            "2017-06-01T10:00:00Z",
            "2017-06-01T10:00:00+02:00",
            "2017-06-01 10:00",
            "06/01/2017 10:00 PM",
            "",
        ]
    )
    parsed = parse_times(text)
    assert parsed.utc.tolist() == [True, True, False, False, False]
    assert [t.hour for t in parsed.time[:4].tolist()] == [10, 8, 10, 22]
    assert parsed.missing.tolist() == [False] * 4 + [True]
    aware = parse_times(pd.Series(pd.DatetimeIndex(["2017-06-01 10:00"]).tz_localize("America/Chicago")))
    assert aware.utc.all()
    assert aware.time[0] == np.datetime64("2017-06-01T15:00:00")


@pytest.mark.parametrize(
    ("text", "hour", "own"),
    [
        ("2017-06-01 18:30:00-05", 23, 18), ("2017-06-01 18:30:00+00", 18, 18), ("2017-06-01T12Z", 12, 12),
        ("2017-06-01T12-05", 17, 12), ("20170601T120000Z", 12, 12), ("20170601T1200Z", 12, 12),
        ("20170601T120000-0500", 17, 12), ("2017-06-01 10:00:00 -05", 15, 10), ("2017-06-01 10:00 -05:00", 15, 10),
        ("2017-06-01 10:00:00.123-05", 15, 10), ("2017/06/01 10:00:00+0230", 7, 10), ("2017-06-01 8:30-05", 13, 8),
        ("2017-06-01T10:00:00 Z", 10, 10),
    ],
)  # fmt: skip
def test_every_form_of_an_offset_is_recognised(text, hour, own):
    parsed = parse_times(pd.Series([text]))
    assert parsed.utc.all()
    assert (parsed.time[0].item().hour, parsed.own[0].item().hour) == (hour, own)


@pytest.mark.parametrize("text", ["2017-06-01", "2017-06", "20170601", "2017-06-01 12", "2017-06-01 10:00:00"])
def test_no_part_of_a_date_is_an_offset(text):
    parsed = parse_times(pd.Series([text]))
    assert not parsed.bad.any()
    assert not parsed.utc.any()
    assert parsed.own[0] == parsed.time[0]


def test_offsets_in_a_given_format():
    text = pd.Series(["01 Jun 2017 10:00 -0500", "01 Jun 2017 10:00 +0000"])
    parsed = parse_times(text, time_format="%d %b %Y %H:%M %z")
    assert parsed.utc.all()
    assert [time.hour for time in parsed.time.tolist()] == [15, 10]
    assert [time.hour for time in parsed.own.tolist()] == [10, 10]


def test_a_date_beside_a_clock_is_the_files_own_date():
    date = parse_times(pd.Series(["2017-06-01T00:00:00Z", "2017-06-01T00:00:00+02:00"]))
    both, _, _ = combine_date_and_clock(date, pd.Series(["10:00", "10:00"]), "UTC")
    assert not both.utc.any()
    assert both.time.tolist() == [dt.datetime(2017, 6, 1, 10)] * 2


@pytest.mark.parametrize(
    ("clock", "seconds"),
    [
        ("00:00", 0), ("7:05", 25500), ("23:59:59", 86399), ("24:00:00", 86400), (0, 0), (5, 18_000), ("0005", 300),
        (45, 2700),
        (2400, 86400), ("1330.0", 48600), (1375, None), ("25:00", None), ("noon", None), ("", 0), (None, 0),
    ],
)  # fmt: skip
def test_clocks(clock, seconds):
    date = parse_times(pd.Series(["2017-06-01 12:00:00 "]))
    both, blank, _ = combine_date_and_clock(date, pd.Series([clock], dtype=object), "UTC")
    assert blank[0] == (clock in ("", None))
    if seconds is None:
        assert both.bad[0]
    else:
        assert (both.time[0] - np.datetime64("2017-06-01T00:00:00")).astype(int) == seconds
