"""Experiments over HTTP, in process: shapes, codes, odd names, and the document that describes them."""

import asyncio
import json
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig

from evensplit.api import experiments, results
from evensplit.experiments.assignments import Assigner
from evensplit.experiments.look import Looker
from evensplit.storage.catalog import Catalog
from evensplit.web.responses import EXCEPTION_HANDLERS
from tests.unit.experiments.stores import SmallStore

TWO = [{"name": "a"}, {"name": "b"}]


class Api:
    """One call each, through the ASGI interface."""

    def __init__(self, app: Litestar) -> None:
        self.app = app

    def __call__(self, method: str, path: str, body: object = None, expect: int = 200) -> Any:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        reply = asyncio.run(self._send(method, path, content))
        assert reply.status_code == expect, reply.text
        return reply.json() if reply.content else None

    def error(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        reply = asyncio.run(self._send(method, path, content))
        assert list(reply.json()) == ["error"]
        return reply.status_code, reply.json()["error"]["code"]

    async def _send(self, method: str, path: str, content: bytes | None) -> httpx.Response:
        transport = httpx.ASGITransport(app=self.app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            # What curl -d says by itself: the content type is not trusted.
            headers = {"content-type": "application/x-www-form-urlencoded"}
            return await client.request(method, path, content=content, headers=headers)


@pytest.fixture
def api(catalog: Catalog, store: SmallStore, assigner: Assigner) -> Api:
    services = SimpleNamespace(catalog=catalog, store=store, assigner=assigner, looker=Looker(catalog, store))
    app = Litestar(
        [*experiments.HANDLERS, *results.HANDLERS],
        state=State({"services": services}),
        exception_handlers=EXCEPTION_HANDLERS,
        openapi_config=OpenAPIConfig("test", "1"),
    )
    return Api(app)


def test_create_get_list_delete(api: Api) -> None:
    made = api("POST", "/v1/experiments", {"name": "x", "variants": TWO, "description": "d"}, 201)
    assert made == {
        "id": 1,
        "name": "x",
        "description": "d",
        "status": "running",
        "created_at": "2026-01-01T00:00:00.000Z",
        "started_at": "2026-01-01T00:00:00.000Z",
        "stopped_at": None,
        "control": "a",
        "variants": [
            {"id": 1, "name": "a", "description": None, "weight": 1.0, "payload": None},
            {"id": 2, "name": "b", "description": None, "weight": 1.0, "payload": None},
        ],
        "metrics": [],
        "method": "sequential",
        "hash_version": "growthbook_v2",
        "seed": "x",
        "origin": "created",
    }
    assert api("GET", "/v1/experiments/x") == made
    assert api("GET", "/v1/experiments") == {"experiments": [made]}
    assert api("DELETE", "/v1/experiments/x", expect=204) is None
    assert api.error("GET", "/v1/experiments/x") == (404, "unknown_experiment")


def test_a_payload_comes_back_digit_for_digit(api: Api) -> None:
    payload = b'{"b" : 1.50, "a":[1e2, 12345678901234567890123], "a":0}'
    body = b'{"name": "x", "variants": [{"name": "a", "payload": ' + payload + b'}, {"name": "b"}]}'
    api("POST", "/v1/experiments", body, 201)
    reply = asyncio.run(api._send("GET", "/v1/experiments/x", None))
    assert payload in reply.content


@pytest.mark.parametrize(
    "name",
    [
        "50 % off?",
        "a%2Fb",
        "100%25",
        "größe 🦄",
        "#1 & more",
        "a+b",
        " ",
        "start",
        "results",
        "{name}",
        "a\\b",
        "'\";--",
    ],
)
def test_odd_names(api: Api, name: str) -> None:
    path = f"/v1/experiments/{quote(name, safe='')}"
    assert api("POST", "/v1/experiments", {"name": name, "variants": TWO}, 201)["name"] == name
    assert api("GET", path)["name"] == name
    assert api("POST", f"{path}/stop")["status"] == "stopped"
    assert api("GET", f"{path}/results")["experiment"] == name
    assert api("GET", f"{path}/explain?user_id=u")["experiment"] == name
    assert api("GET", f"{path}/assignments") == {"assignments": [], "next_cursor": None}
    api("DELETE", path, expect=204)


@pytest.mark.parametrize(
    ("query", "field", "message"),
    [
        ("method=fixed&method=bayesian", "method", "is given 2 times"),
        ("metric=a&metric=b&alpha=0.1", "metric", "is given 2 times"),
        ("alpha=", "alpha", "Expected `float | null`, got `str`"),
        ("alpha=nan", "alpha", "must lie between 0 and 1, is 'nan'"),
        ("horizon=%D9%A3", "horizon", "must be a whole number of users from 1 to 1,000,000,000,000, is '٣'"),
    ],
)
def test_what_results_cannot_be_asked(api: Api, query: str, field: str, message: str) -> None:
    """Each fault with its field, whoever finds it."""
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    error = api("GET", f"/v1/experiments/x/results?{query}", expect=422)["error"]
    assert error["details"] == [{"field": field, "message": message}]
    assert error["message"] == f"{field}: {message}"


def test_a_dimension_has_a_name(api: Api) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    assert api.error("GET", "/v1/experiments/x/results?dimension=") == (422, "invalid_property")


def test_states_over_http(api: Api) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO, "start": False}, 201)
    assert api.error("POST", "/v1/experiments/x/stop") == (409, "conflict")
    assert api("POST", "/v1/experiments/x/start")["status"] == "running"
    assert api("POST", "/v1/experiments/x/stop")["status"] == "stopped"
    assert api("POST", "/v1/experiments/x/archive")["status"] == "archived"
    assert api.error("POST", "/v1/experiments/x/start") == (409, "conflict")


