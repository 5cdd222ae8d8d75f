"""Slow, obvious twins of the fast code: the specification that tests compare with."""

from __future__ import annotations

import itertools
import math

import numpy as np


def closed_tours(x, y, indptr, tour):
    """Nearest neighbour from the first point of each group, then 2-opt with first improvement."""

    def distance(i, j):
        return math.sqrt((x[i] - x[j]) ** 2 + (y[i] - y[j]) ** 2)

    for a, b in itertools.pairwise(indptr):
        if a == b:
            continue
        left = list(range(a, b))
        route = [left.pop(0)]
        while left:
            best = 0
            for j in range(1, len(left)):
                if distance(route[-1], left[j]) < distance(route[-1], left[best]) - 1e-9:
                    best = j
            left[0], left[best] = left[best], left[0]
            route.append(left.pop(0))
        n = len(route)
        improved = n > 3
        while improved:
            improved = False
            for i in range(n - 2):
                for j in range(i + 2, n):
                    if i == 0 and j == n - 1:
                        continue
                    p, q, r, s = route[i], route[i + 1], route[j], route[(j + 1) % n]
                    if distance(p, r) + distance(q, s) < distance(p, q) + distance(r, s) - 1e-6:
                        route[i + 1 : j + 1] = reversed(route[i + 1 : j + 1])
                        improved = True
        tour[a:b] = route


def best_allocation(problem):
    """Return the optimum of a tiny allocation problem by trying every split of units and blocks."""
    n_districts, n_shifts = problem.minimum.shape

    def splits(s):
        ranges = [range(problem.minimum[d, s], problem.on_duty[s] + 1) for d in range(n_districts)]
        return [u for u in itertools.product(*ranges) if sum(u) <= problem.on_duty[s]]

    worth = {}
    for s in range(n_shifts):
        for d in range(n_districts):
            for n in range(problem.on_duty[s] + 1):
                worth[s, d, n] = best_blocks(problem, s, d, n * int(problem.blocks[s]))
    best = -math.inf
    for plan in itertools.product(*(splits(s) for s in range(n_shifts))):
        total = [sum(units[d] for units in plan) for d in range(n_districts)]
        if all(problem.least[d] <= total[d] <= problem.most[d] for d in range(n_districts)):
            best = max(best, sum(worth[s, d, n] for s, units in enumerate(plan) for d, n in enumerate(units)))
    return best


def best_blocks(problem, s, d, n):
    """Return the most harm covered with n blocks in the cells of a district, trying every combination."""
    cells = [c for c in range(len(problem.district)) if problem.district[c] == d]
    best = 0.0
    for blocks in itertools.product(*(range(problem.cap[s, c] + 1) for c in cells)):
        if sum(blocks) <= n:
            parts = zip(cells, blocks, strict=True)
            best = max(best, sum(problem.value[s, c] * (1 - math.exp(-problem.diminishing * k)) for c, k in parts))
    return best


def count_pairs(left, right, near, day, band, out):
    """Pairs by band of distance and band of days apart."""
    for row in out:
        row[:] = [0] * len(row)
    for i, j, s in zip(left, right, near, strict=True):
        apart = abs(day[i] - day[j])
        if apart < len(band):
            out[s][band[apart]] += 1


def best_outreach(worth, levels, costs, budget, most, hours, team_hours):
    """Return the most harm prevented by one team, trying every number of holdings.

    `worth` maps (initiative, district, kind) to harm prevented; times of day are not limited.
    """
    places = sorted({(i, d) for i, d, _ in worth})
    best = 0.0
    for counts in itertools.product(*(range(most[i] + 1) for i, _ in places)):
        held = [place for place, n in zip(places, counts, strict=True) for _ in range(n)]
        if any(sum(i == j for j, _ in held) > most[i] for i in range(len(most))):
            continue
        if sum(costs[i] for i, _ in held) > budget or sum(hours[i] for i, _ in held) > team_hours:
            continue
        total = 0.0
        for d, k in {(d, k) for _, d, k in worth}:
            found = sorted((worth.get((i, e, k), 0.0) for i, e in held if e == d), reverse=True)
            total += sum(value * level for value, level in zip(found, levels, strict=False))
        best = max(best, total)
    return best


