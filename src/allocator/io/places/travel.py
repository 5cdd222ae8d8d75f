"""Reading travel: matrices of minutes, and streets."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from scipy.spatial import cKDTree

from allocator.config import Job
from allocator.domain import Bools, Floats, Ints, Streets, Tessellation, Travel
from allocator.errors import DataError, some
from allocator.facts import Note, note
from allocator.io.places.maps import read_map
from allocator.io.tables import as_numbers, as_text, read_columns, read_header, require_columns

LONG = ("from", "to", "minutes")
"""Columns of a matrix in long form."""

_NEAR_M = 1_000.0  # a cell further than this from every street is told
_YES = ("1", "1.0", "true", "yes", "y", "t")


def read_job_travel(job: Job, city: Tessellation) -> Travel:
    """Return the travel of a job's `[routes]` section.

    Raises
    ------
    DataError
        As `read_matrix` and `read_streets`.
    """
    section = job.routes
    x, y = np.asarray(city.x, np.float64), np.asarray(city.y, np.float64)
    if section.matrix is not None:
        names, label = _labels(city, section.matrix_by)
        matrix = read_matrix(section.matrix, names, needed=np.unique(label[label >= 0]))
        notes: tuple[Note, ...] = ()
        if lost := int((label < 0).sum()):
            notes = (note("patrol.cells_outside_matrix", count=lost, column=section.matrix_by),)
        return Travel(x, y, section.detour, matrix=matrix, label=np.maximum(label, 0).astype(np.int32), notes=notes)
    if section.streets is not None:
        streets = read_streets(section.streets, city, speed=section.streets_speed, oneway=section.streets_oneway)
        return Travel(x, y, section.detour, streets=streets, notes=_street_notes(streets))
    return Travel(x, y, section.detour)


def _labels(city: Tessellation, by: str) -> tuple[tuple[str, ...], npt.NDArray[np.int32]]:
    if by == "cell":
        return tuple(str(n) for n in range(city.n_cells)), np.arange(city.n_cells, dtype=np.int32)
    names, label = (city.beats, city.beat) if by == "beat" else (city.districts, city.district)
    return names, np.asarray(label, np.int32)


def read_matrix(path: str | Path, labels: tuple[str, ...], *, needed: Ints | None = None) -> Floats:
    """Return the minutes from label to label.

    Parameters
    ----------
    path : path
        A table `from, to, minutes`, a square table with the labels as header and first column (CSV, Parquet), or the
        arrays `labels, minutes` of an .npz file.
    labels : tuple of str
        Labels that there are, in the order wanted.
    needed : (n,) int, optional
        Rows of `labels` that the matrix must have; by default all. The others are `inf` where they are not given.

    Raises
    ------
    DataError
        With every fault at once: not square, holes, negative or infinite minutes, text, unknown, missing and repeated
        labels.
    """
    name = Path(path).name
    rows, columns, minutes, faults = _parts(Path(path))
    wanted = range(len(labels)) if needed is None else needed.tolist()
    for what, given in (("row", rows), ("column", columns)):
        faults += _label_faults(what, given, labels, [labels[n] for n in wanted])
    if odd := set(rows) ^ set(columns):
        faults.append(
            f"it is not square: {len(set(rows))} labels to start from, {len(set(columns))} to go to; only on one side: "
            f"{some(sorted(odd))}"
        )
    faults += _number_faults(minutes, rows, columns)
    if faults:
        raise DataError(f"{name} is no matrix of travel minutes", faults=faults, count=len(faults))
    matrix = np.full((len(labels), len(labels)), np.inf)
    place = {label: n for n, label in enumerate(labels)}
    matrix[np.ix_([place[label] for label in rows], [place[label] for label in columns])] = minutes
    return matrix


def _parts(path: Path) -> tuple[list[str], list[str], Floats, list[str]]:
    """Return the labels of rows and columns, the minutes (NaN for a hole), and what cannot be read as a number."""
    if path.suffix.lower() == ".npz":
        return _npz_parts(path)
    header = read_header(path)
    table = read_columns(path, header)
    if table.bad_rows:
        raise DataError(f"{path.name} has broken rows", faults=table.bad_rows[:10], count=len(table.bad_rows))
    if set(LONG) <= set(header):
        return _long_parts(table.frame)
    rows = as_text(table.frame[header[0]]).tolist()
    values, faults = [], []
    for column in header[1:]:
        numbers, bad = as_numbers(table.frame[column])
        values.append(numbers)
        faults += _text_faults(table.frame[column][bad], f"column {column!r}")
    return rows, [str(name) for name in header[1:]], np.array(values).reshape(-1, len(rows)).T, faults


def _long_parts(frame: pd.DataFrame) -> tuple[list[str], list[str], Floats, list[str]]:
    start, stop = as_text(frame["from"]), as_text(frame["to"])
    numbers, bad = as_numbers(frame["minutes"])
    faults = _text_faults(frame["minutes"][bad], "column 'minutes'")
    twice = pd.DataFrame({"from": start, "to": stop}).duplicated()
    if twice.any():
        pair = [f"{a} to {b}" for a, b in zip(start[twice], stop[twice], strict=True)]
        faults.append(f"{int(twice.sum()):,} pairs are given more than once: {some(pair)}; keep one row of each")
    rows, columns = list(dict.fromkeys(start)), list(dict.fromkeys(stop))
    minutes = np.full((len(rows), len(columns)), np.nan)
    minutes[pd.Index(rows).get_indexer(start), pd.Index(columns).get_indexer(stop)] = numbers
    return rows, columns, minutes, faults


def _npz_parts(path: Path) -> tuple[list[str], list[str], Floats, list[str]]:
    try:
        if path.stat().st_size < 4 or not zipfile.is_zipfile(path):
            raise ValueError("no archive of arrays")
        with np.load(path, allow_pickle=False) as arrays:
            require_columns(["labels", "minutes"], arrays.files, where=path.name)
            labels = [str(label) for label in arrays["labels"].ravel().tolist()]
            minutes = np.asarray(arrays["minutes"], np.float64)
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise DataError(
            f"{path.name} cannot be read: it is no .npz of plain arrays, or damaged ({type(error).__name__})"
        ) from error
    if minutes.shape != (len(labels), len(labels)):
        shape = " × ".join(str(n) for n in minutes.shape)
        raise DataError(f"{path.name} is not square: its minutes are {shape}, it has {len(labels)} labels")
    return labels, labels, minutes, []


def _text_faults(values: Any, where: str) -> list[str]:
    if not len(values):
        return []
    return [f"{where}: {len(values):,} values are not numbers: {some(sorted(set(values.astype(str))))}"]


def _label_faults(what: str, given: list[str], known: tuple[str, ...], needed: list[str]) -> list[str]:
    faults = []
    if unknown := sorted(set(given) - set(known)):
        faults.append(f"{len(unknown)} {what} labels are unknown: {some(unknown)}; known are {some(known)}")
    if missing := [label for label in needed if label not in set(given)]:
        faults.append(f"{len(missing)} {what} labels are missing: {some(missing)}; add them")
    if twice := sorted({label for label in given if given.count(label) > 1}) if len(given) != len(set(given)) else []:
        faults.append(f"{len(twice)} {what} labels stand more than once: {some(twice)}; keep one")
    return faults


def _number_faults(minutes: Floats, rows: list[str], columns: list[str]) -> list[str]:
    faults = []
    for wrong, what in (
        (np.isnan(minutes), "have no minutes (holes); fill them in"),
        (minutes < 0, "have negative minutes; give 0 or more"),
        (np.isinf(minutes) & (minutes > 0), "have infinite minutes; give a number"),
    ):
        if wrong.any():
            pairs = [f"{rows[i]} to {columns[j]}" for i, j in np.argwhere(wrong)[:4]]
            shown = ", ".join(repr(pair) for pair in pairs[:3])
            faults.append(f"{int(wrong.sum()):,} of {minutes.size:,} pairs {what}: {shown}")
    return faults


def read_streets(
    path: str | Path, city: Tessellation, *, speed: str | None = None, oneway: str | None = None
) -> Streets:
    """Return a street network, each cell at the node nearest to its centre.

    Lines meet where they have a vertex in common (to the decimetre).

    Parameters
    ----------
    path : path
        Lines: GeoPackage, GeoJSON, Shapefile.
    city : Tessellation
        Its cells and coordinate system.
    speed, oneway : str, optional
        Columns with the speed in km/h, and with whether a street is driven only along its line.

    Raises
    ------
    DataError
        With every fault at once: no lines, no coordinate system, speeds that are not above 0.
    """
    name = Path(path).name
    wanted = [column for column in (speed, oneway) if column is not None]
    frame, _ = read_map(path, columns=wanted)
    faults, kmh = [], np.full(len(frame), np.nan)
    if speed is not None:
        kmh, bad = as_numbers(frame[speed])
        if wrong := int((bad | (kmh <= 0) | np.isinf(kmh)).sum()):
            faults.append(
                f"column {speed!r}: {wrong:,} of {len(frame):,} speeds are not numbers above 0; leave out those"
            )
    if frame.crs is None:
        faults.append("it states no coordinate system; save it with one")
    lines = np.isin(shapely.get_type_id(frame.geometry.to_numpy()), (1, 5))
    if not lines.all() or not len(frame):
        faults.append(f"{int((~lines).sum()):,} of {len(frame):,} features are not lines; leave them out")
    if faults:
        raise DataError(f"{name} is no street network", faults=faults, count=len(faults))
    both = ~as_text(frame[oneway]).str.lower().isin(_YES).to_numpy() if oneway else np.ones(len(frame), bool)
    parts, row = shapely.get_parts(shapely.force_2d(frame.geometry.to_crs(city.crs).to_numpy()), return_index=True)
    return _network(parts, kmh[row], both[row], city)


def _network(lines: npt.NDArray[np.object_], kmh: Floats, both: Bools, city: Tessellation) -> Streets:
    """Return the network of line pieces: every vertex is a node."""
    points, line = shapely.get_coordinates(lines, return_index=True)
    place, node = np.unique(np.round(points, 1), axis=0, return_inverse=True)
    node = node.ravel()
    a = np.flatnonzero(line[1:] == line[:-1])
    a = a[node[a] != node[a + 1]]
    back = a[both[line[a]]]
    tail, head = np.r_[node[a], node[back + 1]], np.r_[node[a + 1], node[back]]
    of, pieces = line[np.r_[a, back]], np.stack([points[np.r_[a, back]], points[np.r_[a + 1, back + 1]]], axis=1)
    metres, near = cKDTree(place).query(np.stack([city.x, city.y], axis=1))
    return Streets(
        x=place[:, 0], y=place[:, 1], tail=tail.astype(np.int32), head=head.astype(np.int32),
        metres=np.hypot(*(pieces[:, 1] - pieces[:, 0]).T), speed_kmh=kmh[of], geometry=shapely.linestrings(pieces),
        node=near.astype(np.int32), access_m=np.asarray(metres, np.float64),
    )  # fmt: skip


def _street_notes(streets: Streets) -> tuple[Note, ...]:
    notes = []
    if (lost := np.flatnonzero(streets.cut_off())).size:
        notes.append(note("patrol.cells_cut_off", count=lost.size, total=len(streets.node), cells=lost.tolist()))
    if (far := np.flatnonzero(streets.access_m > _NEAR_M)).size:
        notes.append(note("patrol.cells_far_from_streets", count=far.size, metres=_NEAR_M, cells=far.tolist()))
    return tuple(notes)
