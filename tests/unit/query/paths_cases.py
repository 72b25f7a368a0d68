"""What the tests of paths and of sessions share: times around the end of a session, links, stores, questions."""

import asyncio
import json
from typing import Any

from hypothesis import HealthCheck
from hypothesis import strategies as st

from evensplit.model.report import Answer, read
from evensplit.model.report.persons import PersonsQuestion
from evensplit.query.run.kinds import Kind
from tests.unit.examples import some
from tests.unit.query.clickhouse_store import ClickhouseStore
from tests.unit.query.memory_store import Event, MemoryStore

START = 1_793_491_200_000  # 2026-11-01T00:00Z
HALF_HOUR = 1_800_000
Links = list[tuple[str, str, int]]
Store = MemoryStore | ClickhouseStore
# ClickHouse takes a tenth of a second and more to read a statement of this size.
EXAMPLES = {"duckdb": some(25), "clickhouse": some(5)}
QUICK = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]

# Half hours from two before the range to four after its first, exactly on them or a little off; ties are frequent.
times = st.builds(
    lambda half, off: START + half * HALF_HOUR + off,
    st.integers(-4, 7) | st.integers(44, 52),
    st.sampled_from([0, 0, 0, 1, -1, 600_000]),
)
LINKS: st.SearchStrategy[Links] = st.lists(
    st.tuples(
        st.sampled_from(["v1", "v2"]),
        st.sampled_from(["u1", "u2"]),
        st.integers(-2, 2).map(lambda n: START + n * 900_000),
    ),
    max_size=3,
)


def with_events(engine: str, events: list[Event], links: Links) -> Store:
    """A store of that engine with these events and links."""
    store: Store = MemoryStore() if engine == "duckdb" else ClickhouseStore()
    store.put(*events)
    for anonymous, user, at in links:
        store.link(anonymous, user, at)
    return store


def ask(kind: Kind, store: Store, report: dict[str, Any], now: int) -> Answer:
    """The answer to a report."""
    return asyncio.run(kind.asked(store, json.dumps(report), now))


def behind(kind: Kind, store: Store, report: dict[str, Any], at: dict[str, Any], now: int) -> set[str]:
    """The persons behind a cell, as many as are counted."""
    asked = read(PersonsQuestion, json.dumps({"report": report, "at": at, "limit": 1000}))
    found = asyncio.run(kind.persons(store, asked, now))
    people = {person.id for person in found.persons}
    assert found.count == len(found.persons) == len(people)
    return people
