"""Scores of NIJ entries on the true events, beside two teams' published entries; `nij.py --truth` runs it.

PAI = (n / N) / (a / A): n of N events lie in the hotspots, which are a of the city's area A.
PEI* = n / n*: n* events lie in as many of the same cells, chosen with hindsight (the challenge's PEI).

N counts every event of the window, those outside the boundary too, as the teams' files do.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import geopandas
import numpy as np
import pandas as pd
import shapely

SQ_FT_PER_SQ_MI = 5280**2
TEAMS = {"kernel_glitches": "team_kernel_glitches_scored.csv", "garant": "garant_analytics_scored.csv"}
TITLES = {"kernel_glitches": "Kernel Glitches", "garant": "Garant"}
TEAM_CATEGORIES = {"ACFS": "all", "SC": "STREET CRIMES", "TOA": "MOTOR VEHICLE THEFT", "BURG": "BURGLARY"}


@dataclass(frozen=True)
class Score:
    """What the hotspots of one entry held.

    Parameters
    ----------
    hits, events, best : int
        n, N and n*.
    area_sq_mi, city_sq_mi : float
        a and A.
    """

    hits: int
    events: int
    best: int
    area_sq_mi: float
    city_sq_mi: float

    @property
    def pai(self) -> float:
        """(n / N) / (a / A)."""
        return (self.hits / self.events) / (self.area_sq_mi / self.city_sq_mi)

    @property
    def pei(self) -> float:
        """Return n / n*, 0 where no cell held an event."""
        return self.hits / max(self.best, 1)


def truth(folder: Path) -> pd.DataFrame:
    """Return the true events: `category`, `occ_date`, and `x`, `y` in feet."""
    return pd.read_parquet(folder / "test_events.parquet")


def within(events: pd.DataFrame, category: str, first: dt.date, days: int) -> pd.DataFrame:
    """Return the events of a category, or of `"all"`, on `days` days from `first`."""
    start = pd.Timestamp(first)
    kept = (events.occ_date >= start) & (events.occ_date < start + pd.Timedelta(days=days))
    return events[kept if category == "all" else kept & (events.category == category)]


def count(cells: geopandas.GeoDataFrame, events: pd.DataFrame) -> np.ndarray:
    """Return the events of each cell; one on a common side counts in the first of the cells alone.

    Parameters
    ----------
    cells : GeoDataFrame
        Polygons in the coordinates of the events.
    events : DataFrame
        `x` and `y`.

    Returns
    -------
    (n_cells,) int64
    """
    points = shapely.points(events.x, events.y)
    event, cell = shapely.STRtree(cells.geometry.values).query(points, predicate="intersects")
    order = np.lexsort((cell, event))
    _, firsts = np.unique(event[order], return_index=True)
    return np.bincount(cell[order][firsts], minlength=len(cells))


def score(counts: np.ndarray, hotspot: np.ndarray, events: int, cell_sq_mi: float, city_sq_mi: float) -> Score:
    """Return the score of hotspots among cells of one size.

    Parameters
    ----------
    counts : (n_cells,) int
        True events.
    hotspot : (n_cells,) bool
        The cells that were chosen.
    events : int
        All events of the window, N.
    cell_sq_mi, city_sq_mi : float
        Area of a cell and of the city.

    Returns
    -------
    Score
    """
    hotspot = np.asarray(hotspot, bool)
    chosen = int(hotspot.sum())
    best = int(np.sort(counts)[::-1][:chosen].sum())
    return Score(int(counts[hotspot].sum()), events, best, chosen * cell_sq_mi, city_sq_mi)


def submissions(folder: Path) -> pd.DataFrame:
    """Return the teams' entries with a column `team`, and categories named as in the events."""
    tables = [pd.read_csv(folder / file).assign(team=team) for team, file in TEAMS.items()]
    table = pd.concat(tables, ignore_index=True)
    return table.assign(category=table["cat"].str.upper().map(TEAM_CATEGORIES), horizon=table["hz"])


