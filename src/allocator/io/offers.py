"""Reading what outreach can be made of: areas, initiatives, venues, partners, points, channels, funds."""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
from pyproj import Transformer

from allocator.config import Job, OutreachSection
from allocator.domain import (
    INITIATIVE_TYPES,
    RISKY_TOPICS,
    Channel,
    Fund,
    Initiative,
    Offers,
    OutreachAreas,
    Partner,
    Point,
    Venue,
)
from allocator.domain.outreach import CHANNEL, ONLINE
from allocator.errors import DataError, nearest, some
from allocator.io.area import read_polygons
from allocator.io.personal import is_role_mailbox, names_person
from allocator.io.rosters import open_days
from allocator.io.sheet import Sheet
from allocator.tessellation import Tessellation

_MOST_HOLDINGS = 1_000
_RISKY = re.compile("|".join(r"\s+".join(map(re.escape, topic.split())) for topic in RISKY_TOPICS), re.IGNORECASE)


def read_areas(job: Job, city: Tessellation) -> OutreachAreas:
    """Return the areas that outreach is planned for: districts, or the polygons of `[outreach.areas]`.

    Raises
    ------
    DataError
        If a file cannot be used, an area has no row in the profile, or the profile names an unknown area.
    """
    assert job.outreach is not None
    section = job.outreach.areas
    if section.file is None:
        names, cell_area = city.districts, np.asarray(city.district, np.int32)
        x, y = (_means(values, cell_area, len(names)) for values in (city.x, city.y))
    else:
        polygons, names = read_polygons(section.file, city.crs, label=section.column)
        cell_area = _area_of(city, polygons)
        centres = shapely.point_on_surface(polygons)
        x, y = shapely.get_x(centres), shapely.get_y(centres)
    residents, internet, speaks = _profile(section.profile, names)
    lon, lat = Transformer.from_crs(city.crs, "EPSG:4326", always_xy=True).transform(x, y)
    return OutreachAreas(
        names=names, cell_area=cell_area, residents=residents, internet=internet, speaks=speaks, x=x, y=y,
        lon=np.asarray(lon), lat=np.asarray(lat),
    )  # fmt: skip


def _area_of(city: Tessellation, polygons: Any) -> Any:
    """Return the polygon that holds the middle of each cell, -1 for none; of several the first."""
    found = np.full(city.n_cells, -1, np.int32)
    cell, polygon = shapely.STRtree(polygons).query(shapely.points(city.x, city.y), predicate="within")
    found[cell[::-1]] = polygon[::-1]
    return found


def _means(values: Any, group: Any, n: int) -> Any:
    inside = group >= 0
    total = np.bincount(group[inside], weights=values[inside], minlength=n)
    return total / np.maximum(np.bincount(group[inside], minlength=n), 1)


def _profile(path: str, names: tuple[str, ...]) -> tuple[Any, Any, dict[str, Any]]:
    sheet = Sheet(path, required=("area", "residents"), optional=("internet", "languages"))
    residents, internet = np.zeros(len(names)), np.ones(len(names))
    spoken: dict[str, dict[int, float]] = {}
    row, seen = {name: a for a, name in enumerate(names)}, set[str]()
    for _ in sheet.rows():
        name = sheet.fresh("area", seen)
        sheet.known("area", names, "area")
        a = row.get(name, 0)
        residents[a] = sheet.number("residents", most=1e9)
        internet[a] = sheet.share("internet", 1.0)
        for part in sheet.parts("languages"):
            language, _, share = part.partition("=")
            try:
                value = float(share)
            except ValueError:
                value = math.nan
            if not language.strip() or not 0 <= value <= 1:
                sheet.fault(f"languages: {part!r} is not a language with its share, such as es=0.4")
            spoken.setdefault(language.strip(), {})[a] = value
    if missing := [name for name in names if name not in seen]:
        sheet.faults.append(f"{len(missing)} areas have no row: {some(missing, 10)}")
    sheet.close()
    speaks = {
        name: np.array([shares.get(a, 0.0) for a in range(len(names))]) for name, shares in sorted(spoken.items())
    }
    return residents, internet, speaks


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
    money = (*(fund.name for fund in funds), *(one.name for one in partners if one.funds > 0))
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
    sheet = _sheet(
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
    ends = [effect if one is None else one for one in (low, effect, high)]
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
    names = tuple(one.name for one in initiatives)
    before: dict[str, set[str]] = {name: set() for name in names}
    wide = {one.name: INITIATIVE_TYPES.get(one.type) in (CHANNEL, ONLINE) for one in initiatives}
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
    sheet = _sheet(
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
                audiences=sheet.parts("audiences"), closed=sheet.dates("closed"), lon=_degrees(sheet, "lon", 180),
                lat=_degrees(sheet, "lat", 90),
            )
        )  # fmt: skip
    sheet.close()
    return tuple(venues)


