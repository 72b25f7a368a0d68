"""An event store over ClickHouse: its engine in this process, or a server that EVENSPLIT_TEST_CLICKHOUSE names.

Each store has a database of its own while it lives, with the tables that questions ask,
in their real columns.
"""

import os
from atexit import register
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import count
from typing import TypeAlias
from weakref import finalize

import clickhouse_connect
from clickhouse_connect.driver.client import Client
from clickhouse_connect.driver.exceptions import ClickHouseError

from evensplit import clock
from evensplit.errors import QueryFailed
from evensplit.storage.base import Watermark
from evensplit.storage.clickhouse.binding import SETTINGS, UpTo, bound, marks
from evensplit.storage.clickhouse.properties import INSERT_SETTINGS, columns
from evensplit.storage.clickhouse.schema import EVENTS, METRICS, copied
from tests.unit.query.memory_store import Event, MemoryStore, Stated

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
COPIED = ("es_identity", "es_cohorts", "es_cohort_users", "ab_assignments")
TABLES: dict[str, Mapping[str, str]] = {"events": EVENTS, "ab_metrics": METRICS} | {
    name: copied(name) for name in COPIED
}
_numbers = count()
_free: list[str] = []  # databases of stores that are no more


@cache
def engine() -> Client:
    """The one connection of this process."""
    server = os.environ.get("EVENSPLIT_TEST_CLICKHOUSE")
    if not server:
        return clickhouse_connect.get_client(interface="chdb")
    # A session takes one statement at a time, and stores are emptied whenever they are let go.
    return clickhouse_connect.get_client(dsn=server, autogenerate_session_id=False)


def spelled(sql: str, values: Sequence[object]) -> tuple[str, list[object]]:
    """The statement with the conditions written out that stand among its values."""
    text, last = "", 0
    for at, value in zip(marks(sql), values, strict=True):
        text += sql[last:at] + ("id <= ?" if isinstance(value, UpTo) else "?")
        last = at + 1
    return text + sql[last:], [value.id if isinstance(value, UpTo) else value for value in values]


class ClickhouseStore:
    """Implements `query.reading.Reading`. `asked` keeps the statements, before their values are bound."""

    engine = "clickhouse"

    def __init__(self) -> None:
        self.client = engine()
        self.database = _free.pop() if _free else _created(self.client)
        self._written: set[str] = set()
        finalize(self, _emptied, self.client, self.database, self._written).atexit = False
        self.asked: list[tuple[str, list[object]]] = []
        self.tombstones = 0
        self._id = 0
        self._stated = 0

    def put(self, *events: Event) -> None:
        """Store them with the next ids."""
        first, self._id = self._id + 1, self._id + len(events)
        rows = []
        for id_, event in enumerate(events, first):
            held = columns(event.properties)
            at = EPOCH + timedelta(milliseconds=event.at)
            rows.append(
                [id_, event.event_type, event.user_id, event.session_id, event.properties, held.props, held.texts, at]
            )
        if rows:
            self.insert("events", list(EVENTS), rows)

    def link(self, anonymous_id: str, user_id: str, at: int) -> None:
        """State that the two are one person."""
        self.state(Stated("link", anonymous_id, user_id, at))

    def state(self, *rows: Stated) -> None:
        """Add to the log of who is who."""
        found: list[list[object]] = []
        for row in rows:
            self._stated += 1
            at = clock.to_text(row.at)
            found.append([self._stated, row.kind, row.subject, row.object, None, row.text, row.number, at])
        names = ["id", "kind", "subject", "object", "value", "text", "number", "stated_at"]
        if found:
            self.insert("es_identity", names, found)

    def define(self, cohort: str, definition: str, users: Sequence[tuple[int, str]] = ()) -> None:
        """Keep a cohort; `users` are (place of the list, user)."""
        self.insert("es_cohorts", ["id", "name", "definition"], [[1, cohort, definition]])
        rows = [[cohort, place, user] for place, user in users]
        if rows:
            self.insert("es_cohort_users", ["cohort", "part", "user_id"], rows)

    async def fresh(self) -> Watermark:
        return Watermark(self._id, 0, 0, self.tombstones, "mark")

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        self.asked.append(spelled(sql, values))
        text, parameters = bound(sql, values)
        self.client.database = self.database
        try:
            return [tuple(row) for row in self.client.query(text, parameters, dict(SETTINGS)).result_rows]
        except ClickHouseError as error:
            raise QueryFailed(str(error)) from error

    def insert(self, table: str, names: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """Rows of these columns, into a table that is emptied when the store is no more."""
        self._written.add(table)
        self.client.insert(table, rows, names, self.database, settings=dict(INSERT_SETTINGS))


def _created(client: Client) -> str:
    database = f"evensplit_test_{os.getpid()}_{next(_numbers)}"
    client.command(f"CREATE DATABASE {database}")
    register(client.command, f"DROP DATABASE IF EXISTS {database}", use_database=False)
    for table, columns_ in TABLES.items():
        made = ", ".join(f"{name} {kind}" for name, kind in columns_.items())
        client.command(f"CREATE TABLE {database}.{table} ({made}) ENGINE = MergeTree ORDER BY tuple()")
    return database


def _emptied(client: Client, database: str, written: set[str]) -> None:
    for table in written:
        client.command(f"TRUNCATE TABLE {database}.{table}", use_database=False)
    _free.append(database)


AnyStore: TypeAlias = MemoryStore | ClickhouseStore
STORES: dict[str, Callable[[], AnyStore]] = {"duckdb": MemoryStore, "clickhouse": ClickhouseStore}
