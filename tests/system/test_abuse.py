"""Everything hostile or broken that a sender may send: answered clearly, in the one shape, harming nothing."""

import gzip
import socket
import time
import zlib
from collections.abc import Callable
from contextlib import closing

import pytest
import zstandard

from tests.system import record
from tests.system.client import Client, assignments
from tests.system.server import WRITE_KEY, Server

MIB = 1024 * 1024
BOMB = 200 * MIB
GOOD = b'{"event_type": "good", "user_id": "u"}'


pytestmark = pytest.mark.usefixtures("unharmed")

# --- size, depth and encoding --------------------------------------------------------------------


@pytest.mark.parametrize("depth", [5_000, 100_000, 1_000_000])
@pytest.mark.parametrize("pattern", ["[]", "{}"])
def test_depth(api: Client, depth: int, pattern: str) -> None:
    opening, closing_ = (b"[", b"]") if pattern == "[]" else (b'{"a":', b"}")
    nested = opening * depth + b"1" + closing_ * depth
    start = time.monotonic()
    assert api.post("/v1/events", nested).status in (200, 400, 413, 422)
    api.post("/v1/events", b'{"event_type": "x", "properties": ' + nested + b"}").error(400, 413, 422)
    api.post("/v1/events", b'{"event_type": "x", "unknown": ' + nested + b"}")
    api.post("/v1/events", b"[" + GOOD + b',{"event_type": "x", "properties": ' + nested + b"}]")
    assert api.post("/v1/reports/trend", nested).status in (400, 413, 422)
    api.post("/v1/reports/trend", nested).error(400, 413, 422)
    api.post("/v1/experiments", nested).error(400, 413, 422)
    assert time.monotonic() - start < 20
    api.get("/healthz").good()


