"""What `POST /v1/identify` states: who somebody is, who that was before being known, and traits.

Whether the two ids may be tied together is for `identity`, what is kept of it for the store.
"""

import msgspec

from evensplit.errors import Invalid, InvalidJson
from evensplit.ingest import pipeline, sent, timestamps, traits
from evensplit.ingest.sent import ABSENT
from evensplit.model.person import Trait


class Identified(msgspec.Struct, frozen=True):
    """What an identify call states: who, who that was before, what of them, and as of when (the record's texts)."""

    user_id: str
    visitor: str | None
    traits: list[Trait]
    at: str


class _Loose(msgspec.Struct, gc=False):
    """The fields of the body, none of them looked at; the last four are Segment's."""

    user_id: msgspec.Raw = ABSENT
    anonymous_id: msgspec.Raw = ABSENT
    traits: msgspec.Raw = ABSENT
    timestamp: msgspec.Raw = ABSENT
    userId: msgspec.Raw = ABSENT  # noqa: N815
    anonymousId: msgspec.Raw = ABSENT  # noqa: N815
    writeKey: msgspec.Raw = ABSENT  # noqa: N815
    type: msgspec.Raw = ABSENT


_loose = msgspec.json.Decoder(_Loose).decode


def read(body: bytes, received_ms: int) -> Identified:
    """The body of `POST /v1/identify`. Raises InvalidJson, Rejected for ids and times, Invalid for all else."""
    try:
        body.decode()
        loose = _loose(body)
    except sent.UNREADABLE:
        fault = sent.fault_of(body)
        if fault.code == "invalid_json":
            raise InvalidJson(fault.message) from None
        raise (Invalid("the body is an object") if fault.code == "not_an_object" else fault) from None
    if any(field is not ABSENT for field in (loose.userId, loose.anonymousId, loose.writeKey, loose.type)):
        raise Invalid("userId, anonymousId, writeKey and type are Segment's, which is not spoken here: see docs")
    user_id = read_id(loose.user_id, "user_id")
    if user_id is None:
        raise Invalid("user_id is required", [{"field": "user_id", "message": "is required"}])
    moment = sent.moment(loose.timestamp)
    arrival = timestamps.Arrival(received_ms)
    return Identified(
        user_id=user_id,
        visitor=read_id(loose.anonymous_id, "anonymous_id"),
        traits=traits.read(bytes(loose.traits)),
        at=arrival.text if moment is None else timestamps.to_record(moment, arrival),
    )


def read_id(raw: msgspec.Raw, field: str) -> str | None:
    """An id as it was sent; None where it is absent or empty. Raises Rejected invalid_user_id, invalid_text."""
    found = sent.identifier(raw, field)
    return pipeline.identifier(found, field) if found else None
