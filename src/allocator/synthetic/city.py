"""An invented city with events of known true rates."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer

from allocator.domain import Area, Floats, Tessellation, weekday_of
from allocator.synthetic.calls import calls_of
from allocator.synthetic.ground import CRS, area_of, streets_of

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
    site_x: Floats
    site_y: Floats
    intensity: Floats
    kinds: tuple[str, ...]
    first_day: dt.date
    events: pd.DataFrame
    calls: pd.DataFrame

    def true_rate(self, city: Tessellation, *, first_day: dt.date, days: int) -> Floats:
        """Return expected events over the given days, (n_cells, n_kinds), near repeats counted on average."""
        cell = city.locate(self.site_x, self.site_y)
        season = np.stack([season_factor(PATTERNS[kind], first_day, days).sum() for kind in self.kinds])
        rate = [np.bincount(cell[cell >= 0], one[cell >= 0], city.n_cells) for one in self.intensity]
        return np.asarray(np.stack(rate, axis=1) * season / (1 - _REPEAT_SHARE))


def make_city(
    *, seed: int = 0, width_km: float = 9.0, height_km: float = 7.0, weeks: int = 60, events_per_week: float = 330.0,
    last_day: dt.date = dt.date(2026, 3, 1),
) -> SyntheticCity:  # fmt: skip
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
    area = area_of(width_km, height_km, rng)
    x, y = streets_of(area, rng)
    kinds = tuple(sorted(PATTERNS))
    intensity = _intensity(x, y, kinds, rng) * events_per_week / 7 * (1 - _REPEAT_SHARE)
    first_day = last_day - dt.timedelta(days=weeks * 7 - 1)
    events = _events(x, y, intensity, kinds, (first_day, weeks * 7), rng)
    # A generator of their own: what is drawn above does not depend on the calls.
    calls = calls_of(x, y, intensity.sum(axis=0), events_per_week * 1.45, last_day, np.random.default_rng([seed, 1]))
    return SyntheticCity(area, x, y, intensity, kinds, first_day, events, calls)


def _intensity(x: Floats, y: Floats, kinds: tuple[str, ...], rng: np.random.Generator) -> Floats:
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


def season_factor(pattern: KindPattern, first_day: dt.date, days: int) -> Floats:
    """Return the factor of each day: yearly season times weekday, with a mean of about 1."""
    day = np.array([first_day + dt.timedelta(days=n) for n in range(days)], dtype="datetime64[D]")
    of_year = (day - day.astype("datetime64[Y]").astype("datetime64[D]")).astype(int)
    weekday = weekday_of(day.astype(np.int64))
    weekend = np.where(weekday >= 4, pattern.night_weekend, 1.0)
    mean_weekend = (4 + 3 * pattern.night_weekend) / 7
    return np.asarray((1 + pattern.summer * np.cos(2 * np.pi * (of_year - 196) / 365.25)) * weekend / mean_weekend)


def _events(
    x: Floats, y: Floats, intensity: Floats, kinds: tuple[str, ...], span: tuple[dt.date, int],
    rng: np.random.Generator,
) -> pd.DataFrame:  # fmt: skip
    first_day, days = span
    parts = []
    for row, kind in enumerate(kinds):
        pattern = PATTERNS[kind]
        per_day = rng.poisson(season_factor(pattern, first_day, days) * intensity[row].sum())
        day = np.repeat(np.arange(days), per_day).astype(np.float64)
        site = rng.choice(len(x), len(day), p=intensity[row] / intensity[row].sum())
        east, north = x[site] + rng.normal(0, 8, len(day)), y[site] + rng.normal(0, 8, len(day))
        hour = (pattern.peak_hour + rng.vonmises(0, 1.1, len(day)) * 12 / np.pi) % 24
        day, east, north, hour = _with_repeats((day, east, north, hour), rng)
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


def _with_repeats(events: tuple[Floats, ...], rng: np.random.Generator) -> tuple[npt.NDArray[np.float64], ...]:
    """Add near repeats: each event breeds one with a fixed chance, near in place and time, and so on."""
    generations = [events]
    while len(generations[-1][0]):
        day, x, y, hour = generations[-1]
        breeds = rng.random(len(day)) < _REPEAT_SHARE
        n = int(breeds.sum())
        later = day[breeds] + np.ceil(rng.exponential(_REPEAT_DAYS, n))
        moved = rng.normal(0, _REPEAT_METRES, (2, n))
        shifted = (hour[breeds] + rng.normal(0, 2, n)) % 24
        generations.append((later, x[breeds] + moved[0], y[breeds] + moved[1], shifted))
    return tuple(np.concatenate(column) for column in zip(*generations, strict=True))
