"""Fixtures of every test in a browser. A file brings its own server, mostly as `shop`."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import Watched, chromium, playwright, watched
from tests.browser.signing_in import sign_in, url
from tests.system.server import Server

__all__ = ["chromium", "page", "playwright", "visitor"]


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Watched]:
    with watched(chromium, viewport={"width": 1280, "height": 900}) as found:
        yield found


@pytest.fixture
def page(shop: Server, visitor: Watched) -> Page:
    """Signed in as the admin of the file's `shop`."""
    found = visitor.page()
    sign_in(found, url(shop))
    return found
