"""From the outreach section of a job to its plan, and what the plan asks of patrol."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import numpy as np
import pandas as pd
from pyproj import Transformer

from allocator import planning
from allocator.config import Job
from allocator.domain import (
    AllocationProblem,
    Bools,
    Givens,
    Limit,
    Needs,
    OutreachAreas,
    OutreachPlan,
    Panel,
    Plan,
    RiskSurface,
    Roster,
    Tessellation,
    item_ids,
    item_key,
    with_sequences,
)
from allocator.facts import Note, note
from allocator.pipeline.inputs import Asked, Known, OutreachInputs

NEAR_M = 300.0
"""Metres from a venue within which a patrol visit counts as near its event."""


def weeks_of(job: Job) -> int:
    """Return the weeks of outreach of a job."""
    own = job.outreach.weeks if job.outreach is not None else None
    return own if own is not None else -(-job.job.days // 7)


def needs_of(job: Job, inputs: OutreachInputs, surface: RiskSurface, panel: Panel) -> Needs:
    """Return what the areas need, from the forecast, the history and what communities said."""
    assert job.outreach is not None
    areas = inputs.areas
    inside = areas.cell_area >= 0
    expected = np.zeros((len(areas.names), len(surface.kinds)))
    np.add.at(expected, areas.cell_area[inside], surface.mean.sum(axis=0, dtype=np.float64)[inside])
    expected *= 7 / job.job.days
    counts = planning.area_counts(panel, areas, kinds=surface.kinds, days=job.outreach.needs.days)
    return planning.area_needs(
        areas, surface.kinds, expected * np.asarray(surface.harm, np.float64), expected, counts=counts,
        survey=inputs.survey, requests=inputs.requests, options=job.outreach.needs,
    )  # fmt: skip


def outreach_of(
    job: Job, inputs: OutreachInputs | None, surface: RiskSurface, panel: Panel, *, roster: Roster,
    problem: AllocationProblem,
) -> OutreachPlan:  # fmt: skip
    """Return the outreach plan of a job, with the units that it takes from patrol.

    Raises
    ------
    SolverError
        If an engine fails.
    """
    if inputs is None or job.outreach is None:
        return OutreachPlan.none()
    section = job.outreach
    needs = needs_of(job, inputs, surface, panel)
    patrol = None
    if section.shared is not None:
        patrol = planning.patrol_of(problem, roster, skill=section.shared.skill)
    plan = planning.plan_outreach(
        inputs.areas, needs, roster, inputs.offers, section=section, timezone=job.job.timezone,
        first_day=job.job.week, weeks=weeks_of(job), area_district=area_districts(inputs.areas, surface.city),
        patrol=patrol,
    )  # fmt: skip
    items = plan.items
    if len(earlier := inputs.earlier):
        known = [(item_key(row), row.id, row.start) for row in earlier.itertuples()]
        items = with_sequences(items.assign(id=pd.array(item_ids(items, known), dtype="str")), earlier)
    return dataclasses.replace(plan, items=items, earlier=earlier, notes=(*inputs.notes, *plan.notes))


def area_districts(areas: OutreachAreas, city: Tessellation) -> tuple[str, ...]:
    """Return the district that holds most cells of each area, "" for none."""
    found = []
    for a in range(len(areas.names)):
        own = city.district[(areas.cell_area == a) & (city.district >= 0)]
        found.append(city.districts[int(np.bincount(own).argmax())] if len(own) else "")
    return tuple(found)


def without_detached(roster: Roster, plan: OutreachPlan) -> Roster:
    """Return the roster without the units in the shifts that they serve outreach."""
    gone = {(row.unit, row.shift) for row in plan.detached.itertuples()}
    return dataclasses.replace(roster, duty=roster.duty - gone) if gone else roster


def season_of(
    asked: Asked, known: Known, surface: RiskSurface
) -> tuple[OutreachPlan, planning.Terms, tuple[Note, ...]]:
    """Return the outreach plan of a job, the terms that it leaves to patrol, and events that no visit can be near to.

    Raises
    ------
    SolverError
        If an engine fails.
    """
    job, inputs, terms, roster = asked.duty.ground.job, asked.outreach, asked.terms, asked.duty.roster
    if inputs is None:
        return OutreachPlan.none(), terms, ()
    problem = terms.valued(surface)
    plan = outreach_of(job, inputs, surface, known.panel, roster=roster, problem=problem)
    left = without_detached(roster, plan)
    givens, unkept = _asked_of_patrol(asked, plan, surface, left, problem)
    return plan, terms.changed(roster=left, givens=givens), unkept


def _asked_of_patrol(
    asked: Asked, plan: OutreachPlan, surface: RiskSurface, roster: Roster, problem: AllocationProblem
) -> tuple[Givens, tuple[Note, ...]]:
    """Return the givens with what outreach asks of patrol, and notes on events that no visit can be near to.

    It asks for visits near events, and for room under the burden caps, where the visits near events come first.
    """
    job, inputs = asked.duty.ground.job, asked.outreach
    assert job.outreach is not None
    assert inputs is not None
    left = problem.replace(on_duty=np.array([len(roster.on_duty(shift)) for shift in roster.shifts], np.int32))
    visits, notes = _visits(plan, surface, roster, left) if job.outreach.visits_near_events else ({}, ())
    cap = job.outreach.most_minutes_per_area_week
    limits = () if cap is None else tuple(_burden(job, plan, roster, inputs.areas, cap, tuple(visits)))
    return dataclasses.replace(asked.givens, visits=tuple(sorted(visits)), visit_reasons=visits, limits=limits), notes


def with_event_visits(plan: Plan, givens: Givens, shifts: tuple[str, ...]) -> Plan:
    """Return the plan with the reason of visits near events, and a note on each that found no time."""
    if not givens.visits:
        return plan
    reasons = {(shifts[s], cell): text for (s, cell), text in givens.visit_reasons.items()}
    keys = list(zip(plan.visits["shift"], plan.visits["cell"], strict=True))
    told = [
        f"near an event: {reasons[key]}; {text}" if key in reasons else text
        for key, text in zip(keys, plan.visits["reason"], strict=True)
    ]
    lost = tuple(
        note("patrol.no_time_near", shift=shift, event=text, cell=cell)
        for (shift, cell), text in sorted(reasons.items())
        if (shift, cell) not in set(keys)
    )
    visits = plan.visits.assign(reason=pd.array(told, dtype="str"))
    return dataclasses.replace(plan, visits=visits, unmet=(*plan.unmet, *lost))


def _visits(
    plan: OutreachPlan, surface: RiskSurface, roster: Roster, problem: AllocationProblem
) -> tuple[dict[tuple[int, int], str], tuple[Note, ...]]:
    """Return what to visit, shift and cell, with the event that it is for; and notes on events without a visit.

    Of the cells near a venue the one is taken that patrol would visit about once anyway: one visit costs least there,
    and the hottest cells keep theirs. Only as many districts are asked as units are free of minimums.
    """
    city, to_metres = surface.city, Transformer.from_crs("EPSG:4326", surface.city.crs, always_xy=True)
    shifts = [(pd.Timestamp(shift.start), pd.Timestamp(shift.stop)) for shift in roster.shifts]
    found, notes, extra = dict[tuple[int, int], str](), list[Note](), dict[int, set[int]]()
    for row in plan.items[(plan.items["venue"] != "") & (plan.items["start"] < shifts[-1][1])].itertuples():
        before = [s for s, (_, stop) in enumerate(shifts) if stop <= row.start][-1:]
        after = [s for s, (start, _) in enumerate(shifts) if start >= row.stop][:1]
        x, y = to_metres.transform(row.lon, row.lat)
        near = np.flatnonzero((np.hypot(city.x - x, city.y - y) <= NEAR_M) & (city.district >= 0))
        for s, when in [*((s, "before") for s in before), *((s, "after") for s in after)]:
            event, name = f"{when} {row.initiative} at {row.venue}", problem.shifts[s]
            open_cells = near[problem.cap[s, near] > 0]
            if not len(open_cells):
                notes.append(note("patrol.no_place_near", shift=name, event=event, metres=NEAR_M))
                continue
            cell = int(open_cells[np.argmin(np.abs(problem.value[s, open_cells] - _usual_value(problem, s)))])
            d = int(problem.district[cell])
            posted = {*np.flatnonzero(problem.minimum[:, s]).tolist(), *extra.get(s, set())}
            if d not in posted and len(extra.get(s, set())) >= int(problem.on_duty[s] - problem.minimum[:, s].sum()):
                notes.append(note("patrol.no_unit_near", shift=name, event=event))
                continue
            if d not in posted:
                extra.setdefault(s, set()).add(d)
            found.setdefault((s, cell), event)
    return found, tuple(notes)


def _usual_value(problem: AllocationProblem, s: int) -> float:
    """Return the value of the last cell that the units of a shift would visit if each were visited once."""
    n = int(min(problem.on_duty[s] * problem.blocks[s], problem.value.shape[1]))
    return float(np.sort(problem.value[s])[::-1][max(n - 1, 0)])


def _burden(
    job: Job, plan: OutreachPlan, roster: Roster, areas: OutreachAreas, cap: int,
    visits: tuple[tuple[int, int], ...],
) -> Iterator[Limit]:  # fmt: skip
    """Yield the room that the holdings leave to patrol in each area and planned week."""
    block = job.allocation.block_minutes
    first = pd.Timestamp(roster.shifts[0].start)
    day = np.array([(shift.day - roster.shifts[0].day).days for shift in roster.shifts])
    items = plan.items
    minutes = (items["stop"] - items["start"]).dt.total_seconds() / 60
    week_of_item = ((items["start"] - first).dt.total_seconds() // (7 * 86400)).astype(int)
    for week in range(int(day.max()) // 7 + 1):
        inside: Bools = day // 7 == week
        for a, name in enumerate(areas.names):
            cells = (areas.cell_area == a).astype(float)
            used = float(minutes[(items["area"] == name) & (week_of_item == week)].sum())
            promised = sum(bool(inside[s]) and areas.cell_area[cell] == a for s, cell in visits)
            on_blocks = cells[None] if inside.all() else inside[:, None] * cells
            yield Limit(
                f"patrol and outreach of at most {cap} minutes in area {name}", "outreach.most_minutes_per_area_week",
                most=max(float(max(0.0, cap - used) // block), float(promised)), on_blocks=on_blocks, unit="visits",
            )  # fmt: skip


SCENARIO_COLUMNS = {
    "scenario": "str", "money": "float64", "spent": "float64", "holdings": "int32", "contacts": "int64",
    "prevented": "float64", "bound": "float64", "change": "float64", "unit_shifts": "int32", "hours_share": "float64",
    "harm_covered": "float64", "patrol_change": "float64",
}  # fmt: skip
"""Outreach plans under other terms: harm prevented and its change against the job's own plan; unit-shifts taken from
patrol, outreach's share of all hours while patrol is planned, the harm that patrol covers, and its change against all
units on patrol."""


def outreach_scenarios(
    job: Job, inputs: OutreachInputs, surface: RiskSurface, panel: Panel, *, roster: Roster, problem: AllocationProblem
) -> pd.DataFrame:
    """Return outreach plans with less money, and with floors of outreach in all hours, `SCENARIO_COLUMNS`.

    Raises
    ------
    SolverError
        If an engine fails.
    """
    assert job.outreach is not None
    section = job.outreach.model_copy(update={"worth": False})
    cases = [("as planned", section, inputs)]
    for change in section.budget_scenarios:
        words = f"{abs(change):.0%} {'more' if change > 0 else 'less'} money"
        cases.append(
            (words, section.model_copy(update={"budget": section.budget * (1 + change)}), _scaled(inputs, change))
        )
    for share in section.share_scenarios if section.shared is not None else ():
        assert section.shared is not None
        shared = section.shared.model_copy(
            update={"least_share": share, "most_share": max(share, section.shared.most_share)}
        )
        cases.append(
            (f"outreach at least {share:.0%} of the hours", section.model_copy(update={"shared": shared}), inputs)
        )
    records: list[dict[str, object]] = []
    for name, own, given in cases:
        case = job.model_copy(update={"outreach": own})
        plan = outreach_of(case, given, surface, panel, roster=roster, problem=problem)
        figures = _figures(case, plan, roster, problem)
        missed = any(one.cause == "outreach.hours_missing" for one in plan.unmet)
        records.append({"scenario": f"{name} (not reached)" if missed else name, **figures})
    frame = pd.DataFrame(records)
    frame["change"] = frame["prevented"] / max(float(frame["prevented"][0]), 1e-12) - 1
    whole = planning.solve(problem, job.allocation.solver).objective
    frame["patrol_change"] = frame["harm_covered"] / max(float(whole), 1e-12) - 1
    return frame[list(SCENARIO_COLUMNS)].astype(SCENARIO_COLUMNS)


def _scaled(inputs: OutreachInputs, change: float) -> OutreachInputs:
    """Return the inputs with all earmarked money changed by a share."""
    offers = inputs.offers
    funds = tuple(dataclasses.replace(fund, amount=fund.amount * (1 + change)) for fund in offers.funds)
    partners = tuple(dataclasses.replace(one, funds=one.funds * (1 + change)) for one in offers.partners)
    return dataclasses.replace(inputs, offers=dataclasses.replace(offers, funds=funds, partners=partners))


def _figures(job: Job, plan: OutreachPlan, roster: Roster, problem: AllocationProblem) -> dict[str, object]:
    on_duty = [len(without_detached(roster, plan).on_duty(shift)) for shift in roster.shifts]
    covered = planning.solve(problem.replace(on_duty=np.array(on_duty, np.int32)), job.allocation.solver).objective
    items, last = plan.items, roster.shifts[-1].stop
    hours = float(items.loc[items["start"] < last, "staff_hours"].sum())
    patrol = sum(n * shift.minutes / 60 for n, shift in zip(on_duty, roster.shifts, strict=True))
    return {
        "money": plan.budget, "spent": plan.spent, "holdings": len(items), "contacts": int(items["reach"].sum()),
        "prevented": float(items["benefit"].sum()), "bound": plan.bound, "unit_shifts": len(plan.detached),
        "hours_share": hours / max(hours + patrol, 1e-12), "harm_covered": float(covered),
    }  # fmt: skip
