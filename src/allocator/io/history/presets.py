"""Known sources: what their columns are called and which traps they set.

A preset is a TOML file in `io/history/presets/`; adding a source means adding a file.
"""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

from allocator.config import ColumnMap, DataSection
from allocator.errors import ConfigError, nearest

_PLACE_PAIRS = ({"lon", "lat"}, {"x", "y"})
_TIME_FORMS = ({"time"}, {"date", "clock"})


@dataclass(frozen=True)
class Preset:
    """A known source.

    Parameters
    ----------
    name : str
        Name used in a job.
    title, dataset : str
        What the source is, and its identifier at the publisher.
    expected : tuple of str
        Columns that the file should have; a change at the source shows here.
    timezone : str
        Time zone of the times in the file.
    notes : tuple of str
        Traps, in plain words.
    settings : mapping
        Values for `DataSection`, `columns` among them.
    """

    name: str
    title: str
    dataset: str
    expected: tuple[str, ...]
    timezone: str
    notes: tuple[str, ...]
    settings: dict[str, Any]


def preset_names() -> tuple[str, ...]:
    """Return the names of all presets, sorted."""
    folder = resources.files(__package__) / "presets"
    names = (entry.name.removesuffix(".toml") for entry in folder.iterdir() if entry.name.endswith(".toml"))
    return tuple(sorted(name for name in names if name not in ("families", "look")))


def preset(name: str) -> Preset:
    """Return the preset of that name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in (known := preset_names()):
        raise ConfigError(f"data.preset: unknown source {name!r}{nearest(name, known)}; known are {', '.join(known)}")
    content = dict(read_data_file(name))
    return Preset(
        name=name, title=content.pop("title"), dataset=content.pop("dataset"), expected=tuple(content.pop("expected")),
        timezone=content.pop("timezone"), notes=tuple(content.pop("notes")), settings=content,
    )  # fmt: skip


@cache
def read_data_file(name: str) -> dict[str, Any]:
    """Return the content of a TOML file of `io/history/presets/`."""
    return tomllib.loads((resources.files(__package__) / "presets" / f"{name}.toml").read_text("utf-8"))


def with_preset(section: DataSection) -> DataSection:
    """Return the section with the values of its preset wherever the job does not set its own.

    An empty column name in the job (`id = ""`) unmaps the column.
    """
    if section.preset is None:
        mapped = {role: name for role, name in section.columns.model_dump().items() if name}
        return section.model_copy(update={"columns": ColumnMap(**mapped)})
    source = preset(section.preset)
    values = {**source.settings, "timezone": source.timezone}
    own = section.model_dump(exclude_unset=True)
    columns = _merge_columns(values.pop("columns"), section.columns)
    return DataSection.model_validate({**values, **own, "columns": columns})


def _merge_columns(preset_columns: dict[str, str], own: ColumnMap) -> dict[str, str]:
    given = own.model_dump(exclude_none=True)
    merged = dict(preset_columns)
    for forms in (_PLACE_PAIRS, _TIME_FORMS):
        for form, other in (forms, forms[::-1]):
            if form & set(given):
                merged = {role: name for role, name in merged.items() if role not in other}
    return {role: name for role, name in {**merged, **given}.items() if name}
