"""Re-plans where districts have more units than are routed together."""

from __future__ import annotations

import pandas as pd
import pytest

import allocator as al
import allocator.planning.routes.parts as parts_module
from allocator import pipeline, planning
from allocator.domain import Unit
from allocator.io.job import read_job
from allocator.planning.routes.parts import TOGETHER
from limits_kept import assert_sound

AT, SHIFT = "2026-03-02T18:00-01:00", "2026-03-02/evening"
UNITS = 432


@pytest.fixture(scope="module", params=["searched", "put in one by one"])
def crowded(request, demo_folder, tmp_path_factory):
    """A run of one day of the demo city with a crew of 14 units or more in some district."""
    folder = tmp_path_factory.mktemp("crowded")
    units = pd.read_csv(demo_folder / "units.csv").iloc[:1]
    many = pd.concat([units] * UNITS, ignore_index=True)
    many["unit"] = [f"X{n:03d}" for n in range(UNITS)]
    many["home_district"] = [str(n % 6 + 1) for n in range(UNITS)]
    many.to_csv(folder / "units.csv", index=False)
    shifts = ("day", "evening", "night")
    duty = pd.DataFrame({"unit": many["unit"], "weekday": "mon", "shift": [shifts[n // 6 % 3] for n in range(UNITS)]})
    duty.iloc[: UNITS * 3 // 4].to_csv(folder / "duty.csv", index=False)
    overrides = [
        "job.days=1", "risk.model=mixture", "routes.runs=1", "routes.iterations=10", "allocation.worth=false",
        "output.products=[]", f"roster.units={folder / 'units.csv'}", f"roster.duty={folder / 'duty.csv'}",
        "allocation.bands=[]",
    ]  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "searched":
            patch.setattr(parts_module, "FULL", 100)
        run = pipeline.run(read_job(demo_folder / "job.toml", overrides=overrides))
        assert run.plan.assignments.groupby(["shift", "district"]).size().max() > TOGETHER + 1
        yield run


def largest_crew(run) -> tuple[str, list[str]]:
    """Return the district of the largest crew of `SHIFT`, and its units that have visits after `AT`."""
    posted = run.plan.assignments.query("shift == @SHIFT and district != ''")
    district = posted["district"].value_counts().index[0]
    later = set(run.plan.visits[run.plan.visits["start"] >= pd.Timestamp(AT)]["unit"])
    return district, sorted(set(posted.query("district == @district")["unit"]) & later)


def test_a_unit_lost_from_a_large_crew_moves_few_visits_of_the_others(crowded):
    _, crew = largest_crew(crowded)
    revised = al.replan(crowded, at=AT, out_of_service=crew[:1])
    late = revised.plan.visits[revised.plan.visits["start"] >= pd.Timestamp(AT)]
    assert crew[0] not in set(late["unit"])
    assert_sound(revised, since=pd.Timestamp(AT))
    assert planning.visits_changed(revised.plan, crowded.plan, besides=(crew[0],)) <= 0.10
    touched = set(zip(revised.plan.changes["shift"], revised.plan.changes["district"], strict=True))
    posted = crowded.plan.assignments.set_index(["unit", "shift"])["district"]
    keys = ["unit", "shift", "cell", "start"]
    kept = crowded.plan.visits.merge(revised.plan.visits[keys], on=keys, how="left", indicator=True)
    for row in kept[kept["_merge"] != "both"].itertuples():  # the crew alone, and only what had not begun
        assert (row.shift, posted[row.unit, row.shift]) in touched
        assert row.unit == crew[0] or row.start >= pd.Timestamp(AT)
    assert len(touched) <= 3
    again = al.replan(crowded, at=AT, out_of_service=crew[:1])
    pd.testing.assert_frame_equal(again.plan.visits, revised.plan.visits)


def test_added_units_and_urgent_cells_in_a_large_crew(crowded):
    now = pd.Timestamp(AT)
    more = al.replan(crowded, at=AT, added=[Unit("R98"), Unit("R99")])
    assert ("R99", SHIFT) in more.roster.duty
    assert_sound(more, since=now)
    assert more.plan.delivered >= 0.999 * crowded.plan.delivered
    district, _ = largest_crew(crowded)
    inside = crowded.surface.city.district == crowded.surface.city.districts.index(district)
    cell = int(inside.nonzero()[0][7])
    urgent = al.replan(crowded, at=AT, urgent=[cell])
    assert_sound(urgent)
    assert urgent.plan.visits.query("purpose == 'urgent'")["cell"].tolist() == [cell]
    assert planning.visits_changed(urgent.plan, crowded.plan) <= 0.02
