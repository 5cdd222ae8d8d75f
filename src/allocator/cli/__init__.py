"""The command line."""

from allocator.cli.old import main as main
