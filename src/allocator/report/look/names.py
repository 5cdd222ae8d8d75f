"""File names made of names that people gave."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable

_LONGEST = 48
_RESERVED = re.compile(r"con|prn|aux|nul|com\d|lpt\d")  # names that Windows keeps for devices


def file_names(names: Iterable[str]) -> dict[str, str]:
    """Return a file name for each name: plain ASCII, safe on every system and in addresses of pages, no two alike.

    A name keeps its file from plan to plan, whatever the others are, but where two differ by case or signs alone.
    Names that do not fit into ASCII letters, digits and hyphens get a hash.
    """
    distinct = list(dict.fromkeys(names))
    slugs = {name: _slug(name) for name in distinct}
    shared = Counter(slugs.values())
    return {name: _hashed(name, slug) if shared[slug] > 1 else slug for name, slug in slugs.items()}


def _slug(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii").lower()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    lost = len(slug) > _LONGEST or not slug or not name.isascii() or bool(_RESERVED.fullmatch(slug))
    return _hashed(name, slug) if lost else slug


def _hashed(name: str, slug: str) -> str:
    code = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return "-".join(part for part in (slug[:_LONGEST].strip("-"), code) if part)
