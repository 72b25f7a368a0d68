"""ClickHouse's HTTP interface before its engine in this process (chdb): the real client, through the network.

    python -m tests.clickhouse_http --port 8123

A test tool and no ClickHouse server: it is alone, lets everybody in, keeps nothing beyond its end, and has no sessions,
no KILL QUERY and no cluster. Replies are whole, never cut off in the middle. What it does have are the engine's own
limits of what a request may hold (`http_max_*`), which a statement never meets inside the process.
"""

import argparse
import asyncio
import gzip
import json
import re
import sys
import tempfile
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import parse_qsl

import chdb
import lz4.frame  # type: ignore[import-untyped]
import msgspec
import uvicorn
import zstandard

Receive: TypeAlias = Callable[[], Awaitable[dict[str, Any]]]
Send: TypeAlias = Callable[[dict[str, Any]], Awaitable[None]]
Headers: TypeAlias = Mapping[str, str]

PLACE = ":memory:"
# What a request says to the server itself; everything else in its address is a setting or a parameter (`param_...`).
OF_TRANSPORT = frozenset(
    (
        *("query", "query_id", "database", "default_format", "role", "user", "password", "quota_key"),
        *("session_id", "session_timeout", "session_check", "client_protocol_version", "wait_end_of_query"),
        *("compress", "decompress", "enable_http_compression", "buffer_size"),
        *("send_progress_in_http_headers", "http_headers_progress_interval_ms"),
    )
)
INSERT = re.compile(rb"\s*(INSERT\s+INTO\s[^\n]*?)\s+FORMAT\s+(Native)[ \t]*\n", re.IGNORECASE)
FORMAT = re.compile(rb"\bFORMAT\s+(\w+)\s*;?\s*$", re.IGNORECASE)
CODE = re.compile(r"Code: (\d+)\.")
WORD = re.compile(r"\w+", re.ASCII)
FROM_FIELD = re.compile(r'name="([^"]*)"')
OPENED: dict[str, Callable[[bytes], bytes]] = {
    "lz4": lz4.frame.decompress,
    "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data),
    "gzip": gzip.decompress,
}
PACKED: dict[str, Callable[[bytes], bytes]] = {
    "zstd": lambda data: zstandard.ZstdCompressor().compress(data),
    "lz4": lz4.frame.compress,
    "gzip": gzip.compress,
}


