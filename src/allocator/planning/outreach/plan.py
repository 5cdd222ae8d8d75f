"""Outreach: which initiative is held where, when, by which team, with which partner, over one to thirteen weeks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import NotRequired, TypedDict, Unpack

import numpy as np

from allocator.config import OutreachSection
from allocator.domain import AllocationProblem, Needs, Offers, OutreachAreas, OutreachPlan, Roster, Unit
from allocator.facts import Note, note
from allocator.keywords import keywords
from allocator.planning.allocation import reduce
from allocator.planning.outreach.bookings import book_season
from allocator.planning.outreach.causes import unmet_of
from allocator.planning.outreach.mix import Mix, Mixer
from allocator.planning.outreach.prevented import reached, shares_of
from allocator.planning.outreach.season import (
    SLOT_MINUTES,
    WEEK_SLOTS,
    Column,
    Holding,
    Limits,
    Patrol,
    Season,
    Terms,
    build_season,
    crew_of_unit,
)
from allocator.planning.outreach.tables import Made, plan
from allocator.planning.outreach.timed import book_exactly

BOOKINGS = 4
"""Times that a season is booked: what found no slot is barred, and the weeks are chosen again."""
ENOUGH = 4e-3
"""Gap at which it is not booked again."""
SMALL = 600
"""Up to so many options × crews × starts, all is one integer program that is solved to the end."""


def patrol_of(problem: AllocationProblem, roster: Roster, *, skill: str) -> Patrol:
    """Return what taking units of a skill away from patrol costs, shift by shift.

    Within a shift the increments of the reduction fall, so the units that go are those that add least; minimums stay.
    Limits over several shifts (bands, equity, budgets, burden caps) are left out: where they bind, the loss is an
    estimate, and the bound of outreach and patrol together is not proven.

    Parameters
    ----------
    problem : AllocationProblem
        Patrol with all units on duty.
    roster : Roster
        Who is on duty, with skills.
    skill : str
        Units with it may be taken.
    """
    increment = reduce(problem).increment
    losses, minutes = [], []
    for s, shift in enumerate(roster.shifts):
        able = sum(skill in unit.skills for unit in roster.on_duty(shift))
        nth = np.arange(increment.shape[2])
        further = np.sort(increment[:, s][nth >= problem.minimum[:, s, None]])[::-1]
        free = int(problem.on_duty[s] - problem.minimum[:, s].sum())
        worth = further[: max(free, 0)]
        losses.append(np.maximum(worth[::-1][:able], 0.0).copy())
        minutes.append(float(problem.on_duty[s]) * shift.minutes)
    return Patrol(roster.shifts, tuple(losses), np.array(minutes))


class SeasonOptions(TypedDict):
    """What an outreach plan is to keep to; see `plan_outreach`."""

    section: OutreachSection
    timezone: str
    first_day: dt.date
    weeks: int
    area_district: NotRequired[tuple[str, ...]]
    patrol: NotRequired[Patrol | None]


@keywords(Terms)
def plan_outreach(
    areas: OutreachAreas, needs: Needs, roster: Roster, offers: Offers, **terms: Unpack[SeasonOptions]
) -> OutreachPlan:
    """Return the outreach plan that prevents most harm under the assumed effects, with a proven bound.

    Parameters
    ----------
    areas : OutreachAreas
        Areas, residents, languages.
    needs : Needs
        Need by area and kind.
    roster : Roster
        Outreach teams; and units, where patrol units are shared.
    offers : Offers
        Initiatives, venues, partners, points, channels, funds, answers.
    section : OutreachSection
        Limits, money and settings.
    timezone : str
        IANA name of the local time.
    first_day : datetime.date
        First local day.
    weeks : int
        Weeks planned.
    area_district : tuple of str
        District of each area, for floors of districts.
    patrol : Patrol, optional
        What shared units cost; see `patrol_of`.

    Raises
    ------
    SolverError
        If an engine fails. Limits cannot be in each other's way: what they leave out is listed as unmet.
    """
    season, lost = _reachable(build_season(offers, areas, needs, roster, Terms(**terms)))
    season, unkept = _with_pins(season, offers, {unit.name for unit in roster.units})
    made = _solved(season, roster)
    fair = tuple(_cost_of_fairness(season, made, roster)) if season.section.fairness == "max_min" else ()
    causes = (*lost, *unkept, *unmet_of(season, made.holdings, made.missing))
    return plan(made, needs, offers, causes=causes, fair=fair)


def _reachable(season: Season) -> tuple[Season, tuple[Note, ...]]:
    """Return the season without options that no crew can hold, and which venues never meet anyone's hours."""
    kept, lost = [], list[Note]()
    for o, option in enumerate(season.options):
        able = season.able[option.initiative]
        if any(len(season.starts(o, c)) for c in able):
            kept.append(option)
        elif able and option.venue >= 0:
            names = [season.crews[c].name for c in able[:3]]
            one, venue = season.initiatives[option.initiative].name, season.venues[option.venue].name
            lost.append(note("outreach.hours_never_meet", initiative=one, venue=venue, teams=names))
    return dataclasses.replace(season, options=tuple(kept)), tuple(lost)


