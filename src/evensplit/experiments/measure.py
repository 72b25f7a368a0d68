"""From a metric's definition to the SQL that computes its moments per variant in the store. Not here: what they say.

Sums run over the distinct values in ascending order, compensated: the same rows give the same digits however many
threads take part, and the squares are of distances from the mean, so that a mean of 1e9 keeps a variance of 1.
"""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments.conditions import selection, where
from evensplit.experiments.exposures import Scope, exposed
from evensplit.model.metric import Mean, Metric, Proportion, Recorded, Shape, Span
from evensplit.query.dialect import Dialect
from evensplit.query.fragment import Fragment, fill, join
from evensplit.stats.estimate import NotEnough

HOUR = 3_600_000_000  # microseconds
Unit: TypeAlias = Literal["user", "observation"]


class Census(msgspec.Struct, frozen=True):
    """What a recorded metric's rows look like: how many, how many name a user, and whether all are 0 or 1."""

    rows: int
    named: int
    binary: bool


class Measurement(msgspec.Struct, frozen=True):
    """How a metric is going to be measured: rows (variant_id, value), one a unit."""

    metric: Metric
    unit: Unit
    shape: Shape
    values: Fragment


def census(scope: Scope) -> Fragment:
    """Rows (metric_name, rows, named, binary) of every recorded metric, by name."""
    return Fragment(
        """SELECT metric_name, count(*), count(user_id),
    CAST(min(CASE WHEN value IN (0, 1) THEN 1 ELSE 0 END) AS BOOLEAN)
FROM ab_metrics WHERE test_id = ? AND id <= ? AND value IS NOT NULL GROUP BY metric_name ORDER BY metric_name""",
        (scope.test_id, scope.as_of.watermark.metrics),
    )


def measurement(metric: Metric, scope: Scope, found: Mapping[str, Census]) -> Measurement | NotEnough:
    """NotEnough where the rows do not allow what the definition asks for."""
    if isinstance(metric, Recorded):
        return _recorded(metric, scope, found.get(metric.name))
    if isinstance(metric, Proportion):
        return Measurement(metric, "user", "proportion", _happened(metric, scope))
    return Measurement(metric, "user", "mean", _aggregated(metric, scope))


def moments(scope: Scope, measurements: Mapping[int, Measurement]) -> Fragment:
    """One query for all: rows (number of the measurement, variant_id, n, total, m2). At least one measurement."""
    once, total = scope.dialect.aggregates.once, scope.dialect.aggregates.compensated
    distance = "(f.value - t.total / t.n)"
    tables = [exposed(scope)]
    selects = []
    for number, measured in measurements.items():
        tables.append(fill(f"v{number} AS ({{}})", measured.values))
        tables.append(
            Fragment(f"f{number} AS {once} (SELECT variant_id, value, count(*) AS c FROM v{number} GROUP BY ALL)")
        )
        tables.append(
            Fragment(
                f"""t{number} AS {once} (
    SELECT variant_id, sum(c)::BIGINT AS n, {total("value * c")} AS total FROM f{number} GROUP BY variant_id
)"""
            )
        )
        selects.append(
            Fragment(
                f"""SELECT {number}, f.variant_id, any_value(t.n), any_value(t.total),
    {total(f"{distance} * {distance} * f.c")}
FROM f{number} f JOIN t{number} t ON t.variant_id = f.variant_id GROUP BY f.variant_id"""
            )
        )
    return fill("WITH {}\n{}", join(",\n", tables), join("\nUNION ALL\n", selects))


def _recorded(metric: Recorded, scope: Scope, found: Census | None) -> Measurement | NotEnough:
    if found is None:
        return NotEnough("no_data", f"nothing has been recorded for {metric.name!r}")
    if metric.shape == "proportion" and not found.binary:
        return NotEnough("not_binary", f"{metric.name!r} holds values other than 0 and 1: it is no proportion")
    shape = metric.shape or ("proportion" if found.binary else "mean")
    per = metric.per or ("user" if found.named == found.rows else "observation")
    nameless = found.rows - found.named
    if nameless and (per == "user" or metric.missing == "zero" or metric.span != Span()):
        return NotEnough(
            "rows_without_user",
            f"{nameless} of {found.rows} rows of {metric.name!r} name no user: nothing can be said per user or by time",
        )
    source = (metric.name, scope.test_id, scope.as_of.watermark.metrics)
    if per == "observation":
        return Measurement(metric, "observation", shape, _rows(metric.span, source, scope.dialect))
    return Measurement(metric, "user", shape, _per_user(metric, shape, source, scope.dialect))


