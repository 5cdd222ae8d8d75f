"""The wanted columns of one file, whatever its form."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from allocator.errors import DataError
from allocator.facts import Note

TOTALS = ("total", "totals", "grand total", "subtotal", "total general", "summe", "gesamt", "somme")
"""How a line of sums begins."""

GEOMETRY_X, GEOMETRY_Y = ":x", ":y"
"""Columns that hold the coordinates of a point layer."""

Probe = Callable[[pd.DataFrame], None]
"""Looks at samples of a file's rows and raises if the file is not worth reading on."""


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
    notes : tuple of Note
        What a reader should know of the form, such as title rows that were passed over.
    """

    frame: pd.DataFrame
    bad_rows: tuple[str, ...] = ()
    crs: str | None = None
    notes: tuple[Note, ...] = ()


@contextmanager
def explained(path: Path, *errors: type[Exception]) -> Iterator[None]:
    """Turn what an engine raises about `path` into a `DataError` that shows nothing of its content."""
    try:
        yield
    except errors as error:
        # Engines quote what they choke on, which may be a row about a person: only the kind of fault is told.
        raise DataError(f"{path.name} cannot be read: {_plain(error)}") from error


_SAYINGS = {
    "straddling object": "a row is longer than 1 MB",
    "UTF8": "its text is no UTF-8",
    "invalid UTF": "its text is no UTF-8",
    "footer": "it is not Parquet, or cut off",
    "magic bytes": "it is not Parquet, or cut off",
    "Snappy": "a page of it is damaged",
    "page": "a page of it is damaged",
    "end-of-stream": "it is cut off",
    "CRC": "it is damaged",
    "Not a gzipped file": "it is not gzipped",
    "ermission denied": "permission denied",
    "not recognized": "it is not of the form that its content begins like",
}


def _plain(error: Exception) -> str:
    text = str(error)
    said = next((words for sign, words in _SAYINGS.items() if sign in text), "it is damaged or not what it seems")
    return f"{said} ({type(error).__name__})"
