"""How the cost of features, fit and forecast grows with cells, events and periods.

    python benchmarks/scaling.py                  # writes benchmarks/scaling.png, prints the log-log slopes
    python benchmarks/scaling.py --quick          # smaller sizes, to try it

Synthetic panels, the default model ("auto": all candidates, LightGBM among them) on one thread. One size grows, the two
others stay. What is measured is CPU time: the machine is shared. A slope of 1 is linear growth;
"last step" is the slope between the two largest sizes, where fixed costs hide least.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import matplotlib as mpl
import numpy as np

mpl.use("Agg")
from matplotlib import pyplot as plt

from allocator import risk
from allocator.cli.bench import synthetic_panel
from allocator.config import BoostedOptions, RiskSection
from allocator.risk.features.extras import Extras
from allocator.risk.training import read_history

OPTIONS = RiskSection(threads=1, train_weeks=26, boosted=BoostedOptions(rows=40_000, rounds=40))
"""Smaller trees than the default: their cost is capped by `rows`, and at 240,000 rows it hides all other growth."""

CELLS, EVENTS, WEEKS = 4_000, 1_000, 60
GROWING = {
    "cells": (3_000, 6_000, 12_000, 24_000),
    "events a week": (1_000, 2_000, 4_000, 8_000),
    "weeks": (52, 104, 208),
}
STAGES = ("features", "fit", "forecast")
REPEATS = 1


def measured(cells: int, events: int, weeks: int) -> dict[str, float]:
    """Return the size as it came out, and the CPU seconds of each stage."""
    panel = synthetic_panel(cells, weeks=weeks, events_per_week=events)
    seconds = dict.fromkeys(STAGES, np.inf)
    for _ in range(REPEATS):
        times = [time.process_time()]
        read_history(panel, 7, OPTIONS, Extras(), seed=0)
        times.append(time.process_time())
        fitted = risk.fit(panel, options=OPTIONS)  # reads the history again: the features are in it
        times.append(time.process_time())
        fitted.forecast()
        times.append(time.process_time())
        for stage, taken in zip(STAGES, np.diff(times), strict=True):
            seconds[stage] = min(seconds[stage], float(taken))
    size = {"cells": panel.city.n_cells, "events a week": len(panel.day) / panel.n_days * 7, "weeks": panel.n_days / 7}
    return {**size, **seconds, "all": seconds["fit"] + seconds["forecast"]}


def slope(sizes: np.ndarray, seconds: np.ndarray) -> float:
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(seconds, 1e-4)), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("scaling.png"))
    given = parser.parse_args()
    measured(1_000, 200, 40)  # loads the kernels
    figure, axes = plt.subplots(1, len(GROWING), figsize=(10, 3.4), sharey=True, layout="constrained")
    for axis, (name, sizes) in zip(axes, GROWING.items(), strict=True):
        base = {"cells": CELLS, "events a week": EVENTS, "weeks": WEEKS}
        rows = []
        for size in sizes[: 3 if given.quick else None]:
            asked = {**base, name: size}
            rows.append(measured(asked["cells"], asked["events a week"], asked["weeks"]))
            told = ", ".join(f"{stage} {rows[-1][stage]:.2f} s" for stage in (*STAGES, "all"))
            sys.stdout.write(f"{name} {rows[-1][name]:,.0f}: {told}\n")
        x = np.array([row[name] for row in rows])
        for stage in (*STAGES, "all"):
            y = np.array([row[stage] for row in rows])
            axis.loglog(x, y, marker="o", label=f"{stage}: {slope(x, y):.2f}", linewidth=2 if stage == "all" else 1)
            sys.stdout.write(f"  slope of {stage}: {slope(x, y):.2f}, last step {slope(x[-2:], y[-2:]):.2f}\n")
        total = np.array([row["all"] for row in rows])
        axis.loglog(x, total[0] * x / x[0], color="grey", linestyle=":", label="linear: 1")
        axis.set(xlabel=name)
        axis.legend(title="slope", fontsize=7, title_fontsize=7)
        axis.grid(which="both", alpha=0.2)
    axes[0].set(ylabel="CPU seconds, one thread")
    figure.suptitle(f"others: {CELLS:,} cells, {EVENTS:,} events a week, {WEEKS} weeks, 5 kinds", fontsize=9)
    figure.savefig(given.out, dpi=80, metadata={"Software": None})
    sys.stdout.write(f"{given.out}: {given.out.stat().st_size / 1e3:.0f} kB; load {os.getloadavg()[0]:.1f}\n")


if __name__ == "__main__":
    main()
