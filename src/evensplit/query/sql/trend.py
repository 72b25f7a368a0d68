"""The SQL of one line of a trend: one scan of `events`, then groups of groups. The same shape for every engine.

    cells    what the scan yields: bucket, keys of the breakdown, and a partial result or the values themselves;
             of distinct values one row each, with an integer whose bits say in which of 62 buckets it occurs
    named    the keys as texts, ids as persons
    ranked1  per property of the breakdown: its first values by total, with their ranks
    placed   each cell under the ranks of its values; no rank is `$other`

The answer's rows: (rank, value) a property, the bucket (NULL: the whole range), then what the measure needs:
count n · sum, avg: e, n, s with the sum of x being s / 2^e over all e · distinct values, unless cumulative: a list
with the numbers of 62 buckets, b saying which 62 · the others: the number itself.
"""

import msgspec

from evensplit.model.report.trend import Measure
from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Cohort, Trait, sources
from evensplit.query.dialect import Dialect
from evensplit.query.edges import Buckets
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan import Split
from evensplit.query.plan.trend import CellPlan, SeriesPlan
from evensplit.query.sql import scan
from evensplit.query.sql.filters import condition_sql

QUANTILES: dict[Measure, float] = {"median": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99}
DISTINCT: tuple[Measure, ...] = ("users", "sessions", "distinct")
SUMS: tuple[Measure, ...] = ("sum", "avg")
WORD = 62  # buckets that one integer says yes or no to


class Question(msgspec.Struct, frozen=True):
    """One line over one period. `known` holds, a property, the values that earlier lines have put first."""

    series: SeriesPlan
    splits: tuple[Split, ...]
    buckets: Buckets
    cumulative: bool
    as_of: AsOf
    known: tuple[tuple[str | None, ...], ...]


def trend_sql(question: Question, dialect: Dialect) -> Fragment:
    """The statement with its values."""
    if not question.splits and question.series.measure in ("count", "min", "max"):
        return _cells(question, dialect)
    steps = [fill(f"cells AS {_kept(question, dialect)}({{}})", _cells(question, dialect))]
    last = "cells"
    if question.splits or _persons(question):
        steps.append(fill(f"named AS {_kept(question, dialect)}({{}})", _named(question, dialect)))
        last = "named"
    if question.splits:
        steps += [fill(f"ranked{n} AS ({{}})", _ranked(question, dialect, n)) for n in _numbers(question)]
        steps.append(Fragment(f"placed AS {_kept(question, dialect)}({_placed(question)})"))
        last = "placed"
    return fill(f"WITH {{}} {_merged(question, dialect, last)}", join(", ", steps))


def cell_sql(cell: CellPlan, as_of: AsOf, dialect: Dialect) -> Fragment:
    """Rows (person): who did the events of one cell."""
    return fill(
        "SELECT person FROM {} WHERE {} AND {}",
        scan.events(dialect, as_of, sources(cell.condition)),
        scan.within(dialect, as_of, cell.since, cell.until),
        scan.chosen(dialect, cell.event_type, cell.condition),
    )


def _numbers(question: Question) -> range:
    return range(1, len(question.splits) + 1)


def _persons(question: Question) -> bool:
    """Whether ids have to be followed to persons."""
    return question.series.measure == "users" and question.as_of.links > 0


def _kept(question: Question, dialect: Dialect) -> str:
    """Cells that are read more than once are computed once; a single reading needs no keeping."""
    twice = question.splits or question.series.measure in DISTINCT or question.series.measure in QUANTILES
    return f"{dialect.aggregates.once} " if twice else ""


# --- the scan -------------------------------------------------------------------------------------


def _cells(question: Question, dialect: Dialect) -> Fragment:
    measure = question.series.measure
    keys = "".join(f", k{n}" for n in _numbers(question))
    rows = _rows(question, dialect)
    if measure == "count":
        return fill(f"SELECT b{keys}, count(*) AS n FROM ({{}}) GROUP BY ALL", rows)
    if measure in SUMS:
        return _sums(question, dialect, keys, rows)
    if measure in ("min", "max"):
        return fill(f"SELECT b{keys}, {measure}(x) AS x FROM ({{}}) GROUP BY ALL", rows)
    if measure not in DISTINCT:
        return rows
    if question.cumulative:
        return fill(f"SELECT min(b) AS b{keys}, x FROM ({{}}) GROUP BY ALL", rows)
    word = dialect.integers.union(dialect.integers.bit(f"b % {WORD}"))
    words = dialect.integers.divided("b", WORD)
    return fill(f"SELECT {words} AS b{keys}, x, {word} AS m FROM ({{}}) GROUP BY ALL", rows)