def test_patch(api: Api, assigner: Assigner) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    after = api("PATCH", "/v1/experiments/x", {"weights": {"b": 3}, "payloads": {"a": [1]}, "name": "y"})
    assert [(v["weight"], v["payload"]) for v in after["variants"]] == [(1.0, [1]), (3.0, None)]
    told = asyncio.run(assigner.assign("y", "u"))
    rest = [each for each in TWO if each["name"] != told.variant] + [{"name": "c"}]
    assert api.error("PATCH", "/v1/experiments/y", {"variants": rest, "control": "c"}) == (409, "conflict")
    assert api.error("PATCH", "/v1/experiments/y", {"weights": {"a": 0, "b": 0}}) == (422, "invalid")
    assert api.error("PATCH", "/v1/experiments/nobody", {}) == (404, "unknown_experiment")


@pytest.mark.parametrize(
    ("method", "path", "body", "error"),
    [
        ("POST", "/v1/experiments", b"", (400, "invalid_json")),
        ("POST", "/v1/experiments", b"{", (400, "invalid_json")),
        ("POST", "/v1/experiments", b"\xff", (400, "invalid_json")),
        ("POST", "/v1/experiments", b"[" * 5000 + b"]" * 5000, (422, "invalid")),
        ("POST", "/v1/experiments", {"name": "y"}, (422, "invalid")),
        ("POST", "/v1/experiments", {"name": "x", "variants": TWO}, (409, "conflict")),
        ("PUT", "/v1/experiments/x/metrics", b"", (400, "invalid_json")),
        ("PUT", "/v1/experiments/x/metrics", {}, (422, "invalid")),
        ("PUT", "/v1/experiments/x/metrics", [{"name": "m", "kind": "magic"}], (422, "invalid")),
        ("PUT", "/v1/experiments/nobody/metrics", [], (404, "unknown_experiment")),
        ("GET", "/v1/experiments/x/results?method=magic", None, (422, "invalid")),
        ("GET", "/v1/experiments/x/results?alpha=7", None, (422, "invalid")),
        ("GET", "/v1/experiments/x/results?alpha=lots", None, (422, "invalid")),
        ("GET", "/v1/experiments/x/results?as_of=%20", None, (422, "invalid_as_of")),
        ("GET", "/v1/experiments/x/results?metric=m", None, (404, "not_found")),
        ("GET", "/v1/experiments/x/explain", None, (422, "invalid")),
        ("GET", "/v1/experiments/x/explain?user_id=", None, (422, "invalid")),
        ("GET", "/v1/experiments/x/assignments?cursor=x", None, (422, "invalid")),
        ("GET", "/v1/experiments/x/assignments?limit=0", None, (422, "invalid")),
        ("GET", "/v1/experiments/x/assignments/stranger", None, (404, "not_found")),
        ("DELETE", "/v1/experiments/nobody", None, (404, "unknown_experiment")),
    ],
)  # fmt: skip
def test_errors(api: Api, method: str, path: str, body: object, error: tuple[int, str]) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    assert api.error(method, path, body) == error


