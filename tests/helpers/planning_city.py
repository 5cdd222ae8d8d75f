"""A square toy city, its forecast and its roster, for the planning tests."""

from __future__ import annotations

import datetime as dt
from types import SimpleNamespace

import numpy as np

from allocator.config import ShiftSection
from allocator.domain import AllocationProblem, RiskSurface, Roster, Unit, shifts_of
from allocator.planning.allocation.problem import NO_LIMIT

DAY = (
    ShiftSection(name="day", start=dt.time(7), stop=dt.time(15)),
    ShiftSection(name="evening", start=dt.time(15), stop=dt.time(23)),
    ShiftSection(name="night", start=dt.time(23), stop=dt.time(7)),
)


def square_city(side: int = 8, districts: int = 4, size_m: float = 150.0) -> SimpleNamespace:
    row, column = np.divmod(np.arange(side * side), side)
    bands = (column * districts // side).astype(np.int32)
    return SimpleNamespace(
        n_cells=side * side,
        x=column * size_m,
        y=row * size_m,
        area_km2=np.full(side * side, size_m**2 / 1e6),
        district=bands,
        districts=tuple(str(d + 1) for d in range(districts)),
        beat=(row * 2 // side).astype(np.int32),
        beats=("south", "north"),
        crs="EPSG:32616",
        is_placed=True,
    )


def roster_of(units: int, *, city, days: int = 2, first_day=dt.date(2017, 12, 25), rest: int = 3) -> Roster:
    """Units with homes in turn; unit u is off in every shift s with (u + s) % rest == 0 (0: never)."""
    shifts = shifts_of(DAY, first_day=first_day, days=days, timezone="America/Chicago")
    named = tuple(Unit(f"U{u:03d}", home_district=city.districts[u % len(city.districts)]) for u in range(units))
    duty = {
        (unit.name, shift.id)
        for u, unit in enumerate(named)
        for s, shift in enumerate(shifts)
        if not rest or (u + s) % rest
    }
    return Roster(units=named, shifts=shifts, duty=frozenset(duty))


def surface_of(city, roster: Roster, *, seed: int = 0, kinds=("BURGLARY", "THEFT")) -> RiskSurface:
    rng = np.random.default_rng(seed)
    shape = (len(roster.shifts), city.n_cells, len(kinds))
    mean = (rng.gamma(0.3, 0.1, (1, *shape[1:])) * rng.lognormal(0, 0.3, shape)).astype(np.float32)
    return RiskSurface(
        city=city,
        kinds=kinds,
        shifts=tuple(shift.id for shift in roster.shifts),
        mean=mean,
        lower=mean * 0,
        upper=mean * 3,
        all_lower=mean.sum(axis=2) * 0,
        all_upper=mean.sum(axis=2) * 3,
        harm=np.ones(len(kinds)),
        models=("mixture",) * len(kinds),
        cutoff=roster.shifts[0].day,
        dispersion=np.full((city.n_cells, len(kinds) + 1), 0.1, np.float32),
        district_dispersion=np.full(len(kinds) + 1, 0.02),
        city_dispersion=np.full(len(kinds) + 1, 0.01),
    )


def toy(seed: int, *, cells=4, districts=2, shifts=2, units=2, blocks=2, most_blocks=2) -> AllocationProblem:
    """A random problem small enough for brute force."""
    rng = np.random.default_rng(seed)
    on_duty = rng.integers(1, units + 1, shifts).astype(np.int32)
    return AllocationProblem(
        value=rng.gamma(0.7, 1, (shifts, cells)),
        district=np.sort(np.arange(cells) % districts).astype(np.int32),
        cap=rng.integers(1, most_blocks + 1, (shifts, cells)).astype(np.int16),
        on_duty=on_duty,
        minimum=np.zeros((districts, shifts), np.int32),
        least=np.zeros(districts, np.int32),
        most=np.full(districts, NO_LIMIT, np.int32),
        blocks=np.full(shifts, blocks, np.int32),
        diminishing=0.7,
        districts=tuple(f"D{d}" for d in range(districts)),
        shifts=tuple(f"2017-12-{25 + s}/day" for s in range(shifts)),
        day=np.arange(shifts, dtype=np.int32),
    )
