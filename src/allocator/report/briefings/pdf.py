"""Briefing sheets as PDF, drawn from the same values as the pages of `briefings`.

ReportLab (BSD licence) draws them, because it is the fastest by far: a trial page with a map of 600 cells and 15
reasons took it 6.5 ms, fpdf2 (LGPL) 50 ms, or 190 ms with shaping, and WeasyPrint (BSD) 516 ms; and it keeps the ground
of a map once a file. The 1,733 sheets of Chicago's week take 30 s. python-bidi puts Hebrew and Arabic names in order;
Arabic letters stand unjoined.
"""

from __future__ import annotations

import io
import itertools

from allocator.domain import Run
from allocator.report.briefings.briefings import FOLDER
from allocator.report.briefings.pdf_flow import Flow
from allocator.report.briefings.pdf_pen import Pen
from allocator.report.briefings.pdf_text import HIGH, MARGIN, MM, QUIET, WIDE, Kit, Letters, Untyped, kit_of_fonts
from allocator.report.briefings.records import Sheet
from allocator.report.briefings.sheets import ShiftSheets, sheets


def briefing_pdfs(run: Run) -> dict[str, bytes]:
    """Return the briefing sheets of each shift as a PDF file, by path in the run folder.

    The same run gives the same bytes. Each sheet begins a page of its own and has a bookmark.

    Raises
    ------
    ConfigError
        If the libraries of the extra `pdf` are not installed.
    """
    kit = kit_of_fonts()
    return {f"{FOLDER}/{made.file}.pdf": _file(made, kit) for made in sheets(run)}


def _file(made: ShiftSheets, kit: Kit) -> bytes:
    """Return the sheets of a shift as one file: all are laid out first, so that each page knows how many there are."""
    laid = [Flow(sheet, made).laid() for sheet in made.sheets]
    total = sum(map(len, laid))
    content = io.BytesIO()
    paper = kit.canvas.Canvas(content, pagesize=(WIDE * MM, HIGH * MM), invariant=1, pageCompression=1, lang="en")
    paper.setTitle(f"Briefing sheets: {made.title}, {made.plan}")
    paper.setAuthor("allocator")
    paper.setSubject(made.marks[0])
    pen = Pen(paper, kit)
    for name in sorted({sheet.map.ground for sheet in made.sheets if sheet.map is not None}):
        pen.keep_ground(name, made.grounds[name])
    for n, page in enumerate(itertools.chain.from_iterable(laid), 1):
        if page.first:
            _bookmark(paper, page.sheet)
        for draw in page.drawn:
            draw(pen)
        foot = f"{made.plan} · page {n} of {total}"
        pen.text(WIDE - MARGIN - 40, HIGH - MARGIN + 3.5, foot, Letters(6.5, colour=QUIET), right=40)
        paper.showPage()
    paper.save()
    return content.getvalue()


def _bookmark(paper: Untyped, sheet: Sheet) -> None:
    paper.bookmarkPage(sheet.id)
    below = sheet.kind == "unit" and sheet.map is not None  # units on reserve stand beside the districts
    paper.addOutlineEntry(f"{sheet.kind.capitalize()} {sheet.short}", sheet.id, level=int(below), closed=True)
