from __future__ import annotations

import dataclasses
import datetime as dt
import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
from allocator import risk
from allocator.config import BoostedOptions, RiskSection, ShiftSection
from allocator.domain import Panel, Tessellation, count_interval, hours_of, shifts_of
from allocator.errors import ConfigError, DataError
from allocator.risk.dispersion import dispersions
from allocator.risk.features.context import component_rows
from allocator.risk.features.extras import Extras
from allocator.risk.features.histories import Histories, Space, gaussian
from allocator.risk.models import HoldOut
from allocator.risk.models.baselines import Moment
from allocator.risk.profile import shift_shares
from allocator.risk.training import read_history, windows_of
from allocator.synthetic.ground import TIMEZONE

OPTIONS = RiskSection(train_weeks=30, holdout_weeks=4, boosted=BoostedOptions(rounds=40, rows=40_000))
SECTIONS = (
    ShiftSection(name="day", start=dt.time(7), stop=dt.time(15), share=0.3),
    ShiftSection(name="evening", start=dt.time(15), stop=dt.time(23), share=0.4),
    ShiftSection(name="night", start=dt.time(23), stop=dt.time(7), share=0.3),
)


@pytest.fixture(scope="module")
def panel(synthetic_city, synthetic_events):
    return Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 150))


@pytest.fixture(scope="module")
def fitted(panel):
    return risk.fit(panel, options=OPTIONS)


def planned(panel, sections=SECTIONS, days=7):
    return shifts_of(sections, first_day=panel.stop_day, days=days, timezone=TIMEZONE)


def test_features_equal_the_plain_definition(panel):
    space = Space.of(panel.city, half_lives=(10.0,), bandwidths=(150.0,))
    histories = Histories(space, len(panel.kinds))
    for day in (90, 97, 200):
        histories.advance(panel, day)
    few = panel.cell < 40  # the twin is slow: events of 40 cells, seen on all
    part = dataclasses.replace(panel, **{n: getattr(panel, n)[few] for n in ("day", "minute", "cell", "kind", "count")})
    histories_few = Histories(space, len(panel.kinds))
    histories_few.advance(part, 60)
    kernel = gaussian(panel.city, 150.0)
    dense = np.zeros((40, panel.city.n_cells))
    for cell in range(40):
        at = slice(kernel.indptr[cell], kernel.indptr[cell + 1])
        dense[cell, kernel.indices[at]] = kernel.weight[at]
    early = part.day < 60
    expected = naive.history(
        part.day[early], part.cell[early], part.kind[early], part.count[early],
        until=60, half_life=10.0, kernel=dense, shape=(len(panel.kinds), panel.city.n_cells),
    )  # fmt: skip
    np.testing.assert_allclose(histories_few.state[:, 1, :, 0], expected, atol=1e-5)


@given(st.lists(st.integers(1, 410), min_size=1, max_size=5, unique=True))
@settings(max_examples=8, deadline=None)
def test_an_update_equals_a_rebuild(panel, days):
    space = Space.of(panel.city, half_lives=(10.0, 45.0), bandwidths=(200.0,))
    stepwise, at_once = Histories(space, len(panel.kinds)), Histories(space, len(panel.kinds))
    for day in sorted(days):
        stepwise.advance(panel, day)
    at_once.advance(panel, max(days))
    np.testing.assert_allclose(stepwise.state, at_once.state, rtol=1e-9, atol=1e-12)


def test_a_component_reads_as_events_per_horizon(panel):
    space = Space.of(panel.city, half_lives=(10.0,), bandwidths=())
    histories = Histories(space, len(panel.kinds))
    histories.advance(panel, panel.n_days)
    totals = component_rows(histories, 7)[1]
    long_run = totals[:, space.component(0, -1)]
    counts = np.bincount(panel.kind, minlength=len(panel.kinds))
    np.testing.assert_allclose(long_run, counts / panel.n_days * 7)
    steady = totals[:, space.component(0, 0)]
    np.testing.assert_allclose(steady, long_run, rtol=0.5)


