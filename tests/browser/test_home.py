"""The first page in a real Chromium: with no event, when the first one comes, and with today's."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import watched
from tests.browser.signing_in import PASSWORD, sign_in, url
from tests.system.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("home") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    yield found
    found.close()


def test_from_no_event_to_todays_figures(server: Server, chromium: Browser) -> None:
    with watched(chromium, viewport={"width": 1280, "height": 900}, timezone_id="UTC") as visitor:
        page = visitor.page()
        sign_in(page, url(server))
        expect(page.get_by_role("heading", name="No events yet")).to_be_visible()
        expect(page.locator("#live-dot.on")).to_be_visible()
        with server.client() as api:
            api.capture([{"event_type": "<b>first</b>", "user_id": "ann", "timestamp": datetime.now(UTC).isoformat()}])
            expect(page.locator("#ticker li").first).to_contain_text("<b>first</b>ann")
            expect(page.locator("#live-count")).to_have_text("1")
            variants = [{"name": "a"}, {"name": "b"}]
            api.post("/v1/experiments", {"name": "green button", "variants": variants}).good(201)
        page.reload()
        expect(page.locator("#now:not([aria-busy])")).to_be_visible()
        for tile, number in (("Events today", "1"), ("Users today", "1"), ("Sessions today", "0")):
            expect(page.locator(".tile", has_text=tile).locator(".big data")).to_have_attribute("value", number)
        page.locator("#now .chart .main-svg").first.wait_for()
        expect(
            page.locator(".running li", has_text="green button").locator("[data-part]:not([aria-busy])")
        ).to_be_visible()
        page.locator(".tile", has_text="Users today").click()
        expect(page.get_by_role("heading", name="Trend")).to_be_visible()
