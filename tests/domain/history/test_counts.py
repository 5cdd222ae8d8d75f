from __future__ import annotations

import datetime as dt
from collections import deque

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

import allocator as al
from allocator.config import BoostedOptions, RiskSection
from allocator.domain import Panel, Tessellation
from allocator.errors import ConfigError, DataError
from allocator.facts import texts
from allocator.risk.features.histories import within
from allocator.risk.fit import fit_all

OPTIONS = RiskSection(train_weeks=12, holdout_weeks=3, threads=1, boosted=BoostedOptions(rounds=30, rows=20_000))
SIDE, KINDS = 8, ("theft", "assault")


def queen(side):
    row, column = np.divmod(np.arange(side * side), side)
    return ((abs(row[:, None] - row) <= 1) & (abs(column[:, None] - column) <= 1)).astype(int)


def made(n_periods=180, n_regions=SIDE * SIDE, seed=0):
    rng = np.random.default_rng(seed)
    return rng.poisson(rng.gamma(0.5, 0.5, (n_regions, 2)), (n_periods, n_regions, 2)).astype(float)


def panel_of(counts, adjacency=None, **more):
    more = {"first_day": "2015-01-01"} | more
    return Panel.from_counts(counts, queen(SIDE) if adjacency is None else adjacency, **more)


@pytest.mark.parametrize("period", ["1D", "7D", "1M"])
def test_counts_come_back_as_they_were_given(period):
    counts = made(30)
    panel = panel_of(counts, period=period, kinds=KINDS)
    np.testing.assert_array_equal(panel.counts, counts)
    assert (panel.kinds, panel.n_periods, panel.first_day) == (KINDS, 30, dt.date(2015, 1, 1))
    assert (np.diff(panel.day) >= 0).all()


def test_events_of_a_longer_period_favour_no_day():
    days = panel_of(made(50), period="7D").day % 7
    share = np.bincount(days, minlength=7) / len(days)
    np.testing.assert_allclose(share, 1 / 7, atol=0.005)


def test_every_form_of_an_adjacency_gives_the_same_regions():
    dense = queen(SIDE)
    csr = sparse.csr_matrix(dense)
    forms = (dense, dense.tolist(), csr, sparse.coo_array(dense), (csr.indptr, csr.indices))
    for city in map(Tessellation.regions, forms):
        assert np.diff(city.indptr).max() == 8  # links of regions to themselves are left out
        np.testing.assert_array_equal(city.indices, Tessellation.squares(square_area(), 150).indices)


def square_area():
    import shapely

    from allocator.domain import Area

    polygons = np.empty(1, dtype=object)
    polygons[0] = shapely.box(0, 0, 150 * SIDE, 150 * SIDE)
    return Area(polygons, ("1",), "EPSG:32616")


@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(0, 5))
@settings(max_examples=40, deadline=None)
def test_distances_without_coordinates_are_steps(seed, n, most):
    rng = np.random.default_rng(seed)
    links = np.triu(rng.random((n, n)) < 0.15, 1)
    links = links | links.T
    near = within(Tessellation.regions(links), 150.0 * most)
    for start in range(n):
        steps, queue = {start: 0}, deque([start])
        while queue:
            at = queue.popleft()
            for other in np.flatnonzero(links[at]).tolist():
                if other not in steps:
                    steps[other] = steps[at] + 1
                    queue.append(other)
        row = slice(near.indptr[start], near.indptr[start + 1])
        found = dict(zip(near.indices[row].tolist(), near.weight[row].tolist(), strict=True))
        assert found == {k: 150.0 * v for k, v in steps.items() if v <= most}


def test_too_many_pairs_are_refused(monkeypatch):
    monkeypatch.setattr("allocator.risk.features.histories.MAX_PAIRS", 100)
    with pytest.raises(ConfigError, match="64 regions have 484 pairs within 1 steps"):
        within(Tessellation.regions(queen(SIDE)), 300.0)


