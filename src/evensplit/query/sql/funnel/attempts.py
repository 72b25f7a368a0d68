"""Attempts at a funnel: for each occurrence of a first step, the events that serve the steps after it.

    marked    the events of whoever is counted: u who, k the key that orders events, m the steps that it fits (bits),
              x the exclusions that it fits (bits), h1.. the values of the held properties
    attempts  u, t1, t2, ...: the keys of the events taken, NULL where the attempt does not come so far
    ended     the same, cut where an exclusion stops the attempt, and whether one drops the person

Each chain goes from a step to the *next* event that fits the following one, over one ordering of (time, id): an ASOF
join forwards. It is put together from the last step to the first, so that each join has the events of one step on
its left, however often the step before is repeated.
"""

from collections.abc import Sequence

import msgspec

from evensplit.query.as_of import AsOf
from evensplit.query.dialect import Dialect, Packing, packed
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan import EventPlan
from evensplit.query.plan.funnel import ExclusionPlan, FunnelPlan
from evensplit.query.sql import scan
from evensplit.query.sql.filters import condition_sql


class Question(msgspec.Struct, frozen=True):
    """A funnel at a moment."""

    plan: FunnelPlan
    as_of: AsOf

    @property
    def packing(self) -> Packing:
        """Wide enough for every id that the moment covers and every time of the range."""
        return packed(self.plan.since, self.plan.until, self.as_of.watermark.events)


def times(count: int) -> list[str]:
    """The columns t1, t2, ..."""
    return [f"t{n}" for n in range(1, count + 1)]


def attempts(question: Question, dialect: Dialect) -> list[Fragment]:
    """Common table expressions, the last of them `ended` (u, t1, ..., dropped)."""
    found = [fill(f"marked AS {dialect.aggregates.once} ({{}})", _marked(question, dialect))]
    ways = {"ordered": _ordered, "strict": _strict, "any": _any}
    found += ways[question.plan.report.order](question, dialect)
    last, count = "attempts", len(question.plan.steps)
    for n, part in enumerate(question.plan.exclude, 1):
        found.append(_met(question, dialect, last, n, part))
        last = f"met{n}"
    if not question.plan.exclude:
        columns = ", ".join(["u", *times(count), "0 AS dropped"])
        return [*found, Fragment(f"ended AS (SELECT {columns} FROM {last})")]
    return [*found, _barred(question, dialect, last), _ended(question)]


# --- the events -----------------------------------------------------------------------------------


def scanned(question: Question, dialect: Dialect) -> Fragment:
    """`FROM ... WHERE ...`: the events that the funnel looks at."""
    plan = question.plan
    parts = [scan.within(dialect, question.as_of, plan.since, plan.until)]
    if plan.types is not None:
        parts.append(fill("event_type IN ({})", join(", ", [Fragment("?", (name,)) for name in plan.types])))
    condition = condition_sql(plan.condition, dialect)
    if condition != Fragment("TRUE"):
        parts.append(condition)
    return fill("FROM {} AS e WHERE {}", scan.events(dialect, question.as_of, plan.looked_at), join(" AND ", parts))


def _marked(question: Question, dialect: Dialect) -> Fragment:
    plan = question.plan
    unit = "session_id" if plan.report.count == "sessions" else "person"
    columns = [
        Fragment(f"{unit} AS u"),
        fill("{} AS k", dialect.sequences.key(question.packing)),
        fill("{} AS m", _bits(plan.steps, dialect)),
    ]
    if plan.exclude:
        columns.append(fill("{} AS x", _bits([part.event for part in plan.exclude], dialect)))
    columns += [fill(f"{{}} AS h{n}", dialect.values.key(of)) for n, of in enumerate(plan.hold, 1)]
    rows = fill(f"SELECT {{}} {{}} AND {unit} IS NOT NULL", join(", ", columns), scanned(question, dialect))
    # An event without a value that is held serves no step; it may still be the next one, or an excluded one.
    fits = " AND ".join(f"h{n} IS NOT NULL" for n in range(1, len(plan.hold) + 1))
    kept = [f"CASE WHEN {fits} THEN m ELSE 0 END AS m" if fits else "m", *(["x"] if plan.exclude else []), *_held(plan)]
    only = "" if plan.report.order == "strict" else " WHERE m <> 0 OR x <> 0" if plan.exclude else " WHERE m <> 0"
    return fill(f"SELECT u, k, {', '.join(kept)} FROM ({{}}) AS e{only}", rows)


