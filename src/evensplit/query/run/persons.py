"""Asking for the persons behind a number: each kind says by which rows, and a page of them is the same for all."""

from collections.abc import Callable, Sequence
from typing import cast

import msgspec

from evensplit import clock
from evensplit.errors import InvalidReport
from evensplit.model.report.persons import MOST_PERSONS, Person, PersonsAnswer, PersonsQuestion
from evensplit.query.as_of import AsOf, encode
from evensplit.query.conditions import Property
from evensplit.query.dialect import Dialect, speak
from evensplit.query.fragment import Fragment
from evensplit.query.reading import Reading
from evensplit.query.run import rows
from evensplit.query.sql import persons as sql


class Behind(msgspec.Struct, frozen=True):
    """How to find them: `write` gives a statement with rows (person), in any number and order."""

    as_of: AsOf
    write: Callable[[Dialect], Fragment]
    event_type: str | None
    properties: Sequence[Property]


async def page(store: Reading, behind: Behind, asked: PersonsQuestion) -> PersonsAnswer:
    """The page that was asked for. Raises InvalidReport for a limit out of bounds."""
    began = clock.now_ms()
    if not 1 <= asked.limit <= MOST_PERSONS:
        raise InvalidReport("invalid_limit", f"limit {asked.limit} is not from 1 to {MOST_PERSONS}")
    of, looked_at, as_of = behind.event_type, behind.properties, behind.as_of
    ((count,),) = await rows(store, lambda dialect: sql.counted(behind.write(dialect)), of, looked_at, as_of)
    found = await rows(
        store,
        lambda dialect: sql.page(behind.write(dialect), asked.cursor, asked.limit + 1, dialect),
        of,
        looked_at,
        as_of,
    )
    names = [str(person) for (person,) in found]
    shown = names[: asked.limit]
    known = await _ids(store, as_of, shown)
    return PersonsAnswer(
        as_of=encode(as_of.watermark, as_of.links),
        query_ms=clock.now_ms() - began,
        persons=[Person(name, list(dict.fromkeys([name, *known.get(name, [])]))) for name in shown],
        count=cast(int, count),
        next_cursor=shown[-1] if len(names) > len(shown) else None,
        altered_by_erasure=as_of.altered_by_erasure,
    )


async def _ids(store: Reading, as_of: AsOf, persons: Sequence[str]) -> dict[str, list[str]]:
    question = sql.ids(speak(store.engine, {}), as_of, persons)
    found: dict[str, list[str]] = {}
    if question is not None:
        for id_, person in await store.query(question.sql, question.values):
            found.setdefault(str(person), []).append(str(id_))
    return found
