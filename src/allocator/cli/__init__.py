"""The command line: each command parses, calls one public function and prints what it returns.

Engines are imported inside commands, so that `--help` answers at once.
"""

# The order of the commands in --help.
from allocator.cli import plans, studies, outreach, machine  # isort: skip
from allocator.cli.app import app, main

__all__ = ["app", "machine", "main", "outreach", "plans", "studies"]
