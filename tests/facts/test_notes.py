"""Notes: what they hold, how they are said, and that no code reads what they say."""

import ast
import datetime as dt
import json
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import allocator
from allocator.errors import DataError
from allocator.facts import Note, note, records, texts
from allocator.facts.note import WORDS

SOURCE = Path(allocator.__file__).parent
FILES = sorted(path for path in SOURCE.rglob("*.py") if path.parent.name != "facts")
TREES = {path: ast.parse(path.read_text("utf-8")) for path in FILES}


def test_every_cause_of_the_catalogue_is_made_somewhere():
    written = {
        one.value for tree in TREES.values() for one in ast.walk(tree)
        if isinstance(one, ast.Constant) and isinstance(one.value, str)
    }  # fmt: skip
    assert set(WORDS) - written == set()


def causes_named(tree):
    """Yield the causes that are made, `note("…")`, and asked for, `one.cause == "…"`."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Call) and getattr(one.func, "id", "") == "note":
            yield from (part.value for part in ast.walk(one.args[0]) if isinstance(part, ast.Constant))
        if isinstance(one, ast.Compare) and getattr(one.left, "attr", "") == "cause":
            yield from (part.value for part in ast.walk(one.comparators[0]) if isinstance(part, ast.Constant))


def test_every_cause_that_code_names_is_in_the_catalogue():
    named = {cause for tree in TREES.values() for cause in causes_named(tree)}
    assert len(named) > 150
    assert named - set(WORDS) == set()


def test_words_name_facts_and_write_the_usual_specifications():
    told = note("history.outside_area", count=np.int64(1200), total=np.float64(4000), share=np.float32(0.25))
    assert told.text == str(told) == f"{told}" == (
        "1,200 of 4,000.0 events (25.0%) lie outside the study area and are left out"
    )  # fmt: skip
    assert told.get("count") == 1200
    assert type(told.get("count")) is int
    assert told.get("district") is None


@pytest.mark.parametrize(
    ("cause", "facts", "words"),
    [
        ("outreach.held_without_cost", {"count": 1},
         "1 holding took place without a cost: not in the cost per contact"),
        ("outreach.held_without_cost", {"count": 1000},
         "1,000 holdings took place without a cost: not in the cost per contact"),
        ("outreach.capacity_unknown", {"venues": ["Hall"]}, "venues whose capacity is not known: 'Hall'"),
        ("outreach.capacity_unknown", {"venues": ("A", "B", "C", "D", "E")},
         "venues whose capacity is not known: 'A', 'B', 'C' and 2 more"),
        ("outreach.areas_unknown", {"count": 7, "total": 9, "areas": np.array(list("ABCDEFG"), object)},
         "7 of 9 areas are unknown to the survey: 'A', 'B', 'C', 'D', 'E', 'F' and 1 more"),
        ("duty.pinned", {"shifts": ["2026-03-02/day", "2026-03-03/day"]}, "pinned to 2026-03-02/day, 2026-03-03/day"),
        ("outreach.no_venue_fits", {"reasons": [note("outreach.venue_capacity"), note("outreach.venue_partner")]},
         "no venue fits: none holds anybody or belongs to a partner that takes part (others declined)"),
        ("patrol.left_out", {"count": 2, "shifts": (), "reason": "school", "harm": 1.0, "share": 0.5},
         "2 cells are left out by policy (school): expected harm there is 1.0, 50.0% of all"),
        ("patrol.left_out", {"count": 2, "shifts": ("day", "night"), "reason": "{}|?", "harm": 1.0, "share": 0.5},
         "2 cells are left out in day, night shifts by policy ({}|?): expected harm there is 1.0, 50.0% of all"),
        ("history.covariates_of_points",
         {"names": ["bars"], "inside": 9, "first": None, "last": None, "last_days": None, "outside": 0, "share": 0.0},
         "covariates 'bars': 9 points"),
        ("history.covariates_of_points",
         {"names": ["bars"], "inside": 9, "first": dt.date(2026, 1, 2), "last": np.datetime64("2026-03-04"),
          "last_days": 30, "outside": 1, "share": 0.1},
         "covariates 'bars': 9 points, 2026-01-02 to 2026-03-04, those of the last 30 days; "
         "1 more (10.0%) lie outside the area"),
    ],
)  # fmt: skip
def test_plurals_lists_and_parts_that_may_be_left_out(cause, facts, words):
    told = note(cause, **facts)
    assert told.text == words
    assert Note.of_record(json.loads(json.dumps(told.record(), allow_nan=False))) == told


def test_a_cause_behind_a_cause_is_a_note():
    row = note("outreach.floor_of_area", area="North", least=2)
    told = note("outreach.too_few_held", limit=row, count=1, because=note("outreach.nothing_offered"))
    assert told.text == "area North: at least 2: 1 could not be held; nothing that is offered can be held there"
    assert told.record()["because"] == {
        "cause": "outreach.nothing_offered", "text": "nothing that is offered can be held there",
    }  # fmt: skip
    assert told.named("area") == {"North"}
    assert told.named("district") == frozenset()


def test_facts_are_found_by_their_name_and_its_plural_at_every_depth():
    pinned = note("duty.pinned", shifts=["2026-03-02/day"])
    told = note("duty.no_roster", unit="U1", free=3, days=2, held=pinned)
    assert told.named("shift") == {"2026-03-02/day"}
    assert told.named("unit") == {"U1"}


def test_unknown_causes_missing_facts_and_wrong_values_raise():
    with pytest.raises(KeyError):
        note("patrol.no_such_cause")
    with pytest.raises(KeyError):
        note("duty.pinned")
    with pytest.raises(TypeError):
        note("duty.pinned", shifts=object())


facts = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False)
    | st.text().filter(lambda text: text not in ("nan", "inf", "-inf")),
    lambda inner: st.lists(inner, max_size=3) | inner.map(lambda fact: note("patrol.conflict", limit=fact)),
    max_leaves=8,
)  # fmt: skip


@given(fact=facts, other=facts)
def test_records_are_json_and_come_back_equal(fact, other):
    told = note("patrol.conflict", limit=fact, other=other)
    assert hash(told) == hash(note("patrol.conflict", limit=fact, other=other))
    (plain,) = json.loads(json.dumps(records([told]), allow_nan=False))
    assert plain["text"] == told.text
    assert Note.of_record(plain) == told


def test_a_number_that_json_has_not_comes_back():
    (plain,) = json.loads(json.dumps(records([note("patrol.conflict", limit=np.float64("nan"))]), allow_nan=False))
    assert Note.of_record(plain).text == plain["text"] == "nan"


def test_errors_take_notes_as_faults():
    told = note("patrol.conflict", limit="a band")
    error = DataError("no plan", faults=[told, "a word"])
    assert error.faults == ("a band", "a word")
    assert error.records == (told,)
    assert str(error) == "no plan\n  - a band\n  - a word"


# No code reads a sentence that the program made. Rooms that read files of others may search in text.

READERS = ("io", "config")
FOREIGN = {
    "report/bulletins/infographic.py", "report/roster.py", "risk/features/extras.py", "risk/models/boosted.py",
}  # fmt: skip
"""Where `line` is a line of a picture, of a catalogue of stars or of a model's text."""
METHODS = {
    "startswith", "endswith", "split", "rsplit", "partition", "rpartition", "removeprefix", "removesuffix", "find",
    "rfind", "contains", "match", "fullmatch", "extract",
}  # fmt: skip
SEARCHES = {"search", "match", "fullmatch", "findall", "finditer", "split", "sub"}
MANY = {"notes", "unmet", "softened", "faults", "texts", "records"}
SENTENCES = MANY | {"note", "line", "sentence", "fault", "reason"}
"""Names that hold what the program said."""
LOOPS = (ast.For, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


def last_name(tree):
    """Return the name that an expression ends with: "notes" of `self.changes.notes[0]`."""
    while isinstance(tree, ast.Subscript | ast.Call):
        tree = tree.value if isinstance(tree, ast.Subscript) else tree.func
    return tree.attr if isinstance(tree, ast.Attribute) else getattr(tree, "id", "")


def is_said(tree, names):
    """Return whether an expression is a sentence: by its name, `.text`, `str(note)` or texts joined."""
    if isinstance(tree, ast.Call):
        parts = [part for one in tree.args for part in ast.walk(one) if isinstance(part, ast.expr)]
        return last_name(tree) in ("str", "join") and any(is_said(part, names) for part in parts)
    return last_name(tree) in names or (isinstance(tree, ast.Attribute) and tree.attr == "text")


def has_words(tree):
    """Return whether a text has a blank or hyphen beside a word, as data codes and mark-up have not."""
    values = [one.value for one in ast.walk(tree) if isinstance(one, ast.Constant)]
    return any(isinstance(one, str) and re.search(r"^[^<]*([a-z][ -]|[ -][a-z])", one) for one in values)


def looked_into(tree, names):
    """Yield the places at which text methods, `in` or regular expressions look into sentences of these names."""
    for one in ast.walk(tree):
        if isinstance(one, ast.Call) and isinstance(one.func, ast.Attribute):
            method, owner = one.func.attr, one.func.value
            if last_name(owner) == "re" and method in SEARCHES:
                found = is_said(one.args[-1], names | {"text"})
            else:
                found = method in METHODS and (is_said(owner, names) or any(map(has_words, one.args)))
        elif isinstance(one, ast.Compare) and isinstance(one.ops[0], ast.In | ast.NotIn):
            right = one.comparators[0]
            found = is_said(right, names) and not (last_name(right) in MANY and isinstance(one.left, ast.Name))
        else:
            continue
        if found:
            yield f"line {one.lineno}: {ast.unparse(one)}"


def reads_sentences(tree, names=frozenset(SENTENCES)):
    """Yield where code looks into a sentence, those of loops over notes under any name among them."""
    yield from looked_into(tree, names)
    for loop in ast.walk(tree):
        if not isinstance(loop, LOOPS):
            continue
        pairs = [(loop.target, loop.iter)] if isinstance(loop, ast.For) else [
            (part.target, part.iter) for part in loop.generators
        ]  # fmt: skip
        for target, many in pairs:
            if MANY & {last_name(part) for part in ast.walk(many) if isinstance(part, ast.expr)}:
                yield from looked_into(loop, {part.id for part in ast.walk(target) if isinstance(part, ast.Name)})


@pytest.mark.parametrize("path", [path for path in FILES if path.relative_to(SOURCE).parts[0] not in READERS], ids=str)
def test_no_code_reads_a_sentence_that_it_made(path):
    foreign = path.relative_to(SOURCE).as_posix() in FOREIGN
    assert list(reads_sentences(TREES[path], SENTENCES - {"line"} if foreign else SENTENCES)) == []


@pytest.mark.parametrize(
    "code",
    [
        "tuple(note for note in self.notes if not note.endswith(_GAP_NOTE))",
        "tuple(one for one in self.notes if not one.text.endswith(_GAP_NOTE))",
        'row.name.startswith(("most_per", "outreach at"))',
        'self.rows[r].name.endswith("confirmed by its partner")',
        'name.startswith("outreach at least")',
        'name.removeprefix("area ").partition(":")[0]',
        'limit.name.split(" at least ")[0]',
        'any(line.startswith("outreach at least") for line in plan.unmet)',
        "any(str(one).startswith(start) for one in plan.unmet)",
        "any(_NO_YEAR in note for note in run.outreach.notes)",
        "any(_NO_YEAR in one.text for one in run.outreach.notes)",
        "any(_NO_YEAR in str(note) for note in run.outreach.notes)",
        '[Text(note) for note in found.notes if "near-repeat" in note]',
        "{name for name, word in zip(districts, words) if re.search(word, line)}",
        "{shift.id for shift in shifts if shift.id in line}",
        '[reason for reason, n in ledger.items() if ":" not in reason]',
        'plan.worth["change"].str.startswith("one more unit")',
        'text = " ".join(error.faults)\nre.search(shift, text)',
        're.search(shift, " ".join(error.faults))',
        "'reserve' in run.plan.unmet[0]",
    ],
)
def test_what_once_read_sentences_is_found(code):
    assert list(reads_sentences(ast.parse(code)))


def test_texts_are_those_of_the_notes():
    assert texts([note("duty.not_held"), note("duty.best_roster")]) == [
        "no hand edit holds it", "no roster within the rules is better",
    ]  # fmt: skip
