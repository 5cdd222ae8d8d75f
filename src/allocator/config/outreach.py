"""Sections of a job about outreach."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from allocator.config.base import FilePath, Numbers, Section, Share, Texts
from allocator.errors import some


class AreasSection(Section):
    """`[outreach.areas]`: the areas that outreach is planned for, and who lives there."""

    file: FilePath | None = None
    """Polygons with a label each; without it the areas are the districts."""
    layer: str | None = None
    """Layer of a GeoPackage."""
    column: str | None = None
    """Column with the label."""
    profile: FilePath
    """`area, residents, internet, languages`: residents, share of them who can be reached online (default 1), and
    shares who speak each language, such as "en=0.9;es=0.4" (a language that is not named is spoken by all)."""

    @model_validator(mode="after")
    def _column_with_file(self) -> AreasSection:
        if bool(self.file) != bool(self.column):
            raise ValueError("file and column go together: the polygons, and their column of labels")
        return self


class NeedsSection(Section):
    """`[outreach.needs]`: what makes an area's need more or less than the harm expected there.

    need = harm × exp(trend_weight · ln(trend) + survey_weight · survey + requests_weight · requests), where `trend` is
    the ratio of recent to earlier events (shrunk), `survey` and `requests` are standardised over the areas; the factor
    stays between 1 / most_factor and most_factor.
    """

    trend_weight: float = Field(0.0, ge=-5, le=5)
    """Weight of the trend."""
    survey_weight: float = Field(0.0, ge=-5, le=5)
    """Weight of the survey's estimate; areas where it is unknown stand at the mean."""
    requests_weight: float = Field(0.0, ge=-5, le=5)
    """Weight of requests by communities."""
    most_factor: float = Field(3.0, ge=1, le=100)
    """Largest factor, and its inverse the smallest."""
    days: int = Field(91, ge=7, le=366)
    """Days of the recent window that the trend compares with the same days a year earlier."""
    requests: FilePath | None = None
    """`area, date, requests, topic`: counts of requests by communities; no names, no texts."""


class SurveySection(Section):
    """`[outreach.survey]`: a survey of residents, one row per answer."""

    file: FilePath
    """CSV or Parquet."""
    question: str
    """Column with the answers: numbers, or 0 and 1. More means more need (fear, victimisation, distrust)."""
    area: str = "area"
    """Column with the area."""
    weight: str | None = None
    """Column with the survey weights; without it all weigh the same."""
    stratum: str | None = None
    """Column with the strata."""
    cluster: str | None = None
    """Column with the primary sampling units."""
    confidence: float = Field(0.95, gt=0.5, lt=1)
    """Level of the intervals."""
    min_answers: int = Field(30, ge=2, le=10_000)
    """Areas with fewer answers are shrunk towards the whole, or shown as unknown."""
    small: Literal["shrink", "unknown"] = "shrink"
    """What is done with them."""
    synthetic: bool = False
    """Whether the survey is invented; said wherever it is used."""


class Floor(Section):
    """`[[outreach.floors]]`: holdings that an area, or a district, gets in any case."""

    area: str | None = None
    """An area."""
    district: str | None = None
    """All areas of a district together."""
    least: int = Field(1, ge=0)
    """Fewest holdings."""

    @model_validator(mode="after")
    def _one_place(self) -> Floor:
        if bool(self.area) == bool(self.district):
            raise ValueError("name either an area or a district")
        return self


class SharedSection(Section):
    """`[outreach.shared]`: patrol units that can do outreach instead, and what their patrol is worth."""

    skill: str
    """Units with this skill can hold initiatives in their shifts; skills and languages of `units.csv` count."""
    patrol_value: float = Field(gt=0, le=1)
    """Assumed share of the covered harm that patrol prevents: the rate at which the two are traded."""
    source: str = Field(min_length=1)
    """Where that comes from; printed with the plan."""
    least_share: Share = 0.0
    """Least share of outreach in the hours of patrol and outreach together, in the weeks that patrol is planned for."""
    most_share: Share = 1.0
    """Most of it."""

    @model_validator(mode="after")
    def _in_order(self) -> SharedSection:
        if self.least_share > self.most_share:
            raise ValueError(f"least_share = {self.least_share:g} is above most_share = {self.most_share:g}")
        return self


class BulletinSection(Section):
    """`[outreach.bulletin]`: drafts for the public, which a person approves."""

    min_count: int = Field(5, ge=1, le=1000)
    """Counts below this are not shown."""
    languages: Annotated[tuple[str, ...], Field(strict=False, min_length=1)] = ("en", "es")
    """Languages of the catalogues, in this order."""
    post_lengths: Annotated[tuple[int, ...], Field(strict=False, min_length=1)] = (280, 500)
    """Longest texts of short posts, in characters."""
    contact: str = ""
    """Where feedback goes: a role mailbox or a page."""


