"""A scorecard in plain words, and its main numbers."""

from __future__ import annotations

import datetime as dt
import math
import textwrap
from dataclasses import dataclass

import pandas as pd

from allocator.domain import ALL_KINDS, Figures, Record
from allocator.evaluation.bootstrap import BETTER, FEW_FOLDS, MIN_FOLDS, NEITHER, UNKNOWN, WORSE
from allocator.evaluation.forecasts.pooled import Pooled
from allocator.facts import Note, note, records

SAID = {"loglik": "log-likelihood per event", "pai": "PAI"}


@dataclass(frozen=True)
class Tables:
    """The tables of a scorecard that its words are made from, at the share of the area shown first."""

    scores: pd.DataFrame
    differences: pd.DataFrame
    ceiling: pd.DataFrame
    profiles: pd.DataFrame


def summary(card: Pooled, tables: Tables, *, width: int = 110) -> str:
    """Return the scorecard in words, in lines of at most `width` characters."""
    labelled = lines(card, tables)
    indent = min(2 + max(len(label) for label, _ in labelled), width // 3)
    wrapped = (
        textwrap.wrap(
            text, width, initial_indent=f"{label:<{indent - 1}.{indent - 1}} ", subsequent_indent=" " * indent
        )
        for label, text in labelled
    )
    return "\n".join(line for paragraph in wrapped for line in paragraph)


def figures(card: Pooled, tables: Tables) -> Figures:
    """Return `values` (numbers by name) and `lines` (label and text), fit for JSON: what is undefined is None."""
    return {
        "values": {
            "folds": card.n_folds,
            "first_cutoff": card.cutoffs[0].isoformat(),
            "last_cutoff": card.cutoffs[-1].isoformat(),
            "horizon_days": card.horizon_days,
            "step_days": card.step_days,
            "models": list(card.models),
            "baselines": list(card.baselines),
            "area_share": card.default_share,
            "scores": [_plain(row) for row in tables.scores.to_dict("records")],
            "differences": [_plain(row) for row in tables.differences.to_dict("records")],
            "skipped": len(card.skipped),
        },
        "lines": [[label, text] for label, text in lines(card, tables)],
        "notes": records(notes_of(card, tables.scores)),
    }


def lines(card: Pooled, tables: Tables) -> list[tuple[str, str]]:
    """Return labels and texts of the summary."""
    table, differences = tables.scores, tables.differences
    said = _head(card, table)
    for kind in (ALL_KINDS, *(kind for kind in card.kinds if kind != ALL_KINDS)):
        row = table[(table["kind"] == kind) & (table["model"] == card.subject)].iloc[0]
        said.append((kind.lower(), _place(card, row)))
        said += [
            ("", text)
            for text in (*_rivals(card, kind, differences), _trust(row), *_chance(card, tables.ceiling, kind))
            if text
        ]
    said += _verdicts(card, differences) + _when(tables.profiles)
    return said + [("note" if not n else "", told.text) for n, told in enumerate(notes_of(card, table))]


def _head(card: Pooled, table: pd.DataFrame) -> list[tuple[str, str]]:
    events = int(table.loc[(table["kind"] == ALL_KINDS) & (table["model"] == card.subject), "events"].iloc[0])
    last = card.cutoffs[-1] + dt.timedelta(days=max(math.ceil(card.horizon_days) - 1, 0))
    folds = "1 fold" if card.n_folds == 1 else f"{card.n_folds} folds, {card.step_days} days apart,"
    baselines = ", ".join(card.baselines) or "none was asked for, so nothing can be said about gain"
    return [
        ("backtest", f"{folds} of {card.horizon_name}: {card.cutoffs[0]} to {last}; {events:,} events"),
        ("models", ", ".join(card.models)),
        ("baselines", baselines),
        ("subject", f"what follows is about {card.subject}; square brackets hold 95 % intervals over folds"),
    ]


def _place(card: Pooled, row: pd.Series) -> str:
    if not row["events"]:
        empty = f"{row['folds']} folds" if row["folds"] else "all folds, skipped"
        return f"no events in {empty}: nothing to find ({row['expected']:.1f} expected)"
    share, hits = f"{100 * row['area_share']:g} % of the area", f"{row['hit_rate']:.1%} of {row['events']:,} events"
    return (
        f"{card.subject}: {share} held {hits}, PAI {row['pai']:.2f} {_range(row, 'pai', '.2f')}, PEI* "
        f"{row['pei_star']:.2f}{_saturated(row)}"
    )


def _saturated(row: pd.Series) -> str:
    if not row["saturated"]:
        return ""
    return f" (saturated in {row['saturated']:.0%} of folds: as many cells are picked as hold events)"


def _range(row: pd.Series, name: str, form: str) -> str:
    low, high = row[f"{name}_low"], row[f"{name}_high"]
    return "[no interval]" if math.isnan(low) else f"[{low:{form}} to {high:{form}}]"


def _rivals(card: Pooled, kind: str, differences: pd.DataFrame) -> list[str]:
    mine = differences[(differences["kind"] == kind) & (differences["model"] == card.subject)]
    said = []
    for row in mine.itertuples():
        if row.metric == "pai" and row.area_share != card.default_share:
            continue
        form = "+.3f" if row.metric == "loglik" else "+.2f"
        spread = "" if math.isnan(row.low) else f" [{row.low:{form}} to {row.high:{form}}]"
        values = f"{row.value:{form[1:]}} against {row.baseline_value:{form[1:]}} of {row.baseline}"
        said.append(f"{SAID[row.metric]} {values}, the best baseline: {row.difference:{form}}{spread}, {row.verdict}")
    if card.subject in card.baselines:
        best = [name for metric, name in SAID.items() if metric not in set(mine["metric"])]
        said += [f"{name}: it is itself the best baseline" for name in best]
    return said


def _trust(row: pd.Series) -> str:
    parts = [f"observed/expected {row['observed_over_expected']:.2f} {_range(row, 'observed_over_expected', '.2f')}"]
    if not math.isnan(row["coverage90"]):
        parts.append(f"90 % intervals held {row['coverage90']:.0%} of district-windows")
    parts.append(
        f"{row['pit90']:.0%} of cell-windows lay in the central 90 % ({row['pit90_risk']:.0%} weighted by risk)"
    )
    return "" if math.isnan(row["observed_over_expected"]) else ", ".join(parts)


def _chance(card: Pooled, ceiling: pd.DataFrame, kind: str) -> list[str]:
    frame = ceiling[(ceiling["kind"] == kind) & (ceiling["area_share"] == card.default_share)].set_index("metric")
    if frame.empty or frame["reached"].isna().any():
        return []
    pai, pei = frame.loc["pai"], frame.loc["pei_star"]
    beyond = ": events were more concentrated than it forecast" if pai["reached"] > 1.1 * pai["value"] else ""
    return [
        f"ceiling: on counts drawn at random from its own rates {pai['model']} reaches PAI {pai['value']:.2f} and PEI* "
        f"{pei['value']:.2f}; on what happened {pai['reached']:.2f} and {pei['reached']:.2f}{beyond}"
    ]


def _verdicts(card: Pooled, differences: pd.DataFrame) -> list[tuple[str, str]]:
    """Return how often the subject is better than the best baseline, and where it is not."""
    mine = differences[differences["model"] == card.subject]
    mine = mine[mine["area_share"].isna() | (mine["area_share"] == card.default_share)]
    said = []
    for metric in dict.fromkeys(mine["metric"]):
        rows = mine[mine["metric"] == metric]
        if (rows["verdict"] == UNKNOWN).all():
            said.append(f"{SAID[metric]}: {UNKNOWN} whether {card.subject} is better than the best baseline")
            continue
        parts = [f"{(rows['verdict'] == BETTER).sum()} of {len(rows)} series better than the best baseline"]
        for verdict, words in ((NEITHER, "no clear difference on"), (WORSE, "worse on"), (UNKNOWN, "too few folds on")):
            if len(some := rows[rows["verdict"] == verdict]):
                parts.append(f"{words} " + ", ".join(f"{row.kind} ({row.baseline})" for row in some.itertuples()))
        said.append(f"{SAID[metric]}: {'; '.join(parts)}")
    return [("verdict" if not n else "", text) for n, text in enumerate(said)]


def _when(profiles: pd.DataFrame) -> list[tuple[str, str]]:
    """Return what the profile inside the week adds to the city's, of all kinds together and where it is worse."""
    mine = profiles[profiles["span"] == "watch"]
    whole = mine[mine["kind"] == ALL_KINDS]
    if whole.empty:
        return []
    row = whole.iloc[0]
    spread = "" if math.isnan(row["low"]) else f" [{row['low']:+.3f} to {row['high']:+.3f}]"
    worse = ", ".join(mine.loc[mine["verdict"] == WORSE, "kind"])
    text = (
        f"by cell and watch of eight hours the log-likelihood per event is {row['loglik']:.3f}: each cell's own "
        f"profile gains {row['over_city']:+.3f}{spread} over the city's, {row['verdict']}"
    )
    return [("when", f"{text}; worse on {worse}" if worse else text)]


def notes_of(card: Pooled, table: pd.DataFrame) -> list[Note]:
    """Return what a reader must know to judge the scores."""
    notes = list(card.notes)
    if card.n_folds < FEW_FOLDS:
        notes.append(note("studies.few_folds", count=card.n_folds, few=FEW_FOLDS, least=MIN_FOLDS))
    empty = table[(table["model"] == card.subject) & (table["folds_without_events"] > 0)]
    notes += [
        note("studies.folds_without_events", kind=row.kind, count=row.folds_without_events, folds=row.folds)
        for row in empty.itertuples()
    ]
    by_reason: dict[tuple[str, str], int] = {}
    for one in card.skipped:
        by_reason[one.kind, one.reason] = by_reason.get((one.kind, one.reason), 0) + 1
    return notes + [
        note("studies.folds_skipped", kind=kind, count=n, because=reason) for (kind, reason), n in by_reason.items()
    ]


def _plain(row: Record) -> Figures:
    return {str(key): None if isinstance(one, float) and not math.isfinite(one) else one for key, one in row.items()}