def test_every_fault_is_in_the_details(api: Api) -> None:
    body = {"name": "", "variants": [{"name": "a", "weight": -1}, {"name": "a"}]}
    found = api("POST", "/v1/experiments", body, 422)["error"]["details"]
    assert {fault["field"] for fault in found} == {"name", "variants[0].weight", "variants[1].name"}


def test_metric_definitions_can_be_put_back_as_they_were_got(api: Api) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    filters = [{"any": [{"property": ["a", "b"], "op": "gte", "value": 1.5}, {"property": "c", "op": "is_set"}]}]
    definitions = [
        {"name": "r", "kind": "recorded"},
        {"name": "p", "kind": "proportion", "event": {"event_type": "buy", "filters": filters}, "window_hours": 24},
        {"name": "m", "kind": "mean", "event": "buy", "aggregate": "sum", "property": "price", "role": "guardrail"},
    ]
    got = api("PUT", "/v1/experiments/x/metrics", definitions)["metrics"]
    assert [metric["kind"] for metric in got] == ["recorded", "proportion", "mean"]
    assert got[1]["event"] == {"event_type": "buy", "filters": filters}
    assert api("PUT", "/v1/experiments/x/metrics", got)["metrics"] == got
    assert api("PUT", "/v1/experiments/x/metrics", [])["metrics"] == []
    assert api("POST", "/v1/experiments", {"name": "y", "variants": TWO, "metrics": got}, 201)["metrics"] == got


def test_a_pattern_that_cannot_be_read_is_refused_at_once(api: Api) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    event = {"event_type": "e", "filters": [{"property": "p", "op": "matches", "value": "("}]}
    metric = {"name": "p", "kind": "proportion", "event": event}
    assert api.error("PUT", "/v1/experiments/x/metrics", [metric]) == (422, "invalid_regex")
    assert api.error("POST", "/v1/experiments", {"name": "y", "variants": TWO, "metrics": [metric]}) == (
        422,
        "invalid_regex",
    )
    assert len(api("GET", "/v1/experiments")["experiments"]) == 1


@pytest.mark.parametrize("user", ["u", "a/b", "a//b", "100%25", "größe", "a?b", ".."])
def test_one_stored_assignment(api: Api, assigner: Assigner, user: str) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    told = asyncio.run(assigner.assign("x", user))
    row = {"user_id": user, "variant": told.variant, "variant_id": told.variant_id, "assigned_at": told.assigned_at}
    # httpx would resolve dots itself; a server sees them as they were sent.
    segment = quote(user, safe="").replace(".", "%2E")
    assert api("GET", f"/v1/experiments/x/assignments/{segment}") == row


def test_assignments_page_by_page(api: Api, assigner: Assigner) -> None:
    api("POST", "/v1/experiments", {"name": "x", "variants": TWO}, 201)
    asyncio.run(assigner.assign_many("x", [f"u{n}" for n in range(25)]))
    found: list[str] = []
    path = "/v1/experiments/x/assignments?limit=10"
    page = api("GET", path)
    while True:
        found += [row["user_id"] for row in page["assignments"]]
        if page["next_cursor"] is None:
            break
        page = api("GET", f"{path}&cursor={page['next_cursor']}")
    assert found == [f"u{n}" for n in range(25)]


def test_the_document_describes_bodies_and_replies(api: Api) -> None:
    document = api.app.openapi_schema.to_schema()
    create = document["paths"]["/v1/experiments"]["post"]
    schema = create["requestBody"]["content"]["application/json"]["schema"]
    assert schema["required"] == ["name", "variants"]
    assert set(schema["properties"]["variants"]["items"]["properties"]) == {"name", "description", "weight", "payload"}
    assert "201" in create["responses"]
    assert "ref" not in json.dumps(schema)
    assert document["components"]["schemas"]["Results"]["properties"].keys() >= {"users", "srm", "metrics", "as_of"}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            assert operation["summary"], (path, method)
