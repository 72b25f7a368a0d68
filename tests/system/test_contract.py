"""The five tables are a contract: their text, their foreign keys, the queries other programs run on the live file."""

import json
import shutil
import sqlite3
import subprocess
from collections.abc import Callable
from contextlib import closing

import pytest

from tests.system import record
from tests.system.client import Client
from tests.system.server import Server
from tests.system.traffic import Traffic, kept

TABLES = {
    "events": """CREATE TABLE events (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        event_type TEXT NOT NULL,
        user_id TEXT,
        session_id TEXT,
        properties TEXT,
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
    )""",
    "ab_tests": """CREATE TABLE ab_tests (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        test_name TEXT NOT NULL UNIQUE,
        description TEXT,
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
    )""",
    "ab_variants": """CREATE TABLE ab_variants (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        test_id INTEGER NOT NULL,
        variant_name TEXT NOT NULL,
        description TEXT,
        weight REAL NOT NULL DEFAULT 1.0,
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE
    )""",
    "ab_assignments": """CREATE TABLE ab_assignments (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        user_id TEXT NOT NULL,
        test_id INTEGER NOT NULL,
        variant_id INTEGER NOT NULL,
        assigned_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE,
        FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE,
        UNIQUE(user_id, test_id)
    )""",
    "ab_metrics": """CREATE TABLE ab_metrics (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        test_id INTEGER NOT NULL,
        variant_id INTEGER NOT NULL,
        metric_name TEXT NOT NULL,
        value REAL NOT NULL,
        created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP,
        FOREIGN KEY (test_id) REFERENCES ab_tests(id) ON DELETE CASCADE,
        FOREIGN KEY (variant_id) REFERENCES ab_variants(id) ON DELETE CASCADE
    )""",
}
EVENTS_OF_USER = "SELECT * FROM events WHERE user_id = 'user123' ORDER BY created_at DESC;"
VARIANTS_OF_TEST = "SELECT * FROM ab_variants WHERE test_id = 1;"
ASSIGNMENTS_OF_USER = """SELECT a.*, v.variant_name
FROM ab_assignments a
JOIN ab_variants v ON a.variant_id = v.id
WHERE a.user_id = 'user123';"""
METRICS_OF_TEST = """SELECT v.variant_name, m.metric_name, m.value, m.created_at
FROM ab_metrics m
JOIN ab_variants v ON m.variant_id = v.id
WHERE m.test_id = 1
ORDER BY m.created_at DESC;"""
MOMENT = "____-__-__ __:__:__.___"


def squeezed(sql: str) -> str:
    return " ".join(sql.split())


def fill(api: Client) -> None:
    """What the four example queries ask for."""
    api.create("first", [{"name": "control", "description": "as it was"}, {"name": "variant_a", "weight": 2}])
    api.assign("first", "user123")
    api.capture([{"event_type": kind, "user_id": "user123", "properties": {"at": kind}} for kind in ("seen", "bought")])
    metrics = [{"experiment": "first", "metric": "revenue", "value": value, "user_id": "user123"} for value in (1, 2.5)]
    assert api.post("/v1/metrics", metrics).good()["accepted"] == 2


