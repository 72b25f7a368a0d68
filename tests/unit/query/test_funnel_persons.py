"""The persons behind the numbers of a funnel: as many as the number says, in every view, on both engines."""

import asyncio
import json
from random import Random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evensplit.errors import InvalidReport
from evensplit.model.report import read
from evensplit.model.report.persons import PersonsAnswer, PersonsQuestion
from evensplit.query.run.kinds import KINDS
from tests.unit.examples import some
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, MemoryStore, properties

MINUTE = 60_000
START = 1_793_491_200_000  # 2026-11-01T00:00Z
NOW = START + 86_400_000
(FUNNEL,) = (kind for kind in KINDS if kind.name == "funnel")
REPORT = {"steps": ["a", "b", "c"], "since": "2026-11-01", "until": "2026-11-02", "window": "1h"}
EVENTS = st.lists(
    st.builds(
        Event,
        event_type=st.sampled_from(["a", "a", "b", "c"]),
        at=st.integers(0, 180).map(lambda minute: START + minute * MINUTE),
        properties=st.sampled_from([properties(p=p) for p in ("x", "y", "$other", None, 5)]),
        user_id=st.sampled_from(["u1", "u2", "u3", "v1", "v2", None]),
    ),
    max_size=20,
)


def behind(store: AnyStore, report: dict[str, Any], at: dict[str, Any], **more: Any) -> PersonsAnswer:
    asked = read(PersonsQuestion, json.dumps({"report": report, "at": at, **more}))
    return asyncio.run(FUNNEL.persons(store, asked, NOW))


def answered(store: AnyStore, report: dict[str, Any]) -> Any:
    return asyncio.run(FUNNEL.asked(store, json.dumps(report), NOW))


def cells(answer: Any, view: str) -> list[tuple[dict[str, Any], int]]:
    """Every number that the answer shows, with the cell that names it."""
    found: list[tuple[dict[str, Any], int]] = []
    whole: list[tuple[dict[str, Any], Any]] = [({}, answer)]
    for place, part in whole + [({"breakdown": p.breakdown, "rest": p.rest}, p) for p in answer.breakdowns]:
        for n, step in enumerate(part.steps, 1):
            found.append(({**place, "step": n}, step.users))
            if n > 1:
                found.append(({**place, "step": n, "dropped": True}, part.steps[n - 2].users - step.users))
        if view == "trend":
            for n, users in enumerate(part.trend.users, 1):
                cell = [{**place, "step": n, "bucket": bucket} for bucket in answer.buckets]
                found += zip(cell, users, strict=True)
        if view == "time_to_convert":
            bins = [{**place, "step": 3, "bin": n} for n in range(len(part.times.users))]
            found += zip(bins, part.times.users, strict=True)
    return found


@pytest.mark.parametrize(("engine", "most"), [("duckdb", some(2)), ("clickhouse", some(2))])
def test_as_many_as_the_number_says(engine: str, most: int) -> None:
    @settings(max_examples=most, suppress_health_check=list(HealthCheck))
    @given(EVENTS, st.booleans(), st.booleans(), st.sampled_from(["trend", "time_to_convert"]), st.randoms())
    def holds(events: list[Event], linked: bool, split: bool, view: str, some: Random) -> None:
        store = STORES[engine]()
        store.put(*events)
        if linked:
            store.link("v1", "u1", START)
        report: dict[str, Any] = {
            **REPORT,
            "view": view,
            "bins": 3,
            "interval": "hour",
            "until": "2026-11-01T03:00:00Z",
            "breakdown": [{"property": "p", "limit": 1}] if split else [],
        }
        shown = cells(answered(store, report), view)
        for cell, number in some.sample(shown, min(len(shown), 4)):
            found = behind(store, report, cell)
            assert (found.count, len(found.persons)) == (number, number), cell

    holds()


@pytest.mark.parametrize("engine", STORES)
def test_who_they_are(engine: str) -> None:
    store = STORES[engine]()
    store.put(
        Event("a", START, properties(p="x"), "visitor", "s1"),
        Event("b", START + MINUTE, properties(p="y"), "known", "s1"),
        Event("a", START, "{}", "other", "s2"),
        Event("a", START, "{}", None, "s3"),
    )
    store.link("visitor", "known", START + 5 * MINUTE)
    split = {**REPORT, "breakdown": [{"property": "p"}], "attribution": "last"}

    def names(report: dict[str, Any], **cell: Any) -> list[str]:
        return [person.id for person in behind(store, report, cell).persons]

    assert names(REPORT, step=1) == ["known", "other"]
    assert names(REPORT, step=2) == ["known"]
    assert names(REPORT, step=2, dropped=True) == ["other"]
    assert names(split, step=1, breakdown=["y"]) == ["known"]
    assert names(split, step=1, breakdown=[None]) == ["other"]
    assert names(split, step=1, breakdown=["$other"], rest=[True]) == []
    sessions = {**REPORT, "count": "sessions"}
    assert [step.users for step in answered(store, sessions).steps] == [3, 1, 0]
    assert names(sessions, step=1) == ["known", "other"], "a session of nobody has nobody behind it"


@pytest.mark.parametrize(
    "at",
    [
        {"step": 0},
        {"step": 4},
        {"step": 1, "dropped": True},
        {"bucket": "2026-11-01"},
        {"step": 3, "bin": 0},
        {"breakdown": ["x"]},
        {"rest": [True]},
    ],
)
def test_a_cell_that_is_not_there(at: dict[str, Any]) -> None:
    with pytest.raises(InvalidReport) as refused:
        behind(MemoryStore(), REPORT, at)
    assert refused.value.code == "unknown_cell"


@pytest.mark.parametrize("at", [{"step": 3, "bin": 20}, {"step": 3, "bin": -1}, {"step": 2, "bin": 0}])
def test_a_bin_that_is_not_there(at: dict[str, Any]) -> None:
    with pytest.raises(InvalidReport) as refused:
        behind(MemoryStore(), {**REPORT, "view": "time_to_convert"}, at)
    assert refused.value.code == "unknown_cell"
