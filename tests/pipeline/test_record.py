"""Stages of a workflow: their times, and the true cause where memory runs out."""

from __future__ import annotations

import pytest

from allocator.errors import AllocatorError, ConfigError
from allocator.pipeline.record import Stopwatch


@pytest.mark.parametrize(
    ("stage", "key"), [("duty and routes", "fewer units"), ("forecast", r"risk\.bandwidths_m"), ("summary", "cells")]
)
@pytest.mark.parametrize("error", [MemoryError(), RuntimeError("std::bad_alloc")])
def test_where_memory_runs_out_the_stage_is_named_and_what_makes_it_smaller(stage, key, error):
    with pytest.raises(AllocatorError, match=key) as told, Stopwatch()(stage):
        raise error
    assert f"stage {stage!r}" in str(told.value)
    assert "cells" not in str(told.value) or stage != "duty and routes"
    assert told.value.__cause__ is error


def test_errors_on_purpose_pass_unchanged():
    with pytest.raises(ConfigError, match="out of memory of last year"), Stopwatch()("forecast"):
        raise ConfigError("out of memory of last year")
    with pytest.raises(ZeroDivisionError), Stopwatch()("forecast"):
        raise ZeroDivisionError


def test_stages_are_told_and_timed():
    told: list[str] = []
    clock = Stopwatch(told.append)
    with clock("rosters"):
        pass
    assert told == ["rosters"] == list(clock.seconds)
