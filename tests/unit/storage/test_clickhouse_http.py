"""The store on ClickHouse through the network: its engine in a process of its own, within the limits of a request."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evensplit.model.event import Batch, Kept
from evensplit.model.report import read
from evensplit.model.report.funnel import Funnel
from evensplit.model.report.trend import Trend
from evensplit.query.run import funnel, trend
from evensplit.storage.clickhouse.binding import Name, bound
from evensplit.storage.clickhouse.connection import Connection, EngineError, target
from evensplit.storage.clickhouse.store import ClickhouseStore
from evensplit.storage.embedded.store import Options

ROOT = Path(__file__).parents[3]
AT = "2026-11-22 10:11:12.345"
NOW = 1_795_428_000_000  # that day, later
RANGE = {"since": "2026-11-22", "until": "2026-11-22"}
ODD = "o'r\"e\\i\nly\t🙂 {p0:String} ?"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The URL of a server that is gone after the tests of this file."""
    command = [sys.executable, "-m", "tests.clickhouse_http", "--port", "0"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


@pytest.fixture
def connection(server: str) -> Iterator[Connection]:
    found = Connection(target(f"{server}/default"))
    yield found
    found.close()


def batch(user: str, *names: str, keys: list[bytes | None] | None = None) -> Batch:
    values: list[str | None] = []
    for name in names:
        values += [name, user, None, json.dumps({ODD: ODD}), AT]
    return Batch(values=values, keys=keys or [])


async def asked(store: ClickhouseStore) -> tuple[Any, list[int]]:
    """How many persons were there, and how many came so far in the funnel."""
    series = {"event": {"event_type": "a", "filters": [{"property": [ODD], "op": "eq", "value": ODD}]}}
    line = await trend.run(store, read(Trend, json.dumps({"series": [{**series, "measure": "users"}], **RANGE})), NOW)
    steps = await funnel.run(store, read(Funnel, json.dumps({"steps": ["a", "b"], **RANGE})), NOW)
    return line.series[0].total, [step.users for step in steps.steps]


def test_stored_counted_once_asked_and_erased(server: str, tmp_path: Path) -> None:
    """More message ids at once than one parameter may hold."""
    many: list[bytes | None] = [n.to_bytes(16, "big") for n in range(2**127, 2**127 + 3_500)]

    async def work() -> None:
        store = await ClickhouseStore.open(f"{server}/main", Options(tmp_path, follow=False))
        try:
            assert await store.append(batch("u", *["a"] * 3_500, keys=many)) == Kept([])
            assert await store.append(batch("u", "b", "a", keys=[b"b" * 16, many[-1]])) == Kept([1])
            assert await store.append(batch(ODD, "a")) == Kept([])
            assert await store.query("SELECT count(*) FROM events", []) == [(3_502,)]
            assert await asked(store) == (2, [2, 1])
            assert (await store.events.by_id([3_502]))[0].user_id == ODD
            assert await store.erase([ODD, *(f"nobody {n}" * 20 for n in range(500))]) == 1
            assert await asked(store) == (1, [1, 1])
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(work(), 60))


@pytest.mark.parametrize(
    ("sql", "values", "answer"),
    [
        ("SELECT [{}] = ?", [*range(1_200), list(range(1_200))], 1),
        ("SELECT [{}] = ?", [*(f"{n}{ODD}" for n in range(1_200)), [f"{n}{ODD}" for n in range(1_200)]], 1),
        ("SELECT arrayStringConcat([{}, ?])", ["🙂" * 100_000, "x" * 200_000], "🙂" * 100_000 + "x" * 200_000),
        ("SELECT 49999 IN ? AND 5 NOT IN ?", [list(range(50_000)), list(range(6, 50_000))], 1),
        (f"SELECT {{}} + length([{'1,' * 100_000}1])", [1], 100_002),
    ],
    ids=["numbers", "texts", "long texts", "lists", "long statement"],
)
def test_what_is_more_than_a_request_may_hold_is_asked_all_the_same(
    connection: Connection, sql: str, values: list[object], answer: object
) -> None:
    marks = sql.count("?")
    assert connection.ask(sql.replace("{}", ", ".join("?" * (len(values) - marks))), values) == [(answer,)]


def test_lists_of_parameters() -> None:
    """Equal values stand there once; of numbers and their likes, each keeps its type; a name is a name."""
    values = [1, True, None, 0.0, -0.0, Name("k"), "x"] * 200
    sql, parameters = bound(", ".join("?" * len(values)), values)
    assert list(parameters.values()) == [[1], [True], [None], [0.0, -0.0], "k", ["x"]]
    kinds = ["Int64", "Bool", "Nullable(String)", "Float64", "String"]
    one, true, null, zeros, text = (f"{{p{n}:Array({kind})}}" for n, kind in zip([0, 1, 2, 3, 5], kinds, strict=True))
    asked_for = f"{one}[1], {true}[1], {null}[1], {zeros}[1], {zeros}[2], {{p4:Identifier}}, {text}[1]"
    assert sql == ", ".join([asked_for] * 200)


def test_what_the_server_refuses_has_its_number(connection: Connection) -> None:
    with pytest.raises(EngineError, match="code: 47,") as raised:
        connection.ask("SELECT nothing")
    assert raised.value.reached
    with pytest.raises(EngineError, match="code: 164,"):
        connection.ask("CREATE TABLE x (a Int8) ENGINE = Memory")
