"""Folders of tables and pages: the results of commands other than `run`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from allocator.errors import OutputError
from allocator.io.folders import whole_folder

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")


def write_results(
    folder: str | Path,
    *,
    tables: Mapping[str, pd.DataFrame],
    pages: Mapping[str, str],
    figures: Mapping[str, Any],
    manifest: Mapping[str, Any],
    overwrite: bool = False,
) -> Path:
    """Write tables as Parquet and CSV, pages, `summary.json` and `manifest.json`, all or nothing.

    Parameters
    ----------
    folder : path
        Must not exist, unless `overwrite` is given and it holds earlier results.
    tables : mapping of str to DataFrame
        By file name without ending. In the CSV, text that a spreadsheet would take for a formula begins with an
        apostrophe.
    pages : mapping of str to str
        HTML by file name.
    figures, manifest : mapping
        Content of the JSON files.
    overwrite : bool
        Replace earlier results.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    with whole_folder(folder, overwrite=overwrite) as place:
        try:
            for name, frame in tables.items():
                frame.to_parquet(place / f"{name}.parquet", index=False)
                without_formulas(frame).to_csv(place / f"{name}.csv", index=False)
        except pa.ArrowException as error:  # pyarrow wraps "no space left"
            raise OutputError(f"cannot write {folder}: {error}") from error
        for name, text in pages.items():
            (place / name).write_text(text, "utf-8")
        for name, content in (("summary.json", figures), ("manifest.json", manifest)):
            text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
            (place / name).write_text(text + "\n", "utf-8")
    return Path(folder).absolute()


def without_formulas(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the table with an apostrophe before text that a spreadsheet would run as a formula."""
    text = [name for name in frame.columns if not pd.api.types.is_numeric_dtype(frame[name].dtype)]
    return frame.assign(**{name: frame[name].map(_harmless) for name in text})


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
