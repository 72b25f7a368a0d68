"""A small store for tests: the record's real schema in SQLite, the columns in DuckDB, both ports over them."""

import shutil
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import Any

import duckdb

from evensplit.errors import Conflict, QueryFailed
from evensplit.model.event import Batch, Kept
from evensplit.storage.base import (
    NewAssignment,
    NewMetric,
    Statement,
    StoredAssignment,
    Value,
    Watermark,
    Written,
)
from evensplit.storage.clickhouse.properties import columns
from evensplit.storage.embedded.groups import LINK
from evensplit.storage.embedded.tables import Tables
from evensplit.storage.migrate import migrate
from tests.unit.query.clickhouse_store import TABLES, ClickhouseStore
from tests.unit.query.memory_store import engine

COPIED = {
    "ab_assignments": "SELECT id, user_id, test_id, variant_id, assigned_at FROM ab_assignments",
    "ab_metrics": "SELECT m.id, test_id, variant_id, metric_name, value, created_at, u.user_id FROM ab_metrics m"
    " LEFT JOIN es_metric_users u ON u.metric_id = m.id",
    "es_identity": "SELECT id, kind, subject, object, value, text, number, stated_at FROM es_identity",
}
_numbers = count()
_template: dict[str, Path] = {}


def record(folder: Path) -> Path:
    """A record of its own; the migrations run once, then the file is copied."""
    path = folder / "analytics.db"
    if "path" not in _template:
        migrate(path)
        kept = folder.parent / "template.db"
        with closing(sqlite3.connect(path)) as con:
            con.execute("VACUUM INTO ?", (str(kept),))
        path.unlink()
        _template["path"] = kept
    return Path(shutil.copy(_template["path"], path))


