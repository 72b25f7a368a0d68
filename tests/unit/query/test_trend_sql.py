"""Golden SQL of trends on DuckDB: the whole statement, and that no value stands in it."""

import asyncio
import json
import re
from datetime import datetime
from typing import Any

import pytest

from evensplit.model.report import read
from evensplit.model.report.trend import Trend
from evensplit.query.run.trend import run
from tests.unit.query.memory_store import Event, MemoryStore, properties

DAY = 86_400_000_000
SINCE, UNTIL = datetime(2026, 11, 1), datetime(2026, 11, 4)
START = 1_793_491_200_000_000
BUCKET = "((epoch_us(created_at) - ?) // ?)::INTEGER AS b"
TIMES = "created_at >= ? AND created_at < ? AND id <= ?"


def statement(series: dict[str, Any], **report: Any) -> tuple[str, list[object]]:
    """The last statement of a report over three days, in a store with texts as `t`, numbers as `n`, both as `m`."""
    store = MemoryStore()
    store.put(
        Event("view", START // 1000, properties(t="a", n=0.01, m=1), "u"),
        Event("view", START // 1000, properties(t="b", n=500, m="1"), "v"),
    )
    asked = {"series": [series], "since": "2026-11-01", "until": "2026-11-03", **report}
    asyncio.run(run(store, read(Trend, json.dumps(asked)), START // 1000))
    return store.asked[-1]


def test_count() -> None:
    assert statement({"event": "view"}) == (
        f"WITH cells AS (SELECT b, count(*) AS n FROM (SELECT {BUCKET} FROM events WHERE event_type = ? AND {TIMES}) "
        "GROUP BY ALL) SELECT b, sum(n) FROM cells GROUP BY ALL",
        [START, DAY, "view", SINCE, UNTIL, 2],
    )


def test_users_cost_one_scan() -> None:
    assert statement({"event": "@any", "measure": "users"}) == (
        "WITH cells AS MATERIALIZED (SELECT b // 62 AS b, x, bit_or(1::BIGINT << (b % 62)) AS m "
        f"FROM (SELECT {BUCKET}, user_id AS x FROM events WHERE {TIMES}) GROUP BY ALL) "
        "SELECT b, [count(x) FILTER (m & 1 <> 0), count(x) FILTER (m & 2 <> 0), count(x) FILTER (m & 4 <> 0)] "
        "FROM cells GROUP BY ALL UNION ALL SELECT NULL AS b, [count(x)] FROM cells GROUP BY ALL",
        [START, DAY, SINCE, UNTIL, 2],
    )


def test_an_exact_sum() -> None:
    sql, values = statement({"event": "view", "measure": "sum", "property": "n"})
    assert sql == (
        "WITH cells AS (SELECT *, ?::INTEGER AS e FROM (SELECT b, count(x) AS n, sum((x * ?::DOUBLE)::HUGEINT) AS s "
        f"FROM (SELECT {BUCKET}, variant_extract(props, ?)::DOUBLE AS x FROM events WHERE event_type = ? AND {TIMES}) "
        "GROUP BY ALL)) SELECT b, e, sum(n), sum(s) FROM cells GROUP BY ALL"
    )
    assert values == [59, 2.0**59, START, DAY, "n", "view", SINCE, UNTIL, 2]


def test_a_breakdown() -> None:
    assert statement({"event": "view"}, breakdown=[{"property": "t", "limit": 5}]) == (
        "WITH cells AS MATERIALIZED (SELECT b, k1, count(*) AS n FROM "
        f"(SELECT {BUCKET}, variant_extract(props, ?)::VARCHAR AS k1 FROM events WHERE event_type = ? AND {TIMES}) "
        "GROUP BY ALL), "
        "named AS MATERIALIZED (SELECT b, k1 AS k1, n FROM cells), "
        "ranked1 AS (SELECT v, row_number() OVER (ORDER BY total DESC NULLS LAST, t.v NULLS LAST) AS rank "
        "FROM (SELECT k1 AS v, sum(n) AS total FROM named GROUP BY k1) AS t QUALIFY rank <= ?), "
        "placed AS MATERIALIZED (SELECT ranked1.rank AS p1, ranked1.v AS v1, b, n FROM named "
        "LEFT JOIN ranked1 ON k1 IS NOT DISTINCT FROM ranked1.v) "
        "SELECT p1, v1, b, sum(n) FROM placed GROUP BY ALL",
        [START, DAY, "t", "view", SINCE, UNTIL, 2, 5],
    )


@pytest.mark.parametrize(
    ("filter_", "sql", "values"),
    [
        ({"property": "t", "op": "eq", "value": "a"}, "variant_extract(props, ?)::VARCHAR IN (?)", ["t", "a"]),
        ({"property": "n", "op": "eq", "value": "5"}, "variant_extract(props, ?)::DOUBLE IN (?)", ["n", 5.0]),
        ({"property": "n", "op": "eq", "value": "five"}, "FALSE", []),
        ({"property": "n", "op": "gte", "value": 5}, "variant_extract(props, ?)::DOUBLE >= ?", ["n", 5.0]),
        ({"property": "t", "op": "gt", "value": 5}, "NULL::DOUBLE > ?", [5.0]),
        (
            {"property": "m", "op": "gt", "value": 5},
            "CASE WHEN variant_typeof(variant_extract(props, ?)) IN ('UINT64', 'INT64', 'DOUBLE') "
            "THEN TRY_CAST(variant_extract(props, ?) AS DOUBLE) END > ?",
            ["m", "m", 5.0],
        ),
        (
            {"property": ["t", "u"], "op": "not_contains", "value": "x"},
            "coalesce(NOT contains(variant_extract(variant_extract(props, ?), ?)::VARCHAR, ?), TRUE)",
            ["t", "u", "x"],
        ),
        (
            {"property": "t", "op": "matches", "value": "^a"},
            "regexp_matches(variant_extract(props, ?)::VARCHAR, ?)",
            ["t", "^a"],
        ),
        ({"property": "m", "op": "is_not_set"}, "NOT (variant_extract(props, ?)::VARCHAR IS NOT NULL)", ["m"]),
        ({"property": "@session_id", "op": "in", "value": ["a", 1]}, "session_id IN (?, ?)", ["a", "1"]),
        ({"property": "@created_at", "op": "lt", "value": "2026-11-02"}, "created_at < ?", [datetime(2026, 11, 2)]),
        ({"any": []}, "FALSE", []),
    ],
)  # fmt: skip
def test_filters(filter_: dict[str, Any], sql: str, values: list[object]) -> None:
    found, bound = statement({"event": "view"}, filters=[filter_])
    assert f"AND id <= ? AND ({sql}))" in found
    assert bound[6:] == values


def test_a_change_of_the_clock_is_a_search() -> None:
    sql, values = statement({"event": "view"}, timezone="America/New_York")
    assert (
        "CASE WHEN created_at < ? THEN ?::INTEGER ELSE ((epoch_us(created_at) - ?) // ?)::INTEGER + ?::INTEGER END"
        in sql
    )
    assert values[:5] == [datetime(2026, 11, 2, 5), 0, START + 29 * 3_600_000_000, DAY, 1]


STRANGE = [
    "'", '"', "''; DROP TABLE events; --", "?", "{}", "{0}", "$1", "%s", "\\", "/*", "`", "\x00", "\n", "é",
    "\U0001f984", "$.a", "a]b", ":x", " ",
]  # fmt: skip


def through_every_field(odd: str) -> tuple[MemoryStore, list[tuple[str, list[str | None], Any]]]:
    """A report that holds the text wherever a text can stand, over one event that has it everywhere."""
    store = MemoryStore()
    document = json.dumps({odd: odd, "deep": {odd: odd}, "plain": 1})
    store.put(Event(odd, START // 1000, document, odd, odd), Event("other", START // 1000, "{}", "u", "s"))
    filters: list[dict[str, Any]] = [
        {"property": of, "op": op, "value": [odd] if op == "in" else odd}
        for of in ([odd], ["deep", odd], "@event_type", "@user_id", "@session_id")
        for op in ("eq", "in", "contains", "starts_with", "ends_with", "gte", "lte")
    ]
    filters.append({"property": [odd], "op": "matches", "value": "^" + re.escape(odd) + "$" if odd.isascii() else odd})
    filters.append({"property": [odd], "op": "not_in", "value": [odd + odd]})
    series = {"event": {"event_type": odd, "filters": filters}, "measure": "distinct", "property": [odd], "label": odd}
    report = {
        "series": [series],
        "filters": filters,
        "breakdown": [{"property": [odd]}, {"property": ["deep", odd]}],
        "compare": "previous",
        "since": "2026-11-01",
        "until": "2026-11-01",
    }
    answer = asyncio.run(run(store, read(Trend, json.dumps(report)), START // 1000))
    return store, [(s.label, s.breakdown, s.total) for s in answer.series]


@pytest.mark.parametrize("odd", STRANGE)
def test_odd_characters_through_every_field(odd: str) -> None:
    """Each is found where it stands, and leaves no trace in any statement."""
    store, found = through_every_field(odd)
    assert found == [(odd, [odd, odd], 1)]
    plain, _ = through_every_field("plain text")
    assert [sql for sql, _ in store.asked] == [sql for sql, _ in plain.asked]
    assert store.connection.execute("SELECT count(*) FROM events").fetchall() == [(2,)]
