"""The report of a run: one page that opens from disk, for the meeting and the briefing.

First what the plan does and whether it may be used, then the map, then what it could not do; numbers and assumptions
follow for those who ask. Everything comes from the run itself, so that a run folder is enough to make it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from allocator.domain import ALL_KINDS
from allocator.report.citymap import bokeh_script, map_data, map_figure
from allocator.report.map import map_png
from allocator.report.outreach_page import outreach_blocks
from allocator.report.page import Part, Picture, Table, Text, render, script
from allocator.report.palette import RISK, risk_names
from allocator.report.pictures import (
    Series,
    against_png,
    calibration_png,
    curve_png,
    hotspots_png,
    hours_png,
    need_png,
    series_png,
)
from allocator.report.replan import said_of
from allocator.report.summary import harm_word

if TYPE_CHECKING:
    import datetime as dt

    from allocator.domain import Run

Blocks = list[Text | Table | Picture]

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
    told = [f"Softened: {text}" for text in run.plan.softened] + list(run.plan.unmet) + list(run.outreach.unmet)
    return told or ["Nothing: every minimum, limit and request is kept."]


def _parts(run: Run, against: tuple[str, pd.DataFrame] | None) -> list[Part]:
    return [
        Part("What was changed, and why", _changed(run)),
        Part("Staffing against need", _staffing(run)),
        Part("Who goes where", _who(run)),
        Part("Limits, and what they cost", _limits(run)),
        Part("Outreach", outreach_blocks(run)),
        Part("Against the plan before", _against(against)),
        Part("How good the forecast is", _skill(run)),
        Part("What the history shows", _history(run)),
        Part("What was dropped at the door", _dropped(run)),
        Part("Assumptions and their sources", _assumptions(run)),
        Part("How this page can be checked", _origin(run)),
    ]


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
    found: Blocks = [Text(words), Table(shown, "Units by shift; type in the field to find one.")]
    if run.roster.edits:
        edits = pd.DataFrame(
            [(e.action, e.shift, e.unit, e.district or (str(e.cell) if e.cell >= 0 else ""), e.who, e.why,
              run.plan.outcome(e)) for e in run.roster.edits],
            columns=["edit", "shift", "unit", "district or cell", "who", "why", "outcome"],
        )  # fmt: skip
        found.append(Table(edits, "What was decided by hand."))
    return found


def _limits(run: Run) -> Blocks:
    plan, harm = run.plan, harm_word(run.surface.harm)
    found: Blocks = []
    if len(plan.worth):
        order = plan.worth.sort_values("harm", ascending=False, kind="stable")
        shown = order.rename(columns={"harm": f"{harm} more", "share": "of what is covered"})
        caption = "What one unit more, or doing without a limit, would add; found by solving again."
        found.append(Table(shown, caption, {f"{harm} more": "{:.2f}", "of what is covered": "{:.2%}"}))
    if len(plan.limits):
        shown = plan.limits[["limit", "source", "least", "most", "value", "unit"]]
        shown = shown.replace([np.inf, -np.inf], np.nan)
        formats = dict.fromkeys(("least", "most", "value"), "{:,.4g}")
        found.append(Table(shown, "Limits over cells, shifts and districts, and what the plan makes of them.", formats))
    return found + [Text(note) for note in run.problem.notes]


def _against(against: tuple[str, pd.DataFrame] | None) -> Blocks:
    if against is None:
        return []
    name, table = against
    hours = table[["minutes_before", "minutes"]].sum() / 60
    words = f"Compared with {name}: {hours['minutes']:,.0f} hours of visits against {hours['minutes_before']:,.0f}"
    if table["places_kept"].notna().all():
        kept = int(table["places_kept"].sum()) / max(int(table["places"].sum()), 1)
        words += f"; {kept:.0%} of the visited places were visited then too."
    else:
        words += "; its cells are others, so places are not compared."
    shown = table.rename(columns=lambda one: one.replace("_before", " before").replace("_", " "))
    formats = dict.fromkeys(("minutes", "minutes before"), "{:,.0f}") | dict.fromkeys(
        ("expected harm", "expected harm before"), "{:,.1f}"
    )
    picture = Picture(against_png(table, then=name, now="this plan"), words, "Hours of visits by district.")
    return [Text(words), picture, Table(shown, "By district; against.csv holds it.", formats)]


def compared(run: Run, before: Run) -> pd.DataFrame:
    """Return two plans by district.

    Parameters
    ----------
    run, before : Run
        Runs of the same area; districts are matched by name, cells by number.

    Returns
    -------
    DataFrame
        `district, units` (unit-shifts)`, visits, minutes, places, expected_harm`, the same with `_before` of the
        earlier plan, and `places_kept`: cells that both visit, NaN where the cells are others.
    """
    own, other = _by_district(run), _by_district(before)
    table = own.merge(other, on="district", how="outer", suffixes=("", "_before"), sort=False)
    counts = table.columns.drop("district")
    table[counts] = table[counts].fillna(0)
    table = table.sort_values("minutes", ascending=False, kind="stable").reset_index(drop=True)
    whole = [name for name in counts if not name.startswith(("minutes", "expected"))]
    table = table.astype(dict.fromkeys(whole, int))
    city, old = run.surface.city, before.surface.city
    if not (city.n_cells == old.n_cells and np.allclose(city.x, old.x) and np.allclose(city.y, old.y)):
        return table.assign(places_kept=np.nan)
    same = sorted(set(run.plan.visits["cell"]) & set(before.plan.visits["cell"]))
    kept = pd.Series([city.districts[city.district[cell]] for cell in same], dtype="str").value_counts()
    return table.assign(places_kept=table["district"].map(kept).fillna(0).astype(int))


def _by_district(run: Run) -> pd.DataFrame:
    city, visits = run.surface.city, run.plan.visits
    minutes = (visits["stop"] - visits["start"]).dt.total_seconds() / 60
    district = pd.Series(np.array([*city.districts, ""], object)[city.district[visits["cell"]]], index=visits.index)
    grouped = visits.assign(minutes=minutes, district=district).groupby("district")
    tours = grouped.agg(visits=("cell", "size"), minutes=("minutes", "sum"), places=("cell", "nunique"))
    staffing = run.plan.staffing.groupby("district", sort=False).agg(
        units=("units_assigned", "sum"), expected_harm=("expected_harm", "sum")
    )
    table = staffing.join(tours).fillna(0).reset_index()
    return table[["district", "units", "visits", "minutes", "places", "expected_harm"]]


def _skill(run: Run) -> Blocks:
    values, models = run.figures["values"], list(dict.fromkeys(run.surface.models))
    skill, hits = values["loglik_per_event"], values["hit_rate_1_percent"]
    names = [name for name in skill if name != "chosen"]
    table = pd.DataFrame(
        {
            "model": ["as used", *names],
            "log-likelihood per event": [skill["chosen"], *(skill[name] for name in names)],
            "events in the top 1 % of the area": [hits["chosen"], *(hits[name] for name in names)],
        }
    )
    baseline = max((name for name in names if set(models) != {name}), key=lambda name: skill[name], default="")
    verdict = ""
    if baseline:
        gain = skill["chosen"] - skill[baseline]
        better = "better than" if gain > 1e-4 else "no better than"
        verdict = f" It is {better} the best other model, {baseline}, by log-likelihood ({gain:+.3f} per event)."
    used = ", ".join(
        f"{model} for {kind.lower()}" for kind, model in zip(run.surface.kinds, run.surface.models, strict=True)
    )
    words = (
        f"The forecast uses {used}. It was scored on {values['held_out_events']:,} events of "
        f"{values['held_out_windows']} windows of {values['held_out_days']} days that no model had seen.{verdict} Most "
        "places with risk see no event in a given week: that is chance, not a fault of a unit."
    )
    formats = {"log-likelihood per event": "{:.3f}", "events in the top 1 % of the area": "{:.1%}"}
    found: Blocks = [Text(words), Table(table, "Held-out windows, all kinds together; higher is better.", formats)]
    curve, calibration = run.history["curve"], run.history["calibration"]
    said = "; ".join(f"{row.model} {row.hit_rate:.1%}" for row in curve[curve["area_share"] == 0.01].itertuples())
    found.append(Picture(curve_png(curve, models), f"Hit rate at 1 % of the area: {said}.", "Hit-rate curve."))
    rows = calibration[calibration["model"].isin(models)]
    top = "; ".join(
        f"{row.model} {row.observed / max(row.expected, 1e-12):.2f}" for row in rows[rows["decile"] == 10].itertuples()
    )
    found.append(
        Picture(
            calibration_png(calibration, models, baseline or models[0]), f"Observed over expected events by tenth of "
            f"the risk; in the riskiest tenth {top}.", "Calibration: 1 is right."
        )
    )  # fmt: skip
    return found


def _history(run: Run) -> Blocks:
    past = run.history
    weekly, alarms, hours = past["weekly"], past["alarms"], past["hours"]
    found: Blocks = []
    if len(weekly):
        standing = alarms[alarms["state"] == "stands"]
        said = " ".join(standing["sentence"]) or "No alarm stands for the area as a whole."
        kinds = weekly.groupby("kind", sort=False)["events"].sum().sort_values(ascending=False, kind="stable").index[:8]
        series = [_series(weekly[weekly["kind"] == kind], alarms[alarms["kind"] == kind]) for kind in kinds]
        found += [Text(said), Picture(series_png(series), f"Events per week by kind. {said}", "The whole area.")]
    if len(hours):
        kinds = list(dict.fromkeys(hours["kind"]))
        grid = hours["events"].to_numpy().reshape(len(kinds), 7, 24)
        top = hours[hours["kind"] == ALL_KINDS].nlargest(1, "events")
        when = ", ".join(f"{_WEEKDAYS[row.weekday]} {row.hour:02d}:00" for row in top.itertuples())
        found.append(Picture(hours_png(grid, kinds), f"Events by weekday and hour; most on {when}.", "Local time."))
    stability = past["hotspots"]
    if len(stability):
        last = stability.iloc[-1]
        words = (
            f"The 1 % of the area that was busiest in the 13 weeks before held {last['earlier_share']:.1%} of the "
            f"events of the 13 weeks from {last['start']} on; their own busiest 1 % held {last['own_share']:.1%}. The "
            f"first is {last['kept']:.0%} of the second; part of the rest is chance, which moves busy places about."
        )
        found += [
            Text(words),
            Picture(
                hotspots_png(stability),
                words,
                "Percentages: the second bar over the first; 100 % where hotspots never move.",
            ),
        ]
    return found


_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


def _series(weekly: pd.DataFrame, alarms: pd.DataFrame) -> Series:
    counts = np.where(weekly["covered"], weekly["events"], np.nan).astype(np.float64)
    days = weekly["week"].to_numpy().astype("datetime64[D]")
    seen = alarms[alarms["raised"].to_numpy().astype("datetime64[D]") > days[0]] if len(alarms) else alarms
    return Series(str(weekly["kind"].iloc[0]), days, counts, seen)


def _dropped(run: Run) -> Blocks:
    manifest = run.manifest
    rows = [(reason, n) for reason, n in manifest["rows"].items() if n]
    found: Blocks = [Table(pd.DataFrame(rows, columns=["rows of the events file", "count"]), "Counted at reading.",
                           {"count": "{:,}"})]  # fmt: skip
    if columns := manifest["dropped_columns"]:
        found.append(
            Text(f"Columns that were not read, because they look personal or are not needed: {', '.join(columns)}.")
        )
    return found + [Text(note) for note in manifest["notes"]]


def _assumptions(run: Run) -> Blocks:
    job, surface = run.job, run.surface
    weights = pd.DataFrame({"kind": surface.kinds, "harm weight": np.asarray(surface.harm, float)})
    rate = job.allocation.diminishing
    said = [
        f"Harm weights: {job.policy.harm_source}.",
        f"A visit of {job.allocation.block_minutes} minutes covers {-np.expm1(-rate):.0%} of the harm expected in its "
        f"cell and shift, two {-np.expm1(-2 * rate):.0%}, three {-np.expm1(-3 * rate):.0%} (allocation.diminishing = "
        f"{rate:g}): an assumption. Covered is not prevented.",
        f"The split between shifts comes from {surface.profile_source}.",
        "Places are forecast, never persons. Kinds that follow enforcement more than harm do not train the forecast "
        "unless the job says so.",
    ]
    found: Blocks = [Text(text) for text in said]
    found.append(Table(weights, "Harm weights used.", {"harm weight": "{:g}"}))
    return found


def _origin(run: Run) -> Blocks:
    manifest = run.manifest
    inputs = pd.DataFrame(
        [(key, one["sha256"]) for key, one in manifest["inputs"].items()], columns=["input", "SHA-256"]
    )
    versions = ", ".join(f"{name} {version}" for name, version in manifest["versions"].items())
    words = (
        f"Seed {manifest['seed']}; made {manifest['written']} with {versions}. Every number here can be computed again "
        "from the files of the run folder; the same inputs, seed and versions give the same plan."
    )
    return [Text(words), Table(inputs, "Inputs.")]


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
