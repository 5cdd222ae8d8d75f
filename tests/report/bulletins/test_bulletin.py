"""Bulletins: what the public reads holds no small count, no address, no handle, and fits."""

from __future__ import annotations

import ast
import datetime as dt
import functools
import html
import importlib.util
import io
import json
import re
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import allocator
from allocator import cli, pipeline
from allocator.config import BulletinSection
from allocator.errors import ConfigError, DataError
from allocator.io.outreach.feedback import read_feedback
from allocator.report.bulletins.bulletin import bulletin_references, bulletins, post
from allocator.report.bulletins.drafts import drafts_of
from allocator.report.bulletins.infographic import PAIRS, PALETTE, infographic, wrap
from allocator.report.bulletins.language import language, language_codes
from allocator.report.bulletins.tips import TIPS, family_of_tips
from allocator.report.look.palette import contrast
from allocator.report.look.public import check_public_text, public_text, references_of
from allocator.report.outreach.files import outreach_files
from outreach_tables import item, need, plan

CHICAGO, WEEK = "America/Chicago", dt.date(2017, 12, 25)
PACKAGE = Path(allocator.__file__).parent
OPTIONS = BulletinSection(contact="outreach@city.example")


def written(outreach, *, options=OPTIONS, **changes):
    return bulletins(outreach, options=options, timezone=CHICAGO, title="Season", first_day=WEEK, **changes)


def city(**changes):
    """Return a plan of two areas, one with events."""
    return plan(
        [item(0), item(3, type="webinar", venue="", area="Loop;Austin", initiative="Webinar on scams", languages="es")],
        [need(), need(kind="THEFT", recent=310, before=242, trend_lower=1.08, trend_upper=1.52, need=50.0),
         need(kind="ROBBERY", recent=4, before=9), need("Austin", recent=2, before=1)],
        **changes,
    )  # fmt: skip


def text_of(content: bytes) -> str:
    """Return the words of a page or picture, without its style, its numbers of layout and its pictures."""
    text = content.decode()
    if "<svg" in text:
        return html.unescape(" ".join(re.findall(r"<(?:title|desc) id[^>]*>([^<]*)<", text)))
    if "<html" in text:
        alt = " ".join(re.findall(r'alt="([^"]*)"', text))
        text = re.sub(r"<style>.*?</style>|<head>.*?</head>", " ", text, flags=re.DOTALL)
        text = re.sub(r"</(?:li|p|h1|h2|td)>", "\n", text)
        return html.unescape(re.sub(r"<[^>]*>", " ", text) + "\n" + alt)
    return text


def test_a_newsletter_says_the_trend_with_its_doubt_what_helps_and_what_comes():
    found = written(city())
    page = text_of(found.pages["areas/loop/en.html"])
    for words in (
        "DRAFT — for approval", "Safety bulletin: Loop", "Week of Monday, December 25",
        "Burglary: 34 reported in the last 13 weeks, 41 in the same weeks a year earlier. That is about 17 % fewer; "
        "the change could be anywhere from 45 % fewer to 20 % more, so it may be chance.",
        "That is about 28 % more; the change could be anywhere from 8 % more to 52 % more, so it is probably more than",
        "Too few to show: Robbery.", "Lock a bicycle by its frame", "Lock doors and windows",
        "Monday, January 8, 6:30 p.m. to 8:30 p.m.: Home safety workshop; Harold Washington Library.",
        "Languages: English, Spanish.", "online", "outreach@city.example", "never about persons",
    ):  # fmt: skip
        assert words in page
    for words in ("Team North", "All kinds together", "ROBBERY"):
        assert words not in page
    assert found.references["Loop"] in page
    assert "Too few to show: Burglary." in text_of(found.pages["areas/austin/en.html"])
    spanish = text_of(found.pages["areas/loop/es.html"])
    for words in (
        "BORRADOR — pendiente de aprobación", "34 denuncias en las últimas 13 semanas", "un 45 % menos",
        "Lunes 8 de enero, de 6:30 p. m. a 8:30 p. m.", "Idiomas: inglés, español.", "en línea", "Hurto",
    ):  # fmt: skip
        assert words in spanish
    raw = found.pages["areas/loop/es.html"].decode()
    assert '<html lang="es">' in raw
    assert "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'; base-uri" in raw
    assert 'alt=""' not in raw
    assert "Loop" in text_of(found.pages["index.html"])
    assert written(city()).pages == found.pages


