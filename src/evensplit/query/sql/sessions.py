"""The SQL of sessions: where one ends and the next begins, and what a sessions report counts of them.

    spans    a session and a word of buckets each: in which of them it occurs, events, page views, its first and last
             event, and the values that the lists show
    visits   a session each; the first value is that of the first word with one. Where all buckets are one word, the
             spans are the visits
    who      a word of buckets and a person each: in which of them they occur
    stays    a visit and a person each: whoever shares a session_id shares the visit

A word is 62 buckets, and an integer says with a bit each in which of them something occurs. A session is its `s`
(session_id), or of events without one its person `o` and number `n`. An event is placed by one integer `k`, which
orders by time and id.

The answer's rows: (part, bucket or word, value, visitors, sessions, page views, bounces, median milliseconds, numbers
of the word's buckets), part telling what the row is about.
"""

from collections.abc import Sequence

import msgspec

from evensplit.model.report.sessions import Top
from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Property, Source, sources
from evensplit.query.dialect import Dialect, Packing, packed
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan.sessions import OF_PAGES, CellPlan, SessionsPlan, TopPlan
from evensplit.query.sql import scan

GAP = 30 * 60_000  # milliseconds of inactivity that are still one session
WORD = 62  # buckets that one integer says yes or no to
# Parts: lists are TOP, TOP + 1, ... in the order of the plan.
TOTALS, PERSONS, ACTIVE, VIEWS, TOP = 0, 1, 2, 3, 4
NOTHING = "nullif('', '')"  # a text that is not set, in every engine a text
SO_FAR = "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW"
COLUMNS = ("visitors", "sessions", "views", "bounces", "median")


class Question(msgspec.Struct, frozen=True):
    """A report at a moment. `occurring`: the properties of its lists that any event has; others need no look."""

    plan: SessionsPlan
    as_of: AsOf
    occurring: frozenset[Property]

    @property
    def packing(self) -> Packing:
        """Of the events of the range."""
        buckets = self.plan.buckets
        return packed(buckets.since, buckets.until, self.as_of.watermark.events)

    @property
    def one_word(self) -> bool:
        """Whether one word holds every bucket."""
        return len(self.plan.buckets.edges) <= WORD


def sessions_sql(question: Question, dialect: Dialect) -> Fragment:
    """The statement with its values."""
    tops = question.plan.tops
    listed = [n for n, top in enumerate(tops) if top.top != "pages" and not question.occurring.isdisjoint(top.of)]
    lists = [tops[n] for n in listed]
    once = dialect.aggregates.once
    steps = [*_found(question, dialect, lists), fill(f"who AS {once} ({{}})", _who(question, dialect))]
    parts = [Fragment(text) for text in (_totals(question, dialect), _all_persons(), *_lines(question, dialect))]
    parts.append(_viewed(question, dialect))
    if lists:
        steps.append(fill("stays AS ({})", _stays(question, dialect, lists)))
        parts.append(fill(_ranked(_listed(listed), "sessions"), _limit(question)))
    parts += [fill(_ranked("{}", "views"), _pages(question, dialect, n), _limit(question)) for n in _at(tops, "pages")]
    return fill("WITH {} {}", join(", ", steps), join(" UNION ALL ", parts))


def cell_sql(question: Question, cell: CellPlan, dialect: Dialect) -> Fragment:
    """Rows (person): the visitors of one cell."""
    if cell.top is None:
        return fill("SELECT person FROM ({}) AS seen", _seen(question, dialect, (), cell=cell))
    found = Fragment("c0 IS NULL") if cell.value is None else Fragment("c0 = ?", (cell.value,))
    if cell.top.top == "pages":
        seen = _seen(question, dialect, [cell.top], views=True)
        return fill("SELECT person FROM ({}) AS seen WHERE {}", seen, found)
    return fill(
        "WITH {}, stays AS ({}) SELECT person FROM stays WHERE {}",
        join(", ", _found(question, dialect, [cell.top])),
        _stays(question, dialect, [cell.top]),
        found,
    )


