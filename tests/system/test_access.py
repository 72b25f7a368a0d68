"""Who may do what, and every other error of the interface in its one shape."""

import base64
import json
import threading
import time
from collections.abc import Callable
from contextlib import closing
from sqlite3 import connect

import pytest

from tests.system import record
from tests.system.client import Client, Reply, assignments
from tests.system.server import SECRET_KEY, WRITE_KEY, Server
from tests.system.traffic import event

GOOD = {"event_type": "good", "user_id": "u"}
SECRET_ROUTES = [
    ("GET", "/v1/events"),
    ("GET", "/v1/users/u"),
    ("GET", "/v1/rejects"),
    ("GET", "/v1/catalog/events"),
    ("GET", "/v1/catalog/properties?event_type=x"),
    ("GET", "/v1/experiments"),
    ("POST", "/v1/experiments"),
    ("GET", "/v1/experiments/x"),
    ("PATCH", "/v1/experiments/x"),
    ("DELETE", "/v1/experiments/x"),
    ("POST", "/v1/experiments/x/start"),
    ("POST", "/v1/experiments/x/stop"),
    ("POST", "/v1/experiments/x/archive"),
    ("PUT", "/v1/experiments/x/metrics"),
    ("GET", "/v1/experiments/x/results"),
    ("GET", "/v1/experiments/x/explain?user_id=u"),
    ("GET", "/v1/experiments/x/assignments"),
    ("POST", "/v1/metrics"),
    ("POST", "/v1/reports/trend"),
    ("GET", "/v1/reports/trend?q=%7B%7D"),
    ("POST", "/v1/sql"),
    ("GET", "/metrics"),
]


def basic(name: str, password: str = "") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize(("method", "path"), SECRET_ROUTES)
def test_secret_routes(served: Server, method: str, path: str) -> None:
    body: dict[str, object] | None = {} if method in ("POST", "PATCH", "PUT") else None
    separator = "&" if "?" in path else "?"
    with served.client(None) as nobody, served.client(WRITE_KEY) as public, served.client("es_s_" + "x" * 32) as wrong:
        assert nobody.call(method, path, body).error(401) == "unauthorized"
        assert wrong.call(method, path, body).error(401) == "unauthorized"
        assert public.call(method, path, body).error(403) == "forbidden"
        assert nobody.call(method, f"{path}{separator}key={WRITE_KEY}", body).error(401, 403)
        nobody.call(method, f"{path}{separator}key={SECRET_KEY}", body).error(401)
        nobody.call(method, path, body, basic(SECRET_KEY)).error(401)


def test_where_the_write_key_may_stand(served: Server) -> None:
    with served.client(None) as nobody:
        assert nobody.post("/v1/events", GOOD).error(401) == "unauthorized"
        for path, headers in [
            ("/v1/events", {"Authorization": f"Bearer {WRITE_KEY}"}),
            ("/v1/events", {"authorization": f"bearer {WRITE_KEY}"}),
            ("/v1/events", basic(WRITE_KEY)),
            (f"/v1/events?key={WRITE_KEY}", {}),
            (f"/v1/events?a=b&key={WRITE_KEY}&c=d", {"Content-Type": "text/plain;charset=UTF-8"}),
            ("/v1/events", {"Authorization": f"Bearer {SECRET_KEY}"}),
        ]:
            assert nobody.post(path, GOOD, headers).good()["accepted"] == 1, path
        for path, headers in [
            ("/v1/events", {"Authorization": f"Bearer {WRITE_KEY}x"}),
            ("/v1/events", {"Authorization": WRITE_KEY}),
            ("/v1/events", {"Authorization": "Bearer "}),
            ("/v1/events", {"Authorization": "Basic !!!"}),
            ("/v1/events", {"Authorization": "Bearer \xff\xfe"}),
            ("/v1/events", basic("", WRITE_KEY)),
            (f"/v1/events?key={SECRET_KEY}", {}),
            ("/v1/events", basic(SECRET_KEY)),
            ("/v1/events?key=", {}),
        ]:
            assert nobody.post(path, GOOD, headers).error(401) == "unauthorized", (path, headers)


