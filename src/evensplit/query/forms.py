"""What kinds of values a property has had, so that its SQL can be as cheap as they allow (`dialect`).

Looked up once for an event type and a property, then only among the events that came since. Kept in memory.
"""

from collections.abc import Iterable
from weakref import WeakKeyDictionary

import msgspec

from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Property
from evensplit.query.dialect import Form, Forms, speak
from evensplit.storage.base import EventStore

MOST_KEPT = 10_000


class Kinds(msgspec.Struct, frozen=True):
    """Which kinds occur among the events up to an id, as of a state of deletions."""

    events: int
    tombstones: int
    mark: str
    numbers: bool = False
    texts: bool = False
    nested: bool = False

    @property
    def form(self) -> Form:
        """The narrowest form that covers them."""
        if self.nested or (self.numbers and self.texts):
            return "mixed"
        return "number" if self.numbers else "text"


_Key = tuple[str | None, Property]
_kept: WeakKeyDictionary[EventStore, dict[_Key, Kinds]] = WeakKeyDictionary()


async def forms(store: EventStore, event_type: str | None, properties: Iterable[Property], as_of: AsOf) -> Forms:
    """The form of each property among events of that type (None: of any) that `as_of` covers."""
    kept = _kept.setdefault(store, {})
    nothing = Kinds(0, as_of.fresh.tombstones, as_of.fresh.mark)
    found: dict[Property, Kinds] = {}
    stale: dict[int, list[Property]] = {}
    for of in set(properties):
        known = kept.get((event_type, of), nothing)
        if (known.tombstones, known.mark) != (nothing.tombstones, nothing.mark):
            known = nothing  # rows that were looked at may have been changed
        found[of] = known
        if known.events < as_of.watermark.events:
            stale.setdefault(known.events, []).append(of)
    for after, paths in stale.items():
        up_to = as_of.watermark.events
        question = speak(store.engine, {}).asks.kinds(event_type, paths, after, up_to)
        (row,) = await store.query(question.sql, question.values)
        for n, of in enumerate(paths):
            numbers, texts, nested = (bool(seen) for seen in row[3 * n : 3 * n + 3])
            old = found[of]
            found[of] = Kinds(
                up_to, old.tombstones, old.mark, old.numbers or numbers, old.texts or texts, old.nested or nested
            )
    if len(kept) > MOST_KEPT:
        kept.clear()
    kept.update({(event_type, of): kinds for of, kinds in found.items()})
    return {of: kinds.form for of, kinds in found.items()}
