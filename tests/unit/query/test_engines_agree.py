"""One question, both engines: any kind of report with random options over generated events, answers compared whole.

What an answer must be is said by the oracles; here both engines have to say the same, field by field. Marked
`clickhouse`, which takes the longer part of it.
"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evensplit.query.run.kinds import FUNNEL, LIFECYCLE, PATHS, RETENTION, SESSIONS, STICKINESS, TREND, Kind
from tests.unit.query import (
    test_activity_oracles,
    test_funnel_oracle,
    test_paths_oracle,
    test_retention_oracle,
    test_sessions_oracle,
    test_trend_oracle,
)
from tests.unit.query.activity_cases import LINKS, NOW, ask, examples, filled, ms
from tests.unit.query.clickhouse_store import ClickhouseStore
from tests.unit.query.memory_store import Event, MemoryStore

pytestmark = pytest.mark.clickhouse
Asked = tuple[Kind, dict[str, Any], list[Event], list[tuple[str, str, int]], int]


@st.composite
def trends(draw: st.DrawFn) -> Asked:
    report, _, _, events = draw(test_trend_oracle.cases())
    return TREND, report, events, draw(LINKS), NOW


@st.composite
def funnels(draw: st.DrawFn) -> Asked:
    events = draw(st.one_of(test_funnel_oracle.EVENTS, test_funnel_oracle.ONE_USER))
    return FUNNEL, draw(test_funnel_oracle.reports()), events, draw(test_funnel_oracle.LINKED), NOW


@st.composite
def retentions(draw: st.DrawFn) -> Asked:
    report, events, links, now = draw(test_retention_oracle.cases())
    return RETENTION, report, events, links, ms(now)


@st.composite
def activities(draw: st.DrawFn) -> Asked:
    report, events, links = draw(test_activity_oracles.cases())
    kinds: list[Kind] = [LIFECYCLE, STICKINESS]
    return draw(st.sampled_from(kinds)), report, events, links, NOW


@st.composite
def paths(draw: st.DrawFn) -> Asked:
    report, events = draw(test_paths_oracle.reports()), draw(test_paths_oracle.events())
    return PATHS, report, events, draw(LINKS), NOW


@st.composite
def visits(draw: st.DrawFn) -> Asked:
    report, _, _ = draw(test_sessions_oracle.reports())
    return SESSIONS, report | {"tops": report.get("tops", [])}, draw(test_sessions_oracle.events()), draw(LINKS), NOW


QUESTIONS = {
    "trend": trends(),
    "funnel": funnels(),
    "retention": retentions(),
    "activity": activities(),
    "paths": paths(),
    "sessions": visits(),
}


@pytest.mark.parametrize("name", QUESTIONS)
def test_both_engines_give_the_same_answer(name: str) -> None:
    @examples(5)
    @given(QUESTIONS[name])
    def same(asked: Asked) -> None:
        kind, report, events, links, now = asked
        here, there = (filled(store, events, links) for store in (MemoryStore(), ClickhouseStore()))
        alike(told(ask(kind, here, report, now)), told(ask(kind, there, report, now)), kind.name)

    same()


def told(answer: Any) -> Any:
    """The answer as it is sent, without how long it took."""
    found = json.loads(msgspec.json.encode(answer))
    return {name: value for name, value in found.items() if name != "query_ms"}


def alike(left: Any, right: Any, at: str) -> None:
    """Exactly the same, but for numbers with a fraction: those to a relative 1e-9."""
    assert type(left) is type(right) or {type(left), type(right)} == {int, float}, (at, left, right)
    if isinstance(left, dict):
        assert list(left) == list(right), at
        for name in left:
            alike(left[name], right[name], f"{at}.{name}")
    elif isinstance(left, list):
        assert len(left) == len(right), (at, left, right)
        for n, (one, other) in enumerate(zip(left, right, strict=True)):
            alike(one, other, f"{at}[{n}]")
    elif isinstance(left, float) or isinstance(right, float):
        assert left == pytest.approx(right, rel=1e-9), at
    else:
        assert left == right, at


def test_what_is_not_alike_is_told() -> None:
    for one, other in (({"a": [1, 2]}, {"a": [1, 3]}), ([1.0], [1.0 + 1e-6]), ("x", "y"), (None, 0), ([1], [1, 1])):
        with pytest.raises(AssertionError):
            alike(one, other, "answer")
    alike({"a": [0.1 + 0.2, 1]}, {"a": [0.3, 1.0]}, "answer")
