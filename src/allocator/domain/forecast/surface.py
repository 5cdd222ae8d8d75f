"""Expected events and harm, and why."""

from __future__ import annotations

import dataclasses
import datetime as dt
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import Policy
from allocator.domain.arrays import Bools, Floats, Ints, freeze
from allocator.domain.history import ALL_KINDS
from allocator.domain.space import Tessellation
from allocator.errors import ConfigError, DataError, nearest, some

CLASS_SHARES = (0.5, 0.8, 0.9, 0.95, 0.98, 0.99)
"""Shares of the area that the classes of expected harm separate: half of it is class 0, the top 1 % the highest."""


def harm_classes(harm: Floats, area_km2: Floats) -> Ints:
    """Return the class of each cell, 0 to 6, by where it stands in the area when that is ordered by harm per km².

    A cell stands at the middle of the share of the area that it takes; cells of equal harm per km² stand at the middle
    of theirs together, so that none looks worse than its equals. Cells without expected harm are class 0.

    Parameters
    ----------
    harm : (n_cells,) float64
        Expected harm.
    area_km2 : (n_cells,) float64
        Area of each cell.

    Returns
    -------
    (n_cells,) int64
    """
    density = harm / area_km2
    order = np.argsort(density, kind="stable")
    group = np.cumsum(np.concatenate([[0], np.diff(density[order]) > 0]))
    taken = np.bincount(group, area_km2[order])
    middle = (np.cumsum(taken) - taken / 2) / area_km2.sum()
    step = np.empty(len(order), np.int64)
    step[order] = np.searchsorted(CLASS_SHARES, middle, side="right")[group]
    return np.where(density > 0, step, 0)


