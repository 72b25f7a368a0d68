"""The plan of a stickiness report: its event and its buckets."""

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report.stickiness import Stickiness, StickinessCell
from evensplit.query.edges import Buckets, cut
from evensplit.query.plan import EventPlan, Step, event_plan, fixed_range, known_zone, span, taken
from evensplit.query.zones import zone


class StickinessPlan(msgspec.Struct, frozen=True):
    """Everything resolved."""

    report: Stickiness
    buckets: Buckets
    event: EventPlan


def plan(report: Stickiness, now: int) -> StickinessPlan:
    """The plan of a report asked at `now` (milliseconds since 1970-01-01 UTC). Raises InvalidReport."""
    report = taken(report, now, STEPS)
    since, until = span(report, now)
    buckets = cut(since, until, report.interval, zone(report.timezone), report.week_start)
    return StickinessPlan(report, buckets, event_plan(report, report.event, "event", now))


def placed(planned: StickinessPlan, cell: StickinessCell) -> int:
    """In how many intervals. Raises InvalidReport where the range has fewer."""
    most = len(planned.buckets.edges)
    if not 1 <= cell.intervals <= most:
        raise InvalidReport("unknown_cell", f"at.intervals {cell.intervals}: the report has 1 to {most}")
    return cell.intervals


STEPS: tuple[Step[Stickiness], ...] = (known_zone, fixed_range)
