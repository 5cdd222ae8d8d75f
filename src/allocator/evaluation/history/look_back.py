"""What the history of a run shows, as small tables that its folder keeps: the pictures of the report come from them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import itertools
from collections.abc import Mapping

import numpy as np
import pandas as pd

from allocator.domain import Floats, Panel
from allocator.evaluation.forecasts import N_DECILES, Case, Ranking, deciles, place_sums
from allocator.evaluation.history.changes import find_changes
from allocator.evaluation.history.codes import complete_until
from allocator.evaluation.history.trends import find_trends, weekly_counts

CURVE_SHARES = (0.001, 0.002, 0.003, 0.005, 0.0075, 0.01, 0.015, 0.02, 0.03, 0.05, 0.075, 0.1)
_MOST_WEEKS = 104
_PERIOD_WEEKS, _PERIODS, _HOTSPOT_SHARE = 13, 8, 0.01


def look_back(panel: Panel, week: dt.date, *, actual: Floats, rates: Mapping[str, Floats]) -> dict[str, pd.DataFrame]:
    """Return what the history shows before `week`, and how forecasts of held-out windows did.

    Parameters
    ----------
    panel : Panel
        The history.
    week : datetime.date
        First day of the plan.
    actual : (n_windows, n_kinds, n_cells) float
        Events of the held-out windows.
    rates : mapping of str to (n_windows, n_kinds, n_cells) float
        Expected events of the same windows by model.

    Returns
    -------
    dict of str to DataFrame
        `weekly`: `week, kind, events, covered`, the last two years of the whole area ·
        `alarms`: the columns of `Changes.alarms`, for the whole area ·
        `hours`: `kind, weekday` (0 Monday)`, hour, events`, local time, "all" last; no rows without times of day ·
        `hotspots`: see `hotspot_stability` ·
        `curve`: `model, area_share, hit_rate, best_possible`, all kinds together, pooled over windows ·
        `calibration`: `model, decile` (a tenth of the expected events each, 10 the riskiest places)`, expected,
        observed`.
    """
    stop, _, known = complete_until(panel, week)
    counts = weekly_counts(panel, stop=stop)
    whole = dataclasses.replace(counts, districts=(), counts=counts.counts[:, -1:])
    table = whole.table().drop(columns="district")
    recent = table["week"] >= (whole.stop_day - dt.timedelta(weeks=_MOST_WEEKS)).isoformat()
    alarms = find_changes(whole, reporting_known=known).alarms
    return {
        "weekly": table[recent].reset_index(drop=True),
        "alarms": alarms.assign(**{name: alarms[name].astype(str) for name in ("start", "raised")}),
        "hours": _hours(panel, stop),
        "hotspots": hotspot_stability(panel, stop=stop),
        "curve": _curve(actual, rates, panel.city.area_km2),
        "calibration": _calibration(actual, rates, panel.city.area_km2),
    }


def _hours(panel: Panel, stop: dt.date) -> pd.DataFrame:
    trends = find_trends(panel, stop=stop)
    if trends.hours is None:
        return pd.DataFrame({"kind": pd.Series(dtype="str"), "weekday": [], "hour": [], "events": []})
    kind, weekday, hour = (axis.ravel() for axis in np.indices(trends.hours.shape))
    return pd.DataFrame(
        {"kind": np.array(trends.kinds, object)[kind], "weekday": weekday, "hour": hour, "events": trends.hours.ravel()}
    )


def hotspot_stability(
    panel: Panel, *, stop: dt.date | None = None, weeks: int = _PERIOD_WEEKS, share: float = _HOTSPOT_SHARE
) -> pd.DataFrame:
    """Return how far the hotspots of one period are those of the period before, for up to eight periods.

    Hotspots are the cells with most events per km² that fill a share of the area; cells of equal rank count in part.

    Parameters
    ----------
    panel : Panel
        The history.
    stop : date, optional
        End of the last period; by default that of the panel.
    weeks : int
        Weeks of a period.
    share : float
        Share of the area, above 0 and up to 1.

    Returns
    -------
    DataFrame
        `start` (ISO date)`, events, own_share` (of the period's events in its own hotspots)`, earlier_share` (of them
        in the hotspots of the period before)`, kept` (earlier / own: 1 where hotspots stay); periods without events or
        without a period before are left out.
    """
    end = panel.n_days if stop is None else min(panel.day_index(stop), panel.n_days)
    length, rows, area = 7 * weeks, panel.netted, np.asarray(panel.city.area_km2, np.float64)
    counts = []
    for back in range(min(_PERIODS + 1, end // length)):
        inside = (rows.day >= end - (back + 1) * length) & (rows.day < end - back * length)
        counts.append(np.bincount(rows.cell[inside], rows.count[inside], len(area)).astype(np.float64))
    found = []
    for back, (now, before) in enumerate(itertools.pairwise(counts)):
        if now.sum() and before.sum():
            own, earlier = (
                float(Ranking.of(rank, area).found(now, width=area, shares=np.array([share]))[0])
                for rank in (now, before)
            )
            start = panel.first_day + dt.timedelta(days=int(end - (back + 1) * length))
            total = float(now.sum())
            found.append((start.isoformat(), int(total), own / total, earlier / total, earlier / own))
    columns = ["start", "events", "own_share", "earlier_share", "kept"]
    return pd.DataFrame(found[::-1], columns=columns).astype({"start": "str"})


def _curve(actual: Floats, rates: Mapping[str, Floats], area: Floats) -> pd.DataFrame:
    shares, tables = np.array(CURVE_SHARES), []
    for model, rate in rates.items():
        sums = [place_sums(case, shares) for case in _cases(actual, rate, area)]
        events = max(sum(float(week["events"][0]) for week in sums), 1e-12)
        columns = {
            "hit_rate": sum(week["hits"] for week in sums) / events,
            "best_possible": sum(week["best"] for week in sums) / events,
        }
        tables.append(pd.DataFrame({"model": model, "area_share": shares, **columns}))
    return pd.concat(tables, ignore_index=True)


def _calibration(actual: Floats, rates: Mapping[str, Floats], area: Floats) -> pd.DataFrame:
    tables = []
    for model, rate in rates.items():
        cases = list(_cases(actual, rate, area))
        expected = sum(float(case.rate.sum()) for case in cases) / N_DECILES
        observed = np.sum([deciles(case)["decile_events"] for case in cases], axis=0)
        tables.append(
            pd.DataFrame(
                {"model": model, "decile": np.arange(1, N_DECILES + 1), "expected": expected, "observed": observed}
            )
        )
    return pd.concat(tables, ignore_index=True)


def _cases(actual: Floats, rate: Floats, area: Floats) -> list[Case]:
    """Return the windows, all kinds together."""
    pairs = zip(actual.sum(axis=1), rate.sum(axis=1), strict=True)
    return [Case(np.asarray(n, np.float64), np.asarray(r, np.float64), np.asarray(area)) for n, r in pairs]
