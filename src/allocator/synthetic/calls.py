"""Invented calls for service."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import pandas as pd
from pyproj import Transformer

from allocator.domain import Floats
from allocator.synthetic.ground import CRS


@dataclass(frozen=True)
class CallPattern:
    """How one type of call behaves.

    Parameters
    ----------
    priority : int
        1 is the most urgent.
    share : float
        Share of all calls.
    peak_hour : float
        Local hour of the daily peak.
    minutes : float
        Median minutes on the scene.
    units : float
        Mean units sent.
    officer : float
        Share that is officer-initiated.
    """

    priority: int
    share: float
    peak_hour: float
    minutes: float
    units: float = 1.0
    officer: float = 0.0


CALLS = {
    "ALARM": CallPattern(2, 0.12, 5.0, 11), "ASSAULT IN PROGRESS": CallPattern(1, 0.05, 22.5, 38, 2.2),
    "DISTURBANCE": CallPattern(2, 0.24, 21.5, 18, 1.5), "NOISE": CallPattern(4, 0.12, 23.0, 10),
    "PARKING": CallPattern(4, 0.12, 12.0, 9), "REPORT OF A CRIME": CallPattern(3, 0.17, 14.0, 34),
    "TRAFFIC CRASH": CallPattern(2, 0.08, 17.0, 32, 1.3), "TRAFFIC STOP": CallPattern(4, 0.10, 16.0, 8, 1.0, 1.0),
}  # fmt: skip
_CALL_WEEKS = 8
_HANDLING_S = {1: 35.0, 2: 110.0, 3: 330.0, 4: 540.0}
"""Median seconds from receipt to dispatch of each priority."""
_BY_WEEKDAY = np.array([0.92, 0.90, 0.93, 0.97, 1.14, 1.16, 0.98])


def calls_of(
    x: Floats, y: Floats, weight: Floats, per_week: float,
    last_day: dt.date, rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    """Return calls for service up to the end of `last_day`, near where events happen."""
    days = 7 * _CALL_WEEKS
    first_day = last_day - dt.timedelta(days=days - 1)
    weekday = (first_day.weekday() + np.arange(days)) % 7
    parts = []
    for kind, pattern in CALLS.items():
        per_day = rng.poisson(per_week / 7 * pattern.share * _BY_WEEKDAY[weekday])
        day = np.repeat(np.arange(days), per_day)
        second = (pattern.peak_hour + rng.vonmises(0, 0.8, len(day)) * 12 / np.pi) % 24 * 3600
        parts.append(_handled(kind, pattern, np.asarray(day * 86_400.0 + np.floor(second)), rng))
    table = pd.concat(parts, ignore_index=True)
    own = np.sqrt(weight)  # calls are less concentrated than crime
    site = rng.choice(len(x), len(table), p=own / own.sum())
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(x[site], y[site])
    table["lon"], table["lat"] = np.round(lon, 4), np.round(lat, 4)
    start = pd.Timestamp(first_day)
    for name in ("received", "dispatched", "arrived", "cleared"):
        table[name] = (start + pd.to_timedelta(table[name], unit="s")).dt.as_unit("s")
    table = table.sort_values(["received", "kind", "lon", "lat"], ignore_index=True)
    table.insert(0, "call", [f"C{n:05d}" for n in range(1, len(table) + 1)])
    columns = [
        "call", "received", "dispatched", "arrived", "cleared", "priority", "kind", "source", "lon", "lat", "units",
    ]  # fmt: skip
    return table[columns]


def _handled(kind: str, pattern: CallPattern, received: Floats, rng: np.random.Generator) -> pd.DataFrame:
    """Return calls with the seconds of their handling; of some, the arrival or closing time was never stamped."""
    n = len(received)
    officer = rng.random(n) < pattern.officer
    wait = np.where(officer, 0, rng.lognormal(np.log(_HANDLING_S[pattern.priority]), 0.9, n))
    travel = np.where(officer, 0, rng.lognormal(np.log(300 if pattern.priority == 1 else 440), 0.5, n))
    scene = rng.lognormal(np.log(pattern.minutes * 60), 0.7, n)
    dispatched = np.round(received + wait)
    arrived, cleared = np.round(dispatched + travel), np.round(dispatched + travel + scene)
    return pd.DataFrame(
        {
            "received": received,
            "dispatched": dispatched,
            "arrived": np.where(rng.random(n) < 0.07, np.nan, arrived),
            "cleared": np.where(rng.random(n) < 0.02, np.nan, cleared),
            "priority": pattern.priority,
            "kind": kind,
            "source": np.where(officer, "officer", "phone"),
            "units": 1 + rng.poisson(pattern.units - 1, n),
        }
    )
