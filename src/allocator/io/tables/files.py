"""Low-level reading of tables: CSV, Parquet and point layers, wanted columns only, in bounded memory.

Every reader looks at the header first, so that a missing column is named before any row is read, and turns
whatever the engines say about a broken file into one `DataError` for a planner.
"""

from __future__ import annotations

import csv
import dataclasses
import gzip
import io
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pyogrio
import shapely

from allocator.domain import Bools, Floats
from allocator.errors import DataError, nearest, some
from allocator.io.tables.exports import unguarded

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
GIS_SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".fgb")

GEOMETRY_X, GEOMETRY_Y = ":x", ":y"
"""Columns that hold the coordinates of a point layer."""

Probe = Callable[[pd.DataFrame], None]
"""Looks at samples of a file's rows and raises if the file is not worth reading on."""

_SAMPLE = 1 << 18
_BLOCK = 1 << 20
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_GIVE_UP = 1_000
_WITHHELD = ("redacted", "withheld", "unknown", "-", "n/a", "na")
_PROBE_ROWS = 2_000


@dataclass(frozen=True)
class Table:
    """The wanted columns of one file.

    Parameters
    ----------
    frame : DataFrame
        The columns under the names of the file, text as it stands in a CSV; point layers add `GEOMETRY_X`
        and `GEOMETRY_Y`.
    bad_rows : tuple of str
        CSV rows left out because they have the wrong number of columns, each described in words.
    crs : str, optional
        Coordinate system of a point layer.
    """

    frame: pd.DataFrame
    bad_rows: tuple[str, ...] = ()
    crs: str | None = None


@dataclass(frozen=True)
class _Dialect:
    names: tuple[str, ...]
    delimiter: str
    encoding: str
    skip: int
    """Lines up to and with the header."""


def read_header(path: str | Path, *, layer: str | None = None) -> tuple[str, ...]:
    """Return the column names of a table without reading its rows.

    Raises
    ------
    DataError
        If the file is missing, empty, of an unknown type, or not what its name says.
    """
    path = Path(path)
    with _explained(path):
        match _kind(path):
            case "csv":
                return _sniff(path).names
            case "parquet":
                return tuple(pa.parquet.read_schema(path).names)
            case _:
                return tuple(str(name) for name in pyogrio.read_info(path, layer=layer)["fields"])


def read_columns(
    path: str | Path, wanted: Sequence[str], *, layer: str | None = None, probe: Probe | None = None
) -> Table:
    """Return the wanted columns of a table.

    Parameters
    ----------
    path : path
        CSV (also gzipped), Parquet, GeoJSON, GeoPackage, Shapefile or FlatGeobuf.
    wanted : sequence of str
        Names as in the file.
    layer : str, optional
        Layer of a GeoPackage.
    probe : callable, optional
        Called with samples of a CSV's rows while it is read.

    Raises
    ------
    DataError
        If a column is missing or its name stands twice, or the file cannot be read.
    """
    path = Path(path)
    found = read_header(path, layer=layer)
    require_columns(wanted, found, where=path.name)
    refuse_repeated(wanted, found, where=path.name)
    with _explained(path):
        match _kind(path):
            case "csv":
                table = _read_csv(path, list(dict.fromkeys(wanted)), probe)
            case "parquet":
                table = Table(pa.parquet.ParquetFile(path).read(columns=list(dict.fromkeys(wanted))).to_pandas())
            case _:
                table = _read_points(path, list(dict.fromkeys(wanted)), layer)
    if not len(table.frame):
        raise DataError(f"{path.name} has a header but no rows")
    return table


def read_small_table(path: str | Path) -> pd.DataFrame:
    """Return a whole small table (a roster, say), every value as stripped text, missing values as "".

    The apostrophe that `csv_text` puts before text like a formula is taken away again.

    Raises
    ------
    DataError
        If the file cannot be read, or a row has the wrong number of columns.
    """
    table = read_columns(path, read_header(path))
    if table.bad_rows:
        raise DataError(f"{Path(path).name} has broken rows", faults=table.bad_rows[:10], count=len(table.bad_rows))
    texts = {name: as_text(column) for name, column in table.frame.items()}
    if _kind(Path(path)) == "csv":
        texts = {unguarded(str(name)): column.map(unguarded).astype("str") for name, column in texts.items()}
    return pd.DataFrame(texts)


