"""The answer of a backtest of plans: harm met per week and plan, and what follows from it."""

from __future__ import annotations

import datetime as dt
import math
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import pandas as pd

from allocator.domain import Figures, Floats, Record
from allocator.evaluation.bootstrap import (
    BETTER,
    FEW_FOLDS,
    MIN_FOLDS,
    WORSE,
    block_length,
    block_weights,
    interval,
    resample,
    verdict,
)
from allocator.evaluation.forecasts import ratio
from allocator.evaluation.plans.clock import WITHIN
from allocator.evaluation.plans.rivals import FORESIGHT, OURS, PLANS
from allocator.facts import Note, note, records

DRAWS = 2000
MEASURES = (
    "harm_met", "events_visited", "events_expected", "events_during", "minutes", "visits", "places", "unit_shifts",
)  # fmt: skip
"""Sums of each plan and week; `events_expected`: by the forecast, in the cells and shifts of `events_visited`."""
COLUMNS = (
    "plan", "fold", "cutoff", "harm", "harm_met", "share_met", "met_per_100_hours", "events", "events_visited",
    "events_expected", "events_during_visits", "patrol_hours", "visits", "places", "unit_shifts",
)  # fmt: skip
"""Columns of the scores."""
NOT_PREVENTED = (
    "this is harm met, not harm prevented: it says where visits had been planned when harm occurred, not what they "
    "would have stopped or moved elsewhere"
)


