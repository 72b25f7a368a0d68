"""The SQL of sessions: where one ends and the next begins, and what a sessions report counts of them.

    spans    a session and a bucket each: events, page views, times, and the values that the lists show
    visits   a session each; as buckets follow each other in time, the first value is that of the first bucket with one
    who      a bucket and a person each, with page views
    stays    a visit and a person each: whoever shares a session_id shares the visit

A session is its `s` (session_id), or of events without one its person `o` and number `n`. The answer's rows:
(part, bucket, value, visitors, sessions, page views, bounces, median milliseconds), part telling what the row is about.
"""

from collections.abc import Sequence

import msgspec

from evensplit.model.report.sessions import Top
from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Property, Source, sources
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan.sessions import OF_PAGES, CellPlan, SessionsPlan, TopPlan
from evensplit.query.sql import scan

GAP = 30 * 60_000  # milliseconds of inactivity that are still one session
# Parts: lists are TOP, TOP + 1, ... in the order of the plan; BLANK is a list whose properties no event has.
TOTALS, PERSONS, ACTIVE, BLANK, TOP = 0, 1, 2, 3, 4
NOTHING = "nullif('', '')"  # a text that is not set, in every engine a text
SO_FAR = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"


class Question(msgspec.Struct, frozen=True):
    """A report at a moment. `occurring`: the properties of its lists that any event has; others need no look."""

    plan: SessionsPlan
    as_of: AsOf
    occurring: frozenset[Property]


def sessions_sql(question: Question, dialect: Dialect) -> Fragment:
    """The statement with its values."""
    tops, once = question.plan.tops, dialect.aggregates.once
    listed = [n for n, top in enumerate(tops) if top.top != "pages" and not question.occurring.isdisjoint(top.of)]
    lists = [tops[n] for n in listed]
    steps = [
        fill(f"spans AS {once} ({{}})", _spans(question, dialect, lists)),
        Fragment(f"visits AS {once} ({_visits(lists)})"),
        fill("who AS ({})", _who(question, dialect)),
    ]
    parts = [Fragment(_totals(dialect)), Fragment(_persons()), Fragment(_active())]
    if tops:
        kept = f"{once} " if lists else ""
        steps.append(fill(f"stays AS {kept}({{}})", _stays(question, dialect, lists)))
        parts.append(Fragment(_blank()))
    if lists:
        parts.append(fill(_ranked(_listed(listed), "sessions"), _limit(question)))
    parts += [fill(_ranked("{}", "views"), _pages(question, dialect, n), _limit(question)) for n in _at(tops, "pages")]
    return fill("WITH {} {}", join(", ", steps), join(" UNION ALL ", parts))


def cell_sql(question: Question, cell: CellPlan, dialect: Dialect) -> Fragment:
    """Rows (person): the visitors of one cell."""
    if cell.top is None:
        return fill("SELECT person FROM ({}) AS seen", _seen(question, dialect, (), (cell.since, cell.until)))
    found = Fragment("c0 IS NULL") if cell.value is None else Fragment("c0 = ?", (cell.value,))
    if cell.top.top == "pages":
        seen = _seen(question, dialect, [cell.top])
        return fill("SELECT person FROM ({}) AS seen WHERE view = 1 AND {}", seen, found)
    return fill(
        f"WITH spans AS ({{}}), visits AS ({_visits([cell.top])}), stays AS ({{}}) SELECT person FROM stays WHERE {{}}",
        _spans(question, dialect, [cell.top]),
        _stays(question, dialect, [cell.top]),
        found,
    )


def numbered(rows: Fragment, columns: Sequence[str]) -> Fragment:
    """The rows with a column `n`: which of the person's sessions they belong to, where no session_id says so.

    `rows` have person, t (milliseconds) and id, and the columns, which are handed on."""
    window, handed = "PARTITION BY person ORDER BY t, id", "".join(f", {column}" for column in columns)
    timed = fill(f"SELECT person, t, id{handed}, lag(t) OVER ({window}) AS before FROM ({{}}) AS seated", rows)
    return fill(
        f"SELECT person, t, id{handed}, "
        f"sum(CASE WHEN t - before > {{}} THEN 1 ELSE 0 END) OVER ({window} {SO_FAR}) AS n FROM ({{}}) AS timed",
        Fragment("?", (GAP,)),
        timed,
    )