def as_text(values: Any) -> pd.Series[str]:
    """Return the values as stripped text; missing ones, and the words for missing, become ""."""
    series = pd.Series(values)
    if pd.api.types.is_float_dtype(series.dtype):
        whole = series.notna() & (series == np.floor(series)) & np.isfinite(series)
        text = series.astype("str")
        series = text.mask(whole, text.str.removesuffix(".0"))
    text = series.astype("str").fillna("").str.strip()
    return text.mask(text.str.lower().isin(["nan", "none", "null", "(null)", "<na>", "nat"]), "")


def as_numbers(values: pd.Series[Any]) -> tuple[Floats, Bools]:
    """Return the numbers of a column, NaN where there is none, and the rows that hold other text."""
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), bool)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):  # pandas would count nanoseconds
        return np.full(len(values), np.nan), values.notna().to_numpy()
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    odd = np.isnan(numbers)
    bad = np.zeros(len(values), bool)
    text = as_text(values[odd])
    bad[odd] = (text.ne("") & ~text.str.lower().isin(_WITHHELD)).to_numpy()
    return numbers, bad


def require_columns(wanted: Sequence[str], found: Sequence[str], *, where: str) -> None:
    """Raise a `DataError` that names every wanted column that is not among those found."""
    missing = [name for name in dict.fromkeys(wanted) if name not in found]
    if missing:
        faults = [f"no column {name!r}{nearest(name, found)}" for name in missing]
        raise DataError(
            f"{where} lacks {some(missing, 20)}; it has the columns {some(found, 40)}",
            faults=faults,
            column=missing[0],
            count=len(missing),
        )


def refuse_repeated(wanted: Iterable[str], found: Sequence[str], *, where: str) -> None:
    """Raise a `DataError` that names every wanted column whose name several columns bear."""
    repeated = [name for name in dict.fromkeys(wanted) if found.count(name) > 1]
    if repeated:
        raise DataError(
            f"{where} has several columns of the same name: {some(repeated, 20)}; rename or remove all but one of each",
            faults=[f"{found.count(name)} columns are named {name!r}" for name in repeated],
            column=repeated[0],
            count=len(repeated),
        )


