"""Odd questions of every kind: each gets a sensible answer, or a refusal that names the value and the rule.

Nothing else may come of any of them, and none may take long. Both engines where they could differ; `plan` refuses the
others before an engine is asked. Not here: what a kind alone refuses (its own tests of plans).
"""

import asyncio
import json
import time
from functools import cache
from typing import Any

import msgspec
import pytest

from evensplit.errors import EvensplitError, InvalidJson, InvalidReport
from evensplit.model.report import read
from evensplit.model.report.persons import PersonsQuestion
from evensplit.query.run.kinds import KINDS, Kind
from tests.unit.query.clickhouse_store import STORES, AnyStore
from tests.unit.query.memory_store import Event, MemoryStore, properties

START = 1_793_491_200_000  # 2026-11-01T00:00Z
MINUTE = 60_000
NOW = START + 10 * 86_400_000
LONGEST = 30.0  # seconds of this process's time, where a fault would take for ever
RANGE = {"since": "2026-11-01", "until": "2026-11-03"}
LEAST: dict[str, dict[str, Any]] = {"trend": {"series": [{"event": "@any"}]}, "funnel": {"steps": ["a", "b"]}}
CELL: dict[str, dict[str, Any]] = {
    "retention": {"cohort": "2026-11-01"},
    "paths": {"node": "1:a"},
    "lifecycle": {"bucket": "2026-11-01", "state": "new"},
    "stickiness": {"intervals": 1},
}
SPLIT = ("trend", "funnel", "retention")
EVERY = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
ENGINES = pytest.mark.parametrize("engine", STORES)


@cache
def nothing() -> MemoryStore:
    """A store without events."""
    return MemoryStore()


def ask(kind: Kind, store: AnyStore, **asked: Any) -> Any:
    """The answer, also read back from what is sent."""
    report = RANGE | LEAST.get(kind.name, {}) | asked
    began = time.process_time()
    answer = asyncio.run(kind.asked(store, json.dumps(report), NOW))
    assert time.process_time() - began < LONGEST
    return answer


def refused(kind: Kind, store: AnyStore, **asked: Any) -> EvensplitError:
    """What it is refused with."""
    with pytest.raises((InvalidReport, InvalidJson)) as raised:
        ask(kind, store, **asked)
    assert raised.value.status in (400, 422)
    assert raised.value.message
    return raised.value


def behind(kind: Kind, store: AnyStore, **asked: Any) -> int:
    """How many persons stand behind one of its numbers."""
    report = RANGE | LEAST.get(kind.name, {}) | asked
    question = read(PersonsQuestion, json.dumps({"report": report, "at": CELL.get(kind.name, {})}))
    return asyncio.run(kind.persons(store, question, NOW)).count


def everything(answer: Any) -> set[int | float | None]:
    """Every number of an answer."""
    found: set[int | float | None] = set()

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, inner in value.items():
                if name not in ("report", "as_of", "query_ms", "intervals", "edges"):
                    walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            found.add(value)

    walk(json.loads(msgspec.json.encode(answer)))
    return found


def steps_of(store: AnyStore) -> None:
    """Three people who go from a to b, some with properties."""
    for n in range(3):
        store.put(
            Event("a", START + n * MINUTE, properties(p="x" * n, n=n), f"u{n}"),
            Event("b", START + (n + 5) * MINUTE, properties(p={"k": [n]}), f"u{n}"),
        )


class Stores(dict[str, AnyStore]):
    """One store an engine, made when it is asked for, with the same few events, for questions that change nothing."""

    def __missing__(self, engine: str) -> AnyStore:
        self[engine] = STORES[engine]()
        steps_of(self[engine])
        return self[engine]


@pytest.fixture(scope="module")
def stores() -> Stores:
    return Stores()


# --- nothing there --------------------------------------------------------------------------------


@EVERY
@ENGINES
def test_an_empty_store(engine: str, kind: Kind) -> None:
    store = STORES[engine]()
    assert everything(ask(kind, store)) <= {0, None}
    assert behind(kind, store) == 0


@EVERY
@ENGINES
def test_a_range_in_which_nothing_happened(stores: Stores, engine: str, kind: Kind) -> None:
    store = stores[engine]
    assert everything(ask(kind, store, since="1900-01-01", until="1900-01-03")) <= {0, None}
    assert everything(ask(kind, store, since="2190-01-01", until="2190-01-03")) <= {0, None}


