"""The hot routes, as plain ASGI in front of everything else: events, metrics, identify, one user's variant, the script.

Who may pass is decided here for all requests. What a body means is read in `ingest`, everything that is not hot is
`rest` (Litestar). Headers and the commonest replies are made once.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol, TypeAlias

import msgspec

from evensplit import clock
from evensplit.api import evaluate, identify
from evensplit.errors import MethodNotAllowed, Rejected
from evensplit.ingest import enrich, metrics, pipeline
from evensplit.ingest.enrich import Browser, Browsers
from evensplit.ingest.identity import Owners
from evensplit.ingest.pipeline import Note, Reading
from evensplit.model.event import Batch, Kept, Reject
from evensplit.model.experiment import Experiment
from evensplit.settings import Settings
from evensplit.storage.base import NewMetric
from evensplit.storage.catalog import Catalog
from evensplit.web import responses, script
from evensplit.web.guard import Hosts, Keys, need_secret
from evensplit.web.requests import LARGE, read_body
from evensplit.web.responses import JSON, OPEN, PREFLIGHT, ASGIApp, Disconnected, Headers, Message, Receive, Scope, Send

EVENTS = "/v1/events"
METRICS = "/v1/metrics"
IDENTIFY = "/v1/identify"
EXPERIMENTS = "/v1/experiments/"
ASSIGNMENTS = "/assignments"

# Open without a key; everything else needs the secret one. Known by their beginning: OPEN_BELOW.
OPEN_PATHS = frozenset({"/", "/healthz", "/readyz", "/openapi.json", "/docs", "/favicon.ico"})
OPEN_BELOW = "/docs/"


class Store(Protocol):
    """What of the event store is needed here."""

    def append(self, batch: Batch) -> Awaitable[Kept]: ...

    async def append_metrics(self, rows: Sequence[NewMetric], rejects: Batch) -> Kept: ...


class Services(Protocol):
    """What the hot routes need of the running product."""

    @property
    def store(self) -> Store: ...

    @property
    def catalog(self) -> Catalog: ...

    @property
    def assigner(self) -> evaluate.Assigner: ...

    @property
    def keys(self) -> Keys: ...

    @property
    def settings(self) -> Settings: ...


class CaptureReply(msgspec.Struct):
    """What became of the events of one request. `notes` names each that was not simply stored."""

    accepted: int
    duplicate: int
    rejected: int
    notes: list[Note]


RequestHeaders: TypeAlias = dict[bytes, bytes]
Handler: TypeAlias = Callable[[Scope, Receive, Send, RequestHeaders], Awaitable[None]]
Table: TypeAlias = dict[str, Handler]

log = logging.getLogger("evensplit.capture")

LARGE_LOOKUP = 8 * 1024  # bytes of metric values whose look-ups are worth a thread
NOTHING_KEPT = Kept([])

_encode = msgspec.json.Encoder().encode
_ONE = _encode(CaptureReply(1, 0, 0, []))


def _started(length: int, cors: bool) -> Message:
    headers: Headers = [JSON, (b"content-length", str(length).encode())]
    return {"type": "http.response.start", "status": 200, "headers": [*headers, OPEN] if cors else headers}


_ONE_STARTED = {cors: _started(len(_ONE), cors) for cors in (False, True)}
_ONE_BODY: Message = {"type": "http.response.body", "body": _ONE}


class Hot:
    """The outermost ASGI application."""

    def __init__(self, services: Services, rest: ASGIApp) -> None:
        self.services = services
        self.rest = rest
        self._hosts = Hosts(services.settings.host, services.settings.public_url)
        self._owners = Owners(lambda ids: services.catalog.links.owners(ids))
        self._lookup = CatalogLookup(services.catalog)
        self._browsers = Browsers()
        shared: Table = {"OPTIONS": preflight, "GET": self._guarded, "HEAD": self._guarded}
        self._assignments: Table = {"POST": self._evaluate, **shared}
        self._tables: dict[str, Table] = {
            EVENTS: {"POST": self._events, **shared},
            METRICS: {"POST": self._metrics},
            IDENTIFY: {"POST": self._identify, "OPTIONS": preflight},
            script.PATH: {"GET": script.serve, "HEAD": script.serve},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self.rest(scope, receive, send)
            return
        if scope["type"] != "http":  # there are no websockets: let nobody past the guard this way
            await send({"type": "websocket.close", "code": 1008})
            return
        path: str = scope["path"]
        headers = dict(scope["headers"])
        table = self._tables.get(path)
        if table is None:
            table = self._table(path)
        try:
            self._hosts.check(headers)
            handler = self._guarded if table is None else table.get(scope["method"])
            if handler is None:
                raise MethodNotAllowed(f"this route does not take {scope['method']}", list(table or ()))
            await handler(scope, receive, send, headers)
        except Disconnected:
            return
        except Exception as error:
            is_open = table is not None and "OPTIONS" in table
            await responses.send_error(send, error, cors=is_open and b"origin" in headers)

    def _table(self, path: str) -> Table | None:
        """The methods of a hot route other than by its plain path; None for everything else."""
        path = path.rstrip("/")
        if experiment_name(path):
            return self._assignments
        return self._tables.get(path)

    async def _guarded(self, scope: Scope, receive: Receive, send: Send, headers: RequestHeaders) -> None:
        path: str = scope["path"]
        if path not in OPEN_PATHS and (not path.startswith(OPEN_BELOW) or ".." in path):
            need_secret(self.services.keys.who(headers, scope["query_string"]))
        await self.rest(scope, receive, send)

    async def _events(self, scope: Scope, receive: Receive, send: Send, headers: RequestHeaders) -> None:
        services = self.services
        services.keys.who(headers, scope["query_string"])
        body = await read_body(receive, headers, services.settings.max_body_bytes)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        most = services.settings.max_events
        from_script = content_type.startswith(enrich.SENT_AS) and enrich.MARK in body
        browser = await self._browser(headers) if from_script else None
        if len(body) < LARGE:
            reading = pipeline.read(body, content_type, clock.now_ms(), most, browser)
        else:
            reading = await asyncio.to_thread(pipeline.read, body, content_type, clock.now_ms(), most, browser)
        batch = reading.batch
        kept = await services.store.append(batch) if batch.values or batch.rejects else NOTHING_KEPT
        if batch.links:
            try:
                reading.notes += await self._without_effect(reading)
            except Exception as error:  # the events are on disk: nothing may be told as if they were not
                log.warning("links of a stored request could not be looked up", exc_info=error)
        cors = b"origin" in headers
        if not reading.notes and not kept.duplicates and reading.single:  # the commonest reply of all is ready
            await send(_ONE_STARTED[cors])
            await send(_ONE_BODY)
            return
        await _reply(send, told(reading.positions, kept, reading.notes, reading.single), cors)

    async def _browser(self, headers: RequestHeaders) -> Browser:
        """What runs the script that sent this."""
        agent = headers.get(b"user-agent", b"")
        known = self._browsers.known(agent)
        return await asyncio.to_thread(self._browsers.read, agent) if known is None else known

    async def _without_effect(self, reading: Reading) -> list[Note]:
        """Which links of a request that is stored by now tie nothing, because the visitor belongs to somebody else."""
        links = reading.batch.links
        positions = await self._owners.strangers(links)
        notes = [
            Note(
                reading.linked[position], "accepted", "already_linked", f"{links[position][0][:64]!r} is another user's"
            )
            for position in positions
        ]
        if notes:
            rejects = [
                Reject("already_linked", note.message or "", _encode(links[position]).decode())
                for position, note in zip(positions, notes, strict=True)
            ]
            await self.services.store.append(Batch(rejects=rejects))
        return notes

    async def _metrics(self, scope: Scope, receive: Receive, send: Send, headers: RequestHeaders) -> None:
        services = self.services
        need_secret(services.keys.who(headers, scope["query_string"]))
        body = await read_body(receive, headers, services.settings.max_body_bytes)
        content_type = headers.get(b"content-type", b"").decode("latin-1")
        most = services.settings.max_events
        if len(body) < LARGE_LOOKUP:
            reading = metrics.read(body, content_type, clock.now_ms(), self._lookup, most)
        else:
            reading = await asyncio.to_thread(metrics.read, body, content_type, clock.now_ms(), self._lookup, most)
        kept = NOTHING_KEPT
        if reading.rows or reading.rejects.rejects:
            kept = await services.store.append_metrics(reading.rows, reading.rejects)
        await _reply(send, told(reading.positions, kept, reading.notes, reading.single), cors=False)

    async def _identify(self, scope: Scope, receive: Receive, send: Send, headers: RequestHeaders) -> None:
        services = self.services
        kind = services.keys.who(headers, scope["query_string"])
        body = await read_body(receive, headers, services.settings.max_body_bytes)
        reply = await identify.answer(services.store, services.catalog, body, kind, clock.now_ms())
        await _reply(send, reply, b"origin" in headers)

    async def _evaluate(self, scope: Scope, receive: Receive, send: Send, headers: RequestHeaders) -> None:
        kind = self.services.keys.who(headers, scope["query_string"])
        body = await read_body(receive, headers, self.services.settings.max_body_bytes)
        name = experiment_name(scope["path"].rstrip("/"))
        await _reply(send, await evaluate.evaluate(self.services.assigner, name, body, kind), b"origin" in headers)


class CatalogLookup:
    """What metric values need to know of the catalog."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def experiment(self, name: str) -> Experiment:
        return self._catalog.experiment(name)

    def assigned(self, test_id: int, user_id: str) -> int | None:
        """The variant of the person: of this id, else the earliest of the ids linked to it."""
        own = self._catalog.assignments.one(test_id, user_id)
        if own is not None:
            return own.variant_id
        others = [id_ for id_ in self._catalog.links.circle(user_id) if id_ != user_id]
        rows = self._catalog.assignments.several(test_id, others).values() if others else ()
        first = min(rows, key=lambda row: (row.assigned_at, row.user_id), default=None)
        return None if first is None else first.variant_id


