"""What every kind of report is asked with: frozen structs, and the reading of their JSON. A file a kind beside this.

Not here: what a report means (`query.plan`), or how an engine computes it (`query.sql`).
"""

from typing import Literal, TypeAlias, TypeVar, get_args

import msgspec

from evensplit.errors import InvalidJson, InvalidReport

Scalar: TypeAlias = str | int | float | bool
Path: TypeAlias = str | tuple[str, ...]  # a literal top-level key (or @field), or keys from the top down
Interval: TypeAlias = Literal["minute", "hour", "day", "week", "month"]
WeekStart: TypeAlias = Literal["monday", "sunday"]
Operator: TypeAlias = Literal[
    "eq", "ne", "in", "not_in", "contains", "not_contains", "starts_with", "ends_with", "matches",
    "gt", "gte", "lt", "lte", "between", "is_set", "is_not_set",
]  # fmt: skip
Number: TypeAlias = int | float | None

ANY = "@any"
OTHER = "$other"
OPERATORS: tuple[Operator, ...] = get_args(Operator)
DEEPEST = 32  # how far groups of filters may nest


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One comparison (`property`, `op`, `value`), or a group: exactly one of `all` and `any`.

    JSON cannot tell the forms apart by a tag, so they share a struct; `query.conditions` makes them distinct."""

    property: Path | None = None
    op: Operator | None = None
    value: Scalar | tuple[Scalar, ...] | None = None
    all: tuple["Filter", ...] | None = None
    any: tuple["Filter", ...] | None = None


class EventChoice(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Events of one type (or `@any`) that pass the filters."""

    event_type: str
    filters: tuple[Filter, ...] = ()


class Breakdown(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Split by the values of a property; those beyond the first `limit` come together as `$other`."""

    property: Path
    limit: int = 10


class Report(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What reports have in common; the first steps of `query.plan` fill in what was left open."""

    since: str | None = None
    until: str | None = None
    timezone: str = "UTC"
    week_start: WeekStart = "monday"
    filters: tuple[Filter, ...] = ()
    cohort: str | None = None  # only persons in it
    as_of: str | None = None


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What replies to reports have in common. `altered_by_erasure`: rows that `as_of` spoke of are gone."""

    as_of: str
    query_ms: int
    altered_by_erasure: bool = False


# --- reading --------------------------------------------------------------------------------------

_R = TypeVar("_R")


def read(kind: type[_R], raw: bytes | str) -> _R:
    """A report of that kind from its JSON. Raises InvalidJson, or InvalidReport naming the field and the rule."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except msgspec.ValidationError as error:
        raise InvalidReport("invalid_report", f"the report is not valid: {error}") from None
    except RecursionError:
        raise InvalidReport("invalid_report", "the report is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"not valid JSON: {error}") from None