class Refused(Exception):
    """With ClickHouse's number for it."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text}")
        self.code = code


class Limits(msgspec.Struct, frozen=True):
    """What a request may hold: sizes in bytes."""

    uri_size: int
    fields: int
    field_name_size: int
    field_value_size: int

    def check(self, fields: list[tuple[str, bytes]]) -> None:
        """Of the fields of an address, or of those of a form."""
        if len(fields) > self.fields:
            raise Refused(1000, "HTML Form Exception: Too many form fields")
        for name, value in fields:
            if len(name) > self.field_name_size:
                raise Refused(1000, "HTML Form Exception: Field name too long")
            if len(value) > self.field_value_size:
                raise Refused(1000, "HTML Form Exception: Field value too long")


class Asked(msgspec.Struct, frozen=True):
    """One request. `statement` may carry the data of an insert behind its first line."""

    statement: bytes
    transport: dict[str, str]
    settings: dict[str, str]
    parameters: dict[str, str]


class Answered(msgspec.Struct, frozen=True):
    """`format`: empty where the statement has no result."""

    body: bytes
    format: str
    rows: int


class Engine:
    """The engine, with a connection of its own for each statement: its settings end with it. For any thread."""

    def __init__(self) -> None:
        self._held = _connected()  # what is in memory goes with the last connection
        self._running: set[str] = set()
        self._lock = threading.Lock()
        names = msgspec.structs.fields(Limits)
        self.limits = Limits(*(int(self._setting(f"http_max_{field.name}")) for field in names))

    def run(self, asked: Asked) -> Answered:
        """Raises Refused."""
        name = asked.transport.get("query_id", "")
        with self._lock:
            if name and name in self._running:
                raise Refused(
                    216, f"Query with id = {name} is already running. (QUERY_WITH_SAME_ID_IS_ALREADY_RUNNING)"
                )
            self._running.add(name)
        connection = _connected()
        try:
            return _run(connection, asked)
        except RuntimeError as error:
            found = CODE.search(str(error))
            raise Refused(int(found[1]) if found else 1002, str(error).partition("DB::Exception: ")[2]) from error
        finally:
            connection.close()
            with self._lock:
                self._running.discard(name)

    def _setting(self, name: str) -> str:
        found = self._held.query(
            "SELECT value FROM system.settings WHERE name = {name:String}", "TabSeparated", params={"name": name}
        )
        return str(found.bytes().decode().strip())


def _connected() -> Any:
    return chdb.connect(PLACE)  # type: ignore[no-untyped-call]


def _run(connection: Any, asked: Asked) -> Answered:
    database = asked.transport.get("database", "")
    if database:
        connection.query("USE " + _quoted(database, "`"))
    settings = [f"{_word(name)} = {_quoted(value, chr(39))}" for name, value in asked.settings.items()]
    if settings:
        connection.query("SET " + ", ".join(settings))
    statement, parameters = asked.statement, asked.parameters
    insert = INSERT.match(statement)
    if insert:
        with tempfile.NamedTemporaryFile(suffix=".native") as file:
            file.write(statement[insert.end() :])
            file.flush()
            of = f" FROM INFILE {_quoted(file.name, chr(39))} FORMAT {insert[2].decode()}"
            done = connection.query(insert[1] + of.encode(), "TabSeparated", params=parameters)
        return Answered(b"", "", done.rows_read())
    named = FORMAT.search(statement)
    if named:
        done = connection.query(statement, "TabSeparated", params=parameters)
        return Answered(done.bytes() or b"", named[1].decode(), done.rows_read())
    # The names come first where there is a result, be it empty; else there is nothing.
    done = connection.query(statement, "TabSeparatedWithNames", params=parameters)
    names, _, rows = (done.bytes() or b"").partition(b"\n")
    return Answered(rows, asked.transport.get("default_format", "TabSeparated") if names else "", done.rows_read())


def _quoted(text: str, mark: str) -> str:
    return mark + text.replace("\\", "\\\\").replace(mark, "\\" + mark) + mark


def _word(name: str) -> str:
    if not WORD.fullmatch(name):
        raise Refused(115, f"Unknown setting '{name}'. (UNKNOWN_SETTING)")
    return name


def read(address: bytes, headers: Headers, body: bytes, limits: Limits) -> Asked:
    """What a request asks for. Raises Refused."""
    if len(address) > limits.uri_size:
        raise Refused(1000, "URI too long")
    given = parse_qsl(address.decode(), keep_blank_values=True)
    limits.check([(name, value.encode()) for name, value in given])
    encoding, kind = headers.get("content-encoding", ""), headers.get("content-type", "")
    if encoding:
        body = OPENED[encoding](body)
    if kind.startswith("multipart/form-data"):
        form = list(_form(body, kind.partition("boundary=")[2].encode()))
        limits.check(form)
        given += [(name, value.decode()) for name, value in form]
        body = b""
    held = dict(given)
    query = held.get("query", "").encode()
    return Asked(
        statement=b"\n".join(filter(None, (query, body))),
        transport={name: held[name] for name in OF_TRANSPORT & held.keys()},
        settings={n: v for n, v in held.items() if n not in OF_TRANSPORT and not n.startswith("param_")},
        parameters={n.removeprefix("param_"): v for n, v in held.items() if n.startswith("param_")},
    )


def _form(body: bytes, boundary: bytes) -> list[tuple[str, bytes]]:
    """The fields of a form."""
    fields = []
    for part in (b"\r\n" + body).split(b"\r\n--" + boundary)[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = FROM_FIELD.search(head.decode())
        if name is None or b"filename=" in head:
            raise Refused(48, "external tables are not taken here. (NOT_IMPLEMENTED)")
        fields.append((name[1], value))
    return fields


class Interface:
    """The application: one engine behind `/` and `/ping`."""

    def __init__(self) -> None:
        self._engine = Engine()

    async def __call__(self, scope: dict[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = await _body(receive)
        if scope["path"] == "/ping":
            await _reply(send, 200, {}, b"Ok.\n")
            return
        try:
            asked = read(scope["query_string"], headers, body, self._engine.limits)
            found = await asyncio.to_thread(self._engine.run, asked)
        except Refused as error:
            said = f"{error} (version of the engine in this process)\n".encode()
            await _reply(send, 500, {"X-ClickHouse-Exception-Code": str(error.code)}, said)
            return
        more = {
            "X-ClickHouse-Query-Id": asked.transport.get("query_id", ""),
            "X-ClickHouse-Timezone": "UTC",
            "X-ClickHouse-Summary": json.dumps({"read_rows": str(found.rows)}),
        }
        if found.format:
            more["X-ClickHouse-Format"] = found.format
        packed = found.body
        if asked.transport.get("enable_http_compression") == "1" and packed:
            accepted = headers.get("accept-encoding", "")
            for name in [name for name in PACKED if name in accepted][:1]:
                packed, more["Content-Encoding"] = PACKED[name](packed), name
        await _reply(send, 200, more, packed)


async def _body(receive: Receive) -> bytes:
    parts = []
    while True:
        message = await receive()
        parts.append(message.get("body", b""))
        if not message.get("more_body"):
            return b"".join(parts)


async def _reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    given = [(name.encode(), value.encode()) for name, value in headers.items()]
    given.append((b"Content-Length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": given})
    await send({"type": "http.response.body", "body": body})


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.clickhouse_http", description=__doc__)
    parser.add_argument("--port", type=int, default=8123, help="0: one that is free; it is printed")
    port = parser.parse_args().port
    app = Interface()
    long = 1 << 22  # the reader of requests would take less than a ClickHouse server does
    config = uvicorn.Config(
        app,
        host="127.0.0.1",
        port=port,
        http="h11",
        h11_max_incomplete_event_size=long,
        lifespan="off",
        log_level="warning",
    )
    socket = config.bind_socket()
    sys.stdout.write(f"clickhouse://127.0.0.1:{socket.getsockname()[1]}\n")
    sys.stdout.flush()
    uvicorn.Server(config).run(sockets=[socket])


if __name__ == "__main__":
    main()
