"""What a report is asked with and answered with: frozen structs and the reading of their JSON.

Not here: what a report means (`query.plan`), or how an engine computes it (`query.sql`).
"""

from typing import Literal, TypeAlias, get_args

import msgspec

from evensplit.errors import InvalidJson, InvalidReport

Scalar: TypeAlias = str | int | float | bool
Path: TypeAlias = str | tuple[str, ...]  # a literal top-level key (or @field), or keys from the top down
Interval: TypeAlias = Literal["minute", "hour", "day", "week", "month"]
WeekStart: TypeAlias = Literal["monday", "sunday"]
Operator: TypeAlias = Literal[
    "eq", "ne", "in", "not_in", "contains", "not_contains", "starts_with", "ends_with", "matches",
    "gt", "gte", "lt", "lte", "between", "is_set", "is_not_set",
]  # fmt: skip
Measure: TypeAlias = Literal[
    "count", "users", "sessions", "sum", "avg", "min", "max", "median", "p90", "p95", "p99", "distinct"
]
Number: TypeAlias = int | float | None

ANY = "@any"
OTHER = "$other"
OPERATORS: tuple[Operator, ...] = get_args(Operator)
DEEPEST = 32  # how far groups of filters may nest


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One comparison (`property`, `op`, `value`), or a group: exactly one of `all` and `any`.

    JSON cannot tell the forms apart by a tag, so they share a struct; `query.conditions` makes them distinct."""

    property: Path | None = None
    op: Operator | None = None
    value: Scalar | tuple[Scalar, ...] | None = None
    all: tuple["Filter", ...] | None = None
    any: tuple["Filter", ...] | None = None


class EventChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Events of one type (or `@any`) that pass the filters."""

    event_type: str
    filters: tuple[Filter, ...] = ()


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One line of a trend. `property` is what `sum` to `distinct` look at."""

    event: str | EventChoice
    measure: Measure = "count"
    property: Path | None = None
    label: str | None = None


class Breakdown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Split by the values of a property; those beyond the first `limit` come together as `$other`."""

    property: Path
    limit: int = 10


class Shift(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How far back the comparison lies, such as `-7d`."""

    shift: str


class Trend(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The trend report as asked; `query.plan.STEPS` fill in what was left open."""

    series: tuple[Series, ...]
    interval: Interval = "day"
    since: str | None = None
    until: str | None = None
    timezone: str = "UTC"
    week_start: WeekStart = "monday"
    filters: tuple[Filter, ...] = ()
    breakdown: tuple[Breakdown, ...] = ()
    formula: str | None = None
    compare: Literal["previous"] | Shift | None = None
    cumulative: bool = False
    smooth: int | None = None
    as_of: str | None = None


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


class TrendAnswer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The reply to a trend. `altered_by_erasure`: rows that `as_of` spoke of are gone."""

    as_of: str
    query_ms: int
    report: Trend
    buckets: list[str]
    series: list[TrendSeries]
    compare: ComparedPeriod | None = None
    altered_by_erasure: bool = False


# --- reading --------------------------------------------------------------------------------------

_TREND = msgspec.json.Decoder(Trend)


def read_trend(raw: bytes | str) -> Trend:
    """A trend from its JSON. Raises InvalidJson, or InvalidReport naming the field and the rule."""
    try:
        return _TREND.decode(raw)
    except msgspec.ValidationError as error:
        raise InvalidReport("invalid_report", f"the report is not valid: {error}") from None
    except RecursionError:
        raise InvalidReport("invalid_report", "the report is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"not valid JSON: {error}") from None
