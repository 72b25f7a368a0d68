"""What the tests of retention, lifecycle and stickiness share: zones and days to look at, events about bucket edges,
links, and asking. Not here: what an answer must be (the oracles)."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from evensplit.model.report import read
from evensplit.model.report.persons import PersonsQuestion
from evensplit.query.run.kinds import Kind
from tests.unit.examples import some
from tests.unit.query import trend_oracle
from tests.unit.query.clickhouse_store import AnyStore
from tests.unit.query.memory_store import Event, Stated

Links: TypeAlias = list[tuple[str, str, int]]
HOUR = 3_600_000
NOW = 1_900_000_000_000  # 2030
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "America/Havana"]
# Days around changes of the clock: Berlin and New York both ways, São Paulo at midnight both ways; and a plain one.
DAYS = ["2026-03-29", "2026-10-25", "2026-11-01", "2018-11-04", "2018-02-18", "2025-11-02", "2026-06-15"]
HOW_LONG = {"hour": [1], "day": [1, 3, 6, 70], "week": [10, 24], "month": [40, 100]}  # days
STEPS = {"hour": 1, "day": 12, "week": 84, "month": 183}  # hours
DOCUMENTS = [
    '{"p":"DE"}', '{"p":"FR"}', '{"p":"NZ"}', '{"p":"$other"}', '{"p":null}', "{}", None, '{"p":"5","q":1}',
    '{"p":5,"q":"1"}', '{"p":5.0}', '{"p":true}', '{"p":[1.0]}',
]  # fmt: skip
FILTERS: list[dict[str, Any]] = [
    {"property": "p", "op": "ne", "value": "DE"},
    {"property": "p", "op": "is_set"},
    {"property": "q", "op": "gte", "value": 1},
    {
        "any": [
            {"property": "p", "op": "in", "value": ["DE", "5"]},
            {"property": "@event_type", "op": "eq", "value": "buy"},
        ]
    },
]
CHOICES = st.builds(
    lambda name, filters: {"event_type": name, "filters": filters},
    st.sampled_from(["view", "buy", "@any", "@any"]),
    st.lists(st.sampled_from(FILTERS), max_size=1),
)
LINKS: st.SearchStrategy[Links] = st.lists(
    st.tuples(st.sampled_from(["v1", "v2"]), st.sampled_from(["u1", "u2"]), st.integers(0, 3)), max_size=3
)


def examples(count: int) -> settings:
    """So many examples, or as many times that as EVENSPLIT_TEST_EXAMPLES says."""
    return settings(
        max_examples=some(count),
        deadline=None,
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    )


def ms(at: datetime) -> int:
    """Milliseconds since 1970-01-01 UTC."""
    return (at - EPOCH) // timedelta(milliseconds=1)


@st.composite
def ranges(draw: st.DrawFn, intervals: Sequence[str]) -> dict[str, Any]:
    """The common part of a report, its ends as instants."""
    zone, first = draw(st.sampled_from(ZONES)), datetime.fromisoformat(draw(st.sampled_from(DAYS)))
    interval = draw(st.sampled_from(intervals))
    since = first - timedelta(days=draw(st.integers(0, 2)), hours=draw(st.sampled_from([0, 0, 0, 7])))
    until = first + timedelta(days=draw(st.sampled_from(HOW_LONG[interval])), hours=draw(st.sampled_from([0, 0, 5])))
    low, high = (at.replace(tzinfo=trend_oracle.zone(zone)).astimezone(UTC) for at in (since, until))
    return {
        "since": low.isoformat(),
        "until": high.isoformat(),
        "timezone": zone,
        "interval": interval,
        "week_start": draw(st.sampled_from(["monday", "sunday"])),
        "filters": draw(st.lists(st.sampled_from(FILTERS), max_size=1)),
    }


def events(report: dict[str, Any], most: int = 25) -> st.SearchStrategy[list[Event]]:
    """Events from a little before the range to a little after it: on edges, beside them, and in between; with ties."""
    first, last = (ms(datetime.fromisoformat(report[name])) for name in ("since", "until"))
    step = STEPS[report["interval"]] * HOUR
    count = (last - first) // step + 1
    at = st.builds(
        lambda n, off: first + n * step + off,
        st.integers(-4, min(count, 12)) | st.integers(-40, count + 4),
        st.sampled_from([0, 0, 0, -1, 1, HOUR, HOUR // 2]),
    )
    event = st.builds(
        Event,
        event_type=st.sampled_from(["view", "buy"]),
        at=at,
        properties=st.sampled_from(DOCUMENTS),
        user_id=st.sampled_from(["u1", "u2", "u3", "v1", "v2", None]),
    )
    return st.lists(event, max_size=most)


def filled(store: AnyStore, events: Sequence[Event], links: Links) -> AnyStore:
    """The store with these events and links."""
    store.put(*events)
    store.state(*(Stated("link", *link) for link in links))
    return store


def ask(kind: Kind, store: AnyStore, report: dict[str, Any], now: int = NOW) -> Any:
    """The answer to a report."""
    return asyncio.run(kind.asked(store, json.dumps(report), now))


def behind(kind: Kind, store: AnyStore, report: dict[str, Any], at: dict[str, Any], now: int = NOW) -> set[str]:
    """The persons behind a cell, as many as are counted."""
    asked = read(PersonsQuestion, json.dumps({"report": report, "at": at, "limit": 1000}))
    found = asyncio.run(kind.persons(store, asked, now))
    people = {person.id for person in found.persons}
    assert found.count == len(found.persons) == len(people)
    return people
