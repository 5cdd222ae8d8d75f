"""Point layers: maps with a place for every row, opened by the one driver that their content calls for."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pyogrio
import shapely

from allocator.errors import DataError, some
from allocator.facts import note
from allocator.io.tables.forms.content import Form
from allocator.io.tables.forms.table import GEOMETRY_X, GEOMETRY_Y, Table


def address_of(path: Path, form: Form, *, json: str = "GeoJSON") -> str:
    """Return the address under which GDAL opens a file; that of JSON names its driver.

    JSON opened by its path alone is offered to all 80 drivers, some of which read other files or the network. The other
    kinds are told by their first bytes before they come here.
    """
    inside = f"/vsizip/{{{path.resolve()}}}/{form.member}" if form.member else str(path.resolve())
    if form.kind == "json":
        return f"{json}:{'/vsigzip/' if form.gzipped else ''}{inside}"
    return inside


_OFFLINE = {"GDAL_HTTP_PROXY": "0.0.0.0:9", "GDAL_HTTPS_PROXY": "0.0.0.0:9", "GDAL_HTTP_MAX_RETRY": "0",
            "CPL_VSIL_CURL_ALLOWED_FILENAME": "none"}  # fmt: skip
"""A GeoJSON may name an address for its coordinate system, which GDAL would fetch: there is no way out."""


@contextmanager
def quiet() -> Iterator[list[warnings.WarningMessage]]:
    """Keep what GDAL warns of from the terminal, and GDAL from the network; warnings are told where they matter."""
    pyogrio.set_gdal_config_options(_OFFLINE)
    try:
        with _recorded() as told:
            yield told
    finally:
        pyogrio.set_gdal_config_options(dict.fromkeys(_OFFLINE))


@contextmanager
def _recorded() -> Iterator[list[warnings.WarningMessage]]:
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        yield told


def layers_of(path: Path, form: Form) -> dict[str, str]:
    """Return the layers of a file that have a geometry, each with its kind."""
    with quiet():
        listed = pyogrio.list_layers(address_of(path, form))
    return {str(name): str(kind) for name, kind in listed if kind is not None}


def layer_of(path: Path, form: Form, layer: str | None) -> tuple[str, tuple[str, ...]]:
    """Return the layer that is read and the names of all layers with a geometry.

    Raises
    ------
    DataError
        If there is none, or none of that name.
    """
    names = tuple(layers_of(path, form))
    if not names:
        raise DataError(f"{path.name} holds no layer with places")
    if layer is not None and layer not in names:
        raise DataError(f"{path.name} has no layer {layer!r}; it has {some(names, 20)}")
    return layer or names[0], names


def read_points(path: Path, form: Form, wanted: list[str], layer: str | None) -> Table:
    """Return the wanted columns of a point layer, with the places.

    Raises
    ------
    DataError
        If it holds no geometry, or anything but points.
    """
    name, names = layer_of(path, form, layer) if form.kind != "json" else (layer, ())
    others = [other for other in names if other != name] if layer is None else []
    notes = (note("history.points_read", file=path.name, layer=name, others=others),) if others else ()
    with quiet():
        frame = pyogrio.read_dataframe(address_of(path, form), layer=name, columns=wanted)
    if not hasattr(frame, "geometry") or "geometry" not in frame:
        raise DataError(f"{path.name} holds no geometry")
    geometry = frame.geometry.to_numpy()
    types = shapely.get_type_id(geometry)
    if wrong := int((~pd.Series(types).isin((-1, 0))).sum()):
        raise DataError(f"{path.name}: {wrong:,} of {len(frame):,} features are not points", count=wrong)
    plain = pd.DataFrame(frame[wanted])
    plain[GEOMETRY_X], plain[GEOMETRY_Y] = shapely.get_x(geometry), shapely.get_y(geometry)
    return Table(plain, crs=None if frame.crs is None else frame.crs.to_string(), notes=notes)
