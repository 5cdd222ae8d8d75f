"""A believable city for demos, tests and benchmarks. Everything in it is invented.

It lies in the open Atlantic, where no city is. Streets carry sites; sites carry intensities per kind, from a
few busy centres and heavy-tailed local luck; events follow hour, weekday and season patterns and breed near
repeats. The true rates are known, so forecasts can be judged against the truth.
"""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import shapely
from pyproj import Transformer

from allocator.domain import AllocationProblem
from allocator.tessellation import Area

if TYPE_CHECKING:
    from allocator.tessellation import Tessellation

TIMEZONE = "Atlantic/Azores"
CRS = "EPSG:32626"
_CENTRE = (-30.0, 41.0)  # open ocean

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
SHIFTS = ("day", "evening", "night")
_REPEAT_SHARE, _REPEAT_DAYS, _REPEAT_METRES = 0.12, 5.0, 120.0


@dataclass(frozen=True)
class KindPattern:
    """How one kind of event behaves in time.

    Parameters
    ----------
    share : float
        Share of all background events.
    peak_hour : float
        Local hour of the daily peak.
    night_weekend : float
        Factor of the weekend days over the others.
    summer : float
        Amplitude of the yearly season, highest in July.
    officer : float
        Share that is officer-initiated.
    """

    share: float
    peak_hour: float
    night_weekend: float
    summer: float
    officer: float = 0.0


PATTERNS = {
    "ASSAULT": KindPattern(0.22, 22.5, 1.5, 0.25, 0.03),
    "BURGLARY": KindPattern(0.20, 14.0, 0.8, -0.15),
    "DRUGS": KindPattern(0.10, 20.0, 1.1, 0.0, 0.85),
    "ROBBERY": KindPattern(0.12, 21.0, 1.2, -0.10),
    "VEHICLE CRIME": KindPattern(0.36, 2.0, 1.0, 0.10),
}


@dataclass(frozen=True, eq=False)
class SyntheticCity:
    """An invented city, its events and the rates they came from.

    Parameters
    ----------
    area : Area
        Districts and beats, projected metres (`CRS`).
    site_x, site_y : (n_sites,) float64
        Places on streets where events can happen, projected metres.
    intensity : (n_kinds, n_sites) float64
        Mean background events per day.
    kinds : tuple of str
        Kinds, sorted.
    first_day : datetime.date
        First local day of the events.
    events : DataFrame
        `incident, occurred_at (local, naive), kind, lon, lat, source` sorted by time.
    calls : DataFrame
        Calls for service of the last eight weeks: `call, received, dispatched, arrived, cleared (local, naive),
        priority, kind, source, lon, lat, units` sorted by time; some stamps are missing.
    """

    area: Area
    site_x: npt.NDArray[np.float64]
    site_y: npt.NDArray[np.float64]
    intensity: npt.NDArray[np.float64]
    kinds: tuple[str, ...]
    first_day: dt.date
    events: pd.DataFrame
    calls: pd.DataFrame

    def true_rate(self, city: Tessellation, *, first_day: dt.date, days: int) -> npt.NDArray[np.float64]:
        """Return expected events over the given days, (n_cells, n_kinds), near repeats counted on average."""
        cell = city.locate(self.site_x, self.site_y)
        season = np.stack([_season(PATTERNS[kind], first_day, days).sum() for kind in self.kinds])
        rate = [np.bincount(cell[cell >= 0], one[cell >= 0], city.n_cells) for one in self.intensity]
        return np.asarray(np.stack(rate, axis=1) * season / (1 - _REPEAT_SHARE))


