"""The answer of a backtest: the tables and words that follow from its sums."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from allocator.domain import Figures, Floats
from allocator.errors import ConfigError
from allocator.evaluation.bootstrap import resample, verdict
from allocator.evaluation.forecasts.metrics import METRICS, N_DECILES, ratio
from allocator.evaluation.forecasts.pooled import PLACE_METRICS, Pooled
from allocator.evaluation.forecasts.words import Tables, figures, summary

COMPARED = ("loglik", "pai")
COLUMNS = (
    "model", "kind", "fold", "cutoff", "horizon", "events", "loglik", "area_share", "hit_rate", "pai", "pei_star",
    "rri", "observed_over_expected", "coverage90",
)  # fmt: skip
"""First columns of the scores, in the order of the contract; those of this engine alone follow."""


@dataclass(frozen=True, eq=False)
class Scorecard(Pooled):
    """Scores of models on windows that they had not seen; what it is made of is said in `Pooled`."""

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per model, kind, fold and share of the area; kinds that were skipped have none.

        `chosen` is the model used (what "auto" took), `saturated` says that the share holds all cells with events,
        so that PEI* is the hit rate, `harm_…` are the metrics of harm-weighted events, and `ceiling_…` what the
        forecast would score on Poisson counts drawn from itself.
        """
        shape = (len(self.models), len(self.kinds), self.n_folds, len(self.area_shares))
        model, kind, fold, share = (axis.ravel() for axis in np.indices(shape))
        sums = self._asked(self.sums)
        flat = {
            name: np.broadcast_to(np.moveaxis(one, 0, 2), shape).ravel()
            for name, one in {
                **{n: sums[n] for n in ("events", "expected", "saturated")},
                **self._metrics(sums),
            }.items()
        }
        columns = {
            "model": np.array(self.models, object)[model], "kind": np.array(self.kinds, object)[kind], "fold": fold,
            "cutoff": np.array(self.cutoffs, "datetime64[s]")[fold], "horizon": self.horizon_days,
            "area_share": np.array(self.area_shares)[share], "chosen": np.array(self.chosen, object)[fold, model, kind],
            **flat, "saturated": flat["saturated"] == 1,
        }  # fmt: skip
        scored = np.isfinite(flat["events"])
        frame = pd.DataFrame({name: columns[name] for name in dict.fromkeys([*COLUMNS, *columns])})[scored]
        return frame.reset_index(drop=True).astype({"events": np.int64})

    @cached_property
    def estimates(self) -> pd.DataFrame:
        """All metrics pooled over folds: `model, kind, metric, area_share, value, low, high`.

        `area_share` is missing where the metric does not depend on it.
        """
        values, draws = self._pooled, self._drawn
        return pd.concat([self._long(name, values[name], draws[name]) for name in values], ignore_index=True)

    def table(self, area_share: float | None = None) -> pd.DataFrame:
        """Return one row per model and kind, pooled over folds, with 95 % intervals of every metric.

        Parameters
        ----------
        area_share : float, optional
            One of `area_shares`; by default 1 % if it was asked for, else the smallest.

        Returns
        -------
        DataFrame
            `kind, model, baseline, folds, folds_without_events, events, expected, area_share, saturated` (share of the
            folds), and for each metric `name`, `name_low`, `name_high`.

        Raises
        ------
        ConfigError
            If the share was not asked for.
        """
        share = self.default_share if area_share is None else area_share
        if share not in self.area_shares:
            known = ", ".join(f"{asked:g}" for asked in self.area_shares)
            raise ConfigError(f"the backtest has no area share {share:g}; there are {known}")
        kept = self.estimates[self.estimates["area_share"].isna() | (self.estimates["area_share"] == share)]
        wide: dict[tuple[str, str], dict[str, float]] = {}
        for row in kept.itertuples():
            values = {"": row.value, "_low": row.low, "_high": row.high}
            named = {f"{row.metric}{end}": value for end, value in values.items()}
            wide.setdefault((row.kind, row.model), {}).update(named)
        records = [
            {**self._facts(kind, model, share), **wide[kind, model]} for kind in self.kinds for model in self.models
        ]
        return pd.DataFrame(records)

    def differences(self, metrics: Sequence[str] = COMPARED) -> pd.DataFrame:
        """Return each model's paired difference from the best baseline, per kind, metric and share of the area.

        The best baseline is that of the best pooled value on the very same windows, known only afterwards: a hard
        mark, which favours the baselines. The same folds are drawn for both.

        Returns
        -------
        DataFrame
            `kind, metric, area_share, model, value, baseline, baseline_value, difference, low, high, verdict`; the
            best baseline itself has no row.

        Raises
        ------
        ConfigError
            If a metric is unknown, or not one where more is better.
        """
        names = [name for name in [*METRICS, *(f"harm_{name}" for name in PLACE_METRICS)]
                 if METRICS[name.removeprefix("harm_")].better == "higher"]  # fmt: skip
        if wrong := [name for name in metrics if name not in names]:
            raise ConfigError(f"metric {wrong[0]!r} cannot be compared; those that can are {', '.join(names)}")
        rows = [
            row
            for k, kind in enumerate(self.kinds) for name in metrics for s in range(self._pooled[name].shape[-1])
            for row in self._against_best(k, kind, name, s)
        ]  # fmt: skip
        columns = ["kind", "metric", "area_share", "model", "value", "baseline", "baseline_value", "difference", "low",
                   "high", "verdict"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    def calibration(self) -> pd.DataFrame:
        """Return observed against expected events by decile of risk, pooled over folds.

        A decile holds a tenth of the expected events, 1 the least risky places and 10 the most.

        Returns
        -------
        DataFrame
            `model, kind, decile, cells` (mean per fold)`, expected, observed, ratio, low, high, pit90`.
        """
        expected = np.nansum(self.sums["expected"], axis=0) / N_DECILES
        observed, cells, inside = (
            np.nansum(self.sums[f"decile_{name}"], axis=0) for name in ("events", "cells", "pit")
        )
        drawn = resample({name: self.sums[name] for name in ("expected", "decile_events")}, self._weights)
        low, high = self._interval(ratio(drawn["decile_events"], drawn["expected"] / N_DECILES))
        shape = observed.shape
        scored = np.isfinite(self.sums["events"]).sum(axis=0)
        columns = {
            "cells": ratio(cells, scored), "expected": expected, "observed": observed,
            "ratio": ratio(observed, expected), "low": low, "high": high, "pit90": ratio(inside, cells),
        }  # fmt: skip
        model, kind, decile = (axis.ravel() for axis in np.indices(shape))
        return pd.DataFrame(
            {
                "model": np.array(self.models, object)[model],
                "kind": np.array(self.kinds, object)[kind],
                "decile": decile + 1,
                **{name: np.broadcast_to(one, shape).ravel() for name, one in columns.items()},
            }
        )

    def curve(self) -> pd.DataFrame:
        """Return the hit-rate curve: share of the events found against share of the area, pooled over folds.

        Returns
        -------
        DataFrame
            `model, kind, area_share, hit_rate, best_possible` (the cells that turned out best)`, ceiling` (what the
            model would find if counts were Poisson with its rates).
        """
        total = {name: np.nansum(one, axis=0) for name, one in self.sums.items()}
        columns = {
            "hit_rate": ratio(total["hits"], total["events"]),
            "best_possible": ratio(total["best"], total["events"]),
            "ceiling": ratio(total["ceiling_hits"], total["ceiling_events"]),
        }
        model, kind, share = (axis.ravel() for axis in np.indices(columns["hit_rate"].shape))
        return pd.DataFrame(
            {
                "model": np.array(self.models, object)[model],
                "kind": np.array(self.kinds, object)[kind],
                "area_share": np.array(self.shares)[share],
                **{name: one.ravel() for name, one in columns.items()},
            }
        )

    def ceiling(self) -> pd.DataFrame:
        """Return what the most likely model of each kind would score on Poisson counts with its own rates.

        Nothing can be expected to score more, if that model is right: what is missing there is chance, not skill. A
        model that reaches more than its own ceiling says too little of the riskiest places; see `calibration`.

        Returns
        -------
        DataFrame
            `kind, model, metric, area_share, value, reached` (what that model did score).
        """
        frame = self.estimates
        own = frame[frame["metric"].str.startswith("ceiling_")].copy()
        own["metric"] = own["metric"].str.removeprefix("ceiling_")
        own = own.merge(frame, on=["model", "kind", "metric", "area_share"], suffixes=("", "_reached"))
        own = own[[model == self.best(kind) for model, kind in zip(own["model"], own["kind"], strict=True)]]
        own = own.rename(columns={"value_reached": "reached"})
        own = own.sort_values("kind", key=lambda kinds: kinds.map(self.kinds.index), kind="stable")
        return own[["kind", "model", "metric", "area_share", "value", "reached"]].reset_index(drop=True)

    def profiles(self) -> pd.DataFrame:
        """Return how much the profile inside the week says beyond that of the city, and that beyond even hours.

        Log-likelihood per event with a known time of day, at cell × watch and cell × hour; the places are those of the
        same model, so that differences are of the profile alone.

        Returns
        -------
        DataFrame
            `kind, span` ("watch" or "hour")`, events, loglik, over_city, low, high, verdict, over_even`; empty where
            the times carry no time of day.
        """
        m, rows = self.models.index(self.subject), []
        for span in ("watch", "hour"):
            names = ["timed", *(f"{span}_log{end}" for end in ("", "_city", "_even"))]
            own = {name: self.sums[name][:, m] for name in names}
            total = {name: np.nansum(one, axis=0)[:, 0] for name, one in own.items()}
            drawn = resample(own, self._weights)
            gain = drawn[f"{span}_log"] - drawn[f"{span}_log_city"]
            low, high = self._interval(ratio(gain[..., 0], drawn["timed"][..., 0]))
            metric = self._pooled[f"loglik_{span}"][m, :, 0]
            for k, kind in enumerate(self.kinds):
                events = total["timed"][k]
                if not events:
                    continue
                over = {end: (total[f"{span}_log"][k] - total[f"{span}_log_{end}"][k]) / events for end in _RIVALS}
                word = verdict(low[k], high[k], n_folds=self.n_folds // self.overlap, events=events)
                rows.append((kind, span, int(events), metric[k], over["city"], low[k], high[k], word, over["even"]))
        columns = ["kind", "span", "events", "loglik", "over_city", "low", "high", "verdict", "over_even"]
        return pd.DataFrame(rows, columns=columns)

    def skips(self) -> pd.DataFrame:
        """Return what was not scored: `fold, cutoff, kind, reason`."""
        rows = [(skip.fold, skip.cutoff, skip.kind, skip.reason) for skip in self.skipped]
        return pd.DataFrame(rows, columns=["fold", "cutoff", "kind", "reason"])

    def summary(self, *, width: int = 110) -> str:
        """Return what a planner should know, baselines that win or tie included, in lines of at most `width`."""
        return summary(self, self._tables, width=width)

    def figures(self) -> Figures:
        """Return the main numbers and the summary, fit for JSON."""
        return figures(self, self._tables)

    @property
    def _tables(self) -> Tables:
        return Tables(self.table(), self.differences(), self.ceiling(), self.profiles())

    def _long(self, name: str, value: Floats, draws: Floats) -> pd.DataFrame:
        low, high = self._interval(draws)
        model, kind, share = (axis.ravel() for axis in np.indices(value.shape))
        shares = np.array(self.area_shares) if value.shape[-1] == len(self.area_shares) and _at_share(name) else None
        return pd.DataFrame(
            {
                "model": np.array(self.models, object)[model],
                "kind": np.array(self.kinds, object)[kind],
                "metric": name,
                "area_share": np.nan if shares is None else shares[share],
                "value": value.ravel(),
                "low": low.ravel(),
                "high": high.ravel(),
            }
        )

    def _facts(self, kind: str, model: str, share: float) -> dict[str, object]:
        m, k, s = self.models.index(model), self.kinds.index(kind), self.shares.index(share)
        events = self.sums["events"][:, m, k, 0]
        return {
            "kind": kind,
            "model": model,
            "baseline": model in self.baselines,
            "folds": int(np.isfinite(events).sum()),
            "folds_without_events": int((events == 0).sum()),
            "events": int(np.nansum(events)),
            "expected": float(np.nansum(self.sums["expected"][:, m, k, 0])),
            "area_share": share,
            "saturated": float(np.nanmean(self.sums["saturated"][:, m, k, s])) if np.isfinite(events).any() else np.nan,
        }

    def _against_best(self, k: int, kind: str, name: str, s: int) -> list[dict[str, object]]:
        value, draws = self._pooled[name][:, k, s], self._drawn[name][:, :, k, s]
        known = [m for m, model in enumerate(self.models) if model in self.baselines and np.isfinite(value[m])]
        if not known:
            return []
        best = max(known, key=lambda m: (value[m], -m))
        events = float(np.nansum(self.sums["events"][:, best, k, 0]))
        low, high = self._interval(draws - draws[:, [best]])
        common = {
            "kind": kind, "metric": name, "area_share": self.area_shares[s] if _at_share(name) else np.nan,
            "baseline": self.models[best], "baseline_value": value[best],
        }  # fmt: skip
        return [
            {**common, "model": model, "value": value[m], "difference": value[m] - value[best], "low": low[m],
             "high": high[m], "verdict": verdict(low[m], high[m], n_folds=self.n_folds // self.overlap, events=events)}
            for m, model in enumerate(self.models) if m != best
        ]  # fmt: skip


_RIVALS = ("city", "even")


def _at_share(name: str) -> bool:
    return METRICS[name.removeprefix("harm_").removeprefix("ceiling_")].at_share
