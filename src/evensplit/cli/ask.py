"""Asking the JSON interface: of a server over HTTP, or of a data directory that this process opens for the moment.

Both go through the same routes, so that a command answers alike wherever it works.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import TypeVar
from urllib.parse import quote

import httpx
import msgspec

from evensplit import app
from evensplit.cli.options import Where
from evensplit.errors import EvensplitError, Unavailable
from evensplit.settings import Settings

_T = TypeVar("_T")
_BUSY_ATTEMPTS = 60
_TIMEOUT = httpx.Timeout(30.0, read=600.0)


class Answered(EvensplitError):
    """An error that the server told us."""

    def __init__(self, code: str, status: int, message: str, details: list[object]) -> None:
        super().__init__(message, details)
        self.code = code
        self.status = status


class _Error(msgspec.Struct):
    code: str
    message: str
    details: list[object] = []


class _ErrorReply(msgspec.Struct):
    error: _Error


class Api:
    """The routes of one server."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client

    async def get(self, path: str, kind: type[_T], **parameters: str | None) -> _T:
        given = {name: value for name, value in parameters.items() if value is not None}
        return _decoded(await self._ask("GET", path, parameters=given), kind)

    async def post(self, path: str, body: object, kind: type[_T]) -> _T:
        return _decoded(await self._ask("POST", path, msgspec.json.encode(body)), kind)

    async def send(self, path: str, body: bytes, content_type: str, kind: type[_T]) -> _T:
        """A body as it is. While the server's queue is full nothing has been taken, and it is sent again."""
        for left in reversed(range(_BUSY_ATTEMPTS)):
            try:
                return _decoded(await self._ask("POST", path, body, content_type), kind)
            except Unavailable as busy:
                if not left:
                    raise
                await asyncio.sleep(busy.retry_after)
        raise AssertionError

    async def delete(self, path: str) -> None:
        await self._ask("DELETE", path)

    async def _ask(
        self,
        method: str,
        path: str,
        body: bytes | None = None,
        content_type: str = "application/json",
        parameters: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        headers = {} if body is None else {"Content-Type": content_type}
        try:
            reply = await self._client.request(method, path, content=body, headers=headers, params=parameters)
        except httpx.HTTPError as error:
            raise EvensplitError(f"{self._client.base_url}: {str(error) or type(error).__name__}") from None
        if reply.status_code == 503:
            raise Unavailable("the server is busy", _seconds(reply.headers.get("Retry-After", "1")))
        if reply.status_code >= 400:
            raise _told(reply)
        return reply


def segment(name: str) -> str:
    """A name as a part of a path."""
    return quote(name, safe="")


@asynccontextmanager
async def api(where: Where) -> AsyncIterator[Api]:
    """The server at `where.url`, or the routes over the directory opened here (DirectoryOwned if a server has it)."""
    if where.url:
        headers = {"Authorization": f"Bearer {where.key}"}
        async with httpx.AsyncClient(base_url=where.url, headers=headers, timeout=_TIMEOUT) as client:
            yield Api(client)
        return
    async with opened(where.settings()) as services:
        transport = httpx.ASGITransport(app.routes(services), raise_app_exceptions=False)
        async with httpx.AsyncClient(base_url="http://evensplit.local", transport=transport, timeout=None) as client:
            yield Api(client)


@asynccontextmanager
async def opened(chosen: Settings) -> AsyncIterator[app.Services]:
    """The data directory, opened for one command: what the stores have to say of their own doing stays unsaid."""
    log = logging.getLogger("evensplit")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        async with app.opened(chosen) as services:
            yield services
    finally:
        log.setLevel(level)


def _seconds(text: str) -> int:
    return int(text) if text.isdecimal() else 1


def _decoded(reply: httpx.Response, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(reply.content, type=kind)
    except msgspec.DecodeError:
        raise EvensplitError(f"{reply.url.host} does not answer like an Evensplit server of this version") from None


def _told(reply: httpx.Response) -> EvensplitError:
    try:
        error = msgspec.json.decode(reply.content, type=_ErrorReply).error
    except msgspec.DecodeError:
        return EvensplitError(f"{reply.url.host} answered {reply.status_code} and is no Evensplit server")
    return Answered(error.code, reply.status_code, error.message, error.details)
