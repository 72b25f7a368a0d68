"""Asking a store for reports, a file a kind. Here: what every kind does on its way from a plan to the engine's rows.

Each kind plans, settles the moment, asks, and puts its answer together. Not here: what is asked (`sql`).
"""

from collections.abc import Callable, Sequence

import msgspec

from evensplit import clock
from evensplit.errors import InvalidReport, QueryFailed
from evensplit.model.report import Report
from evensplit.query.as_of import AsOf, settle
from evensplit.query.conditions import Condition, Property, patterns
from evensplit.query.dialect import Dialect, speak
from evensplit.query.forms import distrust, forms
from evensplit.query.fragment import Fragment
from evensplit.query.ranges import resolve
from evensplit.query.reading import Reading
from evensplit.query.zones import zone

Row = tuple[object, ...]


async def begin(store: Reading, conditions: Sequence[Condition], asked: Report | str | None) -> AsOf:
    """What comes before the first question: the conditions can be read, and the moment is settled.

    `asked`: the report with its range filled in, or its `as_of` alone: then days in cohorts are counted back from now.
    Raises InvalidReport: `invalid_regex`, `invalid_as_of`."""
    await check_patterns(store, conditions)
    report = asked if isinstance(asked, Report) else Report(as_of=asked)
    until = resolve("now" if report.until is None else report.until, "until", clock.now_ms(), zone(report.timezone))
    return msgspec.structs.replace(await settle(store, report.as_of), until=until)


async def check_patterns(store: Reading, conditions: Sequence[Condition]) -> None:
    """Refuse what the engine cannot read: `invalid_regex`."""
    asked = sorted(frozenset().union(*map(patterns, conditions)))
    if not asked or await _readable(store, asked):
        return
    if not await _readable(store, [""]):
        raise QueryFailed("the engine answers nothing")
    for pattern in asked:
        if not await _readable(store, [pattern]):
            raise InvalidReport("invalid_regex", f"{pattern!r} is no regular expression of the RE2 syntax")


async def _readable(store: Reading, asked: Sequence[str]) -> bool:
    question = speak(store.engine, {}).asks.tried(asked)
    try:
        await store.query(question.sql, question.values)
    except QueryFailed:
        return False
    return True


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
