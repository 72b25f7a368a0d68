"""What a statement may name, judged on the parse tree that the engine makes of it."""

import copy
import json
import re
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any, NamedTuple

import duckdb
import pytest

from evensplit.errors import SqlFailed, SqlNotAllowed
from evensplit.query import vocabulary
from evensplit.query.allowlist import judge
from evensplit.query.weight import MOST_COLUMNS, MOST_GROWTH, MOST_TABLES

CON = duckdb.connect()

ALLOWED = [
    "SELECT * FROM events WHERE user_id = 'user123' ORDER BY created_at DESC",
    "SELECT a.*, v.variant_name FROM ab_assignments a JOIN ab_variants v ON a.variant_id = v.id",
    "SELECT event_type, count(*), count(DISTINCT user_id) FILTER (WHERE id > 1) FROM events GROUP BY ALL "
    "HAVING count(*) > 1",
    "SELECT props.path, props['n'], properties ->> 'path', properties -> 'tags' -> 0 FROM events LIMIT ? OFFSET 1",
    "WITH a AS (SELECT user_id FROM events), b(x) AS MATERIALIZED (SELECT * FROM a) SELECT * FROM b, a LIMIT 5",
    "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5) SELECT * FROM n",
    "WITH RECURSIVE f(a, b) AS (SELECT 0, 1 UNION ALL SELECT b, a::INT + b FROM f WHERE b < 99) SELECT a FROM f",
    "SELECT lag(id, 1, 0) OVER w, sum(id) OVER (ORDER BY id ROWS BETWEEN 3 PRECEDING AND CURRENT ROW) FROM events "
    "WINDOW w AS (PARTITION BY user_id ORDER BY id) QUALIFY row_number() OVER w = 1",
    "SELECT CASE WHEN id BETWEEN 1 AND 2 THEN 'a' ELSE 'b' END, id IN (1, 2), NOT (id > 3 AND id < 9) FROM events",
    "SELECT id FROM events WHERE user_id IN (SELECT id FROM persons) AND EXISTS (SELECT 1) AND id = ANY (SELECT 1)",
    "SELECT (SELECT max(e.id) FROM events e WHERE e.user_id = p.id), [1, 2], {'a': 1}, (1, 2) FROM persons p",
    "SELECT * EXCLUDE (id) REPLACE (upper(event_type) AS event_type), columns('id') FROM events",
    "SELECT * FROM generate_series(DATE '2026-01-01', current_date, INTERVAL 1 DAY) d(day) LEFT JOIN events ON true",
    "SELECT * FROM range(10) r(i), unnest([1, 2]) u(x), json_each('{}') j",
    "SELECT j.key, count(*) FROM events e, json_each(e.properties) j GROUP BY 1",
    "SELECT * FROM events ASOF JOIN ab_assignments a ON events.user_id = a.user_id AND created_at >= assigned_at",
    "SELECT e.id FROM events e JOIN LATERAL (SELECT e.id + 1 AS x) l ON true",
    "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) t(x, y) UNION ALL BY NAME (SELECT 1 AS x) ORDER BY x LIMIT 10%",
    "SELECT * FROM events PIVOT (count(*) FOR event_type IN ('a', 'b'))",
    "SELECT * FROM (SELECT 1 AS a, 2 AS b) UNPIVOT (v FOR k IN (a, b))",
    "SELECT DISTINCT ON (event_type) id::VARCHAR || '/' || event_type, try_cast('x' AS DECIMAL(10, 2)) FROM events",
    "SELECT user_id, string_agg(event_type, ' > ' ORDER BY created_at), list(id ORDER BY id) FROM events GROUP BY 1",
    "SELECT regexp_replace(properties ->> 'path', '[0-9]+', ':id') AS page FROM events GROUP BY ROLLUP (page)",
    "SELECT arg_max(event_type, id), quantile_cont(id, [0.5, 0.9]), median(id), approx_count_distinct(id) FROM events",
    "SELECT extract(hour FROM created_at AT TIME ZONE 'UTC'), date_trunc('day', created_at) FROM events "
    "WHERE created_at > now() - INTERVAL 7 DAYS",
    "FROM events SELECT count(*)",
    "TABLE ab_tests",
    "SELECT ';' AS \"a;b\" -- ; done",
]

