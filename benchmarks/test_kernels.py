"""Every kernel at city size: beside a vectorised pandas twin, a numpy or scipy rival, and what memory allows.

Each test first asserts that kernel and twin agree, so that the clock compares the same work.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import sparse, special, stats
from scipy.spatial import cKDTree

import naive
from allocator.domain import N_BINS
from allocator.kernels.cover import greedy_cover, swap_cover
from allocator.kernels.excitation import excitation_pass
from allocator.kernels.history import decay, spread_events
from allocator.kernels.likelihood import (
    mixture_em,
    negative_binomial_interval,
    negative_binomial_loglik,
    poisson_loglik,
)
from allocator.kernels.orienteering import team_orienteering
from allocator.kernels.pairs import count_pairs
from allocator.kernels.profile import memberships, smear, type_counts
from allocator.kernels.spatial import count_within, fill_within, gaussian_rows, neighbour_sum, spread
from allocator.kernels.tours import closed_tours, insert_visits, tour_times
from allocator.planning.routes.orienteering import Orienteering
from allocator.risk.features.histories import binned, within
from allocator.risk.models.mixture import EM_ITERATIONS
from allocator.risk.models.self_exciting import gaussian_within
from allocator.risk.profile.events import Timed
from allocator.risk.profile.evidence import smoothing
from allocator.risk.profile.places import BLOCKS, N_TYPES, block_of
from clock import best_of

WIDEST = -1  # the 600 m kernel: three quarters of all pairs of cells
DISPERSION = 0.3


@pytest.fixture(scope="module")
def state(history):
    return history.histories.state.copy()


@pytest.fixture(scope="module")
def kernel(history):
    return history.training.space.kernels[WIDEST]


@pytest.fixture(scope="module")
def rows_of_pairs(kernel):
    return np.repeat(np.arange(len(kernel.indptr) - 1), np.diff(kernel.indptr))


@pytest.fixture(scope="module")
def held_out(history):
    """Counts and rates of every cell and kind of the held-out weeks."""
    counts = np.stack([window.actual for window in history.held_out]).ravel()
    rates = np.stack([window.view.components[..., 4:8].sum(axis=2) / 4 for window in history.held_out]).ravel()
    return counts, np.maximum(rates.astype(np.float64), 1e-9)


def test_decay(versus, state):
    factor = 0.5 ** (7 / np.array([10.0, 45.0, 180.0, np.inf]))
    mine, frame = state.copy(), pd.DataFrame(state.reshape(-1, state.shape[-1]))
    decay(mine, factor)
    np.testing.assert_allclose(mine.reshape(frame.shape), frame.mul(factor, axis=1))
    other = state.copy()
    # Timed with factors near 1: repeated in place, a real decay would end in slow subnormal numbers.
    mild = factor**0.01

    def numpy():
        other[...] *= mild

    versus(lambda: decay(mine, mild), pandas=lambda: frame.mul(mild, axis=1), numpy=numpy, moved=2 * state.nbytes)


def test_spread_events(versus, state, panel, kernel, rows_of_pairs):
    rows = np.flatnonzero(panel.day >= panel.n_days - 7)
    cell, kind = panel.cell[rows], panel.kind[rows]
    amount = np.random.default_rng(0).random((len(rows), state.shape[-1]))
    graph = sparse.csr_array((kernel.weight, kernel.indices, kernel.indptr), shape=(len(kernel.indptr) - 1,) * 2)
    table = pd.DataFrame({"cell": rows_of_pairs, "to": kernel.indices, "weight": kernel.weight})
    names = [f"m{m}" for m in range(amount.shape[1])]
    events = pd.DataFrame({"cell": cell, "kind": kind, **dict(zip(names, amount.T, strict=True))})
    band = state.shape[1] - 1

    def run(out):
        spread_events(cell, kind, amount, band, kernel.indptr, kernel.indices, kernel.weight, out)

    def pandas(out):
        pairs = events.merge(table, on="cell")
        sums = pairs[names].mul(pairs["weight"], axis=0).groupby([pairs["kind"], pairs["to"]]).sum()
        out[sums.index.get_level_values(0), band, sums.index.get_level_values(1)] += sums.to_numpy()

    def numpy(out):
        for k in range(len(out)):
            mine = np.flatnonzero(kind == k)
            out[k, band] += graph[cell[mine]].T @ amount[mine]

    results = [np.zeros_like(state) for _ in range(3)]
    for method, out in zip((run, pandas, numpy), results, strict=True):
        method(out)
        np.testing.assert_allclose(out, results[0], rtol=1e-5, atol=1e-6)
    pairs = int(np.diff(kernel.indptr)[cell].sum())
    moved = pairs * (4 + 4 + 2 * 8 * amount.shape[1])  # index, weight, one state row read and written
    versus(lambda: run(results[0]), pandas=lambda: pandas(results[1]), numpy=lambda: numpy(results[2]), moved=moved)


def test_mixture_em(versus, history):
    training = history.training
    chosen = np.flatnonzero((training.kind == 4) & (training.count > 0))  # the most frequent kind
    rows, counts = training.components[chosen], training.count[chosen]
    totals, start = training.totals[:, 4].sum(axis=0), np.full(rows.shape[1], 1 / rows.shape[1])
    frame, series = pd.DataFrame(rows), pd.Series(counts)
    short = 20  # iterations compared and timed; a fit makes EM_ITERATIONS
    assert short < EM_ITERATIONS

    def run():
        weights = start.copy()
        mixture_em(rows, counts, totals, weights, short)
        return weights

    def pandas():
        weights = pd.Series(start)
        for _ in range(short):
            ratio = series / frame.mul(weights, axis=1).sum(axis=1)
            weights = weights * frame.mul(ratio, axis=0).sum() / totals
        return weights

    def numpy():
        weights = start.copy()
        for _ in range(short):
            weights = weights * ((counts / (rows @ weights.astype(np.float32))) @ rows) / totals
        return weights

    np.testing.assert_allclose(run(), pandas(), rtol=1e-3, atol=1e-9)
    np.testing.assert_allclose(run(), numpy(), rtol=1e-3, atol=1e-9)
    # Any EM has to read all rows once an iteration; nothing is written.
    versus(run, pandas=pandas, numpy=numpy, moved=short * rows.nbytes)


def test_poisson_loglik(versus, held_out):
    counts, rates = held_out
    n, rate = pd.Series(counts), pd.Series(rates)

    def pandas():
        return (n * np.log(rate) - rate).sum()

    def numpy():
        return special.xlogy(counts, rates).sum() - rates.sum()

    assert poisson_loglik(counts, rates) == pytest.approx(pandas(), rel=1e-5)
    assert numpy() == pytest.approx(pandas(), rel=1e-5)
    floor = _sum_and_log(rates, counts)
    versus(lambda: poisson_loglik(counts, rates), pandas=pandas, numpy=numpy, floor=floor)


def _sum_and_log(rates, counts):
    some = rates[counts > 0]
    seconds = best_of(lambda: rates.sum() + counts.sum(), 9) + best_of(lambda: np.log(some), 9)
    return f"numpy sum + {len(some) / 1e3:.0f}k logs", seconds


def test_negative_binomial_loglik(versus, held_out):
    counts, rates = held_out
    size = 1 / DISPERSION
    n, rate = pd.Series(counts, dtype=float), pd.Series(rates)

    def pandas():
        term = n * np.log(DISPERSION * rate / (1 + DISPERSION * rate)) - size * np.log1p(DISPERSION * rate)
        return (term + special.gammaln(n + size) - special.gammaln(size)).sum()

    def numpy():
        whole = counts.astype(np.int64)
        return stats.nbinom.logpmf(whole, size, size / (size + rates)).sum() + special.gammaln(whole + 1).sum()

    assert negative_binomial_loglik(counts, rates, DISPERSION) == pytest.approx(pandas(), rel=1e-5)
    assert numpy() == pytest.approx(pandas(), rel=1e-5)
    floor = f"numpy log1p of {len(rates) / 1e3:.0f}k", best_of(lambda: np.log1p(rates), 9)
    versus(lambda: negative_binomial_loglik(counts, rates, DISPERSION), pandas=pandas, numpy=numpy, floor=floor)


def test_negative_binomial_interval(versus, held_out):
    mean = held_out[1][: len(held_out[1]) // 6]  # one week
    size, low, high = 1 / DISPERSION, np.empty(len(mean)), np.empty(len(mean))
    spread, series = np.full(len(mean), DISPERSION), pd.Series(mean)

    def pandas():
        law = stats.nbinom(size, size / (size + series))
        return law.ppf(0.05), law.ppf(0.95)

    negative_binomial_interval(mean, spread, 0.9, low, high)
    assert (low >= pandas()[0]).all()
    assert (high <= pandas()[1]).mean() > 0.9999  # scipy inverts by continuous approximation; ties may differ
    floor = f"numpy log1p + exp of {len(mean) / 1e3:.0f}k", best_of(lambda: np.exp(-np.log1p(mean)), 9)
    versus(lambda: negative_binomial_interval(mean, spread, 0.9, low, high), pandas=pandas, floor=floor)


RADIUS = 600.0


def _pairs_by_merge(city, number, n_bins_x, radius):
    """Return the pairs within a radius: a merge on the nine surrounding bins, then the distance."""
    cells = pd.DataFrame({"cell": np.arange(city.n_cells), "x": city.x, "y": city.y, "bin": number})
    steps = [dy * n_bins_x + dx for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    around = pd.concat([cells.assign(bin=cells["bin"] + step) for step in steps])
    pairs = around.merge(cells, on="bin", suffixes=("", "_to"))
    distance = np.sqrt((pairs["x"] - pairs["x_to"]) ** 2 + (pairs["y"] - pairs["y_to"]) ** 2)
    # A step off the left or right edge is the other end of the next row of bins: too far, so dropped here.
    return pairs[["cell", "cell_to"]].assign(distance=distance)[distance <= radius]


def test_count_within(versus, panel):
    city, bins = panel.city, binned(panel.city, RADIUS)
    out, tree, points = np.empty(city.n_cells, np.int64), cKDTree(np.c_[city.x, city.y]), np.c_[city.x, city.y]
    number, n_bins_x = bins[3] * bins[6] + bins[2], bins[6]

    def pandas():
        return _pairs_by_merge(city, number, n_bins_x, RADIUS).groupby("cell").size()

    def numpy():
        return tree.query_ball_point(points, RADIUS, return_length=True)

    count_within(*bins, out)
    assert (out == pandas()).all()
    assert (out == numpy()).all()
    versus(lambda: count_within(*bins, out), pandas=pandas, numpy=numpy, floor=_distances(bins))


def _distances(bins):
    """Return the bound of a kernel that looks at every pair of points of neighbouring bins: numpy's arithmetic."""
    held = np.diff(bins[4]).reshape(-1, bins[6]).astype(np.int64)
    padded = np.pad(held, 1)
    rows, columns = held.shape
    pairs = sum(int((held * padded[i : i + rows, j : j + columns]).sum()) for i in range(3) for j in range(3))
    a, b = np.random.default_rng(0).random((2, 4096))  # in the nearest cache: arithmetic alone
    out = np.empty_like(a)

    def squared():
        np.subtract(a, b, out=out)
        np.multiply(out, out, out=out)
        np.multiply(b, b, out=b)
        np.add(out, b, out=out)
        np.less_equal(out, 0.5)

    return f"numpy {pairs / 1e6:.1f}M distances", best_of(squared, 200) / len(a) * pairs