@pytest.mark.parametrize("compared", ["year", "window"])
@pytest.mark.parametrize("days", [1, 7, 30, 91])
@pytest.mark.parametrize("code", ["en", "es"])
def test_every_length_of_window_has_its_words(code, days, compared):
    outreach = plan([], [need(days=days), need(kind="THEFT", days=days, trend=0.7, trend_lower=0.6, trend_upper=0.75)])
    (draft,) = drafts_of(outreach, {"Loop": "B-2017W52-0000"}, timezone=CHICAGO, min_count=5)
    said = [trend.sentence(language(code), compared) + trend.change(language(code)) for trend in draft.trends]
    assert draft.sum_sentence(language(code), compared)
    assert all("34" in text and "41" in text and "{" not in text for text in said)


def test_a_ratio_outside_its_interval_is_said_as_the_needs_estimate_it():
    rows = [
        need(recent=30, before=10, trend=1.2, trend_lower=1.05, trend_upper=1.45),
        need(kind="THEFT", recent=30, before=10, trend=1.0, trend_lower=float("nan"), trend_upper=float("nan")),
        need(kind="120 Main St", recent=30, before=30, trend=1.0, trend_lower=1.002, trend_upper=1.3, need=1.0),
    ]
    (draft,) = drafts_of(plan([], rows), {"Loop": "B-2017W52-0000"}, timezone=CHICAGO, min_count=5)
    burglary, other = draft.trends
    assert draft.unknown == ("THEFT",)
    assert draft.total is None
    assert burglary.change(language("en")) == (
        "That is about 20 % more when chance and missing days are allowed for; the change could be anywhere from "
        "5 % more to 45 % more, so it is probably more than chance."
    )
    assert burglary.short_change(language("en")) == "about 20 % more, adjusted; probably more than chance"
    assert other.sentence(language("en"), "year").startswith("Other offenses: 30 reported")
    assert other.brief(language("en")).endswith("it may be chance.")
    page = text_of(written(plan([], rows)).pages["areas/loop/en.html"])
    assert "Not known for long enough to compare: Theft." in page


def test_a_total_is_told_only_where_it_tells_no_hidden_count():
    def total(*needs):
        return drafts_of(plan([], list(needs)), {"Loop": "R"}, timezone=CHICAGO, min_count=5)[0].total

    assert total(need(), need(kind="THEFT")) == (68, 82)
    assert total(need(), need(kind="THEFT", recent=4)) is None
    assert total(need(), need(kind="THEFT", before=4)) is None
    assert total(need(), need(kind="THEFT", recent=0), need(kind="ROBBERY", recent=1)) is None
    assert total(need()) is None
    # A kind far down the list, which no bulletin speaks of, keeps the total away too.
    many = [need(kind=f"K{n}", need=10.0 - n) for n in range(8)]
    assert total(*many)
    assert total(*many, need(kind="LAST", recent=1, need=0.0)) is None


def test_small_counts_change_nothing_that_is_written():
    """Two runs that differ in hidden counts alone have the same files, but for the reference."""
    found = []
    for recent, before, other in ((0, 0, 4), (4, 2, 0), (3, 900, 1)):
        outreach = plan([item(0)], [
            need(), need(kind="ROBBERY", recent=recent, before=before, need=9.0, trend_lower=0.1 * recent),
            need("Austin", recent=40, before=other, need=3.0),
        ])  # fmt: skip
        references = {"Loop": "B-2017W52-0000", "Austin": "B-2017W52-0001"}
        drafts = drafts_of(outreach, references, timezone=CHICAGO, min_count=5)
        found.append(drafts)
    assert found[0] == found[1] == found[2]


AREAS = 1000
_WORDS = ("Library", "120 N. State Street", "Hall", "calle Ocho 12", "@chief", "St. Sabina", "a@b.example", "Park",
          "5100 S Ashland", "apt 4", "Río", "<b>", "$x$", "63rd Street", "www.x.org", "😀", "\u202eright")  # fmt: skip


