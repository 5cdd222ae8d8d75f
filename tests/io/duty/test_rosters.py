from __future__ import annotations

import datetime as dt

import pytest

from allocator.config import RosterSection, ShiftSection
from allocator.domain import Unit, shifts_of
from allocator.errors import DataError
from allocator.facts import texts
from allocator.io.duty.rosters import read_minimums, read_roster
from allocator.io.outreach.offers import read_initiatives, read_venues
from places import write

SECTIONS = (
    ShiftSection(name="day", start=dt.time(7), stop=dt.time(19)),
    ShiftSection(name="night", start=dt.time(19), stop=dt.time(7)),
)
SHIFTS = shifts_of(SECTIONS, first_day=dt.date(2017, 12, 25), days=2, timezone="America/Chicago")
DISTRICTS = ("1", "2")
UNITS = ("unit,type,home_district,skills,speed_kmh", "A1,patrol,1,bike;spanish,30", "B2,,,,")
DUTY = (
    "unit,date,shift",
    "A1,2017-12-25,day",
    "B2,2017-12-25,night",
    "A1,2017-12-26,day",
    "B2,2017-12-26,night",
)
INITIATIVES = "initiative,type,kinds,hours,cost,reach,effect,effect_source,skills,languages,most"
VENUES = "venue,district,capacity,opens,closes,weekdays,partner"


def roster(folder, units=UNITS, duty=DUTY, teams=None):
    teams = teams and str(write(folder, "teams.csv", *teams))
    section = RosterSection(
        units=str(write(folder, "units.csv", *units)), duty=str(write(folder, "duty.csv", *duty)), teams=teams
    )
    return read_roster(section, shifts=SHIFTS, districts=DISTRICTS)


def test_a_sound_roster(tmp_path):
    teams = ("team,skills,languages,hours_per_week", "T1,youth,English;Spanish,37.5")
    found = roster(tmp_path, duty=(*DUTY, "A1,2018-01-01,day"), teams=teams)
    assert found.units[0].skills == ("bike", "spanish")
    assert found.units[1].type == "patrol"
    assert found.units[1].speed_kmh is None
    assert [unit.name for unit in found.on_duty(SHIFTS[0])] == ["A1"]
    assert found.teams[0].languages == ("English", "Spanish")
    assert found.teams[0].hours_per_week == 37.5
    assert tuple(texts(found.notes)) == ("duty.csv: 1 rows outside 2017-12-25 … 2017-12-26 are ignored",)


@pytest.mark.parametrize(
    ("monday", "tuesday"), [("mon", "Tuesday"), ("lunes", "martes"), ("Mo", "dienstag"), ("MON", "tues")]
)
def test_a_rota_by_weekday(tmp_path, monday, tuesday):
    duty = ["unit,weekday,shift"]
    duty += [f"A1,{day},{shift}" for day in (monday, tuesday) for shift in ("day", "night")]
    assert len(roster(tmp_path, duty=duty).duty) == 4


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"units": (UNITS[0], "A1,,3,,", "A1,,1,,fast", ",,1,,")},
         ["row 2: unknown district '3'", "row 3: speed_kmh", "'A1' is used twice", "row 4: unit is blank"]),
        ({"units": ("unit,officer_name", "A1,Smith")}, ["look personal: 'officer_name'"]),
        ({"units": ("unti,type", "A1,")}, ["did you mean 'unti'"]),
        ({"duty": (DUTY[0], "A11,2017-12-25,day", "A1,25.12.17,dya")},
         ["row 2: unknown unit 'A11' (did you mean 'A1'?)", "row 3: unknown shift 'dya' (did you mean",
          "row 3: date = '25.12.17'"]),
        ({"duty": (DUTY[0], "A1,2016-12-25,day")}, ["covers 2016-12-25", "2017-12-25 … 2017-12-26"]),
        ({"duty": ("unit,shift", "A1,day")}, ["needs a column date or weekday"]),
        ({"duty": ("unit,weekday,shift", "A1,xx,day", "A1,0,day")},
         ["unknown weekday 'xx'", "row 3: unknown weekday '0'; use names"]),
        ({"units": (UNITS[0], "Ofc. Miller,,1,,")}, ["unit seems to name a person (Ofc. Miller): give its call sign"]),
        ({"teams": ("team,hours_per_week", "T1,-3", "T1,nan", "T2,x")},
         ["row 2: hours_per_week = '-3'", "row 3", "used twice", "row 4"]),
        ({"teams": ("team,hours_per_week,contact,email", "T1,3,x,y")}, ["'contact', 'email'"]),
    ],
)  # fmt: skip
def test_every_fault_of_a_roster_file_at_once(tmp_path, change, words):
    with pytest.raises(DataError) as error:
        roster(tmp_path, **change)
    for word in words:
        assert word in str(error.value)


