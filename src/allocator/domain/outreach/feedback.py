"""What comes back: answers of residents, requests of communities, and what was delivered."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from allocator.domain.arrays import Floats, Ints, freeze
from allocator.facts import Note

HELD, CANCELLED, MOVED, OPEN = "held", "cancelled", "moved", ""
"""States of a planned holding; `OPEN`: not reported yet."""

STATUSES = (HELD, CANCELLED, MOVED, OPEN)

DELIVERY_TYPES = {
    "id": "str", "initiative": "str", "team": "str", "venue": "str", "partner": "str", "area": "str",
    "start": "datetime64[s, UTC]", "planned_reach": "float64", "planned_cost": "float64", "status": "str",
    "attended": "float64", "handed_out": "float64", "cost": "float64", "cause": "str", "asked": "datetime64[s]",
    "answered": "datetime64[s]", "held_on": "datetime64[s]",
}  # fmt: skip
"""One row per planned holding: what was planned, then what became of it. `attended`, `handed_out` and `cost` are NaN
where unknown; `asked` and `answered` are the days on which the partner was asked and answered; `held_on` the day on
which a holding took place that was moved. A moved one without it has not taken place yet."""


def delivery_table(records: list[dict[str, object]] | None = None) -> pd.DataFrame:
    """Return a table of `DELIVERY_TYPES`; starts that are not known are NaT."""
    frame = pd.DataFrame(records or [], columns=list(DELIVERY_TYPES))
    frame["start"] = pd.to_datetime(frame["start"], utc=True)  # a column of NaT alone has no time zone
    return frame.astype(DELIVERY_TYPES)


@dataclass(frozen=True, eq=False)
class Survey:
    """Answers of residents to one question; no columns but these were read.

    Parameters
    ----------
    source : str
        Name of the file.
    question : str
        Column of the answers.
    areas : tuple of str
        Labels.
    answer : (n,) float64
        Numbers, NaN where no answer was given.
    area : (n,) int32
        Rows of `areas`, -1 where the area is not told.
    weight : (n,) float64, optional
        Survey weights, 0 or more.
    stratum, cluster : (n,) int32, optional
        Numbers of the strata and of the primary sampling units (within their strata).
    synthetic : bool
        Whether the survey is invented.
    notes : tuple of Note
        What a reader must know.
    """

    source: str
    question: str
    areas: tuple[str, ...]
    answer: Floats
    area: Ints
    weight: Floats | None = None
    stratum: Ints | None = None
    cluster: Ints | None = None
    synthetic: bool = False
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, eq=False)
class Requests:
    """Requests by communities, as counts.

    Parameters
    ----------
    counts : (n_areas,) float64
        Requests of each area, all dates and topics together.
    frame : DataFrame
        `area, date, requests, topic`, as in the file.
    first_day, last_day : datetime.date, optional
        Dates of the file; None where it has none.
    notes : tuple of Note
        What a reader must know.
    """

    counts: Floats
    frame: pd.DataFrame
    first_day: dt.date | None = None
    last_day: dt.date | None = None
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)


@dataclass(frozen=True, eq=False)
class Delivered:
    """What became of planned holdings.

    Parameters
    ----------
    source : str
        Name of the file.
    frame : DataFrame
        `DELIVERY_TYPES`, one row per id.
    notes : tuple of Note
        What a reader must know.
    """

    source: str
    frame: pd.DataFrame
    notes: tuple[Note, ...] = ()

    @classmethod
    def none(cls) -> Delivered:
        """Return what is known before anything was reported."""
        return cls("", delivery_table())

    @property
    def held(self) -> pd.Series[bool]:
        """Which rows took place: held, or moved to a day that is told."""
        status = self.frame["status"]
        return (status == HELD) | ((status == MOVED) & self.frame["held_on"].notna())
