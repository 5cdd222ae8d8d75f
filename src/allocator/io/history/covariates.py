"""Reading covariates: tables of cells, points, polygons and days, whose every fault is told at once."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import numpy as np
import pandas as pd
from pydantic import ValidationError
from pyproj import Transformer

from allocator.config import CovariateSection, DailySection, Job, Section
from allocator.domain import Bools, Covariates, Floats, Ints, Tessellation, date_of, local_clock
from allocator.errors import ConfigError, DataError, nearest, some
from allocator.facts import Note, note
from allocator.io.places import read_valued_polygons
from allocator.io.tables import (
    GEOMETRY_X,
    GEOMETRY_Y,
    GIS_SUFFIXES,
    WGS84,
    ParsedTimes,
    Table,
    as_numbers,
    as_text,
    known_crs,
    known_format,
    looks_personal,
    parse_times,
    personal_columns,
    read_columns,
    read_header,
    require_columns,
)

Given: TypeAlias = Mapping[str, Any]
_Section = TypeVar("_Section", bound=Section)

_MOST_TYPES = 20
"""More types of points than this make too many covariates: the job names those it wants."""

_DAY_SHARE = 0.95
_EPOCH = date_of(0).toordinal()


def read_covariates(
    city: Tessellation, sources: Sequence[CovariateSection | Given] = (), *, timezone: str,
    daily: DailySection | Given | None = None,
) -> Covariates | None:  # fmt: skip
    """Return what files tell of places and days, or None where none is given.

    Parameters
    ----------
    city : Tessellation
        The cells.
    sources : sequence of mappings
        One per file, with the keys of `[[risk.covariates]]` (see `allocator.config.CovariateSection`).
    timezone : str
        Local time zone of the agency: dates are local days.
    daily : mapping, optional
        The keys of `[risk.daily]` (see `allocator.config.DailySection`).

    Raises
    ------
    ConfigError
        If a key is wrong, or a column looks personal.
    DataError
        If a file breaks its contract; all faults of all files at once.

    Examples
    --------
    >>> lights = {"file": "calls311.csv", "form": "points", "lon": "lon", "lat": "lat", "time": "created"}
    >>> read_covariates(city, [lights], timezone="America/Chicago")  # doctest: +SKIP
    """
    sections = [_section(CovariateSection, one, f"covariates.{n}") for n, one in enumerate(sources)]
    days = None if daily is None else _section(DailySection, daily, "daily")
    _check_settings(sections, days)
    tasks: list[Callable[[], Covariates]] = [_reader(city, section, timezone) for section in sections]
    if days is not None:
        tasks.append(partial(_read_days, city, days))
    return Covariates.joined(_all_done(tasks)) if tasks else None


def read_job_covariates(job: Job, city: Tessellation) -> Covariates | None:
    """Return the covariates of a job's `[[risk.covariates]]` and `[risk.daily]`; see `read_covariates`."""
    return read_covariates(city, job.risk.covariates, timezone=job.job.timezone, daily=job.risk.daily)


def _section(kind: type[_Section], given: _Section | Given, where: str) -> _Section:
    if isinstance(given, kind):
        return given
    content = {name: str(value) if isinstance(value, Path) else value for name, value in dict(given).items()}
    try:
        return kind.model_validate(content)
    except ValidationError as error:
        faults = []
        for one in error.errors():
            key = str(one["loc"][-1]) if one["loc"] else ""
            hint = nearest(key, kind.model_fields) if one["type"] == "extra_forbidden" else ""
            told = str(one["msg"]).removeprefix("Value error, ")
            faults += [f"{'.'.join([where, *map(str, one['loc'])])}: {line}{hint}" for line in told.splitlines()]
        raise ConfigError("the covariates cannot be used", faults=faults) from None


