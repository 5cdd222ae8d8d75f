"""Write the tables of README.md, condensed from those that the benchmarks made: `make readme`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]


def rows_of(text: str, head: str) -> Iterator[dict[str, str]]:
    """Yield the rows of each table whose first column is called `head`."""
    names: list[str] = []
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")] if line.startswith("|") else []
        if not cells:
            names = []
        elif not names:
            names = cells if cells[0] == head else ["another table"]
        elif len(cells) == len(names) and not re.fullmatch(r":?-+:?", cells[0]):
            yield dict(zip(names, cells, strict=True))


def forecasts() -> str:
    """Return the scores of `auto` beside the best baseline, per city and series."""
    text = (ROOT / "benchmarks" / "FORECASTS.md").read_text("utf-8")
    lines = [
        "| weeks that no model had seen | series | events | log-likelihood per event | best baseline "
        "| difference [95 %] | PAI at 1 % |",
        "|---|---|---:|---:|---|---|---:|",
    ]
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        title = section.splitlines()[0]
        for row in rows_of(section, "series"):
            if "best baseline" in row:
                cells = (title, row["series"], row["events"], row["loglik"], row["best baseline"],
                         f"{row['difference']} {row['likelihood']}", row["PAI 1 %"])  # fmt: skip
                lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def plans() -> str:
    """Return the harm that plans of past weeks met, ours and others, for the first city."""
    text = (ROOT / "benchmarks" / "PLANS.md").read_text("utf-8")
    section = re.split(r"^## ", text, flags=re.M)[1]
    kept = ("plan", "harm met [95 %]", "allocator minus this, points [95 %]", "the allocator is")
    lines = [f"| plan of the same units and minutes | {' | '.join(kept[1:])} |", "|---|---:|---:|---|"]
    lines += [f"| {' | '.join(row[name] for name in kept)} |" for row in rows_of(section, "plan") if kept[-1] in row]
    return "\n".join(lines)


def kinds() -> str:
    """Return what prediction adds by kind over two sorts of counts, of every city whose kinds were planned alone."""
    text = (ROOT / "benchmarks" / "PLANS.md").read_text("utf-8")
    lines = [
        "| plans for one kind alone | events a week | allocator met | over last year's counts by watch, points [95 %] "
        "| over counts of all years by watch |",
        "|---|---:|---:|---|---|",
    ]
    for section in re.split(r"^## ", text, flags=re.M)[1:]:
        city, weeks = section.splitlines()[0], int(re.search(r"^(\d+) weeks", section, flags=re.M)[1])
        for row in rows_of(section, "harm"):
            if not row["harm"].endswith(" alone"):
                continue
            events = int(row["events"].replace(",", "")) / weeks
            gains = [row[f"allocator minus {name}, points [95 %]"] for name in ("last_year", "all_history")]
            kind = row["harm"].removesuffix(" alone").lower().replace("_", " ")
            lines.append(f"| {city}: {kind} | {events:,.0f} | {row['allocator met']} | {' | '.join(gains)} |")
    return "\n".join(lines)


TABLES = {"forecasts": forecasts, "plans": plans, "kinds": kinds}


def filled(text: str) -> str:
    """Return a text with the tables between its marks `<!-- name -->` and `<!-- end -->`."""
    for name, made in TABLES.items():
        before, mark, rest = text.partition(f"<!-- {name} -->\n")
        text = f"{before}{mark}{made()}\n{rest[rest.index('<!-- end -->') :]}"
    return text


if __name__ == "__main__":
    page = ROOT / "README.md"
    page.write_text(filled(page.read_text("utf-8")), "utf-8")
