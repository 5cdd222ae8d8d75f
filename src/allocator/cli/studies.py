"""Commands that answer a question about a job: what its history shows, how good forecasts and plans are."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import Executor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from allocator.cli.app import AsJson, JobFile, Out, Overrides, Overwrite, Quiet, Tail, Week, app, job_of, target_of

if TYPE_CHECKING:
    from allocator.config import Job, ShiftSection


@app.command()
def explore(
    job: JobFile,
    out: Out = None,
    week: Week = None,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Show what the history says: trends, change alarms and near repeats, up to the job's week."""
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    with tail.progress(7) as tell:
        tell("job file")
        checked = job_of(job, overrides, week)
        target = target_of(checked, out, "explore-{week}", overwrite=overwrite)
        from allocator import pipeline

        def work() -> object:
            history = pipeline.explore_job(checked, progress=tell)
            tell("page")
            return history

        tail.study("folder", checked, target, work, {"explore.html": "page"})


@app.command()
def look(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A file of events, in any form.")],
    timezone: Annotated[str, typer.Option(metavar="ZONE", help="Local time zone, such as America/Chicago.")] = "UTC",
    column: Annotated[
        list[str] | None, typer.Option(metavar="ROLE=NAME", help="What a column holds, where the guess is wrong.")
    ] = None,
    crs: Annotated[str | None, typer.Option(metavar="EPSG:…", help="Coordinate system of x and y.")] = None,
    layer: Annotated[str | None, typer.Option(help="Layer of a GeoPackage, or sheet of a workbook.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what a file of events seems to hold, what would be dropped, and the [data] section for it."""
    from allocator.errors import ConfigError
    from allocator.io import look_at
    from allocator.report import look_figures, look_text

    pairs = [text.partition("=") for text in column or ()]
    if wrong := [text for text, (role, _, name) in zip(column or (), pairs, strict=True) if not role or not name]:
        raise ConfigError(f"--column {wrong[0]!r}: write role=column, such as time=occurred_at")
    found = look_at(file, timezone=timezone, columns={role: name for role, _, name in pairs}, crs=crs, layer=layer)
    typer.echo(json.dumps(look_figures(found), ensure_ascii=False) if as_json else look_text(found))
    if found.error:
        raise typer.Exit(3)


@app.command()
def backtest(
    job: JobFile,
    folds: Annotated[int | None, typer.Option(min=1, help="Windows to test; by default evaluation.folds.")] = None,
    horizon: Annotated[
        str | None, typer.Option(metavar="DAYS|SHIFT", help="Days of a window, or the name of one shift.")
    ] = None,
    step: Annotated[int | None, typer.Option(min=1, help="Days between windows; by default their length.")] = None,
    models: Annotated[str | None, typer.Option(metavar="A,B", help="Models to test; by default all.")] = None,
    plans: Annotated[bool, typer.Option("--plans", help="Plan the past weeks too: the harm that plans met.")] = False,
    by_clock: Annotated[
        bool, typer.Option("--by-clock", help="With --plans: drive all routes, count events soon after visits.")
    ] = False,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes; the scores do not depend on them.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder; by default inside output.folder.")] = None,
    week: Week = None,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score the forecasts of a job on the weeks before its own, baselines included; with --plans, its plans."""
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    checked = job_of(job, overrides, week)
    windows = folds or checked.evaluation.folds
    if plans:
        _only_forecasts(horizon=horizon, step=step, models=models)
    elif by_clock:
        raise typer.BadParameter("it goes with --plans", param_hint="--by-clock")
    target = target_of(checked, out, "{week}-plan-backtest" if plans else "{week}-backtest", overwrite=overwrite)
    # Study area, history, the windows and the folder; rosters of plans; with workers the kernels.
    stages = 3 + int(plans) + windows + int(workers > 1)
    with tail.progress(stages) as tell, _pool(min(workers, windows)) as pool:
        from allocator import pipeline

        def work() -> object:
            card: object
            if plans:
                card = pipeline.backtest_plans(checked, folds=folds, by_clock=by_clock, executor=pool, progress=tell)
            else:
                names = [name.strip() for name in models.split(",") if name.strip()] if models is not None else None
                days = _horizon(checked, horizon)
                card = pipeline.backtest_job(
                    checked, folds=folds, horizon=days, step=step, models=names, executor=pool, progress=tell
                )
            tell("results")
            return card

        page, table = ("plan_backtest.html", "plan_scores.csv") if plans else ("backtest.html", "scores.csv")
        tail.study("backtest", checked, target, work, {"": "folder", page: "page", table: "scores"})


def _only_forecasts(**given: Any) -> None:
    """Refuse options that mean nothing for plans."""
    from allocator.errors import ConfigError

    if wrong := [f"--{name}" for name, value in given.items() if value is not None]:
        raise ConfigError(f"{', '.join(wrong)}: for forecasts only; plans are of whole weeks with the model of the job")


@app.command()
def staffing(
    job: JobFile,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder; by default inside output.folder.")] = None,
    week: Week = None,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say how many units each shift needs so that calls are answered in time, from the calls of a job."""
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    checked = job_of(job, overrides, week)
    target = target_of(checked, out, "{week}-staffing", overwrite=overwrite)
    with tail.progress(5) as tell:
        from allocator import pipeline

        def work() -> object:
            needed = pipeline.staff_job(checked, progress=tell)
            tell("results")
            return needed

        files = {"": "folder", "staffing.html": "page", "staffing.csv": "table"}
        tail.study("staffing", checked, target, work, files)


@app.command()
def scenarios(
    job: JobFile,
    target: Annotated[
        list[str] | None, typer.Option(metavar="KIND=WEIGHT", help="Another target; kinds not named weigh 0.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder; by default inside output.folder.")] = None,
    week: Week = None,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what fewer units, another target, equity or a budget do to the plan: one forecast, many plans."""
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    checked = job_of(job, overrides, week)
    if target:
        checked = _with_target(checked, target)
    place = target_of(checked, out, "{week}-scenarios", overwrite=overwrite)
    with tail.progress(7) as tell:
        from allocator import pipeline

        def work() -> object:
            compared = pipeline.scenarios_job(checked, progress=tell)
            tell("results")
            return compared

        files = {"": "folder", "scenarios.html": "page", "scenarios.csv": "table", "frontier.png": "picture"}
        tail.study("scenarios", checked, place, work, files)


def _with_target(job: Job, target: list[str]) -> Job:
    """Return the job with another target of its scenarios."""
    from allocator.errors import ConfigError

    harm = {}
    for one in target:
        kind, _, weight = one.rpartition("=")
        try:
            harm[kind.strip()] = float(weight)
        except ValueError:
            raise ConfigError(f"--target {one}: give a kind and its weight, such as ROBBERY=1") from None
    if not all(kind and 0 <= weight <= 1e9 for kind, weight in harm.items()) or not any(harm.values()):
        raise ConfigError(f"--target {' '.join(target)}: weights are 0 or more, and one at least is above 0")
    return job.model_copy(update={"scenarios": job.scenarios.model_copy(update={"harm": harm})})


def _horizon(job: Job, text: str | None) -> int | ShiftSection | None:
    """Return a number of days, or the job's shift of that name."""
    from allocator.errors import ConfigError, nearest

    if text is None or text.isdigit():
        return None if text is None else int(text)
    shifts = {shift.name: shift for shift in job.shifts}
    if text not in shifts:
        raise ConfigError(
            f"--horizon {text}: give a number of days, or one of the job's shifts, {', '.join(shifts)}"
            f"{nearest(text, shifts)}"
        )
    return shifts[text]


@contextmanager
def _pool(workers: int) -> Iterator[Executor | None]:
    """Give a pool of processes, or None for a single worker."""
    if workers == 1:
        yield None
        return
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Spawned and not forked: numba's and OpenMP's threads do not survive a fork.
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_stop_at_once) as pool:
        yield pool


def _stop_at_once() -> None:
    """Let Ctrl-C end a worker without a traceback."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
