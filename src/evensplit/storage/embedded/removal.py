"""Taking events away from the record: of people who ask for it, and of times that are out of date.

The columns say which rows these are, for the record has no index for it; the writer deletes them some at a time, so
that what is captured meanwhile gets its turn. Deletions reach the columns as any others do, by their tombstones.
"""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from typing import TypeAlias, cast

import msgspec

from evensplit.storage.base import Statement, Watermark, Written

LOOKED_UP = 50_000  # ids asked of the columns at a time
AT_ONCE = 2_000  # rows deleted by one statement of the writer, so that capture waits for little

Fresh: TypeAlias = Callable[[], Awaitable[Watermark]]
Query: TypeAlias = Callable[[str, Sequence[object]], Awaitable[list[tuple[object, ...]]]]
Write: TypeAlias = Callable[[Sequence[Statement]], Awaitable[list[Written]]]
Progress: TypeAlias = Callable[[int], None]  # told how many rows have gone so far


class Removal:
    """Works through the port's own methods: what was acknowledged before a call is gone when it returns."""

    def __init__(self, fresh: Fresh, query: Query, write: Write, progress: Progress | None = None) -> None:
        self._fresh = fresh
        self._query = query
        self._write = write
        self._progress = progress
        self.gone = 0

    async def users(self, ids: Sequence[str]) -> None:
        """All events and metric values that carry one of these ids."""
        for table in ("events", "ab_metrics"):
            await self._remove(table, f"user_id IN ({', '.join('?' * len(ids))})", list(ids))

    async def before(self, at: int) -> None:
        """The events that happened before that instant (milliseconds since 1970-01-01 UTC)."""
        instant = datetime.fromtimestamp(at / 1000, UTC).replace(tzinfo=None)  # the columns mean UTC without saying so
        await self._remove("events", "created_at < ?", [instant])

    async def _remove(self, table: str, condition: str, values: Sequence[object]) -> None:
        at = await self._fresh()
        high = at.events if table == "events" else at.metrics
        sql = f"SELECT id FROM {table} WHERE {condition} AND id > ? AND id <= ? ORDER BY id LIMIT {LOOKED_UP}"
        low = -1
        while rows := await self._query(sql, [*values, low, high]):
            ids = [cast(int, row[0]) for row in rows]
            low = ids[-1]
            for start in range(0, len(ids), AT_ONCE):
                await self._delete(table, ids[start : start + AT_ONCE])

    async def _delete(self, table: str, ids: Sequence[int]) -> None:
        listed = msgspec.json.encode(ids).decode()
        (done,) = await self._write([(f"DELETE FROM {table} WHERE id IN (SELECT value FROM json_each(?))", [listed])])
        self.gone += done.count
        if self._progress is not None:
            self._progress(self.gone)
