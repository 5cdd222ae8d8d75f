"""Reading of tables of any form: wanted columns only, in bounded memory.

Every reader looks at the header first, so that a missing column is named before any row is read, and turns
whatever the engines say about a broken file into one `DataError` for a planner.
"""

from __future__ import annotations

import struct
import zipfile
import zlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet
import pyogrio

from allocator.errors import DataError, nearest, some
from allocator.facts import Note
from allocator.io.tables.exports import unguarded
from allocator.io.tables.forms import (
    Form,
    Probe,
    Table,
    address_of,
    dialect_of,
    explained,
    form_of,
    is_geojson,
    layer_of,
    quiet,
    read_delimited,
    read_head,
    read_points,
    read_records,
    read_sheet,
)
from allocator.io.tables.values import as_text

_ENGINES = (
    pa.ArrowException, pyogrio.errors.DataSourceError, pyogrio.errors.DataLayerError, pyogrio.errors.FeatureError,
    OSError, EOFError, zlib.error, zipfile.BadZipFile, UnicodeError, ValueError, OverflowError, IndexError, TypeError,
    struct.error, NotImplementedError,
)  # fmt: skip
"""What engines raise about files: ValueError and those after are for what pyogrio and pandas cannot hold."""


@dataclass(frozen=True)
class OpenTable:
    """A table of which the header is known.

    Parameters
    ----------
    path : Path
        The file.
    form : Form
        What it is.
    names : tuple of str
        Its columns.
    layer : str, optional
        The layer or sheet asked for.
    whole : Table, optional
        All of it, where the form can only be read as a whole.
    """

    path: Path
    form: Form
    names: tuple[str, ...]
    layer: str | None = None
    whole: Table | None = None

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is known of it before its rows are read."""
        return () if self.whole is None else self.whole.notes

    @property
    def has_places(self) -> bool:
        """Whether each row comes with a place of its own."""
        return self._is_layer or (self.whole is not None and bool(self.whole.frame.columns.isin([":x"]).any()))

    @property
    def _is_layer(self) -> bool:
        return self.whole is None and self.form.kind not in ("delimited", "parquet")

    def columns(self, wanted: Sequence[str], *, probe: Probe | None = None) -> Table:
        """Return the wanted columns.

        Parameters
        ----------
        wanted : sequence of str
            Names as in the file.
        probe : callable, optional
            Called with samples of a CSV's rows while it is read.

        Raises
        ------
        DataError
            If a column is missing or its name stands twice, or the file cannot be read.
        """
        require_columns(wanted, self.names, where=self.path.name)
        refuse_repeated(wanted, self.names, where=self.path.name)
        table = self._read(list(dict.fromkeys(wanted)), probe)
        if not len(table.frame):
            raise DataError(f"{self.path.name} has a header but no rows")
        return table

    def head(self, wanted: Sequence[str], rows: int) -> pd.DataFrame:
        """Return the first rows of columns, of large files without reading on.

        Raises
        ------
        DataError
            If the file cannot be read.
        """
        with explained(self.path, *_ENGINES):
            if self.form.kind == "delimited":
                return read_head(self.path, self.form, list(wanted), rows)
            if self.form.kind == "parquet":
                batch = next(pa.parquet.ParquetFile(self.path).iter_batches(rows, columns=list(wanted)))
                return batch.to_pandas(ignore_metadata=True)
        return self.columns(wanted).frame.head(rows)

    def _read(self, wanted: list[str], probe: Probe | None) -> Table:
        if self.whole is not None:
            places = [name for name in self.whole.frame if name.startswith(":")]
            frame = self.whole.frame[[*wanted, *places]]
            return Table(frame, crs=self.whole.crs, notes=self.whole.notes)
        with explained(self.path, *_ENGINES):
            match self.form.kind:
                case "delimited":
                    return read_delimited(self.path, self.form, wanted, probe)
                case "parquet":
                    return Table(_read_parquet(self.path, wanted))
                case _:
                    return read_points(self.path, self.form, wanted, self.layer)


def open_table(path: str | Path, *, layer: str | None = None, wanted: Collection[str] = ()) -> OpenTable:
    """Return a table with its header read.

    Parameters
    ----------
    path : path
        Delimited text, Parquet, XLSX, XLS, ODS, JSON records, GeoJSON, Esri JSON, GeoPackage, Shapefile or FlatGeobuf;
        text and JSON also packed by gzip or zip.
    layer : str, optional
        Layer of a GeoPackage, or sheet of a workbook.
    wanted : collection of str
        Columns that are wanted: of a JSON answer with several lists, they tell which is meant.

    Raises
    ------
    DataError
        If the file is missing, empty, of a form that is not read, or damaged.
    """
    path = Path(path)
    form = form_of(path)
    with explained(path, *_ENGINES):
        match form.kind:
            case "delimited":
                return OpenTable(path, form, dialect_of(path, form).names)
            case "parquet":
                return OpenTable(path, form, tuple(pa.parquet.read_schema(path).names))
            case "xml":
                raise DataError(f"{path.name} is XML, such as KML: that is read as a map of areas, not as a table")
            case "workbook":
                return _whole(path, form, read_sheet(path, layer))
            case "json" if not is_geojson(path, form):
                return _whole(path, form, read_records(path, form, wanted))
            case _:
                name = layer_of(path, form, layer)[0] if form.kind != "json" else None
                with quiet():
                    fields = pyogrio.read_info(address_of(path, form), layer=name)["fields"]
                return OpenTable(path, form, tuple(str(field) for field in fields), name and layer)


def _whole(path: Path, form: Form, table: Table) -> OpenTable:
    names = tuple(str(name) for name in table.frame.columns if not str(name).startswith(":"))
    return OpenTable(path, form, names, whole=table)


def read_header(path: str | Path, *, layer: str | None = None) -> tuple[str, ...]:
    """Return the column names of a table; see `open_table`.

    Raises
    ------
    DataError
        As `open_table`.
    """
    return open_table(path, layer=layer).names


def read_columns(path: str | Path, wanted: Sequence[str], *, layer: str | None = None) -> Table:
    """Return the wanted columns of a table; see `open_table`.

    Raises
    ------
    DataError
        If a column is missing or its name stands twice, or the file cannot be read.
    """
    return open_table(path, layer=layer).columns(wanted)


def _read_parquet(path: Path, wanted: list[str]) -> pd.DataFrame:
    """Return columns of a Parquet file; those of bytes or lists are told, pandas' own notes ignored."""
    file = pa.parquet.ParquetFile(path)
    schema = file.schema_arrow
    odd = [
        name for name in wanted if pa.types.is_nested(schema.field(name).type) or _is_binary(schema.field(name).type)
    ]
    if odd:
        raise DataError(
            f"{path.name}: columns {some(odd, 10)} hold bytes, lists or structures, not plain values", column=odd[0],
            count=len(odd),
        )  # fmt: skip
    table = file.read(columns=wanted)
    table.validate(full=True)  # text that is no UTF-8 would else be met by whoever looks at it first
    return table.to_pandas(ignore_metadata=True)


def _is_binary(kind: pa.DataType) -> bool:
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind) or pa.types.is_fixed_size_binary(kind))


def read_small_table(path: str | Path, *, layer: str | None = None) -> pd.DataFrame:
    """Return a whole small table (a roster, say), every value as stripped text, missing values as "".

    The apostrophe that `csv_text` puts before text like a formula is taken away again.

    Raises
    ------
    DataError
        If the file cannot be read, or a row has the wrong number of columns.
    """
    opened = open_table(path, layer=layer)
    table = opened.columns(opened.names)
    if table.bad_rows:
        raise DataError(f"{Path(path).name} has broken rows", faults=table.bad_rows[:10], count=len(table.bad_rows))
    texts = {name: as_text(column) for name, column in table.frame.items() if not str(name).startswith(":")}
    if opened.form.kind == "delimited":
        texts = {unguarded(str(name)): column.map(unguarded).astype("str") for name, column in texts.items()}
    return pd.DataFrame(texts)


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