def _with_pins(season: Season, offers: Offers, units: set[str]) -> tuple[Season, tuple[Note, ...]]:
    """Return the season with what partners confirmed, and what of it cannot be kept."""
    midnight = dt.datetime.combine(season.clock[1], dt.time())
    zone, pins, unkept = zoneinfo.ZoneInfo(season.clock[0]), list[Holding](), list[Note]()
    crew = {one.name: c for c, one in enumerate(season.crews)}
    for answer in offers.answers:
        if not answer.confirmed:
            continue
        local = answer.start.astimezone(zone).replace(tzinfo=None)
        start = round((local - midnight).total_seconds() / 60 / SLOT_MINUTES)
        offered = [
            o
            for o, option in enumerate(season.options)
            if season.initiatives[option.initiative].name == answer.initiative
            and (option.venue < 0 or season.venues[option.venue].name == answer.venue)
            and (option.point < 0 or season.points[option.point].name == answer.point)
            and (option.channel < 0 or season.channels[option.channel].name == answer.channel)
            and (option.area < 0 or season.areas.names[option.area] == answer.area)
            and (option.partner < 0 or season.partners[option.partner].name == answer.partner)
        ]
        c = crew.get(answer.team, -1)
        able = [o for o in offered if c >= 0 and start in season.starts(o, c)]
        kept = [o for o in able if sum(pin.option == o for pin in pins) < season.options[o].most]
        if kept:
            pins.append(Holding(kept[0], c, start))
        elif answer.start >= midnight.replace(tzinfo=zone):
            why = note("outreach.team_cannot", team=answer.team)
            if not offered:
                why = note("outreach.not_offered")
            elif able:
                why = note("outreach.most_reached", most=season.options[able[0]].most)
            elif answer.team in units:
                why = note("outreach.team_is_patrol", team=answer.team)
            unkept.append(note(
                "outreach.confirmed_lost", initiative=answer.initiative, start=f"{local:%Y-%m-%d %H:%M}",
                partner=answer.partner, because=why,
            ))  # fmt: skip
    return dataclasses.replace(season, pins=tuple(pins)), tuple(unkept)


