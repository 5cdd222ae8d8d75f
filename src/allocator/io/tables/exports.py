"""Tables as text for other programs."""

from __future__ import annotations

import re
from typing import Any

import pandas as pd

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")
_UNSEEN = " '\"\u00a0\u00ad\u200b\u200c\u200d\u200e\u200f\u2060\u3000\ufeff"
"""Signs that nobody sees, or that spreadsheets skip, before a formula."""

_INSIDE = re.compile(rf"([;\t|])(?=[{_UNSEEN}]*[=+\-@＝＋－＠])")
_GUARDED = re.compile(rf"([;\t|])'(?=[{_UNSEEN}]*[=+\-@＝＋－＠])")
"""What begins like a formula after a sign that other spreadsheets take for the end of a cell, and the same guarded."""


def xml_text(value: object) -> str:
    """Return a value as text that XML can hold: control characters and half characters become a sign."""
    return _NOT_XML.sub("\ufffd", str(value))


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV; no text in it can be taken for a formula by a spreadsheet.

    Text that begins like a formula, be it after a sign that ends a cell elsewhere (`;`), gets an apostrophe before it,
    which spreadsheets do not show.
    """
    safe = pd.DataFrame({_harmless(name): [_harmless(value) for value in column] for name, column in frame.items()})
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text


def _harmless(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = _INSIDE.sub(r"\1'", value)
    return f"'{text}" if _risky(value) else text


def _risky(text: str) -> bool:
    """Return whether text begins like a formula; apostrophes before it are guarded too, so that they come back."""
    return text.lstrip(_UNSEEN).startswith(_FORMULA)


def unguarded(text: str) -> str:
    """Return text of a table that `csv_text` wrote, without the apostrophe that kept it from being a formula."""
    own = text[1:] if text.startswith("'") and _risky(text[1:]) else text
    return _GUARDED.sub(r"\1", own)
