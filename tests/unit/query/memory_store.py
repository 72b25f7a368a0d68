"""An event store over DuckDB, in memory or a file, with the tables of the columnar copy: for this folder's tests."""

import json
from atexit import register
from collections.abc import Sequence
from datetime import datetime
from functools import cache
from itertools import count
from pathlib import Path
from weakref import finalize

import duckdb
import msgspec

from evensplit import clock
from evensplit.errors import QueryFailed
from evensplit.storage.base import Watermark
from evensplit.storage.embedded.tables import Tables

EPOCH = datetime(1970, 1, 1)
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
        self.tables = Tables(self.connection)
        self.tables.create()
        finalize(self, _forgotten, self.name).atexit = False
        self._in_file = path is not None
        self.asked: list[tuple[str, list[object]]] = []
        self.tombstones = 0
        self._id = self._stated = self._defined = 0

    def put(self, *events: Event) -> None:
        """Store them with the next ids."""
        first, self._id = self._id + 1, self._id + len(events)
        rows: list[tuple[object, ...]] = [
            (row_id, event.event_type, event.user_id, event.session_id, event.properties, clock.to_text(event.at))
            for row_id, event in enumerate(events, first)
        ]
        self.tables.insert("events", rows)
        if self._in_file:
            self.connection.execute("CHECKPOINT")

    def link(self, anonymous_id: str, user_id: str, at: int) -> None:
        """State that the two are one person."""
        self.state(Stated("link", anonymous_id, user_id, at))

    def state(self, *rows: "Stated") -> None:
        """Add to the log of who is who."""
        first, self._stated = self._stated + 1, self._stated + len(rows)
        self.tables.insert(
            "es_identity",
            [
                (row_id, row.kind, row.subject, row.object, None, row.text, row.number, clock.to_text(row.at))
                for row_id, row in enumerate(rows, first)
            ],
        )

    def define(self, cohort: str, definition: str, users: Sequence[tuple[int, str]] = ()) -> None:
        """Keep a cohort; `users` are (place of the list, user)."""
        self._defined += 1
        self.tables.insert("es_cohorts", [(self._defined, cohort, definition)])
        self.tables.insert("es_cohort_users", [(cohort, place, user) for place, user in users])

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