def make_city(
    *,
    seed: int = 0,
    width_km: float = 9.0,
    height_km: float = 7.0,
    weeks: int = 60,
    events_per_week: float = 330.0,
    last_day: dt.date = dt.date(2026, 3, 1),
) -> SyntheticCity:
    """Return a synthetic city whose events end on `last_day`.

    Parameters
    ----------
    seed : int
        Everything is drawn from it.
    width_km, height_km : float
        Extent of the city; it has one district per 9 km² or so, and four beats in each.
    weeks : int
        Length of the history.
    events_per_week : float
        Mean number of events, near repeats included.
    last_day : date
        Last local day of the history.
    """
    rng = np.random.default_rng(seed)
    area = _area(width_km, height_km, rng)
    x, y = _streets(area, rng)
    kinds = tuple(sorted(PATTERNS))
    intensity = _intensity(x, y, kinds, rng) * events_per_week / 7 * (1 - _REPEAT_SHARE)
    first_day = last_day - dt.timedelta(days=weeks * 7 - 1)
    events = _events(x, y, intensity, kinds, (first_day, weeks * 7), rng)
    # A generator of their own: what is drawn above does not depend on the calls.
    calls = _calls(x, y, intensity.sum(axis=0), events_per_week * 1.45, last_day, np.random.default_rng([seed, 1]))
    return SyntheticCity(area, x, y, intensity, kinds, first_day, events, calls)


def _area(width_km: float, height_km: float, rng: np.random.Generator) -> Area:
    """Return an irregular outline cut into districts and beats."""
    x0, y0 = Transformer.from_crs("EPSG:4326", CRS, always_xy=True).transform(*_CENTRE)
    half_x, half_y = width_km * 500, height_km * 500
    angle = np.linspace(0, 2 * np.pi, 72, endpoint=False)
    radius = 1 + 0.06 * np.sin(3 * angle + rng.uniform(0, 6)) + 0.04 * np.sin(7 * angle + rng.uniform(0, 6))
    # A superellipse: between an ellipse and a rectangle, as grown cities are.
    ring_x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** 0.6 * half_x * radius
    ring_y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** 0.6 * half_y * radius
    outline = shapely.Polygon(np.c_[x0 + ring_x, y0 + ring_y]).buffer(0)
    columns, rows = max(1, round(width_km / 3)), max(1, round(height_km / 3))
    districts, labels = _cut(outline, columns, rows, [str(n + 1) for n in range(columns * rows)])
    beats, beat_labels = [], []
    for district, label in zip(districts, labels, strict=True):
        pieces, names = _cut(district, 2, 2, [f"{label}{letter}" for letter in "abcd"])
        beats += pieces
        beat_labels += names
    return Area(_objects(districts), tuple(labels), CRS, _objects(beats), tuple(beat_labels))


def _objects(geometries: list[Any]) -> npt.NDArray[np.object_]:
    array = np.empty(len(geometries), dtype=object)
    array[:] = geometries
    return array


def _cut(polygon: Any, columns: int, rows: int, labels: list[str]) -> tuple[list[Any], list[str]]:
    left, low, right, high = polygon.bounds
    xs, ys = np.linspace(left, right, columns + 1), np.linspace(low, high, rows + 1)
    boxes = [shapely.box(xs[i], ys[j], xs[i + 1], ys[j + 1]) for j in range(rows) for i in range(columns)]
    pieces = [(box.intersection(polygon), label) for box, label in zip(boxes, labels, strict=True)]
    kept = [(piece, label) for piece, label in pieces if piece.area > 0]
    return [piece for piece, _ in kept], [label for _, label in kept]


