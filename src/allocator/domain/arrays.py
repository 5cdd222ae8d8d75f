"""Shapes of arrays that many records share."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]


Ints = npt.NDArray[np.integer[Any]]


Bools = npt.NDArray[np.bool_]


Times = npt.NDArray[np.datetime64]
