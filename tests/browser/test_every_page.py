"""Every page that there is a route for, over the demo: no fault in the console, no request to elsewhere, no serious
fault that axe finds, nothing too wide, its main action within reach of the keyboard. Pictures go to `artefacts/`.
"""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from playwright.sync_api import Browser, Page, expect

from evensplit.ui.routes import ROUTES
from tests.browser.chromium import Shared, shared
from tests.browser.demo import demo
from tests.browser.signing_in import url
from tests.browser.test_explore import figures
from tests.browser.test_pages import LOOKS, examine
from tests.system.server import Server

PICTURES = Path(__file__).parents[2] / "artefacts"
PICTURED = {"light", "dark", "narrow"}
FUNNEL = quote('{"steps":["product_view","add_to_cart","purchase"]}')

# route: (addresses to look at, the main action's selector, if it has one)
PAGES: dict[str, tuple[tuple[str, ...], str]] = {
    "/": (("/",), "main a"),
    "/explore": (("/explore",), "main a.card"),
    "/explore/{kind}": (
        (
            "/explore/trend",
            f"/explore/funnel?q={FUNNEL}",
            "/explore/retention",
            "/explore/paths",
            "/explore/lifecycle",
            "/explore/stickiness",
            "/explore/sessions",
        ),
        '[data-dialog="saving"]',
    ),
    "/dashboards": (("/dashboards",), "main a.card"),
    "/dashboards/{name}": (
        ("/dashboards/Shop", "/dashboards/Marketing", "/dashboards/Shop?edit=1"),
        "[data-fullscreen]",
    ),
    "/annotations": (("/annotations",), 'form[action="/annotations"] button'),
    "/events": (("/events",), "main button"),
    "/events/one/{id}": (("/events/one/100",), ""),
    "/events/rejects": (("/events/rejects",), ""),
    "/users": (("/users",), "main input"),
    "/users/{id}": (("/users/SOMEBODY",), ""),
    "/sql": (("/sql",), "main textarea"),
    "/setup": (("/setup",), "main a"),
    "/setup/keys": (("/setup/keys",), "main button"),
    "/setup/data": (("/setup/data",), "main button"),
    "/setup/about": (("/setup/about",), ""),
    "/experiments": (("/experiments",), "main a"),
    "/experiments/{name}": (
        (
            "/experiments/checkout_button",
            "/experiments/headline",
            "/experiments/shipping_note",
            "/experiments/gift_wrap",
        ),
        "main a",
    ),
    "/experiments/{name}/people": (("/experiments/checkout_button/people",), ""),
    "/experiments/{name}/history": (("/experiments/checkout_button/history",), ""),
    "/experiments/{name}/setup": (("/experiments/checkout_button/setup",), "main button"),
    "/new-experiment": (("/new-experiment",), "main input"),
    "/shares": (("/shares",), ""),
    "/account": (("/account",), "main button"),
    "/accounts": (("/accounts",), "main button"),
}
# Parts of a page, files, streams, ways on, and what is open to anybody: looked at by the tests of what they belong to.
ELSEWHERE = {
    "/home/now", "/sign-in", "/welcome", "/explore/catalogue", "/explore/{kind}/answer", "/explore/{kind}/answer.csv",
    "/explore/{kind}/persons", "/saved/{name}", "/dashboards/{name}/answer", "/dashboards/{name}/answer.csv",
    "/events/stream", "/setup/data/events.ndjson", "/share/{token}", "/share/{token}/answer",
    "/share/{token}/answer.csv", "/experiments/{name}/standing", "/experiments/{name}/daily",
    "/experiments/{name}/arrivals", "/experiments/{name}/outlook",
}  # fmt: skip


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with demo(tmp_path_factory.mktemp("every")) as found:
        yield found


@pytest.fixture(scope="module", params=LOOKS)
def look(request: pytest.FixtureRequest) -> str:
    found: str = request.param
    return found


@pytest.fixture(scope="module")
def screen(server: Server, chromium: Browser, look: str) -> Iterator[Shared]:
    """The admin's profile with that look."""
    with shared(chromium, url(server), **LOOKS[look]) as found:
        yield found


def test_every_route_is_looked_at() -> None:
    there = {route.path for route in ROUTES if route.method == "GET"}
    assert there == set(PAGES) | ELSEWHERE


@pytest.mark.parametrize("route", PAGES)
def test_it_can_be_looked_at(server: Server, screen: Shared, route: str, look: str) -> None:
    with screen.watched() as visitor:
        page = visitor.page()
        for address in PAGES[route][0]:
            reply = page.goto(url(server) + address.replace("SOMEBODY", somebody(server)))
            assert reply is not None and reply.status == 200, f"{address}: {reply and reply.status}"
            settled(page)
            if route == "/explore/{kind}":
                page.locator(".chart .main-svg").first.wait_for()
                assert figures(page), f"{address} has no figures"
            name = address.partition("?q=")[0].strip("/").replace("/", "-").replace("?", "-") or "home"
            if look in PICTURED:
                PICTURES.mkdir(exist_ok=True)
                page.screenshot(path=PICTURES / f"{name}-{look}.png", full_page=True)
            examine(page, look, name)


@pytest.mark.parametrize("route", [route for route, (_, action) in PAGES.items() if action])
def test_its_main_action_is_reached_by_keyboard(server: Server, page: Page, route: str) -> None:
    addresses, action = PAGES[route]
    page.goto(url(server) + addresses[0])
    settled(page)
    for _ in range(120):
        page.keyboard.press("Tab")
        if page.evaluate("action => document.activeElement.matches(action)", action):
            break
    else:
        pytest.fail(f"{action} is not among the first 120 stops of the tabulator on {addresses[0]}")
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none", "where one is, is seen"


def somebody(server: Server) -> str:
    """Who did the latest thing."""
    with server.client() as api:
        user: str = api.get("/v1/events?limit=1").good()["events"][0]["user_id"]
    return user


def settled(page: Page) -> None:
    """Until every part of it has come."""
    expect(page.locator("[aria-busy]")).to_have_count(0, timeout=60_000)
