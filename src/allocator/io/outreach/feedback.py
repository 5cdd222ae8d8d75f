"""Reading feedback on bulletins: counts alone, by area. Texts and names stay with the people who answer them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import pandas as pd

from allocator.errors import DataError, nearest, some
from allocator.io.tables import Sheet, read_header

FEEDBACK = ("helpful", "not_helpful", "question", "correction")
"""Kinds of feedback."""

FEEDBACK_TYPES = {"area": "str", "reference": "str", "feedback": "str", "count": "int64"}
_COLUMNS = ("reference", "area", "feedback", "count")


def read_feedback(path: str | Path, references: Mapping[str, str]) -> pd.DataFrame:
    """Return counts of feedback on the bulletins of a run, summed by area and kind of feedback.

    Parameters
    ----------
    path : path
        Table with the columns `feedback` (one of `FEEDBACK`), `count`, and `reference` or `area` or both. It may have
        no other columns: no texts and no names are taken.
    references : mapping of str to str
        The reference of each area, from `report.bulletin_references`.

    Returns
    -------
    DataFrame
        `FEEDBACK_TYPES`, in the order of the areas and of `FEEDBACK`.

    Raises
    ------
    DataError
        With every fault of the file at once, such as references that the run does not have.
    """
    name, found = Path(path).name, read_header(path)
    if others := [column for column in found if column not in _COLUMNS]:
        raise DataError(
            f"{name} has the columns {some(others, 10)}: feedback is counts, without texts and names; remove them",
            column=others[0], count=len(others),
        )  # fmt: skip
    if "reference" not in found and "area" not in found:
        raise DataError(f"{name} has neither a column 'reference' nor a column 'area'")
    sheet = Sheet(path, required=("feedback", "count"), optional=_COLUMNS)
    areas = {reference.upper(): area for area, reference in references.items()}
    counts: Counter[tuple[str, str]] = Counter()
    for _ in sheet.rows():
        area = _area_of(sheet, areas, references)
        kind = sheet.known("feedback", FEEDBACK, "kind of feedback")
        counts[area, kind] += sheet.whole("count")
    sheet.close()
    rows = [
        (area, reference, kind, counts[area, kind])
        for area, reference in references.items()
        for kind in FEEDBACK
        if counts[area, kind]
    ]
    return pd.DataFrame(rows, columns=list(FEEDBACK_TYPES)).astype(FEEDBACK_TYPES)


def _area_of(sheet: Sheet, areas: Mapping[str, str], references: Mapping[str, str]) -> str:
    """Return the area of a row, by its reference or its name; blank after a fault."""
    reference, area = sheet.text("reference"), sheet.text("area")
    if not reference and not area:
        sheet.fault("neither reference nor area is given")
        return ""
    if area and area not in references:
        sheet.fault(f"unknown area {area!r}{nearest(area, references)}")
        return ""
    if not reference:
        return area
    if reference.upper() not in areas:
        sheet.fault(f"the run has no bulletin with the reference {reference!r}{nearest(reference, areas)}")
        return ""
    if area and areas[reference.upper()] != area:
        sheet.fault(f"reference {reference!r} is of the area {areas[reference.upper()]!r}, not of {area!r}")
        return ""
    return areas[reference.upper()]
