"""Events of a history by the hour of the week."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocator.domain import BIN_OF_HOUR, WEEK_HOURS, Bools, Floats, Ints, Panel

_HOUR, _DAY = 60, 1_440
_PARTS = 8
"""Most parts of an interval: one of 24 hours has one every three hours, which smoothing over hours makes even."""


@dataclass(frozen=True, eq=False)
class Timed:
    """Events with a known time of day; one whose time is an interval is in parts, one for each hour, at most eight.

    Parameters
    ----------
    day, hour, kind, cell : (n,) int64
        Day of the history, local hour of the week, row of the kind, cell.
    weight : (n,) float64
        Events: the part of an interval that lies in the hour (aoristic weights: Ratcliffe & McCullagh 1998, IJGIS 12).
        Of n records of one kind in one cell and minute, as the victims of one case are, each counts 1/√n: they say
        less of when things happen there than n cases would, and more than one.
    """

    day: Ints
    hour: Ints
    kind: Ints
    cell: Ints
    weight: Floats

    @property
    def column(self) -> Ints:
        """Bin of each event's hour."""
        return np.asarray(BIN_OF_HOUR[self.hour])

    def of(self, rows: Bools) -> Timed:
        """Return some of the events."""
        return Timed(self.day[rows], self.hour[rows], self.kind[rows], self.cell[rows], self.weight[rows])

    @classmethod
    def from_panel(cls, panel: Panel) -> Timed:
        """Return the events of a panel whose time is known within a day: a longer interval tells no hour."""
        span = np.zeros(len(panel.day), np.int64) if panel.span is None else panel.span.astype(np.int64)
        rows = np.flatnonzero((panel.minute >= 0) & (span < _DAY) & (panel.count > 0))
        day, kind, cell = (getattr(panel, name)[rows].astype(np.int64) for name in ("day", "kind", "cell"))
        minute, span = panel.minute[rows].astype(np.int64), span[rows]
        weight = 1 / np.sqrt(_records_of_case(day * 1440 + minute, kind, cell))
        start = (day + panel.first_day.weekday()) % 7 * 1440 + minute
        hours = (start % _HOUR + np.maximum(span, 1) - 1) // _HOUR + 1  # that the interval touches
        n = np.minimum(hours, _PARTS)
        event = np.repeat(np.arange(len(rows)), n)
        number = np.arange(len(event)) - np.repeat(np.cumsum(n) - n, n)
        first = (start // _HOUR)[event] + number
        low = np.maximum(start[event], first * _HOUR)
        high = np.minimum((start + np.maximum(span, 1))[event], (first + 1) * _HOUR)
        part = (high - low) / np.maximum(span, 1)[event]
        long = hours[event] > _PARTS
        middle = start[event] + (2 * number + 1) * span[event] // (2 * _PARTS)
        first, part = np.where(long, middle // _HOUR, first), np.where(long, 1 / _PARTS, part)
        return cls(day[event], first % WEEK_HOURS, kind[event], cell[event], weight[event] * part)


def _records_of_case(minute: Ints, kind: Ints, cell: Ints) -> Ints:
    order = np.lexsort((minute, cell, kind))
    new = np.ones(len(order), bool)
    for values in (minute, cell, kind):
        sorted_values = values[order]
        same = sorted_values[1:] == sorted_values[:-1]
        new[1:] &= same
    new[1:] = ~new[1:]
    case = np.cumsum(new) - 1
    records = np.empty(len(order), np.int64)
    records[order] = np.bincount(case)[case] if len(order) else 0
    return records


def repeated_records(panel: Panel) -> tuple[Floats, Ints]:
    """Return the share and number of each kind's records that share cell and minute with another, (n_kinds,) both."""
    if panel.precision != "minute":
        return np.zeros(len(panel.kinds)), np.zeros(len(panel.kinds), np.int64)
    rows = np.flatnonzero((panel.minute >= 0) & (panel.count > 0))
    day, kind, cell = (getattr(panel, name)[rows].astype(np.int64) for name in ("day", "kind", "cell"))
    repeated = _records_of_case(day * 1440 + panel.minute[rows], kind, cell) > 1
    number = np.bincount(kind[repeated], minlength=len(panel.kinds))
    return number / np.maximum(np.bincount(kind, minlength=len(panel.kinds)), 1), number
