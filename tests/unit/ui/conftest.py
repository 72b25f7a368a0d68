"""A whole product on a directory of its own, and browsers that visit its pages; one for all tests of this folder."""

import asyncio
import re
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Any, TypeVar

import httpx
import pytest

from evensplit import app
from evensplit.model.account import Role
from evensplit.settings import Settings
from evensplit.web import passwords

T = TypeVar("T")

SECRET = "es_s_" + "s" * 20
PASSWORD = "correct horse battery"
BASE = "http://127.0.0.1"


class Site:
    """The product behind its pages, in this process."""

    def __init__(self, directory: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._stack = AsyncExitStack()
        self.done(self._open(directory))
        self.accounts = 0

    def done(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def browser(self) -> "Browser":
        return Browser(self)

    def signed_in(self, role: Role) -> "Browser":
        """Somebody new, with that role."""
        self.accounts += 1
        name = f"{role} {self.accounts}"
        token, _ = self.done(self.services.catalog.accounts.invite(name, role))
        found = Browser(self)
        page = found.get(f"/welcome?token={token}")
        reply = found.post("/welcome", {"token": token, "password": PASSWORD, "again": PASSWORD}, page)
        assert reply.status_code == 303, reply.text
        found.name = name
        return found

    def close(self) -> None:
        self.done(self._stack.aclose())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _open(self, directory: str) -> None:
        settings = Settings(data=directory, secret_key=SECRET, duckdb_memory="512MB")
        self.services = await self._stack.enter_async_context(app.opened(settings))
        await self.services.catalog.keys.fix("secret", SECRET)
        self.services.read_keys()
        self.application = app.application(self.services)


class Browser:
    """Keeps cookies, follows no redirect by itself."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.name = ""
        transport = httpx.ASGITransport(site.application, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(transport=transport, base_url=BASE, headers={"accept": "text/html"})

    def get(self, path: str, headers: Mapping[str, str] = {}) -> httpx.Response:
        return self.site.done(self.client.get(path, headers=headers))

    def post(
        self, path: str, form: Mapping[str, str], page: httpx.Response | None = None, headers: Mapping[str, str] = {}
    ) -> httpx.Response:
        """With the token of `page`, else of the first page."""
        sent = {"form_token": token(page or self.get("/account")), **form}
        return self.site.done(self.client.post(path, data=sent, headers=headers))


def token(page: httpx.Response) -> str:
    found = re.search(r'<meta name="form-token" content="([0-9a-f]{64})">', page.text)
    assert found, page.text[:2000]
    return found[1]


@pytest.fixture(scope="session", autouse=True)
def cheap_passwords() -> Iterator[None]:
    """The same algorithm with next to no rounds: a test signs in many times."""
    with pytest.MonkeyPatch.context() as patch:
        for name, cost in (("ROUNDS", 1), ("KIB", 64), ("LANES", 1)):
            patch.setattr(passwords, name, cost)
        passwords._hasher.cache_clear()
        passwords._nobodys.cache_clear()
        yield
    passwords._hasher.cache_clear()
    passwords._nobodys.cache_clear()


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    made = Site(str(tmp_path_factory.mktemp("site") / "data"))
    yield made
    made.close()


@pytest.fixture(scope="session")
def as_role(site: Site) -> Callable[[Role], Browser]:
    """One browser a role, signed in."""
    found: dict[Role, Browser] = {}

    def of(role: Role) -> Browser:
        if role not in found:
            found[role] = site.signed_in(role)
        return found[role]

    return of
