"""A fitted forecast: what it holds, what it answers."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import RiskSection, ShiftSection
from allocator.domain import (
    ALL_KINDS,
    Floats,
    ForecastState,
    Ints,
    Panel,
    Reasons,
    RiskSurface,
    Shift,
    count_interval,
    shifts_of,
)
from allocator.errors import DataError, some
from allocator.facts import Note
from allocator.risk.features import near_counts
from allocator.risk.models import ENGINE, FittedBoosted, FittedMixture, HoldOut, Stack
from allocator.risk.profile import Profile, ProfileOnce
from allocator.risk.training import History

AUTO = "auto"
REASON_DAYS, REASON_METRES = 14, 300


@dataclass(frozen=True, eq=False)
class Fitted:
    """A model fitted to a panel, ready to forecast the horizon after it.

    Parameters
    ----------
    panel : Panel
        What was seen.
    horizon : int
        Days.
    stack : Stack
        The models in use, and their weights per kind: one alone, or of "auto" what the held-out windows gave each.
    rate : (n_kinds, n_cells) float64
        Expected events over the horizon.
    following : (n_kinds, n_cells) float32
        Share of each rate that follows the histories of the mixture: that of `mixture` and `boosted`.
    dispersion : (n_kinds + 1,) float64
        Over-dispersion of the held-out counts of cells, Var = λ + dispersion λ²; all kinds together last.
    district_dispersion : (n_kinds + 1,) float64
        The same for the counts of districts.
    city_dispersion : (n_kinds + 1,) float64
        The same for the count of the whole city.
    hold_out : HoldOut
        The held-out windows.
    history : History
        Training rows and states; what updates start from.
    options : RiskSection
        Settings.
    notes : tuple of Note
        Fallbacks that were taken, in plain words.
    country : str
        Country of the public holidays; empty for none.
    model : str
        Model that was asked for: a name, or "auto".
    profile_once : ProfileOnce
        Gives the profile inside the week; models that are fitted together share it.
    """

    panel: Panel
    horizon: int
    stack: Stack
    rate: Floats
    following: npt.NDArray[np.float32]
    dispersion: Floats
    district_dispersion: Floats
    city_dispersion: Floats
    hold_out: HoldOut
    history: History
    options: RiskSection
    model: str
    profile_once: ProfileOnce
    notes: tuple[Note, ...] = ()
    country: str = ""

    @property
    def chosen(self) -> tuple[str, ...]:
        """The model that carries the forecast of each kind: the one in use, or the greatest weight of a stack."""
        return self.stack.leaders

    def skill(self) -> pd.DataFrame:
        """Return held-out log-likelihood per event: `kind, events, chosen`, and one column per model."""
        records = []
        for row, kind in enumerate((*self.panel.kinds, ALL_KINDS)):
            one = None if kind == ALL_KINDS else row
            actual = self.hold_out.actual if one is None else self.hold_out.actual[:, one]
            scores = {model: self.hold_out.loglik(model, one) for model in self.hold_out.rates}
            chosen = "as above" if one is None else self.chosen[one]
            records.append({"kind": kind, "events": int(actual.sum()), "chosen": chosen, **scores})
        return pd.DataFrame(records)

    @cached_property
    def honest_rates(self) -> npt.NDArray[np.float32]:
        """What was expected in the held-out windows, (n_windows, n_kinds, n_cells) float32.

        Of "auto" by the blend that the other windows gave, so that no window scores what it chose itself.
        """
        if self.model == AUTO:
            return self.hold_out.blended_elsewhere(ENGINE[0])
        return np.asarray(self.hold_out.rates[self.model])

    def model_text(self) -> str:
        """Return the boosted trees in LightGBM's text format, or an empty string."""
        boosted = self.stack.models.get("boosted")
        return boosted.text() if isinstance(boosted, FittedBoosted) else ""

    @property
    def profile(self) -> Profile:
        """How events fall on the hours of a week, whatever the model; fitted when first asked for."""
        return self.profile_once.profile

    @property
    def scored(self) -> dict[str, npt.NDArray[np.float32]]:
        """Rates of the held-out windows by model: that of the forecast first, by its own name, then single models.

        0 where the source does not cover a kind.
        """
        told = {self.model: self.honest_rates} | {n: r for n, r in self.hold_out.rates.items() if n != self.model}
        return {name: self.hold_out.counted(rate) for name, rate in told.items()}

    @cached_property
    def profile_before(self) -> Profile:
        """The profile as it was before the first of the held-out windows, to be scored on them."""
        first = self.panel.first_day + dt.timedelta(days=self.history.held_out[0].view.day)
        return ProfileOnce(self.panel.until(first), self.country, self.profile_once.seed).profile

    def _shares(self, shifts: Sequence[Shift]) -> tuple[npt.NDArray[np.float32], str]:
        """Return the share of the horizon's events in each shift, (n_shifts, n_kinds, n_cells), and its source."""
        shares, source = self.profile.of(shifts)
        weeks, rest = divmod(self.horizon, 7)
        if not rest:
            return np.asarray(shares / np.float32(weeks)), source
        halves = [
            ShiftSection(name=f"from {a}", start=dt.time(a), stop=dt.time(b), share=0.5) for a, b in ((0, 12), (12, 0))
        ]
        days = shifts_of(halves, first_day=self.panel.stop_day, days=rest, timezone=self.panel.timezone)
        part, _ = self.profile.of(days)
        return np.asarray(shares / (weeks + part.sum(axis=0))), source

    def state(self, shifts: Sequence[Shift] = ()) -> ForecastState:
        """Return what a fast update of the forecast starts from: histories, weights, the hours of planned shifts."""
        histories, weights = self.history.histories, None
        if isinstance(base := self.stack.models.get("mixture"), FittedMixture):
            weights = base.weights
        elif isinstance(boosted := self.stack.models.get("boosted"), FittedBoosted):
            weights = boosted.base.weights
        return ForecastState(
            day=histories.day, state=histories.state, half_lives=np.array(histories.space.half_lives),
            bandwidths=np.array(histories.space.bandwidths), last=histories.last, exposure=histories.exposure,
            window=self.history.training.horizon, rate=self.rate, dispersion=self.dispersion, mixture_weights=weights,
            following=None if weights is None else self.following,
            hours=self.profile.over(shifts) if shifts else None,
        )  # fmt: skip

    def forecast(
        self, *, shifts: Sequence[Shift] | None = None, harm: Mapping[str, float] | None = None
    ) -> RiskSurface:
        """Return the risk surface of the horizon, in one slice or one per shift.

        Parameters
        ----------
        shifts : sequence of Shift, optional
            Shifts from the cutoff on, each with its share of the weekly rate; without them `mean` is
            (1, n_cells, n_kinds) for the horizon.
        harm : mapping, optional
            Harm weight per kind; 1 where not given.

        Raises
        ------
        DataError
            If a shift lies before the cutoff, or times carry no time of day and shifts no shares.
        """
        cutoff = self.panel.stop_day
        if early := [shift.id for shift in shifts or () if shift.day < cutoff]:
            raise DataError(f"{len(early)} shifts lie before the forecast begins ({cutoff}): {some(early)}")
        if shifts is None:
            names: tuple[str, ...] = (f"{cutoff.isoformat()}/+{self.horizon}d",)
            mean, source = self.rate.T[None], "the whole horizon in one"
            shares = np.ones((1, *self.rate.shape), np.float32)
        else:
            shares, source = self._shares(shifts)
            names = tuple(shift.id for shift in shifts)
            mean = (shares * self.rate).transpose(0, 2, 1)
        mean = np.ascontiguousarray(mean, np.float32)
        level = self.options.interval
        lower, upper = count_interval(mean, self.dispersion[:-1], level)
        all_lower, all_upper = count_interval(mean.sum(axis=2, dtype=np.float32), self.dispersion[-1], level)
        return RiskSurface(
            city=self.panel.city, kinds=self.panel.kinds, shifts=names, mean=mean, lower=lower, upper=upper,
            all_lower=all_lower, all_upper=all_upper,
            harm=np.array([(harm or {}).get(kind, 1.0) for kind in self.panel.kinds]),
            models=self.chosen, cutoff=cutoff, interval=level, profile_source=source,
            dispersion=np.tile(self.dispersion.astype(np.float32), (self.panel.city.n_cells, 1)),
            district_dispersion=self.district_dispersion, city_dispersion=self.city_dispersion,
            explainer=_Explainer(self, shares, tuple(words_of(shift) for shift in shifts or ()) or names),
        )  # fmt: skip


