"""What the events say about one user, and who there is. Not here: links and assignments (the catalog knows them)."""

from collections.abc import Sequence
from typing import cast

import msgspec

from evensplit.query.dialect import speak
from evensplit.query.fragment import Fragment, fill
from evensplit.query.reading import Reading

LATELY = 10_000  # events


class Seen(msgspec.Struct, frozen=True):
    """How many events there are, and when the first and last of them happened (`2026-11-22T10:11:12.345Z`)."""

    events: int
    first_seen: str | None
    last_seen: str | None


async def seen(store: Reading, ids: Sequence[str]) -> Seen:
    """About the events that carry one of the ids: a user's own, and those linked to it."""
    await store.fresh()
    dialect = speak(store.engine, {})
    marks = ", ".join("?" * len(ids)) or "NULL"
    question = fill(
        f"SELECT count(*), {dialect.times.shown('min(created_at)')}, {dialect.times.shown('max(created_at)')} "
        "FROM events WHERE user_id IN ({})",
        Fragment(marks, tuple(ids)),
    )
    (row,) = cast("list[tuple[int, str | None, str | None]]", await store.query(question.sql, question.values))
    return Seen(*row)


class Found(msgspec.Struct, frozen=True):
    """A user id with how many events carry it, and the time of the last of them."""

    user_id: str
    events: int
    last_seen: str | None


async def search(store: Reading, text: str, most: int) -> list[Found]:
    """Ids that begin with the text, the text itself first; then those with a trait in which it stands, whatever its
    case."""
    await store.fresh()
    dialect = speak(store.engine, {})
    begins = dialect.values.holds("starts_with", Fragment("user_id"), text)
    question = fill(
        f"{_found(store)} WHERE {{}} GROUP BY user_id ORDER BY user_id <> {{}}, user_id LIMIT {{}}",
        begins,
        Fragment("?", (text,)),
        Fragment("?", (most,)),
    )
    found = _rows(await store.query(question.sql, question.values))
    there = {each.user_id for each in found}
    holds = dialect.values.holds("contains", Fragment("lower(text)"), text.lower())
    asked = fill("SELECT DISTINCT subject FROM es_identity WHERE kind = 'trait' AND {} LIMIT {}", holds, _most(most))
    named = [str(row[0]) for row in await store.query(asked.sql, asked.values)]
    named = [id_ for id_ in named if id_ not in there][: most - len(found)]
    return found + await _these(store, named)


async def lately(store: Reading, newest: int, most: int) -> list[Found]:
    """Whose events came last, of those with an id above `newest` - 10,000; the counts are of these events only."""
    await store.fresh()
    question = fill(
        f"{_found(store)} WHERE user_id IS NOT NULL AND id > {{}} GROUP BY user_id ORDER BY max(id) DESC LIMIT {{}}",
        Fragment("?", (newest - LATELY,)),
        _most(most),
    )
    return _rows(await store.query(question.sql, question.values))


async def _these(store: Reading, ids: Sequence[str]) -> list[Found]:
    """In the order of their ids; also who has no event."""
    if not ids:
        return []
    question = fill(
        f"{_found(store)} WHERE user_id IN ({{}}) GROUP BY user_id", Fragment(", ".join("?" * len(ids)), tuple(ids))
    )
    seen = {each.user_id: each for each in _rows(await store.query(question.sql, question.values))}
    return [seen.get(id_, Found(id_, 0, None)) for id_ in sorted(ids)]


def _found(store: Reading) -> str:
    return f"SELECT user_id, count(*), {speak(store.engine, {}).times.shown('max(created_at)')} FROM events"


def _most(most: int) -> Fragment:
    return Fragment("?", (most,))


def _rows(rows: Sequence[tuple[object, ...]]) -> list[Found]:
    return [Found(*row) for row in cast("Sequence[tuple[str, int, str | None]]", rows)]
