"""Taking events away: of a person, of old times. What others still see, and that nothing else has gone."""

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path

import pytest

from evensplit import clock
from evensplit.model.event import Batch, Reject
from evensplit.model.experiment import read_new
from evensplit.model.person import Trait
from evensplit.storage.base import NewAssignment, NewMetric
from evensplit.storage.catalog import Catalog
from evensplit.storage.embedded import removal
from evensplit.storage.embedded.store import EmbeddedStore, Options

NEW = b'{"name": "x", "variants": [{"name": "a"}, {"name": "b"}]}'


def run(directory: Path, work: Callable[[EmbeddedStore], Awaitable[None]]) -> None:
    async def main() -> None:
        store = await EmbeddedStore.open(Options(directory, memory="256MB"))
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(main(), 60))


def happened(user: str | None, *days: int) -> Batch:
    values: list[str | None] = []
    for day in days:
        values += ["seen", user, None, "{}", f"2026-01-{day:02} 10:00:00.000"]
    return Batch(values=values)


def in_record(directory: Path, sql: str) -> list[tuple[object, ...]]:
    """As another program sees it."""
    with closing(sqlite3.connect(directory / "analytics.db")) as con:
        return con.execute(sql).fetchall()


async def in_columns(store: EmbeddedStore, sql: str) -> list[tuple[object, ...]]:
    await store.fresh()
    return await store.query(sql, [])


def test_one_person_goes_and_nobody_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "AT_ONCE", 2)
    monkeypatch.setattr(removal, "LOOKED_UP", 3)

    async def work(store: EmbeddedStore) -> None:
        catalog = Catalog(store)
        made = await catalog.create(read_new(NEW))
        for user in ("ann", "bob", None):
            await store.append(happened(user, *range(1, 9)))
        now = clock.to_text(clock.now_ms())
        metrics = [
            NewMetric(made.id, made.variants[0].id, "m", n, now, user) for n, user in enumerate(("ann", "bob", None))
        ]
        await store.append(happened("unforgettable", 3))
        await store.append_metrics(metrics, Batch())
        await store.assign([NewAssignment(user, made.id, made.variants[0].id, now) for user in ("ann", "bob")])
        await catalog.identity.merge("ann", "unforgettable")
        await catalog.identity.describe("ann", [Trait("plan", '"pro"', "pro", None)], now)
        await catalog.identity.describe("bob", [Trait("ann", '"ann"', "ann", None)], now)
        refused = [
            ("bad", "", text) for text in ('{"user_id": "ann", "e', '{"user_id":"bob"}', '{"anonymous_id":"ann"}')
        ]
        await store.append(Batch(rejects=[Reject(*each) for each in refused]))

        told: list[int] = []
        assert await store.erase(user_ids=["ann", "unforgettable"], progress=told.append) == 10
        assert told == [2, 3, 5, 6, 8, 9, 10], "some at a time, so that others get their turn"
        gone = await catalog.erasure.erase(["ann", "unforgettable"])
        assert (gone.assignments, gone.statements, gone.rejects) == (1, 3, 2)
        assert catalog.links.circle("unforgettable") == ["unforgettable"]
        assert catalog.identity.traits(["bob"]) == {"ann": '"ann"'}, "a trait of that name is not that person"
        assert await in_columns(store, "SELECT user_id, count(*) FROM events GROUP BY 1 ORDER BY 1") == [
            ("bob", 8),
            (None, 8),
        ]
        assert await in_columns(store, "SELECT value FROM ab_metrics ORDER BY 1") == [(1.0,), (2.0,)]
        assert await in_columns(store, "SELECT user_id FROM ab_assignments") == [("bob",)]

    run(tmp_path, work)
    assert in_record(tmp_path, "SELECT coalesce(user_id, ''), count(*) FROM events GROUP BY 1") == [("", 8), ("bob", 8)]
    assert in_record(tmp_path, "SELECT user_id FROM es_metric_users") == [("bob",)]
    assert in_record(tmp_path, "SELECT event FROM es_rejects") == [('{"user_id":"bob"}',)]
    assert in_record(tmp_path, "PRAGMA foreign_key_check") == []
    assert b"unforgettable" not in (tmp_path / "analytics.db").read_bytes()


def test_what_is_old_goes_and_what_comes_meanwhile_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(removal, "AT_ONCE", 2)
    limit = clock.from_text("2026-01-05 10:00:00.000")

    async def work(store: EmbeddedStore) -> None:
        await store.append(happened("ann", 9, 1, 2, 3, 4, 5, 6))
        late: list[asyncio.Future[object]] = []

        def told(gone: int) -> None:
            if gone == 2:
                late.append(asyncio.ensure_future(store.append(happened("bob", 1))))

        assert await store.erase(before=limit, progress=told) == 4
        await asyncio.gather(*late)
        times = await in_columns(store, "SELECT strftime(created_at, '%d'), user_id FROM events ORDER BY 1")
        assert times == [("01", "bob"), ("05", "ann"), ("06", "ann"), ("09", "ann")]
        assert await store.erase(before=limit) == 1, "the next time it goes, too"
        assert await store.erase(before=limit) == 0
        await store.append(happened("ann", 7))

    run(tmp_path, work)
    found = in_record(tmp_path, "SELECT id, created_at FROM events ORDER BY id")
    assert [str(at)[8:10] for _, at in found] == ["09", "05", "06", "07"]
    assert found[-1][0] == 9, "no id is given out twice"
