"""Change alarms, near repeats, trends, and the page made of them."""

from __future__ import annotations

import csv
import dataclasses
import datetime as dt
import io as text_io
import itertools
import json
import math
import shutil
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import allocator as al
import naive
from allocator import cli, evaluation, pipeline
from allocator.domain import local_clock
from allocator.errors import DataError
from allocator.evaluation.history.monitor import monitor
from allocator.evaluation.history.near_repeat import knox_test, near_repeats
from allocator.evaluation.history.trends import WeeklyCounts
from allocator.io.tables.exports import csv_text
from allocator.kernels.pairs import count_pairs
from places import real

SERIES, WEEKS = 250, 112


def draw(rng, mean, dispersion, shape):
    if dispersion == 1:
        return rng.poisson(mean, shape)
    return rng.negative_binomial(np.broadcast_to(mean, shape) / (dispersion - 1), 1 / dispersion, shape)


def alarms_a_year(found, n_series, n_weeks):
    return len(found.alarms) / (n_series * (n_weeks - found.first_week) / 52)


def found_in_four_weeks(counts):
    """Share of series in which, at the end, a rise stands that was raised or had not passed in the last 4 weeks."""
    alarms = monitor(counts).alarms
    standing = alarms[(alarms["state"] == "stands") | (alarms["raised"] >= counts.shape[1] - 4)]
    return standing.loc[standing["score"] > 0, "series"].nunique() / len(counts)


# Change -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dispersion", [1.0, 1.3])
@pytest.mark.parametrize("mean", [3.0, 30.0, 300.0])
def test_a_stationary_series_raises_at_most_one_false_alarm_a_year(mean, dispersion):
    n_series = SERIES if dispersion == 1 else 2 * SERIES
    found = monitor(draw(np.random.default_rng(int(mean)), mean, dispersion, (n_series, WEEKS)))
    assert alarms_a_year(found, n_series, WEEKS) <= 1.0
    assert (found.alarms["start"] <= found.alarms["raised"]).all()


@pytest.mark.parametrize("n_weeks", [64, 112])
def test_a_rise_of_30_percent_at_30_a_week_is_found_in_four_weeks(n_weeks):
    counts = np.random.default_rng(0).poisson(30, (600, n_weeks))
    counts[:, -4:] = np.random.default_rng(1).poisson(39, (600, 4))
    assert found_in_four_weeks(counts) >= 0.8


@pytest.mark.parametrize(("mean", "dispersion"), [(4.0, 1.0), (15.0, 1.3), (100.0, 1.0)])
def test_the_detectable_rise_is_the_one_found_in_four_of_five_cases(mean, dispersion):
    rng = np.random.default_rng(2)
    counts = draw(rng, mean, dispersion, (SERIES, WEEKS))
    rise = float(np.median(monitor(counts).detectable))
    counts[:, -4:] = draw(rng, mean * (1 + rise), dispersion, (SERIES, 4))
    assert 0.77 <= found_in_four_weeks(counts) <= 0.9


def test_a_large_change_is_placed_sized_and_becomes_the_new_level():
    rng = np.random.default_rng(3)
    counts = rng.poisson(40, (60, 120))
    counts[:30, 95:] = rng.poisson(70, (30, 25))
    counts[30:, 95:] = rng.poisson(15, (30, 25))
    alarms = monitor(counts).alarms
    first = alarms[alarms["raised"].between(95, 100)].groupby("series").first()
    assert len(first) >= 55  # in some, a chance alarm stands already
    assert (np.sign(first["score"]) == np.where(first.index < 30, 1, -1)).all()
    assert first["start"].sub(95).abs().median() <= 1
    inside = (first["lower"] <= np.where(first.index < 30, 1.75, 0.375)) & (
        first["upper"] >= np.where(first.index < 30, 1.75, 0.375)
    )
    assert inside.mean() >= 0.75  # the start is chosen after the data, so somewhat below 95 %
    assert (first["state"] == "new level").mean() >= 0.9


