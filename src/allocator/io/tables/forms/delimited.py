"""Delimited text: its dialect, its header wherever it stands, its rows, and quotes that swallow rows."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv

from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.io.tables.forms.content import Form, opened
from allocator.io.tables.forms.table import TOTALS, Probe, Table

_SAMPLE = 1 << 18
_BLOCK = 1 << 20
_CONTROL = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_GIVE_UP = 1_000
_PROBE_ROWS = 2_000
_SAMPLE_ROWS = 200
_MARKS = ",;\t|"
_NO_ROW = re.compile(
    r"\s*(#|--|\(\d+ rows? affected\)|\d+ rows? (selected|returned|in set)|completion time:|sep=)", re.I
)
"""Lines that programs write around a table."""
_VALUE = re.compile(r"[+-]?\d+\.\d+|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([T ].*)?")
"""What no column is called: a decimal number, a date."""
_LAST_ROWS = 20
"""Totals stand under a table; farther up, the word may be a value."""


@dataclass(frozen=True)
class Dialect:
    """How a delimited text is written.

    Parameters
    ----------
    names : tuple of str
        Columns.
    delimiter, encoding : str
        The mark between cells; the encoding of the text.
    skip : int
        Lines up to and with the header.
    passed : int
        Lines before the header that are not blank.
    """

    names: tuple[str, ...]
    delimiter: str
    encoding: str
    skip: int
    passed: int


def dialect_of(path: Path, form: Form) -> Dialect:
    """Return how a delimited text is written, by its first 256 KiB.

    Raises
    ------
    DataError
        If it is not a text table, or has no header.
    """
    with opened(path, form) as file:
        sample: bytes = file.read(_SAMPLE)
    encoding = _encoding(sample)
    if encoding != "utf-16" and (b"\0" in sample or len(_CONTROL.findall(sample)) > len(sample) // 200):
        raise DataError(f"{path.name} is not a text table: it holds binary data")
    text = sample.decode(encoding, errors="ignore").removeprefix("\ufeff")
    if not text.strip():
        raise DataError(f"{path.name} is empty")
    whole = len(sample) < _SAMPLE
    if not whole and not re.search(r"[\r\n]", text.lstrip()):
        raise DataError(f"{path.name} is not a table: its first line is longer than {_SAMPLE // 1024} KiB")
    told = re.match(r"\s*sep=(.)\s*[\r\n]", text, re.IGNORECASE)
    rows = {mark: _rows(text, mark, whole=whole) for mark in (told[1] if told else _MARKS)}
    mark = max(rows, key=lambda one: _evenness(rows[one]))
    at = _header_row(rows[mark])
    stop, cells = rows[mark][at]
    passed = sum(any(cell.strip() for cell in row) for _, row in rows[mark][:at])
    if len(cells) == (usual := _evenness(rows[mark])[1]) - 1 and at == 0:
        cells = [*cells, ""] if all(row[-1] == "" for _, row in rows[mark] if len(row) == usual) else cells
    names = tuple(name.strip() or f"column {n}" for n, name in enumerate(cells, 1))
    below = rows[mark][at + 1][1] if at + 1 < len(rows[mark]) else []
    # A roster may have dates as names: in a table without a header, the row below looks the same.
    alike = sum(bool(_VALUE.fullmatch(a) and _VALUE.fullmatch(b.strip())) for a, b in zip(names, below, strict=False))
    if alike >= min(2, len(names)):
        raise DataError(f"{path.name} has no header: its first row holds values; put the names of the columns above it")
    return Dialect(names, mark, encoding, stop, passed)


def _encoding(sample: bytes) -> str:
    if sample.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "utf-16"
    try:
        sample.decode("utf-8")
    except UnicodeDecodeError as error:
        if len(sample) < _SAMPLE or error.start < len(sample) - 4:  # a character cut off at the end is no fault
            return "cp1252" if not re.search(rb"[\x81\x8d\x8f\x90\x9d]", sample) else "latin-1"
    return "utf-8"


def _rows(text: str, mark: str, *, whole: bool) -> list[tuple[int, list[str]]]:
    """Return the first rows, each with the number of its last line."""
    reader, rows = csv.reader(io.StringIO(text, newline=""), delimiter=mark), []
    try:
        for row in reader:
            rows.append((reader.line_num, row))
            if len(rows) > _SAMPLE_ROWS:
                return rows
    except csv.Error:  # a cell of more than 128 KiB, such as a stray quote makes
        return rows or [(1, [text])]
    return rows if whole or len(rows) < 2 else rows[:-1]  # the last may be cut off


def _evenness(rows: list[tuple[int, list[str]]]) -> tuple[float, int]:
    """Return the share of rows of the usual width, 0 where that is 1, and the width."""
    widths = Counter(len(row) for _, row in rows if any(row))
    width, n = max(widths.items(), key=lambda item: (item[1], item[0]), default=(1, 0))
    return (n / max(sum(widths.values()), 1) if width > 1 else 0.0), width


def _header_row(rows: list[tuple[int, list[str]]]) -> int:
    """Return which row is the header: the first, unless it is a title: narrower than the rows, or mostly blank."""
    widths = Counter(len(row) for _, row in rows if any(row))
    width = max((one for one, n in widths.items() if n > 1), key=lambda one: (widths[one], one), default=0)
    filled = [sum(bool(cell.strip()) for cell in row) for _, row in rows]
    plain = [n for n, (_, row) in enumerate(rows) if filled[n] and not (_NO_ROW.match(row[0]) and len(row) != width)]
    first = plain[0] if plain else 0
    if len(rows[first][1]) == width - 1 and all(row[-1] == "" for _, row in rows if len(row) == width):
        return first  # every row ends with a mark of its own
    if not width or (len(rows[first][1]) >= width and filled[first] > len(rows[first][1]) / 2):
        return first
    return next((n for n in plain if len(rows[n][1]) == width and filled[n] > width / 2), first)


def read_delimited(path: Path, form: Form, wanted: list[str], probe: Probe | None) -> Table:
    """Return the wanted columns of a delimited text.

    Raises
    ------
    DataError
        If most rows are broken, there are none, or a quote swallows rows.
    """
    dialect = dialect_of(path, form)
    try:
        return _read(path, form, wanted, dialect=dialect, probe=probe)
    except pa.ArrowInvalid as error:
        if "UTF8" not in str(error):
            check_quotes(path, form, dialect)
            raise
        return _read(path, form, wanted, dialect=dataclasses.replace(dialect, encoding="latin-1"), probe=probe)


def read_head(path: Path, form: Form, wanted: list[str], rows: int) -> pd.DataFrame:
    """Return the first rows of columns as text; rows of another width are passed over."""
    dialect = dialect_of(path, form)
    with opened(path, form) as file:
        lines = iter(io.TextIOWrapper(file, dialect.encoding, errors="replace", newline=""))
        for _ in range(dialect.skip):
            next(lines, "")
        width = len(dialect.names)
        try:
            body = [
                row
                for row in itertools.islice(csv.reader(lines, delimiter=dialect.delimiter), rows)
                if len(row) == width
            ]
        except csv.Error:  # a cell of more than 128 KiB
            check_quotes(path, form, dialect)
            raise DataError(f"{path.name} is no table: a cell of it is longer than 128 KiB") from None
        frame = pd.DataFrame(body, columns=range(width), dtype="str")
    places = {name: dialect.names.index(name) for name in wanted}
    return pd.DataFrame({name: frame[place] for name, place in places.items()})


class _BadRows:
    """Rows of another width: what programs write around a table is passed over, the others are told."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.passed = 0

    def __call__(self, row: Any) -> str:
        if (row.actual_columns == 1 and _NO_ROW.match(row.text or "")) or not (row.text or "").strip():
            self.passed += 1
            return "skip"
        number = "a row" if row.number is None else f"row {row.number}"
        self.told.append(f"{number} has {row.actual_columns} columns instead of {row.expected_columns}")
        return "error" if len(self.told) > _GIVE_UP and len(self.told) > (row.number or 0) / 2 else "skip"