@dataclass(frozen=True, eq=False)
class PlanScorecard:
    """Harm that plans of past weeks met, with the same units and patrol minutes.

    Harm met is Σ harm weight × (1 - exp(-a × visits planned in the event's cell and shift)), as a share of all harm of
    the week. It is **harm met, not harm prevented**. Pooled by sums over weeks; intervals are 95 %, of a moving-block
    bootstrap over weeks, and paired where plans are compared.

    Parameters
    ----------
    plans : tuple of str
        Names of `PLANS`, then "perfect_foresight": what a plan could have met that knew the week, an upper mark.
    cutoffs : tuple of datetime.date
        First day of each week.
    sums : mapping of str to (n_folds, n_plans) float64
        `MEASURES`.
    harm, events : (n_folds,) float64
        All that occurred.
    notes : tuple of Note
        What a reader must know.
    seed : int
        Seed of the bootstrap.
    block_minutes : int
        Length of a visit.
    diminishing : float
        a of the visit value.
    days : int
        Days of a week planned.
    clocked : mapping of str to (n_folds, n_plans) float64
        `CLOCK_MEASURES`; empty where they were not asked for.
    """

    plans: tuple[str, ...]
    cutoffs: tuple[dt.date, ...]
    sums: Mapping[str, Floats]
    harm: Floats
    events: Floats
    notes: tuple[Note, ...] = ()
    seed: int = 0
    block_minutes: int = 15
    diminishing: float = 0.7
    days: int = 7
    clocked: Mapping[str, Floats] = field(default_factory=dict)

    @property
    def n_folds(self) -> int:
        """Number of weeks."""
        return len(self.cutoffs)

    @cached_property
    def scores(self) -> pd.DataFrame:
        """One row per plan and week: `COLUMNS`. Harm is weighted events; `places` are cells times shifts visited."""
        fold, plan = (axis.ravel() for axis in np.indices((self.n_folds, len(self.plans))))
        flat = {name: one.ravel() for name, one in self.sums.items()}
        hours = flat["minutes"] / 60
        columns = {
            "plan": np.array(self.plans, object)[plan],
            "fold": fold,
            "cutoff": np.array(self.cutoffs, "datetime64[s]")[fold],
            "harm": self.harm[fold],
            "harm_met": flat["harm_met"],
            "share_met": ratio(flat["harm_met"], self.harm[fold]),
            "met_per_100_hours": 100 * ratio(flat["harm_met"], hours),
            "events": self.events[fold],
            "events_visited": flat["events_visited"],
            "events_expected": flat["events_expected"],
            "events_during_visits": flat["events_during"],
            "patrol_hours": hours,
            **{name: flat[name].astype(np.int64) for name in ("visits", "places", "unit_shifts")},
        }
        frame = pd.DataFrame({name: columns[name] for name in COLUMNS})
        return frame.sort_values(["plan", "fold"], key=self._in_order, kind="stable").reset_index(drop=True)

    def table(self) -> pd.DataFrame:
        """Return one row per plan, pooled over the weeks.

        Returns
        -------
        DataFrame
            `plan, made` (how)`, share_met, low, high, met_per_100_hours, gain` (ours minus this plan, as a share of
            all harm)`, gain_low, gain_high, gain_relative` (the same as a share of what this plan met)`, verdict`
            (of ours against it)`, events_visited, events_expected` (of the cells and shifts visited, by the forecast)`,
            events_during_visits` (all three per week)`, patrol_hours, unit_shifts`.
        """
        total = {name: one.sum(axis=0) for name, one in self.sums.items()}
        share = total["harm_met"] / self.harm.sum()
        low, high = self._interval(self._drawn)
        ours = self.plans.index(OURS)
        gain = share[ours] - share
        gain_low, gain_high = self._interval(self._drawn[:, [ours]] - self._drawn)
        said = [
            "" if name in (OURS, FORESIGHT) else self._verdict(gain_low[n], gain_high[n])
            for n, name in enumerate(self.plans)
        ]
        gain[ours] = gain_low[ours] = gain_high[ours] = np.nan
        weeks = self.n_folds
        return pd.DataFrame(
            {
                "plan": self.plans, "made": [PLANS.get(name, _FORESIGHT) for name in self.plans],
                "share_met": share, "low": low, "high": high,
                "met_per_100_hours": 100 * ratio(total["harm_met"], total["minutes"] / 60),
                "gain": gain, "gain_low": gain_low, "gain_high": gain_high, "gain_relative": ratio(gain, share),
                "verdict": said, "events_visited": total["events_visited"] / weeks,
                "events_expected": total["events_expected"] / weeks,
                "events_during_visits": total["events_during"] / weeks,
                "patrol_hours": total["minutes"] / 60 / weeks, "unit_shifts": total["unit_shifts"] / weeks,
            }
        )  # fmt: skip

    def by_clock(self) -> pd.DataFrame:
        """Return how many events happened soon after a visit in their cell had begun, per plan; each visit driven.

        Returns
        -------
        DataFrame
            `plan, minutes` (after the start)`, delivered` (visits a week)`, seen, written` (events a week: rounded
            times spread, and as written)`, expected` (by the forecast)`, ratio, low, high` (ours over this plan, with
            95 % interval)`, seen_over_expected`; empty where `by_clock` was not asked for.
        """
        rows, ours = [], self.plans.index(OURS)
        for n in WITHIN if self.clocked else ():
            seen, written, expected = (self.clocked[f"{name}_{n}"] for name in ("seen", "written", "expected"))
            drawn = resample({"seen": seen}, self._weights)["seen"]
            low, high = self._interval(ratio(drawn[:, [ours]], drawn))
            weekly = [self.clocked["delivered"].mean(axis=0), *(one.mean(axis=0) for one in (seen, written, expected))]
            for p, name in enumerate(self.plans):
                own = float(ratio(seen[:, ours].sum(), seen[:, p].sum()))
                rows.append((name, n, *(one[p] for one in weekly), own, low[p], high[p],
                             float(ratio(seen[:, p].sum(), expected[:, p].sum()))))  # fmt: skip
        columns = ["plan", "minutes", "delivered", "seen", "written", "expected", "ratio", "low", "high",
                   "seen_over_expected"]  # fmt: skip
        return pd.DataFrame(rows, columns=columns)

    @property
    def equal_minutes(self) -> bool:
        """Whether all plans had the same patrol minutes in every week (perfect foresight may leave some unused)."""
        real = [n for n, name in enumerate(self.plans) if name != FORESIGHT]
        return bool((np.ptp(self.sums["minutes"][:, real], axis=1) == 0).all())

    @property
    def best(self) -> str:
        """The plan that met most, perfect foresight aside."""
        rows = self.table()
        return str(rows.loc[rows.loc[rows["plan"] != FORESIGHT, "share_met"].idxmax(), "plan"])

    def summary(self, *, width: int = 110) -> str:
        """Return what a chief should know, rivals that win or tie included, in lines of at most `width`."""
        return wrapped(self._lines(), width)

    def figures(self) -> Figures:
        """Return `values` (numbers by name) and `lines` (label and text), fit for JSON: what is undefined is None."""
        return {
            "values": {
                "folds": self.n_folds,
                "first_cutoff": self.cutoffs[0].isoformat(),
                "last_cutoff": self.cutoffs[-1].isoformat(),
                "harm": float(self.harm.sum()),
                "events": float(self.events.sum()),
                "equal_minutes": self.equal_minutes,
                "meaning": NOT_PREVENTED,
                "plans": [plain(row) for row in self.table().to_dict("records")],
                "by_clock": [plain(row) for row in self.by_clock().to_dict("records")],
            },
            "lines": [[label, text] for label, text in self._lines()],
            "notes": records(self._all_notes()),
        }

    def _lines(self) -> list[tuple[str, str]]:
        rows = self.table().set_index("plan")
        ours, last = rows.loc[OURS], self.cutoffs[-1] + dt.timedelta(days=self.days - 1)
        weeks = "1 week" if self.n_folds == 1 else f"{self.n_folds} weeks"
        spread = "" if math.isnan(ours["low"]) else f" [{ours['low']:.1%} to {ours['high']:.1%}]"
        lines = [
            ("plans", f"{weeks}, {self.cutoffs[0]} to {last}; {self.events.sum():,.0f} events, harm {self._harm_text}"),
            ("meaning", NOT_PREVENTED),
            (
                "allocator",
                f"its plans met {ours['share_met']:.1%}{spread} of the harm that occurred, "
                f"{ours['met_per_100_hours']:.2f} per 100 hours of patrol",
            ),
        ]
        for name in self.plans:
            if name not in (OURS, FORESIGHT):
                lines.append((f"against {name}", self._against(rows.loc[name])))
        mark = rows.loc[FORESIGHT, "share_met"]
        lines.append((FORESIGHT, f"with the same units, a plan that knew each week would have met {mark:.1%}: the top"))
        lines.append((
            "events",
            f"{ours['events_visited']:,.0f} a week in cells and shifts that were to be visited, where the forecast "
            f"expected {ours['events_expected']:,.0f}{self._ratio_words()}; about "
            f"{ours['events_during_visits']:,.1f} while a unit would have been there, at any time of the shift alike",
        ))  # fmt: skip
        lines += self._clock_lines()
        if self.best != OURS:
            clear = rows.loc[self.best, "verdict"] == WORSE
            much = (
                "more than the plans of the allocator" if clear else "most, by too little to tell it from the allocator"
            )
            lines.append(("verdict", f"{self.best} met {much}"))
        same = "the same in all plans" if self.equal_minutes else "NOT the same in all plans: see the scores"
        lines.append(("minutes", f"{ours['patrol_hours']:,.0f} hours of patrol a week, {same}"))
        return lines + [("note" if not n else "", one.text) for n, one in enumerate(self._all_notes())]

    @property
    def _harm_text(self) -> str:
        return f"{self.harm.sum():,.0f}"

    def _against(self, row: pd.Series) -> str:
        low, high = 100 * row["gain_low"], 100 * row["gain_high"]
        spread = "" if math.isnan(low) else f" [{low:+.1f} to {high:+.1f}]"
        said = {BETTER: "the allocator's are better", WORSE: "IT IS BETTER than the allocator's"}
        words = said.get(row["verdict"], row["verdict"])
        change = f", {row['gain_relative']:+.0%} of what it met" if row["share_met"] > 0 else ""
        gain = f"the allocator's plans {100 * row['gain']:+.1f} points{spread}{change}"
        return f"{row['share_met']:.1%} met; {gain}: {words}"

    def _all_notes(self) -> list[Note]:
        notes = list(self.notes)
        if self.n_folds < FEW_FOLDS:
            notes.append(note("studies.few_weeks", few=FEW_FOLDS, least=MIN_FOLDS))
        return notes

    def _clock_lines(self) -> list[tuple[str, str]]:
        table = self.by_clock()
        said = [
            f"{row.seen:,.0f} within {row.minutes} minutes (expected {row.expected:,.0f}; {row.written:,.0f} by the "
            "times as written)" for row in table[table["plan"] == OURS].itertuples()
        ]  # fmt: skip
        told = "events a week after a visit in their cell had begun, visits driven"
        return [("by the clock", f"{told}: {'; '.join(said)}")] if said else []

    def _ratio_words(self) -> str:
        """Return observed over expected in the cells and shifts of our plans, with its interval over weeks."""
        ours = self.plans.index(OURS)
        seen, expected = (self.sums[name][:, ours] for name in ("events_visited", "events_expected"))
        if not expected.sum() > 0:
            return ""
        drawn = resample({"seen": seen, "expected": expected}, self._weights)
        low, high = self._interval(ratio(drawn["seen"], drawn["expected"])[:, None])
        spread = "" if math.isnan(low[0]) else f" [{low[0]:.2f} to {high[0]:.2f}]"
        return f" (ratio {seen.sum() / expected.sum():.3f}{spread})"

    def _verdict(self, low: float, high: float) -> str:
        return verdict(low, high, n_folds=self.n_folds, events=float(self.events.sum()))

    def _in_order(self, column: pd.Series) -> pd.Series:
        return column.map(self.plans.index) if column.name == "plan" else column

    @cached_property
    def _drawn(self) -> Floats:
        """Shares met of each draw of weeks, (draws, n_plans); the same weeks for all plans."""
        drawn = resample({"met": self.sums["harm_met"], "harm": self.harm[:, None]}, self._weights)
        return ratio(drawn["met"], drawn["harm"])

    @cached_property
    def _weights(self) -> Floats:
        return block_weights(self.n_folds, block_length(self.n_folds), draws=DRAWS, seed=self.seed)

    def _interval(self, draws: Floats) -> tuple[Floats, Floats]:
        if self.n_folds - block_length(self.n_folds) < 1:
            nothing = np.full(draws.shape[1], np.nan)
            return nothing, nothing.copy()
        return interval(draws)


_FORESIGHT = "what the optimiser would have made of the harm that occurred: the most that these units could meet"


def wrapped(lines: list[tuple[str, str]], width: int) -> str:
    """Return labels and texts as lines of at most `width` characters."""
    indent = min(2 + max(len(label) for label, _ in lines), width // 3)
    return "\n".join(
        line
        for label, text in lines
        for line in textwrap.wrap(text, width, initial_indent=f"{label:<{indent - 1}.{indent - 1}} ",
                                  subsequent_indent=" " * indent)
    )  # fmt: skip


def plain(row: Record) -> Figures:
    """Return a row fit for JSON: what is undefined is None."""
    return {str(key): None if isinstance(one, float) and not math.isfinite(one) else one for key, one in row.items()}
