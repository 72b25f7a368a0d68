"""Funnels over generated events, held against the oracle: every order, exclusion, view, on both engines."""

import asyncio
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evensplit.model.report import read
from evensplit.model.report.funnel import Funnel, FunnelAnswer, FunnelStep
from evensplit.model.report.persons import PersonsQuestion
from evensplit.query.run.funnel import run
from evensplit.query.run.kinds import FUNNEL
from tests.unit.examples import some
from tests.unit.query import funnel_oracle as oracle
from tests.unit.query import worlds
from tests.unit.query.clickhouse_store import AnyStore, ClickhouseStore
from tests.unit.query.memory_store import Event, MemoryStore, Stated, properties
from tests.unit.query.trend_oracle import OTHER

MINUTE = 60_000
START = 1_793_491_200_000  # 2026-11-01T00:00Z
UNTIL = START + 40 * MINUTE
NOW = START + 86_400_000
PERSONS = {"v1": "u1", "v2": "u2"}
LINKS = [(visitor, person, START) for visitor, person in PERSONS.items()]
Case = tuple[list[dict[str, Any]], list[Event], list[tuple[str, str, int]]]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture]

P_VALUES: list[Any] = ["x", "y", 1, 1.0, "1", None, True, "$other"]
EVENTS = st.lists(
    st.builds(
        Event,
        event_type=st.sampled_from(["a", "b", "c", "d"]),
        at=st.builds(
            lambda minute, off: START + minute * MINUTE + off,
            st.integers(-1, 41),
            st.sampled_from([0, 0, 0, 0, 1, -1, 30_000]),
        ),
        properties=st.one_of(
            st.builds(lambda p, q: properties(p=p, q=q), st.sampled_from(P_VALUES), st.sampled_from(P_VALUES)),
            st.sampled_from(["{}", None]),
        ),
        user_id=st.sampled_from(["u1", "u1", "u2", "v1", "v2", None]),
        session_id=st.sampled_from(["s1", "s2", "s3", None]),
    ),
    max_size=24,
)
ONE_USER = EVENTS.map(lambda events: [Event(e.event_type, e.at, e.properties, "u1", "s1") for e in events])
FILTERS = st.lists(
    st.sampled_from([
        {"property": "p", "op": "is_set"}, {"property": "p", "op": "ne", "value": "x"},
        {"property": "q", "op": "gte", "value": 1}, {"property": "q", "op": "in", "value": ["x", "1"]},
    ]),
    max_size=1,
)  # fmt: skip
CHOICES = st.one_of(
    st.sampled_from(["a", "b", "c"]),
    st.sampled_from(["a", "b", "c", "@any"]),
    st.builds(lambda name, of: {"event_type": name, "filters": of}, st.sampled_from(["a", "b", "@any"]), FILTERS),
)


@st.composite
def reports(draw: st.DrawFn, plain: bool = False) -> dict[str, Any]:
    steps = draw(st.lists(CHOICES, min_size=1, max_size=4))
    count = len(steps)
    exclude = []
    if count > 1 and not plain:
        pairs = [(first, last) for first in range(count) for last in range(first + 1, count)]
        for first, last in draw(st.lists(st.sampled_from(pairs), max_size=2)):
            choice, effect = draw(st.one_of(st.just("d"), CHOICES)), draw(st.sampled_from(["drop", "stop"]))
            exclude.append({"event": choice, "from": first, "to": last, "effect": effect})
    split = st.builds(
        lambda name, limit: {"property": name, "limit": limit},
        st.sampled_from(["p", "q", "@event_type", "@session_id"]),
        st.integers(1, 3),
    )
    attribution = ["first", "last", *(f"step:{n}" for n in range(1, count + 1))]
    views = ["steps", "trend", "time_to_convert"] if count > 1 else ["steps", "trend"]
    return {
        "steps": steps,
        "order": draw(st.sampled_from(["ordered", "strict", "any"])),
        "window": draw(st.sampled_from(["1min", "2min", "5min", "30s", "20min", "14d"])),
        "breakdown": [] if plain else draw(st.one_of(st.just([]), st.lists(split, max_size=2))),
        "attribution": draw(st.sampled_from(attribution)),
        "exclude": exclude,
        "hold": [] if plain else draw(st.one_of(st.just([]), st.lists(st.sampled_from(["p", "q"]), max_size=2))),
        "count": draw(st.sampled_from(["users", "users", "sessions"])),
        "view": draw(st.sampled_from(views)),
        "interval": draw(st.sampled_from(["minute", "hour", "day"])),
        "bins": draw(st.integers(1, 5)),
        "filters": draw(FILTERS),
        "timezone": "UTC",
        "since": instant(START),
        "until": instant(UNTIL),
    }


def instant(at: int) -> str:
    return datetime.fromtimestamp(at / 1000, UTC).isoformat()


