"""Types of places: which cells are alike in what happens there, and when."""

from __future__ import annotations

import numpy as np
from scipy import sparse

from allocator.domain import Floats, Ints
from allocator.kernels.profile import memberships, type_counts
from allocator.risk.profile.events import Timed

BLOCKS = 16
"""Blocks of three hours on the two kinds of day; block b of 16 holds the bins of the clock hours of b // 2."""

N_TYPES, ROUNDS = 12, 12
"""On Chicago and St. Louis 6 types gain a tenth less than 12, 24 the same; 25 rounds the same as 12."""
TEMPERING = 0.7
"""Power of a cell's likelihood: its events come in runs, and say less than as many independent ones."""
_PRIOR, _FEWEST, _CELLS_A_TYPE = 0.5, 3.0, 10


def place_types(timed: Timed, whole: Floats, *, n_cells: int, seed: int) -> Floats:
    """Return the blocks of each kind in cells of a cell's types, (n_kinds, n_cells, 16) float64; each adds up to 1.

    A mixture of multinomials over kind × block (a latent-class model), fitted by EM from random cells. A cell's own
    shares are those of the types that it may belong to, also of a kind that it never saw.

    Parameters
    ----------
    timed : Timed
        Events.
    whole : (n_kinds, 16) float64
        The city's profile of each kind, which types lean on.
    n_cells : int
        Cells.
    seed : int
        Draws the cells that types start from.
    """
    n_kinds, width = len(whole), whole.size
    column = timed.kind * BLOCKS + block_of(timed.column)
    counts = sparse.coo_matrix((timed.weight, (timed.cell, column)), shape=(n_cells, width)).tocsr()
    total = np.asarray(counts.sum(axis=1)).ravel()
    of_kind = np.bincount(timed.kind, timed.weight, n_kinds) + 1
    base = (whole * (of_kind / of_kind.sum())[:, None]).ravel()
    likely = np.flatnonzero(total >= _FEWEST)
    n_types = min(N_TYPES, len(likely) // _CELLS_A_TYPE)
    if n_types < 2:
        return np.repeat(whole[:, None], n_cells, axis=1)
    parts, members = counts.indptr.astype(np.int64), np.empty((n_cells, n_types))
    rng = np.random.default_rng(seed)
    first = rng.choice(likely, n_types, replace=False, p=total[likely] / total[likely].sum())
    theta = (counts[first].toarray().T + 20 * base[:, None]) / (total[first] + 20)
    share, used = np.full(n_types, 1 / n_types), total >= _FEWEST
    for _ in range(ROUNDS):
        memberships(parts, counts.indices, counts.data, np.log(theta), np.log(share), 1.0, members)
        members[~used] = 0.0
        share = (members.sum(axis=0) + 1) / (used.sum() + n_types)
        sums = np.zeros((width, n_types))
        type_counts(parts, counts.indices, counts.data, members, sums)
        prior = _PRIOR * width
        theta = (sums + prior * base[:, None]) / (sums.sum(axis=0) + prior)
    memberships(parts, counts.indices, counts.data, np.log(theta), np.log(share), TEMPERING, members)
    shares = np.einsum("cm,kbm->kcb", members, theta.reshape(n_kinds, BLOCKS, n_types))
    return np.asarray(shares / shares.sum(axis=2, keepdims=True))


def block_of(column: Ints) -> Ints:
    """Return the block of each bin."""
    return np.asarray(column // 6 * 2 + column % 2)
