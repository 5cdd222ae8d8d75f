"""Outreach: which initiative is held where, when and by which team."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
from ortools.sat.python import cp_model

from allocator.config import OutreachSection
from allocator.domain import (
    OUTREACH_COLUMNS,
    Initiative,
    OutreachPlan,
    OutreachTeam,
    RiskSurface,
    Roster,
    Venue,
)
from allocator.errors import DataError, SolverError, nearest

SLOT_MINUTES = 30
"""Holdings start on the local half hour."""
CHANGEOVER_SLOTS = 1
"""Free slots of a team between two holdings, to pack up and travel."""
MATERIALS_HOURS = (9, 18)
"""Local hours within which materials are handed out."""
LARGEST_GAIN = 1e6
"""Integer objective coefficient of the most useful holding."""
WEEK_SLOTS = 7 * 24 * 60 // SLOT_MINUTES
MOST_REPAIRS = 3
"""Times that a choice is made again because it could not be booked."""
GAP_WANTED = 1e-3
"""Relative gap at which the choice is good enough: the assumed effects are far less certain."""
LEAST_LEVEL = 1e-3
"""Further holdings for one kind and district are worth nothing below this share of the first."""


@dataclass(frozen=True)
class _Option:
    """An initiative at a place: people reached, possible first slots, harm prevented per kind."""

    initiative: int
    venue: int  # -1 for materials
    district: int
    reach: int
    starts: tuple[int, ...]
    prevented: Mapping[int, float]


@dataclass(frozen=True)
class _Holding:
    """One booked holding: row of the options, row of the teams, first slot."""

    option: int
    team: int
    start: int


@dataclass(frozen=True)
class _Offer:
    """Everything there is to choose from."""

    initiatives: tuple[Initiative, ...]
    teams: tuple[OutreachTeam, ...]
    venues: tuple[Venue, ...]
    options: tuple[_Option, ...]
    section: OutreachSection
    days: int

    @property
    def weeks(self) -> int:
        """Number of (begun) weeks."""
        return -(-self.days // 7)

    @cached_property
    def levels(self) -> list[float]:
        """Value of the n-th holding for a kind in a district, relative to the first."""
        n = np.arange(max(1, sum(one.most for one in self.initiatives)))
        level = self.section.repeat_value**n
        return [float(value) for value in level if value >= LEAST_LEVEL]

    def able(self, i: int) -> list[int]:
        """Return the teams with the skills and languages of an initiative."""
        one = self.initiatives[i]
        return [
            t
            for t, team in enumerate(self.teams)
            if set(one.skills) <= set(team.skills) and set(one.languages) <= set(team.languages)
        ]

    def minutes(self, i: int) -> int:
        """Return the length of one holding."""
        return round(self.initiatives[i].hours * 60)

    def cents(self, i: int) -> int:
        """Return the cost of one holding."""
        return round(self.initiatives[i].cost * 100)

    def busy(self, o: int, start: int) -> range:
        """Return the slots that a holding of an option takes."""
        return range(start, start - (-self.minutes(self.options[o].initiative) // SLOT_MINUTES))


def plan_outreach(
    surface: RiskSurface,
    roster: Roster,
    initiatives: tuple[Initiative, ...],
    venues: tuple[Venue, ...],
    *,
    options: OutreachSection,
    timezone: str,
    first_day: dt.date,
    days: int,
) -> OutreachPlan:
    """Return the outreach plan that prevents most expected harm under the assumed effects.

    A holding prevents need × effect × people reached / 1,000 for each kind it addresses, where need is the
    expected harm of that kind in the district over the plan. Of several holdings that touch the same kind in
    a district, the best counts in full and each further one `options.repeat_value` times the one before.

    Parameters
    ----------
    surface : RiskSurface
        Expected harm per district and kind.
    roster : Roster
        The outreach teams: skills, languages, hours per week (days 1–7, 8–14, … of the plan).
    initiatives, venues
        What can be offered, and where workshops can be held.
    options : OutreachSection
        Budget, value of repeats, effort of the solver.
    timezone : str
        IANA name of the local time.
    first_day : datetime.date
        First local day of the plan.
    days : int
        Number of local days.

    Raises
    ------
    DataError
        If a venue lies in an unknown district or an initiative has an unknown type.
    """
    _check(surface, initiatives, venues)
    need = _need(surface)
    offer = _Offer(
        initiatives,
        roster.teams,
        venues,
        tuple(_options(surface, initiatives, venues, need=need, first_day=first_day, days=days)),
        options,
        days,
    )
    holdings, bound = _chosen(offer)
    benefit = _benefits(offer, [one.option for one in holdings])
    objective = float(benefit.sum())
    return OutreachPlan(
        items=_frame(offer, holdings, benefit, surface=surface, need=need, clock=(timezone, first_day)),
        objective=objective,
        bound=max(bound, objective),
        budget=options.budget,
        spent=float(sum(initiatives[offer.options[one.option].initiative].cost for one in holdings)),
        unmet=tuple(_unmet(offer, holdings, surface.kinds)),
    )


def _check(surface: RiskSurface, initiatives: tuple[Initiative, ...], venues: tuple[Venue, ...]) -> None:
    districts, types = surface.city.districts, ("workshop", "materials")
    known = f"known: {', '.join(types)}"
    faults = [
        f"venue {venue.name!r}: unknown district {venue.district!r}{nearest(venue.district, districts)}"
        for venue in venues
        if venue.district not in districts
    ]
    faults += [
        f"initiative {one.name!r}: unknown type {one.type!r}{nearest(one.type, types)}; {known}"
        for one in initiatives
        if one.type not in types
    ]
    faults += [f"initiative {one.name!r}: hours must be above 0" for one in initiatives if not one.hours > 0]
    if faults:
        raise DataError("the outreach tables do not fit", faults=faults)


def _need(surface: RiskSurface) -> npt.NDArray[np.float64]:
    """Return the expected harm of the plan, (n_districts, n_kinds) float64."""
    need = np.zeros((len(surface.city.districts), len(surface.kinds)))
    inside = surface.city.district >= 0
    np.add.at(need, surface.city.district[inside], surface.mean.sum(axis=0, dtype=np.float64)[inside])
    return need * np.asarray(surface.harm, np.float64)


def _options(
    surface: RiskSurface,
    initiatives: tuple[Initiative, ...],
    venues: tuple[Venue, ...],
    *,
    need: npt.NDArray[np.float64],
    first_day: dt.date,
    days: int,
) -> Iterable[_Option]:
    """Yield the initiatives at the places where they can start some day and prevent anything."""
    row = {name: d for d, name in enumerate(surface.city.districts)}
    handed_out = (60 * MATERIALS_HOURS[0], 60 * MATERIALS_HOURS[1])
    every_day = tuple(range(7))
    for i, one in enumerate(initiatives):
        kinds = [surface.kinds.index(kind) for kind in dict.fromkeys(one.kinds) if kind in surface.kinds]
        if one.type == "materials":
            places = [(-1, d, one.reach, handed_out, every_day) for d in range(len(need))]
        else:
            places = [
                (v, row[place.district], min(one.reach, place.capacity), _opening(place), place.weekdays)
                for v, place in enumerate(venues)
            ]
        for v, d, reach, opening, weekdays in places:
            starts = [
                start
                for day in range(days)
                if (first_day.weekday() + day) % 7 in weekdays
                for start in _starts(day, opening, round(one.hours * 60))
            ]
            share = min(1.0, one.effect * reach / 1000)
            prevented = {k: share * float(need[d, k]) for k in kinds if share * need[d, k] > 0}
            if starts and prevented:
                yield _Option(i, v, d, reach, tuple(starts), prevented)


def _opening(venue: Venue) -> tuple[int, int]:
    """Return opening hours in minutes of the local day; what lies past midnight is not used."""
    opens, closes = (time.hour * 60 + time.minute for time in (venue.opens, venue.closes))
    return opens, closes if closes > opens else 24 * 60


def _starts(day: int, opening: tuple[int, int], minutes: int) -> range:
    first, last = -(-opening[0] // SLOT_MINUTES), (opening[1] - minutes) // SLOT_MINUTES
    return range(day * 48 + first, day * 48 + last + 1)


def _chosen(offer: _Offer) -> tuple[list[_Holding], float]:
    """Return the chosen holdings in order of start, and a proven bound of the harm prevented.

    First what is held where and how often, without the clock (`_best_mix`; its bound holds for every plan),
    then teams and times (`_booked`). Holdings that cannot be booked are barred, and the choice is made again.
    One model of both took 2 to 35 s for 6 teams and 8 initiatives.
    """
    limit = [offer.initiatives[one.initiative].most for one in offer.options]
    if not limit or not offer.teams:
        return [], 0.0
    mix, bound = _best_mix(offer, limit)
    best = booked = _booked(offer, mix)
    for _ in range(MOST_REPAIRS):
        if len(booked) == len(mix):
            break
        held = Counter(one.option for one in booked)
        limit = [held[o] if held[o] < mix.count(o) else most for o, most in enumerate(limit)]
        mix, _ = _best_mix(offer, limit)
        booked = _booked(offer, mix)
        best = max(best, booked, key=lambda plan: _benefits(offer, [one.option for one in plan]).sum())
    return sorted(best, key=lambda one: (one.start, one.option, one.team)), bound


def _solved(model: cp_model.CpModel, effort: float, *, gap: float = 0.0) -> cp_model.CpSolver:
    """Return the solver after its share of the effort: one core and no clock, so always the same answer."""
    solver = cp_model.CpSolver()
    solver.parameters.num_workers = 1
    solver.parameters.catch_sigint_signal = False  # else Ctrl-C would pass for an answer
    solver.parameters.random_seed = 0
    # Hours and budget bind, so the linear relaxation is what proves: 19 s → 0.01 s for one booking model.
    # Symmetry detection made choices of 12 initiatives 2 to 20 times slower.
    solver.parameters.linearization_level = 2
    solver.parameters.cp_model_probing_level = 0
    solver.parameters.symmetry_level = 0
    solver.parameters.relative_gap_limit = gap
    solver.parameters.max_deterministic_time = effort / (2 + 2 * MOST_REPAIRS)
    status = solver.solve(model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        raise SolverError(f"CP-SAT found no outreach plan: {solver.status_name(status)}")
    return solver


def _best_mix(offer: _Offer, limit: list[int]) -> tuple[list[int], float]:
    """Return the options to hold, each as often as it is held, and a bound of the harm they prevent.

    Budget, hours per team and week, and the opening hours of each venue in sum are kept. Per district and
    kind, each level n takes at most one holding, worth repeat_value^n of its own; the largest holdings take
    the lowest levels by themselves.
    """
    model = cp_model.CpModel()
    count = [model.new_int_var(0, most, f"count {o}") for o, most in enumerate(limit)]
    crews = {
        (i, t, w): model.new_int_var(0, one.most, f"crew {i} {t} {w}")
        for i, one in enumerate(offer.initiatives)
        for t in offer.able(i)
        for w in range(offer.weeks)
    }
    for i, one in enumerate(offer.initiatives):
        held = sum(count[o] for o, option in enumerate(offer.options) if option.initiative == i)
        model.add(held == sum(n for crew, n in crews.items() if crew[0] == i))
        model.add(held <= one.most)
    for t, team in enumerate(offer.teams):
        for w in range(offer.weeks):
            busy = sum(offer.minutes(i) * crews[i, t, w] for i in range(len(offer.initiatives)) if (i, t, w) in crews)
            model.add(busy <= int(team.hours_per_week * 60 + 1e-6))
    cents = sum(offer.cents(option.initiative) * n for option, n in zip(offer.options, count, strict=True))
    model.add(cents <= int(offer.section.budget * 100 + 1e-6))
    for v in range(len(offer.venues)):
        there = [o for o, option in enumerate(offer.options) if option.venue == v]
        usable = {slot for o in there for start in offer.options[o].starts for slot in offer.busy(o, start)}
        model.add(sum(len(offer.busy(o, 0)) * count[o] for o in there) <= len(usable))
    unit, n_terms = _maximise_harm(model, offer, count)
    solver = _solved(model, offer.section.effort, gap=GAP_WANTED)
    mix = [o for o, n in enumerate(count) for _ in range(solver.value(n))]
    mix = [o for o, worth in zip(mix, _benefits(offer, mix), strict=True) if worth > 0]  # none for nothing
    # Each coefficient is off by at most 0.5 and at most n_terms of them count at once.
    return mix, (solver.best_objective_bound + 0.5 * n_terms) * unit


def _maximise_harm(model: cp_model.CpModel, offer: _Offer, count: list[cp_model.IntVar]) -> tuple[float, int]:
    """Set the objective; return the harm of one unit of it, and how many terms can count at once."""
    unit = max(max(one.prevented.values()) for one in offer.options) / LARGEST_GAIN
    at_level: dict[tuple[int, int, int], list[cp_model.IntVar]] = {}
    terms = []
    for o, option in enumerate(offer.options):
        for k, prevented in option.prevented.items():
            chosen = [model.new_bool_var(f"level {o} {k} {n}") for n in range(len(offer.levels))]
            model.add(sum(chosen) <= count[o])
            for n, literal in enumerate(chosen):
                at_level.setdefault((option.district, k, n), []).append(literal)
                terms.append(round(prevented * offer.levels[n] / unit) * literal)
    for literals in at_level.values():
        model.add_at_most_one(literals)
    model.maximize(sum(terms))
    return unit, min(len(at_level), sum(one.most * len(one.kinds) for one in offer.initiatives))


def _booked(offer: _Offer, mix: list[int]) -> list[_Holding]:
    """Return the holdings of `mix` with team and start, leaving out as little harm prevented as possible."""
    model = cp_model.CpModel()
    worth = _benefits(offer, mix)
    starts: list[cp_model.IntVar] = []
    crews: list[dict[tuple[int, int], cp_model.IntVar]] = []
    team_slots: dict[int, list[cp_model.IntervalVar]] = {}
    venue_slots: dict[int, list[cp_model.IntervalVar]] = {}
    minutes: dict[tuple[int, int], list[cp_model.LinearExprT]] = {}
    for h, o in enumerate(mix):
        option, slots = offer.options[o], len(offer.busy(o, 0))
        start = model.new_int_var_from_domain(cp_model.Domain.from_values(option.starts), f"start {h}")
        crew = {
            (t, w): model.new_bool_var(f"crew {h} {t} {w}")
            for t in offer.able(option.initiative)
            for w in range(offer.weeks)
        }
        for (t, w), who in crew.items():
            size = slots + CHANGEOVER_SLOTS
            busy = model.new_optional_fixed_size_interval_var(start, size, who, f"team {h} {t} {w}")
            team_slots.setdefault(t, []).append(busy)
            minutes.setdefault((t, w), []).append(offer.minutes(option.initiative) * who)
            model.add_linear_constraint(start, w * WEEK_SLOTS, (w + 1) * WEEK_SLOTS - 1).only_enforce_if(who)
        held = model.new_bool_var(f"held {h}")
        model.add(sum(crew.values()) == held)
        if option.venue >= 0:
            taken = model.new_optional_fixed_size_interval_var(start, slots, held, f"venue {h}")
            venue_slots.setdefault(option.venue, []).append(taken)
        if h and mix[h - 1] == o:  # equal holdings in order of start, so that equal plans are not tried twice
            model.add(starts[-1] <= start)
        starts.append(start)
        crews.append(crew)
    for intervals in (*team_slots.values(), *venue_slots.values()):
        model.add_no_overlap(intervals)
    for (t, _), terms in minutes.items():
        model.add(sum(terms) <= int(offer.teams[t].hours_per_week * 60 + 1e-6))
    weight = np.ceil(worth * LARGEST_GAIN / max(worth.max(initial=0.0), 1e-300)).astype(int).tolist()
    model.maximize(sum(w * who for w, crew in zip(weight, crews, strict=True) for who in crew.values()))
    solver = _solved(model, offer.section.effort)
    return [
        _Holding(o, t, solver.value(start))
        for o, start, crew in zip(mix, starts, crews, strict=True)
        for (t, _), who in crew.items()
        if solver.boolean_value(who)
    ]


def _benefits(offer: _Offer, mix: list[int]) -> npt.NDArray[np.float64]:
    """Return the harm prevented by each held option, given the others."""
    touching: dict[tuple[int, int], list[tuple[float, int]]] = {}
    for h, o in enumerate(mix):
        for k, prevented in offer.options[o].prevented.items():
            touching.setdefault((offer.options[o].district, k), []).append((-prevented, h))
    benefit = np.zeros(len(mix))
    for found in touching.values():
        for level, (negative, h) in zip(offer.levels, sorted(found), strict=False):
            benefit[h] -= negative * level
    return benefit


def _frame(
    offer: _Offer,
    holdings: list[_Holding],
    benefit: npt.NDArray[np.float64],
    *,
    surface: RiskSurface,
    need: npt.NDArray[np.float64],
    clock: tuple[str, dt.date],
) -> pd.DataFrame:
    zone, midnight = zoneinfo.ZoneInfo(clock[0]), dt.datetime.combine(clock[1], dt.time())
    records = []
    for holding, prevented in zip(holdings, benefit.tolist(), strict=True):
        option = offer.options[holding.option]
        one = offer.initiatives[option.initiative]
        venue = offer.venues[option.venue] if option.venue >= 0 else None
        local = midnight + dt.timedelta(minutes=holding.start * SLOT_MINUTES)
        start = local.replace(tzinfo=zone).astimezone(dt.UTC)
        row = (
            one.name,
            offer.teams[holding.team].name,
            venue.name if venue else "",
            venue.partner if venue else "",
            surface.city.districts[option.district],
            start,
            start + dt.timedelta(minutes=round(one.hours * 60)),
            float(one.cost),
            option.reach,
            one.type,
            ";".join(one.kinds),
            prevented,
            _reason(one, option, surface, need),
        )
        records.append(dict(zip(OUTREACH_COLUMNS, row, strict=True)))
    types = dict.fromkeys(OUTREACH_COLUMNS, "str") | {
        "cost": "float64",
        "benefit": "float64",
        "reach": "int32",
    }
    types |= dict.fromkeys(("start", "stop"), "datetime64[s, UTC]")
    return pd.DataFrame(records, columns=list(OUTREACH_COLUMNS)).astype(types)


def _reason(one: Initiative, option: _Option, surface: RiskSurface, need: npt.NDArray[np.float64]) -> str:
    kinds = list(option.prevented)
    share = need[option.district, kinds].sum() / need[option.district].sum()
    names = " and ".join(surface.kinds[k].lower() for k in kinds)
    return (
        f"{names} {'is' if len(kinds) == 1 else 'are'} {share:.0%} of district "
        f"{surface.city.districts[option.district]}'s expected harm; assumed effect {one.effect:.2g} of it "
        f"per 1,000 people reached ({one.effect_source})"
    )


def _unmet(offer: _Offer, holdings: list[_Holding], kinds: tuple[str, ...]) -> Iterable[str]:
    """Yield which initiatives are held less often than offered, and why."""
    spent = sum(offer.initiatives[offer.options[one.option].initiative].cost for one in holdings)
    for i, one in enumerate(offer.initiatives):
        if unknown := [kind for kind in one.kinds if kind not in kinds]:
            hint = nearest(unknown[0], kinds)
            yield f"{one.name}: {', '.join(map(repr, unknown))} is not among the forecast kinds{hint}"
        held = sum(offer.options[holding.option].initiative == i for holding in holdings)
        if held < one.most:
            cause = _cause(offer, holdings, i, spent=spent, kinds=kinds)
            yield f"{one.name}: held {held} of at most {one.most} times: {cause}"


def _cause(offer: _Offer, holdings: list[_Holding], i: int, *, spent: float, kinds: tuple[str, ...]) -> str:
    one = offer.initiatives[i]
    if not any(kind in kinds for kind in one.kinds):
        return "none of its kinds is forecast"
    if not offer.able(i):
        lacking = [
            *(f"skill {s!r}" for s in one.skills if not any(s in team.skills for team in offer.teams)),
            *(f"language {s!r}" for s in one.languages if not any(s in team.languages for team in offer.teams)),
        ]
        return f"no team has {lacking[0] if lacking else 'all its skills and languages together'}"
    if not any(option.initiative == i for option in offer.options):
        if not one.effect or not one.reach:
            return "it is assumed to have no effect"
        if one.type == "materials":
            return f"{one.hours:g} hours do not fit between {MATERIALS_HOURS[0]}:00 and {MATERIALS_HOURS[1]}:00"
        if not offer.venues:
            return "no venue is given"
        return f"no venue is open for {one.hours:g} hours in a district where it would prevent harm"
    left = offer.section.budget - spent
    if left < one.cost - 1e-9:
        return f"one more costs {one.cost:,.0f}, and the rest of the plan leaves {left:,.0f} of the budget"
    used = np.zeros((len(offer.teams), offer.weeks))
    for holding in holdings:
        initiative = offer.initiatives[offer.options[holding.option].initiative]
        used[holding.team, holding.start // WEEK_SLOTS] += initiative.hours
    if all((used[t] + one.hours > offer.teams[t].hours_per_week + 1e-9).all() for t in offer.able(i)):
        return "the teams able to do it have no hours left"
    return "no further holding was found that adds to the harm prevented"
