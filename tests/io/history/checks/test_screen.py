from __future__ import annotations

import re

import pandas as pd
import pytest

from allocator.config import Policy
from allocator.errors import ConfigError, DataError
from allocator.facts import texts
from allocator.io.history.checks.screen import family_of, screen
from allocator.io.history.events import read_events


def events_of(kinds, **columns):
    table = pd.DataFrame({"t": "2017-01-01 10:00", "k": kinds, "x": -87.6, "y": 41.8} | columns)
    roles = {"time": "t", "kind": "k", "lon": "x", "lat": "y"}
    options = {"officer_initiated": ["O"]} if "o" in columns else {}
    roles |= {"origin": "o"} if "o" in columns else {}
    return read_events(table, timezone="UTC", columns=roles, duplicates="keep", **options)


FAMILIES = {
    "drugs": """NARCOTICS|OTHER NARCOTIC VIOLATION|DANGEROUS DRUGS|Drug Offense|Drug/Narcotic Violations
        Drugs|CANNABIS RELATED OFFENSES|DRUGS, TO A MINOR|Drug Equipment Violations""",
    "vice": """PROSTITUTION|GAMBLING|LIQUOR LAW VIOLATION|PROSTITUTION & RELATED OFFENSES|OBSCENITY
        Liquor Laws|ALCOHOLIC BEVERAGE CONTROL LAW|PIMPING|Betting/Wagering""",
    "disorder": """PUBLIC PEACE VIOLATION|DISORDERLY CONDUCT|Public order|Anti-social behaviour
        Civil Sidewalks|Curfew/Loitering/Vagrancy Violations|OFF. AGNST PUB ORD SENSBLTY &
        DISTURBING THE PEACE|DISORDER""",
    "warrants": "Warrant|BENCH WARRANT|FUGITIVE - OTHER STATE",
    "traffic": """VEHICLE AND TRAFFIC LAWS|Traffic Violation Arrest|Driving Under the Influence
        RECKLESS DRIVING|INTOXICATED & IMPAIRED DRIVING|DUI|UNDER THE INFLUENCE OF DRUGS""",
    None: """THEFT|BATTERY|STREET CRIMES|OTHER|HUMAN TRAFFICKING|DECEPTIVE PRACTICE|MOTOR VEHICLE THEFT
        ROBBERY|OTHER OFFENSE|DRIVING WITHOUT OWNER CONSENT (DWOC)|Burglary|CRIM SEXUAL ASSAULT
        WEAPONS VIOLATION
        Human Trafficking (A), Commercial Sex Acts|Violence and sexual offences|DANGEROUS WEAPONS|SERVICE""",
}


@pytest.mark.parametrize("family", FAMILIES)
def test_families_of_the_usual_code_lists(family):
    for kind in re.split(r"\||\n\s*", FAMILIES[family]):
        assert family_of(kind) == family, kind


def test_excluded_families_are_counted_by_reason_and_kind():
    kept = screen(events_of(["THEFT"] * 5 + ["NARCOTICS"] * 3 + ["PROSTITUTION"]), Policy())
    assert kept.kinds == ("THEFT",)
    assert set(kept.kind) == {0}
    assert kept.ledger == {
        "read": 9,
        "policy excludes drugs: NARCOTICS": 3,
        "policy excludes vice: PROSTITUTION": 1,
    }
    assert "3 events of the kinds NARCOTICS do not train the model: policy excludes drugs" in texts(kept.notes)
    assert kept.notes[-1].text == "kinds that train the model: THEFT (5)"


def test_exceptions_and_further_kinds():
    policy = Policy(allow_kinds=("narcotics",), exclude_kinds=("FRAUD",))
    kept = screen(events_of(["THEFT", "NARCOTICS", "FRAUD"]), policy)
    assert kept.kinds == ("NARCOTICS", "THEFT")
    assert kept.ledger["policy excludes the kind: FRAUD"] == 1


def test_officer_initiated_events_do_not_train_by_default():
    events = events_of(["THEFT"] * 4, o=["O", "C", "C", "C"])
    assert len(screen(events, Policy())) == 3
    assert screen(events, Policy()).ledger["officer-initiated: THEFT"] == 1
    assert len(screen(events, Policy(train_on=("call", "officer")))) == 4
    assert len(screen(events, Policy(train_on=("officer",)))) == 1


def test_only_the_kinds_asked_for():
    kept = screen(events_of(["THEFT", "ASSAULT"]), Policy(), kinds=("THEFT",))
    assert kept.kinds == ("THEFT",)
    assert kept.ledger["not among the kinds asked for: ASSAULT"] == 1


@pytest.mark.parametrize(
    ("policy", "kinds", "words"),
    [
        ({}, ("THEFTS",), "did you mean 'THEFT'"),
        ({"harm": {"THEFFT": 2.0}}, (), "policy.harm: no kind 'THEFFT' (did you mean 'THEFT'?)"),
        ({"harm": {"THEFT": 0.0, "ASSAULT": 0.0}}, (), "weighs 0"),
        ({"exclude_kinds": ("THEFTT",)}, (), "policy.exclude_kinds"),
    ],
)
def test_names_that_the_file_does_not_have(policy, kinds, words):
    with pytest.raises(ConfigError) as error:
        screen(events_of(["THEFT", "ASSAULT"]), Policy(**policy), kinds=kinds)
    assert words in str(error.value)


def test_no_events_left_is_a_data_error_with_the_counts():
    with pytest.raises(DataError, match="no events left after the policy: all 4") as error:
        screen(events_of(["NARCOTICS"] * 4), Policy())
    assert "4 events of the kinds NARCOTICS" in error.value.faults[0]


def test_kinds_that_differ_in_spelling_alone_are_pointed_out():
    notes = screen(events_of(["Theft", "THEFT", "Robbery"]), Policy()).notes
    assert any("'THEFT' = 'Theft'" in note.text or "'Theft' = 'THEFT'" in note.text for note in notes)
    assert not any("spelling" in note.text for note in screen(events_of(["THEFT", "ROBBERY"]), Policy()).notes)
