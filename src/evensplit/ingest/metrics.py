"""From the body of a request to rows of `ab_metrics`: values that are sent directly to an experiment.

Which experiments there are and who is assigned is asked of `Lookup`; keeping the rows is the store.
"""

import math
from collections.abc import Sequence
from typing import Protocol

import msgspec
from msgspec import Raw

from evensplit.errors import InvalidJson, Rejected, UnknownExperiment
from evensplit.ingest import message_keys, pipeline, sent, slices, timestamps
from evensplit.ingest.forms import is_lines
from evensplit.ingest.pipeline import KEPT_OF_REJECT, Note
from evensplit.ingest.sent import ABSENT
from evensplit.ingest.timestamps import Arrival
from evensplit.model.event import Batch, Reject
from evensplit.storage.base import NewMetric

MAX_NAME = 200


class Known(Protocol):
    """What is asked of an experiment."""

    @property
    def id(self) -> int: ...

    def named(self, name: str) -> "HasId | None":
        """The variant of that name."""
        ...


class HasId(Protocol):
    @property
    def id(self) -> int: ...


class Lookup(Protocol):
    """What is asked of the catalog."""

    def experiment(self, name: str) -> Known:
        """Raises UnknownExperiment."""
        ...

    def assigned(self, test_id: int, user_id: str) -> int | None:
        """The id of the variant that the person has, under this id or one linked to it."""
        ...


class Loose(msgspec.Struct, gc=False):
    """The fields of a value, none of them looked at."""

    experiment: Raw = ABSENT
    metric: Raw = ABSENT
    value: Raw = ABSENT
    user_id: Raw = ABSENT
    variant: Raw = ABSENT
    timestamp: Raw = ABSENT
    message_id: Raw = ABSENT


class MetricsReading(msgspec.Struct):
    """`positions[i]` is the index in the request of `rows[i]`; `rejects` holds no events, only what was refused."""

    rows: list[NewMetric]
    positions: Sequence[int]
    notes: list[Note]
    rejects: Batch
    single: bool


_decode = msgspec.json.Decoder(Loose).decode


def read(body: bytes, content_type: str, received_ms: int, lookup: Lookup, most: int) -> MetricsReading:
    """Raises InvalidJson for a body that is not JSON, TooLarge beyond `most` values."""
    pieces, indexes, single = _pieces(body, content_type, most)
    arrival = Arrival(received_ms)
    reading = MetricsReading([], [], [], Batch(), single)
    positions: list[int] = []
    for piece, index in zip(pieces, indexes, strict=True):
        try:
            reading.rows.append(_row(_fields(piece), arrival, lookup))
            positions.append(index)
        except Rejected as refused:
            if single and refused.code == "invalid_json":
                raise InvalidJson(refused.message) from None
            text = piece[:KEPT_OF_REJECT].decode("utf-8", "replace")
            reading.rejects.rejects.append(Reject(refused.code, refused.message, text))
            reading.notes.append(Note(index, "rejected", refused.code, refused.message))
    reading.positions = positions
    return reading


def _pieces(body: bytes, content_type: str, most: int) -> tuple[list[bytes], Sequence[int], bool]:
    body = body.removeprefix(b"\xef\xbb\xbf").strip(b" \t\r\n")
    if body.startswith(b"["):
        pieces = slices.elements(body, most)
        return pieces, range(len(pieces)), False
    if is_lines(content_type):
        found = list(slices.lines(body, most))
        return [line for _, line in found], [number for number, _ in found], False
    return [body], (0,), True


def _fields(piece: bytes) -> Loose:
    """The fields of the object that `piece` is. Raises Rejected not_an_object, invalid_json, invalid_text."""
    try:
        piece.decode()
        return _decode(piece)
    except sent.UNREADABLE:
        raise sent.fault_of(piece) from None


def _row(fields: Loose, arrival: Arrival, lookup: Lookup) -> NewMetric:
    """In the order in which reasons are found. Raises Rejected."""
    experiment = _experiment(fields, lookup)
    metric = _name(fields.metric, "metric")
    if not metric:
        raise Rejected("invalid_text", f"metric is required, 1 to {MAX_NAME} characters of text")
    value = _value(fields.value)
    user_id, variant_id = _whose(fields, experiment, lookup)
    timestamp = sent.moment(fields.timestamp)
    created_at = arrival.text if timestamp is None else timestamps.to_record(timestamp, arrival)
    message_id = sent.message_id(fields.message_id)
    key = None
    if message_id:
        key = message_keys.metric_key(str(experiment.id), metric, pipeline.message_id(message_id))
    return NewMetric(experiment.id, variant_id, metric, value, created_at, user_id, key)


def _experiment(fields: Loose, lookup: Lookup) -> Known:
    name = _name(fields.experiment, "experiment")
    if not name:
        raise Rejected("unknown_experiment", "experiment is required")
    try:
        return lookup.experiment(name)
    except UnknownExperiment as error:
        raise Rejected("unknown_experiment", error.message) from None


def _whose(fields: Loose, experiment: Known, lookup: Lookup) -> tuple[str | None, int]:
    """(user, variant id). A user's variant is the one they were assigned; `variant` alone names nobody."""
    who = sent.identifier(fields.user_id, "user_id")
    user_id = pipeline.identifier(who, "user_id") if who else None
    name = _name(fields.variant, "variant")
    variant = experiment.named(name) if name else None
    if name and variant is None:
        raise Rejected("unknown_variant", f"the experiment has no variant named {name!r}")
    if user_id is None:
        if variant is None:
            raise Rejected("unknown_variant", "either user_id or variant is required")
        return None, variant.id
    assigned = lookup.assigned(experiment.id, user_id)
    if assigned is None:
        raise Rejected("not_assigned", f"user {user_id[:64]!r} has no variant in this experiment")
    if variant is not None and variant.id != assigned:
        raise Rejected("not_assigned", f"user {user_id[:64]!r} has another variant than {name!r}")
    return user_id, assigned


def _name(raw: Raw, field: str) -> str | None:
    """Raises Rejected invalid_text."""
    try:
        text = sent.as_text(raw)
    except ValueError:
        raise Rejected("invalid_text", f"{field} is not text") from None
    if text is not None and (len(text) > MAX_NAME or "\0" in text):
        raise Rejected("invalid_text", f"{field} has more than {MAX_NAME} characters, or a NUL")
    return text


def _value(raw: Raw) -> float:
    """Raises Rejected invalid_number."""
    text = str(raw, "utf-8")
    if text[:1] in "-0123456789" and text:
        value = float(text)
        if math.isfinite(value):
            return value
    raise Rejected("invalid_number", "value is a finite JSON number")
