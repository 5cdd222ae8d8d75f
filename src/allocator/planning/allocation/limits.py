"""The limits of a job that go beyond units, minimums and bands, as arrays."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from allocator.config import AllocationSection, Equity, Place
from allocator.domain import AllocationProblem, AllocationTerms, Bools, Edit, Givens, Limit, Roster, Tessellation
from allocator.errors import DataError

P = TypeVar("P", bound=AllocationTerms)
_EQUITY = "equity between districts"
UNBOUNDED = int(np.iinfo(np.int32).max)
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")


def with_limits(terms: P, roster: Roster, city: Tessellation, *, allocation: AllocationSection, givens: Givens) -> P:
    """Return terms, or a problem, with the limits of `[allocation]` and the hand edits; equity needs a problem.

    Raises
    ------
    DataError
        If an edit contradicts the roster, or residents of a named group are missing.
    """
    limits = [
        *_exposures(allocation, givens), *_requests(terms, roster, city, allocation, givens.places),
        *_community(city, allocation, givens.places), *_budget(terms, roster, allocation), *givens.limits,
    ]  # fmt: skip
    least, most = _dosage(terms, city, allocation, givens.places)
    made = terms.replace(week_least=least, week_most=most, days_running=allocation.max_days_running)
    if isinstance(made, AllocationProblem) and allocation.equity is not None:
        if allocation.equity.form == "max_min":
            made = made.replace(fair=tuple(_shares(made, allocation.equity, allocation.block_minutes)))
        else:
            limits += _equity_band(made, allocation.equity, allocation.block_minutes)
    made = made.replace(limits=tuple(limits))
    return with_classes(_with_visits(_with_edited_cells(made, givens), givens), roster, allocation, givens)


def cells_of(limit: Place, city: Tessellation, places: Mapping[str, Bools]) -> Bools:
    """Return the cells of a place, (n_cells,) bool."""
    if limit.district is not None:
        return np.asarray(city.district == city.districts.index(limit.district))
    if limit.beat is not None:
        return np.asarray(city.beat == city.beats.index(limit.beat))
    return np.asarray(places[str(limit.file)], bool)


def _exposures(allocation: AllocationSection, givens: Givens) -> Iterator[Limit]:
    """Yield minutes per resident of each group, within its band of minutes per resident of the city."""
    for one in allocation.exposure:
        if one.name not in givens.residents:
            raise DataError(f"allocation.exposure: the residents of {one.name!r} were not given")
        group, everyone = givens.residents[one.name]
        if not group.sum() > 0 or not everyone.sum() > 0:
            raise DataError(f"allocation.exposure {one.name!r}: no residents live in the cells of the area")
        own, all_of = group / group.sum(), everyone / everyone.sum()
        for sign, bound in ((1, "at least"), (-1, "at most")):
            yield Limit(
                f"patrol near {one.name} {bound} {1 - sign * one.within:.0%} of the city's minutes per resident",
                "allocation.exposure",
                least=0.0,
                on_blocks=(sign * (own - (1 - sign * one.within) * all_of))[None],
                group=f"patrol near {one.name} within its band",
            )


def _shares(problem: AllocationProblem, equity: Equity, block_minutes: int) -> Iterator[Limit]:
    """Yield what each district gets for its expected harm; districts where nothing may be done are left out."""
    minutes = np.broadcast_to(problem.blocks * float(block_minutes), problem.minimum.shape)
    for d, name in enumerate(problem.districts):
        own = problem.district == d
        harm = float(problem.value[:, own].sum())
        if not harm > 0 or not (problem.cap[:, own] * (problem.value[:, own] > 0)).any():
            continue
        if equity.measure == "coverage":
            yield Limit(
                f"share of the expected harm covered in district {name}", "allocation.equity", on_harm=own / harm,
                group=_EQUITY, district=name,
            )  # fmt: skip
        else:
            there = np.arange(len(problem.districts))[:, None] == d
            yield Limit(
                f"patrol minutes for the harm expected in district {name}", "allocation.equity",
                on_units=minutes * there / harm, group=_EQUITY, district=name,
            )  # fmt: skip


def _equity_band(problem: AllocationProblem, equity: Equity, block_minutes: int) -> Iterator[Limit]:
    """Yield that each district gets, for its expected harm, what the city gets, give or take the band.

    Minutes are compared with those of all units on duty, coverage with that of the city.
    """
    shares = list(_shares(problem, equity, block_minutes))
    harm = sum(problem.value[:, problem.district == d].sum() for d in range(len(problem.districts)))
    level = float((problem.blocks * problem.on_duty).sum()) * block_minutes / max(harm, 1e-300)
    city = (problem.district >= 0) / max(harm, 1e-300)
    low, high = 1 - equity.within, 1 + equity.within
    for one in shares:
        name = f"{one.name} between {low:.0%} and {high:.0%} of the city's"
        if one.on_units is not None:
            # Bounds fall on whole unit-shifts (a small district may be owed half a one), and minimums go first.
            step = float(one.on_units.max())
            floor, ceiling = math.floor(low * level / step) * step, math.ceil(high * level / step) * step
            minimum = float((one.on_units * problem.minimum).sum())
            yield dataclasses.replace(one, name=name, least=floor, most=max(ceiling, minimum), unit="minutes per harm")
        elif one.on_harm is not None:
            yield dataclasses.replace(one, name=f"{name} (least)", least=0.0, on_harm=one.on_harm - low * city)
            yield dataclasses.replace(one, name=f"{name} (most)", most=0.0, on_harm=one.on_harm - high * city)


def _requests(
    problem: AllocationTerms, roster: Roster, city: Tessellation, allocation: AllocationSection,
    places: Mapping[str, Bools],
) -> Iterator[Limit]:  # fmt: skip
    for one in allocation.requests:
        counts = np.array([not one.shifts or shift.name in one.shifts for shift in roster.shifts])
        blocks = math.ceil(one.minutes / allocation.block_minutes)
        yield Limit(
            f"{one.minutes} minutes asked for by {one.by} in {one.label}",
            "allocation.requests",
            least=float(blocks),
            on_blocks=(counts[:, None] & cells_of(one, city, places) & (problem.district >= 0)).astype(float),
            unit="minutes",
            scale=1 / allocation.block_minutes,
        )


def _community(city: Tessellation, allocation: AllocationSection, places: Mapping[str, Bools]) -> Iterator[Limit]:
    if allocation.community_share:
        there = np.logical_or.reduce([cells_of(place, city, places) for place in allocation.community])
        yield Limit(
            f"community patrol of at least {allocation.community_share:.0%} of the visits",
            "allocation.community",
            least=0.0,
            on_blocks=(there - allocation.community_share)[None].astype(float),
        )


def _budget(problem: AllocationTerms, roster: Roster, allocation: AllocationSection) -> Iterator[Limit]:
    if allocation.budget is None:
        return
    cost = np.full(len(roster.shifts), allocation.unit_cost)
    for one in allocation.costs:
        for s, shift in enumerate(roster.shifts):
            weekday = _WEEKDAYS[shift.day.weekday()]
            if (not one.shifts or shift.name in one.shifts) and (not one.weekdays or weekday in one.weekdays):
                cost[s] = one.cost
    yield Limit(
        f"budget of {allocation.budget:,g}",
        "allocation.budget",
        most=allocation.budget,
        on_units=np.broadcast_to(cost, problem.minimum.shape).copy(),
        unit="cost",
    )


def _dosage(
    problem: AllocationTerms, city: Tessellation, allocation: AllocationSection, places: Mapping[str, Bools]
) -> tuple[npt.NDArray[np.int32] | None, npt.NDArray[np.int32] | None]:
    """Return least and most blocks of each cell over the plan; the strictest of several entries holds."""
    if not allocation.dosage:
        return None, None
    least = np.zeros(len(problem.district), np.int32)
    most = np.full(len(problem.district), UNBOUNDED, np.int32)
    for one in allocation.dosage:
        there = cells_of(one, city, places) & (problem.district >= 0)
        least[there] = np.maximum(least[there], math.ceil(one.least_minutes / allocation.block_minutes))
        if one.most_minutes is not None:
            most[there] = np.minimum(most[there], one.most_minutes // allocation.block_minutes)
    return least, most


def _with_edited_cells(problem: P, givens: Givens) -> P:
    """Return the problem with visits that were pinned or forbidden by hand."""
    edits = [edit for edit in givens.edits if edit.cell >= 0 and edit.shift in problem.shifts]
    if not edits:
        return problem
    cap, limits = problem.cap.copy(), list(problem.limits)
    for edit in edits:
        s = problem.shifts.index(edit.shift)
        if edit.action == "forbid":
            cap[s, edit.cell] = 0
        else:
            cap[s, edit.cell] = max(int(cap[s, edit.cell]), 1)
            there = np.zeros(problem.cap.shape)
            there[s, edit.cell] = 1.0
            name = f"visit to cell {edit.cell} in {edit.shift}, pinned by {edit.who} ({edit.why})"
            pin = Limit(name, "roster.edits", least=1.0, on_blocks=there, unit="visits", shift=edit.shift)
            limits.append(pin)
    return problem.replace(cap=cap, limits=tuple(limits))


def _with_visits(problem: P, givens: Givens) -> P:
    """Return the problem with one visit to each cell near an event.

    Each gets at most one, and all together as many as there are: one limit instead of one for each event.
    """
    wanted = list(givens.visits)
    if not wanted:
        return problem
    cap, there = problem.cap.copy(), np.zeros(problem.cap.shape)
    for s, cell in wanted:
        cap[s, cell], there[s, cell] = 1, 1.0
    limit = Limit(
        f"{len(wanted)} visits near events of outreach", "outreach.visits_near_events", least=float(len(wanted)),
        on_blocks=there, unit="visits",
    )  # fmt: skip
    return problem.replace(cap=cap, limits=(*problem.limits, limit))


def allowed_districts(
    roster: Roster, districts: tuple[str, ...], shifts: tuple[str, ...], edits: Iterable[Edit]
) -> Bools:
    """Return where each unit may serve after hand edits, (n_units, n_districts, n_shifts) bool."""
    row = {unit.name: u for u, unit in enumerate(roster.units)}
    allowed = np.ones((len(roster.units), len(districts), len(shifts)), bool)
    for edit in edits:
        if not edit.unit or edit.cell >= 0 or edit.shift not in shifts:
            continue
        u, s = row[edit.unit], shifts.index(edit.shift)
        named = np.array([name == edit.district or not edit.district for name in districts])
        allowed[u, :, s] &= named if edit.action == "pin" else ~named
    return allowed


def with_classes(problem: P, roster: Roster, allocation: AllocationSection, givens: Givens) -> P:
    """Return the problem with units told apart by what the needs and edits make of them."""
    on_units = [edit for edit in givens.edits if edit.unit and edit.cell < 0 and edit.shift in problem.shifts]
    if not allocation.needs and not on_units:
        return problem
    meets = np.array(
        [[need.skill in unit.skills if need.skill else need.type == unit.type for need in allocation.needs]
         for unit in roster.units], bool
    ).reshape(len(roster.units), -1)  # fmt: skip
    allowed = allowed_districts(roster, problem.districts, problem.shifts, on_units)
    pinned = {edit.unit for edit in on_units if edit.action == "pin"}
    keys = [
        (meets[u].tobytes(), allowed[u].tobytes(), unit.name if unit.name in pinned else "")
        for u, unit in enumerate(roster.units)
    ]
    classes = {key: q for q, key in enumerate(dict.fromkeys(keys))}
    of_unit = np.array([classes[key] for key in keys])
    crews = np.zeros((len(classes), len(problem.shifts)), np.int32)
    duty = np.array([[(unit.name, shift) in roster.duty for shift in problem.shifts] for unit in roster.units])
    np.add.at(crews, of_unit, duty.astype(np.int32))
    first = np.array([keys.index(key) for key in classes])
    needs, counted, names = _need_rows(problem, roster, allocation, meets[first])
    for edit in on_units:
        if edit.action == "pin" and edit.district:
            needs.append((problem.districts.index(edit.district), problem.shifts.index(edit.shift), 1))
            counted.append(np.arange(len(classes)) == of_unit[[unit.name for unit in roster.units].index(edit.unit)])
            names.append(f"unit {edit.unit}, pinned by {edit.who} ({edit.why})")
    return problem.replace(
        crews=crews, allowed=allowed[first], class_of=of_unit.astype(np.int32),
        needs=np.array(needs, np.int32).reshape(-1, 3),
        need_classes=np.array(counted, bool).reshape(len(needs), len(classes)), need_names=tuple(names),
    )  # fmt: skip


def _need_rows(
    problem: AllocationTerms, roster: Roster, allocation: AllocationSection, meets: Bools
) -> tuple[list[tuple[int, int, int]], list[Bools], list[str]]:
    rows, counted, names = [], [], []
    for n, need in enumerate(allocation.needs):
        for d, district in enumerate(problem.districts):
            for s, shift in enumerate(roster.shifts):
                if need.district in (None, district) and (not need.shifts or shift.name in need.shifts):
                    rows.append((d, s, need.units))
                    counted.append(meets[:, n])
                    names.append(f"units with skill {need.skill}" if need.skill else f"units of type {need.type}")
    return rows, counted, names
