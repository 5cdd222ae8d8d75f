"""Pictures and words of a run, as strings and bytes; the io room writes them."""

from allocator.report.map import map_png
from allocator.report.summary import Material, figures, stamp

__all__ = ["Material", "figures", "map_png", "stamp"]
