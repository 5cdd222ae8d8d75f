"""Reading calls for service: the stamps of their handling become waits and minutes, missing ones imputed and marked."""

from __future__ import annotations

import dataclasses
import zoneinfo
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from allocator.config import CallColumns, Job, StaffingSection
from allocator.domain import Calls, Ints, Times
from allocator.errors import ConfigError, DataError, nearest
from allocator.io.history.columns.book import Book
from allocator.io.history.columns.calls import (
    check_order,
    durations_of,
    filled,
    fold_repeated,
    kinds_of,
    local_hour,
    places_of,
    priorities_of,
    stamps_of,
    units_of,
)
from allocator.io.history.columns.origins import origins_of
from allocator.io.tables import (
    Source,
    known_crs,
    known_format,
    label,
    open_table,
    personal_columns,
    personal_faults,
    refuse_repeated,
    require_columns,
    without_codes,
)


def read_calls(
    source: Source | Sequence[Source], *, timezone: str, columns: CallColumns | Mapping[str, str] | None = None,
    file_timezone: str | None = None, **options: Any,
) -> Calls:  # fmt: skip
    """Return the calls for service of a file, of several files, or of a DataFrame.

    Parameters
    ----------
    source : path, DataFrame, or sequence of them
        CSV or Parquet.
    timezone : str
        Local time zone of the agency, for example "America/Chicago".
    columns : mapping
        Which column holds what; the roles are those of `CallColumns`.
    file_timezone : str, optional
        Time zone of the times in the file, if it is another one.
    **options
        Any other key of `StaffingSection` about the file, such as `crs`, `officer_initiated` or `bad_rows`.

    Returns
    -------
    Calls
        Missing stamps are imputed by the median minutes of the priority at that hour of the day (of the priority, or
        of all calls, where fewer than ten are known), and marked in `Calls.imputed`.

    Raises
    ------
    ConfigError
        If an option or the column map is wrong.
    DataError
        If the file breaks its contract; all faults at once.
    """
    sources = [source] if isinstance(source, str | Path | pd.DataFrame) else list(source)
    named = columns.model_dump(exclude_none=True) if isinstance(columns, CallColumns) else dict(columns or {})
    content = {**options, "columns": named} | ({"timezone": file_timezone} if file_timezone else {})
    try:
        section = StaffingSection.model_validate(content)
    except ValidationError as error:
        known = [*CallColumns.model_fields, *StaffingSection.model_fields]
        faults = [
            f"{'.'.join(map(str, one['loc']))}: {one['msg']}"
            + (nearest(str(one["loc"][-1]), known) if one["type"] == "extra_forbidden" else "")
            for one in error.errors()
        ]
        raise ConfigError("the options of read_calls are wrong", faults=faults) from None
    return _read(sources, section, timezone=timezone)


def read_job_calls(job: Job) -> Calls:
    """Return the calls of a job's `[staffing]` section; see `read_calls`.

    Raises
    ------
    ConfigError, DataError
        As `read_calls`; also if the job names no calls.
    """
    if not job.staffing.calls:
        raise ConfigError(
            "the job names no calls for service: set staffing.calls to the file, and its columns in [staffing.columns]"
        )
    return _read(list(job.staffing.calls), job.staffing, timezone=job.job.timezone)


def _read(sources: list[Source], section: StaffingSection, *, timezone: str) -> Calls:
    _check_map(section, timezone)
    pieces = [_piece(source, section) for source in sources]
    frame = pd.concat([piece[0] for piece in pieces], ignore_index=True)
    if section.missing:
        frame = frame.apply(lambda column: without_codes(column, section.missing))
    broken = [(label(source), rows) for source, (_, _, rows) in zip(sources, pieces, strict=True) if rows]
    ledger = {"read": len(frame) + sum(len(rows) for _, rows in broken)}
    book = Book(np.ones(len(frame), bool), ledger, section.bad_rows, section="staffing")
    book.count(sum(len(rows) for _, rows in broken), "rows with the wrong number of columns")
    if section.bad_rows == "refuse":
        book.faults += [
            f"{name}: {len(rows):,} rows have the wrong number of columns, for example {'; '.join(rows[:3])}"
            for name, rows in broken
        ]
    calls = _assemble(frame, section, book=book, timezone=timezone)
    personal = dict.fromkeys(name for _, found, _ in pieces for name in personal_columns(found))
    return dataclasses.replace(calls, dropped_columns=tuple(personal))


