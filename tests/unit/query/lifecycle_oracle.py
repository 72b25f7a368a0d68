"""What a lifecycle must be, computed slowly and obviously. Shares no code with `evensplit.query`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.unit.query.calendar_oracle import Links, done, interval_at, intervals
from tests.unit.query.memory_store import Event
from tests.unit.query.trend_oracle import STEP

Found = dict[str, list[set[str]]]


def lifecycle(
    events: Sequence[Event], links: Links, report: Mapping[str, Any], since: datetime, until: datetime
) -> tuple[list[str], Found]:
    """The buckets, and for each state the persons of every one."""
    acts = [d for d in done(events, links, report["event"], report["filters"]) if d.at < until]
    calendar = intervals(since, until, report)
    before = interval_at(calendar[0].begin - STEP, report)
    found: Found = {"new": [], "returning": [], "resurrecting": [], "dormant": []}
    for previous, interval in zip([before, *calendar], calendar, strict=False):
        now = {d.person for d in acts if interval.begin <= d.at < interval.end}
        then = {d.person for d in acts if previous.begin <= d.at < previous.end}
        ever = {d.person for d in acts if d.at < interval.begin}
        found["new"].append(now - ever)
        found["returning"].append(now & then)
        found["resurrecting"].append((now & ever) - then)
        found["dormant"].append(then - now)
    return [interval.label for interval in calendar], found
