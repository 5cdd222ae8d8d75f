"""From shifts to the local hours that they cover."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import numpy as np

from allocator.domain import Floats, Shift, day_number, local_clock, stretches_of
from allocator.errors import DataError, some

_QUARTER = 900
"""Seconds. Clocks of all time zones differ from UTC by whole quarters of an hour."""


def hour_parts(shifts: Sequence[Shift], *, first_day: dt.date, timezone: str) -> tuple[Floats, int]:
    """Return the part of each local hour that a shift takes, and the weeks from `first_day` on that shifts reach into.

    Time is real time: an hour that a daylight-saving change skips has no part, one that occurs twice counts twice, so
    that parts add up however time is cut. Where shifts overlap, each has an equal part of what they share.

    Parameters
    ----------
    shifts : sequence of Shift
        In any order, none before `first_day`.
    first_day : datetime.date
        Local day on which the first hour begins.
    timezone : str
        IANA name.

    Returns
    -------
    parts : (n_shifts, 168 × n_weeks) float64
        1 is a whole hour.
    n_weeks : int

    Raises
    ------
    DataError
        If there is no shift, or one begins before `first_day`.
    """
    if not shifts:
        raise DataError("no shift is given")
    if early := [shift.id for shift in shifts if shift.day < first_day]:
        raise DataError(f"{len(early)} shifts begin before {first_day}: {some(early)}")
    rows, begin, length, share = [], [], [], []
    for start, stop, sharing in stretches_of(shifts):
        first, last = int(start.timestamp()), int(stop.timestamp())
        inner = np.arange(-(-first // _QUARTER) * _QUARTER, last, _QUARTER)
        edges = np.unique(np.concatenate([[first], inner, [last]]))
        for row in sharing:
            rows.append(np.full(len(edges) - 1, row))
            begin.append(edges[:-1])
            length.append(np.diff(edges) / 3600)
            share.append(np.full(len(edges) - 1, 1 / len(sharing)))
    if not rows:  # a shift within an hour that the clock skips takes no time
        return np.zeros((len(shifts), 168)), 1
    day, minute = local_clock(np.concatenate(begin).astype("datetime64[s]"), timezone)
    hour = (day - day_number(first_day)) * 24 + minute // 60
    n_weeks = int(hour.max()) // 168 + 1
    parts = np.zeros((len(shifts), 168 * n_weeks))
    np.add.at(parts, (np.concatenate(rows), hour), np.concatenate(length) * np.concatenate(share))
    return parts, n_weeks
