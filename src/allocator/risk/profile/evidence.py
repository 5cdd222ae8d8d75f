"""What is known of when things happen in a cell: from itself, its neighbours, its type, its district, the city."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from allocator.domain import BIN_OF_HOUR, CLOCK, N_BINS, WEEK_HOURS, WEEKDAY, WEEKEND, Floats, Ints, Tessellation
from allocator.kernels.profile import smear
from allocator.kernels.spatial import spread
from allocator.risk.features import REACH, Csr, within
from allocator.risk.profile.events import Timed
from allocator.risk.profile.places import BLOCKS, block_of, place_types

NEAR_M = 150.0
"""Bandwidth of what is nearby; 300 and 400 m add nothing to it and to types of places."""
SMOOTHING_HOURS, SMOOTHING_REACH = 1.5, 4
"""An event says something of the hours beside its own: Gaussian, cut at four hours. Without it, hours scored 0.010 of
log-likelihood an event less on Chicago, and shifts 0.006 less; 1 and 2 hours are 0.002 worse."""
_DAYS, _WHOLE, _CITY, _ANY, _EVEN = 50.0, 5.0, 20.0, 20.0, 10.0
"""Events that the weekdays of a bin, a district's profile, a kind's, its smoothed one and all kinds' must outweigh."""

_BLOCK_OF_BIN = block_of(np.arange(N_BINS))
_DAYS_OF_BIN = np.bincount(BIN_OF_HOUR, minlength=N_BINS)


@dataclass(frozen=True, eq=False)
class Evidence:
    """Counts and profiles that a cell's shares are weighed from; all on the 48 bins, or on 16 blocks of three hours.

    Parameters
    ----------
    city : Tessellation
        The cells.
    own : (n_kinds, n_cells, 48) float32
        Events of the cell, spread over the hours beside their own.
    near : (n_kinds, n_cells, 16) float32
        Events of neighbours, the less the farther.
    others : (n_kinds, n_cells, 16) float32
        Events of the cell's other kinds, tilted as the city's profiles differ.
    types : (n_kinds, n_cells, 16) float32
        Profile of the places of its type.
    districts : (n_kinds, n_districts + 1, 48) float64
        Profile of each district, and of the cells without one.
    whole : (n_kinds, 48) float64
        The city's profile.
    days : (n_kinds, 168) float64
        Part of its bin that falls into each hour of the week.
    """

    city: Tessellation
    own: npt.NDArray[np.float32]
    near: npt.NDArray[np.float32]
    others: npt.NDArray[np.float32]
    types: npt.NDArray[np.float32]
    districts: Floats
    whole: Floats
    days: Floats

    @classmethod
    def of(cls, timed: Timed, city: Tessellation, n_kinds: int, *, seed: int, around: Csr | None = None) -> Evidence:
        """Return the evidence of some events; `around` are the neighbours of each cell, from `neighbours`."""
        around = neighbours(city) if around is None else around
        whole, days = _city_profiles(timed, n_kinds)
        own, parts = np.zeros((n_kinds, city.n_cells, N_BINS), np.float32), smoothing(whole)
        smear(timed.kind, timed.cell, timed.column, timed.weight, parts, own)
        districts = np.zeros((n_kinds, len(city.districts) + 1, N_BINS))
        smear(timed.kind, _districts(city)[timed.cell], timed.column, timed.weight, parts, districts)
        place = (timed.cell * n_kinds + timed.kind) * BLOCKS + block_of(timed.column)
        blocks = np.bincount(place, timed.weight, city.n_cells * n_kinds * BLOCKS).astype(np.float32)
        blocks = blocks.reshape(city.n_cells, n_kinds * BLOCKS)
        by_kind = blocks.reshape(city.n_cells, n_kinds, BLOCKS).transpose(1, 0, 2)
        return cls(
            city=city, own=own, near=_near(blocks, around).reshape(city.n_cells, n_kinds, BLOCKS).transpose(1, 0, 2),
            others=_others(by_kind, whole),
            types=place_types(timed, _blocks_of(whole), n_cells=city.n_cells, seed=seed).astype(np.float32),
            districts=(districts + _WHOLE * whole[:, None]) / (districts.sum(axis=2, keepdims=True) + _WHOLE),
            whole=whole, days=days,
        )  # fmt: skip

    def bins(self, kind: int, weights: Floats) -> npt.NDArray[np.float32]:
        """Return the shares of the bins of each cell, (n_cells, 48) float32, each adding up to 1."""
        here, near, district, city, others, types = weights.astype(np.float32)
        blocks = near * self.near[kind] + others * self.others[kind] + types * self.types[kind]
        wide = (district * self.districts[kind] + city * self.whole[kind]).astype(np.float32)
        shares = here * self.own[kind] + blocks[:, _BLOCK_OF_BIN] * self._split(kind) + wide[_districts(self.city)]
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def rows(self, kind: int, cell: Ints, column: Ints) -> tuple[Floats, Floats]:
        """Return each evidence of chosen bins of cells, and of their whole weeks, (n, 6) float64 both."""
        block, split = _BLOCK_OF_BIN[column], self._split(kind)[column]
        one = np.ones(len(cell))
        there = [
            self.own[kind, cell, column], self.near[kind, cell, block] * split,
            self.districts[kind, _districts(self.city)[cell], column], self.whole[kind, column],
            self.others[kind, cell, block] * split, self.types[kind, cell, block] * split,
        ]  # fmt: skip
        week = [self.own[kind].sum(axis=1)[cell], self.near[kind].sum(axis=1)[cell], one, one,
                self.others[kind].sum(axis=1)[cell], one]  # fmt: skip
        return np.stack(there, axis=1).astype(np.float64), np.stack(week, axis=1).astype(np.float64)

    def _split(self, kind: int) -> npt.NDArray[np.float32]:
        """Return the part of its block that falls into each bin, in the city."""
        whole = self.whole[kind]
        return np.asarray(whole / np.bincount(_BLOCK_OF_BIN, whole)[_BLOCK_OF_BIN], np.float32)


