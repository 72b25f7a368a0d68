"""CSV and Parquet replies by `Accept`, answers from memory, and what SQL knows of persons: over a whole product."""

import csv
import io
from typing import Any
from urllib.parse import quote

import msgspec
import pyarrow
import pyarrow.parquet
import pytest

from tests.unit.api.conftest import Product

PARQUET = "application/vnd.apache.parquet"
EVENT = "render me"
FORMULAS = ("=1+1", "+1", "-1", "@x", "'=quoted", "plain", 'comma, "quote"\nline', "ünï🎛")


@pytest.fixture(scope="module")
def filled(product: Product) -> Product:
    events = [
        {
            "event_type": EVENT,
            "user_id": f"user {n % 3}",
            "properties": {"country": FORMULAS[n % len(FORMULAS)], "n": n},
            "timestamp": f"2026-11-0{1 + n % 3}T10:00:00Z",
        }
        for n in range(16)
    ]
    product.capture(*events, {"event_type": EVENT, "timestamp": "2026-11-02T00:00:00Z"})
    return product


def trend(**more: Any) -> dict[str, Any]:
    return {"series": [{"event": EVENT}], "since": "2026-11-01", "until": "2026-11-03", **more}


def rows_of(product: Product, method: str, path: str, body: object = None) -> tuple[list[dict[str, str]], Any]:
    reply = product.call(method, path, body, accept="text/csv")
    assert (reply.status_code, reply.headers["content-type"]) == (200, "text/csv; charset=utf-8"), reply.text
    assert int(reply.headers["content-length"]) == len(reply.content)
    return list(csv.DictReader(io.StringIO(reply.text, newline=""))), reply.headers


def parquet_of(product: Product, method: str, path: str, body: object = None) -> "pyarrow.Table":
    reply = product.call(method, path, body, accept=PARQUET)
    assert (reply.status_code, reply.headers["content-type"]) == (200, PARQUET), reply.text
    return pyarrow.parquet.read_table(io.BytesIO(reply.content))


# --- the forms ------------------------------------------------------------------------------------


def test_a_trend_in_three_forms(filled: Product) -> None:
    report = trend(breakdown=[{"property": "country"}], compare="previous")
    answer = filled.good("POST", "/v1/reports/trend", report)
    flat = [
        (line["breakdown"][0], bucket, value, line["total"])
        for line in answer["series"]
        for bucket, value in zip(answer["buckets"], line["values"], strict=True)
    ]
    assert len(flat) == 27 and any(country is None for country, *_ in flat)

    rows, headers = rows_of(filled, "POST", "/v1/reports/trend", report)
    assert list(rows[0]) == [
        "label", "country", "bucket", "value", "total", "compare_bucket", "compare_value", "compare_total",
    ]  # fmt: skip
    guarded = [("" if c is None else f"'{c}" if c.lstrip("'")[:1] in "=+-@" else c) for c, *_ in flat]
    assert [row["country"] for row in rows] == guarded
    assert [(row["bucket"], int(row["value"]), int(row["total"])) for row in rows] == [each[1:] for each in flat]
    assert headers["evensplit-as-of"] == answer["as_of"]
    assert headers["content-disposition"] == 'attachment; filename="trend.csv"'

    table = parquet_of(filled, "POST", "/v1/reports/trend", report)
    assert table.column_names == list(rows[0])
    assert [table["country"].to_pylist(), table["value"].to_pylist()] == [[c for c, *_ in flat], [f[2] for f in flat]]
    assert table.schema.field("value").type == pyarrow.float64()

    link = f"/v1/reports/trend?q={quote(msgspec.json.encode(report).decode())}"
    assert rows_of(filled, "GET", link)[0] == rows


@pytest.mark.parametrize(
    ("accept", "content_type"),
    [
        (None, "application/json"),
        ("*/*", "application/json"),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "application/json"),
        ("application/json, text/csv", "application/json"),
        ("text/csv;q=0.5, application/json;q=0.1", "text/csv; charset=utf-8"),
        ("text/*", "text/csv; charset=utf-8"),
        ("image/png", "application/json"),
        ("nonsense", "application/json"),
        ("", "application/json"),
    ],
)
def test_what_is_asked_for(filled: Product, accept: str | None, content_type: str) -> None:
    reply = filled.call("POST", "/v1/reports/trend", trend(), accept=accept)
    assert (reply.status_code, reply.headers["content-type"]) == (200, content_type)


