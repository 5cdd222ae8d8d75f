"""Values of tables: text, numbers, and what stands for nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from allocator.domain import Bools, Floats

_WITHHELD = ("redacted", "withheld", "unknown", "-", "n/a", "na")


def as_text(values: Any) -> pd.Series[str]:
    """Return the values as stripped text; missing ones, and the words for missing, become ""."""
    series = pd.Series(values)
    if pd.api.types.is_float_dtype(series.dtype):
        whole = series.notna() & (series == np.floor(series)) & np.isfinite(series)
        text = series.astype("str")
        series = text.mask(whole, text.str.removesuffix(".0"))
    text = series.astype("str").fillna("").str.strip()
    return text.mask(text.str.lower().isin(["nan", "none", "null", "(null)", "<na>", "nat"]), "")


def without_codes(values: pd.Series[Any], codes: Sequence[str]) -> pd.Series[Any]:
    """Return the values with nothing where a code for missing stands; -999 is also -999.0."""
    if not codes:
        return values
    text, numbers = as_text(values), [float(code) for code in codes if _is_number(code)]
    stands_for_none = text.str.casefold().isin({code.strip().casefold() for code in codes})
    if numbers:
        stands_for_none |= pd.to_numeric(text, errors="coerce").isin(numbers)
    return values.mask(stands_for_none)


def _is_number(text: str) -> bool:
    try:
        return bool(np.isfinite(float(text)))
    except ValueError:
        return False


def as_numbers(values: pd.Series[Any], *, degrees: bool = False) -> tuple[Floats, Bools]:
    """Return the numbers of a column, NaN where there is none, and the rows that hold other text.

    A comma is that of decimals, unless all numbers may be thousands, which `degrees` never are.
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), bool)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):  # pandas would count nanoseconds
        return np.full(len(values), np.nan), values.notna().to_numpy()
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    odd = np.isnan(numbers)
    bad = np.zeros(len(values), bool)
    text = as_text(values[odd])
    comma = text.str.fullmatch(r"[+-]?[0-9]+,[0-9]+")
    if comma.any() and (degrees or not text[comma].str.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+").all()):
        numbers[np.flatnonzero(odd)[comma.to_numpy()]] = pd.to_numeric(text[comma].str.replace(",", "."))
        text = text.mask(comma, "")
    bad[odd] = (text.ne("") & ~text.str.lower().isin(_WITHHELD)).to_numpy()
    return numbers, bad
