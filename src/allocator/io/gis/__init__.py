"""Map layers."""

from allocator.io.gis.cells import write_cells
from allocator.io.gis.layers import gis_files

__all__ = ["gis_files", "write_cells"]
