"""The numbers of a run, and the lines that say them."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from allocator.config import Policy
from allocator.domain import (
    ALL_KINDS,
    Calls,
    Covariates,
    Events,
    Figures,
    Plan,
    Run,
    one_more_unit,
    overlap,
)
from allocator.evaluation import YARDSTICK, Case, clock_gains, coverage, gains, hit_rate
from allocator.facts import Note, records
from allocator.report.look import ONE_DAY, harm_word, mark
from allocator.report.run.past import gain_words, picked_words, power_words, stack_words
from allocator.risk import AUTO, READERS, Fitted


@dataclass(frozen=True, eq=False)
class Draft:
    """A run without its numbers, and what it was made from.

    Parameters
    ----------
    run : Run
        Its `figures` and `manifest` do not count.
    fitted : Fitted
        The forecast, with its held-out windows and fallbacks.
    events : Events
        Those that train the model.
    rivals : mapping of str to float
        Objective of the baseline solvers on the same problem.
    covariates : Covariates, optional
        What is known of places and days beside the events.
    calls : Calls, optional
        Calls received before the week, with the rows that were left out or changed.
    area : tuple of Note
        What is told of the study area.
    """

    run: Run
    fitted: Fitted
    events: Events
    rivals: Mapping[str, float]
    covariates: Covariates | None = None
    calls: Calls | None = None
    area: tuple[Note, ...] = ()

    @property
    def of_inputs(self) -> tuple[Note, ...]:
        """What is told of area, events, calls and roster, once each."""
        calls = () if self.calls is None else self.calls.notes
        return tuple(dict.fromkeys((*self.area, *self.events.notes, *calls, *self.run.roster.notes)))


def figures(m: Draft) -> Figures:
    """Return `values` (numbers by name), `lines` (label and text) and `notes` (records), fit for JSON."""
    values = {**_forecast_values(m), **_plan_values(m), "stamp": mark(m.run.job, m.run.plan)}
    lines = [
        *_head(m, values), *_forecast_lines(m, values), *_covariate_lines(m), *_plan_lines(m, values),
        *_outreach_lines(m),
    ]  # fmt: skip
    notes = (
        *m.of_inputs, *m.run.problem.notes, *m.fitted.notes, *m.run.plan.softened,
        *m.run.plan.unmet,
        *m.run.outreach.unmet, *m.run.outreach.notes,
    )  # fmt: skip
    return {
        "values": _without_nan(values),
        "lines": [[label, text] for label, text in lines],
        "notes": records(dict.fromkeys(notes)),
    }


def _without_nan(value: object) -> Any:
    """Return numbers by name with None for what is no number, such as a skill on no event: JSON has none for it."""
    if isinstance(value, Mapping):
        return {key: _without_nan(one) for key, one in value.items()}
    return None if isinstance(value, float) and not math.isfinite(value) else value


def with_notes(made: Figures, more: Iterable[Note], label: str) -> Figures:
    """Return figures that also tell what was only known after they were made, in lines under a label."""
    told = list(more)
    if not told:
        return made
    lines = [[label if not n else "", one.text] for n, one in enumerate(told)]
    return {**made, "lines": [*made["lines"], *lines], "notes": [*made["notes"], *records(told)]}


def _forecast_values(m: Draft) -> Figures:
    expected = m.run.surface.mean.sum(axis=(0, 1), dtype=np.float64)
    held, chosen, area = m.fitted.hold_out, m.fitted.honest_rates, m.fitted.panel.city.area_km2
    gained = gains(
        held.actual, chosen, held.rates[YARDSTICK], held.covered, area_km2=area, overlap=held.overlap
    ) | clock_gains(m.fitted.panel, m.fitted.profile_before)  # fmt: skip
    actual = held.counted(held.actual).sum(axis=1)
    rates = {name: held.counted(rate).sum(axis=1) for name, rate in {"chosen": chosen, **held.rates}.items()}
    seen = actual.sum(axis=1) > 0  # a window without events tells nothing of places
    hits = {
        name: float(np.average(
            [hit_rate(Case(n, r, area), 0.01) for n, r in zip(actual[seen], rate[seen], strict=True)],
            weights=actual[seen].sum(axis=1),
        )) if seen.any() else math.nan
        for name, rate in rates.items()
    }  # fmt: skip
    pooled = m.run.skill[m.run.skill["kind"] == ALL_KINDS].iloc[0]
    return {
        "expected_events": dict(zip(m.run.surface.kinds, np.round(expected, 3).tolist(), strict=True)),
        "expected_harm": float(m.run.surface.expected_harm.sum()),
        "loglik_per_event": {
            "chosen": gained["loglik"].value,
            **{name: float(pooled[name]) for name in m.fitted.hold_out.rates},
        },
        "hit_rate_1_percent": hits,
        "stack": {kind: m.fitted.stack.of(row) for row, kind in enumerate(m.run.surface.kinds)},
        "power": {
            kind: float(power)
            for kind, power in zip(m.run.surface.kinds, m.fitted.stack.power, strict=True)
            if power != 1
        },
        "skill": {"yardstick": YARDSTICK, **{name: dataclasses.asdict(one) for name, one in gained.items()}},
        "held_out_events": int(actual.sum()),
        "held_out_windows": len(actual),
        "held_out_days": m.fitted.history.training.horizon,
    }


def _covariate_lines(m: Draft) -> list[tuple[str, str]]:
    if m.covariates is None:
        return []
    told = []
    if m.covariates.names:
        used = {kind: m.fitted.stack.of(row) for row, kind in enumerate(m.run.surface.kinds)}
        without = [f"{kind.lower()} ({' + '.join(own)})" for kind, own in used.items() if not own.keys() & set(READERS)]
        unused = f"; not used for {', '.join(without)}" if without else ""
        told.append(f"of places: {', '.join(m.covariates.names)}{unused}")
    if m.covariates.daily_names:
        told.append(f"of days, for the level of the city: {', '.join(m.covariates.daily_names)}")
    return [("covariates" if not n else "", text) for n, text in enumerate(told)]


def _plan_values(m: Draft) -> Figures:
    value, plan = m.run.problem.value, m.run.plan
    return {
        "covered": coverage(plan.objective, value),
        "covered_bound": coverage(plan.bound, value),
        "gap": plan.gap,
        "delivered": coverage(plan.delivered, value),
        "delivered_gap": plan.delivered_gap,
        "rivals": {name: coverage(objective, value) for name, objective in m.rivals.items()},
        "expected_hits": _expected_hits(m),
        "visits": len(plan.visits),
        "places": int(plan.visits["cell"].nunique()),
        "unit_shifts": int(m.run.problem.on_duty.sum()),
        "outreach_holdings": len(m.run.outreach.items),
        "outreach_gap": m.run.outreach.gap,
    }


def _expected_hits(m: Draft) -> dict[str, float]:
    """Return the events expected in the cells and shifts that get a visit, with their predictive interval."""
    visits, surface = m.run.plan.visits, m.run.surface
    chosen = np.zeros(surface.mean.shape[:2], np.bool_)
    chosen[pd.Index(surface.shifts).get_indexer(visits["shift"]), visits["cell"].to_numpy()] = True
    return dict(zip(("mean", "lower", "upper"), surface.expected_in(chosen), strict=True))


def _head(m: Draft, values: Figures) -> list[tuple[str, str]]:
    shifts, city, panel = m.run.roster.shifts, m.fitted.panel.city, m.fitted.panel
    last = shifts[-1].day
    lines = [("", f"{m.run.job.job.name}: {shifts[0].day} to {last}, {len(shifts)} shifts ({m.run.job.job.timezone})")]
    lines += [("note", text) for text in (m.run.job.job.note, values["stamp"]) if text]
    size = {"squares": f"squares of {city.size_m:g} m", "hexagons": f"hexagons with {city.size_m:g} m edges"}
    lines.append(
        ("area", f"{city.n_cells:,} {size.get(city.kind, 'polygons')}, {city.area_km2.sum():,.1f} km², "
                 f"{len(city.districts)} districts" + (f", {len(city.beats)} beats" if city.beats else ""))
    )  # fmt: skip
    used = int(panel.netted.count.sum())
    read = m.events.ledger.get("read", len(m.events))
    lines.append(
        ("history", f"{used:,} of {read:,} rows train the model: {panel.first_day} to {panel.stop_day - ONE_DAY}")
    )  # fmt: skip
    if late := (m.run.job.job.week - panel.stop_day).days:
        lines.append(("", f"the history ends {late} days before the week: the forecast is that of the week after it"))
    told = {
        f"{known.get('reason')}: {kind}"
        for known in m.events.notes if known.cause == "history.kinds_not_trained" for kind in known.named("kind")
    }  # fmt: skip
    ledger = [f"{reason} {n:,}" for reason, n in m.events.ledger.items() if n and reason not in ("read", *told)]
    if ledger:
        lines.append(("", f"counted: {', '.join(ledger)}"))
    lines += [("", told.text) for told in dict.fromkeys((*m.area, *m.events.notes, *m.run.roster.notes))]
    if m.calls is not None:
        counted = [f"{reason} {n:,}" for reason, n in m.calls.ledger.items() if n]
        lines.append(("", f"{len(m.calls):,} calls were received before the week; rows {', '.join(counted)}"))
        lines += [("", told.text) for told in dict.fromkeys(m.calls.notes)]
    return lines


def _forecast_lines(m: Draft, values: Figures) -> list[tuple[str, str]]:
    expected = values["expected_events"]
    by_kind = ", ".join(f"{kind.lower()} {_count(n)}" for kind, n in expected.items())
    harm = "" if (m.run.surface.harm == 1).all() else f", {values['expected_harm']:,.0f} weighted by harm"
    skill, hits = values["loglik_per_event"], values["hit_rate_1_percent"]
    others = ", ".join(f"{name} {score:.3f}" for name, score in skill.items() if name != "chosen")
    rest = ", ".join(f"{name} {hit:.1%}" for name, hit in hits.items() if name != "chosen")
    gained = values["skill"]
    picked = picked_words(values, "weeks") if m.fitted.model == AUTO else ""
    return [
        ("forecast", f"{sum(expected.values()):,.0f} events expected ({by_kind}){harm}; model "
                     f"{stack_words(values['stack'])}{power_words(values['power'])}"),
        ("", f"split between shifts: {m.run.surface.profile_source}{_overlap(m)}; "
             f"harm weights: {_harm_words(m)}"),
        ("skill", f"on the {_windows(m, values)}{picked}: log-likelihood per event {skill['chosen']:.3f}, plain counts "
                  f"({YARDSTICK}) {skill[YARDSTICK]:.3f}: {gain_words(gained['loglik'])}"),
        ("", f"the top 1 % of the area held {hits['chosen']:.1%} of the {values['held_out_events']:,} events, of plain "
             f"counts {hits[YARDSTICK]:.1%}: {gain_words(gained['hit_rate'])}"),
        *_clock_lines(gained),
        ("", f"single models: {others}; {rest}"),
        *(("", told.text) for told in m.fitted.notes),
    ]  # fmt: skip


def _clock_lines(gained: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what the hours of each place say more than those of the city, where times carry hours."""
    if "watch" not in gained:
        return []
    watch = gained["watch"]
    if watch["value"] is None or not math.isfinite(watch["value"]):
        return []
    even, city = (math.exp(watch["value"] - other) for other in (math.log(8 / 168), watch["yardstick"]))
    return [("", f"when: by the hours of its own place, the 8 hours of the day in which an event fell were {even:.2f} "
                 f"times as likely as by even hours, and {city:.3f} times as by the city's hours of its kind; log of "
                 f"that {gain_words(watch)}")]  # fmt: skip


