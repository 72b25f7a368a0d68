"""Replies of pages on their way to the browser: packed, streamed, and given up where nobody waits any more."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Mapping
from typing import TypeVar

from evensplit.ui.replies import Header, Reply
from evensplit.web.responses import Disconnected, Receive, Send

T = TypeVar("T")

WORTH_GZIP = 2_048  # bytes


def packed(reply: Reply, headers: Mapping[bytes, bytes]) -> Reply:
    """The same, compressed where the browser takes that. Only for what holds no token of a form: the length of a
    compressed text tells something of what is in it."""
    body = reply.body
    if not isinstance(body, bytes) or len(body) < WORTH_GZIP or b"gzip" not in headers.get(b"accept-encoding", b""):
        return reply
    kept: dict[str, object] = {"body": gzip.compress(body, 5, mtime=0), "status": reply.status}
    encoded: tuple[Header, ...] = ((b"content-encoding", b"gzip"), (b"vary", b"accept-encoding"))
    return Reply(**kept, content_type=reply.content_type, headers=(*reply.headers, *encoded))  # type: ignore[arg-type]


async def unless_gone(work: Awaitable[T], receive: Receive) -> T:
    """What comes of `work`, which is cancelled when the browser goes away: a question taken back is dropped.

    Only where the body of the request has been read, or there is none. Raises Disconnected."""
    task = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_gone(receive))
    try:
        await asyncio.wait({task, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not task.done():
            raise Disconnected
        return task.result()
    finally:
        for each in (task, gone):
            if not each.done():
                each.cancel()


async def sent(reply: Reply, method: str, receive: Receive, send: Send) -> None:
    """Send it; a stream for as long as the browser listens."""
    headers: list[Header] = [(b"content-type", reply.content_type.encode()), *reply.headers]
    body = reply.body
    if isinstance(body, bytes):
        headers.append((b"content-length", str(len(body)).encode()))
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if method == "HEAD" else body})
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    if method != "HEAD":
        await unless_gone(_streamed(body, send), receive)
    await send({"type": "http.response.body", "body": b""})


async def _streamed(pieces: AsyncIterator[bytes], send: Send) -> None:
    async for piece in pieces:
        await send({"type": "http.response.body", "body": piece, "more_body": True})


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
