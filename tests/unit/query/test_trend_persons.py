"""The persons behind the numbers of a trend: as many as the number says, and the right ones."""

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit.errors import InvalidReport
from evensplit.model.report import read
from evensplit.model.report.persons import PersonsAnswer, PersonsQuestion
from evensplit.query.run.kinds import KINDS
from tests.unit.examples import some
from tests.unit.query.clickhouse_store import STORES, AnyStore, ClickhouseStore
from tests.unit.query.memory_store import Event, MemoryStore, properties

DAY = 86_400_000
START = 1_793_491_200_000  # 2026-11-01T00:00Z
NOW = START + 10 * DAY
(TREND,) = (kind for kind in KINDS if kind.name == "trend")


def behind(store: AnyStore, report: dict[str, Any], at: dict[str, Any], **more: Any) -> PersonsAnswer:
    asked = read(PersonsQuestion, json.dumps({"report": report, "at": at, **more}))
    return asyncio.run(TREND.persons(store, asked, NOW))


EVENTS = st.lists(
    st.builds(
        Event,
        event_type=st.sampled_from(["view", "buy"]),
        at=st.integers(-2, 8).map(lambda half_days: START + half_days * DAY // 2),
        properties=st.sampled_from([properties(c=c) for c in ("DE", "FR", "$other", None, 5)]),
        user_id=st.sampled_from(["u1", "u2", "u3", "v1", "v2", None]),
    ),
    max_size=20,
)


@settings(max_examples=some(10), deadline=None)
@given(EVENTS, st.booleans(), st.booleans(), st.booleans())
def test_as_many_as_the_number_says(events: list[Event], linked: bool, cumulative: bool, split: bool) -> None:
    persons_are_as_many(MemoryStore(), events, linked, cumulative, split)


@settings(max_examples=some(3), deadline=None)
@given(EVENTS, st.booleans(), st.booleans(), st.booleans())
def test_and_so_it_is_on_clickhouse(events: list[Event], linked: bool, cumulative: bool, split: bool) -> None:
    persons_are_as_many(ClickhouseStore(), events, linked, cumulative, split)


def persons_are_as_many(store: AnyStore, events: list[Event], linked: bool, cumulative: bool, split: bool) -> None:
    """The persons behind every number of a report with users are as many as it says, whatever the pages."""
    store.put(*events)
    if linked:
        store.link("v1", "u1", START)
    report: dict[str, Any] = {
        "series": [{"event": "view", "measure": "users"}, {"event": "@any", "measure": "users"}],
        "since": "2026-11-01",
        "until": "2026-11-03",
        "cumulative": cumulative,
        "breakdown": [{"property": "c", "limit": 1}] if split else [],
    }
    answer: Any = asyncio.run(TREND.asked(store, json.dumps(report), NOW))
    for series in answer.series:
        cell = {"series": ["view: users", "@any: users"].index(series.label)}
        place = {"breakdown": series.breakdown, "rest": series.rest} if split else {}
        for bucket, number in zip([None, *answer.buckets], [series.total, *series.values], strict=True):
            found = behind(store, report, {**cell, **place, "bucket": bucket}, limit=2)
            assert found.count == number
            everybody = [person.id for person in found.persons]
            while found.next_cursor:
                found = behind(store, report, {**cell, **place, "bucket": bucket}, limit=2, cursor=found.next_cursor)
                everybody += [person.id for person in found.persons]
            assert len(set(everybody)) == len(everybody) == number


@pytest.mark.parametrize("engine", STORES)
def test_a_person_has_all_ids(engine: str) -> None:
    store = STORES[engine]()
    store.put(
        Event("view", START, "{}", "visitor"), Event("view", START, "{}", "known"), Event("view", START, "{}", "x")
    )
    store.link("visitor", "known", START + DAY)
    found = behind(store, {"series": [{"event": "view"}], "since": "2026-11-01"}, {})
    assert [(person.id, person.ids) for person in found.persons] == [("known", ["known", "visitor"]), ("x", ["x"])]


@pytest.mark.parametrize(
    "at", [{"series": 1}, {"series": -1}, {"bucket": "2026-10-31"}, {"breakdown": ["DE"]}, {"rest": [True]}]
)
def test_a_cell_that_is_not_there(at: dict[str, Any]) -> None:
    with pytest.raises(InvalidReport) as refused:
        behind(STORES["duckdb"](), {"series": [{"event": "view"}], "since": "2026-11-01"}, at)
    assert refused.value.code == "unknown_cell"


@pytest.mark.parametrize("limit", [0, 10_001])
def test_the_bounds_of_a_page(limit: int) -> None:
    with pytest.raises(InvalidReport) as refused:
        behind(STORES["duckdb"](), {"series": [{"event": "view"}]}, {}, limit=limit)
    assert refused.value.code == "invalid_limit"
