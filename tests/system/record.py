"""The record as any other program sees it: the five tables through plain sqlite3, and reports held against them."""

import sqlite3
from collections import Counter
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.system.client import Client
from tests.system.server import Server

Rows = list[tuple[Any, ...]]


def read(path: Path, sql: str, values: tuple[Any, ...] = ()) -> Rows:
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=30)) as connection:
        return connection.execute(sql, values).fetchall()


def write(path: Path, *statements: str, foreign_keys: bool = True) -> None:
    """What another program does to the record: one transaction."""
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute(f"PRAGMA foreign_keys = {int(foreign_keys)}")
        connection.execute("BEGIN IMMEDIATE")
        for statement in statements:
            connection.execute(statement)
        connection.execute("COMMIT")


def stored(path: Path) -> Counter[str]:
    """How often each event of `traffic` stands in the record, by the number in its properties."""
    sql = "SELECT json_extract(properties, '$.n'), count(*) FROM events WHERE json_valid(properties) GROUP BY 1"
    return Counter({number: count for number, count in read(path, sql) if number is not None})


def sound(path: Path) -> None:
    """The file itself is whole, and no row points to nothing."""
    assert read(path, "PRAGMA integrity_check") == [("ok",)]
    assert read(path, "PRAGMA foreign_key_check") == []


def days(first: str, last: str) -> list[str]:
    start, end = date.fromisoformat(first), date.fromisoformat(last)
    return [(start + timedelta(days=n)).isoformat() for n in range((end - start).days + 1)]


def report_equals_record(server: Server) -> int:
    """Daily counts, persons and sums of every event type, held against SQL over the record; how many events there are.

    For records without links between ids and with readable rows only."""
    sql = "SELECT min(date(created_at)), max(date(created_at)), count(*) FROM events"
    ((low, high, count),) = read(server.record, sql)
    if not count:
        low = high = date.today().isoformat()
    span = days(low, high)
    with server.client() as client:
        total = client.trend([{"event": "@any", "measure": "count"}], since=low, until=high)["series"][0]["total"]
        assert total == count
        for (event_type,) in read(server.record, "SELECT DISTINCT event_type FROM events ORDER BY 1"):
            _same_days(server.record, client, event_type, span)
            _same_parts(server.record, client, event_type, span)
    return int(count)


def _same_days(path: Path, client: Client, event_type: str, span: list[str]) -> None:
    expected = {
        day: numbers
        for day, *numbers in read(
            path,
            "SELECT date(created_at), count(*), count(DISTINCT user_id), count(DISTINCT session_id),"
            " coalesce(sum(json_extract(properties, '$.v')), 0) FROM events WHERE event_type = ? GROUP BY 1",
            (event_type,),
        )
    }
    measures: list[dict[str, str]] = [{"measure": "count"}, {"measure": "users"}, {"measure": "sessions"}]
    measures.append({"measure": "sum", "property": "v"})
    reply = client.trend([{"event": event_type, **m} for m in measures], since=span[0], until=span[-1])
    assert reply["buckets"] == span
    found = list(zip(*(series["values"] for series in reply["series"]), strict=True))
    for day, numbers in zip(span, found, strict=True):
        assert list(numbers) == pytest.approx(expected.get(day, [0, 0, 0, 0]), rel=1e-9), (event_type, day)


def _same_parts(path: Path, client: Client, event_type: str, span: list[str]) -> None:
    expected: dict[str | None, int] = dict(
        read(
            path,
            "SELECT json_extract(properties, '$.k'), count(*) FROM events WHERE event_type = ? GROUP BY 1",
            (event_type,),
        )
    )
    reply = client.trend(
        [{"event": event_type, "measure": "count"}],
        since=span[0],
        until=span[-1],
        breakdown=[{"property": "k", "limit": 100}],
    )
    assert {series["breakdown"][0]: series["total"] for series in reply["series"]} == expected
