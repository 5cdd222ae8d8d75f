"""The disk: hashes, renames that never overwrite, what is flushed, and what its errors mean."""

from __future__ import annotations

import ctypes
import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from allocator.errors import OutputError

ROOM_MB = 64
"""Room that an output folder needs at least; that of the demo city takes 20 MB, that of Chicago 60."""

TEMPORARY_MB = 32
"""Room that map layers need in the temporary folder while they are made: 8 MB for the demo city."""

_HERE, _NEW_ONLY, _EXCHANGE = -100, 1, 2
"""AT_FDCWD, RENAME_NOREPLACE and RENAME_EXCHANGE of renameat2(2)."""


def sha256(path: str | Path) -> str:
    """Return the SHA-256 of a file, as hexadecimal digits; of a folder, that of the names and hashes of its files."""
    if Path(path).is_dir():
        parts = sorted(one for one in Path(path).iterdir() if one.is_file())
        return hashlib.sha256("".join(f"{one.name} {sha256(one)}\n" for one in parts).encode()).hexdigest()
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


@dataclass(frozen=True)
class Input:
    """An input file as it was when it was read.

    Parameters
    ----------
    key : str
        Key of the job that names it.
    path : str
        Where it is.
    sha256 : str
        Its hash, "" where it cannot be read: whoever needs it says so.
    state : tuple of int
        Its size, inode and times of change: what tells of a change without reading it again.
    """

    key: str
    path: str
    sha256: str
    state: tuple[int, ...]

    @classmethod
    def of(cls, key: str, path: str) -> Input:
        """Return a file as it is now."""
        try:
            state = _state(path)  # first: a change while it is hashed then shows as one
            return cls(key, path, sha256(path), state)
        except OSError:
            return cls(key, path, "", ())

    def has_changed(self) -> bool:
        """Return whether the file is another now."""
        try:
            return _state(self.path) != self.state and sha256(self.path) != self.sha256
        except OSError:
            return self.sha256 != ""


def _state(path: str) -> tuple[int, ...]:
    told = Path(path).stat()
    return told.st_size, told.st_ino, told.st_mtime_ns, told.st_ctime_ns


def may_write(folder: Path) -> bool:
    """Return whether files can be made in a folder."""
    return os.access(folder, os.W_OK | os.X_OK)


def is_output_failure(error: OSError) -> bool:
    """Return whether an error of the operating system means that output cannot be written."""
    return error.errno in {
        errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EPERM, errno.EROFS, errno.EIO, errno.EFBIG,
        errno.ENAMETOOLONG, errno.ENOTDIR, errno.EEXIST, errno.EISDIR, errno.ENOTEMPTY, errno.ELOOP,
    } or any(words in str(error) for words in ("No space left", "Permission denied"))  # fmt: skip


def plain(error: OSError) -> str:
    """Return what an error of the operating system means."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT} or "No space left" in str(error):
        return "no room left on the disk"
    return f"{error.strerror or error}"


def check_room(folder: Path) -> None:
    """Refuse a disk without the room that an output folder needs.

    Raises
    ------
    OutputError
        With the room that is left.
    """
    _check_free(folder, ROOM_MB, f"{folder}", "make room, or give another --out")


def check_temporary() -> None:
    """Refuse a temporary folder without the room that map layers need while they are made.

    Raises
    ------
    OutputError
        If there is none that can be written to, or it has too little room.
    """
    try:
        folder = Path(tempfile.gettempdir())
    except OSError as error:
        raise OutputError(
            "no temporary folder can be written to, and map layers need one: make room in it, or set TMPDIR"
        ) from error
    _check_free(folder, TEMPORARY_MB, f"the temporary folder {folder}", "make room, or set TMPDIR to another")


def _check_free(folder: Path, least_mb: int, where: str, way_out: str) -> None:
    with suppress(OSError):  # some network disks do not tell
        if (free := shutil.disk_usage(folder).free / 1e6) < least_mb:
            raise OutputError(f"{where} has {free:,.1f} MB of room, at least {least_mb} are needed: {way_out}")


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield everything in a folder that is not a folder, by its path there; links are not followed."""
    for place, inner, names in os.walk(folder):
        links = [name for name in inner if (Path(place) / name).is_symlink()]
        for name in sorted([*names, *links]):
            path = Path(place) / name
            yield path.relative_to(folder).as_posix(), path


def empty_in(folder: Path) -> Iterator[str]:
    """Yield the empty folders in a folder."""
    for place, inner, names in os.walk(folder):
        if not inner and not names and Path(place) != folder:
            yield Path(place).relative_to(folder).as_posix()


def flush(folder: Path) -> None:
    """Have every file and folder of a folder written to the disk itself: a power cut leaves none of them half."""
    for place, _, names in os.walk(folder, topdown=False):
        for name in names:
            _flush(Path(place) / name)
        flush_folder(Path(place))


def flush_folder(folder: Path) -> None:
    """Have the names in a folder written to the disk itself, where the system can do that."""
    with suppress(OSError):
        _flush(folder)


def _flush(path: Path) -> None:
    if path.is_symlink():
        return
    number = os.open(path, os.O_RDONLY)
    try:
        os.fsync(number)
    except OSError as error:
        if error.errno not in {errno.EINVAL, errno.ENOTSUP}:  # a disk that cannot flush
            raise
    finally:
        os.close(number)


def move_new(source: Path, target: Path) -> None:
    """Give a folder its name, if nothing has that name.

    Raises
    ------
    FileExistsError
        If something has, be it for an instant.
    """
    if _rename(source, target, _NEW_ONLY):
        return
    taken = FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    if os.path.lexists(target):
        raise taken
    try:
        source.rename(target)  # the system itself refuses to replace a folder that is not empty
    except OSError as error:
        if error.errno in {errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR}:  # made since the look above
            raise taken from error
        raise


def exchange(one: Path, other: Path) -> bool:
    """Exchange the names of two folders at once, and return whether this system and disk can do that."""
    return _rename(one, other, _EXCHANGE)


def _rename(source: Path, target: Path, flag: int) -> bool:
    """Rename under a flag, and return whether this system and disk know it."""
    try:
        rename = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError, TypeError):  # no Linux
        return False
    if rename(_HERE, os.fsencode(source), _HERE, os.fsencode(target), flag) == 0:
        return True
    code = ctypes.get_errno()
    if code in {errno.EINVAL, errno.ENOSYS, errno.ENOTSUP, errno.EPERM}:
        return False
    raise OSError(code, os.strerror(code), str(source), None, str(target))
