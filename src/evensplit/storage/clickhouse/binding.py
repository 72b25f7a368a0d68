"""How a question travels to ClickHouse: its values as typed parameters, and the settings under which it is meant.

Not here: connections (`store`), and what is asked (`query`).
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

import msgspec

# Without these a statement that DuckDB understands means something else here, or does not run.
SETTINGS: Mapping[str, str | int] = {
    "join_use_nulls": 1,  # an outer join without a partner gives NULL
    "cast_keep_nullable": 1,  # x::DOUBLE of NULL is NULL
    "aggregate_functions_null_for_empty": 1,  # min, max and sum of nothing are NULL
    "enable_materialized_cte": 1,
    "prefer_column_name_to_alias": 1,  # in `SELECT b // 2 AS b` the right one is the column
    # Plans are bounded before they are written: many buckets or filters make long statements, and sound ones.
    "max_query_size": 1 << 26,
    "max_ast_elements": 10_000_000,
    "max_expanded_ast_elements": 10_000_000,
}
QUOTES = "'\"`"

# A request over HTTP may have 1,000 fields of 128 KiB each (http_max_fields, http_max_field_value_size).
MANY = 900
LONG = 30_000  # characters, of which each may take four bytes
PACK = 100


class Name(msgspec.Struct, frozen=True):
    """A value that stands where a name stands, as a key in `props.?`; no text of it becomes part of the statement."""

    text: str


class UpTo(msgspec.Struct, frozen=True):
    """A value that stands where the condition stands that a row has that id or a lower one. The column is dear to read:
    where there is no higher one, `anything` says so in its place."""

    id: int


def anything(values: Sequence[object], newest: int) -> list[object] | None:
    """The values with TRUE for `UpTo` the newest row; None where that changes nothing."""
    if not any(isinstance(value, UpTo) and value.id == newest for value in values):
        return None
    return [True if isinstance(value, UpTo) and value.id == newest else value for value in values]


def bound(sql: str, values: Sequence[object]) -> tuple[str, dict[str, object]]:
    """The statement with `{p0:Type}` for each `?` outside of quotes, and the parameters by name.

    Where they are many or long, several stand in one list, or one in several pieces. Raises ValueError where there are
    more marks than values or the other way round."""
    parts: list[str] = []
    parameters = _Packed() if len(values) > MANY else _Parameters()
    left = iter(values)
    count = last = 0
    for at in marks(sql):
        try:
            value = next(left)
        except StopIteration:
            raise ValueError(f"the statement has more marks than the {len(values)} values") from None
        parts += (sql[last:at], _placed(value, parameters))
        count, last = count + 1, at + 1
    if count < len(values):
        raise ValueError(f"the statement has {count} marks for {len(values)} values")
    return "".join((*parts, sql[last:])), parameters.named


class _Parameters:
    """Those of a statement, each under a name of its own."""

    def __init__(self) -> None:
        self.named: dict[str, object] = {}

    def place(self, kind: str, value: object) -> str:
        """What stands for it in the statement."""
        name = f"p{len(self.named)}"
        self.named[name] = value
        return f"{{{name}:{kind}}}"


class _Packed(_Parameters):
    """The same of very many: equal ones stand there once, and those of one type in lists of `PACK`."""

    def __init__(self) -> None:
        super().__init__()
        self._placed: dict[tuple[str, str], str] = {}
        self._open: dict[str, tuple[str, list[object], int]] = {}  # by type: the name, what is in it, its length

    def place(self, kind: str, value: object) -> str:
        if isinstance(value, list):
            return super().place(kind, value)
        known = (kind, repr(value))
        if known not in self._placed:
            self._placed[known] = super().place(kind, value) if kind == "Identifier" else self._packed(kind, value)
        return self._placed[known]

    def _packed(self, kind: str, value: object) -> str:
        text, held, length = self._open.get(kind, ("", [], 0))
        length += _length(value)
        if not text or len(held) == PACK or length > LONG:
            held, length = [], _length(value)
            text = super().place(f"Array({kind})", held)
        held.append(value)
        self._open[kind] = text, held, length
        return f"{text}[{len(held)}]"


def _placed(value: object, parameters: _Parameters) -> str:
    """What stands for the value in the statement."""
    if isinstance(value, UpTo):
        return f"id <= {parameters.place('Int64', value.id)}"
    kind, sent = _typed(value)
    if kind == "String" and isinstance(sent, str) and len(sent) > LONG:
        pieces = [sent[at : at + LONG] for at in range(0, len(sent), LONG)]
        return f"concat({', '.join(parameters.place(kind, piece) for piece in pieces)})"
    if isinstance(sent, list):
        lists = list(_lists(sent))
        if len(lists) > 1:
            return f"arrayConcat({', '.join(parameters.place(kind, piece) for piece in lists)})"
    return parameters.place(kind, sent)


def _lists(values: list[object]) -> Iterator[list[object]]:
    """The list in pieces that are not too long."""
    first = length = 0
    for at, value in enumerate(values):
        length += _length(value)
        if length > LONG and at > first:
            yield values[first:at]
            first, length = at, _length(value)
    yield values[first:]


def _length(value: object) -> int:
    """In a list: with what stands around it."""
    return len(str(value)) + 4


def marks(sql: str) -> Iterator[int]:
    """The positions of the question marks that stand for values."""
    quote = ""
    escaped = False
    for at, character in enumerate(sql):
        if escaped:
            escaped = False
        elif quote:
            escaped = character == "\\"
            quote = "" if character == quote else quote
        elif character in QUOTES:
            quote = character
        elif character == "?":
            yield at


def _typed(value: object) -> tuple[str, object]:
    """The type of a parameter, and the value as the driver sends it."""
    if value is None:
        return "Nullable(String)", None
    if isinstance(value, Name):
        return "Identifier", value.text
    if isinstance(value, bool):
        return "Bool", value
    if isinstance(value, int):
        return _whole(value), value
    if isinstance(value, float):
        return "Float64", value
    if isinstance(value, datetime):
        return _instant(value)
    if isinstance(value, list | tuple):
        return f"Array({_element(value)})", list(value)
    if isinstance(value, str):
        return "String", value
    raise TypeError(f"no parameter can be made of {type(value).__name__}")


def _whole(value: int) -> str:
    if -(2**63) <= value < 2**63:
        return "Int64"
    return "UInt64" if 0 <= value < 2**64 else "Int128" if -(2**127) <= value < 2**127 else "Int256"


def _instant(value: datetime) -> tuple[str, object]:
    utc = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    digits = 6 if utc.microsecond % 1000 else 3
    text = utc.strftime("%Y-%m-%d %H:%M:%S.%f")
    return f"DateTime64({digits}, 'UTC')", text[: len(text) - 6 + digits]


def _element(values: Sequence[object]) -> str:
    """The type that holds every element; of nothing, texts."""
    there = [value for value in values if value is not None]
    kinds = {_typed(value)[0] for value in there} or {"String"}
    if len(kinds) > 1 and kinds <= {"Int64", "UInt64", "Int128", "Int256"}:
        kinds = {"Int256"}
    if len(kinds) > 1:
        raise TypeError(f"a list of {', '.join(sorted(kinds))} has no one type")
    (kind,) = kinds
    return kind if len(there) == len(values) and there else f"Nullable({kind})"
