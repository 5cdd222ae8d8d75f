"""What is made of a run after it: its products again, bulletins, and what became of its outreach."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

from allocator import evaluation, io, report
from allocator.domain import Run
from allocator.errors import ConfigError, DataError, OutputError
from allocator.evaluation import DeliveryCard
from allocator.io import PRODUCT_HASHES
from allocator.pipeline.save import hashes_of, products_of, tell_missing


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
    ProductError
        After the others are written, if a product could not be made.
    """
    place = Path(folder)
    if out is not None:
        io.check_output(out)
    else:
        io.check_writable(place)
    run = io.load_run(place)
    names = run.job.output.products if wanted is None else wanted
    if "gis" in names:
        io.check_temporary()
    before = week_before(run, place) if against is None else io.load_run(against)
    if out is not None:
        made = products_of(run, names, before=before)
        target = io.write_files(made.files, out)
        tell_missing(made.missing, target)
        return target, made.files
    known, there = io.read_hashes(place / PRODUCT_HASHES), dict(io.files_in(place))
    made = products_of(run, names, before=before, others=there)
    _refuse_changed([name for name in made.files if name in there and not _is_as_made(there[name], known.get(name))])
    io.replace_files({**made.files, PRODUCT_HASHES: hashes_of(made.files, known)}, place)
    tell_missing(made.missing, place.absolute())
    return place.absolute(), made.files


def _is_as_made(path: Path, known: str | None) -> bool:
    """Return whether a file is one that was made here, as it was made; links are refused where they are met."""
    return path.is_symlink() or path.is_dir() or (path.is_file() and io.sha256(path) == known)


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
        compared="window" if any(note.cause == "outreach.no_year_earlier" for note in run.outreach.notes) else "year",
    )  # fmt: skip


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
