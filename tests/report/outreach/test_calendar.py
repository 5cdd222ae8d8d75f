"""Calendars: what a program reads back is what was planned, in every zone and with every name."""

from __future__ import annotations

import datetime as dt
import functools
import io
import itertools
import zoneinfo

import icalendar
import pytest
from dateutil.tz import tzical
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.domain import called_off, with_sequences
from allocator.report.look.names import file_names
from allocator.report.outreach.calendar import About, calendars
from outreach_tables import item, items

CHICAGO = "America/Chicago"
ZONES = (
    CHICAGO, "Europe/London", "Europe/Dublin", "Australia/Sydney", "Australia/Lord_Howe", "America/Santiago",
    "Asia/Kolkata", "Africa/Casablanca", "UTC", "Pacific/Chatham",
)  # fmt: skip


def events(content: bytes) -> list[icalendar.Event]:
    return icalendar.Calendar.from_ical(content).walk("VEVENT")


def times_by_rules(content: bytes) -> list[tuple[dt.datetime, dt.datetime]]:
    """Return start and end of each event in UTC, read with the calendar's own VTIMEZONE by another reader."""
    text = content.decode().replace("\r\n ", "")
    zone = tzical(io.StringIO(text)).get()
    found, values = [], {}
    for line in text.split("\r\n"):
        name, _, value = line.partition(":")
        if name.split(";")[0] in ("DTSTART", "DTEND") and "VEVENT" in values:
            moment = dt.datetime.strptime(value.rstrip("Z"), "%Y%m%dT%H%M%S")
            moment = moment.replace(tzinfo=dt.UTC if value.endswith("Z") else zone)
            values[name.split(";")[0]] = moment.astimezone(dt.UTC)
        if line == "BEGIN:VEVENT":
            values = {"VEVENT": True}
        if line == "END:VEVENT":
            found.append((values["DTSTART"], values["DTEND"]))
    return found


def test_an_event_says_what_where_when_and_why():
    table = items(item(0, lon=-87.6281, lat=41.8763, sequence=2))
    files = calendars(table, About(CHICAGO, "Season"))
    assert list(files) == [
        "calendars/team-team-north.ics", "calendars/venue-harold-washington-library.ics",
        "calendars/partner-public-library.ics",
    ]  # fmt: skip
    (event,) = events(files["calendars/team-team-north.ics"])
    assert event["SUMMARY"] == "Home safety workshop"
    assert event["LOCATION"] == "Harold Washington Library"
    assert event["SEQUENCE"] == 2
    assert event["STATUS"] == "TENTATIVE"
    assert event["CATEGORIES"].cats == ["workshop"]
    assert (event["GEO"].latitude, event["GEO"].longitude) == (41.8763, -87.6281)
    for fact in ("burglary is expected there most", "residents", "en, es", "40"):
        assert fact in event["DESCRIPTION"]
    text = files["calendars/team-team-north.ics"].decode()
    assert "DTSTART;TZID=America/Chicago:20180108T183000\r\n" in text
    assert "BEGIN:VTIMEZONE\r\nTZID:America/Chicago\r\n" in text
    assert text.count("\n") == text.count("\r\n")
    uids = {events(content)[0]["UID"] for content in files.values()}
    assert len(uids) == 3
    assert all(uid.startswith("O0000.") and uid.endswith("@allocator.invalid") for uid in uids)
    assert calendars(table, About(CHICAGO, "Season")) == files


@pytest.mark.parametrize("zone", ZONES)
def test_times_come_back_across_both_changes_of_the_clock(zone):
    start = dt.datetime(2017, 8, 1, 9, tzinfo=dt.UTC)
    table = items(*(item(n, start=start + n * dt.timedelta(hours=127)) for n in range(75)))
    table["stop"] = table["start"] + dt.timedelta(hours=2)
    content = calendars(table, About(zone, "Season"))["calendars/team-team-north.ics"]
    wanted = [tuple(pair) for pair in table[["start", "stop"]].itertuples(index=False)]
    assert times_by_rules(content) == wanted
    assert [(e["DTSTART"].dt, e["DTEND"].dt) for e in events(content)] == wanted


@functools.cache
def _changes(zone: str) -> list[dt.datetime]:
    hours = [dt.datetime(2018, 1, 1, tzinfo=dt.UTC) + n * dt.timedelta(hours=1) for n in range(8760)]
    tz = zoneinfo.ZoneInfo(zone)
    return [b for a, b in itertools.pairwise(hours) if a.astimezone(tz).utcoffset() != b.astimezone(tz).utcoffset()]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(ZONES), st.integers(0, 3), st.integers(-2000, 2000), st.integers(1, 600))
