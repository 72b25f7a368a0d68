"""A whole number for each id of a user: reports join, group and count by it, not by the text. Not here: the reports.

Numbers are given out in the order in which ids come, from 1, and never again. An id that no row carries any more loses
its number, so that nothing is left of a user who was erased.
"""

from collections.abc import Collection, Iterable

import duckdb
import msgspec

TABLE = "copy_ids"
COLUMNS = "number BIGINT, id VARCHAR, key UHUGEINT"  # key: 128 bits that no two ids share in practice
NAMED = "numbered"  # a table of the connection: id, number, fresh

# Each reading of `copy_ids` is a scan of its keys: 13 ms for a million of them. Texts would take three times as long.
_NUMBER = f"""CREATE OR REPLACE TEMP TABLE {NAMED} AS WITH
named AS MATERIALIZED (
    SELECT id, md5_number(id) AS key FROM (SELECT DISTINCT unnest(from_json($1, '["VARCHAR"]')) AS id)
),
known AS MATERIALIZED (SELECT named.id AS id, number FROM named JOIN {TABLE} USING (key))
SELECT id, number, FALSE AS fresh FROM known
UNION ALL SELECT id, $2::BIGINT + row_number() OVER (ORDER BY id), TRUE FROM named ANTI JOIN known USING (id)"""
_ADD = f"INSERT INTO {TABLE} SELECT number, id, md5_number(id) FROM {NAMED} WHERE fresh"


class Ids:
    """The numbers of one copy. `last` is the highest that was given out."""

    def __init__(self, con: duckdb.DuckDBPyConnection, carriers: Iterable[tuple[str, str]]) -> None:
        """`carriers`: every (table, column) that holds numbers."""
        self._con = con
        self._carriers = list(carriers)
        self.last = 0

    def number(self, ids: Collection[str]) -> None:
        """Give those a number that have none, and put all of them into `NAMED`."""
        self._con.execute(_NUMBER, [msgspec.json.encode(list(ids)).decode(), self.last])
        ((added,),) = self._con.execute(_ADD).fetchall()
        self.last += int(str(added))

    def forget(self, numbers: Collection[int]) -> None:
        """Take those away that no row carries any more."""
        if not numbers:
            return
        carried = " UNION ALL ".join(
            f"SELECT {column} FROM {table} WHERE {column} IN (SELECT number FROM asked)"
            for table, column in self._carriers
        )
        self._con.execute(
            f"DELETE FROM {TABLE} WHERE number IN (WITH asked AS MATERIALIZED (SELECT unnest(?::BIGINT[]) AS number) "
            f"SELECT number FROM asked WHERE number NOT IN ({carried}))",
            [list(numbers)],
        )
