"""The report of a run as text: complete, closed to the network, and no name of anybody runs in it."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from allocator import pipeline
from allocator.report.look.page import render
from allocator.report.run.past import compared
from allocator.report.run.run_page import run_page
from page_runs import HOSTILE, city_of, hostile, run_of, with_products

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


class Page(HTMLParser):
    """Elements with their attributes, the text of scripts, and whether all elements are closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements, self.scripts, self.open, self.words = [], [], [], []
        self.feed(text)
        assert self.open == [], self.open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts.append((dict(self.elements[-1][1]), data))
        else:
            self.words.append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]

    @property
    def text(self):
        return " ".join("".join(self.words).split())


def map_data_of(page: Page):
    packed = next(text for attrs, text in page.scripts if attrs.get("id") == "map-data")
    return json.loads(gzip.decompress(base64.b64decode(packed)))


def array(packed):
    return np.frombuffer(base64.b64decode(packed["bytes"]), packed["type"])


def check_closed(text: str) -> Page:
    """Nothing is loaded, and only scripts whose hashes the page names may run."""
    page = Page(text)
    policy = next(attrs["content"] for attrs in page.of("meta") if "Policy" in attrs.get("http-equiv", ""))
    assert policy.startswith("default-src 'none'")
    assert "unsafe-eval" not in policy
    assert "http" not in policy
    script_rules = policy.partition("script-src ")[2].partition(";")[0]
    assert "unsafe" not in script_rules
    run = [data for attrs, data in page.scripts if "type" not in attrs]
    named = {"'sha256-" + base64.b64encode(hashlib.sha256(one.encode()).digest()).decode() + "'" for one in run}
    assert named == set(script_rules.split())
    for tag, attrs in page.elements:
        assert tag not in ("link", "iframe", "object", "base")
        assert "src" not in attrs or attrs["src"].startswith("data:"), attrs
        assert not any(name.startswith("on") for name in attrs), attrs
        if tag == "a":
            assert not re.match(r"[a-z]+:", attrs["href"]), attrs
        if tag == "img":
            assert attrs["alt"]
    return page


@pytest.fixture(scope="module")
def demo_page(demo_run):
    return check_closed(run_page(demo_run, links={"roster.xlsx": "Roster to edit"}))


def test_the_report_says_what_the_issue_of_a_meeting_is(demo_page, demo_run):
    values = demo_run.figures["values"]
    for words in (
        f"{values['visits']:,}", "Evaluation only", "What the plan could not do", "visits were dropped because",
        "Staffing against need", "one more unit in", "How good the forecast is", "historic_mean", "dropped at the door",
        "daylight-saving gap (moved forward)", "Harm weights", "SHA-256", "an assumption, not a finding".capitalize(),
        "Vehicle crime".upper(), "Roster to edit", "neutral: every kind weighs 1",
    ):  # fmt: skip
        assert words in demo_page.text, words
    heads = [attrs for attrs in demo_page.of("th")]
    assert all(attrs["scope"] == "col" for attrs in heads)
    assert len(demo_page.of("h1")) == 1


def test_the_map_holds_the_forecast_and_every_visit(demo_page, demo_run):
    data, surface = map_data_of(demo_page), demo_run.surface
    harm = np.concatenate([surface.expected_harm.sum(axis=0, keepdims=True), surface.expected_harm])
    shown = np.array(data["steps"])[array(data["level"])].reshape(harm.shape)
    told = harm > harm.max() * 1.1e-5
    assert np.abs(np.log(shown[told] / harm[told])).max() < 0.03  # steps of 4.6 %, to three digits
    assert shown[~told].max(initial=0) <= harm.max() * 1.1e-5
    visits, found = demo_run.plan.visits, data["visits"]
    assert [found["units"][n] for n in array(found["unit"])] == list(visits["unit"])
    assert [found["reasons"][n] for n in array(found["reason"])] == list(visits["reason"])
    assert (array(found["cell"]) == visits["cell"]).all()
    local = visits["start"].dt.tz_convert(demo_run.job.job.timezone)
    assert (array(found["clock"]) == local.dt.hour * 60 + local.dt.minute).all()
    colour = array(data["colour"]).reshape(harm.shape)
    darkest = surface.city.area_km2[colour[0] == 6].sum() / surface.city.area_km2.sum()
    assert 0.005 < darkest <= 0.011


def test_names_of_anybody_stay_text(demo_run):
    page = check_closed(run_page(hostile(demo_run)))
    shown = "".join(page.words)
    assert HOSTILE[:40] in shown
    assert "alert('x')" in html.unescape(shown)
    data = map_data_of(page)
    assert HOSTILE in data["visits"]["units"]
    assert not any("alert" in text for attrs, text in page.scripts if attrs.get("id") != "map-data")


def test_a_script_that_would_end_early_is_refused():
    with pytest.raises(ValueError, match="</script"):
        render("page.html", scripts=["x = '</SCRIPT>'"], title="", notes=[], parts=[])


@pytest.mark.parametrize(
    ("columns", "rows", "districts", "units", "visits", "kind"),
    [(1, 1, 1, 1, 0, "squares"), (1, 1, 1, 0, 0, "squares"), (12, 9, 3, 5, 30, "hexagons"),
     (200, 200, 100, 40, 400, "squares")],
)  # fmt: skip
def test_odd_cities_have_a_report(demo_run, columns, rows, districts, units, visits, kind):
    run = run_of(demo_run, city_of(columns, rows, districts, kind=kind), units=units, visits=visits)
    page = check_closed(run_page(run))
    data = map_data_of(page)
    assert len(array(data["district"])) == run.surface.city.n_cells
    assert len(data["borders"]["districts"]["names"]) == districts
    assert ("outreach holdings" in page.text) is False


def test_the_plan_of_the_week_before_is_compared(demo_run):
    earlier = dataclasses.replace(
        demo_run, plan=dataclasses.replace(demo_run.plan, visits=demo_run.plan.visits.iloc[::2])
    )
    table = compared(demo_run, earlier)
    assert table["visits"].sum() == len(demo_run.plan.visits)
    assert table["visits_before"].sum() == len(earlier.plan.visits)
    assert table["places_kept"].sum() == earlier.plan.visits["cell"].nunique()
    assert (table["minutes"] == 15 * table["visits"]).all()
    other = compared(demo_run, run_of(demo_run, city_of(9, 9, 2)))
    assert other["places_kept"].isna().all()
    assert "its cells are others" in Page(run_page(demo_run, against=("another plan", other))).text
    text = Page(run_page(demo_run, against=("the plan of 2026-02-23", table))).text
    assert "Compared with the plan of 2026-02-23" in text


def test_the_report_is_the_same_from_disk_and_twice(demo_run, tmp_path):
    plain = with_products(demo_run, "report")
    place = pipeline.save_run(plain, tmp_path / "2026-03-02")
    first = (place / "report.html").read_bytes()
    folder, files = pipeline.remake_products(place)
    assert folder == place
    assert files["report.html"] == first == (place / "report.html").read_bytes()
    assert not list(place.glob(".products-*"))
