"""The report of a run: one page that opens from disk, for the meeting and the briefing.

First what the plan does and whether it may be used, then the map, then what it could not do; numbers and assumptions
follow for those who ask. Everything comes from the run itself, so that a run folder is enough to make it again.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from allocator.domain import Run
from allocator.facts import texts
from allocator.report.look import (
    RISK,
    Blocks,
    Part,
    Picture,
    Table,
    Text,
    harm_word,
    need_png,
    render,
    risk_names,
    script,
)
from allocator.report.outreach import outreach_blocks
from allocator.report.run.citymap import bokeh_script, map_data, map_figure
from allocator.report.run.facts import assumptions_part, dropped_part, limits_part, origin_part
from allocator.report.run.map import map_png
from allocator.report.run.past import against_part, history_part, skill_part
from allocator.report.run.replan import said_of

_PERCENT = "{:.1%}"
_NO_NEED = "Units are not asked for anywhere: the job names no minimums and no calls."


@dataclass(frozen=True)
class Tile:
    """A number that is read first, with what it says."""

    number: str
    words: str


def run_page(
    run: Run, *, against: tuple[str, pd.DataFrame] | None = None, links: Mapping[str, str] | None = None,
    map_picture: bytes | None = None,
) -> str:  # fmt: skip
    """Return the report of a run as HTML: self-contained, with an interactive map.

    Parameters
    ----------
    run : Run
        From `run` or `load_run`.
    against : (str, DataFrame), optional
        Name of an earlier plan and what `compared` says of both.
    links : mapping of str to str, optional
        Address of each further file of the run folder that the page points to, and its words.
    map_picture : bytes, optional
        `map_png(run)`, where it has been made already.
    """
    colours, figures = list(zip(RISK, risk_names(), strict=True)), run.figures["values"]
    alt = f"Map of {run.job.job.name}: expected harm, districts and planned visits"
    return render(
        "run.html", scripts=[bokeh_script(), script("map.js"), script("tables.js")],
        title=run.job.job.name, days=_days(run), stamp=figures["stamp"], notes=_notes(run), tiles=_tiles(run),
        unmet=_unmet(run), links=dict(links or {}), figure=map_figure(run), data=map_data(run), colours=colours,
        classes=risk_names(), picture=Picture(map_picture or map_png(run), alt), has_outreach=len(run.outreach.items),
        parts=[part for part in _parts(run, against) if part.blocks],
    )  # fmt: skip


def _days(run: Run) -> str:
    first, last = run.roster.shifts[0].day, run.roster.shifts[-1].day
    return _day(first) if first == last else f"{_day(first)} to {_day(last)}"


def _day(day: dt.date) -> str:
    return f"{day:%A} {day.day} {day:%B} {day.year}"


def _notes(run: Run) -> list[str]:
    changed = [f"Changed after it was made: {said_of(asked)}" for asked in run.manifest.get("replanned", [])]
    return [text for text in (run.job.job.note, *changed) if text]


def _changed(run: Run) -> Blocks:
    if not len(run.plan.changes):
        return []
    shown = run.plan.changes.rename(columns={"cause": "why its visits differ"})
    return [Table(shown, "Districts and shifts whose visits differ from the earlier plan; changes.csv has the visits.")]


def _tiles(run: Run) -> list[Tile]:
    values, minutes = run.figures["values"], run.job.allocation.block_minutes
    hits, harm = values["expected_hits"], harm_word(run.surface.harm)
    tiles = [
        Tile(f"{values['visits']:,}", f"visits of {minutes} minutes at {values['places']:,} places"),
        Tile(
            f"{values['delivered']:.1%}",
            f"of the {harm} are covered by them; no plan could cover more than {values['covered_bound']:.1%}",
        ),
        Tile(
            f"{hits['mean']:,.0f}",
            f"events are expected in those places during those shifts ({hits['lower']:,.0f} to {hits['upper']:,.0f}), "
            f"of {sum(values['expected_events'].values()):,.0f} in all",
        ),
        Tile(f"{values['unit_shifts']:,}", f"unit-shifts on duty; {_need_words(run)}"),
    ]
    if run.job.outreach is not None:
        plan = run.outreach
        tiles.append(
            Tile(
                f"{values['outreach_holdings']:,}",
                f"outreach holdings with {int(plan.items['reach'].sum()):,} contacts for {plan.spent:,.0f} of "
                f"{plan.budget:,.0f}",
            )
        )
    return tiles


def _need_words(run: Run) -> str:
    staffing = run.plan.staffing
    asked = staffing[staffing["units_required"] > 0]
    if not len(asked):
        return "no fewest number is asked for"
    met = int((asked["units_assigned"] >= asked["units_required"]).sum())
    return f"the fewest asked for are there in {met:,} of {len(asked):,} district-shifts"


def _unmet(run: Run) -> list[str]:
    told = [f"Softened: {text}" for text in run.plan.softened] + texts((*run.plan.unmet, *run.outreach.unmet))
    return told or ["Nothing: every minimum, limit and request is kept."]


def _parts(run: Run, against: tuple[str, pd.DataFrame] | None) -> list[Part]:
    return [
        Part("What was changed, and why", _changed(run)), Part("Staffing against need", _staffing(run)),
        Part("Who goes where", _who(run)), Part("Limits, and what they cost", limits_part(run)),
        Part("Outreach", outreach_blocks(run)), Part("Against the plan before", against_part(against)),
        Part("How good the forecast is", skill_part(run)), Part("What the history shows", history_part(run)),
        Part("What was dropped at the door", dropped_part(run)),
        Part("Assumptions and their sources", assumptions_part(run)),
        Part("How this page can be checked", origin_part(run)),
    ]  # fmt: skip


def _staffing(run: Run) -> Blocks:
    table = run.plan.staffing
    if not len(table):
        return [Text("There are no districts to post units to.")]
    short = table[table["units_assigned"] < table["units_required"]]
    words = f"{_need_words(run)[0].upper()}{_need_words(run)[1:]}."
    if len(short):
        words += " Short: " + "; ".join(
            f"district {row.district}, {row.shift} ({row.units_assigned} of {row.units_required})"
            for row in short.head(12).itertuples()
        ) + ("; …" if len(short) > 12 else ".")  # fmt: skip
    shown = pd.DataFrame(
        {
            "district": table["district"], "shift": table["shift"], "units": table["units_assigned"],
            "asked for": table["units_required"], "expected harm": table["expected_harm"],
            "covered": table["covered_harm"], "next unit would add": table["next_unit_harm"],
        }
    )  # fmt: skip
    formats = dict.fromkeys(("expected harm", "covered", "next unit would add"), "{:.2f}")
    if table["wait_min"].notna().any():
        shown["wait for a unit, min"], shown["time left for patrol"] = table["wait_min"], table["free_share"]
        formats |= {"wait for a unit, min": "{:.1f}", "time left for patrol": "{:.0%}"}
    alt = f"Units posted by district and shift, with the share of the expected harm covered. {words}"
    caption = (
        "Numbers are units; lighter: a larger share of the expected harm is covered; framed: fewer than asked for."
    )
    if table["district"].nunique() > 40:
        caption += " The 40 districts with most expected harm."
    return [Text(words), Picture(need_png(table), alt, caption),
            Table(shown, "Every district and shift; a head sorts.", formats)]  # fmt: skip


def _who(run: Run) -> Blocks:
    visits, posts = run.plan.visits, run.plan.assignments
    if not len(posts):
        return [Text("Nobody is on duty.")]
    local = {name: visits[name].dt.tz_convert(run.job.job.timezone) for name in ("start", "stop")}
    grouped = visits.assign(first=local["start"], last=local["stop"]).groupby(["unit", "shift"], sort=False)
    tours = grouped.agg(visits=("cell", "size"), first=("first", "min"), last=("last", "max")).reset_index()
    table = posts.merge(tours, on=["unit", "shift"], how="left")
    shown = pd.DataFrame(
        {
            "unit": table["unit"], "shift": table["shift"], "district": table["district"].replace("", "reserve"),
            "home": table["home_district"], "visits": table["visits"].fillna(0).astype(int),
            "first": table["first"].dt.strftime("%H:%M"), "last until": table["last"].dt.strftime("%H:%M"),
        }
    )  # fmt: skip
    away = int(((posts["district"] != posts["home_district"]) & (posts["district"] != "")).sum())
    words = f"{len(shown):,} unit-shifts; in {away:,} a unit serves outside its home district. Times are local."
    blocks: Blocks = [Text(words), Table(shown, "Units by shift; type in the field to find one.")]
    if run.roster.edits:
        edits = pd.DataFrame(
            [(e.action, e.shift, e.unit, e.district or (str(e.cell) if e.cell >= 0 else ""), e.who, e.why,
              run.plan.outcome(e)) for e in run.roster.edits],
            columns=["edit", "shift", "unit", "district or cell", "who", "why", "outcome"],
        )  # fmt: skip
        blocks.append(Table(edits, "What was decided by hand."))
    return blocks


def page_links(names: Sequence[str], *, has_outreach: bool) -> dict[str, str]:
    """Return the address and words of the files beside the report, of those that are there.

    Parameters
    ----------
    names : sequence of str
        Paths in the run folder.
    has_outreach : bool
        Whether the run has outreach.
    """
    known = {
        "briefings/index.html": "Briefing sheets to print", "roster.xlsx": "Roster to edit",
        "changes.csv": "Visits that changed",
        "outreach.html": "Season of outreach",
        "gis/plan.gpkg": "Layers for your GIS",
        "map.png": "Map as a picture",
    }  # fmt: skip
    there = set(names)
    return {
        name: words
        for name, words in known.items()
        if name in there and (has_outreach or name != "outreach.html")
    }  # fmt: skip
