"""The columnar copy: what it follows, when it knows that it is stale, and rows that no engine can hold."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from evensplit.storage.embedded import columns as columns_room
from evensplit.storage.embedded.columns import Columns
from evensplit.storage.embedded.feed import Feed
from evensplit.storage.migrate import migrate


class Record:
    """A record that another program writes, with a copy beside it."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "analytics.db"
        self.copy_path = directory / "analytics.duckdb"
        migrate(self.path)
        self.con = sqlite3.connect(self.path, isolation_level=None)
        self.con.execute("PRAGMA foreign_keys = ON")
        self.opened: list[Columns] = []

    def add(self, count: int = 1, properties: str | None = '{"a": 1}', event_type: str = "view") -> None:
        self.con.executemany(
            "INSERT INTO events (event_type, user_id, properties, created_at) "
            "VALUES (?, 'u', ?, '2026-01-02 03:04:05.678')",
            [(event_type, properties)] * count,
        )

    def columns(self, mark: str) -> Columns:
        """As after a start: the mark stands in the record before the copy opens."""
        for before in self.opened:
            before.close()
        self.con.execute("INSERT INTO es_starts (mark, started_at) VALUES (?, '')", (mark,))
        columns = Columns(self.copy_path, self.path, Feed())
        columns.open(mark)
        self.opened = [columns]
        return columns

    def close(self) -> None:
        for columns in self.opened:
            columns.close()
        self.con.close()


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(tmp_path)
    yield record
    record.close()


def ids(columns: Columns) -> list[object]:
    columns.sync()
    return [row[0] for row in columns.query("SELECT id FROM events ORDER BY id", [])]


def in_record(record: Record) -> list[object]:
    return [row[0] for row in record.con.execute("SELECT id FROM events ORDER BY id")]


def test_it_follows_rows_by_id_in_chunks(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_room, "CHUNK", 3)
    columns = record.columns("one")
    record.add(10)
    assert ids(columns) == list(range(1, 11))
    record.add(2)
    assert columns.sync(at_most=1).events == 11
    assert columns.sync().events == 12


def test_a_row_is_copied_as_it_stands(record: Record) -> None:
    columns = record.columns("one")
    record.add(1, '{"x.y": "dot", "n": 1.50, "a": 1, "a": 2}')
    columns.sync()
    fields = "event_type, user_id, session_id, created_at::VARCHAR, props['x.y']::VARCHAR, props['a']::INT"
    sql = f"SELECT {fields} FROM events"
    assert columns.query(sql, []) == [("view", "u", None, "2026-01-02 03:04:05.678", "dot", 2)]


def test_many_events_of_a_type_lie_side_by_side(record: Record) -> None:
    """And among them those of a user. Nothing is lost, doubled or exchanged."""
    columns = record.columns("one")
    kinds = ["view", "buy", "view", "click"]
    rows = [(kinds[n % 4], f"u{n * 7919 % 900}" if n % 11 else None, f'{{"n": {n}}}') for n in range(5000)]
    sql = "INSERT INTO events (event_type, user_id, properties, created_at) VALUES (?, ?, ?, '2026-01-02 03:04:05.678')"
    record.con.executemany(sql, rows)
    columns.sync()
    kept = columns.query("SELECT id, event_type, user_id, props['n']::INT FROM events ORDER BY id", [])
    assert kept == [(n + 1, kind, user, n) for n, (kind, user, _) in enumerate(rows)]
    found = columns.query("SELECT event_type, coalesce(user_number, -1) FROM events ORDER BY rowid", [])
    assert found == sorted(found, key=lambda row: (str(row[0]), int(str(row[1]))))


def test_times_are_whole_milliseconds(record: Record) -> None:
    """As all that is captured: reports take differences, and order events by them and their ids."""
    columns = record.columns("one")
    for text in ("2026-01-02 03:04:05.678901", "1969-12-31 23:59:59.999999", "2026-01-02 03:04:05"):
        record.con.execute("INSERT INTO events (event_type, created_at) VALUES ('view', ?)", (text,))
    columns.sync()
    assert columns.query("SELECT epoch_us(created_at) FROM events ORDER BY id", []) == [
        (1767323045678000,),
        (-1000,),
        (1767323045000000,),
    ]


def test_after_a_restart_it_goes_on_where_it_was(record: Record) -> None:
    record.add(3)
    assert len(ids(record.columns("one"))) == 3
    record.add(2)
    columns = record.columns("two")
    assert columns.at.events == 3, "what was copied is kept"
    assert len(ids(columns)) == 5


