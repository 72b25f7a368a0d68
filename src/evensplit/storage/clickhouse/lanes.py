"""The server's side of inserting: requests join the next group of a table, one group is on its way at a time.

All requests that arrive while a group is being stored share the next one, and each is answered after its group. Every
insert makes a part that the engine has to merge, so groups leave at some distance from each other under load.
"""

import asyncio
from bisect import bisect_left
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor

from evensplit.errors import EvensplitError, Unavailable
from evensplit.model.event import Kept
from evensplit.storage.clickhouse.inserts import Inserts

DISTANCE = 0.1  # seconds between the beginnings of two inserts
GROUP_ROWS = 20_000  # a group takes no further request beyond this


class Group:
    """Rows that are stored together, and who waits for them."""

    __slots__ = ("columns", "keys", "rows", "waiting")

    def __init__(self) -> None:
        self.columns: list[list[object]] = []
        self.keys: list[bytes | None] = []
        self.rows = 0
        self.waiting: list[tuple[asyncio.Future[Kept], int, int]] = []  # the answer, and where its rows stand

    def add(
        self, columns: Sequence[Sequence[object]], keys: Sequence[bytes | None], answer: asyncio.Future[Kept]
    ) -> None:
        count = len(columns[0])
        if not self.columns:
            self.columns = [list(column) for column in columns]
        else:
            for mine, column in zip(self.columns, columns, strict=True):
                mine += column
        self.keys += keys or [None] * count
        self.waiting.append((answer, self.rows, self.rows + count))
        self.rows += count

    def settle(self, duplicates: list[int]) -> None:
        """All of it is stored: tell everybody their part of it."""
        for answer, start, end in self.waiting:
            if not answer.done():
                low, high = bisect_left(duplicates, start), bisect_left(duplicates, end)
                answer.set_result(Kept([position - start for position in duplicates[low:high]]))

    def fail(self, error: EvensplitError) -> None:
        for answer, _, _ in self.waiting:
            if not answer.done():
                answer.set_exception(error)


class Lane:
    """The way into one table. `append` from the event loop's thread; `thread` runs the inserts one after another."""

    def __init__(self, inserts: Inserts, thread: Executor, most_queued: int) -> None:
        self._inserts = inserts
        self._thread = thread
        self._most_queued = most_queued
        self._groups: deque[Group] = deque()
        self._sending: asyncio.Task[None] | None = None
        self._began = 0.0
        self._stopping = False
        self.queued = 0  # rows that wait or are on their way

    def append(self, columns: Sequence[Sequence[object]], keys: Sequence[bytes | None]) -> "asyncio.Future[Kept]":
        """Give rows to the next group; done when they are stored. `keys`: empty, or one a row. Raises Unavailable."""
        count = len(columns[0])
        if self._stopping:
            raise Unavailable("the server is stopping; nothing was taken", retry_after=5)
        # A request larger than the whole bound is let in when nothing else waits: it could never enter otherwise.
        if self.queued and self.queued + count > self._most_queued:
            raise Unavailable(f"{self.queued} rows wait to be written; nothing was taken")
        self.queued += count
        answer: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        if not self._groups or self._groups[-1].rows >= GROUP_ROWS:
            self._groups.append(Group())
        self._groups[-1].add(columns, keys, answer)
        if self._sending is None:
            self._sending = asyncio.get_running_loop().create_task(self._send())
        return answer

    async def stop(self) -> None:
        """Store what was taken; take no more."""
        self._stopping = True
        while self._sending is not None:
            await asyncio.shield(self._sending)

    async def _send(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while self._groups:
                if len(self._groups) == 1 and not self._stopping:
                    await asyncio.sleep(max(self._began + DISTANCE - loop.time(), 0))
                group = self._groups.popleft()
                self._began = loop.time()
                await self._store(group)
                self.queued -= group.rows
        finally:
            self._sending = None

    async def _store(self, group: Group) -> None:
        run = asyncio.get_running_loop().run_in_executor
        try:
            group.settle(await run(self._thread, self._inserts.put, group.columns, group.keys))
        except EvensplitError as error:
            group.fail(error)
        except BaseException as error:
            group.fail(EvensplitError("the rows could not be written; the log says why"))
            raise error
