"""The pages in a real browser, from disk, with the network off."""

from __future__ import annotations

import io

import pypdf
import pytest

from allocator.report.briefings.briefings import briefing_pages
from allocator.report.look.page import Part, Table, page
from allocator.report.outreach.page import outreach_page
from allocator.report.run.run_page import run_page
from browser import chromium, visit
from page_runs import HOSTILE, city_of, hostile, run_of


@pytest.fixture(scope="module")
def browser():
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def report(demo_run, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(run_page(demo_run), "utf-8")
    return path


def ready(browser, path, **settings):
    found = visit(browser, path, **settings)
    found.page.wait_for_selector("html[data-ready=yes]", state="attached", timeout=30_000)
    found.page.wait_for_timeout(300)
    return found


def picture_of(found):
    found.page.wait_for_timeout(250)
    return found.page.locator("#map").screenshot()


def test_the_report_opens_from_disk_asks_for_nothing_and_is_drawn(browser, report):
    found = ready(browser, report)
    found.check()
    assert len(picture_of(found)) > 20_000
    assert found.page.locator("#map-scale").inner_text() in ("1 km", "2 km", "500 m")
    found.page.context.close()


def test_the_slider_and_its_keys_change_the_map(browser, report, demo_run):
    found = ready(browser, report)
    page, whole = found.page, picture_of(found)
    assert "the whole plan" in page.locator("#map-when").inner_text()
    page.locator("#map-shift").focus()
    page.keyboard.press("ArrowRight")
    first, words = picture_of(found), page.locator("#map-when").inner_text()
    assert first != whole
    assert words.startswith("Mon 2 Mar, day")
    n = int((demo_run.plan.visits["shift"] == demo_run.roster.shifts[0].id).sum())
    assert f"{n} visits" in words
    page.get_by_role("button", name="Next shift").click()
    assert picture_of(found) != first
    assert page.locator("#map").get_attribute("data-shift") == "2"
    page.keyboard.press("End")
    found.check()
    page.context.close()


def test_layers_go_on_and_off_and_a_unit_shows_its_round(browser, report, demo_run):
    found = ready(browser, report)
    page = found.page
    for name in ("expected harm", "visits", "districts", "outreach"):
        before = picture_of(found)
        page.get_by_role("checkbox", name=name).uncheck()
        assert picture_of(found) != before, name
    page.get_by_role("checkbox", name="beats").check()
    assert page.locator("#map-unit").is_disabled()
    page.get_by_role("button", name="Next shift").click()
    shift = demo_run.roster.shifts[0].id
    visits = demo_run.plan.visits[demo_run.plan.visits["shift"] == shift]
    unit = visits["unit"].iloc[0]
    page.locator("#map-unit").select_option(label=unit)
    assert page.locator("#map-route li").count() == int((visits["unit"] == unit).sum())
    found.check()
    page.context.close()


def test_a_resized_window_keeps_what_is_looked_at(browser, report):
    found = ready(browser, report)
    page = found.page
    page.get_by_role("button", name="Next shift").click()
    page.locator("#map-unit").select_option(index=1)
    ends = (
        "['x_range', 'y_range'].map(name => Bokeh.documents[0].get_model_by_name('map')[name])"
        ".map(range => (range.start + range.end) / 2)"
    )
    before = page.evaluate(ends)
    page.set_viewport_size({"width": 900, "height": 700})
    page.wait_for_timeout(400)
    assert page.evaluate(ends) == pytest.approx(before, abs=1.0)
    found.check()
    page.context.close()


def test_an_old_browser_gets_the_picture(browser, report):
    context = browser.new_context(offline=True)
    context.add_init_script("delete window.DecompressionStream")
    page = context.new_page()
    page.goto(report.as_uri())
    page.wait_for_selector("html[data-ready=failed]", state="attached")
    assert page.locator("figure.paper img").is_visible()
    assert "cannot draw the map" in page.locator("#map-failed").inner_text()
    context.close()


def test_a_tap_and_a_cell_number_tell_the_reasons(browser, report, demo_run):
    found = ready(browser, report, has_touch=True)
    page = found.page
    box = page.locator("#map").bounding_box()
    page.locator("#map").scroll_into_view_if_needed()
    page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.wait_for_selector("#map-reasons h3")
    assert "expected harm" in page.locator("#map-reasons").inner_text()
    visits = demo_run.plan.visits
    cell = int(visits["cell"].iloc[0])
    page.locator("#map-cell").fill(str(cell))
    page.keyboard.press("Enter")
    told = page.locator("#map-reasons").inner_text()
    assert f"Cell {cell}: district" in told
    assert f"Why: {visits['reason'].iloc[0][:40]}" in told
    page.locator("#map-cell").fill("99999999")
    page.keyboard.press("Enter")
    assert "There is no cell 99999999" in page.locator("#map-reasons").inner_text()
    found.check()
    page.context.close()


def test_every_control_has_a_name_and_tables_sort_and_filter(browser, report):
    found = ready(browser, report)
    page, controls = found.page, found.controls()
    assert len(controls) > 30
    assert [pair for pair in controls if not pair[1].strip()] == []
    table = page.locator("table.data").filter(has_text="Every district and shift")
    shown = table.locator("tbody tr:visible")
    assert shown.count() == 12
    table.get_by_role("button", name="expected harm").click()
    table.get_by_role("button", name="expected harm").click()
    values = [float(text) for text in table.locator("tbody tr:visible td:nth-child(5)").all_inner_texts()]
    assert values == sorted(values, reverse=True)
    page.get_by_role("searchbox", name="Every district and shift").fill("2026-03-04/night")
    assert shown.count() == 6
    assert all("2026-03-04/night" in text for text in shown.all_inner_texts())
    found.check()
    page.context.close()


def test_it_fits_a_phone_and_paper(browser, report):
    phone = ready(browser, report, width=390, height=844, is_mobile=True, has_touch=True)
    assert phone.overflow() <= 0
    assert phone.page.locator("#map").bounding_box()["width"] > 300
    phone.page.emulate_media(media="print")
    assert not phone.page.locator("#map").is_visible()
    assert phone.page.locator("figure.paper img").is_visible()
    phone.check()
    phone.page.context.close()
    desk = ready(browser, report)
    sheets = desk.page.pdf(format="A4", print_background=True)
    assert 5 <= len(pypdf.PdfReader(io.BytesIO(sheets)).pages) <= 15
    desk.page.context.close()


def test_names_do_not_run_in_the_browser(browser, demo_run, tmp_path):
    path = tmp_path / "report.html"
    path.write_text(run_page(hostile(demo_run)), "utf-8")
    found = ready(browser, path)
    page = found.page
    page.get_by_role("button", name="Next shift").click()
    page.locator("#map-unit").select_option(index=1)
    cell = int(demo_run.plan.visits["cell"].iloc[0])
    page.locator("#map-cell").fill(str(cell))
    page.keyboard.press("Enter")
    box = page.locator("#map").bounding_box()
    page.mouse.move(box["x"] + box["width"] / 3, box["y"] + box["height"] / 3)
    page.wait_for_timeout(300)
    assert "<script>alert('x')</script>" in page.locator("#map-reasons").inner_text()
    assert found.overflow() <= 0
    assert HOSTILE[:20] in page.locator("h1").inner_text()
    found.check()
    page.context.close()


@pytest.mark.parametrize("kind", ["squares", "hexagons"])
def test_other_cities_are_drawn_too(browser, demo_run, tmp_path, kind):
    run = run_of(demo_run, city_of(20, 12, 3, kind=kind), visits=25)
    path = tmp_path / "report.html"
    path.write_text(run_page(run), "utf-8")
    found = ready(browser, path)
    before = picture_of(found)
    found.page.get_by_role("button", name="Next shift").click()
    assert picture_of(found) != before
    found.check()
    found.page.context.close()


def test_the_other_pages_are_quiet_and_fit_a_phone(browser, demo_run, tmp_path):
    pages = {
        "outreach.html": outreach_page(demo_run),
        "plain.html": page("A page", notes=[], parts=[Part("Table", [Table(demo_run.plan.staffing, "Staffing.")])]),
        **{name.partition("/")[2]: text.decode() for name, text in briefing_pages(demo_run).items()},
    }
    kept = [name for name in pages if not name.startswith("2026-03") or name == "2026-03-07-night.html"]
    assert len(kept) == 4
    for name in kept:
        (tmp_path / name).write_text(pages[name], "utf-8")
        found = visit(browser, tmp_path / name, width=390, height=844, is_mobile=True)
        assert found.overflow() <= 0, name
        assert [pair for pair in found.controls() if not pair[1].strip()] == [], name
        found.check()
        found.page.context.close()
