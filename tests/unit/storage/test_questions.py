"""SQL that somebody wrote, over a real copy of a real record: what it may see, what it gets back, what stops it."""

import asyncio
import base64
import json
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import msgspec
import pytest
from litestar import Litestar
from litestar.datastructures import State

from evensplit.api.sql import HANDLERS
from evensplit.errors import EvensplitError, SqlFailed, SqlNotAllowed, SqlTimeout, SqlTooLarge, Unavailable
from evensplit.model.event import Batch
from evensplit.query import vocabulary
from evensplit.query.allowlist import judge
from evensplit.storage.embedded import questions
from evensplit.storage.embedded.columns import Columns
from evensplit.storage.embedded.feed import Feed
from evensplit.storage.embedded.questions import Answer, Question, Questions
from evensplit.storage.embedded.store import EmbeddedStore, Options
from evensplit.storage.migrate import migrate
from evensplit.web.responses import EXCEPTION_HANDLERS

EVENTS = 3_000
ENDLESS = "SELECT count(*) FROM events a, events b, events c, events d WHERE hash(a.id * b.id + c.id - d.id) = 1"


def fill(record: Path) -> None:
    with sqlite3.connect(record) as con:
        con.executemany(
            "INSERT INTO events (event_type, user_id, session_id, properties, created_at) VALUES (?, ?, ?, ?, ?)",
            [
                (
                    ("view", "buy", "sign up")[at % 3],
                    f"u{at % 50}" if at % 7 else None,
                    f"s{at % 100}",
                    f'{{"path":"/a/{at % 5}","n":{at}.5,"x.y":[true,null]}}',
                    f"2026-01-{1 + at % 28:02d} 10:11:12.{at % 1000:03d}",
                )
                for at in range(EVENTS)
            ],
        )
        con.execute("INSERT INTO ab_tests (test_name, created_at) VALUES ('t', '2026-01-01 00:00:00.000')")
        con.executemany(
            "INSERT INTO ab_variants (test_id, variant_name, created_at) VALUES (1, ?, '2026-01-01 00:00:00.000')",
            [("a",), ("b",)],
        )
        con.execute("INSERT INTO ab_assignments VALUES (1, 'u1', 1, 2, '2026-01-01 00:00:00.000')")
        con.execute("INSERT INTO ab_metrics VALUES (1, 1, 2, 'm', 1.5, '2026-01-01 00:00:00.000')")
        con.execute("INSERT INTO es_metric_users VALUES (1, 'u1')")
        con.execute("INSERT INTO es_starts (mark, started_at) VALUES ('m', '')")
    con.close()


@pytest.fixture(scope="module")
def columns(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Columns]:
    directory = tmp_path_factory.mktemp("questions")
    migrate(directory / "analytics.db")
    fill(directory / "analytics.db")
    columns = Columns(directory / "analytics.duckdb", directory / "analytics.db", Feed(), "400MB", 2)
    columns.open("m")
    columns.sync()
    yield columns
    columns.close()


class Asker:
    def __init__(self, columns: Columns) -> None:
        self.columns = columns
        self.questions = Questions(seconds=20)

    def __call__(self, sql: str, *parameters: Any, limit: int = 10_000) -> Answer:
        return self.questions.answer(self.columns.cursor, Question(sql, list(parameters), limit), judge)

    def rows(self, sql: str, *parameters: Any) -> list[list[Any]]:
        """As they would arrive."""
        found: list[list[Any]] = msgspec.json.decode(msgspec.json.encode(self(sql, *parameters).rows))
        return found

    def cell(self, sql: str, *parameters: Any) -> Any:
        ((cell,),) = self.rows(sql, *parameters)
        return cell

    def error(self, sql: str, *parameters: Any) -> EvensplitError:
        with pytest.raises(EvensplitError) as caught:
            self(sql, *parameters)
        return caught.value


@pytest.fixture
def ask(columns: Columns) -> Iterator[Asker]:
    asker = Asker(columns)
    yield asker
    asker.questions.close()