def within(x, y, radius):
    """Per point, the points within a distance: list of lists, ascending."""
    pairs = [[math.dist((x[i], y[i]), (x[j], y[j])) <= radius for j in range(len(x))] for i in range(len(x))]
    return [[j for j, near in enumerate(row) if near] for row in pairs]


def gaussian_rows(x, y, area, bandwidth, reach):
    """Dense kernel: the share of an event of cell i that falls to cell j."""
    kernel = [
        [
            area[j] * math.exp(-0.5 * (math.dist((x[i], y[i]), (x[j], y[j])) / bandwidth) ** 2)
            if math.dist((x[i], y[i]), (x[j], y[j])) <= reach
            else 0.0
            for j in range(len(x))
        ]
        for i in range(len(x))
    ]
    return [[w / sum(row) for w in row] for row in kernel]


def neighbour_sum(values, indptr, indices):
    return [
        [sum(values[j][k] for j in indices[a:b]) for k in range(len(values[0]))] for a, b in itertools.pairwise(indptr)
    ]


def history(days, cells, kinds, counts, *, until, half_life, kernel, shape):
    """Decayed, smoothed counts at the start of day `until`: Σ count × 0.5^(age / half-life) × kernel row."""
    n_kinds, n_cells = shape
    state = [[0.0] * n_cells for _ in range(n_kinds)]
    for day, cell, kind, count in zip(days, cells, kinds, counts, strict=True):
        if day < until:
            amount = count * (1.0 if math.isinf(half_life) else 0.5 ** ((until - 1 - day) / half_life))
            for j in range(n_cells):
                state[kind][j] += amount * kernel[cell][j]
    return state


def poisson_loglik(counts, rates):
    return sum((n * math.log(r) if n else 0.0) - r for n, r in zip(counts, rates, strict=True))


def negative_binomial_loglik(counts, rates, dispersion):
    """With scipy's distribution, and log n! put back."""
    from scipy import stats

    size = 1 / dispersion
    return sum(
        stats.nbinom.logpmf(n, size, size / (size + r)) + math.lgamma(n + 1) for n, r in zip(counts, rates, strict=True)
    )


def negative_binomial_interval(mean, dispersion, nominal):
    """Of the central interval and those one count shorter at an end, the one nearest to the nominal share."""
    from scipy import stats

    low, high = [], []
    for m, d in zip(mean, dispersion, strict=True):
        law = stats.poisson(m) if d == 0 else stats.nbinom(1 / d, 1 / d / (1 / d + m))
        first, last = law.ppf((1 - nominal) / 2), law.ppf((1 + nominal) / 2)
        choices = [(first, last), (first, last - 1), (first + 1, last), (first + 1, last - 1)]
        allowed = [(a, b) for a, b in choices if a <= b]
        best = min(allowed, key=lambda pair: round(abs(law.cdf(pair[1]) - law.cdf(pair[0] - 1) - nominal), 12))
        low.append(float(best[0]))
        high.append(float(best[1]))
    return low, high


def mixture_weights(rows, counts):
    """Non-negative weights of greatest Poisson likelihood, by a general optimiser on all rows."""
    import numpy as np
    from scipy.optimize import minimize

    rows, counts = np.asarray(rows, float), np.asarray(counts, float)

    def loss(weights):
        rate = rows @ weights + 1e-12
        return float((rate - counts * np.log(rate)).sum())

    found = minimize(loss, np.full(rows.shape[1], 0.3), bounds=[(0, None)] * rows.shape[1], method="L-BFGS-B")
    return found.x


