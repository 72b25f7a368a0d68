"""What travels to ClickHouse: values as parameters, properties as columns; all of it comes back as it was."""

import asyncio
import json
import random
import struct
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit.model.numbers import number_text
from evensplit.query.conditions import Property
from evensplit.query.dialect import speak
from evensplit.query.dialect.clickhouse.aggregates import ClickhouseAggregates
from evensplit.query.dialect.clickhouse.values import number_text as number_text_sql
from evensplit.query.fragment import Fragment
from evensplit.storage.clickhouse.binding import Name, bound
from evensplit.storage.clickhouse.properties import NOTHING, columns, path
from tests.unit.examples import some
from tests.unit.query import trend_oracle
from tests.unit.query.clickhouse_store import ClickhouseStore
from tests.unit.query.memory_store import Event

STRANGE = [
    "'",
    '"',
    "`",
    "\\",
    "\\'",
    "\x00",
    "\n",
    "\t",
    "\r",
    "\x1b",
    "\x7f",
    "é",
    "\U0001f984",
    "{p0:String}",
    "?",
    "%s",
    "",
]
TEXTS = st.one_of(st.sampled_from(STRANGE), st.text(st.characters(exclude_categories=["Cs"]), max_size=8))
NUMBERS = st.one_of(st.integers(-(2**70), 2**70), st.floats(allow_nan=False, allow_infinity=False))
SCALARS = st.one_of(TEXTS, NUMBERS, st.booleans(), st.none())
KEYS = st.one_of(
    TEXTS, st.sampled_from(["p", "a.b", "a", "b", "a%2Eb", "x y", "$z", "^p", "p[]", "p.:Float64", "0", "-"])
)
DOCUMENTS = st.dictionaries(
    KEYS,
    st.recursive(SCALARS, lambda of: st.lists(of, max_size=3) | st.dictionaries(KEYS, of, max_size=3), max_leaves=5),
    max_size=4,
)


@pytest.fixture(scope="module")
def store() -> ClickhouseStore:
    return ClickhouseStore()


def came_back(store: ClickhouseStore, *values: object) -> list[object]:
    sql = "SELECT " + ", ".join("?" * len(values))
    ((*found,),) = asyncio.run(store.query(sql, values))
    return found


@settings(max_examples=some(40))
@given(st.lists(SCALARS, min_size=1, max_size=5))
def test_values_come_back(values: list[object]) -> None:
    store = ClickhouseStore()
    assert came_back(store, *values) == values
    texts = [value for value in values if isinstance(value, str)]
    assert came_back(store, texts, [*texts, None]) == [texts, [*texts, None]]


@pytest.mark.parametrize("text", STRANGE)
def test_odd_characters(store: ClickhouseStore, text: str) -> None:
    assert came_back(store, text, [text, None]) == [text, [text, None]]


def test_instants(store: ClickhouseStore) -> None:
    at = datetime(2026, 11, 1, 10, 11, 12, 345000)
    found = came_back(store, at, at.replace(tzinfo=UTC), at.replace(microsecond=1))
    assert [str(each).removesuffix("+00:00") for each in found] == [str(at), str(at), str(at.replace(microsecond=1))]


@pytest.mark.parametrize(
    ("values", "types"),
    [
        ([1, -1, 2**63, 2**64, 2**127], ["Int64", "Int64", "UInt64", "Int128", "Int256"]),
        ([1.5, True, "a", None], ["Float64", "Bool", "String", "Nullable(String)"]),
        ([["a"], [], [None], [1, 2**64], [0.5, None]],
         ["Array(String)", *["Array(Nullable(String))"] * 2, "Array(Int256)", "Array(Nullable(Float64))"]),
        ([Name("a b")], ["Identifier"]),
    ],
)  # fmt: skip
def test_types(values: list[object], types: list[str]) -> None:
    sql, parameters = bound(", ".join("?" * len(values)), values)
    assert sql == ", ".join(f"{{p{n}:{kind}}}" for n, kind in enumerate(types))
    assert len(parameters) == len(values)


def test_marks_in_quotes_are_text() -> None:
    assert bound("a = '?' AND `?` = ? AND 'it\\'s ?' = ?", [1, 2])[0] == (
        "a = '?' AND `?` = {p0:Int64} AND 'it\\'s ?' = {p1:Int64}"
    )


@pytest.mark.parametrize("values", [[], [1, 2]])
def test_as_many_values_as_marks(values: list[object]) -> None:
    with pytest.raises(ValueError, match="marks"):
        bound("SELECT ?", values)