def _bits(events: Sequence[EventPlan], dialect: Dialect) -> Fragment:
    """An integer with a bit set for each of them that the event is."""
    bits = [
        fill(f"CASE WHEN {{}} THEN {1 << n} ELSE 0 END", scan.chosen(dialect, event.event_type, event.condition))
        for n, event in enumerate(events)
    ]
    return fill("({})::BIGINT", join(" + ", bits))


def _held(plan: FunnelPlan) -> list[str]:
    return [f"h{n}" for n in range(1, len(plan.hold) + 1)]


def _of(table: str, columns: Sequence[str]) -> str:
    return ", ".join(f"{table}.{column} AS {column}" for column in columns)


def _same(plan: FunnelPlan) -> str:
    """Two events that one attempt may take."""
    return " AND ".join(f"a.{column} = b.{column}" for column in ["u", *_held(plan)])


def _in_window(question: Question, dialect: Dialect, column: str) -> Fragment:
    """The event lies in the window of the attempt, its end included."""
    elapsed = dialect.sequences.elapsed
    left, right = elapsed(question.packing, column), elapsed(question.packing, "t1")
    return Fragment(f"{left} - {right} <= ?", (question.plan.window,))


# --- the three orders -----------------------------------------------------------------------------


def _ordered(question: Question, dialect: Dialect) -> list[Fragment]:
    """From every event of a step to the next event of the following step; then cut at the window."""
    plan, found = question.plan, []
    count, held, fits = len(plan.steps), _held(plan), dialect.integers.has_bit
    for n in range(count, 0, -1):
        step = f"SELECT {', '.join(['u', *held, f'k AS t{n}'])} FROM marked WHERE {fits('m', n - 1)}"
        if n < count:
            mine, later = ["u", *held, f"t{n}"], times(count)[n:]
            step = (
                f"SELECT {_of('a', mine)}, {_of('b', later)} FROM ({step}) AS a "
                f"ASOF LEFT JOIN from{n + 1} AS b ON {_same(plan)} AND b.t{n + 1} > a.t{n}"
            )
        found.append(Fragment(f"from{n} AS ({step})"))
    columns = [fill(f"CASE WHEN {{}} THEN {t} END AS {t}", _in_window(question, dialect, t)) for t in times(count)[1:]]
    return [*found, fill("attempts AS (SELECT {} FROM from1)", join(", ", [Fragment("u, t1"), *columns]))]


def _strict(question: Question, dialect: Dialect) -> list[Fragment]:
    """The events right after each other; each has to fit, to hold the same, and to lie in the window."""
    plan, held, fits = question.plan, _held(question.plan), dialect.integers.has_bit
    ahead = ["u", "k AS t1", "m AS m1", *(f"{h} AS {h}_1" for h in held)]
    for n in range(2, len(plan.steps) + 1):
        ahead += [f"lead(k, {n - 1}) OVER w AS t{n}", f"lead(m, {n - 1}) OVER w AS m{n}"]
        ahead += [f"lead({h}, {n - 1}) OVER w AS {h}_{n}" for h in held]
    rows = f"SELECT {', '.join(ahead)} FROM marked WINDOW w AS (PARTITION BY u ORDER BY k)"
    columns, so_far = [Fragment("u, t1")], Fragment("TRUE")
    for n in range(2, len(plan.steps) + 1):
        same = "".join(f" AND {h}_{n} = {h}_1" for h in held)
        so_far = fill(f"{{}} AND {fits(f'm{n}', n - 1)}{same} AND {{}}", so_far, _in_window(question, dialect, f"t{n}"))
        columns.append(fill(f"CASE WHEN {{}} THEN t{n} END AS t{n}", so_far))
    return [fill(f"attempts AS (SELECT {{}} FROM ({rows}) AS n WHERE {fits('m1', 0)})", join(", ", columns))]


