"""When places may be visited."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from allocator.domain.arrays import Bools, Ints, freeze


@dataclass(frozen=True, eq=False)
class Openings:
    """Minutes between which cells may be visited.

    Parameters
    ----------
    cells : (n_windows, n_cells) bool
        Cells of each window.
    opens, closes : (n_windows, n_shifts) int64
        Whole minutes since 1970-01-01 UTC; closed all shift long where they are equal.
    """

    cells: Bools
    opens: Ints
    closes: Ints

    def __post_init__(self) -> None:
        freeze(self)

    def within(self, shift: int, cell: Ints, *, begin: int, end: int) -> tuple[Ints, Ints]:
        """Return from when to when each cell may be visited between `begin` and `end`, (n,) int64 each."""
        opens, closes = np.full(len(cell), begin, np.int64), np.full(len(cell), end, np.int64)
        for mask, first, last in zip(self.cells, self.opens[:, shift], self.closes[:, shift], strict=True):
            here = mask[cell]
            opens[here] = np.maximum(opens[here], first)
            closes[here] = np.minimum(closes[here], last)
        return opens, closes
