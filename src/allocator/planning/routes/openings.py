"""When a place may be visited: windows of the local clock as minutes of each shift."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence

import numpy as np

from allocator.config import PlaceWindow
from allocator.domain import Bools, Openings, Roster, Shift, Tessellation
from allocator.errors import ConfigError, nearest
from allocator.planning.allocation import cells_of


def openings_of(
    windows: Sequence[PlaceWindow], city: Tessellation, roster: Roster, *, timezone: str,
    places: Mapping[str, Bools] = {},
) -> Openings:  # fmt: skip
    """Return the openings of the given windows.

    A window that meets a shift in two pieces (a shift that begins before it ends and stops after it begins again)
    counts with the longer.

    Raises
    ------
    ConfigError
        With every district or beat that does not exist.
    """
    faults = []
    for n, one in enumerate(windows):
        for what, name, known in (("district", one.district, city.districts), ("beat", one.beat, city.beats)):
            if name is not None and name not in known:
                faults.append(f"routes.windows.{n}: unknown {what} {name!r}{nearest(name, known)}")
    if faults:
        raise ConfigError("windows of the routes name places that do not exist", faults=faults)
    cells = [cells_of(window, city, places) for window in windows]
    spans = [[_longest(window, shift, zoneinfo.ZoneInfo(timezone)) for shift in roster.shifts] for window in windows]
    minutes = np.array(spans, np.int64).reshape(len(windows), len(roster.shifts), 2)
    return Openings(np.array(cells, bool).reshape(len(windows), city.n_cells), minutes[..., 0], minutes[..., 1])


def _longest(window: PlaceWindow, shift: Shift, zone: zoneinfo.ZoneInfo) -> tuple[int, int]:
    """Return the longest piece of the shift inside the daily window, in minutes; an empty one if there is none."""
    pieces = [(0, 0)]
    day = shift.start.astimezone(zone).date() - dt.timedelta(days=1)
    while day <= shift.stop.astimezone(zone).date():
        last_day = day + dt.timedelta(days=int(window.latest <= window.earliest))
        opens = dt.datetime.combine(day, window.earliest, zone).timestamp()
        closes = dt.datetime.combine(last_day, window.latest, zone).timestamp()
        first = -(-max(opens, shift.start.timestamp()) // 60)
        last = min(closes, shift.stop.timestamp()) // 60
        pieces.append((int(first), int(max(first, last))))
        day += dt.timedelta(days=1)
    return max(pieces, key=lambda piece: piece[1] - piece[0])
