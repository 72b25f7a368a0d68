"""Filters as distinct, checked conditions: what a report's filters mean, before any engine is asked.

Not here: their SQL (`sql.filters`). Every condition is true or false, never unknown: what is not set fails all
but `ne`, `not_in`, `not_contains` and `is_not_set`.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal, TypeAlias

import msgspec

from evensplit.errors import InvalidReport
from evensplit.model.report import DEEPEST, Filter, Operator, Path, Scalar
from evensplit.query.values import text_of

MOST_VALUES = 10_000
MOST_CONDITIONS = 200  # a statement may name each a dozen times; many values of one property are one condition
LONGEST_PATTERN = 2_000
DEEPEST_PATH = 16
LONGEST_NAME = 200  # of a trait or a cohort
Order: TypeAlias = Literal["gt", "gte", "lt", "lte"]
FieldName: TypeAlias = Literal["event_type", "user_id", "session_id", "created_at"]
FIELDS: dict[str, FieldName] = {
    "@event_type": "event_type", "@user_id": "user_id", "@session_id": "session_id", "@created_at": "created_at",
}  # fmt: skip


class Field(msgspec.Struct, frozen=True):
    """A column of the events table; its text form is the column's text."""

    name: FieldName


class Property(msgspec.Struct, frozen=True):
    """A value inside the properties: keys from the top down."""

    path: tuple[str, ...]


class Trait(msgspec.Struct, frozen=True):
    """A trait of the person behind the event: what was last stated of them by then, whoever they were called."""

    name: str

    @property
    def column(self) -> str:
        """What `sql.scan` calls the columns that it stands in: this and `_text`, this and `_number`."""
        return f"trait_{_digest(self.name)}"


class Cohort(msgspec.Struct, frozen=True):
    """Whether the person behind the event is in a cohort; its text form is `true` or `false`."""

    name: str

    @property
    def column(self) -> str:
        """What `sql.scan` calls the column that it stands in."""
        return f"cohort_{_digest(self.name)}"


Source: TypeAlias = Field | Property | Trait | Cohort


class OneOf(msgspec.Struct, frozen=True):
    """The text form is one of these (or, negated, none of them)."""

    of: Source
    texts: tuple[str, ...]
    negated: bool


class Holds(msgspec.Struct, frozen=True):
    """The text form contains, begins or ends with a text."""

    of: Source
    how: Literal["contains", "starts_with", "ends_with"]
    text: str
    negated: bool


class Matches(msgspec.Struct, frozen=True):
    """The text form has a part that matches the pattern (RE2)."""

    of: Source
    pattern: str


class NumberOrder(msgspec.Struct, frozen=True):
    """The value is a number and stands in this order to `bound`."""

    of: Source
    order: Order
    bound: float


class TextOrder(msgspec.Struct, frozen=True):
    """The text form stands in this order to `bound`, by code point."""

    of: Source
    order: Order
    bound: str


class TimeOrder(msgspec.Struct, frozen=True):
    """The event's time stands in this order to an instant (milliseconds since 1970-01-01 UTC)."""

    order: Order
    at: int


class IsSet(msgspec.Struct, frozen=True):
    """There is a value."""

    of: Source
    negated: bool


class AllOf(msgspec.Struct, frozen=True):
    """Every one of them; true if there is none."""

    of: tuple["Condition", ...]


class AnyOf(msgspec.Struct, frozen=True):
    """At least one of them; false if there is none."""

    of: tuple["Condition", ...]


PERSONAL: dict[str, type[Trait] | type[Cohort]] = {"user.": Trait, "@cohort.": Cohort}
Condition: TypeAlias = OneOf | Holds | Matches | NumberOrder | TextOrder | TimeOrder | IsSet | AllOf | AnyOf
Instant: TypeAlias = Callable[[str, str], int]  # (text, field) to milliseconds


def source(path: Path, field: str) -> Source:
    """What a property name or path speaks of. Raises `unknown_field`, `invalid_property`."""
    if not isinstance(path, str):
        if not 1 <= len(path) <= DEEPEST_PATH:
            raise InvalidReport("invalid_property", f"{field}: a path has 1 to {DEEPEST_PATH} keys, not {len(path)}")
        return Property(path)
    for prefix, kind in PERSONAL.items():
        if path.startswith(prefix):
            if not 1 <= len(path) - len(prefix) <= LONGEST_NAME:
                raise InvalidReport(
                    "invalid_property", f"{field}: a name of 1 to {LONGEST_NAME} characters follows {prefix!r}"
                )
            return kind(path.removeprefix(prefix))
    if path.startswith("@"):
        if path not in FIELDS:
            known = ", ".join([*FIELDS, "@cohort.NAME"])
            raise InvalidReport("unknown_field", f"{field}: there is no field {path!r}, only {known}")
        return Field(FIELDS[path])
    return Property((path,))


def member(cohort: str, field: str) -> Condition:
    """The person is in the cohort. Raises `invalid_property`."""
    return OneOf(source(f"@cohort.{cohort}", field), ("true",), False)


