"""Backtests of every model on the real cities, and the page FORECASTS.md that reports them, losses included.

    python benchmarks/forecasts.py [--city chicago …] [--workers 2] [--keep DIR]

The list of models and of baselines is that of the registry; nothing is tuned here. With --keep, scorecards are
pickled in DIR and read back, so that one city can be run anew without the others.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import platform
import sys
import textwrap
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pandas as pd

HERE = Path(__file__).resolve().parent
DATA = Path(os.environ.get("ALLOCATOR_DATA") or HERE.parents[1] / "shared" / "data")
PAGE = HERE / "FORECASTS.md"
INTRODUCTION = (
    "Made by `python benchmarks/forecasts.py`; do not edit. Rolling origin, weekly, cells of 150 m; each fold is "
    "fitted on what was known at its cutoff. Differences are paired over folds, with 95 % intervals of a moving-block "
    "bootstrap. The best baseline is chosen afterwards on the same weeks, which favours the baselines. Baselines: "
    "every model of the registry but `mixture`, `boosted`, `auto`; each has a fitted scale and constant."
)
PAI_BASELINES = ("historic_mean", "recent", "kde", "decay")
ST_LOUIS = ("larceny", "burglary", "motor_vehicle_theft", "robbery", "aggravated_assault", "simple_assault")


def chicago():
    import allocator as al

    columns = {"time": "occurred_at", "kind": "category", "lon": "lon", "lat": "lat"}
    events = al.read_events(DATA / "chicago/events.parquet", columns=columns, timezone="America/Chicago")
    area = al.read_area(
        DATA / "chicago/districts.geojson", district="dist_num", beats=DATA / "chicago/beats.geojson", beat="beat_num"
    )
    return al.Panel.from_events(events, al.Tessellation.squares(area, 150), stop="2018-01-01")


def st_louis():
    import allocator as al
    from allocator.pipeline.inputs.known import since

    columns = {"time": "occurred_at", "kind": "ucr", "lon": "lon", "lat": "lat", "count": "count", "id": "complaint"}
    events = al.read_events(
        DATA / "stlouis/events.parquet", columns=columns, timezone="America/Chicago", corrections="net"
    )
    area = al.read_area(DATA / "stlouis/neighborhoods.geojson", district="nhd_num")
    city = al.Tessellation.squares(area, 150)
    return al.Panel.from_events(since(events, None), city, stop="2017-01-01", kinds=ST_LOUIS)


def portland():
    import allocator as al

    columns = {"time": "occ_date", "kind": "category", "lon": "lon", "lat": "lat"}
    events = al.read_events(DATA / "portland/events.parquet", columns=columns, timezone="America/Los_Angeles")
    city = al.Tessellation.squares(al.read_area(DATA / "portland/police_districts.geojson"), 150)
    return al.Panel.from_events(events, city, stop="2017-03-01")


CITIES = {
    "chicago": ("Chicago, last 26 weeks of 2017", chicago, 26),
    "st_louis": ("St. Louis, the 52 weeks of 2016", st_louis, 52),
    "portland": ("Portland, last 26 weeks to 2017-02-28", portland, 26),
}


def run(city: str, workers: int):
    """Return the scorecard of a city and the seconds it took."""
    import allocator as al
    from allocator.config import RiskSection

    _, build, folds = CITIES[city]
    panel, start = build(), time.perf_counter()
    # spawn: workers must not inherit threads; one LightGBM thread each
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn")) as pool:
        card = al.backtest(
            panel, folds=folds, options=RiskSection(threads=1), executor=pool,
            progress=lambda stage: print(f"{city}: {stage}", file=sys.stderr),
        )  # fmt: skip
    return card, time.perf_counter() - start


def signed(row: pd.Series) -> str:
    return f"{row.difference:+.3f} [{row.low:+.3f} to {row.high:+.3f}]"


def compared(card) -> pd.DataFrame:
    """Return `auto` against the best baseline in likelihood, and against the best of four in PAI at 1 % of area."""
    narrow = card.differences(["loglik"])
    narrow = narrow[narrow["model"] == "auto"].set_index("kind")
    table = card.table(0.01).set_index(["kind", "model"])
    rows = []
    for kind in card.kinds:
        one, auto = narrow.loc[kind], table.loc[(kind, "auto")]
        rival = max(PAI_BASELINES, key=lambda name: table.loc[(kind, name), "pai"])
        pai = paired(card, kind, rival)
        rows.append(
            {
                "series": kind,
                "events": int(auto["events"]),
                "loglik": f"{one.value:.3f}",
                "best baseline": f"{one.baseline} {one.baseline_value:.3f}",
                "difference": signed(one),
                "likelihood": one.verdict,
                "PAI 1 %": f"{auto['pai']:.2f}",
                "best of four": f"{rival} {table.loc[(kind, rival), 'pai']:.2f}",
                "PAI difference": signed(pai),
                "PAI": pai.verdict,
                "obs/exp": f"{auto['observed_over_expected']:.3f}",
                "90 % districts": f"{auto['coverage90']:.1%}",
                "90 % PIT cells": f"{auto['pit90']:.1%}",
            }
        )
    return pd.DataFrame(rows)


def paired(card, kind: str, rival: str) -> pd.Series:
    """Return the paired difference in PAI at 1 % between `auto` and one baseline."""
    import dataclasses

    alone = dataclasses.replace(card, baselines=(rival,))
    found = alone.differences(["pai"])
    return found[(found["kind"] == kind) & (found["model"] == "auto") & (found["area_share"] == 0.01)].iloc[0]


def section(city: str, card, seconds: float) -> list[str]:
    table = card.table(0.01)
    lines = [f"## {CITIES[city][0]}", ""]
    lines += [f"{card.n_folds} weekly folds, {len(card.models)} models, {seconds / 60:.1f} min.", ""]
    lines += [*markdown(compared(card)), ""]
    for metric, shape, title in (
        ("loglik", "{:.3f}", "Log-likelihood per event"), ("pai", "{:.2f}", "PAI at 1 % of the area")
    ):  # fmt: skip
        wide = table.pivot(index="model", columns="kind", values=metric).loc[list(card.models), list(card.kinds)]
        shown = wide.map(shape.format).reset_index()
        lines += [f"{title}:", "", *markdown(shown), ""]
    if not (when := card.profiles()).empty:
        lines += [
            "When: log-likelihood per event at cell × watch (8 hours) and cell × hour, each cell's own hours against "
            "the city's in every cell:", "", *markdown(in_time(when)), "",
        ]  # fmt: skip
    chosen = pd.Series([name for fold in card.chosen for name in fold[card.models.index("auto")][:-1]]).value_counts()
    lines += ["`auto` was led by " + ", ".join(f"{name} {n} times" for name, n in chosen.items()) + ".", ""]
    notes = [*card.notes, *sorted({f"{one.kind}: {one.reason}" for one in card.skipped})]
    return lines + [f"- {note}" for note in notes] + ([""] if notes else [])


def in_time(when: pd.DataFrame) -> pd.DataFrame:
    """Return one row per kind: how likely watches and hours were, and what the cells' own hours gained."""
    wide = when.set_index(["span", "kind"])
    rows = []
    for kind in when["kind"].unique():
        watch, hour = wide.loc[("watch", kind)], wide.loc[("hour", kind)]
        gains = [
            f"{one.over_city:+.4f} [{one.low:+.4f} to {one.high:+.4f}] {one.verdict}" for one in (watch, hour)
        ]  # fmt: skip
        rows.append({
            "kind": kind, "events": watch.events, "cell × watch": f"{watch.loglik:.3f}",
            "over the city's hours": gains[0], "cell × hour": f"{hour.loglik:.3f}", "by hour over the city's": gains[1],
        })  # fmt: skip
    return pd.DataFrame(rows)


