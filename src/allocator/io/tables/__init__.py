"""Tables of any form: files, sheets, times, columns that look personal."""

from allocator.io.tables.exports import csv_text, xml_text
from allocator.io.tables.files import OpenTable, open_table, read_columns, read_header, refuse_repeated, require_columns
from allocator.io.tables.forms import (
    CSV_SUFFIXES, GEOMETRY_X, GEOMETRY_Y, GIS_SUFFIXES, PARQUET_SUFFIXES, Form, Table, address_of, explained, form_of,
    layers_of, local_file, opened, quiet,
)  # fmt: skip
from allocator.io.tables.personal import (
    is_role_mailbox, looks_personal, names_person, personal_columns, personal_faults,
)  # fmt: skip
from allocator.io.tables.sheet import Sheet, date_of, days_of, is_date, raise_faults, weekday_of
from allocator.io.tables.sources import (
    MOST_KINDS, WGS84, Piece, Source, check_map, known_crs, known_format, label, plain_name, read_piece, too_many_kinds,
)  # fmt: skip
from allocator.io.tables.values import as_numbers, as_text, without_codes
from allocator.io.tables.times import ParsedTimes, combine_date_and_clock, parse_times, to_utc

__all__ = [
    "CSV_SUFFIXES", "GEOMETRY_X", "GEOMETRY_Y", "GIS_SUFFIXES", "MOST_KINDS", "PARQUET_SUFFIXES", "WGS84", "Form",
    "OpenTable", "ParsedTimes", "Piece", "Sheet", "Source", "Table", "address_of", "as_numbers", "as_text", "check_map",
    "combine_date_and_clock", "csv_text", "date_of", "days_of", "explained", "form_of", "is_date", "is_role_mailbox",
    "known_crs", "known_format", "label", "layers_of", "local_file", "looks_personal", "names_person", "open_table",
    "opened", "parse_times", "personal_columns", "personal_faults", "plain_name", "quiet", "raise_faults",
    "read_columns", "read_header", "read_piece", "refuse_repeated", "require_columns", "to_utc", "too_many_kinds",
    "weekday_of", "without_codes", "xml_text",
]  # fmt: skip
