"""Places of rows: two columns of numbers, or one column of text."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from allocator.config import DataSection, LeaveOut
from allocator.domain import Bools, Floats, Ints
from allocator.errors import some
from allocator.facts import note
from allocator.io.history.columns.book import Book
from allocator.io.tables import as_numbers, as_text

_NUMBER = r"[+-]?\d+(?:[.,]\d+)?(?:[eE][+-]?\d+)?"
_WKT = rf"(?i)^\s*(?:SRID=\d+;)?POINT\s*Z?\s*\(\s*(?P<lon>{_NUMBER})\s+(?P<lat>{_NUMBER})(?:\s+{_NUMBER})?\s*\)\s*$"
_GEOJSON = rf"\"coordinates\"\s*:\s*\[\s*(?P<lon>{_NUMBER})\s*,\s*(?P<lat>{_NUMBER})"
_NAMED = (
    rf"(?i)['\"]?(?:latitude|lat)['\"]?\s*[:=]\s*['\"]?(?P<lat>{_NUMBER}).*?"
    rf"['\"]?(?:longitude|long|lon|lng)['\"]?\s*[:=]\s*['\"]?(?P<lon>{_NUMBER})"
)
_PAIR = r"^\s*[(\[]?\s*(?P<lat>[+-]?\d+(?:\.\d+)?)°?\s*[,;\s]\s*(?P<lon>[+-]?\d+(?:\.\d+)?)°?\s*[)\]]?\s*$"
_DEGREES = (
    r"(?i)^\s*(?P<d>\d{1,3}(?:[.,]\d+)?)\s*[°d:\s]\s*(?P<m>\d{1,2}(?:[.,]\d+)?)?\s*['′m:]?\s*(?P<s>\d{1,2}(?:[.,]\d+)?)?\s*(?:\"|″|'')?\s*"
    r"(?P<side>[NSEW])\s*$"
)


def places_of(frame: pd.DataFrame, section: DataSection, book: Book) -> tuple[Floats, Floats]:
    """Return east and north of each event as the file has them; rows without a place are dropped."""
    roles, x, y, bad = _read(frame)
    if bad.any():
        name = section.columns.place or getattr(section.columns, roles[0])
        column = (
            frame["place"]
            if "place" in frame
            else frame[roles[0]].where(as_numbers(frame[roles[0]])[1], frame[roles[1]])
        )
        fault = (
            f"column {name!r}: {int(bad.sum()):,} of {len(frame):,} places are no numbers, for example "
            f'{some(column[bad].unique()[:3])}; name codes for missing in data.missing, or set data.bad_rows = "drop"'
        )
        book.refuse(bad, fault, reason="place cannot be read")
    missing = ~bad & (~np.isfinite(x) | ~np.isfinite(y) | ((x == 0) & (y == 0)))
    if section.corrections == "net" and {"id", "count"} <= set(frame):
        source = _corrected_rows(frame, missing=missing)
        known = source >= 0
        x, y, missing = np.where(known, x[source], x), np.where(known, y[source], y), missing & ~known
        book.mark(known, "correction without place (put where the row it corrects is)")
        if lost := int((missing & (as_numbers(frame["count"])[0] < 0)).sum()):
            book.notes.append(note("history.corrections_lost", count=lost))
    book.drop(missing, "without place")
    if roles == ("lon", "lat"):
        impossible = ~missing & ~bad & ((np.abs(y) > 90) | (np.abs(x) > 180))
        book.refuse(impossible, _impossible(x, y, impossible), reason="impossible place")
    for n, rule in enumerate(section.leave_out):
        if rule.at is not None:
            here = (np.abs(x - rule.at[0]) <= rule.within) & (np.abs(y - rule.at[1]) <= rule.within)
            _left_out(here, f"left out at {rule.at[0]:g}, {rule.at[1]:g}", n, book)
    return x, y


def leave_out(frame: pd.DataFrame, rules: Sequence[LeaveOut], book: Book) -> None:
    """Drop the rows that the rules of a job leave out by the value of a column; one that meets none is a fault."""
    for n, rule in enumerate(rules):
        if rule.column is None:
            continue
        values = as_text(frame[f"leave out {n}"]).str.casefold()
        wanted = {value.strip().casefold() for value in rule.values}
        _left_out(values.isin(wanted).to_numpy(), f"left out by {rule.column} = {some(rule.values)}", n, book)
        if strange := sorted(wanted - set(values)):
            book.notes.append(note("history.leave_out_unused", column=rule.column, values=strange))


def _left_out(rows: Bools, reason: str, number: int, book: Book) -> None:
    if not rows.any():
        book.notes.append(note("history.leave_out_none", number=number))
    book.drop(rows, reason)


def _read(frame: pd.DataFrame) -> tuple[tuple[str, str], Floats, Floats, Bools]:
    """Return the roles of the two numbers, the numbers, and the rows that hold other text."""
    if "place" in frame:
        text = as_text(frame["place"])
        text = text.mask(text.str.fullmatch(r"(?i)POINT\s*Z?\s*EMPTY"), "")
        lon, lat = parse_places(text)
        return ("lon", "lat"), lon, lat, (np.isnan(lon) & text.ne("")).to_numpy()
    roles = ("lon", "lat") if "lon" in frame else ("x", "y")
    (x, bad_x), (y, bad_y) = (as_numbers(frame[role], degrees=roles[0] == "lon") for role in roles)
    if roles == ("lon", "lat") and (bad_x | bad_y).any():
        x, bad_x = _sided(frame["lon"], x, bad_x)
        y, bad_y = _sided(frame["lat"], y, bad_y)
    return roles, x, y, bad_x | bad_y


def _sided(values: pd.Series[str], numbers: Floats, bad: Bools) -> tuple[Floats, Bools]:
    """Return degrees written as 40° 26' 46" N where they are no plain number."""
    if not bad.any():
        return numbers, bad
    degrees = numbers.copy()
    degrees[bad] = _degrees(as_text(values)[bad])
    return degrees, bad & np.isnan(degrees)


