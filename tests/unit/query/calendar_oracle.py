"""What the oracles of retention, lifecycle and stickiness share: who is who, which events count, where intervals lie.
Slow and obvious; shares no code with `evensplit.query`."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from tests.unit.query.memory_store import Event
from tests.unit.query.trend_oracle import STEP, label, passes, zone

Links = Sequence[tuple[str, str, int]]


class Interval(NamedTuple):
    """One of the calendar's: [begin, end)."""

    label: str
    begin: datetime
    end: datetime


class Done(NamedTuple):
    """An event of a person."""

    at: datetime
    number: int  # the order of ties
    person: str
    event: Event


def moment(at: int) -> datetime:
    """An instant in milliseconds."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)


def done(events: Sequence[Event], links: Links, choice: Mapping[str, Any], filters: Sequence[Any]) -> list[Done]:
    """The events of persons that are chosen, in order."""
    owners: dict[str, tuple[int, str]] = {}
    for anonymous, user, at in links:
        owners[anonymous] = min(owners.get(anonymous, (at, user)), (at, user))
    found = []
    for number, event in enumerate(events):
        if event.user_id is None or choice["event_type"] not in ("@any", event.event_type):
            continue
        if all(passes(event, filter_) for filter_ in [*filters, *choice["filters"]]):
            person = owners[event.user_id][1] if event.user_id in owners else event.user_id
            found.append(Done(moment(event.at), number, person, event))
    return sorted(found, key=lambda each: each[:2])


def interval_at(at: datetime, report: Mapping[str, Any]) -> Interval:
    """The interval around an instant that is a multiple of a quarter of an hour, found step by step."""
    tz = zone(report["timezone"])

    def name(moment: datetime) -> str:
        return label(moment.astimezone(tz), report["interval"], report["week_start"])

    begin = end = at
    while name(begin - STEP) == name(at):
        begin -= STEP
    while name(end) == name(at):
        end += STEP
    return Interval(name(at), begin, end)


def intervals(since: datetime, until: datetime, report: Mapping[str, Any]) -> list[Interval]:
    """Those that [since, until) touches, each of them whole."""
    found = [interval_at(since, report)]
    while found[-1].end < until:
        found.append(interval_at(found[-1].end, report))
    return found
