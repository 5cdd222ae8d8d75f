"""The page, pictures and words of an exploration."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from allocator.config import Job
from allocator.domain import ALL_KINDS, Area, Figures
from allocator.evaluation import ALL_DISTRICTS, Changes, CodeReview, NearRepeat, Trends, WeeklyCounts
from allocator.facts import Note, records
from allocator.io import Look
from allocator.report.look import (
    MOST_PANELS,
    Part,
    Picture,
    Series,
    Table,
    Text,
    hours_png,
    page,
    panels_of,
    png_of,
    series_png,
    stamp,
)
from allocator.report.studies.look import look_part, look_pictures

_MOST_ROWS = 40
_SHARE = "{:+.0%}"

_UNTESTED = ("studies.near_repeat_months", "studies.near_repeat_few", "studies.near_repeat_failed")


@dataclass(frozen=True, eq=False)
class Exploration:
    """What the history of a job shows before its week.

    Parameters
    ----------
    job : Job
        The job.
    weekly : WeeklyCounts
        Counts of complete weeks.
    trends : Trends
        Recent days against earlier ones.
    changes : Changes
        Alarms for level shifts.
    codes : CodeReview
        New and vanished kinds; age of the history.
    repeats : mapping of str to NearRepeat
        Knox tables by kind.
    notes : tuple of Note
        What a reader should know of the data.
    manifest : mapping
        Versions, seed, input hashes, timings.
    look : Look
        What the columns of the file are read as.
    area : Area
        Where.
    """

    job: Job
    weekly: WeeklyCounts
    trends: Trends
    changes: Changes
    codes: CodeReview
    repeats: Mapping[str, NearRepeat]
    notes: tuple[Note, ...]
    manifest: Figures
    look: Look
    area: Area

    def summary(self, *, width: int = 110) -> str:
        """Return the findings in plain words, in lines of at most `width` characters."""
        return "\n".join(
            line
            for label, text in self._lines()
            for line in textwrap.wrap(text, width, initial_indent=f"{label:<11}", subsequent_indent=" " * 11)
        )

    def tables(self) -> dict[str, pd.DataFrame]:
        """Return the tables by name: `trends`, `alarms`, `series`, `near_repeat`, `weekly`."""
        parts = [one.table.assign(kind=kind, events=one.events) for kind, one in self.repeats.items()]
        columns = [
            "kind", "events", "near", "soon", "observed", "expected", "ratio", "busiest_day", "p_value", "raised",
        ]  # fmt: skip
        repeats = pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)
        alarms, series = self.changes.alarms, self.changes.series
        return {
            "trends": self.trends.table, "alarms": alarms, "series": series, "near_repeat": repeats,
            "weekly": self.weekly.table(),
        }  # fmt: skip

    def figures(self) -> Figures:
        """Return `values` (numbers by name) and `lines` (label and text), fit for JSON."""
        alarms = self.changes.alarms
        strongest = {kind: one.table["ratio"].max() for kind, one in self.repeats.items()}
        values = {
            "week": self.job.job.week.isoformat(), "last_event_day": self.codes.last_day.isoformat(),
            "age_days": self.codes.age_days, "weeks": self.weekly.n_weeks, "series_watched": len(self.changes.series),
            "alarms": len(alarms), "alarms_new": int(alarms["new"].astype(bool).sum()),
            "alarms_firm": int((alarms["strength"] == "firm").sum()), "new_kinds": list(self.codes.new),
            "gone_kinds": list(self.codes.gone),
            "near_repeat_ratio": {k: round(float(v), 3) for k, v in strongest.items() if np.isfinite(v)},
            "stamp": stamp(self.job),
        }  # fmt: skip
        return {
            "values": values,
            "lines": [[label, text] for label, text in self._lines()],
            "notes": records(self._all_notes()),
        }

    def _lines(self) -> list[tuple[str, str]]:
        name, week, codes = self.job.job.name, self.job.job.week, self.codes
        lines = [("", f"{name}: what the history shows before {week}"), ("note", stamp(self.job))]
        lines += [("note", text) for text in (self.job.job.note,) if text]
        lines.append(("history", _age(codes, week)))
        lines += [("new codes", text) for text in (", ".join(codes.new),) if text]
        lines += [("gone codes", text) for text in (", ".join(codes.gone),) if text]
        lines += self._trend_lines() + self._alarm_lines()
        lines += [
            ("repeats" if not n else "", one.sentence(kind)) for n, (kind, one) in enumerate(self.repeats.items())
        ]
        return lines + [("note", told.text) for told in self._all_notes()]

    def _all_notes(self) -> tuple[Note, ...]:
        return *self.changes.notes, *self.trends.notes, *self.notes

    def _trend_lines(self) -> list[tuple[str, str]]:
        whole = self.trends.table[self.trends.table["district"] == ALL_DISTRICTS]
        lines: list[tuple[str, str]] = []
        for one in whole.itertuples():
            kind = "all kinds" if one.kind == ALL_KINDS else one.kind
            text = f"{kind}: {_count(one.last_28_days)} events in the 28 days to {self.trends.last_day}"
            text += f"; {_count(one.before_28_days)} in the 28 before" if pd.notna(one.before_28_days) else ""
            text += (
                f"; {_count(one.year_earlier)} in the same days a year earlier" if pd.notna(one.year_earlier) else ""
            )
            lines.append(("trend" if not lines else "", text))
        return lines[:MOST_PANELS]

    def _alarm_lines(self) -> list[tuple[str, str]]:
        new = self.changes.alarms[self.changes.alarms["new"].astype(bool)]
        if not len(self.changes.series):
            return []
        if not len(new):
            standing = self.changes.alarms[self.changes.alarms["state"] == "stands"]
            told = [("", alarm.sentence) for alarm in _strongest_first(standing).head(3).itertuples()]
            earlier = f"; {len(standing)} raised before that stand, the strongest:" if len(standing) else ""
            return [("alarms", f"none was raised in the last four weeks{earlier}"), *told]
        shown = [(f"{alarm.strength}", alarm.sentence) for alarm in _strongest_first(new).itertuples()]
        firm, chance = int((new["strength"] == "firm").sum()), len(self.changes.series) * 0.8 * 4 / 52
        text = (
            f"{len(new)} raised in the last four weeks in {len(self.changes.series)} series, {firm} of them firm; "
            f"about {chance:,.0f} would come by chance alone"
        )
        more = [("", f"and {len(shown) - 6} more: see the page")] if len(shown) > 6 else []
        return [("alarms", text), *shown[:6], *more]


def _strongest_first(alarms: pd.DataFrame) -> pd.DataFrame:
    rank = (alarms["strength"] != "firm") * 100.0 - alarms["score"].astype(np.float64).abs()
    return alarms.loc[rank.sort_values(kind="stable").index]


def _age(codes: CodeReview, week: dt.date) -> str:
    if codes.age_days <= 0:
        return f"complete up to {codes.last_day}, the day before the planned week"
    stale = "; it is stale: alarms and forecasts speak of the time up to then" if codes.age_days > 14 else ""
    days = "1 day is" if codes.age_days == 1 else f"{codes.age_days} days are"
    return f"the last event is of {codes.last_day}; {days} missing up to {week}{stale}"


def _count(value: float) -> str:
    return f"{value:,.0f}"


def explore_pictures(found: Exploration) -> dict[str, bytes]:
    """Return the pictures by name, as PNG."""
    pictures = {}
    weekly, alarms = found.weekly, found.changes.alarms
    if weekly.n_weeks >= 2:
        busiest = np.argsort(-weekly.counts[:, -1].sum(axis=1), kind="stable")[:MOST_PANELS]
        whole = [(weekly.kinds[row], ALL_DISTRICTS) for row in busiest]
        pictures["weekly"] = series_png(_series_of(weekly, alarms, whole))
        local = alarms[(alarms["district"] != ALL_DISTRICTS) & (alarms["state"] == "stands")]
        order = _strongest_first(local)
        names = list(dict.fromkeys(zip(order["kind"], order["district"], strict=True)))[:MOST_PANELS]
        if names:
            pictures["alarms"] = series_png(_series_of(weekly, alarms, names))
    if found.trends.hours is not None:
        pictures["hours"] = hours_png(found.trends.hours, found.trends.kinds)
    if found.repeats:
        pictures["near_repeat"] = _repeats_png(found.repeats)
    return pictures | look_pictures(found.look, found.area)


def _series_of(weekly: WeeklyCounts, alarms: pd.DataFrame, names: list[tuple[str, str]]) -> list[Series]:
    days = np.array([weekly.day(n) for n in range(weekly.n_weeks)], dtype="datetime64[D]")
    places, pictures = [*weekly.districts, ALL_DISTRICTS], []
    for kind, district in names:
        counts = weekly.counts[weekly.kinds.index(kind), places.index(district)].astype(np.float64)
        counts[~weekly.covered[weekly.kinds.index(kind)]] = np.nan
        mine = alarms[(alarms["kind"] == kind) & (alarms["district"] == district)]
        title = kind if district == ALL_DISTRICTS else f"{kind}, district {district}"
        pictures.append(Series(title, days, counts, mine))
    return pictures


def _repeats_png(repeats: Mapping[str, NearRepeat]) -> bytes:
    figure, panels = panels_of(len(repeats), columns=2, height=2.4)
    for axes, (kind, one) in zip(panels, repeats.items(), strict=True):
        near, soon = (list(dict.fromkeys(one.table[name])) for name in ("near", "soon"))
        shape = len(near), len(soon)
        ratio, raised = (one.table[name].to_numpy().reshape(shape) for name in ("ratio", "raised"))
        shown = np.where(raised, ratio, np.nan).astype(np.float64)
        axes.imshow(np.log(np.maximum(shown, 1.0)), aspect="auto", cmap="YlOrBr", vmin=0, vmax=np.log(4))
        for row, column in np.ndindex(shape):
            value = ratio[row, column]
            text = "–" if not np.isfinite(value) else f"{value:.2f}"
            bold = bool(raised[row, column])
            colour = "white" if bold and value > 2.6 else "black" if bold else "#666666"
            axes.text(column, row, text, ha="center", va="center", fontsize=9, color=colour,
                      fontweight="bold" if bold else "normal")  # fmt: skip
        axes.set_title(f"{kind} ({one.events:,} events)", fontsize=10, loc="left")
        axes.set_xticks(range(len(soon)), soon, fontsize=8)
        axes.set_yticks(range(len(near)), near, fontsize=8)
    return png_of(figure, "Near repeats: observed over expected pairs")


def explore_page(found: Exploration, pictures: Mapping[str, bytes]) -> str:
    """Return the page as HTML, with the pictures inside."""
    week = found.job.job.week
    notes = [
        stamp(found.job),
        *([found.job.job.note] if found.job.job.note else []),
        _sentence_case(_age(found.codes, week)),
    ]
    notes += [f"New codes: {', '.join(found.codes.new)}"] if found.codes.new else []
    notes += [f"Codes that vanished: {', '.join(found.codes.gone)}"] if found.codes.gone else []
    parts = [
        _alarm_part(found, pictures), _trend_part(found), _hour_part(found, pictures), _repeat_part(found, pictures),
        _detectable_part(found), look_part(found.look, pictures),
        Part("About the data", [Text(_sentence_case(told.text)) for told in found.notes]),
    ]  # fmt: skip
    return page(
        f"{found.job.job.name}: what the history shows before {week}", notes=notes,
        parts=[part for part in parts if part.blocks],
    )  # fmt: skip


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "?", "!")) else ".")


def _alarm_part(found: Exploration, pictures: Mapping[str, bytes]) -> Part:
    alarms = found.changes.alarms
    current = alarms[alarms["new"].astype(bool) | (alarms["state"] == "stands")] if len(alarms) else alarms
    blocks: list[Text | Table | Picture] = []
    if not len(found.changes.series):
        blocks += [Text(_sentence_case(told.text)) for told in found.changes.notes]
    elif not len(current):
        blocks.append(Text("No alarm was raised in the last four weeks, and none stands."))
    else:
        blocks.append(
            _alarm_table(current, "Alarms that stand or were raised in the last four weeks, the strongest first.")
        )
    if "weekly" in pictures:
        blocks.append(Picture(pictures["weekly"], "Events per week and kind with alarms", "The whole area, by kind."))
    if "alarms" in pictures:
        words = "Districts with a standing alarm (at most 12, the strongest first; thick bars are firm)."
        blocks.append(Picture(pictures["alarms"], "Events per week in districts with alarms", words))
    if len(found.changes.series):
        blocks += [Text(told.text) for told in found.changes.notes]
        past = alarms[~alarms.index.isin(current.index)]
        if firm := int((past["strength"] == "firm").sum()):
            blocks.append(_alarm_table(past[past["strength"] == "firm"], f"{firm} earlier firm alarms."))
    return Part("What changed", blocks)


def _alarm_table(alarms: pd.DataFrame, caption: str) -> Table:
    rows = _strongest_first(alarms)
    frame = pd.DataFrame(
        {
            "kind": rows["kind"], "district": rows["district"].replace(ALL_DISTRICTS, "whole area"),
            "change": rows["direction"], "strength": rows["strength"], "since the week of": rows["start"].astype(str),
            "told on": rows["raised"].astype(str), "a week": rows["observed"], "expected": rows["expected"],
            "difference": rows["change"], "at least": rows["lower"], "at most": rows["upper"],
            "last 4 weeks": rows["last_4_weeks"], "state": rows["state"],
        }
    )  # fmt: skip
    one = "{:,.1f}"
    formats = {"a week": one, "expected": one, "last 4 weeks": one, "difference": _SHARE, "at least": _SHARE,
               "at most": _SHARE}  # fmt: skip
    return Table(frame, caption, formats)


def _trend_part(found: Exploration) -> Part:
    table = found.trends.table
    formats = dict.fromkeys(
        ["last 28 days", "28 before", "year earlier", "year to date", "last year to date"], "{:,.0f}"
    )
    formats |= dict.fromkeys(["z", "z ", "z  "], "{:+.1f}")
    whole = _trend_frame(table[table["district"] == ALL_DISTRICTS]).drop(columns="district")
    local = table[(table["district"] != ALL_DISTRICTS) & (table["kind"] != ALL_KINDS)]
    most = local[["z_before", "z_year"]].abs().max(axis=1).sort_values(ascending=False, kind="stable")
    far = _trend_frame(local.loc[most[most >= 3].index[:20]])
    words = (
        f"Counts up to {found.trends.last_day}. z: how far two counts are apart; within ±2 is what chance does, beyond "
        "±3 is rare (1 in 370) if events are independent. Among many rows a few large ones come by chance."
    )
    blocks: list[Text | Table | Picture] = [Text(words), Table(whole, "The whole area.", formats)]
    if len(far):
        blocks.append(
            Table(far, "Districts with a z beyond ±3, the farthest first (at most 20; all in trends.csv).", formats)
        )
    return Part("Trends", blocks + [Text(_sentence_case(told.text)) for told in found.trends.notes])


def _trend_frame(table: pd.DataFrame) -> pd.DataFrame:
    names = {
        "kind": "kind", "district": "district", "last_28_days": "last 28 days", "before_28_days": "28 before",
        "z_before": "z", "year_earlier": "year earlier", "z_year": "z ", "year_to_date": "year to date",
        "last_year_to_date": "last year to date", "z_year_to_date": "z  ",
    }  # fmt: skip
    shown = table.rename(columns=names)[list(names.values())]
    return shown.assign(kind=shown["kind"].replace(ALL_KINDS, "all kinds"))


def _hour_part(found: Exploration, pictures: Mapping[str, bytes]) -> Part:
    if "hours" not in pictures:
        return Part("When in the week", [Text("The file has no times of day, so there are no counts by hour.")])
    words = f"{found.trends.timed:,} events with a known time of day; 1 is an average hour of that kind."
    return Part("When in the week", [Picture(pictures["hours"], "Events by weekday and hour, per kind", words)])


def _repeat_part(found: Exploration, pictures: Mapping[str, bytes]) -> Part:
    if "near_repeat" not in pictures:
        return Part("Near repeats", [Text(told.text) for told in found.notes if told.cause in _UNTESTED])
    one = next(iter(found.repeats.values()))
    words = (
        "Pairs of events by distance (rows) and days apart (columns) over the last year: how many times as many as "
        f"when the days are dealt at random over the same places ({one.permutations} times; Knox test). Coloured and "
        "bold: 1.2 times or more and p ≤ 0.05. At the same place within a day, several reports of one incident may "
        "be among the pairs."
    )
    texts = [Text(one.sentence(kind)) for kind, one in found.repeats.items()]
    picture = Picture(pictures["near_repeat"], "Near-repeat ratios by distance and time, per kind", words)
    return Part("Near repeats", [*texts, picture])


def _rise(rise: float) -> str:
    return f"{rise:+.0%}" if rise < 10 else "none below 10-fold"


def _detectable_part(found: Exploration) -> Part:
    series = found.changes.series
    if not len(series):
        return Part("What the alarms can see", [])
    series = series.sort_values("weekly_mean", ascending=False)
    frame = pd.DataFrame(
        {
            "kind": series["kind"], "district": series["district"].replace(ALL_DISTRICTS, "whole area"),
            "a week": series["weekly_mean"], "variance / mean": series["dispersion"],
            "smallest rise found": [_rise(rise) for rise in series["detectable_rise"]],
        }
    )  # fmt: skip
    caption = "The smallest rise that is found within four weeks in 4 of 5 cases, per series"
    caption += "." if len(frame) <= _MOST_ROWS else f" (the {_MOST_ROWS} with most events; all in series.csv)."
    frame = frame.head(_MOST_ROWS)
    return Part("What the alarms can see", [Table(frame, caption, {"a week": "{:,.1f}", "variance / mean": "{:.1f}"})])
