"""Reading incidents and calls: one file or several to `Events`, with a ledger of every row left out."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyproj
import shapely

from allocator.config import ColumnMap, DataSection, Job
from allocator.domain import ALL_KINDS, CALL, OFFICER, Events
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.io.personal import looks_personal, personal_columns
from allocator.io.presets import preset, with_preset
from allocator.io.tables import (
    GEOMETRY_X,
    GEOMETRY_Y,
    GIS_SUFFIXES,
    as_text,
    read_columns,
    read_header,
    require_columns,
)
from allocator.io.times import ParsedTimes, combine_date_and_clock, parse_times, to_utc
from allocator.tessellation import Area

Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Source = str | Path | pd.DataFrame

WGS84 = "EPSG:4326"
_DAY_SHARE = 0.95
_MOST_KINDS = 2_000
_WITHHELD = ("redacted", "withheld", "unknown", "-", "n/a", "na")
_EARLIEST = np.datetime64("1970-01-01", "s")


@dataclass
class _Book:
    """What is found while reading: rows left out by reason, faults, notes."""

    keep: Bools
    ledger: dict[str, int]
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def drop(self, rows: Bools, reason: str) -> None:
        """Leave out those of `rows` that are still kept, and count them."""
        self.count(int((self.keep & rows).sum()), reason)
        self.keep &= ~rows

    def count(self, number: int, reason: str) -> None:
        """Add a number to the ledger."""
        if number:
            self.ledger[reason] = self.ledger.get(reason, 0) + number

    def refuse(self, rows: Bools, fault: str | None, *, section: DataSection, reason: str) -> None:
        """Note a fault of some rows; with `bad_rows = "drop"`, drop them instead while they are the fewer."""
        if fault is None:
            return
        if section.bad_rows == "drop" and rows.mean() <= 0.5:
            self.drop(rows, reason)
        else:
            self.faults.append(fault)


def read_events(
    source: Source | Sequence[Source],
    *,
    timezone: str,
    columns: ColumnMap | Mapping[str, str] | None = None,
    preset: str | None = None,
    file_timezone: str | None = None,
    **options: Any,
) -> Events:
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
    >>> read_events("calls.csv", timezone="America/Chicago",
    ...             columns={"time": "occurred_at", "kind": "category", "lon": "lon", "lat": "lat"})  # doctest: +SKIP
    """
    sources = [source] if isinstance(source, str | Path | pd.DataFrame) else list(source)
    named = columns.model_dump(exclude_none=True) if isinstance(columns, ColumnMap) else dict(columns or {})
    content = {**options, "events": ["memory"], "columns": named}
    optional = {"preset": preset, "timezone": file_timezone}
    content.update({name: value for name, value in optional.items() if value is not None})
    return _read(sources, _section(content), timezone=timezone)


def read_job_events(job: Job) -> Events:
    """Return the events of a job's `[data]` section; see `read_events`."""
    return _read(list(job.data.events), job.data, timezone=job.job.timezone)


def check_placed(events: Events, area: Area, *, max_outside_share: float) -> Events:
    """Return the events inside the area, projected to its coordinate system.

    Events outside are counted and left out; a share above 1 % is noted.

    Raises
    ------
    DataError
        If more than `max_outside_share` lie outside, with the numbers and the likely cause.
    """
    placed = events.to_crs(area.crs)
    inside = _inside(area, placed.x, placed.y)
    outside = len(events) - int(inside.sum())
    share = outside / max(1, len(events))
    if outside and share > max_outside_share:
        message = f"{outside:,} of {len(events):,} points ({share:.1%}) fall outside the study area"
        raise DataError(f"{message}; {_likely_cause(events, area)}", count=outside)
    kept = placed.take(inside, reason="outside the area")
    if share <= 0.01:
        return kept
    note = f"{outside:,} of {len(events):,} events ({share:.1%}) lie outside the study area and are left out"
    return dataclasses.replace(kept, notes=(*kept.notes, note))


def _inside(area: Area, x: Floats, y: Floats) -> Bools:
    finite = np.isfinite(x) & np.isfinite(y)
    shapely.prepare(area.outline)
    found = np.zeros(len(x), bool)
    found[finite] = shapely.intersects_xy(area.outline, x[finite], y[finite])
    return found


