"""What the questions need an engine to spell. The shape of the SQL stands in `sql`, and is the same for every engine.

Columns and aggregates go in and out as text of ours; whatever a caller brought along travels in fragments, bound.
"""

from collections.abc import Mapping, Sequence
from typing import Literal, Protocol, TypeAlias

import msgspec

from evensplit.query.conditions import Cohort, Property, Source, Trait
from evensplit.query.edges import Buckets
from evensplit.query.fragment import Fragment


class Form(msgspec.Struct, frozen=True):
    """What a property's values are, among the rows asked about: none at all, texts and booleans only, numbers only, or
    anything.

    `exponent`: all numbers times 2 to that power are whole, and below 2^95, or below 2^`bits` where that is known.
    `booleans`: of texts and booleans, there are booleans."""

    kind: Literal["absent", "text", "number", "mixed"]
    exponent: int | None = None
    bits: int | None = None
    booleans: bool = False


ABSENT, TEXT, MIXED = Form("absent"), Form("text"), Form("mixed")
Forms: TypeAlias = Mapping[Property, Form]


class Times(Protocol):
    """The event's time. Instants are milliseconds since 1970-01-01 UTC."""

    tick: int  # microseconds: the unit of `ticks`

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

    def ms(self, column: str) -> str:
        """Another time as an instant."""
        ...

    def ticks(self, column: str) -> str:
        """A time since 1970-01-01 UTC in the unit that costs least, for differences of many."""
        ...

    def given(self, text: str) -> Fragment:
        """The time that the record writes so: `2026-11-22 10:11:12.345`."""
        ...

    def later(self, column: str, microseconds: int) -> Fragment:
        """The time so much after another."""
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

    def handed_on(self, looked_at: Sequence[Source], table: str) -> Fragment:
        """What a subselect over `events` under that name selects, for all of these sources to be read outside of it."""
        ...


class Aggregates(Protocol):
    """Over groups of rows."""

    once: str  # after `AS`: compute this common table expression a single time

    def quantile(self, column: str, q: float) -> str:
        """Inclusive linear (type 7)."""
        ...

    def quantile_at(self, column: str, q: float) -> Fragment:
        """The same, of somebody's choice."""
        ...

    def quantiles(self, column: str, levels: Sequence[float]) -> Fragment:
        """A list of them, in the order of the levels. At least one level."""
        ...

    def rounded_sum(self, column: str) -> str:
        """The sum of doubles below 2^62 in magnitude, each rounded to a whole number, as an exact integer."""
        ...

    def as_double(self, whole: Fragment, exponent: int) -> Fragment:
        """Of an exact integer x * 2^exponent the double x."""
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

    def compensated(self, column: str) -> str:
        """The sum of doubles with next to no rounding, and the same digits in whatever order; NULL of nothing."""
        ...

    def packed(self, numbers: str) -> str:
        """A list of numbers in the form in which it is cheapest beside many rows."""
        ...

    def unpacked(self, packed: str, kind: Literal["BIGINT", "HUGEINT", "DOUBLE"]) -> str:
        """The list again, digit by digit."""
        ...

    def total(self, column: str, exponent: str) -> str:
        """Sums of such integers, each with its own e, added up as a double, for ranking."""
        ...


class Integers(Protocol):
    """Arithmetic with integers, some of which are sets of bits."""

    def bit(self, position: str) -> str:
        """An integer with that bit set, from 0 to 61."""
        ...

    def union(self, bits: str) -> str:
        """The bits that are set in any of them."""
        ...

    def has_bit(self, bits: str, position: int) -> str:
        """Whether that bit is set."""
        ...

    def window(self, bits: str, first: str, width: int) -> str:
        """So many bits from a position on (from 0 to 61, a column or a sum), as an integer."""
        ...

    def members(self, bits: str) -> str:
        """How many bits are set."""
        ...

    def divided(self, column: str, by: int) -> str:
        """An integer from 0 up divided by another, the rest dropped."""
        ...


