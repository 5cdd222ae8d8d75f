"""Every way in which an initiative can be held."""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from allocator.domain import (
    AREA,
    CHANNEL,
    INITIATIVE_TYPES,
    ONLINE,
    POINT,
    VENUE,
    Bools,
    Fund,
    Initiative,
    Ints,
    Offers,
    OutreachAreas,
    Partner,
    Venue,
)
from allocator.planning.outreach.season.season import DAY_SLOTS, SLOT_MINUTES, Option, Terms


@dataclass(frozen=True)
class Purse:
    """Money in cents for a purpose: a fund, what a partner gives, or neither for the general budget."""

    name: str
    cents: int
    fund: Fund | None = None
    giver: Partner | None = None

    def pays(self, one: Initiative, areas: set[str], partner: Partner | None) -> bool:
        """Return whether it may pay for an initiative in areas, with a partner."""
        if self.giver is not None:
            return partner is self.giver and one.earmark in ("", self.name, self.giver.name)
        fund = self.fund
        return fund is not None and (
            (not fund.areas or areas <= set(fund.areas))
            and one.type in (fund.types or (one.type,))
            and bool(set(one.kinds) & set(fund.kinds or one.kinds))
            and fund.partner in ("", partner.name if partner else "")
            and one.earmark in ("", self.name)
        )


@dataclass(frozen=True)
class Place:
    """Where an initiative can be held: the areas it covers, whom it reaches, when it is open, and rows."""

    name: str
    covers: tuple[str, ...]
    reach: int
    opening: tuple[int, int]
    weekdays: tuple[int, ...] = tuple(range(7))
    share: float = 1.0
    cost: float = 0.0
    partner: str = ""
    closed: tuple[dt.date, ...] = ()
    venue: int = -1
    point: int = -1
    channel: int = -1
    area: int = -1


