"""The plan of a retention report: its cohorts, what starts and what returns, and which periods are over."""

import math

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report.retention import Kind, Period, Retention, RetentionCell
from evensplit.query.edges import Buckets, cut
from evensplit.query.plan import (
    EventPlan,
    Split,
    Step,
    event_plan,
    fixed_range,
    interval_start,
    known_zone,
    span,
    splits,
    taken,
)
from evensplit.query.zones import zone

MOST_PERIODS = 366
MOST_MINIMUM = 1_000_000
MOST_CELLS = 2_000_000
HOUR = 3_600_000
LENGTHS: dict[Period, int] = {"hour": HOUR, "day": 24 * HOUR, "week": 7 * 24 * HOUR, "month": 30 * 24 * HOUR}


class RetentionPlan(msgspec.Struct, frozen=True):
    """Everything resolved. Instants are milliseconds since 1970-01-01 UTC.

    `buckets` are the cohorts, and the periods of the calendar; `end` is until when returns count. Period k of cohort c
    is over where k < `over[c]`. `length`: how long a period is that starts with the person, None for the calendar's.
    """

    report: Retention
    buckets: Buckets
    end: int
    over: tuple[int, ...]
    start: EventPlan
    back: EventPlan
    splits: tuple[Split, ...]
    kind: Kind
    periods: int
    minimum: int
    first_time: bool
    length: int | None


class CellPlan(msgspec.Struct, frozen=True):
    """A cohort, a period, and for each split the value (or, where `rest`, all those beyond the limit)."""

    cohort: int
    period: int
    values: tuple[str | None, ...]
    rest: tuple[bool, ...]


def plan(report: Retention, now: int) -> RetentionPlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    report = taken(report, now, STEPS)
    assert report.back is not None
    since, until = span(report, now)
    buckets = cut(since, until, report.interval, zone(report.timezone), report.week_start)
    _bound_cells(report, buckets)
    end = min(until, now + 1)  # what was acknowledged within this very millisecond counts
    length = None if report.calendar else LENGTHS[report.interval]
    return RetentionPlan(
        report,
        buckets,
        end,
        _over(report, buckets, end, length),
        event_plan(report, report.start, "start", now),
        event_plan(report, report.back, "return", now),
        splits(report.breakdown),
        report.kind,
        report.periods,
        report.minimum,
        report.first_time,
        length,
    )


def placed(planned: RetentionPlan, cell: RetentionCell) -> CellPlan:
    """Which persons a cell counts. Raises InvalidReport for a cell that the report does not have, or that is null."""
    labels, width = planned.buckets.labels, len(planned.splits)
    if cell.cohort not in labels:
        raise InvalidReport("unknown_cell", f"at.cohort {cell.cohort!r} is no cohort of the report")
    if not 0 <= cell.period < planned.periods:
        raise InvalidReport(
            "unknown_cell", f"at.period {cell.period}: the report has the periods 0 to {planned.periods - 1}"
        )
    if len(cell.breakdown) not in (0, width) or len(cell.rest) not in (0, len(cell.breakdown)):
        raise InvalidReport("unknown_cell", f"at.breakdown: the report is split by {width} properties")
    cohort = labels.index(cell.cohort)
    if cell.period >= planned.over[cohort]:
        raise InvalidReport(
            "unknown_cell", f"at.period {cell.period}: it is not over yet for the cohort {cell.cohort!r}"
        )
    return CellPlan(cohort, cell.period, cell.breakdown, cell.rest or (False,) * len(cell.breakdown))


# --- the steps ------------------------------------------------------------------------------------


def whole_first_interval(report: Retention, now: int) -> Retention:
    """`since` is the start of its interval, so that the first cohort is a whole one."""
    return msgspec.structs.replace(report, since=interval_start(report, report.interval, now))


def known_events(report: Retention, now: int) -> Retention:
    """To return is to do what was the start, unless said otherwise."""
    return report if report.back is not None else msgspec.structs.replace(report, back=report.start)


def bounded_periods(report: Retention, now: int) -> Retention:
    """1 to 366 periods, of which the first is the cohort itself."""
    if not 1 <= report.periods <= MOST_PERIODS:
        raise InvalidReport("invalid_periods", f"periods {report.periods} is not from 1 to {MOST_PERIODS}")
    return report


def bounded_minimum(report: Retention, now: int) -> Retention:
    """A return is made of at least one event."""
    if not 1 <= report.minimum <= MOST_MINIMUM:
        raise InvalidReport("invalid_minimum", f"minimum {report.minimum} is not from 1 to {MOST_MINIMUM:,} events")
    return report


def bounded_breakdown(report: Retention, now: int) -> Retention:
    """At most three properties, each with a limit from 1 to 1,000."""
    splits(report.breakdown)
    return report


STEPS: tuple[Step[Retention], ...] = (
    known_zone,
    fixed_range,
    whole_first_interval,
    known_events,
    bounded_periods,
    bounded_minimum,
    bounded_breakdown,
)


# --- what the plan is put together from -----------------------------------------------------------


def _over(report: Retention, buckets: Buckets, end: int, length: int | None) -> tuple[int, ...]:
    """For each cohort how many of its periods are over at `end`; period 0, being the cohort itself, always is one."""
    count = len(buckets.edges)
    beyond = cut(buckets.since, buckets.until + 1, report.interval, zone(report.timezone), report.week_start)
    ends = beyond.edges[1 : count + 1]  # of the last bucket only where the range ends with it
    closed = sum(1 for at in ends if at <= end)
    if length is None:
        return tuple(max(1, min(closed - c, report.periods)) for c in range(count))
    # Of those who start with the last millisecond of the cohort, too.
    waited = [end - ends[c] if c < closed else 0 for c in range(count)]
    return tuple(max(1, min(waited[c] // length, report.periods)) for c in range(count))


def _bound_cells(report: Retention, buckets: Buckets) -> None:
    lines = math.prod(split.limit + 1 for split in report.breakdown)
    if lines * len(buckets.edges) * report.periods > MOST_CELLS:
        raise InvalidReport(
            "report_too_large",
            f"{lines} lines of {len(buckets.edges)} cohorts and {report.periods} periods are more than {MOST_CELLS} "
            "values: choose smaller limits, fewer periods or a wider interval",
        )
