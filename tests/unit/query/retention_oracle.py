"""What retention must be, computed slowly and obviously. Shares no code with `evensplit.query`."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from tests.unit.query.calendar_oracle import Done, Interval, Links, done, intervals
from tests.unit.query.memory_store import Event
from tests.unit.query.trend_oracle import text, value_of

OTHER = "(the rest)"
LENGTHS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
People = set[str] | None  # None: not over yet
Place = tuple[str | None, ...]


class Found(NamedTuple):
    """A row of sets of persons a cohort: for everybody, and for each combination of values of the breakdown."""

    cohorts: list[str]
    everybody: list[list[People]]
    parts: dict[Place, list[list[People]]]


def retention(
    events: Sequence[Event], links: Links, report: Mapping[str, Any], span: tuple[datetime, datetime], now: datetime
) -> Found:
    """The persons behind every cell."""
    since, until = span
    end = min(until, now + timedelta(milliseconds=1))
    calendar = intervals(since, until, report)
    starts = done(events, links, report["start"], report["filters"])
    returns = [d for d in done(events, links, report["return"], report["filters"]) if d.at < end]
    firsts = [cohort(starts, interval, until, report["first_time"]) for interval in calendar]
    places = placed(firsts, report["breakdown"])
    parts: dict[Place, list[list[People]]] = {place: [] for part in places for place in part.values()}
    everybody: list[list[People]] = []
    for c, members in enumerate(firsts):
        row = cells(members, Periods(report, calendar, c, end), returns)
        everybody.append(row)
        for place, part in parts.items():
            own = {person for person in members if places[c][person] == place}
            part.append([None if cell is None else cell & own for cell in row])
    return Found([interval.label for interval in calendar], everybody, parts)


def cohort(starts: Sequence[Done], interval: Interval, until: datetime, first_time: bool) -> dict[str, Done]:
    """The first start of each person in the interval; with `first_time`, of those alone who had not started before."""
    found: dict[str, Done] = {}
    for start in starts:
        if first_time or interval.begin <= start.at < interval.end:
            found.setdefault(start.person, start)
    return {
        person: start
        for person, start in found.items()
        if interval.begin <= start.at < interval.end and start.at < until
    }


class Periods(NamedTuple):
    """The periods of cohort `c`."""

    report: Mapping[str, Any]
    calendar: Sequence[Interval]
    c: int
    end: datetime

    @property
    def begun(self) -> int:
        """How many begin before the end for anybody."""
        if self.report["calendar"]:
            return len(self.calendar) - self.c
        return int((self.end - self.calendar[self.c].begin) / LENGTHS[self.report["interval"]]) + 1

    def over(self, k: int) -> bool:
        """Whether period k is over for everybody."""
        if self.report["calendar"]:
            return self.c + k < len(self.calendar) and self.calendar[self.c + k].end <= self.end
        return self.calendar[self.c].end + (k + 1) * LENGTHS[self.report["interval"]] <= self.end

    def bounds(self, k: int, start: Done) -> tuple[datetime, datetime]:
        """When period k is for someone."""
        if self.report["calendar"]:
            return self.calendar[self.c + k].begin, self.calendar[self.c + k].end
        begin = start.at + k * LENGTHS[self.report["interval"]]
        return begin, begin + LENGTHS[self.report["interval"]]


def cells(members: Mapping[str, Done], periods: Periods, returns: Sequence[Done]) -> list[People]:
    """Who of a cohort is counted in each period."""
    report = periods.report
    came: list[set[str]] = [set() for _ in range(max(periods.begun, report["periods"]))]
    for person, start in members.items():
        own = [r.at for r in returns if r.person == person]
        for k in range(1, periods.begun):
            begin, end = periods.bounds(k, start)
            if sum(begin <= at < end for at in own) >= report["minimum"]:
                came[k].add(person)
    found: list[People] = [set(members)]
    for k in range(1, report["periods"]):
        people = came[k] if report["kind"] == "on" else set().union(*came[k:])
        found.append(people if periods.over(k) else None)
    return found


def placed(firsts: Sequence[Mapping[str, Done]], splits: Sequence[Mapping[str, Any]]) -> list[dict[str, Place]]:
    """For each cohort the values of its members, those beyond the limit together."""
    kept: list[list[str | None]] = []
    for split in splits:
        sizes: dict[str | None, int] = {}
        for members in firsts:
            for start in members.values():
                value = text(value_of(start.event, split["property"]))
                sizes[value] = sizes.get(value, 0) + 1
        kept.append(sorted(sizes, key=lambda v: (-sizes[v], v is None, v or ""))[: split["limit"]])

    def place(start: Done) -> Place:
        values = [text(value_of(start.event, split["property"])) for split in splits]
        return tuple(v if v in first else OTHER for v, first in zip(values, kept, strict=True))

    return [{person: place(start) for person, start in members.items()} for members in firsts]
