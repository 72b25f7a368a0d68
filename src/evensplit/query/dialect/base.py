"""What the questions need an engine to spell. The shape of the SQL stands in `sql`, and is the same for every engine.

Columns and aggregates go in and out as text of ours; whatever a caller brought along travels in fragments, bound.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from evensplit.query.conditions import Property, Source
from evensplit.query.edges import Buckets
from evensplit.query.fragment import Fragment


class Form(msgspec.Struct, frozen=True):
    """What a property's values are, among the rows asked about: texts and booleans only, numbers only, or anything.

    `exponent`: all numbers times 2 to that power are whole, and below 2^95."""

    kind: Literal["text", "number", "mixed"]
    exponent: int | None = None


TEXT, MIXED = Form("text"), Form("mixed")
Forms: TypeAlias = Mapping[Property, Form]


class Times(Protocol):
    """The event's time. Instants are milliseconds since 1970-01-01 UTC."""

    def bucket(self, buckets: Buckets) -> Fragment:
        """Which bucket it falls into, from 0."""
        ...

    def compared(self, sign: Literal["<", "<=", ">", ">="], at: int) -> Fragment:
        """It stands so to an instant."""
        ...

    def before(self, at: int, row_id: int) -> Fragment:
        """The event comes before that one in the order of (time, id)."""
        ...

    def as_ms(self) -> Fragment:
        """It as an instant."""
        ...

    def shown(self, column: str) -> str:
        """A time as `2026-11-22T10:11:12.345Z`."""
        ...


class Values(Protocol):
    """The fields and properties of an event, in the forms that are known of them."""

    def text(self, of: Source) -> Fragment:
        """The text form; NULL where it is not set."""
        ...

    def number(self, of: Source) -> Fragment:
        """The value as a double; NULL where it is no number."""
        ...

    def exponent(self, of: Source) -> int | None:
        """Of the form, if one is known that fits all numbers."""
        ...

    def is_set(self, of: Source) -> Fragment:
        """Whether there is a value."""
        ...

    def one_of(self, of: Source, texts: Sequence[str]) -> Fragment:
        """The text form is one of these; not true where it is not set."""
        ...

    def key(self, of: Source) -> Fragment:
        """Equal exactly where the text forms are, and cheap; `key_text` makes the text form of it."""
        ...

    def key_text(self, of: Source, column: str) -> str:
        """The text form of a column that holds `key(of)`."""
        ...

    def holds(self, how: Literal["contains", "starts_with", "ends_with"], text: Fragment, part: str) -> Fragment:
        """A text contains, begins or ends with another."""
        ...

    def matches(self, text: Fragment, pattern: str) -> Fragment:
        """A part of the text matches the pattern (RE2, dot without newline)."""
        ...


class Aggregates(Protocol):
    """Over groups of rows."""

    once: str  # after `AS`: compute this common table expression a single time

    def quantile(self, column: str, q: float) -> str:
        """Inclusive linear (type 7)."""
        ...

    def exponent(self, column: str) -> str:
        """An integer e, of few values, such that x * 2^e is a whole number below 2^95."""
        ...

    def whole(self, column: str, exponent: str) -> str:
        """x * 2^e as an exact integer; sums of it are exact, in whatever order they are taken."""
        ...

    def multiple(self, column: str, factor: Fragment) -> Fragment:
        """x times a number as an exact integer, where it is known to be one."""
        ...

    def unscaled(self, column: str, exponent: str) -> str:
        """A sum of such integers as a double, for ranking."""
        ...

    def bit(self, position: str) -> str:
        """An integer with that bit set, from 0 to 61."""
        ...

    def union(self, bits: str) -> str:
        """The bits that are set in any of them."""
        ...

    def has_bit(self, bits: str, position: int) -> str:
        """Whether that bit is set."""
        ...


class Asks(Protocol):
    """Whole questions that every engine answers in its own way."""

    def persons(self, links: int) -> Fragment:
        """Rows (id, person): to whom an anonymous id belongs, by the links up to that one."""
        ...

    def kinds(self, event_type: str | None, paths: Sequence[Property], after: int, up_to: int) -> Fragment:
        """One row about these events; for each path: whether numbers, texts or booleans, objects or arrays occur,
        and the least and greatest magnitude of its numbers but 0."""
        ...

    def sound_patterns(self, patterns: Iterable[str]) -> Fragment:
        """Rows (pattern, whether the engine can read it)."""
        ...

    def newest(self, event_type: str | None, up_to: int, most: int) -> Fragment:
        """One row: how many of the newest events there are, at most so many, and the lowest id among them."""
        ...

    def property_uses(self, event_type: str | None, low: int, high: int, frequent: int) -> Fragment:
        """Rows (property, kind, events, a frequent text form, its events), over ids from `low` to `high`."""
        ...


class Dialect(msgspec.Struct, frozen=True):
    """All of it, for one engine."""

    times: Times
    values: Values
    aggregates: Aggregates
    asks: Asks
