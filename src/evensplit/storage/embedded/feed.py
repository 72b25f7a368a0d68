"""Rows on their way from the writer's answer to the columnar copy, so that the copy need not read them again.

Only a short cut: whatever is missing here (after a restart, beyond the bound, rows of another program) is read
from the record by its ids.
"""

import threading
from collections import deque

from evensplit.storage.embedded.groups import EVENT_COLUMNS
from evensplit.storage.embedded.tail import MOST_TEXT, Row

MOST = 32 << 20  # bytes held at the most, as they travelled
LARGEST = 2 << 20  # bytes of one group; larger ones are read from the record in parts


class Feed:
    """Committed events by their ids. `put` from the event loop, the rest from the thread of the copy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: deque[tuple[int, list[str | None], int]] = deque()
        self._size = 0

    def put(self, first_id: int, values: list[str | None], size: int) -> None:
        """`values` are laid flat as in a Batch, about `size` bytes; the ids follow one another from `first_id`."""
        with self._lock:
            if self._size + size > MOST or size > LARGEST:
                self._clear()
            elif values:
                self._groups.append((first_id, values, size))
                self._size += size

    def clear(self) -> None:
        with self._lock:
            self._clear()

    def first(self, low: int) -> int | None:
        """The lowest id beyond `low` from which rows are held; what lies before it is let go."""
        with self._lock:
            while self._groups and self._groups[0][0] <= low:
                self._pop()
            return self._groups[0][0] if self._groups else None

    def take(self, high: int, limit: int) -> list[Row]:
        """The rows held first, as long as ids follow one another: whole groups up to `high`, about `limit` rows."""
        rows: list[Row] = []
        following: int | None = None
        held = 0
        with self._lock:
            while self._groups and len(rows) < limit and held < MOST_TEXT:
                first_id, values, size = self._groups[0]
                end = first_id + len(values) // EVENT_COLUMNS
                if end - 1 > high or following not in (None, first_id):
                    break
                self._pop()
                columns = [values[at::EVENT_COLUMNS] for at in range(EVENT_COLUMNS)]
                rows += zip(range(first_id, end), *columns, strict=True)
                following = end
                held += size
        return rows

    def _pop(self) -> None:
        self._size -= self._groups.popleft()[2]

    def _clear(self) -> None:
        self._groups.clear()
        self._size = 0
