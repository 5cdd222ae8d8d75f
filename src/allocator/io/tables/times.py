"""Reading times: formats, date and clock columns, and local time to UTC across daylight-saving changes."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from allocator.domain import Bools, Ints, Times
from allocator.errors import some
from allocator.io.tables.dates import FORMS, Dates, clock_seconds, of_numbers, offsets, read_dates
from allocator.io.tables.values import as_text

_FIRST, _LAST = np.datetime64("0002-01-01", "s"), np.datetime64("9998-12-31", "s")


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
    form: str = ""
    """How the column was taken where that had to be found out, such as "day first" or "epoch ms"."""
    ambiguous: tuple[str, ...] = ()
    """Texts that mean two dates each, where nothing in the column tells which."""

    def as_dates(self, timezone: str) -> ParsedTimes:
        """Return the times as dates, which have no time zone: those of the file's own clock.

        Midnights written in UTC, as map servers do, are the dates of their local days.
        """
        day = self._local(timezone) if self._local_midnights(timezone) else self.own
        return dataclasses.replace(self, time=day, own=day, utc=np.zeros(len(self.utc), bool))

    @classmethod
    def joined(cls, parts: Sequence[ParsedTimes]) -> ParsedTimes:
        """Return times one after the other."""
        if len(parts) == 1:
            return parts[0]
        time, utc, missing, bad, own = (
            np.concatenate([getattr(part, name) for part in parts]) for name in ("time", "utc", "missing", "bad", "own")
        )
        text = pd.concat([part.text for part in parts], ignore_index=True)
        return cls(time, utc, missing, bad, text, own, all(part.only_months for part in parts), parts[0].form)

    def days(self, timezone: str) -> ParsedTimes:
        """Return the times as dates beside a clock of their own: of full moments with an offset, the local days."""
        if self.utc.any() and max(_midnights(self.own), _midnights(self._local(timezone))) < 0.5:
            return dataclasses.replace(self, own=self._local(timezone))
        return self.as_dates(timezone)

    def on_own_clock(self) -> ParsedTimes:
        """Return the times without their offsets."""
        return dataclasses.replace(self, time=self.own, utc=np.zeros(len(self.utc), bool))

    def midnight_share(self, rows: Bools, timezone: str) -> float:
        """Return the share of `rows` with a time that are exactly 00:00, on the file's own clock or the local one."""
        return max(_midnights(self.own[rows]), _midnights(self._local(timezone)[rows]) if self.utc.any() else 0.0)

    def _local_midnights(self, timezone: str) -> bool:
        if not self.utc.any():
            return False
        return _midnights(self._local(timezone)) > max(0.9, _midnights(self.own))

    def _local(self, timezone: str) -> Times:
        """Return the times on the local clock; those without an offset as they stand."""
        index = pd.DatetimeIndex(self.time[self.utc]).tz_localize("UTC").tz_convert(timezone).tz_localize(None)
        local = self.time.copy()
        local[self.utc] = index.to_numpy().astype("datetime64[s]")
        return local

    def fault(self, column: str) -> str | None:
        """Return a sentence on the unreadable times, with their number and three examples."""
        count = int(self.bad.sum())
        if not count:
            return None
        examples = some(self.text[self.bad].unique().tolist()[:3])
        return f"column {column!r}: {count:,} of {len(self.bad):,} times cannot be read, for example {examples}"


def _midnights(times: Times) -> float:
    known = times[~np.isnat(times)]
    return float((known == known.astype("datetime64[D]")).mean()) if len(known) else 0.0


