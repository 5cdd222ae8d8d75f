"""Outreach: which initiative is held where, when, by which team, with which partner, over one to thirteen weeks."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import zoneinfo
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from allocator.config import OutreachSection
from allocator.domain import (
    AREA_TYPES,
    DETACHED_TYPES,
    FUND_TYPES,
    OUTREACH_TYPES,
    WORTH_COLUMNS,
    AllocationProblem,
    Answer,
    Floats,
    Needs,
    Offers,
    OutreachAreas,
    OutreachPlan,
    Roster,
    Unit,
    Venue,
    empty_table,
    item_ids,
    item_key,
    typed_table,
)
from allocator.planning.bookings import book_season
from allocator.planning.highs import maximise
from allocator.planning.mix import Mix, Mixer, MixProgram, with_tangents, without
from allocator.planning.outreach_causes import unmet_of
from allocator.planning.prevented import harm_prevented, prevented, reached, shares_of
from allocator.planning.reduction import reduce
from allocator.planning.season import (
    SLOT_MINUTES,
    WEEK_SLOTS,
    Holding,
    Patrol,
    Season,
    build_season,
    crew_of_unit,
    strongest_of,
)
from allocator.planning.season_limits import Coarse, Column, Limits
from allocator.planning.timed import book_exactly

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


def plan_outreach(
    areas: OutreachAreas,
    needs: Needs,
    roster: Roster,
    offers: Offers,
    *,
    section: OutreachSection,
    timezone: str,
    first_day: dt.date,
    weeks: int,
    area_district: tuple[str, ...] = (),
    patrol: Patrol | None = None,
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
    season = build_season(
        offers, areas, needs, roster, section=section, clock=(timezone, first_day), weeks=weeks,
        area_district=area_district or ("",) * len(areas.names), patrol=patrol,
    )  # fmt: skip
    season, lost = _reachable(season)
    season, unkept = _with_pins(season, offers, {unit.name for unit in roster.units})
    made = _solved(season, roster)
    fair = tuple(_cost_of_fairness(season, made, roster)) if section.fairness == "max_min" else ()
    causes = (*lost, *unkept, *unmet_of(season, made.holdings, made.missing))
    return _plan(made, needs, offers, causes=causes, fair=fair)


@dataclass(frozen=True, eq=False)
class _Made:
    """Holdings with the season whose rows they are, and what is proven of them."""

    season: Season
    holdings: list[Holding]
    bound: float
    missing: dict[str, int]
    taken: tuple[tuple[str, int], ...] = ()
    level: float = 0.0

    @property
    def value(self) -> float:
        """Harm prevented, less what patrol gave up."""
        return harm_prevented(self.season, (one.option for one in self.holdings)) - _given_up(self)

    @property
    def rank(self) -> tuple[float, float]:
        """What is better: less missing of floors, then more harm prevented."""
        return -float(sum(self.missing.values())), self.value

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What partners answered, as the season knows it."""
        return self.season.answers


def _reachable(season: Season) -> tuple[Season, tuple[str, ...]]:
    """Return the season without options that no crew can hold, and which venues never meet anyone's hours."""
    kept, lost = [], list[str]()
    for o, option in enumerate(season.options):
        able = season.able[option.initiative]
        if any(len(season.starts(o, c)) for c in able):
            kept.append(option)
        elif able and option.venue >= 0:
            names = ", ".join(season.crews[c].name for c in able[:3])
            one, venue = season.initiatives[option.initiative].name, season.venues[option.venue].name
            lost.append(f"{one}: the hours of {venue} never meet those of {names}")
    return dataclasses.replace(season, options=tuple(kept)), tuple(lost)


