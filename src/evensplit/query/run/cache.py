"""Answers that are kept, so that the same question about the same state is answered without asking the engine.

The same question: the kind, and the report with everything filled in and all times resolved. The same state: how far
the store has read, its deletions among it, and what else answers depend on (`generations`: links, traits, cohorts).
All of that is looked up before the engine is asked, so an answer may be newer than its key says and is then never
found again, but none is ever older. Not here: what a report means (`plan`), who asks.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b
from typing import NamedTuple

import msgspec

from evensplit.model.report import Answer, Report
from evensplit.query.plan import span
from evensplit.query.reading import Reading
from evensplit.query.run.kinds import Kind
from evensplit.storage.base import Watermark

MOST_BYTES = 64 * 1024 * 1024
SHARE = 8  # an answer that takes more than this part of all the room is not kept
OVERHEAD = 200  # bytes that an entry takes beside its text

Generations = Callable[[], Sequence[object]]

_encode = msgspec.json.Encoder().encode


class Answered(NamedTuple):
    """An answer as it is sent."""

    kind: Kind
    body: bytes

    def answer(self) -> Answer:
        """The same, read back."""
        return msgspec.json.decode(self.body, type=self.kind.answer)


class _Asking:
    """A question on its way to the engine, and how many wait for it."""

    def __init__(self, answer: "asyncio.Future[Answer]") -> None:
        self.answer = answer
        self.waiting = 0


class Answers:
    """The answers that were asked for last, up to `most` bytes of their texts."""

    def __init__(self, generations: Generations, most: int = MOST_BYTES) -> None:
        self._generations = generations
        self._most = most
        self._kept: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0
        self._asking: dict[bytes, _Asking] = {}

    async def asked(self, kind: Kind, store: Reading, raw: bytes | str, now_ms: int) -> Answered:
        """The answer to a report as JSON; `query_ms` is what it took when it was found. Raises as `Kind.asked`."""
        report = kind.resolved(raw, now_ms)
        generations = list(self._generations())
        key = _key(kind, report, now_ms, await store.fresh(), generations)
        body = self._kept.get(key)
        if body is None:
            body = await self._shared(key, lambda: kind.asked(store, raw, now_ms))
        else:
            self._kept.move_to_end(key)
        return Answered(kind, body)

    async def _shared(self, key: bytes, ask: Callable[[], Awaitable[Answer]]) -> bytes:
        """Ask the engine, once for all who ask the same meanwhile. Given up when the last of them is gone."""
        asking = self._asking.get(key)
        if asking is None:
            asking = self._asking[key] = _Asking(asyncio.ensure_future(ask()))
        asking.waiting += 1
        try:
            body = _encode(await asyncio.shield(asking.answer))
        finally:
            asking.waiting -= 1
            if not asking.waiting:
                self._asking.pop(key, None)
                asking.answer.cancel()  # without effect where it has ended
        self._keep(key, body)
        return body

    def _keep(self, key: bytes, body: bytes) -> None:
        size = len(body) + OVERHEAD
        if size > self._most // SHARE or key in self._kept:  # somebody else asked the same meanwhile
            return
        self._kept[key] = body
        self._bytes += size
        while self._bytes > self._most:
            _, oldest = self._kept.popitem(last=False)
            self._bytes -= len(oldest) + OVERHEAD


def _key(kind: Kind, report: Report, now: int, fresh: Watermark, generations: Sequence[object]) -> bytes:
    """Of 32 bytes, whatever the report holds."""
    _, until = span(report, now)
    asked_at = now if kind.clocked and until > now + 1 else None
    # An explicit as_of fixes which rows count, so only deletions change its answer.
    rows = (fresh.mark, fresh.tombstones) if report.as_of is not None else msgspec.structs.astuple(fresh)
    return blake2b(_encode((kind.name, report, asked_at, rows, generations)), digest_size=32).digest()
