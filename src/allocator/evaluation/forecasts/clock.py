"""How well a forecast says when: log shares of the watches and hours in which the events of a window happened."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocator.domain import WEEK_HOURS, Floats, HourShares, Ints, Panel
from allocator.risk import Profile, covered

WATCH_HOURS, FIRST_WATCH = 8, 7
"""Watches of eight hours from 07:00: what cell × shift is scored on, whatever the shifts of a job."""

RIVALS = {"": "the profile of the forecast", "_city": "the city's profile in every cell", "_even": "even hours"}
"""What each set of sums goes by; the names end so."""


@dataclass(frozen=True, eq=False)
class Clocked:
    """The events of a window with a known time of day, and the shares that profiles gave their watch and hour.

    Parameters
    ----------
    kind, cell, week : (n,) int64
        Of the events; weeks from 0, the first of the window.
    watch, hour : mapping of str to (n, n_kinds) float64
        Share of the window in the events of the cell, by what `RIVALS` names; of every kind, for all kinds together.
    """

    kind: Ints
    cell: Ints
    week: Ints
    watch: dict[str, Floats]
    hour: dict[str, Floats]

    @classmethod
    def of(cls, panel: Panel, profile: Profile, days: int) -> Clocked | None:
        """Return the events of the days after those that a profile knows; None without times of day or whole weeks.

        Parameters
        ----------
        panel : Panel
            The history, with what came later.
        profile : Profile
            Fitted to `panel.until` its own last day.
        days : int
            Length of the window.
        """
        shares = None if days % 7 or panel.period_days != 1 else profile.hours(days // 7)
        if shares is None:
            return None
        rows, first = panel.netted, panel.day_index(profile.panel.stop_day)
        middle = 0 if rows.span is None else rows.span.astype(np.int64) // 2
        minute = (rows.day.astype(np.int64) - first) * 1440 + rows.minute + middle
        known = (rows.minute >= 0) & covered(panel, first, days)[rows.kind]
        known &= True if rows.span is None else rows.span < 1440  # a longer interval tells no hour
        inside = np.flatnonzero(known & (minute >= 0) & (minute < days * 1440))
        kind, cell, hour = rows.kind[inside].astype(np.int64), rows.cell[inside].astype(np.int64), minute[inside] // 60
        whole = np.asarray(profile.whole, np.float32)[:, None]
        city = HourShares(whole, shares.weight, shares.first_day)
        nowhere, even = np.zeros_like(cell), np.ones((len(cell), len(panel.kinds)))
        weeks = days // 7  # rates are of the window
        return cls(
            kind, cell, hour // WEEK_HOURS,
            {"": _watch(shares, cell, hour) / weeks, "_city": _watch(city, nowhere, hour) / weeks,
             "_even": even * WATCH_HOURS / WEEK_HOURS / weeks},
            {"": shares.at(cell, hour) / weeks, "_city": city.at(nowhere, hour) / weeks,
             "_even": even / WEEK_HOURS / weeks},
        )  # fmt: skip

    def sums(self, kind: int, rates: Floats) -> dict[str, Floats]:
        """Return events and sums of log shares of one kind, of all kinds for the number after the last; (1,) each.

        Parameters
        ----------
        kind : int
            Row of the kind.
        rates : (n_cells, n_kinds) float64
            Expected events of the model: the shares of all kinds together go by them.
        """
        every = kind == rates.shape[1]
        mine = slice(None) if every else self.kind == kind
        sums = {"timed": np.array([float(len(self.kind[mine]))])}
        weight = rates[self.cell[mine]]
        for span, shares in (("watch", self.watch), ("hour", self.hour)):
            for name, of_kinds in shares.items():
                own = of_kinds[mine]
                rate = np.maximum(weight.sum(axis=1), 1e-300)
                share = (own * weight).sum(axis=1) / rate if every else own[:, kind]
                sums[f"{span}_log{name}"] = np.array([np.log(np.maximum(share, 1e-12)).sum()])
        return sums


def no_sums() -> dict[str, Floats]:
    """Return the sums where nothing can be scored."""
    names = ("timed", *(f"{span}_log{name}" for span in ("watch", "hour") for name in RIVALS))
    return {name: np.full(1, np.nan) for name in names}


def _watch(shares: HourShares, cell: Ints, hour: Ints) -> Floats:
    """Return the share of the watch of each hour; that of the week's last night goes on with its first morning."""
    first = hour - (hour - FIRST_WATCH) % WATCH_HOURS
    week = hour // WEEK_HOURS * WEEK_HOURS
    total = np.zeros((len(cell), len(shares.bins)))
    for n in range(WATCH_HOURS):
        total += shares.at(cell, week + (first + n - week) % WEEK_HOURS)
    return total