REFUSED = {
    # not a SELECT, or not only that
    "INSERT INTO events VALUES (1)": "only a SELECT",
    "CREATE TABLE x (i INT)": "only a SELECT",
    "COPY (SELECT 1) TO 'x.csv'": "only a SELECT",
    "ATTACH 'x.db'": "only a SELECT",
    "INSTALL httpfs": "only a SELECT",
    "SET threads = 1": "only a SELECT",
    "PRAGMA database_list": "only a SELECT",
    "CALL enable_logging(storage = 'file')": "only a SELECT",
    "EXPLAIN ANALYZE SELECT 1": "only a SELECT",
    "EXECUTE p": "only a SELECT",
    "PIVOT events ON event_type USING count(*)": "only a SELECT",
    "SELECT 1; SELECT 2": "2 statements",
    "SELECT 1 /* ; */; DROP TABLE events --": "only a SELECT",
    "WITH d AS (DELETE FROM events RETURNING *) SELECT * FROM d": "DELETE",
    "WITH a AS (SELECT 1), d AS (INSERT INTO ab_tests VALUES (1) RETURNING *) SELECT * FROM a": "INSERT",
    "SELECT (WITH d AS (UPDATE events SET id = 1 RETURNING id) SELECT max(id) FROM d)": "UPDATE",
    "DESCRIBE events": "DESCRIBE",
    "SUMMARIZE events": "DESCRIBE",
    "SELECT * FROM (SHOW TABLES)": "DESCRIBE",
    # tables
    "SELECT * FROM copy_state": "the tables are",
    "SELECT * FROM Es_Links": "the tables are",
    'SELECT * FROM "es_identity"': "the tables are",
    "SELECT * FROM 'events.csv'": "the tables are",
    'SELECT * FROM "/etc/passwd"': "the tables are",
    "SELECT * FROM sqlite_master": "the tables are",
    "SELECT * FROM duckdb_tables": "the tables are",
    "SELECT * FROM main.events": "without schema",
    "SELECT * FROM analytics.main.events": "without schema",
    "SELECT * FROM temp.events": "without schema",
    "SELECT * FROM information_schema.tables": "without schema",
    "SELECT * FROM pg_catalog.pg_class": "without schema",
    "SELECT * FROM events AT (VERSION => 1)": "AT",
    "SELECT * FROM events TABLESAMPLE 10%": "SAMPLE",
    "SELECT * FROM events USING SAMPLE 5 ROWS": "SAMPLE",
    # the scope of a WITH
    "WITH stranger AS (SELECT * FROM stranger) SELECT * FROM stranger": "the tables are",
    "WITH copy_state AS (SELECT 1) SELECT * FROM copy_state": "plain name",
    'WITH "x.csv" AS (SELECT 1) SELECT * FROM "x.csv"': "plain name",
    "SELECT (WITH z AS (SELECT 1 AS a) SELECT a FROM z), (SELECT a FROM z)": "the tables are",
    "WITH a AS (SELECT * FROM b), b AS (SELECT 1) SELECT * FROM a": "the tables are",
    "WITH RECURSIVE r AS (SELECT * FROM r UNION ALL SELECT * FROM r) SELECT * FROM r": "the tables are",
    "WITH RECURSIVE r(i) USING KEY (i) AS (SELECT 1 UNION SELECT i + 1 FROM r) SELECT * FROM r": "USING KEY",
    # functions
    "SELECT getenv('HOME')": "function getenv",
    "SELECT \"GetEnv\"('HOME')": "function getenv",
    "SELECT 'HOME'.getenv()": "function getenv",
    "SELECT current_setting('memory_limit')": "function current_setting",
    "SELECT nextval('s')": "function nextval",
    "SELECT getvariable('x')": "function getvariable",
    "SELECT main.upper('x')": "without schema",
    "SELECT system.main.upper('x')": "without schema",
    "SELECT pg_sleep(100)": "function pg_sleep",
    "SELECT sleep_ms(100)": "function sleep_ms",
    "SELECT write_log('x')": "function write_log",
    "SELECT * FROM read_csv('x')": "function read_csv",
    "SELECT * FROM read_text('x')": "function read_text",
    "SELECT * FROM read_parquet('x')": "function read_parquet",
    "SELECT * FROM glob('*')": "function glob",
    "SELECT * FROM query('SELECT 1')": "function query",
    "SELECT * FROM query_table('copy_state')": "function query_table",
    "SELECT * FROM duckdb_settings()": "function duckdb_settings",
    "SELECT * FROM duckdb_secrets()": "function duckdb_secrets",
    "SELECT * FROM pragma_table_info('events')": "function pragma_table_info",
    "SELECT * FROM enable_logging()": "function enable_logging",
    "SELECT * FROM json_execute_serialized_sql('{}')": "function json_execute_serialized_sql",
    # what builds big values
    "SELECT repeat('x', 9)": "function repeat",
    "SELECT lpad('x', 9, 'y')": "function lpad",
    "SELECT printf('%9d', 1)": "function printf",
    "SELECT format('{:9}', 1)": "function format",
    "SELECT range(9)": "function range",
    "SELECT unnest(generate_series(1, 9))": "function generate_series",
    "SELECT list_resize([1], 9)": "function list_resize",
    "SELECT bitstring('1', 9)": "function bitstring",
    "SELECT list_transform([1], lambda x: x)": "LAMBDA",
    "SELECT [x FOR x IN [1, 2]]": "LAMBDA",
    "SELECT columns(c -> c LIKE 'i%') FROM events": "list_filter",
    "SELECT levenshtein('a', 'b')": "function levenshtein",
    "SELECT list(user_id) OVER () FROM events": "over a window",
    "SELECT max(id, 9) OVER () FROM events": "over a window",
    "SELECT NULL::INT[9]": "type array",
    "SELECT '[1]'::JSON::VARIANT": "type variant",
    "SELECT NULL::ENUM('a')": "type enum",
    "SELECT NULL::copy_state": "type copy_state",
    "SELECT NULL::STRUCT(a INT[9])": "type array",
    "SELECT count(*) FROM range(10000001)": "more than 10000000 rows",
    "SELECT count(*) FROM range(0, -90000000, -3)": "more than 10000000 rows",
    "SELECT count(*) FROM generate_series(1, 100000000)": "more than 10000000 rows",
    "SELECT count(*) FROM range(1000 * 1000 * 1000)": "whole numbers",
    "SELECT count(*) FROM range(?)": "whole numbers",
    "SELECT count(*) FROM events, range(events.id)": "whole numbers",
    "SELECT count(*) FROM range((SELECT max(id) FROM events))": "whole numbers",
    "SELECT count(*) FROM events, generate_series(created_at, now(), INTERVAL 1 DAY)": "not columns",
    "SELECT count(*) FROM events GROUP BY CUBE (1, 2, 3, 4, 5, 6, 7)": "grouping sets",
}