def _harm_words(m: Draft) -> str:
    if m.run.job.policy.harm and m.run.job.policy.harm_source == Policy().harm_source:
        return "those of the job file; it names no source (policy.harm_source)"
    return m.run.job.policy.harm_source


def _given(m: Draft) -> str:
    """Return what the bound rests on where shifts overlap: it is loose there."""
    return "" if m.run.problem.turn is None else "bounding shifts that overlap each on its own, "


def _overlap(m: Draft) -> str:
    if not overlap(m.run.roster.shifts):
        return ""
    return " (shifts overlap: what falls into several counts in each in equal parts; visits of all protect it)"


def _windows(m: Draft, values: Figures) -> str:
    n, days = values["held_out_windows"], values["held_out_days"]
    if days <= 7:
        return f"last {n} weeks" if n > 1 else "last week"
    return f"last {n} windows of {days} days (begun a week apart, so an event counts in several)"


def _plan_lines(m: Draft, values: Figures) -> list[tuple[str, str]]:
    duty, plan = m.run.problem.on_duty, m.run.plan
    asked = plan.staffing[plan.staffing["units_required"] > 0]
    met = (asked["units_assigned"] >= asked["units_required"]).sum()
    rivals, hits = ", ".join(f"{name} {share:.2%}" for name, share in values["rivals"].items()), values["expected_hits"]
    lines = [
        ("staffing", f"{duty.sum():,} unit-shifts, {duty.min()} to {duty.max()} units per shift; "
                     + (f"minimums met in {met:,} of the {len(asked):,} district-shifts that have one" if len(asked)
                        else "no district has a minimum")),
        ("patrol", f"{values['visits']:,} visits of {m.run.job.allocation.block_minutes} minutes at "
                   f"{values['places']:,} places cover {values['covered']:.2%} of the expected harm"),
        ("", f"{_given(m)}no plan can cover more than {values['covered_bound']:.2%} (gap "
             f"{percent(values['gap'])}); {rivals}"),
        ("", f"expected in those places during those shifts: {hits['mean']:,.0f} events, "
             f"{m.run.surface.interval:.0%} interval {hits['lower']:,.0f} to {hits['upper']:,.0f}"),
        ("delivered", f"{values['delivered']:.2%} after travel and time (gap {percent(values['delivered_gap'])})"),
    ]  # fmt: skip
    lines += _edit_lines(m)
    busiest = plan.staffing.sort_values(["covered_harm", "district", "shift"], ascending=[False, True, True]).head(3)
    most = "; ".join(
        f"district {one.district}, {one.shift} ({one.units_assigned} {_units(one.units_assigned)})"
        for one in busiest.itertuples()
    )
    lines.append(("most in", most))
    lines += _staffing_lines(m) + worth_lines(plan, harm_word(m.run.surface.harm))
    lines += [("softened" if not n else "", one.text) for n, one in enumerate(plan.softened)]
    return lines + [("unmet" if not n else "", one.text) for n, one in enumerate(plan.unmet)]


