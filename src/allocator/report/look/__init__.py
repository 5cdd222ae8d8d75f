"""The one look of every page, picture and sheet."""

from allocator.report.look.fonts import drawable, font_face, label
from allocator.report.look.names import file_names
from allocator.report.look.page import Blocks, Part, Picture, Table, Text, page, render, script
from allocator.report.look.palette import BORDER, OUTREACH, RISK, SERIES, VISIT, risk_names
from allocator.report.look.pictures import (
    MOST_PANELS, Series, against_png, calibration_png, curve_png, hotspots_png, hours_png, need_png, panels_of, png_of,
    series_png,
)  # fmt: skip
from allocator.report.look.public import public_text, references_of
from allocator.report.look.stamp import ONE_DAY, harm_word, mark, stamp
from allocator.report.look.words import printable, said

__all__ = [
    "BORDER", "MOST_PANELS", "ONE_DAY", "OUTREACH", "RISK", "SERIES", "VISIT", "Blocks", "Part", "Picture", "Series",
    "Table", "Text", "against_png", "calibration_png", "curve_png", "drawable", "file_names", "font_face", "harm_word",
    "hotspots_png", "hours_png", "label", "mark", "need_png", "page", "panels_of", "png_of", "printable", "public_text",
    "references_of", "render", "risk_names", "said", "script", "series_png", "stamp",
]  # fmt: skip
