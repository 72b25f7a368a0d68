"""The SQL of paths and sessions: no value stands in it, whatever its characters, on both engines; and its shape."""

import json
from typing import Any

import pytest

from evensplit.query.run.kinds import PATHS, SESSIONS
from tests.unit.query.memory_store import Event
from tests.unit.query.paths_cases import START, ask, behind, with_events

NOW = START + 86_400_000
ENGINES = ("duckdb", "clickhouse")
RANGE = {"since": "2026-11-01", "until": "2026-11-01"}
STRANGE = ["'", '"', "''; DROP TABLE events; --", "?", "{}", "{0}", "%s", "\\", "\x00", "\n", "\U0001f984", "*", ":"]


def through_every_field(engine: str, odd: str) -> list[str]:
    """Reports that hold the text wherever one can stand, over events that have it everywhere; their statements."""
    document = json.dumps({odd: odd, "path": odd, "utm_source": odd})
    events = [Event(odd, START, document, odd, odd), Event(odd + "x", START + 1, document, odd, odd)]
    store = with_events(engine, events, [])
    filters = [{"property": [odd], "op": "eq", "value": odd}]
    paths = {**RANGE, "filters": filters, "start": odd, "group": [odd + "y"]}
    answer: Any = ask(PATHS, store, paths, NOW)
    link = {"source": f"1:{odd}", "target": f"2:{odd}x"}
    assert [(link.source, link.target, link.users) for link in answer.links] == [(*link.values(), 1)]
    assert behind(PATHS, store, paths, link, NOW) == {odd}
    answer = ask(PATHS, store, {**RANGE, "by": [odd], "group": [odd], "end": odd}, NOW)
    assert [(node.id, node.users) for node in answer.nodes] == [(f"5:{odd}", 1)]
    sessions = {**RANGE, "page_view": {"event_type": odd, "filters": filters}, "tops": ["pages", "utm_sources"]}
    answer = ask(SESSIONS, store, sessions, NOW)
    assert [[row.value for row in rows] for rows in answer.tops.values()] == [[odd], [odd]]
    assert answer.totals.page_views == 1
    for metric in ("pages", "utm_sources"):
        assert behind(SESSIONS, store, sessions, {"metric": metric, "value": odd}, NOW) == {odd}
    return [sql for sql, _ in store.asked]


PLAIN: dict[str, list[str]] = {}


@pytest.mark.parametrize("odd", STRANGE)
def test_odd_characters_through_every_field(odd: str) -> None:
    if "duckdb" not in PLAIN:
        PLAIN["duckdb"] = through_every_field("duckdb", "plain text")
    assert through_every_field("duckdb", odd) == PLAIN["duckdb"]


def test_odd_characters_on_clickhouse() -> None:
    """All of them at once; each alone would take long."""
    through_every_field("clickhouse", "".join(STRANGE))


def statement(kind: Any, engine: str, **report: Any) -> str:
    store = with_events(engine, [Event("view", START, '{"path": "/"}', "u")], [])
    ask(kind, store, {**RANGE, **report}, NOW)
    return store.asked[-1][0]


SEEN = (
    "SELECT person, session_id AS s, epoch_ms(created_at) AS t, id, event_type AS v FROM "
    "(SELECT e.*, e.user_id AS person FROM events AS e) "
    "WHERE created_at >= ? AND created_at < ? AND id <= ? AND TRUE AND person IS NOT NULL"
)
ORDERED = "OVER (PARTITION BY person, s, n ORDER BY t, id)"
V = "CASE WHEN v IS NOT NULL THEN v END"


def test_paths_on_duckdb() -> None:
    assert statement(PATHS, "duckdb") == (
        f"WITH sequence AS (SELECT person, s, n, t, id, v, lag({V}) {ORDERED} AS before FROM ("
        f"SELECT person, s, 0 AS n, t, id, v FROM ({SEEN}) AS seen WHERE s IS NOT NULL UNION ALL "
        "SELECT person, nullif('', '') AS s, n, t, id, v FROM ("
        "SELECT person, t, id, v, sum(CASE WHEN t - before > ? THEN 1 ELSE 0 END) OVER (PARTITION BY person "
        "ORDER BY t, id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n FROM ("
        "SELECT person, t, id, v, lag(t) OVER (PARTITION BY person ORDER BY t, id) AS before FROM ("
        f"SELECT person, t, id, v FROM ({SEEN}) AS seen WHERE s IS NULL) AS seated) AS timed) AS numbered"
        ") AS seated WHERE v IS NOT NULL), "
        f"places AS (SELECT person, s, n, v, row_number() {ORDERED} AS place, lead({V}) {ORDERED} AS next_v "
        "FROM sequence WHERE before IS DISTINCT FROM v), "
        "steps AS (SELECT person, step, v, CASE WHEN step < ? THEN next_v END AS follower FROM "
        "(SELECT places.person AS person, place AS step, v, next_v FROM places) AS stepped "
        "WHERE step BETWEEN 1 AND ?), "
        "counted AS (SELECT step, v, follower, grouping(follower) AS node, count(DISTINCT person) AS users "
        "FROM steps GROUP BY GROUPING SETS ((step, v, follower), (step, v))), "
        "joined AS (SELECT *, max(CASE WHEN node = 1 THEN users END) OVER (PARTITION BY step, v) AS source_users, "
        "max(CASE WHEN node = 1 THEN users END) OVER (PARTITION BY step + 1 - node, "
        "CASE WHEN node = 1 THEN v ELSE follower END) AS target_users FROM counted), "
        "ranked AS (SELECT *, row_number() OVER (PARTITION BY node ORDER BY users DESC, step, v, follower) AS rank "
        "FROM joined WHERE CASE WHEN node = 1 THEN step = ? ELSE follower IS NOT NULL END) "
        "SELECT step, v, CASE WHEN node = 0 THEN follower END AS follower, users, source_users, target_users "
        "FROM ranked WHERE rank <= ?"
    )


def test_the_engines_are_asked_alike() -> None:
    """Only the scan is spelled otherwise."""
    for kind in (PATHS, SESSIONS):
        texts = [statement(kind, engine, **({"tops": []} if kind is SESSIONS else {})) for engine in ENGINES]
        last = "places AS (" if kind is PATHS else ") SELECT 0 AS part"
        tails = [text[text.index(last) :].replace("quantileExactInclusive(0.5)(lasted)", "M") for text in texts]
        assert tails[0].replace("quantile_cont(lasted, 0.5)", "M") == tails[1]


def test_only_properties_that_occur_are_looked_at() -> None:
    store = with_events("duckdb", [Event("view", START, '{"path": "/"}', "u")], [])
    ask(SESSIONS, store, RANGE, NOW)
    assert "path" in store.asked[-1][1] and "$pathname" not in store.asked[-1][1]
    store.put(Event("view", START, '{"$pathname": "/new"}', "u"))
    answer: Any = ask(SESSIONS, store, RANGE, NOW)
    assert "$pathname" in store.asked[-1][1]
    assert [row.value for row in answer.tops["exit_pages"]] == [None]  # `view` is no page view


def test_nothing_is_unknown_and_not_zero() -> None:
    for engine in ENGINES:
        store = with_events(engine, [], [])
        answer: Any = ask(SESSIONS, store, RANGE, NOW)
        assert (answer.totals.sessions, answer.totals.bounce_rate, answer.totals.median_duration) == (0, None, None)
        assert (answer.lines.visitors, answer.tops["pages"]) == ([0], [])
        found: Any = ask(PATHS, store, RANGE, NOW)
        assert (found.nodes, found.links, found.truncated) == ([], [], False)
