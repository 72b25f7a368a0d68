"""Who takes part, in which variant, since when: SQL over the assignments, one row a person. Not here: what they did.

Every text here begins with common table expressions that `exposed` and `members` make:

    links    (id, person) of ids that are another person's; only where there are links
    exposed  a row a person: u (a whole number of theirs), person (a key), variant_id, assigned_at, part where one is
             asked
    members  a row an id: id (a key of `dialect.persons`), u, since (the assignment in ticks of `dialect.times`)
"""

from collections.abc import Sequence

import msgspec

from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Property, Trait
from evensplit.query.dialect import Dialect
from evensplit.query.dialect.base import Packing, packed
from evensplit.query.fragment import Fragment, fill, join

IGNORED = 0  # no variant has this id
MOST_PARTS = 20
OTHER = "$other"

# A record holds one row a user and test, so only persons with several ids can hold two assignments: everybody else
# skips the grouping, which costs most of the query.
_SEVERAL = """several AS ONCE (
    SELECT person, min_by(id, (assigned_at, id)) AS u, min_by(variant_id, (assigned_at, id)) AS variant_id,
        min(assigned_at) AS assigned_at, count(*) - 1 AS ignored
    FROM assigned WHERE person IS NOT NULL GROUP BY person
)"""
_EXPOSED = """SELECT id AS u, who AS person, variant_id, assigned_at FROM assigned WHERE person IS NULL
    UNION ALL SELECT u, person, variant_id, assigned_at FROM several"""
# Whoever has no other id than the person's own is not among `ids`.
_MEMBERS = """members AS (
    SELECT coalesce(i.id, x.person) AS id, x.u AS u, {} AS since FROM exposed x LEFT JOIN ids i ON i.person = x.person
)"""
_MEMBER = "members AS (SELECT x.person AS id, x.u AS u, {} AS since FROM exposed x)"


class Scope(msgspec.Struct, frozen=True):
    """Of which experiment, as of when, in whose SQL.

    `until`: only assignments and events before that instant (the record's text) count. `part` divides the persons: by
    a trait, or by a property of their events (its value on the last event up to the assignment where it is set, else
    on the first one after it)."""

    test_id: int
    as_of: AsOf
    dialect: Dialect
    until: str | None = None
    part: Property | Trait | None = None


def exposed(scope: Scope) -> Fragment:
    """Common table expressions, the last of them `exposed`."""
    tables = [fill("exposed AS ONCE ({})", Fragment(_EXPOSED))]
    of_test, who = assigned(scope), Fragment(scope.dialect.persons.key("a.user_id"))
    if scope.as_of.links:
        tables = [
            fill("links AS ONCE ({})", scope.dialect.persons.linked(scope.as_of.links)),
            Fragment(
                "ids AS (SELECT id, person FROM links UNION DISTINCT SELECT person AS id, person AS person FROM links)"
            ),
            fill(
                """assigned AS ONCE (
    SELECT a.id AS id, {} AS who, m.person AS person, a.variant_id AS variant_id, a.assigned_at AS assigned_at
    FROM ab_assignments a LEFT JOIN ids m ON m.id = {} WHERE {}
)""",
                who,
                who,
                of_test,
            ),
            Fragment(_SEVERAL),
            *tables,
        ]
    else:
        plain = "SELECT a.id AS u, {} AS person, a.variant_id AS variant_id, a.assigned_at AS assigned_at"
        # No more than a scan of a table: joins with it know how its ids lie, which they do not of one that is kept.
        tables = [fill(f"exposed AS ({plain} FROM ab_assignments a WHERE {{}})", who, of_test)]
    if scope.part is not None:
        tables[-1] = Fragment(tables[-1].sql.replace("exposed AS", "whole AS", 1), tables[-1].values)
        tables += _parted(scope, scope.part)
    found = join(",\n", tables)
    return Fragment(found.sql.replace(" ONCE ", f" {scope.dialect.aggregates.once} "), found.values)


def members(scope: Scope) -> Fragment:
    """The same and `members`, for whoever looks for what these persons did."""
    since = Fragment(scope.dialect.times.ticks("x.assigned_at"))
    return fill(f"{{}},\n{_MEMBERS if scope.as_of.links else _MEMBER}", exposed(scope), since)


def seen(scope: Scope, column: str = "created_at") -> Fragment:
    """The condition that what happened then is looked at: it does not lie beyond `until`."""
    if scope.until is None:
        return Fragment("TRUE")
    return fill(f"{column} < {{}}", scope.dialect.times.given(scope.until))


def left_out() -> Fragment:
    """A row (ignored, elsewhere) beside what `exposed` gives: assignments of persons who hold an earlier one, and how
    many of them name another variant. Two rows joined: in ClickHouse a table that is kept and stands in a subquery for
    a single value is empty everywhere else."""
    return Fragment(
        """(SELECT coalesce(sum(ignored), 0)::BIGINT AS ignored FROM several) AS i CROSS JOIN (
    SELECT count(*) AS elsewhere FROM assigned a JOIN several s ON s.person = a.person
    WHERE a.variant_id <> s.variant_id
) AS e"""
    )