# --- the scan -------------------------------------------------------------------------------------


def _seen(
    question: Question, dialect: Dialect, tops: Sequence[TopPlan], within: tuple[int, int] | None = None
) -> Fragment:
    """Rows (person, s, t, id, b, view, c0, c1, ...): the events of the report with the values of those lists."""
    planned, page_view = question.plan, question.plan.page_view
    since, until = (planned.buckets.since, planned.buckets.until) if within is None else within
    view = scan.chosen(dialect, page_view.event_type, page_view.condition)
    columns = [
        Fragment("person, session_id AS s, id"),
        fill("{} AS t", dialect.times.as_ms()),
        fill("{} AS b", dialect.times.bucket(planned.buckets)),
        fill("CASE WHEN {} THEN 1 ELSE 0 END AS view", view),
    ]
    for n, top in enumerate(tops):
        value = _value(question, dialect, top)
        if top.top in OF_PAGES:
            value = fill("CASE WHEN {} THEN {} END", view, value)
        columns.append(fill(f"{{}} AS c{n}", value))
    return fill(
        "SELECT {} FROM {} WHERE {} AND {}",
        join(", ", columns),
        scan.events(dialect, question.as_of, looked_at(planned, tops, question.occurring)),
        scan.within(dialect, question.as_of, since, until),
        scan.chosen(dialect, None, planned.condition),
    )


def looked_at(planned: SessionsPlan, tops: Sequence[TopPlan], occurring: frozenset[Property]) -> list[Source]:
    """Every source that a statement with those lists looks at."""
    found = [*sources(planned.condition), *sources(planned.page_view.condition)]
    return [*found, *(of for top in tops for of in top.of if of in occurring)]


def _value(question: Question, dialect: Dialect, top: TopPlan) -> Fragment:
    """The first of the properties that has a value; an empty text is none."""
    texts = [fill("nullif({}, '')", dialect.values.text(of)) for of in top.of if of in question.occurring]
    if not texts:
        return Fragment(NOTHING)
    return texts[0] if len(texts) == 1 else fill("coalesce({})", join(", ", texts))


# --- sessions -------------------------------------------------------------------------------------


def _spans(question: Question, dialect: Dialect, tops: Sequence[TopPlan]) -> Fragment:
    """Sessions by session_id, and by inactivity where events have none."""
    seen = _seen(question, dialect, tops)
    handed = ["b", "view", *(f"c{n}" for n in range(len(tops)))]
    unseated = fill("SELECT * FROM ({}) AS seen WHERE s IS NULL AND person IS NOT NULL", seen)
    values = "".join(f", {_end(top)}(c{n}, (t, id)) AS c{n}_" for n, top in enumerate(tops))
    counted = f"count(*) AS events, sum(view) AS views, min(t) AS first, max(t) AS last{values}"
    return fill(
        f"SELECT s, {NOTHING} AS o, 0 AS n, b, min(person) AS p, max(person) AS q, {counted} "
        f"FROM ({{}}) AS seen WHERE s IS NOT NULL GROUP BY s, b UNION ALL "
        f"SELECT {NOTHING} AS s, person AS o, n, b, person AS p, person AS q, {counted} "
        f"FROM ({{}}) AS numbered GROUP BY person, n, b",
        seen,
        numbered(unseated, handed),
    )


def _visits(tops: Sequence[TopPlan]) -> str:
    values = "".join(f", {_end(top)}(c{n}_, b) AS c{n}" for n, top in enumerate(tops))
    return (
        "SELECT s, o, n, min(p) AS whose, max(q) AS other, sum(events) AS happened, sum(views) AS viewed, "
        f"max(last) - min(first) AS lasted{values} FROM spans GROUP BY s, o, n"
    )


