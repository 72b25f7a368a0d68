"""Which message ids have been stored: across runs, generations, rollbacks and restarts."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from evensplit.storage.embedded import message_ids
from evensplit.storage.embedded.message_ids import MessageIds
from evensplit.storage.embedded.record import Connection, open_writer
from evensplit.storage.migrate import migrate


def key(n: int) -> bytes:
    return hashlib.blake2b(str(n).encode(), digest_size=16).digest()


@pytest.fixture
def con(tmp_path: Path) -> Iterator[Connection]:
    migrate(tmp_path / "analytics.db")
    con = open_writer(tmp_path / "analytics.db")
    yield con
    con.close()


def store(con: Connection, ids: MessageIds, keys: list[bytes | None], day: int = 1) -> list[int]:
    con.execute("BEGIN")
    duplicates = ids.admit(keys)
    ids.log(day)
    con.execute("COMMIT")
    ids.commit()
    return duplicates


def seal(con: Connection, ids: MessageIds) -> None:
    con.execute("BEGIN")
    ids.seal()
    con.execute("COMMIT")


def test_a_key_is_admitted_once(con: Connection) -> None:
    ids = MessageIds(con)
    assert store(con, ids, [key(1), None, key(2), key(1), None]) == [3]
    assert store(con, ids, [key(2), key(3)]) == [0]


def test_sealed_keys_are_remembered_over_many_runs_and_a_restart(
    con: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(message_ids, "RUNS_A_GENERATION", 3)
    monkeypatch.setattr(message_ids, "PAGE", 7)
    ids = MessageIds(con)
    for run in range(8):
        assert store(con, ids, [key(n) for n in range(run * 100, run * 100 + 100)]) == []
        seal(con, ids)
    again = MessageIds(con)
    for which in (ids, again):
        assert which.admit([key(n) for n in range(800)]) == list(range(800))
        assert which.admit([key(n) for n in range(800, 1200)]) == []
        which.rollback()
    assert con.execute("SELECT count(DISTINCT generation) FROM es_message_runs").fetchone() == (3,)


def test_what_was_rolled_back_may_come_again(con: Connection) -> None:
    ids = MessageIds(con)
    assert ids.admit([key(1), key(2)]) == []
    half = ids.offered
    assert ids.admit([key(3)]) == []
    ids.rollback(half)
    assert ids.admit([key(3), key(1)]) == [1]
    ids.rollback()
    assert ids.admit([key(1), key(2), key(3)]) == []


def test_whole_days_are_forgotten(con: Connection) -> None:
    ids = MessageIds(con)
    for day in (1, 2, 3):
        store(con, ids, [key(day)], day)
        seal(con, ids)
    con.execute("BEGIN")
    ids.forget(before_day=3)
    con.execute("COMMIT")
    assert ids.admit([key(1), key(2), key(3)]) == [2]
    assert con.execute("SELECT count(*) FROM es_message_pages").fetchone() == (1,)
