"""Reads the body of a request, whole and within a bound, whatever its headers claim, and what its query names. What it
means is not for here."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

from litestar import Request

from evensplit.errors import TooLarge
from evensplit.ingest.body import MAX_BYTES, decoded
from evensplit.model.experiment import settle
from evensplit.model.faults import Fault
from evensplit.web.responses import Disconnected, Receive

T = TypeVar("T")

# From here on reading is worth a thread: the others must not wait for it. A small compressed body may be a large one.
LARGE = 256 * 1024
LARGE_COMPRESSED = 16 * 1024


async def read_body(receive: Receive, headers: Mapping[bytes, bytes], most: int = MAX_BYTES) -> bytes:
    """The body without its Content-Encoding. Raises TooLarge beyond `most` bytes, before or after, and Disconnected."""
    message = await receive()
    body: bytes = message.get("body", b"")
    if message.get("more_body") or message["type"] != "http.request":
        body = await _rest(message, receive, headers, most)
    if len(body) > most:
        raise _too_large(most)
    encoding = headers.get(b"content-encoding")
    if encoding is None:
        return body
    if len(body) < LARGE_COMPRESSED:
        return decoded(body, encoding.decode("latin-1"), most)
    return await asyncio.to_thread(decoded, body, encoding.decode("latin-1"), most)


async def _rest(message: Mapping[str, object], receive: Receive, headers: Mapping[bytes, bytes], most: int) -> bytes:
    claimed = headers.get(b"content-length", b"")
    if claimed.isdigit() and int(claimed[:20]) > most:
        raise _too_large(most)
    parts: list[bytes] = []
    size = 0
    while True:
        if message["type"] != "http.request":
            raise Disconnected
        part = message.get("body", b"")
        assert isinstance(part, bytes)
        size += len(part)
        if size > most:
            raise _too_large(most)
        parts.append(part)
        if not message.get("more_body"):
            return b"".join(parts)
        message = await receive()


def _too_large(most: int) -> TooLarge:
    return TooLarge(f"the body has more than {most} bytes")


def parameters(request: Request[Any, Any, Any]) -> dict[str, str]:
    """Those of the query, each of which may be given once: of two answers to one question neither is the right one."""
    pairs = list(request.query_params.multi_items())
    counts = Counter(name for name, _ in pairs)
    settle([Fault(name, f"is given {count} times") for name, count in counts.items() if count > 1])
    return dict(pairs)


async def unless_gone(receive: Callable[[], Awaitable[Any]], work: Coroutine[Any, Any, T]) -> T:
    """What `work` gives, for a request whose body has been read; it is cancelled when the client goes away.

    Raises Disconnected then."""
    working = asyncio.create_task(work)
    going = asyncio.create_task(_gone(receive))
    try:
        await asyncio.wait({working, going}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Disconnected
        return await working
    finally:
        for task in (working, going):
            task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await going


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
