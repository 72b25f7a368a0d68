"""The embedded store: groups, duplicates, the death of the writer, back-pressure, the lock on the directory."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from evensplit.errors import Conflict, DirectoryOwned, StartError, Unavailable
from evensplit.model.event import Batch, Kept, Reject
from evensplit.storage.base import NewAssignment, NewMetric
from evensplit.storage.embedded import writer as writer_room
from evensplit.storage.embedded.store import EmbeddedStore, Options
from evensplit.storage.migrate import migrate

NOW = "2026-11-22 10:11:12.345"


@pytest.fixture(autouse=True)
def record(tmp_path: Path) -> None:
    """As the migrations leave it: a writer that finds none loads them first, and starts ten times as slowly."""
    migrate(tmp_path / "analytics.db")


def batch(*names: str, keys: list[bytes | None] | None = None) -> Batch:
    values: list[str | None] = []
    for name in names:
        values += [name, "user", None, '{"a": 1}', NOW]
    return Batch(values=values, keys=keys or [])


def run(directory: Path, work: Callable[[EmbeddedStore], Awaitable[None]], queue_events: int = 50_000) -> None:
    async def main() -> None:
        store = await EmbeddedStore.open(Options(directory, queue_events=queue_events))
        try:
            await work(store)
        finally:
            await store.close()

    asyncio.run(asyncio.wait_for(main(), 60))


def stored(directory: Path) -> list[str]:
    con = sqlite3.connect(directory / "analytics.db")
    try:
        return [name for (name,) in con.execute("SELECT event_type FROM events ORDER BY id")]
    finally:
        con.close()


def writer_pids() -> list[int]:
    """The writer; nobody, for the moment between two of them."""
    children = Path(f"/proc/{os.getpid()}/task/{os.getpid()}/children").read_text().split()
    return [pid for pid in map(int, children) if _writes(pid)]


def _writes(pid: int) -> bool:
    """Not one that has ended and waits for its parent."""
    return b"embedded.process" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_what_was_acknowledged_is_on_disk_and_in_the_next_report(tmp_path: Path) -> None:
    async def work(store: EmbeddedStore) -> None:
        for n in range(50):
            assert await store.append(batch(f"e{n}")) == Kept([])
            assert stored(tmp_path)[-1] == f"e{n}"
            await store.fresh()
            assert await store.query("SELECT count(*) FROM events", []) == [(n + 1,)]

    run(tmp_path, work)


def test_each_request_of_a_group_hears_of_its_own_duplicates(tmp_path: Path) -> None:
    a, b, c = (bytes([n]) * 16 for n in range(3))

    async def work(store: EmbeddedStore) -> None:
        answers = await asyncio.gather(
            store.append(batch("first", keys=[a])),
            store.append(batch("x", "again", keys=[None, a])),
            store.append(batch("without")),
            store.append(batch("again", "new", "again", keys=[a, b, b])),
            store.append(batch("last", keys=[c])),
        )
        assert [kept.duplicates for kept in answers] == [[], [1], [], [0, 2], []]
        assert store.read(("SELECT reason, count FROM es_reject_counts", [])) == [("duplicate", 3)]

    run(tmp_path, work)
    assert stored(tmp_path) == ["first", "x", "without", "new", "last"]
    run(tmp_path, lambda store: _expect(store.append(batch("again", keys=[b])), Kept([0])))


async def _expect(answer: Awaitable[Kept], kept: Kept) -> None:
    assert await answer == kept


def test_a_broken_constraint_undoes_its_own_operation_and_nothing_else(tmp_path: Path) -> None:
    async def work(store: EmbeddedStore) -> None:
        new = "INSERT INTO ab_tests (test_name) VALUES (?)"
        results = await asyncio.gather(
            store.append(batch("before")),
            store.write([(new, ["one"])]),
            store.write([(new, ["two"]), (new, ["one"])]),
            store.append_metrics([NewMetric(99, 99, "m", 1.0, NOW, key=b"m" * 16)], Batch()),
            store.append(batch("after")),
            return_exceptions=True,
        )
        assert [type(result) for result in results] == [Kept, list, Conflict, Conflict, Kept]
        assert store.read(("SELECT test_name FROM ab_tests", [])) == [("one",)]
        await store.write([("INSERT INTO ab_variants (test_id, variant_name) VALUES (1, 'v')", [])])
        again = NewMetric(1, 1, "m", 1.0, NOW, key=b"m" * 16)
        assert await store.append_metrics([again, again], Batch()) == Kept([1]), "the key was given back"

    run(tmp_path, work)
    assert stored(tmp_path) == ["before", "after"]


def test_the_first_assignment_wins(tmp_path: Path) -> None:
    async def work(store: EmbeddedStore) -> None:
        await store.write([("INSERT INTO ab_tests (test_name) VALUES ('t')", [])])
        await store.write([("INSERT INTO ab_variants (test_id, variant_name) VALUES (1, 'a'), (1, 'b')", [])])
        rows = [NewAssignment("u", 1, 1 + n % 2, NOW) for n in range(20)]
        answers = await asyncio.gather(*[store.assign([row]) for row in rows])
        assert {answer[0].variant_id for answer in answers} == {1}
        assert [answer[0].new for answer in answers] == [True] + [False] * 19

    run(tmp_path, work)


def test_the_writer_killed_at_any_moment_loses_and_doubles_nothing(tmp_path: Path) -> None:
    async def work(store: EmbeddedStore) -> None:
        acknowledged: list[str] = []  # every event has an id, so that a repeated one shows

        async def send(client: int) -> None:
            for n in range(150):
                name = f"{client}-{n}"
                key = name.ljust(16, ".").encode()
                while name not in acknowledged:
                    try:
                        await store.append(batch(name, keys=[key]))
                        acknowledged.append(name)
                    except Unavailable:  # a writer killed while it starts, again and again; the sender tries again
                        await asyncio.sleep(0.05)

        async def kill() -> None:
            killed = 0
            while killed < 4:
                await asyncio.sleep(0.08)
                pids = writer_pids()
                killed += len(pids)
                for pid in pids:
                    os.kill(pid, signal.SIGKILL)

        await asyncio.gather(kill(), *[send(client) for client in range(8)])
        found = stored(tmp_path)
        assert len(found) == len(set(found)) == 8 * 150
        assert set(found) == set(acknowledged)

    run(tmp_path, work)


def test_a_group_committed_before_the_writer_died_is_not_written_again(tmp_path: Path) -> None:
    """The writer is stopped, the group is sent, the answer is kept from us by killing it after its commit."""

    async def work(store: EmbeddedStore) -> None:
        await store.append(batch("warm"))
        (pid,) = writer_pids()
        # A reader of the socket that never reads: the transport is paused, so the answer cannot arrive.
        store._writer._transport.pause_reading()  # type: ignore[union-attr]
        answer = store.append(batch("once", "twice", keys=[b"k" * 16, b"k" * 16]))
        while stored(tmp_path)[-1] != "once":  # noqa: ASYNC110 - another process does it; there is no event to wait for
            await asyncio.sleep(0.01)
        os.kill(pid, signal.SIGKILL)
        store._writer._transport.abort()  # type: ignore[union-attr]
        assert await answer == Kept([1])

    run(tmp_path, work)
    assert stored(tmp_path) == ["warm", "once"]


def test_a_full_queue_takes_nothing(tmp_path: Path) -> None:
    async def work(store: EmbeddedStore) -> None:
        (pid,) = writer_pids()
        os.kill(pid, signal.SIGSTOP)
        taken = [store.append(batch(*["e"] * 100)) for _ in range(10)]
        with pytest.raises(Unavailable, match="1000 events wait"):
            store.append(batch("too many"))
        os.kill(pid, signal.SIGCONT)
        await asyncio.gather(*taken)
        await store.append(batch("later"))

    run(tmp_path, work, queue_events=1_000)
    assert len(stored(tmp_path)) == 1_001
    assert "too many" not in stored(tmp_path)


def test_while_a_report_runs_groups_are_fewer_and_nothing_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer_room, "GIVE_WAY", 0.1)
    reports = threading.Event()

    async def sender(store: EmbeddedStore, place: int) -> None:
        for turn in range(3):
            await asyncio.sleep(place / 200)
            await store.append(batch(f"e{place}-{turn}"))

    async def work(store: EmbeddedStore) -> None:
        await store.fresh()
        columns = await store._opened()
        monkeypatch.setattr(columns, "sync", lambda at_most=None: reports.wait(10))
        report = asyncio.create_task(store.fresh())
        await asyncio.sleep(0.01)
        before = groups(store)
        await asyncio.gather(*(sender(store, place) for place in range(8)))
        assert groups(store) - before <= 6, "one each without the pause, or nearly"
        reports.set()
        await report

    run(tmp_path, work)
    assert sorted(stored(tmp_path)) == sorted(f"e{place}-{turn}" for place in range(8) for turn in range(3))


def groups(store: EmbeddedStore) -> int:
    """How many have been committed."""
    ((text,),) = store.read(("SELECT value FROM es_state WHERE name = 'last_group'", []))
    return int(str(json.loads(str(text))[1]))


def test_closing_commits_what_was_taken(tmp_path: Path) -> None:
    async def main() -> None:
        store = await EmbeddedStore.open(Options(tmp_path))
        answers = [store.append(batch(f"e{n}")) for n in range(500)]
        await store.close()
        assert all(answer.done() and answer.result() == Kept([]) for answer in map(asyncio.ensure_future, answers))

    asyncio.run(main())
    assert len(stored(tmp_path)) == 500


def test_rejects_are_kept_with_their_reason_and_trimmed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def work(store: EmbeddedStore) -> None:
        for _ in range(13):
            await store.append(Batch(rejects=[Reject("invalid_json", "no", "{")] * 1_000))
        (count,) = store.read(("SELECT count(*) FROM es_rejects", []))[0]
        assert int(str(count)) <= 11_000
        assert store.read(("SELECT * FROM es_reject_counts", [])) == [("invalid_json", 13_000)]

    run(tmp_path, work)


def test_one_process_owns_a_directory(tmp_path: Path) -> None:
    async def work(store: EmbeddedStore) -> None:
        script = (
            "import asyncio, sys; from pathlib import Path\n"
            "from evensplit.storage.embedded.store import EmbeddedStore, Options\n"
            "from evensplit.errors import DirectoryOwned\n"
            "try: asyncio.run(EmbeddedStore.open(Options(Path(sys.argv[1]))))\n"
            "except DirectoryOwned as error: print(error.exit_code, error.message)"
        )
        said = await asyncio.to_thread(
            subprocess.run, [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True
        )
        assert said.stdout.startswith("75 ")
        assert f"pid {os.getpid()}" in said.stdout

    run(tmp_path, work)


def test_a_directory_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StartError, match="file/inside"):
        run(tmp_path / "file" / "inside", lambda store: _expect(store.append(batch("e")), Kept([])))
    with pytest.raises(DirectoryOwned):

        async def twice(_: EmbeddedStore) -> None:
            await EmbeddedStore.open(Options(tmp_path))

        run(tmp_path, twice)


def test_a_file_that_is_no_record_is_refused(tmp_path: Path) -> None:
    (tmp_path / "analytics.db").write_bytes(b"no database" * 1000)
    with pytest.raises(StartError, match="analytics.db"):
        run(tmp_path, lambda store: _expect(store.append(batch("e")), Kept([])))
    assert (tmp_path / "analytics.db").read_bytes().startswith(b"no database"), "it is left as it was"
