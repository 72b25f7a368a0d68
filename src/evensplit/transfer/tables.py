"""Files with columns (CSV, TSV, Parquet), read in slabs of a few thousand rows, column by column.

Cells are text, `""` where nothing is set; Parquet's come as the text that CSV would have. What the columns
mean is decided elsewhere, and a row that cannot be read is told, never raised.
"""

import csv
import io
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import Protocol

import msgspec

from evensplit.errors import Invalid
from evensplit.storage.parquet import ParquetFile
from evensplit.transfer.faults import INVALID_ROW, Fault
from evensplit.transfer.files import Source, Stream, stream

SLAB = 4_000
LONGEST_CELL = 4 * 1024 * 1024
DELIMITERS = ",\t;|"


class Slab(msgspec.Struct, frozen=True):
    """Some rows: one list of cells a column, the line each row begins on, and what was unreadable between them."""

    columns: list[Sequence[str]]
    lines: Sequence[int]
    faults: list[Fault]
    position: int  # how far into the file this is, in the unit of the table's `size`


class Table(Protocol):
    names: list[str]
    size: int  # bytes on disk, or rows where the file knows them
    json: bool  # cells are JSON texts already

    def slabs(self) -> Iterator[Slab]: ...


@contextmanager
def opened(source: Source) -> Iterator[Table]:
    """The table in a CSV, TSV or Parquet file."""
    if source.format == "parquet":
        with closing(ParquetFile(source.path)) as parquet:
            yield _Parquet(parquet)
        return
    with stream(source) as data:
        yield _Csv(source, data)


class _Csv:
    json = False

    def __init__(self, source: Source, data: Stream) -> None:
        csv.field_size_limit(LONGEST_CELL)
        self.size = source.size
        self._stream = data
        # Bytes that are no UTF-8 travel as surrogates and come out as they were: the pipeline refuses that one line.
        text = io.TextIOWrapper(data.data, encoding="utf-8-sig", errors="surrogateescape", newline="")
        first = text.readline(LONGEST_CELL)
        if not first.strip():
            raise Invalid(f"{source.path.name}: the first line is empty; it has to name the columns")
        delimiter = "\t" if source.format == "tsv" else _delimiter(first)
        self._text = text  # closes the file when nobody holds it any more
        self._rows = csv.reader(chain((first,), text), delimiter=delimiter)
        try:
            self.names = [name.strip() for name in next(self._rows)]
        except csv.Error as error:
            raise Invalid(f"{source.path.name}: the first line names no columns ({error})") from None
        doubled = sorted({name for name in self.names if self.names.count(name) > 1})
        if doubled:
            raise Invalid(f"{source.path.name}: two columns are named {doubled[0]!r}")

    def slabs(self) -> Iterator[Slab]:
        width = len(self.names)
        while True:
            start = self._rows.line_num + 1
            rows: list[list[str]] = []
            faults: list[Fault] = []
            try:
                rows.extend(islice(self._rows, SLAB))  # what was read before an error stays
            except csv.Error as error:
                faults.append(Fault(self._rows.line_num, INVALID_ROW, f"the row is no CSV: {error}", ""))
            if not rows and not faults:
                return
            lines: Sequence[int] = range(start, start + len(rows))
            if self._rows.line_num - start + 1 != len(rows):
                lines = _begins(start, rows)
            if set(map(len, rows)) - {width}:
                rows, lines, crooked = _straightened(rows, lines, width)
                faults = crooked + faults
            columns: list[Sequence[str]] = list(zip(*rows, strict=True)) or [() for _ in self.names]
            yield Slab(columns, lines, faults, self._stream.position)


class _Parquet:
    json = True

    def __init__(self, parquet: ParquetFile) -> None:
        self._parquet = parquet
        self.names = parquet.columns
        self.size = parquet.rows

    def slabs(self) -> Iterator[Slab]:
        read = 0
        for rows in self._parquet.batches(SLAB):
            columns: list[Sequence[str]] = [[cell or "" for cell in column] for column in zip(*rows, strict=True)]
            yield Slab(columns, range(read + 1, read + len(rows) + 1), [], read + len(rows))
            read += len(rows)


def _delimiter(header: str) -> str:
    """The most frequent of the usual delimiters outside quotes; a header without any is one column."""
    bare = "".join(header.split('"')[::2])
    return max(DELIMITERS, key=lambda delimiter: (bare.count(delimiter), delimiter == ","))


def _begins(start: int, rows: Sequence[Sequence[str]]) -> list[int]:
    """The line on which each row begins, where cells hold line breaks."""
    lines = []
    for row in rows:
        lines.append(start)
        start += 1 + sum(cell.count("\n") + cell.count("\r") - cell.count("\r\n") for cell in row)
    return lines


def _straightened(
    rows: Sequence[list[str]], lines: Sequence[int], width: int
) -> tuple[list[list[str]], list[int], list[Fault]]:
    """Rows with as many cells as the header has; the others are told, empty lines are no rows."""
    straight: list[list[str]] = []
    places: list[int] = []
    faults: list[Fault] = []
    for row, line in zip(rows, lines, strict=True):
        if len(row) == width:
            straight.append(row)
            places.append(line)
        elif row:
            message = f"the row has {len(row)} cells, the header has {width}"
            faults.append(Fault(line, INVALID_ROW, message, ",".join(row)[:4096]))
    return straight, places, faults
