"""The forms in which events come: one, an array, an envelope, lines. What an event must hold stands in `pipeline`.

A body that is whole is decoded in one go. One that is not is cut into its events, and each is judged alone, so that
one bad event never costs the others.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TypeVar

import msgspec
from msgspec import Raw

from evensplit.errors import InvalidJson, Malformed, Rejected
from evensplit.ingest import sent, slices
from evensplit.ingest.sent import UNREADABLE, Sent

LINES = frozenset(
    {"application/x-ndjson", "application/ndjson", "application/jsonl", "application/x-jsonl", "application/jsonlines"}
)

SHORT = 4 * 1024
_MOST_BRACES = 60_000  # bounds how many events are decoded before they are counted
_T = TypeVar("_T")


class Envelope(Sent, gc=False):
    """An object: an event, or the envelope of several."""

    events: list[Sent] | None = None
    sent_at: str | int | float | None = None


class Form(msgspec.Struct):
    """`indexes[i]` is the place in the request of `events[i]`; `cut` gives the events' own text, one by one."""

    events: Sequence[Sent | Rejected]
    indexes: Sequence[int]
    cut: Callable[[], list[bytes]]
    sent_at: str | int | float | None = None
    single: bool = False


_array_decoder = msgspec.json.Decoder(list[Sent])
_lines_decoder = msgspec.json.Decoder(Sent)
_object_decoder = msgspec.json.Decoder(Envelope)


@lru_cache(256)
def is_lines(content_type: str) -> bool:
    """Whether that Content-Type names one event a line."""
    return content_type.partition(";")[0].strip().lower() in LINES


def read(body: bytes, content_type: str, most: int) -> Form:
    """Raises InvalidJson where the body as a whole is not JSON, TooLarge beyond `most` events."""
    if body.startswith(b"\xef\xbb\xbf"):
        body = body[3:]
    head = body[:1]
    if head not in (b"{", b"["):
        body = body.strip(b" \t\r\n")
        head = body[:1]
    if head == b"[":  # no line of NDJSON begins so
        return _array(body, most)
    if content_type and is_lines(content_type):
        return _lines(body, most)
    if head == b"{":
        return _object(body, most)
    return _single(body)


def one(body: bytes) -> Sent | None:
    """The event that a short body is, where it is an object, decodes in one go, and is no envelope."""
    if len(body) > SHORT or body[:1] != b"{":
        return None
    try:
        if not body.isascii():
            body.decode()
        event = _object_decoder.decode(body)
    except UNREADABLE:
        return None
    return event if event.events is None and event.sent_at is None else None


def _array(body: bytes, most: int) -> Form:
    events = _whole(body, _array_decoder)
    if events is None:
        return _judged(slices.elements(body, most))
    if len(events) > most:
        raise slices.too_many(most)
    return Form(events, range(len(events)), lambda: slices.elements(body, most))


def _object(body: bytes, most: int) -> Form:
    top = _whole(body, _object_decoder)
    if top is None:
        return _broken_object(body, most)
    if top.events is None or top.event_type is not None:
        return Form((top,), (0,), lambda: [body], single=True)
    if len(top.events) > most:
        raise slices.too_many(most)
    return Form(top.events, range(len(top.events)), lambda: slices.elements(_member(body, "events"), most), top.sent_at)


def _broken_object(body: bytes, most: int) -> Form:
    """An object that did not decode: as an envelope all but its events must be right, as an event it is judged."""
    fields = dict(slices.members(body))
    if "events" not in fields or "event_type" in fields:
        return _single(body)
    events = fields.pop("events")
    for value in fields.values():
        try:
            msgspec.json.decode(value, type=Raw)
        except UNREADABLE as error:
            raise InvalidJson(f"the body is not JSON: {error}") from None
    if not events.startswith(b"["):
        raise Malformed("events is an array of events")
    form = _judged(slices.elements(events, most))
    form.sent_at = sent.moment(Raw(fields.get("sent_at", b"")))
    return form


def _member(body: bytes, key: str) -> bytes:
    return dict(slices.members(body))[key]


def _lines(body: bytes, most: int) -> Form:
    count = body.count(b"\n") + 1
    if body and count <= most and body.count(b"{") <= _MOST_BRACES:
        try:
            body.decode()
            events = _lines_decoder.decode_lines(body)
        except UNREADABLE:
            events = []
        # A blank line is no event, and an object over two lines is none either: then the counts differ.
        if len(events) == count:
            return Form(events, range(count), lambda: [line for _, line in slices.lines(body, most)])
    found = list(slices.lines(body, most))
    form = _judged([line for _, line in found])
    form.indexes = [number for number, _ in found]
    return form


def _single(body: bytes) -> Form:
    form = _judged([body])
    form.single = True
    return form


def _judged(pieces: list[bytes]) -> Form:
    return Form([_event(piece) for piece in pieces], range(len(pieces)), lambda: pieces)


def _event(piece: bytes) -> Sent | Rejected:
    try:
        return sent.read(piece)
    except Rejected as refused:
        return refused


def _whole(body: bytes, decoder: msgspec.json.Decoder[_T]) -> _T | None:
    """The body decoded in one go; None where that cannot be done."""
    if body.count(b"{") > _MOST_BRACES:
        return None
    try:
        if not body.isascii():
            body.decode()  # skipping over a field does not look at its bytes
        return decoder.decode(body)
    except UNREADABLE:
        return None
