"""What the events say about one user. Not here: links and assignments (the catalog knows them)."""

from collections.abc import Sequence
from typing import cast

import msgspec

from evensplit.query.dialect import speak
from evensplit.query.fragment import Fragment, fill
from evensplit.query.reading import Reading


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
