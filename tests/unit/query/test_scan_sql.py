"""Golden SQL of the scan with what is known of persons, on both engines: who is who, traits, cohorts."""

import asyncio
import json
import re
from typing import Any

import pytest

from evensplit.model.report import read
from evensplit.model.report.trend import Trend
from evensplit.query.conditions import Cohort, Trait
from evensplit.query.run.trend import run
from tests.unit.query.clickhouse_store import STORES
from tests.unit.query.memory_store import Event, Stated

START = 1_793_491_200_000
DAY = 86_400_000
LINK = Stated("link", "visitor", "ann", START)
PLAN = Stated("trait", "ann", "plan", START, "pro", None)
TRAIT, COHORT = Trait("plan").column, Cohort("it's").column
OWN = {  # the columns of an event
    "duckdb": "e.*",
    "clickhouse": ", ".join(
        f"e.{name} AS {name}"
        for name in ("id", "event_type", "user_id", "session_id", "created_at", "properties", "texts")
    ),
}
KEYS = {  # what a person is known by: a number of the columnar copy, or the id
    "duckdb": {"user": "user_number", "subject": "subject_number"},
    "clickhouse": {"user": "user_id", "subject": "subject"},
}
MOMENTS = {"duckdb": "?", "clickhouse": "fromUnixTimestamp64Milli(?, 'UTC')"}
PERSONS = {
    "duckdb": "WITH stated AS MATERIALIZED (SELECT id, kind, subject_number AS subject, object_number AS object, "
    "object AS name, stated_at FROM es_identity "
    "WHERE kind <> 'trait' AND id <= ?), "
    "merged AS MATERIALIZED (SELECT subject AS id, arg_max(object, id) AS person FROM stated "
    "WHERE kind = 'merge' GROUP BY subject), "
    "cut AS (SELECT subject, max(id) AS up_to FROM stated WHERE kind = 'unlink' GROUP BY subject), "
    "alive AS MATERIALIZED (SELECT l.subject, l.object, l.name, l.stated_at FROM stated AS l "
    "LEFT JOIN cut ON cut.subject = l.subject WHERE l.kind = 'link' AND (up_to IS NULL OR l.id > up_to)), "
    "users AS (SELECT object AS id FROM alive UNION ALL SELECT id FROM merged), "
    "owned AS (SELECT subject AS id, arg_min(object, (stated_at, name)) AS owner FROM alive "
    "WHERE NOT EXISTS (SELECT 1 FROM users WHERE users.id = alive.subject) GROUP BY subject) "
    "SELECT owned.id AS id, coalesce(merged.person, owned.owner) AS person "
    "FROM owned LEFT JOIN merged ON merged.id = owned.owner "
    "UNION ALL SELECT id, person FROM merged WHERE person <> id",
    "clickhouse": "WITH merged AS (SELECT subject AS who, argMax(object, id) AS person FROM es_identity "
    "WHERE kind = 'merge' AND id <= ? GROUP BY subject), "
    "alive AS (SELECT subject, object, stated_at FROM es_identity AS i "
    "LEFT JOIN (SELECT subject AS visitor, max(id) AS up_to FROM es_identity WHERE kind = 'unlink' AND id <= ? "
    "GROUP BY subject) AS cut ON cut.visitor = i.subject "
    "WHERE kind = 'link' AND id <= ? AND (up_to IS NULL OR id > up_to)), "
    "owned AS (SELECT subject AS visitor, argMin(object, (stated_at, object)) AS owner FROM alive "
    "WHERE subject NOT IN (SELECT object FROM alive) AND subject NOT IN (SELECT who FROM merged) GROUP BY subject) "
    "SELECT owned.visitor AS id, coalesce(merged.person, owned.owner) AS person "
    "FROM owned LEFT JOIN merged ON merged.who = owned.owner "
    "UNION ALL SELECT who AS id, person FROM merged WHERE person <> who",
}
LINK_MARKS = {"duckdb": 1, "clickhouse": 3}  # in the statement above


def scanned(engine: str, log: tuple[Stated, ...], definition: Any = None, **report: Any) -> tuple[str, list[object]]:
    """What stands after the inner FROM of a trend, up to its own conditions; and the values in it."""
    store = STORES[engine]()
    store.put(Event("a", START, "{}", "ann"), Event("b", START, "{}", "visitor"))
    store.state(*log)
    if definition is not None:
        store.define("it's", json.dumps(definition), [(0, "visitor")])
    asked = {"series": [{"event": "a"}], "since": "2026-11-01", "until": "2026-11-01", **report}
    asyncio.run(run(store, read(Trend, json.dumps(asked)), START))
    sql, values = store.asked[-1]
    found = re.fullmatch(r"SELECT b, count\(\*\) AS n FROM \(SELECT .*? AS b FROM (.*) WHERE event_type = \? .*", sql)
    assert found is not None, sql
    before = sql[: found.start(1)].count("?")
    return found[1], values[before : before + found[1].count("?")]


