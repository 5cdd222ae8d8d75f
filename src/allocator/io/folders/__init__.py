"""Run folders and folders of results: whole or not at all."""

from allocator.io.folders.files import (
    check_output, check_writable, is_output_failure, replace_files, sha256, whole_folder, write_files,
)  # fmt: skip
from allocator.io.folders.results import write_results
from allocator.io.folders.runs import load_run, read_hashes, read_items, write_run

__all__ = [
    "check_output", "check_writable", "is_output_failure", "load_run", "read_hashes", "read_items", "replace_files",
    "sha256", "whole_folder", "write_files", "write_results", "write_run",
]  # fmt: skip
