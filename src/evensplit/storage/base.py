"""The two ports. EventStore: what happened. Catalog: what people configured. No technology is named here."""

from collections.abc import Awaitable, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from evensplit.model.event import Batch, Kept

Value: TypeAlias = str | int | float | bytes | None
Statement: TypeAlias = tuple[str, Sequence[Value] | Mapping[str, Value]]


class Written(msgspec.Struct, frozen=True):
    """The outcome of one statement: rows of its RETURNING clause, the last row id, how many rows it touched."""

    rows: list[tuple[Value, ...]]
    last_id: int
    count: int


class Watermark(msgspec.Struct, frozen=True):
    """How far a store has read: the highest id of each growing table. Its text form is the `as_of` of a reply."""

    events: int
    assignments: int
    metrics: int
    tombstones: int
    mark: str  # names the record this watermark speaks of


class NewMetric(msgspec.Struct, frozen=True, gc=False):
    """One row for `ab_metrics`, with who it belongs to where the sender said so."""

    test_id: int
    variant_id: int
    metric_name: str
    value: float
    created_at: str
    user_id: str | None = None
    key: bytes | None = None  # 16-byte key of (experiment, metric, message_id)


class NewAssignment(msgspec.Struct, frozen=True, gc=False):
    """A proposed row of `ab_assignments`; the first one stored for (user_id, test_id) wins."""

    user_id: str
    test_id: int
    variant_id: int
    assigned_at: str


class StoredAssignment(msgspec.Struct, frozen=True, gc=False):
    """The row that stands, and whether this call put it there."""

    user_id: str
    test_id: int
    variant_id: int
    assigned_at: str
    new: bool


class StoredEvent(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A row of `events`, as text that can be shown."""

    id: int
    event_type: str
    user_id: str | None
    session_id: str | None
    properties: str | None
    created_at: str


class StoredEvents(Protocol):
    """Events as they stand in the record, by their ids; `events` of both stores."""

    async def by_id(self, ids: Sequence[int]) -> list[StoredEvent]:
        """In no particular order; ids that are gone are left out."""
        ...

    async def between(self, low: int, high: int) -> list[StoredEvent]:
        """Those with low < id <= high, in the order of their ids."""
        ...

    async def newest(self) -> int:
        """The highest id that is stored; 0 where there is none."""
        ...


class EventStore(Protocol):
    """What happened. Appends return only when the rows are committed and synced."""

    engine: str  # "duckdb" or "clickhouse": picks the dialect of `query.dialect`

    def append(self, batch: Batch) -> Awaitable[Kept]: ...

    async def append_metrics(self, rows: Sequence[NewMetric], rejects: Batch) -> Kept: ...

    async def fresh(self) -> Watermark:
        """Wait until the reading side holds everything acknowledged so far; say how far that is."""
        ...

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        """Run read-only SQL over the columns; values are bound (`?`), never printed."""
        ...


class CatalogStore(Protocol):
    """Runs the catalog's statements; `catalog` compiles them from SQLAlchemy."""

    def read(self, statement: Statement) -> list[tuple[Value, ...]]: ...

    async def write(self, statements: Sequence[Statement]) -> list[Written]:
        """All of them in one transaction, durable when this returns; a broken constraint raises Conflict."""
        ...

    async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]: ...
