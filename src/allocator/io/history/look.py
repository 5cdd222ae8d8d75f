"""A first look at a file of events: which column holds what, and what would become of its rows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain import Events
from allocator.errors import AllocatorError
from allocator.facts import Note
from allocator.io.history.columns.places import parse_places
from allocator.io.history.events import read_events
from allocator.io.history.presets import read_data_file
from allocator.io.tables import (
    OpenTable,
    as_numbers,
    as_text,
    open_table,
    parse_times,
    personal_columns,
)  # fmt: skip

_ROWS = 2_000
_SHOWN = 3
_CLOCK = r"(?i)\d{1,6}(\.\d+)?|\d{1,2}[:h]\d{2}.*|\d{4}-\d\d-\d\d[T ].*"
_PAIRS = (("lon", "lat"), ("x", "y"))


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

    def section(self) -> str:
        """Return the `[data]` section to paste into a job."""
        lines = ["[data]", f'events = "{self.path}"']
        lines += [f"{key} = {_toml(value)}" for key, value in self.options.items()]
        lines += ["", "[data.columns]", *(f"{role} = {_toml(name)}" for role, name in self.columns.items())]
        return "\n".join(lines)


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
    plain = [name for name in table.names if name not in personal or _is_place(name)]
    sample = table.head(plain, _ROWS)
    given = columns or {}
    guessed = _guess(table, sample)
    if {"place", "x", "lon"} & set(given):
        guessed = {role: name for role, name in guessed.items() if role not in ("lon", "lat", "x", "y", "place")}
    if {"time", "date", "year"} & set(given):
        guessed = {role: name for role, name in guessed.items() if role not in ("time", "date", "clock", "year")}
    guessed |= given
    options: dict[str, Any] = {key: value for key, value in (("crs", crs), ("layer", layer)) if value is not None}
    if meant := [name for name in guessed.values() if name in personal]:
        options["not_personal"] = meant
    known = [name for name in guessed.values() if name in sample]
    examples = {name: tuple(as_text(sample[name])[lambda text: text.ne("")].unique()[:_SHOWN]) for name in known}
    events, error = None, ""
    try:
        events = read_events(path, timezone=timezone, columns=guessed, bad_rows="drop", **options)
    except AllocatorError as fault:
        error = str(fault)
    return Look(
        path=Path(path).name, form=table.form.kind, columns=guessed, examples=examples,
        others=tuple(name for name in plain if name not in guessed.values()), personal=personal, timezone=timezone,
        events=events, error=error, options=options,
    )  # fmt: skip


def _is_place(name: str) -> bool:
    names = read_data_file("look")
    return _bare(name) in {one for pair in _PAIRS for role in pair for one in names[role]}


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _guess(table: OpenTable, sample: pd.DataFrame) -> dict[str, str]:
    """Return role → column by names, each confirmed by what the column holds."""
    named: dict[str, str] = {}
    for name in sample:
        named.setdefault(_bare(str(name)), str(name))
    pick = partial(_first, named, sample)
    found: dict[str, str] = {}
    if (when := pick("time", _are_times)) is not None:
        only_days = _are_days(sample[when])
        clock = pick("clock", _are_clocks, taken={when}) if only_days else None
        found |= {"time": when} if clock is None else {"date": when, "clock": clock}
    elif all(parts := [pick(role, _is_filled) for role in ("year", "month", "day")]):
        found |= dict(zip(("year", "month", "day"), map(str, parts), strict=True))
        found |= {role: name for role in ("hour", "minute") if (name := pick(role, _is_filled)) is not None}
    found |= {} if table.has_places else _guess_place(pick)
    for role, fits in (("kind", _are_kinds), ("id", _are_ids), ("reported_at", _are_times)):
        if (name := pick(role, fits, taken=set(found.values()))) is not None:
            found[role] = name
    return found


def _guess_place(pick: Callable[..., str | None]) -> dict[str, str]:
    for pair in _PAIRS:
        east, north = (pick(role, _are_numbers) for role in pair)
        if east is not None and north is not None:
            return dict(zip(pair, (east, north), strict=True))
    place = pick("place", lambda values: bool(np.isfinite(parse_places(as_text(values))[0]).mean() > 0.5))
    return {} if place is None else {"place": place}


def _first(
    named: dict[str, str], sample: pd.DataFrame, role: str, fits: Callable[[pd.Series[str]], bool],
    taken: Collection[str] = (),
) -> str | None:  # fmt: skip
    """Return the first column of a usual name of a role, else the first whose name begins or ends so, that fits."""
    wanted = read_data_file("look")[role]
    exact = [named[name] for name in wanted if name in named]
    near = [column for name in wanted if len(name) > 3 for bare, column in named.items()
            if bare.startswith(name) or bare.endswith(name)]  # fmt: skip
    return next((name for name in (*exact, *near) if name not in taken and fits(sample[name])), None)


def _is_filled(values: pd.Series[str]) -> bool:
    return bool(as_text(values).ne("").mean() > 0.5)


def _are_times(values: pd.Series[str]) -> bool:
    times = parse_times(values)
    return bool((~np.isnat(times.time)).sum() > 0.5 * (~times.missing).sum() > 0)


def _are_days(values: pd.Series[str]) -> bool:
    times = parse_times(values)
    return times.midnight_share(~times.missing & ~times.bad, "UTC") > 0.95


def _are_clocks(values: pd.Series[str]) -> bool:
    text = as_text(values)
    return bool(text[text.ne("")].str.fullmatch(_CLOCK).mean() > 0.9)


def _are_numbers(values: pd.Series[str]) -> bool:
    return bool(np.isfinite(as_numbers(values)[0]).mean() > 0.3)


def _are_kinds(values: pd.Series[str]) -> bool:
    text = as_text(values)
    return bool(1 <= text[text.ne("")].nunique() <= max(50, len(text) // 5))


def _are_ids(values: pd.Series[str]) -> bool:
    text = as_text(values)
    filled = text[text.ne("")]
    return bool(len(filled) > 0.9 * len(text) and filled.nunique() > 0.5 * len(filled))
