"""Run folders as a stranger would alter them: each is refused in words, or works; nothing else, and none hangs.

Every file of a folder is altered in its type, shape and values, cut, exchanged with another or given wrong names, and
the hashes of the manifest are made to match. `pytest tests/fuzz --fuzz-cases 2000` tries more.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from allocator import pipeline
from allocator.errors import AllocatorError
from allocator.io.folders.runs import load_run
from page_runs import with_products

SECONDS = 60
"""A hang is a failure: the slowest folder that works takes 6 s."""

MADE = ("report", "briefings", "gis", "roster")

Rng = np.random.Generator


@pytest.fixture(scope="module")
def saved(demo_run, tmp_path_factory):
    return pipeline.save_run(with_products(demo_run, "report"), tmp_path_factory.mktemp("runs") / "week")


# --- ways to alter a file; each says what it did ------------------------------------------------------------------


def _other_numbers(rng: Rng, value: np.ndarray) -> tuple[np.ndarray, str]:
    """An array with other values."""
    made = np.array(value)
    flat = made.reshape(-1)
    odd = [-1, -(2**15), 2**15 - 1, 2**31 - 1, 0, 1, 7, 10_000]
    if made.dtype.kind == "f":
        odd += [np.nan, np.inf, -np.inf, 1e300, 1e38, -1e9, 1e12, 1e-300, -0.5]
    new = odd[int(rng.integers(len(odd)))]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        new = np.array(new).astype(made.dtype)
    if rng.random() < 0.5:
        flat[:] = new
        return made, f"all {new}"
    if len(flat):
        flat[int(rng.integers(len(flat)))] = new
    return made, f"one {new}"


def _other_array(rng: Rng, value: np.ndarray) -> tuple[np.ndarray, str]:
    """An array of another type, shape, order or other values."""
    ways: list[Callable[[], tuple[np.ndarray, str]]] = [
        lambda: (value.astype(str), "texts"),
        lambda: (value.astype(np.complex64), "complex"),
        lambda: (value.astype(">f8"), "other byte order"),
        lambda: (value.astype(np.float16), "float16"),
        lambda: (value.astype(np.int8), "int8"),
        lambda: (value.astype(np.uint64), "uint64"),
        lambda: (value.astype(bool), "bool"),
        lambda: (value.astype("datetime64[s]"), "times"),
        lambda: (value.reshape(-1), "flat"),
        lambda: (value[..., None], "deeper"),
        lambda: (np.asfortranarray(value.T), "transposed"),
        lambda: (value[:0] if value.ndim else value, "empty"),
        lambda: (value[:-1] if value.ndim else value + 1, "shorter"),
        lambda: (np.concatenate([value, value]) if value.ndim else value, "longer"),
        lambda: (value[::-1] if value.ndim else value, "reversed"),
        lambda: (rng.permutation(value) if value.ndim else value, "shuffled"),
    ]
    if rng.random() < 0.6:
        return _other_numbers(rng, value)
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return ways[int(rng.integers(len(ways)))]()


def alter_arrays(rng: Rng, path: Path) -> str:
    with np.load(path) as held:
        arrays = {name: held[name] for name in held.files}
    name = sorted(arrays)[int(rng.integers(len(arrays)))]
    way = rng.random()
    if way < 0.08:
        del arrays[name]
        said = "without it"
    elif way < 0.14:
        arrays[f"{name}/more"] = arrays[name]
        said = "one more"
    elif way < 0.2:
        np.savez(path, **arrays | {name: np.array([{"a": 1}], object)})  # a pickle
        return f"{name}: objects"
    else:
        arrays[name], said = _other_array(rng, arrays[name])
    np.savez_compressed(path, **arrays) if rng.random() < 0.05 else np.savez(path, **arrays)
    return f"{name}: {said}"


def alter_table(rng: Rng, path: Path) -> str:
    table = pq.read_table(path)
    column = table.column_names[int(rng.integers(table.num_columns))]
    at, rows = table.column_names.index(column), table.num_rows
    ways = ["drop", "rename", "text", "number", "null", "binary", "list", "no rows", "twice", "shuffled", "swap"]
    ways += ["values"] * 8
    way = ways[int(rng.integers(len(ways)))]
    if way == "drop":
        table = table.drop_columns([column])
    elif way == "rename":
        table = table.rename_columns([name if name != column else "x" for name in table.column_names])
    elif way == "no rows":
        table = table.slice(0, 0)
    elif way == "twice":
        table = pa.concat_tables([table, table])
    elif way == "shuffled":
        table = table.take(pa.array(rng.permutation(rows)))
    elif way == "swap":
        other = table.column_names[int(rng.integers(table.num_columns))]
        table = table.set_column(at, column, table[other])
    else:
        table = table.set_column(at, column, _other_column(rng, table[column], way))
    pq.write_table(table, path)
    return f"{column}: {way}"


def _other_column(rng: Rng, column: pa.ChunkedArray, way: str) -> pa.Array:
    rows = len(column)
    plain = {
        "text": pa.array(["x"] * rows), "number": pa.array(np.full(rows, -1.5)), "null": pa.nulls(rows, column.type),
        "binary": pa.array([b"x"] * rows), "list": pa.array([[1]] * rows, pa.list_(pa.int64())),
    }  # fmt: skip
    if way in plain:
        return plain[way]
    if pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        value, _ = _other_numbers(rng, column.to_numpy().copy())
        return pa.array(value, column.type)
    if pa.types.is_timestamp(column.type):
        odd = [0, -(10**15), 10**15, 10**9, None]
        held = column.cast(pa.int64()).to_pylist()
        held[: 1 + int(rng.integers(max(rows, 1)))] = [odd[int(rng.integers(len(odd)))]] * min(rows, 1)
        return pa.array((held + [0] * rows)[:rows], pa.int64()).cast(column.type)
    text = ["nobody", "", None, "x" * 5000, "<b>", "\x00", "=1+1"][int(rng.integers(7))]
    held = column.cast(pa.string()).to_pylist() if not pa.types.is_binary(column.type) else [b"\x01\xff"] * rows
    if rows and isinstance(held[0], str | None):
        held[int(rng.integers(rows))] = text
    return pa.array(held)


ODD = [None, -1, 0, 1, 1e308, -1e9, 0.5, 2**40, "", "nobody", "x" * 3000, [], {}, [1], [[1]], {"cause": "x"}, True,
       [None], "2026-13-45", "nan"]  # fmt: skip


def alter_json(rng: Rng, path: Path) -> str:
    content = json.loads(path.read_text())
    target, trail = content, []
    while True:
        keys = list(target) if isinstance(target, dict) else range(len(target))
        key = keys[int(rng.integers(len(keys)))]
        trail.append(str(key))
        inner = target[key]
        if not isinstance(inner, dict | list) or not inner or rng.random() < 0.2:
            break
        target = inner
    way = rng.random()
    if way < 0.15:
        del target[key]
        said = "gone"
    elif way < 0.25 and isinstance(target, list):
        target.insert(0, inner)
        said = "twice"
    else:
        target[key] = ODD[int(rng.integers(len(ODD)))]
        said = str(target[key])[:20]
    text = json.dumps(content)
    path.write_text(text)
    return f"{'.'.join(trail)}: {said}"


def alter_text(rng: Rng, path: Path) -> str:
    lines = path.read_text().splitlines()
    at = int(rng.integers(max(len(lines), 1)))
    lines[at : at + 1] = [
        ["", "= 1", 'x = "y"', "[job]", "\x00", "week = 1999-01-01", "days = 400"][int(rng.integers(7))]
    ]
    path.write_text("\n".join(lines) + "\n")
    return f"line {at}"


def alter_bytes(rng: Rng, path: Path) -> str:
    content = bytearray(path.read_bytes())
    way = int(rng.integers(5))
    if way == 0:
        content = content[: int(rng.integers(len(content) + 1))]
    elif way == 1:
        content = bytearray(rng.bytes(200))
    elif way == 2:
        content += rng.bytes(50)
    elif way == 3:
        content = bytearray()
    else:
        for at in rng.integers(0, max(len(content), 1), 20):
            content[int(at) : int(at) + 1] = rng.bytes(1)
    path.write_bytes(bytes(content))
    return ["cut", "other bytes", "longer", "empty", "20 bytes"][way]


def alter_manifest(rng: Rng, folder: Path) -> str:
    path = folder / "manifest.json"
    manifest = json.loads(path.read_text())
    name = sorted(manifest["files"])[int(rng.integers(len(manifest["files"])))]
    odd = ["../../etc/passwd", "/etc/passwd", "state/../job.toml", "C:\\x", "", "a\x00b", "state", "nothing.parquet"]
    way = int(rng.integers(4))
    if way == 0:
        manifest["files"][odd[int(rng.integers(len(odd)))]] = "0" * 64
    elif way == 1:
        del manifest["files"][name]
    elif way == 2:
        manifest["files"] = ODD[int(rng.integers(len(ODD)))]
    else:
        manifest["layout"] = ODD[int(rng.integers(len(ODD)))]
    path.write_text(json.dumps(manifest))
    return ["a path", "not listed", "files", "layout"][way]


def alter_place(rng: Rng, folder: Path, path: Path) -> str:
    way = int(rng.integers(4))
    if way == 0:
        path.unlink()
        return "gone"
    if way == 1:
        target = folder.parent / "elsewhere"
        shutil.move(path, target)
        path.symlink_to(target)
        return "a link"
    if way == 2:
        path.unlink()
        path.mkdir()
        return "a folder"
    others = [other for other in files_of(folder) if other.suffix == path.suffix and other != path]
    if others:
        shutil.copy(others[int(rng.integers(len(others)))], path)
    return "another file"


def files_of(folder: Path) -> list[Path]:
    """The files that the manifest lists."""
    return [folder / name for name in sorted(json.loads((folder / "manifest.json").read_text())["files"])]


def alter(rng: Rng, folder: Path) -> str:
    """Alter one thing in a run folder, make the hashes match, and say what was done."""
    files = files_of(folder)
    # Those of state/ are what re-planning computes with; the table of risks is large.
    weight = np.array([4.0 if path.parent.name == "state" else 1.0 for path in files])
    path = files[int(rng.choice(len(files), p=weight / weight.sum()))]
    name = path.relative_to(folder).as_posix()
    way = rng.random()
    if way < 0.06:
        return f"manifest.json {alter_manifest(rng, folder)}"
    if way < 0.1:
        said = alter_json(rng, folder / "manifest.json")
        return f"manifest.json {said}"
    if way < 0.16:
        said = alter_place(rng, folder, path)
    elif way < 0.26:
        said = alter_bytes(rng, path)
    else:
        by_kind = {".npz": alter_arrays, ".parquet": alter_table, ".json": alter_json, ".toml": alter_text}
        said = by_kind.get(path.suffix, alter_bytes)(rng, path)
    if path.is_file():
        rehash_one(folder, path)
    return f"{name} {said}"


def rehash_one(folder: Path, path: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"][path.relative_to(folder).as_posix()] = hashlib.sha256(path.read_bytes()).hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))


# --- what has to hold -----------------------------------------------------------------------------------------------


@contextmanager
def time_limit(seconds: int) -> Iterator[None]:
    """End work that hangs, where the system can do that."""
    if not hasattr(signal, "setitimer"):
        yield
        return

    def end(number, frame):
        raise TimeoutError(f"no answer in {seconds} s")

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def use(folder: Path, product: str) -> str:
    """Load, re-plan and report a folder; return what came of it: "works" or the error in words."""
    run = load_run(folder)
    unit = run.roster.units[0].name
    at = run.roster.shifts[len(run.roster.shifts) // 2].start
    revised = pipeline.replan(run, at=at, out_of_service=[unit])
    made = pipeline.products_of(run if product != "gis" else revised, [product])
    if made.missing:
        raise AssertionError(f"a product failed: {made.missing[0].text}")
    return "works"


def outcome_of(saved: Path, place: Path, seed: int) -> tuple[str, str]:
    folder = place / "week"
    shutil.copytree(saved, folder)
    try:
        said = alter(np.random.default_rng(seed), folder)
        with time_limit(SECONDS), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                return said, use(folder, MADE[seed % len(MADE)])
            except AllocatorError as error:
                return said, "refused" if len(str(error)) < 6000 else f"a message of {len(str(error))} signs"
            except BaseException as error:
                return said, f"{type(error).__name__}: {error}"[:300]
    finally:
        shutil.rmtree(place, ignore_errors=True)


def test_altered_folders_are_refused_or_work(saved, tmp_path, request):
    n_cases = request.config.getoption("--fuzz-cases")
    outcomes = {}
    for seed in range(n_cases):
        outcomes[seed] = outcome_of(saved, tmp_path / str(seed), seed)
    faults = [f"{seed}: {said}: {came}" for seed, (said, came) in outcomes.items() if came not in ("works", "refused")]
    assert not faults, "\n".join(faults)
    refused = sum(came == "refused" for _, came in outcomes.values())
    assert 0.4 * n_cases < refused < n_cases  # it alters what matters, and not everything is refused
