"""What became of planned holdings: a table to fill in, and reading it back with every fault at once."""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from pathlib import Path

import pandas as pd

from allocator.domain import CANCELLED, DELIVERY_TYPES, HELD, MOVED, OPEN, STATUSES, Delivered, delivery_table
from allocator.errors import nearest
from allocator.facts import note
from allocator.io.outreach.surveys import looks_like_a_contact, past_date
from allocator.io.tables import Sheet

_PLANNED = ("id", "initiative", "team", "venue", "partner", "area")
_SPELT = {"canceled": CANCELLED, "postponed": MOVED, "done": HELD}
_MOST_PEOPLE, _MOST_MONEY, _LONGEST_CAUSE = 1e6, 1e9, 80
_MOST_DAYS = 366


def delivery_template(items: pd.DataFrame, *, timezone: str = "UTC") -> pd.DataFrame:
    """Return the table in which those who hold the items report what became of them.

    Parameters
    ----------
    items : DataFrame
        Columns of `OUTREACH_TYPES`.
    timezone : str
        IANA name of the local time in which starts are written, with their offset from UTC.

    Returns
    -------
    DataFrame
        The columns of `DELIVERY_TYPES`: what was planned, and blanks from `status` on. Write it with `csv_text`, so
        that no text becomes a formula; `read_delivery` reads it back.
    """
    local = pd.to_datetime(items["start"], utc=True).dt.tz_convert(zoneinfo.ZoneInfo(timezone))
    columns: dict[str, object] = {name: items[name].astype("str").to_numpy(object) for name in _PLANNED}
    columns["start"] = [time.isoformat(sep=" ", timespec="minutes") for time in local]
    columns["planned_reach"] = items["reach"].to_numpy()
    columns["planned_cost"] = items["cost"].to_numpy()
    return pd.DataFrame({name: columns.get(name, "") for name in DELIVERY_TYPES})


def read_delivery(path: str | Path) -> Delivered:
    """Return what became of planned holdings.

    Columns: those of `delivery_template`, of which `id` and `status` are needed. `status` is held, cancelled, moved, or
    blank where nothing was reported yet. `attended` and `handed_out` are whole numbers of people and items, `cost` is
    money spent, `cause` a few words, never a person; `asked`, `answered` and `held_on` are dates.

    Parameters
    ----------
    path : path
        The table.

    Raises
    ------
    DataError
        With every fault at once: ids that are missing or repeat, unknown states, negative or broken numbers, impossible
        dates, answers before the question, people at something cancelled, contacts of persons.
    """
    optional = [name for name in DELIVERY_TYPES if name not in ("id", "status")]
    sheet = Sheet(path, required=("id", "status"), optional=optional)
    seen, records, unsaid = set[str](), [], 0
    for _ in sheet.rows():
        record = _record(sheet, seen)
        _check_sense(sheet, record)
        unsaid += record["status"] == CANCELLED and not record["cause"]
        records.append(record)
    sheet.close()
    notes = list(sheet.notes)
    if unsaid:
        notes.append(note("outreach.cancelled_without_cause", file=sheet.name, count=unsaid))
    return Delivered(sheet.name, delivery_table(records), tuple(notes))


def _record(sheet: Sheet, seen: set[str]) -> dict[str, object]:
    texts = {name: sheet.text(name) for name in _PLANNED}
    texts["id"] = sheet.fresh("id", seen)
    people = {name: _number(sheet, name, whole=True) for name in ("attended", "handed_out")}
    planned = {"planned_reach": _number(sheet, "planned_reach"), "planned_cost": _number(sheet, "planned_cost")}
    dates = {name: pd.Timestamp(past_date(sheet, name)) for name in ("asked", "answered", "held_on")}
    return {
        **texts, **people, **planned, **dates, "start": _start(sheet), "status": _status(sheet),
        "cost": _number(sheet, "cost"), "cause": _cause(sheet),
    }  # fmt: skip


def _number(sheet: Sheet, column: str, *, whole: bool = False) -> float:
    if not sheet.text(column):
        return math.nan
    most = _MOST_PEOPLE if whole or column == "planned_reach" else _MOST_MONEY
    return float(sheet.whole(column, most=most)) if whole else sheet.number(column, most=most)


def _status(sheet: Sheet) -> str:
    value = sheet.text("status").lower()
    value = _SPELT.get(value, value)
    if value not in STATUSES:
        sheet.fault(
            f"unknown status {value!r}{nearest(value, STATUSES)}: it is held, cancelled, moved, or blank if not known"
        )
    return value


def _cause(sheet: Sheet) -> str:
    value = sheet.text("cause")
    if looks_like_a_contact(value):
        sheet.fault("cause looks like an e-mail address or a telephone number: name what happened, never a person")
    elif len(value) > _LONGEST_CAUSE:
        sheet.fault(
            f"cause has {len(value)} characters: name it in at most {_LONGEST_CAUSE}, so that it can be counted"
        )
    return value


def _start(sheet: Sheet) -> pd.Timestamp:
    value = sheet.text("start")
    if not value:
        return pd.NaT
    try:
        time = dt.datetime.fromisoformat(value)
    except ValueError:
        sheet.fault(f"start = {value!r} is not a time such as 2017-12-25 18:00-06:00")
        return pd.NaT
    if time.tzinfo is None:
        sheet.fault(f"start = {value!r} has no offset from UTC, such as -06:00: leave it as it was in the template")
        return pd.NaT
    return pd.Timestamp(time.astimezone(dt.UTC))


def _check_sense(sheet: Sheet, record: dict[str, object]) -> None:
    """Note what cannot be true together."""
    status, values = record["status"], sheet.values
    told = [name for name in ("attended", "handed_out") if (record[name] or 0) > 0]  # type: ignore[operator]
    if status == CANCELLED and told:
        sheet.fault(f"cancelled, yet {told[0]} = {values[told[0]]!r}: it is either held or without people")
    if status == OPEN and (told or values.get("cause") or values.get("held_on")):
        sheet.fault("the status is blank, yet something was reported: set it to held, cancelled or moved")
    if status == CANCELLED and values.get("held_on"):
        sheet.fault("cancelled, yet held_on is given: it is held or moved if it took place")
    if status == MOVED and told and not values.get("held_on"):
        sheet.fault(f"moved, with {told[0]} = {values[told[0]]!r}, but held_on is blank: say on which day it was held")
    start, held_on = record["start"], record["held_on"]
    if isinstance(start, pd.Timestamp) and isinstance(held_on, pd.Timestamp):  # NaT is none
        away = abs((held_on - start.tz_localize(None)).days)
        if away > _MOST_DAYS:
            sheet.fault(f"held_on {values['held_on']} is {away:,} days from its start {values['start']}")
    asked, answered = record["asked"], record["answered"]
    if isinstance(answered, pd.Timestamp):
        if not isinstance(asked, pd.Timestamp):
            sheet.fault("answered is given without asked: the day on which the partner was asked")
        elif answered < asked:
            sheet.fault(f"answered {values['answered']} is before asked {values['asked']}")
        elif (answered - asked).days > _MOST_DAYS:
            sheet.fault(f"answered {values['answered']} is more than a year after asked {values['asked']}")
