"""Toy seasons of outreach, a plain checker of their plans, and exhaustive search: no code shared with the planner."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
import math
import zoneinfo
from types import SimpleNamespace

import numpy as np
import pandas as pd

import planning_city
from allocator.config import OutreachSection
from allocator.domain import (
    Channel,
    Fund,
    Initiative,
    Needs,
    Offers,
    OutreachAreas,
    OutreachTeam,
    Partner,
    Point,
    Venue,
)
from allocator.planning.outreach.plan import plan_outreach

FIRST = dt.date(2017, 12, 25)  # a Monday
ZONE = "America/Chicago"
KINDS = ("BURGLARY", "THEFT")


def areas_of(residents, *, es=None, internet=None) -> OutreachAreas:
    n = len(residents)
    return OutreachAreas(
        names=tuple(f"A{a}" for a in range(n)),
        cell_area=np.zeros(4, np.int32),
        residents=np.asarray(residents, float),
        internet=np.ones(n) if internet is None else np.asarray(internet, float),
        speaks={} if es is None else {"es": np.asarray(es, float)},
        x=np.arange(n) * 20_000.0,
        y=np.zeros(n),
        lon=np.zeros(n),
        lat=np.zeros(n),
    )


def needs_of(need, kinds=KINDS) -> Needs:
    need = np.asarray(need, float)
    names = tuple(f"A{a}" for a in range(len(need)))
    frame = pd.DataFrame(
        [
            {"area": area, "kind": kind, "harm": need[a, k]}
            for a, area in enumerate(names)
            for k, kind in enumerate(kinds)
        ]
    )
    return Needs(names, kinds, need, frame)


def offer(name="Locks", type="workshop", **changes) -> Initiative:
    values = {
        "kinds": ("BURGLARY",), "hours": 2.0, "cost": 100.0, "reach": 40, "effect": 0.1, "effect_source": "assumed",
        "most": 2,
    }  # fmt: skip
    return Initiative(name=name, type=type, **{**values, **changes})


def hall(name="Library", area="A0", **changes) -> Venue:
    values = {"capacity": 30, "opens": dt.time(9), "closes": dt.time(13), "partner": "City Library"}
    return Venue(name=name, area=area, **{**values, **changes})


def team(name="T0", **changes) -> OutreachTeam:
    values = {"skills": ("talks",), "languages": ("en",), "hours_per_week": 20.0, "working": (9 * 60, 13 * 60)}
    return OutreachTeam(name, **{**values, "weekdays": (0,), **changes})


def section_of(**changes) -> OutreachSection:
    return OutreachSection(
        **{"initiatives": "i.csv", "areas": {"profile": "a.csv"}, "budget": 1000.0, "worth": False, **changes}
    )


def case(initiatives, *, teams=None, areas=None, needs=None, weeks=1, section=None, patrol=None, units=3, **offers):
    """Everything that a toy plan needs."""
    teams = (team(),) if teams is None else teams
    teams = (team(),) if teams is None else teams
    areas = areas_of([1000.0, 500.0]) if areas is None else areas
    needs = needs_of([[5.0, 3.0], [2.0, 6.0]][: len(areas.names)]) if needs is None else needs
    roster = planning_city.roster_of(units, city=planning_city.square_city())
    return SimpleNamespace(
        areas=areas, needs=needs, weeks=weeks, section=section or section_of(), patrol=patrol,
        roster=dataclasses.replace(roster, teams=tuple(teams)), offers=Offers(initiatives=tuple(initiatives), **offers),
    )  # fmt: skip


def plan(toy):
    return plan_outreach(
        toy.areas, toy.needs, toy.roster, toy.offers, section=toy.section, timezone=ZONE, first_day=FIRST,
        weeks=toy.weeks, area_district=tuple("12"[a % 2] for a in range(len(toy.areas.names))), patrol=toy.patrol,
    )  # fmt: skip


def random_case(rng: np.random.Generator):
    """A toy season small enough for exhaustive search: the team's Mondays, at most two weeks, few holdings."""
    n_areas, weeks = int(rng.integers(1, 4)), int(rng.integers(1, 3))
    areas = areas_of(rng.integers(200, 3000, n_areas), es=rng.uniform(0.05, 0.6, n_areas))
    needs = needs_of(rng.gamma(1.0, 4.0, (n_areas, 2)))
    names = [f"I{n}" for n in range(int(rng.integers(1, 4)))]
    types = ["workshop", "watch", "materials", "campaign", "webinar", "seminar"]
    initiatives = []
    for n, name in enumerate(names):
        kind = str(rng.choice(types))
        earlier = names[n - 1] if n and rng.random() < 0.3 else ""
        low = float(rng.uniform(0.02, 0.3))
        initiatives.append(
            offer(
                name, kind, kinds=(("BURGLARY",), ("THEFT",), KINDS)[int(rng.integers(3))],
                hours=float(rng.choice([1.0, 2.0, 2.5])), cost=float(rng.integers(20, 200)),
                reach=int(rng.integers(10, 900)), effect=low, most=int(rng.integers(1, 3)),
                languages=("es",) if rng.random() < 0.2 else (), items=100 if kind == "materials" else 0,
                half_life_weeks=float(rng.choice([4.0, math.inf])), requires=earlier if rng.random() < 0.5 else "",
                requires_gap_weeks=1, fixed_cost=float(rng.choice([0.0, 0.0, 50.0])),
                least=int(rng.random() < 0.15), area_gap_weeks=int(rng.integers(0, 3)),
                most_per_week=int(rng.integers(1, 3)) if rng.random() < 0.3 else None,
                partner_hours=1.0 if kind == "watch" and rng.random() < 0.5 else 0.0,
                earmark="Grant" if rng.random() < 0.2 else "",
            )
        )  # fmt: skip
    label = lambda: f"A{rng.integers(n_areas)}"  # noqa: E731
    venues = tuple(
        hall(f"V{v}", label(), capacity=int(rng.integers(5, 60)), partner="P0" if rng.random() < 0.5 else "",
             reach_areas=areas.names if rng.random() < 0.3 else ())
        for v in range(int(rng.integers(0, 3)))
    )  # fmt: skip
    partners = (Partner("P0", hours=float(rng.integers(0, 3)), declined=bool(rng.random() < 0.1),
                        funds=float(rng.choice([0.0, 150.0]))),)  # fmt: skip
    teams = tuple(
        team(f"T{t}", hours_per_week=float(rng.choice([2.0, 3.0, 5.0])), languages=("es", "en")[: 1 + t],
             working=(9 * 60, int(rng.choice([11, 12])) * 60))
        for t in range(int(rng.integers(1, 3)))
    )  # fmt: skip
    section = section_of(
        budget=float(rng.integers(0, 500)), most_per_area_week=1 if rng.random() < 0.3 else None,
        floors=({"area": "A0", "least": 1},) if rng.random() < 0.2 else (),
        changeover_minutes=int(rng.choice([0, 30])), materials_hours=(dt.time(9), dt.time(12)),
    )  # fmt: skip
    return case(
        initiatives, teams=teams, areas=areas, needs=needs, weeks=weeks, section=section, venues=venues,
        partners=partners, points=(Point("D0", label(), int(rng.integers(50, 250)), share=0.5),),
        channels=(Channel("C0", share=0.4, cost=30.0),), funds=(Fund("Grant", float(rng.integers(0, 300))),),
    )  # fmt: skip


