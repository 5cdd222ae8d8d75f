"""Outreach: what is offered, where it can be held, who takes part, what the areas need, and what is planned."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, field

import pandas as pd

from allocator.domain.arrays import Record
from allocator.domain.outreach.areas import NEED_COLUMNS, typed_table
from allocator.domain.outreach.offers import Offers
from allocator.domain.patrol import WORTH_COLUMNS, empty_table, gap
from allocator.facts import Note

OUTREACH_TYPES = {
    "initiative": "str", "team": "str", "venue": "str", "partner": "str", "area": "str",
    "start": "datetime64[s, UTC]", "stop": "datetime64[s, UTC]", "cost": "float64", "reach": "int32", "type": "str",
    "kinds": "str", "benefit": "float64", "reason": "str", "id": "str", "sequence": "int32", "fund": "str",
    "audience": "str", "languages": "str", "topics": "str", "channel": "str", "point": "str", "items": "int32",
    "staff_hours": "float64", "partner_hours": "float64", "lon": "float64", "lat": "float64", "status": "str",
}  # fmt: skip
"""One row per holding, in order of start. `area` is where it is held; of several areas (online, channels) the labels
with `;` between. `id` is stable: the same holding of a later plan bears it again, and `sequence` counts its changes.
`benefit` is the expected harm prevented, `reach` the contacts, `partner` blank where none takes part; `status` is
"draft", or "confirmed" where its partner confirmed it."""

OUTREACH_COLUMNS = tuple(OUTREACH_TYPES)

AREA_TYPES = {
    "area": "str", "residents": "float64", "need": "float64", "harm": "float64", "holdings": "int32",
    "contacts": "float64", "prevented": "float64", "prevented_low": "float64", "prevented_high": "float64",
    "reporting": "float64",
}  # fmt: skip
"""Per area over the time that effects count: need and expected harm, holdings, contacts, harm prevented with its
spread, and the assumed rise of the reported share (a share, kept apart from the harm)."""

FUND_TYPES = {"fund": "str", "amount": "float64", "spent": "float64", "holdings": "int32"}
"""Per fund; the general budget is the fund ""."""

DETACHED_TYPES = {"unit": "str", "shift": "str", "hours": "float64"}
"""Units that serve outreach instead of patrol in a shift."""


def item_ids(items: pd.DataFrame, known: Iterable[tuple[str, str, pd.Timestamp]] = ()) -> list[str]:
    """Return a stable id for each planned holding.

    A new id is made of initiative, place, week and number there. Holdings that are known (triples of `item_key`, id and
    start, of an earlier plan or of answers) keep theirs: first those at the same time, then, of the same initiative and
    place, in order of time. So calendars can be updated, and answers find what they were about.
    """
    left: dict[str, dict[str, pd.Timestamp]] = {}
    for key, name, start in known:
        left.setdefault(key, {})[name] = start
    used = {name for ids in left.values() for name in ids}
    keys, starts = [item_key(row) for row in items.itertuples()], list(items["start"])
    found: list[str] = [""] * len(keys)
    by_time = sorted(range(len(keys)), key=lambda n: (starts[n], n))
    for same_time in (True, False):
        for n in by_time:
            key = keys[n]
            mine = left.get(key, {})
            fits = [name for name, at in mine.items() if not same_time or at == starts[n]]
            if not found[n] and fits:
                found[n] = min(fits, key=lambda name: (mine[name], name))
                del mine[found[n]]
    for n in by_time:
        number = 0
        while not found[n]:
            number += 1
            text = f"{keys[n]}|{starts[n]:%G-%V}|{number}"
            name = "O-" + hashlib.sha256(text.encode()).hexdigest()[:12]
            if name not in used:
                found[n] = name
                used.add(name)
    return found


def item_key(row: Record) -> str:
    """Return what a holding is but for its time: initiative and place."""
    return "|".join((row.initiative, row.area, row.venue, row.point, row.channel, row.partner))


@dataclass(frozen=True, eq=False)
class OutreachPlan:
    """Which initiative is held where, when, by whom.

    Parameters
    ----------
    items : DataFrame
        `OUTREACH_TYPES`; `start`, `stop` are UTC timestamps.
    areas, funds, detached : DataFrame
        `AREA_TYPES`, `FUND_TYPES`, `DETACHED_TYPES`.
    needs : DataFrame
        `NEED_COLUMNS`.
    worth : DataFrame
        `WORTH_COLUMNS`: expected harm prevented that doing without a limit, or more money, would add.
    objective, bound : float
        Expected harm prevented, under the assumed effects, and its proven upper bound.
    low, high : float
        The same plan under the low and the high ends of the assumed effects.
    budget, spent : float
        Money allowed (all funds) and used.
    unmet : tuple of Note
        What could not be offered, each with its cause.
    notes : tuple of Note
        Formula of the need, assumptions and their sources, what fairness cost.
    offers : Offers
        What the plan was made of.
    earlier : DataFrame
        Items of the plan before, `OUTREACH_TYPES`: what is there no more is sent as cancelled.
    """

    items: pd.DataFrame
    objective: float = 0.0
    bound: float = 0.0
    budget: float = 0.0
    spent: float = 0.0
    unmet: tuple[Note, ...] = ()
    low: float = 0.0
    high: float = 0.0
    notes: tuple[Note, ...] = ()
    areas: pd.DataFrame = field(default_factory=lambda: typed_table(AREA_TYPES))
    funds: pd.DataFrame = field(default_factory=lambda: typed_table(FUND_TYPES))
    detached: pd.DataFrame = field(default_factory=lambda: typed_table(DETACHED_TYPES))
    needs: pd.DataFrame = field(default_factory=lambda: typed_table(NEED_COLUMNS))
    worth: pd.DataFrame = field(default_factory=lambda: empty_table(WORTH_COLUMNS))
    offers: Offers = field(default_factory=Offers)
    earlier: pd.DataFrame = field(default_factory=lambda: typed_table(OUTREACH_TYPES))

    @classmethod
    def none(cls) -> OutreachPlan:
        """Return the plan of a job without outreach."""
        return cls(typed_table(OUTREACH_TYPES))

    @property
    def gap(self) -> float:
        """Relative gap."""
        return gap(self.objective, self.bound)
