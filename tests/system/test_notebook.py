"""A notebook connected to a server, beside the server's own replies over the wire."""

import csv
import io

import pytest

import evensplit
from evensplit.errors import DirectoryOwned
from evensplit.notebook import Refused
from tests.system.client import Client
from tests.system.server import SECRET_KEY, WRITE_KEY, Server

REPORT = {"series": [{"event": "noted"}], "since": "2026-11-01", "until": "2026-11-03"}


@pytest.fixture(scope="module", autouse=True)
def _events(served: Server) -> None:
    with served.client() as api:
        api.capture(
            [
                {"event_type": "noted", "user_id": f"u{n}", "timestamp": f"2026-11-0{1 + n % 3}T10:00:00Z"}
                for n in range(10)
            ]
        )


def test_a_connected_notebook_answers_as_the_server_does(served: Server, api: Client) -> None:
    with evensplit.connect(f"http://127.0.0.1:{served.port}", SECRET_KEY) as es:
        result = es.trend(REPORT)
        reply = api.post("/v1/reports/trend", REPORT).good()
        assert [row["value"] for row in result.to_dicts()] == reply["series"][0]["values"] == [4, 3, 3]
        assert result.figure().data[0].name == "noted"
        rows = api.call("POST", "/v1/reports/trend", REPORT, {"Accept": "text/csv"})
        assert [row["value"] for row in csv.DictReader(io.StringIO(rows.body.decode()))] == ["4", "3", "3"]
        assert es.sql("SELECT count(*) AS n FROM events WHERE event_type = ?", "noted").to_dicts() == [{"n": 10}]
        assert len(es.persons("trend", REPORT).to_dicts()) == 10
    with evensplit.connect(f"http://127.0.0.1:{served.port}", WRITE_KEY) as es, pytest.raises(Refused) as refused:
        es.trend(REPORT)
    assert refused.value.status == 403


def test_what_was_saved_is_there_after_a_restart(served: Server) -> None:
    with served.client() as api:
        api.post("/v1/saved", {"name": "kept", "kind": "trend", "report": REPORT}).good(201)
        tile = {"saved": "kept", "x": 0, "y": 0, "w": 6, "h": 4}
        board = api.post("/v1/dashboards", {"name": "board", "layout": [tile]}).good(201)
        note = api.post("/v1/annotations", {"at": "2026-11-01", "text": "launch"}).good(201)
        answer = api.get("/v1/saved/kept/run").good()
    served.kill()
    served.start()
    with served.client() as api:
        assert api.get("/v1/dashboards/board").good() == board
        assert api.get("/v1/annotations").good()["annotations"] == [note]
        again = api.get("/v1/saved/kept/run").good()
        assert again["series"] == answer["series"] and again["buckets"] == answer["buckets"]


def test_the_directory_of_a_running_server_is_its_own(served: Server) -> None:
    with pytest.raises(DirectoryOwned):
        evensplit.open(str(served.data))


@pytest.mark.parametrize("path", ["/v1/saved", "/v1/dashboards", "/v1/annotations", "/v1/saved/kept/run"])
def test_what_is_saved_needs_the_secret_key(served: Server, path: str) -> None:
    with served.client(None) as nobody, served.client(WRITE_KEY) as writer:
        assert nobody.get(path).error(401) == "unauthorized"
        assert writer.get(path).error(403) == "forbidden"
        assert writer.post(path, {}).error(403) == "forbidden"
