"""Floor B: executemany into the bare events table. Floor C: the reports' questions, by hand, over a VARIANT table."""

import csv
import random
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import duckdb

TRANSACTION = 5_000
EVENTS = """CREATE TABLE events (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    event_type TEXT NOT NULL,
    user_id TEXT,
    session_id TEXT,
    properties TEXT,
    created_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
)"""
INSERT = "INSERT INTO events (event_type, user_id, session_id, properties, created_at) VALUES (?, ?, ?, ?, ?)"
COUNTRIES = ("DE", "FR", "NZ", "US", "BR", "IN", "JP", "KE")
PLANS = ("free", "free", "free", "pro", "team")
Row = tuple[str, str, str, str, str]

DAY = "SELECT date_trunc('day', created_at) AS day, "
FROM = " FROM events WHERE created_at >= ? AND created_at < ?"
QUESTIONS = {
    "daily count": [DAY + "count(*)" + FROM + " GROUP BY day ORDER BY day"],
    "daily uniques": [
        DAY + "count(DISTINCT user_id)" + FROM + " GROUP BY day ORDER BY day",
        "SELECT count(DISTINCT user_id)" + FROM,
    ],
    "breakdown by a property": [
        DAY + "variant_extract(props, 'country')::VARCHAR AS part, count(*)" + FROM + " GROUP BY ALL ORDER BY ALL"
    ],
}


def rows(count: int) -> Iterator[list[Row]]:
    """Events like those that `batch.lua` sends, a transaction at a time."""
    dice = random.Random(1)
    for start in range(0, count, TRANSACTION):
        yield [
            (
                "page_view",
                f"u{dice.randrange(100_000)}",
                f"s{dice.randrange(300_000)}",
                f'{{"path":"/p/{dice.randrange(400)}","country":"{dice.choice(COUNTRIES)}","plan":"{dice.choice(PLANS)}",'
                f'"amount":{dice.randrange(10_000) / 100},"n":{n}}}',
                f"2026-01-{n * 30 // count + 1:02} {n % 24:02}:{n % 60:02}:{n % 59:02}.{n % 1000:03}",
            )
            for n in range(start, start + TRANSACTION)
        ]


def executemany(path: Path, count: int) -> float:
    """Rows a second; making the rows is not counted."""
    path.unlink(missing_ok=True)
    spent = 0.0
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(EVENTS)
        for part in rows(count):
            start = time.perf_counter()
            connection.execute("BEGIN")
            connection.executemany(INSERT, part)
            connection.execute("COMMIT")
            spent += time.perf_counter() - start
    for leftover in path.parent.glob(path.name + "*"):
        leftover.unlink()
    return count / spent


def columns(record: Path, path: Path) -> duckdb.DuckDBPyConnection:
    """The events of a record as a VARIANT table, filled in id order."""
    dump = path.with_suffix(".csv")
    with closing(sqlite3.connect(f"file:{record}?mode=ro", uri=True)) as source, dump.open("w", newline="") as file:
        sql = "SELECT id, event_type, user_id, session_id, properties, created_at FROM events ORDER BY id"
        csv.writer(file).writerows(source.execute(sql))
    connection = duckdb.connect(path)
    connection.execute(
        "CREATE TABLE events (id BIGINT, event_type VARCHAR, user_id VARCHAR, session_id VARCHAR, props VARIANT,"
        " created_at TIMESTAMP)"
    )
    connection.execute(
        "INSERT INTO events SELECT id, event_type, user_id, session_id, props::JSON::VARIANT, created_at FROM"
        " read_csv(?, header = false, auto_detect = false, columns = {'id': 'BIGINT', 'event_type': 'VARCHAR',"
        " 'user_id': 'VARCHAR', 'session_id': 'VARCHAR', 'props': 'VARCHAR', 'created_at': 'TIMESTAMP'})",
        [str(dump)],
    )
    connection.execute("CHECKPOINT")
    dump.unlink()
    return connection
