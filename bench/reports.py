"""Eight reports over millions of events: ours and by hand, on DuckDB, on ClickHouse's engine, and in bare SQLite.

python -m bench.reports [--events N]    Each engine runs in a process of its own, and says its peak memory.
"""

import argparse
import asyncio
import json
import resource
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from bench import product
from bench.floors import INSERT
from bench.questions import QUESTIONS, Question
from bench.table import Line, Samples, markdown, shown
from evensplit import clock
from evensplit.model.event import Batch
from evensplit.query.reading import Reading
from evensplit.query.run.kinds import KINDS
from evensplit.storage.clickhouse.store import ClickhouseStore
from evensplit.storage.embedded.preparation import RECORD, Preparation
from evensplit.storage.embedded.store import EmbeddedStore, Options

REPEATS = 5
SQLITE_REPEATS = 1  # tens of seconds each; the others vary more than this one
MEMORY = "25%"
BLOCK = 50_000  # rows of one insert into ClickHouse
Ask = Callable[[str], Awaitable[object]]


def told(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S')}  {text}", file=sys.stderr, flush=True)


def fill(folder: Path, count: int) -> None:
    """A record of so many events, as if they had been captured."""
    preparation = Preparation(folder, "bench")
    preparation.finish()
    with closing(sqlite3.connect(folder / RECORD, isolation_level=None)) as con:
        con.execute("PRAGMA synchronous = OFF")
        for number, part in enumerate(product.rows(count)):
            con.execute("BEGIN")
            con.executemany(INSERT, part)
            con.execute("COMMIT")
            if number % 200 == 0:
                told(f"filling: {number * len(part):,} of {count:,} rows")
    preparation.lock.release()


def span(turn: int) -> tuple[str, str]:
    """A range that no turn shares with another, so that no answer is remembered."""
    since = product.FIRST
    until = since + timedelta(days=product.DAYS) - timedelta(milliseconds=turn)
    return since.strftime("%Y-%m-%d %H:%M:%S.000"), until.strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


async def measure(
    question: Question, statements: list[str], ours: Ask | None, by_hand: Ask, repeats: int
) -> list[float]:
    """Milliseconds: the median of ours (0 where there is none), and that by hand."""
    mine, theirs = Samples(), Samples()
    for turn in range(repeats + 1):
        since, until = span(turn)
        began = time.perf_counter()
        if ours is not None:
            report = question.report | {"since": f"{since}Z", "until": f"{until}Z"}
            await ours(json.dumps({"kind": question.kind, "report": report}))
        middle = time.perf_counter()
        for statement in statements:
            await by_hand(statement.replace("{since}", since).replace("{until}", until))
        if turn or not repeats:  # the first one warms both up
            mine.values.append((middle - began) * 1000)
            theirs.values.append((time.perf_counter() - middle) * 1000)
    return [mine.median if ours is not None else 0.0, theirs.median]


async def both(store: Reading, engine: str) -> dict[str, list[float]]:
    """Every question, asked of ours and by hand."""

    async def ours(asked: str) -> object:
        return await ask(store, asked)

    async def by_hand(sql: str) -> object:
        return await store.query(sql, [])

    found = {}
    for question in QUESTIONS:
        told(f"{engine}: {question.name}")
        statements = question.duckdb if engine == "DuckDB" else question.clickhouse
        found[question.name] = await measure(question, statements, ours, by_hand, REPEATS)
    return found


async def on_duckdb(folder: Path) -> dict[str, list[float]]:
    began = time.perf_counter()
    store = await EmbeddedStore.open(Options(folder, "bench", memory=MEMORY, follow=False))
    try:
        await store.fresh()
        return {"ready": [time.perf_counter() - began]} | await both(store, "DuckDB")
    finally:
        await store.close()


async def on_clickhouse(folder: Path) -> dict[str, list[float]]:
    """ClickHouse's engine in the process, filled through the store's own intake."""
    store = await ClickhouseStore.open(f"chdb://{folder / 'chdb'}", Options(folder / "scale", "bench", columns=False))
    try:
        began = time.perf_counter()
        if not await store.events.newest():  # else the folder has been used before
            await pour(folder, store)
        await store.fresh()
        return {"ready": [time.perf_counter() - began]} | await both(store, "ClickHouse")
    finally:
        await store.close()


async def pour(folder: Path, store: ClickhouseStore) -> None:
    with closing(sqlite3.connect(f"file:{folder / RECORD}?mode=ro", uri=True)) as con:
        rows = con.execute("SELECT event_type, user_id, session_id, properties, created_at FROM events ORDER BY id")
        while part := rows.fetchmany(BLOCK):
            await store.append(Batch([value for row in part for value in row]))


async def on_sqlite(folder: Path) -> dict[str, list[float]]:
    found = {"ready": [0.0]}
    with closing(sqlite3.connect(f"file:{folder / RECORD}?mode=ro", uri=True)) as con:

        async def by_hand(sql: str) -> object:
            return con.execute(sql).fetchall()

        for question in QUESTIONS:
            told(f"SQLite: {question.name}")
            began = time.perf_counter()
            for statement in question.sqlite:
                since, until = span(0)
                await by_hand(statement.replace("{since}", since).replace("{until}", until))
            found[question.name] = [0.0, (time.perf_counter() - began) * 1000]
    return found


async def ask(store: Reading, asked: str) -> object:
    question = json.loads(asked)
    (kind,) = (kind for kind in KINDS if kind.name == question["kind"])
    return await kind.asked(store, json.dumps(question["report"]), clock.now_ms())


ENGINES = {"duckdb": on_duckdb, "clickhouse": on_clickhouse, "sqlite": on_sqlite}


def run(engine: str, folder: Path) -> dict[str, list[float]]:
    """In a process of its own; with the peak of its memory in MiB."""
    words = [sys.executable, "-m", "bench.reports", "--engine", engine, "--folder", str(folder)]
    done = subprocess.run(words, stdout=subprocess.PIPE, check=True)
    found: dict[str, list[float]] = json.loads(done.stdout)
    return found


def child(engine: str, folder: Path) -> None:
    found = asyncio.run(ENGINES[engine](folder))
    found["peak"] = [resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024]
    print(json.dumps(found))


def lines(found: dict[str, dict[str, list[float]]]) -> list[Line]:
    rows = []
    for question in QUESTIONS:
        for engine, letter in (("duckdb", "C"), ("clickhouse", "D")):
            ours, by_hand = found[engine][question.name]
            share = ours / by_hand
            note = f"{letter} {shown(by_hand)} ms; bare SQLite {shown(found['sqlite'][question.name][1])} ms"
            if engine == "clickhouse":
                note = f"{letter} {shown(by_hand)} ms"
            # By hand windowFunnel counts and nothing else; ours also says how long each step took.
            least = 2.0 if question.kind == "funnel" and engine == "clickhouse" else 1.3
            name = f"{question.name}, {'DuckDB' if engine == 'duckdb' else 'ClickHouse'}"
            rows.append(Line(name, ours, "ms", letter, share, f"≤ {least} {letter}", share <= least, note))
    for engine, figures in found.items():
        rows.append(Line(f"{engine}: peak memory of the process", figures["peak"][0], "MiB"))
        if figures["ready"][0]:
            rows.append(Line(f"{engine}: filling, or building the columns", figures["ready"][0], "s"))
    return rows


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m bench.reports", description=__doc__)
    options.add_argument("--events", type=int, default=10_000_000)
    options.add_argument("--engine", choices=list(ENGINES))
    options.add_argument("--folder", type=Path)
    chosen = options.parse_args()
    if chosen.engine:
        child(chosen.engine, chosen.folder)
        return
    with tempfile.TemporaryDirectory(prefix="evensplit-bench-") as name:
        folder = chosen.folder or Path(name)
        if not (folder / RECORD).exists():
            fill(folder, chosen.events)
        found = {engine: run(engine, folder) for engine in ENGINES}
    print(json.dumps(found), file=sys.stderr)
    print(f"{chosen.events:,} events\n\n{markdown(lines(found))}")


if __name__ == "__main__":
    main()
