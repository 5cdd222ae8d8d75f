"""One forecast, many plans: what fewer units, another target, equity between districts or a budget do to the plan."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from allocator.config import AllocationSection, Equity, ScenariosSection
from allocator.domain import Allocation, AllocationProblem, Figures, Ints, Record, RiskSurface, Roster, Staffing, Unit
from allocator.errors import AllocatorError, ConfigError, InfeasibleError, nearest
from allocator.evaluation.plans.rivals import Setting
from allocator.evaluation.plans.scorecard import plain, wrapped
from allocator.facts import Note, note, records
from allocator.planning import build_problem, check_solver, solve, with_workload
from allocator.planning.allocation import covered

BASE, STAFF, TARGET, EQUITY, BUDGET = "as planned", "staff", "target", "equity", "budget"
PLANNED, INFEASIBLE, UNSOLVED = "planned", "infeasible", "not solved"
MAX_MIN, NO_BAND = "max_min", "none"
COLUMNS = (
    "scenario", "group", "setting", "status", "harm_covered", "covered_share", "change", "gap", "on_duty",
    "unit_shifts", "cost", "least_served", "most_served", "target_covered", "conflict",
)  # fmt: skip
BUDGET_SHARES = (0.9, 0.8)

_GOLDEN = (5**0.5 - 1) / 2


@dataclass(frozen=True, eq=False)
class Scenarios:
    """Plans of one forecast under other terms.

    Parameters
    ----------
    frame : DataFrame
        One row per scenario, `COLUMNS`: `status` is "planned", "infeasible" or "not solved", and `conflict` names the
        limits in the way; `harm_covered` is by the job's own harm weights, `covered_share` of all expected harm,
        `change` against the plan of the job; `least_served` and `most_served` are patrol minutes per expected harm
        of the worst-off and the best-off district, relative to the city's (districts that are owed one unit-shift or
        more); `target_covered` is the share of the other
        target's harm.
    expected : float
        Expected harm of the forecast.
    notes : tuple of Note
        What a reader must know.
    outreach : DataFrame
        Outreach plans with less money and with floors of outreach in all hours, where the job has outreach:
        `scenario, money, spent, holdings, contacts, prevented, bound, change, unit_shifts, hours_share, harm_covered,
        patrol_change`.
    """

    frame: pd.DataFrame
    expected: float
    notes: tuple[Note, ...] = ()
    outreach: pd.DataFrame = field(default_factory=pd.DataFrame)

    def table(self) -> pd.DataFrame:
        """Return one row per scenario; see `frame`."""
        return self.frame.copy()

    def frontier(self, group: str) -> pd.DataFrame:
        """Return the plans of a group and that of the job, in order of their setting."""
        rows = self.frame[self.frame["group"].isin([group, BASE])]
        return rows.sort_values("setting", kind="stable").reset_index(drop=True)

    def summary(self, *, width: int = 110) -> str:
        """Return what the scenarios say, those without a plan included, in lines of at most `width`."""
        return wrapped(self._lines(), width)

    def figures(self) -> Figures:
        """Return `values` (numbers by name) and `lines` (label and text), fit for JSON: what is undefined is None."""
        rows = [plain(row) for row in self.frame.to_dict("records")]
        return {
            "values": {
                "expected_harm": self.expected,
                "scenarios": rows,
                "outreach": [plain(row) for row in self.outreach.to_dict("records")],
            },
            "lines": [[label, text] for label, text in self._lines()],
            "notes": records(self.notes),
        }

    def _lines(self) -> list[tuple[str, str]]:
        base = self.frame.iloc[0]
        lines = []
        for row in self.frame.itertuples():
            lines.append(("plan" if row.group == BASE else row.group, self._sentence(row, base)))
        for row in self.outreach.itertuples():
            change = "" if not row.Index else f" ({row.change:+.1%})"
            patrol = ""
            if row.unit_shifts or row.patrol_change:
                less = "less" if row.patrol_change <= 0 else "more"
                than = f"{abs(row.patrol_change):.2%} {less} than with all units"
                patrol = f"; {row.unit_shifts} unit-shifts leave patrol, which covers {than}"
            lines.append((
                "outreach",
                f"{row.scenario}: {row.holdings} holdings for {row.spent:,.0f} of {row.money:,.0f} prevent "
                f"{row.prevented:,.2f} expected harm{change}, {row.hours_share:.1%} of the hours{patrol}",
            ))  # fmt: skip
        return lines + [("note", told.text) for told in self.notes]

    def _sentence(self, row: Record, base: pd.Series) -> str:
        if row.status != PLANNED:
            return f"{row.scenario}: no plan: {row.conflict}"
        if row.group == BASE:
            return (
                f"as planned, {row.unit_shifts:,.0f} unit-shifts cover {row.harm_covered:,.1f} of {self.expected:,.1f} "
                f"expected harm ({row.covered_share:.1%})"
            )
        if not np.isfinite(row.change):
            return f"{row.scenario}: {row.harm_covered:,.1f} of expected harm covered; the job itself has no plan"
        if row.group == STAFF:
            more, less = ("more" if row.on_duty > base.on_duty else "fewer"), ("less" if row.change <= 0 else "more")
            return (
                f"{abs(row.setting / base.on_duty - 1):.0%} {more} unit-shifts ({row.on_duty:,.0f} instead of "
                f"{base.on_duty:,.0f}) cover {abs(row.change):.1%} {less} expected harm"
            )
        if row.group == TARGET:
            return (
                f"planned for {row.scenario}: {row.target_covered:.1%} of that harm covered instead of "
                f"{base.target_covered:.1%}; of the harm of the job {abs(row.change):.1%} {_less(row.change)}"
            )
        served = f"; patrol for the harm expected is {row.least_served:.2f} to {row.most_served:.2f} of the city's"
        return f"{row.scenario} {_costs(row.change)}{served if row.group == EQUITY else ''}"


def compare_scenarios(
    surface: RiskSurface, setting: Setting, options: ScenariosSection | None = None, *, workload: Staffing | None = None
) -> Scenarios:
    """Return plans of one forecast under other terms, each solved anew.

    Parameters
    ----------
    surface : RiskSurface
        Forecast of the planned shifts.
    setting : Setting
        Roster, policy, limits and settings of the job; its givens without the needs of calls.
    options : ScenariosSection, optional
        The scenarios.
    workload : Staffing, optional
        What the calls ask of the units.

    Raises
    ------
    ConfigError
        If the other target names a kind that is not forecast, or there is no such solver.
    """
    check_solver(setting.allocation.solver)
    made = _Maker(surface, setting, options or ScenariosSection(), workload)
    rows = [made.row(BASE, BASE, float(made.on_duty.sum()), setting.roster)]
    rows += [*made.staff(), *made.target(), *made.equity(), *made.budgets(rows[0])]
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    base = frame["harm_covered"].iloc[0]
    frame["change"] = frame["harm_covered"] / base - 1 if base > 0 else np.nan
    notes = (
        note("studies.before_routes"),
        note("studies.units_taken_away"),
    )
    return Scenarios(frame, made.expected, notes)


def with_staff(roster: Roster, change: float) -> Roster:
    """Return a roster with a share more or fewer unit-shifts.

    Every shift gives (or gets) in proportion to its units: the kth of n in a shift is due at (k - 1/2) / n (Webster's
    rounding), earlier shifts first; so a larger cut takes those of a smaller one, and more. Who goes is spread evenly
    over the order of the file, because some skills or types may stand together there. Added units are of type patrol.

    Parameters
    ----------
    roster : Roster
        Who is on duty.
    change : float
        Share of all unit-shifts, above -1.
    """
    on_duty = [roster.on_duty(shift) for shift in roster.shifts]
    due = sorted(((k + 0.5) / len(units), s) for s, units in enumerate(on_duty) for k in range(len(units)))
    number = min(round(abs(change) * len(due)), len(due))
    per_shift = np.bincount([s for _, s in due[:number]], minlength=len(on_duty))
    if change < 0:
        gone = {
            (units[u].name, shift.id)
            for shift, units, n in zip(roster.shifts, on_duty, per_shift, strict=True)
            for u in np.argsort(np.arange(len(units)) * _GOLDEN % 1.0, kind="stable")[:n]
        }
        return dataclasses.replace(roster, duty=roster.duty - gone)
    new = [
        (Unit(f"added {shift.id} {k + 1}"), shift.id)
        for shift, n in zip(roster.shifts, per_shift, strict=True)
        for k in range(n)
    ]
    duty = roster.duty | {(unit.name, shift) for unit, shift in new}
    return dataclasses.replace(roster, units=(*roster.units, *(unit for unit, _ in new)), duty=frozenset(duty))


class _Maker:
    """Solves scenarios of one forecast and says what came of each."""

    def __init__(
        self, surface: RiskSurface, setting: Setting, options: ScenariosSection, workload: Staffing | None
    ) -> None:
        self.surface, self.setting, self.options, self.workload = surface, setting, options, workload
        self.on_duty = np.array([len(setting.roster.on_duty(shift)) for shift in setting.roster.shifts])
        plain_terms = setting.allocation.model_copy(update={"equity": None, "budget": 1e12})
        self.plain = self._problem(surface, setting.roster, plain_terms)
        cost = next(limit.on_units for limit in self.plain.limits if limit.source == "allocation.budget")
        self.cost = np.zeros(self.plain.minimum.shape) if cost is None else cost
        self.expected = float(self.plain.value[:, self.plain.district >= 0].sum())
        check_target(options, surface.kinds)
        self.other = _other_target(surface, options.harm) if options.harm else None

    def staff(self) -> Iterator[Figures]:
        """Yield plans with more or fewer units, the largest cut last."""
        for change in sorted(set(self.options.staff), reverse=True):
            roster = with_staff(self.setting.roster, change)
            number = float(sum(len(roster.on_duty(shift)) for shift in roster.shifts))
            yield self.row(f"{change:+.0%} unit-shifts", STAFF, number, roster)

    def target(self) -> Iterator[Figures]:
        """Yield the plan for another target."""
        if self.other is not None:
            name = ", ".join(f"{kind} × {weight:g}" for kind, weight in self.options.harm.items() if weight)
            yield self.row(name, TARGET, np.nan, self.setting.roster, surface=self.other)

    def equity(self) -> Iterator[Figures]:
        """Yield plans under equity between districts, from none to the tightest."""
        own = self.setting.allocation.equity
        measure = own.measure if own is not None else "minutes"
        roster = self.setting.roster
        if own is not None:
            yield self.row("no equity between districts", EQUITY, np.inf, roster, equity=None)
        for within in sorted(set(self.options.equity_within), reverse=True):
            band = Equity(measure=measure, form="band", within=within)
            yield self.row(f"an equity band of ±{100 * within:g} %", EQUITY, within, roster, equity=band)
        if self.options.max_min:
            best = Equity(measure=measure, form="max_min")
            name = "serving the worst-off district as well as can be"
            yield self.row(name, EQUITY, -1.0, roster, equity=best)

    def budgets(self, base: Figures) -> Iterator[Figures]:
        """Yield plans within budgets, the largest first."""
        terms, levels = self.setting.allocation, self.options.budget
        if not levels and (terms.costs or terms.budget is not None) and np.isfinite(base["cost"]):
            levels = tuple(round(share * base["cost"], 2) for share in BUDGET_SHARES)
        for budget in sorted(set(levels), reverse=True):
            yield self.row(f"a budget of {budget:,g}", BUDGET, budget, self.setting.roster, budget=budget)

    def row(
        self, name: str, group: str, setting: float, roster: Roster, *, surface: RiskSurface | None = None,
        **terms: Equity | float | None,
    ) -> Figures:  # fmt: skip
        """Return the row of one scenario, solved."""
        on_duty = float(sum(len(roster.on_duty(shift)) for shift in roster.shifts))
        row = dict.fromkeys(COLUMNS, np.nan) | {
            "scenario": name, "group": group, "setting": setting, "on_duty": on_duty, "conflict": "",
        }  # fmt: skip
        try:
            allocation = self.setting.allocation.model_copy(update=terms)
            problem = self._problem(surface or self.surface, roster, allocation)
            answer = solve(problem, allocation.solver)
        except AllocatorError as error:
            status = INFEASIBLE if isinstance(error, InfeasibleError) else UNSOLVED
            return row | {"status": status, "conflict": _conflict(error)}
        return row | {"status": PLANNED, **self._told(problem, answer)}

    def _told(self, problem: AllocationProblem, answer: Allocation) -> dict[str, float]:
        harm = float(covered(self.plain, answer.blocks).sum())
        least, most = self._served(answer)
        return {
            "harm_covered": harm, "covered_share": harm / max(self.expected, 1e-12), "gap": answer.gap,
            "unit_shifts": float(answer.units.sum()), "cost": float((self.cost * answer.units).sum()),
            "least_served": least, "most_served": most, "target_covered": self._target_share(answer),
        }  # fmt: skip

    def _target_share(self, answer: Allocation) -> float:
        if self.other is None:
            return float("nan")
        value = self.other.expected_harm
        met = covered(self.plain.replace(value=value), answer.blocks).sum()
        return float(met / max(value[:, self.plain.district >= 0].sum(), 1e-12))

    def _served(self, answer: Allocation) -> tuple[float, float]:
        """Return patrol for the harm expected of the worst-off and the best-off district, relative to the city's."""
        inside, n = self.plain.district >= 0, len(self.plain.districts)
        harm = np.bincount(self.plain.district[inside], self.plain.value.sum(axis=0)[inside], n)
        time = (answer.units * self.plain.blocks).sum(axis=1).astype(np.float64)
        kept = (
            harm / max(harm.sum(), 1e-12) * answer.units.sum() >= 1
        )  # less than one unit-shift cannot be shared fairly
        if not kept.any() or not time.sum() > 0:
            return float("nan"), float("nan")
        relative = (time[kept] / harm[kept]) / (time.sum() / harm.sum())
        return float(relative.min()), float(relative.max())

    def _problem(self, surface: RiskSurface, roster: Roster, allocation: AllocationSection) -> AllocationProblem:
        givens = self.setting.givens
        if self.workload is not None:
            givens, _ = with_workload(givens, self.workload, _on_duty(roster), self.setting.staffing)
        return build_problem(
            surface, roster, self.setting.policy, allocation=allocation, staffing=self.setting.staffing, givens=givens
        )


def _on_duty(roster: Roster) -> Ints:
    return np.array([len(roster.on_duty(shift)) for shift in roster.shifts])


def check_target(options: ScenariosSection, kinds: tuple[str, ...]) -> None:
    """Refuse another target that names a kind that is not forecast.

    Raises
    ------
    ConfigError
        With every such kind.
    """
    if wrong := [
        f"scenarios.harm: no kind {kind!r} is forecast{nearest(kind, kinds)}"
        for kind in options.harm
        if kind not in kinds
    ]:
        raise ConfigError("the other target names kinds that are not forecast", faults=wrong)


def _other_target(surface: RiskSurface, harm: dict[str, float]) -> RiskSurface:
    return dataclasses.replace(surface, harm=np.array([harm.get(kind, 0.0) for kind in surface.kinds]))


def _conflict(error: AllocatorError) -> str:
    return "; ".join(error.faults) if error.faults else error.message


def _costs(change: float) -> str:
    if abs(change) < 5e-5:
        return "costs nothing"
    return f"costs {-change:.2%} of the expected harm covered" if change < 0 else f"covers {change:.2%} more"


def _less(change: float) -> str:
    return "less" if change <= 0 else "more"