def random_area(rng: np.random.Generator, number: int) -> tuple[list[dict], list[dict]]:
    def name() -> str:
        return " ".join(rng.choice(_WORDS, rng.integers(1, 4)))

    area = f"{name()} {number}" if rng.random() < 0.3 else f"Area {chr(65 + number % 26)}{'abcdefghij'[number % 10]}"
    area += "-" + "".join(chr(97 + int(d)) for d in str(number))
    kinds = rng.permutation(["BURGLARY", "THEFT", "ROBBERY", "MOTOR VEHICLE THEFT", "BATTERY", "FRAUD", "Odd kind"])
    needs = []
    for kind in kinds[: rng.integers(1, 8)]:
        recent, before = (int(v) for v in rng.poisson(rng.choice([0.5, 3.0, 6.0, 40.0, 20_000.0], 2)))
        lower, upper = sorted(rng.gamma(4.0, 0.25, 2)) if rng.random() < 0.9 else (float("nan"), float("nan"))
        needs.append(need(area, str(kind), recent, before, trend_lower=lower, trend_upper=upper, need=rng.random()))
    held = [
        item(int(rng.integers(0, 90)), area=area, venue=name(), initiative=name(), audience=name(), id=f"{number}-{n}",
             type=str(rng.choice(["workshop", "webinar", "materials", "campaign", "watch"])), languages="en;xx")
        for n in range(rng.integers(0, 3))
    ]  # fmt: skip
    return held, needs


_checked = functools.cache(check_public_text)  # most sentences come again


def assert_public(text: str, *, contact: str, least: int) -> None:
    """Assert that no small count, address, handle or link stands in a text."""
    rest = text.replace(contact, "CONTACT")
    counts = [int(n.replace(",", "")) for pair in re.findall(
        r": ([\d,]+) (?:reported|denuncias) .*?, ([\d,]+) (?:in|on|en) ", rest) for n in pair]  # fmt: skip
    assert all(count >= least for count in counts), rest
    for line in re.split(r"\n|(?<=[.;:!?]) ", rest):
        assert not _checked(line), line


def test_a_thousand_random_areas_tell_no_small_count_no_address_and_keep_their_lengths():
    rng = np.random.default_rng(5)
    made = [random_area(rng, number) for number in range(AREAS)]
    outreach = plan([row for held, _ in made for row in held], [row for _, needs in made for row in needs])
    references = bulletin_references(outreach, title="Season", first_day=WEEK)
    assert len(references) == len(set(references.values())) == AREAS
    rows = {(row.area, row.kind): (row.recent, row.before) for row in outreach.needs.itertuples()}
    hidden = shown = 0
    for draft in drafts_of(outreach, references, timezone=CHICAGO, min_count=5):
        for trend in draft.trends:
            assert (trend.recent, trend.before) == rows[draft.area, trend.kind]
            assert min(trend.recent, trend.before) >= 5
        assert not {trend.kind for trend in draft.trends} & set(draft.hidden)
        assert all(min(rows[draft.area, kind]) < 5 for kind in draft.hidden)
        hidden, shown = hidden + len(draft.hidden), shown + len(draft.trends)
        for code in ("en", "es"):
            said = language(code)
            texts = [event.line(said) for event in draft.events] + [draft.title(said)]
            for length in (62, 140, 280, 500, 5000):
                text = post(draft, said, length, contact=OPTIONS.contact, compared="year")
                assert len(text) <= length
                assert text.endswith((".", "!", "?"))
                assert draft.reference in text
                assert text.startswith(said.say("DRAFT — for approval"))
                texts.append(text)
            for text in texts:
                assert_public(text, contact=OPTIONS.contact, least=5)
                assert not re.search("[\u202a-\u202e\u2066-\u2069]", text)
    assert hidden > 500
    assert shown > 500


def test_whole_files_of_random_areas_are_fit_for_the_public():
    rng = np.random.default_rng(11)
    made = [random_area(rng, number) for number in range(5)]
    outreach = plan([row for held, _ in made for row in held], [row for _, needs in made for row in needs])
    found = written(outreach)
    assert len(found.pages) == 1 + 5 * 2 * 6
    for path, content in found.pages.items():
        assert path.isascii()
        if path.endswith(".png"):
            with Image.open(io.BytesIO(content)) as picture:
                assert picture.size == (1080, 1350)
        elif path != "index.html":
            assert_public(text_of(content), contact=OPTIONS.contact, least=5)


