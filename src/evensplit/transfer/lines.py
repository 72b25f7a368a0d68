"""NDJSON files, read in blocks of whole lines; and their lines with fields renamed as a mapping says."""

import codecs
from collections.abc import Iterator, Sequence
from json.encoder import encode_basestring as quoted

import msgspec

from evensplit.errors import Invalid
from evensplit.transfer import cells
from evensplit.transfer.faults import INVALID_ROW, Fault
from evensplit.transfer.fields import ALIASES, FIELDS, Mapping, Options
from evensplit.transfer.files import Source, Stream
from evensplit.transfer.tables import Slab

BLOCK = 512 * 1024
LONGEST_LINE = 4 * 1024 * 1024

UNREADABLE = (msgspec.DecodeError, UnicodeError, RecursionError)
_object = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode


class Block(msgspec.Struct, frozen=True):
    """Whole lines as they stand in the file, the number of the first, and lines too long to be read."""

    body: bytes
    first: int
    faults: list[Fault]
    position: int


def blocks(data: Stream) -> Iterator[Block]:
    """The file in blocks of about half a mebibyte, cut between lines. Raises Invalid for a file that is one array."""
    line, rest = 1, b""
    while read := data.data.read(BLOCK):
        if line == 1 and not rest:
            read = read.removeprefix(codecs.BOM_UTF8)
            if read.lstrip().startswith(b"["):
                raise Invalid("the file is one JSON array; NDJSON has an object on each line (jq -c '.[]' makes it so)")
        whole, newline, rest_of_read = read.rpartition(b"\n")
        if newline:
            body, rest = rest + whole + newline, rest_of_read
            yield Block(body, line, [], data.position)
            line += body.count(b"\n")
        else:
            rest += read
            if len(rest) > LONGEST_LINE:
                message = f"the line has more than {LONGEST_LINE:,} bytes"
                fault = Fault(line, INVALID_ROW, message, rest[:4096].decode(errors="replace"))
                rest = _after_line(data)
                yield Block(b"", line, [fault], data.position)
                line += 1
    if rest.strip():
        yield Block(rest, line, [], data.position)


def _after_line(data: Stream) -> bytes:
    """Read to the end of the line; what was read beyond it."""
    while read := data.data.read(BLOCK):
        _, newline, rest = read.partition(b"\n")
        if newline:
            return rest
    return b""


class Picked:
    """A table of some fields of each line, as `tables.opened` gives for files that have columns."""

    json = True

    def __init__(self, source: Source, data: Stream, names: Sequence[str]) -> None:
        self.names = list(names)
        self.size = source.size
        self._data = data

    def slabs(self) -> Iterator[Slab]:
        for block in blocks(self._data):
            rows: list[tuple[str, ...]] = []
            places: list[int] = []
            faults = list(block.faults)
            for place, line in enumerate(block.body.removesuffix(b"\n").split(b"\n"), block.first):
                if not line.strip():
                    continue
                try:
                    found = _object(line)
                    rows.append(tuple(_cell(found.get(name)) for name in self.names))
                    places.append(place)
                except UNREADABLE:
                    text = line[:4096].decode(errors="replace")
                    faults.append(Fault(place, "not_an_object", "the line is no JSON object", text))
            columns: list[Sequence[str]] = list(zip(*rows, strict=True)) or [() for _ in self.names]
            yield Slab(columns, places, faults, block.position)


def _cell(raw: msgspec.Raw | None) -> str:
    text = "" if raw is None else bytes(raw).decode()
    return "" if text in ("null", '""') else text


class Renaming:
    """Lines with other names than ours: mapped fields are renamed, all that is left becomes properties."""

    def __init__(self, chosen: Mapping, options: Options) -> None:
        self._fields = {column: field for field, column in chosen.columns.items()}
        mapped = {*chosen.columns, *chosen.constants}
        for name in (*FIELDS, *ALIASES):
            field = ALIASES.get(name, name)
            if field not in mapped:
                self._fields.setdefault(name, field)
        self._head = [f"{quoted(field)}:{quoted(text)}" for field, text in chosen.constants.items()]
        self._instant = cells.instant(options.zone)

    def line(self, line: bytes) -> bytes:
        """The line with our names; a line that is no object is left to be refused."""
        try:
            found = _object(line)
        except UNREADABLE:
            return line
        fields, properties = list(self._head), []
        for name, raw in found.items():
            value = bytes(raw).decode(errors="surrogateescape")
            field = self._fields.get(name)
            if field is None:
                properties.append(f"{quoted(name)}:{value}")
            elif field == "properties" and value.startswith("{"):
                properties.append(value[1:-1])
            elif field == "timestamp" and value.startswith('"'):
                fields.append(f"{quoted(field)}:{self._moment(value)}")
            else:
                fields.append(f"{quoted(field)}:{value}")
        if properties:
            fields.append(f'"properties":{{{",".join(filter(str.strip, properties))}}}')
        return ("{" + ",".join(fields) + "}").encode("utf-8", "surrogateescape")

    def _moment(self, value: str) -> str:
        try:
            return self._instant(cells.inner(value))
        except UNREADABLE:
            return value
