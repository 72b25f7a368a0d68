"""Both ports where events live on ClickHouse: events and metric values there, everything else in the record beside it.

The record (SQLite, with its writer) owns what people configured, assignments, links and what was refused; what reports
need of it is copied over before each of them. Not here: how each of the parts works.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import msgspec

from evensplit import clock
from evensplit.errors import Conflict, EvensplitError, QueryFailed, SqlNotAllowed, StartError, Unavailable
from evensplit.model.event import Batch, Kept
from evensplit.storage.base import (
    NewAssignment,
    NewMetric,
    Statement,
    StoredAssignment,
    Value,
    Watermark,
    Written,
)
from evensplit.storage.clickhouse import schema
from evensplit.storage.clickhouse.binding import anything
from evensplit.storage.clickhouse.connection import Connection, EngineError, target
from evensplit.storage.clickhouse.inserts import Inserts
from evensplit.storage.clickhouse.keys import MessageKeys
from evensplit.storage.clickhouse.lanes import Lane
from evensplit.storage.clickhouse.mirror import Mirror
from evensplit.storage.clickhouse.removal import Removal
from evensplit.storage.clickhouse.rows import duplicate, of_events, of_metrics
from evensplit.storage.clickhouse.starts import Starts
from evensplit.storage.clickhouse.stored import StoredEvents
from evensplit.storage.embedded.preparation import RECORD, Preparation
from evensplit.storage.embedded.questions import Answer, Judge, Question
from evensplit.storage.embedded.removal import Progress
from evensplit.storage.embedded.store import EVENTS_AT, EmbeddedStore, Figure, Options

FOLLOW_EVERY = 5.0  # seconds between looks at the record; a report looks in any case
TEND_EVERY = 3600.0
DUPLICATES_KEPT = 100  # whole, per request; the counts are exact

log = logging.getLogger(__name__)
_T = TypeVar("_T")
_NOTHING_ELSE = Batch()
_EVENTS_AT = "INSERT INTO es_state (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2"
_COUNT = "INSERT INTO es_reject_counts (reason, count) VALUES ('duplicate', ?1) "
_COUNT += "ON CONFLICT (reason) DO UPDATE SET count = count + ?1"


class Parts(msgspec.Struct, frozen=True):
    """What works on ClickHouse: `events` and `metrics` in the thread that inserts, the rest in the one that follows."""

    events: Inserts
    metrics: Inserts
    keys: MessageKeys
    mirror: Mirror
    removal: Removal


class ClickhouseStore:
    """Open with `await ClickhouseStore.open(url, options)`, end with `await close()`. Both ports of `storage.base`."""

    engine = "clickhouse"

    def __init__(self, url: str, options: Options, record: EmbeddedStore) -> None:
        self._options = options
        self._record = record
        self._connection = Connection(target(url))
        self._inserting = ThreadPoolExecutor(1, "inserts")
        self._following = ThreadPoolExecutor(1, "mirror")
        self._asking = ThreadPoolExecutor(4, "query")
        self._follower: asyncio.Task[None] | None = None
        self._lanes: list[Lane] = []

    # --- life -------------------------------------------------------------------------------------

    @classmethod
    async def open(cls, url: str, options: Options, preparation: Preparation | None = None) -> "ClickhouseStore":
        """Take the record's directory and the database. Raises StartError where either cannot be used."""
        record = await EmbeddedStore.open(msgspec.structs.replace(options, columns=False), preparation)
        try:
            store = cls(url, options, record)
        except BaseException:
            await record.close()
            raise
        try:
            await store._begin()
        except BaseException:
            await store.close()
            raise
        return store

    async def _begin(self) -> None:
        marks = self.read(("SELECT mark FROM es_starts ORDER BY id", []))
        self._mark = str(marks[-1][0])
        try:
            self._parts = await self._in(self._inserting, self._open, str(marks[0][0]))
        except EngineError as error:
            raise StartError(f"{self._connection.to.shown} cannot be used: {error}") from error
        await self.write([(_EVENTS_AT, [EVENTS_AT, self._connection.to.shown])])
        queue = self._options.queue_events
        self._lanes = [Lane(each, self._inserting, queue) for each in (self._parts.events, self._parts.metrics)]
        if self._options.follow:
            self._follower = asyncio.create_task(self._follow())

    def _open(self, record: str) -> Parts:
        connection, mark = self._connection, self._mark
        connection.open()
        for statement in schema.statements():
            connection.command(statement)
        starts = Starts(connection, mark, record)
        starts.begin()
        keys = MessageKeys(connection, self._options.dedup_days)
        keys.forget()
        mirror = Mirror(connection, self._options.directory / RECORD)
        mirror.open(mark)
        events = Inserts(connection, keys, starts, mark).open("events", schema.EVENTS)
        metrics = Inserts(connection, keys, starts, mark).open("ab_metrics", schema.METRICS)
        removal = Removal(connection, events, metrics)
        removal.open()
        return Parts(events, metrics, keys, mirror, removal)

    async def close(self) -> None:
        """Store what was taken, end everything."""
        if self._follower is not None:
            self._follower.cancel()
        for lane in self._lanes:
            await lane.stop()
        for pool in (self._inserting, self._following, self._asking):
            pool.shutdown(wait=True, cancel_futures=True)
        if self._lanes:
            self._parts.mirror.close()
        await asyncio.to_thread(self._connection.close)
        await self._record.close()

    # --- EventStore -------------------------------------------------------------------------------

    async def append(self, batch: Batch) -> Kept:
        """What the record keeps of it goes first: an event that is told to be stored has its links."""
        rest = msgspec.structs.replace(batch, values=[], keys=[])
        if rest != _NOTHING_ELSE:
            await self._record.append(rest)
        if not batch.values:
            return Kept([])
        columns = of_events(batch.values)
        kept = await self._lanes[0].append(columns, batch.keys)
        if kept.duplicates:
            await self._note(batch, kept.duplicates)
        return kept

    async def append_metrics(self, rows: Sequence[NewMetric], rejects: Batch) -> Kept:
        """Metric values, all or nothing; the rejects of the same request travel with them."""
        if rejects.rejects:
            await self._record.append(rejects)
        if not rows:
            return Kept([])
        self._check_variants({(row.test_id, row.variant_id) for row in rows})
        return await self._lanes[1].append(of_metrics(rows), [row.key for row in rows])

    async def fresh(self) -> Watermark:
        parts = self._parts
        await self._asked(self._following, parts.mirror.sync, parts.metrics.last)
        at = parts.mirror.at
        return Watermark(
            parts.events.last,
            at.rows.get("ab_assignments", 0),
            parts.metrics.last,
            at.tombstones + parts.removal.count,
            self._mark,
        )

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        inserts = self._parts.events
        begun, plain = inserts.begun, anything(values, inserts.last) if inserts.settled else None
        if plain is not None:
            rows = await self._asked(self._asking, self._connection.ask, sql, plain)
            if inserts.begun == begun:  # nothing came in meanwhile that it could have seen
                return rows
        return await self._asked(self._asking, self._connection.ask, sql, values)

    async def ask(self, question: Question, judge: Judge) -> Answer:
        """Somebody's SQL: not here."""
        raise SqlNotAllowed(
            "SQL is not available where events are on ClickHouse: ask the server with a user of its own"
        )

    def hush(self) -> None:
        """There is no SQL of somebody to interrupt."""

    async def problems(self, limit: int = 1000) -> list[tuple[str, int, str]]:
        """Rows that are held only in part: none, capture has judged them all."""
        return []

    @property
    def events(self) -> StoredEvents:
        return StoredEvents(self.query, lambda: self._parts.events.last)

    async def erase(
        self, user_ids: Sequence[str] = (), before: int | None = None, progress: Progress | None = None
    ) -> int:
        """Take away the events and metric values that carry one of these ids, and the events that happened before an
        instant (milliseconds since 1970-01-01 UTC); how many that were."""
        removal = self._parts.removal
        gone = await self._asked(self._following, removal.users, user_ids) if user_ids else 0
        gone += 0 if before is None else await self._asked(self._following, removal.before, before)
        if progress is not None:
            progress(gone)
        return gone

    def figures(self) -> list[Figure]:
        """What Prometheus is told."""
        ours = {
            "events_stored_total": self._parts.events.count,
            "columns_behind_events": 0,
            "writer_queue_events": sum(lane.queued for lane in self._lanes),
        }
        return [
            (name, kind, text, [("", ours[name])] if name in ours else values)
            for name, kind, text, values in self._record.figures()
        ]

    # --- CatalogStore -----------------------------------------------------------------------------

    def read(self, statement: Statement) -> list[tuple[Value, ...]]:
        return self._record.read(statement)

    async def write(self, statements: Sequence[Statement]) -> list[Written]:
        return await self._record.write(statements)

    async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
        return await self._record.assign(rows)

    # --- inside -----------------------------------------------------------------------------------

    def _check_variants(self, pairs: set[tuple[int, int]]) -> None:
        for test_id, variant_id in pairs:
            if not self.read(("SELECT 1 FROM ab_variants WHERE id = ? AND test_id = ?", [variant_id, test_id])):
                raise Conflict(f"variant {variant_id} of experiment {test_id} is gone")

    async def _note(self, batch: Batch, duplicates: list[int]) -> None:
        """Count them, and keep the first ones whole. The events are stored: a failure here is logged and not told."""
        noted = [duplicate(batch.values, position) for position in duplicates[:DUPLICATES_KEPT]]
        try:
            await self._record.append(Batch(rejects=noted))
            if len(duplicates) > len(noted):
                await self._record.write([(_COUNT, [len(duplicates) - len(noted)])])
        except EvensplitError:
            log.exception("%d duplicates were not counted", len(duplicates))

    async def _follow(self) -> None:
        """Keep the copies near the record, and forget old message ids."""
        tended = clock.now_ms()
        while True:
            try:
                await self.fresh()
                if clock.now_ms() - tended > TEND_EVERY * 1000:
                    tended = clock.now_ms()
                    await self._asked(self._inserting, self._parts.keys.forget)
            except EvensplitError:
                log.exception("the copies on ClickHouse could not follow the record; trying again")
            await asyncio.sleep(FOLLOW_EVERY)

    async def _asked(self, pool: ThreadPoolExecutor, work: Callable[..., _T], *values: object) -> _T:
        """Do it in that thread; what the engine says becomes one of our errors."""
        try:
            return await self._in(pool, work, *values)
        except EngineError as error:
            if not error.reached:
                raise Unavailable("ClickHouse cannot be reached", retry_after=5) from error
            raise QueryFailed("the question could not be answered; the log says why") from error

    @staticmethod
    async def _in(pool: ThreadPoolExecutor, work: Callable[..., _T], *values: object) -> _T:
        return await asyncio.get_running_loop().run_in_executor(pool, work, *values)
