"""Chromium without a network, for tests of pages; tests that need it are skipped with a reason where it is missing."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
)
# Without the flags about the background Chromium asks for updates and lists, which the network here refuses.
_FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--no-first-run", "--disable-quic",
)  # fmt: skip
_CONTROLS = {
    "button", "checkbox", "combobox", "link", "radio", "searchbox", "slider", "spinbutton", "switch", "textbox",
}  # fmt: skip


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    """Give a browser, or skip the test."""
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("no Chromium here: install the package chromium to run the tests of pages")
    with api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=list(_FLAGS))
        yield browser
        browser.close()


@dataclass
class Visit:
    """A page opened from disk, what it asked for and what it complained of."""

    page: Any
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def check(self) -> None:
        """Nothing was asked for but the page itself, and nothing went wrong."""
        assert len(self.requests) == 1, self.requests
        assert self.complaints == []

    def controls(self) -> list[tuple[str, str]]:
        """Return role and name of every control that a screen reader meets."""
        nodes = self.page.context.new_cdp_session(self.page).send("Accessibility.getFullAXTree")["nodes"]
        shown = [node for node in nodes if not node.get("ignored")]
        pairs = [(node["role"]["value"], node.get("name", {}).get("value", "")) for node in shown if "role" in node]
        return [(role, name) for role, name in pairs if role in _CONTROLS]

    def overflow(self) -> int:
        """Return by how many pixels the page is wider than its window."""
        return self.page.evaluate("document.scrollingElement.scrollWidth - window.innerWidth")


def visit(browser: Any, path: Path, *, width: int = 1280, height: int = 900, **settings: Any) -> Visit:
    """Open a file with the network off."""
    context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **settings)
    page = context.new_page()
    found = Visit(page)
    page.on("request", lambda request: found.requests.append(request.url))
    page.on("pageerror", lambda error: found.complaints.append(str(error)))
    page.on("console", lambda told: found.complaints.append(told.text) if told.type in ("error", "warning") else None)
    page.on("dialog", lambda dialog: (found.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(path.absolute().as_uri())
    return found
