from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import shapely

from allocator.domain import Tessellation
from allocator.synthetic.city import PATTERNS, make_city
from allocator.synthetic.problem import allocation_problem
from allocator.synthetic.rosters import rosters


def test_the_same_seed_gives_the_same_city(synthetic_city):
    again = make_city(seed=3, width_km=4, height_km=4, weeks=60, events_per_week=220)
    assert again.events.equals(synthetic_city.events)
    assert not make_city(seed=4, width_km=4, height_km=4, weeks=60).events.equals(synthetic_city.events)


def test_events_have_the_true_rates(synthetic_city):
    cells = Tessellation.squares(synthetic_city.area, 150)
    truth = synthetic_city.true_rate(cells, first_day=synthetic_city.first_day, days=420)
    counts = synthetic_city.events["kind"].value_counts()
    for column, kind in enumerate(synthetic_city.kinds):
        expected = truth[:, column].sum()
        assert abs(counts[kind] - expected) < 5 * np.sqrt(expected * 1.4), kind  # 1.4: near repeats come in clusters


def test_patterns_show(synthetic_city):
    events = synthetic_city.events
    hours = events["occurred_at"].dt.hour[events["kind"] == "VEHICLE CRIME"]
    assert hours.between(0, 5).mean() > 2 * hours.between(12, 17).mean()
    officer = (events["source"] == "officer").groupby(events["kind"]).mean()
    assert officer["DRUGS"] == pytest.approx(PATTERNS["DRUGS"].officer, abs=0.05)
    assert officer["BURGLARY"] == 0


def test_near_repeats_are_there(synthetic_city):
    burglary = synthetic_city.events[synthetic_city.events["kind"] == "BURGLARY"]
    day = burglary["occurred_at"].to_numpy().astype("datetime64[D]").astype(int)
    x, y = burglary["lon"].to_numpy() * 84_000, burglary["lat"].to_numpy() * 111_000
    near = np.hypot(x[:, None] - x, y[:, None] - y) < 200
    gap = np.abs(day[:, None] - day)
    close = (near & (gap > 0) & (gap <= 5)).sum() / ((gap > 0) & (gap <= 5)).sum()
    far = (near & (gap > 60)).sum() / (gap > 60).sum()
    assert close > 1.15 * far  # the ratio of Knox (1964)


def test_the_city_is_cut_without_gaps(synthetic_city):
    area = synthetic_city.area
    assert shapely.area(area.beat_polygons).sum() == pytest.approx(area.outline.area, rel=1e-9)
    assert shapely.area(area.polygons).sum() == pytest.approx(area.outline.area, rel=1e-9)


def test_rosters_refer_to_each_other_and_staff_every_shift():
    tables = rosters(("1", "2", "3"))
    duty = tables["duty"]
    assert set(duty["unit"]) == set(tables["units"]["unit"])
    assert (duty.groupby("unit").size() == 5).all()
    assert len(duty.groupby(["weekday", "shift"])) == 21
    assert not duty.duplicated(["unit", "weekday"]).any()


def test_benchmark_problems_have_the_size_asked_for():
    problem = allocation_problem(cells=50, shifts=3, units=9, districts=4)
    assert problem.value.shape == (3, 50)
    assert problem.on_duty.tolist() == [9, 9, 9]
    assert problem.minimum.shape == (4, 3)


def test_weekdays_of_the_season_repeat():
    from allocator.synthetic.city import season_factor

    season = season_factor(PATTERNS["ASSAULT"], dt.date(2025, 1, 6), 364)
    by_weekday = season.reshape(-1, 7).mean(axis=0)
    assert by_weekday[4:].min() > by_weekday[:4].max()
    assert season.mean() == pytest.approx(1, abs=0.02)
