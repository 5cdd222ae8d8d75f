"""Folders that appear complete or not at all."""

from __future__ import annotations

import errno
import glob
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from allocator.errors import OutputError


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits; of a folder, that of the names and hashes of its files."""
    if Path(path).is_dir():
        parts = sorted(one for one in Path(path).iterdir() if one.is_file())
        return hashlib.sha256("".join(f"{one.name} {sha256(one)}\n" for one in parts).encode()).hexdigest()
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_output(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuse an output folder that cannot be written, before any work is done.

    Raises
    ------
    OutputError
        If it exists (and `overwrite` is not given), or its parent cannot be written to.
    """
    target = Path(folder).absolute()
    if target.exists() and not overwrite:
        raise OutputError(f"the output folder {target} exists already: give --overwrite, or another --out")
    if target.exists() and not _is_ours(target):
        raise OutputError(f"{target} is not a run folder: refusing to overwrite it")
    parent = target.parent
    while not parent.exists():
        parent = parent.parent
    if not parent.is_dir():
        raise OutputError(f"cannot make {target}: {parent} is not a folder")
    if not may_write(parent):
        raise OutputError(f"no permission to write into {parent}")


def check_writable(folder: str | Path) -> None:
    """Refuse a folder whose files cannot be replaced.

    Raises
    ------
    OutputError
        If it cannot be written to.
    """
    if Path(folder).is_dir() and not may_write(Path(folder)):
        raise OutputError(f"no permission to write into {folder}: give another folder with --out")


def write_files(files: Mapping[str, bytes], folder: str | Path) -> Path:
    """Write files by path into a new folder, all or nothing, and return it.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    with whole_folder(folder) as place:
        for name, content in files.items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(content)
    return Path(folder).absolute()


def replace_files(files: Mapping[str, bytes], folder: str | Path) -> None:
    """Put files into a folder that exists: all are written beside it first, then each takes its place whole.

    Raises
    ------
    OutputError
        If they cannot be written; the earlier files are as they were, unless the system fails between two renames.
    """
    place, done = Path(folder).absolute(), list[str]()
    made = place / f".products-{os.getpid()}"
    _tidy_products(place)
    try:
        for name, content in files.items():
            (made / name).parent.mkdir(parents=True, exist_ok=True)
            (made / name).write_bytes(content)
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            if (place / name).is_dir() or not may_write((place / name).parent):
                raise OSError(errno.EACCES, f"{name} cannot be replaced")
        for name in files:
            (made / name).replace(place / name)
            done.append(name)
    except OSError as error:
        if not is_output_failure(error):
            raise
        state = f"new are {', '.join(done)}" if done else "earlier files are as they were"
        raise OutputError(f"cannot write into {place}: {_plain(error)}; {state}") from error
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _tidy_products(place: Path) -> None:
    """Remove what a killed process left of `replace_files`."""
    with suppress(OSError):
        for left in place.glob(".products-*"):
            if not _alive(left.name.rpartition("-")[2]):
                shutil.rmtree(left, ignore_errors=True)


def may_write(folder: Path) -> bool:
    """Return whether files can be made in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def _is_ours(folder: Path) -> bool:
    return folder.is_dir() and ((folder / "manifest.json").exists() or not any(folder.iterdir()))


@contextmanager
def whole_folder(folder: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a hidden folder to write into, which takes its final name only when all went well.

    On any failure or interrupt it is removed. Left-overs of a killed run (`.name.partial-…`) are removed by
    the next run to the same place; an old run that was being replaced when its replacement was killed
    (`.name.old-…`) gets its name back.

    Raises
    ------
    OutputError
        If the folder exists, or cannot be written (no room, no permission).
    """
    target = Path(folder).absolute()
    _tidy(target)
    check_output(target, overwrite=overwrite)
    partial = target.with_name(f".{target.name}.partial-{os.getpid()}")
    old = target.with_name(f".{target.name}.old-{os.getpid()}")
    try:
        partial.mkdir(parents=True)
        yield partial
        if target.exists():
            target.rename(old)
        partial.rename(target)
    except OSError as error:
        if not is_output_failure(error):
            raise
        raise OutputError(f"cannot write {target}: {_plain(error)}; nothing was left behind") from error
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        for left in (partial, old):
            shutil.rmtree(left, ignore_errors=True)


def _tidy(target: Path) -> None:
    with suppress(OSError):
        for old in sorted(target.parent.glob(f".{glob.escape(target.name)}.old-*")):
            if target.exists():
                shutil.rmtree(old, ignore_errors=True)
            else:
                old.rename(target)
        for partial in target.parent.glob(f".{glob.escape(target.name)}.partial-*"):
            if not _alive(partial.name.rpartition("-")[2]):
                shutil.rmtree(partial, ignore_errors=True)


def _alive(pid: str) -> bool:
    """Return whether the process that is writing a folder still runs."""
    try:
        os.kill(int(pid), 0)
    except (ValueError, ProcessLookupError):
        return False
    except OSError:  # it runs, but is not ours
        return True
    return True


def is_output_failure(error: OSError) -> bool:
    """Return whether an error of the operating system means that output cannot be written."""
    return error.errno in {
        errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EFBIG,
        errno.ENAMETOOLONG, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY,
    } or any(words in str(error) for words in ("No space left", "Permission denied"))  # fmt: skip


def _plain(error: OSError) -> str:
    if error.errno in {errno.ENOSPC, errno.EDQUOT} or "No space left" in str(error):
        return "no room left on the disk"
    return f"{error.strerror or error}"
