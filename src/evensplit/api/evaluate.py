"""`POST /v1/experiments/{name}/assignments`: the variant of one user, or of many.

A user who was answered before is answered from memory. Which variant it is decides `experiments.assignments`.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
from msgspec import Raw

from evensplit.errors import Invalid, InvalidJson, Malformed, Rejected, TooLarge
from evensplit.experiments.assignments import AssignmentReply
from evensplit.ingest import pipeline, sent
from evensplit.ingest.sent import ABSENT, UNREADABLE, Id
from evensplit.web.guard import Kind, need_secret

MOST_USERS = 10_000


class Assigner(Protocol):
    """Who decides."""

    def known(self, experiment: str, user_id: str) -> bytes | None: ...

    async def assign(
        self,
        experiment: str,
        user_id: str,
        anonymous_id: str | None = None,
        attributes: Mapping[str, object] | None = None,
    ) -> AssignmentReply: ...

    async def assign_many(self, experiment: str, user_ids: Sequence[str]) -> list[AssignmentReply]: ...


class Ask(msgspec.Struct, gc=False):
    """A plain question about one user."""

    user_id: Id = None
    anonymous_id: Raw = ABSENT
    attributes: Raw = ABSENT
    user_ids: Raw = ABSENT


class Loose(msgspec.Struct, gc=False):
    """The same, nothing looked at."""

    user_id: Raw = ABSENT
    anonymous_id: Raw = ABSENT
    attributes: Raw = ABSENT
    user_ids: Raw = ABSENT


class Many(msgspec.Struct):
    """The answer about many users, in the order in which they were asked for."""

    assignments: list[AssignmentReply]


_plain = msgspec.json.Decoder(Ask).decode
_loose = msgspec.json.Decoder(Loose).decode
_encode = msgspec.json.Encoder().encode


async def evaluate(assigner: Assigner, experiment: str, body: bytes, kind: Kind) -> bytes:
    """The JSON of the reply. Raises UnknownExperiment, and Malformed, Invalid, Rejected for what was asked."""
    ask = _read(body)
    if ask.user_ids is not ABSENT:
        need_secret(kind)
        return _encode(Many(await assigner.assign_many(experiment, _users(ask.user_ids))))
    user_id = pipeline.identifier(ask.user_id, "user_id") if ask.user_id else None
    if user_id is None:
        raise Invalid("user_id is required", [{"field": "user_id", "message": "is required"}])
    if ask.anonymous_id is ABSENT:
        reply = assigner.known(experiment, user_id)
        if reply is not None:
            return reply
    visitor = sent.identifier(ask.anonymous_id, "anonymous_id")
    visitor = pipeline.identifier(visitor, "anonymous_id") if visitor else None
    return _encode(await assigner.assign(experiment, user_id, visitor, _attributes(ask.attributes)))


def _read(body: bytes) -> Ask:
    try:
        if not body.isascii():
            body.decode()
        return _plain(body)
    except UNREADABLE:
        pass
    fault = Rejected("invalid_json", "")
    try:
        body.decode()
        loose = _loose(body)
    except UNREADABLE:
        fault = sent.fault_of(body)
    else:
        return Ask(sent.identifier(loose.user_id, "user_id"), loose.anonymous_id, loose.attributes, loose.user_ids)
    if fault.code == "invalid_json":
        raise InvalidJson(fault.message)
    if fault.code == "not_an_object":
        raise Invalid("the body is an object")
    raise fault


def _users(raw: Raw) -> list[str]:
    try:
        users = msgspec.json.decode(raw, type=list[Raw])
    except msgspec.DecodeError:
        raise Invalid("user_ids is an array", [{"field": "user_ids", "message": "is no array"}]) from None
    if len(users) > MOST_USERS:
        raise TooLarge(f"{len(users)} users in one request; {MOST_USERS} at most")
    found: list[str] = []
    faults: list[object] = []
    for index, user in enumerate(users):
        try:
            who = sent.identifier(user, "user_id")
            known = pipeline.identifier(who, "user_id") if who else None
            if known is None:
                raise Rejected("invalid_user_id", "the user_id is empty")
            found.append(known)
        except Rejected as refused:
            faults.append({"field": f"user_ids[{index}]", "message": refused.message})
    if faults:
        raise Invalid(f"{len(faults)} of the user_ids are no ids", faults)
    return found


def _attributes(raw: Raw) -> Mapping[str, object] | None:
    if raw is ABSENT:
        return None
    try:
        return msgspec.json.decode(raw, type=dict[str, object] | None)
    except msgspec.ValidationError:
        raise Invalid("attributes is an object", [{"field": "attributes", "message": "is no object"}]) from None
    except (msgspec.DecodeError, RecursionError) as error:
        raise Malformed(f"attributes cannot be read: {error}") from None