# ---- the plain twin ----------------------------------------------------------------------------------------------


@dataclasses.dataclass(frozen=True)
class Choice:
    """One holding that could be: everything in names and local minutes since the first midnight."""

    initiative: str
    place: str
    area: str
    partner: str
    team: str
    start: int
    contacts: tuple[tuple[str, int], ...]
    limit: tuple[tuple[str, int], ...]
    cost: float


def audience(toy, one, area: str) -> int:
    a = toy.areas.names.index(area)
    share = 1.0
    if one.languages and all(name in toy.areas.speaks for name in one.languages):
        share = max(toy.areas.speaks[name][a] for name in one.languages)
    if one.type == "webinar":
        share *= toy.areas.internet[a]
    return math.floor(toy.areas.residents[a] * share + 1e-9)


def split(reach: int, people: list[int]) -> list[int]:
    if sum(people) <= reach:
        return people
    exact = [reach * n / sum(people) for n in people]
    found = [math.floor(value) for value in exact]
    by_rest = sorted(range(len(people)), key=lambda a: (-(exact[a] - found[a]), a))
    for a in by_rest[: reach - sum(found)]:
        found[a] += 1
    return found


def choices(toy) -> list[Choice]:
    """Every holding that may be, by itself."""
    found = []
    partners = {one.name: one for one in toy.offers.partners}
    for one in toy.offers.initiatives:
        for place, area, partner, covers, reach, share, hours, cost in places(toy, one):
            helper = partners.get(partner)
            if helper is not None and helper.declined:
                continue
            if one.partner_hours and helper is None:
                continue
            people = [int(share * audience(toy, one, name) + 1e-9) for name in covers]
            kept = [(n, c, p) for n, c, p in zip(covers, split(reach, people), people, strict=True) if c > 0]
            if not kept:
                continue
            for crew in toy.roster.teams:
                if not set(one.languages) <= set(crew.languages) or not set(one.skills) <= set(crew.skills):
                    continue
                low, high = max(hours[0], crew.working[0]), min(hours[1], crew.working[1])
                for day in range(max(one.lead_days, helper.lead_days if helper else 0), 7 * toy.weeks):
                    if (FIRST.weekday() + day) % 7 not in crew.weekdays:
                        continue
                    for minute in range(0, 1440, 30):
                        if low <= minute and minute + one.hours * 60 <= high:
                            contacts, limit = tuple((n, c) for n, c, _ in kept), tuple((n, p) for n, _, p in kept)
                            start = day * 1440 + minute
                            found.append(
                                Choice(one.name, place, area, partner, crew.name, start, contacts, limit, cost)
                            )
    return found


