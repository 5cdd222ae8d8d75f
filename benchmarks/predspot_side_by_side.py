"""`predspot` 1.0 and `allocator` on the same task in one run: Chicago, 1 km, weekly, all four kinds together.

    python -m venv /tmp/predspot && /tmp/predspot/bin/pip install predspot==1.0.0
    python benchmarks/predspot_side_by_side.py --predspot /tmp/predspot/bin/python

Each side runs alone in a process of its own and is given the events before the same Mondays in memory; the clock runs
from there to the forecast of the week. predspot's is its default pipeline (KDE, STL, random forest); ours `fit` with a
model of the registry, on squares of 1 km. PAI at 5 % of the area is taken twice for predspot, on our squares (each with
the density of its nearest point) and on the squares around its own points, and the better of the two counts.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # both sides: small matrices, and the machine is shared

SHARE = 0.05
KM_PER_DEGREE = 111.32, 110.57  # of longitude, latitude: predspot's own, for its grid
OPTIONS = {"bandwidths_m": (1000.0, 2000.0), "train_weeks": 26, "holdout_weeks": 4}  # of RiskSection, for 1 km


def their_side(folder: Path, lags: int) -> dict[str, object]:
    """Forecast with predspot; imports nothing of ours."""
    from importlib.metadata import version

    import geopandas
    import pandas as pd
    from predspot.pipeline import run_prediction_pipeline

    events, area = pd.read_csv(folder / "events.csv", parse_dates=["t"]), geopandas.read_file(folder / "area.geojson")
    result: dict[str, list] = {"values": [], "seconds": [], "cpu": []}
    for cutoff in json.loads((folder / "cutoffs.json").read_text()):
        known = events[events.t < pd.Timestamp(cutoff)]
        wall, cpu = time.perf_counter(), time.process_time()
        found, pipeline = run_prediction_pipeline(
            known, area, tfreq="W", grid_resolution=1, lags=lags, random_state=0
        )  # fmt: skip
        result["seconds"].append(time.perf_counter() - wall)
        result["cpu"].append(time.process_time() - cpu)
        result["values"].append(found["crime_density"].droplevel("t").reindex(pipeline.grid.index).tolist())
        result["points"] = pipeline.grid[["lon", "lat"]].to_numpy().tolist()
    names = ("predspot", "numpy", "pandas", "scikit-learn", "statsmodels", "geopandas", "shapely")
    return {**result, "versions": {name: version(name) for name in names}}


def our_side(folder: Path, model: str) -> dict[str, object]:
    """Forecast with allocator, after one untimed call that loads the compiled kernels."""
    import dataclasses

    import numpy as np
    import pandas as pd

    import allocator as al
    from allocator.config import RiskSection

    area = al.read_area(folder / "area.geojson")
    frame = pd.read_csv(folder / "events.csv", parse_dates=["t"])
    columns = {"time": "t", "kind": "tag", "lon": "lon", "lat": "lat"}
    events = al.read_events(frame, columns=columns, timezone="America/Chicago")
    events = dataclasses.replace(events, kind=np.zeros(len(events), np.int16), kinds=("crime",))
    options = RiskSection(**OPTIONS)
    cutoffs = json.loads((folder / "cutoffs.json").read_text())
    result: dict[str, list] = {"values": [], "seconds": [], "cpu": []}
    for cutoff in (cutoffs[0], *cutoffs):
        wall, cpu = time.perf_counter(), time.process_time()
        squares = al.Tessellation.squares(area, 1000)
        panel = al.Panel.from_events(events, squares, stop=cutoff)
        surface = al.fit(panel, model, 7, options=options).forecast()
        result["seconds"].append(time.perf_counter() - wall)
        result["cpu"].append(time.process_time() - cpu)
        result["values"].append(surface.mean[0, :, 0].astype(float).tolist())
    from allocator.pipeline import versions

    return {**{name: part[1:] for name, part in result.items()}, "versions": versions()}


def score(theirs, ours, frame, area, cutoffs) -> dict[str, float]:
    """Return the PAI at 5 % of the area, pooled over the weeks."""
    import numpy as np
    import pandas as pd
    import shapely
    from pyproj import Transformer
    from scipy.spatial import cKDTree

    import allocator as al
    from allocator.evaluation.forecasts.metrics import Case, pai, tally

    project = Transformer.from_crs("EPSG:4326", area.crs, always_xy=True).transform
    squares = al.Tessellation.squares(area, 1000)
    points = np.array(theirs["points"])
    nearest = cKDTree(np.c_[project(*points.T)]).query(np.c_[squares.x, squares.y])[1]
    boxes = al.Tessellation.polygons(area, _boxes(points, area.crs, shapely, project))
    plans = {
        "allocator": (squares, ours["values"], slice(None)),
        "predspot, our squares": (squares, theirs["values"], nearest),
    }
    if boxes.n_cells == len(points):
        plans["predspot, its own"] = (boxes, theirs["values"], slice(None))
    pooled = {}
    for name, (city, values, order) in plans.items():
        total: dict[str, float] = {}
        for week, cutoff in enumerate(pd.to_datetime(cutoffs)):
            inside = frame[(frame.t >= cutoff) & (frame.t < cutoff + pd.Timedelta(days=7))]
            cell = city.locate(*project(inside.lon.to_numpy(), inside.lat.to_numpy()))
            actual = np.bincount(cell[cell >= 0], minlength=city.n_cells)
            # Both rank by what they expect per km²: a density already is, our counts are divided by the area.
            rate = np.maximum(np.array(values[week])[order], 1e-12)
            rate = rate * city.area_km2 if name.startswith("predspot") else rate
            for key, value in tally(Case(actual, rate, city.area_km2), [SHARE]).items():
                total[key] = total.get(key, 0.0) + value
        pooled[name] = float(pai.of({**total, "share": np.array([SHARE])})[0])
    return pooled


def _boxes(points, crs, shapely, project):
    import numpy as np

    east, north = (np.diff(np.unique(part.round(9))).min() / 2 for part in points.T)
    boxes = shapely.box(points[:, 0] - east, points[:, 1] - north, points[:, 0] + east, points[:, 1] + north)
    return shapely.transform(boxes, lambda xy: np.c_[project(*xy.T)])


def _run(python: str, side: str, folder: Path, *more: str) -> dict:
    command = [python, __file__, "--side", side, "--folder", str(folder), *more]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{side} failed:\n{done.stderr[-3000:]}")
    return json.loads((folder / f"{side}.json").read_text())


def compare(given: argparse.Namespace) -> None:
    import pandas as pd
    import shapely

    import allocator as al

    data = given.data / "chicago"
    frame = pd.read_parquet(data / "events.parquet", columns=["occurred_at", "category", "lat", "lon"])
    frame = frame.rename(columns={"occurred_at": "t", "category": "tag"}).dropna()
    last = frame.t.max().normalize()
    monday = last - pd.Timedelta(days=int(last.day_of_week)) - pd.Timedelta(days=7)
    cutoffs = [str((monday - pd.Timedelta(days=7 * back)).date()) for back in reversed(range(given.weeks))]
    area = al.read_area(data / "districts.geojson")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        frame.to_csv(folder / "events.csv", index=False)
        (folder / "cutoffs.json").write_text(json.dumps(cutoffs))
        import geopandas

        outline = geopandas.GeoDataFrame(geometry=[area.outline], crs=area.crs).to_crs("EPSG:4326")
        outline.to_file(folder / "area.geojson", driver="GeoJSON")
        assert shapely.is_valid(outline.geometry.iloc[0])
        ours = _run(sys.executable, "ours", folder, "--model", given.model)
        theirs = _run(given.predspot, "theirs", folder, "--lags", str(given.lags))
        scores = score(theirs, ours, frame, al.read_area(folder / "area.geojson"), cutoffs)
    rows = {
        name: {"s a week": _median(side["seconds"]), "cpu s": _median(side["cpu"]), "peak MB": round(side["peak_mb"])}
        for name, side in (("predspot", theirs), (f"allocator, {given.model}", ours))
    }
    out = [f"Chicago, {len(frame):,} events, 1 km, weeks from {', '.join(cutoffs)}; load {os.getloadavg()[0]:.1f}"]
    out += [f"  {name}: {row}" for name, row in rows.items()]
    out += [f"  PAI at 5 %: { ({name: round(value, 3) for name, value in scores.items()}) }"]
    slow, fast = rows["predspot"], rows[f"allocator, {given.model}"]
    wall, cpu = (slow[name] / fast[name] for name in ("s a week", "cpu s"))
    out += [f"  speed: {wall:.0f}× by the clock, {cpu:.0f}× by CPU time"]
    out += [f"  {json.dumps(theirs['versions'])}", f"  {json.dumps(ours['versions'])}"]
    sys.stdout.write("\n".join(out) + "\n")


def _median(values: list[float]) -> float:
    return round(sorted(values)[len(values) // 2], 3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--predspot", help="python of an environment that has predspot 1.0")
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("ALLOCATOR_DATA", "../shared/data")))
    parser.add_argument("--weeks", type=int, default=2)
    parser.add_argument("--model", default="mixture")
    parser.add_argument("--lags", type=int, default=2, help="lags and STL period of predspot; 2 is its default")
    parser.add_argument("--side", choices=("ours", "theirs"), help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.side:
        result = their_side(given.folder, given.lags) if given.side == "theirs" else our_side(given.folder, given.model)
        result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        (given.folder / f"{given.side}.json").write_text(json.dumps(result))
        return
    if given.predspot is None or not Path(given.predspot).exists():
        sys.exit("skipped: give --predspot, the python of an environment that has predspot 1.0 (see the docstring)")
    if not (given.data / "chicago" / "events.parquet").exists():
        sys.exit(f"skipped: the data are absent ({given.data})")
    compare(given)


if __name__ == "__main__":
    main()
