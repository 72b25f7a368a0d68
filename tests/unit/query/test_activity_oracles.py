"""Lifecycle and stickiness over generated events, held against their oracles on both engines, cell by cell."""

from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit.query.run.kinds import LIFECYCLE, STICKINESS, TREND
from tests.unit.query import lifecycle_oracle, stickiness_oracle
from tests.unit.query.activity_cases import CHOICES, LINKS, Links, ask, behind, events, examples, filled, ranges
from tests.unit.query.clickhouse_store import STORES
from tests.unit.query.memory_store import Event

Case = tuple[dict[str, Any], list[Event], Links]


@st.composite
def cases(draw: st.DrawFn) -> Case:
    common = draw(ranges(["hour", "day", "day", "week", "month"]))
    return common | {"event": draw(CHOICES)}, draw(events(common)), draw(LINKS)


@pytest.mark.parametrize("engine", STORES)
@examples(8)
@given(cases())
def test_a_lifecycle_is_what_counting_by_hand_gives(engine: str, case: Case) -> None:
    report, happened, links = case
    store = filled(STORES[engine](), happened, links)
    answer = ask(LIFECYCLE, store, report)
    since, until = (datetime.fromisoformat(report[name]) for name in ("since", "until"))
    buckets, expected = lifecycle_oracle.lifecycle(happened, links, report, since, until)
    assert answer.buckets == buckets
    cells = []
    for state, row in expected.items():
        assert getattr(answer, state) == [len(people) for people in row], state
        cells += [(-len(people), n, state) for n, people in enumerate(row)]
    for _, n, state in sorted(cells)[:3]:
        assert behind(LIFECYCLE, store, report, {"bucket": buckets[n], "state": state}) == expected[state][n]
    users = ask(TREND, store, trend(report | {"since": answer.report.since})).series[0].values
    active = zip(answer.new, answer.returning, answer.resurrecting, strict=True)
    assert [sum(states) for states in active] == users


@pytest.mark.parametrize("engine", STORES)
@examples(8)
@given(cases())
def test_stickiness_is_what_counting_by_hand_gives(engine: str, case: Case) -> None:
    report, happened, links = case
    store = filled(STORES[engine](), happened, links)
    answer = ask(STICKINESS, store, report)
    since, until = (datetime.fromisoformat(report[name]) for name in ("since", "until"))
    intervals, expected = stickiness_oracle.stickiness(happened, links, report, since, until)
    assert answer.intervals == intervals
    assert [(bar.intervals, bar.users) for bar in answer.histogram] == sorted((k, len(v)) for k, v in expected.items())
    for k, people in sorted(expected.items())[-2:]:
        assert behind(STICKINESS, store, report, {"intervals": k}) == people
    assert sum(bar.users for bar in answer.histogram) == ask(TREND, store, trend(report)).series[0].total


def trend(report: dict[str, Any]) -> dict[str, Any]:
    """The same question of how many persons."""
    common = {name: value for name, value in report.items() if name != "event"}
    return common | {"series": [{"event": report["event"], "measure": "users"}]}