# Each would double, or more, what it is given every time round.
ENDLESS = [
    "s || s",
    "s || 'x'",
    "concat(s, s)",
    "replace(s, 'a', 'aa')",
    "regexp_replace(s, 'a', 'aa', 'g')",
    "to_json(s)::VARCHAR",
    "s::JSON::VARCHAR",
    "hex(s)",
    "[s, s]::VARCHAR",
    "str_split(s, '')::VARCHAR",
    "s + s",
    "(SELECT string_agg(s, '') FROM (VALUES (1), (2)))",
    "(SELECT t FROM (SELECT s || s AS t))",
]


def tree(sql: str) -> str:
    row = CON.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]).fetchone()
    assert row is not None
    return str(row[0])


def refusal(sql: str) -> str:
    with pytest.raises(SqlNotAllowed) as caught:
        judge(tree(sql))
    return caught.value.message


@pytest.mark.parametrize("sql", ALLOWED)
def test_allowed(sql: str) -> None:
    judge(tree(sql))


@pytest.mark.parametrize("sql", REFUSED)
def test_refused(sql: str) -> None:
    assert REFUSED[sql] in refusal(sql)


@pytest.mark.parametrize(
    ("sql", "says"), [("", "there is no statement"), ("-- x", "there is no statement"), ("SELEC 1", "syntax error")]
)
def test_what_cannot_be_read_is_said_in_the_engine_s_words(sql: str, says: str) -> None:
    with pytest.raises(SqlFailed, match=says):
        judge(tree(sql))