@dataclass(frozen=True, eq=False)
class RiskSurface:
    """Expected events on (shift, cell, kind).

    Parameters
    ----------
    city : Tessellation
        The cells.
    kinds : tuple of str
        The kinds.
    shifts : tuple of str
        Shift ids; a single `"<cutoff>/+<days>d"` where the forecast is for the whole horizon.
    mean : (n_shifts, n_cells, n_kinds) float32
        Expected events.
    lower, upper : (n_shifts, n_cells, n_kinds) float32
        Predictive interval of the *count* (not of the mean): see `count_interval`.
    all_lower, all_upper : (n_shifts, n_cells) float32
        The same for all kinds together.
    harm : (n_kinds,) float64
        Harm weight per kind.
    models : tuple of str
        The model used for each kind.
    cutoff : datetime.date
        First local day that the model did not see.
    interval : float
        Coverage of `lower`, `upper`.
    profile_source : str
        Where the split between shifts comes from, in plain words.
    dispersion : (n_cells, n_kinds + 1) float32
        Over-dispersion of the counts of a cell, Var = mean + dispersion mean²; all kinds together last.
    district_dispersion : (n_kinds + 1,) float64
        The same for the counts of a district.
    city_dispersion : (n_kinds + 1,) float64
        The same for the count of the whole city: the part of it that all districts share.
    reasons : Reasons, optional
        Why chosen cells rank where they do.
    explainer : callable, optional
        Gives the reasons of cells that `reasons` does not hold; a surface read from disk has none.
    """

    city: Tessellation
    kinds: tuple[str, ...]
    shifts: tuple[str, ...]
    mean: npt.NDArray[np.float32]
    lower: npt.NDArray[np.float32]
    upper: npt.NDArray[np.float32]
    all_lower: npt.NDArray[np.float32]
    all_upper: npt.NDArray[np.float32]
    harm: Floats
    models: tuple[str, ...]
    cutoff: dt.date
    dispersion: npt.NDArray[np.float32]
    district_dispersion: Floats
    city_dispersion: Floats
    interval: float = 0.9
    profile_source: str = ""
    reasons: Reasons | None = None
    explainer: Callable[[Ints], Reasons] | None = None

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def expected_harm(self) -> Floats:
        """Harm-weighted expected events, (n_shifts, n_cells) float64."""
        # Not a matrix product: BLAS may add in another order with another number of threads.
        return np.asarray(np.einsum("sck,k->sc", self.mean, np.asarray(self.harm, np.float64)))

    def by_district(self) -> pd.DataFrame:
        """Return expected events of the whole forecast per district, with predictive intervals of the counts.

        Returns
        -------
        DataFrame
            `district, kind, mean, lower, upper`; the kind "all" is all kinds together. Cells of no district are
            left out.
        """
        n_districts = len(self.city.districts)
        cells = np.flatnonzero(self.city.district >= 0)
        total = self.mean.sum(axis=0, dtype=np.float64)[cells]
        total = np.concatenate([total, total.sum(axis=1, keepdims=True)], axis=1)
        mean = np.stack([np.bincount(self.city.district[cells], column, n_districts) for column in total.T], axis=1)
        dispersion = np.broadcast_to(self.district_dispersion, mean.shape)
        lower, upper = count_interval(mean, dispersion, self.interval)
        return pd.DataFrame(
            {
                "district": np.repeat(np.array(self.city.districts, object), mean.shape[1]),
                "kind": [*self.kinds, ALL_KINDS] * n_districts,
                "mean": mean.ravel(),
                "lower": lower.ravel(),
                "upper": upper.ravel(),
            }
        )

    def expected_in(self, chosen: Bools) -> tuple[float, float, float]:
        """Return expected events in chosen cells and shifts, and the predictive interval of their count.

        Districts vary independently around the level that they share, and cells within them, each by its own
        over-dispersion.

        Parameters
        ----------
        chosen : (n_shifts, n_cells) bool
        """
        mean = np.where(chosen, self.mean.sum(axis=2, dtype=np.float64), 0.0).sum(axis=0)
        parts = np.bincount(np.where(self.city.district < 0, len(self.city.districts), self.city.district), mean)
        total = float(parts.sum())
        of_city, of_district = (float(spread[-1]) for spread in (self.city_dispersion, self.district_dispersion))
        of_cell = np.maximum(self.dispersion[:, -1].astype(np.float64) - of_district, 0.0)
        squares = max(of_district - of_city, 0.0) * float((parts**2).sum()) + float((of_cell * mean**2).sum())
        spread = of_city + squares / max(total**2, 1e-12)
        lower, upper = count_interval(np.array([total]), np.array([spread]), self.interval)
        return total, float(lower[0]), float(upper[0])

    def top(self, share: float) -> npt.NDArray[np.int32]:
        """Return the cells with the most expected harm per km² that fill `share` of the area, highest first.

        Raises
        ------
        ConfigError
            If the share is not above 0 and at most 1.
        """
        if not 0 < share <= 1:
            raise ConfigError(f"a share of the area is above 0 and at most 1 (0.01 is 1 %), not {share}")
        density = self.expected_harm.sum(axis=0) / self.city.area_km2
        order = np.argsort(-density, kind="stable")
        filled = np.cumsum(self.city.area_km2[order]) <= share * self.city.area_km2.sum() * (1 + 1e-9)
        return order[: max(1, int(filled.sum()))].astype(np.int32)

    def under(self, policy: Policy) -> RiskSurface:
        """Return the surface with the harm weights of a policy; kinds that it excludes by name weigh 0.

        Raises
        ------
        ConfigError
            If the policy names a kind that is not forecast and looks like one that is.
        """
        named = [*policy.harm, *policy.exclude_kinds]
        wrong = [f"no kind {kind!r} is forecast{hint}" for kind in named
                 if kind not in self.kinds and (hint := nearest(kind, self.kinds))]  # fmt: skip
        if wrong:
            raise ConfigError("the policy names kinds that are not forecast", faults=wrong)
        harm = [policy.harm.get(kind, own) for kind, own in zip(self.kinds, self.harm.tolist(), strict=True)]
        kept = [kind not in policy.exclude_kinds for kind in self.kinds]
        return dataclasses.replace(self, harm=np.array(harm) * np.array(kept))

    def with_mean(self, mean: npt.NDArray[np.float32]) -> RiskSurface:
        """Return the surface with other expected events, (n_shifts, n_cells, n_kinds), and their intervals."""
        lower, upper = count_interval(mean, self.dispersion[:, :-1], self.interval)
        total = mean.sum(axis=2, dtype=np.float32)
        all_lower, all_upper = count_interval(total, self.dispersion[:, -1], self.interval)
        return dataclasses.replace(
            self, mean=mean, lower=lower, upper=upper, all_lower=all_lower, all_upper=all_upper, explainer=None
        )

    def with_reasons_of(self, cells: Ints) -> RiskSurface:
        """Return the surface with the reasons of these cells, and of these alone."""
        chosen = np.unique(np.asarray(cells, np.int32))
        if self.explainer is not None:
            return dataclasses.replace(self, reasons=self.explainer(chosen), explainer=None)
        return self if self.reasons is None else dataclasses.replace(self, reasons=self.reasons.of(chosen))

    def explain(self, cells: Sequence[int] | Ints, shift: str | None = None) -> pd.DataFrame:
        """Return why these cells rank where they do: one row per cell and kind, largest rate first.

        For chosen cells only: contributions of boosted trees take about a second for 2,000 cells and kinds.

        Parameters
        ----------
        cells : sequence of int
            Rows of the tessellation.
        shift : str, optional
            A shift id of `shifts`; by default the whole forecast.

        Returns
        -------
        DataFrame
            `cell, kind, expected` (events); one column per source of the mixture's rate, in events per horizon, which
            add up to `base`; one column `log <group>` per group of features of the boosted trees and `log shift`
            (the shift's share), so that `log(expected) = log(base) + Σ log columns` within 1e-6; and `reason`, a
            sentence.

        Raises
        ------
        DataError
            If the surface was made without reasons, does not hold them for these cells, or knows no such shift.
        """
        if self.reasons is None and self.explainer is None:
            raise DataError("this surface holds no reasons: it was made by a model that gives none")
        if shift is not None and shift not in self.shifts:
            raise DataError(f"no shift {shift!r} is forecast{nearest(shift, self.shifts)}")
        chosen = np.asarray(cells, np.int64)
        reasons = self.reasons if self.explainer is None else self.explainer(np.unique(chosen.astype(np.int32)))
        assert reasons is not None
        return reasons.table(chosen, None if shift is None else self.shifts.index(shift))


