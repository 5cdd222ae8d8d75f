"""Dates and times as text: which part is the day, which the month, and what numbers without marks mean."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain import Bools, Floats, Ints, Times

FORMS = ("epoch s", "epoch ms", "excel")
"""What `time_format` may be beside a strptime format."""
_NAT = np.datetime64("NaT", "s")
_EXCEL_DAY_0 = np.datetime64("1899-12-30", "s")

_MONTHS = (
    "jan ene", "feb fév fev", "mar mär mae", "apr abr avr", "may mai", "jun juin", "jul juil", "aug ago aoû aou",
    "sep set", "oct okt out", "nov", "dec dic dez déc",
)  # fmt: skip
"""How months begin in English, Spanish, Portuguese, French and German."""
_MONTH_OF = {start: n for n, starts in enumerate(_MONTHS, 1) for start in starts.split()}
_WEEKDAY = r"(?:[A-Za-zÀ-ÿ]{2,9}\.?,?\s+)?"
_REST = r"(?P<rest>(?:[T\s,].*)?)"
_PATTERNS = {
    "year first": rf"(?P<a>\d{{4}})[-/.](?P<b>\d{{1,2}})[-/.](?P<c>\d{{1,2}}){_REST}",
    "compact": rf"(?P<a>\d{{4}})(?P<b>\d{{2}})(?P<c>\d{{2}}){_REST}",
    "numbers": rf"{_WEEKDAY}(?P<a>\d{{1,2}})(?P<mark>[-/.])(?P<b>\d{{1,2}})(?P=mark)(?P<c>\d{{4}}|\d{{2}}){_REST}",
    "day name": (
        rf"{_WEEKDAY}(?P<a>\d{{1,2}})\.?[-/\s](?:de\s)?(?P<b>[A-Za-zÀ-ÿ]{{3,10}})\.?[-/,\s]+(?:de\s)?"
        rf"(?P<c>\d{{4}}|\d{{2}}){_REST}"
    ),
    "name day": rf"{_WEEKDAY}(?P<b>[A-Za-zÀ-ÿ]{{3,10}})\.?\s+(?P<a>\d{{1,2}}),?\s+(?P<c>\d{{4}}){_REST}",
}
_CLOCK = re.compile(
    r"[T\s,]*(?P<h>\d{1,2})(?:[:h.](?P<m>\d{2}))?(?::?(?:(?<=\d)[:.](?P<s>\d{2}))?)?(?:[.,]\d+)?\s*"
    r"(?P<half>[AaPp]\.?\s?[Mm]\.?)?\s*(?P<offset>Z|UTC|[+-]\d{1,2}(?::?\d{2})?)?"
)


@dataclass(frozen=True, eq=False)
class Dates:
    """Distinct texts read as times.

    Parameters
    ----------
    own : (n,) datetime64[s]
        What the clock of the text shows; NaT where it is none.
    offset : (n,) float64
        Seconds that this clock is ahead of UTC, NaN where the text does not say.
    form : str
        How numbers were taken: "", "day first", "month first", or one of `FORMS`.
    ambiguous : tuple of str
        Texts that mean two dates, where nothing in the column tells which.
    """

    own: Times
    offset: Floats
    form: str = ""
    ambiguous: tuple[str, ...] = ()


def read_dates(text: pd.Series[str], *, order: str = "", near: np.datetime64 | None = None) -> Dates:
    """Return times of distinct texts, the form guessed for the column as a whole.

    Day and month of texts such as 03/04/2025 are told apart by the texts with a number above 12; where there is none,
    they are `ambiguous`.

    Parameters
    ----------
    text : Series
        Distinct, stripped; "" is no time.
    order : {"", "day first", "month first"}
        Order of numbers, where it is known.
    near : datetime64, optional
        Where the times should lie: settles what would be ambiguous.
    """
    filled = text[text.ne("")]
    filled = filled.iloc[:: max(1, len(filled) // 1_000)]
    if len(filled) and filled.str.fullmatch(r"\d{4,17}(?:\.\d+)?").mean() > 0.95:
        numbers = pd.to_numeric(text, errors="coerce").to_numpy(np.float64)
        form = _form_of_numbers(filled)
        if form:
            return Dates(of_numbers(numbers, form), _offset_of(form, len(text)), form)
    return _of_text(text, order, near)


def _form_of_numbers(filled: pd.Series[str]) -> str:
    """Return what numbers without marks are by their usual size; "" where they are dates such as 20250304."""
    usual = float(pd.to_numeric(filled).median())
    for form, low, high in (("epoch ms", 3e11, 4.2e12), ("epoch s", 3e8, 4.2e9), ("excel", 15_000.0, 75_000.0)):
        if low <= usual < high and not (form == "epoch s" and filled.str.fullmatch(r"(19|20)\d{6}").mean() > 0.5):
            return form
    return ""


def _offset_of(form: str, size: int) -> Floats:
    return np.full(size, np.nan if form == "excel" else 0.0)


def of_numbers(numbers: Floats, form: str) -> Times:
    """Return the times of numbers: seconds or milliseconds since 1970, or days of Excel."""
    seconds = numbers * {"epoch s": 1.0, "epoch ms": 1e-3, "excel": 86_400.0}[form]
    known = np.isfinite(seconds) & (np.abs(seconds) < 1e11)
    # Days of Excel are rounded to 1e-6 by many programs: 0.09 s.
    whole = np.round(np.where(known, seconds, 0)) if form == "excel" else np.floor(np.where(known, seconds, 0))
    start = _EXCEL_DAY_0 if form == "excel" else np.datetime64(0, "s")
    return np.where(known, start + whole.astype(np.int64).astype("timedelta64[s]"), _NAT)


def _of_text(text: pd.Series[str], order: str, near: np.datetime64 | None) -> Dates:
    own, offset = _of_iso(text)
    form, unclear = "", tuple[str, ...]()
    left = text.ne("").to_numpy() & np.isnat(own)
    for name, pattern in _PATTERNS.items():
        if not left.any():
            break
        rows = np.flatnonzero(left)
        parts = text.iloc[rows].str.extract(rf"^{pattern}$")
        hit = parts["c"].notna().to_numpy()
        rows, parts = rows[hit], parts[hit]
        if not len(rows):
            continue
        day, month, year = (parts[key] for key in "abc")
        if name in ("year first", "compact"):
            year, month, day = day, month, year
        if name == "numbers":
            form = order or _order(day, month) or ("" if near is None else _nearer(year, day, month, near))
            if not form:
                unclear = tuple(text.iloc[rows][(day.astype(int) != month.astype(int)).to_numpy()].head(3))
            if form != "day first":
                day, month = month, day
        seconds, zone = _clocks(parts["rest"])
        own[rows] = _composed(year, month, day) + seconds
        offset[rows] = zone
        left[rows] = False
    return Dates(own, offset, form, unclear)


def _of_iso(text: pd.Series[str]) -> tuple[Times, Floats]:
    """Return what pandas reads of ISO forms, by far the fastest way, and their offsets; NaT for all else."""
    sound = text.str.match(r"\d{4}-\d\d-\d\d|\d{8}T\d").to_numpy(bool)  # it takes a year alone for a date, too
    parsed = pd.to_datetime(text.where(sound, ""), format="ISO8601", errors="coerce", utc=True)
    utc = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    zoned = sound & text.str.slice(10).str.contains("[Zz+-]", regex=True).to_numpy(bool) & ~np.isnat(utc)
    offset = np.full(len(text), np.nan)
    if zoned.any():
        offset[zoned] = offsets(text[zoned].str.extract(r"(?i)(Z|[+-]\d{1,2}(?::?\d{2})?)$")[0].str.upper())
        utc[zoned] += offset[zoned].astype(np.int64).astype("timedelta64[s]")
    return utc, offset


def _order(first: pd.Series[str], second: pd.Series[str]) -> str:
    """Return which of two numbers is the day in a column, "" where no number above 12 tells it."""
    by_first, by_second = (int((part.astype(int) > 12).sum()) for part in (first, second))
    if by_first == by_second == 0:
        return ""
    return "day first" if by_first > by_second else "month first"


def _nearer(year: pd.Series[str], first: pd.Series[str], second: pd.Series[str], near: np.datetime64) -> str:
    """Return the order in which dates lie closer to a time."""
    as_day, as_month = _composed(year, second, first), _composed(year, first, second)
    far = [float(np.nanmedian(np.abs((one - near).astype(np.float64)))) for one in (as_day, as_month)]
    return "day first" if far[0] < far[1] else "month first"


def _composed(year: pd.Series[str], month: pd.Series[str], day: pd.Series[str]) -> Times:
    """Return the midnights of year, month (a number or a name) and day; NaT where there is no such day."""
    y, d = (pd.to_numeric(part).to_numpy(np.int64) for part in (year, day))
    named = month.str.lower().map(lambda name: _MONTH_OF.get(name[:4], _MONTH_OF.get(name[:3], 0)))
    m = pd.to_numeric(month, errors="coerce").fillna(named).to_numpy(np.int64)
    y = np.where(y < 69, y + 2000, np.where(y < 100, y + 1900, y))
    sound = (m >= 1) & (m <= 12) & (d >= 1) & (d <= 31)
    months = (np.where(sound, y - 1970, 0) * 12 + np.where(sound, m - 1, 0)).astype("datetime64[M]")
    days = months.astype("datetime64[D]") + (np.where(sound, d, 1) - 1).astype("timedelta64[D]")
    sound &= days.astype("datetime64[M]") == months
    return np.where(sound, days.astype("datetime64[s]"), _NAT)


def _clocks(rest: pd.Series[str]) -> tuple[npt.NDArray[np.timedelta64], Floats]:
    """Return the time of day behind dates, NaT where it is none, and its offset."""
    parts = rest.str.extract(rf"^{_CLOCK.pattern}$")
    blank = rest.str.strip().eq("").to_numpy()
    hour, minute, second = (pd.to_numeric(parts[key]).fillna(0).to_numpy(np.float64) for key in "hms")
    half = parts["half"].str.lower().str[0]
    late, early = half.eq("p").to_numpy(bool), half.eq("a").to_numpy(bool)
    wrong = (late | early) & ((hour < 1) | (hour > 12))
    hour = np.where(late & (hour < 12), hour + 12, np.where(early & (hour == 12), 0, hour))
    total = hour * 3600 + minute * 60 + second
    bad = ~blank & (parts["h"].isna().to_numpy() | wrong | (minute > 59) | (second > 60) | (total > 86_400))
    seconds = np.where(blank, 0, total).astype("timedelta64[s]")
    return np.where(bad, np.timedelta64("NaT", "s"), seconds), offsets(parts["offset"])


def offsets(text: pd.Series[Any]) -> Floats:
    """Return the seconds of offsets such as Z, +02:00 or -5; NaN where there is none."""
    parts = text.astype("str").str.extract(r"^(?P<sign>[+-])(?P<h>\d{1,2}):?(?P<m>\d{2})?$")
    minutes = pd.to_numeric(parts["h"]) * 60 + pd.to_numeric(parts["m"]).fillna(0)
    seconds = (60 * minutes.where(parts["sign"].eq("+"), -minutes)).to_numpy(np.float64)
    return np.where(text.isin(("Z", "UTC")).to_numpy(bool), 0.0, seconds)


def clock_seconds(text: pd.Series[str]) -> tuple[Floats, str]:
    """Return the seconds after midnight of distinct clock times, NaN where there is none, and how numbers were taken.

    Known are HH:MM[:SS], with AM or PM, with a date before it, HHMM, HHMMSS, HH.MM, shares of a day as Excel keeps
    them, and hours alone: whole numbers up to 24 throughout, none written with leading zeros.
    """
    bare = text.str.replace(r"^(?:\d{4}-\d{2}-\d{2}[T ]|0 days )", "", regex=True)
    seconds = np.full(len(text), np.nan)
    marked = bare.str.contains(r"[:hH]|[AaPp]\.?\s?[Mm]", regex=True).to_numpy(bool)
    if marked.any():
        span, zone = _clocks(bare[marked])
        found = span.astype("timedelta64[s]").astype(np.float64)
        seconds[marked] = np.where(np.isnat(span) | np.isfinite(zone), np.nan, found)
    plain = bare.str.fullmatch(r"\d{1,6}(?:\.\d+)?").to_numpy(bool) & ~marked
    if not plain.any():
        return seconds, ""
    values = pd.to_numeric(bare[plain]).to_numpy(np.float64)
    form = _form_of_clocks(bare[plain], values)
    seconds[plain] = _of_clock_numbers(bare[plain], values, form)
    return seconds, form


def _form_of_clocks(text: pd.Series[str], values: Floats) -> str:
    whole = bool((values == np.floor(values)).all())
    if not whole:
        return "share of a day" if (values <= 1).all() else "HH.MM"
    longest = int(text.str.replace(r"\.0*$", "", regex=True).str.len().max())
    if values.max() > 2400 or longest > 4:
        return "HHMMSS"
    return "hours" if values.max() <= 24 and longest <= 2 else "HHMM"


def _of_clock_numbers(text: pd.Series[str], values: Floats, form: str) -> Floats:
    if form == "share of a day":
        return np.round(values * 86_400)
    if form == "HH.MM":  # 23.5 is 23:50: programs drop the last zero
        minute = pd.to_numeric(text.str.extract(r"\.(\d{1,2})")[0].fillna("0").str.ljust(2, "0")).to_numpy(np.float64)
        parts: tuple[Floats | Ints | float, ...] = (np.floor(values), minute, 0.0)
    elif form == "HHMMSS":
        parts = (values // 10_000, values // 100 % 100, values % 100)
    else:
        parts = (values, 0.0, 0.0) if form == "hours" else (values // 100, values % 100, 0.0)
    hour, minute_, second = parts
    total = np.asarray(hour * 3600 + minute_ * 60 + second, np.float64)
    sound: Bools = np.asarray((minute_ < 60) & (second < 60) & (total <= 86_400))
    return np.where(sound, total, np.nan)
