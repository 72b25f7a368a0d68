"""The rows that reports look at: `events`, with the person behind each of them where a report asks for persons."""

from collections.abc import Sequence

from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Condition, Source
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.sql.filters import condition_sql


def people(dialect: Dialect, as_of: AsOf) -> Fragment | None:
    """Rows (id, person) of every id that resolves to another; None where there is none."""
    return dialect.asks.persons(as_of.links) if as_of.links else None


def events(dialect: Dialect, as_of: AsOf, looked_at: Sequence[Source] = ()) -> Fragment:
    """What stands after FROM: events with a column `person`, NULL where nobody is named. Not cut at `as_of`.

    `looked_at`: every source that the statement's conditions, keys and numbers look at."""
    found = people(dialect, as_of)
    if found is None:
        return Fragment("(SELECT *, user_id AS person FROM events)")
    return fill(
        "(SELECT e.*, coalesce(l.person, e.user_id) AS person "
        "FROM events AS e LEFT JOIN ({}) AS l ON l.id = e.user_id)",
        found,
    )


def within(dialect: Dialect, as_of: AsOf, since: int, until: int) -> Fragment:
    """The condition that an event lies in [since, until), in milliseconds since 1970-01-01 UTC, and before `as_of`."""
    return join(
        " AND ",
        [
            dialect.times.compared(">=", since),
            dialect.times.compared("<", until),
            Fragment("id <= ?", (as_of.watermark.events,)),
        ],
    )


def chosen(dialect: Dialect, event_type: str | None, condition: Condition) -> Fragment:
    """The condition that an event is of that type (None: of any) and meets the condition."""
    parts = [] if event_type is None else [Fragment("event_type = ?", (event_type,))]
    found = condition_sql(condition, dialect)
    if found != Fragment("TRUE") or not parts:
        parts.append(found)
    return join(" AND ", parts)
