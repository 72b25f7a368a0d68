"""The moment a report speaks of: how far the store had read, as an opaque text that replies carry and questions bring.

`settle` makes it for a question; `encode` and `decode` turn a watermark into its text and back.
"""

import base64
import binascii

import msgspec

from evensplit.errors import InvalidReport
from evensplit.query.reading import Reading
from evensplit.storage.base import Watermark

FORM = 1
# How far the log of who is who goes, and then a row a cohort.
STATED = """SELECT last, name, definition FROM (
    SELECT 0 AS place, coalesce(max(id), 0) AS last, '' AS name, '' AS definition FROM es_identity
    UNION ALL SELECT 1 AS place, 0 AS last, name, definition FROM es_cohorts
) AS found ORDER BY place, name"""


class AsOf(msgspec.Struct, frozen=True):
    """What a question may see: rows up to the watermark, what was stated about who is who (links, merges, traits) up
    to an id. `fresh` is how far the store has read.

    `cohorts` are the definitions (name, JSON) as they stand now; days in them are counted back from `until`."""

    watermark: Watermark
    links: int
    fresh: Watermark
    cohorts: tuple[tuple[str, str], ...] = ()
    until: int = 0

    @property
    def altered_by_erasure(self) -> bool:
        """Whether rows that were there then have been deleted or changed since."""
        return self.watermark.tombstones != self.fresh.tombstones


class _Written(msgspec.Struct, frozen=True, array_like=True):
    form: int
    events: int
    assignments: int
    metrics: int
    tombstones: int
    mark: str
    links: int = 0


def encode(watermark: Watermark, links: int = 0) -> str:
    """The opaque text."""
    w = watermark
    packed = msgspec.msgpack.encode(_Written(FORM, w.events, w.assignments, w.metrics, w.tombstones, w.mark, links))
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode(text: str) -> Watermark:
    """The watermark of that text. Raises `invalid_as_of`."""
    return _read(text)[0]


async def settle(store: Reading, text: str | None) -> AsOf:
    """Now (everything acknowledged so far) or the moment of `text`. Raises `invalid_as_of`."""
    asked = None if text is None else _read(text)
    fresh = await store.fresh()
    (stated, *cohorts) = await store.query(STATED, [])
    known = tuple((str(name), str(definition)) for _, name, definition in cohorts)
    if asked is None:
        return AsOf(fresh, int(str(stated[0])), fresh, known)
    then, links = asked
    if then.events > fresh.events or then.tombstones > fresh.tombstones:
        raise _unknown(text or "")
    return AsOf(then, links, fresh, known)


def _read(text: str) -> tuple[Watermark, int]:
    try:
        packed = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = msgspec.msgpack.decode(packed, type=_Written)
    except (binascii.Error, ValueError, msgspec.DecodeError):
        raise _unknown(text) from None
    numbers = (found.events, found.assignments, found.metrics, found.tombstones)
    if found.form != FORM or min(*numbers, found.links) < 0 or max(*numbers, found.links) >= 2**63:
        raise _unknown(text)
    return Watermark(*numbers, found.mark), found.links


def _unknown(text: str) -> InvalidReport:
    return InvalidReport("invalid_as_of", f"as_of {text[:100]!r} was not given out by this server")
