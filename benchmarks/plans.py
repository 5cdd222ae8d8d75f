"""What plans of past weeks would have met, and what staff and equity are worth: the page PLANS.md.

    python benchmarks/plans.py [--folds 12] [--workers 1] [--keep DIR]

It is harm met, not harm prevented. Chicago and St. Louis need the data that their files in configs/ name; the demo city
needs none. With --keep, what each city gave is kept in DIR and read back, so that one can be run again alone.
"""

from __future__ import annotations

import argparse
import datetime as dt
import os
import platform
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pandas as pd

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import allocator as al
from allocator import pipeline
from allocator.evaluation.plans.rivals import FORESIGHT, OURS
from allocator.evaluation.plans.scenarios import Scenarios
from allocator.evaluation.plans.scorecard import NOT_PREVENTED, PlanScorecard

HERE = Path(__file__).resolve().parent
JOBS = {"Chicago": "chicago.toml", "St. Louis, 2016": "st_louis.toml", "Demo city (synthetic)": "demo.toml"}
TARGET = {"Chicago": {"ASSAULT": 1.0, "BATTERY": 1.0}}
VIOLENCE = {
    "Chicago": ("ASSAULT", "BATTERY"), "St. Louis, 2016": ("robbery", "aggravated_assault", "simple_assault"),
}  # fmt: skip
"""Kinds that weigh ten times the others in a second comparison; with a third for each kind alone."""
RIVALS = ("last_year", "all_history")


def row_of(cells: list[object]) -> str:
    return "| " + " | ".join(str(cell) for cell in cells) + " |"


def plan_table(card: PlanScorecard) -> list[str]:
    lines = [
        row_of(["plan", "harm met [95 %]", "per 100 patrol hours", "allocator minus this, points [95 %]", "relative",
                "the allocator is", "events in visited cells and shifts, a week", "expected there by the forecast",
                "expected during visits"]),
        row_of(["---", *["---:"] * 4, "---", "---:", "---:", "---:"]),
    ]  # fmt: skip
    for row in card.table().itertuples():
        own = row.plan == OURS
        gain = "" if own else f"{100 * row.gain:+.2f} [{100 * row.gain_low:+.2f}, {100 * row.gain_high:+.2f}]"
        lines.append(row_of([
            row.plan, f"{row.share_met:.2%} [{row.low:.2%}, {row.high:.2%}]", f"{row.met_per_100_hours:.2f}", gain,
            "" if own else f"{row.gain_relative:+.1%}", row.verdict or ("" if own else "upper mark"),
            f"{row.events_visited:,.0f}", f"{row.events_expected:,.0f}", f"{row.events_during_visits:,.1f}",
        ]))  # fmt: skip
    return lines


def weekly_table(card: PlanScorecard) -> list[str]:
    wide = card.scores.pivot_table(index="cutoff", columns="plan", values="share_met")[list(card.plans)]
    events = card.scores.groupby("cutoff")["events"].first()
    lines = [row_of(["week of", "events", *card.plans]), row_of(["---", *["---:"] * (1 + len(card.plans))])]
    return lines + [
        row_of([f"{cutoff:%Y-%m-%d}", f"{events[cutoff]:,.0f}", *(f"{value:.2%}" for value in row)])
        for cutoff, row in zip(wide.index, wide.to_numpy(), strict=True)
    ]


def scenario_table(found: Scenarios) -> list[str]:
    lines = [
        row_of(["scenario", "unit-shifts on duty", "expected harm covered", "of all", "change", "gap",
                "worst-off and best-off district", "in the way"]),
        row_of(["---", *["---:"] * 5, "---", "---"]),
    ]  # fmt: skip
    for row in found.frame.itertuples():
        if row.status != "planned":
            lines.append(row_of([row.scenario, f"{row.on_duty:,.0f}", *[""] * 5, row.conflict]))
            continue
        lines.append(row_of([
            row.scenario, f"{row.on_duty:,.0f}", f"{row.harm_covered:,.1f}", f"{row.covered_share:.2%}",
            f"{row.change:+.2%}", f"{row.gap:.1e}", f"{row.least_served:.2f} to {row.most_served:.2f}", "",
        ]))  # fmt: skip
    return lines


def backtest_of(job: al.Job, folds: int, workers: int) -> PlanScorecard:
    if workers == 1:
        return pipeline.backtest_plans(job, folds=folds)
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        return pipeline.backtest_plans(job, folds=folds, executor=pool)


def weighed(job: al.Job, name: str) -> dict[str, dict[str, float]]:
    """Return the harm weights of the further comparisons: violence × 10, and each kind alone."""
    violent, kinds = VIOLENCE.get(name, ()), job.data.kinds or ()
    if not violent:
        return {}
    found = {"violence × 10": {kind: 10.0 if kind in violent else 1.0 for kind in kinds}}
    return found | {f"{kind} alone": {other: float(other == kind) for other in kinds} for kind in kinds}


