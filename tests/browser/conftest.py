"""Fixtures of every test in a browser. A file brings its own server as `server`, with `PASSWORD` for its admin."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.chromium import Shared, Watched, chromium, playwright, shared
from tests.browser.signing_in import url
from tests.system.server import Server

__all__ = ["chromium", "page", "playwright", "signed_in", "visitor"]


@pytest.fixture(scope="module")
def signed_in(server: Server, chromium: Browser) -> Iterator[Shared]:
    """The profile of the admin of the file's `server`, who signs in once. A test that is about signing in or out, or
    about anybody else, has one of its own.
    """
    with shared(chromium, url(server), viewport={"width": 1280, "height": 900}) as found:
        yield found


@pytest.fixture
def visitor(signed_in: Shared) -> Iterator[Watched]:
    """The admin of the file's `server`, during one test."""
    with signed_in.watched() as found:
        yield found


@pytest.fixture
def page(visitor: Watched) -> Page:
    """An empty page of the `visitor`."""
    return visitor.page()