# --- what is seen ---------------------------------------------------------------------------------


@pytest.mark.parametrize("table", vocabulary.TABLES)
def test_a_table_has_the_columns_that_the_allowlist_counts(ask: Asker, table: str) -> None:
    assert tuple(column.name for column in ask(f"SELECT * FROM {table}").columns) == vocabulary.TABLES[table]


def test_the_tables_of_the_contract_read_like_the_record(ask: Asker) -> None:
    assert ask.rows("SELECT * FROM events WHERE id = 2") == [
        [
            2,
            "buy",
            "u1",
            "s1",
            '{"n":1.5,"path":"/a/1","x.y":[true,null]}',
            "2026-01-02T10:11:12.001Z",
            {"n": 1.5, "path": "/a/1", "x.y": [True, None]},
        ]
    ]
    assert ask.rows("SELECT * FROM ab_tests") == [[1, "t", None, "2026-01-01T00:00:00.000Z"]]
    assert ask.rows("SELECT * FROM ab_variants WHERE test_id = 1")[1] == [
        2,
        1,
        "b",
        None,
        1.0,
        "2026-01-01T00:00:00.000Z",
    ]
    assert ask.rows("SELECT * FROM ab_assignments") == [[1, "u1", 1, 2, "2026-01-01T00:00:00.000Z"]]
    assert ask.rows("SELECT * FROM ab_metrics") == [[1, 1, 2, "m", 1.5, "2026-01-01T00:00:00.000Z", "u1"]]


def test_persons_are_the_users_that_events_name(ask: Asker) -> None:
    assert ask.cell("SELECT count(*) FROM persons") == 50
    expected = [["u1", "2026-01-02T10:11:12.001Z", "2026-01-28T10:11:12.951Z", 52]]
    assert ask.rows("SELECT * FROM persons WHERE id = 'u1'") == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT count(*), count(DISTINCT user_id) FROM events", [[3000, 50]]),
        ("SELECT props.path, count(*) FROM events GROUP BY 1 ORDER BY props.path::VARCHAR LIMIT 1", [["/a/0", 600]]),
        ("SELECT sum((properties ->> 'n')::DOUBLE) FROM events", [[sum(at + 0.5 for at in range(EVENTS))]]),
        ("SELECT properties -> 'x.y', props['x.y'] FROM events LIMIT 1", [[[True, None], [True, None]]]),
        ("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 4) SELECT sum(i) FROM n", [[10]]),
        ("SELECT day FROM generate_series(DATE '2026-01-01', DATE '2026-01-02', INTERVAL 1 DAY) t(day)",
         [["2026-01-01T00:00:00.000Z"], ["2026-01-02T00:00:00.000Z"]]),
        ("SELECT v.variant_name FROM ab_assignments a JOIN ab_variants v ON a.variant_id = v.id", [["b"]]),
        ("WITH events AS (SELECT * FROM events WHERE id < 10) SELECT count(*) FROM events", [[9]]),
        ("SELECT id FROM events ORDER BY id DESC LIMIT 2; -- the last; ones", [[3000], [2999]]),
        ("SELECT id, id FROM events WHERE id = 1", [[1, 1]]),
        ("SELECT a.id FROM ab_tests a, ab_variants b ORDER BY b.id", [[1], [1]]),
        ("FROM events SELECT count(*)", [[3000]]),
        ("VALUES (1, ';'), (2, $$--$$)", [[1, ";"], [2, "--"]]),
        ("SELECT 'é' || \"id\" FROM ab_tests -- ;é", [["é1"]]),
        ("SELECT j.key FROM events e, json_each(e.properties) j WHERE e.id = 1 ORDER BY 1", [["n"], ["path"], ["x.y"]]),
        ("SELECT hour(TIMESTAMPTZ '2026-07-01 10:00:00+02'), hour(now()) = hour(now()::TIMESTAMP)", [[8, True]]),
    ],
)  # fmt: skip
def test_answers(ask: Asker, sql: str, expected: list[list[Any]]) -> None:
    assert ask.rows(sql) == expected


