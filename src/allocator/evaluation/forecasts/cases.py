"""Scores of the forecasts of one fold."""

from __future__ import annotations

import dataclasses
import zlib
from dataclasses import dataclass

import numpy as np

from allocator.domain import ALL_KINDS, Bools, Floats, Panel, RiskSurface, Shift, Tessellation, shifts_of
from allocator.evaluation.forecasts.clock import Clocked, no_sums
from allocator.evaluation.forecasts.folds import Design, Fold, FoldScore, minutes
from allocator.evaluation.forecasts.metrics import Case, deciles, interval_sums, place_sums, poisson_ceiling, tally
from allocator.evaluation.forecasts.pooled import Skipped
from allocator.risk import Fitted, covered, fit_all

PAST_DAYS = 364
CEILING_DRAWS = 10


def score(panel: Panel, design: Design, fold: Fold) -> FoldScore:
    """Return the sums of one fold: fit on what was known at its cutoff, score on its window."""
    known = panel.until(fold.cutoff)
    skips = {reason.kind: reason for reason in unscored(panel, known, design, fold)}
    if ALL_KINDS in skips:
        return _empty(design, tuple(skips.values()))
    # A kind that the source does not cover counts nowhere.
    kept = covered(panel, panel.day_index(fold.cutoff), design.days).astype(np.float32)
    fitted, shifts = fits(known, design), shifts_asked(known, design, fold)
    surfaces = {model: one.forecast(shifts=shifts) for model, one in fitted.items()}
    surfaces = {model: dataclasses.replace(one, mean=one.mean * kept) for model, one in surfaces.items()}
    profile = next(iter(fitted.values())).profile  # whatever the model: all share it
    clocked = None if design.shift else Clocked.of(panel, profile, design.days)
    actual, past = window_counts(panel, design, fold) * kept, _past(known) * kept
    sums, chosen = [], []
    for model, surface in surfaces.items():
        cases = Cases(surface, actual, past, design.harm)
        rows = [
            blank_scores(design) if kind in skips else _kind_sums(cases, k, design, (model, fold.number), clocked)
            for k, kind in enumerate(design.kinds)
        ]
        sums.append({name: np.stack([row[name] for row in rows]) for name in rows[0]})
        chosen.append((*surface.models, " + ".join(dict.fromkeys(surface.models))))
    return FoldScore(
        {name: np.stack([kind_sums[name] for kind_sums in sums]) for name in sums[0]},
        tuple(chosen),
        tuple(skips.values()),
    )


def unscored(panel: Panel, known: Panel, design: Design, fold: Fold) -> list[Skipped]:
    """Return the kinds of a fold that cannot be scored, and why; "all" among them means the whole fold."""
    seen = np.bincount(known.netted.kind, minlength=len(known.kinds))
    without = [kind for kind, n in zip(known.kinds, seen.tolist(), strict=True) if not n]
    if not seen.any():
        without.append(ALL_KINDS)
    reason = "no event was known before the cutoff, so there is nothing to fit on"
    skips = [Skipped(fold.number, fold.cutoff, kind, reason) for kind in without]
    gap = "the source does not cover the whole window"
    whole = covered(panel, panel.day_index(fold.cutoff), design.days)
    hidden = [kind for kind, seen_all in zip(panel.kinds, whole, strict=True) if not seen_all]
    return skips + [Skipped(fold.number, fold.cutoff, kind, gap) for kind in hidden if kind not in without]


def fits(known: Panel, design: Design) -> dict[str, Fitted]:
    """Return each model, fitted to the known panel alone."""
    fitted = fit_all(
        known, design.models, design.fit_days // known.period_days, options=design.options,
        covariates=design.covariates, seed=design.seed,
    )  # fmt: skip
    return {model: fitted[model] for model in design.models}


def shifts_asked(known: Panel, design: Design, fold: Fold) -> tuple[Shift, ...] | None:
    """Return the shift that a fold forecasts; None for its whole window."""
    if design.shift is None:
        return None
    return shifts_of([design.shift], first_day=fold.cutoff, days=1, timezone=known.timezone)


def window_counts(panel: Panel, design: Design, fold: Fold) -> Floats:
    """Return the events of the fold's window, (n_cells, n_kinds)."""
    rows, first = panel.netted, panel.day_index(fold.cutoff)
    inside = (rows.day >= first) & (rows.day < first + design.days)
    if design.shift is not None:
        start, stop = minutes(design.shift)
        minute = (rows.day.astype(np.int64) - first) * 1440 + rows.minute
        if rows.span is not None:  # an interval counts at its middle
            minute = minute + rows.span // 2
        inside = (rows.minute >= 0) & (minute >= start) & (minute < stop)
    return _by_cell(rows, inside)


