"""The feature core in total beside a pandas twin: group-by, ewm and cumsum by day, merge and group-by in space.

Both make, at the start of each of some weeks, all that the models read of the events: decayed and smoothed histories of
the kind itself and of the others, levels of district and beat, days since the last event. First they are compared.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest

from allocator.cli.bench import synthetic_panel
from allocator.config import RiskSection
from allocator.risk.features.context import components, context
from allocator.risk.features.extras import Extras
from allocator.risk.features.histories import Histories, Space
from clock import in_ms

HORIZON, WEEKS = 7, 8
OPTIONS = RiskSection()
EXTRAS = Extras()


@pytest.fixture(scope="module")
def small():
    return synthetic_panel(4_000, weeks=104, seed=1)


@pytest.fixture(scope="module")
def space(small):
    return Space.of(small.city, half_lives=OPTIONS.half_lives_days, bandwidths=OPTIONS.bandwidths_m)


def days_of(panel):
    return [panel.n_days - HORIZON * back for back in reversed(range(WEEKS))]


def core(panel, space):
    """Return components and context of each week, by the engine; both sides are given the spatial kernels."""
    histories, found = Histories(space, len(panel.kinds)), []
    for day in days_of(panel):
        histories.advance(panel, day)
        found.append((components(histories, HORIZON), context(histories, panel, HORIZON, EXTRAS)[:, :, :8]))
    return found


def pandas_twin(panel, space):
    """Return the same by pandas."""
    city, kinds, days = panel.city, range(len(panel.kinds)), days_of(panel)
    pairs = [pd.DataFrame({"from": np.repeat(np.arange(city.n_cells), np.diff(k.indptr)), "cell": k.indices,
                           "weight": k.weight}) for k in space.kernels]  # fmt: skip
    events = pd.DataFrame({"kind": panel.kind, "day": panel.day, "cell": panel.cell, "n": panel.count})
    daily = events.groupby(["kind", "day", "cell"])["n"].sum()
    states, last = [], []
    for kind in kinds:
        wide = daily.loc[kind].unstack(fill_value=0).reindex(
            index=range(-1, panel.n_days), columns=range(city.n_cells), fill_value=0
        )  # fmt: skip
        at = [day - 1 for day in days]
        memories = []
        for life in space.half_lives[:-1]:
            rate = 1 - 0.5 ** (1 / life)
            memories.append((wide.ewm(alpha=rate, adjust=False).mean() / rate).loc[at])
        states.append([*memories, wide.cumsum().loc[at]])
        when = wide.where(wide > 0).mul(0).add(pd.Series(wide.index, wide.index), axis=0)
        last.append(when.ffill().loc[at])
    found = []
    for number, day in enumerate(days):
        scale = [HORIZON / sum(0.5 ** (np.arange(day) / life)) for life in space.half_lives]
        own = []
        for kind in kinds:
            here = pd.DataFrame(
                {m: state.iloc[number] * s for m, (state, s) in enumerate(zip(states[kind], scale, strict=True))}
            )
            bands = []
            for pair in pairs:
                spread = pair.merge(here, left_on="from", right_index=True)
                parts = spread[list(here.columns)].mul(spread["weight"], axis=0).groupby(spread["cell"]).sum()
                bands.append(parts.reindex(range(city.n_cells), fill_value=0.0))
            own.append(pd.concat(bands, axis=1).to_numpy())
        own = np.stack(own)
        constant = np.broadcast_to((city.area_km2 / city.area_km2.sum())[:, None], (len(own), city.n_cells, 1))
        both = np.concatenate([own, own.sum(axis=0) - own, constant], axis=2)
        found.append((both, _around(panel, own, last, number, day, len(space.half_lives))))
    return found


def _around(panel, own, last, number, day, n_memories):
    city = panel.city
    columns = []
    since = pd.DataFrame({kind: (day - last[kind].iloc[number]) for kind in range(len(own))})
    since = since.fillna(np.inf)
    for kind in range(len(own)):
        cells = pd.DataFrame({"new": own[kind, :, 0], "old": own[kind, :, n_memories - 1], "area": city.area_km2})
        part = {"kind": np.full(city.n_cells, kind), "area": city.area_km2}
        for name, label in (("district", city.district), ("beat", city.beat)):
            sums = cells.groupby(np.asarray(label))[["new", "old", "area"]].transform("sum")
            part[name] = sums["old"] / sums["area"] * cells["area"]
            part[f"{name} trend"] = (sums["new"] + 1) / (sums["old"] + 1)
        part["since"] = since[kind].clip(upper=1000)
        part["since any"] = since.min(axis=1).clip(upper=1000)
        columns.append(pd.DataFrame(part).to_numpy())
    return np.stack(columns)


def cpu_seconds(call, repeats):
    """Return the least CPU time: the twin takes long enough for other work to come between."""
    taken = []
    for _ in range(repeats):
        start = time.process_time()
        call()
        taken.append(time.process_time() - start)
    return min(taken)


def test_feature_core(benchmark, record, small, space):
    mine, twin = core(small, space), pandas_twin(small, space)
    for ours, theirs in zip(mine, twin, strict=True):
        np.testing.assert_allclose(ours[0], theirs[0], rtol=2e-4, atol=1e-6)
        np.testing.assert_allclose(ours[1], theirs[1], rtol=2e-4, atol=1e-6)
    benchmark.pedantic(lambda: core(small, space), rounds=3)
    if benchmark.disabled:
        return
    seconds, slow = (cpu_seconds(lambda side=side: side(small, space), n) for side, n in ((core, 5), (pandas_twin, 1)))
    row = {
        "features": f"{small.city.n_cells:,} cells, {len(small.kinds)} kinds, {len(small.day):,} events, {WEEKS} weeks",
        "CPU ms": in_ms(seconds), "pandas twin CPU ms": in_ms(slow), "speed-up": f"{slow / seconds:,.0f}×",
        "verdict": "≥ 20×" if slow >= 20 * seconds else "FAILS",
    }  # fmt: skip
    benchmark.extra_info.update(row)
    record(**row)
