"""Events from a file into the store: read, put into capture's words, judged by the pipeline, sent on.

Where the lines go is a `Sink`: a store opened here, or a server reached elsewhere. A bad line is counted, named
and never fatal; a line with a `message_id` that is stored already is a duplicate, so a broken-off import is repeated.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Protocol, TypeVar

import msgspec

from evensplit import clock
from evensplit.errors import Unavailable
from evensplit.ingest import pipeline
from evensplit.model.event import Batch, Reject
from evensplit.storage.base import EventStore
from evensplit.transfer import lines, tables
from evensplit.transfer.faults import Fault
from evensplit.transfer.fields import Mapping, Options
from evensplit.transfer.files import Source, stream
from evensplit.transfer.rows import Assembly

SHOWN = 10  # bad lines that are named; the others are counted
IN_FLIGHT = 6
PATIENCE = 60  # how often a full queue is tried
_NO_OBJECT = ("not_an_object", "the line is no JSON object")
_T = TypeVar("_T")


class Chunk(msgspec.Struct, frozen=True):
    """Some lines on their way: `numbers[i]` is where line `i` of the body stands in the file.

    `straight` gives the batch of the lines for the time of arrival, or None where they have to be looked at."""

    body: Callable[[], bytes]
    numbers: Sequence[int]
    faults: list[Fault]
    position: int
    straight: Callable[[int], Batch | None] = lambda _: None


class Refused(msgspec.Struct, frozen=True):
    """A line of a chunk that was not stored; `index` counts the lines of the chunk from 0."""

    index: int
    reason: str
    message: str


class Receipt(msgspec.Struct, frozen=True):
    """What became of a chunk."""

    accepted: int
    duplicate: int
    refused: list[Refused]
    noted: Counter[str]


def receipt(accepted: int, duplicate: int, notes: Iterable[pipeline.Note]) -> Receipt:
    """From capture's answer: notes say which lines were refused, and what is worth knowing of others."""
    refused, noted = [], Counter[str]()
    for note in notes:
        reason = note.reason or ""
        if note.status == "rejected":
            refused.append(Refused(note.index, reason, note.message or ""))
        elif note.status == "accepted":
            noted[reason] += 1
    return Receipt(accepted, duplicate, refused, noted)


class Sink(Protocol):
    """Takes chunks. `send` returns when the chunk is durable."""

    async def send(self, chunk: Chunk) -> Receipt: ...


class Summary(msgspec.Struct):
    """An import, counted. `shown` are the first bad lines."""

    accepted: int = 0
    duplicate: int = 0
    reasons: Counter[str] = msgspec.field(default_factory=Counter)
    noted: Counter[str] = msgspec.field(default_factory=Counter)
    shown: list[Fault] = []

    @property
    def refused(self) -> int:
        return self.reasons.total()


Progress = Callable[[int, int, Summary], None]  # position, size (of the file, in bytes or rows), so far


async def load(source: Source, chosen: Mapping, options: Options, sink: Sink, progress: Progress) -> Summary:
    """Import one file. Raises Invalid when the file or the mapping makes no sense as a whole."""
    summary = Summary()
    flights: deque[tuple[Chunk, asyncio.Task[Receipt]]] = deque()
    with chunks(source, chosen, options) as (size, found):
        try:
            for chunk in found:
                flights.append((chunk, asyncio.ensure_future(sink.send(chunk))))
                await asyncio.sleep(0)  # lets the chunk leave before the next one is read
                if len(flights) >= IN_FLIGHT:
                    await _land(flights, summary)
                    progress(chunk.position, size, summary)
        finally:
            # A damaged end or an interruption: what is on its way is still told.
            while flights:
                await _land(flights, summary)
        progress(size, size, summary)
    return summary


