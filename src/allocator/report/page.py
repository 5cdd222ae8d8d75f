"""Self-contained HTML pages: text, tables and pictures that open from disk with no network."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import jinja2
import pandas as pd

_PAGES = jinja2.Environment(
    loader=jinja2.PackageLoader("allocator.report"), autoescape=True, undefined=jinja2.StrictUndefined,
    trim_blocks=True, lstrip_blocks=True,
)  # fmt: skip


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
        return self.formats.get(name, "{}").format(value), number


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
    return render("page.html", title=title, notes=notes, parts=parts)


def render(template: str, **values: object) -> str:
    """Return a template of the report room with its values; all text is escaped."""
    return _PAGES.get_template(template).render(**values)
