"""Commands in bad conditions: damaged caches, closed streams, no memory, no room, changing inputs, kills."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import allocator as al
from allocator import pipeline
from allocator.errors import DataError
from allocator.io.folders.files import check_output
from tiny_job import make_tiny_job

pytestmark = [pytest.mark.slow, pytest.mark.skipif(sys.platform == "win32", reason="POSIX")]
COMMAND = [sys.executable, "-c", "from allocator.cli import main; main()"]


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("crashes") / "job"
    make_tiny_job(folder)
    return folder


def started(*words, **options) -> subprocess.Popen:
    plain = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([*COMMAND, *map(str, words)], **plain | options)


def ended(*words, **options) -> tuple[int, str]:
    process = started(*words, **options)
    out, err = process.communicate(timeout=300)
    assert "Traceback" not in (out or "") + (err or "")
    return process.returncode, (out or "") + (err or "")


def test_a_damaged_cache_of_kernels_is_made_anew(job, tmp_path):
    there = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    first = ended("explore", job / "job.toml", "--json", "--out", tmp_path / "first", env=there)
    assert first[0] == 0
    index, data = (sorted((tmp_path / "cache").rglob(end)) for end in ("*.nbi", "*.nbc"))
    assert index
    assert data
    for n, path in enumerate([*index, *data]):
        content = path.read_bytes()
        path.write_bytes([b"", content[: len(content) // 2], b"nonsense" * 20][n % 3])
    code, told = ended("explore", job / "job.toml", "-q", "--out", tmp_path / "second", env=there)
    assert code == 0, told
    assert "made anew" in told


@pytest.mark.parametrize("shut", ["2>&-", ">&-", ">&- 2>&-", "| head -1; exit ${PIPESTATUS[0]}"])
def test_streams_that_are_closed_stop_nothing(job, shut):
    line = f'"{sys.executable}" -c "from allocator.cli import main; main()" validate "{job / "job.toml"}" {shut}'
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0
    assert "Traceback" not in done.stdout + done.stderr


def limited(kind: int, most: int):
    import resource

    return lambda: resource.setrlimit(kind, (most, most))


def test_little_memory_is_told_as_memory(job):
    import resource

    code, told = ended("validate", job / "job.toml", preexec_fn=limited(resource.RLIMIT_AS, 10**9))
    assert code == 1
    assert "not enough memory" in told


def test_no_room_for_files_is_told_and_leaves_nothing(job, tmp_path):
    import resource

    code, told = ended(
        "run", job / "job.toml", "-q", "--out", tmp_path / "run", preexec_fn=limited(resource.RLIMIT_FSIZE, 2_000)
    )
    assert code == 6, told
    assert "cannot write" in told
    assert list(tmp_path.iterdir()) == []


def test_docstrings_taken_away_are_refused_in_words(job):
    code, told = ended("validate", job / "job.toml", env={**os.environ, "PYTHONOPTIMIZE": "2"})
    assert code == 1
    assert "PYTHONOPTIMIZE" in told


def test_an_input_that_changes_while_it_is_read_is_refused(job, tmp_path):
    folder = shutil.copytree(job, tmp_path / "job")
    content = (folder / "events.csv").read_bytes()

    def change(stage: str) -> None:
        if stage == "calls":
            (folder / "events.csv").write_bytes(content[: content[: len(content) // 2].rindex(b"\n") + 1])

    with pytest.raises(DataError, match="changed while they were read"):
        pipeline.run(al.read_job(folder / "job.toml"), progress=change)


def test_an_input_that_changes_after_it_was_read_is_told_and_its_hash_is_of_what_was_read(job, tmp_path):
    folder = shutil.copytree(job, tmp_path / "job")
    content = (folder / "events.csv").read_bytes()

    def change(stage: str) -> None:
        if stage == "forecast":
            (folder / "events.csv").write_bytes(content[: len(content) // 2])

    run = pipeline.run(al.read_job(folder / "job.toml"), progress=change)
    assert run.manifest["inputs"]["data.events.0"]["sha256"] == hashlib.sha256(content).hexdigest()
    assert any("events.csv" in note and "changed" in note for note in run.manifest["notes"])


@pytest.mark.parametrize("command", ["run", "report"])
def test_killed_at_any_moment_there_is_a_whole_run_and_what_is_left_is_taken_away(job, tmp_path, command):
    place = tmp_path / "run"
    whole = al.read_job(job / "job.toml", overrides=['output.products=["report"]'])
    pipeline.save_run(pipeline.run(whole), place)
    words = ["run", job / "job.toml", "--overwrite", "--out", place] if command == "run" else ["report", place]
    start = time.monotonic()
    assert ended(*words, "-q")[0] == 0
    took, rng = time.monotonic() - start, np.random.default_rng(9)
    for share in rng.uniform(0.3, 1.05, int(os.environ.get("ALLOCATOR_KILLS", "1"))):
        process = started(*words, "-q", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(took * share)
        process.send_signal(signal.SIGKILL)
        process.wait(60)
        check_output(place, overwrite=True)  # whole and ours; sweeps what is left
        assert al.load_run(place).summary()
        assert [path.name for path in tmp_path.iterdir()] == ["run"]
        assert not list(place.glob(".products-*"))


def test_of_two_commands_at_once_to_one_folder_one_wins(job, tmp_path):
    words = ("run", job / "job.toml", "-q", "--out", tmp_path / "run")
    both = [started(*words), started(*words)]
    told = [process.communicate(timeout=300) for process in both]
    codes = sorted(process.returncode for process in both)
    assert codes == [0, 6], told
    assert al.load_run(tmp_path / "run")
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    assert json.loads((tmp_path / "run" / "manifest.json").read_text())["files"]
    assert Path(tmp_path / "run").is_dir()