def _check_map(section: StaffingSection, timezone: str) -> None:
    """Refuse a column map that cannot work, with all its faults."""
    columns = section.columns.model_dump(exclude_none=True)
    faults = personal_faults(columns, meant=section.not_personal)
    faults += [
        f"columns.{role} is required: {what}"
        for role, what in {
            "received": "when the call came in", "dispatched": "when the first unit was sent",
            "cleared": "when the unit was free again", "priority": "the priority label",
        }.items()
        if role not in columns
    ]  # fmt: skip
    places = [pair for pair in (("lon", "lat"), ("x", "y"), ("district",)) if set(pair) & set(columns)]
    if len(places) > 1 or any(not set(pair) <= set(columns) for pair in places):
        faults.append(
            "give the place as columns.lon and columns.lat, as columns.x and columns.y, or as columns.district"
        )
    if "x" in columns and not section.crs:
        faults.append('crs is required for x and y, for example "EPSG:2913"')
    if section.crs and not known_crs(section.crs):
        faults.append(f"crs: unknown coordinate system {section.crs!r}")
    if section.time_format and not known_format(section.time_format):
        faults.append(f"time_format: {section.time_format!r} is neither a strptime format nor a known form")
    if section.officer_initiated and "origin" not in columns:
        faults.append("officer_initiated needs columns.origin: the column that tells calls from officers' own")
    zones = zoneinfo.available_timezones()
    for zone in (timezone, section.timezone):
        if zone is not None and zone not in zones:
            faults.append(f"timezone: unknown time zone {zone!r}{nearest(zone, zones)}")
    if faults:
        raise ConfigError("the [staffing] section cannot be used", faults=[f"staffing.{fault}" for fault in faults])


def _piece(source: Source, section: StaffingSection) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """Return the mapped columns named by role, the names of all columns, and the broken rows."""
    names = section.columns.model_dump(exclude_none=True)
    if isinstance(source, pd.DataFrame):
        found = tuple(map(str, source.columns))
        require_columns(list(names.values()), found, where=label(source))
        refuse_repeated(names.values(), found, where=label(source))
        if not len(source):
            raise DataError("the DataFrame has no rows")
        return pd.DataFrame({role: source.iloc[:, found.index(name)].array for role, name in names.items()}), found, ()
    opened = open_table(source)
    table = opened.columns(list(names.values()))
    frame = pd.DataFrame({role: table.frame[name] for role, name in names.items()})
    return frame, opened.names, table.bad_rows


def _months(received: Times) -> Ints:
    month = received.astype("datetime64[M]").astype(np.int64)
    return np.where(np.isnat(received), -1, month)


def _assemble(frame: pd.DataFrame, section: StaffingSection, *, book: Book, timezone: str) -> Calls:
    """Return the calls of a frame whose columns are roles; raise all its faults at once."""
    stamps = stamps_of(frame, section, book, timezone)
    priority, priorities = priorities_of(frame, section, book)
    units = units_of(frame, section, book)
    origin = origins_of(frame, section.officer_initiated, book)
    place = places_of(frame, section, book)
    check_order(stamps, section, book, size=len(frame))
    units = fold_repeated(frame, stamps, units, section, book)  # after: the folded call has stamps of several rows
    if book.faults:
        several = "1 fault" if len(book.faults) == 1 else f"{len(book.faults)} faults"
        raise DataError(
            f"the calls have {several}: {book.faults[0]}", faults=book.faults if len(book.faults) > 1 else ()
        )
    rows = np.flatnonzero(book.keep)
    if not len(rows):
        raise DataError("no usable calls (staffing.calls): every row is left out", faults=book.lines)
    rows = rows[np.argsort(stamps["received"][rows], kind="stable")]
    minutes, imputed = durations_of({role: times[rows] for role, times in stamps.items()}, section, book)
    hour = local_hour(stamps["received"][rows], timezone)
    for name in minutes:
        minutes[name] = filled(minutes[name], priority[rows], hour)
    kind, kinds = kinds_of(frame, book)
    book.notes += book.losses(priority, priorities, _months(stamps["received"]))
    place = {name: value[rows] if isinstance(value, np.ndarray) else value for name, value in place.items()}
    return Calls(
        time=stamps["received"][rows], wait=minutes["wait"], travel=minutes["travel"], service=minutes["service"],
        priority=priority[rows], priorities=priorities, units=units[rows], origin=origin[rows], timezone=timezone,
        imputed=imputed, kind=None if kind is None else kind[rows], kinds=kinds, ledger=book.ledger,
        notes=tuple(book.notes), **place,
    )  # fmt: skip
