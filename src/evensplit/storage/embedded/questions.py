"""Runs SQL that somebody wrote, over the columns: one at a time, read-only, bounded in time, memory and answer.

Whether a statement may run is decided by the judge that is handed in (`query.allowlist`), on the parse tree that the
engine made of it. Here stand the walls behind that judgement: a connection of its own on which only views of the
contract's tables have plain names, a read-only transaction, a configuration that nobody can change any more.
"""

import asyncio
import logging
import resource
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import TypeAlias, cast

import duckdb
import msgspec

from evensplit.errors import EvensplitError, SqlFailed, SqlNotAllowed, SqlTimeout, SqlTooLarge, Unavailable
from evensplit.storage.embedded.cells import Cell, Column, column_of

SECONDS = 30.0
MOST_WAITING = 4  # questions behind the one that runs
MOST_ROWS = 100_000
LONGEST = 100_000  # characters of a statement
DEEPEST = 60  # brackets within brackets: the engine's parser is recursive, and slow from some hundreds on
MOST_TEXT = 32 * 1024 * 1024  # characters of an answer
SPARE = 512 * 1024 * 1024  # bytes that a question may take beyond the engine's memory limit
SPILL = "8GB"  # what the engine may write to disk for questions and reports that do not fit into memory
PIECE = 2_048  # rows fetched at a time
LOOK = 0.05  # seconds between looks at the clock and at the memory

# What plain names mean to a question. `properties` is text, as in the record; nothing else of the copy has a name here.
VIEWS = {
    "events": "SELECT id, event_type, user_id, session_id, CAST(CAST(props AS JSON) AS VARCHAR) AS properties, "
    "created_at, props FROM {main}.events",
    "ab_tests": "SELECT id, test_name, description, created_at FROM {main}.ab_tests",
    "ab_variants": "SELECT id, test_id, variant_name, description, weight, created_at FROM {main}.ab_variants",
    "ab_assignments": "SELECT id, user_id, test_id, variant_id, assigned_at FROM {main}.ab_assignments",
    "ab_metrics": "SELECT id, test_id, variant_id, metric_name, value, created_at, user_id FROM {main}.ab_metrics",
}
# The same, made of who is who: `linked` holds every id that stands for another.
PERSONS = {
    "person_ids": "SELECT seen.id AS id, coalesce(linked.person, seen.id) AS person "
    "FROM (SELECT user_id AS id FROM {main}.events WHERE user_id IS NOT NULL UNION SELECT id FROM temp.linked) AS seen "
    "LEFT JOIN temp.linked AS linked ON linked.id = seen.id",
    "persons": "SELECT coalesce(linked.person, seen.id) AS id, min(seen.first_seen) AS first_seen, "
    "max(seen.last_seen) AS last_seen, sum(seen.events)::BIGINT AS events FROM (SELECT user_id AS id, "
    "min(created_at) AS first_seen, max(created_at) AS last_seen, count(*) AS events "
    "FROM {main}.events WHERE user_id IS NOT NULL GROUP BY user_id) AS seen "
    "LEFT JOIN temp.linked AS linked ON linked.id = seen.id GROUP BY 1",
}

log = logging.getLogger(__name__)

Scalar: TypeAlias = str | int | float | bool | None
People: TypeAlias = tuple[str, Sequence[object]]  # SQL and the values of its `?`
Judge: TypeAlias = Callable[[str], None]  # given the parse tree as JSON; raises where the statement may not run
Connect: TypeAlias = Callable[[], duckdb.DuckDBPyConnection]


NOBODY: People = ("SELECT NULL::VARCHAR AS id, NULL::VARCHAR AS person WHERE FALSE", ())


class Question(msgspec.Struct, frozen=True):
    """A statement, the values of its `?`, and how many rows are wanted at most.

    `people` gives rows (id, person) over the copy: every id that stands for another, and whom for."""

    sql: str
    parameters: list[Scalar | list[Scalar]] = []
    limit: int = 10_000
    people: People = NOBODY


