"""What a re-plan changed, in numbers and words."""

from __future__ import annotations

import pandas as pd

from allocator.domain import Figures, Run
from allocator.evaluation import coverage
from allocator.facts import records

_MOST_CAUSES = 6


def replan_figures(revised: Run, earlier: Run, asked: Figures) -> Figures:
    """Return `values` and `lines` of a re-planned run, as `figures` does for a run.

    Parameters
    ----------
    revised, earlier : Run
        After and before.
    asked : mapping
        What happened, as in the manifest.
    """
    plan, value = revised.plan, revised.problem.value
    changes = plan.diff(earlier.plan)
    removed, added = changes[changes["change"] == "removed"], changes[changes["change"] == "added"]
    gone = set(asked["out_of_service"])
    others = earlier.plan.visits[~earlier.plan.visits["unit"].isin(gone)]
    moved = removed[~removed["unit"].isin(gone)]
    share = len(moved) / max(len(others), 1)
    values = {
        **earlier.figures["values"],
        "visits": len(plan.visits),
        "places": int(plan.visits["cell"].nunique()),
        "unit_shifts": int(revised.problem.on_duty.sum()),
        "delivered": coverage(plan.delivered, value),
        "covered": coverage(plan.objective, value),
        "covered_bound": coverage(plan.bound, value),
        "gap": plan.gap,
        "delivered_gap": plan.delivered_gap,
        "replan": {**asked, "visits_added": len(added), "visits_removed": len(removed), "others_changed": share},
    }
    head = [line for line in earlier.figures["lines"] if line[0] in ("", "note")][:1]
    stamp = [["note", text] for text in (revised.job.job.note, earlier.figures["values"]["stamp"]) if text]
    causes = plan.changes.drop_duplicates("cause")
    lines = [
        *head, *stamp,
        ["re-plan", said_of(asked)],
        ["changed", f"{len(removed):,} visits removed, {len(added):,} added; {share:.1%} of the other units' visits "
                    f"changed, in {len(plan.changes):,} districts and shifts"],
        *(["why" if not n else "",
           f"{row.shift}, district {row.district}{_alike(plan.changes, row.cause)}: {row.cause}"]
          for n, row in enumerate(causes.head(_MOST_CAUSES).itertuples())),
        *([["", f"and {len(causes) - _MOST_CAUSES:,} more causes: see the differences"]]
          if len(causes) > _MOST_CAUSES else []),
        ["delivered", f"{values['delivered']:.2%} of the expected harm, before {_before(earlier)}; what stands and the "
                      f"rest at best would cover {values['covered_bound']:.2%}"],
        *(["softened" if not n else "", one.text] for n, one in enumerate(plan.softened)),
        *(["unmet" if not n else "", one.text] for n, one in enumerate(plan.unmet)),
    ]  # fmt: skip
    return {"values": values, "lines": lines, "notes": records((*plan.softened, *plan.unmet))}


def _alike(causes: pd.DataFrame, cause: str) -> str:
    """Return how many other districts and shifts share a cause."""
    n = int((causes["cause"] == cause).sum()) - 1
    return f" and {n:,} other{'s' * (n != 1)}" if n else ""


def _before(earlier: Run) -> str:
    return f"{coverage(earlier.plan.delivered, earlier.problem.value):.2%}"


def said_of(asked: Figures) -> str:
    """Return what happened, in words: from when, which units, cells and events."""
    parts = [f"from {asked['at']}"]
    if asked["out_of_service"]:
        parts.append(f"out of service: {', '.join(asked['out_of_service'])}")
    if asked["added"]:
        parts.append(f"added: {', '.join(asked['added'])}")
    if asked["urgent"]:
        parts.append(f"urgent: cell {', '.join(map(str, asked['urgent']))}")
    if asked["closed"]:
        parts.append(f"{asked['closed']:,} cells closed")
    if asked["events"]:
        parts.append(asked["events"])
    return "; ".join(parts)
