"""Jobs and their files as people and machines spoil them: refused in words, or read; nothing else, and none hangs.

Every key of a job gets values of every type, every column of every table odd cells, every file other forms and damaged
bytes. What is valid is also run and saved in every fifth case: a run may not refuse what `validate` took, unless no
plan keeps its limits. `make fuzz` tries thousands; the sample here is fixed by its seeds.
"""

from __future__ import annotations

import json
import re
import shutil
import signal
import traceback
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import tomli_w

import spoiling
from allocator import pipeline
from allocator.errors import AllocatorError, InfeasibleError, SolverError
from allocator.io.folders.runs import load_run
from allocator.io.job import read_job
from tiny_job import make_tiny_job

SECONDS = 60
"""A hang is a failure: the job as it is takes half a second."""

SLICES, RUN_EVERY = 4, 5
WAYS = {
    "keys": (spoiling.spoil_key, 14), "columns": (spoiling.spoil_column, 15), "bytes": (spoiling.spoil_bytes, 16),
    "forms": (spoiling.spoil_form, 17),
}  # fmt: skip


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Return the folder of a tiny job that uses every section, its content, and its files by name."""
    folder = tmp_path_factory.mktemp("fuzz") / "job"
    content = make_tiny_job(folder)
    pipeline.validate(read_job(folder / "job.toml"))  # as it is, it is valid
    pipeline.validate(read_job(folder / "made.toml"))
    return folder, content, {path.name: path.read_bytes() for path in folder.iterdir()}


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


def fault_of(error: BaseException) -> str:
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__}: {str(error)[:150]} ({Path(last.filename).name}:{last.lineno})"


def faults_of(path: Path, *, rows: tuple[str, ...], ran: bool) -> list[str]:
    """Return what is wrong with how a job is refused or run: nothing where all is as it should be."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing of a library reaches a terminal
        try:
            with in_time("validate"):
                job = read_job(path)
                pipeline.validate(job)
        except AllocatorError as error:
            return [f"{what}: {str(error)[:200]}" for what in wrong_words(error, rows)]
        except (Exception, AssertionError) as error:
            return [fault_of(error)]
        return run_faults(job, path.parent / "out") if ran else []


def wrong_words(error: AllocatorError, rows: tuple[str, ...]) -> list[str]:
    text = str(error)
    named = re.search(
        r"[\w.-]+\.(csv|geojson|toml|xlsx|parquet|zip|gz|json|ndjson|gpkg|fgb|kml|kmz|topojson)"
        r"|\b[a-z_]+\.[a-z_0-9.]+|column", text)  # fmt: skip
    wrong = {
        f"a message of {len(text):,} characters": len(text) > 8_000,
        "no file, key or column is named": not named and not isinstance(error, InfeasibleError),
        "a row or bytes are shown": "\ufffd" in text or any(row in text for row in rows),
    }
    return [what for what, is_so in wrong.items() if is_so]


def run_faults(job, out: Path) -> list[str]:
    """Return what is wrong with a run of what was found valid, and with its folder."""
    try:
        with in_time("run"):
            pipeline.save_run(pipeline.run(job), out)
            load_run(out)
            json.loads(
                (out / "summary.json").read_text(), parse_constant=lambda word: pytest.fail(f"{word} is no JSON")
            )
    except (InfeasibleError, SolverError):
        return []
    except AllocatorError as error:
        return [f"valid, but the run refuses: {type(error).__name__}: {str(error)[:200]}"]
    except (Exception, AssertionError, pytest.fail.Exception) as error:
        return [f"valid, but the run fails: {fault_of(error)}"]
    finally:
        left = [path.name for path in out.parent.glob(".out*")]
        shutil.rmtree(out, ignore_errors=True)
    return [f"left behind: {left}"] if left else []


def restore(folder: Path, files: dict[str, bytes]) -> None:
    """Make a folder as it was."""
    for path in folder.iterdir():
        if path.name not in files:
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    for name, content in files.items():
        if not (folder / name).exists() or (folder / name).read_bytes() != content:
            (folder / name).write_bytes(content)


def rows_of(folder: Path) -> tuple[str, ...]:
    """Return the third row of each table of several columns: no message may show it."""
    texts = [path.read_bytes().decode("utf-8", "ignore").splitlines() for path in sorted(folder.glob("*.csv"))]
    return tuple(lines[3] for lines in texts if len(lines) > 3 and lines[3].count(",") >= 2 and len(lines[3]) > 12)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(SLICES))
@pytest.mark.parametrize("way", WAYS)
def test_spoiled_jobs_are_refused_in_words_or_run(job, tmp_path, request, way, part):
    original, content, files = job
    folder = tmp_path / "job"
    shutil.copytree(original, folder)
    spoil, seed = WAYS[way]
    faults: list[str] = []
    for n in range(part, request.config.getoption("--fuzz-cases"), SLICES):
        made, said = spoil(np.random.default_rng([seed, n]), folder, content, n)
        try:
            text = tomli_w.dumps(made)
        except (TypeError, ValueError, OverflowError):
            continue
        (folder / "job.toml").write_text(text, "utf-8")
        found = faults_of(folder / "job.toml", rows=rows_of(folder), ran=n // SLICES % RUN_EVERY == 0)
        faults += [f"{way} {n}: {said}: {fault}" for fault in found]
        restore(folder, files)
    assert not faults, "\n".join(faults)
