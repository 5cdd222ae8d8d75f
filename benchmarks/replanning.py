"""Re-plan a saved run after losing a unit, many times: `python benchmarks/replanning.py RUN [--events 200]`.

Each event is a unit on duty at a random minute of a random shift that is gone from then on. Prints one JSON object.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import time

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np

import allocator as al
from allocator.planning.replan.replan import visits_changed


def measure(folder: str, events: int, seed: int) -> dict[str, float | int]:
    run, rng = al.load_run(folder), np.random.default_rng(seed)
    al.replan(run, at=run.roster.shifts[0].start, out_of_service=[run.roster.units[0].name])  # warm
    seconds, changed, lost = [], [], []
    for _ in range(events):
        shift = run.roster.shifts[int(rng.integers(len(run.roster.shifts)))]
        when = shift.start + dt.timedelta(minutes=int(rng.integers(int(shift.minutes))))
        crew = [unit.name for unit in run.roster.on_duty(shift)]
        unit = crew[int(rng.integers(len(crew)))]
        start = time.perf_counter()
        revised = al.replan(run, at=when, out_of_service=[unit])
        seconds.append(time.perf_counter() - start)
        changed.append(visits_changed(revised.plan, run.plan, besides=(unit,)))
        lost.append(1 - revised.plan.delivered / run.plan.delivered)
    return {
        "events": events,
        "visits": len(run.plan.visits),
        "median": round(float(np.median(seconds)), 3),
        "p99": round(float(np.quantile(seconds, 0.99)), 3),
        "max": round(max(seconds), 3),
        "others_changed_mean": round(float(np.mean(changed)), 4),
        "others_changed_max": round(max(changed), 4),
        "harm_lost_mean": round(float(np.mean(lost)), 5),
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("run")
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    print(json.dumps(measure(given.run, given.events, given.seed)))
