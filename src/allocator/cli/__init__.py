"""The command line: each command parses, calls one public function and prints what it returns.

Engines are imported inside commands, so that `--help` answers at once.
"""

from allocator.cli import machine, outreach, plans, studies
from allocator.cli.app import app, main

__all__ = ["app", "machine", "main", "outreach", "plans", "studies"]
