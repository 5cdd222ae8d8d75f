"""Outreach plans made by hand, for tests of what is written about them."""

from __future__ import annotations

import datetime as dt

import pandas as pd

from allocator.domain import AREA_TYPES, FUND_TYPES, NEED_COLUMNS, OUTREACH_TYPES, OutreachPlan, typed_table

START = dt.datetime(2018, 1, 9, 0, 30, tzinfo=dt.UTC)  # 18:30 in Chicago the day before
_BLANK = {"str": "", "float64": float("nan"), "int32": 0}


def item(number: int = 0, **changes) -> dict:
    """Return an item: two hours of a workshop, a day later for each number."""
    start = START + dt.timedelta(days=number)
    record = {name: _BLANK.get(kind) for name, kind in OUTREACH_TYPES.items()}
    record |= {
        "initiative": "Home safety workshop", "team": "Team North", "venue": "Harold Washington Library",
        "partner": "Public library", "area": "Loop", "start": start, "stop": start + dt.timedelta(hours=2),
        "cost": 120.0, "reach": 40, "type": "workshop", "kinds": "BURGLARY", "benefit": 0.4,
        "reason": "burglary is expected there most", "id": f"O{number:04d}", "fund": "", "audience": "residents",
        "languages": "en;es", "topics": "locks", "staff_hours": 3.0, "partner_hours": 2.0,
    }  # fmt: skip
    return record | changes


def items(*records: dict) -> pd.DataFrame:
    return typed_table(OUTREACH_TYPES, list(records))


def need(area: str = "Loop", kind: str = "BURGLARY", recent: int = 34, before: int = 41, **changes) -> dict:
    """Return a row of the needs, its interval by a rule of thumb."""
    record = {name: _BLANK.get(kind_of, 0) for name, kind_of in NEED_COLUMNS.items()}
    ratio = recent / before if before else float("nan")
    record |= {
        "area": area, "kind": kind, "recent": recent, "before": before, "days": 91, "trend": ratio,
        "trend_lower": ratio * 0.66, "trend_upper": ratio * 1.45, "need": float(recent), "survey_n": 0,
    }  # fmt: skip
    return record | changes


def plan(records: list[dict], needs: list[dict] = (), funds: list[dict] = (), areas: list[dict] = ()) -> OutreachPlan:
    return OutreachPlan(
        items=items(*records), needs=typed_table(NEED_COLUMNS, list(needs)), funds=typed_table(FUND_TYPES, list(funds)),
        areas=typed_table(AREA_TYPES, list(areas)),
    )  # fmt: skip
