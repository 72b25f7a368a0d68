"""Many events at once: the values of each column, where nothing is odd about any event.

Each column is shown to be plain as a whole, which costs a fraction of asking event by event. Where anything is odd
the answer is None, and the steps of `pipeline`, which are the definition of both, say what to store of which event.
"""

from collections.abc import Iterable, Sequence

from evensplit import clock
from evensplit.errors import Rejected
from evensplit.ingest import message_keys, objects
from evensplit.ingest.limits import MAX_EVENT_TYPE, MAX_ID, MAX_MESSAGE_ID
from evensplit.ingest.message_keys import KEY_BYTES
from evensplit.ingest.sent import Sent
from evensplit.ingest.timestamps import Arrival
from evensplit.ingest.timestamps import parse as parse_time
from evensplit.model.event import Batch

FEWEST = 4  # fewer events are not worth the set-up
_TIME = 24  # characters of YYYY-MM-DDTHH:MM:SS.SSSZ
_UUID = 36  # characters


def batch(events: Sequence[Sent | Rejected], arrival: Arrival) -> Batch | None:
    """What the steps of the pipeline make of `events` if none has anything to tell."""
    if len(events) < FEWEST or arrival.skew_ms or arrival.browser is not None:
        return None
    try:
        if any(event.anonymous_id for event in events):  # type: ignore[union-attr]  # AttributeError where refused
            return None
        names = [event.event_type for event in events]  # type: ignore[union-attr]
        users = [event.user_id for event in events]  # type: ignore[union-attr]
        sessions = [event.session_id for event in events]  # type: ignore[union-attr]
        bodies = [event.properties for event in events]  # type: ignore[union-attr]
        times = [event.timestamp for event in events]  # type: ignore[union-attr]
        ids = [event.message_id for event in events]  # type: ignore[union-attr]
        values: list[str | None] = [None] * (5 * len(events))
        values[0::5] = _texts(names, MAX_EVENT_TYPE)
        values[1::5] = _texts_or_nothing(users)
        values[2::5] = _texts_or_nothing(sessions)
        values[3::5] = _properties(bodies)
        values[4::5] = _moments(times, arrival)
        return Batch(values, _keys(ids))
    except (Odd, Rejected, AttributeError):
        return None


class Odd(Exception):
    """Something in a column has to be looked at event by event."""


# --- columns --------------------------------------------------------------------------------------


def _texts(column: Sequence[object], longest: int) -> list[str]:
    """Text in every cell, none of it empty, too long or with a NUL."""
    try:
        whole = "".join(column)  # type: ignore[arg-type]  # TypeError where a cell is no text
    except TypeError:
        raise Odd from None
    if "\0" in whole or "" in column or (len(whole) > longest and max(map(len, column)) > longest):  # type: ignore[arg-type]
        raise Odd
    return column  # type: ignore[return-value]


def _texts_or_nothing(column: list[str | int | None]) -> Sequence[str | None]:
    missing = column.count(None)
    if missing == 0:
        return _texts(column, MAX_ID)
    if missing < len(column):
        _texts([cell for cell in column if cell is not None], MAX_ID)
    return column  # type: ignore[return-value]  # without the missing ones it is text


def _properties(column: list[bytes]) -> Iterable[str | None]:
    # No JSON text holds a NUL outside a string, and none within: what was skipped over is looked at here.
    whole = b"\0".join(column).decode()
    texts = whole.split("\0")
    if len(texts) != len(column):
        raise Odd
    absent = texts.count("")
    plain = len(texts) - absent
    if whole.count("\0{") + whole.startswith("{") != plain:
        raise Odd
    odd = (
        "[" in whole or whole.count("{") > plain or objects.has_exponent(whole) or max(map(len, texts)) > objects.SHORT
    )
    if odd:
        return [objects.checked(text) if text else None for text in texts]
    return [text or None for text in texts] if absent else texts


def _moments(column: list[str | int | float | None], arrival: Arrival) -> Iterable[str]:
    """Times written YYYY-MM-DDTHH:MM:SS.SSSZ, neither before 1970 nor after the arrival; or none at all."""
    if column.count(None) == len(column):
        return [arrival.text] * len(column)
    try:
        whole = "".join(column)  # type: ignore[arg-type]
        if set(map(len, column)) != {_TIME}:  # type: ignore[arg-type]
            raise Odd
        for _ in map(parse_time, column):  # type: ignore[arg-type]
            pass
    except (TypeError, ValueError):
        raise Odd from None
    count = len(column)
    for place, sign in ((7, "-"), (10, "T"), (19, "."), (23, "Z")):
        if whole[place::_TIME] != sign * count:
            raise Odd
    texts = [f"{text[:10]} {text[11:23]}" for text in column]  # type: ignore[index]
    if min(texts) < clock.EPOCH_TEXT or max(texts) > arrival.text or " 24:" in "".join(texts):
        raise Odd  # newer Pythons read 24:00 as the next day
    return texts


def _keys(column: list[str | int | None]) -> list[bytes | None]:
    """The keys of the message ids; none at all where no event has one."""
    if column.count(None) == len(column):
        return []
    texts = _texts(column, MAX_MESSAGE_ID)
    return _uuids(texts) or list(map(message_keys.event_key, texts))


def _uuids(texts: list[str]) -> list[bytes | None] | None:
    """The keys of canonical UUIDs, as `message_keys.event_key` gives them; None where any is none."""
    whole = "".join(texts)
    count = len(texts)
    if len(whole) != _UUID * count or set(map(len, texts)) != {_UUID} or whole != whole.lower():
        return None
    if any(whole[place::_UUID] != "-" * count for place in (8, 13, 18, 23)):
        return None
    try:
        keys = bytes.fromhex(whole.replace("-", ""))
    except ValueError:
        return None
    if len(keys) != KEY_BYTES * count:  # spaces within are skipped
        return None
    return [keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES)]
