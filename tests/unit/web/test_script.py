"""The browser script on its way to the browser, and what a User-Agent header adds to what the script sends."""

import base64
import gzip
import hashlib
import json
import subprocess
import sys

import pytest

from evensplit.web import script
from evensplit.web.script import PATH
from tests.unit.web.driver import WRITE, Caller, Product

MOST = 3 * 1024  # bytes, compressed
CHROME = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"
TEXT = {"content-type": "text/plain;charset=UTF-8"}
SENT = {"event_type": "page_view", "anonymous_id": "v", "properties": {"$lib": "es.js"}}


def test_it_is_small_and_says_what_it_is(api: Caller) -> None:
    reply = api.call("GET", PATH, headers={"accept-encoding": "br, gzip"}, key=None)
    assert reply.status == 200
    assert len(reply.body) <= MOST
    assert gzip.decompress(reply.body) == script.text()
    assert int(reply.headers["content-length"]) == len(reply.body)
    assert reply.headers["content-encoding"] == "gzip"
    assert reply.headers["content-type"] == "text/javascript; charset=utf-8"
    assert reply.headers["cache-control"] == "public, max-age=3600"
    assert reply.headers["access-control-allow-origin"] == "*"
    assert reply.headers["vary"] == "accept-encoding"


@pytest.mark.parametrize("accepted", ["", "identity", "br", "gzip;q=0", "gzip; q=0.0, br"])
def test_without_gzip(accepted: str, api: Caller) -> None:
    reply = api.call("GET", PATH, headers={"accept-encoding": accepted}, key=None)
    assert reply.body == script.text()
    assert "content-encoding" not in reply.headers


def test_it_is_asked_for_once(api: Caller) -> None:
    for accepted in ("gzip", "identity"):
        first = api.call("GET", PATH, headers={"accept-encoding": accepted}, key=None)
        again = {"accept-encoding": accepted, "if-none-match": f'"other", {first.headers["etag"]}'}
        reply = api.call("GET", PATH, headers=again, key=None)
        assert (reply.status, reply.body, reply.headers["etag"]) == (304, b"", first.headers["etag"])
        other = {"accept-encoding": "gzip" if accepted == "identity" else "identity"}
        assert api.call("GET", PATH, headers=again | other, key=None).status == 200


def test_methods(api: Caller) -> None:
    reply = api.call("HEAD", PATH, key=None)
    assert (reply.status, reply.body) == (200, b"")
    assert int(reply.headers["content-length"]) == len(script.text())
    assert api.call("POST", PATH, b"{}", key=None).error(405) == "method_not_allowed"


def test_only_comments_and_indentation_are_left_out() -> None:
    source = script._SOURCE.read_text()
    assert "/*" not in source
    kept = [line.strip() for line in source.splitlines() if line.strip() and not line.strip().startswith("//")]
    assert script.text().decode().splitlines() == kept
    # a string or template that goes on over lines would lose its spaces
    assert all(line.count("`") % 2 == 0 for line in source.splitlines())


def test_the_hash_is_that_of_what_is_served(api: Caller) -> None:
    body = api.call("GET", PATH, key=None).body
    assert script.integrity() == "sha384-" + base64.b64encode(hashlib.sha384(body).digest()).decode()


def test_the_tag() -> None:
    plain = script.tag("https://events.example.com/", "es_w_key")
    assert plain == '<script defer src="https://events.example.com/es.js" data-key="es_w_key"></script>'
    pinned = script.tag("https://e.example", "k", pinned=True)
    assert f'integrity="{script.integrity()}" crossorigin="anonymous">' in pinned
    assert '"><script>' not in script.tag('https://x"><script>', '"><script>')


# --- what the script sends ------------------------------------------------------------------------


def stored(product: Product) -> list[dict[str, object]]:
    return [json.loads(text) for (text,) in product.rows("SELECT properties FROM events ORDER BY id")]


def test_the_browser_is_named_by_the_server(api: Caller, product: Product) -> None:
    body = json.dumps({"events": [SENT, {"event_type": "other", "properties": {"n": 1}}]}, separators=(",", ":"))
    headers = TEXT | {"user-agent": CHROME, "origin": "https://shop.example"}
    for _ in range(2):
        reply = api.call("POST", f"/v1/events?key={WRITE}", body.encode(), headers, key=None)
        assert reply.json() == {"accepted": 2, "duplicate": 0, "rejected": 0, "notes": []}
    browser = {"$lib": "es.js", "$browser": "Chrome", "$os": "Linux", "$device_type": "Desktop"}
    assert stored(product) == [browser, {"n": 1}] * 2


@pytest.mark.parametrize("headers", [TEXT, {"user-agent": CHROME, "content-type": "application/json"}])
def test_without_the_header_or_from_elsewhere(headers: dict[str, str], api: Caller, product: Product) -> None:
    assert api.post("/v1/events", SENT, headers).json()["accepted"] == 1
    assert stored(product) == [{"$lib": "es.js"}]


def test_a_bot_is_told(api: Caller, product: Product) -> None:
    reply = api.post("/v1/events", SENT, TEXT | {"user-agent": "Mozilla/5.0 (compatible; bingbot/2.0)"}).json()
    assert (reply["accepted"], [(note["status"], note["reason"]) for note in reply["notes"]]) == (
        1,
        [("accepted", "bot")],
    )
    assert stored(product)[0]["$bot"] is True
    assert product.rows("SELECT reason FROM es_rejects") == [("bot",)]


def test_a_program_is_no_bot(api: Caller, product: Product) -> None:
    """What a server sends says nothing of a visitor by its User-Agent header."""
    event = {"event_type": "paid", "properties": {"$lib": "python"}}
    assert api.post("/v1/events", event, TEXT | {"user-agent": "python-requests/2.32"}).json()["notes"] == []
    assert stored(product) == [{"$lib": "python"}]


def test_the_libraries_come_with_the_first_event_that_needs_them() -> None:
    code = (
        "import sys, evensplit.api.capture\n"
        "sys.exit(any(name.partition('.')[0] in ('ua_parser', 'crawlerdetect') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0
