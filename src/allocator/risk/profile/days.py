"""What daylight and public holidays of its date make of an hour's usual share."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pandas as pd
from pyproj import Transformer

from allocator.domain import WEEK_HOURS, Floats, Panel, Times
from allocator.risk.features import daylight_hours, feast_days
from allocator.risk.profile.events import Timed

FACTOR_SD = (0.2, 0.2)
"""Standard deviations of the priors of daylight throughout the hour and of a holiday, on the log share."""
_FEWEST, _WEEKS = 100, 52


def day_factors(panel: Panel, timed: Timed, *, country: str, n_weeks: int) -> Floats:
    """Return what light and public holidays make of each planned hour's share, (n_kinds, 168 × n_weeks) float64.

    Per kind, the counts of past weeks by hour follow a multinomial with log share = usual + a × (daylight above that
    usual in the hour) + b × holiday, with normal priors on a and b. 1 throughout where there is less than a year, or
    fewer than 100 events.

    Parameters
    ----------
    panel : Panel
        The history; planned weeks begin on the day after it.
    timed : Timed
        Its events.
    country : str
        Country of the public holidays; empty for none.
    n_weeks : int
        Planned weeks.
    """
    factors = np.ones((len(panel.kinds), WEEK_HOURS * n_weeks))
    place, past = centre_of(panel), panel.n_days // 7
    if place is None or past < _WEEKS:
        return factors
    # Weeks of the history, the newest last, begin on the weekday on which planning begins.
    begin = panel.n_days - 7 * past
    first = panel.stop_day - dt.timedelta(days=7 * past)
    columns: Floats = _columns(first, past + n_weeks, panel.timezone, place, country)
    usual = columns[:past, :, 0].mean(axis=0)
    columns[:, :, 0] -= usual
    rows = timed.of(timed.day >= begin)
    hour = (rows.hour - 24 * panel.stop_day.weekday()) % WEEK_HOURS
    group = (rows.kind * past + (rows.day - begin) // 7) * WEEK_HOURS + hour
    flat = np.bincount(group, rows.weight, len(panel.kinds) * past * WEEK_HOURS)
    counts: Floats = flat.reshape(len(panel.kinds), past, WEEK_HOURS).astype(np.float64)
    for kind, own in enumerate(counts):
        base = own.sum(axis=0)
        if base.sum() >= _FEWEST:
            effect = _multinomial_map(own, columns[:past])
            moved = np.exp(np.einsum("whj,j->wh", columns[past:], effect))
            moved *= base.sum() / np.maximum((base * moved).sum(axis=1, keepdims=True), 1e-9)
            factors[kind] = moved.ravel()
    return factors


def _columns(
    first: dt.date, n_weeks: int, timezone: str, place: tuple[float, float], country: str
) -> Floats:  # fmt: skip
    """Return daylight (0 to 1) and holiday of each hour of local weeks, (n_weeks, 168, 2)."""
    midnight = np.datetime64(first, "h") + np.arange(WEEK_HOURS * n_weeks)
    start = _moments(midnight.astype("datetime64[s]"), timezone)
    light = daylight_hours(start, start + np.timedelta64(3600, "s"), lon=place[0], lat=place[1])
    feasts = np.array([day for day, _ in feast_days(country, first.year)], "datetime64[D]")
    feast = np.isin(midnight.astype("datetime64[D]"), feasts)
    return np.stack([light, feast], axis=1).reshape(n_weeks, WEEK_HOURS, 2)


def _moments(local: Times, timezone: str) -> Times:
    """Return UTC moments of local clock times; one that is skipped moves forward, of two the first is meant."""
    clock = pd.DatetimeIndex(local).tz_localize(
        timezone, ambiguous=np.ones(len(local), bool), nonexistent="shift_forward"
    )
    return np.asarray(clock.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]"))


def _multinomial_map(counts: Floats, columns: Floats) -> Floats:
    """Return the effects of greatest posterior of columns (n_weeks, n_slots, 2) on the log shares of slots."""
    usual = np.maximum(counts.sum(axis=0), 0.5) / counts.sum()
    precision, effect = np.diag(1 / np.array(FACTOR_SD) ** 2), np.zeros(2)
    total = counts.sum(axis=1)
    for _ in range(10):
        share = usual * np.exp(np.einsum("wsj,j->ws", columns, effect))
        share /= share.sum(axis=1, keepdims=True)
        centred = columns - np.einsum("ws,wsj->wj", share, columns)[:, None]
        gradient = np.einsum("ws,wsj->j", counts - total[:, None] * share, columns) - precision @ effect
        hessian = np.einsum("w,ws,wsi,wsj->ij", total, share, centred, centred) + precision
        step = np.linalg.solve(hessian, gradient)
        effect = effect + step
        if np.abs(step).max() < 1e-9:
            break
    return np.round(effect, 9)


def centre_of(panel: Panel) -> tuple[float, float] | None:
    """Return longitude and latitude of the city, or None where it lies nowhere on earth."""
    if not panel.city.crs:
        return None
    to_degrees = Transformer.from_crs(panel.city.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(float(np.mean(panel.city.x)), float(np.mean(panel.city.y)))
    return (lon, lat) if np.isfinite(lon) and np.isfinite(lat) else None
