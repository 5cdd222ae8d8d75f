"""Shapes of arrays that many records share, and local days: counted from 1970-01-01 everywhere."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

Floats = npt.NDArray[np.floating[Any]]


Ints = npt.NDArray[np.integer[Any]]


Bools = npt.NDArray[np.bool_]


Times = npt.NDArray[np.datetime64]


Geometries = npt.NDArray[np.object_]
"""Shapely geometries."""


Arrays = Mapping[str, npt.NDArray[Any]]
"""Arrays of any type by name, as a file of arrays holds them."""


Record = Any
"""A row of a table, by column or by key: pandas does not tell the types of columns."""


Figures = dict[str, Any]
"""Numbers and words by name, fit for JSON."""


WEEK_HOURS = 168
"""Hours of a week, counted from Monday 00:00 local time."""

_THURSDAY = 3
"""Weekday of 1970-01-01, Monday being 0."""

_EPOCH = dt.date(1970, 1, 1).toordinal()


def freeze(record: Any) -> None:
    """Make the arrays of a frozen record read-only; the caller's own arrays stay as they are."""
    for one in dataclasses.fields(record):
        value = getattr(record, one.name)
        if isinstance(value, np.ndarray):
            view = value.view()
            view.flags.writeable = False
            object.__setattr__(record, one.name, view)


def local_clock(time: Times, timezone: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the local day (counted from 1970-01-01) and minute of that day of UTC times."""
    local = pd.DatetimeIndex(time).tz_localize("UTC").tz_convert(timezone).tz_localize(None)
    seconds = local.to_numpy().astype("datetime64[s]").astype(np.int64)
    return seconds // 86_400, seconds % 86_400 // 60


def weekday_of(day: Ints) -> Ints:
    """Return the weekday, 0 for Monday, of days counted from 1970-01-01."""
    return np.asarray((day + _THURSDAY) % 7)


def hour_of_week(day: Ints, minute: Ints) -> Ints:
    """Return the hour of the week, 0 for Monday from 00:00 on, of local days and the minutes of them."""
    return np.asarray(weekday_of(day) * 24 + minute // 60)


def day_number(day: dt.date) -> int:
    """Return the number of a day, counted from 1970-01-01."""
    return day.toordinal() - _EPOCH


def date_of(number: int) -> dt.date:
    """Return the day of a number that `day_number` gives."""
    return dt.date.fromordinal(number + _EPOCH)
