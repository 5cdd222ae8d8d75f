"""What became of the money: a report for each funder, and one of all."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from allocator.domain import Initiative, OutreachPlan
from allocator.facts import texts
from allocator.io import csv_text
from allocator.report.look import Part, Table, Text, file_names, page

GENERAL = "general budget"
"""How reports call the fund without a name."""

_FORMATS = {
    **dict.fromkeys(("amount", "spent", "left", "cost", "fixed_cost"), "{:,.2f}"), "cost_per_contact": "{:,.2f}",
    "contacts": "{:,}", "prevented": "{:,.2f}", "effect": "{:.1%}", "effect_low": "{:.1%}", "effect_high": "{:.1%}",
    "half_life_weeks": "{:g}", "reporting": "{:.1%}",
}  # fmt: skip
_NOT_SHOWN = "The effects of these initiatives, and where they come from, are in the notes of the run."


def funder_report(
    outreach: OutreachPlan, *, title: str, notes: Sequence[str] = (), initiatives: Sequence[Initiative] = ()
) -> dict[str, bytes]:
    """Return the report of all funds, and a page and a table for each with only what it pays for.

    Parameters
    ----------
    outreach : OutreachPlan
        With its `funds`; a fund that only items name counts as one without an amount.
    title : str
        Name of the plan.
    notes : sequence of str
        What every output says, such as who approved it.
    initiatives : sequence of Initiative
        The offers: their assumptions are printed with their sources.

    Returns
    -------
    dict of str to bytes
        `funders/all-funders.html` and `.csv`, and `funders/fund-<name>.html` and `.csv`; nothing without outreach.
    """
    table = fund_table(outreach)
    if table.empty:
        return {}
    heading = [*notes, *texts(outreach.notes)]
    parts = [
        Part("All funds", [Table(table, _CAPTION, _FORMATS)]),
        Part("Assumptions", assumptions(outreach.items, initiatives)),
    ]
    files = {
        "funders/all-funders.html": page(f"{title}: what the money does", notes=heading, parts=parts).encode("utf-8"),
        "funders/all-funders.csv": csv_text(table).encode("utf-8"),
    }
    names = [_label(name) for name in dict.fromkeys((*outreach.funds["fund"], *outreach.items["fund"]))]
    for name, file in file_names(names).items():
        mine = outreach.items[np.array([_label(fund) == name for fund in outreach.items["fund"]], np.bool_)]
        line = table[table["fund"] == name]
        own = _own_table(mine)
        blocks: list[Text | Table] = [
            Text(_sentence(line)),
            Table(line, _CAPTION, _FORMATS),
            Table(own, _HOLDINGS, _FORMATS),
        ]
        own_parts = [Part(f"Fund: {name}", blocks), Part("Assumptions", assumptions(mine, initiatives))]
        html = page(f"{title}: what the fund {name} does", notes=notes, parts=own_parts)
        files |= {
            f"funders/fund-{file}.html": html.encode("utf-8"),
            f"funders/fund-{file}.csv": csv_text(own).encode("utf-8"),
        }
    return files


_CAPTION = (
    "Left: amount less what is spent. Contacts: people reached by all holdings, the same person as often as reached. "
    "Prevented: expected harm prevented, by the harm weights of the job and under the assumptions below."
)
_HOLDINGS = "What the fund pays for. The cost of a holding is without costs that are due once for an initiative."


def fund_table(outreach: OutreachPlan) -> pd.DataFrame:
    """Return amount, spent, left, holdings, contacts, areas, cost per contact and harm prevented of each fund."""
    named = outreach.funds.set_index("fund")
    rows = []
    for fund in dict.fromkeys((*outreach.funds["fund"], *outreach.items["fund"])):
        mine = outreach.items[outreach.items["fund"] == fund]
        known = fund in named.index
        amount = float(named.at[fund, "amount"]) if known else float("nan")
        spent = float(named.at[fund, "spent"]) if known else float(mine["cost"].sum())
        contacts = int(mine["reach"].sum())
        rows.append(
            {
                "fund": _label(fund), "amount": amount, "spent": spent, "left": amount - spent, "holdings": len(mine),
                "contacts": contacts, "areas": len(_areas(mine)),
                "cost_per_contact": spent / contacts if contacts else float("nan"),
                "prevented": float(mine["benefit"].sum()),
            }
        )  # fmt: skip
    return pd.DataFrame(rows)


def _label(fund: str) -> str:
    return fund or GENERAL


def _areas(items: pd.DataFrame) -> list[str]:
    return sorted({area for areas in items["area"] for area in areas.split(";") if area})


def _own_table(mine: pd.DataFrame) -> pd.DataFrame:
    """Return the holdings, contacts and cost of a fund, by initiative."""
    rows = [
        {
            "initiative": str(name), "type": str(some["type"].iloc[0]), "holdings": len(some),
            "areas": ", ".join(_areas(some)), "contacts": int(some["reach"].sum()), "cost": float(some["cost"].sum()),
            "prevented": float(some["benefit"].sum()),
        }
        for name, some in mine.groupby("initiative", sort=True)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=["initiative", "type", "holdings", "areas", "contacts", "cost", "prevented"])


def _sentence(line: pd.DataFrame) -> str:
    row = line.to_dict("records")[0]
    text = f"{row['spent']:,.2f} of {row['amount']:,.2f} are planned" if pd.notna(row["amount"]) else ""
    text = text or f"{row['spent']:,.2f} are planned"
    text += f" for {row['holdings']:,} holdings in {row['areas']:,} areas with {row['contacts']:,} contacts"
    if pd.notna(row["cost_per_contact"]):
        text += f", {row['cost_per_contact']:,.2f} for each contact"
    return f"{text}; {row['left']:,.2f} are left." if pd.notna(row["left"]) else f"{text}."


def assumptions(items: pd.DataFrame, initiatives: Sequence[Initiative]) -> list[Text | Table]:
    """Return the assumed effects of the initiatives that are held, each with its source."""
    held = set(items["initiative"])
    rows = [
        {
            "initiative": one.name, "effect": one.effect, "effect_low": _or(one.effect_low, one.effect),
            "effect_high": _or(one.effect_high, one.effect), "half_life_weeks": one.half_life_weeks,
            "reporting": one.reporting, "source": one.effect_source,
        }
        for one in initiatives
        if one.name in held
    ]  # fmt: skip
    if not rows:
        return [Text(_NOT_SHOWN)]
    caption = (
        "Effect: assumed share of the addressed harm of an area that would be prevented if its whole audience were "
        "reached, with its spread. Reporting: assumed rise of what people reached report; no part of the benefit."
    )
    return [Table(pd.DataFrame(rows), caption, _FORMATS)]


def _or(value: float | None, other: float) -> float:
    return other if value is None else value
