"""The store on ClickHouse: acknowledged is stored, counted once, what fails is told, the record's tables follow."""

import asyncio
import shutil
import sqlite3
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import pytest

from evensplit import clock
from evensplit.errors import Conflict, EvensplitError, QueryFailed, SqlNotAllowed, StartError, Unavailable
from evensplit.model.event import Batch, Kept, Reject
from evensplit.storage.base import NewAssignment, NewMetric
from evensplit.storage.clickhouse import inserts, lanes, starts
from evensplit.storage.clickhouse.binding import UpTo, bound
from evensplit.storage.clickhouse.connection import Connection, Target, target
from evensplit.storage.clickhouse.keys import MessageKeys
from evensplit.storage.clickhouse.rows import of_events
from evensplit.storage.clickhouse.schema import EVENTS, copied
from evensplit.storage.clickhouse.store import ClickhouseStore
from evensplit.storage.embedded.questions import Question
from evensplit.storage.embedded.store import Options
from evensplit.storage.migrate import migrate
from tests.unit.storage.clickhouse_databases import database

NOW = "2026-11-22 10:11:12.345"
LATER = "2026-12-24 01:02:03.004"
DAY_MS = 86_400_000
Work = Callable[[ClickhouseStore], Awaitable[None]]
KEYS = [bytes([n]) * 16 for n in range(8)]


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record without anything in it."""
    path = tmp_path_factory.mktemp("record") / "analytics.db"
    migrate(path)
    return path


@pytest.fixture
def directory(tmp_path: Path, record: Path) -> Path:
    """A data directory."""
    shutil.copy(record, tmp_path)
    return tmp_path


@pytest.fixture
def url() -> Iterator[str]:
    with database() as found:
        yield found


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inserts, "PAUSES", (0.0, 0.0))
    monkeypatch.setattr(lanes, "DISTANCE", 0.005)
    monkeypatch.setattr(starts, "LOOK", 0.0)


def batch(*names: str, keys: list[bytes | None] | None = None, at: str = NOW, user: str = "user") -> Batch:
    values: list[str | None] = []
    for name in names:
        values += [name, user, None, '{"a": 1}', at]
    return Batch(values=values, keys=keys or [])


def run(url: str, directory: Path, work: Work, queue_events: int = 50_000) -> None:
    async def main() -> None:
        store = await ClickhouseStore.open(url, Options(directory, queue_events=queue_events, follow=False))
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(main(), 60))


async def names(store: ClickhouseStore) -> list[object]:
    watermark = await store.fresh()
    rows = await store.query("SELECT event_type FROM events WHERE id <= ? ORDER BY id", [watermark.events])
    return [name for (name,) in rows]


def test_what_was_acknowledged_is_in_the_next_report(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        for n in range(5):
            assert await store.append(batch(f"e{n}")) == Kept([])
            assert await names(store) == [f"e{m}" for m in range(n + 1)]
        assert (await store.fresh()).events == 5

    run(url, directory, work)


def test_a_question_sees_nothing_that_came_after_its_moment(
    url: str, directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The ids are not read where nothing newer can be there; what comes in meanwhile is noticed."""
    asked: list[str] = []
    meanwhile: list[Callable[[], object]] = []
    ask = Connection.ask

    def told(self: Connection, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        asked.append(bound(sql, values)[0])
        while meanwhile:
            meanwhile.pop()()
        return ask(self, sql, values)

    async def work(store: ClickhouseStore) -> None:
        await store.append(batch("a", "b"))
        then = (await store.fresh()).events
        monkeypatch.setattr(Connection, "ask", told)

        async def count() -> object:
            asked.clear()
            return (await store.query("SELECT count() FROM events WHERE ?", [UpTo(then)]))[0][0]

        assert (await count(), ["id <=" in sql for sql in asked]) == (2, [False])
        put = store._parts.events.put
        meanwhile.append(lambda: put(of_events(batch("c").values), []))
        assert (await count(), ["id <=" in sql for sql in asked]) == (2, [False, True])
        assert (await count(), ["id <=" in sql for sql in asked]) == (2, [True]), "a moment that has passed"
        assert await names(store) == ["a", "b", "c"]

    run(url, directory, work)


def test_each_request_of_a_group_hears_of_its_own_duplicates(url: str, directory: Path) -> None:
    a, b, c = KEYS[:3]

    async def work(store: ClickhouseStore) -> None:
        answers = await asyncio.gather(
            store.append(batch("first", keys=[a])),
            store.append(batch("x", "again", keys=[None, a])),
            store.append(batch("without")),
            store.append(batch("again", "new", "again", keys=[a, b, b])),
            store.append(batch("last", keys=[c])),
        )
        assert [kept.duplicates for kept in answers] == [[], [1], [], [0, 2], []]
        assert await names(store) == ["first", "x", "without", "new", "last"]
        assert store.read(("SELECT reason, count FROM es_reject_counts", [])) == [("duplicate", 3)]
        assert await store.append(batch("again", keys=[a], at=LATER)) == Kept([0]), "another time, another month"

    run(url, directory, work)

    async def restarted(store: ClickhouseStore) -> None:
        assert await store.append(batch("again", "other", keys=[b, KEYS[7]], at=LATER)) == Kept([0])
        assert await names(store) == ["first", "x", "without", "new", "last", "other"]

    run(url, directory, restarted)


def test_many_duplicates_are_counted_to_the_last(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        kept = await store.append(batch(*["e"] * 150, keys=[KEYS[0]] * 150))
        assert kept.duplicates == list(range(1, 150))
        assert store.read(("SELECT count FROM es_reject_counts WHERE reason = 'duplicate'", [])) == [(149,)]
        assert store.read(("SELECT count(*) FROM es_rejects", [])) == [(100,)]

    run(url, directory, work)


def test_message_ids_are_forgotten_after_their_days(url: str, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(store: ClickhouseStore) -> None:
        await store.append(batch("one", keys=[KEYS[0]]))

    run(url, directory, work)
    began = clock.now_ms()
    monkeypatch.setattr(clock, "now_ms", lambda: began + 29 * DAY_MS)
    run(url, directory, lambda store: _kept(store, [0]))
    monkeypatch.setattr(clock, "now_ms", lambda: began + 38 * DAY_MS)  # a week is dropped as a whole

    async def later(store: ClickhouseStore) -> None:
        assert await store.query("SELECT count(*) FROM es_message_keys", []) == [(0,)]
        await _kept(store, [])

    run(url, directory, later)


async def _kept(store: ClickhouseStore, duplicates: list[int]) -> None:
    assert await store.append(batch("again", keys=[KEYS[0]])) == Kept(duplicates)


def test_a_failed_insert_is_told_and_its_message_id_is_free_again(url: str, directory: Path) -> None:
    outside = Connection(target(url))

    async def work(store: ClickhouseStore) -> None:
        await store.append(batch("before", keys=[KEYS[0]]))
        outside.command("RENAME TABLE events TO away")
        with pytest.raises(Unavailable):
            await store.append(batch("lost", keys=[KEYS[1]]))
        with pytest.raises(Unavailable):
            await store.append(batch("lost too"))
        outside.command("RENAME TABLE away TO events")
        assert await store.append(batch("lost", "before", keys=[KEYS[1], KEYS[0]])) == Kept([1])
        assert await names(store) == ["before", "lost"]

    run(url, directory, work)
    outside.close()


def test_a_key_that_was_claimed_by_a_process_that_died_is_free_again(url: str, directory: Path) -> None:
    """It ends between the claim and the rows, or when some of the rows (of one month) are there."""
    outside = Connection(target(url))

    async def before(store: ClickhouseStore) -> None:
        await store.append(batch("before", keys=[KEYS[0]]))

    run(url, directory, before)
    first = 10_000_000
    keys = [int.from_bytes(key, "big") for key in KEYS[1:4]]
    MessageKeys(outside, 30).claim("events", keys, [first, first + 1, first + 2], "token")
    half: list[list[object]] = [[first + 1], ["half"], [None], [None], [None], ["{}"], [{}], [0]]
    outside.insert("events", EVENTS, half, "half")
    outside.close()

    async def work(store: ClickhouseStore) -> None:
        assert await store.append(batch(*"abcd", keys=[KEYS[0], *KEYS[1:4]])) == Kept([0, 2])
        assert await names(store) == ["before", "half", "b", "d"]

    run(url, directory, work)


def test_a_block_that_is_sent_again_is_stored_once(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        outside = Connection(target(url))
        months = [at * 31 * DAY_MS for at in range(3)]
        n = len(months)
        block = [range(n), ["e"] * n, [None] * n, [None] * n, [None] * n, ["{}"] * n, [{}] * n, months]
        for _ in range(2):
            outside.insert("events", EVENTS, block, "one block")
        assert outside.ask("SELECT count(*), count(DISTINCT id) FROM events") == [(n, n)]
        outside.close()

    run(url, directory, work)


def test_a_full_queue_refuses_and_takes_nothing(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        many = [store.append(batch(*["e"] * 400)) for _ in range(5)]
        answers = await asyncio.gather(*many, return_exceptions=True)
        taken = sum(isinstance(answer, Kept) for answer in answers)
        assert 1 <= taken < 5
        assert all(isinstance(answer, Kept | Unavailable) for answer in answers)
        assert len(await names(store)) == taken * 400
        assert await store.append(batch(*["big"] * 3000)) == Kept([]), "let in alone, or it never could enter"

    run(url, directory, work, queue_events=1000)


def test_odd_texts_come_back_as_they_were_sent(url: str, directory: Path) -> None:
    odd = "o'r\"e\\i\nly \0 🙂 ${x} {p0:String} ?"
    properties = '{ "k":"o\'r\\"\\u0000\\n🙂", "a.b": {"c": [1.0, null]}, "k2" : 1e2, "big": 12345678901234567890 }'

    async def work(store: ClickhouseStore) -> None:
        await store.append(Batch(values=[odd, odd, odd, properties, NOW, "plain", None, None, None, NOW]))
        found = {row.event_type: row for row in await store.events.by_id([1, 2, 99])}
        assert found.keys() == {odd, "plain"}
        assert (found[odd].user_id, found[odd].session_id, found[odd].properties) == (odd, odd, properties)
        assert found["plain"].properties is None and found["plain"].created_at == NOW
        assert await store.query("SELECT id FROM events WHERE user_id = ?", [odd]) == [(1,)]
        assert await store.events.by_id([]) == []
        assert await store.events.newest() == 2
        assert [row.event_type for row in await store.events.between(0, 2)] == [odd, "plain"]
        assert [row.event_type for row in await store.events.between(1, 5)] == ["plain"]

    run(url, directory, work)


def test_links_and_refusals_stand_in_the_record(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        sent = batch("e")
        sent.links, sent.rejects = [("anonymous", "user", NOW)], [Reject("invalid_json", "m", "e")]
        await store.append(sent)
        await store.append(Batch(rejects=[Reject("invalid_json", "m", "e")]))
        assert store.read(("SELECT reason, count FROM es_reject_counts", [])) == [("invalid_json", 2)]
        await store.fresh()
        found = await store.query("SELECT subject, object FROM es_identity WHERE kind = 'link'", [])
        assert found == [("anonymous", "user")]

    run(url, directory, work)


async def _experiment(store: ClickhouseStore) -> None:
    await store.write([("INSERT INTO ab_tests (test_name) VALUES ('t')", [])])
    await store.write([("INSERT INTO ab_variants (test_id, variant_name) VALUES (1, 'a'), (1, 'b')", [])])


def test_metric_values_count_once_and_go_with_their_variant(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        await _experiment(store)
        row = NewMetric(1, 1, "m", 1.5, NOW, "u", KEYS[0])
        with pytest.raises(Conflict):
            await store.append_metrics([row, NewMetric(1, 9, "m", 1.5, NOW)], Batch())
        assert await store.append_metrics([row, row, NewMetric(1, 2, "m", 2.5, NOW)], Batch()) == Kept([1])
        assert await store.append_metrics([row], Batch(rejects=[Reject("invalid_number", "m", "e")])) == Kept([0])
        assert await store.append_metrics([], Batch(rejects=[Reject("invalid_number", "m", "e")])) == Kept([])
        watermark = await store.fresh()
        rows = "SELECT variant_id, metric_name, value, user_id FROM ab_metrics WHERE id <= ? ORDER BY id"
        assert await store.query(rows, [watermark.metrics]) == [(1, "m", 1.5, "u"), (2, "m", 2.5, None)]
        await store.write([("DELETE FROM ab_variants WHERE id = 2", [])])
        await store.fresh()
        assert await store.query(rows, [watermark.metrics]) == [(1, "m", 1.5, "u")]
        assert await store.query("SELECT id, variant_name FROM ab_variants", []) == [(1, "a")]
        await store.write([("DELETE FROM ab_tests", [])])
        await store.fresh()
        assert await store.query("SELECT count(*) FROM ab_metrics", []) == [(0,)]
        assert await store.query("SELECT count(*) FROM ab_tests", []) == [(0,)]

    run(url, directory, work)


async def _assigned(store: ClickhouseStore) -> list[tuple[object, ...]]:
    at = await store.fresh()
    return await store.query(
        "SELECT user_id, variant_id FROM ab_assignments WHERE id <= ? ORDER BY id", [at.assignments]
    )


def test_assignments_follow_the_record_whoever_changes_it(url: str, directory: Path) -> None:
    def outside(sql: str) -> None:
        with sqlite3.connect(directory / "analytics.db") as con:
            con.execute(sql)

    async def work(store: ClickhouseStore) -> None:
        await _experiment(store)
        await store.assign([NewAssignment(f"u{n}", 1, 1 + n % 2, NOW) for n in range(4)])
        assert await _assigned(store) == [("u0", 1), ("u1", 2), ("u2", 1), ("u3", 2)]
        before = (await store.fresh()).tombstones
        outside("DELETE FROM ab_assignments WHERE user_id = 'u1'")
        outside("UPDATE ab_assignments SET variant_id = 2, assigned_at = 'nonsense' WHERE user_id = 'u2'")
        assert await _assigned(store) == [("u0", 1), ("u2", 2), ("u3", 2)]
        assert (await store.fresh()).tombstones > before
        assert await store.query("SELECT count(*) FROM ab_assignments WHERE assigned_at IS NULL", []) == [(1,)]
        for variant in (1, 2, 1, 2):  # rows that equal earlier ones
            outside(f"UPDATE ab_assignments SET variant_id = {variant} WHERE user_id = 'u3'")
            assert (await _assigned(store))[-1] == ("u3", variant)

    run(url, directory, work)
    outside("INSERT INTO ab_assignments (user_id, test_id, variant_id) VALUES ('while down', 1, 1)")
    outside("DELETE FROM ab_assignments WHERE user_id = 'u0'")
    unfinished = Connection(target(url))
    unfinished.insert("ab_assignments", copied("ab_assignments"), [[5], ["copied, not noted"], [1], [1], [0]])
    unfinished.close()

    async def again(store: ClickhouseStore) -> None:
        assert await _assigned(store) == [("u2", 2), ("u3", 2), ("while down", 1)]
        assert await store.query("SELECT count(*) FROM ab_assignments", []) == [(3,)]

    run(url, directory, again)


def test_copies_are_made_anew_beside_an_earlier_state_of_the_record(url: str, directory: Path) -> None:
    backup = directory / "backup.db"

    async def first(store: ClickhouseStore) -> None:
        await _experiment(store)
        await store.assign([NewAssignment("kept", 1, 1, NOW)])
        with sqlite3.connect(directory / "analytics.db") as con, sqlite3.connect(backup) as copy:
            con.backup(copy)

    async def second(store: ClickhouseStore) -> None:
        await store.assign([NewAssignment("lost", 1, 1, NOW)])
        assert len(await _assigned(store)) == 2

    run(url, directory, first)
    run(url, directory, second)
    for path in directory.glob("analytics.db*"):
        path.unlink()
    backup.rename(directory / "analytics.db")

    async def restored(store: ClickhouseStore) -> None:
        assert await _assigned(store) == [("kept", 1)]
        await store.assign([NewAssignment("new", 1, 2, NOW)])
        assert await _assigned(store) == [("kept", 1), ("new", 2)]

    run(url, directory, restored)


def test_a_database_belongs_to_one_record(url: str, directory: Path) -> None:
    run(url, directory / "one", lambda store: _kept(store, []))
    with pytest.raises(StartError, match="another data directory"):
        run(url, directory / "two", lambda store: _kept(store, []))
    run(url, directory / "one", lambda store: _kept(store, [0]))


def test_the_process_that_started_last_writes(url: str, directory: Path) -> None:
    """As when the directory was moved to another machine while the old server still runs."""

    async def work(old: ClickhouseStore) -> None:
        assert await old.append(batch("old")) == Kept([])
        with sqlite3.connect(directory / "analytics.db") as con, sqlite3.connect(directory / "moved.db") as copy:
            con.backup(copy)
        (directory / "new").mkdir()
        (directory / "moved.db").rename(directory / "new" / "analytics.db")
        new = await ClickhouseStore.open(url, Options(directory / "new", follow=False))
        try:
            with pytest.raises(Unavailable, match="another server"):
                await old.append(batch("old"))
            assert await new.append(batch("new")) == Kept([])
            assert await names(new) == ["old", "new"]
        finally:
            await new.close()

    run(url, directory, work)


def test_erasure_takes_a_person_away_and_says_so_to_earlier_moments(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        await _experiment(store)
        await store.append(batch("a", "b", user="stays"))
        await store.append(batch("c", "d", user="goes"))
        await store.append_metrics([NewMetric(1, 1, "m", 1.5, NOW, "goes")], Batch())
        before = await store.fresh()
        assert await store.erase(["goes", "o'never"]) == 3
        assert await store.erase(["nobody"]) == 0
        after = await store.fresh()
        assert (after.events, after.tombstones - before.tombstones) == (before.events, 2)
        assert await names(store) == ["a", "b"]
        assert await store.query("SELECT count(*) FROM ab_metrics", []) == [(0,)]

    run(url, directory, work)

    async def restarted(store: ClickhouseStore) -> None:
        assert (await store.fresh()).events == 4, "an id that was given is given no more"
        await store.append(batch("e"))
        assert (await store.fresh()).events > 4

    run(url, directory, restarted)


def test_events_beyond_an_age_are_taken_away(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        for month in range(1, 7):
            await store.append(batch(f"{month}/1", at=f"2026-0{month}-01 00:00:00.000"))
            await store.append(batch(f"{month}/20", at=f"2026-0{month}-20 12:00:00.000"))
        assert await store.erase(before=clock.from_text("2026-04-20 12:00:00")) == 7
        assert await names(store) == ["4/20", "5/1", "5/20", "6/1", "6/20"]
        assert await store.erase(before=0) == 0

    run(url, directory, work)


def test_questions_fail_clearly(url: str, directory: Path) -> None:
    async def work(store: ClickhouseStore) -> None:
        await store.append(batch("a", "b", "c"))
        with pytest.raises(QueryFailed):
            await store.query("SELECT nothing FROM nowhere", [])
        with pytest.raises(SqlNotAllowed, match="not available"):
            await store.ask(Question("SELECT 1"), lambda tree: None)
        joined = "SELECT l.n FROM (SELECT 1 AS n) AS r LEFT JOIN (SELECT 2 AS n) AS l ON l.n = r.n"
        assert await store.query(joined, []) == [(None,)], "an outer join gives NULL"
        assert await store.problems() == []
        assert {name: values for name, _, _, values in store.figures()}["events_stored_total"] == [("", 3)]

    run(url, directory, work)
    limited = Connection(target(f"{url}?max_rows_to_read=1"))
    with pytest.raises(EvensplitError, match="rows"):
        limited.ask("SELECT * FROM events")
    limited.close()


def test_what_was_taken_is_stored_when_the_store_closes(url: str, directory: Path) -> None:
    waiting: list[asyncio.Task[Kept]] = []

    async def work(store: ClickhouseStore) -> None:
        waiting.extend(asyncio.ensure_future(store.append(batch(f"e{n}"))) for n in range(20))
        await asyncio.sleep(0)

    async def after(store: ClickhouseStore) -> None:
        assert sorted(map(str, await names(store))) == sorted(f"e{n}" for n in range(20))

    run(url, directory, work)
    assert all(task.result() == Kept([]) for task in waiting)
    run(url, directory, after)


def test_urls() -> None:
    assert target("clickhouse://me:p%40ss@host:9000/db?secure=1&max_threads=2") == Target(
        "db", "host", 9000, True, "me", "p@ss", settings={"max_threads": "2"}
    )
    assert target("clickhouse://host") == Target("evensplit", "host", 8123, False, "default")
    assert target("clickhouse://host/db?secure=true").port == 8443
    assert target("chdb:///some/dir").path == "/some/dir"
    assert "p%40ss" not in target("clickhouse://me:p%40ss@host/db").shown
    for wrong in (
        "http://host/db",
        "clickhouse:///db",
        "clickhouse://host/a/b",
        "clickhouse://host:x/db",
        "chdb://x/y",
    ):
        with pytest.raises(StartError, match="--events"):
            target(wrong)