class OutreachSection(Section):
    """`[outreach]`: initiatives offered to the optimiser, jointly with patrol."""

    initiatives: FilePath
    """Table (CSV), or `[[initiative]]` entries (TOML); see `allocator.domain.Initiative` for the keys."""
    areas: AreasSection
    """The areas, and who lives there."""
    venues: FilePath | None = None
    """`venue, area, capacity, opens, closes, weekdays, partner, reach_areas, audiences, closed, lon, lat`: rooms."""
    partners: FilePath | None = None
    """`partner, mailbox, areas, audiences, languages, hours, closed, funds, lead_days, declined`: organisations."""
    points: FilePath | None = None
    """`point, area, stock, covers, share, partner`: distribution points for materials."""
    channels: FilePath | None = None
    """`channel, areas, share, cost, languages, audiences, most_per_week`: channels of campaigns."""
    funds: FilePath | None = None
    """`fund, amount, areas, types, kinds, partner`: earmarked money, on top of the budget."""
    answers: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()
    """Files in which partners confirmed or declined items of an earlier plan (`answers.csv` of their packages)."""
    delivered: Annotated[tuple[FilePath, ...], Field(strict=False)] = ()
    """What happened to the items of earlier plans (`delivery.csv`, filled in): capacities and lead times are learnt."""
    earlier: FilePath | None = None
    """`outreach.parquet` of an earlier plan for the same time: items that change keep their id and count it."""
    topics: dict[str, Texts] = {}
    """Offence kinds that each topic is about."""
    weeks: int | None = Field(None, ge=1, le=13)
    """Weeks planned, from the first day of the job; by default those of the job."""
    horizon_weeks: float = Field(13.0, gt=0, le=520)
    """Weeks after a holding over which its effect counts."""
    budget: float = Field(0.0, ge=0, le=1e12)
    """General money for the plan, in the currency of the costs."""
    fairness: Literal["sum", "max_min"] = "sum"
    """ "sum": most harm prevented; "max_min": first as many contacts per resident as can be where they are fewest."""
    floors: Annotated[tuple[Floor, ...], Field(strict=False)] = ()
    """Holdings that areas or districts get in any case."""
    most_per_area_week: int | None = Field(None, ge=1)
    """Burden cap: most holdings in one area and week."""
    most_minutes_per_area_week: int | None = Field(None, ge=0)
    """Burden cap: most minutes of patrol visits and holdings together in one area and planned week of patrol."""
    visits_near_events: bool = False
    """Whether each event at a venue gets patrol visits nearby in the shifts before its start and after its end."""
    travel_kmh: float = Field(25.0, gt=0, le=150)
    """Speed of the teams between holdings."""
    changeover_minutes: int = Field(30, ge=0, le=240)
    """Least minutes of a team between two holdings, to pack up; travel comes on top where it takes longer."""
    materials_hours: Annotated[tuple[dt.time, dt.time], Field(strict=False)] = (dt.time(9), dt.time(18))
    """Local hours of everything that is held at no venue, but online events, which may last until `online_until`."""
    online_until: dt.time = dt.time(21)
    """Latest end of online events."""
    budget_scenarios: Numbers = (-0.1, -0.2)
    """Changes of all money, as shares, that `allocator scenarios` plans for."""
    share_scenarios: Numbers = (0.15,)
    """Floors of outreach in all hours that `allocator scenarios` plans for, where units are shared."""
    needs: NeedsSection = NeedsSection()
    """What makes an area's need."""
    survey: SurveySection | None = None
    """A survey of residents."""
    shared: SharedSection | None = None
    """Patrol units that can do outreach."""
    bulletin: BulletinSection = BulletinSection()
    """Drafts for the public."""
    worth: bool = True
    """Whether the worth of limits and money is found by solving again."""
    effort: float = Field(2.0, ge=0.1)
    """Deterministic work limit of CP-SAT per calendar week, in its own units; no clock decides the result."""

    @model_validator(mode="after")
    def _possible(self) -> OutreachSection:
        faults = []
        if wrong := [change for change in self.budget_scenarios if not -1 <= change <= 10 or change == 0]:
            faults.append(f"budget_scenarios: {some(wrong)} cannot be: a change is -1 or more, and not 0")
        if wrong := [share for share in self.share_scenarios if not 0 <= share <= 1]:
            faults.append(f"share_scenarios: {some(wrong)} cannot be: a share is from 0 to 1")
        if self.materials_hours[0] >= self.materials_hours[1]:
            faults.append("materials_hours: the second time must be after the first")
        if faults:
            raise ValueError("\n".join(faults))
        return self