def _check_settings(sections: Sequence[CovariateSection], daily: DailySection | None) -> None:
    """Refuse columns that look personal, unknown coordinate systems and impossible formats, all at once."""
    faults = []
    mapped: list[tuple[str, Section]] = [(f"covariates.{n}", section) for n, section in enumerate(sections)]
    mapped += [] if daily is None else [("daily", daily)]
    for where, section in mapped:
        keys = ("column", "columns", "lon", "lat", "x", "y", "time", "kind", "date")
        for key in keys:
            value = getattr(section, key, None)
            for name in (value,) if isinstance(value, str) else value or ():
                if looks_personal(name):
                    faults.append(f"{where}.{key} = {name!r} looks personal: allocator forecasts places, never persons")
        if (time_format := getattr(section, "time_format", None)) and not known_format(time_format):
            faults.append(f"{where}.time_format: {time_format!r} is not a strptime format")
        if (crs := getattr(section, "crs", None)) and not known_crs(crs):
            faults.append(f"{where}.crs: unknown coordinate system {crs!r}")
    for n, section in enumerate(sections):
        if section.form == "points" and not (section.lon or section.x or _is_map(section.file)):
            faults.append(f"covariates.{n}: give the place of the points either as lon and lat, or as x and y")
    if faults:
        raise ConfigError("the covariates cannot be used", faults=[f"risk.{fault}" for fault in faults])


def _is_map(path: str) -> bool:
    return Path(path).suffix.lower() in GIS_SUFFIXES


def _all_done(tasks: Sequence[Callable[[], Covariates]]) -> list[Covariates]:
    """Return what the tasks give; raise the faults of all that fail."""
    done, errors = [], []
    for task in tasks:
        try:
            done.append(task())
        except DataError as error:
            errors.append(error)
    if len(errors) == 1:
        raise errors[0]
    if errors:
        faults = [text for error in errors for text in (error.message, *(f"  {fault}" for fault in error.faults))]
        raise DataError(f"{len(errors)} sources of covariates cannot be used", faults=faults)
    return done


def _reader(city: Tessellation, section: CovariateSection, timezone: str) -> Callable[[], Covariates]:
    if section.form == "points":
        return partial(_read_points, city, section, timezone)
    return partial(_read_cells if section.form == "cells" else _read_polygons, city, section)


def _read_cells(city: Tessellation, section: CovariateSection) -> Covariates:
    keys, notes = _number_columns(section.file, "cell", section.columns)
    where = Path(section.file).name
    frame = keys.assign(cell=as_text(keys["cell"]).where(lambda text: text.ne(""), "(none)"))
    with_notes = _explained(where, lambda: Covariates.from_frame(city, frame))
    return _noted(
        with_notes, note("history.covariates_of_cells", names=with_notes.names, count=len(frame), file=where), *notes
    )


def _read_days(city: Tessellation, section: DailySection) -> Covariates:
    frame, notes = _number_columns(section.file, section.date, section.columns)
    where = Path(section.file).name
    times = parse_times(frame[section.date], time_format=section.time_format)
    faults = [fault] if (fault := times.fault(section.date)) else []
    if n := int(times.missing.sum()):
        faults.append(f"column {section.date!r}: {n:,} rows have no date")
    usable = ~(times.bad | times.missing)
    day = pd.Series(times.own[usable]).dt.date.astype(str)
    table = frame.drop(columns=section.date)[usable].reset_index(drop=True)
    if "date" in table:
        raise DataError(f"{where}: a covariate cannot be named 'date': rename the column")
    read = _explained(
        where,
        lambda: Covariates.from_frame(city, days=table.assign(date=day), known_ahead=section.known_ahead),
        faults,
    )
    first, last = day.min(), day.max()
    return _noted(
        read, note("history.covariates_of_days", names=read.daily_names, first=first, last=last, file=where), *notes
    )


def _explained(where: str, make: Callable[[], Covariates], faults: Sequence[str] = ()) -> Covariates:
    """Return what `make` gives; name the file in its error, and raise the faults found before with it."""
    try:
        made = make()
    except DataError as error:
        faults = [*faults, *(error.faults or (error.message,))]
        raise DataError(f"{where} cannot be used as covariates", faults=faults, count=len(faults)) from None
    if faults:
        raise DataError(f"{where} cannot be used as covariates", faults=faults, count=len(faults))
    return made


def _noted(covariates: Covariates, *notes: Note) -> Covariates:
    return dataclasses.replace(covariates, notes=(*notes, *covariates.notes))


