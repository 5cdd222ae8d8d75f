"""Days, times and marks as a briefing sheet says them."""

from __future__ import annotations

import datetime as dt
import itertools
import zoneinfo
from collections.abc import Sequence

import numpy as np

from allocator.config import PlaceLimit
from allocator.domain import Edit
from allocator.report.look import said

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


class Clock:
    """Local times of a shift: they name their zone one by one only where the clocks change within the shift."""

    def __init__(self, timezone: str, start: dt.datetime, stop: dt.datetime) -> None:
        self._zone = zoneinfo.ZoneInfo(timezone)
        self.changes = start.astimezone(self._zone).utcoffset() != stop.astimezone(self._zone).utcoffset()

    def time(self, at: dt.datetime) -> str:
        """Return an aware time as local hours and minutes."""
        local = at.astimezone(self._zone)
        told = f"{local.hour:02d}:{local.minute:02d}"  # strftime took a tenth of the time of all sheets
        return f"{told} {zone_name(local)}" if self.changes else told

    def span(self, start: dt.datetime, stop: dt.datetime) -> str:
        """Return "07:16–07:31"."""
        return f"{self.time(start)}–{self.time(stop)}"

    def date(self, at: dt.datetime) -> str:
        """Return the local day, "Mon 25 Dec 2017"."""
        return day_words(at.astimezone(self._zone).date())

    def whole(self, start: dt.datetime, stop: dt.datetime) -> str:
        """Return local start and stop with the zone, and with the day of the stop if it is another."""
        first, last = start.astimezone(self._zone), stop.astimezone(self._zone)
        next_day = (
            "" if first.date() == last.date() else f"{_DAYS[last.weekday()]} {last.day} {_MONTHS[last.month - 1]} "
        )
        if self.changes:
            return f"{self.time(start)} – {next_day}{self.time(stop)}"
        return f"{self.time(start)} – {next_day}{self.time(stop)} {zone_name(first)}"


def zone_name(local: dt.datetime) -> str:
    """Return the name of an aware time's zone at that time: "CST", or "UTC-01" where it has no letters."""
    name = local.tzname() or ""
    return f"UTC{name}" if name[:1] in "+-" else name


def day_words(day: dt.date) -> str:
    """Return "Mon 25 Dec 2017"."""
    return f"{_DAYS[day.weekday()]} {day.day} {_MONTHS[day.month - 1]} {day.year}"


def unit_marks(n: int) -> list[str]:
    """Return marks for n units: A to Z, and then AA, AB, ..."""
    letters = [chr(ord("A") + i) for i in range(26)]
    return (letters + [a + b for a, b in itertools.product(letters, letters)])[:n] + [str(i) for i in range(n - 702)]


def listed(before: str, words: Sequence[str]) -> str:
    """Return words after an opening; nothing when there are none."""
    return before + ", ".join(said(word, 20) for word in words) if words else ""


def counted(n: int, word: str) -> str:
    """Return a number and its word, in the plural unless it is 1."""
    return f"{n:,} {word}" + "s" * (n != 1)


def wait_words(minutes: float) -> str:
    """Return in words how long a caller waits, from minutes."""
    if not np.isfinite(minutes):
        return "more than the units can answer"
    return (
        "a caller waits " + (f"{60 * minutes:.0f} seconds" if minutes < 2 else f"{minutes:.0f} minutes") + " for a unit"
    )


def runs(numbers: Sequence[int]) -> str:
    """Return "7–9,12"."""
    parts: list[list[int]] = []
    for n in numbers:
        if parts and n == parts[-1][-1] + 1:
            parts[-1].append(n)
        else:
            parts.append([n])
    return ",".join(
        f"{part[0]}" if len(part) == 1 else f"{part[0]}{'–' if len(part) > 2 else ','}{part[-1]}" for part in parts
    )


def edit_words(edit: Edit, outcome: str) -> str:
    """Return an edit by hand in words: who, what, why and what came of it."""
    what = f"unit {said(edit.unit, 40)}" if edit.unit else ""
    where = (
        f"cell {edit.cell}" if edit.cell >= 0 else f"district {said(edit.district, 30)}" if edit.district else "duty"
    )
    asked = "has" if edit.action == "pin" else "must not have"
    return (
        f"By hand ({said(edit.who, 40)}): {f'{what} {asked} {where}' if what else f'{where} {asked} a visit'}"
        f"{f': {said(edit.why, 200)}' if edit.why else ''} ({outcome})"
    )


def limit_words(limit: PlaceLimit) -> str:
    """Return a limit of places in words, with its reason."""
    where = (
        f"beat {limit.beat}"
        if limit.beat
        else f"district {limit.district}"
        if limit.district
        else f"the places of {limit.file}"
    )
    most = (
        f"at most {limit.max_minutes} minutes of directed patrol in a cell of"
        if limit.max_minutes
        else "no directed patrol in"
    )
    return f"Policy: {most} {said(where, 80)} ({said(limit.reason, 200)})"