@pytest.mark.parametrize(
    ("sql", "kind", "expected"),
    [
        ("NULL", "NULL", None),
        ("true", "BOOLEAN", True),
        ("9007199254740992", "BIGINT", 2**53),
        ("-9007199254740993", "BIGINT", "-9007199254740993"),
        ("12345678901234567890123", "HUGEINT", "12345678901234567890123"),
        ("5::HUGEINT", "HUGEINT", 5),
        ("1.50::DECIMAL(10,2)", "DECIMAL(10,2)", 1.5),
        ("2::DECIMAL(10,2)", "DECIMAL(10,2)", 2),
        ("0.12345678901234567890::DECIMAL(38,20)", "DECIMAL(38,20)", "0.12345678901234567890"),
        ("'nan'::DOUBLE", "DOUBLE", None),
        ("'-inf'::FLOAT", "FLOAT", None),
        ("1e-7", "DOUBLE", 1e-7),
        ("'a\"\u0000é'", "VARCHAR", 'a"\x00é'),
        ("'\\x00\\xFF'::BLOB", "BLOB", base64.b64encode(b"\x00\xff").decode()),
        ("DATE '2026-01-02'", "DATE", "2026-01-02"),
        ("TIMESTAMP '2026-01-02 03:04:05'", "TIMESTAMP", "2026-01-02T03:04:05.000Z"),
        ("TIMESTAMP '2026-01-02 03:04:05.678901'", "TIMESTAMP", "2026-01-02T03:04:05.678901Z"),
        ("TIMESTAMPTZ '2026-01-02 03:04:05+02'", "TIMESTAMP WITH TIME ZONE", "2026-01-02T01:04:05.000Z"),
        ("TIMESTAMP_NS '2026-01-02 03:04:05.678901234'", "TIMESTAMP_NS", "2026-01-02T03:04:05.678901Z"),
        ("TIMESTAMP 'infinity'", "TIMESTAMP", "infinity"),
        ("TIMESTAMP '12026-01-02 03:04:05'", "TIMESTAMP", "12026-01-02T03:04:05.000Z"),
        ("INTERVAL 14 MONTHS", "INTERVAL", "1 year 2 months"),
        ("TIME '24:00:00'", "TIME", "24:00:00"),
        ("[1, NULL]", "INTEGER[]", [1, None]),
        ("['nan'::DOUBLE, -'inf'::DOUBLE, 1]", "DOUBLE[]", [None, None, 1.0]),
        ("{'a': 'NaN', 'b': {'c': 'say \"Infinity\"'}}", None, {"a": "NaN", "b": {"c": 'say "Infinity"'}}),
        ("map {'k': [1]}", "MAP(VARCHAR, INTEGER[])", {"k": [1]}),
        ("(1, 'x')", "TUPLE(INTEGER, VARCHAR)", [1, "x"]),
        ("JSON '{\"a\": 1.50}'", "JSON", {"a": 1.5}),
        ("JSON 'null'", "JSON", None),
        ("UUID '00000000-0000-0000-0000-000000000001'", "UUID", "00000000-0000-0000-0000-000000000001"),
    ],
)  # fmt: skip
def test_every_type_has_a_form_in_json(ask: Asker, sql: str, kind: str | None, expected: object) -> None:
    answer = ask(f"SELECT {sql} AS x")
    assert answer.columns[0].name == "x"
    assert kind is None or answer.columns[0].type == kind
    found = ask.cell(f"SELECT {sql} AS x")
    assert found == expected and type(found) is type(expected)
    json.loads(msgspec.json.encode(answer.rows), parse_constant=lambda word: pytest.fail(word))


def test_json_deeper_than_can_be_read_back_is_text(ask: Asker) -> None:
    deep = "[" * 20_000 + "]" * 20_000
    assert ask.cell("SELECT ?::JSON", deep) == deep


