"""Reading times: formats, date and clock columns, and local time to UTC across daylight-saving changes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from allocator.domain import Bools, Floats, Ints, Times
from allocator.errors import some
from allocator.io.tables.files import as_text

GUESSES = (
    "ISO8601", "%m/%d/%Y %I:%M:%S %p", "%m/%d/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %I:%M %p", "%m/%d/%Y",
    "%Y/%m/%d %H:%M:%S", "%Y/%m/%d",
)  # fmt: skip
"""Formats tried where none is given. Day-first dates are never guessed: 03/04 would be read wrongly."""

# After a date and a time of day only: the -01 of a date is no offset.
_WITH_OFFSET = (
    r"\d{4}(?:\D\d{1,2}\D\d{1,2}|\d{4})[T ]\s*\d{1,2}(?::?\d{2}(?::?\d{2}(?:\.\d+)?)?)?"
    r"\s*(?:Z|[+-]\d{1,2}(?::?\d{2})?)"
)
_SHIFT = r"(?P<sign>[+-])(?P<hours>\d{1,2})(?::?(?P<minutes>\d{2}))?$"


@dataclass(frozen=True, eq=False)
class ParsedTimes:
    """Times as they stand in a file.

    Parameters
    ----------
    time : (n,) datetime64[s]
        Local or UTC time, NaT where missing or unreadable.
    utc : (n,) bool
        Rows whose time carries its own offset; `time` is UTC there.
    missing : (n,) bool
        Blank rows.
    bad : (n,) bool
        Rows with a value that is no time.
    text : (n,) Series
        The values as text, for messages.
    own : (n,) datetime64[s]
        The times on the file's own clock; as `time`, but without the offset applied.
    only_months : bool
        Every value is a month such as "2017-03".
    """

    time: Times
    utc: Bools
    missing: Bools
    bad: Bools
    text: pd.Series[str]
    own: Times
    only_months: bool = False

    def as_dates(self) -> ParsedTimes:
        """Return the times as the file's own clock shows them, whatever its offset: a date has no time zone."""
        return dataclasses.replace(self, time=self.own, utc=np.zeros(len(self.utc), bool))

    def midnight_share(self, rows: Bools) -> float:
        """Return the share of `rows` with a time that are exactly 00:00 on the file's own clock."""
        own = self.own[rows & ~np.isnat(self.own)]
        return float((own == own.astype("datetime64[D]")).mean()) if len(own) else 0.0

    def fault(self, column: str) -> str | None:
        """Return a sentence on the unreadable times, with their number and three examples."""
        count = int(self.bad.sum())
        if not count:
            return None
        examples = some(self.text[self.bad].unique().tolist()[:3])
        return f"column {column!r}: {count:,} of {len(self.bad):,} times cannot be read, for example {examples}"


