"""What a file is, told by its content and never by its name; and how much it may unpack to."""

from __future__ import annotations

import gzip
import io
import re
import stat
import struct
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Literal

import pyarrow as pa
import pyarrow.parquet

from allocator.errors import DataError, some
from allocator.io.tables.forms.table import explained

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

Kind = Literal[
    "delimited", "parquet", "workbook", "json", "xml", "geopackage", "flatgeobuf", "shapefile", "geodatabase"
]

CSV_SUFFIXES = (".csv", ".tsv", ".txt")
PARQUET_SUFFIXES = (".parquet", ".pq")
GIS_SUFFIXES = (".geojson", ".json", ".gpkg", ".shp", ".fgb", ".kml", ".kmz", ".topojson", ".gdb")

_HEAD = 1 << 16
MOST_TIMES, MOST_MORE = 60, 64 << 20
"""A packed file may unpack to so many times its size and so many bytes more; tables of events reach about 15."""
_ROWS_PER_BYTE, _ROWS_MORE = 20, 1_000_000
"""A Parquet file may hold so many rows per byte; one of events needs some bytes a row."""
_MOST_FOLDER = 10_000
_VIRTUAL = re.compile(rb"<(OGR|VRT|GDAL|WMS|WFS|WCS)|gdal_streamed_alg|gdal vector|/vsi[a-z]", re.IGNORECASE)
_TABLES = (".csv", ".tsv", ".txt", ".json", ".geojson", ".ndjson", ".jsonl")


@dataclass(frozen=True)
class Form:
    """What a file is.

    Parameters
    ----------
    kind : str
        By content.
    member : str
        The one file of a zip archive that is read; "" where the file is none.
    gzipped : bool
        Whether it is packed by gzip.
    """

    kind: Kind
    member: str = ""
    gzipped: bool = False


