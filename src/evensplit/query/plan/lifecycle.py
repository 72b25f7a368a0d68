"""The plan of a lifecycle: its buckets, with all of history and the bucket before the first in front of them."""

from collections.abc import Iterator

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report.lifecycle import Lifecycle, LifecycleCell, State
from evensplit.query.edges import Buckets, cut
from evensplit.query.plan import (
    EventPlan,
    Step,
    bucket_at,
    event_plan,
    fixed_range,
    interval_start,
    known_zone,
    span,
    taken,
)
from evensplit.query.zones import zone

MOST_BUCKETS = 2_000
AT_ONCE = 60  # buckets that are asked for together: with the two in front of them, the bits of one integer
BEFORE = 2  # the positions of history and of the bucket before, which come first
HISTORY = -2_208_988_800_000  # 1900, before every event: where history begins


class Stretch(msgspec.Struct, frozen=True):
    """Some of the report's buckets, from number `first` on. `buckets` has two more in front: all events before the
    bucket before, and the bucket before."""

    first: int
    buckets: Buckets


class LifecyclePlan(msgspec.Struct, frozen=True):
    """Everything resolved."""

    report: Lifecycle
    buckets: Buckets
    event: EventPlan
    stretches: tuple[Stretch, ...]


class CellPlan(msgspec.Struct, frozen=True):
    """Who is in a state in the bucket at a position of `buckets`, which begin as those of a stretch."""

    buckets: Buckets
    position: int
    state: State


def plan(report: Lifecycle, now: int) -> LifecyclePlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    report = taken(report, now, STEPS)
    since, until = span(report, now)
    buckets = cut(since, until, report.interval, zone(report.timezone), report.week_start)
    if len(buckets.edges) > MOST_BUCKETS:
        raise InvalidReport(
            "too_many_buckets",
            f"interval {report.interval!r} cuts this range into more than {MOST_BUCKETS} buckets, the most of a "
            "lifecycle: choose a wider interval or a shorter range",
        )
    event = event_plan(report, report.event, "event", now)
    return LifecyclePlan(report, buckets, event, tuple(_stretches(report, buckets)))


def placed(planned: LifecyclePlan, cell: LifecycleCell) -> CellPlan:
    """Which persons a cell counts. Raises InvalidReport for a bucket that the report does not have."""
    at = bucket_at(planned.buckets, cell.bucket)
    stretch = planned.stretches[at // AT_ONCE]
    return CellPlan(stretch.buckets, at - stretch.first + BEFORE, cell.state)


# --- the steps ------------------------------------------------------------------------------------


def whole_first_interval(report: Lifecycle, now: int) -> Lifecycle:
    """`since` is the start of its interval: who was not active in a part of it may have been in the rest."""
    return msgspec.structs.replace(report, since=interval_start(report, report.interval, now))


STEPS: tuple[Step[Lifecycle], ...] = (known_zone, fixed_range, whole_first_interval)


# --- what the plan is put together from -----------------------------------------------------------


def _stretches(report: Lifecycle, buckets: Buckets) -> Iterator[Stretch]:
    tz = zone(report.timezone)
    for first in range(0, len(buckets.edges), AT_ONCE):
        edges = buckets.edges[first : first + AT_ONCE + 1]
        since, own = edges[0], edges[:AT_ONCE]
        until = edges[AT_ONCE] if len(edges) > AT_ONCE else buckets.until
        before = cut(since - 1, since, report.interval, tz, report.week_start).edges[0]
        labels = ("history", "before", *buckets.labels[first : first + AT_ONCE])
        yield Stretch(first, Buckets(HISTORY, until, (HISTORY, before, *own), labels))