def _read(path: Path, form: Form, wanted: list[str], *, dialect: Dialect, probe: Probe | None) -> Table:
    names, bad = dialect.names, _BadRows()
    batches: list[pa.RecordBatch] = []
    options = {
        "read_options": pa.csv.ReadOptions(
            # One thread: only then are the numbers of bad rows known.
            use_threads=False, block_size=_BLOCK, skip_rows=dialect.skip, encoding=dialect.encoding,
            # Columns whose name stands twice are never read, but each needs a name of its own.
            column_names=[name if name not in names[:n] else f"{name}:{n}" for n, name in enumerate(names)],
        ),
        "parse_options": pa.csv.ParseOptions(
            delimiter=dialect.delimiter, newlines_in_values=True, invalid_row_handler=bad
        ),
        "convert_options": pa.csv.ConvertOptions(
            include_columns=wanted, column_types=dict.fromkeys(wanted, pa.string()), strings_can_be_null=False
        ),
    }  # fmt: skip
    source = opened(path, form) if form.gzipped or form.member else path
    try:
        with pa.csv.open_csv(source, **options) as reader:
            for batch in reader:
                batches.append(batch)
                # Looked at whenever the rows read have doubled: few samples, and late garbage is found.
                if probe and len(batches).bit_count() == 1:
                    probe(batch.slice(0, _PROBE_ROWS).to_pandas())
    except pa.ArrowInvalid:
        if bad.told:
            check_quotes(path, form, dialect)
            raise DataError(
                f"{path.name} is not a table of {len(names)} columns: most rows are broken",
                faults=bad.told[:3],
                count=len(bad.told),
            ) from None
        raise
    if not batches:
        check_quotes(path, form, dialect)
        raise DataError(f"{path.name} has a header but no rows", faults=bad.told[:3])
    table = pa.Table.from_batches(batches)
    check_quotes(path, form, dialect, rows=len(table) + len(bad.told) + bad.passed)
    frame, around = _without_trimmings(table)
    return Table(frame, tuple(bad.told), notes=_told(path, dialect.passed, bad.passed + around))


