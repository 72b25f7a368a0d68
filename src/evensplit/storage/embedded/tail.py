"""Reading what the record gained: high-water marks, rows beyond an id, tombstones, small tables. Read-only, tolerant.

A row that another program wrote may hold anything; it comes back as text that can be copied, with what was wrong said.
"""

import re
from pathlib import Path
from typing import NamedTuple, TypeAlias

import msgspec

from evensplit.storage.embedded.record import Connection, OperationalError, open_reader

Row: TypeAlias = tuple[object, ...]

# Everything is read as text: a column may hold a BLOB or a number where another program put one there.
ROWS = {
    "events": """SELECT id, CAST(event_type AS TEXT), CAST(user_id AS TEXT), CAST(session_id AS TEXT),
        CAST(properties AS TEXT), CAST(created_at AS TEXT) FROM events""",
    "ab_assignments": """SELECT id, CAST(user_id AS TEXT), test_id, variant_id, CAST(assigned_at AS TEXT)
        FROM ab_assignments""",
    "ab_metrics": """SELECT id, test_id, variant_id, CAST(metric_name AS TEXT), CAST(value AS REAL),
        CAST(created_at AS TEXT), user_id FROM ab_metrics LEFT JOIN es_metric_users ON metric_id = id""",
    "es_identity": "SELECT id, kind, subject, object, value, text, number, stated_at FROM es_identity",
}
SMALL = {
    "ab_tests": "SELECT id, test_name, description, CAST(created_at AS TEXT) FROM ab_tests",
    "ab_variants": """SELECT id, test_id, variant_name, description, weight, CAST(created_at AS TEXT)
        FROM ab_variants""",
    "es_cohorts": "SELECT id, name, definition FROM es_cohorts",
    "es_cohort_users": "SELECT cohort, part, user_id FROM es_cohort_users",
}
# Whose generation moves when a small table has changed: its own, unless it says otherwise here.
FOLLOWS = {"es_cohort_users": "es_cohorts"}
READ = 32  # rows read at first: they may have 64 KiB each
CHUNK = 8_192  # rows read at a time where they are small
MOST_TEXT = 2 << 20  # characters of properties in one step
PROPERTIES = 4  # where the properties stand in a row of events

# A number that may not fit a double: an exponent of three digits, 309 digits in a row, or a word that engines accept.
SUSPECT = r"[:\[,]\s*[-+]?(?:[0-9.]+[eE]\+?[0-9]{3}|(?i:nan|inf))|[0-9]{309}"
_tokens = re.compile(r'"(?:[^"\\]|\\.)*"|[\[\]{}]')  # strings whole, so that brackets inside do not count
DEEPEST = 100  # levels of nesting that are copied


class Marks(NamedTuple):
    """The highest ids ever given out (`sqlite_sequence`), and the generations of the small tables."""

    rows: dict[str, int]
    tombstones: int
    generations: dict[str, str]
    group: tuple[str, int]  # the writer's last one: (mark of its start, number)


