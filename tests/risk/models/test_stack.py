"""Several models as one: weights from held-out windows, and parts that add up."""

import itertools

import numpy as np
import pytest
from scipy.optimize import minimize

import naive
from allocator import risk
from allocator.config import BoostedOptions, RiskSection
from allocator.domain import Panel, Tessellation
from allocator.risk.models import HoldOut, Stack, sharpened
from allocator.risk.models import hold_out as hold_out_module
from allocator.risk.models.hold_out import GUARD, LEAST, POWER_SD, POWERS
from allocator.risk.models.stack import CONTRAST

OPTIONS = RiskSection(train_weeks=30, holdout_weeks=4, boosted=BoostedOptions(rounds=40, rows=40_000))
USED = ("mixture", "boosted", "kde", "empirical_bayes")


def truth_of(rng, n_cells=400, events=60.0):
    truth = rng.gamma(0.4, 1.0, (1, n_cells)) + 0.01
    return truth * events / truth.sum()


def hold_out(rng, truth, rates, n_windows=6):
    actual = rng.poisson(truth[None].repeat(n_windows, axis=0)).astype(np.float32)
    told = {name: rate[None].repeat(n_windows, axis=0).astype(np.float32) for name, rate in rates.items()}
    return HoldOut(actual, told, np.ones((n_windows, 1), bool))


def halves(rng, events=300.0):
    """Two models of which each knows one half of the city, and is even in the other."""
    truth = truth_of(rng, events=events)
    flat, west = np.full_like(truth, truth.mean()), np.arange(truth.shape[1]) < truth.shape[1] // 2
    return truth, {"west": np.where(west, truth, flat), "east": np.where(west, flat, truth)}


def guarded(held):
    """Return the weights of greatest guarded likelihood, by a general optimiser."""
    counts = held.actual.ravel().astype(float)
    rates = np.stack([rate.ravel() for rate in held.rates.values()], axis=1).astype(float)
    scores = [counts @ np.log(rate) - rate.sum() for rate in rates.T]
    rates *= counts.sum() / rates.sum(axis=0)
    likeliest = int(np.argmax(scores))

    def loss(weights):
        return -(counts @ np.log(rates @ weights + 1e-12)) - GUARD * np.log(weights[likeliest] + 1e-12)

    n = rates.shape[1]
    bounds, whole = [(0, 1)] * n, {"type": "eq", "fun": lambda weights: weights.sum() - 1}
    found = minimize(loss, np.full(n, 1 / n), bounds=bounds, constraints=whole, method="SLSQP", options={"ftol": 1e-10})
    return found.x


@pytest.mark.parametrize("seed", range(4))
def test_the_weights_have_the_greatest_guarded_likelihood(seed):
    rng = np.random.default_rng(seed)
    truth, rates = halves(rng)
    rates["noise"] = truth * rng.lognormal(0, 0.5, truth.shape)
    held = hold_out(rng, truth, rates)
    weights = held.blend("west").weights
    assert weights.sum() == pytest.approx(1.0)
    np.testing.assert_allclose(weights[0], guarded(held), atol=0.01)


def test_models_that_know_different_places_go_together_and_equal_ones_do_not():
    together = alone = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        truth, rates = halves(rng)
        weights = hold_out(rng, truth, rates).blend("west").weights[0]
        together += int((weights > 0.1).all())
        alike = {name: truth * rng.lognormal(0, 0.02, truth.shape) for name in "abcd"}
        alone += int(hold_out(rng, truth, alike).blend("a").weights[0].max() == 1.0)
    assert together == 20
    assert alone >= 17


def test_a_week_that_only_one_model_explains_makes_no_stack(monkeypatch):
    """A burst where one model always sees a hot spot: with it a stack fits better, and every other week worse."""
    rng = np.random.default_rng(0)
    truth = truth_of(rng, events=400.0)
    hot = truth.copy()
    hot[0, 0] += 60.0
    held = hold_out(rng, truth, {"plain": truth, "hot": hot * truth.sum() / hot.sum()})
    actual = held.actual.copy()
    actual[:, 0, 0] = 0.0
    quiet = HoldOut(actual, held.rates, held.covered)
    np.testing.assert_array_equal(quiet.blend("plain").weights, [[1.0, 0.0]])
    actual = actual.copy()
    actual[2, 0, 0] = 60.0
    burst = HoldOut(actual, held.rates, held.covered)
    np.testing.assert_array_equal(burst.blend("plain").weights, [[1.0, 0.0]])
    monkeypatch.setattr(hold_out_module, "SURE", -np.inf)  # without the test of what it gains
    assert burst.blend("plain").weights[0, 1] > 0.02


