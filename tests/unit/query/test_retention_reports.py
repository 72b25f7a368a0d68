"""Retention over small sets of events whose answers can be read off, on both engines."""

import json
from typing import Any

import msgspec
import pytest

from evensplit.errors import InvalidReport
from evensplit.query.run.kinds import RETENTION
from tests.unit.query.activity_cases import HOUR, ask, behind
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, properties

DAY = 24 * HOUR
START = 1_793_491_200_000  # 2026-11-01T00:00Z, a Sunday
NOW = START + 40 * DAY
WEEK = {"start": "signup", "return": "visit", "since": "2026-11-01", "until": "2026-11-04", "periods": 4}


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> AnyStore:
    return STORES[request.param]()


def did(event_type: str, user: str | None, day: float, **more: object) -> Event:
    return Event(event_type, START + round(day * DAY), properties(**more), user)


def rows(answer: Any) -> list[list[int | None]]:
    return [cohort.returned for cohort in answer.cohorts]


def test_a_small_product(store: AnyStore) -> None:
    store.put(
        did("signup", "a", 0), did("signup", "b", 0.5), did("signup", "c", 1),
        did("visit", "a", 0.1), did("visit", "a", 1.2), did("visit", "b", 1.9), did("visit", "a", 2),
        did("visit", "c", 2.5), did("visit", "stranger", 2.5), did("visit", None, 2.5), did("visit", "a", 4),
    )  # fmt: skip
    answer = ask(RETENTION, store, WEEK, NOW)
    assert [cohort.start for cohort in answer.cohorts] == ["2026-11-01", "2026-11-02", "2026-11-03", "2026-11-04"]
    assert rows(answer) == [[2, 2, 1, 0], [1, 1, 0, None], [0, 0, None, None], [0, None, None, None]]
    assert [cohort.size for cohort in answer.cohorts] == [2, 1, 0, 0]
    assert answer.cohorts[0].rates == [1.0, 1.0, 0.5, 0.0]
    assert answer.cohorts[2].rates == [None] * 4, "of nobody there is no rate"
    assert (answer.total.size, answer.total.returned, answer.total.rates) == (3, [3, 3, 1, 0], [1.0, 1.0, 1 / 3, 0.0])
    assert behind(RETENTION, store, WEEK, {"cohort": "2026-11-01", "period": 1}, NOW) == {"a", "b"}
    or_after = ask(RETENTION, store, WEEK | {"kind": "on_or_after"}, NOW)
    assert rows(or_after) == [[2, 2, 1, 0], [1, 1, 0, None], [0, 0, None, None], [0, None, None, None]]


def test_later_counts_for_those_before(store: AnyStore) -> None:
    store.put(did("signup", "a", 0), did("signup", "b", 0), did("visit", "a", 3), did("visit", "b", 9))
    assert rows(ask(RETENTION, store, WEEK | {"periods": 3}, NOW))[0] == [2, 0, 0]
    assert rows(ask(RETENTION, store, WEEK | {"periods": 3, "kind": "on_or_after"}, NOW))[0] == [2, 1, 1]


def test_a_single_period_is_the_cohort(store: AnyStore) -> None:
    store.put(did("signup", "a", 0), did("visit", "a", 3))
    for more in ({"kind": "on"}, {"kind": "on_or_after"}, {"kind": "on_or_after", "calendar": False}):
        assert rows(ask(RETENTION, store, WEEK | {"periods": 1} | more, NOW)) == [[1], [0], [0], [0]]


def test_a_period_of_a_persons_own(store: AnyStore) -> None:
    store.put(did("signup", "a", 0.9), did("visit", "a", 1.1), did("visit", "a", 1.9), did("visit", "a", 2.85))
    assert rows(ask(RETENTION, store, WEEK, NOW))[0] == [1, 1, 1, 0]
    own = ask(RETENTION, store, WEEK | {"calendar": False, "until": "2026-11-06"}, NOW)
    assert rows(own)[0] == [1, 1, 0, 0], "day 1 begins 24 hours after the start, to the millisecond"
    assert rows(own)[3:] == [[0, 0, None, None], [0, None, None, None], [0, None, None, None]]


def test_the_first_time_ever(store: AnyStore) -> None:
    store.put(did("signup", "old", -20), did("signup", "old", 0), did("signup", "new", 0), did("signup", "new", 1))
    once = ask(RETENTION, store, WEEK | {"first_time": True, "return": "signup"}, NOW)
    assert [cohort.size for cohort in once.cohorts] == [1, 0, 0, 0]
    assert rows(once)[0] == [1, 1, 0, 0]
    assert [cohort.size for cohort in ask(RETENTION, store, WEEK, NOW).cohorts] == [2, 1, 0, 0]


def test_often_enough(store: AnyStore) -> None:
    store.put(did("signup", "a", 0), did("visit", "a", 1), did("visit", "a", 2), did("visit", "a", 2))
    assert rows(ask(RETENTION, store, WEEK | {"minimum": 2}, NOW))[0] == [1, 0, 1, 0]
    assert rows(ask(RETENTION, store, WEEK | {"minimum": 2, "kind": "on_or_after"}, NOW))[0] == [1, 1, 1, 0]


