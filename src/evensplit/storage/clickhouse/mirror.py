"""Copies of the record's own tables (experiments, assignments, who is who) on ClickHouse, so that reports join them.

`sync` brings them up to the record: tombstones first, then small tables that changed, then rows beyond the last copied
id; how far it came is written last. What an interrupted one left behind is taken away by the next.
"""

import logging
from pathlib import Path

import msgspec

from evensplit.storage.clickhouse.connection import Connection
from evensplit.storage.clickhouse.rows import of_record
from evensplit.storage.clickhouse.schema import COPIED, copied
from evensplit.storage.clickhouse.state import State
from evensplit.storage.embedded.tail import FOLLOWS, ROWS, SMALL, Marks, Row, Tail

log = logging.getLogger(__name__)

CHUNK = 50_000  # rows of one insert
BURIED = 10_000  # rows taken away at once: their ids stand in the address of a request, which may take 1 MiB
STATE_NAME = "copied"
GROWING = tuple(name for name in ROWS if name in COPIED)


class Position(msgspec.Struct):
    """How far the copies have come: of the record at its start `mark`."""

    mark: str = ""
    rows: dict[str, int] = {}
    tombstones: int = 0
    generations: dict[str, str] = {}


class Mirror:
    """For one thread."""

    def __init__(self, connection: Connection, record: Path) -> None:
        self._connection = connection
        self._state = State(connection, STATE_NAME)
        self._tail = Tail(record)
        self.at = Position()

    def open(self, mark: str) -> None:
        """Take up where the last process stopped; copy anew what another state of the record left."""
        at = self._state.read(Position) or Position()
        reason = self._stale(at)
        if reason:
            log.warning("the copies of the record's tables are made anew: %s", reason)
            for table in COPIED:
                self._connection.command(f"TRUNCATE TABLE {table}")
            at = Position(tombstones=self._tail.marks().tombstones)
        for table in GROWING:
            self._delete(table, "id > ?", at.rows.get(table, 0))
        self.at = at
        self.at.mark = mark
        self._state.write(self.at)

    def close(self) -> None:
        self._tail.close()

    def sync(self, metrics: int) -> None:
        """Copy all that the record gained. `metrics`: the highest id of a metric value acknowledged by now."""
        tail = self._tail
        tail.begin()
        try:
            there = tail.marks()
            if not self._behind(there):
                return
            self._bury(there)
            changed = [table for table in SMALL if self._moved(table, there)]
            for table in changed:
                self._replace(table, tail.small(table))
            if "ab_variants" in changed:
                self._sweep(metrics)
            for table in GROWING:
                self._follow(table, there)
        finally:
            tail.end()
        self.at.tombstones, self.at.generations = there.tombstones, there.generations
        self._state.write(self.at)

    def _behind(self, there: Marks) -> bool:
        at = self.at
        return (
            any(there.rows[table] > at.rows.get(table, 0) for table in GROWING)
            or there.tombstones != at.tombstones
            or there.generations != at.generations
        )

    def _moved(self, table: str, there: Marks) -> bool:
        name = f"generation_{FOLLOWS.get(table, table)}"
        return there.generations.get(name) != self.at.generations.get(name)

    def _bury(self, there: Marks) -> None:
        """Take away rows that were deleted or changed, and copy the changed ones again."""
        if there.tombstones == self.at.tombstones:
            return
        gone: dict[str, set[int]] = {}
        for _, table, row in self._tail.tombstones(self.at.tombstones, -1):
            if table in GROWING and row <= self.at.rows.get(table, 0):
                gone.setdefault(table, set()).add(row)
        for table, rows in gone.items():
            ids = sorted(rows)
            for start in range(0, len(ids), BURIED):
                some = ids[start : start + BURIED]
                self._delete(table, "id IN ?", some)
                self._insert(table, self._tail.by_id(table, some))

    def _follow(self, table: str, there: Marks) -> None:
        low, high = self.at.rows.get(table, 0), there.rows[table]
        while low < high:
            rows = self._tail.after(table, low, high, CHUNK)
            reached = int(str(rows[-1][0])) if rows else high
            self._insert(table, rows, token=f"{self.at.mark}-{table}-{low}-{reached}")
            low = self.at.rows[table] = reached

    def _replace(self, table: str, rows: list[Row]) -> None:
        """All of a small table at once: whoever asks meanwhile sees the old rows or the new ones."""
        if not rows:
            self._connection.command(f"TRUNCATE TABLE {table}")
            return
        self._connection.command(f"TRUNCATE TABLE {table}_next")
        self._insert(table, rows, f"{table}_next")
        self._connection.command(f"ALTER TABLE {table} REPLACE PARTITION tuple() FROM {table}_next")

    def _sweep(self, metrics: int) -> None:
        """Values of metrics whose variant is gone from the record went with it."""
        orphans = "variant_id NOT IN (SELECT id FROM ab_variants) AND id <= ?"
        if self._connection.ask(f"SELECT 1 FROM ab_metrics WHERE {orphans} LIMIT 1", [metrics]):
            self._connection.command(f"DELETE FROM ab_metrics WHERE {orphans}", [metrics])

    def _insert(self, table: str, rows: list[Row], into: str = "", token: str = "") -> None:
        if rows:
            types = copied(table)
            self._connection.insert(into or table, types, of_record(rows, types), token)

    def _delete(self, table: str, condition: str, value: object) -> None:
        if self._connection.ask(f"SELECT 1 FROM {table} WHERE {condition} LIMIT 1", [value]):
            self._connection.command(f"DELETE FROM {table} WHERE {condition}", [value])

    def _stale(self, at: Position) -> str:
        """Why the copies cannot be continued; empty if they can."""
        there = self._tail.marks()
        if at.mark and at.mark not in self._tail.starts():
            return "they were fed by a later state of this record"
        if any(at.rows.get(table, 0) > there.rows[table] for table in GROWING) or at.tombstones > there.tombstones:
            return "the record stands at an earlier state"
        if at.tombstones < self._tail.pruned():
            return "deletions they have not seen are no longer listed"
        return ""
