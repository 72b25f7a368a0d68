"""From a trend as asked to a plan that leaves nothing open. Pure: no store, no engine, no clock.

`STEPS` each take a trend and make one thing about it explicit, or refuse it; `plan` then cuts the buckets.
Not here: SQL (`sql.trend`), asking the store (`run`).
"""

import math
from collections.abc import Callable
from functools import partial
from zoneinfo import ZoneInfo

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import ANY, EventChoice, Interval, Measure, Series, Shift, Trend
from evensplit.query import ranges
from evensplit.query.conditions import AllOf, Condition, Field, Source, source, understood
from evensplit.query.edges import Buckets, cut
from evensplit.query.formula import Expression, parse
from evensplit.query.zones import zone

MOST_SERIES = 26
MOST_SPLITS = 3
MOST_LIMIT = 1_000
MOST_CELLS = 2_000_000
MOST_NAME = 200
OF_NUMBERS: tuple[Measure, ...] = ("sum", "avg", "min", "max", "median", "p90", "p95", "p99")
UNITS: dict[Interval, str] = {"minute": "min", "hour": "h", "day": "d", "week": "w", "month": "m"}


class SeriesPlan(msgspec.Struct, frozen=True):
    """One line: which events (None: of any type), what is measured, and of what."""

    label: str
    event_type: str | None
    condition: Condition
    measure: Measure
    of: Source | None


class Split(msgspec.Struct, frozen=True):
    """One property that every line is split by."""

    of: Source
    limit: int


class TrendPlan(msgspec.Struct, frozen=True):
    """Everything resolved: what `sql.trend` writes and `answer` computes follows from this and the as_of alone."""

    report: Trend
    buckets: Buckets
    compared: Buckets | None
    series: tuple[SeriesPlan, ...]
    splits: tuple[Split, ...]
    formula: Expression | None


def plan(report: Trend, now: int) -> TrendPlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    for step in STEPS:
        report = step(report, now)
    tz = zone(report.timezone)
    since, until = _range(report, now)
    buckets = cut(since, until, report.interval, tz, report.week_start)
    compared = _compared(report, since, until, tz)
    _bound_cells(report, buckets)
    instant = partial(_instant, now=now, tz=tz)
    return TrendPlan(
        report,
        buckets,
        compared,
        tuple(_series(report, n, instant) for n in range(len(report.series))),
        tuple(Split(source(b.property, f"breakdown[{n}]"), b.limit) for n, b in enumerate(report.breakdown)),
        None if report.formula is None else parse(report.formula, len(report.series)),
    )


# --- the steps ------------------------------------------------------------------------------------


def known_zone(report: Trend, now: int) -> Trend:
    """The time zone exists."""
    zone(report.timezone)
    return report


def fixed_range(report: Trend, now: int) -> Trend:
    """`since` and `until` as instants: 30 whole days and today so far, unless said otherwise."""
    tz = zone(report.timezone)
    low = ranges.DEFAULT_SINCE if report.since is None else report.since
    high = "now" if report.until is None else report.until
    since = ranges.resolve(low, "since", now, tz)
    # What was acknowledged within this very millisecond counts: `until` is exclusive.
    until = now + 1 if high == "now" else ranges.resolve(high, "until", now, tz)
    if since >= until:
        raise InvalidReport(
            "since_after_until",
            f"since {low!r} ({ranges.written(since, tz)}) must lie before until {high!r} ({ranges.written(until, tz)})",
        )
    return msgspec.structs.replace(report, since=ranges.written(since, tz), until=ranges.written(until, tz))


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
        if not 1 <= len(_choice(series).event_type) <= MOST_NAME:
            raise InvalidReport("invalid_event_type", f"{at}: an event type has 1 to {MOST_NAME} characters")
    return report


def named_series(report: Trend, now: int) -> Trend:
    """Every series has a label."""
    named = (msgspec.structs.replace(s, label=_label(s) if s.label is None else s.label) for s in report.series)
    return msgspec.structs.replace(report, series=tuple(named))


def bounded_breakdown(report: Trend, now: int) -> Trend:
    """At most three properties, each with a limit from 1 to 1,000."""
    if len(report.breakdown) > MOST_SPLITS:
        raise InvalidReport("invalid_breakdown", f"a breakdown has at most {MOST_SPLITS} properties")
    for n, split in enumerate(report.breakdown):
        source(split.property, f"breakdown[{n}]")
        if not 1 <= split.limit <= MOST_LIMIT:
            raise InvalidReport("invalid_limit", f"breakdown[{n}]: limit {split.limit} is not from 1 to {MOST_LIMIT}")
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


STEPS: tuple[Callable[[Trend, int], Trend], ...] = (
    known_zone,
    fixed_range,
    coherent_series,
    named_series,
    bounded_breakdown,
    bounded_smoothing,
    parsed_formula,
)


# --- what the plan is put together from -----------------------------------------------------------


def _choice(series: Series) -> EventChoice:
    return series.event if isinstance(series.event, EventChoice) else EventChoice(series.event)


def _label(series: Series) -> str:
    event_type = _choice(series).event_type
    if series.measure == "count":
        return event_type
    if series.property is None:
        return f"{event_type}: {series.measure}"
    name = series.property if isinstance(series.property, str) else ".".join(series.property)
    return f"{event_type}: {series.measure} of {name}"


def _series(report: Trend, n: int, instant: Callable[[str, str], int]) -> SeriesPlan:
    series, at = report.series[n], f"series[{n}]"
    choice = _choice(series)
    condition = AllOf(
        understood(report.filters, "filters", instant).of
        + understood(choice.filters, f"{at}.event.filters", instant).of
    )
    of = None if series.property is None else source(series.property, at)
    event_type = None if choice.event_type == ANY else choice.event_type
    return SeriesPlan(series.label or "", event_type, condition, series.measure, of)


def _instant(text: str, field: str, *, now: int, tz: ZoneInfo) -> int:
    return ranges.resolve(text, field, now, tz)


def _range(report: Trend, now: int) -> tuple[int, int]:
    tz = zone(report.timezone)
    assert report.since is not None and report.until is not None
    return ranges.resolve(report.since, "since", now, tz), ranges.resolve(report.until, "until", now, tz)


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
