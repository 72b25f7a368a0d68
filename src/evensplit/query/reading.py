"""The part of a store that questions need. `storage.base.EventStore` has it."""

from collections.abc import Sequence
from typing import Protocol

from evensplit.storage.base import Watermark


class Reading(Protocol):
    """Columns that can be asked."""

    engine: str  # picks the dialect

    async def fresh(self) -> Watermark:
        """Wait until everything acknowledged so far can be seen; say how far that is."""
        ...

    async def query(self, sql: str, values: Sequence[object]) -> list[tuple[object, ...]]:
        """The rows of a statement; values are bound."""
        ...
