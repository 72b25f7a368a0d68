"""Trends over small sets of events whose answers can be read off, on a real engine."""

import asyncio
import json
import math
import random
from collections.abc import Callable
from typing import Any

import pytest

from evensplit.errors import InvalidReport
from evensplit.model.report import read
from evensplit.model.report.trend import Trend, TrendAnswer
from evensplit.query.as_of import decode, encode
from evensplit.query.run.trend import run
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, MemoryStore, properties

DAY = 86_400_000
START = 1_793_491_200_000  # 2026-11-01T00:00Z
NOW = START + 10 * DAY


@pytest.fixture(params=STORES)
def empty(request: pytest.FixtureRequest) -> Callable[[], AnyStore]:
    """Makes stores without events."""
    return STORES[request.param]


def asked(store: AnyStore, series: Any, **report: Any) -> TrendAnswer:
    report = {"since": "2026-11-01", "until": "2026-11-03", **report}
    report["series"] = series if isinstance(series, list) else [series]
    return asyncio.run(run(store, read(Trend, json.dumps(report)), NOW))


def values(answer: TrendAnswer, at: int = 0) -> tuple[list[Any], Any]:
    return answer.series[at].values, answer.series[at].total


def view(day: int, user: str | None = "u", **more: object) -> Event:
    return Event("view", START + day * DAY, properties(**more), user)


def test_no_events_at_all(empty: Callable[[], AnyStore]) -> None:
    answer = asked(empty(), [{"event": "view"}, {"event": "@any", "measure": "max", "property": "x"}])
    assert answer.buckets == ["2026-11-01", "2026-11-02", "2026-11-03"]
    assert values(answer) == ([0, 0, 0], 0)
    assert values(answer, 1) == ([None, None, None], None)
    assert asked(empty(), {"event": "view"}, breakdown=[{"property": "x"}]).series == []


def test_the_reply_as_json(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, country="DE"), view(1))
    answer = asked(store, {"event": "view"}, breakdown=[{"property": "country"}], compare="previous")
    assert [(s.breakdown, s.rest, s.values) for s in answer.series] == [
        (["DE"], [False], [1, 0, 0]),
        ([None], [False], [0, 1, 0]),
    ]
    assert answer.compare is not None
    assert answer.compare.buckets == ["2026-10-29", "2026-10-30", "2026-10-31"]
    assert answer.report.breakdown[0].limit == 10
    assert decode(answer.as_of).events == 2


def test_other_is_computed_anew(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(*(view(0, user, c="DE") for user in "abcde"))
    store.put(
        view(0, "x", c="FR", v=1), view(0, "x", c="NZ", v=9), view(0, "x", c="$other", v=2), view(1, "y", c="NZ", v=4)
    )
    split = [{"property": "c", "limit": 1}]
    answer = asked(store, {"event": "view", "measure": "users"}, breakdown=split)
    assert [(s.breakdown, s.rest, s.values, s.total) for s in answer.series] == [
        (["DE"], [False], [5, 0, 0], 5),
        (["$other"], [True], [1, 1, 0], 2),
    ]
    answer = asked(
        store, {"event": "view", "measure": "median", "property": "v"}, breakdown=[{"property": "c", "limit": 2}]
    )
    assert [(s.breakdown, s.rest, s.total) for s in answer.series] == [
        (["NZ"], [False], 6.5),
        (["$other"], [False], 2.0),  # a country that is called so
        (["$other"], [True], 1.0),
    ]


def test_ties_by_text_and_not_set_last(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, c="b"), view(0, c="B"), view(0), view(0, c="é"), view(0, c=""), view(0, c="c"), view(0, c="c"))
    answer = asked(store, {"event": "view"}, breakdown=[{"property": "c"}])
    assert [s.breakdown[0] for s in answer.series] == ["c", "", "B", "b", "é", None]


def test_all_series_show_the_same_values(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(*[view(0, c="x")] * 3, *[view(0, c="y")] * 2, view(0, c="z"), view(0, c="w"))
    store.put(*[Event("buy", START, properties(c=c)) for c in ("z", "z", "y", "new")])
    split = [{"property": "c", "limit": 2}]
    answer = asked(store, [{"event": "view"}, {"event": "buy"}], breakdown=split, formula="B/A")
    assert [(s.label, s.breakdown, s.values[0]) for s in answer.series] == [
        ("B/A", ["x"], 0),
        ("B/A", ["y"], 0.5),
        ("B/A", ["$other"], 1.5),
    ]
    answer = asked(store, [{"event": "buy"}, {"event": "view"}], breakdown=[{"property": "c", "limit": 4}])
    found = [(s.label, s.breakdown[0], s.total) for s in answer.series]
    assert found[:3] == [("buy", "z", 2), ("buy", "new", 1), ("buy", "y", 1)]
    assert found[3:] == [("view", "z", 1), ("view", "y", 2), ("view", "x", 3), ("view", "$other", 1)]


def test_compare_and_formula_and_unknowns(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0), view(0), view(1), Event("buy", START), Event("buy", START - 3 * DAY), view(-3), view(-2))
    answer = asked(store, [{"event": "buy"}, {"event": "view"}], formula="A/B*100", compare="previous")
    (line,) = answer.series
    assert (line.label, line.values, line.total) == ("A/B*100", [50, 0, None], 1 / 3 * 100)
    assert line.compare is not None
    assert (line.compare.values, line.compare.total) == ([100, 0, None], 50)
    shifted = asked(store, {"event": "view"}, compare={"shift": "-2d"}).series[0].compare
    assert shifted is not None
    assert shifted.values == [1, 0, 2]


