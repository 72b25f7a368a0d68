"""The one place that wires everything: settings in, a running product out. What each part does stands in its room."""

import asyncio
import contextlib
import logging
import signal
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, cast

import uvicorn
import uvloop
from litestar import Litestar
from litestar.datastructures import State
from litestar.openapi import OpenAPIConfig

from evensplit.api import routes as api_routes
from evensplit.api.capture import Hot
from evensplit.api.renderings import Rendering
from evensplit.errors import StartError
from evensplit.experiments.assignments import Assigner
from evensplit.experiments.look import Looker
from evensplit.experiments.trials import Simulator
from evensplit.query.run.cache import Answers
from evensplit.settings import Settings
from evensplit.storage.catalog import Catalog
from evensplit.storage.embedded.preparation import Preparation
from evensplit.storage.embedded.store import EVENTS_AT, EmbeddedStore, Options
from evensplit.ui.front import Pages
from evensplit.web.accounts import Doors
from evensplit.web.erasure import Eraser
from evensplit.web.guard import Keys
from evensplit.web.live import Live
from evensplit.web.protocol import Protocol
from evensplit.web.responses import EXCEPTION_HANDLERS, ASGIApp

if TYPE_CHECKING:
    from evensplit.storage.clickhouse.store import ClickhouseStore

Store: TypeAlias = "EmbeddedStore | ClickhouseStore"

GRACE = 20  # seconds that open requests have to end after SIGTERM

log = logging.getLogger("evensplit")


class Services:
    """What the routes need of the running product."""

    def __init__(self, settings: Settings, store: Store) -> None:
        self.settings = settings
        self.store = store
        self.catalog = Catalog(store)
        self.assigner = Assigner(self.catalog, store)
        self.answers = Answers(self.catalog.generations)
        self.looker = Looker(self.catalog, store)
        self.simulator = Simulator(self.catalog, store)
        self.keys = Keys()
        self.doors = Doors(self.catalog)
        self.live = Live(store.events)
        self.eraser = Eraser(self.catalog, store, self.assigner)
        self.read_keys()

    def read_keys(self) -> None:
        """Take up the keys as they stand in the catalog; called after every change of them."""
        self.keys.replace((key.hash, key.kind) for key in self.catalog.keys.all() if key.revoked_at is None)


@asynccontextmanager
async def opened(
    settings: Settings, follow: bool = False, preparation: Preparation | None = None
) -> AsyncIterator[Services]:
    """The product over its data directory, without a server. Raises DirectoryOwned if another process has it.

    `follow`: the columns follow in the background; else they do when a report needs them, or at the next start."""
    options = Options(
        directory=Path(settings.data),
        owner=f"http://{settings.host}:{settings.port}",
        dedup_days=settings.dedup_days,
        queue_events=settings.queue_events,
        memory=settings.duckdb_memory or "25%",
        threads=settings.threads,
        follow=follow,
    )
    store = await _store(settings.events, options, preparation)
    try:
        services = Services(settings, store)
        yield services
        services.eraser.stop()
    finally:
        await store.close()


async def _store(events: str, options: Options, preparation: Preparation | None) -> Store:
    """Where the settings say that events are kept. Raises StartError where the directory knows of another place."""
    if events:
        try:
            from evensplit.storage.clickhouse.store import ClickhouseStore  # its driver is optional
        except ModuleNotFoundError as error:
            raise StartError(f"{error.name} is not installed: pip install 'evensplit[scale]'") from None
        return await ClickhouseStore.open(events, options, preparation)
    store = await EmbeddedStore.open(options, preparation)
    elsewhere = store.read(("SELECT value FROM es_state WHERE name = ?", [EVENTS_AT]))
    if elsewhere:
        await store.close()
        raise StartError(
            f"the events of {str(options.directory)!r} are kept at {elsewhere[0][0]!s}: "
            "name it by --events or EVENSPLIT_EVENTS"
        )
    return store


def application(services: Services) -> ASGIApp:
    """All there is, outermost first: the pages, the hot routes, every other route of the JSON interface."""
    return Pages(services, Hot(services, routes(services)))


def routes(services: Services) -> ASGIApp:
    """Every route that is not hot. Who may pass has been decided before (`api.capture`)."""
    return cast(ASGIApp, _litestar(services))


def _litestar(services: Services) -> Litestar:
    return Litestar(
        route_handlers=api_routes.HANDLERS,
        state=State({"services": services}),
        exception_handlers=EXCEPTION_HANDLERS,
        response_class=Rendering,
        openapi_config=OpenAPIConfig(title="Evensplit", version="1", path="/schema", enabled_endpoints=set()),
        request_max_body_size=services.settings.max_body_bytes,
        logging_config=None,
    )


def serve(settings: Settings, preparation: Preparation | None = None) -> None:
    """Run the server until SIGTERM or SIGINT; what was taken is committed before it returns."""
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(message)s")
    uvloop.run(_serve(settings, preparation))


async def _serve(settings: Settings, preparation: Preparation | None) -> None:
    async with opened(settings, follow=True, preparation=preparation) as services:
        await _first_keys(services)
        server = _Server(
            uvicorn.Config(
                application(services),
                host=settings.host,
                port=settings.port,
                http=Protocol,
                lifespan="off",
                access_log=False,
                log_config=None,
                log_level=max(logging.WARNING, logging.getLevelName(settings.log_level.upper())),
                server_header=False,
                proxy_headers=False,
                timeout_graceful_shutdown=GRACE,
                backlog=2048,
            )
        )
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, _stop, server, services)
        server.welcome = await services.doors.first(settings.admin_password)
        try:
            await server.serve()
        except SystemExit as exit_:  # uvicorn says by it that it could not listen
            raise StartError(f"cannot listen on {settings.host}:{settings.port}") from exit_


class _Server(uvicorn.Server):
    """uvicorn, told to stop by us: it would send itself the signal again at the end, and the exit code would be 143."""

    welcome: str | None = None  # the token of the link by which the first admin sets a password

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    def _log_started_message(self, listeners: object) -> None:
        sockets = [s for server in self.servers for s in server.sockets]
        host, port = sockets[0].getsockname()[:2]
        url = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        say(f"Evensplit listens on {url}")
        if self.welcome is not None:
            say(f"  sign in: {url}/welcome?token={self.welcome}   (works once; sets the password of the first admin)")


def _stop(server: uvicorn.Server, services: Services) -> None:
    services.live.stop()
    services.store.hush()  # a question in SQL would hold the stop for as long as it runs
    server.should_exit = True


async def _first_keys(services: Services) -> None:
    """Keys fixed by the settings are put in force; an empty catalog gets one of each, printed this once."""
    ring, settings = services.catalog.keys, services.settings
    fixed = {"write": settings.write_key, "secret": settings.secret_key}
    first = not ring.all()
    for kind in ("write", "secret"):
        text = fixed[kind]
        if text:
            await ring.fix(kind, text)
        elif first:
            text, _ = await ring.create(kind, "first start")
            say(f"{kind:>6} key: {text}   (shown this once)")
    services.read_keys()


def say(text: str) -> None:
    """A line for whoever started us."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