def test_parameters_are_bound_in_their_order(ask: Asker) -> None:
    assert ask.rows("SELECT ?, ?, ?, ?, ?", 1, "x'); --", None, True, 1.5) == [[1, "x'); --", None, True, 1.5]]
    assert ask.cell("SELECT count(*) FROM events WHERE user_id IN (SELECT unnest(?))", ["u1", "u2"]) == 104
    assert ask.cell("SELECT $1 || $1", "a") == "aa"
    assert ask.error("SELECT ?").code == "sql_error"
    assert ask.error("SELECT 1", 1).code == "sql_error"
    assert ask.error("SELECT ?", 1 << 200).code == "sql_error"
    assert ask.error("SELECT ?", "\ud800").code == "sql_error"


def test_more_rows_than_asked_for_are_cut_and_said(ask: Asker) -> None:
    answer = ask("SELECT id FROM events ORDER BY id", limit=10)
    assert (answer.rows, answer.truncated) == ([[at] for at in range(1, 11)], True)
    answer = ask("SELECT id FROM events WHERE id <= 10", limit=10)
    assert (len(answer.rows), answer.truncated) == (10, False)
    answer = ask("SELECT i FROM range(10000000) t(i)", limit=100_000)
    assert (len(answer.rows), answer.truncated, answer.rows[-1]) == (100_000, True, [99_999])
    assert ask("SELECT id FROM events LIMIT 0").rows == []


def test_the_engine_s_complaint_is_one_line(ask: Asker) -> None:
    error = ask.error("SELECT nothing FROM events")
    assert isinstance(error, SqlFailed)
    assert error.message == 'Binder Error: Referenced column "nothing" not found in FROM clause!'
    assert ask.error("SELECT count(*) FROM events WHERE").code == "sql_error"
    assert ask.error("SELECT 'x'::INT").message.startswith("Conversion Error")
    assert ask.error(";").message == "there is no statement"


# --- what stops it --------------------------------------------------------------------------------


def state(columns: Columns) -> tuple[object, ...]:
    """What no question may change: the files, the rows, the engine's settings, the environment."""
    directory = columns._path.parent
    tables = ("events", "ab_tests", "copy_state", "copy_marks", "es_identity")
    counts = [columns.query(f"SELECT count(*) FROM {table}", []) for table in tables]
    settings = columns.query("SELECT name, value FROM duckdb_settings() WHERE name NOT LIKE '%profil%'", [])
    names = columns.query(
        "SELECT table_name FROM duckdb_tables() UNION SELECT database_name FROM duckdb_databases()", []
    )
    files = sorted(path.name for path in directory.iterdir() if not path.name.endswith(("-shm", "-wal", ".wal")))
    return (files, sorted(os.listdir()), counts, sorted(settings), sorted(names), dict(os.environ))


