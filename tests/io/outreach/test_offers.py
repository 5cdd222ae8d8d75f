"""Reading what outreach is made of: every fault of a file at once, no persons, TOML like CSV."""

from __future__ import annotations

import dataclasses
import datetime as dt
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from allocator.config import OutreachSection
from allocator.domain import (
    INITIATIVE_TYPES,
    Answer,
    Channel,
    Fund,
    Initiative,
    Offers,
    Partner,
    Point,
    Venue,
)
from allocator.errors import DataError
from allocator.facts import note
from allocator.io.folders.kept import offers_from, plain_offers
from allocator.io.outreach.offers import read_initiatives, read_offers, read_partners, read_venues
from allocator.io.tables.personal import is_role_mailbox, names_person

AREAS = ("1", "2", "3")
HEAD = "initiative,type,kinds,hours,cost,reach,effect,effect_source"


def write(folder, name, *lines):
    path = folder / name
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return str(path)


def test_an_initiative_from_toml_equals_that_from_csv(tmp_path):
    csv = write(
        tmp_path, "i.csv", f"{HEAD},languages,topics,half_life_weeks,areas,most",
        "Locks,workshop,BURGLARY;THEFT,2.5,100,40,0.1,assumed,en;es,homes,26,1;3,4",
    )  # fmt: skip
    toml = write(
        tmp_path, "i.toml", "[[initiative]]", 'initiative = "Locks"', 'type = "workshop"',
        'kinds = ["BURGLARY", "THEFT"]',
        "hours = 2.5", "cost = 100", "reach = 40", "effect = 0.1", 'effect_source = "assumed"',
        'languages = ["en", "es"]', 'topics = ["homes"]', "half_life_weeks = 26", 'areas = ["1", "3"]', "most = 4",
    )  # fmt: skip
    assert read_initiatives(csv, AREAS) == read_initiatives(toml, AREAS)
    assert read_initiatives(csv, AREAS)[0].areas == ("1", "3")


def test_topics_lead_to_kinds_and_risky_ones_need_vetted_material(tmp_path):
    head = "initiative,type,topics,material,hours,cost,reach,effect,effect_source"
    topics = {"homes": ("BURGLARY",), "suspicious behaviour": ("THEFT",)}
    good = write(tmp_path, "i.csv", head, "Talk,seminar,homes;suspicious behaviour,Guide 3,1,0,9,0.1,assumed")
    assert read_initiatives(good, AREAS, topics=topics)[0].kinds == ("BURGLARY", "THEFT")
    bad = write(
        tmp_path, "j.csv", head, "Talk,seminar,Suspicious behaviour,,1,0,9,0.1,assumed", "B,seminar,hmes,,1,0,9,0.1,x"
    )
    with pytest.raises(DataError) as error:
        read_initiatives(bad, AREAS, topics=topics)
    assert "vetted material" in str(error.value)
    assert "did you mean 'homes'" in str(error.value)


def test_every_fault_of_the_initiatives_is_told_at_once(tmp_path):
    path = write(
        tmp_path, "i.csv", f"{HEAD},effect_low,least,most,areas,earmark,requires,follow_up",
        "Talk with Officer Smith,workshop,THEFT,2,1,9,0.1,assumed,0.5,3,2,9,Grnt,Nothing,",
        "A,workshop,THEFT,2,1,9,0.1,assumed,,,,,,B,", "B,workshop,THEFT,2,1,9,0.1,assumed,,,,,,A,",
    )  # fmt: skip
    with pytest.raises(DataError) as error:
        read_initiatives(path, AREAS, funds=("Grant",))
    for words in (
        "row 2: initiative seems to name a person (Officer Smith)", "effect_low, effect and effect_high must rise",
        "least = 3 is more than most = 2", "unknown area '9'", "unknown fund 'Grnt' (did you mean 'Grant'?)",
        "requires: unknown initiative 'Nothing'", "go in a circle: A, B",
    ):  # fmt: skip
        assert words.replace("A, B", "") in str(error.value), words
    assert error.value.count == 7


def test_partners_are_organisations_with_role_mailboxes(tmp_path):
    good = write(
        tmp_path,
        "p.csv",
        "partner,mailbox,hours,closed",
        "Club,office@club.example,5,2017-12-24..2017-12-26;2018-01-01",
    )
    (partner,) = read_partners(good, AREAS)
    assert partner.closed == (*(dt.date(2017, 12, day) for day in (24, 25, 26)), dt.date(2018, 1, 1))
    bad = write(
        tmp_path,
        "q.csv",
        "partner,mailbox,hours,declined,lead_days",
        "Maria Lopez,maria.lopez@club.example,-1,perhaps,1.5",
    )
    with pytest.raises(DataError) as error:
        read_partners(bad, AREAS)
    for words in ("seems to name a person", "not that of a role", "hours = '-1'", "say yes or no", "lead_days"):
        assert words in str(error.value)
    with pytest.raises(DataError, match="columns that look personal: 'contact'"):
        read_partners(write(tmp_path, "r.csv", "partner,contact", "Club,Someone"), AREAS)


