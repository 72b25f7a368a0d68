"""Events as they come in, for whoever listens: one look at the store a moment for all of them. Not here: how they
are shown (`api.stream` and the pages).
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import msgspec

from evensplit.errors import EvensplitError
from evensplit.storage.base import StoredEvent, StoredEvents

EVERY = 0.5  # seconds between looks
MOST = 200  # events shown of one look; the rest is counted
WAITING = 20  # looks that a listener may be behind
QUIET = 15.0  # seconds of silence before a sign of life
STOPPED = None

log = logging.getLogger("evensplit.live")


class News(msgspec.Struct, frozen=True):
    """What one look found, oldest first, and how many more there were than are shown."""

    events: tuple[StoredEvent, ...]
    skipped: int


NOTHING = News((), 0)


class Live:
    """Looks at the store only while somebody listens."""

    def __init__(self, events: StoredEvents) -> None:
        self._events = events
        self._listeners: set[asyncio.Queue[News | None]] = set()
        self._looking: asyncio.Task[None] | None = None
        self._begun = asyncio.Event()
        self._stopped = False

    async def listen(self) -> AsyncIterator[News]:
        """From now on, until the server stops: nothing at first, as a sign that it has begun, and nothing whenever
        `QUIET` seconds bring nothing. A listener that does not keep up is told how many it has missed."""
        with self._listening() as waiting:
            await self._begun.wait()
            yield NOTHING
            while not self._stopped:
                try:
                    news = await asyncio.wait_for(waiting.get(), QUIET)
                except TimeoutError:
                    news = NOTHING
                if news is not STOPPED:
                    yield news

    def stop(self) -> None:
        """End what every listener hears."""
        self._stopped = True
        self._begun.set()
        self._rest()
        for waiting in self._listeners:
            if not waiting.full():
                waiting.put_nowait(STOPPED)

    def _rest(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    @contextmanager
    def _listening(self) -> Iterator["asyncio.Queue[News | None]"]:
        waiting: asyncio.Queue[News | None] = asyncio.Queue(WAITING)
        self._listeners.add(waiting)
        if self._looking is None and not self._stopped:
            self._begun.clear()
            self._looking = asyncio.create_task(self._look())
        try:
            yield waiting
        finally:
            self._listeners.discard(waiting)
            if not self._listeners:
                self._rest()

    async def _look(self) -> None:
        seen = None
        while True:
            try:
                newest = await self._events.newest()
                if seen is not None and newest > seen:
                    low = max(seen, newest - MOST)
                    self._tell(News(tuple(await self._events.between(low, newest)), low - seen))
                seen = newest
                self._begun.set()
            except EvensplitError:
                log.exception("the newest events could not be read; trying again")
            await asyncio.sleep(EVERY)

    def _tell(self, news: News) -> None:
        for waiting in self._listeners:
            told = news
            while waiting.full():
                missed = waiting.get_nowait()
                assert missed is not STOPPED
                told = News(told.events, told.skipped + missed.skipped + len(missed.events))
            waiting.put_nowait(told)
