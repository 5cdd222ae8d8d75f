"""Every answer of a workflow as what is written and said of it, by one protocol."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import singledispatch

import pandas as pd

from allocator.config import Job
from allocator.domain import Staffing
from allocator.evaluation import DeliveryCard, PlanScorecard, Scenarios, Scorecard
from allocator.facts import Note
from allocator.io import csv_text
from allocator.planning import overloads
from allocator.report.bulletins import Bulletins
from allocator.report.studies.backtest import backtest_page
from allocator.report.studies.explore import Exploration, explore_page, explore_pictures
from allocator.report.studies.plans import plan_backtest_page
from allocator.report.studies.scenarios import frontier_png, scenarios_page
from allocator.report.studies.staffing import staffing_figures, staffing_page, staffing_summary


@dataclass(frozen=True, eq=False)
class Presented:
    """An answer as its folder holds it.

    Parameters
    ----------
    tables : mapping of str to DataFrame
        Written as Parquet and CSV, by name.
    pages : mapping of str to str or bytes
        Further files by name: pages, pictures, tables that are CSV alone.
    figures : mapping
        `values` and `lines`: the content of `summary.json`.
    summary : str
        The answer in plain words.
    notes : sequence
        What a reader should know.
    record : mapping
        What the manifest tells beside versions, seed and inputs.
    of_job : bool
        Whether it was made from the inputs of a job, or else from a run, whose manifest names them.
    """

    tables: Mapping[str, pd.DataFrame]
    pages: Mapping[str, str | bytes]
    figures: Mapping[str, object]
    summary: str
    notes: Sequence[Note] = ()
    record: Mapping[str, object] = field(default_factory=dict)
    of_job: bool = True


@singledispatch
def presented(answer: object, job: Job, heading: Sequence[str]) -> Presented:
    """Return an answer as what is written and said of it.

    Parameters
    ----------
    answer : Scorecard, PlanScorecard, Scenarios, Staffing, Exploration, Bulletins or DeliveryCard
        What a workflow returned.
    job : Job
        The job behind it.
    heading : sequence of str
        What its page says first.
    """
    raise TypeError(f"{type(answer).__name__} is no answer of a workflow")


@presented.register
def _(answer: Scorecard, job: Job, heading: Sequence[str]) -> Presented:
    page = backtest_page(answer, title=f"Backtest: {job.job.name}", notes=heading)
    return Presented(
        {"scores": answer.scores}, {"backtest.html": page}, answer.figures(), answer.summary(), answer.notes
    )


@presented.register
def _(answer: PlanScorecard, job: Job, heading: Sequence[str]) -> Presented:
    page = plan_backtest_page(answer, title=f"Does planning help? {job.job.name}", notes=heading)
    tables = {"plan_scores": answer.scores, **({"plan_clock": answer.by_clock()} if answer.clocked else {})}
    return Presented(tables, {"plan_backtest.html": page}, answer.figures(), answer.summary(), answer.notes)


@presented.register
def _(answer: Scenarios, job: Job, heading: Sequence[str]) -> Presented:
    picture = frontier_png(answer)
    page = scenarios_page(answer, picture, title=f"Scenarios: {job.job.name}", notes=heading)
    tables = {"scenarios": answer.table()}
    if len(answer.outreach):
        tables["outreach_scenarios"] = answer.outreach
    pages: dict[str, str | bytes] = {"scenarios.html": page, "frontier.png": picture}
    return Presented(tables, pages, answer.figures(), answer.summary(), answer.notes)


@presented.register
def _(answer: Staffing, job: Job, heading: Sequence[str]) -> Presented:
    over = [] if answer.units_given is None else overloads(answer, answer.units_given)
    page = staffing_page(answer, title=f"Staffing: {job.job.name}", notes=heading, overloads=over)
    tables = {"staffing": answer.table()} | ({} if answer.help is None else {"help": answer.help})
    return Presented(
        tables, {"staffing.html": page}, staffing_figures(answer, over), staffing_summary(answer, over), answer.notes,
        record={"rows": dict(answer.ledger)},
    )  # fmt: skip


@presented.register
def _(answer: Exploration, job: Job, heading: Sequence[str]) -> Presented:
    pictures = explore_pictures(answer)
    pages: dict[str, str | bytes] = {f"{name}.csv": csv_text(frame) for name, frame in answer.tables().items()}
    pages |= {f"{name}.png": png for name, png in pictures.items()}
    pages["explore.html"] = explore_page(answer, pictures)
    return Presented({}, pages, answer.figures(), answer.summary(), answer.notes, record=answer.manifest)


@presented.register
def _(answer: Bulletins, job: Job, heading: Sequence[str]) -> Presented:
    tables = {"bulletins": answer.table()} | ({} if answer.feedback is None else {"feedback": answer.feedback})
    figures = answer.figures()
    summary = "\n".join(f"{label:<11}{text}" for label, text in figures["lines"])
    return Presented(
        tables, answer.pages, figures, summary, of_job=False,
        record={"references": dict(answer.references), "notes": list(answer.notes)},
    )  # fmt: skip


@presented.register
def _(answer: DeliveryCard, job: Job, heading: Sequence[str]) -> Presented:
    return Presented({"delivery": answer.table()}, {}, answer.figures(), answer.summary(), answer.notes, of_job=False)
