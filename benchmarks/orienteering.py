"""Team orienteering on the instances of Chao, Golden & Wasil (1996), sets 2 and 4, one core.

    python benchmarks/orienteering.py --instances ../shared/instances/team_orienteering --out orienteering.json

Per instance: prize found, Chao's heuristic value, seconds; every route is checked against its limit with the unrounded
distances. Best known values of three instances are those of PLANNING.md.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

from allocator.planning.routes.orienteering import Orienteering
from allocator.planning.routes.search import solve

BEST_KNOWN = {"p4.2.t": 1306, "p4.4.t": 1285, "p4.4.k": 821}
ITERATIONS, RUNS = 500, 12


def read(path: Path) -> Orienteering:
    """Return the problem of a file; see TOP_format.txt."""
    lines = [line.split() for line in path.read_text().splitlines() if line.strip()]
    units, longest = int(lines[1][1]), float(lines[2][1])
    table = np.array(lines[3 : 3 + int(lines[0][1])], float)
    n = len(table) - 2
    none, free = np.zeros(n), np.zeros(units)
    return Orienteering(
        travel=np.hypot(*(table[:, None, :2] - table[None, :, :2]).transpose(2, 0, 1))[None],
        place=np.arange(1, n + 1), service=none, work=none, prize=table[1:-1, 2], earliest=none, latest=none + np.inf,
        only=np.full(n, -1), speed=np.zeros(units, int), start=np.zeros(units, int), stop=np.full(units, n + 1),
        begin=free, end=free + np.inf, budget=free + longest,
    )  # fmt: skip


def measure(path: Path, value: int, *, seed: int) -> dict[str, object]:
    """Return the row of one instance."""
    problem = read(path)
    start = time.perf_counter()
    clock = time.process_time()
    found = solve(problem, iterations=ITERATIONS, runs=RUNS, seed=seed)
    seconds, cpu = time.perf_counter() - start, time.process_time() - clock
    for unit, tour in enumerate(found.order):
        if problem.work_of(unit, tour) > problem.budget[unit] + 1e-9:
            raise SystemExit(f"{path.stem}: the route of unit {unit} is too long")
    return {
        "name": path.stem, "prize": found.prize, "chao": value, "best_known": BEST_KNOWN.get(path.stem),
        "seconds": round(seconds, 2), "cpu_seconds": round(cpu, 2),
    }  # fmt: skip


def main() -> None:
    """Print the table and its summary."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--instances", type=Path, default=Path("../shared/instances/team_orienteering"))
    parser.add_argument("--out", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="")
    args = parser.parse_args()
    values = [line.split() for line in (args.instances / "chao_heuristic_values.txt").read_text().splitlines() if line]
    rows = []
    for name, value in sorted(values):
        if args.only and Path(name).stem not in args.only.split(","):
            continue
        rows.append(measure(args.instances / f"set{name[1]}" / name, int(value), seed=args.seed))
        row = rows[-1]
        print(f"{row['name']:<8}{row['prize']:>7.0f}{row['chao']:>7}{row['seconds']:>7.2f} s", flush=True)
    below = [row for row in rows if row["prize"] < row["chao"]]
    figures = {
        "instances": len(rows),
        "at_or_above_chao": len(rows) - len(below),
        "share": round(1 - len(below) / max(len(rows), 1), 4),
        "below": {row["name"]: [row["prize"], row["chao"]] for row in below},
        "gaps": {row["name"]: round(1 - row["prize"] / row["best_known"], 5) for row in rows if row["best_known"]},
        "seconds": {"max": max(row["seconds"] for row in rows), "max_cpu": max(row["cpu_seconds"] for row in rows)},
        "iterations": ITERATIONS,
        "runs": RUNS,
        "seed": args.seed,
        "python": sys.version.split()[0],
    }
    print(json.dumps(figures, indent=1))
    if args.out:
        args.out.write_text(json.dumps({**figures, "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
