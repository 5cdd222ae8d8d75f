"""A note: a cause with its facts, put into words by the catalogue of its topic."""

from __future__ import annotations

import datetime as dt
import math
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Union

import numpy as np

from allocator.errors import some
from allocator.facts import duty, forecast, history, outreach, patrol, staffing, studies

Fact = Union[str, int, float, bool, None, "Note", tuple["Fact", ...]]
"""What a note may hold: plain values, other notes (a cause behind the cause), and tuples of those."""

WORDS: Mapping[str, str] = MappingProxyType(
    {
        f"{topic.__name__.rpartition('.')[2]}.{cause}": words
        for topic in (history, forecast, staffing, duty, patrol, outreach, studies)
        for cause, words in topic.WORDS.items()
    }
)
"""Cause → its words, with the facts of the note in braces. `{n:unit|units}` is the singular for 1, else the plural;
`{names:some}` quotes the first three and counts the others, `{names:some5}` the first five; `{names:& and }` joins all
with " and ", else ", " does; `{day:? until {day}}` is said only of a fact that is neither missing, 0 nor empty."""


@dataclass(frozen=True)
class Note:
    """Something that a reader should know, or that a plan could not do; `note` makes one.

    Parameters
    ----------
    cause : str
        What kind of thing is told, such as `patrol.minimum_lowered`: a key of `WORDS`. Code decides by this alone.
    facts : tuple of (str, Fact)
        About what, by name; the usual names are `shift, district, unit, cell, area, kind, count`.
    """

    cause: str
    facts: tuple[tuple[str, Fact], ...] = ()

    @property
    def text(self) -> str:
        """The note in words."""
        return _FORMATTER.format(WORDS[self.cause], **dict(self.facts))

    def __str__(self) -> str:
        return self.text

    def get(self, name: str) -> Fact:
        """Return a fact by its name, None where the note has none of that name."""
        return dict(self.facts).get(name)

    def named(self, name: str) -> frozenset[str]:
        """Return the texts of a fact of that name, or of its plural, here and in the causes behind this one."""
        found = set[str]()
        for key, fact in self.facts:
            for one in fact if isinstance(fact, tuple) else (fact,):
                if isinstance(one, Note):
                    found |= one.named(name)
                elif isinstance(one, str) and key in (name, f"{name}s"):
                    found.add(one)
        return frozenset(found)

    def record(self) -> dict[str, object]:
        """Return `cause`, the facts by name, and `text`, fit for JSON."""
        return {"cause": self.cause, **{name: _plain(fact) for name, fact in self.facts}, "text": self.text}

    @classmethod
    def of_record(cls, record: Mapping[str, object]) -> Note:
        """Return the note of a `record`, as read from JSON."""
        facts = {name: _read(value) for name, value in record.items() if name not in ("cause", "text")}
        return note(str(record["cause"]), **facts)


def note(cause: str, /, **facts: object) -> Note:
    """Return a note, after checking that its cause is known and that its words find every fact they name.

    Facts are kept as plain values: NumPy scalars as numbers, dates in ISO form, sequences as tuples. None may be named
    `cause` or `text`, which records need.

    Raises
    ------
    KeyError
        If the catalogue does not know the cause, or names a fact that is not given.
    """
    made = Note(cause, tuple((name, _fact(value)) for name, value in facts.items()))
    _ = made.text  # a fault of ours shows where the note is made, not on a planner's page
    return made


def texts(notes: Iterable[Note]) -> list[str]:
    """Return the words of notes."""
    return [one.text for one in notes]


def records(notes: Iterable[Note]) -> list[dict[str, object]]:
    """Return notes as records, fit for JSON."""
    return [one.record() for one in notes]


class _Formatter(string.Formatter):
    """Format fields with plurals, lists and parts that may be left out, and the usual specifications."""

    def format_field(self, value: object, format_spec: str) -> str:
        if format_spec.startswith("?"):
            return format_spec[1:] if value else ""
        if value is None:
            return ""
        if "|" in format_spec:
            single, _, several = format_spec.partition("|")
            return single if value == 1 else several
        if isinstance(value, tuple):
            if format_spec.startswith("some"):
                return some(value, int(format_spec.removeprefix("some") or 3))
            return (format_spec.removeprefix("&") or ", ").join(map(str, value))
        return format(str(value) if isinstance(value, Note) else value, format_spec)


_FORMATTER = _Formatter()


_NOT_FINITE = ("nan", "inf", "-inf")
"""How records write numbers that JSON has not."""


def _plain(fact: Fact) -> object:
    if isinstance(fact, Note):
        return fact.record()
    if isinstance(fact, float) and not math.isfinite(fact):
        return str(fact)
    return [_plain(one) for one in fact] if isinstance(fact, tuple) else fact


def _read(value: object) -> object:
    if isinstance(value, Mapping):
        return Note.of_record(value)
    if isinstance(value, list):
        return tuple(map(_read, value))
    return float(str(value)) if value in _NOT_FINITE else value


def _fact(value: object) -> Fact:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, Note) or value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Iterable):
        return tuple(_fact(one) for one in value)
    raise TypeError(f"a note holds plain values, not {type(value).__name__}")
