"""What a sender gets wrong is refused with a reason; what it gets right is kept as it came."""

import gzip
import json
from urllib.parse import quote

import pytest

from tests.system import record
from tests.system.client import Client
from tests.system.server import Server

GOOD = b'{"event_type": "good", "user_id": "u"}'
pytestmark = pytest.mark.usefixtures("unharmed")


def stored_as(served: Server, event_type: str) -> str:
    """The properties as they stand in the record for the only event of this type."""
    ((text,),) = record.read(served.record, "SELECT properties FROM events WHERE event_type = ?", (event_type,))
    return str(text)


# --- bodies that cannot be read ------------------------------------------------------------------

UNREADABLE = {
    "nothing": b"",
    "white space": b"  \n ",
    "cut off": b'{"event_type": "x"',
    "words": b"hello",
    "NaN": b'{"event_type": "x", "properties": {"a": NaN}}',
    "Infinity": b'{"event_type": "x", "properties": {"a": -Infinity}}',
    "trailing comma": b'{"event_type": "x",}',
    "single quotes": b"{'event_type': 'x'}",
    "two values": b'{"event_type": "x"} {"event_type": "y"}',
    "trailing text": b'{"event_type": "x"} nonsense',
    "comment": b'{"event_type": "x" /* hi */}',
    "control character": b'{"event_type": "x\ny"}',
    "invalid UTF-8": b'{"event_type": "\xff\xfe"}',
    "invalid UTF-8 in properties": b'{"event_type": "x", "properties": {"a": "\xc3\x28"}}',
    "overlong UTF-8": b'{"event_type": "x", "properties": {"a": "\xc0\xaf"}}',
    "surrogate in UTF-8": b'{"event_type": "x", "properties": {"a": "\xed\xa0\x80"}}',
    "UTF-16": '{"event_type": "x"}'.encode("utf-16"),
    "leading zeros": b'{"event_type": "x", "properties": {"a": 012}}',
    "bare escape": b'{"event_type": "x", "properties": {"a": "\\x41"}}',
}


@pytest.mark.parametrize("body", UNREADABLE.values(), ids=UNREADABLE.keys())
@pytest.mark.usefixtures("nothing_taken")
def test_unreadable_bodies(api: Client, body: bytes) -> None:
    assert api.post("/v1/events", body).error(400) == "invalid_json"
    api.get("/healthz").good()


REFUSED = {
    "missing_event_type": [b"{}", b'{"event_type": null}', b'{"event_type": ""}', b'{"eventType": "x"}'],
    "event_type_too_long": [b'{"event_type": "' + b"x" * 201 + b'"}'],
    "invalid_user_id": [
        b'{"event_type": "x", "user_id": true}',
        b'{"event_type": "x", "user_id": {"id": 1}}',
        b'{"event_type": "x", "user_id": ["a"]}',
        b'{"event_type": "x", "user_id": "' + b"u" * 513 + b'"}',
    ],
    "properties_not_object": [
        b'{"event_type": "x", "properties": []}',
        b'{"event_type": "x", "properties": "a"}',
        b'{"event_type": "x", "properties": 3}',
    ],
    "properties_too_large": [b'{"event_type": "x", "properties": {"a": "' + b"y" * 65536 + b'"}}'],
    "properties_too_deep": [
        b'{"event_type": "x", "properties": ' + b'{"a":' * 18 + b"1" + b"}" * 18 + b"}",
        b'{"event_type": "x", "properties": {"a": ' + b"[" * 5000 + b"]" * 5000 + b"}}",
    ],
    "invalid_timestamp": [
        b'{"event_type": "x", "timestamp": "2026-01-01T00:00:00"}',
        b'{"event_type": "x", "timestamp": "yesterday"}',
        b'{"event_type": "x", "timestamp": "2026-02-30T00:00:00Z"}',
        b'{"event_type": "x", "timestamp": -1}',
        b'{"event_type": "x", "timestamp": "1969-12-31T23:59:59Z"}',
        b'{"event_type": "x", "timestamp": "2999-01-01T00:00:00Z"}',
        b'{"event_type": "x", "timestamp": true}',
        b'{"event_type": "x", "timestamp": 1e300}',
    ],
    "invalid_text": [
        b'{"event_type": "a\\u0000b"}',
        b'{"event_type": "\\ud800"}',
        b'{"event_type": "x", "user_id": "a\\u0000"}',
        b'{"event_type": "x", "user_id": "\\udc00"}',
        b'{"event_type": "x", "session_id": "\\u0000"}',
    ],
    "invalid_number": [
        b'{"event_type": "x", "properties": {"a": 1e400}}',
        b'{"event_type": "x", "properties": {"a": -1e999}}',
        b'{"event_type": "x", "properties": {"a": [{"b": 1e309}]}}',
        b'{"event_type": "x", "properties": {"a": ' + b"9" * 400 + b"}}",
    ],
    "message_id_too_long": [b'{"event_type": "x", "message_id": "' + b"m" * 129 + b'"}'],
}
CASES = [pytest.param(code, body, id=f"{code} {n}") for code, all_ in REFUSED.items() for n, body in enumerate(all_)]


