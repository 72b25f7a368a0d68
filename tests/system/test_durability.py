"""200 means kept, the columns are disposable: kills under load, a broken copy, a restored backup, other programs."""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.system import record
from tests.system.server import Server, ended
from tests.system.traffic import Traffic, event, kept

MakeServer = Callable[..., Server]
FOLLOW_LIMIT = 10.0  # seconds for rows of other programs to reach the columns; they follow about once a second


def filled(server: Server, count: int = 3000, prefix: str = "e") -> Server:
    """A running server that holds `count` more events."""
    server.start()
    with server.client() as api:
        for start in range(0, count, 500):
            api.capture([event(f"{prefix}{n}", n) for n in range(start, min(start + 500, count))])
    return server


def equal_soon(server: Server) -> None:
    """The report equals the record within the time that following other programs may take."""
    deadline = time.monotonic() + FOLLOW_LIMIT
    while True:
        try:
            record.report_equals_record(server)
            return
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)


def test_kill_9_three_times_under_load(new_server: MakeServer) -> None:
    server = new_server().start()
    with Traffic(server) as traffic:
        for _ in range(3):
            traffic.wait_for(1500)
            server.kill()
            server.start()
        traffic.wait_for(500)
    assert traffic.lost, "no request was cut off: the kills came at the wrong time"
    kept(server, traffic)
    record.report_equals_record(server)
    server.kill()
    record.sound(server.record)
    server.start()
    kept(server, traffic)
    record.report_equals_record(server)


def test_the_writer_alone_is_killed(new_server: MakeServer) -> None:
    server = new_server().start()
    with Traffic(server, limit=20) as traffic:
        for _ in range(3):
            traffic.wait_for(1500)
            writer = server.writer()
            os.kill(writer, signal.SIGKILL)
            traffic.wait_for(500)
            assert ended(writer)
            assert server.writer() != writer
    assert traffic.lost == 0, "the main process must answer for its writer"
    kept(server, traffic)
    record.report_equals_record(server)
    assert server.stop() == 0
    record.sound(server.record)


def test_the_writer_is_stopped_for_a_while(new_server: MakeServer) -> None:
    """A writer that hangs (a stalled disk): capture waits or is refused, health still answers, nothing is lost."""
    server = new_server().start()
    with Traffic(server, limit=30) as traffic:
        traffic.wait_for(200)
        writer = server.writer()
        os.kill(writer, signal.SIGSTOP)
        try:
            time.sleep(1)
            with server.client(limit=5) as api:
                assert api.get("/healthz").status == 200
        finally:
            os.kill(writer, signal.SIGCONT)
        traffic.wait_for(200)
    kept(server, traffic)


def test_kill_between_record_and_columns(new_server: MakeServer) -> None:
    """The copy may be behind by any number of rows at a kill: here nothing but the record is left of the last ones."""
    server = filled(new_server(), 1000)
    record.report_equals_record(server)
    behind = server.columns.read_bytes()
    with server.client() as api:
        api.capture([event(f"later{n}", n) for n in range(500)])
    server.kill()
    for leftover in server.data.glob("analytics.duckdb*"):
        leftover.unlink()
    server.columns.write_bytes(behind)
    server.start()
    assert record.report_equals_record(server) == 1500


def delete(server: Server) -> None:
    for path in server.data.glob("analytics.duckdb*"):
        path.unlink()