def test_times_near_a_change_of_the_clock_come_back(zone, which, minutes, lasting):
    changes = _changes(zone) or [dt.datetime(2018, 6, 1, tzinfo=dt.UTC)]
    start = changes[which % len(changes)] + dt.timedelta(minutes=minutes)
    stop = start + dt.timedelta(minutes=lasting)
    content = calendars(items(item(start=start, stop=stop)), About(zone, "Season"))
    one = content["calendars/team-team-north.ics"]
    assert times_by_rules(one) == [(start, stop)]
    (event,) = events(one)
    assert (event["DTSTART"].dt, event["DTEND"].dt) == (start, stop)


HOSTILE = (
    "Fire, smoke; and: locks", "line one\nline two", "end\r\nBEGIN:VEVENT\r\nSUMMARY:forged", "😀" * 200, "x" * 10_000,
    "\u202egnirts desrever\u202c", 'quote " back\\slash \\n \\, no', "tab\tand\x00null", "=1+1", "é" * 74 + "😀",
)  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_names_stay_text(name):
    table = items(item(initiative=name, team=name, venue=name, partner=name, reason=name, type=name, id=name))
    files = calendars(table, About(CHICAGO, name))
    assert len(files) == 3
    for path, content in files.items():
        assert len(path) < 100
        assert path.isascii()
        assert all(len(line) <= 75 for line in content.split(b"\r\n"))
        assert b"\n" not in content.replace(b"\r\n", b"")
        (event,) = events(content)
        line = " ".join("".join(c if c >= " " or c == "\n" else " " for c in name.replace("\r\n", "\n")).split("\n"))
        assert event["SUMMARY"] == line.strip()
        assert event["LOCATION"] == line.strip()
        assert len(icalendar.Calendar.from_ical(content).subcomponents) == 2


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), max_size=300))
def test_any_text_comes_back(text):
    content = calendars(items(item(initiative=text)), About(CHICAGO, "Season"))
    (event,) = events(content["calendars/team-team-north.ics"])
    assert event.get("SUMMARY", "") == text.strip()


def test_what_is_called_off_or_taken_away_is_cancelled_where_it_was_known():
    earlier = items(item(0), item(1, sequence=3), item(2))
    now = with_sequences(items(item(0), item(2, team="Team South")), earlier)
    assert now["sequence"].tolist() == [0, 1]
    assert called_off(now, earlier)[["id", "sequence"]].to_numpy().tolist() == [["O0001", 4]]
    files = calendars(now, About(CHICAGO, "Season", earlier=earlier))
    north = {e["UID"].split(".")[0]: e for e in events(files["calendars/team-team-north.ics"])}
    assert {uid: (str(e["STATUS"]), e["SEQUENCE"]) for uid, e in north.items()} == {
        "O0000": ("TENTATIVE", 0), "O0001": ("CANCELLED", 4), "O0002": ("CANCELLED", 1),
    }  # fmt: skip
    (south,) = events(files["calendars/team-team-south.ics"])
    assert (south["STATUS"], south["SEQUENCE"]) == ("TENTATIVE", 1)
    partner = {e["UID"].split(".")[0]: e["STATUS"] for e in events(files["calendars/partner-public-library.ics"])}
    assert partner == {"O0000": "TENTATIVE", "O0001": "CANCELLED", "O0002": "TENTATIVE"}
    alone = calendars(items(), About(CHICAGO, "Season", earlier=earlier))
    assert all(e["STATUS"] == "CANCELLED" for content in alone.values() for e in events(content))


def test_a_sequence_counts_changes_and_nothing_else():
    earlier = items(item(0, sequence=2), item(1, sequence=5))
    same = with_sequences(items(item(0, cost=1.0), item(1), item(2)), earlier)
    assert same["sequence"].tolist() == [2, 5, 0]
    moved = item(0)["start"] + dt.timedelta(minutes=15)
    assert with_sequences(items(item(0, start=moved)), earlier)["sequence"].tolist() == [3]
    assert with_sequences(items(item(0, area="Austin")), earlier)["sequence"].tolist() == [3]
    assert with_sequences(items(item(0, venue="Hall")), earlier)["sequence"].tolist() == [3]
    assert with_sequences(items(item(7)), items())["sequence"].tolist() == [0]


def test_a_reason_that_names_another_partner_is_not_told_to_partners():
    table = items(item(0, reason="Church hall is full"), item(1, partner="Church hall"))
    files = calendars(table, About(CHICAGO, "Season"))
    assert b"Church hall" not in files["calendars/partner-public-library.ics"]
    assert b"Church hall" in files["calendars/team-team-north.ics"]


def test_file_names_are_safe_unique_and_do_not_depend_on_the_others():
    names = ["Library", "library", "a/../b", "..", "CON", "日本", "日本語", "x" * 300, ""]
    files = file_names(names)
    assert len({file.casefold() for file in files.values()}) == len(names)
    assert all(file.isascii() and "/" not in file and "." not in file and 0 < len(file) < 60 for file in files.values())
    assert file_names(["日本"])["日本"] == files["日本"]
