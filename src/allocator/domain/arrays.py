"""Shapes of arrays that many records share."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


Ints = npt.NDArray[np.integer[Any]]


Bools = npt.NDArray[np.bool_]


Times = npt.NDArray[np.datetime64]


def freeze(record: Any) -> None:
    """Make the arrays of a frozen record read-only; the caller's own arrays stay as they are."""
    for one in dataclasses.fields(record):
        value = getattr(record, one.name)
        if isinstance(value, np.ndarray):
            view = value.view()
            view.flags.writeable = False
            object.__setattr__(record, one.name, view)
