"""Outreach: what is offered, where it can be held, who takes part, what the areas need, and what is planned."""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from allocator.domain.arrays import Floats, Ints, freeze
from allocator.domain.plan import WORTH_COLUMNS, empty_table, gap

VENUE, AREA, POINT, CHANNEL, ONLINE = "venue", "area", "point", "channel", "online"
"""Where an initiative takes place."""

INITIATIVE_TYPES: dict[str, str] = {
    "campaign": CHANNEL,
    "workshop": VENUE,
    "seminar": VENUE,
    "webinar": ONLINE,
    "materials": POINT,
    "watch": AREA,
    "meeting": VENUE,
    "education": VENUE,
    "site_survey": AREA,
    "train_the_trainer": VENUE,
}
"""Registry of the types of initiatives: where each takes place. Add an entry to offer a type of your own. Materials are
handed out in the whole area where no distribution points are given."""

RISKY_TOPICS = ("suspicious behav", "suspicious person", "suspicious people", "suspicious activit", "profiling")
"""Beginnings of topics known to carry a risk of profiling: only with vetted material named in the file."""

EVERY_DAY = (0, 1, 2, 3, 4, 5, 6)
WHOLE_DAY = (0, 24 * 60)


@dataclass(frozen=True)
class Initiative:
    """An outreach offer; one row of `initiatives.csv`, or one `[[initiative]]` of `initiatives.toml`.

    Parameters
    ----------
    name : str
        Short title (column `initiative`); an activity, never a person.
    type : str
        One of `INITIATIVE_TYPES`, which says where it takes place.
    kinds : tuple of str
        Offence kinds it addresses (column `kinds`, or by its `topics` and the job's `[outreach.topics]`).
    hours : float
        Hours of one holding.
    cost : float
        Money for each holding.
    reach : int
        Contacts of one holding; no more than the venue holds or the audience counts.
    effect : float
        Assumed share of the addressed harm of an area that would be prevented while the effect lasts if its whole
        audience were reached.
    effect_source : str
        Where the assumption comes from; printed with the plan.
    effect_low, effect_high : float, optional
        Spread of the assumption; by default `effect`.
    half_life_weeks : float
        Weeks after which half of the effect is left; inf: it lasts.
    reporting : float
        Assumed rise, as a share, of what people reached report of the harm that they suffer. It is never a part of the
        benefit: more reports are no more harm, and no less.
    topics : tuple of str
        What it is about.
    material : str
        Vetted material for topics that carry a risk of profiling.
    audience : str
        Whom it is for, blank for anyone. A venue, partner or channel that names audiences takes only what is for one.
    languages : tuple of str
        Languages in which it is held; the team speaks all of them. The audience of an area are the residents who speak
        one of them, if the shares are known.
    skills : tuple of str
        All of these must be among the team's skills.
    staff_hours : float, optional
        Hours of the team that one holding costs with preparation; by default `hours`.
    partner_hours, volunteer_hours : float
        In-kind hours of the partner, and hours of trained volunteers, that one holding takes.
    trains_hours : float
        Hours of volunteers a week that one holding adds from the following week on.
    lead_days : int
        Days from the start of the plan before which it cannot be held.
    areas : tuple of str
        The only areas where it is offered; empty: all.
    fixed_cost : float
        Money that is due once if it is held at all.
    earmark : str
        The one fund that pays for it; blank: the general budget, and funds open to it.
    least, most : int
        Fewest and most holdings in the plan.
    most_per_week : int, optional
        Most holdings in a week.
    area_gap_weeks : int
        Least weeks from one holding to the next in the same area.
    requires : str
        Initiative that must have been held in the same area before: its n-th holding there precedes the n-th of this.
        Campaigns and webinars, which reach many areas, go only with each other, whatever their areas.
    requires_gap_weeks : int
        Least weeks from that holding to this.
    follow_up : str
        Initiative that each holding of this obliges to, in the same area.
    follow_weeks : int
        Most weeks until the follow-up.
    items : int
        Printed items of one holding, from the stock of the distribution point.
    """

    name: str
    type: str
    kinds: tuple[str, ...]
    hours: float
    cost: float
    reach: int
    effect: float
    effect_source: str
    skills: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    most: int = 7
    effect_low: float | None = None
    effect_high: float | None = None
    half_life_weeks: float = float("inf")
    reporting: float = 0.0
    topics: tuple[str, ...] = ()
    material: str = ""
    audience: str = ""
    staff_hours: float | None = None
    partner_hours: float = 0.0
    volunteer_hours: float = 0.0
    trains_hours: float = 0.0
    lead_days: int = 0
    areas: tuple[str, ...] = ()
    fixed_cost: float = 0.0
    earmark: str = ""
    least: int = 0
    most_per_week: int | None = None
    area_gap_weeks: int = 0
    requires: str = ""
    requires_gap_weeks: int = 0
    follow_up: str = ""
    follow_weeks: int = 4
    items: int = 0

    @property
    def place(self) -> str:
        """Where it takes place: a value of `INITIATIVE_TYPES`."""
        return INITIATIVE_TYPES[self.type]

    @property
    def team_hours(self) -> float:
        """Hours of the team that one holding costs."""
        return self.hours if self.staff_hours is None else self.staff_hours