class Options:
    """Makes the options: every initiative at every place that fits."""

    def __init__(
        self, offers: Offers, areas: OutreachAreas, terms: Terms, audience: Ints, closed: Bools, funds: list[Purse]
    ) -> None:
        self.offers, self.areas, self.section, self.audience = offers, areas, terms.section, audience
        self.closed, self.funds, self.first_day, self.weeks = closed, funds, terms.first_day, terms.weeks
        self.row = {name: a for a, name in enumerate(areas.names)}
        self.partner = {one.name: p for p, one in enumerate(offers.partners)}
        zone = zoneinfo.ZoneInfo(terms.timezone)
        self.answered: dict[tuple[str, str, str, bool], set[int]] = {}
        for answer in offers.answers:
            place = answer.venue or answer.point or answer.channel or answer.area
            day = (answer.start.astimezone(zone).date() - terms.first_day).days
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
            made = (self._made(i, one, place) for place in places[where](one))
            yield from (option for option in made if option and len(option.starts) and any(option.contacts))

    def _made(self, i: int, one: Initiative, place: Place) -> Option | None:
        """Return an option, or None where it can reach nobody, or a partner takes no part or declined it."""
        p, covers = self.partner.get(place.partner, -1), place.covers
        helper = self.offers.partners[p] if p >= 0 else None
        if helper is not None and (helper.declined or not _welcomes(one, helper.audiences, helper.languages)):
            return None
        if one.partner_hours > 0 and helper is None:
            return None
        if helper is not None and helper.areas:
            covers = tuple(name for name in covers if name in helper.areas)
        wanted = [self.row[name] for name in covers if name in self.row and name in (one.areas or covers)]
        limit = [int(place.share * self.audience[i, a] + 1e-9) for a in wanted]
        contacts = spread_contacts(place.reach, limit)
        kept = [(a, n, most) for a, n, most in zip(wanted, contacts, limit, strict=True) if n > 0]
        if not kept:
            return None
        lead = max(one.lead_days, helper.lead_days if helper else 0)
        agreed, refused = (
            self.answered.get((one.name, place.partner, place.name, yes), set()) for yes in (True, False)
        )
        shut = {(date - self.first_day).days for date in (*place.closed, *(helper.closed if helper else ()))}
        days = sorted({*range(lead, 7 * self.weeks), *agreed} - ((shut | refused) - agreed))
        return Option(
            initiative=i, areas=tuple(a for a, _, _ in kept), contacts=tuple(n for _, n, _ in kept),
            limit=tuple(most for _, _, most in kept), partner=p,
            starts=self._starts(one, place, days), most=one.most, cents=round((one.cost + place.cost) * 100),
            funds=self._paid_by(one, kept, p), venue=place.venue, point=place.point, channel=place.channel,
            area=place.area, xy=self._middle(place.area),
        )  # fmt: skip

    def _starts(self, one: Initiative, place: Place, days: list[int]) -> Ints:
        minutes = round(one.hours * 60)
        length = -(-minutes // SLOT_MINUTES)
        first, last = -(-place.opening[0] // SLOT_MINUTES), (place.opening[1] - minutes) // SLOT_MINUTES
        weekday, last_day = self.first_day.weekday(), 7 * self.weeks
        open_days = [day for day in days if 0 <= day < last_day and (weekday + day) % 7 in place.weekdays]
        starts = (np.array(open_days, np.int64)[:, None] * DAY_SLOTS + np.arange(first, last + 1)).ravel()
        touched = np.cumsum(np.concatenate([[0], self.closed]))
        ends = np.minimum(starts + length, len(self.closed))
        return np.asarray(starts[touched[ends] == touched[starts]], np.int64)

    def _paid_by(self, one: Initiative, kept: list[tuple[int, int, int]], p: int) -> tuple[int, ...]:
        """Return the funds that may pay: the general budget last, so that earmarked money goes first."""
        names = {self.areas.names[a] for a, _, _ in kept}
        partner = self.offers.partners[p] if p >= 0 else None
        payers = tuple(f for f, purse in enumerate(self.funds) if purse.pays(one, names, partner))
        return payers if one.earmark else (*payers, 0)

    def _hours(self) -> tuple[int, int]:
        first, last = self.section.materials_hours
        return first.hour * 60 + first.minute, last.hour * 60 + last.minute

    def _middle(self, a: int) -> tuple[float, float]:
        known = a >= 0 and len(self.areas.x)
        return (float(self.areas.x[a]), float(self.areas.y[a])) if known else (math.nan, math.nan)

    def _at_venues(self, one: Initiative) -> Iterator[Place]:
        for v, venue in enumerate(self.offers.venues):
            if _welcomes(one, venue.audiences, ()) and venue.area in (one.areas or (venue.area,)):
                yield Place(
                    venue.name, venue.reach_areas or (venue.area,), min(one.reach, venue.capacity), opening_of(venue),
                    weekdays=venue.weekdays, partner=venue.partner, closed=venue.closed, venue=v,
                    area=self.row[venue.area],
                )  # fmt: skip

    def _in_areas(self, one: Initiative) -> Iterator[Place]:
        """Yield every area; with in-kind hours, with every partner there."""
        partners = [""] if one.partner_hours == 0 else [partner.name for partner in self.offers.partners]
        for a, name in enumerate(self.areas.names):
            for partner in partners:
                yield Place(name, (name,), one.reach, self._hours(), partner=partner, area=a)

    def _at_points(self, one: Initiative) -> Iterator[Place]:
        for n, point in enumerate(self.offers.points):
            reach = min(one.reach, one.items) if one.items else one.reach
            if point.area in (one.areas or (point.area,)) and one.items <= point.stock:
                yield Place(
                    point.name, point.covers or (point.area,), reach, self._hours(), share=point.share,
                    partner=point.partner, point=n, area=self.row[point.area],
                )  # fmt: skip

    def _on_channels(self, one: Initiative) -> Iterator[Place]:
        for n, channel in enumerate(self.offers.channels):
            if _welcomes(one, channel.audiences, channel.languages):
                yield Place(
                    channel.name, channel.areas or self.areas.names, one.reach, self._hours(), share=channel.share,
                    cost=channel.cost, channel=n,
                )  # fmt: skip

    def _online(self, one: Initiative) -> Iterator[Place]:
        until = self.section.online_until
        yield Place("", self.areas.names, one.reach, (self._hours()[0], until.hour * 60 + until.minute))


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
