"""Forecast where harm is expected, assign patrol and outreach under staffing limits, and measure the plan.

Names are loaded on first use, so that `import allocator` and the command line start at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from allocator.config import Job, Policy
    from allocator.domain import (
        Calls,
        Covariates,
        Events,
        Panel,
        Plan,
        RiskSurface,
        Roster,
        Run,
        Shift,
        Staffing,
        Unit,
        hours_of,
        shifts_of,
    )
    from allocator.errors import (
        AllocatorError,
        ConfigError,
        DataError,
        InfeasibleError,
        OutputError,
        SolverError,
    )
    from allocator.evaluation import PlanScorecard, Scorecard, backtest, hotspots, plan_backtest
    from allocator.io import (
        load_run,
        read_area,
        read_calls,
        read_covariates,
        read_events,
        read_job,
        read_roster,
        screen,
        write_cells,
    )
    from allocator.pipeline import (
        backtest_plans,
        bulletins_of,
        explore_job,
        new_job,
        run,
        save_bulletins,
        save_exploration,
        save_plan_backtest,
        save_run,
        save_scenarios,
        save_staffing,
        scenarios_job,
        staff_job,
        validate,
    )
    from allocator.planning import allocate, staff
    from allocator.replanning import replan
    from allocator.risk import fit
    from allocator.tessellation import Area, Tessellation

_HOMES = {
    "config": ("Job", "Policy"),
    "domain": (
        "Calls",
        "Covariates",
        "Events",
        "Panel",
        "Plan",
        "RiskSurface",
        "Roster",
        "Run",
        "Shift",
        "Staffing",
        "Unit",
        "hours_of",
        "shifts_of",
    ),
    "errors": ("AllocatorError", "ConfigError", "DataError", "InfeasibleError", "OutputError", "SolverError"),
    "evaluation": ("PlanScorecard", "Scorecard", "backtest", "hotspots", "plan_backtest"),
    "io": (
        "load_run",
        "read_area",
        "read_calls",
        "read_covariates",
        "read_events",
        "read_job",
        "read_roster",
        "screen",
        "write_cells",
    ),
    "pipeline": (
        "backtest_plans",
        "bulletins_of",
        "explore_job",
        "new_job",
        "run",
        "save_bulletins",
        "save_exploration",
        "save_plan_backtest",
        "save_run",
        "save_scenarios",
        "save_staffing",
        "scenarios_job",
        "staff_job",
        "validate",
    ),
    "replanning": ("replan",),
    "planning": ("allocate", "staff"),
    "risk": ("fit",),
    "tessellation": ("Area", "Tessellation"),
}

__all__ = [
    "AllocatorError",
    "Area",
    "Calls",
    "ConfigError",
    "Covariates",
    "DataError",
    "Events",
    "InfeasibleError",
    "Job",
    "OutputError",
    "Panel",
    "Plan",
    "PlanScorecard",
    "Policy",
    "RiskSurface",
    "Roster",
    "Run",
    "Scorecard",
    "Shift",
    "SolverError",
    "Staffing",
    "Tessellation",
    "Unit",
    "allocate",
    "backtest",
    "backtest_plans",
    "bulletins_of",
    "explore_job",
    "fit",
    "hotspots",
    "hours_of",
    "load_run",
    "new_job",
    "plan_backtest",
    "read_area",
    "read_calls",
    "read_covariates",
    "read_events",
    "read_job",
    "read_roster",
    "replan",
    "run",
    "save_bulletins",
    "save_exploration",
    "save_plan_backtest",
    "save_run",
    "save_scenarios",
    "save_staffing",
    "scenarios_job",
    "screen",
    "shifts_of",
    "staff",
    "staff_job",
    "validate",
    "write_cells",
]


def __getattr__(name: str) -> Any:
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"allocator.{module}"), name)
    raise AttributeError(f"module 'allocator' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
