"""A real Chromium, and a page that is watched: an error in its console or a request to elsewhere fails the test.

Not here: what is served to it. `EVENSPLIT_CHROMIUM` names another program than the first one found on the path.
"""

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, Request, sync_playwright

# In containers there is neither a sandbox nor a graphics card; the rest would call other hosts.
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
OURS = {"127.0.0.1", "localhost", "", None}
AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"


def program() -> str | None:
    """Where Chromium is, if it is."""
    named = os.environ.get("EVENSPLIT_CHROMIUM")
    return named or next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.fixture(scope="session")
def playwright() -> Iterator[Playwright]:
    with sync_playwright() as running:
        yield running


@pytest.fixture(scope="session")
def chromium(playwright: Playwright) -> Iterator[Browser]:
    path = program()
    if path is None:
        pytest.skip("there is no Chromium here")
    # pages that are left must be able to come back as they were
    browser = playwright.chromium.launch(
        executable_path=path, args=FLAGS, ignore_default_args=["--disable-back-forward-cache"]
    )
    yield browser
    browser.close()


class Watched:
    """A browser profile of its own, and what went wrong in its pages. `tolerated` are patterns of expected errors."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.faults: list[str] = []
        self.tolerated: list[str] = []
        context.on("console", self._console)
        context.on("weberror", lambda error: self.faults.append(f"exception: {error.error}"))
        context.on("request", self._request)

    def page(self) -> Page:
        return self.context.new_page()

    def tolerate(self, pattern: str) -> None:
        """Errors with this text are what the test is about."""
        self.tolerated.append(pattern)

    def check(self) -> None:
        unexpected = [fault for fault in self.faults if not any(re.search(text, fault) for text in self.tolerated)]
        assert not unexpected, "\n".join(unexpected)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in OURS:
            self.faults.append(f"request to {request.url}")


@contextmanager
def watched(chromium: Browser, **options: Any) -> Iterator[Watched]:
    """A new profile with Playwright's `options` (`viewport`, `color_scheme`, ...), checked at the end."""
    context = chromium.new_context(**{"user_agent": AGENT, **options})
    context.set_default_timeout(15_000)
    found = Watched(context)
    try:
        yield found
        found.check()
    finally:
        context.close()
