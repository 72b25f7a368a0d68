"""Events out of the store into a file that `importer`, a spreadsheet or another program reads.

Each event carries a `message_id` made from its row: the same export imported twice adds nothing.
"""

import csv
import io
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import IO, Literal, TypeAlias

import msgspec

from evensplit.storage import parquet
from evensplit.storage.base import CatalogStore, Value
from evensplit.transfer.cells import guarded

Form: TypeAlias = Literal["ndjson", "csv", "parquet"]
FORMS: tuple[Form, ...] = ("ndjson", "csv", "parquet")
COLUMNS = ("event_type", "user_id", "session_id", "timestamp", "message_id", "properties")
PAGE = 5_000

_TYPES = dict.fromkeys(COLUMNS, "VARCHAR") | {"timestamp": "TIMESTAMP WITH TIME ZONE"}


class Wanted(msgspec.Struct, frozen=True):
    """Which events; times are the record's text, `since` counts in, `until` does not."""

    event_type: str | None = None
    user_id: str | None = None
    since: str | None = None
    until: str | None = None


class Row(msgspec.Struct, frozen=True, gc=False):
    """An event as it leaves; `properties` is the JSON text as it was sent."""

    event_type: str
    user_id: str | None
    session_id: str | None
    timestamp: str
    message_id: str
    properties: str | None


Pages: TypeAlias = AsyncIterator[Sequence[Row]]
Progress = Callable[[int], None]


def row(id_: int, event_type: str, user_id: str | None, session_id: str | None, at: str, properties: str | None) -> Row:
    """`at` is the record's text or RFC 3339."""
    timestamp = at if at.endswith("Z") else at.replace(" ", "T") + "Z"
    content = msgspec.json.encode((id_, event_type, user_id, session_id, timestamp, properties))
    return Row(event_type, user_id, session_id, timestamp, blake2b(content, digest_size=16).hexdigest(), properties)


async def from_record(store: CatalogStore, wanted: Wanted) -> Pages:
    """The events of the record in the order in which they were stored."""
    conditions, values = ["id > ?"], list[Value]()
    for condition, value in (
        ("event_type = ?", wanted.event_type),
        ("user_id = ?", wanted.user_id),
        ("created_at >= ?", wanted.since),
        ("created_at < ?", wanted.until),
    ):
        if value is not None:
            conditions.append(condition)
            values.append(value)
    sql = (
        "SELECT id, event_type, user_id, session_id, created_at, properties FROM events "
        f"WHERE {' AND '.join(conditions)} ORDER BY id LIMIT {PAGE}"
    )
    last: Value = 0
    while found := store.read((sql, [last, *values])):
        last = found[-1][0]
        yield [_from_values(values) for values in found]


def _from_values(values: Sequence[Value]) -> Row:
    """A row as SQLite gives it; another program may have written what is no text."""
    id_, event_type, user_id, session_id, created_at, properties = values
    texts = [None if value is None else _text(value) for value in (user_id, session_id, properties)]
    return row(int(id_ or 0), _text(event_type), texts[0], texts[1], _text(created_at), texts[2])


def _text(value: Value) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


# --- writing --------------------------------------------------------------------------------------


async def write(pages: Pages, form: Form, out: IO[bytes], progress: Progress) -> int:
    """Write all pages to `out`; how many events that were."""
    if form == "parquet":
        return await _write_parquet(pages, out, progress)
    if form == "csv":
        out.write(_csv([COLUMNS]))
    lines = _csv_lines if form == "csv" else ndjson
    count = 0
    async for page in pages:
        out.write(lines(page))
        count += len(page)
        progress(count)
    return count


async def _write_parquet(pages: Pages, out: IO[bytes], progress: Progress) -> int:
    """By way of a temporary file: columns can only be laid out when all rows are known."""
    with tempfile.TemporaryDirectory(prefix="evensplit-") as directory:
        lines, made = Path(directory) / "events.ndjson", Path(directory) / "events.parquet"
        count = 0
        with lines.open("wb") as file:
            async for page in pages:
                file.write(b"".join(msgspec.json.encode(row) + b"\n" for row in page))
                count += len(page)
                progress(count)
        parquet.write(lines, _TYPES, made)
        with made.open("rb") as file:
            while block := file.read(1 << 20):
                out.write(block)
    return count


def ndjson(page: Sequence[Row]) -> bytes:
    """A line each."""
    return b"".join(map(_ndjson_line, page))


def _ndjson_line(row: Row) -> bytes:
    members: dict[str, object] = {"event_type": row.event_type}
    if row.user_id is not None:
        members["user_id"] = row.user_id
    if row.session_id is not None:
        members["session_id"] = row.session_id
    members["timestamp"] = row.timestamp
    members["message_id"] = row.message_id
    if row.properties is not None:
        members["properties"] = _object(row.properties)
    return msgspec.json.encode(members) + b"\n"


def _object(text: str) -> object:
    """Properties with their digits and order; what is no JSON goes out as text and is refused on its way back."""
    flat = text.replace("\r", " ").replace("\n", " ").encode()
    try:
        return msgspec.json.decode(flat, type=msgspec.Raw)
    except msgspec.DecodeError:
        return text


def _csv_lines(page: Sequence[Row]) -> bytes:
    return _csv(
        (
            guarded(row.event_type),
            guarded(row.user_id or ""),
            guarded(row.session_id or ""),
            row.timestamp,
            row.message_id,
            guarded(row.properties or ""),
        )
        for row in page
    )


def _csv(rows: Iterable[Sequence[str]]) -> bytes:
    text = io.StringIO(newline="")
    csv.writer(text, lineterminator="\r\n").writerows(rows)
    return text.getvalue().encode()