def test_open_pages(served: Server) -> None:
    with served.client(None) as nobody:
        assert nobody.get("/healthz").status == 200
        assert nobody.get("/readyz").status == 200
        document = nobody.get("/openapi.json").good()
        assert document["openapi"].startswith("3.")
        assert {"/v1/events", "/v1/reports/trend", "/v1/experiments"} <= set(document["paths"])


def test_keys_stand_nowhere_in_clear(served: Server) -> None:
    with served.client() as api:
        api.get(f"/v1/events?key={WRITE_KEY}")
        api.post(f"/v1/events?key={SECRET_KEY}", GOOD, {"Authorization": ""})
    for path in served.data.iterdir():
        assert SECRET_KEY.encode() not in path.read_bytes(), path
    assert SECRET_KEY not in served.said(), "a key that was fixed beforehand is not printed either"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "", "[::1", "10.0.0.1"])
def test_foreign_hosts(api: Client, host: str) -> None:
    for method, path in [("GET", "/v1/events"), ("POST", "/v1/events"), ("GET", "/healthz"), ("GET", "/openapi.json")]:
        reply = api.call(method, path, GOOD if method == "POST" else None, {"Host": host})
        if path != "/healthz":  # a load balancer may ask by any name
            reply.error(400, 403, 421)


@pytest.mark.parametrize("host", ["localhost", "localhost:{port}", "127.0.0.1:{port}", "127.0.0.1", "LOCALHOST"])
def test_own_hosts(served: Server, api: Client, host: str) -> None:
    api.call("GET", "/v1/events", None, {"Host": host.format(port=served.port)}).good()


def test_cors(served: Server) -> None:
    with served.client(None) as nobody:
        asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
        asked["Access-Control-Request-Headers"] = "authorization,content-type"
        for path in ("/v1/events", assignments("x")):
            reply = nobody.call("OPTIONS", path, None, asked)
            assert reply.status in (200, 204)
            assert reply.headers["access-control-allow-origin"] in ("*", "https://shop.example")
            assert "authorization" in reply.headers["access-control-allow-headers"].lower()
            assert "POST" in reply.headers["access-control-allow-methods"]
            assert "access-control-allow-credentials" not in reply.headers
        for method, path in [("OPTIONS", "/v1/reports/trend"), ("OPTIONS", "/v1/experiments"), ("GET", "/v1/events")]:
            reply = nobody.call(method, path, None, asked)
            if (method, path) != ("GET", "/v1/events"):
                assert "access-control-allow-origin" not in reply.headers, (method, path)
    with served.client(WRITE_KEY) as public:
        origin = {"Origin": "https://shop.example"}
        assert "access-control-allow-origin" in public.post("/v1/events", GOOD, origin).headers
        assert "access-control-allow-origin" in public.post("/v1/events", b"{", origin).headers, "errors too"
        assert "access-control-allow-origin" in public.post(assignments("nobody"), {"user_id": "u"}, origin).headers


@pytest.mark.parametrize(
    "path", ["/nothing", "/v1", "/v1/nothing", "/v1/reports/nothing", "/v1/experiments/x/no", "/%00"]
)
def test_unknown_paths(api: Client, path: str) -> None:
    assert api.get(path).error(404) == "not_found"


def test_wrong_methods(api: Client) -> None:
    for method, path in [
        ("PUT", "/v1/events"),
        ("DELETE", "/v1/events"),
        ("DELETE", "/v1/metrics"),
        ("DELETE", "/v1/reports/trend"),
        ("POST", "/v1/catalog/events"),
        ("PUT", "/v1/experiments"),
    ]:
        reply = api.call(method, path, {} if method != "DELETE" else None)
        assert reply.error(405) == "method_not_allowed", (method, path)
        assert "allow" in reply.headers


