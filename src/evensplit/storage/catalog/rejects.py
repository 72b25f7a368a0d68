"""What was refused or noted, read back: the last ones whole, the counts for ever. Not here: noting them (the writer).

The table belongs to the record, so its statements are written out.
"""

from collections.abc import Sequence

import msgspec

from evensplit.storage.base import CatalogStore, Value
from evensplit.storage.catalog.rows import whole

_FIELDS = "SELECT id, reason, message, event, received_at FROM es_rejects"
_PAGE = (
    f"{_FIELDS} WHERE id < ?1 AND (?2 IS NULL OR reason = ?2) AND (?4 IS NULL OR received_at >= ?4) "
    "ORDER BY id DESC LIMIT ?3"
)
_COUNTS = "SELECT reason, count FROM es_reject_counts ORDER BY count DESC, reason"
_BETWEEN = (
    "SELECT count(*) FROM es_rejects WHERE id > (SELECT coalesce(max(id), 0) FROM es_rejects) - ? "
    "AND received_at >= ? AND received_at < ? AND reason IN ({})"
)
LOOKED_AT = 20_000  # of the newest rows, to count those of a time
NEWEST = 1 << 62


class Refused(msgspec.Struct, frozen=True):
    """`event` is what was sent, at most its first characters; the time is the record's text."""

    id: int
    reason: str
    message: str
    event: str
    received_at: str


class Rejects:
    """Reads `es_rejects` and `es_reject_counts`."""

    def __init__(self, store: CatalogStore) -> None:
        self._store = store

    def page(
        self, before: int = NEWEST, reason: str | None = None, most: int = 50, since: str | None = None
    ) -> list[Refused]:
        """Up to `most` with an id below `before`, newest first; none that came before `since` (the record's text)."""
        values: list[Value] = [before, reason, most, since]
        return [
            Refused(whole(row[0]), str(row[1]), str(row[2]), str(row[3]), str(row[4]))
            for row in self._store.read((_PAGE, values))
        ]

    def counts(self) -> dict[str, int]:
        """How often each reason came up, ever; the most frequent first."""
        return {str(reason): whole(count) for reason, count in self._store.read((_COUNTS, []))}

    def between(self, since: str, until: str, reasons: Sequence[str]) -> int:
        """Of the newest, how many came in [since, until) for one of these reasons. Times as the record's text."""
        sql = _BETWEEN.format(", ".join("?" * len(reasons)))
        ((count,),) = self._store.read((sql, [LOOKED_AT, since, until, *reasons]))
        return whole(count)
