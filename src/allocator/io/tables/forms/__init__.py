"""Forms of tables, told by content: delimited text, Parquet, workbooks, JSON, point layers."""

from allocator.io.tables.forms.content import (
    CSV_SUFFIXES, GIS_SUFFIXES, PARQUET_SUFFIXES, Form, form_of, local_file, opened,
)  # fmt: skip
from allocator.io.tables.forms.delimited import dialect_of, read_delimited, read_head
from allocator.io.tables.forms.documents import is_geojson, read_records
from allocator.io.tables.forms.layers import address_of, layer_of, layers_of, quiet, read_points
from allocator.io.tables.forms.table import GEOMETRY_X, GEOMETRY_Y, Probe, Table, explained
from allocator.io.tables.forms.workbook import read_sheet

__all__ = [
    "CSV_SUFFIXES", "GEOMETRY_X", "GEOMETRY_Y", "GIS_SUFFIXES", "PARQUET_SUFFIXES", "Form", "Probe", "Table",
    "address_of", "dialect_of", "explained", "form_of", "is_geojson", "layer_of", "layers_of", "local_file", "opened",
    "quiet", "read_delimited", "read_head", "read_points", "read_records", "read_sheet",
]  # fmt: skip
