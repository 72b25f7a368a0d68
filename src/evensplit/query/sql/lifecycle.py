"""The SQL of a lifecycle: one scan, a person each with the buckets of their events as bits. Same text for every engine.

Bit 0 is all of history, bit 1 the bucket before the first that is shown (`plan.lifecycle`). Bits b - 1 and b say who is
active (2 and 3: now, 1 and 3: in the bucket before), and whether any lower bit is set who was there before that.

The answer's rows: the position of a bucket, those two bits, whether there are lower ones, and how many persons.
"""

from evensplit.model.report.lifecycle import State
from evensplit.query.as_of import AsOf
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill
from evensplit.query.plan import EventPlan
from evensplit.query.plan.lifecycle import BEFORE, CellPlan, Stretch
from evensplit.query.sql.activity import Activity

# The two bits of a state, and whether there are lower ones (None: that does not matter).
STATES: dict[State, tuple[int, bool | None]] = {
    "new": (2, False),
    "returning": (3, None),
    "resurrecting": (2, True),
    "dormant": (1, None),
}


def lifecycle_sql(stretch: Stretch, event: EventPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """The statement with its values, about the buckets of one stretch."""
    buckets = stretch.buckets
    two = dialect.integers.window("m", "b - 1", 2)
    return fill(
        f"SELECT b, {two} AS two, {_earlier(dialect)} AS earlier, sum(n) AS n "
        "FROM (SELECT m, count(*) AS n FROM ({}) AS persons GROUP BY m) AS shapes "
        f"CROSS JOIN (SELECT n + {BEFORE} AS b FROM ({{}}) AS numbers) AS buckets WHERE {two} > 0 GROUP BY ALL",
        Activity(as_of, dialect).bits(event, buckets, None, buckets.until),
        dialect.asks.counted(len(buckets.edges) - BEFORE),
    )


def cell_sql(cell: CellPlan, event: EventPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (person): who is in a state in one bucket."""
    two, earlier = STATES[cell.state]
    also = "" if earlier is None else f" AND {'' if earlier else 'NOT '}({_earlier(dialect)})"
    return fill(
        "SELECT person FROM (SELECT person, m, {} AS b FROM ({}) AS persons) AS persons "
        f"WHERE {dialect.integers.window('m', 'b - 1', 2)} = {two}{also}",
        Fragment("?", (cell.position,)),
        Activity(as_of, dialect).bits(event, cell.buckets, None, cell.buckets.until),
    )


def _earlier(dialect: Dialect) -> str:
    """Whether a bit lower than those two is set."""
    return f"m % ({dialect.integers.bit('b - 1')}) > 0"