def _likely_cause(events: Events, area: Area) -> str:
    swapped = dataclasses.replace(events, x=events.y, y=events.x).to_crs(area.crs)
    brought_in = int(_inside(area, swapped.x, swapped.y).sum())
    if brought_in > len(events) / 2:
        names = "latitude and longitude" if events.crs == WGS84 else "x and y"
        return f"{names} look swapped: exchanging them puts {brought_in:,} inside"
    back = pyproj.Transformer.from_crs(area.crs, events.crs, always_xy=True)
    box = back.transform_bounds(*shapely.bounds(area.outline))
    points = (events.x.min(), events.y.min(), events.x.max(), events.y.max())
    spans = [f"{a:,.6g} … {c:,.6g} by {b:,.6g} … {d:,.6g}" for a, b, c, d in (points, box)]
    return (
        f"in {events.crs} the points span {spans[0]} and the area spans {spans[1]}: is it the right area, "
        "and is data.crs the system of the coordinates?"
    )


def _section(content: dict[str, Any]) -> DataSection:
    from pydantic import ValidationError

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


def _read(sources: list[Source], section: DataSection, *, timezone: str) -> Events:
    section = with_preset(section)
    _check_map(section, sources)
    frames, personal, notes = [], [], list(preset(section.preset).notes) if section.preset else []
    ledger: dict[str, int] = {}
    crs = WGS84 if section.columns.lon else section.crs
    for source in sources:
        frame, found, layer_crs, bad = _read_one(source, section)
        frames.append(frame)
        personal += [name for name in personal_columns(found) if name not in personal]
        crs = crs or layer_crs
        if bad:
            if section.bad_rows == "refuse":
                raise DataError(f"{_label(source)}: {len(bad):,} broken rows", faults=bad[:3], count=len(bad))
            ledger["rows with the wrong number of columns"] = len(bad) + ledger.get(
                "rows with the wrong number of columns", 0
            )
    frame = frames[0] if len(frames) == 1 else pd.concat(frames, ignore_index=True)
    ledger = {"read": len(frame) + sum(ledger.values()), **ledger}
    book = _Book(np.ones(len(frame), bool), ledger, notes=notes)
    events = _assemble(frame, section, book=book, timezone=timezone, crs=str(crs))
    return dataclasses.replace(events, dropped_columns=tuple(personal))


def _label(source: Source) -> str:
    return "the DataFrame" if isinstance(source, pd.DataFrame) else Path(source).name


def _check_map(section: DataSection, sources: list[Source]) -> None:
    """Refuse a column map that cannot work, with all its faults."""
    columns = section.columns
    mapped = columns.model_dump(exclude_none=True)
    layered = all(
        not isinstance(source, pd.DataFrame) and Path(source).suffix.lower() in GIS_SUFFIXES
        for source in sources
    )
    faults = [
        f"columns.{role} = {name!r} looks personal: allocator forecasts places, never persons"
        for role, name in mapped.items()
        if looks_personal(name)
    ]
    if not columns.kind:
        faults.append("columns.kind is required: the column with the offence or call type")
    if bool(columns.time) == bool(columns.date):
        faults.append("give the time either as columns.time, or as columns.date (and columns.clock)")
    if columns.clock and not columns.date:
        faults.append("columns.clock needs columns.date")
    pairs = [pair for pair in (("lon", "lat"), ("x", "y")) if set(pair) & set(mapped)]
    if any(not set(pair) <= set(mapped) for pair in pairs) or len(pairs) > 1 or not (pairs or layered):
        faults.append("give the place either as columns.lon and columns.lat, or as columns.x and columns.y")
    if ("x", "y") in pairs and not section.crs:
        faults.append('crs is required for x and y, for example "EPSG:2913"')
    if section.officer_initiated and not columns.origin:
        faults.append(
            "officer_initiated needs columns.origin: the column that tells calls from officers' own"
        )
    if section.crs and not _known_crs(section.crs):
        faults.append(f"crs: unknown coordinate system {section.crs!r}")
    if faults:
        raise ConfigError("the [data] section cannot be used", faults=[f"data.{fault}" for fault in faults])


def _known_crs(crs: str) -> bool:
    try:
        pyproj.CRS.from_user_input(crs)
    except pyproj.exceptions.CRSError:
        return False
    return True