def test_regions_without_coordinates_are_fitted_forecast_and_scored():
    panel = panel_of(made(), kinds=KINDS)
    surface = al.fit(panel, horizon=7, options=OPTIONS).forecast()
    assert surface.mean.shape == (1, SIDE * SIDE, 2)
    assert surface.mean.sum() == pytest.approx(panel.count.sum() / 180 * 7, rel=0.2)
    assert "within 300 m" in surface.explain([3]).reason[0]
    card = al.backtest(panel, models=["historic_mean", "kde", "near_repeat", "auto"], folds=2, options=OPTIONS)
    scores = card.table().set_index(["kind", "model"]).loglik["all"]
    assert scores["auto"] > scores["kde"]  # independent regions: smoothing must not help


def test_a_horizon_counts_periods():
    counts = made(60)
    weekly = panel_of(counts, period="7D")
    fitted = al.fit(weekly, "mixture", horizon=2, options=OPTIONS)
    assert fitted.horizon == 14
    assert fitted.forecast().mean.sum() == pytest.approx(2 * counts.sum() / 60, rel=0.15)
    assert "months are taken as 30 days each" in panel_of(counts, period="1M").notes[0].text


def test_counts_of_squares_forecast_as_the_squares_do(synthetic_city, synthetic_events):
    squares = Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 300))
    city = squares.city
    labels = [city.districts[row] for row in city.district]
    regions = Tessellation.regions(
        (city.indptr, city.indices), x=city.x, y=city.y, area_km2=city.area_km2, districts=labels
    )
    assert regions.size_m == pytest.approx(300, rel=0.2)
    counts = Panel.from_counts(
        squares.counts, regions, first_day=squares.first_day, kinds=squares.kinds, timezone=squares.timezone
    )
    mine, theirs = (fit_all(one, ["historic_mean", "kde", "boosted"], options=OPTIONS) for one in (counts, squares))
    for model in ("historic_mean", "kde"):
        np.testing.assert_allclose(mine[model].rate, theirs[model].rate, rtol=1e-5)
    one, other = mine["boosted"].rate, theirs["boosted"].rate
    np.testing.assert_allclose(one.sum(), other.sum(), rtol=1e-3)
    assert np.corrcoef(one.ravel(), other.ravel())[0, 1] > 0.99


def test_a_tessellation_may_stand_for_the_adjacency():
    city = Tessellation.squares(square_area(), 150)
    assert panel_of(made(10), city).city is city
    with pytest.raises(DataError, match="has its own areas"):
        panel_of(made(10), city, area_km2=city.area_km2)


def test_what_was_not_observed_is_masked_and_said():
    counts = made(180)
    counts[100:130, :, 1] = np.nan
    panel = panel_of(counts, kinds=KINDS)
    assert tuple(texts(panel.notes)) == ("30 of 360 periods and kinds were not observed: masked",)
    assert not panel.days_observed[100:130, 1].any()
    assert panel.days_observed[:, 0].all()
    rate = al.fit(panel, "historic_mean", options=OPTIONS).rate[1].sum()
    assert rate == pytest.approx(np.nansum(counts[:, :, 1]) / 150 * 7, rel=0.1)
    weekly = panel_of(np.where(np.arange(20)[:, None, None] == 3, np.nan, made(20)), period="1W")
    assert np.flatnonzero(~weekly.days_observed[:, 0]).tolist() == list(range(21, 28))


def test_labels_mask_the_periods_that_are_left_out():
    days = [dt.date(2015, 1, 1) + dt.timedelta(7 * k) for k in range(20) if k not in (4, 5)]
    panel = panel_of(made(18), period="7D", labels=days)
    assert (panel.n_periods, (~panel.days_observed[:, 0]).sum()) == (20, 14)
    np.testing.assert_array_equal(panel.counts[[*range(4), *range(6, 20)]], made(18))


LABELS = ["2015-01-01", "2015-01-02", "2015-01-03"]
FAULTS = {
    "2 of 384 counts are negative, the first in period 1, region 2, kind 0: -1": {(1, 2, 0): -1, (2, 0, 0): -3},
    "1 of 384 counts are fractions, the first in period 0, region 5, kind 1: 0.5": {(0, 5, 1): 0.5},
    "1 of 384 counts are infinite": {(0, 5, 1): np.inf},
    "1 of 384 counts are missing while other regions of the period have counts": {(2, 7, 0): np.nan},
}


