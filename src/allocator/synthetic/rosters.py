"""Invented units, duty, teams and outreach."""

from __future__ import annotations

import pandas as pd

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHIFTS = ("day", "evening", "night")


def rosters(districts: tuple[str, ...], *, units_per_district: int = 5) -> dict[str, pd.DataFrame]:
    """Return the tables of an invented roster: `units, duty, teams, minimums` and those of outreach.

    Call signs and teams only: no persons. Every unit works five shifts a week on a fixed rota.
    """
    units = [
        {
            "unit": f"{district}{letter}{n + 1}",
            "type": kind,
            "home_district": district,
            "skills": skills,
            "speed_kmh": speed,
        }
        for district in districts
        for n in range(units_per_district)
        for letter, kind, skills, speed in [("F", "foot", "community", 5) if n == 4 else ("P", "car", "patrol", 25)]
    ]
    duty = [
        {"unit": unit["unit"], "weekday": WEEKDAYS[(row // 3 * 2 + step) % 7], "shift": SHIFTS[row % 3]}
        for row, unit in enumerate(units)
        for step in range(5)
    ]
    minimums = [{"district": district, "shift": shift, "units": 1} for district in districts for shift in ("evening",)]
    return {
        "units": pd.DataFrame(units),
        "duty": pd.DataFrame(duty),
        "minimums": pd.DataFrame(minimums),
        "teams": pd.DataFrame(TEAMS),
        "initiatives": pd.DataFrame(INITIATIVES),
        "venues": pd.DataFrame([_venue(n, district) for n, district in enumerate(districts)]),
        "partners": pd.DataFrame([_partner(n, district) for n, district in enumerate(districts)]),
        "areas": pd.DataFrame([_profile(n, district) for n, district in enumerate(districts)]),
    }


TEAMS = (
    {"team": "Outreach A", "skills": "workshop;materials", "languages": "en;es", "hours_per_week": 30},
    {"team": "Outreach B", "skills": "workshop", "languages": "en", "hours_per_week": 20},
    {"team": "Outreach C", "skills": "materials", "languages": "en;es", "hours_per_week": 24},
)

_ASSUMED = "assumption for the demo, not a finding"
INITIATIVES = (
    {"initiative": "Home security workshop", "type": "workshop", "kinds": "BURGLARY", "hours": 3, "cost": 180,
     "reach": 40, "effect": 0.2, "effect_low": 0.0, "effect_high": 0.4, "effect_source": _ASSUMED,
     "half_life_weeks": 26, "reporting": 0.05, "skills": "workshop", "languages": "en", "lead_days": 1, "most": 4},
    {"initiative": "Safe evening out seminar", "type": "seminar", "kinds": "ASSAULT;ROBBERY", "hours": 2, "cost": 150,
     "reach": 60, "effect": 0.12, "effect_low": 0.0, "effect_high": 0.24, "effect_source": _ASSUMED,
     "half_life_weeks": 26, "reporting": 0.1, "skills": "workshop", "languages": "en", "lead_days": 1, "most": 4},
    {"initiative": "Lock it or lose it leaflets", "type": "materials", "kinds": "VEHICLE CRIME", "hours": 4,
     "cost": 120, "reach": 800, "effect": 0.008, "effect_low": 0.0, "effect_high": 0.016, "effect_source": _ASSUMED,
     "half_life_weeks": 8, "reporting": 0.0, "skills": "materials", "languages": "en;es", "lead_days": 0, "most": 6},
    {"initiative": "Burglary prevention leaflets", "type": "materials", "kinds": "BURGLARY", "hours": 4, "cost": 120,
     "reach": 800, "effect": 0.008, "effect_low": 0.0, "effect_high": 0.016, "effect_source": _ASSUMED,
     "half_life_weeks": 8, "reporting": 0.0, "skills": "materials", "languages": "en", "lead_days": 0, "most": 6},
)  # fmt: skip
RESIDENTS = (9_400, 12_800, 8_600, 11_200, 7_900, 10_100)


def _profile(number: int, district: str) -> dict[str, object]:
    residents = RESIDENTS[number % len(RESIDENTS)]
    return {
        "area": district, "residents": residents, "internet": 0.85, "languages": f"en=0.9;es={0.1 + 0.05 * number:.2f}",
    }  # fmt: skip


def _partner(number: int, district: str) -> dict[str, object]:
    return {
        "partner": f"Neighbourhood association {district}", "mailbox": f"office@association{number + 1}.example",
        "areas": district, "hours": 12,
    }  # fmt: skip


def _venue(number: int, district: str) -> dict[str, object]:
    return {
        "venue": f"Community hall {district}", "area": district, "capacity": 30 + 15 * (number % 3), "opens": "10:00",
        "closes": "21:00", "weekdays": "mon;tue;wed;thu;fri" if number % 2 else "",
        "partner": f"Neighbourhood association {district}",
    }  # fmt: skip