def places(toy, one):
    """Yield place, area, partner, areas covered, reach, share of the audience, opening minutes and cost."""
    outside = tuple(time.hour * 60 + time.minute for time in toy.section.materials_hours)
    every = toy.areas.names
    if one.type in ("workshop", "seminar"):
        for venue in toy.offers.venues:
            opening = (venue.opens.hour * 60, venue.closes.hour * 60)
            reach = min(one.reach, venue.capacity)
            yield (
                venue.name,
                venue.area,
                venue.partner,
                venue.reach_areas or (venue.area,),
                reach,
                1.0,
                opening,
                one.cost,
            )
    elif one.type == "watch" or (one.type == "materials" and not toy.offers.points):
        for area in every:
            for partner in [""] if not one.partner_hours else [p.name for p in toy.offers.partners]:
                yield area, area, partner, (area,), one.reach, 1.0, outside, one.cost
    elif one.type == "materials":
        for point in toy.offers.points:
            if one.items <= point.stock:
                reach = min(one.reach, one.items)
                yield point.name, point.area, point.partner, (point.area,), reach, point.share, outside, one.cost
    elif one.type == "campaign":
        for channel in toy.offers.channels:
            yield channel.name, "", "", every, one.reach, channel.share, outside, one.cost + channel.cost
    else:
        until = toy.section.online_until.hour * 60
        yield "", "", "", every, one.reach, 1.0, (outside[0], until), one.cost


def pair_ok(toy, one: Choice, other: Choice) -> bool:
    """Whether crew and room can do both."""
    hours = {i.name: i.hours for i in toy.offers.initiatives}
    first, second = sorted((one, other), key=lambda c: c.start)
    slots = math.ceil(hours[first.initiative] * 2)
    if one.team == other.team:
        pause = toy.section.changeover_minutes
        if one.area and other.area:
            apart = abs(toy.areas.names.index(one.area) - toy.areas.names.index(other.area)) * 20_000.0
            pause = max(pause, 1.3 * apart / 1000 / toy.section.travel_kmh * 60)
        if second.start < first.start + 30 * (slots + math.ceil(pause / 30 - 1e-9)):
            return False
    is_room = one.place in {venue.name for venue in toy.offers.venues}
    return not (is_room and one.place == other.place and second.start < first.start + 30 * slots)


