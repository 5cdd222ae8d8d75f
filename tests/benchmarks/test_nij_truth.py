"""Scores of NIJ entries on the true events: a toy done by hand, and the teams' published figures."""

from __future__ import annotations

import datetime as dt

import geopandas
import numpy as np
import pandas as pd
import pytest
import shapely

import nij
import nij_truth
from places import real

FIRST = dt.date(2017, 3, 1)
WINDOWS = {"1WK": (FIRST, 7), "2WK": (FIRST, 14), "1MO": (FIRST, 31), "2MO": (FIRST, 61), "3MO": (FIRST, 92)}


@pytest.fixture
def toy():
    """Four squares of a mile in a row, and ten events of the first week: 4, 1, 3 and 0 in them, two in none."""
    cells = geopandas.GeoDataFrame(geometry=[shapely.box(mile, 0, mile + 1, 1) for mile in range(4)])
    east = [0.2, 0.4, 0.6, 0.8, 1.5, 2.2, 2.4, 2.6, 9.0, -1.0]
    events = pd.DataFrame({"category": ["BURGLARY"] * 10, "occ_date": pd.Timestamp(FIRST), "x": east, "y": 0.5})
    return cells, events


def test_a_score_is_that_done_by_hand(toy):
    cells, events = toy
    counts = nij_truth.count(cells, events)
    assert counts.tolist() == [4, 1, 3, 0]
    found = nij_truth.score(counts, np.array([True, True, False, False]), 10, cell_sq_mi=1.0, city_sq_mi=8.0)
    assert (found.hits, found.events, found.best) == (5, 10, 7)
    assert found.area_sq_mi == 2.0
    assert found.pai == pytest.approx((5 / 10) / (2 / 8))  # 2: twice what an even spread puts there
    assert found.pei == pytest.approx(5 / 7)  # the first and third cells hold most


def test_the_best_cells_have_all_that_can_be_had_and_empty_ones_nothing(toy):
    counts = nij_truth.count(*toy)
    assert nij_truth.score(counts, np.array([1, 0, 1, 0]), 10, 1.0, 8.0).pei == 1.0
    empty = nij_truth.score(counts, np.array([0, 0, 0, 1]), 10, 1.0, 8.0)
    assert (empty.pai, empty.pei) == (0.0, 0.0)
    assert nij_truth.score(np.zeros(4, int), np.array([1, 0, 0, 0]), 10, 1.0, 8.0).pei == 0.0


def test_an_event_on_a_common_side_counts_once(toy):
    cells, events = toy
    assert nij_truth.count(cells, events.assign(x=1.0)).tolist() == [10, 0, 0, 0]


def test_a_window_holds_its_first_day_and_not_the_day_after_its_last(toy):
    _, events = toy
    days = [FIRST + dt.timedelta(days=n) for n in (-1, 0, 1, 2, 3, 4, 5, 6, 7, 8)]
    dated = events.assign(occ_date=pd.to_datetime(days), category=["BURGLARY"] * 5 + ["OTHER"] * 5)
    assert len(nij_truth.within(dated, "all", FIRST, 7)) == 7
    assert len(nij_truth.within(dated, "BURGLARY", FIRST, 7)) == 4


def test_losses_and_missing_rivals_are_told():
    ours = pd.DataFrame({"category": ["all", "all", "BURGLARY"], "horizon": ["1WK", "2WK", "1WK"]})
    teams = pd.DataFrame({
        "team": ["garant", "garant", "garant", "kernel_glitches"], "category": ["all", "all", "BURGLARY", "all"],
        "horizon": ["1WK", "2WK", "1WK", "1WK"], "PAI": [1.0, 3.0, 0.0, 5.0], "PEI_star": [0.1, 0.2, 0.0, 0.4],
    })  # fmt: skip
    table = nij_truth.beside(ours.assign(pai_ours=[4.0, 4.0, 0.0]), teams)
    assert table.pai_kernel_glitches.isna().tolist() == [False, True, True]
    assert nij_truth.verdicts(table, "pai", list(nij_truth.TEAMS)).tolist() == ["below", "above", "equal"]
    other = nij_truth.verdicts(table.assign(pai_decay=[6.0, 3.0, 1.0]), "pai", list(nij_truth.TEAMS), own="decay")
    assert other.tolist() == ["above", "equal", "above"]


def test_an_entry_is_kept_for_its_model_and_seed_alone(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        nij, "made", lambda city, key, model, seed, out: asked.append((model, seed)) or {"n": len(asked)}
    )
    key = ("STREET CRIMES", "1WK")
    for model, seed in (("mixture", 0), ("mixture", 0), ("decay", 0), ("decay", 1), ("decay", 1)):
        row = nij.kept(None, key, model, seed, tmp_path)
    assert asked == [("mixture", 0), ("decay", 0), ("decay", 1)]
    assert row == {"n": 3}
    assert [file.name for file in tmp_path.iterdir()] == ["street_crimes_1WK.gpkg.json"]


def test_a_written_entry_is_scored_as_it_was_written(toy, tmp_path):
    """Our hotspots are the first two squares: n = 5 of N = 10, n* = 7 with the first and third."""
    cells, events = toy
    cells.assign(hotspot=[1, 1, 0, 0]).set_crs("EPSG:2913").to_file(tmp_path / "burglary_1WK.gpkg")
    others = dict.fromkeys(nij.BASELINES, np.array([1, 0, 1, 0], bool))
    np.savez(tmp_path / "burglary_1WK.gpkg.npz", mixture=np.array([1, 1, 0, 0], bool), **others)
    row = {"category": "burglary", "days": 7, "side_ft": 5280, "file": "burglary_1WK.gpkg"}
    found = nij.on_truth(row, "mixture", tmp_path, events, 8.0)
    assert (found["hits"], found["events"], found["best"]) == (5, 10, 7)
    assert found["pai_ours"] == pytest.approx(2.0)
    assert found["pei_ours"] == pytest.approx(5 / 7)
    assert found["pei_decay"] == 1.0
    np.savez(tmp_path / "burglary_1WK.gpkg.npz", mixture=np.array([0, 1, 1, 0], bool), **others)
    with pytest.raises(ValueError, match="different runs"):
        nij.on_truth(row, "mixture", tmp_path, events, 8.0)


@pytest.mark.data
def test_the_teams_figures_are_read_and_made_again():
    folder = real("portland_nij", "test_events.parquet").parent
    boundary = geopandas.read_file(real("portland", "boundary.geojson")).to_crs("EPSG:2913")
    city_sq_mi = boundary.geometry.union_all().area / nij_truth.SQ_FT_PER_SQ_MI
    teams, events = nij_truth.submissions(folder), nij_truth.truth(folder)
    assert teams.team.value_counts().to_dict() == {"garant": 20, "kernel_glitches": 11}
    assert not teams.category.isna().any()
    checked = nij_truth.check(teams, events, city_sq_mi, WINDOWS)
    assert (checked[["N", "PEI*"]] == 0).all(axis=None)
    assert (checked[["A", "PAI"]] < 1e-6).all(axis=None)
    assert checked.a.max() < 0.01  # cells of one team are not all of one size
    quoted = teams[(teams.team == "garant") & (teams.category == "STREET CRIMES") & (teams.horizon == "1WK")].iloc[0]
    own = nij_truth.Score(quoted.n, quoted.N, quoted.n_star, quoted.a_sqmi, city_sq_mi)
    assert own.pai == pytest.approx(60.499, abs=0.001)
    assert own.pei == pytest.approx(quoted.PEI_star)