def test_texts_of_a_newsletter_keep_hostile_names_as_text():
    hostile = "<script>alert(1)</script> $x^2$ {area} %s \u0000\u202e日本 😀"
    outreach = plan([item(0, area=hostile, initiative=hostile, venue="x " * 5000)], [need(hostile, hostile)])
    found = written(outreach)
    for path, content in found.pages.items():
        if path.endswith((".html", ".svg")):
            assert content.count(b"<script") == (path == "index.html")  # the page's own, which sorts tables
    assert "{area}" in text_of(found.pages[next(path for path in found.pages if path.endswith("en.html"))])


@pytest.mark.parametrize("name", [
    "120 N. State Street", "63rd Street Library", "calle Ocho 1200", "Av. Libertador 5", "apt 4B", "5100 S Ashland",
    "1500 block of Elm", "@chief_smith", "join us: a@b.example", "http://x.y", "www.example.org", "Hauptstraße 5",
    "41.8781, -87.6298", "call 312 555 0100", "60601", "12 Rue Cler", "No. 7", "#12", "１２０ State St",
])  # fmt: skip
def test_addresses_handles_and_links_are_found(name):
    assert check_public_text(name)
    assert public_text(name, "place on request") == "place on request"


@pytest.mark.parametrize("name", [
    "Harold Washington Library", "Home safety workshop", "St. Sabina hall", "Maxwell Street Market", "Ward 27",
    "O'Hare", "Club 21", "Seniors (65+)", "Workshop 3: locks and lights", "Casa Central", "Plaza Garibaldi",
])  # fmt: skip
def test_plain_names_are_kept(name):
    assert check_public_text(name) == ()
    assert public_text(f"  {name}\n") == name


def test_an_address_is_shown_as_place_on_request():
    outreach = plan([item(0, venue="120 N. State Street"), item(1, initiative="@chief talks")], [need()])
    pages = written(outreach).pages
    assert "Home safety workshop; place on request." in text_of(pages["areas/loop/en.html"])
    assert "Event; Harold Washington Library." in text_of(pages["areas/loop/en.html"])
    assert "pregunte por el lugar" in text_of(pages["areas/loop/es.html"])


@settings(max_examples=50, deadline=None, derandomize=True)
@given(st.text(max_size=80), st.integers(62, 600))
def test_any_area_name_fits_a_post(name, length):
    outreach = plan([item(0, area=name.replace(";", " "), initiative=name)], [need(name)])
    for draft in drafts_of(outreach, {name: "B-2017W52-0000"}, timezone=CHICAGO, min_count=5):
        text = post(draft, language("es"), length, contact="", compared="year")
        assert len(text) <= length
        assert "B-2017W52-0000" in text


def test_references_tell_the_week_and_are_the_same_for_the_same_run():
    found = references_of(["Loop", "Austin"], key="k", first_day=WEEK)
    assert all(re.fullmatch(r"B-2017W52-[0-9A-HJKMNP-TV-Z]{4}", reference) for reference in found.values())
    assert references_of(["Austin"], key="k", first_day=WEEK)["Austin"] == found["Austin"]
    assert references_of(["Loop"], key="other", first_day=WEEK)["Loop"] != found["Loop"]
    many = references_of([f"a{n}" for n in range(5_000)], key="k", first_day=WEEK)
    assert len(set(many.values())) == 5_000
    assert written(city()).references == bulletin_references(city(), title="Season", first_day=WEEK)


def test_the_picture_is_readable_and_always_the_same():
    (draft, _) = drafts_of(
        city(), {"Loop": "B-2017W52-0000", "Austin": "B-2017W52-0001"}, timezone=CHICAGO, min_count=5
    )
    terms = {"day": "Week of Monday, December 25", "contact": "x@y.example", "compared": "year"}
    drawn = infographic(draft, language("en"), **terms)
    assert infographic(draft, language("en"), **terms) == drawn
    for words in ("Loop", "310 reported", "probably more than chance", "Home safety workshop", "B-2017W52-0000"):
        assert words in drawn.alt
    svg = drawn.svg.decode()
    assert 'role="img" lang="en" aria-labelledby="t d"' in svg
    assert html.escape(drawn.alt) in svg
    with Image.open(io.BytesIO(drawn.png)) as picture:
        assert picture.text["Description"] == drawn.alt
        colours = {colour for _, colour in picture.convert("RGB").getcolors(1 << 20)}
    for name in ("paper", "band", "draft", "recent", "before", "panel"):
        want = tuple(int(PALETTE[name][at : at + 2], 16) for at in (1, 3, 5))
        assert want in colours, name