@dataclass(frozen=True)
class Venue:
    """A place where workshops can be held: an organisation's room, never a private address.

    Parameters
    ----------
    name : str
        Column `venue`.
    area : str
        Area it lies in (column `area`, or `district` where the areas are the districts).
    capacity : int
        People it holds.
    opens, closes : datetime.time
        Local opening hours.
    weekdays : tuple of int
        Open weekdays, Monday 0 (column `weekdays`, "mon;tue;…"; empty means all).
    partner : str
        Organisation that runs it.
    reach_areas : tuple of str
        Areas whose residents come there; empty: its own.
    audiences : tuple of str
        Audiences it suits; empty: all.
    closed : tuple of datetime.date
        Blackout dates.
    lon, lat : float, optional
        Degrees (WGS84); None if not known: the middle of its area.
    """

    name: str
    area: str
    capacity: int
    opens: dt.time
    closes: dt.time
    weekdays: tuple[int, ...] = EVERY_DAY
    partner: str = ""
    reach_areas: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    closed: tuple[dt.date, ...] = ()
    lon: float | None = None
    lat: float | None = None


@dataclass(frozen=True)
class Partner:
    """An organisation that takes part, never a person.

    Parameters
    ----------
    name : str
        Column `partner`.
    mailbox : str
        Role mailbox, such as outreach@example.org; mailboxes that look like a person's are refused.
    areas : tuple of str
        Areas it serves; empty: all.
    audiences, languages : tuple of str
        Whom it serves, and in which languages; empty: all.
    hours : float
        In-kind hours over the plan.
    closed : tuple of datetime.date
        Blackout dates.
    funds : float
        Earmarked money it gives; pays for holdings with it alone.
    lead_days : int
        Days of notice it needs.
    declined : bool
        Whether it takes no part this time.
    """

    name: str
    mailbox: str = ""
    areas: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    hours: float = 0.0
    closed: tuple[dt.date, ...] = ()
    funds: float = 0.0
    lead_days: int = 0
    declined: bool = False


@dataclass(frozen=True)
class Point:
    """A distribution point for materials.

    Parameters
    ----------
    name, area : str
        Columns `point`, `area`.
    stock : int
        Printed items there.
    covers : tuple of str
        Areas whose residents pass there; empty: its own.
    share : float
        Share of the audience of these areas that passes there in the plan.
    partner : str
        Organisation that keeps it.
    """

    name: str
    area: str
    stock: int
    covers: tuple[str, ...] = ()
    share: float = 1.0
    partner: str = ""


@dataclass(frozen=True)
class Channel:
    """A channel of campaigns, such as a local newspaper or a social network.

    Parameters
    ----------
    name : str
        Column `channel`.
    areas : tuple of str
        Areas it reaches; empty: all.
    share : float
        Share of the audience of these areas that it can reach at all.
    cost : float
        Money for each use, on top of the initiative's.
    languages, audiences : tuple of str
        What it is made for; empty: all.
    most_per_week : int
        Frequency cap: most campaigns in a week.
    """

    name: str
    areas: tuple[str, ...] = ()
    share: float = 1.0
    cost: float = 0.0
    languages: tuple[str, ...] = ()
    audiences: tuple[str, ...] = ()
    most_per_week: int = 1


@dataclass(frozen=True)
class Fund:
    """Money for some purposes only.

    Parameters
    ----------
    name : str
        Column `fund`.
    amount : float
        Money for the plan.
    areas, types, kinds : tuple of str
        What it may pay for: a holding in one of the areas, of one of the types, against one of the kinds; empty: any.
    partner : str
        The partner whose holdings alone it pays for; blank: any.
    """

    name: str
    amount: float
    areas: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    partner: str = ""