def patterns(condition: Condition) -> frozenset[str]:
    """Every pattern in it, for the engine to judge."""
    if isinstance(condition, AllOf | AnyOf):
        return frozenset().union(*(patterns(part) for part in condition.of))
    return frozenset({condition.pattern}) if isinstance(condition, Matches) else frozenset()


def sources(condition: Condition) -> tuple[Source, ...]:
    """Everything it looks at, in the order of its parts."""
    if isinstance(condition, AllOf | AnyOf):
        return tuple(of for part in condition.of for of in sources(part))
    return (Field("created_at") if isinstance(condition, TimeOrder) else condition.of,)


def understood(filters: Sequence[Filter], field: str, instant: Instant) -> AllOf:
    """The filters as one condition. Raises InvalidReport that names the filter and the rule."""
    count = [0]

    def read(filter_: Filter, at: str, depth: int) -> Condition:
        count[0] += 1
        if count[0] > MOST_CONDITIONS or depth > DEEPEST:
            raise _wrong(at, f"more than {MOST_CONDITIONS} filters, or groups nested deeper than {DEEPEST}")
        group = filter_.all if filter_.all is not None else filter_.any
        if group is None:
            return _comparison(filter_, at, instant)
        name = "all" if filter_.all is not None else "any"
        if filter_ not in (Filter(all=group), Filter(any=group)):
            raise _wrong(at, f"a group holds {name!r} and nothing else")
        parts = tuple(read(part, f"{at}.{name}[{n}]", depth + 1) for n, part in enumerate(group))
        return AllOf(parts) if name == "all" else AnyOf(parts)

    return AllOf(tuple(read(filter_, f"{field}[{n}]", 1) for n, filter_ in enumerate(filters)))


def _comparison(filter_: Filter, at: str, instant: Instant) -> Condition:
    if filter_.property is None or filter_.op is None:
        raise _wrong(at, "needs 'property' and 'op', or one of 'all' and 'any'")
    of, op, value = source(filter_.property, at), filter_.op, filter_.value
    if op in ("is_set", "is_not_set"):
        if value is not None:
            raise _wrong(at, f"{op} takes no value")
        return IsSet(of, op == "is_not_set")
    if op in ("in", "not_in"):
        return OneOf(of, tuple(_text(item, at) for item in _items(value, op, at)), op == "not_in")
    if op == "between":
        low, high = _bounds(value, at)
        return AllOf((_order(of, "gte", low, at, instant), _order(of, "lte", high, at, instant)))
    return _single(of, op, _scalar(value, op, at), at, instant)


def _single(of: Source, op: Operator, value: Scalar, at: str, instant: Instant) -> Condition:
    """The operators that take one value."""
    if op == "gt" or op == "gte" or op == "lt" or op == "lte":
        return _order(of, op, value, at, instant)
    if op in ("eq", "ne"):
        return OneOf(of, (_text(value, at),), op == "ne")
    if op == "matches":
        if not isinstance(value, str) or len(value) > LONGEST_PATTERN:
            raise _wrong(at, f"matches takes a pattern, a text of at most {LONGEST_PATTERN} characters")
        return Matches(of, value)
    text = _text(value, at)
    if op == "starts_with":
        return Holds(of, "starts_with", text, False)
    if op == "ends_with":
        return Holds(of, "ends_with", text, False)
    return Holds(of, "contains", text, op == "not_contains")


def _order(of: Source, order: Order, value: Scalar, at: str, instant: Instant) -> Condition:
    if isinstance(value, bool):
        raise _wrong(at, f"{order} compares numbers or texts, not {_text(value, at)}")
    if of == Field("created_at"):
        return TimeOrder(order, instant(value, at) if isinstance(value, str) else int(value))
    if isinstance(value, str):
        return TextOrder(of, order, value)
    _text(value, at)
    return NumberOrder(of, order, float(value))


def _text(value: Scalar, at: str) -> str:
    try:
        return text_of(value)
    except OverflowError:
        raise _wrong(at, "the number is beyond the range of doubles") from None


def _scalar(value: Scalar | tuple[Scalar, ...] | None, op: str, at: str) -> Scalar:
    if value is None or isinstance(value, tuple):
        raise _wrong(at, f"{op} takes one value: a text, a number, true or false")
    return value


def _items(value: Scalar | tuple[Scalar, ...] | None, op: str, at: str) -> tuple[Scalar, ...]:
    if not isinstance(value, tuple) or len(value) > MOST_VALUES:
        raise _wrong(at, f"{op} takes a list of at most {MOST_VALUES} values")
    return value


def _bounds(value: Scalar | tuple[Scalar, ...] | None, at: str) -> tuple[Scalar, Scalar]:
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str) == isinstance(value[1], str):
        return value[0], value[1]
    raise _wrong(at, "between takes a list of two numbers or two texts")


def _wrong(at: str, rule: str) -> InvalidReport:
    return InvalidReport("invalid_filter", f"{at}: {rule}")


def _digest(name: str) -> str:
    """A name for a column that says nothing of what somebody sent: hexadecimal digits."""
    return hashlib.blake2s(name.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