def packed(encoding: str, size: int) -> bytes:
    """A JSON string of `size` bytes, compressed without ever being whole in memory."""
    chunk = b"a" * MIB
    if encoding == "zstd":
        zstd = zstandard.ZstdCompressor(level=3).compressobj()
        parts = [zstd.compress(b'{"event_type":"'), *(zstd.compress(chunk) for _ in range(size // MIB)), zstd.flush()]
        return b"".join(parts)
    wbits = {"gzip": 31, "deflate": 15, "raw deflate": -15}[encoding]
    squeezer = zlib.compressobj(9, zlib.DEFLATED, wbits)
    parts = [squeezer.compress(b'{"event_type":"'), *(squeezer.compress(chunk) for _ in range(size // MIB))]
    return b"".join([*parts, squeezer.flush()])


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "raw deflate", "zstd"])
@pytest.mark.usefixtures("nothing_taken")
def test_zip_bomb(served: Server, api: Client, encoding: str) -> None:
    bomb = packed(encoding, BOMB)
    before = served.memory()
    start = time.monotonic()
    assert api.post("/v1/events", bomb, {"Content-Encoding": encoding.split()[-1]}).error(413) == "too_large"
    assert time.monotonic() - start < 3
    assert served.memory() - before < 100 * MIB
    api.get("/healthz").good()


@pytest.mark.usefixtures("nothing_taken")
def test_bodies_that_are_too_large(served: Server) -> None:
    big = b'[{"event_type": "x", "properties": {"a": "' + b"y" * (20 * MIB) + b'"}}]'
    for path in ("/v1/events", "/v1/metrics", "/v1/reports/trend", "/v1/experiments", assignments("x")):
        for headers in ({}, {"Transfer-Encoding": "chunked"}):
            with served.client() as client:
                try:
                    assert client.post(path, big, headers).error(413) == "too_large", path
                except (BrokenPipeError, ConnectionResetError):
                    continue  # refused before all was read, which HTTP allows


def test_a_body_just_below_the_limit(api: Client) -> None:
    one = b'{"event_type": "large", "properties": {"a": "' + b"y" * 60_000 + b'"}}'
    count = 20 * MIB // (len(one) + 1)
    assert api.post("/v1/events", b"[" + b",".join([one] * count) + b"]").good()["accepted"] == count


def test_large_properties_and_little_memory(new_server: Callable[..., Server]) -> None:
    """160 MiB of legal properties of 60,000 bytes each, and 128 MB for the columns: reports still answer."""
    server = new_server(settings={"EVENSPLIT_DUCKDB_MEMORY": "128MB"}).start()
    one = b'{"event_type": "large", "user_id": "u", "properties": {"k": "a", "v": 1, "a": "' + b"y" * 60_000 + b'"}}'
    with server.client() as api:
        for _ in range(8):
            assert api.post("/v1/events", b"[" + b",".join([one] * 340) + b"]").good()["accepted"] == 340
        assert record.report_equals_record(server) == 8 * 340
    assert server.stop() == 0
    server.columns.unlink()
    server.start()
    assert record.report_equals_record(server) == 8 * 340


@pytest.mark.usefixtures("nothing_taken")
def test_too_many_events(api: Client) -> None:
    assert api.post("/v1/events", b"[" + b",".join([GOOD] * 10_001) + b"]").error(413) == "too_large"
    lines = b"\n".join([GOOD] * 10_001)
    assert api.post("/v1/events", lines, {"Content-Type": "application/x-ndjson"}).error(413) == "too_large"


def test_as_many_events_as_allowed(api: Client) -> None:
    assert api.post("/v1/events", b"[" + b",".join([GOOD] * 10_000) + b"]").good()["accepted"] == 10_000


@pytest.mark.parametrize(
    ("encoding", "squeeze"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("zstd", zstandard.ZstdCompressor().compress),
        ("GZIP", gzip.compress),
        ("identity", bytes),
    ],
)
def test_encodings(api: Client, encoding: str, squeeze: object) -> None:
    assert callable(squeeze)
    if encoding == "x-gzip":
        assert api.post("/v1/events", squeeze(GOOD), {"Content-Encoding": encoding}).status in (200, 415)
        return
    assert api.post("/v1/events", squeeze(GOOD), {"Content-Encoding": encoding}).good()["accepted"] == 1


@pytest.mark.usefixtures("nothing_taken")
def test_wrong_encodings(api: Client) -> None:
    for encoding in ("br", "compress", "nonsense", "gzip, br"):
        assert api.post("/v1/events", GOOD, {"Content-Encoding": encoding}).error(415) == "unsupported_encoding"
    for encoding in ("gzip", "deflate", "zstd"):
        api.post("/v1/events", GOOD, {"Content-Encoding": encoding}).error(400)
        api.post("/v1/events", b"", {"Content-Encoding": encoding}).error(400)
    for whole, encoding in (
        (gzip.compress(GOOD * 50), "gzip"),
        (zlib.compress(GOOD * 50), "deflate"),
        (zstandard.ZstdCompressor().compress(GOOD * 50), "zstd"),
    ):
        api.post("/v1/events", whole[:-6], {"Content-Encoding": encoding}).error(400)
    api.post("/v1/events", gzip.compress(b"{"), {"Content-Encoding": "gzip"}).error(400)


# --- broken and slow clients ---------------------------------------------------------------------

HEAD = (
    "POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {key}\r\n"
    "Content-Type: application/json\r\nContent-Length: {length}\r\n\r\n"
)


def opened(served: Server, data: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", served.port), timeout=10)
    connection.sendall(data)
    return connection


def head(served: Server, length: int) -> bytes:
    return HEAD.format(port=served.port, key=WRITE_KEY, length=length).encode()


@pytest.mark.usefixtures("nothing_taken")
def test_half_a_body_then_gone(served: Server, api: Client) -> None:
    whole = b"[" + b",".join([GOOD] * 100) + b"]"
    for cut in (0, 1, len(whole) // 2, len(whole) - 1):
        opened(served, head(served, len(whole)) + whole[:cut]).close()
    for _ in range(50):
        opened(served, head(served, 10_000_000)).close()
    api.get("/healthz").good()


def test_slow_clients_do_not_hold_others_up(served: Server, api: Client) -> None:
    slow = [opened(served, head(served, 1000) + b'{"event_type":') for _ in range(100)]
    start = time.monotonic()
    for _ in range(50):
        api.capture(GOOD)
    assert time.monotonic() - start < 5
    for connection in slow:
        connection.close()


def test_gone_before_the_answer(served: Server, api: Client) -> None:
    """Nobody waits for the reply: the event may be kept or not, the server goes on."""
    for _ in range(100):
        opened(served, head(served, len(GOOD)) + GOOD).close()
    api.capture(GOOD)


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X-A: " + b"b" * 300_000 + b"\r\n\r\n",
    ],
    ids=["words", "TLS", "version", "negative length", "bad chunk", "long path", "long header"],
)
@pytest.mark.usefixtures("nothing_taken")
def test_not_http(served: Server, api: Client, data: bytes) -> None:
    try:
        with closing(opened(served, data)) as connection:
            connection.settimeout(1)
            connection.recv(100_000)
    except (TimeoutError, ConnectionError):
        pass
    api.get("/healthz").good()