def through_the_shell(served: Server, sql: str) -> list[str]:
    shell = shutil.which("sqlite3")
    if shell is None:
        pytest.skip("the sqlite3 shell is not installed")
    done = subprocess.run([shell, str(served.record), sql], capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout.splitlines()


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_stand_verbatim(served: Server, table: str) -> None:
    found = record.read(served.record, "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?", (table,))
    assert [squeezed(sql) for (sql,) in found] == [squeezed(TABLES[table])]


def test_nothing_of_ours_takes_a_place_among_the_five(served: Server) -> None:
    tables = {name for (name,) in record.read(served.record, "SELECT name FROM sqlite_master WHERE type = 'table'")}
    foreign = {name for name in tables - set(TABLES) if not name.startswith(("es_", "sqlite_"))}
    assert foreign <= {"alembic_version"}
    indexes = record.read(served.record, "SELECT name FROM sqlite_master WHERE type = 'index' AND tbl_name = 'events'")
    assert indexes == [], "an index on events halves the insert rate"


def test_the_record_is_in_wal_mode(served: Server) -> None:
    assert record.read(served.record, "PRAGMA journal_mode") == [("wal",)]


def test_the_example_queries_while_the_server_takes_load(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api:
        fill(api)
    with Traffic(server, connections=4) as traffic:
        for round_ in range(1, 6):
            traffic.wait_for(200)
            events = record.read(server.record, EVENTS_OF_USER)
            assert sorted((kind, user, json.loads(properties)) for _, kind, user, _, properties, _ in events) == [
                (kind, "user123", {"at": kind}) for kind in ("bought", "seen")
            ], round_
            variants = record.read(server.record, VARIANTS_OF_TEST)
            assert [(v[1], v[2], v[3], v[4]) for v in variants] == [
                (1, "control", "as it was", 1.0),
                (1, "variant_a", None, 2.0),
            ]
            ((_, user, test, variant, _, name),) = record.read(server.record, ASSIGNMENTS_OF_USER)
            assert (user, test) == ("user123", 1)
            assert {v[0]: v[2] for v in variants}[variant] == name
            metrics = record.read(server.record, METRICS_OF_TEST)
            assert sorted((v, m, value) for v, m, value, _ in metrics) == [
                (name, "revenue", 1.0),
                (name, "revenue", 2.5),
            ]
            assert len(through_the_shell(server, EVENTS_OF_USER)) == 2
            assert len(through_the_shell(server, VARIANTS_OF_TEST)) == 2
            assert through_the_shell(server, ASSIGNMENTS_OF_USER)[0].endswith("|" + name)
            assert all(line.startswith(f"{name}|revenue|") for line in through_the_shell(server, METRICS_OF_TEST))
    kept(server, traffic)
    record.sound(server.record)


def test_times_are_text_that_sqlite_reads(new_server: Callable[..., Server]) -> None:
    served = new_server().start()
    with served.client() as api:
        fill(api)
    for table, column in [
        ("events", "created_at"),
        ("ab_tests", "created_at"),
        ("ab_variants", "created_at"),
        ("ab_assignments", "assigned_at"),
        ("ab_metrics", "created_at"),
    ]:
        sql = f"SELECT {column}, typeof({column}), {column} LIKE ?, datetime({column}) IS NOT NULL FROM {table}"
        found = record.read(served.record, sql, (MOMENT,))
        assert found
        assert {row[1:] for row in found} == {("text", 1, 1)}, (table, found[:3])


def test_deleting_an_experiment_cascades(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api:
        fill(api)
        api.create("second", [{"name": "a"}, {"name": "b"}])
        api.assign("second", "somebody")
        reply = api.call("DELETE", "/v1/experiments/first")
        assert reply.status in (200, 204), reply
        for table in ("ab_variants", "ab_assignments", "ab_metrics"):
            assert record.read(server.record, f"SELECT count(*) FROM {table} WHERE test_id = 1") == [(0,)], table
        assert record.read(server.record, "SELECT test_name FROM ab_tests") == [("second",)]
        assert record.read(server.record, "SELECT user_id FROM ab_assignments") == [("somebody",)]
        assert api.get("/v1/experiments/first").error(404) == "unknown_experiment"
        assert api.post("/v1/experiments/first/assignments", {"user_id": "u"}).error(404) == "unknown_experiment"
        assert record.report_equals_record(server) == 2, "events outlive the experiment"


def test_another_program_may_delete_an_experiment_too(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api:
        fill(api)
        record.write(server.record, "DELETE FROM ab_tests WHERE test_name = 'first'")
        for table in ("ab_tests", "ab_variants", "ab_assignments", "ab_metrics"):
            assert record.read(server.record, f"SELECT count(*) FROM {table}") == [(0,)], table
    with closing(sqlite3.connect(server.record)) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    assert server.stop() == 0
    server.start()
    with server.client() as api:
        assert api.get("/v1/experiments/first").error(404) == "unknown_experiment"
        api.create("first", [{"name": "control"}, {"name": "variant_a"}])
