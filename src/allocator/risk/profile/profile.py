"""The shares of hours and shifts in a week's events."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from allocator.domain import Floats, HourShares, Panel, Shift, day_number
from allocator.errors import DataError, some
from allocator.risk.profile.clock import hour_parts
from allocator.risk.profile.days import day_factors
from allocator.risk.profile.events import Timed
from allocator.risk.profile.evidence import Evidence, neighbours
from allocator.risk.profile.weekdays import weekday_shares
from allocator.risk.profile.weights import PRIOR, fit_weights

FIT_WEEKS = 13
"""Newest weeks that say how much each evidence counts; at most a quarter of the history."""

FEW_EVENTS = 20
"""Events of a kind below which more than half of its city's hours is that of all kinds (`evidence._CITY, _ANY`)."""


@dataclass(frozen=True, eq=False)
class Profile:
    """How events fall on the hours of a week, fitted to a history; its answers are shares of a week's events.

    Parameters
    ----------
    panel : Panel
        The history.
    country : str
        Country of the public holidays; empty for none.
    timed : Timed, optional
        Its events by hour; None where the times carry none.
    bins : (n_kinds, n_cells, 48) float32, optional
        Shares of the bins of `HourShares`; None likewise.
    days : (n_kinds, 168) float64, optional
        Part of its bin that falls into each hour of the week, Monday first.
    whole : (n_kinds, 48) float64, optional
        The city's shares of the bins.
    weights : (n_kinds, 6) float64, optional
        Weights of the evidence, in the order of `weights.PRIOR`.
    """

    panel: Panel
    country: str
    timed: Timed | None = None
    bins: npt.NDArray[np.float32] | None = None
    days: Floats | None = None
    whole: Floats | None = None
    weights: Floats | None = None
    _made: dict[int, HourShares] = field(default_factory=dict, repr=False)

    def hours(self, n_weeks: int) -> HourShares | None:
        """Return the shares of the hours of the weeks after the history; None where times carry no time of day."""
        if self.timed is None or self.bins is None or self.days is None:
            return None
        if n_weeks in self._made:  # a run asks for its shifts, and once more for what its folder keeps: 0.3 s each
            return self._made[n_weeks]
        factors = day_factors(self.panel, self.timed, country=self.country, n_weeks=n_weeks)
        usual = np.tile(np.roll(self.days, -24 * self.panel.stop_day.weekday(), axis=1), n_weeks)
        self._made[n_weeks] = HourShares(self.bins, usual * factors, day_number(self.panel.stop_day))
        return self._made[n_weeks]

    def over(self, shifts: Sequence[Shift]) -> HourShares | None:
        """Return the shares of the hours of the weeks that shifts lie in; None where times carry no time of day."""
        if self.timed is None:
            return None
        return self.hours(hour_parts(shifts, first_day=self.panel.stop_day, timezone=self.panel.timezone)[1])

    def of(self, shifts: Sequence[Shift]) -> tuple[npt.NDArray[np.float32], str]:
        """Return the share of a week's events that falls into each shift; an hour is a short shift.

        A shift is the sum of its hours in real time, so that shares are those of the time that shifts cover, however it
        is cut. Where shifts overlap, what falls into several counts in each in equal parts.

        Parameters
        ----------
        shifts : sequence of Shift
            In any order, none before the history ends.

        Returns
        -------
        shares : (n_shifts, n_kinds, n_cells) float32
        source : str
            Where they come from, in plain words.

        Raises
        ------
        DataError
            If the times carry no time of day and the job gives no shares.
        """
        if self.timed is None:
            return self._given(shifts)
        parts, n_weeks = hour_parts(shifts, first_day=self.panel.stop_day, timezone=self.panel.timezone)
        shares = self.hours(n_weeks)
        assert shares is not None
        return shares.summed(parts), "; ".join([
            "times of past events, by hour and kind of day, here, nearby, of other kinds, of the district and of "
            "places alike", "daylight and holidays", *self._fallbacks(),
        ])  # fmt: skip

    def _fallbacks(self) -> list[str]:
        """Return what the hours lean on where the history is short or a kind has few events with known hours."""
        assert self.timed is not None
        told = [] if _fit_weeks(self.panel) else ["usual weights of these, as the history is too short to fit them"]
        counts = np.bincount(self.timed.kind, self.timed.weight, len(self.panel.kinds))  # records of a case count less
        few = [f"{kind} ({n:.0f})" for kind, n in zip(self.panel.kinds, counts.tolist(), strict=True) if n < FEW_EVENTS]
        if few and len(self.panel.kinds) > 1:
            more = f" and {len(few) - 5} more" if len(few) > 5 else ""
            told.append(f"mostly the hours of all kinds for those with few known ones: {', '.join(few[:5])}{more}")
        elif few:
            told.append(f"nearly even hours, as few events have known ones: {few[0]}")
        return told

    def _given(self, shifts: Sequence[Shift]) -> tuple[npt.NDArray[np.float32], str]:
        if missing := sorted({shift.name for shift in shifts if shift.share is None}):
            raise DataError(
                f"the event times carry no time of day, so the split between shifts must come from the job: "
                f"give `share` for the shifts {some(missing, 10)}"
            )
        given = np.array([shift.share for shift in shifts], np.float64)[:, None, None]
        if self.panel.precision == "day":
            shares = weekday_shares(self.panel)[[shift.day.weekday() for shift in shifts]] * given
            return shares.astype(np.float32), (
                "shares given in the job file, as the event times carry no time of day; weekdays from past events"
            )
        shape = len(shifts), len(self.panel.kinds), self.panel.city.n_cells
        return np.broadcast_to(given / 7, shape).astype(np.float32), (
            "shares given in the job file and all weekdays alike, as the event times give the month only"
        )