# --- the walk reaches everything ------------------------------------------------------------------


def places(found: Any, wanted: Callable[[dict[str, Any]], bool]) -> Iterator[dict[str, Any]]:
    """Every dictionary of a tree that `wanted` takes."""
    if isinstance(found, dict):
        if wanted(found):
            yield found
        for inner in found.values():
            yield from places(inner, wanted)
    elif isinstance(found, list):
        for inner in found:
            yield from places(inner, wanted)


def assert_each_is_seen(sql: str, wanted: Callable[[dict[str, Any]], bool], change: dict[str, Any]) -> int:
    """Each such place, changed alone, makes the statement refused."""
    whole = json.loads(tree(sql))
    count = len(list(places(whole, wanted)))
    for at in range(count):
        changed = copy.deepcopy(whole)
        place = list(places(changed, wanted))[at]
        place.update(change)
        with pytest.raises(SqlNotAllowed):
            judge(json.dumps(changed))
            pytest.fail(f"not seen: {str(place)[:300]}")
    return count


@pytest.mark.parametrize("sql", ALLOWED)
def test_every_expression_of_a_statement_is_judged(sql: str) -> None:
    assert_each_is_seen(sql, lambda place: "class" in place, {"class": "NEW_CLASS"})


@pytest.mark.parametrize("sql", ALLOWED)
def test_every_query_source_and_frame_of_a_statement_is_judged(sql: str) -> None:
    def wanted(place: dict[str, Any]) -> bool:
        return isinstance(place.get("type"), str) and "class" not in place

    assert assert_each_is_seen(sql, wanted, {"type": "NEW_TYPE"}) > 0


@pytest.mark.parametrize("sql", ALLOWED)
def test_every_function_table_and_type_of_a_statement_is_judged(sql: str) -> None:
    def named(key: str) -> Callable[[dict[str, Any]], bool]:
        return lambda place: bool(place.get(key))

    for key, stranger in (("function_name", "getenv"), ("table_name", "copy_state"), ("type_name", "variant")):
        assert_each_is_seen(sql, named(key), {key: stranger, "qualified_name": {"path": [stranger]}})


@pytest.mark.parametrize("sql", ALLOWED)
def test_a_name_that_says_one_thing_and_its_path_another_is_refused(sql: str) -> None:
    assert_each_is_seen(
        sql,
        lambda place: bool(place.get("table_name") or place.get("function_name")),
        {"qualified_name": {"path": ["x"]}},
    )


# --- sizes ----------------------------------------------------------------------------------------


def chain(start: str, step: str, times: int) -> str:
    """`times` queries around one another; `{}` is the query within."""
    sql = start
    for _ in range(times):
        sql = step.format(sql)
    return sql


@pytest.mark.parametrize("step", ENDLESS)
def test_nothing_grows_in_a_recursion(step: str) -> None:
    sql = f"WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT {step} FROM r) SELECT max(s) FROM r"
    assert "recursion" in refusal(sql)


def test_a_value_may_be_made_of_a_few_columns() -> None:
    judge(tree(f"SELECT {' || '.join(['user_id'] * MOST_GROWTH)} FROM events"))
    assert "times as long" in refusal(f"SELECT {' || '.join(['user_id'] * (MOST_GROWTH + 1))} FROM events")
    judge(tree("SELECT " + ", ".join(["user_id || ' at ' || session_id"] * 100) + " FROM events"))
    judge(tree("SELECT count(*) || ' of ' || sum(id) || ' by ' || max(id)::INT FROM events"))


