"""The picture of a bulletin, for a phone: PNG and SVG with equal bytes for equal facts."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from html import escape
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from allocator.domain import Ints
from allocator.report.bulletins.drafts import Compared, Draft, PublicEvent
from allocator.report.bulletins.language import Language
from allocator.report.look import drawable, font_face

PALETTE = {
    "ink": "#1B2733", "paper": "#FFFFFF", "band": "#12395B", "on_band": "#FFFFFF", "draft": "#FFC94A",
    "on_draft": "#2A1E00", "muted": "#4A5560", "recent": "#0B6BA8", "before": "#6B7780", "panel": "#EEF3F7",
    "on_panel": "#1B2733", "accent": "#0B5C8F",
}  # fmt: skip
PAIRS = (
    ("ink", "paper"), ("muted", "paper"), ("accent", "paper"), ("on_band", "band"), ("on_draft", "draft"),
    ("on_panel", "panel"), ("muted", "panel"), ("accent", "panel"), ("recent", "paper"), ("before", "paper"),
)  # fmt: skip
"""Which text (or bar) stands on which background: each pair has the contrast of WCAG AA."""

WIDTH, HEIGHT, _DPI = 1080, 1350, 120
_LEFT, _RIGHT = 64, WIDTH - 64
_SETTINGS: Any = {
    "svg.hashsalt": "allocator", "svg.fonttype": "path", "text.parse_math": False, "font.family": "DejaVu Sans",
    "text.hinting": "none",
}  # fmt: skip


@dataclass(frozen=True)
class Infographic:
    """A picture as PNG and as SVG, and what it shows in words."""

    png: bytes
    svg: bytes
    alt: str


def infographic(draft: Draft, language: Language, *, day: str, contact: str, compared: Compared) -> Infographic:
    """Return the picture of a draft."""
    with mpl.rc_context(_SETTINGS):
        figure = Figure(figsize=(WIDTH / _DPI, HEIGHT / _DPI), dpi=_DPI, facecolor=PALETTE["paper"])
        sheet = _Sheet(figure)
        _head(sheet, draft, language, day)
        said = _counts(sheet, draft, language, compared) + _tips(sheet, draft, language)
        said += _events(sheet, draft, language)
        _foot(sheet, draft, language, contact)
        title = language.say("Safety bulletin: {area}", area=draft.title(language))
        ends = language.say("DRAFT — for approval"), language.say("Reference {reference}.", reference=draft.reference)
        alt = " ".join([f"{title}.", f"{ends[0]}.", f"{day}.", *said, ends[1]])
        return Infographic(_png(figure, title, alt), _svg(figure, title, alt, language.code), alt)


def _png(figure: Figure, title: str, alt: str) -> bytes:
    canvas: Any = FigureCanvasAgg(figure)
    canvas.draw()
    # Few colours: a palette makes the file a third as large.
    picture = Image.fromarray(np.asarray(canvas.buffer_rgba())).convert("RGB").quantize(64, Image.Quantize.FASTOCTREE)
    picture.putpalette(_exact(np.array(picture.getpalette()).reshape(-1, 3)))
    words = PngInfo()
    words.add_itxt("Title", title)
    words.add_itxt("Description", alt)
    content = io.BytesIO()
    picture.save(content, format="png", pnginfo=words, dpi=(_DPI, _DPI))
    return content.getvalue()


def _exact(found: Ints) -> bytes:
    """Return the colours found in a picture, those beside one of our own (254 for 255) as that."""
    own = np.array([[int(colour[at : at + 2], 16) for at in (1, 3, 5)] for colour in PALETTE.values()])
    away = np.abs(found[:, None] - own[None]).max(axis=2)
    exact = np.where((away.min(axis=1) <= 3)[:, None], own[away.argmin(axis=1)], found)
    return bytes(exact.astype(np.uint8).ravel().tolist())


def _svg(figure: Figure, title: str, alt: str, code: str) -> bytes:
    """Return the picture with what a screen reader says of it."""
    content = io.BytesIO()
    canvas: Any = FigureCanvasSVG(figure)
    canvas.print_svg(content, metadata={"Date": None, "Creator": None})
    start, mark, rest = content.getvalue().decode("utf-8").partition("<svg ")
    head, _, body = rest.partition(">")
    attributes = f'{mark}role="img" lang="{escape(code)}" aria-labelledby="t d" {head}>'
    words = f'<title id="t">{escape(title)}</title><desc id="d">{escape(alt)}</desc>'
    return (start + attributes + words + body).encode("utf-8")


_MOST_BARS, _MOST_TIPS = 3, 3
_FOOT, _LINE = HEIGHT - 162, 1.32


@dataclass
class _Sheet:
    """A figure measured in pixels from its upper left corner, and how far it is filled."""

    figure: Figure
    y: float = 0.0

    def box(self, x: float, y: float, width: float, height: float, colour: str) -> None:
        at = x / WIDTH, 1 - (y + height) / HEIGHT
        patch = Rectangle(at, width / WIDTH, height / HEIGHT, color=PALETTE[colour], lw=0)
        patch.set_transform(self.figure.transFigure)
        self.figure.add_artist(patch)

    def text(self, x: float, y: float, text: str, size: float, colour: str, *, bold: bool = False) -> None:
        """Write a line whose foot stands at `y`; `size` in pixels."""
        weight = "bold" if bold else "normal"
        self.figure.text(
            x / WIDTH, 1 - y / HEIGHT, drawable(text), size=size * 72 / _DPI, color=PALETTE[colour], weight=weight,
            va="baseline",
        )  # fmt: skip

    def lines(self, x: float, text: str, size: float, colour: str, *, most: int, bold: bool = False) -> None:
        """Write wrapped lines below what is there, at most `most`."""
        for line in wrap(text, size, _RIGHT - x, most=most, bold=bold):
            self.y += size * _LINE
            self.text(x, self.y, line, size, colour, bold=bold)


def _head(sheet: _Sheet, draft: Draft, language: Language, day: str) -> None:
    sheet.box(0, 0, WIDTH, 64, "draft")
    sheet.text(_LEFT, 43, language.say("DRAFT — for approval"), 30, "on_draft", bold=True)
    name = wrap(draft.title(language), 62, _RIGHT - _LEFT, most=2, bold=True)
    height = 126 + 70 * len(name)
    sheet.box(0, 64, WIDTH, height, "band")
    sheet.text(_LEFT, 64 + 58, language.say("Safety bulletin"), 32, "on_band")
    for row, line in enumerate(name):
        sheet.text(_LEFT, 64 + 130 + 70 * row, line, 62, "on_band", bold=True)
    sheet.text(_LEFT, 64 + height - 26, day, 28, "on_band")
    sheet.y = 64 + height


def _title(sheet: _Sheet, text: str) -> None:
    sheet.y += 52
    sheet.text(_LEFT, sheet.y, text, 34, "accent", bold=True)
    sheet.y += 10


def _counts(sheet: _Sheet, draft: Draft, language: Language, compared: Compared) -> list[str]:
    _title(sheet, _span(draft, language))
    if not draft.trends:
        text = language.say("Too few reports to show.")
        sheet.lines(_LEFT, text, 28, "ink", most=2)
        return [text]
    _legend(sheet, language, compared)
    shown = draft.trends[:_MOST_BARS]
    most = max(max(trend.recent, trend.before) for trend in shown)
    for trend in shown:
        sheet.y += 44
        name = language.kind(trend.kind) or language.say("Other offenses")
        name = wrap(name, 30, _RIGHT - _LEFT, most=1, bold=True)[0]
        sheet.text(_LEFT, sheet.y, name, 30, "ink", bold=True)
        change = trend.short_change(language)
        at = _RIGHT - _width(change, 24, bold=False)
        if at < _LEFT + _width(name, 30, bold=True) + 24:  # no room beside the name
            at = _LEFT
            sheet.y += 30
        sheet.text(at, sheet.y, change, 24, "muted")
        sheet.y += 13
        for value, colour in ((trend.recent, "recent"), (trend.before, "before")):
            length = (_RIGHT - _LEFT - 140) * value / most
            sheet.box(_LEFT, sheet.y, length, 25, colour)
            sheet.text(_LEFT + length + 12, sheet.y + 22, f"{value:,}", 26, colour, bold=colour == "recent")
            sheet.y += 29
    return [text for trend in shown for text in (trend.sentence(language, compared), trend.change(language))]


def _legend(sheet: _Sheet, language: Language, compared: Compared) -> None:
    later = language.say("the same time a year earlier") if compared == "year" else language.say("the time before")
    sheet.y += 34
    at = float(_LEFT)
    for text, colour in ((language.say("now"), "recent"), (later, "before")):
        sheet.box(at, sheet.y - 20, 22, 22, colour)
        sheet.text(at + 34, sheet.y, text, 24, "ink")
        at += 78 + _width(text, 24, bold=False)


def _span(draft: Draft, language: Language) -> str:
    if draft.days <= 0:
        return language.say("Reported")
    if draft.days % 7 == 0:
        return language.count("Reported in the last week", "Reported in the last {n} weeks", draft.days // 7)
    return language.count("Reported in the last day", "Reported in the last {n} days", draft.days)


def _tips(sheet: _Sheet, draft: Draft, language: Language) -> list[str]:
    _title(sheet, language.say("What helps"))
    said = list[str]()
    for tip in draft.tips(language, _MOST_TIPS):
        rows = len(wrap(tip, 27, _RIGHT - _LEFT - 32, most=2))
        if sheet.y + 8 + rows * _LINE * 27 > _FOOT - 150:  # an event has room below
            break
        sheet.y += 8
        sheet.box(_LEFT, sheet.y + 19, 12, 12, "accent")
        sheet.lines(_LEFT + 32, tip, 27, "ink", most=2)
        said.append(tip)
    return said


def _events(sheet: _Sheet, draft: Draft, language: Language) -> list[str]:
    _title(sheet, language.say("Coming up"))
    if not draft.events:
        text = language.say("No event is planned in this area at present.")
        sheet.lines(_LEFT, text, 27, "ink", most=2)
        return [text]
    room = max(1, int((_FOOT - 10 - sheet.y) // 73))
    for event in draft.events[:room]:
        sheet.y += 4
        sheet.lines(_LEFT, _title_of(event, language), 27, "ink", most=1, bold=True)
        sheet.lines(_LEFT, event.spot(language), 25, "muted", most=1)
    return [event.line(language) for event in draft.events[:room]]


def _title_of(event: PublicEvent, language: Language) -> str:
    text = f"{event.day(language)}: {event.name(language)}"
    return text[:1].upper() + text[1:]


def _foot(sheet: _Sheet, draft: Draft, language: Language, contact: str) -> None:
    sheet.box(0, _FOOT, WIDTH, HEIGHT - _FOOT, "panel")
    sheet.y = _FOOT + 4
    sheet.lines(
        _LEFT, language.say("Reference {reference}.", reference=draft.reference), 27, "on_panel", most=1, bold=True
    )
    if contact:
        sheet.lines(_LEFT, language.say("Feedback: {contact}.", contact=contact), 25, "on_panel", most=1)
    sheet.y += 4
    sheet.lines(_LEFT, language.say(PLACES), 21, "muted", most=2)


PLACES = (
    "This bulletin is about places and times, never about persons; reported counts can rise because more is reported."
)


def wrap(text: str, size: float, width: float, *, most: int, bold: bool = False) -> list[str]:
    """Return the text in lines no wider than `width` pixels, at most `most`; an ellipsis marks what is left out.

    A word that is wider than a line is broken: it would run out of the picture.
    """
    lines, words = [""], _words(drawable(text), size, width, bold=bold)
    for number, word in enumerate(words):
        longer = f"{lines[-1]} {word}".strip()
        if _width(longer, size, bold=bold) <= width:
            lines[-1] = longer
        elif len(lines) < most:
            lines.append(word)
        else:
            lines[-1] = _cut(lines[-1], size, width, bold=bold)
            break
        if number > 400:
            break
    return lines


def _words(text: str, size: float, width: float, *, bold: bool) -> list[str]:
    words = list[str]()
    for word in text.split()[:400]:
        rest = word[:400]
        while _width(rest, size, bold=bold) > width:
            n = max(1, next(n for n in range(len(rest), 0, -1) if n == 1 or _width(rest[:n], size, bold=bold) <= width))
            words.append(rest[:n])
            rest = rest[n:]
        words.append(rest)
    return words


def _cut(line: str, size: float, width: float, *, bold: bool) -> str:
    while line and _width(f"{line} …", size, bold=bold) > width:
        line = line.rpartition(" ")[0] if " " in line else line[:-2]
    return f"{line} …".strip()


@functools.lru_cache(maxsize=4096)
def _advance(one: str, bold: bool) -> float:
    """Return the width of a sign, in thousandths of the size of the letters."""
    font, _ = font_face(bold=bold)
    font.set_size(1000, 72)
    return float(font.load_char(ord(one)).linearHoriAdvance) / 65536


def _width(text: str, size: float, *, bold: bool) -> float:
    return sum(_advance(letter, bold) for letter in text) * size / 1000
