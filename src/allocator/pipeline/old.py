"""From a job to a run: the only place that knows the order of the stages."""

from __future__ import annotations

import dataclasses
import datetime as dt
import hashlib
import importlib.metadata
import importlib.resources as resources
import json
import platform
import re
import sys
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from allocator import evaluation, io, planning, report, risk, synthetic
from allocator.config import Job, ShiftSection
from allocator.domain import (
    Area,
    Bools,
    Calls,
    Covariates,
    Events,
    Givens,
    Initiative,
    Panel,
    Plan,
    RiskSurface,
    Roster,
    Run,
    Shift,
    Staffing,
    Tessellation,
    local_clock,
    shifts_of,
)
from allocator.errors import ConfigError, DataError, OutputError, nearest
from allocator.evaluation import (
    DeliveryCard,
    PlanScorecard,
    PlanTerms,
    PlanWeek,
    Scenarios,
    Scorecard,
    Setting,
    backtest,
)
from allocator.facts import Note, note, texts
from allocator.pipeline import outreach as seasons

Progress = Callable[[str], None]
"""Called with the name of each stage as it starts."""

ENGINES = (
    "allocator", "numpy", "numba", "pandas", "pyarrow", "shapely", "geopandas", "pyproj", "scipy", "lightgbm",
    "ortools", "pyvrp",
)  # fmt: skip
"""Packages whose versions a manifest records."""


def run(job: Job, *, soften: bool = False, progress: Progress | None = None) -> Run:
    """Return the run of a job: forecast, plan and everything needed to save, explain and re-plan it.

    Parameters
    ----------
    job : Job
        From `read_job`.
    soften : bool
        Where no plan keeps every limit, bend them as little as it takes, and say so.
    progress : callable, optional
        Called with the name of each stage as it starts.

    Raises
    ------
    ConfigError, DataError, InfeasibleError, SolverError
        With every fault that can be told at once.
    """
    clock = _Stopwatch(progress)
    _check_door(job)
    with clock("study area"):
        area = io.read_job_area(job)
        city = tessellate(job, area)
    with clock("rosters"):
        shifts = _shifts_from(job, job.job.week)
        roster = duty_of(job, city, shifts)
        staffed = with_minimums(job, roster, city)
        givens = _givens(job, city, roster)
        check_limits(staffed, city, roster, givens, soften=soften)
    with clock("calls"):
        calls, short = _calls_before(job, city)
        workload = _workload(staffed, city, roster, calls)
        givens, short = _with_calls(givens, workload, roster, staffed, short)
        openings, travel = openings_of(job, city, roster, givens.places), io.read_job_travel(job, city)
        inputs = seasons.read_outreach(job, city)
    with clock("covariates"):
        covariates = io.read_job_covariates(job, city)
    with clock("event history"):
        events = history(job, area)
        panel = panel_of(job, events, city)
        check_offers(inputs.offers.initiatives if inputs else (), panel.kinds)
    with clock("forecast"):
        fitted = risk.fit(
            panel, job.risk.model, job.risk.horizon_days, options=job.risk, covariates=covariates, seed=job.job.seed
        )
        surface = fitted.forecast(shifts=shifts, harm=job.policy.harm)
    terms: dict[str, Any] = {"allocation": job.allocation, "staffing": staffed.staffing}
    with clock("outreach"):
        problem = planning.build_problem(surface, roster, job.policy, **terms, givens=givens)
        outreach = seasons.outreach_of(job, inputs, surface, panel, roster=roster, problem=problem)
        roster = seasons.without_detached(roster, outreach)
        givens, unkept = seasons.asked_of_patrol(
            job, outreach, surface, roster=roster, inputs=inputs, problem=problem, givens=givens
        )
    with clock("allocation"), planning.naming_edits(roster.edits):
        if len(outreach.detached) or givens.visits or givens.limits:
            problem = planning.build_problem(surface, roster, job.policy, **terms, givens=givens)
        problem, softened = planning.soften(problem) if soften else (problem, ())
        rivals = planning.rivals_of(problem, job.allocation.solver)
    with clock("duty and routes"), planning.naming_edits(roster.edits):
        plan = planning.plan_patrol(
            problem, surface, roster, allocation=job.allocation, routes=job.routes, travel=travel, openings=openings,
            seed=job.job.seed, softened=softened,
        )  # fmt: skip
        plan = seasons.with_event_visits(_with_waits(plan, workload, (*short, *unkept)), givens, problem.shifts)
    with clock("summary"):
        facts = report.Material(
            job=job, events=events, panel=panel, surface=surface, roster=roster, problem=problem, plan=plan,
            outreach=outreach, skill=fitted.skill(), notes=fitted.notes, rivals=rivals, actual=fitted.hold_out.actual,
            window_days=fitted.history.training.horizon, rates=fitted.hold_out.rates, covariates=covariates,
        )  # fmt: skip
        figures = report.figures(facts)
        past = evaluation.look_back(panel, job.job.week, actual=facts.actual, rates=facts.rates)
    return Run(
        job=job, surface=surface.with_reasons_of(plan.visits["cell"].to_numpy()), roster=roster, problem=problem,
        plan=plan, outreach=outreach, skill=facts.skill, model_text=fitted.model_text(), histories=fitted.state(),
        figures=figures, manifest=_manifest(job, facts, area.notes, clock.seconds), history=past,
    )  # fmt: skip


def _check_door(job: Job) -> None:
    """Refuse, before any work, files that are missing and products that cannot be made."""
    io.check_files(job)
    report.check_products(job.output.products)


