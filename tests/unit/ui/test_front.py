"""Who may see and change what: cookies, tokens of forms, roles, other hosts; and what every page is sent with."""

from collections.abc import Callable
from typing import get_args

import pytest

from evensplit.model.account import ROLES, Role
from evensplit.ui.routes import ROUTES, Route
from tests.unit.ui.conftest import BASE, PASSWORD, SECRET, Browser, Site, token

PARTS = {"{kind}": "trend", "{name}": "nothing", "{token}": "0" * 48, "{id}": "0"}
CLOSED = [route for route in ROUTES if route.who != "anybody"]


def path_of(route: Route) -> str:
    path = route.path
    for part, text in PARTS.items():
        path = path.replace(part, text)
    return path


@pytest.mark.parametrize("route", CLOSED, ids=lambda route: f"{route.method} {route.path}")
def test_nobody_gets_past_the_door(site: Site, route: Route) -> None:
    stranger = site.browser()
    if route.method == "GET":
        reply = stranger.get(path_of(route))
        assert (reply.status_code, reply.headers["location"][:8]) == (303, "/sign-in")
        assert stranger.get(path_of(route), {"x-evensplit-fragment": "1"}).status_code == 401
    else:
        reply = stranger.post(path_of(route), {}, stranger.get("/sign-in"))
        assert reply.status_code == 401


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("route", [route for route in CLOSED if route.who != "viewer"], ids=lambda route: route.path)
def test_what_a_role_may_not_do(as_role: Callable[[Role], Browser], route: Route, role: Role) -> None:
    browser, path = as_role(role), path_of(route)
    reply = browser.get(path) if route.method == "GET" else browser.post(path, {})
    allowed = ROLES.index(role) >= [*get_args(Role)].index(route.who)
    assert (reply.status_code == 403) is not allowed, reply.text


@pytest.mark.parametrize("route", [route for route in ROUTES if route.method == "POST"], ids=lambda route: route.path)
def test_every_change_needs_the_token_of_a_form(as_role: Callable[[Role], Browser], site: Site, route: Route) -> None:
    browser, path = as_role("admin"), path_of(route)
    other = token(site.browser().get("/sign-in"))
    own = token(browser.get("/account"))
    for wrong in ("", "x", other, "ü" * 64):
        assert browser.post(path, {"form_token": wrong}).status_code == 403, wrong
    for origin in ("https://evil.example", "null", f"{BASE}:1", "http://127.0.0.1.evil.example"):
        assert browser.post(path, {"form_token": own}, headers={"origin": origin}).status_code == 403, origin
    assert browser.get("/account").status_code == 200, "still signed in"


def test_a_form_is_taken_from_the_page_that_it_was_on(as_role: Callable[[Role], Browser]) -> None:
    browser = as_role("viewer")
    form = {"before": "wrong", "password": PASSWORD, "again": PASSWORD}
    assert browser.post("/account/password", form, headers={"origin": BASE}).status_code == 401, "the password is wrong"


def test_cookies_open_pages_only(as_role: Callable[[Role], Browser]) -> None:
    browser = as_role("admin")
    assert browser.get("/account").status_code == 200
    for path in ("/v1/events", "/v1/keys", "/v1/saved", "/metrics", "//v1/keys", "/v1//keys", "/./v1/keys"):
        reply = browser.get(path)
        assert reply.status_code in (401, 404), path
    assert browser.get("/v1/keys", {"authorization": f"Bearer {SECRET}"}).status_code == 200


def test_a_key_opens_no_page(site: Site) -> None:
    reply = site.browser().get("/account", {"authorization": f"Bearer {SECRET}"})
    assert reply.status_code == 303


def test_what_every_page_is_sent_with(as_role: Callable[[Role], Browser], site: Site) -> None:
    stranger = site.browser()
    for reply in (as_role("viewer").get("/"), stranger.get("/sign-in"), stranger.get("/"), stranger.get("/nowhere")):
        policy = reply.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "'unsafe-inline'" not in policy.split("style-src")[0] and "unsafe-eval" not in policy
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["referrer-policy"] == "same-origin"
        assert reply.headers["cache-control"] == "no-store"


def test_no_page_holds_script_or_handlers_of_its_own(as_role: Callable[[Role], Browser]) -> None:
    for path in ("/", "/explore", "/explore/trend", "/account", "/accounts", "/shares"):
        text = as_role("admin").get(path).text
        for tag in text.split("<script")[1:]:
            head = tag.partition(">")[0]
            assert 'src="/static/' in head or 'type="application/json"' in head, tag[:200]
        assert " onclick=" not in text and "javascript:" not in text


def test_other_hosts_are_refused(site: Site) -> None:
    for path in ("/", "/sign-in", "/static/x/evensplit.css"):
        assert site.browser().get(path, {"host": "evil.example"}).status_code == 400, path


def test_what_is_not_there(as_role: Callable[[Role], Browser], site: Site) -> None:
    browser = as_role("viewer")
    for path in (
        "/nowhere",
        "/explore/nothing",
        "/saved/nothing",
        "/share/" + "0" * 48,
        "/share/x",
        "/explore/trend/x",
    ):
        reply = browser.get(path)
        assert reply.status_code == 404 and "<h1>" in reply.text, path
    assert browser.get("/sign-out").status_code == 405
    quiet = site.browser()
    reply = quiet.get("/nowhere", {"accept": "*/*"})
    assert reply.status_code == 401, "whoever is no browser is answered by the JSON interface"
    assert reply.json()["error"]["code"] == "unauthorized"


@pytest.mark.parametrize("name", ["a/b", "a%b", "<i>", "\u202eabc", "é\N{PILE OF POO}", "x" * 200])
def test_a_name_in_a_path(as_role: Callable[[Role], Browser], name: str) -> None:
    from urllib.parse import quote

    reply = as_role("viewer").get(f"/saved/{quote(name, safe='')}")
    assert reply.status_code == 404 and "<i>" not in reply.text


def test_forms_that_cannot_be_read(as_role: Callable[[Role], Browser], site: Site) -> None:
    browser = as_role("viewer")
    many = "&".join(f"a{n}=1" for n in range(2_000))
    for body, kind in ((b"{}", "application/json"), (many.encode(), "application/x-www-form-urlencoded")):
        reply = site.done(browser.client.post("/sign-out", content=body, headers={"content-type": kind}))
        assert 400 <= reply.status_code < 500, reply.status_code
    huge = b"a=" + b"x" * 5_000_000
    headers = {"content-type": "application/x-www-form-urlencoded"}
    assert site.done(browser.client.post("/sign-out", content=huge, headers=headers)).status_code == 413
