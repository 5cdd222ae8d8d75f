"""What the next plan learns from deliveries: who comes, how full rooms get, how long partners take to answer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.domain import Delivered, Initiative, Offers, Partner, Venue
from allocator.domain.outreach import CHANNEL, POINT, VENUE
from allocator.evaluation.delivery import HANDED_OUT

Array = npt.NDArray[np.float64]

PRIOR_HOLDINGS = 3.0
"""Holdings as planned that the ratio of all holdings is mixed with: one poor evening is no rule."""

LEAST_FACTOR, MOST_FACTOR = 0.25, 2.0
"""No reach is changed by more than this."""

LEAD_QUANTILE, LEAST_ANSWERS = 0.8, 3
"""A partner's notice covers this share of its answers; fewer answers than this change nothing."""

_FEWEST_GROUPS, _FEWEST_REPEATS = 3, 3
_USUAL_SPREAD = 0.25
_USUAL_VARIATION = 0.5


@dataclass(frozen=True)
class _Shrunk:
    """Ratio of a group's contacts to those planned, drawn towards all."""

    ratio: float
    contacts: float
    planned: float
    holdings: int


def learnt(delivered: Sequence[Delivered], offers: Offers) -> tuple[Offers, tuple[str, ...]]:
    """Return the offers with reach, capacity and notice as deliveries have shown them, and what was learnt in words.

    Contacts are compared with what the offers promise today, min(reach, capacity), rather than with what an earlier
    plan made of them: so what was learnt once is not learnt again from a plan that took it into account.

    The ratio of an initiative's contacts to those promised is drawn towards that of all holdings of its sort (people
    who come; items or uses of channels) by empirical Bayes: weight τ² / (τ² + φ m / promised), m the ratio of all
    (with `PRIOR_HOLDINGS` holdings as planned mixed in), φ the overdispersion of holdings within initiatives, τ² the
    variance between initiatives by moments (DerSimonian and Laird 1986, Controlled Clinical Trials 7). The same for
    venues, against what the initiatives held there bring elsewhere; a venue that draws fewer has less usable capacity,
    though no less than it once held. Reach never grows beyond the largest room, nor items beyond those printed. A
    partner's notice rises to the `LEAD_QUANTILE` of the days from asked to answered.

    Parameters
    ----------
    delivered : sequence of Delivered
        From `read_delivery`.
    offers : Offers
        The offers of the job's files.
    """
    frame = pd.concat(
        [Delivered.none().frame.assign(held=False), *(one.frame.assign(held=one.held) for one in delivered)],
        ignore_index=True,
    )
    asked = frame[~frame["id"].duplicated(keep="last")]
    held = asked[asked["held"].to_numpy(np.bool_)]
    rows, notes = _promised(held, offers)
    if again := len(frame) - len(asked):
        notes.append(f"{again} holdings are reported on more than once: the last report counts")
    initiatives, factor = list(offers.initiatives), dict[str, float]()
    for sort in (True, False):
        part = rows[rows["people"] == sort]
        if len(part):
            found, all_of = _ratios(part["initiative"], part["contacts"], part["promised"])
            factor |= {name: one.ratio for name, one in found.items()}
            for k, one in enumerate(initiatives):
                if _brings_people(one) == sort:
                    initiatives[k], told = _reach(one, found.get(one.name), all_of, offers)
                    notes += told
    people = rows[rows["people"] & (rows["venue"] != "")]
    venues, told = _capacities(people, factor, offers.venues)
    partners, more = _notice(asked, offers.partners)
    changed = dataclasses.replace(offers, initiatives=tuple(initiatives), venues=venues, partners=partners)
    return changed, (*notes, *told, *more)


def _brings_people(initiative: Initiative) -> bool:
    return initiative.place not in (POINT, CHANNEL)


def _promised(held: pd.DataFrame, offers: Offers) -> tuple[pd.DataFrame, list[str]]:
    """Return `initiative, venue, people, contacts, promised` of holdings that told their contacts."""
    known, rooms = {one.name: one for one in offers.initiatives}, {one.name: one.capacity for one in offers.venues}
    rows = []
    for row in held.itertuples():
        one = known.get(row.initiative)
        if one is None or one.reach <= 0:
            continue
        first, second = (row.handed_out, row.attended) if one.type in HANDED_OUT else (row.attended, row.handed_out)
        contacts = second if math.isnan(first) else first
        promised = min(one.reach, rooms.get(row.venue, one.reach)) if one.place == VENUE else one.reach
        if not math.isnan(contacts) and promised > 0:
            rows.append((one.name, row.venue, _brings_people(one), float(contacts), float(promised)))
    gone = sorted(set(held["initiative"]) - set(known) - {""})
    notes = [f"{len(gone)} initiatives that were held are offered no longer: nothing is learnt from them"] * bool(gone)
    return pd.DataFrame(rows, columns=["initiative", "venue", "people", "contacts", "promised"]), notes


