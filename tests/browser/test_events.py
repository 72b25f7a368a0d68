"""Events in a real Chromium: as they come in, held back, chosen, one of them looked at, and those refused."""

import json
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.chromium import Watched, watched
from tests.browser.signing_in import PASSWORD, url
from tests.browser.site import standing
from tests.browser.test_explore import happened
from tests.browser.visitor import Visitor
from tests.system.server import Server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("events") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with found.client() as api:
        api.capture(happened())
        api.capture([{"event_type": "", "user_id": "<script>alert(2)</script>"}, {"event_type": "ok"}])
    yield found
    found.close()


@pytest.fixture
def page(server: Server, visitor: Watched) -> Page:
    found = visitor.page()
    found.goto(f"{url(server)}/account")
    found.get_by_role("link", name="Events", exact=True).first.click()
    expect(found.locator("#live-dot.on")).to_be_visible()
    return found


def test_what_a_page_with_the_script_sends_appears_live(server: Server, page: Page, chromium: Browser) -> None:
    with standing() as site, watched(chromium) as browser:
        shop = Visitor(server, site, browser)
        shop.write("/shop", "<button data-es-event='signup'>Join</button>")
        shop.see("/shop").get_by_role("button", name="Join").click()
        expect(page.locator("#live-rows tr", has_text="signup")).to_be_visible()
        expect(page.locator("#live-rows tr", has_text="page_view")).to_be_visible()
        shop.drain()
        page.locator("#live-rows tr", has_text="signup").get_by_role("link").first.click()
        text = page.locator("#event pre").inner_text()
        assert json.loads(text)["event_type"] == "signup"
        expect(page.locator("#event")).to_contain_text("$pathname")
        page.keyboard.press("Escape")
        expect(page.locator("#event")).to_be_hidden()


def test_paused_and_chosen(server: Server, page: Page) -> None:
    page.get_by_label("Event", exact=True).fill("checkout")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("No event fits")).to_be_visible()
    expect(page.locator("#live-dot.on")).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    with server.client() as api:
        api.capture([{"event_type": "checkout", "user_id": "<i>zed"}, {"event_type": "other", "user_id": "zed"}])
    expect(page.locator("#live-said")).to_contain_text("1 held back")
    expect(page.locator("#live-rows tr")).to_have_count(0)
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("#live-rows tr")).to_have_count(1)
    expect(page.locator("#live-rows tr")).to_contain_text("<i>zed")


def test_a_list_page_by_page(server: Server, page: Page) -> None:
    shown: list[str] = []
    page.goto(f"{url(server)}/events?event_type=page_view")
    while True:
        shown += page.locator("#stored [data-event]").evaluate_all("all => all.map(a => a.dataset.event)")
        older = page.get_by_role("link", name="Older")
        if not older.count():
            break
        with page.expect_navigation():
            older.click()
    with server.client() as api:
        told = api.get("/v1/events?event_type=page_view&limit=1000").good()["events"]
    assert shown == [str(each["id"]) for each in told]


def test_what_was_refused(page: Page) -> None:
    page.get_by_role("link", name="Refused and noted").click()
    page.get_by_role("link", name="missing_event_type").click()
    page.locator("tbody summary").first.click()
    expect(page.locator("tbody pre").first).to_contain_text("<script>alert(2)</script>")
