"""One cell of a table as JSON text, and back into CSV: what is a number, a truth value, an instant, nothing at all.

Whole columns of cells are the business of `columns`; which column means what stands in `fields`.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from json.encoder import encode_basestring as quoted

import msgspec

_number = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?").fullmatch
_naive = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]+)?)?)?").fullmatch
_zoned = re.compile(r"([0-9-]{10})[T ]([0-9:.]+) ?(Z|UTC|GMT|[+-][0-9]{2}:?[0-9]{2})").fullmatch
_dangerous = re.compile(r"'*[=+\-@]").match
_guarded = re.compile(r"'+[=+\-@]").match
_TRUTH = {"true": "true", "True": "true", "TRUE": "true", "false": "false", "False": "false", "FALSE": "false"}

Encode = Callable[[str], str]


def value(cell: str) -> str:
    """A CSV cell as JSON: a JSON number stays one with its digits, true and false are truth values, else it is text.

    A number that no double can hold is text.
    """
    if _number(cell) and _finite(cell):
        return cell
    return _TRUTH.get(cell) or quoted(unguarded(cell))


def text(cell: str) -> str:
    return quoted(unguarded(cell))


def moment(zone: tzinfo | None) -> Callable[[str], str | int | float]:
    """Cells that say when: Unix seconds or milliseconds, or a date and time; `zone` is that of cells that name none."""

    def read(cell: str) -> str | int | float:
        if cell[10:11] == "T" and cell[-1] == "Z" and cell[-2] != " ":
            return cell  # what most programs write
        if _number(cell):
            return msgspec.json.decode(cell, type=int | float)
        if parts := _zoned(cell):
            day, time, offset = parts.groups()
            offset = "Z" if offset in ("UTC", "GMT") else offset
            return f"{day}T{time}{offset[:-2]}:{offset[-2:]}" if len(offset) == 5 else f"{day}T{time}{offset}"
        if zone is not None and _naive(cell):
            try:
                return datetime.fromisoformat(cell).replace(tzinfo=zone).astimezone(UTC).isoformat()
            except (ValueError, OverflowError):
                pass  # the 31st of February: the pipeline says so in its own words
        return cell

    return read


def instant(zone: tzinfo | None) -> Encode:
    """The same as JSON; numbers keep their digits."""
    read = moment(zone)

    def encode(cell: str) -> str:
        if _number(cell):
            return cell
        return quoted(str(read(cell)))

    return encode


def inner(cell: str) -> str:
    """A cell of a table whose cells are JSON already, as CSV would hold it: text without its quotes."""
    return msgspec.json.decode(cell, type=str) if cell.startswith('"') else cell


def members(cell: str) -> str:
    """A cell that holds a JSON object, as `,"a":1,"b":2`: its members stand beside those of other columns.

    What is no object yields a member list that makes the line invalid, so that the pipeline refuses it.
    """
    cell = cell.strip()
    try:
        msgspec.json.decode(cell, type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeError):
        return "," + quoted(cell)
    if not cell.startswith("{"):
        return "," + quoted(cell)
    # A line break is white space here: inside a JSON text it could only stand between tokens.
    return "," + cell[1:-1].replace("\r", " ").replace("\n", " ")


def guarded(cell: str) -> str:
    """A cell for a CSV file that a spreadsheet will not run as a formula; `unguarded` is its inverse."""
    return "'" + cell if _dangerous(cell) else cell


def unguarded(cell: str) -> str:
    return cell[1:] if _guarded(cell) else cell


def _finite(cell: str) -> bool:
    return float(cell) - float(cell) == 0.0
