"""What stickiness must be, computed slowly and obviously. Shares no code with `evensplit.query`."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.unit.query.calendar_oracle import Links, done, intervals
from tests.unit.query.memory_store import Event


def stickiness(
    events: Sequence[Event], links: Links, report: Mapping[str, Any], since: datetime, until: datetime
) -> tuple[int, dict[int, set[str]]]:
    """How many intervals there are, and the persons who were active in so many of them."""
    calendar = intervals(since, until, report)
    active: dict[str, set[str]] = {}
    for act in done(events, links, report["event"], report["filters"]):
        for interval in calendar:
            if since <= act.at < until and interval.begin <= act.at < interval.end:
                active.setdefault(act.person, set()).add(interval.label)
    found: dict[int, set[str]] = {}
    for person, labels in active.items():
        found.setdefault(len(labels), set()).add(person)
    return len(calendar), found
