"""What killed processes leave beside their output: swept by the next, and an old copy taken back."""

from __future__ import annotations

import hashlib
import os
import platform
import re
import shutil
import time
import uuid
from contextlib import suppress
from pathlib import Path

_OWNER = r"(?P<host>[0-9a-f]{8})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{8}"
_HIDDEN = re.compile(rf"\.(?P<name>.+)\.(?P<what>partial|old)-{_OWNER}")
_EARLIER = re.compile(r"\.(?P<name>.+)\.(?P<what>partial|old)-(?P<pid>\d+)")
"""How versions before this one named them: without the machine, so that another one's could be taken for dead."""

LONGEST_SUFFIX = 64
"""Signs that a hidden name has more than the folder's own: names of files have 255 bytes."""

STALE_HOURS = 24
"""Hours without a change after which the folder of a process of another machine counts as left behind: whether that
process lives cannot be asked from here, and the longest run known takes two hours."""


def hidden(target: Path, what: str) -> Path:
    """Return the path of a hidden folder of this process beside a target: "partial" or "old"."""
    return target.with_name(f".{target.name}.{what}-{owner()}")


def owner() -> str:
    """Return a name for what this process writes now: machine, process, its start, and a number drawn anew."""
    return f"{_host()}-{os.getpid()}-{_started(os.getpid())}-{uuid.uuid4().hex[:8]}"


def is_alive(owned: str) -> bool | None:
    """Return whether the process of an `owner` still runs; None where it is one of another machine."""
    parts = re.fullmatch(_OWNER, owned)
    if parts is None:
        return False
    if parts["host"] != _host():
        return None
    return _runs(int(parts["pid"])) and _started(int(parts["pid"])) == int(parts["start"])


def is_left(folder: Path, owned: str) -> bool:
    """Return whether a hidden folder was left behind by its owner."""
    alive = is_alive(owned)
    return _age_hours(folder) > STALE_HOURS if alive is None else not alive


def sweep(parent: Path, name: str = "") -> None:
    """Remove what killed processes left in a folder, and take back old copies whose replacement never came.

    Folders of processes that live are left alone, and so is whatever is not certainly ours.

    Parameters
    ----------
    parent : path
        Where the outputs are.
    name : str
        The output to be written: left-overs of it in the form of earlier versions are ours too.
    """
    with suppress(OSError):
        for path in sorted(parent.iterdir()):
            if not path.name.startswith(".") or path.is_symlink() or not path.is_dir():
                continue
            if parts := _HIDDEN.fullmatch(path.name):
                if is_left(path, path.name.rpartition(f".{parts['what']}-")[2]):
                    _clear(path, parent / parts["name"], parts["what"])
            elif (parts := _EARLIER.fullmatch(path.name)) and _is_earlier(path, parts, name):
                _clear(path, parent / parts["name"], parts["what"])


def take_back(target: Path) -> None:
    """Give an output its name again, whose replacement was killed between two renames."""
    if not os.path.lexists(target):
        sweep(target.parent, target.name)


def _clear(path: Path, target: Path, what: str) -> None:
    if what == "old" and not os.path.lexists(target):
        with suppress(OSError):
            path.rename(target)
    else:
        shutil.rmtree(path, ignore_errors=True)


def _is_earlier(path: Path, parts: re.Match[str], name: str) -> bool:
    """Return whether a folder is one that an earlier version left: by its content, for others have such names too."""
    if parts["what"] == "old":
        return parts["name"] == name and (path / "manifest.json").is_file()
    held = {inner.name for inner in path.iterdir()}
    ours = not held or bool(held & {"job.toml", "manifest.json", "summary.json"})
    return ours and not _runs(int(parts["pid"]))


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:  # it runs, but is not ours
        return True
    return True


def _started(pid: int) -> int:
    """Return when a process started, in ticks since the system did; 0 where the system does not tell."""
    try:
        told = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return 0
    return int(told.rpartition(")")[2].split()[19])


def _host() -> str:
    """Return a name of this machine, and of the numbering of its processes: containers have their own."""
    parts = [platform.node()]
    with suppress(OSError):
        parts.append(Path("/etc/machine-id").read_text())
    with suppress(OSError):
        parts.append(str(Path("/proc/self/ns/pid").readlink()))
    return hashlib.sha256("|".join(parts).encode()).hexdigest()[:8]


def _age_hours(folder: Path) -> float:
    """Return the hours since anything in a folder changed."""
    newest = folder.stat().st_mtime
    for place, _, names in os.walk(folder):
        for path in (Path(place), *(Path(place) / name for name in names)):
            with suppress(OSError):
                newest = max(newest, path.lstat().st_mtime)
    return (time.time() - newest) / 3600
