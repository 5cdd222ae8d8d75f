"""What is found while a table of events or calls is read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from allocator.domain import Bools, Ints
from allocator.facts import Note, note

WORTH_TELLING, IN_A_PART = 0.01, 0.2
"""Share of all rows, and of those of a kind or month, from which a loss or change is told."""
_FEW = 20
_KEYS = {
    "without place": "data.columns",
    "without time": "data.columns",
    "without time of day (taken as 00:00)": "data.columns.clock",
    "without kind": "data.kind_map",
    "repeated id": "data.duplicates",
    "identical rows": "data.duplicates",
    "count of 0": "data.columns.count",
    "impossible place": "data.missing",
    "rows with the wrong number of columns": "data.bad_rows",
    "daylight-saving gap (moved forward)": "data.timezone",
    "daylight-saving fold (first taken)": "data.timezone",
    "time before 1970": "data.time_format",
    "time after 2100": "data.time_format",
    "without priority": "staffing.priority_map",
    "no unit was sent": "staffing.columns",
    "without time of receipt": "staffing.columns.received",
    "repeated call number": "staffing.repeats",
    "further unit of a call (folded)": "staffing.repeats",
    "dispatch time imputed": "staffing.columns.dispatched",
    "arrival time imputed": "staffing.columns.arrived",
    "closing time imputed": "staffing.columns.cleared",
    "without number of units (taken as 1)": "staffing.columns.units",
    "without place (spread over the districts like the others)": "staffing.columns",
}
"""The key that changes what becomes of such rows; for the others it is that of `bad_rows`."""


@dataclass
class Book:
    """Rows kept, rows by what became of them, faults, notes; `bad_rows` is "refuse" or "drop"."""

    keep: Bools
    ledger: dict[str, int]
    bad_rows: str
    faults: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    rows: dict[str, Bools] = field(default_factory=dict)
    """The rows of each reason, where they are known."""
    section: str = "data"

    def drop(self, rows: Bools, reason: str) -> None:
        """Leave out those of `rows` that are still kept, and count them."""
        self.mark(self.keep & rows, reason)
        self.keep = self.keep & ~rows

    def mark(self, rows: Bools, reason: str) -> None:
        """Count rows that are kept but changed, or left out already."""
        if rows.any():
            self.count(int(rows.sum()), reason)
            self.rows[reason] = self.rows[reason] | rows if reason in self.rows else rows

    def count(self, number: int, reason: str) -> None:
        """Add a number to the ledger."""
        if number:
            self.ledger[reason] = self.ledger.get(reason, 0) + number

    def refuse(self, rows: Bools, fault: str | None, *, reason: str) -> None:
        """Note a fault of some rows; with `bad_rows = "drop"`, drop them instead while they are the fewer."""
        if fault is None:
            return
        if self.bad_rows == "drop" and rows.mean() <= 0.5:
            self.drop(rows, reason)
        else:
            self.faults.append(fault)

    @property
    def lines(self) -> list[str]:
        """A line for each reason, with its count of rows."""
        return [f"{reason}: {count:,}" for reason, count in self.ledger.items()]

    def losses(self, kind: Ints, kinds: Sequence[str], month: Ints) -> list[Note]:
        """Return a note on each reason that concerns more than 1 % of the rows, or a fifth of a kind or month.

        Parameters
        ----------
        kind : (n,) int
            Row of `kinds` of each row read, -1 where it has none.
        kinds : sequence of str
            Names of kinds.
        month : (n,) int
            Months since 1970 of each row read, -1 where it has no time.
        """
        notes, total = [], self.ledger.get("read", len(self.keep))
        for reason, count in self.ledger.items():
            rows = self.rows.get(reason)
            if reason in ("read", "identical rows (kept)") or not count:
                continue
            worst = [] if rows is None else [*_worst(rows, kind, kinds), *_worst(rows, month, None)]
            if count > WORTH_TELLING * total or worst:
                left_out = reason.startswith("left out")
                key = "data.leave_out" if left_out else _KEYS.get(reason, f"{self.section}.bad_rows")
                notes.append(
                    note("history.rows_lost", reason=reason, count=count, total=total, share=count / total,
                         parts=worst, key=key)
                )  # fmt: skip
        return notes


def _worst(rows: Bools, part: Ints, names: Sequence[str] | None) -> list[Note]:
    """Return the part of the rows that is hit hardest, if a fifth of it or more is."""
    known = part >= 0
    if not known.any():
        return []
    base = int(part[known].min())
    of_all, of_rows = (np.bincount(part[known & mask] - base, minlength=int(part.max()) - base + 1)
                       for mask in (np.ones(len(rows), bool), rows))  # fmt: skip
    share = np.where(of_all >= _FEW, of_rows / np.maximum(of_all, 1), 0.0)
    at = int(share.argmax())
    if share[at] < IN_A_PART or share[at] < 1.5 * of_rows.sum() / max(of_all.sum(), 1):
        return []
    name = names[at + base] if names is not None else str(np.datetime64(at + base, "M"))
    hit = int((share >= IN_A_PART).sum())
    return [note("history.part_hit", part=name, share=share[at], others=hit - 1)]
