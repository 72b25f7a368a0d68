"""What answers to reports depend on beside the rows of events: numbers that move with every change of it by anybody."""

from sqlalchemy import func, select

from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog.statements import Prepared
from evensplit.storage.schema import es_identity, es_state

_IDENTITY = Prepared(select(func.max(es_identity.c.id)))
_COHORTS = Prepared(select(es_state.c.value).where(es_state.c.name == "generation_es_cohorts"))


class Generations:
    """Of who is who (links, merges, traits: a log, whose deletions are the store's tombstones) and of cohorts."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def __call__(self) -> list[tuple[Value, ...]]:
        return [*self._store.read(_IDENTITY({})), *self._store.read(_COHORTS({}))]