def test_fill_within(versus, panel):
    city, bins, near = panel.city, binned(panel.city, RADIUS), within(panel.city, RADIUS)
    indices, distance = np.empty_like(near.indices), np.empty_like(near.weight)
    number, n_bins_x = bins[3] * bins[6] + bins[2], bins[6]
    tree = cKDTree(np.c_[city.x, city.y])

    def pandas():
        return _pairs_by_merge(city, number, n_bins_x, RADIUS).sort_values("cell")

    def numpy():
        return tree.sparse_distance_matrix(tree, RADIUS, output_type="coo_matrix").tocsr()

    fill_within(*bins, near.indptr, indices, distance)
    assert distance.sum(dtype=np.float64) == pytest.approx(pandas()["distance"].sum(), rel=1e-6)
    assert distance.sum(dtype=np.float64) == pytest.approx(numpy().sum(), rel=1e-6)
    versus(
        lambda: fill_within(*bins, near.indptr, indices, distance), pandas=pandas, numpy=numpy, floor=_distances(bins)
    )


def test_gaussian_rows(versus, panel):
    near, area = within(panel.city, 2.5 * 600), panel.city.area_km2
    row = np.repeat(np.arange(panel.city.n_cells), np.diff(near.indptr))
    frame = pd.DataFrame({"row": row, "to": near.indices, "distance": near.weight})
    out = np.empty_like(near.weight)

    def pandas():
        weight = area[frame["to"]] * np.exp(-0.5 * (frame["distance"] / 600.0) ** 2)
        return weight / weight.groupby(frame["row"]).transform("sum")

    def numpy():
        weight = area[near.indices] * np.exp(-0.5 * (near.weight / np.float32(600.0)) ** 2)
        return weight / np.repeat(np.add.reduceat(weight, near.indptr[:-1]), np.diff(near.indptr))

    gaussian_rows(near.indptr, near.indices, near.weight, area, 600.0, out)
    np.testing.assert_allclose(out, pandas(), rtol=1e-4)
    np.testing.assert_allclose(out, numpy(), rtol=1e-4)
    exponent = -0.5 * (near.weight.astype(np.float64) / 600.0) ** 2
    floor = f"numpy exp of {len(row) / 1e6:.1f}M float64", best_of(lambda: np.exp(exponent), 5)
    versus(
        lambda: gaussian_rows(near.indptr, near.indices, near.weight, area, 600.0, out),
        pandas=pandas, numpy=numpy, floor=floor,
    )  # fmt: skip