def save_run(
    run: Run, folder: str | Path, *, overwrite: bool = False, earlier: Run | None = None, before: Run | None = None
) -> Path:
    """Write the run folder of `run`, complete or not at all, and return its path.

    Against an `earlier` run of the same week, `changes.csv` lists the visits that differ, each with its reason. With
    the run of a week `before`, such as `week_before` finds, the report compares both plans.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    io.check_output(folder, overwrite=overwrite)
    pages = {**report.route_files(run), **_roster_pages(run), **_outreach_pages(run)}
    if earlier is not None:
        pages["changes.csv"] = io.csv_text(run.plan.diff(earlier.plan)).encode("utf-8")
    made = products_of(run, run.job.output.products, before=before, others=pages)
    pages |= made | {PRODUCT_HASHES: _hashes_of(made)}
    return io.write_run(run, folder, pages=pages, overwrite=overwrite)


PRODUCT_HASHES = "products.json"
"""File of a run folder with the SHA-256 of each product: one that was changed by hand since is never replaced."""


def _hashes_of(files: Mapping[str, bytes], known: Mapping[str, str] | None = None) -> bytes:
    hashes = {**(known or {}), **{name: hashlib.sha256(content).hexdigest() for name, content in files.items()}}
    return (json.dumps(dict(sorted(hashes.items())), indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def products_of(
    run: Run, wanted: Sequence[str], *, before: Run | None = None, others: Collection[str] = ()
) -> dict[str, bytes]:
    """Return what people look at, print, edit and load of a run, by path in its folder.

    Parameters
    ----------
    run : Run
        From `run` or `load_run`.
    wanted : sequence of str
        Names as in `output.products`.
    before : Run, optional
        An earlier run that the report compares with.
    others : collection of str
        Paths of products that are there already, which the report points to.

    Raises
    ------
    ConfigError
        If a product is unknown, or its library is not installed.
    """
    report.check_products(wanted)
    return report.products(run, wanted, before=before, others=others)


def remake_products(
    folder: str | Path, *, wanted: Sequence[str] | None = None, out: str | Path | None = None,
    against: str | Path | None = None,
) -> tuple[Path, dict[str, bytes]]:  # fmt: skip
    """Make the products of a run folder again, and return where they are with what was written.

    Parameters
    ----------
    folder : path
        The run folder.
    wanted : sequence of str, optional
        Names as in `output.products`; by default those of the job.
    out : path, optional
        Folder to make for them; by default they replace those of the run folder, each file whole or not at all.
    against : path, optional
        Run folder that the report compares with; by default that of the week before, if it lies beside this one.

    Raises
    ------
    ConfigError, DataError, OutputError
        If a product is unknown, a folder is not that of a whole run, or nothing can be written there.
    """
    place = Path(folder)
    if out is not None:
        io.check_output(out)
    else:
        io.check_writable(place)
    run = io.load_run(place)
    names = run.job.output.products if wanted is None else wanted
    before = week_before(run, place) if against is None else io.load_run(against)
    if out is not None:
        files = products_of(run, names, before=before)
        return io.write_files(files, out), files
    known = io.read_hashes(place / PRODUCT_HASHES)
    there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    files = products_of(run, names, before=before, others=there)
    _refuse_changed([name for name in files if name in there & set(known) and io.sha256(place / name) != known[name]])
    io.replace_files({**files, PRODUCT_HASHES: _hashes_of(files, known)}, place)
    return place.absolute(), files


def _refuse_changed(names: Sequence[str]) -> None:
    """Refuse to replace what somebody worked on."""
    if names:
        raise OutputError(
            f"{', '.join(names[:3])}{' and more' * (len(names) > 3)} changed since the run was written: take edits in "
            "with `allocator run JOB --edits roster.xlsx`, or make the products elsewhere with --out"
        )


def week_before(run: Run, folder: str | Path) -> Run | None:
    """Return the run of the week before, if its folder lies beside that of `run` under the name that `run` gives it."""
    job = run.job.job
    beside = Path(folder).absolute().parent / (job.week - dt.timedelta(days=job.days)).isoformat()
    if not beside.is_dir():
        return None
    try:
        found = io.load_run(beside)
    except DataError:  # of an older version, or changed: the report then compares with nothing
        return None
    return found if found.job.job.name == job.name else None


def _outreach_pages(run: Run) -> dict[str, bytes]:
    """Return calendars, partner packages, funder reports, and the form in which delivery is told."""
    job, plan = run.job, run.outreach
    if job.outreach is None:
        return {}
    earlier = (
        io.read_items(job.outreach.earlier) if job.outreach.earlier and Path(job.outreach.earlier).exists() else None
    )
    notes = [text for text in (report.stamp(job), job.job.note) if text]
    form = io.delivery_template(plan.items, timezone=job.job.timezone)
    return {
        **report.outreach_files(
            plan, timezone=job.job.timezone, title=job.job.name, notes=notes, offers=plan.offers, earlier=earlier,
            contact=job.outreach.bulletin.contact,
        ),
        "delivery.csv": io.csv_text(form).encode("utf-8"),
    }  # fmt: skip


def _roster_pages(run: Run) -> dict[str, bytes]:
    """Return `duty.csv` where the duty was made or changed, and `edits.csv` with what became of each edit."""
    roster, tables = run.roster, {}
    if run.job.roster.make or roster.edits:
        tables["duty.csv"] = pd.DataFrame(
            [
                (unit.name, shift.day.isoformat(), shift.name)
                for shift in roster.shifts
                for unit in roster.on_duty(shift)
            ],
            columns=["unit", "date", "shift"],
        )
    if roster.edits:
        frame = pd.DataFrame([dataclasses.asdict(edit) for edit in roster.edits])
        frame["cell"] = ["" if cell < 0 else str(cell) for cell in frame["cell"]]
        tables["edits.csv"] = frame.assign(applied=[run.plan.outcome(edit) for edit in roster.edits])
    return {name: io.csv_text(frame).encode("utf-8") for name, frame in tables.items()}


def backtest_job(
    job: Job, *, folds: int | None = None, horizon: int | ShiftSection | None = None, step: int | None = None,
    models: Sequence[str] | None = None, executor: Executor | None = None, progress: Progress | None = None,
) -> Scorecard:  # fmt: skip
    """Return the scorecard of a job's forecasts on the last windows before its week.

    Parameters
    ----------
    job : Job
        From `read_job`. Its history is read as for `run`: nothing that happened or was reported in its week or later.
    folds, step : int, optional
        Windows, and days between them; by default those of `[evaluation]`.
    horizon : int or ShiftSection, optional
        Days of a window, or one shift; by default `risk.horizon_days`.
    models : sequence of str, optional
        By default those of `[evaluation]`, or all.
    executor : concurrent.futures.Executor, optional
        Does the folds. LightGBM then takes one thread in each, unless `risk.threads` says otherwise.
    progress : callable, optional
        Told each stage as it starts.

    Raises
    ------
    ConfigError, DataError, SolverError
        As `backtest`, and where a file of the job cannot be used.
    """
    tell = progress or (lambda stage: None)
    io.check_files(job)
    tell("study area")
    area = io.read_job_area(job)
    city = tessellate(job, area)
    tell("covariates")
    covariates = io.read_job_covariates(job, city)
    tell("event history")
    events = history(job, area)
    panel = panel_of(job, events, city)
    options = job.risk.model_copy(update={"threads": job.risk.threads or int(executor is not None)})
    asked = {"folds": folds, "horizon": horizon, "step": step, "models": models}
    own = {
        "folds": job.evaluation.folds, "horizon": job.risk.horizon_days, "step": job.evaluation.step,
        "models": job.evaluation.models or None,
    }  # fmt: skip
    settings: dict[str, Any] = {name: own[name] if value is None else value for name, value in asked.items()}
    card = backtest(
        panel, **settings, options=options, seed=job.job.seed,
        harm={kind: weight for kind, weight in job.policy.harm.items() if kind in panel.kinds},
        area_shares=job.evaluation.area_shares, covariates=covariates, executor=executor, progress=tell,
    )  # fmt: skip
    return dataclasses.replace(card, notes=(*card.notes, *panel.notes, *area.notes, *events.notes))


def save_backtest(card: Scorecard, job: Job, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write `scores.parquet`, `scores.csv`, `backtest.html`, `summary.json` and `manifest.json`, all or nothing.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    io.check_output(folder, overwrite=overwrite)
    notes = [text for text in (report.stamp(job), job.job.note, f"Made by {_versions_in_words()}") if text]
    manifest = {**_origin(job), "notes": texts(card.notes), "peak_mb": peak_mb()}
    return io.write_results(
        folder, tables={"scores": card.scores},
        pages={"backtest.html": report.backtest_page(card, title=f"Backtest: {job.job.name}", notes=notes)},
        figures=card.figures(), manifest=manifest, overwrite=overwrite,
    )  # fmt: skip


def backtest_plans(
    job: Job, *, folds: int | None = None, executor: Executor | None = None, progress: Progress | None = None
) -> PlanScorecard:
    """Return what plans of the weeks before a job's own would have met of the harm that occurred, ours and others.

    Each week is planned from what was known before it, for the shifts and units of its own; harm met is not harm
    prevented. See `evaluation.plan_backtest`.

    Parameters
    ----------
    job : Job
        From `read_job`. Its history is read as for `run`: nothing that happened or was reported in its week or later.
    folds : int, optional
        Weeks; by default those of `[evaluation]`.
    executor : concurrent.futures.Executor, optional
        Does the weeks. LightGBM then takes one thread in each, unless `risk.threads` says otherwise.
    progress : callable, optional
        Told each stage as it starts.

    Raises
    ------
    ConfigError, DataError, InfeasibleError, SolverError
        As `evaluation.plan_backtest`, and where a file of the job cannot be used.
    """
    tell = progress or (lambda stage: None)
    io.check_files(job)
    planning.check_solver(job.allocation.solver)
    tell("study area")
    area = io.read_job_area(job)
    city = tessellate(job, area)
    tell("rosters")
    weeks, told = _past_weeks(job, city, folds or job.evaluation.folds)
    givens, (calls, _) = _givens(job, city, weeks[0].roster), _calls_before(job, city)
    tell("covariates")
    covariates = io.read_job_covariates(job, city)
    tell("event history")
    events = history(job, area)
    panel = panel_of(job, events, city)
    options = job.risk.model_copy(update={"threads": job.risk.threads or int(executor is not None)})
    terms = PlanTerms(
        policy=job.policy, allocation=job.allocation, routes=job.routes, model=job.risk.model,
        horizon_days=job.risk.horizon_days, options=options, harm=job.policy.harm, givens=givens,
        covariates=covariates, calls=calls, seed=job.job.seed,
    )  # fmt: skip
    card = evaluation.plan_backtest(panel, weeks, terms=terms, executor=executor, progress=tell)
    return dataclasses.replace(card, notes=(*card.notes, *told, *panel.notes, *area.notes, *events.notes))


def _past_weeks(job: Job, city: Tessellation, folds: int) -> tuple[list[PlanWeek], tuple[Note, ...]]:
    """Return the weeks before a job's own, with who was on duty in each, and what a reader should know of that.

    Weeks start on the weekday of the job's own. A duty file by date may not reach back: then the units of the job's
    week stand, by day and shift.
    """
    step = 7 * -(-job.job.days // 7)
    own = dataclasses.replace(duty_of(job, city, _shifts_from(job, job.job.week)), edits=())
    weeks, moved = [], 0
    for back in range(folds, 0, -1):
        shifts = _shifts_from(job, job.job.week - dt.timedelta(days=step * back))
        try:
            if job.roster.make is not None:
                raise DataError("a roster that is made is made for the job's week")
            roster = io.read_roster(job.roster, shifts=shifts, districts=city.districts)
        except DataError:
            roster, moved = evaluation.moved_roster(own, shifts), moved + 1
        staffing = with_minimums(job, roster, city).staffing
        names = {shift.id for shift in shifts} | {shift.name for shift in shifts}
        minimums = tuple(one for one in staffing.minimums if one.shift in names)
        weeks.append(PlanWeek(roster, staffing.model_copy(update={"minimums": minimums})))
    told = note("studies.weeks_not_covered", count=moved, total=folds, week=job.job.week)
    return weeks, (told,) if moved else ()


def _shifts_from(job: Job, first_day: dt.date) -> tuple[Shift, ...]:
    return shifts_of(job.shifts, first_day=first_day, days=job.job.days, timezone=job.job.timezone)


def save_plan_backtest(card: PlanScorecard, job: Job, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write `plan_scores.parquet`, `plan_scores.csv`, `plan_backtest.html`, `summary.json` and `manifest.json`.

    All or nothing.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    io.check_output(folder, overwrite=overwrite)
    notes = [text for text in (report.stamp(job), job.job.note, f"Made by {_versions_in_words()}") if text]
    page = report.plan_backtest_page(card, title=f"Does planning help? {job.job.name}", notes=notes)
    manifest = {**_origin(job), "notes": texts(card.notes), "peak_mb": peak_mb()}
    return io.write_results(
        folder, tables={"plan_scores": card.scores}, pages={"plan_backtest.html": page}, figures=card.figures(),
        manifest=manifest, overwrite=overwrite,
    )  # fmt: skip


def scenarios_job(job: Job, *, progress: Progress | None = None) -> Scenarios:
    """Return plans of a job's week under other terms: fewer units, another target, equity, budgets.

    Parameters
    ----------
    job : Job
        From `read_job`; its `[scenarios]` section names them. One forecast serves all.
    progress : callable, optional
        Told each stage as it starts.

    Raises
    ------
    ConfigError, DataError
        With every fault that can be told at once. A scenario without a plan is no error: it is shown as such.
    """
    tell = progress or (lambda stage: None)
    io.check_files(job)
    planning.check_solver(job.allocation.solver)
    tell("study area")
    area = io.read_job_area(job)
    city = tessellate(job, area)
    tell("rosters")
    shifts = _shifts_from(job, job.job.week)
    roster = duty_of(job, city, shifts)
    staffed, givens = with_minimums(job, roster, city), _givens(job, city, roster)
    workload = _workload(staffed, city, roster, _calls_before(job, city)[0])
    inputs = seasons.read_outreach(job, city)
    tell("covariates")
    covariates = io.read_job_covariates(job, city)
    tell("event history")
    panel = panel_of(job, history(job, area), city)
    tell("forecast")
    fitted = risk.fit(
        panel, job.risk.model, job.risk.horizon_days, options=job.risk, covariates=covariates, seed=job.job.seed
    )
    surface = fitted.forecast(shifts=shifts, harm=job.policy.harm)
    tell("scenarios")
    setting = Setting(roster, job.policy, job.allocation, staffed.staffing, givens, seed=job.job.seed)
    found = evaluation.compare_scenarios(surface, setting, job.scenarios, workload=workload)
    if inputs is None:
        return found
    givens, _ = _with_calls(givens, workload, roster, staffed, ())
    problem = planning.build_problem(
        surface, roster, job.policy, allocation=job.allocation, staffing=staffed.staffing, givens=givens
    )
    outreach = seasons.outreach_scenarios(job, inputs, surface, panel, roster=roster, problem=problem)
    return dataclasses.replace(found, outreach=outreach)


def save_scenarios(found: Scenarios, job: Job, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write `scenarios.parquet`, `scenarios.csv`, `scenarios.html`, `frontier.png` and the JSON files, all or nothing.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    io.check_output(folder, overwrite=overwrite)
    notes = [text for text in (report.stamp(job), job.job.note, f"Made by {_versions_in_words()}") if text]
    picture = report.frontier_png(found)
    page = report.scenarios_page(found, picture, title=f"Scenarios: {job.job.name}", notes=notes)
    manifest = {**_origin(job), "notes": texts(found.notes), "peak_mb": peak_mb()}
    return io.write_results(
        folder,
        tables={"scenarios": found.table()} | ({"outreach_scenarios": found.outreach} if len(found.outreach) else {}),
        pages={"scenarios.html": page, "frontier.png": picture},
        figures=found.figures(), manifest=manifest, overwrite=overwrite,
    )  # fmt: skip


def staff_job(job: Job, *, progress: Progress | None = None) -> Staffing:
    """Return the units that the calls of a job need in its planned shifts, and what its roster makes of them.

    Parameters
    ----------
    job : Job
        From `read_job`; its `[staffing]` section names the calls. Only those before its week are looked at.
    progress : callable, optional
        Told each stage as it starts.

    Raises
    ------
    ConfigError, DataError
        With every fault that can be told at once.
    """
    tell = progress or (lambda stage: None)
    io.check_files(job)
    tell("study area")
    area = io.read_job_area(job)
    city = tessellate(job, area)
    tell("roster")
    shifts = shifts_of(job.shifts, first_day=job.job.week, days=job.job.days, timezone=job.job.timezone)
    roster = duty_of(job, city, shifts)
    options = with_minimums(job, roster, city).staffing
    tell("calls")
    calls = _calls(job, city)
    tell("staffing")
    return planning.staff(calls, shifts, options, city=city, roster=roster, routes=job.routes)


def check_calls_placed(calls: Calls, job: Job) -> None:
    """Refuse calls of which more than `data.max_outside_share` of those with a place lie outside the area.

    Raises
    ------
    DataError
        With the numbers and the likely cause.
    """
    if calls.x is None or calls.district is None:
        return
    known = np.isfinite(calls.x)
    outside = int((calls.district[known] < 0).sum())
    if outside > job.data.max_outside_share * max(int(known.sum()), 1):
        raise DataError(
            f"{outside:,} of {int(known.sum()):,} calls with a place lie outside every district: is it the right area, "
            "and are staffing.columns.lon and .lat (or x, y and staffing.crs) not exchanged?",
            count=outside,
        )


def save_staffing(found: Staffing, job: Job, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write `staffing.parquet`, `staffing.csv`, `staffing.html`, `summary.json` and `manifest.json`, all or nothing.

    Where districts can help each other, `help.parquet` and `help.csv` say how.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    io.check_output(folder, overwrite=overwrite)
    notes = [text for text in (report.stamp(job), job.job.note, f"Made by {_versions_in_words()}") if text]
    overloads = overloads_of(found)
    page = report.staffing_page(found, title=f"Staffing: {job.job.name}", notes=notes, overloads=overloads)
    manifest = {**_origin(job), "rows": dict(found.ledger), "notes": texts(found.notes), "peak_mb": peak_mb()}
    return io.write_results(
        folder, tables={"staffing": found.table(), **({} if found.help is None else {"help": found.help})},
        pages={"staffing.html": page}, figures=report.staffing_figures(found, overloads), manifest=manifest,
        overwrite=overwrite,
    )  # fmt: skip


def overloads_of(found: Staffing) -> list[str]:
    """Return a sentence for each district and shift in which the units there are cannot keep up with the calls."""
    return [] if found.units_given is None else planning.overloads(found, found.units_given)


def _versions_in_words() -> str:
    found = versions()
    return ", ".join(f"{name} {found[name]}" for name in ("allocator", "lightgbm", "numpy", "python"))


def validate(job: Job) -> tuple[str, ...]:
    """Read everything a job names, without forecasting or planning; return what a planner should know.

    Raises
    ------
    ConfigError, DataError
        With every fault that can be told at once.
    """
    _check_door(job)
    area = io.read_job_area(job)
    city = tessellate(job, area)
    shifts = shifts_of(job.shifts, first_day=job.job.week, days=job.job.days, timezone=job.job.timezone)
    roster = duty_of(job, city, shifts)
    staffed, givens = with_minimums(job, roster, city), _givens(job, city, roster)
    check_limits(staffed, city, roster, givens)
    calls, without = _calls_before(job, city)
    _workload(staffed, city, roster, calls)
    openings_of(job, city, roster, givens.places)
    travel = io.read_job_travel(job, city)
    inputs = seasons.read_outreach(job, city)
    covariates = io.read_job_covariates(job, city)
    events = history(job, area)
    panel = panel_of(job, events, city)
    if inputs is not None:
        check_offers(inputs.offers.initiatives, panel.kinds)
    risk.windows_of(panel, job.risk.horizon_days, job.risk)
    counted = [f"{reason}: {n:,}" for reason, n in events.ledger.items() if n]
    sizes: tuple[str, ...] = (
        f"{city.n_cells:,} cells, {len(city.districts)} districts",
        f"{len(panel.day):,} events of {', '.join(panel.kinds)} from {panel.first_day} on can train the model",
        f"{len(roster.units)} units, {len(roster.duty):,} unit-shifts in {len(shifts)} shifts",
    )
    known = _notes_of(covariates)
    if inputs is not None:
        offers = inputs.offers
        sizes = (
            *sizes,
            f"outreach: {len(offers.initiatives)} initiatives, {len(offers.venues)} venues, {len(offers.partners)} "
            f"partners, {len(inputs.areas.names)} areas, {seasons.weeks_of(job)} weeks",
        )
        known = (*known, *inputs.notes)
    if calls is not None:
        sizes = (*sizes, f"{len(calls):,} calls for service were received before {job.job.week}")
        known = (*known, *calls.notes)
    notes = (*without, *area.notes, *panel.notes, *events.notes, *roster.notes, *travel.notes, *known)
    return (report.stamp(job), *sizes, *counted, *texts(notes))


def explore_job(job: Job, *, progress: Progress | None = None, permutations: int = 199) -> report.Exploration:
    """Return what the history of a job shows: trends, change alarms and near repeats, as known before its week.

    Parameters
    ----------
    job : Job
        From `read_job`.
    progress : callable, optional
        Called with the name of each stage as it starts.
    permutations : int
        Random orders of the near-repeat test.

    Raises
    ------
    ConfigError, DataError
        With every fault that can be told at once.
    """
    clock = _Stopwatch(progress)
    io.check_files(job)
    with clock("study area"):
        area = io.read_job_area(job)
        city = tessellate(job, area)
    with clock("event history"):
        every = placed(job, area)
        events = io.screen(every, job.policy, kinds=job.data.kinds)
        panel = panel_of(job, events, city)
        stop, late, known = evaluation.complete_until(panel, job.job.week)
    with clock("trends"):
        trends = evaluation.find_trends(panel, stop=stop)
        codes = evaluation.review_codes(every, local_clock(every.time, every.timezone)[0], job.job.week)
    with clock("change alarms"):
        weekly = evaluation.weekly_counts(panel, stop=stop)
        changes = evaluation.find_changes(weekly, reporting_known=known)
    with clock("near repeats"):
        repeats, notes = evaluation.near_repeats(events, panel.kinds, permutations=permutations, seed=job.job.seed)
    told = {**_origin(job), "seconds": clock.seconds, "peak_mb": peak_mb()}
    return report.Exploration(
        job=job, weekly=weekly, trends=trends, changes=changes, codes=codes, repeats=repeats,
        notes=tuple(one for one in (late, *notes, *panel.notes, *area.notes, *events.notes) if one),
        manifest=told,
    )  # fmt: skip


def save_exploration(found: report.Exploration, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write page, tables and pictures of an exploration, complete or not at all, and return the folder's path.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    pictures = report.explore_pictures(found)
    return io.write_results(
        folder, tables={},
        pages={
            **{f"{name}.csv": io.csv_text(frame) for name, frame in found.tables().items()},
            **{f"{name}.png": png for name, png in pictures.items()},
            "explore.html": report.explore_page(found, pictures),
        },
        figures=found.figures(), manifest=found.manifest, overwrite=overwrite,
    )  # fmt: skip


def check_limits(job: Job, city: Tessellation, roster: Roster, givens: Givens, *, soften: bool = False) -> None:
    """Refuse, before any forecast, names that do not exist and limits that no plan can satisfy.

    Raises
    ------
    ConfigError, InfeasibleError
        With every fault that can be told at once.
    """
    risk.check_model(job.risk.model)
    planning.check_solver(job.allocation.solver)
    nothing = np.zeros((len(roster.shifts), city.n_cells, 1), np.float32)
    blank = RiskSurface(
        city=city, kinds=("none",), shifts=tuple(shift.id for shift in roster.shifts), mean=nothing, lower=nothing,
        upper=nothing, all_lower=nothing[:, :, 0], all_upper=nothing[:, :, 0], harm=np.ones(1), models=("none",),
        cutoff=job.job.week, dispersion=np.zeros((city.n_cells, 2), np.float32), district_dispersion=np.zeros(2),
        city_dispersion=np.zeros(2),
    )  # fmt: skip
    problem = planning.build_problem(
        blank, roster, job.policy, allocation=job.allocation, staffing=job.staffing, givens=givens
    )
    if roster.edits:
        untouched = dataclasses.replace(givens, edits=())
        planning.check_pins(
            planning.build_problem(
                blank, roster, job.policy, allocation=job.allocation, staffing=job.staffing, givens=untouched
            ),
            roster.edits,
        )
    if not soften:
        with planning.naming_edits(roster.edits):
            planning.check_feasible(problem)


def check_offers(initiatives: tuple[Initiative, ...], kinds: tuple[str, ...]) -> None:
    """Refuse initiatives that address a misspelt kind; kinds like none that are forecast are left to the plan.

    Raises
    ------
    DataError
        With every such kind and the nearest that is forecast.
    """
    faults = [
        f"initiative {one.name!r}: no kind {kind!r} is forecast{hint}"
        for one in initiatives
        for kind in one.kinds
        if kind not in kinds and (hint := nearest(kind, kinds))
    ]
    if faults:
        raise DataError("initiatives address kinds that are not forecast", faults=faults, column="kinds")


def tessellate(job: Job, area: Area) -> Tessellation:
    """Return the cells that a job asks for."""
    section = job.tessellation
    if section.kind == "squares":
        return Tessellation.squares(area, section.size_m)
    if section.kind == "hexagons":
        return Tessellation.hexagons(area, section.edge_m)
    if section.file is not None:
        return Tessellation.polygons(area, io.read_polygons(section.file, area.crs)[0])
    return Tessellation.polygons(area, area.beat_polygons if area.beat_polygons is not None else area.polygons)


def panel_of(job: Job, events: Events, city: Tessellation) -> Panel:
    """Return the history of a job as it was known at the start of its week.

    Raises
    ------
    DataError
        If none of the events lies in a cell.
    """
    return Panel.from_events(events, city, kinds=job.data.kinds or None, gaps=job.data.gaps).until(job.job.week)


def since(events: Events, first_day: dt.date | None) -> Events:
    """Return the events from `first_day` on, or from the day on which the file begins to be filled steadily.

    A few rows with old dates would stretch the history and dilute every long-run mean. In months of 28 days
    counted back from the end, the history starts with the first month that holds a tenth of the usual number
    (that of the month of the median event); what lies before is left out, and a note says so.
    """
    if not len(events):
        return events
    day, _ = local_clock(events.time, events.timezone)
    if first_day is not None:
        start = first_day.toordinal() - dt.date(1970, 1, 1).toordinal()
        return events.take(day >= start, reason=f"before {first_day} (data.since)")
    per_month = np.bincount((day[-1] - day) // 28)
    usual = float(np.median(np.repeat(per_month, per_month)))
    oldest = int(np.flatnonzero(per_month >= max(0.1 * usual, 1))[-1])
    if oldest >= len(per_month) - 2:  # the oldest month may be there in part
        return events
    early = day[-1] - 28 * (oldest + 1) + 1
    start_day = dt.date(1970, 1, 1) + dt.timedelta(days=int(early))
    kept = events.take(day >= early, reason=f"before {start_day}")
    told = note("history.before_steady", count=len(events) - len(kept), day=start_day)
    return dataclasses.replace(kept, notes=(*kept.notes, told))


def history(job: Job, area: Area) -> Events:
    """Return the events of a job that may train the model: known before its week, placed and screened.

    The cut comes first, so that nothing later can touch any decision: which days are filled, which kinds there
    are, how many rows lie outside.
    """
    return io.screen(placed(job, area), job.policy, kinds=job.data.kinds)


def placed(job: Job, area: Area) -> Events:
    """Return the events of a job that were known before its week and lie in the area, of all kinds."""
    events = known_before(io.read_job_events(job), job.job.week)
    events = io.check_placed(events, area, max_outside_share=job.data.max_outside_share)
    return since(events, job.data.since)


def known_before(events: Events, week: dt.date) -> Events:
    """Return the events that happened, and were reported, before local midnight at the start of `week`.

    Raises
    ------
    DataError
        If there are none.
    """
    stop = week.toordinal() - dt.date(1970, 1, 1).toordinal()
    known = local_clock(events.time, events.timezone)[0] < stop
    if events.reported is not None:
        reported = np.where(np.isnat(events.reported), events.time, events.reported)
        known &= local_clock(reported, events.timezone)[0] < stop
    if len(events) and not known.any():
        first = dt.date(1970, 1, 1) + dt.timedelta(days=int(local_clock(events.time[:1], events.timezone)[0][0]))
        raise DataError(f"no event was known before the planned week ({week}): the history starts on {first}")
    return events.take(known, reason=f"not known before {week}")


def with_minimums(job: Job, roster: Roster, city: Tessellation) -> Job:
    """Return the job with the rows of `staffing.minimums_file` among its minimums."""
    if job.staffing.minimums_file is None:
        return job
    more = io.read_minimums(job.staffing.minimums_file, shifts=roster.shifts, districts=city.districts)
    staffing = job.staffing.model_copy(update={"minimums": (*job.staffing.minimums, *more)})
    return job.model_copy(update={"staffing": staffing})


def duty_of(job: Job, city: Tessellation, shifts: tuple[Shift, ...]) -> Roster:
    """Return who is on duty in the planned shifts: as given, or made under `[roster.make]`, with the hand edits.

    Raises
    ------
    DataError
        With every fault of a file at once.
    InfeasibleError
        If a roster is to be made and the rules of a unit contradict each other.
    """
    section = job.roster
    roster = io.read_roster(section, shifts=shifts, districts=city.districts)
    before = job.job.week - dt.timedelta(days=7)
    earlier = shifts_of(job.shifts, first_day=before, days=7, timezone=job.job.timezone)
    wishes = io.read_duty_wishes(section.make, roster, earlier=earlier) if section.make else None
    if section.edits is not None:
        away = wishes.away if wishes else frozenset()
        edits, notes = io.read_edits(
            section.edits, roster=roster, city=city, away=away, made=wishes is not None, job=job.job.name
        )
        roster = dataclasses.replace(roster, edits=edits, notes=(*roster.notes, *notes))
    if section.make is None or wishes is None:
        return planning.edited(roster)
    return planning.make_roster(roster, wishes, section.make)


def _givens(job: Job, city: Tessellation, roster: Roster) -> Givens:
    return Givens(
        places=_places(job, city), residents=io.read_job_residents(job, city),
        edits=planning.allocation_edits(roster.edits, city),
    )  # fmt: skip


def _calls_before(job: Job, city: Tessellation) -> tuple[Calls | None, tuple[Note, ...]]:
    """Return the calls of a job received before its week, None where it names none or the file begins later."""
    if not job.staffing.calls:
        return None, ()
    every = io.read_job_calls(job)
    stop = job.job.week.toordinal() - dt.date(1970, 1, 1).toordinal()
    if not (local_clock(every.time, every.timezone)[0] < stop).any():
        return None, (note("staffing.no_calls_before", week=job.job.week),)
    return _calls(job, city, every), ()


def _calls(job: Job, city: Tessellation, every: Calls | None = None) -> Calls:
    """Return the calls of a job that were received before its week."""
    calls = (io.read_job_calls(job) if every is None else every).before(job.job.week)
    check_calls_placed(calls.placed(city), job)
    return calls


def _workload(job: Job, city: Tessellation, roster: Roster, calls: Calls | None) -> Staffing | None:
    """Return what the calls of a job ask of its roster, or None where it names none or they have no place."""
    if calls is None:
        return None
    options = job.staffing.model_copy(update={"total": {}})  # the plan knows who is on duty
    found = planning.staff(calls, roster.shifts, options, city=city, roster=roster, routes=job.routes)
    return found if found.districts == city.districts else None


def _with_calls(
    givens: Givens, workload: Staffing | None, roster: Roster, staffed: Job, short: tuple[Note, ...]
) -> tuple[Givens, tuple[Note, ...]]:
    """Return the givens with the units and minutes that calls take, and what calls lack."""
    if workload is None:
        return givens, short
    on_duty = [len(roster.on_duty(shift)) for shift in roster.shifts]
    return planning.with_workload(givens, workload, on_duty, staffed.staffing)


def _with_waits(plan: Plan, workload: Staffing | None, short: tuple[Note, ...]) -> Plan:
    """Return the plan with the waits of calls that its units make, and the calls that need more of them."""
    if workload is None:
        return dataclasses.replace(plan, unmet=(*short, *plan.unmet))
    units = plan.staffing["units_assigned"].to_numpy().reshape(workload.units_required.shape)
    staffing = plan.staffing.assign(**planning.staffing_columns(workload, units))
    return dataclasses.replace(plan, staffing=staffing, unmet=(*short, *plan.unmet))


def _places(job: Job, city: Tessellation) -> dict[str, Bools]:
    named = [place for _, place in planning.places_named(job.policy, job.allocation)] + list(job.routes.windows)
    files = {place.file for place in named if place.file}
    shapes = {file: io.read_polygons(file, city.crs)[0] for file in sorted(files)}
    return {file: np.logical_or.reduce([city.within(shape) for shape in found]) for file, found in shapes.items()}


def openings_of(
    job: Job, city: Tessellation, roster: Roster, places: Mapping[str, Bools] | None = None
) -> planning.Openings:
    """Return when places may be visited by the windows of a job."""
    found = _places(job, city) if places is None else places
    return planning.openings_of(job.routes.windows, city, roster, timezone=job.job.timezone, places=found)


class _Stopwatch:
    """Times the stages and tells their names."""

    def __init__(self, progress: Progress | None) -> None:
        self.seconds: dict[str, float] = {}
        self._tell = progress or (lambda stage: None)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        self._tell(stage)
        start = time.perf_counter()
        yield
        self.seconds[stage] = round(time.perf_counter() - start, 3)


def _origin(job: Job) -> dict[str, Any]:
    """Return what every manifest begins with: versions, seed, time, and the hashes of the inputs."""
    return {
        "versions": versions(),
        "seed": job.job.seed,
        "written": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "inputs": {key: {"path": path, "sha256": io.sha256(path)} for key, path in io.input_files(job)},
    }


def _manifest(
    job: Job, facts: report.Material, area_notes: tuple[Note, ...], seconds: Mapping[str, float]
) -> dict[str, Any]:
    events, panel = facts.events, facts.panel
    return {
        **_origin(job),
        "rows": {**events.ledger, "outside every cell": panel.outside, "net counts clipped": panel.clipped},
        "dropped_columns": list(events.dropped_columns),
        "notes": texts((*area_notes, *events.notes, *facts.roster.notes, *_notes_of(facts.covariates))),
        "wall_clock_stops": [],  # every budget is one of iterations or deterministic work
        "seconds": {**seconds, "total": round(sum(seconds.values()), 3)},
        "peak_mb": peak_mb(),
    }


def _notes_of(covariates: Covariates | None) -> tuple[Note, ...]:
    return () if covariates is None else covariates.notes


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the engines."""
    found = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    return found | {name: importlib.metadata.version(name) for name in ENGINES}


