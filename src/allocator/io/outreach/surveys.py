"""Reading answers of residents and requests by communities; every fault of a file at once, and no persons."""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd

from allocator.config import SurveySection
from allocator.domain import Floats, Ints, Requests, Survey
from allocator.errors import DataError, nearest, some
from allocator.facts import Note, note
from allocator.io.tables import Sheet, as_numbers, as_text, personal_columns, read_columns, read_header

FIRST_YEAR, LAST_YEAR = 1990, 2100
"""Dates outside of these years are slips of the pen."""

_EMAIL = re.compile(r"[^\s@]{1,64}@[^\s@]{1,255}\.[^\s@]")  # bounded: a cubic one took 65 s for 4,000 signs
_PHONE = re.compile(r"(?:\d[\s().+/-]*){7,}")
_TEXT_WORDS = frozenset([
    "text", "comment", "comments", "message", "messages", "description", "note", "notes", "remark", "remarks",
    "detail", "details", "subject", "body", "statement", "narrative", "reason", "request_text", "who", "from", "by",
    "requester", "sender", "author",
])  # fmt: skip
_LONGEST_TOPIC = 40
_MOST_REQUESTS = 1e6


def read_survey(section: SurveySection, areas: tuple[str, ...]) -> Survey:
    """Return the answers of a survey; no columns are read but those that the section names.

    Parameters
    ----------
    section : SurveySection
        The file and its columns.
    areas : tuple of str
        Labels of the areas. Answers without an area count for the whole only; an area that is not among them is a
        fault, as it may be a slip.

    Raises
    ------
    DataError
        With every fault at once: columns that are missing or look personal, unknown areas, answers that are no
        numbers, weights that are negative, missing or all 0, rows without stratum or cluster.
    """
    where = Path(section.file).name
    design = [name for name in (section.weight, section.stratum, section.cluster) if name]
    wanted = list(dict.fromkeys([section.question, section.area, *design]))
    if personal := personal_columns(name for name in wanted if name != section.question):
        raise DataError(
            f"{where}: the columns {some(personal, 5)} look personal; allocator knows areas, strata and sampling "
            "units by labels, never persons: give them neutral labels",
            column=personal[0],
        )
    table = read_columns(section.file, wanted)
    frame, faults = table.frame, [*table.bad_rows]
    answer = _answers(frame[section.question], section.question, faults)
    area = _areas_of(as_text(frame[section.area]), areas, faults)
    weight = None if section.weight is None else _weights(frame[section.weight], section.weight, faults)
    stratum, cluster = (
        None if name is None else _labels(as_text(frame[name]), name, faults)
        for name in (section.stratum, section.cluster)
    )
    n = int(np.isfinite(answer).sum())
    if not faults and n < 2:
        faults.append(f"column {section.question!r} holds {n} answers: two are the least that tell how far they vary")
    if faults:
        raise DataError(f"{where} cannot be used as a survey", faults=faults, count=len(faults))
    return Survey(
        where, section.question, areas, answer, area, weight, stratum, cluster, section.synthetic,
        _survey_notes(section, where, answer, weight),
    )  # fmt: skip


def _answers(column: pd.Series[str], name: str, faults: list[str]) -> Floats:
    numbers, bad = as_numbers(column)
    if bad.any():  # the text itself may be about a person: rows are told, words are not
        first = ", ".join(str(row) for row in np.flatnonzero(bad)[:3] + 2)
        faults.append(
            f"{int(bad.sum()):,} of {len(bad):,} answers in {name!r} are no numbers (first in rows {first}): "
            "code them, yes as 1 and no as 0 for instance"
        )
    if n := int(np.isinf(numbers).sum()):
        faults.append(f"{n:,} answers in {name!r} are infinite")
    return numbers


def _areas_of(labels: pd.Series[str], areas: tuple[str, ...], faults: list[str]) -> Ints:
    place = {name: k for k, name in enumerate(areas)}
    unknown = Counter(label for label in labels if label and label not in place)
    faults += [
        f"unknown area {label!r} in {n:,} row{'s' * (n != 1)}{nearest(label, areas)}" for label, n in unknown.items()
    ]
    return np.array([place.get(label, -1) for label in labels], np.int32)


def _weights(column: pd.Series[str], name: str, faults: list[str]) -> Floats:
    numbers, _ = as_numbers(column)
    if n := int(np.isnan(numbers).sum()):
        faults.append(f"{n:,} of {len(numbers):,} weights in {name!r} are missing or no numbers")
    if n := int((numbers < 0).sum()):
        faults.append(f"{n:,} of {len(numbers):,} weights in {name!r} are negative")
    if n := int(np.isinf(numbers).sum()):
        faults.append(f"{n:,} of {len(numbers):,} weights in {name!r} are infinite")
    if not (numbers != 0).any():
        faults.append(f"all {len(numbers):,} weights in {name!r} are 0: nobody would count")
    return numbers


