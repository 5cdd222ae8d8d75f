"""Briefing sheets: what an officer and a district get at roll call, as values that HTML and PDF are made from alike."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from allocator.config import PlaceLimit
from allocator.domain import Edit, Record, Run, Shift, Unit
from allocator.report.briefings.records import DISTRICT_MAP, LARGE_MAP, LONG, UNIT_MAP, USUAL, Crew, Sheet, Visit
from allocator.report.briefings.sheet_maps import Atlas, Ground, SheetMap
from allocator.report.briefings.wording import (
    Clock,
    counted,
    day_words,
    edit_words,
    limit_words,
    listed,
    runs,
    unit_marks,
    wait_words,
)
from allocator.report.look import file_names, harm_word, mark, said
from allocator.report.routes import degrees

_MOST_NOTE = 300  # characters of what every page repeats; the report has the whole note
_FEW = 25
"""Places up to which the map of a district has the numbers of the visits."""
_MOST_ON_ONE_PAGE = 75
_QUIET_MINUTES = 20
"""Minutes between visits from which the sheet speaks of time without a visit: less is travel."""


@dataclass(frozen=True, eq=False)
class ShiftSheets:
    """All sheets of a shift: each district, and then its units; units on reserve last.

    Parameters
    ----------
    file : str
        File name without its ending, such as "2017-12-25-evening".
    title : str
        "Mon 25 Dec 2017, evening".
    plan : str
        Name of the job, and its week.
    marks : tuple of str
        What every sheet carries: approval, and the note of the job.
    source : str
        Where the forecast comes from.
    key : str
        What the map shows.
    zoned : bool
        Whether each time names its zone, because the clocks change.
    grounds : mapping of str to Ground
        By the name that `SheetMap.ground` has.
    """

    file: str
    title: str
    plan: str
    marks: tuple[str, ...]
    source: str
    key: str
    zoned: bool
    sheets: tuple[Sheet, ...]
    grounds: Mapping[str, Ground]


def sheets(run: Run) -> Iterator[ShiftSheets]:
    """Return the briefing sheets of a run, one shift after the other.

    There is a sheet for every district and shift, and for every unit on duty in a shift, with or without visits.
    """
    desk = _Desk(run)
    files = file_names(shift.id for shift in run.roster.shifts)
    for shift in run.roster.shifts:
        yield _ShiftDesk(desk, shift).made(files[shift.id])


class _Desk:
    """What the sheets of all shifts draw on."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.city = run.surface.city
        self.atlas = Atlas(self.city)
        self.lon, self.lat = degrees(self.city)
        self.units = {unit.name: unit for unit in run.roster.units}
        self.unit_ids = {name: f"unit-{file}" for name, file in file_names(self.units).items()}
        self.districts = {name: row for row, name in enumerate(self.city.districts)}
        self.district_ids = {name: f"district-{file}" for name, file in file_names(self.districts).items()}
        self.harm_word = harm_word(run.surface.harm)
        self.staffing = {(row.district, row.shift): row for row in run.plan.staffing.itertuples()}
        self.causes = {(row.district, row.shift): row.cause for row in run.plan.changes.itertuples()}
        times = {
            name: pd.Series(list(run.plan.visits[name].dt.to_pydatetime()), run.plan.visits.index, object)
            for name in ("start", "stop")
        }  # pandas' own timestamps take four times as long to tell in local time
        visits = run.plan.visits.assign(**times)
        self.visits = {shift: list(rows.itertuples()) for shift, rows in visits.groupby("shift", sort=False)}
        self.posts = {
            shift: {row.unit: row for row in rows.itertuples()}
            for shift, rows in run.plan.assignments.groupby("shift", sort=False)
        }
        self.outreach: dict[str, list[Record]] = {}
        for item in run.outreach.items.itertuples():
            self.outreach.setdefault(item.area, []).append(item)
        self.outcomes = [(edit, run.plan.outcome(edit)) for edit in run.roster.edits]
        self.unmet = [(one, one.named("district"), one.named("shift")) for one in run.plan.unmet]

    @cached_property
    def beats(self) -> list[frozenset[str]]:
        """The beats of each district."""
        return [
            frozenset(
                self.city.beats[beat] for beat in np.unique(self.city.beat[self.city.district == row]) if beat >= 0
            )
            for row in self.districts.values()
        ]

    @cached_property
    def expected(self) -> Any:
        """Harm expected in each shift, district and of each kind."""
        inside = np.flatnonzero(self.city.district >= 0)
        shape = (len(self.run.surface.shifts), len(self.districts), len(self.run.surface.kinds))
        total = np.zeros(shape)
        np.add.at(
            total.transpose(1, 0, 2), self.city.district[inside], self.run.surface.mean[:, inside].transpose(1, 0, 2)
        )
        return total * np.asarray(self.run.surface.harm, np.float64)

    def unmet_in(self, district: str, shift: str) -> list[str]:
        """Return the unmet needs that name this district and shift, or one of them and no other."""
        return [
            f"Not met: {one}"
            for one, districts, shifts in self.unmet
            if (districts or shifts) and district in (districts or {district}) and shift in (shifts or {shift})
        ]


