"""Areas of outreach, who lives there, and what they need."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from allocator.domain.arrays import Floats, Ints, freeze
from allocator.facts import Note


@dataclass(frozen=True, eq=False)
class OutreachAreas:
    """The areas that outreach is planned for, such as neighbourhoods.

    Parameters
    ----------
    names : tuple of str
        Labels.
    cell_area : (n_cells,) int32
        Area of each cell, -1 for none.
    residents : (n_areas,) float64
        People who live there.
    internet : (n_areas,) float64
        Share of them who can be reached online.
    speaks : mapping of str to (n_areas,) float64
        Share of the residents who speak each language; a language that is not named is spoken by all.
    x, y : (n_areas,) float64
        Middle of each area in the metres of the tessellation.
    lon, lat : (n_areas,) float64
        The same in degrees.
    """

    names: tuple[str, ...]
    cell_area: Ints
    residents: Floats
    internet: Floats
    speaks: Mapping[str, Floats] = field(default_factory=dict)
    x: Floats = field(default_factory=lambda: np.zeros(0))
    y: Floats = field(default_factory=lambda: np.zeros(0))
    lon: Floats = field(default_factory=lambda: np.zeros(0))
    lat: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        freeze(self)


NEED_COLUMNS = {
    "area": "str", "kind": "str", "expected": "float64", "harm": "float64", "recent": "int64", "before": "int64",
    "days": "int32", "trend": "float64", "trend_lower": "float64", "trend_upper": "float64", "survey": "float64",
    "survey_lower": "float64", "survey_upper": "float64", "survey_n": "int32", "requests": "float64",
    "factor": "float64", "need": "float64",
}  # fmt: skip
"""Per area and kind: events and harm expected in a week, events of the last `days` days and of the same days a year (or
else one window) before, their ratio with its interval, the survey's estimate and answers (NaN where unknown), requests
per 1,000 residents, the factor that these make of the harm, and the need: harm × factor."""


@dataclass(frozen=True, eq=False)
class Needs:
    """What the areas need, by kind.

    Parameters
    ----------
    areas, kinds : tuple of str
        Labels.
    need : (n_areas, n_kinds) float64
        Expected harm in a week, times what trend, survey and requests make of it.
    frame : DataFrame
        `NEED_COLUMNS`, one row per area and kind.
    formula : Note, optional
        How the need was made, with the weights.
    notes : tuple of Note
        What a reader must know.
    """

    areas: tuple[str, ...]
    kinds: tuple[str, ...]
    need: Floats
    frame: pd.DataFrame
    formula: Note | None = None
    notes: tuple[Note, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)


def typed_table(types: Mapping[str, str], records: list[dict[str, object]] | None = None) -> pd.DataFrame:
    """Return a table of these columns and types."""
    return pd.DataFrame(records or [], columns=list(types)).astype(dict(types))
