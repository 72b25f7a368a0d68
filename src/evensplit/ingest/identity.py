"""Which two ids may be tied to one person, and which links tie nothing because the visitor is somebody else's.

Which of several links counts is for the catalog to say: the earliest, whatever came first.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence

# What broken integrations send instead of an id; tying people to these would make one person of strangers.
PLACEHOLDERS = frozenset(
    {
        "",
        "null",
        "undefined",
        "none",
        "nan",
        "0",
        "-1",
        "true",
        "false",
        "anonymous",
        "guest",
        "unknown",
        "[object object]",
        "00000000-0000-0000-0000-000000000000",
    }
)


def is_placeholder(identifier: str) -> bool:
    return identifier.strip().lower() in PLACEHOLDERS


MOST_OWNERS = 100_000
_FEW = 50


class Owners:
    """To whom visitors belong, as far as it was asked. Ask only once the links in question are stored."""

    def __init__(self, lookup: Callable[[Sequence[str]], Mapping[str, str]]) -> None:
        """`lookup` gives the known user of each visitor that has one, and known users themselves. It may be called in a
        thread."""
        self._lookup = lookup
        self._known: dict[str, str] = {}

    async def strangers(self, links: Sequence[tuple[str, str, str]]) -> list[int]:
        """The positions of links (visitor, user, time) whose visitor belongs to another user."""
        asked = list({visitor for visitor, user, _ in links if self._known.get(visitor) != user})
        if asked:
            if len(self._known) + len(asked) > MOST_OWNERS:
                self._known.clear()
                asked = list({visitor for visitor, _, _ in links})
            found = self._lookup(asked) if len(asked) <= _FEW else await asyncio.to_thread(self._lookup, asked)
            self._known.update(found)
        known = self._known
        return [at for at, (visitor, user, _) in enumerate(links) if known.get(visitor, user) != user]