def _read_one(
    source: Source, section: DataSection
) -> tuple[pd.DataFrame, tuple[str, ...], str | None, tuple[str, ...]]:
    """Return a source's mapped columns under the names of their roles, all its columns, its crs, broken rows."""
    in_memory = isinstance(source, pd.DataFrame)
    found = tuple(map(str, source.columns)) if in_memory else read_header(source, layer=section.layer)
    roles = _match(section.columns.model_dump(exclude_none=True), found, loose=section.preset is not None)
    require_columns(list(roles.values()), found, where=_label(source))
    if in_memory:
        if not len(source):
            raise DataError("the DataFrame has no rows")
        return pd.DataFrame({role: source[name].to_numpy() for role, name in roles.items()}), found, None, ()
    table = read_columns(
        source, list(roles.values()), layer=section.layer, probe=_probe(source, roles, section)
    )
    data = {role: table.frame[name] for role, name in roles.items()}
    if GEOMETRY_X in table.frame and "lon" not in roles and "x" not in roles:
        if table.crs is None and section.crs is None:
            raise DataError(f"{_label(source)} states no coordinate system: set data.crs")
        data |= {"x": table.frame[GEOMETRY_X], "y": table.frame[GEOMETRY_Y]}
    return pd.DataFrame(data), found, table.crs, table.bad_rows


def _match(columns: dict[str, str], found: tuple[str, ...], *, loose: bool) -> dict[str, str]:
    """Return role → column of the file; a preset's names match without regard to case, spaces, underscores."""

    def plain(name: str) -> str:
        return re.sub(r"[\s_]+", "", name.lower())

    known = {plain(name): name for name in reversed(found)} if loose else {}
    return {role: name if name in found else known.get(plain(name), name) for role, name in columns.items()}


def _probe(source: str | Path, roles: dict[str, str], section: DataSection) -> Any:
    """Return a check of a file's first rows: reading on is pointless if most of their times are none."""
    role = "time" if "time" in roles else "date"

    def probe(head: pd.DataFrame) -> None:
        times = parse_times(head[roles[role]], time_format=section.time_format)
        if len(head) >= 1_000 and times.bad.mean() > 0.5:
            raise DataError(
                f"{_label(source)}: most of the first {len(head):,} times cannot be read",
                faults=[str(times.fault(roles[role]))],
                column=roles[role],
                count=int(times.bad.sum()),
                examples=times.text[times.bad].tolist()[:3],
            )

    return probe


def _assemble(frame: pd.DataFrame, section: DataSection, *, book: _Book, timezone: str, crs: str) -> Events:
    """Return the events of a frame whose columns are roles; raise all its faults at once."""
    first_bad = len(book.faults)
    times = _times(frame, section, book)
    x, y = _places(frame, section, book)
    kind, kinds = _kinds(frame, section, book)
    count, weight = _counts(frame, section, book), _weights(frame, book)
    origin = _origins(frame, section, book)
    end, reported = (_other_times(frame, role, section=section, book=book) for role in ("end", "reported_at"))
    if len(book.faults) > first_bad:
        raise _all_faults(book, times, section)
    identity = _drop_repeated(frame, section, book)
    precision = _precision(times, section, book)
    order = np.flatnonzero(book.keep)
    if not len(order):
        raise DataError("no usable events: every row is left out", faults=_ledger_lines(book.ledger))
    zone = section.timezone or timezone
    utc = _utc(times, zone, rows=order, book=book)
    order = order[rank := np.argsort(utc, kind="stable")]
    start = utc[rank]
    ends = None if end is None else _utc(end, zone, rows=order)
    if ends is not None:
        book.count(int((ends < start).sum()), "end before start (end ignored)")
        ends = np.where(ends < start, np.datetime64("NaT", "s"), ends)
    return Events(
        time=start,
        x=x[order],
        y=y[order],
        kind=kind[order],
        kinds=kinds,
        crs=crs,
        timezone=timezone,
        count=count[order],
        weight=weight[order],
        origin=origin[order],
        id=None if identity is None else identity[order],
        end=ends,
        reported=None if reported is None else _utc(reported, zone, rows=order),
        precision=precision,
        ledger=book.ledger,
        notes=tuple(book.notes),
    )


def _all_faults(book: _Book, times: ParsedTimes, section: DataSection) -> DataError:
    examples = times.text[times.bad].unique().tolist()[:3] if times.bad.any() else []
    column = (section.columns.time or section.columns.date) if examples else None
    several = "1 fault" if len(book.faults) == 1 else f"{len(book.faults)} faults"
    return DataError(
        f"the event file has {several}: {book.faults[0]}",
        faults=book.faults if len(book.faults) > 1 else (),
        column=column,
        count=int(times.bad.sum()) or None,
        examples=examples,
    )


def _ledger_lines(ledger: Mapping[str, int]) -> list[str]:
    return [f"{reason}: {count:,}" for reason, count in ledger.items()]


