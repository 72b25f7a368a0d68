"""Rows with nothing odd in them, straight to a batch: each field goes through the pipeline's own step, once for each
different cell or for a whole column, and properties made of plain cells need no second look.

Where anything at all is odd, the answer is None, and the rows go the long way as lines of NDJSON, which says what is
wrong with which. Both ways store the same.
"""

from collections.abc import Callable, Sequence

import msgspec

from evensplit.errors import Rejected
from evensplit.ingest import limits, message_keys, pipeline, timestamps
from evensplit.ingest.sent import Sent
from evensplit.ingest.timestamps import Arrival
from evensplit.model.event import Batch

Stored = str | bytes | None


class Field(msgspec.Struct, frozen=True):
    """The cells of one field's column, and what a cell says: text, or a time as it would be sent.

    A cell that holds none of the characters in `guards` says itself; without any, each is read."""

    cells: Sequence[str]
    read: Callable[[str], str | int | float]
    guards: str = ""


def batch(fields: dict[str, Field], bodies: Sequence[str], received_ms: int) -> Batch | None:
    """`bodies` holds the properties of each row as JSON text, `""` where there are none."""
    if "event_type" not in fields or fields.keys() - COLUMNS.keys() or not _is_plain(bodies):
        return None
    arrival = Arrival(received_ms)
    size = len(bodies)
    nothing: list[Stored] = [None] * size
    try:
        found = {name: COLUMNS[name](field, arrival) for name, field in fields.items()}
    except (Rejected, UnicodeError, msgspec.DecodeError):
        return None
    values: list[Stored] = [None] * (5 * size)
    values[0::5] = found["event_type"]
    values[1::5] = found.get("user_id", nothing)
    values[2::5] = found.get("session_id", nothing)
    values[3::5] = [body or None for body in bodies]
    values[4::5] = [at or arrival.text for at in found.get("timestamp", nothing)]
    keys = found.get("message_id", [])
    return Batch(values=values, keys=keys if any(keys) else [])  # type: ignore[arg-type]  # each column knows its kind


# --- columns, each by the pipeline's step for it: Rejected or UnicodeError where anything is odd ----


def _event_types(field: Field, arrival: Arrival) -> Sequence[Stored]:
    return _each(field, lambda text: pipeline.event_type(Sent(event_type=text), arrival), empty_too=True)


def _ids(field: Field, arrival: Arrival) -> Sequence[Stored]:
    whole = "".join(field.cells)
    whole.encode()
    if field.guards and not any(sign in whole for sign in field.guards + "\0") and "" not in field.cells:
        pipeline.identifier(max(field.cells, key=len), "id")  # the one rule left for plain cells is their length
        return field.cells
    return _each(field, lambda text: pipeline.identifier(text, "id"))


def _moments(field: Field, arrival: Arrival) -> Sequence[Stored]:
    made: dict[str, Stored] = {
        cell: timestamps.to_record(field.read(cell), arrival) if cell else None for cell in set(field.cells)
    }
    return list(map(made.__getitem__, field.cells))


def _keys(field: Field, arrival: Arrival) -> Sequence[Stored]:
    return _each(field, lambda text: message_keys.event_key(pipeline.message_id(text)))


COLUMNS: dict[str, Callable[[Field, Arrival], Sequence[Stored]]] = {
    "event_type": _event_types,
    "user_id": _ids,
    "session_id": _ids,
    "timestamp": _moments,
    "message_id": _keys,
}


def _each(field: Field, step: Callable[[str], Stored], empty_too: bool = False) -> Sequence[Stored]:
    """The step's value for each cell. An event without a type is refused; whatever else is missing is not set."""
    made: dict[str, Stored] = {}
    for cell in set(field.cells):
        text = str(field.read(cell)) if cell else ""
        text.encode()  # a lone surrogate stands for a byte that is no UTF-8
        made[cell] = step(text) if text or empty_too else None
    return list(map(made.__getitem__, field.cells))


def _is_plain(bodies: Sequence[str]) -> bool:
    """Whether every row's properties are flat, small and UTF-8: then they are what the pipeline would store."""
    whole = "".join(bodies)
    if "[" in whole or whole.count("{") > len(bodies) or max(map(len, bodies), default=0) > limits.MAX_PROPERTIES // 4:
        return False
    try:
        whole.encode()
    except UnicodeError:
        return False
    return True