def peak_mb() -> float | None:
    """Return the peak memory of this process in MB (10⁶ bytes), or None where the system does not tell."""
    status = Path("/proc/self/status")  # Linux; ru_maxrss there starts at the peak of the process that started this
    if status.exists() and (peak := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return round(int(peak[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def new_job(folder: str | Path, *, seed: int = 0) -> Path:
    """Make a job folder with a synthetic city that runs, and return the path of its job file.

    The job file has every key there is, each with what it does and its default; those of the demo are in use.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    template = resources.files("allocator.pipeline").joinpath("job_template.toml").read_text("utf-8")
    with io.whole_folder(folder) as place:
        for name, content in synthetic_files(seed=seed).items():
            (place / name).write_text(content, "utf-8")
        short = template.replace("{data}", "").replace("{runs}", "runs")
        (place / "job.toml").write_text(io.commented_job(short), "utf-8")
    return Path(folder) / "job.toml"


def synthetic_files(*, seed: int = 0) -> dict[str, str]:
    """Return the input files of the synthetic demo city, by name."""
    city = synthetic.make_city(seed=seed)
    tables = {"events": city.events, "calls": city.calls, **synthetic.rosters(city.area.districts)}
    return {
        **{f"{name}.csv": io.csv_text(table) for name, table in tables.items()},
        "districts.geojson": synthetic.polygons_geojson(city.area.polygons, city.area.districts, "district"),
        "beats.geojson": synthetic.polygons_geojson(city.area.beat_polygons, city.area.beats, "beat"),
    }


def bulletins_of(
    run: Run, *, languages: Sequence[str] | None = None, feedback: str | Path | None = None
) -> report.Bulletins:
    """Return the drafts of bulletins of a run's areas.

    Parameters
    ----------
    run : Run
        With outreach, from `run` or `load_run`.
    languages : sequence of str, optional
        Instead of those of `[outreach.bulletin]`.
    feedback : path, optional
        Table of feedback on the bulletins of this run: counts by reference or area.

    Raises
    ------
    ConfigError, DataError
        If a language has no catalogue, the run has no needs of areas, or the feedback has faults.
    """
    job, section = run.job, run.job.outreach
    if section is None:
        raise DataError(f"the run {job.job.name!r} has no [outreach] section to write bulletins from")
    options = section.bulletin
    if languages is not None:
        options = options.model_copy(update={"languages": tuple(languages)})
    if options.contact and not (
        io.is_role_mailbox(options.contact) or options.contact.startswith(("https://", "http://"))
    ):
        raise ConfigError("outreach.bulletin.contact must be a role mailbox, such as outreach@…, or a page (https://…)")
    known = report.bulletin_references(run.outreach, title=job.job.name, first_day=job.job.week)
    counts = io.read_feedback(feedback, known) if feedback is not None and known else None
    return report.bulletins(
        run.outreach, options=options, timezone=job.job.timezone, title=job.job.name, first_day=job.job.week,
        notes=[text for text in (report.stamp(job), job.job.note) if text], feedback=counts,
        compared="window" if any(one.cause == "outreach.no_year_earlier" for one in run.outreach.notes) else "year",
    )  # fmt: skip


def save_bulletins(found: report.Bulletins, job: Job, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write the drafts of bulletins, `bulletins.csv`, `feedback.csv` if any, and the JSON files, all or nothing.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    io.check_output(folder, overwrite=overwrite)
    tables = {"bulletins": found.table()} | ({} if found.feedback is None else {"feedback": found.feedback})
    manifest = {
        "versions": versions(), "seed": job.job.seed, "written": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "references": dict(found.references), "notes": list(found.notes), "peak_mb": peak_mb(),
    }  # fmt: skip
    return io.write_results(
        folder, tables=tables, pages=found.pages, figures=found.figures(), manifest=manifest, overwrite=overwrite
    )


def delivery_of(run: Run, delivered: str | Path) -> DeliveryCard:
    """Return what became of the outreach of a run: held and cancelled, reach and cost against plan.

    Raises
    ------
    DataError
        If the run has no outreach, or the table has faults or is not about this plan.
    """
    if run.job.outreach is None:
        raise DataError(f"the run {run.job.job.name!r} has no [outreach] section")
    return evaluation.delivery_report(run.outreach.items, io.read_delivery(delivered), offers=run.outreach.offers)


def save_delivery(card: DeliveryCard, job: Job, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write what was delivered: `delivery.parquet`, `delivery.csv`, `summary.json` and `manifest.json`, all or nothing.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    io.check_output(folder, overwrite=overwrite)
    manifest = {"versions": versions(), "written": dt.datetime.now(dt.UTC).isoformat(timespec="seconds")}
    return io.write_results(
        folder, tables={"delivery": card.table()}, pages={}, figures=card.figures(), manifest=manifest,
        overwrite=overwrite,
    )  # fmt: skip
