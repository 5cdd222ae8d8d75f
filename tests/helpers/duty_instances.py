"""Reads the shift scheduling instances of Curtois and Qu (2014) for tests and benchmarks."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from allocator.planning.duty.rostering import DutyProblem, DutyRules

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "instances" / "shift_scheduling"


def sections(path: Path) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for line in path.read_text().splitlines():
        if line.startswith("SECTION_"):
            rows = found.setdefault(line.strip(), [])
        elif line.strip() and not line.startswith("#"):
            rows.append(line.strip().split(","))
    return found


def read_instance(path: Path) -> tuple[DutyProblem, float]:
    """Return the problem, and the weight of all requests to work: its penalty is that less the objective.

    Shifts start eight hours apart in file order, and 10 hours of rest keep "early" from following "late".
    """
    part = sections(path)
    n_days, kinds = int(part["SECTION_HORIZON"][0][0]), [row[0] for row in part["SECTION_SHIFTS"]]
    staff = {row[0]: u for u, row in enumerate(part["SECTION_STAFF"])}
    n_shifts, column = n_days * len(kinds), {kind: k for k, kind in enumerate(kinds)}
    day, kind = np.divmod(np.arange(n_shifts), len(kinds))
    start = day * 1440 + 360 + 480 * kind
    for row in part["SECTION_SHIFTS"]:
        assert row[1] == "480"
        assert set(filter(None, row[2].split("|"))) == set(kinds[: column[row[0]]])
    shape = len(staff), n_shifts
    may, wish = np.ones(shape, bool), np.zeros(shape)
    for name, *days in part["SECTION_DAYS_OFF"]:
        may[staff[name]] &= ~np.isin(day, [int(one) for one in days])
    for key, sign in (("ON", 1), ("OFF", -1)):
        for name, on, what, weight in part[f"SECTION_SHIFT_{key}_REQUESTS"]:
            wish[staff[name], int(on) * len(kinds) + column[what]] += sign * float(weight)
    cover = np.zeros((3, n_shifts))
    for on, what, *numbers in part["SECTION_COVER"]:
        cover[:, int(on) * len(kinds) + column[what]] = [float(one) for one in numbers]
    rules = []
    for _, most, most_min, least_min, running, least_running, off, weekends in part["SECTION_STAFF"]:
        of_kind = dict(one.split("=") for one in most.split("|"))
        rules.append(
            DutyRules(
                rest_minutes=600, most_of_kind=tuple(int(of_kind[one]) for one in kinds), most_minutes=int(most_min),
                least_minutes=int(least_min), most_running=int(running), least_running=int(least_running),
                least_off=int(off), most_weekends=int(weekends),
            )
        )  # fmt: skip
    week, of_week = np.divmod(np.arange(n_days), 7)
    problem = DutyProblem(
        units=tuple(staff), shifts=tuple(f"{d}/{kinds[k]}" for d, k in zip(day, kind, strict=True)),
        day=day.astype(np.int32), kind=kind.astype(np.int32), start=start, stop=start + 480,
        weekend=np.where(of_week >= 5, week, -1).astype(np.int32), rules=tuple(rules), may=may,
        must=np.zeros(shape, bool), wish=wish, wanted=cover[0].astype(np.int32), short=cover[1], spare=cover[2],
        home=np.full(len(staff), -1, np.int32),
    )  # fmt: skip
    return problem, float(wish[wish > 0].sum())