def truncate(server: Server) -> None:
    os.truncate(server.columns, server.columns.stat().st_size // 2)


def empty(server: Server) -> None:
    os.truncate(server.columns, 0)


def garbage(server: Server) -> None:
    server.columns.write_bytes(os.urandom(200_000))


def foreign(server: Server) -> None:
    """The columns of another record that has as many rows, and of one that has more."""
    other = filled(Server(server.data.parent / "other"), 3500, prefix="other")
    assert other.stop() == 0
    delete(server)
    shutil.copy(other.columns, server.columns)


def middle(server: Server) -> None:
    """A damaged block inside."""
    with server.columns.open("r+b") as file:
        file.seek(server.columns.stat().st_size // 2)
        file.write(os.urandom(20_000))


@pytest.mark.parametrize("damage", [delete, truncate, empty, garbage, foreign, middle])
def test_broken_columns_are_rebuilt(new_server: MakeServer, damage: Callable[[Server], None]) -> None:
    server = filled(new_server(), 3000)
    assert server.stop() == 0
    damage(server)
    server.start()
    assert record.report_equals_record(server) == 3000
    with server.client() as api:
        api.capture(event("after", 1))
    assert record.report_equals_record(server) == 3001
    assert server.stop() == 0
    server.start()
    assert record.report_equals_record(server) == 3001


def backup(server: Server) -> Path:
    """A copy of the record as SQLite's own backup makes it, while the server runs."""
    path = server.data.parent / "backup.db"
    with closing(sqlite3.connect(server.record)) as source, closing(sqlite3.connect(path)) as target:
        source.backup(target)
    return path


def restore(server: Server, path: Path) -> None:
    for part in server.data.glob("analytics.db*"):
        part.unlink()
    shutil.copy(path, server.record)


def test_an_older_backup_beside_newer_columns(new_server: MakeServer) -> None:
    server = filled(new_server(), 1000)
    path = backup(server)
    with server.client() as api:
        api.capture([event(f"lost{n}", n) for n in range(700)])
    assert record.report_equals_record(server) == 1700
    assert server.stop() == 0
    restore(server, path)
    server.start()
    assert record.report_equals_record(server) == 1000
    with server.client() as api:
        api.capture([event(f"new{n}", n) for n in range(700)])
    assert record.report_equals_record(server) == 1700


def test_an_older_backup_of_the_same_run(new_server: MakeServer) -> None:
    """Restored after a kill, then filled to the same row count with other rows before the columns are asked."""
    server = filled(new_server(), 1000)
    path = backup(server)
    with server.client() as api:
        api.capture([event(f"lost{n}", n) for n in range(50)])
    record.report_equals_record(server)
    server.kill()
    restore(server, path)
    record.write(
        server.record,
        *(
            "INSERT INTO events (event_type, user_id, properties, created_at)"
            f" VALUES ('restored', 'r{n}', '{{\"k\": \"r\"}}', '2026-03-01 10:00:00.000')"
            for n in range(50)
        ),
    )
    server.start()
    assert record.report_equals_record(server) == 1050


NEW = """'{"k": "new", "v": 2.5}'"""
CHANGES = {
    "deleted": ["DELETE FROM events WHERE id % 7 = 0"],
    "last deleted": ["DELETE FROM events WHERE id > 900"],
    "all deleted": ["DELETE FROM events"],
    "updated": [
        f"UPDATE events SET event_type = 'renamed', properties = {NEW} WHERE id % 5 = 0",
        "UPDATE events SET user_id = NULL, created_at = '2026-02-03 04:05:06.789' WHERE id % 11 = 0",
    ],
    "inserted": [
        "INSERT INTO events (event_type, user_id) VALUES ('plain', 'x'), ('plain', NULL), ('plain', 'y')",
        f"INSERT INTO events (event_type, properties, created_at) VALUES ('old', {NEW}, '2026-02-03 04:05:06')",
    ],
    "moved": ["UPDATE events SET id = id + 100000 WHERE id % 13 = 0"],
    "an id used again": [
        "DELETE FROM events WHERE id IN (SELECT id FROM events LIMIT 3 OFFSET 5)",
        "INSERT INTO events (id, event_type, user_id) SELECT min(id) + 5, 'again', 'z' FROM events",
    ],
}


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all changes: each finds what the ones before it left."""
    server = Server(tmp_path_factory.mktemp("changed") / "data").start()
    yield server
    server.close()


@pytest.mark.parametrize("running", [True, False], ids=["while it runs", "while it is down"])
@pytest.mark.parametrize("change", CHANGES)
def test_changes_by_another_program(changed: Server, change: str, running: bool) -> None:
    with changed.client() as api:
        api.capture([event(f"{change} {running} {n}", n) for n in range(1000)])
    record.report_equals_record(changed)
    if running:
        record.write(changed.record, *CHANGES[change])
        equal_soon(changed)
    else:
        assert changed.stop() == 0
        record.write(changed.record, *CHANGES[change])
        changed.start()
        record.report_equals_record(changed)
    with changed.client() as api:
        api.capture(event(f"after {change} {running}", 3))
    record.report_equals_record(changed)


def test_assignments_and_metrics_of_another_program(new_server: MakeServer) -> None:
    """Rows of the experiment tables that others write count in results like ours."""
    server = new_server().start()
    with server.client() as api:
        api.create("x", [{"name": "a"}, {"name": "b"}])
        variants = [v["id"] for v in api.get("/v1/experiments/x").good()["variants"]]
        record.write(
            server.record,
            *(
                "INSERT INTO ab_assignments (user_id, test_id, variant_id, assigned_at)"
                f" VALUES ('u{n}', 1, {variants[n % 2]}, '2026-01-01 00:00:00.000')"
                for n in range(40)
            ),
            *(
                "INSERT INTO ab_metrics (test_id, variant_id, metric_name, value)"
                f" VALUES (1, {variants[n % 2]}, 'spent', {n})"
                for n in range(40)
            ),
        )
        deadline = time.monotonic() + FOLLOW_LIMIT
        while True:
            results = api.get("/v1/experiments/x/results").good()
            if results["users"] == {"a": 20, "b": 20} or time.monotonic() > deadline:
                break
            time.sleep(0.2)
        assert results["users"] == {"a": 20, "b": 20}
        (metric,) = results["metrics"]
        assert metric["metric"] == "spent"
        assert metric["unit"] == "observation"
        assert [v["sum"] for v in metric["variants"]] == [sum(range(0, 40, 2)), sum(range(1, 40, 2))]
        assert api.assign("x", "u3")["variant"] == "b"
        assert api.assign("x", "u3")["new"] is False
