"""An experiment that never was: everybody who did something in the past is taken for assigned when they first did it.

What measures experiments then measures the past. The assignments are a table of the statement's own, which goes by the
name of the real one and stands before it. Not here: what is measured, or what is made of it.
"""

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from evensplit import clock
from evensplit.experiments.exposures import Scope
from evensplit.model.report import ANY, EventChoice
from evensplit.query import ranges
from evensplit.query.as_of import AsOf
from evensplit.query.conditions import AllOf, sources, understood
from evensplit.query.dialect import speak
from evensplit.query.fragment import Fragment, fill
from evensplit.query.reading import Reading
from evensplit.query.run import check_patterns
from evensplit.query.sql import scan
from evensplit.storage.base import Watermark

ASSIGNMENTS = "ab_assignments"
TEST = 0  # no experiment has this id
VARIANT = 1
EVERY = 2**62  # above the id of every assignment
DAY = 86_400_000


class History(msgspec.Struct, frozen=True):
    """Whole days of UTC, up to today: [since, until) in milliseconds since 1970-01-01."""

    since: int
    until: int

    @property
    def days(self) -> int:
        return (self.until - self.since) // DAY


class Rehearsed:
    """The columns of a store as `query.reading.Reading`, with other assignments in them."""

    def __init__(self, store: Reading, assignments: Fragment) -> None:
        self.engine = store.engine
        self._store = store
        self._assignments = assignments

    async def fresh(self) -> Watermark:
        return msgspec.structs.replace(await self._store.fresh(), assignments=EVERY)

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        if ASSIGNMENTS not in sql:
            return await self._store.query(sql, values)
        table = self._assignments
        rest = f",\n{sql.removeprefix('WITH ')}" if sql.startswith("WITH ") else f"\n{sql}"
        return await self._store.query(f"WITH {table.sql}{rest}", [*table.values, *values])


def history(now: int, days: int) -> History:
    """The `days` days before today."""
    today = now // DAY * DAY
    return History(today - days * DAY, today)


async def rehearse(
    store: Reading, event: EventChoice, past: History, as_of: AsOf, each_alone: bool = False
) -> tuple[Rehearsed, Scope]:
    """`event`: what would have got a person assigned. All are in the variant `VARIANT`, or with `each_alone` in one of
    their own, numbered in the order in which they came. Raises InvalidReport for filters that mean nothing."""
    dialect = speak(store.engine, {})
    table = await _table(store, event, past, as_of, each_alone)
    everybody = msgspec.structs.replace(as_of.watermark, assignments=EVERY)
    scope = Scope(
        TEST,
        msgspec.structs.replace(as_of, watermark=everybody),
        dialect,
        until=clock.to_text(past.until),
    )
    return Rehearsed(store, table), scope


async def _table(store: Reading, event: EventChoice, past: History, as_of: AsOf, each_alone: bool) -> Fragment:
    condition = understood(event.filters, "event: filters", _instant) if event.filters else AllOf(())
    await check_patterns(store, [condition])
    dialect = speak(store.engine, {})
    of = None if event.event_type == ANY else event.event_type
    first = fill(
        "SELECT person, min(created_at) AS assigned_at FROM {} AS e "
        "WHERE person IS NOT NULL AND {} AND {} GROUP BY person",
        scan.events(dialect, as_of, sources(condition)),
        scan.within(dialect, as_of, past.since, past.until),
        scan.chosen(dialect, of, condition),
    )
    return fill(
        f"{ASSIGNMENTS} AS {dialect.aggregates.once} (SELECT place AS id, person AS {dialect.persons.key('user_id')}, "
        "{} AS test_id, {} AS variant_id, assigned_at "
        "FROM (SELECT row_number() OVER (ORDER BY assigned_at, name)::BIGINT AS place, person, assigned_at "
        f"FROM (SELECT person, assigned_at, {dialect.persons.name('person')} AS name FROM ({{}}) AS first) AS named"
        ") AS numbered)",
        Fragment("?::BIGINT", (TEST,)),
        Fragment("place") if each_alone else Fragment("?::BIGINT", (VARIANT,)),
        first,
    )


def _instant(text: str, field: str) -> int:
    return ranges.resolve(text, field, clock.now_ms(), ZoneInfo("UTC"))
