"""Rows on their way from the writer's answer to the columnar copy, so that the copy need not read them again.

Only a short cut: whatever is missing here (after a restart, beyond the bound, rows of another program) is read
from the record by its ids.
"""

import threading
from collections import deque

from evensplit.storage.embedded.groups import EVENT_COLUMNS
from evensplit.storage.embedded.tail import Row

MOST = 100_000  # events held at the most; about 40 MB


class Feed:
    """Committed events by their ids. `put` from the event loop, the rest from the thread of the copy."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: deque[tuple[int, list[str | None]]] = deque()
        self._held = 0

    def put(self, first_id: int, values: list[str | None]) -> None:
        """`values` are laid flat as in a Batch; the ids follow one another from `first_id`."""
        count = len(values) // EVENT_COLUMNS
        with self._lock:
            if self._held + count > MOST:
                self._groups.clear()
                self._held = 0
                return
            self._groups.append((first_id, values))
            self._held += count

    def clear(self) -> None:
        with self._lock:
            self._groups.clear()
            self._held = 0

    def first(self, low: int) -> int | None:
        """The lowest id beyond `low` from which rows are held; what lies before it is let go."""
        with self._lock:
            while self._groups and self._groups[0][0] <= low:
                self._held -= len(self._groups.popleft()[1]) // EVENT_COLUMNS
            return self._groups[0][0] if self._groups else None

    def take(self, high: int, limit: int) -> list[Row]:
        """The rows held first, as long as ids follow one another, whole groups up to `high` and about `limit` rows."""
        rows: list[Row] = []
        with self._lock:
            while self._groups and len(rows) < limit:
                first_id, values = self._groups[0]
                count = len(values) // EVENT_COLUMNS
                if first_id + count - 1 > high or (rows and first_id != rows[-1][0] + 1):  # type: ignore[operator]
                    break
                self._groups.popleft()
                self._held -= count
                columns = [values[at::EVENT_COLUMNS] for at in range(EVENT_COLUMNS)]
                rows += zip(range(first_id, first_id + count), *columns, strict=True)
        return rows
