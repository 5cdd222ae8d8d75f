"""Numbers by cell or by day, checked at the door."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain.arrays import Floats
from allocator.errors import some
from allocator.facts import Note, note

_LARGEST = float(np.finfo(np.float32).max)

Columns = dict[str, npt.NDArray[np.float32]]


def of_cells(n_cells: int, frame: pd.DataFrame) -> tuple[Columns, list[str]]:
    """Return float32 columns by name, one value per cell (NaN where none is given), and the faults."""
    if faults := _key_faults(frame, "cell"):
        return {}, faults
    number = pd.to_numeric(frame["cell"], errors="coerce").to_numpy(np.float64)
    unknown = ~((number >= 0) & (number < n_cells) & (number == np.floor(number)))
    if unknown.any():
        examples = some(frame["cell"][unknown].tolist())
        return {}, [f"column cell: {int(unknown.sum()):,} unknown cells: {examples}; cells are 0 to {n_cells - 1:,}"]
    values, faults = _numbers(frame, "cell")
    columns = {name: np.full(n_cells, np.nan, np.float32) for name in values} if not faults else {}
    for name in columns:
        columns[name][number.astype(np.int64)] = values[name]
    return columns, faults


def of_days(days: pd.DataFrame, known_ahead: Sequence[str]) -> tuple[pd.DataFrame | None, list[str]]:
    """Return one row of numbers per day (indexed by ordinal; None when there are faults), and the faults."""
    faults = [f"known_ahead: no daily column {name!r}" for name in known_ahead if name not in days]
    if wrong := _key_faults(days, "date"):
        return None, faults + wrong
    dates = pd.to_datetime(days["date"], errors="coerce")
    if bad := int(dates.isna().sum()):
        faults.append(f"column date: {bad:,} are no dates: {some(days['date'][dates.isna()].tolist())}")
    values, more = _numbers(days, "date")
    faults += more
    if faults:
        return None, faults
    return pd.DataFrame(values, index=[date.toordinal() for date in dates.dt.date]).sort_index(), []


def _key_faults(frame: pd.DataFrame, key: str) -> list[str]:
    if key not in frame:
        return [f"no column {key!r}; columns are {some(list(frame.columns), 10)}"]
    if (twice := frame[key].duplicated()).any():
        return [f"column {key}: {int(twice.sum()):,} given more than once: {some(frame[key][twice].tolist())}"]
    return []


def _numbers(frame: pd.DataFrame, key: str) -> tuple[dict[str, Floats], list[str]]:
    values, faults = {}, []
    for name in frame.columns.drop(key):
        column = pd.to_numeric(frame[name], errors="coerce").to_numpy(np.float64)
        given = frame[name].notna().to_numpy()
        if (words := given & np.isnan(column)).any():
            examples = some(frame[name][words].unique()[:3])
            faults.append(f"column {name}: {int(words.sum()):,} values are no numbers, for example {examples}")
        if (infinite := int((np.abs(column) > _LARGEST).sum())) > 0:
            faults.append(f"column {name}: {infinite:,} values are infinite")
        if not given.any():
            faults.append(f"column {name}: all values are missing")
        values[str(name)] = column
    return values, faults


def notes_of_gaps(cells: Mapping[str, npt.NDArray[np.float32]]) -> tuple[Note, ...]:
    """Return a note for each covariate that is missing in some cells."""
    return tuple(
        note("history.covariate_missing", name=name, count=int(np.isnan(value).sum()), total=len(value))
        for name, value in cells.items()
        if np.isnan(value).any()
    )


def missing_days(days: pd.DataFrame | None, known_ahead: Sequence[str]) -> tuple[Note, ...]:
    """Return a note for each daily covariate with gaps, and one for those not known ahead."""
    if days is None:
        return ()
    told = [
        note("history.daily_covariate_missing", name=name, count=int(n)) for name, n in days.isna().sum().items() if n
    ]
    if measured := [str(name) for name in days if name not in known_ahead]:
        told.append(note("history.daily_covariates_not_known_ahead", names=measured))
    return tuple(told)