def _ratios(group: pd.Series[str], contacts: pd.Series[float], promised: pd.Series[float]) -> tuple[
    dict[str, _Shrunk], float
]:  # fmt: skip
    """Return the shrunk ratio of each group, and that of all."""
    names, place = np.unique(group.to_numpy(object), return_inverse=True)
    seen, planned = contacts.to_numpy(np.float64), promised.to_numpy(np.float64)
    own_seen, own_planned = (np.bincount(place, one) for one in (seen, planned))
    holdings = np.bincount(place)
    prior = PRIOR_HOLDINGS * planned.mean()
    whole = float((prior + seen.sum()) / (prior + planned.sum()))
    own = own_seen / own_planned
    variance = _dispersion(seen, planned, own[place], len(names)) * whole / own_planned
    between = _between(own, variance, whole)
    weight = between / (between + variance)
    ratio = whole + weight * (own - whole)
    found = {
        str(name): _Shrunk(float(ratio[k]), float(own_seen[k]), float(own_planned[k]), int(holdings[k]))
        for k, name in enumerate(names)
    }
    return found, whole


def _dispersion(seen: Array, planned: Array, own: Array, n_groups: int) -> float:
    """Return φ: Pearson's χ² of holdings around their group, per degree of freedom; a usual one if there are few."""
    df = len(seen) - n_groups
    if df < _FEWEST_REPEATS:
        return max(1.0, _USUAL_VARIATION**2 * float(planned.mean()))
    expected = np.maximum(own * planned, 1e-9)
    return max(1.0, float(((seen - own * planned) ** 2 / expected).sum()) / df)


def _between(own: Array, variance: Array, whole: float) -> float:
    """Return the variance of ratios between groups; a usual one where there are too few groups to tell."""
    if len(own) < _FEWEST_GROUPS:
        return (_USUAL_SPREAD * whole) ** 2
    weight = 1 / variance
    centre = float((weight * own).sum() / weight.sum())
    excess = float((weight * (own - centre) ** 2).sum()) - (len(own) - 1)
    return max(excess, 0.0) / float(weight.sum() - (weight**2).sum() / weight.sum())


def _reach(one: Initiative, own: _Shrunk | None, whole: float, offers: Offers) -> tuple[Initiative, list[str]]:
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
        why = f"not held yet; of all holdings {whole:.0%} of what was promised came about"
    else:
        times = f"{own.holdings} holding{'s' * (own.holdings != 1)}"
        why = (
            f"{own.contacts:,.0f} contacts of {own.planned:,.0f} promised in {times} "
            f"({own.contacts / own.planned:.0%}), drawn towards all holdings ({whole:.0%}) to {own.ratio:.0%}"
        )
    return dataclasses.replace(one, reach=reach), [f"{one.name}: {why}: reach {one.reach:,} becomes {reach:,}"]


def _capacities(
    rows: pd.DataFrame, factor: dict[str, float], venues: tuple[Venue, ...]
) -> tuple[tuple[Venue, ...], list[str]]:
    if not len(rows):
        return venues, []
    usual = rows["promised"] * rows["initiative"].map(factor).astype("float64")
    rows = rows.assign(usual=usual)[(usual > 0).to_numpy()]
    if not len(rows):
        return venues, []
    found, _ = _ratios(rows["venue"], rows["contacts"], rows["usual"])
    fullest = rows.groupby("venue")["contacts"].max()
    changed, notes = list(venues), []
    for k, venue in enumerate(venues):
        own = found.get(venue.name)
        if own is None or own.ratio >= 1:
            continue
        usable = max(math.ceil(venue.capacity * max(own.ratio, LEAST_FACTOR)), int(fullest[venue.name]))
        if usable < venue.capacity:
            changed[k] = dataclasses.replace(venue, capacity=usable)
            notes.append(
                f"{venue.name}: {own.contacts:,.0f} came in {own.holdings} holding{'s' * (own.holdings != 1)} where "
                f"{own.planned:,.0f} would have come elsewhere: usable capacity {venue.capacity:,} becomes {usable:,}"
            )
    return tuple(changed), notes


def _notice(rows: pd.DataFrame, partners: tuple[Partner, ...]) -> tuple[tuple[Partner, ...], list[str]]:
    days = (rows["answered"] - rows["asked"]).dt.days
    changed, notes = list(partners), []
    for k, partner in enumerate(partners):
        mine = (rows["partner"] == partner.name).to_numpy()
        took = np.sort(days[mine].dropna().to_numpy(np.float64))
        waiting = int((rows.loc[mine, "asked"].notna() & rows.loc[mine, "answered"].isna()).sum())
        if waiting:
            notes.append(f"{partner.name}: {waiting} of {waiting + len(took)} questions have no answer yet")
        if len(took) < LEAST_ANSWERS:
            continue
        lead = int(took[math.ceil(LEAD_QUANTILE * len(took)) - 1])
        if lead > partner.lead_days:
            changed[k] = dataclasses.replace(partner, lead_days=lead)
            notes.append(
                f"{partner.name}: {LEAD_QUANTILE:.0%} of {len(took)} answers came within {lead} days: notice of "
                f"{partner.lead_days} days becomes {lead}"
            )
    return tuple(changed), notes