def test_cumulative_and_smooth(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, "a", x=4), view(1, "a", x=-1), view(1, "b", x=7), view(3, "c", x=2))
    four = {"until": "2026-11-04", "cumulative": True}
    expected: dict[str, tuple[list[Any], Any]] = {
        "count": ([1, 3, 3, 4], 4),
        "users": ([1, 2, 2, 3], 3),
        "distinct": ([1, 3, 3, 4], 4),
        "sum": ([4, 10, 10, 12], 12),
        "avg": ([4, 10 / 3, 10 / 3, 3], 3),
        "min": ([4, -1, -1, -1], -1),
        "max": ([4, 7, 7, 7], 7),
        "median": ([4, 4, 4, 3], 3),
    }
    for measure, line in expected.items():
        series: dict[str, Any] = {"event": "view", "measure": measure}
        series |= {} if measure in ("count", "users") else {"property": "x"}
        assert values(asked(store, series, **four)) == line, measure
    smooth = asked(store, {"event": "view", "measure": "max", "property": "x"}, until="2026-11-04", smooth=2)
    assert values(smooth) == ([4, 5.5, 7, 2], 7), "an empty bucket is left out of the mean"
    assert values(asked(store, {"event": "view"}, until="2026-11-04", smooth=3)) == ([1, 1.5, 1, 1], 4)


def test_more_buckets_than_one_word_has_bits(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    hour = 3_600_000
    store.put(*(Event("view", START + n * hour, properties(c="x"), f"u{n // 61}") for n in range(0, 240, 3)))
    answer = asked(store, {"event": "view", "measure": "users"}, interval="hour", until="2026-11-10")
    assert values(answer) == ([1 if n < 240 and n % 3 == 0 else 0 for n in range(240)], 4)
    split = [{"property": "c"}]
    answer = asked(store, {"event": "view", "measure": "users"}, interval="hour", until="2026-11-10", breakdown=split)
    assert values(answer) == ([1 if n % 3 == 0 else 0 for n in range(240)], 4)


def test_persons_follow_links_as_far_as_as_of_knew_them(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, "anon"), view(0, "ada"), view(1, "anon"), view(2, "bob"), view(2, None))
    before = asked(store, {"event": "view", "measure": "users"})
    assert values(before) == ([2, 1, 1], 3)
    store.link("anon", "bob", START + 5)
    store.link("anon", "ada", START + 1)  # the earlier one counts
    after = asked(store, {"event": "view", "measure": "users"})
    assert values(after) == ([1, 1, 1], 2)
    assert values(asked(store, {"event": "view", "measure": "users"}, cumulative=True)) == ([1, 1, 2], 2)
    split = asked(store, {"event": "view", "measure": "users"}, breakdown=[{"property": "@user_id", "limit": 1}])
    assert [(s.breakdown, s.total) for s in split.series] == [(["ada"], 1), (["$other"], 2)]
    assert values(asked(store, {"event": "view", "measure": "users"}, as_of=before.as_of)) == values(before)


def test_as_of_hides_what_came_later(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, x=1.5))
    first = asked(store, {"event": "view", "measure": "sum", "property": "x"})
    store.put(view(0, x=2.5), view(1, x="no number"))
    again = asked(store, {"event": "view", "measure": "sum", "property": "x"}, as_of=first.as_of)
    assert (values(again), again.as_of, again.altered_by_erasure) == (values(first), first.as_of, False)
    assert values(asked(store, {"event": "view", "measure": "sum", "property": "x"})) == ([4, 0, 0], 4)
    store.tombstones += 1
    assert asked(store, {"event": "view"}, as_of=first.as_of).altered_by_erasure


@pytest.mark.parametrize("text", ["nonsense", "", "é", "AAAA", "=", "a" * 5000])
def test_an_as_of_of_nobody(empty: Callable[[], AnyStore], text: str) -> None:
    with pytest.raises(InvalidReport) as raised:
        asked(empty(), {"event": "view"}, as_of=text)
    assert raised.value.code == "invalid_as_of"


def test_an_as_of_of_the_future(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0))
    as_of = asked(store, {"event": "view"}).as_of
    with pytest.raises(InvalidReport, match="not given out by this server"):
        asked(empty(), {"event": "view"}, as_of=as_of)
    assert encode(decode(as_of)) == as_of


