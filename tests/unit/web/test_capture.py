"""The hot routes from request to reply: forms of the reply, access, limits, and every error in the one shape."""

import asyncio
import gzip
import json
from typing import Any

import pytest
import zstandard

from evensplit import errors
from evensplit.settings import Settings
from evensplit.web.responses import Message, Receive, Scope, Send
from tests.unit.web.driver import SECRET, WRITE, Caller, Product

GOOD = {"event_type": "good", "user_id": "u", "properties": {"a": 1}}
PLAIN = {"accepted": 1, "duplicate": 0, "rejected": 0, "notes": []}
BROWSER = {"origin": "https://shop.example"}


# --- replies --------------------------------------------------------------------------------------


def test_one_event_is_kept(api: Caller, product: Product) -> None:
    reply = api.post("/v1/events", GOOD, key=WRITE)
    assert (reply.status, reply.json()) == (200, PLAIN)
    assert reply.headers == {"content-type": "application/json", "content-length": str(len(reply.body))}
    assert product.rows("SELECT event_type, user_id, session_id, properties, created_at FROM events") == [
        ("good", "u", None, '{"a": 1}', "2026-11-22 10:11:12.345")
    ]


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/"])
@pytest.mark.parametrize("content_type", ["application/json", "text/plain;charset=UTF-8", "", "image/png"])
def test_content_types_are_not_trusted(api: Caller, path: str, content_type: str) -> None:
    assert api.post(path, GOOD, {"content-type": content_type}).json() == PLAIN


def test_a_batch_is_told_event_by_event(api: Caller, product: Product) -> None:
    once = {**GOOD, "message_id": "m"}
    assert api.post("/v1/events", once).json() == PLAIN
    assert api.post("/v1/events", once).json() == {**PLAIN, "accepted": 0, "duplicate": 1} | {
        "notes": [{"index": 0, "status": "duplicate"}]
    }
    batch: list[Any] = [GOOD, {}, once, {**GOOD, "anonymous_id": "null"}, once, 5, {**GOOD, "message_id": "n"}]
    reply = api.post("/v1/events", batch).json()
    assert (reply["accepted"], reply["duplicate"], reply["rejected"]) == (3, 2, 2)
    told = [(note["index"], note["status"], note.get("reason")) for note in reply["notes"]]
    assert told == [
        (1, "rejected", "missing_event_type"),
        (2, "duplicate", None),
        (3, "accepted", "link_refused"),
        (4, "duplicate", None),
        (5, "rejected", "not_an_object"),
    ]
    assert all(note["message"] for note in reply["notes"] if note["status"] != "duplicate")
    assert product.rows("SELECT reason, event FROM es_rejects ORDER BY id") == [
        ("missing_event_type", "{}"),
        ("link_refused", json.dumps({**GOOD, "anonymous_id": "null"})),
        ("not_an_object", "5"),
    ]


def test_a_duplicate_keeps_no_other_note(api: Caller) -> None:
    event = {**GOOD, "anonymous_id": "null", "message_id": "m"}
    assert api.post("/v1/events", event).json()["notes"][0]["reason"] == "link_refused"
    assert api.post("/v1/events", event).json()["notes"] == [{"index": 0, "status": "duplicate"}]


def test_a_single_refused_event_is_an_error_and_is_kept_as_a_reject(api: Caller, product: Product) -> None:
    assert api.post("/v1/events", {"user_id": "u"}).error(422) == "missing_event_type"
    assert api.post("/v1/events", b"5").error(422) == "not_an_object"
    assert product.rows("SELECT reason FROM es_rejects ORDER BY id") == [("missing_event_type",), ("not_an_object",)]
    assert api.post("/v1/events", [{"user_id": "u"}]).json()["rejected"] == 1


@pytest.mark.parametrize("body", [b"[]", b'{"events": []}'])
def test_an_empty_batch(api: Caller, body: bytes) -> None:
    assert api.post("/v1/events", body).json() == {**PLAIN, "accepted": 0}


def test_lines(api: Caller) -> None:
    line = json.dumps(GOOD).encode()
    reply = api.post("/v1/events", line + b"\n\nnope\n" + line + b"\n", {"content-type": "application/x-ndjson"}).json()
    assert (reply["accepted"], reply["rejected"]) == (2, 1)
    assert [(note["index"], note["reason"]) for note in reply["notes"]] == [(2, "invalid_json")]


