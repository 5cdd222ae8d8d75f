"""All 20 entries of the NIJ Real-Time Crime Forecasting Challenge (2017), as its rules ask.

    python benchmarks/nij.py --data ../shared/data/portland --out runs/nij
    python benchmarks/nij.py --truth ../shared/data/portland_nij --keep runs/nij_truth

Four categories by five horizons from 2017-03-01. Per entry, side, turn and offset of the squares and the area of the
hotspots are those of the best geometric mean of PAI and PEI* on past windows, by a cheap model (a 60-day decay and the
long run, each half on the cell and half blurred by 75 m). The engine's mixture then forecasts, and is scored beside the
baselines on newer windows that the search did not see. `scores.csv` has both, losses included.

Rules kept: cells of 62,500 to 360,000 square feet (squares of 250 to 600 ft), hotspots of 0.25 to 0.75 square miles
in all, one uniform grid over the whole city. Cells that the boundary cuts are written whole, and never picked.

With `--truth` the same entries, as written, are scored on the true events of March to May 2017 beside two teams'
published entries (`truth.csv`). The truth is read after all entries are made: it chooses nothing.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import math
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from multiprocessing import get_context
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the two workers are the parallel part

import geopandas
import numpy as np
import pandas as pd
import shapely
from scipy.ndimage import gaussian_filter
from shapely import affinity

import allocator as al
import nij_truth
from allocator.config import BoostedOptions, RiskSection
from allocator.risk.fit import fit_all

FIRST_DAY = dt.date(2017, 3, 1)
CATEGORIES = {"all": "all calls for service", "STREET CRIMES": "street crimes", "MOTOR VEHICLE THEFT": "vehicle theft",
              "BURGLARY": "burglary"}  # fmt: skip
SINCE = {"all": dt.date(2016, 8, 1), "STREET CRIMES": dt.date(2016, 8, 1)}
"""First day of complete coverage; the others are complete from the start of the file."""

HORIZONS = {"1WK": 7, "2WK": 14, "1MO": 31, "2MO": 61, "3MO": 92}
TESTS = {7: 2, 14: 1, 31: 1, 61: 1, 92: 1}
"""Newest windows on which the finished entry is scored."""

SEARCHED = {7: 8, 14: 6, 31: 4, 61: 3, 92: 2}
"""Windows before those, at most, on which the grid is chosen."""

SIDES_FT = (250, 300, 350, 400, 450, 500, 550, 600)
AREAS_SQ_MI = (0.25, 0.5, 0.75)
GRIDS_PER_SIDE = 6
FOOT, SQ_MI_KM2 = 0.3048, 1.609344**2
METRES, FEET = "EPSG:2838", "EPSG:2913"  # the same projection, in metres and in feet
BASELINES = ("historic_mean", "kde", "decay")
OPTIONS = RiskSection(
    half_lives_days=(14, 42, 180), bandwidths_m=(100, 250), train_weeks=16, holdout_weeks=2, burn_in_days=28, threads=1,
    boosted=BoostedOptions(rows=30_000),
)  # fmt: skip
"""Fewer components and windows than the default: 44 fits of up to 67,000 cells and four kinds. Burn-in of four weeks:
the complete categories together began on 2016-08-01."""


@dataclass(frozen=True)
class Grid:
    """Squares of `side_ft` feet, turned by `turn_deg` and then moved by parts of a cell."""

    side_ft: int
    turn_deg: float
    east: float
    north: float

    @property
    def side_m(self) -> float:
        return self.side_ft * FOOT

    @property
    def cell_km2(self) -> float:
        return (self.side_m / 1000) ** 2

    def n_hotspots(self, sq_mi: float) -> int:
        """Return the number of cells nearest to an area, within the rules."""
        least, most = math.ceil(0.25 * SQ_MI_KM2 / self.cell_km2), math.floor(0.75 * SQ_MI_KM2 / self.cell_km2)
        return min(max(round(sq_mi * SQ_MI_KM2 / self.cell_km2), least), most)

    def there(self, x, y, centre):
        """Return coordinates in which the grid's squares snap to the origin."""
        angle = math.radians(self.turn_deg)
        x, y = x - centre[0], y - centre[1]
        return (
            math.cos(angle) * x - math.sin(angle) * y + centre[0] + self.east * self.side_m,
            math.sin(angle) * x + math.cos(angle) * y + centre[1] + self.north * self.side_m,
        )

    def turned(self, shape, centre):
        moved = affinity.rotate(shape, self.turn_deg, origin=centre)
        return affinity.translate(moved, self.east * self.side_m, self.north * self.side_m)

    def back(self, shapes, centre):
        """Return shapes of the turned grid where they lie; all at once, as 67,000 one by one take longer than a fit."""
        angle = math.radians(-self.turn_deg)

        def lie(points):
            x = points[:, 0] - self.east * self.side_m - centre[0]
            y = points[:, 1] - self.north * self.side_m - centre[1]
            return np.c_[
                math.cos(angle) * x - math.sin(angle) * y + centre[0],
                math.sin(angle) * x + math.cos(angle) * y + centre[1],
            ]

        return shapely.transform(shapes, lie)


