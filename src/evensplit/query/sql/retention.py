"""The SQL of retention. The same shape for every engine.

    starts   who started in which cohort (c), when (t), and the values of the breakdown that their first start there has
    ranked1  per property of the breakdown: its first values by the sizes of their cohorts, with their ranks
    placed   the starts under the ranks of their values; no rank is `$other`
    returns  who returned, in which bucket or when
    came     a row a person, cohort and period (k) in which they returned; for `on_or_after` only the last period

Where periods are the calendar's, nothing is split, and the buckets fit into the bits of one integer, persons who
started and returned in the same buckets are counted together (`_packed`): half the time of the pairs, or less.

The answer's rows: (rank, value) a property of the breakdown, the cohort, the period (NULL: the cohort itself), persons.
"""

from evensplit.query.as_of import AsOf
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan.retention import CellPlan, RetentionPlan
from evensplit.query.sql.activity import WORD, Activity


def retention_sql(plan: RetentionPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """The statement with its values."""
    if plan.length is None and not plan.splits and len(plan.buckets.edges) <= WORD:
        return _packed(plan, as_of, dialect)
    places = "".join(f"p{n}, v{n}, " for n in _numbers(plan))
    steps = [*_placed(plan, as_of, dialect), *_came(plan, as_of, dialect, "placed")]
    return fill(
        f"WITH {{}} SELECT {places}c, k, count(*) AS n FROM came GROUP BY ALL "
        f"UNION ALL SELECT {places}c, NULL AS k, count(*) AS n FROM placed GROUP BY ALL",
        join(", ", steps),
    )


def cell_sql(plan: RetentionPlan, cell: CellPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (person): who is counted in one cell."""
    parts = [Fragment("c = ?", (cell.cohort,))]
    for n, (value, rest) in enumerate(zip(cell.values, cell.rest, strict=True), 1):
        if rest:
            parts.append(Fragment(f"p{n} IS NULL"))
        else:
            parts.append(Fragment(f"k{n} IS NULL") if value is None else Fragment(f"k{n} = ?", (value,)))
    picked = fill("picked AS (SELECT * FROM placed WHERE {})", join(" AND ", parts))
    steps = [*_placed(plan, as_of, dialect), picked]
    if cell.period == 0:
        return fill("WITH {} SELECT person FROM picked", join(", ", steps))
    steps += _came(plan, as_of, dialect, "picked")
    sign = "=" if plan.kind == "on" else ">="
    return fill(
        f"WITH {{}} SELECT person FROM came WHERE k {sign} {{}}", join(", ", steps), Fragment("?", (cell.period,))
    )


def _numbers(plan: RetentionPlan) -> range:
    return range(1, len(plan.splits) + 1)


# --- pairs of a start and a return ----------------------------------------------------------------


def _starts(plan: RetentionPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (person, c, t, a text a property)."""
    buckets, splits, times = plan.buckets, plan.splits, dialect.times
    columns = [Fragment("person, id, created_at"), fill("{} AS ms", times.as_ms())]
    columns += [fill(f"{{}} AS x{n}", dialect.values.key(split.of)) for n, split in enumerate(splits, 1)]
    if not plan.first_time:
        columns.append(fill("{} AS c", times.bucket(buckets)))
    rows = Activity(as_of, dialect).rows(
        plan.start,
        join(", ", columns),
        None if plan.first_time else buckets.since,
        buckets.until,
        tuple(split.of for split in splits),
    )
    # In a list, a value that is not set is one like any other.
    first = "".join(f", argMin([x{n}], (created_at, id))[1] AS y{n}" for n in _numbers(plan))
    texts = "".join(f", {dialect.values.key_text(split.of, f'y{n}')} AS k{n}" for n, split in enumerate(splits, 1))
    if not plan.first_time:
        firsts = fill(f"SELECT person, c, min(ms) AS t{first} FROM ({{}}) AS found GROUP BY person, c", rows)
        return fill(f"SELECT person, c, t{texts} FROM ({{}}) AS firsts", firsts)
    firsts = fill(
        f"SELECT person, min(ms) AS t, min(created_at) AS began{first} FROM ({{}}) AS found GROUP BY person", rows
    )
    return fill(
        f"SELECT person, {{}} AS c, t{texts} FROM (SELECT *, began AS created_at FROM ({{}}) AS firsts) AS dated "
        "WHERE {}",
        times.bucket(buckets),
        firsts,
        times.compared(">=", buckets.since),
    )


def _placed(plan: RetentionPlan, as_of: AsOf, dialect: Dialect) -> list[Fragment]:
    """The steps up to `placed`."""
    once = dialect.aggregates.once
    if not plan.splits:
        return [fill(f"placed AS {once} ({{}})", _starts(plan, as_of, dialect))]
    steps = [fill(f"starts AS {once} ({{}})", _starts(plan, as_of, dialect))]
    for n, split in enumerate(plan.splits, 1):
        steps.append(
            fill(
                f"ranked{n} AS (SELECT v, row_number() OVER (ORDER BY total DESC, v NULLS LAST) AS rank "
                f"FROM (SELECT k{n} AS v, count(*) AS total FROM starts GROUP BY k{n}) AS totals QUALIFY rank <= {{}})",
                Fragment("?", (split.limit,)),
            )
        )
    places = ", ".join(f"k{n}, ranked{n}.rank AS p{n}, ranked{n}.v AS v{n}" for n in _numbers(plan))
    joins = " ".join(f"LEFT JOIN ranked{n} ON k{n} IS NOT DISTINCT FROM ranked{n}.v" for n in _numbers(plan))
    steps.append(Fragment(f"placed AS {once} (SELECT person, c, t, {places} FROM starts {joins})"))
    return steps


def _came(plan: RetentionPlan, as_of: AsOf, dialect: Dialect, placed: str) -> list[Fragment]:
    """The steps `returns` and `came`, of the persons that `placed` names."""
    places = "".join(f", p{n}, v{n}" for n in _numbers(plan))
    last, bound = plan.kind == "on_or_after", Fragment("?", (plan.periods,))
    if plan.length is None:
        returns = fill("returns AS ({})", _returned(plan, as_of, dialect))
        near = Fragment("b > c") if last else fill("b > c AND b < c + {}", bound)
        k = fill("least(b - c, {} - 1)", bound) if last else Fragment("b - c")
        came = fill(
            f"came AS (SELECT person, c{places}, {{}} AS k FROM {placed} JOIN returns USING (person) WHERE {{}})",
            k,
            near,
        )
        return [returns, came]
    times = fill("person, {} AS r", dialect.times.as_ms())
    rows = Activity(as_of, dialect).rows(plan.back, times, plan.buckets.since, plan.end)
    near = Fragment("r - t >= ?", (plan.length,))
    if not last:
        near = fill("{} AND r - t < {}", near, Fragment("?", (plan.length * plan.periods,)))
    came = fill(
        f"SELECT person, c{places}, {dialect.integers.divided('(r - t)', plan.length)} AS k FROM {placed} "
        "JOIN returns USING (person) WHERE {} GROUP BY ALL HAVING count(*) >= {}",
        near,
        Fragment("?", (plan.minimum,)),
    )
    if last:
        came = fill(
            f"SELECT person, c{places}, least(max(k), {{}} - 1) AS k FROM ({{}}) AS each GROUP BY ALL", bound, came
        )
    return [fill("returns AS ({})", rows), fill("came AS ({})", came)]


def _returned(plan: RetentionPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (person, b): the buckets in which they returned, or the last one, where no more is asked for."""
    rows = Activity(as_of, dialect).buckets(plan.back, plan.buckets, plan.buckets.since, plan.end)
    if plan.minimum > 1:
        least = Fragment("?", (plan.minimum,))
        rows = fill("SELECT person, b FROM ({}) AS found GROUP BY person, b HAVING count(*) >= {}", rows, least)
    elif plan.kind == "on":
        rows = fill("SELECT DISTINCT person, b FROM ({}) AS found", rows)
    if plan.kind == "on_or_after":
        rows = fill("SELECT person, max(b) AS b FROM ({}) AS each GROUP BY person", rows)
    return rows


# --- buckets as bits ------------------------------------------------------------------------------


def _packed(plan: RetentionPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """The same, counted by shapes: rows (c, back, n) say that of a cohort so many persons returned in the buckets
    whose bits `back` has or, for `on_or_after`, last in the bucket of that number."""
    bits, periods = dialect.integers, min(len(plan.buckets.edges), plan.periods)
    started = fill(
        "SELECT c, back, n FROM ({}) AS shapes CROSS JOIN (SELECT n AS c FROM ({}) AS numbers) AS cohorts "
        f"WHERE {bits.window('s', 'c', 1)} = 1",
        _shapes(plan, as_of, dialect),
        dialect.asks.counted(len(plan.buckets.edges)),
    )
    if plan.kind == "on_or_after":
        return fill(
            f"WITH members AS {dialect.aggregates.once} ({{}}) "
            "SELECT c, least(back - c, {} - 1) AS k, sum(n) AS n FROM members WHERE back > c GROUP BY ALL "
            "UNION ALL SELECT c, NULL AS k, sum(n) AS n FROM members GROUP BY c",
            started,
            Fragment("?", (plan.periods,)),
        )
    return fill(
        f"WITH members AS {dialect.aggregates.once} (SELECT c, {bits.window('back', 'c', periods)} AS x, sum(n) AS n "
        "FROM ({}) AS started GROUP BY ALL) SELECT c, k, sum(n) AS n FROM members "
        f"CROSS JOIN (SELECT n AS k FROM ({{}}) AS numbers) AS periods WHERE k > 0 AND {bits.window('x', 'k', 1)} = 1 "
        "GROUP BY ALL UNION ALL SELECT c, NULL AS k, sum(n) AS n FROM members GROUP BY c",
        started,
        dialect.asks.counted(periods),
    )


def _shapes(plan: RetentionPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (s, back, n): n persons started in the buckets whose bits s has, and returned as `back` says."""
    buckets, on = plan.buckets, plan.kind == "on"
    activity = Activity(as_of, dialect)
    bit = dialect.integers.bit("c")
    if plan.first_time:
        starts = fill(f"SELECT person, {bit} AS s FROM ({{}}) AS firsts", _starts(plan, as_of, dialect))
    else:
        starts = fill(
            "SELECT person, m AS s FROM ({}) AS found", activity.bits(plan.start, buckets, buckets.since, buckets.until)
        )
        if on and plan.minimum == 1 and plan.back == plan.start and plan.end == buckets.until:
            return fill("SELECT s, s AS back, count(*) AS n FROM ({}) AS starts GROUP BY s", starts)
    if on and plan.minimum == 1:
        returns = fill(
            "SELECT person, m AS r FROM ({}) AS found", activity.bits(plan.back, buckets, buckets.since, plan.end)
        )
    else:
        r = activity.union("b") if on else "max(b)"
        returns = fill(f"SELECT person, {r} AS r FROM ({{}}) AS each GROUP BY person", _returned(plan, as_of, dialect))
    return fill(
        f"SELECT s, coalesce(r, {0 if on else -1}) AS back, count(*) AS n FROM ({{}}) AS starts "
        "LEFT JOIN ({}) AS returns USING (person) GROUP BY ALL",
        starts,
        returns,
    )
