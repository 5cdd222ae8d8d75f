"""The outreach plan: limits, brute force, and what it says when something cannot be held."""

from __future__ import annotations

import dataclasses
import datetime as dt
import zoneinfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import naive
import planning_city
from allocator.config import OutreachSection
from allocator.domain import OUTREACH_COLUMNS, Initiative, OutreachTeam, Venue
from allocator.errors import DataError
from allocator.planning import plan_outreach

FIRST = dt.date(2017, 12, 25)
ZONE = "America/Chicago"
KINDS = ("BURGLARY", "THEFT")


def offer(name="Locks", type="workshop", **changes) -> Initiative:
    values = {
        "kinds": ("BURGLARY",),
        "hours": 2.0,
        "cost": 100.0,
        "reach": 40,
        "effect": 0.02,
        "effect_source": "assumed",
    }
    return Initiative(name=name, type=type, **{**values, **changes})


def hall(name="Library", district="2", **changes) -> Venue:
    values = {"capacity": 30, "opens": dt.time(17), "closes": dt.time(21), "partner": "City Library"}
    return Venue(name=name, district=district, **{**values, **changes})


TEAM = OutreachTeam("A", skills=("talks",), languages=("en", "es"), hours_per_week=20.0)


def plan(initiatives, venues=(), teams=(TEAM,), *, budget=1000.0, days=7, repeat_value=0.5, seed=0):
    city = planning_city.square_city()
    roster = dataclasses.replace(planning_city.roster_of(3, city=city), teams=tuple(teams))
    surface = planning_city.surface_of(city, roster, seed=seed, kinds=KINDS)
    options = OutreachSection(initiatives="i.csv", budget=budget, repeat_value=repeat_value)
    found = plan_outreach(
        surface,
        roster,
        tuple(initiatives),
        tuple(venues),
        options=options,
        timezone=ZONE,
        first_day=FIRST,
        days=days,
    )
    return found, surface


def assert_sound(found, initiatives, venues, teams, *, days) -> None:
    items = found.items
    assert tuple(items.columns) == OUTREACH_COLUMNS
    named = {one.name: one for one in initiatives}
    places = {venue.name: venue for venue in venues}
    crews = {team.name: team for team in teams}
    assert items["cost"].sum() == pytest.approx(found.spent)
    assert found.spent <= found.budget + 1e-9
    assert items["benefit"].sum() == pytest.approx(found.objective)
    assert found.objective <= found.bound
    assert (items.groupby("initiative").size() <= [named[n].most for n in sorted(set(items["initiative"]))]).all()
    for row in items.itertuples():
        one, team = named[row.initiative], crews[row.team]
        assert set(one.skills) <= set(team.skills)
        assert set(one.languages) <= set(team.languages)
        start, stop = (time.tz_convert(ZONE) for time in (row.start, row.stop))
        assert stop - start == pd.Timedelta(hours=one.hours)
        assert FIRST <= start.date() < FIRST + dt.timedelta(days=days)
        if one.type == "workshop":
            venue = places[row.venue]
            assert venue.opens <= start.time()
            assert stop.time() <= venue.closes
            assert stop.date() == start.date()
            assert start.weekday() in venue.weekdays
            assert row.reach == min(one.reach, venue.capacity)
            assert (row.area, row.partner) == (venue.district, venue.partner)
        else:
            assert (row.venue, row.reach) == ("", one.reach)
            assert dt.time(9) <= start.time()
            assert stop.time() <= dt.time(18)
    for who in ("team", "venue"):
        for name, booked in items[items[who] != ""].sort_values("start").groupby(who):
            assert (booked["start"].iloc[1:].to_numpy() >= booked["stop"].iloc[:-1].to_numpy()).all(), name
    midnight = dt.datetime.combine(FIRST, dt.time(), zoneinfo.ZoneInfo(ZONE))
    week = (items["start"] - midnight) // pd.Timedelta(days=7)
    hours = (items["stop"] - items["start"]).dt.total_seconds() / 3600
    for (name, _), used in hours.groupby([items["team"], week]):
        assert used.sum() <= crews[name].hours_per_week + 1e-9


@given(data=st.data(), days=st.sampled_from([1, 3, 7, 14]), budget=st.sampled_from([0.0, 250.0, 5000.0]))
@settings(max_examples=40, deadline=None)
def test_no_limit_is_ever_broken(data, days, budget):
    skills = st.lists(st.sampled_from(["talks", "youth"]), max_size=1).map(tuple)
    initiatives = [
        offer(
            f"I{n}",
            data.draw(st.sampled_from(["workshop", "materials"])),
            kinds=data.draw(st.sampled_from([("BURGLARY",), ("THEFT",), KINDS])),
            hours=data.draw(st.sampled_from([1.0, 1.75, 4.0])),
            skills=data.draw(skills),
            most=data.draw(st.integers(0, 4)),
        )
        for n in range(data.draw(st.integers(1, 4)))
    ]
    venues = [
        hall(
            f"V{n}",
            data.draw(st.sampled_from("1234")),
            weekdays=tuple(data.draw(st.sets(st.integers(0, 6), min_size=1))),
        )
        for n in range(data.draw(st.integers(0, 3)))
    ]
    teams = [
        OutreachTeam(f"T{n}", data.draw(skills), ("en",), data.draw(st.sampled_from([0.0, 5.0, 30.0])))
        for n in range(data.draw(st.integers(0, 3)))
    ]
    found, _ = plan(initiatives, venues, teams, budget=budget, days=days)
    assert_sound(found, initiatives, venues, teams, days=days)


