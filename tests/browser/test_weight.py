"""What a page costs on the wire: little at first, nothing of the assets afterwards."""

import gzip
from collections.abc import Iterator

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


class Wire:
    """Counts what comes over the wire, as the browser's network panel does; what its cache answers counts nothing."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.assets: dict[str, int] = {}
        self.total = 0
        self._urls: dict[str, str] = {}
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.on(
            "Network.requestWillBeSent", lambda sent: self._urls.update({sent["requestId"]: sent["request"]["url"]})
        )
        session.on("Network.loadingFinished", self._finished)

    def _finished(self, done: dict[str, object]) -> None:
        address, size = self._urls.get(str(done["requestId"]), ""), int(float(str(done["encodedDataLength"])))
        self.total += size
        if "/static/" in address and size:
            self.assets[address] = size

    def reset(self) -> None:
        self.assets.clear()
        self.total = 0


def everywhere(server: Server, page: Page) -> None:
    for path in PATHS:
        page.goto(url(server) + path)
        expect(page.locator("[aria-busy]")).to_have_count(0)


def test_little_at_first_and_no_assets_afterwards(server: Server, chromium: Browser) -> None:
    with watched(chromium) as visitor:
        page = visitor.page()
        wire = Wire(page)
        sign_in(page, url(server))
        page.goto(f"{url(server)}/explore/trend")
        answered(page)
        assert any("plotly" in address for address in wire.assets), "the chart's script was counted"
        assert 100_000 < wire.total <= MOST_AT_FIRST, wire.assets
        everywhere(server, page)
        wire.reset()
        everywhere(server, page)
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
