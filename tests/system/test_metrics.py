"""Every kind of metric over HTTP, against the formula on the raw rows: SQL over plain SQLite, then numpy and scipy.

On the embedded store the rows are those of the record; on ClickHouse those that `GET /v1/events` gives back.
"""

import json
import math
import random
import sqlite3
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from scipy import stats

from tests.system import record
from tests.system.client import Client, assignments
from tests.system.server import Server
from tests.system.test_scale import place

USERS = 300
SCORES = {f"u{n}": n * 37 % 700 / 100 for n in range(0, USERS, 2)}
Rows = dict[str, list[tuple[float, ...]]]
HOURS = "round((julianday(e.created_at) - julianday(a.assigned_at)) * 86400000) / 3600000.0"
AMOUNT = "CASE WHEN json_type(e.properties, '$.amount') IN ('integer', 'real') THEN e.properties ->> '$.amount' END"

BUY, LOOK = {"event_type": "buy", "filters": [{"property": "country", "op": "eq", "value": "DE"}]}, "look"
SUM = {"event": "buy", "aggregate": "sum", "property": "amount"}
METRICS: list[dict[str, Any]] = [
    {"name": "share", "kind": "proportion", "event": BUY, "window_hours": 10},
    {"name": "share adjusted", "kind": "proportion", "event": "look", "covariate_days": 1},
    {"name": "count", "kind": "mean", "event": LOOK, "delay_hours": 1, "window_hours": 10},
    {"name": "sum adjusted", "kind": "mean", **SUM, "covariate_days": 1, "cap": {"upper_quantile": 0.9}},
    {"name": "average", "kind": "mean", "event": "buy", "aggregate": "avg", "property": "amount"},
    {"name": "largest", "kind": "mean", "event": "buy", "aggregate": "max", "property": "amount"},
    {"name": "different", "kind": "mean", "event": "@any", "aggregate": "distinct", "property": "country"},
    {
        "name": "ratio",
        "kind": "ratio",
        "numerator": {**SUM, "cap": {"upper_value": 60}},
        "denominator": {"event": "buy"},
    },
    {"name": "median", "kind": "quantile", "event": "buy", "property": "amount", "q": 0.5},
    {"name": "p90", "kind": "quantile", "event": "buy", "property": "amount", "q": 0.9, "per": "event"},
    {"name": "retained", "kind": "retention", "event": "@any", "from_days": 0.25, "to_days": 0.75},
    {"name": "path", "kind": "funnel", "steps": ["look", "look", "buy"]},
    {"name": "score", "kind": "recorded", "as": "mean", "cap": {"upper_value": 4}},
]


def folded(aggregate: str, condition: str, hours: str) -> str:
    """A row a user with the aggregate over their events, NULL where there are none (0 for counts)."""
    return f"""SELECT a.variant, a.user_id, {aggregate} FROM assigned a
        LEFT JOIN events e ON e.user_id = a.user_id AND {condition} AND {hours} GROUP BY a.user_id"""


AFTER, BEFORE = f"{HOURS} >= 0", f"{HOURS} >= -24 AND {HOURS} < 0"
BOUGHT, LOOKED, DE = "e.event_type = 'buy'", "e.event_type = 'look'", "e.properties ->> '$.country' = 'DE'"
FORMULAS: dict[str, list[str]] = {
    "share": [folded("count(e.id) > 0", f"{BOUGHT} AND {DE}", f"{HOURS} >= 0 AND {HOURS} < 10")],
    "share adjusted": [folded("count(e.id) > 0", LOOKED, AFTER), folded("count(e.id) > 0", LOOKED, BEFORE)],
    "count": [folded("count(e.id)", LOOKED, f"{HOURS} >= 1 AND {HOURS} < 11")],
    "sum adjusted": [folded(f"total({AMOUNT})", BOUGHT, AFTER), folded(f"total({AMOUNT})", BOUGHT, BEFORE)],
    "average": [folded(f"avg({AMOUNT})", BOUGHT, AFTER)],
    "largest": [folded(f"max({AMOUNT})", BOUGHT, AFTER)],
    "different": [folded("count(DISTINCT e.properties ->> '$.country')", "1", AFTER)],
    "ratio": [folded(f"min(total({AMOUNT}), 60)", BOUGHT, AFTER), folded("count(e.id)", BOUGHT, AFTER)],
    "median": [folded(f"sum({AMOUNT})", BOUGHT, AFTER)],
    "retained": [folded("count(e.id) > 0", "1", f"{HOURS} >= 6 AND {HOURS} < 18")],
}


@pytest.fixture(scope="module", params=["embedded", "clickhouse"])
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("metrics")
    settings = {} if request.param == "embedded" else {"EVENSPLIT_EVENTS": place(folder)}
    running = Server(folder / "data", settings).start()
    with running.client(limit=120) as api:
        fill(api)
    yield running
    running.close()


