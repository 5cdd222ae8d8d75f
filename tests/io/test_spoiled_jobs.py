"""What fuzzing found in jobs, by kind."""

from __future__ import annotations

import pytest

import allocator as al
from allocator import pipeline
from allocator.errors import DataError
from tiny_job import make_tiny_job


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    folder = tmp_path_factory.mktemp("spoiled") / "job"
    make_tiny_job(folder)
    return folder / "job.toml"


def test_an_empty_column_name_is_no_column(job):
    empty = ["risk.covariates.0.time=''", "risk.covariates.0.kind=''"]
    assert pipeline.validate(al.read_job(job, overrides=empty))


@pytest.mark.parametrize("key", ["routes.matrix", "roster.units", "area.beats"])
def test_a_path_that_the_system_refuses_is_told_with_its_key(job, key):
    with pytest.raises(DataError, match="cannot be opened") as told:
        pipeline.validate(al.read_job(job, overrides=[f"{key}='{'1' * 5_000}'"]))
    assert key in str(told.value)


def test_a_run_without_any_alarm_comes_back(job, tmp_path):
    run = al.run(al.read_job(job))
    assert not len(run.history["alarms"])
    assert len(al.load_run(al.save_run(run, tmp_path / "run")).plan.visits) == len(run.plan.visits)
