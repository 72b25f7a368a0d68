"""From a report as asked to a plan that leaves nothing open. Pure: no store, no engine, no clock.

A file a kind of report: its `STEPS` each take the report and make one thing about it explicit, or refuse it, and
`plan` puts the rest together. Here: the steps and parts that kinds share. Not here: SQL (`sql`), asking (`run`).
"""

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import TypeAlias, TypeVar
from zoneinfo import ZoneInfo

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import ANY, Breakdown, EventChoice, Interval, Path, Report
from evensplit.query import ranges
from evensplit.query.conditions import AllOf, Condition, Property, Source, member, source, understood
from evensplit.query.edges import Buckets, cut
from evensplit.query.zones import zone

MOST_SPLITS = 3
MOST_LIMIT = 1_000
MOST_NAME = 200

R = TypeVar("R", bound=Report)
Step: TypeAlias = Callable[[R, int], R]  # (report, now in milliseconds since 1970-01-01 UTC); raises InvalidReport


class EventPlan(msgspec.Struct, frozen=True):
    """Events of one type (None: of any) that meet a condition, the report's filters among it."""

    label: str
    event_type: str | None
    condition: Condition


class Split(msgspec.Struct, frozen=True):
    """One property that every line is split by."""

    of: Source
    limit: int


def taken(report: R, now: int, steps: Sequence[Step[R]]) -> R:
    """The report after the steps, one after the other."""
    for step in steps:
        report = step(report, now)
    return report


# --- steps that kinds share -----------------------------------------------------------------------


def known_zone(report: R, now: int) -> R:
    """The time zone exists."""
    zone(report.timezone)
    return report


def fixed_range(report: R, now: int) -> R:
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


# --- parts that kinds share -----------------------------------------------------------------------


def choice(event: str | EventChoice) -> EventChoice:
    """A bare name is that event without filters."""
    return event if isinstance(event, EventChoice) else EventChoice(event)


def named(event: str | EventChoice, at: str) -> None:
    """Refuse an event type that no event can have."""
    if not 1 <= len(choice(event).event_type) <= MOST_NAME:
        raise InvalidReport("invalid_event_type", f"{at}: an event type has 1 to {MOST_NAME} characters")


def event_plan(report: Report, event: str | EventChoice, at: str, now: int) -> EventPlan:
    """The event with its own filters and the report's, checked. Raises InvalidReport."""
    named(event, at)
    chosen = choice(event)
    instant = partial(_instant, now=now, tz=zone(report.timezone))
    condition = AllOf(
        within_cohort(report)
        + understood(report.filters, "filters", instant).of
        + understood(chosen.filters, f"{at}.filters", instant).of
    )
    return EventPlan(chosen.event_type, None if chosen.event_type == ANY else chosen.event_type, condition)


def within_cohort(report: Report) -> tuple[Condition, ...]:
    """What `cohort` asks of every event of the report. Raises `invalid_property`."""
    return () if report.cohort is None else (member(report.cohort, "cohort"),)


def splits(breakdown: Sequence[Breakdown]) -> tuple[Split, ...]:
    """At most three properties, each with a limit from 1 to 1,000. Raises InvalidReport."""
    if len(breakdown) > MOST_SPLITS:
        raise InvalidReport("invalid_breakdown", f"a breakdown has at most {MOST_SPLITS} properties")
    for n, split in enumerate(breakdown):
        if not 1 <= split.limit <= MOST_LIMIT:
            raise InvalidReport("invalid_limit", f"breakdown[{n}]: limit {split.limit} is not from 1 to {MOST_LIMIT}")
    return tuple(Split(source(b.property, f"breakdown[{n}]"), b.limit) for n, b in enumerate(breakdown))


def shown(path: Path) -> str:
    """A property as labels name it."""
    return path if isinstance(path, str) else ".".join(path)


def span(report: Report, now: int) -> tuple[int, int]:
    """`since` and `until` of a report whose range is fixed, in milliseconds since 1970-01-01 UTC."""
    tz = zone(report.timezone)
    assert report.since is not None and report.until is not None
    return ranges.resolve(report.since, "since", now, tz), ranges.resolve(report.until, "until", now, tz)


def interval_start(report: Report, interval: Interval, now: int) -> str:
    """The start of the interval that `since` lies in, for reports whose first interval has to be a whole one."""
    tz = zone(report.timezone)
    return ranges.written(cut(*span(report, now), interval, tz, report.week_start).edges[0], tz)


def bucket_at(buckets: Buckets, label: str) -> int:
    """The position of the bucket with that label. Raises `unknown_cell`."""
    if label not in buckets.labels:
        raise InvalidReport("unknown_cell", f"at.bucket {label!r} is no bucket of the report")
    return buckets.labels.index(label)


def properties(looked_at: Iterable[Source | None]) -> list[Property]:
    """The properties among what a statement looks at."""
    return [of for of in looked_at if isinstance(of, Property)]


def _instant(text: str, field: str, *, now: int, tz: ZoneInfo) -> int:
    return ranges.resolve(text, field, now, tz)
