"""Command skin over the pipeline: each command parses, calls one public function and prints what it returns.

Engines are imported inside commands, so that `--help` answers at once.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from allocator.errors import AllocatorError

if TYPE_CHECKING:
    from allocator.pipeline.old import Progress


app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Forecast where harm is expected, assign patrol and outreach under staffing limits, and measure the plan.",
)

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="The job file (TOML).")]
Week = Annotated[str | None, typer.Option(metavar="DATE", help="First day to plan, instead of the job's own.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to make; by default inside output.folder.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the job, e.g. risk.model=mixture."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")]

INTERRUPTED = 130


def main() -> None:
    """Run the command line; the exit code is that of the error, 130 after Ctrl-C."""
    # LightGBM's OpenMP threads wait by spinning unless told otherwise before they start: beside other work a
    # Chicago forecast took 107 s instead of 20 s. Alone it is 12 to 14 s either way.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin too, for matrices of 60 columns
    try:
        code = app(standalone_mode=False)
    except AllocatorError as error:
        _complain(error)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _unexpected(error)
    if code == INTERRUPTED:
        sys.stderr.write("stopped; nothing was written\n")
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: AllocatorError) -> None:
    if "--json" in sys.argv:
        content = {"error": type(error).__name__, "message": error.message, "faults": list(error.faults)}
        sys.stderr.write(json.dumps(content, ensure_ascii=False) + "\n")
        return
    sys.stderr.write(f"error: {error}\n")


def _unexpected(error: Exception) -> int:
    """Turn what nobody foresaw into one line; the traceback goes to ALLOCATOR_TRACEBACK=1 users only."""
    click_error = getattr(error, "format_message", None)
    if click_error is not None and hasattr(error, "exit_code"):  # a usage error of the command line itself
        sys.stderr.write(f"error: {click_error()}\n")
        return int(error.exit_code)
    if os.environ.get("ALLOCATOR_TRACEBACK"):
        raise error
    if isinstance(error, MemoryError):
        sys.stderr.write("error: not enough memory: use larger cells, fewer kinds or a shorter history\n")
        return 1
    sys.stderr.write(
        f"error: an unforeseen fault ({type(error).__name__}: {error}). Please report it; "
        "ALLOCATOR_TRACEBACK=1 shows where it happened\n"
    )
    return 1


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    seed: Annotated[int, typer.Option(help="Seed of the city.")] = 0,
) -> None:
    """Make a job folder with a synthetic city that runs."""
    from allocator.pipeline.old import new_job

    path = new_job(folder, seed=seed)
    typer.echo(f"made {path}\nrun it with: allocator run {path}")


@app.command()
def validate(job: JobFile, week: Week = None, overrides: Overrides = None) -> None:
    """Check a job and every file it names, without planning."""
    from allocator.pipeline import old as pipeline

    for line in pipeline.validate(_job(job, overrides, week)):
        typer.echo(line)
    typer.echo("the job is valid")


@app.command()
def run(
    job: JobFile,
    out: Out = None,
    week: Week = None,
    overrides: Overrides = None,
    edits: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Hand edits: a run's roster.xlsx, edited, or a CSV; instead of roster.edits."
        ),
    ] = None,
    soften: Annotated[
        bool, typer.Option("--soften", help="Bend limits that no plan can keep together, as little as it takes.")
    ] = False,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Forecast and plan: one job in, one run folder out."""
    from allocator.io.folders import check_output

    with _progress(as_json=as_json, quiet=quiet) as tell:
        tell("job file")
        checked = _job(job, overrides, week)
        if edits is not None:
            checked = _with_edits(checked, edits, tell)
        target = out or Path(checked.output.folder) / checked.job.week.isoformat()
        check_output(target, overwrite=overwrite)
        from allocator.pipeline import old as pipeline

        result = pipeline.run(checked, soften=soften, progress=tell)
        tell("run folder")
        place = pipeline.save_run(result, target, overwrite=overwrite, before=pipeline.week_before(result, target))
    if as_json:
        typer.echo(json.dumps({"run": str(place), **result.figures["values"]}, ensure_ascii=False))
    elif not quiet:
        seconds, peak = result.manifest["seconds"]["total"], result.manifest["peak_mb"]
        typer.echo(f"\n{result.summary()}\n{'took':<11}{seconds:.1f} s; peak memory {peak or 0:,.0f} MB\n")
        for name, what in OUTPUTS.items():
            if (place / name).exists():
                typer.echo(f"{what:<11}{_shown(place / name)}")