def test_a_season_is_not_a_change_given_two_years_of_it():
    wave = 200 * (1 + 0.25 * np.sin(2 * np.pi * np.arange(156) / 52.18))
    counts = np.random.default_rng(4).poisson(wave, (SERIES, 156))
    found = monitor(counts)
    assert found.season
    assert alarms_a_year(found, SERIES, 156) <= 1.0


def test_a_swing_of_the_whole_city_is_one_alarm_and_not_one_per_district():
    rng = np.random.default_rng(5)
    parts = rng.poisson(30, (20, 110))
    parts[:, -6:] = rng.poisson(45, (20, 6))
    parts[3, -6:] = rng.poisson(80, 6)
    found = monitor(parts.sum(axis=0, keepdims=True), parts=parts, owner=np.zeros(20, np.int64))
    late = found.alarms[found.alarms["raised"] >= 104]
    assert {0, 4} <= set(late["series"])  # the city, and the district that rose more than the others
    assert len(late) <= 4


def test_districts_that_stay_as_they_are_raise_few_alarms():
    parts = np.random.default_rng(6).poisson(12, (10, 25, WEEKS))
    found = monitor(parts.sum(axis=1), parts=parts.reshape(250, WEEKS), owner=np.repeat(np.arange(10), 25))
    local = found.alarms[found.alarms["series"] >= 10]
    assert len(local) / (250 * (WEEKS - found.first_week) / 52) <= 1.0


def weekly(counts, covered=None, districts=("1",)):
    counts = np.asarray(counts, np.int64)
    covered = np.ones(counts.shape[-1], bool) if covered is None else covered
    kinds = tuple(f"K{n}" for n in range(len(counts)))
    return WeeklyCounts(
        kinds, districts, counts, dt.date(2024, 1, 1), np.broadcast_to(covered, (len(kinds), counts.shape[-1]))
    )


def test_alarms_are_told_in_plain_words():
    rng = np.random.default_rng(7)
    counts = rng.poisson(40, (1, 2, 100))
    counts[:, :, -3:] = 80
    changes = evaluation.find_changes(weekly(counts))
    one = changes.alarms.iloc[0]
    assert (one["kind"], one["district"], one["direction"], one["strength"], one["new"]) == (
        "K0", "all", "rise", "firm", True,
    )  # fmt: skip
    assert "K0 in the whole area rose" in one["sentence"]
    assert "80.0 a week" in one["sentence"]
    assert any("one district" in note.text for note in changes.notes)
    counts[:, :, -2:] = 3
    late = evaluation.find_changes(weekly(counts)).alarms
    assert "late" in late.loc[late["direction"] == "fall", "sentence"].iloc[0]


def test_too_short_a_history_says_so_and_gives_no_alarm():
    changes = evaluation.find_changes(weekly(np.ones((1, 2, 20))))
    assert not len(changes.alarms)
    assert not len(changes.series)
    assert "too short" in changes.notes[0].text
    with pytest.raises(DataError, match="too short"):
        monitor(np.ones((1, 20)))


def test_series_without_events_and_gaps_in_the_records_raise_nothing():
    rng = np.random.default_rng(8)
    counts = np.zeros((2, 2, 110))
    counts[0] = rng.poisson(40, 110)
    covered = np.ones(110, bool)
    covered[96:99], counts[:, :, 96:99] = False, 0
    changes = evaluation.find_changes(weekly(counts, covered))
    assert not (changes.alarms["direction"] == "fall").any()
    assert not (changes.alarms["kind"] == "K1").any()
    assert any("3 weeks without any record" in note.text for note in changes.notes)


@pytest.fixture(scope="module")
def demo(demo_folder):
    return pipeline.explore_job(al.read_job(demo_folder / "job.toml"), permutations=39)


@pytest.fixture(scope="module")
def panel(synthetic_city, synthetic_events):
    return al.Panel.from_events(synthetic_events, al.Tessellation.squares(synthetic_city.area, 500))


