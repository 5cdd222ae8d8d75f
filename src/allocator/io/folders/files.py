"""Folders that appear complete or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

from allocator.errors import OutputError
from allocator.io.folders import debris, disk
from allocator.io.folders.ours import PRODUCT_HASHES, check_ours, read_hashes


def check_output(folder: str | Path, *, overwrite: bool = False) -> None:
    """Refuse an output folder that cannot be written, before any work is done.

    What killed runs left beside it is swept, and an old copy whose replacement was killed is taken back.

    Raises
    ------
    OutputError
        If it exists (and `overwrite` is not given), is no output of ours or holds what somebody added or changed, or
        its parent cannot be written to or has no room.
    """
    target = Path(folder).absolute()
    if len(os.fsencode(target.name)) > 255 - debris.LONGEST_SUFFIX:
        raise OutputError(
            f"the name {target.name[:40]}… has {len(target.name)} signs: folders have at most "
            f"{255 - debris.LONGEST_SUFFIX} bytes"
        )
    try:
        debris.sweep(target.parent, target.name)
        _check_target(target, overwrite=overwrite)
        parent = target.parent
        while not os.path.lexists(parent):
            parent = parent.parent
        is_folder = parent.is_dir()
    except OSError as error:
        raise OutputError(f"cannot write {target}: {disk.plain(error)}") from error
    if not is_folder:
        raise OutputError(f"cannot make {target}: {parent} is not a folder")
    if not disk.may_write(parent):
        raise OutputError(f"no permission to write into {parent}")
    disk.check_room(parent)


def _check_target(target: Path, *, overwrite: bool) -> None:
    if not os.path.lexists(target):
        return
    if not overwrite:
        raise OutputError(f"the output folder {target} exists already: give --overwrite, or another --out")
    if target.is_dir() and not target.is_symlink():
        finish_products(target)
    check_ours(target)


def check_writable(folder: str | Path) -> None:
    """Refuse a folder whose files cannot be replaced.

    Raises
    ------
    OutputError
        If it cannot be written to, or has no room.
    """
    if not Path(folder).is_dir():
        return
    if not disk.may_write(Path(folder)):
        raise OutputError(f"no permission to write into {folder}: give another folder with --out")
    disk.check_room(Path(folder))


def write_files(files: Mapping[str, bytes], folder: str | Path) -> Path:
    """Write files by path into a new folder, all or nothing, and return it.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    with whole_folder(folder) as place:
        _write(files, place)
    return Path(folder).absolute()


def _write(files: Mapping[str, bytes], place: Path) -> None:
    for name, content in files.items():
        (place / name).parent.mkdir(parents=True, exist_ok=True)
        (place / name).write_bytes(content)