def test_what_is_not_over_is_not_known(store: AnyStore) -> None:
    store.put(did("signup", "a", 0), did("visit", "a", 1), did("visit", "a", 2.1))
    assert rows(ask(RETENTION, store, WEEK, START + 2 * DAY - 1))[0] == [1, 1, None, None], "the last millisecond"
    assert rows(ask(RETENTION, store, WEEK, START + 2 * DAY - 2))[0] == [1, None, None, None]
    cut_short = WEEK | {"until": "2026-11-03T12:00Z"}
    assert rows(ask(RETENTION, store, cut_short, NOW)) == [
        [1, 1, None, None],
        [0, None, None, None],
        [0, None, None, None],
    ]
    with pytest.raises(InvalidReport) as refused:
        behind(RETENTION, store, WEEK, {"cohort": "2026-11-01", "period": 2}, START + 2 * DAY)
    assert refused.value.code == "unknown_cell"
    assert "not over yet" in refused.value.message


def test_the_first_cohort_is_whole(store: AnyStore) -> None:
    store.put(did("signup", "a", -5), did("visit", "a", 1))
    answer = ask(RETENTION, store, WEEK | {"interval": "week", "until": "2026-11-08"}, NOW)
    assert answer.report.since == "2026-10-26T00:00:00.000+00:00"
    assert rows(answer) == [[1, 1, None, None], [0, None, None, None]]
    understood = json.loads(msgspec.json.encode(answer.report))
    assert understood["return"] == "visit"
    assert ask(RETENTION, store, understood, NOW).cohorts == answer.cohorts


def test_a_day_of_25_hours(store: AnyStore) -> None:
    """Berlin's 2026-10-25 is from 22:00 UTC of the day before to 23:00."""
    midnight, last = START - 8 * DAY - 2 * HOUR, START - 6 * DAY - HOUR
    for at, user in ((midnight, "a"), (midnight + DAY - 1, "a"), (midnight + DAY, "b"), (last - 1, "b"), (last, "b")):
        store.put(Event("visit", at, "{}", user))
    berlin = WEEK | {"since": "2026-10-24", "until": "2026-10-26", "timezone": "Europe/Berlin", "start": "@any"}
    assert rows(ask(RETENTION, store, berlin, NOW)) == [[1, 0, 0, None], [1, 1, None, None], [1, None, None, None]]


def test_split_by_the_first_start(store: AnyStore) -> None:
    store.put(
        did("signup", "a", 0, plan="pro"), did("signup", "a", 0, plan="free"), did("signup", "a", 1, plan="free"),
        did("signup", "b", 0, plan="pro"), did("signup", "c", 0), did("signup", "d", 0, plan=5), did("visit", "a", 1),
    )  # fmt: skip
    split = WEEK | {"breakdown": [{"property": "plan", "limit": 2}], "periods": 2}
    answer = ask(RETENTION, store, split, NOW)
    found = {
        (*part.breakdown, *part.rest): [cohort.returned for cohort in part.cohorts[:2]] for part in answer.breakdowns
    }
    assert found == {
        ("pro", False): [[2, 1], [0, 0]],
        ("5", False): [[1, 0], [0, 0]],
        ("$other", True): [[1, 0], [1, 0]],
    }
    assert rows(answer)[:2] == [[4, 1], [1, 0]]
    at = {"cohort": "2026-11-01", "breakdown": ["$other"], "rest": [True]}
    assert behind(RETENTION, store, split, at, NOW) == {"c"}
    assert behind(RETENTION, store, split, at | {"breakdown": ["pro"], "rest": [False], "period": 1}, NOW) == {"a"}
    assert behind(RETENTION, store, split, at | {"breakdown": [None], "rest": []}, NOW) == {"c"}


def test_nobody_at_all(store: AnyStore) -> None:
    for more in ({}, {"breakdown": [{"property": "x"}]}, {"calendar": False}, {"first_time": True}):
        answer = ask(RETENTION, store, WEEK | more, NOW)
        assert rows(answer)[0] == [0, 0, 0, None if "calendar" in more else 0]
        assert answer.total.rates == [None] * 4
        assert answer.breakdowns == []


def test_as_it_was(store: AnyStore) -> None:
    store.put(did("signup", "a", 0), did("visit", "a", 1))
    first = ask(RETENTION, store, WEEK, NOW)
    store.put(did("signup", "b", 0))
    store.link("a", "b", START)
    assert ask(RETENTION, store, WEEK | {"as_of": first.as_of}, NOW).cohorts == first.cohorts
    assert rows(ask(RETENTION, store, WEEK, NOW))[0] == [1, 1, 0, 0], "two ids of one person"


ODD = ["'", '"', "''; DROP TABLE events; --", "?", "{}", "$1", "%s", "\\", "\n", "é", "\U0001f984", "a]b", " "]


@pytest.mark.parametrize("odd", ODD)
def test_odd_characters_leave_no_trace(store: AnyStore, odd: str) -> None:
    for text in (odd, odd + odd):  # both occur: about what does not, a statement is another
        store.put(did(text, text, 0, **{text: text}), did(text, text, 1, **{text: text}))

    def report(text: str) -> dict[str, Any]:
        filters = [{"property": [text], "op": "eq", "value": text}]
        event = {"event_type": text, "filters": filters}
        return WEEK | {"start": event, "return": event, "breakdown": [{"property": [text]}]}

    answer = ask(RETENTION, store, report(odd), NOW)
    assert [part.breakdown for part in answer.breakdowns] == [[odd]]
    assert rows(answer)[0] == [1, 1, 0, 0]
    at = {"cohort": "2026-11-01", "period": 1, "breakdown": [odd]}
    assert behind(RETENTION, store, report(odd), at, NOW) == {odd}
    asked = {sql for sql, _ in store.asked}
    ask(RETENTION, store, report(odd + odd), NOW)
    behind(RETENTION, store, report(odd + odd), at | {"breakdown": [odd + odd]}, NOW)
    assert {sql for sql, _ in store.asked} == asked
