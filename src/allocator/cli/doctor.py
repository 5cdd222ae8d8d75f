"""What is installed here, and whether it works together."""

from __future__ import annotations

import importlib.util
import os
from typing import Any

from allocator.pipeline import ENGINES, versions


def examine() -> dict[str, Any]:
    """Return `versions`, `cores`, `memory_gb` and `problems` in plain words."""
    problems = []
    if importlib.util.find_spec("highspy") is not None:
        problems.append(
            "highspy is installed: it cannot be imported in one process with ortools (symbol clash); "
            "remove it with: pip uninstall highspy"
        )
    for name in ENGINES:
        try:
            __import__(name)
        except Exception as error:
            problems.append(f"{name} cannot be imported: {error}")
    if not os.access(_cache_home(), os.W_OK):
        problems.append(
            "the package folder is not writable: kernels are compiled anew in each process (set NUMBA_CACHE_DIR)"
        )
    return {
        "versions": versions(),
        "cores": os.cpu_count() or 1,
        "memory_gb": _memory_gb(),
        "problems": problems,
    }


def _cache_home() -> str:
    from allocator import kernels

    return os.environ.get("NUMBA_CACHE_DIR") or next(iter(kernels.__path__))


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9, 1)
    except (AttributeError, ValueError, OSError):
        return None
