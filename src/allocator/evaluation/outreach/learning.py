"""What the next plan learns from deliveries: who comes, how full rooms get, how long partners take to answer."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from allocator.domain import CHANNEL, POINT, VENUE, Delivered, Floats, Initiative, Ints, Offers, Partner, Venue
from allocator.evaluation.outreach.delivery import HANDED_OUT
from allocator.facts import Note, note

PRIOR_HOLDINGS = 3.0
"""Holdings as planned that the ratio of all holdings is mixed with: one poor evening is no rule."""

LEAST_FACTOR, MOST_FACTOR = 0.25, 2.0
"""No reach is changed by more than this."""

LEAD_QUANTILE, LEAST_ANSWERS = 0.8, 3
"""A partner's notice covers this share of its answers; fewer answers than this change nothing."""

_FEWEST_GROUPS, _FEWEST_REPEATS = 3, 3
_USUAL_SPREAD = 0.25
_USUAL_VARIATION = 0.5
_ROUNDS = 30
_NAMED = ("initiative", "venue")


@dataclass(frozen=True)
class _Shrunk:
    """Ratio of a group's contacts to those planned, drawn towards all."""

    ratio: float
    contacts: float
    planned: float
    holdings: int


def learnt(delivered: Sequence[Delivered], offers: Offers) -> tuple[Offers, tuple[Note, ...]]:
    """Return the offers with reach, capacity and notice as deliveries have shown them, and what was learnt in words.

    Contacts are compared with what the offers promise today, min(reach, capacity), rather than with what an earlier
    plan made of them: so what was learnt once is not learnt again from a plan that took it into account.

    The ratio of an initiative's contacts to those promised is drawn towards that of all holdings of its sort (people
    who come; items or uses of channels) by empirical Bayes: weight τ² / (τ² + φ m / promised), m the ratio of all
    (with `PRIOR_HOLDINGS` holdings as planned mixed in), φ the overdispersion of holdings within initiatives, τ² the
    variance between initiatives by moments (DerSimonian and Laird 1986, Controlled Clinical Trials 7). Venues have
    ratios of their own, against what the same initiatives bring elsewhere, so that a poor room is not held against an
    initiative; a venue that draws fewer has less usable capacity, though no less than it once held. Reach never grows
    beyond the largest room, nor items beyond those printed. A partner's notice rises to the `LEAD_QUANTILE` of the days
    from asked to answered.

    Parameters
    ----------
    delivered : sequence of Delivered
        From `read_delivery`.
    offers : Offers
        The offers of the job's files.
    """
    frame = pd.concat(
        [Delivered.none().frame.assign(held=False), *(table.frame.assign(held=table.held) for table in delivered)],
        ignore_index=True,
    )
    asked = frame[~frame["id"].duplicated(keep="last")]
    held = asked[asked["held"].to_numpy(np.bool_)]
    rows, notes = _promised(held, offers)
    if again := len(frame) - len(asked):
        notes.append(note("outreach.reported_twice", count=again))
    initiatives, venues = list(offers.initiatives), offers.venues
    for sort in (True, False):
        part = rows[rows["people"] == sort]
        if len(part):
            found, all_of, rooms = _fitted(part)
            for k, one in enumerate(initiatives):
                if _brings_people(one) == sort:
                    initiatives[k], told = _reach(one, found.get(one.name), all_of, offers)
                    notes += told
            venues, told = _capacities(rooms, part, venues)
            notes += told
    partners, more = _notice(asked, offers.partners)
    changed = replace(offers, initiatives=tuple(initiatives), venues=venues, partners=partners)
    return changed, (*notes, *more)


def _brings_people(initiative: Initiative) -> bool:
    return initiative.place not in (POINT, CHANNEL)


def _promised(held: pd.DataFrame, offers: Offers) -> tuple[pd.DataFrame, list[Note]]:
    """Return `initiative, venue, people, contacts, promised` of holdings that told their contacts."""
    known, rooms = (
        {initiative.name: initiative for initiative in offers.initiatives},
        {initiative.name: initiative.capacity for initiative in offers.venues},
    )
    rows = []
    for row in held.itertuples():
        initiative = known.get(row.initiative)
        if initiative is None or initiative.reach <= 0:
            continue
        first, second = (
            (row.handed_out, row.attended) if initiative.type in HANDED_OUT else (row.attended, row.handed_out)
        )
        contacts = second if math.isnan(first) else first
        promised = (
            min(initiative.reach, rooms.get(row.venue, initiative.reach))
            if initiative.place == VENUE
            else initiative.reach
        )
        if not math.isnan(contacts) and promised > 0:
            rows.append((initiative.name, row.venue, _brings_people(initiative), float(contacts), float(promised)))
    gone = sorted(set(held["initiative"]) - set(known) - {""})
    notes = [note("outreach.not_offered_any_more", count=len(gone))] * bool(gone)
    return pd.DataFrame(rows, columns=["initiative", "venue", "people", "contacts", "promised"]), notes


