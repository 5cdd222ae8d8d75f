"""Folders of tables and pages: the results of commands other than `run`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from allocator.errors import OutputError
from allocator.io.folders.files import whole_folder
from allocator.io.folders.ours import MANIFEST, sealed
from allocator.io.tables import csv_text


def write_results(
    folder: str | Path,
    *,
    tables: Mapping[str, pd.DataFrame],
    pages: Mapping[str, str | bytes],
    figures: Mapping[str, Any],
    manifest: Mapping[str, Any],
    overwrite: bool = False,
) -> Path:
    """Write tables as Parquet and CSV, pages, `summary.json` and `manifest.json` with all hashes, all or nothing.

    Parameters
    ----------
    folder : path
        Must not exist, unless `overwrite` is given and it holds earlier results.
    tables : mapping of str to DataFrame
        By file name without ending; see `csv_text` for the CSV.
    pages : mapping of str to str or bytes
        Further files by name, such as `index.html` or `areas/loop/en.html`: pages, pictures, other text.
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
                (place / f"{name}.csv").write_text(csv_text(frame), "utf-8")
        except pa.ArrowException as error:  # pyarrow wraps "no space left"
            raise OutputError(f"cannot write {folder}: {error}") from error
        for name, page in pages.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(page.encode("utf-8") if isinstance(page, str) else page)
        _write_json(place / "summary.json", figures)
        _write_json(place / MANIFEST, sealed(manifest, place))
    return Path(folder).absolute()


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n", "utf-8")
