"""Somebody on a site that loads the browser script, and what the server keeps of that.

The server runs on 127.0.0.1, the site on localhost: to the browser these are two sites.
"""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import msgspec
from playwright.sync_api import Browser, Page

from tests.browser.chromium import Watched, watched
from tests.browser.site import Site, standing
from tests.system import record
from tests.system.server import WRITE_KEY, Server

LIMIT = 60.0  # seconds; a server that was killed has to start, and the script tries again ever more rarely
DRAINED = "() => Object.keys(localStorage).every((key) => !/^es[.](event|identify)[.]/.test(key))"


class Event(msgspec.Struct, frozen=True):
    id: int
    type: str
    user: str  # empty where there is none; so the session
    session: str
    properties: dict[str, Any]
    at: str


class Visitor:
    """A browser profile, a site of which it sees pages, and the events that came since it began."""

    def __init__(self, server: Server, site: Site, browser: Watched) -> None:
        self.server = server
        self.site = site
        self.browser = browser
        self.tab = browser.page()
        self._before = record.read(server.record, "SELECT coalesce(max(id), 0) FROM events")[0][0]

    def write(self, path: str, body: str = "", options: str = "", early: str = "") -> None:
        """Put a page at `path`; `options` are attributes of the script tag, `early` is run before it."""
        self.site.pages[path] = (
            f"<!doctype html><html lang='en'><title>{path}</title><link rel='icon' href='data:,'>"
            f"<script>{early}</script>"
            f"<script defer src='http://127.0.0.1:{self.server.port}/es.js' data-key='{WRITE_KEY}' {options}></script>"
            f"<body>{body}</body></html>"
        )

    def see(self, path: str, referer: str | None = None) -> Page:
        """Open the page, in the tab of this visitor."""
        self.tab.goto(self.site.url(path), referer=referer)
        return self.tab

    def do(self, script: str) -> Any:
        """Run `script` in the page."""
        return self.tab.evaluate(script)

    def wait(self, done: Callable[[], bool]) -> None:
        """Until it is `done`; what the page asks of the test meanwhile is answered."""
        deadline = time.monotonic() + LIMIT
        while not done():
            assert time.monotonic() < deadline, f"not done within {LIMIT} s"
            self.tab.wait_for_timeout(50)

    def drain(self) -> None:
        """Wait until the page has nothing left to send."""
        self.tab.wait_for_function(DRAINED, timeout=LIMIT * 1000)

    def events(self) -> list[Event]:
        rows = record.read(
            self.server.record,
            "SELECT id, event_type, user_id, session_id, properties, created_at FROM events WHERE id > ? ORDER BY id",
            (self._before,),
        )
        return [
            Event(id_, name, user or "", session or "", json.loads(text), at)
            for id_, name, user, session, text, at in rows
        ]

    def sent(self, count: int) -> list[Event]:
        """Exactly so many events, once the page has nothing left to send."""
        self.wait(lambda: len(self.events()) >= count)
        self.drain()
        found = self.events()
        assert len(found) == count, [event.type for event in found]
        return found

    def types(self, count: int) -> list[str]:
        return [event.type for event in self.sent(count)]


@contextmanager
def visiting(server: Server, chromium: Browser, **options: Any) -> Iterator[Visitor]:
    """A visitor with a new profile (Playwright's `options`) and a new site."""
    with standing() as site, watched(chromium, **options) as browser:
        yield Visitor(server, site, browser)