@pytest.mark.parametrize(
    "step",
    [
        "SELECT s || s AS s FROM ({})",
        "SELECT [s, s] AS s FROM ({})",
        "SELECT {{'a': s, 'b': s}} AS s FROM ({})",
        "SELECT t AS s, t AS b FROM ({}) t",
        "SELECT to_json(s) AS s FROM ({})",
        "SELECT replace(s, 'a', 'aaa') AS s FROM ({})",
        "SELECT l.t AS s FROM ({}) q, LATERAL (SELECT q.s || q.s AS t) l",
        "WITH w AS ({}) SELECT s || s AS s FROM w",
        "SELECT (SELECT q.s || q.s) AS s FROM ({}) q",
        "SELECT string_agg(s, '') || 'x' || string_agg(s, '') AS s FROM ({})",
    ],
)
def test_growth_is_counted_through_all_levels(step: str) -> None:
    assert "times as long" in refusal(chain("SELECT user_id AS s FROM events", step, 8))


def test_what_is_put_into_a_text_must_be_in_the_statement() -> None:
    assert "must be written" in refusal("SELECT replace(user_id, 'u', session_id) FROM events")
    assert "must be written" in refusal("SELECT regexp_replace(user_id, 'u', ?) FROM events")
    assert "times as long" in refusal(f"SELECT replace(user_id, '', '{'a' * 99}') FROM events")


def test_columns_are_counted() -> None:
    assert f"{MOST_COLUMNS} columns" in refusal(chain("SELECT * FROM events", "SELECT *, *, *, * FROM ({})", 6))
    assert f"{MOST_COLUMNS} columns" in refusal(chain("SELECT 1 AS a", "SELECT q.*, q.*, q.*, q.*, q.* FROM ({}) q", 6))
    entries = ", ".join(map(str, range(50)))
    pivot = f"SELECT * FROM events PIVOT (count(*) FOR id IN ({entries}) user_id IN ({entries}))"
    assert f"{MOST_COLUMNS} columns" in refusal(pivot)


def test_tables_are_counted_as_often_as_their_with_is_named() -> None:
    sql = "WITH a0 AS (SELECT id FROM events)"
    for at in range(1, 7):
        sql += f", a{at} AS (SELECT p.id FROM a{at - 1} p JOIN a{at - 1} q USING (id))"
    judge(tree(sql + " SELECT count(*) FROM a6"))
    assert f"{MOST_TABLES} tables" in refusal(sql + " SELECT count(*) FROM a6 p, a6 q")
    assert f"{MOST_TABLES} tables" in refusal("SELECT 1 FROM " + ", ".join(f"events e{at}" for at in range(65)))


def test_expressions_are_counted_as_often_as_their_alias_is_named() -> None:
    sql = "SELECT id AS a0" + "".join(f", a{at} * a{at} AS a{at + 1}" for at in range(30)) + " FROM events"
    assert "expressions" in refusal(sql)
    sql = "SELECT (SELECT max(id) FROM events) AS a0" + "".join(f", a{at} * a{at} AS a{at + 1}" for at in range(9))
    assert "tables" in refusal(sql)
    judge(tree(f"SELECT 1 FROM events WHERE id IN ({', '.join(map(str, range(10_000)))})"))


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT " + "+".join(["1"] * 5_000),
        "SELECT " + "NOT " * 5_000 + "true",
        "SELECT 1" + "::INT" * 900,
        " UNION ALL ".join(["SELECT 1"] * 500),
        "SELECT " + ".".join("a" * 500),
        "WITH " + ", ".join(f"a{at} AS (SELECT 1)" for at in range(50)) + " SELECT 1",
    ],
)
def test_what_would_take_long_to_plan_is_refused(sql: str) -> None:
    assert refusal(sql)


# --- the vocabulary -------------------------------------------------------------------------------