def block_bootstrap(above, below, *, starts, length, level):
    """Percentile interval of Σ above / Σ below over folds, one draw of blocks at a time; see `block_weights`."""
    values = []
    for row in starts:
        folds = [int(start) + k for start in row for k in range(length)][: len(above)]
        total = sum(below[fold] for fold in folds)
        if total:
            values.append(sum(above[fold] for fold in folds) / total)
    values.sort()

    def quantile(share):
        at = share * (len(values) - 1)
        low = math.floor(at)
        return values[low] + (at - low) * (values[min(low + 1, len(values) - 1)] - values[low])

    return quantile((1 - level) / 2), quantile((1 + level) / 2)


def spread(values, indptr, indices, weight):
    """Each row of values goes to its neighbours, times their weights."""
    out = [[0.0] * len(values[0]) for _ in values]
    for i, row in enumerate(values):
        for at in range(indptr[i], indptr[i + 1]):
            for k, value in enumerate(row):
                out[indices[at]][k] += float(weight[at]) * value
    return out


def excitation_pass(day, cell, weight, square, background, branching, decay):
    """Chances of being background and the triggered sums, by all pairs; `weight`, `square` are dense."""
    q = math.exp(-decay)
    chance, sums = [], [0.0, 0.0, 0.0]
    for i in range(len(day)):
        pairs = [
            (branching * (1 - q) * q ** (day[i] - day[j] - 1) * weight[cell[j]][cell[i]], day[i] - day[j], j)
            for j in range(len(day))
            if day[j] < day[i]
        ]
        rate = background[i] + sum(part for part, _, _ in pairs)
        chance.append(1 - sum(part for part, _, _ in pairs) / rate)
        for part, lag, j in pairs:
            sums[0] += part / rate
            sums[1] += part / rate * lag
            sums[2] += part / rate * square[cell[j]][cell[i]]
    return chance, sums


def best_limited(problem):
    """Return the best (smallest fair sum, harm) over every allocation that keeps every limit, or None; toys only."""
    n_districts = len(problem.districts)
    shape = problem.value.shape
    each = [
        range(int(cap) + 1) if d >= 0 else (0,)
        for row in problem.cap
        for cap, d in zip(row, problem.district, strict=True)
    ]
    blocks = np.array(list(itertools.product(*each))).reshape(-1, *shape)
    blocks = blocks[[_keeps_cell_limits(problem, one) for one in blocks]]
    harm = problem.value * (1 - np.exp(-problem.diminishing * blocks))
    used = np.stack([blocks[:, :, problem.district == d].sum(axis=2) for d in range(n_districts)], axis=1)
    worth = harm.sum(axis=2)
    best = None
    for units in _unit_plans(problem):
        fits = (used <= problem.room(units)).all(axis=(1, 2))
        if problem.is_by_units:  # posted units make their best visits: no shift could cover more with them
            fits &= (worth >= worth[fits].max(axis=0) - 1e-12).all(axis=1)
        for limit in problem.limits:
            total = _totals(limit, blocks, harm, units)
            fits &= (total >= limit.least - 1e-9) & (total <= limit.most + 1e-9)
        if fits.any():
            fair = np.zeros(len(blocks))
            if problem.fair:
                fair = np.min([_totals(one, blocks, harm, units) for one in problem.fair], axis=0)
            top = fair[fits].max()
            among = fits & (fair >= top - 1e-9)
            found = float(top), float(harm.sum(axis=(1, 2))[among].max())
            best = found if best is None or found > best else best
    return best


def _totals(limit, blocks, harm, units):
    total = np.zeros(len(blocks))
    if limit.on_blocks is not None:
        total += (blocks * limit.on_blocks).sum(axis=(1, 2))
    if limit.on_harm is not None:
        total += (harm * limit.on_harm).sum(axis=(1, 2))
    if limit.on_units is not None:
        total += (units * limit.on_units).sum()
    return total


