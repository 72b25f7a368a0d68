"""The SQL of a funnel: attempts (`attempts`), of each who the one that counts, and what is said of those.

    counted    a row each who: the first of the deepest attempts
    described  with the values of the breakdown, the bucket or bin, and the person
    ranked1    per property of the breakdown: its first values by how many came to step 1, with their ranks
    placed     each under the ranks of its values; no rank is `$other`

The answer's rows: whether it is of one place (else of all), (rank, value) a property, the bucket or bin (NULL: all of
them), how many came to each step; then, where it is about all of them, for each step but the first the sum, the median
and the 90th percentile of the milliseconds from the step before; then the least and greatest time from first to last.
"""

from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join
from evensplit.query.plan.funnel import CellPlan
from evensplit.query.sql import scan
from evensplit.query.sql.funnel.attempts import Question, attempts, times

__all__ = ["Question", "cell_sql", "funnel_sql"]


def funnel_sql(question: Question, dialect: Dialect) -> Fragment:
    """The statement with its values."""
    plan = question.plan
    places = ", ".join(f"p{n}, v{n}" for n in _numbers(question))
    selects = [_whole(question, dialect, "")]
    if places:
        selects.append(_whole(question, dialect, places))
    if plan.report.view != "steps":
        selects.append(_parts(question, ""))
        if places:
            selects.append(_parts(question, places))
    return fill(f"WITH {{}} {' UNION ALL '.join(selects)}", join(", ", _tables(question, dialect)))


def cell_sql(question: Question, cell: CellPlan, dialect: Dialect) -> Fragment:
    """Rows (person): who stands behind one number."""
    reached = f"t{cell.step - 1} IS NOT NULL AND t{cell.step} IS NULL" if cell.dropped else f"t{cell.step} IS NOT NULL"
    parts = [Fragment(reached)]
    for n, (rest, value) in enumerate(cell.places, 1):
        if rest:
            parts.append(Fragment(f"p{n} IS NULL"))
        elif value is None:
            parts.append(Fragment(f"p{n} IS NOT NULL AND k{n} IS NULL"))
        else:
            parts.append(Fragment(f"p{n} IS NOT NULL AND k{n} = ?", (value,)))
    if cell.at is not None:
        parts.append(Fragment("b = ?", (cell.at,)))
    return fill(
        "WITH {} SELECT person FROM placed WHERE {}", join(", ", _tables(question, dialect)), join(" AND ", parts)
    )


def _numbers(question: Question) -> range:
    return range(1, len(question.plan.splits) + 1)


def _tables(question: Question, dialect: Dialect) -> list[Fragment]:
    once = dialect.aggregates.once
    found = [*attempts(question, dialect), Fragment(f"counted AS {once} ({_counted(question, dialect)})")]
    found.append(fill(f"described AS {once} ({{}})", _described(question, dialect)))
    found += [fill(f"ranked{n} AS ({{}})", _ranked(question, n)) for n in _numbers(question)]
    found.append(fill(f"placed AS {once} ({{}})", _placed(question, dialect)))
    return found


# --- a row each who -------------------------------------------------------------------------------


def _counted(question: Question, dialect: Dialect) -> str:
    """The deepest attempt, and the first of those. Whoever was dropped in any attempt is not here."""
    columns = times(len(question.plan.steps))
    depth = " + ".join(["1", *(f"CASE WHEN {t} IS NULL THEN 0 ELSE 1 END" for t in columns[1:])])
    best = dialect.sequences.best(question.packing, depth, "t1")
    chosen = ", ".join(f"argMax({t}, best) AS {t}" for t in columns)
    inner = f"SELECT u, {', '.join(columns)}, dropped, {best} AS best FROM ended"
    having = " HAVING max(dropped) = 0" if question.plan.exclude else ""
    return f"SELECT u, {chosen} FROM ({inner}) AS a GROUP BY u{having}"


def _described(question: Question, dialect: Dialect) -> Fragment:
    plan, columns = question.plan, times(len(question.plan.steps))
    selected = [Fragment(", ".join(f"c.{column} AS {column}" for column in ["u", *columns]))]
    joins: list[Fragment] = []
    if plan.buckets is not None:
        moment = dialect.sequences.moment(question.packing, "t1")
        selected.append(fill("{} AS b", dialect.times.bucket(plan.buckets)))
        source = fill("(SELECT *, {} AS created_at FROM counted)", moment)
    else:
        source = Fragment("counted")
    if plan.splits:
        latest = ", ".join(f"c.{column}" for column in reversed(columns))
        at = f"c.t{plan.attributed}" if plan.attributed is not None else f"coalesce({latest})"
        keys = [fill(f"{{}} AS k{n}", dialect.values.key(split.of)) for n, split in enumerate(plan.splits, 1)]
        joins.append(_looked_up(question, dialect, "s", at, keys))
        selected += [
            Fragment(f"{dialect.values.key_text(split.of, f's.k{n}')} AS k{n}")
            for n, split in enumerate(plan.splits, 1)
        ]
    if plan.report.count == "sessions":
        joins.append(_looked_up(question, dialect, "w", "c.t1", [Fragment("person")]))
        selected.append(Fragment("w.person AS person"))
    else:
        selected.append(Fragment("c.u AS person"))
    return fill("SELECT {} FROM {} AS c{}", join(", ", selected), source, join("", joins))