def _with_pins(season: Season, offers: Offers, units: set[str]) -> tuple[Season, tuple[str, ...]]:
    """Return the season with what partners confirmed, and what of it cannot be kept."""
    midnight = dt.datetime.combine(season.clock[1], dt.time())
    zone, pins, unkept = zoneinfo.ZoneInfo(season.clock[0]), list[Holding](), list[str]()
    crew = {one.name: c for c, one in enumerate(season.crews)}
    for answer in offers.answers:
        if not answer.confirmed:
            continue
        local = answer.start.astimezone(zone).replace(tzinfo=None)
        start = round((local - midnight).total_seconds() / 60 / SLOT_MINUTES)
        found = [
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
        able = [o for o in found if c >= 0 and start in season.starts(o, c)]
        kept = [o for o in able if sum(pin.option == o for pin in pins) < season.options[o].most]
        if kept:
            pins.append(Holding(kept[0], c, start))
        elif answer.start >= midnight.replace(tzinfo=zone):
            why = f"{answer.team} cannot hold it then"
            if not found:
                why = "it is not offered there any more"
            elif able:
                why = f"most = {season.options[able[0]].most} allows no more"
            elif answer.team in units:
                why = f"{answer.team} is a patrol unit; such items are planned anew, give it to a team to keep it"
            unkept.append(f"{answer.initiative} on {local:%Y-%m-%d %H:%M}, confirmed by {answer.partner}: {why}")
    return dataclasses.replace(season, pins=tuple(pins)), tuple(unkept)


def _solved(season: Season, roster: Roster) -> _Made:
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
        return _Made(named, holdings, bound, missing, _taken(named, holdings), level)
    limits = Limits(season)
    if not season.options:
        return _Made(season, [], 0.0, {row.name: row.least or 0 for row in limits.rows if row.soft})
    mixer, barred = Mixer(season, limits), dict[Column, int]()
    best: _Made | None = None
    for attempt in range(BOOKINGS):
        mix = mixer.mix(barred)
        made = _booked(season, roster, mixer, mix, spare=attempt > 0)
        if best is None or made.rank > best.rank:
            best = made
        held = Counter((one.option, one.start // WEEK_SLOTS) for one in made.holdings)
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


def _booked(season: Season, roster: Roster, mixer: Mixer, mix: Mix, *, spare: bool) -> _Made:
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
    return _Made(named, holdings, mixer.bound_with(missing), missing, _taken(named, holdings), mix.level)


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
    found: dict[str, set[int]] = {}
    if season.patrol is None:
        return found
    for (_, c, s, _), n in sorted(taken.items()):
        shift = season.patrol.shifts[s]
        on = [unit.name for unit in _units_of(season, c, roster) if (unit.name, shift.id) in roster.duty]
        on.sort(key=lambda name: (len(found.get(name, ())), name))
        for name in on[: round(n)]:
            found.setdefault(name, set()).add(s)
    return found


def _with_spares(season: Season, mix: Mix) -> dict[Column, float]:
    """Return the units taken, and one more of each pool and shift where patrol can spare it and no cap holds."""
    taken = mix.of("taken")
    if season.patrol is None or season.section.shared is None or season.section.shared.most_share < 1:
        return taken
    room = {s: len(loss) for s, loss in enumerate(season.patrol.loss)}
    for (_, _, s, _), n in taken.items():
        room[s] -= round(n)
    found = dict(taken)
    for column in sorted(taken):
        _, c, s, _ = column
        if room[s] > 0 and taken[column] < season.crews[c].shifts[s]:
            found[column] += 1
            room[s] -= 1
    return found


def _with_units(season: Season, roster: Roster, shifts: dict[str, set[int]]) -> Season:
    """Return the season with named units instead of pools."""
    teams = [crew for crew in season.crews if not crew.is_patrol]
    unit = {one.name: one for one in roster.units}
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


def _cost_of_fairness(season: Season, made: _Made, roster: Roster) -> Iterator[str]:
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
    yield (
        f"the area with the fewest contacts per resident comes first: it has {fewest[0]:,.1f} per 1,000 residents "
        f"instead of {fewest[1]:,.1f}, and {max(totals[1] - totals[0], 0.0):,.2f} less harm is prevented "
        f"({max(1 - totals[0] / totals[1], 0.0) if totals[1] > 0 else 0.0:.1%})"
    )


def _plan(
    made: _Made, needs: Needs, offers: Offers, *, causes: tuple[str, ...], fair: tuple[str, ...]
) -> OutreachPlan:  # fmt: skip
    season, held = made.season, [one.option for one in made.holdings]
    benefit = shares_of(season, held)
    given_up = _given_up(made)
    objective = float(benefit.sum()) - given_up
    low, high = (_value_with(season, held, end) for end in ("effect_low", "effect_high"))
    funds = _fund_table(made)
    money = sum(cents for _, cents in season.funds) / 100
    return OutreachPlan(
        items=_items(made, benefit),
        objective=objective,
        # Never hidden: an objective above its bound would be a fault of the proof, and the gap is then unknown.
        bound=max(made.bound, objective) if objective <= made.bound * (1 + 1e-6) + 1e-9 else math.inf,
        budget=money,
        spent=float(funds["spent"].sum()),
        unmet=tuple(dict.fromkeys(causes)),
        low=float(low.sum()),
        high=float(high.sum()),
        notes=(*_notes(made, needs, given_up), *fair),
        areas=_area_table(made, low, high, needs),
        funds=funds,
        detached=_detached(made),
        needs=needs.frame,
        offers=offers,
        worth=_worth(season) if season.section.worth else empty_table(WORTH_COLUMNS),
    )


def _given_up(made: _Made) -> float:
    """Return what the patrol that was given up is worth, in harm prevented."""
    season = made.season
    if season.patrol is None or season.section.shared is None:
        return 0.0
    count = np.bincount([s for _, s in made.taken], minlength=len(season.patrol.shifts))
    lost = sum(float(loss[: int(n)].sum()) for loss, n in zip(season.patrol.loss, count.tolist(), strict=True))
    return season.section.shared.patrol_value * lost


def _value_with(season: Season, held: list[int], end: str) -> Floats:
    """Return the harm prevented under one end of the assumed effects, (n_areas, n_kinds)."""
    share = np.array([season.effect[i] / one.effect if one.effect else 0.0 for i, one in enumerate(season.initiatives)])
    assumed = [one.effect if getattr(one, end) is None else getattr(one, end) for one in season.initiatives]
    effect = share * np.array(assumed, float)
    strongest = strongest_of(effect, season.kinds_of, len(season.kinds))
    return prevented(season, reached(season, held, effect).exposure, strongest)


def _items(made: _Made, benefit: Floats) -> pd.DataFrame:
    season = made.season
    zone, midnight = zoneinfo.ZoneInfo(season.clock[0]), dt.datetime.combine(season.clock[1], dt.time())
    records = []
    for held, worth in zip(made.holdings, benefit.tolist(), strict=True):
        option = season.options[held.option]
        one = season.initiatives[option.initiative]
        local = midnight + dt.timedelta(minutes=held.start * SLOT_MINUTES)
        start = local.replace(tzinfo=zone).astimezone(dt.UTC)
        venue = season.venues[option.venue] if option.venue >= 0 else None
        a = option.area
        lon, lat = _place_of(season, venue, a)
        records.append({
            "initiative": one.name, "team": season.crews[held.crew].name, "venue": venue.name if venue else "",
            "partner": season.partners[option.partner].name if option.partner >= 0 else "",
            "area": season.areas.names[a] if a >= 0 else ";".join(season.areas.names[n] for n in option.areas),
            "start": start, "stop": start + dt.timedelta(minutes=round(one.hours * 60)), "cost": option.cents / 100,
            "reach": sum(option.contacts), "type": one.type, "kinds": ";".join(one.kinds), "benefit": worth,
            "reason": _reason(season, held.option), "id": "", "sequence": 0,
            "fund": season.funds[held.fund][0], "audience": one.audience, "languages": ";".join(one.languages),
            "topics": ";".join(one.topics), 
            "channel": season.channels[option.channel].name if option.channel >= 0 else "",
            "point": season.points[option.point].name if option.point >= 0 else "", "items": one.items,
            "status": "confirmed" if dataclasses.replace(held, fund=0) in season.pins else "draft",
            "staff_hours": one.team_hours, "partner_hours": one.partner_hours, "lon": lon, "lat": lat,
        })  # fmt: skip
    frame = typed_table(OUTREACH_TYPES, records)
    known = [(item_key(answer), answer.id, pd.Timestamp(answer.start)) for answer in made.answers if answer.confirmed]
    return frame.assign(id=pd.array(item_ids(frame, known), dtype="str"))


def _place_of(season: Season, venue: Venue | None, a: int) -> tuple[float, float]:
    """Return where a holding is in degrees, NaN for nowhere."""
    if venue is not None and venue.lon is not None and venue.lat is not None:
        return venue.lon, venue.lat
    return _middle(season, a)


def _middle(season: Season, a: int) -> tuple[float, float]:
    known = a >= 0 and len(season.areas.lon) > a
    return (float(season.areas.lon[a]), float(season.areas.lat[a])) if known else (math.nan, math.nan)


def _reason(season: Season, o: int) -> str:
    option = season.options[o]
    one, kinds = season.initiatives[option.initiative], list(season.kinds_of[option.initiative])
    there = list(option.areas)
    share = season.need[np.ix_(there, kinds)].sum() / max(season.need[there].sum(), 1e-300)
    names = " and ".join(season.kinds[k].lower() for k in kinds)
    where = f"area {season.areas.names[there[0]]}" if len(there) == 1 else f"its {len(there)} areas"
    return (
        f"{names} {'is' if len(kinds) == 1 else 'are'} {share:.0%} of the need of {where}; assumed effect "
        f"{one.effect:.2g} where all are reached ({one.effect_source})"
    )


def _area_table(made: _Made, low: Floats, high: Floats, needs: Needs) -> pd.DataFrame:
    season, held = made.season, [one.option for one in made.holdings]
    found = reached(season, held)
    best = prevented(season, found.exposure)
    n_areas = len(season.areas.names)
    holdings = np.zeros(n_areas, np.int32)
    for o in held:
        if season.options[o].area >= 0:
            holdings[season.options[o].area] += 1
    residents = np.maximum(season.areas.residents, 1.0)
    rise = np.zeros(n_areas)
    for i, one in enumerate(season.initiatives):
        rise += one.reporting * -np.expm1(-found.contacts[i] / residents)
    horizon = season.section.horizon_weeks
    harm = needs.frame.groupby("area")["harm"].sum().reindex(list(season.areas.names)).fillna(0.0).to_numpy()
    return pd.DataFrame({
        "area": list(season.areas.names), "residents": season.areas.residents, "need": season.need.sum(axis=1),
        "harm": harm * horizon, "holdings": holdings, "contacts": found.contacts.sum(axis=0),
        "prevented": best.sum(axis=1), "prevented_low": low.sum(axis=1), "prevented_high": high.sum(axis=1),
        "reporting": rise,
    }).astype(AREA_TYPES)  # fmt: skip


def _fund_table(made: _Made) -> pd.DataFrame:
    season, limits = made.season, Limits(made.season)
    spent, count = np.zeros(len(season.funds)), np.zeros(len(season.funds), np.int32)
    for one in made.holdings:
        spent[one.fund] += season.options[one.option].cents
        count[one.fund] += 1
    for i in {season.options[one.option].initiative for one in made.holdings}:
        spent[limits.fund_of_fixed_cost(i)] += round(season.initiatives[i].fixed_cost * 100)
    return pd.DataFrame({
        "fund": [name for name, _ in season.funds], "amount": [cents / 100 for _, cents in season.funds],
        "spent": spent / 100, "holdings": count,
    }).astype(FUND_TYPES)  # fmt: skip


def _detached(made: _Made) -> pd.DataFrame:
    season = made.season
    if season.patrol is None:
        return typed_table(DETACHED_TYPES)
    shifts = season.patrol.shifts
    return typed_table(
        DETACHED_TYPES,
        [{"unit": unit, "shift": shifts[s].id, "hours": shifts[s].minutes / 60} for unit, s in made.taken],
    )


def _notes(made: _Made, needs: Needs, given_up: float) -> Iterator[str]:
    season = made.season
    if needs.formula:
        yield needs.formula
    yield from needs.notes
    if season.patrol is not None and season.section.shared is not None:
        shared = season.section.shared
        hours = sum(season.patrol.shifts[s].minutes for _, s in made.taken) / 60
        yield (
            f"{len(made.taken)} unit-shifts ({hours:,.0f} hours) leave patrol for outreach; the harm that patrol would "
            f"have prevented with them, {given_up:.2f}, is taken off (assumed: patrol prevents "
            f"{shared.patrol_value:.0%} of the harm that it covers; {shared.source})"
        )


def _worth(season: Season) -> pd.DataFrame:
    """Return what more money, more hours, or doing without a limit would add at most, by the relaxation.

    Money and hours by their prices there, which further amounts never exceed; limits by solving without them.
    """
    if not season.options:
        return empty_table(WORTH_COLUMNS)
    limits = Coarse(Limits(season))
    base = with_tangents(MixProgram(season, limits))
    solution = maximise(base.program(fixed=_shortages(base)))
    if solution is None or solution.duals is None:
        return empty_table(WORTH_COLUMNS)
    price: dict[str, float] = {}
    for r, row in enumerate(limits.rows):
        if row.most is not None and row.name:
            scale = max((abs(size) for _, size in row.terms), default=1)
            price[row.name] = price.get(row.name, 0.0) + max(float(solution.duals[r]), 0.0) / scale
    changes = []
    for name, cents in season.funds:
        what, row_name = (f"the fund {name}", f"fund {name}") if name else ("the budget", "budget")
        if cents:
            changes.append((f"a tenth more of {what} ({cents / 1000:,.0f})", price.get(row_name, 0.0) * cents / 10))
    for crew in season.crews:
        if not crew.is_patrol:
            changes.append(
                (f"an hour a week more of {crew.name}", price.get(f"hours of {crew.name}", 0.0) * 60 * season.weeks)
            )
    names = dict.fromkeys(
        row.name for row in limits.rows if row.soft or row.name.startswith(("most_per", "outreach at"))
    )
    for name in names:
        made = with_tangents(MixProgram(season, limits, rows=without(limits.rows, name)))
        freer = maximise(made.program(fixed=_shortages(made)))
        if freer is not None:
            changes.append((f"without {name}", freer.objective - solution.objective))
    total = max(solution.objective, 1e-12)
    records = [
        {"change": label, "harm": max(more, 0.0) * base.unit, "share": max(more, 0.0) / total}
        for label, more in changes
    ]
    return pd.DataFrame(records, columns=list(WORTH_COLUMNS)).astype({"change": "str", "harm": float, "share": float})


def _shortages(made: MixProgram) -> dict[int, int]:
    """Return what the soft rows miss at least: it is held, so that only harm is compared."""
    solution = maximise(made.program())
    if solution is None:
        return {}
    return {
        r: math.ceil(float(solution.values[n]) * made.scale[r] - 1e-6)
        for r, n in zip(made.soft, made.short, strict=True)
    }