def test_few_events_leave_the_likeliest_model_alone_and_none_the_first():
    rng = np.random.default_rng(1)
    truth, rates = halves(rng, events=0.5)
    held = hold_out(rng, truth, rates)
    assert 0 < held.actual.sum() < 10
    best = max(rates, key=lambda name: held.loglik(name, 0))
    assert dict(zip(rates, held.blend("west").weights[0], strict=True))[best] > 1 - GUARD * LEAST
    nothing = HoldOut(held.actual * 0, held.rates, held.covered)
    np.testing.assert_array_equal(nothing.blend("east").weights, [[0.0, 1.0]])
    hidden = HoldOut(held.actual, held.rates, np.zeros_like(held.covered))
    np.testing.assert_array_equal(hidden.blend("east").weights, [[0.0, 1.0]])
    np.testing.assert_array_equal(hidden.blended_elsewhere("east"), held.rates["east"])


def test_windows_that_the_source_does_not_cover_count_nowhere():
    rng = np.random.default_rng(2)
    truth, rates = halves(rng)
    held = hold_out(rng, truth, rates)
    covered = np.array([[True], [True], [False], [True], [True], [True]])
    wild = held.actual.copy()
    wild[2] = 50.0
    kept = covered[:, 0]
    part = HoldOut(held.actual[kept], {name: rate[kept] for name, rate in held.rates.items()}, covered[kept])
    np.testing.assert_array_equal(HoldOut(wild, held.rates, covered).blend("west").weights, part.blend("west").weights)


def test_the_power_is_the_likeliest_of_the_places_and_stays_1_where_nothing_is_gained():
    """Models that say too little of how places differ are sharpened, by the plain formula; right ones are not."""
    sharp = right = 0
    for seed in range(10):
        rng = np.random.default_rng(seed)
        truth = truth_of(rng, events=4000.0)
        flat = truth ** (1 / 1.1)
        held = hold_out(rng, truth, {"one": flat * truth.sum() / flat.sum()})
        power = held.blend("one").power[0]
        sharp += int(power > 1.0)
        counts, rates = held.actual[:, 0].astype(float), held.rates["one"][:, 0].astype(float)
        scores = [
            sum(naive.poisson_loglik(n, x**p * x.sum() / (x**p).sum()) for n, x in zip(counts, rates, strict=True))
            - 0.5 * ((p - 1) / POWER_SD) ** 2 for p in POWERS
        ]  # fmt: skip
        assert power in (1.0, POWERS[int(np.argmax(scores))])
        right += int(hold_out(rng, truth, {"one": truth}).blend("one").power[0] == 1.0)
    assert sharp == 10
    assert right >= 8


def test_windows_that_share_days_are_left_out_together():
    """Of windows of four weeks a week apart only those three or more away from a window may choose for it."""
    rng = np.random.default_rng(3)
    truth, rates = halves(rng)
    weekly = rng.poisson(truth[None] / 4, (12, *truth.shape))
    actual = np.stack([weekly[n : n + 4].sum(axis=0) for n in range(9)]).astype(np.float32)
    told = {name: rate[None].repeat(9, axis=0).astype(np.float32) for name, rate in rates.items()}
    held = HoldOut(actual, told, np.ones((9, 1), bool), overlap=4)
    first = held.blended_elsewhere("west")
    for part in np.array_split(np.arange(9), 6):
        others = [n for n in range(9) if np.abs(n - part).min() >= 4]
        few = HoldOut(
            actual[others], {name: rate[others] for name, rate in told.items()}, np.ones((len(others), 1), bool), 4
        )
        twin = few.blend("west").of({name: rate[part].astype(float) for name, rate in told.items()})
        np.testing.assert_allclose(first[part], twin, rtol=1e-6)
    short = HoldOut(actual[:3], {name: rate[:3] for name, rate in told.items()}, np.ones((3, 1), bool), overlap=4)
    np.testing.assert_array_equal(short.blended_elsewhere("west"), told["west"][:3])


@pytest.fixture(scope="module")
def several(synthetic_city, synthetic_events):
    panel = Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 150))
    return risk.fit_all(panel, USED, options=OPTIONS)


def stack_of(several, weights, power=None):
    models = {name: several[name].stack.models[name] for name in USED}
    return Stack(models, np.asarray(weights, float), np.ones(len(weights)) if power is None else power)


