"""A first look at a file of events: which column holds what, and what would become of its rows."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import Job
from allocator.domain import Events
from allocator.errors import AllocatorError
from allocator.facts import Note
from allocator.io.history.events import read_events
from allocator.io.history.guess import codes_for_missing, guess_columns, guess_version, is_place
from allocator.io.history.presets import with_preset
from allocator.io.tables import as_text, open_table, personal_columns

_ROWS = 2_000
_SHOWN = 3
_MOST_VALUES = 8


@dataclass(frozen=True, eq=False)
class Look:
    """What a file of events seems to hold.

    Parameters
    ----------
    path : str
        Name of the file.
    form : str
        What it is, by content.
    columns : mapping of str to str
        Role → column, as guessed or given.
    examples : mapping of str to tuple of str
        Three different values of each of these columns.
    others : tuple of str
        Columns that are not mapped, those that look personal left out.
    personal : tuple of str
        Columns that look personal: no value of them was read.
    timezone : str
        Zone in which times are local.
    events : Events, optional
        What was read with these columns; None where it could not be.
    error : str
        Why it could not be read; "" where it could.
    options : mapping of str to object
        Further keys of `[data]` that the file needs, as found.
    refused : str
        Why the file is refused as it is, where rows that cannot be read are left out of `events`; "" where none are.
    status : mapping of str to tuple of str
        Columns that may tell which rows are no events, with their values.
    version : str
        Column that may tell which of several rows of one id is the last; "" for none.
    """

    path: str
    form: str
    columns: dict[str, str]
    examples: dict[str, tuple[str, ...]]
    others: tuple[str, ...]
    personal: tuple[str, ...]
    timezone: str
    events: Events | None = None
    error: str = ""
    options: dict[str, object] = field(default_factory=dict)
    refused: str = ""
    status: dict[str, tuple[str, ...]] = field(default_factory=dict)
    version: str = ""

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is told of its rows."""
        return () if self.events is None else self.events.notes

    def times(self, n: int = 5) -> list[tuple[str, str]]:
        """Return local and UTC times of some events, from the first to the last."""
        if self.events is None or not len(self.events):
            return []
        rows = np.unique(np.linspace(0, len(self.events) - 1, n).astype(int))
        utc = pd.DatetimeIndex(self.events.time[rows]).tz_localize("UTC")
        local = utc.tz_convert(self.timezone)
        return [(f"{a:%Y-%m-%d %H:%M}", f"{b:%Y-%m-%d %H:%M}") for a, b in zip(local, utc, strict=True)]

    def months(self) -> tuple[tuple[str, ...], tuple[str, ...], npt.NDArray[np.int64]]:
        """Return kinds (the most frequent first), months, and the counts, (n_kinds, n_months)."""
        if self.events is None or not len(self.events):
            return (), (), np.zeros((0, 0), np.int64)
        local = pd.DatetimeIndex(self.events.time).tz_localize("UTC").tz_convert(self.timezone).tz_localize(None)
        month = local.to_numpy().astype("datetime64[M]").astype(np.int64)
        counts = np.zeros((len(self.events.kinds), int(month.max() - month.min()) + 1), np.int64)
        np.add.at(counts, (self.events.kind, month - month.min()), 1)
        order = np.argsort(-counts.sum(axis=1), kind="stable")
        names = tuple(str(np.datetime64(int(month.min()) + n, "M")) for n in range(counts.shape[1]))
        return tuple(self.events.kinds[row] for row in order), names, counts[order]

    @property
    def midnight_share(self) -> float:
        """Share of the events that stand at exactly 00:00, local time."""
        if self.events is None or not len(self.events):
            return 0.0
        local = pd.DatetimeIndex(self.events.time).tz_localize("UTC").tz_convert(self.timezone)
        return float(((local.hour == 0) & (local.minute == 0)).mean())

    def section(self) -> str:
        """Return the `[data]` section to paste into a job; what is a matter of judgement stands in it as a comment."""
        lines = ["[data]", f'events = "{self.path}"']
        lines += [f"{key} = {_toml(value)}" for key, value in self.options.items()]
        lines += ['bad_rows = "drop"  # some rows cannot be read, and are left out'] if self.refused else []
        repeats = 0 if self.events is None else self.events.ledger.get("repeated id", 0)
        if repeats:
            lines.append(
                f'# duplicates = "last"  # {repeats:,} rows repeat an id: keeps the last version, not the first'
            )
        lines += ["", "[data.columns]", *(f"{role} = {_toml(name)}" for role, name in self.columns.items())]
        lines += [f"# version = {_toml(self.version)}  # says which version of an id is the last"] * bool(
            repeats and self.version
        )
        return "\n".join([*lines, *self._left_out()])

    def _of(self, *causes: str) -> list[Note]:
        return [told for told in self.notes if told.cause in causes]

    def _left_out(self) -> Iterator[str]:
        """Yield rules of rows to leave out, as comments: whether they are events is not for a program to say."""
        for told in self._of("history.heap", "history.heap_near"):
            yield f"\n# {told.get('count')} events at one place: leave them out if that is a station or a default"
            yield f"# [[data.leave_out]]\n# at = [{told.get('x')}, {told.get('y')}]"
            if within := told.get("within"):
                yield f"# within = {within}"
        for name, values in self.status.items():
            yield "\n# are there rows that are no events, such as unfounded ones? leave their values alone in this list"
            yield f"# [[data.leave_out]]\n# column = {_toml(name)}\n# values = {_toml(list(values))}"