@pytest.mark.parametrize(("text", "background"), PAIRS)
def test_each_text_has_the_contrast_of_wcag_aa(text, background):
    assert contrast(PALETTE[text], PALETTE[background]) >= 4.5


def test_contrast_is_that_of_the_standard():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21.0)
    assert contrast("#777777", "#FFFFFF") == pytest.approx(4.48, abs=0.01)


def test_pages_use_the_colours_of_the_palette_alone():
    for name in ("bulletin", "bulletins"):
        text = (PACKAGE / "report" / "look" / "templates" / f"{name}.html").read_text()
        used = set(re.findall(r"#[0-9A-Fa-f]{6}", text)) - {"#D5DBE0"}  # the lines of tables
        assert used <= set(PALETTE.values())


def test_lines_of_the_picture_fit():
    assert wrap("one two three", 30, 90, most=5) == ["one", "two", "three"]
    assert wrap("a b c d e f g h", 30, 60, most=2)[-1].endswith("…")
    assert len(wrap("x" * 5000, 30, 300, most=2)) == 2


CATALOGUES = Path(__file__).parents[3] / "tools" / "catalogues.py"


def texts_of_the_code() -> set[str]:
    """Return every text that the code says, marks or counts."""
    found: set[str] = set()
    for path in (PACKAGE / "report" / "bulletins").glob("*.py"):
        tree = ast.parse(path.read_text())
        named = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
        }
        for node in (one for one in ast.walk(tree) if isinstance(one, ast.Call)):
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            n = {"say": 1, "marked": 1, "count": 2}.get(name, 0) if len(node.args) else 0
            parts = [getattr(one, "value", named.get(getattr(one, "id", ""))) for one in node.args[:n]]
            if parts and all(isinstance(part, str) for part in parts):
                found.add("\0".join(parts))
    return found


@pytest.mark.parametrize("code", [code for code in language_codes() if code != "en"])
def test_catalogues_are_whole_and_compiled(code):
    spec = importlib.util.spec_from_file_location("catalogues", CATALOGUES)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    folder = PACKAGE / "report" / "bulletins" / "locale" / code / "LC_MESSAGES"
    texts = tool.read_po((folder / "allocator.po").read_text("utf-8"))
    assert tool.compiled(texts) == (folder / "allocator.mo").read_bytes()
    assert set(texts) - {""} == texts_of_the_code()
    for source, translated in texts.items():
        wanted = set(re.findall(r"\{\w+\}", source))
        assert all(set(re.findall(r"\{\w+\}", form)) <= wanted for form in translated.split("\0"))
        assert set(re.findall(r"\{\w+\}", translated)) == wanted


def test_tips_are_there_for_every_family_and_watch_nobody():
    for family, tips in TIPS.items():
        assert len(tips) >= 3, family
        for code in ("en", "es"):
            for tip in tips:
                said = language(code).say(tip)
                assert not re.search(
                    r"(?i)suspicious|stranger|loiter|sospechos|extrañ|merodea|avoid going|don't walk", said
                )
                assert not check_public_text(said)
    kinds = {
        "BURGLARY": "burglary", "MOTOR VEHICLE THEFT": "vehicle", "theft from a car": "vehicle", "THEFT": "theft",
        "ROBBERY": "robbery", "BATTERY": "assault", "CRIMINAL DAMAGE": "damage", "DECEPTIVE PRACTICE": "fraud",
        "CRIMINAL SEXUAL ASSAULT": "other", "NARCOTICS": "other", "HOMICIDE": "other", "carpet cleaning": "other",
        "IDENTITY THEFT": "fraud", "theft_of_bicycle": "theft",
    }  # fmt: skip
    assert {kind: family_of_tips(kind) for kind in kinds} == kinds


def test_what_cannot_be_written_is_said_with_what_to_do():
    with pytest.raises(DataError, match=r"no needs of areas.*Run the job again"):
        written(plan([item(0)]))
    with pytest.raises(ConfigError, match=r"no catalogue of the language 'esp' \(did you mean 'es'\?\).*en, es"):
        written(city(), options=BulletinSection(languages=("esp",)))
    with pytest.raises(ConfigError, match=r"post_lengths = 20: a post needs 62"):
        written(city(), options=BulletinSection(post_lengths=(280, 20)))


