"""Cohorts as they were defined. Fixed lists stand in a table of their own, a row a user: SQL reads them there.

Not here: what a definition means (`query.cohorts`).
"""

from collections.abc import Iterator, Sequence
from functools import cache

import msgspec
from sqlalchemy import BindParameter, bindparam, delete, insert, select, update

from evensplit import clock
from evensplit.errors import Conflict, NotFound
from evensplit.model.cohort import Cohort, Part, lists, with_lists
from evensplit.storage.base import CatalogStore, Statement
from evensplit.storage.catalog.rows import instant
from evensplit.storage.catalog.statements import Prepared, compiled
from evensplit.storage.schema import es_cohort_users, es_cohorts

AT_ONCE = 256  # rows of one INSERT

_cohorts = select(es_cohorts.c.name, es_cohorts.c.definition, es_cohorts.c.created_at, es_cohorts.c.changed_at)
_ALL = Prepared(_cohorts.order_by(es_cohorts.c.name))
_ONE = Prepared(_cohorts.where(es_cohorts.c.name == bindparam("name")))
_USERS = Prepared(
    select(es_cohort_users.c.part, es_cohort_users.c.user_id)
    .where(es_cohort_users.c.cohort == bindparam("name"))
    .order_by(es_cohort_users.c.part, es_cohort_users.c.id)
)
_part = msgspec.json.Decoder(Part).decode
_encode = msgspec.json.Encoder().encode


class Cohorts:
    """Reads and writes `es_cohorts` and `es_cohort_users`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def all(self) -> list[Cohort]:
        """By name."""
        return [self._cohort(*map(str, row)) for row in self._store.read(_ALL({}))]

    def one(self, name: str) -> Cohort:
        """Raises NotFound."""
        found = self._store.read(_ONE({"name": name}))
        if not found:
            raise NotFound(f"no cohort is named {name!r}")
        return self._cohort(*map(str, found[0]))

    async def create(self, name: str, definition: Part) -> Cohort:
        """Raises Conflict where the name is taken."""
        now = clock.to_text(clock.now_ms())
        row = {"name": name, "definition": _stripped(definition), "created_at": now, "changed_at": now}
        try:
            await self._store.write([compiled(insert(es_cohorts).values(**row)), *_listed(name, definition)])
        except Conflict as error:
            raise Conflict(f"a cohort named {name!r} is there already") from error
        return self.one(name)

    async def replace(self, name: str, definition: Part) -> Cohort:
        """Put another definition in the place of the one before. Raises NotFound."""
        self.one(name)
        change = {"definition": _stripped(definition), "changed_at": clock.to_text(clock.now_ms())}
        await self._store.write(
            [
                compiled(update(es_cohorts).where(es_cohorts.c.name == name).values(**change)),
                compiled(delete(es_cohort_users).where(es_cohort_users.c.cohort == name)),
                *_listed(name, definition),
            ]
        )
        return self.one(name)

    async def delete(self, name: str) -> None:
        """Raises NotFound."""
        done = await self._store.write([compiled(delete(es_cohorts).where(es_cohorts.c.name == name))])
        if not done[0].count:
            raise NotFound(f"no cohort is named {name!r}")

    def _cohort(self, name: str, definition: str, created_at: str, changed_at: str) -> Cohort:
        part = _part(definition)
        found: list[list[str]] = [[] for _ in lists(part)]
        for at, user_id in self._store.read(_USERS({"name": name})) if found else ():
            found[int(str(at))].append(str(user_id))
        whole = with_lists(part, iter([tuple(users) for users in found]))
        return Cohort(name=name, definition=whole, created_at=instant(created_at), changed_at=instant(changed_at))


def _stripped(definition: Part) -> str:
    """The definition's JSON without the users of its lists."""
    return _encode(with_lists(definition, iter([()] * len(list(lists(definition)))))).decode()


def _listed(name: str, definition: Part) -> Iterator[Statement]:
    """What writes the users of its lists, each once, in their order."""
    rows: list[tuple[int, str]] = []
    for at, part in enumerate(lists(definition)):
        rows += [(at, user_id) for user_id in dict.fromkeys(map(str, part.users or ()))]
    for start in range(0, len(rows), AT_ONCE):
        yield _users(name, rows[start : start + AT_ONCE])


def _users(name: str, rows: Sequence[tuple[int, str]]) -> Statement:
    values: dict[str, str | int] = {"cohort": name}
    for n, (part, user_id) in enumerate(rows):
        values |= {f"part{n}": part, f"user{n}": user_id}
    return _add(len(rows))(values)


@cache
def _add(count: int) -> Prepared:
    rows: list[dict[str, BindParameter[str]]] = [
        {"cohort": bindparam("cohort"), "part": bindparam(f"part{n}"), "user_id": bindparam(f"user{n}")}
        for n in range(count)
    ]
    return Prepared(insert(es_cohort_users).values(rows))
