"""A whole product on a directory of its own, asked through its routes; one for all tests of this folder."""

import asyncio
import json
import threading
from collections.abc import Coroutine, Iterator
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import httpx
import pytest

from evensplit import app
from evensplit.api.capture import Hot
from evensplit.settings import Settings
from evensplit.storage.base import Statement

T = TypeVar("T")


class Product:
    """`statements` counts what the engine was asked."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        self.statements = 0
        self.done(self._open())

    def done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def call(self, method: str, path: str, body: object = None, accept: str | None = None) -> httpx.Response:
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {} if accept is None else {"accept": accept}
        return self.done(self.client.request(method, path, content=content, headers=headers))

    def good(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        reply = self.call(method, path, body)
        assert reply.status_code == status, reply.text
        return reply.json() if reply.content else None

    def error(self, method: str, path: str, body: object = None) -> tuple[int, str]:
        reply = self.call(method, path, body)
        assert set(reply.json()) == {"error"}, reply.text
        return reply.status_code, reply.json()["error"]["code"]

    def capture(self, *events: dict[str, Any]) -> None:
        assert self.good("POST", "/v1/events", list(events))["accepted"] == len(events)

    def write(self, *statements: Statement) -> None:
        """Straight into the record."""
        self.done(self.services.store.write(statements))

    def close(self) -> None:
        self.done(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self) -> None:
        settings = Settings(data=self.directory, secret_key="es_s_" + "s" * 20, duckdb_memory="512MB")
        self.services = await self._stack.enter_async_context(app.opened(settings))
        await self.services.catalog.keys.fix("secret", settings.secret_key)
        self.services.read_keys()
        query = self.services.store.query

        async def counted(sql: str, values: Any) -> Any:
            self.statements += 1
            return await query(sql, values)

        self.services.store.query = counted  # type: ignore[method-assign]
        transport = httpx.ASGITransport(Hot(self.services, app.routes(self.services)), raise_app_exceptions=False)
        headers = {"Authorization": f"Bearer {settings.secret_key}"}
        client = httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", headers=headers)
        self.client = await self._stack.enter_async_context(client)


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    made = Product(str(tmp_path_factory.mktemp("product") / "data"))
    yield made
    made.close()