def test_venues_points_channels_and_funds(tmp_path):
    files = {
        "initiatives": write(tmp_path, "i.csv", HEAD, "Locks,workshop,THEFT,2,1,9,0.1,assumed"),
        "partners": write(tmp_path, "p.csv", "partner", "Club"),
        "venues": write(
            tmp_path, "v.csv", "venue,area,capacity,opens,closes,partner,reach_areas,lon,lat",
            "Hall,1,9,9:00,17:00,Club,1;2,-87.6,41.8",
        ),
        "points": write(tmp_path, "d.csv", "point,area,stock,share", "Desk,2,100,0.5"),
        "channels": write(tmp_path, "c.csv", "channel,share,cost", "Paper,0.2,10"),
        "funds": write(tmp_path, "f.csv", "fund,amount,types,partner", "Grant,500,workshop;seminar,Club"),
    }  # fmt: skip
    section = OutreachSection(areas={"profile": "a.csv"}, **files)
    offers = read_offers(section, AREAS)
    assert offers.venues[0].reach_areas == ("1", "2")
    assert (offers.points[0].stock, offers.channels[0].share, offers.funds[0].types) == (
        100,
        0.2,
        ("workshop", "seminar"),
    )
    bad = {
        "points": ("point,area,stock,share", "Desk,9,-4,1.5"),
        "channels": ("channel,areas,most_per_week", "Paper,7,1.5"),
        "funds": ("fund,amount,types,partner", "Grant,x,worksop,Nobody"),
        "venues": ("venue,area,capacity,opens,closes,lat,closed", "Hall,5,9,9:00,8:00,99,soon"),
    }
    words = {
        "points": ("unknown area '9'", "stock = '-4'", "share"), "channels": ("unknown area '7'", "most_per_week"),
        "funds": ("amount", "did you mean 'workshop'", "unknown partner 'Nobody'"),
        "venues": ("unknown area '5'", "not after it opens", "degrees", "closed: 'soon'"),
    }  # fmt: skip
    for name, lines in bad.items():
        with pytest.raises(DataError) as error:
            read_offers(section.model_copy(update={name: write(tmp_path, f"bad-{name}.csv", *lines)}), AREAS)
        assert all(word in str(error.value) for word in words[name]), (name, error.value)
    with pytest.raises(DataError, match="one list of tables"):
        read_initiatives(write(tmp_path, "i.toml", "name = 1"), AREAS)
    with pytest.raises(DataError, match="not valid TOML"):
        read_venues(write(tmp_path, "v.toml", "[["), AREAS)


@pytest.mark.parametrize(
    "text",
    [
        "Officer Smith talks",
        "Workshop with Maria Lopez",
        "Dr. Miller on locks",
        "Sgt. O'Neil",
        "Coffee with Captain Brown",
    ],
)
def test_persons_are_seen(text):
    assert names_person(text)


@pytest.mark.parametrize(
    "text",
    [
        "Martin Luther King Library", "Maria Lopez Community Center", "Home security workshop", "Chief among risks",
        "St. Mark Church hall", "Washington Park", "Don't leave it open", "Coffee with an officer", "Mark Your Bike",
        "Frank Talk about Fraud", "Robert Taylor Elementary", "Sister Cities",
    ],
)  # fmt: skip
def test_institutions_and_activities_pass(text):
    assert not names_person(text)


def test_role_mailboxes():
    assert all(map(is_role_mailbox, ["office@a.example", "outreach.north@city.example", "info2@x.example"]))
    assert not any(map(is_role_mailbox, ["maria.lopez@a.example", "office", "jsmith@city.example", "a@b"]))
    assert not is_role_mailbox("maria.lopez.team@a.example")
    assert is_role_mailbox("harbour.club@a.example", "Youth club Harbour")


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12)
DAYS = st.dates(dt.date(2000, 1, 1), dt.date(2100, 1, 1))


@given(
    name=TEXTS, half_life=st.one_of(st.just(math.inf), st.floats(0.1, 99)), closed=st.lists(DAYS, max_size=3),
    opens=st.times().map(lambda time: time.replace(microsecond=0)), lon=st.one_of(st.none(), st.floats(-180, 180)),
    start=st.datetimes(dt.datetime(2000, 1, 1), dt.datetime(2100, 1, 1), timezones=st.just(dt.UTC)),
)  # fmt: skip
def test_offers_come_back_from_json(name, half_life, closed, opens, lon, start):
    import json

    offers = Offers(
        initiatives=(
            Initiative(name, "workshop", ("A",), 1.0, 2.0, 3, 0.1, name, half_life_weeks=half_life, staff_hours=2.0),
        ),
        venues=(Venue(name, "1", 3, opens, opens, closed=tuple(closed), lon=lon, weekdays=(1, 3)),),
        partners=(Partner(name, closed=tuple(closed), declined=True),),
        points=(Point(name, "1", 5, share=0.25),),
        channels=(Channel(name, areas=("1", "2")),),
        funds=(Fund(name, 1e6, kinds=("A",)),),
        answers=(Answer(name, False, name, "P", "1", start),),
        notes=(note("patrol.conflict", limit=name),),
    )
    assert offers_from(json.loads(json.dumps(plain_offers(offers), allow_nan=False))) == offers


def test_every_type_has_a_place():
    assert set(INITIATIVE_TYPES) == {
        "campaign", "workshop", "seminar", "webinar", "materials", "watch", "meeting", "education", "site_survey",
        "train_the_trainer",
    }  # fmt: skip
    assert dataclasses.fields(Initiative)[0].name == "name"
