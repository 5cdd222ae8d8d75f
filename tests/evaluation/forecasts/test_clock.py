"""How well a backtest says when: sums of log shares against their plain definition."""

import dataclasses

import numpy as np
import pytest

from allocator import evaluation
from allocator.config import BoostedOptions, RiskSection
from allocator.domain import Panel, Tessellation, hours_of
from allocator.evaluation.forecasts.clock import FIRST_WATCH, WATCH_HOURS, Clocked
from allocator.risk.profile import fit_profile
from allocator.synthetic.ground import TIMEZONE

OPTIONS = RiskSection(train_weeks=12, holdout_weeks=2, boosted=BoostedOptions(rounds=5, rows=10_000))


@pytest.fixture(scope="module")
def panel(synthetic_city, synthetic_events):
    return Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 400))


@pytest.fixture(scope="module")
def card(panel):
    return evaluation.backtest(panel, models=["decay", "mixture"], folds=5, options=OPTIONS)


def test_log_shares_are_those_of_the_hours_and_watches_of_the_events(panel):
    week = panel.until(panel.stop_day).stop_day
    cutoff = week.fromordinal(week.toordinal() - 7)
    known = panel.until(cutoff)
    profile = fit_profile(known.netted)
    hours = profile.of(hours_of(cutoff, days=7, timezone=TIMEZONE))[0].astype(np.float64)
    found = Clocked.of(panel, profile, 7)
    rows, first = panel.netted, panel.day_index(cutoff)
    mine = np.flatnonzero((rows.day >= first) & (rows.minute >= 0))
    assert len(found.kind) == len(mine)
    hour = (rows.day[mine] - first) * 24 + rows.minute[mine] // 60
    for n in range(0, len(mine), 17):
        k, c, h = rows.kind[mine[n]], rows.cell[mine[n]], hour[n]
        assert found.hour[""][n, k] == pytest.approx(hours[h, k, c], rel=1e-4)
        start = h - (h - FIRST_WATCH) % WATCH_HOURS
        watch = hours[np.arange(start, start + WATCH_HOURS) % 168, k, c].sum()
        assert found.watch[""][n, k] == pytest.approx(watch, rel=1e-4)
    rates = np.random.default_rng(0).random((panel.city.n_cells, len(panel.kinds)))
    one = found.sums(1, rates)
    own = found.kind == 1
    assert one["timed"][0] == own.sum()
    assert one["watch_log"][0] == pytest.approx(np.log(found.watch[""][own, 1]).sum())
    assert one["hour_log_even"][0] == pytest.approx(-own.sum() * np.log(168))
    every = found.sums(len(panel.kinds), rates)
    weight = rates[found.cell]
    share = (found.hour[""] * weight).sum(axis=1) / weight.sum(axis=1)
    assert every["hour_log"][0] == pytest.approx(np.log(share).sum())


def test_the_profile_of_the_synthetic_city_is_better_than_even_hours(card):
    table = card.profiles().set_index(["kind", "span"])
    assert (table["over_even"] > 0).all()
    assert table.loc[("all", "watch"), "loglik"] > table.loc[("all", "hour"), "loglik"]
    scores = card.table().set_index(["kind", "model"])
    whole = scores.loc[("all", "mixture")]
    assert whole["loglik_watch"] == pytest.approx(table.loc[("all", "watch"), "loglik"])
    assert whole["loglik_watch"] < whole["loglik"]
    assert "by cell and watch" in card.summary()
    assert {"loglik_watch", "loglik_hour"} <= set(card.scores.columns)


def test_without_times_of_day_nothing_is_scored_by_the_clock(panel):
    card = evaluation.backtest(dataclasses.replace(panel, precision="day"), models=["decay"], folds=2, options=OPTIONS)
    assert card.profiles().empty
    assert np.isnan(card.table()["loglik_watch"]).all()
    assert "by cell and watch" not in card.summary()