def _edit_lines(m: Draft) -> list[tuple[str, str]]:
    """Return how many hand edits were kept, by whom, and those that were not."""
    edits = m.run.roster.edits
    if not edits:
        return []
    outcome = [m.run.plan.outcome(edit) for edit in edits]
    kept = [edit for edit, one in zip(edits, outcome, strict=True) if one == "kept"]
    by = ", ".join(f"{n} of {who}" for who, n in Counter(edit.who for edit in kept).items())
    told = [f"{len(kept)} of {len(edits)} are respected" + (f" ({by})" if by else "")]
    told += [
        f"{edit.action} of {edit.unit or f'cell {edit.cell}'} in {edit.shift} by {edit.who}: {one}"
        for edit, one in zip(edits, outcome, strict=True)
        if one != "kept"
    ]
    return [("hand edits" if not n else "", text) for n, text in enumerate(told)]


def _staffing_lines(m: Draft) -> list[tuple[str, str]]:
    """Return what calls leave of the units' time, where calls are known."""
    known = m.run.plan.staffing[m.run.plan.staffing["wait_min"].notna()]
    if not len(known):
        return []
    finite = known[np.isfinite(known["wait_min"])]
    calls = float((finite["calls_per_hour"]).sum())
    wait = float((finite["wait_min"] * finite["calls_per_hour"]).sum() / max(calls, 1e-12))
    free = _left_share(m, known)
    hours = known["busy_minutes"].sum() / 60
    return [("calls", f"take {hours:,.0f} unit-hours; a caller waits {wait:.1f} minutes for a free unit on average; "
                      f"{free:.0%} of the units' time is left for directed patrol")]  # fmt: skip


