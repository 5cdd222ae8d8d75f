"""What a partner gets of the plan: its own events, and a table to confirm or decline them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Sequence

import pandas as pd

from allocator.domain import Fund, called_off
from allocator.io import csv_text
from allocator.report.look import Part, Table, Text, file_names, page
from allocator.report.outreach.calendar import About, calendar

ANSWER_COLUMNS = (
    "id", "initiative", "partner", "venue", "area", "team", "point", "channel", "start", "answer", "reason",
)  # fmt: skip
"""Columns of `answers.csv`; `answer` is left blank for the partner, `reason` for whatever it wants to add."""

_ITEM_COLUMNS = (
    "id", "sequence", "initiative", "type", "venue", "area", "point", "channel", "start", "stop", "audience",
    "languages", "topics", "reach", "items", "team", "partner_hours",
)  # fmt: skip


def partner_packages(items: pd.DataFrame, about: About, *, funds: Sequence[Fund] = ()) -> dict[str, bytes]:
    """Return the package of each partner, by file name such as `partners/public-library/letter.html`.

    A package is the letter, `items.csv`, `calendar.ics`, and `answers.csv` to fill in, which `io.read_answers` reads
    back. It holds the partner's own events alone: no other partner is named in it.

    Parameters
    ----------
    items : DataFrame
        `OUTREACH_TYPES`.
    about : About
        What they share; notes that name another partner are left out.
    funds : sequence of Fund
        Money that is earmarked for one partner's events; what a partner gives itself is the fund of its own name.
    """
    about = about.stamped(items)
    tables = [items] if about.earlier is None else [items, about.earlier]
    names = sorted({str(name) for table in tables for name in table["partner"] if name})
    files: dict[str, bytes] = {}
    for name, folder in file_names(names).items():
        mine, others = items[items["partner"] == name], [other for other in names if other != name]
        gone = _gone(mine, about.earlier_of("partner", name))
        own = {name, f"{name} (partner)"} | {fund.name for fund in funds if fund.partner == name}
        notes = [note for note in about.notes if not any(other.casefold() in note.casefold() for other in others)]
        letter = _letter(mine, name, dataclasses.replace(about, notes=notes), own=own, gone=gone)
        timezone = about.timezone
        files |= {
            f"partners/{folder}/items.csv": csv_text(_timed(mine, timezone)[list(_ITEM_COLUMNS)]).encode("utf-8"),
            f"partners/{folder}/calendar.ics": calendar(mine, about, owner="partner", name=name, others=others),
            f"partners/{folder}/letter.html": letter.encode("utf-8"),
            f"partners/{folder}/answers.csv": csv_text(_form(mine, timezone)).encode("utf-8"),
        }
    return files


def _form(items: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Return the table to fill in."""
    return _timed(items, timezone).assign(answer="", reason="")[list(ANSWER_COLUMNS)]


def _timed(items: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Return the items with local times as text with their offset: no time zone need be known to read them."""
    zone = zoneinfo.ZoneInfo(timezone)
    return items.assign(**{name: [_iso(time, zone) for time in items[name]] for name in ("start", "stop")})


def _iso(time: pd.Timestamp, zone: zoneinfo.ZoneInfo) -> str:
    moment: dt.datetime = pd.Timestamp(time).to_pydatetime()
    return moment.astimezone(zone).isoformat(timespec="seconds")


def _gone(mine: pd.DataFrame, old: pd.DataFrame | None) -> pd.DataFrame:
    return mine.iloc[:0] if old is None else called_off(mine, old)


def _letter(mine: pd.DataFrame, name: str, about: About, *, own: set[str], gone: pd.DataFrame) -> str:
    timezone, contact = about.timezone, about.contact
    count = {0: "no events any more", 1: "1 event"}.get(len(mine), f"{len(mine):,} events")
    paid = float(mine["cost"][mine["fund"].isin(own)].sum())
    ask = [
        Text(f"Dear colleagues of {name},"),
        Text(f"the draft of our outreach plan has {count} with you. Please tell us which of them you can do."),
        Text(
            f"Together they take {mine['partner_hours'].sum():,.1f} hours of your staff or volunteers, and "
            f"{paid:,.2f} of the money that you give or that is set aside for events with you."
        ),
    ]
    parts = [Part("What we ask of you", ask)]
    if len(mine):
        parts.append(Part("Your events", [Table(_shown(mine, timezone), f"Times are local ({timezone}).", _FORMATS)]))
    if len(gone):
        caption = "These events of an earlier draft will not take place, or not with you."
        parts.append(Part("Called off", [Table(_shown(gone, timezone)[["date", "from", "event"]], caption)]))
    where = f" and send it to {contact}" if contact else " and send it back to us"
    answer = [
        Text(
            "Open answers.csv, write confirm or decline into the column “answer” of each event, save the file as CSV"
            f"{where}. Leave the column blank where you do not know yet."
        ),
        Text("Please change no other column. What you confirm we keep as it is; what you decline we do not ask again."),
        Text("Your events are also in calendar.ics, which calendar programs open. Please send us no names of persons."),
    ]
    return page(f"{about.title}: events with {name}", notes=about.notes, parts=[*parts, Part("How to answer", answer)])


_FORMATS = {"your hours": "{:,.1f}", "people expected": "{:,}"}


def _shown(items: pd.DataFrame, timezone: str) -> pd.DataFrame:
    """Return the events for readers."""
    zone = zoneinfo.ZoneInfo(timezone)
    start, stop = ([pd.Timestamp(t).to_pydatetime().astimezone(zone) for t in items[n]] for n in ("start", "stop"))
    place = [
        row.venue or row.point or row.channel or row.area.replace(";", ", ") for row in items.itertuples(index=False)
    ]
    return pd.DataFrame(
        {
            "date": [f"{time:%a} {time.day} {time:%b %Y}" for time in start],
            "from": [f"{time:%H:%M}" for time in start], "to": [f"{time:%H:%M}" for time in stop],
            "event": items["initiative"].tolist(), "where": place, "for": items["audience"].tolist(),
            "languages": items["languages"].str.replace(";", ", ").tolist(),
            "people expected": items["reach"].tolist(), "your hours": items["partner_hours"].tolist(),
        }
    )  # fmt: skip
