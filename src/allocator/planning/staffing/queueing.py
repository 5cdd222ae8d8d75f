"""Waits for a free unit: Erlang's formulas, priorities, and rates that vary within a shift.

Loads are offered work in Erlang (calls per minute × minutes per call), servers are units free for calls, which
may be a fraction (eight units that lose a tenth of their time are 7.2). Times are minutes throughout. All
functions broadcast their arguments, as numpy does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import gamma, gammaincc

from allocator.domain import Floats

Complexes = npt.NDArray[Any]
_LARGE_LOAD = 300.0
_BLOCK = 20_000
_EULER_TERMS, _EULER_AVERAGED, _EULER_A = 24, 12, 23.0
"""Abate & Whitt's Euler summation: the error of a probability is below exp(-A) = 1e-10 plus that of the summation."""


def erlang_b(load: npt.ArrayLike, servers: npt.ArrayLike) -> Floats:
    """Return the share of calls lost where nobody may wait: Erlang B.

    B(0) = 1, B(n) = a B(n-1) / (n + a B(n-1)), stable for any number of servers; a fraction of a server starts
    the recursion at Jagerman's continuous extension, 1/B(x) = ∫ e^-t (1 + t/a)^x dt.

    Parameters
    ----------
    load : array_like of float64
        Offered load a in Erlang, 0 or more.
    servers : array_like of float64
        Servers, 0 or more; broadcast against `load`.

    Returns
    -------
    float64
        Probabilities, of the shape to which the arguments broadcast.

    References
    ----------
    Jagerman (1974), Some properties of the Erlang loss function, Bell System Technical Journal 53.
    """
    a, c = (np.array(column, np.float64) for column in np.broadcast_arrays(load, servers))
    whole = np.floor(c + 1e-9)
    rest = np.clip(c - whole, 0.0, 1.0)
    lost = np.where(a > 0, _fraction_of_a_server(a, rest), (rest <= 0).astype(np.float64))
    share = lost.copy()
    for n in range(1, int(whole.max(initial=0)) + 1):
        lost = a * lost / (rest + n + a * lost)
        share = np.where(whole >= n, lost, share)
    return share


def _fraction_of_a_server(load: Floats, rest: Floats) -> Floats:
    """Return Erlang B for less than one server: a^x e^-a / Γ(x + 1, a)."""
    a = np.clip(load, 1e-300, _LARGE_LOAD)
    exact = a**rest * np.exp(-a) / np.maximum(gamma(rest + 1) * gammaincc(rest + 1, a), 1e-300)
    large = load / np.maximum(load + rest, 1e-300)
    return np.where(load > _LARGE_LOAD, large, np.where(rest > 0, np.minimum(exact, 1.0), 1.0))


def erlang_c(load: npt.ArrayLike, servers: npt.ArrayLike) -> Floats:
    """Return the share of calls that find no free server and wait: Erlang C, 1 where the load reaches the servers.

    Parameters
    ----------
    load, servers
        As for `erlang_b`.
    """
    a, c = (np.array(column, np.float64) for column in np.broadcast_arrays(load, servers))
    lost = erlang_b(a, c)
    busy = a / np.maximum(c, 1e-300)
    stable = a < c
    return np.where(stable, lost / np.maximum(1 - busy * (1 - lost), 1e-300), np.where(a > 0, 1.0, 0.0))


def occupancy(load: npt.ArrayLike, servers: npt.ArrayLike) -> Floats:
    """Return the share of the servers' time that calls take; 1 or more means that no queue can be worked off."""
    a, c = (np.array(column, np.float64) for column in np.broadcast_arrays(load, servers))
    return np.divide(a, c, out=np.where(a > 0, np.inf, 0.0), where=c > 0)


