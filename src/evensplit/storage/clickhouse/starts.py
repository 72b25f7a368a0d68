"""Who writes to the database: one process at a time, the one that started last. Not here: what it writes."""

import time

from evensplit import clock
from evensplit.errors import StartError, Unavailable
from evensplit.storage.clickhouse.connection import Connection
from evensplit.storage.clickhouse.schema import STARTS

LOOK = 1.0  # seconds between looks at who started last


class Starts:
    """The starts of servers on this database. `record` is the mark of the record's first start: its name for ever."""

    def __init__(self, connection: Connection, mark: str, record: str) -> None:
        self._connection = connection
        self._mark = mark
        self._record = record
        self._looked = 0.0
        self._replaced = False

    def begin(self) -> None:
        """From now on this process writes. Raises StartError where the database belongs to another record."""
        others = self._connection.look_up(
            "SELECT DISTINCT record FROM es_starts WHERE record != {record:String}", {"record": self._record}
        )
        if others:
            raise StartError(
                f"{self._connection.to.shown} holds what belongs to the experiments of another data directory: "
                "serve that one, or name another database"
            )
        self._connection.insert("es_starts", STARTS, [[self._mark], [self._record], [clock.now_ms()]], self._mark)

    def check(self) -> None:
        """Raises Unavailable once another process has started on this database."""
        now = time.monotonic()
        if not self._replaced and now - self._looked < LOOK:
            return
        ((last,),) = self._connection.look_up("SELECT argMax(mark, (started_at, mark)) FROM es_starts", {})
        self._looked, self._replaced = now, last != self._mark
        if self._replaced:
            raise Unavailable("another server has started on the same ClickHouse database; it takes the events now", 30)