def test_feedback_comes_back_as_counts_by_area(tmp_path):
    references = {"Loop": "B-2017W52-7K3Q", "Austin": "B-2017W52-0001"}
    path = tmp_path / "feedback.csv"
    path.write_text(
        "reference,area,feedback,count\nb-2017w52-7k3q,,helpful,3\nB-2017W52-7K3Q,Loop,helpful,2\n,Austin,question,1\n"
        ",Loop,not_helpful,0\n"
    )
    found = read_feedback(path, references)
    assert found.to_numpy().tolist() == [
        ["Loop", "B-2017W52-7K3Q", "helpful", 5], ["Austin", "B-2017W52-0001", "question", 1],
    ]  # fmt: skip
    path.write_text(
        "reference,area,feedback,count\nB-2017W51-AAAA,,helpful,3\n,Lop,helpful,1\n,,helpful,1\n,Loop,liked,1\n"
        "B-2017W52-7K3Q,Austin,helpful,1\n,Loop,helpful,-1\n,Loop,helpful,1.5\n"
    )
    with pytest.raises(DataError, match="7 faults") as fault:
        read_feedback(path, references)
    for words in (
        "no bulletin with the reference 'B-2017W51-AAAA'",
        "did you mean 'Loop'",
        "neither reference nor area",
    ):
        assert words in str(fault.value)
    path.write_text("reference,feedback,count,comment\nB-2017W52-7K3Q,helpful,1,hello\n")
    with pytest.raises(DataError, match="feedback is counts, without"):
        read_feedback(path, references)
    path.write_text("feedback,count\nhelpful,1\n")
    with pytest.raises(DataError, match="neither a column 'reference' nor a column 'area'"):
        read_feedback(path, references)


def run_like(outreach=None, *, section=OPTIONS):
    job = SimpleNamespace(
        job=SimpleNamespace(
            name="Season", week=WEEK, days=7, timezone=CHICAGO, note="The survey is synthetic.", seed=0
        ),
        outreach=section and SimpleNamespace(bulletin=section), deployment=None,
    )  # fmt: skip
    return SimpleNamespace(job=job, outreach=outreach or city())


def test_the_command_writes_a_folder_whole_or_not_at_all(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr("allocator.io.load_run", lambda folder: run_like())
    feedback = tmp_path / "feedback.csv"
    feedback.write_text("area,feedback,count\nLoop,helpful,3\n")

    def call(*more: str) -> str:
        monkeypatch.setattr("sys.argv", ["allocator", "bulletin", str(tmp_path / "run"), *more])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        return f"{ended.value.code} {''.join(capsys.readouterr())}"

    told = call("--languages", "es", "--feedback", str(feedback), "--json", "--quiet")
    place = tmp_path / "run-bulletins"
    assert told.startswith("0 ")
    assert json.loads(told[2:])["feedback"] == 3
    assert {path.name for path in (place / "areas" / "loop").iterdir()} == {
        "es.html", "es.png", "es.svg", "es.alt.txt", "es-280.txt", "es-500.txt",
    }  # fmt: skip
    index = text_of((place / "index.html").read_bytes())
    assert "helpful" in index
    assert "Evaluation only" in index
    assert "The survey is synthetic." in (place / "areas" / "loop" / "es.html").read_text()
    assert (place / "bulletins.csv").read_text().startswith("area,reference,kinds_shown")
    assert pd.read_csv(place / "feedback.csv")["count"].tolist() == [3]
    assert call().startswith("6 error: the output folder")
    assert call("--languages", "xx", "--overwrite", "--quiet").startswith("2 error: there is no catalogue")
    assert place.is_dir()


def test_a_run_without_outreach_has_no_bulletins():
    with pytest.raises(DataError, match=r"no \[outreach\] section"):
        pipeline.bulletins_of(run_like(section=None))
    with pytest.raises(DataError, match="no needs of areas"):
        pipeline.bulletins_of(run_like(plan([item(0)])))


def test_all_files_of_outreach_are_there_at_once():
    files = outreach_files(
        city(funds=[{"fund": "", "amount": 500.0, "spent": 240.0, "holdings": 2}]), timezone=CHICAGO, title="Season",
        notes=["Evaluation only."], contact="outreach@city.example",
    )  # fmt: skip
    assert {path.split("/")[0] for path in files} == {"calendars", "partners", "funders"}
    assert outreach_files(plan([]), timezone=CHICAGO, title="Season") == {}