def test_what_is_no_value() -> None:
    with pytest.raises(TypeError):
        bound("?", [object()])
    with pytest.raises(TypeError):
        bound("?", [["a", 1]])


def test_properties_as_columns() -> None:
    found = columns('{"a":1,"a":2,"b":"x","c.d":true,"e":{"f":{},"g":[1.0,null]},"h":null,"i":123456789012345680000}')
    assert json.loads(found.props) == {"a": 2.0, "b": "x", "i": 123456789012345680000.0}
    assert found.texts == {
        "c\\.d": "btrue", "e": 'o{"f":{},"g":[1,null]}', "e.f": "o{}", "e.g": "a[1,null]",
    }  # fmt: skip
    assert columns(None) == NOTHING


@pytest.mark.parametrize(
    "text", ["", "[]", "5", "{", '{"a":1e400}', '{"a":{"b":' + "9" * 400 + "}}", '{"a":"\\ud800"}']
)
def test_what_is_no_object(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - of any wording
        columns(text)


def test_paths_are_never_the_same() -> None:
    paths = [("a", "b"), ("a.b",), ("a\\", "b"), ("a\\.b",), ("a\\b",), ("a", "", "b"), ("", "a"), (".a",), ("",)]
    assert len({path(keys) for keys in paths}) == len(paths)


@settings(max_examples=some(20))
@given(st.lists(DOCUMENTS, min_size=1, max_size=4), st.data())
def test_text_forms_and_numbers(documents: list[dict[str, object]], data: st.DataObject) -> None:
    """Of every value at the top and one level below, as in the oracle of trends."""
    store = ClickhouseStore()
    events = [Event("view", 0, json.dumps(document)) for document in documents]
    store.put(*events)
    keys = data.draw(st.sampled_from([*{(k,) for d in documents for k in d}, *_below(documents), ("p",)]))
    values, of = speak("clickhouse", {}).values, Property(keys)
    text, number, there = values.text(of), values.number(of), values.is_set(of)
    sql = f"SELECT {text.sql}, {number.sql}, {there.sql} FROM events ORDER BY id"
    found = asyncio.run(store.query(sql, (*text.values, *number.values, *there.values)))
    for event, (shown, numeric, is_set) in zip(events, found, strict=True):
        value = trend_oracle.value_of(event, list(keys))
        wanted = trend_oracle.text(value)
        assert numeric == (float(value) if trend_oracle.is_number(value) else None)
        assert bool(is_set) == (wanted is not None)
        if not isinstance(value, dict | list):
            assert shown == wanted
        else:
            assert isinstance(shown, str)
            assert json.loads(shown) == json.loads(wanted or "")


def _below(documents: list[dict[str, object]]) -> set[tuple[str, ...]]:
    return {(key, inner) for d in documents for key, of in d.items() if isinstance(of, dict) for inner in of}


def test_numbers_are_printed_as_javascript_does(store: ClickhouseStore) -> None:
    dice = random.Random(11)
    doubles = [struct.unpack("<d", dice.randbytes(8))[0] for _ in range(20_000)]
    finite = [x for x in doubles if x == x and abs(x) != float("inf")]
    finite += [x for e in range(-30, 30) for x in (10.0**e, -(10.0**e), 1.5 * 10.0**e)] + [0.0, -0.0, 5e-324, 0.1 + 0.2]
    rows = asyncio.run(store.query(f"SELECT {number_text_sql('x')} FROM (SELECT arrayJoin(?) AS x)", [finite]))
    assert [text for (text,) in rows] == [number_text(x) for x in finite]


def test_whole_numbers_are_exact_both_ways(store: ClickhouseStore) -> None:
    dice = random.Random(12)
    doubles = [float(dice.getrandbits(53) << dice.randrange(42)) * dice.choice((1, -1)) for _ in range(5_000)]
    aggregates = ClickhouseAggregates()
    whole = aggregates.multiple("x", Fragment("?", (1.0,)))
    sql = f"SELECT {whole.sql} FROM (SELECT arrayJoin(?) AS x)"
    rows = asyncio.run(store.query(sql, [*whole.values, doubles]))
    assert [value for (value,) in rows] == [int(x) for x in doubles]
    total = aggregates.total("s", "e")
    wholes = f"SELECT x, {whole.sql} AS s, 0 AS e FROM (SELECT arrayJoin(?) AS x)"
    back = f"SELECT {total} FROM ({wholes}) GROUP BY x ORDER BY x"
    rows = asyncio.run(store.query(back, [*whole.values, doubles]))
    assert [value for (value,) in rows] == pytest.approx(sorted(set(doubles)), rel=3e-16)