def _told(path: Path, before: int, others: int) -> tuple[Note, ...]:
    notes = []
    if before:
        notes.append(note("history.lines_before_header", file=path.name, count=before))
    if others:
        notes.append(note("history.lines_no_rows", file=path.name, count=others))
    return tuple(notes)


def _without_trimmings(table: pa.Table) -> tuple[pd.DataFrame, int]:
    """Return the rows that are neither the header again, nor a line under it, nor a total; and how many are."""
    name, first = table.column_names[0], table.column(0)
    # Nearly always there is nothing. Arrow tells it in 30 ms for a million rows, pandas in a second.
    again = pc.equal(pc.utf8_lower(pc.utf8_trim_whitespace(first)), name.strip().lower())
    ruled = pc.match_substring_regex(first, r"^\s*[-=_]{2,}\s*$")
    odd = np.flatnonzero(pc.or_(again, ruled).to_numpy())
    frame = table.to_pandas()
    last = np.arange(max(len(frame) - _LAST_ROWS, 0), len(frame))
    out = [
        row for row in np.union1d(odd, last).tolist() if _is_trimming([*map(str, frame.iloc[row])], table.column_names)
    ]
    return (frame.drop(index=out).reset_index(drop=True) if out else frame), len(out)


def _is_trimming(cells: list[str], names: list[str]) -> bool:
    """Return whether a row is the header again, a rule under it, or a total."""
    plain = [cell.strip().casefold() for cell in cells]
    if plain == [name.strip().casefold() for name in names]:
        return True
    if any(plain) and all(re.fullmatch(r"[-=_]*", cell) for cell in plain) and any(len(cell) > 1 for cell in plain):
        return True
    return any(cell in TOTALS or cell.startswith(("total ", "grand total")) for cell in plain) and sum(
        map(bool, plain)
    ) <= max(2, len(plain) // 2)


def check_quotes(path: Path, form: Form, dialect: Dialect, *, rows: int = 0) -> None:
    """Refuse a text in which a quoted cell runs over lines that look like rows of the table.

    Parameters
    ----------
    path, form, dialect
        The file.
    rows : int
        Rows that were read: where every line made one, there is nothing to look for.

    Raises
    ------
    DataError
        With the line in which the first such quote opens.
    """
    if dialect.encoding == "utf-16":
        return
    with opened(path, form) as file:
        quoted, lines = False, 0
        while block := file.read(_BLOCK * 16):
            quoted |= b'"' in block
            lines += block.count(b"\n") or block.count(b"\r")
    if not quoted or lines <= rows + dialect.skip:
        return
    with opened(path, form) as file:
        content = file.read()
    mark = dialect.delimiter.encode()
    lengthy = re.compile(
        rb"(?:^|[" + re.escape(mark) + rb'\r\n])"((?:[^"]|"")*+)(?:"|\Z)(?P<next>[^' + re.escape(mark) + rb"\r\n]?)"
    )
    wanted, found, swallowed = max(len(dialect.names) - 1, 1), [], 0
    for cell in lengthy.finditer(content):
        inner = cell[1]
        if inner.find(b"\n") < 0 and inner.find(b"\r") < 0:
            continue
        between = re.split(rb"\r\n|\n|\r", inner)[1:-1]
        alike = sum(line.count(mark) >= wanted for line in between)
        # A closing quote ends its cell: text behind it shows that it opened another.
        if alike >= (1 if wanted >= 3 else 3) or cell["next"]:
            found.append(cell.start(1))
            swallowed += len(between) + 1
    if found:
        line = 1 + len(re.findall(rb"\r\n|\n|\r", content[: found[0]]))
        raise DataError(
            f"{path.name}: a quote opens in line {line:,} and closes only after {swallowed:,} lines that look like "
            'rows of the table and would vanish in it; mend the quotes there (one inside a cell is written twice, "")',
            count=swallowed,
        )
