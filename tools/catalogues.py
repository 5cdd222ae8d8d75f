"""Compile the gettext catalogues: `make catalogues`, after a change of a .po file. Needs nothing but Python."""

from __future__ import annotations

import ast
import re
import struct
from pathlib import Path

LOCALE = Path(__file__).parents[1] / "src" / "allocator" / "report" / "bulletins" / "locale"


def read_po(text: str) -> dict[str, str]:
    """Return the translations of a .po file; plural forms are joined by NUL, as gettext keeps them."""
    found: dict[str, str] = {}
    for block in re.split(r"\n\s*\n", text):
        parts: dict[str, str] = {}
        for line in block.splitlines():
            if not (line := line.strip()) or line.startswith("#"):
                continue
            key, _, rest = line.partition(" ") if not line.startswith('"') else (next(reversed(parts)), "", line)
            parts[key] = parts.get(key, "") + ast.literal_eval(rest)
        if "msgid" in parts:
            forms = [parts[key] for key in sorted(parts) if key.startswith("msgstr")]
            source = "\0".join(parts[key] for key in ("msgid", "msgid_plural") if key in parts)
            if source in found:
                raise ValueError(f"{source!r} is translated twice")
            if all(forms):
                found[source] = "\0".join(forms)
    return found


def compiled(texts: dict[str, str]) -> bytes:
    """Return the .mo file of translations."""
    pairs = sorted((key.encode(), value.encode()) for key, value in texts.items())
    n = len(pairs)
    tables = [[], []]
    at, content = 28 + 16 * n, b""
    for column in (0, 1):
        for pair in pairs:
            tables[column].append(struct.pack("<II", len(pair[column]), at + len(content)))
            content += pair[column] + b"\0"
    head = struct.pack("<7I", 0x950412DE, 0, n, 28, 28 + 8 * n, 0, 0)
    return head + b"".join(tables[0]) + b"".join(tables[1]) + content


if __name__ == "__main__":
    for path in sorted(LOCALE.glob("*/LC_MESSAGES/*.po")):
        path.with_suffix(".mo").write_bytes(compiled(read_po(path.read_text("utf-8"))))