def _keeps_cell_limits(problem, blocks):
    week = blocks.sum(axis=0)
    if problem.week_most is not None and ((week > problem.week_most) | (week < problem.week_least)).any():
        return False
    if problem.days_running is not None:
        for cell in range(blocks.shape[1]):
            days = {int(day) for day, n in zip(problem.day, blocks[:, cell], strict=True) if n}
            for day in days:
                if all(day + i in days for i in range(problem.days_running + 1)):
                    return False
    return True


def _unit_plans(problem):
    """Yield every units per (district, shift) that some posting of the classes makes, with its needs and bands met."""
    n_districts, n_shifts = problem.minimum.shape
    per_shift = []
    for s in range(n_shifts):
        crews = problem.on_duty[s : s + 1] if problem.crews is None else problem.crews[:, s]
        options = []
        for n in crews:
            options.append([c for c in itertools.product(range(n + 1), repeat=n_districts) if sum(c) <= n])
        found = set()
        for postings in itertools.product(*options):
            if _posting_works(problem, np.array(postings), s):
                found.add(tuple(np.sum(postings, axis=0).tolist()))
        per_shift.append(sorted(found))
    for columns in itertools.product(*per_shift):
        units = np.array(columns).T
        week = units.sum(axis=1)
        if (week >= problem.least).all() and (week <= problem.most).all():
            yield units


def _posting_works(problem, posting, s):
    if (posting.sum(axis=0) < problem.minimum[:, s]).any():
        return False
    if problem.allowed is not None and (posting[~problem.allowed[:, :, s]] > 0).any():
        return False
    if problem.needs is not None:
        for (d, when, n), counts in zip(problem.needs, problem.need_classes, strict=True):
            if when == s and posting[counts, d].sum() < n:
                return False
    return True


def erlang_b(load, servers):
    """The share of states with all servers busy, a^c / c! over the sum."""
    terms = [load**n / math.factorial(n) for n in range(servers + 1)]
    return terms[-1] / sum(terms)


def erlang_c(load, servers):
    """The share of calls that wait: states c, c + 1, … of the queue."""
    below = sum(load**n / math.factorial(n) for n in range(servers))
    full = load**servers / math.factorial(servers) / (1 - load / servers)
    return full / (below + full)


def hypercube(rates, order, service, *, queue):
    """Workloads and dispatch shares of Larson's hypercube by running its states in small steps of time.

    A queue is cut at 60 calls waiting.
    """
    units, total = len(order[0]), sum(rates)
    states = list(itertools.product((0, 1), repeat=units))
    full = (1,) * units
    queued = [("queue", k) for k in range(1, 61)] if queue else []
    chance = {state: 1 / (len(states) + len(queued)) for state in [*states, *queued]}

    moves = {state: list(_flows(state, rates, order, service, queue)) for state in chance}
    step = 0.5 / (total + units / service)
    for _ in range(2500):
        after = dict(chance)
        for state, share in chance.items():
            for target, rate in moves[state]:
                after[target] += share * rate * step
                after[state] -= share * rate * step
        chance = after
    waiting = (chance[full] if queue else 0) + sum(chance[state] for state in queued)
    workload = [sum(p for s, p in chance.items() if s[0] == "queue" or s[unit]) for unit in range(units)]
    dispatch = [[waiting * rate / total / units for rate in rates] for _ in range(units)]
    for state in states:
        for atom, rate in enumerate(rates):
            sent = next((unit for unit in order[atom] if not state[unit]), None)
            if sent is not None:
                dispatch[sent][atom] += chance[state] * rate / total
    answered = sum(map(sum, dispatch))
    return workload, [[share / answered for share in row] for row in dispatch]


def _flows(state, rates, order, service, queue):
    """States that follow a state of the hypercube, and how often."""
    units, total = len(order[0]), sum(rates)
    if state[0] == "queue":
        if state[1] < 60:
            yield ("queue", state[1] + 1), total
        yield ((1,) * units if state[1] == 1 else ("queue", state[1] - 1)), units / service
        return
    for atom, rate in enumerate(rates):
        sent = next((unit for unit in order[atom] if not state[unit]), None)
        if sent is not None:
            yield (*state[:sent], 1, *state[sent + 1 :]), rate
        elif queue:
            yield ("queue", 1), rate
    for unit in range(units):
        if state[unit]:
            yield (*state[:unit], 0, *state[unit + 1 :]), 1 / service