def counts(scope: Scope, edges: Sequence[str]) -> Fragment:
    """Rows (variant_id, phase, persons): how many were assigned between two changes of the weights. `edges` are the
    instants of the changes. The row of variant `IGNORED`, which may be missing, counts (assignments ignored, of these
    to other variants)."""
    given = [fill("(assigned_at >= {})::INTEGER", scope.dialect.times.given(edge)) for edge in edges]
    persons = fill(
        "WITH {}\nSELECT variant_id, {} AS phase, count(*) AS persons FROM exposed GROUP BY ALL",
        exposed(scope),
        join(" + ", given or [Fragment("0")]),
    )
    if not scope.as_of.links:
        return persons
    ignored = fill(f"SELECT {IGNORED} AS variant_id, ignored AS phase, elsewhere AS persons FROM {{}}", left_out())
    return join("\nUNION ALL\n", [persons, ignored])


def assigned(scope: Scope) -> Fragment:
    return fill(
        "{} AND a.assigned_at IS NOT NULL AND {}",
        Fragment("a.test_id = ? AND a.id <= ?", (scope.test_id, scope.as_of.watermark.assignments)),
        seen(scope, "a.assigned_at"),
    )


# --- parts ----------------------------------------------------------------------------------------


def _parted(scope: Scope, part: Property | Trait) -> list[Fragment]:
    """`exposed` made of `whole`: with the values of the most frequent parts by name, the others as `OTHER`."""
    columns = "w.u AS u, w.person AS person, w.variant_id AS variant_id, w.assigned_at AS assigned_at"
    value = _property(scope, part) if isinstance(part, Property) else _trait(scope, part)
    other, most = Fragment("?", (OTHER,)), Fragment("?", (MOST_PARTS,))
    return [
        fill("known AS ONCE ({})", value),
        fill(
            "frequent AS ONCE (SELECT k.part AS part FROM known k JOIN whole w ON w.u = k.u "
            "GROUP BY k.part ORDER BY count(*) DESC, k.part LIMIT {})",
            most,
        ),
        fill(
            f"exposed AS ONCE (SELECT {columns}, CASE WHEN k.part IS NULL THEN NULL WHEN f.part IS NULL THEN {{}} "
            "ELSE k.part END AS part FROM whole w LEFT JOIN known k ON k.u = w.u "
            "LEFT JOIN frequent f ON f.part = k.part)",
            other,
        ),
    ]


def _owners(scope: Scope, table: str, column: str) -> str:
    """Rows of a table joined with `whole` by whose key stands in a column."""
    if not scope.as_of.links:
        return f"{table} JOIN whole w ON w.person = {column}"
    return f"{table} LEFT JOIN links l ON l.id = {column} JOIN whole w ON w.person = coalesce(l.person, {column})"


def _property(scope: Scope, part: Property) -> Fragment:
    """Rows (u, part): of the events where it is set the last one up to the assignment, else the first one after it."""
    dialect, packing = scope.dialect, _packing(scope)
    user = dialect.persons.key("user_id")
    events = fill(
        f"SELECT {user} AS who, created_at, {{}} AS k, {{}} AS v FROM events "
        f"WHERE {{}} AND {user} IS NOT NULL AND {{}}",
        dialect.sequences.key(packing),
        dialect.any_values.text(part),
        dialect.sequences.up_to(scope.as_of.watermark.events),
        seen(scope),
    )
    before = "e.created_at <= w.assigned_at"
    return fill(
        f"""SELECT w.u AS u, coalesce(argMax(CASE WHEN {before} THEN e.v END, CASE WHEN {before} THEN e.k END),
    argMin(CASE WHEN NOT {before} THEN e.v END, CASE WHEN NOT {before} THEN e.k END)) AS part
FROM {_owners(scope, "({}) e", "e.who")} WHERE e.v IS NOT NULL GROUP BY w.u""",
        events,
    )


def _packing(scope: Scope) -> Packing:
    """Of all events there are: times from 1970 to far in the future."""
    return packed(0, 1 << 61, scope.as_of.watermark.events)


def _trait(scope: Scope, part: Trait) -> Fragment:
    """Rows (u, part): what was last stated of the person, whichever id it was stated of."""
    stated = fill(
        f"""SELECT w.u AS u, i.text AS part, i.stated_at AS stated_at, i.id AS place
FROM {_owners(scope, "es_identity i", scope.dialect.persons.key("i.subject"))}
WHERE i.kind = 'trait' AND i.id <= {{}} AND i.object = {{}}""",
        Fragment("?", (scope.as_of.links,)),
        Fragment("?", (part.name,)),
    )
    return fill(
        """SELECT u, part FROM ({}) AS stated
QUALIFY row_number() OVER (PARTITION BY u ORDER BY stated_at DESC, place DESC) = 1""",
        stated,
    )