def numbered(rows: Fragment, columns: Sequence[str], packing: Packing, dialect: Dialect) -> Fragment:
    """The rows with a column `n`: which of the person's sessions they belong to, where no session_id says so.

    `rows` have person and k (the key of that packing), and the columns, which are handed on."""
    window, handed = "PARTITION BY person ORDER BY k", "".join(f", {column}" for column in columns)
    timed = fill(f"SELECT person, k{handed}, lag(k) OVER ({window}) AS before FROM ({{}}) AS seated", rows)
    passed = " - ".join(dialect.sequences.elapsed(packing, column) for column in ("k", "before"))
    return fill(
        f"SELECT person, k{handed}, "
        f"sum(CASE WHEN {passed} > {{}} THEN 1 ELSE 0 END) OVER ({window} {SO_FAR}) AS n FROM ({{}}) AS timed",
        Fragment("?", (GAP,)),
        timed,
    )


# --- the scan -------------------------------------------------------------------------------------


def _seen(
    question: Question,
    dialect: Dialect,
    tops: Sequence[TopPlan],
    *,
    cell: CellPlan | None = None,
    views: bool = False,
) -> Fragment:
    """Rows (person, s, k, b, view, c0, c1, ...): the events of the report with the values of those lists.

    `cell`: those in its range alone. `views`: page views alone."""
    planned, page_view = question.plan, question.plan.page_view
    within = planned.buckets if cell is None else cell
    view = scan.chosen(dialect, page_view.event_type, page_view.condition)
    columns = [
        Fragment("person, session_id AS s"),
        fill("{} AS k", dialect.sequences.key(question.packing)),
        fill("{} AS b", dialect.times.bucket(planned.buckets)),
        Fragment("1 AS view") if views else fill("CASE WHEN {} THEN 1 ELSE 0 END AS view", view),
    ]
    for n, top in enumerate(tops):
        value = _value(question, dialect, top)
        if top.top in OF_PAGES and not views:
            value = fill("CASE WHEN {} THEN {} END", view, value)
        columns.append(fill(f"{{}} AS c{n}", value))
    return fill(
        "SELECT {} FROM {} WHERE {} AND {}",
        join(", ", columns),
        scan.events(dialect, question.as_of, looked_at(planned, tops, question.occurring)),
        scan.within(dialect, question.as_of, within.since, within.until),
        view if views else scan.chosen(dialect, None, planned.condition),  # `page_view` has the report's filters, too
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


def _word(question: Question, dialect: Dialect) -> tuple[str, str]:
    """What selects and groups by the word of the bucket (nothing where there is one), and the bit within the word."""
    if question.one_word:
        return "", dialect.integers.bit("b")
    return f", {dialect.integers.divided('b', WORD)} AS w", dialect.integers.bit(f"b % {WORD}")


# --- sessions -------------------------------------------------------------------------------------


def _found(question: Question, dialect: Dialect, tops: Sequence[TopPlan]) -> list[Fragment]:
    """Common table expressions up to `visits`."""
    once, spans = dialect.aggregates.once, _spans(question, dialect, tops)
    if question.one_word:
        return [fill(f"visits AS {once} ({{}})", spans)]
    return [fill(f"spans AS {once} ({{}})", spans), Fragment(f"visits AS {once} ({_visits(tops)})")]


def _spans(question: Question, dialect: Dialect, tops: Sequence[TopPlan]) -> Fragment:
    """Sessions by session_id, and by inactivity where events have none."""
    seen, (word, bit) = _seen(question, dialect, tops), _word(question, dialect)
    handed = ["b", "view", *(f"c{n}" for n in range(len(tops)))]
    unseated = fill("SELECT * FROM ({}) AS seen WHERE s IS NULL AND person IS NOT NULL", seen)
    values = "".join(f", {_end(top)}(c{n}, k) AS c{n}" for n, top in enumerate(tops))
    counted = (
        f"count(*) AS happened, sum(view) AS viewed, min(k) AS first, max(k) AS last, "
        f"{dialect.integers.union(bit)} AS m{values}"
    )
    by_word = "" if question.one_word else ", w"
    return fill(
        f"SELECT s, {dialect.persons.nobody} AS o, 0 AS n{word}, min(person) AS whose, max(person) AS other, {counted} "
        f"FROM ({{}}) AS seen WHERE s IS NOT NULL GROUP BY s{by_word} UNION ALL "
        f"SELECT {NOTHING} AS s, person AS o, n{word}, person AS whose, person AS other, {counted} "
        f"FROM ({{}}) AS numbered GROUP BY person, n{by_word}",
        seen,
        numbered(unseated, handed, question.packing, dialect),
    )


def _visits(tops: Sequence[TopPlan]) -> str:
    values = "".join(f", {_end(top)}(c{n}, w) AS c{n}" for n, top in enumerate(tops))
    return (
        "SELECT s, o, n, min(whose) AS whose, max(other) AS other, sum(happened) AS happened, sum(viewed) AS viewed, "
        f"min(first) AS first, max(last) AS last{values} FROM spans GROUP BY s, o, n"
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
    word, bit = _word(question, dialect)
    return fill(
        f"SELECT person{word}, {dialect.integers.union(bit)} AS m FROM ({{}}) AS seen "
        f"WHERE person IS NOT NULL GROUP BY person{'' if question.one_word else ', w'}",
        _seen(question, dialect, ()),
    )


# --- the rows of the answer -----------------------------------------------------------------------


def _row(part: str, bucket: str = "NULL", value: str = "NULL", numbers: str = "[]", **columns: str) -> str:
    """What selects a row of the answer; columns that are not named are NULL."""
    named = "".join(f", {columns.get(name, 'NULL')} AS {name}" for name in COLUMNS)
    return f"SELECT {part} AS part, {bucket} AS b, {value} AS v{named}, {numbers} AS numbers"


def _totals(question: Question, dialect: Dialect) -> str:
    """`views` are those in sessions."""
    elapsed = [dialect.sequences.elapsed(question.packing, column) for column in ("last", "first")]
    row = _row(
        str(TOTALS),
        sessions="count(*)",
        views="sum(viewed)",
        bounces="count(*) FILTER (WHERE viewed = 1 OR (viewed = 0 AND happened = 1))",
        median=dialect.aggregates.quantile("lasted", 0.5),
    )
    return f"{row} FROM (SELECT happened, viewed, {' - '.join(elapsed)} AS lasted FROM visits) AS visits"


def _all_persons() -> str:
    return f"{_row(str(PERSONS), visitors='count(DISTINCT person)')} FROM who"


def _lines(question: Question, dialect: Dialect) -> list[str]:
    """Persons and sessions of each bucket, a row a word: few masks differ, and each is looked at once."""
    bits = min(WORD, len(question.plan.buckets.edges))
    counts = ", ".join(f"coalesce(sum(n) FILTER (WHERE {dialect.integers.has_bit('m', n)}), 0)" for n in range(bits))
    word, by_word = ("0", "") if question.one_word else ("w", " GROUP BY w")
    keys = "m" if question.one_word else "w, m"
    return [
        f"{_row(str(part), word, numbers=f'[{counts}]')} "
        f"FROM (SELECT {keys}, count(*) AS n FROM {rows} GROUP BY {keys}) AS masks{by_word}"
        for part, rows in ((PERSONS, "who"), (ACTIVE, "visits" if question.one_word else "spans"))
    ]


def _viewed(question: Question, dialect: Dialect) -> Fragment:
    """The page views of each bucket, also those in no session."""
    return fill(
        f"{_row(str(VIEWS), 'b', views='count(*)')} FROM ({{}}) AS seen GROUP BY b",
        _seen(question, dialect, (), views=True),
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
    seen = _seen(question, dialect, [question.plan.tops[part]], views=True)
    return fill(
        f"SELECT {TOP + part} AS part, c0 AS v, count(DISTINCT person) AS visitors, NULL AS sessions, "
        "count(*) AS views FROM ({}) AS seen GROUP BY c0",
        seen,
    )


def _ranked(lists: str, by: str) -> str:
    """The first values of each list; ties by text, not set last."""
    row = _row("part", value="v", visitors="visitors", sessions="sessions", views="views")
    return (
        f"{row} FROM (SELECT *, row_number() OVER (PARTITION BY part ORDER BY {by} DESC, v NULLS LAST) AS place "
        f"FROM ({lists}) AS listed) AS ranked WHERE place <= {{}}"
    )


def _limit(question: Question) -> Fragment:
    return Fragment("?", (question.plan.report.limit,))


def _at(tops: Sequence[TopPlan], name: Top) -> list[int]:
    return [n for n, top in enumerate(tops) if top.top == name]
