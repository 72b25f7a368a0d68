"""Both ports on one machine: the SQLite record, its writer process and the DuckDB copy, wired together."""

import asyncio
import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeAlias, cast

import msgspec

from evensplit import clock
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
from evensplit.storage.embedded.columns import Columns
from evensplit.storage.embedded.feed import Feed
from evensplit.storage.embedded.preparation import Preparation
from evensplit.storage.embedded.questions import Answer, Judge, Question, Questions
from evensplit.storage.embedded.record import Connection, open_reader
from evensplit.storage.embedded.removal import Progress, Removal
from evensplit.storage.embedded.stored import StoredEvents
from evensplit.storage.embedded.writer import Settings, WriterClient

COPY = "analytics.duckdb"
EVENTS_AT = "events_at"  # in es_state: where events are kept, if not here
FOLLOW_EVERY = 1.0  # seconds between looks at the record
FOLLOW_ROWS = 5_000  # rows copied by one background step: a report waits for the one that runs
PRUNE_AFTER = 10_000  # tombstones applied before they are taken away
FOLLOW_SHARE = 0.15  # at most this share of the time is spent following while rows keep coming

log = logging.getLogger(__name__)

Figure: TypeAlias = tuple[str, str, str, list[tuple[str, int]]]  # name, kind, help, (labels, value) each


class Options(msgspec.Struct, frozen=True):
    """What the embedded store needs to be told."""

    directory: Path
    owner: str = "evensplit"
    dedup_days: int = 30
    queue_events: int = 50_000
    memory: str = ""
    threads: int = 0
    follow: bool = True  # keep the copy near the record in the background; a report brings it up to date in any case
    columns: bool = True  # else there are none, and reports are not asked here: events are kept elsewhere