def covered_with_neighbours(value, blocks, indptr, indices, share, a):
    """Σ v (1 - exp(-a y)), y = own blocks + share × blocks of the neighbours."""
    total = 0.0
    for c in range(len(value)):
        dose = blocks[c] + share * sum(blocks[indices[p]] for p in range(indptr[c], indptr[c + 1]))
        total += value[c] * (1 - math.exp(-a * dose))
    return total


def greedy_cover(value, zone, cap, room, indptr, indices, share, a):
    """Add the block that adds most, again and again, while its zone has room."""
    blocks = [0] * len(value)
    while True:
        now = covered_with_neighbours(value, blocks, indptr, indices, share, a)
        best, most = -1, 1e-12
        for c in range(len(value)):
            used = sum(blocks[k] for k in range(len(value)) if zone[k] == zone[c])
            if zone[c] >= 0 and blocks[c] < cap[c] and used < room[zone[c]]:
                more = [n + (k == c) for k, n in enumerate(blocks)]
                gain = covered_with_neighbours(value, more, indptr, indices, share, a) - now
                if gain > most + 1e-12:
                    best, most = c, gain
        if best < 0:
            return blocks
        blocks[best] += 1


def swap_cover(value, zone, cap, indptr, indices, share, a, blocks, most_swaps):
    """Take the block that is missed least out of a zone and put it where it adds most, while that helps."""

    def worth(plan):
        return covered_with_neighbours(value, plan, indptr, indices, share, a)

    def changed(plan, c, n):
        return [k + n * (i == c) for i, k in enumerate(plan)]

    blocks = list(blocks)
    for z in range(max(zone) + 1):
        inside = [c for c in range(len(value)) if zone[c] == z]
        for _ in range(most_swaps):
            held = [c for c in inside if blocks[c] > 0]
            if not held:
                break
            out = min(held, key=lambda c: worth(blocks) - worth(changed(blocks, c, -1)))
            less = changed(blocks, out, -1)
            back = max((c for c in inside if less[c] < cap[c]), key=lambda c: worth(changed(less, c, 1)))
            if worth(changed(less, back, 1)) <= worth(blocks) * (1 + 1e-12):
                break
            blocks = changed(less, back, 1)
    return blocks


def _xorshift(state):
    x = state[0]
    x ^= x << 13 & 0xFFFFFFFFFFFFFFFF
    x ^= x >> 7
    x ^= x << 17 & 0xFFFFFFFFFFFFFFFF
    state[0] = x
    return (x >> 11) / 2**53


def _tour_cost(cost, tour):
    """Legs of a tour that is written with its start and stop."""
    return sum(cost[a][b] for a, b in itertools.pairwise(tour))


def team_orienteering(cost, prize, most, near, state, steps, cycle, give, weight, tours):
    """Destroy and repair, as the kernel does, on lists: tours with start and stop. Returns the best tours."""
    n, m = len(prize), len(tours)

    def worth(some):
        return sum(prize[i] for i in sorted(i for tour in some for i in tour[1:-1])), sum(
            _tour_cost(cost, tour) for tour in some
        )

    best = now = [list(tour) for tour in tours]
    scale = weight * sum(prize) / (m * most)
    for step in range(steps):
        power, noise = 0.5 + _xorshift(state), _xorshift(state)
        lure = [prize[i] ** power * (1 - noise * _xorshift(state)) for i in range(n)]
        out = _taken_out(near, now, n, state)
        new = [[i for i in tour if i not in out] for tour in now]
        before = None
        while True:
            for tour in new:
                _reversed_parts(cost, tour)
            _exchanged_tails(cost, most, new)
            visited = {i for tour in new for i in tour[1:-1]}
            if before == visited:
                break
            _filled(cost, most, lure, new, set(range(n)) - visited)
            before = {i for tour in new for i in tour[1:-1]}
            if before == visited:
                break
        (got, total), (had, was), (top, least) = worth(new), worth(now), worth(best)
        heat = -give * (1 - (step % cycle) / cycle) * math.log(1e-12 + _xorshift(state)) * top
        if got - scale * total > had - scale * was - heat:
            now = [list(tour) for tour in new]
        if got > top + 1e-9 or (got > top - 1e-9 and total < least - 1e-9):
            best = [list(tour) for tour in new]
        if (step + 1) % cycle == 0:
            now = [list(tour) for tour in best]
    return best


