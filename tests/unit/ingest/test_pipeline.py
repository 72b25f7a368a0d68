"""From a body to a batch: every form, every reason, and properties that come out as they went in."""

import json
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evensplit import clock
from evensplit.errors import EvensplitError, InvalidJson, Malformed, Rejected, TooLarge
from evensplit.ingest import forms, pipeline, reasons, sent
from evensplit.ingest.pipeline import Note, Reading
from evensplit.ingest.timestamps import Arrival
from tests.unit.examples import some

NOW = clock.from_text("2026-11-22 10:11:12.345")
NDJSON = "application/x-ndjson; charset=utf-8"
GOOD = b'{"event_type": "good"}'


def read(body: bytes | str, content_type: str = "application/json", most: int = 100) -> Reading:
    return pipeline.read(body.encode() if isinstance(body, str) else body, content_type, NOW, most)


def rows(reading: Reading) -> list[tuple[str | None, ...]]:
    values = reading.batch.values
    return [tuple(values[at : at + 5]) for at in range(0, len(values), 5)]


def only(reading: Reading) -> Mapping[str, str | None]:
    (row,) = rows(reading)
    return dict(zip([name for name, _ in pipeline.COLUMNS], row, strict=True))


# --- forms ----------------------------------------------------------------------------------------

FORMS = {
    "array": (b"[" + GOOD + b"," + GOOD + b"]", "application/json"),
    "array as text": (b" \n[" + GOOD + b"," + GOOD + b"] ", "text/plain;charset=UTF-8"),
    "array as lines": (b"[" + GOOD + b"," + GOOD + b"]", NDJSON),
    "envelope": (b'{"events": [' + GOOD + b"," + GOOD + b"]}", ""),
    "envelope with more": (b'{"a": [{}], "events": [' + GOOD + b"," + GOOD + b'], "sent_at": null}', "nonsense"),
    "lines": (GOOD + b"\n" + GOOD, NDJSON),
    "lines with an end": (GOOD + b"\r\n" + GOOD + b"\r\n", "Application/JSONL"),
    "byte order mark": (b"\xef\xbb\xbf[" + GOOD + b"," + GOOD + b"]", "application/json"),
}


@pytest.mark.parametrize(("body", "content_type"), FORMS.values(), ids=FORMS.keys())
def test_forms_of_several(body: bytes, content_type: str) -> None:
    reading = read(body, content_type)
    assert rows(reading) == [("good", None, None, None, "2026-11-22 10:11:12.345")] * 2
    assert (list(reading.positions), reading.notes, reading.single) == ([0, 1], [], False)
    assert (reading.batch.keys, reading.batch.links, reading.batch.rejects) == ([], [], [])


@pytest.mark.parametrize("body", [GOOD, b"\n " + GOOD + b"\n", b"\xef\xbb\xbf" + GOOD])
def test_one_event(body: bytes) -> None:
    reading = read(body)
    assert (only(reading)["event_type"], reading.single) == ("good", True)


def test_names_may_be_escaped() -> None:
    reading = read('{"\\u0065vents": [{"event_typ\\u0065": "good"}, {}], "sent_at": null, "\\ud83d\\ude00": 1}')
    assert ([row[0] for row in rows(reading)], reading.notes[0].index) == (["good"], 1)
    assert read('{"\\u0065vents": [{"event_type": "good"}, nope]}').batch.size == 1


def test_an_event_may_have_a_field_named_events() -> None:
    reading = read('{"event_type": "good", "events": [{"event_type": "no"}]}')
    assert (only(reading)["event_type"], reading.single) == ("good", True)


@pytest.mark.parametrize(
    ("body", "content_type"), [(b"[]", ""), (b'{"events": []}', ""), (b"", NDJSON), (b"\n", NDJSON)]
)
def test_nothing_is_an_empty_batch(body: bytes, content_type: str) -> None:
    reading = read(body, content_type)
    assert (reading.batch.size, reading.notes, reading.single) == (0, [], False)


NOT_JSON = {
    "nothing": b"",
    "space": b" \n",
    "words": b"hello",
    "number and words": b"5 apples",
    "cut off": b'{"event_type": "x"',
    "cut off array": b"[" + GOOD + b",",
    "cut off string": b"[" + GOOD + b', "',
    "two values": GOOD + GOOD,
    "after an array": b"[" + GOOD + b"] x",
    "NaN": b'{"event_type": "x", "properties": {"a": NaN}}',
    "not UTF-8": b'{"event_type": "x", "properties": {"a": "\xff"}}',
    "not UTF-8 elsewhere": b'{"event_type": "x", "other": "\xff"}',
    "UTF-16": '{"event_type": "x"}'.encode("utf-16"),
    "single quotes": b"{'event_type': 'x'}",
    "no name": b'{"event_type": "x", 5}',
    "broken envelope": b'{"events": [' + GOOD + b'], "sent_at": nope}',
    "deep and open": b'{"a":' * 100_000,
    "deep elsewhere": b'{"event_type": "x", "other": ' + b"[" * 5_000 + b"]" * 5_000 + b"}",
}


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_a_body_that_is_not_json(body: bytes) -> None:
    with pytest.raises(InvalidJson):
        read(body)


