"""The application: its errors as exit codes, and what all commands share."""

from __future__ import annotations

import datetime as dt
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from allocator.errors import AllocatorError

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
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # its threads spin too, for matrices of 60 columns
    try:
        code = app(standalone_mode=False)
    except AllocatorError as error:
        _complain(error)
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 0
    except Exception as error:
        code = _unexpected(error)
    if code == INTERRUPTED:
        sys.stderr.write("stopped; nothing was written\n")
    sys.exit(code if isinstance(code, int) else 0)


def _complain(error: AllocatorError) -> None:
    if "--json" in sys.argv:
        content = {"error": type(error).__name__, "message": error.message, "faults": list(error.faults)}
        sys.stderr.write(json.dumps(content, ensure_ascii=False) + "\n")
        return
    sys.stderr.write(f"error: {error}\n")


def _unexpected(error: Exception) -> int:
    """Turn what nobody foresaw into one line; the traceback goes to ALLOCATOR_TRACEBACK=1 users only."""
    click_error = getattr(error, "format_message", None)
    if click_error is not None and hasattr(error, "exit_code"):  # a usage error of the command line itself
        sys.stderr.write(f"error: {click_error()}\n")
        return int(error.exit_code)
    if os.environ.get("ALLOCATOR_TRACEBACK"):
        raise error
    if isinstance(error, MemoryError):
        sys.stderr.write("error: not enough memory: use larger cells, fewer kinds, a shorter history or fewer units\n")
        return 1
    sys.stderr.write(
        f"error: an unforeseen fault ({type(error).__name__}: {error}). Please report it; "
        "ALLOCATOR_TRACEBACK=1 shows where it happened\n"
    )
    return 1


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

    def study(self, key: str, job: Job, folder: Path, work: Callable[[], object], files: Mapping[str, str]) -> None:
        """Do the work of a study, save its answer, and print it."""
        from allocator import pipeline

        place, told = pipeline.write_answer(work(), job, folder, overwrite=self.overwrite)
        values: Any = told.figures["values"]
        self.answer(key, place, values=values, summary=told.summary, files=files)


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


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
