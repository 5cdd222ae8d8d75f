"""Reading incidents and calls: one file or several to `Events`, with a ledger of every row left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from pydantic import ValidationError

from allocator.config import ColumnMap, DataSection, Job
from allocator.domain import Bools, Events, Ints, Times, local_clock
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.facts import Note, note
from allocator.io.history.columns.book import Book
from allocator.io.history.columns.events import (
    TOLD,
    are_dates,
    counts_of,
    drop_repeated,
    kinds_of,
    other_times_of,
    precision_of,
    times_of,
    utc_of,
    weights_of,
)
from allocator.io.history.columns.heaps import heaped_minutes, heaps
from allocator.io.history.columns.origins import origins_of
from allocator.io.history.columns.places import leave_out, places_of
from allocator.io.history.presets import preset, with_preset
from allocator.io.tables import ParsedTimes, Piece, Source, check_map, label, personal_columns, plain_name, read_piece

_STATUS = ("status", "casestatus", "reportstatus", "incidentstatus", "disposition", "unfounded", "founded", "validity")
"""Columns, by their plain names, that often tell which rows are no events."""


def read_events(
    source: Source | Sequence[Source], *, timezone: str, columns: ColumnMap | Mapping[str, str] | None = None,
    preset: str | None = None, file_timezone: str | None = None, **options: Any,
) -> Events:  # fmt: skip
    """Return the events of a file, of several files, or of a DataFrame.

    Parameters
    ----------
    source : path, DataFrame, or sequence of them
        CSV, Parquet, GeoJSON or GeoPackage.
    timezone : str
        Local time zone of the agency, for example "America/Chicago".
    columns : mapping
        Which column holds what; the roles are those of `ColumnMap`.
    preset : str, optional
        A known source that fills in the columns.
    file_timezone : str, optional
        Time zone of the times in the file, if it is another one.
    **options
        Any other key of `DataSection`, such as `crs`, `time_format`, `duplicates` or `bad_rows`.

    Raises
    ------
    ConfigError
        If an option or the column map is wrong.
    DataError
        If the file breaks its contract; all faults at once.

    Examples
    --------
    >>> columns = {"time": "occurred_at", "kind": "category", "lon": "lon", "lat": "lat"}
    >>> read_events("calls.csv", timezone="America/Chicago", columns=columns)  # doctest: +SKIP
    """
    sources = [source] if isinstance(source, str | Path | pd.DataFrame) else list(source)
    named = columns.model_dump(exclude_none=True) if isinstance(columns, ColumnMap) else dict(columns or {})
    content = {**options, "events": ["memory"], "columns": named}
    optional = {"preset": preset, "timezone": file_timezone}
    content.update({name: value for name, value in optional.items() if value is not None})
    return _read(sources, _section(content), timezone=timezone)


def read_job_events(job: Job, source: Source | None = None) -> Events:
    """Return the events of a job's `[data]` section, or of another source with its columns; see `read_events`.

    In another source, dates that mean two days are taken as the one nearer to the job's week.
    """
    if source is None:
        return _read(list(job.data.events), job.data, timezone=job.job.timezone)
    return _read([source], job.data, timezone=job.job.timezone, near=np.datetime64(job.job.week, "s"))


def _section(content: dict[str, Any]) -> DataSection:
    try:
        return DataSection.model_validate(content)
    except ValidationError as error:
        faults = []
        for one in error.errors():
            where = ".".join(str(part) for part in one["loc"])
            known = ColumnMap.model_fields if where.startswith("columns.") else DataSection.model_fields
            hint = nearest(str(one["loc"][-1]), known) if one["type"] == "extra_forbidden" else ""
            faults.append(f"{where}: {one['msg']}{hint}")
        raise ConfigError("the options of read_events are wrong", faults=faults) from None


def _read(sources: list[Source], section: DataSection, *, timezone: str, near: np.datetime64 | None = None) -> Events:
    section = with_preset(section)
    check_map(section, sources, timezone=timezone)
    pieces = [read_piece(source, section) for source in sources]
    if len(systems := {piece.crs for piece in pieces}) > 1:
        raise DataError(f"the event files use different coordinate systems: {some(sorted(systems))}")
    broken = sum(len(piece.bad_rows) for piece in pieces)
    frames = [piece.frame for piece in pieces]
    files = np.repeat(np.arange(len(frames)), [len(one) for one in frames])
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    ledger = {"read": len(frame) + broken}
    notes = [*_preset_notes(section, pieces), *(told for piece in pieces for told in piece.notes)]
    book = Book(np.ones(len(frame), bool), ledger, section.bad_rows, notes=notes)
    book.count(broken, "rows with the wrong number of columns")
    if section.bad_rows == "refuse":
        for source, piece in zip(sources, pieces, strict=True):
            if piece.bad_rows:
                count = f"{len(piece.bad_rows):,} rows have the wrong number of columns"
                book.faults.append(f"{label(source)}: {count}, for example {'; '.join(piece.bad_rows[:3])}")
    source = _Source(timezone, pieces[0].crs, files, near)
    events = _assemble(frame, section, book=book, source=source)
    personal = dict.fromkeys(name for piece in pieces for name in personal_columns(piece.found))
    return dataclasses.replace(events, dropped_columns=tuple(personal))


def _preset_notes(section: DataSection, pieces: Sequence[Piece]) -> list[Note]:
    """Return the traps of the section's preset, and a warning where the source has changed its columns."""
    found = {plain_name(name): name for piece in pieces for name in piece.found}
    ruled = {plain_name(rule.column) for rule in section.leave_out if rule.column}
    status = [name for plain, name in found.items() if plain in _STATUS and plain not in ruled]
    notes = [note("history.status_unused", columns=status)] if status and not section.leave_out else []
    if section.preset is None:
        return notes
    source = preset(section.preset)
    notes += [note("history.of_source", source=source.title, said=said) for said in source.notes]
    if gone := [name for name in source.expected if plain_name(name) not in found]:
        notes.append(note("history.columns_changed", source=source.title, columns=gone))
    return notes


