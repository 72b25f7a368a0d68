"""What a statement costs before it runs. What may be named in it is `allowlist`.

The engine's memory limit covers tables, sorting and aggregates, but not a text or a list while it is being built, and
its planning cannot be interrupted. So both are bounded beforehand, roughly and from above: how long a value may grow,
how many columns a row has, how much is planned once names are replaced by what they stand for.
"""

from collections.abc import Iterable
from typing import NamedTuple

from evensplit.errors import SqlNotAllowed

MOST_GROWTH = 32
MOST_COLUMNS = 2_000
MOST_TABLES = 64
MOST_EXPRESSIONS = 20_000


class Weight(NamedTuple):
    """Of an expression, a source or a query."""

    growth: int = 0  # as long as how many column values a value may be; 0: bounded, whatever the columns hold
    columns: int = 0
    tables: int = 0  # joined, each common table expression as often as it is named
    size: int = 1  # expressions, each alias as often as it is named


def total(weights: Iterable[Weight]) -> Weight:
    """One value made of all of them."""
    growth = columns = tables = size = 0
    for weight in weights:
        growth += weight.growth
        columns = max(columns, weight.columns)
        tables += weight.tables
        size += weight.size
    return Weight(growth, columns, tables, size)


def heaviest(weights: Iterable[Weight]) -> Weight:
    """One value out of them."""
    weights = list(weights)
    return total(weights)._replace(growth=max((weight.growth for weight in weights), default=0))


def row_of(*weights: Weight) -> Weight:
    """A row with all of them side by side."""
    return heaviest(weights)._replace(columns=sum(weight.columns for weight in weights))


def planned(weight: Weight, times: int) -> Weight:
    """The same, written out so many times."""
    return weight._replace(tables=weight.tables * times, size=weight.size * times)


def bounded(weight: Weight) -> Weight:
    """The same, its value of bounded length."""
    return weight._replace(growth=0)


def checked(weight: Weight) -> Weight:
    """Raises SqlNotAllowed where it is too much to be planned."""
    if weight.growth > MOST_GROWTH:
        raise SqlNotAllowed(
            f"a value may become {weight.growth} times as long as a column's; at most {MOST_GROWTH} times"
        )
    for value, most, what in (
        (weight.columns, MOST_COLUMNS, "columns"),
        (weight.tables, MOST_TABLES, "tables, each WITH counted as often as it is named"),
        (weight.size, MOST_EXPRESSIONS, "expressions, each alias counted as often as it is named"),
    ):
        if value > most:
            raise SqlNotAllowed(f"the statement has more than {most} {what}")
    return weight
