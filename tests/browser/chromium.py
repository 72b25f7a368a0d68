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
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    WebError,
    sync_playwright,
)

from tests.browser.signing_in import sign_in

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
    """Pages of a browser profile, and what went wrong in them. `tolerated` are patterns of expected errors."""

    def __init__(self, context: BrowserContext, opener: Page | None = None) -> None:
        self.context = context
        self.opener = opener
        self.faults: list[str] = []
        self.tolerated: list[str] = []
        context.on("console", self._console)
        context.on("weberror", self._exception)
        context.on("request", self._request)

    def page(self) -> Page:
        """A new one; that of an `opener` runs in the same process as it."""
        if self.opener is None:
            return self.context.new_page()
        with self.opener.expect_popup() as found:
            self.opener.evaluate("() => { window.open('about:blank') }")
        return found.value

    def tolerate(self, pattern: str) -> None:
        """Errors with this text are what the test is about."""
        self.tolerated.append(pattern)

    def check(self) -> None:
        unexpected = [fault for fault in self.faults if not any(re.search(text, fault) for text in self.tolerated)]
        assert not unexpected, "\n".join(unexpected)

    def end(self) -> None:
        """Watch no longer."""
        self.context.remove_listener("console", self._console)
        self.context.remove_listener("weberror", self._exception)
        self.context.remove_listener("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.faults.append(f"console: {message.text} ({message.location.get('url')})")

    def _exception(self, error: WebError) -> None:
        self.faults.append(f"exception: {error.error}")

    def _request(self, request: Request) -> None:
        if urlsplit(request.url).hostname not in OURS:
            self.faults.append(f"request to {request.url}")


@contextmanager
def profile(chromium: Browser, **options: Any) -> Iterator[BrowserContext]:
    """A new browser profile with Playwright's `options` (`viewport`, `color_scheme`, ...)."""
    context = chromium.new_context(**{"user_agent": AGENT, **options})
    context.set_default_timeout(15_000)
    try:
        yield context
    finally:
        context.close()


@contextmanager
def watched(chromium: Browser, **options: Any) -> Iterator[Watched]:
    """A profile of its own, checked at the end."""
    with profile(chromium, **options) as context:
        found = Watched(context)
        yield found
        found.check()


class Shared:
    """A profile that several tests use one after the other, signed in at a server. Its first page stays open and opens
    all others: a process of the browser that has the chart's script compiled need not do so for each page anew.
    """

    def __init__(self, context: BrowserContext, at: str) -> None:
        self.context = context
        self.at = at
        self._first = context.new_page()
        sign_in(self._first, at)
        self._first.goto(f"{at}/account")  # nothing comes in there by itself
        self.state = context.storage_state()

    @contextmanager
    def watched(self) -> Iterator[Watched]:
        """Its pages for one test, checked at the end; nothing that they stored is there for the next one."""
        found = Watched(self.context, self._first)
        try:
            yield found
            found.check()
        finally:
            found.end()
            self._restore()

    def _restore(self) -> None:
        for page in self.context.pages:
            if page is not self._first:
                page.close()
        self._first.evaluate("() => { localStorage.clear(); sessionStorage.clear() }")
        assert self.context.storage_state() == self.state, "a test that changes its cookies has a profile of its own"


@contextmanager
def shared(chromium: Browser, at: str, **options: Any) -> Iterator[Shared]:
    """Signed in as the admin of the server whose pages are `at`."""
    with profile(chromium, **options) as context:
        yield Shared(context, at)