LINKED = st.sampled_from([[], LINKS])
CASES = st.tuples(st.lists(reports(), min_size=4, max_size=4), st.one_of(EVENTS, ONE_USER), LINKED)
MANY = st.tuples(
    st.lists(reports().map(worlds.split), min_size=2, max_size=2),
    worlds.several(st.one_of(EVENTS, ONE_USER)),
    LINKED.map(worlds.linked),
)


@settings(max_examples=some(12), suppress_health_check=SLOW)
@given(CASES)
def test_a_funnel_is_what_following_everybody_gives(case: Case) -> None:
    holds(case, MemoryStore())


@settings(max_examples=some(2), suppress_health_check=SLOW)
@given(CASES)
def test_and_so_it_is_on_clickhouse(case: Case) -> None:
    holds(case, ClickhouseStore())


@settings(max_examples=some(4), suppress_health_check=SLOW)
@given(MANY)
def test_and_so_it_is_in_many_worlds_on_clickhouse(case: Case) -> None:
    holds(case, ClickhouseStore())


@settings(max_examples=some(8), suppress_health_check=SLOW)
@given(reports(plain=True), st.one_of(EVENTS, ONE_USER))
def test_a_looser_order_brings_everybody_as_far(report: dict[str, Any], events: list[Event]) -> None:
    """Strict, ordered, any: who comes to a step in one of them comes to it in the next."""
    store = MemoryStore()
    store.put(*events)
    report = report | {"count": "users", "view": "steps"}
    for n in range(1, len(report["steps"]) + 1):
        strict, ordered, any_ = (people(store, report | {"order": order}, n) for order in ("strict", "ordered", "any"))
        assert strict <= ordered <= any_


def people(store: AnyStore, report: dict[str, Any], step: int) -> set[str]:
    asked = read(PersonsQuestion, json.dumps({"report": report, "at": {"step": step}, "limit": 1000}))
    return {person.id for person in asyncio.run(FUNNEL.persons(store, asked, NOW)).persons}


def holds(case: Case, store: AnyStore) -> None:
    asked, events, links = case
    store.put(*events)
    store.state(*(Stated("link", *link) for link in links))
    for report in asked:
        agrees(report, store, events, {visitor: person for visitor, person, _ in links})


def agrees(report: dict[str, Any], store: AnyStore, events: list[Event], persons: Mapping[str, str]) -> None:
    answer = asyncio.run(run(store, read(Funnel, json.dumps(report)), NOW))
    found = oracle.funnel(events, report, START, UNTIL, persons)
    count = len(report["steps"])
    same(answer.steps, found, count)
    parts = {place(part.breakdown, part.rest): part for part in answer.breakdowns}
    assert set(parts) == ({c.place for c in found} if report["breakdown"] else set())
    for name, part in parts.items():
        same(part.steps, [c for c in found if c.place == name], count)
    if report["view"] == "trend":
        in_buckets(answer, found, report)
    if report["view"] == "time_to_convert":
        in_bins(answer, found, report)


def place(values: list[str | None], rest: list[bool]) -> oracle.Place:
    return tuple(OTHER if beyond else value for value, beyond in zip(values, rest, strict=True))


def same(steps: list[FunnelStep], found: list[oracle.Counted], count: int) -> None:
    for step, (users, start, previous, mean, *quantiles) in zip(steps, oracle.steps(found, count), strict=True):
        assert (step.users, step.rate_from_start, step.rate_from_previous) == (users, start, previous)
        assert step.mean_seconds == mean, "sums of whole milliseconds are exact"
        for number, wanted in zip([step.median_seconds, step.p90_seconds], quantiles, strict=True):
            assert number == (None if wanted is None else pytest.approx(wanted, rel=1e-9))


def in_buckets(answer: FunnelAnswer, found: list[oracle.Counted], report: dict[str, Any]) -> None:
    assert answer.buckets is not None and answer.trend is not None
    lines = [(answer.trend, found)]
    lines += [
        (p.trend, [c for c in found if c.place == place(p.breakdown, p.rest)]) for p in answer.breakdowns if p.trend
    ]
    for trend, counted in lines:
        for n, users in enumerate(trend.users):
            assert users == [
                sum(c.depth > n and oracle.starts(c, report) == bucket for c in counted) for bucket in answer.buckets
            ]
            assert sum(users) == sum(c.depth > n for c in counted)
        assert trend.rates == [oracle.rate(b, a) for a, b in zip(trend.users[0], trend.users[-1], strict=True)]


def in_bins(answer: FunnelAnswer, found: list[oracle.Counted], report: dict[str, Any]) -> None:
    assert answer.times is not None
    assert answer.times.users == oracle.times(found, found, report)
    waits = [(c.taken[-1].at - c.taken[0].at) / 1000 for c in found if c.depth == len(report["steps"])]
    assert [*answer.times.edges[:1], *answer.times.edges[-1:]] == ([min(waits), max(waits)] if waits else [])
    for part in answer.breakdowns:
        assert part.times is not None and part.times.edges == answer.times.edges
        counted = [c for c in found if c.place == place(part.breakdown, part.rest)]
        assert part.times.users == oracle.times(counted, found, report)