def _any(question: Question, dialect: Dialect) -> list[Fragment]:
    """An event serves the first step that it fits and that has none yet; an attempt begins at any event.

    `nexts` knows of every event the next ones that fit each step, seen from the last event backwards; the attempt hops
    along them. (A join a step would do, too, but ClickHouse plans a table anew wherever it is named.)"""
    count, held = len(question.plan.steps), _held(question.plan)
    fits, far = dialect.integers.has_bit, dialect.sequences.far(question.packing)
    steps = range(1, count + 1)
    who, once = ", ".join(["u", *held]), dialect.aggregates.once
    ahead = ", ".join(f"min(CASE WHEN {fits('m', n - 1)} THEN k END) OVER w AS n{n}" for n in steps)
    found = [
        f"nexts AS {once} (SELECT {who}, k, m, {ahead} FROM marked WHERE m <> 0 "
        f"WINDOW w AS (PARTITION BY {who} ORDER BY k DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING))"
    ]
    nexts = [f"n{n}" for n in steps]
    first = " ".join(f"WHEN {fits('m', n - 1)} THEN {1 << (n - 1)}" for n in steps)
    found.append(f"hop1 AS (SELECT {', '.join(['u', 'k AS t1', *nexts])}, CASE {first} END AS served FROM nexts)")
    for n in range(2, count + 1):
        done = times(n - 1)
        open_ = ", ".join(f"CASE WHEN {fits('served', s - 1)} THEN {far} ELSE coalesce(n{s}, {far}) END" for s in steps)
        serves = " ".join(
            f"WHEN {fits('b.m', s - 1)} AND NOT {fits('a.served', s - 1)} THEN {1 << (s - 1)}" for s in steps
        )
        found.append(
            f"hop{n} AS (SELECT {_of('a', ['u', *done])}, b.k AS t{n}, {_of('b', nexts)}, "
            f"a.served + CASE {serves} END AS served "
            f"FROM (SELECT {', '.join(['u', *done, 'served'])}, least({open_}) AS go FROM hop{n - 1}) AS a "
            "LEFT JOIN nexts AS b ON b.k = a.go)"
        )
    columns = [fill(f"CASE WHEN {{}} THEN {t} END AS {t}", _in_window(question, dialect, t)) for t in times(count)[1:]]
    last = fill(f"attempts AS (SELECT {{}} FROM hop{count})", join(", ", [Fragment("u, t1"), *columns]))
    return [*map(Fragment, found), last]


# --- exclusions -----------------------------------------------------------------------------------


def _met(question: Question, dialect: Dialect, last: str, n: int, part: ExclusionPlan) -> Fragment:
    """With the first excluded event after its first step."""
    columns = ["u", *times(len(question.plan.steps)), *(f"x{other}" for other in range(1, n))]
    far = dialect.sequences.far(question.packing)
    return Fragment(
        f"met{n} AS (SELECT {_of('a', columns)}, b.k AS x{n} "
        f"FROM (SELECT {', '.join(columns)}, coalesce(t{part.first}, {far}) AS k FROM {last}) AS a "
        f"ASOF LEFT JOIN (SELECT u, k FROM marked WHERE {dialect.integers.has_bit('x', n - 1)}) AS b "
        "ON a.u = b.u AND b.k > a.k)"
    )


def _barred(question: Question, dialect: Dialect, last: str) -> Fragment:
    """Of the excluded events those that lie before their last step or, if that was not reached, in the window; and
    where the attempt is stopped by one."""
    plan, far = question.plan, dialect.sequences.far(question.packing)
    columns = [Fragment(", ".join(["u", *times(len(plan.steps))]))]
    for n, part in enumerate(plan.exclude, 1):
        before = Fragment(f"x{n} < coalesce(t{part.last}, {far})")
        columns.append(
            fill(f"CASE WHEN {{}} AND {{}} THEN x{n} END AS x{n}", before, _in_window(question, dialect, f"x{n}"))
        )
    inner = fill("SELECT {} FROM {}", join(", ", columns), Fragment(last))
    stops = "".join(f", coalesce(x{n}, {far})" for n, part in enumerate(plan.exclude, 1) if part.stops)
    stop = f"least({far}{stops})" if stops else far
    return fill(f"barred AS (SELECT *, {stop} AS stop FROM ({{}}) AS x)", inner)


def _ended(question: Question) -> Fragment:
    plan = question.plan
    columns = ["u", "t1", *(f"CASE WHEN {t} < stop THEN {t} END AS {t}" for t in times(len(plan.steps))[1:])]
    drops = " OR ".join(f"x{n} <= stop" for n, part in enumerate(plan.exclude, 1) if not part.stops)
    columns.append(f"CASE WHEN {drops} THEN 1 ELSE 0 END AS dropped" if drops else "0 AS dropped")
    return Fragment(f"ended AS (SELECT {', '.join(columns)} FROM barred)")
