"""Reading what outreach can be made of: areas, initiatives, venues, partners, points, channels, funds."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from allocator.config import OutreachSection
from allocator.domain import (
    CHANNEL,
    INITIATIVE_TYPES,
    ONLINE,
    RISKY_TOPICS,
    Channel,
    Fund,
    Initiative,
    Offers,
    Partner,
    Point,
    Venue,
)
from allocator.errors import nearest, some
from allocator.io.duty import open_days
from allocator.io.outreach.areas import degrees, sheet_of
from allocator.io.tables import Sheet, is_role_mailbox, names_person

_MOST_HOLDINGS = 1_000
_RISKY = re.compile("|".join(r"\s+".join(map(re.escape, topic.split())) for topic in RISKY_TOPICS), re.IGNORECASE)


def read_offers(section: OutreachSection, areas: tuple[str, ...]) -> Offers:
    """Return the offers of a job, with every fault of a file at once.

    Parameters
    ----------
    section : OutreachSection
        The files.
    areas : tuple of str
        Labels of the areas.

    Raises
    ------
    DataError
        With every fault of a file; files are read in the order of their references.
    """
    partners = read_partners(section.partners, areas) if section.partners else ()
    named = tuple(partner.name for partner in partners) if section.partners else None
    venues = read_venues(section.venues, areas, partners=named) if section.venues else ()
    points = tuple(_points(section.points, areas, named)) if section.points else ()
    channels = tuple(_channels(section.channels, areas)) if section.channels else ()
    funds = tuple(_funds(section.funds, areas, named)) if section.funds else ()
    money = (*(fund.name for fund in funds), *(partner.name for partner in partners if partner.funds > 0))
    initiatives = read_initiatives(section.initiatives, areas, topics=section.topics, funds=money)
    if not section.partners:  # partners that venues name are known by that alone
        partners = tuple(
            Partner(name)
            for name in dict.fromkeys([*(one.partner for one in venues), *(one.partner for one in points)])
            if name
        )
    return Offers(initiatives, venues, partners, points, channels, funds)


def read_initiatives(
    path: str | Path, areas: tuple[str, ...], *, topics: Mapping[str, tuple[str, ...]] | None = None,
    funds: tuple[str, ...] = (),
) -> tuple[Initiative, ...]:  # fmt: skip
    """Return the initiatives of a CSV or TOML file; the columns are described at `Initiative`.

    Raises
    ------
    DataError
        With every fault at once: unknown types, topics, areas or funds, topics that need vetted material, circular
        prerequisites, texts that name a person.
    """
    sheet = sheet_of(
        path,
        required=("initiative", "type", "hours", "cost", "reach", "effect", "effect_source"),
        optional=(
            "kinds", "topics", "material", "audience", "languages", "skills", "staff_hours", "partner_hours",
            "volunteer_hours", "trains_hours", "lead_days", "areas", "fixed_cost", "earmark", "least", "most",
            "most_per_week", "area_gap_weeks", "requires", "requires_gap_weeks", "follow_up", "follow_weeks", "items",
            "effect_low", "effect_high", "half_life_weeks", "reporting",
        ),
    )  # fmt: skip
    initiatives, seen = [], set[str]()
    for _ in sheet.rows():
        initiatives.append(_initiative(sheet, seen, areas, topics=topics or {}, funds=funds))
    sheet.faults += _order_faults(initiatives)
    sheet.close()
    return tuple(initiatives)


def _initiative(
    sheet: Sheet, seen: set[str], areas: tuple[str, ...], *, topics: Mapping[str, tuple[str, ...]],
    funds: tuple[str, ...],
) -> Initiative:  # fmt: skip
    name = sheet.fresh("initiative", seen)
    _no_person(sheet, "initiative", "audience", "topics", "skills")
    named, kinds = sheet.parts("topics"), list(sheet.parts("kinds"))
    for topic in named:
        if topic in topics:
            kinds += topics[topic]
        elif not kinds:
            sheet.fault(f"topics: {topic!r} is no key of [outreach.topics]{nearest(topic, topics)}, and kinds is blank")
    for text in (name, *named):
        if _RISKY.search(text) and not sheet.text("material"):
            sheet.fault(f"{text!r} carries a risk of profiling: name the vetted material in the column material")
    if not kinds and not named:
        sheet.fault("kinds is blank: the offence kinds it addresses, or topics of [outreach.topics]")
    effect = sheet.share("effect")
    low, high = (_optional(sheet, column) for column in ("effect_low", "effect_high"))
    ends = [effect if end is None else end for end in (low, effect, high)]
    if all(map(math.isfinite, ends)) and not ends[0] <= ends[1] <= ends[2] <= 1:
        sheet.fault("effect_low, effect and effect_high must rise, and none is more than 1")
    least, most = sheet.whole("least", 0, most=_MOST_HOLDINGS), sheet.whole("most", 7, most=_MOST_HOLDINGS)
    if least > most:
        sheet.fault(f"least = {least} is more than most = {most}")
    earmark = sheet.text("earmark")
    if earmark and earmark not in funds:
        sheet.fault(f"earmark: unknown fund {earmark!r}{nearest(earmark, funds)}")
    return Initiative(
        name=name, type=sheet.known("type", INITIATIVE_TYPES, "type"), kinds=tuple(dict.fromkeys(kinds)),
        hours=sheet.number("hours", above=0, most=24), cost=sheet.number("cost"), reach=sheet.whole("reach"),
        effect=effect, effect_source=sheet.text("effect_source", required=True), skills=sheet.parts("skills"),
        languages=sheet.parts("languages"), most=most, effect_low=low, effect_high=high,
        half_life_weeks=sheet.number("half_life_weeks", above=0) if sheet.text("half_life_weeks") else math.inf,
        reporting=sheet.share("reporting", 0.0), topics=named, material=sheet.text("material"),
        audience=sheet.text("audience"), staff_hours=_optional(sheet, "staff_hours"),
        partner_hours=sheet.number("partner_hours", 0.0), volunteer_hours=sheet.number("volunteer_hours", 0.0),
        trains_hours=sheet.number("trains_hours", 0.0), lead_days=sheet.whole("lead_days", 0),
        areas=sheet.all_known("areas", areas, "area"), fixed_cost=sheet.number("fixed_cost", 0.0), earmark=earmark,
        least=least, most_per_week=sheet.whole("most_per_week") if sheet.text("most_per_week") else None,
        area_gap_weeks=sheet.whole("area_gap_weeks", 0, most=52), requires=sheet.text("requires"),
        requires_gap_weeks=sheet.whole("requires_gap_weeks", 1, most=52), follow_up=sheet.text("follow_up"),
        follow_weeks=sheet.whole("follow_weeks", 4, most=52), items=sheet.whole("items", 0),
    )  # fmt: skip


def _optional(sheet: Sheet, column: str) -> float | None:
    return sheet.number(column) if sheet.text(column) else None


def _no_person(sheet: Sheet, *columns: str) -> None:
    """Note a fault where a text looks as if it named a person, or an address of one."""
    for column in columns:
        if found := names_person(sheet.text(column)):
            sheet.fault(f"{column} seems to name a person ({found}): name an activity, an organisation or a role")
        if "@" in sheet.text(column):
            sheet.fault(f"{column} holds an e-mail address or a handle: leave it out")


def _order_faults(initiatives: list[Initiative]) -> Iterator[str]:
    """Yield unknown and circular prerequisites and follow-ups."""
    names = tuple(initiative.name for initiative in initiatives)
    before: dict[str, set[str]] = {name: set() for name in names}
    wide = {initiative.name: INITIATIVE_TYPES.get(initiative.type) in (CHANNEL, ONLINE) for initiative in initiatives}
    for one in initiatives:
        for column, other in (("requires", one.requires), ("follow_up", one.follow_up)):
            if other in wide and wide[other] != wide[one.name]:
                yield (
                    f"{one.name}: {column}: {other!r} is not held in single areas as this is (or the other way round): "
                    "campaigns and webinars go only with each other"
                )
            if other and other not in before:
                yield f"{one.name}: {column}: unknown initiative {other!r}{nearest(other, names)}"
            elif other:
                first, then = (other, one.name) if column == "requires" else (one.name, other)
                before[then].add(first)
    left = dict(before)
    while free := [name for name, needs in left.items() if not needs & left.keys()]:
        for name in free:
            del left[name]
    if left:
        yield f"requires and follow_up go in a circle: {some(left, 6)}"


def read_venues(
    path: str | Path, areas: tuple[str, ...], *, partners: tuple[str, ...] | None = None
) -> tuple[Venue, ...]:
    """Return the venues; the columns are described at `Venue` (`district` may stand for `area`).

    Raises
    ------
    DataError
        With every fault at once.
    """
    sheet = sheet_of(
        path,
        required=("venue", "capacity", "opens", "closes"),
        optional=(
            "area", "district", "weekdays", "partner", "reach_areas", "audiences", "closed", "lon", "lat",
        ),
    )  # fmt: skip
    venues, seen = [], set[str]()
    for _ in sheet.rows():
        opens, closes = sheet.clock("opens"), sheet.clock("closes")
        if closes <= opens:
            sheet.fault(f"it closes at {closes:%H:%M}, not after it opens at {opens:%H:%M}")
        _no_person(sheet, "venue", "partner")
        column = "area" if sheet.text("area") else "district"
        venues.append(
            Venue(
                name=sheet.fresh("venue", seen), area=sheet.known(column, areas, "area"),
                capacity=sheet.whole("capacity"), opens=opens, closes=closes, weekdays=open_days(sheet),
                partner=_partner(sheet, partners), reach_areas=sheet.all_known("reach_areas", areas, "area"),
                audiences=sheet.parts("audiences"), closed=sheet.dates("closed"), lon=degrees(sheet, "lon", 180),
                lat=degrees(sheet, "lat", 90),
            )
        )  # fmt: skip
    sheet.close()
    return tuple(venues)


def _partner(sheet: Sheet, partners: tuple[str, ...] | None) -> str:
    return sheet.text("partner") if partners is None else sheet.known("partner", partners, "partner", blank=True)


def read_partners(path: str | Path, areas: tuple[str, ...]) -> tuple[Partner, ...]:
    """Return the partners; the columns are described at `Partner`.

    Raises
    ------
    DataError
        With every fault at once; also where a mailbox or a text looks like a person's.
    """
    sheet = sheet_of(
        path,
        required=("partner",),
        optional=(
            "mailbox", "areas", "audiences", "languages", "hours", "closed", "funds", "lead_days", "declined",
        ),
    )  # fmt: skip
    partners, seen = [], set[str]()
    for _ in sheet.rows():
        _no_person(sheet, "partner")
        mailbox = sheet.text("mailbox")
        if mailbox and not is_role_mailbox(mailbox, sheet.text("partner")):
            sheet.fault(f"mailbox {mailbox!r} is not that of a role, such as office@… or outreach@…")
        partners.append(
            Partner(
                name=sheet.fresh("partner", seen), mailbox=mailbox, areas=sheet.all_known("areas", areas, "area"),
                audiences=sheet.parts("audiences"), languages=sheet.parts("languages"),
                hours=sheet.number("hours", 0.0), closed=sheet.dates("closed"), funds=sheet.number("funds", 0.0),
                lead_days=sheet.whole("lead_days", 0), declined=sheet.flag("declined"),
            )
        )  # fmt: skip
    sheet.close()
    return tuple(partners)


def _points(path: str, areas: tuple[str, ...], partners: tuple[str, ...] | None) -> Iterator[Point]:
    sheet, seen = (
        sheet_of(path, required=("point", "area", "stock"), optional=("covers", "share", "partner")),
        set[str](),
    )
    for _ in sheet.rows():
        _no_person(sheet, "point")
        yield Point(
            name=sheet.fresh("point", seen), area=sheet.known("area", areas, "area"), stock=sheet.whole("stock"),
            covers=sheet.all_known("covers", areas, "area"), share=sheet.share("share", 1.0),
            partner=_partner(sheet, partners),
        )  # fmt: skip
    sheet.close()


def _channels(path: str, areas: tuple[str, ...]) -> Iterator[Channel]:
    sheet = sheet_of(
        path, required=("channel",), optional=("areas", "share", "cost", "languages", "audiences", "most_per_week")
    )
    seen: set[str] = set()
    for _ in sheet.rows():
        _no_person(sheet, "channel")
        yield Channel(
            name=sheet.fresh("channel", seen), areas=sheet.all_known("areas", areas, "area"),
            share=sheet.share("share", 1.0), cost=sheet.number("cost", 0.0), languages=sheet.parts("languages"),
            audiences=sheet.parts("audiences"), most_per_week=sheet.whole("most_per_week", 1),
        )  # fmt: skip
    sheet.close()


def _funds(path: str, areas: tuple[str, ...], partners: tuple[str, ...] | None) -> Iterator[Fund]:
    sheet = sheet_of(path, required=("fund", "amount"), optional=("areas", "types", "kinds", "partner"))
    seen: set[str] = set()
    for _ in sheet.rows():
        _no_person(sheet, "fund")
        yield Fund(
            name=sheet.fresh("fund", seen), amount=sheet.number("amount", most=1e12),
            areas=sheet.all_known("areas", areas, "area"), types=sheet.all_known("types", INITIATIVE_TYPES, "type"),
            kinds=sheet.parts("kinds"), partner=_partner(sheet, partners),
        )  # fmt: skip
    sheet.close()
