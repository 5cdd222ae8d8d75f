"""Sections of a job about patrol: limits, targets, routes."""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Literal

from pydantic import Field, model_validator

from allocator.config.base import FilePath, Numbers, Place, Section, Share, Texts


class Band(Section):
    """`[[allocation.bands]]`: least and most unit-shifts of a district over the plan."""

    district: str
    """District label."""
    least: int = Field(0, ge=0)
    """Fewest unit-shifts."""
    most: int | None = Field(None, ge=0)
    """Most unit-shifts; None means no limit."""

    @model_validator(mode="after")
    def _ordered(self) -> Band:
        if self.most is not None and self.most < self.least:
            raise ValueError(f"band of district {self.district!r}: most {self.most} is below least {self.least}")
        return self


class Exposure(Section):
    """`[[allocation.exposure]]`: patrol minutes near a group of residents, held within a band of the city's."""

    name: str = Field(min_length=1)
    """The group, as it is called in the plan."""
    file: FilePath
    """Polygons with residents: GeoJSON, GeoPackage, Shapefile."""
    column: str
    """Column with the residents of the group."""
    of: str
    """Column with all residents."""
    within: float = Field(0.1, ge=0, lt=1)
    """Minutes per resident of the group may differ from minutes per resident of the city by this share."""


class Equity(Section):
    """`[allocation.equity]`: how differently districts may be served."""

    measure: Literal["minutes", "coverage"] = "minutes"
    """What is compared between districts: patrol time for the harm expected there, or the share of that harm that is
    covered. Small busy districts are covered more by the same time, so "coverage" can ask for the impossible."""
    form: Literal["band", "max_min"] = "band"
    """"band": every district within a share of the city's; "max_min": the worst-off district as well off as can be,
    then harm."""
    within: float = Field(0.1, ge=0, lt=1)
    """Half width of the band, as a share of the city's value: 0.1 is from 10 % below to 10 % above."""


