"""What kinds of values a property has had, so that its SQL can be as cheap as they allow (`dialect`).

Looked up once for an event type and a property, then only among the events that came since. Kept in memory.
"""

import math
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

import msgspec

from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Property
from evensplit.query.dialect import ABSENT, MIXED, Form, Forms, speak
from evensplit.query.reading import Reading

MOST_KEPT = 10_000


class Kinds(msgspec.Struct, frozen=True):
    """Which kinds occur among the events up to an id, as of a state of deletions; of numbers but 0 their
    magnitudes, and whether all are whole."""

    events: int
    tombstones: int
    mark: str
    numbers: bool = False
    texts: bool = False
    booleans: bool = False
    nested: bool = False
    least: float | None = None
    greatest: float | None = None
    whole: bool = True

    @property
    def form(self) -> Form:
        """The narrowest form that covers them."""
        words = self.texts or self.booleans
        if not (self.numbers or words or self.nested):
            return ABSENT
        if self.nested or (self.numbers and words):
            return MIXED
        if words:
            return Form("text", booleans=self.booleans)
        return _number(self.least, self.greatest, self.whole)

    def and_then(self, up_to: int, row: Sequence[object]) -> "Kinds":
        """With those of the events that came since, as `Asks.kinds` tells them."""
        numbers, texts, booleans, nested, least, greatest, whole = row
        lows = [x for x in (self.least, least) if isinstance(x, float)]
        highs = [x for x in (self.greatest, greatest) if isinstance(x, float)]
        return Kinds(
            up_to,
            self.tombstones,
            self.mark,
            self.numbers or bool(numbers),
            self.texts or bool(texts),
            self.booleans or bool(booleans),
            self.nested or bool(nested),
            min(lows, default=None),
            max(highs, default=None),
            self.whole and bool(whole),
        )


def distrust(store: Reading, event_type: str | None, properties: Iterable[Property]) -> None:
    """From now on expect anything of them."""
    kept = _kept.setdefault(store, {})
    for of in set(properties):
        known = kept.get((event_type, of))
        if known is not None and known.form.kind == "number":
            kept[event_type, of] = msgspec.structs.replace(known, numbers=True, nested=True)


def _number(least: float | None, greatest: float | None, whole: bool) -> Form:
    """Of numbers with these magnitudes: with the e for which all of them times 2^e are whole and below 2^95, if any."""
    if least is None or greatest is None:
        return Form("number", 0, 0)
    (_, low), (_, high) = math.frexp(least), math.frexp(greatest)  # 2^(low - 1) <= least, greatest < 2^high
    # A double in [2^(low - 1), 2^low) is a multiple of 2^(low - 53).
    exponent = 0 if whole and high <= 53 else 53 - low
    if high + exponent > 95 or abs(exponent) > 900:
        return Form("number")
    return Form("number", exponent, high + exponent)


_Key = tuple[str | None, Property]
_kept: WeakKeyDictionary[Reading, dict[_Key, Kinds]] = WeakKeyDictionary()


async def forms(store: Reading, event_type: str | None, properties: Iterable[Property], as_of: AsOf) -> Forms:
    """The form of each property among events of that type (None: of any) that `as_of` covers."""
    kept = _kept.setdefault(store, {})
    nothing = Kinds(0, as_of.fresh.tombstones, as_of.fresh.mark)
    found: dict[Property, Kinds] = {}
    stale: dict[int, list[Property]] = {}
    for of in dict.fromkeys(properties):
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
            found[of] = found[of].and_then(up_to, row[7 * n : 7 * n + 7])
    if len(kept) > MOST_KEPT:
        kept.clear()
    kept.update({(event_type, of): kinds for of, kinds in found.items()})
    return {of: kinds.form for of, kinds in found.items()}