def test_weeks_that_still_fill_up_are_left_out(panel):
    week = panel.stop_day
    assert evaluation.complete_until(panel, week) == (week, None, False)
    late = dataclasses.replace(panel, reported=panel.day + np.int32(9))
    stop, note, known = evaluation.complete_until(late, week)
    assert (stop, known) == (week - dt.timedelta(days=9), True)
    assert "9 days" in note.text
    assert evaluation.complete_until(late, week + dt.timedelta(days=30))[0] == week


def test_new_and_vanished_codes(synthetic_events):
    day = local_clock(synthetic_events.time, synthetic_events.timezone)[0]
    last = int(day.max())
    robbery, drugs = (synthetic_events.kinds.index(kind) for kind in ("ROBBERY", "DRUGS"))
    kept = ~((synthetic_events.kind == robbery) & (day < last - 20)) & ~(
        (synthetic_events.kind == drugs) & (day >= last - 80)
    )
    review = evaluation.review_codes(synthetic_events.take(kept), day[kept], dt.date(2026, 3, 12))
    assert [text.split(" (")[0] for text in review.new] == ["ROBBERY"]
    assert [text.split(" (")[0] for text in review.gone] == ["DRUGS"]
    assert review.age_days == 10


# Near repeats -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 10_000))
@settings(max_examples=20, deadline=None)
def test_count_pairs(seed):
    rng = np.random.default_rng(seed)
    left, right = rng.integers(0, 20, (2, 60)).astype(np.int32)
    near, day = rng.integers(0, 3, 60).astype(np.int8), rng.integers(0, 12, 20).astype(np.int32)
    band, out, twin = np.array([0, 0, 1, 1, 2], np.int8), np.full((3, 3), 7, np.int64), [[7] * 3 for _ in range(3)]
    count_pairs(left, right, near, day, band, out)
    naive.count_pairs(left.tolist(), right.tolist(), near.tolist(), day.tolist(), band.tolist(), twin)
    assert out.tolist() == twin


def test_the_knox_table_is_that_of_its_definition():
    rng = np.random.default_rng(0)
    x, y, day = rng.uniform(0, 500, 40), rng.uniform(0, 500, 40), rng.integers(0, 30, 40)
    x[1], y[1] = x[0], y[0]
    x[2], y[2] = x[0] + 100.0, y[0]
    table = knox_test(x, y, day, permutations=19, seed=1).table
    for row, (near, soon) in enumerate(
        itertools.product(
            [(-1, 0.999), (1, 100), (100, 200), (200, 300), (300, 400)], [(0, 1), (2, 7), (8, 14), (15, 28)]
        )
    ):
        pairs = 0
        for i, j in itertools.combinations(range(40), 2):
            apart = math.dist((x[i], y[i]), (x[j], y[j]))
            inside = apart < 1 if near[0] < 0 else (1 <= apart <= 100 if near[0] == 1 else near[0] < apart <= near[1])
            pairs += inside and soon[0] <= abs(int(day[i] - day[j])) <= soon[1]
        assert table["observed"][row] == pairs
    assert table["p_value"].between(1 / 20, 1).all()


def scattered(rng, n, days=365):
    return rng.uniform(0, 4000, n), rng.uniform(0, 4000, n), rng.integers(0, days, n)


def test_planted_near_repeats_are_found_and_none_where_there_are_none():
    rng = np.random.default_rng(1)
    x, y, day = scattered(rng, 1500)
    plain = knox_test(x, y, day, permutations=99)
    assert plain.table["p_value"].min() >= 0.01
    assert (plain.table["p_value"] <= 0.05).sum() <= 3
    assert "no more near repeats" in plain.sentence("BURGLARY")
    breeds = rng.random(1500) < 0.15
    x = np.r_[x, x[breeds] + rng.normal(0, 40, breeds.sum())]
    y = np.r_[y, y[breeds] + rng.normal(0, 40, breeds.sum())]
    day = np.r_[day, day[breeds] + rng.integers(2, 8, breeds.sum())]
    planted = knox_test(x, y, day, permutations=99)
    cell = planted.table.set_index(["near", "soon"]).loc[("1 to 100 m", "2 to 7 days")]
    assert cell["p_value"] == 0.01
    assert cell["ratio"] > 1.5
    assert "1 to 100 m away" in planted.sentence("BURGLARY")


