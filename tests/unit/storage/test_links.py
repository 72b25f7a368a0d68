"""Links as the writer keeps them: once, and again where they are earlier or were undone."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from evensplit.errors import NotFound
from evensplit.model.cohort import Part
from evensplit.model.event import Batch
from evensplit.model.person import Trait
from evensplit.storage.catalog import Catalog
from evensplit.storage.embedded.groups import Group, Writer
from evensplit.storage.embedded.record import open_writer
from evensplit.storage.embedded.store import EmbeddedStore, Options
from evensplit.storage.migrate import migrate


def group(seq: int, *links: tuple[str, str, str], sql: str = "") -> Group:
    return Group(seq, [], [], list(links), [], [("statements", [(sql, [])])] if sql else [])


def test_the_writer_states_a_link_once(tmp_path: Path) -> None:
    path = tmp_path / "analytics.db"
    migrate(path)
    con = open_writer(path)
    writer = Writer(con, "mark", 30)

    def stated() -> list[tuple[str, str, str]]:
        rows = con.execute("SELECT subject, object, stated_at FROM es_identity WHERE kind = 'link' ORDER BY id")
        return [(str(a), str(b), str(c)) for a, b, c in rows]

    assert (
        writer.apply(group(1, ("v", "ann", "5"), ("v", "ann", "4"), ("v", "ann", "6"), ("w", "bob", "5"))).error == ""
    )
    assert stated() == [("v", "ann", "4"), ("w", "bob", "5")]
    writer.apply(group(2, ("v", "ann", "5"), ("w", "bob", "3")))
    assert stated()[2:] == [("w", "bob", "3")]
    undone = "INSERT INTO es_identity (kind, subject, object, stated_at) VALUES ('unlink', 'v', '', '7')"
    writer.apply(group(3, sql=undone))
    writer.apply(group(4, ("v", "ann", "8"), ("w", "bob", "9")))
    assert stated()[3:] == [("v", "ann", "8")], "what was undone may be stated again"
    again = Writer(con, "next start", 30)
    again.apply(group(1, ("v", "ann", "8"), ("v", "ann", "9"), ("w", "bob", "3")))
    assert len(stated()) == 4, "a new start knows it, too"
    con.close()


def test_a_group_that_fails_states_nothing(tmp_path: Path) -> None:
    path = tmp_path / "analytics.db"
    migrate(path)
    con = open_writer(path)
    writer = Writer(con, "mark", 30)
    con.execute("CREATE TRIGGER refuse BEFORE INSERT ON es_identity BEGIN SELECT RAISE(ABORT, 'no'); END")
    assert writer.apply(group(1, ("v", "ann", "5"))).error
    con.execute("DROP TRIGGER refuse")
    assert writer.apply(group(2, ("v", "ann", "5"))).error == ""
    assert con.execute("SELECT count(*) FROM es_identity").fetchone() == (1,)
    con.close()


def test_the_columns_follow_the_log_and_the_cohorts(tmp_path: Path) -> None:
    async def work() -> None:
        store = await EmbeddedStore.open(Options(tmp_path))
        try:
            catalog = Catalog(store)
            await store.append(Batch(links=[("v", "ann", "2026-01-01 00:00:00.000")]))
            await catalog.identity.describe("ann", [Trait("age", "4.0", "4", 4.0)], "2026-01-02 00:00:00.000")
            with pytest.raises(NotFound):
                await catalog.identity.unmerge("ann")
            await catalog.identity.merge("kept", "ann")
            await store.fresh()
            rows = await store.query(
                "SELECT kind, subject, object, value, text, number FROM es_identity ORDER BY id", []
            )
            assert rows == [
                ("link", "v", "ann", None, None, None),
                ("trait", "ann", "age", "4.0", "4", 4.0),
                ("merge", "kept", "kept", "kept", None, None),
                ("merge", "ann", "kept", "kept", None, None),
            ]
            for users in (("a", "b"), ("c",)):
                write = catalog.cohorts.replace if catalog.cohorts.all() else catalog.cohorts.create
                await write("it's", Part(any=(Part(event="x"), Part(users=users))))
                await store.fresh()
                assert await store.query("SELECT cohort, part, user_id FROM es_cohort_users ORDER BY 3", []) == [
                    ("it's", 0, user) for user in users
                ]
            await catalog.cohorts.delete("it's")
            await store.fresh()
            assert await store.query("SELECT * FROM es_cohorts", []) == []
            assert await store.query("SELECT * FROM es_cohort_users", []) == []
            with sqlite3.connect(tmp_path / "analytics.db") as con:
                con.execute("DELETE FROM es_identity WHERE kind = 'trait'")
            con.close()
            await store.fresh()
            assert await store.query("SELECT count(*) FROM es_identity", []) == [(3,)]
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(work(), 60))