def _past(known: Panel) -> Floats:
    """Return the events of the last year before the cutoff, (n_cells, n_kinds)."""
    return _by_cell(known.netted, known.netted.day >= known.n_days - PAST_DAYS)


def _by_cell(rows: Panel, inside: Bools) -> Floats:
    counts = np.zeros((rows.city.n_cells, len(rows.kinds)))
    np.add.at(counts, (rows.cell[inside], rows.kind[inside]), rows.count[inside])
    return counts


@dataclass(frozen=True, eq=False)
class Cases:
    """The cases of one model in one fold.

    Parameters
    ----------
    surface : RiskSurface
        The forecast.
    actual, past : (n_cells, n_kinds) float64
        Events of the window, and of the year before.
    harm : (n_kinds,) float64
        Harm weights.
    """

    surface: RiskSurface
    actual: Floats
    past: Floats
    harm: Floats

    def of_cells(self, kind: int) -> Case:
        """Return cells against their events of one kind; of all kinds together for the number after the last."""
        return Case(
            _column(self.actual, kind), self._rate(kind), self.surface.city.area_km2, _column(self.past, kind),
            self.surface.dispersion[:, kind],
        )  # fmt: skip

    def of_districts(self, kind: int) -> Case:
        """Return districts against their events, with predictive intervals."""
        city, n_kinds = self.surface.city, len(self.surface.kinds) + 1
        table = self.surface.by_district()
        mean, lower, upper = (
            table[name].to_numpy(np.float64).reshape(-1, n_kinds)[:, kind] for name in ("mean", "lower", "upper")
        )
        actual = _district_sums(city, _column(self.actual, kind))
        return Case(actual, mean, _district_sums(city, city.area_km2), lower=lower, upper=upper)

    def of_harm(self, kind: int) -> Case:
        """Return cells against harm: kinds weighted before they are added."""
        of_kind = np.arange(len(self.harm)) == kind
        weight = self.harm if kind == len(self.harm) else self.harm * of_kind
        mean = self.surface.mean.sum(axis=0, dtype=np.float64)
        actual, rate, past = (np.einsum("ck,k->c", counts, weight) for counts in (self.actual, mean, self.past))
        return Case(actual, rate, self.surface.city.area_km2, past)

    def _rate(self, kind: int) -> Floats:
        return np.maximum(_column(self.surface.mean.sum(axis=0, dtype=np.float64), kind), 1e-12)


def _column(values: Floats, kind: int) -> Floats:
    return np.asarray(values.sum(axis=1) if kind == values.shape[1] else values[:, kind])


def _district_sums(city: Tessellation, values: Floats) -> Floats:
    inside = city.district >= 0
    return np.bincount(city.district[inside], values[inside], len(city.districts)).astype(np.float64)


def _kind_sums(
    cases: Cases, kind: int, design: Design, labels: tuple[str, int], clocked: Clocked | None
) -> dict[str, Floats]:  # fmt: skip
    """Return all sums of one model, fold and kind; each (1,), (n_shares,) or (10,)."""
    rates = cases.surface.mean.sum(axis=0, dtype=np.float64)
    when = no_sums() if clocked is None else clocked.sums(kind, rates)
    shares, case = np.asarray(design.shares), dataclasses.replace(cases.of_cells(kind), clocked=when)
    sums = {**tally(case, shares), **deciles(case), **interval_sums(cases.of_districts(kind))}
    sums |= {f"harm_{name}": value for name, value in place_sums(cases.of_harm(kind), shares).items()}
    seed = [design.seed, labels[1], kind, zlib.crc32(labels[0].encode())]
    ceiling = poisson_ceiling(case, shares, seed=seed, draws=CEILING_DRAWS)
    return sums | {f"ceiling_{name}": value for name, value in ceiling.items()}


def blank_scores(design: Design) -> dict[str, Floats]:
    """Return sums of nothing, NaN throughout."""
    one = np.ones(1)
    case = Case(one, one, one)
    shares = np.asarray(design.shares)
    place = place_sums(case, shares)
    sums = {
        **tally(case, shares),
        **deciles(case),
        **no_sums(),
        **{f"{p}_{n}": v for p in ("harm", "ceiling") for n, v in place.items()},
    }
    return {name: np.full_like(value, np.nan) for name, value in sums.items()}


def _empty(design: Design, skipped: tuple[Skipped, ...]) -> FoldScore:
    """Return a fold in which nothing could be scored."""
    shape = (len(design.models), len(design.kinds), 1)
    whole = {kind.kind for kind in skipped}
    others = [dataclasses.replace(skipped[0], kind=kind) for kind in design.kinds if kind not in whole]
    sums = {name: np.tile(value, shape) for name, value in blank_scores(design).items()}
    return FoldScore(sums, ((("",) * shape[1]),) * shape[0], (*skipped, *others))
