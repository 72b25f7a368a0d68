"""What the demo has no page of, in light, dark, narrow and wide: no fault in the console, no serious one that axe
finds, nothing too wide. And the way through by keyboard alone.

`EVENSPLIT_SCREENSHOTS` names a directory for pictures of them.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

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
QUESTION = '{"series":[{"event":"page_view"},{"event":"purchase","measure":"users"}],"compare":"previous"}'
LONG_NAME = "x" * 200
# Nothing stands on these yet: the shop has events, people and one saved report. And what nobody has a page for.
EMPTY = ("/explore/funnel", "/dashboards", "/annotations", "/experiments", "/events/rejects", "/shares", "/nowhere")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    found = Server(tmp_path_factory.mktemp("pages") / "data", {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD}).start()
    with found.client() as api:
        api.capture(happened())
        api.post("/v1/saved", {"name": LONG_NAME, "kind": "trend", "report": {"series": [{"event": "@any"}]}}).good(201)
    yield found
    found.close()


@pytest.mark.parametrize("look", LOOKS)
def test_what_the_demo_does_not_show(server: Server, chromium: Browser, look: str) -> None:
    """Whoever has not signed in yet, lists of nothing, a very long name, a comparison with the time before."""
    with watched(chromium, **LOOKS[look]) as visitor:
        visitor.tolerate("404")
        page = visitor.page()
        page.goto(f"{url(server)}/sign-in")
        examine(page, look, "sign-in")
        sign_in(page, url(server))
        for path in EMPTY:
            page.goto(url(server) + path)
            examine(page, look, path.strip("/").replace("/", "-"))
        page.goto(f"{url(server)}/explore")
        expect(page.get_by_text(LONG_NAME)).to_be_visible()
        examine(page, look, "long-name")
        page.goto(f"{url(server)}/explore/trend?q={QUESTION}")
        answered(page)
        page.locator(".chart .main-svg").first.wait_for()
        assert figures(page)
        examine(page, look, "comparison")


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
