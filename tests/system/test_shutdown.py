"""How a server ends and who may have its directory."""

import time
from collections.abc import Callable

import pytest

from tests.system import record
from tests.system.server import Server, descendants, ended, run_command, wait_ended
from tests.system.traffic import Traffic, event, kept


def test_sigterm_under_load(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with Traffic(server) as traffic:
        traffic.wait_for(2000)
        children = descendants(server.pid)
        assert server.stop(limit=20) == 0, server.said()
        for child in children:
            wait_ended(child)
        assert children and all(ended(child) for child in children)
        kept(server, traffic)
        record.sound(server.record)
        server.start()
        traffic.wait_for(200)
    kept(server, traffic)
    record.report_equals_record(server)


def test_sigterm_when_idle_is_quick(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as held_open:
        held_open.capture(event("one", 1))
        start = time.monotonic()
        assert server.stop(limit=20) == 0
        assert time.monotonic() - start < 5, "an idle keep-alive connection holds the server up"
    assert set(record.stored(server.record)) == {"one"}


def test_a_second_server_on_the_directory(new_server: Callable[..., Server]) -> None:
    first = new_server().start()
    second = new_server()
    second.spawn()
    assert second.process is not None
    assert second.process.wait(20) == 75
    said = second.said()
    assert str(first.pid) in said, f"it must say who owns the directory: {said}"
    assert "Traceback" not in said
    with first.client() as api:
        api.capture(event("still here", 1))
    first.kill()
    second.start()
    assert set(record.stored(second.record)) == {"still here"}


@pytest.mark.parametrize(
    "command",
    [
        ["import", "FILE"],
        ["export"],
        ["experiment", "list"],
        ["keys", "list"],
        ["sql", "SELECT count(*) FROM events"],
    ],
    ids=lambda command: str(command[0]),
)
def test_commands_on_an_owned_directory(served: Server, command: list[str]) -> None:
    file = served.data.parent / "events.ndjson"
    file.write_text('{"event_type": "x"}\n')
    done = run_command(*[str(file) if word == "FILE" else word for word in command], "--data", str(served.data))
    assert done.returncode == 75, done
    assert str(served.pid) in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert record.read(served.record, "SELECT count(*) FROM events") == [(0,)]


def test_a_wrong_setting_stops_the_start(new_server: Callable[..., Server]) -> None:
    server = new_server(settings={"EVENSPLIT_DEDUP_DAYS": "many"})
    server.spawn()
    assert server.process is not None
    assert server.process.wait(20) not in (0, 75)
    assert "dedup_days" in server.said().lower().replace("-", "_")
    assert "Traceback" not in server.said()
