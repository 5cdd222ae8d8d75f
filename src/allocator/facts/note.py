"""A note: a cause with its facts, put into words by the catalogue of its topic."""

from __future__ import annotations

import datetime as dt
import string
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Union

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
`{names:some}` quotes the first three and counts the others, `{names:some5}` the first five."""


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

    def record(self) -> dict[str, object]:
        """Return `cause`, the facts by name, and `text`, fit for JSON."""
        return {"cause": self.cause, **{name: _plain(fact) for name, fact in self.facts}, "text": self.text}

    @classmethod
    def of_record(cls, record: Mapping[str, object]) -> Note:
        """Return the note of a `record`, as read from JSON."""
        facts = {name: _fact(value) for name, value in record.items() if name not in ("cause", "text")}
        return note(str(record["cause"]), **facts)


def note(cause: str, **facts: object) -> Note:
    """Return a note, after checking that its cause is known and that its words find every fact they name.

    Facts are kept as plain values: NumPy scalars as numbers, dates in ISO form, sequences as tuples.

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


class _Formatter(string.Formatter):
    """Format fields with plurals (`{n:unit|units}`), lists, and the usual specifications."""

    def format_field(self, value: object, format_spec: str) -> str:
        if "|" in format_spec:
            single, _, several = format_spec.partition("|")
            return single if value == 1 else several
        if isinstance(value, tuple | list):
            if format_spec.startswith("some"):
                return some(value, int(format_spec.removeprefix("some") or 3))
            return ", ".join(map(str, value))
        return str(super().format_field(str(value) if isinstance(value, Note) else value, format_spec))


_FORMATTER = _Formatter()


def _plain(fact: Fact) -> object:
    if isinstance(fact, Note):
        return fact.record()
    return [_plain(one) for one in fact] if isinstance(fact, tuple) else fact


def _fact(value: object) -> Fact:
    if isinstance(value, Note) or value is None or isinstance(value, str | int | float | bool):
        return value
    if isinstance(value, Mapping):
        return Note.of_record(value)
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, Iterable):
        return tuple(_fact(one) for one in value)
    if isinstance(scalar := getattr(value, "item", lambda: None)(), str | int | float | bool):  # of NumPy
        return scalar
    raise TypeError(f"a note holds plain values, not {type(value).__name__}")
