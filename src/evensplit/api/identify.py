"""`POST /v1/identify`: ties a visitor to a user, and keeps traits. A write key will do.

What the body means is read in `ingest.identify`, what follows from a link is for `storage.catalog.links` to say.
"""

from collections.abc import Awaitable
from typing import Protocol

import msgspec

from evensplit.ingest import identify
from evensplit.ingest.identity import is_placeholder
from evensplit.model.event import Batch, Kept, Reject
from evensplit.storage.catalog import Catalog
from evensplit.web.guard import Kind


class Store(Protocol):
    """What of the event store is needed here."""

    def append(self, batch: Batch) -> Awaitable[Kept]: ...


class IdentityNote(msgspec.Struct, frozen=True):
    """Why the two ids were not tied together: `link_refused` or `already_linked`."""

    reason: str
    message: str


class IdentifyReply(msgspec.Struct, frozen=True):
    """`linked`: the anonymous id belongs to this user now. `traits`: how many were kept."""

    user_id: str
    anonymous_id: str | None
    linked: bool
    traits: int
    notes: list[IdentityNote]


async def answer(store: Store, catalog: Catalog, body: bytes, kind: Kind, received_ms: int) -> bytes:
    """The JSON of the reply, once everything is on disk. Raises InvalidJson, Rejected, Invalid for the body."""
    stated = identify.read(body, received_ms)
    linked, note = False, None
    if stated.visitor is not None and stated.visitor != stated.user_id:
        linked, note = await _link(store, catalog, stated, kind, received_ms)
    await catalog.identity.describe(stated.user_id, stated.traits, stated.at)
    if note is not None:
        await store.append(Batch(rejects=[Reject(note.reason, note.message, _shown(stated))]))
    notes = [] if note is None else [note]
    return _encode(IdentifyReply(stated.user_id, stated.visitor, linked, len(stated.traits), notes))


async def _link(
    store: Store, catalog: Catalog, stated: identify.Identified, kind: Kind, received_ms: int
) -> tuple[bool, IdentityNote | None]:
    """State the link, and say whether it counts.

    A time of its own may make a link the earliest and so take a visitor away from another user: with a write key, which
    anybody may read in a page, that is left to those who are not linked yet."""
    assert stated.visitor is not None
    for one in (stated.visitor, stated.user_id):
        if is_placeholder(one):
            return False, IdentityNote("link_refused", f"{one[:64]!r} stands for nobody: the ids were not linked")
    before = catalog.links.owners([stated.visitor]).get(stated.visitor)
    if kind == "secret" or before in (None, stated.user_id):
        await store.append(Batch(links=[(stated.visitor, stated.user_id, stated.at)]))
        before = catalog.links.owners([stated.visitor]).get(stated.visitor)
    if before == stated.user_id:
        return True, None
    return False, IdentityNote("already_linked", f"{stated.visitor[:64]!r} is another user's, or a user")


def _shown(stated: identify.Identified) -> str:
    return _encode({"user_id": stated.user_id, "anonymous_id": stated.visitor, "timestamp": stated.at}).decode()


_encode = msgspec.json.Encoder().encode
