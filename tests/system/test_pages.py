"""Pages of a real server: the link of the first start, cookies over a real connection, and how long a page takes."""

import re
import statistics
import time
from collections.abc import Callable
from urllib.parse import urlencode

from tests.system.client import Client, Reply
from tests.system.server import SECRET_KEY, Server

PASSWORD = "correct horse battery"
LINK = re.compile(r"http://127\.0\.0\.1:\d+(/welcome\?token=([0-9a-f]{48}))")
SLOWEST = 0.2  # seconds, the median of a page without its query


def test_the_first_start_and_those_after_it(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    first = LINK.findall(server.said())
    assert len(first) == 1
    server.stop()
    server.start()
    links = LINK.findall(server.said())
    assert len(links) == 2 and links[0] != links[1], "the link is made anew until it has been used"
    with server.client(None) as browser:
        assert browser.get(links[0][0]).status == 404
        cookies = welcomed(browser, *links[1])
        assert browser.get("/account", {"Cookie": cookies}).status == 200
        assert browser.get("/v1/keys", {"Cookie": cookies}).status == 401
    server.stop()
    server.start()
    assert len(LINK.findall(server.said())) == 2
    with server.client(None) as browser:
        assert browser.get("/account", {"Cookie": cookies}).status == 200, "a restart signs nobody out"
        assert PASSWORD not in server.said()


def test_a_password_fixed_beforehand_and_cookies_for_https(new_server: Callable[..., Server]) -> None:
    settings = {"EVENSPLIT_ADMIN_PASSWORD": PASSWORD, "EVENSPLIT_PUBLIC_URL": "https://stats.example.org"}
    server = new_server(settings=settings).start()
    assert not LINK.findall(server.said()) and PASSWORD not in server.said()
    with server.client(None) as browser:
        page = browser.get("/sign-in")
        visitor = page.headers["set-cookie"].partition(";")[0]
        form = {"form_token": token(page), "name": "admin", "password": PASSWORD}
        headers = {"Cookie": visitor, "Content-Type": "application/x-www-form-urlencoded"}
        reply = browser.post("/sign-in", urlencode(form).encode(), {**headers, "Origin": "https://stats.example.org"})
        assert reply.status == 303
        cookie = reply.headers["set-cookie"]
        assert cookie.startswith("__Host-es_session=")
        assert {"Secure", "HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
        assert browser.get("/account", {"Cookie": cookie.partition(";")[0]}).status == 200


def test_a_page_is_made_quickly_and_sent_once(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    ((path, key),) = LINK.findall(server.said())
    with server.client(None) as browser:
        cookies = welcomed(browser, path, key)
        for where in ("/", "/explore", "/explore/trend", "/account"):
            taken = []
            for _ in range(9):
                began = time.perf_counter()
                assert browser.get(where, {"Cookie": cookies}).status == 200
                taken.append(time.perf_counter() - began)
            assert statistics.median(taken) < SLOWEST, (where, taken)
        head = browser.call("HEAD", "/account", None, {"Cookie": cookies})
        assert head.status == 200 and head.body == b"" and int(head.headers["content-length"]) > 1_000
        for method in ("PUT", "DELETE", "PATCH"):
            assert browser.call(method, "/account", None, {"Cookie": cookies}).status == 405
    with server.client(SECRET_KEY) as api:
        assert api.get("/account").status == 303, "a key is no cookie"


def welcomed(browser: Client, path: str, key: str) -> str:
    """Use the link; the cookie of whoever did."""
    page = browser.get(path)
    assert page.status == 200
    visitor = page.headers["set-cookie"].partition(";")[0]
    form = {"form_token": token(page), "token": key, "password": PASSWORD, "again": PASSWORD}
    headers = {"Cookie": visitor, "Content-Type": "application/x-www-form-urlencoded"}
    reply = browser.post("/welcome", urlencode(form).encode(), headers)
    assert reply.status == 303, reply.body
    return reply.headers["set-cookie"].partition(";")[0]


def token(page: Reply) -> str:
    found = re.search(rb'name="form_token" value="([0-9a-f]{64})"', page.body)
    assert found, page.body[:500]
    return found[1].decode()