def _toml(value: object) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_toml, value))}]"
    return json.dumps(str(value), ensure_ascii=False)


def look_at(
    path: str | Path, *, timezone: str, columns: dict[str, str] | None = None, crs: str | None = None,
    layer: str | None = None,
) -> Look:  # fmt: skip
    """Return a first look at a file of events.

    Parameters
    ----------
    path : path
        Any form that `read_events` reads.
    timezone : str
        IANA name of the local time zone.
    columns : dict, optional
        Role → column where the guess is wrong.
    crs : str, optional
        Coordinate system of x and y.
    layer : str, optional
        Layer of a GeoPackage, or sheet of a workbook.

    Raises
    ------
    DataError
        If the file cannot be opened as a table.
    """
    table = open_table(path, layer=layer)
    personal = personal_columns(table.names)
    plain = [name for name in table.names if name not in personal or is_place(name)]
    sample = table.head(plain, _ROWS)
    given = columns or {}
    guessed = guess_columns(table, sample)
    if {"place", "x", "lon"} & set(given):
        guessed = {role: name for role, name in guessed.items() if role not in ("lon", "lat", "x", "y", "place")}
    if {"time", "date", "year"} & set(given):
        guessed = {role: name for role, name in guessed.items() if role not in ("time", "date", "clock", "year")}
    guessed |= given
    options: dict[str, Any] = {key: value for key, value in (("crs", crs), ("layer", layer)) if value is not None}
    if meant := [name for name in guessed.values() if name in personal]:
        options["not_personal"] = meant
    if "version" in guessed:
        options["duplicates"] = "last"
    if codes := codes_for_missing(sample, guessed):
        options["missing"] = codes
    events, refused, error = _read(path, timezone, guessed, options)
    known = [name for name in guessed.values() if name in sample]
    found = Look(
        path=Path(path).name, form=table.form.kind, columns=guessed,
        examples={name: _values(sample[name], _SHOWN) for name in known},
        others=tuple(name for name in plain if name not in guessed.values()), personal=personal, timezone=timezone,
        events=events, error=error, options=options, refused=refused, version=guess_version(plain),
    )  # fmt: skip
    named = [name for told in found._of("history.status_unused") for name in sorted(told.named("column"))]
    values = {name: _values(sample[name], _MOST_VALUES) for name in named if name in sample}
    return dataclasses.replace(found, status=values)


def look_of_job(job: Job, events: Events) -> Look:
    """Return a look at the first file of a job's events, with what was read of all.

    Parameters
    ----------
    job : Job
        From `read_job`.
    events : Events
        Its events.
    """
    section = with_preset(job.data)
    table = open_table(section.events[0], layer=section.layer)
    columns = {role: str(name) for role, name in section.columns.model_dump().items() if name in table.names}
    sample = table.head(list(dict.fromkeys(columns.values())), _ROWS)
    personal = personal_columns(table.names)
    return Look(
        path=", ".join(Path(path).name for path in section.events), form=table.form.kind, columns=columns,
        examples={name: _values(sample[name], _SHOWN) for name in sample},
        others=tuple(name for name in table.names if name not in (*columns.values(), *personal)),
        personal=tuple(name for name in personal if name not in columns.values()), timezone=job.job.timezone,
        events=events,
    )  # fmt: skip


def _read(
    path: str | Path, timezone: str, columns: dict[str, str], options: dict[str, Any]
) -> tuple[Events | None, str, str]:
    """Return the events, why rows are left out of them, and why there are none."""
    refused = ""
    for bad_rows in ("refuse", "drop"):
        try:
            events = read_events(path, timezone=timezone, columns=columns, bad_rows=bad_rows, **options)
        except AllocatorError as fault:
            refused, error = refused or str(fault), str(fault)
        else:
            return events, refused, ""
    return None, "", error


def _values(values: pd.Series[Any], n: int) -> tuple[str, ...]:
    text = as_text(values)
    return tuple(text[text.ne("")].unique()[:n])