def _sums(question: Question, dialect: Dialect, keys: str, rows: Fragment) -> Fragment:
    """Exact sums: of whole numbers x * 2^e."""
    aggregates, of = dialect.aggregates, question.series.of
    exponent = None if of is None else dialect.values.exponent(of)
    if exponent is not None:
        whole = aggregates.multiple("x", Fragment("?::DOUBLE", (2.0**exponent,)))
        sums = fill(f"SELECT b{keys}, count(x) AS n, sum({{}}) AS s FROM ({{}}) GROUP BY ALL", whole, rows)
        return fill("SELECT *, {} AS e FROM ({})", Fragment("?::INTEGER", (exponent,)), sums)
    return fill(
        f"SELECT b{keys}, e, count(x) AS n, sum({aggregates.whole('x', 'e')}) AS s "
        f"FROM (SELECT *, {aggregates.exponent('x')} AS e FROM ({{}})) GROUP BY ALL",
        rows,
    )


def _rows(question: Question, dialect: Dialect) -> Fragment:
    columns = [fill("{} AS b", dialect.times.bucket(question.buckets))]
    columns += [fill(f"{{}} AS k{n}", dialect.values.key(split.of)) for n, split in enumerate(question.splits, 1)]
    if question.series.measure != "count":
        columns.append(fill("{} AS x", _measured(question.series, dialect)))
    return fill(
        "SELECT {} FROM {} WHERE {}", join(", ", columns), _scanned(question, dialect), _where(question, dialect)
    )


def _scanned(question: Question, dialect: Dialect) -> Fragment:
    """The bare table, unless something is asked of the persons behind the events."""
    looked_at = [*sources(question.series.condition), *(split.of for split in question.splits), question.series.of]
    known = [of for of in looked_at if of is not None]
    if any(isinstance(of, Trait | Cohort) for of in known):
        return scan.events(dialect, question.as_of, known)
    return Fragment("events")


def _measured(series: SeriesPlan, dialect: Dialect) -> Fragment:
    if series.of is None:
        return Fragment(dialect.persons.key("user_id") if series.measure == "users" else "session_id")
    return dialect.values.key(series.of) if series.measure == "distinct" else dialect.values.number(series.of)


def _where(question: Question, dialect: Dialect) -> Fragment:
    series, buckets = question.series, question.buckets
    parts = [] if series.event_type is None else [Fragment("event_type = ?", (series.event_type,))]
    parts += [dialect.times.compared(">=", buckets.since), dialect.times.compared("<", buckets.until)]
    parts.append(dialect.sequences.up_to(question.as_of.watermark.events))
    condition = condition_sql(series.condition, dialect)
    return join(" AND ", parts if condition == Fragment("TRUE") else [*parts, condition])


# --- names and ranks ------------------------------------------------------------------------------


def _named(question: Question, dialect: Dialect) -> Fragment:
    columns = [
        "b",
        *(f"{dialect.values.key_text(split.of, f'k{n}')} AS k{n}" for n, split in enumerate(question.splits, 1)),
    ]
    if not _persons(question):
        return Fragment(f"SELECT {', '.join([*columns, *_payload(question)])} FROM cells")
    # Two ids may be one person: the cells are merged anew.
    rest = "" if question.cumulative else f", {dialect.integers.union('m')} AS m"
    if question.cumulative:
        columns[0] = "min(b) AS b"
    return fill(
        f"SELECT {', '.join(columns)}, coalesce(person, x) AS x{rest} "
        "FROM cells LEFT JOIN ({}) AS l ON l.id = x GROUP BY ALL",
        dialect.persons.linked(question.as_of.links),
    )


def _payload(question: Question) -> list[str]:
    measure = question.series.measure
    if measure in DISTINCT and not question.cumulative:
        return ["x", "m"]
    return ["n"] if measure == "count" else ["e", "n", "s"] if measure in SUMS else ["x"]