def fit_profile(panel: Panel, country: str = "", *, seed: int = 0) -> Profile:
    """Return the profile of a history.

    A cell's share of an hour of the clock, on one of two kinds of day, is Σ a_j H_j / Σ a_j H_j(week) over the evidence
    of `weights.PRIOR`; the weights a_j of each kind are fitted on the newest weeks, with evidence from before them,
    and then applied to the evidence of all weeks.

    Parameters
    ----------
    panel : Panel
        The history.
    country : str
        Country of the public holidays; empty for none.
    seed : int
        Seed of the types of places.
    """
    timed = Timed.from_panel(panel) if panel.precision == "minute" else None
    if timed is None or not len(timed.kind):
        return Profile(panel, country)
    n_kinds, weeks = len(panel.kinds), _fit_weeks(panel)
    cut = panel.n_days - 7 * weeks
    weights = np.tile(list(PRIOR.values()), (n_kinds, 1))
    before, around = timed.of(timed.day < cut), neighbours(panel.city)
    if weeks and len(before.kind):
        known = Evidence.of(before, panel.city, n_kinds, seed=seed, around=around)
        later = timed.of(timed.day >= cut)
        weights = np.stack([fit_weights(known, later, kind) for kind in range(n_kinds)])
    evidence = Evidence.of(timed, panel.city, n_kinds, seed=seed, around=around)
    bins = np.stack([evidence.bins(kind, weights[kind]) for kind in range(n_kinds)])
    # Half precision (1 in 2,000) is more than is known; of Chicago's a run folder holds 10 instead of 21 MB.
    bins = bins.astype(np.float16).astype(np.float32)
    return Profile(panel, country, timed, bins, evidence.days, evidence.whole, weights)


def _fit_weeks(panel: Panel) -> int:
    return min(FIT_WEEKS, panel.n_days // 28)


@dataclass(eq=False)
class ProfileOnce:
    """Gives the profile of a history, fitted when it is first asked for; it can be sent to other processes."""

    panel: Panel
    country: str = ""
    seed: int = 0

    @cached_property
    def profile(self) -> Profile:
        """The profile of the netted history."""
        return fit_profile(self.panel.netted, self.country, seed=self.seed)


def shift_shares(panel: Panel, shifts: Sequence[Shift], country: str = "") -> tuple[npt.NDArray[np.float32], str]:
    """Return the share of a week's events that falls into each shift, and where it comes from; see `Profile.of`."""
    return fit_profile(panel, country).of(shifts)