def grids(seed: int) -> list[Grid]:
    """Return the grids tried: of each side one as the streets run, and others by chance."""
    rng = np.random.default_rng(seed)
    found = []
    for side in SIDES_FT:
        found += [Grid(side, 0.0, *rng.random(2).round(3))]
        found += [Grid(side, round(float(rng.uniform(0, 90)), 1), *rng.random(2).round(3))
                  for _ in range(GRIDS_PER_SIDE - 1)]  # fmt: skip
    return [Grid(one.side_ft, one.turn_deg, float(one.east), float(one.north)) for one in found]


@dataclass(frozen=True, eq=False)
class City:
    """What all entries share."""

    events: al.Events
    area: al.Area
    day: np.ndarray

    @property
    def centre(self):
        return tuple(round(side) for side in self.area.outline.centroid.coords[0])

    def rows(self, category: str):
        if category == "all":
            return np.arange(len(self.day))
        return np.flatnonzero(self.events.kind == self.events.kinds.index(category))


def read(data: Path) -> City:
    columns = {"time": "occ_date", "kind": "category", "x": "x", "y": "y"}
    events = al.read_events(data / "events.parquet", columns=columns, crs=FEET, timezone="America/Los_Angeles")
    events = events.to_crs(METRES)
    area = al.read_area(data / "boundary.geojson", crs=METRES)
    inside = shapely.intersects_xy(area.outline, events.x, events.y)
    events = events.take(np.asarray(inside), reason="outside the boundary")
    local = pd.DatetimeIndex(events.time).tz_localize("UTC").tz_convert(events.timezone)
    return City(events, area, np.array([day.toordinal() for day in local.date]))


def test_starts(days: int) -> list[int]:
    return [FIRST_DAY.toordinal() - days * back for back in range(1, TESTS[days] + 1)]


def search_windows(days: int, first: int) -> list[tuple[int, int]]:
    """Return (start, stop) of the windows before all test windows, with 56 days of history before each."""
    stop = min(test_starts(days))
    length = min(days, stop - first - 56)
    starts = [stop - length * back for back in range(1, SEARCHED[days] + 1)]
    return [(start, start + length) for start in starts if start - first >= 56]


def search(city: City, category: str, days: int, tried: list[Grid]) -> tuple[Grid, float, pd.DataFrame]:
    """Return the grid and area of the best geometric mean of PAI and PEI*, and the scores of all."""
    rows = city.rows(category)
    first = SINCE.get(category, dt.date(2012, 3, 1)).toordinal()
    rows = rows[city.day[rows] >= first]
    day, x, y = city.day[rows], city.events.x[rows], city.events.y[rows]
    records = []
    for grid in tried:
        place, shape = _places(*grid.there(x, y, city.centre), grid.side_m)
        sums = {sq_mi: np.zeros(3) for sq_mi in AREAS_SQ_MI}
        for start, stop in search_windows(days, first):
            rate = _cheap(place, day, shape, start, first, grid.side_m)
            window = (day >= start) & (day < stop)
            actual = np.bincount(place[window], minlength=shape[0] * shape[1])
            order, best = np.argsort(-rate, kind="stable"), -np.sort(-actual)
            for sq_mi, total in sums.items():
                n = grid.n_hotspots(sq_mi)
                total += actual[order[:n]].sum(), best[:n].sum(), actual.sum()
        for sq_mi, (hits, most, events) in sums.items():
            share = grid.n_hotspots(sq_mi) * grid.cell_km2 / (city.area.outline.area / 1e6)
            pai, pei = hits / max(events, 1) / share, hits / max(most, 1)
            records.append({"grid": grid, "sq_mi": sq_mi, "pai": pai, "pei": pei, "aim": math.sqrt(pai * pei)})
    table = pd.DataFrame(records)
    best = table.loc[table.aim.idxmax()]
    return best.grid, float(best.sq_mi), table