def _kind(path: Path) -> Literal["csv", "parquet", "gis"]:
    if not path.exists():
        raise DataError(f"there is no file {path}")
    if path.is_dir():
        raise DataError(f"{path} is a folder, not a file")
    if path.stat().st_size == 0:
        raise DataError(f"{path.name} is empty")
    suffixes = [suffix.lower() for suffix in path.suffixes if suffix.lower() != ".gz"]
    suffix = suffixes[-1] if suffixes else ""
    if suffix in CSV_SUFFIXES:
        return "csv"
    if suffix in PARQUET_SUFFIXES:
        return "parquet"
    if suffix in GIS_SUFFIXES:
        return "gis"
    known = ", ".join([*CSV_SUFFIXES, *PARQUET_SUFFIXES, *GIS_SUFFIXES])
    raise DataError(f"{path.name}: unknown file type {suffix!r}; known are {known} (a CSV may be gzipped, .csv.gz)")


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn what an engine raises about `path` into a `DataError`."""
    try:
        yield
    except (pa.ArrowException, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError) as error:
        raise DataError(f"{path.name} cannot be read: {_first_line(error)}") from error
    except (OSError, EOFError, zlib.error, UnicodeError) as error:
        raise DataError(f"{path.name} cannot be read: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    # Engines quote the offending row, which may name a person: only the head of the sentence is shown.
    text = re.sub(r"straddling object.*", "a row is longer than 1 MB", str(error).splitlines()[0] if str(error) else "")
    return text[:120] or type(error).__name__


def _sniff(path: Path) -> _Dialect:
    """Return names, delimiter and encoding from the first bytes of a CSV, or refuse it."""
    opener = gzip.open if path.suffix.lower() == ".gz" else open
    with opener(path, "rb") as file:
        sample: bytes = file.read(_SAMPLE)
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DataError(f"{path.name} is UTF-16 text; save it as UTF-8")
    if b"\0" in sample or len(_CONTROL.findall(sample)) > len(sample) // 200:
        raise DataError(f"{path.name} is not a text table: it holds binary data")
    encoding = _encoding(sample, whole=len(sample) < _SAMPLE)
    text = sample.decode(encoding, errors="ignore").removeprefix("\ufeff")
    if not text.strip():
        raise DataError(f"{path.name} is empty")
    blank = re.match(r"(?:[ \t]*(?:\r\n|\r|\n))*", text)
    skipped = blank.group() if blank else ""
    line = re.split(r"[\r\n]", text[len(skipped) :], maxsplit=1)[0]
    if len(line) == len(text) and len(sample) == _SAMPLE:
        raise DataError(f"{path.name} is not a table: its first line is longer than {_SAMPLE // 1024} KiB")
    rows = {mark: next(csv.reader(io.StringIO(line), delimiter=mark), []) for mark in ",;\t|"}
    delimiter = max(rows, key=lambda mark: len(rows[mark]))
    names = [name.strip() or f"column {n}" for n, name in enumerate(rows[delimiter], 1)]
    return _Dialect(tuple(names), delimiter, encoding, skip=1 + len(re.findall(r"\r\n|\r|\n", skipped)))


def _encoding(sample: bytes, *, whole: bool) -> str:
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if whole or error.start < len(sample) - 4:  # a character cut off at the end of the sample is no fault
            return "cp1252" if not re.search(rb"[\x81\x8d\x8f\x90\x9d]", sample) else "latin-1"
    return "utf-8"


def _read_csv(path: Path, wanted: list[str], probe: Probe | None) -> Table:
    dialect = _sniff(path)
    try:
        return _stream_csv(path, wanted, dialect=dialect, probe=probe)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            raise
        return _stream_csv(path, wanted, dialect=dataclasses.replace(dialect, encoding="latin-1"), probe=probe)


def _stream_csv(path: Path, wanted: list[str], *, dialect: _Dialect, probe: Probe | None) -> Table:
    bad_rows: list[str] = []

    def note_bad_row(row: Any) -> str:
        bad_rows.append(f"row {row.number} has {row.actual_columns} columns instead of {row.expected_columns}")
        return "error" if len(bad_rows) > _GIVE_UP and len(bad_rows) > row.number / 2 else "skip"

    batches: list[pa.RecordBatch] = []
    names = dialect.names
    options = {
        "read_options": pa.csv.ReadOptions(
            # One thread: only then are the numbers of bad rows known.
            use_threads=False, block_size=_BLOCK, skip_rows=dialect.skip, encoding=dialect.encoding,
            # Columns whose name stands twice are never read, but each needs a name of its own.
            column_names=[name if name not in names[:n] else f"{name}:{n}" for n, name in enumerate(names)],
        ),
        "parse_options": pa.csv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=note_bad_row
        ),
        "convert_options": pa.csv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
        ),
    }  # fmt: skip
    try:
        with pa.csv.open_csv(path, **options) as reader:
            for batch in reader:
                batches.append(batch)
                # Looked at whenever the rows read have doubled: few samples, and late garbage is found.
                if probe and len(batches).bit_count() == 1:
                    probe(batch.slice(0, _PROBE_ROWS).to_pandas())
    except pa.ArrowInvalid:
        if bad_rows:
            raise DataError(
                f"{path.name} is not a table of {len(names)} columns: most rows are broken",
                faults=bad_rows[:3],
                count=len(bad_rows),
            ) from None
        raise
    if not batches:
        raise DataError(f"{path.name} has a header but no rows", faults=bad_rows[:3])
    return Table(pa.Table.from_batches(batches).to_pandas(), tuple(bad_rows))


def _read_points(path: Path, wanted: list[str], layer: str | None) -> Table:
    frame = pyogrio.read_dataframe(path, layer=layer, columns=wanted)
    if not hasattr(frame, "geometry") or "geometry" not in frame:
        raise DataError(f"{path.name} holds no geometry")
    geometry = frame.geometry.to_numpy()
    types = shapely.get_type_id(geometry)
    if wrong := int((~np.isin(types, (-1, 0))).sum()):
        raise DataError(f"{path.name}: {wrong:,} of {len(frame):,} features are not points", count=wrong)
    plain = pd.DataFrame(frame[wanted])
    plain[GEOMETRY_X], plain[GEOMETRY_Y] = shapely.get_x(geometry), shapely.get_y(geometry)
    return Table(plain, crs=None if frame.crs is None else frame.crs.to_string())