def _ranked(question: Question, dialect: Dialect, n: int) -> Fragment:
    known, limit = question.known[n - 1], question.splits[n - 1].limit
    order = "ORDER BY total DESC NULLS LAST, t.v NULLS LAST"
    totals = _totals(question, dialect, f"k{n}")
    if not known:
        return fill(
            f"SELECT v, row_number() OVER ({order}) AS rank FROM ({totals}) AS t QUALIFY rank <= {{}}",
            Fragment("?", (limit,)),
        )
    return fill(
        f"SELECT t.v AS v, row_number() OVER (PARTITION BY f.first IS NULL {order}) AS rank "
        f"FROM ({totals}) AS t LEFT JOIN (SELECT v, TRUE AS first FROM ({{}})) AS f "
        "ON t.v IS NOT DISTINCT FROM f.v QUALIFY f.first OR rank <= {}",
        dialect.asks.listed(known),
        Fragment("?", (max(limit - len(known), 0),)),
    )


def _totals(question: Question, dialect: Dialect, key: str) -> str:
    """A value of the property each: its total over the whole range."""
    measure = question.series.measure
    if measure in SUMS:
        parts = f"SELECT {key} AS v, e, sum(n) AS n, sum(s) AS s FROM named GROUP BY {key}, e"
        total = dialect.aggregates.total("s", "e")
        total = total if measure == "sum" else f"CASE WHEN sum(n) > 0 THEN {total} / sum(n) END"
        return f"SELECT v, {total} AS total FROM ({parts}) GROUP BY v"
    if measure in DISTINCT:
        return f"SELECT v, count(x) AS total FROM (SELECT DISTINCT {key} AS v, x FROM named) GROUP BY v"
    return f"SELECT {key} AS v, {_whole(measure, dialect)} AS total FROM named GROUP BY {key}"


def _placed(question: Question) -> str:
    places = ", ".join(f"ranked{n}.rank AS p{n}, ranked{n}.v AS v{n}" for n in _numbers(question))
    joins = " ".join(f"LEFT JOIN ranked{n} ON k{n} IS NOT DISTINCT FROM ranked{n}.v" for n in _numbers(question))
    return f"SELECT {places}, b, {', '.join(_payload(question))} FROM named {joins}"


# --- the rows of the answer -----------------------------------------------------------------------


def _whole(measure: Measure, dialect: Dialect) -> str:
    """The measure over cells, however many of them come together."""
    if measure == "count":
        return "sum(n)"
    return dialect.aggregates.quantile("x", QUANTILES[measure]) if measure in QUANTILES else f"{measure}(x)"


def _merged(question: Question, dialect: Dialect, last: str) -> str:
    measure = question.series.measure
    places = "".join(f"p{n}, v{n}, " for n in _numbers(question))
    if measure == "count" or measure in ("min", "max"):
        return f"SELECT {places}b, {_whole(measure, dialect)} FROM {last} GROUP BY ALL"
    if measure in SUMS:
        return f"SELECT {places}b, e, sum(n), sum(s) FROM {last} GROUP BY ALL"
    if measure in DISTINCT:
        return _merged_sets(question, dialect, last, places)
    whole = _whole(measure, dialect)
    total = f"SELECT {places}NULL AS b, {whole} FROM {last} GROUP BY ALL"
    if question.cumulative:
        so_far = f"{whole} OVER (PARTITION BY {places or 'TRUE, '}TRUE ORDER BY b)"
        return f"SELECT DISTINCT {places}b, {so_far} FROM {last} UNION ALL {total}"
    return f"SELECT {places}b, {whole} FROM {last} GROUP BY ALL UNION ALL {total}"


def _merged_sets(question: Question, dialect: Dialect, last: str, places: str) -> str:
    """Distinct values. What comes together under `$other` is merged before it is counted."""
    if question.cumulative:
        first = f"SELECT {places}min(b) AS b, x FROM {last} GROUP BY {places}x"
        return f"SELECT {places}b, count(x) FROM ({first}) GROUP BY ALL"
    if question.splits:
        last = f"(SELECT {places}b, x, {dialect.integers.union('m')} AS m FROM {last} GROUP BY ALL)"
    bits = min(WORD, len(question.buckets.edges))
    counts = ", ".join(f"count(x) FILTER (WHERE {dialect.integers.has_bit('m', n)})" for n in range(bits))
    one_word = len(question.buckets.edges) <= WORD
    whole = last if one_word else f"(SELECT DISTINCT {places}x FROM {last})"
    total = f"SELECT {places}NULL AS b, [count(x)] FROM {whole} GROUP BY ALL"
    return f"SELECT {places}b, [{counts}] FROM {last} GROUP BY ALL UNION ALL {total}"
