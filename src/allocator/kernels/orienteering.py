"""Team orienteering by destroying and repairing tours."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from numba import njit

Minutes = npt.NDArray[np.float64]
Prizes = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
State = npt.NDArray[np.uint64]

FAR = 1e300
SLACK = 1e-10


@njit(cache=True, nogil=True)
def _random(state: State) -> float:
    """Return xorshift64 / 2^64: x ^= x << 13, x ^= x >> 7, x ^= x << 17."""
    x = state[0]
    x ^= x << np.uint64(13)
    x ^= x >> np.uint64(7)
    x ^= x << np.uint64(17)
    state[0] = x
    return float(x >> np.uint64(11)) * 2.0**-53


@njit(cache=True, nogil=True)
def _length(cost: Minutes, tour: Rows, size: int) -> float:
    """Return Σ cost of the legs from the start, through `size` visits, to the stop."""
    total = 0.0
    for i in range(size + 1):
        total += cost[tour[i], tour[i + 1]]
    return total


@njit(cache=True, nogil=True)
def _two_opt(cost: Minutes, tour: Rows, size: int) -> None:
    """Reverse parts of a tour while that makes Σ cost of its legs smaller."""
    improved = True
    while improved:
        improved = False
        for i in range(size):
            for j in range(i + 1, size + 1):
                a, b, c, d = tour[i], tour[i + 1], tour[j], tour[j + 1]
                if cost[a, c] + cost[b, d] < cost[a, b] + cost[c, d] - 1e-9:
                    low, high = i + 1, j
                    while low < high:
                        tour[low], tour[high] = tour[high], tour[low]
                        low += 1
                        high -= 1
                    improved = True


@njit(cache=True, nogil=True)
def _cheapest(cost: Minutes, tour: Rows, size: int, visit: int) -> tuple[float, int]:
    """Return min over legs (a, b) of cost(a, v) + cost(v, b) - cost(a, b), and the place of that leg."""
    least, place = FAR, 0
    for i in range(size + 1):
        a, b = tour[i], tour[i + 1]
        extra = cost[a, visit] + cost[visit, b] - cost[a, b]
        if extra < least:
            least, place = extra, i
    return least, place


@njit(cache=True, nogil=True)
def _destroy(near: Rows, tours: Rows, size: Rows, unit: Rows, state: State) -> None:  # noqa: C901
    """Take out 5-40 % of the visits: at random, around a visit, or a part of a tour."""
    n, visited = len(unit), 0
    for i in range(n):
        visited += unit[i] >= 0
    if not visited:
        return
    out = max(1, int(visited * (0.05 + 0.35 * _random(state) * _random(state))))
    how = _random(state)
    if how < 0.3:
        r = int(_random(state) * len(size))
        first = int(_random(state) * size[r])
        for i in range(first, min(first + out, size[r])):
            unit[tours[r, i + 1]] = -1
    elif how < 0.6:
        for _ in range(2 * out):
            i = int(_random(state) * n)
            if unit[i] >= 0 and out > 0:
                unit[i] = -1
                out -= 1
    else:
        centre = int(_random(state) * n)
        for k in range(n):
            i = near[centre, k]
            if unit[i] >= 0 and out > 0 and _random(state) < 0.8:
                unit[i] = -1
                out -= 1
    for r in range(len(size)):
        kept = 0
        for i in range(1, size[r] + 1):
            if unit[tours[r, i]] == r:
                kept += 1
                tours[r, kept] = tours[r, i]
        tours[r, kept + 1] = tours[r, size[r] + 1]
        size[r] = kept


@njit(cache=True, nogil=True)
def _repair(  # noqa: C901
    cost: Minutes, most: float, lure: Prizes, tours: Rows, size: Rows, unit: Rows, length: Minutes, extra: Minutes,
    place: Rows,
) -> None:  # fmt: skip
    """Put in argmax lure / extra length, over visits left out and tours with room, until nothing fits."""
    n, m = len(unit), len(size)
    for i in range(n):
        if unit[i] < 0:
            for r in range(m):
                extra[i, r], place[i, r] = _cheapest(cost, tours[r], size[r], i)
    while True:
        best, pick, at = 0.0, -1, -1
        for i in range(n):
            if unit[i] < 0:
                for r in range(m):
                    if length[r] + extra[i, r] <= most + SLACK:
                        score = lure[i] / max(extra[i, r], 1e-6)
                        if score > best:
                            best, pick, at = score, i, r
        if pick < 0:
            return
        p = place[pick, at]
        for k in range(size[at] + 1, p, -1):
            tours[at, k + 1] = tours[at, k]
        tours[at, p + 1] = pick
        size[at] += 1
        unit[pick] = at
        length[at] = _length(cost, tours[at], size[at])
        a, b = tours[at, p], tours[at, p + 2]
        for i in range(n):
            if unit[i] < 0:
                if place[i, at] == p:
                    extra[i, at], place[i, at] = _cheapest(cost, tours[at], size[at], i)
                    continue
                if place[i, at] > p:
                    place[i, at] += 1
                one = cost[a, i] + cost[i, pick] - cost[a, pick]
                two = cost[pick, i] + cost[i, b] - cost[pick, b]
                if one < extra[i, at]:
                    extra[i, at], place[i, at] = one, p
                if two < extra[i, at]:
                    extra[i, at], place[i, at] = two, p + 1


@njit(cache=True, nogil=True)
def _swap_tails(cost: Minutes, most: float, tours: Rows, size: Rows, length: Minutes, spare: Rows) -> None:
    """Exchange the ends of two tours where both then hold and Σ cost of all legs is smaller."""
    m = len(size)
    for r in range(m):
        for q in range(r + 1, m):
            one = 0.0
            for i in range(size[r] + 1):
                two = 0.0
                for j in range(size[q] + 1):
                    a, b, c, d = tours[r, i], tours[r, i + 1], tours[q, j], tours[q, j + 1]
                    gain = cost[a, b] + cost[c, d] - cost[a, d] - cost[c, b]
                    if gain > 1e-9:
                        first = one + cost[a, d] + length[q] - two - cost[c, d]
                        second = length[r] + length[q] - gain - first
                        if first <= most + SLACK and second <= most + SLACK:
                            spare[:] = tours[r]
                            head, tail = size[q] - j, size[r] - i
                            for k in range(head + 1):
                                tours[r, i + 1 + k] = tours[q, j + 1 + k]
                            for k in range(tail + 1):
                                tours[q, j + 1 + k] = spare[i + 1 + k]
                            size[r], size[q] = i + head, j + tail
                            length[r] = _length(cost, tours[r], size[r])
                            length[q] = _length(cost, tours[q], size[q])
                            return
                    two += cost[c, d]
                one += cost[tours[r, i], tours[r, i + 1]]


@njit(cache=True, nogil=True)
def team_orienteering(  # noqa: C901
    cost: Minutes, prize: Prizes, most: float, near: Rows, state: State, steps: int, cycle: int, give: float,
    weight: float, tours: Rows, size: Rows, met: Rows,
) -> int:  # fmt: skip
    """Improve tours: max Σ prize of the visits, with Σ cost ≤ `most` per tour, by destroying and repairing."""
    n, m = len(prize), len(size)
    unit, length, lure = np.full(n, -1, np.int64), np.zeros(m), np.zeros(n)
    spare = tours[0].copy()
    extra, place = np.zeros((n, m)), np.zeros((n, m), np.int64)
    for r in range(m):
        for i in range(1, size[r] + 1):
            unit[tours[r, i]] = r
        length[r] = _length(cost, tours[r], size[r])
    now_tours, now_size, now_unit = tours.copy(), size.copy(), unit.copy()
    new_tours, new_size, new_unit = tours.copy(), size.copy(), unit.copy()
    best = prize[unit >= 0].sum()
    best_length = length.sum()
    worth = weight * prize.sum() / (m * most)
    now, now_length, filled = best, best_length, 0
    for step in range(steps):
        new_tours[:], new_size[:], new_unit[:] = now_tours, now_size, now_unit
        power, noise = 0.5 + _random(state), _random(state)
        for i in range(n):
            lure[i] = prize[i] ** power * (1 - noise * _random(state))
        _destroy(near, new_tours, new_size, new_unit, state)
        before = -1.0
        while True:
            for r in range(m):
                _two_opt(cost, new_tours[r], new_size[r])
                length[r] = _length(cost, new_tours[r], new_size[r])
            _swap_tails(cost, most, new_tours, new_size, length, spare)
            for r in range(m):
                for i in range(1, new_size[r] + 1):
                    new_unit[new_tours[r, i]] = r
            got = prize[new_unit >= 0].sum()
            if got == before:
                break
            _repair(cost, most, lure, new_tours, new_size, new_unit, length, extra, place)
            before = prize[new_unit >= 0].sum()
            if got == before:
                break
        got, total = prize[new_unit >= 0].sum(), length.sum()
        heat = -give * (1 - (step % cycle) / cycle) * np.log(1e-12 + _random(state)) * best
        if got - worth * total > now - worth * now_length - heat:
            now, now_length = got, total
            now_tours[:], now_size[:], now_unit[:] = new_tours, new_size, new_unit
            if filled < len(met) and got >= 0.94 * best:
                for r in range(m):
                    met[filled, r, 0] = now_size[r]
                    met[filled, r, 1:] = now_tours[r, 1 : n + 1]
                filled += 1
        if got > best + 1e-9 or (got > best - 1e-9 and total < best_length - 1e-9):
            best, best_length = got, total
            tours[:], size[:] = new_tours, new_size
        if (step + 1) % cycle == 0:
            now, now_length = best, best_length
            now_tours[:], now_size[:] = tours, size
            now_unit[:] = -1
            for r in range(m):
                for i in range(1, size[r] + 1):
                    now_unit[tours[r, i]] = r
    return filled
