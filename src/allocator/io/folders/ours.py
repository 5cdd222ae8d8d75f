"""What is an output of ours, by its own hashes: nothing else is ever replaced."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from allocator.errors import OutputError, some
from allocator.io.folders.disk import empty_in, files_in, sha256

MANIFEST, PRODUCT_HASHES = "manifest.json", "products.json"
"""Hashes of what a folder was written with, and of what can be made again: pages, sheets, layers."""

LAYOUT = 3
"""Number of the layout of folders; told in `manifest.json`, and raised with every change that readers notice."""

_DROPPED = {".DS_Store", "Thumbs.db", "desktop.ini"}
"""Files that file managers leave in every folder that was looked at; nobody misses them."""


def sealed(manifest: Mapping[str, Any], place: Path) -> dict[str, Any]:
    """Return a manifest with the hashes of all files of a folder, and one of itself: `layout`, `files` and `seal`.

    Files that `products.json` lists are left to it: they may be made again.
    """
    made = read_hashes(place / PRODUCT_HASHES)
    files = {
        name: sha256(path)
        for name, path in sorted(files_in(place))
        if name not in made and name not in (MANIFEST, PRODUCT_HASHES)
    }
    whole = {**manifest, "layout": LAYOUT, "files": files}
    return {**whole, "seal": _seal(whole)}


def _seal(manifest: Mapping[str, Any]) -> str:
    text = json.dumps({key: value for key, value in manifest.items() if key != "seal"}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def read_hashes(path: str | Path) -> dict[str, str]:
    """Return the hashes of a file of them, by path; none where there is no such file, or it holds something else."""
    found = _read(Path(path))
    pairs = found.items() if isinstance(found, dict) else ()
    return {name: one for name, one in pairs if isinstance(one, str)}


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8")) if not path.is_symlink() else None
    except (OSError, ValueError, RecursionError):
        return None


def check_ours(folder: Path) -> None:
    """Refuse to replace a folder that is no output of ours, or that holds what somebody added or changed.

    Raises
    ------
    OutputError
        With the name of every such file as a fault.
    """
    if folder.is_symlink():
        raise OutputError(f"{folder} is a link: give the folder that it leads to")
    if not folder.is_dir():
        raise OutputError(f"{folder} is not a run folder: refusing to overwrite it")
    if not any(folder.iterdir()):
        return
    manifest = _read(folder / MANIFEST)
    files = manifest.get("files") if isinstance(manifest, dict) and "layout" in manifest else None
    if not isinstance(manifest, dict) or not isinstance(files, dict):
        raise OutputError(
            f"{folder} is not a run folder, nor another output of allocator: refusing to overwrite it; give another "
            "--out, or move it away"
        )
    if faults := _changes(folder, manifest, {**read_hashes(folder / PRODUCT_HASHES), **files}):
        names = [fault.partition(": ")[0] for fault in faults]
        raise OutputError(
            f"{folder} is not overwritten: {some(names, 10)} {'was' if len(names) == 1 else 'were'} added or changed "
            "since it was written; move what is to be kept, or give another --out",
            faults=faults,
        )


def _changes(folder: Path, manifest: Mapping[str, Any], known: Mapping[str, object]) -> list[str]:
    """Return what was added to a folder or changed in it, a line each."""
    faults = []
    if manifest.get("seal") != _seal(manifest):
        faults.append(f"{MANIFEST}: changed since, or of an earlier version of allocator, which told no hash of it")
    for name, path in files_in(folder):
        if name in (MANIFEST, PRODUCT_HASHES) or path.name in _DROPPED:
            continue
        if path.is_symlink() or not path.is_file():
            faults.append(f"{name}: a link, or no file")
        elif name not in known:
            faults.append(f"{name}: added")
        elif sha256(path) != known[name]:
            faults.append(f"{name}: changed")
    return faults + [f"{name}: an empty folder, added" for name in empty_in(folder) if name != "history"]
