"""From a metric's definition to the numbers of each unit that it needs. Not here: their SQL, or their sums."""

from collections.abc import Mapping
from typing import Literal, TypeAlias

import msgspec

from evensplit.experiments import exposures
from evensplit.experiments.conditions import Selection, selections
from evensplit.experiments.exposures import Scope
from evensplit.model.metric import (
    Aggregate,
    Cap,
    Funnel,
    Mean,
    Metric,
    Proportion,
    Quantile,
    Ratio,
    Recorded,
    Retention,
    Shape,
    Side,
    Span,
)
from evensplit.query.fragment import Fragment, fill
from evensplit.stats.estimate import NotEnough

HOUR = 3_600_000_000  # microseconds
DAY = 24 * HOUR
Unit: TypeAlias = Literal["user", "observation"]
Absent: TypeAlias = Literal["zero", "skip"]
# Of a person's events: whether there is one; how many of them have the number; or the mean's aggregates.
Folded: TypeAlias = Literal["any", "values"] | Aggregate
ZERO: frozenset[Aggregate] = frozenset({"count", "sum", "distinct"})  # of nothing


class Census(msgspec.Struct, frozen=True):
    """What a recorded metric's rows look like: how many, how many name a user, and whether all are 0 or 1."""

    rows: int
    named: int
    binary: bool


class Time(msgspec.Struct, frozen=True):
    """[begin, end) in microseconds after the assignment; `end` None: for ever."""

    begin: int = 0
    end: int | None = None


class Acted(msgspec.Struct, frozen=True, tag="acted"):
    """Made of a person's events."""

    selection: Selection
    aggregate: Folded
    time: Time


class Noted(msgspec.Struct, frozen=True, tag="noted"):
    """Made of a person's rows of `ab_metrics`."""

    name: str
    aggregate: Literal["sum", "max"]
    time: Time


class Stepped(msgspec.Struct, frozen=True, tag="stepped"):
    """1 if the person did all the steps in this order, each with an event of its own, else 0."""

    steps: tuple[Selection, ...]
    time: Time


Number: TypeAlias = Acted | Noted | Stepped


class Place(msgspec.Struct, frozen=True):
    """Where a number stands: in a table with a row for each person who has it, as that value."""

    table: str
    value: str


class Column(msgspec.Struct, frozen=True):
    """A number of each person, and who has none: with `finish` everybody who was assigned less than so many
    microseconds ago; with `beside` everybody who has none there (and the same cap holds)."""

    number: Number
    absent: Absent = "zero"
    cap: Cap | None = None
    finish: int | None = None
    beside: "Column | None" = None


class People(msgspec.Struct, frozen=True):
    """A unit is a person. The first column is the metric's (of a ratio: the first two)."""

    columns: tuple[Column, ...]


class Rows(msgspec.Struct, frozen=True):
    """A unit is a row of `ab_metrics`."""

    name: str
    time: Time
    cap: Cap | None
    finish: int | None


class Points(msgspec.Struct, frozen=True):
    """Every event is a value, every person a cluster of them."""

    selection: Selection
    time: Time
    finish: int | None


class Measurement(msgspec.Struct, frozen=True):
    """How a metric is going to be measured. `shape` is that of a metric with one number a unit."""

    metric: Metric
    unit: Unit
    shape: Shape
    made_of: People | Rows | Points


def census(scope: Scope) -> Fragment:
    """Rows (metric_name, rows, named, binary) of every recorded metric, by name."""
    return fill(
        """SELECT metric_name, count(*), count(user_id),
    CAST(min(CASE WHEN value IN (0, 1) THEN 1 ELSE 0 END) AS BOOLEAN)
FROM ab_metrics WHERE test_id = {} AND id <= {} AND value IS NOT NULL AND {}
GROUP BY metric_name ORDER BY metric_name""",
        Fragment("?", (scope.test_id,)),
        Fragment("?", (scope.as_of.watermark.metrics,)),
        exposures.seen(scope),
    )


def measurement(metric: Metric, found: Mapping[str, Census]) -> Measurement | NotEnough:
    """NotEnough where the rows do not allow what the definition asks for."""
    if isinstance(metric, Recorded):
        return _recorded(metric, found.get(metric.name))
    time = _time(metric.span)
    finish = time.end if metric.unfinished == "skip" else None
    if isinstance(metric, Retention):
        time = Time(round(metric.from_days * DAY), round(metric.to_days * DAY))
        finish = time.end if metric.unfinished == "skip" else None
    chosen = selections(metric)
    if isinstance(metric, Proportion | Retention):
        did = Column(Acted(chosen[0], "any", time), finish=finish)
        days = metric.covariate_days if isinstance(metric, Proportion) else None
        return Measurement(metric, "user", "proportion", People(_with_covariates((did,), days)))
    if isinstance(metric, Funnel):
        return Measurement(metric, "user", "proportion", People((Column(Stepped(chosen, time), finish=finish),)))
    if isinstance(metric, Quantile):
        if metric.per == "event":
            return Measurement(metric, "user", "mean", Points(chosen[0], time, finish))
        total = Column(Acted(chosen[0], "sum", time), "skip", finish=finish)
        return Measurement(metric, "user", "mean", People((total,)))
    sides: tuple[Mean | Side, ...] = (metric.numerator, metric.denominator) if isinstance(metric, Ratio) else (metric,)
    columns = tuple(
        Column(
            Acted(each, side.aggregate, time),
            "zero" if isinstance(side, Side) or side.aggregate in ZERO else "skip",
            side.cap,
            finish,
        )
        for each, side in zip(chosen, sides, strict=True)
    )
    return Measurement(metric, "user", "mean", People(_with_covariates(columns, metric.covariate_days)))


def _with_covariates(columns: tuple[Column, ...], days: float | None) -> tuple[Column, ...]:
    """Beside each number the same of the days before the assignment, 0 where there was nothing."""
    if days is None:
        return columns
    before = Time(-round(days * DAY), 0)
    covariates = tuple(
        Column(msgspec.structs.replace(each.number, time=before), cap=each.cap, beside=each) for each in columns
    )
    return columns + covariates


def _recorded(metric: Recorded, found: Census | None) -> Measurement | NotEnough:
    if found is None:
        return NotEnough("no_data", f"nothing has been recorded for {metric.name!r}")
    if metric.shape == "proportion" and not found.binary:
        return NotEnough("not_binary", f"{metric.name!r} holds values other than 0 and 1: it is no proportion")
    # Who caps a metric has amounts in mind.
    shape = metric.shape or ("proportion" if found.binary and metric.cap is None else "mean")
    per = metric.per or ("user" if found.named == found.rows else "observation")
    nameless = found.rows - found.named
    if nameless and (per == "user" or metric.missing == "zero" or metric.span != Span()):
        return NotEnough(
            "rows_without_user",
            f"{nameless} of {found.rows} rows of {metric.name!r} name no user: nothing can be said per user or by time",
        )
    time = _time(metric.span)
    finish = time.end if metric.unfinished == "skip" else None
    if per == "observation":
        return Measurement(metric, "observation", shape, Rows(metric.name, time, metric.cap, finish))
    number = Noted(metric.name, "max" if shape == "proportion" else "sum", time)
    column = Column(number, metric.missing, metric.cap, finish)
    return Measurement(metric, "user", shape, People((column,)))


def _time(span: Span) -> Time:
    begin = round(span.delay_hours * HOUR)
    return Time(begin, None if span.window_hours is None else begin + round(span.window_hours * HOUR))
