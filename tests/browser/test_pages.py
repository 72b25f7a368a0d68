"""Every page in light, dark and narrow: no fault in the console, no serious one that axe finds, nothing too wide.

`EVENSPLIT_SCREENSHOTS` names a directory for pictures of them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.browser.chromium import watched
from tests.browser.signing_in import PASSWORD, sign_in, url
from tests.browser.test_explore import answered, figures, happened
from tests.system.server import Server

LOOKS: dict[str, dict[str, Any]] = {
    "light": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "light"},
    "dark": {"viewport": {"width": 1280, "height": 900}, "color_scheme": "dark"},
    "narrow": {"viewport": {"width": 360, "height": 740}, "color_scheme": "light"},
    "wide": {"viewport": {"width": 3840, "height": 2000}, "color_scheme": "light"},
}
QUESTIONS = {
    "trend": '{"series":[{"event":"page_view"},{"event":"purchase","measure":"users"}],"compare":"previous"}',
    "funnel": '{"steps":["page_view","purchase"],"since":"-14d"}',
    "retention": '{"start":"page_view","since":"-7d"}',
    "paths": '{"since":"-14d"}',
    "lifecycle": '{"event":"page_view","since":"-14d"}',
    "stickiness": '{"event":"page_view","since":"-14d"}',
    "sessions": '{"since":"-14d"}',
}
PAGES = [
    "/",
    "/explore",
    "/explore/funnel",
    "/dashboards",
    "/annotations",
    "/experiments",
    "/new-experiment",
    "/events",
    "/events/one/1",
    "/events/rejects",
    "/users",
    "/users/user%201",
    "/sql",
    "/setup",
    "/setup/keys",
    "/setup/data",
    "/setup/about",
    "/account",
    "/accounts",
    "/shares",
    "/nowhere",
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("pages") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with found.client() as api:
        api.capture(happened())
        api.post("/v1/saved", {"name": "x" * 200, "kind": "trend", "report": {"series": [{"event": "@any"}]}}).good(201)
    yield found
    found.close()


@pytest.mark.parametrize("look", LOOKS)
def test_every_page_can_be_read_by_everybody(server: Server, chromium: Browser, look: str) -> None:
    with watched(chromium, **LOOKS[look]) as visitor:
        visitor.tolerate("404")
        page = visitor.page()
        page.goto(f"{url(server)}/sign-in")
        examine(page, look, "sign-in")
        sign_in(page, url(server))
        for path in PAGES:
            page.goto(url(server) + path)
            examine(page, look, path.strip("/").replace("/", "-") or "home")
        for kind, question in QUESTIONS.items():
            page.goto(f"{url(server)}/explore/{kind}?q={question}")
            answered(page)
            page.locator(".chart .main-svg").first.wait_for()
            assert figures(page)
            examine(page, look, kind)


def examine(page: Page, look: str, name: str) -> None:
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    assert wide <= 0, f"{name} is {wide} px too wide in {look}"
    shots = os.environ.get("EVENSPLIT_SCREENSHOTS")
    if shots:
        Path(shots).mkdir(parents=True, exist_ok=True)
        page.screenshot(path=Path(shots) / f"{name}-{look}.png", full_page=True)
    found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
    serious = [
        f"{fault['id']}: {fault['help']}: {[node['html'][:160] for node in fault['nodes'][:3]]}"
        for fault in found
        if fault["impact"] in ("serious", "critical")
    ]
    assert not serious, f"{name} in {look}: {serious}"


def test_by_keyboard_alone(server: Server, chromium: Browser) -> None:
    with watched(chromium, viewport={"width": 1280, "height": 900}) as visitor:
        page = visitor.page()
        sign_in(page, url(server))
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.className") == "skip"
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.closest('main') !== null"), "the link skips what is above"
        page.get_by_label("Account: admin").focus()
        page.keyboard.press("Enter")
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.textContent") == "Your account"
        page.keyboard.press("Escape")
        assert page.evaluate("document.activeElement.tagName") == "SUMMARY"
        page.get_by_role("button", name="Light or dark").focus()
        page.keyboard.press("Enter")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark"
        page.goto(f"{url(server)}/explore")
        assert page.evaluate("document.documentElement.dataset.theme") == "dark", "the choice stays"