class EmbeddedStore:
    """Open with `await EmbeddedStore.open(options)`, end with `await close()`. Both ports of `storage.base`."""

    engine = "duckdb"

    def __init__(self, options: Options, preparation: Preparation) -> None:
        self._options = options
        self._preparation = preparation
        self._record = preparation.record
        self._mark = clock.random_bytes(16).hex()
        self._feed = Feed()
        self._writer = WriterClient(
            Settings(self._record, self._mark, options.dedup_days, options.queue_events, preparation.lock.fd),
            self._feed,
        )
        self._reader: Connection | None = None
        self._events: StoredEvents | None = None
        self._reading = threading.Lock()
        self._columns: Columns | None = None
        self._opening: asyncio.Task[None] | None = None
        self._following: asyncio.Task[None] | None = None
        self._pruned = 0
        self._syncing = ThreadPoolExecutor(1, "columns")
        self._asking = ThreadPoolExecutor(4, "query")
        self._questions = Questions()

    # --- life -------------------------------------------------------------------------------------

    @classmethod
    async def open(cls, options: Options, preparation: Preparation | None = None) -> "EmbeddedStore":
        """Take the directory, bring the record up to date, start the writer. The columns open in the background.

        `preparation`: begun before, while this module was being loaded."""
        store = cls(options, preparation or Preparation(options.directory, options.owner))
        try:
            await store._prepare()
        except BaseException:
            await store.close()
            raise
        return store

    async def _prepare(self) -> None:
        await asyncio.to_thread(self._preparation.finish)
        await self._writer.start()
        started = (
            "INSERT INTO es_starts (mark, started_at) VALUES (?, ?)",
            (self._mark, clock.to_text(clock.now_ms())),
        )
        await self._writer.ask("statements", [started])
        self._reader = open_reader(self._record)
        self._events = StoredEvents(self._record)
        if self._options.columns:
            self._opening = asyncio.create_task(self._open_columns())
            if self._options.follow:
                self._following = asyncio.create_task(self._follow())

    async def _open_columns(self) -> None:
        await asyncio.get_running_loop().run_in_executor(self._syncing, self._load_columns)

    def _load_columns(self) -> None:
        options = self._options
        columns = Columns(options.directory / COPY, self._record, self._feed, options.memory, options.threads)
        columns.open(self._mark, self._writer.last_group)
        self._columns = columns

    async def close(self) -> None:
        """Commit what was taken, end the writer, give the directory free."""
        if self._following is not None:
            self._following.cancel()
        await self._writer.stop()
        if self._opening is not None:
            await asyncio.gather(self._opening, return_exceptions=True)
        self._syncing.shutdown(wait=True, cancel_futures=True)
        self._asking.shutdown(wait=True, cancel_futures=True)
        await asyncio.to_thread(self._questions.close)
        if self._columns is not None:
            self._columns.close()
        for reader in (self._reader, self._events):
            if reader is not None:
                reader.close()
        self._preparation.lock.release()

    # --- EventStore -------------------------------------------------------------------------------

    def append(self, batch: Batch) -> "asyncio.Future[Kept]":
        return self._writer.append(batch)

    async def append_metrics(self, rows: Sequence[NewMetric], rejects: Batch) -> Kept:
        """Metric values, all or nothing; the rejects of the same request travel with them."""
        noted = self._writer.append(rejects) if rejects.rejects else None
        duplicates: object = []
        if rows:
            duplicates = await self._writer.ask("metrics", [_metric_row(row) for row in rows])
        if noted is not None:
            await noted
        return Kept(cast("list[int]", duplicates or []))

    async def fresh(self) -> Watermark:
        await self._opened()
        with self._writer.giving_way():
            return await asyncio.get_running_loop().run_in_executor(self._syncing, self._sync, None)

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        ask = (await self._opened()).ask(sql, values)
        try:
            with self._writer.giving_way():
                return await asyncio.get_running_loop().run_in_executor(self._asking, ask.run)
        except asyncio.CancelledError:
            ask.give_up()
            raise

    async def ask(self, question: Question, judge: Judge) -> Answer:
        """Answer somebody's SQL over everything acknowledged before; `judge` says whether it may run."""
        await self.fresh()
        return await self._questions.ask((await self._opened()).cursor, question, judge)

    def hush(self) -> None:
        """Interrupt the SQL that runs and take no more of it, so that a stop need not wait for it."""
        self._questions.halt()

    async def problems(self, limit: int = 1000) -> list[tuple[str, int, str]]:
        """(table, row id, reason) of rows of the record that the columns hold only in part."""
        columns = await self._opened()
        return await asyncio.get_running_loop().run_in_executor(self._asking, columns.problems, limit)

    @property
    def events(self) -> StoredEvents:
        assert self._events is not None
        return self._events

    async def erase(
        self, user_ids: Sequence[str] = (), before: int | None = None, progress: Progress | None = None
    ) -> int:
        """Take away the events and metric values that carry one of these ids, and the events that happened before an
        instant (milliseconds since 1970-01-01 UTC); how many that were."""
        removal = Removal(self.fresh, self.query, self.write, progress)
        if user_ids:
            await removal.users(user_ids)
        if before is not None:
            await removal.before(before)
        return removal.gone

    def figures(self) -> list[Figure]:
        """What Prometheus is told."""
        at = self._columns.at if self._columns is not None else Watermark(0, 0, 0, 0, "")
        found = self.read(("SELECT seq FROM sqlite_sequence WHERE name = 'events'", []))
        kept = int(str(found[0][0])) if found else 0
        counts = self.read(("SELECT reason, count FROM es_reject_counts", []))
        return [
            ("events_stored_total", "counter", "Events ever given an id.", [("", kept)]),
            ("columns_behind_events", "gauge", "Events not yet in the columnar copy.", [("", kept - at.events)]),
            ("writer_queue_events", "gauge", "Events that wait for the writer.", [("", self._writer.queued)]),
            (
                "writer_starts_total",
                "counter",
                "How often the writer process was started.",
                [("", self._writer.starts)],
            ),
            (
                "events_noted_total",
                "counter",
                "Events refused, deduplicated or corrected, by reason.",
                [(f'{{reason="{reason!s}"}}', int(str(count))) for reason, count in counts],
            ),
        ]

    # --- CatalogStore -----------------------------------------------------------------------------

    def read(self, statement: Statement) -> list[tuple[Value, ...]]:
        sql, values = statement
        assert self._reader is not None
        with self._reading:
            return self._reader.execute(sql, values).fetchall()

    async def write(self, statements: Sequence[Statement]) -> list[Written]:
        done = await self._writer.ask("statements", [(sql, _plain(values)) for sql, values in statements])
        rows = cast("list[tuple[list[tuple[Value, ...]], int, int]]", done)
        return [Written([tuple(row) for row in found], last_id, count) for found, last_id, count in rows]

    async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]:
        if not rows:
            return []
        proposed: list[tuple[object, ...]] = [
            (row.user_id, row.test_id, row.variant_id, row.assigned_at) for row in rows
        ]
        standing = cast("list[tuple[int, str, bool]]", await self._writer.ask("assign", proposed))
        return [
            StoredAssignment(row.user_id, row.test_id, variant_id, assigned_at, new)
            for row, (variant_id, assigned_at, new) in zip(rows, standing, strict=True)
        ]

    # --- following --------------------------------------------------------------------------------

    async def _opened(self) -> Columns:
        if self._columns is None:
            assert self._opening is not None
            await asyncio.shield(self._opening)
        assert self._columns is not None
        return self._columns

    def _sync(self, at_most: int | None) -> Watermark:
        assert self._columns is not None
        return self._columns.sync(at_most)

    def _columns_in_order(self) -> None:
        assert self._columns is not None
        self._columns.settle()

    async def _follow(self) -> None:
        """Keep the copy near the record, with a bounded share of the processor."""
        loop = asyncio.get_running_loop()
        columns = await self._opened()
        while True:
            began, at = loop.time(), columns.at.events
            try:
                await loop.run_in_executor(self._syncing, self._sync, FOLLOW_ROWS)
            except Exception:
                log.exception("the columns could not follow the record; trying again")
            await self._prune_tombstones()
            await loop.run_in_executor(self._syncing, self._columns_in_order)
            took = loop.time() - began
            behind = columns.at.events - at >= FOLLOW_ROWS
            await asyncio.sleep(max(0.0 if behind else FOLLOW_EVERY - took, took * (1 / FOLLOW_SHARE - 1)))

    async def _prune_tombstones(self) -> None:
        """Take away what the copy has applied, so that the list stays short."""
        assert self._columns is not None
        applied = self._columns.at.tombstones
        if applied < self._pruned + PRUNE_AFTER:
            return
        self._pruned = applied
        name = "tombstones_pruned"
        keep = "INSERT INTO es_state (name, value) VALUES (?1, ?2) ON CONFLICT (name) DO UPDATE SET value = ?2"
        await self.write([("DELETE FROM es_tombstones WHERE id <= ?", [applied]), (keep, [name, str(applied)])])


def _metric_row(row: NewMetric) -> tuple[object, ...]:
    return (row.test_id, row.variant_id, row.metric_name, row.value, row.created_at, row.user_id, row.key)


def _plain(values: object) -> object:
    return dict(values) if isinstance(values, dict) else list(cast("Sequence[object]", values))
