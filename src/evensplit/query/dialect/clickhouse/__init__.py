"""ClickHouse: properties as a JSON column and a map of texts, RE2, `created_at` as DateTime64(3) in UTC. SQL text only.

How properties come into these columns: `storage.clickhouse.properties`. The settings under which the statements mean
what they say: `storage.clickhouse.binding`.
"""

from evensplit.query.dialect.base import Dialect, Forms
from evensplit.query.dialect.clickhouse.aggregates import ClickhouseAggregates
from evensplit.query.dialect.clickhouse.asks import ClickhouseAsks
from evensplit.query.dialect.clickhouse.integers import ClickhouseIntegers
from evensplit.query.dialect.clickhouse.persons import ClickhousePersons
from evensplit.query.dialect.clickhouse.sequences import ClickhouseSequences
from evensplit.query.dialect.clickhouse.times import ClickhouseTimes
from evensplit.query.dialect.clickhouse.values import ClickhouseValues


def dialect(forms: Forms) -> Dialect:
    """ClickHouse's, for properties of those forms."""
    return Dialect(
        ClickhouseTimes(),
        ClickhouseValues(forms),
        ClickhouseAggregates(),
        ClickhouseIntegers(),
        ClickhouseAsks(),
        ClickhouseValues({}),
        ClickhouseSequences(),
        ClickhousePersons(),
    )
