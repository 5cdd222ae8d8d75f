"""Small inputs that went wrong elsewhere, each with the right value (`../shared/cases`)."""

import numpy as np
import pandas as pd
import pytest

from allocator import io, pipeline
from allocator.errors import AllocatorError
from allocator.io.job import read_job
from allocator.pipeline.inputs import ground_of, known_of
from places import DATA

CASES = DATA.parent / "cases"
pytestmark = pytest.mark.data


def job_of(case, name="job"):
    folder = next(CASES.glob(f"{case}-*"), None)
    if folder is None:
        pytest.skip("the cases are absent")
    return read_job(folder / f"{name}.toml", overrides=["output.products=[]"])


@pytest.fixture(scope="module")
def truth():
    """Return the true local time of each event by its number."""
    folder = next(CASES.glob("16-*"), None)
    if folder is None:
        pytest.skip("the cases are absent")
    frame = pd.read_csv(folder / "full.csv", dtype=str)
    return pd.Series(pd.to_datetime(frame["when"]).to_numpy(), index=frame["no"])


READ = [
    ("03", "job", 1), ("03", "job_fs", 1), ("03", "job_parquet", 1), ("03", "job_seconds", 1),
    ("04", "job", 1), ("04", "job_xlsx", 1), ("04", "job_xls", 1), ("04", "job_day", 24 * 60),
    ("05", "job_hour", 60), ("06", "job_CrimeTime", 1), ("06", "job_Short", 1), ("06", "job_HMS", 1),
    ("06", "job_Dot", 1), ("06", "job_Iso", 1), ("07", "job", 1), ("07", "job_format", 1), ("07", "job_clock", 1),
    ("09", "job_events", 1), ("09", "job_events_cr", 1), ("09", "job_events_inch", 1),
    ("38", "job_title", 1), ("38", "job_title_plain", 1), ("38", "job_sep", 1), ("38", "job_comment", 1),
    ("38", "job_total", 1), ("38", "job_sql", 1), ("38", "job_repeated", 1),
]  # fmt: skip


@pytest.mark.parametrize(("case", "name", "minutes"), READ)
def test_every_row_at_its_time(truth, case, name, minutes):
    events = io.read_job_events(job_of(case, name))
    assert len(events) == 12_861
    local = pd.DatetimeIndex(events.time).tz_localize("UTC").tz_convert(events.timezone).tz_localize(None)
    off = np.abs((local - pd.DatetimeIndex(truth[list(events.id)])) / pd.Timedelta(minutes=1))
    assert (off < minutes + 1e-9).mean() > 0.995  # the hour that autumn repeats is not in the clock


REFUSED = [
    ("07", "job_12", r"day first or month first.* data\.dates"),
    ("09", "job_two", r"a quote opens in line 702 and closes only after 8,299 lines"),
    ("09", "job_two_drop", r"a quote opens in line 702"),
    ("09", "job_events_unclosed", r"a quote opens in line 702"),
    ("26", "job_sunday_zero.csv", r"unknown weekday '1'; use names"),
    ("47", "job_window", r"routes\.windows\.0: 5 minutes .* shorter than a visit of 15"),
    ("38", "job_headercase", r"did you mean 'When'"),
]


@pytest.mark.parametrize(("case", "name", "words"), REFUSED)
def test_what_cannot_be_known_is_refused_with_the_way_out(case, name, words):
    with pytest.raises(AllocatorError, match=words):
        pipeline.validate(job_of(case, name))


TOLD = [
    ("16", "job_half", "history.rows_lost", {"reason": "without place"}),
    ("16", "job_late", "history.thin_weeks", {"weeks": 3}),
    ("17", "job_station", "history.heap", {"x": "-29.999", "y": "41.001"}),
    ("22", "job", "history.versions_differ", {"count": 3_216}),
    ("34", "job_codes", "history.kinds_are_codes", {}),
    ("40", "job", "history.kind_ended", {"kind": "ASSAULT"}),
]


@pytest.mark.parametrize(("case", "name", "cause", "facts"), TOLD)
def test_what_vanishes_or_changes_is_told(case, name, cause, facts):
    ground = ground_of(job_of(case, name))
    told = [one for one in known_of(ground).notes if one.cause == cause]
    assert told
    assert facts.items() <= dict(told[0].facts).items()


def test_codes_and_other_languages_are_screened_by_the_policy():
    for case, name, kind in (("34", "job_codes", "35A"), ("07", "job_format", "NARCOMENUDEO POSESIÓN SIMPLE")):
        known = known_of(ground_of(job_of(case, name)))
        assert kind not in known.panel.kinds


def test_rows_of_one_call_are_its_units():
    folded = io.read_job_calls(job_of("20", "job_id_drop"))
    assert len(folded) == 3_790
    hours = float((folded.service * folded.units).sum() / 60 / 8)  # eight weeks
    assert hours == pytest.approx(367, rel=0.05)


@pytest.mark.slow
def test_kinds_that_ended_and_shifts_that_overlap_are_not_counted_twice():
    expected = {}
    for case, name in (("40", "job"), ("25", "job_12"), ("25", "job_powerfull"), ("25", "job_power")):
        run = pipeline.run(job_of(case, name))
        expected[case, name] = (float(run.surface.mean.sum()), run.figures["values"]["covered"])
    for events, _ in expected.values():
        assert events == pytest.approx(282, rel=0.1)
    without, some, full = (expected["25", name][1] for name in ("job_12", "job_power", "job_powerfull"))
    assert without < some < full


@pytest.mark.slow
def test_promises_are_judged_on_the_visits_made():
    run = pipeline.run(job_of("47", "job_request"))
    (row,) = run.plan.limits.to_dict("records")
    city = run.surface.city
    there = city.beat[run.plan.visits["cell"].to_numpy()] == city.beats.index("1a")
    made = 15 * int(there.sum())
    assert 0 < made < 600
    assert (row["least"], row["value"], row["unit"]) == (600, made, "minutes")
    (told,) = [one for one in run.plan.unmet if one.cause == "patrol.not_delivered"]
    assert (told.get("count"), told.get("asked")) == (made, 600)
    school = pipeline.run(job_of("47", "job_school"))
    assert "patrol.floors_not_delivered" in {one.cause for one in school.plan.unmet}
