"""Taking events away: of people who ask for it, and of times that are out of date. Not here: the record's tables."""

from collections.abc import Sequence
from datetime import UTC, datetime

from evensplit import clock
from evensplit.storage.clickhouse.connection import Connection
from evensplit.storage.clickhouse.inserts import Inserts
from evensplit.storage.clickhouse.schema import ERASURES

# The parts are written anew without the rows before the statement returns: nothing of them is left in a live part.
REWRITTEN = "SETTINGS mutations_sync = 2"
USERS = 200  # taken away at once: their ids stand in the address of a request, which may take 1 MiB


class Removal:
    """For one thread. `count`: how often something was taken away, ever."""

    def __init__(self, connection: Connection, events: Inserts, metrics: Inserts) -> None:
        self._connection = connection
        self._tables = {inserts.table: inserts for inserts in (events, metrics)}
        self.count = 0

    def open(self) -> None:
        ((count,),) = self._connection.look_up("SELECT count() FROM es_erasures", {})
        self.count = int(str(count))

    def users(self, ids: Sequence[str]) -> int:
        """Take away all events and metric values that carry one of these ids; how many that were."""
        gone = 0
        for table in self._tables:
            for start in range(0, len(ids), USERS):
                gone += self._remove(table, "user_id IN ?", list(ids[start : start + USERS]), "users")
        return gone

    def before(self, at: int) -> int:
        """Take away the events that happened before that instant (milliseconds since 1970-01-01 UTC); how many."""
        instant = datetime.fromtimestamp(at / 1000, UTC)
        ((count,),) = self._connection.ask("SELECT count(*) FROM events WHERE created_at < ?", [instant])
        months = self._connection.ask(
            "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = 'events' "
            "AND active AND partition < ?",
            [f"{instant:%Y%m}"],
        )
        if months:
            self._note("events", "age")
        for (month,) in months:  # whole months cost nothing
            self._connection.command("ALTER TABLE events DROP PARTITION ?", [str(month)])
        self._remove("events", "created_at < ?", instant, "age")
        return int(str(count))

    def _remove(self, table: str, condition: str, value: object, what: str) -> int:
        ((count,),) = self._connection.ask(f"SELECT count(*) FROM {table} WHERE {condition}", [value])
        if count:
            self._note(table, what)
            self._connection.command(f"ALTER TABLE {table} DELETE WHERE {condition} {REWRITTEN}", [value])
        return int(str(count))

    def _note(self, table: str, what: str) -> None:
        """Reports as of an earlier moment are told that rows have gone since; noted before they go."""
        last = self._tables[table].last
        self._connection.insert("es_erasures", ERASURES, [[clock.now_ms()], [what], [table], [last]])
        self.count += 1