def _number_columns(path: str, key: str, columns: Sequence[str]) -> tuple[pd.DataFrame, tuple[Note, ...]]:
    """Return the key column as it stands and the numeric columns, and notes on columns that are left out.

    Columns that the job names must hold numbers; without names, those without any number are left out.
    """
    where, header = Path(path).name, read_header(path)
    personal = personal_columns(header)
    wanted = list(columns) or [name for name in header if name != key and name not in personal]
    table = read_columns(path, [key, *wanted])
    if table.bad_rows:
        raise DataError(f"{where} has broken rows", faults=table.bad_rows[:10], count=len(table.bad_rows))
    frame, left, faults = table.frame[[key]].copy(), [], []
    for name in dict.fromkeys(wanted):
        numbers, bad = as_numbers(table.frame[name])
        if not columns and bad.any() and np.isnan(numbers).all():
            left.append(name)
            continue
        if bad.any():
            examples = some(as_text(table.frame[name][bad]).unique()[:3])
            faults.append(f"column {name!r}: {int(bad.sum()):,} values are no numbers, for example {examples}")
        frame[name] = numbers
    if faults:
        raise DataError(f"{where} cannot be used as covariates", faults=faults, count=len(faults))
    if len(frame.columns) == 1:
        raise DataError(f"{where} has no column of numbers beside {key!r}; it has {some(header, 20)}")
    notes = [note("history.columns_without_numbers", file=where, columns=left)] if left else []
    if personal and not columns:
        notes.append(note("history.columns_personal", file=where, columns=personal))
    return frame, tuple(notes)


def _read_polygons(city: Tessellation, section: CovariateSection) -> Covariates:
    column, where = str(section.column), Path(section.file).name
    polygons, values, notes = read_valued_polygons(
        section.file, city.crs, column, layer=section.layer, source_crs=section.crs
    )
    spread = Covariates.of_totals if section.measure == "sum" else Covariates.of_polygons
    spread_values = spread(city, section.name or column, polygons, values)
    how = "spread by area" if section.measure == "sum" else "value at the cell's centre"
    told = note(
        "history.covariates_of_polygons",
        names=spread_values.names,
        column=column,
        count=len(values),
        file=where,
        how=how,
    )
    missing = int(np.isnan(values).sum())
    more = [note("history.polygons_without_value", file=where, count=missing, total=len(values))] if missing else []
    return _noted(spread_values, told, *notes, *more)


def _read_points(city: Tessellation, section: CovariateSection, timezone: str) -> Covariates:
    where, name = Path(section.file).name, section.name or Path(section.file).name.split(".")[0]
    roles = {role: column for role in ("lon", "lat", "x", "y", "time", "kind") if (column := getattr(section, role))}
    header = read_header(section.file, layer=section.layer)
    require_columns(list(roles.values()), header, where=where)
    table = read_columns(section.file, list(roles.values()), layer=section.layer)
    x, y, faults, notes = _places(table, section, city.crs)
    day, more, told = _days(table, section, timezone)
    groups, wrong = _types(table, section, name)
    if faults := [*faults, *more, *wrong]:
        raise DataError(f"{where} cannot be used as covariates", faults=faults, count=len(faults))
    if table.bad_rows:
        notes.append(note("history.broken_rows", count=len(table.bad_rows)))
    usable = np.isfinite(x) & np.isfinite(y) & (day > 0 if day is not None else True)
    if not usable.any():
        raise DataError(f"{where}: no row has a place" + (" and a date" if day is not None else ""))
    tasks = [
        partial(_measured, city, section, label, x[kept], y[kept], None if day is None else day[kept])
        for label, kept in ((label, usable & rows) for label, rows in groups.items())
    ]
    made = _all_done(tasks)
    return _noted(
        Covariates.joined(made), *(note("history.of_file", file=where, because=one) for one in [*notes, *told])
    )


