"""Published models and the level of the city: known values, twins and planted truths."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

from allocator import risk
from allocator.config import BoostedOptions, RiskSection
from allocator.domain import Panel, Tessellation, count_interval
from allocator.errors import ConfigError, DataError
from allocator.risk.features import level
from allocator.risk.features.daylight import daylight_hours, sun
from allocator.risk.features.histories import Space
from allocator.risk.models import baselines
from allocator.risk.models.baselines import Moment
from allocator.risk.models.glm import poisson_ridge
from allocator.risk.models.self_exciting import branching
from allocator.synthetic.ground import TIMEZONE

OPTIONS = RiskSection(train_weeks=30, holdout_weeks=4, boosted=BoostedOptions(rounds=30, rows=40_000))


@pytest.fixture(scope="module")
def panel(synthetic_city, synthetic_events):
    return Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 150))


@pytest.fixture(scope="module")
def space(panel):
    return Space.of(panel.city, half_lives=(10.0,), bandwidths=(150.0,))


def with_events(panel, *events, n_days=800, kinds=("A",)):
    """Return a panel of the same city with events (day, cell[, kind]) alone."""
    rows = sorted(events)
    columns = [np.array([row[i] if len(row) > i else 0 for row in rows]) for i in range(3)]
    return dataclasses.replace(
        panel, kinds=kinds, n_periods=n_days, day=columns[0].astype(np.int32), cell=columns[1].astype(np.int32),
        kind=columns[2].astype(np.int16), minute=np.full(len(rows), 600, np.int16), count=np.ones(len(rows), np.int8),
    )  # fmt: skip


@pytest.fixture(scope="module")
def middle(panel):
    """A cell in the middle of the city, and its neighbour to the east."""
    city = panel.city
    whole = np.isclose(city.area_km2, 0.0225)
    cell = int(np.argmin(np.hypot(city.x - city.x.mean(), city.y - city.y.mean()) + 1e6 * ~whole))
    east = int(np.argmin(np.hypot(city.x - city.x[cell] - 150, city.y - city.y[cell])))
    return cell, east


def test_prospective_weighs_half_cells_and_weeks(panel, space, middle):
    cell, east = middle
    few = with_events(panel, (99, cell), (89, cell), (20, cell))  # today, 10 days ago, and 79: too old
    rate = baselines.prospective(Moment(few, 100, 7, space))[0]
    assert rate[cell] == pytest.approx(1 + 1 / 2)
    assert rate[east] == pytest.approx((1 + 1 / 2) / (1 + 6))  # 150 m are six half cells of 25 m
    far = np.hypot(panel.city.x - panel.city.x[cell], panel.city.y - panel.city.y[cell]) > 400
    assert not rate[far].any()


def test_near_repeat_counts_rings_and_weeks(panel, space, middle):
    cell, east = middle
    few = with_events(panel, (99, cell), (90, cell), (50, cell))
    columns = baselines.near_repeat(Moment(few, 100, 7, space))[0]
    assert columns[cell].tolist() == pytest.approx([3 / 100 * 7, 1, 0, 0, 1, 0, 0])
    assert columns[east].tolist() == pytest.approx([0, 0, 1, 0, 0, 1, 0])


def test_decay_weighs_by_age(panel, space, middle):
    cell, _ = middle
    few = with_events(panel, (99, cell), (39, cell))
    rate = baselines.decay(Moment(few, 100, 7, space))[0]
    weights = np.exp(-np.arange(100) / 60)
    assert rate[cell] == pytest.approx((1 + np.exp(-1)) / weights.sum() * 7)


def test_seasonal_takes_the_same_weeks_of_earlier_years(panel, space, middle):
    cell, east = middle
    few = with_events(panel, (700 - 364, cell), (700 - 728 + 30, east), (690, east))
    rate = baselines.seasonal(Moment(few, 700, 7, space))[0]
    assert rate[cell] == pytest.approx(7 / 49)  # 7 + 2 × 21 days a year ago; two years ago lies before the history
    assert rate[east] == 0
    young = baselines.seasonal(Moment(few, 300, 7, space))[0]
    np.testing.assert_allclose(young, baselines.historic_mean(Moment(few, 300, 7, space))[0])


def test_empirical_bayes_is_marshalls_local_estimator(panel, space):
    rng, city = np.random.default_rng(0), panel.city
    few = with_events(panel, *zip(rng.integers(0, 200, 900), rng.choice(city.n_cells, 900), strict=True), n_days=200)
    rate = baselines.empirical_bayes(Moment(few, 200, 7, space))[0]
    n = np.bincount(few.cell, minlength=city.n_cells)
    exposure = city.area_km2 * 200
    for cell in rng.choice(city.n_cells, 12, replace=False):
        near = np.hypot(city.x - city.x[cell], city.y - city.y[cell]) <= 450
        e, x = exposure[near], n[near] / exposure[near]
        m = n[near].sum() / e.sum()
        a = max((e * (x - m) ** 2).sum() / e.sum() - m / e.mean(), 0.0)
        own = n[cell] / exposure[cell]
        shrunk = m + a / (a + m / exposure[cell]) * (own - m) if m else 0.0
        assert rate[cell] == pytest.approx(shrunk * city.area_km2[cell] * 7, rel=1e-6)


def test_poisson_ridge_is_the_penalised_optimum():
    rng = np.random.default_rng(1)
    design = np.concatenate([rng.normal(size=(600, 3)), np.ones((600, 1))], axis=1)
    counts = rng.poisson(np.exp(design @ [0.5, -0.3, 0.0, -0.5])).astype(float)
    weight = rng.uniform(0.5, 3, 600)

    def loss(beta):
        raw = design @ beta
        return (weight * (np.exp(raw) - counts * raw)).sum() + 0.5 * 2.0 * (beta[:3] ** 2).sum()

    found = poisson_ridge(design, counts, weight, 2.0)
    np.testing.assert_allclose(found, minimize(loss, np.zeros(4), tol=1e-12).x, atol=1e-3)
    np.testing.assert_allclose(found, [0.5, -0.3, 0.0, -0.5], atol=0.15)


def test_the_self_exciting_process_finds_planted_offspring(panel, middle):
    rng, city = np.random.default_rng(2), panel.city
    inner = np.flatnonzero(np.hypot(city.x - city.x.mean(), city.y - city.y.mean()) < 1500)
    calm = [
        (float(day), int(cell)) for day, cell in zip(rng.uniform(0, 600, 3000), rng.choice(inner, 3000), strict=True)
    ]
    events, waiting = [], list(calm)
    while waiting:
        day, cell = waiting.pop()
        events.append((int(day), cell))
        for _ in range(rng.poisson(0.4)):
            later = day + 1 + rng.exponential(5)
            x, y = city.x[cell] + rng.normal(0, 120), city.y[cell] + rng.normal(0, 120)
            if later < 600 and (at := int(city.locate([x], [y])[0])) >= 0:
                waiting.append((later, at))
    space = Space.of(city, half_lives=(10.0,), bandwidths=(150.0,))
    excited = branching(with_events(panel, *events, n_days=600), 0, 600, space.kernels[1])
    assert excited.offspring == pytest.approx(0.4, abs=0.12)
    assert 1 / excited.decay == pytest.approx(6, abs=3)
    assert excited.sigma_m == pytest.approx(120, abs=60)
    plain = [(int(day), cell) for day, cell in calm]
    assert branching(with_events(panel, *plain, n_days=600), 0, 600, space.kernels[1]).offspring < 0.15
    one = branching(with_events(panel, (5, middle[0]), n_days=600), 0, 600, space.kernels[1])
    assert one.offspring == 0


# --- the level of the city ---------------------------------------------------------------------------------------


def series(days, *, base=40.0, season=0.3, weekday=0.2, trend=0.0, seed=0):
    """Return daily Poisson counts from 2015-01-05 (a Monday), and their means."""
    day = np.arange(days)
    angle = 2 * np.pi * (day + dt.date(2015, 1, 5).toordinal()) / 365.2425
    log = np.log(base) + season * np.cos(angle) + weekday * (day % 7 >= 5) + trend * day / 365
    return np.random.default_rng(seed).poisson(np.exp(log)).astype(float), np.exp(log)


@pytest.mark.parametrize("horizon", [1, 7, 28, 90])
@pytest.mark.parametrize("days", [540, 1095])
def test_the_level_follows_season_weekday_and_trend(days, horizon):
    counts, mean = series(days + 90, trend=-0.2)
    calendar = level.Calendar(dt.date(2015, 1, 5))
    found = level.outlook(counts[:days], np.ones(days, bool), calendar, horizon=horizon)
    truth = mean[days : days + horizon].sum()
    assert found.expected == pytest.approx(truth, rel=0.08 if horizon < 90 else 0.15)
    assert 0 <= found.dispersion < 0.01


def test_the_level_knows_holidays():
    counts, _ = series(1095, season=0.0, weekday=0.0)
    calendar = level.Calendar(dt.date(2015, 1, 5), "US")
    christmas = [(dt.date(year, 12, 25) - dt.date(2015, 1, 5)).days for year in (2015, 2016)]
    counts[christmas] *= 0.3
    before = (dt.date(2017, 12, 25) - dt.date(2015, 1, 5)).days
    found = level.outlook(counts[:before], np.ones(before, bool), calendar, horizon=1)
    assert found.expected < 0.6 * 40
    unaware = level.outlook(counts[:before], np.ones(before, bool), level.Calendar(dt.date(2015, 1, 5)), horizon=1)
    assert unaware.expected > 0.9 * 40


def test_days_that_are_not_covered_are_no_zeros():
    counts, mean = series(900)
    known = np.ones(900, bool)
    known[300:500] = False
    counts[300:500] = 0
    found = level.outlook(counts, known, level.Calendar(dt.date(2015, 1, 5)), horizon=7)
    assert found.expected == pytest.approx(mean[-7:].sum(), rel=0.12)


def test_too_little_history_has_no_level():
    calendar = level.Calendar(dt.date(2015, 1, 5))
    assert level.outlook(np.ones(40), np.ones(40, bool), calendar, horizon=7) is None
    assert level.outlook(np.zeros(400), np.ones(400, bool), calendar, horizon=7) is None


@given(st.integers(0, 1000), st.floats(0.2, 60))
@settings(max_examples=25, deadline=None)
def test_the_level_is_finite_and_near_the_mean_of_any_steady_series(seed, base):
    counts = np.random.default_rng(seed).poisson(base / 7, 420).astype(float)
    found = level.outlook(counts, np.ones(420, bool), level.Calendar(dt.date(2020, 2, 29), "US"), horizon=7)
    assert found is None or 0.3 * base < found.expected < 3 * base


def test_unknown_countries_have_no_holidays():
    assert level.feast_days("XX", 2020) == ()
    assert level.feast_days("", 2020) == ()
    assert any("Independence" in name for _, name in level.feast_days("US", 2020))


# --- gaps --------------------------------------------------------------------------------------------------------


def cut(panel, first, stop, kind):
    """Return the panel without the events of one kind in some days."""
    kept = ~((panel.kind == kind) & (panel.day >= first) & (panel.day < stop))
    return panel.take(kept)


def test_a_missing_month_is_masked_and_said(panel):
    gappy = cut(panel, 200, 230, 3)
    found = gappy.find_gaps()
    assert [(kind, a <= 200, b >= 230) for kind, a, b in found] == [(3, True, True)]
    masked = gappy.with_gaps("mask")
    assert f"no {panel.kinds[3]} from" in masked.notes[0].text
    assert "not as zero" in masked.notes[0].text
    assert masked.days_observed[found[0][1] : found[0][2], 3].sum() == 0
    with pytest.raises(DataError, match="true zeros"):
        gappy.with_gaps("refuse")
    assert gappy.with_gaps("zero").observed is None
    assert panel.find_gaps() == []


@pytest.mark.parametrize("model", ["historic_mean", "kde", "decay", "mixture", "boosted"])
def test_a_gap_lowers_no_forecast(panel, model):
    whole, gappy = panel, cut(panel, 150, 230, 3).with_gaps("mask")
    rates = [risk.fit(one, model, options=OPTIONS).rate[3].sum() for one in (whole, gappy)]
    assert rates[1] == pytest.approx(rates[0], rel=0.1)
    fitted = risk.fit(gappy, model, options=OPTIONS)
    assert any("not as zero" in note.text for note in fitted.notes)


def test_a_kind_that_began_late_is_forecast_at_its_own_level(panel):
    for days in (100, 40):
        late = cut(panel, 0, panel.n_days - days, 1).with_gaps("mask")
        assert late.observed is not None
        for model in ("auto", "near_repeat", "self_exciting", "empirical_bayes"):
            fitted = risk.fit(late, model, options=OPTIONS)
            recent = (late.day >= late.n_days - days) & (late.kind == 1)
            assert fitted.rate[1].sum() == pytest.approx(recent.sum() / days * 7, rel=0.35), (days, model)
            assert any("learn from all of them" in note.text for note in fitted.notes) == (days == 40)


# --- daylight ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("date", "place", "rise", "fall"),
    [  # published times of the US Naval Observatory and timeanddate.com, in UTC
        ("2017-06-21", (-87.63, 41.88), 10 * 60 + 16, 25 * 60 + 29),
        ("2017-12-21", (-87.63, 41.88), 13 * 60 + 15, 22 * 60 + 23),
        ("2020-03-20", (0.0, 51.48), 6 * 60 + 3, 18 * 60 + 14),
    ],
)
def test_sunrise_and_sunset(date, place, rise, fall):
    found = sun(np.array([date], "datetime64[D]"), lon=place[0], lat=place[1])
    assert float(found[0][0]) == pytest.approx(rise, abs=3)
    assert float(found[1][0]) == pytest.approx(fall, abs=3)


def test_daylight_of_a_day_and_beyond_the_polar_circle():
    day = np.array(["2017-06-21"], "datetime64[s]")
    whole = daylight_hours(day, day + np.timedelta64(24, "h"), lon=-87.63, lat=41.88)
    assert whole[0] == pytest.approx(15.23, abs=0.1)
    halves = [daylight_hours(day + np.timedelta64(h, "h"), day + np.timedelta64(h + 12, "h"), lon=-87.63, lat=41.88)
              for h in (0, 12)]  # fmt: skip
    assert halves[0][0] + halves[1][0] == pytest.approx(whole[0])
    assert daylight_hours(day, day + np.timedelta64(24, "h"), lon=20.0, lat=75.0)[0] == pytest.approx(24, abs=0.01)
    winter = np.array(["2017-12-21"], "datetime64[s]")
    assert daylight_hours(winter, winter + np.timedelta64(24, "h"), lon=20.0, lat=75.0)[0] == 0


def test_the_country_of_a_time_zone():
    from allocator.risk.features.extras import country_of

    assert [country_of(zone) for zone in ("America/Chicago", TIMEZONE, "UTC")] == ["US", "PT", ""]


# --- bad input and odd panels ------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", [*risk.MODELS, "auto"])
def test_one_single_event_is_forecast_without_a_fuss(panel, middle, model):
    options = OPTIONS.model_copy(update={"train_weeks": 8, "holdout_weeks": 2})
    few = with_events(panel, (150, middle[0]), n_days=280)
    surface = risk.fit(few, model, options=options).forecast()
    assert np.isfinite(surface.mean).all()
    assert (surface.mean > 0).all()
    assert 0 < surface.mean.sum() < 7  # one event in 40 weeks, or up to one a day while it is new


def test_a_horizon_beyond_the_history_is_refused(panel):
    with pytest.raises(DataError, match="horizon of 5000 days is longer than the history of 420 days"):
        risk.fit(panel, "mixture", 5000, options=OPTIONS)


@pytest.mark.parametrize("share", [0, -0.1, 1.5, float("nan")])
def test_impossible_shares_of_the_area_are_refused(panel, share):
    surface = risk.fit(panel, "historic_mean", options=OPTIONS).forecast()
    with pytest.raises(ConfigError, match="above 0 and at most 1"):
        surface.top(share)


@pytest.mark.parametrize("horizon", [7, 28, 90])
def test_the_level_says_how_wrong_it_may_be(horizon):
    """Random walks of 5 % a week: 90 % intervals of the sum hold it about as often as they say."""
    rng, inside, runs = np.random.default_rng(3), 0, 60
    for _ in range(runs):
        mean = 40 * np.exp(np.repeat(np.cumsum(rng.normal(0, 0.05, 105)), 7))
        counts = rng.poisson(mean).astype(float)
        days = len(counts) - 91
        found = level.outlook(counts[:days], np.ones(days, bool), level.Calendar(dt.date(2015, 1, 5)), horizon=horizon)
        low, high = count_interval(np.array([found.expected]), np.array([found.dispersion]), 0.9)
        inside += low[0] <= counts[days : days + horizon].sum() <= high[0]
    assert 0.7 < inside / runs <= 1


def test_uncovered_weeks_are_no_proof_of_precision():
    rng = np.random.default_rng(5)
    counts = rng.poisson(40 * np.repeat(rng.gamma(20, 1 / 20, 120), 7)).astype(float)
    known = np.ones(len(counts), bool)
    calendar = level.Calendar(dt.date(2015, 1, 5))
    whole = level.outlook(counts, known, calendar, horizon=7).dispersion
    known[280:560] = False
    part = level.outlook(np.where(known, counts, 0), known, calendar, horizon=7).dispersion
    assert whole == pytest.approx(0.05, rel=0.6)
    assert part == pytest.approx(whole, rel=0.6)


def test_late_reports_do_not_lower_the_forecast(panel):
    rng = np.random.default_rng(0)
    late = dataclasses.replace(
        panel, reported=(panel.day + rng.exponential(7, len(panel.day)).astype(int)).astype(np.int32)
    )
    known = late.until(late.stop_day)
    truth = (panel.day >= panel.n_days - 56).sum() / 8
    for model in ("mixture", "boosted", "historic_mean"):
        assert risk.fit(known, model, options=OPTIONS).rate.sum() == pytest.approx(truth, rel=0.15), model


# --- found in review ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["mixture", "boosted", "glm", "self_exciting", "near_repeat"])
def test_a_month_without_any_kind_is_masked(panel, model):
    kept = ~((panel.day >= 200) & (panel.day < 230))
    gappy = panel.take(kept).with_gaps("mask")
    assert not gappy.days_observed[200:230].any()
    rate = risk.fit(gappy, model, options=OPTIONS).rate.sum()
    assert rate == pytest.approx(risk.fit(panel, model, options=OPTIONS).rate.sum(), rel=0.12)


def test_bursts_and_coarse_dates_are_no_gaps(panel, middle):
    cell = middle[0]
    fireworks = [(year * 364 + 180 + i % 14, cell) for year in (0, 1) for i in range(60)]
    assert with_events(panel, *fireworks, n_days=728).find_gaps() == []
    assert with_events(panel, *[(100, cell)] * 60, n_days=400).find_gaps() == []
    monthly = [(30 * month, cell) for month in range(20) for _ in range(40)]
    assert with_events(panel, *monthly, n_days=601).find_gaps() == []


def test_a_later_event_closes_no_gap(panel):
    quiet = panel.take(~((panel.day >= 300) & (panel.day < 330)))
    cutoff = panel.first_day + dt.timedelta(days=309)
    columns = {name: np.append(getattr(quiet, name), getattr(quiet, name)[-1:]) for name in ("minute", "cell", "count")}
    day, kind = np.append(quiet.day, 313).astype(np.int32), np.append(quiet.kind, 0).astype(np.int16)
    order = np.argsort(day, kind="stable")
    planted = dataclasses.replace(
        quiet, day=day[order], kind=kind[order], **{name: value[order] for name, value in columns.items()}
    )
    before, after = (one.with_gaps("mask").until(cutoff) for one in (quiet, planted))
    np.testing.assert_array_equal(before.days_observed, after.days_observed)
    assert before.notes == after.notes


def test_events_are_known_when_their_interval_is_over(synthetic_events, synthetic_city):
    end = synthetic_events.time + np.timedelta64(3, "D")
    wide = dataclasses.replace(synthetic_events, end=end)
    panel = Panel.from_events(wide, Tessellation.squares(synthetic_city.area, 300))
    cutoff = panel.first_day + dt.timedelta(days=200)
    known = panel.until(cutoff)
    assert known.day.max() <= 197
    assert len(known.day) < len(Panel.from_events(synthetic_events, panel.city).until(cutoff).day)


def test_a_kind_with_hardly_any_events_is_forecast_at_hardly_any(panel, middle):
    few = with_events(panel, (5, middle[0]), (150, middle[1]), (300, middle[0]), n_days=720)
    for model in ("mixture", "boosted", "auto"):
        assert risk.fit(few, model, options=OPTIONS).rate.sum() < 0.1, model


def shares_of_all_kinds(panel, shift):
    """Return the share of all events with a known time that fall into the hours of a shift of its weekday."""
    known = panel.minute >= 0
    weekday = (panel.day[known] + panel.first_day.weekday()) % 7
    start = shift.start.astimezone(zoneinfo.ZoneInfo(TIMEZONE))
    since = ((weekday - start.weekday()) % 7) * 1440 + panel.minute[known] - start.hour * 60
    return ((since >= 0) & (since < shift.minutes)).mean()


def test_one_slot_alone_has_the_share_it_has_beside_others(panel):
    from allocator.config import ShiftSection
    from allocator.domain import shifts_of
    from allocator.risk.profile import shift_shares

    sections = [
        ShiftSection(name=str(hour), start=dt.time(hour), stop=dt.time((hour + 8) % 24)) for hour in (7, 15, 23)
    ]
    shifts = shifts_of(sections, first_day=panel.stop_day, days=7, timezone=TIMEZONE)
    whole, alone = shift_shares(panel, shifts)[0], shift_shares(panel, shifts[4:5])[0]
    np.testing.assert_allclose(alone[0] / whole[4], np.median(alone[0] / whole[4]), rtol=0.02)
    np.testing.assert_allclose(np.median(alone[0] / whole[4]), 1, rtol=0.05)
    unknown = dataclasses.replace(panel, minute=np.where(panel.kind == 0, -1, panel.minute).astype(np.int16))
    others = shares_of_all_kinds(unknown, shifts[4])
    assert shift_shares(unknown, shifts[4:5])[0][0, 0].mean() == pytest.approx(others, rel=0.1)


@pytest.mark.parametrize("horizon", [1, 3, 7, 10])
def test_the_days_of_a_horizon_add_up_to_it(panel, horizon):
    from allocator.config import ShiftSection
    from allocator.domain import shifts_of

    busy = np.repeat(np.arange(len(panel.day)), 1 + 2 * ((panel.day + panel.first_day.weekday()) % 7 == 5))
    saturdays = panel.take(busy)
    halves = [
        ShiftSection(name=name, start=dt.time(a), stop=dt.time(b)) for name, a, b in (("am", 0, 12), ("pm", 12, 0))
    ]
    fitted = risk.fit(saturdays, "mixture", horizon, options=OPTIONS)
    days = shifts_of(halves, first_day=saturdays.stop_day, days=horizon, timezone=TIMEZONE)
    whole, parts = fitted.forecast(), fitted.forecast(shifts=days)
    assert parts.mean.sum() == pytest.approx(whole.mean.sum(), rel=0.03)


def test_there_are_no_trees_where_validation_would_see_its_own_training(panel):
    short = panel.until(panel.first_day + dt.timedelta(days=330))
    fitted = risk.fit(short, "boosted", 90, options=OPTIONS)
    assert fitted.stack.models["boosted"].booster is None
    assert fitted.model_text() == ""
    assert np.isfinite(fitted.rate).all()


def test_a_sliver_of_a_cell_is_no_hot_spot(panel, middle):
    few = with_events(panel, (5, middle[0]), n_days=720)
    surface = risk.fit(few, "historic_mean", options=OPTIONS).forecast()
    density = surface.mean[0, :, 0] / panel.city.area_km2
    smallest = int(np.argmin(panel.city.area_km2))
    assert density[smallest] == pytest.approx(np.median(density), rel=1e-4)


def test_unknown_holidays_are_refused(panel):
    with pytest.raises(ConfigError, match="no public holidays are known"):
        risk.fit(panel, "mixture", options=OPTIONS.model_copy(update={"holidays": "USA-Nowhere"}))
