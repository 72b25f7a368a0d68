"""Servers whose events are on ClickHouse: its engine in the process, or a database of the server that
EVENSPLIT_TEST_CLICKHOUSE names (clickhouse://user:pass@host:8123). What is acknowledged survives, and counts once."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.system.client import Client
from tests.system.server import Server, run_command
from tests.system.traffic import Traffic, event

MakeServer = Callable[..., Server]


def place(tmp_path: Path) -> str:
    """A database of its own."""
    server = os.environ.get("EVENSPLIT_TEST_CLICKHOUSE")
    if server:
        return f"clickhouse://{urlsplit(server).netloc}/evensplit_{os.getpid()}_{tmp_path.name.replace('-', '_')}"
    return f"chdb://{tmp_path}/clickhouse"


@pytest.fixture
def server(new_server: MakeServer, tmp_path: Path) -> Server:
    return new_server(settings={"EVENSPLIT_EVENTS": place(tmp_path)})


def counted(api: Client) -> tuple[int, int, int]:
    """All events, distinct numbers among them, and persons."""
    series = [
        {"event": "@any"},
        {"event": "@any", "measure": "distinct", "property": "n"},
        {"event": "@any", "measure": "users"},
    ]
    events, numbers, users = (line["total"] for line in api.trend(series, since="-2d")["series"])
    return events, numbers, users


def numbers(api: Client) -> set[str]:
    """Those of all stored events."""
    found: set[str] = set()
    cursor = ""
    while True:
        page: dict[str, Any] = api.get(f"/v1/events?limit=1000{cursor}").good()
        found |= {each["properties"]["n"] for each in page["events"]}
        if not page["next_cursor"]:
            return found
        cursor = f"&cursor={page['next_cursor']}"


def test_captured_asked_restarted_and_asked_again(server: Server) -> None:
    server.start()
    with server.client() as api:
        sent = [event(f"e{n}", n) for n in range(500)]
        assert api.capture(sent)["accepted"] == 500
        assert counted(api) == (500, 500, 97)
        again = api.capture([*sent[:100], event("new", 1)])
        assert (again["accepted"], again["duplicate"]) == (1, 100)
        before = api.trend([{"event": "click"}], breakdown=[{"property": "k"}], since="-2d")
        api.create("x", [{"name": "a"}, {"name": "b"}])
        chosen = {f"user{n}": api.assign("x", f"user{n}")["variant"] for n in range(20)}
        assert api.post("/v1/sql", {"sql": "SELECT 1"}).error(422) == "sql_not_allowed"
        assert api.get("/v1/users/user3").good()["events"] == 6
    assert server.stop() == 0
    server.start()
    with server.client() as api:
        assert counted(api) == (501, 501, 97)
        after = api.trend([{"event": "click"}], breakdown=[{"property": "k"}], since="-2d")
        assert after["series"] == before["series"]
        assert api.capture(sent)["duplicate"] == 500
        assert {user: api.assign("x", user)["variant"] for user in chosen} == chosen
        assert api.get("/v1/storage").good()["assignments"] == 20
    assert "Traceback" not in server.said(), server.said()[-4000:]


def test_kill_9_under_load(server: Server) -> None:
    server.start()
    with Traffic(server, connections=4) as traffic:
        for _ in range(2):
            traffic.wait_for(100)
            server.kill()
            server.start()
        traffic.wait_for(100)
    assert traffic.lost, "no request was cut off: the kills came at the wrong time"
    assert not traffic.faults, traffic.faults
    with server.client() as api:
        events, distinct, _ = counted(api)
        assert events == distinct, "one was counted twice"
        stored = numbers(api)
        assert len(stored) == events
        assert traffic.acknowledged <= stored <= traffic.sent


def test_a_directory_whose_events_are_elsewhere_is_not_served_without_them(server: Server, tmp_path: Path) -> None:
    server.start()
    assert server.stop() == 0
    done = run_command("experiment", "list", "--data", str(server.data))
    assert done.returncode == 1
    assert "--events" in done.stderr


def test_an_embedded_directory_is_copied_and_served_from_there(new_server: MakeServer, tmp_path: Path) -> None:
    url = place(tmp_path)
    embedded = new_server("data").start()
    with embedded.client() as api:
        api.capture([event(f"e{n}", n) for n in range(300)])
        api.create("x", [{"name": "a"}, {"name": "b"}])
        api.post("/v1/metrics", [{"experiment": "x", "variant": "a", "metric": "m", "value": n / 3} for n in range(9)])
        before = counted(api)
    refused = run_command("copy", "--data", str(embedded.data), "--to", url)
    assert refused.returncode == 75, "a server owns the directory"
    assert embedded.stop() == 0
    for _ in range(2):
        done = run_command("copy", "--data", str(embedded.data), "--to", url)
        assert done.returncode == 0, done.stderr
        assert "both sides agree" in done.stdout
        assert "values of metrics: 5 numbers, 0 rows differ" in done.stdout
    moved = new_server("data", settings={"EVENSPLIT_EVENTS": url}).start()
    with moved.client() as api:
        assert counted(api) == before
        assert api.capture([event("e7", 7), event("new", 1)])["duplicate"] == 1, "message ids moved too"
        assert counted(api)[0] == 301
    assert moved.stop() == 0
    late = run_command("copy", "--data", str(embedded.data), "--to", url)
    assert late.returncode == 1
    assert "a server has worked" in late.stderr
