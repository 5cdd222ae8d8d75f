"""Time and size of what people get of a run: `python benchmarks/products.py RUN` (a run folder). Prints a table.

Each product is made twice in one process, the shorter time counts; the report is opened from disk in Chromium, with the
network off, until its map is drawn for the first time.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from allocator.config import PRODUCTS
from allocator.io.folders.runs import load_run
from allocator.report.products import products

OPENED = 3
"""Times that the report is opened."""


def made(run, name: str) -> tuple[float, dict[str, bytes]]:
    best, files = float("inf"), {}
    for _ in range(2):
        start = time.perf_counter()
        files = products(run, [name])
        best = min(best, time.perf_counter() - start)
    return best, files


def opened(page: bytes) -> list[float]:
    """Return the seconds from opening the page to its first drawn map, each in a new window."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from browser import chromium, visit

    seconds = []
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        path = Path(folder) / "report.html"
        path.write_bytes(page)
        for _ in range(OPENED):
            start = time.perf_counter()
            found = visit(browser, path)
            found.page.wait_for_selector("html[data-ready=yes]", state="attached")
            seconds.append(time.perf_counter() - start)
            found.check()
    return seconds


def main(folder: str) -> None:
    run = load_run(folder)
    plan = run.plan
    print(f"{run.job.job.name}: {run.surface.city.n_cells:,} cells, {len(run.surface.shifts)} shifts, "
          f"{len(plan.assignments):,} unit-shifts, {len(plan.visits):,} visits\n")  # fmt: skip
    print("| product | s | files | MB |\n|---|---:|---:|---:|")
    page = b""
    for name in PRODUCTS:
        seconds, files = made(run, name)
        own = {path: content for path, content in files.items() if path != "map.png"}
        print(f"| {name} | {seconds:.1f} | {len(own)} | {sum(map(len, own.values())) / 1e6:.1f} |")
        page = files.get("report.html", page)
    seconds = sorted(opened(page))
    print(f"\nreport.html has {len(page) / 1e6:.2f} MB and is ready after {seconds[len(seconds) // 2]:.2f} s "
          f"({seconds[0]:.2f} to {seconds[-1]:.2f})")  # fmt: skip


if __name__ == "__main__":
    main(sys.argv[1])
