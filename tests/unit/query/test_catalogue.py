"""What has been sent: event types, properties, one user; and the pages of the event list."""

import asyncio
from itertools import count
from typing import Any

import pytest

from evensplit.errors import InvalidReport
from evensplit.query import catalogue, events, users
from evensplit.query.events import EventFilter, EventPage
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, MemoryStore, properties

START = 1_793_491_200_000  # 2026-11-01T00:00Z
NOW = START + 5 * 86_400_000


@pytest.fixture(params=STORES)
def engine(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def store(engine: str) -> AnyStore:
    found = STORES[engine]()
    found.put(
        Event("view", START, properties(path="/", n=1, **{"a.b": True, "$": None}), "u1"),
        Event("view", START + 7, properties(path="/", n=1.0, deep={"x": 1.0}), "u2"),
        Event("view", START + 7, properties(path="/é\"'", n="1", list=[1]), "u1"),
        Event("buy", START - 1, properties(amount=1e21), "u1"),
        Event("buy", START + 86_400_000, None, None),
    )
    return found


def test_event_types(engine: str, store: AnyStore) -> None:
    found = asyncio.run(catalogue.event_types(store)).events
    assert [(e.event_type, e.count, e.first_seen, e.last_seen) for e in found] == [
        ("view", 3, "2026-11-01T00:00:00.000Z", "2026-11-01T00:00:00.007Z"),
        ("buy", 2, "2026-10-31T23:59:59.999Z", "2026-11-02T00:00:00.000Z"),
    ]
    assert asyncio.run(catalogue.event_types(STORES[engine]())).events == []


def test_properties(store: AnyStore) -> None:
    found = asyncio.run(catalogue.properties(store, "view"))
    assert (found.events, found.complete) == (3, True)
    uses = {use.name: (use.count, use.types, {v.value: v.count for v in use.values}) for use in found.properties}
    assert uses == {
        "path": (3, {"text": 3}, {"/": 2, "/é\"'": 1}),
        "n": (3, {"number": 2, "text": 1}, {"1": 3}),
        "a.b": (1, {"boolean": 1}, {"true": 1}),
        "deep": (1, {"object": 1}, {'{"x":1}': 1}),
        "list": (1, {"array": 1}, {"[1]": 1}),
    }
    assert [use.name for use in found.properties[:2]] == ["n", "path"], "the most frequent first, then by name"
    every = asyncio.run(catalogue.properties(store))
    assert every.events == 5
    assert {use.name for use in every.properties} == {*uses, "amount"}
    assert [v.value for use in every.properties if use.name == "amount" for v in use.values] == ["1e+21"]
    assert asyncio.run(catalogue.properties(store, "nothing")).properties == []


def test_only_the_newest_events_are_looked_at(monkeypatch: pytest.MonkeyPatch, store: AnyStore) -> None:
    monkeypatch.setattr(catalogue, "LOOKED_AT", 2)
    found = asyncio.run(catalogue.properties(store, "view"))
    assert (found.events, found.complete) == (2, False)
    assert "a.b" not in {use.name for use in found.properties}


def test_frequent_values_are_the_most_frequent(engine: str) -> None:
    store = STORES[engine]()
    store.put(*(Event("view", START, properties(p=f"v{n % 12:02}")) for n in range(30)))
    (use,) = asyncio.run(catalogue.properties(store, "view")).properties
    assert [(v.value, v.count) for v in use.values] == [
        *((f"v{n:02}", 3) for n in range(6)),
        *((f"v{n:02}", 2) for n in range(6, 10)),
    ]


def test_one_user(store: AnyStore) -> None:
    found = asyncio.run(users.seen(store, ["u1"]))
    assert (found.events, found.first_seen) == (3, "2026-10-31T23:59:59.999Z")
    assert asyncio.run(users.seen(store, ["u1", "u2"])).events == 4
    for ids in ([], ["nobody"]):
        nobody = asyncio.run(users.seen(store, ids))
        assert (nobody.events, nobody.first_seen, nobody.last_seen) == (0, None, None)


# --- the list ------------------------------------------------------------------------------------


def page(store: AnyStore, **asked: Any) -> EventPage:
    return asyncio.run(events.page(store, EventFilter(**asked), NOW))


@pytest.mark.parametrize("limit", [1, 2, 3, 5, 100])
def test_pages_join_to_the_whole_newest_first(store: AnyStore, limit: int) -> None:
    found: list[int] = []
    cursor = None
    for n in count():
        part = page(store, limit=limit, cursor=cursor)
        assert len(part.events) <= limit
        found += [event.id for event in part.events]
        cursor = part.next_cursor
        if cursor is None:
            break
        assert n < 10
    assert found == [5, 3, 2, 1, 4]


@pytest.mark.parametrize(
    ("asked", "ids"),
    [
        ({"user_id": "u1"}, [3, 1, 4]),
        ({"event_type": "buy"}, [5, 4]),
        ({"user_id": "u1", "event_type": "buy"}, [4]),
        ({"since": "2026-11-01"}, [5, 3, 2, 1]),
        ({"until": "2026-10-31"}, [4]),
        ({"since": "2026-11-01T00:00:00.007Z", "until": "2026-11-02"}, [5, 3, 2]),
        ({"since": "-4d", "until": "now"}, [5]),
        ({"user_id": "' OR 1=1 --"}, []),
    ],
)
def test_what_a_list_is_asked_for(store: AnyStore, asked: dict[str, Any], ids: list[int]) -> None:
    assert [event.id for event in page(store, **asked).events] == ids


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"limit": 0}, "invalid_limit"),
        ({"limit": 1001}, "invalid_limit"),
        ({"since": "soon"}, "invalid_time"),
        *(({"cursor": cursor}, "invalid_cursor") for cursor in ("", "x", "é", "AAAA", "kgAB" * 900)),
    ],
)
def test_what_a_list_refuses(store: AnyStore, asked: dict[str, Any], code: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        page(store, **asked)
    assert raised.value.code == code


@pytest.mark.parametrize("engine", ["duckdb"])
def test_rows_without_a_time_come_last(store: AnyStore) -> None:
    """Another program may write what is no time; the columns hold NULL then."""
    assert isinstance(store, MemoryStore)
    store.tables.insert("events", [(6, "odd", None, None, None, None)])
    assert [event.id for event in page(store).events] == [5, 3, 2, 1, 4, 6]