def _places(x, y, side):
    column, row = np.floor(x / side).astype(int), np.floor(y / side).astype(int)
    column, row = column - column.min(), row - row.min()
    return row * (column.max() + 1) + column, (row.max() + 1, column.max() + 1)


def _cheap(place, day, shape, start, first, side):
    """Return the cheap forecast of the search: 60-day decay and long run, own cell and blurred."""
    past = day < start
    fading = np.exp(-(start - 1 - day[past]) / 60.0) / 60.0 + 1.0 / (start - first)
    own = np.bincount(place[past], fading, shape[0] * shape[1])
    return own + gaussian_filter(own.reshape(shape), 75.0 / side, truncate=3.0).ravel()


def forecasts(city: City, category: str, grid: Grid, cutoff: dt.date, days: int, models) -> dict[str, al.RiskSurface]:
    """Return the surface of each model for the days from `cutoff`, on the turned grid.

    The history begins where the category is complete: windows that a source does not cover teach nothing, and with
    them two-month windows left nothing to learn all calls from (PAI 52 instead of 61 on the test window).
    """
    events = city.events.take(city.day >= SINCE.get(category, dt.date(2012, 3, 1)).toordinal())
    x, y = grid.there(events.x, events.y, city.centre)
    area = replace(city.area, polygons=_object([grid.turned(one, city.centre) for one in city.area.polygons]))
    squares = al.Tessellation.squares(area, grid.side_m)
    panel = al.Panel.from_events(replace(events, x=x, y=y), squares, stop=cutoff)
    return {name: fitted.forecast() for name, fitted in fit_all(panel, models, days, options=OPTIONS).items()}


def _object(items):
    filled = np.empty(len(items), dtype=object)
    filled[:] = items
    return filled


def picked(surface: al.RiskSurface, grid: Grid, category: str, sq_mi: float):
    area = grid.n_hotspots(sq_mi) * grid.cell_km2
    return al.hotspots(surface, area_km2=area, kind=category, min_cell_km2=grid.cell_km2 * (1 - 1e-6))


def test(city: City, entry: tuple[str, str], grid: Grid, sq_mi: float, model: str) -> dict[str, float]:
    """Return events, PAI and PEI* of the engine and the baselines on the test windows."""
    category, days = entry[0], HORIZONS[entry[1]]
    rows = city.rows(category)
    x, y = grid.there(city.events.x[rows], city.events.y[rows], city.centre)
    n, sums = grid.n_hotspots(sq_mi), {name: np.zeros(3) for name in (model, *BASELINES)}
    for start in test_starts(days):
        inside = (city.day[rows] >= start) & (city.day[rows] < start + days)
        for name, surface in forecasts(city, category, grid, dt.date.fromordinal(start), days, list(sums)).items():
            table = picked(surface, grid, category, sq_mi)
            cell = surface.city.locate(x[inside], y[inside])
            actual = np.bincount(cell[cell >= 0], minlength=len(table))
            best = -np.sort(-actual)[:n]
            sums[name] += actual[table.hotspot == 1].sum(), best.sum(), int(inside.sum())
    share = n * grid.cell_km2 / (city.area.outline.area / 1e6)
    scores: dict[str, float] = {"test_windows": TESTS[days], "test_events": int(sums[model][2])}
    for name, (hits, most, events) in sums.items():
        label = "ours" if name == model else name
        scores |= {f"pai_{label}": hits / events / share, f"pei_{label}": hits / max(most, 1)}
    return scores