def _rows(span: Span, source: tuple[object, ...], dialect: Dialect) -> Fragment:
    """Each row by itself, under the variant it was recorded for."""
    return fill(
        """SELECT m.variant_id AS variant_id, m.value AS value FROM ab_metrics m
    LEFT JOIN links l ON l.id = m.user_id
    LEFT JOIN exposed x ON x.person = coalesce(l.person, m.user_id)
    WHERE {} AND (m.user_id IS NULL OR {})""",
        _of_metric(source),
        _counts("m.created_at", span, dialect),
    )


def _per_user(metric: Recorded, shape: Shape, source: tuple[object, ...], dialect: Dialect) -> Fragment:
    """The sum of a user's rows, or their maximum where the metric is a proportion."""
    aggregate = "max(m.value)" if shape == "proportion" else dialect.aggregates.compensated("m.value")
    found = fill(
        f"""SELECT x.person AS person, x.variant_id AS variant_id, {aggregate} AS value FROM ab_metrics m
    LEFT JOIN links l ON l.id = m.user_id
    JOIN exposed x ON x.person = coalesce(l.person, m.user_id)
    WHERE {{}} AND {{}} GROUP BY x.person, x.variant_id""",
        _of_metric(source),
        _counts("m.created_at", metric.span, dialect),
    )
    return _all_exposed(found) if metric.missing == "zero" else fill("SELECT variant_id, value FROM ({})", found)


def _happened(metric: Proportion, scope: Scope) -> Fragment:
    return _all_exposed(_events("1::DOUBLE", Fragment("NULL"), metric, scope))


def _aggregated(metric: Mean, scope: Scope) -> Fragment:
    """Users without such events have 0 for what counts and adds up, and no value for what does not."""
    of = selection(metric).of
    if metric.aggregate == "count" or of is None:
        return _all_exposed(_events("count(*)::DOUBLE", Fragment("NULL"), metric, scope))
    if metric.aggregate == "distinct":
        return _all_exposed(_events("count(DISTINCT e.it)::DOUBLE", scope.dialect.values.text(of), metric, scope))
    found = _events(_aggregate(metric.aggregate, scope.dialect), scope.dialect.values.number(of), metric, scope)
    if metric.aggregate == "sum":
        return _all_exposed(found)
    return fill("SELECT variant_id, value FROM ({}) WHERE value IS NOT NULL", found)


def _aggregate(name: Literal["sum", "avg", "min", "max"], dialect: Dialect) -> str:
    if name in ("min", "max"):
        return f"{name}(e.it)"
    total = dialect.aggregates.compensated("e.it")
    return total if name == "sum" else f"CASE WHEN count(e.it) > 0 THEN {total} / count(e.it) END"


def _events(aggregate: str, it: Fragment, metric: Proportion | Mean, scope: Scope) -> Fragment:
    """Rows (person, variant_id, value): `aggregate` over `it` of each person's events that count."""
    return fill(
        f"""SELECT x.person AS person, x.variant_id AS variant_id, {aggregate} AS value FROM (
        SELECT user_id, created_at, {{}} AS it FROM events WHERE {{}}
    ) e
    LEFT JOIN links l ON l.id = e.user_id
    JOIN exposed x ON x.person = coalesce(l.person, e.user_id)
    WHERE {{}} GROUP BY x.person, x.variant_id""",
        it,
        where(selection(metric), scope.as_of, scope.dialect),
        _counts("e.created_at", metric.span, scope.dialect),
    )


def _all_exposed(found: Fragment) -> Fragment:
    """Everybody who takes part; 0 for those without a value."""
    return fill(
        """SELECT x.variant_id AS variant_id, coalesce(f.value, 0) AS value
    FROM exposed x LEFT JOIN ({}) f ON f.person = x.person""",
        found,
    )


def _of_metric(source: tuple[object, ...]) -> Fragment:
    return Fragment("m.metric_name = ? AND m.test_id = ? AND m.id <= ? AND m.value IS NOT NULL", source)


def _counts(column: str, span: Span, dialect: Dialect) -> Fragment:
    """What lies in [assigned_at + delay, assigned_at + delay + window)."""
    start = round(span.delay_hours * HOUR)
    begin = dialect.times.later("x.assigned_at", start) if start else Fragment("x.assigned_at")
    since = fill(f"{column} >= {{}}", begin)
    if span.window_hours is None:
        return since
    end = dialect.times.later("x.assigned_at", start + round(span.window_hours * HOUR))
    return join(" AND ", [since, fill(f"{column} < {{}}", end)])
