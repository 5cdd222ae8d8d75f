"""Reading calls for service: stamps, gaps, daylight saving, and every fault at once."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
from allocator.domain import ARRIVAL_IMPUTED, CLEAR_IMPUTED, DISPATCH_IMPUTED
from allocator.errors import ConfigError, DataError

COLUMNS = {
    "received": "received", "dispatched": "dispatched", "arrived": "arrived", "cleared": "cleared",
    "priority": "priority",
}  # fmt: skip
ZONE = "America/Chicago"


def frame_of(n: int = 40, **changes) -> pd.DataFrame:
    """Calls an hour apart: sent after 2 minutes, there after 7, cleared after 32."""
    start = pd.Timestamp("2024-05-06") + pd.to_timedelta(np.arange(n), unit="h")
    frame = pd.DataFrame({
        "received": start, "dispatched": start + pd.Timedelta(minutes=2), "arrived": start + pd.Timedelta(minutes=7),
        "cleared": start + pd.Timedelta(minutes=32), "priority": np.arange(n) % 3 + 1,
    })  # fmt: skip
    return frame.assign(**changes)


def read(frame: pd.DataFrame, *, more: dict[str, str] | None = None, **options) -> al.Calls:
    return al.read_calls(frame, timezone=ZONE, columns={**COLUMNS, **(more or {})}, **options)


def with_cell(frame: pd.DataFrame, row: int, column: str, value: object) -> pd.DataFrame:
    changed = frame.copy()
    changed.loc[row, column] = value
    return changed


def test_stamps_become_minutes():
    calls = read(frame_of())
    assert set(calls.wait) == {2.0}
    assert set(calls.travel) == {5.0}
    assert set(calls.service) == {30.0}
    assert calls.priorities == ("1", "2", "3")
    assert not calls.imputed.any()
    assert calls.time[0] == np.datetime64("2024-05-06T05:00:00")
    assert calls.from_public.all()


def test_csv_and_parquet_read_alike(tmp_path):
    frame_of().to_csv(tmp_path / "calls.csv", index=False)
    frame_of().to_parquet(tmp_path / "calls.parquet")
    calls = [al.read_calls(tmp_path / f"calls.{end}", timezone=ZONE, columns=COLUMNS) for end in ("csv", "parquet")]
    for name in ("time", "wait", "travel", "service", "priority"):
        assert (getattr(calls[0], name) == getattr(calls[1], name)).all(), name


def test_missing_stamps_are_imputed_marked_and_counted():
    frame = frame_of(400)
    frame.loc[frame["priority"] == 2, "cleared"] += pd.Timedelta(minutes=20)
    frame.loc[[3, 4], "arrived"] = pd.NaT
    frame.loc[[4, 7], "cleared"] = pd.NaT
    frame.loc[10, "dispatched"] = pd.NaT
    calls = read(frame)
    assert calls.imputed[[3, 4, 7, 10]].tolist() == [
        ARRIVAL_IMPUTED, ARRIVAL_IMPUTED | CLEAR_IMPUTED, CLEAR_IMPUTED, DISPATCH_IMPUTED | ARRIVAL_IMPUTED,
    ]  # fmt: skip
    assert calls.service[4] == 50  # rows 4 and 7 are of priority 2
    assert calls.service[7] == 50
    assert calls.travel[3] == 5
    assert calls.wait[10] == 2
    assert calls.ledger["closing time imputed"] == 2
    assert calls.ledger["arrival time imputed"] == 3


def test_calls_to_which_no_unit_was_sent_are_left_out():
    frame = frame_of()
    frame.loc[[5, 6], ["dispatched", "arrived"]] = pd.NaT
    calls = read(frame)
    assert len(calls) == 38
    assert calls.ledger["no unit was sent"] == 2


def test_a_call_left_open_for_days_counts_as_not_closed():
    frame = with_cell(frame_of(), 5, "cleared", pd.Timestamp("2024-05-09"))
    calls = read(frame)
    assert calls.service[5] == 30
    assert calls.imputed[5] == CLEAR_IMPUTED
    assert any("open for more than 12 hours" in reason for reason in calls.ledger)
    assert read(frame, max_call_hours=200.0).service[5] > 1000


def test_stamps_out_of_order_are_refused_with_number_place_and_way_out():
    frame = with_cell(frame_of(), 5, "cleared", pd.Timestamp("2024-05-06 04:00"))
    frame = with_cell(frame, 9, "arrived", pd.Timestamp("2024-05-06 09:01"))
    with pytest.raises(DataError) as caught:
        read(frame)
    text = str(caught.value)
    assert "1 of 40 rows are stamped cleared before received" in text
    assert "1 of 40 rows are stamped arrived before dispatched" in text
    assert "row 7" in text
    assert 'staffing.bad_rows = "drop"' in text
    calls = read(frame, bad_rows="drop")
    assert len(calls) == 38
    assert calls.ledger["cleared before received"] == 1
    assert calls.ledger["arrived before dispatched"] == 1


def test_a_file_mostly_out_of_order_is_never_dropped():
    frame = frame_of()
    frame["cleared"] = frame["received"] - pd.Timedelta(hours=1)
    with pytest.raises(DataError, match="40 of 40"):
        read(frame, bad_rows="drop")


def test_the_night_in_which_clocks_go_back():
    """01:50 received, cleared at 01:10 of the second hour; and the hours outside it keep their length."""
    frame = frame_of(2)
    frame.loc[0, ["received", "dispatched", "arrived", "cleared"]] = [
        pd.Timestamp(f"2024-11-03 01:{m}") for m in (50, 52, 55, 10)
    ]
    frame.loc[1, ["received", "dispatched", "arrived", "cleared"]] = [
        pd.Timestamp(f"2024-11-03 {m}") for m in ("00:30", "00:40", "00:50", "02:30")
    ]
    calls = read(frame)
    assert calls.service.tolist() == [170.0, 18.0]
    assert calls.ledger["daylight-saving fold (first taken)"] == 1


def test_the_night_in_which_clocks_go_forward():
    frame = frame_of(1)
    frame.loc[0, ["received", "dispatched", "arrived", "cleared"]] = [
        pd.Timestamp(f"2024-03-10 {m}") for m in ("01:50", "01:55", "03:00", "03:15")
    ]
    assert read(frame).service.tolist() == [20.0]


def test_times_in_another_zone():
    calls = read(frame_of(), file_timezone="UTC")
    assert calls.time[0] == np.datetime64("2024-05-06T00:00:00")


def test_officers_own_work_is_told_apart():
    frame = frame_of(origin=["OFFICER" if n % 4 == 0 else "PHONE" for n in range(40)])
    calls = read(frame, more={"origin": "origin"}, officer_initiated=["officer"])
    assert calls.by_officers.sum() == 10
    assert calls.from_public.sum() == 30
    with pytest.raises(DataError, match="do not occur"):
        read(frame, more={"origin": "origin"}, officer_initiated=["oficer"])


def test_rows_of_one_call_are_folded_or_dropped_and_counted():
    frame = frame_of(id=["A", "A", "B", "B", *map(str, range(36))])
    folded = read(frame, more={"id": "id"})
    assert len(folded) == 38
    assert folded.ledger["further unit of a call (folded)"] == 2
    assert sorted(folded.units)[-3:] == [1, 2, 2]
    assert [
        (told.get("count"), told.get("calls")) for told in folded.notes if told.cause == "history.calls_folded"
    ] == [(2, 38)]
    every = read(frame)
    assert (folded.units * folded.service).sum() == pytest.approx((every.units * every.service).sum(), abs=0.1)
    dropped = read(frame, more={"id": "id"}, repeats="drop")
    assert dropped.ledger["repeated call number"] == 2
    assert set(dropped.units) == {1}


def test_rows_that_are_equal_throughout_are_no_further_units():
    frame = frame_of(id=list(map(str, range(40))))
    twice = pd.concat([frame, frame.iloc[:5]], ignore_index=True)
    calls = read(twice, more={"id": "id"})
    assert calls.ledger["identical rows"] == 5
    assert set(calls.units) == {1}


def test_priorities_that_are_words_need_an_order():
    frame = frame_of(priority=["High", "Low"] * 20)
    with pytest.raises(DataError, match=r"name them in staffing\.priorities"):
        read(frame)
    assert read(frame, priorities=["High", "Low"]).priorities == ("High", "Low")
    with pytest.raises(DataError, match="does not name: 'Low'"):
        read(frame, priorities=["High"])
    assert len(read(frame, priorities=["High"], priority_map={"Low": ""})) == 20
    assert set(read(frame, priorities=["High"], priority_map={"Low": "High"}).priority) == {0}


def test_units_and_places():
    frame = frame_of(units=[2, np.nan, 0, *[1] * 37], lon=-87.6, lat=41.8)
    frame.loc[0, "lat"] = 0
    frame.loc[0, "lon"] = 0
    calls = read(frame, more={"units": "units", "lon": "lon", "lat": "lat"})
    assert calls.units[:3].tolist() == [2, 1, 1]
    assert np.isnan(calls.x[0])
    assert calls.crs == "EPSG:4326"
    with pytest.raises(DataError, match="negative"):
        read(frame_of(units=-1), more={"units": "units"})


def test_a_column_map_that_cannot_work_is_told_in_one_go():
    with pytest.raises(ConfigError) as caught:
        al.read_calls(frame_of(), timezone="Chicago", columns={"received": "caller_name", "lon": "x"}, crs="EPSG:0")
    text = str(caught.value)
    for words in ("looks personal", "columns.cleared is required", "give the place", "unknown time zone", "EPSG:0"):
        assert words in text
    with pytest.raises(ConfigError, match="did you mean 'officer_initiated'"):
        read(frame_of(), oficer_initiated=["x"])
    with pytest.raises(DataError, match="no column 'recieved'"):
        read(frame_of(), more={"received": "recieved"})


def test_personal_columns_are_named_and_not_read():
    calls = read(frame_of(caller_phone="555", age=3))
    assert calls.dropped_columns == ("caller_phone", "age")


def test_only_what_was_known_before_a_day_counts():
    frame = with_cell(frame_of(48), 23, "cleared", pd.Timestamp("2024-05-07 00:30"))
    calls = read(frame).before(dt.date(2024, 5, 7))
    assert len(calls) == 24
    assert calls.imputed[23] == CLEAR_IMPUTED  # still open at midnight
    with pytest.raises(DataError, match="no call was received before 2024-05-06"):
        read(frame).before(dt.date(2024, 5, 6))


minutes = st.one_of(st.none(), st.integers(-30, 600))


@given(rows=st.lists(st.tuples(st.integers(0, 200_000), minutes, minutes, minutes), min_size=1, max_size=30))
@settings(max_examples=60, deadline=None)
def test_no_row_is_lost_unaccounted_and_no_minute_is_negative(rows):
    start = pd.Timestamp("2024-10-20")
    stamps = [
        [start + pd.Timedelta(minutes=at), *(
            pd.NaT if gap is None else start + pd.Timedelta(minutes=at + gap) for gap in gaps)]
        for at, *gaps in rows
    ]  # fmt: skip
    frame = pd.DataFrame(stamps, columns=["received", "dispatched", "arrived", "cleared"])
    frame = frame.apply(pd.to_datetime).assign(priority=1)
    try:
        calls = read(frame, bad_rows="drop")
    except DataError as error:
        assert "of" in str(error) or "every row is left out" in str(error)  # noqa: PT017
        return
    dropped = {"no unit was sent", *(f"{b} before {a}" for a in COLUMNS for b in COLUMNS)}
    assert len(calls) + sum(n for reason, n in calls.ledger.items() if reason in dropped) == len(rows)
    for name in ("wait", "travel", "service"):
        values = getattr(calls, name)
        assert np.isfinite(values).all()
        assert (values >= 0).all()
    assert (np.diff(calls.time) >= np.timedelta64(0)).all()