def made(city: City, key: tuple[str, str], model: str, seed: int, out: Path) -> dict[str, object]:
    """Choose, forecast and write one entry; return its row of the table.

    Beside the GeoPackage, `FILE.npz` holds the hotspots of the model and of the baselines, in the order of its cells.
    """
    began = time.perf_counter()
    category, horizon = key
    days = HORIZONS[horizon]
    grid, sq_mi, tried = search(city, category, days, grids(seed))
    found = tried[(tried.grid == grid) & (tried.sq_mi == sq_mi)].iloc[0]
    searched = time.perf_counter()
    surfaces = forecasts(city, category, grid, FIRST_DAY, days, [model, *BASELINES])
    tables = {name: picked(surface, grid, category, sq_mi) for name, surface in surfaces.items()}
    table, file = tables[model], file_of(key)
    n = int(table.hotspot.sum())
    al.write_cells(whole(table, surfaces[model], grid, city), out / file, crs=FEET, overwrite=True)
    picks = {name: one.hotspot.to_numpy() == 1 for name, one in tables.items()}
    np.savez_compressed(out / f"{file}.npz", **picks)
    return {
        "category": CATEGORIES[category], "horizon": horizon, "days": days, **asdict(grid), "cells": len(table),
        "hotspots": n, "sq_mi": n * grid.cell_km2 / SQ_MI_KM2, "expected": float(table.expected.sum()),
        "search_windows": len(search_windows(days, SINCE.get(category, dt.date(2012, 3, 1)).toordinal())),
        "search_pai": found.pai, "search_pei": found.pei, "chosen_sq_mi": sq_mi, "file": file,
        "search_s": searched - began, "seconds": time.perf_counter() - began,
    }  # fmt: skip


def file_of(key: tuple[str, str]) -> str:
    return f"{key[0].replace(' ', '_').lower()}_{key[1]}.gpkg"


def kept(city: City, key: tuple[str, str], model: str, seed: int, keep: Path) -> dict[str, object]:
    """Return the row of an entry that `keep` holds for this model and seed, or make it."""
    note, wanted = keep / f"{file_of(key)}.json", {"model": model, "seed": seed}
    if note.exists():
        found = json.loads(note.read_text())
        if all(found[name] == value for name, value in wanted.items()):
            return found["row"]
    row = made(city, key, model, seed, keep)
    note.write_text(json.dumps({**wanted, "row": row}, default=float))
    return row


def entry(city: City, key: tuple[str, str], model: str, seed: int, out: Path) -> dict[str, object]:
    """Choose, forecast, write and score one entry on newer windows of the past; return its row of the table."""
    began = time.perf_counter()
    row = made(city, key, model, seed, out)
    grid = Grid(*(row[name] for name in ("side_ft", "turn_deg", "east", "north")))
    scores = test(city, key, grid, row.pop("chosen_sq_mi"), model)
    last = {name: row.pop(name) for name in ("file", "search_s", "seconds")}
    return {**row, **scores, **last} | {"seconds": time.perf_counter() - began}


def on_truth(row: dict[str, object], model: str, folder: Path, events: pd.DataFrame, city_sq_mi: float):
    """Return the scores of one written entry, and of the baselines on its cells, on the true events of its window."""
    cells = geopandas.read_file(folder / row["file"])
    category = next(name for name, title in CATEGORIES.items() if title == row["category"])
    window = nij_truth.within(events, category, FIRST_DAY, row["days"])
    counts, cell_sq_mi = nij_truth.count(cells, window), row["side_ft"] ** 2 / nij_truth.SQ_FT_PER_SQ_MI
    with np.load(folder / f"{row['file']}.npz") as picks:
        hotspots = {"ours": cells.hotspot.to_numpy() == 1, **{name: picks[name] for name in BASELINES}}
        if not (picks[model] == hotspots["ours"]).all():
            raise ValueError(f"{row['file']} and its .npz are of different runs: empty {folder}")
    scores = {name: nij_truth.score(counts, picked, len(window), cell_sq_mi, city_sq_mi)
              for name, picked in hotspots.items()}  # fmt: skip
    ours = scores["ours"]
    found = {**row, "category": category, "events": ours.events, "hits": ours.hits, "best": ours.best}
    return found | {
        f"{metric}_{name}": getattr(one, metric) for name, one in scores.items() for metric in ("pai", "pei")
    }


