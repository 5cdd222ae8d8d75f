"""The slow stages at city size, and the whole demo job, from its files to its run folder."""

from __future__ import annotations

import datetime as dt

import pytest

from allocator import pipeline, risk
from allocator.config import RiskSection
from allocator.domain import shifts_of
from allocator.io.job import read_job
from allocator.risk.features.extras import Extras
from allocator.risk.training import read_history
from planning_city import DAY


@pytest.fixture
def stage(benchmark, record):
    def run(what, size, call, *, rounds):
        benchmark.pedantic(call, rounds=rounds, warmup_rounds=1)
        if benchmark.disabled:
            return
        times = benchmark.stats.stats
        row = {
            "stage": what,
            "size": size,
            "s": f"{times.min:.2f}",
            "median s": f"{times.median:.2f}",
            "rounds": rounds,
        }
        benchmark.extra_info.update(row)
        record(**row)

    return run


@pytest.fixture(scope="module")
def size(panel):
    weeks = panel.n_days // 7
    return f"{panel.city.n_cells:,} cells, {len(panel.kinds)} kinds, {len(panel.day):,} events in {weeks} weeks"


def test_read_history(stage, panel, size):
    stage("read_history (features)", size, lambda: read_history(panel, 7, RiskSection(), Extras(), seed=0), rounds=3)


def test_fit(stage, panel, size):
    stage("fit (features, all models, choice)", size, lambda: risk.fit(panel, seed=0), rounds=2)


def test_forecast(stage, panel, size):
    fitted = risk.fit(panel, seed=0)
    shifts = shifts_of(DAY, first_day=panel.first_day + dt.timedelta(panel.n_days), days=7, timezone="Atlantic/Azores")
    harm = dict.fromkeys(panel.kinds, 1.0)
    stage("forecast (21 shifts, intervals, reasons)", size, lambda: fitted.forecast(shifts=shifts, harm=harm), rounds=3)


def test_demo_run(stage, tmp_path):
    job = read_job(pipeline.new_job(tmp_path / "city"))

    def run():
        pipeline.save_run(pipeline.run(job), tmp_path / "run", overwrite=True)

    stage("demo job, files to run folder", "the city of `make demo`", run, rounds=2)