def test_neighbour_sum(versus, panel):
    near = within(panel.city, RADIUS)
    values = np.random.default_rng(0).poisson(0.2, (panel.city.n_cells, len(panel.kinds))).astype(np.float64)
    row = np.repeat(np.arange(panel.city.n_cells), np.diff(near.indptr))
    graph = sparse.csr_array((np.ones(len(near.indices)), near.indices, near.indptr), shape=(panel.city.n_cells,) * 2)
    frame, out = pd.DataFrame(values), np.empty_like(values)

    def pandas():
        return frame.take(near.indices).groupby(row).sum()

    neighbour_sum(values, near.indptr, near.indices, out)
    np.testing.assert_allclose(out, pandas())
    np.testing.assert_allclose(out, graph @ values)
    moved = len(row) * (4 + values.shape[1] * 8) + out.nbytes  # an index and a row of values per pair
    versus(
        lambda: neighbour_sum(values, near.indptr, near.indices, out),
        pandas=pandas, numpy=lambda: graph @ values, moved=moved,
    )  # fmt: skip


def test_closed_tours(versus):
    """A week of 60 units in 21 shifts, 12 stops each in a square kilometre or so; the twin is plain Python."""
    rng = np.random.default_rng(0)
    indptr = np.arange(0, 60 * 21 * 12 + 1, 12)
    x, y = rng.uniform(0, 1000, (2, indptr[-1]))
    tour, other = np.empty(len(x), np.int64), np.empty(len(x), np.int64)
    closed_tours(x, y, indptr, tour)
    naive.closed_tours(x.tolist(), y.tolist(), indptr.tolist(), other)
    assert (tour == other).all()
    versus(
        lambda: closed_tours(x, y, indptr, tour),
        pandas=lambda: naive.closed_tours(x.tolist(), y.tolist(), indptr.tolist(), other),
        name="closed_tours (twin: plain Python)",
    )


