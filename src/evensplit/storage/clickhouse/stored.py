"""Events as they were sent, read by their ids from ClickHouse. Not here: questions about many of them."""

from collections.abc import Awaitable, Callable, Sequence

import msgspec

from evensplit.storage.base import StoredEvent

STORED = "SELECT id, event_type, user_id, session_id, properties, toString(created_at) FROM events"

Query = Callable[[str, Sequence[object]], Awaitable[list[tuple[object, ...]]]]


class StoredEvents:
    """Implements `storage.base.StoredEvents`. `last`: the newest id that this process has stored, or found."""

    def __init__(self, query: Query, last: Callable[[], int]) -> None:
        self._query = query
        self._last = last

    async def by_id(self, ids: Sequence[int]) -> list[StoredEvent]:
        return await self._read(f"{STORED} WHERE id IN ?", [list(ids) or [0]])

    async def between(self, low: int, high: int) -> list[StoredEvent]:
        return await self._read(f"{STORED} WHERE id > ? AND id <= ? ORDER BY id", [low, high])

    async def newest(self) -> int:
        return self._last()

    async def _read(self, sql: str, values: Sequence[object]) -> list[StoredEvent]:
        return [msgspec.convert(row, StoredEvent) for row in await self._query(sql, values)]
