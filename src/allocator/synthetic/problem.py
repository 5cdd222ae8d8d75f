"""Random allocation problems of a given size."""

from __future__ import annotations

import numpy as np

from allocator.domain import AllocationProblem


def allocation_problem(
    *, cells: int = 10_000, shifts: int = 21, units: int = 200, districts: int = 25, seed: int = 0
) -> AllocationProblem:
    """Return a random week for benchmarks: heavy-tailed harm, `units` on duty in each shift, weekly bands."""
    rng = np.random.default_rng(seed)
    value = rng.gamma(0.3, 1.0, cells) * rng.gamma(20.0, 0.05, (shifts, cells)) * 0.02
    district = np.sort(rng.integers(0, districts, cells)).astype(np.int32)
    mean = units * shifts / districts
    return AllocationProblem(
        value=value, district=district, cap=np.full((shifts, cells), 3, np.int16),
        on_duty=np.full(shifts, units, np.int32), minimum=np.ones((districts, shifts), np.int32),
        least=np.full(districts, int(0.5 * mean), np.int32),
        most=np.full(districts, int(1.6 * mean) + shifts, np.int32), blocks=np.full(shifts, 12, np.int32),
        diminishing=0.7, districts=tuple(str(n + 1) for n in range(districts)),
        shifts=tuple(f"shift {n + 1}" for n in range(shifts)),
    )  # fmt: skip
