"""The columnar copy of the record in DuckDB: derived, disposable, and aware of when it is stale. The room of duckdb.

`sync` brings it up to the record: tombstones first, then rows beyond the last copied id, the watermark in the same
transaction. The copy names the starts it was fed under; when one is missing in the record it was fed by another
record (or by a later state of this one) and is built anew.
"""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path

import duckdb
import msgspec

from evensplit.storage.base import Watermark
from evensplit.storage.embedded.ask import Ask
from evensplit.storage.embedded.feed import Feed
from evensplit.storage.embedded.tables import Tables
from evensplit.storage.embedded.tail import FOLLOWS, ROWS, SMALL, Marks, Row, Tail

log = logging.getLogger(__name__)

FORMAT = "3"
CHUNK = 122_880  # rows copied by one transaction: as many as the engine keeps in one piece
SETTLE_AFTER = 200_000  # rows copied before they are put in order


class State(msgspec.Struct):
    """How far the copy has come. Kept in the copy, changed by the transaction that moves it."""

    format: str
    rows: dict[str, int]  # the highest id copied, by table
    tombstones: int
    generations: dict[str, str]
    group: tuple[str, int]  # the last group of the writer that had been committed: (mark of its start, number)
    numbers: int = 0  # the highest number given to an id


class Columns:
    """One DuckDB file. `sync` from one thread at a time (it locks); `query` from any."""

    def __init__(self, path: Path, record: Path, feed: Feed, memory: str = "", threads: int = 0) -> None:
        self._feed = feed
        self._path = path
        self._record = record
        self._config: dict[str, str | bool | int | float | list[str]] = {
            "enable_external_access": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "python_enable_replacements": False,
            "checkpoint_threshold": "16MB",
        }
        if memory:
            self._config["memory_limit"] = memory
        if threads:
            self._config["threads"] = threads
        self._lock = threading.Lock()
        self._tail = Tail(record)
        self._verified = False
        self.mark = ""
        self.at = Watermark(0, 0, 0, 0, "")
        self._rows = dict.fromkeys(ROWS, 0)
        self._tombstones = 0
        self._generations: dict[str, str] = {}
        self._group = ("", 0)
        self._found_group: tuple[str, int] | None = None
        self._unsettled = 0  # rows copied since they were last put in order

    # --- life -------------------------------------------------------------------------------------

    def open(self, mark: str, last_group: tuple[str, int] | None = None) -> None:
        """Open the copy, or begin a new one if it is missing, damaged, of another format, or not of this record."""
        self.mark = mark
        self._found_group = last_group
        reason = self._try_open() if self._path.exists() else "there is none"
        if reason:
            log.warning("the columns are built anew: %s", reason)
            self._recreate()
        self._con.execute("INSERT OR IGNORE INTO copy_marks VALUES (?)", [mark])
        self._publish()

    def close(self) -> None:
        with self._lock:
            self._tail.close()
            self._con.close()

    def _try_open(self) -> str:
        """Why the file cannot be used; empty if it can."""
        try:
            self._connect()
        except duckdb.Error as error:
            return str(error).splitlines()[0]
        try:
            reason = self._stale()
        except (duckdb.Error, ValueError) as error:
            reason = str(error).splitlines()[0]
        if reason:
            self._con.close()
        return reason

    def _connect(self) -> None:
        self._con = duckdb.connect(str(self._path), config=self._config)
        self._tables = Tables(self._con)

    def _stale(self) -> str:
        state = self._read_state()
        if state.format != FORMAT:
            return f"its format is {state.format}, not {FORMAT}"
        marks = {mark for (mark,) in self._con.execute("SELECT mark FROM copy_marks").fetchall()}
        if not marks <= self._tail.starts():
            return "it was fed by another record, or by a later state of this one"
        there = self._tail.marks()
        found = self._found_group
        if found is not None and found[0] == state.group[0] and found[1] < state.group[1]:
            return "the record stands at an earlier group of the same start"
        if any(self._rows[table] > there.rows[table] for table in ROWS) or self._tombstones > there.tombstones:
            return "the record stands at an earlier state"
        if self._tombstones < self._tail.pruned():
            return "deletions it has not seen are no longer listed"
        return ""

    def _recreate(self) -> None:
        for path in (self._path, self._path.with_name(self._path.name + ".wal")):
            path.unlink(missing_ok=True)
        self._connect()
        self._empty()

    def _empty(self) -> None:
        """A copy of nothing: every table new, every watermark zero."""
        con = self._con
        con.execute("BEGIN")
        self._tables.create()
        self._rows, self._tombstones, self._generations = dict.fromkeys(ROWS, 0), 0, {}
        # What was deleted before the first row is copied needs no deleting here.
        self._tombstones = self._tail.marks().tombstones
        con.execute("INSERT INTO copy_state VALUES ('')")
        if self.mark:
            con.execute("INSERT INTO copy_marks VALUES (?)", [self.mark])
        self._write_state()
        con.execute("COMMIT")
        self._verified = True

    # --- following the record ---------------------------------------------------------------------

    def sync(self, at_most: int | None = None) -> Watermark:
        """Copy what the record gained, at most `at_most` rows of it; how far the copy stands then."""
        with self._lock:
            if not self._verified:
                self._verify()
            left = at_most
            while True:
                copied, behind = self._step(CHUNK if left is None else min(CHUNK, left))
                if not behind:
                    break
                if self._unsettled >= 5 * SETTLE_AFTER:
                    log.info("the columns follow the record: %d rows are still to come", behind)
                    self._checkpoint()
                if left is not None:
                    left -= copied
                    if left <= 0:
                        break
            return self.at

    def settle(self) -> None:
        """Put the rows copied lately in order on disk: only then are their properties kept column by column."""
        with self._lock:
            if self._unsettled >= SETTLE_AFTER:
                self._checkpoint()

    def _checkpoint(self) -> None:
        self._con.execute("CHECKPOINT")
        self._unsettled = 0

    def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        """Run a statement on a connection of its own and fetch everything."""
        return Ask(self._con, sql, values).run()

    def ask(self, sql: str, values: Sequence[object]) -> Ask:
        """The same statement, not yet run."""
        return Ask(self._con, sql, values)

    def cursor(self) -> duckdb.DuckDBPyConnection:
        """A connection of its own to the same engine; whoever asks for it closes it."""
        return self._con.cursor()

    def problems(self, limit: int = 1000) -> list[tuple[str, int, str]]:
        """(table, row id, reason) of rows that stand in the record but could not be copied whole."""
        sql = "SELECT table_name, row_id, reason FROM copy_problems ORDER BY table_name, row_id LIMIT ?"
        return [(str(t), int(str(i)), str(r)) for t, i, r in self.query(sql, [limit])]

    def _verify(self) -> None:
        """Rows that another program deleted or added behind our back, its triggers off, show in the counts."""
        for table in ("events", "ab_assignments", "ab_metrics"):
            up_to = self._rows[table]
            deleted = [row for _, name, row in self._tail.tombstones(self._tombstones, 1_000_000_000) if name == table]
            if deleted:
                continue  # the counts differ for a reason that the next step attends to
            (here,) = self._con.execute(f"SELECT count(*) FROM {table}").fetchall()[0]
            if here != self._tail.count(table, up_to):
                log.warning("the columns are built anew: %s were changed by another program", table)
                self._empty()
                break
        self._verified = True

    def _step(self, limit: int) -> tuple[int, int]:
        """One transaction: tombstones, then rows. Returns (rows copied, rows still to copy)."""
        tail = self._tail
        tail.begin()
        try:
            there = tail.marks()
            if (
                there.rows == self._rows
                and there.tombstones == self._tombstones
                and there.generations == self._generations
            ):
                return 0, 0
            self._con.execute("BEGIN")
            try:
                copied = self._apply(there, limit)
                self._write_state()
                self._con.execute("COMMIT")
            except BaseException:
                self._con.execute("ROLLBACK")
                self._read_state()
                raise
        finally:
            tail.end()
        self._publish()
        behind = sum(there.rows[table] - self._rows[table] for table in ROWS) + there.tombstones - self._tombstones
        return copied, behind

    def _apply(self, there: Marks, limit: int) -> int:
        tombstones = self._tail.tombstones(self._tombstones, limit)
        if tombstones:
            self._bury(tombstones)
        reached = len(tombstones) < limit
        self._tombstones = there.tombstones if reached else tombstones[-1][0]
        for table in SMALL:
            name = f"generation_{FOLLOWS.get(table, table)}"
            if there.generations.get(name) != self._generations.get(name):
                self._tables.replace(table, self._tail.small(table))
        self._generations = there.generations
        self._group = there.group
        if any(name == "events" and row > self._rows["events"] for _, name, row in tombstones):
            self._feed.clear()  # it may hold what has been deleted since
        copied = 0
        for table in ROWS if reached else ():
            low, high = self._rows[table], there.rows[table]
            if high > low:
                rows, reached_id = self._rows_after(table, low, high, limit)
                self._tables.insert(table, rows)
                self._rows[table] = reached_id
                copied += len(rows)
        self._unsettled += copied
        return copied + len(tombstones)

    def _rows_after(self, table: str, low: int, high: int, limit: int) -> tuple[list[Row], int]:
        """The next rows beyond `low`, and up to which id they are all there are."""
        fed = self._feed.first(low) if table == "events" else None
        if fed == low + 1:
            rows = self._feed.take(high, limit)
            if rows:
                return rows, int(str(rows[-1][0]))
        elif fed is not None:
            high = min(high, fed - 1)
        rows = self._tail.after(table, low, high, limit)
        return rows, int(str(rows[-1][0])) if rows else high

    def _bury(self, tombstones: list[tuple[int, str, int]]) -> None:
        """Take away rows that were deleted or changed; copy the changed ones again."""
        for table in ROWS:
            ids = sorted({row for _, name, row in tombstones if name == table and row <= self._rows[table]})
            if ids:
                self._tables.bury(table, ids, self._tail.by_id(table, ids))

    # --- state ------------------------------------------------------------------------------------

    def _write_state(self) -> None:
        state = State(FORMAT, self._rows, self._tombstones, self._generations, self._group, self._tables.ids.last)
        self._con.execute("UPDATE copy_state SET state = ?", [_encode(state).decode()])

    def _read_state(self) -> State:
        ((text,),) = self._con.execute("SELECT state FROM copy_state").fetchall()
        state = msgspec.json.decode(text, type=State)
        self._rows, self._tombstones, self._generations = state.rows, state.tombstones, state.generations
        self._group = state.group
        self._tables.ids.reset(state.numbers)
        return state

    def _publish(self) -> None:
        rows = self._rows
        self.at = Watermark(rows["events"], rows["ab_assignments"], rows["ab_metrics"], self._tombstones, self.mark)


_encode = msgspec.json.Encoder().encode