def experiment_name(path: str) -> str:
    """The name in `/v1/experiments/{name}/assignments`; empty where `path` is another."""
    if not path.startswith(EXPERIMENTS) or not path.endswith(ASSIGNMENTS):
        return ""
    name = path[len(EXPERIMENTS) : -len(ASSIGNMENTS)]
    return "" if "/" in name else name


def told(positions: Sequence[int], kept: Kept, notes: list[Note], single: bool) -> bytes:
    """The JSON of the reply. Raises Rejected where the only event of a request was refused."""
    rejected = sum(note.status == "rejected" for note in notes)
    if single and rejected:
        raise Rejected(notes[0].reason or "invalid", notes[0].message or "")
    if kept.duplicates:
        again = {positions[position] for position in kept.duplicates}
        notes = [note for note in notes if note.index not in again]
        notes += [Note(index, "duplicate") for index in again]
    notes.sort(key=lambda note: note.index)
    duplicate = len(kept.duplicates)
    return _encode(CaptureReply(len(positions) - duplicate, duplicate, rejected, notes))


async def preflight(scope: Scope, receive: Receive, send: Send, headers: RequestHeaders) -> None:
    """Any origin may send events and ask for a variant, without credentials."""
    await responses.send_bytes(send, 204, PREFLIGHT, b"")


async def _reply(send: Send, body: bytes, cors: bool) -> None:
    await send(_started(len(body), cors))
    await send({"type": "http.response.body", "body": body})