def _degrees(text: pd.Series[str]) -> Floats:
    parts = text.str.extract(_DEGREES)
    d, m, s = (pd.to_numeric(parts[key].str.replace(",", "."), errors="coerce").fillna(0 if key != "d" else np.nan)
               for key in "dms")  # fmt: skip
    sign = np.where(parts["side"].str.upper().isin(("S", "W")), -1.0, 1.0)
    sound = (m < 60) & (s < 60)
    return np.where(sound, sign * (d + m / 60 + s / 3600), np.nan)


def parse_places(text: pd.Series[str]) -> tuple[Floats, Floats]:
    """Return longitude and latitude of texts, NaN where they are none.

    Known are WKT and GeoJSON (longitude first), pairs (latitude first, as open-data servers write them, unless a
    first number beyond ±90 shows the other order), names with numbers, and degrees with N, S, E, W.
    """
    lon, lat = np.full(len(text), np.nan), np.full(len(text), np.nan)
    left = text.ne("").to_numpy().copy()
    for pattern in (_WKT, _GEOJSON, _NAMED, _PAIR):
        rows = np.flatnonzero(left)
        if not len(rows):
            break
        # What stands above a pair is an address.
        shown = text.iloc[rows].str.rsplit("\n", n=1).str[-1] if pattern is _PAIR else text.iloc[rows]
        parts = shown.str.extract(pattern)
        first, second = (pd.to_numeric(parts[key].str.replace(",", "."), errors="coerce").to_numpy(np.float64)
                         for key in ("lon", "lat"))  # fmt: skip
        beyond = np.abs(second) > 90
        if pattern is _PAIR and beyond.sum() > np.isfinite(second).sum() / 2:
            first, second = second, first
        found = np.isfinite(first) & np.isfinite(second)
        lon[rows[found]], lat[rows[found]] = first[found], second[found]
        left[rows[found]] = False
    rows = np.flatnonzero(left)
    if len(rows):
        halves = text.iloc[rows].str.extract(r"(?i)^(.*?[NS])[,;\s]+(.*[EW])\s*$")
        north, east = (_degrees(halves[n].fillna("")) for n in (0, 1))
        lon[rows], lat[rows] = np.where(np.isnan(north), np.nan, east), np.where(np.isnan(east), np.nan, north)
    return lon, lat


def _corrected_rows(frame: pd.DataFrame, *, missing: Bools) -> Ints:
    """Return for each negative row without place the first placed positive row of the same id, else -1."""
    identity = as_text(frame["id"])
    counts, _ = as_numbers(frame["count"])
    usable = identity.ne("").to_numpy()
    known = np.flatnonzero(usable & ~missing & (counts > 0))
    first = pd.Series(known, index=identity.iloc[known].to_numpy())
    first = first[~first.index.duplicated()]
    wanted = np.flatnonzero(usable & missing & (counts < 0))
    rows = np.full(len(frame), -1, np.intp)
    rows[wanted] = first.reindex(identity.iloc[wanted].to_numpy()).fillna(-1).to_numpy(dtype=np.intp)
    return rows


def _impossible(x: Floats, y: Floats, rows: Bools) -> str | None:
    count = int(rows.sum())
    if not count:
        return None
    where = f"{count:,} of {len(x):,} places lie outside ±90° latitude or ±180° longitude"
    example = f"for example lon {x[rows][0]:.6g}, lat {y[rows][0]:.6g}"
    if ((np.abs(x[rows]) <= 90) & (np.abs(y[rows]) <= 180)).mean() > 0.5:
        return f"{where}: latitude and longitude look swapped ({example}); exchange data.columns.lon and .lat"
    return (
        f"{where} ({example}); if they are metres or feet, map them as x and y and set data.crs, if they are codes "
        "for missing, name them in data.missing"
    )
