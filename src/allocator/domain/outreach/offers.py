"""What outreach can offer: initiatives, venues, partners, points, channels, funds."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from allocator.facts import Note

VENUE, AREA, POINT, CHANNEL, ONLINE = "venue", "area", "point", "channel", "online"
"""Where an initiative takes place."""

INITIATIVE_TYPES: dict[str, str] = {
    "campaign": CHANNEL, "workshop": VENUE, "seminar": VENUE, "webinar": ONLINE, "materials": POINT, "watch": AREA,
    "meeting": VENUE, "education": VENUE, "site_survey": AREA, "train_the_trainer": VENUE,
}  # fmt: skip
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
    notes : tuple of Note
        What a planner should know of the files.
    """

    initiatives: tuple[Initiative, ...] = ()
    venues: tuple[Venue, ...] = ()
    partners: tuple[Partner, ...] = ()
    points: tuple[Point, ...] = ()
    channels: tuple[Channel, ...] = ()
    funds: tuple[Fund, ...] = ()
    answers: tuple[Answer, ...] = ()
    notes: tuple[Note, ...] = ()
