"""From units, wishes and rules to who is on duty; and what hand edits make of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from allocator.config import RosterMakeSection
from allocator.domain import AllocationTerms, Bools, DutyWishes, Edit, Ints, Roster, Tessellation
from allocator.errors import DataError
from allocator.facts import Note, note
from allocator.planning.duty.problem import NO_MOST, DutyProblem, DutyRules
from allocator.planning.duty.rostering import Duty, make_duty

_SATURDAY = 5
_TIE = 1e-5


def make_roster(roster: Roster, wishes: DutyWishes, rules: RosterMakeSection) -> Roster:
    """Return the roster with the best duty that keeps the rules; its notes say where units are lacking.

    Parameters
    ----------
    roster : Roster
        Units, planned shifts and hand edits; its duty does not count.
    wishes : DutyWishes
        Units wanted, absences and preferences.
    rules : RosterMakeSection
        Rest, most shifts, days off, and the penalties.

    Raises
    ------
    InfeasibleError
        If the rules and the hand edits of a unit contradict each other; it names the units.
    SolverError
        If the engine fails.
    """
    found = make_duty(duty_problem(roster, wishes, rules))
    planned = found.works[:, len(wishes.earlier) :]
    duty = {(roster.units[u].name, roster.shifts[s].id) for u, s in np.argwhere(planned)}
    wanted, lacking = sum(wishes.wanted.values()), len(found.notes)
    told = note(
        "duty.roster_made", unit_shifts=len(duty), wanted=wanted, lacking=lacking, shifts=len(roster.shifts),
        proof=_proof(found),
    )  # fmt: skip
    notes = (*roster.notes, *wishes.notes, told, *found.notes)
    return dataclasses.replace(roster, duty=frozenset(duty), notes=notes)


def _proof(found: Duty) -> Note:
    over = found.bound - found.objective
    if over <= _TIE:
        return note("duty.best_roster")
    return note("duty.better_roster", over=over)


def duty_problem(roster: Roster, wishes: DutyWishes, rules: RosterMakeSection) -> DutyProblem:
    """Return the arrays of a duty roster; shifts count for the local day on which they start."""
    shifts, units, n_earlier = (*wishes.earlier, *roster.shifts), roster.units, len(wishes.earlier)
    row = {unit.name: u for u, unit in enumerate(units)}
    column = {shift.id: s for s, shift in enumerate(shifts)}
    first = min(shift.day for shift in shifts)
    day = np.array([(shift.day - first).days for shift in shifts], np.int32)
    shape = len(units), len(shifts)
    may, must, wish = np.ones(shape, bool), np.zeros(shape, bool), np.zeros(shape)
    may[:, :n_earlier] = False
    for unit, shift in wishes.worked:
        may[row[unit], column[shift]] = must[row[unit], column[shift]] = True
    for unit, shift in wishes.away:
        may[row[unit], column[shift]] = False
    for (unit, shift), weight in wishes.weights.items():
        wish[row[unit], column[shift]] = weight
    for edit in roster.edits:
        if edit.unit and edit.action == "pin":
            must[row[edit.unit], column[edit.shift]] = True
        elif edit.on_duty_itself:
            may[row[edit.unit], column[edit.shift]] = False
    names = tuple(dict.fromkeys(shift.name for shift in shifts))
    homes = tuple(dict.fromkeys(unit.home_district for unit in units if unit.home_district))
    start, stop = (
        np.array([getattr(shift, end).timestamp() // 60 for shift in shifts], np.int64) for end in ("start", "stop")
    )
    begin = int(day[n_earlier])
    weekday = (np.arange(int(day.max()) + 1) + first.weekday()) % 7
    of_week = (np.arange(len(weekday)) + first.weekday()) // 7
    return DutyProblem(
        units=tuple(row), shifts=tuple(column), day=day, start=start, stop=stop,
        kind=np.array([names.index(shift.name) for shift in shifts], np.int32),
        weekend=_numbered(np.where((weekday >= _SATURDAY) & (np.arange(len(weekday)) >= begin), of_week, -1)),
        rules=_rules_of(roster, rules, may[:, n_earlier:], day[n_earlier:] - begin), may=may, must=must, wish=wish,
        wanted=np.array([wishes.wanted.get(shift.id, 0) for shift in shifts], np.int32),
        short=np.full(len(shifts), rules.short), spare=np.full(len(shifts), rules.spare), n_earlier=n_earlier,
        home=np.array([homes.index(unit.home_district) if unit.home_district else -1 for unit in units], np.int32),
        balance=rules.balance, spread=1.0,
    )  # fmt: skip


def _numbered(weekend: Ints) -> npt.NDArray[np.int32]:
    """Return the weekends numbered from 0, -1 for other days."""
    known = np.unique(weekend[weekend >= 0])
    return np.where(weekend >= 0, np.searchsorted(known, weekend), -1).astype(np.int32)


def _rules_of(roster: Roster, rules: RosterMakeSection, may: Bools, day: Ints) -> tuple[DutyRules, ...]:
    """Return the rules of each unit; whole days of absence count as worked for its fewest hours."""
    n_days = int(day.max()) + 1
    general = DutyRules(
        rest_minutes=round(rules.rest_hours * 60), most_in_seven=rules.max_shifts,
        most_minutes=int(rules.max_hours * 60 * n_days / 7), least_running=rules.min_running,
        most_running=rules.max_running, least_off=rules.min_days_off,
        most_weekends=NO_MOST if rules.max_weekends is None else rules.max_weekends,
    )  # fmt: skip
    days_there = np.array([len(np.unique(day[own])) for own in may])
    least = (rules.min_hours * 60 * days_there / 7).astype(int)
    return tuple(
        dataclasses.replace(
            general,
            most_in_seven=rules.max_shifts if unit.max_shifts is None else unit.max_shifts,
            least_minutes=int(least[u]),
        )
        for u, unit in enumerate(roster.units)
    )


def edited(roster: Roster) -> Roster:
    """Return a roster whose duty was given, with the units that hand edits add to it or take off it.

    Raises
    ------
    DataError
        If a unit would be in two shifts at once, or a shift has nobody on duty any more.
    """
    own = [edit for edit in roster.edits if edit.on_duty_itself]
    if not own:
        return roster
    pinned, off = ({(edit.unit, edit.shift) for edit in own if edit.action == action} for action in ("pin", "forbid"))
    duty = (roster.duty | pinned) - off
    covered = {shift for _, shift in duty}
    if empty := sorted({shift for _, shift in roster.duty} - covered):
        bearing = [str(edit) for edit in own if edit.shift in empty and edit.action == "forbid"]
        raise DataError(
            f"hand edits leave no unit on duty in {', '.join(empty)}: take some of them back", faults=bearing
        )
    return dataclasses.replace(roster, duty=frozenset(duty))


def allocation_edits(edits: Iterable[Edit], city: Tessellation) -> tuple[Edit, ...]:
    """Return the edits that the allocation has to know: a unit pinned to a cell serves the district of the cell."""
    bearing: dict[Edit, None] = {}
    for edit in edits:
        if edit.on_duty_itself:
            continue
        bearing[edit] = None
        if edit.unit and edit.cell >= 0 and edit.action == "pin":
            bearing[dataclasses.replace(edit, district=city.districts[city.district[edit.cell]], cell=-1)] = None
    return tuple(bearing)


def check_pins(problem: AllocationTerms, edits: Iterable[Edit]) -> None:
    """Refuse visits pinned to places where the policy allows none.

    Parameters
    ----------
    problem : AllocationTerms
        Without the edits.
    edits : iterable of Edit
        As read.

    Raises
    ------
    DataError
        With every such edit.
    """
    faults = [
        f"a visit to cell {edit.cell} in {edit.shift} was pinned by {edit.who} ({edit.why}), but the policy allows none"
        for edit in edits
        if edit.action == "pin" and edit.cell >= 0 and not problem.cap[problem.shifts.index(edit.shift), edit.cell]
    ]
    if faults:
        raise DataError("hand edits ask for visits to places that the policy excludes", faults=faults)