def words_of(shift: Shift) -> str:
    """Return a shift in plain words, such as "Friday evening"."""
    return f"{shift.day:%A} {shift.name}"


@dataclass(eq=False)
class _Explainer:
    """Gives the reasons of chosen cells; keeps the last answer, as a plan asks twice for its own cells."""

    fitted: Fitted
    shares: npt.NDArray[np.float32]
    shifts: tuple[str, ...]
    _last: tuple[bytes, Reasons] | None = field(default=None, repr=False)

    def __call__(self, cells: Ints) -> Reasons:
        chosen = np.asarray(cells, np.int32)
        if self._last is None or self._last[0] != chosen.tobytes():
            self._last = chosen.tobytes(), self._reasons(chosen)
        return self._last[1]

    def _reasons(self, cells: npt.NDArray[np.int32]) -> Reasons:
        fitted, view = self.fitted, self.fitted.history.present
        rows = cells.astype(np.int64)
        sources, shares = fitted.stack.sources(view, rows)
        groups, changes = fitted.stack.contributions(view, rows, shares.sum(axis=2), fitted.rate[:, rows])
        panel = fitted.panel
        near = near_counts(panel, day=panel.n_days, days=REASON_DAYS, radius_m=REASON_METRES)
        return Reasons(
            cells=cells, kinds=panel.kinds, shifts=self.shifts, sources=sources, shares=shares.transpose(1, 0, 2),
            groups=groups, changes=changes.transpose(1, 0, 2),
            profile=self.shares[:, :, rows].transpose(0, 2, 1).astype(np.float64), recent=near[rows],
            recent_days=REASON_DAYS, recent_m=REASON_METRES,
        )  # fmt: skip