ESCAPES = [
    "INSERT INTO events VALUES (9)",
    "DELETE FROM events",
    "DROP TABLE events",
    "CREATE TABLE stolen AS SELECT 1",
    "CREATE MACRO upper(x) AS 1",
    "COPY events TO 'stolen.csv'",
    "COPY (SELECT 1) TO '{dir}/stolen.csv'",
    "EXPORT DATABASE '{dir}/stolen'",
    "ATTACH '{dir}/stolen.duckdb'",
    "ATTACH ':memory:' AS m",
    "USE temp",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET threads = 1",
    "SET GLOBAL enable_external_access = true",
    "RESET lock_configuration",
    "SET VARIABLE x = 1",
    "PRAGMA enable_profiling",
    "PRAGMA database_list",
    "CALL enable_logging(storage = 'file', storage_path = '{dir}/stolen')",
    "CALL enable_logging(storage = 'stdout')",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE SELECT 1",
    "PREPARE p AS SELECT 1",
    "EXECUTE p",
    "BEGIN",
    "COMMIT",
    "CHECKPOINT",
    "VACUUM",
    "SELECT 1; DROP TABLE events",
    "SELECT 1 -- \n; DELETE FROM events",
    "WITH d AS (DELETE FROM events RETURNING *) SELECT * FROM d",
    "SELECT * FROM (WITH d AS (DELETE FROM events RETURNING *) SELECT * FROM d)",
    "WITH i AS (INSERT INTO copy_marks VALUES ('x') RETURNING *) SELECT * FROM i",
    "SELECT * FROM '{dir}/analytics.db'",
    "SELECT * FROM \"{dir}/analytics.db\"",
    "SELECT * FROM read_text('{dir}/analytics.db')",
    "SELECT * FROM read_blob('/proc/self/environ')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM glob('{dir}/*')",
    "SELECT * FROM sniff_csv('/etc/passwd')",
    "SELECT * FROM parquet_metadata('x')",
    "SELECT * FROM copy_state",
    "SELECT * FROM analytics.main.copy_state",
    "SELECT * FROM main.es_identity",
    "SELECT * FROM temp.main.events",
    "SELECT * FROM system.information_schema.tables",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM pg_catalog.pg_tables",
    "SELECT * FROM duckdb_settings()",
    "SELECT * FROM duckdb_secrets()",
    "SELECT * FROM duckdb_logs()",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM pragma_database_list()",
    "SELECT * FROM query('SELECT * FROM copy_state')",
    "SELECT * FROM query_table('copy_state')",
    "SELECT * FROM json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "SELECT * FROM enable_logging(storage := 'file')",
    "SELECT * FROM which_secret('x', 's3')",
    "SELECT * FROM columns",
    "SELECT * FROM ask",
    "SELECT getenv('PATH')",
    "SELECT current_setting('temp_directory')",
    "SELECT nextval('x')",
    "SELECT write_log('x')",
    "SELECT sleep_ms(60000)",
    "SELECT error('x')",
    "SELECT repeat('x', 4000000000)",
    "SELECT lpad('x', 2000000000, 'y')",
    "SELECT printf('%2000000000d', 1)",
    "SELECT range(1000000000)",
    "SELECT NULL::INT[100000][100000]",
    "SELECT (SELECT value FROM copy_state LIMIT 1)",
    "SELECT 1 FROM events ORDER BY (SELECT value FROM copy_state LIMIT 1)",
    "SELECT 1 LIMIT (SELECT count(*) FROM copy_state)",
    "SELECT sum(id) OVER (PARTITION BY getenv('PATH')) FROM events",
    "SELECT list(id ORDER BY getenv('PATH')) FROM events",
    "WITH copy_state AS (SELECT * FROM copy_state) SELECT * FROM copy_state",
    "WITH s AS (SELECT * FROM copy_state) SELECT 1",
    "SELECT * FROM copy_state PIVOT (count(*) FOR name IN ('x'))",
    "PIVOT copy_state ON name USING count(*)",
    "SUMMARIZE events",
    "DESCRIBE copy_state",
    "SHOW ALL TABLES",
    "SELECT columns(c -> getenv(c) = '') FROM events",
    "WITH RECURSIVE r AS (SELECT 'a' AS s UNION ALL SELECT s || s FROM r) SELECT max(length(s)) FROM r",
    "SELECT " + "(" * 5_000 + "1" + ")" * 5_000,
    "SELECT * FROM " + "(" * 5_000 + "events" + ")" * 5_000,
    "SELECT " + "[" * 5_000,
    "SELECT ')))'" + "(" * 61,
    "SELECT 1 /* ((( */ " + "+ (1" * 61 + ")" * 61,
    "SELECT '" + "x" * 100_000 + "'",
]  # fmt: skip


def test_every_escape_is_refused_and_changes_nothing(ask: Asker, columns: Columns) -> None:
    ask("SELECT 1")
    before = state(columns)
    directory = str(columns._path.parent)
    for sql in ESCAPES:
        error = ask.error(sql.replace("{dir}", directory))
        assert isinstance(error, SqlNotAllowed), sql
    assert state(columns) == before
    assert ask.cell("SELECT count(*) FROM events") == EVENTS


