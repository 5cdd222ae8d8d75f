"""What every record of work begins with: versions, seed, inputs, time and memory."""

from __future__ import annotations

import datetime as dt
import importlib.metadata
import platform
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from allocator import io
from allocator.config import Job
from allocator.errors import AllocatorError, DataError, lacks_memory
from allocator.facts import Note, note

Progress = Callable[[str], None]
"""Called with the name of each stage as it starts."""

ENGINES = (
    "allocator", "numpy", "numba", "pandas", "pyarrow", "shapely", "geopandas", "pyproj", "scipy", "lightgbm",
    "ortools", "pyvrp",
)  # fmt: skip
"""Packages whose versions a manifest records."""


_SMALLER = {
    "study area": "larger cells (tessellation.size_m)",
    "rosters": "fewer units, or fewer days (job.days)",
    "calls": "fewer weeks of calls (staffing.weeks), or larger districts",
    "staffing": "fewer weeks of calls (staffing.weeks), or larger districts",
    "event history": "a shorter history (data.since), or larger cells (tessellation.size_m)",
    "forecast": "larger cells (tessellation.size_m), narrower kernels (risk.bandwidths_m), or a shorter history "
    "(data.since)",
    "allocation": "larger cells (tessellation.size_m), or fewer days (job.days)",
    "duty and routes": "fewer units, fewer days (job.days), fewer routes.variants, or routes.threads = 1",
}
"""What makes each stage smaller: cells cannot help routes that many units take."""


class Stopwatch:
    """Times the stages of a workflow and tells their names."""

    def __init__(self, progress: Progress | None = None) -> None:
        self.seconds: dict[str, float] = {}
        self.tell: Progress = progress or (lambda stage: None)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Tell a stage, and time what is done in it; where memory runs out, say in which one and what would help.

        Raises
        ------
        AllocatorError
            If memory runs out.
        """
        self.tell(stage)
        start = time.perf_counter()
        try:
            yield
        except Exception as error:
            if not lacks_memory(error):
                raise
            used = f" (peak {peak:,.0f} MB)" if (peak := peak_mb()) else ""
            raise AllocatorError(
                f"not enough memory for the stage {stage!r}{used}: give it more, or use "
                f"{_SMALLER.get(stage, 'larger cells, fewer units, kinds or a shorter history')}"
            ) from error
        self.seconds[stage] = round(time.perf_counter() - start, 3)


def inputs_of(job: Job, files: Iterable[tuple[str, str]] | None = None) -> tuple[io.Input, ...]:
    """Return the inputs of a job as they are now; called before they are read.

    Parameters
    ----------
    job : Job
        The job.
    files : iterable of (key, path), optional
        The inputs; by default every file that the job names.
    """
    return tuple(io.Input.of(key, path) for key, path in (io.input_files(job) if files is None else files))


def refuse_changed(inputs: Iterable[io.Input]) -> None:
    """Refuse inputs that changed while they were read: which of both was read, nobody knows.

    Raises
    ------
    DataError
        With every such file.
    """
    if faults := [f"{one.key}: {one.path}" for one in inputs if one.has_changed()]:
        raise DataError("input files changed while they were read: wait until they are whole, and run again",
                        faults=faults)  # fmt: skip


def changed_since(inputs: Iterable[io.Input]) -> tuple[Note, ...]:
    """Return a note on each input that changed after it was read."""
    return tuple(
        note("studies.input_changed", key=one.key, file=Path(one.path).name) for one in inputs if one.has_changed()
    )


def origin(job: Job, inputs: Iterable[io.Input]) -> dict[str, object]:
    """Return what every manifest begins with: versions, seed, time, and the hashes of the inputs as they were read."""
    return {
        "versions": versions(),
        "seed": job.job.seed,
        "written": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "inputs": {one.key: {"path": one.path, "sha256": one.sha256} for one in inputs},
    }


def versions() -> dict[str, str]:
    """Return the versions of Python, the platform and the engines."""
    own = {"python": platform.python_version(), "platform": f"{platform.system()} {platform.machine()}"}
    return own | {name: importlib.metadata.version(name) for name in ENGINES}


def versions_in_words() -> str:
    """Return the versions that a reader of a page may ask for."""
    known = versions()
    return ", ".join(f"{name} {known[name]}" for name in ("allocator", "lightgbm", "numpy", "python"))


def peak_mb() -> float | None:
    """Return the peak memory of this process in MB (10⁶ bytes), or None where the system does not tell."""
    status = Path("/proc/self/status")  # Linux; ru_maxrss there starts at the peak of the process that started this
    if status.exists() and (peak := re.search(r"VmHWM:\s+(\d+) kB", status.read_text())):
        return round(int(peak[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return None
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)
