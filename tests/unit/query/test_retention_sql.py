"""Golden SQL of retention, lifecycle and stickiness on both engines."""

from datetime import datetime
from typing import Any

import pytest

from evensplit.query.run.kinds import LIFECYCLE, RETENTION, STICKINESS, Kind
from tests.unit.query.activity_cases import ask
from tests.unit.query.clickhouse_store import STORES
from tests.unit.query.memory_store import Event, properties

START = 1_793_491_200_000  # 2026-11-01T00:00Z
DAY = 86_400_000
DAYS = {"since": "2026-11-01", "until": "2026-11-03"}
SINCE, UNTIL = datetime(2026, 11, 1), datetime(2026, 11, 4)
BUCKET = "((epoch_us(created_at) - ?) // ?)::INTEGER"
EVENTS = "(SELECT e.*, e.user_number AS person FROM events AS e)"
TIMES = "created_at >= ? AND created_at < ? AND id <= ?"
BITS = (
    f"SELECT person, bit_or(1::BIGINT << (b)) AS m FROM (SELECT person, {BUCKET} AS b FROM {EVENTS} "
    f"WHERE {TIMES} AND event_type = ? AND person IS NOT NULL) AS found GROUP BY person"
)


def statement(engine: str, asked: Kind, **report: Any) -> tuple[str, list[object]]:
    """The last statement of a report over three days."""
    store = STORES[engine]()
    store.put(Event("view", START, properties(t="a", n=1), "u"))
    ask(asked, store, DAYS | report, START + 20 * DAY)
    return store.asked[-1]


def test_retention_of_the_same_event_is_one_scan() -> None:
    assert statement("duckdb", RETENTION, start="view") == (
        "WITH members AS MATERIALIZED (SELECT c, ((back >> (c)) & 7) AS x, sum(n) AS n FROM (SELECT c, back, n FROM ("
        f"SELECT s, s AS back, count(*) AS n FROM (SELECT person, m AS s FROM ({BITS}) AS found) AS starts GROUP BY s"
        ") AS shapes CROSS JOIN (SELECT n AS c FROM (SELECT unnest(range(?)) AS n) AS numbers) AS cohorts "
        "WHERE ((s >> (c)) & 1) = 1) AS started GROUP BY ALL) "
        "SELECT c, k, sum(n) AS n FROM members "
        "CROSS JOIN (SELECT n AS k FROM (SELECT unnest(range(?)) AS n) AS numbers) AS periods "
        "WHERE k > 0 AND ((x >> (k)) & 1) = 1 GROUP BY ALL "
        "UNION ALL SELECT c, NULL AS k, sum(n) AS n FROM members GROUP BY c",
        [START * 1000, DAY * 1000, SINCE, UNTIL, 1, "view", 3, 3],
    )


def test_the_same_on_clickhouse() -> None:
    sql, values = statement("clickhouse", RETENTION, start="view")
    assert "groupBitOr(bitShiftLeft(toInt64(1), b)) AS m" in sql
    assert "bitAnd(bitShiftRight(back, c), toInt64(7)) AS x" in sql
    assert "SELECT toInt64(number) AS n FROM numbers(?)" in sql
    assert values == [START, DAY, START, START + 3 * DAY, 1, "view", 3, 3]


