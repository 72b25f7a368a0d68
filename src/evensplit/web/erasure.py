"""Taking data away for good: everything about one person, or the events of times that are out of date.

What is taken away from the events is taken from both the record and its columns. Not here: who may ask for it.
"""

import asyncio
import logging
from typing import Any

import msgspec

from evensplit import clock
from evensplit.errors import Conflict, EvensplitError, Invalid
from evensplit.experiments.assignments import Assigner
from evensplit.query import users
from evensplit.storage.catalog import Catalog

DAY_MS = 86_400_000
LONGEST = 36_500  # days

log = logging.getLogger(__name__)


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What is gone of a person: under which ids, and how many rows of each kind. `statements` are links, merges and
    traits; `refused` are events that were never stored."""

    user_id: str
    ids: list[str]
    events: int
    metric_values: int
    assignments: int
    statements: int
    refused: int


class Cleaning(msgspec.Struct, frozen=True):
    """Deleting what is older than an instant (the record's text). `ended`: None while it goes on; `fault`: why it
    ended before its time."""

    before: str
    gone: int
    ended: str | None = None
    fault: str = ""


class Eraser:
    """One for a running product. `cleaning` is the last one, if there was any."""

    def __init__(self, catalog: Catalog, store: Any, assigner: Assigner) -> None:
        self._catalog = catalog
        self._store = store
        self._assigner = assigner
        self._task: asyncio.Task[None] | None = None
        self.cleaning: Cleaning | None = None

    async def person(self, user_id: str) -> Erased:
        """Everything that carries an id of the person with this id. What they send from now on is kept again."""
        ids = self._catalog.links.circle(user_id)
        seen = await users.seen(self._store, ids)
        gone = await self._store.erase(user_ids=ids)
        # The events first: without the links nobody would know any more which of them are this person's.
        beside = await self._catalog.erasure.erase(ids)
        self._assigner.forget()
        return Erased(
            user_id=user_id,
            ids=ids,
            events=min(seen.events, gone),
            metric_values=max(gone - seen.events, 0),
            assignments=beside.assignments,
            statements=beside.statements,
            refused=beside.rejects,
        )

    def clean(self, days: int) -> None:
        """Begin to delete the events that happened more than so many days ago. Raises Invalid, Conflict."""
        if not 1 <= days <= LONGEST:
            raise Invalid(f"days: must be from 1 to {LONGEST}, is {days}")
        if self._task is not None and not self._task.done():
            raise Conflict("old events are being deleted already")
        before = clock.now_ms() - days * DAY_MS
        self.cleaning = Cleaning(clock.to_text(before), 0)
        self._task = asyncio.create_task(self._clean(before))

    def stop(self) -> None:
        """Leave off; what has gone stays gone."""
        if self._task is not None:
            self._task.cancel()

    async def _clean(self, before: int) -> None:
        text = clock.to_text(before)
        fault = ""
        try:
            await self._store.erase(before=before, progress=self._told)
            await self._store.write([("DELETE FROM es_rejects WHERE received_at < ?", [text])])
        except EvensplitError as error:
            log.exception("deleting what happened before %s ended early", text)
            fault = error.message
        assert self.cleaning is not None
        now = clock.to_text(clock.now_ms())
        self.cleaning = msgspec.structs.replace(self.cleaning, ended=now, fault=fault)

    def _told(self, gone: int) -> None:
        assert self.cleaning is not None
        self.cleaning = msgspec.structs.replace(self.cleaning, gone=gone)