@dataclass(frozen=True, eq=False)
class _Source:
    """Where rows come from: local zone, coordinate system, the number of each row's file, when they should lie."""

    timezone: str
    crs: str
    files: Ints
    near: np.datetime64 | None


def _assemble(frame: pd.DataFrame, section: DataSection, *, book: Book, source: _Source) -> Events:
    """Return the events of a frame whose columns are roles; raise all its faults at once."""
    timezone = source.timezone
    times = times_of(frame, section, book, timezone=source.timezone, near=source.near, files=source.files)
    x, y = places_of(frame, section, book)
    kind, kinds = kinds_of(frame, section, book)
    count, weight = counts_of(frame, section, book), weights_of(frame, book)
    origin = origins_of(frame, section.officer_initiated, book)
    end, reported = (other_times_of(frame, role, section=section, book=book) for role in ("end", "reported_at"))
    book.notes += [note(cause) for role, cause in TOLD.items() if role in frame]
    if book.faults:
        raise _all_faults(book, times, section)
    identity = drop_repeated(frame, section, book)
    leave_out(frame, section.leave_out, book)  # after: a call whose last version is unfounded has no earlier one
    precision = precision_of(times, section, book, timezone)
    book.notes += heaps(x, y, keep=book.keep)
    book.notes += heaped_minutes(times, keep=book.keep) if precision == "minute" else []
    order = np.flatnonzero(book.keep)
    if not len(order):
        raise DataError("no usable events (data.events): every row is left out", faults=book.lines)
    utc = utc_of(times, section, timezone, rows=order, dates=precision != "minute", book=book)
    order = order[rank := np.argsort(utc, kind="stable")]
    start = utc[rank]
    ends, told = (
        None
        if other is None
        else utc_of(other, section, timezone, rows=order, dates=are_dates(other, book.keep, timezone))
        for other in (end, reported)
    )
    if ends is not None:
        late = np.zeros(len(frame), bool)
        late[order] = ends < start
        book.mark(late, "end before start (end ignored)")
        ends = np.where(ends < start, np.datetime64("NaT", "s"), ends)
    if told is not None:
        early = np.zeros(len(frame), bool)
        early[order] = _known_early(told, start, timezone)
        book.mark(early, "reported on a day before the event (report time ignored)")
        told = np.where(early[order], np.datetime64("NaT", "s"), told)
    book.notes += book.losses(kind, kinds, _months(times))
    return Events(
        time=start, x=x[order], y=y[order], kind=kind[order], kinds=kinds, crs=source.crs, timezone=timezone,
        count=count[order], weight=weight[order], origin=origin[order],
        id=None if identity is None else identity[order], end=ends, reported=told, precision=precision,
        ledger=book.ledger, notes=tuple(book.notes),
    )  # fmt: skip


def _known_early(reported: Times, start: Times, timezone: str) -> Bools:
    """Return the events that were reported on an earlier local day than that on which they happened: a slip."""
    known = ~np.isnat(reported)
    early = np.zeros(len(start), bool)
    early[known] = local_clock(reported[known], timezone)[0] < local_clock(start[known], timezone)[0]
    return early


def _months(times: ParsedTimes) -> Ints:
    """Return months since 1970 on the file's own clock, -1 where there is no time that can be."""
    month = times.own.astype("datetime64[M]").astype(np.int64)
    return np.where(np.isnat(times.own) | (month < 0) | (month > 12 * 140), -1, month)


def _all_faults(book: Book, times: ParsedTimes, section: DataSection) -> DataError:
    examples = times.text[times.bad].unique().tolist()[:3] if times.bad.any() else []
    column = (section.columns.time or section.columns.date or section.columns.year) if examples else None
    several = "1 fault" if len(book.faults) == 1 else f"{len(book.faults)} faults"
    return DataError(
        f"the event file has {several}: {book.faults[0]}", faults=book.faults if len(book.faults) > 1 else (),
        column=column, count=int(times.bad.sum()) or None, examples=examples,
    )  # fmt: skip