@EVERY
@ENGINES
def test_a_property_that_nothing_has(stores: Stores, engine: str, kind: Kind) -> None:
    """Not set anywhere: nothing passes, or everything does, and there is one line of it."""
    store, whole = stores[engine], ask(kind, stores[engine])
    unknown = {"property": "nobody's", "op": "eq", "value": 1}
    assert everything(ask(kind, store, filters=[unknown])) <= {0, None}
    found = ask(kind, store, filters=[{**unknown, "op": "ne"}])
    assert everything(found) == everything(whole)
    if kind.name in SPLIT:
        parts = parted(kind, ask(kind, store, breakdown=[{"property": "nobody's"}]))
        assert list(parts) == [(None, False)]
    if kind.name == "paths":
        assert ask(kind, store, by="nobody's").links == []
    if kind.name == "funnel":
        assert [step.users for step in ask(kind, store, hold=["nobody's"]).steps] == [0, 0]


# --- ranges and zones -----------------------------------------------------------------------------


@EVERY
@pytest.mark.parametrize(
    ("since", "until", "code"),
    [
        ("2026-11-03", "2026-11-02", "since_after_until"),
        ("2026-11-03T00:00Z", "2026-11-03T00:00Z", "since_after_until"),
        ("now", "-1d", "since_after_until"),
        ("9999-12-31", None, "invalid_time"),
        ("0001-01-01", None, "invalid_time"),
        ("10000-01-01", None, "invalid_time"),
        ("-99999y", None, "invalid_time"),
        ("-99999m", None, "invalid_time"),
        ("-100000d", None, "invalid_time"),
        ("2026-02-30", None, "invalid_time"),
        ("2026-01-01T25:00:00Z", None, "invalid_time"),
        ("0000-00-00", None, "invalid_time"),
        ("", None, "invalid_time"),
        ("yesterday\0", None, "invalid_time"),
        ("٢٠٢٦-١١-٠١", None, "invalid_time"),
        ("1" * 10_000, None, "invalid_time"),
        ("1899-12-30T00:00:00Z", None, "invalid_time"),
    ],
)
def test_odd_times(kind: Kind, since: str, until: str | None, code: str) -> None:
    error = refused(kind, nothing(), since=since, until=until or "2026-11-03")
    assert error.code == code
    assert repr(since)[1:-1] in error.message or "year" in error.message, "the value is named"


@EVERY
def test_three_centuries(kind: Kind) -> None:
    """A bucket a day are too many for some kinds; a bucket a month are not."""
    asked = {"since": "1900-01-01", "until": "2199-12-30"}
    if kind.name in ("paths", "funnel"):
        assert everything(ask(kind, nothing(), **asked)) <= {0, None}
    else:
        assert refused(kind, nothing(), **asked).code == "too_many_buckets"
    if kind.name in ("trend", "stickiness", "sessions"):
        lists: dict[str, Any] = {"tops": []} if kind.name == "sessions" else {}
        assert everything(ask(kind, nothing(), **asked, **lists, interval="month")) <= {0, None}


# --- filters --------------------------------------------------------------------------------------


@EVERY
@ENGINES
@pytest.mark.parametrize("pattern", ["(", "[a", "*", r"(a)\1", "(?<=a)b", "a{1001}", "(?P<n", "\\"])
def test_a_pattern_that_does_not_compile(stores: Stores, engine: str, kind: Kind, pattern: str) -> None:
    filters = [
        {"property": "p", "op": "matches", "value": "^fine$"},
        {"any": [{"property": "@event_type", "op": "matches", "value": pattern}]},
    ]
    error = refused(kind, stores[engine], filters=filters)
    assert (error.code, repr(pattern) in error.message) == ("invalid_regex", True)


@ENGINES
@pytest.mark.parametrize("pattern", ["(a+)+$", "^(a|aa)+$", "(.*)*x$", "(a*)*b", "(x+x+)+y", "(?:a{1,30}){1,30}$"])
def test_a_pattern_that_would_run_for_ever(engine: str, pattern: str) -> None:
    """Where every way is tried, each of these takes longer than the world will stand."""
    store = STORES[engine]()
    store.put(
        Event("a", START, properties(p="a" * 30_000 + "!"), "u1"),
        Event("a", START, properties(p="x" * 30_000), "u2"),
        Event("a", START, properties(p="aaxxy" if pattern == "(x+x+)+y" else "aax" if "x$" in pattern else "aab"), "u3")
        if pattern in ("(.*)*x$", "(a*)*b", "(x+x+)+y")
        else Event("a", START, properties(p="aaaa"), "u3"),
    )
    (trend,) = (kind for kind in KINDS if kind.name == "trend")
    filters = [{"property": "p", "op": "matches", "value": pattern}]
    (line,) = ask(trend, store, filters=filters).series
    assert line.total == (2 if pattern == "(.*)*x$" else 1)