def test_an_envelope_whose_events_are_no_array() -> None:
    with pytest.raises(Malformed):
        read('{"events": 5}')


def test_limits() -> None:
    for body, content_type in ((b"[" + b",".join([GOOD] * 5) + b"]", ""), (b"\n".join([GOOD] * 5), NDJSON)):
        assert read(body, content_type, 5).batch.size == 5
        with pytest.raises(TooLarge):
            read(body, content_type, 4)
    for broken in (b'{"events": [{},{},{},{},{}]}', b'{"events": [{},{},{},{},nope]}', b"[{},{},{},{},nope]"):
        with pytest.raises(TooLarge):
            read(broken, most=4)
    with pytest.raises(TooLarge):
        read(b"[" + b"{}," * 100_000 + b"{}]", most=10_000)


# --- reasons --------------------------------------------------------------------------------------

LONG = "x" * 65_600
REFUSED: dict[str, list[str]] = {
    "not_an_object": ["1", "null", '"text"', "[]", "true", "[" * 5_000 + "]" * 5_000],
    "missing_event_type": ["{}", '{"event_type": null}', '{"event_type": ""}', '{"event_type": 5}', '{"event": "x"}'],
    "event_type_too_long": ['{"event_type": "' + "x" * 201 + '"}'],
    "invalid_user_id": [
        '{"event_type": "x", "user_id": true}',
        '{"event_type": "x", "user_id": {"id": 1}}',
        '{"event_type": "x", "session_id": []}',
        '{"event_type": "x", "anonymous_id": false}',
        '{"event_type": "x", "user_id": "' + "u" * 513 + '"}',
        '{"event_type": "x", "user_id": ' + "9" * 513 + "}",
        '{"event_type": "x", "session_id": "' + "u" * 513 + '"}',
        '{"event_type": "x", "user_id": "u", "anonymous_id": "' + "u" * 513 + '"}',
    ],
    "properties_not_object": [f'{{"event_type": "x", "properties": {value}}}' for value in ("[]", '"a"', "3", "true")],
    "properties_too_large": [
        f'{{"event_type": "x", "properties": {{"a": "{LONG}"}}}}',
        f'{{"event_type": "x", "properties": {{"a": "{"é" * 32_800}"}}}}',
    ],
    "properties_too_deep": [
        '{"event_type": "x", "properties": ' + '{"a":' * 17 + "1" + "}" * 17 + "}",
        '{"event_type": "x", "properties": {"a": ' + "[" * 16 + "]" * 16 + "}}",
        '{"event_type": "x", "properties": {"a": ' + "[" * 5_000 + "]" * 5_000 + "}}",
    ],
    "invalid_timestamp": [
        f'{{"event_type": "x", "timestamp": {value}}}'
        for value in ('"2026-01-01T00:00:00"', '""', "-1", '"2999-01-01T00:00:00Z"', "true", "[]", "1e300", "1e400")
    ],
    "invalid_text": [
        '{"event_type": "a\\u0000b"}',
        '{"event_type": "\\ud800"}',
        '{"event_type": "x", "user_id": "a\\u0000"}',
        '{"event_type": "x", "user_id": "\\udc00"}',
        '{"event_type": "x", "session_id": "\\u0000"}',
        '{"event_type": "x", "user_id": "u", "anonymous_id": "\\u0000"}',
        '{"event_type": "x", "message_id": "\\u0000"}',
        '{"event_type": "x", "message_id": true}',
        '{"event_type": "x", "timestamp": "\\ud800"}',
        '{"event_type": "x", "properties": {"a": "\\ud800"}}',
        '{"event_type": "x", "properties": {"\\udfff": 1}}',
    ],
    "invalid_number": [
        f'{{"event_type": "x", "properties": {{"a": {value}}}}}'
        for value in ("1e400", "-1E999", '[{"b": 1e+309}]', "9" * 400, "-" + "9" * 5_000, "9" * 290 + "e99", "2e308")
    ],
    "message_id_too_long": [
        '{"event_type": "x", "message_id": "' + "m" * 129 + '"}',
        '{"event_type": "x", "message_id": ' + "9" * 129 + "}",
    ],
}
CASES = [
    pytest.param(reason, text, id=f"{reason} {n}") for reason, all_ in REFUSED.items() for n, text in enumerate(all_)
]


