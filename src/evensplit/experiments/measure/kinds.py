"""What kinds of values the properties of a metric's events have had, so that one scan can read them cheaply.

Looked up by `query.forms` for each type of event. Not here: what is done with the values."""

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from evensplit.experiments.conditions import Selection
from evensplit.query.as_of import AsOf
from evensplit.query.conditions import Property, Source
from evensplit.query.dialect import ABSENT, MIXED, Dialect, Form, Forms, speak
from evensplit.query.forms import distrust, forms
from evensplit.query.reading import Reading


class Known(msgspec.Struct, frozen=True):
    """The forms of properties by type of event; of those that are not here, anything is expected."""

    engine: str
    by_type: Mapping[str | None, Forms] = {}

    @property
    def narrow(self) -> bool:
        """Whether a value of another kind than expected could make a statement fail."""
        return any(form.kind == "number" for each in self.by_type.values() for form in each.values())

    def dialect(self, chosen: Sequence[Selection]) -> Dialect:
        """For one scan over the events of all these: a property is what it is among any of them."""
        types = dict.fromkeys(each.event_type for each in chosen)
        properties = _properties(chosen)
        return speak(self.engine, {of: _covering([self._form(name, of) for name in types]) for of in properties})

    def exponent(self, event_type: str | None, of: Source | None) -> int | None:
        """One that makes whole numbers of all values of the property among such events, if one is known."""
        return self._form(event_type, of).exponent if isinstance(of, Property) else None

    def exact(self, event_type: str | None, of: Source | None, events: int) -> bool:
        """Whether doubles add up the values of so many such events without rounding, in whatever order."""
        bits = self._form(event_type, of).bits if isinstance(of, Property) else None
        return bits is not None and bits + events.bit_length() <= 53

    def _form(self, event_type: str | None, of: Property) -> Form:
        return self.by_type.get(event_type, {}).get(of, MIXED)


async def known(store: Reading, chosen: Sequence[Selection], as_of: AsOf) -> Known:
    """All properties of all these, among the events of each of their types."""
    found = {}
    for name, each in _by_type(chosen).items():
        found[name] = await forms(store, name, _properties(each), as_of)
    return Known(store.engine, found)


def doubt(store: Reading, chosen: Sequence[Selection]) -> None:
    """From now on expect anything of them."""
    for name, each in _by_type(chosen).items():
        distrust(store, name, _properties(each))


def _by_type(chosen: Sequence[Selection]) -> dict[str | None, list[Selection]]:
    """Those that look at properties. Where one looks at events of any type, one scan serves all: then all together."""
    found: dict[str | None, list[Selection]] = {}
    any_type = any(each.event_type is None for each in chosen)
    for each in chosen:
        if each.properties:
            found.setdefault(None if any_type else each.event_type, []).append(each)
    return found


def _properties(chosen: Iterable[Selection]) -> list[Property]:
    return list(dict.fromkeys(of for each in chosen for of in each.properties))


def _covering(found: Sequence[Form]) -> Form:
    """The narrowest form that covers all of them."""
    there = list(dict.fromkeys(form for form in found if form != ABSENT))
    if not there:
        return ABSENT
    first = there[0]
    if any(form.kind != first.kind for form in there):
        return MIXED
    return first if len(there) == 1 else Form(first.kind)