def parse_times(
    values: pd.Series[Any], *, time_format: str | None = None, order: str = "", near: np.datetime64 | None = None
) -> ParsedTimes:
    """Return the times of a column: text in `time_format` (found out if None), or typed dates and times.

    Parameters
    ----------
    values : Series
        As they stand in the file.
    time_format : str, optional
        A strptime format, or one of "epoch s", "epoch ms" (since 1970, UTC) and "excel" (days since 1900).
    order : {"", "auto", "day first", "month first"}
        Order of the numbers of dates, where it is known.
    near : datetime64, optional
        Where the times should lie, for texts such as 03/04/2025 that mean two dates.
    """
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        moments = _in_range(values.dt.tz_convert("UTC").dt.tz_localize(None).to_numpy().astype("datetime64[s]"))
        zoned = pd.Series(moments).dt.tz_localize("UTC").dt.tz_convert(values.dtype.tz)
        return _typed(pd.Series(moments), own=zoned.dt.tz_localize(None))
    if pd.api.types.is_datetime64_dtype(values.dtype):
        return _typed(values)
    text = as_text(values)
    missing = text.eq("").to_numpy()
    distinct, row = _distinct(text)
    dates = _read(distinct, time_format, order.removeprefix("auto"), near)
    utc = np.isfinite(dates.offset) & ~np.isnat(dates.own)
    shift = np.where(utc, dates.offset, 0).astype(np.int64).astype("timedelta64[s]")
    time = _in_range(dates.own - shift)[row]
    months = bool(len(distinct)) and bool(distinct[distinct != ""].str.fullmatch(r"\d{4}-\d{2}").all())
    return ParsedTimes(
        time,
        utc[row],
        missing,
        np.isnat(time) & ~missing,
        text,
        _in_range(dates.own)[row],
        months,
        dates.form,
        dates.ambiguous,
    )


def _in_range(times: Times) -> Times:
    """Return times within the years 2 to 9998: no time zone goes further, and nobody means what lies beyond."""
    return np.where(times > _LAST, _LAST, np.where(times < _FIRST, _FIRST, times))


def _read(distinct: pd.Series[str], time_format: str | None, order: str, near: np.datetime64 | None) -> Dates:
    """Return distinct texts as times."""
    if time_format in FORMS:
        numbers = pd.to_numeric(distinct, errors="coerce").to_numpy(np.float64)
        return Dates(
            of_numbers(numbers, time_format), np.full(len(distinct), np.nan if time_format == "excel" else 0.0)
        )
    if time_format is not None:
        utc = _strptime(distinct, time_format)
        if "%z" not in time_format:
            return Dates(utc, np.full(len(distinct), np.nan))
        ahead = offsets(distinct.str.extract(r"(Z|UTC|[+-]\d{1,2}(?::?\d{2})?)$")[0])
        ahead = np.where(np.isfinite(ahead), ahead, 0.0)
        return Dates(utc + ahead.astype(np.int64).astype("timedelta64[s]"), ahead)
    if len(distinct) and distinct[distinct.ne("")].str.fullmatch(r"\d{4}-\d{2}").all():
        return Dates(_strptime(distinct, "%Y-%m"), np.full(len(distinct), np.nan))
    return read_dates(distinct, order=order, near=near)


def combine_date_and_clock(
    date: ParsedTimes, clock: pd.Series[Any], timezone: str
) -> tuple[ParsedTimes, Bools, str]:  # fmt: skip
    """Return date plus time of day, the rows whose time of day is blank (taken as 00:00), and how clocks were taken.

    The date is the file's own: an offset of its midnight says nothing of the clock. The forms of clocks are those of
    `clock_seconds`; 24:00 is the end of the day.
    """
    text = as_text(clock)
    distinct, row = _distinct(text)
    of_distinct, form = clock_seconds(distinct)
    seconds = of_distinct[row]
    blank = text.eq("").to_numpy()
    bad = np.isnan(seconds) & ~blank
    offset = np.where(np.isnan(seconds), 0, seconds).astype("timedelta64[s]")
    day = date.days(timezone).own.astype("datetime64[D]").astype("datetime64[s]")
    time = np.where(bad, np.datetime64("NaT"), day + offset)
    both = ParsedTimes(
        time, np.zeros(len(time), bool), date.missing, date.bad | (bad & ~date.missing), date.text + " " + text, time,
        form=date.form, ambiguous=date.ambiguous,
    )  # fmt: skip
    return both, blank & ~date.missing, form


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
    time = _in_range(values.to_numpy().astype("datetime64[s]"))
    shown = time if own is None else _in_range(own.to_numpy().astype("datetime64[s]"))
    missing, none = np.isnat(time), np.zeros(len(time), bool)
    return ParsedTimes(time, none | (own is not None), missing, none, values.astype("str"), shown)


def _distinct(text: pd.Series[str]) -> tuple[pd.Series[str], Ints]:
    codes, distinct = pd.factorize(text)
    return pd.Series(distinct, dtype="str"), np.asarray(codes)


def _strptime(text: pd.Series[str], time_format: str) -> Times:
    parsed = pd.to_datetime(text, format=time_format, errors="coerce", utc=True)
    time: Times = parsed.dt.tz_localize(None).to_numpy().astype("datetime64[s]")
    return time
