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
_MANY = 20
_SECONDS, _MILLISECONDS, _SERIALS = (3e8, 2.1e9), (3e10, 2.1e12), (36_526.0, 54_789.0)
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
    "year first": rf"(?P<a>[0-9]{{4}})[-/.](?P<b>[0-9]{{1,2}})[-/.](?P<c>[0-9]{{1,2}}){_REST}",
    "compact": rf"(?P<a>[0-9]{{4}})(?P<b>[0-9]{{2}})(?P<c>[0-9]{{2}}){_REST}",
    "with a clock": r"(?P<a>(?:19|20)[0-9]{2})(?P<b>[0-9]{2})(?P<c>[0-9]{2})(?P<rest>[0-9]{2}(?:[0-9]{2}){0,2})",
    "numbers": (
        rf"{_WEEKDAY}(?P<a>[0-9]{{1,2}})(?P<mark>[-/.])(?P<b>[0-9]{{1,2}})(?P=mark)(?P<c>[0-9]{{4}}|[0-9]{{2}}){_REST}"
    ),
    "day name": (
        rf"{_WEEKDAY}(?P<a>[0-9]{{1,2}})\.?[-/\s](?:de\s)?(?P<b>[A-Za-zÀ-ÿ]{{3,10}})\.?[-/,\s]+(?:de\s)?"
        rf"(?P<c>[0-9]{{4}}|[0-9]{{2}}){_REST}"
    ),
    "name day": rf"{_WEEKDAY}(?P<b>[A-Za-zÀ-ÿ]{{3,10}})\.?\s+(?P<a>[0-9]{{1,2}}),?\s+(?P<c>[0-9]{{4}}){_REST}",
}
_CLOCK = re.compile(
    r"[T\s,]*(?P<h>[0-9]{1,2})(?:[:h.](?P<m>[0-9]{2}))?(?::?(?:(?<=[0-9])[:.](?P<s>[0-9]{2}))?)?(?:[.,][0-9]+)?\s*"
    r"(?P<half>[AaPp]\.?\s?[Mm]\.?)?\s*(?P<offset>Z|UTC|[+-][0-9]{1,2}(?::?[0-9]{2})?)?"
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
    """Return what numbers without marks are by their size; "" where they are dates such as 20250304, or unclear.

    Seconds and milliseconds are told apart value by value. Serials of Excel lie between 2000 and 2050; 30425 and 40425
    may also be 4 March and 4 April 2025, which shows in the years: they are left to the job to say.
    """
    if filled.str.fullmatch(r"(19|20)[0-9]{2}(0[1-9]|1[0-2])([0-2][0-9]|3[01])([0-9]{2}){0,3}").mean() > 0.95:
        return ""
    values = pd.to_numeric(filled)
    if (values.between(*_SECONDS) | values.between(*_MILLISECONDS)).mean() > 0.95:
        return "epoch ms" if values.between(*_MILLISECONDS).mean() > 0.5 else "epoch s"
    years = filled.str.replace(r"\..*", "", regex=True).str[-2:]
    spelled = len(filled) > 20 and years.nunique() <= 3
    return "excel" if values.between(*_SERIALS).mean() > 0.95 and not spelled else ""


def _offset_of(form: str, size: int) -> Floats:
    return np.full(size, np.nan if form == "excel" else 0.0)


def of_numbers(numbers: Floats, form: str) -> Times:
    """Return the times of numbers: seconds or milliseconds since 1970, or days of Excel."""
    scale: Floats | float = 86_400.0
    if form != "excel":  # files of several years often mix the two
        large = np.abs(numbers) >= _MILLISECONDS[0]
        scale = np.where(large, 1e-3, 1.0)
    seconds = numbers * scale
    known = np.isfinite(seconds) & (np.abs(seconds) < 1e11)
    # Days of Excel are rounded to 1e-6 by many programs: 0.09 s.
    whole = np.round(np.where(known, seconds, 0)) if form == "excel" else np.floor(np.where(known, seconds, 0))
    start = _EXCEL_DAY_0 if form == "excel" else np.datetime64(0, "s")
    return np.where(known, start + whole.astype(np.int64).astype("timedelta64[s]"), _NAT)


def _of_text(text: pd.Series[str], order: str, near: np.datetime64 | None) -> Dates:
    own, offset = _of_iso(text)
    of_iso = own.copy()
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
        if name in ("year first", "compact", "with a clock"):
            year, month, day = day, month, year
        if name == "numbers":
            form = order or _order(day, month, year) or ("" if near is None else _nearer(year, day, month, near))
            if form == "year first":
                year, day = day, year
            elif not form or _is_mangled(of_iso, day):
                unclear = tuple(text.iloc[rows][(day != month).to_numpy()].head(3))
            if form == "month first" or not form:
                day, month = month, day
        rest = parts["rest"]
        if name == "with a clock":
            rest = rest.str.replace(r"([0-9]{2})(?=[0-9])", r"\1:", regex=True)
        seconds, zone = _clocks(rest)
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


def _order(first: pd.Series[str], second: pd.Series[str], third: pd.Series[str]) -> str:
    """Return which of three numbers is the day in a column, "" where no number above 12 tells it."""
    if third.str.len().max() == 2 and first.nunique() <= 3 < third.nunique():
        return "year first"  # 25/03/04: the years are those that hardly vary
    by_first, by_second = (int((pd.to_numeric(part) > 12).sum()) for part in (first, second))
    if by_first == by_second == 0:
        return ""
    return "day first" if by_first > by_second else "month first"


def _is_mangled(iso: Times, first: pd.Series[str]) -> bool:
    """Return whether day-first dates went through a program that took those it could for month-first.

    Then every day above 12 is still text, and none of the others has one: day and month are exchanged there.
    """
    known = iso[~np.isnat(iso)]
    if len(known) < _MANY or len(first) < _MANY or not (pd.to_numeric(first) > 12).all():
        return False
    day = (known.astype("datetime64[D]") - known.astype("datetime64[M]")).astype(int) + 1
    return bool((day <= 12).all())


def _nearer(year: pd.Series[str], first: pd.Series[str], second: pd.Series[str], near: np.datetime64) -> str:
    """Return the order in which dates lie closer to a time."""
    as_day, as_month = _composed(year, second, first), _composed(year, first, second)
    far = [float(np.nanmedian(np.abs((one - near).astype(np.float64)))) for one in (as_day, as_month)]
    return "day first" if far[0] < far[1] else "month first"


def _composed(year: pd.Series[str], month: pd.Series[str], day: pd.Series[str]) -> Times:
    """Return the midnights of year, month (a number or a name) and day; NaT where there is no such day."""
    y, d = (pd.to_numeric(part, errors="coerce").fillna(0).to_numpy(np.int64) for part in (year, day))
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
        return "share of a day" if (values <= 1).all() else "decimal hours" if _are_decimal(values) else "HH.MM"
    length = text.str.replace(r"\.0*$", "", regex=True).str.len()
    # 99 and 9999 stand for an unknown time in many files.
    if ((values <= 24) & (length <= 2).to_numpy()).mean() > 0.9:
        return "hours"
    return "HHMMSS" if (values > 2400).mean() > 0.05 or length.max() > 5 else "HHMM"


_DECIMAL_SHARE = 0.1
"""Clocks that could not stand so, such as 13.75, make hours with decimals of a column from this share of its different
values on; below, they are slips. Of hundredths of hours two fifths lie beyond .59."""


def _are_decimal(values: Floats) -> bool:
    """Return whether numbers such as 13.75 count hours.

    As 13:75 they could not stand on a clock, nor, if there are only quarters, would all clocks read :00, :25 or :50.
    """
    hundredths = values[values <= 24] * 100 % 100
    finer = np.abs(hundredths - np.round(hundredths)) > 1e-6
    beyond = (hundredths > 59.5) | finer
    return bool(beyond.mean() > _DECIMAL_SHARE or np.isin(np.round(hundredths), (0, 25, 50, 75)).all())


def _of_clock_numbers(text: pd.Series[str], values: Floats, form: str) -> Floats:
    if form == "share of a day":
        return np.round(values * 86_400)
    if form == "decimal hours":
        return np.where(values <= 24, np.round(values * 3_600), np.nan)
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
