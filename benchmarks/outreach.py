"""Outreach of an invented city: a season of 13 weeks, and one week together with patrol; prints JSON lines.

python benchmarks/outreach.py            # both sizes
python benchmarks/outreach.py --seed 3   # another city
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import time
from typing import Any

import numpy as np
import pandas as pd

from allocator import synthetic
from allocator.config import OutreachSection, ShiftSection
from allocator.domain import (
    INITIATIVE_TYPES,
    Channel,
    Initiative,
    Needs,
    Offers,
    OutreachAreas,
    OutreachTeam,
    Partner,
    Point,
    Roster,
    Unit,
    Venue,
    shifts_of,
)
from allocator.planning.allocation.solve import solve
from allocator.planning.outreach.plan import patrol_of, plan_outreach

FIRST, ZONE = dt.date(2017, 12, 25), "America/Chicago"
KINDS = ("ASSAULT", "BATTERY", "CRIMINAL DAMAGE", "THEFT")
SHIFTS = tuple(
    ShiftSection(name=name, start=dt.time(start), stop=dt.time(stop))
    for name, start, stop in (("day", 7, 15), ("evening", 15, 23), ("night", 23, 7))
)


def city(seed: int, n_areas: int = 77) -> tuple[OutreachAreas, Needs]:
    """Return invented areas and their needs."""
    rng = np.random.default_rng(seed)
    names = tuple(f"A{a}" for a in range(n_areas))
    areas = OutreachAreas(
        names, np.zeros(4, np.int32), rng.integers(2_000, 90_000, n_areas).astype(float), np.full(n_areas, 0.8),
        {"es": rng.uniform(0.05, 0.6, n_areas)}, rng.uniform(0, 20_000, n_areas), rng.uniform(0, 30_000, n_areas),
        np.zeros(n_areas), np.zeros(n_areas),
    )  # fmt: skip
    need = rng.gamma(1.0, 9.0, (n_areas, len(KINDS)))
    frame = pd.DataFrame({"area": np.repeat(names, len(KINDS)), "harm": need.ravel()})
    return areas, Needs(names, KINDS, need, frame)


def offers(seed: int, areas: OutreachAreas, n_initiatives: int = 40) -> Offers:
    """Return invented offers: initiatives of all types, 30 venues, 20 partners, 12 points, 5 channels."""
    rng, names = np.random.default_rng(seed), areas.names
    initiatives = []
    for i in range(n_initiatives):
        kind = list(INITIATIVE_TYPES)[i % len(INITIATIVE_TYPES)]
        wide = kind in ("campaign", "webinar")
        initiatives.append(
            Initiative(
                f"Initiative {i}", kind, tuple(rng.choice(KINDS, rng.integers(1, 3), replace=False)),
                float(rng.choice([1, 1.5, 2, 3, 4])),
                float(rng.integers(50, 400)) * (4 if wide else 1),
                int(rng.choice([30, 60, 90])) * (20 if wide else 1),
                float(rng.uniform(0.02, 0.2)) / (10 if wide else 1),
                "invented", languages=("es",) if i % 5 == 0 else ("en",), most=int(rng.integers(6, 40)),
                most_per_week=4,
                area_gap_weeks=int(rng.integers(0, 4)), items=300 if kind == "materials" else 0,
                partner_hours=2.0 if kind == "watch" else 0.0,
            )
        )  # fmt: skip
    near = lambda n: tuple(names[(n * 4 + step) % len(names)] for step in range(8))  # noqa: E731
    return Offers(
        initiatives=tuple(initiatives),
        venues=tuple(
            Venue(
                f"Room {v}", names[int(rng.integers(len(names)))], int(rng.integers(20, 120)), dt.time(9), dt.time(20),
                partner=f"Partner {v % 20}",
            )
            for v in range(30)
        ),
        partners=tuple(Partner(f"Partner {p}", areas=near(p), hours=40.0) for p in range(20)),
        points=tuple(Point(f"Desk {p}", names[int(rng.integers(len(names)))], 3_000, share=0.3) for p in range(12)),
        channels=tuple(Channel(f"Channel {c}", share=0.2, cost=300.0) for c in range(5)),
    )  # fmt: skip


def roster(n_units: int, *, teams: int = 8) -> Roster:
    """Return teams, and units that work two shifts in three; every fourth can do outreach."""
    shifts = shifts_of(SHIFTS, first_day=FIRST, days=7, timezone=ZONE)
    units = tuple(Unit(f"U{u:03d}", skills=("community",) * (u % 4 == 0), languages=("en",)) for u in range(n_units))
    duty = {(unit.name, shift.id) for u, unit in enumerate(units) for s, shift in enumerate(shifts) if (u + s) % 3}
    who = tuple(OutreachTeam(f"Team {t}", (), ("en", "es") if t % 2 else ("en",), 30.0) for t in range(teams))
    return Roster(units, shifts, frozenset(duty), who)


def season(seed: int) -> dict[str, Any]:
    """Time 13 weeks of 40 initiatives over 77 areas."""
    areas, needs = city(seed)
    section = OutreachSection(
        initiatives="-", areas={"profile": "-"}, budget=60_000.0, most_per_area_week=3, worth=False
    )
    start = time.perf_counter()
    plan = plan_outreach(
        areas, needs, roster(3), offers(seed, areas), section=section, timezone=ZONE, first_day=FIRST, weeks=13
    )
    return {
        "name": "outreach season", "seed": seed, "seconds": round(time.perf_counter() - start, 2),
        "holdings": len(plan.items), "objective": plan.objective, "bound": plan.bound, "gap": plan.gap,
    }  # fmt: skip


def week_with_patrol(seed: int, rate: float = 0.1) -> dict[str, Any]:
    """Time one week of outreach and patrol together: 10,000 cells, 77 areas, 200 units, units shared.

    The gap is that of both together, in harm prevented: outreach, and `rate` of the harm that patrol covers.
    """
    areas, needs = city(seed)
    who = roster(300, teams=2)
    problem = synthetic.allocation_problem(cells=10_000, shifts=21, units=200, districts=25, seed=seed)
    shared = {"skill": "community", "patrol_value": rate, "source": "invented"}
    section = OutreachSection(
        initiatives="-", areas={"profile": "-"}, budget=9_000.0, most_per_area_week=3, worth=False, shared=shared
    )
    start = time.perf_counter()
    plan = plan_outreach(
        areas, needs, who, offers(seed, areas), section=section, timezone=ZONE, first_day=FIRST, weeks=1,
        patrol=patrol_of(problem, who, skill="community"),
    )  # fmt: skip
    gone = plan.detached.groupby("shift").size()
    on_duty = problem.on_duty - np.array([gone.get(shift.id, 0) for shift in who.shifts], np.int32)
    patrol, whole = solve(problem.replace(on_duty=on_duty)), solve(problem)
    seconds = time.perf_counter() - start
    # The loss of patrol is part of the outreach objective and of its bound, against all units on duty.
    objective = float(plan.items["benefit"].sum()) + rate * patrol.objective
    bound = plan.bound + rate * whole.bound
    return {
        "name": "outreach and patrol, one week", "seed": seed, "seconds": round(seconds, 2),
        "holdings": len(plan.items), "unit_shifts": len(plan.detached), "objective": objective, "bound": bound,
        "gap": (bound - objective) / bound,
    }  # fmt: skip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=0)
    seed = parser.parse_args().seed
    for task in (season, week_with_patrol):
        print(json.dumps(task(seed)))  # noqa: T201