def test_late_reports_enter_the_history_when_they_are_known(panel):
    late = dataclasses.replace(panel, reported=(panel.day + 30).astype(np.int32))
    space = Space.of(panel.city, half_lives=(10.0,), bandwidths=())
    seen, whole = Histories(space, len(panel.kinds)), Histories(space, len(panel.kinds))
    seen.advance(late, 100)
    assert seen.state[:, 0, :, -1].sum() == (panel.day < 70).sum()
    eight_weeks = Moment(late, 100, 7, space).counts(44)
    assert eight_weeks.sum() == ((panel.day >= 44) & (panel.day < 70)).sum()
    seen.advance(late, 500)
    whole.advance(panel, 500)
    np.testing.assert_allclose(seen.state, whole.state, rtol=1e-9)


def test_nothing_after_the_cutoff_is_seen(panel):
    cutoff = panel.stop_day - dt.timedelta(days=14)
    honest = risk.fit(panel.until(cutoff), "mixture", options=OPTIONS)
    planted = dataclasses.replace(panel, cell=np.where(panel.day >= panel.n_days - 14, 0, panel.cell).astype(np.int32))
    np.testing.assert_array_equal(honest.rate, risk.fit(planted.until(cutoff), "mixture", options=OPTIONS).rate)


def test_sampled_zeros_stand_for_all_of_them(panel):
    training = read_history(panel, 7, OPTIONS, Extras(), seed=0).training
    assert (training.weight[training.count > 0] == 1).all()
    zeros = training.count == 0
    for column in (0, 5, training.totals.shape[2] - 1):
        whole = training.totals[:, :, column].sum()
        estimate = float((training.components[:, column] * training.weight).sum(dtype=np.float64))
        assert estimate == pytest.approx(whole, rel=0.05), column
    everything = panel.city.n_cells * len(panel.kinds) * training.n_windows
    assert zeros.sum() < everything
    assert float(training.weight.sum(dtype=np.float64)) == pytest.approx(everything, rel=0.05)


@pytest.mark.parametrize("model", risk.MODELS)
def test_every_model_of_the_registry_keeps_the_contract(panel, model):
    fitted = risk.fit(panel, model, options=OPTIONS)
    surface = fitted.forecast()
    assert surface.mean.shape == (1, panel.city.n_cells, len(panel.kinds))
    assert surface.mean.dtype == np.float32
    assert np.isfinite(surface.mean).all()
    assert (surface.mean > 0).all()
    assert (surface.lower <= surface.upper).all()
    assert set(surface.models) == {model}
    weekly = len(panel.day) / panel.n_days * 7
    assert surface.mean.sum() == pytest.approx(weekly, rel=0.25)
    told = surface.explain([0, 5])
    sources = list(surface.with_reasons_of([0]).reasons.sources)
    np.testing.assert_allclose(told[sources].sum(axis=1), told["base"], atol=1e-6)
    logs = told[[name for name in told if name.startswith("log ")]].sum(axis=1)
    np.testing.assert_allclose(np.log(told["base"]) + logs, np.log(told["expected"]), atol=1e-6)
    per_cell = told.groupby("cell")["expected"].sum()
    np.testing.assert_allclose(per_cell, surface.mean[0, [0, 5]].sum(axis=1), rtol=1e-3)


def test_auto_is_no_less_likely_than_the_likeliest_model_of_each_kind(fitted):
    skill = fitted.skill().set_index("kind")
    own = fitted.hold_out.blend("mixture").of({n: r.astype(float) for n, r in fitted.hold_out.rates.items()})
    made = HoldOut(fitted.hold_out.actual, {"auto": own}, fitted.hold_out.covered)
    for row, kind in enumerate(fitted.panel.kinds):
        assert made.loglik("auto", row) >= skill.loc[kind, list(risk.CANDIDATES)].max() - 1e-6
        assert fitted.chosen[row] == next(iter(fitted.stack.of(row)))


def test_what_is_said_of_skill_comes_from_weeks_that_chose_nothing(fitted):
    """Rates of a held-out week are those that the other weeks chose, and hours those known before the first of them."""
    held = fitted.hold_out
    np.testing.assert_array_equal(fitted.honest_rates, held.blended_elsewhere("mixture"))
    chosen = held.blend("mixture").of({name: rate.astype(float) for name, rate in held.rates.items()})
    assert np.abs(fitted.honest_rates / chosen - 1).max() > 0.001
    first = fitted.history.held_out[0].view.day
    assert fitted.profile_before.panel.n_days == first == fitted.panel.n_days - 7 * OPTIONS.holdout_weeks
    assert list(fitted.scored) == ["auto", *risk.CANDIDATES]
    np.testing.assert_array_equal(fitted.scored["auto"], held.counted(fitted.honest_rates))
    cells, districts, whole = dispersions(held, chosen, fitted.panel.city, fitted.history)
    np.testing.assert_array_equal(fitted.dispersion, cells)
    np.testing.assert_array_equal(fitted.district_dispersion, districts)
    np.testing.assert_array_equal(fitted.city_dispersion, whole)