def mean_wait(load: npt.ArrayLike, servers: npt.ArrayLike, service: npt.ArrayLike) -> Floats:
    """Return the mean wait of all calls in first-come order, C s / (c - a), in the unit of `service`.

    It is infinite where the load reaches the servers, and 0 without any load.
    """
    a, c, s = (np.array(column, np.float64) for column in np.broadcast_arrays(load, servers, service))
    return np.divide(erlang_c(a, c) * s, c - a, out=np.where(a > 0, np.inf, 0.0), where=a < c)


def service_level(load: npt.ArrayLike, servers: npt.ArrayLike, service: npt.ArrayLike, within: npt.ArrayLike) -> Floats:
    """Return the share of calls that wait at most `within` in first-come order: 1 - C exp(-(c - a) t / s)."""
    a, c, s, t = (np.array(column, np.float64) for column in np.broadcast_arrays(load, servers, service, within))
    slack = np.maximum(c - a, 0.0) * t / np.maximum(s, 1e-300)
    return np.where(a < c, 1 - erlang_c(a, c) * np.exp(-slack), np.where(a > 0, 0.0, 1.0))


def priority_waits(rates: npt.ArrayLike, servers: npt.ArrayLike, service: npt.ArrayLike) -> Floats:
    """Return the mean wait of each priority; a call in progress is never broken off.

    W_k = C(c, a) (s / c) / ((1 - σ_{k-1}) (1 - σ_k)), where σ_k is the share of the servers' time that priorities 1
    to k need. A priority whose σ_k reaches 1 has no finite wait; more urgent ones still have.

    Parameters
    ----------
    rates : (..., n_priorities) array_like
        Calls per minute, the most urgent first.
    servers, service : (...) array_like
        Servers; mean minutes of a call, the same for all priorities.

    Returns
    -------
    (..., n_priorities) float64
        Minutes; 0 where nothing calls at all.

    References
    ----------
    Cobham (1954), Priority assignment in waiting line problems, Operations Research 2.
    """
    rate, speed, busy = _priorities(rates, servers, service)
    speed = speed[..., None]
    total = np.cumsum(rate, axis=-1)
    finite = np.broadcast_to(total < speed, rate.shape)
    below = np.divide(total, speed, out=np.zeros(rate.shape), where=finite)
    above = np.divide(total - rate, speed, out=np.zeros(rate.shape), where=finite)
    slack = (1 - above) * (1 - below) * speed
    wait = np.divide(busy[..., None], slack, out=np.full(rate.shape, np.inf), where=finite)
    return np.where(busy[..., None] > 0, wait, 0.0)


