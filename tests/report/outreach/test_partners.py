"""Partner packages, the answers that come back, and the reports to funders."""

from __future__ import annotations

import csv
import datetime as dt
import io

import icalendar
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from allocator.domain import Fund, Initiative
from allocator.errors import DataError
from allocator.facts import texts
from allocator.io.outreach.answers import read_answers
from allocator.report.outreach.calendar import About
from allocator.report.outreach.funders import funder_report
from allocator.report.outreach.partners import partner_packages
from outreach_tables import item, items, plan

CHICAGO = "America/Chicago"
HEAD = "id,initiative,partner,venue,area,team,point,channel,start,answer,reason"


def rows_of(content: bytes) -> list[dict]:
    return list(csv.DictReader(io.StringIO(content.decode())))


def answered(tmp_path, files: dict[str, bytes], *words: str):
    """Write the answer files with these answers, in order of rows, and read them."""
    words, paths = list(words), []
    for name, content in files.items():
        if name.endswith("answers.csv"):
            rows = rows_of(content)
            path = tmp_path / f"{name.split('/')[1]}.csv"
            with path.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0].keys())
                writer.writeheader()
                writer.writerows({**row, "answer": words.pop(0)} for row in rows)
            paths.append(path)
    return read_answers(paths)


def test_a_package_has_the_partners_own_events_alone():
    names = ["Alpha House", "Beta Club", "Gamma Union"]
    records = [
        item(n, partner=names[n % 3], venue=f"Room of {names[n % 3]}", initiative=f"Talk {n} {names[n % 3]}",
             id=f"{names[n % 3][:5]}-{n}", reason=f"Like {names[(n + 1) % 3]}", area=f"Area {names[n % 3]}")
        for n in range(9)
    ]  # fmt: skip
    notes = ["Evaluation only.", "Beta Club declined nothing."]
    files = partner_packages(items(*records), About(CHICAGO, "Season", notes=notes))
    assert len(files) == 12
    for name in names:
        folder = name.lower().replace(" ", "-")
        mine = {path: content.decode() for path, content in files.items() if f"/{folder}/" in path}
        assert {path.rpartition("/")[2] for path in mine} == {"items.csv", "calendar.ics", "letter.html", "answers.csv"}
        for text in mine.values():
            for other in set(names) - {name}:
                assert other not in text.replace("\r\n ", "")
                assert other[:5] not in text.replace("\r\n ", "")
        assert "Evaluation only." in mine[f"partners/{folder}/letter.html"]
        assert [row["id"] for row in rows_of(files[f"partners/{folder}/items.csv"])] == [
            record["id"] for record in records if record["partner"] == name
        ]
    assert partner_packages(items(*records), About(CHICAGO, "Season", notes=notes)) == files


def test_the_letter_says_what_is_asked_and_how_to_answer():
    table = items(item(0, fund="Public library", cost=50.0), item(1, fund="Safe homes"), item(2, fund="Other"))
    files = partner_packages(
        table, About(CHICAGO, "Season", contact="outreach@city.example"),
        funds=[Fund("Safe homes", 500.0, partner="Public library"), Fund("Other", 9.0)],
    )  # fmt: skip
    letter = files["partners/public-library/letter.html"].decode()
    for words in (
        "3 events with you", "6.0 hours", "170.00 of the money", "Mon 8 Jan 2018", "18:30", "20:30", "en, es",
        "confirm or decline", "outreach@city.example", "default-src &#39;none&#39;",
    ):  # fmt: skip
        assert words.replace("&#39;", "'") in letter


def test_what_is_called_off_is_said():
    earlier = items(item(0), item(1))
    files = partner_packages(items(item(0)), About(CHICAGO, "Season", earlier=earlier))
    assert "Called off" in files["partners/public-library/letter.html"].decode()
    calendar = icalendar.Calendar.from_ical(files["partners/public-library/calendar.ics"])
    assert [event["STATUS"] for event in calendar.walk("VEVENT")] == ["TENTATIVE", "CANCELLED"]
    gone = partner_packages(items(), About(CHICAGO, "Season", earlier=earlier))
    assert "has no events any more with you" in gone["partners/public-library/letter.html"].decode()


def test_answers_come_back_as_the_events_were(tmp_path):
    hostile = ["=1+1", "@SUM(A1)", "-2", "it's", "'quoted", "'=2", 'say "no", please', "  =2", "日本;x", "+1"]
    records = [
        item(n, initiative=name, venue=name, area=name, team=name, point=name, channel=name)
        for n, name in enumerate(hostile)
    ]
    files = partner_packages(items(*records), About(CHICAGO, "Season"))
    words = ["confirm", "Confirmed", "YES", "decline", "declined", "no.", "", " ", "yes", "NO"]
    answers, notes = answered(tmp_path, files, *words)
    assert [answer.confirmed for answer in answers] == [True, True, True, False, False, False, True, False]
    assert tuple(texts(notes)) == ("public-library.csv: 2 of 10 events are not answered yet",)
    told = [record for record, word in zip(records, words, strict=True) if word.strip()]
    for answer, record in zip(answers, told, strict=True):
        assert (answer.id, answer.partner, answer.start) == (record["id"], "Public library", record["start"])
        for name in ("initiative", "venue", "area", "team", "point", "channel"):
            assert getattr(answer, name) == record[name].strip()


