"""What a season of outreach can be made of: options, crews, funds and limits as numbers."""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from allocator.config import OutreachSection
from allocator.domain import (
    INITIATIVE_TYPES,
    Answer,
    Bools,
    Channel,
    Floats,
    Initiative,
    Ints,
    Needs,
    Offers,
    OutreachAreas,
    OutreachTeam,
    Partner,
    Point,
    Roster,
    Shift,
    Unit,
    Venue,
)
from allocator.domain.outreach import AREA, CHANNEL, ONLINE, POINT, VENUE

SLOT_MINUTES = 30
"""Holdings start on the local half hour."""
DAY_SLOTS = 24 * 60 // SLOT_MINUTES
WEEK_SLOTS = 7 * DAY_SLOTS


@dataclass(frozen=True)
class Crew:
    """Who can hold an initiative: an outreach team, a patrol unit in its shifts, or a pool of like units.

    Parameters
    ----------
    name : str
        Team or unit.
    skills, languages : tuple of str
        What it can do, and speaks.
    minutes_per_week : int
        Of a team.
    working, weekdays
        As in `OutreachTeam`.
    shifts : mapping of int to int
        Of patrol units: rows of the planned shifts, and how many of the pool are on duty in each.
    """

    name: str
    skills: tuple[str, ...]
    languages: tuple[str, ...]
    minutes_per_week: int = 0
    working: tuple[int, int] = (0, 24 * 60)
    weekdays: tuple[int, ...] = (0, 1, 2, 3, 4, 5, 6)
    shifts: dict[int, int] = field(default_factory=dict)

    @property
    def is_patrol(self) -> bool:
        """Whether it stands for patrol units."""
        return bool(self.shifts)


@dataclass(frozen=True, eq=False)
class Option:
    """An initiative at a place, with a partner: rows of the season's tables, -1 for none.

    Parameters
    ----------
    initiative, venue, point, channel, partner, area : int
        Rows; `area` is where it is held, -1 for several.
    areas, contacts, limit : tuple of int
        Areas it reaches, people it reaches there each time, and most people that all its holdings can reach there.
    starts : (n,) int64
        Slots at which it can start by its place, lead time and blackout dates.
    most : int
        Most holdings in the plan.
    cents : int
        Cost of one holding.
    funds : tuple of int
        Funds that may pay, 0 the general budget.
    xy : (float, float)
        Where it is, metres; NaN for nowhere.
    """

    initiative: int
    areas: tuple[int, ...]
    contacts: tuple[int, ...]
    limit: tuple[int, ...]
    starts: Ints
    most: int
    cents: int
    funds: tuple[int, ...]
    venue: int = -1
    point: int = -1
    channel: int = -1
    partner: int = -1
    area: int = -1
    xy: tuple[float, float] = (math.nan, math.nan)


@dataclass(frozen=True)
class Holding:
    """One booked holding: rows of option and crew, first slot, and the fund that pays."""

    option: int
    crew: int
    start: int
    fund: int = 0


@dataclass(frozen=True, eq=False)
class Patrol:
    """What patrol gives up for outreach.

    Parameters
    ----------
    shifts : tuple of Shift
        The planned shifts.
    loss : tuple of (n,) float64
        Per shift, what taking the first, the second, … unit away costs, rising; as many as may be taken.
    minutes : (n_shifts,) float64
        Minutes of all units on duty.
    """

    shifts: tuple[Shift, ...]
    loss: tuple[Floats, ...]
    minutes: Floats


