"""An event store over DuckDB, in memory or a file, with the tables of the columnar copy: for this folder's tests."""

import json
from atexit import register
from collections.abc import Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from weakref import finalize

import duckdb
import msgspec

from evensplit import clock
from evensplit.errors import QueryFailed
from evensplit.storage.base import Watermark

EPOCH = datetime(1970, 1, 1)
TABLES = """
CREATE TABLE events (id BIGINT, event_type VARCHAR, user_id VARCHAR, session_id VARCHAR, props VARIANT,
    created_at TIMESTAMP);
CREATE TABLE es_identity (id BIGINT, kind VARCHAR, subject VARCHAR, object VARCHAR, value VARCHAR, text VARCHAR,
    number DOUBLE, stated_at VARCHAR);
CREATE TABLE es_cohorts (id BIGINT, name VARCHAR, definition VARCHAR);
CREATE TABLE es_cohort_users (cohort VARCHAR, part BIGINT, user_id VARCHAR);
"""
_numbers = count()


@cache
def engine() -> duckdb.DuckDBPyConnection:
    """The one of this process: to start one takes longer than most questions."""
    connection = duckdb.connect(":memory:")
    connection.execute("SET variant_minimum_shredding_size = 0")
    register(engine.cache_clear)
    return connection


class Event(msgspec.Struct, frozen=True):
    """One row; `at` in milliseconds since 1970-01-01 UTC, `properties` as JSON text."""

    event_type: str
    at: int
    properties: str | None = "{}"
    user_id: str | None = None
    session_id: str | None = None


class Stated(msgspec.Struct, frozen=True):
    """One row of the log of who is who: a link, unlink, merge or trait (its text form, and its number)."""

    kind: str
    subject: str
    object: str = ""
    at: int = 0
    text: str | None = None
    number: float | None = None


class MemoryStore:
    """Implements `query.reading.Reading`. `asked` keeps the statements."""

    engine = "duckdb"

    def __init__(self, path: Path | None = None) -> None:
        """In a file, properties are kept column by column, as in a big copy; in memory they are not."""
        self.name = f"store_{next(_numbers)}"
        self.connection = engine().cursor()
        self.connection.execute(f"ATTACH '{path or ':memory:'}' AS {self.name}; USE {self.name}")
        self.connection.execute(TABLES)
        finalize(self, _forgotten, self.name).atexit = False
        self._in_file = path is not None
        self.asked: list[tuple[str, list[object]]] = []
        self.tombstones = 0
        self._id = 0

    def put(self, *events: Event) -> None:
        """Store them with the next ids."""
        first, self._id = self._id + 1, self._id + len(events)
        self.connection.execute(
            "INSERT INTO events SELECT unnest(?::BIGINT[]), unnest(?::VARCHAR[]), unnest(?::VARCHAR[]), "
            "unnest(?::VARCHAR[]), unnest(?::VARCHAR[])::JSON::VARIANT, unnest(?::TIMESTAMP[])",
            [
                list(range(first, self._id + 1)),
                [event.event_type for event in events],
                [event.user_id for event in events],
                [event.session_id for event in events],
                [event.properties for event in events],
                [EPOCH + timedelta(milliseconds=event.at) for event in events],
            ],
        )
        if self._in_file:
            self.connection.execute("CHECKPOINT")

    def link(self, anonymous_id: str, user_id: str, at: int) -> None:
        """State that the two are one person."""
        self.state(Stated("link", anonymous_id, user_id, at))

    def state(self, *rows: "Stated") -> None:
        """Add to the log of who is who."""
        sql = "INSERT INTO es_identity SELECT count(*) + 1, ?, ?, ?, NULL, ?, ?, ? FROM es_identity"
        for row in rows:
            values = [row.kind, row.subject, row.object, row.text, row.number, clock.to_text(row.at)]
            self.connection.execute(sql, values)

    def define(self, cohort: str, definition: str, users: Sequence[tuple[int, str]] = ()) -> None:
        """Keep a cohort; `users` are (place of the list, user)."""
        sql = "INSERT INTO es_cohorts SELECT count(*) + 1, ?, ? FROM es_cohorts"
        self.connection.execute(sql, [cohort, definition])
        for place, user in users:
            self.connection.execute("INSERT INTO es_cohort_users VALUES (?, ?, ?)", [cohort, place, user])

    async def fresh(self) -> Watermark:
        return Watermark(self._id, 0, 0, self.tombstones, "mark")

    def _reader(self) -> duckdb.DuckDBPyConnection:
        """Another connection, as a question has in the real store."""
        return self.connection.cursor().execute(f"USE {self.name}")

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        self.asked.append((sql, list(values)))
        try:
            return self._reader().execute(sql, list(values)).fetchall()
        except duckdb.Error as error:
            raise QueryFailed(str(error)) from error


def _forgotten(name: str) -> None:
    if engine.cache_info().currsize:  # the process goes on
        engine().execute(f"DETACH {name}")


def properties(**values: object) -> str:
    """JSON text."""
    return json.dumps(values, ensure_ascii=False)