def _streets(area: Area, rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Return sites every 60 m or so along a crooked street grid."""
    left, low, right, high = area.outline.bounds
    lines = []
    for start, stop, across in ((left, right, (low, high)), (low, high, (left, right))):
        at = start + rng.uniform(0, 200)
        while at < stop:
            along = np.arange(across[0], across[1], 60.0)
            bend = 40 * np.sin(along / rng.uniform(600, 1500) + rng.uniform(0, 6))
            pair = (at + bend, along) if start == left else (along, at + bend)
            lines.append(np.c_[pair])
            at += rng.uniform(150, 420)
    sites = np.concatenate(lines)
    inside = shapely.contains_xy(area.outline, sites[:, 0], sites[:, 1])
    return sites[inside, 0], sites[inside, 1]


def _intensity(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], kinds: tuple[str, ...], rng: np.random.Generator
) -> npt.NDArray[np.float64]:
    """Return the mean background events per day of each site, summing to 1 over kinds and sites."""
    luck = rng.gamma(0.35, 1 / 0.35, len(x))  # a few sites draw many events, most draw none
    intensity = np.empty((len(kinds), len(x)))
    for row, kind in enumerate(kinds):
        surface = np.full(len(x), 0.08)
        for _ in range(6):
            centre = rng.integers(len(x))
            spread = rng.uniform(300, 1200)
            distance = np.hypot(x - x[centre], y - y[centre])
            surface += rng.gamma(2.0) * np.exp(-0.5 * (distance / spread) ** 2)
        own = surface * luck ** rng.uniform(0.6, 1.0) * rng.gamma(2.0, 0.5, len(x))
        intensity[row] = own / own.sum() * PATTERNS[kind].share
    return intensity


def _season(pattern: KindPattern, first_day: dt.date, days: int) -> npt.NDArray[np.float64]:
    """Return the factor of each day: yearly season times weekday, with a mean of about 1."""
    day = np.array([first_day + dt.timedelta(days=n) for n in range(days)], dtype="datetime64[D]")
    of_year = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)
    weekday = (day.astype(int) + 3) % 7
    weekend = np.where(weekday >= 4, pattern.night_weekend, 1.0)
    mean_weekend = (4 + 3 * pattern.night_weekend) / 7
    return np.asarray((1 + pattern.summer * np.cos(2 * np.pi * (of_year - 196) / 365.25)) * weekend / mean_weekend)


def _events(
    x: npt.NDArray[np.float64],
    y: npt.NDArray[np.float64],
    intensity: npt.NDArray[np.float64],
    kinds: tuple[str, ...],
    span: tuple[dt.date, int],
    rng: np.random.Generator,
) -> pd.DataFrame:
    first_day, days = span
    parts = []
    for row, kind in enumerate(kinds):
        pattern = PATTERNS[kind]
        per_day = rng.poisson(_season(pattern, first_day, days) * intensity[row].sum())
        day = np.repeat(np.arange(days), per_day).astype(np.float64)
        site = rng.choice(len(x), len(day), p=intensity[row] / intensity[row].sum())
        east, north = x[site] + rng.normal(0, 8, len(day)), y[site] + rng.normal(0, 8, len(day))
        hour = (pattern.peak_hour + rng.vonmises(0, 1.1, len(day)) * 12 / np.pi) % 24
        day, east, north, hour = _with_repeats(day, east, north, hour, rng)
        officer = rng.random(len(day)) < pattern.officer
        parts.append(pd.DataFrame({"day": day, "hour": hour, "x": east, "y": north, "kind": kind, "officer": officer}))
    table = pd.concat(parts, ignore_index=True)
    table = table[table["day"] < days]
    minute = np.floor(table["day"].to_numpy()) * 1440 + np.floor(table["hour"].to_numpy() * 60)
    time = np.datetime64(first_day) + minute.astype("timedelta64[m]")
    lon, lat = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True).transform(table["x"], table["y"])
    frame = pd.DataFrame(
        {
            "occurred_at": time.astype("datetime64[s]"),
            "kind": table["kind"].to_numpy(),
            "lon": np.round(lon, 5),
            "lat": np.round(lat, 5),
            "source": np.where(table["officer"], "officer", "call"),
        }
    )
    frame = frame.sort_values(["occurred_at", "kind", "lon", "lat"], ignore_index=True)
    frame.insert(0, "incident", [f"S{n:06d}" for n in range(1, len(frame) + 1)])
    return frame


def _with_repeats(*columns: Any) -> tuple[npt.NDArray[np.float64], ...]:
    """Add near repeats: each event breeds one with a fixed chance, near in place and time, and so on."""
    day, x, y, hour, rng = columns
    generations = [(day, x, y, hour)]
    while len(generations[-1][0]):
        day, x, y, hour = generations[-1]
        breeds = rng.random(len(day)) < _REPEAT_SHARE
        n = int(breeds.sum())
        later = day[breeds] + np.ceil(rng.exponential(_REPEAT_DAYS, n))
        moved = rng.normal(0, _REPEAT_METRES, (2, n))
        shifted = (hour[breeds] + rng.normal(0, 2, n)) % 24
        generations.append((later, x[breeds] + moved[0], y[breeds] + moved[1], shifted))
    return tuple(np.concatenate(column) for column in zip(*generations, strict=True))


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
    "ALARM": CallPattern(2, 0.12, 5.0, 11),
    "ASSAULT IN PROGRESS": CallPattern(1, 0.05, 22.5, 38, 2.2),
    "DISTURBANCE": CallPattern(2, 0.24, 21.5, 18, 1.5),
    "NOISE": CallPattern(4, 0.12, 23.0, 10),
    "PARKING": CallPattern(4, 0.12, 12.0, 9),
    "REPORT OF A CRIME": CallPattern(3, 0.17, 14.0, 34),
    "TRAFFIC CRASH": CallPattern(2, 0.08, 17.0, 32, 1.3),
    "TRAFFIC STOP": CallPattern(4, 0.10, 16.0, 8, 1.0, 1.0),
}
_CALL_WEEKS = 8
_HANDLING_S = {1: 35.0, 2: 110.0, 3: 330.0, 4: 540.0}
"""Median seconds from receipt to dispatch of each priority."""
_BY_WEEKDAY = np.array([0.92, 0.90, 0.93, 0.97, 1.14, 1.16, 0.98])


def _calls(
    x: npt.NDArray[np.float64], y: npt.NDArray[np.float64], weight: npt.NDArray[np.float64], per_week: float,
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
        "call",
        "received",
        "dispatched",
        "arrived",
        "cleared",
        "priority",
        "kind",
        "source",
        "lon",
        "lat",
        "units",
    ]
    return table[columns]


def _handled(
    kind: str, pattern: CallPattern, received: npt.NDArray[np.float64], rng: np.random.Generator
) -> pd.DataFrame:
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
        "area": district,
        "residents": residents,
        "internet": 0.85,
        "languages": f"en=0.9;es={0.1 + 0.05 * number:.2f}",
    }


def _partner(number: int, district: str) -> dict[str, object]:
    return {
        "partner": f"Neighbourhood association {district}",
        "mailbox": f"office@association{number + 1}.example",
        "areas": district,
        "hours": 12,
    }


def _venue(number: int, district: str) -> dict[str, object]:
    return {
        "venue": f"Community hall {district}",
        "area": district,
        "capacity": 30 + 15 * (number % 3),
        "opens": "10:00",
        "closes": "21:00",
        "weekdays": "mon;tue;wed;thu;fri" if number % 2 else "",
        "partner": f"Neighbourhood association {district}",
    }


def allocation_problem(
    *, cells: int = 10_000, shifts: int = 21, units: int = 200, districts: int = 25, seed: int = 0
) -> AllocationProblem:
    """Return a random week for benchmarks: heavy-tailed harm, `units` on duty in each shift, weekly bands."""
    rng = np.random.default_rng(seed)
    value = rng.gamma(0.3, 1.0, cells) * rng.gamma(20.0, 0.05, (shifts, cells)) * 0.02
    district = np.sort(rng.integers(0, districts, cells)).astype(np.int32)
    mean = units * shifts / districts
    return AllocationProblem(
        value=value,
        district=district,
        cap=np.full((shifts, cells), 3, np.int16),
        on_duty=np.full(shifts, units, np.int32),
        minimum=np.ones((districts, shifts), np.int32),
        least=np.full(districts, int(0.5 * mean), np.int32),
        most=np.full(districts, int(1.6 * mean) + shifts, np.int32),
        blocks=np.full(shifts, 12, np.int32),
        diminishing=0.7,
        districts=tuple(str(n + 1) for n in range(districts)),
        shifts=tuple(f"shift {n + 1}" for n in range(shifts)),
    )


def polygons_geojson(polygons: Any, labels: tuple[str, ...], label: str) -> str:
    """Return polygons in `CRS` as RFC 7946 GeoJSON text, with their labels in the property `label`."""
    to_wgs84 = Transformer.from_crs(CRS, "EPSG:4326", always_xy=True)
    features = []
    for polygon, name in zip(polygons, labels, strict=True):
        moved = shapely.transform(shapely.orient_polygons(polygon), to_wgs84.transform, interleaved=False)
        rounded = shapely.transform(moved, lambda points: np.round(points, 7))
        features.append(
            {
                "type": "Feature",
                "properties": {label: name},
                "geometry": json.loads(shapely.to_geojson(rounded)),
            }
        )
    rows = ",\n".join(json.dumps(feature) for feature in features)
    return f'{{"type": "FeatureCollection", "features": [\n{rows}\n]}}\n'
