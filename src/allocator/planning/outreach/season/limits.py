"""The limits of a season as rows over whole numbers: the one description that every solver of outreach reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from allocator.facts import Note, note
from allocator.planning.outreach.season.hours import Hours
from allocator.planning.outreach.season.season import SLOT_MINUTES, WEEK_SLOTS, Season

Column = tuple[str, int, int, int]
"""What a whole number counts: ("held", option, week, 0), ("crew", initiative, crew, week), ("paid", option, fund, 0),
("used", initiative, 0, 0), ("taken", crew, shift, 0) units of a pool, ("lost", shift, nth, 0) units of patrol."""


UNNAMED = Note("")
"""The name of rows that need none."""


@dataclass(frozen=True)
class Row:
    """least ≤ Σ coefficient × column ≤ most; a soft row may fall short of `least`, which is then said by its name.

    The name says what the row is: `outreach.least_held`, `outreach.confirmed` and so on; `UNNAMED` for the others.

    Rows of single weeks that are alike but for the week share a `family`; "" for rows over the season. `coarse` rows
    also hold, summed up, for seasons in which weeks are taken together.
    """

    terms: Sequence[tuple[Column, int]]
    least: int | None
    most: int | None
    name: Note = UNNAMED
    soft: bool = False
    family: str = ""
    week: int = -1
    coarse: bool = True


class Limits:
    """Columns with their bounds, and rows, of a season."""

    def __init__(self, season: Season) -> None:
        self.season = season
        self.hours = Hours(season)

    @cached_property
    def weeks_of(self) -> tuple[tuple[int, ...], ...]:
        """Weeks in which each option can be held by some crew."""
        season, weeks_of = self.season, []
        for o, option in enumerate(season.options):
            weeks: set[int] = set()
            for c in season.able[option.initiative]:
                weeks.update(np.unique(season.starts(o, c) // WEEK_SLOTS).tolist())
            weeks_of.append(tuple(sorted(weeks)))
        return tuple(weeks_of)

    @cached_property
    def bounds(self) -> dict[Column, int]:
        """Largest value of each column; the smallest is 0."""
        season = self.season
        bounds: dict[Column, int] = {}
        for o, option in enumerate(season.options):
            one = season.initiatives[option.initiative]
            most = option.most if one.most_per_week is None else min(option.most, one.most_per_week)
            bounds.update({("held", o, w, 0): most for w in self.weeks_of[o]})
            if len(option.funds) > 1:
                bounds.update({("paid", o, f, 0): option.most for f in option.funds})
        for i, one in enumerate(season.initiatives):
            for c in season.able[i]:
                bounds.update({("crew", i, c, w): one.most for w in self.hours.weeks_on(c)})
            if one.fixed_cost > 0:
                bounds["used", i, 0, 0] = 1
        for c, crew in enumerate(season.crews):
            bounds.update({("taken", c, s, 0): n for s, n in crew.shifts.items() if self.hours.usable_minutes(c, s)})
        if season.patrol is not None and any(crew.is_patrol for crew in season.crews):
            for s, loss in enumerate(season.patrol.loss):
                bounds.update({("lost", s, n, 0): 1 for n in range(len(loss))})
        return {column: most for column, most in bounds.items() if most > 0}

    @cached_property
    def rows(self) -> tuple[Row, ...]:
        """All limits."""
        parts = (
            self._crews(), self._time(), self._money(), self._how_often(), self._areas(), self._gaps(), self._order(),
            self._helpers(), self._places(), self._floors(), self._shared(), self._pins(),
        )  # fmt: skip
        return tuple(kept for part in parts for row in part for kept in self._kept(row))

    def held(self, o: int, w: int) -> list[Column]:
        """Return the column of the holdings of an option in a week, if there is one."""
        column: Column = ("held", o, w, 0)
        return [column] if column in self.bounds else []

    def _sum(self, options: list[int], weeks: range | None = None, size: int = 1) -> list[tuple[Column, int]]:
        every = range(self.season.weeks) if weeks is None else weeks
        return [(column, size) for o in options for w in every for column in self.held(o, w)]

    def _kept(self, row: Row) -> Iterator[Row]:
        """Yield a row with the columns that there are, unless it says nothing then."""
        terms = tuple((column, size) for column, size in row.terms if size and column in self.bounds)
        if terms or (row.least is not None and row.least > 0):
            yield dataclasses.replace(row, terms=terms)

    def _crews(self) -> Iterator[Row]:
        season = self.season
        for i in range(len(season.initiatives)):
            for w in range(season.weeks):
                terms = self._sum(list(season.of_initiative[i]), range(w, w + 1))
                crews: list[tuple[Column, int]] = [(("crew", i, c, w), -1) for c in season.able[i]]
                yield Row([*terms, *crews], 0, 0, family=f"crews {i}", week=w)

    def _time(self) -> Iterator[Row]:
        """Yield the time of crews: hours a week, and what fits into their days and shifts.

        In a day or shift with time T, Σ (length + pause) ≤ T + pause, and of holdings of length L or more at most
        (T + pause) // (L + pause) fit.
        """
        season = self.season
        for c, crew in enumerate(season.crews):
            for w in range(season.weeks):
                used: list[tuple[Column, int]] = [
                    (("crew", i, c, w), season.team_minutes(i)) for i in range(len(season.initiatives))
                ]
                pause = -(-season.section.changeover_minutes // SLOT_MINUTES) * SLOT_MINUTES
                lengths: list[tuple[Column, int]] = [
                    (("crew", i, c, w), self._length(i) + pause) for i in range(len(season.initiatives))
                ]
                if not crew.is_patrol:
                    name = note("outreach.hours_of_team", team=crew.name)
                    yield Row(used, None, crew.minutes_per_week, name, family=f"time {c}", week=w)
                    days = [n for day, n in self.hours.minutes_of_days(c).items() if day // 7 == w]
                    room = sum(n + pause for n in days)
                    yield Row(lengths, None, room, family=f"days {c}", week=w)
                    for length, those in self._longer(c, w):
                        most = sum((n + pause) // (length + pause) for n in days)
                        yield Row(those, None, most, family=f"days {c} of {length}", week=w)
                    continue
                shifts = [s for s in crew.shifts if self.hours.week_of(s) == w]
                given: list[tuple[Column, int]] = [
                    (("taken", c, s, 0), -self.hours.minutes_of_shift(s)) for s in shifts
                ]
                yield Row([*used, *given], None, 0, family=f"minutes {c}", week=w)
                given = [(("taken", c, s, 0), -self.hours.usable_minutes(c, s) - pause) for s in shifts]
                yield Row([*lengths, *given], None, 0, family=f"lengths {c}", week=w)
                for length, those in self._longer(c, w):
                    given = [
                        (("taken", c, s, 0), -((self.hours.usable_minutes(c, s) + pause) // (length + pause)))
                        for s in shifts
                    ]
                    yield Row([*those, *given], None, 0, family=f"shifts {c} of {length}", week=w)

    def _longer(self, c: int, w: int) -> Iterator[tuple[int, list[tuple[Column, int]]]]:
        """Yield each length of a holding that a crew may have, and the holdings of that length or longer."""
        able = [i for i in range(len(self.season.initiatives)) if c in self.season.able[i]]
        for length in sorted({self._length(i) for i in able}):
            yield length, [(("crew", i, c, w), 1) for i in able if self._length(i) >= length]

    def _length(self, i: int) -> int:
        return -(-round(self.season.initiatives[i].hours * 60) // SLOT_MINUTES) * SLOT_MINUTES

    def _money(self) -> Iterator[Row]:
        season = self.season
        for o, option in enumerate(season.options):
            if len(option.funds) > 1:
                split: list[tuple[Column, int]] = [(("paid", o, f, 0), -1) for f in option.funds]
                yield Row([*self._sum([o]), *split], 0, 0)
        for f, (name, cents) in enumerate(season.funds):
            terms: list[tuple[Column, int]] = []
            for o, option in enumerate(season.options):
                if option.funds == (f,):
                    terms += self._sum([o], size=option.cents)
                elif f in option.funds:
                    terms.append((("paid", o, f, 0), option.cents))
            for i, one in enumerate(season.initiatives):
                if one.fixed_cost > 0 and f == self.fund_of_fixed_cost(i):
                    terms.append((("used", i, 0, 0), round(one.fixed_cost * 100)))
            yield Row(terms, None, cents, name_of_fund(name))
        for i, one in enumerate(season.initiatives):
            for o in season.of_initiative[i] if one.fixed_cost > 0 else ():
                yield Row([*self._sum([o]), (("used", i, 0, 0), -season.options[o].most)], None, 0)

    def fund_of_fixed_cost(self, i: int) -> int:
        """Return the fund that pays the fixed cost of an initiative: its earmark, or the general budget."""
        names = [name for name, _ in self.season.funds]
        earmark = self.season.initiatives[i].earmark
        return next((f for f, name in enumerate(names) if earmark and name in (earmark, f"{earmark} (partner)")), 0)

    def _how_often(self) -> Iterator[Row]:
        season = self.season
        for i, one in enumerate(season.initiatives):
            own = list(season.of_initiative[i])
            yield Row(self._sum(own), None, one.most, note("outreach.most_held", initiative=one.name))
            if one.least:
                name = note("outreach.least_held", initiative=one.name, least=one.least)
                yield Row(self._sum(own), one.least, None, name, soft=True)
            for o in own:
                yield Row(self._sum([o]), None, season.options[o].most)
            if one.most_per_week is not None:
                for w in range(season.weeks):
                    held = self._sum(own, range(w, w + 1))
                    yield Row(held, None, one.most_per_week, family=f"week {i}", week=w)

    def _by_area(self, i: int) -> dict[int, list[int]]:
        """Return the options of an initiative by the area where they are held; -1 for several."""
        by_area: dict[int, list[int]] = {}
        for o in self.season.of_initiative[i]:
            by_area.setdefault(self.season.options[o].area, []).append(o)
        return by_area

    def _areas(self) -> Iterator[Row]:
        season, section = self.season, self.season.section
        there: dict[int, list[int]] = {}
        for o, option in enumerate(season.options):
            if option.area >= 0:
                there.setdefault(option.area, []).append(o)
        for a, own in there.items():
            for w in range(season.weeks):
                week = range(w, w + 1)
                if section.most_per_area_week is not None:
                    most, name = section.most_per_area_week, note("outreach.most_per_area_week")
                    yield Row(self._sum(own, week), None, most, name, family=f"area {a}", week=w)
                if section.most_minutes_per_area_week is not None:
                    minutes = [term for o in own for term in self._sum([o], week, self._minutes(o))]
                    most, name = section.most_minutes_per_area_week, note("outreach.most_minutes_per_area_week")
                    yield Row(minutes, None, most, name, family=f"area minutes {a}", week=w)

    def _gaps(self) -> Iterator[Row]:
        season = self.season
        for i, one in enumerate(season.initiatives):
            span = min(one.area_gap_weeks, season.weeks)
            for own in self._by_area(i).values() if span else ():
                for w in range(season.weeks - span + 1):
                    yield Row(self._sum(own, range(w, w + span)), None, 1, coarse=False)
                weeks = sorted({w for o in own for w in self.weeks_of[o]})
                yield Row(self._sum(own), None, _fit(weeks, span))

    def _minutes(self, o: int) -> int:
        return round(self.season.initiatives[self.season.options[o].initiative].hours * 60)

    def _order(self) -> Iterator[Row]:
        """Yield that the n-th holding of what is required, or followed up, comes before the n-th of what follows."""
        season = self.season
        row = {one.name: i for i, one in enumerate(season.initiatives)}
        followed: dict[int, list[int]] = {}
        for j, one in enumerate(season.initiatives):
            if one.requires:
                yield from self._after(j, [row[one.requires]], max(one.requires_gap_weeks, 1))
            if one.follow_up:
                followed.setdefault(row[one.follow_up], []).append(j)
        for j, before in followed.items():
            yield from self._after(j, before, 1)
            for i in before:
                within, later = season.initiatives[i].follow_weeks, self._by_area(j)
                for a, own in self._by_area(i).items():
                    for w in range(season.weeks):
                        due = range(min(w + within, season.weeks - 1) + 1)
                        first = self._sum(own, range(w + 1))
                        terms = [*self._sum(later.get(a, []), due), *_negative(first)]
                        yield Row(terms, 0, None, coarse=w == season.weeks - 1)

    def _after(self, j: int, before: list[int], weeks: int) -> Iterator[Row]:
        groups = [self._by_area(i) for i in before]
        for a, own in self._by_area(j).items():
            earlier = [o for group in groups for o in group.get(a, [])]
            for w in range(self.season.weeks):
                held = self._sum(earlier, range(max(0, w - weeks + 1)))
                terms = [*self._sum(own, range(w + 1)), *_negative(held)]
                yield Row(terms, None, 0, coarse=w == self.season.weeks - 1)

    def _helpers(self) -> Iterator[Row]:
        """Yield in-kind hours of partners, and hours of the volunteers trained so far."""
        season = self.season
        for p, partner in enumerate(season.partners):
            terms = []
            for o, option in enumerate(season.options):
                if option.partner == p:
                    terms += self._sum([o], size=round(season.initiatives[option.initiative].partner_hours * 60))
            name = note("outreach.hours_of_partner", partner=partner.name)
            yield Row(terms, None, round(partner.hours * 60), name)
        for w in range(season.weeks):
            terms = []
            for i, one in enumerate(season.initiatives):
                own = list(season.of_initiative[i])
                terms += self._sum(own, range(w, w + 1), round(one.volunteer_hours * 60))
                terms += self._sum(own, range(w), -round(one.trains_hours * 60))
            if any(size > 0 for _, size in terms):
                name = note("outreach.hours_of_volunteers")
                yield Row(terms, None, 0, name, family="volunteers", week=w)

    def _places(self) -> Iterator[Row]:
        season = self.season
        for n, point in enumerate(season.points):
            terms = []
            for o, option in enumerate(season.options):
                if option.point == n:
                    terms += self._sum([o], size=season.initiatives[option.initiative].items)
            yield Row(terms, None, point.stock, note("outreach.stock", point=point.name))
        for n, channel in enumerate(season.channels):
            own = [o for o, option in enumerate(season.options) if option.channel == n]
            name = note("outreach.channel", channel=channel.name)
            for w in range(season.weeks):
                held = self._sum(own, range(w, w + 1))
                yield Row(held, None, channel.most_per_week, name, family=f"channel {n}", week=w)
        for v in range(len(season.venues)):
            own = [o for o, option in enumerate(season.options) if option.venue == v]
            usable = np.zeros((season.weeks + 1) * WEEK_SLOTS, bool)
            for o in own:
                for shift in range(season.slots(o)):
                    usable[season.options[o].starts + shift] = True
            for w in range(season.weeks):
                free = int(usable[w * WEEK_SLOTS : (w + 1) * WEEK_SLOTS].sum())
                terms = [term for o in own for term in self._sum([o], range(w, w + 1), season.slots(o))]
                yield Row(terms, None, free, family=f"venue {v}", week=w)

    def _floors(self) -> Iterator[Row]:
        season = self.season
        for floor in season.section.floors:
            if floor.area is not None:
                there = {season.areas.names.index(floor.area)}
                name = note("outreach.floor_of_area", area=floor.area, least=floor.least)
            else:
                there = {a for a, label in enumerate(season.area_district) if label == floor.district}
                name = note("outreach.floor_of_district", district=floor.district, least=floor.least)
            own = [o for o, option in enumerate(season.options) if option.area in there]
            yield Row(self._sum(own), floor.least, None, name, soft=True)

    def _shared(self) -> Iterator[Row]:
        season, shared, patrol = self.season, self.season.section.shared, self.season.patrol
        if shared is None or patrol is None:
            return
        pools = [c for c, crew in enumerate(season.crews) if crew.is_patrol]
        for s, loss in enumerate(patrol.loss):
            taken: list[tuple[Column, int]] = [(("taken", c, s, 0), 1) for c in pools]
            lost: list[tuple[Column, int]] = [(("lost", s, n, 0), -1) for n in range(len(loss))]
            yield Row([*taken, *lost], 0, 0)
        weeks = {self.hours.week_of(s) for s in range(len(patrol.shifts))}
        # In thousandths, so that shares stay whole: (1 - share) outreach - share × patrol, patrol less the units taken.
        every = int(patrol.minutes.sum())
        for share, least in ((round(1000 * shared.least_share), True), (round(1000 * shared.most_share), False)):
            if (least and share == 0) or (not least and share == 1000):
                continue
            terms: list[tuple[Column, int]] = [
                (("crew", i, c, w), (1000 - share) * season.team_minutes(i))
                for i in range(len(season.initiatives)) for c in season.able[i] for w in weeks
            ]  # fmt: skip
            terms += [
                (("taken", c, s, 0), share * self.hours.minutes_of_shift(s))
                for c in pools
                for s in season.crews[c].shifts
            ]
            if least:
                name = note("outreach.least_share", share=share / 1000)
                yield Row(terms, share * every, None, name, soft=True)
            else:
                yield Row(terms, None, share * every, note("outreach.most_share", share=share / 1000))

    def _pins(self) -> Iterator[Row]:
        held: dict[tuple[int, int], int] = {}
        for pin in self.season.pins:
            key = pin.option, pin.start // WEEK_SLOTS
            held[key] = held.get(key, 0) + 1
        for (o, w), n in held.items():
            initiative = self.season.initiatives[self.season.options[o].initiative]
            name = note("outreach.confirmed", initiative=initiative.name)
            yield Row(self._sum([o], range(w, w + 1)), n, None, name, soft=True)


def name_of_fund(fund: str) -> Note:
    """Return the name of the row of a fund; the general budget has none of its own."""
    return note("outreach.fund", fund=fund) if fund else note("outreach.budget")


def _negative(terms: list[tuple[Column, int]]) -> list[tuple[Column, int]]:
    return [(column, -size) for column, size in terms]


def _fit(weeks: list[int], span: int) -> int:
    """Return how many weeks, each `span` or more after the one before, can be chosen: the earliest each time."""
    count, free = 0, -1
    for w in weeks:
        if w >= free:
            count, free = count + 1, w + span
    return count
