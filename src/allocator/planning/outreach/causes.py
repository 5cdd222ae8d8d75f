"""Why an initiative is not held, in words that name what is in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from allocator.domain import CHANNEL, INITIATIVE_TYPES, POINT, VENUE
from allocator.errors import nearest, some
from allocator.planning.outreach.season import Holding, Season


def unmet_of(season: Season, holdings: Sequence[Holding], missing: Mapping[str, int]) -> Iterator[str]:
    """Yield what could not be kept, and every initiative that is never held, each with its cause."""
    held = Counter(season.options[one.option].initiative for one in holdings)
    for i, one in enumerate(season.initiatives):
        if unknown := [kind for kind in one.kinds if kind not in season.kinds]:
            hint = nearest(unknown[0], season.kinds)
            verb = "is" if len(unknown) == 1 else "are"
            yield f"{one.name}: {some(unknown)} {verb} not among the forecast kinds{hint}"
        if one.least > held[i]:
            yield f"{one.name}: held {held[i]} times, {one.least} are wanted: {_cause(season, holdings, held, i)}"
        elif not held[i] and one.most:
            yield f"{one.name}: not held: {_cause(season, holdings, held, i)}"
    least = {f"{one.name}: at least {one.least}" for one in season.initiatives}
    for name, n in missing.items():
        if name.startswith("outreach at least"):
            yield f"{name}: {n / 1000 / 60:,.0f} hours are missing; initiatives, places and units give no more"
        elif name not in least:
            yield f"{name}: {n} could not be held; {_floor_cause(season, name)}"


def _floor_cause(season: Season, name: str) -> str:
    if name.startswith("area "):
        area = name.removeprefix("area ").partition(":")[0]
        if not any(o.area >= 0 and season.areas.names[o.area] == area for o in season.options):
            return "nothing that is offered can be held there"
    return "hours, money or places do not suffice for all floors together"


def _cause(season: Season, holdings: Sequence[Holding], held: Mapping[int, int], i: int) -> str:
    """Return the first thing that is in the way of one more holding."""
    one = season.initiatives[i]
    if not season.kinds_of[i]:
        return "none of its kinds is forecast"
    if not one.effect or not one.reach:
        return "it is assumed to have no effect" if not one.effect else "it reaches nobody"
    if not season.crews:
        return "there is no team"
    if not season.able[i]:
        return _lacking(season, i)
    if not season.of_initiative[i]:
        return _no_place(season, i)
    return _crowded_out(season, holdings, held, i)


def _crowded_out(season: Season, holdings: Sequence[Holding], held: Mapping[int, int], i: int) -> str:
    """Return what an initiative that could be held lacks."""
    one = season.initiatives[i]
    if one.requires and not held.get(_row(season, one.requires), 0):
        return f"it needs {one.requires} before, which is not held"
    if one.follow_up and not season.of_initiative[_row(season, one.follow_up)]:
        return f"its follow-up {one.follow_up} cannot be held"
    spent = Counter[int]()
    for holding in holdings:
        spent[holding.fund] += season.options[holding.option].cents
    cheapest = min(season.options[o].cents for o in season.of_initiative[i]) + round(100 * one.fixed_cost)
    funds = sorted({f for o in season.of_initiative[i] for f in season.options[o].funds})
    left = [season.funds[f][1] - spent[f] for f in funds]
    if max(left) < cheapest:
        names = " and ".join(f"the fund {season.funds[f][0]}" if f else "the budget" for f in funds)
        rest = max(max(left), 0) / 100
        if not any(season.funds[f][1] for f in funds):
            return f"it costs {cheapest / 100:,.0f}, and there is no money: set outreach.budget or a fund"
        return f"it costs {cheapest / 100:,.0f}; others prevent more with {names}, of which {rest:,.0f} is left"
    if all(not _has_time(season, holdings, c, i) for c in season.able[i]):
        return "the teams able to do it have no hours left"
    if one.volunteer_hours and not any(season.initiatives[n].trains_hours for n in held if held[n]):
        return "it needs trained volunteers, and nobody trains them"
    return "others prevent more with the same hours, money and places"


def _row(season: Season, name: str) -> int:
    return next(i for i, one in enumerate(season.initiatives) if one.name == name)


def _has_time(season: Season, holdings: Sequence[Holding], c: int, i: int) -> bool:
    crew = season.crews[c]
    if crew.is_patrol:
        return True
    used = sum(season.team_minutes(season.options[one.option].initiative) for one in holdings if one.crew == c)
    return used + season.team_minutes(i) <= crew.minutes_per_week * season.weeks


def _lacking(season: Season, i: int) -> str:
    one = season.initiatives[i]
    if any(set(one.skills) <= set(crew.skills) and crew.is_patrol and not crew.languages for crew in season.crews):
        return "the patrol units with its skills have no languages in units.csv, and it needs " + some(one.languages)
    lacking = [
        *(f"skill {name!r}" for name in one.skills if not any(name in crew.skills for crew in season.crews)),
        *(f"language {name!r}" for name in one.languages if not any(name in crew.languages for crew in season.crews)),
    ]
    return f"no team has {', '.join(lacking) if lacking else 'all its skills and languages together'}"


def _no_place(season: Season, i: int) -> str:
    one = season.initiatives[i]
    if one.partner_hours and not season.partners:
        return "it needs in-kind hours of a partner, and no partner is given"
    if one.partner_hours and all(partner.declined for partner in season.partners):
        return "it needs in-kind hours of a partner, and all partners declined"
    if 7 * season.weeks <= one.lead_days:
        return f"its lead time of {one.lead_days} days is longer than the plan"
    if not season.audience[i].any():
        return (
            f"no resident of the areas speaks {some(one.languages)}" if one.languages else "nobody lives in the areas"
        )
    where = INITIATIVE_TYPES[one.type]
    if where == VENUE:
        if not season.venues:
            return "no venue is given"
        return f"no venue fits: {_venue_cause(season, i)}"
    if where == CHANNEL and not season.channels:
        return "no channel is given"
    if where == POINT and season.points and one.items and all(one.items > point.stock for point in season.points):
        return f"it takes {one.items:,} items, and no distribution point has as many in stock"
    return "no place, partner and hours fit together"


def _venue_cause(season: Season, i: int) -> str:
    """Return why every venue is out, by the reason that rules out most."""
    one = season.initiatives[i]
    declined = {partner.name for partner in season.partners if partner.declined}
    reasons: Counter[str] = Counter()
    for venue in season.venues:
        minutes = (venue.closes.hour - venue.opens.hour) * 60 + venue.closes.minute - venue.opens.minute
        if one.areas and venue.area not in one.areas:
            reasons[f"is in {some(one.areas)}"] += 1
        elif venue.audiences and one.audience and one.audience not in venue.audiences:
            reasons[f"suits {one.audience}"] += 1
        elif venue.partner in declined:
            reasons["belongs to a partner that takes part (others declined)"] += 1
        elif not venue.capacity:
            reasons["holds anybody"] += 1
        elif minutes < one.hours * 60:
            reasons[f"is open for {one.hours:g} hours"] += 1
        else:
            reasons["is open when a team that can hold it works, after its lead time"] += 1
    return "none " + " or ".join(reason for reason, _ in reasons.most_common(3))
