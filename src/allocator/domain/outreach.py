"""Outreach: what is offered and what is planned."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import pandas as pd

from allocator.domain.plan import gap


@dataclass(frozen=True)
class Initiative:
    """An outreach offer; one row of `initiatives.csv`.

    Parameters
    ----------
    name : str
        Short title (column `initiative`).
    type : {"workshop", "materials"}
        A workshop is held at a venue; materials are handed out across a district.
    kinds : tuple of str
        Offence kinds it addresses.
    hours : float
        Staff hours of one holding.
    skills : tuple of str
        All of these must be among the team's skills.
    languages : tuple of str
        All of these must be among the team's languages.
    cost : float
        Money for one holding.
    reach : int
        People reached by one holding; a workshop reaches no more than its venue holds.
    effect : float
        Assumed share of the addressed harm of a district prevented in the plan per 1,000 people reached.
    effect_source : str
        Where the assumption comes from; printed with the plan.
    most : int
        Most holdings in the plan.
    """

    name: str
    type: str
    kinds: tuple[str, ...]
    hours: float
    cost: float
    reach: int
    effect: float
    effect_source: str
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    most: int = 7


@dataclass(frozen=True)
class Venue:
    """A place where workshops can be held: an organisation's room, never a private address.

    Parameters
    ----------
    name : str
        Column `venue`.
    district : str
        District it lies in.
    capacity : int
        People it holds.
    opens, closes : datetime.time
        Local opening hours.
    weekdays : tuple of int
        Open weekdays, Monday 0 (column `weekdays`, "mon;tue;…"; empty means all).
    partner : str
        Organisation that runs it.
    """

    name: str
    district: str
    capacity: int
    opens: dt.time
    closes: dt.time
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    partner: str = ""


OUTREACH_COLUMNS = (
    "initiative", "team", "venue", "partner", "area", "start", "stop", "cost", "reach",
    "type", "kinds", "benefit", "reason",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class OutreachPlan:
    """Which initiative is held where, when, by whom.

    Parameters
    ----------
    items : DataFrame
        `OUTREACH_COLUMNS`; `start`, `stop` are UTC timestamps.
    objective, bound : float
        Expected harm prevented, under the assumed effects, and its proven upper bound.
    budget, spent : float
        Money allowed and used.
    unmet : tuple of str
        What could not be offered, each with its cause.
    """

    items: pd.DataFrame
    objective: float = 0.0
    bound: float = 0.0
    budget: float = 0.0
    spent: float = 0.0
    unmet: tuple[str, ...] = ()

    @classmethod
    def none(cls) -> OutreachPlan:
        """Return the plan of a job without outreach."""
        types = dict.fromkeys(OUTREACH_COLUMNS, "str") | {
            "cost": "float64",
            "benefit": "float64",
            "reach": "int32",
        }
        types |= dict.fromkeys(("start", "stop"), "datetime64[s, UTC]")
        return cls(pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in types.items()}))

    @property
    def gap(self) -> float:
        """Relative gap."""
        return gap(self.objective, self.bound)