@dataclass(frozen=True)
class Answer:
    """What a partner answered to an item of an earlier plan: it is kept as it was, or not offered again.

    Parameters
    ----------
    id : str
        The item's.
    confirmed : bool
        False: declined.
    initiative, venue, partner, area, team, point, channel : str
        What the item was.
    start : datetime.datetime
        Aware UTC time at which it starts.
    """

    id: str
    confirmed: bool
    initiative: str
    partner: str
    area: str
    start: dt.datetime
    venue: str = ""
    team: str = ""
    point: str = ""
    channel: str = ""


@dataclass(frozen=True)
class Offers:
    """Everything that outreach may be made of.

    Parameters
    ----------
    initiatives, venues, partners, points, channels, funds : tuple
        The tables of the job.
    answers : tuple of Answer
        What partners answered to an earlier plan.
    notes : tuple of str
        What a planner should know of the files.
    """

    initiatives: tuple[Initiative, ...] = ()
    venues: tuple[Venue, ...] = ()
    partners: tuple[Partner, ...] = ()
    points: tuple[Point, ...] = ()
    channels: tuple[Channel, ...] = ()
    funds: tuple[Fund, ...] = ()
    answers: tuple[Answer, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class OutreachAreas:
    """The areas that outreach is planned for, such as neighbourhoods.

    Parameters
    ----------
    names : tuple of str
        Labels.
    cell_area : (n_cells,) int32
        Area of each cell, -1 for none.
    residents : (n_areas,) float64
        People who live there.
    internet : (n_areas,) float64
        Share of them who can be reached online.
    speaks : mapping of str to (n_areas,) float64
        Share of the residents who speak each language; a language that is not named is spoken by all.
    x, y : (n_areas,) float64
        Middle of each area in the metres of the tessellation.
    lon, lat : (n_areas,) float64
        The same in degrees.
    """

    names: tuple[str, ...]
    cell_area: Ints
    residents: Floats
    internet: Floats
    speaks: Mapping[str, Floats] = field(default_factory=dict)
    x: Floats = field(default_factory=lambda: np.zeros(0))
    y: Floats = field(default_factory=lambda: np.zeros(0))
    lon: Floats = field(default_factory=lambda: np.zeros(0))
    lat: Floats = field(default_factory=lambda: np.zeros(0))

    def __post_init__(self) -> None:
        freeze(self)


NEED_COLUMNS = {
    "area": "str", "kind": "str", "expected": "float64", "harm": "float64", "recent": "int64", "before": "int64",
    "days": "int32", "trend": "float64", "trend_lower": "float64", "trend_upper": "float64", "survey": "float64",
    "survey_lower": "float64", "survey_upper": "float64", "survey_n": "int32", "requests": "float64",
    "factor": "float64", "need": "float64",
}  # fmt: skip
"""Per area and kind: events and harm expected in a week, events of the last `days` days and of the same days a year (or
else one window) before, their ratio with its interval, the survey's estimate and answers (NaN where unknown), requests
per 1,000 residents, the factor that these make of the harm, and the need: harm × factor."""


@dataclass(frozen=True, eq=False)
class Needs:
    """What the areas need, by kind.

    Parameters
    ----------
    areas, kinds : tuple of str
        Labels.
    need : (n_areas, n_kinds) float64
        Expected harm in a week, times what trend, survey and requests make of it.
    frame : DataFrame
        `NEED_COLUMNS`, one row per area and kind.
    formula : str
        How the need was made, with the weights.
    notes : tuple of str
        What a reader must know.
    """

    areas: tuple[str, ...]
    kinds: tuple[str, ...]
    need: Floats
    frame: pd.DataFrame
    formula: str = ""
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)


OUTREACH_TYPES = {
    "initiative": "str", "team": "str", "venue": "str", "partner": "str", "area": "str",
    "start": "datetime64[s, UTC]", "stop": "datetime64[s, UTC]", "cost": "float64", "reach": "int32", "type": "str",
    "kinds": "str", "benefit": "float64", "reason": "str", "id": "str", "sequence": "int32", "fund": "str",
    "audience": "str", "languages": "str", "topics": "str", "channel": "str", "point": "str", "items": "int32",
    "staff_hours": "float64", "partner_hours": "float64", "lon": "float64", "lat": "float64", "status": "str",
}  # fmt: skip
"""One row per holding, in order of start. `area` is where it is held; of several areas (online, channels) the labels
with `;` between. `id` is stable: the same holding of a later plan bears it again, and `sequence` counts its changes.
`benefit` is the expected harm prevented, `reach` the contacts, `partner` blank where none takes part; `status` is
"draft", or "confirmed" where its partner confirmed it."""

OUTREACH_COLUMNS = tuple(OUTREACH_TYPES)

