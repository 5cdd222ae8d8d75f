"""Calls for service, sorted by the time at which they were received."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from allocator.domain.arrays import Bools, Floats, Ints, Times, day_number, freeze, local_clock
from allocator.domain.history.events import CALL, OFFICER
from allocator.domain.space import Tessellation
from allocator.errors import DataError
from allocator.facts import Note

WHOLE_CITY = "all"
"""Name of the one district of calls without a place."""

DISPATCH_IMPUTED, ARRIVAL_IMPUTED, CLEAR_IMPUTED = 1, 2, 4
"""Bits of `Calls.imputed`."""


@dataclass(frozen=True, eq=False)
class Calls:
    """Calls for service with the times of their handling, sorted by time.

    Parameters
    ----------
    time : (n,) datetime64[s]
        UTC; when the call was received or queued.
    wait, travel, service : (n,) float64
        Minutes from `time` to the dispatch of the first unit, from there to arrival, and from dispatch until the
        call was cleared. Imputed where `imputed` says so.
    priority : (n,) int16
        Rows of `priorities`.
    priorities : tuple of str
        Labels, the most urgent first.
    units : (n,) float64
        Units sent.
    origin : (n,) int8
        `CALL` or `OFFICER`.
    timezone : str
        IANA name of the local time.
    imputed : (n,) int8
        Sum of `DISPATCH_IMPUTED`, `ARRIVAL_IMPUTED`, `CLEAR_IMPUTED` for the stamps that were missing.
    kind : (n,) int16, optional
        Rows of `kinds`.
    kinds : tuple of str
        Names of the kinds.
    x, y : (n,) float64, optional
        Coordinates in `crs`, NaN where unknown.
    crs : str
        Coordinate system of `x`, `y`.
    district : (n,) int32, optional
        Rows of `districts`, -1 where unknown.
    districts : tuple of str
        District labels.
    ledger : mapping of str to int
        Row counts: read, dropped or altered by reason.
    notes : tuple of Note
        What a planner should know about the file.
    dropped_columns : tuple of str
        Columns that were not read because they look personal.
    placed_in : Tessellation, optional
        The cells whose districts `districts` are, once placed: calls are located once.
    """

    time: Times
    wait: Floats
    travel: Floats
    service: Floats
    priority: Ints
    priorities: tuple[str, ...]
    units: Floats
    origin: Ints
    timezone: str
    imputed: Ints
    kind: Ints | None = None
    kinds: tuple[str, ...] = ()
    x: Floats | None = None
    y: Floats | None = None
    crs: str = ""
    district: Ints | None = None
    districts: tuple[str, ...] = ()
    ledger: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    dropped_columns: tuple[str, ...] = ()
    placed_in: Tessellation | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def from_public(self) -> Bools:
        """Which of them make a queue: not those that officers began themselves."""
        return np.asarray(self.origin == CALL)

    @property
    def by_officers(self) -> Bools:
        """Which of them officers began themselves."""
        return np.asarray(self.origin == OFFICER)

    def take(self, rows: Bools | Ints, *, reason: str | None = None) -> Calls:
        """Return the calls of `rows`; under `reason`, the ledger counts how many were left out."""
        names = ("time", "wait", "travel", "service", "priority", "units", "origin", "imputed", "kind", "x", "y",
                 "district")  # fmt: skip
        arrays = {name: value[rows] for name in names if (value := getattr(self, name)) is not None}
        kept = dataclasses.replace(self, **arrays)
        if reason is None or len(kept) == len(self):
            return kept
        ledger = {**self.ledger, reason: self.ledger.get(reason, 0) + len(self) - len(kept)}
        return dataclasses.replace(kept, ledger=ledger)

    def before(self, day: dt.date) -> Calls:
        """Return the calls received before local midnight at the start of `day`, as they were known then.

        A call still open at that time keeps its minutes, but they count as imputed: nobody knew them yet.

        Raises
        ------
        DataError
            If there are none.
        """
        stop = day_number(day)
        known = local_clock(self.time, self.timezone)[0] < stop
        if not known.any():
            raise DataError(f"no call was received before {day}")
        kept = self.take(known, reason=f"not received before {day}")
        minutes = (kept.wait + kept.service) * 60
        closed = local_clock(kept.time + minutes.astype("timedelta64[s]"), self.timezone)[0] < stop
        return dataclasses.replace(kept, imputed=np.where(closed, kept.imputed, kept.imputed | CLEAR_IMPUTED))

    def placed(self, city: Tessellation) -> Calls:
        """Return the calls with the districts of `city`, from their coordinates or their district labels.

        Without either, all of them are in the one district, of the city or `WHOLE_CITY`.

        Raises
        ------
        DataError
            If labels are no districts of the city.
        """
        if self.placed_in is city:
            return self
        if self.x is not None and self.y is not None:
            return self._located(city)
        if self.district is None:
            names = city.districts if len(city.districts) == 1 else (WHOLE_CITY,)
            district = np.zeros(len(self), np.int32)
            return dataclasses.replace(self, district=district, districts=names, placed_in=city)
        rows = np.array([city.districts.index(name) if name in city.districts else -1 for name in self.districts])
        if strange := [name for name, row in zip(self.districts, rows, strict=True) if row < 0]:
            raise DataError(
                f"the calls name {len(strange)} districts that the area does not have: "
                f"{', '.join(map(repr, strange[:5]))}; it has {', '.join(map(repr, city.districts[:10]))}",
                column="district", count=len(strange), examples=strange[:3],
            )  # fmt: skip
        district = np.append(rows, -1)[self.district].astype(np.int32)
        return dataclasses.replace(self, district=district, districts=city.districts, placed_in=city)

    def _located(self, city: Tessellation) -> Calls:
        x, y = self.x, self.y
        if self.crs != city.crs:
            from pyproj import Transformer

            x, y = map(np.asarray, Transformer.from_crs(self.crs, city.crs, always_xy=True).transform(x, y))
        cell = city.locate(x, y)  # type: ignore[arg-type]
        district = np.where(cell >= 0, city.district[cell], -1).astype(np.int32)
        return dataclasses.replace(
            self, x=x, y=y, crs=city.crs, district=district, districts=city.districts, placed_in=city
        )