class Capped(io.RawIOBase):
    """A stream of an unpacked file that refuses to grow beyond what honest tables do."""

    def __init__(self, stream: IO[bytes] | gzip.GzipFile, path: Path) -> None:
        self._stream, self._name = stream, path.name
        self._left = MOST_TIMES * path.stat().st_size + MOST_MORE

    def readable(self) -> bool:
        """Return True: it is there to be read."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """Read on.

        Raises
        ------
        DataError
            If more was unpacked than a table may hold.
        """
        block = self._stream.read(len(memoryview(buffer)))
        self._left -= len(block)
        if self._left < 0:
            raise DataError(
                f"{self._name} unpacks to more than {MOST_TIMES} times its size: that is no table of events; "
                "unpack it yourself if it is meant so"
            )
        memoryview(buffer)[: len(block)] = block
        return len(block)


def local_file(path: Path) -> Path:
    """Return a path that is a regular local file with content.

    Raises
    ------
    DataError
        If it is not.
    """
    shown = path.name if len(path.name) <= 100 else f"{path.name[:100]}…"
    try:
        state = path.stat()
    except FileNotFoundError:
        raise DataError(f"there is no file {path}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "not a path"
        raise DataError(f"{shown} cannot be opened: {reason.lower()}") from None
    if stat.S_ISDIR(state.st_mode):
        raise DataError(f"{path} is a folder, not a file")
    if not stat.S_ISREG(state.st_mode):
        raise DataError(f"{path} is no regular file (a device, pipe or socket)")
    if state.st_size == 0:
        raise DataError(f"{shown} is empty")
    return path


_PACKERS = (
    OSError, EOFError, zipfile.BadZipFile, zlib.error, struct.error, NotImplementedError, RuntimeError, LookupError,
    ValueError, OverflowError,
)  # fmt: skip
"""What gzip and zip raise about damaged archives, unknown ways of packing and names that are no text."""


def form_of(path: Path) -> Form:
    """Return what a file is.

    Raises
    ------
    DataError
        If it is missing, empty, of a form that is not read, or would unpack to too much.
    """
    if _is_geodatabase(path):
        return Form("geodatabase")
    local_file(path)
    with explained(path, *_PACKERS, pa.ArrowException):
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if head.startswith(b"\x1f\x8b"):
            with gzip.open(path) as inner:
                head = Capped(inner, path).read(_HEAD) or b""
            return Form(_plain_kind(path, head), gzipped=True)
        if head.startswith(b"PK\x03\x04"):
            return _of_archive(path)
        if head.startswith(b"PAR1"):
            _check_parquet(path)
            return Form("parquet")
        return Form(_plain_kind(path, head))


def _is_geodatabase(path: Path) -> bool:
    try:
        return path.is_dir() and (path / "a00000001.gdbtable").is_file()
    except (OSError, ValueError):
        return False


def _plain_kind(path: Path, head: bytes) -> Kind:
    """Return the kind of a file that is not packed."""
    if head.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        return "workbook"
    if head.startswith(b"SQLite format 3\0"):
        if head[68:72] not in (b"GPKG", b"GP10", b"GP11"):
            raise DataError(f"{path.name} is a SQLite database, but no GeoPackage")
        return "geopackage"
    if _VIRTUAL.search(head):  # GDAL looks for these anywhere in the head, whatever a file begins with
        raise DataError(f"{path.name} names other files or addresses: virtual formats are not opened")
    if head.startswith(b"fgb\x03fgb"):
        return "flatgeobuf"
    if head.startswith(b"\x00\x00\x27\x0a"):
        return "shapefile"
    for mark, name in (
        (b"%PDF", "a PDF"),
        (b"\x89PNG", "a picture"),
        (b"\xff\xd8\xff", "a picture"),
        (b"7z\xbc", "a 7z archive"),
    ):
        if head.startswith(mark):
            raise DataError(f"{path.name} is {name}, not a table: export it as CSV, XLSX or Parquet")
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"<"):
        if re.match(rb"<(!doctype\s+)?(html|table)", text[:200], re.IGNORECASE) or b"urn:schemas-microsoft-com" in text:
            raise DataError(f"{path.name} is a web page or XML sheet, whatever its name says: save it as XLSX or CSV")
        return "xml"
    if re.match(rb"[\[{]\s*[\"\[{\]}]", text[:2_000]):
        return "json"
    return "delimited"


def _of_archive(path: Path) -> Form:
    """Return what a zip archive holds: a workbook, a map, or one table."""
    with zipfile.ZipFile(path) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir() and not info.filename.startswith("__MACOSX")]
        allowed = MOST_TIMES * path.stat().st_size + MOST_MORE
        if sum(info.file_size for info in infos) > allowed or len(infos) > _MOST_FOLDER:
            raise DataError(f"{path.name} unpacks to more than {MOST_TIMES} times its size: it is not opened")
        names = [info.filename for info in infos]
        if any(info.flag_bits & 1 for info in infos):
            raise DataError(f"{path.name} is locked by a password: save it without one")
        if {"xl/workbook.xml", "xl/workbook.bin", "content.xml"} & set(names):
            return Form("workbook")
        if any(".gdb/" in name for name in names):
            return Form("geodatabase", member=_one(path, sorted({name[: name.index(".gdb/") + 4] for name in names
                                                                  if ".gdb/" in name})))  # fmt: skip
        if drawn := [name for name in names if name.lower().endswith(".kml")]:
            return Form("xml", member=drawn[0])  # a KMZ may hold several, which belong together
        for ending, kind in ((".shp", "shapefile"), (".gpkg", "geopackage")):
            if own := [name for name in names if name.lower().endswith(ending)]:
                member = _one(path, own)
                with archive.open(member) as file:
                    if _plain_kind(path, file.read(_HEAD)) != kind:
                        raise DataError(f"{path.name}: {member} is not what its name says")
                return Form(kind, member=member)
        member = _one(path, [name for name in names if name.lower().endswith(_TABLES)], names=names)
        with archive.open(member) as file:
            return Form(_plain_kind(path, file.read(_HEAD)), member=member)


def _one(path: Path, fitting: list[str], *, names: list[str] | None = None) -> str:
    if len(fitting) == 1:
        return fitting[0]
    what = some(sorted(fitting or names or []), 6)
    raise DataError(
        f"{path.name} holds {len(fitting)} tables or maps where one is wanted: unpack it and name the file; it has "
        f"{what}",
        count=len(fitting),
    )


def _check_parquet(path: Path) -> None:
    """Refuse a Parquet file whose footer promises more than its size can honestly hold."""
    meta, size = pyarrow.parquet.read_metadata(path), path.stat().st_size
    unpacked = sum(meta.row_group(n).total_byte_size for n in range(meta.num_row_groups))
    if unpacked > MOST_TIMES * size + MOST_MORE or meta.num_rows > _ROWS_PER_BYTE * size + _ROWS_MORE:
        raise DataError(
            f"{path.name} promises {meta.num_rows:,} rows in {size:,} bytes: that is no table of events, "
            "it is not opened"
        )


def opened(path: Path, form: Form) -> IO[bytes]:
    """Return the unpacked content of a file as a stream that is capped where it is packed."""
    if form.gzipped:
        return io.BufferedReader(Capped(gzip.open(path), path))
    if form.member:
        return io.BufferedReader(Capped(zipfile.ZipFile(path).open(form.member), path))
    return path.open("rb")
