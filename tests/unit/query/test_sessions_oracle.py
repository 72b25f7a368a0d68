"""Sessions over generated events, held against the oracle on both engines; and the persons behind every number."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit import clock
from evensplit.model.report.sessions import SessionsAnswer
from evensplit.query.run.kinds import SESSIONS
from tests.unit.query import sessions_oracle as oracle
from tests.unit.query.memory_store import Event
from tests.unit.query.paths_cases import EXAMPLES, LINKS, QUICK, START, Links, ask, behind, times, with_events

Asked = tuple[dict[str, Any], int, int]  # report, since, until
NOW = START + 10 * 86_400_000
HOUR = 3_600_000
TEXTS: list[object] = ["/", "/a", "", "é'\"", None]
MIXED: list[object] = [*TEXTS, 5, 5.0, True, 0.1, {"a": 1.0}]
TOPS = ["pages", "entry_pages", "exit_pages", *oracle.LISTS]
NAMES = ["$pathname", "path", "url", "$referrer", "referrer", "utm_source", "$utm_source", "device", "$os", "country"]


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    pool = st.sampled_from(draw(st.sampled_from([TEXTS, MIXED])))
    names = st.sampled_from(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=4, unique=True)))
    event = st.builds(
        Event,
        event_type=st.sampled_from(["page_view", "$pageview", "click", "buy"]),
        at=times,
        properties=st.dictionaries(names, pool, max_size=3).map(json.dumps) | st.none(),
        user_id=st.sampled_from(["u1", "u2", "v1", "v2", None]),
        session_id=st.sampled_from([None, None, None, "s1", "s2", "u1"]),
    )
    return draw(st.lists(event, max_size=14))


@st.composite
def reports(draw: st.DrawFn) -> Asked:
    # The last has more hours than a word has bits, and its second word begins amid the events.
    low, high = draw(st.sampled_from([(0, 24), (0, 48), (1, 2), (-2, 3), (-60, 24)]))
    report: dict[str, Any] = {
        "since": clock.to_text(START + low * HOUR).replace(" ", "T") + "Z",
        "until": clock.to_text(START + high * HOUR).replace(" ", "T") + "Z",
        "interval": draw(st.sampled_from(["hour", "day"])),
        "filters": draw(st.sampled_from([[], [], [{"property": "@event_type", "op": "ne", "value": "buy"}]])),
        "limit": draw(st.sampled_from([1, 2, 1000])),
    }
    if draw(st.booleans()):
        filters = [{"property": "path", "op": "ne", "value": "/"}]
        report["page_view"] = {"event_type": draw(st.sampled_from(["click", "@any"])), "filters": filters}
    if draw(st.integers(0, 9)):  # else all of them, which takes long
        report["tops"] = draw(st.lists(st.sampled_from(TOPS), max_size=3))
    return report, START + low * HOUR, START + high * HOUR


@settings(max_examples=EXAMPLES["duckdb"] // 2, deadline=None, suppress_health_check=QUICK)
@given(reports(), events(), LINKS)
def test_duckdb_says_what_the_oracle_says(asked: Asked, events: list[Event], links: Links) -> None:
    holds("duckdb", asked, events, links)


@settings(max_examples=EXAMPLES["clickhouse"] // 2, deadline=None, suppress_health_check=QUICK)
@given(reports(), events(), LINKS)
def test_clickhouse_says_what_the_oracle_says(asked: Asked, events: list[Event], links: Links) -> None:
    holds("clickhouse", asked, events, links)


def holds(engine: str, asked: Asked, events: list[Event], links: Links) -> None:
    report, low, high = asked
    store = with_events(engine, events, links)
    answer: Any = ask(SESSIONS, store, report, NOW)
    assert isinstance(answer, SessionsAnswer)
    seen = oracle.seen_in(events, report["filters"], low, high, oracle.persons_of(links))
    page_view = report.get("page_view")
    expected = oracle.totals(seen, page_view)
    found = {name: getattr(answer.totals, name) for name in expected}
    assert found == {name: value and pytest.approx(value, rel=1e-9) for name, value in expected.items()}
    held_lines(answer, seen, low, high, page_view, report["interval"])
    lists = oracle.tops(seen, page_view)
    wanted = report.get("tops") or ([] if "tops" in report else list(lists))
    assert set(answer.tops) == set(wanted)
    for name in answer.tops:
        held_list(answer.tops[name], lists[name], report["limit"])
        for row in answer.tops[name][:2] if report.get("tops") else []:
            people = behind(SESSIONS, store, report, {"metric": name, "value": row.value}, NOW)
            assert people == lists[name][row.value][0]
    assert behind(SESSIONS, store, report, {}, NOW) == {person for _, _, person in seen} - {None}


def held_lines(
    answer: SessionsAnswer, seen: list[oracle.Seen], low: int, high: int, page_view: Any, interval: str
) -> None:
    """Each bucket has the numbers of a report about that bucket alone."""
    width = HOUR if interval == "hour" else 24 * HOUR
    edges = list(range(low - (low - START) % width, high, width))  # a clipped bucket keeps its start
    assert len(edges) == len(answer.buckets)
    for n, edge in enumerate(edges):
        alone = oracle.totals([one for one in seen if edge <= one[1].at < edge + width], page_view)
        found = (answer.lines.visitors[n], answer.lines.sessions[n], answer.lines.page_views[n])
        assert found == (alone["visitors"], alone["sessions"], alone["page_views"])


def held_list(rows: Any, expected: dict[str | None, Any], limit: int) -> None:
    def order(value: str | None) -> tuple[int, bool, str]:
        _, sessions, views = expected[value]
        return (-(views if sessions is None else sessions), value is None, value or "")

    assert [row.value for row in rows] == sorted(expected, key=order)[:limit]
    for row in rows:
        people, sessions, views = expected[row.value]
        assert (row.visitors, row.sessions, row.page_views) == (len(people), sessions, views)
