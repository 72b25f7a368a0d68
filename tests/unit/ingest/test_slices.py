"""The scanner cuts text exactly where JSON would, whatever stands between, and in linear time."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit.errors import InvalidJson, TooLarge
from evensplit.ingest import slices
from tests.unit.examples import some

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner), max_leaves=6
)
BROKEN = b"!"  # added as an element, it makes the whole no JSON, so that the scanner and not the parser has to cut


@settings(max_examples=some(13))
@given(st.lists(VALUES, max_size=5), st.sampled_from([None, 1]))
def test_elements_are_what_json_says(values: list[object], indent: int | None) -> None:
    text = json.dumps(values, indent=indent).encode()
    assert [msgspec.json.decode(piece) for piece in slices.elements(text, 1_000)] == msgspec.json.decode(text)


@settings(max_examples=some(13))
@given(st.lists(VALUES, max_size=5))
def test_the_scanner_cuts_as_the_parser_does(values: list[object]) -> None:
    texts = [json.dumps(value, ensure_ascii=False).encode() for value in values]
    assert slices.elements(b"[ " + b" ,\n".join([*texts, BROKEN]) + b" ]", 1_000) == [*texts, BROKEN]


@settings(max_examples=some(13))
@given(st.dictionaries(st.text(max_size=3), VALUES, max_size=5))
def test_members_are_what_json_says(values: dict[str, object]) -> None:
    found = slices.members(json.dumps(values, indent=1).encode())
    assert {key: msgspec.json.decode(value) for key, value in found} == values


@given(st.binary())
def test_any_bytes_are_cut_or_refused(text: bytes) -> None:
    for cut in (slices.members, lambda whole: slices.elements(whole, 10)):
        try:
            cut(b"{" + text)
        except (InvalidJson, TooLarge):
            pass


@pytest.mark.parametrize("text", [b"[", b'["', b"[1", b"[[]", b'["a]', b"[1]]", b"[1] 2", b"{}{}", b'{"a":1}, '])
def test_open_ends_are_refused(text: bytes) -> None:
    with pytest.raises(InvalidJson):
        slices.elements(text, 10)


def test_the_number_of_elements_is_bounded() -> None:
    assert len(slices.elements(b"[" + b",".join([b"!"] * 10) + b"]", 10)) == 10
    for text in (b"[" + b",".join([b"1"] * 11) + b"]", b"[" + b",".join([b"!"] * 11) + b"]"):
        with pytest.raises(TooLarge):
            slices.elements(text, 10)


def test_lines_keep_their_numbers() -> None:
    assert list(slices.lines(b"a\r\n\n \n b\nc", 3)) == [(0, b"a"), (3, b"b"), (4, b"c")]
    with pytest.raises(TooLarge):
        list(slices.lines(b"a\nb\nc", 2))


@pytest.mark.parametrize(
    "text",
    [b"[" * 300_000, b"[{" * 150_000, b'["' * 300_000, b"[[]" + b",[[[[[]]]]]" * 30_000, b"[!" + b"," * 300_000],
    ids=["open", "mixed", "quotes", "deep", "commas"],
)
def test_hostile_text_costs_no_more_than_its_length(text: bytes) -> None:
    start = time.process_time()
    with pytest.raises((InvalidJson, TooLarge)):
        slices.elements(text, 10_000)
    assert time.process_time() - start < 10, "a quadratic scan would take hours"


@pytest.mark.parametrize(
    ("text", "deep"), [("1", 0), ("{}", 1), ('{"a": [1, {"b": "]}[{"}]}', 3), ('"[[["', 0), ("[" * 40, 17)]
)
def test_depth(text: str, deep: int) -> None:
    assert slices.depth(text, 16) == deep


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        (r'"\ud83d\ude00"', None),
        (r'"\\ud800"', None),
        (r'"\ud800"', r'"\ufffd"'),
        (r'"\udc00\ud800\udc00"', r'"\ufffd\ud800\udc00"'),
        (r'"\\\uD800x"', r'"\\\ufffdx"'),
    ],
)
def test_mended(text: str, whole: str | None) -> None:
    assert slices.mended(text) == whole


@pytest.mark.parametrize(
    ("text", "overlong"),
    [
        ('{"a": 1}', False),
        ('{"a": ' + "9" * 308 + "}", False),
        ('{"a": 1' + "0" * 308 + "}", False),
        ('{"a": 2' + "0" * 308 + "}", True),
        ('{"a": -' + "9" * 400 + "}", True),
        ('{"a": "' + "9" * 400 + '"}', False),
        ('{"a": 0.' + "9" * 400 + "}", False),
        ('{"a": ' + "9" * 5000 + "}", True),
        ('{"a": ' + "9" * 400 + "e-200}", False),
        ('{"a": 1e-' + "9" * 400 + "}", False),
        ('{"a": 0e' + "0" * 400 + "}", False),
    ],
)
def test_overlong_numbers(text: str, overlong: bool) -> None:
    assert slices.overlong_number(text) is overlong
