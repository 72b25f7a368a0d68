"""The SQL of stickiness: in how many buckets each person was active. The same text for every engine.

Buckets are taken together as bits, 62 to an integer: a third of the time of distinct pairs (person, bucket).
"""

from evensplit.query.as_of import AsOf
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill
from evensplit.query.plan.stickiness import StickinessPlan
from evensplit.query.sql.activity import WORD, Activity


def stickiness_sql(plan: StickinessPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (in how many buckets, persons)."""
    return fill("SELECT k, count(*) AS n FROM ({}) AS persons GROUP BY k", _persons(plan, as_of, dialect))


def cell_sql(plan: StickinessPlan, intervals: int, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (person): who was active in exactly so many."""
    return fill(
        "SELECT person FROM ({}) AS persons WHERE k = {}", _persons(plan, as_of, dialect), Fragment("?", (intervals,))
    )


def _persons(plan: StickinessPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (person, k)."""
    buckets, integers, activity = plan.buckets, dialect.integers, Activity(as_of, dialect)
    if len(buckets.edges) <= WORD:
        words = activity.bits(plan.event, buckets, buckets.since, buckets.until)
        return fill(f"SELECT person, {integers.members('m')} AS k FROM ({{}}) AS words", words)
    words = fill(
        f"SELECT person, {integers.divided('b', WORD)} AS w, {activity.union(f'b % {WORD}')} AS m "
        "FROM ({}) AS found GROUP BY ALL",
        activity.buckets(plan.event, buckets, buckets.since, buckets.until),
    )
    return fill(f"SELECT person, sum({integers.members('m')}) AS k FROM ({{}}) AS words GROUP BY person", words)
