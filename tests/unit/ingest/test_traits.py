"""What an identify call states, and what it must not."""

import json

import pytest

from evensplit import clock
from evensplit.errors import EvensplitError, Invalid
from evensplit.ingest import identify, traits
from evensplit.model.person import Trait

NOW = clock.from_text("2026-11-22 10:11:12.345")


def test_traits_keep_their_text_and_have_the_forms_of_reports() -> None:
    found = traits.read(
        b'{"a": 4.0, "b": " x ", "c": true, "d": null, "e": [1.0, {"z": 1e21, "a": "\\u00e9"}], "f": -0, "a": 5e0,'
        b' "g": 123456789012345678901234567890, "h": ""}'
    )
    assert found == [
        Trait("a", "5e0", "5", 5.0),
        Trait("b", '" x "', " x ", None),
        Trait("c", "true", "true", None),
        Trait("d", None, None, None),
        Trait("e", '[1.0, {"z": 1e21, "a": "\\u00e9"}]', '[1,{"a":"é","z":1e+21}]', None),
        Trait("f", "-0", "0", 0.0),
        Trait("g", "123456789012345678901234567890", "1.2345678901234568e+29", 1.2345678901234568e29),
        Trait("h", '""', "", None),
    ]
    assert traits.read(b"") == traits.read(b"null") == traits.read(b"{}") == []


@pytest.mark.parametrize(
    "raw",
    [b"[]", b'"x"', b'{"":1}', b'{"a\\u0000":1}', b'{"a":1e999}', b'{"a":"\\ud800"}',
     json.dumps({"n" * 201: 1}).encode(),
     json.dumps({"a": "x" * 65_536}).encode(), b'{"a":' + b"[" * 20 + b"]" * 20 + b"}",
     json.dumps(dict.fromkeys(map(str, range(1_001)), 1)).encode()],
)  # fmt: skip
def test_traits_that_are_refused(raw: bytes) -> None:
    with pytest.raises(Invalid) as refused:
        traits.read(raw)
    assert "traits" in str(refused.value.details)


def test_an_identify_call() -> None:
    stated = identify.read(b'{"user_id": 7, "anonymous_id": "", "timestamp": "2026-11-01T00:00:00Z"}', NOW)
    assert stated == identify.Identified("7", None, [], "2026-11-01 00:00:00.000")
    stated = identify.read(b'{"user_id": "a", "anonymous_id": "v", "traits": {"n": 1}, "more": [1]}', NOW)
    assert stated == identify.Identified("a", "v", [Trait("n", "1", "1", 1.0)], "2026-11-22 10:11:12.345")


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"", "invalid_json"), (b"{", "invalid_json"), (b"\xff", "invalid_json"), (b"[]", "invalid"),
        (b"{}", "invalid"),
        (b'{"user_id": ""}', "invalid"), (b'{"user_id": true}', "invalid_user_id"),
        (b'{"user_id": "a\\u0000"}', "invalid_text"),
        (b'{"user_id": "a", "anonymous_id": {}}', "invalid_user_id"),
        (b'{"user_id": "a", "timestamp": "soon"}', "invalid_timestamp"),
        (b'{"userId": "a"}', "invalid"), (b'{"user_id": "a", "type": "identify"}', "invalid"),
    ],
)  # fmt: skip
def test_bodies_that_are_refused(body: bytes, code: str) -> None:
    with pytest.raises(EvensplitError) as refused:
        identify.read(body, NOW)
    assert refused.value.code == code