# The same with a judge that lets everything pass: the walls behind it.
WALLS = [
    "WITH d AS (DELETE FROM analytics.main.events RETURNING *) SELECT * FROM d",
    "WITH i AS (INSERT INTO analytics.main.copy_marks VALUES ('x') RETURNING *) SELECT * FROM i",
    "SELECT * FROM '/etc/passwd'",
    "SELECT * FROM read_text('/etc/passwd')",
    "SELECT * FROM read_csv('/etc/passwd')",
    "SELECT * FROM read_parquet('https://example.org/x.parquet')",
    "SELECT * FROM glob('/*')",
    "SELECT * FROM columns",
    "SET threads = 1",
    "SELECT 1; DROP TABLE events",
    "DROP TABLE events",
    "COPY (SELECT 1) TO 'stolen.csv'",
    "ATTACH 'stolen.duckdb'",
    "SELECT 1) AS x; DROP TABLE analytics.main.events; SELECT * FROM (SELECT 1",
    "SELECT nothing /*",
]


@pytest.mark.parametrize("sql", WALLS)
def test_the_walls_behind_the_judgement_hold_too(ask: Asker, columns: Columns, sql: str) -> None:
    ask("SELECT 1")
    before = state(columns)
    with pytest.raises(EvensplitError):
        ask.questions.answer(columns.cursor, Question(sql), lambda _: None)
    assert state(columns) == before


def test_the_configuration_is_locked_and_the_clock_is_utc(ask: Asker, columns: Columns) -> None:
    ask("SELECT 1")
    with columns.cursor() as con:
        for setting in (
            "SET GLOBAL memory_limit = '1TB'",
            "SET TimeZone = 'Europe/Berlin'",
            "RESET lock_configuration",
        ):
            with pytest.raises(Exception, match="locked"):
                con.execute(setting)
        wanted = ["TimeZone", "enable_external_access", "lock_configuration", "autoload_known_extensions"]
        found = con.execute(
            "SELECT value FROM duckdb_settings() WHERE name IN (SELECT unnest(?)) ORDER BY name", [wanted]
        )
        assert found.fetchall() == [("UTC",), ("false",), ("false",), ("true",)]


def test_time_runs_out_and_the_next_question_is_answered(ask: Asker) -> None:
    ask.questions = Questions(seconds=0.3)
    began = time.monotonic()
    error = ask.error(ENDLESS)
    assert isinstance(error, SqlTimeout) and "0.3 seconds" in error.message
    assert time.monotonic() - began < 5
    assert ask.cell("SELECT count(*) FROM events") == EVENTS


@pytest.mark.parametrize(
    "sql",
    [
        "WITH RECURSIVE r(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM r) SELECT max(i) FROM r",
        "SELECT a.id, b.id, c.id FROM events a, events b, events c ORDER BY hash(a.id, b.id, c.id) DESC",
        "SELECT max(length(a.properties || b.properties)) FROM events a, events b, events c",
    ],
)
def test_other_long_questions_are_stopped_too(ask: Asker, sql: str) -> None:
    ask.questions = Questions(seconds=0.3)
    assert ask.error(sql).code in ("sql_timeout", "sql_too_large")


def test_memory_runs_out_and_the_next_question_is_answered(ask: Asker) -> None:
    error = ask.error("SELECT len(list(a.properties)) FROM events a, events b, range(10)")
    assert isinstance(error, SqlTooLarge)
    assert ask.cell("SELECT count(*) FROM events") == EVENTS