def test_a_lasting_hot_spot_alone_is_no_near_repeat():
    rng = np.random.default_rng(2)
    x, y, day = scattered(rng, 1200)
    x[:300], y[:300] = 2000.0, 2000.0
    assert knox_test(x, y, day, permutations=99).table["p_value"].min() > 0.01


def test_the_same_seed_gives_the_same_table_and_pairs_are_capped(monkeypatch):
    x, y, day = scattered(np.random.default_rng(3), 2000)
    one, other = (knox_test(x, y, day, permutations=19, seed=4) for _ in range(2))
    assert one.table.equals(other.table)
    monkeypatch.setattr("allocator.evaluation.history.near_repeat.MOST_PAIRS", 10_000)
    capped = knox_test(x, y, day, permutations=19)
    assert capped.events < 2000
    assert capped.first_day > one.first_day
    assert "oldest events are left out" in capped.note.text


def test_a_near_repeat_test_needs_events_near_each_other(synthetic_events):
    with pytest.raises(DataError, match="at least two"):
        knox_test(np.zeros(1), np.zeros(1), np.zeros(1, int))
    with pytest.raises(DataError, match="no two"):
        knox_test(np.array([0.0, 9e3]), np.zeros(2), np.zeros(2, int))
    monthly = dataclasses.replace(synthetic_events, precision="month")
    found, (told,) = near_repeats(monthly, monthly.kinds)
    assert found == {}
    assert told.text == "No near-repeat test: the file tells times to the month only."


def test_corrections_take_away_their_events(synthetic_city, synthetic_events):
    events = synthetic_events.to_crs(synthetic_city.area.crs)
    rows = np.flatnonzero(events.kind == 1)[-400:]
    twice = events.take(np.sort(np.r_[rows, rows]))
    count = np.where(np.arange(len(twice)) % 2 == 1, -1, 1).astype(np.int8)
    netted = dataclasses.replace(twice, count=np.where(np.arange(len(twice)) < 400, count, 1).astype(np.int8))
    found, _ = near_repeats(netted, netted.kinds, permutations=9)
    assert sum(one.events for one in found.values()) == 400


# Trends -----------------------------------------------------------------------------------------------------------


def test_poisson_z():
    assert evaluation.poisson_z(np.array([36.0]), np.array([25.0]))[0] == pytest.approx(math.sqrt(2))
    rng = np.random.default_rng(0)
    z = evaluation.poisson_z(rng.poisson(80, 4000), rng.poisson(40, 4000), exposure=2.0)
    assert z.mean() == pytest.approx(0, abs=0.06)
    assert z.std() == pytest.approx(1, abs=0.04)


def test_trends_are_counts_of_days(panel, synthetic_city):
    found = evaluation.find_trends(panel)
    day = pd.to_datetime(synthetic_city.events["occurred_at"]).dt.normalize()
    stop = pd.Timestamp(panel.stop_day)
    kind = synthetic_city.events["kind"] == "BURGLARY"

    def between(start, end):
        return int((kind & (day >= start) & (day < end)).sum())

    row = found.table[(found.table["kind"] == "BURGLARY") & (found.table["district"] == "all")].iloc[0]
    days = pd.Timedelta(days=1)
    assert row["last_28_days"] == pytest.approx(between(stop - 28 * days, stop), abs=2)  # a few lie on the outline
    assert row["before_28_days"] == pytest.approx(between(stop - 56 * days, stop - 28 * days), abs=2)
    assert row["year_earlier"] == pytest.approx(between(stop - 392 * days, stop - 364 * days), abs=2)
    assert row["year_to_date"] == pytest.approx(between(pd.Timestamp("2026-01-01"), stop), abs=2)
    assert np.isnan(row["last_year_to_date"])  # the history starts on 2025-01-06
    assert any("too short" in note.text for note in found.notes)
    local = found.table[(found.table["kind"] == "BURGLARY") & (found.table["district"] != "all")]
    assert local["last_28_days"].sum() == row["last_28_days"]


