"""Golden SQL of funnels: the whole statement on each engine, and that no value stands in it."""

import asyncio
import json
import re
from typing import Any

import pytest

from evensplit.model.report import read
from evensplit.model.report.funnel import Funnel, FunnelAnswer
from evensplit.query.run.funnel import run
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, MemoryStore, properties

START = 1_793_491_200_000
REPORT = {"steps": ["a", "b"], "since": "2026-11-01", "until": "2026-11-03"}


def asked(store: AnyStore, report: dict[str, Any]) -> FunnelAnswer:
    return asyncio.run(run(store, read(Funnel, json.dumps(report)), START))


def statement(**report: Any) -> tuple[str, list[object]]:
    store = MemoryStore()
    store.put(Event("a", START, properties(t="x"), "u"), Event("b", START, properties(t="y"), "u"))
    asked(store, {**REPORT, **report})
    sql, values = store.asked[-1]
    # What a scan hands on is written down in the tests of trends.
    return re.sub(r"\(SELECT [^()]* FROM events AS e\)", "SCAN", sql), values


def test_a_step_costs_one_join() -> None:
    sql, values = statement()
    assert sql.split("), ended AS")[0] == (
        "WITH marked AS MATERIALIZED (SELECT u, k, m FROM (SELECT person AS u, "
        "(epoch_ms(created_at) - ?)::BIGINT * 4 + id AS k, "
        "(CASE WHEN event_type = ? THEN 1 ELSE 0 END + CASE WHEN event_type = ? THEN 2 ELSE 0 END)::BIGINT AS m "
        "FROM SCAN AS e WHERE created_at >= ? AND created_at < ? AND id <= ? AND event_type IN (?, ?) "
        "AND person IS NOT NULL) AS e WHERE m <> 0), "
        "from2 AS (SELECT u, k AS t2 FROM marked WHERE m & 2 <> 0), "
        "from1 AS (SELECT a.u AS u, a.t1 AS t1, b.t2 AS t2 "
        "FROM (SELECT u, k AS t1 FROM marked WHERE m & 1 <> 0) AS a "
        "ASOF LEFT JOIN from2 AS b ON a.u = b.u AND b.t2 > a.t1), "
        "attempts AS (SELECT u, t1, CASE WHEN (t2 // 4)::BIGINT - (t1 // 4)::BIGINT <= ? THEN t2 END AS t2 FROM from1"
    )
    assert values == [START, "a", "b", *values[3:5], 2, "a", "b", 14 * 86_400_000]


def test_the_first_of_the_deepest_counts() -> None:
    sql, _ = statement()
    best = "(1 + CASE WHEN t2 IS NULL THEN 0 ELSE 1 END)::BIGINT * 1073741824 - t1"
    assert (
        "counted AS MATERIALIZED (SELECT u, argMax(t1, best) AS t1, argMax(t2, best) AS t2 "
        f"FROM (SELECT u, t1, t2, dropped, {best} AS best FROM ended) AS a GROUP BY u)"
    ) in sql


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
