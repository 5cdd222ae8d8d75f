"""A whole job in small, with a file for every key that names one: read in a tenth of a second, run in two."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tomli_w

from allocator import pipeline, synthetic
from allocator.io.tables.exports import csv_text

CITY = {"seed": 3, "width_km": 5.5, "height_km": 3.5, "weeks": 30, "events_per_week": 30.0}
QUICK = {"model": "decay", "train_weeks": 8, "holdout_weeks": 2, "burn_in_days": 28, "threads": 1, "holidays": "none"}

TABLES = {
    "channels.csv": "channel,areas,share,cost,languages,audiences,most_per_week\nNewsletter,,0.25,150,en;es,,1\n",
    "funds.csv": "fund,amount,areas,types,kinds,partner\nSafer homes,900,,,BURGLARY,\nYouth,500,1,workshop,,\n",
    "points.csv": "point,area,stock,covers,share,partner\nCounter 1,1,3000,1;2,0.16,Neighbourhood association 1\n",
    "requests.csv": "area,date,requests,topic\n1,2026-01-05,3,lighting\n2,2026-01-06,1,meetings\n",
    "delivered.csv": "id,initiative,area,start,planned_reach,status,attended,cost,cause\n"
    "O0001,Home security workshop,1,2026-02-02 10:00-01:00,40,held,12,180,\n"
    "O0002,Home security workshop,2,2026-02-03 10:00-01:00,40,cancelled,,,rain\n",
    "answers.csv": "id,initiative,partner,area,start,answer,venue\n"
    "O0003,Home security workshop,Neighbourhood association 1,1,2026-03-04T10:00:00-01:00,decline,\n",
    "edits.csv": "action,shift,unit,district,cell,who,why\nforbid,2026-03-03/evening,,,5,planning desk,roadworks\n",
    "daily.csv": "date,rain\n",
    "availability.csv": "unit,date,until,shift\n1P1,2026-03-03,2026-03-04,\n",
    "preferences.csv": "unit,weekday,shift,weight\n1P2,mon,day,3\n2P1,,night,-1\n",
    "worked.csv": "unit,date,shift\n1P1,2026-02-28,evening\n",
    "demand.csv": "shift,units\nday,2\nevening,2\nnight,2\n",
}
"""Tables that the demo job has none of, by name."""


def make_tiny_job(folder: Path) -> dict[str, Any]:
    """Make the job folder and return the content of its `job.toml`; `made.toml` beside it has its duty made."""
    folder.mkdir(parents=True)
    city = synthetic.make_city(**CITY)
    districts = city.area.districts
    tables = synthetic.rosters(districts, units_per_district=5)
    tables |= {"events": city.events, "calls": city.calls.iloc[::4]}
    for name, table in tables.items():
        (folder / f"{name}.csv").write_text(csv_text(table))
    for name, text in TABLES.items():
        (folder / name).write_text(text)
    days = pd.date_range(city.first_day, periods=7 * 31)
    rows = "".join(f"{day:%Y-%m-%d},{n % 5}\n" for n, day in enumerate(days))
    (folder / "daily.csv").write_text(TABLES["daily.csv"] + rows)
    area = city.area
    shapes = {"districts": (area.polygons, districts, "district"), "beats": (area.beat_polygons, area.beats, "beat")}
    for name, (polygons, labels, column) in shapes.items():
        (folder / f"{name}.geojson").write_text(synthetic.polygons_geojson(polygons, labels, column))
    _write_places(folder, city)
    content = _content(folder)
    (folder / "job.toml").write_text(tomli_w.dumps(content))
    made = tomllib.loads(tomli_w.dumps(content))
    del made["roster"]["duty"], made["roster"]["edits"], made["routes"]["matrix"]
    made["routes"]["streets"], made["routes"]["streets_speed"] = "streets.geojson", "speed"
    made["roster"]["make"] = {
        "demand_file": "demand.csv", "availability": "availability.csv", "preferences": "preferences.csv",
        "earlier": "worked.csv",
    }  # fmt: skip
    (folder / "made.toml").write_text(tomli_w.dumps(made))
    return content


def _write_places(folder: Path, city: synthetic.SyntheticCity) -> None:
    """Write lights (points), residents (polygons), streets (lines), a survey and a matrix of beats."""
    frame = city.events.iloc[:40]
    when = ["2026-01-05"] * 40
    (folder / "lights.csv").write_text(csv_text(pd.DataFrame({"lon": frame["lon"], "lat": frame["lat"], "when": when})))
    residents = json.loads((folder / "beats.geojson").read_text())
    for n, feature in enumerate(residents["features"]):
        feature["properties"] |= {"residents": 900 + 10 * n, "renters": 300 + n}
    (folder / "residents.geojson").write_text(json.dumps(residents))
    features = []
    for n, feature in enumerate(residents["features"]):
        ring = feature["geometry"]["coordinates"][0]
        line = {"type": "LineString", "coordinates": ring[0] if isinstance(ring[0][0], list) else ring}
        features.append({"type": "Feature", "properties": {"speed": 30 + n}, "geometry": line})
    (folder / "streets.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    rng = np.random.default_rng(1)
    survey = pd.DataFrame({"area": rng.choice(list(city.area.districts), 120), "unsafe": rng.integers(0, 2, 120)})
    survey = survey.assign(weight=rng.uniform(1, 9, 120).round(1), stratum="all", block=rng.integers(1, 30, 120))
    (folder / "survey.csv").write_text(csv_text(survey))
    beats = city.area.beats
    matrix = pd.DataFrame([(a, b, 2 + abs(n - m)) for n, a in enumerate(beats) for m, b in enumerate(beats)])
    (folder / "matrix.csv").write_text(csv_text(matrix.set_axis(["from", "to", "minutes"], axis=1)))


def _content(folder: Path) -> dict[str, Any]:
    """Return the demo job with all of this in use."""
    job = pipeline.new_job(folder / "demo")
    content = tomllib.loads(job.read_text("utf-8"))
    for path in sorted(job.parent.iterdir()):
        path.unlink()
    job.parent.rmdir()
    content["job"] |= {"days": 2, "week": dt.date(2026, 3, 2)}
    content["area"]["crs"] = "EPSG:32625"  # finding it out takes a quarter of a validation
    content["tessellation"] = {"kind": "squares", "size_m": 500.0}
    content["risk"] = {
        **QUICK,
        "covariates": [
            {"file": "lights.csv", "form": "points", "lon": "lon", "lat": "lat", "time": "when", "name": "lights"},
            {"file": "residents.geojson", "form": "polygons", "column": "residents", "measure": "sum"},
        ],
        "daily": {"file": "daily.csv", "columns": ["rain"]},
    }
    content["policy"]["limits"][0]["beat"] = "1b"
    content["roster"]["edits"] = "edits.csv"
    content["allocation"]["bands"][0] |= {"district": "1", "least": 2}
    content["allocation"]["exposure"] = [
        {"name": "renters", "file": "residents.geojson", "column": "renters", "of": "residents", "within": 0.9}
    ]
    content["allocation"]["requests"] = [{"district": "1", "by": "Residents of 1", "minutes": 15}]
    content["routes"] = {
        "matrix": "matrix.csv", "iterations": 5, "runs": 1, "variants": 4, "threads": 1,
        "windows": [{"beat": "1a", "earliest": dt.time(8), "latest": dt.time(20), "reason": "market"}],
    }  # fmt: skip
    content["outreach"] |= {
        "points": "points.csv", "channels": "channels.csv", "funds": "funds.csv", "answers": ["answers.csv"],
        "delivered": ["delivered.csv"], "effort": 0.2,
        "topics": {"homes": ["BURGLARY"]},
        "needs": {"trend_weight": 0.5, "survey_weight": 0.2, "requests_weight": 0.2, "requests": "requests.csv",
                  "days": 28},
        "survey": {"file": "survey.csv", "question": "unsafe", "area": "area", "weight": "weight",
                   "stratum": "stratum", "cluster": "block", "synthetic": True},
    }  # fmt: skip
    content["output"]["products"] = []
    return content
