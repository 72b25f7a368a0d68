"""DuckDB 2: VARIANT properties, RE2, `created_at` as TIMESTAMP in UTC. SQL text only; nothing here opens a database."""

from evensplit.query.dialect.base import Dialect, Forms
from evensplit.query.dialect.duckdb.aggregates import DuckdbAggregates
from evensplit.query.dialect.duckdb.asks import DuckdbAsks
from evensplit.query.dialect.duckdb.integers import DuckdbIntegers
from evensplit.query.dialect.duckdb.persons import DuckdbPersons
from evensplit.query.dialect.duckdb.sequences import DuckdbSequences
from evensplit.query.dialect.duckdb.times import DuckdbTimes
from evensplit.query.dialect.duckdb.values import DuckdbValues


def dialect(forms: Forms) -> Dialect:
    """DuckDB's, for properties of those forms."""
    return Dialect(
        DuckdbTimes(),
        DuckdbValues(forms),
        DuckdbAggregates(),
        DuckdbIntegers(),
        DuckdbAsks(),
        DuckdbValues({}),
        DuckdbSequences(),
        DuckdbPersons(),
    )
