"""How the events of a week fall on shifts: a profile shrunk from cell to district to city."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
from scipy.special import gammaln

from allocator.errors import DataError, some

if TYPE_CHECKING:
    from allocator.domain import Panel, Shift

DAY_MINUTES = 1440
WEEK_MINUTES = 7 * DAY_MINUTES
STRENGTHS = (3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0)
"""Weights of the parent profile, in events, from which the one of greatest likelihood is taken."""


def shift_shares(panel: Panel, shifts: Sequence[Shift]) -> tuple[npt.NDArray[np.float32], str]:
    """Return the share of a week's events that falls into each shift.

    The share of a shift is that of its local minutes of the week in past events, scaled by its real length
    (a shift across a daylight-saving change is shorter or longer). Each level is a Dirichlet-multinomial with
    the level above as its mean; the strength of the parent is the one of greatest likelihood. Shifts may
    overlap: then shares add up to more than 1.

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
        rows = np.flatnonzero(panel.minute >= 0)
        minute = weekday[rows].astype(np.int64) * DAY_MINUTES + panel.minute[rows]
        if len(rows):
            windows = [_window(shift, panel.timezone) for shift in shifts]
            return _shrunk(panel, rows, [(minute - start) % WEEK_MINUTES < length for start, length in windows]) * (
                _stretch(shifts, [length for _, length in windows])[:, None, None]
            ), "times of past events, by weekday and shift"
    if missing := sorted({shift.name for shift in shifts if shift.share is None}):
        raise DataError(
            f"the event times carry no time of day, so the split between shifts must come from the job: "
            f"give `share` for the shifts {some(missing, 10)}"
        )
    given = np.array([shift.share for shift in shifts], dtype=np.float64)
    if panel.precision == "day":
        days = {day: np.equal(weekday, day) for day in range(7)}
        by_day = _shrunk(panel, np.arange(len(panel.day)), list(days.values()))
        shares = by_day[[shift.day.weekday() for shift in shifts]] * given[:, None, None]
        source = "shares given in the job file, as the event times carry no time of day; weekdays from past events"
    else:
        shares = np.broadcast_to(given[:, None, None] / 7, (len(shifts), len(panel.kinds), panel.city.n_cells))
        source = "shares given in the job file and all weekdays alike, as the event times give the month only"
    return shares.astype(np.float32), source


def _window(shift: Shift, timezone: str) -> tuple[int, int]:
    """Return the first local minute of the week and the local length in minutes."""
    zone = zoneinfo.ZoneInfo(timezone)
    start, stop = (time.astimezone(zone).replace(tzinfo=None) for time in (shift.start, shift.stop))
    begin = start.weekday() * DAY_MINUTES + start.hour * 60 + start.minute
    return begin, max(1, int((stop - start) / dt.timedelta(minutes=1)))


def _stretch(shifts: Sequence[Shift], local_minutes: Sequence[int]) -> npt.NDArray[np.float32]:
    real = np.array([shift.minutes for shift in shifts])
    return np.asarray(real / np.asarray(local_minutes), np.float32)


def _shrunk(
    panel: Panel, rows: npt.NDArray[np.int64], slots: Sequence[npt.NDArray[np.bool_]]
) -> npt.NDArray[np.float32]:
    """Return shrunk shares of each slot, (n_slots, n_kinds, n_cells) float32."""
    city, n_kinds = panel.city, len(panel.kinds)
    cell, kind = panel.cell[rows].astype(np.int64), panel.kind[rows]
    district = np.where(city.district < 0, len(city.districts), city.district)
    shares = np.empty((len(slots), n_kinds, city.n_cells), np.float32)
    for one in range(n_kinds):
        of_kind = kind == one
        cells = np.stack([np.bincount(cell[of_kind & slot], minlength=city.n_cells) for slot in slots])
        total = np.bincount(cell[of_kind], minlength=city.n_cells)
        by_district = np.stack([np.bincount(district, c, len(city.districts) + 1) for c in cells])
        district_total = np.bincount(district, total, len(city.districts) + 1)
        top = ((cells.sum(axis=1) + 1 / 7) / (total.sum() + 1 / 7 * max(len(slots), 1)))[:, None]
        middle = _shrink(by_district, district_total, np.repeat(top, len(district_total), axis=1))
        shares[:, one] = _shrink(cells, total, middle[:, district])
    return shares


def _shrink(
    counts: npt.NDArray[Any], total: npt.NDArray[Any], parent: npt.NDArray[np.float64]
) -> npt.NDArray[np.float64]:
    """Return (counts + strength × parent) / (total + strength) with the strength of greatest likelihood.

    The likelihood is that of the Dirichlet-multinomial; see Minka (2000), Estimating a Dirichlet distribution.
    """
    used = np.flatnonzero(total > 0)
    slot, place = np.nonzero(counts[:, used])
    n, p, sums = counts[slot, used[place]], parent[slot, used[place]], total[used]
    likelihood = [
        float((gammaln(s) - gammaln(sums + s)).sum() + (gammaln(n + s * p) - gammaln(s * p)).sum()) for s in STRENGTHS
    ]
    strength = STRENGTHS[int(np.argmax(likelihood))]
    return np.asarray((counts + strength * parent) / (total + strength))