def fill(api: Client) -> None:
    """Users who are assigned now, with events around it (a day ahead is accepted), and recorded values."""
    api.create("x", [{"name": "a"}, {"name": "b"}], metrics=METRICS)
    api.post(assignments("x"), {"user_ids": [f"u{n}" for n in range(USERS)]}).good()
    dice, now = random.Random(4), datetime.now(UTC)
    events = []
    for _ in range(4_000):
        at = now + timedelta(milliseconds=dice.randrange(-26 * 3_600_000, 23 * 3_600_000))
        amount = dice.choice([dice.randrange(1, 4_000) / 100, dice.randrange(30), "12", None])
        properties = {"amount": amount, "country": dice.choice(["DE", "FR", None])}
        user = f"u{int(USERS * dice.random() ** 2)}"
        kind = dice.choice(["look", "look", "buy"])
        events.append({"event_type": kind, "user_id": user, "timestamp": at.isoformat(), "properties": properties})
    for start in range(0, len(events), 1_000):
        api.capture(events[start : start + 1_000])
    later = (now + timedelta(hours=1)).isoformat()
    values = [
        {"experiment": "x", "metric": "score", "user_id": user, "value": value, "timestamp": later}
        for user, value in SCORES.items()
    ]
    api.post("/v1/metrics", values).good()


@pytest.fixture(scope="module")
def raw(server: Server) -> Iterator[sqlite3.Connection]:
    """Tables `events` and `assigned` (user_id, variant, assigned_at), of the record or as the server tells them."""
    con = sqlite3.connect(":memory:")
    con.execute("CREATE TABLE events (id, event_type, user_id, properties, created_at)")
    con.execute("CREATE TABLE assigned (user_id, variant, assigned_at)")
    sql = "SELECT user_id, variant_name, assigned_at FROM ab_assignments a JOIN ab_variants v ON v.id = a.variant_id"
    con.executemany("INSERT INTO assigned VALUES (?, ?, ?)", record.read(server.record, sql))
    rows = record.read(server.record, "SELECT id, event_type, user_id, properties, created_at FROM events")
    con.executemany("INSERT INTO events VALUES (?, ?, ?, ?, ?)", rows or list(_told(server)))
    con.execute("CREATE INDEX by_user ON events (user_id)")
    yield con
    con.close()


def _told(server: Server) -> Iterator[tuple[Any, ...]]:
    cursor = ""
    with server.client() as api:
        while cursor is not None:
            page = api.get(f"/v1/events?limit=1000{cursor and f'&cursor={cursor}'}").good()
            for each in page["events"]:
                at = each["created_at"].replace("T", " ").replace("Z", "")
                yield each["id"], each["event_type"], each["user_id"], json.dumps(each["properties"]), at
            cursor = page["next_cursor"]


@pytest.fixture(scope="module")
def results(server: Server) -> dict[str, Any]:
    with server.client(limit=120) as api:
        began = time.monotonic()
        reply = api.get("/v1/experiments/x/results?method=fixed").good()
        assert time.monotonic() - began < 60
    return {metric["metric"]: metric for metric in reply["metrics"]}


def values(raw: sqlite3.Connection, name: str) -> Rows:
    """By variant: the numbers of each user; who lacks the first one is left out."""
    columns = [raw.execute(sql).fetchall() for sql in FORMULAS[name]]
    found: Rows = {"a": [], "b": []}
    for parts in zip(*columns, strict=True):
        if parts[0][2] is not None:
            found[parts[0][0]].append(tuple(float(part[2]) for part in parts))
    return found


