"""Paths over generated events, held against the oracle on both engines; and the persons behind every number."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit.query.run.kinds import PATHS
from tests.unit.query import paths_oracle, sessions_oracle
from tests.unit.query.memory_store import Event
from tests.unit.query.paths_cases import EXAMPLES, LINKS, QUICK, START, Links, ask, behind, times, with_events

NOW = START + 10 * 86_400_000
TEXTS: list[object] = ["/", "/p/1", "/p/2", "p*", "", None]
MIXED: list[object] = [*TEXTS, 5, 5.0, True, {"a": 1.0}]


@st.composite
def events(draw: st.DrawFn) -> list[Event]:
    pool = st.sampled_from(draw(st.sampled_from([TEXTS, MIXED])))
    event = st.builds(
        Event,
        event_type=st.sampled_from(["view", "click", "buy"]),
        at=times,
        properties=pool.map(lambda value: json.dumps({"p": value})) | st.none(),
        user_id=st.sampled_from(["u1", "u2", "v1", "v2", None]),
        session_id=st.sampled_from([None, None, None, "s1", "s2"]),
    )
    return draw(st.lists(event, max_size=16))


@st.composite
def reports(draw: st.DrawFn) -> dict[str, Any]:
    by = draw(st.sampled_from(["@event_type", "p"]))
    groups = st.sampled_from(["/p/*", "*", "p*", "v*w", "/", "**k", "\\*", "[a-z]"])
    report: dict[str, Any] = {
        "since": "2026-11-01",
        "until": "2026-11-01",
        "by": by,
        "steps": draw(st.sampled_from([2, 3, 5, 20])),
        "limit": draw(st.sampled_from([1, 3, 1000])),
        "group": draw(st.lists(groups, max_size=2)),
        "filters": draw(st.sampled_from([[], [], [{"property": "@event_type", "op": "ne", "value": "buy"}]])),
    }
    anchor = draw(st.sampled_from([None, "start", "end"]))
    if anchor is not None:
        values = ["view", "click", "buy"] if by == "@event_type" else ["/", "/p/1", "5", ""]
        report[anchor] = draw(st.sampled_from([*values, *report["group"], "nothing"]))
    return report


@settings(max_examples=EXAMPLES["duckdb"], deadline=None, suppress_health_check=QUICK)
@given(reports(), events(), LINKS)
def test_duckdb_says_what_the_oracle_says(report: dict[str, Any], events: list[Event], links: Links) -> None:
    holds("duckdb", report, events, links)


@settings(max_examples=EXAMPLES["clickhouse"], deadline=None, suppress_health_check=QUICK)
@given(reports(), events(), LINKS)
def test_clickhouse_says_what_the_oracle_says(report: dict[str, Any], events: list[Event], links: Links) -> None:
    holds("clickhouse", report, events, links)


def holds(engine: str, report: dict[str, Any], events: list[Event], links: Links) -> None:
    nodes, moves = paths_oracle.paths(events, report, START, START + 86_400_000, sessions_oracle.persons_of(links))
    expected = sorted(
        ((-len(people), *source, target[1]) for (source, target), people in moves.items()),
    )
    store = with_events(engine, events, links)
    answer: Any = ask(PATHS, store, report, NOW)
    assert [(-link.users, link.source, link.target) for link in answer.links] == [
        (users, f"{step}:{value}", f"{step + 1}:{then}") for users, step, value, then in expected[: report["limit"]]
    ]
    assert answer.truncated == (len(expected) > report["limit"])
    held_nodes(answer, nodes, report)
    for node in answer.nodes[:2]:
        assert behind(PATHS, store, report, {"node": node.id}, NOW) == nodes[node.step, node.value]
    for (source, target), people in list(moves.items())[:2]:
        at = {"source": f"{source[0]}:{source[1]}", "target": f"{target[0]}:{target[1]}"}
        assert behind(PATHS, store, report, at, NOW) == people


def held_nodes(answer: Any, nodes: paths_oracle.People, report: dict[str, Any]) -> None:
    """Those at the ends of links, and those where paths begin (or end, if they end at a value)."""
    root = report["steps"] if "end" in report else 1
    roots = sorted((-len(people), value) for (step, value), people in nodes.items() if step == root)
    shown = {f"{root}:{value}" for _, value in roots[: report["limit"]]}
    shown |= {end for link in answer.links for end in (link.source, link.target)}
    expected = [(step, -len(people), value) for (step, value), people in nodes.items() if f"{step}:{value}" in shown]
    assert [(node.step, -node.users, node.value) for node in answer.nodes] == sorted(expected)
    assert all(node.id == f"{node.step}:{node.value}" for node in answer.nodes)
