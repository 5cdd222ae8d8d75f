"""Visits that were pinned by hand, kept when blocks are shared out among units."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import numpy as np

from allocator.domain import Roster

if TYPE_CHECKING:
    from allocator.planning.routes import Visits
    from allocator.tessellation import Tessellation


def keep_pins(visits: Visits, roster: Roster, city: Tessellation) -> Visits:
    """Return the visits with those pinned by hand made by the unit that was named, and never the first to be dropped.

    A unit that takes over a cell hands the nearest of its own visits to the unit that had it, so that all have as much
    to do as before. The first block of a pinned cell gains more than any other.
    """
    pins = [edit for edit in roster.edits if edit.action == "pin" and edit.cell >= 0]
    if not pins or not len(visits.unit):
        return visits
    names, ids = [unit.name for unit in roster.units], [shift.id for shift in roster.shifts]
    unit, gain = visits.unit.copy(), visits.gain.copy()
    held = np.zeros(len(unit), bool)
    for edit in pins:
        s = ids.index(edit.shift)
        there = np.flatnonzero((visits.shift == s) & (visits.cell == edit.cell))
        if not len(there):
            continue
        if edit.unit:
            own = names.index(edit.unit)
            mine = there[unit[there] == own]
            chosen = mine[0] if len(mine) else there[0]
            if not len(mine):
                others = np.flatnonzero((visits.shift == s) & (unit == own) & ~held & (visits.cell != edit.cell))
                metres = np.hypot(
                    city.x[visits.cell[others]] - city.x[edit.cell], city.y[visits.cell[others]] - city.y[edit.cell]
                )
                if len(others):
                    unit[others[metres.argmin()]] = unit[chosen]
                unit[chosen] = own
        else:
            chosen = there[0]
        held[chosen] = True
    gain[held] += visits.gain.max() + 1.0
    made = dataclasses.replace(visits, unit=unit, gain=gain)
    return made.take(np.lexsort((made.cell, made.nth, made.unit, made.shift)))
