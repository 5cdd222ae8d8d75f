"""From blocks per cell to the ordered, timed visits of each unit."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pandas as pd

from allocator.config import RoutesSection
from allocator.domain import LOTTERY_COLUMNS, Bools, Floats, Ints, Travel
from allocator.kernels.tours import closed_tours, insert_visits
from allocator.planning.routes.lottery import entropy, even_odds, seed_of
from allocator.planning.routes.orienteering import Orienteering, Tours, tours_of
from allocator.planning.routes.parts import effort_of, is_large, joined, most_together, parts_of
from allocator.planning.routes.search import Effort, near_best
from allocator.planning.routes.tasks import Routed, RouteTerms, Task, Visits
from allocator.planning.routes.timetable import thinned, timetable, with_break

ROAMING = 0.5
"""Share of its window that a visit keeps in the runs of the lottery that roam, so that variants differ in time."""


def route_tasks(tasks: Sequence[Task], terms: RouteTerms) -> Routed:
    """Return the timed visits of the given districts and shifts, each routed by itself.

    A task is a team orienteering problem: blocks are visits whose prize is their gain, units are vehicles with a
    budget of travel and visits, the nth return to a cell has its own part of the shift as its window, and each unit
    takes its break on the way. Where time is too short, what adds least is left out. From the routes that are nearly
    as good as the best a lottery draws one, and the time left for calls lies between the visits. The seed of a task
    depends on the job, the shift and the district alone: a task routed by itself gives the same visits, and the number
    of threads changes nothing.

    Parameters
    ----------
    tasks : sequence of Task
        Districts and shifts, or what is left of them.
    terms : RouteTerms
        What they share.

    Raises
    ------
    SolverError
        If the linear solver of the lottery fails.
    """
    threads = max(1, min(terms.routes.threads or os.cpu_count() or 1, len(tasks)))
    with ThreadPoolExecutor(threads) as executor:
        parts = list(executor.map(lambda task: _route_task(task, terms), tasks))
    table = np.concatenate([np.empty((5, 0), np.int64), *(found for found, _ in parts)], axis=1)
    shift, unit, cell, nth, start = table[:, np.lexsort((table[4], table[1], table[0]))]
    rows = [row for _, row in parts if row is not None]
    lottery = pd.DataFrame(rows, columns=list(LOTTERY_COLUMNS)).astype(LOTTERY_COLUMNS)
    return Routed(Visits(shift, unit, cell, nth, terms.gain(shift, cell, nth), start), lottery)


def _route_task(task: Task, terms: RouteTerms) -> tuple[Ints, tuple[object, ...] | None]:
    """Return shift, unit, cell, nth and start of the visits of a task, (5, n), and its row of the lottery."""
    block, earliest, latest = _windows(task, terms)
    if not len(task.crew) or not len(block):
        return np.empty((5, 0), np.int64), None
    problem = _orienteering(task, terms, block, window=(earliest, latest))
    names = terms.problem.shifts[task.shift], terms.problem.districts[task.district]
    seed = seed_of(terms.seed, names)
    variants = _variants_of_task(problem, task.cell[block], terms, names=names)
    odds = even_odds(_delivered(problem, variants), slack=terms.routes.slack)
    rng = np.random.default_rng([seed, 1])
    drawn = int(rng.choice(len(variants), p=odds))
    row, member, start = _timed(problem, variants[drawn], rng if terms.routes.lottery else None)
    cell = task.cell[block[row]]
    nth = _in_order_of_time(task, cell, start)
    visits = np.stack([np.full(len(row), task.shift), task.crew[member], cell, nth, start]).astype(np.int64)
    return visits, (*names, len(variants), drawn, float(odds[drawn]), entropy(odds), seed)


def _variants_of_task(
    problem: Orienteering, cell: Ints, terms: RouteTerms, *, names: tuple[str, str]
) -> list[Tours]:  # fmt: skip
    """Return distinct routes near the best found, the best first; those of a large crew are put together from parts."""
    effort, met = effort_of(terms.problem, terms.routes), _inserted if is_large(terms.problem) else _searched
    at = np.zeros((2, problem.travel.shape[1]))
    at[:, problem.place[: len(cell)]] = terms.travel.x[cell], terms.travel.y[cell]
    parts = parts_of(problem, *at, most=most_together(terms.problem))
    found = []
    for number, part in enumerate(parts):
        seed = seed_of(terms.seed, (*names, str(number)) if number else names)
        own = cell[part.rows[~part.problem.is_break]]
        found.append(
            _variants(part.problem, effort, met(part.problem, effort, seed=seed, cell=own, travel=terms.travel))
        )
    if len(parts) == 1:
        return found[0]
    return _variants(problem, effort, _completed(problem, joined(problem.n_units, parts, found)))


def _windows(task: Task, terms: RouteTerms) -> tuple[Ints, Ints, Ints]:
    """Return the blocks that have a place in time, and the first and last minute at which each may begin.

    The opening of a cell with k blocks is cut into k equal parts with the return gap between them, one for each block,
    so that returns keep their gap whoever makes them. Blocks that do not fit are left out, those of least gain first.
    """
    minutes, gap = terms.allocation.block_minutes, terms.routes.return_minutes
    opens: Ints = np.full(len(task.cell), task.begin, np.int64)
    closes: Ints = np.full(len(task.cell), task.end, np.int64)
    if terms.openings is not None:
        opens, closes = terms.openings.within(task.shift, task.cell, begin=task.begin, end=task.end)
    order = np.lexsort((task.nth, task.cell))
    cell: Ints = task.cell[order]
    first = np.searchsorted(cell, cell)
    nth = np.arange(len(order)) - first
    count = np.searchsorted(cell, cell, side="right") - first
    opens, closes = np.maximum(opens, task.ready)[order][first], closes[order]
    fitting = np.minimum(np.maximum(closes - opens + gap, 0) // (minutes + gap), count)
    free = closes - opens + gap - fitting * (minutes + gap)
    earliest = opens + nth * (minutes + gap) + nth * free // np.maximum(fitting, 1)
    latest = opens + nth * (minutes + gap) + (nth + 1) * free // np.maximum(fitting, 1)
    kept = (nth < fitting) & (terms.gain(task.shift, cell, task.nth[order]) > 0)
    return order[kept], earliest[kept], latest[kept]


def _orienteering(task: Task, terms: RouteTerms, block: Ints, *, window: tuple[Ints, Ints]) -> Orienteering:
    """Return the problem of a task; its visits are the given blocks, then the breaks."""
    gain, only = _pinned(task, terms, block, terms.gain(task.shift, task.cell[block], task.nth[block]))
    minutes = np.full(len(block), float(terms.allocation.block_minutes))
    cells = np.unique(np.concatenate([task.cell[block], task.start[task.start >= 0]]))
    speeds, speed = np.unique(terms.speeds(task.crew), return_inverse=True)
    place = np.searchsorted(cells, task.cell[block])
    member, pause_from, pause_to, pause = _breaks(task, terms)
    # A break is taken where the unit is. The search lets each take it at one of the best places, which is no shorter.
    hub = place[np.argsort(-gain, kind="stable")[np.arange(len(member)) % len(block)]]
    return Orienteering(
        travel=np.stack([terms.travel.minutes(cells, cells, speed_kmh=float(speed)) for speed in speeds]),
        place=np.concatenate([place, hub]), service=np.concatenate([minutes, pause]),
        work=np.concatenate([minutes, 0.0 * pause]), prize=np.concatenate([gain, 0.0 * pause]),
        earliest=np.concatenate([window[0], pause_from]).astype(np.float64),
        latest=np.concatenate([window[1], pause_to]).astype(np.float64), only=np.concatenate([only, member]),
        speed=speed, start=np.where(task.start >= 0, np.searchsorted(cells, task.start), -1),
        stop=np.full(len(task.crew), -1), begin=np.full(len(task.crew), float(task.begin)),
        end=np.full(len(task.crew), float(task.end)), budget=np.asarray(task.budget, np.float64),
    )  # fmt: skip


def _pinned(task: Task, terms: RouteTerms, block: Ints, gain: Floats) -> tuple[Floats, Ints]:
    """Return the prizes of blocks, and the one unit of the crew that makes each: hand edits go before any gain."""
    names = [terms.roster.units[unit].name for unit in task.crew]
    prize, only, shift = gain.copy(), np.full(len(block), -1), terms.problem.shifts[task.shift]
    for edit in terms.roster.edits:
        if edit.action != "pin" or edit.cell < 0 or edit.shift != shift:
            continue
        there = np.flatnonzero((task.cell[block] == edit.cell) & (only < 0))
        if not len(there):
            continue
        first = there[np.argmin(task.nth[block[there]])]
        prize[first] += gain.sum() + 1.0
        if edit.unit in names:
            only[first] = names.index(edit.unit)
    return prize, only


def _breaks(task: Task, terms: RouteTerms) -> tuple[Ints, Ints, Ints, Floats]:
    """Return member of the crew, first and last begin, and minutes of each break that is still to come and fits."""
    shift, minutes = terms.roster.shifts[task.shift], terms.routes.break_minutes
    first, last = (shift.start.timestamp() / 60 + share * shift.minutes for share in terms.routes.break_window)
    earliest = max(task.begin, int(np.ceil(first)))
    latest = min(max(earliest, int(last) - minutes), task.end - minutes)
    member = np.flatnonzero(task.rest & (latest >= earliest))
    n = len(member)
    return member, np.full(n, earliest), np.full(n, latest), np.full(n, float(minutes))


def _variants(problem: Orienteering, routes: RoutesSection, met: Iterable[Tours]) -> list[Tours]:
    """Return distinct routes near the best of those met, the best first; that one alone without a lottery."""
    sound = {tours.order: tours for tours in met}
    done = dict(zip(sound, _delivered(problem, tuple(sound.values())), strict=True))
    gain = {order: float(problem.prize[blocks].sum()) for order, blocks in done.items()}
    best = min(sound, key=lambda order: (-round(gain[order], 9), sound[order].work))
    near = [order for order in sound if order != best and gain[order] >= gain[best] * (1 - routes.slack)]
    n = min(routes.variants - 1, len(near)) if routes.lottery else 0
    whole = [order for order in near if done[order][done[best]].all()]
    if len(whole) < n:  # those that lose a block take part only where too few deliver all
        whole += [order for order in near if not done[order][done[best]].all()]
    rows = np.unique(np.linspace(0, len(whole) - 1, n).astype(np.int64))
    return [sound[best], *(sound[whole[row]] for row in rows)]


def _searched(
    problem: Orienteering, routes: RoutesSection, *, seed: int, cell: Ints, travel: Travel
) -> Iterator[Tours]:  # fmt: skip
    """Yield tours that hold: in rounds, of a search from there, and of searches that roam."""
    first = tuple(_rounds(problem, cell, travel))
    yield from _holding(problem, (tours_of(problem, first), *_near(problem, routes, seed=seed, first=first)))
    rng = np.random.default_rng([seed, 0])
    once = routes.model_copy(update={"runs": 1})
    for run in range(2 * routes.runs if routes.lottery else 0):
        yield from _holding(problem, _near(_roaming(problem, rng), once, seed=seed + 1 + run))


def _near(
    problem: Orienteering, routes: RoutesSection, *, seed: int, first: Sequence[Sequence[int]] | None = None
) -> tuple[Tours, ...]:  # fmt: skip
    """Return tours of a search; at most a third of the variants, as there is one search and two that roam."""
    effort = Effort(routes.iterations, routes.runs, seed)
    return near_best(problem, effort, slack=routes.slack, most=-(-routes.variants // 3), first=first)


def _inserted(
    problem: Orienteering, routes: RoutesSection, *, seed: int, cell: Ints, travel: Travel
) -> Iterator[Tours]:  # fmt: skip
    """Yield tours that hold, as many as variants; where none makes every visit, those of a search from the best, too.

    Visits are put in one by one where that is shortest, the dear ones first, more or less: within random parts of their
    windows, then within the whole. In a plan of 252,000 visits that took a twelfth of the time of `_searched`,
    delivered as much, and all 24 variants were distinct (22).
    """
    found = _insertions(problem, routes.variants, seed)
    yield from found
    if len(problem.place) not in {sum(map(len, tours.order)) for tours in found}:
        rounds = tours_of(problem, tuple(_rounds(problem, cell, travel)))
        best = min((*found, *_holding(problem, (rounds,))), key=lambda tours: tours.rank)
        yield from _holding(problem, _near(problem, routes, seed=seed, first=best.order))


def _insertions(problem: Orienteering, n: int, seed: int) -> list[Tours]:
    """Return n tours that hold; breaks go in first, then what a unit has to do, so that none is crowded out."""
    rng = np.random.default_rng([seed, 0])
    shape = n, len(problem.place)
    eager = problem.prize * (0.5 + rng.random(shape))
    sequence = np.lexsort((-eager, *(np.broadcast_to(last, shape) for last in (~problem.is_break, problem.only < 0))))
    empty = Tours(((),) * problem.n_units, 0.0, 0.0)
    return _with_inserted(problem, [empty] * n, sequence, windows=_parts_of_windows(problem, rng.random(shape)))


def _completed(problem: Orienteering, variants: Sequence[Tours]) -> list[Tours]:
    """Return tours with what one part left out and another has time for, those of most prize first."""
    left = ~_made(problem, variants).all(axis=0) & (problem.only < 0)
    if not left.any():
        return list(variants)
    rows = np.flatnonzero(left)
    sequence = np.tile(rows[np.argsort(-problem.prize[rows], kind="stable")], (len(variants), 1))
    # Copies: a kernel is compiled once for each layout, and that takes 12 s.
    earliest, latest = (np.tile(end, (len(variants), 1)) for end in (problem.table.earliest, problem.table.latest))
    # A unit that lacks its break does nothing else, see `with_rest`.
    idle = [unit for unit, own in problem.own.items() if any(not own <= set(one.order[unit]) for one in variants)]
    budget = np.where(np.isin(np.arange(problem.n_units), idle), -1.0, problem.budget)
    return _with_inserted(dataclasses.replace(problem, budget=budget), variants, sequence, windows=(earliest, latest))


def _with_inserted(
    problem: Orienteering, variants: Sequence[Tours], sequence: npt.NDArray[np.int64],
    *, windows: tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]],
) -> list[Tours]:  # fmt: skip
    """Return tours with the visits of `sequence`, (n, k), put in; `windows` of each, (n, n_visits)."""
    n, own, made = len(variants), problem.table, _made(problem, variants)
    longest = max((len(tour) for one in variants for tour in one.order), default=0)
    tours = np.zeros((n, problem.n_units, longest + sequence.shape[1] + 1), np.int64)
    size, minutes = np.zeros((n, problem.n_units), np.int64), np.zeros(n)
    for v, one in enumerate(variants):
        for unit, tour in enumerate(one.order):
            tours[v, unit, : len(tour)], size[v, unit] = tour, len(tour)
    insert_visits(
        own.travel, own.speed, own.place, own.service, own.work, own.earliest, own.latest, *windows, problem.is_break,
        own.only, own.start, own.budget, own.begin, own.end, sequence, made, tours, size, minutes,
    )  # fmt: skip
    prize, lengths = (made @ problem.prize).tolist(), size.tolist()
    order = [tuple(tuple(tour[:k].tolist()) for tour, k in zip(tours[v], lengths[v], strict=True)) for v in range(n)]
    return list(map(Tours, order, prize, minutes.tolist()))


def _made(problem: Orienteering, variants: Sequence[Tours]) -> npt.NDArray[np.bool_]:
    """Return which visits tours make, (n, n_visits)."""
    made = np.zeros((len(variants), len(problem.place)), bool)
    for row, tours in zip(made, variants, strict=True):
        row[[visit for tour in tours.order for visit in tour]] = True
    return made


def _delivered(problem: Orienteering, variants: Sequence[Tours]) -> Bools:
    """Return which blocks tours deliver, (n, n_visits) bool: n visits of a cell deliver its first n blocks."""
    made = _made(problem, variants)
    block = ~problem.is_break  # their rows are sorted by cell and nth
    first = np.searchsorted(problem.place[block], problem.place)
    rank = np.arange(len(block)) - first
    through = np.cumsum(made & block, axis=1)
    last = np.searchsorted(problem.place[block], problem.place, side="right") - 1
    before = np.where(first > 0, through[:, first - 1], 0)
    return np.asarray(block & (rank < through[:, np.maximum(last, 0)] - before))


def _holding(problem: Orienteering, found: Iterable[Tours]) -> list[Tours]:
    """Return the tours that hold: where travel is no metric, the way by the place of a break can be the shorter one."""
    return [
        tours for tours in found
        if all(timetable(problem, unit, tour) is not None for unit, tour in enumerate(tours.order))
    ]  # fmt: skip


def _roaming(problem: Orienteering, rng: np.random.Generator) -> Orienteering:
    """Return the problem with each window cut to a random part of itself."""
    earliest, latest = _parts_of_windows(problem, rng.random(len(problem.place)))
    return dataclasses.replace(problem, earliest=earliest.astype(np.float64), latest=latest.astype(np.float64))


def _parts_of_windows(
    problem: Orienteering, share: Floats
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:  # fmt: skip
    """Return first and last minute of a part of each window, (..., n_visits): the share, 0 to 1, tells where it is."""
    freedom = problem.latest - problem.earliest
    width = np.floor(freedom * ROAMING)
    earliest = problem.earliest + np.floor(share * (freedom - width + 1))
    return earliest.astype(np.int64), (earliest + width).astype(np.int64)


def _timed(problem: Orienteering, tours: Tours, rng: np.random.Generator | None) -> tuple[Ints, Ints, Ints]:
    """Return row, member of the crew and start of each visit: the time left lies between them, evenly or at random."""
    parts = [np.empty((3, 0), np.int64)]
    for member, tour in enumerate(tours.order):
        times = timetable(problem, member, tour)
        if times is None or not tour:
            continue
        share = np.arange(len(tour)) / len(tour) if rng is None else np.sort(rng.random(len(tour)))
        table = np.stack([np.array(tour), np.full(len(tour), member), times.at(share)])
        parts.append(table[:, ~problem.is_break[table[0]]])
    row, member_of, start = np.concatenate(parts, axis=1)
    return row, member_of, start


def _in_order_of_time(task: Task, cell: Ints, start: Ints) -> Ints:
    """Return which block of its cell each visit is: the first in time is the first of the task's blocks."""
    nth = np.empty(len(cell), np.int64)
    for one in np.unique(cell):
        here = np.flatnonzero(cell == one)
        nth[here[np.argsort(start[here], kind="stable")]] = np.sort(task.nth[task.cell == one])[: len(here)]
    return nth


