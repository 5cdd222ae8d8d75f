"""The agenda of outreach from one plan to the next: what changed, what was called off."""

from __future__ import annotations

import pandas as pd

CHANGES = ("team", "venue", "start", "stop", "area", "point", "channel", "partner")
"""Columns of an item whose change partners and teams must hear of."""


def with_sequences(items: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Return the items with `sequence` counted on from an earlier plan.

    Parameters
    ----------
    items, earlier : DataFrame
        `OUTREACH_TYPES`; an item is the same in both if it bears the same `id`.

    Returns
    -------
    DataFrame
        An item that changed in one of `CHANGES` has the earlier sequence plus 1, one that stayed the earlier sequence;
        new items keep theirs.
    """
    if items.empty or earlier.empty:
        return items
    before = earlier.drop_duplicates("id").set_index("id")
    known = items["id"].isin(before.index).to_numpy()
    mine, old = items[known], before.reindex(items["id"][known])
    changed = [(mine[name].to_numpy() != old[name].to_numpy()) for name in CHANGES]
    sequence = items["sequence"].to_numpy().copy()
    sequence[known] = old["sequence"].to_numpy() + pd.DataFrame(changed).any().to_numpy()
    return items.assign(sequence=sequence.astype("int32"))


def called_off(items: pd.DataFrame, earlier: pd.DataFrame) -> pd.DataFrame:
    """Return the items of an earlier plan that are in this one no more, each with its sequence plus 1."""
    gone = earlier[~earlier["id"].isin(items["id"])]
    return gone.assign(sequence=(gone["sequence"] + 1).astype("int32")).reset_index(drop=True)
