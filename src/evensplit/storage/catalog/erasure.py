"""Taking one person out of what is kept beside the events: assignments, what was stated about them, lists, refusals.

Not here: their events and metric values (the event store's), or which ids they have (`links`).
"""

from collections.abc import Sequence

import msgspec
from sqlalchemy import delete

from evensplit.storage.base import CatalogStore, Statement
from evensplit.storage.catalog.statements import compiled
from evensplit.storage.schema import ab_assignments, es_cohort_users, es_identity

AT_ONCE = 500  # ids named in one statement

# A refused event is kept as it was sent: an id may stand anywhere in it, and a cut one is no JSON any more.
_REJECTS = (
    "DELETE FROM es_rejects WHERE instr(event, ?1) > 0 OR CASE WHEN json_valid(event) THEN "
    "CAST(event ->> '$.user_id' AS TEXT) = ?2 OR CAST(event ->> '$.anonymous_id' AS TEXT) = ?2 END"
)


class Erased(msgspec.Struct, frozen=True):
    """How many rows have gone. `statements`: links, merges and traits."""

    assignments: int = 0
    statements: int = 0
    listed: int = 0
    rejects: int = 0


class Erasure:
    """Writes wherever a user's id stands."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    async def erase(self, ids: Sequence[str]) -> Erased:
        """Take away whatever names one of these ids."""
        counts = [0, 0, 0, 0]
        for start in range(0, len(ids), AT_ONCE):
            some = list(ids[start : start + AT_ONCE])
            done = await self._store.write(_statements(some))
            for n, written in enumerate(done):
                counts[min(n, 3)] += written.count
        return Erased(*counts)


def _statements(ids: Sequence[str]) -> list[Statement]:
    log = es_identity.c
    named = log.subject.in_(ids) | ((log.kind != "trait") & (log.object.in_(ids) | log.value.in_(ids)))
    tables: list[Statement] = [
        compiled(delete(ab_assignments).where(ab_assignments.c.user_id.in_(ids))),
        compiled(delete(es_identity).where(named)),
        compiled(delete(es_cohort_users).where(es_cohort_users.c.user_id.in_(ids))),
    ]
    return tables + [(_REJECTS, [msgspec.json.encode(id_).decode(), id_]) for id_ in ids]
