"""Run folders and folders of results: whole or not at all."""

from allocator.io.folders.disk import Input, check_temporary, files_in, is_output_failure, plain, sha256
from allocator.io.folders.files import (
    check_output, check_writable, finish_products, replace_files, whole_folder, write_files,
)  # fmt: skip
from allocator.io.folders.ours import PRODUCT_HASHES, read_hashes
from allocator.io.folders.results import write_results
from allocator.io.folders.runs import load_run, read_items, write_run

__all__ = [
    "PRODUCT_HASHES", "Input", "check_output", "check_temporary", "check_writable", "files_in", "finish_products",
    "is_output_failure", "load_run", "plain", "read_hashes", "read_items", "replace_files", "sha256", "whole_folder",
    "write_files", "write_results", "write_run",
]  # fmt: skip
