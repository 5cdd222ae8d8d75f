"""Tables as text for other programs."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

import pandas as pd

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_LOOKED_AT = 64
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%")


def xml_text(value: object) -> str:
    """Return a value as text that XML can hold: control characters and half characters become a sign."""
    return _NOT_XML.sub("\ufffd", str(value))


def csv_text(frame: pd.DataFrame) -> str:
    """Return a table as CSV; no text in it can be taken for a formula by a spreadsheet.

    Text that begins like a formula gets an apostrophe before it, which spreadsheets do not show.
    """
    safe = pd.DataFrame({_harmless(name): [_harmless(value) for value in column] for name, column in frame.items()})
    text: str = safe.to_csv(index=False, lineterminator="\n")
    return text


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _risky(value) else value


def _risky(text: str) -> bool:
    """Return whether text begins like a formula; apostrophes before it are guarded too, so that they come back."""
    plain = unicodedata.normalize("NFKC", text[:_LOOKED_AT])  # spreadsheets take full-width signs for the plain ones
    return "".join(sign for sign in plain if unicodedata.category(sign) != "Cf").lstrip(" '").startswith(_FORMULA)


def unguarded(text: str) -> str:
    """Return text of a table that `csv_text` wrote, without the apostrophe that kept it from being a formula."""
    return text[1:] if text.startswith("'") and _risky(text[1:]) else text
