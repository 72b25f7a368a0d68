"""One event as it was sent, its types checked and nothing else. The rules for its values stand in `pipeline`.

`Sent` is what a plain event decodes to in one go. `carefully` reads what does not: it finds the reason, or accepts
what the quick way cannot tell (ids written as 1.50, broken neighbours), and is the definition of both.
"""

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw

from evensplit.errors import InvalidJson, Rejected
from evensplit.ingest import slices
from evensplit.ingest.limits import MAX_DEPTH

# Zero and below come as text from `carefully`: only there -0 is still as it was written.
Id: TypeAlias = str | Annotated[int, Meta(ge=1)] | None

ABSENT = Raw(b"")


class Sent(msgspec.Struct, gc=False):
    """The fields of an event; `properties` is the JSON text of an object, null or nothing."""

    event_type: str | None = None
    user_id: Id = None
    session_id: Id = None
    anonymous_id: Id = None
    properties: Raw = ABSENT
    timestamp: str | int | float | None = None
    message_id: Id = None


class Loose(msgspec.Struct, gc=False):
    """The same fields, none of them looked at."""

    event_type: Raw = ABSENT
    user_id: Raw = ABSENT
    session_id: Raw = ABSENT
    anonymous_id: Raw = ABSENT
    properties: Raw = ABSENT
    timestamp: Raw = ABSENT
    message_id: Raw = ABSENT


plain = msgspec.json.Decoder(Sent).decode
_loose = msgspec.json.Decoder(Loose).decode
_text = msgspec.json.Decoder(str).decode
_number = msgspec.json.Decoder(int | float).decode

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read(piece: bytes) -> Sent:
    """The event that `piece` is. Raises Rejected with the first reason found."""
    try:
        piece.decode()
        return plain(piece)
    except UNREADABLE:
        return carefully(piece)


def carefully(piece: bytes) -> Sent:
    """As `read`, field by field. Raises Rejected with the first reason found."""
    loose = _fields(piece)
    return Sent(
        event_type=_name(loose.event_type),
        user_id=identifier(loose.user_id, "user_id"),
        session_id=identifier(loose.session_id, "session_id"),
        anonymous_id=identifier(loose.anonymous_id, "anonymous_id"),
        properties=loose.properties,
        timestamp=moment(loose.timestamp),
        message_id=message_id(loose.message_id),
    )


def _fields(piece: bytes) -> Loose:
    try:
        piece.decode()
        return _loose(piece)
    except UNREADABLE:
        raise fault_of(piece) from None


def fault_of(piece: bytes) -> Rejected:
    """Why `piece` is no object that can be read: not_an_object, properties_too_deep, invalid_text or invalid_json."""
    try:
        text = piece.decode()
        _loose(piece)
    except UnicodeDecodeError as error:
        return Rejected("invalid_json", f"not UTF-8 at byte {error.start}")
    except msgspec.ValidationError:
        return _no_object(piece, text)
    except RecursionError:
        return _too_deep(piece)
    except msgspec.DecodeError as error:
        return unreadable(text, error)
    return Rejected("invalid_json", "not JSON")


def _no_object(piece: bytes, text: str) -> Rejected:
    try:
        msgspec.json.decode(piece, type=Raw)
    except msgspec.DecodeError as error:
        return unreadable(text, error)
    except RecursionError:
        pass
    return Rejected("not_an_object", "an event is an object")


def _first(raw: Raw) -> bytes:
    return bytes(memoryview(raw)[:1])


def unreadable(text: str, error: Exception) -> Rejected:
    """Why `text`, which did not decode, did not: a lone surrogate where mending those is all it needs."""
    whole = slices.mended(text)
    if whole is not None:
        try:
            msgspec.json.decode(whole, type=Raw)
        except UNREADABLE:
            pass
        else:
            return Rejected("invalid_text", "a \\ud800 to \\udfff escape stands alone, which is no text")
    return Rejected("invalid_json", f"not JSON: {error}" if text else "not JSON: there is nothing")


def _too_deep(piece: bytes) -> Rejected:
    """JSON that nests a thousand deep is not parsed; it is only asked where it does so."""
    if not piece.startswith(b"{"):
        return Rejected("not_an_object", "an event is an object")
    try:
        deep = [key for key, value in slices.members(piece) if slices.depth(value.decode(), MAX_DEPTH) > MAX_DEPTH]
    except InvalidJson as error:
        return Rejected("invalid_json", error.message)
    if "properties" in deep:
        return Rejected("properties_too_deep", f"properties nest more than {MAX_DEPTH} deep")
    return Rejected("invalid_json", "a field that is not properties nests too deep to be read")


def _name(raw: Raw) -> str | None:
    kind = _first(raw)
    if kind == b'"':
        return _decoded(raw)
    if kind in (b"", b"n"):
        return None
    raise Rejected("missing_event_type", "event_type is not text")


def _decoded(raw: Raw) -> str:
    try:
        return _text(raw)
    except msgspec.DecodeError as error:
        raise unreadable(str(raw, "utf-8"), error) from None


def as_text(raw: Raw) -> str | None:
    """Text, or a number as it is written; None where there is nothing. Raises ValueError for anything else."""
    kind = _first(raw)
    if kind == b'"':
        return _decoded(raw)
    if kind in (b"", b"n"):
        return None
    if kind in b"-0123456789":
        return str(raw, "ascii")
    raise ValueError


def identifier(raw: Raw, field: str) -> str | None:
    """A user's, session's or visitor's id. Raises Rejected invalid_user_id."""
    try:
        return as_text(raw)
    except ValueError:
        raise Rejected("invalid_user_id", f"{field} is neither text nor a number") from None


def message_id(raw: Raw) -> str | None:
    """Raises Rejected invalid_text."""
    try:
        return as_text(raw)
    except ValueError:
        raise Rejected("invalid_text", "message_id is neither text nor a number") from None


def moment(raw: Raw) -> str | int | float | None:
    """A time as it was sent. Raises Rejected invalid_timestamp."""
    kind = _first(raw)
    if kind == b'"':
        return _decoded(raw)
    if kind in (b"", b"n"):
        return None
    try:
        number: int | float = _number(raw)
    except msgspec.DecodeError:
        raise Rejected("invalid_timestamp", "timestamp is neither text nor a number of our time") from None
    return number
