"""The files of a run folder: where they lie, and what is in them before it is unpacked."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Collection, Mapping
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from allocator.errors import DataError, some
from allocator.io.folders.disk import sha256

MOST_BYTES = 4_000_000_000
"""Unpacked size of one file; the largest known, the risk of 97,000 cells, has 600 MB."""

MOST_ROWS = 200_000_000
"""Rows of one table: 1,000,000 cells × 21 shifts × 9 kinds fit in."""

_HASH = re.compile(r"[0-9a-f]{64}")


def check_listed(place: Path, listed: object, needed: Collection[str]) -> None:
    """Refuse files of a run folder that lie outside it, are links, are missing, or are not as they were written.

    Parameters
    ----------
    place : path
        The run folder.
    listed : mapping of str to str
        Hash of each file, as in the manifest.
    needed : collection of str
        Files that every run folder has.

    Raises
    ------
    DataError
        With every such file.
    """
    if not isinstance(listed, dict) or not all(
        isinstance(name, str) and isinstance(known, str) and _HASH.fullmatch(known) for name, known in listed.items()
    ):
        raise DataError(f"{place}: manifest.json lists no files with their hashes: restore it, or run the job again")
    if outside := [name for name in listed if not _is_inside(name)]:
        raise DataError(f"{place}: manifest.json names paths outside the folder: {some(outside)}", faults=outside)
    if links := [name for name in listed if _is_linked(place, name)]:
        raise DataError(f"{place}: {some(links, 10)} would be read through links, which are not followed", faults=links)
    missing = [name for name in dict.fromkeys((*listed, *needed)) if name not in listed or not (place / name).is_file()]
    if missing:
        raise DataError(f"{place} is not a complete run folder: it lacks {some(missing, 10)}", faults=missing)
    if changed := [name for name, known in listed.items() if sha256(place / name) != known]:
        raise DataError(
            f"{place}: {some(changed, 10)} changed after the run was written, so its numbers no longer belong "
            "together: restore what was written, or run the job again",
            faults=changed,
        )


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    odd = not name or "\0" in name or "\\" in name or path.is_absolute() or ".." in path.parts
    return not odd and not PureWindowsPath(name).drive and path.as_posix() == name and name != "."


def _is_linked(place: Path, name: str) -> bool:
    path = Path(name)
    return any((place / part).is_symlink() for part in (path, *path.parents) if part != Path())


def arrays_of(path: Path) -> dict[str, Any]:
    """Return the arrays of an .npz file by name, in the order and the bytes of this machine; never an object.

    Raises
    ------
    DataError
        If an array is packed, longer than the file says, or of a type that holds no numbers.
    """
    arrays = {}
    with zipfile.ZipFile(path) as held:
        for entry in held.infolist():
            if entry.compress_type != zipfile.ZIP_STORED or entry.file_size > MOST_BYTES or entry.flag_bits & 1:
                raise DataError(f"{path.name}: {entry.filename[:80]!r} is packed, or too large")
            if not entry.filename.endswith(".npy"):
                raise DataError(f"{path.name}: {entry.filename[:80]!r} is no array")
            with held.open(entry) as file:
                version = np.lib.format.read_magic(file)
                read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
                shape, _, dtype = read[version](file)
                size = int(np.prod([int(n) for n in shape], dtype=object)) * dtype.itemsize
                if dtype.kind not in "biuf" or size != entry.file_size - file.tell():
                    raise DataError(f"{path.name}: {entry.filename[:80]!r} has no numbers, or not as many as it says")
            with held.open(entry) as file:
                array = np.lib.format.read_array(file, allow_pickle=False)
            name = entry.filename.removesuffix(".npy")
            arrays[name] = np.ascontiguousarray(array, array.dtype.newbyteorder("=")).reshape(array.shape)
    return arrays


_FITS = {
    "str": lambda kind: pa.types.is_string(kind) or pa.types.is_large_string(kind),
    "bool": pa.types.is_boolean, "int": pa.types.is_integer, "float": pa.types.is_floating,
    "datetime": pa.types.is_timestamp, "bytes": pa.types.is_binary,
    "category": lambda kind: pa.types.is_dictionary(kind) and pa.types.is_string(kind.value_type),
}  # fmt: skip


def table_of(path: Path, types: Mapping[str, str] | None = None, *, most_rows: int = MOST_ROWS) -> pd.DataFrame:
    """Return a table of a run folder, after checking its columns and their types.

    Parameters
    ----------
    path : path
        A Parquet file.
    types : mapping of str to str, optional
        Column → type, such as "int32"; by default any columns of texts, numbers and truth values.
    most_rows : int
        Rows that the table may have.

    Raises
    ------
    DataError
        If columns, types or the number of rows are others.
    """
    file = pq.ParquetFile(path)
    schema, told = file.schema_arrow, file.metadata
    size = sum(told.row_group(n).total_byte_size for n in range(told.num_row_groups))
    if told.num_rows > most_rows or size > MOST_BYTES:
        raise DataError(f"{path.name} is too large: {told.num_rows:,} rows, {size / 1e6:,.0f} MB")
    if types is not None and schema.names != list(types):
        raise DataError(f"{path.name}: its columns are not {', '.join(types)}")
    if len(set(schema.names)) < len(schema.names):
        raise DataError(f"{path.name}: columns of the same name")
    for field in schema:
        name = "" if types is None else types[field.name].partition("[")[0].rstrip("0123456789")
        fits = [_FITS[one] for one in ([name] if name else ["str", "bool", "int", "float"])]
        if types is None and told.num_rows == 0 and pa.types.is_null(field.type):
            continue  # a table without rows, such as that of alarms, has no types to tell
        if not any(fit(field.type) for fit in fits):
            raise DataError(f"{path.name}: the column {field.name!r} is of type {str(field.type)[:60]}")
    # Without what pandas noted of itself: it may name an index, or types that contradict the columns.
    table = file.read().replace_schema_metadata(None)
    frame = table.to_pandas()
    for name, kind in (types or {}).items():
        if kind == "str" and table[name].null_count:
            raise DataError(f"{path.name}: the column {name!r} has {table[name].null_count:,} cells without a value")
        if kind != "category" and str(frame[name].dtype) != kind:
            frame[name] = frame[name].astype(kind)
    return frame
