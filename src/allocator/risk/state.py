"""A forecast renewed by a few new events, without fitting again."""

from __future__ import annotations

import dataclasses

import numpy as np

from allocator.domain import Floats, ForecastState, Ints, RiskSurface, Tessellation
from allocator.errors import DataError
from allocator.kernels.history import decay
from allocator.kernels.spatial import gaussian_rows
from allocator.risk.features import REACH
from allocator.risk.models import ENGINE


def update_histories(
    before: ForecastState, city: Tessellation, *, day: Ints, cell: Ints, kind: Ints, until: float
) -> ForecastState:
    """Return the state after new events, its histories equal to those built anew from all events.

    Parameters
    ----------
    before : ForecastState
        `Run.state`.
    city : Tessellation
        The cells.
    day, cell, kind : (n,) int
        New events: day of the history (from its first day on), cell, and row of the kind.
    until : float
        Days of history then known; parts of a day count as covered in part.

    Returns
    -------
    ForecastState
        `day, state, exposure, last` renewed, the rest as it was.
    """
    lives = np.asarray(before.half_lives, np.float64)
    newest = int(np.ceil(until))
    fading = 0.5 ** ((newest - before.day) / lives)
    state = np.array(before.state)
    decay(state, fading)
    amount = 0.5 ** ((newest - 1 - np.asarray(day))[:, None] / lives)
    for band, width in enumerate(np.asarray(before.bandwidths, np.float64)):
        for n, (c, k) in enumerate(zip(np.asarray(cell), np.asarray(kind), strict=True)):
            near, weight = _spread_of(city, int(c), float(width))
            state[k, band, near] += weight[:, None] * amount[n]
    days = np.arange(before.day, newest)
    covered = np.minimum(until - days, 1.0)  # the day of the change is known in part
    more = (covered[:, None] * 0.5 ** ((newest - 1 - days)[:, None] / lives)).sum(axis=0)
    last = np.array(before.last)
    np.maximum.at(last, (np.asarray(kind), np.asarray(cell)), np.asarray(day, np.float64))
    exposure = np.asarray(before.exposure) * fading + more
    return dataclasses.replace(before, day=newest, state=state, last=last, exposure=exposure)


def _spread_of(city: Tessellation, cell: int, bandwidth_m: float) -> tuple[Ints, Floats]:
    """Return the cells that an event of a cell is spread over, and their weights; see `features.gaussian`."""
    if bandwidth_m == 0:
        return np.array([cell]), np.ones(1)
    metres = np.hypot(city.x - city.x[cell], city.y - city.y[cell])
    near = np.flatnonzero(metres <= REACH * bandwidth_m * (1 + 1e-9))
    weight = np.empty(len(near), np.float32)
    indptr = np.array([0, len(near)], np.int64)
    gaussian_rows(indptr, near.astype(np.int32), metres[near].astype(np.float32), city.area_km2, bandwidth_m, weight)
    return near, weight.astype(np.float64)


def mixture_rates(known: ForecastState, area_km2: Floats) -> Floats:
    """Return the mixture's rates before they are scaled to a level, (n_kinds, n_cells) float64."""
    state, weights = np.asarray(known.state), np.asarray(known.mixture_weights)
    scale = float(known.window) / np.maximum(np.asarray(known.exposure), 1e-9)
    own = np.maximum(state, 0.0) * scale[:, None, None, :]
    parts = [own] if len(own) == 1 else [own, own.sum(axis=0) - own]
    rates = np.outer(weights[:, -1], area_km2 / area_km2.sum())
    first = 0
    for part in parts:
        width = part.shape[1] * part.shape[3]
        block = weights[:, first : first + width].reshape(len(own), part.shape[1], part.shape[3])
        rates += np.einsum("kbcm,kbm->kc", part, block)
        first += width
    return np.maximum(rates, 1e-9)


def update_surface(surface: RiskSurface, before: ForecastState, after: ForecastState) -> RiskSurface:
    """Return the forecast with each cell's rate moved as the mixture's rate of the cell moved.

    The events expected in the whole city stay: new events tell where, for how many there is the level of the forecast.
    Only the share of a rate that follows the mixture moves (`ForecastState.following`), but for that scaling.

    Raises
    ------
    DataError
        If the run holds no mixture to renew.
    """
    if before.mixture_weights is None:
        raise DataError("this run holds no mixture whose histories new events could renew: run the job again instead")
    area = np.asarray(surface.city.area_km2, np.float64)
    old, new = mixture_rates(before, area), mixture_rates(after, area)
    factor = (new / new.sum(axis=1, keepdims=True)) / (old / old.sum(axis=1, keepdims=True))
    follows = before.following
    if follows is None:  # runs of before there were stacks: one model a kind
        follows = np.array([[float(model in ENGINE)] for model in surface.models])
    factor = 1.0 + np.asarray(follows, np.float64) * (factor - 1.0)
    mean = surface.mean.astype(np.float64)
    moved = mean * factor.T[None]
    total = moved.sum(axis=1, keepdims=True)
    moved *= np.divide(mean.sum(axis=1, keepdims=True), total, out=np.ones_like(total), where=total > 0)
    return surface.with_mean(moved.astype(np.float32))