def with_plan(engine: str) -> str:
    """Events with one trait of their persons: one row of each who has it, with what was stated last."""
    people, user = PERSONS[engine], KEYS[engine]["user"]
    return (
        f"(SELECT {OWN[engine]}, coalesce(l.person, e.{user}) AS person, t.{TRAIT}_text, t.{TRAIT}_number "
        f"FROM events AS e LEFT JOIN ({people}) AS l ON l.id = e.{user} "
        f"LEFT JOIN (SELECT bearer, max(CASE WHEN name = ? THEN text END) AS {TRAIT}_text, "
        f"max(CASE WHEN name = ? THEN number END) AS {TRAIT}_number "
        "FROM (SELECT bearer, name, text, number FROM ("
        f"SELECT coalesce(l.person, i.{KEYS[engine]['subject']}) AS bearer, i.object AS name, i.text AS text, "
        "i.number AS number, "
        "i.stated_at AS stated_at, i.id AS place FROM es_identity AS i "
        f"LEFT JOIN ({people}) AS l ON l.id = i.{KEYS[engine]['subject']} "
        "WHERE i.kind = 'trait' AND i.id <= ? AND i.object IN (?)) AS stated "
        "QUALIFY row_number() OVER (PARTITION BY bearer, name ORDER BY stated_at DESC, place DESC) = 1) AS last "
        f"GROUP BY bearer) AS t ON t.bearer = coalesce(l.person, e.{user}))"
    )


def of_plan(engine: str) -> list[object]:
    """The values in it: of a log with one entry."""
    marks = [1] * LINK_MARKS[engine]
    return [*marks, "plan", "plan", *marks, 1, "plan"]


@pytest.mark.parametrize("engine", STORES)
def test_a_trait(engine: str) -> None:
    found = scanned(engine, (PLAN,), filters=[{"property": "user.plan", "op": "eq", "value": "pro"}])
    assert found == (with_plan(engine), of_plan(engine))


def plain(engine: str) -> str:
    """Events where nobody is somebody else."""
    return f"(SELECT {OWN[engine]}, e.{KEYS[engine]['user']} AS person FROM events AS e)"


def did(engine: str, having: str) -> str:
    at = MOMENTS[engine]
    return (
        f"(SELECT person FROM {plain(engine)} AS d WHERE person IS NOT NULL AND created_at >= {at} "
        f"AND created_at < {at} AND id <= ? AND event_type = ? GROUP BY person HAVING {having})"
    )


@pytest.mark.parametrize(
    ("times", "meets", "having", "counts"),
    [
        ({"at_least": 2}, "e.person IN", "count(*) >= ?", [2]),
        ({"at_least": 1, "at_most": 3}, "e.person IN", "count(*) >= ? AND count(*) <= ?", [1, 3]),
        ({"exactly": 0}, "e.person NOT IN", "count(*) >= ?", [1]),
    ],
)
@pytest.mark.parametrize("engine", STORES)
def test_who_did_something(engine: str, times: dict[str, int], meets: str, having: str, counts: list[int]) -> None:
    """Whoever is to have done it at most so often is not among those who did it more often: also who never did."""
    sql, values = scanned(engine, (), {"event": "b", **times, "days": 7}, cohort="it's")
    assert sql == (
        f"(SELECT *, (e.person IS NOT NULL AND {meets} {did(engine, having)}) AS {COHORT} FROM {plain(engine)} AS e)"
    )
    assert values[2:] == [2, "b", *counts]


@pytest.mark.parametrize("engine", STORES)
def test_a_cohort_of_several_parts(engine: str) -> None:
    """Listed users stand there with the person behind them, and the traits come in below."""
    definition = {"any": [{"all": [{"users": []}]}, {"trait": {"property": "plan", "op": "eq", "value": "pro"}}]}
    sql, values = scanned(engine, (LINK,), definition, cohort="it's")
    user = KEYS[engine]["user"]
    pro = f"coalesce(({TRAIT}_text {'IN (?)' if engine == 'duckdb' else 'IN ?'}), FALSE)"
    listed = (
        f"(e.person IN (SELECT coalesce(l.person, u.{user}) FROM es_cohort_users AS u "
        f"LEFT JOIN ({PERSONS[engine]}) AS l ON l.id = u.{user} WHERE u.cohort = ? AND u.part = ?))"
    )
    met = f"(e.person IS NOT NULL AND ({listed} OR {pro}))"
    assert sql == f"(SELECT *, {met} AS {COHORT} FROM {with_plan(engine)} AS e)"
    who = ["it's", 0, "pro" if engine == "duckdb" else ["pro"]]
    assert values == [*[1] * LINK_MARKS[engine], *who, *of_plan(engine)]