def test_a_kind_without_events_in_the_weeks_held_back_is_told(panel):
    quiet = ~((panel.kind == 0) & (panel.day >= panel.n_days - 35))
    names = [name for name in ("day", "minute", "cell", "kind", "count") if getattr(panel, name) is not None]
    fitted = risk.fit(
        dataclasses.replace(panel, **{name: getattr(panel, name)[quiet] for name in names}), options=OPTIONS
    )
    assert f"no {panel.kinds[0]} in the weeks held back" in " ".join(told.text for told in fitted.notes)
    assert fitted.stack.of(0) == {"mixture": 1.0}


def test_windows_that_share_days_are_known(panel):
    for horizon, overlap in ((1, 1), (7, 1), (10, 2), (28, 4)):
        assert risk.fit(panel, "historic_mean", horizon, options=OPTIONS).hold_out.overlap == overlap


def test_the_default_forecast_beats_the_baselines_and_nears_the_truth(fitted, synthetic_city, panel):
    skill = fitted.skill().set_index("kind").loc["all"]
    assert max(skill["mixture"], skill["boosted"]) > max(skill[name] for name in risk.CANDIDATES[:-2])
    truth = synthetic_city.true_rate(panel.city, first_day=panel.stop_day, days=7).T + 1e-6
    counts = np.random.default_rng(0).poisson(truth)

    def gain(rate):
        return naive.poisson_loglik(counts.ravel(), rate.ravel()) / counts.sum()

    flat = np.full_like(truth, truth.mean())
    reached = (gain(fitted.rate) - gain(flat)) / (gain(truth) - gain(flat))
    assert 0.5 < reached < 1


def test_the_hold_out_scores_are_the_plain_formula(fitted):
    held = fitted.hold_out
    counts, rates = held.actual[:, 0].ravel().astype(float), held.rates["kde"][:, 0].ravel().astype(float)
    assert held.loglik("kde", 0) == pytest.approx(naive.poisson_loglik(counts, rates) / counts.sum())
    worst = HoldOut(held.actual, {"none": np.zeros_like(held.actual)}, held.covered)
    assert worst.loglik("none") == -np.inf


def test_without_rounds_the_trees_leave_the_mixture_alone(fitted):
    boosted = fitted.stack.models["boosted"]
    bare, view = dataclasses.replace(boosted, rounds=0), fitted.history.present
    np.testing.assert_allclose(bare.rate(view), boosted.base.rate(view))
    np.testing.assert_allclose(bare.contributions(view, np.arange(3))[1], 0, atol=1e-12)


def test_shift_shares_add_up_to_the_week(panel):
    shares, source = shift_shares(panel, planned(panel))
    np.testing.assert_allclose(shares.sum(axis=0), 1, atol=2e-3)
    assert "past events" in source
    surface = risk.fit(panel, "mixture", options=OPTIONS).forecast(shifts=planned(panel))
    assert surface.mean.shape[0] == 21
    assert surface.mean.sum() == pytest.approx(risk.fit(panel, "mixture", options=OPTIONS).rate.sum(), rel=5e-3)


def test_shares_follow_the_events_and_shrink_where_there_are_few(panel):
    shares, _ = shift_shares(panel, planned(panel))
    shifts = planned(panel)
    vehicle = panel.kinds.index("VEHICLE CRIME")
    night = [s for s, shift in enumerate(shifts) if shift.name == "night"]
    city_night = shares[night, vehicle].sum(axis=0)
    assert city_night.mean() > 0.4  # the synthetic peak is 02:00
    seen = np.bincount(panel.cell[panel.kind == vehicle], minlength=panel.city.n_cells)
    few, many = (shares[night, vehicle][:, at].sum(axis=0) for at in (seen <= 1, seen >= 10))
    assert few.std() < 0.7 * many.std()
    assert few.mean() == pytest.approx(city_night.mean(), abs=0.03)