def test_count_pairs(versus):
    """A million pairs of 50,000 events, bands of 0 to 1, 2 to 7, 8 to 14 and 15 to 28 days."""
    rng = np.random.default_rng(0)
    left = np.sort(rng.integers(0, 50_000, 1_000_000)).astype(np.int32)
    right = ((left + rng.integers(1, 200, len(left))) % 50_000).astype(np.int32)
    near = rng.integers(0, 5, len(left)).astype(np.int8)
    day = rng.integers(0, 365, 50_000).astype(np.int32)
    band = np.searchsorted([1, 7, 14, 28], np.arange(29)).astype(np.int8)
    out = np.zeros((5, 4), np.int64)
    frame = pd.DataFrame({"left": left, "right": right, "near": near})

    def numpy():
        apart = np.abs(day[left] - day[right])
        kept = apart < len(band)
        return np.bincount(near[kept] * np.int64(4) + band[apart[kept]], minlength=20).reshape(5, 4)

    def pandas():
        apart = np.abs(day[frame["left"]] - day[frame["right"]])
        kept = frame.loc[apart < len(band), ["near"]].assign(band=band[apart[apart < len(band)]])
        return kept.groupby(["near", "band"]).size().to_numpy().reshape(5, 4)

    count_pairs(left, right, near, day, band, out)
    assert (out == numpy()).all()
    assert (out == pandas()).all()
    versus(
        lambda: count_pairs(left, right, near, day, band, out),
        pandas=pandas, numpy=numpy, moved=len(left) * 9,
    )  # fmt: skip