@contextmanager
def whole_folder(folder: str | Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Give a hidden folder to write into, which takes its final name only when all went well.

    Everything is flushed to the disk first. Of two that write the same folder one wins, and the other is told. An
    output that is replaced keeps its name until the new one has it, in one step where the system can do that; else an
    old copy (`.name.old-…`) gets its name back at the next look, should the replacement be killed in between. On any
    failure or interrupt the hidden folder is removed; what killed processes leave (`.name.partial-…`) is swept by the
    next that writes into the same parent.

    Raises
    ------
    OutputError
        If the folder exists, or cannot be written (no room, no permission).
    """
    target = Path(folder).absolute()
    check_output(target, overwrite=overwrite)
    partial = debris.hidden(target, "partial")
    try:
        partial.mkdir(parents=True)
        yield partial
        disk.flush(partial)
        _take_place(partial, target, overwrite=overwrite)
        disk.flush_folder(target.parent)
    except OSError as error:
        if not disk.is_output_failure(error):
            raise
        raise OutputError(f"cannot write {target}: {disk.plain(error)}; nothing was left behind") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _take_place(partial: Path, target: Path, *, overwrite: bool) -> None:
    """Give a finished folder its name; what was replaced is left at the hidden path, or removed."""
    if not (overwrite and os.path.lexists(target)):
        try:
            disk.move_new(partial, target)
        except FileExistsError:
            raise OutputError(
                f"the output folder {target} was made by another run meanwhile: give --overwrite, or another --out; "
                "this run was not written"
            ) from None
        return
    check_ours(target)  # again: somebody may have worked on it while this run was made
    if disk.exchange(partial, target):
        return
    old = debris.hidden(target, "old")
    target.rename(old)
    try:
        disk.move_new(partial, target)
    finally:
        if not os.path.lexists(target):
            old.rename(target)
    shutil.rmtree(old, ignore_errors=True)


_STAGED = re.compile(r"\.products-(?P<owner>[0-9a-f]{8}-\d+-\d+-[0-9a-f]{8})(?P<ready>\.ready)?")
"""Products on their way into a run folder: being written, or whole and ready to take their places."""


def replace_files(files: Mapping[str, bytes], folder: str | Path) -> None:
    """Put products and their hashes (`products.json`, the last of them) into a folder that exists, as a whole.

    All are written and flushed beside the others first, then each takes its place. If the process is killed in
    between, the next look at the folder moves the rest (`finish_products`).

    Raises
    ------
    OutputError
        If they cannot be written, a link lies on their way, or another process is writing products there. Then the
        earlier files are as they were, unless the system fails between two renames: the new ones are named.
    """
    place, done = Path(folder).absolute(), list[str]()
    finish_products(place)
    if living := [path for path in place.glob(".products-*") if _STAGED.fullmatch(path.name)]:
        raise OutputError(
            f"another process is writing products into {place} ({living[0].name}): try again when it is done"
        )
    check_links(place, files)
    made = place / f".products-{debris.owner()}"
    ready = made.with_name(f"{made.name}.ready")
    try:
        made.mkdir()
        _write(files, made)
        for name in files:
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            if (place / name).is_dir() or not disk.may_write((place / name).parent):
                raise OSError(errno.EACCES, f"{name} cannot be replaced")
        disk.flush(made)
        made.rename(ready)
        for name in files:
            (ready / name).replace(place / name)
            done.append(name)
        for parent in {(place / name).parent for name in files}:
            disk.flush_folder(parent)
    except OSError as error:
        if not disk.is_output_failure(error):
            raise
        _settle(place, files, done)
        state = f"new are {', '.join(done)}" if done else "earlier files are as they were"
        raise OutputError(f"cannot write into {place}: {disk.plain(error)}; {state}") from error
    finally:
        for left in (made, ready):
            shutil.rmtree(left, ignore_errors=True)


def _settle(place: Path, files: Mapping[str, bytes], done: Iterable[str]) -> None:
    """Have the hashes tell of the files that took their places before the system failed."""
    if PRODUCT_HASHES not in files or PRODUCT_HASHES in done or not done:
        return
    new = json.loads(files[PRODUCT_HASHES])
    told = {**read_hashes(place / PRODUCT_HASHES), **{name: new[name] for name in done}}
    with suppress(OSError):
        beside = place / f".{PRODUCT_HASHES}"
        beside.write_text(json.dumps(told, indent=1, ensure_ascii=False) + "\n", "utf-8")
        beside.replace(place / PRODUCT_HASHES)


def finish_products(place: Path) -> None:
    """Move products that a killed process had ready into their places, and remove what it had only begun.

    A file that somebody changed since is left as it is, and named by the next that would replace it.
    """
    with suppress(OSError):
        for path in sorted(place.glob(".products-*")):
            parts = _STAGED.fullmatch(path.name)
            if path.is_symlink() or not path.is_dir():
                continue
            if parts is None:
                if (pid := re.fullmatch(r"\.products-(\d+)", path.name)) and not _runs_here(pid[1]):
                    shutil.rmtree(path, ignore_errors=True)  # left by an earlier version
                continue
            if debris.is_left(path, parts["owner"]):
                if parts["ready"]:
                    _finish(place, path)
                shutil.rmtree(path, ignore_errors=True)


def _runs_here(pid: str) -> bool:
    try:
        os.kill(int(pid), 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def _finish(place: Path, ready: Path) -> None:
    known, new = read_hashes(place / PRODUCT_HASHES), read_hashes(ready / PRODUCT_HASHES)
    found = [name for name, path in disk.files_in(ready) if path.is_file() and not path.is_symlink()]
    for name in sorted(found, key=lambda name: name == PRODUCT_HASHES):  # the hashes last
        target = place / name
        if name != PRODUCT_HASHES:
            as_it_was = not os.path.lexists(target) or (
                target.is_file() and disk.sha256(target) in (known.get(name), new.get(name))
            )
            if name not in new or not as_it_was:
                continue
        try:
            check_links(place, [name])
        except OutputError:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        (ready / name).replace(target)


def check_links(place: Path, names: Iterable[str]) -> None:
    """Refuse to write through links, which may lead out of a folder.

    Raises
    ------
    OutputError
        With every link.
    """
    parts = {path for name in names for path in (Path(name), *Path(name).parents) if path != Path()}
    links = sorted(str(path) for path in parts if (place / path).is_symlink())
    outside = sorted(str(path) for path in parts if path.is_absolute() or ".." in path.parts)
    if links or outside:
        raise OutputError(
            f"{place}: {', '.join(links or outside)} would lead out of the folder, and nothing is written through "
            "links: remove it, or give another folder with --out",
            faults=[*links, *outside],
        )
