"""Replies on their way: given up where nobody waits, streamed while somebody listens, packed where that helps."""

import asyncio
import gzip
from collections.abc import AsyncIterator

import pytest

from evensplit.ui import wire
from evensplit.ui.replies import html, link, stream
from evensplit.web.responses import Disconnected, Message


class Client:
    """A browser that goes away when it is told to."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.got: list[Message] = []

    async def receive(self) -> Message:
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        self.got.append(message)
        if len(self.got) == 4:  # the head and three pieces
            self.gone.set()


def test_a_question_that_nobody_waits_for_is_dropped() -> None:
    async def run() -> None:
        client, dropped = Client(), asyncio.Event()

        async def work() -> str:
            try:
                await asyncio.sleep(30)
            except asyncio.CancelledError:
                dropped.set()
                raise
            return "too late"

        asyncio.get_running_loop().call_later(0.01, client.gone.set)
        with pytest.raises(Disconnected):
            await wire.unless_gone(work(), client.receive)
        await asyncio.wait_for(dropped.wait(), 5)

    asyncio.run(run())


def test_an_answer_and_a_fault_come_through() -> None:
    async def run() -> None:
        async def fine() -> str:
            return "answer"

        async def wrong() -> str:
            raise ZeroDivisionError

        assert await wire.unless_gone(fine(), Client().receive) == "answer"
        with pytest.raises(ZeroDivisionError):
            await wire.unless_gone(wrong(), Client().receive)

    asyncio.run(run())


def test_a_stream_ends_when_nobody_listens() -> None:
    ended: list[bool] = []

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                yield b"data: 1\n\n"
                await asyncio.sleep(0)
        finally:
            ended.append(True)

    async def run() -> list[Message]:
        client = Client()
        with pytest.raises(Disconnected):
            await wire.sent(stream(pieces()), "GET", client.receive, client.send)
        await asyncio.sleep(0.01)
        return client.got

    got = asyncio.run(run())
    assert dict(got[0]["headers"])[b"content-type"] == b"text/event-stream"
    assert got[1] == {"type": "http.response.body", "body": b"data: 1\n\n", "more_body": True}
    assert ended


def test_the_head_alone() -> None:
    client = Client()
    asyncio.run(wire.sent(html("x" * 10), "HEAD", client.receive, client.send))
    assert dict(client.got[0]["headers"])[b"content-length"] == b"10"
    assert client.got[1]["body"] == b""


@pytest.mark.parametrize(
    ("size", "accepts", "is_packed"), [(10_000, b"gzip", True), (10, b"gzip", False), (9_999, b"", False)]
)
def test_what_is_packed(size: int, accepts: bytes, is_packed: bool) -> None:
    reply = wire.packed(html("é" * size), {b"accept-encoding": accepts})
    assert isinstance(reply.body, bytes)
    assert ((b"content-encoding", b"gzip") in reply.headers) is is_packed
    assert (gzip.decompress(reply.body) if is_packed else reply.body).decode() == "é" * size


def test_links() -> None:
    assert link("/explore", q='{"a": "é&b"}', x="") == "/explore?q=%7B%22a%22%3A%20%22%C3%A9%26b%22%7D&x="
    assert link("/explore") == "/explore"
