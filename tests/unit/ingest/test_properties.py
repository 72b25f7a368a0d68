"""Properties come out as they went in: digits, order of keys, duplicates and white space."""

import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evensplit import clock
from evensplit.ingest import pipeline
from tests.unit.examples import some

NOW = clock.from_text("2026-11-22 10:11:12.345")
NDJSON = "application/x-ndjson"


def kept(body: str, content_type: str = "") -> str | None:
    """The stored properties of the only good event of `body`."""
    values = pipeline.read(body.encode(), content_type, NOW).batch.values
    assert len(values) == len(pipeline.COLUMNS)
    return values[3]


TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
NUMBERS = st.integers() | st.integers(-(10**300), 10**300) | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=some(38))
@given(st.dictionaries(TEXT, VALUES, max_size=6), st.booleans(), st.sampled_from([None, 1]))
@example({"a.b": 1e-7, "": "\0", "big": 123456789012345678901234567890}, False, None)
def test_properties_come_out_as_they_went_in(properties: dict[str, object], plain: bool, indent: int | None) -> None:
    text = json.dumps(properties, ensure_ascii=plain, indent=indent)
    if len(text.encode()) > 65_536:
        return
    event = f'{{"event_type": "x", "properties": {text}, "user_id": "u"}}'
    lines = event.replace("\n", " ")  # white space between values; within them a line break is escaped
    for body, content_type in ((event, ""), (f"[{event}]", ""), (f"[{event}, nope]", ""), (lines, NDJSON)):
        assert kept(body, content_type) == (text if content_type == "" else text.replace("\n", " "))


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1.10, "b": 1E5, "c": 123456789012345678901234567890, "d": 0.1000000000000000055511151231257827}',
        '{"a": ' + "9" * 308 + "}", '{"a": 1e-400, "b": -0.0, "c": 1e99, "d": 1.7e308}', '{"a": 1, "a": 2}',
        '{"a": "x\\u0000y"}', '{"a": "\\ud83e\\udd84"}', '{ "a" :\t[ 1 , 2 ] }', '{"": 1, "a.b": 2, "\\"": 5}',
        '{"a":' * 15 + "{}" + "}" * 15, "{}", '{"a": "' + "[{" * 40 + '"}', '{"a": "' + "9" * 400 + '"}',
        '{"a": "1e999", "b": "E+400"}', '{"a": "\\\\ud800"}', '{"a": "' + "é" * 32_000 + '"}',
    ],
)  # fmt: skip
def test_odd_properties_are_kept(text: str) -> None:
    assert kept(f'{{"event_type": "x", "properties": {text}}}') == text


@pytest.mark.parametrize("text", ["", ', "properties": null'])
def test_no_properties(text: str) -> None:
    assert kept(f'{{"event_type": "x"{text}}}') is None
