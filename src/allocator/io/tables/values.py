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
    grouped = False
    if odd.any() and not degrees:
        numbers, odd, grouped = _grouped(as_text(values), numbers, odd)
    text = as_text(values[odd])
    comma = text.str.fullmatch(r"[+-]?[0-9]+,[0-9]+")
    thousands = grouped or (not degrees and text[comma].str.fullmatch(r"[+-]?[0-9]{1,3}(,[0-9]{3})+").all())
    if comma.any() and not thousands:
        numbers[np.flatnonzero(odd)[comma.to_numpy()]] = pd.to_numeric(text[comma].str.replace(",", "."))
        text = text.mask(comma, "")
    bad[odd] = (text.ne("") & ~text.str.lower().isin(_WITHHELD)).to_numpy()
    return numbers, bad


_GROUPS = {
    ",": (r"[+-]?[1-9]\d{0,2}(?:(?:,\d{3}){2,}(?:\.\d+)?|(?:,\d{3})+\.\d+)", r"[+-]?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?"),
    ".": (r"[+-]?[1-9]\d{0,2}(?:(?:\.\d{3}){2,}(?:,\d+)?|(?:\.\d{3})+,\d+)", r"[+-]?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?"),
}
"""Sign between thousands → numbers that show it to be one, and all that may be written so."""
_SHOWN, _SHOWN_SHARE = 2, 0.01
"""So many rows, and such a share of them, must show the sign (of few rows half): one of them may be a slip."""


def _grouped(text: pd.Series[str], numbers: Floats, odd: Bools) -> tuple[Floats, Bools, bool]:
    """Return the numbers with those that have signs between thousands, what is still no number, and whether so read.

    Once a column shows what stands between thousands, 987.654 beside 1.147.238 is one of them too. Where others deny it
    (512.5, 0.125), those that show it are no numbers.
    """
    bare = text.str.replace(r"(?<=\d)[ \u00a0\u2009\u202f'\u2019](?=\d{3}(?:\D|$))", "", regex=True)
    filled = max(int(bare.ne("").sum()), 1)
    for sign, decimal in ((",", "."), (".", ",")):
        proof, group = _GROUPS[sign]
        shown = int(bare[odd].str.fullmatch(proof).sum())
        with_sign = bare.str.contains(sign, regex=False)
        denied = bool((with_sign & ~bare.str.fullmatch(group) & ~pd.Series(odd, bare.index)).any())
        if denied or shown < min(_SHOWN, max(filled // 2, 1)) or shown < _SHOWN_SHARE * filled:
            continue
        plain = bare.str.replace(sign, "", regex=False).str.replace(decimal, ".", regex=False)
        plain = plain.where(bare.str.fullmatch(group) | ~with_sign, "")
        found = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan).copy()
        return found, np.isnan(found), True
    bare = bare.mask(~pd.Series(odd, bare.index), "")
    found = pd.to_numeric(bare, errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
    return np.where(odd, found, numbers), odd & np.isnan(found), False
