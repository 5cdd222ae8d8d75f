"""Reading what partners answered: the `answers.csv` of their packages, filled in."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from pathlib import Path

from allocator.domain import Answer
from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.io.tables import Sheet

YES = ("confirm", "confirmed", "yes")
NO = ("decline", "declined", "no")

_REQUIRED = ("id", "initiative", "partner", "area", "start", "answer")
_OPTIONAL = ("venue", "team", "point", "channel", "reason")


def read_answers(paths: Iterable[str | Path]) -> tuple[tuple[Answer, ...], tuple[Note, ...]]:
    """Return the answers of filled-in `answers.csv` files in their order, and notes on what is not answered yet.

    The answer is confirm, confirmed or yes, or decline, declined or no; blank: not answered yet. Reasons are for the
    people who plan, and are not kept.

    Raises
    ------
    DataError
        With every fault of all files at once: unknown words, times that cannot be read, events answered twice.
    """
    answers, notes, faults = list[Answer](), list[Note](), list[str]()
    seen: dict[str, tuple[bool, str]] = {}
    for path in paths:
        try:
            sheet = Sheet(path, required=_REQUIRED, optional=_OPTIONAL)
        except DataError as error:
            faults += [f"{Path(path).name}: {fault}" for fault in error.faults] or [error.message]
            continue
        found, blank = _answers_of(sheet, seen)
        answers += found
        notes += sheet.notes
        faults += [f"{sheet.name}, {fault}" for fault in sheet.faults]
        if blank:
            notes.append(note("outreach.answers_open", file=sheet.name, count=blank, total=blank + len(found)))
    if faults:
        count = "1 fault" if len(faults) == 1 else f"{len(faults):,} faults"
        raise DataError(f"the answers of partners have {count}", faults=faults, count=len(faults))
    return tuple(answers), tuple(notes)


def _answers_of(sheet: Sheet, seen: dict[str, tuple[bool, str]]) -> tuple[list[Answer], int]:
    """Return the answers of a file, and how many rows have none."""
    answers, blank = list[Answer](), 0
    for row in sheet.rows():
        word = sheet.text("answer").lower().rstrip(".! ")
        if not word:
            blank += 1
            continue
        if word not in (*YES, *NO):
            sheet.fault(f"answer {sheet.text('answer')!r} is neither confirm nor decline; say confirm or decline")
            continue
        needed = {name: sheet.text(name, required=True) for name in ("id", "initiative", "partner", "area")}
        start, confirmed = _start(sheet), word in YES
        _once(sheet, needed["id"], confirmed, seen, f"{sheet.name}, row {row}")
        rest = {name: sheet.text(name) for name in ("venue", "team", "point", "channel")}
        answers.append(Answer(confirmed=confirmed, start=start, **needed, **rest))
    return answers, blank


def _once(sheet: Sheet, key: str, confirmed: bool, seen: dict[str, tuple[bool, str]], where: str) -> None:
    if key in seen:
        before, place = seen[key]
        what = "twice" if before == confirmed else "with confirm and with decline"
        sheet.fault(f"event {key!r} is answered {what}; first in {place}")
    elif key:
        seen[key] = confirmed, where


def _start(sheet: Sheet) -> dt.datetime:
    """Return the time at which the event starts; 1970 after a fault."""
    value = sheet.text("start")
    try:
        start = dt.datetime.fromisoformat(value)
        if start.utcoffset() is None:
            raise ValueError
        return start.astimezone(dt.UTC)
    except (ValueError, OverflowError):
        sheet.fault(f"start = {value!r} is not a time with its offset such as 2018-01-08T18:30:00-06:00")
        return dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