def _times(frame: pd.DataFrame, section: DataSection, book: _Book) -> ParsedTimes:
    if "time" in frame:
        times = parse_times(frame["time"], time_format=section.time_format)
    else:
        times = parse_times(frame["date"], time_format=section.time_format)
        if "clock" in frame:
            times, blank = combine_date_and_clock(times, frame["clock"])
            book.count(int(blank.sum()), "without time of day (taken as 00:00)")
    fault = times.fault(str(section.columns.time or section.columns.date))
    if fault and section.time_format is None:
        fault += "; set data.time_format"
    book.drop(times.missing, "without time")
    book.refuse(times.bad, fault, section=section, reason="time cannot be read")
    book.drop(times.time < _EARLIEST, "time before 1970")
    return times


def _other_times(frame: pd.DataFrame, role: str, *, section: DataSection, book: _Book) -> ParsedTimes | None:
    if role not in frame:
        return None
    times = parse_times(frame[role])
    book.refuse(times.bad, times.fault(str(getattr(section.columns, role))), section=section,
                reason=f"{role} cannot be read")  # fmt: skip
    return times


def _utc(times: ParsedTimes, zone: str, *, rows: npt.NDArray[np.intp], book: _Book | None = None) -> Any:
    utc, gaps, folds = to_utc(times.time[rows], zone)
    own = times.utc[rows]
    if own.any():
        only_local, gaps, folds = to_utc(times.time[rows][~own], zone)
        utc[own], utc[~own] = times.time[rows][own], only_local
    if book is not None:
        book.count(gaps, "daylight-saving gap (moved forward)")
        book.count(folds, "daylight-saving fold (first taken)")
    return utc