def test_a_shift_without_units_is_told(tmp_path):
    found = roster(tmp_path, duty=DUTY[:-1])
    (told,) = [one for one in found.notes if one.cause == "duty.empty_shifts"]
    assert (told.get("count"), told.get("total"), told.get("shifts")) == (1, 4, ("2017-12-26/night",))


def test_a_long_list_of_faults_is_kept_whole_and_shown_short(tmp_path):
    duty = (DUTY[0], *[f"X{n},2017-12-25,day" for n in range(1_084)])
    with pytest.raises(DataError) as error:
        roster(tmp_path, duty=duty)
    assert error.value.count == len(error.value.faults) == 1_084
    lines = str(error.value).splitlines()
    assert len(lines) == 22
    assert lines[0].startswith("duty.csv has 1,084 faults (its units are those of units.csv")
    assert lines[-1] == "  and 1,064 more"


@pytest.mark.parametrize("speed", [-10, 0, float("nan"), float("inf")])
def test_a_unit_with_an_impossible_speed_is_refused(speed):
    with pytest.raises(DataError, match="unit 'A1': speed_kmh"):
        Unit("A1", speed_kmh=speed)
    assert Unit("A1", speed_kmh=30).speed_kmh == 30
    assert Unit("A1").speed_kmh is None


def test_minimums(tmp_path):
    rows = ("district,shift,units", "1,day,2", "2,2017-12-26/night,1", "2,2018-12-26/night,9")
    found = read_minimums(write(tmp_path, "m.csv", *rows), shifts=SHIFTS, districts=DISTRICTS)
    assert [(one.district, one.shift, one.units) for one in found] == [
        ("1", "day", 2),
        ("2", "2017-12-26/night", 1),
    ]
    bad = write(tmp_path, "n.csv", "district,shift,units", "9,day,1", "1,dawn,1", "1,day,1.5", "1,day,-1")
    with pytest.raises(DataError) as error:
        read_minimums(bad, shifts=SHIFTS, districts=DISTRICTS)
    assert error.value.count == 5  # the last row also repeats the one before


def test_initiatives(tmp_path):
    good = "Locks,workshop,BURGLARY;THEFT,3,120.5,40,0.02,assumed,locks,Spanish,2"
    (found,) = read_initiatives(write(tmp_path, "i.csv", INITIATIVES, good), DISTRICTS)
    assert (found.kinds, found.cost, found.reach, found.most) == (("BURGLARY", "THEFT"), 120.5, 40, 2)
    assert found.languages == ("Spanish",)
    bad = ("Locks,workshp,,0,-1,2.5,3,,,,", "Locks,materials,THEFT,1,0,9,0.1,assumed,,,")
    with pytest.raises(DataError) as error:
        read_initiatives(write(tmp_path, "j.csv", INITIATIVES, *bad), DISTRICTS)
    for word in (
        "did you mean 'workshop'",
        "kinds",
        "hours",
        "cost",
        "reach",
        "effect = '3'",
        "effect_source",
        "twice",
    ):
        assert word in str(error.value)


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("most", "1000000000", "row 3: most = '1000000000' is more than 1,000"), ("most", "1001", "more than 1,000"),
        ("cost", "1e300", "row 3: cost = '1e300' is more than 1,000,000,000"), ("reach", "9999999999", "reach"),
        ("hours", "2e9", "hours = '2e9' is more"), ("hours", "inf", "hours"), ("cost", "inf", "cost"),
        ("effect", "nan", "effect"),
    ],
)  # fmt: skip
def test_absurd_numbers_are_refused_with_their_row(tmp_path, column, value, words):
    good = ["Locks", "materials", "THEFT", "3", "120.5", "40", "0.02", "assumed", "", "", "1000"]
    bad = dict(zip(INITIATIVES.split(","), ["Keys", *good[1:]], strict=True)) | {column: value}
    path = write(tmp_path, "i.csv", INITIATIVES, ",".join(good), ",".join(bad.values()))
    with pytest.raises(DataError) as error:
        read_initiatives(path, DISTRICTS)
    assert error.value.count == 1
    assert words in str(error.value)


def test_venues(tmp_path):
    good = "Library,1,30,9:00,17:30,mon;wed,City library"
    (found,) = read_venues(write(tmp_path, "v.csv", VENUES, good), DISTRICTS)
    assert (found.opens, found.closes, found.weekdays) == (dt.time(9), dt.time(17, 30), (0, 2))
    bad = write(tmp_path, "w.csv", VENUES, "Library,3,x,17:00,9am,someday,")
    with pytest.raises(DataError) as error:
        read_venues(bad, DISTRICTS)
    for word in ("area '3'", "capacity", "closes = '9am'", "'someday'"):
        assert word in str(error.value)