KNOWN = {
    *vocabulary.FIXED,
    *vocabulary.FLAT,
    *vocabulary.GROWING,
    *vocabulary.REPLACING,
    *vocabulary.GATHERING,
    *vocabulary.TABLE_FUNCTIONS,
}
# Made by the parser, or known to it alone.
BY_THE_PARSER = {"count_star", "=", "!=", "<>", "<", "<=", ">", ">=", "ifnull", "coalesce", "unnest"}


class Overload(NamedTuple):
    result: str
    takes: list[str]
    macro: str | None
    names: list[str]


@cache
def engine() -> dict[str, list[Overload]]:
    """Every function that the engine has."""
    sql = """SELECT function_name, return_type, parameter_types, macro_definition, parameters
        FROM duckdb_functions() WHERE function_type != 'table_macro'"""
    found: dict[str, list[Overload]] = {}
    for name, result, takes, macro, names in CON.execute(sql).fetchall():
        found.setdefault(str(name), []).append(Overload(str(result), [str(one) for one in takes], macro, names))
    return found


def overloads(name: str) -> list[Overload]:
    return engine().get(name, [])


def test_every_name_is_one_of_the_engine_s() -> None:
    assert KNOWN - set(engine()) - BY_THE_PARSER == set()


def test_no_name_reads_files_settings_or_other_sql() -> None:
    banned = ("read_", "duckdb_", "pragma_", "pg_", "current_s", "enable_", "write_", "parquet_", "icu_", "test_", "__")
    assert [name for name in KNOWN if name.startswith(banned)] == []
    assert not KNOWN & {
        "getenv",
        "query",
        "query_table",
        "glob",
        "getvariable",
        "nextval",
        "setval",
        "error",
        "sleep_ms",
    }


def test_no_function_takes_a_lambda() -> None:
    """`->` may be read as access to JSON only because of this."""
    assert [name for name in KNOWN if any("LAMBDA" in one.takes for one in overloads(name))] == []


def test_fixed_functions_give_values_of_bounded_size() -> None:
    bounded = ("INT", "DOUBLE", "FLOAT", "BOOLEAN", "DATE", "TIME", "INTERVAL", "UUID", "DECIMAL", "BIGNUM", "BIT")
    short = {"dayname", "monthname", "typeof", "md5", "sha1", "sha256", "variant_typeof", "json_type"}
    parts = {"date_part", "datepart"}  # a structure of as many numbers as were named
    odd = {
        (name, one.result)
        for name in vocabulary.FIXED - short - parts
        for one in overloads(name)
        if one.macro is None and not any(kind in one.result for kind in bounded)
    }
    assert odd == set()


def test_operators_that_join_lists_are_not_taken_for_arithmetic() -> None:
    joining = {name for name in KNOWN if not name[0].isalnum() and any("[]" in one.result for one in overloads(name))}
    assert joining == {"+", "->>"}
    assert "+" in vocabulary.JOINING


def test_macros_are_weighed_by_how_often_they_name_an_argument() -> None:
    for name in KNOWN:
        for one in overloads(name):
            if one.macro is not None:
                words = re.findall(r"\w+", one.macro)
                often = max(words.count(part) for part in one.names) > 1 or bool({*words} & {*vocabulary.REPEATING})
                assert often == (name in vocabulary.REPEATING), (name, one.macro)


@pytest.mark.parametrize("call", ["nullif({}, 1)", "fmod({}, 2)", "split_part({}, '/', 1)"])
def test_nested_macros_are_counted_as_what_they_become(call: str) -> None:
    assert "expressions" in refusal(f"SELECT {chain('id', call, 20)} FROM events")


def test_an_expression_over_columns_is_counted_for_each() -> None:
    wide = chain("SELECT * FROM events", "SELECT *, * FROM ({})", 5)
    many = " + ".join(["abs(columns(*))"] * 100)
    assert "expressions" in refusal(f"SELECT {many} FROM ({wide})")
    assert "expressions" in refusal(f"SELECT 1 FROM ({wide}) WHERE {many} > 1")
