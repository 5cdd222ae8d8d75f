"""A job folder with an invented city that runs."""

from __future__ import annotations

import importlib.resources as resources
from pathlib import Path

from allocator import io, synthetic


def new_job(folder: str | Path, *, seed: int = 0) -> Path:
    """Make a job folder with a synthetic city that runs, and return the path of its job file.

    The job file has every key there is, each with what it does and its default; those of the demo are in use.

    Raises
    ------
    OutputError
        If the folder exists or cannot be written.
    """
    template = resources.files("allocator.pipeline").joinpath("job_template.toml").read_text("utf-8")
    with io.whole_folder(folder) as place:
        for name, content in synthetic_files(seed=seed).items():
            (place / name).write_text(content, "utf-8")
        short = template.replace("{data}", "").replace("{runs}", "runs")
        (place / "job.toml").write_text(io.commented_job(short), "utf-8")
    return Path(folder) / "job.toml"


def synthetic_files(*, seed: int = 0) -> dict[str, str]:
    """Return the input files of the synthetic demo city, by name."""
    city = synthetic.make_city(seed=seed)
    tables = {"events": city.events, "calls": city.calls, **synthetic.rosters(city.area.districts)}
    return {
        **{f"{name}.csv": io.csv_text(table) for name, table in tables.items()},
        "districts.geojson": synthetic.polygons_geojson(city.area.polygons, city.area.districts, "district"),
        "beats.geojson": synthetic.polygons_geojson(city.area.beat_polygons, city.area.beats, "beat"),
    }