def fits(toy, chosen: list[Choice], funds: list[str]) -> bool:  # noqa: C901  # one limit after the other
    """Whether no ceiling is broken (what more holdings can never mend)."""
    offers, section = {i.name: i for i in toy.offers.initiatives}, toy.section
    for one in offers.values():
        own = [c for c in chosen if c.initiative == one.name]
        weeks = [c.start // 10080 for c in own]
        if len(own) > one.most or (one.most_per_week and max(map(weeks.count, weeks), default=0) > one.most_per_week):
            return False
        for a, b in itertools.combinations(own, 2):
            if (
                one.area_gap_weeks
                and a.area == b.area
                and abs(a.start // 10080 - b.start // 10080) < one.area_gap_weeks
            ):
                return False
    for crew in toy.roster.teams:
        for w in range(toy.weeks):
            mine = [c for c in chosen if c.team == crew.name and c.start // 10080 == w]
            if sum(offers[c.initiative].team_hours for c in mine) > crew.hours_per_week + 1e-9:
                return False
    in_week = [(c.area, c.start // 10080) for c in chosen if c.area]
    if section.most_per_area_week and max(map(in_week.count, in_week), default=0) > section.most_per_area_week:
        return False
    for partner in toy.offers.partners:
        if sum(offers[c.initiative].partner_hours for c in chosen if c.partner == partner.name) > partner.hours + 1e-9:
            return False
    for point in toy.offers.points:
        if sum(offers[c.initiative].items for c in chosen if c.place == point.name) > point.stock:
            return False
    for channel in toy.offers.channels:
        used = [c.start // 10080 for c in chosen if c.place == channel.name and not c.area]
        if max(map(used.count, used), default=0) > channel.most_per_week:
            return False
    return money_ok(toy, chosen, funds)


def payers(toy, choice: Choice) -> list[str]:
    """The funds that may pay for a holding."""
    one = next(i for i in toy.offers.initiatives if i.name == choice.initiative)
    partner = next((p for p in toy.offers.partners if p.name == choice.partner and p.funds > 0), None)
    names = [fund.name for fund in toy.offers.funds if one.earmark in ("", fund.name)]
    if partner is not None and one.earmark in ("", partner.name):
        names.append(f"{partner.name} (partner)")
    return names if one.earmark else [*names, ""]


def money_ok(toy, chosen: list[Choice], funds: list[str]) -> bool:
    left = {"": toy.section.budget, **{fund.name: fund.amount for fund in toy.offers.funds}}
    left |= {f"{p.name} (partner)": p.funds for p in toy.offers.partners if p.funds > 0}
    for choice, fund in zip(chosen, funds, strict=True):
        left[fund] -= choice.cost
    for one in toy.offers.initiatives:
        if one.fixed_cost and any(c.initiative == one.name for c in chosen):
            left[one.earmark] -= one.fixed_cost
    return min(left.values()) > -1e-6


def short_of(toy, chosen: list[Choice]) -> int | None:
    """Holdings missing of floors; None where an order that must hold is broken."""
    offers = {i.name: i for i in toy.offers.initiatives}
    for one in offers.values():
        if one.requires:
            for area in {c.area for c in chosen if c.initiative == one.name}:
                mine = sorted(c.start // 10080 for c in chosen if c.initiative == one.name and c.area == area)
                first = sorted(c.start // 10080 for c in chosen if c.initiative == one.requires and c.area == area)
                if len(first) < len(mine):
                    return None
                if any(b - a < max(one.requires_gap_weeks, 1) for a, b in zip(first, mine, strict=False)):
                    return None
        if one.follow_up:
            for area in {c.area for c in chosen if c.initiative == one.name}:
                mine = sorted(c.start // 10080 for c in chosen if c.initiative == one.name and c.area == area)
                then = sorted(c.start // 10080 for c in chosen if c.initiative == one.follow_up and c.area == area)
                if len(then) < len(mine) or any(b - a > one.follow_weeks for a, b in zip(mine, then, strict=False)):
                    return None
    missing = sum(max(0, one.least - sum(c.initiative == one.name for c in chosen)) for one in offers.values())
    return missing + sum(
        max(0, floor.least - sum(c.area == floor.area for c in chosen)) for floor in toy.section.floors if floor.area
    )


def value(toy, chosen: list[Choice]) -> float:
    """Harm prevented, by the documented formula, in loops."""
    horizon, total = toy.section.horizon_weeks, 0.0
    effect = {}
    for one in toy.offers.initiatives:
        rate = 0.0 if math.isinf(one.half_life_weeks) else math.log(2) / one.half_life_weeks
        effect[one.name] = one.effect * ((1 - math.exp(-rate * horizon)) / (rate * horizon) if rate else 1.0)
    for a, area in enumerate(toy.areas.names):
        for k, kind in enumerate(toy.needs.kinds):
            against = [one for one in toy.offers.initiatives if kind in one.kinds]
            top = max((effect[one.name] for one in against), default=0.0)
            exposure = 0.0
            for one in against:
                by_place: dict[tuple[str, str], list[int]] = {}
                for choice in chosen:
                    for (name, n), (_, limit) in zip(choice.contacts, choice.limit, strict=True):
                        if choice.initiative == one.name and name == area:
                            by_place.setdefault((choice.place, choice.partner), [0, limit])[0] += n
                counted = min(sum(min(n, limit) for n, limit in by_place.values()), audience(toy, one, area))
                exposure += effect[one.name] * counted / max(toy.areas.residents[a], 1.0)
            if top:
                total += toy.needs.need[a, k] * horizon * top * (1 - math.exp(-exposure / top))
    return total


def best_by_search(toy) -> tuple[int, float, int]:
    """Fewest missing of floors, most harm prevented with that, and how many sets were looked at."""
    every, seen = choices(toy), 0
    best = (10**9, 0.0)

    def go(n: int, chosen: list[Choice], funds: list[str]) -> None:
        nonlocal best, seen
        seen += 1
        missing = short_of(toy, chosen)
        if missing is not None:
            found = (missing, -value(toy, chosen))
            if found < (best[0], -best[1]):
                best = (missing, -found[1])
        for m in range(n, len(every)):
            if all(pair_ok(toy, every[m], other) for other in chosen):
                for fund in payers(toy, every[m]):
                    if fits(toy, [*chosen, every[m]], [*funds, fund]):
                        go(m + 1, [*chosen, every[m]], [*funds, fund])

    go(0, [], [])
    return best[0], best[1], seen


def as_choices(toy, items: pd.DataFrame) -> tuple[list[Choice], list[str]]:
    """The choices that the items of a plan are; raises where an item is none of them."""
    midnight = dt.datetime.combine(FIRST, dt.time())
    every = {(c.initiative, c.place, c.partner, c.team, c.start): c for c in choices(toy)}
    own = {i.name: i for i in toy.offers.initiatives}
    found = []
    for row in items.itertuples():
        local = row.start.tz_convert(zoneinfo.ZoneInfo(ZONE)).tz_localize(None)
        start = round((local.to_pydatetime() - midnight).total_seconds() / 60)
        place = row.venue or row.point or row.channel or ("" if own[row.initiative].type == "webinar" else row.area)
        found.append(every[row.initiative, place, row.partner, row.team, start])
    return found, list(items["fund"])


def assert_sound(toy, made) -> None:
    """Every limit is kept, and every number is what the plain formula gives."""
    chosen, funds = as_choices(toy, made.items)
    assert all(pair_ok(toy, a, b) for a, b in itertools.combinations(chosen, 2))
    assert fits(toy, chosen, funds)
    assert short_of(toy, chosen) is not None
    assert math.isclose(made.objective, value(toy, chosen), rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(made.items["benefit"].sum(), made.objective, rel_tol=1e-9, abs_tol=1e-9)
    assert made.objective <= made.bound * (1 + 1e-9) + 1e-12
    assert made.spent <= made.budget + 1e-6