@EVERY
@ENGINES
def test_filters_within_filters(stores: Stores, engine: str, kind: Kind) -> None:
    def nested(depth: int) -> dict[str, Any]:
        found: dict[str, Any] = {"property": "p", "op": "is_set"}
        for n in range(depth):
            found = {"any" if n % 2 else "all": [found]}
        return found

    assert everything(ask(kind, stores[engine], filters=[nested(30)]))
    error = refused(kind, stores[engine], filters=[nested(200)])
    assert (error.code, "32" in error.message) == ("invalid_filter", True)
    deep = json.dumps(RANGE | LEAST.get(kind.name, {}) | {"filters": []})
    for levels in (1_000, 20_000):
        raw = deep.replace('"filters": []', '"filters": ' + '[{"all": ' * levels + "[]" + "}]" * levels)
        with pytest.raises(InvalidReport) as raised:
            asyncio.run(kind.asked(stores[engine], raw, NOW))
        assert raised.value.status == 422


@EVERY
@ENGINES
def test_many_filters(stores: Stores, engine: str, kind: Kind) -> None:
    store = stores[engine]
    error = refused(kind, store, filters=[{"property": "p", "op": "ne", "value": n} for n in range(5_000)])
    assert (error.code, "more than 200" in error.message) == ("invalid_filter", True)
    some = [{"property": "p", "op": "ne", "value": f"v{n}"} for n in range(50)]
    assert everything(ask(kind, store, filters=some)) == everything(ask(kind, store))
    many = [{"property": "p", "op": "not_in", "value": [f"v{n}" for n in range(10_000)]}]
    assert everything(ask(kind, store, filters=many)) == everything(ask(kind, store))
    error = refused(kind, store, filters=[{**many[0], "value": [*many[0]["value"], "x"]}])
    assert "10000" in error.message


@EVERY
def test_an_unknown_cohort(stores: Stores, kind: Kind) -> None:
    error = refused(kind, stores["duckdb"], cohort="nobody's")
    assert (error.code, "nobody's" in error.message) == ("unknown_cohort", True)


# --- names ----------------------------------------------------------------------------------------

ODD_NAMES = ["\0", "a\0b", "\x7f", "\u200b", "\U0001f984" * 50, "'; --", "a.b", "$", "?", "{}", "\\", "%"]


@EVERY
@ENGINES
def test_odd_names(stores: Stores, engine: str, kind: Kind) -> None:
    """As a value, a property, a path, and the name of an event: nothing has them."""
    for name in ODD_NAMES if engine == "duckdb" else ODD_NAMES[:3]:
        filters = [
            {"property": "p", "op": "eq", "value": name},
            {"property": name, "op": "contains", "value": name},
            {"property": [name, name], "op": "in", "value": [name]},
            {"property": "@event_type", "op": "eq", "value": name},
        ]
        assert everything(ask(kind, stores[engine], filters=filters)) <= {0, None}


@EVERY
@pytest.mark.parametrize("name", ['"\\ud800"', '"\\udc00\\ud800"', '"a\\ud83e"'])
def test_half_a_character(kind: Kind, name: str) -> None:
    """A lone surrogate is no text that could be stored or sent back."""
    report = json.dumps(RANGE | LEAST.get(kind.name, {}) | {"filters": [{"property": "p", "op": "eq", "value": "X"}]})
    for raw in (report.replace('"X"', name), report.replace('"p"', name), report.replace('"2026-11-01"', name)):
        with pytest.raises((InvalidJson, InvalidReport)) as raised:
            asyncio.run(kind.asked(nothing(), raw, NOW))
        assert raised.value.status in (400, 422)


# --- limits ---------------------------------------------------------------------------------------

LIMITS: list[Any] = [0, -1, 1_001, 10**18, 10**30, 1.5, "10", True, None, []]


@EVERY
@pytest.mark.parametrize("limit", LIMITS, ids=repr)
def test_limits(kind: Kind, limit: Any) -> None:
    asked: dict[str, Any] = {"limit": limit}
    if kind.name in SPLIT:
        asked = {"breakdown": [{"property": "p", "limit": limit}]}
    error = refused(kind, nothing(), **asked)
    if isinstance(limit, int) and not isinstance(limit, bool) and limit < 2**63 and kind.name in (*SPLIT, "paths"):
        assert (error.code, f"limit {limit}" in error.message) == ("invalid_limit", True)
    else:
        assert error.code in ("invalid_report", "invalid_limit"), error.message