def shown(results: dict[str, Any], name: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """The variants by name, and the comparison."""
    metric = results[name]
    assert metric.get("unknown") is None, metric
    return {each["variant"]: each for each in metric["variants"]}, metric["comparisons"][0]


def near(number: float) -> Any:
    return pytest.approx(number, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("name", ["share", "retained", "count", "average", "largest", "different"])
def test_shares_and_means(results: dict[str, Any], raw: sqlite3.Connection, name: str) -> None:
    expected = {variant: [row[0] for row in rows] for variant, rows in values(raw, name).items()}
    variants, comparison = shown(results, name)
    share = results[name].get("as") == "proportion"
    for variant, numbers in expected.items():
        assert len(numbers) > 30 and len(set(numbers)) > 1
        mean = math.fsum(numbers) / len(numbers)
        variance = mean * (1 - mean) if share else np.var(numbers, ddof=1)
        assert variants[variant]["n"] == len(numbers)
        found = [variants[variant][field] for field in ("sum", "mean", "variance")]
        assert found == [near(math.fsum(numbers)), near(mean), near(float(variance))]
    assert comparison["difference"]["estimate"] == near(float(np.mean(expected["b"]) - np.mean(expected["a"])))
    if not share:
        welch = stats.ttest_ind(expected["b"], expected["a"], equal_var=False)
        assert (comparison["p_value"], comparison["statistic"]) == (near(welch.pvalue), near(welch.statistic))


@pytest.mark.parametrize("name", ["sum adjusted", "share adjusted"])
def test_covariates_and_a_cap_over_everybody(results: dict[str, Any], raw: sqlite3.Connection, name: str) -> None:
    expected = values(raw, name)
    if name == "sum adjusted":
        cap = float(np.quantile([row[0] for rows in expected.values() for row in rows], 0.9))
        assert results[name]["cap_value"] == near(cap)
        expected = {key: [(min(y, cap), min(x, cap)) for y, x in rows] for key, rows in expected.items()}
    variants, comparison = shown(results, name)
    of = {key: np.array(rows) for key, rows in expected.items()}
    for key, rows in of.items():
        assert (variants[key]["n"], variants[key]["sum"]) == (len(rows), near(math.fsum(rows[:, 0])))
    theta = comparison["cuped"]["theta"]
    raw_difference = of["b"][:, 0].mean() - of["a"][:, 0].mean()
    assert theta and 0 < comparison["cuped"]["variance_reduction"] < 1
    adjusted = raw_difference - theta * (of["b"][:, 1].mean() - of["a"][:, 1].mean())
    assert comparison["difference"]["estimate"] == near(adjusted)


def test_a_ratio(results: dict[str, Any], raw: sqlite3.Connection) -> None:
    variants, comparison = shown(results, "ratio")
    ratios = {}
    for variant, rows in values(raw, "ratio").items():
        top, bottom = np.array(rows).T
        ratios[variant] = ratio = top.sum() / bottom.sum()
        deviations = top - ratio * bottom  # the delta method: the spread of these over the mean denominator
        variance = np.var(deviations, ddof=1) / bottom.mean() ** 2
        found = [variants[variant][field] for field in ("n", "sum", "denominator", "mean", "variance")]
        assert found == [len(rows), near(top.sum()), bottom.sum(), near(ratio), near(variance)]
    assert results["ratio"]["cap_value"] == {"numerator": 60.0, "denominator": None}
    assert comparison["difference"]["estimate"] == near(ratios["b"] - ratios["a"])


def test_quantiles(results: dict[str, Any], raw: sqlite3.Connection) -> None:
    variants, _ = shown(results, "median")
    for variant, rows in values(raw, "median").items():
        assert (variants[variant]["n"], variants[variant]["mean"]) == (len(rows), near(np.median(rows)))
    variants, _ = shown(results, "p90")
    sql = (
        f"SELECT a.variant, e.user_id, {AMOUNT} AS x FROM events e JOIN assigned a USING (user_id) WHERE {BOUGHT} AND "
    )
    for variant in "ab":
        found = raw.execute(f"SELECT * FROM ({sql} {AFTER}) WHERE x IS NOT NULL AND variant = ?", (variant,)).fetchall()
        assert variants[variant]["mean"] == near(float(np.quantile([row[2] for row in found], 0.9)))
        assert variants[variant]["values"] == len(found)
        assert variants[variant]["n"] == len({row[1] for row in found})


def test_a_funnel(results: dict[str, Any], raw: sqlite3.Connection) -> None:
    """The same steps by hand: the second look after the first, the first purchase after that."""
    sql = f"""WITH e AS (SELECT a.variant, a.user_id, e.event_type, e.created_at, e.id FROM events e
            JOIN assigned a ON a.user_id = e.user_id WHERE {AFTER}),
        looks AS (SELECT *, row_number() OVER (PARTITION BY user_id ORDER BY created_at, id) AS n FROM e
            WHERE event_type = 'look')
        SELECT variant, count(DISTINCT user_id) FROM looks l WHERE n = 2 AND EXISTS (SELECT 1 FROM e
            WHERE e.user_id = l.user_id AND event_type = 'buy' AND (e.created_at, e.id) > (l.created_at, l.id))
        GROUP BY variant"""
    variants, _ = shown(results, "path")
    done = dict(raw.execute(sql).fetchall())
    assert {name: each["sum"] for name, each in variants.items()} == done
    assert all(0 < done[name] < variants[name]["n"] for name in "ab")


def test_recorded_values_with_a_cap(results: dict[str, Any], raw: sqlite3.Connection) -> None:
    variants, _ = shown(results, "score")
    of = dict(raw.execute("SELECT user_id, variant FROM assigned"))
    for name in "ab":
        numbers = [min(value, 4.0) for user, value in SCORES.items() if of[user] == name]
        assert (variants[name]["n"], variants[name]["sum"]) == (len(numbers), near(math.fsum(numbers)))


def test_what_is_shown_was_asked_for(server: Server) -> None:
    """The definitions come back as they were sent."""
    with server.client() as api:
        told = api.get("/v1/experiments/x").good()["metrics"]
    assert [each["kind"] for each in told] == [each["kind"] for each in METRICS]
    for sent, found in zip(METRICS, told, strict=True):
        assert {key: found[key] for key in ("name", "covariate_days") if key in sent} == {
            key: sent[key] for key in ("name", "covariate_days") if key in sent
        }