def markdown(frame: pd.DataFrame) -> list[str]:
    head = [str(name) for name in frame.columns]
    rows = [[str(value) for value in row] for row in frame.itertuples(index=False)]
    return ["| " + " | ".join(row) + " |" for row in (head, ["---"] * len(head), *rows)]


def page(cards, remark: str) -> str:
    from allocator.cli.doctor import examine

    found = examine()
    engines = ", ".join(
        f"{name} {found['versions'][name]}" for name in ("allocator", "python", "numpy", "numba", "lightgbm")
    )
    tables = pd.concat([compared(card).assign(city=city) for city, (card, _) in cards.items()])
    better, worse = (int((tables["likelihood"] == word).sum()) for word in ("better", "worse"))
    unclear = tables[tables["likelihood"] != "better"]
    lines = [
        "# Forecasts: every model on unseen weeks",
        "",
        *textwrap.wrap(f"{INTRODUCTION} {remark}".strip(), 120, break_on_hyphens=False),
        "",
        f"Machine: {found['cores']} cores, {platform.machine()}, {platform.system()}; {engines}.",
        "",
        "**`auto` against the best baseline, log-likelihood per event: "
        f"better on {better} of {len(tables)} series, worse on {worse}.**",
        "",
    ]
    lines += [f"- Not clearly better: {row.city}, {row.series} ({row.difference} against {row['best baseline']})"
              for _, row in unclear.iterrows()]  # fmt: skip
    lines += [""]
    for city, (card, seconds) in cards.items():
        lines += section(city, card, seconds)
    return "\n".join(lines).rstrip() + "\n"


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--city", action="append", choices=list(CITIES))
    arguments.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--keep", type=Path)
    arguments.add_argument("--page-only", action="store_true", help="write the page from the kept scorecards")
    arguments.add_argument("--remark", default="", help="a sentence for the head of the page")
    asked = arguments.parse_args()
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    cards = {}
    for city in CITIES:
        kept = asked.keep / f"{city}.pkl" if asked.keep else None
        if asked.page_only or (asked.city and city not in asked.city):
            if kept and kept.exists():
                cards[city] = pickle.loads(kept.read_bytes())
            continue
        cards[city] = run(city, asked.workers)
        if kept:
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_bytes(pickle.dumps(cards[city]))
    PAGE.write_text(page(cards, asked.remark), "utf-8")
    print(PAGE.read_text("utf-8"))


if __name__ == "__main__":
    main()