@pytest.mark.parametrize(
    ("count", "order", "fine"),
    [(1, "ordered", True), (1, "any", True), (20, "ordered", True), (20, "strict", True), (8, "any", True),
     (0, "ordered", False), (21, "strict", False), (40, "ordered", False), (41, "ordered", False), (9, "any", False)],
)  # fmt: skip
def test_lists_of_steps(stores: Stores, count: int, order: str, fine: bool) -> None:
    (funnel,) = (kind for kind in KINDS if kind.name == "funnel")
    asked = {"steps": ["a"] * count, "order": order}
    if not fine:
        error = refused(funnel, stores["duckdb"], **asked)
        assert (error.code, f"not {count}" in error.message) == ("invalid_steps", True)
        return
    steps = ask(funnel, stores["duckdb"], **asked).steps
    assert [step.users for step in steps] == [3] + [0] * (count - 1), "one event serves one step"


@pytest.mark.clickhouse
@pytest.mark.parametrize(("count", "order"), [(1, "any"), (20, "ordered"), (20, "strict"), (4, "any")])
def test_long_lists_of_steps_on_clickhouse(stores: Stores, count: int, order: str) -> None:
    (funnel,) = (kind for kind in KINDS if kind.name == "funnel")
    steps = ask(funnel, stores["clickhouse"], steps=["a"] * count, order=order).steps
    assert [step.users for step in steps] == [3] + [0] * (count - 1)


@pytest.mark.parametrize("window", ["0d", "0s", "", "d", "-1d", "1.5d", "1e3s", "99999999999s", "14 d", "1m\0", "١d"])
def test_windows_of_nothing(window: str) -> None:
    (funnel,) = (kind for kind in KINDS if kind.name == "funnel")
    error = refused(funnel, nothing(), window=window)
    assert (error.code, repr(window) in error.message) == ("invalid_window", True)


# --- values of a breakdown ------------------------------------------------------------------------


def parted(kind: Kind, answer: Any) -> dict[tuple[str | None, bool], int]:
    """Of each value (and whether it is the rest) the first number: events, who came to step 1, the cohorts' sizes."""
    if kind.name == "trend":
        return {(line.breakdown[0], line.rest[0]): line.total for line in answer.series}
    if kind.name == "funnel":
        return {(part.breakdown[0], part.rest[0]): part.steps[0].users for part in answer.breakdowns}
    return {(part.breakdown[0], part.rest[0]): part.total.size for part in answer.breakdowns}


@pytest.mark.parametrize("engine", STORES)
def test_ten_thousand_values(engine: str) -> None:
    """Value n occurs with as many people as it has digits, so the first are known; the rest is exact."""
    store = STORES[engine]()
    people = [(n, who) for n in range(10_000) for who in range(len(str(n)))]
    store.put(*(Event("a", START + n % 1000, f'{{"p":"v{n}"}}', f"u{n}-{who}") for n, who in people))
    assert len(people) == 38_890
    for kind in KINDS:
        if kind.name not in SPLIT:
            continue
        asked: dict[str, Any] = {"steps": ["a"]} if kind.name == "funnel" else {}
        for limit in (1, 1_000):
            breakdown = [{"property": "p", "limit": limit}]
            found = parted(kind, ask(kind, store, breakdown=breakdown, **asked))
            first = sorted(f"v{n}" for n in range(1_000, 10_000))[:limit]
            assert found == {(value, False): 4 for value in first} | {("$other", True): 38_890 - 4 * limit}, kind.name


@pytest.mark.parametrize("engine", STORES)
def test_values_that_are_objects(engine: str) -> None:
    """They come as compact JSON, and equal ones together, in whatever order their keys were written."""
    store = STORES[engine]()
    texts = ['{"p":{"b":1.0,"a":[true,null,"é"]}}', '{"p": {"a": [true, null, "é"], "b": 1}}', '{"p":{}}', '{"p":[]}']
    store.put(*(Event("a", START, text, f"u{n}") for n, text in enumerate(texts)), Event("a", START, "{}", "u9"))
    expected = {('{"a":[true,null,"é"],"b":1}', False): 2, ("{}", False): 1, ("[]", False): 1, (None, False): 1}
    for kind in KINDS:
        if kind.name in SPLIT:
            asked: dict[str, Any] = {"steps": ["a"]} if kind.name == "funnel" else {}
            assert parted(kind, ask(kind, store, breakdown=[{"property": "p"}], **asked)) == expected, kind.name
        if kind.name == "paths":
            nodes = ask(kind, store, by="p").nodes
            assert {(node.value, False): node.users for node in nodes} | {(None, False): 1} == expected
