"""Places and minutes at which more rows are heaped than can have happened there: stations, defaults, unknown times."""

from __future__ import annotations

import itertools

import numpy as np

from allocator.domain import Bools, Floats, Ints
from allocator.facts import Note, note
from allocator.io.tables import ParsedTimes

_HEAP, _HEAP_ROWS, _TOLD_HEAPS = 0.02, 50, 3
"""A point that holds such a share of the events, and so many, is hardly a place where they happened."""
_MOST_POINTS, _CLIFF, _FEWEST = 60, 4.0, 0.002
"""Up to 60 points, each of 0.2 % or more and the least of them 4 times the next one: of Chicago, St. Louis and Portland
the largest points hold 0.26, 0.24 and 0.19 %, and none of the first 60 holds 1.7 times the next."""
_NEAR = {"degrees": 0.001, "units": 100.0}
"""Points scattered by less than this, about 100 m, to hide a place count as one."""
_MOST_PLACES, _LOOKED = 4_000_000, 50_000
"""Places that are counted and not sorted; rows that scattered heaps are looked for in, every n-th of more."""
_MINUTE, _MINUTE_ROWS, _TIMES_USUAL = 0.005, 20, 4.0
"""A minute of the day that holds such a share, and 4 times the median of the same minute of all hours: 12:00 holds 1.4
times that in Chicago and 1.6 in St. Louis, 00:01 there 55 and 77 times."""


