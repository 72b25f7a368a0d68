"""People in a real Chromium: found, looked at with their experiments, erased."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.chromium import watched
from tests.browser.signing_in import PASSWORD, sign_in, url
from tests.browser.test_explore import happened
from tests.system.server import Server

ODD = "<b>zoë</b>/1"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("users") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with found.client() as api:
        api.capture([*happened(), {"event_type": "odd", "user_id": ODD}])
        api.post(
            "/v1/identify", {"user_id": "user 1", "anonymous_id": "visitor 9", "traits": {"plan": "<i>Gold"}}
        ).good()
        variants = [{"name": "green <b>"}, {"name": "red"}]
        api.post("/v1/experiments", {"name": "button", "variants": variants}).good(201)
        api.post("/v1/experiments/button/assignments", {"user_id": "user 1"}).good()
    yield found
    found.close()


def test_found_looked_at_and_erased(server: Server, chromium: Browser) -> None:
    with watched(chromium, viewport={"width": 1280, "height": 900}) as visitor, server.client() as api:
        page = visitor.page()
        sign_in(page, url(server))
        page.get_by_role("link", name="Users", exact=True).click()
        expect(page.locator("tbody tr")).to_have_count(7)
        search = page.get_by_role("searchbox")
        search.fill("gold")
        search.press("Enter")
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("link", name="user 1").click()
        told = api.get("/v1/users/user%201").good()
        profile = page.get_by_label("Profile")
        expect(profile.locator("data").first).to_have_attribute("value", str(told["events"]))
        expect(profile).to_contain_text("<i>Gold")
        expect(profile.get_by_role("link", name="visitor 9")).to_be_visible()
        expect(page.locator(".timeline li").first).to_contain_text(f"button: {told['assignments'][0]['variant']}")
        page.locator(".timeline [data-event]").first.click()
        expect(page.locator("#event pre")).to_contain_text('"user_id": "user 1"')
        page.keyboard.press("Escape")

        page.get_by_role("button", name="Erase this person").click()
        page.get_by_label("Type erase").fill("erase")
        page.get_by_role("button", name="Erase", exact=True).click()
        expect(page.get_by_role("status").first).to_contain_text("Nothing is kept")
        gone = api.get("/v1/users/user%201").good()
        assert (gone["events"], gone["traits"], gone["linked_ids"], gone["assignments"]) == (0, {}, [], [])

        page.goto(f"{url(server)}/users?q={quote(ODD[:5])}")
        page.get_by_role("link", name=ODD).click()
        expect(page.get_by_role("heading", name=ODD)).to_be_visible()
        expect(page.locator(".timeline li")).to_have_count(1)
