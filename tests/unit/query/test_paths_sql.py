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


KEY = "(epoch_us(created_at) - ?)::BIGINT * 1 + id AS k"
SEEN = (
    f"SELECT person, session_id AS s, {KEY}, event_type AS v FROM "
    "(SELECT e.*, e.user_number AS person FROM events AS e) "
    "WHERE created_at >= ? AND created_at < ? AND id <= ? AND TRUE AND person IS NOT NULL"
)
ORDERED = "OVER (PARTITION BY person, s, n ORDER BY k)"
V = "CASE WHEN v IS NOT NULL THEN v END"


def test_paths_on_duckdb() -> None:
    assert statement(PATHS, "duckdb") == (
        f"WITH sequence AS (SELECT person, s, n, k, v, lag({V}) {ORDERED} AS before FROM ("
        f"SELECT person, s, 0 AS n, k, v FROM ({SEEN}) AS seen WHERE s IS NOT NULL UNION ALL "
        "SELECT person, nullif('', '') AS s, n, k, v FROM ("
        "SELECT person, k, v, sum(CASE WHEN (k // 1000)::BIGINT - (before // 1000)::BIGINT > ? THEN 1 ELSE 0 END) "
        "OVER (PARTITION BY person ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n FROM ("
        "SELECT person, k, v, lag(k) OVER (PARTITION BY person ORDER BY k) AS before FROM ("
        f"SELECT person, k, v FROM ({SEEN}) AS seen WHERE s IS NULL) AS seated) AS timed) AS numbered"
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
    texts = [statement(PATHS, engine) for engine in ENGINES]
    tails = [text[text.index("places AS (") :] for text in texts]
    assert tails[0] == tails[1]


PAGE_VIEWS = {"duckdb": "(event_type IN (?, ?, ?, ?))", "clickhouse": "(event_type IN ?)"}
SCANNED = {  # of each event, by engine: the key, and the bucket
    "duckdb": f"SELECT person, session_id AS s, {KEY}, ?::INTEGER AS b, ",
    "clickhouse": "SELECT person, session_id AS s, toInt64(toUnixTimestamp64Milli(created_at) - ?) * toInt64('1000') "
    "+ toInt64(id) AS k, toInt32(?) AS b, ",
}
FROM_EVENTS = {
    "duckdb": " FROM (SELECT e.*, e.user_number AS person FROM events AS e) "
    "WHERE created_at >= ? AND created_at < ? AND id <= ? AND ",
    "clickhouse": " FROM (SELECT e.id AS id, e.event_type AS event_type, e.user_id AS user_id, "
    "e.session_id AS session_id, e.created_at AS created_at, e.properties AS properties, e.texts AS texts, "
    "e.user_id AS person FROM events AS e) WHERE created_at >= fromUnixTimestamp64Milli(?, 'UTC') "
    "AND created_at < fromUnixTimestamp64Milli(?, 'UTC') AND id <= ? AND ",
}
NOBODY = {"duckdb": "NULL::BIGINT", "clickhouse": "nullif('', '')"}
BITS = {"duckdb": "bit_or(1::BIGINT << (b))", "clickhouse": "groupBitOr(bitShiftLeft(toInt64(1), b))"}
HAS = {"duckdb": "m & 1 <> 0", "clickhouse": "bitTest(m, 0)"}
MEDIAN = {"duckdb": "quantile_cont(lasted, 0.5)", "clickhouse": "quantileExactInclusive(0.5)(lasted)"}
ELAPSED = {"duckdb": "({} // 1000)::BIGINT", "clickhouse": "toInt64(intDiv({}, toInt64('1000')))"}


@pytest.mark.parametrize("engine", ENGINES)
def test_sessions(engine: str) -> None:
    view, elapsed = PAGE_VIEWS[engine], ELAPSED[engine].format
    seen = f"{SCANNED[engine]}CASE WHEN {view} THEN 1 ELSE 0 END AS view{FROM_EVENTS[engine]}TRUE"
    counted = (
        "count(*) AS happened, sum(view) AS viewed, min(k) AS first, max(k) AS last, "
        f"{BITS[engine]} AS m, min_by(c0, k) AS c0"
    )
    rest = "visitors, NULL AS sessions, NULL AS views, NULL AS bounces, NULL AS median"
    number = f"[coalesce(sum(n) FILTER (WHERE {HAS[engine]}), 0)] AS numbers"
    valued = seen.replace(" AS view ", " AS view, nullif('', '') AS c0 ")
    expected = (
        f"WITH visits AS MATERIALIZED (SELECT s, {NOBODY[engine]} AS o, 0 AS n, "
        f"min(person) AS whose, max(person) AS other, {counted} FROM ({valued}) AS seen "
        "WHERE s IS NOT NULL GROUP BY s UNION ALL SELECT nullif('', '') AS s, person AS o, n, "
        f"person AS whose, person AS other, {counted} FROM (SELECT person, k, b, view, c0, "
        f"sum(CASE WHEN {elapsed('k')} - {elapsed('before')} > ? THEN 1 ELSE 0 END) "
        "OVER (PARTITION BY person ORDER BY k ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS n FROM ("
        "SELECT person, k, b, view, c0, lag(k) OVER (PARTITION BY person ORDER BY k) AS before FROM ("
        f"SELECT * FROM ({valued}) AS seen WHERE s IS NULL AND person IS NOT NULL) AS seated) AS timed) AS numbered "
        f"GROUP BY person, n), who AS MATERIALIZED (SELECT person, {BITS[engine]} AS m FROM ({seen}) AS seen "
        "WHERE person IS NOT NULL GROUP BY person), stays AS (SELECT CASE WHEN s IS NULL THEN o ELSE whose END "
        "AS person, 1 AS one, viewed, c0 FROM visits WHERE s IS NULL OR whose IS NULL OR whose = other UNION ALL "
        "SELECT m.person AS person, CASE WHEN m.person = whose THEN 1 ELSE 0 END AS one, viewed, c0 FROM visits AS v "
        f"JOIN (SELECT DISTINCT s, person FROM ({seen}) AS seen WHERE person IS NOT NULL AND s IN "
        "(SELECT s FROM visits WHERE s IS NOT NULL AND whose <> other)) AS m ON m.s = v.s WHERE whose <> other) "
        "SELECT 0 AS part, NULL AS b, NULL AS v, NULL AS visitors, count(*) AS sessions, sum(viewed) AS views, "
        "count(*) FILTER (WHERE viewed = 1 OR (viewed = 0 AND happened = 1)) AS bounces, "
        f"{MEDIAN[engine]} AS median, [] AS numbers "
        f"FROM (SELECT happened, viewed, {elapsed('last')} - {elapsed('first')} AS lasted FROM visits) AS visits "
        f"UNION ALL SELECT 1 AS part, NULL AS b, NULL AS v, count(DISTINCT person) AS {rest}, [] AS numbers FROM who "
        f"UNION ALL SELECT 1 AS part, 0 AS b, NULL AS v, NULL AS {rest}, {number} "
        "FROM (SELECT m, count(*) AS n FROM who GROUP BY m) AS masks "
        f"UNION ALL SELECT 2 AS part, 0 AS b, NULL AS v, NULL AS {rest}, {number} "
        "FROM (SELECT m, count(*) AS n FROM visits GROUP BY m) AS masks "
        f"UNION ALL SELECT 3 AS part, b AS b, NULL AS v, NULL AS "
        f"{rest.replace('NULL AS views', 'count(*) AS views')}, [] AS numbers "
        f"FROM ({SCANNED[engine]}1 AS view{FROM_EVENTS[engine]}{view}) AS seen GROUP BY b "
        "UNION ALL SELECT part AS part, NULL AS b, v AS v, visitors AS visitors, sessions AS sessions, "
        "views AS views, NULL AS bounces, NULL AS median, [] AS numbers FROM "
        "(SELECT *, row_number() OVER (PARTITION BY part ORDER BY sessions DESC, v NULLS LAST) AS place FROM ("
        "SELECT CASE WHEN grouping(c0) = 0 THEN 4 END AS part, CASE WHEN grouping(c0) = 0 THEN c0 END AS v, "
        "count(DISTINCT person) AS visitors, sum(one) AS sessions, sum(one * viewed) AS views "
        "FROM stays GROUP BY GROUPING SETS ((c0))) AS listed) AS ranked WHERE place <= ?"
    )
    store = with_events(engine, [Event("view", START, '{"utm_source": "a"}', "u")], [])
    ask(SESSIONS, store, {**RANGE, "tops": ["utm_sources"]}, NOW)
    value = {"duckdb": "variant_extract(props, ?)::VARCHAR", "clickhouse": "props.?.:String"}[engine]
    read = ", e.props.?.:String, e.props.?.:Bool, e.props.?.:Float64"
    found = store.asked[-1][0].replace(f"nullif({value}, '')", "nullif('', '')").replace(read, "")
    assert found == expected


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