def heaps(x: Floats, y: Floats, *, keep: Bools) -> list[Note]:
    """Return notes on points that bear a share of the events which no place has.

    Looked for are single points, several points that stand out together, and points scattered closely round one.

    Parameters
    ----------
    x, y : (n,) float64
        Places as the file has them, degrees or units of a projection.
    keep : (n,) bool
        Rows that are used.
    """
    rows = np.flatnonzero(keep & (np.abs(x) < 1e9) & (np.abs(y) < 1e9))
    if not len(rows):
        return []
    x, y = x[rows], y[rows]
    degrees = max(np.abs(x).max(), np.abs(y).max()) <= 1_000
    first, count = _piles(x, y, 1e-6 if degrees else 0.1)
    if len(count) < _HEAP_ROWS:  # a file by areas or addresses, not by points
        return []
    single = _standing_out(count)
    notes = [_told("history.heap", x, y, first[at], count[at]) for at in single]
    if not notes:
        notes = _several(x, y, first, count)
    if not notes:
        part = slice(None, None, max(1, len(x) // _LOOKED))
        notes = _scattered(x[part], y[part], _NEAR["degrees" if degrees else "units"], rows=len(x))
    return notes


def _scattered(x: Floats, y: Floats, size: float, *, rows: int) -> list[Note]:
    """Return notes on points scattered round one, wherever it lies between the lines of a grid; of `rows` in all."""
    found: list[tuple[int, int, float, float]] = []
    for east, north in itertools.product((0.0, 0.5), repeat=2):
        first, count = _piles(x + east * size, y + north * size, size)
        found += [(int(count[at]), int(first[at]), east, north) for at in _standing_out(count)]
    notes: list[Note] = []
    told: list[tuple[float, float]] = []
    for _, row, east, north in sorted(found, reverse=True):
        cell = [np.round(value / size + shift) for value, shift in ((x, east), (y, north))]
        inside = (cell[0] == cell[0][row]) & (cell[1] == cell[1][row])
        at = float(np.median(x[inside])), float(np.median(y[inside]))
        if any(max(abs(at[0] - a), abs(at[1] - b)) < 2 * size for a, b in told) or len(told) == _TOLD_HEAPS:
            continue
        told.append(at)
        around = (np.abs(x - at[0]) <= size) & (np.abs(y - at[1]) <= size)
        east_, north_ = _exactly(np.array([at[0]]), np.array([at[1]]), 0)
        notes.append(note("history.heap_near", x=east_, y=north_, count=round(float(around.mean()) * rows),
                          share=float(around.mean()), within=size))  # fmt: skip
    return notes


def _piles(x: Floats, y: Floats, size: float) -> tuple[Ints, Ints]:
    """Return the first row of each place of a size, and its events, the fullest first."""
    east, north = (np.round(value / size).astype(np.int64) for value in (x, y))
    east, north = east - east.min(), north - north.min()
    width, height = int(east.max()) + 1, int(north.max()) + 1
    place = east * height + north
    if width * height <= _MOST_PLACES:  # counted, not sorted: 5 instead of 25 ms for 320,000 events
        every = np.bincount(place)
        held = np.flatnonzero(every)
        row = np.empty(len(every), np.int64)
        row[place[::-1]] = np.arange(len(place))[::-1]
        first, count = row[held], every[held]
    else:
        _, first, count = np.unique(place, return_index=True, return_counts=True)
    order = np.argsort(-count, kind="stable")
    return first[order], count[order]


def _standing_out(count: Ints) -> list[int]:
    """Return the first places that hold a share of their own, and five times what the fullest fifty hold."""
    if len(count) < _HEAP_ROWS:
        return []
    usual, total, found = float(count[:_HEAP_ROWS].mean()), int(count.sum()), list[int]()
    for at in range(_TOLD_HEAPS):
        share = count[at] / total
        if share < _HEAP or count[at] < _HEAP_ROWS or count[at] < 5 * usual * (1 - share):
            break
        found.append(at)
    return found


def _several(x: Floats, y: Floats, first: Ints, count: Ints) -> list[Note]:
    """Return a note where some points, none of them alone, stand out from all others."""
    total, n = int(count.sum()), min(_MOST_POINTS, len(count) - 1)
    fits = (count[:n] >= _CLIFF * count[1 : n + 1]) & (count[:n] >= np.maximum(_FEWEST * total, 10))
    if not fits.any():
        return []
    points = int(np.flatnonzero(fits)[-1]) + 1
    if (held := int(count[:points].sum())) < _HEAP * total:
        return []
    shown = [", ".join(_exactly(x, y, row)) for row in first[:3]]
    return [note("history.heaps", points=points, count=held, share=held / total, shown=shown)]


def _told(cause: str, x: Floats, y: Floats, row: int, count: int, **more: float) -> Note:
    east, north = _exactly(x, y, row)
    return note(cause, x=east, y=north, count=int(count), share=count / len(x), **more)


def _exactly(x: Floats, y: Floats, row: int) -> tuple[str, str]:
    """Return a place in figures that `data.leave_out` finds again: degrees to 0.1 m, metres or feet to 0.1."""
    digits = 6 if max(np.abs(x).max(), np.abs(y).max()) <= 1_000 else 1
    east, north = (np.format_float_positional(value[row], precision=digits, trim="-") for value in (x, y))
    return east, north


def heaped_minutes(times: ParsedTimes, *, keep: Bools) -> list[Note]:
    """Return notes on minutes of the day, other than 00:00, that hold far more events than the same minute of others.

    Parameters
    ----------
    times : ParsedTimes
        Times on the file's own clock.
    keep : (n,) bool
        Rows that are used.
    """
    own = times.own[keep & ~np.isnat(times.own)]
    minute = (own - own.astype("datetime64[D]")).astype("timedelta64[m]").astype(np.int64)
    count = np.bincount(minute, minlength=1440)
    usual = np.tile(np.median(count.reshape(24, 60), axis=0), 24)
    heaped = (count >= np.maximum(_MINUTE * len(own), _MINUTE_ROWS)) & (count >= _TIMES_USUAL * np.maximum(usual, 1))
    heaped[0] = False  # told on its own
    if not heaped.any() or np.count_nonzero(count) < 48:  # a file by the hour or by shift has few minutes
        return []
    most = np.argsort(-np.where(heaped, count, 0), kind="stable")[: min(int(heaped.sum()), _TOLD_HEAPS)]
    return [
        note("history.minute_heaped", clock=f"{at // 60:02d}:{at % 60:02d}", count=int(count[at]),
             share=float(count[at] / len(own)), usual=float(usual[at]))
        for at in most.tolist()
    ]  # fmt: skip
