"""Answers are kept: the same question about the same state does not reach the engine, any other does."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from evensplit.errors import InvalidReport
from evensplit.query.run.cache import OVERHEAD, SHARE, Answers
from evensplit.query.run.kinds import TREND, Line
from tests.unit.query.memory_store import Event, MemoryStore, properties

DAY = 86_400_000
START = 1_793_491_200_000  # 2026-11-01T00:00Z
NOW = START + 10 * DAY
FIXED = {"since": "2026-11-01", "until": "2026-11-03", "series": [{"event": "view"}]}


class Asker:
    """Answers over a store in memory; `reached` says whether a question came to its engine."""

    def __init__(self, most: int | None = None) -> None:
        self.store = MemoryStore()
        self.store.put(*(Event("view", START + n * DAY, properties(n=n), f"u{n % 2}") for n in range(5)))
        self.generations: list[object] = [1, 1]
        self.now = NOW
        self.answers = Answers(lambda: list(self.generations), *([] if most is None else [most]))

    def ask(self, report: Any = FIXED, kind: Line[Any, Any] = TREND, **more: Any) -> Any:
        raw = json.dumps({**report, **more})
        return json.loads(asyncio.run(self.answers.asked(kind, self.store, raw, self.now)).body)

    def reached(self, report: Any = FIXED, kind: Line[Any, Any] = TREND, **more: Any) -> bool:
        before = len(self.store.asked)
        self.ask(report, kind, **more)
        return len(self.store.asked) > before


def test_the_same_question_is_answered_without_the_engine() -> None:
    asker = Asker()
    first = asker.ask()
    assert first["series"][0]["values"] == [1, 1, 1]
    assert not asker.reached()
    assert asker.ask() == first
    asker.now += 1000
    assert asker.ask() == first, "fixed times mean the same a second later"


def test_the_same_question_in_other_words() -> None:
    asker = Asker()
    asker.ask()
    assert not asker.reached(interval="day", timezone="UTC")
    assert not asker.reached(since="2026-11-01T00:00:00Z", until="2026-11-04T00:00:00Z")
    assert not asker.reached(filters=[])


def test_every_other_question_reaches_it() -> None:
    asker = Asker()
    asker.ask()
    others: list[dict[str, Any]] = [
        {"until": "2026-11-04"},
        {"interval": "week"},
        {"timezone": "Europe/Berlin"},
        {"filters": [{"property": "n", "op": "eq", "value": 1}]},
        {"series": [{"event": "view", "measure": "users"}]},
        {"series": [{"event": "view", "label": "other"}]},
        {"cumulative": True},
    ]
    for other in others:
        assert asker.reached(**other), other
        assert not asker.reached(**other), other


def test_relative_times_are_those_of_the_asking() -> None:
    asker = Asker()
    assert asker.reached(since="-3d", until="2026-11-20")
    assert not asker.reached(since="-3d", until="2026-11-20")
    asker.now += DAY
    assert asker.reached(since="-3d", until="2026-11-20"), "a day later -3d is another day"
    assert asker.reached(until="now")
    asker.now += 1
    assert asker.reached(until="now"), "now is another instant"


def test_new_events_links_cohorts_and_deletions_give_a_new_answer() -> None:
    asker = Asker()
    users: dict[str, Any] = {"series": [{"event": "view", "measure": "users"}], "until": "2026-11-05"}
    assert asker.ask(**users)["series"][0]["total"] == 2
    asker.store.put(Event("view", START, "{}", "u9"))
    assert asker.ask(**users)["series"][0]["total"] == 3
    asker.store.link("u9", "u1", START)
    asker.generations[0] = 2
    assert asker.ask(**users)["series"][0]["total"] == 2
    asker.generations[1] = 2
    assert asker.reached(**users)
    asker.store.connection.execute("DELETE FROM events WHERE user_id = 'u0'")
    asker.store.tombstones += 3
    assert asker.ask(**users)["series"][0]["total"] == 1


def test_an_as_of_is_found_again_whatever_has_come_since() -> None:
    asker = Asker()
    then = asker.ask()["as_of"]
    first = asker.ask(as_of=then)
    asker.store.put(Event("view", START, "{}", "u7"))
    assert not asker.reached(as_of=then)
    assert asker.ask(as_of=then) == first
    asker.store.tombstones += 1
    assert asker.ask(as_of=then)["altered_by_erasure"] is True


def test_where_the_time_of_asking_decides_it_is_part_of_the_question() -> None:
    """A kind whose answer says what is not over yet: only where the range reaches beyond the asking."""
    clocked: Line[Any, Any] = msgspec.structs.replace(TREND, clocked=True)
    asker = Asker()
    for until, again in (("2026-11-03", False), ("2026-12-24", True)):
        assert asker.reached(kind=clocked, until=until)
        asker.now += 1
        assert asker.reached(kind=clocked, until=until) is again
    assert asker.reached(until="2026-12-24")
    asker.now += 1
    assert not asker.reached(until="2026-12-24"), "a trend says nothing of what is over"


def test_an_error_is_not_kept() -> None:
    asker = Asker()
    for _ in range(2):
        with pytest.raises(InvalidReport, match="regular expression"):
            asker.ask(filters=[{"property": "n", "op": "matches", "value": "("}])
    assert asker.reached()


def test_memory_is_bounded_and_the_oldest_go_first() -> None:
    size = len(json.dumps(Asker().ask(), separators=(",", ":"))) + OVERHEAD
    asker = Asker(most=size * SHARE + size // 2)

    def report(n: int) -> dict[str, Any]:
        return {"series": [{"event": "view", "label": f"{n:04d}"}]}

    for n in range(SHARE):
        asker.ask(**report(n))
    assert not asker.reached(**report(0)), "which is the latest used now"
    for n in range(SHARE, SHARE + 3):
        asker.ask(**report(n))
    assert not asker.reached(**report(0)) and not asker.reached(**report(SHARE + 2))
    assert asker.reached(**report(1)) and asker.reached(**report(2))
    wide: dict[str, Any] = {"series": [{"event": "view", "label": "x" * size * 2}]}
    assert asker.reached(**wide) and asker.reached(**wide), "too long to be kept"
    assert not asker.reached(**report(SHARE + 2)), "and it has put nothing out"


def test_who_asks_the_same_meanwhile_waits_for_the_same_answer() -> None:
    asker = Asker()
    raw = json.dumps(FIXED)

    async def together() -> list[Any]:
        asked = [asker.answers.asked(TREND, asker.store, raw, asker.now) for _ in range(5)]
        return [answered.body for answered in await asyncio.gather(*asked)]

    bodies = asyncio.run(together())
    alone = Asker()
    alone.ask()
    assert len(asker.store.asked) == len(alone.store.asked)
    assert len(set(bodies)) == 1


def test_who_goes_away_does_not_take_the_answer_from_the_others() -> None:
    asker = Asker()
    raw = json.dumps(FIXED)

    async def one_leaves() -> tuple[Any, Any]:
        first, second = (asyncio.create_task(asker.answers.asked(TREND, asker.store, raw, asker.now)) for _ in range(2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        first.cancel()
        return (await asyncio.gather(first, return_exceptions=True))[0], await second

    gone, stayed = asyncio.run(one_leaves())
    assert isinstance(gone, asyncio.CancelledError)
    assert json.loads(stayed.body)["series"][0]["values"] == [1, 1, 1]
