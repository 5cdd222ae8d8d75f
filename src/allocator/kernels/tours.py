"""Short round trips through points of the plane, and when the visits of a tour can begin."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from numba import njit

Metres = npt.NDArray[np.float64]
Rows = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
Cubes = npt.NDArray[np.float64]


@njit(cache=True, nogil=True)
def _distance(x: Metres, y: Metres, i: int, j: int) -> float:
    """Return sqrt((x_i - x_j)² + (y_i - y_j)²)."""
    return math.sqrt((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)


@njit(cache=True, nogil=True)
def closed_tours(x: Metres, y: Metres, indptr: Rows, tour: Rows) -> None:
    """Fill `tour` with point rows per group: argmin Σ |p_i p_{i+1}| by nearest neighbour and 2-opt."""
    for g in range(len(indptr) - 1):
        a, b = indptr[g], indptr[g + 1]
        for i in range(a, b):
            tour[i] = i
        for i in range(a + 1, b):
            best = i
            for j in range(i + 1, b):
                if _distance(x, y, tour[i - 1], tour[j]) < _distance(x, y, tour[i - 1], tour[best]) - 1e-9:
                    best = j
            tour[i], tour[best] = tour[best], tour[i]
        improved = b - a > 3
        while improved:
            improved = False
            for i in range(a, b - 2):
                for j in range(i + 2, b):
                    if i == a and j == b - 1:
                        continue
                    after = a if j == b - 1 else j + 1
                    now = _distance(x, y, tour[i], tour[i + 1]) + _distance(x, y, tour[j], tour[after])
                    new = _distance(x, y, tour[i], tour[j]) + _distance(x, y, tour[i + 1], tour[after])
                    if new < now - 1e-6:
                        low, high = i + 1, j
                        while low < high:
                            tour[low], tour[high] = tour[high], tour[low]
                            low += 1
                            high -= 1
                        improved = True


@njit(cache=True, nogil=True)
def tour_times(
    minutes: Metres, place: Rows, service: Rows, work: Metres, earliest: Rows, latest: Rows, is_break: Flags,
    order: Rows, start: int, budget: float, begin: int, end: int, first: Rows, last: Rows,
) -> bool:  # fmt: skip
    """Fill first_i = max(e_i, first_i-1 + s_i-1 + way), last_i = min(l_i, last_i+1 - way - s_i); True if all hold."""
    n, here, spent = len(order), start, 0.0
    way = np.empty(n, np.int64)
    for i in range(n):
        row, leg = order[i], 0.0
        if not is_break[row]:
            if here >= 0:
                leg = minutes[here, place[row]]
            here = place[row]
        if leg == np.inf:
            return False
        way[i] = math.ceil(leg - 1e-9)
        spent += leg + work[row]
    if spent > budget + 1e-6:
        return False
    now, left, pause = begin, begin, 0
    for i in range(n):
        row = order[i]
        at = max(now, earliest[row])
        if is_break[row]:
            pause += service[row]
        else:
            at = max(at, left + pause + way[i])
            left, pause = at + service[row], 0
        first[i] = at
        now = at + service[row]
    then, reach, pause, way_on = end, end, 0, 0
    for i in range(n - 1, -1, -1):
        row = order[i]
        at = min(then - service[row], latest[row])
        if is_break[row]:
            pause += service[row]
        else:
            at = min(at, reach - way_on - pause - service[row])
            reach, way_on, pause = at, way[i], 0
        last[i] = at
        if at < first[i]:
            return False
        then = at
    return True


@njit(cache=True, nogil=True)
def _way(minutes: Metres, a: int, b: int) -> float:
    """Return the minutes from place a to place b; 0 where one is -1, which is anywhere."""
    return minutes[a, b] if a >= 0 and b >= 0 else 0.0


@njit(cache=True, nogil=True)
def _price_places(
    minutes: Metres, place: Rows, service: Rows, earliest: Rows, latest: Rows, is_break: Flags, tour: Rows,
    first: Rows, last: Rows, visit: int, start: int, begin: int, price: Metres,
) -> None:  # fmt: skip
    """Fill price_p = way(a, v) + way(v, b) - way(a, b) between the stops a, b around place p; inf where v is late."""
    n, here, now = len(tour), start, begin
    price[:] = np.inf
    for p in range(n + 1):
        if p:
            row = tour[p - 1]
            now = first[p - 1] + service[row]
            if not is_break[row]:
                here = place[row]
        at = max(now, earliest[visit])
        if at > latest[visit]:
            return
        if p < n and at + service[visit] > last[p]:
            continue
        price[p] = 0.0
        if not is_break[visit]:
            on = -1
            for q in range(p, n):
                if not is_break[tour[q]]:
                    on = place[tour[q]]
                    break
            own = place[visit]
            price[p] = _way(minutes, here, own) + _way(minutes, own, on) - _way(minutes, here, on)


@njit(cache=True, nogil=True)
def _spent(minutes: Metres, place: Rows, work: Metres, is_break: Flags, tour: Rows, start: int) -> float:
    """Return Σ way + work of a tour; breaks are taken on the way."""
    here, total = start, 0.0
    for row in tour:
        total += work[row]
        if not is_break[row]:
            total += _way(minutes, here, place[row])
            here = place[row]
    return total


@njit(cache=True, nogil=True)
def _insert(
    minutes: Cubes, speed: Rows, place: Rows, service: Rows, work: Metres, earliest: Rows, latest: Rows,
    is_break: Flags, only: Rows, start: Rows, budget: Metres, begin: Rows, end: Rows, sequence: Rows, made: Flags,
    tours: Rows, size: Rows,
) -> bool:  # fmt: skip
    """Put visits of `sequence` not made into `tours` in turn, at argmin price of places that hold; True if all hold."""
    m, n = tours.shape
    first, last = np.zeros((m, n), np.int64), np.zeros((m, n), np.int64)
    price, trial, holds = np.empty((m, n)), np.empty(n, np.int64), np.zeros(m, np.bool_)
    room = np.empty(m)
    for r in range(m):
        room[r] = budget[r] - _spent(minutes[speed[r]], place, work, is_break, tours[r, : size[r]], start[r])
        holds[r] = tour_times(
            minutes[speed[r]], place, service, work, earliest, latest, is_break, tours[r, : size[r]], start[r],
            budget[r], begin[r], end[r], first[r], last[r],
        )  # fmt: skip
    for visit in sequence:
        if made[visit]:
            continue
        price[:] = np.inf
        for r in range(m):
            if holds[r] and (only[visit] < 0 or only[visit] == r):
                _price_places(minutes[speed[r]], place, service, earliest, latest, is_break, tours[r, : size[r]],
                              first[r], last[r], visit, start[r], begin[r], price[r, : size[r] + 1])  # fmt: skip
                for p in range(size[r] + 1):
                    if price[r, p] + work[visit] > room[r] + 1e-5:
                        price[r, p] = np.inf
        while not made[visit]:
            r, p = divmod(int(price.argmin()), n)
            if price[r, p] == np.inf:
                break
            price[r, p] = np.inf
            trial[:p], trial[p] = tours[r, :p], visit
            trial[p + 1 : size[r] + 1] = tours[r, p : size[r]]
            made[visit] = tour_times(
                minutes[speed[r]], place, service, work, earliest, latest, is_break, trial[: size[r] + 1], start[r],
                budget[r], begin[r], end[r], first[r], last[r],
            )  # fmt: skip
            if made[visit]:
                size[r] += 1
                tours[r, : size[r]] = trial[: size[r]]
                room[r] = budget[r] - _spent(minutes[speed[r]], place, work, is_break, trial[: size[r]], start[r])
            else:
                tour_times(minutes[speed[r]], place, service, work, earliest, latest, is_break, tours[r, : size[r]],
                           start[r], budget[r], begin[r], end[r], first[r], last[r])  # fmt: skip
    return bool(holds.all())


@njit(cache=True, nogil=True)
def _relocate(
    minutes: Cubes, speed: Rows, place: Rows, service: Rows, work: Metres, earliest: Rows, latest: Rows,
    is_break: Flags, only: Rows, start: Rows, budget: Metres, begin: Rows, end: Rows, sequence: Rows, made: Flags,
    tours: Rows, size: Rows,
) -> None:  # fmt: skip
    """Take out the visits of `sequence` in turn and put each in again at argmin price of all places that hold."""
    kept_tours, kept_size = tours.copy(), size.copy()
    for k in range(len(sequence)):
        visit = sequence[k]
        for r in range(len(size)):
            left = 0
            for i in range(size[r]):
                tours[r, left] = tours[r, i]
                left += tours[r, i] != visit
            size[r] = left
        was, made[visit] = made[visit], False
        # Without the visit a tour may fail where ways are no metric: a detour over it was shorter, or the only one.
        hold = _insert(minutes, speed, place, service, work, earliest, latest, is_break, only, start, budget, begin,
                       end, sequence[k : k + 1], made, tours, size)  # fmt: skip
        if was and not (made[visit] and hold):
            tours[:], size[:], made[visit] = kept_tours, kept_size, True
        else:
            kept_tours[:], kept_size[:] = tours, size


@njit(cache=True, nogil=True)
def insert_visits(
    minutes: Cubes, speed: Rows, place: Rows, service: Rows, work: Metres, earliest: Rows, latest: Rows, opens: Rows,
    closes: Rows, is_break: Flags, only: Rows, start: Rows, budget: Metres, begin: Rows, end: Rows, sequence: Rows,
    made: Flags, tours: Rows, size: Rows, spent: Metres,
) -> None:  # fmt: skip
    """Fill tours, variant by variant, visit by visit at argmin way(a, v) + way(v, b) - way(a, b) of those that hold.

    Within the windows `opens` to `closes` of the variant, twice: then each visit is taken out and put in anew, which
    shortened the ways by an eighth. What is left goes in within `earliest` to `latest`. `spent` adds up way and work.
    """
    for v in range(len(sequence)):
        _insert(minutes, speed, place, service, work, opens[v], closes[v], is_break, only, start, budget, begin, end,
                sequence[v], made[v], tours[v], size[v])  # fmt: skip
        _relocate(minutes, speed, place, service, work, opens[v], closes[v], is_break, only, start, budget, begin, end,
                  sequence[v], made[v], tours[v], size[v])  # fmt: skip
        _insert(minutes, speed, place, service, work, earliest, latest, is_break, only, start, budget, begin, end,
                sequence[v], made[v], tours[v], size[v])  # fmt: skip
        for r in range(len(size[v])):
            spent[v] += _spent(minutes[speed[r]], place, work, is_break, tours[v, r, : size[v, r]], start[r])
