"""Commands about the outreach of a run: bulletins, and what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from allocator.cli.app import AsJson, Overwrite, Quiet, Tail, app, beside


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
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    target = beside(run, out, "delivery", overwrite=overwrite)
    from allocator import pipeline
    from allocator.io import load_run

    earlier = load_run(run)
    tail.study(
        "delivery", earlier.job, target, lambda: pipeline.delivery_of(earlier, table), {"": "folder"}, of_job=False
    )


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
    tail = Tail(as_json=as_json, quiet=quiet, overwrite=overwrite)
    target = beside(run, out, "bulletins", overwrite=overwrite)
    from allocator import pipeline
    from allocator.io import load_run

    codes = None if languages is None else [code.strip() for code in languages.split(",") if code.strip()]
    with tail.progress(3) as tell:
        tell("run folder")
        loaded = load_run(run)

        def work() -> object:
            tell("drafts")
            drafts = pipeline.bulletins_of(loaded, languages=codes or None, feedback=feedback)
            tell("pages")
            return drafts

        tail.study("folder", loaded.job, target, work, {"index.html": "drafts"}, of_job=False)
