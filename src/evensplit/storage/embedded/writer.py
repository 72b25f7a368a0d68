"""The server's side of the writer process: requests join the next group, one group is in flight at a time.

All requests that arrive while a commit runs share the next one. When the writer dies, a new one is started and asked
whether the group in flight was committed: if so it is answered, if not it is sent again. Nobody is told what is not so.
"""

import asyncio
import itertools
import logging
import socket
import subprocess
import sys
from bisect import bisect_left
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import cast

import msgspec

from evensplit.errors import Conflict, EvensplitError, Unavailable
from evensplit.model.event import Batch, Kept
from evensplit.storage.embedded import frames
from evensplit.storage.embedded.feed import Feed
from evensplit.storage.embedded.groups import EVENT_COLUMNS, Outcome

log = logging.getLogger(__name__)

NO_DUPLICATES = Kept([])
STUCK_AFTER = 60.0  # seconds a group may take before the writer is ended and started again
ATTEMPTS = 3  # how often one group is tried
GIVE_WAY = 0.005  # seconds between two groups while a report runs: fewer and larger ones leave it the processor
GROUP_EVENTS = 20_000  # a group takes no further request beyond this: bounds the time to an answer


class Pending:
    """The group being gathered, and who waits for it."""

    __slots__ = ("batches", "keys", "links", "operations", "rejects", "seq", "size", "values", "waiting")

    def __init__(self, seq: int) -> None:
        self.seq = seq
        self.values: list[str | None] = []
        self.keys: list[bytes | None] = []
        self.links: list[tuple[str, str, str]] = []
        self.rejects: list[tuple[str, str, str]] = []
        self.operations: list[tuple[str, list[tuple[object, ...]]]] = []
        self.batches: list[tuple[asyncio.Future[Kept], int, int]] = []  # the answer, and where its events stand
        self.waiting: list[asyncio.Future[object]] = []
        self.size = 0  # bytes, once it has been sent

    @property
    def empty(self) -> bool:
        return not self.batches and not self.waiting

    def frame(self) -> bytes:
        packed = frames.pack((self.seq, self.values, self.keys, self.links, self.rejects, self.operations))
        self.size = len(packed)
        return packed

    def add(self, batch: Batch, answer: asyncio.Future[Kept]) -> None:
        start = len(self.values) // EVENT_COLUMNS
        if batch.keys:
            self.keys += [None] * (start - len(self.keys))
            self.keys += batch.keys
        self.values += batch.values
        if batch.links:
            self.links += batch.links
        if batch.rejects:
            self.rejects += [(reject.reason, reject.message, reject.event) for reject in batch.rejects]
        self.batches.append((answer, start, len(self.values) // EVENT_COLUMNS))

    def settle(self, duplicates: list[int], results: list[tuple[str, object]]) -> None:
        """Everything in the group is committed: tell everybody their part of it."""
        for answer, start, end in self.batches:
            if not answer.done():
                answer.set_result(_part(duplicates, start, end) if duplicates else NO_DUPLICATES)
        for waiting, (verdict, value) in zip(self.waiting, results, strict=True):
            if waiting.done():
                continue
            if verdict == "ok":
                waiting.set_result(value)
            elif verdict == "conflict":
                waiting.set_exception(Conflict(str(value)))
            else:
                log.error("a change was not written: %s", value)
                waiting.set_exception(EvensplitError("the change could not be written; the log says why"))

    def fail(self, error: EvensplitError) -> None:
        everybody: list[asyncio.Future[Kept] | asyncio.Future[object]] = [
            *(batch[0] for batch in self.batches),
            *self.waiting,
        ]
        for answer in everybody:
            if not answer.done():
                answer.set_exception(error)


def _part(duplicates: list[int], start: int, end: int) -> Kept:
    """The duplicates among the events from `start` to `end` of the group, counted from `start`."""
    low, high = bisect_left(duplicates, start), bisect_left(duplicates, end)
    return Kept([position - start for position in duplicates[low:high]])


class Settings(msgspec.Struct, frozen=True):
    """What the writer needs to know."""

    record: Path
    mark: str
    dedup_days: int
    queue_events: int
    inherit: int  # descriptor of the directory's lock: it is held until the writer has ended too


class WriterClient(asyncio.Protocol):
    """Start with `await start()`; `append` and `ask` from the event loop's thread only."""

    def __init__(self, settings: Settings, feed: Feed) -> None:
        self._settings = settings
        self._feed = feed
        self._seq = 0
        self._gathering = Pending(0)
        self._queue: deque[Pending] = deque()
        self._queued = 0  # events and operations waiting or in flight
        self._flight: Pending | None = None
        self._attempts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._transport: asyncio.Transport | None = None
        self._ready: asyncio.Future[None] | None = None
        self._idle: asyncio.Future[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._stopping = False
        self._scheduled = False
        self._reports = 0  # that run now
        self.starts = 0
        self.last_group: tuple[str, int] | None = None  # (mark, number) that the record held when we came

    # --- what others call -------------------------------------------------------------------------

    async def start(self) -> None:
        """Start the process; returns when it has opened the record."""
        await self._spawn()

    def append(self, batch: Batch) -> "asyncio.Future[Kept]":
        """Give events to the next group. The future is done when they are on disk."""
        answer: asyncio.Future[Kept] = asyncio.get_running_loop().create_future()
        self._admit(max(1, len(batch.values) // EVENT_COLUMNS))
        self._gathering.add(batch, answer)
        self._push()
        return answer

    def ask(self, kind: str, rows: list[tuple[object, ...]]) -> "asyncio.Future[object]":
        """Give an operation of `groups.Writer` to the next group."""
        answer: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self._admit(len(rows))
        self._gathering.operations.append((kind, rows))
        self._gathering.waiting.append(answer)
        self._push()
        return answer

    @contextmanager
    def giving_way(self) -> Iterator[None]:
        """While a report runs, a moment passes between two groups. Who comes after such a moment does not wait."""
        self._reports += 1
        try:
            yield
        finally:
            self._reports -= 1

    async def stop(self) -> None:
        """Commit what was taken, then end the process."""
        self._stopping = True
        if self._flight is not None or self._queue or not self._gathering.empty:
            self._idle = asyncio.get_running_loop().create_future()
            await self._idle
        process = self._process
        if self._transport is not None:
            self._transport.close()
        if process is not None:
            await asyncio.to_thread(process.wait)

    @property
    def queued(self) -> int:
        """How many events and operations wait or are in flight."""
        return self._queued

    # --- the queue --------------------------------------------------------------------------------

    def _admit(self, size: int) -> None:
        if self._stopping:
            raise Unavailable("the server is stopping; nothing was taken", retry_after=5)
        # A request larger than the whole bound is let in when nothing else waits: it could never enter otherwise.
        if self._queued and self._queued + size > self._settings.queue_events:
            raise Unavailable(f"{self._queued} events wait to be written; nothing was taken")
        self._queued += size

    def _push(self) -> None:
        if self._flight is None:
            if not self._scheduled:  # the requests that this turn of the loop has still to read come along
                self._scheduled = True
                asyncio.get_running_loop().call_soon(self._send)
        elif len(self._gathering.values) >= GROUP_EVENTS * EVENT_COLUMNS:
            self._queue.append(self._next_group())

    def _next_group(self) -> Pending:
        full = self._gathering
        self._seq += 1
        self._gathering = Pending(self._seq)
        return full

    def _send(self) -> None:
        """Put the next group in flight, if there is one and the writer is there."""
        self._scheduled = False
        transport = self._transport
        if transport is None or self._flight is not None:
            return
        group = self._queue.popleft() if self._queue else self._gathering
        if group.empty:
            if self._idle is not None and not self._idle.done():
                self._idle.set_result(None)
            return
        if group is self._gathering:
            self._next_group()
        self._flight = group
        self._attempts += 1
        transport.write(group.frame())

    def _landed(self, outcome: Outcome) -> None:
        group, self._flight = self._flight, None
        assert group is not None and group.seq == outcome.seq
        self._done(group)
        if outcome.error:
            log.error("a group was not written: %s", outcome.error)
            group.fail(Unavailable("the record could not be written; nothing was taken"))
        else:
            if group.values and not outcome.duplicates:
                self._feed.put(outcome.first_id, group.values, group.size)
            group.settle(outcome.duplicates, outcome.results)
        if self._reports and not self._stopping and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_later(GIVE_WAY, self._send)
        else:
            self._send()

    def _done(self, group: Pending) -> None:
        self._attempts = 0
        for _, start, end in group.batches:
            self._queued -= max(1, end - start)
        for _, rows in group.operations:
            self._queued -= len(rows)

    # --- the process ------------------------------------------------------------------------------

    async def _spawn(self) -> None:
        self.starts += 1
        ours, theirs = socket.socketpair()
        settings = self._settings
        with theirs:
            for end in (ours, theirs):
                end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
            module = "evensplit.storage.embedded.process"
            words = [str(settings.record), str(theirs.fileno()), settings.mark, str(settings.dedup_days)]
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, *words],
                pass_fds=(theirs.fileno(), settings.inherit),
                start_new_session=True,  # Ctrl-C reaches the server only
                stdin=subprocess.DEVNULL,
            )
        ours.setblocking(False)
        self._ready = asyncio.get_running_loop().create_future()
        self._unpacker = frames.Unpacker()
        await asyncio.get_running_loop().create_connection(lambda: self, sock=ours)
        await self._ready

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._opening = cast(asyncio.Transport, transport)
        self._opening.set_write_buffer_limits(high=64 << 20)

    def data_received(self, data: bytes) -> None:
        for message in self._unpacker.feed(data):
            if message[0] == "ready":
                self._on_ready(cast("tuple[str, int, list[int]] | None", message[1]))
            else:
                self._beat()
                self._landed(Outcome(*message))  # type: ignore[arg-type]

    def _on_ready(self, last_group: tuple[str, int, list[int]] | None) -> None:
        self._transport = self._opening
        if self.starts == 1 and last_group is not None:
            self.last_group = (last_group[0], last_group[1])
        if self._ready is not None and not self._ready.done():
            self._ready.set_result(None)
        self._beat()
        group = self._flight
        if group is None:
            self._send()
        elif last_group is not None and last_group[0] == self._settings.mark and last_group[1] == group.seq:
            self._was_committed(group, last_group[2])
        elif self._attempts >= ATTEMPTS:
            self._flight = None
            self._done(group)
            group.fail(Unavailable("the writer ended at this request again and again; nothing was taken"))
            self._send()
        else:
            self._attempts += 1
            self._transport.write(group.frame())

    def _was_committed(self, group: Pending, duplicates: list[int]) -> None:
        """The writer ended between commit and answer. Events are told so; what operations returned is lost."""
        self._flight = None
        self._done(group)
        for waiting in group.waiting:
            if not waiting.done():
                waiting.set_exception(Unavailable("the change was written but its outcome was lost; ask for it"))
        group.settle(duplicates, [("ok", None)] * len(group.waiting))
        self._send()

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if self._watch is not None:
            self._watch.cancel()
        if self._stopping and self._flight is None and not self._queue:
            return
        if self._ready is not None and not self._ready.done():
            self._ready.set_exception(EvensplitError("the writer process ended before it had opened the record"))
            return
        log.error("the writer process ended; starting another")
        self._respawning = asyncio.get_running_loop().create_task(self._respawn())

    async def _respawn(self) -> None:
        delay = 0.05
        for tries in itertools.count(1):
            if self._process is not None:
                await asyncio.to_thread(self._process.wait)
            try:
                await self._spawn()
                return
            except (EvensplitError, OSError) as error:
                log.error("the writer process cannot be started: %s", error)
                if tries >= ATTEMPTS:
                    self._fail_all()
                    if self._stopping:
                        return
                await asyncio.sleep(delay)
                delay = min(delay * 2, 5.0)

    def _fail_all(self) -> None:
        """No writer to be had: nothing that waits was taken, except perhaps what was in flight, which says so."""
        if self._flight is not None:
            group, self._flight = self._flight, None
            self._done(group)
            group.fail(Unavailable("the writer ended and does not start again; whether this was kept is unknown"))
        for group in [*self._queue, self._next_group()]:
            self._done(group)
            group.fail(Unavailable("the writer does not start; nothing was taken"))
        self._queue.clear()
        if self._idle is not None and not self._idle.done():
            self._idle.set_result(None)

    def _beat(self) -> None:
        """The writer gave a sign of life: give it `STUCK_AFTER` seconds more."""
        self._heard = asyncio.get_running_loop().time()
        if self._watch is None or self._watch.cancelled():
            self._watch = asyncio.get_running_loop().call_later(STUCK_AFTER, self._look)

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._watch = None
        silent = loop.time() - self._heard
        if self._flight is not None and silent >= STUCK_AFTER and self._process is not None:
            log.error("the writer has not answered for %.0f s; ending it", silent)
            self._process.kill()
        elif self._transport is not None:
            self._watch = loop.call_later(STUCK_AFTER, self._look)