def _places(table: Table, section: CovariateSection, crs: str) -> tuple[Floats, Floats, list[str], list[Note]]:
    """Return the places in the city's system, NaN where missing, with faults and notes."""
    columns = [section.lon or section.x or GEOMETRY_X, section.lat or section.y or GEOMETRY_Y]
    source = WGS84 if section.lon else section.crs if section.x else table.crs or section.crs
    if source is None:
        return *(np.empty(0),) * 2, ["no coordinate system is stated: set crs"], []
    pairs = [as_numbers(table.frame[column]) for column in columns]
    x, y = (numbers for numbers, _ in pairs)
    faults = [
        f"column {column!r}: {int(bad.sum()):,} places are no numbers, for example "
        f"{some(as_text(table.frame[column][bad]).unique()[:3])}"
        for column, (_, bad) in zip(columns, pairs, strict=True)
        if bad.any()
    ]
    if infinite := int((np.isinf(x) | np.isinf(y)).sum()):
        faults.append(f"{infinite:,} places are infinite")
    missing = np.isnan(x) | np.isnan(y) | ((x == 0) & (y == 0))
    if section.lon and (wrong := int((~missing & ((np.abs(y) > 90) | (np.abs(x) > 180))).sum())):
        faults.append(f"{wrong:,} places lie outside ±90° latitude or ±180° longitude: are lon and lat swapped?")
    if faults:
        return x, y, faults, []
    notes = [note("history.points_without_place", count=int(missing.sum()))] if missing.any() else []
    x, y = (np.where(missing, np.nan, axis) for axis in (x, y))
    placed = ~missing
    x[placed], y[placed] = Transformer.from_crs(source, crs, always_xy=True).transform(x[placed], y[placed])
    return x, y, [], notes


def _days(table: Table, section: CovariateSection, timezone: str) -> tuple[Ints | None, list[str], list[Note]]:
    """Return local days as ordinals, 0 where missing, with faults and notes; None where there are no dates."""
    if not section.time:
        return None, [], []
    times = parse_times(table.frame[section.time], time_format=section.time_format)
    if fault := times.fault(section.time):
        return None, [fault], []
    notes = [note("history.points_without_date", count=n)] if (n := int(times.missing.sum())) else []
    return np.where(times.missing, 0, local_days(times, timezone)), [], notes


def local_days(times: ParsedTimes, timezone: str) -> Ints:
    """Return the local day of each time (`datetime.date.toordinal`); where times are dates, their own day."""
    dates = times.midnight_share(~times.missing, timezone) >= _DAY_SHARE
    day = (times.as_dates(timezone) if dates else times).own.astype("datetime64[D]").astype(np.int64)
    if times.utc.any() and not dates:
        day[times.utc] = local_clock(times.time[times.utc], timezone)[0]
    return np.asarray(day + _EPOCH)


def _types(table: Table, section: CovariateSection, name: str) -> tuple[dict[str, Bools], list[str]]:
    """Return the rows of each covariate by its name, and faults."""
    if not section.kind:
        return {name: np.ones(len(table.frame), bool)}, []
    kinds = as_text(table.frame[section.kind])
    counts = kinds[kinds.ne("")].value_counts()
    known = list(counts.index)
    faults = [f"kinds: no {kind!r}{nearest(kind, known)} in column {section.kind!r}; it has {some(known, 20)}"
              for kind in section.kinds if kind not in known]  # fmt: skip
    chosen = section.kinds or tuple(sorted(known))
    if section.split and len(chosen) > _MOST_TYPES:
        faults.append(
            f"column {section.kind!r} holds {len(chosen):,} types: name up to {_MOST_TYPES} in kinds, or set split = "
            f"false; the most frequent are {some(known, 5)}"
        )
    if faults:
        return {}, faults
    if not section.split:
        return {name: kinds.isin(chosen).to_numpy()}, []
    prefix = f"{section.name}: " if section.name else ""
    return {f"{prefix}{kind}": kinds.eq(kind).to_numpy() for kind in chosen}, []


def _measured(
    city: Tessellation, section: CovariateSection, name: str, x: Floats, y: Floats, day: Ints | None
) -> Covariates:
    if not len(x):
        raise DataError(f"{name}: no point has a place" + (" and a date" if day is not None else ""))
    if section.measure == "distance":
        found = Covariates.of_distance(city, name, x, y)
        return _noted(found, note("history.covariate_of_distance", name=name, count=len(x)))
    found = Covariates.of_points(city, name, x, y, day=day, last_days=section.last_days, within_m=section.within_m)
    inside = int((city.locate(x, y) >= 0).sum())
    first, last = (None if day is None else dt.date.fromordinal(int(end(day))) for end in (np.min, np.max))
    last_days = None if day is None else section.last_days
    outside = len(x) - inside
    told = note(
        "history.covariates_of_points", names=found.names, inside=inside, first=first, last=last, last_days=last_days,
        outside=outside, share=outside / len(x),
    )  # fmt: skip
    return _noted(found, told)