@pytest.mark.parametrize(("code", "body"), CASES)
def test_one_refused_event(served: Server, api: Client, code: str, body: bytes) -> None:
    """Alone it answers 422 with the reason; in a batch it is told and its neighbours are kept; is looked up later."""
    before = record.read(served.record, "SELECT count(*) FROM events")[0][0]
    assert api.post("/v1/events", body).error(422) == code
    reply = api.post("/v1/events", b"[" + GOOD + b"," + body + b"," + GOOD + b"]").good()
    assert (reply["accepted"], reply["rejected"], reply["duplicate"]) == (2, 1, 0)
    ((note,),) = ([n for n in reply["notes"] if n["status"] == "rejected"],)
    assert (note["index"], note["reason"]) == (1, code)
    assert isinstance(note["message"], str) and note["message"]
    lines = api.post(
        "/v1/events", GOOD + b"\n" + body + b"\n" + GOOD + b"\n", {"Content-Type": "application/x-ndjson"}
    ).good()
    assert (lines["accepted"], lines["rejected"]) == (2, 1)
    assert [(n["index"], n["reason"]) for n in lines["notes"]] == [(1, code)]
    assert record.read(served.record, "SELECT count(*) FROM events")[0][0] == before + 4
    rejects = api.get(f"/v1/rejects?reason={code}").good()
    assert code in json.dumps(rejects)


def test_a_lone_surrogate_in_properties(api: Client) -> None:
    """It is JSON by the grammar but cannot be kept as UTF-8 text."""
    body = b'{"event_type": "x", "properties": {"a": "\\ud800"}}'
    assert api.post("/v1/events", body).error(400, 422) in ("invalid_text", "invalid_json")
    reply = api.post("/v1/events", b"[" + GOOD + b"," + body + b"]").good()
    assert (reply["accepted"], reply["rejected"]) == (1, 1)


def test_broken_elements_leave_their_neighbours(api: Client) -> None:
    """Whatever is wrong with one line of NDJSON, the others are kept."""
    lines = [GOOD, b"{", GOOD, b'{"event_type": "\xff"}', b"", GOOD, b"[1]", b"null", b'"text"', GOOD]
    reply = api.post("/v1/events", b"\n".join(lines), {"Content-Type": "application/x-ndjson"}).good()
    assert reply["accepted"] == 4
    assert {n["index"]: n["reason"] for n in reply["notes"]} == {
        1: "invalid_json",
        3: "invalid_json",
        6: "not_an_object",
        7: "not_an_object",
        8: "not_an_object",
    }
    for element in (b"1", b"null", b'"text"', b"[]", b"true"):
        reply = api.post("/v1/events", b"[" + GOOD + b"," + element + b"]").good()
        assert (reply["accepted"], reply["notes"][0]["reason"]) == (1, "not_an_object")
    assert api.post("/v1/events", b'"text"').error(400, 422) in ("not_an_object", "invalid_json")


def test_a_keep_alive_connection_survives_refusals(api: Client) -> None:
    api.get("/healthz").good()
    first = api.connection.sock
    for body in UNREADABLE.values():
        api.post("/v1/events", body).error(400)
    for bodies in REFUSED.values():
        for body in bodies:
            api.post("/v1/events", body).error(422)
    api.post("/v1/events", b"[" + b",".join([GOOD] * 10_001) + b"]").error(413)
    api.post("/v1/events", GOOD, {"Content-Encoding": "br"}).error(415)
    api.post("/v1/events", gzip.compress(bytes(30 * 2**20)), {"Content-Encoding": "gzip"}).error(413)
    api.call("PUT", "/v1/events", GOOD).error(405)
    api.get("/v1/experiments/nobody").error(404)
    api.call("GET", "/v1/events", None, {"Authorization": "Bearer wrong"}).error(401)
    api.post("/v1/events", GOOD, {"Authorization": "Bearer wrong"}).error(401)
    api.post("/v1/events", GOOD, {"Host": "evil.example"}).error(400, 403, 421)
    api.capture(GOOD)
    assert api.connection.sock is first and first is not None, "the connection was closed on the way"


# --- what is taken, and kept as it came ----------------------------------------------------------

KEPT = {
    "digits": '{"a": 1.10, "b": 1E5, "c": 123456789012345678901234567890, "d": 0.1000000000000000055511151231257827}',
    "big integer": '{"a": ' + "9" * 300 + "}",
    "small number": '{"a": 1e-400, "b": -0.0}',
    "duplicate keys": '{"a": 1, "a": 2}',
    "NUL in a value": '{"a": "x\\u0000y"}',
    "a pair of surrogates": '{"a": "\\ud83e\\udd84"}',
    "spaces": '{ "a" :\t[ 1 , 2 ] }',
    "odd keys": '{"": 1, "a.b": 2, "$x": 3, "ключ": 4, "\\"": 5}',
    "sixteen deep": '{"a":' * 15 + "{}" + "}" * 15,
    "nothing": "{}",
}


@pytest.mark.parametrize(("name", "properties"), KEPT.items(), ids=KEPT.keys())
def test_properties_are_kept_as_sent(served: Server, api: Client, name: str, properties: str) -> None:
    kind = f"kept {name}"
    api.capture(f'{{"event_type": "{kind}", "user_id": "k", "properties": {properties}}}'.encode())
    assert stored_as(served, kind) == properties
    found = api.get(f"/v1/events?event_type={quote(kind)}")
    assert properties in found.body.decode(), "GET returns what was sent"
    reply = api.trend([{"event": kind, "measure": "count"}], breakdown=[{"property": "a", "limit": 5}])
    assert [series["total"] for series in reply["series"]] == [1]
    if name == "duplicate keys":
        assert reply["series"][0]["breakdown"] == ["2"], "the last one wins"


def test_ids_are_kept_as_written(served: Server, api: Client) -> None:
    api.capture(b'{"event_type": "ids", "user_id": 12345678901234567890123, "session_id": 1.50}')
    api.capture({"event_type": "ids", "user_id": "", "anonymous_id": "visitor", "session_id": ""})
    api.capture({"event_type": "ids", "user_id": "u" * 512, "properties": {"a": 1}})
    assert record.read(
        served.record, "SELECT user_id, session_id FROM events WHERE event_type = 'ids' ORDER BY id"
    ) == [("12345678901234567890123", "1.50"), ("visitor", None), ("u" * 512, None)]