def test_hours_leave_out_unknown_times(panel):
    found = evaluation.find_trends(panel)
    assert found.hours.sum() // 2 == found.timed == (panel.minute >= 0).sum()
    half = dataclasses.replace(panel, minute=np.where(np.arange(len(panel.day)) % 2, -1, panel.minute).astype(np.int16))
    assert evaluation.find_trends(half).timed < 0.6 * found.timed
    assert evaluation.find_trends(dataclasses.replace(panel, precision="day")).hours is None
    weekday = (panel.day + panel.first_day.weekday()) % 7
    friday_night = ((weekday == 4) & (panel.minute >= 22 * 60) & (panel.minute < 23 * 60)).sum()
    assert found.hours[-1, 4, 22] == friday_night


def test_a_leap_day_and_the_new_year():
    city = al.Tessellation.squares(al.Area(np.array([_box()], object), ("1",), "EPSG:32616"), 500)
    days = np.arange("2023-01-01", "2024-03-01", dtype="datetime64[D]").astype("datetime64[s]") + np.timedelta64(
        18, "h"
    )
    events = al.Events(
        time=days, x=np.full(len(days), 250.0), y=np.full(len(days), 250.0), kind=np.zeros(len(days), np.int16),
        kinds=("A",), crs="EPSG:32616", timezone="America/Chicago", count=np.ones(len(days), np.int8),
        weight=np.ones(len(days), np.float32), origin=np.zeros(len(days), np.int8),
    )  # fmt: skip
    panel = al.Panel.from_events(events, city)
    found = evaluation.find_trends(panel)
    assert found.last_day == dt.date(2024, 2, 29)
    row = found.table.iloc[0]
    assert (row["year_to_date"], row["last_year_to_date"]) == (60, 59)
    assert abs(row["z_year_to_date"]) < 0.02
    assert any("60 days and last year's had 59" in note.text for note in found.notes)
    at_new_year = evaluation.find_trends(panel, stop=dt.date(2024, 1, 1)).table.iloc[0]
    assert at_new_year["year_to_date"] == 365


def _box():
    import shapely

    return shapely.box(0, 0, 1000, 1000)


# The command ------------------------------------------------------------------------------------------------------


def test_the_exploration_of_the_demo_city(demo, tmp_path):
    text = demo.summary()
    assert max(map(len, text.splitlines())) <= 110
    assert "complete up to 2026-03-01" in text
    assert {"BURGLARY", "VEHICLE CRIME"} <= set(demo.repeats)
    place = pipeline.save_exploration(demo, tmp_path / "out")
    names = {path.name for path in place.iterdir()}
    assert {"explore.html", "trends.csv", "alarms.csv", "near_repeat.csv", "weekly.csv", "summary.json", "weekly.png",
            "hours.png", "near_repeat.png"} <= names  # fmt: skip
    page = (place / "explore.html").read_text()
    assert page.count("<img") == sum(name.endswith(".png") for name in names)
    assert "http" not in page.replace("http-equiv", "")
    assert json.loads((place / "summary.json").read_text())["values"]["age_days"] == 0
    table = pd.read_csv(place / "weekly.csv", dtype={"district": str})
    whole = table[table["district"] == "all"]
    assert whole["events"].sum() == demo.weekly.counts[:, -1].sum()
    with pytest.raises(al.OutputError):
        pipeline.save_exploration(demo, place)


