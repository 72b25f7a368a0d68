"""The OpenAPI document, fuzzed: no request that it describes, and none close to it, is answered with a 500."""

import os

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.schemas import OpenApiSchema

from tests.system.client import Reply
from tests.system.server import SECRET_KEY, Server

EXAMPLES = int(os.environ.get("EVENSPLIT_TEST_EXAMPLES", "12"))


@pytest.fixture(scope="module")
def described(served: Server) -> OpenApiSchema:
    with served.client() as api:
        api.create("known", [{"name": "a"}, {"name": "b"}])
        api.capture([{"event_type": "x", "user_id": "u", "properties": {"a": n}} for n in range(20)])
    url = f"http://127.0.0.1:{served.port}"
    loaded = schemathesis.openapi.from_url(f"{url}/openapi.json")
    loaded.config.update(base_url=url)
    # a stream never ends; keys and users are what the test itself lives by
    return loaded.exclude(path_regex="/stream$").exclude(path_regex="^/v1/keys", method="DELETE")


def fuzzed(operation: APIOperation) -> None:
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def ask(case: schemathesis.Case) -> None:
        response = case.call(headers={"Authorization": f"Bearer {SECRET_KEY}"}, timeout=30)
        command = case.as_curl_command()
        assert response.status_code < 500 or response.status_code == 503, (command, response.text[:500])
        assert response.status_code != 401, "the key itself was lost on the way"
        if response.status_code >= 400:
            headers = {name.lower(): values[0] for name, values in response.headers.items()}
            Reply(response.status_code, headers, response.content).error(response.status_code)

    ask()


def test_no_500(described: OpenApiSchema, subtests: pytest.Subtests) -> None:
    operations = [result.ok() for result in described.get_all_operations()]
    assert len(operations) > 15
    for operation in operations:
        with subtests.test(operation.label):
            fuzzed(operation)


def test_it_still_stands(served: Server) -> None:
    with served.client() as api:
        api.get("/readyz").good()
    assert "Traceback" not in served.said(), served.said()[-4000:]


def test_the_document_names_every_route(served: Server) -> None:
    with served.client(None) as nobody:
        document = nobody.get("/openapi.json").good()
    paths = {path.replace("{name:str}", "{name}") for path in document["paths"]}
    assert {
        "/v1/events",
        "/v1/metrics",
        "/v1/rejects",
        "/v1/users/{user_id}",
        "/v1/catalog/events",
        "/v1/catalog/properties",
        "/v1/experiments",
        "/v1/experiments/{name}",
        "/v1/experiments/{name}/assignments",
        "/v1/experiments/{name}/results",
        "/v1/reports/trend",
    } <= paths, sorted(paths)