def _taken_out(near, tours, n, state):
    visited = {i for tour in tours for i in tour[1:-1]}
    if not visited:
        return set()
    most, out = max(1, int(len(visited) * (0.05 + 0.35 * _xorshift(state) * _xorshift(state)))), set()
    how = _xorshift(state)
    if how < 0.3:
        visits = tours[int(_xorshift(state) * len(tours))][1:-1]
        first = int(_xorshift(state) * len(visits))
        return set(visits[first : first + most])
    if how < 0.6:
        for _ in range(2 * most):
            i = int(_xorshift(state) * n)
            if i in visited and len(out) < most:
                out.add(i)
        return out
    for i in near[int(_xorshift(state) * n)]:
        if i in visited and len(out) < most and _xorshift(state) < 0.8:
            out.add(i)
    return out


def _reversed_parts(cost, tour):
    improved = True
    while improved:
        improved = False
        for i in range(len(tour) - 2):
            for j in range(i + 1, len(tour) - 1):
                a, b, c, d = tour[i], tour[i + 1], tour[j], tour[j + 1]
                if cost[a][c] + cost[b][d] < cost[a][b] + cost[c][d] - 1e-9:
                    tour[i + 1 : j + 1] = reversed(tour[i + 1 : j + 1])
                    improved = True


def _exchanged_tails(cost, most, tours):
    for r, q in itertools.combinations(range(len(tours)), 2):
        for i, j in itertools.product(range(len(tours[r]) - 1), range(len(tours[q]) - 1)):
            one, two = tours[r][: i + 1] + tours[q][j + 1 :], tours[q][: j + 1] + tours[r][i + 1 :]
            gain = sum(_tour_cost(cost, tour) for tour in (tours[r], tours[q])) - sum(
                _tour_cost(cost, tour) for tour in (one, two)
            )
            if gain > 1e-9 and max(_tour_cost(cost, one), _tour_cost(cost, two)) <= most + 1e-10:
                tours[r], tours[q] = one, two
                return


def _filled(cost, most, lure, tours, left):
    """Put in what draws most for its extra length, where that is least, until nothing fits."""
    while True:
        best, pick = 0.0, None
        for i in sorted(left):
            for tour in tours:
                extra, place = min(
                    (cost[tour[k]][i] + cost[i][tour[k + 1]] - cost[tour[k]][tour[k + 1]], k)
                    for k in range(len(tour) - 1)
                )
                if _tour_cost(cost, tour) + extra <= most + 1e-10 and lure[i] / max(extra, 1e-6) > best:
                    best, pick = lure[i] / max(extra, 1e-6), (i, tour, place)
        if pick is None:
            return
        i, tour, place = pick
        tour.insert(place + 1, i)
        left.remove(i)


def smear(kind, cell, column, weight, matrix, shape):
    """Each event's weight, spread over columns by the row of its kind and column."""
    out = np.zeros(shape)
    for k, c, b, w in zip(kind, cell, column, weight, strict=True):
        for j in range(shape[2]):
            out[k, c, j] += w * matrix[k][b][j]
    return out


def memberships(counts, theta, share, tempering):
    """Posterior of types by dense counts: share_m × Π_j θ_jm^(tempering × n_ij), scaled to add up to 1."""
    rows = []
    for own in counts:
        likely = [s * math.prod(theta[j][m] ** (tempering * n) for j, n in enumerate(own)) for m, s in enumerate(share)]
        rows.append([one / sum(likely) for one in likely])
    return rows


