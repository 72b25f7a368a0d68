"""Cohorts: named groups of persons, by what they did, by traits, or listed. Frozen structs and their JSON, no more.

What a definition means stands in `query.cohorts`, its SQL in `query.sql.scan`.
"""

from collections.abc import Iterator
from typing import TypeVar

import msgspec

from evensplit.errors import Invalid, InvalidJson
from evensplit.model.report import EventChoice, Filter

MOST_USERS = 100_000
LONGEST_NAME = 200


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One condition on a person: exactly one of `event`, `trait`, `users`, `all` and `any`.

    `event`: did it at least `at_least` (1), at most `at_most`, or `exactly` so many times, within the last `days`
    (of 24 hours) before the report's `until`, else at any time before it. JSON cannot tell the forms apart by a tag, so
    they share a struct; `query.cohorts` makes them distinct."""

    event: str | EventChoice | None = None
    at_least: int | None = None
    at_most: int | None = None
    exactly: int | None = None
    days: int | None = None
    trait: Filter | None = None
    users: tuple[str | int, ...] | None = None
    all: tuple["Part", ...] | None = None
    any: tuple["Part", ...] | None = None


class Cohort(msgspec.Struct, frozen=True, kw_only=True):
    """A stored cohort; the times are the record's text."""

    name: str
    definition: Part
    created_at: str
    changed_at: str


class NewCohort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A cohort as it is sent."""

    name: str
    definition: Part


class CohortChange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What replaces a cohort; `name` may stand there if it is the cohort's."""

    definition: Part
    name: str | None = None


def read_new(body: bytes) -> NewCohort:
    """Raises InvalidJson, and Invalid naming the field and the rule."""
    new = _read(body, msgspec.json.Decoder(NewCohort))
    if not 1 <= len(new.name) <= LONGEST_NAME or "/" in new.name or "\0" in new.name:
        raise Invalid(f"name: 1 to {LONGEST_NAME} characters, none of them a slash", [{"field": "name"}])
    return new


def read_change(body: bytes, name: str) -> Part:
    """The definition that takes the place of the one before. Raises InvalidJson, Invalid."""
    change = _read(body, msgspec.json.Decoder(CohortChange))
    if change.name not in (None, name):
        raise Invalid(f"name: {change.name!r} is not the cohort's; a cohort keeps its name", [{"field": "name"}])
    return change.definition


def lists(part: Part) -> Iterator[Part]:
    """The parts that are fixed lists, in the order in which they stand; each is known by its place."""
    if part.users is not None:
        yield part
    for inner in (*(part.all or ()), *(part.any or ())):
        yield from lists(inner)


def with_lists(part: Part, users: Iterator[tuple[str, ...]]) -> Part:
    """The same with the fixed lists replaced, in that order."""
    if part.users is not None:
        return msgspec.structs.replace(part, users=next(users))
    if part.all is not None:
        return msgspec.structs.replace(part, all=tuple(with_lists(inner, users) for inner in part.all))
    if part.any is not None:
        return msgspec.structs.replace(part, any=tuple(with_lists(inner, users) for inner in part.any))
    return part


_Body = TypeVar("_Body")


def _read(body: bytes, decoder: msgspec.json.Decoder[_Body]) -> _Body:
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise Invalid(f"the cohort is not valid: {error}") from None
    except RecursionError:
        raise Invalid("the definition is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidJson(f"not valid JSON: {error}") from None