@pytest.mark.parametrize("seed", range(6))
def test_the_mix_equals_exhaustive_search(seed):
    rng = np.random.default_rng(seed)
    initiatives = [
        offer("I0", "materials", kinds=KINDS, most=2, cost=120.0, effect=0.02, hours=3.0),
        offer(
            "I1",
            "materials",
            kinds=("THEFT",),
            most=2,
            cost=90.0,
            effect=float(rng.uniform(0.01, 0.05)),
            hours=2.0,
        ),
    ]
    budget, team_hours = float(rng.choice([200, 330, 900])), float(rng.choice([5, 8, 40]))
    team = dataclasses.replace(TEAM, hours_per_week=team_hours)
    found, surface = plan(initiatives, teams=[team], budget=budget, seed=seed)
    need = np.zeros((4, 2))
    np.add.at(need, surface.city.district, surface.mean.sum(axis=0, dtype=np.float64))
    worth = {
        (i, d, k): one.effect * one.reach / 1000 * need[d, KINDS.index(kind)]
        for i, one in enumerate(initiatives)
        for d in range(4)
        for k, kind in enumerate(one.kinds, start=KINDS.index(one.kinds[0]))
    }
    best = naive.best_outreach(worth, [0.5**n for n in range(4)], [120, 90], budget, [2, 2], [3, 2], team_hours)
    assert found.objective == pytest.approx(best, rel=1.1e-3)
    assert found.objective <= best + 1e-12
    assert found.bound >= best - 1e-12


def test_a_repeat_in_the_same_district_is_worth_less():
    one = offer(most=2, kinds=("BURGLARY",))
    found, _ = plan([one], [hall()])
    first, second = sorted(found.items["benefit"], reverse=True)
    assert second == pytest.approx(first / 2)
    assert (
        found.items["reason"].str.contains("burglary is .*% of district 2's expected harm; assumed effect 0.02").all()
    )


def test_nothing_is_held_that_adds_nothing():
    found, _ = plan([offer(most=5)], [hall()], repeat_value=0.0, budget=10_000.0)
    assert len(found.items) == 1


def test_workshops_that_only_fit_once_are_booked_once():
    """Two halls open at the same two hours: one team can do one; the mix alone would take both."""
    venues = [
        hall("V1", "1", weekdays=(0,), closes=dt.time(19)),
        hall("V2", "2", weekdays=(0,), closes=dt.time(19)),
    ]
    found, _ = plan([offer(most=2)], venues)
    assert len(found.items) == 1
    assert_sound(found, [offer(most=2)], venues, [TEAM], days=7)


def test_the_same_offer_gives_the_same_plan():
    initiatives = [offer("I0", most=3), offer("I1", "materials", kinds=KINDS, most=4)]
    venues = [hall("V1", "1"), hall("V2", "3")]
    first, second = plan(initiatives, venues)[0], plan(initiatives, venues)[0]
    pd.testing.assert_frame_equal(first.items, second.items)
    assert first.bound == second.bound


@pytest.mark.parametrize(
    ("changes", "venues", "settings", "cause"),
    [
        ({"skills": ("mediation",)}, [hall()], {}, "no team has skill 'mediation'"),
        ({"languages": ("pl",)}, [hall()], {}, "no team has language 'pl'"),
        ({}, [], {}, "no venue is given"),
        ({"hours": 6.0}, [hall()], {}, "no venue is open for 6 hours"),
        ({"type": "materials", "hours": 10.0}, [], {}, "10 hours do not fit between 9:00 and 18:00"),
        ({}, [hall()], {"budget": 50.0}, "one more costs 100, and the rest of the plan leaves 50 of the budget"),
        ({}, [hall()], {"teams": [dataclasses.replace(TEAM, hours_per_week=3.0)]}, "have no hours left"),
        ({"effect": 0.0}, [hall()], {}, "no effect"),
        ({"kinds": ("BURGLERY",)}, [hall()], {}, "not among the forecast kinds (did you mean 'BURGLARY'?)"),
    ],
)
def test_what_is_not_held_is_said_with_its_cause(changes, venues, settings, cause):
    found, _ = plan([offer(**changes)], venues, **settings)
    assert any(cause in line for line in found.unmet), found.unmet


def test_nothing_offered_is_an_empty_plan_with_the_same_columns():
    full, _ = plan([offer()], [hall()])
    empty, _ = plan([])
    assert (empty.items.dtypes == full.items.dtypes).all()
    assert (empty.objective, empty.bound, empty.gap) == (0.0, 0.0, 0.0)


def test_unknown_districts_and_types_are_told_together():
    with pytest.raises(DataError) as caught:
        plan([offer(type="workshp")], [hall(district="22")])
    assert "unknown district '22' (did you mean '2'?)" in caught.value.faults[0]
    assert "did you mean 'workshop'?" in caught.value.faults[1]


def test_a_team_has_time_to_pack_up_and_travel():
    offers = [offer(f"Talk {n}", hours=1.0, kinds=(kind,)) for n, kind in enumerate(KINDS)]
    halls = [hall("North", opens=dt.time(17), closes=dt.time(19, 30), weekdays=(0,)), hall("South", "1", weekdays=(0,))]
    found, _ = plan(offers, halls, days=1)
    times = found.items.sort_values("start")
    assert len(times) >= 2
    gaps = times["start"].to_numpy()[1:] - times["stop"].to_numpy()[:-1]
    assert (gaps >= np.timedelta64(30, "m")).all()
