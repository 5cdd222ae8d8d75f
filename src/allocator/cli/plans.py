"""Commands that make plans, change them and hand them out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from allocator.cli.app import (
    AsJson,
    JobFile,
    Out,
    Overrides,
    Overwrite,
    Quiet,
    Tail,
    Week,
    app,
    beside,
    job_of,
    target_of,
)  # fmt: skip
from allocator.errors import ProductError

if TYPE_CHECKING:
    from allocator.config import Job
    from allocator.pipeline import Progress

STAGES_OF_A_RUN = 11
"""The pipeline's nine, the job file before and the run folder after them."""

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


@app.command()
def new(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make.")],
    seed: Annotated[int, typer.Option(help="Seed of the city.")] = 0,
) -> None:
    """Make a job folder with a synthetic city that runs."""
    from allocator.pipeline import new_job

    path = new_job(folder, seed=seed)
    typer.echo(f"made {path}\nrun it with: allocator run {path}")


@app.command()
def validate(job: JobFile, week: Week = None, overrides: Overrides = None) -> None:
    """Check a job and every file it names, without planning."""
    from allocator import pipeline

    for line in pipeline.validate(job_of(job, overrides, week)):
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
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    with tail.progress(STAGES_OF_A_RUN) as tell:
        tell("job file")
        checked = job_of(job, overrides, week)
        if edits is not None:
            checked = _with_edits(checked, edits, tell)
        target = target_of(checked, out, "{week}", overwrite=overwrite)
        from allocator import pipeline

        result = pipeline.run(checked, soften=soften, progress=tell)
        tell("run folder")
        before = pipeline.week_before(result, target)
        place, missing = _saved(lambda: pipeline.save_run(result, target, overwrite=overwrite, before=before))
    seconds, peak = result.manifest["seconds"]["total"], result.manifest["peak_mb"]
    tail.answer(
        "run", place, values=result.figures["values"],
        files={name: what for name, what in OUTPUTS.items()
               if (place / name).exists() and (checked.outreach or what != "outreach")},
        summary=f"{result.summary()}\n{'took':<11}{seconds:.1f} s; peak memory {peak or 0:,.0f} MB",
    )  # fmt: skip
    if missing is not None:
        raise missing


def _saved(save: Callable[[], Path]) -> tuple[Path, ProductError | None]:
    """Return the folder that was saved, and what tells of products that are missing in it."""
    try:
        return save(), None
    except ProductError as error:
        return Path(error.folder), error


@app.command()
def replan(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run folder.")],
    at: Annotated[str, typer.Option(metavar="TIME", help="When it happened, such as 2017-12-26T19:40 local time.")],
    out_of_service: Annotated[list[str] | None, typer.Option(metavar="UNIT", help="A unit that is gone.")] = None,
    added: Annotated[
        list[str] | None,
        typer.Option(metavar="UNIT[:SHIFT]", help="A unit that comes on duty, now or in a shift: A1:2017-12-26/night."),
    ] = None,
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
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    target = beside(run, out, f"replan-{''.join(c for c in at if c.isalnum())}", overwrite=overwrite)
    from allocator import pipeline
    from allocator.io import load_run

    with tail.progress(3) as tell:
        tell("run folder")
        earlier = load_run(run)
        tell("re-plan")
        revised = pipeline.replan(
            earlier, at=at, out_of_service=out_of_service or (), added=added or (), urgent=urgent or (),
            closed=_cells_or_file(closed), events=events,
        )  # fmt: skip
        tell("new run folder")
        place, missing = _saved(lambda: pipeline.save_run(revised, target, overwrite=overwrite, earlier=earlier))
    tail.answer(
        "run", place, values=revised.figures["values"]["replan"], summary=revised.summary(),
        files={"": "run folder", "changes.csv": "differences", "map.png": "map"},
    )  # fmt: skip
    if missing is not None:
        raise missing


def _cells_or_file(text: str | None) -> str | list[int] | tuple[int, ...]:
    if not text:
        return ()
    parts = [part.strip() for part in text.split(",")]
    return [int(part) for part in parts] if all(part.isascii() and part.isdigit() for part in parts) else text


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
    tail = Tail(as_json=as_json, quiet=quiet)
    with tail.progress(2) as tell:
        tell("run folder")
        from allocator import pipeline

        wanted = None if only is None else [name.strip() for name in only.split(",")]
        place, made = pipeline.remake_products(run, wanted=wanted, out=out, against=against)
        tell("written")
    files = {"": "folder", **{name: OUTPUTS[name] for name in OUTPUTS if name in made}}
    tail.answer("folder", place, values={"files": sorted(made)}, summary="", files=files)


def _with_edits(job: Job, edits: Path, tell: Progress) -> Job:
    """Return the job with the hand edits of a file in place of its own."""
    if job.roster.edits and Path(job.roster.edits) != edits.resolve():
        tell(f"edits of {edits.name} instead of {Path(job.roster.edits).name}")
    roster = job.roster.model_copy(update={"edits": str(edits.resolve())})
    return job.model_copy(update={"roster": roster})
