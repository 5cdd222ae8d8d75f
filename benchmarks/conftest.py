"""A city of realistic size, the clock that puts a kernel beside its twins, and the tables at the end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from allocator.cli.bench import synthetic_panel
from allocator.config import RiskSection
from allocator.risk.features.extras import Extras
from allocator.risk.training import read_history
from clock import best_of, copy_seconds, in_ms

README = Path(__file__).with_name("README.md")
ROWS = pytest.StashKey[dict]()
TITLES = {
    "features": "Features in total",
    "kernels": "Kernels",
    "planning": "Planning",
    "rostering": "Duty rosters",
    "stages": "Stages",
}


@pytest.fixture(scope="session")
def panel():
    """About 27,000 cells of 150 m, five kinds, 104 weeks of about 3,300 events: two years of a Chicago."""
    return synthetic_panel(27_000, weeks=104, seed=0)


@pytest.fixture(scope="session")
def history(panel):
    return read_history(panel, 7, RiskSection(), Extras(), seed=0)


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

    def run(kernel, *, pandas, numpy=None, moved=None, floor=None, name=None):
        """Record one row.

        `moved` is the number of bytes that any implementation has to read and write; the bound is the time this
        machine takes to copy as many. `floor` is a (text, seconds) bound of another kind, for kernels bound by
        arithmetic.
        """
        benchmark.pedantic(kernel, rounds=60, warmup_rounds=1)
        if benchmark.disabled:
            return
        twin = best_of(pandas, 3)
        seconds = min(benchmark.stats.stats.min, best_of(kernel, 30))  # again: neighbours come and go
        text, bound = floor or (f"copy {moved / 1e6:.3g} MB", copy_seconds(moved)) if floor or moved else ("none", None)
        faster, over = twin / seconds, seconds / bound if bound else None
        row = {
            "kernel": name or benchmark.name.removeprefix("test_"),
            "ms": in_ms(seconds),
            "pandas twin ms": in_ms(twin),
            "speed-up": f"{faster:,.0f}×",
            "numpy/scipy ms": in_ms(best_of(numpy, 5)) if numpy else "",
            "bound": text,
            "bound ms": in_ms(bound) if bound else "",
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
        f"copies {gigabytes:.1f} GB/s beyond its caches; load {os.getloadavg()[0]:.1f} at the end; "
        f"OMP_WAIT_POLICY={os.environ.get('OMP_WAIT_POLICY', 'not set')}; {engines}."
    )
