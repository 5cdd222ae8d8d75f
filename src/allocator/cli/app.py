"""The application: its errors as exit codes, and what all commands share."""

from __future__ import annotations

import datetime as dt
import errno
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from allocator.errors import AllocatorError, lacks_memory

if TYPE_CHECKING:
    from allocator.config import Job
    from allocator.pipeline import Progress

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Forecast where harm is expected, assign patrol and outreach under staffing limits, and measure the plan.",
)

JobFile = Annotated[Path, typer.Argument(metavar="JOB", help="The job file (TOML).")]
Week = Annotated[str | None, typer.Option(metavar="DATE", help="First day to plan, instead of the job's own.")]
Out = Annotated[Path | None, typer.Option(metavar="DIR", help="Folder to make; by default inside output.folder.")]
Overrides = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the job, e.g. risk.model=mixture."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON lines instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but errors.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")]

INTERRUPTED = 130


def main() -> None:
    """Run the command line; the exit code is that of the error, 130 after Ctrl-C."""
    # LightGBM's OpenMP threads wait by spinning unless told otherwise before they start: beside other work a
    # Chicago forecast took 107 s instead of 20 s. Alone it is 12 to 14 s either way.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    _open_streams()
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin too, for matrices of 60 columns
    code: object = 0
    try:
        _check_docstrings()
        _check_memory()
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except AllocatorError as error:
        code = _complain(error)
    except SystemExit as end:  # how click ends when a reader has gone, whatever the mode
        code = 0 if isinstance(end.__context__, BrokenPipeError) else end.code
    except (KeyboardInterrupt, typer.Abort) as stop:
        # click takes the end of any file for Ctrl-D, also that of a cut index of compiled kernels.
        ended = stop.__cause__ or stop.__context__
        code = _unexpected(ended) if isinstance(ended, EOFError) else INTERRUPTED
    except OSError as error:
        code = _of_system(error)
    except Exception as error:
        code = _unexpected(error)
    if code == INTERRUPTED:
        _say("stopped; nothing was written")
    _leave(code if isinstance(code, int) else 0)


def _open_streams() -> None:
    """Open the standard streams that whoever started this has closed, onto nothing.

    Else the next file that is opened takes their number, and engines that write to it write into that file.
    """
    for number, name, mode in ((0, "stdin", os.O_RDONLY), (1, "stdout", os.O_WRONLY), (2, "stderr", os.O_WRONLY)):
        try:
            os.fstat(number)
        except OSError:
            opened = os.open(os.devnull, mode)
            if opened != number:
                os.dup2(opened, number)
                os.close(opened)
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(number, "r" if number == 0 else "w", closefd=False))


def _check_docstrings() -> None:
    """Refuse a Python that takes docstrings away: LightGBM reads its own when it is imported."""
    if sys.flags.optimize > 1:
        raise AllocatorError(
            "allocator does not run under python -OO or PYTHONOPTIMIZE=2: LightGBM needs its docstrings; unset "
            "PYTHONOPTIMIZE, or set it to 1"
        )


LEAST_MB = 3000
"""Address space that a run needs: of the demo city 2,800 MB, of which the engines themselves take 2,100."""


def _check_memory() -> None:
    """Refuse a limit on memory within which the engines cannot even start: they end in other ways, some by a crash."""
    if {"--help", "doctor", "new"} & set(sys.argv[1:]) or len(sys.argv) < 2:
        return
    try:
        import resource
    except ImportError:  # Windows
        return
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    if limit != resource.RLIM_INFINITY and limit < LEAST_MB * 1e6:
        raise AllocatorError(
            f"not enough memory: this process may use {limit / 1e6:,.0f} MB (ulimit -v), and the engines need "
            f"{LEAST_MB:,} MB to start: raise the limit"
        )


def _of_system(error: OSError) -> int:
    """Turn an error of the operating system into a line: who reads us has gone, or there is no room."""
    if isinstance(error, BrokenPipeError):  # a reader that has seen enough, such as head: no fault
        return 0
    from allocator.errors import OutputError
    from allocator.io.folders import is_output_failure, plain

    if error.errno == errno.ENOMEM:
        return _unexpected(MemoryError())
    if not is_output_failure(error):
        return _unexpected(error)
    where = f" ({error.filename})" if error.filename else " (standard output, or the temporary folder)"
    return _complain(OutputError(f"cannot write: {plain(error)}{where}"))


