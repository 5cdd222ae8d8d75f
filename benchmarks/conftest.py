"""A city of realistic size, the clock that puts a kernel beside its twins, and the tables at the end."""

from __future__ import annotations

import dataclasses
import os
import time
from pathlib import Path

import numpy as np
import pytest

from allocator.bench import synthetic_panel
from allocator.config import RiskSection
from allocator.risk.training import read_history

README = Path(__file__).with_name("README.md")
ROWS = pytest.StashKey[dict]()
TITLES = {"kernels": "Kernels", "planning": "Planning", "stages": "Stages"}


@pytest.fixture(scope="session")
def panel():
    """About 27,000 cells of 150 m, five kinds, 104 weeks of about 3,300 events: two years of a Chicago."""
    return synthetic_panel(27_000, weeks=104, seed=0)


@pytest.fixture(scope="session")
def history(panel):
    return read_history(panel, 7, RiskSection(), seed=0)


@pytest.fixture
def record(request):
    """Return a function that adds one row to the table of this test file."""
    rows = request.config.stash.setdefault(ROWS, {})

    def add(**row):
        rows.setdefault(request.module.__name__.removeprefix("test_"), []).append(row)

    return add


@pytest.fixture
def versus(benchmark, record):
    """Return a function that times a kernel beside its twins and against what the machine can do."""

    def run(kernel, *, pandas, numpy=None, moved=None, within=None, floor=None, name=None):
        """Record one row.

        `moved` is the number of bytes that any implementation has to read and write; the bound is the time this
        machine takes to copy as many, `within` an array of so many bytes if not of just these. `floor` is a (text, seconds) bound of another kind, for kernels bound by
        arithmetic.
        """
        benchmark.pedantic(kernel, rounds=60, warmup_rounds=1)
        if benchmark.disabled:
            return
        seconds = benchmark.stats.stats.min
        twin = best_of(pandas, 3)
        text, bound = floor or (f"copy {moved / 1e6:.3g} MB", copy_seconds(moved, within)) if floor or moved else ("none", None)
        faster, over = twin / seconds, seconds / bound if bound else None
        row = {
            "kernel": name or benchmark.name.removeprefix("test_"),
            "ms": _ms(seconds),
            "pandas twin ms": _ms(twin),
            "speed-up": f"{faster:,.0f}×",
            "numpy/scipy ms": _ms(best_of(numpy, 5)) if numpy else "",
            "bound": text,
            "bound ms": _ms(bound) if bound else "",
            "over bound": f"{over:.1f}×" if over else "",
            "verdict": _verdict(faster, over),
        }
        benchmark.extra_info.update(row)
        record(**row)

    return run


def _verdict(faster: float, over: float | None) -> str:
    met = ["≥ 20×"] if faster >= 20 else []
    met += ["≤ 2× bound"] if over and over <= 2 else []
    return ", ".join(met) or "FAILS BOTH"


def _ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g}" if seconds < 1 else f"{seconds * 1e3:,.0f}"


def best_of(call, repeats: int) -> float:
    """Return the least seconds of some calls: the machine is shared, and noise only adds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def copy_seconds(moved: int, within: int | None = None) -> float:
    """Return the time to read and write `moved` bytes at the speed of copying an array that is `within` bytes long.

    Usually the array holds half of `moved`, so that it lies in the same caches as the data of the kernel.
    """
    source = np.ones(max((within or moved // 2) // 8, 1))
    target = np.empty_like(source)
    return best_of(lambda: np.copyto(target, source), 60) * moved / (2 * source.nbytes)


def pytest_addoption(parser):
    parser.addoption("--publish", action="store_true", help="write the tables into benchmarks/README.md")


def pytest_terminal_summary(terminalreporter, config):
    tables = config.stash.get(ROWS, {})
    text = "\n\n".join(f"### {TITLES.get(name, name)}\n\n{_markdown(rows)}" for name, rows in tables.items())
    if not text:
        return
    terminalreporter.section("allocator benchmarks")
    terminalreporter.write_line(_machine())
    terminalreporter.write_line("\n" + text)
    if config.getoption("--publish"):
        head, _, rest = README.read_text("utf-8").partition("<!-- measured -->\n")
        _, _, tail = rest.partition("<!-- end -->")
        README.write_text(f"{head}<!-- measured -->\n{_machine()}\n\n{text}\n\n<!-- end -->{tail}", "utf-8")


def _markdown(rows: list[dict]) -> str:
    header = list(rows[0])
    lines = [header, *([str(row[key]) for key in header] for row in rows)]
    width = [max(len(line[i]) for line in lines) for i in range(len(header))]
    padded = [" | ".join(part.ljust(n) for part, n in zip(line, width, strict=True)) for line in lines]
    padded.insert(1, " | ".join("-" * n for n in width))
    return "\n".join(f"| {line} |" for line in padded)


def _machine() -> str:
    from cpuinfo import get_cpu_info

    from allocator.pipeline import versions

    gigabytes = 256e6 / copy_seconds(256_000_000) / 1e9
    engines = ", ".join(f"{name} {version}" for name, version in versions().items())
    return (
        f"{get_cpu_info().get('brand_raw', 'unknown CPU')}, {os.cpu_count()} cores, "
        f"copies {gigabytes:.1f} GB/s beyond its caches; {engines}."
    )


def with_districts(city, n):
    """Return the city with its districts merged into n."""
    district = (city.district.astype(np.int64) * n // len(city.districts)).astype(np.int32)
    return dataclasses.replace(city, district=district, districts=tuple(str(d + 1) for d in range(n)))
