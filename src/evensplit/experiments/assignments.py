"""Which variant a user has: what is stored wins, then what the person had before logging in, then the hash.

Not here: the hash itself (`assign`), nor the request it answers (`api.evaluate`).
"""

from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Protocol

import msgspec

from evensplit import clock
from evensplit.errors import Conflict, UnknownExperiment
from evensplit.experiments import assign
from evensplit.experiments.replies import Replies
from evensplit.ingest.identity import is_placeholder
from evensplit.model.event import Batch, Kept
from evensplit.model.experiment import NULL, Experiment, Variant
from evensplit.model.instant import rfc3339
from evensplit.storage.base import NewAssignment, StoredAssignment
from evensplit.storage.catalog import Catalog


class Store(Protocol):
    """What of the two ports is needed here."""

    def append(self, batch: Batch) -> Awaitable[Kept]: ...

    async def assign(self, rows: Sequence[NewAssignment]) -> list[StoredAssignment]: ...


class AssignmentReply(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to "which variant has this user?". `reason` is there exactly where `variant` is null:
    `not_running`, `stopped` or `no_variant`."""

    experiment: str
    user_id: str
    variant: str | None = None
    variant_id: int | None = None
    payload: msgspec.Raw = NULL
    assigned_at: str | None = None
    new: bool = False
    reason: str | msgspec.UnsetType = msgspec.UNSET


class Assigner:
    """Answers for one user from memory where it can, and stores the first decision about each."""

    def __init__(self, catalog: Catalog, store: Store) -> None:
        self._catalog = catalog
        self._store = store
        self._replies = Replies()
        self._changes = 0
        catalog.subscribe(self._forget)

    def known(self, experiment: str, user_id: str) -> bytes | None:
        """The JSON reply for a user who was answered before, from memory."""
        return self._replies.get(experiment, user_id)

    async def assign(
        self,
        experiment: str,
        user_id: str,
        anonymous_id: str | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> AssignmentReply:
        """Raises UnknownExperiment, also for archived ones. `attributes` will matter once there is targeting."""
        changes = self._changes
        found = self._open(experiment)
        if anonymous_id is not None:
            await self._link(anonymous_id, user_id)
        if found.status == "draft":
            return AssignmentReply(experiment=experiment, user_id=user_id, reason="not_running")
        stored = self._catalog.assignments.one(found.id, user_id)
        if stored is None:
            others = [id_ for id_ in self._catalog.links.circle(user_id) if id_ != user_id]
            (stored,) = await self._decide(found, {user_id: _earliest(self._rows(found, others).values())})
        if stored is None:
            return _nobody(found, user_id)
        reply = _reply(found, user_id, stored)
        # A change that came in between has emptied the memory already: this answer may be older than it.
        if reply.variant is not None and changes == self._changes:
            again = msgspec.structs.replace(reply, new=False)
            self._replies.put(experiment, user_id, msgspec.json.encode(again))
        return reply

    async def assign_many(self, experiment: str, user_ids: Sequence[str]) -> list[AssignmentReply]:
        """In the order asked. New ones are stored in one transaction."""
        found = self._open(experiment)
        if found.status == "draft":
            return [AssignmentReply(experiment=experiment, user_id=id_, reason="not_running") for id_ in user_ids]
        users = list(dict.fromkeys(user_ids))
        rows: dict[str, StoredAssignment | None] = dict(self._rows(found, users))
        missing = [user_id for user_id in users if user_id not in rows]
        circles = self._catalog.links.circles(missing)
        others = self._rows(found, [id_ for circle in circles.values() for id_ in circle])
        inherited = {
            user_id: _earliest(others[id_] for id_ in circles.get(user_id, ()) if id_ in others) for user_id in missing
        }
        rows.update(zip(missing, await self._decide(found, inherited), strict=True))
        told: set[str] = set()
        replies = []
        for user_id in user_ids:
            stored = rows[user_id]
            if stored is not None and stored.new and user_id in told:  # named twice: new once
                stored = msgspec.structs.replace(stored, new=False)
            told.add(user_id)
            replies.append(_nobody(found, user_id) if stored is None else _reply(found, user_id, stored))
        return replies

    def _open(self, experiment: str) -> Experiment:
        found = self._catalog.experiment(experiment)
        if found.status == "archived":
            raise UnknownExperiment(f"experiment {experiment!r} is archived")
        return found

    def _rows(self, experiment: Experiment, ids: Sequence[str]) -> dict[str, StoredAssignment]:
        return self._catalog.assignments.several(experiment.id, ids) if ids else {}

    async def _link(self, anonymous_id: str, user_id: str) -> None:
        """State that the two are one person, unless the anonymous id belongs to somebody already."""
        if anonymous_id == user_id or is_placeholder(anonymous_id) or is_placeholder(user_id):
            return
        if self._catalog.links.owner(anonymous_id) is None:
            link = (anonymous_id, user_id, clock.to_text(clock.now_ms()))
            await self._store.append(Batch(links=[link]))

    async def _decide(
        self, experiment: Experiment, inherited: Mapping[str, StoredAssignment | None]
    ) -> list[StoredAssignment | None]:
        """For users without a row, with what their person had under another id: the row that stands from now on."""
        if experiment.status == "stopped":
            return list(inherited.values())
        weights = [variant.weight for variant in experiment.variants]
        if not sum(weights) > 0:
            return list(inherited.values())
        now = clock.to_text(clock.now_ms())
        rows = []
        for user_id, before in inherited.items():
            if before is None:
                position = assign.variant_of(experiment.hash_version, experiment.seed, user_id, weights)
                rows.append(NewAssignment(user_id, experiment.id, experiment.variants[position].id, now))
            else:
                # The person was assigned then, and their events count from then on.
                rows.append(NewAssignment(user_id, experiment.id, before.variant_id, before.assigned_at))
        if not rows:
            return []
        try:
            return list(await self._store.assign(rows))
        except Conflict:
            self._open(experiment.name)  # deleted while we decided: say so
            raise

    def forget(self) -> None:
        """Keep no answer in memory: assignments were taken away."""
        for experiment in self._catalog.experiments():
            self._forget(experiment.name)

    def _forget(self, experiment: str) -> None:
        self._changes += 1
        self._replies.forget(experiment)


def _earliest(rows: Iterable[StoredAssignment]) -> StoredAssignment | None:
    return min(rows, key=lambda row: (row.assigned_at, row.user_id), default=None)


def _nobody(experiment: Experiment, user_id: str) -> AssignmentReply:
    reason = "stopped" if experiment.status == "stopped" else "no_variant"
    return AssignmentReply(experiment=experiment.name, user_id=user_id, reason=reason)


def _reply(experiment: Experiment, user_id: str, stored: StoredAssignment) -> AssignmentReply:
    variant: Variant | None = experiment.variant(stored.variant_id)
    if variant is None:
        return _nobody(experiment, user_id)
    return AssignmentReply(
        experiment=experiment.name,
        user_id=user_id,
        variant=variant.name,
        variant_id=variant.id,
        payload=variant.payload,
        assigned_at=rfc3339(stored.assigned_at),
        new=stored.new,
    )
