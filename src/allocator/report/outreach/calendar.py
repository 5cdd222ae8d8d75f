"""Calendars (RFC 5545) of teams, venues and partners, for any calendar program."""

from __future__ import annotations

import dataclasses
import datetime as dt
import functools
import hashlib
import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass

import icalendar
import numpy as np
import pandas as pd

from allocator.domain import Record, called_off
from allocator.report.look import file_names

DOMAIN = "allocator.invalid"
"""Domain of the identifiers of events; `.invalid` is reserved for names that nobody owns."""

OWNERS = ("team", "venue", "partner")
"""Whose calendars there are: columns of the items."""

_DAY = dt.timedelta(days=1)
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f\x85\u2028\u2029]+")


@dataclass(frozen=True, eq=False)
class About:
    """What the files of a plan share.

    Parameters
    ----------
    timezone : str
        IANA name of the zone that times are written in.
    title : str
        Name of the plan.
    notes : sequence of str
        What every output says, such as who approved it.
    contact : str
        Where partners send their answers.
    earlier : DataFrame, optional
        The items of an earlier plan: those that an owner has no more are sent as cancelled.
    stamp : datetime.datetime, optional
        Aware time at which the plan was made; by default the first midnight (UTC) of its items. No clock is asked, so
        that the same plan gives the same bytes.
    """

    timezone: str
    title: str
    notes: Sequence[str] = ()
    contact: str = ""
    earlier: pd.DataFrame | None = None
    stamp: dt.datetime | None = None

    def stamped(self, items: pd.DataFrame) -> About:
        """Return the same with the time at which the plan of these items was made."""
        return dataclasses.replace(self, stamp=self.stamp or default_stamp(items, self.earlier))

    def earlier_of(self, owner: str, name: str) -> pd.DataFrame | None:
        """Return the earlier items of one owner."""
        return None if self.earlier is None else self.earlier[self.earlier[owner] == name]


def calendars(items: pd.DataFrame, about: About) -> dict[str, bytes]:
    """Return a calendar for each team, venue and partner, by file name such as `calendars/team-North.ics`.

    Parameters
    ----------
    items : DataFrame
        `OUTREACH_TYPES`.
    about : About
        What they share.

    Returns
    -------
    dict of str to bytes
        Calendar files in order of owners and names.
    """
    files, about = {}, about.stamped(items)
    tables = [items] if about.earlier is None else [items, about.earlier]
    partners = sorted({str(name) for table in tables for name in table["partner"] if name})
    for owner in OWNERS:
        names = sorted({str(name) for table in tables for name in table[owner] if name})
        for name, file in file_names(names).items():
            others = [partner for partner in partners if owner == "partner" and partner != name]
            own = items[items[owner] == name]
            files[f"calendars/{owner}-{file}.ics"] = calendar(own, about, owner=owner, name=name, others=others)
    return files


def default_stamp(items: pd.DataFrame, earlier: pd.DataFrame | None = None) -> dt.datetime:
    """Return the midnight (UTC) before the first item: a time that only the plan decides."""
    table = items if len(items) or earlier is None else earlier
    if table.empty:
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
    return _moment(table["start"].min()).replace(hour=0, minute=0, second=0)


def calendar(items: pd.DataFrame, about: About, *, owner: str, name: str, others: Sequence[str] = ()) -> bytes:
    """Return the calendar of one owner; see `calendars`.

    Parameters
    ----------
    items : DataFrame
        What the owner has.
    about : About
        The plan, and the one before.
    owner, name : str
        One of `OWNERS`, and the owner's name.
    others : sequence of str
        Names that the owner must not read: a reason that has one of them is left out.
    """
    earlier, zone = about.earlier_of(owner, name), zoneinfo.ZoneInfo(about.timezone)
    gone = items.iloc[:0] if earlier is None else called_off(items, earlier)
    sure = (items["partner"] == "") | (items["status"] == "confirmed")
    status = np.where(sure, "CONFIRMED", "TENTATIVE")  # until its partner has answered
    shown = pd.concat([items.assign(status=status), gone.assign(status="CANCELLED")], ignore_index=True)
    shown = shown.sort_values(["start", "id"], kind="stable")
    book = icalendar.Calendar()
    for key, value in {
        "prodid": "-//allocator//outreach//EN", "version": "2.0", "calscale": "GREGORIAN", "method": "PUBLISH",
        "x-wr-calname": _line(f"{about.title}: {name}"), "x-wr-timezone": about.timezone,
    }.items():  # fmt: skip
        book.add(key, value)
    if len(shown):
        first, last = (_moment(value) for value in (shown["start"].min(), shown["stop"].max()))
        book.add_component(_zone(about.timezone, first.date(), last.date()))
    who = f"{owner}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    at = about.stamp or default_stamp(items, earlier)
    for row in shown.to_dict("records"):
        book.add_component(_event(row, who, zone, at, others))
    return bytes(book.to_ical())