@pytest.mark.parametrize("damage", ["missing", "truncated", "garbage", "other format"])
def test_a_copy_that_cannot_be_used_is_built_anew(record: Record, damage: str) -> None:
    record.add(5)
    columns = record.columns("one")
    assert len(ids(columns)) == 5
    if damage == "other format":
        columns.query("""UPDATE copy_state SET state = replace(state, '"1"', '"0"')""", [])
    columns.close()
    record.opened = []
    content = record.copy_path.read_bytes()
    if damage == "missing":
        record.copy_path.unlink()
    elif damage == "truncated":
        record.copy_path.write_bytes(content[: len(content) // 2])
    elif damage == "garbage":
        record.copy_path.write_bytes(b"garbage" * 1000)
    assert ids(record.columns("two")) == [1, 2, 3, 4, 5]


def test_a_copy_of_another_record_is_built_anew(record: Record, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    elsewhere = Record(other)
    elsewhere.add(9, event_type="elsewhere")
    assert len(ids(elsewhere.columns("theirs"))) == 9
    elsewhere.close()
    record.add(9)
    elsewhere.copy_path.rename(record.copy_path)
    columns = record.columns("ours")
    columns.sync()
    assert columns.query("SELECT DISTINCT event_type FROM events", []) == [("view",)]


def test_a_restored_backup_is_noticed(record: Record) -> None:
    record.columns("one")
    record.add(3)
    backup = sqlite3.connect(":memory:")
    record.con.backup(backup)
    assert len(ids(record.columns("two"))) == 3
    record.add(4)
    record.opened[0].sync()
    for columns in record.opened:
        columns.close()
    record.opened = []
    backup.backup(record.con)
    record.add(5, event_type="after")
    assert len(ids(record.columns("three"))) == 8
    counted = record.opened[0].query("SELECT event_type, count(*) FROM events GROUP BY ALL ORDER BY ALL", [])
    assert counted == [("after", 5), ("view", 3)]


def test_deletions_and_changes_by_anybody_are_followed(record: Record) -> None:
    columns = record.columns("one")
    record.add(10)
    columns.sync()
    record.con.execute("DELETE FROM events WHERE id IN (2, 5)")
    record.con.execute("UPDATE events SET user_id = 'changed' WHERE id = 7")
    record.add(1)
    assert ids(columns) == in_record(record) == [1, 3, 4, 6, 7, 8, 9, 10, 11]
    assert columns.query("SELECT id FROM events WHERE user_id = 'changed'", []) == [(7,)]


def test_deletions_while_nobody_ran_are_followed(record: Record) -> None:
    record.add(10)
    record.columns("one").sync()
    record.con.execute("DELETE FROM events WHERE id < 4")
    assert ids(record.columns("two")) == in_record(record)


def test_deletions_behind_the_triggers_show_in_the_counts(record: Record) -> None:
    record.add(10)
    record.columns("one").sync()
    record.con.execute("DROP TRIGGER events_deleted")
    record.con.execute("DELETE FROM events WHERE id < 4")
    assert ids(record.columns("two")) == in_record(record)


def test_the_cascade_of_an_experiment_is_followed(record: Record) -> None:
    columns = record.columns("one")
    record.con.executescript("""
        INSERT INTO ab_tests (test_name) VALUES ('t');
        INSERT INTO ab_variants (test_id, variant_name) VALUES (1, 'a'), (1, 'b');
        INSERT INTO ab_assignments (user_id, test_id, variant_id) VALUES ('u', 1, 1), ('v', 1, 2);
        INSERT INTO ab_metrics (test_id, variant_id, metric_name, value) VALUES (1, 1, 'm', 2.5);
        INSERT INTO es_metric_users VALUES (1, 'u');
    """)
    columns.sync()
    assert columns.query("SELECT variant_id, value, user_id FROM ab_metrics", []) == [(1, 2.5, "u")]
    record.con.execute("DELETE FROM ab_tests")
    columns.sync()
    for table in ("ab_tests", "ab_variants", "ab_assignments", "ab_metrics"):
        assert columns.query(f"SELECT count(*) FROM {table}", []) == [(0,)], table


POISON = {
    "invalid UTF-8": (b'{"a": "\xff"}', "not JSON that can be read"),
    "lone surrogate": (rb'{"a": "\ud800"}', "not JSON that can be read"),
    "1e400": (b'{"a": 1e400}', "a number beyond a double"),
    "400 digits": (b'{"a": ' + b"1" * 400 + b"}", "a number beyond a double"),
    "not JSON": (b"nonsense", "not JSON that can be read"),
    "an array": (b"[1]", "not an object"),
    "5,000 deep": (b'{"a": ' + b"[" * 5000 + b"]" * 5000 + b"}", "nested deeper than 100"),
    "50,000 deep, closed in a string": (
        b'{"a": "]]]", "b": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
        "nested deeper than 100",
    ),
}


@pytest.mark.parametrize("kind", POISON)
def test_a_poisoned_row_is_copied_without_properties_and_listed(record: Record, kind: str) -> None:
    content, reason = POISON[kind]
    columns = record.columns("one")
    record.add(1)
    record.con.execute(
        "INSERT INTO events (event_type, user_id, properties) VALUES (?, ?, CAST(? AS TEXT))",
        ("view", b"\xffid", content),
    )
    record.add(1)
    assert ids(columns) == [1, 2, 3]
    assert columns.query("SELECT id FROM events WHERE props IS NULL", []) == [(2,)]
    assert columns.query("SELECT count(*) FROM events WHERE props['a']::INT = 1", []) == [(2,)]
    ((table, row, said),) = columns.problems()
    assert (table, row, said) == ("events", 2, reason)


def test_what_only_looks_poisoned_is_copied_whole(record: Record) -> None:
    columns = record.columns("one")
    for properties in ('{"a": "x :1e999"}', ' {"a": 1}', '{"a": 1e123}', '{"a": "\\u0000"}', "{}", None):
        record.add(1, properties)
    columns.sync()
    assert columns.problems() == []
    assert columns.query("SELECT count(*) FROM events WHERE props IS NULL", []) == [(1,)]
    assert columns.query("SELECT TRY_CAST(props['a'] AS DOUBLE) FROM events WHERE id = 3", []) == [(1e123,)]


def test_a_time_that_is_none_is_listed(record: Record) -> None:
    columns = record.columns("one")
    record.con.execute("INSERT INTO events (event_type, created_at) VALUES ('view', 'yesterday')")
    columns.sync()
    assert columns.query("SELECT created_at FROM events", []) == [(None,)]
    assert columns.problems() == [("events", 1, "created_at is 'yesterday', not a time")]