def _fitted(rows: pd.DataFrame) -> tuple[dict[str, _Shrunk], float, dict[str, _Shrunk]]:
    """Return ratios of initiatives, that of all, and of venues, each with the other allowed for.

    Contacts are about promised × ratio of the initiative × ratio of the venue, both fitted in turns. Venues are drawn
    towards each other, and count against the best of those that share initiatives with them, directly or not. A venue
    without such a rival counts 1: what happens there is put down to the initiative.
    """
    initiative, venue = (np.unique(rows[name].to_numpy(object), return_inverse=True)[1] for name in _NAMED)
    contacts, promised = (rows[name].to_numpy(np.float64) for name in ("contacts", "promised"))
    draws, brings = np.ones(venue.max() + 1), np.ones(initiative.max() + 1)
    for _ in range(_ROUNDS):
        brings = _quotient(initiative, contacts, promised * draws[venue])
        draws = _quotient(venue, contacts, promised * brings[initiative])
    usual = rows["promised"] * brings[initiative]
    rooms, factor = dict[str, _Shrunk](), np.ones(len(rows))
    somewhere = ((rows["venue"] != "") & (usual > 0)).to_numpy()
    if somewhere.any():
        rooms, _ = _ratios(*(column[somewhere] for column in (rows["venue"], rows["contacts"], usual)))
        best = _best_rival(rows[somewhere], rooms)
        rooms = {name: replace(one, ratio=min(one.ratio / best[name], 1.0)) for name, one in rooms.items()}
        least = {name: max(one.ratio, LEAST_FACTOR) for name, one in rooms.items()}
        factor = rows["venue"].map(least).fillna(1.0).to_numpy(np.float64)
    found, whole = _ratios(rows["initiative"], rows["contacts"], rows["promised"] * factor)
    return found, whole, rooms


def _quotient(group: Ints, above: Floats, below: Floats) -> Floats:
    top, bottom = (np.bincount(group, weight) for weight in (above, below))
    return np.divide(top, bottom, out=np.ones_like(top), where=bottom > 0)


def _best_rival(rows: pd.DataFrame, rooms: dict[str, _Shrunk]) -> dict[str, float]:
    """Return the largest ratio among the venues that share initiatives with each venue, directly or not."""
    (initiatives, initiative), (venues, venue) = (
        np.unique(rows[name].to_numpy(object), return_inverse=True) for name in _NAMED
    )
    size = len(initiatives) + len(venues)
    links = coo_array((np.ones(len(rows)), (initiative, len(initiatives) + venue)), (size, size))
    part = connected_components(links, directed=False)[1][len(initiatives) :]
    ratio = np.array([rooms[str(name)].ratio for name in venues])
    best = np.zeros(size)
    np.maximum.at(best, part, ratio)
    return {str(name): float(best[part[k]]) or 1.0 for k, name in enumerate(venues)}


def _ratios(group: pd.Series[str], contacts: pd.Series[float], promised: pd.Series[float]) -> tuple[
    dict[str, _Shrunk], float
]:  # fmt: skip
    """Return the shrunk ratio of each group, and that of all."""
    names, place = np.unique(group.to_numpy(object), return_inverse=True)
    seen, planned = contacts.to_numpy(np.float64), promised.to_numpy(np.float64)
    own_seen, own_planned = (np.bincount(place, count) for count in (seen, planned))
    holdings = np.bincount(place)
    prior = PRIOR_HOLDINGS * planned.mean()
    whole = float((prior + seen.sum()) / (prior + planned.sum()))
    own = own_seen / own_planned
    variance = _dispersion(seen, planned, own[place], len(names)) * whole / own_planned
    between = _between(own, variance, whole)
    weight = between / (between + variance)
    ratio = whole + weight * (own - whole)
    columns = {
        str(name): _Shrunk(float(ratio[k]), float(own_seen[k]), float(own_planned[k]), int(holdings[k]))
        for k, name in enumerate(names)
    }
    return columns, whole


