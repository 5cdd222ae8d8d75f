"""Answers of workflows and runs as folders: whole or not at all."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import pandas as pd

from allocator import io, report
from allocator.config import Job
from allocator.domain import Run
from allocator.errors import ProductError, some
from allocator.facts import Note, records, texts
from allocator.io import PRODUCT_HASHES
from allocator.pipeline.record import changed_since, inputs_of, origin, peak_mb, versions_in_words


def save(answer: object, job: Job, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Write the folder of any answer: tables, pages, `summary.json` and `manifest.json`, all or nothing.

    Parameters
    ----------
    answer : Scorecard, PlanScorecard, Scenarios, Staffing, Exploration, Bulletins or DeliveryCard
        What a workflow returned.
    job : Job
        The job behind it.
    folder : path
        Must not exist, unless `overwrite` is given and it holds earlier results.
    overwrite : bool
        Replace earlier results.

    Raises
    ------
    OutputError
        If the folder exists (and `overwrite` is not given) or cannot be written.
    """
    return write_answer(answer, job, folder, overwrite=overwrite)[0]


def write_answer(
    answer: object,
    job: Job,
    folder: str | Path,
    *,
    overwrite: bool = False,
    inputs: Sequence[io.Input] | None = None,
) -> tuple[Path, report.Presented]:
    """Do as `save` does, and also return what was written and can be said of the answer.

    The manifest holds the hashes of `inputs`, taken before they were read; without them, those of the files as they
    are now.
    """
    io.check_output(folder, overwrite=overwrite)
    heading = [text for text in (report.stamp(job), job.job.note, f"Made by {versions_in_words()}") if text]
    shown = report.presented(answer, job, heading)
    read = (inputs_of(job) if inputs is None else inputs) if shown.of_job else ()
    notes = [*texts(shown.notes), *texts(changed_since(read))]
    manifest = {**origin(job, read), "notes": notes, "peak_mb": peak_mb(), **shown.record}
    place = io.write_results(
        folder, tables=shown.tables, pages=shown.pages, figures=shown.figures, manifest=manifest, overwrite=overwrite
    )
    return place, shown


save_backtest = save_plan_backtest = save_scenarios = save_staffing = save_bulletins = save_delivery = save
"""Other names of the one saver."""


def save_exploration(exploration: report.Exploration, folder: str | Path, *, overwrite: bool = False) -> Path:
    """Do as `save` does; an exploration knows its job.

    Raises
    ------
    OutputError
        As `save`.
    """
    return save(exploration, exploration.job, folder, overwrite=overwrite)


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
    ProductError
        After all else is saved, if a product could not be made; `folder` is where it would be.
    """
    io.check_output(folder, overwrite=overwrite)
    report.check_products(run.job.output.products)
    made = report.Made()
    for name, make in _makers(run, earlier).items():
        made.add(name, make)
    more = report.products(run, run.job.output.products, before=before, others=made.files)
    missing = [*made.missing, *more.missing]
    if missing:
        figures = report.with_notes(run.figures, missing, "missing")
        run = dataclasses.replace(run, figures=figures, manifest={**run.manifest, "missing": records(missing)})
    pages = made.files | more.files
    place = io.write_run(run, folder, pages=pages | {PRODUCT_HASHES: hashes_of(pages)}, overwrite=overwrite)
    tell_missing(missing, place)
    return place


def tell_missing(missing: Sequence[Note], place: Path) -> None:
    """Raise what tells of products that are missing in a folder where everything else is.

    Raises
    ------
    ProductError
        If there are any.
    """
    if missing:
        names = [str(one.get("product")) for one in missing]
        raise ProductError(
            f"{place} is saved, but {some(names, 9)} could not be made: please report it; allocator report makes "
            "products again, and ALLOCATOR_TRACEBACK=1 shows where it happened",
            faults=missing, folder=str(place),
        )  # fmt: skip


def _makers(run: Run, earlier: Run | None) -> dict[str, Callable[[], dict[str, bytes]]]:
    """Return what makes the files of a run beside its products, by what they are."""
    makers = {"routes": lambda: report.route_files(run), "duty": lambda: _duty_pages(run), **_outreach_makers(run)}
    if earlier is not None:
        makers["changes"] = lambda: {"changes.csv": io.csv_text(run.plan.diff(earlier.plan)).encode("utf-8")}
    return makers


def products_of(
    run: Run, wanted: Sequence[str], *, before: Run | None = None, others: Collection[str] = ()
) -> report.Made:
    """Return what people look at, print, edit and load of a run, by path in its folder, and what could not be made.

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


def hashes_of(files: Mapping[str, bytes], known: Mapping[str, str] | None = None) -> bytes:
    """Return the content of `products.json`: the hashes that are known, and those of files just made."""
    hashes = {**(known or {}), **{name: hashlib.sha256(content).hexdigest() for name, content in files.items()}}
    return (json.dumps(dict(sorted(hashes.items())), indent=1, ensure_ascii=False) + "\n").encode("utf-8")


def _outreach_makers(run: Run) -> dict[str, Callable[[], dict[str, bytes]]]:
    """Return what makes calendars, partner packages, funder reports, and the form in which delivery is told."""
    job, plan = run.job, run.outreach
    if job.outreach is None:
        return {}
    notes = [text for text in (report.stamp(job), job.job.note) if text]
    makers = report.outreach_makers(
        plan, timezone=job.job.timezone, title=job.job.name, notes=notes, offers=plan.offers,
        earlier=plan.earlier if len(plan.earlier) else None,
        contact=job.outreach.bulletin.contact,
    )  # fmt: skip
    return {**makers, "delivery form": lambda: {
        "delivery.csv": io.csv_text(io.delivery_template(plan.items, timezone=job.job.timezone)).encode("utf-8")
    }}  # fmt: skip


def _duty_pages(run: Run) -> dict[str, bytes]:
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