def _rounds(problem: Orienteering, cell: Ints, travel: Travel) -> list[tuple[int, ...]]:
    """Return tours that hold, to start from: compact, equal parts, each gone round and round on a short closed tour."""
    x, y = np.array(travel.x[cell], np.float64), np.array(travel.y[cell], np.float64)
    part = np.zeros(len(cell), np.int64)
    _split(np.arange(len(cell)), np.arange(problem.n_units), np.stack([x, y]), part)
    pinned = np.flatnonzero(problem.only[: len(cell)] >= 0)
    part[pinned] = problem.only[pinned]
    tours = []
    for unit in range(problem.n_units):
        mine = np.flatnonzero(part == unit)
        stop, of = np.unique(cell[mine], return_index=True)
        rank = _ranks(x[mine][of], y[mine][of])[np.searchsorted(stop, cell[mine])]
        order = tuple(int(row) for row in mine[np.lexsort((rank, problem.earliest[mine]))])
        for pause in len(cell) + np.flatnonzero(problem.only[len(cell) :] == unit):
            order = with_break(problem, unit, order, int(pause))
        tours.append(thinned(problem, unit, order))
    return tours


def _ranks(x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> Ints:
    """Return the place of each point on a short closed tour that begins after its longest leg."""
    n = len(x)
    tour, rank = np.empty(n, np.int64), np.empty(n, np.int64)
    closed_tours(x, y, np.array([0, n], np.int64), tour)
    if n:
        leg = np.hypot(np.diff(x[tour], prepend=x[tour[-1]]), np.diff(y[tour], prepend=y[tour[-1]]))
        rank[tour] = (np.arange(n) - int(leg.argmax())) % n
    return rank


def _split(rows: Ints, crew: Ints, place: Floats, unit: Ints) -> None:
    """Give the blocks in `rows` to the crew in equal compact parts, halving along the longer side."""
    if len(crew) == 1:
        unit[rows] = crew[0]
        return
    tall = len(rows) > 0 and np.ptp(place[1]) > np.ptp(place[0])
    # Blocks of a cell stay together, but for one cell at the cut.
    order = np.lexsort(place if tall else place[::-1])
    half = len(crew) // 2
    cut = round(len(rows) * half / len(crew))
    for part, members in ((order[:cut], crew[:half]), (order[cut:], crew[half:])):
        _split(rows[part], members, place[:, part], unit)
