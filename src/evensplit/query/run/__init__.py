"""Asking a store for reports, a file a kind. Here: what every kind does on its way from a plan to the engine's rows.

Each kind plans, settles the moment, asks, and puts its answer together. Not here: what is asked (`sql`).
"""

from collections.abc import Callable, Sequence

from evensplit.errors import InvalidReport, QueryFailed
from evensplit.query.as_of import AsOf, settle
from evensplit.query.conditions import Condition, Property, patterns
from evensplit.query.dialect import Dialect, speak
from evensplit.query.forms import distrust, forms
from evensplit.query.fragment import Fragment
from evensplit.query.reading import Reading

Row = tuple[object, ...]


async def begin(store: Reading, conditions: Sequence[Condition], as_of: str | None) -> AsOf:
    """What comes before the first question: the conditions can be read, and the moment is settled.

    Raises InvalidReport: `invalid_regex`, `invalid_as_of`."""
    await check_patterns(store, conditions)
    return await settle(store, as_of)


async def check_patterns(store: Reading, conditions: Sequence[Condition]) -> None:
    """Refuse what the engine cannot read: `invalid_regex`."""
    asked = sorted(frozenset().union(*map(patterns, conditions)))
    if not asked:
        return
    question = speak(store.engine, {}).asks.sound_patterns(asked)
    sound = {pattern for pattern, is_sound in await store.query(question.sql, question.values) if is_sound}
    for pattern in asked:
        if pattern not in sound:
            raise InvalidReport("invalid_regex", f"{pattern!r} is no regular expression of the RE2 syntax")


async def rows(
    store: Reading,
    write: Callable[[Dialect], Fragment],
    event_type: str | None,
    properties: Sequence[Property],
    as_of: AsOf,
) -> list[Row]:
    """The rows of a statement, written as cheaply as the properties that it looks at allow.

    `event_type`: the only type of event that it looks at, None where there are several.
    """
    seen = await forms(store, event_type, properties, as_of)
    sql = write(speak(store.engine, seen))
    try:
        return await store.query(sql.sql, sql.values)
    except QueryFailed:
        # A scan may cast a value before it drops the row, and so fail at one that is not asked about (of another
        # type of event, or newer). Such a property is looked at row by row from now on; other errors come again.
        if all(form.kind != "number" for form in seen.values()):
            raise
    distrust(store, event_type, properties)
    sql = write(speak(store.engine, {}))
    return await store.query(sql.sql, sql.values)
