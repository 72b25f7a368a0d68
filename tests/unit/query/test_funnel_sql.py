"""Golden SQL of funnels: the whole statement on each engine, and that no value stands in it."""

import asyncio
import json
import re
from datetime import datetime
from typing import Any

import pytest

from evensplit.model.report import read
from evensplit.model.report.funnel import Funnel, FunnelAnswer
from evensplit.query.run.funnel import run
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, properties

START = 1_793_491_200_000
REPORT = {"steps": ["a", "b"], "since": "2026-11-01", "until": "2026-11-03"}


def asked(store: AnyStore, report: dict[str, Any]) -> FunnelAnswer:
    return asyncio.run(run(store, read(Funnel, json.dumps(report)), START))


def statement(engine: str = "duckdb", **report: Any) -> tuple[str, list[object]]:
    store = STORES[engine]()
    store.put(Event("a", START, properties(t="x"), "u"), Event("b", START, properties(t="y"), "u"))
    asked(store, {**REPORT, **report})
    sql, values = store.asked[-1]
    # What a scan hands on is written down in the tests of trends.
    return re.sub(r"\(SELECT [^()]* FROM events AS e\)", "SCAN", sql), values


# --- each order on each engine ---------------------------------------------------------------------

KEYS = {
    "duckdb": "(epoch_us(created_at) - ?)::BIGINT * 1 + id AS k",
    "clickhouse": "toInt64(toUnixTimestamp64Milli(created_at) - ?) * toInt64('1000') + toInt64(id) AS k",
}
MOMENTS = {"duckdb": "?", "clickhouse": "fromUnixTimestamp64Milli(?, 'UTC')"}
STEPS = "(CASE WHEN event_type = ? THEN 1 ELSE 0 END + CASE WHEN event_type = ? THEN 2 ELSE 0 END)::BIGINT AS m"
FIRST = {"duckdb": "{} & 1 <> 0", "clickhouse": "bitTest({}, 0)"}
SECOND = {"duckdb": "{} & 2 <> 0", "clickhouse": "bitTest({}, 1)"}
TIMED = {
    "duckdb": "(t2 // 1000)::BIGINT - (t1 // 1000)::BIGINT",
    "clickhouse": "toInt64(intDiv(t2, toInt64('1000'))) - toInt64(intDiv(t1, toInt64('1000')))",
}
LATER = {"duckdb": "268435456000::BIGINT", "clickhouse": "toInt64('268435456000')"}  # than every key
DEEPEST = {
    "duckdb": "(1 + CASE WHEN t2 IS NULL THEN 0 ELSE 1 END)::BIGINT * 268435456000 - t1",
    "clickhouse": "toInt64(1 + CASE WHEN t2 IS NULL THEN 0 ELSE 1 END) * toInt64('268435456000') - t1",
}
QUANTILE = {"duckdb": "quantile_cont({1}, {0})", "clickhouse": "quantileExactInclusive({0})({1})"}


def marked(engine: str, types: str = " AND event_type IN (?, ?)", only: str = " WHERE m <> 0") -> str:
    at = MOMENTS[engine]
    return (
        f"WITH marked AS MATERIALIZED (SELECT u, k, m FROM (SELECT person AS u, {KEYS[engine]}, {STEPS} FROM SCAN AS e "
        f"WHERE created_at >= {at} AND created_at < {at} AND id <= ?{types} AND person IS NOT NULL) AS e{only}), "
    )


def ended(engine: str) -> str:
    """What follows the attempts, whatever the order."""
    best, timed = DEEPEST[engine], f"({TIMED[engine]})"
    median, late = (QUANTILE[engine].format(share, timed) for share in (0.5, 0.9))
    return (
        "ended AS (SELECT u, t1, t2, 0 AS dropped FROM attempts), "
        "counted AS MATERIALIZED (SELECT u, argMax(t1, best) AS t1, argMax(t2, best) AS t2 "
        f"FROM (SELECT u, t1, t2, dropped, {best} AS best FROM ended) AS a GROUP BY u), "
        "described AS MATERIALIZED (SELECT c.u AS u, c.t1 AS t1, c.t2 AS t2, c.u AS person FROM counted AS c), "
        "placed AS MATERIALIZED (SELECT d.* FROM described AS d) "
        f"SELECT 0 AS c0, NULL AS c1, count(t1) AS c2, count(t2) AS c3, sum({timed}) AS c4, {median} AS c5, "
        f"{late} AS c6, min({timed}) AS c7, max({timed}) AS c8 FROM placed"
    )


def since(engine: str) -> int:
    """Where the keys' time begins, as it is bound."""
    return START * 1000 if engine == "duckdb" else START


def bounds(engine: str) -> list[object]:
    days = [START, START + 3 * 86_400_000]
    return [*(days if engine == "clickhouse" else [datetime(2026, 11, 1), datetime(2026, 11, 4)]), 2]


@pytest.mark.parametrize("engine", STORES)
def test_ordered(engine: str) -> None:
    first, second = FIRST[engine].format("m"), SECOND[engine].format("m")
    sql, values = statement(engine)
    assert sql == (
        f"{marked(engine)}from2 AS (SELECT u, k AS t2 FROM marked WHERE {second}), "
        "from1 AS (SELECT a.u AS u, a.t1 AS t1, b.t2 AS t2 "
        f"FROM (SELECT u, k AS t1 FROM marked WHERE {first}) AS a "
        "ASOF LEFT JOIN from2 AS b ON a.u = b.u AND b.t2 > a.t1), "
        f"attempts AS (SELECT u, t1, CASE WHEN {TIMED[engine]} <= ? THEN t2 END AS t2 FROM from1), {ended(engine)}"
    )
    assert values == [since(engine), "a", "b", *bounds(engine), "a", "b", 14 * 86_400_000]


