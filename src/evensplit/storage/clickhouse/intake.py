"""Takes over what an embedded record holds, with its ids: events, metric values, message ids, and copies of the rest.

How far it came is written after every block; what an interrupted block left behind is taken away when it goes on, so
nothing comes twice. Only into a database on which no server has started. Not here: reading the record (`transfer`).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from evensplit.errors import QueryFailed, StartError
from evensplit.storage.base import Watermark
from evensplit.storage.clickhouse import schema
from evensplit.storage.clickhouse.connection import Connection, EngineError, target
from evensplit.storage.clickhouse.keys import TABLE as KEYS_TABLE
from evensplit.storage.clickhouse.keys import number
from evensplit.storage.clickhouse.mirror import Mirror
from evensplit.storage.clickhouse.rows import of_recorded_events, of_recorded_metrics
from evensplit.storage.clickhouse.state import State

STATE_NAME = "taken over"
LEFT_SHOWN = 20  # rows that could not be taken over and are named


class Taken(msgspec.Struct):
    """How far it came: the highest ids, of which record, and how many rows had to be left."""

    record: str
    events: int = 0
    metrics: int = 0
    keys: int = 0  # the run of message ids
    left: int = 0
    shown: list[tuple[str, int]] = []  # the first of them: (table, id)


class Intake:
    """For one thread. Implements `query.reading.Reading`, so that both sides can be asked the same."""

    engine = "clickhouse"

    def __init__(self, url: str, record: str, path: Path) -> None:
        self._connection = Connection(target(url))
        self._state = State(self._connection, STATE_NAME)
        self._mirror = Mirror(self._connection, path)
        self.at = Taken(record)

    def open(self, mark: str) -> None:
        """Make the tables, and find out how far it came. Raises StartError where it must not go on."""
        connection = self._connection
        connection.open()
        for statement in schema.statements():
            connection.command(statement)
        shown = connection.to.shown
        if connection.look_up("SELECT 1 FROM es_starts LIMIT 1", {}):
            raise StartError(f"a server has worked on {shown} already: copy into an empty database")
        found = self._state.read(Taken) or self.at
        if found.record != self.at.record:
            raise StartError(f"{shown} holds a copy of another data directory: copy into an empty database")
        self.at = found
        for table, reached in (("events", self.at.events), ("ab_metrics", self.at.metrics)):
            if connection.ask(f"SELECT 1 FROM {table} WHERE id > ? LIMIT 1", [reached]):
                connection.command(f"DELETE FROM {table} WHERE id > ?", [reached])
        self._mirror.open(mark)

    def close(self) -> None:
        self._mirror.close()
        self._connection.close()

    def events(self, rows: Sequence[Sequence[object]], reached: int) -> None:
        """Rows as `Tail` reads them, in the order of their ids; they are all there are up to `reached`."""
        columns, left = of_recorded_events(rows)
        self._connection.insert("events", schema.EVENTS, columns, f"{self.at.record}-events-{reached}")
        self.at.events = reached
        self._leave("events", left)

    def metrics(self, rows: Sequence[Sequence[object]], reached: int) -> None:
        """The same of metric values."""
        columns, left = of_recorded_metrics(rows)
        self._connection.insert("ab_metrics", schema.METRICS, columns, f"{self.at.record}-metrics-{reached}")
        self.at.metrics = reached
        self._leave("ab_metrics", left)

    def keys(self, keys: Iterable[bytes], day: int, run: int | None) -> None:
        """Keys of message ids that arrived on that day (counted from 1970); once more the same does no harm."""
        found = [number(key) for key in keys]
        count = len(found)
        columns: list[Sequence[object]] = [found, [""] * count, [0] * count, [0] * count, [day] * count]
        self._connection.insert(KEYS_TABLE, schema.KEYS, columns)
        if run is not None:
            self.at.keys = run
            self._state.write(self.at)

    def catalog(self) -> None:
        """Copies of experiments, assignments and who is who."""
        self._mirror.sync(self.at.metrics)

    async def fresh(self) -> Watermark:
        at = self._mirror.at
        return Watermark(self.at.events, at.rows.get("ab_assignments", 0), self.at.metrics, at.tombstones, "copy")

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        try:
            return self._connection.ask(sql, values)
        except EngineError as error:
            raise QueryFailed(str(error)) from error

    def _leave(self, table: str, ids: Sequence[int]) -> None:
        self.at.left += len(ids)
        self.at.shown += [(table, row) for row in ids[: LEFT_SHOWN - len(self.at.shown)]]
        self._state.write(self.at)