def test_errors_and_replies_without_a_list_are_json_whatever_is_asked_for(filled: Product) -> None:
    reply = filled.call("POST", "/v1/reports/trend", {"series": []}, accept="text/csv")
    assert (reply.status_code, reply.json()["error"]["code"]) == (422, "invalid_series")
    assert filled.call("GET", "/healthz", accept="text/csv").json() == {"status": "ok"}
    assert filled.call("GET", "/openapi.json", accept=PARQUET).json()["openapi"]
    assert filled.call("GET", "/docs", accept="text/csv").headers["content-type"].startswith("text/html")
    assert filled.call("GET", "/metrics", accept="text/csv").text.startswith("# HELP")
    assert filled.call("GET", "/v1/nowhere", accept="text/csv").json()["error"]["code"] == "not_found"


def test_lists_are_tables_too(filled: Product) -> None:
    rows, headers = rows_of(filled, "GET", f"/v1/events?event_type={quote(EVENT)}&limit=5")
    page = filled.good("GET", f"/v1/events?event_type={quote(EVENT)}&limit=5")
    assert [int(row["id"]) for row in rows] == [event["id"] for event in page["events"]]
    assert [msgspec.json.decode(row["properties"]) if row["properties"] else None for row in rows] == [
        event["properties"] for event in page["events"]
    ]
    assert headers["evensplit-next-cursor"]
    table = parquet_of(filled, "GET", "/v1/keys")
    assert (table.num_rows, table["kind"].to_pylist()) == (1, ["secret"])
    filled.good("POST", "/v1/experiments", {"name": "flat", "variants": [{"name": "a"}, {"name": "b"}]}, 201)
    filled.good("POST", "/v1/experiments/flat/assignments", {"user_id": "user 1"})
    assert rows_of(filled, "GET", "/v1/experiments")[0][0]["name"] == "flat"
    assert rows_of(filled, "GET", "/v1/experiments/flat/assignments")[0][0]["user_id"] == "user 1"


def test_the_persons_behind_a_number(filled: Product) -> None:
    body = {"report": trend(series=[{"event": EVENT, "measure": "users"}]), "limit": 2}
    rows, headers = rows_of(filled, "POST", "/v1/reports/trend/persons", body)
    assert [row["id"] for row in rows] == ["user 0", "user 1"]
    assert rows[0]["ids"] == '["user 0"]'
    assert (headers["evensplit-count"], headers["evensplit-next-cursor"]) == ("3", "user%201")


def test_results_have_a_row_a_metric_and_variant(filled: Product) -> None:
    metric = {"name": "m", "kind": "mean", "event": EVENT, "aggregate": "count"}
    body = {"name": "results", "variants": [{"name": "a"}, {"name": "b"}], "metrics": [metric]}
    filled.good("POST", "/v1/experiments", body, 201)
    users = [f"r{n}" for n in range(40)]
    filled.good("POST", "/v1/experiments/results/assignments", {"user_ids": users})
    filled.capture(*({"event_type": EVENT, "user_id": user} for user in users[:30] + users[:9]))
    answer = filled.good("GET", "/v1/experiments/results/results")
    rows, headers = rows_of(filled, "GET", "/v1/experiments/results/results")
    assert headers["content-disposition"] == 'attachment; filename="results.csv"'
    assert [(row["variant"], int(row["n"])) for row in rows] == [
        (variant["variant"], variant["n"]) for variant in answer["metrics"][0]["variants"]
    ]
    (compared,) = answer["metrics"][0]["comparisons"]
    assert (rows[0]["versus"], float(rows[1]["difference"])) == ("", compared["difference"]["estimate"])
    assert float(rows[1]["p_value"]) == compared["p_value"]


def test_sql_as_tables(filled: Product) -> None:
    sql = (
        "SELECT 1 AS a, 2 AS a, -1.5 AS n, '-1' AS t, NULL AS none, TRUE AS yes, [1, NULL] AS list, "
        "TIMESTAMP '2026-11-22 10:11:12.345' AS at, 9007199254740993::BIGINT AS big, date '2026-01-01' AS day"
    )
    (row,), _ = rows_of(filled, "POST", "/v1/sql", {"sql": sql})
    assert row == {
        "a": "1", "a_2": "2", "n": "-1.5", "t": "'-1", "none": "", "yes": "true", "list": "[1,null]",
        "at": "2026-11-22T10:11:12.345Z", "big": "9007199254740993", "day": "2026-01-01",
    }  # fmt: skip
    table = parquet_of(filled, "POST", "/v1/sql", {"sql": sql})
    kinds = dict(zip(table.column_names, map(str, table.schema.types), strict=True))
    assert kinds == {
        "a": "int64", "a_2": "int64", "n": "double", "t": "string", "none": "string", "yes": "bool", "list": "string",
        "at": "timestamp[us, tz=UTC]", "big": "string", "day": "string",
    }  # fmt: skip
    assert table["at"].to_pylist()[0].isoformat() == "2026-11-22T10:11:12.345000+00:00"
    empty = parquet_of(filled, "POST", "/v1/sql", {"sql": "SELECT id, created_at FROM events WHERE false"})
    assert (empty.num_rows, str(empty.schema.types[0])) == (0, "int64")
    _, headers = rows_of(filled, "POST", "/v1/sql", {"sql": "SELECT id FROM events", "limit": 2})
    assert headers["evensplit-truncated"] == "true"


