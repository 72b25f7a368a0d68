"""Reading and writing at once for a while, and rows that another program left in a state no engine can read.

EVENSPLIT_TEST_SECONDS sets how long the mixed load runs (default 8; the promise is stated for 60).
"""

import os
import subprocess
import sys
import time
from collections.abc import Callable

from tests.system import record
from tests.system.server import Server
from tests.system.traffic import EVENT_TYPES, Traffic, event, kept

SECONDS = float(os.environ.get("EVENSPLIT_TEST_SECONDS", "8"))
CHECK = """
import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchall())
"""


def test_reports_in_a_loop_under_load(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    reports = 0
    last = 0
    with Traffic(server) as traffic, server.client() as api:
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            known = len(traffic.acknowledged)
            reply = api.trend(
                [{"event": kind, "measure": measure} for kind in EVENT_TYPES for measure in ("count", "users")],
                breakdown=[{"property": "k", "limit": 3}],
                interval="hour",
                since="-1d",
            )
            assert reply["series"]
            total = api.trend([{"event": "@any", "measure": "count"}], since="-1d")["series"][0]["total"]
            assert total >= known, "an acknowledged event is missing in a later report"
            assert total >= last, "a later report counts less"
            last = total
            reports += 1
    assert reports >= 5, f"only {reports} reports in {SECONDS} s: capture starves them"
    checked = subprocess.run(
        [sys.executable, "-c", CHECK, str(server.record)], capture_output=True, text=True, timeout=60
    )
    assert checked.stdout.strip() == "[('ok',)]", checked
    kept(server, traffic)
    record.report_equals_record(server)
    assert server.stop() == 0
    record.sound(server.record)
    server.start()
    kept(server, traffic)
    record.report_equals_record(server)


POISON = [
    # (name, event_type, the values of the row in SQL: event_type, user_id, session_id, properties, created_at)
    ("invalid UTF-8 in properties", "'bad', 'u', 's', CAST(x'7b2261223a22ff227d' AS TEXT), '2026-05-01 10:00:00.000'"),
    ("bare invalid byte", "'bad', 'u', 's', CAST(x'ff' AS TEXT), '2026-05-01 10:00:00.000'"),
    ("lone surrogate escape", "'bad', 'u', 's', '{\"a\": \"\\ud800\"}', '2026-05-01 10:00:00.000'"),
    ("infinite number", "'bad', 'u', 's', '{\"a\": 1e400}', '2026-05-01 10:00:00.000'"),
    ("NaN", "'bad', 'u', 's', '{\"a\": NaN}', '2026-05-01 10:00:00.000'"),
    ("minus infinity", "'bad', 'u', 's', '{\"a\": -Infinity}', '2026-05-01 10:00:00.000'"),
    ("infinity in a list", "'bad', 'u', 's', '{\"a\": [Infinity]}', '2026-05-01 10:00:00.000'"),
    ("not JSON", "'bad', 'u', 's', 'hello', '2026-05-01 10:00:00.000'"),
    ("empty properties", "'bad', 'u', 's', '', '2026-05-01 10:00:00.000'"),
    ("an array", "'bad', 'u', 's', '[1, 2]', '2026-05-01 10:00:00.000'"),
    ("a number", "'bad', 'u', 's', 12, '2026-05-01 10:00:00.000'"),
    ("a blob", "'bad', 'u', 's', x'00ff00', '2026-05-01 10:00:00.000'"),
    ("NUL bytes", "'bad', 'u', 's', CAST(x'7b2261223a2200227d' AS TEXT), '2026-05-01 10:00:00.000'"),
    ("deep", "'bad', 'u', 's', '{\"a\": " + "[" * 3000 + "]" * 3000 + "}', '2026-05-01 10:00:00.000'"),
    ("huge integer", "'bad', 'u', 's', '{\"a\": " + "9" * 400 + "}', '2026-05-01 10:00:00.000'"),
    ("duplicate keys", "'bad', 'u', 's', '{\"a\": 1, \"a\": 2}', '2026-05-01 10:00:00.000'"),
    ("empty key", "'bad', 'u', 's', '{\"\": 1}', '2026-05-01 10:00:00.000'"),
    ("keys that differ in case", "'bad', 'u', 's', '{\"A\": 1, \"a\": 2}', '2026-05-01 10:00:00.000'"),
    ("blob as user", "'bad', x'ff00', 's', '{}', '2026-05-01 10:00:00.000'"),
    ("number as user", "'bad', 12, 3.5, '{}', '2026-05-01 10:00:00.000'"),
    ("invalid UTF-8 as user", "'bad', CAST(x'ff41' AS TEXT), CAST(x'fe' AS TEXT), '{}', '2026-05-01 10:00:00.000'"),
    ("NUL in user", "'bad', CAST(x'410042' AS TEXT), 's', '{}', '2026-05-01 10:00:00.000'"),
]
ODD = [
    # rows whose type or time is unreadable: nobody can say where they count, but they stop nothing
    ("invalid UTF-8 as type", "CAST(x'ff' AS TEXT), 'u', 's', '{}', '2026-05-01 10:00:00.000'"),
    ("blob as type", "x'00ff', 'u', 's', '{}', '2026-05-01 10:00:00.000'"),
    ("nonsense time", "'odd', 'u', 's', '{}', 'yesterday'"),
    ("empty time", "'odd', 'u', 's', '{}', ''"),
    ("number as time", "'odd', 'u', 's', '{}', 1700000000"),
    ("impossible date", "'odd', 'u', 's', '{}', '2026-02-31 10:00:00.000'"),
    ("far future", "'odd', 'u', 's', '{}', '999999-01-01 00:00:00.000'"),
    ("before all time", "'odd', 'u', 's', '{}', '-4000-01-01 00:00:00'"),
    ("blob as time", "'odd', 'u', 's', '{}', x'ff'"),
    ("infinity", "'odd', 'u', 's', '{}', 'infinity'"),
]


def poison(server: Server) -> None:
    for name, values in POISON + ODD:
        try:
            columns = "event_type, user_id, session_id, properties, created_at"
            record.write(server.record, f"INSERT INTO events ({columns}) VALUES ({values})")
        except Exception as error:
            raise AssertionError(f"the record refuses {name}") from error


def good_rows_count(server: Server) -> None:
    with server.client() as api:
        range_ = {"since": "2026-04-01", "until": "2026-06-30"}
        for measure, expected in [("count", 300), ("users", 97), ("sessions", 300)]:
            reply = api.trend([{"event": "page_view", "measure": measure}], since="-30d")
            assert reply["series"][0]["total"] == expected, measure
        assert api.trend([{"event": "bad", "measure": "count"}], **range_)["series"][0]["total"] == len(POISON)
        for report in (
            {"series": [{"event": "@any", "measure": "count"}]},
            {"series": [{"event": "@any", "measure": "users"}], "interval": "month"},
            {"series": [{"event": "@any", "measure": "sum", "property": "a"}]},
            {"series": [{"event": "@any", "measure": "avg", "property": "a"}]},
            {"series": [{"event": "@any", "measure": "median", "property": "a"}]},
            {"series": [{"event": "@any", "measure": "distinct", "property": "a"}]},
            {"series": [{"event": "bad", "measure": "count"}], "breakdown": [{"property": "a", "limit": 50}]},
            {"series": [{"event": "bad", "measure": "count"}], "breakdown": [{"property": "@user_id", "limit": 50}]},
            {
                "series": [{"event": "@any", "measure": "count"}],
                "filters": [{"property": "a", "op": "contains", "value": "x"}],
            },
        ):
            reply = api.post("/v1/reports/trend", {**report, **range_})
            assert reply.status == 200, (report, reply.body[:500])
        for path in (
            "/v1/catalog/events",
            "/v1/catalog/properties?event_type=bad",
            "/v1/events?limit=100",
            "/v1/events?event_type=bad&limit=100",
            "/v1/users/u",
        ):
            reply = api.get(path)
            assert reply.status == 200, (path, reply.body[:500])
            reply.json()


def test_poisoned_rows_stop_nothing(new_server: Callable[..., Server]) -> None:
    server = new_server().start()
    with server.client() as api:
        api.capture([event(f"good{n}", 3 * n) for n in range(150)])
        poison(server)
        api.capture([event(f"more{n}", 3 * n) for n in range(150, 300)])
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            found = api.trend([{"event": "bad", "measure": "count"}], since="2026-04-01", until="2026-06-30")
            if found["series"][0]["total"] == len(POISON):
                break
            time.sleep(0.2)
    good_rows_count(server)
    assert server.stop() == 0
    server.start()
    good_rows_count(server)
    assert server.stop() == 0
    server.columns.unlink()
    server.start()
    good_rows_count(server)