def _leave(code: int) -> None:
    """End with a code, whatever the standard streams still hold."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:  # else Python tries again at its end, and ends with 120
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    sys.exit(code)


def _complain(error: AllocatorError) -> int:
    if "--json" in sys.argv:
        content = {"error": type(error).__name__, "message": error.message, "faults": list(error.faults)}
        _say(json.dumps(content, ensure_ascii=False))
    else:
        _say(f"error: {error}")
    return error.exit_code


def _unexpected(error: Exception) -> int:
    """Turn what nobody foresaw into one line; the traceback goes to ALLOCATOR_TRACEBACK=1 users only."""
    click_error = getattr(error, "format_message", None)
    if click_error is not None and hasattr(error, "exit_code"):  # a usage error of the command line itself
        _say(f"error: {click_error()}")
        return int(error.exit_code)
    if os.environ.get("ALLOCATOR_TRACEBACK"):
        raise error
    if (broken := _broken_cache(error)) is not None and not os.environ.get(_REBUILT):
        for path in [*broken.glob("*.nbi"), *broken.glob("*.nbc")]:
            path.unlink(missing_ok=True)
        _say("the cache of compiled kernels was damaged: it is made anew")
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], {**os.environ, _REBUILT: "1"})
    if lacks_memory(error):
        _say("error: not enough memory: give it more, or use larger cells, fewer units, kinds or a shorter history")
        return 1
    _say(
        f"error: an unforeseen fault ({type(error).__name__}: {error}). Please report it; "
        "ALLOCATOR_TRACEBACK=1 shows where it happened"
    )
    return 1


_REBUILT = "ALLOCATOR_CACHE_REBUILT"
"""Set for a command that is begun anew after the cache was damaged, so that it is begun anew once only."""


def _broken_cache(error: Exception) -> Path | None:
    """Return the folder of compiled kernels in which an error arose while one was read, None for other errors."""
    trace = error.__traceback__
    while trace is not None:
        code = trace.tb_frame.f_code
        if Path(code.co_filename).parts[-3:] == ("numba", "core", "caching.py"):
            folder = getattr(trace.tb_frame.f_locals.get("self"), "_cache_path", None)
            return Path(folder) if folder else None
        trace = trace.tb_next
    return None


@dataclass(frozen=True)
class Tail:
    """How a command ends: what it prints, and whether it may replace an earlier output."""

    as_json: bool = False
    quiet: bool = False
    overwrite: bool = False

    def answer(
        self, key: str, place: Path, *, values: Mapping[str, Any], summary: str, files: Mapping[str, str]
    ) -> None:
        """Print an answer: its numbers as JSON under `key`, or its words and where its files are."""
        if self.as_json:
            typer.echo(json.dumps({key: str(place), **values}, ensure_ascii=False))
        elif not self.quiet:
            width = max(11, *(len(what) + 1 for what in files.values()))
            lines = [f"{what:<{width}}{shown(place / name)}" for name, what in files.items()]
            typer.echo("\n".join([*(["", summary, ""] if summary else []), *lines]))

    @contextmanager
    def progress(self, stages: int) -> Iterator[Progress]:
        """Give a function that is told each stage as it starts."""
        from rich.console import Console

        console = Console(stderr=True)
        if self.quiet:
            yield lambda stage: None
        elif self.as_json:
            yield lambda stage: _say(json.dumps({"stage": stage}))
        elif not console.is_terminal:  # a log file: one line per stage
            yield lambda stage: _say(f"{stage} …")
        else:
            with _bar(console) as bar:
                task = bar.add_task("starting", total=stages)
                yield lambda stage: bar.update(task, description=stage, advance=1)

    def study(
        self, key: str, job: Job, folder: Path, work: Callable[[], object], files: Mapping[str, str],
        *, of_job: bool = True,
    ) -> None:  # fmt: skip
        """Do the work of a study, save its answer, and print it."""
        from allocator import pipeline

        inputs = pipeline.inputs_of(job) if of_job else None  # what a run was made of stands in its own manifest
        place, told = pipeline.write_answer(work(), job, folder, overwrite=self.overwrite, inputs=inputs)
        values: Any = told.figures["values"]
        self.answer(key, place, values=values, summary=told.summary, files=files)


def _say(line: str) -> None:
    """Tell a line on the standard error; a reader that has gone, or a full disk behind it, stops no work."""
    with suppress(OSError, ValueError):
        sys.stderr.write(line + "\n")
        sys.stderr.flush()


def _bar(console: Any) -> Any:
    from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description:<18}"), BarColumn(24), TimeElapsedColumn())
    return Progress(*columns, console=console, transient=True)


def shown(path: Path) -> str:
    """Return a path as short as it can be said from here."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)


def target_of(job: Job, out: Path | None, name: str, *, overwrite: bool) -> Path:
    """Return the folder to make, inside `output.folder` unless given, after checking that it may be made."""
    from allocator.io.folders import check_output

    target = out or Path(job.output.folder) / name.format(week=job.job.week.isoformat())
    check_output(target, overwrite=overwrite)
    return target


def beside(run: Path, out: Path | None, suffix: str, *, overwrite: bool) -> Path:
    """Return the folder to make, beside the run unless given, after checking that it may be made."""
    from allocator.io.folders import check_output

    target = out or run.with_name(f"{run.resolve().name}-{suffix}")
    check_output(target, overwrite=overwrite)
    return target


def job_of(path: Path, overrides: list[str] | None, week: str | None) -> Job:
    """Return the job of a file, with the changes of the command line."""
    from allocator.errors import ConfigError
    from allocator.io.job import read_job

    try:
        day = dt.date.fromisoformat(week) if week else None
    except ValueError:
        raise ConfigError(f"--week {week}: give a date such as 2017-12-25") from None
    return read_job(path, overrides=overrides or (), week=day)