def against_truth(given: argparse.Namespace, rows: list[dict[str, object]], folder: Path) -> str:
    """Score the written entries on the true events, write `truth.csv` and return the report."""
    outline = geopandas.read_file(given.data / "boundary.geojson").to_crs(FEET).geometry.union_all()
    city_sq_mi = outline.area / nij_truth.SQ_FT_PER_SQ_MI
    events, teams = nij_truth.truth(given.truth), nij_truth.submissions(given.truth)
    ours = pd.DataFrame([on_truth(row, given.model, folder, events, city_sq_mi) for row in rows])
    windows = {horizon: (FIRST_DAY, days) for horizon, days in HORIZONS.items()}
    table = nij_truth.beside(ours, teams)
    table = table.assign(category=table.category.map(CATEGORIES))
    given.out.mkdir(parents=True, exist_ok=True)
    table.round(4).to_csv(given.out / "truth.csv", index=False)
    return nij_truth.report(table, nij_truth.check(teams, events, city_sq_mi, windows), list(BASELINES))


def whole(table, surface, grid: Grid, city: City):
    """Return the cells as whole squares, turned back to where they lie."""
    west, south = (np.floor(side / grid.side_m + 1e-9) * grid.side_m for side in _corner(surface))
    squares = shapely.box(west, south, west + grid.side_m, south + grid.side_m)
    return table.assign(area_km2=grid.cell_km2).set_geometry(grid.back(squares, city.centre))


def _corner(surface):
    inner = shapely.get_coordinates(shapely.point_on_surface(surface.city.geometry))
    return inner[:, 0], inner[:, 1]


def _task(arguments):
    make, data, key, model, seed, out = arguments
    return make(read(data), key, model, seed, out)


def report(table: pd.DataFrame) -> str:
    """Return the table and what was won and lost, in words."""
    lines = [table.drop(columns=["file", "search_s"]).round(3).to_string(index=False), ""]
    for metric in ("pai", "pei"):
        rivals = table[[f"{metric}_{name}" for name in BASELINES]]
        ours = table[f"{metric}_ours"]
        lines.append(
            f"{metric}: ours above all baselines on {(ours > rivals.max(axis=1)).sum()} of {len(table)} entries, equal "
            f"to the best on {(ours == rivals.max(axis=1)).sum()}, below on {(ours < rivals.max(axis=1)).sum()}; "
            + ", ".join(f"above {name} on {(ours > table[f'{metric}_{name}']).sum()}" for name in BASELINES)
        )
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--data", type=Path, default=Path(os.environ.get("ALLOCATOR_DATA", "../shared/data"), "portland")
    )
    parser.add_argument("--out", type=Path, default=Path("runs/nij"))
    parser.add_argument("--truth", type=Path, help="score the entries on the true events and the teams' of this folder")
    parser.add_argument(
        "--keep", type=Path, help="with --truth: entries are kept here, and used again if of the same model and seed; "
        "empty it after changes of the code"
    )  # fmt: skip
    parser.add_argument("--model", default="mixture", help="of the registry, or auto (three times as slow)")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    if given.keep and not given.truth:
        parser.error("--keep goes with --truth")
    needed = [given.data / "events.parquet", *([given.truth / "test_events.parquet"] if given.truth else [])]
    if absent := [str(file.parent) for file in needed if not file.exists()]:
        sys.exit(f"skipped: the data are absent ({', '.join(absent)})")
    began = time.perf_counter()
    folder = (given.truth and given.keep) or given.out
    rows = entries(given, folder)
    if given.truth:
        sys.stdout.write(against_truth(given, rows, folder) + "\n")
    else:
        table = pd.DataFrame(rows)
        table.round(4).to_csv(given.out / "scores.csv", index=False)
        sys.stdout.write(report(table) + "\n")
    sys.stdout.write(f"20 entries in {time.perf_counter() - began:.0f} s with {given.workers} workers: {given.out}\n")


def entries(given: argparse.Namespace, folder: Path) -> list[dict[str, object]]:
    """Return the rows of all 20 entries, in the order of categories and horizons."""
    folder.mkdir(parents=True, exist_ok=True)
    make = entry if not given.truth else kept if given.keep else made
    keys = [(category, horizon) for category in CATEGORIES for horizon in HORIZONS]
    tasks = [(make, given.data, key, given.model, given.seed, folder) for key in keys]
    with ProcessPoolExecutor(given.workers, mp_context=get_context("spawn")) as pool:
        return list(pool.map(_task, tasks))


if __name__ == "__main__":
    main()