class Cost(Section):
    """`[[allocation.costs]]`: what a unit costs in some shifts, where it is not `unit_cost`."""

    shifts: Texts = ()
    """Names of shifts; empty means all."""
    weekdays: Annotated[tuple[Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"], ...], Field(strict=False)] = ()
    """Days on which the shift starts; empty means all."""
    cost: float = Field(ge=0, le=1e9)
    """Cost of one unit for one shift. A later entry goes before an earlier one."""


class Need(Section):
    """`[[allocation.needs]]`: units with a skill, or of a vehicle type, that districts must have."""

    skill: str | None = None
    """A skill of `units.csv`,"""
    type: str | None = None
    """or a type."""
    district: str | None = None
    """The district; None: every district."""
    shifts: Texts = ()
    """Names of shifts; empty means all."""
    units: int = Field(1, ge=1)
    """Fewest such units in the district and shift. A unit with two skills counts for both."""

    @model_validator(mode="after")
    def _one_kind(self) -> Need:
        if (self.skill is None) == (self.type is None):
            raise ValueError("a need names one of skill and type")
        return self


class Dosage(Place):
    """`[[allocation.dosage]]`: least and most patrol of each cell of a place over the plan."""

    reason: str = Field(min_length=1)
    """Why; shown with the plan."""
    least_minutes: int = Field(0, ge=0)
    """Fewest minutes for each cell over the plan."""
    most_minutes: int | None = Field(None, ge=0)
    """Most minutes for each cell over the plan."""

    @model_validator(mode="after")
    def _ordered(self) -> Dosage:
        if self.most_minutes is not None and self.most_minutes < self.least_minutes:
            raise ValueError(f"{self.label}: most_minutes {self.most_minutes} is below least {self.least_minutes}")
        return self


class Request(Place):
    """`[[allocation.requests]]`: patrol that a community asks for."""

    by: str = Field(min_length=1)
    """The organisation that asks, never a person."""
    minutes: int = Field(ge=1)
    """Patrol minutes over the plan in the place as a whole."""
    shifts: Texts = ()
    """Names of the shifts in which they count; empty means all."""


class AllocationSection(Section):
    """`[allocation]`: how patrol is shared out."""

    solver: str = "flow"
    """A name of the registry `allocator.planning.SOLVERS`: "flow" (optimal), "greedy", "proportional". Where a limit
    below needs more than a flow, "flow" hands over to "highs"."""
    block_minutes: int = Field(15, ge=5, le=120)
    """Length of one visit. Koper (1995): 10 to 16 minutes give the longest calm afterwards."""
    diminishing: float = Field(0.7, gt=0, le=5)
    """a in the value of the k-th visit, exp(-a(k-1)) - exp(-ak): higher means the first visit counts more."""
    max_blocks: int = Field(3, ge=1, le=96)
    """K: most visits per cell and shift."""
    directed_share: float = Field(0.5, gt=0, le=1)
    """Share of a shift free for directed patrol; the rest answers calls. With `staffing.calls` the workload of the
    calls decides instead."""
    travel_minutes: float = Field(4.0, ge=0)
    """Travel allowed for per visit when the plan is made; the routes then use real distances."""
    spillover: float = Field(0.0, ge=0, le=1)
    """Share of a visit's effect that each neighbouring cell has of it; an assumption, 0 by default."""
    bands: Annotated[tuple[Band, ...], Field(strict=False)] = ()
    """Weekly bands per district."""
    max_days_running: int | None = Field(None, ge=1, le=27)
    """Most days running on which one cell is visited."""
    unit_cost: float = Field(1.0, ge=0, le=1e9)
    """Cost of one posted unit for one shift; a unit in reserve costs nothing."""
    costs: Annotated[tuple[Cost, ...], Field(strict=False)] = ()
    """Shifts in which it is another."""
    budget: float | None = Field(None, ge=0, le=1e12)
    """Most cost over the plan."""
    equity: Equity | None = None
    """Equity between districts."""
    exposure: Annotated[tuple[Exposure, ...], Field(strict=False)] = ()
    """Equity between groups of residents."""
    needs: Annotated[tuple[Need, ...], Field(strict=False)] = ()
    """Skills and vehicle types."""
    dosage: Annotated[tuple[Dosage, ...], Field(strict=False)] = ()
    """Floors and caps of single cells over the plan."""
    requests: Annotated[tuple[Request, ...], Field(strict=False)] = ()
    """Requested attention."""
    community: Annotated[tuple[Place, ...], Field(strict=False)] = ()
    """Places of community patrol: parks, schools, shopping streets."""
    community_share: Share = 0.0
    """Least share of the visits that go to places of community patrol."""
    worth: bool = True
    """Say what each limit costs, by solving again without it or with one unit more."""

    @model_validator(mode="after")
    def _community_somewhere(self) -> AllocationSection:
        if self.community_share and not self.community:
            raise ValueError("community_share needs [[allocation.community]]: the places")
        return self


class PlaceWindow(Place):
    """`[[routes.windows]]`: a place that is visited only between two times of the day."""

    earliest: dt.time
    """Local time before which no visit there begins."""
    latest: dt.time
    """Local time by which every visit there is over; at or before `earliest` it means the next day."""
    reason: str = ""
    """Why, for the planner: school hours, market days."""

    @property
    def minutes(self) -> int:
        """Length by the clock."""
        first, last = (60 * time.hour + time.minute for time in (self.earliest, self.latest))
        return (last - first - 1) % (24 * 60) + 1

    @model_validator(mode="after")
    def _not_empty(self) -> PlaceWindow:
        if self.earliest == self.latest:
            raise ValueError(f"a window has zero length: earliest and latest are both {self.earliest}")
        return self


class RoutesSection(Section):
    """`[routes]`: visits of a unit inside its shift."""

    speed_kmh: float = Field(25.0, gt=0, le=150)
    """Speed of units whose own is not given."""
    detour: float = Field(1.3, ge=1, le=5)
    """Road distance over straight-line distance."""
    briefing_minutes: int = Field(15, ge=0, le=120)
    """No visit before this time into the shift."""
    return_minutes: int = Field(45, ge=0, le=600)
    """Least minutes between two visits of a cell in a shift. Koper (1995): return at random times, at least every two
    hours."""
    break_minutes: int = Field(30, ge=0, le=120)
    """Break of a unit, without visits; 0: none is planned."""
    break_from_hours: float = Field(6.0, ge=0, le=48)
    """Shifts of at least so many hours have a break."""
    break_window: Annotated[Numbers, Field(min_length=2, max_length=2)] = (0.3, 0.75)
    """The break lies between these shares of the shift."""
    windows: Annotated[tuple[PlaceWindow, ...], Field(strict=False)] = ()
    """Places that are visited only between two times of the day."""
    matrix: FilePath | None = None
    """Minutes of travel, as a table `from, to, minutes`, a square table with the labels as header and first column
    (CSV, Parquet), or arrays `labels, minutes` (.npz); by default distance times `detour` over speed."""
    matrix_by: Literal["cell", "beat", "district"] = "beat"
    """What the labels of the matrix name; beats and districts have the minutes within them on the diagonal."""
    streets: FilePath | None = None
    """Streets as lines (GeoPackage, GeoJSON, Shapefile): travel is along them, by the shortest time."""
    streets_speed: str | None = None
    """Column with the speed on the street in km/h; without it, or where it is missing, that of the unit."""
    streets_oneway: str | None = None
    """Column that says whether a street is driven only in the direction of its line (1, true, yes)."""
    iterations: int = Field(60, ge=1, le=1_000_000)
    """Iterations of each run of the route search; a budget that no clock touches, so that plans repeat."""
    runs: int = Field(2, ge=1, le=1000)
    """Runs per district and shift, each from a start of its own; the lottery adds two for each."""
    lottery: bool = True
    """Draw the routes from many that are nearly as good, so that patrol cannot be foreseen."""
    variants: int = Field(24, ge=1, le=1000)
    """Most routes per district and shift in the lottery."""
    slack: Share = 0.03
    """Share of the best delivered gain that a route of the lottery may give up."""
    threads: int = Field(1, ge=0)
    """Threads that search routes (0: all cores). The result does not depend on it, and little is gained: for a week of
    Chicago's size two threads took 26 to 37 s, one took 21 to 42 s, because half of the work holds Python's lock."""

    @model_validator(mode="after")
    def _consistent(self) -> RoutesSection:
        faults = []
        if not 0 <= self.break_window[0] < self.break_window[1] <= 1:
            faults.append(f"break_window must be two shares, the earlier first: {self.break_window}")
        if self.matrix and self.streets:
            faults.append("give either matrix or streets, not both")
        if (self.streets_speed or self.streets_oneway) and not self.streets:
            faults.append("streets_speed and streets_oneway need streets: the file")
        if faults:
            raise ValueError("\n".join(faults))
        return self
