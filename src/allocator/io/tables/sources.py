"""Where events come from: files and frames with mapped columns, read under the names of their roles."""

from __future__ import annotations

import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import pandas as pd
import pyproj

from allocator.config import DataSection
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.facts import Note
from allocator.io.tables.dates import FORMS
from allocator.io.tables.files import open_table, refuse_repeated, require_columns
from allocator.io.tables.forms import GEOMETRY_X, GEOMETRY_Y, Probe
from allocator.io.tables.personal import looks_personal, personal_faults
from allocator.io.tables.times import ParsedTimes, parse_times
from allocator.io.tables.values import without_codes

Source: TypeAlias = str | Path | pd.DataFrame

WGS84 = "EPSG:4326"
MOST_KINDS = 2_000
"""More different values than this are no kinds of event."""


PLACE = "give the place as columns.lon and columns.lat, as columns.x and columns.y, or as columns.place"


def label(source: Source) -> str:
    """Return what messages call a source."""
    return "the DataFrame" if isinstance(source, pd.DataFrame) else Path(source).name


def check_map(section: DataSection, sources: list[Source], *, timezone: str) -> None:
    """Refuse a column map that cannot work, with all its faults."""
    columns = section.columns
    mapped = columns.model_dump(exclude_none=True)
    files = any(not isinstance(source, pd.DataFrame) for source in sources)  # which may hold a place for each row
    faults = personal_faults(mapped, meant=section.not_personal)
    if not columns.kind:
        faults.append("columns.kind is required: the column with the offence or call type")
    faults += _time_faults(section)
    pairs = [pair for pair in (("lon", "lat"), ("x", "y"), ("place",)) if set(pair) & set(mapped)]
    if any(not set(pair) <= set(mapped) for pair in pairs) or len(pairs) > 1 or not (pairs or files):
        faults.append(PLACE)
    if ("x", "y") in pairs and not section.crs:
        faults.append('crs is required for x and y, for example "EPSG:2913"')
    if section.officer_initiated and not columns.origin:
        faults.append("officer_initiated needs columns.origin: the column that tells calls from officers' own")
    faults += _setting_faults(section, timezone)
    if not sources:
        faults.append("events: no file is given")
    if faults:
        raise ConfigError(
            "the [data] section cannot be used",
            faults=[f"data{': ' if fault.startswith('give ') else '.'}{fault}" for fault in faults],
        )


def _time_faults(section: DataSection) -> list[str]:
    """Return the faults of the columns that tell when, and of those that tell which version."""
    columns = section.columns
    parts = {role: getattr(columns, role) for role in ("year", "month", "day")}
    faults = []
    if sum((bool(columns.time), bool(columns.date), any(parts.values()))) != 1:
        faults.append(
            "give the time as columns.time, as columns.date (and columns.clock), or as columns.year, month and day "
            "(and hour, minute)"
        )
    elif any(parts.values()) and not all(parts.values()):
        faults.append(
            f"columns.year, month and day go together: {', '.join(r for r, n in parts.items() if not n)} is missing"
        )
    if columns.clock and not columns.date:
        faults.append("columns.clock needs columns.date")
    if columns.clock and columns.hour:
        faults.append("give the time of day as columns.clock or as columns.hour, not both")
    if columns.minute and not columns.hour:
        faults.append("columns.minute needs columns.hour")
    if columns.hour and columns.time:
        faults.append("columns.hour needs columns.date, or columns.year, month and day")
    if columns.version and section.duplicates != "last":
        faults.append('columns.version needs data.duplicates = "last"')
    elif columns.version and not columns.id:
        faults.append("columns.version needs columns.id")
    for n, rule in enumerate(section.leave_out):
        if rule.column is not None and looks_personal(rule.column) and rule.column not in section.not_personal:
            faults.append(
                f"leave_out.{n}.column = {rule.column!r} looks personal: allocator forecasts places, never persons"
            )
    return faults


def _setting_faults(section: DataSection, timezone: str) -> list[str]:
    """Return the faults of time zones, time format and coordinate system."""
    faults = []
    zones = zoneinfo.available_timezones()
    for zone in (timezone, section.timezone):
        if zone is not None and zone not in zones:
            faults.append(f"timezone: unknown time zone {zone!r}{nearest(zone, zones)}")
    if section.time_format and not known_format(section.time_format):
        faults.append(f"time_format: {section.time_format!r} is neither a strptime format nor one of {some(FORMS)}")
    if section.crs and not known_crs(section.crs):
        faults.append(f"crs: unknown coordinate system {section.crs!r}")
    return faults


def known_format(time_format: str) -> bool:
    """Return whether a text is a strptime format, or one of `FORMS`."""
    if time_format in FORMS:
        return True
    try:
        pd.to_datetime(["2017"], format=time_format, errors="coerce")
    except ValueError:
        return False
    return True


