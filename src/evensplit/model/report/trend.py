"""Trend: events over time, as lines of numbers."""

from typing import Literal, TypeAlias

import msgspec

from evensplit.model.report import Answer, Breakdown, EventChoice, Interval, Number, Path, Report

Measure: TypeAlias = Literal[
    "count", "users", "sessions", "sum", "avg", "min", "max", "median", "p90", "p95", "p99", "distinct"
]


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a trend. `property` is what `sum` to `distinct` look at."""

    event: str | EventChoice
    measure: Measure = "count"
    property: Path | None = None
    label: str | None = None


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far back the comparison lies, such as `-7d`."""

    shift: str


class Trend(Report, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The trend report as asked; `query.plan.trend.STEPS` fill in what was left open."""

    series: tuple[Series, ...]
    interval: Interval = "day"
    breakdown: tuple[Breakdown, ...] = ()
    formula: str | None = None
    compare: Literal["previous"] | Shift | None = None
    cumulative: bool = False
    smooth: int | None = None


class TrendCell(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which number of a trend. Without a bucket: the total.

    `breakdown` holds a value a property as the answer shows them; where `rest` is true, `$other` is meant."""

    series: int = 0
    bucket: str | None = None
    breakdown: tuple[str | None, ...] = ()
    rest: tuple[bool, ...] = ()


# --- answers --------------------------------------------------------------------------------------


class Compared(msgspec.Struct, frozen=True):
    """The same line over the period of comparison; `values` belong to that period's buckets."""

    values: list[Number]
    total: Number


class TrendSeries(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of the answer. `breakdown` holds a text form a property, None for not set.

    `rest` marks the places where `$other` stands for the values beyond the limit, and not for a value so spelled."""

    label: str
    breakdown: list[str | None]
    values: list[Number]
    total: Number
    rest: list[bool] = []
    compare: Compared | None = None


class ComparedPeriod(msgspec.Struct, frozen=True):
    """When the comparison lies: instants, `until` exclusive."""

    since: str
    until: str
    buckets: list[str]


class TrendAnswer(Answer, frozen=True, kw_only=True, omit_defaults=True):
    """The reply to a trend."""

    report: Trend
    buckets: list[str]
    series: list[TrendSeries]
    compare: ComparedPeriod | None = None