class Answer(msgspec.Struct, frozen=True):
    """Every cell is JSON as it stands; `truncated`: there are more rows."""

    columns: list[Column]
    rows: list[list[Cell]]
    truncated: bool


class Questions:
    """Takes them one at a time. `connect` gives a new connection to the shared engine."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._thread = ThreadPoolExecutor(1, "questions")
        self._waiting = 0
        self._closing = threading.Event()

    def halt(self) -> None:
        """Interrupt what runs; whoever asks from now on is told that the server stops."""
        self._closing.set()

    def close(self) -> None:
        """The same, and wait until it has ended."""
        self.halt()
        self._thread.shutdown(wait=True, cancel_futures=True)

    async def ask(self, connect: Connect, question: Question, judge: Judge) -> Answer:
        """Raises Unavailable where too many wait, and what `judge` and the engine have to say."""
        if self._closing.is_set():
            raise Unavailable("the server is stopping")
        if self._waiting > MOST_WAITING:
            raise Unavailable(f"{self._waiting} SQL statements are running or waiting; they run one at a time", 5)
        self._waiting += 1
        dropped = threading.Event()
        answer = partial(self.answer, connect, question, judge, dropped)
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, answer)
        except asyncio.CancelledError:
            dropped.set()  # nobody waits for it any more
            raise
        finally:
            self._waiting -= 1

    def answer(
        self, connect: Connect, question: Question, judge: Judge, dropped: threading.Event | None = None
    ) -> Answer:
        """The same, here and now; for one thread at a time. `dropped`: set when it is not wanted any more."""
        with connect() as con:
            limit = _lock(con)
            with _Watch(con, self._seconds, limit + SPARE, (self._closing, dropped)) as watch:
                try:
                    if self._closing.is_set():
                        raise Unavailable("the server is stopping")
                    sql = _bare(question.sql)
                    (tree,) = _one(con.execute("SELECT json_serialize_sql(?::VARCHAR)", [sql]))
                    judge(str(tree))
                    _wall(con, question.people if "person" in sql.lower() else None)
                    return _run(con, sql, question)
                except duckdb.InterruptException:
                    raise watch.reason() from None
                except duckdb.OutOfMemoryException:
                    raise SqlTooLarge("the statement needs more memory than it may take") from None
                except (duckdb.InternalException, duckdb.FatalException, duckdb.IOException) as error:
                    log.error("the engine failed on a question: %s", str(error).splitlines()[0])
                    raise SqlFailed("the engine failed inside on this statement; the log says more") from None
                except duckdb.Error as error:
                    raise SqlFailed(str(error).splitlines()[0][:1_000]) from None
                except (UnicodeError, OverflowError, ValueError, TypeError, RuntimeError) as error:
                    raise SqlFailed(f"a value cannot be bound or shown: {error}"[:1_000]) from None


def _lock(con: duckdb.DuckDBPyConnection) -> float:
    """Close the configuration of the engine for good, with the last settings it needs. Its memory limit in bytes."""
    (locked, memory) = _one(
        con.execute("SELECT current_setting('lock_configuration'), current_setting('memory_limit')")
    )
    if not locked:
        con.execute("SET GLOBAL TimeZone = 'UTC'")  # now() and casts between instants and local times
        con.execute(f"SET GLOBAL max_temp_directory_size = '{SPILL}'")
        con.execute("SET GLOBAL lock_configuration = true")
    number, unit = str(memory).split()
    return float(number) * 1024.0 ** ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"].index(unit)


def _bare(sql: str) -> str:
    """The statement without what follows its last word. Raises where it is too long or nests too deep to be parsed."""
    if len(sql) > LONGEST:
        raise SqlNotAllowed(f"the statement has {len(sql)} characters; the most are {LONGEST}")
    text = sql.encode()
    tokens = duckdb.tokenize(sql)
    ends = [start for start, _ in tokens[1:]] + [len(text)]
    depth = 0
    for (start, kind), end in zip(tokens, ends, strict=True):
        if kind == duckdb.token_type.operator:
            word = text[start:end]
            depth += sum(map(word.count, (b"(", b"[", b"{"))) - sum(map(word.count, (b")", b"]", b"}")))
            if depth > DEEPEST:
                raise SqlNotAllowed(f"brackets nest more than {DEEPEST} deep")
    end = len(text)
    for start, kind in reversed(tokens):
        if kind != duckdb.token_type.comment and text[start:end].strip() != b";":
            break
        end = start
    return text[:end].decode()


def _wall(con: duckdb.DuckDBPyConnection, people: People | None) -> None:
    """Give plain names to the views only, then let nothing be written any more.

    Who is who is worked out for statements that name it: it takes a moment, and its values have to be bound."""
    (catalog,) = _one(con.execute("SELECT current_database()"))
    main = '"' + str(catalog).replace('"', '""') + '".main'
    if people is not None:
        con.execute(f"CREATE TEMP TABLE linked AS {people[0]}", list(people[1]))
    for name, body in (VIEWS if people is None else VIEWS | PERSONS).items():
        con.execute(f"CREATE TEMP VIEW {name} AS {body.format(main=main)}")
    con.execute("BEGIN TRANSACTION READ ONLY")


def _run(con: duckdb.DuckDBPyConnection, sql: str, question: Question) -> Answer:
    """Ask for the types first, then for the rows, each column in a form that has a JSON equal."""
    described = con.execute(f"DESCRIBE (\n{sql}\n)", question.parameters).fetchall()
    columns = [column_of(str(row[0]), str(row[1])) for row in described]
    names = [f"c{at}" for at in range(len(columns))]
    shown = ", ".join(reader.expression.format(name) for (_, reader), name in zip(columns, names, strict=True))
    con.execute(f"SELECT {shown} FROM (\n{sql}\n) AS answer({', '.join(names)})", question.parameters)
    limit = min(question.limit, MOST_ROWS)
    rows: list[list[Cell]] = []
    length = 0
    while True:
        piece = cast("list[tuple[object, ...]]", con.fetchmany(min(PIECE, limit + 1 - len(rows))))
        for found in piece:
            row = [reader.read(cell) for (_, reader), cell in zip(columns, found, strict=True)]
            length += sum(len(cell) if isinstance(cell, str | msgspec.Raw) else 8 for cell in row)
            rows.append(row)
        if length > MOST_TEXT:
            raise SqlTooLarge(f"the answer is longer than {MOST_TEXT} characters: ask for fewer rows or columns")
        if not piece or len(rows) > limit:
            return Answer([column for column, _ in columns], rows[:limit], len(rows) > limit)


def _one(con: duckdb.DuckDBPyConnection) -> tuple[object, ...]:
    row = con.fetchone()
    assert row is not None
    return row


class _Watch:
    """Interrupts what runs on a connection once it takes too long or too much, or the store closes."""

    def __init__(
        self,
        con: duckdb.DuckDBPyConnection,
        seconds: float,
        memory: float,
        signs: tuple[threading.Event, threading.Event | None],
    ) -> None:
        self._con = con
        self._seconds = seconds
        self._memory = memory
        self._closing, self._dropped = signs
        self._over = threading.Event()
        self._reason: EvensplitError = SqlTimeout("the statement was interrupted")
        self._thread = threading.Thread(target=self._look, name="question watch", daemon=True)

    def __enter__(self) -> "_Watch":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def reason(self) -> EvensplitError:
        return self._reason

    def _look(self) -> None:
        until = time.monotonic() + self._seconds
        most = _peak_memory() + self._memory
        while not self._over.wait(LOOK):
            if self._closing.is_set():
                self._reason = Unavailable("the server is stopping")
            elif self._dropped is not None and self._dropped.is_set():
                self._reason = SqlTimeout("the statement was taken back")
            elif time.monotonic() > until:
                self._reason = SqlTimeout(f"the statement ran longer than {self._seconds:g} seconds")
            elif _peak_memory() > most:
                self._reason = SqlTooLarge("the statement needs more memory than it may take")
            else:
                continue
            self._con.interrupt()  # again and again: one that comes before the engine has begun is lost


def _peak_memory() -> float:
    """Bytes that this process has had in memory at most."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