def test_a_visitor_of_another_user_is_told(api: Caller, product: Product) -> None:
    def linked(user: str, visitor: str, time: str) -> dict[str, Any]:
        return {
            "event_type": "login",
            "user_id": user,
            "anonymous_id": visitor,
            "timestamp": f"2026-01-0{time}T00:00:00Z",
        }

    assert api.post("/v1/events", linked("ann", "v", "2")).json() == PLAIN
    assert api.post("/v1/events", linked("ann", "v", "3")).json() == PLAIN
    late = api.post("/v1/events", [GOOD, linked("bob", "v", "3")]).json()
    assert (late["accepted"], late["rejected"]) == (2, 0)
    assert [(note["index"], note["status"], note["reason"]) for note in late["notes"]] == [
        (1, "accepted", "already_linked")
    ]
    assert api.post("/v1/events", linked("eve", "v", "1")).json() == PLAIN, "the earliest link counts"
    assert api.post("/v1/events", linked("ann", "v", "4")).json()["notes"][0]["reason"] == "already_linked"
    assert product.rows("SELECT object FROM es_identity ORDER BY id") == [("ann",), ("bob",), ("eve",)]
    assert product.rows("SELECT reason FROM es_rejects") == [("already_linked",)] * 2


def test_what_is_stored_is_told_as_stored(api: Caller, product: Product, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looking up a link comes after the commit: that it fails must not look like a request to be repeated."""

    def broken(ids: object) -> dict[str, str]:
        raise errors.Unavailable("the record is locked")

    monkeypatch.setattr(product.catalog.links, "owners", broken)
    event = {"event_type": "login", "user_id": "ann", "anonymous_id": "v"}
    assert api.post("/v1/events", event).json() == PLAIN
    assert product.rows("SELECT count(*) FROM events") == [(1,)]


# --- bodies ---------------------------------------------------------------------------------------


def test_encodings(api: Caller) -> None:
    data = json.dumps([GOOD] * 50).encode()
    for encoding, body in (
        ("gzip", gzip.compress(data)),
        ("zstd", zstandard.compress(data)),
        ("GZIP", gzip.compress(data)),
    ):
        assert api.post("/v1/events", body, {"content-encoding": encoding}).json()["accepted"] == 50
    assert api.post("/v1/events", data, {"content-encoding": "br"}).error(415) == "unsupported_encoding"
    assert api.post("/v1/events", data, {"content-encoding": "gzip"}).error(400) == "malformed"
    assert api.post("/v1/events", b"", {"content-encoding": "gzip"}).error(400) == "malformed"


def test_a_body_in_pieces(api: Caller) -> None:
    data = json.dumps([GOOD] * 50).encode()
    pieces = [data[at : at + 700] for at in range(0, len(data), 700)]
    assert api.call("POST", "/v1/events", [b"", *pieces, b""]).json()["accepted"] == 50


def test_a_client_that_goes_away_has_sent_nothing(api: Caller, product: Product) -> None:
    data = json.dumps(GOOD).encode()
    for pieces in ([None], [data[:9], None], [data, None]):
        padded = [b"" if piece is None else piece for piece in pieces]
        assert api.messages("POST", "/v1/events", [*padded[:-1], None, None], {}, WRITE) == []
    assert product.rows("SELECT * FROM events") == []


def test_large_bodies_are_read_in_a_thread_and_answered_alike(empty_record: Any) -> None:
    product = Product(Settings(), empty_record)
    api = Caller(product)
    events = [{**GOOD, "properties": {"text": "x" * 400}} for _ in range(1_000)]
    reply = api.post("/v1/events", [*events, {}]).json()
    assert (reply["accepted"], reply["notes"][0]["index"]) == (1_000, 1_000)
    squeezed = gzip.compress(json.dumps(events).encode() + b" " * 1_000_000, 0)
    assert api.post("/v1/events", squeezed, {"content-encoding": "gzip"}).json()["accepted"] == 1_000
    assert product.rows("SELECT count(*) FROM events") == [(2_000,)]


def test_too_much(api: Caller, product: Product) -> None:
    assert api.post("/v1/events", [GOOD] * 100).json()["accepted"] == 100
    assert api.post("/v1/events", [GOOD] * 101).error(413) == "too_large"
    lines = b"\n".join([json.dumps(GOOD).encode()] * 101)
    assert api.post("/v1/events", lines, {"content-type": "application/x-ndjson"}).error(413) == "too_large"
    big = b" " * 100_001
    assert api.post("/v1/events", big).error(413) == "too_large"
    assert api.call("POST", "/v1/events", [big[:60_000], big[60_000:]]).error(413) == "too_large"
    claims = {"content-length": "999999999999999999999999"}
    assert api.call("POST", "/v1/events", [b"", b""], claims).error(413) == "too_large"
    lies = {"content-length": "5"}
    assert api.call("POST", "/v1/events", [big[:60_000], big[60_000:]], lies).error(413) == "too_large"
    assert api.post("/v1/events", gzip.compress(big), {"content-encoding": "gzip"}).error(413) == "too_large"
    assert product.rows("SELECT count(*) FROM events") == [(100,)]


def test_not_json(api: Caller, product: Product) -> None:
    for body in (b"", b"nope", b'{"event_type": "x"', b'{"event_type": "\xff"}', b'{"event_type": NaN}'):
        assert api.post("/v1/events", body).error(400) == "invalid_json"
    assert api.post("/v1/events", b'{"events": 5}').error(400) == "malformed"
    assert product.rows("SELECT count(*) FROM events") == [(0,)]


def test_a_full_queue(api: Caller, product: Product) -> None:
    product.store.fails = errors.Unavailable("the queue is full", retry_after=2)
    reply = api.post("/v1/events", GOOD, BROWSER)
    assert reply.error(503) == "unavailable"
    assert (reply.headers["retry-after"], reply.headers["access-control-allow-origin"]) == ("2", "*")


def test_a_defect_shows_nothing(api: Caller, product: Product) -> None:
    product.store.fails = RuntimeError("secret")
    reply = api.post("/v1/events", GOOD)
    assert reply.error(500) == "internal"
    assert b"secret" not in reply.body


# --- access ---------------------------------------------------------------------------------------


def test_keys(api: Caller) -> None:
    for path, key in ((f"/v1/events?key={WRITE}", None), ("/v1/events", WRITE), ("/v1/events", SECRET)):
        assert api.post(path, GOOD, key=key).json() == PLAIN
    for path, key in (("/v1/events", None), ("/v1/events", "es_w_other"), (f"/v1/events?key={SECRET}", None)):
        reply = api.post(path, GOOD, key=key)
        assert (reply.error(401), reply.headers["www-authenticate"]) == ("unauthorized", "Bearer")
    assert api.post("/v1/metrics", [], key=WRITE).error(403) == "forbidden"
    assert api.post("/v1/metrics", [], key=None).error(401) == "unauthorized"


@pytest.mark.parametrize(
    "path", ["/", "/healthz", "/readyz", "/openapi.json", "/docs", "/docs/schema.js", "/favicon.ico"]
)
def test_open_paths(api: Caller, path: str) -> None:
    assert api.get(path, key=None).body == f"rest GET {path}".encode()


@pytest.mark.parametrize(
    "path",
    [
        "/v1/events", "/v1/rejects", "/v1/experiments", "/v1/experiments/x/assignments", "/v1/experiments/x/results",
        "/v1/experiments/a/b/assignments", "//v1/rejects", "/V1/rejects", "/metrics", "/metrics/", "/docs/../v1/sql",
        "/healthz/../v1/sql", "/nothing", "", "/v1/experiments//assignments",
    ],
)  # fmt: skip
def test_everything_else_needs_the_secret_key(api: Caller, path: str) -> None:
    assert api.get(path, SECRET).body == f"rest GET {path}".encode()
    assert api.get(path, None).error(401) == "unauthorized"
    assert api.get(path, WRITE).error(403) == "forbidden"
    assert api.call("GET", f"{path}?key={WRITE}", key=None).error(403) == "forbidden"


@pytest.mark.parametrize(
    "path", ["/v1/events", "/v1/experiments/x/assignments", "/v1/metrics", "/healthz", "/v1/rejects"]
)
def test_another_host_is_refused(api: Caller, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        assert api.call(method, path, headers={"host": "evil.example"}).error(400) == "bad_host"


def test_wrong_methods(api: Caller) -> None:
    for path, allowed in (
        ("/v1/events", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/v1/experiments/x/assignments", {"GET", "HEAD", "POST", "OPTIONS"}),
        ("/v1/metrics", {"POST"}),
    ):
        for method in {"GET", "PUT", "PATCH", "DELETE", "TRACE", "OPTIONS"} - allowed:
            reply = api.call(method, path)
            assert reply.error(405) == "method_not_allowed"
            assert set(reply.headers["allow"].split(", ")) == allowed


# --- browsers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/events", "/v1/events/", "/v1/experiments/x/assignments"])
def test_preflight(api: Caller, path: str) -> None:
    reply = api.call("OPTIONS", path, headers=BROWSER, key=None)
    assert (reply.status, reply.body) == (204, b"")
    shown = reply.headers
    assert shown["access-control-allow-origin"] == "*"
    assert "POST" in shown["access-control-allow-methods"]
    for name in ("authorization", "content-type", "content-encoding"):
        assert name in shown["access-control-allow-headers"]
    assert int(shown["access-control-max-age"]) > 0
    assert "access-control-allow-credentials" not in shown


def test_any_origin_may_read_capture_and_nothing_else(api: Caller, product: Product) -> None:
    product.experiment("e")
    opened = "access-control-allow-origin"
    assert api.post("/v1/events", GOOD, BROWSER).headers[opened] == "*"
    assert api.post("/v1/events", [GOOD, {}], BROWSER).headers[opened] == "*"
    assert api.post("/v1/events", {}, BROWSER).headers[opened] == "*"
    assert api.post("/v1/events", GOOD, BROWSER, key=None).headers[opened] == "*"
    assert api.post("/v1/experiments/e/assignments", {"user_id": "u"}, BROWSER).headers[opened] == "*"
    assert api.post("/v1/experiments/x/assignments", {"user_id": "u"}, BROWSER).headers[opened] == "*"
    assert opened not in api.post("/v1/metrics", [], BROWSER).headers
    assert opened not in api.call("GET", "/v1/rejects", headers=BROWSER, key=None).headers
    assert opened not in api.call("OPTIONS", "/v1/rejects", headers=BROWSER, key=None).headers


# --- other scopes ---------------------------------------------------------------------------------


def test_other_scopes(product: Product) -> None:
    seen: list[str] = []

    async def behind(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is asked of the client")

    api = Caller(product, behind)
    asyncio.run(api.app({"type": "lifespan"}, receive, send))
    asyncio.run(api.app({"type": "websocket", "path": "/v1/sql"}, receive, send))
    assert seen == ["lifespan"]
    assert [message["type"] for message in sent] == ["websocket.close"]


# --- metric values --------------------------------------------------------------------------------


def test_metrics(api: Caller, product: Product) -> None:
    product.experiment("e")
    variant = api.post("/v1/experiments/e/assignments", {"user_id": "u"}).json()["variant"]
    value = {"experiment": "e", "metric": "m", "value": 2.5, "user_id": "u"}
    assert api.post("/v1/metrics", value).json() == PLAIN
    once = {**value, "message_id": "m"}
    assert api.post("/v1/metrics", [once, once, {**once, "metric": "n"}]).json() == {
        "accepted": 2,
        "duplicate": 1,
        "rejected": 0,
        "notes": [{"index": 1, "status": "duplicate"}],
    }
    reply = api.post(
        "/v1/metrics", [value, {**value, "user_id": "x"}, {**value, "user_id": None, "variant": "b"}]
    ).json()
    assert (reply["accepted"], reply["rejected"], reply["notes"][0]["reason"]) == (2, 1, "not_assigned")
    assert api.post("/v1/metrics", {**value, "experiment": "x"}).error(422) == "unknown_experiment"
    assert api.post("/v1/metrics", {**value, "variant": "z"}).error(422) == "unknown_variant"
    assert api.post("/v1/metrics", {**value, "value": "2"}).error(422) == "invalid_number"
    assert api.post("/v1/metrics", b"nope").error(400) == "invalid_json"
    assert api.post("/v1/metrics", []).json() == {**PLAIN, "accepted": 0}
    assert product.rows("SELECT count(*) FROM es_rejects") == [(4,)]
    stored = product.rows("SELECT v.variant_name, m.value FROM ab_metrics m JOIN ab_variants v ON v.id = m.variant_id")
    assert sorted(stored) == sorted([(variant, 2.5)] * 4 + [("b", 2.5)])


def test_a_metric_finds_the_variant_that_the_visitor_had(api: Caller, product: Product) -> None:
    product.experiment("e")
    assert api.post("/v1/experiments/e/assignments", {"user_id": "visitor"}).status == 200
    api.post("/v1/events", {"event_type": "login", "user_id": "ann", "anonymous_id": "visitor"})
    assert api.post("/v1/metrics", {"experiment": "e", "metric": "m", "value": 1, "user_id": "ann"}).json() == PLAIN


def test_many_metrics_at_once(api: Caller, product: Product) -> None:
    product.experiment("e")
    api.post("/v1/experiments/e/assignments", {"user_ids": [f"u{n}" for n in range(50)]})
    values = [{"experiment": "e", "metric": "m" * 100, "value": n, "user_id": f"u{n}"} for n in range(60)]
    reply = api.post("/v1/metrics", values).json()
    assert (reply["accepted"], reply["rejected"]) == (50, 10)