async def _land(flights: deque[tuple[Chunk, "asyncio.Task[Receipt]"]], summary: Summary) -> None:
    chunk, task = flights.popleft()
    receipt = await task
    summary.accepted += receipt.accepted
    summary.duplicate += receipt.duplicate
    summary.noted += receipt.noted
    bad = [*chunk.faults]
    for refused in receipt.refused:
        at = chunk.numbers[refused.index] if refused.index < len(chunk.numbers) else 0
        bad.append(Fault(at, refused.reason, refused.message, ""))
    for fault in sorted(bad, key=lambda fault: fault.line):
        summary.reasons[fault.reason] += 1
        if len(summary.shown) < SHOWN:
            summary.shown.append(fault)


# --- reading --------------------------------------------------------------------------------------


@contextmanager
def chunks(source: Source, chosen: Mapping, options: Options) -> Iterator[tuple[int, Iterator[Chunk]]]:
    if source.format == "ndjson":
        with stream(source) as data:
            yield source.size, _from_lines(lines.blocks(data), chosen, options)
    else:
        with tables.opened(source) as table:
            assembly = Assembly(table, chosen.resolve(table.names), options)
            yield table.size, _from_table(table, assembly)


def _from_lines(blocks: Iterator[lines.Block], chosen: Mapping, options: Options) -> Iterator[Chunk]:
    renaming = lines.Renaming(chosen, options) if chosen or options.zone else None
    for block in blocks:
        split = block.body.removesuffix(b"\n").split(b"\n")
        if renaming:
            split = list(map(renaming.line, split))
        for start in range(0, len(split), tables.SLAB):
            part, first = split[start : start + tables.SLAB], block.first + start
            faults = block.faults if start == 0 else []
            yield _trimmed(part, range(first, first + len(part)), faults, block.position)


def _trimmed(part: list[bytes], numbers: Sequence[int], faults: list[Fault], position: int) -> Chunk:
    """A chunk that begins with an object: capture takes what begins with a bracket for an array of events."""
    start = 0
    while start < len(part) and not part[start].lstrip().startswith(b"{"):
        if part[start].strip():
            faults = [*faults, Fault(numbers[start], *_NO_OBJECT, part[start][:4096].decode(errors="replace"))]
        start += 1
    return Chunk(lambda: b"\n".join(part[start:]), numbers[start:], faults, position)


def _from_table(table: tables.Table, assembly: Assembly) -> Iterator[Chunk]:
    for slab in table.slabs():
        rows = assembly.rows(slab.columns)
        yield Chunk(rows.body, slab.lines, slab.faults, slab.position, rows.batch)


# --- the store as a sink --------------------------------------------------------------------------


class StoreSink:
    """Judges the lines here and hands them to a store that this process has opened."""

    def __init__(self, store: EventStore) -> None:
        self._store = store

    async def send(self, chunk: Chunk) -> Receipt:
        reading = judged(chunk)
        batch = reading.batch
        batch.rejects += [Reject(fault.reason, fault.message, fault.row) for fault in chunk.faults]
        kept = await patiently(lambda: self._store.append(batch))
        duplicates = len(kept.duplicates)
        return receipt(batch.size - duplicates, duplicates, reading.notes)


def judged(chunk: Chunk) -> pipeline.Reading:
    """What becomes of the lines, by the pipeline or straight where that is the same."""
    now = clock.now_ms()
    if not len(chunk.numbers):
        return pipeline.Reading(Batch(), [], [], single=False)
    straight = chunk.straight(now)
    if straight is not None:
        return pipeline.Reading(straight, range(straight.size), [], single=False)
    return pipeline.read(chunk.body(), "application/x-ndjson", now, len(chunk.numbers))


async def patiently(attempt: Callable[[], Awaitable[_T]]) -> _T:
    """Try again while the queue is full: Unavailable says that nothing was taken."""
    for left in reversed(range(PATIENCE)):
        try:
            return await attempt()
        except Unavailable as full:
            if not left:
                raise
            await asyncio.sleep(full.retry_after)
    raise AssertionError
