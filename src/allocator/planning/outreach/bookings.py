"""A whole season of calendars, week by week, with every limit kept; what found no slot goes where there is room."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set

import numpy as np
import scipy.sparse as sp

from allocator.domain import Bools, Floats, Ints
from allocator.facts import Note
from allocator.planning.outreach.calendars import book_week, travel_slots, with_funds
from allocator.planning.outreach.mix import Mix, counts_of
from allocator.planning.outreach.prevented import prevented, reached, shares_of
from allocator.planning.outreach.season import WEEK_SLOTS, Column, Holding, Limits, Season

EXTRA_ROUNDS = 3
"""Times that the options are gone through for holdings that still fit and add something."""
SOLVED = 40
"""Holdings of a tight week up to which a solver books them: 100 took it 40 s, and repairs find room as well."""
TRIED = 400
"""Options tried in each of them, those that add most first."""


class Ledger:
    """Holdings booked so far, with what is left of every limit and of everyone's time."""

    def __init__(self, season: Season, limits: Limits) -> None:
        self.season, self.limits = season, limits
        self.columns = {column: n for n, column in enumerate(limits.bounds)}
        entries = [(r, self.columns[column], size) for r, row in enumerate(limits.rows) for column, size in row.terms]
        row, column, size = (np.array(part) for part in zip(*entries, strict=True)) if entries else ([], [], [])
        shape = (len(limits.rows), len(self.columns))
        self.matrix = sp.csc_array((np.asarray(size, float), (row, column)), shape=shape)
        self.least = np.array([-np.inf if row.least is None or row.soft else row.least for row in limits.rows])
        self.most = np.array([np.inf if row.most is None else row.most for row in limits.rows])
        self.activity = np.zeros(len(limits.rows))
        self.value = np.zeros(len(self.columns))
        self.most_of = np.array([float(n) for n in limits.bounds.values()])
        self.booked: list[Holding] = []
        self._of_crew: dict[int, list[Holding]] = {}
        self._of_venue: dict[int, list[Holding]] = {}
        self._used: dict[int, int] = {}
        self._starts: dict[tuple[int, int], Ints] = {}

    def columns_of(self, one: Holding) -> list[Column]:
        """Return the columns that a holding counts in."""
        season, option = self.season, self.season.options[one.option]
        week = one.start // WEEK_SLOTS
        columns: list[Column] = [("held", one.option, week, 0), ("crew", option.initiative, one.crew, week)]
        if len(option.funds) > 1:
            columns.append(("paid", one.option, one.fund, 0))
        if season.initiatives[option.initiative].fixed_cost > 0 and not self._used.get(option.initiative):
            columns.append(("used", option.initiative, 0, 0))
        return columns

    def set(self, column: Column, value: float) -> None:
        """Set a column that is not about single holdings."""
        n = self.columns[column]
        self._change(n, value - self.value[n])

    def _change(self, n: int, by: float) -> None:
        part = slice(self.matrix.indptr[n], self.matrix.indptr[n + 1])
        self.activity[self.matrix.indices[part]] += by * self.matrix.data[part]
        self.value[n] += by

    def _delta(self, columns: list[Column]) -> tuple[Ints, Floats]:
        rows: dict[int, float] = {}
        for column in columns:
            n = self.columns[column]
            part = slice(self.matrix.indptr[n], self.matrix.indptr[n + 1])
            for r, size in zip(self.matrix.indices[part].tolist(), self.matrix.data[part].tolist(), strict=True):
                rows[r] = rows.get(r, 0.0) + size
        return np.array(list(rows), np.int64), np.array(list(rows.values()))

    def allows(self, one: Holding) -> bool:
        """Return whether a further holding breaks no limit; the slot matters only by its week."""
        columns = self.columns_of(one)
        if any(column not in self.columns for column in columns):
            return False
        if any(self.value[n] + 1 > self.most_of[n] for n in (self.columns[column] for column in columns)):
            return False
        rows, by = self._delta(columns)
        after = self.activity[rows] + by
        broken = (after > self.most[rows] + 1e-6) & (by > 0) | (after < self.least[rows] - 1e-6) & (by < 0)
        return not broken.any()

    def starts(self, o: int, c: int) -> Ints:
        """Return the slots at which a crew can start an option."""
        if (o, c) not in self._starts:
            self._starts[o, c] = self.season.starts(o, c)
        return self._starts[o, c]

    def is_free(self, one: Holding) -> bool:
        """Return whether crew and venue are free."""
        own, venue = self._of_crew.get(one.crew, []), self.season.options[one.option].venue
        return _is_free(self.season, one, [*own, *self._of_venue.get(venue, [])]) and self._shift_has_time(one)

    def _shift_has_time(self, one: Holding) -> bool:
        season = self.season
        if not season.crews[one.crew].is_patrol or season.patrol is None:
            return True
        s = season.shift_at(one.crew, one.start)
        same = [other for other in self._of_crew.get(one.crew, ()) if season.shift_at(one.crew, other.start) == s]
        minutes = sum(season.team_minutes(season.options[other.option].initiative) for other in (*same, one))
        return minutes <= season.patrol.shifts[s].minutes

    def book(self, one: Holding) -> None:
        """Add a holding."""
        for column in self.columns_of(one):
            self._change(self.columns[column], 1.0)
        option = self.season.options[one.option]
        self._used[option.initiative] = self._used.get(option.initiative, 0) + 1
        self.booked.append(one)
        self._of_crew.setdefault(one.crew, []).append(one)
        if option.venue >= 0:
            self._of_venue.setdefault(option.venue, []).append(one)

    def load(self, c: int) -> int:
        """Return how many holdings a crew has."""
        return len(self._of_crew.get(c, ()))

    def broken(self) -> Ints:
        """Return the rows that do not hold; soft ones may."""
        wrong = (self.activity > self.most + 1e-6) | (self.activity < self.least - 1e-6)
        return np.flatnonzero(wrong)