def _city_profiles(timed: Timed, n_kinds: int) -> tuple[Floats, Floats]:
    """Return the shares of bins in each kind's events, and the part of its bin that falls into each hour of the week.

    A kind with few events leans on its smoothed profile, that on the profile of all kinds, and that on even hours.
    """
    flat = np.bincount(timed.kind * WEEK_HOURS + timed.hour, timed.weight, n_kinds * WEEK_HOURS)
    hours: Floats = flat.reshape(n_kinds, WEEK_HOURS).astype(np.float64)
    even = _DAYS_OF_BIN / WEEK_HOURS
    smooth = smoothing(np.ones((1, N_BINS)))[0]
    counts = np.stack([np.bincount(BIN_OF_HOUR, own, N_BINS) for own in hours])
    total = counts.sum(axis=1, keepdims=True)
    every = (np.einsum("b,bj->j", counts.sum(axis=0), smooth) + _EVEN * even) / (total.sum() + _EVEN)
    likely = (np.einsum("kb,bj->kj", counts, smooth) + _ANY * every) / (total + _ANY)
    whole = (counts + _CITY * likely) / (total + _CITY)
    usual = _weekdays(hours.sum(axis=0), np.ones(WEEK_HOURS))
    days = np.stack([_weekdays(own, _weekdays_of_part(own, usual)) for own in hours])
    return whole, days


def _weekdays(hours: Floats, prior: Floats) -> Floats:
    """Return the part of its bin that falls into each hour, by counts and `_DAYS` events spread as `prior`."""
    prior = prior / np.bincount(BIN_OF_HOUR, prior)[BIN_OF_HOUR]
    parts = hours + _DAYS * prior
    return np.asarray(parts / np.bincount(BIN_OF_HOUR, parts)[BIN_OF_HOUR])


def _weekdays_of_part(hours: Floats, usual: Floats) -> Floats:
    """Return for each hour its day's events of the same kind of day, of all hours together, shrunk to the usual."""
    part = WEEKDAY * 2 + WEEKEND
    counts, length = np.bincount(part, hours, 14), np.bincount(part, minlength=14)
    expected = np.bincount(part, usual, 14)
    rate = (counts + _DAYS * expected / expected.sum()) / np.maximum(length, 1)
    return np.asarray(rate[part])


def smoothing(whole: Floats) -> Floats:
    """Return the part of an event that each bin gets, (n_kinds, 48, 48): more where the city has more."""
    apart = np.abs(CLOCK[:24, None] - CLOCK[:24])
    apart = np.minimum(apart, 24 - apart)
    near = np.where(apart <= SMOOTHING_REACH, np.exp(-0.5 * (apart / SMOOTHING_HOURS) ** 2), 0.0)
    kernel = np.zeros((N_BINS, N_BINS))
    kernel[0::2, 0::2] = kernel[1::2, 1::2] = near
    parts = kernel * whole[:, None, :]
    return np.asarray(parts / parts.sum(axis=2, keepdims=True))


def _blocks_of(bins: Floats) -> Floats:
    """Return the sums of the bins of each block, (n, 16)."""
    return np.stack([np.bincount(_BLOCK_OF_BIN, own) for own in bins])


def neighbours(city: Tessellation) -> Csr:
    """Return the neighbours of each cell within reach, itself left out, weighted by exp(-d² / 2 bandwidth²)."""
    around = within(city, REACH * NEAR_M)
    weight = np.exp(-0.5 * (around.weight / NEAR_M) ** 2)
    weight[around.indices == np.repeat(np.arange(city.n_cells), np.diff(around.indptr))] = 0.0
    return Csr(around.indptr, around.indices, weight.astype(np.float32))


def _near(blocks: npt.NDArray[np.float32], around: Csr) -> npt.NDArray[np.float32]:
    out = np.zeros_like(blocks)
    spread(blocks, around.indptr, around.indices, around.weight, out)
    return out


def _others(by_kind: npt.NDArray[np.float32], whole: Floats) -> npt.NDArray[np.float32]:
    """Return the events of other kinds, (n_kinds, n_cells, 16), times this kind's share of a block over theirs."""
    total = by_kind.sum(axis=(1, 2), dtype=np.float64)
    profiles = _blocks_of(whole)
    every, others = by_kind.sum(axis=0), np.zeros_like(by_kind)
    for kind, own in enumerate(by_kind):
        rest = (np.delete(profiles * total[:, None], kind, axis=0)).sum(axis=0)
        if rest.sum() > 0:
            others[kind] = (every - own) * (profiles[kind] / (rest / rest.sum()))
    return np.maximum(others, 0.0)


def _districts(city: Tessellation) -> Ints:
    """Return the district of each cell; those without one have the number after the last."""
    return np.where(city.district < 0, len(city.districts), city.district).astype(np.int64)