@pytest.mark.parametrize(("reason", "text"), CASES)
def test_refused(reason: str, text: str) -> None:
    """Alone, in an array beside good ones, in an envelope and as a line; told, and kept as it was sent up to 4 KiB."""
    alone = read(text)
    assert (alone.batch.size, alone.single, alone.rejected) == (0, True, 1) or text.startswith("[")
    for body, content_type, index in (
        (b"[" + GOOD + b"," + text.encode() + b" ," + GOOD + b"]", "", 1),
        (b'{"events": [' + GOOD + b"," + text.encode() + b"," + GOOD + b"]}", "", 1),
        (GOOD + b"\n\n" + text.encode() + b"\n" + GOOD, NDJSON, 2),
    ):
        reading = read(body, content_type)
        assert [row[0] for row in rows(reading)] == ["good", "good"]
        assert list(reading.positions) == [0, index + 1]
        (note,), (reject,) = reading.notes, reading.batch.rejects
        assert (note.index, note.status, note.reason) == (index, "rejected", reason)
        assert note.message and len(note.message) < 400
        assert (reject.reason, reject.message) == (reason, note.message)
        assert reject.event == text.encode()[:4096].decode(errors="replace")


@pytest.mark.parametrize(
    "text", [b"nope", b'{"event_type": "x",}', b'{"a": NaN}', b'"\xff"', b'{"event_type": "\xff"}', b""]
)
def test_one_broken_element_costs_no_other(text: bytes) -> None:
    for body in (
        b"[" + GOOD + b"," + text + b"," + GOOD + b"]",
        b'{"events":[' + GOOD + b"," + text + b"," + GOOD + b"]}",
    ):
        reading = read(body)
        assert reading.batch.size == 2
        assert [(note.index, note.reason) for note in reading.notes] == [(1, "invalid_json")]
    if text:
        reading = read(GOOD + b"\n" + text, NDJSON)
        assert (reading.batch.size, reading.notes[0].reason) == (1, "invalid_json")


def test_every_reason_is_known_and_produced() -> None:
    elsewhere = {"invalid_json", "unknown_experiment", "unknown_variant", "not_assigned"}
    assert set(REFUSED) | elsewhere == set(reasons.REFUSED)


# --- values ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ('"u"', "u"), ("42", "42"), ("1.50", "1.50"), ("-0", "-0"), ("0", "0"), ("1E3", "1E3"),
        ("null", None), ('""', None),
        ("12345678901234567890123", "12345678901234567890123"), ("9" * 512, "9" * 512), ('"ключ"', "ключ"),
        ('"' + "u" * 512 + '"', "u" * 512), ('"\\ud83e\\udd84"', "\U0001f984"),
    ],
)  # fmt: skip
def test_ids_are_kept_as_written(written: str, kept: str | None) -> None:
    found = only(read(f'{{"event_type": "x", "user_id": {written}, "session_id": {written}}}'))
    assert (found["user_id"], found["session_id"]) == (kept, kept)
    assert only(read(f'{{"event_type": "x", "user_id": "", "anonymous_id": {written}}}'))["user_id"] == kept


def test_the_last_of_a_doubled_field_wins() -> None:
    assert only(read('{"event_type": 5, "event_type": "x", "user_id": true, "user_id": "u"}'))["user_id"] == "u"


@pytest.mark.parametrize(
    ("stated", "links"),
    [
        ('"user_id": "u", "anonymous_id": "v"', [("v", "u", "2026-01-02 03:04:05.000")]),
        ('"user_id": 7, "anonymous_id": 8', [("8", "7", "2026-01-02 03:04:05.000")]),
        ('"user_id": "u", "anonymous_id": "u"', []),
        ('"user_id": "u", "anonymous_id": ""', []),
        ('"user_id": "", "anonymous_id": "v"', []),
        ('"anonymous_id": "v"', []),
    ],
)
def test_links(stated: str, links: list[tuple[str, str, str]]) -> None:
    reading = read(f'[{{}}, {{"event_type": "x", "timestamp": "2026-01-02T03:04:05Z", {stated}}}]')
    assert (reading.batch.links, reading.linked) == (links, [1] * len(links))


@pytest.mark.parametrize("stated", ['"user_id": "NULL", "anonymous_id": "v"', '"user_id": "u", "anonymous_id": 0'])
def test_a_placeholder_is_not_linked_and_its_event_is_kept(stated: str) -> None:
    reading = read(f'{{"event_type": "x", {stated}}}')
    assert (reading.batch.size, reading.batch.links) == (1, [])
    (note,) = reading.notes
    assert (note.status, note.reason) == ("accepted", "link_refused")
    assert [reject.reason for reject in reading.batch.rejects] == ["link_refused"]


