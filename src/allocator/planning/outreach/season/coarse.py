"""Limits of a season with alike weeks merged."""

from __future__ import annotations

from collections.abc import Iterator

from allocator.planning.outreach.season.limits import Column, Limits, Row


class Coarse:
    """The limits of a season with weeks taken together: fewer columns, and every plan of the season keeps them.

    The weeks that patrol is planned for (or else the first) are one period, the others the second. Rows of a family are
    summed over a period. A column of a period stands for those of its weeks; where their coefficients differ, the most
    lenient counts.
    """

    def __init__(self, limits: Limits) -> None:
        self.season = limits.season
        patrol = self.season.patrol
        first = {limits.hours.week_of(s) for s in range(len(patrol.shifts))} if patrol is not None else {0}
        self.period = [int(w not in first) for w in range(self.season.weeks)]
        self.bounds: dict[Column, int] = {}
        for column, most in limits.bounds.items():
            short = self.column(column)
            self.bounds[short] = self.bounds.get(short, 0) + most
        self.rows = tuple(self._rows(limits))

    def column(self, column: Column) -> Column:
        """Return the column of a period that a column is a part of."""
        what, a, b, c = column
        if what == "held":
            return what, a, self.period[b], 0
        return (what, a, b, self.period[c]) if what == "crew" else column

    def _rows(self, limits: Limits) -> Iterator[Row]:
        families: dict[tuple[str, int], list[Row]] = {}
        for row in limits.rows:
            if row.coarse and row.family:
                families.setdefault((row.family, self.period[row.week]), []).append(row)
            elif row.coarse:
                yield self._merged([row])
        for rows in families.values():
            yield self._merged(rows)

    def _merged(self, rows: list[Row]) -> Row:
        total: dict[Column, int] = {}
        for row in rows:
            for column, size in row.terms:
                total[column] = total.get(column, 0) + size
        lenient = min if rows[0].most is not None else max
        terms: dict[Column, int] = {}
        for column, size in total.items():
            short = self.column(column)
            terms[short] = lenient(terms.get(short, size), size)
        least, most = (
            None if rows[0].least is None else sum(row.least or 0 for row in rows),
            None if rows[0].most is None else sum(row.most or 0 for row in rows),
        )
        return Row(tuple(terms.items()), least, most, rows[0].name, rows[0].soft)
