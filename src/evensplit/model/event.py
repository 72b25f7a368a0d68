"""What an event is once it has been accepted, and the batch in which events travel to the store."""

import msgspec


class Reject(msgspec.Struct, frozen=True, gc=False):
    """Why an event was refused, or what was noted about an accepted one."""

    reason: str
    message: str
    event: str  # the event as it was sent, cut to 4 KiB


class Batch(msgspec.Struct):
    """Accepted events of one request, laid flat: the store binds `values` as they stand.

    `values` holds five entries an event: event_type, user_id, session_id, properties (JSON text as sent),
    created_at (`YYYY-MM-DD HH:MM:SS.SSS`, UTC). `keys` is empty, or holds for each event the 16-byte key of
    its message id, or None. `links` holds (anonymous_id, user_id, time of the event).
    """

    values: list[str | None] = []
    keys: list[bytes | None] = []
    links: list[tuple[str, str, str]] = []
    rejects: list[Reject] = []

    @property
    def size(self) -> int:
        """How many events."""
        return len(self.values) // 5


class Kept(msgspec.Struct, frozen=True, gc=False):
    """What the store did with a batch: duplicates are positions within the batch."""

    duplicates: list[int]
