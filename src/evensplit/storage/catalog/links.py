"""Which ids are one person. Every link ever stated is kept; the earliest of an anonymous id, by time and then by
user id, is the one that counts. Not here: stating a link."""

from collections.abc import Sequence

from sqlalchemy import Column, and_, bindparam, exists, or_, select

from evensplit.storage.base import CatalogStore
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import es_links

AT_ONCE = 500

_earlier = es_links.alias("earlier")
_counts = ~exists().where(
    _earlier.c.anonymous_id == es_links.c.anonymous_id,
    or_(
        _earlier.c.linked_at < es_links.c.linked_at,
        and_(_earlier.c.linked_at == es_links.c.linked_at, _earlier.c.user_id < es_links.c.user_id),
    ),
)
_links = select(es_links.c.anonymous_id, es_links.c.user_id).where(_counts)
_OWNER = Prepared(_links.where(es_links.c.anonymous_id == bindparam("id")))
_OWNED = Prepared(_links.where(es_links.c.user_id == bindparam("id")).order_by(es_links.c.anonymous_id))


class Links:
    """Reads `es_links`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def owner(self, id_: str) -> str | None:
        """The known user an anonymous id belongs to; None where it belongs to nobody yet."""
        found = self._store.read(_OWNER({"id": id_}))
        return str(found[0][1]) if found else None

    def circle(self, id_: str) -> list[str]:
        """All ids of the person behind this one, the known user first; itself alone where nothing is linked."""
        user_id = self.owner(id_) or id_
        return [user_id, *(str(row[0]) for row in self._store.read(_OWNED({"id": user_id})) if row[0] != user_id)]

    def circles(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """`circle` of many ids at once; only those that are linked to any other."""
        owners = dict(self._pairs(es_links.c.anonymous_id, ids))
        users = list(dict.fromkeys(owners.get(id_, id_) for id_ in ids))
        owned: dict[str, list[str]] = {}
        for anonymous_id, user_id in self._pairs(es_links.c.user_id, users):
            owned.setdefault(user_id, []).append(anonymous_id)
        found = {}
        for id_ in ids:
            user_id = owners.get(id_, id_)
            circle = list(dict.fromkeys([user_id, *owned.get(user_id, [])]))
            if circle != [id_]:
                found[id_] = circle
        return found

    def _pairs(self, column: Column[str], ids: Sequence[str]) -> list[tuple[str, str]]:
        """(anonymous id, user id) of every link that counts and has one of the ids in `column`."""
        found = []
        for start in range(0, len(ids), AT_ONCE):
            statement = _links.where(column.in_(ids[start : start + AT_ONCE])).order_by(es_links.c.anonymous_id)
            found += [(str(row[0]), str(row[1])) for row in self._store.read(compiled(statement))]
        return found