def test_message_ids() -> None:
    reading = read(
        '[{"event_type": "a", "message_id": "m"}, {"event_type": "b"}, {"event_type": "c", "message_id": 5}]'
    )
    keys = reading.batch.keys
    assert [None if key is None else len(key) for key in keys] == [16, None, 16]
    assert keys[2] == read('{"event_type": "c", "message_id": "5"}').batch.keys[0]
    assert read('{"event_type": "a", "message_id": ""}').batch.keys == []
    assert read('[{"event_type": "a", "message_id": null}, {"message_id": "m"}]').batch.keys == []


def test_a_wrong_clock_is_corrected_and_told() -> None:
    body = {
        "events": [
            {"event_type": "a", "timestamp": "2026-11-22T08:00:00.000Z"},
            {"event_type": "b"},
            {"event_type": "c", "timestamp": "nonsense"},
        ],
        "sent_at": "2026-11-22T09:11:12.345Z",
    }
    reading = read(json.dumps(body))
    assert [row[4] for row in rows(reading)] == ["2026-11-22 09:00:00.000", "2026-11-22 10:11:12.345"]
    assert [(note.index, note.status, note.reason) for note in reading.notes] == [
        (0, "accepted", "corrected"),
        (2, "rejected", "invalid_timestamp"),
    ]
    assert json.loads(reading.batch.rejects[0].event) == body["events"][0]
    latency = read(json.dumps({**body, "sent_at": (NOW - 900) / 1000}))
    assert rows(latency)[0][4] == "2026-11-22 08:00:00.000"
    assert [note.index for note in latency.notes] == [2]
    with pytest.raises(Rejected, match="sent_at"):
        read(json.dumps({**body, "sent_at": "soon"}))
    with pytest.raises(Rejected):
        read('{"events": [nope], "sent_at": true}')
    broken = read('{"events": [{"event_type": "a", "timestamp": 0}, nope], "sent_at": 0}')
    assert rows(broken)[0][4] == "2026-11-22 10:11:12.345"


def test_all_notes_are_reasons() -> None:
    for note in (
        *read('{"event_type": "x", "user_id": "0", "anonymous_id": "v"}').notes,
        Note(0, "accepted", "corrected"),
    ):
        assert note.reason in reasons.NOTED


# --- whatever comes -------------------------------------------------------------------------------

FIELDS = ["event_type", "user_id", "session_id", "anonymous_id", "properties", "timestamp", "message_id", "other"]
PIECES = st.sampled_from(
    [b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b"\\ud800", b"\\u0000", b"\xff", b"\0", b"\n", b"1e400", b"nul"]
    + [b"-0", b"1.5", b'"x"', b"null", b"true", b'"events":[', b'"sent_at":', b"NaN", GOOD, GOOD + b",", b" "]
    + [f'"{name}":'.encode() for name in FIELDS]
)


@settings(max_examples=some(75))
@given(st.lists(PIECES | st.binary(max_size=3), max_size=14).map(b"".join), st.sampled_from(["", NDJSON]))
def test_any_bytes_are_read_or_refused(body: bytes, content_type: str) -> None:
    try:
        reading = read(body, content_type)
    except EvensplitError:
        return
    assert len(reading.batch.values) == 5 * len(reading.positions)
    assert len(reading.batch.keys) in (0, reading.batch.size)
    for text in (*reading.batch.values, *(reject.event for reject in reading.batch.rejects)):
        assert text is None or text.encode().decode() == text


EVENTS = st.dictionaries(
    st.sampled_from(FIELDS),
    st.sampled_from(['"x"', '""', "null", "5", "0", "-0", "1.5", "true", "{}", "[]", '{"a": 1}', '"\\u0000"', "1e400"])
    | st.sampled_from(['"2026-01-02T03:04:05.000Z"', '"2026-01-02"', '"0190c8a2-7b1e-7000-8000-000000000001"', "NaN"]),
).map(lambda fields: "{" + ", ".join(f'"{name}": {value}' for name, value in fields.items()) + "}")


@settings(max_examples=some(75))
@given(EVENTS)
def test_the_quick_way_and_the_careful_way_agree(text: str) -> None:
    """A plain event is decoded in one go; judged field by field it must come out the same."""
    piece = text.encode()
    whole = forms._whole(b"[" + piece + b"]", forms._array_decoder)
    if whole is None:
        return
    quick, careful = outcome(whole[0]), outcome(sent.carefully(piece))
    assert quick == careful


def outcome(one: sent.Sent) -> object:
    arrival = Arrival(NOW)
    try:
        return [step(one, arrival) for _, step in pipeline.STEPS], arrival.notes
    except Rejected as refused:
        return refused.code
