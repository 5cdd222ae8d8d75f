"""What a run folder holds for people to look at, print, edit and load; named as in `output.products`."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field

from allocator.domain import Run
from allocator.errors import ConfigError, OutputError, nearest
from allocator.facts import Note, note
from allocator.io import csv_text, gis_files, is_output_failure, plain
from allocator.report.briefings import briefing_pages, briefing_pdfs, check_pdf
from allocator.report.look import RISK, risk_names
from allocator.report.outreach import outreach_page
from allocator.report.roster import roster_xlsx
from allocator.report.run import compared, map_png, page_links, run_page

Files = dict[str, bytes]

_LOG = logging.getLogger(__name__)


@dataclass
class Made:
    """Products of a run, and those that could not be made.

    Parameters
    ----------
    files : dict of str to bytes
        By path in the run folder.
    missing : list of Note
        One for each product that failed.
    """

    files: Files = field(default_factory=dict)
    missing: list[Note] = field(default_factory=list)

    def add(self, product: str, make: Callable[[], Files]) -> None:
        """Add the files of a product; a fault that nobody foresaw costs this product alone, never the run.

        Raises
        ------
        OutputError
            If there is no room left: the run itself could not be written either.
        """
        try:
            self.files |= make()
        except OSError as error:
            if is_output_failure(error):
                raise OutputError(f"{product} cannot be made: {plain(error)}") from error
            self._miss(product, error)
        except Exception as error:
            self._miss(product, error)

    def _miss(self, product: str, error: Exception) -> None:
        _LOG.warning("%s could not be made", product, exc_info=error)
        because = "not enough memory" if isinstance(error, MemoryError) else f"{type(error).__name__}: {error}"
        self.missing.append(note("studies.product_missing", product=product, because=" ".join(because.split())[:200]))


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
    return {"roster.xlsx": roster_xlsx(run, map_png=made.get("map.png"))}


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


def products(run: Run, wanted: Collection[str], *, before: Run | None = None, others: Collection[str] = ()) -> Made:
    """Return the products of a run, by path in the run folder, and those that could not be made.

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
    made = Made()
    if not wanted or {"report", "roster"} & set(wanted):
        made.add("map", lambda: {"map.png": map_png(run)})
    for name, make in PRODUCTS.items():
        if name in wanted:
            made.add("outreach page" if name == "report" else name, functools.partial(make, run, made.files))
    if "report" in wanted:
        against = None
        if before is not None:
            made.add("comparison", lambda: {"against.csv": csv_text(compared(run, before)).encode("utf-8")})
        if before is not None and "against.csv" in made.files:
            against = f"the plan of {before.job.job.week}", compared(run, before)
        links = page_links([*made.files, *others], has_outreach=run.job.outreach is not None)
        picture = made.files.get("map.png")
        made.add("report", lambda: {
            "report.html": run_page(run, against=against, links=links, map_picture=picture).encode("utf-8")
        })  # fmt: skip
    return made
