"""When an event happened: from RFC 3339 text or Unix time to the text of the record, the sender's clock corrected."""

import re
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from evensplit import clock
from evensplit.errors import Rejected
from evensplit.ingest.enrich import Browser

Sent: TypeAlias = str | int | float

AHEAD_MS = 24 * 3_600_000
MILLISECONDS_FROM = 100_000_000_000  # a number from here on counts milliseconds; below it, seconds
SKEW_FROM_MS = 1_000  # a smaller difference is the way of the request, not a wrong clock

parse = datetime.fromisoformat
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND = timedelta(seconds=1)
_RFC3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt ]((?:[01]\d|2[0-3]):[0-5]\d:)([0-5]\d|60)(\.\d+)?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class Arrival:
    """When a request came, how far its sender's clock is off, and what the steps noted about the event at hand.

    `browser`: what sent it, where events of the browser script may be among the events."""

    __slots__ = ("browser", "notes", "received_ms", "skew_ms", "text")

    def __init__(self, received_ms: int, sent_at: Sent | None = None, browser: Browser | None = None) -> None:
        self.browser = browser
        self.received_ms = received_ms
        self.text = clock.to_text(received_ms)
        self.notes: list[tuple[str, str]] = []
        try:
            skew = 0 if sent_at is None else received_ms - milliseconds(sent_at)
        except Rejected as refused:
            raise Rejected(refused.code, f"sent_at: {refused.message}") from None
        self.skew_ms = skew if abs(skew) >= SKEW_FROM_MS else 0


def milliseconds(value: Sent) -> int:
    """Unix milliseconds; finer digits are cut. Raises Rejected invalid_timestamp."""
    if isinstance(value, str):
        return _from_text(value)
    try:
        if isinstance(value, int):
            return value if abs(value) >= MILLISECONDS_FROM else value * 1000
        if abs(value) >= MILLISECONDS_FROM:
            return int(value // 1)
        return round(value * 1_000_000) // 1000  # a double holds seconds of our time to the microsecond
    except (OverflowError, ValueError):
        raise _refused(f"{value!s:.64} is no time") from None


def _from_text(value: str) -> int:
    parts = _RFC3339.fullmatch(value)
    if parts is None:
        raise _refused(f"{value[:64]!r} is not RFC 3339 with a zone, such as 2026-11-22T10:11:12.345Z")
    day, hours, second, fraction, zone = parts.groups()
    leap = second == "60"
    whole = f"{day}T{hours}{'59' if leap else second}{(fraction or '')[:7]}{'Z' if zone in 'Zz' else zone}"
    try:
        moment = parse(whole)
    except ValueError as error:
        raise _refused(f"{value[:64]!r} is no time: {error}") from None
    since = moment - _EPOCH + (_SECOND if leap else timedelta())
    return since.days * 86_400_000 + since.seconds * 1000 + since.microseconds // 1000


def to_record(value: Sent, arrival: Arrival) -> str:
    """`value`, corrected for the sender's clock, as `YYYY-MM-DD HH:MM:SS.SSS`. Raises Rejected invalid_timestamp."""
    # YYYY-MM-DDTHH:MM:SS.SSSZ, which nearly every client sends, needs no arithmetic: once parsed it is cut to shape.
    if (
        isinstance(value, str)
        and len(value) == 24
        and not arrival.skew_ms
        and (value[23] == "Z" and value[10] == "T" and value[7] == "-" and value[19] == ".")
        and value[11:13] != "24"  # newer Pythons read 24:00 as the next day
    ):
        try:
            parse(value)
        except ValueError:
            pass  # the other way says why
        else:
            text = f"{value[:10]} {value[11:23]}"
            if clock.EPOCH_TEXT <= text <= arrival.text:
                return text
    moment = milliseconds(value) + arrival.skew_ms
    if not 0 <= moment <= arrival.received_ms + AHEAD_MS:
        raise _refused(f"{value!s:.64} lies outside 1970 to 24 hours from now")
    return clock.to_text(moment)


def _refused(message: str) -> Rejected:
    return Rejected("invalid_timestamp", message)