def _left_share(m: Draft, known: pd.DataFrame) -> float:
    """Return the share of the units' time that neither calls nor other work take; districts that help share theirs."""
    minutes = known["shift"].astype("str").map({shift.id: shift.minutes for shift in m.run.roster.shifts})
    time = known["units_assigned"] * minutes
    left = time * (1 - m.run.job.staffing.other_share) - known["busy_minutes"]
    if m.run.job.staffing.help == "city":
        left = left.groupby(known["shift"], observed=True).sum()
    return float(left.clip(lower=0).sum() / max(float(time.sum()), 1.0))


def worth_lines(plan: Plan, harm: str) -> list[tuple[str, str]]:
    """Return what more staff would bring and what each limit costs, in plain words."""
    units = plan.worth[plan.worth["change"].isin([one_more_unit(shift) for shift in plan.staffing["shift"].unique()])]
    limits = plan.worth.drop(units.index)
    told = []
    if len(units):
        best, least = units.iloc[0], units.iloc[-1]
        told.append(
            f"{best['change']} is worth {best['harm']:.2f} {harm} covered, the most of any shift; {least['change']} "
            f"{least['harm']:.2f}, the least"
        )
    for row in limits.itertuples():
        told.append(f"{row.change}: {row.harm:.2f} more would be covered ({row.share:.1%})")
    return [("worth" if not n else "", text) for n, text in enumerate(told)]


