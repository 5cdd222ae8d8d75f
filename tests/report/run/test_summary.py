from __future__ import annotations

import dataclasses
import datetime as dt
import io

import matplotlib.image
import numpy as np

from allocator.config import DeploymentSection
from allocator.report.look.stamp import EVALUATION_ONLY, stamp
from allocator.report.run.map import map_png
from allocator.report.run.summary import percent


def test_the_map_shows_harm_and_visits(demo_run):
    picture = matplotlib.image.imread(io.BytesIO(map_png(demo_run)))
    assert picture.shape[0] > 600
    assert picture.shape[1] > 600
    colours = {
        tuple(np.round(pixel[:3] * 255).astype(int)) for pixel in picture[::3, ::3].reshape(-1, picture.shape[2])
    }
    assert (74, 13, 42) in colours  # the darkest harm
    assert (247, 244, 236) in colours  # the palest


def test_the_map_is_the_same_twice_and_does_without_visits(demo_run):
    assert map_png(demo_run) == map_png(demo_run)
    idle = dataclasses.replace(demo_run, plan=dataclasses.replace(demo_run.plan, visits=demo_run.plan.visits.iloc[:0]))
    assert map_png(idle).startswith(b"\x89PNG")


def test_the_summary_says_what_a_lieutenant_asks(demo_run):
    text = " ".join(demo_run.summary().split())  # lines may break anywhere
    wanted = (
        "2026-03-02 to 2026-03-08", "rows train the model", "log-likelihood per event", "plain counts (historic_mean)",
        "greedy", "proportional", "gap", "after travel", "minimums met in 116 of the", "holdings make", EVALUATION_ONLY,
    )  # fmt: skip
    for words in wanted:
        assert words in text, words


def test_an_approval_is_printed_and_its_end_is_noticed(demo_run):
    approval = DeploymentSection(
        jurisdiction="Demo", authority="Council", approval_reference="R-1", expires=dt.date(2026, 12, 31)
    )
    job = demo_run.job.model_copy(update={"deployment": approval})
    assert stamp(job) == "Approved by Council (R-1) for Demo until 2026-12-31."
    late = job.model_copy(update={"deployment": approval.model_copy(update={"expires": dt.date(2026, 1, 1)})})
    soon = job.model_copy(update={"deployment": approval.model_copy(update={"expires": dt.date(2026, 3, 4)})})
    assert "days after that are evaluation only" in stamp(soon)
    assert "expired on 2026-01-01" in stamp(late)


def test_percentages():
    assert percent(0.00001) == "0.0010%"
    assert percent(0.0123) == "1.23%"
    assert percent(float("inf")) == "unknown"
