"""What is stated about who is who, beside the links that come with events: merges, what undoes them, traits.

Everything is added to the log of `es_identity`, nothing in it is changed. Not here: what follows from it (`links`).
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence

from sqlalchemy import bindparam, insert, select

from evensplit import clock
from evensplit.errors import NotFound
from evensplit.model.person import Trait
from evensplit.storage.base import CatalogStore, Statement, Value
from evensplit.storage.catalog.links import Links
from evensplit.storage.catalog.statements import Prepared
from evensplit.storage.schema import es_identity

_ROW = ("kind", "subject", "object", "value", "text", "number", "stated_at")
_ADD = Prepared(insert(es_identity).values({name: bindparam(name) for name in _ROW}))
_TRAITS = Prepared(
    select(es_identity.c.object, es_identity.c.value, es_identity.c.stated_at, es_identity.c.id).where(
        es_identity.c.kind == "trait", es_identity.c.subject == bindparam("subject")
    )
)


class Identity:
    """Writes `es_identity`, and reads the traits in it."""

    def __init__(self, store: CatalogStore, links: Links) -> None:
        self._store = store
        self._links = links
        self._one_at_a_time = asyncio.Lock()  # a merge is worked out from what the one before has written

    async def merge(self, kept: str, other: str) -> list[str]:
        """Make the person of `other` part of the person of `kept`; all ids of that person, `kept`'s own first.

        Nothing changes where they are one person already."""
        async with self._one_at_a_time:
            persons = self._links.persons([kept, other])
            root, part = persons[kept], persons[other]
            if root != part:
                into = self._into([root, part])
                into[part] = root
                into[root] = root
                await self._write_merges(into)
        return self._links.circle(root)

    async def unmerge(self, user_id: str) -> list[str]:
        """The user is a person of their own again, with whoever had been made part of them. Raises NotFound."""
        async with self._one_at_a_time:
            into = self._into([self._links.persons([user_id])[user_id]])
            if into.get(user_id, user_id) == user_id:
                raise NotFound(f"user {user_id!r} has not been made part of another")
            into[user_id] = user_id
            await self._write_merges(into)
        return self._links.circle(user_id)

    async def unlink(self, anonymous_id: str) -> list[str]:
        """No link of the anonymous id that was stated so far counts any more. Raises NotFound where none does."""
        async with self._one_at_a_time:
            if self._links.owner(anonymous_id) is None:
                raise NotFound(f"anonymous_id {anonymous_id!r} is not linked to anybody")
            await self._store.write([_row("unlink", anonymous_id, "", clock.to_text(clock.now_ms()))])
        return self._links.circle(anonymous_id)

    async def describe(self, user_id: str, traits: Sequence[Trait], at: str) -> None:
        """State traits of a user, as of the record's time `at`."""
        forms = [{"value": trait.value, "text": trait.text, "number": trait.number} for trait in traits]
        rows = [_row("trait", user_id, trait.name, at, form) for trait, form in zip(traits, forms, strict=True)]
        if rows:
            await self._store.write(rows)

    def traits(self, ids: Iterable[str]) -> dict[str, str]:
        """The JSON text of each trait that is set for the person with these ids, by name: the latest statement wins."""
        latest: dict[str, tuple[str, int, str | None]] = {}
        for id_ in ids:
            for name, value, at, row_id in self._store.read(_TRAITS({"subject": id_})):
                found = (str(at), int(str(row_id)), None if value is None else str(value))
                latest[str(name)] = max(latest.get(str(name), found), found, key=lambda each: each[:2])
        return {name: value for name, (_, _, value) in sorted(latest.items()) if value is not None}

    def _into(self, persons: Sequence[str]) -> dict[str, str]:
        """Whom everybody in these persons was made part of; themselves where they begin one."""
        members = [id_ for person in persons for id_ in self._links.circle(person)]
        return {person: person for person in persons} | {user: into for user, _, into in self._links.merges(members)}

    async def _write_merges(self, into: Mapping[str, str]) -> None:
        """The person of each, all the way up, so that whoever asks has one step to go. Only what is new is written."""
        now = clock.to_text(clock.now_ms())
        before = {user: (person, part_of) for user, person, part_of in self._links.merges(list(into))}
        rows = []
        for user, part_of in into.items():
            person = part_of
            while into[person] != person:
                person = into[person]
            if before.get(user) != (person, part_of):
                rows.append(_row("merge", user, person, now, {"value": part_of}))
        await self._store.write(rows)


def _row(kind: str, subject: str, object_: str, at: str, forms: Mapping[str, Value] | None = None) -> Statement:
    return _ADD(
        {"kind": kind, "subject": subject, "object": object_, "stated_at": at}
        | {"value": None, "text": None, "number": None}
        | dict(forms or {})
    )
