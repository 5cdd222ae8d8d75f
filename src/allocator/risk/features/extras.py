"""What forecasts may know beside the events: public holidays, and covariates of places and of days."""

from __future__ import annotations

import pkgutil
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from allocator.domain import Covariates, Floats, Panel
from allocator.risk.features.histories import CONTEXT
from allocator.risk.features.level import Calendar, Outlook, feast_days, outlook
from allocator.risk.known import known_on

READERS = ("glm", "boosted")
"""The models that read covariates of cells; those of days go into the level of the city."""


@dataclass(frozen=True, eq=False)
class Extras:
    """Calendar and covariates of one city.

    Parameters
    ----------
    country : str
        Country of the public holidays; empty for none.
    covariates : Covariates, optional
        What the job gives.
    """

    country: str = ""
    covariates: Covariates | None = None

    @property
    def context_names(self) -> tuple[str, ...]:
        """Names of the context columns: those of every city, then the covariates per cell."""
        return (*CONTEXT, *(() if self.covariates is None else self.covariates.names))

    def at(self, panel: Panel, day: int) -> Floats:
        """Return the covariates per cell as known on a day, (n_cells, n) float32, NaN where missing."""
        if self.covariates is None:
            return np.empty((panel.city.n_cells, 0), np.float32)
        return self.covariates.at(panel.date(day))

    def holidays_in(self, panel: Panel, day: int, horizon: int) -> int:
        """Return the number of public holidays in the `horizon` days from `day`."""
        first = panel.first_day.toordinal() + day
        return sum(
            first <= feast.toordinal() < first + horizon for feast, _ in feast_days(self.country, panel.first_day.year)
        )

    def outlook(self, panel: Panel, kind: int | None, day: int, horizon: int) -> Outlook | None:
        """Return what the `horizon` days from `day` bring to the whole city, of one kind or (None) of all together."""
        rows = known_on(panel, day)
        covered = panel.days_observed[:day]
        if kind is not None:
            rows, covered = rows & (panel.kind == kind), covered[:, [kind]]
        counts = np.maximum(np.bincount(panel.day[rows], panel.count[rows], day)[:day], 0.0)
        series = None if self.covariates is None else self.covariates.daily(panel.first_day, day + horizon, known=day)
        calendar = Calendar(panel.first_day, self.country, series)
        share = reported_share(panel, day)
        return outlook(counts, np.asarray(covered.all(axis=1)), calendar, horizon=horizon, reported=share)


SETTLED_DAYS, SETTLED_EVENTS = 60, 50
"""Delays are taken from events older than this, if there are so many."""


def reported_share(panel: Panel, day: int) -> Floats | None:
    """Return the share of each past day's events that is likely to be known at the start of `day`, (day,) float64.

    From the delays of older events; None where the panel has no delays, or too few events to tell.
    """
    if panel.reported is None:
        return None
    old = known_on(panel, day) & (panel.day < day - SETTLED_DAYS)
    delay = (panel.reported - panel.day)[old]
    if len(delay) < SETTLED_EVENTS:
        return None
    within = np.cumsum(np.bincount(np.minimum(delay, SETTLED_DAYS), minlength=SETTLED_DAYS + 1)) / len(delay)
    age = day - 1 - np.arange(day)
    return np.asarray(within[np.minimum(age, SETTLED_DAYS)])


@lru_cache(maxsize=8)
def country_of(timezone: str) -> str:
    """Return the country (ISO 3166) of a time zone, or an empty string where it lies in none."""
    table = (pkgutil.get_data("tzdata", "zoneinfo/zone.tab") or b"").decode("utf-8")
    lines = (line.split("\t") for line in table.splitlines() if not line.startswith("#"))
    return next((parts[0] for parts in lines if parts[2] == timezone), "")