def book_season(
    season: Season, limits: Limits, mix: Mix, by_units: Mapping[tuple[int, int], int]
) -> tuple[list[Holding], dict[Note, int]]:
    """Return the holdings of a mix with crew and start, what fits beside them, and what soft rows miss.

    Every other limit is kept. `by_units` says how many holdings of an initiative are left to patrol units in a week:
    they are placed one by one. Units that found nothing to hold go back to patrol.
    """
    counts, needed = counts_of(mix), _needed(limits)
    found, left_over = _weeks(season, counts, needed, by_units)
    paid = {(o, f): round(n) for (_, o, f, _), n in mix.of("paid").items()}
    ledger = _kept(season, limits, with_funds(season, found, paid), mix)
    wanted = [o for options in counts.values() for o in options.tolist()]
    for one in ledger.booked:
        wanted.remove(one.option)
    _fill(ledger, wanted, left_over, needed)
    return sorted(ledger.booked, key=lambda one: (one.start, one.option, one.crew)), _missing(ledger)


def _weeks(
    season: Season, counts: Mapping[int, Ints], needed: Set[int], by_units: Mapping[tuple[int, int], int]
) -> tuple[list[Holding], list[int]]:
    """Return the holdings of teams, week by week, and the options that are left to patrol units."""
    found, left_over = list[Holding](), list[int]()
    for w, every in sorted(counts.items()):
        mine = _left_to_units(season, every, {i: n for (i, week), n in by_units.items() if week == w})
        left_over += every[mine].tolist()
        options = np.sort(every[~mine])
        pins = [pin for pin in season.pins if pin.start // WEEK_SLOTS == w]
        packed = _packed(season, options.tolist(), w, pins, needed)
        if len(packed) < len(options) <= SOLVED:  # a tight week: as much worth as possible, by a solver
            weight = np.maximum(shares_of(season, options.tolist()), 1e-12)
            weight += 1e3 * weight.max(initial=0.0) * np.array([o in needed for o in options.tolist()], bool)
            packed = book_week(season, options.tolist(), w, pins, weight)
        found += packed
    return found, left_over


def _fill(ledger: Ledger, wanted: list[int], left_over: list[int], needed: Set[int]) -> None:
    """Book what found no slot in its week, what floors lack, and what still adds something."""
    units = [c for c, crew in enumerate(ledger.season.crews) if crew.is_patrol]
    for o in left_over:
        if o in wanted and _place(ledger, o, units):
            wanted.remove(o)
    for o in sorted(wanted, key=lambda o: (o not in needed, o)):
        _place(ledger, o)
    for o in sorted(needed):
        while _is_short(ledger, o) and _place(ledger, o):
            pass
    for _ in range(EXTRA_ROUNDS):
        if not sum(_place(ledger, o) for o in _promising(ledger)):
            break


def _missing(ledger: Ledger) -> dict[Note, int]:
    """Give units that hold nothing back to patrol, and return what soft rows miss."""
    season = ledger.season
    busy = {(holding.crew, season.shift_at(holding.crew, holding.start)) for holding in ledger.booked}
    for c, crew in enumerate(season.crews):
        for s in crew.shifts:
            if (c, s) not in busy and ("taken", c, s, 0) in ledger.columns:
                ledger.set(("taken", c, s, 0), 0.0)
    return {
        row.name: round(row.least - value)
        for row, value in zip(ledger.limits.rows, ledger.activity.tolist(), strict=True)
        if row.soft and row.least is not None and value < row.least - 1e-6
    }


def _kept(season: Season, limits: Limits, holdings: Sequence[Holding], mix: Mix) -> Ledger:
    """Return the ledger of the holdings, less those that need another one that found no slot."""
    kept = list(holdings)
    while True:
        ledger = Ledger(season, limits)
        for column, value in mix.values.items():
            if column[0] in ("taken", "lost") and column in ledger.columns:
                ledger.set(column, value)
        for one in kept:
            ledger.book(one)
        broken = ledger.broken()
        if not len(broken) or not kept:
            return ledger
        row = int(broken[0])
        over = ledger.activity[row] > ledger.most[row]
        sizes = dict(limits.rows[row].terms)
        culprits = [
            one
            for one in kept
            if any((sizes.get(column, 0) > 0) == over and sizes.get(column, 0) for column in ledger.columns_of(one))
        ]
        kept.remove(culprits[-1] if culprits else kept[-1])


def _needed(limits: Limits) -> set[int]:
    """Return the options that floors and other soft rows ask for: they are booked first."""
    return {
        column[1] for row in limits.rows if row.soft for column, size in row.terms if column[0] == "held" and size > 0
    }


def _packed(
    season: Season, options: Sequence[int], week: int, pins: Sequence[Holding], needed: Set[int]
) -> list[Holding]:
    """Return the holdings of a week put one by one where crew and room are free: those with the fewest ways first.

    Most weeks have room enough for this, in milliseconds; the solver took seconds, and minutes for 100 holdings.
    """
    todo, booked = list(options), list[Holding]()
    minutes: dict[int, int] = {}
    for pin in pins:
        if pin.option in todo:
            todo.remove(pin.option)
            booked.append(pin)
            minutes[pin.crew] = minutes.get(pin.crew, 0) + season.team_minutes(season.options[pin.option].initiative)
    able: dict[int, dict[int, list[int]]] = {}
    for o in set(todo):
        teams = [c for c in season.able[season.options[o].initiative] if not season.crews[c].is_patrol]
        starts = {c: season.starts(o, c) for c in teams}
        able[o] = {c: at[at // WEEK_SLOTS == week].tolist() for c, at in starts.items()}
    busy_crews = {c: sum(c in teams for teams in season.able) for c in range(len(season.crews))}
    todo.sort(key=lambda o: (o not in needed, sum(map(len, able[o].values())), -season.slots(o), o))
    for o in todo:
        need = season.team_minutes(season.options[o].initiative)
        for c in sorted(able[o], key=lambda c: (busy_crews[c], minutes.get(c, 0), c)):
            if minutes.get(c, 0) + need > season.crews[c].minutes_per_week:
                continue
            start = next((at for at in able[o][c] if _is_free(season, Holding(o, c, at), booked)), None)
            if start is not None:
                booked.append(Holding(o, c, start))
                minutes[c] = minutes.get(c, 0) + need
                break
    return booked


def _is_free(season: Season, one: Holding, booked: Iterable[Holding]) -> bool:
    """Return whether crew and venue are free, travel included."""
    venue, slots = season.options[one.option].venue, season.slots(one.option)
    for other in booked:
        if other.crew == one.crew:
            first, second = (other, one) if other.start <= one.start else (one, other)
            if second.start < first.start + travel_slots(season, first.option, second.option):
                return False
        same_room = venue >= 0 and season.options[other.option].venue == venue
        if same_room and one.start < other.start + season.slots(other.option) and other.start < one.start + slots:
            return False
    return True


def _is_short(ledger: Ledger, o: int) -> bool:
    """Return whether a soft row that a holding of an option would serve is short."""
    return any(
        row.soft and row.least is not None and value < row.least and any(c[:2] == ("held", o) for c, _ in row.terms)
        for row, value in zip(ledger.limits.rows, ledger.activity.tolist(), strict=True)
    )


def _left_to_units(season: Season, options: Ints, n_of: Mapping[int, int]) -> Bools:
    """Return which of the options of a week patrol units hold: those without a room first."""
    mine = np.zeros(len(options), bool)
    for i, n in n_of.items():
        own = [row for row, o in enumerate(options.tolist()) if season.options[o].initiative == i]
        own.sort(key=lambda row: season.options[int(options[row])].venue >= 0)
        mine[own[:n]] = True
    return mine


def _place(ledger: Ledger, o: int, crews: Sequence[int] | None = None) -> int:
    """Book a holding of an option at the first slot where it breaks nothing; return how many were booked."""
    season, option = ledger.season, ledger.season.options[o]
    able = [c for c in season.able[option.initiative] if crews is None or c in crews]
    if crews is not None:
        able.sort(key=ledger.load)  # units that hold nothing yet first
    for w in ledger.limits.weeks_of[o]:
        for c in able:
            starts = ledger.starts(o, c)
            own = starts[starts // WEEK_SLOTS == w].tolist()
            for fund in option.funds if own else ():
                if not ledger.allows(Holding(o, c, own[0], fund)):
                    continue
                for start in own:
                    if ledger.is_free(Holding(o, c, start, fund)):
                        ledger.book(Holding(o, c, start, fund))
                        return 1
    return 0


def _promising(ledger: Ledger) -> Iterator[int]:
    """Yield the options in order of the harm that one more holding prevents."""
    season = ledger.season
    held = [holding.option for holding in ledger.booked]
    now = reached(season, held)
    residents = np.maximum(season.areas.residents, 1.0)
    base = prevented(season, now.exposure)
    gains = np.zeros(len(season.options))
    for o, option in enumerate(season.options):
        i = option.initiative
        areas = np.array(option.areas)
        more = np.minimum(np.array(option.contacts), season.audience[i, areas] - now.contacts[i, areas])
        step = season.effect[i] * np.maximum(more, 0) / residents[areas]
        for k in season.kinds_of[i]:
            top = season.strongest[k] or 1.0
            after = season.need[areas, k] * season.strongest[k] * -np.expm1(-(now.exposure[areas, k] + step) / top)
            gains[o] += float((after - base[areas, k]).sum())
    order = np.argsort(-gains, kind="stable")[:TRIED]
    yield from (int(o) for o in order if gains[o] > 1e-9)
