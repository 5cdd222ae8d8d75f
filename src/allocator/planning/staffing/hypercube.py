"""Larson's hypercube: who answers which call when units help each other out, exact for few units, else approximate.

Units rest at places, calls arise in atoms (small areas) and go to the first free unit on the atom's preference
list. All units serve alike. From this follow the workload of each unit, who goes where, travel, and how many
calls a unit answers outside its own district.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.special import gammaln

from allocator.domain import Floats, Ints, freeze
from allocator.errors import DataError
from allocator.planning.staffing.queueing import erlang_b, erlang_c

MOST_EXACT = 12
"""2^12 states; beyond that the approximation is used."""
_ROUNDS, _CLOSE = 500, 1e-10
_MOST_EXPONENT = 600.0
"""e to the power of 709 is the largest number there is; a sum of a thousand of them has to fit as well."""


@dataclass(frozen=True, eq=False)
class Hypercube:
    """How the units of a city share its calls in the long run.

    Parameters
    ----------
    workload : (n_units,) float64
        Share of its time that each unit is on calls.
    dispatch : (n_units, n_atoms) float64
        Share of all answered calls that are of this atom and answered by this unit; adds up to 1.
    all_busy : float
        Share of calls that find no unit free: lost, or waiting.
    queue : bool
        Whether such calls wait (or are lost to others).
    """

    workload: Floats
    dispatch: Floats
    all_busy: float
    queue: bool

    def __post_init__(self) -> None:
        freeze(self)

    def travel(self, minutes: npt.ArrayLike) -> float:
        """Return the mean travel of an answered call, from the (n_units, n_atoms) travel of each pair."""
        return float((self.dispatch * np.asarray(minutes, np.float64)).sum())

    def travel_of_atoms(self, minutes: npt.ArrayLike) -> Floats:
        """Return the mean travel to each atom, (n_atoms,); NaN where nothing is answered."""
        share = self.dispatch.sum(axis=0)
        spent = (self.dispatch * np.asarray(minutes, np.float64)).sum(axis=0)
        return np.asarray(np.divide(spent, share, out=np.full(len(share), np.nan), where=share > 0))

    def interdistrict(self, unit_district: npt.ArrayLike, atom_district: npt.ArrayLike) -> float:
        """Return the share of the answered calls that a unit of another district answers."""
        away = np.asarray(unit_district)[:, None] != np.asarray(atom_district)
        return float(self.dispatch[away].sum())


def preferences(travel: npt.ArrayLike) -> Ints:
    """Return the units of each atom from the nearest on, (n_atoms, n_units).

    Units equally near are taken in turn: atom j begins with the j-th of them, so that none is always first.

    Parameters
    ----------
    travel : (n_units, n_atoms) array_like
        Travel of each unit to each atom.

    Raises
    ------
    DataError
        If the matrix is not one, or holds negative or missing times.
    """
    minutes = np.asarray(travel, np.float64)
    if minutes.ndim != 2 or not minutes.size:
        raise DataError(f"travel times need one row per unit and one column per atom; their shape is {minutes.shape}")
    if wrong := int((~np.isfinite(minutes) | (minutes < 0)).sum()):
        raise DataError(f"{wrong:,} of {minutes.size:,} travel times are negative or missing", count=wrong)
    n_units, n_atoms = minutes.shape
    turn = (np.arange(n_units)[None, :] - np.arange(n_atoms)[:, None]) % n_units
    return np.lexsort((turn, np.round(minutes.T, 9)), axis=1)


def exact(rates: npt.ArrayLike, order: npt.ArrayLike, service: float, *, queue: bool = True) -> Hypercube:
    """Return the hypercube's solution from its 2^N states.

    Parameters
    ----------
    rates : (n_atoms,) array_like
        Calls per minute.
    order : (n_atoms, n_units) array_like
        Preference list of each atom, as from `preferences`; at most `MOST_EXACT` units.
    service : float
        Mean minutes that a call keeps a unit, travel included; exponential.
    queue : bool
        Calls that find all units busy wait in one line, or are lost.

    Raises
    ------
    DataError
        If there are too many units, or the load of a queue reaches them.

    References
    ----------
    Larson (1974), A hypercube queuing model for facility location and redistricting in urban emergency services,
    Computers & Operations Research 1.
    """
    rate, lists = np.asarray(rates, np.float64), np.asarray(order, np.int64)
    n = lists.shape[1]
    if n > MOST_EXACT:
        raise DataError(f"{n} units have 2^{n} states: use the approximation for more than {MOST_EXACT}")
    load = _load(rate, service, n, queue=queue)
    sent = _first_free(lists, n)
    chance = _balance(rate, sent, service, n)
    busy = (np.arange(1 << n)[:, None] >> np.arange(n)) & 1
    dispatch = np.zeros((n, len(rate)))
    for state in range((1 << n) - 1):
        dispatch[sent[state], np.arange(len(rate))] += chance[state] * rate
    if not queue:
        return Hypercube(chance @ busy, dispatch / dispatch.sum(), float(chance[-1]), queue)
    waiting = float(erlang_c(load, n))
    chance = chance * (1 - waiting) / (1 - chance[-1])
    dispatch *= (1 - waiting) / dispatch.sum()
    dispatch += waiting * rate / rate.sum() / n
    return Hypercube(chance[:-1] @ busy[:-1] + waiting, dispatch, waiting, queue)


def _load(rate: Floats, service: float, units: int, *, queue: bool) -> float:
    load = float(rate.sum() * service)
    if not 0 < load < np.inf:
        raise DataError(f"the hypercube needs calls and a mean service time above 0; the load is {load:g}")
    if queue and load >= units:
        raise DataError(f"calls need {load:.2f} units at any time and there are {units}: no finite wait")
    return load


def _first_free(lists: Ints, n: int) -> Ints:
    """Return the unit sent to each atom in each state, (2^n, n_atoms); in the last state, where none is free, -1."""
    state = np.arange(1 << n)
    sent = np.full((1 << n, len(lists)), -1, np.int64)
    for place in reversed(range(n)):
        unit = lists[:, place]
        free = (state[:, None] >> unit) & 1 == 0
        sent = np.where(free, unit, sent)
    return sent


def _balance(rate: Floats, sent: Ints, service: float, n: int) -> Floats:
    """Return the long-run share of each state of the loss system.

    States with an even and an odd number of busy units are balanced in turn, and each number of busy units is
    scaled to the share that Erlang's loss system gives it: whoever goes, the number busy behaves alike.
    """
    states = np.arange(1 << n)
    inflow, out = _flows(rate, sent, service, n)
    level = np.bitwise_count(states).astype(np.int64)
    load = float(rate.sum() * service)
    known = np.exp(np.arange(n + 1) * np.log(load) - gammaln(np.arange(n + 1) + 1))
    known /= known.sum()
    chance = (known / np.bincount(level))[level]
    for _ in range(_ROUNDS):
        before = chance
        for parity in (0, 1):
            chance = np.where(level % 2 == parity, inflow @ chance / out, chance)
        chance = chance * (known / np.bincount(level, chance))[level]
        if np.abs(chance - before).max() < _CLOSE * 1e-4:
            break
    return np.asarray(chance)


def _flows(rate: Floats, sent: Ints, service: float, n: int) -> tuple[csr_array, Floats]:
    """Return the flows into each state (rows) per service time, and the whole flow out of each."""
    states = np.arange(1 << n)
    rows, columns, flows = [], [], []
    for unit in range(n):
        idle = states[(states >> unit) & 1 == 0]
        up = ((sent[idle] == unit) * rate).sum(axis=1) * service
        rows += [idle, idle + (1 << unit)]
        columns += [idle + (1 << unit), idle]
        flows += [up, np.ones(len(idle))]
    start, stop, flow = np.concatenate(rows), np.concatenate(columns), np.concatenate(flows)
    return csr_array((flow, (stop, start)), shape=(1 << n, 1 << n)), np.asarray(np.bincount(start, flow, 1 << n))


def approximate(rates: npt.ArrayLike, order: npt.ArrayLike, service: float, *, queue: bool = True) -> Hypercube:
    """Return Larson's approximate solution, for up to hundreds of units.

    The chance that the first k units of a list are busy and the next is free is taken as the product of their
    workloads times Q(N, ρ, k), the factor that corrects for their being busy together; the workloads that agree
    with themselves are found by iteration.

    Parameters
    ----------
    rates, order, service, queue
        As for `exact`, without its limit of units.

    Raises
    ------
    DataError
        If the load of a queue reaches the units.

    References
    ----------
    Larson (1975), Approximating the performance of urban emergency service systems, Operations Research 23.
    """
    rate, lists = np.asarray(rates, np.float64), np.asarray(order, np.int64)
    n = lists.shape[1]
    load = _load(rate, service, n, queue=queue)
    all_busy = float(erlang_c(load, n) if queue else erlang_b(load, n))
    mean = load / n if queue else load * (1 - all_busy) / n
    factor = _correction(load, n, queue=queue)
    waiting = load * all_busy / n if queue else 0.0
    workload = np.full(n, mean)
    for _ in range(_ROUNDS):
        held = _busy_before(workload, lists) * factor
        offered = np.bincount(lists.ravel(), (held * rate[:, None] * service).ravel(), n)
        busy = (offered + waiting) / (1 + offered)
        busy *= n * mean / busy.sum()
        busy = np.clip(busy, 0.0, 1 - 1e-12)
        moved, workload = np.abs(busy - workload).max(), (busy + workload) / 2
        if moved < _CLOSE:
            break
    return Hypercube(workload, _dispatch(workload, lists, rate, factor, all_busy * queue), all_busy, queue)


def _busy_before(workload: Floats, lists: Ints) -> Floats:
    """Return the product of the workloads of the units before each on the lists, (n_atoms, n_units)."""
    before = np.ones(lists.shape)
    np.cumprod(workload[lists[:, :-1]], axis=1, out=before[:, 1:])
    return before


def _dispatch(workload: Floats, lists: Ints, rate: Floats, factor: Floats, waiting: float) -> Floats:
    """Return the share of the answered calls by unit and atom; each atom has its share of the calls."""
    chance = _busy_before(workload, lists) * factor * (1 - workload[lists])
    chance *= (1 - waiting) / chance.sum(axis=1, keepdims=True)
    dispatch = np.zeros((len(workload), len(rate)))
    atom = np.broadcast_to(np.arange(len(rate))[:, None], lists.shape)
    dispatch[lists, atom] = (chance + waiting / len(workload)) * (rate / rate.sum())[:, None]
    return dispatch


def _correction(load: float, n: int, *, queue: bool) -> Floats:
    """Return Q(N, ρ, k) for k = 0 … N-1 units busy before the one that is free.

    Of N units of which m are busy, k drawn at random are all busy and the next is free with chance
    m! / (m-k)! · (N-k-1)! / N! · (N-m); Q compares the mean of this over m with ρ^k (1 - ρ).
    """
    busy = np.arange(n)
    states = np.arange(n + 1)
    weight = states * np.log(load) - gammaln(states + 1)
    weight = np.exp(weight - weight.max())
    all_busy = float(erlang_c(load, n) if queue else erlang_b(load, n))
    chance = weight[:-1] / weight[:-1].sum() * (1 - all_busy)
    mean = load / n if queue else load * (1 - all_busy) / n
    m, k = busy[:, None], busy[None, :]
    ways = gammaln(m + 1) - gammaln(np.maximum(m - k, 0) + 1) + gammaln(n - k) - gammaln(n + 1) + np.log(n - m)
    ways = np.where(m >= k, ways - k * np.log(mean) - np.log1p(-mean), -np.inf)
    if ways.max() < _MOST_EXPONENT:
        return np.asarray((chance[:, None] * np.exp(ways)).sum(axis=0))
    # With hundreds of units the ways are beyond any number where the chance of m is next to none: their logarithms add.
    with np.errstate(divide="ignore"):
        joint = np.log(chance)[:, None] + ways
    return np.asarray(np.exp(np.minimum(joint, _MOST_EXPONENT)).sum(axis=0))
