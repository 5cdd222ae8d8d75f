"""How often each option is held: one programme for the whole season."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy.sparse as sp

from allocator.domain import Bools, Floats
from allocator.errors import SolverError
from allocator.facts import Note
from allocator.planning.outreach.season import Coarse, Column, Limits, Row, Season
from allocator.planning.programs import Program, Solution, maximise

FIRST_TANGENTS = (0.0, 0.02, 0.05, 0.1, 0.2, 0.35, 0.5, 0.75, 1.0, 1.5, 2.5)
"""Exposures, in units of the strongest effect, at which tangents are laid beforehand."""
PENALTY = 100.0
"""Worth of a missing unit of a soft row, in holdings of the largest value: floors come before harm prevented."""
SPARE = 2
"""Holdings of a chosen option beyond its number that may replace others for which no week is left."""


@dataclass(frozen=True, eq=False)
class Mix:
    """Numbers of holdings by option and week, and what else the columns say.

    Parameters
    ----------
    values : mapping of Column to float
        Columns that are not 0.
    objective : float
        Harm prevented less the value of patrol given up, by the tangents.
    missing : mapping of str to int
        By soft row: what is missing.
    level : float
        Fewest contacts per resident of any area, where that was maximised.
    """

    values: dict[Column, float]
    objective: float
    missing: dict[Note, int]
    level: float = 0.0

    def of(self, what: str) -> dict[Column, float]:
        """Return the columns of one meaning."""
        return {column: value for column, value in self.values.items() if column[0] == what}


class MixProgram:
    """The program over the columns of `Limits` (or `Coarse`), contacts, exposures and values."""

    def __init__(self, season: Season, limits: Limits | Coarse, *, rows: tuple[Row, ...] | None = None) -> None:
        self.season, self.limits = season, limits
        self.rows = limits.rows if rows is None else rows
        self.columns = list(limits.bounds)
        self.at = {column: n for n, column in enumerate(self.columns)}
        self.soft = [r for r, row in enumerate(self.rows) if row.soft]
        self._lay_out()
        self._fill()

    def _lay_out(self) -> None:
        """Give the columns their numbers: limits, shortages, totals by option, contacts, exposures, values."""
        season, n = self.season, len(self.columns)
        self.short = np.arange(n, n + len(self.soft))
        n += len(self.soft)
        self.total = np.arange(n, n + len(season.options))
        n += len(season.options)
        pairs = {(o.initiative, a): None for o in season.options for a in o.areas}
        self.counted = {pair: n + r for r, pair in enumerate(pairs)}
        n += len(pairs)
        part = [
            (o, a)
            for o, option in enumerate(season.options)
            for a, limit in zip(option.areas, option.limit, strict=True)
            if limit < season.audience[option.initiative, a]
        ]
        self.part = {pair: n + r for r, pair in enumerate(part)}
        n += len(part)
        worth = season.need * season.strongest
        valued = sorted({(a, k) for i, a in pairs for k in season.kinds_of[i] if worth[a, k] > 0})
        self.valued = np.array(valued, np.int64).reshape(-1, 2)
        self.exposure = np.arange(n, n + len(valued))
        n += len(valued)
        self.value = np.arange(n, n + len(valued))
        n += len(valued)
        self.level, self.size, self.floor = n, n + 1, 0.0

    def _fill(self) -> None:
        season = self.season
        self.cells: tuple[list[int], list[int], list[float]] = ([], [], [])
        self.least: list[float] = []
        self.most: list[float] = []
        shortage = dict(zip(self.soft, self.short.tolist(), strict=True))
        for r, row in enumerate(self.rows):
            cols = [self.at[column] for column, _ in row.terms]
            sizes = [float(size) for _, size in row.terms]
            scale = max((abs(size) for size in sizes), default=1.0)
            extra = ([shortage[r]], [1.0]) if r in shortage else ([], [])
            self._add(
                [*cols, *extra[0]], [*(size / scale for size in sizes), *extra[1]],
                -np.inf if row.least is None else row.least / scale, np.inf if row.most is None else row.most / scale,
            )  # fmt: skip
        self.scale = {r: max((abs(size) for _, size in self.rows[r].terms), default=1) for r in self.soft}
        weeks: dict[int, list[int]] = {}
        for n, column in enumerate(self.columns):
            if column[0] == "held":
                weeks.setdefault(column[1], []).append(n)
        for o in range(len(season.options)):
            own = weeks.get(o, [])
            self._add([*own, int(self.total[o])], [*[1.0] * len(own), -1.0], 0.0, 0.0)
        self._add_contacts()
        residents = np.maximum(season.areas.residents, 1.0)
        of_area: dict[int, list[tuple[int, int]]] = {}
        for (i, a), counted in self.counted.items():
            of_area.setdefault(a, []).append((i, counted))
        for (a, k), at in zip(self.valued.tolist(), self.exposure.tolist(), strict=True):
            touching = [(i, counted) for i, counted in of_area.get(a, []) if k in season.kinds_of[i]]
            # Exposure is in units of the strongest effect, so that the tangents have slopes up to 1.
            sizes = [float(season.effect[i] / season.strongest[k] / residents[a]) * 1e3 for i, _ in touching]
            self._add([*(counted for _, counted in touching), at], [*sizes, -1e3], 0.0, 0.0)

    def _add_contacts(self) -> None:
        """Add that counted contacts are no more than those of the holdings, within what each place can reach."""
        season = self.season
        rows: dict[tuple[int, int], tuple[list[int], list[float]]] = {pair: ([], []) for pair in self.counted}
        for o, option in enumerate(season.options):
            for a, people in zip(option.areas, option.contacts, strict=True):
                cols, sizes = rows[option.initiative, a]
                if (o, a) in self.part:
                    self._add([self.part[o, a], int(self.total[o])], [1.0, -float(people)], -np.inf, 0.0)
                    cols.append(self.part[o, a])
                    sizes.append(-1.0)
                else:
                    cols.append(int(self.total[o]))
                    sizes.append(-float(people))
        for pair, (cols, sizes) in rows.items():
            self._add([self.counted[pair], *cols], [1.0, *sizes], -np.inf, 0.0)

    def _add(self, cols: list[int], sizes: list[float], least: float, most: float) -> None:
        rows, columns, values = self.cells
        rows.extend([len(self.least)] * len(cols))
        columns.extend(cols)
        values.extend(sizes)
        self.least.append(least)
        self.most.append(most)

    @property
    def worth(self) -> Floats:
        """Value of each (area, kind) when all harm that the strongest effect prevents is prevented."""
        a, k = self.valued[:, 0], self.valued[:, 1]
        return np.asarray(self.season.need[a, k] * self.season.strongest[k])

    @property
    def unit(self) -> float:
        """Largest value that one holding can have: the objective is counted in it."""
        season, best = self.season, 0.0
        for option in season.options:
            i = option.initiative
            gain = 0.0
            for a, people in zip(option.areas, option.contacts, strict=True):
                for k in season.kinds_of[i]:
                    gain += season.need[a, k] * season.effect[i] * people / max(season.areas.residents[a], 1.0)
            best = max(best, gain)
        return best or 1.0

    def add_tangents(self, at: Floats) -> None:
        """Add value ≤ worth × (g(u) + g'(u)(x - u)) with g(u) = 1 - exp(-u), at the exposures u."""
        worth = self.worth / self.unit
        for n, u in enumerate(np.asarray(at, float).tolist()):
            slope = float(np.exp(-u))
            height = float(-np.expm1(-u) - slope * u)
            size = max(worth[n], 1e-12)
            self._add([int(self.value[n]), int(self.exposure[n])], [1.0 / size, -slope], -np.inf, height)

    def program(self, *, whole: Bools | None = None, fixed: dict[int, int] | None = None, fair: bool = False,
                upper: Floats | None = None, binary: int | None = None) -> Program:  # fmt: skip
        """Return the program: `fixed` shortages by soft row, `fair` maximises the level, `upper` bounds columns.

        Columns from `binary` on are at most 1.
        """
        season = self.season
        gain, most = np.zeros(self.size), np.full(self.size, np.inf)
        most[: len(self.columns)] = [self.limits.bounds[column] for column in self.columns]
        for (i, a), column in self.counted.items():
            most[column] = season.audience[i, a]
        for (o, a), column in self.part.items():
            option = season.options[o]
            most[column] = option.limit[option.areas.index(a)]
        most[self.level] = np.inf if fair else self.floor
        least = np.array(self.least)
        if fair:
            gain[self.level] = 1.0
        else:
            gain[self.value] = 1.0
            self._price_patrol(gain)
        gain[self.short] = -PENALTY * np.array([self.scale[r] if self.scale[r] < 100 else 60.0 for r in self.soft])
        if fixed is not None:
            most[self.short] = [fixed.get(r, 0) / self.scale[r] for r in self.soft]
            gain[self.short] = 0.0
        if binary is not None:
            most[binary:] = 1.0
        if upper is not None:
            most = np.minimum(most, upper)
        shape = (len(self.least), self.size)
        matrix = sp.csr_array((self.cells[2], (self.cells[0], self.cells[1])), shape=shape)
        whole = np.zeros(self.size, bool) if whole is None else whole
        lower = np.zeros(self.size)
        lower[self.level] = self.floor
        return Program(gain, lower, most, whole, matrix, least, np.array(self.most))

    def value_of(self, values: Floats) -> float:
        """Return the value by the tangents, in units, without penalties."""
        return float(values[self.value].sum())

    def patrol_value(self, values: Floats) -> float:
        """Return the value of the patrol that a solution gives up, in units, as a number below 0."""
        gain = np.zeros(self.size)
        self._price_patrol(gain)
        return float(gain @ values)

    def _price_patrol(self, gain: Floats) -> None:
        season = self.season
        if season.patrol is None or season.section.shared is None:
            return
        rate = season.section.shared.patrol_value / self.unit
        for n, (what, s, nth, _) in enumerate(self.columns):
            if what == "lost":
                gain[n] = -rate * season.patrol.loss[s][nth]

    def add_level_rows(self) -> None:
        """Add that contacts per resident are at least the level in every area that anything can reach."""
        season = self.season
        there: dict[int, tuple[list[int], list[float]]] = {}
        for o, option in enumerate(season.options):
            for a, people in zip(option.areas, option.contacts, strict=True):
                cols, sizes = there.setdefault(a, ([], []))
                cols.append(int(self.total[o]))
                sizes.append(1000.0 * people / max(season.areas.residents[a], 1.0))
        for _, (cols, sizes) in sorted(there.items()):
            self._add([*cols, self.level], [*sizes, -1.0], 0.0, np.inf)

    def exposures(self, values: Floats) -> Floats:
        """Return the exposures of a solution."""
        return np.asarray(np.maximum(values[self.exposure], 0.0))


def with_tangents(made: MixProgram) -> MixProgram:
    """Return the program with its first tangents."""
    for u in FIRST_TANGENTS:
        made.add_tangents(np.full(len(made.value), u))
    return made


def relax(made: MixProgram, *, fixed: dict[int, int] | None = None) -> Solution:
    """Return the solution of the linear relaxation, and add tangents where it stands.

    Before, it is up to 0.2 % above the value; after, 0.03 %.

    Raises
    ------
    SolverError
        If there is none, which limits cannot cause: soft rows may fall short, and everything else may be 0.
    """
    solution = maximise(made.program(fixed=fixed))
    if solution is None:
        raise SolverError("the relaxation of the outreach plan has no solution")
    made.add_tangents(made.exposures(solution.values))
    return solution