def _labels(labels: pd.Series[str], name: str, faults: list[str]) -> Ints:
    if n := int((labels == "").sum()):
        faults.append(f"{n:,} of {len(labels):,} rows have nothing in {name!r}: fill it in, or leave the rows out")
    return np.asarray(pd.factorize(labels)[0], np.int32)


def _survey_notes(section: SurveySection, where: str, answer: Floats, weight: Floats | None) -> tuple[Note, ...]:
    notes = []
    if n := int(np.isnan(answer).sum()):
        notes.append(
            note("outreach.survey_without_answer", file=where, count=n, total=len(answer), question=section.question)
        )
    if weight is not None and (n := int((weight == 0).sum())):
        notes.append(note("outreach.survey_weights_zero", file=where, count=n, total=len(weight)))
    others = [name for name in read_header(section.file) if name not in {section.question, section.area}]
    others = [name for name in others if name not in (section.weight, section.stratum, section.cluster)]
    if personal := personal_columns(others):
        notes.append(note("outreach.survey_columns_personal", file=where, count=len(personal)))
    if section.weight is None:
        notes.append(note("outreach.survey_without_weights", file=where))
    return tuple(notes)


def read_requests(path: str | Path, areas: tuple[str, ...]) -> Requests:
    """Return requests by communities, counted by area.

    Columns: `area, date, requests, topic`; `date` and `topic` may be left out. They are counts: a column of texts, or
    one that looks as if it described a person, is refused rather than passed over, for such a file should not go round.

    Parameters
    ----------
    path : path
        The table.
    areas : tuple of str
        Labels of the areas.

    Raises
    ------
    DataError
        With every fault at once: unknown areas, negative or broken counts, impossible dates, rows that repeat,
        topics that are texts, addresses or numbers of persons.
    """
    sheet = Sheet(path, required=("area", "requests"), optional=("date", "topic"))
    _refuse_texts(sheet)
    place, seen = {name: k for k, name in enumerate(areas)}, dict[tuple[str, str, str], int]()
    counts, records, days = np.zeros(len(areas)), [], list[dt.date]()
    for row in sheet.rows():
        area, topic = sheet.known("area", areas, "area"), topic_of(sheet)
        day = sheet.text("date") and past_date(sheet)
        number = sheet.whole("requests", most=_MOST_REQUESTS)
        key = (area, str(day or ""), topic)
        if key in seen:
            sheet.fault(f"area, date and topic are those of row {seen[key]}: add the counts up, or remove one")
        seen.setdefault(key, row)
        if area in place:
            counts[place[area]] += number
        days += [day] if isinstance(day, dt.date) else []
        records.append({"area": area, "date": str(day or ""), "requests": number, "topic": topic})
    sheet.close()
    frame = pd.DataFrame(records, columns=["area", "date", "requests", "topic"])
    frame = frame.astype({"area": "str", "date": "str", "requests": "int64", "topic": "str"})
    return Requests(counts, frame, min(days, default=None), max(days, default=None), sheet.notes)


def _refuse_texts(sheet: Sheet) -> None:
    """Raise if a column that is not used holds texts."""
    others = [name for name in sheet.frame.columns if name not in ("area", "date", "requests", "topic")]
    texts = [name for name in others if _holds_text(name, sheet.frame[name])]
    if texts:
        raise DataError(
            f"{sheet.name} has columns of texts: {some(texts, 10)}; requests are read as counts only: remove them",
            column=texts[0],
            count=len(texts),
        )


def _holds_text(name: str, values: Iterable[str]) -> bool:
    if set(re.findall(r"[a-z]+", name.lower())) & _TEXT_WORDS:
        return True
    return any(len(value) > _LONGEST_TOPIC or _EMAIL.search(value) or len(value.split()) > 5 for value in values)


def topic_of(sheet: Sheet, column: str = "topic", longest: int = _LONGEST_TOPIC) -> str:
    """Return a short text that must be no message, address or telephone number."""
    value = sheet.text(column)
    if looks_like_a_contact(value):
        sheet.fault(f"{column} looks like an e-mail address or a telephone number: remove it")
        return ""
    if len(value) > longest:
        sheet.fault(f"{column} has {len(value)} characters: name it in at most {longest}")
        return ""
    return value


def looks_like_a_contact(text: str) -> bool:
    """Return whether a text holds an e-mail address or a telephone number."""
    return bool(_EMAIL.search(text) or _PHONE.search(text))


def past_date(sheet: Sheet, column: str = "date") -> dt.date | None:
    """Return the date in a column; None where it is blank, and after a fault."""
    value = sheet.text(column)
    if not value:
        return None
    try:
        day = dt.date.fromisoformat(value[:10])
    except ValueError:
        sheet.fault(f"{column} = {value!r} is not a date such as 2017-12-25")
        return None
    if not FIRST_YEAR <= day.year < LAST_YEAR:
        sheet.fault(f"{column} = {value!r} cannot be: years are from {FIRST_YEAR} to {LAST_YEAR - 1}")
        return None
    return day