@pytest.mark.parametrize("message", FAULTS)
def test_counts_that_cannot_be_are_refused_with_numbers(message):
    counts = made(3)
    for place, value in FAULTS[message].items():
        counts[place] = value
    with pytest.raises(DataError) as caught:
        panel_of(counts)
    assert message in str(caught.value)


def test_all_faults_of_the_counts_are_told_at_once():
    counts = made(3)
    counts[0, 0, 0], counts[1, 1, 1], counts[2, 2, 0] = -1, 0.5, np.inf
    with pytest.raises(DataError) as caught:
        panel_of(counts)
    assert len(caught.value.faults) == 3


def loose(at):
    graph = queen(SIDE)
    graph[at] = 1
    return graph


WRONG = {
    "the counts are of 60 regions, the adjacency of 64": lambda: panel_of(made(3, 64)[:, :60]),
    "regions are the second axis": lambda: panel_of(made(3).transpose(1, 0, 2)),
    "must be of shape": lambda: panel_of(np.zeros((3, 64, 2, 1))),
    "no array of numbers": lambda: panel_of([["a", "b"]]),
    "add up to 0 events": lambda: panel_of(np.zeros((3, 64, 1))),
    "the counts are of 2 kinds, and each needs a name": lambda: panel_of(made(3), kinds=["a"]),
    "each needs a name of its own, not 'a', 'a'": lambda: panel_of(made(3), kinds=["a", "a"]),
    "1 pairs are linked one way only, such as": lambda: panel_of(made(3), loose((0, 60))),
    "2 entries that are neither 0 nor 1: 0.5": lambda: panel_of(made(3, 2), np.array([[0, 0.5], [0.5, 0]])),
    "must be square": lambda: panel_of(made(3), np.ones((64, 3))),
    "is no matrix of numbers": lambda: panel_of(made(3), [["a"]]),
    "is no CSR": lambda: panel_of(made(3), (np.array([0, 2, 1]), np.array([1, 0]))),
    "2 neighbours are no regions: 9, -1": lambda: panel_of(made(3), (np.array([0, 2]), np.array([9, -1]))),
    "1 period labels come more than once: '2015-01-02'": lambda: panel_of(made(3), labels=[*LABELS[:2], LABELS[1]]),
    "out of order: 2015-01-02 comes after 2015-01-03": lambda: panel_of(made(3), labels=[LABELS[0], *LABELS[:0:-1]]),
    "do not begin a whole number of periods": lambda: panel_of(made(3), labels=LABELS, period="2D"),
    "3 periods from 2015-01-01 on, and 2 labels": lambda: panel_of(made(3), labels=LABELS[:2]),
    "is no date": lambda: panel_of(made(3), first_day="1 May"),
    "need x and y, or neither": lambda: panel_of(made(3), x=np.zeros(64)),
    "x is missing or infinite for 64": lambda: panel_of(made(3), x=np.full(64, np.nan), y=np.zeros(64)),
    "area_km2 must have one value per region": lambda: panel_of(made(3), area_km2=[1.0]),
    "64 areas of 0 or less": lambda: panel_of(made(3), area_km2=np.zeros(64)),
}


@pytest.mark.parametrize("message", WRONG)
def test_what_does_not_fit_together_is_refused(message):
    with pytest.raises(DataError) as caught:
        WRONG[message]()
    assert message in str(caught.value)


def test_odd_but_possible_panels():
    counts = made(180)
    counts[:, :10] = 0  # regions in which nothing ever happened
    assert (al.fit(panel_of(counts), "mixture", options=OPTIONS).rate > 0).all()
    alone = panel_of(made(180, 1), [[1]])
    assert al.fit(alone, "mixture", options=OPTIONS).rate.shape == (2, 1)
    assert panel_of(made(1)).n_periods == 1
    with pytest.raises(DataError, match="longer than the history of 1 days"):
        al.fit(panel_of(made(1)), options=OPTIONS)
    with pytest.raises(ValueError, match="a whole number of days or weeks"):
        panel_of(made(3), period="1H")
