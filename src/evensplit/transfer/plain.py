"""Rows with nothing odd in them, straight to a batch: each field goes through the pipeline's own step, once for each
different cell, and properties made of plain cells need no second look.

Where anything at all is odd, the answer is None, and the rows go the long way as lines of NDJSON, which says what is
wrong with which. Both ways store the same.
"""

from collections.abc import Callable, Sequence

import msgspec

from evensplit.errors import Rejected
from evensplit.ingest import message_keys, pipeline, timestamps
from evensplit.ingest.sent import Sent
from evensplit.ingest.timestamps import Arrival
from evensplit.model.event import Batch
from evensplit.transfer.cells import Encode

Step = Callable[[str, Arrival], str | bytes | None]


def _event_type(text: str, arrival: Arrival) -> str:
    return pipeline.event_type(Sent(event_type=text), arrival)


def _id(text: str, arrival: Arrival) -> str | None:
    return pipeline.identifier(text, "id")


def _moment(json: str, arrival: Arrival) -> str:
    return timestamps.to_record(msgspec.json.decode(json, type=str | int | float), arrival)


def _key(text: str, arrival: Arrival) -> bytes:
    return message_keys.event_key(pipeline.message_id(text))


STEPS: dict[str, Step] = {
    "event_type": _event_type,
    "user_id": _id,
    "session_id": _id,
    "timestamp": _moment,
    "message_id": _key,
}


class Field(msgspec.Struct, frozen=True):
    """The cells of one field's column, and what makes of them what its step reads."""

    cells: Sequence[str]
    read: Encode


def batch(fields: dict[str, Field], bodies: Sequence[str], received_ms: int) -> Batch | None:
    """`bodies` holds the properties of each row as JSON text, `""` where there are none."""
    if "event_type" not in fields or fields.keys() - STEPS.keys() or not _is_plain(bodies):
        return None
    arrival = Arrival(received_ms)
    size = len(bodies)
    try:
        found = {name: _stepped(field, STEPS[name], arrival) for name, field in fields.items()}
    except (Rejected, UnicodeError):
        return None
    nothing: list[str | bytes | None] = [None] * size
    values: list[str | bytes | None] = [None] * (5 * size)
    values[0::5] = found["event_type"]
    values[1::5] = found.get("user_id", nothing)
    values[2::5] = found.get("session_id", nothing)
    values[3::5] = [body or None for body in bodies]
    values[4::5] = [at or arrival.text for at in found.get("timestamp", nothing)]
    keys = found.get("message_id", [])
    return Batch(values=values, keys=keys if any(keys) else [])  # type: ignore[arg-type]  # each step knows its kind


def _stepped(field: Field, step: Step, arrival: Arrival) -> list[str | bytes | None]:
    """The stored values of a column, `""` left out. Raises Rejected, UnicodeError."""
    made: dict[str, str | bytes | None] = {}
    for cell in set(field.cells):
        text = field.read(cell) if cell else ""
        text.encode()  # a lone surrogate stands for a byte that is no UTF-8
        # An event without a type is refused; whatever else is missing is not set.
        made[cell] = step(text, arrival) if text or step is _event_type else None
    return list(map(made.__getitem__, field.cells))


def _is_plain(bodies: Sequence[str]) -> bool:
    """Whether every row's properties are flat, small and UTF-8: then they are what the pipeline would store."""
    whole = "".join(bodies)
    if (
        "[" in whole
        or whole.count("{") > len(bodies)
        or max(map(len, bodies), default=0) > pipeline.MAX_PROPERTIES // 4
    ):
        return False
    try:
        whole.encode()
    except UnicodeError:
        return False
    return True
