"""What a page costs on the wire: little at first, nothing of the assets afterwards."""

import gzip
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import watched
from tests.browser.signing_in import PASSWORD, sign_in, url
from tests.browser.test_explore import answered, happened
from tests.system.server import Server

MOST_AT_FIRST = 2 * 1024 * 1024
PATHS = ("/", "/explore/trend", "/dashboards", "/events", "/experiments", "/sql")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("weight") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with found.client() as api:
        api.capture(happened())
    yield found
    found.close()


def is_asset(address: str) -> bool:
    return "/static/" in address


class Wire:
    """Counts what comes over the wire, as the browser's network panel does; what its cache answers counts nothing."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.assets: dict[str, int] = {}
        self.total = 0
        self._under_way: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on("Network.requestWillBeSent", self._sent)
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.loadingFailed", self._failed)

    def settle(self) -> None:
        """Wait for the files of the page that is open. The browser may tell of their end after that of the page, and of
        the end of those that a page had asked for when it was left, never."""
        self.page.wait_for_load_state("load")
        for _ in range(500):
            if not any(map(is_asset, self._under_way.values())):
                return
            self.page.wait_for_timeout(20)
        raise AssertionError(f"never finished: {self._under_way}")

    def _sent(self, sent: dict[str, Any]) -> None:
        if sent["type"] == "Document":
            self._under_way.clear()  # what the page that is left had asked for ends without a word
        self._under_way[sent["requestId"]] = sent["request"]["url"]

    def _failed(self, failed: dict[str, Any]) -> None:
        self._under_way.pop(failed["requestId"], None)

    def _finished(self, done: dict[str, Any]) -> None:
        address, size = self._under_way.pop(done["requestId"], ""), int(done["encodedDataLength"])
        self.total += size
        if is_asset(address) and size:
            self.assets[address] = size

    def reset(self) -> None:
        self.assets.clear()
        self.total = 0


def everywhere(server: Server, wire: Wire) -> None:
    for path in PATHS:
        wire.page.goto(url(server) + path)
        expect(wire.page.locator("[aria-busy]")).to_have_count(0)
        wire.settle()


def test_little_at_first_and_no_assets_afterwards(server: Server, chromium: Browser) -> None:
    with watched(chromium) as visitor:
        page = visitor.page()
        wire = Wire(page)
        sign_in(page, url(server))
        wire.settle()
        page.goto(f"{url(server)}/explore/trend")
        answered(page)
        wire.settle()
        assert any("plotly" in address for address in wire.assets), "the chart's script was counted"
        assert 100_000 < wire.total <= MOST_AT_FIRST, wire.assets
        everywhere(server, wire)
        wire.reset()
        everywhere(server, wire)
        assert wire.total > 0, "pages themselves are fetched"
        assert not wire.assets, "assets come from the browser's cache"


def test_assets_are_packed_and_kept_for_good(server: Server, chromium: Browser) -> None:
    with watched(chromium) as visitor:
        page = visitor.page()
        sign_in(page, url(server))
        page.goto(f"{url(server)}/explore/trend")
        answered(page)
        script = page.locator('script[src*="plotly"]').get_attribute("src") or ""
        with server.client(None) as browser:
            packed = browser.get(script, {"accept-encoding": "gzip"})
        assert packed.status == 200 and packed.headers["content-encoding"] == "gzip"
        assert len(gzip.decompress(packed.body)) > 2 * len(packed.body)
        assert "immutable" in packed.headers["cache-control"]


def test_pages_themselves_are_small(server: Server, chromium: Browser) -> None:
    with watched(chromium) as visitor:
        page = visitor.page()
        sign_in(page, url(server))
        for path in PATHS:
            reply = page.goto(url(server) + path)
            assert reply is not None
            assert len(reply.body()) < 200_000, f"{path} has {len(reply.body()):,} bytes"
