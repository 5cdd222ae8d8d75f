"""Pictures, pages and words of results, as strings and bytes; the io room writes them."""

from allocator.report.backtest import backtest_page
from allocator.report.map import map_png
from allocator.report.summary import Material, figures, stamp

__all__ = ["Material", "backtest_page", "figures", "map_png", "stamp"]