def type_counts(counts, membership):
    """Counts of each column that fall to each type: Σ_i n_ij r_im."""
    n_types = len(membership[0])
    return [
        [sum(own[j] * membership[i][m] for i, own in enumerate(counts)) for m in range(n_types)]
        for j in range(len(counts[0]))
    ]


def tour_times(problem, unit, order):
    """Return first and last minute of each visit of a tour of an `Orienteering`, None if it breaks a limit."""
    here, spent, legs = problem.start[unit], 0.0, []
    minutes = problem.travel[problem.speed[unit]]
    for row in order:
        leg = 0.0
        if not problem.is_break[row]:
            leg = minutes[here, problem.place[row]] if here >= 0 else 0.0
            here = problem.place[row]
        if leg == math.inf:
            return None
        legs.append(math.ceil(leg - 1e-9))
        spent += leg + problem.work[row]
    if spent > problem.budget[unit] + 1e-6:
        return None
    first, pause = [], 0
    now = left = int(problem.begin[unit])
    for row, leg in zip(order, legs, strict=True):
        service, start = int(problem.service[row]), max(now, int(problem.earliest[row]))
        if problem.is_break[row]:
            pause += service
        else:
            start = max(start, left + pause + leg)
            left, pause = start + service, 0
        first.append(start)
        now = start + service
    last, pause, leg_on = [], 0, 0
    then = reach = int(problem.end[unit])
    for row, leg in zip(reversed(order), reversed(legs), strict=True):
        service = int(problem.service[row])
        start = min(then - service, int(problem.latest[row]))
        if problem.is_break[row]:
            pause += service
        else:
            start = min(start, reach - leg_on - pause - service)
            reach, leg_on, pause = start, leg, 0
        last.append(start)
        then = start
    last.reverse()
    return None if any(a > b for a, b in zip(first, last, strict=True)) else (first, last)


def insert_visits(problem, within, sequence):
    """Return tours of one variant: put in within its windows, each put in anew, the rest within the windows at large.

    `within` is the problem with the windows of the variant.
    """
    tours = [[] for _ in range(problem.n_units)]
    for visit in sequence:
        _put_in(within, tours, visit)
    for visit in sequence:
        before = [list(tour) for tour in tours]
        tours[:] = [[row for row in tour if row != visit] for tour in tours]
        hold = all(tour_times(within, unit, tour) is not None for unit, tour in enumerate(tours))
        if not (_put_in(within, tours, visit) and hold) and any(visit in tour for tour in before):
            tours[:] = before
    for visit in sequence:
        if not any(visit in tour for tour in tours):
            _put_in(problem, tours, visit)
    return tours


def _put_in(problem, tours, visit):
    """Put a visit where its detour is least, of all places that hold; the first unit and place where equal."""

    def way(a, b):
        return minutes[a, b] if a >= 0 and b >= 0 else 0.0

    best = None
    for unit, tour in enumerate(tours):
        minutes = problem.travel[problem.speed[unit]]
        for p in range(len(tour) + 1) if problem.only[visit] in (-1, unit) else ():
            trial = [*tour[:p], visit, *tour[p:]]
            if tour_times(problem, unit, tour) is None or tour_times(problem, unit, trial) is None:
                continue
            price = 0.0
            if not problem.is_break[visit]:
                here = [problem.place[row] for row in tour[:p] if not problem.is_break[row]]
                on = [problem.place[row] for row in tour[p:] if not problem.is_break[row]]
                a, b, own = here[-1] if here else problem.start[unit], on[0] if on else -1, problem.place[visit]
                price = way(a, own) + way(own, b) - way(a, b)
            if best is None or price < best[0]:
                best = price, unit, trial
    if best is None:
        return False
    tours[best[1]] = best[2]
    return True
