"""How the events of a week fall on shifts: a profile shrunk from cell to district to city."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd
from pyproj import Transformer
from scipy.special import gammaln

from allocator.domain import Floats, Ints, Panel, Shift, stretches_of
from allocator.errors import DataError, some
from allocator.risk.features import daylight_hours, feast_days

DAY_MINUTES = 1440
WEEK_MINUTES = 7 * DAY_MINUTES
BLOCK_MINUTES = 480
"""Blocks of eight hours part the week; on them the strengths are chosen."""

STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Weights of the parent profile, in events, from which the one of greatest likelihood is taken."""

FACTOR_SD = (0.05, 0.2)
"""Standard deviations of the priors of an hour of daylight and of a holiday, on the log share."""

MAX_FACTOR_SLOTS = 400
"""More slots than this (two weeks of hours) keep their usual shares."""


def shift_shares(panel: Panel, shifts: Sequence[Shift], country: str = "") -> tuple[npt.NDArray[np.float32], str]:
    """Return the share of a week's events that falls into each shift; an hour is a short shift.

    The share of a shift is that of its local minutes of the week in past events, scaled by its real length
    (a shift across a daylight-saving change is shorter or longer). Each level is a Dirichlet-multinomial with
    the level above as its mean; the strength of the parent is the one of greatest likelihood. Shifts may
    overlap: what falls into several counts in each in equal parts, so that shares add up to those of the time that
    they cover, however it is cut. An event whose time is an interval counts in each shift by the
    part of the interval that lies in it (aoristic weights: Ratcliffe & McCullagh 1998, IJGIS 12). Light and public
    holidays of the planned days move the shares of the whole city; see `_day_factors`.

    Parameters
    ----------
    panel : Panel
        The history.
    shifts : sequence of Shift
        The shifts, in any order.
    country : str
        Country of the public holidays; empty for none.

    Returns
    -------
    shares : (n_shifts, n_kinds, n_cells) float32
    source : str
        Where they come from, in plain words.

    Raises
    ------
    DataError
        If the times carry no time of day and the job gives no shares.
    """
    weekday = (panel.day + panel.first_day.weekday()) % 7
    if panel.precision == "minute":
        span = np.zeros(len(panel.day), np.int64) if panel.span is None else panel.span.astype(np.int64)
        rows = np.flatnonzero((panel.minute >= 0) & (span < WEEK_MINUTES))
        minute = weekday[rows].astype(np.int64) * DAY_MINUTES + panel.minute[rows]
        if len(rows):
            windows = [_window(shift.start, shift.stop, panel.timezone) for shift in shifts]
            pieces = _pieces(shifts, windows, panel.timezone)
            slots = [partial(_parts_inside, minute, span[rows], own) for own in pieces]
            prior = np.array([sum(weight * length for _, length, weight in own) / WEEK_MINUTES for own in pieces])
            shares = (
                _shrunk(panel, rows, slots, prior, minute // BLOCK_MINUTES)
                * _stretch(shifts, [n for _, n in windows])[:, None, None]
            )
            factors = _day_factors(panel, rows, slots, shifts, country)
            return shares * factors[:, :, None], "times of past events, by weekday and shift, daylight and holidays"
    if missing := sorted({shift.name for shift in shifts if shift.share is None}):
        raise DataError(
            f"the event times carry no time of day, so the split between shifts must come from the job: "
            f"give `share` for the shifts {some(missing, 10)}"
        )
    given = np.array([shift.share for shift in shifts], dtype=np.float64)
    if panel.precision == "day":
        slots = [partial(_on_day, weekday, day) for day in range(7)]
        by_day = _shrunk(panel, np.arange(len(panel.day)), slots, np.full(7, 1 / 7), weekday)
        shares = by_day[[shift.day.weekday() for shift in shifts]] * given[:, None, None]
        source = "shares given in the job file, as the event times carry no time of day; weekdays from past events"
    else:
        shares = np.broadcast_to(given[:, None, None] / 7, (len(shifts), len(panel.kinds), panel.city.n_cells))
        source = "shares given in the job file and all weekdays alike, as the event times give the month only"
    return shares.astype(np.float32), source


def _on_day(weekday: Ints, day: int) -> npt.NDArray[np.float32]:
    return np.equal(weekday, day).astype(np.float32)


def part_inside(minute: Ints, span: Ints, start: int, length: int) -> npt.NDArray[np.float32]:
    """Return the part of each event's interval that lies in a weekly window, (n,) float32; 0 or 1 without a span."""
    part = ((minute - start) % WEEK_MINUTES < length).astype(np.float32)
    wide = np.flatnonzero(span > 0)
    begin, end = minute[wide], minute[wide] + span[wide]
    inside = np.zeros(len(wide))
    for week in (-1, 0, 1):
        first = start + week * WEEK_MINUTES
        inside += np.clip(np.minimum(end, first + length) - np.maximum(begin, first), 0, None)
    part[wide] = inside / np.maximum(span[wide], 1)
    return part


def _parts_inside(minute: Ints, span: Ints, pieces: Sequence[Piece]) -> npt.NDArray[np.float32]:
    """Return the weighted part of each event's interval that lies in several windows, (n,) float32."""
    first, *others = (part_inside(minute, span, start, length) * np.float32(weight) for start, length, weight in pieces)
    for part in others:
        first += part
    return first


def _pieces(shifts: Sequence[Shift], windows: Sequence[tuple[int, int]], timezone: str) -> list[list[Piece]]:
    """Return the windows of each shift, each with the part of its events that is the shift's own."""
    pieces: list[list[Piece]] = [[(start, length, 1.0)] for start, length in windows]
    stretches = stretches_of(shifts)
    shared = {row for _, _, rows in stretches if len(rows) > 1 for row in rows}
    for row in shared:
        pieces[row] = []
    for start, stop, rows in stretches:
        for row in shared.intersection(rows):
            pieces[row].append((*_window(start, stop, timezone), 1 / len(rows)))
    return pieces


def _window(start_at: dt.datetime, stop_at: dt.datetime, timezone: str) -> tuple[int, int]:
    """Return the first local minute of the week and the local length in minutes."""
    zone = zoneinfo.ZoneInfo(timezone)
    start, stop = (time.astimezone(zone).replace(tzinfo=None) for time in (start_at, stop_at))
    begin = start.weekday() * DAY_MINUTES + start.hour * 60 + start.minute
    return begin, max(1, int((stop - start) / dt.timedelta(minutes=1)))


def _stretch(shifts: Sequence[Shift], local_minutes: Sequence[int]) -> npt.NDArray[np.float32]:
    real = np.array([shift.minutes for shift in shifts])
    return np.asarray(real / np.asarray(local_minutes), np.float32)


Piece = tuple[int, int, float]
"""First local minute of the week, length in minutes, and the weight of what falls into it."""

Slot = Callable[[], npt.NDArray[np.float32]]
"""Gives the weight of each event in one slot of the week."""


def _shrunk(panel: Panel, rows: Ints, slots: Sequence[Slot], prior: Floats, block: Ints) -> npt.NDArray[np.float32]:
    """Return shrunk shares of each slot, (n_slots, n_kinds, n_cells) float32.

    The strengths are those of greatest likelihood on a fixed partition of the week, `block` per event, so that a slot
    asked for alone has the share that it has beside others. `prior` is the share of each slot without any events.
    """
    city, n_kinds = panel.city, len(panel.kinds)
    district = np.where(city.district < 0, len(city.districts), city.district)
    place = panel.kind[rows].astype(np.int64) * city.n_cells + panel.cell[rows]
    counts = np.stack([np.bincount(place, slot(), n_kinds * city.n_cells) for slot in slots])
    counts = counts.reshape(len(slots), n_kinds, city.n_cells)
    totals = np.bincount(place, minlength=n_kinds * city.n_cells).reshape(n_kinds, city.n_cells)
    n_blocks = int(block.max(initial=0)) + 1
    whole = np.bincount(place * n_blocks + block, minlength=n_kinds * city.n_cells * n_blocks)
    whole = whole.reshape(n_kinds, city.n_cells, n_blocks)
    shares = np.empty(counts.shape, np.float32)
    for one in range(n_kinds):
        upper, lower = _strengths(whole[one].T.astype(np.float64), district, len(city.districts) + 1)
        cells, total = counts[:, one], totals[one]
        by_district = np.stack([np.bincount(district, c, len(city.districts) + 1) for c in cells])
        district_total = np.bincount(district, total, len(city.districts) + 1)
        top = ((cells.sum(axis=1) + prior) / (total.sum() + 1))[:, None]
        middle = (by_district + upper * top) / (district_total + upper)
        shares[:, one] = (cells + lower * middle[:, district]) / (total + lower)
    return shares


def _strengths(blocks: Floats, district: Ints, n_districts: int) -> tuple[float, float]:
    """Return the weight of the city's profile in a district's, and of the district's in a cell's, in events.

    The likelihood is that of the Dirichlet-multinomial; see Minka (2000), Estimating a Dirichlet distribution.

    Parameters
    ----------
    blocks : (n_blocks, n_cells)
        Events of one kind in each block of the week; the blocks share none.
    """
    by_district = np.stack([np.bincount(district, weight, n_districts) for weight in blocks]).astype(np.float64)
    top = (blocks.sum(axis=1) + 1 / len(blocks)) / (blocks.sum() + 1)
    upper = _likeliest(by_district, np.repeat(top[:, None], n_districts, axis=1).astype(np.float64))
    middle = (by_district + upper * top[:, None]) / (by_district.sum(axis=0) + upper)
    return upper, _likeliest(blocks, middle[:, district])


def _day_factors(
    panel: Panel, rows: Ints, slots: Sequence[Slot], shifts: Sequence[Shift], country: str
) -> npt.NDArray[np.float32]:
    """Return what light and public holidays of its date make of each shift's share, (n_shifts, n_kinds) float32.

    Per kind, the counts of past weeks in the same slots follow a multinomial with log share = usual + a × (daylight
    hours above those usual in the slot) + b × holiday, with normal priors on a and b (sd 0.05 per hour, 0.2). The
    factors leave the sum over the shifts as it is.
    """
    factors = np.ones((len(shifts), len(panel.kinds)), np.float32)
    place = centre_of(panel)
    n_weeks = panel.n_days // 7
    if place is None or n_weeks < 52 or len(shifts) > MAX_FACTOR_SLOTS:
        return factors
    week = (panel.n_days - 1 - panel.day[rows]) // 7
    feasts = np.array([day.toordinal() for day, _ in feast_days(country, panel.first_day.year)], np.int64)
    light, feast = np.zeros((n_weeks + 1, len(shifts))), np.zeros((n_weeks + 1, len(shifts)))
    for number, shift in enumerate(shifts):
        ahead = (shift.day - panel.stop_day).days
        days = np.append(ahead % 7 - ahead - 7 * np.arange(1, n_weeks + 1), 0)  # past weeks, then the shift itself
        light[:, number] = _light(shift, days, panel.timezone, place)
        feast[:, number] = np.isin(shift.day.toordinal() + days, feasts)
    columns = np.stack([light - light[:-1].mean(axis=0), feast], axis=2)
    counts = np.zeros((len(panel.kinds), n_weeks, len(shifts)))
    kept = week < n_weeks
    group = panel.kind[rows].astype(np.int64) * n_weeks + np.minimum(week, n_weeks - 1)
    for number, slot in enumerate(slots):
        sums = np.bincount(group, slot() * kept, len(panel.kinds) * n_weeks)
        counts[:, :, number] = sums.reshape(len(panel.kinds), n_weeks)
    for kind in range(len(panel.kinds)):
        base = counts[kind].sum(axis=0)
        if base.sum() < 100:
            continue
        effect = _multinomial_map(counts[kind], columns[:-1])
        moved = np.exp(columns[-1] @ effect)
        factors[:, kind] = moved * base.sum() / max(float((base * moved).sum()), 1e-9)
    return factors


def _multinomial_map(counts: Floats, columns: Floats) -> Floats:
    """Return the effects of greatest posterior of columns (n_weeks, n_slots, 2) on the log shares of slots."""
    usual = np.maximum(counts.sum(axis=0), 0.5) / counts.sum()
    precision, effect = np.diag(1 / np.array(FACTOR_SD) ** 2), np.zeros(2)
    total = counts.sum(axis=1)
    for _ in range(10):
        share = usual * np.exp(np.einsum("wsj,j->ws", columns, effect))
        share /= share.sum(axis=1, keepdims=True)
        centred = columns - np.einsum("ws,wsj->wj", share, columns)[:, None]
        gradient = np.einsum("ws,wsj->j", counts - total[:, None] * share, columns) - precision @ effect
        hessian = np.einsum("w,ws,wsi,wsj->ij", total, share, centred, centred) + precision
        step = np.linalg.solve(hessian, gradient)
        effect = effect + step
        if np.abs(step).max() < 1e-9:
            break
    return np.round(effect, 9)


def centre_of(panel: Panel) -> tuple[float, float] | None:
    """Return longitude and latitude of the city, or None where it lies nowhere on earth."""
    if not panel.city.crs:
        return None
    to_degrees = Transformer.from_crs(panel.city.crs, "EPSG:4326", always_xy=True)
    lon, lat = to_degrees.transform(float(np.mean(panel.city.x)), float(np.mean(panel.city.y)))
    return (lon, lat) if np.isfinite(lon) and np.isfinite(lat) else None


def _light(shift: Shift, days: Ints, timezone: str, place: tuple[float, float]) -> Floats:
    """Return the hours of daylight of a shift, moved by whole days of local clock time."""
    zone = zoneinfo.ZoneInfo(timezone)
    begin, end = (time.astimezone(zone).replace(tzinfo=None) for time in (shift.start, shift.stop))
    start, stop = (
        (pd.Timestamp(time) + pd.to_timedelta(days, unit="D"))
        .tz_localize(timezone, ambiguous=np.ones(len(days), bool), nonexistent="shift_forward")
        .tz_convert("UTC").tz_localize(None).to_numpy().astype("datetime64[s]")
        for time in (begin, end)
    )  # fmt: skip
    return daylight_hours(start, stop, lon=place[0], lat=place[1])


def _likeliest(counts: Floats, parent: Floats) -> float:
    """Return the strength of greatest Dirichlet-multinomial likelihood of counts around their parent's shares."""
    total = counts.sum(axis=0)
    used = np.flatnonzero(total > 0)
    slot, place = np.nonzero(counts[:, used])
    n, p, sums = counts[slot, used[place]], parent[slot, used[place]], total[used]
    likelihood = [
        float((gammaln(s) - gammaln(sums + s)).sum() + (gammaln(n + s * p) - gammaln(s * p)).sum()) for s in STRENGTHS
    ]
    return STRENGTHS[int(np.argmax(likelihood))]