WRONG_EXPERIMENTS = [
    {},
    {"name": "w"},
    {"name": "w", "variants": []},
    {"name": "w", "variants": [{"name": "a"}]},
    {"name": "w", "variants": [{"name": "a"}, {"name": "a"}]},
    {"name": "w", "variants": [{"name": "a"}, {"name": "b", "weight": -1}]},
    {"name": "w", "variants": [{"name": "a", "weight": 0}, {"name": "b", "weight": 0}]},
    {"name": "w", "variants": [{"name": "a", "weight": "1"}, {"name": "b"}]},
    {"name": "w", "variants": [{"name": "a", "weight": None}, {"name": "b"}], "unknown_field": 1},
    {"name": "w", "variants": [{"name": ""}, {"name": "b"}]},
    {"name": "", "variants": [{"name": "a"}, {"name": "b"}]},
    {"name": "x" * 201, "variants": [{"name": "a"}, {"name": "b"}]},
    {"name": "a/b", "variants": [{"name": "a"}, {"name": "b"}]},
    {"name": "w", "variants": [{"name": "a"}, {"name": "b"}], "control": "c"},
    {"name": 7, "variants": [{"name": "a"}, {"name": "b"}]},
    {"name": "w", "variants": {"a": 1}},
    {"name": "w\u0000", "variants": [{"name": "a"}, {"name": "b"}]},
]


@pytest.mark.parametrize("body", WRONG_EXPERIMENTS, ids=range(len(WRONG_EXPERIMENTS)))
def test_wrong_experiments(served: Server, api: Client, body: dict[str, object]) -> None:
    before = record.read(served.record, "SELECT count(*) FROM ab_tests")
    api.post("/v1/experiments", body).error(422)
    assert record.read(served.record, "SELECT count(*) FROM ab_tests") == before


def test_weights_that_are_no_numbers(api: Client) -> None:
    text = b'{"name": "n", "variants": [{"name": "a", "weight": %s}, {"name": "b"}]}'
    api.post("/v1/experiments", text % b"1e400").error(400, 422)
    api.post("/v1/experiments", text % b"NaN").error(400)
    api.post("/v1/experiments", b"{").error(400)
    api.post("/v1/experiments", b"[]").error(400, 422)


def test_conflicts(api: Client) -> None:
    two = [{"name": "a"}, {"name": "b"}]
    api.create("taken", two)
    assert api.post("/v1/experiments", {"name": "taken", "variants": two}).error(409) == "conflict"
    api.create("other", two)
    assert api.call("PATCH", "/v1/experiments/other", {"name": "taken"}).error(409) == "conflict"
    variant = api.assign("other", "u")["variant"]
    rest = [{"name": name} for name in ("a", "b", "c") if name != variant]
    assert api.call("PATCH", "/v1/experiments/other", {"variants": rest}).error(409) == "conflict"
    assert [v["name"] for v in api.get("/v1/experiments/other").good()["variants"]] == ["a", "b"]


METRIC = {"experiment": "measured", "metric": "m", "value": 1, "user_id": "u"}
WRONG_METRICS = {
    "unknown_experiment": {**METRIC, "experiment": "nobody"},
    "unknown_variant": {"experiment": "measured", "metric": "m", "value": 1, "variant": "z"},
    "not_assigned": {**METRIC, "user_id": "stranger"},
    "invalid_number": {**METRIC, "value": "1"},
    "invalid_timestamp": {**METRIC, "timestamp": "yesterday"},
    "message_id_too_long": {**METRIC, "message_id": "m" * 129},
}


def test_metrics(served: Server, api: Client) -> None:
    api.create("measured", [{"name": "a"}, {"name": "b"}])
    variant = api.assign("measured", "u")["variant"]
    for reason, body in WRONG_METRICS.items():
        assert api.post("/v1/metrics", body).error(422, 404) == reason
        reply = api.post("/v1/metrics", [METRIC, body]).good()
        assert (reply["accepted"], reply["rejected"]) == (1, 1)
        assert (reply["notes"][0]["index"], reply["notes"][0]["reason"]) == (1, reason)
    infinite = b'{"experiment": "measured", "metric": "m", "value": 1e400, "user_id": "u"}'
    assert api.post("/v1/metrics", infinite).error(422) == "invalid_number"
    once = {**METRIC, "message_id": "m-1", "value": 7}
    assert api.post("/v1/metrics", [once, once]).good()["duplicate"] == 1
    assert api.post("/v1/metrics", once).good() == {"accepted": 0, "duplicate": 1, "rejected": 0} | {
        "notes": [{"index": 0, "status": "duplicate"}]
    }
    assert api.post("/v1/metrics", {**once, "metric": "other"}).good()["accepted"] == 1, "the scope is the metric"
    assert api.capture({**GOOD, "message_id": "m-1"})["accepted"] == 1, "events have a scope of their own"
    direct = {"experiment": "measured", "metric": "direct", "value": 2.5, "variant": "b"}
    assert api.post("/v1/metrics", direct).good()["accepted"] == 1
    found = record.read(
        served.record,
        "SELECT v.variant_name, m.metric_name, m.value, count(*) FROM ab_metrics m"
        " JOIN ab_variants v ON v.id = m.variant_id GROUP BY 1, 2, 3 ORDER BY 2, 3",
    )
    assert found == [("b", "direct", 2.5, 1), (variant, "m", 1, 6), (variant, "m", 7, 1), (variant, "other", 7, 1)]