class SmallStore:
    """Both ports over real engines, without the writer process, the groups and the incremental copy."""

    engine = "duckdb"

    def __init__(self, folder: Path) -> None:
        self.record = sqlite3.connect(record(folder), isolation_level=None)
        self.record.execute("PRAGMA foreign_keys = ON")
        self.record.execute("PRAGMA synchronous = OFF")  # nothing here is about durability
        self.record.execute("PRAGMA journal_mode = MEMORY")
        self.name = f"small_{next(_numbers)}"
        self.reads = 0
        self.events: list[tuple[int, str, str | None, str, str]] = []

    @cached_property
    def columns(self) -> "duckdb.DuckDBPyConnection":
        """Made when a test first asks something of it: most do not. A database of its own in the one engine."""
        con = engine().cursor()
        con.execute(f"ATTACH ':memory:' AS {self.name}; USE {self.name}")
        self.tables = Tables(con)
        self.tables.create()
        return con

    def close(self) -> None:
        self.record.close()
        if "columns" in self.__dict__:
            self.columns.close()
            engine().execute(f"DETACH {self.name}")

    # --- the catalog's port -----------------------------------------------------------------------

    def read(self, statement: Statement) -> list[tuple[Value, ...]]:
        self.reads += 1
        return self.record.execute(*statement).fetchall()

    async def write(self, statements: Sequence[Statement]) -> list[Written]:
        self.record.execute("BEGIN IMMEDIATE")
        try:
            written = [self._run(statement) for statement in statements]
        except sqlite3.IntegrityError as error:
            self.record.execute("ROLLBACK")
            raise Conflict(str(error)) from error
        except BaseException:
            self.record.execute("ROLLBACK")
            raise
        self.record.execute("COMMIT")
        return written

    def _run(self, statement: Statement) -> Written:
        cursor = self.record.execute(*statement)
        rows = cursor.fetchall() if cursor.description else []
        return Written(rows, cursor.lastrowid or 0, cursor.rowcount)

    async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
        return self.assigned(rows)

    def assigned(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
        """The same for tests that store many: an event loop for each would take longer."""
        found = []
        for row in rows:
            sql = "INSERT OR IGNORE INTO ab_assignments (user_id, test_id, variant_id, assigned_at) VALUES (?, ?, ?, ?)"
            try:
                cursor = self.record.execute(sql, (row.user_id, row.test_id, row.variant_id, row.assigned_at))
            except sqlite3.IntegrityError as error:
                raise Conflict(str(error)) from error
            (stored,) = self.record.execute(
                "SELECT variant_id, assigned_at FROM ab_assignments WHERE user_id = ? AND test_id = ?",
                (row.user_id, row.test_id),
            ).fetchall()
            found.append(StoredAssignment(row.user_id, row.test_id, stored[0], stored[1], cursor.rowcount == 1))
        return found

    # --- the events' port -------------------------------------------------------------------------

    async def append(self, batch: Batch) -> Kept:
        self.record.executemany(LINK, batch.links)
        return Kept([])

    async def append_metrics(self, rows: Sequence[NewMetric], rejects: Batch) -> Kept:
        for row in rows:
            self.metric(row)
        return Kept([])

    async def fresh(self) -> Watermark:
        """Copy everything anew: the tables of a test are small."""
        self.columns.execute("SELECT 1")
        self.tables.create()
        for table, sql in COPIED.items():
            self.tables.insert(table, self.record.execute(sql).fetchall())
        self.tables.insert("events", [(*event[:3], None, *event[3:]) for event in self.events])
        return self.watermark()

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        try:
            return self.columns.execute(sql, list(values)).fetchall()
        except duckdb.Error as error:
            raise QueryFailed(str(error)) from error

    # --- filling ----------------------------------------------------------------------------------

    def watermark(self) -> Watermark:
        events, assignments, metrics = (
            self.columns.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchall()[0][0]
            for table in ("events", "ab_assignments", "ab_metrics")
        )
        return Watermark(events, assignments, metrics, 0, "test")

    def metric(self, row: NewMetric) -> None:
        cursor = self.record.execute(
            "INSERT INTO ab_metrics (test_id, variant_id, metric_name, value, created_at) VALUES (?, ?, ?, ?, ?)",
            (row.test_id, row.variant_id, row.metric_name, row.value, row.created_at),
        )
        if row.user_id is not None:
            self.record.execute("INSERT INTO es_metric_users VALUES (?, ?)", (cursor.lastrowid, row.user_id))

    def event(self, event_type: str, user_id: str | None, at: str, properties: str = "{}") -> None:
        self.events.append((len(self.events) + 1, event_type, user_id, properties, at))


class ClickhouseSmallStore(SmallStore):
    """The same with the columns in ClickHouse."""

    engine = "clickhouse"

    @cached_property
    def asked(self) -> ClickhouseStore:
        """Where the columns stand."""
        return ClickhouseStore()

    async def fresh(self) -> Watermark:
        """Copy everything anew."""
        for table in (*COPIED, "events"):
            self.asked.client.command(f"TRUNCATE TABLE {self.asked.database}.{table}")
        newest = dict.fromkeys((*COPIED, "events"), 0)
        for table, sql in COPIED.items():
            cursor = self.record.execute(sql)
            names = list(TABLES[table])
            found = [[_typed(*cell) for cell in zip(names, row, strict=True)] for row in cursor.fetchall()]
            if found:
                newest[table] = max(int(str(row[0])) for row in found)
                self.asked.insert(table, names, found)
        rows = [_event_row(*event) for event in self.events]
        if rows:
            self.asked.insert("events", list(TABLES["events"]), rows)
            newest["events"] = len(rows)
        return Watermark(newest["events"], newest["ab_assignments"], newest["ab_metrics"], 0, "test")

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[Any, ...]]:
        return await self.asked.query(sql, values)


def _event_row(id_: int, event_type: str, user_id: str | None, properties: str, at: str) -> list[object]:
    held = columns(properties)
    return [id_, event_type, user_id, None, properties, held.props, held.texts, instant(at)]


def _typed(name: str, value: Any) -> object:
    return instant(value) if name in ("created_at", "assigned_at") else value


def instant(text: str) -> datetime:
    """From the record's text."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)