@settings(max_examples=20, deadline=None, derandomize=True)
@given(st.lists(st.integers(0, 500_000), min_size=1, max_size=8, unique=True))
def test_answers_keep_the_moment_across_changes_of_the_clock(tmp_path_factory, minutes):
    moments = [dt.datetime(2017, 10, 1, tzinfo=dt.UTC) + dt.timedelta(minutes=n) for n in minutes]
    table = items(*(item(n, start=moment, stop=moment) for n, moment in enumerate(moments)))
    files = partner_packages(table, About(CHICAGO, "Season"))
    answers, _ = answered(tmp_path_factory.mktemp("answers"), files, *["yes"] * len(moments))
    assert [answer.start for answer in answers] == moments


def test_all_faults_of_all_answers_are_told_at_once(tmp_path):
    (tmp_path / "a.csv").write_text(
        f"{HEAD}\n"
        "O1,Talk,Club,,Loop,,,,2018-01-08T18:30:00-06:00,confirm,\n"
        "O1,Talk,Club,,Loop,,,,2018-01-08T18:30:00-06:00,decline,\n"
        "O2,Talk,Club,,Loop,,,,2018-01-08T18:30:00,yes,\n"
        "O3,Talk,Club,,Loop,,,,tomorrow,no,\n"
        "O4,Talk,Club,,Loop,,,,2018-01-08T18:30:00Z,perhaps,\n"
        "O5,Talk,,,Loop,,,,2018-01-08T18:30:00Z,conferm,\n"
        "O6,,,,Loop,,,,2018-01-08T18:30:00Z,yes,\n"
    )
    (tmp_path / "b.csv").write_text(f"{HEAD}\nO1,Talk,Club,,Loop,,,,2018-01-08T18:30:00-06:00,confirm,\n")
    (tmp_path / "c.csv").write_text("id,answer\nO1,yes\n")
    with pytest.raises(DataError, match="the answers of partners have 1") as found:
        read_answers([tmp_path / name for name in ("a.csv", "b.csv", "c.csv")])
    text = "\n".join(found.value.faults)
    for words in (
        "a.csv, row 3: event 'O1' is answered with confirm and with decline; first in a.csv, row 2",
        "row 4: start = '2018-01-08T18:30:00' is not a time with its offset", "row 5: start = 'tomorrow'",
        "row 6: answer 'perhaps' is neither confirm nor decline", "say confirm or decline",
        "row 8: initiative is blank",
        "b.csv, row 2: event 'O1' is answered twice", "c.csv: no column 'initiative'",
    ):  # fmt: skip
        assert words in text


def initiative(name: str, source: str) -> Initiative:
    return Initiative(name, "workshop", ("BURGLARY",), 2.0, 100.0, 40, 0.05, source, effect_low=0.0, effect_high=0.1)


def test_a_funder_reads_what_its_own_money_does():
    outreach = plan(
        [
            item(0, fund="Safe homes", initiative="Locks", area="Loop;Austin", cost=100.0, reach=40),
            item(1, fund="Safe homes", initiative="Locks", area="Loop", cost=100.0, reach=10),
            item(2, fund="", initiative="Secret talk", area="Uptown", cost=300.0, reach=0),
        ],
        funds=[
            {"fund": "", "amount": 1000.0, "spent": 350.0, "holdings": 1},
            {"fund": "Safe homes", "amount": 250.0, "spent": 200.0, "holdings": 2},
            {"fund": "Unused", "amount": 70.0, "spent": 0.0, "holdings": 0},
        ],
    )  # fmt: skip
    files = funder_report(
        outreach, title="Season", notes=["Evaluation only."],
        initiatives=[initiative("Locks", "a review of 2015"), initiative("Secret talk", "a guess")],
    )  # fmt: skip
    table = {row["fund"]: row for row in rows_of(files["funders/all-funders.csv"])}
    assert list(table) == ["general budget", "Safe homes", "Unused"]
    mine = table["Safe homes"]
    assert {key: float(mine[key]) for key in ("amount", "spent", "left", "holdings", "contacts", "areas")} == {
        "amount": 250, "spent": 200, "left": 50, "holdings": 2, "contacts": 50, "areas": 2,
    }  # fmt: skip
    assert float(mine["cost_per_contact"]) == 4.0
    assert table["general budget"]["cost_per_contact"] == ""
    own = files["funders/fund-safe-homes.html"].decode()
    assert "200.00 of 250.00 are planned for 2 holdings in 2 areas with 50 contacts, 4.00 for each contact" in own
    assert "a review of 2015" in own
    for words in ("Secret", "Uptown", "guess", "Unused", "general"):
        assert words not in own
        assert words not in files["funders/fund-safe-homes.csv"].decode()
    everything = files["funders/all-funders.html"].decode()
    assert "a guess" in everything
    assert "a review of 2015" in everything
    assert {"funders/fund-general-budget.html", "funders/fund-unused.csv"} <= set(files)


def test_without_money_there_is_no_funder_report():
    assert funder_report(plan([]), title="Season") == {}
    assert partner_packages(items(), About(CHICAGO, "Season")) == {}
