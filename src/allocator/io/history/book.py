"""What is found while a table of events or calls is read."""

from __future__ import annotations

from dataclasses import dataclass, field

from allocator.domain import Bools
from allocator.facts import Note


@dataclass
class Book:
    """Rows kept, rows by what became of them, faults, notes; `bad_rows` is "refuse" or "drop"."""

    keep: Bools
    ledger: dict[str, int]
    bad_rows: str
    faults: list[str] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)

    def drop(self, rows: Bools, reason: str) -> None:
        """Leave out those of `rows` that are still kept, and count them."""
        self.count(int((self.keep & rows).sum()), reason)
        self.keep = self.keep & ~rows

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