def count_interval(
    mean: Floats | Ints, dispersion: Floats, nominal: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return predictive intervals of negative-binomial counts, two arrays shaped as `mean`.

    Of the central interval and those that leave out one count at either end, the one whose probability is
    nearest to `nominal`. Above a mean of 100 it is scipy's, as the kernel's first term nears underflow there.

    Parameters
    ----------
    mean : array
        Expected counts.
    dispersion : array
        Var = mean + dispersion mean²; broadcast to `mean`.
    nominal : float
        Probability wanted, 0.9 for instance.
    """
    from scipy.stats import nbinom  # 0.9 s of import, and numba 0.4 s: nouns alone do without

    from allocator.kernels.likelihood import negative_binomial_interval

    flat = np.asarray(mean, np.float64).ravel()
    spread = np.ascontiguousarray(np.broadcast_to(dispersion, np.shape(mean)), np.float64).ravel()
    lower, upper = np.empty(len(flat), np.float32), np.empty(len(flat), np.float32)
    large = flat > 100
    low, high = np.empty(int((~large).sum()), np.float32), np.empty(int((~large).sum()), np.float32)
    negative_binomial_interval(flat[~large], spread[~large], nominal, low, high)
    lower[~large], upper[~large] = low, high
    if large.any():
        size = 1 / np.maximum(spread[large], 1e-9)
        for bound, probability in ((lower, (1 - nominal) / 2), (upper, (1 + nominal) / 2)):
            bound[large] = nbinom.ppf(probability, size, size / (size + flat[large]))
    return lower.reshape(np.shape(mean)), upper.reshape(np.shape(mean))


@dataclass(frozen=True, eq=False)
class Reasons:
    """Where the rate of chosen cells comes from.

    Parameters
    ----------
    cells : (n,) int32
        The cells covered, ascending.
    kinds : tuple of str
        The kinds.
    shifts : tuple of str
        The shifts, in plain words ("Friday evening").
    sources : tuple of str
        Names of the sources, such as "long-run level here".
    shares : (n, n_kinds, n_sources) float64
        Expected events of the horizon by source; they add up to the rate before boosting.
    groups : tuple of str
        Groups of features of the boosted trees.
    changes : (n, n_kinds, n_groups) float64
        What each group adds to the log rate.
    profile : (n_shifts, n, n_kinds) float64
        Share of the horizon's events that falls into each shift.
    recent : (n, n_kinds) int32
        Events within `recent_m` metres in the last `recent_days` days.
    recent_days, recent_m : int
        Window of `recent`.
    """

    cells: Ints
    kinds: tuple[str, ...]
    shifts: tuple[str, ...]
    sources: tuple[str, ...]
    shares: Floats
    groups: tuple[str, ...]
    changes: Floats
    profile: Floats
    recent: Ints
    recent_days: int = 14
    recent_m: int = 300

    def __post_init__(self) -> None:
        freeze(self)

    def rows(self, cells: Ints) -> Ints:
        """Return the row of each cell.

        Raises
        ------
        DataError
            If a cell is not covered.
        """
        row = np.searchsorted(self.cells, cells)
        row = np.minimum(row, len(self.cells) - 1)
        missing = np.asarray(cells)[self.cells[row] != cells]
        if len(missing):
            raise DataError(
                f"no reasons are stored for {len(missing)} cells: {some(missing)}",
                examples=list(map(str, missing[:3])),
            )
        return row

    def of(self, cells: Ints) -> Reasons:
        """Return the reasons of chosen cells alone."""
        row = self.rows(cells)
        return dataclasses.replace(
            self, cells=self.cells[row], shares=self.shares[row], changes=self.changes[row],
            profile=self.profile[:, row], recent=self.recent[row],
        )  # fmt: skip

    def sentence(self, row: int, kind: int, shift: int | None = None) -> str:
        """Return the reason of one cell and kind, in one shift if given, in plain words."""
        name = self.kinds[kind].lower()
        shares = self.shares[row, kind]
        total = max(float(shares.sum()), 1e-12)
        leading = [int(i) for i in np.argsort(-shares, kind="stable")[:2] if shares[i] >= 0.15 * total]
        parts = [", ".join(f"{self.sources[i]} ({shares[i] / total:.0%})" for i in leading)]
        changes = self.changes[row, kind]
        strong = [int(i) for i in np.argsort(-np.abs(changes), kind="stable")[:2] if abs(changes[i]) >= 0.1]
        parts += [", ".join(f"{self.groups[i]} ×{np.exp(changes[i]):.2f}" for i in strong)]
        near = int(self.recent[row, kind])
        parts += [f"{near} within {self.recent_m} m in the last {self.recent_days} days"]
        if shift is not None and len(self.shifts) > 1:
            share = self.profile[:, row, kind]
            parts += [f"{self.shifts[shift]} ×{share[shift] / max(float(share.mean()), 1e-12):.1f}"]
        return f"{name}: " + "; ".join(part for part in parts if part)

    def table(self, cells: Ints, shift: int | None = None) -> pd.DataFrame:
        """Return one row per cell and kind; see `RiskSurface.explain`."""
        records = []
        share = self.profile.sum(axis=0) if shift is None else self.profile[shift]
        base = self.shares.sum(axis=2)
        expected = base * np.exp(self.changes.sum(axis=2)) * share
        for cell, row in zip(cells, self.rows(cells), strict=True):
            for kind in np.argsort(-expected[row], kind="stable"):
                record = {"cell": int(cell), "kind": self.kinds[kind], "expected": float(expected[row, kind])}
                record |= {"base": float(base[row, kind])}
                record |= dict(zip(self.sources, self.shares[row, kind].tolist(), strict=True))
                record |= {f"log {g}": float(v) for g, v in zip(self.groups, self.changes[row, kind], strict=True)}
                record |= {"log shift": float(np.log(max(share[row, kind], 1e-300)))}
                records.append({**record, "reason": self.sentence(int(row), int(kind), shift)})
        return pd.DataFrame(records)
