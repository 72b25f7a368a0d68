"""Cohorts and traits in a report, held against counting by hand on both engines; and definitions that mean nothing."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evensplit.errors import Invalid, InvalidReport
from evensplit.model.cohort import Part, lists, read_new, with_lists
from evensplit.model.report import read
from evensplit.model.report.persons import PersonsAnswer, PersonsQuestion
from evensplit.model.report.trend import Trend
from evensplit.query.cohorts import rule_of
from evensplit.query.run.kinds import KINDS
from evensplit.query.run.trend import run
from tests.unit.examples import some
from tests.unit.query import identity_oracle, trend_oracle
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, Stated, properties

SLOW = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
DAY = 86_400_000
START = 1_793_491_200_000  # 2026-11-01T00:00Z
UNTIL = START + 5 * DAY
NOW = START + 10 * DAY
IDS = ["ann", "bob", "v1", "v2"]
EVENTS = st.lists(
    st.builds(
        Event,
        event_type=st.sampled_from(["view", "buy"]),
        # On the edges of the last one and two days before until, one millisecond before, and after until.
        at=st.sampled_from(
            [START, UNTIL - 2 * DAY, UNTIL - 2 * DAY - 1, UNTIL - DAY, UNTIL - DAY - 1, UNTIL - 1, UNTIL]
        ),
        properties=st.sampled_from([properties(c=c) for c in ("x", 5, None)]),
        user_id=st.sampled_from([*IDS, None]),
    ),
    max_size=14,
)
LINKS = st.lists(
    st.builds(
        Stated, st.just("link"), st.sampled_from(["v1", "v2"]), st.sampled_from(["ann", "bob"]), st.integers(0, 3)
    ),
    max_size=3,
)
TRAITS = st.lists(
    st.builds(
        lambda who, at, value: Stated("trait", who, "plan", at, *value),
        st.sampled_from(IDS),
        st.integers(0, 3),
        st.sampled_from([("pro", None), ("5", 5.0), (None, None)]),
    ),
    max_size=4,
)
TIMES = st.sampled_from(
    [{}, {"at_least": 2}, {"at_most": 1}, {"exactly": 0}, {"exactly": 1}, {"at_least": 1, "at_most": 2}]
)
DID = st.builds(
    lambda event, times, days: {"event": event, **times, **days},
    st.sampled_from(["buy", "@any", {"event_type": "view", "filters": [{"property": "c", "op": "eq", "value": "5"}]}]),
    TIMES,
    st.sampled_from([{}, {"days": 1}, {"days": 2}]),
)
HAS = st.sampled_from(
    [
        {"trait": {"property": "user.plan", "op": "eq", "value": "pro"}},
        {"trait": {"property": "plan", "op": "ne", "value": "pro"}},
        {"trait": {"property": "plan", "op": "gt", "value": 3}},
        {
            "trait": {
                "any": [{"property": "plan", "op": "is_not_set"}, {"property": "user.plan", "op": "eq", "value": 5}]
            }
        },
    ]
)
LISTED = st.lists(st.sampled_from(IDS), max_size=2).map(lambda users: {"users": users})
PARTS = st.recursive(
    st.one_of(DID, HAS, LISTED),
    lambda inner: st.builds(lambda name, of: {name: of}, st.sampled_from(["all", "any"]), st.lists(inner, max_size=3)),
    max_leaves=4,
)


def filled(engine: str, events: Sequence[Event], log: Sequence[Stated], definition: dict[str, Any]) -> AnyStore:
    store = STORES[engine]()
    store.put(*events)
    store.state(*log)
    part = read_new(json.dumps({"name": "it's", "definition": definition}).encode()).definition
    found = list(lists(part))
    users = [(place, str(user)) for place, one in enumerate(found) for user in dict.fromkeys(one.users or ())]
    bare = with_lists(part, iter([()] * len(found)))
    store.define("it's", msgspec.json.encode(bare).decode(), users)
    return store


def ask(store: AnyStore, **report: Any) -> Any:
    asked = {"since": "2026-11-01", "until": "2026-11-06T00:00:00Z", "interval": "month", **report}
    return asyncio.run(run(store, read(Trend, json.dumps(asked)), NOW))


# --- by hand --------------------------------------------------------------------------------------


class World:
    """Everything that was put in, and who meets what."""

    def __init__(self, events: Sequence[Event], log: Sequence[Stated]) -> None:
        self.events = [event for event in events if event.at < UNTIL]
        self.known = identity_oracle.persons(log)
        self.traits = identity_oracle.traits(log)

    def person(self, id_: str | None) -> str | None:
        return None if id_ is None else self.known.get(id_, id_)

    def plan(self, person: str | None) -> Any:
        last = self.traits.get(person or "", {}).get("plan")
        return None if last is None else last.number if last.number is not None else last.text

    def meets(self, person: str | None, part: dict[str, Any]) -> bool:
        if person is None:
            return False
        if "all" in part:
            return all(self.meets(person, inner) for inner in part["all"])
        if "any" in part:
            return any(self.meets(person, inner) for inner in part["any"])
        if "users" in part:
            return any(self.person(user) == person for user in part["users"])
        if "trait" in part:
            bearer = Event("-", 0, properties(plan=self.plan(person)))
            plain = json.loads(json.dumps(part["trait"]).replace("user.plan", "plan"))
            return bool(trend_oracle.passes(bearer, plain))
        event = part["event"] if isinstance(part["event"], dict) else {"event_type": part["event"], "filters": []}
        times = sum(
            self.person(one.user_id) == person
            and event["event_type"] in ("@any", one.event_type)
            and ("days" not in part or one.at >= UNTIL - part["days"] * DAY)
            and all(trend_oracle.passes(one, filter_) for filter_ in event["filters"])
            for one in self.events
        )
        if "exactly" in part:
            return bool(times == part["exactly"])
        least = part.get("at_least", 0 if "at_most" in part else 1)
        return bool(least <= times <= part.get("at_most", times))


@pytest.mark.parametrize("engine", list(STORES))
@settings(max_examples=some(12), deadline=None, suppress_health_check=SLOW)
@given(events=EVENTS, links=LINKS, traits=TRAITS, definition=PARTS)
def test_a_report_within_a_cohort_and_split_by_it(
    engine: str, events: list[Event], links: list[Stated], traits: list[Stated], definition: dict[str, Any]
) -> None:
    log = [*links, *traits]
    store, world = filled(engine, events, log, definition), World(events, log)
    within = [event for event in world.events if world.meets(world.person(event.user_id), definition)]
    series = [{"event": "@any"}, {"event": "@any", "measure": "users"}]
    answer = ask(store, series=series, cohort="it's")
    assert [line.total for line in answer.series] == [len(within), len({world.person(e.user_id) for e in within})]
    split = ask(store, series=series[:1], breakdown=[{"property": "@cohort.it's"}, {"property": "user.plan"}])
    counts: dict[tuple[str | None, ...], int] = {}
    for event in world.events:
        person = world.person(event.user_id)
        place = ("true" if world.meets(person, definition) else "false", trend_oracle.text(world.plan(person)))
        counts[place] = counts.get(place, 0) + 1
    assert {tuple(line.breakdown): line.total for line in split.series} == counts
    found = behind(store, {"series": series, "cohort": "it's", "since": "2026-11-01", "until": "2026-11-06T00:00:00Z"})
    assert sorted(person.id for person in found.persons) == sorted({world.person(e.user_id) or "" for e in within})


def behind(store: AnyStore, report: dict[str, Any]) -> PersonsAnswer:
    (trend,) = (kind for kind in KINDS if kind.name == "trend")
    asked = read(PersonsQuestion, json.dumps({"report": report, "at": {"series": 1}}))
    return asyncio.run(trend.persons(store, asked, NOW))


@pytest.mark.parametrize("engine", list(STORES))
def test_numbers_of_traits(engine: str) -> None:
    store = STORES[engine]()
    store.put(*(Event("view", START, "{}", user) for user in ("ann", "ann", "bob", "eve", None)))
    store.state(Stated("trait", "ann", "age", 1, "2.5", 2.5), Stated("trait", "bob", "age", 1, "old"))
    answer = ask(
        store, series=[{"event": "view", "measure": measure, "property": "user.age"} for measure in ("sum", "max")]
    )
    assert [line.total for line in answer.series] == [5.0, 2.5]


def test_an_unknown_cohort() -> None:
    store = filled("duckdb", [], [], {"users": []})
    for report in ({"cohort": "nobody's"}, {"breakdown": [{"property": "@cohort.nobody's"}]}):
        with pytest.raises(InvalidReport) as refused:
            ask(store, series=[{"event": "@any"}], **report)
        assert refused.value.code == "unknown_cohort"


# --- what means nothing ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({}, "definition: needs exactly one"),
        ({"event": "a", "users": []}, "exactly one"),
        ({"all": [{"users": [], "days": 3}]}, r"all\[0\]: at_least"),
        ({"event": ""}, "1 to 200"),
        ({"event": "a", "at_least": -1}, "from 0"),
        ({"event": "a", "at_least": 3, "at_most": 2}, "more than at_most"),
        ({"event": "a", "exactly": 1, "at_least": 1}, "stands alone"),
        ({"event": "a", "days": 0}, "days 0"),
        ({"event": {"event_type": "a", "filters": [{"property": "@cohort.b", "op": "eq", "value": True}]}}, "another"),
        ({"trait": {"property": ["plan"], "op": "is_set"}}, "traits only"),
        ({"trait": {"property": "plan"}}, "'op'"),
        ({"users": [""]}, r"users\[0\]"),
        ({"users": [0] * 100_001}, "100000"),
        ({"any": [{"users": []}] * 60}, "more than 50"),
        ({"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": [{"any": []}]}]}]}]}]}]}]}]}, "deeper"),
    ],
)
def test_definitions_that_mean_nothing(definition: dict[str, Any], message: str) -> None:
    part = read_new(json.dumps({"name": "n", "definition": definition}).encode()).definition
    with pytest.raises(InvalidReport, match=message) as refused:
        rule_of(part, UNTIL)
    assert refused.value.code in ("invalid_cohort", "invalid_filter", "invalid_property")


@pytest.mark.parametrize(
    "body", [b"[]", b'{"name": "n"}', b'{"name": "", "definition": {}}', b'{"name": "a/b", "definition": {}}',
             b'{"name": "n", "definition": {"what": 1}}', b'{"name": "n", "definition": {"users": [true]}}'],
)  # fmt: skip
def test_bodies_that_are_no_cohorts(body: bytes) -> None:
    with pytest.raises(Invalid):
        read_new(body)


def test_the_lists_of_a_definition_go_and_come_back() -> None:
    part = Part(all=(Part(users=("a", 5)), Part(any=(Part(event="x"), Part(users=("b",))))))
    assert [one.users for one in lists(part)] == [("a", 5), ("b",)]
    bare = with_lists(part, iter([(), ()]))
    assert [one.users for one in lists(bare)] == [(), ()]
    assert with_lists(bare, iter([("a", "5"), ("b",)])) != bare