@pytest.mark.parametrize("engine", STORES)
def test_strict_looks_at_every_event(engine: str) -> None:
    sql, values = statement(engine, order="strict")
    assert sql == (
        f"{marked(engine, types='', only='')}attempts AS (SELECT u, t1, CASE WHEN TRUE "
        f"AND {SECOND[engine].format('m2')} AND {TIMED[engine]} <= ? THEN t2 END AS t2 "
        "FROM (SELECT u, k AS t1, m AS m1, lead(k, 1) OVER w AS t2, lead(m, 1) OVER w AS m2 "
        "FROM marked WINDOW w AS (PARTITION BY u ORDER BY k)) AS n "
        f"WHERE {FIRST[engine].format('m1')}), {ended(engine)}"
    )
    assert values == [since(engine), "a", "b", *bounds(engine), 14 * 86_400_000]


@pytest.mark.parametrize("engine", STORES)
def test_any_order_hops_to_the_next_event_of_a_step_not_served(engine: str) -> None:
    sql, values = statement(engine, order="any")
    (one, two), later = (of[engine].format for of in (FIRST, SECOND)), LATER[engine]
    assert sql == (
        f"{marked(engine)}nexts AS MATERIALIZED (SELECT u, k, m, min(CASE WHEN {one('m')} THEN k END) OVER w AS n1, "
        f"min(CASE WHEN {two('m')} THEN k END) OVER w AS n2 FROM marked WHERE m <> 0 "
        "WINDOW w AS (PARTITION BY u ORDER BY k DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)), "
        "hop1 AS (SELECT u, k AS t1, n1, n2, "
        f"CASE WHEN {one('m')} THEN 1 WHEN {two('m')} THEN 2 END AS served FROM nexts), "
        "hop2 AS (SELECT a.u AS u, a.t1 AS t1, b.k AS t2, b.n1 AS n1, b.n2 AS n2, a.served + "
        f"CASE WHEN {one('b.m')} AND NOT {one('a.served')} THEN 1 "
        f"WHEN {two('b.m')} AND NOT {two('a.served')} THEN 2 END AS served FROM (SELECT u, t1, served, "
        f"least(CASE WHEN {one('served')} THEN {later} ELSE coalesce(n1, {later}) END, "
        f"CASE WHEN {two('served')} THEN {later} ELSE coalesce(n2, {later}) END) AS go FROM hop1) AS a "
        "LEFT JOIN nexts AS b ON b.k = a.go), "
        f"attempts AS (SELECT u, t1, CASE WHEN {TIMED[engine]} <= ? THEN t2 END AS t2 FROM hop2), {ended(engine)}"
    )
    assert values == [since(engine), "a", "b", *bounds(engine), "a", "b", 14 * 86_400_000]


# --- odd keys and texts ----------------------------------------------------------------------------


def test_ids_beyond_64_bits_of_key_are_ordered_all_the_same() -> None:
    """Time and id together then need a wider integer; the answer is the same."""
    for name, kind in (("duckdb", "HUGEINT"), ("clickhouse", "toInt128")):
        store = STORES[name]()
        store._id = 2**45
        store.put(*(Event(of, START + at, "{}", "u") for of, at in [("b", 5), ("a", 5), ("b", 5), ("a", 7), ("b", 9)]))
        for order in ("ordered", "strict", "any"):
            steps = asked(store, {**REPORT, "order": order, "exclude": [{"event": "x", "effect": "stop"}]}).steps
            assert [(step.users, step.mean_seconds) for step in steps] == [(1, None), (1, 0.0)]
        assert kind in store.asked[-1][0]


STRANGE = ["'", '"', "''; DROP TABLE events; --", "?", "{}", "{0}", "\\", "/*", "`", "\n", "é", "\U0001f984", "a]b"]


@pytest.mark.parametrize("engine", STORES)
def test_odd_characters_through_every_field(engine: str) -> None:
    """Each is found where it stands, and leaves no trace in any statement."""
    statements: dict[str, str] = {}
    for odd in ["plain text", *(STRANGE if engine == "duckdb" else STRANGE[::4])]:
        store = STORES[engine]()
        document = json.dumps({odd: odd})
        store.put(*(Event(odd, START + n, document, odd, odd) for n in range(2)), Event("other", START, "{}", "u"))
        step = {"event_type": odd, "filters": [{"property": [odd], "op": "eq", "value": odd}]}
        report = {
            **REPORT,
            "steps": [step, step],
            "filters": [{"property": [odd], "op": "starts_with", "value": odd}],
            "exclude": [{"event": {"event_type": odd, "filters": [{"property": [odd], "op": "is_not_set"}]}}],
            "breakdown": [{"property": [odd]}],
            "hold": [[odd]],
        }
        (part,) = asked(store, report).breakdowns
        assert (part.breakdown, [step.users for step in part.steps]) == ([odd], [1, 1])
        statements.setdefault(store.asked[-1][0], odd)
    # ClickHouse reads a key with odd characters in another way, the same one for all of them.
    assert list(statements.values()) == ["plain text", *(["'"] if engine == "clickhouse" else [])]