def weighed_table(cards: dict[str, PlanScorecard]) -> list[str]:
    """Return what plans for other harm weights met of that harm, beside those of the counts by watch."""
    head = ["harm", "events", "allocator met"]
    head += [text for name in RIVALS for text in (f"{name} met", f"allocator minus {name}, points [95 %]")]
    head += ["events seen / expected in visited cells and shifts"]
    lines = [row_of(head), row_of(["---", *["---:"] * 2, *["---:", "---"] * len(RIVALS), "---:"])]
    for title, card in cards.items():
        rows = card.table().set_index("plan")
        ours = rows.loc[OURS]
        cells = [title, f"{card.events.sum():,.0f}", f"{ours['share_met']:.2%}"]
        for name in RIVALS:
            row = rows.loc[name]
            gain = f"{100 * row['gain']:+.2f} [{100 * row['gain_low']:+.2f}, {100 * row['gain_high']:+.2f}]"
            cells += [f"{row['share_met']:.2%}", f"{gain} {row['verdict']}"]
        lines.append(row_of([*cells, f"{ours['events_visited'] / ours['events_expected']:.3f}"]))
    return lines


def part_of(name: str, folds: int, workers: int) -> list[str]:
    job = al.read_job(HERE.parent / "configs" / JOBS[name])
    start = time.perf_counter()
    card = backtest_of(job, folds, workers)
    middle = time.perf_counter()
    section = job.scenarios.model_copy(update={"harm": TARGET.get(name, {})})
    found = pipeline.scenarios_job(job.model_copy(update={"scenarios": section}))
    stop = time.perf_counter()
    others = {}
    for title, harm in weighed(job, name).items():
        policy = job.policy.model_copy(update={"harm": harm})
        others[title] = backtest_of(job.model_copy(update={"policy": policy}), folds, workers)
    terms = job.allocation
    units = card.scores[card.scores["plan"] == OURS]["unit_shifts"].mean()
    hours = card.table()["patrol_hours"].iloc[0]
    equal = "equal in every week" if card.equal_minutes else "NOT EQUAL"
    lines = [
        f"## {name}", "",
        f"{card.n_folds} weeks from {card.cutoffs[0]}, each planned from what was known before it; "
        f"{card.events.sum():,.0f} events. Model “{job.risk.model}”, visits of {terms.block_minutes} minutes, "
        f"a = {terms.diminishing:g}, at most {terms.max_blocks} a cell and shift; {units:,.0f} unit-shifts and "
        f"{hours:,.0f} patrol hours a week ({equal} for all plans); harm weights: {job.policy.harm_source}. "
        f"{job.job.note}", "",
        *plan_table(card), "",
        f"{FORESIGHT}: what the optimiser would have made of the harm that occurred. {middle - start:,.0f} s in all, "
        f"{(middle - start) / card.n_folds:.1f} s a week, {workers} process{'es' * (workers > 1)}.", "",
        "How each plan is made:", "", *(f"- {row.plan}: {row.made}" for row in card.table().itertuples()), "",
    ]  # fmt: skip
    if others:
        lines += [
            "### Other harm weights", "",
            "Each plan is made for the harm of its row and judged by it; the same weeks, units and minutes. Events of "
            "kinds that weigh nothing are not counted.", "", *weighed_table({"as above": card, **others}), "",
        ]  # fmt: skip
    return [
        *lines, "### Week by week", "", *weekly_table(card), "",
        f"### Scenarios for the week of {job.job.week}", "",
        "Expected harm covered, by the forecast and before routes. District figures: patrol minutes per expected harm, "
        "relative to the city's, of districts whose harm is worth a unit-shift or more.", "",
        *scenario_table(found), "",
        *(f"- {label}: {text}" for label, text in found.figures()["lines"] if label != "plan"), "",
        f"One forecast and {len(found.frame)} plans: {stop - middle:,.0f} s.", "",
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folds", type=int, default=12)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path)
    given = parser.parse_args()
    found = pipeline.versions()
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {found['python']}, allocator {found['allocator']}"
    lines = [
        "# Plans of past weeks, and scenarios", "",
        "Made by `python benchmarks/plans.py`; do not edit.", "",
        f"{pd.Timestamp(dt.datetime.now(dt.UTC)):%Y-%m-%d}; {machine}, lightgbm {found['lightgbm']}, ortools "
        f"{found['ortools']}.", "",
        f"**Read this first:** {NOT_PREVENTED}. Harm met is Σ harm weight × (1 - exp(-a × visits planned in the "
        "event's cell and shift)), as a share of the week's harm. Intervals: paired block bootstrap over weeks.", "",
    ]  # fmt: skip
    for name, file in JOBS.items():
        kept = given.keep / file.replace("toml", "md") if given.keep else None
        if kept is None or not kept.exists():
            part = part_of(name, given.folds, given.workers)
            if kept is None:
                lines += part
                continue
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text("\n".join(part), "utf-8")
        lines += kept.read_text("utf-8").split("\n")
    (HERE / "PLANS.md").write_text("\n".join(lines).rstrip() + "\n", "utf-8")


if __name__ == "__main__":
    main()