WRONG_TRENDS: list[object] = [
    {},
    {"series": []},
    {"series": [{"event": "x", "measure": "nothing"}]},
    {"series": [{"event": "x", "measure": "sum"}]},
    {"series": [{"event": "x", "measure": "count"}], "interval": "fortnight"},
    {"series": [{"event": "x", "measure": "count"}], "timezone": "Mars/Olympus"},
    {"series": [{"event": "x", "measure": "count"}], "since": "yesterday-ish"},
    {"series": [{"event": "x", "measure": "count"}], "since": "2026-03-01", "until": "2026-02-01"},
    {"series": [{"event": "x", "measure": "count"}], "interval": "minute", "since": "1970-01-01"},
    {"series": [{"event": "x", "measure": "count"}], "filters": [{"property": "a", "op": "like", "value": 1}]},
    {"series": [{"event": "x", "measure": "count"}], "filters": [{"property": "a", "op": "matches", "value": "("}]},
    {"series": [{"event": "x", "measure": "count"}], "formula": "A/"},
    {"series": [{"event": "x", "measure": "count"}], "formula": "A/Z"},
    {"series": [{"event": "x", "measure": "count"}], "formula": "__import__('os')"},
    {"series": [{"event": "x", "measure": "count"}], "breakdown": [{"property": "a", "limit": -1}]},
    {"series": [{"event": "x", "measure": "count"}], "smooth": -3},
    {"series": [{"event": "x", "measure": "count"}], "as_of": "nonsense"},
    {"series": [{"event": "x", "measure": "count"}], "surprise": 1},
    {"series": "x"},
    [],
    "x",
    None,
    7,
]


@pytest.mark.parametrize("body", WRONG_TRENDS, ids=range(len(WRONG_TRENDS)))
def test_wrong_trends(api: Client, body: object) -> None:
    api.post("/v1/reports/trend", json.dumps(body).encode()).error(400, 422)


def test_a_full_queue(new_server: Callable[..., Server]) -> None:
    """Another program holds the record's write lock: some requests wait, the others get 503; nobody is told a lie."""
    server = new_server(settings={"EVENSPLIT_QUEUE_EVENTS": "1000"}).start()
    replies: list[tuple[str, Reply]] = []

    def send(worker: int) -> None:
        with server.client(WRITE_KEY, limit=60) as client:
            for n in range(6):
                batch = [event(f"{worker}-{n}-{i}", i) for i in range(200)]
                replies.append((f"{worker}-{n}", client.post("/v1/events", batch)))

    with closing(connect(server.record, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        senders = [threading.Thread(target=send, args=(worker,)) for worker in range(16)]
        for sender in senders:
            sender.start()
        time.sleep(2)
        with server.client(limit=5) as api:
            assert api.get("/healthz").status == 200, "a locked record does not stop the process"
        other.execute("ROLLBACK")
        for sender in senders:
            sender.join(90)
    assert len(replies) == 16 * 6
    refused = [reply for _, reply in replies if reply.status == 503]
    assert refused, "3,200 events on the way fit no queue of 1,000"
    for reply in refused:
        assert reply.error(503) == "unavailable"
        assert int(reply.headers["retry-after"]) >= 1
    taken = {name for name, reply in replies if reply.status == 200}
    assert len(taken) + len(refused) == len(replies)
    found = record.stored(server.record)
    assert {number.rpartition("-")[0] for number in found} == taken, "a refused batch leaves nothing behind"
    assert len(found) == 200 * len(taken) and set(found.values()) <= {1}
    record.report_equals_record(server)
