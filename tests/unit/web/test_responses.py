"""The one error shape, whoever raised what."""

import json
import logging
from typing import Annotated

import msgspec
import pytest
from litestar import Litestar, get, post
from litestar.params import FromPath, JSONBody, QueryParameter
from litestar.testing import TestClient

from evensplit import errors
from evensplit.errors import EvensplitError
from evensplit.web import responses


def every(kind: type[EvensplitError]) -> list[type[EvensplitError]]:
    return [kind, *(one for child in kind.__subclasses__() for one in every(child))]


# The others take their code from whoever raises them, or never reach a reply.
SHOWN = [kind for kind in every(EvensplitError) if "__init__" not in vars(kind) or kind is errors.Unavailable]


@pytest.mark.parametrize("kind", SHOWN)
def test_every_error_has_the_shape(kind: type[EvensplitError]) -> None:
    status, headers, body = responses.render(kind("what and why"))
    assert status == kind.status
    assert json.loads(body) == {"error": {"code": kind.code, "message": "what and why"}}
    named = dict(headers)
    assert named[b"content-type"] == b"application/json"
    assert int(named[b"content-length"]) == len(body)
    assert (b"retry-after" in named) is (kind is errors.Unavailable)
    assert (b"www-authenticate" in named) is (kind is errors.Unauthorized)


def test_details_and_headers() -> None:
    _, headers, body = responses.render(errors.MethodNotAllowed("no", ["GET", "POST"]))
    assert (b"allow", b"GET, POST") in headers
    assert json.loads(body)["error"]["details"] == ["GET", "POST"]
    _, headers, _ = responses.render(errors.Unavailable("full", retry_after=7))
    assert (b"retry-after", b"7") in headers
    assert json.loads(responses.render(errors.Rejected("invalid_number", "x"))[2])["error"]["code"] == "invalid_number"


def test_text_that_no_reply_can_carry() -> None:
    assert json.loads(responses.render(errors.NotFound("no 'a\udcffb'"))[2])["error"]["message"] == "no 'a?b'"
    assert json.loads(responses.render(errors.NotFound("no 'ключ'"))[2])["error"]["message"] == "no 'ключ'"


@pytest.mark.parametrize("defect", [ValueError("secret path /etc"), errors.StartError("secret path /etc"), KeyError(1)])
def test_a_defect_is_logged_whole_and_shown_as_nothing(defect: Exception, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        status, _, body = responses.render(responses.known(defect))
    assert (status, json.loads(body)["error"]["code"]) == (500, "internal")
    assert b"secret" not in body
    assert caplog.records[0].exc_info is not None and caplog.records[0].exc_info[1] is defect


class Thing(msgspec.Struct):
    name: str
    size: int = 1


@post("/things")
async def make(data: JSONBody[Thing]) -> Thing:
    return data


@get("/things/{number:int}")
async def one(number: FromPath[int], limit: Annotated[int, QueryParameter(ge=1)] = 1) -> Thing:
    if number == 1:
        raise errors.NotFound("no thing 1")
    if number == 2:
        raise ZeroDivisionError("secret")
    if number == 3:
        raise errors.Unavailable("later", retry_after=3)
    return Thing("x", limit)


@pytest.fixture(scope="module")
def client() -> TestClient[Litestar]:
    app = Litestar([make, one], exception_handlers=responses.EXCEPTION_HANDLERS, openapi_config=None)
    return TestClient(app, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "code"),
    [
        ("GET", "/nothing", None, 404, "not_found"),
        ("GET", "/things/1", None, 404, "not_found"),
        ("GET", "/things/2", None, 500, "internal"),
        ("GET", "/things/3", None, 503, "unavailable"),
        ("GET", "/things/x", None, 404, "not_found"),
        ("GET", "/things/4?limit=0", None, 422, "invalid"),
        ("GET", "/things/4?limit=x", None, 422, "invalid"),
        ("DELETE", "/things", None, 405, "method_not_allowed"),
        ("POST", "/things", b"{", 400, "invalid_json"),
        ("POST", "/things", b"", 422, "invalid"),
        ("POST", "/things", b"\xff", 400, "invalid_json"),
        ("POST", "/things", b'{"name": "\xff"}', 400, "invalid_json"),
        ("POST", "/things", b'{"name": "\\ud800"}', 400, "invalid_json"),
        ("POST", "/things", b'{"name": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, None),
        ("POST", "/things", b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}", 400, None),
        ("POST", "/things", b"{}", 422, "invalid"),
        ("POST", "/things", b'{"name": 5}', 422, "invalid"),
        ("POST", "/things", b"[]", 422, "invalid"),
    ],
)
def test_litestar_answers_in_the_same_shape(
    client: TestClient[Litestar], method: str, path: str, body: bytes | None, status: int, code: str | None
) -> None:
    reply = client.request(
        method, path, content=body, headers={"content-type": "application/json"} if body is not None else {}
    )
    assert (reply.status_code, reply.headers["content-type"]) == (status, "application/json"), reply.text
    whole = reply.json()
    assert set(whole) == {"error"}
    assert code is None or whole["error"]["code"] == code
    assert "secret" not in reply.text and "Traceback" not in reply.text
    if status == 405:
        assert "POST" in reply.headers["allow"]
    if status == 503:
        assert reply.headers["retry-after"] == "3"
