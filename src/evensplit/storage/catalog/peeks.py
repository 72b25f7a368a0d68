"""The log of who read an experiment's results: each reading is a chance to stop at a lucky moment.

Reading the same again (the same moment, method, alpha, metric and definition) shows nothing new and is logged once.
"""

from typing import Literal, TypeAlias

import msgspec
from sqlalchemy import bindparam, func, select
from sqlalchemy.dialects.sqlite import insert

from evensplit import clock
from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog.rows import instant, maybe_text, whole
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import es_peeks

Via: TypeAlias = Literal["api", "pages", "command"]

_here = es_peeks.alias("here")
# What is seen at one moment is one look, however it is weighed and however many metrics are shown. Those after the
# first reading of this moment are not counted, so that an answer that is asked for again says the same.
_BEFORE = Prepared(
    select(
        func.count(es_peeks.c.moment.distinct()), func.min(es_peeks.c.looked_at), func.max(es_peeks.c.looked_at)
    ).where(
        es_peeks.c.test_id == bindparam("test_id"),
        es_peeks.c.id
        < func.coalesce(
            select(func.min(_here.c.id))
            .where(_here.c.test_id == bindparam("test_id"), _here.c.moment == bindparam("moment"))
            .scalar_subquery(),
            2**62,
        ),
    )
)

_FIELDS = ("as_of", "moment", "method", "alpha", "metric", "definition", "version", "via")
_NEWEST = Prepared(
    select(es_peeks.c.looked_at, *(es_peeks.c[name] for name in _FIELDS))
    .where(es_peeks.c.test_id == bindparam("test_id"))
    .order_by(es_peeks.c.id.desc())
    .limit(bindparam("limit"))
)


class Peek(msgspec.Struct, frozen=True, kw_only=True):
    """A reading of results. `moment`: how far events, assignments and values had been read. `metric` empty: all."""

    test_id: int
    as_of: str
    moment: str
    method: str
    alpha: float
    metric: str
    definition: str
    version: str
    via: Via = "api"


class Logged(msgspec.Struct, frozen=True):
    """When a reading took place, first of all equal ones."""

    looked_at: str
    peek: Peek


class Looks(msgspec.Struct, frozen=True):
    """`before`: at how many moments the results had been looked at earlier; when for the first and the last time."""

    before: int
    first: str | None = None
    last: str | None = None


class Peeks:
    """Reads and writes `es_peeks`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def looks(self, test_id: int, moment: str) -> Looks:
        """Those before the first look at this moment."""
        ((count, first, last),) = self._store.read(_BEFORE({"test_id": test_id, "moment": moment}))
        return Looks(whole(count), _maybe(first), _maybe(last))

    def newest(self, test_id: int, limit: int = 100) -> list[Logged]:
        """The latest readings, the newest first."""
        rows = self._store.read(_NEWEST({"test_id": test_id, "limit": limit}))
        return [
            Logged(
                instant(row[0]), msgspec.convert({"test_id": test_id, **dict(zip(_FIELDS, row[1:], strict=True))}, Peek)
            )
            for row in rows
        ]

    async def log(self, peek: Peek) -> None:
        """Durable when this returns."""
        row = {"looked_at": clock.to_text(clock.now_ms()), **msgspec.structs.asdict(peek)}
        await self._store.write([compiled(insert(es_peeks).values(**row).on_conflict_do_nothing())])


def _maybe(value: Value) -> str | None:
    return None if maybe_text(value) is None else instant(value)
