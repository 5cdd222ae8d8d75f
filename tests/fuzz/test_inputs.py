"""Jobs and their files as people and machines spoil them: refused in words, or read; nothing else, and none hangs.

Every key of a job gets values of every type, every column of every table odd cells, every file damaged bytes.
`make fuzz` tries thousands; the sample here is fixed by its seed.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import tomllib
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tomli_w

from allocator import pipeline
from allocator.errors import AllocatorError, InfeasibleError
from allocator.io.job import read_job

SECONDS = 60
"""A hang is a failure: the job as it is takes half a second."""

VALUES: list[Any] = [
    "", " ", "x", "day", "1", -1, 0, 1, 10**12, 10**30, 0.5, -0.5, 1e300, float("nan"), float("inf"), True, False, [],
    [""],
    ["a", "a"], {}, {"a": 1}, {"": 0}, "2026-03-02", "🚓", "\u202eabc", "a" * 10_000, "<b>&", "'; --", "../../x", [[]],
    [1, "a"],
    "events.csv", "districts.geojson", "EPSG:4326", "%Y", "12:00:00", "EPSG:0", "Mars/Phobos", "=1+1", "\t",
    "1" * 5_000,
]  # fmt: skip
CELLS = [
    "", " ", "x", "-1", "0", "1e400", "9" * 5_000, "nan", "inf", "-inf", "NULL", "2025-13-45", "2026-02-30 25:61",
    "=cmd()",
    "\u202eabc", "🚓", "<script>", '"', '""', "a;b", "1,5", "\x0b", "30/02/2026", "2^31", "-2147483649", "4294967296",
    "1e-320",
    "true", "mon;tue", "09:00-10:00", "POINT(1 2)", "9999-12-31", "0001-01-01", "é" * 200, "1_000", "０１", "0x10",
    "1e3",
]  # fmt: skip


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Return the folder of a small job that uses every section of the demo, and its content."""
    place = tmp_path_factory.mktemp("fuzz")
    path = pipeline.new_job(place / "job")
    content = tomllib.loads(path.read_text("utf-8"))
    content["tessellation"] = {"kind": "squares", "size_m": 500.0}
    for name, step in (("events", 12), ("calls", 12)):
        table = pd.read_csv(path.with_name(f"{name}.csv"), dtype=str)
        table.iloc[::step].to_csv(path.with_name(f"{name}.csv"), index=False)
    content["risk"] = {**content.get("risk", {}), "holdout_weeks": 4}
    path.write_text(tomli_w.dumps(content), "utf-8")
    pipeline.validate(read_job(path))  # as it is, it is valid
    return path.parent, content


@contextmanager
def in_time(what: str) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise AssertionError(f"{what}: still running after {SECONDS} s")

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(SECONDS)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def faults_of(path: Path, *, hidden: str = "\ufffd") -> list[str]:
    """Return what is wrong with how a job is refused: nothing where it is valid or refused as it should be."""
    try:
        with in_time("validate"), warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing of a library reaches a terminal
            pipeline.validate(read_job(path))
    except AllocatorError as error:
        text = str(error)
        named = re.search(r"[\w.-]+\.(csv|geojson|toml)|\b[a-z_]+\.[a-z_0-9.]+|column", text)
        wrong = {
            f"a message of {len(text):,} characters": len(text) > 8_000,
            "no file, key or column is named": not named and not isinstance(error, InfeasibleError),
            "a row or bytes are shown": bool(hidden) and hidden in text,
        }
        return [f"{what}: {text[:200]}" for what, is_so in wrong.items() if is_so]
    except (Exception, AssertionError) as error:
        last = traceback.extract_tb(error.__traceback__)[-1]
        return [f"{type(error).__name__}: {str(error)[:150]} ({Path(last.filename).name}:{last.lineno})"]
    return []


