"""Reading and writing job files."""

from __future__ import annotations

import datetime as dt
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import tomli_w

from allocator.config import Job, parse_job
from allocator.errors import ConfigError, DataError, nearest


def read_job(path: str | Path, *, overrides: Sequence[str] = (), week: dt.date | None = None) -> Job:
    """Return the validated job of a TOML file.

    Parameters
    ----------
    path : path
        The job file; relative paths inside it resolve from its folder.
    overrides : sequence of str
        `"section.key=value"`, the value in TOML or plain text; items of a list by number
        (`"shifts.0.start=06:00:00"`).
    week : date, optional
        Plan the week that starts on this day instead of the file's.

    Raises
    ------
    ConfigError
        With every fault of the job at once.
    """
    path = Path(path)
    content = _load(path)
    for override in overrides:
        _apply(content, override)
    if week is not None:
        section = content.setdefault("job", {})
        if isinstance(section, dict):
            section["week"] = week
    return _expanded(parse_job(content, folder=path.parent, source=path.name))


def check_files(job: Job) -> None:
    """Raise a `ConfigError` that names every input file of the job that does not exist."""
    named = input_files(job)
    missing = [f"{key}: there is no file {path}" for key, path in named if not _exists(path)]
    if missing:
        count = "1 input file is" if len(missing) == 1 else f"{len(missing)} input files are"
        raise ConfigError(f"{count} missing", faults=missing)
    if barred := [f"{key}: {why}" for key, path in named if (why := _barred(path))]:
        count = "1 input file" if len(barred) == 1 else f"{len(barred)} input files"
        raise DataError(f"{count} cannot be opened", faults=barred)


def _barred(path: str) -> str:
    """Return why the system does not even look at a path (a name too long, a circle of links), "" where it does."""
    try:
        Path(path).stat()
    except (OSError, ValueError) as error:
        shown = path if len(path) <= 100 else f"{path[:100]}…"
        return f"{shown} cannot be opened: {(getattr(error, 'strerror', None) or 'not a path').lower()}"
    return ""


def _exists(path: str) -> bool:
    """Return whether a file or folder (a geodatabase is one) is there; what is wrong with it is said on reading."""
    try:
        Path(path).stat()
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        return True
    return True


def _expanded(job: Job) -> Job:
    """Return the job with patterns such as "events_*.csv" as the files that they name, in order of their names."""
    # A file that two patterns name is one file.
    data = tuple(dict.fromkeys(path for pattern in job.data.events for path in _matching(pattern)))
    calls = tuple(dict.fromkeys(path for pattern in job.staffing.calls for path in _matching(pattern)))
    if data == job.data.events and calls == job.staffing.calls:
        return job
    return job.model_copy(
        update={
            "data": job.data.model_copy(update={"events": data}),
            "staffing": job.staffing.model_copy(update={"calls": calls}),
        }
    )


def _matching(pattern: str) -> list[str]:
    if not set("*?[") & set(pattern) or _exists(pattern):
        return [pattern]
    return sorted(str(path) for path in Path(pattern).parent.glob(Path(pattern).name)) or [pattern]


def input_files(job: Job) -> tuple[tuple[str, str], ...]:
    """Return the job key and the path of every input file of the job."""
    named: list[tuple[str, str | None]] = [(f"data.events.{n}", path) for n, path in enumerate(job.data.events)]
    named += [
        ("area.file", job.area.file),
        ("area.beats", job.area.beats),
        ("tessellation.file", job.tessellation.file),
    ]
    named += [(f"policy.limits.{n}.file", limit.file) for n, limit in enumerate(job.policy.limits)]
    for key in ("dosage", "requests", "community", "exposure"):
        named += [(f"allocation.{key}.{n}.file", one.file) for n, one in enumerate(getattr(job.allocation, key))]
    named += [
        ("roster.units", job.roster.units),
        ("roster.duty", job.roster.duty),
        ("roster.teams", job.roster.teams),
        ("roster.edits", job.roster.edits),
    ]
    if job.roster.make:
        named += [
            (f"roster.make.{key}", getattr(job.roster.make, key))
            for key in ("demand_file", "availability", "preferences", "earlier")
        ]
    named += [(f"risk.covariates.{n}.file", covariate.file) for n, covariate in enumerate(job.risk.covariates)]
    named.append(("risk.daily.file", job.risk.daily.file if job.risk.daily else None))
    named += [(f"staffing.calls.{n}", path) for n, path in enumerate(job.staffing.calls)]
    named.append(("staffing.minimums_file", job.staffing.minimums_file))
    named += [("routes.matrix", job.routes.matrix), ("routes.streets", job.routes.streets)]
    named += [(f"routes.windows.{n}.file", window.file) for n, window in enumerate(job.routes.windows)]
    if job.outreach:
        tables = ("initiatives", "venues", "partners", "points", "channels", "funds", "earlier")
        named += [(f"outreach.{key}", getattr(job.outreach, key)) for key in tables]
        for key in ("answers", "delivered"):
            named += [(f"outreach.{key}.{n}", path) for n, path in enumerate(getattr(job.outreach, key))]
        named += [
            ("outreach.areas.file", job.outreach.areas.file),
            ("outreach.areas.profile", job.outreach.areas.profile),
            ("outreach.needs.requests", job.outreach.needs.requests),
            ("outreach.survey.file", job.outreach.survey.file if job.outreach.survey else None),
        ]
    return tuple((key, path) for key, path in named if path)


def dump_job(job: Job) -> str:
    """Return the job as TOML text that reads back to an equal job; keys without a value are left out."""
    text: str = tomli_w.dumps(job.model_dump(exclude_none=True))
    return text


def _load(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8-sig"))
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path.name} is not valid TOML: {error}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not UTF-8 text (byte {error.start})") from None
    except OSError as error:
        raise ConfigError(f"the job file {path} cannot be read: {error.strerror or error}") from None


def _apply(content: dict[str, Any], override: str) -> None:
    """Set one key of the job's content in place."""
    key, equals, text = override.partition("=")
    parts = _key_parts(key.strip())
    if not equals or not all(parts):
        raise ConfigError(f"--set {override!r}: write section.key=value")
    target: Any = content
    for depth, part in enumerate(parts[:-1]):
        where = ".".join(parts[: depth + 1])
        target = _item(target, part, where=where, override=override)
    last = parts[-1]
    if isinstance(target, list):
        _item(target, last, where=".".join(parts), override=override)
        target[int(last)] = _value(text.strip())
    else:
        target[last] = _value(text.strip())


def _item(target: Any, part: str, *, where: str, override: str) -> Any:
    """Return the table or list that `part` names inside `target`; a missing table is made."""
    if isinstance(target, list):
        if not part.isdigit() or int(part) >= len(target):
            raise ConfigError(f"--set {override!r}: {where} names no item; the list has items 0 … {len(target) - 1}")
        return target[int(part)]
    inner = target.setdefault(part, {})
    if not isinstance(inner, dict | list):
        raise ConfigError(f"--set {override!r}: {where} is a value, not a section{nearest(part, target)}")
    return inner


def _key_parts(key: str) -> list[str]:
    """Return the parts of a dotted key; quoted parts may hold spaces and dots, as in TOML."""
    try:
        nested: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return [part.strip() for part in key.split(".")]
    parts = []
    while isinstance(nested, dict):
        part, nested = next(iter(nested.items()), ("", None))
        parts.append(part)
    return parts


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text