AREA_TYPES = {
    "area": "str", "residents": "float64", "need": "float64", "harm": "float64", "holdings": "int32",
    "contacts": "float64", "prevented": "float64", "prevented_low": "float64", "prevented_high": "float64",
    "reporting": "float64",
}  # fmt: skip
"""Per area over the time that effects count: need and expected harm, holdings, contacts, harm prevented with its
spread, and the assumed rise of the reported share (a share, kept apart from the harm)."""

FUND_TYPES = {"fund": "str", "amount": "float64", "spent": "float64", "holdings": "int32"}
"""Per fund; the general budget is the fund ""."""

DETACHED_TYPES = {"unit": "str", "shift": "str", "hours": "float64"}
"""Units that serve outreach instead of patrol in a shift."""


def item_ids(items: pd.DataFrame, known: Iterable[tuple[str, str, pd.Timestamp]] = ()) -> list[str]:
    """Return a stable id for each planned holding.

    A new id is made of initiative, place, week and number there. Holdings that are known (triples of `item_key`, id and
    start, of an earlier plan or of answers) keep theirs: first those at the same time, then, of the same initiative and
    place, in order of time. So calendars can be updated, and answers find what they were about.
    """
    left: dict[str, dict[str, pd.Timestamp]] = {}
    for key, name, start in known:
        left.setdefault(key, {})[name] = start
    used = {name for ids in left.values() for name in ids}
    keys, starts = [item_key(row) for row in items.itertuples()], list(items["start"])
    found: list[str] = [""] * len(keys)
    by_time = sorted(range(len(keys)), key=lambda n: (starts[n], n))
    for same_time in (True, False):
        for n in by_time:
            key = keys[n]
            mine = left.get(key, {})
            fits = [name for name, at in mine.items() if not same_time or at == starts[n]]
            if not found[n] and fits:
                found[n] = min(fits, key=lambda name: (mine[name], name))
                del mine[found[n]]
    for n in by_time:
        number = 0
        while not found[n]:
            number += 1
            text = f"{keys[n]}|{starts[n]:%G-%V}|{number}"
            name = "O-" + hashlib.sha256(text.encode()).hexdigest()[:12]
            if name not in used:
                found[n] = name
                used.add(name)
    return found


def item_key(row: Any) -> str:
    """Return what a holding is but for its time: initiative and place."""
    return "|".join((row.initiative, row.area, row.venue, row.point, row.channel, row.partner))


def typed_table(types: Mapping[str, str], records: list[dict[str, object]] | None = None) -> pd.DataFrame:
    """Return a table of these columns and types."""
    return pd.DataFrame(records or [], columns=list(types)).astype(dict(types))


@dataclass(frozen=True, eq=False)
class OutreachPlan:
    """Which initiative is held where, when, by whom.

    Parameters
    ----------
    items : DataFrame
        `OUTREACH_TYPES`; `start`, `stop` are UTC timestamps.
    areas, funds, detached : DataFrame
        `AREA_TYPES`, `FUND_TYPES`, `DETACHED_TYPES`.
    needs : DataFrame
        `NEED_COLUMNS`.
    worth : DataFrame
        `WORTH_COLUMNS`: expected harm prevented that doing without a limit, or more money, would add.
    objective, bound : float
        Expected harm prevented, under the assumed effects, and its proven upper bound.
    low, high : float
        The same plan under the low and the high ends of the assumed effects.
    budget, spent : float
        Money allowed (all funds) and used.
    unmet : tuple of str
        What could not be offered, each with its cause.
    notes : tuple of str
        Formula of the need, assumptions and their sources, what fairness cost.
    offers : Offers
        What the plan was made of.
    """

    items: pd.DataFrame
    objective: float = 0.0
    bound: float = 0.0
    budget: float = 0.0
    spent: float = 0.0
    unmet: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    notes: tuple[str, ...] = ()
    areas: pd.DataFrame = field(default_factory=lambda: typed_table(AREA_TYPES))
    funds: pd.DataFrame = field(default_factory=lambda: typed_table(FUND_TYPES))
    detached: pd.DataFrame = field(default_factory=lambda: typed_table(DETACHED_TYPES))
    needs: pd.DataFrame = field(default_factory=lambda: typed_table(NEED_COLUMNS))
    worth: pd.DataFrame = field(default_factory=lambda: empty_table(WORTH_COLUMNS))
    offers: Offers = field(default_factory=Offers)

    @classmethod
    def none(cls) -> OutreachPlan:
        """Return the plan of a job without outreach."""
        return cls(typed_table(OUTREACH_TYPES))

    @property
    def gap(self) -> float:
        """Relative gap."""
        return gap(self.objective, self.bound)