# --- answers from memory --------------------------------------------------------------------------


def test_the_same_report_does_not_reach_the_engine_until_something_changes(product: Product) -> None:
    report = {"series": [{"event": "cached", "measure": "users"}], "since": "2026-10-01", "until": "2026-10-03"}

    def asked() -> tuple[int, Any]:
        before = product.statements
        answer = product.good("POST", "/v1/reports/trend", report)
        return product.statements - before, answer

    def capture(user: str, **more: str) -> None:
        product.capture({"event_type": "cached", "user_id": user, "timestamp": "2026-10-02T00:00:00Z", **more})

    capture("ann")
    capture("visitor")
    (first, answer), (second, again) = asked(), asked()
    assert first > 0 and second == 0 and again == answer and answer["series"][0]["total"] == 2
    assert product.call("POST", "/v1/reports/trend", report, accept="text/csv").status_code == 200
    assert asked() == (0, answer)

    capture("bob")
    reached, answer = asked()
    assert reached and answer["series"][0]["total"] == 3
    capture("ann", anonymous_id="visitor")
    reached, answer = asked()
    assert reached and answer["series"][0]["total"] == 2, "the visitor is ann"
    product.write(("DELETE FROM events WHERE user_id = 'bob'", []))
    reached, answer = asked()
    assert reached and answer["series"][0]["total"] == 1
    assert asked() == (0, answer)


# --- persons in SQL -------------------------------------------------------------------------------


def test_sql_knows_who_is_who_as_reports_do(product: Product) -> None:
    def event(user: str, **more: str) -> dict[str, str]:
        return {"event_type": "who", "user_id": user, "timestamp": "2026-09-02T00:00:00Z", **more}

    product.capture(
        *(event(user) for user in ("w1", "w1", "w2", "v1", "v2", "v2")),
        event("w1", anonymous_id="v1"),
        event("w2", anonymous_id="v2"),
        event("w1", anonymous_id="v3"),
    )

    def sql(text: str) -> list[list[Any]]:
        rows: list[list[Any]] = product.good("POST", "/v1/sql", {"sql": text})["rows"]
        return rows

    assert sql("SELECT id, events FROM persons WHERE id IN ('w1', 'w2', 'v1', 'v2', 'v3') ORDER BY id") == [
        ["w1", 5],
        ["w2", 4],
    ]
    assert sql("SELECT id, person FROM person_ids WHERE person IN ('w1', 'w2') ORDER BY id") == [
        ["v1", "w1"],
        ["v2", "w2"],
        ["v3", "w1"],
        ["w1", "w1"],
        ["w2", "w2"],
    ]

    def total() -> int:
        report = {"series": [{"event": "@any", "measure": "users"}], "since": "2020-01-01"}
        counted: int = product.good("POST", "/v1/reports/trend", report)["series"][0]["total"]
        return counted

    by_join = "SELECT count(DISTINCT p.person) FROM events AS e JOIN person_ids AS p ON p.id = e.user_id"
    before = total()
    assert sql("SELECT count(*) FROM persons") == sql(by_join) == [[before]]
    merge = "INSERT INTO es_identity (kind, subject, object, value, stated_at) VALUES ('merge', ?, ?, ?, ?)"
    product.write((merge, ["w2", "w1", "w1", "2026-11-01 00:00:00.000"]))
    assert sql("SELECT id, events FROM persons WHERE id IN ('w1', 'w2', 'v1', 'v2', 'v3')") == [["w1", 9]]
    assert sql("SELECT count(*) FROM person_ids WHERE person = 'w1'") == [[5]]
    assert sql("SELECT count(*) FROM persons") == sql(by_join) == [[total()]] == [[before - 1]]
    product.good("POST", "/v1/sql", {"sql": 'SELECT * FROM "PERSONS" LIMIT 1'})
    for inside in ("linked", "temp.linked", "es_identity", "temp.persons", "main.persons"):
        assert product.error("POST", "/v1/sql", {"sql": f"SELECT *, 'persons' FROM {inside}"}) == (
            422,
            "sql_not_allowed",
        )