def _numbers(values: pd.Series[Any]) -> tuple[Floats, Bools]:
    """Return the numbers of a column, NaN where there is none, and the rows that hold other text."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), bool)
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    odd = np.isnan(numbers)
    bad = np.zeros(len(values), bool)
    text = as_text(values[odd])
    bad[odd] = (text.ne("") & ~text.str.lower().isin(_WITHHELD)).to_numpy()
    return numbers, bad


def _places(frame: pd.DataFrame, section: DataSection, book: _Book) -> tuple[Floats, Floats]:
    roles = ("lon", "lat") if "lon" in frame else ("x", "y")
    (x, bad_x), (y, bad_y) = (_numbers(frame[role]) for role in roles)
    bad = bad_x | bad_y
    if bad.any():
        values = frame[roles[0]].where(pd.Series(bad_x), frame[roles[1]])[bad]
        fault = f"{int(bad.sum()):,} of {len(frame):,} places are no numbers, for example {some(values.unique()[:3])}"
        book.refuse(bad, fault, section=section, reason="place cannot be read")
    missing = ~bad & (~np.isfinite(x) | ~np.isfinite(y) | ((x == 0) & (y == 0)))
    book.drop(missing, "without place")
    if roles == ("lon", "lat"):
        impossible = ~missing & ~bad & ((np.abs(y) > 90) | (np.abs(x) > 180))
        book.refuse(impossible, _impossible(x, y, impossible), section=section, reason="impossible place")
    return x, y


def _impossible(x: Floats, y: Floats, rows: Bools) -> str | None:
    count = int(rows.sum())
    if not count:
        return None
    where = f"{count:,} of {len(x):,} places lie outside ±90° latitude or ±180° longitude"
    example = f"for example lon {x[rows][0]:.6g}, lat {y[rows][0]:.6g}"
    if ((np.abs(x[rows]) <= 90) & (np.abs(y[rows]) <= 180)).mean() > 0.5:
        return f"{where}: latitude and longitude look swapped ({example}); exchange data.columns.lon and .lat"
    return f"{where} ({example}); if they are metres or feet, map them as x and y and set data.crs"


def _kinds(
    frame: pd.DataFrame, section: DataSection, book: _Book
) -> tuple[npt.NDArray[np.int16], tuple[str, ...]]:
    codes, distinct = pd.factorize(frame["kind"])
    text = [*as_text(pd.Series(distinct)), ""]
    renamed = [section.kind_map.get(name, name) for name in text]
    if unused := sorted(set(section.kind_map) - set(text)):
        book.notes.append(f"kind_map renames kinds that do not occur: {some(unused)}")
    kinds = tuple(sorted({name for name in renamed if name}))
    if len(kinds) > _MOST_KINDS:
        book.faults.append(
            f"column {section.columns.kind!r} holds {len(kinds):,} different values: it is hardly the kind of event"
        )
        return np.zeros(len(frame), np.int16), kinds
    if ALL_KINDS in kinds:
        book.faults.append(
            f"the kind {ALL_KINDS!r} is reserved for all kinds together: rename it with data.kind_map"
        )
    rows = {name: row for row, name in enumerate(kinds)}
    kind = np.array([rows.get(name, -1) for name in renamed], np.int16)[codes]
    book.drop(kind < 0, "without kind")
    return kind, kinds


def _counts(frame: pd.DataFrame, section: DataSection, book: _Book) -> npt.NDArray[np.int8]:
    if "count" not in frame:
        return np.ones(len(frame), np.int8)
    numbers, _ = _numbers(frame["count"])
    name = section.columns.count
    wrong = book.keep & ~np.isin(numbers, (-1, 0, 1))
    if wrong.any():
        examples = some(frame["count"][wrong].unique()[:3])
        book.faults.append(
            f"column {name!r}: {int(wrong.sum()):,} counts are not +1 or -1, for example {examples}"
        )
    negative = int((book.keep & (numbers < 0)).sum())
    if negative and section.corrections != "net":
        book.faults.append(
            f"column {name!r}: {negative:,} of {len(frame):,} counts are negative; "
            'set data.corrections = "net" to net them against earlier rows'
        )
    book.drop(numbers == 0, "count of 0")
    return np.where(numbers < 0, -1, 1).astype(np.int8)


def _weights(frame: pd.DataFrame, book: _Book) -> npt.NDArray[np.float32]:
    if "weight" not in frame:
        return np.ones(len(frame), np.float32)
    numbers, _ = _numbers(frame["weight"])
    wrong = book.keep & ~((numbers >= 0) & np.isfinite(numbers))
    if wrong.any():
        examples = some(frame["weight"][wrong].unique()[:3])
        book.faults.append(
            f"{int(wrong.sum()):,} weights are negative, missing or no numbers, for example {examples}"
        )
    return numbers.astype(np.float32)


def _origins(frame: pd.DataFrame, section: DataSection, book: _Book) -> npt.NDArray[np.int8]:
    if "origin" not in frame:
        return np.full(len(frame), CALL, np.int8)
    text = as_text(frame["origin"]).str.casefold()
    own = {value.strip().casefold() for value in section.officer_initiated}
    found = sorted(set(text) - {""})
    if not own:
        book.notes.append(
            f"every origin counts as a call: data.officer_initiated names none of {some(found, 8)}"
        )
    elif strange := sorted(own - set(found)):
        book.notes.append(
            f"officer_initiated names {some(strange)}, which do not occur; the file has {some(found, 8)}"
        )
    return np.where(text.isin(own), OFFICER, CALL).astype(np.int8)


def _drop_repeated(frame: pd.DataFrame, section: DataSection, book: _Book) -> npt.NDArray[np.object_] | None:
    """Drop repeated rows by the job's rule; return the ids if there are any."""
    identity = as_text(frame["id"]) if "id" in frame else None
    repeated = np.zeros(len(frame), bool)
    kept = frame[book.keep]
    if section.duplicates == "row":
        repeated[book.keep] = kept.duplicated()
        book.drop(repeated, "identical rows")
    elif section.duplicates == "id" and identity is None:
        book.count(int(kept.duplicated().sum()), "identical rows (kept)")
    elif section.duplicates == "id" and identity is not None:
        if section.corrections == "net":  # a correction repeats the id of the row that it corrects
            book.notes.append(
                "rows that repeat an id are kept: corrections are netted by place, kind and period"
            )
        else:
            ids = identity[book.keep]
            repeated[book.keep] = (ids.duplicated() & ids.ne("")).to_numpy()
            book.drop(repeated, "repeated id")
    return None if identity is None else identity.to_numpy(dtype=object)


def _precision(times: ParsedTimes, section: DataSection, book: _Book) -> str:
    midnight = float(
        (times.time[book.keep] == times.time[book.keep].astype("datetime64[D]")).mean()
        if book.keep.any()
        else 0
    )
    precision: str = section.time_precision
    if precision == "auto":
        precision = "month" if times.only_months else "day" if midnight >= _DAY_SHARE else "minute"
    if precision == "month":
        book.notes.append(
            "times are months, each event stands on the 1st of its month: no forecast by day or shift is possible "
            "from them, and the shares of the job's shifts are used"
        )
    elif precision == "day":
        book.notes.append(
            f"times carry no time of day ({midnight:.0%} are 00:00): no forecast by shift is possible from them, "
            "and the shares of the job's shifts are used"
        )
    elif midnight > 0.02:
        book.notes.append(f"{midnight:.1%} of the times are exactly 00:00, often an unknown time")
    return precision
