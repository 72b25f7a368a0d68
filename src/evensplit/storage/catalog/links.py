"""Which ids are one person, by what the log of `es_identity` says. Not here: adding to that log (`identity`).

An anonymous id belongs to the user of its earliest link, by time and then by user id. Who was named as a user, by a
link or a merge, belongs to nobody by a link: two users become one person by a merge only. The same rules stand in the
dialects of `query`, over the columns; a test holds the two against each other.
"""

from collections.abc import Callable, Iterable, Sequence
from functools import cache

from sqlalchemy import BindParameter, Column, bindparam, func, select, union
from sqlalchemy.sql.expression import ClauseElement, ColumnElement

from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog.statements import Prepared
from evensplit.storage.schema import es_identity

SIZES = (1, 8, 64, 512)  # ids named in one statement; each size is compiled once

_log = es_identity.c
_cuts = es_identity.alias("cuts")
_cut = (  # links of the anonymous id up to this row count no more
    select(func.coalesce(func.max(_cuts.c.id), 0))
    .where(_cuts.c.kind == "unlink", _cuts.c.subject == _log.subject)
    .scalar_subquery()
)
_alive = (_log.kind == "link") & (_log.id > _cut)
_merge = _log.kind == "merge"


class Links:
    """Reads `es_identity`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def owner(self, id_: str) -> str | None:
        """The known user an anonymous id belongs to; None where it belongs to nobody yet."""
        found = self.owners([id_]).get(id_)
        return None if found == id_ else found

    def owners(self, ids: Sequence[str]) -> dict[str, str]:
        """The known users of many anonymous ids; a known user is their own, who belongs to nobody yet is left out."""
        known = self.known(ids)
        first: dict[str, tuple[str, str]] = {}
        for subject, user, at in self._ask(_links_of, ids):
            first[subject] = min(first.get(subject, (at, user)), (at, user))
        return {id_: id_ if id_ in known else first[id_][1] for id_ in ids if id_ in known or id_ in first}

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of the ids were named as users by a link that was not undone, or by a merge."""
        return {row[0] for row in self._ask(_known, ids)}

    def circle(self, id_: str) -> list[str]:
        """All ids of the person behind this one, the person's own first; itself alone where nothing is linked."""
        return self.circles([id_]).get(id_, [id_])

    def circles(self, ids: Sequence[str]) -> dict[str, list[str]]:
        """`circle` of many ids at once; only those that are linked to any other."""
        persons = self.persons(ids)
        users: dict[str, list[str]] = {person: [person] for person in persons.values()}
        for user, person in self._merged_into(list(users)):
            users[person].append(user)
        of_user = {user: person for person, members in users.items() for user in members}
        visitors: dict[str, list[str]] = {person: [] for person in users}
        for visitor, user in self._owned(list(of_user)):
            visitors[of_user[user]].append(visitor)
        found: dict[str, list[str]] = {}
        for id_, person in persons.items():
            ring = [person, *sorted({*users[person], *visitors[person]} - {person})]
            if ring != [id_]:
                found[id_] = ring
        return found

    def persons(self, ids: Sequence[str]) -> dict[str, str]:
        """The person of each id: itself where nothing else was stated."""
        owners = self.owners(ids)
        users = {id_: owners.get(id_, id_) for id_ in ids}
        merged = {subject: person for subject, person, _ in self.merges(list(set(users.values())))}
        return {id_: merged.get(user, user) for id_, user in users.items()}

    def merges(self, users: Sequence[str]) -> list[tuple[str, str, str]]:
        """(user, person, the user they were made part of) by the newest merge of each that was ever part of one."""
        newest: dict[str, tuple[int, str, str]] = {}
        for row_id, subject, person, into in self._rows(_merges_of, users):
            key = (int(str(row_id)), str(person), str(into))
            newest[str(subject)] = max(newest.get(str(subject), key), key)
        return [(subject, person, into) for subject, (_, person, into) in newest.items()]

    def _merged_into(self, persons: Sequence[str]) -> list[tuple[str, str]]:
        """(user, person) of those who are part of these persons, not themselves."""
        once = {row[0] for row in self._ask(_merged_once, persons)}
        return [(user, person) for user, person, _ in self.merges(sorted(once)) if person in persons and user != person]

    def _owned(self, users: Sequence[str]) -> list[tuple[str, str]]:
        """(anonymous id, user) of those who belong to these users."""
        linked = {row[0] for row in self._ask(_linked_to, users)}
        wanted = set(users)
        return [(id_, user) for id_, user in self.owners(sorted(linked)).items() if user in wanted and id_ != user]

    def _ask(self, question: "Question", ids: Sequence[str]) -> Iterable[tuple[str, ...]]:
        return (tuple(map(str, row)) for row in self._rows(question, ids))

    def _rows(self, question: "Question", ids: Sequence[str]) -> Iterable[tuple[Value, ...]]:
        """The rows of a question about any number of ids."""
        start = 0
        while start < len(ids):
            size = next((size for size in SIZES if size >= len(ids) - start), SIZES[-1])
            some = list(ids[start : start + size])
            some += [some[-1]] * (size - len(some))
            yield from self._store.read(_sized(question, size)({f"id{n}": id_ for n, id_ in enumerate(some)}))
            start += size


Question = Callable[[Callable[[Column[str]], ColumnElement[bool]]], ClauseElement]


@cache
def _sized(question: Question, size: int) -> Prepared:
    """The question about that many ids, compiled once. It is given what says that a column holds one of them."""
    names: list[BindParameter[str]] = [bindparam(f"id{n}") for n in range(size)]
    return Prepared(question(lambda column: column.in_(names)))


Among = Callable[[Column[str]], ColumnElement[bool]]


def _links_of(among: Among) -> ClauseElement:
    return select(_log.subject, _log.object, _log.stated_at).where(_alive, among(_log.subject))


def _linked_to(among: Among) -> ClauseElement:
    return select(_log.subject).distinct().where(_alive, among(_log.object))


def _known(among: Among) -> ClauseElement:
    return union(
        select(_log.object).where(_alive, among(_log.object)), select(_log.subject).where(_merge, among(_log.subject))
    )


def _merges_of(among: Among) -> ClauseElement:
    return select(_log.id, _log.subject, _log.object, _log.value).where(_merge, among(_log.subject))


def _merged_once(among: Among) -> ClauseElement:
    return select(_log.subject).distinct().where(_merge, among(_log.object))