def _dispersion(seen: Floats, planned: Floats, own: Floats, n_groups: int) -> float:
    """Return φ: Pearson's χ² of holdings around their group, per degree of freedom; a usual one if there are few."""
    df = len(seen) - n_groups
    if df < _FEWEST_REPEATS:
        return max(1.0, _USUAL_VARIATION**2 * float(planned.mean()))
    expected = np.maximum(own * planned, 1e-9)
    return max(1.0, float(((seen - own * planned) ** 2 / expected).sum()) / df)


def _between(own: Floats, variance: Floats, whole: float) -> float:
    """Return the variance of ratios between groups; a usual one where there are too few groups to tell."""
    if len(own) < _FEWEST_GROUPS:
        return (_USUAL_SPREAD * whole) ** 2
    weight = 1 / variance
    centre = float((weight * own).sum() / weight.sum())
    excess = float((weight * (own - centre) ** 2).sum()) - (len(own) - 1)
    return max(excess, 0.0) / float(weight.sum() - (weight**2).sum() / weight.sum())


def _reach(one: Initiative, own: _Shrunk | None, whole: float, offers: Offers) -> tuple[Initiative, list[Note]]:
    ratio = whole if own is None else own.ratio
    factor = min(max(ratio, LEAST_FACTOR), MOST_FACTOR)
    reach = max(round(one.reach * factor), min(one.reach, 1))
    if reach > one.reach:
        rooms = [venue.capacity for venue in offers.venues] if one.place == VENUE else []
        most = max(rooms) if rooms else (one.items if one.place == POINT and one.items else reach)
        reach = max(min(reach, most), one.reach)
    if reach == one.reach:
        return one, []
    if own is None:
        why = note("outreach.not_held_yet", share=whole)
    else:
        why = note(
            "outreach.contacts_told", holdings=own.holdings, contacts=own.contacts, planned=own.planned,
            share=own.contacts / own.planned, whole=whole, drawn=own.ratio,
        )  # fmt: skip
    return replace(one, reach=reach), [
        note("outreach.reach_learnt", initiative=one.name, because=why, before=one.reach, after=reach)
    ]


def _capacities(
    rooms: dict[str, _Shrunk], rows: pd.DataFrame, venues: tuple[Venue, ...]
) -> tuple[tuple[Venue, ...], list[Note]]:
    fullest = rows.groupby("venue")["contacts"].max()
    changed, notes = list(venues), []
    for k, venue in enumerate(venues):
        own = rooms.get(venue.name)
        if own is None or own.ratio >= 1:
            continue
        usable = max(math.ceil(venue.capacity * max(own.ratio, LEAST_FACTOR)), int(fullest[venue.name]))
        if usable < venue.capacity:
            changed[k] = replace(venue, capacity=usable)
            notes.append(note(
                "outreach.capacity_learnt", venue=venue.name, contacts=own.contacts, count=own.holdings,
                planned=own.planned, before=venue.capacity, after=usable,
            ))  # fmt: skip
    return tuple(changed), notes


def _notice(rows: pd.DataFrame, partners: tuple[Partner, ...]) -> tuple[tuple[Partner, ...], list[Note]]:
    days = (rows["answered"] - rows["asked"]).dt.days
    changed, notes = list(partners), []
    for k, partner in enumerate(partners):
        mine = (rows["partner"] == partner.name).to_numpy()
        took = np.sort(days[mine].dropna().to_numpy(np.float64))
        waiting = int((rows.loc[mine, "asked"].notna() & rows.loc[mine, "answered"].isna()).sum())
        if waiting:
            notes.append(
                note("outreach.questions_open", partner=partner.name, count=waiting, total=waiting + len(took))
            )
        if len(took) < LEAST_ANSWERS:
            continue
        lead = int(took[math.ceil(LEAD_QUANTILE * len(took)) - 1])
        if lead > partner.lead_days:
            changed[k] = replace(partner, lead_days=lead)
            notes.append(note(
                "outreach.notice_learnt", partner=partner.name, share=LEAD_QUANTILE, count=len(took), days=lead,
                before=partner.lead_days,
            ))  # fmt: skip
    return tuple(changed), notes
