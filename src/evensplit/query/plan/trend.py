"""The plan of a trend: the lines, the buckets, the period of comparison."""

import math
from collections.abc import Sequence
from zoneinfo import ZoneInfo

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import Interval
from evensplit.model.report.trend import Measure, Series, Shift, Trend, TrendCell
from evensplit.query import ranges
from evensplit.query.conditions import AllOf, Condition, Field, IsSet, OneOf, Source, source
from evensplit.query.edges import Buckets, cut
from evensplit.query.formula import Expression, parse
from evensplit.query.plan import (
    MOST_LIMIT,
    Split,
    Step,
    bucket_at,
    choice,
    event_plan,
    fixed_range,
    known_zone,
    named,
    shown,
    span,
    splits,
    taken,
)
from evensplit.query.zones import zone

MOST_SERIES = 26
MOST_CELLS = 2_000_000
OF_NUMBERS: tuple[Measure, ...] = ("sum", "avg", "min", "max", "median", "p90", "p95", "p99")
UNITS: dict[Interval, str] = {"minute": "min", "hour": "h", "day": "d", "week": "w", "month": "m"}


class SeriesPlan(msgspec.Struct, frozen=True):
    """One line: which events (None: of any type), what is measured, and of what."""

    label: str
    event_type: str | None
    condition: Condition
    measure: Measure
    of: Source | None


class TrendPlan(msgspec.Struct, frozen=True):
    """Everything resolved: what `sql.trend` writes and `answer` computes follows from this and the as_of alone."""

    report: Trend
    buckets: Buckets
    compared: Buckets | None
    series: tuple[SeriesPlan, ...]
    splits: tuple[Split, ...]
    formula: Expression | None


class CellPlan(msgspec.Struct, frozen=True):
    """The events that one number counts: of a type, in [since, until), meeting a condition."""

    event_type: str | None
    condition: Condition
    since: int
    until: int


def plan(report: Trend, now: int) -> TrendPlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    report = taken(report, now, STEPS)
    tz = zone(report.timezone)
    since, until = span(report, now)
    buckets = cut(since, until, report.interval, tz, report.week_start)
    compared = _compared(report, since, until, tz)
    _bound_cells(report, buckets)
    return TrendPlan(
        report,
        buckets,
        compared,
        tuple(_series(report, n, now) for n in range(len(report.series))),
        splits(report.breakdown),
        None if report.formula is None else parse(report.formula, len(report.series)),
    )


def placed(planned: TrendPlan, cell: TrendCell, known: Sequence[Sequence[str | None]]) -> CellPlan:
    """The events of a cell. `known`: for each property of the breakdown its first values, where `$other` is asked for.

    Raises InvalidReport for a cell that the report does not have."""
    if not 0 <= cell.series < len(planned.series):
        raise InvalidReport("unknown_cell", f"at.series {cell.series}: the report has {len(planned.series)} series")
    if len(cell.breakdown) not in (0, len(planned.splits)) or len(cell.rest) not in (0, len(planned.splits)):
        raise InvalidReport("unknown_cell", f"at.breakdown: the report is split by {len(planned.splits)} properties")
    series, buckets = planned.series[cell.series], planned.buckets
    parts: list[Condition] = [series.condition]
    for n, value in enumerate(cell.breakdown):
        of = planned.splits[n].of
        parts.append(_beyond(of, known[n]) if cell.rest and cell.rest[n] else _is(of, value))
    if series.of is not None:
        parts.append(IsSet(series.of, False))
    since, until = buckets.since, buckets.until
    if cell.bucket is not None:
        at = bucket_at(buckets, cell.bucket)
        since = since if planned.report.cumulative else max(since, buckets.edges[at])
        until = buckets.edges[at + 1] if at + 1 < len(buckets.edges) else until
    return CellPlan(series.event_type, AllOf(tuple(parts)), since, until)


# --- the steps ------------------------------------------------------------------------------------


