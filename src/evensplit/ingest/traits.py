"""Reads what is stated about a user: the traits of an identify call, each with its forms in reports."""

import msgspec

from evensplit.errors import Invalid, Rejected
from evensplit.ingest import objects
from evensplit.model.person import LONGEST_TRAIT_NAME, Trait
from evensplit.model.text_form import text_form

MOST_TRAITS = 1_000

_members = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_value = msgspec.json.Decoder().decode


def read(raw: bytes) -> list[Trait]:
    """The traits of a JSON object, the last of each name; none for null. Raises Invalid for what is against a rule.

    The object has the bounds of an event's properties (64 KiB, 16 deep, finite numbers), a name 1 to 200 characters."""
    try:
        text = objects.checked(raw.decode()) if raw else None
    except Rejected as refused:
        raise _wrong(refused.message.replace("properties", "traits")) from None
    if text is None:
        return []
    try:
        members = _members(text)
    except (msgspec.DecodeError, RecursionError) as error:
        raise _wrong(f"traits cannot be read: {error}") from None
    if len(members) > MOST_TRAITS:
        raise _wrong(f"{len(members)} traits in one call; {MOST_TRAITS} at most")
    return [_trait(name, bytes(value)) for name, value in members.items()]


def _trait(name: str, raw: bytes) -> Trait:
    if not 1 <= len(name) <= LONGEST_TRAIT_NAME or "\0" in name:
        raise _wrong(f"the name of a trait has 1 to {LONGEST_TRAIT_NAME} characters, none of them NUL: {name[:40]!r}")
    try:
        value = _value(raw)
        number = float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
        return Trait(name, None if value is None else raw.decode(), text_form(value), number)
    except (msgspec.DecodeError, OverflowError, RecursionError) as error:
        raise _wrong(f"trait {name[:40]!r} cannot be read: {error}") from None


def _wrong(message: str) -> Invalid:
    return Invalid(message, [{"field": "traits", "message": message}])
