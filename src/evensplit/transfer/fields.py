"""Which column of a table is which field of an event; the columns that are none become properties.

`Mapping` is what `--map` says; `Assembly` turns the columns of a table into one event a line, as capture reads it.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, tzinfo
from json.encoder import encode_basestring as quoted

import msgspec

from evensplit.errors import Invalid
from evensplit.transfer import cells
from evensplit.transfer.columns import TEXT, VALUE, Column, Kind, quick_instants
from evensplit.transfer.tables import Table

FIELDS = ("event_type", "user_id", "session_id", "anonymous_id", "timestamp", "message_id", "properties")
ALIASES = {"created_at": "timestamp"}  # as our own exports and the record call it
_IDS = ("event_type", "user_id", "session_id", "anonymous_id", "message_id")


class Mapping(msgspec.Struct, frozen=True):
    """`columns`: field to column; `constants`: field to a text that every event gets."""

    columns: dict[str, str] = {}
    constants: dict[str, str] = {}

    def __bool__(self) -> bool:
        return bool(self.columns or self.constants)

    def resolve(self, names: Sequence[str]) -> "Mapping":
        """The mapping for a file with these columns: one named like a field is that field unless said otherwise."""
        missing = [column for column in self.columns.values() if column not in names]
        if missing:
            raise Invalid(f"the file has no column {missing[0]!r}; its columns are {', '.join(map(repr, names))}")
        columns = dict(self.columns)
        taken = set(columns.values())
        for name in names:
            field = ALIASES.get(name, name)
            if field in FIELDS and field not in columns and field not in self.constants and name not in taken:
                columns[field] = name
        if "event_type" not in columns and "event_type" not in self.constants:
            raise Invalid(
                "no column says what happened: map one (--map event_type=COLUMN) or name it (--map event_type==NAME)"
            )
        return Mapping(columns, self.constants)


def mapping(words: Sequence[str]) -> Mapping:
    """Read `event_type=method,user_id=host` and `event_type==page_view`; several texts add up."""
    columns: dict[str, str] = {}
    constants: dict[str, str] = {}
    for pair in (pair for word in words for pair in word.split(",") if pair.strip()):
        field, sign, name = pair.strip().partition("=")
        field = ALIASES.get(field, field)
        if not sign or field not in FIELDS or name in ("", "="):
            raise Invalid(f"--map {pair.strip()!r} is not FIELD=COLUMN or FIELD==TEXT; fields are {', '.join(FIELDS)}")
        if field in columns or field in constants:
            raise Invalid(f"--map names {field} twice")
        if name.startswith("="):
            constants[field] = name[1:]
        else:
            columns[field] = name
    if "properties" in constants:
        raise Invalid("--map properties takes a column with JSON objects, not a text")
    return Mapping(columns, constants)


class Options(msgspec.Struct, frozen=True):
    """How cells are read: the zone of times that name none, and the columns that stay text whatever they look like."""

    zone: tzinfo | None = None
    texts: frozenset[str] = frozenset()


class Assembly:
    """Columns of a table to lines of NDJSON. One for a file: its memory of cells spans the file."""

    def __init__(self, table: Table, chosen: Mapping, options: Options) -> None:
        by_name = {column: field for field, column in chosen.columns.items()}
        self._head = "{" + "".join(f"{quoted(f)}:{quoted(t)}," for f, t in chosen.constants.items())
        self._fields: list[tuple[int, Column]] = []
        self._properties: list[tuple[int, Column]] = []
        for position, name in enumerate(table.names):
            field = by_name.get(name)
            kind = _kind(field, name in options.texts, table.json, options)
            if field is None:
                self._properties.append((position, Column(kind, f",{quoted(name)}:")))
            elif field == "properties":
                self._properties.append((position, Column(kind)))
            else:
                self._fields.append((position, Column(kind, f"{quoted(field)}:", ",")))

    def lines(self, columns: Sequence[Sequence[str]]) -> list[str]:
        """One JSON text an event; `columns` holds the cells, column by column, `""` where nothing is set."""
        size = len(columns[0])
        heads = _joined([column.parts(columns[at]) for at, column in self._fields], size)
        bodies = _joined([column.parts(columns[at]) for at, column in self._properties], size)
        start = self._head
        return [
            # The commas between the parts stand with the parts; the first and the last one go.
            f'{start}{head}"properties":{{{body.strip(",")}}}}}' if body else f"{start}{head}".rstrip(",") + "}"
            for head, body in zip(heads, bodies, strict=True)
        ]


def _kind(field: str | None, as_text: bool, json: bool, options: Options) -> Kind:
    """How the cells of one column are read. Times of a Parquet file that name no zone are UTC."""
    if field is None and not as_text:
        return Kind(str) if json else VALUE
    if field == "properties":
        return Kind(_after(cells.inner if json else cells.unguarded, cells.members))
    if field == "timestamp":
        instant = cells.instant(options.zone or (UTC if json else None))
        return Kind(_after(cells.inner, instant)) if json else Kind(instant, quick_instants)
    return Kind(_after(cells.inner, quoted)) if json else TEXT


def _after(first: cells.Encode, then: cells.Encode) -> cells.Encode:
    return lambda cell: then(first(cell))


def _joined(columns: Sequence[Sequence[str]], size: int) -> Iterable[str]:
    return map("".join, zip(*columns, strict=True)) if columns else [""] * size
