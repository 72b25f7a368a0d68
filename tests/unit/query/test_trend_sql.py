"""Golden SQL of trends on both engines: the whole statement, and that no value stands in it."""

import asyncio
import json
import re
from datetime import datetime
from typing import Any

import pytest

from evensplit.model.report import read
from evensplit.model.report.trend import Trend
from evensplit.query.run.trend import run
from evensplit.storage.clickhouse.binding import Name
from evensplit.storage.clickhouse.properties import is_plain
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, properties

DAY = 86_400_000_000
SINCE, UNTIL = datetime(2026, 11, 1), datetime(2026, 11, 4)
START = 1_793_491_200_000_000
BUCKET = "((epoch_us(created_at) - ?) // ?)::INTEGER AS b"
TIMES = "created_at >= ? AND created_at < ? AND id <= ?"


def statement(series: dict[str, Any], engine: str = "duckdb", **report: Any) -> tuple[str, list[object]]:
    """The last statement of a report over three days, in a store with texts as `t`, numbers as `n`, both as `m`, and
    as `f` texts and booleans."""
    store = STORES[engine]()
    store.put(
        Event("view", START // 1000, properties(t="a", n=0.01, m=1, d={"u": "x"}, f=True), "u"),
        Event("view", START // 1000, properties(t="b", n=500, m="1", f="x"), "v"),
    )
    asked = {"series": [series], "since": "2026-11-01", "until": "2026-11-03", **report}
    asyncio.run(run(store, read(Trend, json.dumps(asked)), START // 1000))
    return store.asked[-1]


def test_count() -> None:
    assert statement({"event": "view"}) == (
        f"SELECT b, count(*) AS n FROM (SELECT {BUCKET} FROM events WHERE event_type = ? AND {TIMES}) GROUP BY ALL",
        [START, DAY, "view", SINCE, UNTIL, 2],
    )


def test_users_cost_one_scan() -> None:
    assert statement({"event": "@any", "measure": "users"}) == (
        "WITH cells AS MATERIALIZED (SELECT b // 62 AS b, x, bit_or(1::BIGINT << (b % 62)) AS m "
        f"FROM (SELECT {BUCKET}, user_number AS x FROM events WHERE {TIMES}) GROUP BY ALL) "
        "SELECT b, [count(x) FILTER (WHERE m & 1 <> 0), count(x) FILTER (WHERE m & 2 <> 0), "
        "count(x) FILTER (WHERE m & 4 <> 0)] "
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
            {"property": ["d", "u"], "op": "not_contains", "value": "x"},
            "coalesce(NOT contains(variant_extract(variant_extract(props, ?), ?)::VARCHAR, ?), TRUE)",
            ["d", "u", "x"],
        ),
        (
            {"property": "t", "op": "matches", "value": "^a"},
            "regexp_matches(variant_extract(props, ?)::VARCHAR, ?)",
            ["t", "^a"],
        ),
        ({"property": "nowhere", "op": "eq", "value": "x"}, "NULL::VARCHAR IN (?)", ["x"]),
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


def through_every_field(odd: str, engine: str) -> tuple[AnyStore, list[tuple[str, list[str | None], Any]]]:
    """A report that holds the text wherever a text can stand, over one event that has it everywhere."""
    store = STORES[engine]()
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
@pytest.mark.parametrize("engine", STORES)
def test_odd_characters_through_every_field(odd: str, engine: str) -> None:
    """Each is found where it stands, and leaves no trace in any statement."""
    store, found = through_every_field(odd, engine)
    assert found == [(odd, [odd, odd], 1)]
    # ClickHouse has plain keys in one column and all others in another.
    other, _ = through_every_field("plain text" if engine == "duckdb" or is_plain(odd) else "a.b", engine)
    assert [sql for sql, _ in store.asked] == [sql for sql, _ in other.asked]
    assert asyncio.run(store.query("SELECT count(*) FROM events", [])) == [(2,)]


# --- ClickHouse ----------------------------------------------------------------------------------

CH_BUCKET = "toInt32(intDiv(toUnixTimestamp64Milli(created_at) - ?, ?)) AS b"
CH_TIME = "fromUnixTimestamp64Milli(?, 'UTC')"
CH_TIMES = f"created_at >= {CH_TIME} AND created_at < {CH_TIME} AND id <= ?"
MS, DAY_MS = START // 1000, DAY // 1000
RANGE = [MS, MS + 3 * DAY_MS, 2]


def test_count_on_clickhouse() -> None:
    assert statement({"event": "view"}, "clickhouse") == (
        f"SELECT b, count(*) AS n FROM (SELECT {CH_BUCKET} FROM events WHERE event_type = ? "
        f"AND {CH_TIMES}) GROUP BY ALL",
        [MS, DAY_MS, "view", *RANGE],
    )


def test_users_on_clickhouse() -> None:
    assert statement({"event": "@any", "measure": "users"}, "clickhouse") == (
        "WITH cells AS MATERIALIZED "
        "(SELECT intDiv(b, 62) AS b, x, groupBitOr(bitShiftLeft(toInt64(1), b % 62)) AS m "
        f"FROM (SELECT {CH_BUCKET}, user_id AS x FROM events WHERE {CH_TIMES}) GROUP BY ALL) "
        "SELECT b, [count(x) FILTER (WHERE bitTest(m, 0)), count(x) FILTER (WHERE bitTest(m, 1)), "
        "count(x) FILTER (WHERE bitTest(m, 2))] "
        "FROM cells GROUP BY ALL UNION ALL SELECT NULL AS b, [count(x)] FROM cells GROUP BY ALL",
        [MS, DAY_MS, *RANGE],
    )


def test_an_exact_sum_on_clickhouse() -> None:
    sql, values = statement({"event": "view", "measure": "sum", "property": "n"}, "clickhouse")
    high = "trunc((x * ?::DOUBLE) / 281474976710656)"
    assert sql == (
        "WITH cells AS (SELECT *, ?::INTEGER AS e FROM (SELECT b, count(x) AS n, "
        f"sum(toInt128(toInt64({high})) * 281474976710656 "
        f"+ toInt64((x * ?::DOUBLE) - {high} * 281474976710656)) AS s "
        f"FROM (SELECT {CH_BUCKET}, props.?.:Float64 AS x FROM events WHERE event_type = ? AND {CH_TIMES}) "
        "GROUP BY ALL)) SELECT b, e, sum(n), sum(s) FROM cells GROUP BY ALL"
    )
    assert values == [59, *[2.0**59] * 3, MS, DAY_MS, Name("n"), "view", *RANGE]


TEXT = "props.?.:String"
WORDS = "coalesce(props.?.:String, toString(props.?.:Bool))"


@pytest.mark.parametrize(
    ("filter_", "sql", "values"),
    [
        ({"property": "t", "op": "eq", "value": "a"}, f"{TEXT} IN ?", [Name("t"), ["a"]]),
        ({"property": "f", "op": "eq", "value": "a"}, f"{WORDS} IN ?", [*[Name("f")] * 2, ["a"]]),
        ({"property": "t", "op": "is_set"}, "(props.?.:String IS NOT NULL)", [Name("t")]),
        ({"property": "n", "op": "in", "value": [5, "x"]}, "props.?.:Float64 + 0.0 IN ?", [Name("n"), [5.0]]),
        ({"property": "n", "op": "eq", "value": "five"}, "FALSE", []),
        ({"property": "n", "op": "gte", "value": 5}, "props.?.:Float64 >= ?", [Name("n"), 5.0]),
        ({"property": "t", "op": "gt", "value": 5}, "CAST(NULL AS Nullable(Float64)) > ?", [5.0]),
        ({"property": "m", "op": "gt", "value": 5}, "props.?.:Float64 > ?", [Name("m"), 5.0]),
        (
            {"property": ["d", "u"], "op": "not_contains", "value": "x"},
            "coalesce(NOT (position(if(texts[?] = '', NULL, substring(texts[?], 2)), ?) > 0), TRUE)",
            ["d.u", "d.u", "x"],
        ),
        ({"property": "t", "op": "matches", "value": "^a"}, f"match({TEXT}, ?)", [Name("t"), "(?-s)^a"]),
        (
            {"property": "m", "op": "is_not_set"},
            "NOT (props.?.:String IS NOT NULL OR props.?.:Bool IS NOT NULL OR props.?.:Float64 IS NOT NULL "
            "OR texts[?] <> '')",
            [*[Name("m")] * 3, "m"],
        ),
        ({"property": "a.b", "op": "is_set"}, "(texts[?] <> '')", ["a\\.b"]),
        ({"property": "@session_id", "op": "in", "value": ["a", 1]}, "session_id IN ?", [["a", "1"]]),
        ({"property": "@created_at", "op": "lt", "value": "2026-11-02"}, f"created_at < {CH_TIME}", [MS + DAY_MS]),
    ],
)  # fmt: skip
def test_filters_on_clickhouse(filter_: dict[str, Any], sql: str, values: list[object]) -> None:
    found, bound = statement({"event": "view"}, "clickhouse", filters=[filter_])
    assert f"AND id <= ? AND ({sql}))" in found
    assert bound[6:] == values
