"""Names and notes that people wrote, made fit to stand in a sentence or a picture."""

from __future__ import annotations

import re

_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")
_DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def printable(text: str) -> str:
    """Return text with a sign for the control characters and half characters that no page can hold."""
    return _CONTROL.sub("\ufffd", text)


def said(text: str, most: int | None = None) -> str:
    """Return text that can stand in a sentence.

    Marks of direction are invisible and turn what follows them: they are left out, and so the sentence around a name
    stays in order. What is left of an empty name is a dash.

    Parameters
    ----------
    text : str
        A name, a note.
    most : int, optional
        Most characters; more are cut with an ellipsis.
    """
    plain = _DIRECTION.sub("", printable(text)).strip() or "–"
    return plain if most is None or len(plain) <= most else plain[: most - 1] + "…"
