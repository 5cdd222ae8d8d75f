"""Run folders may come from strangers: every file, array, table and value is checked before anything is made of it."""

from allocator.io.folders.checks.contents import check_listed, arrays_of, table_of
from allocator.io.folders.checks.records import check_records, records_of
from allocator.io.folders.checks.whole import check_run

__all__ = ["arrays_of", "check_listed", "check_records", "check_run", "records_of", "table_of"]