@dataclass(frozen=True, eq=False)
class Season:
    """Everything the optimiser of outreach may know.

    Parameters
    ----------
    initiatives, venues, partners, points, channels : tuple
        The offers; rows of the options.
    crews : tuple of Crew
        Who can hold them.
    options : tuple of Option
        What can be held where.
    funds : tuple of (str, int)
        Names and cents; the general budget is first, with the name "".
    weeks : int
        Weeks of the plan.
    areas : OutreachAreas
        Where people live.
    need : (n_areas, n_kinds) float64
        Need over the time that effects count.
    kinds : tuple of str
        Names of the kinds.
    clock : (str, datetime.date)
        Time zone, and first local day.
    section : OutreachSection
        Limits of the job.
    audience : (n_initiatives, n_areas) int64
        People whom an initiative can reach.
    area_district : tuple of str
        District of each area.
    pins : tuple of Holding
        What partners confirmed and can be kept.
    answers : tuple of Answer
        What they answered.
    patrol : Patrol, optional
        What shared units cost.
    closed : (n_slots,) bool
        Slots around a change of the clocks that nothing may touch.
    """

    initiatives: tuple[Initiative, ...]
    venues: tuple[Venue, ...]
    partners: tuple[Partner, ...]
    points: tuple[Point, ...]
    channels: tuple[Channel, ...]
    crews: tuple[Crew, ...]
    options: tuple[Option, ...]
    funds: tuple[tuple[str, int], ...]
    weeks: int
    areas: OutreachAreas
    need: Floats
    kinds: tuple[str, ...]
    clock: tuple[str, dt.date]
    section: OutreachSection
    audience: Ints
    area_district: tuple[str, ...]
    closed: Bools
    pins: tuple[Holding, ...] = ()
    answers: tuple[Answer, ...] = ()
    patrol: Patrol | None = None

    @cached_property
    def effect(self) -> Floats:
        """Share of the harm prevented over the horizon where everyone is reached, by initiative."""
        return np.array([_lasting(one.effect, one, self.section.horizon_weeks) for one in self.initiatives])

    @cached_property
    def kinds_of(self) -> tuple[tuple[int, ...], ...]:
        """Rows of the kinds that each initiative addresses."""
        row = {kind: k for k, kind in enumerate(self.kinds)}
        return tuple(tuple(sorted({row[kind] for kind in one.kinds if kind in row})) for one in self.initiatives)

    @cached_property
    def strongest(self) -> Floats:
        """Largest effect of any initiative by kind: outreach prevents no larger share of the harm."""
        return strongest_of(self.effect, self.kinds_of, len(self.kinds))

    @cached_property
    def of_initiative(self) -> tuple[tuple[int, ...], ...]:
        """Options of each initiative."""
        found: list[list[int]] = [[] for _ in self.initiatives]
        for o, option in enumerate(self.options):
            found[option.initiative].append(o)
        return tuple(tuple(one) for one in found)

    @cached_property
    def able(self) -> tuple[tuple[int, ...], ...]:
        """Crews with the skills and languages of each initiative."""
        return tuple(
            tuple(
                c
                for c, crew in enumerate(self.crews)
                if set(one.skills) <= set(crew.skills) and set(one.languages) <= set(crew.languages)
            )
            for one in self.initiatives
        )

    def slots(self, o: int) -> int:
        """Return the slots that a holding of an option takes."""
        return -(-round(self.initiatives[self.options[o].initiative].hours * 60) // SLOT_MINUTES)

    def team_minutes(self, i: int) -> int:
        """Return the minutes of a crew that a holding of an initiative takes."""
        return round(self.initiatives[i].team_hours * 60)

    def starts(self, o: int, c: int) -> Ints:
        """Return the slots at which a crew can start a holding of an option."""
        crew, length = self.crews[c], self.slots(o)
        at = self.options[o].starts
        if crew.is_patrol:
            return at[np.isin(at, self._in_shifts(c, length))]
        minute = at % DAY_SLOTS * SLOT_MINUTES
        day = (self.clock[1].weekday() + at // DAY_SLOTS) % 7
        inside = (minute >= crew.working[0]) & (minute + length * SLOT_MINUTES <= crew.working[1])
        return np.asarray(at[inside & np.isin(day, crew.weekdays)])

    def _in_shifts(self, c: int, length: int) -> Ints:
        found = [
            np.arange(first, last - length + 1)
            for s in self.crews[c].shifts
            for first, last in [self.slots_of_shift(s)]
        ]
        return np.concatenate(found) if found else np.zeros(0, np.int64)

    def slots_of_shift(self, s: int) -> tuple[int, int]:
        """Return the first slot of a planned shift and the one after its last, by the local clock."""
        assert self.patrol is not None
        shift, zone = self.patrol.shifts[s], zoneinfo.ZoneInfo(self.clock[0])
        midnight = dt.datetime.combine(self.clock[1], dt.time())
        minutes = [
            (at.astimezone(zone).replace(tzinfo=None) - midnight).total_seconds() / 60
            for at in (shift.start, shift.stop)
        ]
        return math.ceil(minutes[0] / SLOT_MINUTES), math.floor(minutes[1] / SLOT_MINUTES)

    def shift_at(self, c: int, start: int) -> int:
        """Return the planned shift in which a patrol crew would hold something that starts at a slot; -1 for none."""
        for s in self.crews[c].shifts:
            first, last = self.slots_of_shift(s)
            if first <= start < last:
                return s
        return -1


def _lasting(effect: float, one: Initiative, horizon: float) -> float:
    """Return the mean of an effect over the horizon while it halves every half-life."""
    if math.isinf(one.half_life_weeks):
        return effect
    rate = math.log(2) / one.half_life_weeks
    return effect * -math.expm1(-rate * horizon) / (rate * horizon)


def strongest_of(effect: Floats, kinds_of: Iterable[tuple[int, ...]], n_kinds: int) -> Floats:
    """Return the largest effect by kind, (n_kinds,)."""
    strongest = np.zeros(n_kinds)
    for value, kinds in zip(effect.tolist(), kinds_of, strict=True):
        for k in kinds:
            strongest[k] = max(strongest[k], value)
    return strongest


def build_season(
    offers: Offers,
    areas: OutreachAreas,
    needs: Needs,
    roster: Roster,
    *,
    section: OutreachSection,
    clock: tuple[str, dt.date],
    weeks: int,
    area_district: tuple[str, ...],
    patrol: Patrol | None = None,
) -> Season:
    """Return the season of an outreach job; the names in it are checked by `io`."""
    audience = np.array([_audience(one, areas) for one in offers.initiatives], np.int64)
    closed = _clock_changes(clock, weeks)
    funds = _funds(offers, section)
    maker = _Options(offers, areas, section, audience.reshape(-1, len(areas.names)), closed, funds, clock, weeks)
    return Season(
        initiatives=offers.initiatives, venues=offers.venues, partners=offers.partners, points=offers.points,
        channels=offers.channels, crews=tuple(_crews(roster, section, patrol)), options=tuple(maker.all()),
        funds=tuple((name, cents) for name, cents, _ in funds), weeks=weeks, areas=areas,
        need=needs.need * section.horizon_weeks, kinds=needs.kinds, clock=clock, section=section,
        audience=maker.audience, area_district=area_district, closed=closed, patrol=patrol, answers=offers.answers,
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


def _funds(offers: Offers, section: OutreachSection) -> list[tuple[str, int, object]]:
    """Return name, cents and what it is for: the general budget, the funds, and what partners give."""
    own = [(fund.name, round(fund.amount * 100), fund) for fund in offers.funds]
    given = [
        (f"{one.name} (partner)", round(one.funds * 100), one)
        for one in offers.partners
        if one.funds > 0 and not one.declined
    ]
    return [("", int(section.budget * 100 + 1e-6), None), *own, *given]


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


class _Options:
    """Makes the options: every initiative at every place that fits."""

    def __init__(
        self, offers: Offers, areas: OutreachAreas, section: OutreachSection, audience: Ints, closed: Bools,
        funds: list[tuple[str, int, object]], clock: tuple[str, dt.date], weeks: int,
    ) -> None:  # fmt: skip
        self.offers, self.areas, self.section, self.audience = offers, areas, section, audience
        self.closed, self.funds, self.clock, self.weeks = closed, funds, clock, weeks
        self.row = {name: a for a, name in enumerate(areas.names)}
        self.partner = {one.name: p for p, one in enumerate(offers.partners)}
        zone = zoneinfo.ZoneInfo(clock[0])
        self.answered: dict[tuple[str, str, str, bool], set[int]] = {}
        for answer in offers.answers:
            place = answer.venue or answer.point or answer.channel or answer.area
            day = (answer.start.astimezone(zone).date() - clock[1]).days
            key = answer.initiative, answer.partner, place, answer.confirmed
            self.answered.setdefault(key, set()).add(day)

    def all(self) -> Iterator[Option]:
        """Yield the options that can start some time and reach someone."""
        places = {
            VENUE: self._at_venues, AREA: self._in_areas, POINT: self._at_points, CHANNEL: self._on_channels,
            ONLINE: self._online,
        }  # fmt: skip
        for i, one in enumerate(self.offers.initiatives):
            where = INITIATIVE_TYPES[one.type]
            if where == POINT and not self.offers.points:
                where = AREA
            yield from (option for option in places[where](i, one) if len(option.starts) and any(option.contacts))

    def _made(
        self, i: int, one: Initiative, *, covers: tuple[str, ...], reach: int, opening: tuple[int, int],
        weekdays: tuple[int, ...], place: str, share: float = 1.0, cost: float = 0.0, partner: str = "",
        closed: tuple[dt.date, ...] = (), **rows: object,
    ) -> Option | None:  # fmt: skip
        """Return an option, or None where it can reach nobody, or a partner takes no part or declined it."""
        p = self.partner.get(partner, -1)
        helper = self.offers.partners[p] if p >= 0 else None
        if helper is not None and (helper.declined or not _welcomes(one, helper.audiences, helper.languages)):
            return None
        if one.partner_hours > 0 and helper is None:
            return None
        if helper is not None and helper.areas:
            covers = tuple(name for name in covers if name in helper.areas)
        wanted = [self.row[name] for name in covers if name in self.row and name in (one.areas or covers)]
        limit = [int(share * self.audience[i, a] + 1e-9) for a in wanted]
        contacts = spread_contacts(reach, limit)
        kept = [(a, n, most) for a, n, most in zip(wanted, contacts, limit, strict=True) if n > 0]
        if not kept:
            return None
        lead = max(one.lead_days, helper.lead_days if helper else 0)
        agreed, refused = (self.answered.get((one.name, partner, place, yes), set()) for yes in (True, False))
        shut = {(date - self.clock[1]).days for date in (*closed, *(helper.closed if helper else ()))}
        days = sorted({*range(lead, 7 * self.weeks), *agreed} - ((shut | refused) - agreed))
        return Option(
            initiative=i, areas=tuple(a for a, _, _ in kept), contacts=tuple(n for _, n, _ in kept),
            limit=tuple(most for _, _, most in kept), partner=p,
            starts=self._starts(one, opening, weekdays, days), most=one.most,
            cents=round((one.cost + cost) * 100), funds=self._paid_by(one, kept, p), **rows,  # type: ignore[arg-type]
        )  # fmt: skip

    def _starts(
        self, one: Initiative, opening: tuple[int, int], weekdays: tuple[int, ...], days: list[int]
    ) -> Ints:  # fmt: skip
        minutes = round(one.hours * 60)
        length = -(-minutes // SLOT_MINUTES)
        first, last = -(-opening[0] // SLOT_MINUTES), (opening[1] - minutes) // SLOT_MINUTES
        weekday, last_day = self.clock[1].weekday(), 7 * self.weeks
        open_days = [day for day in days if 0 <= day < last_day and (weekday + day) % 7 in weekdays]
        starts = (np.array(open_days, np.int64)[:, None] * DAY_SLOTS + np.arange(first, last + 1)).ravel()
        touched = np.cumsum(np.concatenate([[0], self.closed]))
        ends = np.minimum(starts + length, len(self.closed))
        return np.asarray(starts[touched[ends] == touched[starts]], np.int64)

    def _paid_by(self, one: Initiative, kept: list[tuple[int, int, int]], p: int) -> tuple[int, ...]:
        """Return the funds that may pay: the general budget last, so that earmarked money goes first."""
        names = {self.areas.names[a] for a, _, _ in kept}
        found = []
        for f, (name, _, purpose) in enumerate(self.funds):
            if purpose is None:
                continue
            if isinstance(purpose, Partner):
                fits = p >= 0 and self.offers.partners[p] is purpose and one.earmark in ("", name, purpose.name)
            else:
                partner = self.offers.partners[p].name if p >= 0 else ""
                fits = (
                    (not purpose.areas or names <= set(purpose.areas))  # type: ignore[attr-defined]
                    and one.type in (purpose.types or (one.type,))  # type: ignore[attr-defined]
                    and bool(set(one.kinds) & set(purpose.kinds or one.kinds))  # type: ignore[attr-defined]
                    and purpose.partner in ("", partner)  # type: ignore[attr-defined]
                    and one.earmark in ("", name)
                )
            if fits:
                found.append(f)
        return tuple(found) if one.earmark else (*found, 0)

    def _hours(self) -> tuple[int, int]:
        first, last = self.section.materials_hours
        return first.hour * 60 + first.minute, last.hour * 60 + last.minute

    def _middle(self, a: int) -> tuple[float, float]:
        return (float(self.areas.x[a]), float(self.areas.y[a])) if len(self.areas.x) else (math.nan, math.nan)

    def _at_venues(self, i: int, one: Initiative) -> Iterator[Option]:
        for v, venue in enumerate(self.offers.venues):
            if not _welcomes(one, venue.audiences, ()) or venue.area not in (one.areas or (venue.area,)):
                continue
            a = self.row[venue.area]
            made = self._made(
                i, one, covers=venue.reach_areas or (venue.area,), reach=min(one.reach, venue.capacity),
                opening=opening_of(venue), weekdays=venue.weekdays, place=venue.name, partner=venue.partner,
                closed=venue.closed, venue=v, area=a, xy=self._middle(a),
            )  # fmt: skip
            if made is not None:
                yield made

    def _in_areas(self, i: int, one: Initiative) -> Iterator[Option]:
        """Yield it in every area; with in-kind hours, with every partner there."""
        partners = [""] if one.partner_hours == 0 else [partner.name for partner in self.offers.partners]
        for a, name in enumerate(self.areas.names):
            for partner in partners:
                made = self._made(
                    i, one, covers=(name,), reach=one.reach, opening=self._hours(), weekdays=tuple(range(7)),
                    place=name, partner=partner, area=a, xy=self._middle(a),
                )  # fmt: skip
                if made is not None:
                    yield made

    def _at_points(self, i: int, one: Initiative) -> Iterator[Option]:
        for n, point in enumerate(self.offers.points):
            reach = min(one.reach, one.items) if one.items else one.reach
            if point.area not in (one.areas or (point.area,)) or one.items > point.stock:
                continue
            a = self.row[point.area]
            made = self._made(
                i, one, covers=point.covers or (point.area,), reach=reach, opening=self._hours(),
                weekdays=tuple(range(7)), place=point.name, share=point.share, partner=point.partner, point=n, area=a,
                xy=self._middle(a),
            )  # fmt: skip
            if made is not None:
                yield made

    def _on_channels(self, i: int, one: Initiative) -> Iterator[Option]:
        for n, channel in enumerate(self.offers.channels):
            if not _welcomes(one, channel.audiences, channel.languages):
                continue
            made = self._made(
                i, one, covers=channel.areas or self.areas.names, reach=one.reach, opening=self._hours(),
                weekdays=tuple(range(7)), place=channel.name, share=channel.share, cost=channel.cost, channel=n,
            )  # fmt: skip
            if made is not None:
                yield made

    def _online(self, i: int, one: Initiative) -> Iterator[Option]:
        until = self.section.online_until
        made = self._made(
            i, one, covers=self.areas.names, reach=one.reach, weekdays=tuple(range(7)), place="",
            opening=(self._hours()[0], until.hour * 60 + until.minute),
        )  # fmt: skip
        if made is not None:
            yield made


def _welcomes(one: Initiative, audiences: tuple[str, ...], languages: tuple[str, ...]) -> bool:
    fits = not audiences or one.audience in audiences
    return fits and (not languages or not one.languages or bool(set(languages) & set(one.languages)))


def opening_of(venue: Venue) -> tuple[int, int]:
    """Return opening hours in minutes of the local day."""
    opens, closes = (time.hour * 60 + time.minute for time in (venue.opens, venue.closes))
    return opens, closes


def spread_contacts(reach: int, limit: list[int]) -> list[int]:
    """Return whole contacts by area, in proportion to the audience, none above it; together `reach` if they can."""
    total = sum(limit)
    if total <= reach:
        return list(limit)
    exact = [reach * most / total for most in limit]
    whole = [int(value) for value in exact]
    order = sorted(range(len(limit)), key=lambda a: (whole[a] - exact[a], a))
    for a in order[: reach - sum(whole)]:
        whole[a] += 1
    return whole
