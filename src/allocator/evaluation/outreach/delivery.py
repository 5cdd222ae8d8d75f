"""What became of a plan of outreach: what was held, who came, what it cost."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from allocator.domain import CANCELLED, MOVED, OPEN, Delivered, Figures, Offers
from allocator.errors import DataError, nearest
from allocator.evaluation.plans import plain, wrapped
from allocator.facts import Note, note, records
from allocator.planning.needs import survey_means

GROUPS = ("all", "type", "area", "partner")
"""What the table of a delivery report is broken down by."""

DELIVERY_COLUMNS = {
    "by": "str", "name": "str", "planned": "int64", "held": "int64", "cancelled": "int64", "moved": "int64",
    "open": "int64", "planned_contacts": "float64", "contacts": "float64", "attendance": "float64",
    "attendance_low": "float64", "attendance_high": "float64", "planned_cost": "float64", "cost": "float64",
    "planned_per_contact": "float64", "per_contact": "float64",
}  # fmt: skip
"""Per group: holdings planned, held, cancelled, moved to a day not yet told, not reported; contacts planned in all, and
made; attendance: contacts of holdings that told them, over what was planned for these, with its interval; money planned
and spent; money for each contact, of holdings that told both."""

HANDED_OUT = ("materials",)
"""Types whose contacts are items handed out; those of all others are people who came."""

SEVERAL = "several areas"

FEWEST = 3
"""Holdings below which attendance has no interval: two span everything from nobody to thrice the plan."""


@dataclass(frozen=True, eq=False)
class DeliveryCard:
    """What became of planned holdings.

    Parameters
    ----------
    rows : DataFrame
        One row per planned holding: `id, type, area, partner, venue, status, took_place, planned_contacts, contacts,
        planned_cost, cost, cause`; NaN where not told.
    confidence : float
        Level of the intervals.
    notes : tuple of Note
        What a reader must know.
    """

    rows: pd.DataFrame
    confidence: float = 0.95
    notes: tuple[Note, ...] = ()

    def table(self) -> pd.DataFrame:
        """Return `DELIVERY_COLUMNS`: the whole, then each type, area and partner in order of name."""
        return pd.concat([self._group(by) for by in GROUPS], ignore_index=True)

    def causes(self) -> pd.DataFrame:
        """Return `cause, holdings`: why holdings were cancelled or moved, most frequent first."""
        rows = self.rows[self.rows["status"].isin([CANCELLED, MOVED])]
        said = rows["cause"].str.strip().str.lower().replace("", "not said")
        counts = said.value_counts().rename_axis("cause").reset_index(name="holdings")
        return counts.sort_values(["holdings", "cause"], ascending=[False, True]).reset_index(drop=True)

    def summary(self, *, width: int = 110) -> str:
        """Return the report in words, in lines of at most `width` characters."""
        return wrapped(self._lines(), width)

    def figures(self) -> Figures:
        """Return `values` and `lines`, fit for JSON: what is undefined is None."""
        table, causes = self.table(), self.causes()
        values = {
            "groups": [plain(row) for row in table.to_dict("records")],
            "causes": [plain(row) for row in causes.to_dict("records")],
        }
        return {
            "values": values,
            "lines": [[label, text] for label, text in self._lines()],
            "notes": records(self.notes),
        }

    def _group(self, by: str) -> pd.DataFrame:
        rows = self.rows if by == "all" else self.rows[self.rows[by] != ""]
        names = pd.Series("all", rows.index) if by == "all" else rows[by]
        spread = self._attendance(rows, names)
        records = [
            {"by": by, "name": str(name), **_sums(part), **spread.get(str(name), {})}
            for name, part in rows.groupby(names.to_numpy(), sort=True)
        ]
        return pd.DataFrame(records, columns=list(DELIVERY_COLUMNS)).astype(DELIVERY_COLUMNS)

    def _attendance(self, rows: pd.DataFrame, names: pd.Series[str]) -> dict[str, dict[str, float]]:
        """Return attendance against plan with its interval: a ratio of sums, linearised over holdings."""
        told = (rows["contacts"].notna() & (rows["planned_contacts"] > 0)).to_numpy()
        planned, contacts = (rows.loc[told, name].to_numpy(np.float64) for name in ("planned_contacts", "contacts"))
        if len(planned) < 2:
            return {
                str(name): {"attendance": float(ratio)}
                for name, ratio in zip(names[told], contacts / planned, strict=True)
            }
        whole = set(names) == {"all"}
        means = survey_means(
            contacts / planned, weight=planned, domain=None if whole else names[told].to_numpy(object),
            confidence=self.confidence,
        )  # fmt: skip
        return {
            row.domain: {
                "attendance": row.mean, "attendance_low": max(row.lower, 0.0) if row.n >= FEWEST else math.nan,
                "attendance_high": row.upper if row.n >= FEWEST else math.nan,
            }
            for row in (means if whole else means.iloc[:-1]).itertuples()
        }  # fmt: skip

    def _lines(self) -> list[tuple[str, str]]:
        table = self.table()
        if table.empty:
            return [("holdings", "none were planned")]
        whole = table.iloc[0]
        lines = [("holdings", _holdings(whole))]
        causes = self.causes()
        if len(causes):
            said = ", ".join(f"{row.cause} ({row.holdings})" for row in causes.head(6).itertuples())
            more = f" and {len(causes) - 6} more causes" if len(causes) > 6 else ""
            lines.append(("causes", f"of what was cancelled or moved: {said}{more}"))
        lines.append(("attendance", _attended(whole)))
        lines.append(("cost", _cost(whole)))
        types = table[table["by"] == "type"]
        lines += [(str(row["name"]), f"{_holdings(row)}; {_attended(row)}") for _, row in types.iterrows()]
        return lines + [("note" if not n else "", one.text) for n, one in enumerate(self.notes)]


def delivery_report(
    items: pd.DataFrame, delivered: Delivered | Sequence[Delivered], *, offers: Offers | None = None,
    confidence: float = 0.95,
) -> DeliveryCard:  # fmt: skip
    """Return what became of planned holdings: reach, attendance and cost against plan.

    Parameters
    ----------
    items : DataFrame
        The plan, columns of `OUTREACH_TYPES`.
    delivered : Delivered, or several
        From `read_delivery`. Items that no table reports on are counted as open.
    offers : Offers, optional
        For the capacity of venues: more people than a room holds are noted.
    confidence : float
        Level of the intervals.

    Raises
    ------
    DataError
        With every id that is not in the plan, that several tables report on, or that is another initiative there.
    """
    tables = [delivered] if isinstance(delivered, Delivered) else list(delivered)
    if faults := _foreign(items, tables):
        raise DataError("the delivery does not fit the plan", faults=faults, column="id", count=len(faults))
    names = ["status", "attended", "handed_out", "cost", "cause"]
    plan = items.set_index("id")
    told = pd.concat([Delivered.none().frame, *(table.frame for table in tables)], ignore_index=True).set_index("id")
    held = pd.concat([pd.Series(dtype="bool"), *(table.held for table in tables)], ignore_index=True).to_numpy(np.bool_)
    took_place = pd.Series(held, told.index).reindex(plan.index, fill_value=False)
    told = told[names].reindex(plan.index)
    material = plan["type"].isin(HANDED_OUT)
    contacts = told["handed_out"].where(material, told["attended"])
    contacts = contacts.fillna(told["attended"].where(material, told["handed_out"]))
    area = plan["area"].where(~plan["area"].str.contains(";"), SEVERAL)
    rows = pd.DataFrame(
        {
            "type": plan["type"], "area": area, "partner": plan["partner"], "venue": plan["venue"],
            "status": told["status"].fillna(OPEN), "took_place": took_place,
            "planned_contacts": plan["reach"].astype("float64"), "contacts": contacts.where(took_place),
            "planned_cost": plan["cost"].astype("float64"), "cost": told["cost"], "cause": told["cause"].fillna(""),
        }
    ).rename_axis("id").reset_index()  # fmt: skip
    notes = [note for table in tables for note in table.notes]
    return DeliveryCard(rows, confidence, (*notes, *_notes(rows, offers)))


def _foreign(items: pd.DataFrame, tables: list[Delivered]) -> list[str]:
    known = dict(zip(items["id"], items["initiative"], strict=True))
    faults = [f"the plan holds id {name!r} twice" for name in items.loc[items["id"].duplicated(), "id"].unique()]
    seen: dict[str, str] = {}
    for table in tables:
        for row in table.frame.itertuples():
            if row.id not in known:
                faults.append(f"{table.source}: id {row.id!r} is not in the plan{nearest(row.id, known)}")
            elif row.initiative and row.initiative != known[row.id]:
                faults.append(f"{table.source}: id {row.id!r} is {row.initiative!r}, and {known[row.id]!r} in the plan")
            if row.id in seen:
                where = f"{seen[row.id]} and {table.source}" if seen[row.id] != table.source else table.source
                faults.append(f"{where} report on id {row.id!r}: keep one report")
            seen.setdefault(row.id, table.source)
    return faults


def _notes(rows: pd.DataFrame, offers: Offers | None) -> list[Note]:
    notes = []
    if n := int((rows["took_place"] & rows["contacts"].isna()).sum()):
        notes.append(note("outreach.held_without_contacts", count=n))
    if n := int((rows["took_place"] & rows["cost"].isna()).sum()):
        notes.append(note("outreach.held_without_cost", count=n))
    capacity = {} if offers is None else {venue.name: venue.capacity for venue in offers.venues}
    most = rows["venue"].map(capacity).astype("float64")
    over = rows[(rows["contacts"] > most).to_numpy()]
    if len(over):
        named = (f"{row.id} ({row.venue}: {row.contacts:,.0f} of {capacity[row.venue]:,})" for row in over.itertuples())
        notes.append(note("outreach.rooms_too_small", count=len(over), holdings=list(named)[:5]))
    missing = sorted(set(rows["venue"]) - set(capacity) - {""}) if offers is not None else []
    return notes + [note("outreach.capacity_unknown", venues=missing)] * bool(missing)


def _sums(rows: pd.DataFrame) -> dict[str, float]:
    status, took_place = rows["status"], rows["took_place"]
    both = rows[rows["contacts"].notna() & rows["cost"].notna()]
    planned, cost = float(rows["planned_contacts"].sum()), float(rows["planned_cost"].sum())
    made = float(both["contacts"].sum())
    return {
        "planned": len(rows), "held": int(took_place.sum()), "cancelled": int((status == CANCELLED).sum()),
        "moved": int(((status == MOVED) & ~took_place).sum()), "open": int((status == OPEN).sum()),
        "planned_contacts": planned, "contacts": float(rows["contacts"].sum()), "planned_cost": cost,
        "cost": float(rows["cost"].sum()), "planned_per_contact": cost / planned if planned else math.nan,
        "per_contact": float(both["cost"].sum()) / made if made else math.nan,
    }  # fmt: skip


def _holdings(row: pd.Series) -> str:
    parts = [f"{row[name]:,} {words}" for name, words in (
        ("cancelled", "cancelled"), ("moved", "moved to a day not yet told"), ("open", "not reported yet"),
    ) if row[name]]  # fmt: skip
    return ", ".join([f"{row['held']:,} of {row['planned']:,} held", *parts])


def _attended(row: pd.Series) -> str:
    if math.isnan(row["attendance"]):
        return "no contacts were told"
    low, high = row["attendance_low"], row["attendance_high"]
    spread = "" if math.isnan(low) else f" [{low:.0%} to {high:.0%}]"
    return f"{row['contacts']:,.0f} contacts, {row['attendance']:.0%}{spread} of what was planned for these holdings"


def _cost(row: pd.Series) -> str:
    def each(amount: float) -> str:
        return "unknown" if math.isnan(amount) else f"{amount:,.2f}"

    return (
        f"{row['cost']:,.2f} told of {row['planned_cost']:,.2f} planned; for each contact {each(row['per_contact'])}, "
        f"planned {each(row['planned_per_contact'])}"
    )