class Tail:
    """A read-only connection to the record, used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        self._con = open_reader(path)

    def close(self) -> None:
        self._con.close()

    def begin(self) -> None:
        """What follows is read from one snapshot, until `end`."""
        self._con.execute("BEGIN")

    def end(self) -> None:
        if self._con.in_transaction:
            self._con.execute("COMMIT")

    def marks(self) -> Marks:
        found = dict(self._con.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
        generations = self._con.execute("SELECT name, value FROM es_state WHERE name LIKE 'generation%'").fetchall()
        rows = {name: max(int(found.get(name, 0)), self.highest(name)) for name in ROWS}
        return Marks(rows, int(found.get("es_tombstones", 0)), dict(generations), self._group())

    def highest(self, table: str) -> int:
        """Beyond `sqlite_sequence` where another program has changed an id."""
        return int(self._con.execute(f"SELECT coalesce(max(id), 0) FROM {table}").fetchone()[0])

    def _group(self) -> tuple[str, int]:
        found = self._con.execute("SELECT value FROM es_state WHERE name = 'last_group'").fetchone()
        mark, number, _ = msgspec.json.decode(found[0]) if found else ("", 0, [])
        return mark, number

    def starts(self) -> set[str]:
        return {mark for (mark,) in self._con.execute("SELECT mark FROM es_starts")}

    def count(self, table: str, up_to: int) -> int:
        return int(self._con.execute(f"SELECT count(*) FROM {table} WHERE id <= ?", (up_to,)).fetchone()[0])

    def after(self, table: str, low: int, high: int, limit: int) -> list[Row]:
        """Rows with low < id <= high in the order of their ids; fewer where they are very large."""
        sql = f"{ROWS[table]} WHERE id > ? AND id <= ? ORDER BY id LIMIT ?"
        rows: list[Row] = []
        held, some = 0, READ
        while len(rows) < limit and held < MOST_TEXT:
            found = self._fetch(sql, (low, high, min(limit - len(rows), some)))
            if not found:
                break
            rows += found
            low = int(str(found[-1][0]))
            if table == "events":
                held += sum(len(str(row[PROPERTIES])) for row in found)
            if held < MOST_TEXT // 8:  # rows are small: more of them at a time
                some = min(some * 4, CHUNK)
        return rows

    def by_id(self, table: str, ids: list[int]) -> list[Row]:
        rows: list[Row] = []
        for at in range(0, len(ids), 500):
            some = ids[at : at + 500]
            rows += self._fetch(f"{ROWS[table]} WHERE id IN ({','.join('?' * len(some))}) ORDER BY id", tuple(some))
        return rows

    def tombstones(self, low: int, limit: int) -> list[tuple[int, str, int]]:
        """(id, table, row id) of deletions and changes after `low`."""
        sql = "SELECT id, table_name, row_id FROM es_tombstones WHERE id > ? ORDER BY id LIMIT ?"
        return self._con.execute(sql, (low, limit)).fetchall()

    def pruned(self) -> int:
        """Up to which id tombstones have been taken away."""
        found = self._con.execute("SELECT value FROM es_state WHERE name = 'tombstones_pruned'").fetchone()
        return int(found[0]) if found else 0

    def small(self, table: str) -> list[Row]:
        return self._fetch(SMALL[table], ())

    def _fetch(self, sql: str, values: tuple[object, ...]) -> list[Row]:
        try:
            return self._con.execute(sql, values).fetchall()
        except OperationalError as error:
            if "decode" not in str(error):
                raise
        return _tolerant(self._con, sql, values)


def _tolerant(con: Connection, sql: str, values: tuple[object, ...]) -> list[Row]:
    """The same rows where some text is not UTF-8: what cannot be read becomes U+FFFD, and that is no JSON outside."""
    con.text_factory = bytes
    try:
        rows = con.execute(sql, values).fetchall()
    finally:
        con.text_factory = str
    return [tuple(_text(value) if isinstance(value, bytes) else value for value in row) for row in rows]


def _text(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return "\ufffd" + value.decode("utf-8", "replace")


def readable(rows: list[Row]) -> tuple[list[Row], list[tuple[int, str]]]:
    """The rows of events without properties nested so deep that an engine may not survive them, and which those were.

    DuckDB 2.0 was seen to end with a segmentation fault on 5,000 levels; capture refuses more than 16.
    """
    deep = {
        row[0]
        for row in rows
        if (text := row[PROPERTIES]) is not None
        and text.count("[") + text.count("{") > DEEPEST  # type: ignore[attr-defined]
        and _depth(str(text)) > DEEPEST
    }
    if not deep:
        return rows, []
    kept = [row if row[0] not in deep else (*row[:PROPERTIES], None, *row[PROPERTIES + 1 :]) for row in rows]
    return kept, [(int(str(row)), f"nested deeper than {DEEPEST}") for row in sorted(deep, key=str)]


def unreadable(properties: str) -> str:
    """Why these properties cannot be turned into columns; empty if they can."""
    try:
        value = msgspec.json.decode(properties)
        _finite(value)
    except (msgspec.ValidationError, OverflowError):
        return "a number beyond a double"
    except (msgspec.DecodeError, RecursionError, UnicodeError, ValueError):
        return "not JSON that can be read"
    return "" if isinstance(value, dict) else "not an object"


def _depth(text: str) -> int:
    """How deep brackets nest."""
    depth = deepest = 0
    for token in _tokens.findall(text):
        if token[0] != '"':
            depth += 1 if token in "[{" else -1
            deepest = max(deepest, depth)
    return deepest


def _finite(value: object) -> None:
    """Raise OverflowError where an integer somewhere inside does not fit a double."""
    if isinstance(value, dict):
        for inner in value.values():
            _finite(inner)
    elif isinstance(value, list):
        for inner in value:
            _finite(inner)
    elif isinstance(value, int):
        float(value)
