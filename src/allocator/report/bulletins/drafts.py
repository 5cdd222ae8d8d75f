"""The facts of a bulletin, before they are said in a language: only what may be shown is in them."""

from __future__ import annotations

import datetime as dt
import zoneinfo
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from allocator.domain import ALL_KINDS, AREA, CHANNEL, INITIATIVE_TYPES, ONLINE, OutreachPlan, Record
from allocator.report.bulletins.language import Language
from allocator.report.bulletins.tips import TIPS, family_of_tips
from allocator.report.look import public_text

MOST_KINDS, MOST_FAMILIES = 5, 3
"""Kinds of an area that a bulletin speaks of, those with most need; families of tips."""

_CONTRARY = "These numbers are too small to tell a change from chance."

Compared = Literal["year", "window"]
"""What the recent events are compared with: the same days a year earlier, or the same number of days before."""


@dataclass(frozen=True)
class Trend:
    """Reported events of a kind, recent against before; none of the counts is too small to be shown.

    The needs draw the ratios of areas with few events towards that of all, and allow for days without data: where the
    plain ratio of the counts lies outside their interval, theirs is said, and that it allows for these.

    Parameters
    ----------
    kind : str
        Offence kind.
    recent, before : int
        Events.
    days : int
        Days of each.
    trend, lower, upper : float
        Ratio of the two as the needs estimate it, and its interval.
    """

    kind: str
    recent: int
    before: int
    days: int
    trend: float
    lower: float
    upper: float

    def sentence(self, language: Language, compared: Compared) -> str:
        """Return the counts in a sentence."""
        name = language.kind(self.kind) or language.say("Other offenses")
        return _counts(language, name, self.recent, self.before, days=self.days, compared=compared)

    def change(self, language: Language) -> str:
        """Return the change with how sure it is, in a sentence."""
        if self.is_contrary:
            return language.say(_CONTRARY)
        about = self._about(language)
        ends = {"low": percent(language, self.lower), "high": percent(language, self.upper)}
        if self.is_clear:
            return language.say(
                "That is {about}; the change could be anywhere from {low} to {high}, "
                "so it is probably more than chance.",
                about=about, **ends,
            )  # fmt: skip
        return language.say(
            "That is {about}; the change could be anywhere from {low} to {high}, so it may be chance.",
            about=about, **ends,
        )  # fmt: skip

    def brief(self, language: Language) -> str:
        """Return the change in a short sentence, for posts."""
        if self.is_contrary:
            return language.say(_CONTRARY)
        if self.is_clear:
            return language.say("That is {about}, probably more than chance.", about=self._about(language))
        return language.say("That is {about}; it may be chance.", about=self._about(language))

    def _about(self, language: Language, *, short: bool = False) -> str:
        ratio = self.recent / self.before
        if not self.lower <= ratio <= self.upper:
            change = percent(language, self.trend)
            if short:
                return language.say("about {change}, adjusted", change=change)
            return language.say("about {change} when chance and missing days are allowed for", change=change)
        if _percent(ratio) == 0:
            return language.say("about the same")
        return language.say("about {change}", change=percent(language, ratio))

    @property
    def is_contrary(self) -> bool:
        """Whether the needs see the opposite of the plain counts, as they do where the counts are small."""
        ratio = self.recent / self.before
        return not self.lower <= ratio <= self.upper and (ratio - 1) * (self.trend - 1) < 0

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves out that nothing changed."""
        return _percent(self.lower) > 0 or _percent(self.upper) < 0

    def short_change(self, language: Language) -> str:
        """Return the change in a few words."""
        if self.is_contrary:
            return language.say("too few to tell a change")
        if self.is_clear:
            return language.say("{about}; probably more than chance", about=self._about(language, short=True))
        return language.say("{about}; may be chance", about=self._about(language, short=True))


def percent(language: Language, ratio: float) -> str:
    """Return a ratio as a change in words, such as "17 % fewer"."""
    n = _percent(ratio)
    if n == 0:
        return language.say("no change")
    return language.say("{n} % fewer", n=f"{-n:,}") if n < 0 else language.say("{n} % more", n=f"{n:,}")


def _percent(ratio: float) -> int:
    return round(100 * (ratio - 1))


def _counts(language: Language, name: str, recent: int, before: int, *, days: int, compared: Compared) -> str:
    values = {"kind": name, "recent": f"{recent:,}", "before": f"{before:,}"}
    if days % 7 == 0:
        n = days // 7
        if compared == "year":
            return language.count(
                "{kind}: {recent} reported in the last week, {before} in the same week a year earlier.",
                "{kind}: {recent} reported in the last {n} weeks, {before} in the same weeks a year earlier.",
                n, **values,
            )  # fmt: skip
        return language.count(
            "{kind}: {recent} reported in the last week, {before} in the week before that.",
            "{kind}: {recent} reported in the last {n} weeks, {before} in the {n} weeks before that.",
            n, **values,
        )  # fmt: skip
    if compared == "year":
        return language.count(
            "{kind}: {recent} reported in the last day, {before} on the same day a year earlier.",
            "{kind}: {recent} reported in the last {n} days, {before} in the same days a year earlier.",
            days, **values,
        )  # fmt: skip
    return language.count(
        "{kind}: {recent} reported in the last day, {before} on the day before that.",
        "{kind}: {recent} reported in the last {n} days, {before} in the {n} days before that.",
        days, **values,
    )  # fmt: skip


@dataclass(frozen=True)
class PublicEvent:
    """An event to come, without the names that may not be shown.

    Parameters
    ----------
    title, place, languages, audience : str
        Blank where not known or not to be shown; `languages` are codes with `;` between.
    where : str
        As in `INITIATIVE_TYPES`.
    start, stop : datetime.datetime
        Local times.
    """

    title: str
    place: str
    where: str
    languages: str
    audience: str
    start: dt.datetime
    stop: dt.datetime

    def day(self, language: Language) -> str:
        """Return its day and the time it begins."""
        return language.say("{day}, {start}", day=language.date(self.start.date()), start=language.clock(self.start))

    def spot(self, language: Language) -> str:
        """Return where it is."""
        if self.where == ONLINE:
            return language.say("online")
        return self.place or language.say("place on request")

    def name(self, language: Language) -> str:
        """Return its title."""
        return self.title or language.say("Event")

    def line(self, language: Language) -> str:
        """Return the event in a line."""
        text = language.say(
            "{day}, {start} to {stop}: {event}; {place}.", day=language.date(self.start.date()),
            start=language.clock(self.start), stop=language.clock(self.stop), event=self.name(language),
            place=self.spot(language),
        )  # fmt: skip
        text = text[:1].upper() + text[1:]
        if self.audience:
            text += " " + language.say("For: {audience}.", audience=self.audience)
        if names := language.languages(self.languages):
            text += " " + language.say("Languages: {languages}.", languages=names)
        return text


@dataclass(frozen=True)
class Draft:
    """What a bulletin says of an area.

    Parameters
    ----------
    area : str
        Its name in the plan.
    reference : str
        For feedback.
    number : int
        Row of the area, counted from 1; names it where its own name looks like an address.
    trends : tuple of Trend
        Kinds that may be shown, by need.
    hidden, unknown : tuple of str
        Kinds whose counts are too small; kinds whose history is too short to compare.
    total : tuple of int, optional
        Events of all kinds, recent and before; only where no kind is left out, or it were the difference.
    days : int
        Days of the counts.
    families : tuple of str
        Families of the tips.
    events : tuple of PublicEvent
        In order of time.
    """

    area: str
    reference: str
    number: int
    trends: tuple[Trend, ...]
    hidden: tuple[str, ...]
    unknown: tuple[str, ...]
    total: tuple[int, int] | None
    days: int
    families: tuple[str, ...]
    events: tuple[PublicEvent, ...]

    def title(self, language: Language) -> str:
        """Return the name of the area, or its number if the name may not be shown."""
        return public_text(self.area) or language.say("Area {n}", n=self.number)

    def tips(self, language: Language, most: int) -> tuple[str, ...]:
        """Return up to `most` tips, the families in turn."""
        turns = [TIPS[family][turn] for turn in range(3) for family in self.families]
        return tuple(language.say(tip) for tip in turns[:most])

    def sum_sentence(self, language: Language, compared: Compared) -> str:
        """Return the sentence on all kinds together, blank where it may not be said."""
        if self.total is None:
            return ""
        return _counts(
            language, language.say("All kinds together"), *self.total, days=self.days, compared=compared
        )  # fmt: skip


def drafts_of(
    outreach: OutreachPlan, references: Mapping[str, str], *, timezone: str, min_count: int
) -> tuple[Draft, ...]:
    """Return the facts of each area that has a reference, without any count under `min_count`."""
    needs = outreach.needs[outreach.needs["kind"] != ALL_KINDS]
    rows: dict[str, list[Record]] = {area: [] for area in references}
    for row in needs.to_dict("records"):
        rows.setdefault(row["area"], []).append(row)
    events: dict[str, list[PublicEvent]] = {area: [] for area in references}
    zone = zoneinfo.ZoneInfo(timezone)
    for row in outreach.items.sort_values(["start", "id"], kind="stable").to_dict("records"):
        if (where := INITIATIVE_TYPES.get(row["type"], "")) == CHANNEL:
            continue  # a campaign is nothing to go to
        named = [area.strip() for area in row["area"].split(";") if area.strip()]
        for area in named or references:
            if area in events:
                events[area].append(_event(row, where, zone))
    return tuple(
        _draft(rows[area], area, reference, number, tuple(events[area]), min_count)
        for number, (area, reference) in enumerate(references.items(), 1)
    )


def _event(row: Record, where: str, zone: zoneinfo.ZoneInfo) -> PublicEvent:
    place = row["venue"] or row["point"]
    start, stop = (pd.Timestamp(row[name]).to_pydatetime().astimezone(zone) for name in ("start", "stop"))
    return PublicEvent(
        title=public_text(row["initiative"]), place="" if where == AREA and not place else public_text(place),
        where=where, languages=row["languages"], audience=public_text(row["audience"]), start=start, stop=stop,
    )  # fmt: skip


def _draft(
    rows: Sequence[Record], area: str, reference: str, number: int, events: tuple[PublicEvent, ...], min_count: int
) -> Draft:
    top = sorted(rows, key=lambda row: (-np.nan_to_num(row["need"]), row["kind"]))[:MOST_KINDS]
    enough = {row["kind"]: min(row["recent"], row["before"]) >= min_count for row in rows}
    known = {row["kind"]: bool(np.isfinite([row[name] for name in _TREND]).all()) for row in rows}
    # A total beside hidden counts would tell their sum, and with one hidden kind the count itself.
    whole = len(rows) > 1 and all(enough.values()) and all(known.values())
    families = tuple(dict.fromkeys(family_of_tips(str(row["kind"])) for row in top))[:MOST_FAMILIES]
    return Draft(
        area=area, reference=reference, number=number,
        trends=tuple(_trend(row) for row in top if enough[row["kind"]] and known[row["kind"]]),
        hidden=tuple(str(row["kind"]) for row in top if not enough[row["kind"]]),
        unknown=tuple(str(row["kind"]) for row in top if enough[row["kind"]] and not known[row["kind"]]),
        total=(sum(row["recent"] for row in rows), sum(row["before"] for row in rows)) if whole else None,
        days=max((int(row["days"]) for row in rows), default=0), families=families or ("other",), events=events,
    )  # fmt: skip


_TREND = ("trend", "trend_lower", "trend_upper")


def _trend(row: Record) -> Trend:
    counts = (int(row[name]) for name in ("recent", "before", "days"))
    return Trend(str(row["kind"]), *counts, *(float(row[name]) for name in _TREND))