def test_spread(versus, history, kernel):
    city = history.training.space.city
    values = np.random.default_rng(0).poisson(1.0, (city.n_cells, 5)).astype(np.float64)
    row = np.repeat(np.arange(city.n_cells), np.diff(kernel.indptr))
    pairs = pd.DataFrame({"from": row, "to": kernel.indices, "weight": kernel.weight.astype(np.float64)})
    graph = sparse.csr_matrix((kernel.weight.astype(np.float64), kernel.indices, kernel.indptr))
    out = np.zeros_like(values)

    def run():
        out[:] = 0.0
        spread(values, kernel.indptr, kernel.indices, kernel.weight, out)
        return out

    def pandas():
        sent = pd.DataFrame(values).take(pairs["from"]).mul(pairs["weight"].to_numpy(), axis=0)
        return sent.groupby(pairs["to"].to_numpy()).sum()

    np.testing.assert_allclose(run(), pandas(), rtol=1e-6)
    np.testing.assert_allclose(run(), graph.T @ values, rtol=1e-6)
    moved = len(row) * (4 + 4 + 2 * 8 * values.shape[1])  # index, weight, one row read and written
    versus(run, pandas=pandas, numpy=lambda: graph.T @ values, moved=moved)


def test_excitation_pass(versus, history):
    """Against the sum over pairs by merge, for the events of a year of one kind on a tenth of the city."""
    panel = history.training.panel
    rows = np.flatnonzero(
        (panel.kind == 4) & (panel.day >= panel.n_days - 364) & (panel.cell < panel.city.n_cells // 10)
    )
    near, square = gaussian_within(panel.city, 150.0)
    day, cell = panel.day[rows].astype(np.float64), panel.cell[rows].astype(np.int64)
    calm, chance, sums = np.full(len(rows), 1e-3), np.empty(len(rows)), np.empty(3)

    def run():
        state = np.zeros((panel.city.n_cells, 4))
        excitation_pass(
            day, cell, near.indptr, near.indices, near.weight, square, calm, state, 0.3, 0.1, chance, sums
        )  # fmt: skip
        return chance

    links = pd.DataFrame(
        {"cell": np.repeat(np.arange(panel.city.n_cells), np.diff(near.indptr)), "to": near.indices, "w": near.weight}
    )
    events = pd.DataFrame({"i": np.arange(len(rows)), "day": day, "cell": cell})

    def pandas():
        sent = events.merge(links, on="cell").merge(events, left_on="to", right_on="cell", suffixes=("", "_of"))
        sent = sent[sent["day_of"] > sent["day"]]
        q = np.exp(-0.1)
        part = 0.3 * (1 - q) * q ** (sent["day_of"] - sent["day"] - 1) * sent["w"]
        excited = part.groupby(sent["i_of"]).sum().reindex(events["i"], fill_value=0.0)
        return (1e-3 / (1e-3 + excited)).to_numpy()

    np.testing.assert_allclose(run(), pandas(), rtol=1e-4)
    moved = int(np.diff(near.indptr)[cell].sum()) * (4 + 4 + 4 + 2 * 32)
    versus(run, pandas=pandas, moved=moved)


COVER = 0.3, 0.7  # share of a visit's effect around, and a of its value


@pytest.fixture(scope="module")
def shift_to_cover():
    """2,500 squares in 25 districts with room for 36 visits each."""
    n, side = 2_500, 50
    rng = np.random.default_rng(0)
    row, column = np.divmod(np.arange(n), side)
    near = (abs(row[:, None] - row) <= 1) & (abs(column[:, None] - column) <= 1) & ~np.eye(n, dtype=bool)
    around = sparse.csr_array(near.astype(float))
    zone = (row // 10 * 5 + column // 10).astype(np.int32)
    indptr, indices = around.indptr.astype(np.int32), around.indices.astype(np.int32)
    return rng.gamma(0.3, 1.0, n), zone, np.full(n, 3, np.int32), np.full(25, 36, np.int32), indptr, indices, around


def test_greedy_cover(versus, shift_to_cover):
    value, zone, cap, room, indptr, indices, around = shift_to_cover
    share, a = COVER

    def run():
        blocks = np.zeros(len(value), np.int32)
        greedy_cover(
            value, zone, cap, room, indptr, indices, share, a, blocks, np.zeros(len(value)), np.zeros(len(value))
        )
        return blocks

    def pandas():
        blocks, left = np.zeros(len(value), np.int32), pd.Series(room)
        for _ in range(int(room.sum())):
            calm = value * np.exp(-a * (blocks + share * (around @ blocks)))
            gain = pd.Series(calm * -np.expm1(-a) + (around @ calm) * -np.expm1(-a * share))
            best = int(gain.where((blocks < cap) & (left.to_numpy()[zone] > 0), -1.0).to_numpy().argmax())
            blocks[best] += 1
            left[zone[best]] -= 1
        return blocks

    assert (run() == pandas()).mean() > 0.99  # equal gains may fall either way
    versus(run, pandas=pandas, moved=int(room.sum()) * len(value) * 8)


def test_swap_cover(versus, shift_to_cover):
    value, zone, cap, room, indptr, indices, around = shift_to_cover
    share, a = COVER
    start, dose, gain = np.zeros(len(value), np.int32), np.zeros(len(value)), np.zeros(len(value))
    greedy_cover(value, zone, cap, room, indptr, indices, share, a, start, dose, gain)

    def run():
        blocks, mine = start.copy(), dose.copy()
        swap_cover(value, zone, cap, indptr, indices, share, a, blocks, mine, gain.copy(), 40)
        return blocks

    def pandas():
        """One look at every block that could leave: what the kernel does again after each move."""
        calm = value * np.exp(-a * (start + share * (around @ start)))
        loss = pd.DataFrame({"zone": zone, "loss": calm * np.expm1(a) + (around @ calm) * np.expm1(a * share)})
        return loss[start > 0].groupby("zone")["loss"].min().to_numpy()

    def worth(blocks):
        return (value * -np.expm1(-a * (blocks + share * (around @ blocks)))).sum()

    assert worth(run()) >= worth(start) * (1 - 1e-12)
    assert len(pandas()) == 25
    versus(run, pandas=pandas, moved=int(start.sum()) * len(value) * 8)


def test_team_orienteering(versus):
    """Twenty steps on 60 visits and three tours; the twin is plain Python."""
    rng = np.random.default_rng(0)
    x, y, prize = *rng.uniform(0, 20, (2, 62)), rng.integers(1, 20, 60).astype(float)
    cost = np.hypot(x[:, None] - x, y[:, None] - y)
    near = np.argsort(cost[:60, :60], axis=1, kind="stable")
    most, met = float(cost[60, 61] + 20), np.zeros((0, 3, 61), np.int64)

    def run(steps):
        tours, size = np.full((3, 62), 60, np.int64), np.zeros(3, np.int64)
        tours[:, 1] = 61
        team_orienteering(cost, prize, most, near, np.array([1], np.uint64), steps, steps, 0.005, 0.2, tours, size, met)
        return [tours[r, : size[r] + 2].tolist() for r in range(3)]

    def plain(steps):
        return naive.team_orienteering(
            cost.tolist(), prize.tolist(), most, near.tolist(), [1], steps, steps, 0.005, 0.2, [[60, 61]] * 3
        )

    assert run(20) == plain(20)
    versus(lambda: run(20), pandas=lambda: plain(20), name="team_orienteering, 20 steps (twin: plain Python)")


@pytest.fixture(scope="module")
def timed(panel):
    return Timed.from_panel(panel)


def test_smear(versus, panel, timed):
    matrix = np.tile(smoothing(np.ones((1, N_BINS))), (len(panel.kinds), 1, 1))
    shape = len(panel.kinds), panel.city.n_cells, N_BINS
    place = timed.kind * panel.city.n_cells + timed.cell

    def numpy(out):
        flat = np.bincount(place * N_BINS + timed.column, timed.weight, np.prod(shape)).reshape(shape)
        out[:] = np.einsum("kcb,kbj->kcj", flat, matrix)

    def pandas(out):
        table = pd.DataFrame({"place": place, "bin": timed.column, "weight": timed.weight})
        wide = table.pivot_table(index="place", columns="bin", values="weight", aggfunc="sum", fill_value=0.0)
        wide = wide.reindex(columns=range(N_BINS), fill_value=0.0)
        out.reshape(-1, N_BINS)[wide.index] = wide.to_numpy() @ matrix[0]

    def run(out):
        out[:] = 0
        smear(timed.kind, timed.cell, timed.column, timed.weight, matrix, out)

    results = [np.zeros(shape, np.float32) for _ in range(3)]
    for method, out in zip((run, pandas, numpy), results, strict=True):
        method(out)
        np.testing.assert_allclose(out, results[0], rtol=1e-3, atol=1e-4)
    versus(lambda: run(results[0]), pandas=lambda: pandas(results[1]), numpy=lambda: numpy(results[2]),
           moved=2 * results[0].nbytes)  # fmt: skip


@pytest.fixture(scope="module")
def typed(panel, timed):
    """Return counts of places by kind and block, and types to compare them with."""
    width = len(panel.kinds) * BLOCKS
    column = timed.kind * BLOCKS + block_of(timed.column)
    counts = sparse.coo_array((timed.weight, (timed.cell, column)), shape=(panel.city.n_cells, width)).tocsr()
    rng = np.random.default_rng(0)
    return counts, rng.dirichlet(np.ones(width), N_TYPES).T, rng.dirichlet(np.ones(N_TYPES))


def test_memberships(versus, typed):
    counts, theta, share = typed
    parts, out = counts.indptr.astype(np.int64), np.empty((counts.shape[0], N_TYPES))
    logs, frame = (np.log(theta), np.log(share)), pd.DataFrame(counts.toarray())

    def numpy():
        raw = counts @ logs[0] + logs[1]
        raw = np.exp(raw - raw.max(axis=1, keepdims=True))
        return raw / raw.sum(axis=1, keepdims=True)

    def pandas():
        raw = frame.dot(logs[0]).add(logs[1], axis=1)
        raw = np.exp(raw.sub(raw.max(axis=1), axis=0))
        return raw.div(raw.sum(axis=1), axis=0)

    def run():
        memberships(parts, counts.indices, counts.data, *logs, 1.0, out)

    run()
    np.testing.assert_allclose(out, numpy(), rtol=1e-8)
    versus(run, pandas=pandas, numpy=numpy, moved=counts.data.nbytes + counts.indices.nbytes + 3 * out.nbytes)


def test_type_counts(versus, typed):
    counts, theta, _ = typed
    parts, out = counts.indptr.astype(np.int64), np.zeros(theta.shape)
    members = np.random.default_rng(1).dirichlet(np.ones(N_TYPES), counts.shape[0])
    frame = pd.DataFrame(counts.toarray())

    def run():
        out[:] = 0
        type_counts(parts, counts.indices, counts.data, members, out)

    run()
    np.testing.assert_allclose(out, counts.T @ members, rtol=1e-8)
    versus(run, pandas=lambda: frame.T.dot(members), numpy=lambda: counts.T @ members,
           moved=counts.data.nbytes + counts.indices.nbytes + members.nbytes)  # fmt: skip


def crew_of_four():
    """48 visits of 15 minutes in 16 places within 2 km, four units with a break each, eight hours, windows of three."""
    rng = np.random.default_rng(0)
    x, y = rng.uniform(0, 2, (2, 16))
    n = 52
    earliest = np.where(np.arange(n) < 48, rng.integers(0, 300, n), 144.0)
    return Orienteering(
        travel=1.3 * np.hypot(x[:, None] - x, y[:, None] - y)[None] / 25 * 60, place=rng.integers(0, 16, n),
        service=np.repeat([15.0, 30.0], [48, 4]), work=np.repeat([15.0, 0.0], [48, 4]),
        prize=np.repeat([1.0, 0.0], [48, 4]) * rng.gamma(1.0, 1.0, n), earliest=earliest,
        latest=np.where(np.arange(n) < 48, np.minimum(earliest + 180, 465), 330.0),
        only=np.r_[np.full(48, -1), np.arange(4)], speed=np.zeros(4, int), start=np.full(4, -1), stop=np.full(4, -1),
        begin=np.zeros(4), end=np.full(4, 480.0), budget=np.full(4, 240.0),
    )  # fmt: skip


def test_tour_times(versus):
    """A tour of twelve visits and a break."""
    problem = crew_of_four()
    order = insertions(problem, 1)[0][0]
    (first, last), rows, table = np.empty((2, len(order)), np.int64), np.array(order), problem.table

    def run():
        return tour_times(
            problem.travel[0], table.place, table.service, table.work, table.earliest, table.latest, problem.is_break,
            rows, int(problem.start[0]), 240.0, 0, 480, first, last,
        )  # fmt: skip

    assert run()
    assert (first.tolist(), last.tolist()) == naive.tour_times(problem, 0, order)
    versus(run, pandas=lambda: naive.tour_times(problem, 0, order), name="tour_times, 13 stops (twin: plain Python)")


def insertions(problem, n):
    """Return n variants of tours, all within the windows at large."""
    own, shape = problem.table, (n, len(problem.place))
    tours, size = np.zeros((n, problem.n_units, shape[1] + 1), np.int64), np.zeros((n, problem.n_units), np.int64)
    opens, closes = (np.tile(one, (n, 1)) for one in (own.earliest, own.latest))
    sequence = np.tile(np.lexsort((-problem.prize, problem.only < 0)), (n, 1))
    made, spent = np.zeros(shape, bool), np.zeros(n)
    insert_visits(
        own.travel, own.speed, own.place, own.service, own.work, own.earliest, own.latest, opens, closes,
        problem.is_break, own.only, own.start, own.budget, own.begin, own.end, sequence, made, tours, size, spent,
    )  # fmt: skip
    return [[tours[v, u, :k].tolist() for u, k in enumerate(size[v].tolist())] for v in range(n)]


def test_insert_visits(versus):
    """One variant of the tours of four units and 48 visits."""
    problem = crew_of_four()
    sequence = np.lexsort((-problem.prize, problem.only < 0)).tolist()

    def plain():
        return naive.insert_visits(problem, problem, sequence)

    assert insertions(problem, 1)[0] == plain()
    versus(lambda: insertions(problem, 1), pandas=plain, name="insert_visits (twin: plain Python)")