def leaves(content: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every section, list and value of a job."""
    pairs = content.items() if isinstance(content, dict) else enumerate(content) if isinstance(content, list) else ()
    for key, value in pairs:
        yield (*at, key)
        yield from leaves(value, (*at, key))


def cases(request: pytest.FixtureRequest, share: float) -> int:
    return max(1, int(request.config.getoption("--fuzz-cases") * share))


def test_every_key_of_a_job(job, tmp_path, request):
    folder, content = job
    rng = np.random.default_rng(14)
    paths = list(leaves(content))
    link, faults = shutil.copytree(folder, tmp_path / "job"), list[str]()
    for n in range(cases(request, 1)):
        made = json.loads(json.dumps(content, default=str)) if n % 7 == 0 else tomllib.loads(tomli_w.dumps(content))
        at = paths[int(rng.integers(len(paths)))] if n >= len(paths) else paths[(n * 37) % len(paths)]
        value = VALUES[int(rng.integers(len(VALUES)))]
        inner = made
        for key in at[:-1]:
            inner = inner[key]
        if rng.random() < 0.1 and isinstance(inner, dict):
            inner[f"{at[-1]}x"] = inner.pop(at[-1])
        else:
            inner[at[-1]] = value
        try:
            text = tomli_w.dumps(made)
        except (TypeError, ValueError, OverflowError):
            continue
        (link / "job.toml").write_text(text, "utf-8")
        what = f"case {n}: {'.'.join(map(str, at))} = {str(value)[:60]!r}"
        faults += [f"{what}: {fault}" for fault in faults_of(link / "job.toml", hidden="")]
    assert not faults, "\n".join(faults)


def test_every_column_of_every_table(job, tmp_path, request):
    folder, _ = job
    rng = np.random.default_rng(15)
    tables = sorted(path.name for path in folder.glob("*.csv"))
    columns = [(name, column) for name in tables for column in pd.read_csv(folder / name, nrows=0).columns]
    faults: list[str] = []
    for n in range(cases(request, 1)):
        link = shutil.copytree(folder, tmp_path / f"job{n}")
        name, column = columns[(n * 11) % len(columns)]
        frame = pd.read_csv(link / name, dtype=str, keep_default_na=False)
        cell = CELLS[int(rng.integers(len(CELLS)))]
        match int(rng.integers(5)):
            case 0:
                frame[column] = cell
            case 1:
                frame = frame.drop(columns=column)
            case 2:
                frame = frame.rename(columns={column: CELLS[int(rng.integers(len(CELLS)))]})
            case 3:
                frame = frame.iloc[:0] if rng.random() < 0.3 else pd.concat([frame, frame.iloc[:3]])
            case _:
                rows = rng.integers(0, len(frame), max(1, len(frame) // 50))
                frame.loc[frame.index[rows], column] = cell
        frame.to_csv(link / name, index=False)
        secret = ",".join(map(str, frame.iloc[2])) if len(frame) > 2 and len(frame.columns) > 2 else ""
        what = f"case {n}: {name}, {column} = {cell[:40]!r}"
        faults += [f"{what}: {fault}" for fault in faults_of(link / "job.toml", hidden=secret)]
        shutil.rmtree(link)
    assert not faults, "\n".join(faults)


def test_damaged_bytes_of_every_file(job, tmp_path, request):
    folder, _ = job
    rng = np.random.default_rng(16)
    names = sorted(path.name for path in folder.iterdir() if path.suffix in (".csv", ".geojson"))
    faults: list[str] = []
    for n in range(cases(request, 1)):
        link = shutil.copytree(folder, tmp_path / f"job{n}")
        path = link / names[n % len(names)]
        content = bytearray(path.read_bytes())
        at = int(rng.integers(len(content)))
        match int(rng.integers(6)):
            case 0:
                del content[at:]
            case 1:
                content[at : at + 1] = bytes(rng.integers(0, 256, 1).astype(np.uint8))
            case 2:
                content[at:at] = bytes(rng.integers(0, 256, 400).astype(np.uint8))
            case 3:
                content[at:at] = b'"'
            case 4:
                content = bytearray(bytes(content).decode().encode("utf-16"))
            case _:
                del content[at : at + 500]
        path.write_bytes(content)
        faults += [f"case {n}: {path.name} at byte {at}: {fault}" for fault in faults_of(link / "job.toml")]
        shutil.rmtree(link)
    assert not faults, "\n".join(faults)
