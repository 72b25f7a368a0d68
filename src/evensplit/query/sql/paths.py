"""The SQL of paths: each session of a person as a row a step.

    sequence  the events in order, each with the value before it in its session; values that are not set left out
    places    those whose value is another than before, numbered within their session
    anchors   where the path begins or ends, if the report says so
    steps     the places of each path, numbered accordingly
    counted   persons of each link, and of each node; a link is then joined by the numbers of its two nodes

A session is a person's events of one session_id; without one, the person's events up to 30 minutes of inactivity. An
event is placed by one integer `k`, which orders by time and id.
The answer's rows: (step, value, next value, users, users of the node it leads from, and to); those without a next
value are the nodes where paths begin (or, if they end at a value, end).
"""

import msgspec

from evensplit.query.as_of import AsOf
from evensplit.query.conditions import sources
from evensplit.query.dialect import Dialect, Packing, packed
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan.paths import CellPlan, PathsPlan
from evensplit.query.sql import scan
from evensplit.query.sql.sessions import numbered

SESSION = "person, s, n"
NULLABLE = "CASE WHEN v IS NOT NULL THEN v END"  # beyond the ends of a window ClickHouse gives '' unless it may be NULL


class Question(msgspec.Struct, frozen=True):
    """A report at a moment."""

    plan: PathsPlan
    as_of: AsOf

    @property
    def packing(self) -> Packing:
        """Of the events of the range."""
        return packed(self.plan.since, self.plan.until, self.as_of.watermark.events)


def paths_sql(question: Question, dialect: Dialect) -> Fragment:
    """The statement with its values. One link more than the limit is given, to tell that there are more."""
    return fill(
        "WITH {}, "
        "counted AS (SELECT step, v, follower, grouping(follower) AS node, count(DISTINCT person) AS users "
        "FROM steps GROUP BY GROUPING SETS ((step, v, follower), (step, v))), "
        f"joined AS (SELECT *, {_node_users('step', 'v')} AS source_users, "
        f"{_node_users('step + 1 - node', 'CASE WHEN node = 1 THEN v ELSE follower END')} AS target_users "
        "FROM counted), "
        "ranked AS (SELECT *, row_number() OVER (PARTITION BY node ORDER BY users DESC, step, v, follower) AS rank "
        "FROM joined WHERE CASE WHEN node = 1 THEN step = {} ELSE follower IS NOT NULL END) "
        "SELECT step, v, CASE WHEN node = 0 THEN follower END AS follower, users, source_users, target_users "
        "FROM ranked WHERE rank <= {}",
        join(", ", steps(question, dialect)),
        Fragment("?", (question.plan.root,)),
        Fragment("?", (question.plan.report.limit + 1,)),
    )


def _node_users(step: str, value: str) -> str:
    """Of the node at that step with that value, on the rows that have it."""
    return f"max(CASE WHEN node = 1 THEN users END) OVER (PARTITION BY {step}, {value})"


def cell_sql(question: Question, cell: CellPlan, dialect: Dialect) -> Fragment:
    """Rows (person): who was at a node or took a link."""
    found = Fragment("step = ? AND v = ?", (cell.step, cell.value))
    if cell.then is not None:
        found = fill("{} AND {}", found, Fragment("follower = ?", (cell.then,)))
    return fill("WITH {} SELECT person FROM steps WHERE {}", join(", ", steps(question, dialect)), found)


def steps(question: Question, dialect: Dialect) -> list[Fragment]:
    """Common table expressions up to `steps`: rows (person, step, v, follower)."""
    found = [
        fill("sequence AS ({})", _sequence(question, dialect)),
        Fragment(f"places AS {_kept(question, dialect)}({_places()})"),
    ]
    most, anchor = question.plan.report.steps, question.plan.anchor
    if anchor is None:
        step, rows = Fragment("place"), Fragment("places")
    else:
        first = fill(
            f"SELECT {SESSION}, min(place) AS origin FROM places WHERE v = {{}} GROUP BY {SESSION}",
            Fragment("?", (anchor.value,)),
        )
        found.append(fill("anchors AS ({})", first))
        rows = Fragment(
            "places JOIN anchors ON anchors.person = places.person AND anchors.n = places.n "
            "AND anchors.s IS NOT DISTINCT FROM places.s"
        )
        step = Fragment("place - origin + 1")
        if anchor.at == "end":
            step = fill("place - origin + {}", Fragment("?", (most,)))
    numbered_rows = fill("SELECT places.person AS person, {} AS step, v, next_v FROM {}", step, rows)
    last = Fragment("?", (most,))
    found.append(
        fill(
            "steps AS (SELECT person, step, v, CASE WHEN step < {} THEN next_v END AS follower "
            "FROM ({}) AS stepped WHERE step BETWEEN 1 AND {})",
            last,
            numbered_rows,
            last,
        )
    )
    return found


def _kept(question: Question, dialect: Dialect) -> str:
    """With an anchor the places are read twice."""
    return "" if question.plan.anchor is None else f"{dialect.aggregates.once} "


def _sequence(question: Question, dialect: Dialect) -> Fragment:
    seen = _seen(question, dialect)
    unseated = fill("SELECT person, k, v FROM ({}) AS seen WHERE s IS NULL", seen)
    return fill(
        f"SELECT {SESSION}, k, v, lag({NULLABLE}) OVER (PARTITION BY {SESSION} ORDER BY k) AS before FROM ("
        "SELECT person, s, 0 AS n, k, v FROM ({}) AS seen WHERE s IS NOT NULL UNION ALL "
        "SELECT person, nullif('', '') AS s, n, k, v FROM ({}) AS numbered) AS seated WHERE v IS NOT NULL",
        seen,
        numbered(unseated, ["v"], question.packing, dialect),
    )


def _places() -> str:
    window = f"PARTITION BY {SESSION} ORDER BY k"
    return (
        f"SELECT {SESSION}, v, row_number() OVER ({window}) AS place, lead({NULLABLE}) OVER ({window}) AS next_v "
        "FROM sequence WHERE before IS DISTINCT FROM v"
    )


def _seen(question: Question, dialect: Dialect) -> Fragment:
    """Rows (person, s, k, v): the events of persons, with their values under the names of groups."""
    planned = question.plan
    value = dialect.values.text(planned.by)
    seen = fill(
        "SELECT person, session_id AS s, {} AS k, {} AS v FROM {} WHERE {} AND {} AND person IS NOT NULL",
        dialect.sequences.key(question.packing),
        value,
        scan.events(dialect, question.as_of, [*sources(planned.condition), planned.by]),
        scan.within(dialect, question.as_of, planned.since, planned.until),
        scan.chosen(dialect, None, planned.condition),
    )
    if not planned.groups:
        return seen
    cases = [
        fill("WHEN {} THEN {}", dialect.values.matches(Fragment("v"), group.pattern), Fragment("?", (group.name,)))
        for group in planned.groups
    ]
    return fill("SELECT person, s, k, CASE {} ELSE v END AS v FROM ({}) AS raw", join(" ", cases), seen)
