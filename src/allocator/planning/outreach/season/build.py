"""The season that offers, teams and areas make."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Iterable, Iterator

import numpy as np

from allocator.config import OutreachSection
from allocator.domain import ONLINE, Bools, Initiative, Ints, Needs, Offers, OutreachAreas, OutreachTeam, Roster, Unit
from allocator.planning.outreach.season.options import Options, Purse
from allocator.planning.outreach.season.season import DAY_SLOTS, SLOT_MINUTES, WEEK_SLOTS, Crew, Patrol, Season, Terms


def build_season(offers: Offers, areas: OutreachAreas, needs: Needs, roster: Roster, terms: Terms) -> Season:
    """Return the season of an outreach job; the names in it are checked by `io`."""
    section, clock = terms.section, (terms.timezone, terms.first_day)
    audience = np.array([_audience(initiative, areas) for initiative in offers.initiatives], np.int64)
    closed = _clock_changes(clock, terms.weeks)
    funds = _funds(offers, section)
    maker = Options(offers, areas, terms, audience.reshape(-1, len(areas.names)), closed, funds)
    return Season(
        initiatives=offers.initiatives, venues=offers.venues, partners=offers.partners, points=offers.points,
        channels=offers.channels, crews=tuple(_crews(roster, section, terms.patrol)), options=tuple(maker.all()),
        funds=tuple((fund.name, fund.cents) for fund in funds), weeks=terms.weeks, areas=areas,
        need=needs.need * section.horizon_weeks, kinds=needs.kinds, clock=clock, section=section,
        audience=maker.audience, area_district=terms.area_district or ("",) * len(areas.names), closed=closed,
        patrol=terms.patrol, answers=offers.answers,
    )  # fmt: skip


def _audience(one: Initiative, areas: OutreachAreas) -> Ints:
    """Return how many people an initiative can reach in each area."""
    shares = [areas.speaks[name] for name in one.languages if name in areas.speaks]
    spoken = np.max(shares, axis=0) if one.languages and len(shares) == len(one.languages) else 1.0
    online = areas.internet if one.place == ONLINE else 1.0
    return np.floor(areas.residents * spoken * online + 1e-9).astype(np.int64)


def _clock_changes(clock: tuple[str, dt.date], weeks: int) -> Bools:
    """Return the slots whose local time does not exist or exists twice, and the one before: nothing is held then."""
    zone, midnight = zoneinfo.ZoneInfo(clock[0]), dt.datetime.combine(clock[1], dt.time())
    closed = np.zeros(weeks * WEEK_SLOTS + DAY_SLOTS, bool)
    for day in range(weeks * 7 + 1):
        begins, ends = ((midnight + dt.timedelta(days=day + n)).replace(tzinfo=zone).utcoffset() for n in (0, 1))
        if begins == ends:
            continue
        for slot in range(day * DAY_SLOTS, (day + 1) * DAY_SLOTS):
            local = (midnight + dt.timedelta(minutes=slot * SLOT_MINUTES)).replace(tzinfo=zone)
            if local.utcoffset() != local.replace(fold=1).utcoffset():
                closed[max(slot - 1, 0) : slot + 1] = True
    return closed


def _funds(offers: Offers, section: OutreachSection) -> list[Purse]:
    """Return the general budget, the funds, and what partners give."""
    own = [Purse(fund.name, round(fund.amount * 100), fund=fund) for fund in offers.funds]
    given = [
        Purse(f"{partner.name} (partner)", round(partner.funds * 100), giver=partner)
        for partner in offers.partners
        if partner.funds > 0 and not partner.declined
    ]
    return [Purse("", int(section.budget * 100 + 1e-6)), *own, *given]


def _crews(roster: Roster, section: OutreachSection, patrol: Patrol | None) -> Iterator[Crew]:
    yield from (_team(team) for team in roster.teams)
    if section.shared is None or patrol is None:
        return
    pools: dict[tuple[tuple[str, ...], tuple[str, ...]], dict[int, int]] = {}
    row = {shift.id: s for s, shift in enumerate(patrol.shifts)}
    for unit in roster.units:
        if section.shared.skill not in unit.skills:
            continue
        pool = pools.setdefault((tuple(sorted(unit.skills)), tuple(sorted(unit.languages))), {})
        for shift, s in row.items():
            if (unit.name, shift) in roster.duty:
                pool[s] = pool.get(s, 0) + 1
    for (skills, languages), shifts in pools.items():
        if shifts:
            yield Crew(f"units with {'+'.join(skills)}", skills, languages, shifts=dict(sorted(shifts.items())))


def _team(team: OutreachTeam) -> Crew:
    minutes = int(team.hours_per_week * 60 + 1e-6)
    return Crew(team.name, team.skills, team.languages, minutes, team.working, team.weekdays)


def crew_of_unit(unit: Unit, shifts: Iterable[int]) -> Crew:
    """Return a patrol unit as a crew in the shifts for which it is taken from patrol."""
    return Crew(unit.name, unit.skills, unit.languages, shifts=dict.fromkeys(sorted(shifts), 1))
