from __future__ import annotations

import os
import signal
import sys

import pytest

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command line does; see cli.main
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    # As a background job has it, and every child inherits it: tests that interrupt children would wait in vain.
    signal.signal(signal.SIGINT, signal.default_int_handler)

from allocator import cli, pipeline
from allocator.io.history.events import read_events
from allocator.io.job import read_job
from allocator.synthetic.city import make_city
from allocator.synthetic.ground import TIMEZONE

WHOLE_JOBS = {"demo_run", "quick_run", "made_run", "season", "chicago", "portland"}
"""Fixtures that run a whole job: tests that ask for one are slow, however little they do themselves."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the fuzz drivers try more than their small fixed sample."""
    parser.addoption("--fuzz-cases", type=int, default=12, help="Cases of each fuzz driver of tests/fuzz.")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that run whole jobs."""
    for item in items:
        if WHOLE_JOBS & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def synthetic_city():
    """An invented city of 4 km × 4 km with a year of events and known true rates."""
    return make_city(seed=3, width_km=4, height_km=4, weeks=60, events_per_week=220)


@pytest.fixture(scope="session")
def synthetic_events(synthetic_city):
    columns = {"time": "occurred_at", "kind": "kind", "lon": "lon", "lat": "lat", "id": "incident"}
    return read_events(synthetic_city.events, columns=columns, timezone=TIMEZONE)


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory):
    """The job folder that `allocator new` makes."""
    folder = tmp_path_factory.mktemp("jobs") / "city"
    pipeline.new_job(folder)
    return folder


@pytest.fixture(scope="session")
def demo_run(demo_folder):
    """The run of the demo job; saving it makes no products, which tests of theirs ask for."""
    return pipeline.run(read_job(demo_folder / "job.toml", overrides=["output.products=[]"]))


@pytest.fixture
def call(capsys, monkeypatch):
    """Run the command line in this process; returns exit code, stdout and stderr."""

    def run(*words: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["allocator", *map(str, words)])
        with pytest.raises(SystemExit) as caught:
            cli.main()
        out, err = capsys.readouterr()
        return int(caught.value.code or 0), out, err

    return run
