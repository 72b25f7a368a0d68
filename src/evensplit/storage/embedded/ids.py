"""A whole number for each id of a user: reports join, group and count by it, not by the text. Not here: the reports.

Numbers are given out from 1 in the order in which ids come, and never again. An id that no row carries any more loses
its number, so that nothing is left of a user who was erased.
"""

from collections.abc import Collection, Iterable, Mapping

import duckdb
import msgspec

TABLE = "copy_ids"
COLUMNS = "number BIGINT, id VARCHAR, key UHUGEINT"  # key: 128 bits that no two ids share in practice
MOST_KEPT = 100_000  # ids whose numbers are remembered: most events are of users seen lately

# A scan of all keys: 13 ms for a million of them. Texts would take three times as long.
_KNOWN = f"""SELECT given.id, number FROM (SELECT unnest(from_json(?, '["VARCHAR"]')) AS id) AS given
JOIN {TABLE} ON key = md5_number(given.id)"""
_ADD = f"""INSERT INTO {TABLE} SELECT CAST(r ->> 0 AS BIGINT), r ->> 1, md5_number(r ->> 1)
FROM (SELECT unnest(from_json(?, '["JSON"]')) AS r) AS given"""


class Ids:
    """The numbers of one copy. `last` is the highest that was given out."""

    def __init__(self, con: duckdb.DuckDBPyConnection, carriers: Iterable[tuple[str, str]]) -> None:
        """`carriers`: every (table, column) that holds numbers."""
        self._con = con
        self._carriers = list(carriers)
        self._kept: dict[str, int] = {}
        self.last = 0

    def reset(self, last: int) -> None:
        """Begin where a transaction that was undone, or another process, has left the tables."""
        self._kept.clear()
        self.last = last

    def numbers(self, ids: Collection[str]) -> Mapping[str, int]:
        """Of each of these ids at least; those that have none are given one."""
        if len(self._kept) > MOST_KEPT:
            self._kept.clear()
        missing = [id_ for id_ in ids if id_ not in self._kept]
        if missing:
            self._kept.update(self._con.execute(_KNOWN, [_encode(missing).decode()]).fetchall())
            fresh = [id_ for id_ in missing if id_ not in self._kept]
            if fresh:
                self._add(fresh)
        return self._kept

    def _add(self, fresh: list[str]) -> None:
        given = list(enumerate(fresh, self.last + 1))
        self._con.execute(_ADD, [_encode(given).decode()])
        self._kept.update((id_, number) for number, id_ in given)
        self.last += len(fresh)

    def forget(self, numbers: Collection[int]) -> None:
        """Take those away that no row carries any more."""
        if not numbers:
            return
        self._kept.clear()
        carried = " UNION ALL ".join(
            f"SELECT {column} FROM {table} WHERE {column} IN (SELECT number FROM asked)"
            for table, column in self._carriers
        )
        self._con.execute(
            f"DELETE FROM {TABLE} WHERE number IN (WITH asked AS MATERIALIZED (SELECT unnest(?::BIGINT[]) AS number) "
            f"SELECT number FROM asked WHERE number NOT IN ({carried}))",
            [list(numbers)],
        )


_encode = msgspec.json.Encoder().encode