def priority_tails(
    rates: npt.ArrayLike, servers: npt.ArrayLike, service: npt.ArrayLike, minutes: npt.ArrayLike
) -> Floats:
    """Return the share of the calls of each priority that wait longer than `minutes`.

    Of a call that waits, the transform of the wait is (ν - Λ_k) (1 - γ(z)) / (z - λ_k + λ_k γ(z)), where ν = c / s,
    Λ_k is the rate of priorities 1 to k, and γ the transform of a busy period of the more urgent ones on one server
    of speed ν. It is inverted numerically.

    Parameters
    ----------
    rates, servers, service
        As for `priority_waits`.
    minutes : (..., n_priorities) array_like
        Broadcast against `rates`; NaN gives NaN.

    Returns
    -------
    (..., n_priorities) float64
        Probabilities; 1 where the wait is not finite.

    References
    ----------
    Kella & Yechiali (1985), Waiting times in the non-preemptive priority M/M/c queue, Stochastic Models 1;
    Abate & Whitt (1995), Numerical inversion of Laplace transforms of probability distributions, ORSA JoC 7.
    """
    rate, speed, busy = _priorities(rates, servers, service)
    rate, t = np.broadcast_arrays(rate, np.asarray(minutes, np.float64))
    total = np.cumsum(rate, axis=-1)
    nu = np.broadcast_to(speed[..., None], rate.shape)
    waits = np.broadcast_to(busy[..., None], rate.shape)
    tail = np.ones(rate.shape)
    solved = (total < nu) & (t > 0)
    rows = np.flatnonzero(solved)
    urgent = total - rate
    for part in np.array_split(rows, max(1, -(-len(rows) // _BLOCK))):
        tail.flat[part] = _waiting_tail(rate.flat[part], urgent.flat[part], nu.flat[part], t.flat[part])
    return np.where(np.isnan(t), np.nan, waits * tail)


def _priorities(rates: npt.ArrayLike, servers: npt.ArrayLike, service: npt.ArrayLike) -> tuple[Floats, Floats, Floats]:
    """Return rates, calls per minute that all servers together can serve, and the share of calls that wait."""
    rate = np.asarray(rates, np.float64)
    c, s = np.broadcast_arrays(np.asarray(servers, np.float64), np.asarray(service, np.float64))
    shape = np.broadcast_shapes(c.shape, rate.shape[:-1])
    rate = np.broadcast_to(rate, (*shape, rate.shape[-1]))
    c, s = np.broadcast_to(c, shape), np.broadcast_to(s, shape)
    return rate, c / np.maximum(s, 1e-300), erlang_c(rate.sum(axis=-1) * s, c)


def _waiting_tail(rate: Floats, urgent: Floats, speed: Floats, minutes: Floats) -> Floats:
    """Return P(wait > t) of calls that wait, by Euler summation of the inversion integral; all arguments (n,)."""
    steps = np.arange(_EULER_TERMS + _EULER_AVERAGED + 1)
    z = (_EULER_A + 2j * np.pi * steps) / (2 * minutes[:, None])
    parts = _tail_transform(z, rate[:, None], urgent[:, None], speed[:, None]).real
    parts = parts * np.where(steps % 2, -1.0, 1.0)
    parts[:, 0] *= 0.5
    sums = np.cumsum(parts, axis=1)[:, -_EULER_AVERAGED - 1 :]
    weights = _binomial(_EULER_AVERAGED)
    tail = np.exp(_EULER_A / 2) / minutes * (sums @ weights)
    return np.asarray(np.clip(tail, 0.0, 1.0))


def _tail_transform(z: Complexes, rate: Floats, urgent: Floats, speed: Floats) -> Complexes:
    """Return the Laplace transform of P(wait > t) of calls that wait."""
    whole, root = speed + urgent + z, 2 * np.sqrt(speed * urgent)
    period = 2 * speed / (whole + np.sqrt(whole - root) * np.sqrt(whole + root))
    wait = (speed - urgent - rate) * (1 - period) / (z - rate + rate * period)
    return np.asarray((1 - wait) / z)


def _binomial(n: int) -> Floats:
    row = np.ones(1)
    for _ in range(n):
        row = np.convolve(row, [0.5, 0.5])
    return row


def lagged(rates: npt.ArrayLike, minutes: npt.ArrayLike) -> Floats:
    """Return hourly rates moved later by the time a call keeps a unit: the lagged stationary-interval approach.

    Work follows calls with a delay of about one service time, so an hour is judged by the rate that long before it.

    Parameters
    ----------
    rates : (n_hours, ...) array_like
        Rates of successive hours of a cycle; the hour before the first is the last.
    minutes : array_like
        The delay, broadcast against one hour of `rates`.

    References
    ----------
    Green, Kolesar & Soares (2001), Improving the SIPP approach for staffing service systems that have cyclic
    demands, Operations Research 49.
    """
    rate, delay = np.asarray(rates, np.float64), np.asarray(minutes, np.float64) / 60
    back, part = np.floor(delay).astype(np.int64), delay - np.floor(delay)
    back, part = np.broadcast_to(back, rate.shape[1:]), np.broadcast_to(part, rate.shape[1:])
    hour = np.arange(len(rate)).reshape(-1, *([1] * (rate.ndim - 1)))
    near = np.take_along_axis(rate, (hour - back) % len(rate), axis=0)
    far = np.take_along_axis(rate, (hour - back - 1) % len(rate), axis=0)
    return np.asarray((1 - part) * near + part * far)
