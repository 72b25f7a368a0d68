"""Many small worlds in one store: what one statement answers about all of them is held against the oracle of each.

Reading a statement takes ClickHouse longer than answering it over a few events, so that its tests ask about a dozen
worlds at once, kept apart by the breakdown. Nobody and no session is in two worlds. Not here: what an answer must be.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from hypothesis import strategies as st

from tests.unit.query.memory_store import Event

WORLDS = 12
OF_WORLD = {"property": "w", "limit": 2 * WORLDS}
Links = list[tuple[str, str, int]]


def several(events: st.SearchStrategy[list[Event]]) -> st.SearchStrategy[list[Event]]:
    """The events of so many worlds as one list, each world's in their order."""
    worlds = st.lists(events, min_size=WORLDS, max_size=WORLDS)
    return worlds.map(lambda found: [apart(event, n) for n, world in enumerate(found) for event in world])


def apart(event: Event, world: int) -> Event:
    """The event in that world, which its properties name; one without properties is in none that can be asked for."""
    return msgspec.structs.replace(
        event,
        user_id=within(event.user_id, world),
        session_id=within(event.session_id, world),
        properties=_with(event.properties, world),
    )


def within(name: str | None, world: int) -> str | None:
    """A user or a session of that world."""
    return None if name is None else f"{name} of {world}"


def linked(links: Links) -> Links:
    """The same links in every world."""
    return [(f"{one} of {world}", f"{other} of {world}", at) for world in range(WORLDS) for one, other, at in links]


def split(report: Mapping[str, Any]) -> dict[str, Any]:
    """The report, asked of each world by itself."""
    return {**report, "breakdown": [OF_WORLD, *report["breakdown"]]}


def _with(properties: str | None, world: int) -> str | None:
    if properties is None:
        return None
    before = "" if properties == "{}" else f"{properties[:-1]},"
    return f'{before or "{"}"w":{world}}}'