def test_planted_repeats_of_the_demo_city_are_found(demo):
    table = demo.repeats["VEHICLE CRIME"].table.set_index(["near", "soon"])
    assert table.loc[("1 to 100 m", "2 to 7 days"), "ratio"] > 1.05
    assert table.loc[("1 to 100 m", "2 to 7 days"), "p_value"] <= 0.05


def test_the_command(demo_folder, tmp_path, capsys, monkeypatch):
    city = Path(shutil.copytree(demo_folder, tmp_path / "city"))
    frame = pd.read_csv(city / "events.csv", dtype=str)
    frame["kind"] = frame["kind"].replace("ROBBERY", "=HYPERLINK(1)")
    frame["occurred_at"] = frame["occurred_at"].str[:10]
    frame[frame["occurred_at"] >= "2025-10-01"].to_csv(city / "events.csv", index=False)

    def call(*words):
        monkeypatch.setattr(sys, "argv", ["allocator", "explore", str(city / "job.toml"), *words])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        return int(caught.value.code or 0), *capsys.readouterr()

    code, out, err = call("--json", "--set", "tessellation.size_m=600.0", "--week", "2026-02-23", "--overwrite")
    assert code == 0, err
    values = json.loads(out)
    assert values["series_watched"] == 0  # 21 weeks are too few
    place = Path(values["folder"])
    rows = list(csv.reader(text_io.StringIO((place / "weekly.csv").read_text())))
    assert {"'=HYPERLINK(1)"} == {row[1] for row in rows if "HYPER" in row[1]}
    page = (place / "explore.html").read_text()
    assert "too short a history for change alarms" in page
    assert "no times of day" in page
    assert values["last_event_day"] == "2026-02-22"
    code, out, err = call("--quiet", "--week", "2026-02-23")
    assert (code, out) == (6, "")
    assert "--overwrite" in err


def test_one_single_event_of_one_kind(demo_folder, tmp_path):
    city = Path(shutil.copytree(demo_folder, tmp_path / "city"))
    lines = (city / "events.csv").read_text().splitlines()
    single = next(line for line in lines if ",BURGLARY," in line)
    (city / "events.csv").write_text("\n".join([lines[0], single]) + "\n")
    job = al.read_job(city / "job.toml", overrides=["tessellation.size_m=600.0"])
    found = pipeline.explore_job(job)
    assert "too few" in found.summary()
    assert "days are missing" in found.summary()
    pipeline.save_exploration(found, tmp_path / "out")
    none = al.read_job(city / "job.toml", overrides=['data.kinds=["ROBBERY"]'])
    with pytest.raises(al.ConfigError, match="ROBBERY"):
        pipeline.explore_job(none)


def test_csv_cells_cannot_become_formulas():
    frame = pd.DataFrame({"=a": ["=1+1", " @x", "plain", "-2"], "n": [-1.5, 2.0, 3.0, float("nan")]})
    assert csv_text(frame).splitlines() == ["'=a,n", "'=1+1,-1.5", "' @x,2.0", "plain,3.0", "'-2,"]


@pytest.mark.data
def test_chicago_theft_repeats_strongly():
    path = real("chicago", "events.parquet")
    area = al.read_area(real("chicago", "districts.geojson"), district="dist_num")
    columns = {"time": "occurred_at", "kind": "category", "lon": "lon", "lat": "lat"}
    events = al.read_events(path, columns=columns, timezone="America/Chicago").to_crs(area.crs)
    found, _ = near_repeats(events, ("THEFT",), days=120, permutations=19)
    table = found["THEFT"].table.set_index(["near", "soon"])
    assert table.loc[("same place", "0 to 1 days"), "ratio"] > 1.2
    assert table.loc[("same place", "2 to 7 days"), "p_value"] == 0.05
    assert table.loc[("1 to 100 m", "0 to 1 days"), "p_value"] == 0.05
