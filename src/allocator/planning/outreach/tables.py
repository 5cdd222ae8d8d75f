"""The tables of an outreach plan."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math
import zoneinfo
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from allocator.domain import (
    AREA_TYPES,
    DETACHED_TYPES,
    FUND_TYPES,
    OUTREACH_TYPES,
    WORTH_COLUMNS,
    Answer,
    Floats,
    Needs,
    Offers,
    OutreachPlan,
    Venue,
    empty_table,
    item_ids,
    item_key,
    typed_table,
)
from allocator.facts import Note, note
from allocator.planning.outreach.mix import MixProgram, with_tangents, without
from allocator.planning.outreach.prevented import harm_prevented, prevented, reached, shares_of
from allocator.planning.outreach.season import SLOT_MINUTES, Coarse, Holding, Limits, Season, name_of_fund, strongest_of
from allocator.planning.programs import maximise

_PRICED = ("outreach.most_per_area_week", "outreach.least_share", "outreach.most_share")
"""Limits whose worth is told beside that of floors and minimums."""


@dataclass(frozen=True, eq=False)
class Made:
    """Holdings with the season whose rows they are, and what is proven of them."""

    season: Season
    holdings: list[Holding]
    bound: float
    missing: dict[Note, int]
    taken: tuple[tuple[str, int], ...] = ()
    level: float = 0.0

    @property
    def value(self) -> float:
        """Harm prevented, less what patrol gave up."""
        return harm_prevented(self.season, (holding.option for holding in self.holdings)) - _given_up(self)

    @property
    def rank(self) -> tuple[float, float]:
        """What is better: less missing of floors, then more harm prevented."""
        return -float(sum(self.missing.values())), self.value

    @property
    def answers(self) -> tuple[Answer, ...]:
        """What partners answered, as the season knows it."""
        return self.season.answers


def plan(
    made: Made, needs: Needs, offers: Offers, *, causes: tuple[Note, ...], fair: tuple[Note, ...]
) -> OutreachPlan:  # fmt: skip
    """Return the plan of a season that was solved, with its bound, money and equity."""
    season, held = made.season, [holding.option for holding in made.holdings]
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


def _given_up(made: Made) -> float:
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
    assumed = [
        initiative.effect if getattr(initiative, end) is None else getattr(initiative, end)
        for initiative in season.initiatives
    ]
    effect = share * np.array(assumed, float)
    strongest = strongest_of(effect, season.kinds_of, len(season.kinds))
    return prevented(season, reached(season, held, effect).exposure, strongest)


def _items(made: Made, benefit: Floats) -> pd.DataFrame:
    season = made.season
    zone, midnight = zoneinfo.ZoneInfo(season.clock[0]), dt.datetime.combine(season.clock[1], dt.time())
    records = []
    for held, worth in zip(made.holdings, benefit.tolist(), strict=True):
        option = season.options[held.option]
        initiative = season.initiatives[option.initiative]
        local = midnight + dt.timedelta(minutes=held.start * SLOT_MINUTES)
        start = local.replace(tzinfo=zone).astimezone(dt.UTC)
        venue = season.venues[option.venue] if option.venue >= 0 else None
        a = option.area
        lon, lat = _place_of(season, venue, a)
        records.append({
            "initiative": initiative.name, "team": season.crews[held.crew].name, "venue": venue.name if venue else "",
            "partner": season.partners[option.partner].name if option.partner >= 0 else "",
            "area": season.areas.names[a] if a >= 0 else ";".join(season.areas.names[n] for n in option.areas),
            "start": start, "stop": start + dt.timedelta(minutes=round(initiative.hours * 60)),
            "cost": option.cents / 100, "reach": sum(option.contacts), "type": initiative.type,
            "kinds": ";".join(initiative.kinds), "benefit": worth,
            "reason": _reason(season, held.option), "id": "", "sequence": 0,
            "fund": season.funds[held.fund][0], "audience": initiative.audience,
            "languages": ";".join(initiative.languages), "topics": ";".join(initiative.topics),
            "channel": season.channels[option.channel].name if option.channel >= 0 else "",
            "point": season.points[option.point].name if option.point >= 0 else "", "items": initiative.items,
            "status": "confirmed" if dataclasses.replace(held, fund=0) in season.pins else "draft",
            "staff_hours": initiative.team_hours, "partner_hours": initiative.partner_hours, "lon": lon, "lat": lat,
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


def _area_table(made: Made, low: Floats, high: Floats, needs: Needs) -> pd.DataFrame:
    season, held = made.season, [holding.option for holding in made.holdings]
    contacts = reached(season, held)
    best = prevented(season, contacts.exposure)
    n_areas = len(season.areas.names)
    holdings = np.zeros(n_areas, np.int32)
    for o in held:
        if season.options[o].area >= 0:
            holdings[season.options[o].area] += 1
    residents = np.maximum(season.areas.residents, 1.0)
    rise = np.zeros(n_areas)
    for i, one in enumerate(season.initiatives):
        rise += one.reporting * -np.expm1(-contacts.contacts[i] / residents)
    horizon = season.section.horizon_weeks
    harm = needs.frame.groupby("area")["harm"].sum().reindex(list(season.areas.names)).fillna(0.0).to_numpy()
    return pd.DataFrame({
        "area": list(season.areas.names), "residents": season.areas.residents, "need": season.need.sum(axis=1),
        "harm": harm * horizon, "holdings": holdings, "contacts": contacts.contacts.sum(axis=0),
        "prevented": best.sum(axis=1), "prevented_low": low.sum(axis=1), "prevented_high": high.sum(axis=1),
        "reporting": rise,
    }).astype(AREA_TYPES)  # fmt: skip


def _fund_table(made: Made) -> pd.DataFrame:
    season, limits = made.season, Limits(made.season)
    spent, count = np.zeros(len(season.funds)), np.zeros(len(season.funds), np.int32)
    for one in made.holdings:
        spent[one.fund] += season.options[one.option].cents
        count[one.fund] += 1
    for i in {season.options[holding.option].initiative for holding in made.holdings}:
        spent[limits.fund_of_fixed_cost(i)] += round(season.initiatives[i].fixed_cost * 100)
    return pd.DataFrame({
        "fund": [name for name, _ in season.funds], "amount": [cents / 100 for _, cents in season.funds],
        "spent": spent / 100, "holdings": count,
    }).astype(FUND_TYPES)  # fmt: skip


def _detached(made: Made) -> pd.DataFrame:
    season = made.season
    if season.patrol is None:
        return typed_table(DETACHED_TYPES)
    shifts = season.patrol.shifts
    return typed_table(
        DETACHED_TYPES,
        [{"unit": unit, "shift": shifts[s].id, "hours": shifts[s].minutes / 60} for unit, s in made.taken],
    )


def _notes(made: Made, needs: Needs, given_up: float) -> Iterator[Note]:
    season = made.season
    if needs.formula is not None:
        yield needs.formula
    yield from needs.notes
    if season.patrol is not None and season.section.shared is not None:
        shared = season.section.shared
        hours = sum(season.patrol.shifts[s].minutes for _, s in made.taken) / 60
        yield note(
            "outreach.patrol_taken", units=len(made.taken), hours=hours, harm=given_up, share=shared.patrol_value,
            source=shared.source,
        )  # fmt: skip


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
    price: dict[Note, float] = {}
    for r, one in enumerate(limits.rows):
        if one.most is not None and one.name.cause:
            scale = max((abs(size) for _, size in one.terms), default=1)
            price[one.name] = price.get(one.name, 0.0) + max(float(solution.duals[r]), 0.0) / scale
    changes = []
    for name, cents in season.funds:
        if cents:
            row = name_of_fund(name)
            changes.append((f"a tenth more of the {row} ({cents / 1000:,.0f})", price.get(row, 0.0) * cents / 10))
    for crew in season.crews:
        if not crew.is_patrol:
            row = note("outreach.hours_of_team", team=crew.name)
            changes.append((f"an hour a week more of {crew.name}", price.get(row, 0.0) * 60 * season.weeks))
    names = dict.fromkeys(row.name for row in limits.rows if row.soft or row.name.cause in _PRICED)
    for limit in names:
        made = with_tangents(MixProgram(season, limits, rows=without(limits.rows, limit)))
        freer = maximise(made.program(fixed=_shortages(made)))
        if freer is not None:
            changes.append((f"without {limit}", freer.objective - solution.objective))
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
