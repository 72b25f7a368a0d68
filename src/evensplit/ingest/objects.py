"""The JSON text of an event's properties: what skipping over it has not looked at, which is depth, size and numbers."""

import re

import msgspec

from evensplit.errors import Rejected
from evensplit.ingest import slices
from evensplit.ingest.limits import MAX_DEPTH, MAX_PROPERTIES

# Only a number with an exponent or with very many digits can be too big for a 64-bit float.
_EXPONENT = re.compile("e[0-9+]")  # in two, because a pattern that begins with one letter is searched ten times as fast
_EXPONENT_E = re.compile("E[0-9+]")
SHORT = 300  # characters; no longer text has such digits, and in a longer one a decoder looks faster than a pattern
_decode = msgspec.json.Decoder().decode
_encode = msgspec.msgpack.Encoder().encode  # knows no whole number beyond 64 bits, and says so


def checked(text: str) -> str | None:
    """The object's own text: digits, order of keys and duplicates stay as they were sent; None for null.

    Raises Rejected properties_not_object, properties_too_large, properties_too_deep, invalid_number.
    """
    if text[0] != "{":
        if text == "null":
            return None
        raise Rejected("properties_not_object", "properties is an object")
    if len(text) > MAX_PROPERTIES // 4 and (size := len(text.encode())) > MAX_PROPERTIES:
        raise Rejected("properties_too_large", f"properties take {size} bytes; {MAX_PROPERTIES} at most")
    if "[" in text or text.find("{", 1) > 0:
        _check_depth(text)
    if len(text) > SHORT or has_exponent(text):
        _check_numbers(text)
    return text


def has_exponent(text: str) -> bool:
    """Whether anything in `text` may be a number with an exponent."""
    return bool(_EXPONENT.search(text) or ("E" in text and _EXPONENT_E.search(text)))


def _check_depth(text: str) -> None:
    # Counting opening brackets, those in strings too, shows nearly every object to be shallow enough.
    if text.count("{") + text.count("[") > MAX_DEPTH and slices.depth(text, MAX_DEPTH) > MAX_DEPTH:
        raise Rejected("properties_too_deep", f"properties nest more than {MAX_DEPTH} deep")


def _check_numbers(text: str) -> None:
    """Raises Rejected where `text` holds a number that is not finite as a 64-bit float."""
    try:
        _encode(_decode(text))
        return
    except msgspec.ValidationError:
        overlong = True
    except OverflowError:  # a whole number beyond 64 bits, which may be finite all the same
        overlong = slices.overlong_number(text)
    if overlong:
        raise Rejected("invalid_number", "properties hold a number beyond the range of a 64-bit float")
