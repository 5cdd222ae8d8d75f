"""Why an initiative is not held, in words that name what is in the way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from allocator.domain import CHANNEL, INITIATIVE_TYPES, POINT, VENUE
from allocator.errors import nearest
from allocator.facts import Note, note
from allocator.planning.outreach.season import Holding, Season


def unmet_of(season: Season, holdings: Sequence[Holding], missing: Mapping[Note, int]) -> Iterator[Note]:
    """Yield what could not be kept, and every initiative that is never held, each with its cause."""
    held = Counter(season.options[holding.option].initiative for holding in holdings)
    for i, one in enumerate(season.initiatives):
        if unknown := [kind for kind in one.kinds if kind not in season.kinds]:
            hint = nearest(unknown[0], season.kinds)
            yield note("outreach.unknown_kinds", initiative=one.name, kinds=unknown, count=len(unknown), hint=hint)
        if one.least > held[i]:
            why = _cause(season, holdings, held, i)
            yield note("outreach.fewer_held", initiative=one.name, count=held[i], least=one.least, because=why)
        elif not held[i] and one.most:
            yield note("outreach.not_held", initiative=one.name, because=_cause(season, holdings, held, i))
    for row, n in missing.items():
        if row.cause == "outreach.least_share":
            yield note("outreach.hours_missing", limit=row, hours=n / 1000 / 60)
        elif row.cause != "outreach.least_held":
            yield note("outreach.too_few_held", limit=row, count=n, because=_floor_cause(season, row))


def _floor_cause(season: Season, row: Note) -> Note:
    offered = {season.areas.names[o.area] for o in season.options if o.area >= 0}
    if row.cause == "outreach.floor_of_area" and row.get("area") not in offered:
        return note("outreach.nothing_offered")
    return note("outreach.floors_together")


def _cause(season: Season, holdings: Sequence[Holding], held: Mapping[int, int], i: int) -> Note:
    """Return the first thing that is in the way of one more holding."""
    initiative = season.initiatives[i]
    if not season.kinds_of[i]:
        return note("outreach.no_kind")
    if not initiative.effect or not initiative.reach:
        return note("outreach.no_reach" if initiative.effect else "outreach.no_effect")
    if not season.crews:
        return note("outreach.no_team")
    if not season.able[i]:
        return _lacking(season, i)
    if not season.of_initiative[i]:
        return _no_place(season, i)
    return _crowded_out(season, holdings, held, i)


def _crowded_out(season: Season, holdings: Sequence[Holding], held: Mapping[int, int], i: int) -> Note:
    """Return what an initiative that could be held lacks."""
    initiative = season.initiatives[i]
    if initiative.requires and not held.get(_row(season, initiative.requires), 0):
        return note("outreach.requires", initiative=initiative.requires)
    if initiative.follow_up and not season.of_initiative[_row(season, initiative.follow_up)]:
        return note("outreach.follow_up", initiative=initiative.follow_up)
    spent = Counter[int]()
    for holding in holdings:
        spent[holding.fund] += season.options[holding.option].cents
    cheapest = min(season.options[o].cents for o in season.of_initiative[i]) + round(100 * initiative.fixed_cost)
    funds = sorted({f for o in season.of_initiative[i] for f in season.options[o].funds})
    left = [season.funds[f][1] - spent[f] for f in funds]
    if max(left) < cheapest:
        if not any(season.funds[f][1] for f in funds):
            return note("outreach.no_money", cost=cheapest / 100)
        names = [
            note("outreach.the_fund", fund=season.funds[f][0]) if f else note("outreach.the_budget") for f in funds
        ]
        return note("outreach.too_dear", cost=cheapest / 100, funds=names, left=max(max(left), 0) / 100)
    if all(not _has_time(season, holdings, c, i) for c in season.able[i]):
        return note("outreach.no_hours")
    if initiative.volunteer_hours and not any(season.initiatives[n].trains_hours for n in held if held[n]):
        return note("outreach.no_volunteers")
    return note("outreach.others_first")


def _row(season: Season, name: str) -> int:
    return next(i for i, one in enumerate(season.initiatives) if one.name == name)


def _has_time(season: Season, holdings: Sequence[Holding], c: int, i: int) -> bool:
    crew = season.crews[c]
    if crew.is_patrol:
        return True
    used = sum(
        season.team_minutes(season.options[holding.option].initiative) for holding in holdings if holding.crew == c
    )
    return used + season.team_minutes(i) <= crew.minutes_per_week * season.weeks


def _lacking(season: Season, i: int) -> Note:
    initiative = season.initiatives[i]
    if any(
        set(initiative.skills) <= set(crew.skills) and crew.is_patrol and not crew.languages for crew in season.crews
    ):
        return note("outreach.no_languages", languages=initiative.languages)
    skills = {name for crew in season.crews for name in crew.skills}
    languages = {name for crew in season.crews for name in crew.languages}
    lacking = [
        *(note("outreach.skill", skill=name) for name in initiative.skills if name not in skills),
        *(note("outreach.language", language=name) for name in initiative.languages if name not in languages),
    ]
    return note("outreach.nobody_has", lacking=lacking) if lacking else note("outreach.not_together")


def _no_place(season: Season, i: int) -> Note:
    initiative = season.initiatives[i]
    if initiative.partner_hours and not season.partners:
        return note("outreach.no_partner")
    if initiative.partner_hours and all(partner.declined for partner in season.partners):
        return note("outreach.partners_declined")
    if 7 * season.weeks <= initiative.lead_days:
        return note("outreach.lead_time", days=initiative.lead_days)
    if not season.audience[i].any():
        spoken = initiative.languages
        return note("outreach.nobody_speaks", languages=spoken) if spoken else note("outreach.nobody_lives")
    where = INITIATIVE_TYPES[initiative.type]
    if where == VENUE:
        if not season.venues:
            return note("outreach.no_venue")
        return note("outreach.no_venue_fits", reasons=_against_venues(season, i))
    if where == CHANNEL and not season.channels:
        return note("outreach.no_channel")
    if (
        where == POINT
        and season.points
        and initiative.items
        and all(initiative.items > point.stock for point in season.points)
    ):
        return note("outreach.no_stock", items=initiative.items)
    return note("outreach.no_fit")


def _against_venues(season: Season, i: int) -> list[Note]:
    """Return what venues would need, the needs that rule out most of them first."""
    initiative = season.initiatives[i]
    declined = {partner.name for partner in season.partners if partner.declined}
    reasons = Counter[Note]()
    for venue in season.venues:
        minutes = (venue.closes.hour - venue.opens.hour) * 60 + venue.closes.minute - venue.opens.minute
        if initiative.areas and venue.area not in initiative.areas:
            reasons[note("outreach.venue_area", areas=initiative.areas)] += 1
        elif venue.audiences and initiative.audience and initiative.audience not in venue.audiences:
            reasons[note("outreach.venue_audience", audience=initiative.audience)] += 1
        elif venue.partner in declined:
            reasons[note("outreach.venue_partner")] += 1
        elif not venue.capacity:
            reasons[note("outreach.venue_capacity")] += 1
        elif minutes < initiative.hours * 60:
            reasons[note("outreach.venue_hours", hours=initiative.hours)] += 1
        else:
            reasons[note("outreach.venue_time")] += 1
    return [reason for reason, _ in reasons.most_common(3)]