@pytest.mark.parametrize("pattern", ["(", "a**", "[", "(?=a)", "\\1", "a{5000}"])
def test_a_pattern_that_the_engine_cannot_read(empty: Callable[[], AnyStore], pattern: str) -> None:
    store = empty()
    filter_ = {"any": [{"property": "a", "op": "matches", "value": pattern}]}
    with pytest.raises(InvalidReport) as raised:
        asked(store, {"event": {"event_type": "view", "filters": [filter_]}})
    assert raised.value.code == "invalid_regex"
    assert repr(pattern) in raised.value.message


def test_a_dot_matches_no_newline(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, a="x\ny"), view(1, a="x-y"))
    answer = asked(store, {"event": "view"}, filters=[{"property": "a", "op": "matches", "value": "x.y"}])
    assert values(answer) == ([0, 1, 0], 1)


# --- forms ---------------------------------------------------------------------------------------


def test_a_property_that_changes_its_kind(empty: Callable[[], AnyStore]) -> None:
    """What was learned about a property holds only up to the events that were looked at."""
    store = empty()
    total: dict[str, Any] = {"event": "view", "measure": "sum", "property": "x"}
    for day, (x, expected) in enumerate(
        [(1, 1), (2.5, 3.5), (10**15, 1e15 + 3.5), ("7", 1e15 + 3.5), (True, 1e15 + 3.5)]
    ):
        store.put(view(0, x=x), view(0))
        assert values(asked(store, total))[1] == expected, day
        counts = asked(store, {"event": "view"}, breakdown=[{"property": "x"}]).series
        assert len(counts) == day + 2
    store.put(view(0, x={"y": 1}))
    counts = asked(store, {"event": "view"}, breakdown=[{"property": "x", "limit": 20}]).series
    assert ('{"y":1}', 1) in [(s.breakdown[0], s.total) for s in counts]


def test_rows_that_are_not_asked_about_cannot_fail_a_report(empty: Callable[[], AnyStore]) -> None:
    """A scan may cast values of rows that the filters drop: of other types of events, and of later ones."""
    store = empty()
    store.put(*(view(0, x=n) for n in range(5)), *(Event("buy", START, properties(x=f"t{n}")) for n in range(5)))
    total: dict[str, Any] = {"event": "view", "measure": "sum", "property": "x"}
    first = asked(store, total)
    assert values(first)[1] == 10
    store.put(view(0, x="late"))
    assert values(asked(store, total, as_of=first.as_of))[1] == 10


def changed(store: AnyStore) -> None:
    """The second event's `x` becomes a text."""
    if isinstance(store, MemoryStore):
        store.connection.execute('UPDATE events SET props = \'{"x": "2"}\'::JSON::VARIANT WHERE id = 2')
    else:
        change = 'UPDATE props = \'{"x":"2"}\' WHERE id = 2 SETTINGS mutations_sync = 1'
        store.client.command(f"ALTER TABLE {store.database}.events {change}")


def test_changed_rows_are_looked_at_again(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, x=1), view(0, x=2))
    total: dict[str, Any] = {"event": "view", "measure": "sum", "property": "x"}
    assert values(asked(store, total))[1] == 3
    changed(store)
    store.tombstones += 1
    assert values(asked(store, total))[1] == 1


# --- exact sums ----------------------------------------------------------------------------------

AMOUNTS = {
    "cents": [round(random.Random(1).random() * 1000, 2) for _ in range(3000)],
    "tiny and huge": [1e300, 1.0, -1e300, 1e-300, 5e-324, 1e16, 1.0, -1e16, 0.1] * 50,
    "cancelling": [x for n in range(1, 400) for x in (1e15 / n, -1e15 / n, 1e-9)],
    "whole": [float(n) for n in range(-500, 3000)],
    "milliseconds since 1970": [1.79e12 + n / 7 for n in range(2000)],
    "small": [n * 1e-9 for n in range(2000)],
    "zeros": [0.0, -0.0] * 10,
    "denormal": [5e-324] * 5 + [2.2250738585072014e-308],
}


@pytest.mark.parametrize("name", AMOUNTS)
@pytest.mark.parametrize("mixed", [False, True])
def test_sums_are_exact_in_any_order(empty: Callable[[], AnyStore], name: str, mixed: bool) -> None:
    amounts, dice = AMOUNTS[name], random.Random(7)
    expected = math.fsum(amounts)
    for _ in range(2):
        store = empty()
        store.put(*(view(0, x=x) for x in dice.sample(amounts, len(amounts))))
        if mixed:
            store.put(view(0, x="5"))
        answer = asked(store, [{"event": "view", "measure": m, "property": "x"} for m in ("sum", "avg")])
        assert values(answer) == ([expected, 0, 0], expected)
        assert values(answer, 1)[1] == pytest.approx(expected / len(amounts), rel=1e-15)


def test_a_sum_beyond_doubles_is_unknown(empty: Callable[[], AnyStore]) -> None:
    store = empty()
    store.put(view(0, x=1.7e308), view(0, x=1.7e308), view(1, x=3))
    assert values(asked(store, {"event": "view", "measure": "sum", "property": "x"})) == ([None, 3, 0], None)