def test_the_parts_of_a_stack_add_up_to_its_rate(several):
    """Sources to the rate before boosting, changes to the log of what the trees make of it; for any weights."""
    fitted = several["mixture"]
    view, cells = fitted.history.present, np.arange(0, fitted.panel.city.n_cells, 37)
    rates = {name: several[name].rate for name in USED}
    n_kinds = len(fitted.panel.kinds)
    rng = np.random.default_rng(0)
    pure = np.eye(4)[np.arange(n_kinds) % 4]
    for weights, power in itertools.product(
        (rng.dirichlet(np.ones(4), n_kinds), pure, np.tile([0.3, 0.0, 0.7, 0.0], (n_kinds, 1))),
        (np.ones(n_kinds), np.where(np.arange(n_kinds) % 2, 1.06, 1.0)),
    ):
        stack = stack_of(several, weights, power)
        mixed = sum(stack.parts(rates).values())
        twin = sum(weights[:, n, None] * rates[name] for n, name in enumerate(USED))
        np.testing.assert_allclose(mixed, twin)
        rate = sharpened(mixed, power)
        np.testing.assert_allclose(rate.sum(axis=1), mixed.sum(axis=1))
        twin = twin ** power[:, None]
        np.testing.assert_allclose(rate, twin * (mixed.sum(axis=1) / twin.sum(axis=1))[:, None])
        names, shares = stack.sources(view, cells)
        assert len(set(names)) == len(names)
        before = shares.sum(axis=2)
        groups, changes = stack.contributions(view, cells, before, rate[:, cells])
        assert changes.shape == (n_kinds, len(cells), len(groups))
        assert (CONTRAST in groups) == bool((power != 1).any())
        np.testing.assert_allclose(before * np.exp(changes.sum(axis=2)), rate[:, cells], rtol=1e-9)


def test_memories_that_share_a_name_lose_no_part(synthetic_city, synthetic_events):
    """Half-lives of 9 and 10 days are both "last 2 weeks"."""
    panel = Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 300))
    fitted = risk.fit(panel, "mixture", options=OPTIONS.model_copy(update={"half_lives_days": (9.0, 10.0)}))
    names, parts = fitted.stack.sources(fitted.history.present, np.arange(30))
    assert len(set(names)) == len(names)
    np.testing.assert_allclose(parts.sum(axis=2), fitted.rate[:, :30])


def test_a_stack_is_led_by_its_greatest_weight(several):
    weights = np.tile([0.2, 0.1, 0.6, 0.1], (len(several["kde"].panel.kinds), 1))
    weights[0] = [0.5, 0.5, 0.0, 0.0]
    stack = stack_of(several, weights)
    assert stack.leaders[0] == "mixture"
    assert set(stack.leaders[1:]) == {"kde"}
    assert stack.of(1) == pytest.approx({"kde": 0.6, "mixture": 0.2, "boosted": 0.1, "empirical_bayes": 0.1})
    assert list(stack.of(0)) == ["mixture", "boosted"]


def test_a_forecast_tells_what_part_of_it_follows_the_mixture(several):
    for name, share in (("mixture", 1.0), ("boosted", 1.0), ("kde", 0.0), ("empirical_bayes", 0.0)):
        np.testing.assert_allclose(several[name].following, share)
        state = several[name].state()
        assert (state.mixture_weights is None) == (state.following is None) == (share == 0.0)


def test_auto_is_the_stack_of_what_its_hold_out_gave(synthetic_city, synthetic_events, monkeypatch):
    """Against the rates of the single models; `GUARD` and `SURE` lowered, so that several share some kinds."""
    monkeypatch.setattr(hold_out_module, "GUARD", 1.0)
    monkeypatch.setattr(hold_out_module, "SURE", -9.0)
    panel = Panel.from_events(synthetic_events, Tessellation.squares(synthetic_city.area, 300))
    fitted = risk.fit_all(panel, [risk.AUTO, *risk.CANDIDATES], options=OPTIONS)
    auto = fitted[risk.AUTO]
    blend = auto.hold_out.blend("mixture")
    weights = blend.weights
    assert ((weights > 0).sum(axis=1) > 1).any()
    assert (blend.power != 1).any()
    twin = sum(weights[:, n, None] * fitted[name].rate for n, name in enumerate(risk.CANDIDATES))
    np.testing.assert_allclose(auto.rate, sharpened(twin, blend.power))
    ours = [list(risk.CANDIDATES).index(name) for name in ("mixture", "boosted")]
    follows = sum(weights[:, n, None] * fitted[risk.CANDIDATES[n]].rate for n in ours) / twin
    told = auto.forecast().explain([5, 40])
    expected = told.groupby("cell")["expected"].sum()
    np.testing.assert_allclose(expected, auto.rate[:, [5, 40]].sum(axis=0), rtol=1e-5)
    follows = follows.clip(0, 1)
    np.testing.assert_allclose(auto.following, follows, rtol=1e-5, atol=1e-7)
    assert ((auto.following > 0.01) & (auto.following < 0.99)).any()
    assert set(auto.stack.models) == {risk.CANDIDATES[n] for n in np.flatnonzero(weights.any(axis=0))}
