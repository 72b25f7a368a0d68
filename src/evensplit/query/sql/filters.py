"""The SQL of filters: a condition, true or not, over the columns of `events`."""

from collections.abc import Sequence
from typing import Literal

from evensplit.query.conditions import (
    AllOf,
    AnyOf,
    Condition,
    IsSet,
    Matches,
    NumberOrder,
    OneOf,
    Order,
    TextOrder,
    TimeOrder,
)
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join

SIGNS: dict[Order, Literal["<", "<=", ">", ">="]] = {"gt": ">", "gte": ">=", "lt": "<", "lte": "<="}


def condition_sql(condition: Condition, dialect: Dialect) -> Fragment:
    """The condition with its values bound. Where a positive test is NULL, it counts as not true."""
    if isinstance(condition, AllOf):
        return _joined(" AND ", "TRUE", condition.of, dialect)
    if isinstance(condition, AnyOf):
        return _joined(" OR ", "FALSE", condition.of, dialect)
    if isinstance(condition, TimeOrder):
        return dialect.times.compared(SIGNS[condition.order], condition.at)
    if isinstance(condition, IsSet):
        return fill("NOT {}" if condition.negated else "{}", fill("({})", dialect.values.is_set(condition.of)))
    if isinstance(condition, NumberOrder):
        return _ordered(dialect.values.number(condition.of), condition.order, condition.bound)
    if isinstance(condition, OneOf):
        return _unless(condition.negated, dialect.values.one_of(condition.of, condition.texts))
    text = dialect.values.text(condition.of)
    if isinstance(condition, TextOrder):
        return _ordered(text, condition.order, condition.bound)
    if isinstance(condition, Matches):
        return dialect.values.matches(text, condition.pattern)
    return _unless(condition.negated, dialect.values.holds(condition.how, text, condition.text))


def _joined(separator: str, empty: str, parts: Sequence[Condition], dialect: Dialect) -> Fragment:
    if not parts:
        return Fragment(empty)
    return fill("({})", join(separator, [condition_sql(part, dialect) for part in parts]))


def _ordered(left: Fragment, order: Order, bound: float | str) -> Fragment:
    return fill(f"{{}} {SIGNS[order]} {{}}", left, Fragment("?", (bound,)))


def _unless(negated: bool, found: Fragment) -> Fragment:
    """What is not set passes the negation."""
    return fill("coalesce(NOT {}, TRUE)", found) if negated else found
