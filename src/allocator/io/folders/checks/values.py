"""What is wrong with single values of a run folder, "" where nothing is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

LARGE = 1e9
"""No count, minute, metre, harm or sum of money of a plan is larger."""

Shape = tuple[int | None, ...]


def array_fault(
    name: str, value: Any, kind: str, shape: Shape, *, within: tuple[float, float] = (-LARGE, LARGE), holes: str = ""
) -> str:
    """Return what is wrong with an array, "" if nothing is.

    `kind` is that of its type: b, i or f. `holes` names the numbers that are none and allowed: "nan", "inf", "-inf".
    """
    if value is None:
        return f"{name} is missing"
    if not isinstance(value, np.ndarray) or value.dtype.kind not in {"i": "iu", "f": "f", "b": "b"}[kind]:
        return f"{name} is of type {getattr(value, 'dtype', type(value).__name__)}"
    if (value.dtype.itemsize < 2 and kind != "b") or (kind == "f" and value.dtype.itemsize not in (4, 8)):
        return f"{name} is of type {value.dtype}"
    if value.ndim != len(shape) or any(n is not None and n != m for n, m in zip(shape, value.shape, strict=True)):
        return f"{name} has the shape {value.shape}, not {shape}"
    if kind == "b" or not value.size:
        return ""
    known = value
    if kind == "f":
        odd = ~np.isfinite(value)
        for sign, test in (("nan", np.isnan), ("inf", np.isposinf), ("-inf", np.isneginf)):
            if sign in holes.split():
                odd &= ~test(value)
        if odd.any():
            return f"{name} has {int(odd.sum()):,} values that are no numbers"
        known = value[np.isfinite(value)]
    least, most = within
    wrong = int(((known < least) | (known > most)).sum())
    return f"{name} has {wrong:,} values outside {least:g} to {most:g}" if wrong else ""


def number_fault(name: str, value: Any, least: float, most: float) -> str:
    """Return what is wrong with a number."""
    fits = isinstance(value, int | float) and not isinstance(value, bool) and least <= value <= most
    return "" if fits else f"{name} is no number from {least:g} to {most:g}"


def texts_fault(name: str, value: Any, length: int | None = None) -> str:
    """Return what is wrong with texts, of which there are `length`."""
    if not isinstance(value, tuple) or not all(isinstance(one, str) for one in value):
        return f"{name} are no texts"
    return f"{name} are {len(value)}, not {length}" if length is not None and len(value) != length else ""


def distinct_fault(name: str, value: Any) -> str:
    """Return what is wrong with texts that differ."""
    return texts_fault(name, value) or ("" if len(set(value)) == len(value) else f"{name} repeat")


def csr_faults(name: str, indptr: Any, indices: Any, n: int) -> Iterator[str]:
    """Yield what is wrong with rows of neighbours of `n` cells."""
    yield array_fault(f"{name}.indptr", indptr, "i", (n + 1,), within=(0, 0 if indices is None else len(indices)))
    yield array_fault(f"{name}.indices", indices, "i", (None,), within=(0, n - 1))
    if isinstance(indptr, np.ndarray) and indptr.ndim == 1 and len(indptr) and isinstance(indices, np.ndarray):
        rising = indptr[0] == 0 and indptr[-1] == len(indices) and bool((np.diff(indptr.astype(np.int64)) >= 0).all())
        yield "" if rising else f"{name}.indptr does not rise from 0 to the number of neighbours"
