"""Letters of a printed sheet: fonts, widths, lines."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib

from allocator.errors import ConfigError
from allocator.report.look import said

WIDE, HIGH = 210.0, 279.0
"""Millimetres: as wide as A4 and as high as Letter, so that it prints on both without being scaled."""
MARGIN = 10.0
MM = 72 / 25.4

PLAIN, BOLD = "DejaVuSans", "DejaVuSans-Bold"
INK, QUIET, DEEP, ACCENT, AMBER, LINE = "#1b2733", "#4a5560", "#12395b", "#0b5c8f", "#ffc94a", "#d5dbe0"
FROM_RIGHT = re.compile("[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\U00010800-\U00010fff\U0001e800-\U0001efff]")


Untyped = Any
"""What is ReportLab's: it has no types."""


@dataclass(frozen=True)
class Letters:
    """How a line is written: size in points, font, colour."""

    size: float
    font: str = PLAIN
    colour: str = INK


@dataclass(frozen=True)
class Kit:
    """What is imported only when it is needed."""

    canvas: Untyped
    metrics: Untyped
    colour: Callable[[str], Untyped]
    in_order: Callable[[str], str]


def check_pdf() -> None:
    """Refuse where the library is missing.

    Raises
    ------
    ConfigError
        If it is not installed.
    """
    kit_of_fonts()


@functools.cache
def kit_of_fonts() -> Kit:
    """Return what draws PDF pages, its fonts registered."""
    try:
        from bidi import get_display
        from reportlab.lib.colors import HexColor
        from reportlab.pdfbase import pdfmetrics
        from reportlab.pdfbase.ttfonts import TTFont
        from reportlab.pdfgen import canvas
    except ImportError as error:
        raise ConfigError(
            f"PDF files need a library that is not installed ({error.name}): pip install 'allocator[pdf]', or print "
            "the pages of the folder briefings from a browser"
        ) from error
    fonts = Path(matplotlib.get_data_path()) / "fonts" / "ttf"
    for name in (PLAIN, BOLD):
        pdfmetrics.registerFont(TTFont(name, str(fonts / f"{name}.ttf"), shapable=False))
    return Kit(canvas, pdfmetrics, HexColor, get_display)


@functools.cache
def _glyphs(font: str) -> frozenset[str]:
    known = kit_of_fonts().metrics.getFont(font).face.charToGlyph
    # Beyond U+FFFF ReportLab 5.1 writes a character map that breaks the text of the whole page for those who copy it.
    return frozenset(chr(code) for code in known if code <= 0xFFFF)


def fit(text: str, font: str) -> str:
    """Return text that the font can draw: a character that it lacks is told by its number, "[U+1F9D1]"."""
    known = _glyphs(font)
    plain = said(text)
    return plain if known.issuperset(plain) else "".join(c if c in known else f"[U+{ord(c):04X}]" for c in plain)


@functools.lru_cache(maxsize=50_000)
def _width(word: str, font: str) -> float:
    """Return the width of a word in ems; the reasons of a week share a few hundred words."""
    return float(kit_of_fonts().metrics.stringWidth(word, font, 1.0))


def wrapped(text: str, font: str, size: float, width: float) -> list[str]:
    """Return the lines of a text; a word longer than a line is broken.

    Parameters
    ----------
    text, font : str
        The text, and one of the fonts.
    size : float
        Points.
    width : float
        Millimetres.
    """
    if not text.strip():
        return []
    most, space = width * MM / size, _width(" ", font)
    lines, line, used = [], "", 0.0
    for word in _words(fit(text, font), font, most):
        wide = _width(word, font)
        if line and used + space + wide > most:
            lines.append(line)
            line, used = word, wide
        else:
            line, used = (f"{line} {word}", used + space + wide) if line else (word, wide)
    return [*lines, line] if line else lines


def _words(text: str, font: str, most: float) -> Iterator[str]:
    for word in text.split():
        if _width(word, font) <= most:
            yield word
            continue
        part, used = "", 0.0
        for c in word:
            wide = _width(c, font)
            if part and used + wide > most:
                yield part
                part, used = "", 0.0
            part, used = part + c, used + wide
        yield part
