"""Does planning help? Plans of past weeks, made from what was known before each, against the harm that occurred.

It is harm met, not harm prevented: an event counts as met by the value of the visits that a plan had set for its cell
and shift. What the visits would have prevented, or moved elsewhere, no record of the past can tell.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field

import numpy as np

from allocator.config import AllocationSection, Policy, RiskSection, RoutesSection, StaffingSection
from allocator.domain import AllocationProblem, Calls, Covariates, Floats, Givens, Panel, RiskSurface, Roster, Shift
from allocator.errors import ConfigError, DataError
from allocator.evaluation.forecasts import Progress, in_folds
from allocator.evaluation.plans.clock import CLOCK_MEASURES, ByClock, HourlyRates, clock_sums
from allocator.evaluation.plans.occurred import Occurred, occurred
from allocator.evaluation.plans.rivals import FORESIGHT, PLANS, Made, Setting, foresight, make_plans
from allocator.evaluation.plans.scorecard import MEASURES, PlanScorecard
from allocator.facts import Note, note
from allocator.planning import RouteTerms, delivered_visits, staff, straight, with_workload
from allocator.planning.allocation import covered
from allocator.risk import Fitted, check_model, fit, windows_of
from allocator.risk import covered as source_covers


@dataclass(frozen=True, eq=False)
class PlanWeek:
    """A week to plan again.

    Parameters
    ----------
    roster : Roster
        Its shifts, and who is on duty.
    staffing : StaffingSection
        Its minimums.
    """

    roster: Roster
    staffing: StaffingSection = StaffingSection()

    @property
    def cutoff(self) -> dt.date:
        """First planned day, and first that nothing is known of."""
        return min(shift.day for shift in self.roster.shifts)


@dataclass(frozen=True, eq=False)
class PlanTerms:
    """What is the same in every week.

    Parameters
    ----------
    policy, allocation, routes
        Sections of a job; of `routes`, speed and detour count where calls are given.
    model : str
        Forecast, a name of `risk.MODELS` or "auto".
    horizon_days : int
        Horizon of the fit.
    options : RiskSection
        Settings of the forecast.
    harm : mapping of str to float
        Harm weight per kind; 1 where not given.
    givens : Givens
        Places and residents.
    covariates : Covariates, optional
        What is known of places and days beside the events.
    calls : Calls, optional
        Calls for service; each week is staffed from those before it, and without where there are none.
    seed : int
        Seed of the forecast and of what is drawn at random.
    by_clock : bool
        Drive every plan's routes too, and count the events soon after each visit.
    """

    policy: Policy = Policy()
    allocation: AllocationSection = AllocationSection()
    routes: RoutesSection = RoutesSection()
    model: str = "auto"
    horizon_days: int = 7
    options: RiskSection = field(default_factory=RiskSection)
    harm: Mapping[str, float] = field(default_factory=dict)
    givens: Givens = field(default_factory=Givens)
    covariates: Covariates | None = None
    calls: Calls | None = None
    seed: int = 0
    by_clock: bool = False


@dataclass(frozen=True, eq=False)
class WeekScore:
    """What a week hands back: small numbers only.

    Parameters
    ----------
    sums : mapping of str to (n_plans + 1,) float64
        `MEASURES` by plan, perfect foresight last.
    harm, events, events_between, unknown : float
        All harm and events of the week, those in no planned shift, those without a time of day.
    notes : tuple of Note
        What a reader should know of this week.
    clocked : mapping of str to (n_plans + 1,) float64
        `CLOCK_MEASURES`; empty where they were not asked for, or times carry no time of day.
    """

    sums: Mapping[str, Floats]
    harm: float
    events: float
    events_between: float
    unknown: float
    notes: tuple[Note, ...] = ()
    clocked: Mapping[str, Floats] = field(default_factory=dict)


def plan_backtest(
    panel: Panel, weeks: Sequence[PlanWeek], *, terms: PlanTerms | None = None, executor: Executor | None = None,
    progress: Progress | None = None,
) -> PlanScorecard:  # fmt: skip
    """Plan past weeks from what was known before each, in several ways, and weigh the harm that occurred.

    In every week all plans have the same units on duty, the same minimums and bands, and as many visits of the same
    length in each shift. Harm met is Σ harm weight × (1 - exp(-a × visits planned in the event's cell and shift)): it
    is met, not prevented.

    Parameters
    ----------
    panel : Panel
        The history with the weeks.
    weeks : sequence of PlanWeek
        Weeks to plan, the oldest first; each sees only what was known before its first day.
    terms : PlanTerms, optional
        Settings.
    executor : concurrent.futures.Executor, optional
        Does the weeks; without one they are done one after the other. The answer is the same.
    progress : callable, optional
        Told which week is being done.

    Returns
    -------
    PlanScorecard

    Raises
    ------
    ConfigError
        If no week is given, they are out of order, or the model is unknown.
    DataError
        If the history before the first week is too short, or nothing happened in any.
    InfeasibleError
        If the limits allow no plan of a week; it names them.
    SolverError
        If a worker of the executor ends before its week is done.
    """
    terms = terms or PlanTerms()
    check_model(terms.model)
    _check_weeks(panel, weeks, terms)
    results = in_folds(score_week, [(panel, terms, week) for week in weeks], executor=executor, progress=progress)
    if not any(week.harm > 0 for week in results):
        raise DataError("no harm occurred in any of the weeks: there is nothing to meet")
    names, clocked = (*PLANS, FORESIGHT), all(week.clocked for week in results)
    return PlanScorecard(
        plans=names, cutoffs=tuple(week.cutoff for week in weeks),
        sums={name: np.stack([week.sums[name] for week in results]) for name in MEASURES},
        harm=np.array([week.harm for week in results]), events=np.array([week.events for week in results]),
        notes=_notes(panel, weeks, terms, results), seed=terms.seed, block_minutes=terms.allocation.block_minutes,
        diminishing=terms.allocation.diminishing, days=_days(weeks[0]),
        clocked={name: np.stack([week.clocked[name] for week in results]) for name in CLOCK_MEASURES if clocked},
    )  # fmt: skip


def score_week(panel: Panel, terms: PlanTerms, week: PlanWeek) -> WeekScore:
    """Return the harm that each plan of a week met."""
    known = panel.until(week.cutoff)
    fitted = fit_week(known, terms)
    surface, setting, notes = prepare_week(known, fitted, terms, week)
    problem, plans = make_plans(known, surface, setting)
    weights = np.array([terms.harm.get(kind, 1.0) for kind in panel.kinds], np.float64)
    seen = source_covers(panel, panel.day_index(week.cutoff), _days(week))
    if not seen.all():
        hidden = [kind for kind, there in zip(panel.kinds, seen, strict=True) if not there]
        notes = (*notes, note("studies.kinds_not_covered", week=week.cutoff, kinds=hidden))
    truth = occurred(panel, known, week.roster.shifts, weights * seen)
    plans[FORESIGHT] = foresight(problem, truth.harm)
    clocked: dict[str, Floats] = {}
    if terms.by_clock and known.precision == "minute":
        events = ByClock.of(panel, known, _days(week), weights * seen > 0, seed=terms.seed)
        clocked = _clocked(fitted, setting, problem, plans, terms, events)
    judged = problem.replace(value=truth.harm)
    counted = surface.mean[:, :, (weights * seen) > 0].sum(axis=2, dtype=np.float64)
    minutes = np.array([shift.minutes for shift in week.roster.shifts])
    results = [
        _measures(made, truth, covered(judged, made.blocks), minutes, terms.allocation.block_minutes)
        | {"events_expected": float(counted[made.blocks > 0].sum())}
        for made in plans.values()
    ]
    return WeekScore(
        {name: np.array([sums[name] for sums in results]) for name in MEASURES},
        harm=truth.total_harm, events=truth.total_events, events_between=truth.events_between,
        unknown=truth.unknown, notes=notes, clocked=clocked,
    )  # fmt: skip


def _clocked(
    fitted: Fitted, setting: Setting, problem: AllocationProblem, plans: Mapping[str, Made], terms: PlanTerms,
    events: ByClock,
) -> dict[str, Floats]:  # fmt: skip
    """Return `CLOCK_MEASURES` of each plan, (n_plans,), its visits driven as those of a run are."""
    rate = np.where(events.counted[:, None], fitted.rate * 7 / fitted.horizon, 0.0)
    hours = fitted.profile.over(setting.roster.shifts)
    assert hours is not None
    rates, city = HourlyRates(rate, hours, fitted.panel.timezone), fitted.panel.city
    results = []
    for made in plans.values():
        terms_of_plan = RouteTerms(
            problem.replace(value=made.value), setting.roster, straight(city, terms.routes), terms.allocation,
            terms.routes, seed=terms.seed,
        )  # fmt: skip
        visits = delivered_visits(problem, made.blocks, made.units, city=city, terms=terms_of_plan)
        results.append(clock_sums(visits.cell, visits.start, events, rates))
    return {name: np.array([sums[name] for sums in results]) for name in CLOCK_MEASURES}


def fit_week(known: Panel, terms: PlanTerms) -> Fitted:
    """Return the forecast of the week after what is known."""
    return fit(
        known, terms.model, max(1, terms.horizon_days // known.period_days), options=terms.options,
        covariates=terms.covariates, seed=terms.seed,
    )  # fmt: skip


def prepare_week(
    known: Panel, fitted: Fitted, terms: PlanTerms, week: PlanWeek
) -> tuple[RiskSurface, Setting, tuple[Note, ...]]:
    """Return surface and setting of a week from what was known before it, and what a reader should know."""
    surface = fitted.forecast(shifts=week.roster.shifts, harm=terms.harm)
    givens, notes = _with_calls(known, terms, week)
    seed = terms.seed * 1_000_003 + week.cutoff.toordinal()
    setting = Setting(week.roster, terms.policy, terms.allocation, week.staffing, givens, seed=seed)
    return surface, setting, notes


def _with_calls(known: Panel, terms: PlanTerms, week: PlanWeek) -> tuple[Givens, tuple[Note, ...]]:
    """Return the givens with the needs of the calls before a week; without where there are none to go by."""
    if terms.calls is None:
        return terms.givens, ()
    options = week.staffing.model_copy(update={"total": {}})
    try:
        before = terms.calls.before(week.cutoff)
        found = staff(before, week.roster.shifts, options, city=known.city, roster=week.roster, routes=terms.routes)
    except DataError as error:
        return terms.givens, (note("studies.week_without_calls", week=week.cutoff, because=error.message),)
    if found.districts != known.city.districts:
        return terms.givens, (note("studies.calls_without_district"),)
    on_duty = [len(week.roster.on_duty(shift)) for shift in week.roster.shifts]
    return with_workload(terms.givens, found, on_duty, options)[0], ()


def _measures(made: Made, truth: Occurred, met: Floats, minutes: Floats, block_minutes: int) -> dict[str, float]:
    """Return `MEASURES` of one plan.

    `events_during` are those expected in the cell while a unit is there, if its visits come at any time of the shift
    alike: events × visits × minutes of a visit / minutes of the shift.
    """
    during = truth.events * np.minimum(made.blocks * block_minutes / minutes[:, None], 1.0)
    return {
        "harm_met": float(met.sum()), "events_visited": float(truth.events[made.blocks > 0].sum()),
        "events_during": float(during.sum()), "minutes": float(made.blocks.sum()) * block_minutes,
        "visits": float(made.blocks.sum()), "places": float((made.blocks > 0).sum()),
        "unit_shifts": float(made.units.sum()),
    }  # fmt: skip


def _days(week: PlanWeek) -> int:
    return (max(shift.day for shift in week.roster.shifts) - week.cutoff).days + 1


def _check_weeks(panel: Panel, weeks: Sequence[PlanWeek], terms: PlanTerms) -> None:
    if not weeks:
        raise ConfigError("no week to plan: give one or more folds")
    cutoffs = [week.cutoff for week in weeks]
    if any(later < early + dt.timedelta(days=_days(week))
           for early, later, week in zip(cutoffs, cutoffs[1:], weeks, strict=False)):  # fmt: skip
        raise ConfigError("the weeks to plan overlap or are out of order")
    if cutoffs[-1] >= panel.stop_day:
        raise DataError(f"the history ends on {panel.stop_day}: the week of {cutoffs[-1]} has no events to meet")
    for room, cutoff in enumerate(reversed(cutoffs)):
        try:
            windows_of(panel.until(cutoff), terms.horizon_days, terms.options)
        except DataError as error:
            raise DataError(
                f"the history is too short to plan {len(weeks)} weeks again: there is room for {room}",
                faults=[f"the week of {cutoff}: {error.message}"],
                count=panel.n_days,
            ) from None


def _notes(panel: Panel, weeks: Sequence[PlanWeek], terms: PlanTerms, results: Sequence[WeekScore]) -> tuple[Note, ...]:
    """Return what a reader must know to judge the comparison."""
    notes = list(dict.fromkeys(told for week in results for told in week.notes))
    if (unknown := sum(week.unknown for week in results)) >= 0.5:
        notes.append(note("studies.times_unknown", count=unknown, total=sum(week.events for week in results)))
    if (between := sum(week.events_between for week in results)) >= 0.5:
        notes.append(note("studies.between_shifts", count=between))
    last = max(shift.stop for shift in weeks[-1].roster.shifts).astimezone(zoneinfo.ZoneInfo(panel.timezone))
    if last.replace(tzinfo=None) > dt.datetime.combine(panel.stop_day, dt.time()):
        notes.append(note("studies.last_shift_cut"))
    if panel.reported is not None:
        notes.append(note("studies.reported_late"))
    if terms.covariates is not None and terms.covariates.cells:
        notes.append(note("studies.covariates_undated_weeks"))
    problem_limits = terms.allocation.model_dump(exclude_defaults=True)
    if further := sorted({"budget", "equity", "exposure", "needs", "dosage", "requests", "community_share",
                          "max_days_running"} & set(problem_limits)):  # fmt: skip
        notes.append(note("studies.limits_of_optimiser", limits=further))
    return tuple(notes)


def moved_roster(roster: Roster, shifts: tuple[Shift, ...]) -> Roster:
    """Return a roster with the same units on duty in the shifts of another week, by day of the plan and shift name."""
    first, begin = (min(shift.day for shift in each) for each in (roster.shifts, shifts))
    place = {((shift.day - first).days, shift.name): shift.id for shift in roster.shifts}
    goes_to = {place[key]: shift.id for shift in shifts if (key := ((shift.day - begin).days, shift.name)) in place}
    duty = frozenset((unit, goes_to[shift]) for unit, shift in roster.duty if shift in goes_to)
    return dataclasses.replace(roster, shifts=shifts, duty=duty)