def test_overlapping_shifts_each_get_their_own_events(panel):
    both = (
        ShiftSection(name="early", start=dt.time(7), stop=dt.time(15)),
        ShiftSection(name="long", start=dt.time(7), stop=dt.time(19)),
    )
    shifts = planned(panel, both)
    shares, _ = shift_shares(panel, shifts)
    early, late = (
        shares[[s for s, shift in enumerate(shifts) if shift.name == name]].sum(axis=0) for name in ("early", "long")
    )
    assert (late.mean(axis=1) > early.mean(axis=1)).all()


def test_without_times_of_day_the_job_gives_the_shares(panel):
    daily = dataclasses.replace(panel, precision="day")
    shares, source = shift_shares(daily, planned(panel))
    assert "job file" in source
    evening = [s for s, shift in enumerate(planned(panel)) if shift.name == "evening"]
    np.testing.assert_allclose(shares[evening].sum(axis=0), 0.4, atol=2e-3)
    monthly, source = shift_shares(dataclasses.replace(panel, precision="month"), planned(panel))
    np.testing.assert_allclose(monthly[evening], 0.4 / 7, rtol=1e-6)
    bare = [section.model_copy(update={"share": None}) for section in SECTIONS]
    with pytest.raises(DataError, match="give `share` for the shifts 'day', 'evening', 'night'"):
        shift_shares(daily, planned(panel, bare))


def test_a_short_history_says_how_much_is_missing(panel):
    short = panel.until(panel.first_day + dt.timedelta(days=100))
    with pytest.raises(DataError, match=r"100 days .* needs 140 .* Give 40 days more") as caught:
        windows_of(short, 7, OPTIONS)
    assert caught.value.exit_code == 3


def test_an_unknown_model_names_the_nearest(panel):
    with pytest.raises(ConfigError, match="did you mean 'mixture'"):
        risk.fit(panel, "mixtur")


@pytest.mark.parametrize("model", ["historic_mean", "mixture"])
def test_longer_and_shorter_horizons(panel, model):
    rates = {days: risk.fit(panel, model, days, options=OPTIONS).rate.sum() for days in (1, 7, 28, 90)}
    for days, rate in rates.items():
        assert rate == pytest.approx(rates[7] * days / 7, rel=0.3), days


