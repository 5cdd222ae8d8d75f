"""Everything that `allocator` raises on purpose.

::

    AllocatorError
    ├── ConfigError       the job file is wrong                       exit 2   HTTP 422
    ├── DataError         an input file breaks its contract           exit 3   HTTP 422
    ├── InfeasibleError   no plan can satisfy the job                 exit 4   HTTP 409
    ├── SolverError       the engine failed or found nothing          exit 5   HTTP 503
    ├── OutputError       output exists, no room, no permission       exit 6   HTTP 507
    └── ProductError      all is saved, but a product could not be made   exit 7   HTTP 500

Each carries `faults`: one sentence per fault, all faults of one file at once. The sentences say what is
wrong, where, how many, and what to do.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

_MOST_SHOWN = 20
"""Faults printed with a message; `faults` always holds them all."""


_LONGEST = 600


def _short(text: str) -> str:
    """Return a text without the middle of what a damaged or hostile file has of endless names."""
    half = _LONGEST // 2
    return text if len(text) <= _LONGEST else f"{text[:half]} … {text[-half:]}"


class AllocatorError(Exception):
    """Base of every error a caller can act on.

    Parameters
    ----------
    message : str
        One sentence for a planner.
    faults : sequence of str or Note
        The single faults behind the message, if there are several or if they need detail. The text of the
        error shows the first 20 and says how many more there are. `faults` holds them all as texts, `records` those
        that were given as notes.
    """

    exit_code = 1
    http_status = 500

    def __init__(self, message: str, *, faults: Sequence[object] = ()) -> None:
        self.message = _short(message)
        self.faults = tuple(map(str, faults))
        self.records = tuple(fault for fault in faults if not isinstance(fault, str))
        shown = [f"  - {_short(fault)}" for fault in self.faults[:_MOST_SHOWN]]
        if (more := len(self.faults) - len(shown)) > 0:
            shown.append(f"  and {more:,} more")
        super().__init__("\n".join([self.message, *shown]))


class ConfigError(AllocatorError):
    """The job file is wrong: unknown key, wrong type, impossible value, or a missing section."""

    exit_code = 2
    http_status = 422


class DataError(AllocatorError):
    """An input file breaks its contract.

    Parameters
    ----------
    message, faults
        As for `AllocatorError`.
    column : str, optional
        The column at fault.
    count : int, optional
        How many rows are at fault.
    examples : sequence of str
        Up to three offending values.
    """

    exit_code = 3
    http_status = 422

    def __init__(
        self, message: str, *, faults: Sequence[object] = (), column: str | None = None, count: int | None = None,
        examples: Sequence[str] = (),
    ) -> None:  # fmt: skip
        super().__init__(message, faults=faults)
        self.column = column
        self.count = count
        self.examples = tuple(examples)


class InfeasibleError(AllocatorError):
    """No plan can satisfy the job; `faults` name the conflicting limits with their numbers."""

    exit_code = 4
    http_status = 409


class SolverError(AllocatorError):
    """An optimisation or model engine failed, or stopped before it had any answer."""

    exit_code = 5
    http_status = 503


class OutputError(AllocatorError):
    """The output cannot be written: it exists already, there is no room, or no permission."""

    exit_code = 6
    http_status = 507


class ProductError(AllocatorError):
    """Everything is saved, but a product of it could not be made, by a fault that nobody foresaw.

    Parameters
    ----------
    message, faults
        As for `AllocatorError`; a fault for each product.
    folder : str
        The folder where the rest is.
    """

    exit_code = 7
    http_status = 500

    def __init__(self, message: str, *, faults: Sequence[object] = (), folder: str = "") -> None:
        super().__init__(message, faults=faults)
        self.folder = folder


_NO_MEMORY = ("bad_alloc", "cannot allocate memory", "failed to map segment", "can't start new thread", "out of memory")
"""How engines say that there is no memory: each raises another error."""


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error of Python or of an engine says that memory ran out; ours say what they mean."""
    if isinstance(error, AllocatorError):
        return False
    return isinstance(error, MemoryError) or any(words in str(error).lower() for words in _NO_MEMORY)


def nearest(name: str, known: Iterable[str]) -> str:
    """Return " (did you mean 'x'?)" for the known name closest to `name`, or an empty string."""
    candidates = {str(name).lower(): str(name) for name in known}
    close = difflib.get_close_matches(str(name).lower(), candidates, n=1, cutoff=0.5)
    return f" (did you mean {candidates[close[0]]!r}?)" if close else ""


def some(values: Iterable[object], limit: int = 3) -> str:
    """Return up to `limit` of the values as readable text, saying how many more there are."""
    shown = [repr(value) if isinstance(value, str) else str(value) for value in values]
    more = f" and {len(shown) - limit:,} more" if len(shown) > limit else ""
    return ", ".join(shown[:limit]) + more