class Persons(Protocol):
    """Who did something. Reports group and join by keys: the ids themselves, or numbers that stand for them.

    Who is whom says the log of `es_identity` up to a row: an anonymous id belongs to the user of its earliest link
    (time, user id) that was not undone, a user to whom they were merged into. Who was named as a user, by a link or a
    merge, belongs to nobody by a link."""

    nobody: str  # the key of nobody

    def key(self, column: str) -> str:
        """The column with the keys of the ids in that one."""
        ...

    def linked(self, links: int) -> Fragment:
        """Rows (id, person), both keys, of every id that is another person's."""
        ...

    def resolved(self, links: int) -> Fragment:
        """The same rows with the ids themselves."""
        ...

    def name(self, key: str) -> str:
        """The id that a key stands for."""
        ...


class Asks(Protocol):
    """Whole questions that every engine answers in its own way."""

    def kinds(self, event_type: str | None, paths: Sequence[Property], after: int, up_to: int) -> Fragment:
        """One row about these events; for each path: whether numbers, texts, booleans, objects or arrays occur, the
        least and greatest magnitude of its numbers but 0, and whether all of them are whole."""
        ...

    def tried(self, patterns: Sequence[str]) -> Fragment:
        """A statement that fails where the engine cannot read one of the patterns."""
        ...

    def listed(self, texts: Sequence[str | None]) -> Fragment:
        """Rows (v): the texts."""
        ...

    def counted(self, count: int) -> Fragment:
        """Rows (n): the integers from 0, so many."""
        ...

    def newest(self, event_type: str | None, up_to: int, most: int) -> Fragment:
        """One row: how many of the newest events there are, at most so many, and the lowest id among them."""
        ...

    def names(self, after: int, up_to: int) -> Fragment:
        """Rows (name): the top-level keys of these events' properties; paths that lead deeper may be among them."""
        ...

    def property_uses(self, event_type: str | None, low: int, high: int, frequent: int) -> Fragment:
        """Rows (property, kind, events, a frequent text form, its events), over ids from `low` to `high`."""
        ...


class Packing(msgspec.Struct, frozen=True):
    """How the time and the id of an event become one integer that orders events: by time, ties by id.

    `ids` and `keys` are 1000 times powers of two: above every id, and above every such integer. Time counts from
    `since`."""

    since: int
    ids: int
    keys: int

    @property
    def wide(self) -> bool:
        """Whether 64 bits do not hold 32 times as many."""
        return self.keys * 32 > 2**63


def packed(since: int, until: int, newest: int) -> Packing:
    """Wide enough for every time in [since, until) and every id up to the newest."""
    ids = 1000 << (newest // 1000).bit_length()
    return Packing(since, ids, ids << (until - since).bit_length())


class Sequences(Protocol):
    """Events in their order, as integers that a `Packing` describes."""

    def key(self, packing: Packing) -> Fragment:
        """The integer of an event."""
        ...

    def up_to(self, row_id: int) -> Fragment:
        """The event has that id, or a lower one."""
        ...

    def far(self, packing: Packing) -> str:
        """An integer after every event."""
        ...

    def elapsed(self, packing: Packing, column: str) -> str:
        """The milliseconds from `since` to that event."""
        ...

    def row_id(self, packing: Packing, column: str) -> str:
        """The id of that event."""
        ...

    def moment(self, packing: Packing, column: str) -> Fragment:
        """The event's time, of the type of `created_at`."""
        ...

    def quotient(self, left: str, right: str) -> str:
        """An integer from 0 up divided by another, the rest dropped; NULL where that is 0."""
        ...

    def best(self, packing: Packing, depth: str, start: str) -> str:
        """The greater the deeper (0 to 31), and, where equally deep, the earlier the start."""
        ...


class Dialect(msgspec.Struct, frozen=True):
    """All of it, for one engine. `any_values`: the same values where nothing is known of their forms."""

    times: Times
    values: Values
    aggregates: Aggregates
    integers: Integers
    asks: Asks
    any_values: Values
    sequences: Sequences
    persons: Persons


def personal_text(of: Trait | Cohort) -> Fragment:
    """The text form of what a scan knows of the person, in the columns that `sql.scan` makes."""
    return Fragment(
        f"{of.column}_text" if isinstance(of, Trait) else f"CASE WHEN {of.column} THEN 'true' ELSE 'false' END"
    )
