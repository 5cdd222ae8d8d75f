"""Parts of the report about limits, dropped rows, assumptions and origin."""

from __future__ import annotations

import numpy as np
import pandas as pd

from allocator.domain import Run
from allocator.report.look import Blocks, Table, Text, harm_word


def limits_part(run: Run) -> Blocks:
    """Return the limits of a plan and what one unit more would add."""
    plan, harm = run.plan, harm_word(run.surface.harm)
    blocks: Blocks = []
    if len(plan.worth):
        order = plan.worth.sort_values("harm", ascending=False, kind="stable")
        shown = order.rename(columns={"harm": f"{harm} more", "share": "of what is covered"})
        caption = "What one unit more, or doing without a limit, would add; found by solving again."
        blocks.append(Table(shown, caption, {f"{harm} more": "{:.2f}", "of what is covered": "{:.2%}"}))
    if len(plan.limits):
        shown = plan.limits[["limit", "source", "least", "most", "value", "unit"]]
        shown = shown.replace([np.inf, -np.inf], np.nan)
        formats = dict.fromkeys(("least", "most", "value"), "{:,.4g}")
        blocks.append(
            Table(shown, "Limits over cells, shifts and districts, and what the plan makes of them.", formats)
        )
    return blocks + [Text(told.text) for told in run.problem.notes]


def dropped_part(run: Run) -> Blocks:
    """Return what was left out of the input at reading."""
    manifest = run.manifest
    rows = [(reason, n) for reason, n in manifest["rows"].items() if n]
    blocks: Blocks = [Table(pd.DataFrame(rows, columns=["rows of the events file", "count"]), "Counted at reading.",
                           {"count": "{:,}"})]  # fmt: skip
    if columns := manifest["dropped_columns"]:
        blocks.append(
            Text(f"Columns that were not read, because they look personal or are not needed: {', '.join(columns)}.")
        )
    return blocks + [Text(note) for note in manifest["notes"]]


def assumptions_part(run: Run) -> Blocks:
    """Return what the numbers rest on."""
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
    blocks: Blocks = [Text(text) for text in said]
    blocks.append(Table(weights, "Harm weights used.", {"harm weight": "{:g}"}))
    return blocks


def origin_part(run: Run) -> Blocks:
    """Return the inputs, versions and seed that a run was made with."""
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
