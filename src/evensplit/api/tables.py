"""A reply as one flat table, and that as CSV, Arrow or Parquet: the room of pyarrow, which is loaded when asked for.

How each reply becomes a table stands in `flat`; when it is sent as one, in `renderings`.
"""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

import msgspec

from evensplit.transfer.cells import guarded

if TYPE_CHECKING:
    import pyarrow

    Arrow: TypeAlias = pyarrow.Table

Type: TypeAlias = Literal["text", "integer", "number", "boolean", "instant", "json"]


class Column(NamedTuple):
    """`instant`: RFC 3339 texts; `json`: values of any form, or `msgspec.Raw`. Everything may be None."""

    name: str
    type: Type


class Table(NamedTuple):
    """Column names are all different."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Any]]

    def dicts(self) -> list[dict[str, Any]]:
        """A dictionary a row."""
        names = [column.name for column in self.columns]
        return [dict(zip(names, row, strict=True)) for row in self.rows]


def table(columns: Iterable[tuple[str, Type]], rows: Iterable[Sequence[Any]]) -> Table:
    """A column whose name is taken gets a number behind it."""
    named: list[Column] = []
    taken: set[str] = set()
    for name, kind in columns:
        free, n = name, 1
        while free in taken:
            n += 1
            free = f"{name}_{n}"
        taken.add(free)
        named.append(Column(free, kind))
    return Table(named, list(rows))


# --- CSV ------------------------------------------------------------------------------------------


def csv_of(given: Table) -> bytes:
    """UTF-8 with a head line; nothing where there is no value. No text can be taken for a formula by a spreadsheet."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([guarded(column.name) for column in given.columns])
    writer.writerows([_shown(cell) for cell in row] for row in given.rows)
    return text.getvalue().encode("utf-8", "replace")


def _shown(cell: Any) -> str:
    if cell is None:
        return ""
    if isinstance(cell, str):
        return guarded(cell)
    text = _json(cell)
    # Numbers are no formulas, whatever they begin with.
    return text if isinstance(cell, bool | int | float) else guarded(text)


def _json(cell: Any) -> str:
    return msgspec.json.encode(cell).decode()


# --- Arrow and Parquet ----------------------------------------------------------------------------


def arrow_of(given: Table) -> "Arrow":
    """A pyarrow.Table: int64, double, bool, timestamp in UTC, and text, JSON among it. A column that holds what its
    type cannot (a whole number beyond 64 bits, say) is text as a whole."""
    import pyarrow  # heavy: loaded when the first table is asked for

    columns = list(zip(*given.rows, strict=True)) or [() for _ in given.columns]
    arrays = [_array(pyarrow, column.type, cells) for column, cells in zip(given.columns, columns, strict=True)]
    return pyarrow.table(arrays, names=[column.name for column in given.columns])


def parquet_of(given: Table) -> bytes:
    """A Parquet file."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(arrow_of(given), sink, compression="zstd")
    body: bytes = sink.getvalue().to_pybytes()
    return body


def _array(pyarrow: Any, kind: Type, cells: Sequence[Any]) -> Any:
    types = {
        "integer": pyarrow.int64(),
        "number": pyarrow.float64(),
        "boolean": pyarrow.bool_(),
        "instant": pyarrow.timestamp("us", tz="UTC"),
    }
    if kind in types:
        read = _READ.get(kind)
        try:
            values = cells if read is None else [None if cell is None else read(cell) for cell in cells]
            return pyarrow.array(values, types[kind])
        except (pyarrow.ArrowException, TypeError, ValueError, OverflowError):
            pass
    return pyarrow.array([_text(cell) for cell in cells], pyarrow.string())


def _number(cell: Any) -> float:
    if isinstance(cell, bool | str):
        raise TypeError
    return float(cell)


def _text(cell: Any) -> str | None:
    if cell is None or isinstance(cell, str):
        return cell
    return _json(cell)


_READ: dict[Type, Callable[[Any], Any]] = {"number": _number, "instant": datetime.fromisoformat}