def check(teams: pd.DataFrame, events: pd.DataFrame, city_sq_mi: float, windows: Mapping[str, tuple]) -> pd.DataFrame:
    """Return how far each figure of the teams' files is from what can be made again, relatively.

    Parameters
    ----------
    teams : DataFrame
        Those of `submissions`.
    events : DataFrame
        The true events.
    city_sq_mi : float
        Area within the boundary.
    windows : mapping of str to (date, int)
        First day and days of each horizon.

    Returns
    -------
    DataFrame
        `N` (counted in the events), `A` (of the boundary), `a` (cells times their area), `PAI` and `PEI*` (from the
        file's own n, n* and a). The cells are not in the files, so n and n* cannot be counted again.
    """
    counted = [len(within(events, row.category, *windows[row.horizon])) for row in teams.itertuples()]
    pairs = {
        "N": (np.array(counted), teams.N), "A": (city_sq_mi, teams.A_sqmi),
        "a": (teams.hot * teams.cell_area / SQ_FT_PER_SQ_MI, teams.a_sqmi),
        "PAI": ((teams.n / teams.N) / (teams.a_sqmi / teams.A_sqmi), teams.PAI),
        "PEI*": (teams.n / teams.n_star, teams.PEI_star),
    }  # fmt: skip
    return pd.DataFrame({name: np.abs(made - said) / np.maximum(said, 1e-9) for name, (made, said) in pairs.items()})


def beside(ours: pd.DataFrame, teams: pd.DataFrame) -> pd.DataFrame:
    """Return our entries with both teams' PAI and PEI* of the same category and horizon, NaN where there is none."""
    table = ours.copy()
    for team in TEAMS:
        of_team = teams[teams.team == team].set_index(["category", "horizon"])
        key = pd.MultiIndex.from_frame(table[["category", "horizon"]])
        table[f"pai_{team}"] = of_team.PAI.reindex(key).to_numpy()
        table[f"pei_{team}"] = of_team.PEI_star.reindex(key).to_numpy()
    return table


def verdicts(table: pd.DataFrame, metric: str, rivals: list[str], own: str = "ours") -> np.ndarray:
    """Return "above", "equal" or "below" per entry: `own` against the best of the rivals that have one."""
    mine, best = table[f"{metric}_{own}"], table[[f"{metric}_{name}" for name in rivals]].max(axis=1)
    return np.where(np.isclose(mine, best, rtol=1e-9), "equal", np.where(mine > best, "above", "below"))


def report(table: pd.DataFrame, checked: pd.DataFrame, baselines: list[str]) -> str:
    """Return the table in Markdown, then what was won and lost, then what was made again of the teams' figures."""
    apart = ", ".join(f"{name} {worst:.0e}" for name, worst in checked.max().items())
    said = f"teams' figures made again, largest relative difference over {len(checked)} entries: {apart}"
    return "\n".join([*_rows(table, baselines), "", *_tallies(table, baselines), said])


def _rows(table: pd.DataFrame, baselines: list[str]) -> list[str]:
    teams = [f"{metric} {TITLES[name]}" for metric in ("PAI", "PEI*") for name in TEAMS]
    head = ["category", "horizon", "side ft", "cells", "n of N", "PAI ours", *teams[:2], "ours is"]
    head += ["PEI* ours", *teams[2:], "ours is", *(f"PAI {name}" for name in baselines)]
    lines = ["| " + " | ".join(head) + " |", "|---" * len(head) + "|"]
    told = {metric: verdicts(table, metric, list(TEAMS)) for metric in ("pai", "pei")}
    for at, (_, row) in enumerate(table.iterrows()):
        shown = [row["category"], row.horizon, str(row.side_ft), str(row.hotspots), f"{row.hits:,} of {row.events:,}"]
        shown += [_shown(row[f"pai_{name}"], 1) for name in ("ours", *TEAMS)] + [told["pai"][at]]
        shown += [_shown(row[f"pei_{name}"], 3) for name in ("ours", *TEAMS)] + [told["pei"][at]]
        shown += [_shown(row[f"pai_{name}"], 1) for name in baselines]
        lines.append("| " + " | ".join(shown) + " |")
    return lines


def _tallies(table: pd.DataFrame, baselines: list[str]) -> list[str]:
    """Return the counts of wins and losses; baselines stand on our cells, so theirs tell what the grid alone does."""
    lines = []
    for metric, name in (("pai", "PAI"), ("pei", "PEI*")):
        lines.append(f"{name}: ours against the better team: {_counted(verdicts(table, metric, list(TEAMS)))}")
        for team in TEAMS:
            entered = table[table[f"{metric}_{team}"].notna()]
            told = _counted(verdicts(entered, metric, [team]))
            lines.append(f"{name}: ours against {TITLES[team]} ({len(entered)} entries): {told}")
        for one in baselines:
            told, against = verdicts(table, metric, [one]), verdicts(table, metric, list(TEAMS), own=one)
            lines.append(f"{name}: ours against {one} on the same cells: {_counted(told)}; "
                         f"{one} against the better team: {_counted(against)}")  # fmt: skip
    return lines


def _shown(value: float, digits: int) -> str:
    return "" if np.isnan(value) else f"{value:.{digits}f}"


def _counted(told: np.ndarray) -> str:
    return ", ".join(f"{word} on {int((told == word).sum())}" for word in ("above", "equal", "below"))
