"""The least time of several, and what a copy takes."""

from __future__ import annotations

import time

import numpy as np


def in_ms(seconds: float) -> str:
    return f"{seconds * 1e3:,.3g}" if seconds < 1 else f"{seconds * 1e3:,.0f}"


def best_of(call, repeats: int) -> float:
    """Return the least seconds of some calls: the machine is shared, and noise only adds."""
    best = float("inf")
    for _ in range(repeats):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return best


def copy_seconds(moved: int) -> float:
    """Return the time to read and write `moved` bytes: a copy of half as many, in the same caches."""
    source = np.ones(max(moved // 16, 1))
    target = np.empty_like(source)
    return best_of(lambda: np.copyto(target, source), 60)