def coherent_series(report: Trend, now: int) -> Trend:
    """1 to 26 series; a measure that looks at a property has one, and no other has."""
    if not 1 <= len(report.series) <= MOST_SERIES:
        raise InvalidReport("invalid_series", f"a trend has 1 to {MOST_SERIES} series, not {len(report.series)}")
    for n, series in enumerate(report.series):
        at, needs = f"series[{n}]", series.measure == "distinct" or series.measure in OF_NUMBERS
        if needs and series.property is None:
            raise InvalidReport("property_missing", f"{at}: measure {series.measure!r} needs a property")
        if not needs and series.property is not None:
            raise InvalidReport("property_not_used", f"{at}: measure {series.measure!r} looks at no property")
        if series.measure in OF_NUMBERS and isinstance(source(series.property or "", at), Field):
            raise InvalidReport("not_a_number", f"{at}: {series.property!r} is no number, {series.measure!r} needs one")
        named(series.event, f"{at}.event")
    return report


def named_series(report: Trend, now: int) -> Trend:
    """Every series has a label."""
    named = (msgspec.structs.replace(s, label=_label(s) if s.label is None else s.label) for s in report.series)
    return msgspec.structs.replace(report, series=tuple(named))


def bounded_breakdown(report: Trend, now: int) -> Trend:
    """At most three properties, each with a limit from 1 to 1,000."""
    splits(report.breakdown)
    return report


def bounded_smoothing(report: Trend, now: int) -> Trend:
    """The mean of 1 to 1,000 buckets."""
    if report.smooth is not None and not 1 <= report.smooth <= MOST_LIMIT:
        raise InvalidReport("invalid_smooth", f"smooth {report.smooth} is not from 1 to {MOST_LIMIT} buckets")
    return report


def parsed_formula(report: Trend, now: int) -> Trend:
    """The formula can be read and names series that exist."""
    if report.formula is not None:
        parse(report.formula, len(report.series))
    return report


STEPS: tuple[Step[Trend], ...] = (
    known_zone,
    fixed_range,
    coherent_series,
    named_series,
    bounded_breakdown,
    bounded_smoothing,
    parsed_formula,
)


# --- what the plan is put together from -----------------------------------------------------------


def _label(series: Series) -> str:
    event_type = choice(series.event).event_type
    if series.measure == "count":
        return event_type
    if series.property is None:
        return f"{event_type}: {series.measure}"
    return f"{event_type}: {series.measure} of {shown(series.property)}"


def _series(report: Trend, n: int, now: int) -> SeriesPlan:
    series, at = report.series[n], f"series[{n}]"
    event = event_plan(report, series.event, f"{at}.event", now)
    of = None if series.property is None else source(series.property, at)
    return SeriesPlan(series.label or "", event.event_type, event.condition, series.measure, of)


def _is(of: Source, value: str | None) -> Condition:
    return IsSet(of, True) if value is None else OneOf(of, (value,), False)


def _beyond(of: Source, known: Sequence[str | None]) -> Condition:
    """The values that are not among the known ones."""
    parts: list[Condition] = [OneOf(of, tuple(value for value in known if value is not None), True)]
    if None in known:
        parts.append(IsSet(of, False))
    return AllOf(tuple(parts))


def _compared(report: Trend, since: int, until: int, tz: ZoneInfo) -> Buckets | None:
    """The same range earlier: by a shift, or by the fewest intervals that keep the two from overlapping."""
    if report.compare is None:
        return None
    if isinstance(report.compare, Shift):
        step = ranges.shift(report.compare.shift)
        low, high = ranges.back(since, step, tz), ranges.back(until, step, tz)
    else:
        count, unit = len(cut(since, until, report.interval, tz, report.week_start).edges), UNITS[report.interval]
        while count > 1 and ranges.back(until, ranges.Step(count - 1, unit), tz) <= since:
            count -= 1
        while ranges.back(until, ranges.Step(count, unit), tz) > since:
            count += 1
        low, high = (ranges.back(at, ranges.Step(count, unit), tz) for at in (since, until))
    if low >= high:
        raise InvalidReport("invalid_shift", "the compared range is empty: choose another shift")
    return cut(low, high, report.interval, tz, report.week_start)


def _bound_cells(report: Trend, buckets: Buckets) -> None:
    lines = len(report.series) * math.prod(split.limit + 1 for split in report.breakdown)
    if lines * len(buckets.edges) > MOST_CELLS:
        raise InvalidReport(
            "report_too_large",
            f"{lines} lines of {len(buckets.edges)} buckets are more than {MOST_CELLS} values: "
            "choose smaller limits or a wider interval",
        )