def _stays(question: Question, dialect: Dialect, tops: Sequence[TopPlan]) -> Fragment:
    """`one` is 1 in one row of each visit, and 0 in those of other persons with the same session_id."""
    values = "".join(f", c{n}" for n in range(len(tops)))
    shared = "SELECT s FROM visits WHERE s IS NOT NULL AND whose <> other"
    return fill(
        f"SELECT CASE WHEN s IS NULL THEN o ELSE whose END AS person, 1 AS one, viewed{values} FROM visits "
        "WHERE s IS NULL OR whose IS NULL OR whose = other UNION ALL "
        f"SELECT m.person AS person, CASE WHEN m.person = whose THEN 1 ELSE 0 END AS one, viewed{values} "
        "FROM visits AS v JOIN (SELECT DISTINCT s, person FROM ({}) AS seen "
        f"WHERE person IS NOT NULL AND s IN ({shared})) AS m ON m.s = v.s WHERE whose <> other",
        _seen(question, dialect, ()),
    )


def _end(top: TopPlan) -> str:
    return "max_by" if top.top == "exit_pages" else "min_by"


def _who(question: Question, dialect: Dialect) -> Fragment:
    seen = _seen(question, dialect, ())
    return fill("SELECT b, person, sum(view) AS views FROM ({}) AS seen GROUP BY b, person", seen)


# --- the rows of the answer -----------------------------------------------------------------------


def _totals(dialect: Dialect) -> str:
    median = dialect.aggregates.quantile("lasted", 0.5)
    return (
        f"SELECT {TOTALS} AS part, NULL AS b, NULL AS v, NULL AS visitors, count(*) AS sessions, NULL AS views, "
        f"count(*) FILTER (WHERE viewed = 1 OR (viewed = 0 AND happened = 1)) AS bounces, "
        f"{median} AS median FROM visits"
    )


def _persons() -> str:
    """A row a bucket, and one without a bucket over all of them."""
    return (
        f"SELECT {PERSONS} AS part, CASE WHEN grouping(b) = 0 THEN b END AS b, NULL AS v, "
        "count(DISTINCT person) AS visitors, NULL AS sessions, sum(views) AS views, NULL AS bounces, NULL AS median "
        "FROM who GROUP BY GROUPING SETS ((b), ())"
    )


def _active() -> str:
    return (
        f"SELECT {ACTIVE} AS part, b, NULL AS v, NULL AS visitors, count(*) AS sessions, NULL AS views, "
        "NULL AS bounces, NULL AS median FROM spans GROUP BY b"
    )


def _blank() -> str:
    return (
        f"SELECT {BLANK} AS part, NULL AS b, NULL AS v, count(DISTINCT person) AS visitors, sum(one) AS sessions, "
        "sum(one * viewed) AS views, NULL AS bounces, NULL AS median FROM stays"
    )


def _listed(parts: Sequence[int]) -> str:
    """Those lists in one reading of the stays, which hold their values in this order."""
    part = " ".join(f"WHEN grouping(c{n}) = 0 THEN {TOP + at}" for n, at in enumerate(parts))
    value = " ".join(f"WHEN grouping(c{n}) = 0 THEN c{n}" for n in range(len(parts)))
    sets = ", ".join(f"(c{n})" for n in range(len(parts)))
    return (
        f"SELECT CASE {part} END AS part, CASE {value} END AS v, count(DISTINCT person) AS visitors, "
        f"sum(one) AS sessions, sum(one * viewed) AS views FROM stays GROUP BY GROUPING SETS ({sets})"
    )


def _pages(question: Question, dialect: Dialect, part: int) -> Fragment:
    seen = _seen(question, dialect, [question.plan.tops[part]])
    return fill(
        f"SELECT {TOP + part} AS part, c0 AS v, count(DISTINCT person) AS visitors, NULL AS sessions, "
        "count(*) AS views FROM ({}) AS seen WHERE view = 1 GROUP BY c0",
        seen,
    )


def _ranked(lists: str, by: str) -> str:
    """The first values of each list; ties by text, not set last."""
    return (
        "SELECT part, NULL AS b, v, visitors, sessions, views, NULL AS bounces, NULL AS median FROM "
        f"(SELECT *, row_number() OVER (PARTITION BY part ORDER BY {by} DESC, v NULLS LAST) AS place "
        f"FROM ({lists}) AS listed) AS ranked WHERE place <= {{}}"
    )


def _limit(question: Question) -> Fragment:
    return Fragment("?", (question.plan.report.limit,))


def _at(tops: Sequence[TopPlan], name: Top) -> list[int]:
    return [n for n, top in enumerate(tops) if top.top == name]
