"""Events as they stand in the record, read by their ids. Not here: questions about many of them (`columns`)."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from evensplit.storage.base import StoredEvent
from evensplit.storage.embedded.tail import Row, Tail


class StoredEvents:
    """A connection of its own to the record, used by one thread at a time. Implements `storage.base.StoredEvents`."""

    def __init__(self, record: Path) -> None:
        self._rows = Tail(record)
        self._reading = threading.Lock()

    def close(self) -> None:
        self._rows.close()

    async def by_id(self, ids: Sequence[int]) -> list[StoredEvent]:
        return await self._read(lambda: self._rows.by_id("events", list(ids)))

    async def between(self, low: int, high: int) -> list[StoredEvent]:
        return await self._read(lambda: self._rows.after("events", low, high, high - low))

    async def newest(self) -> int:
        return await asyncio.to_thread(self._highest)

    async def _read(self, rows: Callable[[], list[Row]]) -> list[StoredEvent]:
        return [msgspec.convert(row, StoredEvent) for row in await asyncio.to_thread(self._locked, rows)]

    def _locked(self, rows: Callable[[], list[Row]]) -> list[Row]:
        with self._reading:
            return rows()

    def _highest(self) -> int:
        with self._reading:
            return self._rows.highest("events")