@given(st.integers(1, 120), st.integers(150, 900), st.sampled_from([1, 7, 30]))
@settings(max_examples=60)
def test_windows_never_reach_into_the_hold_out(panel, horizon, days, unit):
    part = dataclasses.replace(panel, n_periods=days // unit, period_days=unit)
    step = -(-7 // unit) * unit
    if part.n_days < OPTIONS.burn_in_days + (8 + OPTIONS.holdout_weeks) * step:
        with pytest.raises(DataError, match="days more"):
            windows_of(part, horizon * unit, OPTIONS)
        return
    plan = windows_of(part, horizon * unit, OPTIONS)
    assert plan.training[-1] + plan.length <= plan.held_out[0]
    assert plan.held_out[-1] + plan.length == part.n_days
    assert plan.training[0] >= OPTIONS.burn_in_days
    assert len(plan.training) <= OPTIONS.train_weeks
    assert plan.length <= max(horizon * unit, 7 + unit)


def test_a_history_too_short_for_the_horizon_says_what_it_does_instead(panel):
    short = panel.until(panel.first_day + dt.timedelta(days=200))
    fitted = risk.fit(short, "historic_mean", 90, options=OPTIONS)
    assert any("windows of 28 days" in note.text for note in fitted.notes)
    assert fitted.rate.sum() == pytest.approx(len(short.day) / 200 * 90, rel=0.3)


def test_threads_do_not_change_the_forecast(panel):
    one = risk.fit(panel, "boosted", options=OPTIONS.model_copy(update={"threads": 1}))
    two = risk.fit(panel, "boosted", options=OPTIONS.model_copy(update={"threads": 2}))
    np.testing.assert_array_equal(one.rate, two.rate)
    assert one.model_text() == two.model_text()


def test_the_hold_out_is_never_trained_on(panel):
    """Scrambling the outcomes of the held-out weeks leaves every trial forecast as it was."""
    horizon, weeks = 7, OPTIONS.holdout_weeks
    first = panel.n_days - horizon * weeks
    rng = np.random.default_rng(1)
    late = panel.day >= first
    moved = np.where(late, rng.permutation(panel.city.n_cells)[panel.cell], panel.cell).astype(np.int32)
    honest, scrambled = (
        risk.fit(one, options=OPTIONS).hold_out for one in (panel, dataclasses.replace(panel, cell=moved))
    )
    assert not np.array_equal(honest.actual, scrambled.actual)
    for model in risk.CANDIDATES:  # the first held-out week: its features lie before the scrambled days
        np.testing.assert_array_equal(honest.rates[model][0], scrambled.rates[model][0], err_msg=model)


def test_early_stopping_chooses_on_windows_it_did_not_train_on(panel, monkeypatch):
    from allocator.risk.models import boosted

    seen = {}

    def spy(self, training, base, after, original=boosted.Boosted.train):
        seen["last"] = training.days[-1] + training.horizon
        return original(self, training, base, after)

    monkeypatch.setattr(boosted.Boosted, "train", spy)
    for horizon in (7, 28):
        training = read_history(panel, horizon, OPTIONS, Extras(), seed=0).training
        boosted.Boosted(OPTIONS).fit(training)
        assert seen["last"] <= training.days[-boosted.VALIDATION_WINDOWS]


def test_retracted_events_do_not_shape_the_profile(panel):
    evening = (panel.minute >= 15 * 60) & (panel.minute < 23 * 60)
    arrays = {
        name: np.concatenate([getattr(panel, name), getattr(panel, name)[evening]])
        for name in ("day", "minute", "cell", "kind")
    }
    counts = np.concatenate([panel.count, -panel.count[evening]])
    order = np.argsort(arrays["day"], kind="stable")
    retracted = dataclasses.replace(panel, count=counts[order], **{name: one[order] for name, one in arrays.items()})
    weekly = risk.fit(retracted, "historic_mean", options=OPTIONS).forecast(shifts=planned(panel)).mean.sum(axis=(1, 2))
    names = np.array([shift.name for shift in planned(panel)])
    assert weekly[names == "evening"].sum() < 0.25 * weekly.sum()


def test_a_kind_without_training_events_breaks_no_score(panel):
    late = panel.day >= panel.n_days - 7 * OPTIONS.holdout_weeks
    kept = (panel.kind != 0) | late
    names = ("day", "minute", "cell", "kind", "count")
    fitted = risk.fit(dataclasses.replace(panel, **{n: getattr(panel, n)[kept] for n in names}), options=OPTIONS)
    assert np.isfinite(fitted.skill()[list(risk.CANDIDATES)].to_numpy(dtype=float)).all()


@pytest.mark.parametrize("mean", [80.0, 110.0, 760.0, 5000.0])
@pytest.mark.parametrize("dispersion", [0.0, 0.2])
def test_intervals_of_large_counts(mean, dispersion):
    low, high = count_interval(np.array([[mean]], np.float32), dispersion, 0.9)
    assert low[0, 0] < mean < high[0, 0] < 3 * mean
    exact = naive.negative_binomial_interval([mean], [dispersion], 0.9)
    assert (low[0, 0], high[0, 0]) == pytest.approx((exact[0][0], exact[1][0]), abs=1)


def test_shifts_before_the_cutoff_are_refused(fitted, panel):
    early = shifts_of(SECTIONS, first_day=panel.stop_day - dt.timedelta(days=1), days=2, timezone=TIMEZONE)
    with pytest.raises(DataError, match="3 shifts lie before the forecast begins"):
        fitted.forecast(shifts=early)


def test_an_interval_counts_in_each_shift_by_its_part(panel):
    """Aoristic weights: 22:00 to 02:00 is one hour of evening and three of night."""
    exact = dataclasses.replace(panel, minute=np.full(len(panel.day), 22 * 60, np.int16))
    wide = dataclasses.replace(exact, span=np.full(len(panel.day), 240, np.int32))
    names = np.array([shift.name for shift in planned(panel)])
    for one, parts in ((exact, (0, 1, 0)), (wide, (0, 0.25, 0.75))):
        shares, _ = shift_shares(one, planned(panel))
        found = [shares[names == name].sum(axis=0).mean() for name in ("day", "evening", "night")]
        assert found == pytest.approx(parts, abs=0.02)


def test_hours_are_short_shifts(panel):
    hours = hours_of(panel.stop_day, days=7, timezone=TIMEZONE)
    by_hour, by_shift = shift_shares(panel, hours)[0], shift_shares(panel, planned(panel))[0]
    assert by_hour.shape[0] == 168
    np.testing.assert_allclose(by_hour.sum(axis=0), 1, atol=5e-3)
    evening = [i for i, hour in enumerate(hours) if 15 <= int(hour.name[:2]) < 23]
    whole = [i for i, shift in enumerate(planned(panel)) if shift.name == "evening"]
    city = [shares.mean(axis=2).sum(axis=0) for shares in (by_hour[evening], by_shift[whole])]
    np.testing.assert_allclose(city[0], city[1], atol=0.03)


def test_dark_evenings_move_the_shares_of_the_whole_city(panel):
    """A planted kind that happens in the dark alone: its evening share is larger in winter than in summer."""
    from allocator.risk.features.daylight import daylight_hours
    from allocator.risk.profile.days import centre_of

    midnight = np.array(panel.first_day, "datetime64[s]") + panel.day * np.timedelta64(86_400, "s")
    rng, place = np.random.default_rng(0), centre_of(panel)
    minute = rng.integers(0, 1440, len(panel.day))
    when = midnight + minute * np.timedelta64(60, "s")
    dark = daylight_hours(when, when + np.timedelta64(60, "s"), lon=place[0], lat=place[1]) == 0
    names = ("day", "cell", "kind", "count")
    night = dataclasses.replace(
        panel, minute=minute[dark].astype(np.int16), **{n: getattr(panel, n)[dark] for n in names}
    )
    share = {}
    for weeks in (0, 20):
        until = night.until(night.stop_day - dt.timedelta(days=7 * weeks))
        shifts = planned(until)
        shares, source = shift_shares(until, shifts)
        evening = [i for i, shift in enumerate(shifts) if shift.name == "evening"]
        light = sum(float(daylight_hours(*(np.array([t.replace(tzinfo=None)], "datetime64[s]") for t in
                    (shifts[i].start, shifts[i].stop)), lon=place[0], lat=place[1])[0]) for i in evening)  # fmt: skip
        share[light] = shares[evening].sum(axis=0).mean()
    assert share[min(share)] > share[max(share)] + 0.02
    assert "daylight" in source


def test_one_shift_is_explained_with_its_own_share(panel):
    surface = risk.fit(panel, options=OPTIONS).forecast(shifts=planned(panel))
    shift = surface.shifts[4]
    told = surface.explain(surface.top(0.01)[:3], shift)
    logs = told[[name for name in told if name.startswith("log ")]].sum(axis=1)
    np.testing.assert_allclose(np.log(told["base"]) + logs, np.log(told["expected"]), atol=1e-6)
    kind = told["kind"].map(surface.kinds.index)
    np.testing.assert_allclose(told["expected"], surface.mean[4, told["cell"], kind], rtol=1e-5)
    assert told["reason"].str.contains(r"within 300 m in the last 14 days; \w+day \w+ ×\d").all()
    with pytest.raises(DataError, match="no shift 'never'"):
        surface.explain([0], "never")


def test_intervals_of_the_planned_cells_hold_what_they_promise(panel):
    surface = risk.fit(panel, "mixture", options=OPTIONS).forecast()
    chosen = np.zeros((1, panel.city.n_cells), bool)
    chosen[0, surface.top(0.05)] = True
    mean, lower, upper = surface.expected_in(chosen)
    assert mean == pytest.approx(surface.mean[chosen].sum(), rel=1e-5)
    assert lower < mean < upper
    assert surface.expected_in(np.zeros_like(chosen)) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(("day", "n"), [((2026, 3, 8), 23), ((2026, 11, 1), 24), ((2026, 6, 1), 24)])
def test_hours_of_days_with_a_clock_change(day, n):
    hours = hours_of(dt.date(*day), days=1, timezone="America/Chicago")
    assert len(hours) == n
    assert sum(hour.minutes for hour in hours) == 60 * {(2026, 3, 8): 23, (2026, 11, 1): 25}.get(day, 24)
    assert all(a.stop == b.start for a, b in itertools.pairwise(hours))
