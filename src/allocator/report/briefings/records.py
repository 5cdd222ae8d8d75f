"""What stands on a briefing sheet."""

from __future__ import annotations

from dataclasses import dataclass

from allocator.report.briefings.sheet_maps import SheetMap
from allocator.report.look import printable

UNIT_MAP, DISTRICT_MAP, LARGE_MAP = (92.0, 66.0), (112.0, 92.0), (112.0, 150.0)
"""Width and height of the maps in millimetres; the large one for a district with visits that do not fit on
one page anyway."""

USUAL = "directed patrol"
LONG = 60


@dataclass(frozen=True)
class Visit:
    """A visit as a sheet tells it.

    Parameters
    ----------
    number : str
        "3", or "B3" in a district sheet, where B is the unit.
    times : str
        Local, "07:16–07:31".
    degrees : str
        Latitude and longitude of the middle of the cell.
    place : str
        Beat and cell.
    purpose : str
        What is done; empty for directed patrol, which is the rule.
    reason : str
        Why; "as for 7" where it is that of an earlier visit of the same cell.
    after : str
        What comes after it, if that is not the next visit.
    """

    number: str
    times: str
    degrees: str
    place: str
    minutes: str
    purpose: str
    reason: str
    after: str = ""


@dataclass(frozen=True)
class Crew:
    """A unit in the key of a district sheet."""

    mark: str
    unit: str
    sheet: str
    about: str


@dataclass(frozen=True)
class Sheet:
    """One sheet.

    Parameters
    ----------
    id : str
        Anchor in the page of the shift, such as "unit-1c08"; the same in every plan with these units.
    kind : str
        "unit" or "district".
    name : str
        Call sign or district as it is, however long.
    short : str
        The same, cut to a length that fits into a line.
    when : str
        Day, shift, local start and stop with the zone.
    facts : tuple of (str, str)
        Label and text.
    map : SheetMap, optional
        None where there is nothing to show.
    visits : tuple of Visit
        In order of time.
    crews : tuple of Crew
        Units of a district.
    remarks : tuple of str
        What the plan says of this place and shift: limits, hand edits, needs that are not met.
    """

    id: str
    kind: str
    name: str
    short: str
    when: str
    facts: tuple[tuple[str, str], ...]
    map: SheetMap | None
    visits: tuple[Visit, ...]
    crews: tuple[Crew, ...]
    remarks: tuple[str, ...]

    @property
    def full(self) -> str:
        """The name without control characters, which no page can hold."""
        return printable(self.name)

    @property
    def lines(self) -> int:
        """Lines for notes by hand; a long table leaves no room for them, and has room beside each visit."""
        room = len(self.visits) if self.kind == "unit" else len(self.visits) // 3
        return 6 if not room else 3 if room <= 10 else 0

    @property
    def is_cut(self) -> bool:
        """Whether `short` is less than the name."""
        return len(self.name) > LONG
