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

    A comma is that of decimals, unless all numbers may be thousands, which `degrees` never are. Thousands are told by
    numbers such as 1,147,238 or 1.147.238,5 in the same column, spaces and apostrophes by themselves.
    """
    if pd.api.types.is_numeric_dtype(values.dtype):
        return values.to_numpy(dtype=np.float64, na_value=np.nan), np.zeros(len(values), bool)
    if pd.api.types.is_datetime64_any_dtype(values.dtype):  # pandas would count nanoseconds
        return np.full(len(values), np.nan), values.notna().to_numpy()
    numbers = pd.to_numeric(values, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
    odd = np.isnan(numbers)
    bad = np.zeros(len(values), bool)
    if odd.any() and not degrees:
        numbers, odd = _grouped(as_text(values), numbers, odd)
    text = as_text(values[odd])
    comma = text.str.fullmatch(r"[+-]?[0-9]+,[0-9]+")
    if comma.any() and (degrees or not text[comma].str.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+").all()):
        numbers[np.flatnonzero(odd)[comma.to_numpy()]] = pd.to_numeric(text[comma].str.replace(",", "."))
        text = text.mask(comma, "")
    bad[odd] = (text.ne("") & ~text.str.lower().isin(_WITHHELD)).to_numpy()
    return numbers, bad


_GROUPS = {
    ",": (r"[+-]?\d{1,3}(?:(?:,\d{3}){2,}(?:\.\d+)?|(?:,\d{3})+\.\d+)", r"[+-]?\d{1,3}(?:,\d{3})+(?:\.\d+)?"),
    ".": (r"[+-]?\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d+)?|(?:\.\d{3})+,\d+)", r"[+-]?\d{1,3}(?:\.\d{3})+(?:,\d+)?"),
}
"""Sign between thousands → numbers that show it to be one, and all that may be written so."""


def _grouped(text: pd.Series[str], numbers: Floats, odd: Bools) -> tuple[Floats, Bools]:
    """Return the numbers with those that have signs between thousands, and the rows that are still no number.

    Once a column shows what stands between thousands, 987.654 beside 1.147.238 is one of them too, and 512.5 is odd.
    """
    bare = text.str.replace(r"(?<=\d)[ \u00a0\u2009\u202f'\u2019](?=\d{3}(?:\D|$))", "", regex=True)
    shown = [sign for sign, (proof, _) in _GROUPS.items() if bare[odd].str.fullmatch(proof).any()]
    if len(shown) != 1:
        bare = bare.mask(~pd.Series(odd, bare.index), "")
        found = pd.to_numeric(bare, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        return np.where(odd, found, numbers), odd & np.isnan(found)
    sign, decimal = shown[0], "," if shown[0] == "." else "."
    plain = bare.str.replace(sign, "", regex=False).str.replace(decimal, ".", regex=False)
    plain = plain.where(bare.str.fullmatch(_GROUPS[sign][1]) | ~bare.str.contains(sign, regex=False), "")
    found = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return found, np.isnan(found)
