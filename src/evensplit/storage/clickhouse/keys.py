"""Which message ids have been stored: claims of keys by rows, written before the rows and withdrawn where no row came.

The claim of a key that has no row would lose the event when it is sent again. So whoever has claimed keys and cannot
tell whether the rows were stored asks for them, and withdraws the claims of those that are missing. Only one process
claims keys at a time (`starts`).
"""

from collections.abc import Iterable, Sequence
from datetime import date, timedelta

from evensplit import clock
from evensplit.storage.clickhouse.connection import Connection
from evensplit.storage.clickhouse.schema import KEYS

DAY_MS = 86_400_000
EPOCH = date(1970, 1, 1)
TABLE = "es_message_keys"
ASKED = 3_000  # at once: as many as fit into 128 KiB, which is what a parameter over HTTP may take


def number(key: bytes) -> int:
    """A key as it is stored; numbers sort as the bytes do."""
    return int.from_bytes(key, "big")


class MessageKeys:
    """The table of claims; for one thread."""

    def __init__(self, connection: Connection, dedup_days: int) -> None:
        self._connection = connection
        self._dedup_days = dedup_days

    def known(self, keys: Iterable[int]) -> set[int]:
        """Which of them were claimed within the days that keys are remembered."""
        asked, since = sorted(keys), self._oldest()
        found: set[int] = set()
        for start in range(0, len(asked), ASKED):
            rows = self._connection.look_up(
                f"SELECT key FROM {TABLE} WHERE key IN {{keys:Array(UInt128)}} AND day >= {{since:Date}}",
                {"keys": asked[start : start + ASKED], "since": since},
            )
            found.update(int(str(key)) for (key,) in rows)
        return found

    def claim(self, table: str, keys: Sequence[int], ids: Sequence[int], token: str) -> None:
        """The rows with these ids, all of one group, bring these keys."""
        count, today = len(keys), clock.now_ms() // DAY_MS
        self._connection.insert(TABLE, KEYS, [keys, [table] * count, ids, [min(ids)] * count, [today] * count], token)

    def last_group(self, table: str) -> int | None:
        """The first id of the last group that claimed keys."""
        ((first, found),) = self._connection.look_up(
            f"SELECT max(first_id), count() FROM {TABLE} WHERE table_name = {{table:String}}", {"table": table}
        )
        return int(str(first)) if found else None

    def withdraw(self, table: str, from_id: int) -> None:
        """Give back the keys that were claimed for rows from that id on that are not there."""
        lost = f"table_name = ? AND id >= ? AND id NOT IN (SELECT id FROM {table} WHERE id >= ?)"
        values = (table, from_id, from_id)
        if self._connection.ask(f"SELECT 1 FROM {TABLE} WHERE {lost} LIMIT 1", values):
            self._connection.command(f"DELETE FROM {TABLE} WHERE {lost} SETTINGS lightweight_deletes_sync = 2", values)

    def forget(self) -> None:
        """Drop the weeks whose last day is out of date."""
        oldest = self._oldest()
        weeks = self._connection.look_up(
            "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND active "
            "AND table = {table:String}",
            {"table": TABLE},
        )
        for (week,) in weeks:
            if date.fromisoformat(str(week)) + timedelta(days=6) < oldest:
                self._connection.command(f"ALTER TABLE {TABLE} DROP PARTITION ?", [str(week)])

    def _oldest(self) -> date:
        return EPOCH + timedelta(days=clock.now_ms() // DAY_MS - self._dedup_days)
