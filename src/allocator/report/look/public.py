"""What may be said in public: no addresses, no handles, no counts that are too small; and references for feedback."""

from __future__ import annotations

import datetime as dt
import hashlib
import re
import unicodedata
from collections.abc import Iterable

_STREETS = (
    "st|street|ave|av|avenue|rd|road|blvd|boulevard|dr|drive|ln|lane|ct|court|pl|place|pkwy|parkway|hwy|highway|ter|"
    "terrace|cir|circle|sq|square|way|trail|alley|expressway|broadway|crescent|row|close|gardens"
)
_CALLES = "calle|avenida|avda|carrera|plaza|paseo|camino|bulevar|callejón|carretera|rue|straße|strasse|via|rua"
_ROOMS = "apt|apartment|apto|suite|ste|unit|room|floor|flat|house|bldg|building|piso|depto|departamento|casa"
_ADDRESSES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i)(?<!\w)\d+[a-z]{{0,2}}(?:\s+[\w'’-]+\.?){{0,4}}\s+(?:{_STREETS})(?!\w)",  # 120 N. State Street, 63rd St
        rf"(?i)(?<!\w)(?:{_CALLES}|c/|av)\.?\s[^.;:\n]{{0,40}}?\d",  # calle Ocho 120
        rf"(?i)(?<!\w)\d+[a-z]?,?\s+(?:{_CALLES})(?!\w)",  # 12 rue Cler
        r"(?i)\w{3,}(?:straße|strasse|str\.)\s*\d",
        rf"(?i)(?<!\w)(?:{_ROOMS})\.?\s*(?:no\.?|n\.?[º°]|#)?\s*\d",  # apt 4
        r"(?i)(?<!\w)(?:no\.|nr\.|n\.?[º°]|núm\.?)\s*\d",
        r"#\s*\d",
        r"(?<!\w)\d{1,6}\s+(?:[NSEW]|NE|NW|SE|SW|North|South|East|West)\.?\s+\w",  # 5100 S Ashland
        r"(?i)(?<!\w)(?:\d+|[x\d]+)\s+block(?!\w)",
        r"(?<![\d,.])\d{5,}(?![\d,])",  # postal codes, long house numbers
        r"-?\d{1,3}\.\d{3,}",  # coordinates
        r"(?:\d[\s().+/-]*){7,}",  # telephone numbers
    )
)
_HANDLE = re.compile(r"(?<!\w)[@＠]\s*\w|\w@\w")
_LINK = re.compile(r"(?i)https?:|www\.|(?<!\w)[\w-]+\.(?:com|org|net|gov|edu|info|io)(?!\w)")
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Of references: no I, L, O, U, which are taken for others (Crockford)."""


def plain_line(text: object) -> str:
    """Return text as one line without control characters and without marks that turn its direction."""
    kept = (" " if unicodedata.category(sign) in ("Cc", "Zl", "Zp") else sign for sign in str(text))
    return " ".join("".join(sign for sign in kept if unicodedata.category(sign) not in ("Cf", "Cs", "Co")).split())


def check_public_text(text: str) -> tuple[str, ...]:
    """Return what keeps a name from being shown in public; empty where nothing does.

    Parameters
    ----------
    text : str
        The name of a venue, an initiative, an area.

    Returns
    -------
    tuple of str
        "address", "handle" (or an e-mail address), "link". The tests are strict: a name such as "63rd Street Library"
        counts as an address.
    """
    line = unicodedata.normalize("NFKC", plain_line(text))
    faults = {
        "address": any(pattern.search(line) for pattern in _ADDRESSES),
        "handle": bool(_HANDLE.search(line)),
        "link": bool(_LINK.search(line)),
    }
    return tuple(name for name, found in faults.items() if found)


def public_text(text: object, default: str = "") -> str:
    """Return a name as one line if it may be shown, or else `default`."""
    line = plain_line(text)
    return line if line and not check_public_text(line) else default


def references_of(areas: Iterable[str], *, key: str, first_day: dt.date) -> dict[str, str]:
    """Return a reference for each area, such as "B-2017W52-7K3Q": week, and four signs of a hash of key and area."""
    year, week, _ = first_day.isocalendar()
    found, taken = dict[str, str](), set[str]()
    for area in areas:
        code, n = _code(f"{key}|{area}"), 0
        while code in taken:  # one in a million for each pair
            n += 1
            code = _code(f"{key}|{area}|{n}")
        taken.add(code)
        found[area] = f"B-{year}W{week:02}-{code}"
    return found


def _code(text: str) -> str:
    number = int.from_bytes(hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()[:8], "big")
    return "".join(_ALPHABET[(number >> 5 * place) % 32] for place in range(4))