def _looked_up(question: Question, dialect: Dialect, name: str, at: str, columns: list[Fragment]) -> Fragment:
    """A join with what the events with those keys are said to be."""
    plan = question.plan
    found = fill(
        "SELECT id, {} FROM {} AS e WHERE {}",
        join(", ", columns),
        scan.events(dialect, question.as_of, [split.of for split in plan.splits]),
        scan.within(dialect, question.as_of, plan.since, plan.until),
    )
    return fill(f" LEFT JOIN ({{}}) AS {name} ON {name}.id = {dialect.sequences.row_id(question.packing, at)}", found)


def _ranked(question: Question, n: int) -> Fragment:
    totals = f"SELECT k{n} AS v, count(*) AS total FROM described GROUP BY k{n}"
    ranks = f"SELECT v, row_number() OVER (ORDER BY total DESC, v NULLS LAST) AS rank FROM ({totals}) AS t"
    limit = question.plan.splits[n - 1].limit
    return Fragment(f"SELECT v, rank FROM ({ranks}) AS r WHERE rank <= ?", (limit,))


def _placed(question: Question, dialect: Dialect) -> Fragment:
    """With the ranks, and the bin where there are bins."""
    plan, numbers = question.plan, _numbers(question)
    places = "".join(f", ranked{n}.rank AS p{n}, ranked{n}.v AS v{n}" for n in numbers)
    joins = "".join(f" LEFT JOIN ranked{n} ON d.k{n} IS NOT DISTINCT FROM ranked{n}.v" for n in numbers)
    if plan.report.view != "time_to_convert":
        return Fragment(f"SELECT d.*{places} FROM described AS d{joins}")
    wait = _wait(question, dialect, 1, len(plan.steps))
    ends = f"SELECT min({wait}) AS low, max({wait}) AS high FROM described"
    # Equal bins over [low, high]; the last one includes its end.
    bins = Fragment("?", (plan.report.bins,))
    last = Fragment("?", (plan.report.bins - 1,))
    position = fill(f"least({dialect.sequences.quotient('(wait - low) * {}', '(high - low)')}, {{}})", bins, last)
    return fill(
        f"SELECT d.*{places}, CASE WHEN high = low THEN 0 * wait ELSE {{}} END AS b "
        f"FROM (SELECT *, {wait} AS wait FROM described) AS d CROSS JOIN ({ends}) AS ends{joins}",
        position,
    )


def _wait(question: Question, dialect: Dialect, first: int, last: int) -> str:
    """The milliseconds from one step to another."""
    low, high = (dialect.sequences.elapsed(question.packing, f"t{n}") for n in (first, last))
    return f"({high} - {low})"


# --- the rows of the answer -----------------------------------------------------------------------


def _whole(question: Question, dialect: Dialect, places: str) -> str:
    """All of them, or all of each place."""
    count = len(question.plan.steps)
    columns = [*_place(question, places), "NULL", *(f"count({t})" for t in times(count))]
    for n in range(2, count + 1):
        wait = _wait(question, dialect, n - 1, n)
        columns += [f"sum({wait})", dialect.aggregates.quantile(wait, 0.5), dialect.aggregates.quantile(wait, 0.9)]
    wait = _wait(question, dialect, 1, count)
    columns += [f"min({wait})", f"max({wait})"]
    return f"SELECT {_named(columns)} FROM placed{f' GROUP BY {places}' if places else ''}"


def _parts(question: Question, places: str) -> str:
    """By bucket or bin."""
    count = len(question.plan.steps)
    columns = [*_place(question, places), "b", *(f"count({t})" for t in times(count)), *["NULL"] * (3 * count - 1)]
    groups = ", ".join(filter(None, [places, "b"]))
    return f"SELECT {_named(columns)} FROM placed WHERE b IS NOT NULL GROUP BY {groups}"


def _place(question: Question, places: str) -> list[str]:
    return ["1", *places.split(", ")] if places else ["0", *["NULL"] * (2 * len(question.plan.splits))]


def _named(columns: list[str]) -> str:
    """Of nameless columns, ClickHouse takes equal ones for the same."""
    return ", ".join(f"{column} AS c{n}" for n, column in enumerate(columns))