class _ShiftDesk:
    """What the sheets of one shift draw on."""

    def __init__(self, desk: _Desk, shift: Shift) -> None:
        self.desk, self.shift, run = desk, shift, desk.run
        self.clock = Clock(run.job.job.timezone, shift.start, shift.stop)
        self.row = run.surface.shifts.index(shift.id)
        self.when = f"{day_words(shift.day)}, {said(shift.name, 30)}, {self.clock.whole(shift.start, shift.stop)}"
        self.posts = desk.posts.get(shift.id, {})
        self.tours: dict[str, list[Record]] = {unit: [] for unit in self.posts}
        for visit in desk.visits.get(shift.id, []):
            self.tours.setdefault(visit.unit, []).append(visit)
        for tour in self.tours.values():
            tour.sort(key=lambda visit: (visit.start, visit.seq))

    def made(self, file: str) -> ShiftSheets:
        """Return all sheets of the shift."""
        desk, job = self.desk, self.desk.run.job
        harm = np.einsum("ck,k->c", desk.run.surface.mean[self.row], np.asarray(desk.run.surface.harm, np.float64))
        crews: dict[str, list[str]] = {name: [] for name in desk.districts}
        for unit in self.tours:
            crews.setdefault(self.district_of(unit), []).append(unit)
        made: list[Sheet] = []
        for district, units in crews.items():
            made += [self.of_district(district, units)] if district in desk.districts else []
            made += [self.of_unit(unit, district) for unit in units]
        note = (said(job.job.note, _MOST_NOTE),) if job.job.note else ()
        last_day = day_words(desk.run.surface.cutoff - dt.timedelta(days=1))
        grounds = {desk.district_ids[name]: desk.atlas.ground(row, harm) for name, row in desk.districts.items()}
        return ShiftSheets(
            file, f"{day_words(self.shift.day)}, {said(self.shift.name, 30)}",
            f"{said(job.job.name, LONG)}, week of {day_words(job.job.week)}",
            (said(mark(job, desk.run.plan), _MOST_NOTE), *note),
            f"Forecast from data up to {last_day}. It is about places, never about persons.",
            f"Shades: the 2 %, 10 %, 25 % and 50 % of the district's cells with most {desk.harm_word} per km² in this "
            "shift. Thin lines: beats.",
            self.clock.changes, tuple(made), grounds,
        )  # fmt: skip

    def district_of(self, unit: str) -> str:
        """Return the district that a unit serves: where it is posted, else where its first visit is."""
        posted = str(self.posts[unit].district) if unit in self.posts else ""
        if posted in self.desk.districts or not self.tours[unit]:
            return posted if posted in self.desk.districts else ""
        row = int(self.desk.city.district[self.tours[unit][0].cell])
        return self.desk.city.districts[row] if row >= 0 else ""

    def of_unit(self, name: str, district: str) -> Sheet:
        """Return the sheet of a unit."""
        desk, tour = self.desk, self.tours[name]
        return Sheet(
            desk.unit_ids.get(name, "unit"), "unit", name, said(name, LONG), self.when,
            self._unit_facts(name, district), self._unit_map(district, tour), tuple(self._tour(tour)), (),
            tuple(self._remarks(district, name)),
        )  # fmt: skip

    def _unit_facts(self, name: str, district: str) -> tuple[tuple[str, str], ...]:
        unit, tour, routes = self.desk.units.get(name, Unit(name)), self.tours[name], self.desk.run.job.routes
        home = f" (home district {said(unit.home_district, 30)})" if unit.home_district else ""
        where = said(district, 30) if district else "none: on reserve in this shift, wait for the dispatcher"
        facts = [("District", where + home), ("Unit", said(unit.type, 30) + listed(", skills: ", unit.skills))]
        facts.append(("Visits", self._tour_words(tour) if tour else "none planned in this shift"))
        if tour and routes.briefing_minutes:
            facts.append(("Before", f"the first {routes.briefing_minutes} minutes are for roll call"))
        if tour and routes.break_minutes and self.shift.minutes >= 60 * routes.break_from_hours:
            low, high = (
                self.shift.start + (self.shift.stop - self.shift.start) * share for share in routes.break_window
            )
            facts.append(("Break", f"{routes.break_minutes} minutes between {self.clock.time(low)} and "
                                   f"{self.clock.time(high)}, when no visit is planned"))  # fmt: skip
        return (*facts, *self._area_facts(district))

    def _tour_words(self, tour: Sequence[Record]) -> str:
        minutes = sum((visit.stop - visit.start).total_seconds() for visit in tour) / 60
        places = len({visit.cell for visit in tour})
        return (
            f"{counted(len(tour), 'visit')} at {counted(places, 'place')}, {minutes:.0f} minutes, "
            f"{self.clock.span(tour[0].start, tour[-1].stop)}"
        )

    def _area_facts(self, district: str) -> list[tuple[str, str]]:
        """Return what is expected in a district in the shift, and its calls."""
        if not district:
            return []
        desk, row = self.desk, self.desk.staffing.get((district, self.shift.id))
        by_kind = desk.expected[self.row, desk.districts[district]]
        order = np.argsort(-by_kind, kind="stable")
        kinds = ", ".join(f"{said(desk.run.surface.kinds[k].lower(), 30)} {by_kind[k]:.1f}" for k in order[:5])
        rest = f", other kinds {by_kind[order[5:]].sum():.1f}" if len(order) > 5 else ""
        facts = [("Expected", f"{by_kind.sum():.1f} {desk.harm_word} in the district: {kinds}{rest}")]
        if row is not None and np.isfinite(row.calls_per_hour):
            facts.append(("Calls", f"{row.calls_per_hour:.2f} an hour expected, {wait_words(row.wait_min)}; "
                                   f"{row.free_share:.0%} of the units' time is left for patrol"))  # fmt: skip
        return facts

    def _unit_map(self, district: str, tour: Sequence[Record]) -> SheetMap | None:
        if not district:
            return None
        numbers: dict[int, list[int]] = {}
        for n, visit in enumerate(tour, 1):
            numbers.setdefault(int(visit.cell), []).append(n)
        marks = {cell: runs(mine) for cell, mine in numbers.items()}
        way = [int(visit.cell) for visit in tour]
        desk = self.desk
        return desk.atlas.map_of(
            desk.districts[district], desk.district_ids[district], size=UNIT_MAP, marks=marks, way=way
        )

    def _tour(self, tour: Sequence[Record], letter: str = "") -> Iterator[Visit]:
        """Return the visits of a unit, numbered from 1."""
        first: dict[tuple[int, str], int] = {}
        for n, visit in enumerate(tour, 1):
            told = first.setdefault((visit.cell, visit.reason), n)
            after = (tour[n].start - visit.stop).total_seconds() / 60 if n < len(tour) else 0
            yield Visit(
                f"{letter}{n}", self.clock.span(visit.start, visit.stop),
                f"{self.desk.lat[visit.cell]:.5f}, {self.desk.lon[visit.cell]:.5f}", self._place(visit.cell),
                f"{(visit.stop - visit.start).total_seconds() / 60:.0f}",
                "" if visit.purpose == USUAL else said(visit.purpose),
                said(visit.reason) if told == n else f"as for {letter}{told}",
                f"then {after:.0f} minutes without a visit" if after >= _QUIET_MINUTES else "",
            )  # fmt: skip

    def _place(self, cell: int) -> str:
        city = self.desk.city
        beat = f"beat {said(city.beats[city.beat[cell]], 30)}, " if city.beat[cell] >= 0 else ""
        return f"{beat}cell {cell}"

    def of_district(self, name: str, units: Sequence[str]) -> Sheet:
        """Return the sheet of a district."""
        desk, letters = self.desk, dict(zip(units, unit_marks(len(units)), strict=True))
        visits = [
            (visit.start, letter, n, told)
            for unit, letter in letters.items()
            for n, (visit, told) in enumerate(zip(self.tours[unit], self._tour(self.tours[unit], letter), strict=True))
        ]
        marks, row = self._letters_on_map(letters), desk.districts[name]
        size = LARGE_MAP if len(visits) > _MOST_ON_ONE_PAGE else DISTRICT_MAP
        return Sheet(
            desk.district_ids[name], "district", name, said(name, LONG), self.when,
            (*self._district_facts(name, units), *self._area_facts(name)),
            desk.atlas.map_of(row, desk.district_ids[name], size=size, marks=marks),
            tuple(told for *_, told in sorted(visits, key=lambda one: one[:3])),
            tuple(self._crew(unit, letter) for unit, letter in letters.items()), tuple(self._remarks(name)),
        )  # fmt: skip

    def _letters_on_map(self, letters: Mapping[str, str]) -> dict[int, str]:
        """Return the units that visit each cell, with the numbers of their visits where there is room for them."""
        there: dict[int, dict[str, list[int]]] = {}
        for unit, letter in letters.items():
            for n, visit in enumerate(self.tours[unit], 1):
                there.setdefault(int(visit.cell), {}).setdefault(letter, []).append(n)
        if len(there) <= _FEW:
            return {cell: " ".join(one + runs(mine) for one, mine in by.items()) for cell, by in there.items()}
        return {cell: " ".join(list(by)[:3]) + "+" * (len(by) > 3) for cell, by in there.items()}

    def _district_facts(self, name: str, units: Sequence[str]) -> list[tuple[str, str]]:
        row, visits = self.desk.staffing.get((name, self.shift.id)), [v for unit in units for v in self.tours[unit]]
        need = 0 if row is None else int(row.units_required)
        short = f": {need - len(units)} too few" if len(units) < need else ""
        facts = [("Units", f"{len(units)} assigned, {need} required{short}")]
        if not visits:
            return [*facts, ("Visits", "none planned in this shift")]
        places = len({visit.cell for visit in visits})
        share = (
            f", for {row.covered_harm / row.expected_harm:.0%} of what is expected" if row and row.expected_harm else ""
        )
        return [*facts, ("Visits", f"{counted(len(visits), 'visit')} at {counted(places, 'place')}{share}")]

    def _crew(self, name: str, letter: str) -> Crew:
        unit, tour = self.desk.units.get(name, Unit(name)), self.tours[name]
        times = f": {self.clock.span(tour[0].start, tour[-1].stop)}" if tour else ""
        about = f"{said(unit.type, 20)}{listed(', ', unit.skills)}; {counted(len(tour), 'visit')}{times}"
        return Crew(letter, said(name, 24), self.desk.unit_ids.get(name, "unit"), about)

    def _remarks(self, district: str, unit: str | None = None) -> Iterator[str]:
        """Return what the plan says of a district, or of a unit there, in this shift."""
        desk = self.desk
        if self.clock.changes:
            yield (f"The clocks change in this shift: each time names its zone, and the shift lasts "
                   f"{self.shift.minutes / 60:g} hours.")  # fmt: skip
        for edit, outcome in desk.outcomes:
            if edit.shift == self.shift.id and self._concerns(edit, district, unit):
                yield edit_words(edit, outcome)
        if not district:
            return
        for limit in desk.run.job.policy.limits:
            if self._holds(limit, district):
                yield limit_words(limit)
        if cause := desk.causes.get((district, self.shift.id)):
            yield f"Changed against the earlier plan: {said(cause)}"
        yield from map(said, desk.unmet_in(district, self.shift.id))
        yield from self._outreach(district)

    def _concerns(self, edit: Edit, district: str, unit: str | None) -> bool:
        if edit.unit and unit is not None:
            return edit.unit == unit
        of_cell = self.desk.city.district[edit.cell] if 0 <= edit.cell < self.desk.city.n_cells else -1
        there = edit.district or (self.desk.city.districts[of_cell] if of_cell >= 0 else "")
        posted = self.district_of(edit.unit) if edit.unit in self.tours else ""
        return bool(district) and district in (there, posted)

    def _holds(self, limit: PlaceLimit, district: str) -> bool:
        if limit.shifts and self.shift.name not in limit.shifts:
            return False
        beats = self.desk.beats[self.desk.districts[district]]
        return limit.file is not None or limit.district == district or (limit.beat is not None and limit.beat in beats)

    def _outreach(self, district: str) -> Iterator[str]:
        """Return the outreach in an area of the district's name during the shift."""
        for item in self.desk.outreach.get(district, []):
            if item.start < self.shift.stop and item.stop > self.shift.start:
                at = f", {said(item.venue, 60)}" if item.venue else ""
                yield (f"Outreach here: {said(item.initiative, 80)}, {self.clock.span(item.start, item.stop)}, "
                       f"{said(item.team, 40)}{at} ({said(item.status, 20)})")  # fmt: skip
