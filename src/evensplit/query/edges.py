"""Where buckets begin: computed once, here, as UTC instants that every engine is then told.

A bucket runs from its edge to the next one. Days, weeks and months begin at the first existing instant of their first
day. Hours and minutes are real ones: a bucket begins where the wall clock shows a whole one, and where the zone changes
its offset, so that an hour that occurs twice is two buckets and none is longer than it says.
Instants are milliseconds since 1970-01-01 UTC.
"""

from bisect import bisect_right
from collections.abc import Iterator
from datetime import date, timedelta
from zoneinfo import ZoneInfo

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import Interval, WeekStart
from evensplit.query.zones import day_start, local, offset, offset_changes

MOST_BUCKETS = 10_000
WIDTH = {"minute": 60_000, "hour": 3_600_000}
LEAST = WIDTH | {"day": 72_000_000, "week": 6 * 86_400_000, "month": 27 * 86_400_000}  # no bucket inside is narrower


class Buckets(msgspec.Struct, frozen=True):
    """The buckets that [since, until) touches. The first edge may lie before `since`; labels are one each."""

    since: int
    until: int
    edges: tuple[int, ...]
    labels: tuple[str, ...]


class Run(msgspec.Struct, frozen=True):
    """Neighbouring buckets of one width: bucket `first` begins at `start`, and `count` of them follow each other."""

    first: int
    start: int
    width: int
    count: int


def cut(since: int, until: int, interval: Interval, tz: ZoneInfo, week_start: WeekStart) -> Buckets:
    """The buckets of [since, until), since < until. Raises `too_many_buckets`."""
    if (until - since) // LEAST[interval] > MOST_BUCKETS:
        raise _too_many(interval)
    if interval in WIDTH:
        edges, labels = _clock_edges(since, until, WIDTH[interval], tz)
    else:
        edges, labels = _calendar_edges(since, until, interval, tz, week_start)
    if len(edges) > MOST_BUCKETS:
        raise _too_many(interval)
    return Buckets(since, until, tuple(edges), tuple(labels))


def runs(buckets: Buckets) -> tuple[Run, ...]:
    """The buckets as few runs of equal width; what the range cuts off the last bucket does not make it another run."""
    edges, last = buckets.edges, len(buckets.edges) - 1
    found: list[Run] = []
    for at, edge in enumerate(edges):
        width = (buckets.until if at == last else edges[at + 1]) - edge
        before = found[-1] if found else None
        if before is not None and (width == before.width or (at == last and width < before.width)):
            found[-1] = Run(before.first, before.start, before.width, before.count + 1)
        else:
            found.append(Run(at, edge, width, 1))
    return tuple(found)


def _too_many(interval: Interval) -> InvalidReport:
    return InvalidReport(
        "too_many_buckets",
        f"interval {interval!r} cuts this range into more than {MOST_BUCKETS} buckets: "
        "choose a wider interval or a shorter range",
    )


def _clock_edges(since: int, until: int, width: int, tz: ZoneInfo) -> tuple[list[int], list[str]]:
    low = since - 2 * width
    edges: list[int] = []
    changes = [low, *offset_changes(low, until - 1, tz)]
    for begin, end in zip(changes, [*changes[1:], until], strict=True):
        ahead = offset(begin, tz)
        whole = -((begin + ahead) // -width) * width - ahead
        if whole != begin and begin != low:
            edges.append(begin)
        edges += range(whole, end, width)
    edges = edges[bisect_right(edges, since) - 1 :]
    return edges, [_clock_label(edge, tz) for edge in edges]


def _clock_label(edge: int, tz: ZoneInfo) -> str:
    shown = local(edge, tz)
    return shown.isoformat(timespec="seconds" if shown.second else "minutes")


def _calendar_edges(
    since: int, until: int, interval: Interval, tz: ZoneInfo, week_start: WeekStart
) -> tuple[list[int], list[str]]:
    edges: list[int] = []
    labels: list[str] = []
    for day in _first_days(local(since, tz).date() - timedelta(days=1), interval, week_start):
        edge = day_start(day, tz)
        if edge >= until:
            break
        if edges and (edge <= since or edge <= edges[-1]):  # before the range; or a day that the zone skipped
            edges.pop()
            labels.pop()
        edges.append(edge)
        labels.append(day.isoformat())
    return edges, labels


def _first_days(day: date, interval: Interval, week_start: WeekStart) -> Iterator[date]:
    """The first day of each bucket, beginning with the one that holds `day`."""
    if interval == "week":
        day -= timedelta(days=day.isoweekday() % 7 if week_start == "sunday" else day.weekday())
    if interval == "month":
        day = day.replace(day=1)
    while True:
        yield day
        if interval == "month":
            day = (day + timedelta(days=31)).replace(day=1)
        else:
            day += timedelta(days=7 if interval == "week" else 1)