def _degrees(sheet: Sheet, column: str, most: float) -> float | None:
    text = sheet.text(column)
    if not text:
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not abs(value) <= most:
        sheet.fault(f"{column} = {text!r} is no number of degrees")
    return value


def _partner(sheet: Sheet, partners: tuple[str, ...] | None) -> str:
    return sheet.text("partner") if partners is None else sheet.known("partner", partners, "partner", blank=True)


def read_partners(path: str | Path, areas: tuple[str, ...]) -> tuple[Partner, ...]:
    """Return the partners; the columns are described at `Partner`.

    Raises
    ------
    DataError
        With every fault at once; also where a mailbox or a text looks like a person's.
    """
    sheet = _sheet(
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
    sheet, seen = _sheet(path, required=("point", "area", "stock"), optional=("covers", "share", "partner")), set[str]()
    for _ in sheet.rows():
        _no_person(sheet, "point")
        yield Point(
            name=sheet.fresh("point", seen), area=sheet.known("area", areas, "area"), stock=sheet.whole("stock"),
            covers=sheet.all_known("covers", areas, "area"), share=sheet.share("share", 1.0),
            partner=_partner(sheet, partners),
        )  # fmt: skip
    sheet.close()


def _channels(path: str, areas: tuple[str, ...]) -> Iterator[Channel]:
    sheet = _sheet(
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
    sheet = _sheet(path, required=("fund", "amount"), optional=("areas", "types", "kinds", "partner"))
    seen: set[str] = set()
    for _ in sheet.rows():
        _no_person(sheet, "fund")
        yield Fund(
            name=sheet.fresh("fund", seen), amount=sheet.number("amount", most=1e12),
            areas=sheet.all_known("areas", areas, "area"), types=sheet.all_known("types", INITIATIVE_TYPES, "type"),
            kinds=sheet.parts("kinds"), partner=_partner(sheet, partners),
        )  # fmt: skip
    sheet.close()


def _sheet(path: str | Path, *, required: tuple[str, ...], optional: tuple[str, ...]) -> Sheet:
    """Return the rows of a CSV, or the entries of a TOML file: one list of tables, lists for `;`."""
    if Path(path).suffix.lower() != ".toml":
        return Sheet(path, required=required, optional=optional)
    name = Path(path).name
    try:
        content = tomllib.loads(Path(path).read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
        raise DataError(f"{name} is not valid TOML: {error}") from None
    lists = {key: value for key, value in content.items() if isinstance(value, list)}
    if len(content) != 1 or len(lists) != 1:
        raise DataError(
            f"{name} must hold one list of tables, such as [[initiative]]; it has the keys {some(content, 10)}"
        )
    ((key, entries),) = lists.items()
    if not entries or not all(isinstance(entry, dict) for entry in entries):
        raise DataError(f"{name}: [[{key}]] must be tables")
    frame = pd.DataFrame([{str(k): _text(v) for k, v in entry.items()} for entry in entries]).fillna("")
    return Sheet(path, required=required, optional=optional, frame=frame.astype("str"), entry=key)


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ";".join(_text(one) for one in value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
