"""Harm that outreach prevents under the assumed effects: concave in the people reached, capped by residents.

In an area a and for a kind k, with contacts C_i of initiative i among N residents, mean effect e_i over the horizon,
and the strongest effect E_k of any initiative,

    prevented = need × E_k × (1 - exp(-Σ_i e_i C_i / (E_k N))).

For one initiative with the strongest effect this is need × e × (1 - exp(-C / N)): contacts fall on residents at random,
and 1 - exp(-C / N) is the share of them reached at least once (the Poisson limit of independent contacts; Feller 1968,
An Introduction to Probability Theory I, section IV.2 on occupancy). Contacts of one initiative beyond its audience, or
beyond what a channel or point can reach, do not count (maximal coverage; Church & ReVelle 1974, Papers of the Regional
Science Association 32).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from allocator.domain import Floats
from allocator.planning.outreach.season import Season


@dataclass(frozen=True, eq=False)
class Reached:
    """What holdings reach.

    Parameters
    ----------
    contacts : (n_initiatives, n_areas) float64
        Contacts that count.
    raw : (n_areas,) float64
        All contacts.
    exposure : (n_areas, n_kinds) float64
        Σ effect × contacts / residents.
    """

    contacts: Floats
    raw: Floats
    exposure: Floats


def reached(season: Season, held: Iterable[int], effect: Floats | None = None) -> Reached:
    """Return what the held options (rows, each as often as it is held) reach."""
    n_areas = len(season.areas.names)
    count = np.bincount(np.fromiter(held, np.int64), minlength=len(season.options))
    contacts, raw = np.zeros((len(season.initiatives), n_areas)), np.zeros(n_areas)
    for o in np.flatnonzero(count).tolist():
        option, n = season.options[o], int(count[o])
        for a, people, limit in zip(option.areas, option.contacts, option.limit, strict=True):
            contacts[option.initiative, a] += min(n * people, limit)
            raw[a] += n * people
    contacts = np.minimum(contacts, season.audience)
    effects = season.effect if effect is None else effect
    exposure = np.zeros((n_areas, len(season.kinds)))
    residents = np.maximum(season.areas.residents, 1.0)
    for i, kinds in enumerate(season.kinds_of):
        for k in kinds:
            exposure[:, k] += effects[i] * contacts[i] / residents
    return Reached(contacts, raw, exposure)


def prevented(season: Season, exposure: Floats, strongest: Floats | None = None) -> Floats:
    """Return the harm prevented, (n_areas, n_kinds)."""
    top = season.strongest if strongest is None else strongest
    safe = np.where(top > 0, top, 1.0)
    return np.asarray(season.need * top * -np.expm1(-exposure / safe))


def harm_prevented(season: Season, held: Iterable[int]) -> float:
    """Return the harm that the held options prevent."""
    return float(prevented(season, reached(season, held).exposure).sum())


def shares_of(season: Season, held: list[int]) -> Floats:
    """Return the harm prevented by each held option: each area and kind is shared in proportion to exposure."""
    contacts = reached(season, held)
    total, residents = prevented(season, contacts.exposure), np.maximum(season.areas.residents, 1.0)
    raw = np.zeros_like(contacts.contacts)
    for o in held:
        option = season.options[o]
        for a, people in zip(option.areas, option.contacts, strict=True):
            raw[option.initiative, a] += people
    benefit = np.zeros(len(held))
    for h, o in enumerate(held):
        option = season.options[o]
        for a, people in zip(option.areas, option.contacts, strict=True):
            counted = contacts.contacts[option.initiative, a] * people / max(raw[option.initiative, a], 1e-300)
            for k in season.kinds_of[option.initiative]:
                if contacts.exposure[a, k] > 0:
                    part = season.effect[option.initiative] * counted / residents[a] / contacts.exposure[a, k]
                    benefit[h] += part * total[a, k]
    return benefit