def _event(
    row: Record, who: str, zone: zoneinfo.ZoneInfo, stamp: dt.datetime, others: Sequence[str]
) -> icalendar.Event:
    event = icalendar.Event()
    event.add("uid", f"{_line(row['id'])}.{who}@{DOMAIN}")
    event.add("sequence", int(row["sequence"]))
    event.add("dtstamp", stamp)
    event.add("dtstart", _local(row["start"], zone))
    event.add("dtend", _local(row["stop"], zone))
    event.add("summary", _line(row["initiative"]))
    if place := row["venue"] or row["point"] or row["channel"] or _listed(row["area"]):
        event.add("location", _line(place))
    event.add("description", _description(row, others))
    if row["type"]:
        event.add("categories", [_line(row["type"])])
    if pd.notna(row["lon"]) and pd.notna(row["lat"]):
        event.add("geo", (float(row["lat"]), float(row["lon"])))
    event.add("status", row["status"])
    return event


def _description(row: Record, others: Sequence[str]) -> str:
    told = not any(name.casefold() in row["reason"].casefold() for name in others)
    facts = {
        "Area": _listed(row["area"]), "Audience": row["audience"], "Languages": _listed(row["languages"]),
        "Topics": _listed(row["topics"]),
        "Expected contacts": str(row["reach"]) if row["reach"] > 0 else "",
        "Printed items": str(row["items"]) if row["items"] > 0 else "", "Why": row["reason"] if told else "",
    }  # fmt: skip
    return "\n".join(f"{label}: {_text(value)}" for label, value in facts.items() if value)


def _listed(text: str) -> str:
    return ", ".join(part.strip() for part in text.split(";") if part.strip())


def _text(value: object) -> str:
    """Return text that a calendar may hold: no control characters but line breaks."""
    return _CONTROL.sub(" ", str(value).replace("\r\n", "\n").replace("\r", "\n"))


def _line(value: object) -> str:
    return " ".join(_text(value).split("\n")).strip()


def _moment(value: pd.Timestamp) -> dt.datetime:
    moment: dt.datetime = pd.Timestamp(value).to_pydatetime()
    return moment.astimezone(dt.UTC)


def _local(value: pd.Timestamp, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """Return the local time; in UTC for the second of two equal local times, which a local time cannot name."""
    moment = _moment(value)
    local = moment.astimezone(zone)
    return moment if local.fold else local


@functools.lru_cache(maxsize=64)
def _zone(name: str, first: dt.date, last: dt.date) -> icalendar.Timezone:
    """Return the rules of a zone from before the first to after the last day.

    icalendar's own `Timezone.from_tzinfo` (7.3) puts the change to summer time at the local time after it, and so an
    hour late by RFC 5545, 3.6.5: the onset is the local time before the change.
    """
    zone, utc = zoneinfo.ZoneInfo(name), dt.UTC
    time = dt.datetime(first.year, first.month, first.day, tzinfo=utc) - 2 * _DAY
    end = dt.datetime(last.year, last.month, last.day, tzinfo=utc) + 3 * _DAY
    rules = icalendar.Timezone()
    rules.add("tzid", name)
    rules.add_component(_rule(time.astimezone(zone), time.astimezone(zone)))
    while time < end:
        after = time + _DAY
        if after.astimezone(zone).utcoffset() != time.astimezone(zone).utcoffset():
            change = _change(time, after, zone)
            rules.add_component(_rule((change - dt.timedelta(seconds=1)).astimezone(zone), change.astimezone(zone)))
        time = after
    return rules


def _change(low: dt.datetime, high: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """Return the first second of the offset that `high` has."""
    before = low.astimezone(zone).utcoffset()
    while high - low > dt.timedelta(seconds=1):
        middle = (low + (high - low) / 2).replace(microsecond=0)
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return high


def _rule(before: dt.datetime, after: dt.datetime) -> icalendar.Component:
    """Return the part of a zone that begins at a change, from a time just before and the time at it."""
    part: icalendar.Component = icalendar.TimezoneDaylight() if after.dst() else icalendar.TimezoneStandard()
    shift = before.utcoffset() or dt.timedelta()
    part.add("dtstart", (after.astimezone(dt.UTC) + shift).replace(tzinfo=None))
    part.add("tzoffsetfrom", shift)
    part.add("tzoffsetto", after.utcoffset())
    part.add("tzname", after.tzname() or "")
    return part
