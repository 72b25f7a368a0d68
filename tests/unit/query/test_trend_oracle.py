"""Trends over generated events, held against the oracle: random measures, filters, breakdowns, zones, intervals."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from evensplit.model.report import read
from evensplit.model.report.trend import Trend
from evensplit.query.run.trend import run
from tests.unit.examples import some
from tests.unit.query import trend_oracle, worlds
from tests.unit.query.clickhouse_store import AnyStore, ClickhouseStore
from tests.unit.query.memory_store import Event, MemoryStore

NOW = 1_900_000_000_000
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ZONES = ["UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "America/Havana"]
# Days around changes of the clock: Berlin and New York both ways, São Paulo at midnight both ways; and a plain one.
DAYS = ["2026-03-29", "2026-10-25", "2026-11-01", "2018-11-04", "2018-02-18", "2025-11-02", "2026-06-15"]
TEXT_VALUES = [
    '"DE"', '"FR"', '""', '"$other"', '"5"', "true", "false", '"true"', "null", '"e"', '"12.0"', '"[1.0]"',
    '"é\'\\"%_"', '"a\\u0000b"', '"\\ud83e\\udd84"',
]  # fmt: skip
NUMBER_VALUES = [
    "5", "5.0", "5e0", "null", "0.1", "0.2", "-0.0", "0", "1e21", "1e-7", "-3.25", "1e300", "5e-324", "12.75",
    "123456789012345680000", "9007199254740993", "18446744073709551615", "-9223372036854775808",
]  # fmt: skip
NESTED_VALUES = ["[1,2]", '[1.0,"1.0]"]', '{"b":1.0,"a":"x"}', "{}", "[-0.0,null]"]
POOLS = [TEXT_VALUES, NUMBER_VALUES, TEXT_VALUES + NUMBER_VALUES + NESTED_VALUES]
PROPERTIES = ["p", "q", "a.b", ["deep", "p"], "@event_type", "@user_id"]
NUMERIC = ["sum", "avg", "min", "max", "median", "p90", "p99"]


@st.composite
def documents(draw: st.DrawFn, values: list[str]) -> str:
    parts = [f'"{name}":{draw(st.sampled_from(values))}' for name in ("p", "q", "a.b") if draw(st.booleans())]
    if draw(st.booleans()):
        parts.append(f'"deep":{{"p":{draw(st.sampled_from(values))}}}')
    return "{" + ",".join(parts) + "}"


SCALARS = st.sampled_from([json.loads(raw) for raw in TEXT_VALUES + NUMBER_VALUES if raw != "null"])
TEXTS = SCALARS.filter(lambda value: isinstance(value, str))
NUMBERS = SCALARS.filter(lambda value: not isinstance(value, str | bool))


@st.composite
def comparisons(draw: st.DrawFn) -> dict[str, Any]:
    found: dict[str, Any] = {"property": draw(st.sampled_from(PROPERTIES))}
    kind = draw(st.sampled_from(["one", "many", "text", "order", "between", "set", "matches"]))
    if kind == "set":
        return found | {"op": draw(st.sampled_from(["is_set", "is_not_set"]))}
    if kind == "one":
        return found | {"op": draw(st.sampled_from(["eq", "ne"])), "value": draw(SCALARS)}
    if kind == "many":
        return found | {"op": draw(st.sampled_from(["in", "not_in"])), "value": draw(st.lists(SCALARS, max_size=3))}
    if kind == "matches":
        return found | {"op": "matches", "value": draw(st.sampled_from(["^D", "5$", r"\d+", "a.b", "[{]", "é|e"]))}
    values = draw(st.sampled_from([TEXTS, NUMBERS]))
    if kind == "order":
        return found | {"op": draw(st.sampled_from(["gt", "gte", "lt", "lte"])), "value": draw(values)}
    if kind == "between":
        return found | {"op": "between", "value": [draw(values), draw(values)]}
    ops = st.sampled_from(["contains", "not_contains", "starts_with", "ends_with"])
    return found | {
        "op": draw(ops),
        "value": draw(st.sampled_from(["D", "5", "", "e", ".", "%", "true", "[", 5, 1e21])),
    }


FILTERS = st.lists(
    st.recursive(
        comparisons(),
        lambda parts: st.builds(
            lambda name, of: {name: of}, st.sampled_from(["all", "any"]), st.lists(parts, max_size=3)
        ),
        max_leaves=3,
    ),
    max_size=2,
)


@st.composite
def reports(draw: st.DrawFn) -> tuple[dict[str, Any], datetime, datetime]:
    zone, first = draw(st.sampled_from(ZONES)), datetime.fromisoformat(draw(st.sampled_from(DAYS)))
    since = first - timedelta(days=draw(st.integers(0, 2)), hours=draw(st.sampled_from([0, 0, 0, 7])))
    until = first + timedelta(days=draw(st.integers(1, 3)))
    low, high = (at.replace(tzinfo=trend_oracle.zone(zone)).astimezone(UTC) for at in (since, until))
    measure = draw(st.sampled_from(["count", "count", "users", "users", "sessions", "distinct", *NUMERIC]))
    series: dict[str, Any] = {
        "event": {"event_type": draw(st.sampled_from(["view", "buy", "@any"])), "filters": draw(FILTERS)},
        "measure": measure,
    }
    if measure in NUMERIC or measure == "distinct":
        series["property"] = draw(st.sampled_from(PROPERTIES[: 4 if measure in NUMERIC else 6]))
    split = st.builds(
        lambda name, limit: {"property": name, "limit": limit}, st.sampled_from(PROPERTIES), st.integers(1, 3)
    )
    report = {
        "series": [series],
        "since": low.isoformat(),
        "until": high.isoformat(),
        "timezone": zone,
        "interval": draw(st.sampled_from(["hour", "day", "day", "week", "month"])),
        "week_start": draw(st.sampled_from(["monday", "sunday"])),
        "filters": draw(FILTERS),
        "breakdown": draw(st.lists(split, max_size=2)),
        "cumulative": draw(st.booleans()),
    }
    return report, low, high


@st.composite
def cases(draw: st.DrawFn, many: bool = False) -> tuple[dict[str, Any], datetime, datetime, list[Event]]:
    """`many`: of many worlds at once."""
    report, low, high = draw(reports())
    first, last = (int((at - EPOCH) / timedelta(milliseconds=1)) for at in (low, high))
    hours = st.integers(-2, (last - first) // 3_600_000 + 2).map(lambda n: first + n * 3_600_000)
    times = st.builds(lambda at, off: at + off, hours, st.sampled_from([0, 0, -1, 1, 1_800_000, 123_456]))
    pool = draw(st.sampled_from(POOLS))
    event = st.builds(
        Event,
        event_type=st.sampled_from(["view", "buy"]),
        at=times,
        properties=st.one_of(*[documents(pool)] * 3, st.none()),
        user_id=st.sampled_from(["u1", "u2", "u3", None]),
        session_id=st.sampled_from(["s1", "s2", None]),
    )
    if many:
        return worlds.split(report), low, high, draw(worlds.several(st.lists(event, max_size=8)))
    return report, low, high, draw(st.lists(event, max_size=25))


Case = tuple[dict[str, Any], datetime, datetime, list[Event]]
SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]


@settings(max_examples=some(50), deadline=None, suppress_health_check=SLOW)
@given(cases())
def test_a_trend_is_what_counting_by_hand_gives(case: Case) -> None:
    holds(case, MemoryStore())


@settings(max_examples=some(20), deadline=None, suppress_health_check=SLOW)
@given(cases())
def test_and_so_it_is_over_properties_kept_as_columns(case: Case) -> None:
    with TemporaryDirectory() as directory:
        store = MemoryStore(Path(directory) / "columns.duckdb")
        holds(case, store)
        store.connection.close()


@settings(max_examples=some(15), deadline=None, suppress_health_check=SLOW)
@given(cases())
def test_and_so_it_is_on_clickhouse(case: Case) -> None:
    holds(case, ClickhouseStore())


@settings(max_examples=some(20), deadline=None, suppress_health_check=SLOW)
@given(cases(many=True))
def test_and_so_it_is_in_many_worlds_on_clickhouse(case: Case) -> None:
    holds(case, ClickhouseStore())


def holds(case: Case, store: AnyStore) -> None:
    report, low, high, events = case
    store.put(*events)
    answer = asyncio.run(run(store, read(Trend, json.dumps(report)), NOW))
    buckets, expected = trend_oracle.trend(events, report, low, high)
    assert answer.buckets == buckets
    found = {
        tuple(trend_oracle.OTHER if rest else value for value, rest in zip(s.breakdown, s.rest, strict=True)): s
        for s in answer.series
    }
    assert set(found) == set(expected)
    interpolated = report["series"][0]["measure"] in ("median", "p90", "p99")
    for place, (values, total) in expected.items():
        numbers, wanted = [*found[place].values, found[place].total], [*values, total]
        if interpolated:
            assert [n is None for n in numbers] == [n is None for n in wanted], place
            numbers, wanted = [n or 0 for n in numbers], [pytest.approx(n or 0, rel=1e-9) for n in wanted]
        assert numbers == wanted, place
