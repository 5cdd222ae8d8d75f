"""Which column of a file of events holds what, guessed from names and confirmed by what they hold."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from functools import partial

import numpy as np
import pandas as pd

from allocator.domain import Bools
from allocator.io.history.columns.places import parse_places
from allocator.io.history.presets import read_data_file
from allocator.io.tables import OpenTable, as_numbers, as_text, parse_times

_CLOCK = r"(?i)\d{1,6}(\.\d+)?|\d{1,2}[:h]\d{2}.*|\d{4}-\d\d-\d\d[T ].*"
_PAIRS = (("lon", "lat"), ("x", "y"))
_CODE = r"-?9{3,}(?:\.0*)?"
"""Numbers that stand for nothing: -999, 9999, 999999.0."""
_OFTEN, _MOST_CODES = 3, 8


def is_place(name: str) -> bool:
    """Return whether a column of that name usually holds a coordinate."""
    names = read_data_file("look")
    return _bare(name) in {one for pair in _PAIRS for role in pair for one in names[role]}


def _bare(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def guess_columns(table: OpenTable, sample: pd.DataFrame) -> dict[str, str]:
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
    return bool(len(filled) > 0.9 * len(text) and filled.nunique() > 0.3 * len(filled))


def guess_version(names: Collection[str]) -> str:
    """Return the column that may tell which version of a row is the last, "" for none."""
    known = read_data_file("look")["version"]
    return next((name for name in names if _bare(name) in known), "")


def codes_for_missing(sample: pd.DataFrame, columns: dict[str, str]) -> list[str]:
    """Return texts that stand again and again where a coordinate or a time should, such as -999 or NSA.

    Parameters
    ----------
    sample : DataFrame
        First rows of the file.
    columns : mapping of str to str
        Role → column.
    """
    odd = dict[str, int]()
    for role, name in columns.items():
        if name not in sample:
            continue
        text = as_text(sample[name])
        if role in ("lon", "lat", "x", "y"):
            wrong = _no_coordinates(text, degrees=role in ("lon", "lat"))
        elif role in ("time", "date", "reported_at", "end"):
            times = parse_times(sample[name])
            wrong = times.bad if times.bad.mean() < 0.5 else np.zeros(len(text), bool)
        else:
            continue
        for value, count in text[wrong].value_counts().items():
            odd[str(value)] = max(odd.get(str(value), 0), int(count))
    often = [value for value, count in odd.items() if count >= _OFTEN]
    return sorted(often, key=lambda value: (-odd[value], value))[:_MOST_CODES]


def _no_coordinates(text: pd.Series[str], *, degrees: bool) -> Bools:
    numbers, odd = as_numbers(text, degrees=degrees)
    if odd.mean() >= 0.5:
        return np.zeros(len(text), bool)
    code = text.str.fullmatch(_CODE).to_numpy(bool)
    return np.asarray(odd | (code & (np.abs(np.nan_to_num(numbers)) > 180 if degrees else True)))
