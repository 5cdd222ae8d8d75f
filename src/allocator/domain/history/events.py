"""Incidents and calls."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from allocator.domain.arrays import Bools, Floats, Ints, Times, freeze
from allocator.facts import Note

CALL, OFFICER = 0, 1
"""Values of `Events.origin`."""


ALL_KINDS = "all"
"""Name of all kinds together."""


@dataclass(frozen=True, eq=False)
class Events:
    """Incidents or calls, sorted by time.

    Parameters
    ----------
    time : (n,) datetime64[s]
        UTC; the start where `end` is given.
    x, y : (n,) float64
        Coordinates in `crs`.
    kind : (n,) int16
        Rows of `kinds`.
    kinds : tuple of str
        Names of the kinds, sorted.
    crs : str
        Coordinate system of `x`, `y`.
    timezone : str
        IANA name of the local time.
    count : (n,) int8
        +1, or -1 for a correction.
    weight : (n,) float32
        Weight of the event.
    origin : (n,) int8
        `CALL` or `OFFICER`.
    id : (n,) object, optional
        Incident numbers.
    end, reported : (n,) datetime64[s], optional
        Latest possible time (UTC); time when the agency learned of it (UTC, NaT: at once).
    precision : {"minute", "day", "month"}
        How exact the times are.
    ledger : mapping of str to int
        Row counts of the ingest: read, kept, and dropped or altered by reason.
    notes : tuple of Note
        What a planner should know about the file, in plain words.
    dropped_columns : tuple of str
        Columns of the file that were not read because they look personal.
    """

    time: Times
    x: Floats
    y: Floats
    kind: Ints
    kinds: tuple[str, ...]
    crs: str
    timezone: str
    count: Ints
    weight: Floats
    origin: Ints
    id: npt.NDArray[np.object_] | None = None
    end: Times | None = None
    reported: Times | None = None
    precision: str = "minute"
    ledger: Mapping[str, int] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    dropped_columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    def __len__(self) -> int:
        return len(self.time)

    def take(self, rows: Bools | Ints, *, reason: str | None = None) -> Events:
        """Return the events of `rows`; under `reason`, the ledger counts how many were left out."""
        arrays = {
            name: value[rows]
            for name in ("time", "x", "y", "kind", "count", "weight", "origin", "id", "end", "reported")
            if (value := getattr(self, name)) is not None
        }
        kept = dataclasses.replace(self, **arrays)
        if reason is None or len(kept) == len(self):
            return kept
        ledger = {**self.ledger, reason: self.ledger.get(reason, 0) + len(self) - len(kept)}
        return dataclasses.replace(kept, ledger=ledger)

    def to_crs(self, crs: str) -> Events:
        """Return the same events with coordinates in `crs`."""
        if crs == self.crs:
            return self
        from pyproj import Transformer

        x, y = Transformer.from_crs(self.crs, crs, always_xy=True).transform(self.x, self.y)
        return dataclasses.replace(self, x=np.asarray(x), y=np.asarray(y), crs=crs)