@app.command()
def replan(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="When it happened, such as 2017-12-26T19:40 local time.")],
    out_of_service: Annotated[list[str] | None, typer.Option(metavar="UNIT", help="A unit that is gone.")] = None,
    added: Annotated[list[str] | None, typer.Option(metavar="UNIT[:SHIFT]", help="A unit that comes on duty.")] = None,
    urgent: Annotated[list[int] | None, typer.Option(metavar="CELL", help="A cell to visit at once.")] = None,
    closed: Annotated[
        str | None, typer.Option(metavar="FILE|CELLS", help="Polygon file, or cells such as 12,13, that are closed.")
    ] = None,
    events: Annotated[Path | None, typer.Option(metavar="FILE", help="Incidents since the forecast.")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to make; by default beside the run.")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Change the rest of a plan after something happened; the earlier run folder stays as it is."""
    from allocator.io.folders import check_output

    target = out or run.with_name(f"{run.resolve().name}-replan-{''.join(c for c in at if c.isalnum())}")
    check_output(target, overwrite=overwrite)
    from allocator.io import load_run
    from allocator.pipeline import old as pipeline

    with _progress(as_json=as_json, quiet=quiet, stages=3) as tell:
        tell("run folder")
        earlier = load_run(run)
        tell("re-plan")
        revised = pipeline.replan(
            earlier, at=at, out_of_service=out_of_service or (), added=added or (), urgent=urgent or (),
            closed=_cells_or_file(closed), events=events,
        )  # fmt: skip
        tell("new run folder")
        place = pipeline.save_run(revised, target, overwrite=overwrite, earlier=earlier)
    if as_json:
        typer.echo(json.dumps({"run": str(place), **revised.figures["values"]["replan"]}, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"\n{revised.summary()}\n")
        for name, what in {"": "run folder", "changes.csv": "differences", "map.png": "map"}.items():
            typer.echo(f"{what:<12}{_shown(place / name)}")


def _cells_or_file(text: str | None) -> Any:
    if not text:
        return ()
    parts = [part.strip() for part in text.split(",")]
    return [int(part) for part in parts] if all(part.isascii() and part.isdigit() for part in parts) else text


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
    from allocator.io.folders import check_output

    with _progress(as_json=as_json, quiet=quiet, stages=7) as tell:
        tell("job file")
        checked = _job(job, overrides, week)
        target = out or Path(checked.output.folder) / f"explore-{checked.job.week.isoformat()}"
        check_output(target, overwrite=overwrite)
        from allocator.pipeline import old as pipeline

        found = pipeline.explore_job(checked, progress=tell)
        tell("page")
        place = pipeline.save_exploration(found, target, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps({"folder": str(place), **found.figures()["values"]}, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"\n{found.summary()}\n\n{'page':<11}{_shown(place / 'explore.html')}")


OUTPUTS = {
    "": "run folder",
    "report.html": "report",
    "briefings/index.html": "briefings",
    "roster.xlsx": "roster",
    "gis/plan.gpkg": "layers",
    "map.png": "map",
    "plan.parquet": "patrol",
    "plan.geojson": "",
    "routes": "",
    "outreach.parquet": "outreach",
    "calendars": "",
    "partners": "",
    "funders": "",
    "risk.parquet": "risk",
    "summary.json": "numbers",
}


def _shown(path: Path) -> str:
    """Return a path as short as it can be said from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


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
    workers: Annotated[int, typer.Option(min=1, max=256, help="Processes; the scores do not depend on them.")] = 1,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder; by default inside output.folder.")] = None,
    week: Week = None,
    overrides: Overrides = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Score the forecasts of a job on the weeks before its own, baselines included; with --plans, its plans."""
    from allocator.io.folders import check_output

    checked = _job(job, overrides, week)
    windows = folds or checked.evaluation.folds
    if plans:
        _only_forecasts(horizon=horizon, step=step, models=models)
        with (
            _progress(as_json=as_json, quiet=quiet, stages=4 + windows + int(workers > 1)) as tell,
            _pool(min(workers, windows)) as pool,
        ):
            _backtest_plans(checked, folds, pool, tell, out=out, overwrite=overwrite, as_json=as_json, quiet=quiet)
        return
    target = out or Path(checked.output.folder) / f"{checked.job.week.isoformat()}-backtest"
    check_output(target, overwrite=overwrite)
    # Study area, history, the windows and the folder; with workers the kernels.
    stages = 3 + windows + int(workers > 1)
    with _progress(as_json=as_json, quiet=quiet, stages=stages) as tell, _pool(min(workers, windows)) as pool:
        from allocator.pipeline import old as pipeline

        names = [name.strip() for name in models.split(",") if name.strip()] if models is not None else None
        card = pipeline.backtest_job(
            checked, folds=folds, horizon=_horizon(checked, horizon), step=step, models=names, executor=pool,
            progress=tell,
        )  # fmt: skip
        tell("results")
        place = pipeline.save_backtest(card, checked, target, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps({"backtest": str(place), **card.figures()["values"]}, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"\n{card.summary()}\n")
        for name, what in {"": "folder", "backtest.html": "page", "scores.csv": "scores"}.items():
            typer.echo(f"{what:<11}{_shown(place / name)}")


def _only_forecasts(**given: Any) -> None:
    """Refuse options that mean nothing for plans."""
    from allocator.errors import ConfigError

    if wrong := [f"--{name}" for name, value in given.items() if value is not None]:
        raise ConfigError(f"{', '.join(wrong)}: for forecasts only; plans are of whole weeks with the model of the job")


def _backtest_plans(
    job: Any, folds: int | None, pool: Any, tell: Progress, *, out: Path | None, overwrite: bool, as_json: bool,
    quiet: bool,
) -> None:  # fmt: skip
    from allocator.io.folders import check_output

    target = out or Path(job.output.folder) / f"{job.job.week.isoformat()}-plan-backtest"
    check_output(target, overwrite=overwrite)
    from allocator.pipeline import old as pipeline

    card = pipeline.backtest_plans(job, folds=folds, executor=pool, progress=tell)
    tell("results")
    place = pipeline.save_plan_backtest(card, job, target, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps({"backtest": str(place), **card.figures()["values"]}, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"\n{card.summary()}\n")
        for name, what in {"": "folder", "plan_backtest.html": "page", "plan_scores.csv": "scores"}.items():
            typer.echo(f"{what:<11}{_shown(place / name)}")


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
    from allocator.io.folders import check_output

    checked = _job(job, overrides, week)
    target = out or Path(checked.output.folder) / f"{checked.job.week.isoformat()}-staffing"
    check_output(target, overwrite=overwrite)
    with _progress(as_json=as_json, quiet=quiet, stages=5) as tell:
        from allocator import report
        from allocator.pipeline import old as pipeline

        found = pipeline.staff_job(checked, progress=tell)
        tell("results")
        place = pipeline.save_staffing(found, checked, target, overwrite=overwrite)
        overloads = pipeline.overloads_of(found)
    if as_json:
        values = report.staffing_figures(found, overloads)["values"]
        typer.echo(json.dumps({"staffing": str(place), **values}, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"\n{report.staffing_summary(found, overloads)}\n")
        for name, what in {"": "folder", "staffing.html": "page", "staffing.csv": "table"}.items():
            typer.echo(f"{what:<11}{_shown(place / name)}")


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
    from allocator.io.folders import check_output

    checked = _job(job, overrides, week)
    if target:
        checked = _with_target(checked, target)
    place = out or Path(checked.output.folder) / f"{checked.job.week.isoformat()}-scenarios"
    check_output(place, overwrite=overwrite)
    with _progress(as_json=as_json, quiet=quiet, stages=7) as tell:
        from allocator.pipeline import old as pipeline

        found = pipeline.scenarios_job(checked, progress=tell)
        tell("results")
        place = pipeline.save_scenarios(found, checked, place, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps({"scenarios": str(place), **found.figures()["values"]}, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"\n{found.summary()}\n")
        for name, what in {
            "": "folder",
            "scenarios.html": "page",
            "scenarios.csv": "table",
            "frontier.png": "picture",
        }.items():
            typer.echo(f"{what:<11}{_shown(place / name)}")


def _with_target(job: Any, target: list[str]) -> Any:
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


def _horizon(job: Any, text: str | None) -> Any:
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
def _pool(workers: int) -> Iterator[Any]:
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


@app.command()
def doctor(as_json: AsJson = False) -> None:
    """Say which versions and how many cores are here, and whether anything clashes."""
    from allocator.cli.doctor import examine

    found = examine()
    if as_json:
        typer.echo(json.dumps(found, ensure_ascii=False))
    else:
        for name, value in found["versions"].items():
            typer.echo(f"{name:<12}{value}")
        typer.echo(f"{'cores':<12}{found['cores']}\n{'memory':<12}{found['memory_gb']} GB")
        for line in found["problems"] or ["no problem found"]:
            typer.echo(line)
    if found["problems"]:
        raise typer.Exit(1)


@app.command()
def bench(
    name: Annotated[str, typer.Argument(help="features, fit, allocate, run, or all.")] = "all",
    cells: Annotated[int, typer.Option(min=10, max=1_000_000)] = 10_000,
    shifts: Annotated[int, typer.Option(min=1, max=1000)] = 21,
    units: Annotated[int, typer.Option(min=1, max=100_000, help="Units on duty per shift.")] = 200,
    districts: Annotated[int, typer.Option(min=1, max=10_000)] = 25,
    repeats: Annotated[int, typer.Option(min=1, max=1000)] = 5,
    seed: int = 0,
    as_json: AsJson = False,
) -> None:
    """Time the stages on synthetic data of a given size."""
    from allocator.cli.bench import Size, measure

    for result in measure(name, Size(cells, shifts, units, districts), repeats=repeats, seed=seed):
        if as_json:
            typer.echo(json.dumps(result))
        else:
            own = ", ".join(f"{key} {result[key]:,.6g}" for key in ("objective", "bound", "gap") if key in result)
            typer.echo(f"{result['name']:<10}{result['seconds']:8.3f} s  {result['peak_mb'] or 0:7.0f} MB  {own}")


def _job(path: Path, overrides: list[str] | None, week: str | None) -> Any:
    from allocator.errors import ConfigError
    from allocator.io.job import read_job

    try:
        day = dt.date.fromisoformat(week) if week else None
    except ValueError:
        raise ConfigError(f"--week {week}: give a date such as 2017-12-25") from None
    return read_job(path, overrides=overrides or (), week=day)


def _with_edits(job: Any, edits: Path, tell: Progress) -> Any:
    """Return the job with the hand edits of a file in place of its own."""
    if job.roster.edits and Path(job.roster.edits) != edits.resolve():
        tell(f"edits of {edits.name} instead of {Path(job.roster.edits).name}")
    roster = job.roster.model_copy(update={"edits": str(edits.resolve())})
    return job.model_copy(update={"roster": roster})


@contextmanager
def _progress(*, as_json: bool, quiet: bool, stages: int | None = None) -> Iterator[Progress]:
    """Give a function that is told each stage as it starts."""
    from rich.console import Console

    console = Console(stderr=True)
    if quiet:
        yield lambda stage: None
    elif as_json:
        yield lambda stage: _say(json.dumps({"stage": stage}))
    elif not console.is_terminal:  # a log file: one line per stage
        yield lambda stage: _say(f"{stage} …")
    else:
        with _bar(console) as bar:
            task = bar.add_task("starting", total=stages or N_STAGES)
            yield lambda stage: bar.update(task, description=stage, advance=1)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _bar(console: Any) -> Any:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description:<18}"), BarColumn(24), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


N_STAGES = 10
"""Stages of a run: the pipeline's eight, the job file before and the run folder after them."""


@app.command()
def delivery(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    table: Annotated[Path, typer.Argument(metavar="FILE", help="Its delivery.csv, filled in.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to make; by default beside the run.")] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Say what became of the outreach of a run: held, attended and paid against plan."""
    from allocator.io.folders import check_output

    target = out or run.with_name(f"{run.resolve().name}-delivery")
    check_output(target, overwrite=overwrite)
    from allocator.io import load_run
    from allocator.pipeline import old as pipeline

    earlier = load_run(run)
    card = pipeline.delivery_of(earlier, table)
    place = pipeline.save_delivery(card, earlier.job, target, overwrite=overwrite)
    if as_json:
        typer.echo(json.dumps({"delivery": str(place), **card.figures()["values"]}, ensure_ascii=False))
    elif not quiet:
        typer.echo(f"\n{card.summary()}\n\n{'folder':<11}{_shown(place)}")


@app.command()
def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    only: Annotated[
        str | None,
        typer.Option(metavar="A,B", help="Of report, briefings, roster, gis, pdf; by default those of the job."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option(metavar="RUN", help="Run to compare with; by default that of the week before.")
    ] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to make, instead of the run folder.")] = None,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Make the report, briefing sheets, roster and map layers of a run again."""
    with _progress(as_json=as_json, quiet=quiet, stages=2) as tell:
        tell("run folder")
        from allocator.pipeline import old as pipeline

        wanted = None if only is None else [name.strip() for name in only.split(",")]
        place, files = pipeline.remake_products(run, wanted=wanted, out=out, against=against)
        tell("written")
    if as_json:
        typer.echo(json.dumps({"folder": str(place), "files": sorted(files)}, ensure_ascii=False))
    elif not quiet:
        for name, what in {"": "folder", **{key: OUTPUTS[key] for key in OUTPUTS if key in files}}.items():
            typer.echo(f"{what:<11}{_shown(place / name)}")


@app.command()
def bulletin(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to make; by default beside the run.")] = None,
    languages: Annotated[
        str | None, typer.Option(metavar="en,es", help="Languages, instead of those of the job.")
    ] = None,
    feedback: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Counts of feedback on bulletins of this run.")
    ] = None,
    overwrite: Overwrite = False,
    as_json: AsJson = False,
    quiet: Quiet = False,
) -> None:
    """Draft a bulletin for each area, in each language, for a person to approve."""
    from allocator.io.folders import check_output

    target = out or run.with_name(f"{run.resolve().name}-bulletins")
    check_output(target, overwrite=overwrite)
    from allocator.io import load_run
    from allocator.pipeline import old as pipeline

    codes = None if languages is None else [code.strip() for code in languages.split(",") if code.strip()]
    with _progress(as_json=as_json, quiet=quiet, stages=3) as tell:
        tell("run folder")
        loaded = load_run(run)
        tell("drafts")
        found = pipeline.bulletins_of(loaded, languages=codes or None, feedback=feedback)
        tell("pages")
        place = pipeline.save_bulletins(found, loaded.job, target, overwrite=overwrite)
    figures = found.figures()
    if as_json:
        typer.echo(json.dumps({"folder": str(place), **figures["values"]}, ensure_ascii=False))
    elif not quiet:
        lines = [f"{label:<11}{text}" for label, text in figures["lines"]]
        typer.echo("\n".join(["", *lines, "", f"{'drafts':<11}{_shown(place / 'index.html')}"]))
