"""Puts groups of rows into a table: gives ids, leaves out what is stored already, says when all of it is on disk.

The thread's side of `lanes`. A group goes in as one block under one token, so that trying again adds nothing.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from typing import TypeAlias

from evensplit.errors import Unavailable
from evensplit.storage.clickhouse.connection import Connection, EngineError
from evensplit.storage.clickhouse.keys import MessageKeys, number
from evensplit.storage.clickhouse.starts import Starts

log = logging.getLogger(__name__)

Columns: TypeAlias = Sequence[Sequence[object]]

PAUSES = (0.1, 1.0)  # seconds before each further attempt
GAP = 1 << 20  # ids left out at a start: a process that has just been replaced may still be giving some

UNSURE = "ClickHouse did not take the rows; whether some were kept is unknown"


class Inserts:
    """One growing table. `last` is the highest id acknowledged; ids ascend in the order of acknowledgement."""

    def __init__(self, connection: Connection, keys: MessageKeys, starts: Starts, mark: str) -> None:
        self._connection = connection
        self._keys = keys
        self._starts = starts
        self._mark = mark
        self._doubt: tuple[int, str] | None = None  # first id and token of a group that may or may not be stored
        self.table = ""
        self.types: Mapping[str, str] = {}
        self.last = 0
        self.count = 0  # rows stored, as far as is known here
        self.begun = 0  # groups on their way, or there
        self._next = 0

    def open(self, table: str, types: Mapping[str, str]) -> "Inserts":
        """Take up where the last process stopped."""
        self.table, self.types = table, types
        ((last, count, erased),) = self._connection.look_up(
            f"SELECT max(id), count(), (SELECT max(last_id) FROM es_erasures WHERE table_name = {{table:String}}) "
            f"FROM {table}",
            {"table": table},
        )
        self.last, self.count = max(int(str(last)), int(str(erased or 0))), int(str(count))
        group = self._keys.last_group(table)
        if group is not None:
            self._keys.withdraw(table, group)
        given = max(self.last, group or 0)
        self._next = given + GAP if given else 1
        return self

    @property
    def settled(self) -> bool:
        """Whether all that was begun has been acknowledged: no row is there beyond `last`."""
        return self._doubt is None

    def put(self, columns: Columns, keys: Sequence[bytes | None]) -> list[int]:
        """Store the rows (all columns but the id); the positions of those whose key was stored before.

        Raises Unavailable where they are not, or perhaps not, stored."""
        try:
            self._starts.check()
            self._settle()
            duplicates, claimed = self._judge(keys)
        except EngineError as error:
            log.error("ClickHouse cannot be asked: %s", error)
            raise Unavailable("ClickHouse cannot be reached; nothing was taken") from error
        left = set(duplicates)
        rows = [[v for at, v in enumerate(c) if at not in left] for c in columns] if left else columns
        count = len(columns[0]) - len(left)
        if count:
            self._store(rows, count, claimed)
        return duplicates

    def _judge(self, keys: Sequence[bytes | None]) -> tuple[list[int], list[tuple[int, int]]]:
        """Positions of duplicates, and (key, position among the rows that are left) of the new keys."""
        numbers = [None if key is None else number(key) for key in keys]
        known = self._keys.known({key for key in numbers if key is not None})
        duplicates: list[int] = []
        claimed: list[tuple[int, int]] = []
        for position, key in enumerate(numbers):
            if key is None:
                continue
            if key in known:
                duplicates.append(position)
            else:
                known.add(key)
                claimed.append((key, position - len(duplicates)))
        return duplicates, claimed

    def _store(self, rows: Columns, count: int, claimed: Sequence[tuple[int, int]]) -> None:
        first = self._next
        self.begun += 1
        self._next += count
        token = f"{self._mark}-{self.table}-{first}"
        self._doubt = (first, token)
        if claimed:
            keys, ids = [key for key, _ in claimed], [first + at for _, at in claimed]
            self._try(lambda: self._keys.claim(self.table, keys, ids, f"{token}-keys"))
        block = [range(first, first + count), *rows]
        self._try(lambda: self._connection.insert(self.table, self.types, block, token))
        self._doubt = None
        self.last = first + count - 1
        self.count += count

    def _try(self, work: Callable[[], None]) -> None:
        for pause in (*PAUSES, None):
            try:
                work()
                return
            except EngineError as error:
                log.error("ClickHouse did not take a group: %s", error)
                if pause is None:
                    self._settle_quietly()
                    raise Unavailable(UNSURE) from error
                time.sleep(pause)

    def _settle(self) -> None:
        """Find out what became of the group in doubt, and give back the keys of what is not there."""
        if self._doubt is not None:
            first, token = self._doubt
            for name in (token, f"{token}-keys"):
                self._connection.end(name)
            self._keys.withdraw(self.table, first)
            self._doubt = None

    def _settle_quietly(self) -> None:
        try:
            self._settle()
        except EngineError as error:
            log.error("what became of the group is asked again before the next one: %s", error)
