"""How each type of the engine is asked for and becomes JSON: instants as RFC 3339, nested values as they are.

A number that a double does not hold exactly becomes text, and so does every type that JSON has no form for.
"""

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import NamedTuple, TypeAlias

import msgspec

Cell: TypeAlias = str | int | float | bool | msgspec.Raw | None

_EXACT = 2**53
_BEYOND = re.compile(r'"(?:[^"\\]|\\.)*"|-?\b(?:nan|inf(?:inity)?)\b', re.IGNORECASE)


class Column(msgspec.Struct, frozen=True):
    """The name and the engine's type of a column of an answer."""

    name: str
    type: str


class Reader(NamedTuple):
    """The expression that fetches a column (`{}` is its name), and what becomes of each value."""

    expression: str
    read: Callable[[object], Cell]


def column_of(name: str, kind: str) -> tuple[Column, Reader]:
    """`kind` is the type as the engine spells it."""
    column = Column(name, "NULL" if kind == '"NULL"' else kind)
    plain = kind.partition("(")[0]
    if kind.endswith("]") or plain in ("STRUCT", "TUPLE", "MAP", "UNION", "VARIANT"):
        return column, Reader("CAST(to_json({}) AS VARCHAR)", _json)
    return column, _READERS.get(plain, _OTHER)


def _as_it_is(value: object) -> Cell:
    return value if isinstance(value, str | int | None) else str(value)


def _text(value: object) -> Cell:
    return None if value is None else str(value)


def _whole(value: object) -> Cell:
    if isinstance(value, int) and not -_EXACT <= value <= _EXACT:
        return str(value)
    return _as_it_is(value)


def _double(value: object) -> Cell:
    return value if isinstance(value, float) and math.isfinite(value) else None


def _decimal(value: object) -> Cell:
    if not isinstance(value, Decimal):
        return _text(value)
    number = float(value)
    if Decimal(repr(number)) != value:
        return str(value)
    return int(number) if number.is_integer() and abs(number) <= _EXACT else number


def _instant(value: object) -> Cell:
    """`2026-11-22T10:11:12.345Z`; six digits where there are microseconds. Infinity stays a word."""
    if isinstance(value, str) and value.endswith("000Z"):
        return value[:-4] + "Z"
    return _text(value)


def _json(value: object) -> Cell:
    """JSON as it stands. What the engine writes and JSON does not know (NaN, Infinity) becomes null."""
    if value is None:
        return None
    text = str(value)
    for form in (text, _BEYOND.sub(lambda found: found[0] if found[0][0] == '"' else "null", text)):
        try:
            msgspec.json.decode(form, type=msgspec.Raw)
            return msgspec.Raw(form.encode())
        except (msgspec.DecodeError, RecursionError, UnicodeError):
            continue
    return text


_INSTANT = Reader("strftime(CAST({} AS TIMESTAMP), '%Y-%m-%dT%H:%M:%S.%fZ')", _instant)
_OTHER = Reader("CAST({} AS VARCHAR)", _text)
_READERS = {
    **dict.fromkeys(("BOOLEAN", "VARCHAR"), Reader("{}", _as_it_is)),
    **dict.fromkeys(("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT"), Reader("{}", _whole)),
    **dict.fromkeys(("UTINYINT", "USMALLINT", "UINTEGER", "UBIGINT", "UHUGEINT"), Reader("{}", _whole)),
    **dict.fromkeys(("FLOAT", "DOUBLE"), Reader("{}", _double)),
    "DECIMAL": Reader("{}", _decimal),
    **dict.fromkeys(("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS"), _INSTANT),
    "TIMESTAMP WITH TIME ZONE": _INSTANT,
    "BLOB": Reader("base64({})", _text),
    "JSON": Reader("CAST({} AS VARCHAR)", _json),
}