def _solved(season: Season, roster: Roster) -> Made:
    """Return the holdings of a season: exactly where it is small, else by weeks near the relaxation."""
    shared = [c for c, crew in enumerate(season.crews) if crew.is_patrol]
    timed = sum(
        len(season.starts(o, c)) for o, option in enumerate(season.options) for c in season.able[option.initiative]
    )
    units = sum(sum(season.crews[c].shifts.values()) for c in shared)
    if timed * max(units, 1) <= SMALL:
        every = {unit.name: set(season.crews[c].shifts) for c in shared for unit in _units_of(season, c, roster)}
        named = _with_units(season, roster, every)
        holdings, bound, missing, level = book_exactly(named, Limits(named))
        return Made(named, holdings, bound, missing, _taken(named, holdings), level)
    limits = Limits(season)
    if not season.options:
        return Made(season, [], 0.0, {row.name: row.least or 0 for row in limits.rows if row.soft})
    mixer, barred = Mixer(season, limits), dict[Column, int]()
    best: Made | None = None
    for attempt in range(BOOKINGS):
        mix = mixer.mix(barred)
        made = _booked(season, roster, mixer, mix, spare=attempt > 0)
        if best is None or made.rank > best.rank:
            best = made
        held = Counter((holding.option, holding.start // WEEK_SLOTS) for holding in made.holdings)
        failed = {
            column: held[column[1], column[2]]
            for column, n in mix.of("held").items()
            if held[column[1], column[2]] < round(n)
        }
        if not failed or best.value >= best.bound * (1 - ENOUGH):
            break
        barred |= failed
    assert best is not None
    return best


def _booked(season: Season, roster: Roster, mixer: Mixer, mix: Mix, *, spare: bool) -> Made:
    """Return the calendar of a mix: the units that leave patrol are named, then all is booked.

    With `spare`, one more unit of each pool and shift may be taken where the hours of those chosen do not suffice.
    """
    named = _with_units(
        season, roster, _units_taken(season, roster, _with_spares(season, mix) if spare else mix.of("taken"))
    )
    by_units: dict[tuple[int, int], int] = {}
    for (_, i, c, w), n in mix.of("crew").items():
        if season.crews[c].is_patrol:
            by_units[i, w] = by_units.get((i, w), 0) + round(n)
    holdings, missing = book_season(named, Limits(named), _named_mix(named, mix), by_units)
    return Made(named, holdings, mixer.bound_with(missing), missing, _taken(named, holdings), mix.level)


def _taken(season: Season, holdings: Sequence[Holding]) -> tuple[tuple[str, int], ...]:
    """Return the units that hold something, and in which shifts."""
    return tuple(
        sorted(
            {
                (season.crews[one.crew].name, season.shift_at(one.crew, one.start))
                for one in holdings
                if season.crews[one.crew].is_patrol
            }
        )
    )


def _units_of(season: Season, c: int, roster: Roster) -> list[Unit]:
    crew = season.crews[c]
    return [
        unit
        for unit in roster.units
        if tuple(sorted(unit.skills)) == crew.skills and tuple(sorted(unit.languages)) == crew.languages
    ]


def _units_taken(season: Season, roster: Roster, taken: Mapping[Column, float]) -> dict[str, set[int]]:
    """Return units by name, and the shifts in which they leave patrol: those taken least often so far first."""
    shifts: dict[str, set[int]] = {}
    if season.patrol is None:
        return shifts
    for (_, c, s, _), n in sorted(taken.items()):
        shift = season.patrol.shifts[s]
        on = [unit.name for unit in _units_of(season, c, roster) if (unit.name, shift.id) in roster.duty]
        on.sort(key=lambda name: (len(shifts.get(name, ())), name))
        for name in on[: round(n)]:
            shifts.setdefault(name, set()).add(s)
    return shifts


def _with_spares(season: Season, mix: Mix) -> dict[Column, float]:
    """Return the units taken, and one more of each pool and shift where patrol can spare it and no cap holds."""
    taken = mix.of("taken")
    if season.patrol is None or season.section.shared is None or season.section.shared.most_share < 1:
        return taken
    room = {s: len(loss) for s, loss in enumerate(season.patrol.loss)}
    for (_, _, s, _), n in taken.items():
        room[s] -= round(n)
    spared = dict(taken)
    for column in sorted(taken):
        _, c, s, _ = column
        if room[s] > 0 and taken[column] < season.crews[c].shifts[s]:
            spared[column] += 1
            room[s] -= 1
    return spared


def _with_units(season: Season, roster: Roster, shifts: dict[str, set[int]]) -> Season:
    """Return the season with named units instead of pools."""
    teams = [crew for crew in season.crews if not crew.is_patrol]
    unit = {patroller.name: patroller for patroller in roster.units}
    ids = season.patrol.shifts if season.patrol is not None else ()
    crews = [
        crew_of_unit(unit[name], [s for s in rows if (name, ids[s].id) in roster.duty])
        for name, rows in sorted(shifts.items())
    ]
    return dataclasses.replace(season, crews=(*teams, *(crew for crew in crews if crew.is_patrol)))


def _named_mix(season: Season, mix: Mix) -> Mix:
    """Return the mix with a column for every unit that is taken, so that its time counts."""
    values = {column: value for column, value in mix.values.items() if column[0] not in ("taken", "crew", "lost")}
    gone = Counter[int]()
    for c, crew in enumerate(season.crews):
        for s in crew.shifts:
            values["taken", c, s, 0] = values["lost", s, gone[s], 0] = 1.0
            gone[s] += 1
    return dataclasses.replace(mix, values=values)


def _cost_of_fairness(season: Season, made: Made, roster: Roster) -> Iterator[Note]:
    """Yield what serving the worst-off area first costs, against the plan that only counts the harm prevented."""
    plain = season.section.model_copy(update={"fairness": "sum"})
    other = _solved(dataclasses.replace(season, section=plain), roster)
    totals, fewest = [], []
    for one in (made, other):
        held = [holding.option for holding in one.holdings]
        totals.append(float(shares_of(one.season, held).sum()))
        reach = np.unique([a for option in one.season.options for a in option.areas])
        per_resident = reached(one.season, held).raw / np.maximum(one.season.areas.residents, 1.0)
        fewest.append(1000 * float(per_resident[reach].min(initial=np.inf)) if len(reach) else 0.0)
    yield note(
        "outreach.fairness", fewest=fewest[0], instead=fewest[1], less=max(totals[1] - totals[0], 0.0),
        share=max(1 - totals[0] / totals[1], 0.0) if totals[1] > 0 else 0.0,
    )  # fmt: skip
