"""What a run folder holds for people to look at, print, edit and load; named as in `output.products`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from allocator.domain import Run
from allocator.errors import ConfigError, nearest
from allocator.io import csv_text, gis_files
from allocator.report.briefings import briefing_pages, briefing_pdfs, check_pdf
from allocator.report.look import RISK, risk_names
from allocator.report.outreach import outreach_page
from allocator.report.roster import roster_xlsx
from allocator.report.run import compared, map_png, page_links, run_page

Files = dict[str, bytes]


def _report(run: Run, made: Files) -> Files:
    if run.job.outreach is None:
        return {}
    return {"outreach.html": outreach_page(run).encode("utf-8")}


def _briefings(run: Run, made: Files) -> Files:
    return briefing_pages(run)


def _pdf(run: Run, made: Files) -> Files:
    return briefing_pdfs(run)


def _gis(run: Run, made: Files) -> Files:
    return gis_files(run, colours=RISK, names=tuple(risk_names()))


def _roster(run: Run, made: Files) -> Files:
    return {"roster.xlsx": roster_xlsx(run, map_png=made["map.png"])}


PRODUCTS: Mapping[str, Callable[[Run, Files], Files]] = {
    "report": _report, "briefings": _briefings, "pdf": _pdf, "roster": _roster, "gis": _gis,
}  # fmt: skip
"""Product → the files it makes of a run, given those made before; `report.html` comes last, for it points to them."""


def check_products(wanted: Collection[str]) -> None:
    """Refuse products that cannot be made here.

    Raises
    ------
    ConfigError
        If one is unknown, or the library of one is not installed.
    """
    unknown = [name for name in wanted if name not in PRODUCTS]
    if unknown:
        hint = nearest(unknown[0], PRODUCTS)
        raise ConfigError(f"unknown product {unknown[0]!r}{hint}; there are {', '.join(PRODUCTS)}")
    if "pdf" in wanted:
        check_pdf()


def products(run: Run, wanted: Collection[str], *, before: Run | None = None, others: Collection[str] = ()) -> Files:
    """Return the products of a run, by path in the run folder.

    Parameters
    ----------
    run : Run
        From `run` or `load_run`.
    wanted : collection of str
        Names of `PRODUCTS`.
    before : Run, optional
        An earlier run that the report compares with.
    others : collection of str
        Paths of the run folder that are there already.

    Raises
    ------
    ConfigError
        As `check_products`.
    """
    files: Files = {"map.png": map_png(run)} if not wanted or {"report", "roster"} & set(wanted) else {}
    for name, made in PRODUCTS.items():
        if name in wanted:
            files |= made(run, files)
    if "report" in wanted:
        against = None
        if before is not None:
            table = compared(run, before)
            files["against.csv"] = csv_text(table).encode("utf-8")
            against = f"the plan of {before.job.job.week}", table
        links = page_links([*files, *others], has_outreach=run.job.outreach is not None)
        text = run_page(run, against=against, links=links, map_picture=files["map.png"])
        files["report.html"] = text.encode("utf-8")
    return files