def parse_times(values: pd.Series[Any], *, time_format: str | None = None) -> ParsedTimes:
    """Return the times of a column: text in `time_format` (guessed if None), or typed dates and times."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return _typed(values.dt.tz_convert("UTC").dt.tz_localize(None), own=values.dt.tz_localize(None))
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return _typed(values)
    text = as_text(values)
    missing = text.eq("").to_numpy()
    distinct, row = _distinct(text)
    parsed = _guess(distinct) if time_format is None else _to_datetime(distinct, time_format)
    utc, own = _own_clock(distinct, parsed, time_format)
    time = parsed[row]
    months = bool(len(distinct)) and bool(distinct[distinct != ""].str.fullmatch(r"\d{4}-\d{2}").all())
    return ParsedTimes(time, utc[row], missing, np.isnat(time) & ~missing, text, own[row], months)


def _own_clock(text: pd.Series[str], parsed: Times, time_format: str | None) -> tuple[Bools, Times]:
    """Return which times carry an offset, and all times as their own clock shows them."""
    if time_format is None:
        utc = text.str.fullmatch(_WITH_OFFSET).to_numpy(dtype=bool)
    else:
        utc = np.full(len(text), "%z" in time_format)
        if not time_format.rstrip().endswith("%z"):
            return utc, parsed
    parts = text[utc].str.extract(_SHIFT)
    minutes = parts["hours"].astype("float64") * 60 + parts["minutes"].astype("float64").fillna(0)
    shift = minutes.where(parts["sign"].eq("+"), -minutes).fillna(0).to_numpy(dtype=np.float64)
    own = parsed.copy()
    own[utc] += (shift * 60).astype("timedelta64[s]")
    return utc, own


def combine_date_and_clock(date: ParsedTimes, clock: pd.Series[Any]) -> tuple[ParsedTimes, Bools]:
    """Return date plus time of day, and the rows whose time of day is blank (taken as 00:00).

    The date is the file's own: an offset of its midnight says nothing of the clock. A clock is HH:MM[:SS] or
    an integer HHMM (30 is 00:30, 0 is 00:00, 2400 the end of the day).
    """
    text = as_text(clock)
    distinct, row = _distinct(text)
    seconds = _clock_seconds(distinct)[row]
    blank = text.eq("").to_numpy()
    bad = np.isnan(seconds) & ~blank
    offset = np.where(np.isnan(seconds), 0, seconds).astype("timedelta64[s]")
    day = date.own.astype("datetime64[D]").astype("datetime64[s]")
    time = np.where(bad, np.datetime64("NaT"), day + offset)
    both = ParsedTimes(
        time, np.zeros(len(time), bool), date.missing, date.bad | (bad & ~date.missing), date.text + " " + text, time
    )
    return both, blank & ~date.missing


def to_utc(local: Times, timezone: str) -> tuple[Times, int, int]:
    """Return UTC times, and how many local times fell into a daylight-saving gap and into a fold.

    A time in a gap moves forward to the first existing one; a time that occurs twice means its first
    occurrence. NaT stays NaT.
    """
    index = pd.DatetimeIndex(local)
    utc = index.tz_localize(timezone, ambiguous="NaT", nonexistent="NaT")
    open_rows = np.flatnonzero(utc.isna() & ~index.isna())
    result = utc.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")
    if not len(open_rows):
        return result, 0, 0
    few = index[open_rows]
    first = few.tz_localize(timezone, ambiguous=np.ones(len(few), bool), nonexistent="NaT")
    moved = first.tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]").copy()
    gap = np.isnat(moved)
    zone = zoneinfo.ZoneInfo(timezone)
    ends = {time: _end_of_gap(time, zone) for time in set(few[gap].to_pydatetime())}
    moved[gap] = np.array([ends[time] for time in few[gap].to_pydatetime()], "datetime64[s]")
    result = result.copy()
    result[open_rows] = moved
    return result, int(gap.sum()), int((~gap).sum())


def _end_of_gap(local: dt.datetime, zone: zoneinfo.ZoneInfo) -> dt.datetime:
    """Return the UTC moment of the clock change that skips a local time.

    pandas' `shift_forward` moves by a whole hour where the change is half an hour (Lord Howe Island).
    """
    before, after = (local.replace(tzinfo=zone, fold=fold).astimezone(dt.UTC) for fold in (1, 0))
    offset = before.astimezone(zone).utcoffset()
    while after - before > dt.timedelta(seconds=1):
        middle = before + (after - before) / 2
        if middle.astimezone(zone).utcoffset() == offset:
            before = middle
        else:
            after = middle
    # Changes happen on full seconds; the search stops within one above.
    return after.replace(tzinfo=None, microsecond=0)


def _typed(values: pd.Series[Any], *, own: pd.Series[Any] | None = None) -> ParsedTimes:
    """Return typed times; with `own`, `values` are UTC."""
    time = values.to_numpy().astype("datetime64[s]")
    shown = time if own is None else own.to_numpy().astype("datetime64[s]")
    missing, none = np.isnat(time), np.zeros(len(time), bool)
    return ParsedTimes(time, none | (own is not None), missing, none, values.astype("str"), shown)


def _distinct(text: pd.Series[str]) -> tuple[pd.Series[str], Ints]:
    codes, distinct = pd.factorize(text)
    return pd.Series(distinct, dtype="str"), np.asarray(codes)


def _guess(text: pd.Series[str]) -> Times:
    """Return the times read with the first of `GUESSES` that fits each value, the likeliest guess first."""
    sample = text.iloc[:: max(1, len(text) // 1_000)]
    hits = {guess: int((~np.isnat(_to_datetime(sample, guess))).sum()) for guess in GUESSES}
    time = np.full(len(text), np.datetime64("NaT"), "datetime64[s]")
    for guess in sorted(GUESSES, key=lambda one: -hits[one]):
        rows = np.isnat(time) & text.ne("").to_numpy()
        if rows.any():
            time[rows] = _to_datetime(text[rows], guess)
    return time


def _to_datetime(text: pd.Series[str], time_format: str) -> Times:
    parsed = pd.to_datetime(text, format=time_format, errors="coerce", utc=True)
    time: Times = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return time


def _clock_seconds(text: pd.Series[str]) -> Floats:
    parts = text.str.extract(r"^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d+)?)?$").astype("float64")
    compact = text.str.extract(r"^(\d{1,4})(?:\.0)?$")[0].astype("float64")
    hour = np.where(compact.notna(), compact // 100, parts[0])
    minute = np.where(compact.notna(), compact % 100, parts[1])
    second = np.where(compact.notna(), 0.0, parts[2].fillna(0.0))
    total = hour * 3600 + minute * 60 + second
    with np.errstate(invalid="ignore"):
        valid = (minute < 60) & (second < 60) & (total <= 86_400)
    return np.where(valid, total, np.nan)
