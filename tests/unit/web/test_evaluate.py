"""Asking for a user's variant."""

import pytest

from tests.unit.web.driver import WRITE, Caller, Product, Reply

PATH = "/v1/experiments/e/assignments"


@pytest.fixture(autouse=True)
def _experiment(product: Product) -> None:
    product.experiment("e")


def ask(api: Caller, body: object, path: str = PATH, key: str = WRITE) -> Reply:
    return api.post(path, body, key=key)


def test_the_first_answer_stays(api: Caller, product: Product) -> None:
    first = ask(api, {"user_id": "u"}).json()
    assert (first["experiment"], first["user_id"], first["new"]) == ("e", "u", True)
    assert first["variant"] in ("a", "b")
    assert first["assigned_at"] == "2026-11-22T10:11:12.345Z"
    for path in (PATH, PATH + "/"):
        reply = ask(api, {"user_id": "u"}, path)
        assert reply.json() == {**first, "new": False}
        assert reply.headers == {"content-type": "application/json", "content-length": str(len(reply.body))}
    assert len(product.rows("SELECT * FROM ab_assignments")) == 1


@pytest.mark.parametrize(
    ("written", "user_id"), [('"u"', "u"), ("42", "42"), ("1.50", "1.50"), ("0", "0"), ('"ключ"', "ключ")]
)
def test_ids_as_written(api: Caller, written: str, user_id: str) -> None:
    for new in (True, False):
        reply = ask(api, f'{{"user_id": {written}, "other": [1]}}'.encode()).json()
        assert (reply["user_id"], reply["new"]) == (user_id, new)


def test_attributes_and_visitors(api: Caller, product: Product) -> None:
    before = ask(api, {"user_id": "visitor", "attributes": {"plan": "pro"}}).json()
    after = ask(api, {"user_id": "ann", "anonymous_id": "visitor", "attributes": None}).json()
    assert after["variant"] == before["variant"]
    assert product.rows("SELECT subject, object FROM es_identity") == [("visitor", "ann")]
    assert ask(api, {"user_id": "bob", "anonymous_id": None}).status == 200
    assert ask(api, {"user_id": "bob", "anonymous_id": ""}).status == 200


def test_many(api: Caller) -> None:
    one = ask(api, {"user_id": "1"}).json()
    replies = ask(api, {"user_ids": ["x", 1, "x"]}, key="es_s_secret_key").json()["assignments"]
    assert [(reply["user_id"], reply["new"]) for reply in replies] == [("x", True), ("1", False), ("x", False)]
    assert replies[1]["variant"] == one["variant"]
    assert ask(api, {"user_ids": []}, key="es_s_secret_key").json() == {"assignments": []}
    assert ask(api, {"user_ids": ["x"]}).error(403) == "forbidden"


def test_names_in_paths(api: Caller, product: Product) -> None:
    for name in ("a b", "ключ", "50%", "assignments", "x&y"):
        product.experiment(name)
        assert ask(api, {"user_id": "u"}, f"/v1/experiments/{name}/assignments").json()["experiment"] == name


def test_what_is_not_there(api: Caller, product: Product) -> None:
    assert ask(api, {"user_id": "u"}, "/v1/experiments/x/assignments").error(404) == "unknown_experiment"
    product.experiment("draft", start=False)
    reply = ask(api, {"user_id": "u"}, "/v1/experiments/draft/assignments").json()
    assert (reply["variant"], reply["reason"]) == (None, "not_running")


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"", 400, "invalid_json"),
        (b"nope", 400, "invalid_json"),
        (b"\xff", 400, "invalid_json"),
        (b'{"user_id": "\xff"}', 400, "invalid_json"),
        (b'{"user_id": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, "invalid_json"),
        (b"[]", 422, "invalid"),
        (b"{}", 422, "invalid"),
        (b'{"user_id": null}', 422, "invalid"),
        (b'{"user_id": ""}', 422, "invalid"),
        (b'{"user_id": true}', 422, "invalid_user_id"),
        (b'{"user_id": {}}', 422, "invalid_user_id"),
        (b'{"user_id": "' + b"u" * 513 + b'"}', 422, "invalid_user_id"),
        (b'{"user_id": "\\u0000"}', 422, "invalid_text"),
        (b'{"user_id": "\\ud800"}', 422, "invalid_text"),
        (b'{"user_id": "u", "anonymous_id": []}', 422, "invalid_user_id"),
        (b'{"user_id": "u", "attributes": []}', 422, "invalid"),
        (b'{"user_id": "u", "attributes": {"a": 1e400}}', 422, "invalid"),
        (b'{"user_ids": "u"}', 422, "invalid"),
        (b'{"user_ids": ["u", "", true, "\\u0000"]}', 422, "invalid"),
        (b'{"user_ids": ["' + b'","'.join([b"u"] * 10_001) + b'"]}', 413, "too_large"),
    ],
)
def test_what_cannot_be_asked(api: Caller, body: bytes, status: int, code: str) -> None:
    reply = ask(api, body, key="es_s_secret_key")
    assert reply.error(status) == code
    if b'"", true' in body:
        assert [fault["field"] for fault in reply.json()["error"]["details"]] == [
            "user_ids[1]",
            "user_ids[2]",
            "user_ids[3]",
        ]


def test_nobody_asks_without_a_key(api: Caller) -> None:
    assert api.post(PATH, {"user_id": "u"}, key=None).error(401) == "unauthorized"