def test_what_the_engine_does_not_count_is_watched(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    looks = iter(range(1_000_000))
    monkeypatch.setattr(questions, "_peak_memory", lambda: next(looks) * 1e9)
    assert isinstance(ask.error(ENDLESS), SqlTooLarge)


def test_an_answer_has_a_greatest_length(ask: Asker, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(questions, "MOST_TEXT", 10_000)
    assert ask("SELECT event_type FROM events", limit=100).truncated
    assert isinstance(ask.error("SELECT properties FROM events"), SqlTooLarge)


def test_one_runs_at_a_time_some_wait_and_the_rest_is_told(columns: Columns) -> None:
    running, most = 0, 0
    lock = threading.Lock()

    def slowly(tree: str) -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        time.sleep(0.02)
        with lock:
            running -= 1
        judge(tree)

    async def main() -> list[object]:
        asked = Questions()
        work = [asked.ask(columns.cursor, Question(f"SELECT {at}"), slowly) for at in range(8)]
        found = await asyncio.gather(*work, return_exceptions=True)
        assert (await asked.ask(columns.cursor, Question("SELECT 1"), judge)).rows == [[1]]
        asked.close()
        return list(found)

    found = asyncio.run(main())
    answered = [one.rows for one in found if isinstance(one, Answer)]
    assert answered == [[[at]] for at in range(questions.MOST_WAITING + 1)]
    told = [one for one in found if isinstance(one, Unavailable)]
    assert len(told) == 8 - len(answered) and told[0].retry_after == 5
    assert most == 1


def test_a_stop_interrupts_and_nothing_is_answered_any_more(columns: Columns) -> None:
    async def main() -> None:
        asked = Questions()
        work = asyncio.gather(
            *(asked.ask(columns.cursor, Question(ENDLESS), judge) for _ in range(2)), return_exceptions=True
        )
        await asyncio.sleep(0.2)
        asked.halt()
        found = await asyncio.wait_for(work, 5)
        assert [type(one) for one in found] == [Unavailable, Unavailable]
        with pytest.raises(Unavailable):
            await asked.ask(columns.cursor, Question("SELECT 1"), judge)
        asked.close()

    asyncio.run(main())


def test_the_store_answers_over_everything_acknowledged_through_the_route(tmp_path: Path) -> None:
    async def main() -> None:
        migrate(tmp_path / "analytics.db")  # quicker here than in the writer
        store = await EmbeddedStore.open(Options(tmp_path))
        app = Litestar(
            HANDLERS, state=State({"services": SimpleNamespace(store=store)}), exception_handlers=EXCEPTION_HANDLERS
        )
        transport = httpx.ASGITransport(app=app)  # type: ignore[arg-type]
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            for at in range(1, 6):
                await store.append(Batch(values=["e", "u", None, '{"a": [1]}', "2026-01-02 03:04:05.678"]))
                body = {"sql": "SELECT count(*) AS n FROM events WHERE id > ?", "parameters": [0], "limit": 5}
                reply = await client.post("/v1/sql", json=body)
                assert reply.status_code == 200
                assert reply.json() == {
                    "columns": [{"name": "n", "type": "BIGINT"}],
                    "rows": [[at]],
                    "truncated": False,
                }
            reply = await client.post("/v1/sql", json={"sql": "SELECT properties, props FROM events", "limit": 2})
            assert reply.json()["rows"] == [['{"a":[1]}', {"a": [1]}]] * 2 and reply.json()["truncated"]
            refused: list[tuple[dict[str, object], str]] = [
                ({"sql": "DROP TABLE events"}, "sql_not_allowed"),
                ({"sql": "SELEC"}, "sql_error"),
                ({"sql": ""}, "invalid"),
                ({"sql": "SELECT 1", "limit": 100_001}, "invalid"),
                ({"sql": "SELECT 1", "limit": 0}, "invalid"),
                ({"sql": "SELECT 1", "more": 1}, "invalid"),
                ({"sql": "x" * 100_001}, "invalid"),
            ]
            for wrong, code in refused:
                reply = await client.post("/v1/sql", json=wrong)
                assert (reply.status_code, reply.json()["error"]["code"]) == (422, code)
            store.hush()
            reply = await client.post("/v1/sql", json={"sql": "SELECT 1"})
            assert (reply.status_code, reply.json()["error"]["code"]) == (503, "unavailable")
        await store.close()

    asyncio.run(asyncio.wait_for(main(), 60))
