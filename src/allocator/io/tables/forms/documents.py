"""JSON: records, lines of records, and answers of open-data servers and map servers."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from allocator.errors import DataError
from allocator.facts import note
from allocator.io.tables.forms.content import Form, opened
from allocator.io.tables.forms.table import GEOMETRY_X, GEOMETRY_Y, Table

_MOST = 2 << 30
_DEPTH = 3
_RECORDS = ("records", "results", "rows", "data", "items", "value", "events", "incidents", "calls")
"""Names under which servers put their records; a list of columns or of links beside them may be longer."""
_LOOKED = 100


def is_geojson(path: Path, form: Form) -> bool:
    """Return whether the head of a JSON file is that of GeoJSON."""
    with opened(path, form) as file:
        head = file.read(1 << 16)
    start = b"".join(head.split())
    sorted_keys = b'"geometry":{"coordinates":' in start and b'"type":"Feature"' in start
    return b'"type":"FeatureCollection"' in start or sorted_keys


def read_records(path: Path, form: Form, wanted: Collection[str] = ()) -> Table:
    """Return the records of a JSON file as a table; nested names are joined by dots.

    Of several lists that is read which has most of the `wanted` names, then that of a usual name, then the longest.
    Arrays of objects, one object a line, answers that hold an array of objects (CKAN, Socrata with its columns apart,
    Esri feature sets with times in milliseconds) are understood.

    Raises
    ------
    DataError
        If there are no records.
    """
    with opened(path, form) as file:
        content = file.read(_MOST)
    if len(content) == _MOST:
        raise DataError(f"{path.name} is larger than 2 GiB: export it as CSV or Parquet, or cut it in files")
    try:
        text = content.decode("utf-8-sig")
        documents = _documents(text)
    except (UnicodeDecodeError, RecursionError):
        raise DataError(f"{path.name} is no JSON in UTF-8") from None
    except json.JSONDecodeError as error:
        raise DataError(f"{path.name} is no JSON: line {error.lineno:,}, column {error.colno:,}") from None
    answer = documents[0] if len(documents) == 1 else documents
    if isinstance(answer, dict) and isinstance(answer.get("features"), list):
        return _of_features(path, answer)
    if isinstance(answer, dict) and (columns := _columns_apart(answer)):
        return Table(_frame(dict(zip(columns, row, strict=False)) for row in answer["data"]))
    lists = _lists(answer, _DEPTH)
    if not lists:
        raise DataError(f"{path.name} holds no list of records")
    name = max(lists, key=lambda one: _rank(one, lists[one], wanted))
    others = [f"{one} ({len(rows):,})" for one, rows in lists.items() if one != name]
    read = note("history.list_read", file=path.name, name=name, count=len(lists[name]), others=others)
    return Table(_frame(lists[name]), notes=(read,) if others else ())


def _documents(text: str) -> list[Any]:
    """Return the one document of a text, or one of each line."""
    try:
        return [json.loads(text)]
    except json.JSONDecodeError:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2 or not lines[0].lstrip().startswith("{") or not lines[0].rstrip().endswith("}"):
            raise
    documents = []
    for number, line in enumerate(lines, 1):
        try:
            documents.append(json.loads(line))
        except json.JSONDecodeError as error:
            raise json.JSONDecodeError("", "\n" * (number - 1) + line, number - 1 + error.pos) from None
    return documents


def _rank(name: str, rows: list[dict[str, Any]], wanted: Collection[str]) -> tuple[int, bool, int]:
    """Return how likely a list is the one that is meant: its wanted names, its own name, its length."""
    found = {key for row in rows[:_LOOKED] for key in _flat(row)}
    return len(found & set(wanted)), name.rpartition(".")[2].casefold() in _RECORDS, len(rows)


def _lists(content: Any, depth: int, name: str = "") -> dict[str, list[dict[str, Any]]]:
    """Return the lists of records by the names that lead to them."""
    if isinstance(content, list):
        return {name: content} if content and all(isinstance(one, dict) for one in content) else {}
    if not isinstance(content, dict) or not depth:
        return {}
    inside = (_lists(one, depth - 1, f"{name}.{key}" if name else str(key)) for key, one in content.items())
    return {key: rows for found in inside for key, rows in found.items()}


def _columns_apart(answer: dict[str, Any]) -> list[str]:
    """Return the names of the columns of a Socrata answer, which stand in its `meta`."""
    columns = answer.get("meta", {}).get("view", {}).get("columns") if isinstance(answer.get("meta"), dict) else None
    rows = answer.get("data")
    if not isinstance(columns, list) or not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        return []
    return [str(column.get("fieldName") or column.get("name")) for column in columns if isinstance(column, dict)]


def _of_features(path: Path, answer: dict[str, Any]) -> Table:
    """Return the table of an Esri feature set: attributes, times as such, and the places of its points."""
    features = [one for one in answer["features"] if isinstance(one, dict)]
    notes = (
        (note("history.answer_cut", file=path.name, count=len(features)),)
        if answer.get("exceededTransferLimit")
        else ()
    )
    kinds = {one.get("name"): one.get("type") for one in answer.get("fields") or [] if isinstance(one, dict)}
    frame = _frame(_dict(one.get("attributes") or one.get("properties")) for one in features)
    for name in frame:
        if kinds.get(name) == "esriFieldTypeDate":
            milliseconds = pd.to_numeric(frame[name], errors="coerce")
            frame[name] = pd.to_datetime(milliseconds, unit="ms", utc=True)
    shapes = [_dict(one.get("geometry")) for one in features]
    if not any(shapes):
        return Table(frame, notes=notes)
    if wrong := sum(bool(shape) and not {"x", "y"} <= set(shape) for shape in shapes):
        raise DataError(f"{path.name}: {wrong:,} of {len(shapes):,} features are not points", count=wrong)
    for name, key in ((GEOMETRY_X, "x"), (GEOMETRY_Y, "y")):
        numbers = [shape.get(key) for shape in shapes]
        frame[name] = np.array([float(n) if isinstance(n, int | float) else np.nan for n in numbers])
    system = _dict(answer.get("spatialReference"))
    code = system.get("latestWkid") or system.get("wkid")
    code = code if isinstance(code, int) else None
    return Table(
        frame,
        crs=f"{'ESRI' if (code and 53_000 <= code < 55_000) or (code and code > 100_000) else 'EPSG'}:{code}"
        if code
        else None,
        notes=notes,
    )


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _frame(records: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> pd.DataFrame:
    """Return records as a table of text and numbers, in the order in which their names occur."""
    flat = [_flat(record) for record in records]
    names = dict.fromkeys(name for record in flat for name in record)
    return pd.DataFrame({name: pd.Series([record.get(name) for record in flat], dtype=object) for name in names})


def _flat(record: dict[str, Any], prefix: str = "", depth: int = _DEPTH) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in record.items():
        if isinstance(value, dict) and depth and "coordinates" not in value:
            flat |= _flat(value, f"{prefix}{name}.", depth - 1)
        elif isinstance(value, dict | list):
            flat[prefix + name] = json.dumps(value)
        else:  # NumPy has no numbers beyond 64 bits
            flat[prefix + name] = str(value) if isinstance(value, int) and abs(value) >= 2**63 else value
    return flat
