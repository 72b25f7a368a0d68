"""How each reply becomes one flat table: reports kind by kind, results, SQL; any other reply by the list in it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

import msgspec

from evensplit.api.sql import SqlReply
from evensplit.api.tables import Table, Type, table
from evensplit.experiments.results import ComparisonNumbers, MetricResult, Results, VariantNumbers
from evensplit.model.report import Breakdown
from evensplit.model.report.funnel import FunnelAnswer, FunnelPart, FunnelStep
from evensplit.model.report.lifecycle import LifecycleAnswer
from evensplit.model.report.paths import PathsAnswer
from evensplit.model.report.persons import PersonsAnswer
from evensplit.model.report.retention import RetentionAnswer, RetentionPart
from evensplit.model.report.sessions import SessionsAnswer
from evensplit.model.report.trend import TrendAnswer
from evensplit.query.plan import shown

Flatten: TypeAlias = Callable[[Any], Table]
Columns: TypeAlias = list[tuple[str, Type]]


def flattener(kind: type) -> Flatten | None:
    """What makes a table of replies of that class; None where there is no list in them."""
    if kind not in _FLAT:
        _FLAT[kind] = _by_list(kind)
    return _FLAT[kind]


# --- reports --------------------------------------------------------------------------------------


def _split_by(breakdown: Iterable[Breakdown]) -> Columns:
    return [(shown(split.property), "text") for split in breakdown]


def _trend(answer: TrendAnswer) -> Table:
    columns: Columns = [("label", "text"), *_split_by(answer.report.breakdown)]
    columns += [("bucket", "text"), ("value", "number"), ("total", "number")]
    earlier = answer.compare
    if earlier is not None:
        columns += [("compare_bucket", "text"), ("compare_value", "number"), ("compare_total", "number")]

    def rows() -> Iterator[Sequence[Any]]:
        for line in answer.series:
            head = [line.label, *line.breakdown]
            for n, (bucket, value) in enumerate(zip(answer.buckets, line.values, strict=True)):
                row: list[Any] = [*head, bucket, value, line.total]
                if earlier is not None and line.compare is not None:
                    row += [_at(earlier.buckets, n), _at(line.compare.values, n), line.compare.total]
                yield row

    return table(columns, rows())


def _at(values: Sequence[Any], n: int) -> Any:
    """The compared period may have fewer buckets."""
    return values[n] if n < len(values) else None


def _funnel(answer: FunnelAnswer) -> Table:
    """A row a step; of the views: a row a bucket with a column a step, or a row a bin. With a breakdown, its parts."""
    split = _split_by(answer.report.breakdown)
    parts: list[tuple[Sequence[Any], FunnelPart | FunnelAnswer]] = [((), answer)]
    if split:
        parts = [(part.breakdown, part) for part in answer.breakdowns]
    if answer.report.view == "trend":
        steps: Columns = [(f"users_{n}", "integer") for n in range(1, len(answer.steps) + 1)]
        return table(
            [*split, ("bucket", "text"), *steps, ("rate", "number")],
            [
                [*head, bucket, *users, rate]
                for head, part in parts
                if part.trend is not None
                for bucket, rate, *users in zip(answer.buckets or (), part.trend.rates, *part.trend.users, strict=True)
            ],
        )
    if answer.report.view == "time_to_convert":
        return table(
            [*split, ("from_seconds", "number"), ("to_seconds", "number"), ("users", "integer")],
            [
                [*head, *bin_]
                for head, part in parts
                if part.times is not None
                for bin_ in zip(part.times.edges, part.times.edges[1:], part.times.users, strict=False)
            ],
        )
    fields = msgspec.structs.fields(FunnelStep)
    return table(
        [*split, ("step", "integer"), *((field.name, _type_of(field.type)) for field in fields)],
        [[*head, n, *msgspec.structs.astuple(step)] for head, part in parts for n, step in enumerate(part.steps, 1)],
    )


def _retention(answer: RetentionAnswer) -> Table:
    """A row a cell."""
    split = _split_by(answer.report.breakdown)
    parts: list[tuple[Sequence[Any], RetentionPart | RetentionAnswer]] = [((), answer)]
    if split:
        parts = [(part.breakdown, part) for part in answer.breakdowns]
    columns: Columns = [("cohort", "text"), ("size", "integer"), ("period", "integer")]
    return table(
        [*split, *columns, ("returned", "integer"), ("rate", "number")],
        [
            [*head, cohort.start, cohort.size, period, returned, rate]
            for head, part in parts
            for cohort in part.cohorts
            for period, (returned, rate) in enumerate(zip(cohort.returned, cohort.rates, strict=True))
        ],
    )


def _lifecycle(answer: LifecycleAnswer) -> Table:
    states: Columns = [(state, "integer") for state in ("new", "returning", "resurrecting", "dormant")]
    lines = (answer.buckets, answer.new, answer.returning, answer.resurrecting, answer.dormant)
    return table([("bucket", "text"), *states], zip(*lines, strict=True))


def _paths(answer: PathsAnswer) -> Table:
    """A row a link; nodes are named by their ids."""
    columns: Columns = [("source", "text"), ("target", "text"), ("users", "integer")]
    return table(columns, [[link.source, link.target, link.users] for link in answer.links])


def _sessions(answer: SessionsAnswer) -> Table:
    """The totals, then a row a bucket, then a row a value of each list; `list` says which."""
    counts: Columns = [("visitors", "integer"), ("sessions", "integer"), ("page_views", "integer")]
    columns: Columns = [("list", "text"), ("value", "text"), *counts]
    columns += [("bounce_rate", "number"), ("median_duration", "number")]
    totals, lines = answer.totals, answer.lines
    rows: list[Sequence[Any]] = [["total", None, *msgspec.structs.astuple(totals)]]
    for bucket, *numbers in zip(answer.buckets, lines.visitors, lines.sessions, lines.page_views, strict=True):
        rows.append(["bucket", bucket, *numbers, None, None])
    for name, values in answer.tops.items():
        rows += [[name, top.value, top.visitors, top.sessions, top.page_views, None, None] for top in values]
    return table(columns, rows)


def _persons(answer: PersonsAnswer) -> Table:
    return table([("id", "text"), ("ids", "json")], [[person.id, person.ids] for person in answer.persons])


# --- results of an experiment ---------------------------------------------------------------------

_RESULTS: Columns = [
    ("metric", "text"), ("kind", "text"), ("role", "text"), ("unit", "text"), ("variant", "text"), ("n", "integer"),
    ("mean", "number"), ("variance", "number"), ("sum", "number"), ("versus", "text"),
    ("difference", "number"), ("difference_lower", "number"), ("difference_upper", "number"),
    ("lift", "number"), ("lift_lower", "number"), ("lift_upper", "number"),
    ("p_value", "number"), ("adjusted_p_value", "number"), ("method", "text"), ("verdict", "text"),
]  # fmt: skip


def _results(results: Results) -> Table:
    return table(_RESULTS, [row for metric in results.metrics for row in _of_metric(metric)])


def _of_metric(metric: MetricResult) -> Iterator[Sequence[Any]]:
    compared = {comparison.variant: comparison for comparison in metric.comparisons}
    for numbers in metric.variants:
        yield [
            *(metric.metric, metric.kind, metric.role, metric.unit),
            *_numbers(numbers),
            *_comparison(compared.get(numbers.variant)),
            metric.verdict.status,
        ]


def _numbers(of: VariantNumbers) -> Sequence[Any]:
    return of.variant, of.n, of.mean, of.variance, of.sum


def _comparison(of: ComparisonNumbers | None) -> Sequence[Any]:
    if of is None:  # the control itself
        return (None,) * 10
    edges = [
        edge
        for interval in (of.difference, of.lift)
        for edge in ((None,) * 3 if interval is None else (interval.estimate, interval.lower, interval.upper))
    ]
    adjusted = None if of.adjusted_p_value is msgspec.UNSET else of.adjusted_p_value
    return of.versus, *edges, of.p_value, adjusted, of.method


# --- SQL ------------------------------------------------------------------------------------------

_WHOLE = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT")
_SQL: dict[str, Type] = {
    **dict.fromkeys((*_WHOLE, "UHUGEINT"), "integer"),
    **dict.fromkeys(("FLOAT", "DOUBLE", "DECIMAL"), "number"),
    **dict.fromkeys(
        ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "TIMESTAMP WITH TIME ZONE"), "instant"
    ),
    **dict.fromkeys(("STRUCT", "TUPLE", "MAP", "UNION", "VARIANT", "JSON"), "json"),
    "BOOLEAN": "boolean",
}


def _sql(reply: SqlReply) -> Table:
    return table([(column.name, _type_of_sql(column.type)) for column in reply.columns], reply.rows)


def _type_of_sql(name: str) -> Type:
    return "json" if name.endswith("]") else _SQL.get(name.partition("(")[0], "text")


# --- everything else ------------------------------------------------------------------------------


def _by_list(kind: type) -> Flatten | None:
    """The first field of a reply that is a list of structs: a row each, a column a field."""
    if not issubclass(kind, msgspec.Struct):
        return None
    for name, hint in get_type_hints(kind).items():
        (item,) = get_args(hint) if get_origin(hint) is list else (None,)
        if isinstance(item, type) and issubclass(item, msgspec.Struct):
            return _list_flattener(name, item)
    return None


def _list_flattener(of: str, item: type[msgspec.Struct]) -> Flatten:
    fields = msgspec.structs.fields(item)
    columns: Columns = [(field.encode_name, _type_of(field.type)) for field in fields]

    def flatten(reply: Any) -> Table:
        return table(columns, [[_set(getattr(row, field.name)) for field in fields] for row in getattr(reply, of)])

    return flatten


_SCALARS: dict[Any, Type] = {str: "text", int: "integer", float: "number", bool: "boolean"}


def _type_of(hint: Any) -> Type:
    """Of a field's annotation; what may be one of several types, or is nested, is JSON."""
    found = {each for each in get_args(hint) or (hint,) if each not in (type(None), msgspec.UnsetType)}
    if found == {int, float}:
        return "number"
    return _SCALARS.get(found.pop(), "json") if len(found) == 1 and get_origin(hint) is not list else "json"


def _set(value: Any) -> Any:
    return None if value is msgspec.UNSET else value


_FLAT: dict[type, Flatten | None] = {
    TrendAnswer: _trend,
    FunnelAnswer: _funnel,
    RetentionAnswer: _retention,
    LifecycleAnswer: _lifecycle,
    PathsAnswer: _paths,
    SessionsAnswer: _sessions,
    PersonsAnswer: _persons,
    Results: _results,
    SqlReply: _sql,
}
