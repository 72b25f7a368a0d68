"""The numbers that stand for ids in the columnar copy: one each, never given twice, and gone with the last row."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit.storage.embedded import columns as columns_room
from evensplit.storage.embedded import ids as ids_room
from evensplit.storage.embedded.columns import Columns
from evensplit.storage.embedded.tables import NUMBERS
from tests.unit.query.memory_store import Event, MemoryStore, Stated
from tests.unit.storage.test_columns import Record

ODD = ["", "a\0b", "\0", "é\N{GRINNING FACE}", 'say "x" \\ y', "\x01", " u", "u ", "U", "5", "null"]


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    record = Record(tmp_path)
    yield record
    record.close()


def put(record: Record, *users: str | None) -> None:
    sql = "INSERT INTO events (event_type, user_id, created_at) VALUES ('view', ?, '2026-01-02 03:04:05.678')"
    record.con.executemany(sql, [(user,) for user in users])


def numbered(columns: Columns) -> list[tuple[object, ...]]:
    """(user id, its number) of each event."""
    columns.sync()
    return columns.query("SELECT user_id, user_number FROM events ORDER BY id", [])


def known(columns: Columns) -> dict[str, int]:
    return dict(cast("list[tuple[str, int]]", columns.query("SELECT id, number FROM copy_ids", [])))


def test_an_id_has_one_number_wherever_it_stands(record: Record) -> None:
    columns = record.columns("one")
    put(record, *ODD, None, "u", *ODD)
    found = numbered(columns)
    assert found[: len(ODD)] == found[len(ODD) + 2 :]
    assert found[len(ODD)] == (None, None)
    numbers = known(columns)
    assert numbers == {str(id_): number for id_, number in found if id_ is not None}
    assert sorted(numbers.values()) == list(range(1, len(ODD) + 2))
    con = record.con
    con.execute("INSERT INTO ab_tests (test_name) VALUES ('x')")
    con.execute("INSERT INTO ab_variants (test_id, variant_name) VALUES (1, 'a')")
    con.execute("INSERT INTO ab_assignments (user_id, test_id, variant_id) VALUES ('u', 1, 1), ('new', 1, 1)")
    con.execute(
        "INSERT INTO ab_metrics (test_id, variant_id, metric_name, value) VALUES (1, 1, 'm', 1), (1, 1, 'm', 2)"
    )
    con.execute("INSERT INTO es_metric_users VALUES (1, 'u')")
    log = "INSERT INTO es_identity (kind, subject, object, stated_at) VALUES (?, ?, ?, '')"
    con.executemany(log, [("link", "v", "u"), ("trait", "u", "plan")])
    columns.sync()
    now = known(columns)
    assert now == numbers | {"new": now["new"], "v": now["v"]}, "the name of a trait is no id"
    rows = "SELECT user_number FROM {} ORDER BY id"
    assert columns.query(rows.format("ab_assignments"), []) == [(now["u"],), (now["new"],)]
    assert columns.query(rows.format("ab_metrics"), []) == [(now["u"],), (None,)]
    stated = columns.query("SELECT subject_number, object_number FROM es_identity ORDER BY id", [])
    assert stated == [(now["v"], now["u"]), (now["u"], None)]


def test_numbers_go_on_after_a_restart_and_over_chunks(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(columns_room, "CHUNK", 2)
    columns = record.columns("one")
    put(record, "a", "b", "c", "a")
    first = numbered(columns)
    assert {number for _, number in first} == {1, 2, 3}
    put(record, "d", "b")
    assert numbered(record.columns("two")) == [*first, ("d", 4), ("b", first[1][1])]


def test_nothing_is_left_of_whom_no_row_names(record: Record) -> None:
    columns = record.columns("one")
    put(record, "gone", "gone", "stays", "both")
    record.con.execute("INSERT INTO es_identity (kind, subject, object, stated_at) VALUES ('link', 'both', 'x', '')")
    before = known(columns) or dict(cast("list[tuple[str, int]]", numbered(columns)))
    record.con.execute("DELETE FROM events WHERE user_id <> 'stays'")
    numbered(columns)
    assert known(columns) == {id_: n for id_, n in (before | known(columns)).items() if id_ != "gone"}
    record.con.execute("DELETE FROM es_identity")
    numbered(columns)
    assert list(known(columns)) == ["stays"]
    put(record, "gone")
    assert known(columns) == {"stays": before["stays"]}
    (*_, (_, again)) = numbered(columns)
    assert again not in before.values(), "a number is never given twice"


def test_ids_are_looked_up_again_once_they_are_not_remembered(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids_room, "MOST_KEPT", 2)
    columns = record.columns("one")
    users = [f"u{n}" for n in range(5)]
    for _ in range(3):
        put(record, *users)
        numbered(columns)
    assert known(columns) == {user: n for n, user in enumerate(users, 1)}
    assert numbered(columns) == list(known(columns).items()) * 3


def test_a_changed_id_changes_its_number(record: Record) -> None:
    columns = record.columns("one")
    put(record, "a", "b")
    ((_, first), _) = numbered(columns)
    record.con.execute("UPDATE events SET user_id = 'c' WHERE id = 1")
    ((id_, number), _) = numbered(columns)
    assert (id_, number != first, sorted(known(columns))) == ("c", True, ["b", "c"])


def test_a_failed_step_gives_no_number_away(record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    columns = record.columns("one")
    put(record, "a", "b")
    failing = monkeypatch.context()
    with failing as patch:
        patch.setattr(Columns, "_write_state", lambda self: (_ for _ in ()).throw(sqlite3.OperationalError("full")))
        with pytest.raises(sqlite3.OperationalError):
            columns.sync()
    assert known(columns) == {}
    assert sorted(str(number) for _, number in numbered(columns)) == ["1", "2"]


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.lists(st.one_of(st.none(), st.text(st.characters(exclude_categories=["Cs"]), max_size=3)), min_size=1),
        max_size=4,
    )
)
def test_any_text_is_told_from_any_other(batches: list[list[str | None]]) -> None:
    store = MemoryStore()
    for batch in batches:
        store.put(*(Event("view", 0, "{}", user) for user in batch))
        store.state(*(Stated("link", user or "-", "known") for user in batch))
    rows = store.connection.execute("SELECT user_id, user_number FROM events").fetchall()
    assert {id_ for id_, number in rows if number is None} <= {None}
    assert len(set(rows)) == len({id_ for id_, _ in rows}) == len({number for _, number in rows})
    numbers = [number for (number,) in store.connection.execute("SELECT number FROM copy_ids").fetchall()]
    assert sorted(numbers) == list(range(1, len(numbers) + 1))
    assert set(NUMBERS) >= {"events", "es_identity"}