def known_crs(crs: str) -> bool:
    """Return whether a text names a coordinate system."""
    try:
        pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError:
        return False
    return True


@dataclass(frozen=True, eq=False)
class Piece:
    """One source: its mapped columns named by role, the names of all its columns, crs and broken rows."""

    frame: pd.DataFrame
    found: tuple[str, ...]
    crs: str
    bad_rows: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()


def read_piece(source: Source, section: DataSection) -> Piece:
    """Return a source's mapped columns; refuse it if one is missing or stands twice."""
    names = section.columns.model_dump(exclude_none=True)
    names |= {f"leave out {n}": rule.column for n, rule in enumerate(section.leave_out) if rule.column is not None}
    loose = section.preset is not None
    crs = WGS84 if section.columns.lon or section.columns.place else section.crs or ""
    if isinstance(source, pd.DataFrame):
        found = tuple(map(str, source.columns))
        roles = _match(names, found, loose=loose)
        require_columns(list(roles.values()), found, where=label(source))
        refuse_repeated(roles.values(), found, where=label(source))
        if not len(source):
            raise DataError("the DataFrame has no rows")
        data = {role: source.iloc[:, found.index(name)].array for role, name in roles.items()}
        return Piece(_without(pd.DataFrame(data), section.missing), found, crs)
    opened = open_table(source, layer=section.layer, wanted=list(names.values()))
    found = opened.names
    roles = _match(names, found, loose=loose)
    probe = _probe(source, roles, section)
    if not {"lon", "x", "place"} & set(roles) and not opened.has_places:
        raise ConfigError(f"{label(source)} is no map of points: {PLACE} (in [data.columns])")
    table = opened.columns(list(roles.values()), probe=probe)
    data = {role: table.frame[name] for role, name in roles.items()}
    if GEOMETRY_X in table.frame and not {"lon", "x", "place"} & set(roles):
        crs = section.crs or table.crs or ""
        if not crs:
            raise DataError(f"{label(source)} states no coordinate system: set data.crs")
        places = ("lon", "lat") if crs in (WGS84, "OGC:CRS84") else ("x", "y")
        data |= dict(zip(places, (table.frame[GEOMETRY_X], table.frame[GEOMETRY_Y]), strict=True))
        crs = WGS84 if places == ("lon", "lat") else crs
    return Piece(_without(pd.DataFrame(data), section.missing), found, crs, table.bad_rows, table.notes)


def _without(frame: pd.DataFrame, codes: Sequence[str]) -> pd.DataFrame:
    """Return the columns with nothing where a code for missing stands."""
    return frame.apply(lambda column: without_codes(column, codes)) if codes else frame


def plain_name(name: str) -> str:
    """Return a column name without case, spaces and underscores."""
    return re.sub(r"[\s_]+", "", name.lower())


def _match(columns: dict[str, str], found: tuple[str, ...], *, loose: bool) -> dict[str, str]:
    """Return role → column of the file; a preset's names match without case, spaces and underscores."""
    known = {plain_name(name): name for name in reversed(found)} if loose else {}
    return {role: name if name in found else known.get(plain_name(name), name) for role, name in columns.items()}


def _probe(source: str | Path, roles: dict[str, str], section: DataSection) -> Probe:
    """Return a check of samples of a file that gives up where most times are none or kinds abound."""
    column, kind = roles.get("time") or roles.get("date"), roles["kind"]
    seen: list[ParsedTimes] = []
    kinds: set[str] = set()

    def probe(rows: pd.DataFrame) -> None:
        kinds.update(rows[kind])
        if column is not None:
            seen.append(
                parse_times(
                    without_codes(rows[column], section.missing), time_format=section.time_format, order=section.dates
                )
            )
        bad, total = sum(int(times.bad.sum()) for times in seen), sum(len(times.bad) for times in seen)
        if total >= 1_000 and bad > total / 2:
            last = seen[-1]
            raise DataError(
                f"{label(source)}: {bad:,} of {total:,} sampled times cannot be read; reading was given up: set "
                "data.time_format, or another column",
                faults=[str(last.fault(str(column)))],
                column=column,
                count=bad,
                examples=last.text[last.bad].unique().tolist()[:3],
            )
        if len(kinds) > MOST_KINDS:
            raise DataError(f"{label(source)}: {too_many_kinds(kind, len(kinds))}", column=kind, count=len(kinds))

    return probe


def too_many_kinds(column: str | None, count: int) -> str:
    """Return the fault of a column that can hardly hold kinds of events."""
    return f"column {column!r} holds {count:,} or more different values: it is hardly the kind of event"
