"""Self-contained HTML pages: text, tables and pictures that open from disk with no network."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jinja2
import pandas as pd
from markupsafe import Markup

_TEMPLATES = jinja2.PackageLoader("allocator.report.look")
_PAGES = jinja2.Environment(
    loader=_TEMPLATES, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
)

_PAGES.policies["json.dumps_kwargs"] = {"allow_nan": False}  # not sorted: BokehJS reads references in their order


@dataclass(frozen=True)
class Text:
    """A paragraph."""

    text: str
    kind: str = "text"


@dataclass(frozen=True, eq=False)
class Table:
    """A table with a caption; numbers are shown with the format of their column, "{:,.3f}" for instance."""

    frame: pd.DataFrame
    caption: str
    formats: Mapping[str, str] = field(default_factory=dict)
    kind: str = "table"

    @property
    def head(self) -> list[str]:
        """The column names."""
        return [str(name) for name in self.frame.columns]

    @property
    def rows(self) -> list[list[tuple[str, bool]]]:
        """Cells as text, and whether each is a number."""
        return [
            [self._cell(name, value) for name, value in zip(self.frame.columns, row, strict=True)]
            for row in self.frame.itertuples(index=False)
        ]

    def _cell(self, name: str, value: object) -> tuple[str, bool]:
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if pd.isna(value):
            return "–", number
        # Words may stand among numbers, such as "without end" for a wait.
        return (str(value) if isinstance(value, str) else self.formats.get(name, "{}").format(value)), number


@dataclass(frozen=True)
class Picture:
    """A PNG picture; `alt` says in words what it shows."""

    png: bytes
    alt: str
    caption: str = ""
    kind: str = "picture"

    @property
    def source(self) -> str:
        """The picture as a data address."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


@dataclass(frozen=True)
class Part:
    """A headed part of a page."""

    title: str
    blocks: Sequence[Text | Table | Picture]


def page(title: str, *, notes: Sequence[str], parts: Sequence[Part]) -> str:
    """Return a page as HTML; all text is escaped."""
    return render("page.html", scripts=[script("tables.js")], title=title, notes=notes, parts=parts)


def script(name: str) -> str:
    """Return a script of the templates."""
    return _TEMPLATES.get_source(_PAGES, name)[0]


def render(template: str, *, scripts: Sequence[str] = (), **values: object) -> str:
    """Return a template of the report room with its values; all text is escaped.

    The page may run the given scripts and no others, and may load nothing: its Content-Security-Policy names their
    hashes.

    Raises
    ------
    ValueError
        If a script would end its element before its own end.
    """
    for one in scripts:
        if "</script" in one.lower() or "<!--" in one:
            raise ValueError("a script of a page holds </script or <!--, which HTML reads as its end")
    return _PAGES.get_template(template).render(
        policy=Markup(_policy(scripts)), scripts=[Markup(script) for script in scripts], **values
    )


def _policy(scripts: Sequence[str]) -> str:
    """Return the Content-Security-Policy: nothing from anywhere, but styles and pictures of the page itself."""
    hashes = [
        f"'sha256-{base64.b64encode(hashlib.sha256(script.encode('utf-8')).digest()).decode('ascii')}'"
        for script in scripts
    ]
    parts = ["default-src 'none'", "img-src data:", "style-src 'unsafe-inline'"]
    parts += [f"script-src {' '.join(hashes)}"] if hashes else []
    return "; ".join([*parts, "base-uri 'none'", "form-action 'none'"])


Blocks = list[Text | Table | Picture]
