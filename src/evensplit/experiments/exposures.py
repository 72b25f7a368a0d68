"""Who takes part, in which variant, since when: SQL over the assignments, one row a person. Not here: what they did."""

from collections.abc import Sequence

import msgspec

from evensplit.query.as_of import AsOf
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join

IGNORED = 0  # no variant has this id

# A record holds one row a user and test, so only persons with several ids can hold two assignments: everybody else
# skips the grouping, which costs most of the query.
_EXPOSED = """links AS ONCE ({}),
members AS (SELECT id, person FROM links UNION DISTINCT SELECT person AS id, person AS person FROM links),
assigned AS ONCE (
    SELECT a.id, a.user_id, m.person, a.variant_id, a.assigned_at
    FROM ab_assignments a LEFT JOIN members m ON m.id = a.user_id
    WHERE {} AND a.assigned_at IS NOT NULL
), several AS ONCE (
    SELECT person, min_by(variant_id, (assigned_at, id)) AS variant_id, min(assigned_at) AS assigned_at,
        count(*) - 1 AS ignored
    FROM assigned WHERE person IS NOT NULL GROUP BY person
), exposed AS ONCE (
    SELECT user_id AS person, variant_id, assigned_at FROM assigned WHERE person IS NULL
    UNION ALL SELECT person, variant_id, assigned_at FROM several
)"""


class Scope(msgspec.Struct, frozen=True):
    """Of which experiment, as of when, in whose SQL."""

    test_id: int
    as_of: AsOf
    dialect: Dialect


def exposed(scope: Scope) -> Fragment:
    """Common table expressions: `links` (id, person) and `exposed` (person, variant_id, assigned_at)."""
    as_of = scope.as_of
    of_test = Fragment("a.test_id = ? AND a.id <= ?", (scope.test_id, as_of.watermark.assignments))
    return fill(
        _EXPOSED.replace("ONCE", scope.dialect.aggregates.once), scope.dialect.asks.persons(as_of.links), of_test
    )


def counts(scope: Scope, edges: Sequence[str]) -> Fragment:
    """Rows (variant_id, phase, persons): how many were assigned between two changes of the weights. `edges` are the
    instants of the changes. The row of variant `IGNORED` counts (assignments ignored, of these to other variants)."""
    given = [fill("(assigned_at >= {})::INTEGER", scope.dialect.times.given(edge)) for edge in edges]
    return fill(
        f"""WITH {{}}
SELECT variant_id, {{}} AS phase, count(*) AS persons FROM exposed GROUP BY ALL
UNION ALL
SELECT {IGNORED}, coalesce(sum(ignored), 0)::BIGINT, (
    SELECT count(*) FROM assigned a JOIN several s ON s.person = a.person WHERE a.variant_id <> s.variant_id
) FROM several""",
        exposed(scope),
        join(" + ", given or [Fragment("0")]),
    )
