"""All that the engines spell differently; `speak` picks the dialect of a store's engine."""

from evensplit.query.dialect import clickhouse, duckdb
from evensplit.query.dialect.base import (
    ABSENT,
    MIXED,
    TEXT,
    Aggregates,
    Asks,
    Dialect,
    Form,
    Forms,
    Integers,
    Packing,
    Persons,
    Times,
    Values,
    packed,
)

__all__ = [
    "ABSENT",
    "MIXED",
    "TEXT",
    "Aggregates",
    "Asks",
    "Dialect",
    "Form",
    "Forms",
    "Integers",
    "Packing",
    "Persons",
    "Times",
    "Values",
    "packed",
    "speak",
]


def speak(engine: str, forms: Forms) -> Dialect:
    """The dialect of `EventStore.engine`; of properties without a form, anything is expected."""
    if engine == "clickhouse":
        return clickhouse.dialect(forms)
    if engine != "duckdb":
        raise ValueError(f"no dialect for the engine {engine!r}")
    return duckdb.dialect(forms)