def _count(n: float) -> str:
    return f"{n:,.0f}" if n >= 1 else f"{n:.2g}"


def _units(n: int) -> str:
    return "unit" if n == 1 else "units"


def percent(share: float) -> str:
    """Return a small share in percent, with as many places as it takes."""
    return "unknown" if not np.isfinite(share) else f"{share:.4%}" if share < 0.001 else f"{share:.2%}"


def _outreach_lines(m: Draft) -> list[tuple[str, str]]:
    if m.run.job.outreach is None:
        return []
    items, plan = m.run.outreach.items, m.run.outreach
    weeks = -(-m.run.job.job.days // 7) if m.run.job.outreach.weeks is None else m.run.job.outreach.weeks
    over = "" if weeks == 1 else f" over {weeks} weeks"
    prevented = float(items["benefit"].sum())
    text = (
        f"{len(items)} holdings{over} make {int(items['reach'].sum()):,} contacts for {plan.spent:,.0f} of "
        f"{plan.budget:,.0f}; under the assumed effects {prevented:.2f} expected harm prevented in the "
        f"{m.run.job.outreach.horizon_weeks:g} weeks after ({plan.low:.2f} to {plan.high:.2f} at the ends of the "
        f"assumptions; gap {percent(plan.gap)})"
    )
    lines = [("outreach", text)]
    by_type = items["type"].value_counts().sort_index()
    if len(items):
        lines.append(("", ", ".join(f"{n} {kind.replace('_', ' ')}" for kind, n in by_type.items())))
    lines += [("", told.text) for told in (*plan.unmet, *plan.notes)]
    if len(plan.worth):
        best = plan.worth.sort_values("harm", ascending=False, kind="stable").head(3)
        lines += [("", f"{row.change}: at most {row.harm:.2f} more would be prevented") for row in best.itertuples()]
    return lines