def test_retention_in_pairs() -> None:
    sql, values = statement("duckdb", RETENTION, start="view", breakdown=[{"property": "t"}], **{"return": "buy"})
    assert sql == (
        "WITH starts AS MATERIALIZED (SELECT person, c, t, y1 AS k1 FROM ("
        "SELECT person, c, min(ms) AS t, argMin([x1], (created_at, id))[1] AS y1 FROM ("
        "SELECT person, id, created_at, epoch_ms(created_at) AS ms, variant_extract(props, ?)::VARCHAR AS x1, "
        f"{BUCKET} AS c FROM {EVENTS} WHERE {TIMES} AND event_type = ? AND person IS NOT NULL"
        ") AS found GROUP BY person, c) AS firsts), "
        "ranked1 AS (SELECT v, row_number() OVER (ORDER BY total DESC, v NULLS LAST) AS rank FROM "
        "(SELECT k1 AS v, count(*) AS total FROM starts GROUP BY k1) AS totals QUALIFY rank <= ?), "
        "placed AS MATERIALIZED (SELECT person, c, t, k1, ranked1.rank AS p1, ranked1.v AS v1 FROM starts "
        "LEFT JOIN ranked1 ON k1 IS NOT DISTINCT FROM ranked1.v), "
        f"returns AS (SELECT DISTINCT person, b FROM (SELECT person, {BUCKET} AS b FROM {EVENTS} "
        f"WHERE {TIMES} AND event_type = ? AND person IS NOT NULL) AS found), "
        "came AS (SELECT person, c, p1, v1, b - c AS k FROM placed JOIN returns USING (person) "
        "WHERE b > c AND b < c + ?) "
        "SELECT p1, v1, c, k, count(*) AS n FROM came GROUP BY ALL "
        "UNION ALL SELECT p1, v1, c, NULL AS k, count(*) AS n FROM placed GROUP BY ALL"
    )
    edges = [START * 1000, DAY * 1000]
    assert values == ["t", *edges, SINCE, UNTIL, 1, "view", 10, *edges, SINCE, UNTIL, 1, "buy", 12]


def test_periods_of_ones_own() -> None:
    sql, values = statement("duckdb", RETENTION, start="view", calendar=False, minimum=2, kind="on_or_after")
    assert sql.endswith(
        "came AS (SELECT person, c, least(max(k), ? - 1) AS k FROM (SELECT person, c, (r - t) // 86400000 AS k "
        "FROM placed JOIN returns USING (person) WHERE r - t >= ? GROUP BY ALL HAVING count(*) >= ?) AS each "
        "GROUP BY ALL) SELECT c, k, count(*) AS n FROM came GROUP BY ALL "
        "UNION ALL SELECT c, NULL AS k, count(*) AS n FROM placed GROUP BY ALL"
    )
    assert values[-3:] == [12, DAY, 2]


def test_a_lifecycle_is_one_scan_of_all_history() -> None:
    sql, values = statement("duckdb", LIFECYCLE, event="view")
    assert sql == (
        "SELECT b, ((m >> (b - 1)) & 3) AS two, m % (1::BIGINT << (b - 1)) > 0 AS earlier, sum(n) AS n "
        "FROM (SELECT m, count(*) AS n FROM (SELECT person, bit_or(1::BIGINT << (b)) AS m FROM (SELECT person, "
        f"CASE WHEN created_at < ? THEN ?::INTEGER ELSE {BUCKET} + ?::INTEGER END AS b FROM {EVENTS} "
        "WHERE created_at < ? AND id <= ? AND event_type = ? AND person IS NOT NULL) AS found GROUP BY person"
        ") AS persons GROUP BY m) AS shapes "
        "CROSS JOIN (SELECT n + 2 AS b FROM (SELECT unnest(range(?)) AS n) AS numbers) AS buckets "
        "WHERE ((m >> (b - 1)) & 3) > 0 GROUP BY ALL"
    )
    before = datetime(2026, 10, 31)
    assert values == [before, 0, (START - DAY) * 1000, DAY * 1000, 1, UNTIL, 1, "view", 3]


def test_stickiness() -> None:
    assert statement("duckdb", STICKINESS, event="view") == (
        f"SELECT k, count(*) AS n FROM (SELECT person, bit_count(m) AS k FROM ({BITS}) AS words) AS persons GROUP BY k",
        [START * 1000, DAY * 1000, SINCE, UNTIL, 1, "view"],
    )


@pytest.mark.parametrize("engine", STORES)
def test_no_value_stands_in_a_statement(engine: str) -> None:
    odd = "o'dd; --"
    event = {"event_type": odd, "filters": [{"property": [odd], "op": "matches", "value": odd}]}
    for kind, report in (
        (RETENTION, {"start": event}),
        (RETENTION, {"start": event, "breakdown": [{"property": [odd]}], "calendar": False}),
        (LIFECYCLE, {"event": event}),
        (STICKINESS, {"event": event}),
    ):
        sql, values = statement(engine, kind, **report)
        assert "dd;" not in sql
        assert odd in values
