"""Tables and maps of every form with damaged bytes: read, or refused by name; half a millisecond to ten each."""

from __future__ import annotations

import shutil
import traceback
import warnings
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest

import spoiling
from allocator.errors import AllocatorError
from allocator.io.places.maps import read_map
from allocator.io.tables.files import read_small_table
from tiny_job import make_tiny_job


@pytest.fixture(scope="module")
def sources(tmp_path_factory):
    """Return files of every form with their reader and their bytes."""
    folder = tmp_path_factory.mktemp("forms") / "job"
    make_tiny_job(folder)
    made = []
    for name, forms in (("units.csv", spoiling.TABLE_FORMS), ("calls.csv", spoiling.TABLE_FORMS),
                        ("districts.geojson", spoiling.MAP_FORMS), ("beats.geojson", spoiling.MAP_FORMS)):  # fmt: skip
        is_map = name.endswith("json")
        frame = gpd.read_file(folder / name) if is_map else pd.read_csv(folder / name).head(60)
        for form in forms:
            place = folder / f"w{len(made)}"
            place.mkdir()
            path = form(frame, place / name)
            made.append((path, read_map if is_map else read_small_table, path.read_bytes()))
    yield made
    shutil.rmtree(folder)


def test_damaged_files_of_every_form_are_refused_by_name_or_read(sources, request):
    faults: list[str] = []
    for n in range(15 * request.config.getoption("--fuzz-cases")):
        path, read, content = sources[n % len(sources)]
        path.write_bytes(content)
        said = spoiling.damage(np.random.default_rng([99, n]), path)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # nothing of a library reaches a terminal
            try:
                read(path)
            except AllocatorError as error:
                if "\ufffd" in str(error) or path.name not in str(error):
                    faults.append(f"{n}: {said}: {str(error)[:150]}")
            except Exception as error:
                last = traceback.extract_tb(error.__traceback__)[-1]
                where = f"{Path(last.filename).name}:{last.lineno}"
                faults.append(f"{n}: {said}: {type(error).__name__}: {str(error)[:150]} ({where})")
    assert not faults, "\n".join(faults)
