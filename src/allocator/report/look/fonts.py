"""What the font of the pictures can draw; DejaVu Sans comes with matplotlib."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.ft2font import FT2Font

_LONGEST = 120


@functools.cache
def font_face(*, bold: bool) -> tuple[FT2Font, Mapping[int, int]]:
    """Return the font and its map from code points to glyphs."""
    font = get_font(findfont(FontProperties(family="DejaVu Sans", weight="bold" if bold else "normal")))
    return font, font.get_charmap()


def drawable(text: str) -> str:
    """Return text with the signs alone that the font has: others would be drawn as empty boxes, with a warning."""
    known = font_face(bold=False)[1]
    return "".join(letter if ord(letter) in known else "□" for letter in text)


def label(text: str, longest: int = _LONGEST) -> str:
    """Return a name for a picture: drawable, in one line, cut where it is long, and no mathematics.

    Matplotlib reads what stands between dollar signs as mathematics; kinds such as "theft over $500" are none.
    """
    line = " ".join(text.split())
    cut = line if len(line) <= longest else f"{line[: longest - 1]}…"
    return drawable(cut).replace("$", r"\$")
