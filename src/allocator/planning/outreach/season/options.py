"""Every way in which an initiative can be held."""

from __future__ import annotations

import datetime as dt
import math
import zoneinfo
from collections.abc import Iterator

import numpy as np

from allocator.config import OutreachSection
from allocator.domain import (
    AREA,
    CHANNEL,
    INITIATIVE_TYPES,
    ONLINE,
    POINT,
    VENUE,
    Bools,
    Initiative,
    Ints,
    Offers,
    OutreachAreas,
    Partner,
    Venue,
)
from allocator.planning.outreach.season.season import DAY_SLOTS, SLOT_MINUTES, Option


class Options:
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
