"""What became of a plan: the table to fill in, the report, and what the next plan learns."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.domain import (
    DELIVERY_TYPES,
    OUTREACH_TYPES,
    Delivered,
    Initiative,
    Offers,
    Partner,
    Venue,
    delivery_table,
    typed_table,
)
from allocator.errors import DataError
from allocator.evaluation.outreach.delivery import delivery_report
from allocator.evaluation.outreach.learning import learnt
from allocator.facts import texts
from allocator.io.outreach.delivery import delivery_template, read_delivery
from allocator.io.tables.exports import csv_text


def item(one, **others):
    start = pd.Timestamp("2017-11-04 23:30", tz="UTC")
    record = {name: 0 if "int" in kind or "float" in kind else "" for name, kind in OUTREACH_TYPES.items()}
    record |= {
        "id": one, "initiative": "Locks", "type": "workshop", "team": "T1", "venue": "Hall", "partner": "Library",
        "area": "North", "start": start, "stop": start + pd.Timedelta("2h"), "reach": 40, "cost": 100.0,
    }  # fmt: skip
    return {**record, **others}


ITEMS = typed_table(OUTREACH_TYPES, [
    item("a"), item("b", area="South", venue="Room", reach=20), item("c"), item("d", partner=""), item("e"),
    item("f", type="materials", initiative="Leaflets", venue="", area="North;South", reach=500, cost=50.0),
])  # fmt: skip

FILLED = """id,initiative,status,attended,handed_out,cost,cause,asked,answered,held_on
a,Locks,held,30,,120,,2017-10-01,2017-10-05,
b,Locks,Held,24,,90,,2017-10-01,2017-10-11,
c,Locks,canceled,,,,Heavy rain,2017-10-02,2017-10-04,
d,,moved,,,,heavy rain,,,
e,Locks,,,,,,,,
f,Leaflets,moved,,400,,hall shut,,,2017-11-20
"""


def written(tmp_path, text, name="delivery.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def test_the_template_is_read_back_as_it_was_written(tmp_path):
    items = typed_table(OUTREACH_TYPES, [item("a", initiative="=1+1", venue="-Hall", area="@North"), item("b")])
    template = delivery_template(items, timezone="America/Chicago")
    assert list(template.columns) == list(DELIVERY_TYPES)
    assert template.loc[0, "start"] == "2017-11-04 18:30-05:00"
    text = csv_text(template)
    assert ",'=1+1," in text
    found = read_delivery(written(tmp_path, text)).frame
    assert {name: str(one) for name, one in found.dtypes.items()} == DELIVERY_TYPES
    assert found.loc[0, ["initiative", "venue", "area"]].tolist() == ["=1+1", "-Hall", "@North"]
    assert (found["start"] == items["start"]).all()
    assert found["planned_reach"].tolist() == [40, 40]
    assert (found["status"] == "").all()
    assert found["attended"].isna().all()


def test_starts_keep_their_moment_across_the_end_of_daylight_saving(tmp_path):
    starts = pd.to_datetime(["2017-11-05T06:30Z", "2017-11-05T07:30Z"])  # both 01:30 in Chicago
    items = typed_table(OUTREACH_TYPES, [item("a", start=starts[0]), item("b", start=starts[1])])
    template = delivery_template(items, timezone="America/Chicago")
    assert template["start"].tolist() == ["2017-11-05 01:30-05:00", "2017-11-05 01:30-06:00"]
    found = read_delivery(written(tmp_path, csv_text(template)))
    assert found.frame["start"].tolist() == list(starts)


def test_the_template_of_an_empty_plan_is_empty():
    assert delivery_template(typed_table(OUTREACH_TYPES)).empty


def test_what_happened_is_read(tmp_path):
    found = read_delivery(written(tmp_path, FILLED))
    assert found.frame["status"].tolist() == ["held", "held", "cancelled", "moved", "", "moved"]
    assert found.held.tolist() == [True, True, False, False, False, True]
    assert found.frame["attended"].tolist()[:2] == [30, 24]
    assert found.frame.loc[0, "answered"] - found.frame.loc[0, "asked"] == pd.Timedelta("4D")


@pytest.mark.parametrize(("row", "words"), [
    ("a,happened,,,,,,,", "unknown status 'happened'"),
    ("a,hold,,,,,,,", "did you mean 'held'"),
    ("a,held,-3,,,,,,", "attended = '-3' is not a number of 0 or more"),
    ("a,held,3.5,,,,,,", "attended = '3.5' is not a whole number"),
    ("a,held,1e7,,,,,,", "more than 1,000,000"),
    ("a,held,,,-5,,,,", "cost = '-5'"),
    ("a,held,,many,,,,,", "handed_out = 'many'"),
    ("a,held,,,,,2017-02-30,,", "asked = '2017-02-30' is not a date"),
    ("a,held,,,,,0217-02-03,,", "cannot be: years are from 1990"),
    ("a,held,,,,,2017-02-03,2017-02-01,", "answered 2017-02-01 is before asked 2017-02-03"),
    ("a,held,,,,,2015-02-03,2017-02-01,", "more than a year after"),
    ("a,held,,,,,,2017-02-01,", "answered is given without asked"),
    ("a,cancelled,12,,,,,,", "cancelled, yet attended = '12'"),
    ("a,cancelled,,,,,,,2017-02-01", "cancelled, yet held_on"),
    ("a,,12,,,,,,", "the status is blank, yet"),
    ("a,moved,12,,,,,,", "held_on is blank"),
    (",held,,,,,,,", "id is blank"),
    ("a,held,,,,ask jo@example.org,,,", "never a person"),
    ("a,held,,,,call 312 555 0199,,,", "never a person"),
    ("a,held,,,," + "x" * 81 + ",,,", "81 characters"),
    ("a,held,,,,,,,\na,held,,,,,,,", "'a' is used twice"),
])  # fmt: skip
def test_broken_reports_are_refused(tmp_path, row, words):
    head = "id,status,attended,handed_out,cost,cause,asked,answered,held_on\n"
    with pytest.raises(DataError, match=words):
        read_delivery(written(tmp_path, head + row + "\n"))


def test_all_faults_are_told_at_once_and_persons_refused(tmp_path):
    with pytest.raises(DataError) as error:
        read_delivery(written(tmp_path, "id,status,attended\na,helt,-1\na,held,x\n"))
    assert error.value.count == 4
    with pytest.raises(DataError, match="look personal"):
        read_delivery(written(tmp_path, "id,status,contact\na,held,Jo\n"))
    far = "id,status,start,held_on\na,held,2017-12-25 18:00-06:00,2027-12-25\n"
    with pytest.raises(DataError, match="held_on 2027-12-25 is 3,651 days from its start"):
        read_delivery(written(tmp_path, far))
    with pytest.raises(DataError, match="no offset from UTC, such as -06:00"):
        read_delivery(written(tmp_path, "id,status,start\na,held,2017-12-25 18:00\n"))


def test_the_report_counts_reach_and_cost_against_plan(tmp_path):
    card = delivery_report(ITEMS, read_delivery(written(tmp_path, FILLED)))
    table = card.table().set_index(["by", "name"])
    whole = table.loc["all", "all"]
    assert whole[["planned", "held", "cancelled", "moved", "open"]].tolist() == [6, 3, 1, 1, 1]
    assert whole["contacts"] == 30 + 24 + 400
    assert whole["attendance"] == pytest.approx(454 / 560)
    assert whole["attendance_low"] < whole["attendance"] < whole["attendance_high"]
    assert whole["per_contact"] == pytest.approx((120 + 90) / (30 + 24))
    assert whole["planned_per_contact"] == pytest.approx(550 / 680)
    workshop = table.loc["type", "workshop"]
    assert workshop["attendance"] == pytest.approx(54 / 60)
    ratios, planned = np.array([30 / 40, 24 / 20, 400 / 500]), np.array([40, 20, 500])
    scores = planned * (ratios - 454 / 560) / 560
    se = (3 / 2 * (scores**2).sum()) ** 0.5
    assert whole["attendance_high"] == pytest.approx(454 / 560 + 4.30265273 * se)  # t of two degrees of freedom
    assert np.isnan(workshop["attendance_low"])  # two holdings
    assert np.isnan(table.loc["type", "materials"]["attendance_low"])
    assert set(table.loc["area"].index) == {"North", "South", "several areas"}
    assert set(table.loc["partner"].index) == {"Library"}
    assert card.causes().to_dict("list") == {"cause": ["heavy rain", "hall shut"], "holdings": [2, 1]}


def test_the_report_speaks_plainly_and_is_fit_for_json(tmp_path):
    offers = Offers(venues=(venue("Hall", 40), venue("Room", 20)))
    card = delivery_report(ITEMS, read_delivery(written(tmp_path, FILLED)), offers=offers)
    text = " ".join(card.summary().split())
    for words in ("3 of 6 held, 1 cancelled", "heavy rain (2)", "b (Room: 24 of 20)", "took place without a cost"):
        assert words in text
    assert all(len(line) <= 70 for line in card.summary(width=70).splitlines())
    json.dumps(card.figures(), allow_nan=False)


def test_nothing_delivered_is_all_open():
    card = delivery_report(ITEMS, Delivered.none())
    whole = card.table().iloc[0]
    assert (whole["open"], whole["held"], whole["contacts"]) == (6, 0, 0)
    assert np.isnan(whole["attendance"])
    assert "no contacts were told" in card.summary()
    empty = delivery_report(typed_table(OUTREACH_TYPES), [])
    assert empty.table().empty
    assert "none were planned" in empty.summary()


def test_ids_that_are_not_in_the_plan_or_twice_are_refused(tmp_path):
    one = read_delivery(written(tmp_path, "id,initiative,status\na,Locks,held\nzz,Locks,held\nb,Other,held\n", "1.csv"))
    two = read_delivery(written(tmp_path, "id,status\na,held\n", "2.csv"))
    with pytest.raises(DataError) as error:
        delivery_report(ITEMS, (one, two))
    text = str(error.value)
    for words in ("1.csv: id 'zz' is not in the plan", "1.csv and 2.csv report on id 'a'", "'Other', and 'Locks'"):
        assert words in text


def venue(name, capacity):
    return Venue(name, "North", capacity, dt.time(8), dt.time(20))


def offer(name, reach=40, type_="workshop", **others):
    return Initiative(name, type_, ("BURGLARY",), 2.0, 100.0, reach, 0.05, "assumed", **others)


OFFERS = Offers(
    (offer("Locks"), offer("Bikes", 30), offer("New", 20), offer("Leaflets", 500, "materials")),
    (venue("Hall", 50), venue("Room", 40)),
    (Partner("Library", lead_days=3), Partner("School", lead_days=20)),
)


def delivered(rows):
    """Delivered holdings: initiative, venue, contacts, and days from asked to answered (None: none was told)."""
    asked = pd.Timestamp("2017-10-01")
    records = []
    for k, (initiative, place, contacts, *days) in enumerate(rows):
        answered = asked + pd.Timedelta(days[0], "D") if days and days[0] is not None else pd.NaT
        records.append({
            "id": f"id{k}", "initiative": initiative, "team": "", "venue": place, "partner": "Library", "area": "",
            "start": pd.NaT, "status": "held", "attended": contacts if initiative != "Leaflets" else np.nan,
            "handed_out": contacts if initiative == "Leaflets" else np.nan, "cause": "",
            "asked": asked if days else pd.NaT, "answered": answered,
        })  # fmt: skip
    return Delivered("d.csv", delivery_table(records))


def named(offers):
    return {one.name: one for one in (*offers.initiatives, *offers.venues, *offers.partners)}


def test_what_went_as_planned_changes_nothing():
    rows = [("Locks", "Hall", 40), ("Bikes", "Room", 30), ("Leaflets", "", 500)] * 3
    found, notes = learnt([delivered(rows)], OFFERS)
    assert found == OFFERS
    assert notes == ()


def test_low_attendance_lowers_the_reach_towards_all():
    rows = [("Locks", "Hall", 20)] * 6 + [("Bikes", "Hall", 30)] * 6
    found, notes = learnt([delivered(rows)], OFFERS)
    reach = {name: one.reach for name, one in named(found).items() if isinstance(one, Initiative)}
    assert 20 <= reach["Locks"] < 30
    assert 20 < reach["Bikes"] <= 30
    assert reach["New"] < 20  # never held: the ratio of all
    assert reach["Leaflets"] == 500  # another sort
    assert any("120 contacts of 240 to be expected in 6 holdings (50%)" in note.text for note in notes)
    assert any("New: not held yet" in note.text for note in notes)


def test_one_poor_evening_is_no_rule():
    found, _ = learnt([delivered([("Locks", "Hall", 0)])], OFFERS)
    assert 20 < named(found)["Locks"].reach < 40


def test_learning_settles_instead_of_growing():
    """The same deliveries against offers of the file give the same: nothing is learnt twice."""
    tables = [delivered([("Locks", "Hall", 25), ("Bikes", "Room", 20)] * 4)]
    assert learnt(tables, OFFERS) == learnt(tables, OFFERS)
    again = [dataclasses.replace(tables[0], frame=tables[0].frame.assign(id=lambda f: f["id"] + "x"))]
    assert named(learnt([*tables, *again], OFFERS)[0])["Locks"].reach == pytest.approx(25, abs=4)


def test_reach_grows_no_further_than_the_largest_room():
    found, _ = learnt([delivered([("Locks", "Hall", 80)] * 20)], OFFERS)
    assert named(found)["Locks"].reach == 50
    leaflets = dataclasses.replace(OFFERS, initiatives=(offer("Leaflets", 500, "materials", items=550),))
    assert named(learnt([delivered([("Leaflets", "", 900)] * 20)], leaflets)[0])["Leaflets"].reach == 550


def test_what_is_learnt_is_nearer_the_truth_than_the_plan_and_than_raw_ratios():
    rng = np.random.default_rng(6)
    errors = []
    for _ in range(12):
        truth = rng.normal(0.7, 0.12, 12).clip(0.3, 1.1)
        offers = Offers(tuple(offer(f"I{k}", 100) for k in range(12)), (venue("Hall", 200),))
        turnout = rng.gamma(16, 1 / 16, (12, 3))  # of one evening
        came = rng.poisson(100 * truth[:, None] * turnout)
        found, _ = learnt([delivered([(f"I{k}", "Hall", n) for k in range(12) for n in came[k]])], offers)
        reach = np.array([one.reach for one in found.initiatives])
        errors.append([((one - 100 * truth) ** 2).mean() for one in (reach, came.mean(axis=1), np.full(12, 100))])
    ours, raw, plan = np.mean(errors, axis=0)
    assert ours < 0.8 * raw
    assert ours < 0.25 * plan


def test_a_room_that_draws_few_has_less_usable_capacity():
    rows = [("Locks", "Hall", 40), ("Bikes", "Hall", 30)] * 10 + [("Locks", "Room", 14), ("Bikes", "Room", 10)] * 10
    found, notes = learnt([delivered(rows)], OFFERS)
    assert named(found)["Hall"].capacity == 50
    assert 14 <= named(found)["Room"].capacity < 36
    assert any(note.text.startswith("Room: 240 came in 20 holdings") for note in notes)
    assert named(found)["Locks"].reach >= 36  # the room is not held against the initiative


def test_notice_covers_four_answers_of_five():
    days = [1, 2, 9, 4, 5, 6, 7, 8, 3, 30]
    found, notes = learnt([delivered([("Locks", "Hall", 40, one) for one in days])], OFFERS)
    assert named(found)["Library"].lead_days == 8
    assert named(found)["School"].lead_days == 20
    assert any("80% of 10 answers came within 8 days: notice of 3 days becomes 8" in note.text for note in notes)
    few, _ = learnt([delivered([("Locks", "Hall", 40, 50), ("Locks", "Hall", 40, 50)])], OFFERS)
    assert named(few)["Library"].lead_days == 3
    quick, _ = learnt([delivered([("Locks", "Hall", 40, 1)] * 5)], OFFERS)
    assert named(quick)["Library"].lead_days == 3
    _, notes = learnt([delivered([("Locks", "Hall", 40, 1), ("Locks", "Hall", 40, None)])], OFFERS)
    assert "Library: 1 of 2 questions have no answer yet" in texts(notes)


def test_reports_on_the_same_holding_count_once():
    table = delivered([("Locks", "Hall", 20)] * 4)
    once, _ = learnt([table], OFFERS)
    twice, notes = learnt([table, table], OFFERS)
    assert once == twice
    assert "4 holdings are reported on more than once" in notes[0].text


def test_initiatives_that_are_gone_teach_nothing():
    found, notes = learnt([delivered([("Gone", "Hall", 3)] * 4)], OFFERS)
    assert found == OFFERS
    assert "offered no longer" in notes[0].text
    assert learnt([], OFFERS) == (OFFERS, ())


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000))
def test_learning_keeps_to_physical_limits_and_ignores_the_order(seed):
    rng = np.random.default_rng(seed)
    rows = [
        (
            rng.choice(["Locks", "Bikes", "Leaflets"]), rng.choice(["Hall", "Room"]),
            float(rng.poisson(rng.choice([0, 10, 60]))), int(rng.integers(0, 40)),
        )
        for _ in range(int(rng.integers(1, 25)))
    ]  # fmt: skip
    table = delivered(rows)
    found, notes = learnt([table], OFFERS)
    shuffled = dataclasses.replace(table, frame=table.frame.sample(frac=1, random_state=seed))
    assert named(learnt([shuffled], OFFERS)[0]) == named(found)
    before = named(OFFERS)
    for name, one in named(found).items():
        if isinstance(one, Venue):
            assert 0 < one.capacity <= before[name].capacity
        elif isinstance(one, Partner):
            assert one.lead_days >= before[name].lead_days
        elif one.place == "venue":
            assert 1 <= one.reach <= 50
        assert (
            dataclasses.replace(
                one,
                **{key: getattr(before[name], key) for key in ("reach", "capacity", "lead_days") if hasattr(one, key)},
            )
            == before[name]
        )
    assert all("nan" not in note.text for note in notes)
