"""The rows of a table as events: lines as capture reads them, or the batch that these lines would become.

Which column is which field is said by `fields`, what a cell means by `cells`.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, tzinfo
from json.encoder import encode_basestring as quoted

from evensplit.model.event import Batch
from evensplit.transfer import cells, plain
from evensplit.transfer.columns import TEXT, VALUE, Column, Kind, quick_instants
from evensplit.transfer.fields import Mapping, Options
from evensplit.transfer.plain import Field
from evensplit.transfer.tables import Table

Reader = Callable[[str], str | int | float]


class Assembly:
    """Columns of a table to events. One for a file: its memory of cells spans the file."""

    def __init__(self, table: Table, chosen: Mapping, options: Options) -> None:
        by_name = {column: field for field, column in chosen.columns.items()}
        self._constants = chosen.constants
        self._fields: dict[str, tuple[int, Column]] = {}
        self._readers: dict[str, Reader] = {}
        self._guards = "" if table.json else "'"
        self._properties: list[tuple[int, Column]] = []
        self._checked = "properties" not in chosen.columns  # whole objects have still to be looked at
        for position, name in enumerate(table.names):
            field = by_name.get(name)
            kind = _kind(field, name in options.texts, table.json, options)
            if field is None:
                self._properties.append((position, Column(kind, f",{quoted(name)}:")))
            elif field == "properties":
                self._properties.append((position, Column(kind)))
            else:
                self._fields[field] = position, Column(kind, f"{quoted(field)}:", ",")
                self._readers[field] = _reader(field, table.json, options)

    def rows(self, columns: Sequence[Sequence[str]]) -> "Rows":
        """`columns` holds the cells, column by column, `""` where nothing is set."""
        parts = [column.parts(columns[at]) for at, column in self._properties]
        joined = map("".join, zip(*parts, strict=True)) if parts else [""] * len(columns[0])
        # The commas between the parts stand with the parts; the first and the last one go.
        return Rows(self, columns, [f"{{{body.strip(',')}}}" if body else "" for body in joined])


class Rows:
    """Some rows of a table as events, whichever way they are wanted."""

    def __init__(self, assembly: Assembly, columns: Sequence[Sequence[str]], bodies: list[str]) -> None:
        self._assembly = assembly
        self._columns = columns
        self._bodies = bodies

    def body(self) -> bytes:
        """One JSON text a line, as capture reads it."""
        made = self._assembly
        parts = [column.parts(self._columns[at]) for at, column in made._fields.values()]
        heads = map("".join, zip(*parts, strict=True)) if parts else [""] * len(self._bodies)
        start = "{" + "".join(f"{quoted(field)}:{quoted(text)}," for field, text in made._constants.items())
        lines = [
            f'{start}{head}"properties":{body}}}' if body else f"{start}{head}".rstrip(",") + "}"
            for head, body in zip(heads, self._bodies, strict=True)
        ]
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    def batch(self, received_ms: int) -> Batch | None:
        """What the pipeline would make of these lines, if nothing is odd about any of them."""
        made, size = self._assembly, len(self._bodies)
        if not made._checked:
            return None
        given = {
            field: Field(self._columns[at], made._readers[field], made._guards)
            for field, (at, _) in made._fields.items()
        }
        fixed = {field: Field([text] * size, str) for field, text in made._constants.items()}
        return plain.batch(given | fixed, self._bodies, received_ms)


def _kind(field: str | None, as_text: bool, json: bool, options: Options) -> Kind:
    """How the cells of one column become JSON."""
    if field is None and not as_text:
        return Kind(str) if json else VALUE
    if field == "properties":
        return Kind(_after(cells.inner if json else cells.unguarded, cells.members))
    if field == "timestamp":
        instant = cells.instant(_zone(json, options))
        return Kind(_after(cells.inner, instant)) if json else Kind(instant, quick_instants)
    return Kind(_after(cells.inner, quoted)) if json else TEXT


def _after(first: cells.Encode, then: cells.Encode) -> cells.Encode:
    return lambda cell: then(first(cell))


def _reader(field: str, json: bool, options: Options) -> Reader:
    """What a cell of this field says, for `plain`."""
    text = cells.inner if json else cells.unguarded
    if field != "timestamp":
        return text
    moment = cells.moment(_zone(json, options))
    return (lambda cell: moment(cells.inner(cell))) if json else moment


def _zone(json: bool, options: Options) -> tzinfo | None:
    """Times of a Parquet file that name no zone are UTC."""
    return options.zone or (UTC if json else None)
